#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The daemon on network cards: two Intel 82576 of a guest (support/guest.py), whose drivers, queues, checksums and
links are those of a NIC, unlike what interfaces of the kernel have.

    this test -- cable 0 -- p0 -- sluiced -- p1 -- cable 1 -- this test, as nodes with MAC addresses of their own
"""

import atexit
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, Failed, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import guest  # noqa: E402

try:
    from scapy.all import IP, UDP, Dot1Q, Ether
except ImportError:
    print("1..0 # SKIP scapy is missing: scripts/deps --test")
    sys.exit(0)

CLIENT_MAC = "02:00:00:00:00:01"
NODES = {f"r{number}": f"02:00:00:00:00:1{number}" for number in range(1, 4)}
SERVICE, TAGGED, BACK = "192.0.2.10", "192.0.2.11", "192.0.2.12"
FLOWS, AT_ONCE = 96, 32


def conf(queues):
    """Workers none, a receive core for each queue."""
    def node(name, port):
        return {"name": name, "address": f"10.0.0.{name[1:]}", "encap": "none", "port": port, "weight": 1,
                "mac": NODES[name]}

    ports = [{"name": f"p{number}", "device": f"0000:0{number + 1}:00.0", "mtu": 9000, "arp": "off",
              "neighbors": "static"} for number in range(2)]
    return {"dataplane": {"instance": "nic", "memory_mb": 224, "packet_buffers": 32768, "control_cpu": 0,
                          "rx_cpus": list(range(queues)), "worker_cpus": [], "hugepages": "require",
                          "hash_key": "00112233445566778899aabbccddeeff"},
            "ports": ports, "control": {"socket": "/run/nic.sock"},
            "pools": [{"name": "web", "tracking": "full", "nodes": [node(name, "p1") for name in NODES]},
                      {"name": "seven", "nodes": [node("r1", "p1")]},
                      {"name": "back", "nodes": [node("r2", "p0")]}],
            "services": [{"name": "tagged", "address": TAGGED, "vlan": 7, "pool": "seven"},
                         {"name": "back", "address": BACK, "pool": "back"},
                         {"name": "web", "address": SERVICE, "pool": "web"}]}


class Machine:
    """The one guest of all cases, started by the first."""

    def __init__(self):
        self.guest = self.folder = None

    def get(self):
        if self.guest is None:
            self.folder = daemon.Folder().__enter__()
            atexit.register(self.folder.__exit__)
            self.guest = guest.Guest(self.folder, {f"etc/{queues}.yaml": json.dumps(conf(queues))
                                                   for queues in (1, 2, 4)})
            atexit.register(self.guest.__exit__)
            self.guest.__enter__()
        return self.guest


MACHINE = Machine()


class Dispatcher:
    """The daemon in the guest, with a receive core for each of so many queues."""

    def __init__(self, queues):
        self.guest, self.queues = MACHINE.get(), queues
        self.cables = self.guest.cables

    def __enter__(self):
        self.guest.run(f"sluiced -c /etc/{self.queues}.yaml 2>/tmp/log >/dev/null & daemon=$!")
        until(self._is_ready, "the daemon's socket")
        until(lambda: self.links() == ["up", "up"], "both links up")
        return self

    def _is_ready(self):
        if self.guest.run("kill -0 $daemon; echo $?").split()[-1] != "0":
            raise Failed(f"sluiced has ended\n{self.log()}")
        return self.guest.run("test -S /run/nic.sock; echo $?") == "0"

    def __exit__(self, kind, *_):
        if kind:
            self.guest.run("kill -9 $daemon; wait $daemon; echo")

    def stop(self):
        """In good order."""
        equal(self.guest.run("kill $daemon; wait $daemon; echo $?").split()[-1], "0", self.log())

    def log(self):
        return self.guest.run("cat /tmp/log")

    def ask(self, verb):
        return json.loads(self.guest.run(f"sluicectl -s /run/nic.sock --timeout {PATIENCE:.0f}s --json {verb}"))

    def links(self):
        return [port["link"] for _, port in sorted(self.ask("status")["ports"].items())]

    def balance(self):
        return self.ask("stats")["balance"]

    def flows(self):
        """Their number in each core's table."""
        rows = [row["core"] for row in self.ask("flows web")["flows"]]
        return [rows.count(core) for core in range(self.queues)]

    def pass_on(self, frames, cable=0, out=1):
        """Sends frames that all come out again; those that came, in no order."""
        got = []
        for at in range(0, len(frames), AT_ONCE):
            self.cables[cable].send(*frames[at:at + AT_ONCE])
            got += self.cables[out].frames(len(frames[at:at + AT_ONCE]))
        return got


def frame(flow=0, target=SERVICE, card=0, tag=None, size=100):
    head = Ether(src=CLIENT_MAC, dst=guest.mac(card))
    head = head / Dot1Q(vlan=tag) if tag else head
    return bytes(head / IP(src="198.51.100.7", dst=target, ttl=64) / UDP(sport=1024 + flow, dport=53)
                 / bytes(index & 255 for index in range(size)))


def sent(data, card=1):
    """What goes on to whichever node, of a frame without a tag: the node's name and all behind the MAC addresses."""
    there = Ether(data)
    names = [name for name, mac in NODES.items() if mac == there.dst]
    equal((len(names), there.src), (1, guest.mac(card)), f"MAC addresses of {there.summary()}")
    return names[0], bytes(there[IP])[:len(data) - 14]


