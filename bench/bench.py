"""bench.py - runs the cases of cases.txt and writes what came out; called by ./dev bench.

Each case starts its contenders, each a process that has loaded its data and warmed up (contender.h). Then they take
turns with the limit, OpenBLAS SGEMM, for several rounds: ratios are taken within a round, and the median of the rounds is
reported, so that a machine whose speed drifts changes little. Two clocks are read: the wall clock, and the processor
time of the process, which on a machine that others use too says more. Time per processor is processor time divided by
the number of processors: what the wall clock would show if nobody else were there and all processors were busy.

Leaves in the results folder: DEVICE-DATE.csv (one line per contender), .md (the same as a table) and .svg (the sweeps).
"""
import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROCESSORS = len(os.sched_getaffinity(0))
DATA = {
    "sift-photos-1m": "../shared/data/sift-photos-1m/base.bvecs",
    "siftsmall": "../shared/data/siftsmall/siftsmall_base.fvecs",
}
# Contender: the program and its words. The first group is ours; "process" is the command line program as a whole.
CONTENDERS = {
    "auto": ["ours", "kernel=auto"],
    "vector": ["ours", "kernel=vector"],
    "group": ["ours", "kernel=group"],
    "matrix": ["ours", "kernel=matrix"],
    "streamed": ["ours", "kernel=auto", "rows-from=file"],
    "host": ["ours", "kernel=auto", "rows-from=host"],
    "batch-64k": ["ours", "kernel=auto", "batch=65536"],
    "tuned": ["ours", "kernel=auto"],
    "untuned": ["ours", "kernel=auto"],
    "kmeans-auto": ["ours", "kernel=auto", "algorithm=kmeans"],
    "kmeans-vector": ["ours", "kernel=vector", "algorithm=kmeans"],
    "kmeans-matrix": ["ours", "kernel=matrix", "algorithm=kmeans"],
    "process": ["process"],
    "unfused-openblas": ["unfused_openblas"],
    "unfused-clblast": ["unfused_clblast"],
    "armadillo": ["armadillo"],
    "sklearn": ["peers.py", "sklearn"],
    "faiss": ["peers.py", "faiss"],
    "torch-em": ["peers.py", "torch-em"],
}
TUNE_SECONDS = 60
ITERATION_FLOP = 2e11  # at least this much work in the iterations of one measurement, so that short ones are not noise
COLUMNS = (
    "date machine processors device driver version case contender data type covariance rows k d rounds wall_s cpu_s "
    "device_s e_step_s "
    "gflops gflops_cpu of_limit of_limit_cpu cost cost_cpu log_likelihood extra_bytes facts"
).split()


class Skipped(Exception):
    """A contender that cannot take part here; the text says why."""


def say(*words):
    print(*words, flush=True)


class Case:
    """A line of cases.txt, or that line with another shape for one contender."""

    def __init__(self, words, is_quick):
        self.name, self.data, self.type, rows, self.k, self.d, self.covariance = words[:7]
        self.contenders, self.is_quick = words[7:], is_quick
        self.set("rows", rows)
        self.k, self.d = int(self.k), int(self.d)

    def set(self, key, value):
        setattr(self, key, int(value.split("/")[-1 if self.is_quick else 0]))

    def shaped(self, overrides):
        changed = Case.__new__(Case)
        changed.__dict__.update(self.__dict__)
        for override in filter(None, overrides.split("+")):
            changed.set(*override.split("="))
        return changed

    def flop(self, contender):
        """Dense-equivalent: as if every responsibility mattered. EM 4NKD, diagonal 8NKD, k-means 2NKD; full 2NKD^2 for
        the distances and NKD^2 for the moments, half of a symmetric product; tied those of one matrix beside EM's."""
        if self.covariance == "full" and not contender.startswith("kmeans"):
            return 3 * self.rows * self.k * self.d**2
        if self.covariance == "tied" and not contender.startswith("kmeans"):
            return 4 * self.rows * self.k * self.d + 3 * self.rows * self.d**2
        per = 2 if contender.startswith(("kmeans", "faiss")) else 8 if self.covariance == "diag" else 4
        return per * self.rows * self.k * self.d


