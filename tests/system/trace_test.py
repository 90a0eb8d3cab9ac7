#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluicectl trace: packets with their decisions from the running data path, to lines and to a file that tshark
reads; filters, reasons, bounds, and an end with the client."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

ADDRESSED = {"addresses": ["192.0.2.2/24"], "gateway": {"address": "192.0.2.1", "mac": "02:00:00:00:00:01"}}


class Traced:
    """A daemon with traffic that never ends, a part of it ARP, which nobody takes."""

    def __enter__(self):
        self.folder = daemon.Folder()
        self.folder.__enter__()
        services = [{"name": "web4", "address": "0.0.0.0/0", "pool": "web"}, {"name": "rest", "address": "any", "pool": "web"}]
        conf = control.conf(self.folder, port={**control.busy(self.folder), **ADDRESSED}, services=services)
        self.daemon = daemon.Daemon(self.folder, conf)
        self.daemon.ready()
        self.socket = self.daemon.socket
        return self

    def __exit__(self, *_):
        self.daemon.__exit__()
        self.folder.__exit__()

    def trace(self, *words, status=0):
        done = subprocess.run([daemon.SLUICECTL, "-s", self.socket, "trace", *words], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        equal(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        return done


@case("packets are shown with service, pool, node, slot and why, and it is said what was not shown")
def lines():
    with Traced() as one:
        done = one.trace("--count", "20")
        rows = done.stdout.splitlines()
        equal(len(rows), 20, "packets")
        for row in rows:
            true(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{6} p0 .* \d+: (node [abc], pool web, service \w+, slot \d+, why (slot|tracked)|dropped: \w+)", row), row)
        said = re.search(r"20 packets shown; (\d+) looked at, (\d+) of them asked for, (\d+) of these over the limit; (\d+) not looked", done.stderr)
        true(said and int(said[1]) >= int(said[2]) >= 20, done.stderr)
        packets = [json.loads(line) for line in one.trace("--json", "--count", "5", "--node", "a").stdout.splitlines()]
        equal({packet["node"] for packet in packets}, {"a"}, "nodes")
        # explain says the same of a packet that was shown
        packet = next(json.loads(line) for line in one.trace("--json", "--count", "1", "--service", "web4", "tcp").stdout.splitlines())
        text = one.trace("--count", "1", "--service", "web4", "tcp").stdout
        found = re.search(r"p0 ([\d.]+):(\d+) > ([\d.]+):(\d+) TCP.*node (\w+), .*slot (\d+)", text)
        true(found, text)
        with daemon.Session(one.socket) as session:
            told = session.result("explain", src=found[1], sport=int(found[2]), dst=found[3], dport=int(found[4]), proto="tcp")
        equal((told["node"], told["slot"]), (found[5], int(found[6])), f"explain of {text}")
        equal(packet["pool"], "web", "pool")


@case("a filter in pcap's language, reasons of drops and samples choose; what they cannot mean is refused")
def choice():
    with Traced() as one:
        for line in one.trace("--count", "10", "udp", "port", "53").stdout.splitlines():
            true(" UDP " in line and ":53 " in line, line)
        for line in one.trace("--count", "5", "--dropped", "no_service").stdout.splitlines():
            true(line.endswith("dropped: no_service"), line)
        true("dropped: " in one.trace("--count", "1", "--dropped").stdout, "any reason")
        one.trace("--count", "3", "--sample", "1/10")
        for words, sentence in ((("tcp prt 80",), "filter"), (("--node", "zz"), "there is no node"), (("--pool", "wbe"), "did you mean"),
                                (("--service", "zz"), "there is no service"), (("--dropped=nix",), "none of no_service"),
                                (("--sample", "1/0"), "one in so many"), (("--sample", "x"), "no whole number"),
                                (("--count", "x"), "no whole number"), (("--write", "/no/where"), "No such file"), (("ip6 protochain 6",), "protochain")):
            true(sentence in one.trace(*words, status=1).stderr, words)
        with daemon.Session(one.socket) as session:
            # programs that jump out of themselves, never end with a verdict, turn in a circle, or are no machine's
            for program in ([[21, 200, 200, 1], [6, 0, 0, 1]], [[0, 0, 0, 0]], [["x"]], [[70000, 0, 0, 0]],
                            [[5, 0, 0, 0xffffffff], [6, 0, 0, 1]], [[6, 0, 0, 1], [5, 0, 0, 0xfffffffe], [6, 0, 0, 1]], [[0x0d, 0, 0, 0], [6, 0, 0, 1]], [[0x100, 0, 0, 0], [6, 0, 0, 1]]):
                control.refused(session, -32003, "trace", program=program)
        equal(one.daemon.stop(), 0, one.daemon.log())


@case("a file has frames whole as far as they are kept, and decisions as comments, that tshark reads")
def file():
    with Traced() as one:
        path = one.folder.file("x.pcapng")
        equal(one.trace("--count", "15", "--write", path, "ip").stdout, "", "lines beside a file")
        done = subprocess.run(["tshark", "-r", path, "-T", "fields", "-e", "ip.version", "-e", "frame.comment", "-e", "_ws.malformed"],
                              capture_output=True, text=True, timeout=PATIENCE, check=True)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        equal(len(rows), 15, "frames")
        for row in rows:
            true(row[0] == "4" and re.match(r"(node [abc], pool web, service|dropped: )", row[1]), row)


@case("one traces at a time, and a trace ends with its client, however that goes")
def ends():
    with Traced() as one:
        with subprocess.Popen([daemon.SLUICECTL, "-s", one.socket, "trace"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as first:
            first.stdout.readline()
            true("traces already" in one.trace("--count", "1", status=1).stderr, "a second one is not refused")
            first.kill()
            first.communicate()
        until(lambda: subprocess.run([daemon.SLUICECTL, "-s", one.socket, "trace", "--count", "1"], capture_output=True,
                                     timeout=PATIENCE, check=False).returncode == 0, "the trace has ended with its client")
        with subprocess.Popen([daemon.SLUICECTL, "-s", one.socket, "trace"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as last:
            last.stdout.readline()
            last.terminate()
            true("packets shown" in last.communicate(timeout=PATIENCE)[1], "no sum at the end")
            equal(last.returncode, 0, "status")
        # a client that reads nothing costs nothing: the daemon goes on, and ends
        with daemon.Session(one.socket) as silent:
            equal(silent.result("trace", limit=20000)["tracing"], True, "tracing")
            before = control.ctl(one.socket, "--json", "stats").json()["balance"]["received"]
            until(lambda: control.ctl(one.socket, "--json", "stats").json()["balance"]["received"] > before + 1000, "packets go on")
        equal(one.daemon.stop(), 0, one.daemon.log())
        daemon.balanced(one.daemon.report())


if __name__ == "__main__":
    run()