def passed(data):
    """All behind the MAC addresses of a frame without a tag, as a node gets it."""
    packet = Ether(data)[IP]
    packet.ttl -= 1
    del packet.chksum
    return bytes(packet)


def nodes_of_flows(queues):
    """The node of each flow, and the number of flows that each core had. Each comes twice."""
    with Dispatcher(queues) as one:
        true(f"{queues} receive queue" in one.log(), one.log())
        by_flow = {}
        for _ in range(2):
            for data in one.pass_on([frame(flow) for flow in range(FLOWS)]):
                name, packet = sent(data)
                flow = IP(packet)[UDP].sport - 1024
                equal(packet, passed(frame(flow)), f"flow {flow}")
                equal(by_flow.setdefault(flow, name), name, f"node of flow {flow}")
        cores = one.flows()
        one.stop()
        return by_flow, cores


@case("flows are spread over two and four queues by the card, each on one of them, and have the nodes they have with one")
def spread():
    wanted, cores = nodes_of_flows(1)
    equal((len(wanted), cores), (FLOWS, [FLOWS]), "flows, and flows by core, with one queue")
    equal(sorted(set(wanted.values())), sorted(NODES), "nodes that had flows")
    for queues in (2, 4):
        nodes, cores = nodes_of_flows(queues)
        equal(nodes, wanted, f"the node of each flow, with {queues} queues")
        equal(sum(cores), FLOWS, f"flows known, of which each is on one core: {cores}")
        true(all(count >= FLOWS // queues // 4 for count in cores), f"flows by core: {cores}")


@case("packets whose header's checksum the card finds wrong are dropped and counted; a wrong one of UDP is the node's to find")
def checksums():
    with Dispatcher(2) as one:
        good, wrong, inner = frame(1), bytearray(frame(2)), bytearray(frame(3))
        wrong[24] ^= 0x55
        inner[40] ^= 0x55
        got = one.pass_on([good, bytes(inner)])
        equal(sorted(sent(data)[1] for data in got), sorted([passed(good), passed(bytes(inner))]))
        one.cables[0].send(*[bytes(wrong)] * 20)
        until(lambda: one.balance()["dropped"] == 20, "20 packets dropped")
        equal(one.ask("stats")["dropped"]["bad_header"], 20, "for their headers")
        equal(sent(one.pass_on([good])[0])[1], passed(good), "the next")
        one.stop()


@case("frames with a tag come in with it, also large ones, and go to the VLAN's service")
def tags():
    with Dispatcher(2) as one:
        for size in (100, 8000):
            name, packet = sent(one.pass_on([frame(1, TAGGED, tag=7, size=size)])[0])
            equal((name, packet), ("r1", passed(frame(1, TAGGED, size=size))), f"{size} octets")
        one.cables[0].send(frame(1, TAGGED, tag=8), frame(1, TAGGED))
        until(lambda: one.ask("stats")["dropped"]["no_service"] == 2, "another tag, and none")
        one.stop()


@case("frames up to an MTU of 9000 octets go through whole, also between small ones")
def jumbo():
    with Dispatcher(2) as one:
        frames = [frame(flow, size=size) for flow, size in enumerate((8972, 100, 1472, 1473, 2048, 4096, 8972, 100))]
        got = sorted(sent(data)[1] for data in one.pass_on(frames))
        equal(list(map(len, got)), list(map(len, sorted(map(passed, frames)))), "lengths")
        equal(got, sorted(map(passed, frames)), "frames")
        one.stop()


@case("a cable that is pulled and put back is seen, and packets go on")
def cable():
    with Dispatcher(2) as one:
        for number, other in ((0, 1), (1, 0)):
            MACHINE.get().qmp("set_link", name=f"card{number}", up=False)
            until(lambda: one.links()[number] == "down", f"p{number} down")
            equal(one.links()[other], "up", "the other")
            MACHINE.get().qmp("set_link", name=f"card{number}", up=True)
            until(lambda: one.links()[number] == "up", f"p{number} up again")
            true(f"port p{number}: link down" in one.log(), one.log())
            equal(sent(one.pass_on([frame(5)])[0])[1], passed(frame(5)), "a packet")
        back = frame(6, BACK, card=1)
        equal(sent(one.pass_on([back], 1, 0)[0], 0), ("r2", passed(back)), "the other way")
        one.stop()


@case("a card that is unplugged is gone, the other goes on, and the daemon ends in good order")
def unplug():
    with Dispatcher(2) as one:
        equal(len(one.pass_on([frame(flow) for flow in range(20)])), 20, "before")
        MACHINE.get().qmp("device_del", id="card0")
        until(lambda: one.links() == ["gone", "up"], "p0 gone")
        true("port p0: its device is gone" in one.log(), one.log())
        again = [frame(flow, card=1) for flow in range(20)]
        equal(sorted(sent(data)[1] for data in one.pass_on(again, 1, 1)), sorted(map(passed, again)), "p1 goes on")
        one.cables[1].send(frame(7, BACK, card=1))
        until(lambda: one.balance()["in_flight"] == 0 and one.balance()["received"] == 41, "the packet for p0")
        one.stop()


run()
