# SPDX-License-Identifier: BSD-3-Clause
"""Draws the figures of benchmarks with gnuplot: schedulers' shares and movement, and bars for the rest."""

import collections
import os
import shutil
import subprocess

STYLE = """set terminal svg size {width},{height} font 'sans,11' background 'white'
set output '{path}'
set border 3
set xtics nomirror
set ytics nomirror
set grid ytics lc rgb '#dddddd'
set key outside right top
"""
MOVED = "table moved beyond the least: "


def gnuplot(script):
    if not shutil.which("gnuplot"):
        raise SystemExit("scripts/bench: gnuplot is missing: scripts/deps --test")
    done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"scripts/bench: gnuplot: {done.stderr}")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def block(name, rows):
    return "\n".join([f"${name} << END", *(" ".join(row) for row in rows), "END", ""])


def draw_table(figures, path):
    """Worst share by nodes, a line a scheduler; movement beyond the least by change, bars."""
    slots = min(figure["slots"] for figure in figures if "slots" in figure)
    shares, moved = collections.defaultdict(dict), collections.defaultdict(dict)
    for figure in figures:
        if figure["name"] == "table worst share" and figure.get("slots", slots) == slots:
            shares[figure["scheduler"]][figure["nodes"]] = figure["value"]
        if figure["name"].startswith(MOVED) and figure["slots"] == slots:
            change = figure["name"].removeprefix(MOVED)
            moved[figure["scheduler"]].setdefault(change, []).append(figure["value"])
    script = STYLE.format(width=900, height=760, path=path)
    for scheduler, points in shares.items():
        script += block(f"share_{scheduler}", [(str(n), str(v)) for n, v in sorted(points.items())])
    changes = list(next(iter(moved.values())))
    rows = [(scheduler, *(str(sum(values[c]) / len(values[c])) for c in changes))
            for scheduler, values in moved.items()]
    script += block("moved", rows)
    script += "set multiplot layout 2,1\nset logscale xy\n"
    script += f"set title 'Worst share of a node ({slots:,} slots)'\nset xlabel 'nodes'\n"
    script += "set ylabel 'most loaded / mean'\nplot " + ", ".join(
        f"$share_{scheduler} using 1:2 with linespoints title {quoted(scheduler)}" for scheduler in shares)
    script += "\nunset logscale xy\nset title 'Slots moved beyond the least'\nunset xlabel\n"
    script += "set ylabel '% of slots'\nset style data histograms\nset style fill solid 0.7\nset yrange [0:*]\n"
    script += "plot " + ", ".join(f"$moved using {i + 2}:xtic(1) title {quoted(change)}"
                                  for i, change in enumerate(changes)) + "\nunset multiplot\n"
    gnuplot(script)


def label_of(figure, figures):
    """Its name, and where others have the same name what tells it from them."""
    same = [other for other in figures if other["name"] == figure["name"]]
    varying = [key for key in figure if key not in ("name", "value", "min", "median", "max", "turns", "unit")
               and len({str(other.get(key)) for other in same}) > 1]
    return " ".join([figure["name"], *(f"{key} {figure[key]}" for key in varying)]).replace('"', "")


def draw_bars(figures, unit, path):
    """A bar a figure, from top to bottom; on a logarithmic scale where they are far apart."""
    values = [figure["value"] for figure in figures if figure["value"] > 0]
    apart = bool(values) and max(values) > 50 * min(values)
    rows = [(f'"{label_of(figure, figures)}"', str(figure["value"])) for figure in reversed(figures)]
    script = STYLE.format(width=900, height=90 + 22 * len(rows), path=path) + block("bars", rows)
    script += "set termoption noenhanced\nunset key\nset grid noytics xtics\nset style fill solid 0.7\n"
    script += f"set xlabel {quoted(unit)}\nset offsets graph 0, graph 0.08, 0.5, 0.5\n"
    least = min(values) / 2 if apart else 0
    script += f"set logscale x\nset xrange [{least}:*]\n" if apart else "set xrange [0:*]\n"
    script += f"least = {least}\nclip(x) = x > least ? x : least\nset ytics scale 0\n"
    script += "plot $bars using (least):0:(least):(clip($2)):($0-0.35):($0+0.35):ytic(1) with boxxyerror, "
    script += "$bars using (clip($2)):0:(sprintf(' %.3g', $2)) with labels left\n"
    gnuplot(script)


def draw(figures, target):
    """target: FILE.svg for one picture, otherwise a folder for one a kind of figure."""
    tables = [figure for figure in figures if figure["name"].startswith("table ") and "nodes" in figure]
    units = collections.defaultdict(list)
    for figure in figures:
        if figure not in tables:
            units[figure["unit"]].append(figure)
    pictures = [("table", lambda path: draw_table(tables, path))] if tables else []
    for unit, part in units.items():
        name = "".join(letter if letter.isalnum() else "-" for letter in unit.replace("%", "percent"))
        pictures.append((name, lambda path, part=part, unit=unit: draw_bars(part, unit, path)))
    if target.endswith(".svg"):
        pictures[0][1](target)
        return [target]
    os.makedirs(target, exist_ok=True)
    paths = [os.path.join(target, f"{name}.svg") for name, _ in pictures]
    for path, (_, make) in zip(paths, pictures):
        make(path)
    return paths
