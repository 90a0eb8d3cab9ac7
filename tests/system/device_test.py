#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Devices over the kernel's interfaces: what is sent comes in, from all queues, as it was sent; names and flags
of interfaces are left alone.

    this test -- packet socket -- a0 ---- veth ---- b0 <- sluiced, in one namespace of its own
"""

import os
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, Skip, case, equal, run, true  # noqa: E402
import daemon  # noqa: E402

SINK = [{"name": "w0", "worker": 0, "handler": "sink", "weight": 1}]
ECHO = [{"name": "w0", "worker": 0, "handler": "echo", "weight": 1}]
TARGET = bytes([2, 0, 0, 0, 0, 0xbb])
JUMBO = 80
FANOUT_MOST = 64  # frames at a time, so that no ring of the kernel is ever full


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Link:
    """A namespace that this process is in, with a pair of interfaces; TAPs of daemons are in it, too."""

    def __init__(self, mtu=1500, queues=1):
        self.mtu, self.queues = mtu, queues

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("namespaces and interfaces need root")
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            os_unshare()
            many = ("numrxqueues", str(self.queues), "numtxqueues", str(self.queues))
            ip("link", "add", "a0", *many, "type", "veth", "peer", "name", "b0", *many)
            for name in ("a0", "b0"):
                with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="ascii") as file:
                    file.write("1")
                ip("link", "set", name, "mtu", str(self.mtu), "up")
        except (OSError, subprocess.CalledProcessError) as problem:
            self.leave()
            raise Skip(f"no namespaces or veth here: {problem}") from None
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind(("a0", 0))
        self.socket.settimeout(0.05)
        return self

    def leave(self):
        libc().setns(self.home, 0)
        os.close(self.home)

    def __exit__(self, *_):
        self.socket.close()
        self.leave()


def libc():
    import ctypes
    return ctypes.CDLL(None, use_errno=True)


def os_unshare():
    if libc().unshare(0x40000000) != 0:
        raise OSError("no network namespace")


def flags(name):
    return details(name).split("<")[1].split(">")[0]


def details(name):
    return ip("-d", "link", "show", name).stdout


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(payload, flow=0, number=0, offset=0, more=False):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), number, offset // 8 | more << 13, 64, 17, 0)
    head += bytes([198, 51, 100, 7]) + bytes([192, 0, 2, 10])
    return TARGET + bytes([2, 0, 0, 0, 0, 1]) + b"\x08\0" + head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp(flow, size=100):
    return struct.pack(">HHHH", 1024 + flow, 53, 8 + size, 0) + bytes(size)


def fragments(number, size=2992, step=1400):
    data = udp(0, size - 8)
    return [ipv4(data[at:at + step], number=number, offset=at, more=at + step < size)
            for at in range(0, size, step)]


def conf(folder, device, nodes=None, ports=None, **more):
    plane = more.pop("dataplane", {})
    return daemon.configuration(folder, ports or [{"name": "p0", "device": device, "arp": "off", **more}],
                                [{"name": "web", "nodes": nodes or SINK}],
                                [{"name": "all", "address": "any", "pool": "web"}], dataplane=plane)


def until(wanted, what):
    """Waits for a value that the daemon is on its way to."""
    end = time.monotonic() + PATIENCE
    got = what()
    while got != wanted and time.monotonic() < end:
        time.sleep(0.02)
        got = what()
    return got


def send(link, session, frames):
    """No more at a time than a ring holds: each part is waited for."""
    for start in range(0, len(frames), FANOUT_MOST):
        part = frames[start:start + FANOUT_MOST]
        for frame in part:
            link.socket.send(frame)
        until(start + len(part), lambda: session.result("stats")["balance"]["delivered"])


def received_over(device, frames, link, **more):
    with daemon.Folder() as folder, daemon.Daemon(folder, conf(folder, device, **more)) as one:
        one.ready()
        with daemon.Session(one.socket) as session:
            send(link, session, frames)
            balance = session.result("stats")["balance"]
        equal(one.stop(), 0, one.log())
        return balance


@case("fragments of large datagrams come as they were sent, over packet:IFACE and over net_af_packet")
def fragmented():
    frames = [frame for number in range(20) for frame in fragments(number + 1)]
    with Link() as link:
        for device in ("packet:b0", "net_af_packet0,iface=b0", "net_af_packet0,iface=b0,qpairs=2"):
            balance = received_over(device, frames, link)
            equal((balance["received"], balance["delivered"]), (60, 60), f"{device}: {balance}")


@case("one receive core polls all queues that a device string opens")
def all_queues():
    with Link() as link:
        frames = [ipv4(udp(flow)) for flow in range(200)]
        balance = received_over("net_af_packet0,iface=b0,qpairs=4", frames, link)
        equal(balance["delivered"], 200, f"of 200 flows: {balance}")


SYN, ACK, FIN, RST = 2, 16, 17, 20  # the last two with an ACK


def tcp(port, flags, sequence):
    segment = struct.pack(">HHIIBBHHH", port, 80, sequence, 1, 0x50, flags, 0xFFFF, 0, 0)
    frame = bytearray(ipv4(segment))
    frame[23] = 6
    frame[24:26] = bytes(2)
    frame[24:26] = struct.pack(">H", checksum(bytes(frame[14:34])))
    return bytes(frame)


@case("a port that is used again, after FIN as after RST, begins anew beside a node that drains")
def ports_again():
    nodes = [{"name": name, "worker": 0, "handler": "sink", "weight": 1} for name in ("a", "b")]
    ports = range(2000, 2040)
    with Link() as link, daemon.Folder() as folder, \
            daemon.Daemon(folder, conf(folder, "packet:b0", nodes=nodes)) as one:
        one.ready()
        with daemon.Session(one.socket) as session:
            def at(frames):
                """How many of the frames came to a and to b."""
                before = session.result("nodes", pool="web")["nodes"]
                total = session.result("stats")["balance"]["delivered"]
                for frame in frames:
                    link.socket.send(frame)
                equal(until(total + len(frames), lambda: session.result("stats")["balance"]["delivered"]),
                      total + len(frames), "delivered")
                after = session.result("nodes", pool="web")["nodes"]
                return tuple(after[name]["packets"] - before[name]["packets"] for name in ("a", "b"))

            begun = at([tcp(port, SYN, 1000) for port in ports])
            true(min(begun) > 5, f"connections at a and b: {begun}")
            session.result("node.drain", pool="web", node="a")
            equal(at([tcp(port, ACK, 1001) for port in ports]), begun, "live connections stay")
            equal(at([tcp(port, FIN if port % 2 else RST, 1001) for port in ports]), begun, "their ends, too")
            equal(at([tcp(port, SYN, 900000) for port in ports]), (0, len(ports)), "new ones of the same ports")
            equal(at([tcp(port, ACK, 900001) for port in ports]), (0, len(ports)), "what follows")
        equal(one.stop(), 0, one.log())


@case("frames that the kernel had no room for are counted in rx_missed")
def missed():
    with Link() as link, daemon.Folder() as folder, daemon.Daemon(folder, conf(folder, "packet:b0")) as one:
        one.ready()
        os.kill(one.process.pid, signal.SIGSTOP)
        for flow in range(2000):
            link.socket.send(ipv4(udp(flow)))
        os.kill(one.process.pid, signal.SIGCONT)
        with daemon.Session(one.socket) as session:
            def total():
                port = session.result("stats")["ports"]["p0"]
                return port["rx_packets"] + port["rx_missed"]
            equal(until(2000, total), 2000, "frames received and missed")
        equal(one.stop(), 0, one.log())
        true(one.report()["ports"]["p0"]["rx_missed"] > 0, "nothing was missed")


@case("an interface is as promiscuous as it was found, after an end in good order and after SIGKILL")
def promiscuous():
    with Link():
        for before in ("off", "on"):
            ip("link", "set", "b0", "promisc", before)
            found = flags("b0")
            for number in (signal.SIGTERM, signal.SIGKILL):
                for wanted in (True, False):
                    with daemon.Folder() as folder, daemon.Daemon(
                            folder, conf(folder, "packet:b0", promiscuous=wanted)) as one:
                        one.ready()
                        if wanted:
                            true("promiscuity 0" not in details("b0"), "not promiscuous while it runs")
                        one.process.send_signal(number)
                        one.process.wait(PATIENCE)
                    equal(flags("b0"), found, f"flags, promisc {before} before, signal {number}")
                    true(f"promiscuity {int(before == 'on')}" in details("b0"), details("b0"))


def returned(link):
    """Octets of the next frame that comes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            got, where = link.socket.recvfrom(65536)
        except socket.timeout:
            continue
        if where[2] != socket.PACKET_OUTGOING:
            return len(got)
    return None


