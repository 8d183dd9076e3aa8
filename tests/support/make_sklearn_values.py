#!/usr/bin/env python3
"""Prints sklearn_values.h: a small mixture, rows, and what scikit-learn computes from them.

    python3 tests/support/make_sklearn_values.py > tests/support/sklearn_values.h
"""
import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture
from sklearn.mixture._gaussian_mixture import _compute_precision_cholesky, _estimate_gaussian_parameters

REG_COVAR = 1e-6
rng = np.random.default_rng(7)
N, K, D = 6, 3, 2
x = rng.normal(size=(N, D)) * 2
weights = np.array([0.5, 0.3, 0.2])
means = rng.normal(size=(K, D))
variances = {"spherical": rng.uniform(0.5, 2, size=K), "diag": rng.uniform(0.5, 2, size=(K, D))}
roots = rng.normal(size=(K + 1, D, D))
matrices = roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(D)
variances |= {"tied": matrices[K], "full": matrices[:K]}


def show(name, array):
    values = ", ".join(f"{v:.17g}" for v in np.asarray(array, dtype=float).ravel())
    print(f"static const double {name}[] = {{{values}}};")


print("/* sklearn_values.h - printed by make_sklearn_values.py; do not edit. "
      f"scikit-learn {sklearn.__version__}. */")
print("/* clang-format off */")
print(f"enum {{ SK_N = {N}, SK_K = {K}, SK_D = {D} }};")
print(f"static const double SK_REG_COVAR = {REG_COVAR:g};")
show("sk_x", x)
show("sk_weights", weights)
show("sk_means", means)
for kind, covariances in variances.items():
    m = GaussianMixture(K, covariance_type=kind)
    m.weights_, m.means_, m.covariances_ = weights, means, covariances
    m.precisions_cholesky_ = _compute_precision_cholesky(covariances, kind)
    resp = m.predict_proba(x)
    nk, new_means, new_covariances = _estimate_gaussian_parameters(x, resp, REG_COVAR, kind)
    show(f"sk_{kind}", covariances)
    show(f"sk_{kind}_log_density", m._estimate_weighted_log_prob(x))
    show(f"sk_{kind}_logz", m.score_samples(x))
    show(f"sk_{kind}_r", resp)
    show(f"sk_{kind}_next_weights", nk / N)
    show(f"sk_{kind}_next_means", new_means)
    show(f"sk_{kind}_next_covariances", new_covariances)
    print(f"enum {{ SK_{kind.upper()}_FREE_PARAMETERS = {m._n_parameters()} }};")
