# SPDX-License-Identifier: BSD-3-Clause
"""Runs test programs beside each other, reads what they say, and shows what is going on.

A program speaks TAP, or counts as one case by its exit status, 77 being "skipped". On two or three CPUs
as many programs as CPUs run at a time; with more, one for each pair of CPUs, which it has to itself.
Those that took longest the last time go first.
"""

import collections
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

SKIPPED = 77
CASE = re.compile(r"^(not ok|ok)\b\s*\d*\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*SKIP\s*(.*))?", re.I)
PLACES_MAX = 16
GRACE = 15  # seconds to take down what a test has set up
USUAL = {"build": 1000, "check": 90, "system": 60, "pcap": 30, "fuzz": 15, "model": 10}  # seconds
SCREENFUL, AGAIN_LINES = 20, 12
REPORTED = 86  # exit status of a process of which a sanitizer reported something

Output = collections.namedtuple("Output", "status text late")


class Program:
    def __init__(self, group, name, command, seconds, env=None):
        self.group, self.name, self.command = group, name, command
        self.seconds, self.env = seconds, env or {}

    def run(self, crew):
        """Its result, and the programs that can run now."""
        result = Result(self)
        with Reports(crew.sanitizer) as reports:
            done = crew.output(self.command, {**self.env, **reports.env()}, self.seconds)
            if done.late:
                result.failed.append(("time", f"did not end within {self.seconds} s"))
            read_output(result, done.text.split("\n"), done.status)
            result.failed += reports.read()
        return result, []


class After:
    """Programs that can run when another one has run well."""

    def __init__(self, first, programs):
        self.first, self.programs = first, programs
        self.group, self.name = first.group, first.name

    def run(self, crew):
        result, more = self.first.run(crew)
        return result, more if result and result.failed else more + self.programs


class Result:
    def __init__(self, program):
        self.program, self.seconds = program, 0.0
        self.passed, self.failed, self.skipped = [], [], []  # names; (name, detail); (name, why)


class Reports:
    """Where sanitizers write what they find, in whichever process."""

    def __init__(self, sanitizer):
        self.sanitizer, self.folder = sanitizer, None

    def __enter__(self):
        if self.sanitizer:
            self.folder = tempfile.mkdtemp(prefix="sluice-reports.")
            os.chmod(self.folder, 0o777)  # of daemons that other users run, too
        return self

    def __exit__(self, *_):
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def env(self):
        if not self.folder:
            return {}
        common = f"log_path={self.folder}/report:exitcode={REPORTED}"
        hushed = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/support")
        return {"ASAN_OPTIONS": common, "UBSAN_OPTIONS": common + ":halt_on_error=1:print_stacktrace=1",
                "LSAN_OPTIONS": f"suppressions={os.path.realpath(hushed)}/lsan.supp",
                "TSAN_OPTIONS": f"{common}:history_size=5:suppressions={os.path.realpath(hushed)}/tsan.supp",
                "SLUICE_SANITIZER": self.sanitizer}

    def read(self):
        """A failed case for each process that something was found in."""
        found = []
        for path in sorted(glob.glob(f"{self.folder}/report.*") if self.folder else ()):
            with open(path, encoding="utf-8", errors="replace") as file:
                found.append((f"the {self.sanitizer} sanitizer's report", file.read(20000)))
        return found


# ---- what a program says


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


# ---- who runs where, and when


class Times:
    """Seconds that programs took the last time, kept in a file."""

    def __init__(self, path):
        self.path, self.seconds = path, {}
        try:
            with open(path, encoding="utf-8") as file:
                self.seconds = json.load(file)
        except (OSError, ValueError):
            pass

    def of(self, program):
        return self.seconds.get(f"{program.group} {program.name}", USUAL.get(program.group, 1))

    def keep(self, results):
        for result in results:
            self.seconds[f"{result.program.group} {result.program.name}"] = round(result.seconds, 1)
        try:
            with open(self.path + f".{os.getpid()}", "w", encoding="utf-8") as file:
                json.dump(self.seconds, file, indent=1)
            os.replace(file.name, self.path)
        except OSError:
            pass


