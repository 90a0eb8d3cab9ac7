#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's side of sluiced: services go on while the daemon is killed, restarted, or gone.

    namespace ours                             namespace theirs
    sluiced <- AF_XDP -> s0, our program ---- veth ---- n0   who sends numbered datagrams to a service,
                                                             and sees them come back in tunnels to nodes
                                              or a bridge, and behind it a client and two nodes (TCP)
"""

import contextlib
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import daemon  # noqa: E402
from space import Spaces  # noqa: E402
from tap import PATIENCE, Failed, Skip, case, equal, run, true, until  # noqa: E402

ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000
SERVICE, OURS, ROUTER = "198.51.100.10", "192.0.2.2", "192.0.2.1"
NODES = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
MARK = b"understudy"


class Inside(threading.Thread):
    """Something that is done inside a namespace, in a thread of its own; it gives or raises what that does."""

    def __init__(self, space, work):
        super().__init__(daemon=True)
        self.space, self.work = space, work
        self.value = self.problem = None
        self.start()

    def run(self):
        try:
            with open(f"/run/netns/{self.space}", "rb") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            self.value = self.work()
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem

    def result(self):
        self.join()
        if self.problem:
            raise self.problem
        return self.value


def backlog_drops():
    """What the kernel had no room for on its way between interfaces, on all CPUs."""
    with open("/proc/net/softnet_stat", encoding="ascii") as file:
        return sum(int(line.split()[1], 16) for line in file)


class Link:
    """n0: sends datagrams to the service, and counts what comes in tunnels."""

    def __init__(self, spaces):
        self.spaces = spaces
        mac = {name: spaces.ip("-n", space, "-br", "link", "show", name).split()[2]
               for space, name in ((spaces.ours, "s0"), (spaces.theirs, "n0"))}
        self.ours = bytes.fromhex(mac["s0"].replace(":", ""))
        self.theirs = bytes.fromhex(mac["n0"].replace(":", ""))
        self.mac = mac["n0"]
        self.socket = Inside(spaces.theirs, self._open).result()
        self.seen, self.nodes = {}, {}
        self.ends = False
        self.sent, self.dropped = 0, backlog_drops()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    @staticmethod
    def _open():
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, 1 << 26)
        link.bind(("n0", ETH_P_ALL))
        link.settimeout(0.1)
        return link

    def _listen(self):
        while not self.ends:
            try:
                frame, address = self.socket.recvfrom(4096)
            except (TimeoutError, socket.timeout):
                continue
            except OSError:
                return
            at = frame.find(MARK)
            # IP in IP: the outer protocol; what we send ourselves is seen, too.
            if at < 0 or address[2] == socket.PACKET_OUTGOING or frame[23] != 4:
                continue
            number = struct.unpack("!I", frame[at + len(MARK):at + len(MARK) + 4])[0]
            self.seen[number] = self.seen.get(number, 0) + 1
            self.nodes.setdefault(frame[54:56], set()).add(frame[30:34])

    def frame(self, number, flow=None):
        sport = 1024 + (number if flow is None else flow) % 60000
        payload = MARK + struct.pack("!I", number)
        udp = struct.pack("!HHHH", sport, 53, 8 + len(payload), 0) + payload
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton("203.0.113.5"),
                           socket.inet_aton(SERVICE))
        total = sum(struct.unpack("!10H", head))
        total = (total >> 16) + (total & 0xffff)
        head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + head[12:]
        return self.ours + self.theirs + b"\x08\x00" + head + udp

    def send(self, count, pause=0.0005):
        for _ in range(count):
            self.socket.send(self.frame(self.sent))
            self.sent += 1
            if pause:
                time.sleep(pause)

    @contextlib.contextmanager
    def sending(self):
        """Datagrams go one after the other meanwhile."""
        ends = threading.Event()

        def work():
            while not ends.is_set():
                self.send(1)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ends.set()
            thread.join()

    def sends_more(self):
        before = self.sent
        until(lambda: self.sent > before + 200, "datagrams")

    def missing(self):
        return {number for number in range(self.sent) if number not in self.seen}

    def all_came(self, excused=frozenset()):
        """Waits until they have, but for as many as the kernel had no room for, on whose account ever."""
        until(lambda: len(self.missing() - excused) <= backlog_drops() - self.dropped, f"{self.sent} datagrams")

    def once(self):
        """None came twice, and each flow is on one node."""
        equal([number for number, times in self.seen.items() if times > 1], [], "datagrams that came twice")
        true(all(len(nodes) == 1 for nodes in self.nodes.values()), "each flow is on one node")

    def close(self):
        self.ends = True
        self.listener.join()
        self.socket.close()


def conf(folder, link, instance, **more):
    port = {"name": "p0", "device": "xdp:s0", "addresses": [f"{OURS}/24"],
            "gateway": {"address": ROUTER, "mac": link.mac}, "xdp": {"mode": "generic", **more.pop("xdp", {})}}
    pool = {"name": "web", "slots": 4096,
            "nodes": [{"name": f"r{n}", "address": address, "encap": "ipip", "weight": 100}
                      for n, address in enumerate(NODES)], **more.pop("pool", {})}
    service = {"name": "dns", "address": SERVICE, "protocol": "udp", "ports": [53], "pool": "web",
               **more.pop("service", {})}
    return daemon.configuration(folder, [port], [pool], [service],
                                dataplane={"instance": instance, "worker_cpus": [], **more.pop("dataplane", {})})


class Scene:
    """Both namespaces, and daemons one after the other of one instance."""

    def __enter__(self):
        self.spaces = Spaces().__enter__()
        self.folder = daemon.Folder().__enter__()
        self.instance = f"understudy{os.getpid()}"
        self.spaces.within(self.spaces.ours, "ethtool", "-L", "s0", "rx", "1", "tx", "1")
        self.link = Link(self.spaces)
        self.conf = conf(self.folder, self.link, self.instance)
        self.number = 0
        return self

    def start(self, *arguments, **more):
        """In the namespace, but not in a mount namespace of its own: pins would go with it."""
        self.number += 1
        one = daemon.Daemon(self.folder, conf(self.folder, self.link, self.instance, **more), arguments,
                            name=f"sluiced{self.number}",
                            prefix=("nsenter", f"--net=/run/netns/{self.spaces.ours}"))
        try:
            one.ready()
        except Failed:
            text = one.log()
            one.__exit__()
            if "driver's own program" in text or "not permitted" in text:
                raise Skip(f"no XDP programs here: {text}") from None
            raise
        until(lambda: "running" in one.log(), "the daemon runs")
        if "driver's own program" in one.log() or "bpffs" in one.log():
            raise Skip(f"no XDP programs or pins here: {one.log()}")
        return one

    def detach(self):
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.spaces.ours}", daemon.SLUICED, "-c",
                               self.folder.file(f"sluiced{self.number}.yaml"), "--detach"], capture_output=True, text=True,
                              check=False)

    def has_program(self):
        return "xdp" in self.spaces.our("link", "show", "s0")

    def __exit__(self, *_):
        if self.number:
            self.detach()
        self.link.close()
        self.folder.__exit__()
        self.spaces.__exit__()


def stats(one):
    with daemon.Session(one.socket) as session:
        return session.result("stats")


@case("a service goes on while the daemon ends and starts again: no datagram is lost, none comes twice")
def restarts():
    with Scene() as scene:
        one = scene.start()
        with scene.link.sending():
            for _ in range(3):
                scene.link.sends_more()
                equal(one.stop(), 0, "exit status")
                true("goes on serving" in one.log(), f"it says so: {one.log()}")
                true(scene.has_program(), "the program stays")
                one = scene.start()
            scene.link.sends_more()
        scene.link.all_came()
        scene.link.once()
        report = stats(one)["understudy"]
        true(report["packets"] > 0 and report["times"] == 3 and report["seconds"] > 0, f"understudy: {report}")
        received = stats(one)["balance"]["received"]
        equal(one.stop(), 0, "exit status")
        true(received + report["packets"] <= scene.link.sent + 50, f"each was served by one: {received}, {report}")


@case("a service goes on while the daemon is killed: what lay in its sockets alone is lost")
def kills():
    with Scene() as scene:
        one, in_sockets = scene.start(), set()
        with scene.link.sending():
            for _ in range(3):
                first = scene.link.sent
                until(lambda: any(number in scene.link.seen for number in range(first, scene.link.sent)), "later ones")
                one.process.kill()
                one.process.wait()
                in_sockets.update(range(first, scene.link.sent + 1))
                true(scene.has_program(), "the program stays")
                one = scene.start()
            scene.link.sends_more()
        scene.link.all_came(in_sockets)
        print(f"# lost {len(scene.link.missing())} of {scene.link.sent} in three kills")
        scene.link.once()
        equal(one.stop(), 0, "exit status")


@case("a change is in the kernel's maps before it is answered: nothing goes to a node that was disabled")
def mirror():
    with Scene() as scene:
        one = scene.start()
        with daemon.Session(one.socket) as session:
            session.result("node.disable", pool="web", node="r1")
        one.process.kill()
        one.process.wait()
        scene.link.send(600)
        scene.link.all_came()
        nodes = set().union(*scene.link.nodes.values())
        equal(nodes, {socket.inet_aton(NODES[0]), socket.inet_aton(NODES[2])}, "nodes")


@case("--detach takes program and maps away, and is refused while the daemon runs; --detach-on-exit leaves none")
def detach():
    with Scene() as scene:
        one = scene.start()
        done = scene.detach()
        equal(done.returncode, 2, f"while it runs: {done.stderr}")
        equal(one.stop(), 0, "exit status")
        true(scene.has_program(), "it stays")
        done = scene.detach()
        equal(done.returncode, 0, done.stderr)
        until(lambda: not scene.has_program(), "the program is gone")
        true(not os.path.exists(f"/sys/fs/bpf/sluice/{scene.instance}"), "and its pins")
        one = scene.start("--detach-on-exit")
        equal(one.stop(), 0, "exit status")
        until(lambda: not scene.has_program(), "the program is gone")
        one = scene.start(xdp={"understudy": False})
        one.process.kill()
        one.process.wait()
        until(lambda: not scene.has_program(), "without understudy it goes with the daemon")


def refuses(address):
    """Whether the kernel of that address says that nobody takes a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.3)
        probe.connect((address, 9))
        try:
            probe.send(b"?")
            probe.recv(1)
        except ConnectionRefusedError:
            return True
        except (TimeoutError, OSError):
            return False
    return False


