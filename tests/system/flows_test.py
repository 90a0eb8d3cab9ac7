#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The handler flows and a real collector, nfcapd of nfdump, on the loopback interface: what it stores
agrees with what was sent, flow by flow; templates come again; what could not be sent is counted."""

import collections
import csv
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from scapy.all import Ether, ICMP, IP, IPv6, TCP, UDP, raw  # noqa: E402

from tap import PATIENCE, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

if not shutil.which("nfcapd") or not shutil.which("nfdump"):
    raise Skip("nfcapd is not installed (package nfdump)")

PROTOCOLS = {"TCP": 6, "UDP": 17, "ICMP": 1}
E = Ether(src="02:00:00:00:00:01", dst="02:70:63:61:70:00")
PORT = {"name": "p0", "device": "net_pcap0,rx_pcap=in.pcap,tx_pcap=/dev/null"}


def traffic():
    """Frames, and packets and octets by (protocol, source, destination, source port, destination port)."""
    frames, wanted = [], collections.defaultdict(lambda: [0, 0])
    for i in range(3000):
        flow = (i * i + i // 7) % 150
        sport, size = 1024 + flow, flow % 40
        if flow % 3 == 2:
            ip = IPv6(src=f"2001:db8::{flow + 1:x}", dst="2001:db8:1::53", tc=flow % 4 * 8)
        else:
            ip = IP(src=f"198.51.100.{flow + 1}", dst="192.0.2.10", tos=flow % 4 * 8)
        if flow % 10 == 9 and flow % 3 != 2:
            packet, key = ip / ICMP(type=8) / (b"x" * size), (1, ip.src, ip.dst, 0, 0)
        elif flow % 2:
            packet, key = ip / UDP(sport=sport, dport=53) / (b"x" * size), (17, ip.src, ip.dst, sport, 53)
        else:
            packet, key = ip / TCP(sport=sport, dport=80, flags="A") / (b"x" * size), (6, ip.src, ip.dst, sport, 80)
        octets = raw(packet)
        frames.append(raw(E) [:12] + (b"\x86\xdd" if ip.version == 6 else b"\x08\x00") + octets)
        wanted[key][0] += 1
        wanted[key][1] += len(octets)
    return frames, dict(wanted)


class Collector:
    """nfcapd on a UDP port; stores() ends it and reads what it wrote."""

    def __init__(self, folder, port, name="flows"):
        self.path, self.port = folder.file(name), port
        os.mkdir(self.path)
        self.log = open(folder.file(f"{name}.log"), "w+b")
        self.process = subprocess.Popen(["nfcapd", "-l", self.path, "-b", daemon.LOOPBACK, "-p", str(port), "-t", "3600"],
                                        stdout=self.log, stderr=self.log)
        until(self.unread, "nfcapd listens")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def unread(self):
        """Octets that wait in its socket, in hexadecimal digits; None before it listens."""
        here = f"{int.from_bytes(socket.inet_aton(daemon.LOOPBACK), sys.byteorder):08X}:{self.port:04X}"
        with open("/proc/net/udp", encoding="ascii") as table:
            return next((words[4].split(":")[1] for words in map(str.split, table) if words[1] == here), None)

    def end(self):
        """What lies in its socket when it is told to end is lost to it, so that is waited for."""
        until(lambda: int(self.unread(), 16) == 0, "nfcapd has read everything")
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.seek(0)
        return self.log.read().decode()

    def rows(self):
        """Records as (protocol, source, destination, source port, destination port), TCP flags, class, packets, octets."""
        done = subprocess.run(["nfdump", "-q", "-N", "-R", self.path, "-o", "csv"], capture_output=True, text=True,
                              timeout=PATIENCE, check=True)
        rows = []
        for _, _, _, source, target, sport, dport, name, flags, _, tos, packets, octets, *_ in \
                csv.reader(line for line in done.stdout.splitlines() if line.count(",") > 40):
            if name not in PROTOCOLS:
                continue
            ports = (0, 0) if "ICMP" in name else (int(sport), int(dport))
            rows.append(((PROTOCOLS[name], source, target, *ports), flags, int(tos), int(packets), int(octets)))
        return rows

    def flows(self):
        stored = collections.defaultdict(lambda: [0, 0])
        for key, _, _, packets, octets in self.rows():
            stored[key][0] += packets
            stored[key][1] += octets
        return dict(stored)


def start(folder, frames, options, device=None, workers=1):
    daemon.write_pcap(folder.file("in.pcap"), frames)
    nodes = [{"name": f"w{i}", "worker": i, "handler": "flows", "options": options, "weight": 1} for i in range(workers)]
    conf = daemon.configuration(folder, [dict(PORT, device=device or PORT["device"])], [{"name": "inspect", "nodes": nodes}],
                                [{"name": "rest", "address": "any", "pool": "inspect"}],
                                dataplane={"worker_cpus": [daemon.CPUS[i % len(daemon.CPUS)] for i in range(workers)]})
    return daemon.Daemon(folder, conf)


def delivered(session, count):
    until(lambda: session.result("stats")["balance"]["delivered"] == count, "all packets delivered")


@case("what a collector stores agrees with what was sent, flow by flow, over two workers, and no message is missed")
def agrees():
    frames, wanted = traffic()
    with daemon.Folder() as folder, Collector(folder, daemon.free_port()) as collector:
        options = {"collector": f"{daemon.LOOPBACK}:{collector.port}"}
        with start(folder, frames, options, workers=2) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                delivered(session, len(frames))
                answer = session.result("results", pool="inspect", top=5000)
                equal([answer["key"], answer["total"]["packets"], answer["total"]["lost"]],
                      ["5-tuple", len(frames), 0], "results")
                equal(sorted(row["packets"] for row in answer["rows"]), sorted(p for p, _ in wanted.values()), "rows")
            equal(one.stop(), 0, "exit status")
        said = collector.end()
        equal(collector.flows(), wanted, "flows")
        equal({flags for key, flags, *_ in collector.rows() if key[0] == 6}, {"...A...."}, "TCP flags")
        equal({tos for _, _, tos, *_ in collector.rows()}, {0, 8, 16, 24}, "classes")
        true("Sequence Errors: 0" in said and "Bad Packets: 0" in said, said)


@case("flows that are idle, and flows that go on for long, are told of while the daemon runs")
def timeouts():
    frames, wanted = traffic()
    with daemon.Folder() as folder, Collector(folder, daemon.free_port()) as collector:
        options = {"collector": f"{daemon.LOOPBACK}:{collector.port}", "idle": "300ms", "active": "500ms"}
        with start(folder, frames, options) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                delivered(session, len(frames))
                until(lambda: session.result("results", pool="inspect")["total"]["keys"] == 0, "all flows have ended")
                node = session.result("stats")["pools"]["inspect"]["nodes"]["w0"]
                equal(node.get("handler_lost", 0), 0, "lost")
            equal(one.stop(), 0, "exit status")
        collector.end()
        equal(collector.flows(), wanted, "flows")
    seconds = itertools.count(1)
    until(lambda: tells_twice(frames[:40], next(seconds)), "records of flows that have not ended")


def tells_twice(frames, seconds):
    """Whether flows that go on have several records after so many seconds, of which a slow machine needs more."""
    with daemon.Folder() as folder, Collector(folder, daemon.free_port()) as collector:
        options = {"collector": f"{daemon.LOOPBACK}:{collector.port}", "idle": "1h", "active": "300ms"}
        endless = PORT["device"] + ",infinite_rx=1"
        with start(folder, frames, options, device=endless) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: session.result("stats")["uptime_seconds"] > seconds, "some time")
            equal(one.stop(), 0, "exit status")
        collector.end()
        return len(collector.rows()) > len(collector.flows())


@case("a collector that comes later hears of templates, and what was sent before is counted, told of, and over")
def later():
    frames, _ = traffic()
    with daemon.Folder() as folder:
        port = daemon.free_port()
        options = {"collector": f"{daemon.LOOPBACK}:{port}", "idle": "200ms", "active": "200ms", "templates": "500ms"}
        with start(folder, frames, options, device=PORT["device"] + ",infinite_rx=1") as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: "flows cannot be sent to the collector" in one.log(), "it is said")
                until(lambda: session.result("results", pool="inspect")["total"]["lost"] > 0, "it is counted")
                runs = itertools.count(1)

                def hears():
                    """How many flows a collector hears of meanwhile; none before there was a template."""
                    number = next(runs)
                    with Collector(folder, port, f"flows{number}") as collector:
                        until(lambda: "what was wrong with it is over" in one.log(), "it is over")
                        time.sleep(number)
                        collector.end()
                        return len(collector.flows())
                until(lambda: hears() > 100, "more than 100 flows")
            equal(one.stop(), 0, "exit status")


@case("options that are wrong are refused with their words")
def refused():
    for options, words in (({}, "handler flows needs the option collector"),
                           ({"collector": "here"}, 'option collector "here" of handler flows'),
                           ({"collector": "127.0.0.1:1", "idle": "1"}, 'option idle "1" of handler flows'),
                           ({"collector": "127.0.0.1:1", "entries": "3"}, 'option entries "3" of handler flows'),
                           ({"collector": "127.0.0.1:1", "top": "3"}, 'handler flows has no option "top"')):
        with daemon.Folder() as folder:
            with start(folder, [], options) as one:
                equal(one.wait(), 1, "exit status")
                true(words in one.log(), f"{words} is not in {one.log()}")


run()
