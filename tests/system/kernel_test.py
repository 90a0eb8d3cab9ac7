#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What no service takes reaches the kernel by punt: kernel, and the kernel's answers go out by the port.

    namespace A                      namespace B
    192.0.2.1 on a0 ---- veth ---- b0 <- net_af_packet -> sluiced <- TAP -> sl-p0 with 192.0.2.2
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, Skip, case, equal, run, true  # noqa: E402
import daemon  # noqa: E402

A, B = f"sluiceA{os.getpid()}", f"sluiceB{os.getpid()}"

# A port that nobody listens on: the refusal is the kernel's own answer, and ARP went before it.
CONNECT = f"""
import socket, time
end = time.monotonic() + {PATIENCE}
while time.monotonic() < end:
    try:
        socket.create_connection(("192.0.2.2", 9), {PATIENCE})
    except ConnectionRefusedError:
        print("refused")
        break
    except OSError:  # nobody has answered ARP yet
        pass
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Namespaces:
    def __enter__(self):
        if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
            raise Skip("namespaces and TAP devices need root and /dev/net/tun")
        try:
            for name in (A, B):
                ip("netns", "add", name)
                ip("-n", name, "link", "set", "lo", "up")
            ip("link", "add", "a0", "netns", A, "type", "veth", "peer", "name", "b0", "netns", B)
        except (OSError, subprocess.CalledProcessError) as problem:
            self.__exit__()
            raise Skip(f"no namespaces or veth here: {problem}") from None
        ip("-n", A, "addr", "add", "192.0.2.1/24", "dev", "a0")
        for name, device in ((A, "a0"), (B, "b0")):
            ip("netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
            ip("-n", name, "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        for name in (A, B):
            ip("netns", "delete", name, check=False)


@case("the kernel answers ARP and refuses a connection through punt: kernel; packets for it count as punted")
def kernel_answers():
    with daemon.Folder() as folder, Namespaces():
        conf = daemon.configuration(
            folder, [{"name": "p0", "device": "net_af_packet0,iface=b0", "punt": "kernel", "arp": "off"}],
            [{"name": "web", "nodes": [{"name": "w0", "worker": 0, "handler": "sink", "weight": 1}]}],
            [{"name": "http", "address": "192.0.2.10", "protocol": "tcp", "ports": [80], "pool": "web"}])
        with daemon.Daemon(folder, conf, prefix=("ip", "netns", "exec", B)) as one:
            one.ready()
            ip("-n", B, "addr", "add", "192.0.2.2/24", "dev", "sl-p0")
            ip("-n", B, "link", "set", "sl-p0", "up")
            client = subprocess.run(["ip", "netns", "exec", A, sys.executable, "-c", CONNECT],
                                    capture_output=True, text=True, check=False)
            equal(client.stdout.strip(), "refused", f"the connection; {client.stderr}{one.log()}")
            equal(one.stop(), 0, "exit status")
            report = one.report()
            daemon.balanced(report)
            true(report["balance"]["punted"] >= 2, f"punted: {json.dumps(report['balance'])}")
            equal(report["dropped"]["no_service"], 0, "nothing is dropped that the kernel takes")


run(CASES)
