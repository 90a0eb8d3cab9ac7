#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Peers that DPDK's packages bring, measured in one run: one JSON object a line.

peer_bench: rte_hash, EFD, a ring, on the same floor. testpmd's io and macswap between two net_null
ports: cycles of processor time per packet (no headers are written there, so it is below our floor).
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "tests", "bench")
SECONDS = 2
TICKS = os.sysconf("SC_CLK_TCK")


def run(program, *arguments):
    done = subprocess.run([os.path.join(BUILD, program), *arguments], stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def thread_seconds(pid, name):
    """Processor time of the threads of a name."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as file:
            command, _, fields = file.read().partition("(")[2].rpartition(")")
        if command.startswith(name):
            total += sum(int(field) for field in fields.split()[11:13])
    return total / TICKS


def testpmd(mode):
    """Packets per second of processor time of the forwarding thread."""
    process = subprocess.Popen(
        ["dpdk-testpmd", "-l", "0,1", "--no-huge", "--no-shconf", "--no-pci", "-m", "256", "--file-prefix",
         f"peer{os.getpid()}", "--vdev", "net_null0,size=64", "--vdev", "net_null1,size=64", "--",
         f"--forward-mode={mode}", "--nb-cores=1", "--burst=32", "--total-num-mbufs=8192", "--auto-start"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(1 + SECONDS)
    seconds = thread_seconds(process.pid, "lcore-worker") or thread_seconds(process.pid, "rte-worker")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    packets = int(re.findall(r"TX-packets: (\d+)", output)[-1])
    return packets / seconds if seconds else 0


def main(arguments):
    figures = run("peer_bench", *arguments)
    for figure in figures:
        print(json.dumps(figure), flush=True)
    hertz = 1e6 * figures[0]["tsc_mhz"]
    for mode in ("io", "macswap"):
        if not shutil.which("dpdk-testpmd"):
            print("peers: dpdk-testpmd is not installed", file=sys.stderr)
            break
        values = sorted(hertz / testpmd(mode) for _ in range(3))
        print(json.dumps({"name": f"peer testpmd {mode}", "unit": "cycles/packet", "value": round(values[1], 2),
                          "min": round(values[0], 2), "max": round(values[2], 2), "ports": 2}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
