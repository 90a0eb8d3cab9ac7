#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs benchmarks and shows their figures.

    scripts/bench                    all of them
    scripts/bench NAME...            these; --list says what there is
    scripts/bench path --flows 1000000 --tracking full
                                     options that are not ours go to the benchmark
    --json                           one JSON object a line: name, unit, value and what it was measured on
    --plot FILE.svg | --plot DIR     draws them (one picture, or one a kind of figure)
"""

import json
import os
import platform
import subprocess
import sys

import plot_bench

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TOP, "build", "tests", "bench")
SOURCES = os.path.join(TOP, "tests", "bench")

# name: program, its arguments for JSON lines, what it measures
BENCHES = {
    "floor": ("path_bench", (), "receive and transmit on net_null, headers written each packet"),
    "path": ("path_bench", (), "the whole path beside the floor; --flows N --nodes N --services N"
                               " --encap ipip --tracking none --ipv6 --beginnings"),
    "stages": ("path_bench", ("--stages",), "the path's stages one by one, with a clock between them"),
    "trace": ("path_bench", ("--traces", "--turns", "101"), "what a trace costs a core, sampled and at its bounds"),
    "dispatch": ("path_bench", ("--workers", "4", "--nodes", "16"),
                 "to local workers by their rings, in one thread; --workers N"),
    "duo": ("duo_bench", (), "dispatch over two cores beside event_dsw, event_sw, rte_distributor and a ring; --flows N"),
    "latency": ("latency.py", (), "through a running daemon at 10, 50, 90 % of its capacity: p50, p99, p99.9, max"),
    "memory": ("memory.py", (), "a tracked flow, a node, a service: octets resident"),
    "idle": ("idle.py", (), "a daemon with nothing to do: its share of a CPU, how long a first packet waits"),
    "control": ("control.py", (), "changes through the socket under traffic, drains, 40,000 nodes over a restart"),
    "cluster": ("cluster.py", (), "three members on three nodes of etcd: changes a second, until another member has one"),
    "update": ("path_bench", ("--changes",), "a published snapshot: control's time, until it is seen, its cost to a core"),
    "publish": ("publish_bench", (), "10,000 snapshots from control to a busy core in another thread, until a burst sees each"),
    "neigh": ("neigh_bench", (), "next hops of 10,000 nodes by our own ARP, and control's turns meanwhile"),
    "health": ("health_bench", (), "checks of 10,000 and 20,000 nodes, and 1,000 that fail together: CPU, control's turns"),
    "change": ("change_bench", (), "an operator's change: the model's work, its record of history, its snapshot"),
    "churn": ("churn_bench", (), "entries while one node in 24 leaves every ten seconds, beside full tracking"),
    "sweep": ("sweep.py", (), "path, full tracking, dispatch, tunnels over flows, nodes and services; takes minutes"),
    "peers": ("peers.py", (), "rte_hash, EFD (SIMD limited to 128 bits), a ring, testpmd's io and macswap; --flows N"),
    "guard": ("guard.py", ("--json",), "instructions a packet under callgrind; --store keeps them on purpose"),
    "table": ("table_bench", ("--json",), "schedulers: build, rebuild, memory, worst share, movement, lookup"),
    "pkt": ("pkt_bench", (), "parse, hash, encapsulation"),
    "xdp": ("xdp_bench", (), "the kernel's program in test runs, beside an empty one: nanoseconds a packet; needs root"),
    "state": ("state_bench", (), "services, slots, flow table"),
    "floods": ("state_bench", ("--floods",), "packets of established flows beside ten million SYNs, and without"),
}
ALWAYS = ("name", "value", "unit", "min", "median", "max")
NOTHING = {"flows": 0, "nodes": 0, "workers": 0}  # what a benchmark that has none of them does not say


def machine():
    """The processor's name."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def path_of(program):
    return os.path.join(SOURCES if program.endswith(".py") else FOLDER, program)


def run(program, arguments):
    """The JSON objects that a program prints; what else it says goes to standard error."""
    process = subprocess.Popen([path_of(program), *arguments], stdout=subprocess.PIPE, text=True, cwd=TOP)
    for line in process.stdout:
        try:
            figure = json.loads(line)
            value = figure.get("value")
            yield {"min": value, "median": value, "max": value, "turns": 1, **NOTHING, **figure, "machine": machine()}
        except ValueError:
            print(line, end="", file=sys.stderr)
    if process.wait():
        raise SystemExit(f"scripts/bench: {program} {' '.join(arguments)} ended with status "
                         f"{process.returncode}")


def number(value):
    if not isinstance(value, (int, float)):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def show(figures):
    """A line each; what all have in common stands once above."""
    common = {key: value for key, value in figures[0].items() if key not in ALWAYS
              and all(figure.get(key) == value for figure in figures)}
    if common:
        print(", ".join(f"{key} {value}" for key, value in common.items()))
    rows = [["name", "value", "unit", "least", "most", "with"]]
    for figure in figures:
        rest = ", ".join(f"{key} {value}" for key, value in figure.items()
                         if key not in ALWAYS and key not in common)
        rows.append([figure["name"], number(figure["value"]), figure["unit"], number(figure.get("min")),
                     number(figure.get("max")), rest])
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    for row in rows:
        cells = [cell.rjust(width) if i in (1, 3, 4) else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip(), flush=True)


def split(arguments):
    """Names, whether JSON is wanted, where to draw, and the options of the benchmarks."""
    names, options, as_json, plot = [], [], False, None
    arguments = iter(arguments)
    for argument in arguments:
        if argument == "--json":
            as_json = True
        elif argument == "--plot":
            plot = next(arguments, None)
            if plot is None:
                raise SystemExit("scripts/bench: --plot takes FILE.svg or a folder")
        elif not options and not argument.startswith("-"):
            names.append(argument)
        else:
            options.append(argument)
    return names, options, as_json, plot


def main(arguments):
    if "--help" in arguments or "-h" in arguments:
        print(__doc__)
        return 0
    there = {name: bench for name, bench in BENCHES.items()
             if os.path.isfile(path_of(bench[0]))}
    if "--list" in arguments:
        for name, (_, _, what) in there.items():
            print(f"{name:10} {what}")
        return 0
    names, options, as_json, plot = split(arguments)
    unknown = [name for name in names if name not in there]
    if unknown:
        print(f"scripts/bench: there is no benchmark {unknown[0]}; --list names them: "
              f"{', '.join(there)}", file=sys.stderr)
        return 1
    if options and not names:
        print("scripts/bench: options belong to a benchmark; name it", file=sys.stderr)
        return 1
    wanted = []
    for name in names or there:
        job = (there[name][0], (*there[name][1], *options))
        if job not in wanted:
            wanted.append(job)
    everything = []
    for program, its_arguments in wanted:
        figures = []
        if "--json" in its_arguments and not as_json and not plot:  # it has a table of its own
            subprocess.run([path_of(program), *(a for a in its_arguments if a != "--json")],
                           check=True)
            print(flush=True)
            continue
        for figure in run(program, its_arguments):
            if as_json:
                print(json.dumps(figure), flush=True)
            figures.append(figure)
        if figures and not as_json:
            show(figures)
            print()
        everything += figures
    if plot and everything:
        print("\n".join(plot_bench.draw(everything, plot)), file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
