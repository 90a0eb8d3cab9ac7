#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Next hops that sluice resolves itself, by its own ARP and neighbor discovery, and what it announces.

    namespace ours                          namespace theirs
    sluiced <- net_af_packet -> s0 ---- veth ---- n0, a kernel that answers; and whoever lies
    sluiced <- TAP -> t0, the kernel of the same namespace

The kernel has no address on s0: nobody but sluiced asks and answers there.
"""

import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, Skip, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402
from space import Spaces  # noqa: E402

OTHER = "02:00:00:00:00:77"
LIAR = "02:00:00:00:66:66"
SERVICE = {"name": "all", "address": "198.51.100.1", "pool": "web"}

# Says which ARP and ICMPv6 frames it sees, a line of hexadecimal each; a line of standard input is a frame to
# send, how often, and with what pause.
TALKER = """
import socket, sys, threading, time
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
link.bind(("{device}", 3))
def listen():
    while True:
        try:
            frame, where = link.recvfrom(4096)
        except OSError:  # the link went down
            continue
        if where[2] != 4 and (frame[12:14] == b"\\x08\\x06" or frame[12:14] == b"\\x86\\xdd" and frame[20] == 58):
            print(frame.hex(), flush=True)
threading.Thread(target=listen, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    frame, count, pause = line.split()
    for _ in range(int(count)):
        link.send(bytes.fromhex(frame))
        time.sleep(float(pause))
"""


class Talker:
    """Frames on an interface in a namespace."""

    def __init__(self, namespace, device):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, "-c", TALKER.format(device=device)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.frames, self.thread = [], threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        equal(self.process.stdout.readline().strip(), "ready", "the talker")
        self.thread.start()
        return self

    def _read(self):
        for line in self.process.stdout:
            self.frames.append(bytes.fromhex(line.strip()))

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdin.close()
        self.process.stdout.close()

    def send(self, frame, count=1, pause=0.0):
        self.process.stdin.write(f"{frame.hex()} {count} {pause}\n")
        self.process.stdin.flush()

    def arps(self, operation, target):
        """ARP frames with that operation and target address."""
        return [f for f in list(self.frames) if f[12:14] == b"\x08\x06" and f[21] == operation and f[38:42] == octets(target)]

    def announced(self, address):
        """How often somebody said to all that it has the address."""
        if ":" in address:
            return len([f for f in list(self.frames) if f[12:14] == b"\x86\xdd" and f[54] == 136 and f[62:78] == octets6(address)
                        and f[38:54] == octets6("ff02::1") and f[58] == 0x20])
        return len([f for f in self.arps(1, address) if f[28:32] == octets(address)])


def octets(address):
    return bytes(int(part) for part in address.split("."))


def octets6(address):
    import socket
    return socket.inet_pton(socket.AF_INET6, address)


def mac_octets(mac):
    return bytes.fromhex(mac.replace(":", ""))


def arp(operation, mac, address, target, to="ff:ff:ff:ff:ff:ff", source=None):
    return (mac_octets(to) + mac_octets(source or mac) + b"\x08\x06" + bytes([0, 1, 8, 0, 6, 4, 0, operation]) +
            mac_octets(mac) + octets(address) + mac_octets(to) + octets(target))


def conf(folder, nodes, services=(SERVICE,), **port):
    port = {"name": "p0", "device": "packet:s0", "neighbors": "own", "arp": "addresses", "addresses": ["192.0.2.2/24"], **port}
    return daemon.configuration(folder, [port], [{"name": "web", "slots": 256, "tracking": "none", "nodes": nodes}],
                                list(services), dataplane={"worker_cpus": []})


def node(name, address, **more):
    return {"name": name, "address": address, "encap": "ipip", "weight": 1, **more}


class Net(Spaces):
    def __enter__(self):
        super().__enter__()
        self.our("link", "set", "s0", "addrgenmode", "none")
        self.our("addr", "flush", "dev", "s0")
        for address in ("192.0.2.1/24", "192.0.2.11/24"):
            self.their("addr", "add", address, "dev", "n0")
        self.their("addr", "add", "2001:db8::11/64", "dev", "n0", "nodad")
        return self

    def mac(self, side, device):
        return json.loads(side("-j", "link", "show", device))[0]["address"]


def rows(session):
    return {row["address"]: row for row in session.result("neighbors")["neighbors"]}


def wait(session, address, state, mac=None):
    def there():
        row = rows(session).get(address)
        return row and row["state"] == state and (mac is None or row["mac"] == mac) and row
    return until(there, f"{address} is {state} {mac or ''}")


def outcome(session):
    stats = session.result("stats")
    return stats["balance"]["forwarded"], stats["dropped"]["no_neighbor"]


def udp(to, number):
    """A UDP packet for the service, a flow of its own by the number."""
    head = bytes([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 203, 0, 113, 9, 198, 51, 100, 1])
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    total = 0xffff - ((total & 0xffff) + (total >> 16))
    return (mac_octets(to) + mac_octets("02:00:00:00:00:09") + b"\x08\x00" + head[:10] + total.to_bytes(2, "big") + head[12:] +
            number.to_bytes(2, "big") + bytes([0, 53, 0, 8, 0, 0]) + bytes(18))


def served(session, talker, to):
    """Sends packets until one is forwarded: packets follow what is resolved a moment later. All are counted then."""
    sent, before = 0, sum(outcome(session))

    def one_is():
        nonlocal sent
        forwarded = outcome(session)[0]
        talker.send(udp(to, sent))
        sent += 1
        until(lambda: sum(outcome(session)) == before + sent, "the packet is counted")
        return outcome(session)[0] > forwarded
    until(one_is, "a packet is forwarded")


def gives(session, talker, to, forwarded, no_neighbor):
    """Sends 20 packets, each a flow, and says that so many more are forwarded, and dropped for want of a neighbor."""
    before = outcome(session)
    for number in range(20):
        talker.send(udp(to, number))
    until(lambda: sum(outcome(session)) == sum(before) + 20, "all are counted")
    after = outcome(session)
    equal((after[0] - before[0], after[1] - before[1]), (forwarded, no_neighbor), "forwarded, no_neighbor")


@case("nodes on the link and a gateway are resolved by our own ARP and ND; one that is silent fails, and is served when it comes")
def resolves():
    with Net() as net, daemon.Folder() as folder, Talker(net.theirs, "n0") as talker:
        nodes = [node("r1", "192.0.2.11"), node("v6", "2001:db8::11", weight=0), node("far", "203.0.113.5", weight=0),
                 node("given", "192.0.2.40", weight=0, mac="02:00:00:00:00:40"), node("none", "192.0.2.99", weight=0)]
        started = conf(folder, nodes, addresses=["192.0.2.2/24", "2001:db8::2/64"], gateway="192.0.2.1")
        with net.daemon(folder, started) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                mac, ours = net.mac(net.their, "n0"), net.mac(net.our, "s0")
                row = wait(session, "192.0.2.11", "resolved", mac)
                equal((row["port"], row["source"]), ("p0", "own"), "port and source")
                equal(wait(session, "2001:db8::11", "resolved", mac)["source"], "own", "by ND")
                wait(session, "192.0.2.1", "resolved", mac)
                true("203.0.113.5" not in rows(session), f"the gateway is asked for: {rows(session)}")
                equal(rows(session)["192.0.2.40"]["source"], "config", "the given one")
                equal(wait(session, "192.0.2.99", "failed")["mac"], "", "nobody's")
                true("no answer from neighbour 192.0.2.99" in one.log(), one.log())
                equal({f[:6] for f in talker.arps(1, "192.0.2.11")} - {mac_octets(mac)}, {b"\xff" * 6}, "to whom the first went")
                equal({f[28:32] for f in talker.arps(1, "192.0.2.99")}, {octets("192.0.2.2")}, "who asked")

                served(session, talker, ours)
                gives(session, talker, ours, 20, 0)
                session.result("node.set_weight", pool="web", node="none", weight=1)
                session.result("node.set_weight", pool="web", node="r1", weight=0)
                session.result("status")  # packets see the change by then
                gives(session, talker, ours, 0, 20)
                net.their("addr", "add", "192.0.2.99/24", "dev", "n0")
                wait(session, "192.0.2.99", "resolved", mac)
                served(session, talker, ours)
                gives(session, talker, ours, 20, 0)
            equal(one.stop(), 0, "exit status")


@case("`auto` on a TAP is `own`: the kernel behind it answers, IPv4 and IPv6")
def tap():
    if not os.path.exists("/dev/net/tun"):
        raise Skip("needs /dev/net/tun")
    with Net() as net, daemon.Folder() as folder:
        nodes = [node("r1", "192.0.2.11"), node("v6", "2001:db8::11")]
        started = conf(folder, nodes, device="tap:t0", addresses=["192.0.2.2/24", "2001:db8::2/64"])
        del started["ports"][0]["neighbors"]
        with net.daemon(folder, started) as one:
            one.ready()
            net.our("addr", "add", "192.0.2.11/24", "dev", "t0")
            net.our("addr", "add", "2001:db8::11/64", "dev", "t0", "nodad")
            with daemon.Session(one.socket) as session:
                for address in ("192.0.2.11", "2001:db8::11"):
                    equal(wait(session, address, "resolved")["source"], "own", address)
            equal(one.stop(), 0, "exit status")


@case("a MAC that changes is taken up when the node says so; claims of others change nothing, with a word")
def claims():
    with Net() as net, daemon.Folder() as folder, Talker(net.theirs, "n0") as talker:
        with net.daemon(folder, conf(folder, [node("r1", "192.0.2.11")])) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                mac, ours = net.mac(net.their, "n0"), net.mac(net.our, "s0")
                wait(session, "192.0.2.11", "resolved", mac)
                served(session, talker, ours)
                before = outcome(session)[0]
                # Over before the neighbour would be given up: a machine that stands still does not decide.
                talker.send(arp(2, LIAR, "192.0.2.11", "192.0.2.2", to=ours), 500)
                talker.send(arp(1, LIAR, "192.0.2.11", "192.0.2.11"), 500)
                until(lambda: talker.send(udp(ours, 1)) or outcome(session)[0] > before, "the flood is over")

                def is_said():
                    if f"{LIAR} says that it has neighbour 192.0.2.11" in one.log():
                        return True
                    talker.send(arp(1, LIAR, "192.0.2.11", "192.0.2.11"))
                    time.sleep(2)
                    return False
                until(is_said, "the word")
                equal(rows(session)["192.0.2.11"]["mac"], mac, "the neighbour")
                true(f"is at {LIAR}" not in one.log(), one.log())

                net.their("link", "set", "n0", "address", OTHER)
                talker.send(arp(1, OTHER, "192.0.2.11", "192.0.2.11"))
                wait(session, "192.0.2.11", "resolved", OTHER)
                true(f"neighbour 192.0.2.11 is at {OTHER}" in one.log(), one.log())
                gives(session, talker, ours, 20, 0)
            equal(one.stop(), 0, "exit status")


@case("an answer with our own MAC, or a group's, is refused with a word; what nobody asked for is not kept")
def refused():
    with Net() as net, daemon.Folder() as folder, Talker(net.theirs, "n0") as talker:
        with net.daemon(folder, conf(folder, [node("a", "192.0.2.50"), node("b", "192.0.2.51")])) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                ours = net.mac(net.our, "s0")
                for address, mac in (("192.0.2.50", ours), ("192.0.2.51", "01:00:5e:00:00:01")):
                    talker.send(arp(2, mac, address, "192.0.2.2", to=ours, source=OTHER), 3, 0.1)
                    until(lambda a=address, m=mac: f"neighbour {a} says that it is at {m}" in one.log(), f"refused: {address}")
                    equal(rows(session)[address]["mac"], "", address)
                talker.send(arp(2, OTHER, "192.0.2.77", "192.0.2.2", to=ours), 3, 0.1)
                wait(session, "192.0.2.50", "failed")
                equal(set(rows(session)), {"192.0.2.50", "192.0.2.51"}, "who is known")
                explained = session.result("stats")["punted"]
                talker.send(arp(2, OTHER, "192.0.2.50", "192.0.2.2", to=ours), 3, 0.1)
                wait(session, "192.0.2.50", "resolved", OTHER)
                until(lambda: session.result("stats")["punted"] > explained, "what is learned from counts as punted")
            equal(one.stop(), 0, "exit status")


@case("addresses and services are announced at the start, on link up and when a service comes; not with `gratuitous: false`")
def announces():
    for gratuitous in (True, False):
        with Net() as net, daemon.Folder() as folder, Talker(net.theirs, "n0") as talker:
            services = [SERVICE, {"name": "six", "address": "2001:db8:1::1", "pool": "web"}]
            ours = ["192.0.2.2", "2001:db8::2", "198.51.100.1", "2001:db8:1::1"]
            started = conf(folder, [node("r1", "192.0.2.11")], services, arp="services", neighbors="kernel",
                           gratuitous=gratuitous, addresses=["192.0.2.2/24", "2001:db8::2/64"])
            with net.daemon(folder, started) as one:
                one.ready()

                def all_are(times):
                    return [talker.announced(address) for address in ours] == [times] * len(ours)
                if gratuitous:
                    until(lambda: all_are(2), f"twice each; {[talker.announced(a) for a in ours]}")
                started["services"].append({"name": "new", "address": "198.51.100.2", "pool": "web"})
                folder.write("new.yaml", started)
                control.ctl(one.socket, "apply", folder.file("new.yaml"))
                if gratuitous:
                    until(lambda: talker.announced("198.51.100.2") == 2, "the new one, twice")
                    true(all_are(2), "the others not again")
                net.their("link", "set", "n0", "down")
                until(lambda: "port p0: link down" in one.log(), "down")
                net.their("link", "set", "n0", "up")
                until(lambda: "port p0: link up" in one.log(), "up")
                if gratuitous:
                    until(lambda: all_are(4), f"again; {[talker.announced(a) for a in ours]}")
                else:
                    time.sleep(1)
                    true(all_are(0), "nothing is announced")
                equal(one.stop(), 0, "exit status")


run(CASES)
