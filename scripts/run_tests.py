#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Finds and runs the tests, counts their cases, and says what failed and what was skipped.

Test programs are those that meson knows (cmocka binaries: their cases are counted one by one), the
Python tests, tests/pcap, tests/system, scripts/check; the same unit tests once more under sanitizers. A program speaks TAP, or counts as one case by its
exit status, 77 being "skipped". The last line is "N passed, N failed, N skipped".
"""

import concurrent.futures
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")
OTHERS = ("asan", "tsan", "fuzz", "build", "unit", "conc")
QUICK = ("unit", "scripts", "pcap", "check")
SKIPPED = 77
CASE = re.compile(r"^(not ok|ok)\b\s*\d*\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?", re.I)


class Program:
    def __init__(self, group, name, command, seconds=300, env=None):
        self.group, self.name, self.command = group, name, command
        self.seconds, self.env = seconds, env or {}


class Result:
    def __init__(self, program):
        self.program, self.seconds = program, 0.0
        self.passed, self.failed, self.skipped = [], [], []  # names; (name, detail); (name, why)


def meson_programs(build=BUILD, suite=None, prefix=()):
    """The tests that meson knows in a build folder, in the group of their suite."""
    text = subprocess.run(["meson", "introspect", "--tests", build], stdout=subprocess.PIPE, check=True,
                          text=True).stdout
    kind = os.path.basename(build).removeprefix("build").strip("-")
    for test in json.loads(text):
        group = test["suite"][0].split(":")[-1] if test["suite"] else "unit"
        if suite in (None, group):
            yield Program(group, f"{test['name']} {kind}".strip(), [*prefix, *test["cmd"]],
                          max(60, test["timeout"] * 4), test["env"])


def other_builds():
    """Unit tests under the address sanitizer, threads under the thread sanitizer, fuzz targets: built
    when their turn comes, and of each build only what they need. The thread sanitizer of gcc 12
    cannot do with the wide address randomisation of newer kernels."""
    build = os.path.join(TOP, "scripts/build")
    for name, suite, prefix in (("build-asan", "unit", ()), ("build-tsan", "conc", ("setarch", "-R")),
                                ("build-fuzz", "fuzz", ())):
        folder = os.path.join(TOP, name)
        done = subprocess.run([build, folder, "build.ninja"], capture_output=True, text=True)
        programs = [] if done.returncode else list(meson_programs(folder, suite, prefix))
        if programs:
            targets = {os.path.relpath(program.command[len(prefix)], folder) for program in programs}
            done = subprocess.run([build, folder, *sorted(targets)], capture_output=True, text=True)
        if done.returncode:
            text = done.stdout + done.stderr
            yield Program("build", name, ["sh", "-c", 'echo "$1"; exit 1', "sh", text])
            continue
        if suite == "fuzz":
            subprocess.run([os.path.join(TOP, "tests/fuzz/seeds.py"), os.path.join(folder, "corpus")],
                           check=True)
        yield from programs


def python_programs():
    python = "/usr/bin/python3"
    for path in sorted(glob.glob(os.path.join(TOP, "tests/unit/scripts/*_test.py"))):
        yield Program("scripts", os.path.basename(path)[:-3], [python, path])
    yield Program("pcap", "cases", [python, os.path.join(TOP, "tests/pcap/run.py")], 600)
    for path in sorted(glob.glob(os.path.join(TOP, "tests/system/*_test.py"))):
        yield Program("system", os.path.basename(path)[:-3], [python, path], 900)
    for path in sorted(glob.glob(os.path.join(TOP, "tests/system/*_test.sh"))):
        yield Program("system", os.path.basename(path)[:-3], ["bash", path], 900)


def check_programs(quick):
    yield Program("check", "check", [os.path.join(TOP, "scripts/check")] + ["--quick"] * quick, 900)


def run(program):
    result = Result(program)
    start = time.monotonic()
    env = {**os.environ, **program.env, "CMOCKA_MESSAGE_OUTPUT": "TAP", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(program.command, cwd=TOP, env=env, stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=program.seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        result.failed.append(("time", f"did not end within {program.seconds} s"))
    read_output(result, output.split("\n"), process.returncode)
    result.seconds = time.monotonic() - start
    return result


def read_output(result, lines, status):
    wanted, seen = None, 0
    for number, line in enumerate(lines):
        plan, one = PLAN.match(line), CASE.match(line)
        if plan:
            wanted = int(plan.group(1))
            if plan.group(2) and wanted == 0:
                result.skipped.append((result.program.name, plan.group(2)))
        elif one:
            seen += 1
            name, _, why = one.group(2).partition("# SKIP")
            if "# SKIP" in line and not name.strip():  # cmocka: its name stands there, its reason before
                before = lines[number - 1] if number and not CASE.match(lines[number - 1]) else ""
                result.skipped.append((why.strip(), before.strip(" #") or "no reason given"))
            elif "# SKIP" in line:
                result.skipped.append((name.strip(" -#"), why.strip() or "no reason given"))
            elif one.group(1) == "ok":
                result.passed.append(name.strip())
            else:
                result.failed.append((name.strip(), detail_of(lines, number)))
    if seen == 0 and wanted is None:
        by_status(result, lines, status)
    elif wanted is not None and seen < wanted:
        result.failed.append(("end", f"only {seen} of {wanted} cases ran; status {status}\n"
                              + "\n".join(lines[-20:])))
    elif status not in (0, SKIPPED) and not result.failed:
        result.failed.append(("status", f"ended with status {status}\n" + "\n".join(lines[-20:])))


def detail_of(lines, number):
    """What a case printed around its verdict: cmocka before it, ours after it."""
    first = number
    while first > 0 and not CASE.match(lines[first - 1]) and number - first < 30:
        first -= 1
    last = number + 1
    while last < len(lines) and lines[last].startswith(("  ", "#")) and last - number < 80:
        last += 1
    return "\n".join(lines[first:number] + lines[number + 1:last])


def by_status(result, lines, status):
    text = [line for line in lines if line.strip()]
    name = result.program.name
    if status == 0:
        result.passed.append(name)
    elif status == SKIPPED:
        result.skipped.append((name, text[-1] if text else "no reason given"))
    else:
        result.failed.append((name, f"ended with status {status}\n" + "\n".join(text[-60:])))


def show(result, verbose):
    program = result.program
    counts = f"{len(result.passed)} passed"
    counts += f", {len(result.failed)} failed" if result.failed else ""
    counts += f", {len(result.skipped)} skipped" if result.skipped else ""
    print(f"{program.group:8} {program.name:28} {counts} ({result.seconds:.1f} s)", flush=True)
    if verbose:
        for name in result.passed:
            print(f"    passed: {name}")
    for name, why in result.skipped:
        print(f"    skipped: {name}: {why}", flush=True)
    for name, detail in result.failed:
        print(f"    FAILED: {name}", flush=True)
        for line in detail.rstrip().split("\n"):
            print(f"        {line}", flush=True)


def main(arguments):
    quick, verbose = "--quick" in arguments, "--verbose" in arguments
    words = [word for word in arguments if not word.startswith("--")]
    def chosen(program):
        return ((not quick or program.group in QUICK)
                and (not words or any(word in f"{program.group} {program.name}" for word in words)))

    programs = [program for program in
                [*meson_programs(), *python_programs(), *check_programs(quick)] if chosen(program)]
    more = not quick and (not words or any(word in name for word in words for name in OTHERS))
    if "--list" in arguments:
        print("\n".join(f"{program.group:8} {program.name}" for program in programs))
        return 0
    if not programs and not more:
        print(f"scripts/test: no test has {' or '.join(words)} in its name; --list names them",
              file=sys.stderr)
        print("0 passed, 0 failed, 0 skipped")
        return 1
    small = [program for program in programs if program.group in ("unit", "scripts")]
    large = [program for program in programs if program not in small]
    results = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(run, small):
            show(result, verbose)
            results.append(result)
    for program in large:  # these use both CPUs, or measure
        results.append(run(program))
        show(results[-1], verbose)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(run, filter(chosen, other_builds()) if more else ()):
            show(result, verbose)
            results.append(result)
    passed, failed, skipped = (sum(len(getattr(result, kind)) for result in results)
                               for kind in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
