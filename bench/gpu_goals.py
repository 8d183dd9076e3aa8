"""gpu_goals.py - what bench/gpu.sh has found beside what is wanted of an H100 or H200 (N = 1M, K = 1024, D = 128, rows on
the device); on other devices the figures stand for themselves.

usage: gpu_goals.py RESULTS.csv FACTS        FACTS: what gpu.sh noted, lines "NAME KEY=VALUE ..."

Prints a Markdown table. "not measured": its case or contender did not run.
"""
import csv
import sys

GOAL_ROWS = 1_000_000


def read_results(path):
    """(case, contender) -> the row of the CSV."""
    with open(path, newline="") as file:
        return {(row["case"], row["contender"]): row for row in csv.DictReader(file)}


def read_facts(path):
    facts = {}
    with open(path) as file:
        for line in file:
            name, *words = line.split()
            facts[name] = dict(word.split("=", 1) for word in words)
    return facts


class Found:
    def __init__(self, results, facts):
        self.results, self.facts = results, facts

    def number(self, case, contender, column):
        return float(self.results[case, contender][column])

    def device_ms(self, case, contender="auto"):
        return 1e3 * self.number(case, contender, "device_s")

    def limit(self, what):
        return 1e9 * self.number("limit", what, "gflops")

    def fact(self, name, key):
        return float(self.facts[name][key])

    def e_step_share(self, case):
        """Of the rate of multiply-adds: 2NKD operations in the time of the kernels that make lists."""
        flop = 2 * self.number(case, "group", "rows") * 1024 * 128
        return flop / self.number(case, "group", "e_step_s") / self.limit("fma")

    def per_component(self):
        per_row = [self.device_ms(case) / self.number(case, "auto", "rows") for case in ("k8192", "f32")]
        return per_row[0] / 8 / per_row[1]

    def streamed(self):
        """Rows a second against what the link carries, or against resident rows: the slower of both is the bound."""
        rows, wall = self.number("streamed", "host", "rows"), self.number("streamed", "host", "wall_s")
        of_link = rows * 4 * 128 / wall / self.limit("upload")
        of_resident = self.number("streamed", "auto", "wall_s") / wall
        return max(of_link, of_resident)

    def worst(self, key):
        return max(float(words[key]) for name, words in self.facts.items() if name.startswith("accuracy-"))


# What, the goal's text, 1: at most, -1: at least, the goal, the figure and its form.
GOALS = [
    ("one iteration's statistics, u8 rows (ms)", 1, 2.8, lambda f: f.device_ms("u8"), ".3g"),
    ("the same, float32 rows (ms)", 1, 4.2, lambda f: f.device_ms("f32"), ".3g"),
    ("error of log-likelihoods, every row (nats)", 1, 1e-3, lambda f: f.worst("max_error_nats"), ".2g"),
    ("error of N_k, relative", 1, 1e-5, lambda f: f.worst("n_k_relative"), ".2g"),
    ("error of means (standard deviations)", 1, 1e-5, lambda f: f.worst("mean_deviations"), ".2g"),
    ("two runs differ (0: the same bytes)", 1, 0, lambda f: f.fact("same-bytes", "differences"), ".0f"),
    ("K = 8192 against K = 1024, per component", 1, 1.05, lambda f: f.per_component(), ".3g"),
    ("group family's E step, of the FMA rate: u8", -1, 0.55, lambda f: f.e_step_share("u8"), ".3g"),
    ("group family's E step, of the FMA rate: float32", -1, 0.55, lambda f: f.e_step_share("f32"), ".3g"),
    ("diagonal covariances, float32 (ms)", 1, 15, lambda f: f.device_ms("diag"), ".3g"),
    ("whole fit, 10 + 30 iterations, caches cold (s)", 1, None, lambda f: f.fact("fit-cold", "seconds"), ".3g"),
    ("whole fit, 10 + 30 iterations, caches warm (s)", 1, 1.5, lambda f: f.fact("fit-warm", "seconds"), ".3g"),
    ("streamed from the host's memory, of the bound", -1, 0.85, lambda f: f.streamed(), ".3g"),
    ("faster than torch, compiled, float32", -1, 4.5, lambda f: f.device_ms("torch", "torch-em") / f.device_ms("torch"), ".3g"),
]


def main():
    found = Found(read_results(sys.argv[1]), read_facts(sys.argv[2]))
    rows = {row["rows"] for (case, _), row in found.results.items() if case in ("u8", "f32")}
    is_full = rows == {str(GOAL_ROWS)}
    print("| | wanted | found | |\n|---|---|---|---|")
    for what, sign, goal, figure, form in GOALS:
        wanted = "" if goal is None else f"{'at least' if sign < 0 else 'at most'} {goal:g}"
        try:
            value = figure(found)
        except (KeyError, ValueError):  # no such row, or an empty cell
            print(f"| {what} | {wanted} | not measured | |")
            continue
        met = "" if goal is None or not is_full else "yes" if sign * value <= sign * goal else "no"
        print(f"| {what} | {wanted} | {value:{form}} | {met} |")
    if not is_full:
        print(f"\nNo verdict: {', '.join(sorted(rows))} rows instead of {GOAL_ROWS}.")


if __name__ == "__main__":
    main()
