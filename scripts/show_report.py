#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shows a report of sluiced (the statistics object) to people: where flows and packets went.

Exit status: 0 fine; 1 the report is no report, is empty, or does not balance.
"""

import argparse
import json
import math
import os
import sys

BAR = 24


class Report(Exception):
    pass


def chance(shares, counts):
    """How far the counts are from their shares: the largest distance in standard deviations, and
    the distance that the largest of as many stays below in 99 of 100 runs of pure chance."""
    total = sum(counts)
    largest = 0.0
    for share, count in zip(shares, counts):
        if 0 < share < 1:
            largest = max(largest, abs(count - total * share) / math.sqrt(total * share * (1 - share)))
    below = 0.99 ** (1 / max(1, sum(1 for share in shares if 0 < share < 1)))
    low, high = 0.0, 10.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle / math.sqrt(2)) < below else (low, middle)
    return largest, high


def bar(share, top, colour):
    eighths = round(BAR * 8 * share / top) if top else 0
    text = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return f"\033[36m{text}\033[0m" if colour else text


def table(rows, left=1):
    """Columns as wide as they need; the first ones to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) if i < left else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))) for row in rows]


def show_pool(name, pool, terminal, out):
    nodes = pool["nodes"]
    packets = sum(node["packets"] for node in nodes.values())
    flows = sum(node["flows_started"] for node in nodes.values())
    part = lambda count, total: count / total if total else 0.0
    rows = [["node", "weight", "expected", "of flows", "of packets", "flows", "packets"]]
    for node_name, node in nodes.items():
        rows.append([node_name, f"{node['weight']:g}", f"{node['expected_share']:.2%}",
                     f"{part(node['flows_started'], flows):.2%}",
                     f"{part(node['packets'], packets):.2%}",
                     f"{node['flows_started']:,}", f"{node['packets']:,}"])
    lines = table(rows)
    if terminal:
        shares = [part(node["flows_started"], flows) for node in nodes.values()]
        top = max(shares, default=0)
        lines[0] = f"\033[1m{lines[0]}\033[0m"
        for i, share in enumerate(shares):
            lines[i + 1] += "  " + bar(share, top, True)
    out.append(f"Pool {name}: scheduler {pool['scheduler']}, {pool['slots']:,} slots")
    out.extend(lines)
    if flows:
        largest, reach = chance([node["expected_share"] for node in nodes.values()],
                                [node["flows_started"] for node in nodes.values()])
        verdict = "within chance" if largest <= reach else "beyond chance"
        out.append(f"Shares of {flows:,} flows are {verdict}: the farthest is {largest:.1f} standard "
                   f"deviations off; chance alone reaches {reach:.1f} once in 100 runs.")
        out.append("Shares of packets differ more: a few flows carry most of them.")


def show_rest(report, seconds, folder, out):
    balance = report["balance"]
    drops = {reason: count for reason, count in report["dropped"].items() if count}
    out.append("")
    out.append("Dropped: " + (", ".join(f"{reason} {count:,}" for reason, count in drops.items())
                              if drops else "nothing"))
    terms = [f"{balance[term]:,} {term}" for term in ("delivered", "forwarded", "punted", "dropped")]
    out.append(f"Balance: {balance['received']:,} received = " + " + ".join(terms)
               + f"; {balance['in_flight']:,} in flight")
    if seconds:
        out.append(f"Speed: {balance['received'] / seconds:,.0f} packets/s over {seconds * 1e3:,.1f} ms")
    if folder:
        out.append(f"Outputs in {folder}:")
        rows = [[f"  {name}", f"{os.path.getsize(os.path.join(folder, name)):,} octets"]
                for name in sorted(os.listdir(folder))]
        out.extend(table(rows))


def check(report):
    try:
        balance = report["balance"]
        parts = sum(balance[term] for term in
                    ("delivered", "forwarded", "punted", "dropped", "in_flight"))
        if balance["received"] == 0:
            raise Report("no packet was received: the capture holds none")
        if balance["received"] != parts or balance["in_flight"] != 0:
            raise Report(f"the report does not balance: {balance}")
        if sum(report["dropped"].values()) != balance["dropped"]:
            raise Report(f"drops by reason do not add up to {balance['dropped']}")
    except (KeyError, TypeError, AttributeError) as missing:
        raise Report(f"not a report of sluiced: {missing} is missing") from missing


def main():
    parser = argparse.ArgumentParser(prog="scripts/show_report.py", description=__doc__.split("\n")[0])
    parser.add_argument("report", help="JSON file that sluiced --report wrote")
    parser.add_argument("--pool", help="only this pool")
    parser.add_argument("--folder", help="folder of the outputs to list")
    options = parser.parse_args()
    try:
        with open(options.report, encoding="utf-8") as file:
            report = json.load(file)
        check(report)
    except (OSError, ValueError, Report) as reason:
        print(f"{parser.prog}: {options.report}: {reason}", file=sys.stderr)
        return 1
    terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    out = []
    for name, pool in report["pools"].items():
        if options.pool in (None, name):
            show_pool(name, pool, terminal, out)
    show_rest(report, report.get("traffic_seconds", 0), options.folder, out)
    try:
        print("\n".join(out), flush=True)
    except BrokenPipeError:  # the reader had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
