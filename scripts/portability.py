#!/usr/bin/env python3
"""portability.py PROGRAM NAME [--rows N] - tries the program on the OpenCL implementation that the environment names:
fits of the four covariances, k-means, an index and a search in it, each result taken again in double precision here.
Prints one row of docs/portability.md's table: the family of kernels that did it, or what went wrong. Exit code 1 where
something did. Needs nothing but Python."""
import argparse
import json
import math
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile

DIMS, CLUSTERS, QUERIES, TOP, LISTS = 4, 4, 8, 5, 8
MOST_ERROR = 1e-4  # nats, and shares of an inertia: far above rounding, far below a lost row


def write_npy(path, rows):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(rows)}, {DIMS}), }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
        for row in rows:
            file.write(struct.pack(f"<{DIMS}f", *row))


def read_npy(path, letter, size):
    with open(path, "rb") as file:
        raw = file.read()
    values = raw[10 + struct.unpack("<H", raw[8:10])[0]:]
    return struct.unpack(f"<{len(values) // size}{letter}", values)


def read_model(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    def array(name):
        begin, end = header[name]["data_offsets"]
        return struct.unpack(f"<{(end - begin) // 8}d", data[begin:end])
    return array("weights"), array("means"), array("covariances")


def factor(matrix):
    """Lower triangular Cholesky factor."""
    lower = [[0.0] * DIMS for _ in range(DIMS)]
    for i in range(DIMS):
        for j in range(i + 1):
            rest = matrix[i][j] - sum(lower[i][c] * lower[j][c] for c in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    return lower


def covariance_of(kind, values, k):
    if kind == "spherical":
        return [[values[k] * (i == j) for j in range(DIMS)] for i in range(DIMS)]
    if kind == "diag":
        return [[values[k * DIMS + i] * (i == j) for j in range(DIMS)] for i in range(DIMS)]
    first = k * DIMS * DIMS if kind == "full" else 0
    return [list(values[first + i * DIMS:first + (i + 1) * DIMS]) for i in range(DIMS)]


def log_likelihood(rows, kind, model):
    weights, means, covariances = model
    factors = [factor(covariance_of(kind, covariances, k)) for k in range(CLUSTERS)]
    total = 0.0
    for row in rows:
        terms = []
        for k, lower in enumerate(factors):
            z = []
            for i in range(DIMS):
                rest = row[i] - means[k * DIMS + i] - sum(lower[i][j] * z[j] for j in range(i))
                z.append(rest / lower[i][i])
            terms.append(math.log(weights[k]) - sum(math.log(lower[i][i]) for i in range(DIMS)) -
                         DIMS / 2 * math.log(2 * math.pi) - sum(x * x for x in z) / 2)
        highest = max(terms)
        total += highest + math.log(sum(math.exp(t - highest) for t in terms))
    return total / len(rows)


def squared(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b))


class Wrong(Exception):
    pass


class Trial:
    def __init__(self, program, folder, rows):
        self.program, self.folder, self.rows = program, folder, rows

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments):
        """What the program prints with --json; Wrong says how it ended otherwise."""
        done = subprocess.run([self.program, *arguments, "--json"], capture_output=True, text=True, check=False)
        if done.returncode < 0:
            raise Wrong(f"crash ({signal.Signals(-done.returncode).name})")
        if done.returncode != 0:
            raise Wrong("refused: " + (done.stderr.strip().splitlines() or ["without a word"])[-1])
        return json.loads(done.stdout)

    def driver(self):
        try:
            return next(d["driver"] for d in self.run("devices")["devices"] if d["is_default"])
        except Wrong as wrong:
            return f"({wrong})"

    def fit(self, kind):
        model = self.path(kind + ".safetensors")
        report = self.run("fit", self.path("rows.npy"), "-k", str(CLUSTERS), "--covariance", kind, "-o", model,
                          "--max-iter", "5", "--tol", "0")
        wanted = log_likelihood(self.rows, kind, read_model(model))
        if not abs(report["log_likelihood"] - wanted) <= MOST_ERROR:
            raise Wrong(f"wrong: {report['log_likelihood']:.6g} nats for {wanted:.6g}")
        return report["kernel"]

    def kmeans(self, _):
        centroids = self.path("centroids.npy")
        report = self.run("kmeans", self.path("rows.npy"), "-k", str(CLUSTERS), "-o", centroids, "--max-iter", "50",
                          "--tol", "0")
        flat = read_npy(centroids, "f", 4)
        points = [flat[k * DIMS:(k + 1) * DIMS] for k in range(CLUSTERS)]
        wanted = sum(min(squared(row, point) for point in points) for row in self.rows)
        if not abs(report["inertia"] / wanted - 1) <= MOST_ERROR:
            raise Wrong(f"wrong: inertia {report['inertia']:.6g} for {wanted:.6g}")
        return report["kernel"]

    def ivf(self, _):
        index, ids = self.path("rows.ivf"), self.path("ids.npy")
        self.run("ivf", "build", self.path("rows.npy"), "-k", str(LISTS), "-o", index, "--for-top", "0")
        self.run("ivf", "search", index, self.path("queries.npy"), "--nprobe", str(LISTS), "--top", str(TOP), "-o", ids)
        found = read_npy(ids, "q", 8)
        for q in range(QUERIES):
            wanted = sorted(range(len(self.rows)), key=lambda i: (squared(self.rows[i], self.rows[q]), i))[:TOP]
            if list(found[q * TOP:(q + 1) * TOP]) != wanted:
                raise Wrong(f"wrong: query {q} finds {found[q * TOP:(q + 1) * TOP]} for {wanted}")
        return "right"


def draw(count):
    """Rows of four clusters that float32 holds exactly."""
    rng = random.Random(1)
    centres = [[rng.uniform(-6, 6) for _ in range(DIMS)] for _ in range(CLUSTERS)]
    exact = struct.Struct(f"{DIMS}f")
    return [exact.unpack(exact.pack(*(rng.gauss(m, 1) for m in rng.choice(centres)))) for _ in range(count)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("name")
    parser.add_argument("--rows", type=int, default=3000)
    arguments = parser.parse_args()
    cells, failures = [], 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # a first use
        rows = draw(arguments.rows)
        trial = Trial(os.path.abspath(arguments.program), folder, rows)
        write_npy(trial.path("rows.npy"), rows)
        write_npy(trial.path("queries.npy"), rows[:QUERIES])
        tries = [(trial.fit, kind) for kind in ("spherical", "diag", "tied", "full")] + [(trial.kmeans, ""), (trial.ivf, "")]
        for attempt, kind in tries:
            try:
                cells.append(attempt(kind))
            except Wrong as wrong:
                cells.append(str(wrong))
                failures += 1
        driver = trial.driver()
    name = driver if arguments.name in driver else f"{arguments.name} {driver}"
    print("| " + " | ".join([name] + cells) + " |", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
