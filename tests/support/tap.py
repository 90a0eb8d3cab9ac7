# SPDX-License-Identifier: BSD-3-Clause
"""Cases of a Python test: each is a sentence and a function; the output is TAP, a line each.

    @case("what is claimed")
    def claim():
        equal(1 + 1, 2)

    run()    # arguments: words that select cases; --list
"""

import os
import sys
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CASES = []
AFTERWARDS = []  # functions that take away what a case has left, however it ended
PATIENCE = float(os.environ.get("SLUICE_PATIENCE", "120"))  # seconds; no verdict but that something hangs


class Skip(Exception):
    """The machine lacks something: says what."""


class Failed(Exception):
    """A claim does not hold: says how."""


def case(sentence):
    def keep(function):
        CASES.append((sentence, function))
        return function
    return keep


def equal(got, wanted, what="value"):
    if got != wanted:
        raise Failed(f"{what}\n  wanted: {wanted!r}\n  got:    {got!r}")


def true(condition, message):
    if not condition:
        raise Failed(message)


def until(condition, what, seconds=PATIENCE):
    """Waits for an event: for the first true value of condition(), which it gives."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)
    return value


def report(number, sentence, function):
    start = time.monotonic()
    word, detail = "ok", ""
    try:
        function()
    except Skip as reason:
        detail = f" # SKIP {reason}"
    except Exception as problem:  # a broken case is a failed one, whatever it raised
        word = "not ok"
        text = str(problem) if isinstance(problem, Failed) else traceback.format_exc()
        detail = "".join(f"\n  | {line}" for line in text.rstrip().split("\n"))
    for take_away in AFTERWARDS:
        take_away()
    print(f"{word} {number} - {sentence}{detail}", flush=True)
    print(f"# {time.monotonic() - start:.2f} s", flush=True)
    return word == "ok"


def run(cases=None):
    """Runs all cases, or those with one of the arguments in their sentence; ends the program."""
    cases = CASES if cases is None else cases
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    chosen = [(sentence, function) for sentence, function in cases
              if not words or any(word in sentence for word in words)]
    if "--list" in sys.argv:
        print("\n".join(sentence for sentence, _ in chosen))
        sys.exit(0)
    print(f"1..{len(chosen)}", flush=True)
    results = [report(number, *pair) for number, pair in enumerate(chosen, 1)]
    sys.exit(0 if all(results) else 1)
