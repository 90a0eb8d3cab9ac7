#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Next hops that nobody wrote down: the kernel resolves them, and what it learns later is followed.

    namespace ours                                    namespace theirs
    sluiced <- net_af_packet -> s0, 192.0.2.2 ---- veth ---- n0, 192.0.2.1, .11, .12, 2001:db8::11
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402
from space import Spaces  # noqa: E402

OTHER = "02:00:00:00:00:77"
SERVICES = [{"name": "all", "address": "198.51.100.1", "pool": "web"}]
SEND = """
import socket
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("n0", 0))
for number in range({count}):
    udp = bytes([number >> 8, number & 255, 0, 53, 0, 8, 0, 0])
    head = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 203, 0, 113, 9, 198, 51, 100, 1])
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    total = (total & 0xffff) + (total >> 16)
    total = 0xffff - ((total & 0xffff) + (total >> 16))
    head = head[:10] + total.to_bytes(2, "big") + head[12:]
    link.send(bytes.fromhex("{to}") + bytes([2, 0, 0, 0, 0, 9]) + b"\\x08\\x00" + head + udp + bytes(18))
"""
HELLO = """
import socket
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.bind(("192.0.2.11", 0))
link.sendto(b"x", ("192.0.2.2", 9))
"""


def conf(folder, nodes, **port):
    port = {"name": "p0", "device": "packet:s0", "arp": "off", "addresses": ["192.0.2.2/24"], **port}
    return daemon.configuration(folder, [port], [{"name": "web", "slots": 256, "tracking": "none", "nodes": nodes}], SERVICES,
                                dataplane={"worker_cpus": []})


def node(name, address, **more):
    return {"name": name, "address": address, "encap": "ipip", "weight": 1, **more}


class Net(Spaces):
    def __enter__(self):
        super().__enter__()
        self.our("addr", "add", "192.0.2.2/24", "dev", "s0")
        for address in ("192.0.2.1/24", "192.0.2.11/24", "192.0.2.12/24"):
            self.their("addr", "add", address, "dev", "n0")
        self.our("addr", "add", "2001:db8::2/64", "dev", "s0", "nodad")
        self.their("addr", "add", "2001:db8::11/64", "dev", "n0", "nodad")
        return self

    def mac(self, side, device):
        return json.loads(side("-j", "link", "show", device))[0]["address"]

    def send(self, count):
        """So many UDP packets for the service, each a flow, as from a router in the other namespace."""
        text = SEND.format(count=count, to=self.mac(self.our, "s0").replace(":", ""))
        subprocess.run(["ip", "netns", "exec", self.theirs, sys.executable, "-c", text], check=True)


def rows(session):
    return {row["address"]: row for row in session.result("neighbors")["neighbors"]}


def wait(session, address, state, mac=None):
    def there():
        row = rows(session).get(address)
        return row and row["state"] == state and (mac is None or row["mac"] == mac) and row
    return until(there, f"{address} is {state} {mac or ''}; {rows(session)}")


def outcome(session):
    stats = session.result("stats")
    return stats["balance"]["forwarded"], stats["dropped"]["no_neighbor"]


def gives(session, net, forwarded, no_neighbor):
    """Sends packets until one fares so: they follow what is resolved a moment later. Then so many do, and none otherwise."""
    def counted(count):
        before = outcome(session)
        net.send(count)
        until(lambda: sum(outcome(session)) == sum(before) + count, f"{count} packets are counted")
        return tuple(after - past for after, past in zip(outcome(session), before))
    until(lambda: counted(1)[0] == (forwarded > 0), "the first one that fares as it should")
    equal(counted(forwarded + no_neighbor), (forwarded, no_neighbor), "forwarded, no_neighbor")


@case("a node on the link is resolved by the kernel, a MAC that changes is taken up, an unknown one is no_neighbor")
def on_link():
    with Net() as net, daemon.Folder() as folder:
        nodes = [node("r1", "192.0.2.11"), node("v6", "2001:db8::11", weight=0),
                 node("given", "192.0.2.40", weight=0, mac="02:00:00:00:00:40"),
                 node("none", "192.0.2.99", weight=0)]
        started = conf(folder, nodes, addresses=["192.0.2.2/24", "2001:db8::2/64"])
        with net.daemon(folder, started) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                mac = net.mac(net.their, "n0")
                row = wait(session, "192.0.2.11", "resolved", mac)
                equal((row["port"], row["source"]), ("p0", "kernel"), "port and source")
                true(row["age_seconds"] >= 0, f"age: {row}")
                wait(session, "2001:db8::11", "resolved", mac)
                given = rows(session)["192.0.2.40"]
                equal((given["state"], given["mac"], given["source"]),
                      ("static", "02:00:00:00:00:40", "config"), "the given one")
                equal(wait(session, "192.0.2.99", "failed")["mac"], "", "nobody's")
                true("no answer from neighbour 192.0.2.99" in one.log(), one.log())
                true("resolved" in control.ctl(one.socket, "neighbors").out, "the verb")

                gives(session, net, 20, 0)

                net.their("link", "set", "n0", "address", OTHER)
                # It asks for us by ARP with its new address: the kernel takes that up unless it has just asked itself.
                until(lambda: net.their("neigh", "flush", "all") + net.within(
                    net.theirs, sys.executable, "-c", HELLO) or rows(session)["192.0.2.11"]["mac"] == OTHER,
                      "the changed MAC")
                wait(session, "192.0.2.11", "resolved", OTHER)
                true(f"neighbour 192.0.2.11 is at {OTHER}" in one.log(), one.log())

                session.result("node.set_weight", pool="web", node="none", weight=1)
                session.result("node.set_weight", pool="web", node="r1", weight=0)
                before = outcome(session)
                net.send(300)
                until(lambda: outcome(session)[1] > before[1], "packets for the unknown count as no_neighbor")
                net.their("addr", "add", "192.0.2.99/24", "dev", "n0")
                wait(session, "192.0.2.99", "resolved", OTHER)
                session.result("node.remove", pool="web", node="given", now=True)
                until(lambda: "192.0.2.40" not in rows(session), "a node that is gone has no row")
            equal(one.stop(), 0, "exit status")


