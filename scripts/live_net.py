# SPDX-License-Identifier: BSD-3-Clause
"""A client, a dispatcher and servers, each in a network namespace of its own, on one link that nothing outside
is on. Devices are as the kernel makes them: nothing is switched off.

    C   c0  192.0.2.1   2001:db8::1   --+
    D   d0  sluiced's                 --+-- bridge in W
    S1  s0  192.0.2.11  2001:db8::11  --+
    S2  ...
    the services' addresses, 192.0.2.10 and 2001:db8::10, are on each server's lo
"""

import contextlib
import ctypes
import os
import subprocess

CLIENT, VIP = ("192.0.2.1", "2001:db8::1"), ("192.0.2.10", "2001:db8::10")
CLONE_NEWNET = 0x40000000


class Unable(Exception):
    """The machine lacks something: says what."""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True).stdout


class Net:
    """mtu is that of the link between dispatcher and servers; the client's is 1500."""

    def __init__(self, servers=3, mtu=1500, prefix="sluice"):
        self.mtu = mtu
        self.client, self.dispatcher, self.switch = (f"{prefix}{letter}{os.getpid()}" for letter in "CDW")
        self.servers = [f"{prefix}S{number + 1}x{os.getpid()}" for number in range(servers)]

    def names(self):
        return [self.switch, self.client, self.dispatcher, *self.servers]

    def __enter__(self):
        if os.geteuid() != 0:
            raise Unable("network namespaces need root")
        try:
            self._make()
        except BaseException as problem:
            self.__exit__()
            if isinstance(problem, (OSError, subprocess.CalledProcessError)):
                raise Unable(f"no namespaces, veth or bridge here: {getattr(problem, 'stderr', problem)}") from None
            raise
        return self

    def __exit__(self, *_):
        for name in self.names():
            ip("netns", "delete", name, check=False)

    def _make(self):
        for name in self.names():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            self.sysctl(name, "net.ipv6.conf.default.accept_dad=0", "net.ipv4.conf.all.rp_filter=0",
                        "net.ipv4.conf.default.rp_filter=0")
        self.sysctl(self.switch, "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        ip("-n", self.switch, "link", "add", "bridge", "mtu", str(self.mtu), "type", "bridge")
        ip("-n", self.switch, "link", "set", "bridge", "up")
        self.join(self.client, "c0", "wc", 1500, *CLIENT)
        self.join(self.dispatcher, "d0", "wd", self.mtu)
        for number, name in enumerate(self.servers, 1):
            self.sysctl(name, "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
            self.join(name, "s0", f"ws{number}", self.mtu, *self.server_addresses(number))
            for address in VIP:
                ip("-n", name, "address", "add", address, "dev", "lo")

    @staticmethod
    def server_addresses(number):
        return f"192.0.2.{10 + number}", f"2001:db8::{10 + number}"

    @staticmethod
    def server_mac(number):
        return f"02:00:00:00:00:{10 + number}"

    def join(self, name, device, other, mtu, *addresses):
        """A pair of interfaces between a namespace and the bridge."""
        ip("link", "add", device, "netns", name, "mtu", str(mtu), "type", "veth",
           "peer", "name", other, "netns", self.switch, "mtu", str(mtu))
        if device == "s0":
            ip("-n", name, "link", "set", device, "address", self.server_mac(int(other[2:])))
        if not addresses:
            self.sysctl(name, f"net.ipv6.conf.{device}.disable_ipv6=1")
        ip("-n", self.switch, "link", "set", other, "master", "bridge", "up")
        ip("-n", name, "link", "set", device, "up")
        for address in addresses:
            ip("-n", name, "address", "add", f"{address}/{64 if ':' in address else 24}", "dev", device)

    def sysctl(self, name, *settings):
        subprocess.run([*self.within(name), "sysctl", "-qw", *settings], check=True, capture_output=True)

    @staticmethod
    def within(name):
        """What goes before a command that is to run there."""
        return ["ip", "netns", "exec", name]

    @staticmethod
    @contextlib.contextmanager
    def inside(name):
        """This thread is there meanwhile: sockets that it opens stay."""
        libc = ctypes.CDLL(None, use_errno=True)
        home, there = os.open("/proc/thread-self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            libc.setns(home, CLONE_NEWNET)
            os.close(home)
            os.close(there)
