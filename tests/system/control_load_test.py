#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The control socket while packets come as fast as they can: balance in every answer, changes kept. How
fast they are: scripts/bench control.

    capture again and again -> sluiced (rx and control on one CPU, a worker on another) <- client
"""

import json
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402


class Busy:
    def __init__(self, **more):
        self.folder = daemon.Folder().__enter__()
        self.daemon = daemon.Daemon(self.folder, control.conf(
            self.folder, port=control.busy(self.folder), slots=65536,
            control={"state": self.folder.file("state")}, **more))

    def __enter__(self):
        self.daemon.ready()
        self.session = daemon.Session(self.daemon.socket)
        self.session.sees()
        return self

    def __exit__(self, *_):
        self.session.__exit__()
        self.daemon.__exit__()
        self.folder.__exit__()


@case("received is delivered + forwarded + punted + dropped + in_flight in 1,000 reads under load")
def balance():
    with Busy() as busy:
        before = 0
        for number in range(1000):
            stats = busy.session.result("stats")
            parts = stats["balance"]
            equal(parts["received"], sum(parts[name] for name in (
                "delivered", "forwarded", "punted", "dropped", "in_flight")), f"read {number}")
            equal(parts["dropped"], sum(stats["dropped"].values()), f"drops of read {number}")
            true(all(value >= 0 for value in parts.values()), parts)
            true(parts["received"] >= before, f"received went back: {parts}")
            before = parts["received"]
            if number % 100 == 0:
                busy.session.result("node.set_weight", pool="web", node="a", weight=1 + number)
        busy.session.sees(100000)


@case("2,000 changes in one go are made in their order, with traffic and a state file; no packet is lost by them")
def rate():
    with Busy() as busy:
        count = 2000
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(busy.daemon.socket)
            lines = client.makefile("rb")
            client.sendall(b"".join(json.dumps(
                {"jsonrpc": "2.0", "id": number, "method": "node.set_weight",
                 "params": {"pool": "web", "node": "b", "weight": 50 + number % 50}}).encode() + b"\n"
                for number in range(count)))
            for number in range(count):
                answer = json.loads(lines.readline())
                equal((answer["id"], answer["result"]["generation"]), (number, number + 2), "answer")
        dropped = busy.session.result("stats")["dropped"]
        lost = {name: dropped[name] for name in ("no_node", "queue_full", "tx_failed")}
        equal(sum(lost.values()), 0, f"drops: {dropped}")


@case("a receive core and its worker on one CPU, both polling, pass on what they receive")
def shared():
    with Busy(dataplane={"rx_cpus": [daemon.CPUS[0]], "worker_cpus": [daemon.CPUS[0]], "idle": "poll",
                         "queue_full": "drop"}) as busy:
        for _ in range(10):
            balance = busy.session.result("stats")["balance"]
            busy.session.sees(balance["received"] + 10000)
            busy.session.sees(balance["delivered"] + 10000, "delivered")


def each(session):
    """Packets that went to nodes a and b."""
    nodes = session.result("stats")["pools"]["web"]["nodes"]
    return [nodes[name]["packets"] - nodes[name]["queue_dropped"] for name in "ab"]


@case("control, a receive core and two workers on one CPU, all polling: each gets on, and changes are made")
def all_on_one():
    cpu = daemon.CPUS[0]
    with Busy(dataplane={"rx_cpus": [cpu], "worker_cpus": [cpu, cpu], "idle": "poll", "queue_full": "drop"},
              nodes=[control.node("a"), control.node("b", worker=1)]) as busy:
        generation = busy.session.result("stats")["generation"]
        for number in range(20):
            before = each(busy.session)
            busy.session.result("node.set_weight", pool="web", node="a", weight=90 + number)
            until(lambda: all(new > old + 1000 for new, old in zip(each(busy.session), before)),
                  f"1,000 packets more for each worker, after {number} changes")
        equal(busy.session.result("stats")["generation"] - generation, 20, "changes made")


if __name__ == "__main__":
    run()
