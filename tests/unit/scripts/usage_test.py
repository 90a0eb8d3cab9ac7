#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/* say how they are used on standard output with status 0, and do nothing; what they do not know is told
on standard error, with another status."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from tap import PATIENCE, TOP, case, equal, run, true  # noqa: E402

SCRIPTS = ("bench", "build", "check", "debian", "deps", "package", "run", "setup", "test", "traffic",
           "unpack")


def said(name, *words):
    return subprocess.run([os.path.join(TOP, "scripts", name), *words], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, check=False)


@case("--help is answered on standard output, with status 0")
def help_():
    for name in SCRIPTS:
        done = said(name, "--help")
        equal(done.returncode, 0, f"status of scripts/{name} --help: {done.stdout}{done.stderr}")
        true(f"scripts/{name}" in done.stdout, f"scripts/{name} --help says {done.stdout!r}")
        true("Setting up" not in done.stdout + done.stderr, f"scripts/{name} --help sets something up")


@case("an option that there is not is told on standard error, with a status that says so")
def unknown():
    for name in SCRIPTS:
        if name == "bench":  # builds before it can know
            continue
        done = said(name, "--nonsense")
        true(done.returncode in (1, 2), f"status of scripts/{name} --nonsense: {done.returncode}")
        true(done.stderr.strip() and not done.stdout.strip(), f"scripts/{name} --nonsense: {done.stdout!r} {done.stderr!r}")


if __name__ == "__main__":
    run()
