#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""flows --addresses: whose five-tuples tracked flows are, as the capture has them and explain believes them; where
and since when a pool keeps them."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from scapy.all import IP, IPv6, TCP, UDP, PcapReader  # noqa: E402

from tap import case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

LONG = {"tcp": "600s", "udp": "600s", "other": "600s"}


def tuples(path):
    """(protocol, source, port, destination, port) of the packets of a capture that have ports."""
    found = set()
    with PcapReader(path) as packets:
        for packet in packets:
            for ip in (IP, IPv6):
                for name, transport in (("tcp", TCP), ("udp", UDP)):
                    if packet.haslayer(ip) and packet.haslayer(transport):
                        ends = packet[transport]
                        found.add((name, packet[ip].src, ends.sport, packet[ip].dst, ends.dport))
    return found


def known(session, pool="web"):
    """The flows of a pool that have addresses, and how many have none."""
    rows = session.result("flows", pool=pool, limit=8000, addresses=True)["flows"]
    named = [row for row in rows if "src" in row]
    return named, len(rows) - len(named)


def as_tuple(row):
    return row["proto"], row["src"], row["sport"], row["dst"], row["dport"]


@case("tracked flows have the addresses that the capture has, and go where explain says")
def addresses():
    with daemon.Folder() as folder:
        conf = control.conf(folder, port=control.busy(folder), pool={"tracking": "full", "flow_addresses": True, "idle_timeout": LONG})
        with daemon.Daemon(folder, conf) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: len(known(session)[0]) > 100 and known(session)[1] == 0, "all flows have addresses")
                rows, sent = known(session)[0], tuples(folder.file("in.pcap"))
                equal([row for row in rows if row["proto"] in ("tcp", "udp") and as_tuple(row) not in sent], [], "flows that nobody sent")
                equal(len({as_tuple(row) for row in rows}), len(rows), "flows with addresses of their own")
                for row in rows[:20]:
                    ends = {key: row[key] for key in ("src", "dst", "sport", "dport", "proto")}
                    equal(session.result("explain", **ends)["node"], row["node"], f"node of {ends}")
                plain = session.result("flows", pool="web")["flows"]
                equal([row for row in plain if "src" in row], [], "addresses that nobody asked for")
                shown = control.ctl(one.socket, "flows", "web", "--addresses", "--limit", "3").out.splitlines()
                true({"PROTOCOL", "SOURCE", "DESTINATION"} <= set(shown[0].split()), shown[0])
                row = json.loads(control.ctl(one.socket, "--json", "flows", "web/a", "--addresses", "--limit", "1").out)["flows"][0]
                true({"src", "dst", "sport", "dport", "proto"} <= set(row), row)
            equal(one.stop(), 0, one.log())


@case("a pool keeps them from when it is told to, until it is told not to")
def told():
    with daemon.Folder() as folder:
        port = control.busy(folder)
        with daemon.Daemon(folder, control.conf(folder, port=port, pool={"tracking": "full", "idle_timeout": LONG})) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: known(session)[1] > 100, "flows are tracked")
                equal(known(session)[0], [], "addresses of a pool that keeps none")
                true("flow_addresses" in control.ctl(one.socket, "flows", "web", "--addresses").err, "no hint")
                text = session.result("config.get")["text"]
                for value, wanted in (("true", lambda got: len(got[0]) > 100 and got[1] == 0), ("false", lambda got: not got[0])):
                    lines = [line for line in text.splitlines() if "flow_addresses" not in line]
                    place = next(i for i, line in enumerate(lines) if "tracking: full" in line)
                    indent = len(lines[place]) - len(lines[place].lstrip())
                    lines.insert(place + 1, " " * indent + f"flow_addresses: {value}")
                    equal(session.result("config.apply", text="\n".join(lines) + "\n")["moved_slots"].get("web", 0), 0, "moved")
                    until(lambda check=wanted: check(known(session)), f"addresses with flow_addresses: {value}")
            equal(one.stop(), 0, one.log())


run()
