#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluice-node on servers: their kernels have no tunnel device, and TCP of a client gets through every tunnel.
The network is scripts/live_net.py's:

    client -- bridge -- sluiced, one-armed -- bridge -- s0, sluice-node -- server
"""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "support"), os.path.join(TESTS, "../scripts")]
from tap import CASES, PATIENCE, Failed, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import live_net  # noqa: E402
from live_net import VIP  # noqa: E402

NODE = os.path.join(daemon.BUILD, "app", "sluice-node")
OTHER = os.path.join(daemon.BUILD, "lib", "xdp", "socket.bpf.o")
TUNNELS = ("ipip", "gre", "gue", "vxlan")
OCTETS = 1 << 18
LATER = "192.0.2.16"  # an address that comes later


class Net(live_net.Net):
    """sluice-node runs in a server's network namespace, but not in a mount namespace of its own: pins would go
    with it."""

    def __enter__(self):
        try:
            return super().__enter__()
        except live_net.Unable as problem:
            raise Skip(str(problem)) from None

    def __exit__(self, *_):
        for name in self.servers:
            if os.path.exists(f"/run/netns/{name}"):
                self.node(name, "detach", "s0", status=None)
        super().__exit__()

    @staticmethod
    def node(name, *words, status=0):
        """What a command says; with None whatever it says."""
        done = subprocess.run(["nsenter", f"--net=/run/netns/{name}", NODE, *words], capture_output=True, text=True,
                              check=False)
        text = done.stdout + done.stderr
        if status == 0 and done.returncode == 2:
            raise Skip(f"no XDP programs here: {text}")
        if status is not None:
            equal(done.returncode, status, f"status of {words}: {text}")
        return text

    def counters(self, name):
        """Those of s0; {} where nothing is attached."""
        found = json.loads(self.node(name, "status", "--json"))["interfaces"]
        return found[0] if found else {}

    @staticmethod
    def has_filter(name):
        shown = subprocess.run(["tc", "-n", name, "filter", "show", "dev", "s0", "ingress"], capture_output=True,
                               text=True, check=False)
        return "sluice_pass" in shown.stdout

    def has_program(self, name):
        return "xdp" in live_net.ip("-n", name, "link", "show", "s0")


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Echo(threading.Thread):
    """Takes connections at addresses of a server and gives back what comes, to the end."""

    def __init__(self, net, name, addresses, ports):
        super().__init__(daemon=True)
        self.listeners = []
        with net.inside(name):
            for address in addresses:
                for port in ports:
                    self.listeners.append(socket.create_server((address, port), family=family_of(address), backlog=50))
        for listener in self.listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    @staticmethod
    def _serve(client):
        with client:
            client.settimeout(PATIENCE)
            try:
                while octets := client.recv(1 << 16):
                    client.sendall(octets)
            except OSError:
                pass

    def close(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()



def talk(net, address, port, octets=OCTETS):
    """A client sends so many octets and gets the same back."""
    with net.inside(net.client):
        client = socket.socket(family_of(address))
    data, digest = os.urandom(octets), hashlib.sha256()
    with client:
        client.settimeout(PATIENCE)
        try:
            client.connect((address, port))
        except OSError as problem:
            raise Failed(f"{address} port {port}: {problem}") from None
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)), daemon=True)
        sender.start()
        while got := client.recv(1 << 16):
            digest.update(got)
        sender.join()
    equal(digest.hexdigest(), hashlib.sha256(data).hexdigest(), f"what comes back from {address} port {port}")


def start(folder, net, pools, services):
    port = {"name": "p0", "device": "packet:d0", "addresses": ["192.0.2.2/24", "2001:db8::2/64"]}
    one = daemon.Daemon(folder, daemon.configuration(folder, [port], pools, services), prefix=net.within(net.dispatcher))
    one.ready()
    until(lambda: "running" in one.log(), "cores that poll")
    mac = live_net.ip("-n", net.dispatcher, "-br", "link", "show", "d0").split()[2]
    for address in (*VIP, LATER):  # a busy machine's answer to ARP may be too late
        live_net.ip("-n", net.client, "neigh", "replace", address, "lladdr", mac, "dev", "c0", "nud", "permanent")
    return one


def server(number, outer, encap, **more):
    return {"name": f"s{number}", "address": live_net.Net.server_addresses(number)[outer], "encap": encap, "port": "p0",
            "mac": live_net.Net.server_mac(number), "weight": 1, **({"vni": 7} if encap == "vxlan" else {}), **more}


def carries(mode):
    """TCP through every tunnel, of both families inside and outside."""
    ways = [(encap, outer) for encap in TUNNELS for outer in (0, 1)]
    with daemon.Folder() as folder, Net(servers=1) as net:
        name = net.servers[0]
        said = net.node(name, "attach", "s0", "--mode", mode)
        true(said.startswith(f"s0: {mode}, ipip, gre, gue, vxlan;"), said)
        pools = [{"name": f"{encap}{outer}", "nodes": [server(1, outer, encap)]} for encap, outer in ways]
        services = [{"name": f"{pool['name']}{inner}", "address": VIP[inner], "protocol": "tcp", "ports": [5000 + n],
                     "pool": pool["name"]} for n, pool in enumerate(pools) for inner in (0, 1)]
        echo = Echo(net, name, VIP, range(5000, 5000 + len(ways)))
        with start(folder, net, pools, services) as one:
            for inner in (0, 1):
                for n in range(len(ways)):
                    talk(net, VIP[inner], 5000 + n)
            equal(one.stop(), 0, one.log())
            daemon.balanced(one.report())
        echo.close()
        state = net.counters(name)
        for encap in TUNNELS:
            # Each of four connections needs as many packets as its octets, at least.
            true(state["decapsulated"][encap] > 4 * OCTETS // 1500, f"{encap}: {state}")
        true(state["decapsulated"]["bytes"] > 16 * OCTETS, f"bytes: {state}")
        equal({**state["dropped"], **state["left"]}, dict.fromkeys([*state["dropped"], *state["left"]], 0), "else")


@case("TCP of both families gets through every tunnel over both families, opened by the driver")
def native():
    carries("native")


@case("and opened in front of the kernel's stack")
def generic():
    carries("generic")


@case("attaching again exchanges the program and takes new addresses, counters go on; detaching leaves nothing")
def commands():
    with daemon.Folder() as folder, Net(servers=1) as net:
        name = net.servers[0]
        equal(net.node(name, "detach", "s0"), "s0: nothing was attached\n", "before")
        net.node(name, "attach", "s0", "--decap", "gue")
        pool = {"name": "web", "nodes": [server(1, 0, "gue")]}
        with start(folder, net, [pool], [{"name": n, "address": a, "pool": "web"} for n, a in
                                         (("one", VIP[0]), ("later", LATER))]) as one:
            echo = Echo(net, name, VIP[:1], [5000])
            talk(net, VIP[0], 5000)
            echo.close()
            before = net.counters(name)
            live_net.ip("-n", name, "address", "add", LATER, "dev", "lo")
            with net.inside(net.client):
                probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            probe.connect((LATER, 9))

            def is_left():
                probe.send(b"?")
                return net.counters(name)["left"]["not_ours"] > 0
            until(is_left, "the program knows nothing of the new address")
            net.node(name, "attach", "s0", "--decap", "gue,ipip")
            echo = Echo(net, name, [LATER], [5000])
            talk(net, LATER, 5000)
            echo.close()
            after = net.counters(name)
            equal(after["decap"], ["ipip", "gue"], "tunnels")
            true(after["decapsulated"]["gue"] > before["decapsulated"]["gue"] > 0, f"{before}, then {after}")
            equal(one.stop(), 0, one.log())
        pins = f"/sys/fs/bpf/sluice/node@{os.stat(f'/run/netns/{name}').st_ino}@s0"
        true(os.path.isdir(pins), f"pins in {pins}")
        equal(net.node(name, "detach", "s0"), "s0: detached\n", "detach")
        true(not net.has_program(name), "the program is gone")
        true(not os.path.exists(pins), "and its pins")
        equal(net.counters(name), {}, "status")


@case("another program on the interface is refused by name; an interface that is not there, or has no address, too")
def refused():
    with Net(servers=1) as net:
        name = net.servers[0]
        done = subprocess.run(["ip", "-n", name, "link", "set", "dev", "s0", "xdp", "obj", OTHER, "sec", "xdp"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f"iproute2 loads no programs: {done.stderr}")
        said = net.node(name, "attach", "s0", status=1)
        true("another XDP program (sluice_socket" in said and "xdp off" in said, said)
        equal(net.counters(name), {}, "status")
        true("no network interface nothing0" in net.node(name, "attach", "nothing0", status=1), "no such interface")
        live_net.ip("-n", name, "link", "set", "dev", "s0", "xdp", "off")
        live_net.ip("-n", name, "address", "flush", "dev", "s0")
        said = net.node(name, "attach", "s0", status=1)
        true("--address" in said, said)
        true("1 addresses outside" in net.node(name, "attach", "s0", "--address", VIP[0]), "named")


@case("an interface may have a dot in its name, as those of VLANs have")
def dot():
    with Net(servers=1) as net:
        name = net.servers[0]
        for words in (("down",), ("name", "s0.5")):
            live_net.ip("-n", name, "link", "set", "s0", *words)
        net.node(name, "attach", "s0.5", "--address", VIP[0])
        equal(net.counters(name)["interface"], "s0.5", "attached")
        equal(net.node(name, "detach", "s0.5"), "s0.5: detached\n", "detach")
        equal(net.counters(name), {}, "status")


class Talk:
    """Connections of a client to a service, that go on being used."""

    def __init__(self, net, address, count):
        self.address, self.sockets = address, []
        for _ in range(count):
            with net.inside(net.client):
                one = socket.socket(family_of(address))
            one.settimeout(PATIENCE)
            one.connect((address, 5000))
            self.sockets.append(one)

    def goes_on(self):
        """How many of them are broken."""
        broken = 0
        for one in self.sockets:
            word, got = os.urandom(600), b""
            try:
                one.sendall(word)
                while len(got) < len(word) and (part := one.recv(4096)):
                    got += part
            except OSError:
                pass
            broken += got != word
        return broken

    def close(self):
        for one in self.sockets:
            one.close()


def move(one):
    """Every slot goes from s1 to s2."""
    with daemon.Session(one.socket) as session:
        for n in (0, 1):
            session.result("node.set_weight", pool=f"web{n}", node="s2", weight=1)
            session.result("node.set_weight", pool=f"web{n}", node="s1", weight=0)
        stats = session.result("stats")
    equal([stats["pools"][f"web{n}"]["open_slots"] for n in (0, 1)], [256, 256], "open slots")


def chance(words):
    """Connections that began before slots moved, and at their new node; then the dispatcher is killed, and another one,
    where the same was changed, knows neither. How many of both kinds are broken."""
    with daemon.Folder() as folder, Net(servers=2) as net:
        for name in net.servers:
            net.node(name, "attach", "s0", *words)
        echoes = [Echo(net, name, VIP, [5000]) for name in net.servers]
        pools = [{"name": f"web{n}", "slots": 256, "second_chance": True,
                  "nodes": [server(1, n, "gue"), server(2, n, "gue", weight=0)]} for n in (0, 1)]
        services = [{"name": f"web{n}", "address": VIP[n], "protocol": "tcp", "ports": [5000], "pool": f"web{n}"}
                    for n in (0, 1)]
        before, after = [], []
        with start(folder, net, pools, services) as one:
            before = [Talk(net, address, 5) for address in VIP]
            move(one)
            after = [Talk(net, address, 5) for address in VIP]
            equal([talk.goes_on() for talk in before + after], [0] * 4, "broken while the dispatcher knows them")
            # What clients send again meanwhile would come to slots that nobody has moved yet.
            live_net.ip("-n", net.switch, "link", "set", "wd", "type", "bridge_slave", "state", "0")
            one.process.kill()
            one.process.wait()
        with start(folder, net, pools, services) as one:
            move(one)
            live_net.ip("-n", net.switch, "link", "set", "wd", "type", "bridge_slave", "state", "3")
            broken = [talk.goes_on() for talk in before], [talk.goes_on() for talk in after]
            equal(one.stop(), 0, one.log())
        counters = [net.counters(name) for name in net.servers]
        equal(net.has_filter(net.servers[0]), bool(words), "the filter")
        net.node(net.servers[0], "detach", "s0")
        true(not net.has_filter(net.servers[0]), "the filter is gone")
        for end in (*before, *after, *echoes):
            end.close()
        return broken, counters


@case("connections that no dispatcher remembers survive: the server without them passes them on")
def second_chance():
    broken, counters = chance(("--second-chance",))
    equal(broken, ([0, 0], [0, 0]), f"broken connections; {counters}")
    true(counters[0]["second_chance"] and counters[0]["segments"]["passed_on"] >= 10, f"passed on: {counters[0]}")
    equal(counters[1]["segments"]["passed_on"], 0, "by the node that has them")


@case("which is the second chance's doing: without it those are broken, and no others")
def no_chance():
    broken, counters = chance(())
    equal(broken, ([0, 0], [5, 5]), f"broken connections; {counters}")


@case("words that are wrong are told, and what would be right")
def wrong():
    with Net(servers=1) as net:
        name = net.servers[0]
        for words, part in ((("attach",), "Usage"), (("attach", "s0", "--decap", "l2tp"), "ipip, gre, gue or vxlan"),
                            (("attach", "s0", "--from", "192.0.2.1/24"), "prefix"),
                            (("attach", "s0", "--gue-port", "0"), "1 to 65535"),
                            (("attach", "s0", "--mode", "fast"), "native or generic"),
                            (("detach", "s0", "--decap", "gre"), "does not go with detach"),
                            (("attach", "s0", "--json"), "does not go with attach"), (("fly",), "Usage"),
                            (("attach", "a" * 16), "no interface")):
            said = net.node(name, *words, status=1)
            true(re.search(part, said), f"{words}: {said}")
        true(not net.has_program(name), "nothing is attached")


if __name__ == "__main__":
    if not os.path.isfile(NODE):
        CASES[:] = [("sluice-node", lambda: (_ for _ in ()).throw(Skip(f"{NODE} is not built")))]
    run()
