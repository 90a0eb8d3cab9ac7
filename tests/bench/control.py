#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Changes through the control socket of a running daemon, most of them while packets come as fast as they can:
one JSON object a line.

    capture again and again -> sluiced (rx and control on one CPU, a worker on another) <- client
"""

import json
import os
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import control  # noqa: E402
import daemon  # noqa: E402

TURNS = 3
CHANGES, AT_ONCE = 500, 2000
NODES = 40000


class Running:
    """A daemon with a state file; busy: with traffic."""

    def __init__(self, busy=True, **more):
        self.folder = daemon.Folder().__enter__()
        port = control.busy(self.folder) if busy else None
        self.conf = control.conf(self.folder, port=port, control={"state": self.folder.file("state")},
                                 **{"slots": 65536, **more})
        self.start()

    def start(self):
        self.daemon = daemon.Daemon(self.folder, self.conf)
        self.daemon.ready()
        self.session = daemon.Session(self.daemon.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.__exit__()
        self.daemon.__exit__()
        self.folder.__exit__()


def tell(name, unit, values, **more):
    print(json.dumps({"name": f"control: {name}", "unit": unit, "value": round(statistics.median(values), 2),
                      "min": round(min(values), 2), "median": round(statistics.median(values), 2),
                      "max": round(max(values), 2), "turns": len(values), "flows": 300, "nodes": 3, "workers": 1,
                      **more}), flush=True)


def one_after_the_other():
    p50, p99 = [], []
    for _ in range(TURNS):
        with Running() as running:
            running.session.sees(100000)
            times = []
            for number in range(CHANGES):
                start = time.monotonic()
                running.session.result("node.set_weight", pool="web", node="a", weight=50 + number % 50)
                times.append(1e3 * (time.monotonic() - start))
        times.sort()
        p50.append(times[CHANGES // 2])
        p99.append(times[CHANGES * 99 // 100])
    tell("a change is answered, p50", "ms", p50)
    tell("a change is answered, p99", "ms", p99)


def at_once():
    rates = []
    requests = b"".join(json.dumps({"jsonrpc": "2.0", "id": number, "method": "node.set_weight", "params": {
        "pool": "web", "node": "b", "weight": 50 + number % 50}}).encode() + b"\n" for number in range(AT_ONCE))
    for _ in range(TURNS):
        with Running() as running, socket.socket(socket.AF_UNIX) as client:
            running.session.sees(100000)
            client.connect(running.daemon.socket)
            lines = client.makefile("rb")
            start = time.monotonic()
            client.sendall(requests)
            for _ in range(AT_ONCE):
                lines.readline()
            rates.append(AT_ONCE / (time.monotonic() - start))
    tell("changes sent at once", "changes/s", rates)


def drains():
    late, deadline = [], 0.2
    with Running(busy=False, nodes=[control.node(f"n{number}") for number in range(10)]) as running:
        for number in range(1, 10):
            time.sleep(0.13)
            start = time.monotonic()
            running.session.result("node.drain", pool="web", node=f"n{number}", deadline=f"{1000 * deadline:.0f}ms")
            while running.session.result("nodes")["nodes"]["web"][f"n{number}"]["state"] == "draining":
                time.sleep(0.002)
            late.append(1e3 * (time.monotonic() - start - deadline))
    tell("a drain is cut after its deadline", "ms", late, flows=0, nodes=10)


def shared():
    """A receive core and its worker on one CPU."""
    cpu, shares = daemon.CPUS[0], []
    for _ in range(TURNS):
        with Running(dataplane={"rx_cpus": [cpu], "worker_cpus": [cpu], "idle": "poll",
                                "queue_full": "drop"}) as running:
            running.session.sees(10000)
            before = running.session.result("stats")["balance"]
            time.sleep(1)
            after = running.session.result("stats")["balance"]
        received, delivered = (after[name] - before[name] for name in ("received", "delivered"))
        shares.append(100 * delivered / max(1, received))
    tell("delivered with one CPU for receive core and worker", "%", shares)


def many():
    back, again = [], []
    with Running(busy=False, slots=1 << 20,
                 nodes=[control.node(f"n{number}", 1 + number % 7) for number in range(NODES)]) as running:
        running.session.result("node.remove", pool="web", node="n7", now=True)
        start = time.monotonic()
        running.session.result("rollback", generation=1)
        back.append(time.monotonic() - start)
        running.session.__exit__()
        running.daemon.__exit__()
        start = time.monotonic()
        running.start()
        again.append(time.monotonic() - start)
    tell("a rollback of a removed node", "s", back, flows=0, nodes=NODES)
    tell("a start from the state file", "s", again, flows=0, nodes=NODES)


def main():
    for bench in (one_after_the_other, at_once, drains, shared, many):
        bench()
    return 0


if __name__ == "__main__":
    sys.exit(main())
