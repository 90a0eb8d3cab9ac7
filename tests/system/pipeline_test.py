#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real captures -> handlers -> results: what `results --json` says is what tshark counts, with weights
changed while packets flow. A service whose handler is held stops the receive core in the middle."""

import collections
import functools
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from scapy.all import IP, UDP, raw  # noqa: E402

from control import ctl  # noqa: E402
from tap import TOP, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import reading  # noqa: E402

FOLDER = os.path.join(TOP, "..", "shared", "captures")
COUNT = os.path.join(daemon.BUILD, "lib", "sluice", "count.so")
SLOW = os.path.join(daemon.BUILD, "tests", "slow.so")
CAPTURES, LEAST = 6, 40  # so many, each of so many packets at least
STALL = "203.0.113.99"
RING = 64


def counts(packet):
    """Whether it has an IP header: then sluice and tshark must both be sure of it."""
    return packet.key is not None


@functools.lru_cache
def captures():
    """Captures of Ethernet frames in which every IP packet is whole, and what tshark reads in each."""
    chosen = []
    for path in sorted(glob.glob(os.path.join(FOLDER, "*", "*.pcap"))):
        with open(path, "rb") as file:
            head = file.read(24)
        if head[:4] != b"\xd4\xc3\xb2\xa1" or head[20:24] != b"\x01\0\0\0" or os.path.getsize(path) > 400000:
            continue
        packets = reading.read(path)
        ours = [packet for packet in packets if counts(packet)]
        if len(ours) >= LEAST and len({packet.key[0] for packet in ours}) > 1 and all(packet.sound for packet in ours):
            chosen.append((path, ours))
        if len(chosen) == CAPTURES:
            break
    if not chosen:
        raise Skip("there are no captures beside the checkout")
    return chosen


def stall():
    """More packets for the held handler than its ring has room for."""
    data = raw(IP(src="198.51.100.1", dst=STALL) / UDP(sport=1, dport=9) / b"12345678")
    return [bytes.fromhex("0270636170000200000000010800") + data] * (4 * RING)


def start(folder, chosen, node):
    ports = []
    for number, (path, _) in enumerate(chosen):
        os.symlink(os.path.realpath(path), folder.file(f"in{number}"))
        ports.append({"name": f"p{number}", "arp": "off", "device": f"net_pcap{number},rx_pcap=in{number},tx_pcap=/dev/null"})
    daemon.write_pcap(folder.file("stall.pcap"), stall())
    ports.append({"name": "stall", "arp": "off", "device": "net_pcap99,rx_pcap=stall.pcap,tx_pcap=/dev/null"})
    held = {"name": "h", "worker": 2, "handler": "plugin", "file": SLOW, "options": {"hold": folder.write("hold", "")}, "weight": 1}
    pools = [{"name": "inspect", "nodes": [dict(node, name=f"w{i}", worker=i, weight=1) for i in range(2)]},
             {"name": "stalled", "nodes": [held]}]
    services = [{"name": "stall", "address": STALL, "pool": "stalled"}, {"name": "rest", "address": "any", "pool": "inspect"}]
    return daemon.Daemon(folder, daemon.configuration(
        folder, ports, pools, services,
        dataplane={"worker_cpus": [daemon.CPUS[i % len(daemon.CPUS)] for i in range(3)], "ring_size": RING}))


def run_through(chosen, node):
    """The answer of `results --json` once all packets are through, weights changed on their way."""
    total = sum(len(packets) for _, packets in chosen)
    with daemon.Folder() as folder:
        with start(folder, chosen, node) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                taken = lambda: sum(row["packets"] for row in session.result("stats")["pools"]["inspect"]["nodes"].values())  # noqa: E731
                until(lambda: session.result("stats")["pools"]["stalled"]["nodes"]["h"]["packets"] > RING, "it stands still")
                true(taken() < total, "all packets were through before a weight changed")
                for weight in ("5", "0.25", "3", "9", "1.5"):
                    ctl(one.socket, "set-weight", "inspect/w1", weight)
                os.unlink(folder.file("hold"))
                until(lambda: taken() == total, "all packets are through")
                until(lambda: session.result("stats")["balance"]["in_flight"] == 0, "nothing is in flight")
            answer = json.loads(ctl(one.socket, "--json", "results", "inspect", "--top", "5000").out)
            equal(one.stop(), 0, "exit status")
    return answer


def rows_of(answer):
    return {row["key"]: [row["packets"], row["octets"]] for row in answer["rows"]}


def counted(chosen, key_of):
    rows = collections.defaultdict(lambda: [0, 0])
    for _, packets in chosen:
        for packet in packets:
            key = key_of(packet)
            if key:
                rows[key][0] += 1
                rows[key][1] += packet.size
    return dict(rows)


@case("a tally of real captures by source is tshark's")
def by_source():
    chosen = captures()
    answer = run_through(chosen, {"handler": "tally", "options": {"key": "src"}})
    wanted = counted(chosen, lambda packet: packet.key[0])
    equal(rows_of(answer), wanted, "rows")
    equal([answer["total"]["packets"], answer["total"]["lost"]], [sum(p for p, _ in wanted.values()), 0], "total")


@case("a user's handler counts networks of real captures as tshark does")
def by_network():
    chosen = captures()
    answer = run_through(chosen, {"handler": "plugin", "file": COUNT})
    wanted = counted(chosen, lambda packet: ".".join(packet.key[0].split(".")[:2]) + ".0.0/16" if "." in packet.key[0] else None)
    equal(rows_of(answer), wanted, "rows")


run()
