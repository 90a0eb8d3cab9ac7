#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The example handler on nDPI, built as its Makefile says, beside nDPI's own reader over the same packets of real
captures: what it takes flows for, what it counts, and what it refuses."""

import collections
import csv
import glob
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import TOP, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

EXAMPLE = os.path.join(TOP, "lib", "sluice", "examples", "ndpi")
CAPTURES = os.path.join(TOP, "..", "shared", "captures", "ndpi")
AGREED = 0.95


def build(folder):
    """The example's object, made in the folder."""
    if not os.path.exists("/usr/include/ndpi/ndpi_api.h"):
        raise Skip("the package libndpi-dev")
    for name in ("dpi.c", "Makefile"):
        shutil.copy(os.path.join(EXAMPLE, name), folder.file(name))
    made = subprocess.run(["make", "-s", "-C", folder.path, f"HANDLER=-I{TOP}/lib", "CFLAGS=-O2 -Werror"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    equal(made.returncode, 0, made.stdout)
    return folder.file("dpi.so")


def is_sound(frame):
    """False where the checksum of an IPv4 header is wrong: sluice drops that, nDPI's reader does not look."""
    if frame[12:14] != b"\x08\x00":
        return True
    head = frame[14:14 + frame[14] % 16 * 4] if len(frame) > 14 else b""
    return len(head) % 4 == 0 and sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, len(head), 2)) % 0xffff == 0


def packets(folder):
    """All captures as one, so that the reader and sluice see the same flows; none of a flow is too late for either."""
    if not os.path.isdir(CAPTURES):
        raise Skip("no folder shared/captures beside the checkout")
    frames = [frame for path in sorted(glob.glob(os.path.join(CAPTURES, "*.pcap*"))) for frame in daemon.read_pcap(path)
              if len(frame) >= 14 and is_sound(frame)]
    daemon.write_pcap(folder.file("all.pcap"), frames)
    return len(frames)


def start(folder, handler, **options):
    nodes = [{"name": "w0", "worker": 0, "handler": "plugin", "file": handler, "options": options, "weight": 1}]
    conf = daemon.configuration(folder, [{"name": "p0", "device": "net_pcap0,rx_pcap=all.pcap,tx_pcap=/dev/null", "arp": "off",
                                          "mtu": 9700}],
                                [{"name": "inspect", "symmetric": True, "nodes": nodes}],
                                [{"name": "all", "address": "any", "pool": "inspect"}])
    return daemon.Daemon(folder, conf)


def ends(one, one_port, other, other_port):
    return frozenset(((one, int(one_port)), (other, int(other_port))))


def by_reader(folder):
    """What nDPI's reader takes each flow for."""
    if not shutil.which("ndpiReader"):
        raise Skip("ndpiReader (libndpi-bin)")
    subprocess.run(["ndpiReader", "-q", "-i", folder.file("all.pcap"), "-C", folder.file("flows.csv")], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    found = collections.defaultdict(set)
    with open(folder.file("flows.csv"), encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            key = (int(row["protocol"]), ends(row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]))
            found[key].add(row["ndpi_proto"])
    return found


def by_handler(folder):
    found = {}
    for line in folder.read("flows").splitlines():
        protocol, one, one_port, other, other_port, name = line.split(" ", 5)
        found[(int(protocol), ends(one, one_port, other, other_port))] = name
    return found


@case("of real flows as many as agree with nDPI's own reader, and the rows are of all packets")
def captures():
    with daemon.Folder() as folder:
        handler, count = build(folder), packets(folder)
        wanted = by_reader(folder)
        with start(folder, handler, flows=folder.file("flows")) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: session.result("stats")["balance"]["received"] == count, "all received")
                until(lambda: session.result("stats")["balance"]["in_flight"] == 0, "all served")
                answer = session.result("results", pool="inspect", top=5000)
                taken = session.result("stats")["balance"]["delivered"]
            equal(one.stop(), 0, "exit status")
        equal(answer["total"]["packets"], taken, "packets")
        equal(sum(row["packets"] for row in answer["rows"]) + answer["total"]["lost"], taken, "packets in rows")
        true({"DNS", "HTTP", "TLS"} & {row["key"] for row in answer["rows"]}, answer["rows"])
        got = by_handler(folder)
        both = [key for key in wanted if key in got]
        true(len(both) >= AGREED * len(wanted) and len(wanted) > 1000, f"{len(both)} of {len(wanted)} flows are in both")
        other = [(key, got[key], wanted[key]) for key in both if got[key] not in wanted[key]]
        true(len(other) <= (1 - AGREED) * len(wanted), f"{len(other)} of {len(wanted)} differ: {other[:20]}")
        print(f"# {len(wanted)} flows, {len(wanted) - len(both)} only the reader's, {len(other)} otherwise")


@case("an option that it does not have is refused in its words")
def refusal():
    with daemon.Folder() as folder:
        handler = build(folder)
        daemon.write_pcap(folder.file("all.pcap"), [bytes(60)])
        with start(folder, handler, nix="1") as one:
            equal(one.wait(), 1, one.log())
            true('no option "nix": there are idle, flows' in one.log(), one.log())


run()
