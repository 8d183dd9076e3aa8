#!/usr/bin/env python3
"""mutants.py [NAME or FILE ...] - puts small faults into copies of the sources, one at a time, and runs the tests that should find
them. Says of each whether a test failed ("killed") or none did ("LIVES"). Exit code 1 where one lives, no longer applies
or does not compile. Needs nothing but Python, CMake and what the tests need.

A fault is a file tests/mutants/NAME.mutant:

    What is wrong, in a line.
    tests: unit/test_reading kernel/test_pass:vector
    in: pass.c
    - the text that is replaced
    + what stands there instead

"in:" names files by their names alone and may be left out. The text must occur exactly once in src/, cl/ and include/;
white space counts as one space, and several lines of "-" or "+" are one text. Tests are named as ctest names them."""
import glob
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "build", "mutants")
COPIED = ["CMakeLists.txt", "CMakePresets.json", "cmake", "include", "src", "cl", "tests"]
SOURCES = ["src", "cl", "include"]
LIMIT_S = 300  # of a test case: what hangs is found as well
# Little optimisation, so that builds are short; what is shipped has no assertions.
OPTIONS = ["-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O1 -DNDEBUG", "-DFLASHGMM_BUILD_TESTS=ON",
           "-DFLASHGMM_BUILD_EXAMPLES=OFF"]


class Wrong(Exception):
    """A fault that cannot be tried; the text says which and why."""


# ---- faults ----

def text_of(lines):
    return "\n".join(line[2:] for line in lines)


class Mutant:
    def __init__(self, path):
        self.name = os.path.splitext(os.path.basename(path))[0]
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.what = lines[0]
        fields = dict(line.split(": ", 1) for line in lines[1:] if not line.startswith(("- ", "+ ", "-", "+")) and line)
        self.tests = fields.get("tests", "").split()
        self.files = fields.get("in", "").split()
        self.old = text_of([line for line in lines if line.startswith("-")])
        self.new = text_of([line for line in lines if line.startswith("+")])
        if not self.tests or not self.old or self.old == self.new:
            raise Wrong(f"{self.name}: needs tests, and a text with another in its place")

    def find(self, sources):
        """The one place of the text: path, begin, end."""
        pattern = re.compile(r"\s+".join(re.escape(word) for word in self.old.split()))
        places = []
        for path, text in sources.items():
            if self.files and os.path.basename(path) not in self.files:
                continue
            places += [(path, match.start(), match.end()) for match in pattern.finditer(text)]
        if len(places) == 1:
            return places[0]
        where = " ".join(f"{path}:{sources[path].count(chr(10), 0, begin) + 1}" for path, begin, _ in places)
        raise Wrong(f"{self.name}: no longer applies: its text is " +
                    (f"in {len(places)} places: {where}" if places else "nowhere"))


def read_sources():
    sources = {}
    for folder in SOURCES:
        for path in glob.glob(os.path.join(ROOT, folder, "**", "*.*"), recursive=True):
            with open(path, encoding="utf-8") as file:
                sources[os.path.relpath(path, ROOT)] = file.read()
    return sources


# ---- a copy of the tree, with a build of its own ----

def is_same(a, b):
    if not os.path.exists(b) or os.path.getsize(a) != os.path.getsize(b):
        return False
    with open(a, "rb") as one, open(b, "rb") as other:
        return one.read() == other.read()


