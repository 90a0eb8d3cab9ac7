#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes first inputs for the fuzz targets: seeds.py FOLDER. One folder a target, one file an input."""

import hashlib
import json
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "support"))
from daemon import read_pcap  # noqa: E402

REQUESTS = (
    '{"jsonrpc":"2.0","id":1,"method":"node.drain","params":{"node":"w","weight":1.5,"deadline":"60s"}}',
    '{"jsonrpc":"2.0","id":"a","method":"node.drain","params":{"node":"w","if_generation":7,"now":true}}',
    '{"jsonrpc":"2.0","method":"node.drain","params":{"node":"w","deadline":5}}',
    '{"jsonrpc":"2.0","id":null,"method":"stats"}', '[{"jsonrpc":"2.0","id":1,"method":"stats"}]', "{", "")


NODE = {"pool": "web", "node": "a"}
TEXT = """dataplane: {worker_cpus: [0, 0]}
ports: [{name: p0, device: d, addresses: [192.0.2.2/24, "2001:db8::2/64"],
  gateway: {address: 192.0.2.1, mac: "02:00:00:00:00:01"}}]
control: {socket: SOCKET}
services: [{name: http, address: 192.0.2.10, protocol: tcp, ports: [80], pool: web},
  {name: all, address: any, pool: new}]
pools: [{name: web, slots: 512, nodes: [{name: a, worker: 0, handler: sink, weight: 3}]},
  {name: new, slots: 256, scheduler: wrr, nodes: [{name: x, worker: 1, handler: sink}]}]
"""
METHODS = (
    ("status", {}), ("pools", {}), ("nodes", {}), ("nodes", {"pool": "web", "from": 1, "count": 1}), ("services", {}), ("stats", {}),
    ("history", {"limit": 3}), ("events", {}), ("log.level", {"level": "debug"}), ("config.get", {}),
    ("flows", {"pool": "web", "node": "b", "limit": 5}), ("flows", {"pool": "*"}),
    ("explain", {"src": "10.0.0.1", "sport": 1024, "dst": "192.0.2.10", "dport": 80, "proto": "tcp", "flags": "syn"}),
    ("explain", {"src": "::1", "dst": "::2", "proto": 17, "port": "p0"}),
    ("explain", {"frame": "02" * 14 + "45000014", "frame_size": 60, "first": "02" * 20}),
    ("node.set_weight", {**NODE, "weight": 80.5}), ("node.set_weight", {**NODE, "pool": "*", "weight": 0}),
    ("node.set_weight", {**NODE, "weight": 7, "dry_run": True, "if_generation": 1}),
    ("node.add", {"pool": "web", "node": "d", "keys": {"address": "192.0.2.30", "encap": "gue", "gue_port": 6081}}),
    ("node.add", {"pool": "web", "node": "e", "address": "2001:db8::9", "encap": "vxlan", "vni": 5, "port": "p0",
                  "mac": "02:00:00:00:00:02", "weight": 1, "outer_df": "set"}),
    ("node.add", {"pool": "web", "node": "f", "worker": 1, "handler": "capture", "file": "f.pcap"}),
    ("node.add", {"pool": "web", "node": "g", "output": "p0"}),
    ("node.remove", {**NODE, "now": True}), ("node.remove", {"pool": "web", "node": "b"}),
    ("node.drain", {**NODE, "deadline": "60s"}), ("node.drain", {**NODE, "deadline": 5}),
    ("node.disable", NODE), ("node.enable", NODE),
    ("config.apply", {"text": TEXT}), ("config.apply", {"text": TEXT, "force": True, "dry_run": True}),
    ("config.check", {"text": TEXT.replace("weight: 3", "weight: x")}), ("config.diff", {"text": TEXT}),
    ("config.apply", {"text": TEXT[:150], "more": True}), ("config.apply", {"text": TEXT[150:], "from": 150}),
    ("config.get", {"from": 10, "count": 20}),
    ("table.get", {"pool": "web", "kind": "used", "from": 16, "count": 8}),
    ("table.set", {"pool": "web", "nodes": ["a", "b"], "table": [0, 1] * 64, "more": True}),
    ("table.set", {"pool": "web", "nodes": ["a", "b"], "table": [1, -1] * 64, "from": 128}),
    ("rollback", {"generation": 1}), ("rollback", {"generation": 2, "force": True, "dry_run": True}))


def control_inputs():
    """Each method alone, a reader's, and long talks of several."""
    lines = [json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
             for method, params in METHODS]
    yield from (f" {line}\n".encode() for line in lines)
    yield ("!" + "\n".join(lines)).encode()
    yield (" " + "\n".join(lines)).encode()
    yield (" " + "\n".join(reversed(lines))).encode()


def dictionary(folder, target, words):
    """What libFuzzer puts into inputs now and then. It refuses a file without a line."""
    with open(os.path.join(folder, target + ".dict"), "w", encoding="utf-8") as file:
        file.write("# words of the target\n")
        for word in sorted(words):
            quoted = word.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'"{quoted}"\n')


def control_words():
    for method, params in METHODS:
        yield f'"{method}"'
        for name, value in params.items():
            yield f'"{name}":'
            if len(json.dumps(value)) < 60:
                yield json.dumps(value)
    yield from ("-1", "1e400", "9223372036854775807", "\\ud800", "\\u0000", "null", "[]", "{}")


def keep(folder, target, inputs):
    os.makedirs(os.path.join(folder, target), exist_ok=True)
    for data in inputs:
        name = hashlib.sha1(data).hexdigest()
        with open(os.path.join(folder, target, name), "wb") as file:
            file.write(data)


def frames():
    """One of each shape that the shipped capture holds: by EtherTypes, protocol and size class."""
    path = os.path.join(TOP, "build", "traffic.pcap")
    subprocess.run([os.path.join(TOP, "scripts", "traffic"), "-o", path], check=True)
    shapes = {}
    for frame in read_pcap(path):
        shapes.setdefault((frame[12:22], frame[23:24], len(frame) // 16), frame[:600])
    return list(shapes.values())[:400]


def captures():
    """The first frames of each real capture, where there are any: SLUICE_CAPTURES, or beside the checkout."""
    top = os.environ.get("SLUICE_CAPTURES", os.path.join(TOP, "..", "shared", "captures"))
    for folder, _, names in os.walk(top):
        for name in sorted(names):
            if ".pcap" in name:
                for frame in read_pcap(os.path.join(folder, name))[:20]:
                    yield frame[:600]


def configurations():
    for folder, _, names in os.walk(os.path.join(TOP, "tests", "pcap")):
        if "case.yaml" in names:
            with open(os.path.join(folder, "case.yaml"), "rb") as file:
                text = file.read()
            start = text.find(b"pools:")
            end = text.find(b"\nin:")
            yield b"ports:\n  - {name: p0, device: net_null0}\n" + text[start:end] + b"\n"


def main():
    folder = sys.argv[1]
    keep(folder, "parse", [b"\0" + frame for frame in [*frames(), *captures()]])
    keep(folder, "rpc", [request.encode() for request in REQUESTS])
    keep(folder, "conf", configurations())
    keep(folder, "control", control_inputs())
    for target in ("parse", "rpc", "conf", "control"):
        dictionary(folder, target, set(control_words()) if target in ("rpc", "control") else ())


main()
