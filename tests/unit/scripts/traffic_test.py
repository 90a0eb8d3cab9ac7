#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/traffic: the capture that ships with sluice is the same everywhere, small, and a true mix."""

import collections
import hashlib
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from tap import TOP, case, equal, run, true  # noqa: E402

# Changed on purpose with the generator: sha256sum build/traffic.pcap after scripts/traffic.
SHA256 = "137051b42765f91208947aeab161227f109d90e8f7560e1f6aea8a1df4c88524"


def generate(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "traffic.pcap")
        subprocess.run([os.path.join(TOP, "scripts/traffic"), "-o", path, *arguments], check=True)
        with open(path, "rb") as file:
            return file.read()


def frames(data):
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def kinds(data):
    """How many frames hold what, and packets by five-tuple."""
    count, flows = collections.Counter(), collections.Counter()
    for frame in frames(data):
        at, tags = 12, 0
        while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
            at, tags = at + 4, tags + 1
        count[f"{tags} tags"] += 1
        packet = frame[at + 2:]
        if frame[at:at + 2] == b"\x08\x00":
            protocol, start, addresses = packet[9], (packet[0] & 15) * 4, packet[12:20]
            count["fragment"] += struct.unpack_from("!H", packet, 6)[0] & 0x3FFF != 0
        elif frame[at:at + 2] == b"\x86\xdd":
            protocol, start, addresses = packet[6], 40, packet[8:40]
            count["fragment"] += protocol == 44
        else:
            count["no IP"] += 1
            continue
        count[f"IPv{packet[0] >> 4}"] += 1
        count[f"protocol {protocol}"] += 1
        flows[addresses + bytes([protocol]) + packet[start:start + 4]] += 1
    return count, flows


@case("the same seed gives the same octets, whatever the machine")
def same():
    equal(hashlib.sha256(generate()).hexdigest(), SHA256, "sha256")


@case("another seed gives other octets")
def other():
    true(generate("--flows", "50") != generate("--flows", "50", "--seed", "2"), "two seeds, one capture")


@case("the capture is under 2 MB")
def small():
    true(len(generate()) < 2_000_000, f"{len(generate())} octets")


@case("IPv4, IPv6, TCP, UDP, ICMP, tags, fragments and others are all there")
def mix():
    count, flows = kinds(generate())
    for what, least in (("IPv4", 8000), ("IPv6", 3000), ("protocol 6", 8000), ("protocol 17", 1500),
                        ("protocol 1", 80), ("protocol 58", 30), ("1 tags", 500), ("2 tags", 100),
                        ("fragment", 100), ("protocol 50", 10), ("protocol 132", 10), ("no IP", 8)):
        true(count[what] >= least, f"{what}: {count[what]}, at least {least} wanted")
    true(len(flows) >= 2000, f"{len(flows)} flows")


@case("a few flows carry most packets")
def tails():
    sizes = sorted(kinds(generate())[1].values(), reverse=True)
    share = sum(sizes[:len(sizes) // 10]) / sum(sizes)
    true(share > 0.4, f"a tenth of the flows carries {share:.0%}")


run()