@case("mtu 9000 works over packet:IFACE and net_af_packet: frames come and go whole")
def jumbo():
    with Link(mtu=9000) as link:
        for device in ("packet:b0", "net_af_packet0,iface=b0"):
            with daemon.Folder() as folder, daemon.Daemon(
                    folder, conf(folder, device, nodes=ECHO, mtu=9000)) as one:
                one.ready()
                frame = ipv4(udp(1, 8972))
                # More than a block of the kernel's ring holds, one after the other.
                for _ in range(JUMBO):
                    link.socket.send(frame)
                    equal(returned(link), len(frame), f"octets of what came back over {device}")
                equal(one.stop(), 0, one.log())


def interfaces():
    return {line.split(":")[1].strip().split("@")[0] for line in ip("-o", "link").stdout.splitlines()}


@case("ports with long names that punt to the kernel have an interface each; tap: makes one of its name")
def tap_names():
    with Link(), daemon.Folder() as folder:
        before = interfaces()
        ports = [{"name": f"uplink-east-0{number}", "device": f"net_null{number},no-rx=1", "punt": "kernel"}
                 for number in (1, 2)] + [{"name": "t", "device": "tap:sltap0"}]
        with daemon.Daemon(folder, conf(folder, "", ports=ports)) as one:
            one.ready()
            made = interfaces() - before
            equal(len(made), 3, f"interfaces: {made}")
            true("sltap0" in made and all(name == "sltap0" or name.startswith("sl-uplink-") for name in made), made)
            equal(one.stop(), 0, one.log())
        equal(interfaces(), before, "interfaces afterwards")


