# SPDX-License-Identifier: BSD-3-Clause
"""A daemon that sleeps when nothing comes, on an interface of this machine, and somebody who asks it by ARP.

    this test -- packet socket -- slb (net_tap) -- sluiced, which answers ARP for its own address
    this test -- packet socket -- sla -- veth -- slb (net_af_packet, net_af_xdp) -- the same
"""

import os
import select
import socket
import struct
import subprocess
import time

import daemon
from tap import PATIENCE, Failed, Skip

OUR_IP, ASKED_IP = bytes([192, 0, 2, 9]), bytes([192, 0, 2, 2])
OUR_MAC = bytes([2, 0, 0, 0, 0, 9])
ETH_ARP = 0x0806


class Link:
    """A device string for the daemon, and the interface that its peer is."""

    def __init__(self, driver):
        if os.geteuid() != 0:
            raise Skip("needs root")
        self.peer, self.interface = f"sla{os.getpid()}", f"slb{os.getpid()}"
        self.veth = driver != "net_tap"
        self.device = f"{driver}0,iface={self.interface}"
        if not self.veth:
            self.peer = self.interface

    def __enter__(self):
        if not self.veth:
            if not os.path.exists("/dev/net/tun"):
                raise Skip("needs /dev/net/tun")
            return self
        try:
            self.ip("link", "add", self.peer, "type", "veth", "peer", "name", self.interface)
            for name in (self.peer, self.interface):
                with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="utf-8") as file:
                    file.write("1")
                self.ip("link", "set", name, "up")
        except (OSError, subprocess.CalledProcessError) as problem:
            raise Skip(f"no veth here: {problem}") from None
        return self

    def __exit__(self, *_):
        if self.veth:
            self.ip("link", "del", self.peer)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def open(self):
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ARP))
        link.bind((self.peer, ETH_ARP))
        link.setblocking(False)
        return link


def request():
    head = b"\xff" * 6 + OUR_MAC + struct.pack("!H", ETH_ARP)
    return head + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + OUR_MAC + OUR_IP + b"\0" * 6 + ASKED_IP


def ask(link, spins=False):
    """Seconds until the answer. Who spins does not count its own waking up, and lets the kernel's threads go
    before it."""
    start = time.perf_counter()
    link.send(request())
    while time.perf_counter() - start < PATIENCE:
        try:
            frame = link.recv(2048)
        except BlockingIOError:
            if spins:
                os.sched_yield()
            else:
                select.select([link], [], [], PATIENCE)
            continue
        if frame[20:22] == b"\0\x02" and frame[28:32] == ASKED_IP:
            return time.perf_counter() - start
    raise Failed(f"no answer in {PATIENCE:.0f} s")


def conf(folder, device, idle):
    """One receive core on the first CPU; the last one, where there are two, is this test's."""
    port = {"name": "p0", "device": device, "addresses": ["192.0.2.2/24"], "arp": "addresses"}
    return daemon.configuration(folder, [port],
                                [{"name": "web", "nodes": [{"name": "w", "address": "192.0.2.3", "weight": 100}]}],
                                [{"name": "all", "address": "any", "pool": "web"}],
                                dataplane={"idle": idle, "worker_cpus": []})


class Sleeper:
    """A daemon with nothing to do, on a device."""

    def __init__(self, device, idle):
        self.device, self.idle = device, idle

    def __enter__(self):
        while not self._starts():
            pass
        return self.one

    def _starts(self):
        """False: by chance a process with another interface has the same group of sockets; DPDK numbers them by
        process and interface."""
        self.folder = daemon.Folder()
        folder = self.folder.__enter__()
        self.one = daemon.Daemon(folder, conf(folder, self.device, self.idle))
        try:
            self.one.ready()
        except Failed:
            log = self.one.log()
            self.__exit__()
            if "PACKET_FANOUT" in log:
                return False
            if self.device.startswith("net_af_xdp"):
                raise Skip(f"no AF_XDP here: {log}") from None
            raise
        return True

    def __exit__(self, *_):
        self.one.__exit__()
        self.folder.__exit__()


def threads(pid):
    """Seconds of processor time by thread, exact: ticks would be counted where timers wake threads."""
    used = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as file:
            name = file.read().strip()
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as file:
            used[thread, name] = int(file.read().split()[0]) / 1e9
    return used


def share(one, seconds=2):
    """The largest share of a CPU that a thread of the daemon takes."""
    before, start = threads(one.process.pid), time.monotonic()
    time.sleep(seconds)
    after, seconds = threads(one.process.pid), time.monotonic() - start
    return max((used - before.get(thread, used)) / seconds for thread, used in after.items())
