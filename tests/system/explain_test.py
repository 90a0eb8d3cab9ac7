#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""`explain` says of every frame of a capture what became of it.

    in.pcap -> p0 -> sluiced -> a worker with a capture of its own for each node of each pool
                        ^
            sluicectl explain --pcap in.pcap --frame N, of every N
"""

import collections
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import Failed, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

try:
    from scapy.all import (ARP, Ether, Dot1Q, ICMP, ICMPv6EchoRequest, ICMPv6ND_NS, IP, IPv6, Raw, TCP, UDP,
                           IPOption_Router_Alert, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, fragment,
                           fragment6)
    from scapy.contrib.gtp import GTP_U_Header
    from scapy.layers.vxlan import VXLAN
except ImportError as missing:
    print(f"1..0 # SKIP {missing.name} is missing: scripts/deps --test")
    sys.exit(0)

CLIENT, SERVICE, CLIENT6, SERVICE6 = "198.51.100.7", "192.0.2.10", "2001:db8:c::7", "2001:db8::10"
POOLS = {"plain": {}, "src": {"hash": "src"}, "pair": {"hash": "src-dst", "symmetric": True},
         "three": {"hash": "3-tuple"}, "inner": {"hash": "inner-5-tuple"}, "full": {"tracking": "full"}}


def conf(folder, **port):
    pools = [{"name": pool, "slots": 1024, **keys,
              "nodes": [{"name": f"{pool}{number}", "worker": 0, "handler": "capture", "weight": 1 + number,
                         "file": f"{pool}{number}.pcapng"} for number in range(4)]}
             for pool, keys in POOLS.items()]
    pools.append({"name": "empty"})
    services = [{"name": "http", "address": SERVICE, "protocol": "tcp", "ports": [80], "pool": "plain"},
                {"name": "dns", "address": SERVICE, "protocol": "udp", "ports": [53, "1000-1999"], "pool": "src"},
                {"name": "udp", "address": SERVICE, "protocol": "udp", "pool": "full"},
                {"name": "tunnel", "address": "192.0.2.11", "pool": "inner"},
                {"name": "rest", "address": SERVICE, "pool": "pair"},
                {"name": "six", "address": SERVICE6, "pool": "plain"},
                {"name": "nobody", "address": "192.0.2.12", "pool": "empty"},
                {"name": "three", "address": "192.0.2.13", "pool": "three"}]
    return daemon.configuration(
        folder, [{"name": "p0", "device": "net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap",
                  "addresses": ["192.0.2.2/24", "2001:db8::2/64"], **port}], pools, services)


def frames(own):
    """All kinds of packets; own: the MAC address of the port."""
    head = Ether(src="02:00:00:00:00:01", dst=own)
    to = IP(src=CLIENT, dst=SERVICE, id=7)
    six = IPv6(src=CLIENT6, dst=SERVICE6)
    flows = range(2000, 2024)
    yield from (head / to / TCP(sport=port, dport=80, flags="S") for port in flows)
    yield from (head / to / TCP(sport=port, dport=80, flags="A") for port in flows)
    yield from (head / to / UDP(sport=port, dport=53) for port in flows)
    yield from (head / to / UDP(sport=port, dport=4000 + port % 3) for port in flows)
    yield from (head / six / TCP(sport=port, dport=443) for port in flows)
    yield from (head / six / IPv6ExtHdrDestOpt() / UDP(sport=port, dport=443) for port in flows)
    yield from (head / Dot1Q(vlan=5) / to / TCP(sport=port, dport=80) for port in flows)
    yield head / IP(src=CLIENT, dst=SERVICE, options=[IPOption_Router_Alert()]) / TCP(sport=5, dport=80)
    yield from (head / IP(src=CLIENT, dst="192.0.2.13", proto=number) / Raw(b"x" * 30) for number in (47, 89))
    for port in flows:
        inside = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=port, dport=9)
        outside = head / IP(src=CLIENT, dst="192.0.2.11")
        yield outside / UDP(sport=9, dport=2152) / GTP_U_Header(teid=1) / inside
        yield outside / UDP(sport=9, dport=4789) / VXLAN(vni=3) / Ether() / inside
        yield outside / inside
    # what sluice answers itself, and what it does not
    yield Ether(src=head.src, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc="192.0.2.1", pdst=SERVICE)
    yield Ether(src=head.src, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc="192.0.2.1", pdst="192.0.2.2")
    yield Ether(src=head.src, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc="192.0.2.1", pdst="192.0.2.99")
    yield head / IPv6(src="2001:db8::1", dst=SERVICE6, hlim=255) / ICMPv6ND_NS(tgt=SERVICE6)
    yield head / to / ICMP(type=8)
    yield head / IP(src=CLIENT, dst="192.0.2.99") / ICMP(type=8)
    yield head / six / ICMPv6EchoRequest()
    yield head / IP(src=CLIENT, dst=SERVICE) / ICMP(type=3, code=3) / IP(src=SERVICE, dst=CLIENT) \
        / TCP(sport=80, dport=2003)
    # what is dropped, each for its reason
    yield head / IP(src=CLIENT, dst="192.0.2.12") / UDP(sport=1, dport=2)
    yield head / IP(src=CLIENT, dst="192.0.2.98") / UDP(sport=1, dport=2)
    yield Raw(bytes(head / to / TCP())[:30])
    yield Raw(bytes(head / to / TCP())[:44])
    yield head / IP(src=CLIENT, dst=SERVICE, chksum=1) / TCP()
    yield head / IP(src=CLIENT, dst=SERVICE, flags="MF", proto=6) / Raw(b"12345678")
    yield head / IP(src=CLIENT, dst=SERVICE, frag=100, id=99, proto=17) / Raw(b"alone")
    yield Ether(src=head.src, dst="02:99:99:99:99:99") / to / TCP(sport=2000, dport=80)
    # datagrams in fragments, the last one back to front
    for port in flows:
        datagram = UDP(sport=port, dport=53 if port % 2 else 3000) / Raw(b"y" * 1800)
        yield from (head / part for part in fragment(IP(src=CLIENT, dst=SERVICE, id=port) / datagram, 800))
        yield from (head / part for part in fragment6(six / IPv6ExtHdrFragment(id=port) / datagram, 900))
    yield from reversed([head / part for part in fragment(IP(src=CLIENT, dst=SERVICE, id=1) / datagram, 800)])


def explained(path, capture, count):
    for number in range(1, count + 1):
        yield control.ctl(path, "--json", "explain", "--pcap", capture, "--frame", str(number)).json()


def compare(folder, answers, sent, report):
    """Nodes frame by frame, drops and punts by their sums."""
    went = collections.defaultdict(collections.Counter)
    for path in glob.glob(folder.file("*.pcapng")):
        for frame in daemon.read_pcap(path):
            went[frame][os.path.basename(path).removesuffix(".pcapng")] += 1
    drops, punted = collections.Counter(), 0
    for number, (answer, frame) in enumerate(zip(answers, sent), 1):
        node = answer.get("node")
        if (node not in went[frame]) if node else went[frame]:
            raise Failed(f"frame {number}: explain says {answer}, it went to {dict(went[frame])}: {frame.hex()}")
        if node and answer["forward"]["kind"] != "worker":
            raise Failed(f"frame {number}: {answer}")
        drops[answer.get("dropped")] += 1
        punted += "punted" in answer
    del drops[None]
    equal(dict(drops), {reason: n for reason, n in report["dropped"].items() if n}, "drops by reason")
    equal(punted, report["punted"], "punted")


def agrees(**port):
    with daemon.Folder() as folder:
        sent = [bytes(frame) for frame in frames("02:70:63:61:70:00")]
        daemon.write_pcap(folder.file("in.pcap"), sent)
        with daemon.Daemon(folder, conf(folder, **port)) as running:
            running.ready()
            with daemon.Session(running.socket) as session:
                until(lambda: settled(session.result("stats")["balance"], len(sent)), "the end of the capture")
                answers = list(explained(running.socket, folder.file("in.pcap"), len(sent)))
            equal(running.stop(), 0, running.log())
            report = running.report()
        daemon.balanced(report)
        true(len({answer.get("node") for answer in answers}) > 15, "few nodes")
        compare(folder, answers, sent, report)


def settled(balance, count):
    return balance["received"] == count and balance["in_flight"] == 0


@case("explain agrees with what became of each frame")
def agreement():
    agrees(promiscuous=True)


@case("so it does on a port that takes only its own frames")
def own_frames():
    agrees(promiscuous=False)


@case("so it does on a port that answers nothing")
def silent():
    agrees(arp="off", promiscuous=True)


if __name__ == "__main__":
    run()
