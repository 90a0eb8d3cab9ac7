#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluice listens as the host that sends its tunnel packets: path MTUs, and others that claim its addresses.

    this test, raw frames on a0 ---- veth ---- b0 <- net_af_packet -> sluiced
    client 198.51.100.7, router 192.0.2.1 and all nodes are the test
"""

import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, Failed, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

try:
    import logging
    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.all import ARP, ICMP, IP, UDP, Ether, ICMPv6PacketTooBig, IPv6, Raw
except ImportError as missing:
    print(f"1..0 # SKIP {missing.name} is missing: scripts/deps --test")
    sys.exit(0)

A, B = f"sla{os.getpid()}", f"slb{os.getpid()}"
ROUTER, NODE, STRANGER = "02:00:00:00:00:01", "02:00:00:00:00:11", "02:00:00:00:00:99"
ALL = 3  # ETH_P_ALL


class Link:
    """The veth pair, and frames on our end of it."""

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("veth needs root")
        done = subprocess.run(["ip", "link", "add", A, "type", "veth", "peer", "name", B], capture_output=True,
                              check=False)
        if done.returncode:
            raise Skip(f"no veth here: {done.stderr}")
        for device in (A, B):
            subprocess.run(["sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1"], check=False)
            subprocess.run(["ip", "link", "set", device, "up"], check=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        self.socket.bind((A, ALL))
        self.socket.settimeout(0.2)
        return self

    def __exit__(self, *_):
        if hasattr(self, "socket"):
            self.socket.close()
        subprocess.run(["ip", "link", "del", A], check=False, capture_output=True)

    def send(self, packet):
        self.socket.send(bytes(packet))

    def answer(self, packet, wanted):
        """Sends until a frame comes back that is wanted; gives the frame."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.send(packet)
            try:
                while True:
                    frame, where = self.socket.recvfrom(9000)
                    if where[2] != socket.PACKET_OUTGOING and wanted(Ether(frame)):
                        return Ether(frame)
            except TimeoutError:
                pass
        raise Failed(f"no answer to {packet.summary()}")


def conf(folder):
    node = {"port": "p0", "mac": NODE, "weight": 1}
    return daemon.configuration(
        folder,
        [{"name": "p0", "device": f"net_af_packet0,iface={B}", "addresses": ["192.0.2.2/24", "2001:db8::2/64"],
          "gateway": {"address": "192.0.2.1", "mac": ROUTER}}],
        [{"name": "four", "nodes": [{"name": "r", "address": "10.0.0.11", "encap": "ipip", **node}]},
         {"name": "six", "nodes": [{"name": "r", "address": "2001:db8:f::11", "encap": "gue", **node}]}],
        [{"name": "four", "address": "192.0.2.10", "pool": "four"},
         {"name": "six", "address": "2001:db8::10", "pool": "six"}])


def path_mtu(session, pool):
    return session.result("stats")["pools"][pool]["nodes"]["r"]["path_mtu"]


@case("a path MTU that a router tells is told to senders, and what they may send then arrives")
def lowered():
    with daemon.Folder() as folder, Link() as link, daemon.Daemon(folder, conf(folder)) as one:
        one.ready()
        session = daemon.Session(one.socket)
        to = Ether(src=ROUTER, dst=open(f"/sys/class/net/{B}/address", encoding="ascii").read().strip())
        packet = to / IP(src="198.51.100.7", dst="192.0.2.10", flags="DF") / UDP(sport=1, dport=2) / (b"x" * 1400)
        small = to / IP(src="198.51.100.7", dst="192.0.2.10", flags="DF") / UDP(sport=1, dport=2) / (b"x" * 1252)
        loose = to / IP(src="198.51.100.7", dst="192.0.2.10") / UDP(sport=1, dport=2) / (b"x" * 1400)
        tunnel = link.answer(packet, lambda got: IP in got and got[IP].dst == "10.0.0.11")[IP]
        link.send(to / IP(src="192.0.2.1", dst="192.0.2.2") / ICMP(type=3, code=4, nexthopmtu=1300)
                  / Raw(bytes(tunnel)[:60]))
        until(lambda: path_mtu(session, "four") == 1300, "the path MTU is heard")
        told = link.answer(packet, lambda got: ICMP in got)
        equal((told[IP].src, told[IP].dst, told[ICMP].type, told[ICMP].code, told[ICMP].nexthopmtu),
              ("192.0.2.10", "198.51.100.7", 3, 4, 1280), "what the sender is told")
        equal(link.answer(small, lambda got: IP in got and got[IP].dst == "10.0.0.11")[IP].len, 1300, "what fits")
        equal(link.answer(loose, lambda got: IP in got and got[IP].dst == "10.0.0.11")[IP].len, 1448,
              "what routers may cut")
        packet = to / IPv6(src="2001:db8:c::7", dst="2001:db8::10") / UDP(sport=1, dport=2) / (b"x" * 1380)
        tunnel = link.answer(packet, lambda got: IPv6 in got and got[IPv6].dst == "2001:db8:f::11")[IPv6]
        link.send(to / IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6PacketTooBig(mtu=1400)
                  / Raw(bytes(tunnel)[:1200]))
        until(lambda: path_mtu(session, "six") == 1400, "the path MTU is heard")
        told = link.answer(packet, lambda got: ICMPv6PacketTooBig in got)
        equal((told[IPv6].dst, told[ICMPv6PacketTooBig].mtu), ("2001:db8:c::7", 1348), "what the sender is told")
        true("four/r: the path takes 1300 octets" in one.log(), one.log())
        equal(one.stop(), 0, one.log())


@case("whoever else claims an address of ours is named in the log and in an event")
def conflict():
    with daemon.Folder() as folder, Link() as link, daemon.Daemon(folder, conf(folder)) as one:
        one.ready()
        claim = Ether(src=STRANGER, dst="ff:ff:ff:ff:ff:ff") / ARP(
            op=1, hwsrc=STRANGER, psrc="192.0.2.10", pdst="192.0.2.10")
        link.send(claim)
        sentence = f"port p0: {STRANGER} says that it has our address 192.0.2.10"
        until(lambda: sentence in one.log(), "the log names both")
        link.send(claim)
        session = daemon.Session(one.socket)
        until(lambda: session.result("stats")["balance"]["received"] >= 2, "the second came")
        time.sleep(0.3)
        equal(one.log().count(sentence), 1, "times that it is said")
        equal(one.stop(), 0, one.log())


run(CASES)
