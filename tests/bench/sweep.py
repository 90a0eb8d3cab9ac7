#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The path over numbers of flows, nodes, services and workers, and over tunnels: one JSON object a line.

Each setting runs in several short processes in turn with the others, so that a machine that is shared
disturbs all alike; what is printed is the median of their ratios to the floor, with the least and the
most, and the cycles of floor and path.
"""

import json
import os
import statistics
import subprocess
import sys

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "tests", "bench", "path_bench")
ROUNDS = 3
TURNS = 301
FLOWS = (1, 1000, 100_000, 1_000_000, 10_000_000)
SETTINGS = [
    *({"flows": flows} for flows in FLOWS),
    *({"flows": flows, "tracking": "full"} for flows in FLOWS[1:]),
    *({"workers": workers, "nodes": workers} for workers in (1, 4, 16)),
    *({"encap": encap} for encap in ("gre", "gue", "vxlan")),
    {"ipv6": True},
    *({"nodes": nodes} for nodes in (2, 1000, 10_000)),
    *({"services": services} for services in (2, 4096)),
]


def options(setting):
    for name, value in setting.items():
        yield f"--{name}"
        if value is not True:
            yield str(value)


def measure(setting):
    """Figures of one process by name."""
    done = subprocess.run([PROGRAM, "--turns", str(TURNS), *options(setting)], stdout=subprocess.PIPE, check=True,
                          text=True)
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    return {figure["name"]: figure for figure in figures}


def main():
    runs = [[] for _ in SETTINGS]
    for _ in range(ROUNDS):
        for place, setting in enumerate(SETTINGS):
            runs[place].append(measure(setting))
    for setting, figures in zip(SETTINGS, runs):
        name = next(name for name in figures[0] if name.endswith("/floor"))
        ratios = [figure[name]["value"] for figure in figures]
        least = [figure[f"{name}, least"]["value"] for figure in figures]
        result = {**figures[0][name], **setting, "name": f"sweep {name}", "turns": TURNS, "rounds": ROUNDS,
                  "value": statistics.median(ratios), "min": min(ratios), "max": max(ratios),
                  "least_by_least": min(least)}
        for part in ("floor", name.removesuffix("/floor")):
            result[f"{part}_cycles"] = min(figure[part]["min"] for figure in figures)
        print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
