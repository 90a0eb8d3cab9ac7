#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The control socket of the real daemon: every method, every error code, limits, permissions.

    client -> UNIX socket -> sluiced (net_ring, workers a b c of pool web)
"""

import copy
import json
import os
import shutil
import pwd
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, TOP, Failed, Skip, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402
from control import refused  # noqa: E402

LINE_MAX = 1 << 20


class Talk:
    """A daemon and a session with it."""

    def __init__(self, port=None, **more):
        self.folder = daemon.Folder().__enter__()
        if port == "busy":
            port = control.busy(self.folder)
        self.conf = control.conf(self.folder, port=port, **more)
        self.daemon = daemon.Daemon(self.folder, self.conf)

    def __enter__(self):
        self.daemon.__enter__()
        self.daemon.ready()
        self.path = self.daemon.socket
        self.session = daemon.Session(self.path)
        return self

    def __exit__(self, *_):
        self.session.__exit__()
        self.daemon.__exit__()
        self.folder.__exit__()


# ---- framing


@case("what is no JSON, a batch, an invalid request, an unknown method have their codes")
def framing():
    with Talk() as talk:
        for octets, code, ident in [
                (b"hello\n", -32700, None), (b"\n", -32700, None), (b"{\n", -32700, None),
                (b"\xff\xfe\n", -32700, None), (b"[]\n", -32600, None), (b"7\n", -32600, None),
                (b'[{"jsonrpc":"2.0","id":1,"method":"status"}]\n', -32600, None),
                (b'{"id":3,"method":"status"}\n', -32600, 3),
                (b'{"jsonrpc":"2.0","id":4}\n', -32600, 4),
                (b'{"jsonrpc":"2.0","id":"x","method":"nothing"}\n', -32601, "x"),
                (b'{"jsonrpc":"2.0","id":5,"method":"status","params":[1]}\n', -32602, 5),
                (b'{"jsonrpc":"2.0","id":6,"method":"status","params":{"a":1}}\n', -32602, 6),
                (b'{"jsonrpc":"2.0","id":6,"id":6,"method":"status"}\n', -32600, 6)]:
            answers, _ = control.raw(talk.path, octets)
            equal([(a["id"], a["error"]["code"]) for a in answers], [(ident, code)], repr(octets))


@case("requests in pieces, many in one piece, and a last one without newline are answered in order")
def pieces():
    with Talk() as talk:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(talk.path)
            text = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"status"}\n' % n for n in range(50))
            for at in range(0, len(text), 37):
                client.sendall(text[at:at + 37])
            lines = client.makefile("rb")
            equal([json.loads(lines.readline())["id"] for _ in range(50)], list(range(50)), "ids")
        answers, closed = control.raw(talk.path, b'{"jsonrpc":"2.0","id":1,"method":"status"}',
                                      half_close=True)
        equal((len(answers), closed), (1, True), "answered and closed")


@case("a notification is carried out and not answered")
def notification():
    with Talk() as talk:
        answers, _ = control.raw(talk.path, b'{"jsonrpc":"2.0","method":"node.set_weight",'
                                 b'"params":{"pool":"web","node":"a","weight":7}}\n')
        equal(answers, [], "answers")
        equal(talk.session.result("nodes", pool="web")["nodes"]["a"]["weight"], 7, "weight")


def nasty_requests():
    """Requests that no client sends by itself, and the codes that may answer each."""
    head = b'{"jsonrpc":"2.0","id":1,"method":'
    change = head + b'"node.set_weight","params":{"pool":"web","node":"a","weight":%s}}'
    for number in (b"1e400", b"-1e400", b"99999999999999999999", b"NaN", b"0x10", b"1.", b"--1", b"1e99", b"-0.1",
                   b"9223372036854775807", b"1e-300"):
        yield change % number, (-32700, -32003)
    for depth in (1000, 3000, 100000):
        yield b"[" * depth, (-32700,)
        yield head + b'"status","params":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}", (-32700, -32602)
        yield change % (b"[" * depth + b"]" * depth), (-32700, -32602)
    for octets in (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf", b"\\ud800", b"\\u0000",
                   b"\x00", b"\x1b[2J"):
        yield head + b'"' + octets + b'"}', (-32700, -32601)
        yield change.replace(b"web", octets) % b"1", (-32700, -32001, -32003)
        yield head + b'"config.apply","params":{"text":"' + octets + b'"}}', (-32700, -32003)
    yield head + b'"node.set_weight","params":{"pool":"web","node":"a","weight":1,"weight":2}}', (-32600,)
    yield head + b'"node.set_weight","params":{"pool":"web","pool":"x","node":"a","weight":1}}', (-32600,)
    for method in (b"", b"a" * 100000, b"status ", b"STATUS", b"node.", b"%s%n", b"../status"):
        yield head + b'"' + method + b'"}', (-32601,)
    yield head + b'"status"', (-32700,)
    yield b'{"jsonrpc":"2.0","id":{},"method":"status"}', (-32600,)
    yield b'{"jsonrpc":2.0,"id":1,"method":"status"}', (-32600,)
    yield head + b'"history","params":{"limit":-1}}', (-32003,)
    yield head + b'"table.get","params":{"pool":"web","from":9223372036854775807}}', (-32003,)
    yield head + b'"node.drain","params":{"pool":"web","node":"a","deadline":1e300}}', (-32003,)
    yield head + b'"node.drain","params":{"pool":"web","node":"a","deadline":"99999999999999999999s"}}', (-32003,)
    yield head + b'"rollback","params":{"generation":9223372036854775807}}', (-32001,)
    yield head + b'"explain","params":{"src":"1.2.3.4","dst":"1.2.3.4","sport":65536}}', (-32003,)


@case("hostile requests are refused with a sentence and change nothing")
def hostile_requests():
    with Talk() as talk:
        before = control.state(talk.session)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(talk.path)
            lines = client.makefile("rb")
            for request, codes in nasty_requests():
                client.sendall(request + b"\n")
                answer = json.loads(lines.readline())
                true(answer.get("error", {}).get("code") in codes, f"{request[:80]}: {answer}")
                true(answer["error"]["message"], f"no sentence: {answer}")
        equal(control.state(talk.session), before, "state")


@case("200 clients that go in the middle of a line, of a change or of an answer cost nobody else a thing")
def rude_clients():
    change = (b'{"jsonrpc":"2.0","id":1,"method":"node.set_weight","params":'
              b'{"pool":"web","node":"a","weight":%d}}\n')
    with Talk() as talk:
        clients = []
        for number in range(200):
            client = socket.socket(socket.AF_UNIX)
            client.connect(talk.path)
            clients.append(client)
            if number % 4 == 0:
                client.sendall((change % number)[:40])
            elif number % 4 == 1:
                client.sendall(change % (1 + number) * 20)
            elif number % 4 == 2:
                client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"config.get"}\n' * 50)
        equal(talk.session.result("node.set_weight", pool="web", node="b", weight=3)["moved_slots"].keys(),
              {"web"}, "answer")
        for number, client in enumerate(clients):
            if number % 3 == 0:  # goes by a reset: what was sent to it is not read
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        until(lambda: talk.session.result("status")["generation"] >= 1002, "generation 1002")
        got = control.state(talk.session)
        equal(got["generation"], 1002, "what came whole is made: 50 clients with 20 changes, and one")
        equal(len(talk.session.result("history")["history"]), 1002, "history")
        equal({name for name in got["tables"]["web"]}, {"a", "b", "c"}, "table")


@case("a line of 1 MiB is taken, one octet more is -32600 and closed")
def long_line():
    with Talk() as talk:
        start = b'{"jsonrpc":"2.0","id":1,"method":"status"'
        for size, codes, end in [(LINE_MAX, [None], False), (LINE_MAX + 1, [-32600], True)]:
            line = start + b" " * (size - len(start) - 1) + b"}\n"
            answers, closed = control.raw(talk.path, line)
            equal([a.get("error", {}).get("code") for a in answers], codes, f"{size} octets")
            equal(closed, end, f"closed after {size} octets")
        answers, closed = control.raw(talk.path, b"x" * (3 * LINE_MAX))
        equal([a["error"]["code"] for a in answers], [-32600], "without end")
        talk.session.result("status")


@case("a client that reads nothing is not read from, and others are served")
def slow_reader():
    with Talk() as talk:
        with socket.socket(socket.AF_UNIX) as slow:
            slow.setblocking(False)
            slow.connect(talk.path)
            line, sent, served = b'{"jsonrpc":"2.0","id":1,"method":"config.get"}\n' * 100, 0, 0
            while served < 50:  # answers to others since it was read from
                try:
                    sent, served = sent + slow.send(line), 0
                except BlockingIOError:
                    talk.session.result("status")
                    served += 1
                true(sent < 4 * LINE_MAX, f"{sent} octets were taken from who reads nothing")


def served(path):
    with daemon.Session(path) as session:
        try:
            return "result" in session.call("status")
        except (OSError, ValueError, Failed):
            return False


@case("a connection more than the limit is told so")
def connections():
    with Talk() as talk:
        clients = []
        try:
            for _ in range(300):
                client = socket.socket(socket.AF_UNIX)
                client.connect(talk.path)
                client.settimeout(PATIENCE)
                clients.append(client)
            said = clients[-1].recv(1000)
            true(b"too many connections" in said, repr(said))
        finally:
            for client in clients:
                client.close()
        until(lambda: served(talk.path), "a place for another")
        talk.session.result("status")


# ---- reading


@case("status, pools, nodes, services, stats answer the objects of the contract")
def objects():
    with Talk() as talk:
        call = talk.session.result
        status = call("status")
        true({"version", "uptime_seconds", "generation", "ports", "cores"} <= set(status), status)
        true({"rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_missed", "tx_failed"} <= set(status["ports"]["p0"]), status)
        equal([core["name"] for core in status["cores"]], ["rx0", "worker0"], "cores")
        pool = call("pools")["pools"]["web"]
        equal((pool["scheduler"], pool["slots"]), ("minimal", 4096), "pool")
        nodes = call("nodes", pool="web")["nodes"]
        equal(nodes, call("nodes")["nodes"]["web"], "nodes with and without pool")
        equal(nodes["c"]["weight"], 50.5, "weight")
        true({"state", "slots", "expected_share", "measured_share", "since_ms", "why"} <=
             set(nodes["a"]), nodes["a"])
        equal(sum(n["slots"] for n in nodes.values()), 4096, "slots of nodes")
        equal(set(call("services")["services"]["all"]) >= {"packets", "bytes"}, True, "service")
        stats = call("stats")
        for name in ("generation", "uptime_seconds", "ports", "services", "pools", "dropped",
                     "punted", "balance"):
            true(name in stats, f"stats has no {name}")


@case("what is not there is -32001 with a guess")
def not_found():
    with Talk() as talk:
        error = refused(talk.session, -32001, "nodes", pool="wbe")
        true('did you mean "web"' in error["message"], error)
        refused(talk.session, -32001, "flows", pool="nothing")
        refused(talk.session, -32001, "flows", pool="web", node="nobody")
        refused(talk.session, -32001, "table.get", pool="nothing")
        refused(talk.session, -32001, "node.set_weight", pool="web", node="zz", weight=1)
        refused(talk.session, -32001, "node.set_weight", pool="zz", node="a", weight=1)
        refused(talk.session, -32001, "node.drain", pool="*", node="zz")
        refused(talk.session, -32001, "rollback", generation=99)


# ---- changing


@case("a weight is changed, moving the least; its answer has every member")
def set_weight():
    with Talk() as talk:
        answer = talk.session.result("node.set_weight", pool="web", node="a", weight=80)
        equal(set(answer), {"generation", "moved_slots", "least_slots", "warnings"}, "members")
        equal(answer["generation"], 2, "generation")
        equal(answer["moved_slots"], answer["least_slots"], "moved and least")
        true(answer["moved_slots"]["web"] > 0, answer)
        again = talk.session.result("node.set_weight", pool="web", node="a", weight=80)
        equal(again["generation"], 3, "a change that changes nothing is a generation too")
        equal(again["moved_slots"].get("web", 0), 0, "moved")
        answer = talk.session.result("node.set_weight", pool="*", node="a", weight=81)
        equal(answer["generation"], 4, "by *")
        for weight in (0.000001, 0.00001, 1000000, 123456.789012):
            talk.session.result("node.set_weight", pool="web", node="a", weight=weight)
            equal(talk.session.result("nodes", pool="web")["nodes"]["a"]["weight"], weight, "weight")
            true(f"-> {weight:.15g}" in talk.session.result("history")["history"][-1]["what"], "history")
        talk.session.result("node.add", pool="web", node="tiny", worker=0, weight=0.00001)
        equal(talk.session.result("nodes", pool="web")["nodes"]["tiny"]["weight"], 0.00001, "weight")


@case("wrong weights, keys and durations are -32003, wrong types -32602, and change nothing")
def wrong_values():
    with Talk() as talk:
        before = control.state(talk.session)
        for weight in (-1, 1000000.5, 1e300, 0.0000001):
            refused(talk.session, -32003, "node.set_weight", pool="web", node="a", weight=weight)
        refused(talk.session, -32602, "node.set_weight", pool="web", node="a", weight="5")
        refused(talk.session, -32602, "node.set_weight", pool="web", node="a", weight=None)
        refused(talk.session, -32602, "node.set_weight", pool="web", node="a")
        refused(talk.session, -32602, "node.set_weight", pool="web", node="a", weight=1, extra=1)
        refused(talk.session, -32003, "node.drain", pool="web", node="a", deadline="soon")
        refused(talk.session, -32003, "node.drain", pool="web", node="a", deadline=-1)
        refused(talk.session, -32003, "node.add", pool="web", node="a", worker=0)
        refused(talk.session, -32003, "node.add", pool="web", node="d", worker=9)
        refused(talk.session, -32003, "node.add", pool="web", node="d", keys={"wrker": 0})
        refused(talk.session, -32003, "node.add", pool="web", node="d e", worker=0)
        refused(talk.session, -32003, "explain", src="1.2.3.4", dst="::1")
        refused(talk.session, -32003, "explain", src="1.2.3", dst="1.2.3.4")
        refused(talk.session, -32602, "explain", dst="1.2.3.4")
        refused(talk.session, -32003, "log.level", level="loud")
        refused(talk.session, -32003, "table.set", pool="web", nodes=["a"], table=[0, 1])
        refused(talk.session, -32003, "table.set", pool="web", nodes=["a"], table=[0] * 100)
        equal(control.state(talk.session), before, "state after refusals")


@case("if_generation refuses with -32002, dry_run answers the present generation and changes nothing")
def conditions():
    with Talk() as talk:
        call = talk.session.result
        refused(talk.session, -32002, "node.set_weight", pool="web", node="a", weight=1,
                if_generation=7)
        before = control.state(talk.session)
        for method, params in [("node.set_weight", {"node": "a", "weight": 1}),
                               ("node.add", {"node": "d", "worker": 0}),
                               ("node.remove", {"node": "a"}), ("node.drain", {"node": "a"}),
                               ("node.disable", {"node": "a"}), ("node.enable", {"node": "a"})]:
            answer = call(method, pool="web", dry_run=True, **params)
            equal(answer["generation"], 1, f"generation of a dry {method}")
        equal(control.state(talk.session), before, "state after dry runs")
        answer = call("node.set_weight", pool="web", node="a", weight=1, if_generation=1)
        equal(answer["generation"], 2, "generation")


@case("nodes are added and removed, drained, disabled and enabled")
def nodes():
    with Talk() as talk:
        call = talk.session.result
        call("node.add", pool="web", node="d", worker=0, weight=12.25)
        call("node.add", pool="web", node="e", keys={"worker": "0", "weight": 3})
        members = call("nodes", pool="web")["nodes"]
        equal((members["d"]["weight"], members["e"]["weight"]), (12.25, 3), "weights")
        drained = call("node.drain", pool="web", node="d", deadline="60s")
        equal(set(drained["left"]), {"slots", "flows", "exact"}, "left")
        state = {n: v["state"] for n, v in call("nodes", pool="web")["nodes"].items()}
        true(state["d"] in ("draining", "drained"), state)
        equal(call("nodes", pool="web")["nodes"]["d"]["slots"], 0, "slots of a draining node are lent")
        call("node.enable", pool="web", node="d")
        call("node.disable", pool="web", node="e")
        state = {n: v["state"] for n, v in call("nodes", pool="web")["nodes"].items()}
        equal((state["d"], state["e"]), ("up", "disabled"), "states")
        call("node.remove", pool="web", node="d", now=True)
        refused(talk.session, -32001, "node.enable", pool="web", node="d")
        true("name: d" not in call("config.get")["text"], "d is still in the configuration")


# ---- configurations


@case("config.get gives what config.apply takes and config.diff finds equal")
def config_round():
    with Talk() as talk:
        call = talk.session.result
        call("node.set_weight", pool="web", node="a", weight=33.125)
        text = call("config.get")["text"]
        equal(call("config.diff", text=text)["changes"], [], "differences")
        answer = call("config.apply", text=text)
        equal(answer["moved_slots"].get("web", 0), 0, "moved")
        equal(call("config.get")["text"], text, "text")


@case("config.diff tells every key that differs, with its values, and nothing else")
def diff_tells():
    services = [{"name": "http", "address": "192.0.2.10", "protocol": "tcp", "ports": [80], "pool": "web"},
                {"name": "all", "address": "any", "pool": "web"}]
    with Talk(services=services) as talk:
        for path, value, wanted in (
                (("pools", 0, "tracking"), "full", ["pool web: tracking auto -> full"]),
                (("pools", 0, "no_node"), "any", ["pool web: no_node drop -> any"]),
                (("pools", 0, "idle_timeout"), {"tcp": "1m"}, ["pool web: idle_timeout {} -> {tcp: 1m}"]),
                (("pools", 0, "nodes", 1, "weight"), 7, ["pool web: node b: weight 100 -> 7"]),
                (("services", 0, "ports"), [80, "8000-8099"],
                 ['service http: ports [80] -> [80, "8000-8099"]']),
                (("services", 0, "address"), "192.0.2.11",
                 ['service http: address "192.0.2.10/32" -> "192.0.2.11/32"']),
                (("services", 1, "mss_clamp"), 1400, ["service all: mss_clamp 0 -> 1400"]),
                (("control", "mode"), "0600", ['control: mode "0660" -> "0600"'])):
            conf = copy.deepcopy(talk.conf)
            at = conf
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = value
            equal(talk.session.result("config.diff", text=json.dumps(conf))["changes"], wanted, path)


@case("every error of a configuration comes with its place, and nothing is applied")
def config_errors():
    with Talk() as talk:
        text = talk.session.result("config.get")["text"]
        before = control.state(talk.session)
        wrong = text.replace("weight: 50.5", "weight: -1").replace("name: web", "nmae: web")
        for method in ("config.apply", "config.check", "config.diff"):
            error = refused(talk.session, -32003, method, text=wrong)
            true(len(error["data"]["errors"]) >= 2, error)
            for entry in error["data"]["errors"]:
                equal(set(entry), {"line", "column", "message"}, "members")
                true(entry["line"] >= 1 and entry["column"] >= 1 and entry["message"], entry)
        refused(talk.session, -32003, "config.apply", text="")
        refused(talk.session, -32602, "config.apply")
        equal(control.state(talk.session), before, "state")


@case("what needs a restart is refused by name")
def config_restart():
    with Talk() as talk:
        text = talk.session.result("config.get")["text"]
        error = refused(talk.session, -32003, "config.apply",
                        text=text.replace("packet_buffers: 8192", "packet_buffers: 16384"))
        true("packet_buffers" in error["message"] and "restart" in error["message"], error)
        other = text.replace("packet_buffers: 8192", "packet_buffers: 16384").replace(
            "arp: off", "mtu: 1400").replace("  - name: web\n", "  - name: web\n    hash: src\n")
        for method in ("config.apply", "config.check", "config.diff"):
            error = refused(talk.session, -32003, method, text=other)
            equal([[entry["message"].split()[0 if "restart" in entry["message"] else -1], entry["line"] > 0]
                   for entry in error["data"]["errors"]],
                  [["dataplane.packet_buffers", True], ["mtu", True], ["arp", True], ["--force", True]],
                  "what is refused")
        said = control.ctl(talk.path, "apply", talk.folder.write("other.yaml", other), status=1).err
        true("other.yaml:2:3: dataplane.packet_buffers cannot change" in said, said)


@case("a change of what is hashed needs force")
def config_force():
    with Talk() as talk:
        text = talk.session.result("config.get")["text"]
        other = text.replace("  - name: web\n", "  - name: web\n    hash: src\n")
        true(other != text, text)
        refused(talk.session, -32003, "config.apply", text=other)
        talk.session.result("config.apply", text=other, force=True)
        key = talk.session.result("config.get")["text"].replace("00112233", "ff112233")
        refused(talk.session, -32003, "config.apply", text=key)
        answer = talk.session.result("config.apply", text=key, force=True, dry_run=True)
        true(any("hash_key" in line for line in answer["changes"]), answer)
        question = {"src": "192.0.2.1", "dst": "192.0.2.2", "sport": 7, "dport": 9, "proto": "udp"}
        before = talk.session.result("explain", **question)["hash"]
        talk.session.result("config.apply", text=key, force=True)
        true(talk.session.result("explain", **question)["hash"] != before, "the hash is the same")
        true("hash_key" in talk.session.result("history")["history"][-1]["what"], "history")


@case("pools and services come, change and go by apply; SIGHUP reads the file again")
def config_apply():
    with Talk() as talk:
        call = talk.session.result
        more = control.conf(talk.folder, pools=[{"name": "dns", "slots": 256,
                                                 "nodes": [control.node("x")]}],
                            services=[{"name": "all", "address": "any", "pool": "web"},
                                      {"name": "dns", "address": "192.0.2.53", "pool": "dns"}])
        more["dataplane"] = talk.conf["dataplane"]
        diff = call("config.diff", text=json.dumps(more))
        true(any("dns" in line for line in diff["changes"]), diff)
        equal(call("status")["generation"], 1, "generation after diff")
        call("config.apply", text=json.dumps(more))
        equal(set(call("pools")["pools"]), {"web", "dns"}, "pools")
        equal(set(call("services")["services"]), {"all", "dns"}, "services")
        talk.conf["pools"][0]["nodes"][0]["weight"] = 77
        talk.folder.write("sluiced.yaml", talk.conf)
        talk.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: call("status")["generation"] >= 3, "generation 3")
        nodes = call("nodes", pool="web")["nodes"]
        equal(nodes["a"]["weight"], 77, "weight after SIGHUP")
        equal(call("history")["history"][-1]["verb"], "reload", "verb")
        equal(set(call("services")["services"]), {"all"}, "services")


# ---- history, tables


@case("what a reload cannot follow is said: a group that is not there, a place that is no place to listen")
def reload_warns():
    with Talk() as talk:
        talk.conf["control"].update(group="nobody-knows", metrics="203.0.113.77:9464")
        talk.conf["pools"][0]["nodes"][0]["weight"] = 0.001
        talk.folder.write("sluiced.yaml", talk.conf)
        talk.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "applied" in talk.daemon.log(), "the reload")
        log = talk.daemon.log()
        true("control.group nobody-knows" in log and "203.0.113.77:9464\": cannot listen" in log, log)
        equal(log.count("less than one of"), 1, log)


@case("of a node that is leaving the last flows are cut by remove-node --now, in one pool and in all")
def cut_leaving():
    idle = {"tcp": "60s", "udp": "60s", "other": "60s"}
    with Talk(port="busy", pool={"tracking": "full", "idle_timeout": idle}) as talk:
        call = talk.session.result
        for pool, node in (("web", "a"), ("*", "b")):
            until(lambda: call("nodes", pool="web")["nodes"][node]["flows"] > 20, f"flows of {node}")
            call("node.remove", pool=pool, node=node)
            row = call("nodes", pool="web")["nodes"][node]
            true(row["state"] == "leaving" and row["flows"] > 0, row)
            for error in (refused(talk.session, -32001, "node.remove", pool=pool, node=node),
                          refused(talk.session, -32001, "node.enable", pool=pool, node=node)):
                true("leaving" in error["message"] and "--now" in error["message"], error)
            before = call("status")["generation"]
            call("node.remove", pool=pool, node=node, now=True, dry_run=True)
            equal(call("nodes", pool="web")["nodes"][node]["state"], "leaving", "after a dry run")
            answer = call("node.remove", pool=pool, node=node, now=True)
            equal((answer["generation"], answer["moved_slots"]), (before + 1, {"web": 0}), "answer")
            true(node not in call("nodes", pool="web")["nodes"], "it is still there")
            refused(talk.session, -32001, "node.remove", pool=pool, node=node, now=True)
        until(lambda: {flow["node"] for flow in call("flows", limit=8000)["flows"]} == {"c"}, "flows of c alone")


@case("numbers of the answer have the digits that somebody wrote")
def digits():
    with Talk() as talk:
        talk.session.result("node.set_weight", pool="web", node="a", weight=0.1)
        for words in (["nodes"], ["stats"]):
            out = control.ctl(talk.path, "--json", *words).out
            true('"weight":0.1,' in out, out)


@case("history says who did what, when, and rollback restores tables, weights and hands exactly")
def history():
    with Talk() as talk:
        call = talk.session.result
        states = {1: control.state(talk.session)}
        steps = [("node.set_weight", {"node": "a", "weight": 10}),
                 ("node.add", {"node": "d", "worker": 0, "weight": 40}),
                 ("node.drain", {"node": "b"}), ("node.remove", {"node": "c", "now": True}),
                 ("node.set_weight", {"node": "d", "weight": 55.5}), ("node.disable", {"node": "a"})]
        for method, params in steps:
            generation = call(method, pool="web", **params)["generation"]
            states[generation] = control.state(talk.session)
        lines = call("history")["history"]
        equal([line["verb"] for line in lines],
              ["start", "set-weight", "add-node", "drain", "remove-node", "set-weight", "disable"],
              "verbs")
        equal({(line["uid"], line["pid"]) for line in lines[1:]}, {(os.geteuid(), os.getpid())}, "who")
        true(lines[1]["moved_slots"]["web"] > 0, lines[1])
        equal(len(call("history", limit=2)["history"]), 2, "limit")
        for generation in (3, 1, 6, 2, 7, 4, 5):
            call("rollback", generation=generation)
            got = control.state(talk.session)
            for part in ("config", "hands", "tables"):
                true(got[part] == states[generation][part],
                     f"{part} after rollback to {generation}: {str(got[part])[:500]}")


@case("a table is exported, imported by another dispatcher, and equal there")
def table():
    with Talk() as one, Talk() as other:
        one.session.result("node.set_weight", pool="web", node="a", weight=10)
        one.session.result("node.set_weight", pool="web", node="a", weight=100)
        file = one.folder.file("web.table")
        control.ctl(one.path, "table", "web", "--export", file)
        true(control.tables(one.session) != [], "empty table")
        answer = control.ctl(other.path, "--json", "table", "web", "--import", file).json()
        equal(answer["generation"], 2, "generation")
        equal(control.tables(other.session), control.tables(one.session), "tables")
        with open(file, "a", encoding="utf-8") as out:
            out.write("}")
        control.ctl(other.path, "table", "web", "--import", file, status=1)


@case("a table of a million slots goes over the socket in parts")
def large_table():
    with Talk(slots=1 << 20) as talk:
        file = talk.folder.file("web.table")
        control.ctl(talk.path, "table", "web", "--export", file)
        talk.session.result("node.set_weight", pool="web", node="a", weight=5)
        control.ctl(talk.path, "table", "web", "--import", file)
        second = talk.folder.file("second.table")
        control.ctl(talk.path, "table", "web", "--export", second)
        with open(file, encoding="utf-8") as a, open(second, encoding="utf-8") as b:
            equal(json.load(a)["table"] == json.load(b)["table"], True, "tables")


# ---- events, explain, metrics


@case("what does not fit a line of 1 MiB goes in parts both ways: 11,000 nodes, a configuration of a megabyte")
def large():
    def conf_nodes(count):
        return [control.node(f"a-node-with-quite-a-long-name-for-a-pool-this-large-{number:05}", 1 + number % 3)
                for number in range(count)]

    with Talk(slots=65536, nodes=conf_nodes(3)) as talk:
        full = copy.deepcopy(talk.conf)
        full["pools"][0]["nodes"] = conf_nodes(11000)
        full["pools"].append({"name": "small", "slots": 256, "nodes": [control.node("x")]})
        with open(talk.folder.file("large.yaml"), "w", encoding="utf-8") as file:
            file.write("# \u00e9" * 40000 + "\n" + json.dumps(full, indent=1))
        size = os.path.getsize(talk.folder.file("large.yaml"))
        true(size > LINE_MAX, f"{size} octets are no large file")
        diff = control.ctl(talk.path, "--json", "diff", talk.folder.file("large.yaml")).json()
        true(len(diff["changes"]) == 1001 and diff["changes"][-1].startswith("and "), diff["changes"][-1])
        control.ctl(talk.path, "check", talk.folder.file("large.yaml"))
        equal(control.ctl(talk.path, "--json", "apply", talk.folder.file("large.yaml")).json()["generation"], 2,
              "generation")
        for method in ("nodes", "stats", "pools"):
            error = refused(talk.session, -32003, method)
            true("from and count" in error["message"], error)
            first = talk.session.result(method, count=5)
            equal(first["next"], 5, f"next of {method}")
        nodes = control.ctl(talk.path, "--json", "nodes").json()["nodes"]
        equal({name: len(members) for name, members in nodes.items()}, {"web": 11000, "small": 1}, "nodes")
        stats = control.ctl(talk.path, "--json", "stats").json()
        equal((len(stats["pools"]["web"]["nodes"]), "next" in stats), (11000, False), "stats")
        part = talk.session.result("nodes", pool="web", **{"from": 10990, "count": 100})
        equal((len(part["nodes"]), "next" in part), (10, False), "the last part")
        part = talk.session.result("stats", **{"from": 10999, "count": 2})["pools"]
        equal([len(part[name]["nodes"]) for name in ("web", "small")], [1, 1], "a part over two pools")
        refused(talk.session, -32003, "config.get")
        equal(control.ctl(talk.path, "config", "--save", talk.folder.file("saved.yaml")).status, 0, "config")
        diff = control.ctl(talk.path, "--json", "diff", talk.folder.file("saved.yaml")).json()
        equal(diff["changes"], [], "what was saved differs from what runs")
        refused(talk.session, -32003, "config.check", text="x", **{"from": 7})
        equal(talk.session.result("config.check", text="pools: ", more=True), {"staged": 7}, "staged")
        with daemon.Session(talk.path) as other:
            refused(other, -32003, "config.check", text="x", **{"from": 5})
        equal(talk.session.result("config.check", text=" {}", more=True, **{"from": 7}), {"staged": 10}, "staged on")
        refused(talk.session, -32003, "config.check", text="x", **{"from": 8})


@case("events follow changes of generations and node states")
def events():
    with Talk() as talk:
        with daemon.Session(talk.path) as other:
            equal(other.result("events")["subscribed"], True, "subscribed")
            talk.session.result("node.disable", pool="web", node="a")
            got = [json.loads(other.lines.readline()) for _ in range(2)]
            equal({event["method"] for event in got}, {"event"}, "method")
            true(all("id" not in event for event in got), got)
            by_kind = {event["params"]["kind"]: event["params"] for event in got}
            equal(by_kind["generation"]["generation"], 2, "generation")
            equal((by_kind["node"]["node"], by_kind["node"]["state"]), ("a", "disabled"), "node")


@case("explain names service, pool, node, hash, slot, generation, why and the way")
def explain():
    with Talk() as talk:
        call = talk.session.result
        tuple_ = {"src": "198.51.100.7", "sport": 40000, "dst": "192.0.2.10", "dport": 80,
                  "proto": "tcp", "flags": "syn"}
        got = call("explain", **tuple_)
        for name in ("service", "pool", "node", "hash", "slot", "generation", "why", "tracked",
                     "forward"):
            true(name in got, f"no {name} in {got}")
        equal((got["service"], got["pool"], got["why"]), ("all", "web", "slot"), "answer")
        equal(control.tables(talk.session)[got["slot"]], got["node"], "the slot's node")
        equal(int(got["hash"], 16) >> (64 - 12), got["slot"], "slot of the hash")
        call("node.disable", pool="web", node=got["node"])
        lent = call("explain", **tuple_)
        equal((lent["slot"], lent["why"]), (got["slot"], "lent"), "when its node is disabled")
        true(lent["node"] != got["node"], lent)
        for name in "abc":
            call("node.disable", pool="web", node=name)
        equal(call("explain", **tuple_), {"dropped": "no_node"}, "with nobody")
        equal(call("explain", frame="ff" * 20), {"dropped": "no_service"}, "no IP")
        equal(call("explain", frame="ff" * 12 + "0800" + "45" + "00" * 10), {"dropped": "truncated"},
              "a frame cut short")


@case("explain says what sluice answers itself")
def explain_own():
    with Talk(services=[{"name": "one", "address": "192.0.2.10", "pool": "web"}],
              port={"name": "p0", "device": "net_ring0", "addresses": ["192.0.2.2/24"]}) as talk:
        from scapy.all import ARP, Ether, ICMP, IP
        for frame in (Ether(dst="ff:ff:ff:ff:ff:ff") / ARP(psrc="192.0.2.1", pdst="192.0.2.10"),
                      Ether(dst="02:00:00:00:00:05") / IP(src="192.0.2.1", dst="192.0.2.10") / ICMP()):
            equal(talk.session.result("explain", frame=bytes(frame).hex()), {"punted": "sluice"},
                  frame.summary())


@case("explain --pcap agrees with explain by words")
def explain_pcap():
    with Talk() as talk:
        from scapy.all import Ether, IP, UDP, wrpcap
        frames = [Ether() / IP(src="10.0.0.1", dst="192.0.2.1") / UDP(sport=n, dport=53)
                  for n in range(1, 6)]
        wrpcap(talk.folder.file("f.pcap"), frames)
        for number in (1, 5):
            a = control.ctl(talk.path, "--json", "explain", "--pcap", talk.folder.file("f.pcap"),
                            "--frame", str(number)).json()
            b = control.ctl(talk.path, "--json", "explain", "--src", "10.0.0.1", "--dst",
                            "192.0.2.1", "--sport", str(number), "--dport", "53", "--proto",
                            "udp").json()
            equal(a, b, f"frame {number}")
        control.ctl(talk.path, "explain", "--pcap", talk.folder.file("f.pcap"), "--frame", "6",
                    status=1)
        error = control.ctl(talk.path, "explain", "--pcap", talk.folder.file("f.pcap"), "--sport", "7",
                            status=1).err
        true("leave --sport out" in error, error)
        talk.folder.write("no.pcap", "no capture")
        error = control.ctl(talk.path, "explain", "--pcap", talk.folder.file("no.pcap"), status=1).err
        true("no.pcap" in error and "no capture" in error, error)


@case("metrics are Prometheus text that promtool finds no fault with, and agree with stats")
def metrics():
    place = f"{daemon.LOOPBACK}:{daemon.free_port()}"
    with Talk(port="busy", control={"metrics": place}) as talk:
        talk.session.sees()
        before = talk.session.result("stats")["balance"]["received"]
        text = urllib.request.urlopen(f"http://{place}/metrics", timeout=PATIENCE).read()
        after = talk.session.result("stats")["balance"]["received"]
        try:
            done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                                  check=False)
            equal((done.returncode, done.stderr), (0, b""), "promtool")
        except FileNotFoundError:
            raise Skip("promtool is not installed (package prometheus)") from None
        values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines()
                      if not line.startswith("#"))
        received = int(values["sluice_received_packets_total"])
        true(before <= received <= after and received > 0, (before, received, after))
        true('sluice_node_up{pool="web",node="a"}' in text.decode(), "no node")
        try:
            urllib.request.urlopen(f"http://{place}/other", timeout=PATIENCE)
            raise Failed("another path was answered")
        except urllib.error.HTTPError as error:
            equal(error.code, 404, "status")
        with socket.create_connection((daemon.LOOPBACK, int(place.split(":")[1])), timeout=PATIENCE) as client:
            client.sendall(b"HEAD /metrics HTTP/1.0\r\n\r\n")
            head, body = b"".join(iter(lambda: client.recv(65536), b"")).split(b"\r\n\r\n", 1)
            true(b"200 OK" in head and b"Content-Length: " in head, head)
            equal(body, b"", "body of an answer to HEAD")


def telemetry_ask(talk, command):
    """What dpdk-telemetry.py prints for a command; None: no such thing."""
    try:
        done = subprocess.run(["dpdk-telemetry.py", "-f", talk.conf["dataplane"]["instance"]],
                              input=command + "\n", capture_output=True, text=True, timeout=PATIENCE,
                              check=False)
    except FileNotFoundError:
        raise Skip("dpdk-telemetry.py is not installed (package dpdk)") from None
    true(done.returncode == 0, done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])[command.split(",")[0]]


@case("dpdk-telemetry.py shows the balance, drops, ports and cores under /sluice/")
def telemetry():
    with Talk(port="busy") as talk:
        talk.session.sees()
        before = talk.session.result("stats")
        balance = telemetry_ask(talk, "/sluice/balance")
        after = talk.session.result("stats")
        true(before["balance"]["received"] <= balance["received"] <= after["balance"]["received"],
             balance)
        parts = ("delivered", "forwarded", "punted", "dropped", "in_flight")
        equal(balance["received"], sum(balance[part] for part in parts), "balance")
        equal(set(telemetry_ask(talk, "/sluice/dropped")), set(after["dropped"]), "reasons")
        port = telemetry_ask(talk, "/sluice/port,p0")
        equal(set(port), {key for key, value in after["ports"]["p0"].items() if not isinstance(value, dict)}, "members of a port")
        true(port["rx_packets"] >= balance["received"], "port")
        true(telemetry_ask(talk, "/sluice/cores")["rx0_busy_cycles"] > 0, "cores")


@case("dpdk-telemetry.py shows what stats says of services, pools and nodes, also of many and of odd names")
def telemetry_of_nodes():
    many = [control.node(f"n-{number}.x", 1) for number in range(200)]
    with Talk(port="busy", pools=[{"name": "many", "slots": 1024, "nodes": many}]) as talk:
        talk.session.result("node.set_weight", pool="web", node="a", weight=12.5)
        before = talk.session.result("stats")
        got = {name: telemetry_ask(talk, f"/sluice/node,web/{name}") for name in ("a", "b", "c")}
        service = telemetry_ask(talk, "/sluice/service,all")
        pool = telemetry_ask(talk, "/sluice/pool,web")
        after = talk.session.result("stats")
        for name, value in got.items():
            old, new = before["pools"]["web"]["nodes"][name], after["pools"]["web"]["nodes"][name]
            equal(set(value), {key for key in old if not isinstance(old[key], (dict, bool))}, "members of a node")
            for member in ("packets", "bytes", "flows_started", "queue_dropped"):
                true(old[member] <= value[member] <= new[member], f"{name} {member}: {value}")
            equal(value["state"], "up", "state")
            equal(value["slots"], old["slots"], "slots")
            true(abs(float(value["expected_share"]) - old["expected_share"]) < 1e-5, value)
        equal(got["a"]["weight"], "12.5", "weight")
        true(before["services"]["all"]["packets"] <= service["packets"] <=
             after["services"]["all"]["packets"], service)
        equal(service["pool"], "web", "pool of a service")
        equal((pool["slots"], pool["nodes"], pool["scheduler"]), (4096, 3, "minimal"), "pool")
        equal(telemetry_ask(talk, "/sluice/status")["generation"], 2, "generation")
        equal(telemetry_ask(talk, "/sluice/pools"), {"web": 3, "many": 200}, "pools")
        equal(set(telemetry_ask(talk, "/sluice/services")), {"all"}, "services")
        pages = [telemetry_ask(talk, "/sluice/nodes,many"), telemetry_ask(talk, "/sluice/nodes,many,128"),
                 telemetry_ask(talk, "/sluice/nodes,many,256")]
        equal([len(page) for page in pages], [128, 72, 0], "pages")
        equal({**pages[0], **pages[1]}, {f"n_{number}_x": 0 for number in range(200)}, "names")
        equal(telemetry_ask(talk, "/sluice/node,many/n-7.x")["packets"], 0, "an odd name")
        for command in ("/sluice/node,web/x", "/sluice/node,we", "/sluice/node", "/sluice/pool,x",
                        "/sluice/nodes,x", "/sluice/service", "/sluice/port,p1"):
            equal(telemetry_ask(talk, command), None, command)


# ---- permissions


def as_nobody(path, *words, groups=()):
    """sluicectl as another user."""
    user = pwd.getpwnam("nobody")

    def become():
        os.setgroups(groups)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    return control.Ctl(path, *words, preexec_fn=become)


def open_folder(talk):
    os.chmod(talk.folder.path, 0o755)


@case("the socket has its mode; who is neither root, the daemon nor of its group may read, not change")
def permissions():
    if os.geteuid() != 0:
        raise Skip("needs root to become other users")
    if not os.access(daemon.SLUICECTL, os.X_OK):
        raise Skip("sluicectl is not built")
    with Talk(control={"mode": "0666", "group": "daemon"}) as talk:
        open_folder(talk)
        equal(stat.S_IMODE(os.stat(talk.path).st_mode), 0o666, "mode")
        gid = os.stat(talk.path).st_gid
        got = as_nobody(talk.path, "--json", "status")
        if got.status == 1 and "Permission" in got.err + got.out:
            raise Skip("another user cannot reach the build folder")
        equal(got.status, 0, f"reading: {got.err}")
        got = as_nobody(talk.path, "set-weight", "web/a", "5")
        equal(got.status, 1, "changing")
        true("may not" in got.err, got.err)
        got = as_nobody(talk.path, "set-weight", "web/a", "5", groups=(gid,))
        equal(got.status, 0, f"changing as a member by supplementary group: {got.err}")
        history = talk.session.result("history")["history"]
        equal(history[-1]["uid"], pwd.getpwnam("nobody").pw_uid, "uid in history")
    with Talk(control={"mode": "0600"}) as talk:
        open_folder(talk)
        got = as_nobody(talk.path, "status")
        equal(got.status, 1, "connecting without permission")


# ---- life of the socket


@case("a stale socket is taken over, a live one refused with status 2, and the end unlinks it")
def stale():
    with Talk() as talk:
        with daemon.Daemon(talk.folder, talk.conf, name="second") as second:
            equal(second.wait(), 2, "status of a second daemon")
            true("another daemon serves it" in second.log(), second.log())
        talk.session.result("status")
        talk.daemon.process.kill()
        talk.daemon.process.wait()
        true(os.path.exists(talk.path), "the socket of a killed daemon stays")
        done = control.Ctl(talk.path, "status")
        equal(done.status, 2, "status with no daemon")
        with daemon.Daemon(talk.folder, talk.conf, name="third") as third:
            third.ready()
            equal(third.stop(), 0, third.log())
        true(not os.path.exists(talk.path), "the socket is still there")


# ---- the client


@case("every verb works, with and without --json; mistakes are told with status 1")
def verbs():
    with Talk() as talk:
        file = talk.folder.write("apply.yaml", talk.conf)
        for words in (["status"], ["pools"], ["nodes"], ["nodes", "web"], ["services"], ["stats"],
                      ["stats", "--watch", "--count", "2", "--interval", "100ms"], ["flows"],
                      ["flows", "web/a"], ["set-weight", "web/a", "12.5"], ["set-weight", "*/a", "13"],
                      ["add-node", "web", "d", "worker=0", "weight=3"],
                      ["drain", "web/d", "--deadline", "1s", "--wait"], ["enable", "web/d"],
                      ["disable", "web/d"], ["remove-node", "web/d", "--now"],
                      ["add-service", "https", "address=192.0.2.77", "protocol=tcp", "ports=443,8000-8099", "pool=web"],
                      ["set-service", "https", "ports=443", "mss_clamp=1400"], ["remove-service", "https"], ["check", file],
                      ["diff", file], ["apply", file], ["apply", file, "--dry-run"], ["config"],
                      ["table", "web"], ["history"], ["history", "--limit", "2"], ["rollback", "2"],
                      ["log-level"], ["log-level", "debug"]):
            text = control.ctl(talk.path, *words).out
            true(text, f"{words} said nothing")
            true("\x1b" not in text, f"{words} paints when piped")
        for words in (["status"], ["pools"], ["nodes"], ["services"], ["stats"], ["flows"],
                      ["set-weight", "web/a", "12"], ["check", file], ["diff", file],
                      ["history"], ["config"]):
            true(isinstance(control.ctl(talk.path, "--json", *words).json(), dict), words)
        for words in (["sattus"], ["set-weight", "web"], ["set-weight", "web/a"],
                      ["set-weight", "web/a", "x"], ["set-weight", "web/a", "-1"],
                      ["drain", "web/zz"], ["add-service", "x"], ["set-service", "zz", "pool=web"], ["remove-service", "zz"], ["stats", "--wtach"], ["apply", "/nonexistent"],
                      ["rollback", "x"], ["rollback", "999"], ["nodes", "a", "b"], []):
            err = control.ctl(talk.path, *words, status=1).err
            true(err.startswith("sluicectl: "), f"{words}: {err}")
        true("did you mean" in control.ctl(talk.path, "sattus", status=1).err, "no guess")
        saved = talk.folder.file("saved.yaml")
        control.ctl(talk.path, "config", "--save", saved)
        equal(control.ctl(talk.path, "--json", "diff", saved).json()["changes"], [], "saved")


@case("services are shown with protocol and ports as the configuration has them")
def services_shown():
    services = [{"name": "http", "address": "192.0.2.10", "protocol": "tcp", "ports": [80, "8000-8099"],
                 "pool": "web"}, {"name": "odd", "address": "192.0.2.11", "protocol": 250, "pool": "web"},
                {"name": "all", "address": "any", "pool": "web"}]
    with Talk(services=services) as talk:
        got = talk.session.result("services")["services"]
        equal((got["http"]["protocol"], got["http"]["ports"]), ("tcp", [80, "8000-8099"]), "http")
        equal((got["odd"]["protocol"], "ports" in got["odd"]), ("250", False), "odd")
        equal("protocol" in got["all"], False, "all")
        rows = [line.split() for line in control.ctl(talk.path, "services").out.splitlines()]
        equal(rows[1][:5], ["http", "192.0.2.10/32", "tcp", "80,8000-8099", "web"], "row")


@case("drain --wait --json answers once, with what is left at the end; who brings the node back is told")
def drain_waits():
    with Talk(port="busy", pool={"tracking": "full"}) as talk:
        talk.session.sees()
        answer = control.ctl(talk.path, "--json", "drain", "web/a", "--deadline", "500ms", "--wait").json()
        equal(answer["left"], {"slots": 0, "flows": 0, "exact": True}, "left")
        equal(answer["generation"], 2, "generation")
        with subprocess.Popen([daemon.SLUICECTL, "-s", talk.path, "drain", "web/b", "--wait"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
            true("generation 3" in waiting.stdout.readline(), "drain is not answered at once")
            talk.session.result("node.enable", pool="web", node="b")
            _, errors = waiting.communicate(timeout=PATIENCE)
            equal(waiting.returncode, 1, "status")
            true("drains no longer" in errors, errors)
        for words, sentence in ((("set-weight", "web/a", "0x10"), "no decimal number"),
                                (("explain", "--pcap", talk.folder.file("in.pcap"), "--frame", "0"),
                                 "count from 1")):
            true(sentence in control.ctl(talk.path, *words, status=1).err, words)


def drained(session, node):
    row = session.result("nodes")["nodes"]["web"][node]
    return row if row["state"] != "draining" else None


@case("drains are cut at their deadlines, not together once a second")
def deadlines():
    nodes = [{"name": f"n{n}", "worker": 0, "handler": "sink", "weight": 1} for n in range(10)]
    with Talk(pool={"nodes": nodes}) as talk:
        tenths = set()
        for number, node in enumerate(nodes[1:]):
            time.sleep(0.05 * (number % 5))
            talk.session.result("node.drain", pool="web", node=node["name"], deadline="200ms")
            row = until(lambda: drained(talk.session, node["name"]), f"the drain of {node['name']}")
            tenths.add(int(10 * time.monotonic()) % 10)
            true("deadline" in row["why"], row)
        true(len(tenths) > 2, f"they were cut in the same tenths of a second: {tenths}")


@case("a file is replaced whole, also behind a link; a device or a pipe is written to and stays one")
def saving():
    with Talk() as talk:
        real, linked = talk.folder.write("real.yaml", "old"), talk.folder.file("link.yaml")
        os.symlink(real, linked)
        for _ in range(2):
            control.ctl(talk.path, "config", "--save", linked)
            true(os.path.islink(linked) and "pools" in talk.folder.read("real.yaml"), "the link is gone")
        if os.geteuid() == 0:
            full = talk.folder.file("full")
            os.mknod(full, stat.S_IFCHR | 0o666, os.makedev(1, 7))
            try:
                control.ctl(talk.path, "table", "web", "--export", full, status=1)
            finally:
                true(stat.S_ISCHR(os.stat(full).st_mode), "the device is gone")
        text = control.ctl(talk.path, "config", "--save", "/dev/stdout").out
        equal(text, talk.session.result("config.get")["text"], "through a pipe")
        control.ctl(talk.path, "config", "--save", talk.folder.file("no/such/folder"), status=1)


def completed(path, *words):
    """What bash offers for the last word, also where sluicectl is in no folder of PATH."""
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sluicectl; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script, "bash", os.path.join(TOP, "app/sluicectl/sluicectl.bash"),
                           daemon.SLUICECTL, "-s", path, *words], capture_output=True, text=True, check=False)
    equal(done.stderr, "", words)
    return done.stdout.split()


@case("bash completes verbs, options, pools and nodes, each where it belongs")
def completion():
    with Talk() as talk:
        for words, wanted in [
                (["set-w"], ["set-weight"]), (["set-weight", "web/"], ["web/a", "web/b", "web/c"]),
                (["set-weight", "web/a", ""], []), (["drain", "web/a", "--de"], ["--deadline"]),
                (["drain", "--deadline", "5s", "web/b"], ["web/b"]), (["drain", "--deadline", ""], []),
                (["flows", "we"], ["web", "web/a", "web/b", "web/c"]), (["--json", "nodes", ""], ["web"]),
                (["add-node", "web", ""], []), (["add-node", "web", "d", "wo"], ["worker="]),
                (["add-node", "web", "d", "weight=5", "outer"], ["outer_df="]),
                (["remove-service", "a"], ["all"]), (["set-service", "all", "mss"], ["mss_clamp="]),
                (["add-service", "x", "addr"], ["address="]), (["trace", "--pool", ""], ["web"]), (["top", ""], ["web"]),
                (["rollback", ""], ["1"]), (["log-level", "d"], ["debug"]), (["help", "dr"], ["drain"])]:
            equal(completed(talk.path, *words), wanted, words)


@case("zsh and fish offer what bash does")
def other_shells():
    with Talk() as talk:
        with open(os.path.join(TOP, "app/sluicectl/sluicectl.fish"), encoding="utf-8") as file:
            fish = file.read().replace("@completions@/sluicectl", os.path.join(TOP, "app/sluicectl/sluicectl.bash"))
        for words, wanted in ((["set-w"], ["set-weight"]), (["set-weight", "web/"], ["web/a", "web/b", "web/c"]),
                              (["set-service", "all", "mss"], ["mss_clamp="])):
            line = " ".join([daemon.SLUICECTL, "-s", talk.path, *words])
            done = subprocess.run(["bash", os.path.join(TOP, "app/sluicectl/sluicectl.bash"), *line.split()],
                                  capture_output=True, text=True, check=False)
            equal((done.stdout.split(), done.stderr), (wanted, ""), f"by itself: {words}")
            if shutil.which("fish"):
                script = f"{fish.replace('-c sluicectl', f'-p {daemon.SLUICECTL}')}\ncomplete -C '{line}'"
                done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, check=False,
                                      env={**os.environ, "HOME": talk.folder.path})
                equal([row.split("\t")[0] for row in done.stdout.splitlines()], wanted, f"fish: {words} {done.stderr}")
            if shutil.which("zsh"):
                equal(subprocess.run(["zsh", "-n", os.path.join(TOP, "app/sluicectl/sluicectl.zsh")], check=False).returncode, 0, "zsh parses it")


@case("output that cannot be written is no success")
def full_output():
    with Talk() as talk, open("/dev/full", "w", encoding="ascii") as full:
        for words in (["status"], ["--json", "status"], ["config"], ["table", "web"]):
            done = subprocess.run([daemon.SLUICECTL, "-s", talk.path, *words], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
            equal(done.returncode, 1, f"status of {words}: {done.stderr}")


@case("errors of a file are printed with file, line and column")
def places():
    with Talk() as talk:
        file = talk.folder.write("wrong.yaml", "pools:\n  - nmae: web\n")
        err = control.ctl(talk.path, "apply", file, status=1).err
        true(any(line.startswith(f"{file}:2:") for line in err.splitlines()), err)


@case("help has every verb with an example")
def help_():
    text = control.ctl("/nowhere", "--help").out
    for verb in ("status pools nodes services stats flows explain set-weight add-node remove-node drain "
                 "enable disable add-service set-service remove-service apply check diff config table history rollback events").split():
        true(verb in text, f"{verb} is not in the help")
        one = control.ctl("/nowhere", verb, "--help").out
        true("example:" in one and f"sluicectl {verb}" in one, one)


if __name__ == "__main__":
    run()
