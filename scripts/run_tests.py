#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Finds and runs the tests, counts their cases, and says what failed and what was skipped.

Test programs are those that meson knows (cmocka binaries: their cases are counted one by one), the
Python tests, tests/pcap, tests/system, scripts/check; the same unit tests once more under sanitizers.
test_crew.py runs them beside each other. The last line is "N passed, N failed, N skipped".
"""

import argparse
import glob
import json
import os
import subprocess
import sys

import test_crew
from test_crew import Program, Result

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")
TIMES = os.path.join(BUILD, "test-seconds.json")
PYTHON = "/usr/bin/python3"
OTHERS = ("asan", "tsan", "fuzz", "build", "unit", "conc")
ASKED = ("nic",)  # run only when a word says so
QUICK = ("unit", "scripts", "pcap", "check")
HANG, HANG_UNIT = 900, 300  # seconds without an end, on whatever machine
HANG_BUILD = 2700  # of a test that compiles everything once more
SLOWER = 5  # with a sanitizer

# The thread sanitizer of gcc 12 cannot do with the wide address randomisation of newer kernels.
PREFIX = {"build-tsan": ("setarch", "-R")}
DAEMONS_NEED = ("app/sluiced", "app/sluicectl", "app/sluice-node", "tests/slow.so", "tests/newer.so", "tests/wall_clock.so")
FOLDER = {"address": "build-asan", "thread": "build-tsan"}


def meson_programs(build, suites=(), prefix=None):
    """The tests that meson knows in a build folder, in the group of their suite."""
    folder = os.path.relpath(build, TOP)
    kind, prefix = folder.partition(os.sep)[0].removeprefix("build").strip("-"), prefix or PREFIX.get(folder, ())
    with open(os.path.join(build, "meson-info/intro-tests.json"), encoding="utf-8") as file:
        tests = json.load(file)
    for test in tests:
        group = test["suite"][0].split(":")[-1] if test["suite"] else "unit"
        if not suites or group in suites:
            yield Program(group, f"{test['name']} {kind}".strip(), [*prefix, *test["cmd"]],
                          HANG_UNIT * (SLOWER if kind else 1), test["env"])


class Build:
    """A build with sanitizers, made when its turn comes, and of it only what the chosen tests need."""

    group = "build"

    def __init__(self, name, suites, chosen, targets=(), prefix=()):
        self.name, self.suites, self.chosen, self.targets = name, suites, chosen, targets
        self.prefix = prefix

    def run(self, crew):
        build, folder = [*self.prefix, os.path.join(TOP, "scripts/build")], os.path.join(TOP, self.name)
        done = crew.output([*build, folder, "build.ninja"])
        programs = []
        if not done.status:
            programs = list(filter(self.chosen, meson_programs(folder, self.suites, self.prefix)))
        words = {os.path.normpath(word) for program in programs for word in program.command}
        targets = {os.path.relpath(word, folder) for word in words
                   if word.startswith(folder + os.sep) and os.sep + "corpus" + os.sep not in word}
        targets = sorted({*targets, *self.targets} - {"."})
        if not done.status and targets:
            done = crew.output([*build, folder, *targets])
        if done.status:
            result = Result(self)
            if self.prefix and done.status == test_crew.SKIPPED:
                result.skipped.append((self.name, done.text.rstrip().rpartition("\n")[2]))
                return result, []
            result.failed.append((self.name, done.text))
            return result, []
        if "fuzz" in self.suites and programs:
            crew.output([os.path.join(TOP, "tests/fuzz/seeds.py"), os.path.join(folder, "corpus")])
        return None, programs


def other_builds(chosen):
    """Unit tests under the address sanitizer, threads under the thread sanitizer, fuzz targets."""
    return [Build(name, (suite,), chosen) for name, suite in
            (("build-fuzz", "fuzz"), ("build-asan", "unit"), ("build-tsan", "conc"))]


def script_programs():
    for path in sorted(glob.glob(os.path.join(TOP, "tests/unit/scripts/*_test.py"))):
        yield Program("scripts", os.path.basename(path)[:-3], [PYTHON, path], HANG)


def daemon_programs(folder=BUILD, kind=""):
    """What runs the daemon of a build folder."""
    env, prefix, hang = {"SLUICE_BUILD": folder}, PREFIX.get(os.path.basename(folder), ()), HANG
    if kind:
        env["SLUICE_PATIENCE"], hang = "600", HANG * SLOWER
    yield Program("pcap", f"cases {kind}".strip(), [*prefix, PYTHON, os.path.join(TOP, "tests/pcap/run.py")],
                  hang, env)
    for path in sorted(glob.glob(os.path.join(TOP, "tests/system/*_test.py"))):
        if kind and path.endswith(("/run_test.py", "/package_test.py")):
            continue  # these have builds of their own
        yield Program("system", f"{os.path.basename(path)[:-3]} {kind}".strip(), [*prefix, PYTHON, path],
                      HANG_BUILD if path.endswith("/package_test.py") else hang, env)


def nic_programs():
    """A guest with network cards, in software emulation: slow, and its packages come from Debian's archive."""
    yield Program("nic", "nic", [PYTHON, os.path.join(TOP, "tests/nic/nic_test.py")], HANG)


