#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Capture -> handlers -> results, through the real daemon: what `results` says is what was counted
beside it, for every key of tally and for the example that is installed; resets, guests, bad options."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

OBJECT = os.path.join(daemon.BUILD, "lib", "sluice", "count.so")
PROTOCOLS = {6: "tcp", 17: "udp"}


def frame(source, target, protocol, sport, dport, size):
    """An IPv4 frame of so many octets of payload, with a header checksum that is right."""
    head = struct.pack(">BBHHHBBH", 0x45, 0, 28 + size if protocol == 17 else 40 + size, 0, 0, 64, protocol, 0)
    head += bytes(map(int, source.split("."))) + bytes(map(int, target.split(".")))
    total = sum(struct.unpack(">10H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~total & 0xffff) + head[12:]
    body = struct.pack(">HHHH", sport, dport, 8 + size, 0) if protocol == 17 else \
        struct.pack(">HHIIBBHHH", sport, dport, 1, 0, 80, 16, 1000, 0, 0)
    return bytes.fromhex("0270636170000200000000010800") + head + body + b"x" * size


def traffic():
    """Tuples of many flows, unevenly."""
    flows = [(f"198.51.{i % 7}.{i % 50 + 1}", "192.0.2.10" if i % 3 else "203.0.113.9", 17 if i % 2 else 6,
              1024 + i % 90, 53 if i % 4 else 80, 20 + i % 11) for i in range(400)]
    return [flows[(n * n) % len(flows)] for n in range(5000)]


KEYS = {"src": lambda p: p[0], "dst": lambda p: p[1], "src-dst": lambda p: f"{p[0]} > {p[1]}",
        "5-tuple": lambda p: f"{PROTOCOLS[p[2]]} {p[0]}:{p[3]} > {p[1]}:{p[4]}",
        "proto": lambda p: PROTOCOLS[p[2]], "dport": lambda p: f"{PROTOCOLS[p[2]]}/{p[4]}",
        "service": lambda p: "dns" if p[4] == 53 and p[2] == 17 else "rest"}


def counted(packets, key):
    rows = {}
    for packet in packets:
        row = rows.setdefault(KEYS[key](packet), [0, 0])
        row[0] += 1
        row[1] += packet[5] + (28 if packet[2] == 17 else 40)
    return rows


def start(folder, nodes, **more):
    packets = traffic()
    daemon.write_pcap(folder.file("in.pcap"), [frame(*packet) for packet in packets])
    ports = [{"name": "p0", "device": "net_pcap0,rx_pcap=in.pcap,tx_pcap=/dev/null"}]
    pools = [{"name": "inspect", "nodes": nodes}]
    services = [{"name": "dns", "address": "any", "protocol": "udp", "ports": [53], "pool": "inspect"},
                {"name": "rest", "address": "any", "pool": "inspect"}]
    conf = daemon.configuration(folder, ports, pools, services,
                                dataplane={"worker_cpus": [daemon.CPUS[0], daemon.CPUS[-1]]}, **more)
    return packets, daemon.Daemon(folder, conf)


def tally(name, worker, weight=1, **options):
    return {"name": name, "worker": worker, "handler": "tally", "options": options, "weight": weight}


def all_delivered(session, packets):
    until(lambda: session.result("stats")["balance"]["delivered"] == len(packets), "all packets delivered")


@case("rows and totals of tally are what was sent, for every key, over two workers")
def every_key():
    for key in KEYS:
        with daemon.Folder() as folder:
            packets, one = start(folder, [tally("w0", 0, key=key), tally("w1", 1, 2.5, key=key)])
            with one:
                one.ready()
                with daemon.Session(one.socket) as session:
                    all_delivered(session, packets)
                    result = session.result("results", pool="inspect", top=5000)
                    wanted = counted(packets, key)
                    equal(result["key"], key, "key")
                    equal({row["key"]: [row["packets"], row["octets"]] for row in result["rows"]}, wanted, "rows")
                    equal(result["total"], {"packets": len(packets), "octets": sum(o for _, o in wanted.values()),
                                            "keys": len(wanted), "lost": 0}, "total")
                    true(all(0 < row["first"] <= row["last"] for row in result["rows"]), "times")
                    most = [row["packets"] for row in result["rows"]]
                    equal(most, sorted(most, reverse=True), "order")
                    name = result["rows"][len(result["rows"]) // 2]["key"]
                    one_row = session.result("results", pool="inspect", key=name)["rows"]
                    equal([[row["packets"], row["octets"]] for row in one_row], [wanted[name]], f"--key {name}")
                equal(one.stop(), 0, "exit status")


@case("weights that change between packets change no sum")
def sums_hold():
    with daemon.Folder() as folder:
        packets, one = start(folder, [tally("w0", 0, key="src"), tally("w1", 1, key="src")])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                for weight in (5, 1, 9, 0.5, 3):
                    session.result("node.set_weight", pool="inspect", node="w1", weight=weight)
                all_delivered(session, packets)
                rows = session.result("results", pool="inspect", top=5000)["rows"]
                equal({row["key"]: [row["packets"], row["octets"]] for row in rows}, counted(packets, "src"), "rows")
            equal(one.stop(), 0, "exit status")


@case("sorting, top and reset do what they say, and mistakes are named")
def asking():
    with daemon.Folder() as folder:
        packets, one = start(folder, [tally("w0", 0, key="src")])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                all_delivered(session, packets)
                rows = session.result("results", pool="inspect", top=3, sort="octets")["rows"]
                wanted = sorted((o for _, o in counted(packets, "src").values()), reverse=True)[:3]
                equal([row["octets"] for row in rows], wanted, "most octets")
                for params, code in (({"pool": "none"}, -32001), ({"pool": "inspect", "sort": "x"}, -32003),
                                     ({"pool": "inspect", "top": 0}, -32003)):
                    equal(session.call("results", **params)["error"]["code"], code, f"{params}")
                session.result("results", pool="inspect", reset=True)
                equal(session.result("results", pool="inspect")["total"]["packets"], 0, "after the reset")
            equal(one.stop(), 0, "exit status")


@case("a pool whose handlers have no results says so")
def nothing_there():
    with daemon.Folder() as folder:
        _, one = start(folder, [{"name": "w0", "worker": 0, "handler": "sink", "weight": 1}])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                equal(session.call("results", pool="inspect")["error"]["code"], -32001, "code")
            equal(one.stop(), 0, "exit status")


@case("a shared object of the user's counts what comes, beside tally")
def plugin():
    with daemon.Folder() as folder:
        packets, one = start(folder, [{"name": "w0", "worker": 0, "handler": "plugin", "file": OBJECT, "weight": 1}])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                all_delivered(session, packets)
                rows = session.result("results", pool="inspect", top=100)["rows"]
                equal({row["key"]: row["packets"] for row in rows}, {"198.51.0.0/16": len(packets)}, "rows")
            equal(one.stop(), 0, "exit status")


@case("objects and options that are none are refused at the start with their words")
def refused():
    for node, words in (({"name": "w0", "worker": 0, "handler": "plugin", "file": "/none.so", "weight": 1},
                         "/none.so: cannot open shared object file"),
                        ({"name": "w0", "worker": 0, "handler": "plugin", "file": OBJECT, "options": {"a": "b"},
                          "weight": 1}, 'no option "a"'),
                        (tally("w0", 0, key="mac"), 'option key "mac" of handler tally')):
        with daemon.Folder() as folder:
            _, one = start(folder, [node])
            with one:
                true(one.wait() in (1, 2), "exit status")
                true(words in one.log(), f"{words} is not in: {one.log()}")


run()
