"""peers.py - scikit-learn, faiss and torch as contenders (contender.h says how they talk with bench.py).

usage: peers.py sklearn|faiss|torch-em rows=FILE model=FILE n=ROWS iterations=M
       peers.py torch          a float32 matrix product on the GPU, as a limit

torch-em is spherical EM written with torch on the GPU: matrix products in float32, the N x K matrix in memory, the rest
fused by torch.compile. The first two run as their users run them, through fit() and train(), in float32 on all cores, from the start model, for a fixed
number of iterations. A measurement is one call of 1 + M iterations; the time is that of the last M, taken where each
iteration ends.
"""
import json
import resource
import sys
import time
import warnings

import numpy as np


def clock():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), usage.ru_utime + usage.ru_stime


def load_rows(path, n):
    if path.endswith(".npy"):
        rows = np.load(path, mmap_mode="r")
    elif path.endswith(".bvecs"):
        raw = np.memmap(path, np.uint8, "r")
        rows = raw.reshape(-1, 4 + int(raw[:4].view("<i4")[0]))[:, 4:]
    else:
        sys.exit(f"{path}: .npy and .bvecs are read here")
    return np.ascontiguousarray(rows[: n or None], np.float32)


def load_model(path):
    """The tensors of a safetensors file: eight bytes with the header's length, the header in JSON, then numbers."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], {"F64": "<f8", "F32": "<f4"}[entry["dtype"]])
        .reshape(entry["shape"])
        .astype(np.float32)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def open_sklearn(rows, model, iterations):
    import sklearn
    from sklearn.mixture import GaussianMixture

    class Timed(GaussianMixture):
        """Notes the end of every iteration of fit()."""

        def _m_step(self, *arguments, **named):
            super()._m_step(*arguments, **named)
            self.ends.append(clock())

    covariances = model["covariances"].astype(np.float64)
    is_matrix = covariances.ndim == 3 or covariances.shape == (rows.shape[1],) * 2  # K = D is not used with diag
    kinds = {1: "spherical", 2: "tied" if is_matrix else "diag", 3: "full"}
    precisions = np.linalg.inv(covariances) if is_matrix else 1 / covariances
    mixture = Timed(
        n_components=len(model["weights"]),
        covariance_type=kinds[covariances.ndim],
        tol=0,
        max_iter=iterations + 1,
        init_params="random_from_data",
        weights_init=model["weights"] / model["weights"].sum(),
        means_init=model["means"],
        precisions_init=precisions.astype(np.float32),
    )

    def measure():
        mixture.ends = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mixture.fit(rows)
        first, last = mixture.ends[-iterations - 1], mixture.ends[-1]
        likelihoods = getattr(mixture, "lower_bounds_", None)
        return (
            [(last[i] - first[i]) / iterations for i in (0, 1)],
            likelihoods[-1] if likelihoods is not None else None,
            f"version={sklearn.__version__}",
        )

    return measure


def open_faiss(rows, model, iterations):
    import faiss

    means = np.ascontiguousarray(model["means"])
    k, d = means.shape

    def measure():
        means_now = faiss.Kmeans(
            d, k, niter=iterations + 1, max_points_per_centroid=len(rows) // k + 1, min_points_per_centroid=1
        )
        before, start = clock(), time.perf_counter()
        means_now.train(rows, init_centroids=means)
        after = clock()
        ends = [stat["time"] for stat in means_now.iteration_stats]
        wall = (ends[-1] - ends[0]) / iterations
        share = wall / (after[0] - start)  # of the call; processor time is known for the whole call only
        return [wall, (after[1] - before[1]) * share], None, f"version={faiss.__version__}"

    return measure


def open_torch_em(rows, model, iterations):
    import torch

    if not torch.cuda.is_available():
        sys.exit("torch finds no GPU")
    if model["covariances"].ndim != 1:
        sys.exit("torch-em is spherical")
    torch.set_float32_matmul_precision("highest")  # no TF32
    x = torch.from_numpy(rows).to("cuda")
    start = [torch.from_numpy(model[name]).to("cuda") for name in ("weights", "means", "covariances")]

    def step(x, squares, weights, means, variances):
        d = x.shape[1]
        distances = squares[:, None] - 2 * (x @ means.T) + (means * means).sum(1)
        logs = weights.log() - 0.5 * d * (2 * np.pi * variances).log() - 0.5 / variances * distances
        log_likelihoods = torch.logsumexp(logs, 1)
        r = (logs - log_likelihoods[:, None]).exp()
        counts = r.sum(0)
        means_now = (r.T @ x) / counts[:, None]
        variances_now = ((r.T @ squares) / counts - (means_now * means_now).sum(1)) / d + 1e-6
        return counts / x.shape[0], means_now, variances_now, log_likelihoods.mean()

    squares = (x * x).sum(1)
    fused = torch.compile(step)

    def measure():
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        *parameters, likelihood = fused(x, squares, *start)
        torch.cuda.synchronize()
        before = clock()
        begin.record()
        for _ in range(iterations):
            *parameters, likelihood = fused(x, squares, *parameters)
        end.record()
        torch.cuda.synchronize()
        after = clock()
        device = begin.elapsed_time(end) / 1e3 / iterations
        times = [(after[i] - before[i]) / iterations for i in (0, 1)]
        return times, float(likelihood), f"device={device:.6g} version={torch.__version__}"

    return measure


def open_torch(size=8192):
    import torch

    if not torch.cuda.is_available():
        sys.exit("torch finds no GPU")
    a, b = (torch.rand(size, size, device="cuda") for _ in range(2))

    def measure():
        torch.cuda.synchronize()
        before = clock()
        torch.matmul(a, b)
        torch.cuda.synchronize()
        after = clock()
        return [after[i] - before[i] for i in (0, 1)], None, f"flop={2 * size**3} what=torch-{torch.__version__}-matmul"

    return measure


def open_peer(name, words):
    if name == "torch":
        return open_torch()
    rows = load_rows(words["rows"], int(words.get("n", 0)))
    opener = {"sklearn": open_sklearn, "faiss": open_faiss, "torch-em": open_torch_em}[name]
    return opener(rows, load_model(words["model"]), int(words.get("iterations", 3)))


def main():
    measure = open_peer(sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:]))
    measure()
    print("ready", flush=True)
    for _ in sys.stdin:
        (wall, cpu), likelihood, facts = measure()
        print(f"wall={wall:.6g} cpu={cpu:.6g}" + (f" ll={likelihood:.7g}" if likelihood else ""), facts, flush=True)


if __name__ == "__main__":
    main()