class Bench:
    def __init__(self, options):
        self.options = options
        self.programs = pathlib.Path(options.build) / "bench"
        self.work = pathlib.Path(options.work)
        (self.work / "data").mkdir(parents=True, exist_ok=True)
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(PROCESSORS), OPENBLAS_NUM_THREADS=str(PROCESSORS))
        # OpenBLAS of some distributions does not know newer processors and takes slower kernels than it has.
        self.environment.pop("OPENBLAS_CORETYPE", None)
        if "avx512f" in processor()[1]:
            self.environment["OPENBLAS_CORETYPE"] = "SkylakeX"
        self.results = []

    # ---- data ----

    def program(self, name):
        path = self.programs / name
        if not path.exists():
            raise Skipped(f"{name} was not built: what it needs was not found")
        return str(path)

    def prepare(self, case):
        """Paths of the rows and of the start model; both are made once and kept."""
        shape = f"n{case.rows}-k{case.k}-{case.covariance}"
        file = (ROOT / DATA[case.data]).resolve() if case.data in DATA else None
        words = [f"k={case.k}", f"n={case.rows}", f"covariance={case.covariance}"]
        if file and file.exists():
            rows, model = file, self.work / "data" / f"{case.data}-{shape}.safetensors"
            words += [f"data={file}"]
        else:
            kind = "dense" if case.data == "made-dense" else "sparse"
            case.data = f"made-{kind}"
            stem = self.work / "data" / f"{kind}-{case.type}-d{case.d}-{shape}"
            rows, model = stem.with_suffix(".npy"), stem.with_suffix(".safetensors")
            words += [f"made={kind}", f"type={case.type}", f"d={case.d}", f"rows={rows}"]
        if not model.exists():
            part = model.with_name("part.safetensors")
            subprocess.run([self.program("make_data"), f"model={part}", *words], check=True, env=self.environment)
            part.rename(model)
        return rows, model

    # ---- contenders ----

    def command(self, name, case):
        program, *words = CONTENDERS[name]
        rows, model = self.prepare(case)
        iterations = max(2, min(50, round(ITERATION_FLOP / case.flop(name))))
        if self.options.is_quick:
            iterations = max(2, iterations // 8)
        if name in ("sklearn", "armadillo", "unfused-clblast"):
            iterations = 2  # slow, so that two are enough
        words += [f"rows={rows}", f"model={model}", f"n={case.rows}", f"iterations={iterations}"]
        if self.options.device:
            words += [f"device={self.options.device}"]
        if self.options.has_events and program == "ours":
            words += ["events=yes"]
        if program == "peers.py":
            python = self.work / "venv/bin/python"
            return [str(python if python.exists() else sys.executable), str(ROOT / "bench/peers.py"), *words]
        return [self.program(program), *words]

    def start(self, name, case):
        if name == "process":
            return WholeProcess(self, case)
        environment = dict(self.environment)
        if name in ("tuned", "untuned"):
            environment["XDG_CACHE_HOME"] = str(self.work / f"cache-{name}")
        if name == "tuned":
            self.tune(case, environment)
        return Contender(self.command(name, case), environment)

    def tune(self, case, environment):
        program = pathlib.Path(self.options.build) / "flashgmm"
        if subprocess.run([program, "tune", "--help"], capture_output=True).returncode != 0:
            raise Skipped("this build has no flashgmm tune")
        command = [program, "tune", "-k", case.k, "-d", case.d, "--covariance", case.covariance, "--type", case.type]
        command += ["--budget", TUNE_SECONDS // (4 if self.options.is_quick else 1), "--quiet"]
        command += ["--device", self.options.device] if self.options.device else []
        done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped("flashgmm tune: " + last_line(done.stderr))

    def start_all(self, case):
        """The contenders of a case that can take part: (label, shape, running process)."""
        started = []
        for label in case.contenders:
            name, _, overrides = label.partition("@")
            shape = case.shaped(overrides)
            try:
                started.append((label, shape, self.start(name, shape)))
            except Skipped as reason:
                say(f"  {label}: skipped: {reason}")
        return started

    # ---- measuring ----

    def limit(self, what):
        """The limit as a contender: what is "product" or "fma" (operations), "copy" or "upload" (bytes)."""
        if self.options.limit == "host":
            command = [self.program("limits"), "limit=sgemm" if what == "product" else "limit=copy"]
        elif self.options.limit == "torch" and what == "product":
            command = [sys.executable, str(ROOT / "bench/peers.py"), "torch"]
        else:
            command = [self.program("device_limits"), "limit=" + ("fma" if what == "product" else what)]
            command += [f"device={self.options.device}"] if self.options.device else []
        return Contender(command, self.environment)

    def run(self, case):
        say(f"\n{case.name}: {case.data} {case.type} N={case.rows} K={case.k} D={case.d} {case.covariance}")
        limit = self.limit("product")
        started = self.start_all(case)
        rounds = []
        for _ in range(self.options.rounds if started else 0):
            try:
                rounds.append((limit.measure(), [process.measure() for _, _, process in started]))
            except Skipped as reason:
                say(f"  stopped: {reason}")
                break
        for process in [limit] + [process for _, _, process in started]:
            process.close()
        if rounds:
            self.report(case, started, rounds)

    def report(self, case, started, rounds):
        def median(measure):
            return statistics.median(measure(limit, times) for limit, times in rounds)

        for i, (label, shape, _) in enumerate(started):
            flop = shape.flop(label)  # NAME@... begins with NAME
            work, first = (s.rows * s.k * s.d for s in (shape, started[0][1]))
            row = dict(case=case.name, contender=label.partition("@")[0], data=shape.data, rounds=len(rounds), facts=rounds[-1][1][i]["facts"])
            row.update({key: getattr(shape, key) for key in ("type", "covariance", "rows", "k", "d")})
            row["log_likelihood"] = rounds[-1][1][i].get("ll")
            row["extra_bytes"] = rounds[-1][1][i].get("extra_bytes")
            for key in ("device", "e_step"):  # of contenders that the device's own clock has timed
                if key in rounds[0][1][i]:
                    row[key + "_s"] = median(lambda _, times: times[i][key])
            for clock, tail in (("wall", ""), ("cpu", "_cpu")):
                row[clock + "_s"] = median(lambda _, times: times[i][clock])
                if label != "process":
                    row["gflops" + tail] = median(lambda _, times: speed(times[i], flop, clock))
                    row["of_limit" + tail] = median(
                        lambda limit, times: speed(times[i], flop, clock) / speed(limit, limit["flop"], clock)
                    )
                # Time per row, component and dimension, as a multiple of the first contender's in the same round.
                row["cost" + tail] = median(
                    lambda _, times: times[i][clock] / work / (max(times[0][clock], 1e-9) / first)
                )
            self.results.append(row)
            changed = [f" {key}={row[key]}" for key in ("rows", "k", "d") if row[key] != getattr(case, key)]
            say(f"  {row['contender'] + ''.join(changed):<24}" + summary(row))
        self.check_likelihoods(started, rounds[-1][1])

    def check_likelihoods(self, started, answers):
        """Contenders on the same shape end their iterations at the same likelihood, or they did not do the same work."""
        for (label, shape, _), answer in zip(started, answers):
            same = [a for (_, s, _), a in zip(started, answers) if (s.rows, s.k, s.d) == (shape.rows, shape.k, shape.d)]
            if "ll" in answer and "ll" in same[0] and abs(answer["ll"] / same[0]["ll"] - 1) > 1e-2:
                say(f"  {label}: its log-likelihood {answer['ll']} differs from {same[0]['ll']}: not the same work")

    def measure_limits(self):
        limits = {}
        units = {"product": "GFLOP/s", "copy": "GB/s, read and written"}
        if self.options.limit != "host":
            units.update(fma="GFLOP/s", upload="GB/s")
        for what, unit in units.items():
            process = self.limit(what)
            answers = [process.measure() for _ in range(self.options.rounds)]
            process.close()
            done = "flop" if unit == "GFLOP/s" else "bytes"
            for clock in ("wall", "cpu"):
                limits[what, clock] = statistics.median(speed(answer, answer[done], clock) for answer in answers)
            say(f"{what}: {limits[what, 'wall']:.0f} {unit} ({limits[what, 'cpu']:.0f}) {answers[-1]['facts']}")
        return limits


class Contender:
    """A process that answers one measurement per line."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.expect("ready")

    def expect(self, word=""):
        line = self.process.stdout.readline()
        if not line.startswith(word) or not line:
            raise Skipped(last_line(self.process.communicate()[1]) or f"ended with {self.process.wait()}")
        return line

    def measure(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return parse(self.expect())

    def close(self):
        self.process.communicate()


class WholeProcess:
    """`flashgmm fit` from the shell's point of view: start-up, reading, one iteration of EM, the model file."""

    def __init__(self, bench, case):
        rows, _ = bench.prepare(case)
        output = bench.work / "data" / "process.safetensors"
        program = str(pathlib.Path(bench.options.build) / "flashgmm")
        self.command = [program, "fit", str(rows), "-k", str(case.k), "-o", str(output), "--max-iter", "1", "--quiet"]
        self.command += ["--device", bench.options.device] if bench.options.device else []
        self.measure()

    def measure(self):
        start, before = time.perf_counter(), os.times()
        done = subprocess.run(self.command, capture_output=True, text=True)
        wall, after = time.perf_counter() - start, os.times()
        if done.returncode != 0:
            raise Skipped(last_line(done.stderr))
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return {"wall": wall, "cpu": cpu, "facts": "whole process"}

    def close(self):
        pass


def speed(answer, done, clock):
    """10^9 per second by the wall clock, or by the time per processor."""
    return done / max(answer[clock], 1e-9) / 1e9 * (PROCESSORS if clock == "cpu" else 1)


def parse(line):
    """Words KEY=VALUE; numbers for those that are reckoned with, the rest as the facts."""
    words = dict(word.split("=", 1) for word in line.split())
    numbers = ("wall", "cpu", "device", "e_step", "ll", "flop", "bytes")
    answer = {key: float(words.pop(key)) for key in numbers if key in words}
    answer["extra_bytes"] = words.get("extra_bytes")
    answer["facts"] = " ".join(f"{key}={value}" for key, value in words.items())
    return answer


def last_line(text):
    return (text.strip().splitlines() or [""])[-1]


def processor():
    """Name and flags of the processor."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return "unknown", ""
    find = lambda key: (re.search(rf"^{key}\s*: (.*)", text, re.M) or ["", "unknown"])[1]
    return find("model name"), find("flags")


def summary(row):
    ratio = f"{row['of_limit']:.2f} of the limit ({row['of_limit_cpu']:.2f})  " if "of_limit" in row else ""
    device = f"on the device {1e3 * row['device_s']:.4g} ms  " if "device_s" in row else ""
    return (f"{1e3 * row['wall_s']:9.1f} ms ({1e3 * row['cpu_s'] / PROCESSORS:.1f})  {device}{ratio}"
            f"cost {row['cost']:.2f} ({row['cost_cpu']:.2f})")


# ---- results ----


def device_of(options):
    """The device that the program itself would take, as `flashgmm devices --json` describes it."""
    program = pathlib.Path(options.build) / "flashgmm"
    done = subprocess.run([program, "devices", "--json"], capture_output=True, text=True)
    devices = json.loads(done.stdout)["devices"] if done.returncode == 0 else []
    wanted = (options.device or "").lower()
    if wanted.isdigit():
        named = [d for d in devices if str(d["index"]) == wanted]
    else:
        named = [d for d in devices if wanted in f"{d['platform']} {d['name']} {d['pci_address']}".lower()]
    if not named:
        sys.exit(f"no OpenCL device{' named ' + wanted if wanted else ''}; {program} devices lists them")
    kinds = ("GPU", "accelerator", "CPU", "other")

    def order(device):  # as src/device/choice.c
        is_cpu = device["kind"] == "CPU"
        size = (False, 0) if is_cpu else (not device["has_own_memory"], -device["compute_units"])
        return kinds.index(device["kind"]), *size, device["index"]

    return min(named, key=order)


def describe(options):
    """The columns that all rows share: when, where, what."""
    device = device_of(options)
    version = re.findall(r"VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", (ROOT / "include/flashgmm/base.h").read_text())
    return dict(
        date=datetime.date.today().isoformat(),
        machine=processor()[0],
        processors=PROCESSORS,
        device=device["name"],
        driver=f"{device['platform']} {device['driver']}",
        version=".".join(version),
    )


def limit_rows(limits):
    """The limits as rows of the CSV: GFLOP/s, or GB/s of what is moved."""
    return [dict(case="limit", contender=what, gflops=value) for (what, clock), value in limits.items() if clock == "wall"]


def read_earlier(path, cases):
    """With --append: what an earlier run of the day has found about other cases; rows as they are."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return [row for row in csv.DictReader(file) if row["case"] not in {*cases, "limit"}]


def write_csv(path, results, about, earlier=()):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(earlier)
        for row in results:
            numbers = {key: f"{value:.5g}" for key, value in row.items() if isinstance(value, float)}
            writer.writerow({**about, **row, **numbers})


def write_table(path, results, about, limits, before=""):
    """Markdown, behind the text before. In brackets: by processor time."""

    def both(row, key, form):
        return f"{row[key]:{form}} ({row[key + '_cpu']:{form}})" if key in row else ""

    lines = [
        f"{about['date']}, {about['machine']}, {PROCESSORS} processors, {about['device']}, {about['driver']}. Limits: "
        f"{limits['product', 'wall']:.0f} ({limits['product', 'cpu']:.0f}) GFLOP/s, copy {limits['copy', 'wall']:.1f} GB/s. "
        "In brackets: by processor time.",
        "",
        "| case | data | N | K | D | contender | ms per iteration | on the device | GFLOP/s | of the limit | cost |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results:
        cells = [row["case"], f"{row['data']} {row['type']}", row["rows"], row["k"], row["d"], row["contender"]]
        cells += [f"{1e3 * row['wall_s']:.4g} ({1e3 * row['cpu_s'] / PROCESSORS:.4g})"]
        cells += [f"{1e3 * row['device_s']:.4g}" if "device_s" in row else ""]
        cells += [both(row, "gflops", ".0f"), both(row, "of_limit", ".2f"), both(row, "cost", ".2f")]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    path.write_text(before + "\n".join(lines) + "\n")
    say("\n" + "\n".join(lines))


def write_plot(path, work, results, limits):
    """The sweeps against K and D, by processor time, under the roofline of limits."""
    rows = {axis: [r for r in results if r["case"] == f"sweep-{axis}"] for axis in "kd"}
    if not rows["k"] or not rows["d"] or not shutil.which("gnuplot"):
        say("\nno plot: it takes the cases sweep-k and sweep-d, and gnuplot")
        return
    for axis, points in rows.items():
        (work / f"sweep-{axis}.dat").write_text("".join(f"{r[axis]} {r['gflops_cpu']:.4g}\n" for r in points))
    values = dict(output=f"'{path}'", by_k=f"'{work}/sweep-k.dat'", by_d=f"'{work}/sweep-d.dat'")
    values.update(sgemm=limits["product", "cpu"], copy=limits["copy", "wall"], k_of_d=rows["d"][0]["k"])
    settings = "; ".join(f"{key}={value}" for key, value in values.items())
    subprocess.run(["gnuplot", "-e", settings, str(ROOT / "bench/plot.gnuplot")], check=True)
    say(f"plot: {path}")


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description="compares with the machine's limits and with peers")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names from the list of cases; all when none is given")
    parser.add_argument("--quick", dest="is_quick", action="store_true", help="fewer rows and rounds: about 3 minutes")
    parser.add_argument("--append", dest="is_appending", action="store_true",
                        help="keep what the day's files have about other cases")
    parser.add_argument("--kind", dest="is_kind", action="store_true", help="print the kind of the device and end")
    parser.add_argument("--list", dest="is_list", action="store_true", help="print the cases and end")
    parser.add_argument("--rounds", type=int, help="measurements of each contender (default 5, quick 3)")
    parser.add_argument("--device", help="as flashgmm --device")
    parser.add_argument("--cases-file", default=ROOT / "bench/cases.txt", help=argparse.SUPPRESS)
    parser.add_argument("--limit", default="host", choices=("host", "device", "torch"), help="what is the limit: SGEMM "
                        "on the host (default), multiply-adds on the device, or a matrix product of torch on the GPU")
    parser.add_argument("--events", dest="has_events", action="store_true", help="time our kernels by the device's clock")
    parser.add_argument("--budget", type=float, default=1e9, metavar="SECONDS", help="begin no case after that time")
    parser.add_argument("--build", default=ROOT / "build/release", help="build folder (default build/release)")
    parser.add_argument("--work", default=ROOT / "build/bench", help="folder for data (default build/bench)")
    parser.add_argument("--results", default=ROOT / "bench/results", help="where results go (default bench/results)")
    return parser.parse_args()


def main():
    options = arguments()
    options.rounds = options.rounds or (3 if options.is_quick else 5)
    lines = [line.split() for line in pathlib.Path(options.cases_file).read_text().splitlines()]
    cases = [Case(words, options.is_quick) for words in lines if words and words[0] != "#"]
    unknown = set(options.cases) - {case.name for case in cases}
    if unknown:
        sys.exit(f"./dev bench: no case named {', '.join(sorted(unknown))}; ./dev bench --list shows them")
    if options.is_list:
        for c in cases:
            say(f"{c.name:<12} {c.data} {c.type} K={c.k} D={c.d}: {' '.join(c.contenders)}")
        return
    if not (pathlib.Path(options.build) / "flashgmm").exists():
        sys.exit(f"./dev bench: no program flashgmm in {options.build}; build it there or name another folder by --build")
    if options.is_kind:
        say(device_of(options)["kind"])
        return
    bench = Bench(options)
    about = describe(options)
    results = pathlib.Path(options.results)
    results.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^A-Za-z0-9]+", "-", about["device"]).strip("-").lower()[:60] + "-" + about["date"]
    earlier = read_earlier(results / f"{stem}.csv", options.cases) if options.is_appending else []
    table = results / f"{stem}.md"
    before = table.read_text() + "\n" if options.is_appending and table.exists() else ""
    start = time.monotonic()
    try:
        limits = bench.measure_limits()
    except Skipped as reason:
        sys.exit(f"./dev bench: no limit to compare with: {reason}")
    for case in cases:
        if options.cases and case.name not in options.cases:
            continue
        if time.monotonic() - start > options.budget:
            say(f"\n{case.name}: skipped: the time is spent")
            continue
        bench.run(case)
        write_csv(results / f"{stem}.csv", bench.results + limit_rows(limits), about, earlier)
    write_table(table, bench.results, about, limits, before)
    write_plot(results / f"{stem}.svg", bench.work, bench.results, limits)
    say(f"results: {results}/{stem}.csv and .md")


if __name__ == "__main__":
    main()
