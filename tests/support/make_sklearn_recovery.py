#!/usr/bin/env python3
"""Prints sklearn_recovery.h: how well scikit-learn recovers the reference clusters of the S, A and Birch sets.

    python3 tests/support/make_sklearn_recovery.py DATA_FOLDER > tests/support/sklearn_recovery.h

GaussianMixture with its defaults, K as in the reference, one start and five: means over random_state 0, 1 ... seeds - 1.
Where clusters overlap (S4), five starts end in different solutions from one random_state to the next, so that one alone
says little. tests/system/test_recovery.c compares, over as many seeds. Takes about ten minutes.
"""
import gzip
import os
import sys
import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

SETS = {"s1": 15, "s2": 15, "s3": 15, "s4": 15, "a1": 20, "a2": 35, "a3": 50, "birch1": 100}


def seed_count(name, starts):
    """S4's clusters overlap so much that results differ most; Birch1 has 100,000 rows."""
    if starts == 1:
        return {"s4": 10, "birch1": 2}.get(name, 5)
    return 5 if name == "s4" else 1


def read(data, name, ending, kind):
    with gzip.open(os.path.join(data, "clustering-basics", f"{name}.{ending}.gz"), "rt") as file:
        return np.loadtxt(file, dtype=kind)


def main(data):
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("/* sklearn_recovery.h - printed by make_sklearn_recovery.py; do not edit. "
          f"scikit-learn {sklearn.__version__}. */")
    print("/* clang-format off */")
    print("static const struct {\n    const char *name;\n    uint64_t k;\n    fgmm_covariance covariance;\n"
          "    uint32_t starts, seeds;\n"
          "    double rand_index, log_likelihood; /* means over seeds: adjusted; nats per row */\n"
          "} sklearn_recovery[] = {")
    for name, k in SETS.items():
        x, labels = read(data, name, "data", float), read(data, name, "labels0", int)
        for kind in ("full", "spherical", "diag", "tied"):
            for starts in (1, 5):
                seeds = seed_count(name, starts)
                fits = [GaussianMixture(k, covariance_type=kind, n_init=starts, random_state=s).fit(x)
                        for s in range(seeds)]
                index = np.mean([adjusted_rand_score(labels, m.predict(x)) for m in fits])
                score = np.mean([m.score(x) for m in fits])
                print(f'    {{"{name}", {k}, FGMM_{kind.upper()}, {starts}, {seeds}, {index:.4f}, {score:.4f}}},',
                      flush=True)
    print("};")


if __name__ == "__main__":
    main(*sys.argv[1:])
