#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluiced as a service: what it tells the manager, what its unit permits, what it does as it comes.

    manager's socket (this test) <-- NOTIFY_SOCKET -- sluiced -- the configuration that is installed
"""

import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import daemon
from service import DEFAULT, EXPOSURE_MAX, Manager, analyze, default, exposure
from link import Link
from tap import TOP, Skip, case, equal, run, true

DROP_IN = os.path.join(TOP, "app/sluiced/examples/xdp.conf")
UNIT = os.path.join(TOP, "app/sluiced/sluice.service.in")


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


@case("an installation puts the first configuration where none is, and leaves one that is there")
def installed():
    with daemon.Folder() as folder:
        path = folder.file("etc/sluice/sluice.yaml")
        command = ["env", f"DESTDIR={folder.path}", os.path.join(TOP, "app/sluiced/install_default"), DEFAULT]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        with open(DEFAULT, encoding="utf-8") as file:
            equal(folder.read(path), file.read(), "the first one")
        folder.write(path, "mine")
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        equal(folder.read(path), "mine", "the one that is there")


@case("without -c sluiced reads /etc/sluice/sluice.yaml")
def without_file():
    path = "/etc/sluice/sluice.yaml"
    bare, told = (subprocess.run([daemon.binary(), "--check", *more], stderr=subprocess.PIPE, text=True, check=False)
                  for more in ((), ("-c", path)))
    equal((bare.returncode, bare.stderr), (told.returncode, told.stderr), "the same file's verdict")
    true(path in bare.stderr or os.path.exists(path), f"it is read: {bare.stderr}")


def unit(folder):
    """The unit, with the daemon that was built."""
    with open(UNIT, encoding="utf-8") as file:
        return folder.write("sluice.service", file.read().replace("@sbindir@", os.path.dirname(daemon.binary())))


@case("systemd finds nothing wrong with the unit")
def verified():
    with daemon.Folder() as folder:
        equal(analyze("verify", "--man=no", unit(folder)), "", "what it says")


@case("the unit's exposure is 3.0 at most")
def hardened():
    with daemon.Folder() as folder:
        rated, why = exposure(unit(folder))
        true(rated <= EXPOSURE_MAX, f"it is {rated}\n{why}")


def capabilities(*files):
    """The words of setpriv that leave what units and drop-ins leave."""
    if not shutil.which("setpriv"):
        raise Skip("setpriv is missing (Debian: util-linux)")
    kept = "".join(word.removeprefix("CAP_").lower().join((",+", "")) for path in files
                   for line in re.findall(r"^CapabilityBoundingSet=(.*)", open(path, encoding="utf-8").read(), re.M)
                   for word in line.split())
    return ["setpriv", "--no-new-privs", f"--bounding-set=-all{kept}"]


def first_word(manager, one):
    """Of a daemon that may end without one."""
    manager.socket.settimeout(0.1)
    while one.process.poll() is None:
        try:
            return manager.hears()
        except TimeoutError:
            pass
    return ""


def serves(device, prefix):
    """Nothing when a daemon with what the prefix leaves is ready on the device, else what it says."""
    driver = {"packet": "net_af_packet", "tap": "net_tap", "xdp": "net_af_xdp"}[device]
    with daemon.Folder() as folder, Link(driver) as link, Manager(folder) as manager:
        ports = [{"name": "p0", "device": f"{device}:{link.interface}", "addresses": ["192.0.2.2/24"]}]
        conf = daemon.configuration(folder, ports, [{"name": "none"}], [{"name": "all", "address": "any", "pool": "none"}])
        command = ["env", f"NOTIFY_SOCKET={manager.path}", *prefix]
        with daemon.Daemon(folder, conf, prefix=command) as one:
            if first_word(manager, one) != "READY=1":
                one.wait()
                return one.log()
            equal(one.stop(), 0, "exit status")
    return ""


@case("the unit's capabilities do for interfaces of the kernel, and those of its drop-in for AF_XDP")
def capable():
    for device in ("packet", "tap"):
        equal(serves(device, capabilities(UNIT)), "", device)
    if serves("xdp", []):
        raise Skip("AF_XDP does not work here")
    equal(serves("xdp", capabilities(UNIT, DROP_IN)), "", "xdp with the drop-in")


if __name__ == "__main__":
    run()
