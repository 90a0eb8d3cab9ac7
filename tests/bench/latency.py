#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Latency through a running daemon at shares of its capacity: one JSON object a line.

    latency_bench, last CPU -- net_memif -- sluiced, first CPU: IPIP to one node, back by the same port
"""

import os
import subprocess
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "tests", "support"))
import daemon  # noqa: E402

PROGRAM = os.path.join(TOP, "build", "tests", "bench", "latency_bench")


def receiver(pid):
    """The schedstat of the receive core's thread."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8") as file:
            if file.read().strip() in ("rte-worker-1", "lcore-worker-1"):
                return f"/proc/{pid}/task/{task}/schedstat"
    raise SystemExit("latency: sluiced has no receive core")


def main(arguments):
    if len(daemon.CPUS) < 2:
        print("latency: it takes two CPUs", file=sys.stderr)
        return 0
    with daemon.Folder() as folder:
        conf = daemon.configuration(
            folder,
            [{"name": "p0", "device": f"net_memif0,role=server,id=0,socket-abstract=no,socket={folder.file('memif')}",
              "promiscuous": True, "addresses": ["192.0.2.2/24"]}],
            [{"name": "web", "nodes": [{"name": "r1", "address": "192.0.2.11", "encap": "ipip", "port": "p0",
                                        "mac": "02:00:00:00:00:11"}]}],
            [{"name": "all", "address": "any", "pool": "web"}],
            dataplane={"worker_cpus": [], "idle": "poll"})
        with daemon.Daemon(folder, conf) as sluiced:
            sluiced.ready()
            status = subprocess.run([PROGRAM, folder.file("memif"), receiver(sluiced.process.pid), *arguments],
                                    check=False).returncode
            if status:
                print(sluiced.log(), file=sys.stderr)
            sluiced.stop()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
