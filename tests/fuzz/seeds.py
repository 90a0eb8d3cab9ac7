#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes first inputs for the fuzz targets: seeds.py FOLDER. One folder a target, one file an input."""

import hashlib
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


main()
