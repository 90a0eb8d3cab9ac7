#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Memory a flow, a node and a service cost, by what processes have resident: one JSON object a line.

Flows: path_bench with every flow tracked, many of them beside few. Nodes and services: sluiced with many
beside few of them, when it answers.
"""

import json
import os
import statistics
import subprocess
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "tests", "support"))
import daemon  # noqa: E402

PROGRAM = os.path.join(TOP, "build", "tests", "bench", "path_bench")
ROUNDS = 3
FLOWS_FEW, FLOWS = 1000, (1_000_000, 10_000_000)
NODES_FEW, NODES = 2, (1000, 10_000)
SERVICES_FEW, SERVICES = 2, (512, 4096)


def resident_of_flows(flows):
    done = subprocess.run([PROGRAM, "--turns", "1", "--tracking", "full", "--flows", str(flows)],
                          stdout=subprocess.PIPE, check=True, text=True)
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    return next(figure["value"] for figure in figures if figure["name"] == "memory: resident")


def resident_of_daemon(nodes, services):
    with daemon.Folder() as folder:
        conf = daemon.configuration(
            folder, [{"name": "p0", "device": "net_null0", "promiscuous": True}],
            [{"name": "web", "nodes": [
                {"name": f"r{i}", "address": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "encap": "ipip", "port": "p0",
                 "mac": "02:00:00:00:00:11"} for i in range(1, nodes + 1)]}],
            [{"name": f"s{i}", "address": f"192.0.{i >> 8}.{i & 255}", "protocol": "tcp", "ports": [80], "pool": "web"}
             for i in range(services)])
        conf["ports"][0]["addresses"] = ["198.51.100.2/24"]
        with daemon.Daemon(folder, conf) as sluiced:
            sluiced.ready()
            with open(f"/proc/{sluiced.process.pid}/status", encoding="utf-8") as file:
                kilobytes = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
            sluiced.stop()
    return 1024 * kilobytes


def tell(name, few, many, measure, **more):
    """Octets that each of `many` costs more than `few` do."""
    values = sorted((measure(many) - measure(few)) / (many - few) for _ in range(ROUNDS))
    print(json.dumps({"name": f"memory: a {name}", "unit": "octets", "value": round(statistics.median(values), 1),
                      "min": round(values[0], 1), "median": round(statistics.median(values), 1),
                      "max": round(values[-1], 1), "turns": ROUNDS, "flows": 0, "nodes": 100, "workers": 0, **more}),
          flush=True)


def main():
    for flows in FLOWS:
        tell("tracked flow", FLOWS_FEW, flows, resident_of_flows, flows=flows)
    for nodes in NODES:
        tell("node", NODES_FEW, nodes, lambda count: resident_of_daemon(count, 1), nodes=nodes)
    for services in SERVICES:
        tell("service", SERVICES_FEW, services, lambda count: resident_of_daemon(1, count), nodes=1, services=services)
    return 0


if __name__ == "__main__":
    sys.exit(main())
