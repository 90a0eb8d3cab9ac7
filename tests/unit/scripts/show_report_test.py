#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/show_report.py: what it says about shares, drops and the balance is what the report holds."""

import json
import os
import pty
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts"))
from tap import TOP, case, equal, run, true  # noqa: E402
import show_report  # noqa: E402


def report(**changes):
    def node(weight, share, packets, flows):
        return {"weight": weight, "expected_share": share, "packets": packets, "flows_started": flows}

    value = {"pools": {"demo": {"scheduler": "minimal", "slots": 65536, "nodes": {
                 "one": node(100, 0.75, 7000, 760), "two": node(33.3, 0.25, 2990, 240)}}},
             "dropped": {"no_node": 0, "bad_header": 7},
             "balance": {"received": 10000, "delivered": 7000, "forwarded": 2990, "punted": 3,
                         "dropped": 7, "in_flight": 0}}
    value.update(changes)
    return value


def show(value, terminal=False):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))
        command = [sys.executable, os.path.join(TOP, "scripts/show_report.py"), path, "--pool", "demo"]
        if not terminal:
            done = subprocess.run(command, capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr
        ours, theirs = pty.openpty()
        done = subprocess.run(command, stdout=theirs, env={"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"})
        os.close(theirs)
        text = os.read(ours, 65536).decode()
        os.close(ours)
        return done.returncode, text


@case("nodes are shown with weight, expected and measured shares of flows and packets")
def nodes():
    status, text = show(report())
    equal(status, 0)
    true("one      100    75.00%    76.00%      70.07%    760    7,000" in text, text)
    true("two     33.3    25.00%    24.00%      29.93%    240    2,990" in text, text)


@case("drops are named by reason and the balance is shown")
def rest():
    text = show(report())[1]
    true("Dropped: bad_header 7\n" in text, text)
    true("10,000 received = 7,000 delivered + 2,990 forwarded + 3 punted + 7 dropped; 0 in flight" in text, text)


@case("shares are judged against chance in standard deviations")
def judged():
    true("within chance: the farthest is 0.7 standard deviations off" in show(report())[1], show(report())[1])
    far = report()
    far["pools"]["demo"]["nodes"]["one"]["flows_started"] = 900
    true("beyond chance" in show(far)[1], show(far)[1])
    largest, reach = show_report.chance([0.5, 0.5], [60, 40])
    equal(round(largest, 6), 2.0)
    true(2.5 < reach < 3.0, f"reach {reach}")


@case("bars and colour are for terminals only")
def terminals():
    true("\033[" not in show(report())[1] and "█" not in show(report())[1], "a bar in a pipe")
    text = show(report(), terminal=True)[1]
    true("\033[" in text and "█" in text, text)


@case("a report that does not balance, or holds no packet, or is none, is refused")
def refused():
    broken = report()
    broken["balance"]["received"] = 10001
    equal(show(broken)[0], 1)
    flying = report()
    flying["balance"].update(in_flight=3, dropped=4)
    equal(show(flying)[0], 1)
    empty = report(dropped={}, balance=dict.fromkeys(report()["balance"], 0))
    status, text = show(empty)
    equal(status, 1)
    true("no packet was received" in text, text)
    equal(show("[]")[0], 1)
    equal(show("nonsense")[0], 1)


run()
