#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Routes follow who can serve: services' addresses on a bridge of a namespace, and what BIRD makes of them in
another one.

    namespace ours                          namespace theirs
    sluiced -> bridge vip0 -> BIRD, s0 ---- veth ---- n0, BIRD -> the kernel's routes

or, where the dispatcher's port is the only way between the two,

    BIRD -> TAP sl-p0 <- punt: kernel -> sluiced <- packet:s0 ---- veth ---- n0, BIRD -> the kernel's routes
"""

import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import TOP, Skip, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402
import space  # noqa: E402

SERVICES = [{"name": "web", "address": "198.51.100.10", "protocol": "tcp", "ports": [80], "pool": "web"},
            {"name": "tls", "address": "198.51.100.10", "protocol": "tcp", "ports": [443], "pool": "other"},
            {"name": "six", "address": "2001:db8:9::1", "pool": "other"},
            {"name": "net", "address": "203.0.113.0/24", "pool": "web"},
            {"name": "rest", "address": "any", "pool": "web"}]
OTHER = [{"name": "other", "slots": 256, "nodes": [control.node("z")]}]


class Scene:
    def __init__(self, interface="vip0"):
        self.folder, self.spaces, self.interface = daemon.Folder(), space.Spaces(), interface

    def __enter__(self):
        self.folder.__enter__()
        self.spaces.__enter__()
        self.spaces.our("link", "add", "vip0", "type", "bridge")
        self.spaces.our("link", "set", "vip0", "up")
        self.conf = control.conf(self.folder, services=SERVICES, pools=list(OTHER))
        self.conf["announce"] = {"interface": self.interface, "grace": "300ms"}
        self.daemon = None
        return self

    def start(self):
        self.daemon = self.spaces.daemon(self.folder, self.conf)
        self.daemon.ready()
        return daemon.Session(self.conf["control"]["socket"])

    def carried(self):
        rows = json.loads(self.spaces.our("-j", "addr", "show", "dev", "vip0"))
        return sorted(info["local"] for row in rows for info in row.get("addr_info", [])
                      if info.get("scope") == "global")

    def carries(self, *addresses):
        until(lambda: self.carried() == sorted(addresses), f"{addresses} on vip0, not {self.carried()}")

    def __exit__(self, *_):
        if self.daemon:
            self.daemon.__exit__()
        self.spaces.__exit__()
        self.folder.__exit__()


@case("single addresses of services are on the interface while a pool behind them can serve")
def follow():
    with Scene() as scene:
        session = scene.start()
        scene.carries("198.51.100.10", "2001:db8:9::1")
        session.result("node.disable", pool="other", node="z")
        scene.carries("198.51.100.10")
        for node in "abc":
            session.result("node.drain", pool="web", node=node)
        scene.carries()
        session.result("node.enable", pool="web", node="b")
        scene.carries("198.51.100.10")
        true("198.51.100.10 is withdrawn from vip0" in scene.daemon.log(), scene.daemon.log())
        time.sleep(8)  # longer than the life of an address that is not renewed
        scene.carries("198.51.100.10")


@case("an end in good order withdraws first, and serves on for the grace")
def orderly():
    with Scene() as scene:
        scene.start()
        scene.carries("198.51.100.10", "2001:db8:9::1")
        begin = time.monotonic()
        scene.daemon.process.terminate()
        scene.carries()
        equal(scene.daemon.wait(), 0, scene.daemon.log())
        true(time.monotonic() - begin >= 0.3, "it ended before the grace was over")


@case("addresses of a daemon that is killed go by themselves, and those of an operator stay")
def killed():
    with Scene() as scene:
        scene.spaces.our("addr", "add", "198.51.100.10/32", "dev", "vip0")
        scene.start()
        scene.carries("198.51.100.10", "2001:db8:9::1")
        true("is an operator's" in scene.daemon.log(), scene.daemon.log())
        scene.daemon.process.kill()
        scene.daemon.process.wait()
        scene.carries("198.51.100.10")
        scene.start()
        scene.carries("198.51.100.10", "2001:db8:9::1")
        equal(scene.daemon.stop(), 0)
        equal(scene.carried(), ["198.51.100.10"])


@case("without the interface the start is refused, with the remedy")
def nowhere():
    with Scene("nothere") as scene:
        scene.daemon = scene.spaces.daemon(scene.folder, scene.conf)
        equal(scene.daemon.wait(), 2, scene.daemon.log())
        true("announce.interface nothere" in scene.daemon.log() and "ip link add" in scene.daemon.log(),
             scene.daemon.log())


class Bird:
    """BIRD in a namespace, with a configuration."""

    def __init__(self, folder, spaces, name, text):
        if not shutil.which("bird"):
            raise Skip("BIRD is not installed (Debian's bird2)")
        path = folder.write(f"{name}.conf", text)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", spaces, "bird", "-f", "-c", path, "-s", folder.file(f"{name}.ctl"),
             "-P", folder.file(f"{name}.pid")],
            stdin=subprocess.DEVNULL, stdout=open(folder.file(f"{name}.bird.log"), "wb"), stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


ROUTER = """
router id 192.0.2.1;
protocol device {}
protocol kernel { ipv4 { export all; import none; }; }
protocol bgp d1 {
  local 192.0.2.1 as 65000; neighbor 192.0.2.2 as 65001;
  connect delay time 1; connect retry time 1; error wait time 1,5;
  ipv4 { import all; export none; };
}
"""


@case("BIRD with the example's configuration exports them to its neighbour, and takes them back")
def bird():
    with open(os.path.join(TOP, "app/sluiced/examples/bird.conf"), encoding="utf-8") as file:
        ours = file.read()
    with Scene() as scene:
        spaces = scene.spaces
        spaces.our("addr", "add", "192.0.2.2/24", "dev", "s0")
        spaces.their("addr", "add", "192.0.2.1/24", "dev", "n0")

        def routed():
            return "via 192.0.2.2" in spaces.their("route", "show", "198.51.100.10")

        with Bird(scene.folder, spaces.ours, "ours", ours), Bird(scene.folder, spaces.theirs, "theirs", ROUTER):
            session = scene.start()
            until(routed, "a route to 198.51.100.10")
            for pool, nodes in (("web", "abc"), ("other", "z")):
                for node in nodes:
                    session.result("node.disable", pool=pool, node=node)
            until(lambda: not routed(), "no route while nobody can serve")
            session.result("node.enable", pool="web", node="a")
            until(routed, "the route again")
            scene.daemon.process.terminate()
            until(lambda: not routed(), "no route at the end")
            equal(scene.daemon.wait(), 0, scene.daemon.log())


# What comes by the wire is the dispatcher's alone: the kernel has no address on s0, answers no ARP there, and takes
# nothing from there whose way back is another one.
DEAF = ("net.ipv4.conf.s0.arp_ignore=8", "net.ipv4.conf.s0.rp_filter=1")

ASK = """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("198.51.100.10", 53))
"""


@case("a session of BIRD's goes by punt: kernel, the only way, and the routes it brings lead to the dispatcher")
def by_punt():
    with open(os.path.join(TOP, "app/sluiced/examples/bird.conf"), encoding="utf-8") as file:
        ours = file.read()
    with Scene() as scene:
        spaces = scene.spaces
        scene.conf["ports"] = [{"name": "p0", "device": "packet:s0", "punt": "kernel", "arp": "off"}]
        scene.conf["services"] = [{"name": "web", "address": "198.51.100.10", "pool": "web"}]
        scene.conf["pools"] = scene.conf["pools"][:1]
        spaces.within(spaces.ours, "sysctl", "-qw", *DEAF)
        spaces.their("addr", "add", "192.0.2.1/24", "dev", "n0")
        session = scene.start()
        spaces.our("addr", "add", "192.0.2.2/24", "dev", "sl-p0")
        spaces.our("link", "set", "sl-p0", "up")

        def routed():
            return "via 192.0.2.2" in spaces.their("route", "show", "198.51.100.10")

        def balance(outcome):
            return session.result("stats")["balance"][outcome]

        def asked():
            spaces.within(spaces.theirs, sys.executable, "-c", ASK)
            return balance("delivered")

        with Bird(scene.folder, spaces.ours, "ours", ours), Bird(scene.folder, spaces.theirs, "theirs", ROUTER):
            until(routed, "a route to 198.51.100.10")
            equal(spaces.our("neigh", "show", "192.0.2.1", "dev", "s0"), "", "neighbours of the kernel's on the wire")
            true(balance("punted") >= 5, f"{balance('punted')} packets punted")
            until(asked, "a packet by the route, for a node")
            session.result("node.set_weight", pool="web", node="a", weight=10)
            for node in "abc":
                session.result("node.disable", pool="web", node=node)
            until(lambda: not routed(), "no route while nobody can serve")
            session.result("node.enable", pool="web", node="b")
            until(routed, "the route again")
            equal(scene.daemon.stop(), 0, scene.daemon.log())


run()
