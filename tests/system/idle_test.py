#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A daemon that sleeps is there for packets and for clients. What idling costs, and how long a first packet
waits: scripts/bench idle.

A daemon that does not sleep takes all of a CPU that it gets; one that does takes a percent or two, and more
where waking up is dear: HALF tells them apart, and where others keep the machine busy it holds the less."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import link as links  # noqa: E402

ASKED = 50   # packets
GAP = 0.004  # seconds of silence before each: long after the first sleep
HALF = 0.5   # of a CPU, for each thread


def sleeps(one):
    if "SLUICE_SANITIZER" not in os.environ:
        until(lambda: links.share(one, 1) < HALF, "a daemon asleep")


def answers_from_sleep(driver):
    with links.Link(driver) as link, links.Sleeper(link.device, "backoff") as one, link.open() as peer:
        for _ in range(2):
            sleeps(one)
            for _ in range(ASKED):
                time.sleep(GAP)
                links.ask(peer)
        equal(one.stop(), 0, f"exit status {one.log()}")


@case("it sleeps when nothing comes, and answers every packet that does, over net_tap")
def over_tap():
    answers_from_sleep("net_tap")


@case("it sleeps when nothing comes, and answers every packet that does, over net_af_packet")
def over_packet_sockets():
    answers_from_sleep("net_af_packet")


@case("it sleeps when nothing comes, and answers every packet that does, over net_af_xdp")
def over_xdp_sockets():
    answers_from_sleep("net_af_xdp")


@case("a sleeping daemon answers, makes changes, sleeps on when its interface goes down, and ends")
def asleep():
    with links.Link("net_af_packet") as link, links.Sleeper(link.device, "backoff") as one:
        sleeps(one)
        with daemon.Session(one.socket) as session:
            for number in range(20):
                time.sleep(0.02)
                session.result("node.set_weight", pool="web", node="w", weight=1 + number)
                session.result("stats")
        link.ip("link", "set", link.interface, "down")
        sleeps(one)
        link.ip("link", "set", link.interface, "up")
        with link.open() as peer:
            links.ask(peer)
        equal(one.stop(), 0, "exit status")


@case("it sleeps also over devices that cannot tell when packets come")
def blind():
    with links.Sleeper("net_ring0", "backoff") as one:
        sleeps(one)


if __name__ == "__main__":
    sys.exit(run(CASES))