class Copy:
    def __init__(self, number):
        self.tree = os.path.join(FOLDER, str(number), "tree")
        self.build = os.path.join(FOLDER, str(number), "build")
        self.log = os.path.join(FOLDER, str(number), "log")

    def update(self):
        """Makes the copy like the tree, and leaves alone what is like it, so that little is built."""
        wanted = set()
        for name in COPIED:
            top = os.path.join(ROOT, name)
            paths = [top] if os.path.isfile(top) else [os.path.join(folder, file) for folder, _, files in os.walk(top)
                                                       for file in files if "__pycache__" not in folder]
            wanted.update(os.path.relpath(path, ROOT) for path in paths)
        for path in wanted:
            to = os.path.join(self.tree, path)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            if not is_same(os.path.join(ROOT, path), to):
                shutil.copyfile(os.path.join(ROOT, path), to)
                shutil.copymode(os.path.join(ROOT, path), to)
        for folder, _, files in os.walk(self.tree):
            for file in files:
                path = os.path.join(folder, file)
                if os.path.relpath(path, self.tree) not in wanted:
                    os.remove(path)

    def run(self, command, limit_s=None, case=None):
        """Exit status, and what the command said. None: it took longer."""
        environment = {**os.environ, "POCL_CACHE_DIR": os.path.join(FOLDER, "pocl")}
        if case:
            environment["CK_RUN_CASE"] = case
        with open(self.log, "w+", encoding="utf-8", errors="replace") as log:
            with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment,
                                  start_new_session=True) as process:
                try:
                    status = process.wait(limit_s)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, 9)
                    status = None
            log.seek(0)
            return status, log.read()

    def make(self, programs):
        return self.run(["cmake", "--build", self.build, "--target", *programs])

    def prepare(self, programs):
        self.update()
        status, said = self.run(["cmake", "-S", self.tree, "-B", self.build, *OPTIONS])
        if status == 0:
            status, said = self.make(programs)
        if status != 0:
            raise Wrong(f"the tree does not build without a fault:\n{said[-3000:]}")

    def is_failing(self, test):
        """Does this test case fail? And what did it say?"""
        kind, _, name = test.partition("/")
        program, _, case = name.partition(":")
        if kind == "kernel":
            case = case.replace("-", ", ")  # as tests/CMakeLists.txt names them
        status, said = self.run([os.path.join(self.build, "tests", program)], LIMIT_S, case)
        checks = re.search(r"Checks: (\d+)", said)
        if status == 0 and (not checks or checks.group(1) == "0"):
            raise Wrong(f"{test}: there is no such test")
        return status != 0, said

    def write(self, path, text):
        with open(os.path.join(self.tree, path), "w", encoding="utf-8") as file:
            file.write(text)

    def is_killed(self, mutant, sources):
        """The test that kills it; None: it lives."""
        path, begin, end = mutant.find(sources)
        self.write(path, sources[path][:begin] + mutant.new + sources[path][end:])
        try:
            status, said = self.make(programs_of([mutant]))
            if status != 0:
                raise Wrong(f"{mutant.name}: does not compile:\n{said[-3000:]}")
            return next((test for test in mutant.tests if self.is_failing(test)[0]), None)
        finally:
            self.write(path, sources[path])


def programs_of(mutants):
    return sorted({test.partition("/")[2].partition(":")[0] for mutant in mutants for test in mutant.tests})


# ---- all of them ----

def in_parallel(copies, jobs, work):
    """work(copy, job) for each job, a thread to each copy. What cannot be tried is collected."""
    waiting, wrong = queue.Queue(), []
    for job in jobs:
        waiting.put(job)

    def run(copy):
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                work(copy, job)
            except Wrong as error:
                wrong.append(str(error))
                print(f"error    {error}", flush=True)
    threads = [threading.Thread(target=run, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def check_without(copy, test):
    """A test that fails anyway kills nothing."""
    is_failing, said = copy.is_failing(test)
    if is_failing:
        raise Wrong(f"{test} fails without a fault:\n{said[-2000:]}")


def main(names):
    paths = [name if name.endswith(".mutant") else os.path.join(ROOT, "tests", "mutants", name + ".mutant")
             for name in names] or sorted(glob.glob(os.path.join(ROOT, "tests", "mutants", "*.mutant")))
    try:
        mutants = [Mutant(path) for path in paths]
    except (Wrong, OSError) as error:
        sys.exit(f"mutants: {error}")
    sources, survivors, began = read_sources(), [], time.time()
    wrong = in_parallel([None], mutants, lambda _, mutant: mutant.find(sources))
    if wrong:
        return 1
    copies = [Copy(i) for i in range(min(len(os.sched_getaffinity(0)), len(mutants), 8))]
    programs = programs_of(mutants)
    print(f"== Building {len(copies)} copies of the tree in build/mutants", flush=True)
    wrong = in_parallel(copies, copies, lambda _, copy: copy.prepare(programs))
    print(f"ok ({time.time() - began:.0f} s)\n== The tests without a fault", flush=True)
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    wrong = wrong or in_parallel(copies, tests, check_without)
    if wrong:
        return 1
    print(f"ok ({time.time() - began:.0f} s)\n== {len(mutants)} faults", flush=True)

    def attempt(copy, mutant):
        start = time.time()
        test = copy.is_killed(mutant, sources)
        if not test:
            survivors.append(mutant.name)
        print(f"{'killed' if test else 'LIVES':8} {mutant.name:32} {test or ' '.join(mutant.tests)} "
              f"({time.time() - start:.0f} s)" + ("" if test else f": {mutant.what}"), flush=True)
    wrong = in_parallel(copies, mutants, attempt)
    print(f"{len(mutants)} faults in {time.time() - began:.0f} s\nsurvivors: {len(survivors)}")
    return 1 if wrong or survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
