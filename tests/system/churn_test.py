#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Live connections keep their nodes while everything changes: the daemon between a TAP device and workers
that write captures, with changes through the socket and through SIGHUP.

    this script -- AF_PACKET -> TAP -> sluiced, two receive cores -> workers that write captures
"""

import collections
import json
import os
import random
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

SECONDS = 10
FLOWS = 250
IDLE = "3s"
SILENCE = 2.5  # seconds, below the idle timeout
STEADY = 0.2  # of all flows: with fewer of them the machine stood still, and nothing can be said
ROUND = 0.25  # seconds in which every live flow sends once
SYN, ACK = 2, 16


class Flow:
    """A connection: a beginning, then a packet a round until it is over."""

    def __init__(self, number):
        self.tcp = number % 2 == 0
        self.key = struct.pack(">4sHB", socket.inet_aton(f"198.51.{100 + number // 200}.{number % 200 + 1}"),
                               1024 + number % 60000, 6 if self.tcp else 17)
        self.sequence = random.getrandbits(32)
        self.begun = False
        self.rounds = random.randrange(4, 40)
        self.sent = []  # when, packet by packet; its number is in the packet

    def send(self, out):
        self.sent.append(time.time())
        out.send(self.frame(len(self.sent)))

    def is_steady(self, seen):
        """Whether the daemon can never have found it silent for an idle timeout. `seen`: by number when a
        worker wrote a packet, which was after the daemon received it, as it was after it was sent."""
        numbers = sorted(seen)
        return all(seen[after] - self.sent[before - 1] < SILENCE for before, after in zip(numbers, numbers[1:]))

    def frame(self, number):
        source, port, protocol = struct.unpack(">4sHB", self.key)
        if self.tcp:
            flags = ACK if self.begun else SYN
            body = struct.pack(">HHIIBBHHH", port, 80, self.sequence, 0, 5 << 4, flags, 1024, 0, 0)
            self.sequence = (self.sequence + 1) & 0xffffffff
        else:
            body = struct.pack(">HHHH", port, 80, 12, 0) + b"flow"
        self.begun = True
        self.rounds -= 1
        head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), number, 0, 64, protocol, 0, source,
                           socket.inet_aton("192.0.2.10"))
        total = sum(struct.unpack(">10H", head))
        total = (total & 0xffff) + (total >> 16)
        total = ~((total & 0xffff) + (total >> 16)) & 0xffff
        head = head[:10] + struct.pack(">H", total) + head[12:]
        return bytes.fromhex("02000000aa0102000000aa020800") + head + body


def node(name, weight):
    return {"name": name, "worker": len(name) % 2, "handler": "capture", "file": f"{name}.pcapng",
            "weight": weight}


class Changes:
    """Random changes that must not break a live connection; the files of all nodes there ever were."""

    def __init__(self, one, folder, conf):
        self.one, self.folder, self.conf = one, folder, conf
        self.session = daemon.Session(one.socket)
        self.nodes = [f"n{number}" for number in range(4)]
        self.made = len(self.nodes)
        self.count = 0

    def call(self, method, **params):
        answer = self.session.call(method, **params)
        true("result" in answer, f"{method} {params}: {answer}")
        self.count += 1

    def dispatched(self):
        stats = self.session.result("stats")
        return stats["balance"]["received"] - stats["dropped"]["no_service"]  # services come and go

    def any(self):
        return {"pool": "web", "node": random.choice(self.nodes)}

    def add(self):
        name = f"n{self.made}" + "x" * (self.made % 2)
        self.made += 1
        self.nodes.append(name)
        new = node(name, random.randrange(1, 100))
        self.call("node.add", pool="web", node=new.pop("name"), **new)

    def remove(self):
        if len(self.nodes) > 2:
            self.call("node.remove", pool="web", node=self.nodes.pop(random.randrange(len(self.nodes))))

    def reload(self):
        """A service at another pool, by the file."""
        spare = [node(f"s{self.made}" + "x" * (self.made % 2), 10)]
        self.made += 1
        pools = self.conf["pools"]
        pools[1:] = [dict(pools[0], name=f"spare{self.made}", nodes=spare)]
        target = pools[1]["name"] if self.conf["services"][0]["pool"] == "web" else "web"
        self.conf["services"][0]["pool"] = target
        self.services()
        self.apply()

    def services(self):
        """TCP becomes another service's, under another name each time, or falls back to the first one."""
        pools, services = self.conf["pools"], self.conf["services"]
        if len(services) > 1 and random.randrange(3) == 0:
            del services[1:]
        else:
            services[1:] = [{"name": f"tcp{self.made}", "address": "192.0.2.10", "protocol": "tcp",
                             "pool": random.choice(pools)["name"]}]

    def apply(self):
        pools = self.conf["pools"]
        running = self.session.call("nodes")["result"]
        weights = (running.get("nodes") or running)["web"]
        pools[0]["nodes"] = [node(name, weights[name]["weight"]) for name in self.nodes]
        self.folder.write("sluiced.yaml", json.dumps(self.conf))
        self.one.process.send_signal(signal.SIGHUP)
        self.count += 1

    def make(self):
        what = random.randrange(10)
        if what < 4:
            self.call("node.set_weight", weight=random.randrange(0, 100), **self.any())
        elif what < 6:
            self.add()
        elif what < 7:
            self.remove()
        elif what < 8:
            self.call("node.drain", **self.any())
        else:
            self.call("node.enable", **self.any())


