#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The wall clock jumps by a day and by ten years, forth and back, while the daemon runs: deadlines, idle times, uptime and
counters go by a clock that does not."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

DAY = 86400
JUMPS = (DAY, -DAY, 3652 * DAY, -3652 * DAY, 0)
MODULE = os.path.join(daemon.BUILD, "tests", "wall_clock.so")


class Clock:
    """The wall clock of daemons that are started behind it."""

    def __init__(self, folder):
        self.path = folder.file("clock")
        with open(self.path, "wb") as file:
            file.write(bytes(8))

    def jump(self, seconds):
        with open(self.path, "r+b") as file:
            file.write(struct.pack("=q", seconds))

    def prefix(self):
        sanitizers = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        return ("env", f"LD_PRELOAD={MODULE}", f"WALL_CLOCK_FILE={self.path}", f"ASAN_OPTIONS={sanitizers}")


def left(session, node):
    return session.result("nodes", pool="web")["nodes"][node].get("deadline_left_seconds")


@case("deadlines, uptime and counters go on as they were, and what is said of time is the clock's")
def jumps():
    with daemon.Folder() as folder:
        clock = Clock(folder)
        conf = control.conf(folder, port=control.busy(folder), pool={"tracking": "full"})
        with daemon.Daemon(folder, conf, prefix=clock.prefix()) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                session.sees(1000)
                session.result("node.drain", pool="web", node="a", deadline="1h")
                uptime = session.result("status")["uptime_seconds"]
                received, when = session.result("stats")["balance"]["received"], None
                for jump in JUMPS:
                    clock.jump(jump)
                    now = session.result("status")["uptime_seconds"]
                    true(uptime <= now < uptime + 600, f"uptime {now} after {uptime}, clock {jump:+}")
                    uptime = now
                    session.sees(received + 1000)
                    received = session.result("stats")["balance"]["received"]
                    true(3000 < left(session, "a") <= 3600, f"{left(session, 'a')} s left, clock {jump:+}")
                    equal(session.result("nodes", pool="web")["nodes"]["a"]["state"], "draining", "state")
                    session.result("node.set_weight", pool="web", node="b", weight=50 + abs(jump) % 7)
                    last = session.result("history")["history"][-1]["time_ms"]
                    if when is not None:
                        true(abs((last - when[0]) / 1000 - (jump - when[1])) < 600,
                             f"time in history {last} after {when[0]}: clock {when[1]:+} to {jump:+}")
                    when = (last, jump)
                # a deadline that passes while the clock is a day back
                clock.jump(-DAY)
                session.result("node.drain", pool="web", node="b", deadline="1s")
                until(lambda: session.result("nodes", pool="web")["nodes"]["b"]["state"] == "drained", "the deadline")
                equal(one.stop(), 0, one.log())


@case("slots settle, and flows end, by the idle timeout whatever the clock says")
def settles():
    idle = {"tcp": "1s", "udp": "1s", "other": "1s"}
    with daemon.Folder() as folder:
        clock = Clock(folder)
        with daemon.Daemon(folder, control.conf(folder, pool={"idle_timeout": idle}), prefix=clock.prefix()) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                for number, jump in enumerate(JUMPS):
                    session.result("node.set_weight", pool="web", node="a", weight=200 + 100 * number)
                    true(session.result("stats")["pools"]["web"]["open_slots"] > 0, "open slots")
                    clock.jump(jump)
                    until(lambda: not session.result("stats")["pools"]["web"]["open_slots"], f"settled, clock {jump:+}")


run()