@case("an interface that is there already is refused by name, with the remedy")
def tap_taken():
    with Link(), daemon.Folder() as folder:
        ip("link", "add", "sl-p0", "type", "veth", "peer", "name", "sl-peer")
        found = details("sl-p0")
        for ports in ([{"name": "p0", "device": "net_null0,no-rx=1", "punt": "kernel"}],
                      [{"name": "p1", "device": "tap:sl-p0"}]):
            with daemon.Daemon(folder, conf(folder, "", ports=ports)) as one:
                equal(one.wait(), 2, one.log())
                true("sl-p0" in one.log() and "ip link delete" in one.log(), one.log())
        equal(details("sl-p0"), found, "the interface")


@case("xdp:IFACE serves an interface of one queue, and one of several is refused with the remedy")
def xdp():
    with Link() as link:
        with daemon.Folder() as folder:
            with daemon.Daemon(folder, conf(folder, "xdp:b0"), ("--detach-on-exit",)) as one:
                try:
                    one.ready()
                except Exception as problem:
                    if "AF_XDP" in one.log() or "Operation not supported" in one.log():
                        raise Skip(f"no AF_XDP here: {one.log()}") from problem
                    raise
                with daemon.Session(one.socket) as session:
                    send(link, session, [ipv4(udp(flow)) for flow in range(100)])
                    equal(session.result("stats")["balance"]["delivered"], 100, "delivered")
                equal(one.stop(), 0, one.log())
            true("xdp" not in details("b0"), f"left behind: {details('b0')}")
    with Link(queues=4), daemon.Folder() as folder:
        for device in ("xdp:b0", "net_af_xdp0,iface=b0"):
            with daemon.Daemon(folder, conf(folder, device)) as one:
                equal(one.wait(), 2, one.log())
                true("ethtool -L" in one.log(), one.log())


@case("vhost:PATH makes a socket there, which goes with the daemon")
def vhost():
    with daemon.Folder() as folder:
        with daemon.Daemon(folder, conf(folder, f"vhost:{folder.file('guest.sock')}")) as one:
            one.ready()
            true(os.path.exists(folder.file("guest.sock")), one.log())
            equal(one.stop(), 0, one.log())
        true(not os.path.exists(folder.file("guest.sock")), "the socket is left")


@case("names that no interface can have are refused with status 1")
def names():
    with daemon.Folder() as folder:
        for device in ("packet:", "tap:a-name-of-17-chars", "xdp:a/b", "vhost:", "net_tap0,iface=a-name-of-17-chars"):
            with daemon.Daemon(folder, conf(folder, device)) as one:
                equal(one.wait(), 1, f"{device}: {one.log()}")
            if not device.startswith("net_"):
                with daemon.Daemon(folder, conf(folder, device), ("--check",)) as one:
                    equal(one.wait(), 1, f"{device} at --check")
                    true("port `p0`" in one.log() and device in one.log(), one.log())


run(CASES)
