#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a daemon with nothing to do costs, and how long the first packet waits for it: one JSON object a line.

Daemons that poll and daemons that sleep take turns. On a machine that others use the times say little: waking
up waits for them.
"""

import ctypes
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import daemon  # noqa: E402
import link as links  # noqa: E402
from tap import Skip  # noqa: E402

ASKED = 200    # packets a turn
GAP = 0.004    # seconds of silence before each: long after the first sleep
TURNS = 3
SLEEP = 80e-6  # seconds: SL_IDLE_SLEEP_NS_DEAR
PR_SET_TIMERSLACK = 29
DRIVERS = ("net_tap", "net_af_packet", "net_af_xdp")


def tell(name, unit, values):
    print(json.dumps({"name": f"idle: {name}", "unit": unit, "value": round(statistics.median(values), 2),
                      "min": round(min(values), 2), "median": round(statistics.median(values), 2),
                      "max": round(max(values), 2), "turns": len(values), "flows": 0, "nodes": 1, "workers": 0}),
          flush=True)


def first_packet(link):
    """Microseconds of a request after silence: the lower quartile, since others that take the CPU for a while
    make a daemon that polls wait for more than it does for packets."""
    times = []
    os.sched_setaffinity(0, {daemon.CPUS[-1]})
    try:
        for _ in range(5):
            links.ask(link, spins=True)
        for _ in range(ASKED):
            time.sleep(GAP)
            times.append(1e6 * links.ask(link, spins=True))
    finally:
        os.sched_setaffinity(0, daemon.CPUS)
    return statistics.quantiles(times)[0]


def over(driver):
    polled, slept, shares = [], [], []
    with links.Link(driver) as link:
        for _ in range(TURNS):
            for idle, waits in (("poll", polled), ("backoff", slept)):
                with links.Sleeper(link.device, idle) as one, link.open() as peer:
                    time.sleep(0.3)
                    if idle == "backoff":
                        shares.append(100 * links.share(one))
                    waits.append(first_packet(peer))
    tell(f"share of a CPU over {driver}", "%", shares)
    tell(f"first packet over {driver}", "us", slept)
    tell(f"first packet over {driver}, polling", "us", polled)


def blind():
    """Over a device that cannot tell when packets come, beside nothing but sleeping as long as the daemon may:
    on virtual machines each timer that is set is an exit to the host."""
    with links.Sleeper("net_ring0", "backoff") as one:
        time.sleep(0.5)
        shares = [100 * links.share(one) for _ in range(TURNS)]
    tell("share of a CPU over a device that cannot tell", "%", shares)
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    shares = []
    for _ in range(TURNS):
        start, used = time.monotonic(), time.thread_time()
        while time.monotonic() - start < 1:
            time.sleep(SLEEP)
        shares.append(100 * (time.thread_time() - used) / (time.monotonic() - start))
    tell("share of a CPU of short sleeps alone", "%", shares)


def asleep():
    """A change, an end."""
    changes, ends = [], []
    for _ in range(TURNS):
        with links.Sleeper("net_ring0", "backoff") as one, daemon.Session(one.socket) as session:
            for number in range(20):
                time.sleep(0.02)
                start = time.monotonic()
                session.result("node.set_weight", pool="web", node="w", weight=1 + number)
                changes.append(1e3 * (time.monotonic() - start))
            start = time.monotonic()
            one.stop()
            ends.append(1e3 * (time.monotonic() - start))
    tell("a change while it sleeps", "ms", changes)
    tell("its end from sleep", "ms", ends)


def main():
    for driver in DRIVERS:
        try:
            over(driver)
        except Skip as reason:
            print(f"idle: nothing over {driver}: {reason}", file=sys.stderr)
    blind()
    asleep()
    return 0


if __name__ == "__main__":
    sys.exit(main())
