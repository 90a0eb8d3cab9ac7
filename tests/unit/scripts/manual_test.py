#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The manuals: what they say comes from the tables, and nothing of those is left out."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
import daemon
from tap import TOP, Skip, case, equal, run, true

MANUAL = os.path.join(TOP, "app/manual")
KEYS = os.path.join(daemon.BUILD, "app/manual/manual_keys")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as file:
        return file.read()


def page(words):
    """Status, page and complaints with those words."""
    if not os.path.isfile(KEYS):
        raise Skip(f"{KEYS} is not built")
    with daemon.Folder() as folder:
        done = subprocess.run([KEYS, folder.write("keys.words", words), os.path.join(MANUAL, "sluice.yaml.5.scd.in")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@case("a key of a configuration has its type, range, default, words and example")
def keys():
    status, text, errors = page(read("app/manual/keys.words"))
    equal((status, errors), (0, ""), "status and complaints")
    for wanted in ("*burst*\n\twhole number, 1 to 64. Default: *32*.\n\n\tPackets that",
                   "*scheduler*\n\tone of *minimal*, *ring*, *maglev*",
                   "Example: *rx\\_cpus: [2, 3]*", "## pools.health.expect\n", "duration, 100ms to 7d. Default: *15m*."):
        true(wanted in text, f"{wanted!r} is not in\n{text}")


@case("a key without words is an error, and words without a key are")
def missing():
    words = read("app/manual/keys.words")
    block = re.search(r"^pools\.nodes\.weight\n.*?\n\n", words, re.M | re.S)[0]
    status, _, errors = page(words.replace(block, ""))
    equal(status, 1, "status without the words of a weight")
    true("pools.nodes.weight has no words" in errors, errors)
    status, _, errors = page(words + "\npools.nodes.colour\nIts colour.\n")
    equal(status, 1, "status with the words of no key")
    true("pools.nodes.colour is no key" in errors, errors)
    status, _, errors = page(words + "\n" + block)
    equal(status, 1, "status with words that stand twice")


@case("sluiced(8) has every option of --help and every reason of a drop")
def options():
    text = read("app/manual/sluiced.8.scd")
    usage = subprocess.run([daemon.binary(), "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    for option in re.findall(r"--[a-z-]+", usage):
        true(f"*{option}*" in text, f"{option} is not in it")
    reasons = re.findall(r'\bX\([A-Z_0-9]+, "([a-z_0-9]+)"', read("lib/lcore/stats.h").split("SL_DROPS(X)")[1])
    true(len(reasons) >= 10, f"reasons: {reasons}")
    for reason in reasons:
        true(f"*{reason}*" in text, f"the reason {reason} is not in it")


@case("sluice-node(8) and its completion have every option of --help, and the page every counter")
def node():
    program = os.path.join(daemon.BUILD, "app/sluice-node")
    if not os.path.isfile(program):
        raise Skip(f"{program} is not built")
    text, completion = read("app/manual/sluice-node.8.scd"), read("app/sluice_node/sluice-node.bash")
    usage = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    for option in re.findall(r"--[a-z-]+", usage):
        true(f"*{option}*" in text, f"{option} is not in it")
        true(option in completion, f"{option} is not completed")
    counters = re.findall(r'\bX\([A-Z_]+, "([a-z_]+)", "([a-z_]+)"\)', read("lib/decap/layout.h"))
    true(len(counters) >= 10, f"counters: {counters}")
    for group, name in counters:
        true(f"*{group}*" in text and "*{}*".format(name.replace("_", "\\_")) in text, f"{group}: {name} is not in it")


@case("sluicectl(8) has every verb with its words, options and an example")
def verbs():
    program = daemon.SLUICECTL
    text = subprocess.run([os.path.join(MANUAL, "verbs.py"), program, os.path.join(MANUAL, "sluicectl.8.scd.in")],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    usage = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    names = re.findall(r"^  ([a-z]\S+) ", usage.split("\noptions:")[0], re.M)
    true(len(names) > 20, f"verbs: {names}")
    for name in names:
        true(f"\n*{name}*" in text, f"{name} is not in it")
        true(f"Example: *sluicectl {name}" in text, f"{name} has no example")
    true("\t*--deadline* _TIME_\n\t\tcuts the rest after this time\n" in text, text)


if __name__ == "__main__":
    run()
