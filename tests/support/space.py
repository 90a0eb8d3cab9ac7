# SPDX-License-Identifier: BSD-3-Clause
"""Two network namespaces and a veth pair between them; sluiced runs in the first.

    namespace ours                     namespace theirs
    sluiced <- net_af_packet -> s0 ---- veth ---- n0
"""

import os
import subprocess

import daemon
from tap import Skip


class Spaces:
    def __init__(self):
        self.ours, self.theirs = f"sluiceS{os.getpid()}", f"sluiceN{os.getpid()}"

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("network namespaces need root")
        try:
            for name in (self.ours, self.theirs):
                self.ip("netns", "add", name)
                self.ip("-n", name, "link", "set", "lo", "up")
            self.ip("link", "add", "s0", "netns", self.ours, "type", "veth",
                    "peer", "name", "n0", "netns", self.theirs)
            for name, device in ((self.ours, "s0"), (self.theirs, "n0")):
                self.within(name, "sysctl", "-qw", f"net.ipv6.conf.{device}.accept_dad=0")
                self.ip("-n", name, "link", "set", device, "up")
        except (OSError, subprocess.CalledProcessError) as problem:
            self.__exit__()
            raise Skip(f"no namespaces or veth here: {problem}") from None
        return self

    def __exit__(self, *_):
        for name in (self.ours, self.theirs):
            self.ip("netns", "delete", name, check=False)

    @staticmethod
    def ip(*words, check=True):
        return subprocess.run(["ip", *words], check=check, capture_output=True, text=True).stdout

    def within(self, name, *words):
        return self.ip("netns", "exec", name, *words)

    def our(self, *words):
        """`ip` in the namespace of sluiced."""
        return self.ip("-n", self.ours, *words)

    def their(self, *words):
        return self.ip("-n", self.theirs, *words)

    def daemon(self, folder, conf, **more):
        return daemon.Daemon(folder, conf, prefix=("ip", "netns", "exec", self.ours), **more)
