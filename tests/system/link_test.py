#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Links of ports, as `status`, `events` and the log show them. The topology is that of support/space.py."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
from space import Spaces  # noqa: E402


def conf(folder, **port):
    port = {"name": "p0", "device": "packet:s0", "arp": "off", **port}
    return daemon.configuration(
        folder, [port],
        [{"name": "web", "nodes": [{"name": "w0", "worker": 0, "handler": "sink", "weight": 1}]}],
        [{"name": "all", "address": "any", "pool": "web"}])


def link(session):
    return session.result("status")["ports"]["p0"]


def wait_event(session, text):
    """Reads events until one of kind `link` has the text; the last one's text."""
    while True:
        event = json.loads(session.lines.readline())["params"]
        if event["kind"] == "link" and text in event["text"]:
            return event["text"]


@case("a link that goes down and comes back is in status, events and the log")
def down_and_up():
    with Spaces() as net, daemon.Folder() as folder, net.daemon(folder, conf(folder)) as one:
        one.ready()
        with daemon.Session(one.socket) as session, daemon.Session(one.socket) as events:
            got = link(session)
            equal((got["link"], got["mtu"], got["rx_queues"]), ("up", 1500, 1), "at the start")
            true(got["speed_mbps"] > 0, f"speed: {got}")
            events.result("events")
            net.their("link", "set", "n0", "down")
            equal(wait_event(events, "down"), "port p0: link down", "the event")
            equal(link(session)["link"], "down", "with the event")
            true("port p0: link down" in one.log(), one.log())
            net.their("link", "set", "n0", "up")
            true(wait_event(events, "up").startswith("port p0: link up at "), "the other event")
            equal(link(session)["link"], "up", "again")
            net.our("link", "del", "s0")
            wait_event(events, "gone")
            equal(link(session)["link"], "gone", "without its interface")
        equal(one.stop(), 0, "exit status")


@case("an MTU above the link's is taken down to it with a warning, and follows the link's")
def mtu_above():
    with Spaces() as net, daemon.Folder() as folder, net.daemon(folder, conf(folder, mtu=9000)) as one:
        one.ready()
        true("mtu 9000 is more than the 1500 of its link: 1500 is in force" in one.log(), one.log())
        with daemon.Session(one.socket) as session, daemon.Session(one.socket) as events:
            equal(link(session)["mtu"], 1500, "in force")
            snapshot = session.result("status")["snapshot"]
            events.result("events")
            net.our("link", "set", "s0", "mtu", "1400")
            equal(wait_event(events, "mtu"), "port p0: mtu 1400, was 1500", "the event")
            equal(link(session)["mtu"], 1400, "in force")
            until(lambda: session.result("status")["snapshot"] > snapshot, "a snapshot with it")
            net.our("link", "set", "s0", "mtu", "3000")
            equal(wait_event(events, "mtu"), "port p0: mtu 1500, was 1400", "no more than at the start")


@case("without `mtu` a port has its link's")
def mtu_absent():
    with Spaces() as net, daemon.Folder() as folder:
        for side, device in ((net.our, "s0"), (net.their, "n0")):
            side("link", "set", device, "mtu", "4000")
        with net.daemon(folder, conf(folder)) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                equal(link(session)["mtu"], 4000, "in force")


run(CASES)
