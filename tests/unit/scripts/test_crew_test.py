#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/test_crew.py and run_tests.py: what programs say is counted, they run beside each other, and
what runs for too long is ended."""

import io
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts"))
from tap import case, equal, run, true  # noqa: E402
import run_tests  # noqa: E402
import test_crew  # noqa: E402
from test_crew import Program  # noqa: E402

HANG = 300


class Crew(test_crew.Crew):
    """Two places, whatever the machine has; what it shows is kept."""

    def __init__(self, folder, sanitizer=None):
        self.shown = io.StringIO()
        self.file = os.path.join(folder, "times")
        super().__init__(folder, test_crew.Screen(self.shown), test_crew.Times(self.file), sanitizer)


def program(script, *words, seconds=HANG, name="one", env=None):
    return Program("system", name, ["/bin/sh", "-c", script, "sh", *words], seconds, env)


def counts(*programs, sanitizer=None):
    """Names that passed, failed and were skipped."""
    with tempfile.TemporaryDirectory() as folder:
        results = Crew(folder, sanitizer).run(list(programs))
    return tuple([name for result in results for name, *_ in map(entry, getattr(result, kind))]
                 for kind in ("passed", "failed", "skipped"))


def entry(value):
    return value if isinstance(value, tuple) else (value,)


@case("cases are counted one by one, a program without any by its status")
def counted():
    for script, wanted in [
            ("printf '1..3\\nok 1 - a\\nnot ok 2 - b\\n  | why\\nok 3 - c # SKIP no root\\n'; exit 1",
             (["a"], ["b"], ["c"])),
            ("printf '1..2\\nok 1 - a\\n'; exit 7", (["a"], ["end"], [])),
            ("printf '1..1\\nok 1 - a\\n'; exit 7", (["a"], ["status"], [])),
            ("echo '1..0 # SKIP no scapy'", ([], [], ["one"])),
            ("true", (["one"], [], [])), ("false", ([], ["one"], [])),
            ("echo no root; exit 77", ([], [], ["one"]))]:
        equal(counts(program(script)), wanted, script)


@case("two programs run at a time, even if each waits for the other")
def beside():
    if len(os.sched_getaffinity(0)) < 2:
        return
    wait = 'cd "$1"; : >"$2"; while [ ! -e "$3" ]; do sleep 0.01; done'
    with tempfile.TemporaryDirectory() as folder:
        passed, failed, _ = counts(program(wait, folder, "a", "b", name="a"), program(wait, folder, "b", "a", name="b"))
    equal((sorted(passed), failed), (["a", "b"], []), "both")


@case("a program that does not end is interrupted, cleans up, and has failed")
def late():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "cleaned")
        # what was started in the background of a shell ignores interrupts
        script = ("import signal, sys, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
                  "open(sys.argv[1] + '.up', 'w').close()\ntry:\n    time.sleep(1000)\n"
                  "finally:\n    open(sys.argv[1], 'w').close()")
        slow = Program("system", "slow", [sys.executable, "-c", script, file], 5)
        _, failed, _ = counts(slow)
        equal(failed[0], "time", "what failed")
        true(os.path.exists(file) or not os.path.exists(file + ".up"), "it could not clean up")


@case("children of a program that does not end by an interrupt are killed with it")
def stubborn():
    grace, test_crew.GRACE = test_crew.GRACE, 0.2
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "pid")
            slow = program('trap "" INT; sleep 1000 & echo $! >"$1"; wait; wait', file, seconds=2)
            equal(counts(slow)[1][0], "time", "what failed")
            if not os.path.exists(file):
                return  # it did not get that far
            with open(file, encoding="ascii") as opened:
                pid = int(opened.read())
        end = time.monotonic() + HANG
        while running(pid) and time.monotonic() < end:
            time.sleep(0.01)
        true(not running(pid), "the child runs on")
    finally:
        test_crew.GRACE = grace


def running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@case("what a build brings runs after it; what it would have brought does not run when it fails")
def builds():
    more = program("true", name="more")
    equal(counts(test_crew.After(program("true", name="first"), [more]))[0], ["first", "more"], "passed")
    equal(counts(test_crew.After(program("false", name="first"), [more])), ([], ["first"], []), "all")


@case("an error of the runner's own ends it, and does not pass for a result")
def broken():
    class Wrong(Program):
        def run(self, crew):
            raise ValueError("wrong")

    try:
        counts(Wrong("system", "wrong", [], 1), program("true"))
    except ValueError:
        return
    true(False, "nothing was said")


@case("reports that sanitizers write of any process fail the program")
def reports():
    script = 'echo "$ASAN_OPTIONS" | sed "s/log_path=//; s/:.*//" | { read -r path; echo overflow >"$path.1"; }; echo "ok 1 - a"'
    passed, failed, _ = counts(program(script), sanitizer="address")
    equal((passed, failed), (["a"], ["the address sanitizer's report"]), "passed and failed")


@case("failures of a long run are told again at its end, in a few lines each")
def again():
    talks = program("printf '1..1\\nnot ok 1 - breaks\\n'; seq 100 | sed 's/^/  | line /'; exit 1", name="long")
    for others, wanted in ((1, False), (test_crew.SCREENFUL, True)):
        with tempfile.TemporaryDirectory() as folder:
            crew = Crew(folder)
            results = crew.run([talks] + [program("true", name=f"p{n}") for n in range(others)])
            before = len(crew.shown.getvalue())
            crew.screen.again(results)
        text = crew.shown.getvalue()[before:]
        equal("long: breaks" in text, wanted, text)
        equal(text.count("line "), test_crew.AGAIN_LINES * wanted, text)


@case("what took longest the last time goes first; unknown ones by their kind")
def order():
    with tempfile.TemporaryDirectory() as folder:
        Crew(folder).run([program("sleep 0.3", name="slow"), program("true", name="quick")])
        times = test_crew.Times(os.path.join(folder, "times"))
    slow, quick, new = (program("", name=name) for name in ("slow", "quick", "new"))
    true(times.of(slow) > times.of(quick), times.seconds)
    true(times.of(new) > times.of(Program("unit", "new", [], 1)), "a system test before a unit test")


@case("from four CPUs on programs have a pair of them each")
def pairs():
    equal(test_crew.places([0]), [[0]], "one")
    equal(test_crew.places([0, 3]), [[0, 3], [0, 3]], "two")
    equal(test_crew.places([0, 1, 2, 3, 4]), [[0, 1], [2, 3]], "five")
    equal(len(test_crew.places(list(range(200)))), test_crew.PLACES_MAX, "many")


@case("words choose programs by group and name, --quick and --sanitize by kind")
def choice():
    everything = {program.group for program in run_tests.ordinary(False, True, [])}
    true({"unit", "model", "conc", "scripts", "pcap", "system", "check"} <= everything, everything)
    equal({program.group for program in run_tests.ordinary(True, True, [])}, set(run_tests.QUICK), "quick")
    names = [program.name for program in run_tests.ordinary(False, True, ["life_test"])]
    equal(names, ["life_test"], "one")
    by_default = {program.group for program in run_tests.ordinary(False, False, [])}
    true("nic" not in by_default and "system" in by_default, by_default)
    equal([program.name for program in run_tests.ordinary(False, False, ["nic"])], ["nic"], "when named")
    other, = run_tests.elsewhere("13", [])
    equal((other.name, other.prefix[1:]), ("build-debian13/build", ("13",)), "another release")
    build, = run_tests.sanitized("thread", False, ["life_test"])
    equal([one.name for one in build.programs], ["life_test tsan"], "sanitized")
    equal(build.programs[0].command[:2], ["setarch", "-R"], "its command")


run()
