#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Capture -> handlers -> results, through the real daemon: what `results` says is what was counted
beside it, for every key of tally and for the example that is installed; resets, guests, bad options."""

import os
import re
import struct
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, case, equal, run, true, until  # noqa: E402
from control import ctl  # noqa: E402
import daemon  # noqa: E402

OBJECT = os.path.join(daemon.BUILD, "lib", "sluice", "count.so")
SLOW = os.path.join(daemon.BUILD, "tests", "slow.so")
NEWER = os.path.join(daemon.BUILD, "tests", "newer.so")
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
            equal(one.stop(), 0, "exit status")


@case("a reset is a change: rehearsed, tied to a generation, in the history, and of the whole pool only")
def resetting():
    with daemon.Folder() as folder:
        packets, one = start(folder, [tally("w0", 0, key="src")])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                all_delivered(session, packets)
                for params, code in (({"reset": True, "key": packets[0][0]}, -32003), ({"dry_run": True}, -32003),
                                     ({"if_generation": 1}, -32003),
                                     ({"reset": True, "if_generation": 7}, -32002)):
                    equal(session.call("results", pool="inspect", **params)["error"]["code"], code, f"{params}")
                answer = session.result("results", pool="inspect", reset=True, dry_run=True)
                equal([answer["generation"], answer["total"]["packets"]], [1, len(packets)], "dry run")
                answer = session.result("results", pool="inspect", reset=True, if_generation=1)
                equal([answer["generation"], answer["total"]["packets"]], [2, len(packets)], "reset")
                equal([answer["moved_slots"], answer["least_slots"], answer["warnings"]], [{}, {}, []], "as changes answer")
                equal(session.result("results", pool="inspect")["total"]["packets"], 0, "after the reset")
                last = session.result("history")["history"][-1]
                equal([last["verb"], last["what"]], ["reset-results", "pool inspect: results begin anew"], "history")
                session.result("rollback", generation=1)
            out = ctl(one.socket, "results", "inspect", "--reset", "--if-generation", "3").out
            true("generation 4" in out, out)
            equal(one.stop(), 0, "exit status")


@case("a key that nothing has, and one that none can have, are answered in words")
def unknown_keys():
    with daemon.Folder() as folder:
        packets, one = start(folder, [tally("w0", 0, key="src")])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                all_delivered(session, packets)
                equal(session.result("results", pool="inspect", key="192.0.2.77")["rows"], [], "no such row")
                error = session.call("results", pool="inspect", key="nix")["error"]
                equal(error["code"], -32003, "code")
                true('"nix"' in error["message"] and "by src" in error["message"], error["message"])
            out = ctl(one.socket, "results", "inspect", "--key", "192.0.2.77").out
            true('nothing was counted by the key "192.0.2.77": pool inspect counts by src' in out, out)
            equal(one.stop(), 0, "exit status")


@case("nodes that count by different keys are told of, and their rows stand apart")
def mixed_keys():
    with daemon.Folder() as folder:
        packets, one = start(folder, [tally("w0", 0, key="src"), tally("w1", 1, key="dst")])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                all_delivered(session, packets)
                answer = session.result("results", pool="inspect", top=5000)
                equal(answer["key"], "mixed", "key")
                true("w0 by src, w1 by dst" in answer["warnings"][0], f"{answer['warnings']}")
                equal({row["by"] for row in answer["rows"]}, {"src", "dst"}, "by")
                equal(sum(row["packets"] for row in answer["rows"]), len(packets), "sum")
            done = ctl(one.socket, "results", "inspect")
            true("BY" in done.out and "different keys" in done.err, done.out + done.err)
            equal(one.stop(), 0, "exit status")


@case("/metrics has the sums of every node and as many keys as `top` says, and promtool finds no fault")
def metrics():
    place = f"{daemon.LOOPBACK}:{daemon.free_port()}"
    with daemon.Folder() as folder:
        packets, one = start(folder, [tally("w0", 0, key="src", top="5"), tally("w1", 1, key="src")],
                             control={"metrics": place})
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                all_delivered(session, packets)
                def scraped():
                    """Handlers that are kept from the CPU for long are left out."""
                    text = urllib.request.urlopen(f"http://{place}/metrics", timeout=PATIENCE).read().decode()
                    sums = re.findall(r'^sluice_results_packets_total{pool="inspect",node="w[01]"} (\d+)$', text, re.M)
                    return len(sums) == 2 and "sluice_results_key_packets{" in text and (text, sums)
                text, sums = until(scraped, "results of both nodes")
                equal(sum(map(int, sums)), len(packets), "packets")
                rows = session.result("results", pool="inspect", top=5)["rows"]
                keys = re.findall(r'^sluice_results_key_packets{pool="inspect",by="src",key="(.*)"} (\d+)$', text, re.M)
                equal(keys, [(row["key"], str(row["packets"])) for row in rows], "keys")
                done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True,
                                      timeout=PATIENCE, check=False)
                equal((done.returncode, done.stderr), (0, b""), "promtool")
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


def slow(name, worker, **options):
    return {"name": name, "worker": worker, "handler": "plugin", "file": SLOW, "options": options, "weight": 1}


@case("a shared object is told of its pool and its node")
def names():
    with daemon.Folder() as folder:
        packets, one = start(folder, [slow("w0", 0)])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                all_delivered(session, packets)
                row = session.result("results", pool="inspect", key="inspect/w0")["rows"]
                equal([one_row["packets"] for one_row in row], [len(packets)], "rows")
            equal(one.stop(), 0, "exit status")


@case("a handler that does not come back is named, shown, and holds up neither its neighbour nor who asks")
def stuck():
    with daemon.Folder() as folder:
        hold = folder.write("hold", "")
        packets, one = start(folder, [slow("w0", 0, hold=hold), slow("w1", 0, hold=hold), tally("w2", 1, key="src")])
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: "has not come back" in one.log(), "the worker is named")
                true(re.search(r"worker0 on CPU \d+: handler plugin of node w[01] has not come back", one.log()), one.log())
                until(lambda: any(core["stuck"] for core in session.result("status")["cores"]), "status")
                out = ctl(one.socket, "status").out
                true(re.search(r"worker0 .*STUCK", out), out)
                others = session.result("stats")["pools"]["inspect"]["nodes"]["w2"]["packets"]
                until(lambda: session.result("stats")["balance"]["delivered"] >= others > 0, "the neighbour's packets")
                error = session.call("results", pool="inspect")["error"]
                true("does not come back" in error["message"], error["message"])
                os.unlink(hold)
                until(lambda: "has come back" in one.log(), "the worker is back")
                all_delivered(session, packets)
                until(lambda: session.result("results", pool="inspect")["total"]["packets"] == len(packets), "results")
            equal(one.stop(), 0, "exit status")


@case("options that no handler takes and objects that cannot serve are refused by --check, with their places")
def checked():
    with daemon.Folder() as folder:
        folder.write("text.so", "no object")
        wrong = [
            (tally("a", 0, key="foo"), 'option key "foo" of handler tally is none of src'),
            (tally("b", 0, top="0"), 'option top "0" of handler tally'),
            (tally("c", 0, top="-1"), 'option top "-1" of handler tally'),
            (tally("d", 0, more="1"), 'handler tally has no option "more"'),
            ({"name": "e", "worker": 0, "handler": "sink", "options": {"key": "src"}, "weight": 1},
             "handler sink takes no options"),
            ({"name": "f", "worker": 0, "handler": "plugin", "file": "/none.so", "weight": 1},
             "/none.so: cannot open shared object file"),
            ({"name": "g", "worker": 0, "handler": "plugin", "file": "./text.so", "weight": 1}, "text.so"),
            ({"name": "h", "worker": 0, "handler": "plugin", "file": NEWER, "weight": 1}, "version 99"),
        ]
        for node, words in wrong:
            daemon.write_pcap(folder.file("in.pcap"), [])
            conf = daemon.configuration(folder, [{"name": "p0", "device": "net_pcap0,rx_pcap=in.pcap,tx_pcap=/dev/null"}],
                                        [{"name": "inspect", "nodes": [node]}],
                                        [{"name": "rest", "address": "any", "pool": "inspect"}])
            with daemon.Daemon(folder, conf, ["--check"]) as one:
                equal(one.wait(), 1, f"exit status for {words}")
                true(words in one.log(), f"{words} is not in: {one.log()}")
                true(re.search(r"yaml:\d+:\d+: ", one.log()), one.log())


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
