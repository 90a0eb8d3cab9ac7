#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A cluster of three members on three nodes of etcd, all on this machine: changes a second, and how long after a
change is answered at one member another has it. One JSON object a line.

    client -> d1 -> etcd (three nodes) -> d1, d2, d3
"""

import json
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import crew  # noqa: E402
import daemon  # noqa: E402
import etcd  # noqa: E402

TURNS, CHANGES, CLIENTS, FOLLOWED = 3, 300, 10, 60


def tell(name, unit, values, **more):
    print(json.dumps({"name": f"cluster: {name}", "unit": unit, "value": round(statistics.median(values), 2),
                      "min": round(min(values), 2), "median": round(statistics.median(values), 2),
                      "max": round(max(values), 2), "turns": len(values), "flows": 0, "nodes": 3, "workers": 1,
                      "members": 3, "stores": 3, **more}), flush=True)


def changes(session, count, weight=0):
    for number in range(count):
        session.result("node.set_weight", pool="web", node="a", weight=1 + (weight + number) % 90)


def one_client(member):
    begin = time.perf_counter()
    changes(member.session, CHANGES)
    return CHANGES / (time.perf_counter() - begin)


def all_members(members):
    threads = [threading.Thread(target=changes, args=(member.session, CHANGES // len(members), 30 * number))
               for number, member in enumerate(members)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CHANGES // len(members) * len(members) / (time.perf_counter() - begin)


def many_clients(member):
    sessions = [daemon.Session(member.conf["control"]["socket"]) for _ in range(CLIENTS)]
    threads = [threading.Thread(target=changes, args=(session, CHANGES // CLIENTS, 9 * number))
               for number, session in enumerate(sessions)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CHANGES // CLIENTS * CLIENTS / (time.perf_counter() - begin)


def follow(one, other):
    """Milliseconds from an answer at one member until another says that generation."""
    gaps = []
    for number in range(FOLLOWED):
        wanted = one.result("node.set_weight", pool="web", node="b", weight=1 + number)["generation"]
        begin = time.perf_counter()
        while other.result("status")["generation"] < wanted:
            pass
        gaps.append(1000 * (time.perf_counter() - begin))
    return gaps


def main():
    with daemon.Folder() as folder, etcd.Etcd(folder) as nodes:
        members = [crew.Member(folder, crew.store(nodes), f"d{number}", slots=65536).start() for number in (1, 2, 3)]
        try:
            for member in members:
                member.joined()
            tell("changes by one client", "changes/s", [one_client(members[0]) for _ in range(TURNS)])
            tell("changes by ten clients at one member", "changes/s", [many_clients(members[0]) for _ in range(TURNS)])
            tell("changes by a client at each member", "changes/s", [all_members(members) for _ in range(TURNS)])
            crew.agree(members)
            tell("until another member has it", "ms", follow(members[0], members[1]))
        finally:
            for member in members:
                member.__exit__()


main()