def check_programs(quick):
    yield Program("check", "check", [os.path.join(TOP, "scripts/check")] + ["--quick"] * quick, HANG)


def ordinary(quick, listed, words):
    def chosen(program):
        return ((not quick or program.group in QUICK) and (program.group not in ASKED or words or listed)
                and (not words or any(word in f"{program.group} {program.name}" for word in words)))

    programs = [program for program in [*meson_programs(BUILD), *script_programs(), *daemon_programs(),
                                        *nic_programs(), *check_programs(quick)] if chosen(program)]
    more = not quick and (not words or any(word in name for word in words for name in OTHERS))
    return programs + (other_builds(chosen) if more and not listed else [])


def sanitized(which, listed, words):
    """Everything that the daemon's code runs in, built with a sanitizer. Reports of any process fail the
    program that started it."""
    def chosen(program):
        return not words or any(word in f"{program.group} {program.name}" for word in words)

    name, kind = FOLDER[which], FOLDER[which].removeprefix("build-")
    folder = os.path.join(TOP, name)
    daemons = list(filter(chosen, daemon_programs(folder, kind)))
    if listed:
        ready = os.path.exists(os.path.join(folder, "build.ninja"))
        return [*filter(chosen, meson_programs(folder, ("unit", "model", "conc")) if ready else ()), *daemons]
    build = Build(name, ("unit", "model", "conc"), chosen,
                  DAEMONS_NEED if daemons else ())
    return [test_crew.After(build, daemons)]


def elsewhere(release, words):
    """Unit and model tests with the packages of another Debian; broken models say nothing about those."""
    def chosen(program):
        return (not program.name.startswith("broken when")
                and (not words or any(word in f"{program.group} {program.name}" for word in words)))

    return [Build(f"build-debian{release}/build", ("unit", "model"), chosen,
                  prefix=(os.path.join(TOP, "scripts/debian"), release))]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/test", add_help=False)
    for option in ("--quick", "--verbose", "--list"):
        parser.add_argument(option, action="store_true")
    parser.add_argument("--sanitize", choices=sorted(FOLDER))
    parser.add_argument("--debian", choices=["13"])
    parser.add_argument("words", nargs="*")
    return parser.parse_args(arguments)


def main(arguments):
    wanted = parse(arguments)
    programs = (sanitized(wanted.sanitize, wanted.list, wanted.words) if wanted.sanitize
                else elsewhere(wanted.debian, wanted.words) if wanted.debian
                else ordinary(wanted.quick, wanted.list, wanted.words))
    if wanted.list:
        print("\n".join(f"{program.group:8} {program.name}" for program in programs))
        return 0
    if not programs:
        print(f"scripts/test: no test has {' or '.join(wanted.words)} in its name; --list names them",
              file=sys.stderr)
        print("0 passed, 0 failed, 0 skipped")
        return 1
    screen = test_crew.Screen(sys.stdout, wanted.verbose)
    crew = test_crew.Crew(TOP, screen, test_crew.Times(TIMES), wanted.sanitize)
    try:
        results = crew.run(programs)
    except KeyboardInterrupt:
        print("scripts/test: interrupted", file=sys.stderr)
        return 130
    passed, failed, skipped = (sum(len(getattr(result, kind)) for result in results)
                               for kind in ("passed", "failed", "skipped"))
    screen.again(results)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