@case("what is no service's stays the kernel's: its own addresses answer, with `take: services`")
def takes():
    with Scene() as scene:
        scene.spaces.our("address", "add", "192.0.2.77/24", "dev", "s0")
        scene.spaces.their("address", "add", f"{ROUTER}/24", "dev", "n0")
        one = scene.start()
        until(lambda: Inside(scene.spaces.theirs, lambda: refuses("192.0.2.77")).result(), "the kernel's answer")
        # Our own address, of which the kernel knows nothing, is answered for by the daemon.
        until(lambda: not Inside(scene.spaces.theirs, lambda: refuses(OURS)).result() and
              "lladdr" in scene.spaces.their("neigh", "show", OURS), "the daemon's answer to ARP")
        equal(one.stop(), 0, "exit status")


@case("another program on the interface is refused by name, with the remedy; a broken pin is replaced")
def foreign():
    with Scene() as scene:
        one = scene.start()
        equal(one.stop(), 0, "exit status")
        pins = f"/sys/fs/bpf/sluice/{scene.instance}"
        before = os.stat(f"{pins}/state").st_ino
        # Of another kind than the name says.
        os.unlink(f"{pins}/state")
        os.rename(f"{pins}/count", f"{pins}/state")
        one = scene.start()
        scene.link.send(50)
        scene.link.all_came()
        equal(stats(one)["understudy"]["times"], 0, "it begins again at zero")
        true(os.stat(f"{pins}/state").st_ino != before, "the pin is another")
        equal(one.stop(), 0, "exit status")
        # The program of another instance is not ours.
        other = conf(scene.folder, scene.link, scene.instance + "b")
        with daemon.Daemon(scene.folder, other, name="other",
                           prefix=("nsenter", f"--net=/run/netns/{scene.spaces.ours}")) as two:
            equal(two.wait(), 2, "exit status")
            true("another XDP program (sluice_dispatch" in two.log() and "xdp off" in two.log(), two.log())


