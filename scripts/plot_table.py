#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws what table_bench measured: shares, movement and build times of the slot schedulers.

  build/tests/bench/table_bench --json | scripts/plot_table.py FILE.svg

Reads JSON lines from standard input and leaves lines of other benchmarks alone. Draws the table size
that has most measurements. Needs gnuplot (Debian: gnuplot-nox). Exit status 0 drawn, 1 wrong input or
arguments, 2 no gnuplot.
"""

import collections
import json
import shutil
import subprocess
import sys

MOVES = ("remove", "add", "weight +10 %")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")


def measurements(lines):
    """{(name, scheduler, nodes): value} of the table size with most lines, that size."""
    found = collections.defaultdict(dict)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            name = item["name"]
        except (ValueError, TypeError, KeyError):
            sys.exit(f"plot_table.py: line {number} is no measurement: {line.strip()[:60]}")
        if name.startswith("table ") and "slots" in item:
            key = (name[len("table "):], item["scheduler"], item["nodes"])
            found[item["slots"]][key] = item["value"]
    if not found:
        sys.exit("plot_table.py: no measurement of table_bench --json on standard input")
    slots = max(found, key=lambda size: (len(found[size]), -size))
    return found[slots], slots


def block(name, rows):
    return [f"${name} << END"] + [" ".join(str(value) for value in row) for row in rows] + ["END"]


def curves(values, names, nodes, what):
    """Data block and plot command of one line a scheduler over the number of nodes."""
    rows = [[count] + [values.get((what, name, count), "NaN") for name in names] for count in nodes]
    block_name = "".join(letter for letter in what if letter.isalpha())
    plots = ", ".join(f"${block_name} using 1:{i + 2} with linespoints lw {2 * (len(names) - i)} pt 7 lc rgb '{COLOURS[i]}' "
                      f"title '{name}'" for i, name in enumerate(names))
    return block(block_name, rows), f"plot {plots}"


def program(values, slots, path):
    names = list(dict.fromkeys(name for _, name, _ in values))[:len(COLOURS)]
    nodes = sorted({count for _, _, count in values})
    shown = 1000 if 1000 in nodes else nodes[-1]
    shares, plot_shares = curves(values, names, nodes, "worst share")
    builds, plot_builds = curves(values, names, nodes, "build")
    moves = block("moves", [[f'"{move}"'] + [
        values.get((f"moved beyond the least: {move}", name, shown), "NaN") for name in names]
        for move in MOVES])
    plot_moves = ", ".join(f"$moves using {i + 2}:xtic(1) lc rgb '{COLOURS[i]}' title '{name}'"
                           for i, name in enumerate(names))
    quoted = path.replace("'", "''")
    return "\n".join(shares + builds + moves + [
        "set terminal svg size 1500,480 dynamic background rgb 'white' font 'sans-serif,13'",
        f"set output '{quoted}'",
        f"set multiplot layout 1,3 title '{slots} slots, weights from 1 to 100'",
        "set grid lc rgb '#dddddd'", "set key top left", "set xlabel 'nodes'", "set logscale xy",
        "set title 'worst share (max / mean)'", "set ylabel 'times its due'", plot_shares,
        "set title 'build'", "set ylabel 'ms'", plot_builds,
        "unset logscale", f"set title 'moved beyond the least, {shown} nodes'", "set xlabel ''",
        "set ylabel '% of all slots'", "set key top right", "set yrange [0:*]",
        "set offsets graph 0, graph 0, graph 0.3, graph 0",
        "set style data histograms", "set style histogram clustered gap 1",
        "set style fill solid 0.9 border -1", f"plot {plot_moves}",
        "unset multiplot", ""])


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr if arguments != ["--help"] else sys.stdout)
        return 0 if arguments == ["--help"] else 1
    if not shutil.which("gnuplot"):
        print("plot_table.py: gnuplot is not installed: scripts/deps --test", file=sys.stderr)
        return 2
    values, slots = measurements(sys.stdin)
    done = subprocess.run(["gnuplot"], input=program(values, slots, arguments[0]), text=True, check=False)
    return 0 if done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