def traffic(interface, changes):
    """Births, deaths, packets and changes; returns all flows."""
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    flows, every, number = [], [], 0
    end = time.monotonic() + SECONDS
    reload_at = [time.monotonic() + SECONDS * part for part in (0.3, 0.7)]
    service_at = [time.monotonic() + SECONDS * part for part in (0.15, 0.45, 0.55, 0.85)]
    while time.monotonic() < end:
        start = time.monotonic()
        flows = [flow for flow in flows if flow.rounds > 0]
        while len(flows) < FLOWS:
            flows.append(Flow(number))
            every.append(flows[-1])
            number += 1
        for place, flow in enumerate(flows):
            flow.send(out)
            if place % 60 == 0:
                changes.make()
        if reload_at and start > reload_at[0]:
            reload_at.pop(0)
            changes.reload()
        if service_at and start > service_at[0]:
            service_at.pop(0)
            changes.made += 1
            changes.services()
            changes.apply()
        time.sleep(max(0, ROUND - (time.monotonic() - start)))
    out.close()
    return every


def places(folder):
    """Per key the nodes that got its packets, and when which packet was written."""
    nodes, seen = collections.defaultdict(set), collections.defaultdict(dict)
    for name in os.listdir(folder.path):
        if not name.endswith(".pcapng"):
            continue
        for seconds, packet in daemon.read_stamped(folder.file(name)):
            key = packet[26:30] + packet[34:36] + packet[23:24]
            nodes[key].add(name)
            seen[key][int.from_bytes(packet[18:20], "big")] = seconds
    return nodes, seen


def lost_before(interface):
    """Packets that the TAP device had no room for: the daemon was kept from the CPU."""
    with open(f"/sys/class/net/{interface}/statistics/tx_dropped", encoding="ascii") as file:
        return int(file.read())


def configure(folder, interface):
    cpus = [daemon.CPUS[0], daemon.CPUS[-1]]
    pools = [{"name": "web", "slots": 4096, "flow_entries": 16384,
              "idle_timeout": {"tcp": IDLE, "udp": IDLE, "other": IDLE},
              "nodes": [node(f"n{number}", 10) for number in range(4)]}]
    return daemon.configuration(
        folder, [{"name": "p0", "device": f"net_tap0,iface={interface}", "promiscuous": True,
                  "arp": "off"}],
        pools, [{"name": "vip", "address": "192.0.2.10", "pool": "web"}],
        dataplane={"rx_cpus": cpus, "worker_cpus": cpus})


@case("no live connection changes its node through weights, adds, removes, drains and services that come, go and take packets of others")
def nothing_breaks():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        raise Skip("a TAP device needs root and /dev/net/tun")
    seed = int(os.environ.get("SEED", random.randrange(1000000)))
    random.seed(seed)
    interface = f"slc{os.getpid()}"
    with daemon.Folder() as folder:
        conf = configure(folder, interface)
        with daemon.Daemon(folder, conf) as one:
            one.ready()
            changes = Changes(one, folder, conf)
            flows = traffic(interface, changes)
            early = lost_before(interface)
            sent = sum(len(flow.sent) for flow in flows)
            until(lambda: changes.dispatched() >= sent - early, f"{sent} packets, {early} of them lost early")
            equal(one.stop(), 0, f"exit status\n{one.log()}")
            daemon.balanced(one.report())
        nodes, seen = places(folder)
        steady = [flow.key for flow in flows if flow.is_steady(seen[flow.key])]
        broken = {key.hex(): sorted(nodes[key]) for key in steady if len(nodes[key]) > 1}
        lost = sum(not nodes[flow.key] for flow in flows)
        print(f"# seed {seed}: {len(flows)} flows, {len(steady)} of them steady, {changes.count} changes, "
              f"{early} packets lost before the daemon")
        equal(broken, {}, f"flows at several nodes, seed {seed}, after {changes.count} changes\n{one.log()}")
        true(lost <= early, f"{lost} flows of {len(flows)} came nowhere, seed {seed}\n{one.log()}")
        if len(steady) < STEADY * len(flows) or changes.count <= 20:
            raise Skip(f"the machine stood still: {len(steady)} of {len(flows)} flows were steady")


run(CASES)
