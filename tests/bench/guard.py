#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the packet path to its stored numbers of instructions.

    tests/bench/guard.py [BUILD]           counts, compares with instructions.json beside it: TAP
    tests/bench/guard.py [BUILD] --store   counts, and stores the new numbers on purpose
    tests/bench/guard.py [BUILD] --json    counts, one JSON object a line

Callgrind counts what path_bench executes within sl_path_round(): our own functions alone (DPDK's and
libc's differ from machine to machine, and the generator is called by them), a stage with all that it
calls, per packet. The numbers are those of gcc 12 and a release build; with another compiler there is
nothing to compare.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
STORE = os.path.join(HERE, "instructions.json")
SKIPPED = 77
MARGIN = 0.03
SLACK = 0.5  # instructions: a stage of ten is not held to a third of one
TURNS = 4
TURN_PACKETS = 8192
COMPILER = "gcc 12"
STAGES = {"round": "sl_path_round", "receive": "sl_path_receive", "decide": "sl_decide", "act": "sl_path_act"}
CASES = {
    "ipip": (),
    "gue": ("--encap", "gue"),
    "vxlan": ("--encap", "vxlan"),
    "ipv6": ("--ipv6",),
    "transition": ("--tracking", "transition"),
    "full": ("--tracking", "full"),
    "dispatch": ("--workers", "16"),
    "beginnings": ("--beginnings", "--entries", "1024"),
}


class Profile:
    """A callgrind file: instructions of each function of one object by itself, and who calls whom."""

    def __init__(self, path, program):
        self.own = collections.Counter()
        self.calls = collections.defaultdict(collections.Counter)
        names, objects = {}, {}
        with open(path, encoding="utf-8") as file:
            ours = callee_ours = False
            function = callee = None
            in_call = False
            for line in file:
                key, _, value = line.rstrip("\n").partition("=")
                if key in ("ob", "cob"):
                    belongs = os.path.basename(self.name(objects, value)) == program
                    if key == "ob":
                        ours = callee_ours = belongs
                    else:
                        callee_ours = belongs
                elif key == "fn":
                    function = self.name(names, value).partition("'")[0]
                elif key == "cfn":
                    callee = self.name(names, value).partition("'")[0]
                elif key == "calls":
                    if ours and callee_ours:
                        self.calls[function][callee] += int(value.split()[0])
                    callee_ours, in_call = ours, True
                elif re.match(r"[0-9+*-]", line):
                    if ours and not in_call:
                        self.own[function] += int(line.split()[-1])
                    in_call = False

    @staticmethod
    def name(known, value):
        number, _, text = value.partition(" ")
        if text:
            known[number] = text
        return known[number]

    def within(self, function, above=()):
        """Instructions of a function and what it calls. Who is called by several is shared by calls."""
        total = self.own[function]
        for callee, count in self.calls[function].items():
            if callee in above or callee == function:
                continue
            everyone = sum(calls[callee] for calls in self.calls.values())
            total += self.within(callee, (*above, function)) * count / everyone
        return total


def count(build, arguments):
    program = os.path.join(build, "tests", "bench", "path_bench")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                        "--toggle-collect=sl_path_round", program, "--turns", str(TURNS), "--flows", "1000",
                        "--still",
                        *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        profile = Profile(out, "path_bench")
    packets = (TURNS + 3) * TURN_PACKETS  # and three turns that warm up
    counts = {stage: profile.within(function) / packets for stage, function in STAGES.items()}
    return {stage: round(value, 2) for stage, value in counts.items()}


def compiler_of(build):
    """Name and main version of what path_bench was compiled with."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        command = next(entry["command"] for entry in json.load(file) if "path_bench" in entry["file"])
    words = command.split()
    compiler = words[1] if words[0].endswith("ccache") else words[0]
    version = subprocess.run([compiler, "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout
    name = "clang" if "clang" in version else "gcc"
    number = subprocess.run([compiler, "-dumpversion"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return f"{name} {number.partition('.')[0].strip()}"


def reason_to_skip(build):
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    with open("/proc/cpuinfo", encoding="ascii") as file:
        if " avx2" not in file.read():
            return "counts are those of the wide variants, this CPU has no AVX2"
    compiler = compiler_of(build)
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
        options = {option["name"]: option["value"] for option in json.load(file)}
    if compiler != COMPILER:
        return f"counts are those of {COMPILER}, this build is of {compiler}"
    if options["buildtype"] != "release" or options["b_sanitize"] != "none" or options["c_args"]:
        return "counts are those of a plain release build"
    return None


def compare(stored, counted):
    """TAP: a case a stage."""
    failed = False
    number = 0
    print(f"1..{len(CASES) * len(STAGES)}")
    for case in CASES:
        for stage in STAGES:
            number += 1
            before, now = stored.get(case, {}).get(stage), counted[case][stage]
            good = before is not None and abs(now - before) <= max(SLACK, MARGIN * before)
            failed |= not good
            print(f'{"ok" if good else "not ok"} {number} - {case}: {stage} executes the instructions it did')
            if not good:
                print(f"  {now} a packet, stored are {before}; if that is meant: scripts/bench guard --store")
    return 1 if failed else 0


def main(arguments):
    folders = [argument for argument in arguments if not argument.startswith("--")]
    build = folders[0] if folders else os.path.join(HERE, "..", "..", "build")
    reason = reason_to_skip(build)
    if reason:
        print(f"1..0 # SKIP {reason}")
        return SKIPPED
    counted = {case: count(build, options) for case, options in CASES.items()}
    if "--json" in arguments:
        for case, stages in counted.items():
            for stage, value in stages.items():
                print(json.dumps({"name": f"instructions, {stage}", "unit": "instructions/packet",
                                  "value": value, "case": case, "compiler": COMPILER}))
        return 0
    if "--store" in arguments:
        with open(STORE, "w", encoding="utf-8") as file:
            json.dump(counted, file, indent=1)
            file.write("\n")
        print(f"stored in {os.path.relpath(STORE)}", file=sys.stderr)
        return 0
    with open(STORE, encoding="utf-8") as file:
        return compare(json.load(file), counted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
