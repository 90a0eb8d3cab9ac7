# SPDX-License-Identifier: BSD-3-Clause
"""sluiced as a service: the manager's socket, the configuration that is installed, systemd's verdict on a unit."""

import os
import re
import shutil
import socket
import subprocess

from tap import PATIENCE, TOP, Failed, Skip, equal

DEFAULT = os.path.join(TOP, "app/sluiced/sluice.yaml")
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


def analyze(*words):
    if not shutil.which("systemd-analyze"):
        raise Skip("systemd-analyze is missing (Debian: systemd)")
    done = subprocess.run(["systemd-analyze", "--no-pager", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        raise Failed(f"systemd-analyze {words[0]}: {done.stdout}")
    return done.stdout


def exposure(unit):
    """What systemd rates it, and why."""
    text = analyze("security", "--offline=true", unit)
    return float(re.search(r"Overall exposure level for \S+ ([0-9.]+)", text)[1]), text
