#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/run, the first command of the README, as a user calls it, and its numbers read again."""

import collections
import json
import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, TOP, Failed, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import reading  # noqa: E402

OUT = os.path.join(TOP, "build", "run")
NODES = ("sink", "echo", "file", "ipip", "gue", "dsr")


def call(*arguments, status=0, cwd=TOP):
    daemon.binary()
    done = subprocess.run([os.path.join(TOP, "scripts/run"), *arguments], capture_output=True, text=True,
                          cwd=cwd, timeout=PATIENCE)
    equal(done.returncode, status, f"status\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def report():
    with open(os.path.join(OUT, "report.json"), encoding="utf-8") as file:
        return json.load(file)


@case("without a capture it dispatches its own, ends with the table, and everything balances")
def own():
    daemon.binary()
    text = call()
    for name in NODES:
        true(re.search(rf"^{name} +[\d.]+ +[\d.]+% +[\d.]+% +[\d.]+% +[\d,]+ +[\d,]+$", text, re.M), text)
    true("within chance" in text and "Dropped: " in text and "packets/s" in text, text)
    daemon.balanced(report())
    true("\033" not in text, "colour in a pipe")


@case("the flows that the report counts for a node are those that tshark reads in its output")
def counted():
    call()
    flows = collections.defaultdict(set)
    for packet in reading.read(os.path.join(OUT, "worker.pcapng")):
        if packet.key and not packet.error and (not packet.fragment or packet.first):
            flows["file"].add(packet.key)
    frames, owners = [], []
    address = {socket.inet_aton("10.0.0.11"): "ipip",
               socket.inet_pton(socket.AF_INET6, "2001:db8:1::12"): "gue"}
    for frame in daemon.read_pcap(os.path.join(OUT, "remote.pcap")):
        node = {0x11: "ipip", 0x12: "gue", 0x13: "dsr"}.get(frame[5])
        if node in ("ipip", "gue"):
            target, packet = reading.inner_packet(frame)
            equal(address[target], node, "outer address")
            frame = bytes(12) + (b"\x08\0" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet
        if node:
            owners.append(node)
            frames.append(frame)
    for node, packet in zip(owners, reading.read_frames(frames)):
        if packet.key and not packet.error and (not packet.fragment or packet.first):
            flows[node].add(packet.key)
    nodes = report()["pools"]["demo"]["nodes"]
    for node in ("file", "ipip", "gue", "dsr"):
        equal(nodes[node]["flows_started"], len(flows[node]), f"flows of {node}")


@case("a pcapng capture in the folder of the caller is dispatched whole")
def other():
    with daemon.Folder() as folder:
        call()
        count = len(daemon.read_pcap(os.path.join(OUT, "worker.pcapng")))
        os.rename(os.path.join(OUT, "worker.pcapng"), folder.file("my, capture=1.pcapng"))
        call("my, capture=1.pcapng", cwd=folder.path)
        equal(report()["balance"]["received"], count, "received")


@case("a capture that is missing, empty, no capture, without packets or not Ethernet is refused by name")
def refused():
    with daemon.Folder() as folder:
        folder.write("empty.pcap", "")
        folder.write("text.pcap", "not a capture, but a text that is long enough to have a header\n")
        daemon.write_pcap(folder.file("none.pcap"), [])
        daemon.write_pcap(folder.file("raw.pcap"), [b"\x45" + bytes(39)], 101)
        for name, word in (("missing.pcap", "missing.pcap: no such file"), ("empty.pcap", "empty.pcap: empty"),
                           ("text.pcap", "text.pcap"), ("none.pcap", "no packet"), ("raw.pcap", "Ethernet"),
                           (".", "not a file")):
            text = fails(name, folder.path)
            true(word in text, f"'{word}' is not in: {text}")


def spaces(pid):
    """Network namespaces of that run of scripts/run --live."""
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return {name for name in done.stdout.split() if re.fullmatch(rf"live([CDW]|S\d+x){pid}", name)}


class Live:
    """scripts/run --live as a shell's job."""

    def __init__(self):
        daemon.binary()
        if os.geteuid() != 0:
            raise Skip("namespaces need root")

    def __enter__(self):
        self.process = subprocess.Popen([os.path.join(TOP, "scripts/run"), "--live"], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def reads_until(self, word):
        text = ""
        for line in self.process.stdout:
            text += line
            if word in line:
                return text
        raise Failed(f"it ended with {self.process.wait()} before it said {word!r}: {text}")

    def ends(self):
        """What it says until its end, after which nothing is left of it."""
        text = self.process.communicate(timeout=PATIENCE)[0]
        if self.process.returncode == 2 and "here" in text:
            raise Skip(text)
        equal(spaces(self.process.pid), set(), "namespaces that are left")
        equal(daemons(self.process.pid), [], "daemons that are left")
        return text


def daemons(pid):
    """Processes of sluiced for that run."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"sluiced") and b"/sluice-live" + str(pid).encode() in b" ".join(words):
            found.append(number)
    return found


@case("--live shows a client's requests spread while weights change, loses none, and takes all down")
def live():
    with Live() as one:
        text = one.ends()
        equal(one.process.returncode, 0, text)
    for word in ("set-weight web/s3 200", "drain web/s1", "3,000 requests, 0 not answered",
                 "of 20 connections that began before all changes 20 are where they were"):
        true(word in text, f"{word!r} is not in: {text}")
    rows = [row for row in text.split("\n") if row.startswith("  s1 ")]
    equal(len(rows), 5, f"lines of s1 in {text}")
    equal(rows[3].split()[-1], "0.00%", "requests that a drained server gets")


@case("--live takes all down on Ctrl-C, on SIGTERM and, with the next run, after a kill")
def interrupted():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with Live() as one:
            one.reads_until("a third one comes")
            true(daemons(one.process.pid) and spaces(one.process.pid), "its daemon runs")
            if number == signal.SIGINT:
                os.killpg(one.process.pid, number)
            else:
                os.kill(one.process.pid, number)
            if number != signal.SIGKILL:
                one.ends()
                equal(one.process.returncode, 130, "status")
                continue
        true(spaces(one.process.pid), "a kill leaves namespaces")
        with Live() as other:
            other.reads_until("two servers")
            equal(spaces(one.process.pid), set(), "what the run before left")
            os.kill(other.process.pid, signal.SIGINT)
            other.ends()
        until(lambda: not daemons(one.process.pid), "the daemon of a run that was killed ends")


def fails(name, cwd):
    daemon.binary()
    done = subprocess.run([os.path.join(TOP, "scripts/run"), name], capture_output=True, text=True, cwd=cwd,
                          timeout=PATIENCE)
    true(done.returncode not in (0, 126, 127), f"status {done.returncode} for {name}")
    return done.stdout + done.stderr


run(CASES)