def places(cpus):
    """Sets of CPUs, for a program each."""
    if len(cpus) < 4:
        return [cpus] * len(cpus)
    return [cpus[at:at + 2] for at in range(0, len(cpus) - 1, 2)][:PLACES_MAX]


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Crew:
    """Programs that wait, and threads that run them; each has a set of CPUs."""

    def __init__(self, folder, screen, times, sanitizer=None):
        self.folder, self.screen, self.times, self.sanitizer = folder, screen, times, sanitizer
        self.changed = threading.Condition()
        self.waiting, self.running, self.results = [], {}, []
        self.processes, self.ended, self.broken = set(), False, None

    def run(self, programs):
        self.waiting = list(programs)
        self.screen.total = len(programs)
        threads = [threading.Thread(target=self._work, args=(cpus,))
                   for cpus in places(sorted(os.sched_getaffinity(0)))]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                with self.changed:
                    self.changed.wait(0.2)
                    self.screen.status(self.running)
        except KeyboardInterrupt:
            self._end_all()
            raise
        finally:
            self.screen.close()
        if self.broken:
            raise self.broken
        self.times.keep(self.results)
        return self.results

    def output(self, command, env=None, seconds=None):
        """Runs a process on this thread's CPUs. At the end of its time it may clean up before it is killed."""
        env = {**os.environ, **(env or {}), "CMOCKA_MESSAGE_OUTPUT": "TAP", "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                                   start_new_session=True)
        with self.changed:
            self.processes.add(process)
            if self.ended:
                process.send_signal(signal.SIGINT)
        late = False
        try:
            text, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
            text = self._end(process)
        with self.changed:
            self.processes.discard(process)
        return Output(process.returncode, text, late)

    @staticmethod
    def _end(process):
        """What it said, after an interrupt and, if need be, a kill."""
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=GRACE)[0]
        except subprocess.TimeoutExpired:
            kill_group(process)
            return process.communicate()[0]

    def _end_all(self):
        with self.changed:
            self.ended, self.waiting = True, []
            processes = list(self.processes)
            for process in processes:
                process.send_signal(signal.SIGINT)
        end = time.monotonic() + GRACE
        for process in processes:
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
            kill_group(process)

    def _work(self, cpus):
        os.sched_setaffinity(0, cpus)  # of this thread, and of all that it starts
        while (program := self._next()) is not None:
            result, more, start = None, [], time.monotonic()
            try:
                result, more = program.run(self)
            except Exception as problem:  # of ours: the others end, and main() tells
                self.broken = problem
            with self.changed:
                del self.running[program]
                if result:
                    result.seconds = time.monotonic() - start
                    self.results.append(result)
                if not self.ended:
                    self.waiting += more
                    self.screen.total += len(more)
                    self.screen.show(program, result)
                self.changed.notify_all()

    def _next(self):
        """The longest that waits; nothing while there is nothing, but running ones may bring more."""
        with self.changed:
            while not self.waiting and self.running and not self.broken:
                self.changed.wait()
            if not self.waiting or self.broken:
                return None
            program = max(self.waiting, key=self.times.of)
            self.waiting.remove(program)
            self.running[program] = time.monotonic()
            self.changed.notify_all()
            return program


# ---- what is seen


class Screen:
    """A line a program that has ended, and its failures; on a terminal a line below of what is running."""

    def __init__(self, stream, verbose=False):
        self.stream, self.verbose = stream, verbose
        self.total, self.done, self.failures, self.lit = 0, 0, 0, False

    def status(self, running):
        if not self.stream.isatty():
            return
        now = time.monotonic()
        names = ", ".join(f"{program.name} {now - start:.0f} s" for program, start in
                          sorted(running.items(), key=lambda pair: pair[1]))
        failures = f", {self.failures} failed" if self.failures else ""
        line = f"[{self.done}/{self.total}{failures}] {names}"
        self.stream.write("\r\033[K" + line[:shutil.get_terminal_size().columns - 1])
        self.stream.flush()
        self.lit = True

    def close(self):
        if self.lit:
            self.stream.write("\r\033[K")
            self.stream.flush()
            self.lit = False

    def show(self, program, result):
        self.done += 1
        if result is None:
            return
        self.close()
        self.failures += len(result.failed)
        counts = f"{len(result.passed)} passed"
        counts += f", {len(result.failed)} failed" if result.failed else ""
        counts += f", {len(result.skipped)} skipped" if result.skipped else ""
        self._print(f"{program.group:8} {program.name:28} {counts} ({result.seconds:.1f} s)")
        for name in result.passed if self.verbose else ():
            self._print(f"    passed: {name}")
        for name, why in result.skipped:
            self._print(f"    skipped: {name}: {why}")
        for name, detail in result.failed:
            self._print(f"    FAILED: {name}")
            for line in detail.rstrip().split("\n"):
                self._print(f"        {line}")

    def again(self, results):
        """What failed, once more at the end, in a few lines each: who looks at the end alone shall see it."""
        failed = [(result, name, detail) for result in results for name, detail in result.failed]
        if not failed or self.done < SCREENFUL:
            return
        self._print(f"What failed of {self.done} programs:")
        for result, name, detail in failed:
            self._print(f"    {result.program.name}: {name}")
            lines = [line for line in detail.split("\n") if line.strip() and not re.match(r"#|1\.\.", line)]
            for line in lines[:AGAIN_LINES] + (["..."] if len(lines) > AGAIN_LINES else []):
                self._print(f"        {line}")

    def _print(self, line):
        print(line, file=self.stream, flush=True)
