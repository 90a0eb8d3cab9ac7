#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluiced as a service: what it tells the manager, what its unit permits, what it does as it comes.

    manager's socket (this test) <-- NOTIFY_SOCKET -- sluiced -- the configuration that is installed
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import daemon
from tap import PATIENCE, TOP, Failed, Skip, case, equal, run, true

DEFAULT = os.path.join(TOP, "app/sluiced/sluice.yaml")
UNIT = os.path.join(TOP, "app/sluiced/sluice.service.in")
EXPOSURE_MAX = 3.0


class Manager:
    """The socket of a service manager."""

    def __init__(self, folder):
        self.path = folder.file("notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def hears(self, *passing):
        """The first line of the next datagram that is none of those."""
        while (word := self.socket.recv(4096).decode().split("\n")[0]) in passing:
            pass
        return word


def default(folder):
    """The configuration as installed, but for paths and names that another run or service may have."""
    with open(DEFAULT, encoding="utf-8") as file:
        text = file.read()
    text, times = re.subn(r"^dataplane:\n", f"dataplane:\n  instance: service{os.getpid()}\n", text, flags=re.M)
    equal(times, 1, "sections dataplane")
    text, times = re.subn(r"state: \S+", f"state: {folder.file('state')}\n  socket: {folder.file('control.sock')}",
                          text)
    equal(times, 1, "state files")
    return text


@case("the manager hears READY when packets flow, of reloads, of life, and of the end")
def words():
    with daemon.Folder() as folder, Manager(folder) as manager:
        environment = ["env", f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=30000000"]
        with daemon.Daemon(folder, default(folder), prefix=environment) as one:
            one.socket = folder.file("control.sock")
            equal(manager.hears(), "READY=1", "first word")
            one.ready()
            equal(manager.hears(), "WATCHDOG=1", "a second later")
            one.process.send_signal(signal.SIGHUP)
            equal(manager.hears("WATCHDOG=1"), "RELOADING=1", "with SIGHUP")
            equal(manager.hears("WATCHDOG=1"), "READY=1", "after it")
            folder.write("sluiced.yaml", "nonsense")
            one.process.send_signal(signal.SIGHUP)
            equal(manager.hears("WATCHDOG=1"), "RELOADING=1", "with a file that is wrong")
            equal(manager.hears("WATCHDOG=1"), "READY=1", "and goes on")
            one.process.send_signal(signal.SIGTERM)
            equal(manager.hears("WATCHDOG=1"), "STOPPING=1", "with SIGTERM")
            equal(one.wait(), 0, "exit status")


@case("READY is not said by a daemon that cannot start")
def not_ready():
    with daemon.Folder() as folder, Manager(folder) as manager:
        text = default(folder).replace("net_null0,no-rx=1", "net_pcap0,rx_pcap=missing.pcap")
        with daemon.Daemon(folder, text, prefix=["env", f"NOTIFY_SOCKET={manager.path}"]) as one:
            true(one.wait() > 0, "it started")
        heard = ""
        manager.socket.setblocking(False)
        try:
            while True:
                heard += manager.socket.recv(4096).decode()
        except BlockingIOError:
            pass
        true("READY" not in heard, f"heard {heard!r}")


@case("the configuration that is installed starts, receives nothing, and is no warning's cause")
def harmless():
    with daemon.Folder() as folder, daemon.Daemon(folder, default(folder)) as one:
        one.socket = folder.file("control.sock")
        one.ready()
        equal(one.stop(), 0, "exit status")
        equal(one.report()["balance"]["received"], 0, "packets")
        true("warning" not in one.log(), one.log())


@case("without -c sluiced reads /etc/sluice/sluice.yaml")
def without_file():
    path = "/etc/sluice/sluice.yaml"
    bare, told = (subprocess.run([daemon.binary(), "--check", *more], stderr=subprocess.PIPE, text=True, check=False)
                  for more in ((), ("-c", path)))
    equal((bare.returncode, bare.stderr), (told.returncode, told.stderr), "the same file's verdict")
    true(path in bare.stderr or os.path.exists(path), f"it is read: {bare.stderr}")


def unit(folder):
    """The unit, with the daemon that was built."""
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is missing (Debian: systemd)")
    with open(UNIT, encoding="utf-8") as file:
        return folder.write("sluice.service", file.read().replace("@sbindir@", os.path.dirname(daemon.binary())))


def analyze(*words):
    done = subprocess.run(["systemd-analyze", "--no-pager", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        raise Failed(f"systemd-analyze {words[0]}: {done.stdout}")
    return done.stdout


@case("systemd finds nothing wrong with the unit")
def verified():
    with daemon.Folder() as folder:
        equal(analyze("verify", "--man=no", unit(folder)), "", "what it says")


@case("the unit's exposure is 3.0 at most")
def hardened():
    with daemon.Folder() as folder:
        text = analyze("security", "--offline=true", unit(folder))
        exposure = float(re.search(r"Overall exposure level for \S+ ([0-9.]+)", text)[1])
        true(exposure <= EXPOSURE_MAX, f"it is {exposure}\n{text}")


if __name__ == "__main__":
    run()
