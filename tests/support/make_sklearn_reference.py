#!/usr/bin/env python3
"""Fits mixtures with scikit-learn (float64) from fixed starts, and stores the results as model files.

    python3 tests/support/make_sklearn_reference.py DATA_FOLDER tests/reference [NAME ...]

Names (of data sets, below) make these only. DATA_FOLDER holds the data sets named below. 20 EM iterations, tol 0;
tests/system/test_sklearn.c runs the library from the same starts (see start() here and there) and compares;
kmeans-weighted is KMeans with sample_weight, for tests/system/test_em_weights.c. Results are stored in float32, so that they are small. Made with
numpy 2 and scikit-learn 1.7 or newer.
"""
import gzip
import json
import os
import struct
import sys

import numpy as np
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

ITERATIONS = 20


def read_fvecs(path):
    raw = np.fromfile(path, dtype="<f4")
    dims = raw[:1].view("<i4")[0]
    return raw.reshape(-1, dims + 1)[:, 1:].astype(np.float64)


def read_text(path):
    with gzip.open(path, "rt") as file:
        return np.array([[float(x) for x in line.split()] for line in file if line.strip()])


def read_table(path, classes, delimiter=None):
    """Numbers below a header, without the first columns, which hold the class."""
    with open(path) as file:
        lines = [line.split(delimiter) for line in file if line.strip()]
    return np.array([[float(x) for x in line[classes:]] for line in lines[1:]])


def write_model(path, weights, means, covariances, kind, log_likelihood=None):
    """A safetensors file: 8 bytes of header length, JSON header, tensors."""
    tensors = {"weights": weights, "means": means, "covariances": covariances}
    header = {"__metadata__": {"format_version": "1", "covariance_type": kind}}
    if log_likelihood is not None:
        header["__metadata__"]["log_likelihood"] = repr(float(log_likelihood))
    offset, parts = 0, []
    for name, values in tensors.items():
        part = np.ascontiguousarray(values, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(values)), "data_offsets": [offset, offset + len(part)]}
        offset += len(part)
        parts.append(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def start(x, components, kind):
    """Evenly spaced rows as means, equal weights, the data's variances (diag: a little more, so that none is 0; matrices:
    the diagonal of these)."""
    means = x[np.arange(components) * (len(x) // components)]
    variances = x.var(axis=0)
    if kind == "diag":
        covariances = np.tile(variances + 1e-3 * variances.mean(), (components, 1))
    elif kind == "spherical":
        covariances = np.full(components, variances.mean())
    else:
        tied = np.diag(variances + 1e-3 * variances.mean())
        covariances = tied if kind == "tied" else np.tile(tied, (components, 1, 1))
    return np.full(components, 1.0 / components), means, covariances


def fit(x, begin, kind, reg_covar):
    weights, means, covariances = begin
    precisions = np.linalg.inv(covariances) if kind in ("tied", "full") else 1 / covariances
    mixture = GaussianMixture(len(weights), covariance_type=kind, tol=0, reg_covar=reg_covar, max_iter=ITERATIONS,
                              weights_init=weights, means_init=means, precisions_init=precisions)
    mixture.fit(x)
    return mixture, mixture.score(x)


def kmeans_weighted(x, components):
    """Lloyd's iterations from the means of start(), rows weighing 0, 0.5, 1, 1.5, 2, 0 ..."""
    means = start(x, components, "spherical")[1]
    clusters = KMeans(components, init=means, n_init=1, max_iter=ITERATIONS, tol=0, algorithm="lloyd")
    weights = np.arange(len(x)) % 5 * 0.5
    clusters.fit(x, sample_weight=weights)
    shares = np.bincount(clusters.labels_, weights, components)
    return clusters.cluster_centers_, shares / shares.sum()


def main(data, out, *only):
    sift = read_fvecs(os.path.join(data, "siftsmall/siftsmall_base.fvecs"))
    # Few components of siftsmall have a constant column at K = 16. At K = 32 four have: then 1e-7 more or less in the start
    # moves scikit-learn's own means by 4e-4 standard deviations, and a comparison says nothing.
    sets = {
        "siftsmall": (sift, 16, 1e-6, 1e-6),
        "siftsmall-far": ((sift.astype(np.float32) + np.float32(10000)).astype(np.float64), 16, 1e-6, 1e-6),
        "fashion": (np.load(os.path.join(data, "fashion-mnist-10k/images.npy")).reshape(10000, -1).astype(np.float64), 10,
                    1e-6, 1e-3),
        "glove": (np.load(os.path.join(data, "glove-books-100d/base.npy"))[:20000].astype(np.float64), 32, 1e-6, 1e-6),
        "birch1": (read_text(os.path.join(data, "clustering-basics/birch1.data.gz")), 100, 1e-6, 1e-6),
    }
    g2mg = os.path.join(data, "clustering-basics/g2mg_{}_50.data.gz")
    small = {f"g2mg_{d}": (read_text(g2mg.format(d)), 2) for d in (1, 2, 4, 8, 16, 32, 64, 128)}
    oracle = os.path.join(data, "mclust-oracle")
    small["diabetes"] = read_table(os.path.join(oracle, "diabetes_corrected.csv"), 1, ","), 3
    small["faithful"] = read_table(os.path.join(oracle, "faithful.csv"), 0, ","), 2
    small["banknote"] = read_table(os.path.join(oracle, "banknote.txt"), 1), 2
    small["wdbc"] = read_table(os.path.join(oracle, "wdbc.txt"), 2), 2
    os.makedirs(out, exist_ok=True)
    runs = [(name, x, k, kind, reg) for name, (x, k, *regs) in sets.items() for kind, reg in zip(("spherical", "diag"), regs)]
    runs += [(name, x, k, kind, 1e-6) for name, (x, k) in small.items() for kind in ("spherical", "diag", "tied", "full")]
    # Less regularisation leaves matrices of 784 x 784 that float32 moments cannot tell from singular ones.
    fashion = sets["fashion"][0]
    runs += [("fashion-5", fashion, 5, kind, 1e-3 * fashion.var(axis=0).mean()) for kind in ("tied", "full")]
    if not only or "kmeans-weighted" in only:
        centres, shares = kmeans_weighted(sift, 16)
        write_model(os.path.join(out, "siftsmall.kmeans-weighted.safetensors"), shares, centres, np.ones(len(centres)),
                    "spherical")
    for name, x, components, kind, reg in runs:
        if only and name not in only:
            continue
        mixture, score = fit(x, start(x, components, kind), kind, reg)
        base = os.path.join(out, f"{name}.{kind}")
        covariances = mixture.covariances_
        if kind in ("tied", "full"):  # the diagonals say enough, and are small
            covariances = np.broadcast_to(np.diagonal(covariances, axis1=-2, axis2=-1), mixture.means_.shape)
        write_model(base + ".safetensors", mixture.weights_, mixture.means_, covariances,
                    "spherical" if kind == "spherical" else "diag", score)
        print(f"{name} {kind}: {x.shape} K={components} reg {reg} log-likelihood {score:.12g}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
