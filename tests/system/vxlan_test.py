#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Linux kernel takes out of VXLAN what sluice put in, and a client finds the service by ARP and ND.

    namespace C              namespace D                                     namespace S
    192.0.2.1     c0 - d0 <- net_af_packet -> sluiced <- net_af_packet -> d1 - s0  10.0.0.11
    2001:db8::1                                                              2001:db8:f::11
                                                                             vxlan0, id 7; vxlan6, id 8, over IPv6
                                                                             lo 192.0.2.10, 2001:db8::10, 192.0.2.16
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, Skip, case, equal, run, true  # noqa: E402
import daemon  # noqa: E402

C, D, S = (f"sluice{letter}{os.getpid()}" for letter in "CDS")
MAC = "02:00:00:00:00:11"
INNER = "02:00:00:00:00:66"

SERVER = f"""
import socket, sys
address = sys.argv[1]
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind((address, 5000))
    server.settimeout({PATIENCE})
    print("ready", flush=True)
    told = set()
    while len(told) < 3:
        data, peer = server.recvfrom(9000)
        told.add((len(data), f"{{peer[0]}} {{len(data)}} {{data[:3].decode()}} {{data[-3:].decode()}}"))
    print(*(words for _, words in sorted(told)), sep="\\n", flush=True)
"""

# Again and again: on a machine that stands still neighbours are given up.
CLIENT = """
import socket, sys, time
address = sys.argv[1]
with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
    while True:
        for size in (6, 600, 1400):
            try:
                client.sendto(b"abc" + b"." * (size - 6) + b"xyz", (address, 5000))
            except OSError:
                pass
        time.sleep(1)
"""


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Topology:
    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("namespaces need root")
        try:
            for name in (C, D, S):
                ip("netns", "add", name)
                ip("netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
                ip("-n", name, "link", "set", "lo", "up")
            ip("link", "add", "c0", "netns", C, "type", "veth", "peer", "name", "d0", "netns", D)
            ip("link", "add", "s0", "netns", S, "type", "veth", "peer", "name", "d1", "netns", D)
            ip("-n", S, "link", "set", "s0", "address", MAC)
            ip("-n", S, "link", "add", "vxlan0", "address", MAC, "type", "vxlan", "id", "7", "local",
               "10.0.0.11", "dstport", "4789", "dev", "s0")
            ip("-n", S, "link", "add", "vxlan6", "address", INNER, "type", "vxlan", "id", "8", "local",
               "2001:db8:f::11", "dstport", "4789", "dev", "s0")
        except (OSError, subprocess.CalledProcessError) as problem:
            self.__exit__()
            raise Skip(f"no namespaces, veth or VXLAN here: {problem}") from None
        for device in ("d0", "d1"):
            ip("netns", "exec", D, "sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
        for device in ("all", "vxlan0", "vxlan6"):
            ip("netns", "exec", S, "sysctl", "-qw", f"net.ipv4.conf.{device}.rp_filter=0")
        for name, device in ((C, "c0"), (D, "d0"), (D, "d1"), (S, "s0"), (S, "vxlan0"), (S, "vxlan6")):
            ip("-n", name, "link", "set", device, "up")
        for name, device, address in ((C, "c0", "192.0.2.1/24"), (C, "c0", "2001:db8::1/64"),
                                      (S, "s0", "10.0.0.11/24"), (S, "s0", "2001:db8:f::11/64"),
                                      (S, "lo", "192.0.2.10/32"), (S, "lo", "192.0.2.16/32"),
                                      (S, "lo", "2001:db8::10/128")):
            ip("-n", name, "addr", "add", address, "dev", device)
        for family in ("-4", "-6"):
            ip(family, "-n", S, "route", "add", "default", "dev", "vxlan0")
        return self

    def __exit__(self, *_):
        for name in (C, D, S):
            ip("netns", "delete", name, check=False)


def python(namespace, program, *arguments):
    return subprocess.Popen(["ip", "netns", "exec", namespace, sys.executable, "-c", program, *arguments],
                            stdout=subprocess.PIPE, text=True)


def arrives(address, client):
    """What is sent to the service's address is what the server behind the tunnel gets."""
    with python(S, SERVER, address) as server:
        equal(server.stdout.readline().strip(), "ready", "the server")
        with python(C, CLIENT, address) as sender:
            got = [server.stdout.readline().strip() for _ in range(3)]
            sender.kill()
    equal(got, [f"{client} {size} abc xyz" for size in (6, 600, 1400)], f"packets to {address}")


@case("packets cross VXLAN over both families to devices made with defaults, found by ARP and neighbour discovery")
def crosses():
    with daemon.Folder() as folder, Topology():
        conf = daemon.configuration(
            folder,
            [{"name": "p0", "device": "net_af_packet0,iface=d0", "addresses": ["192.0.2.2/24", "2001:db8::2/64"]},
             {"name": "p1", "device": "net_af_packet1,iface=d1", "addresses": ["10.0.0.2/24", "2001:db8:f::2/64"]}],
            [{"name": "web", "nodes": [{"name": "s", "address": "10.0.0.11", "encap": "vxlan", "vni": 7,
                                        "port": "p1", "mac": MAC, "weight": 1}]},
             {"name": "over6", "nodes": [{"name": "s", "address": "2001:db8:f::11", "encap": "vxlan", "vni": 8,
                                          "port": "p1", "mac": MAC, "inner_mac": INNER, "weight": 1}]}],
            [{"name": "four", "address": "192.0.2.10", "protocol": "udp", "ports": [5000], "pool": "web"},
             {"name": "over6", "address": "192.0.2.16", "protocol": "udp", "ports": [5000], "pool": "over6"},
             {"name": "six", "address": "2001:db8::10", "protocol": "udp", "ports": [5000], "pool": "web"}])
        with daemon.Daemon(folder, conf, prefix=("ip", "netns", "exec", D)) as one:
            one.ready()
            arrives("192.0.2.10", "192.0.2.1")
            arrives("2001:db8::10", "2001:db8::1")
            arrives("192.0.2.16", "192.0.2.1")
            equal(one.stop(), 0, f"exit status; {one.log()}")
            report = one.report()
            daemon.balanced(report)
            true(report["balance"]["forwarded"] >= 9, report["balance"])


run(CASES)