class Switch:
    """A bridge in theirs, and behind it a client and two nodes, each in a namespace of its own."""

    def __init__(self, scene):
        self.scene, self.ip = scene, scene.spaces.ip
        self.names = {who: f"sluice{who}{os.getpid()}" for who in ("C", "D", "E")}

    def __enter__(self):
        theirs = self.scene.spaces.theirs
        try:
            self.ip("-n", theirs, "link", "add", "br0", "type", "bridge")
            self.ip("-n", theirs, "link", "set", "n0", "master", "br0", "up")
            self.ip("-n", theirs, "link", "set", "br0", "up")
            for number, (who, name) in enumerate(self.names.items()):
                self.ip("netns", "add", name)
                self.ip("link", "add", "e0", "netns", name, "type", "veth", "peer", "name", f"p{who}", "netns", theirs)
                self.ip("-n", theirs, "link", "set", f"p{who}", "master", "br0", "up")
                self.ip("-n", name, "link", "set", "lo", "up")
                self.ip("-n", name, "link", "set", "e0", "up")
                self.ip("-n", name, "address", "add", f"192.0.2.{20 + number}/24", "dev", "e0")
            mac = self.scene.spaces.our("-br", "link", "show", "s0").split()[2]
            self.ip("-n", self.names["C"], "neigh", "add", OURS, "lladdr", mac, "dev", "e0", "nud", "permanent")
            self.ip("-n", self.names["C"], "route", "add", f"{SERVICE}/32", "via", OURS)
            for who in ("D", "E"):
                self.scene.spaces.within(self.names[who], "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1",
                                         "net.ipv4.conf.all.arp_announce=2")
                self.ip("-n", self.names[who], "address", "add", f"{SERVICE}/32", "dev", "lo")
        except subprocess.CalledProcessError as problem:
            self.__exit__()
            raise Skip(f"no bridge here: {problem}") from None
        return self

    def nodes(self):
        return [{"name": who, "address": f"192.0.2.{20 + number}", "encap": "none", "weight": 100, "port": "p0",
                 "mac": self.ip("-n", self.names[who], "-br", "link", "show", "e0").split()[2]}
                for number, who in enumerate(self.names) if who != "C"]

    def __exit__(self, *_):
        for name in self.names.values():
            self.ip("netns", "delete", name, check=False)