@case("a node behind a route of the kernel has its gateway's MAC, and follows the route; a gateway is resolved")
def routed():
    with Net() as net, daemon.Folder() as folder:
        net.our("route", "add", "203.0.113.0/24", "via", "192.0.2.1")
        with net.daemon(folder, conf(folder, [node("far", "203.0.113.5"), node("lost", "10.9.9.9", weight=0)])) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                mac = net.mac(net.their, "n0")
                wait(session, "192.0.2.1", "resolved", mac)
                true("203.0.113.5" not in rows(session), f"the gateway is shown: {rows(session)}")
                gives(session, net, 5, 0)
                net.our("route", "replace", "203.0.113.0/24", "via", "192.0.2.12")
                wait(session, "192.0.2.12", "resolved", mac)
                until(lambda: "192.0.2.1" not in rows(session), "the former gateway is not asked for")
                net.our("route", "replace", "unreachable", "203.0.113.0/24")
                wait(session, "203.0.113.5", "failed")
                gives(session, net, 0, 5)
            equal(one.stop(), 0, "exit status")
    with Net() as net, daemon.Folder() as folder:
        with net.daemon(folder, conf(folder, [node("far", "203.0.113.5")], gateway="192.0.2.12")) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                wait(session, "192.0.2.12", "resolved", net.mac(net.their, "n0"))
                gives(session, net, 5, 0)


@case("a neighbour that an operator fixed stays fixed; our own MAC is refused; `static` asks for nobody")
def fixed():
    with Net() as net, daemon.Folder() as folder:
        with net.daemon(folder, conf(folder, [node("r1", "192.0.2.11")])) as one:
            one.ready()
            # The driver sets the interface's address at its start, and the kernel forgets its neighbours then.
            net.our("neigh", "add", "192.0.2.50", "dev", "s0", "lladdr", OTHER, "nud", "permanent")
            net.our("neigh", "add", "192.0.2.51", "dev", "s0", "lladdr", net.mac(net.our, "s0"), "nud", "permanent")
            for name, address in (("a", "192.0.2.50"), ("b", "192.0.2.51")):
                control.ctl(one.socket, "add-node", "web", name, f"address={address}", "encap=ipip", "weight=1")
            with daemon.Session(one.socket) as session:
                wait(session, "192.0.2.50", "resolved", OTHER)
                until(lambda: "neighbour 192.0.2.51 says that it is at" in one.log(), "refused")
                wait(session, "192.0.2.51", "failed")
                kept = json.loads(net.our("-j", "neigh", "show", "192.0.2.50", "dev", "s0"))
                equal(kept[0]["state"], ["PERMANENT"], "the kernel's entry")
    with Net() as net, daemon.Folder() as folder:
        with net.daemon(folder, conf(folder, [node("r1", "192.0.2.11")], neighbors="static")) as one:
            one.ready()
            true("no `mac`" in one.log(), one.log())
            with daemon.Session(one.socket) as session:
                equal(rows(session)["192.0.2.11"]["state"], "failed", "nobody asks")
                equal(net.our("neigh", "show", "192.0.2.11").strip(), "", "the kernel was not asked")


@case("a kernel whose routes change all the time keeps nobody from being asked for, or given up")
def busy_kernel():
    with Net() as net, daemon.Folder() as folder:
        lines = "".join(f"route {verb} 203.0.113.{number}/32 via 192.0.2.1\n" for verb in ("add", "del") for number in range(250))
        routes = folder.write("routes", lines)
        changes = subprocess.Popen(["ip", "netns", "exec", net.ours, "sh", "-c", f"while :; do ip -force -batch {routes}; done"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with net.daemon(folder, conf(folder, [node("far", "203.0.113.5"), node("none", "192.0.2.99")])) as one:
                one.ready()
                with daemon.Session(one.socket) as session:
                    wait(session, "192.0.2.99", "failed")
                    control.ctl(one.socket, "add-node", "web", "r1", "address=192.0.2.11", "encap=ipip", "weight=1")
                    wait(session, "192.0.2.11", "resolved")
        finally:
            changes.kill()
            changes.wait()


run(CASES)
