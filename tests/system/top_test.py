#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluicectl top before a server that this test plays: rates are exact, and a terminal is driven by keys.

    sluicectl --socket--> a thread here whose counters go on by so much a second
"""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, Failed, case, equal, run, true  # noqa: E402
import daemon  # noqa: E402
from pretend import Server  # noqa: E402

RATES = {"a": 3000, "b": 1000}


class Counters:
    """Answers of a daemon whose clock is the number of times that it was asked."""

    def __init__(self):
        self.second = 0

    def __call__(self, method, params):
        if method == "nodes":
            return {"nodes": {"a": {}}} if params.get("pool") == "web" else \
                b'{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"there is no pool \\"wbe\\""}}\n'
        if method == "services":
            return {"services": {"http": {"packets": 4000 * self.second, "bytes": 400 * self.second, "pool": "web"},
                                 "dns": {"packets": 0, "bytes": 0, "pool": "other"}}}
        self.second += 1
        nodes = {name: {"packets": rate * self.second, "bytes": 100 * rate * self.second, "flows": 9 - rate // 1000,
                        "flows_started": 5 * self.second, "state": "up" if name == "a" else "draining"}
                 for name, rate in RATES.items()}
        return {"generation": 7, "uptime_seconds": float(self.second), "pools": {"web": {"nodes": nodes}},
                "dropped": {"no_service": 20 * self.second, "no_node": 0},
                "balance": {"received": 4020 * self.second, "forwarded": 4000 * self.second, "delivered": 0, "dropped": 20 * self.second}}


class Terminal:
    """sluicectl on a terminal; keys go in, what is on the screen comes out."""

    def __init__(self, path, *words, rows=24, columns=80):
        self.ours, theirs = pty.openpty()
        self.size(rows, columns, theirs)
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.process = subprocess.Popen([daemon.SLUICECTL, "-s", path, "top", *words], stdin=theirs, stdout=theirs, stderr=theirs,
                                        env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"})
        self.text = ""

    def size(self, rows, columns, where=None):
        fcntl.ioctl(self.ours if where is None else where, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def read(self, seconds):
        if select.select([self.ours], [], [], seconds)[0]:
            self.text += os.read(self.ours, 65536).decode(errors="replace")

    def screen(self):
        """The last whole screen that was drawn: another one has begun."""
        drawn = self.text.split("\033[H\033[2J")[1:-1]
        return [line.rstrip("\r") for line in drawn[-1].split("\n")] if drawn else []

    def shows(self, words):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.read(0.2)
            if any(re.search(words, line) for line in self.screen()):
                return self.screen()
        raise Failed(f"{words!r} is not shown: {self.screen()}")

    def press(self, keys):
        os.write(self.ours, keys.encode())


@case("without a terminal it is one plain table of what there was a second")
def plain():
    with Server(Counters()) as server:
        out, _ = server.run("top", "--interval", "10ms")
        rows = [line.split() for line in out.splitlines()]
        equal(rows[0][:5], ["NAME", "KIND", "STATE", "PACKETS/S", "BITS/S"], "heads")
        equal(rows[1][:3], ["http", "service", "4000"], "the most first")
        equal(rows[2][:5], ["web/a", "node", "up", "3000", "2400000"], "a node")
        true(rows[2][-2:] == ["75.0", "%"] and rows[2][5:7] == ["5", "6"], rows[2])
        equal([row[0] for row in rows[3:]], ["web/b", "no_service", "dns"], "the rest")
        out, _ = server.run("--json", "top", "web", "--interval", "10ms")
        equal([row["name"] for row in json.loads(out)["rows"]], ["http", "web/a", "web/b"], "of a pool")
        _, err = server.run("top", "wbe", status=1)
        true("there is no pool" in err, err)
        server.run("top", "--interval", "0s", status=1)


@case("on a terminal s sorts, / filters, q ends, and the terminal is left as it was")
def keys():
    with Server(Counters()) as server, Terminal(server.path, "--interval", "100ms") as screen:
        first = screen.shows("web/a")
        true("sort: packets" in first[1], first)
        screen.press("s")
        screen.shows("sort: bits")
        screen.press("sss")
        lines = screen.shows("sort: name")
        names = [line.split()[0] for line in lines if line.strip()][3:]
        equal(names, sorted(names), "by name")
        screen.press("/web")
        lines = screen.shows("filter: web")
        screen.press("\n")
        true(not any("http" in line for line in screen.shows("web/b")), "what does not have the letters is shown")
        screen.press("\033")
        screen.shows("http")
        screen.press("q")
        equal(screen.process.wait(PATIENCE), 0, "status")
        screen.read(0.2)
        true(screen.text.rstrip().endswith("\033[?25h\033[?1049l"), repr(screen.text[-40:]))
        equal(termios.tcgetattr(screen.theirs)[3], screen.before[3], "the terminal's mode")


@case("it fits the terminal, also after that has changed, and a signal leaves it as it was")
def fits():
    with Server(Counters()) as server, Terminal(server.path, "--interval", "100ms", rows=7, columns=40) as screen:
        lines = screen.shows("web/a")
        true(len(lines) <= 7 and all(len(line) <= 40 for line in lines), lines)
        screen.size(30, 100)
        lines = screen.shows("SHARE")
        true(len(lines) <= 30 and all(len(line) <= 100 for line in lines), lines)
        screen.process.terminate()
        equal(screen.process.wait(PATIENCE), 128 + 15, "status")
        screen.read(0.2)
        true("\033[?1049l" in screen.text, "the screen is not left")
        equal(termios.tcgetattr(screen.theirs)[3], screen.before[3], "the terminal's mode")


if __name__ == "__main__":
    run()