def listen():
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((SERVICE, 80))
    server.listen(256)
    return server


def echo(server):
    """Gives every connection back what it sends, until the listener is closed."""
    def serve(client):
        with client:
            while data := client.recv(4096):
                client.sendall(data)
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(client,), daemon=True).start()


def connect(count):
    def one():
        made = socket.create_connection((SERVICE, 80), timeout=PATIENCE)
        made.settimeout(PATIENCE)
        return made
    return [one() for _ in range(count)]


def talk(connections, word):
    for connection in connections:
        connection.sendall(word)
    for connection in connections:
        got = b""
        while len(got) < len(word):
            part = connection.recv(len(word) - len(got))
            true(part, "a connection ended")
            got += part
        equal(got, word, "what comes back")


@case("TCP connections stay, and new ones begin, while the daemon is killed, gone, and back")
def connections():
    with Scene() as scene, Switch(scene) as switch:
        more = {"pool": {"nodes": switch.nodes()}, "service": {"protocol": "tcp", "ports": [80]}}
        servers = [Inside(switch.names[who], listen).result() for who in ("D", "E")]
        for server in servers:
            threading.Thread(target=echo, args=(server,), daemon=True).start()
        one = scene.start(**more)
        made = Inside(switch.names["C"], lambda: connect(40)).result()
        for turn in range(2):
            talk(made, b"while it runs")
            one.process.kill()
            one.process.wait()
            talk(made, b"while it is gone")
            made += Inside(switch.names["C"], lambda: connect(20)).result()
            talk(made, b"also those that began now")
            one = scene.start(**more)
            talk(made, b"and when it is back")
        report = stats(one)
        equal(report["understudy"]["times"], 2, f"stretches: {report['understudy']}")
        true(all(node["packets"] for node in report["pools"]["web"]["nodes"].values()), "both nodes are used")
        equal(one.stop(), 0, "exit status")
        for each in (*made, *servers):
            each.close()


if __name__ == "__main__":
    run()
