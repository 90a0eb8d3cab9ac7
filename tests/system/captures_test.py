#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real captures through the real daemon, read by tshark beside.

    captures, 15 at a time --> ports --> sluiced --> 3 capture workers (files)
                                                 +--> 2 remote nodes, IPIP and GUE (p0's output)

For every batch: no crash, status 0, the balance holds with nothing in flight; every packet that went to
a node is one that came, unchanged; none that is sound is dropped; every five-tuple, every datagram's fragments and every ICMP error with
the flow that it quotes are on one node.
"""

import collections
import glob
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import TOP, CASES, Failed, Skip, case, run, true  # noqa: E402
import daemon  # noqa: E402
import reading  # noqa: E402

FOLDER = os.path.join(TOP, "..", "shared", "captures")
BATCH = 15
MTU, OVERHEAD = 9700, 40 + 12
WORKERS = ("w0", "w1", "w2")
REMOTES = {"r4": "10.0.0.11", "r6": "2001:db8:1::12"}


def link_type(path):
    """Link type and number of frames; None when it cannot be read."""
    with open(path, "rb") as file:
        head = file.read(24)
    if len(head) < 24 or head[:4] == b"\x0a\x0d\x0d\x0a":
        return 1
    order = "little" if head[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else "big"
    return int.from_bytes(head[20:24], order) & 0xFFFF


def captures():
    paths = sorted(glob.glob(os.path.join(FOLDER, "*", "*.pcap*")))
    return [path for path in paths if link_type(path) == 1 and daemon.read_pcap(path)]


def conf(folder, paths):
    ports = []
    for number, path in enumerate(paths):
        os.symlink(os.path.realpath(path), folder.file(f"in{number}"))
        ports.append({"name": f"p{number}", "arp": "off", "mtu": MTU,
                      "device": f"net_pcap{number},rx_pcap=in{number},tx_pcap=out{number}.pcap"})
    ports[0].update(addresses=["192.0.2.2/24", "2001:db8::2/64"],
                    gateway={"address": "192.0.2.1", "mac": "02:00:00:00:00:01"})
    nodes = [{"name": name, "worker": 0, "handler": "capture", "file": f"{name}.pcapng", "weight": 1}
             for name in WORKERS]
    nodes += [{"name": name, "address": address, "encap": encap, "port": "p0", "weight": 1,
               "mac": "02:00:00:00:00:11"}
              for (name, address), encap in zip(REMOTES.items(), ("ipip", "gue"))]
    return daemon.configuration(folder, ports, [{"name": "all", "nodes": nodes}],
                                [{"name": "all", "address": "any", "pool": "all"}],
                                dataplane={"memory_mb": 512, "packet_buffers": 32768})


def outputs(folder):
    """(node, IP packet) of everything that went to a node."""
    for name in WORKERS:
        path = folder.file(f"{name}.pcapng")
        for frame in daemon.read_pcap(path) if os.path.exists(path) else []:
            yield name, reading.ip_packet(frame)
    addresses = {socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text): name
                 for name, text in REMOTES.items()}
    for frame in daemon.read_pcap(folder.file("out0.pcap")):
        if frame[:6] == bytes.fromhex("020000000011"):
            target, packet = reading.inner_packet(frame)
            yield addresses[target], packet


def nodes_of_packets(folder):
    nodes = collections.defaultdict(collections.Counter)
    for node, packet in outputs(folder):
        nodes[packet][node] += 1
    return nodes


def check_unchanged(frames, nodes, report):
    came = collections.Counter(reading.ip_packet(frame) for frame in frames)
    for packet, where in nodes.items():
        if sum(where.values()) > came[packet]:
            raise Failed(f"{sum(where.values())} times out, {came[packet]} times in, at {dict(where)}: "
                         f"{packet.hex()}")
    balance = report["balance"]
    true(sum(sum(where.values()) for where in nodes.values()) == balance["delivered"] + balance["forwarded"],
         f"the outputs hold other numbers of packets than {balance}")


def check_none_lost(packets, frames, nodes):
    """What tshark finds sound went to a node: unless it is too large for a tunnel."""
    for number, (packet, frame) in enumerate(zip(packets, frames), 1):
        if packet.sound and packet.size <= MTU - OVERHEAD and reading.ip_packet(frame) not in nodes:
            raise Failed(f"frame {number} of the batch, {packet.key}, was dropped: {frame.hex()}")


def check_one_node(packets, frames, nodes):
    """Flows, then datagrams, then errors: each on one node."""
    groups = collections.defaultdict(set)
    datagrams = {}
    for packet, frame in zip(packets, frames):
        where = nodes.get(reading.ip_packet(frame))
        if packet.key is None or not where:
            continue
        if packet.fragment:
            # A datagram is judged with its first fragment's flow when that is here.
            if packet.first:
                datagrams[packet.datagram] = packet.key
            groups["datagram", packet.datagram].update(where)
        elif not packet.error:
            groups["flow", packet.key].update(where)
    for datagram, key in datagrams.items():
        groups["flow", key].update(groups["datagram", datagram])
    return [f"{kind} {key}: {sorted(where)}" for (kind, key), where in groups.items() if len(where) > 1]


def batch(paths):
    with daemon.Folder() as folder:
        report = daemon.run(folder, conf(folder, paths))
        frames = [frame for path in paths for frame in daemon.read_pcap(path)]
        true(report["balance"]["received"] == len(frames),
             f"{len(frames)} frames came, {report['balance']['received']} were received")
        nodes = nodes_of_packets(folder)
        check_unchanged(frames, nodes, report)
        packets = reading.read_frames(frames)
        check_none_lost(packets, frames, nodes)
        apart = check_one_node(packets, frames, nodes)
        true(not apart, "on several nodes:\n" + "\n".join(apart[:20]))


def add_cases():
    paths = captures()
    if not paths:
        def absent():
            raise Skip("there is no folder ../shared/captures beside the checkout")
        case("real captures go through unchanged, each flow on one node")(absent)
    for start in range(0, len(paths), BATCH):
        part = paths[start:start + BATCH]
        names = f"{os.path.basename(part[0])} to {os.path.basename(part[-1])}"
        case(f"{len(part)} captures, {names}, go through unchanged, each flow on one node")(
            lambda part=part: batch(part))


add_cases()
run(CASES)
