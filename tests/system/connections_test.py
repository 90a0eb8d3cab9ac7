#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real connections through changes: no reset and no stall but on nodes that died. The network is
scripts/live_net.py's, with three servers; each has nginx, iperf3 and a long-lived echo:

    wrk, iperf3, 40 connections of this test -- sluiced, two receive cores, one-armed -- S1, S2, S3 -- client
"""

import os
import select
import socket
import subprocess
import sys
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "support"), os.path.join(TESTS, "../scripts")]
from tap import CASES, PATIENCE, Failed, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import live_net  # noqa: E402
from control import ctl  # noqa: E402
from live_net import VIP  # noqa: E402

CONNECTIONS = 40
ROUNDS = 3  # that each connection makes after a change
SECONDS = 6  # of wrk and iperf3
ECHO = 7

NGINX = """daemon off;
pid {folder}/nginx{number}.pid;
error_log {folder}/nginx{number}.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    keepalive_requests 10000000;
    client_body_temp_path {folder}/body{number};
    proxy_temp_path {folder}/proxy{number};
    fastcgi_temp_path {folder}/fastcgi{number};
    uwsgi_temp_path {folder}/uwsgi{number};
    scgi_temp_path {folder}/scgi{number};
    server {{ listen 80; listen [::]:80; location / {{ return 200 "s{number}\\n"; }} }}
}}
"""


class Net(live_net.Net):
    """With all that servers run."""

    def __init__(self, folder, mtu=1500):
        super().__init__(servers=3, mtu=mtu)
        self.folder, self.programs = folder, []

    def __enter__(self):
        try:
            super().__enter__()
        except live_net.Unable as problem:
            raise Skip(str(problem)) from None
        self.echo = Echo()
        try:
            for number, name in enumerate(self.servers, 1):
                path = self.folder.write(f"nginx{number}.conf", NGINX.format(folder=self.folder.path, number=number))
                self.start(name, "nginx", "-e", "stderr", "-c", path)
                self.start(name, "iperf3", "-s")
                self.echo.listen(self, name, f"s{number}")
        except FileNotFoundError as problem:
            self.__exit__()
            raise Skip(f"no {problem.filename}") from None
        self.echo.start()
        for name in self.servers:
            until(lambda: all(port in self.listening(name) for port in (":80 ", ":5201 ")), f"servers in {name}")
        return self

    def __exit__(self, *_):
        self.echo.stop()
        for program in self.programs:
            program.terminate()
        for program in self.programs:
            program.wait(PATIENCE)
        super().__exit__()

    def start(self, name, *words):
        if subprocess.run(["which", words[0]], capture_output=True, check=False).returncode != 0:
            raise FileNotFoundError(2, "not installed", words[0])
        self.programs.append(subprocess.Popen([*self.within(name), *words], stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL))

    def listening(self, name):
        return subprocess.run([*self.within(name), "ss", "-Hltn"], capture_output=True, text=True,
                              check=True).stdout

    def client_runs(self, *words):
        return subprocess.Popen([*self.within(self.client), *words], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)


class Echo(threading.Thread):
    """Servers that send back what comes, with their name before it."""

    def __init__(self):
        super().__init__()
        self.names, self.poll, self.sockets, self.stopped = {}, select.poll(), {}, False

    def add(self, one, name):
        self.names[one.fileno()], self.sockets[one.fileno()] = name, one
        self.poll.register(one, select.POLLIN)

    def listen(self, net, namespace, name):
        for address in VIP:
            with net.inside(namespace):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                self.add(socket.create_server((address, ECHO), family=family, backlog=100), name)

    def run(self):
        while not self.stopped:
            for number, _ in self.poll.poll(100):
                one, name = self.sockets[number], self.names[number]
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    self.add(one.accept()[0], name)
                    continue
                try:
                    octets = one.recv(4096)
                except OSError:
                    octets = b""
                if octets:
                    one.sendall(name.encode() + b" " + octets)
                else:
                    self.poll.unregister(one)
                    del self.sockets[number]
                    one.close()

    def stop(self):
        self.stopped = True
        if self.is_alive():
            self.join()
        for one in self.sockets.values():
            one.close()


class Talk(threading.Thread):
    """Connections of the client over which something goes back and forth all the time."""

    def __init__(self, net):
        super().__init__()
        self.stopped, self.all, self.late = False, [], 0.0
        with net.inside(net.client):
            for number in range(CONNECTIONS):
                one = socket.create_connection((VIP[number % 2], ECHO), timeout=PATIENCE)
                one.sendall(b"first")
                name = one.recv(100).split()[0].decode()
                one.setblocking(False)
                self.all.append({"socket": one, "server": name, "rounds": 0, "since": None, "end": None})

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.join()
        for one in self.all:
            one["socket"].close()

    def run(self):
        while not self.stopped:
            for one in self.living():
                self._step(one)
            time.sleep(0.01)

    def _step(self, one):
        try:
            if one["since"] is None:
                one["since"] = time.monotonic()
                one["socket"].sendall(b"%d" % one["rounds"])
                return
            octets = one["socket"].recv(100)
        except BlockingIOError:
            return
        except OSError as problem:
            one["end"] = str(problem)
            return
        if octets != f"{one['server']} {one['rounds']}".encode():
            one["end"] = f"got {octets}"
        self.late = max(self.late, time.monotonic() - one["since"])
        one["since"] = None
        one["rounds"] += 1

    def living(self, but=()):
        return [one for one in self.all if one["end"] is None and one["server"] not in but]

    def goes_on(self, what, but=()):
        """All connections are there and make some rounds more, but those of servers that died."""
        marks = [(one, one["rounds"] + ROUNDS) for one in self.all if one["server"] not in but]
        until(lambda: all(one["rounds"] >= mark or one["end"] for one, mark in marks),
              f"connections after {what}")
        ended = [(one["server"], one["end"]) for one, _ in marks if one["end"]]
        equal(ended, [], f"connections that ended after {what}")

    def ends(self, server):
        until(lambda: all(one["end"] for one in self.all if one["server"] == server), f"connections of {server} end")

    def servers(self):
        return {one["server"] for one in self.all}


def node(number, encap, **more):
    address = live_net.Net.server_addresses(number)[0]
    return {"name": f"s{number}", "address": address, "encap": encap, "port": "p0",
            "mac": live_net.Net.server_mac(number), "weight": 100, **more}


def start(folder, net, device, nodes, **pool):
    services = [{"name": f"{name}{version}", "address": address, "protocol": "tcp", "ports": ports, "pool": to}
                for version, address in zip((4, 6), VIP)
                for name, ports, to in (("web", [80, ECHO], "web"), ("bulk", [5201], "bulk"))]
    conf = daemon.configuration(
        folder, [{"name": "p0", "device": device, "addresses": ["192.0.2.2/24", "2001:db8::2/64"]}],
        # iperf3 has two connections, to one server.
        [{"name": "web", "nodes": nodes, **pool}, {"name": "bulk", "hash": "src", "nodes": nodes}], services,
        dataplane={"rx_cpus": [daemon.CPUS[0], daemon.CPUS[-1]], "worker_cpus": []})
    one = daemon.Daemon(folder, conf, prefix=net.within(net.dispatcher))
    one.ready()
    return one


def ended(one):
    equal(one.stop(), 0, one.log())
    report = one.report()
    daemon.balanced(report)
    for reason, count in report["dropped"].items():
        true(reason == "no_service" or count == 0, f"dropped: {report['dropped']}")


def visits(net):
    """Names of servers that new connections over both families come to."""
    seen = set()
    for number in range(2 * CONNECTIONS):
        with net.inside(net.client), socket.create_connection((VIP[number % 2], ECHO), timeout=PATIENCE) as one:
            one.sendall(b"new")
            seen.add(one.recv(100).split()[0].decode())
    return seen


def clean(program, name):
    """A client that has met no error."""
    text = program.communicate(timeout=PATIENCE)[0]
    if program.returncode != 0 or "Socket errors" in text or "Non-2xx" in text:
        raise Failed(f"{name}: status {program.returncode}\n{text}")


def vxlan(net):
    for number, name in enumerate(net.servers, 1):
        try:
            live_net.ip("-n", name, "link", "add", "vxlan0", "address", net.server_mac(number), "mtu", "1500", "type",
                        "vxlan", "id", "7", "local", net.server_addresses(number)[0], "dstport", "4789", "dev", "s0")
        except subprocess.CalledProcessError as problem:
            raise Skip(f"no VXLAN here: {problem.stderr}") from None
        live_net.ip("-n", name, "link", "set", "vxlan0", "up")
        net.sysctl(name, "net.ipv4.conf.vxlan0.rp_filter=0")


def load(net):
    """Requests and bulk over both families."""
    work = []
    for address in VIP:
        url = f"http://[{address}]/" if ":" in address else f"http://{address}/"
        work.append((net.client_runs("wrk", "-t1", "-c8", f"-d{SECONDS}s", "--timeout", f"{PATIENCE:.0f}s", url),
                     f"wrk of {address}"))
    work.append((net.client_runs("iperf3", "-c", VIP[0], "-t", str(SECONDS)), "iperf3"))
    return work


def changes(one, talk, net, added):
    """What kills no node ends no connection, and stalls none."""
    work = load(net)
    for words in (("set-weight", "*/s1", "30"), ("add-node", "web", *added), ("set-weight", "web/s3", "300"),
                  ("drain", "web/s2"), ("enable", "web/s2"), ("drain", "web/s1", "--deadline", "1h"),
                  ("set-weight", "*/s2", "7.5"), ("enable", "web/s1"), ("remove-node", "web/s3")):
        ctl(one.socket, *words)
        talk.goes_on(" ".join(words))
    done = subprocess.run([*net.within(net.client), "curl", "-sS", "--max-time", f"{PATIENCE:.0f}",
                           f"http://{VIP[0]}/", f"http://[{VIP[1]}]/"], capture_output=True, text=True, check=False)
    equal((done.returncode, len(done.stdout.split())), (0, 2), f"curl: {done.stdout}{done.stderr}")
    for program, name in work:
        clean(program, name)


def deaths(one, talk, net):
    """At a drain's deadline, and where a node is disabled, connections of that node end, and no others."""
    equal(talk.servers(), {"s1", "s2"}, "servers of the connections")
    ctl(one.socket, "drain", "web/s2", "--deadline", "200ms")
    talk.ends("s2")
    talk.goes_on("the deadline", but={"s2"})
    true("s2" not in visits(net), "nothing new comes to a drained node")
    ctl(one.socket, "enable", "web/s2")
    ctl(one.socket, "disable", "web/s1")
    talk.ends("s1")
    equal(visits(net), {"s2"}, "new connections")


def lives(encap, device, **more):
    with daemon.Folder() as folder, Net(folder, 1600) as net:
        if encap == "vxlan":
            vxlan(net)
        with start(folder, net, device, [node(1, encap, **more), node(2, encap, **more)]) as one:
            added = [f"{key}={value}" for key, value in node(3, encap, **more).items() if key != "name"]
            with Talk(net) as talk:
                changes(one, talk, net, ["s3", *added])
                deaths(one, talk, net)
                print(f"# longest wait of a connection {talk.late * 1000:.0f} ms", flush=True)
            ended(one)


@case("connections live through weights, nodes that come and go, drains; deadlines and disabling end a node's alone")
def direct():
    lives("none", "packet:d0")


@case("the same with nodes in VXLAN")
def tunnel():
    lives("vxlan", "packet:d0", vni=7)


@case("when a server's link fails, its connections wait, new ones go elsewhere and no others notice")
def link():
    with daemon.Folder() as folder, Net(folder) as net:
        live_net.ip("-n", net.dispatcher, "address", "add", "192.0.2.2/24", "dev", "d0")
        health = {"type": "tcp", "port": 80, "interval": "200ms", "timeout": "5s", "rise": 1, "fall": 2}
        with start(folder, net, "packet:d0", [node(number, "none") for number in (1, 2, 3)], health=health) as one, \
                daemon.Session(one.socket) as session, Talk(net) as talk:
            equal(talk.servers(), {"s1", "s2", "s3"}, "servers of the connections")
            until(lambda: state(session, "s1") == "up", "s1 is up")
            live_net.ip("-n", net.servers[0], "link", "set", "s0", "down")
            until(lambda: state(session, "s1") == "down", "s1 is down")
            talk.goes_on("a link that failed", but={"s1"})
            equal(visits(net), {"s2", "s3"}, "new connections")
            talk.goes_on("new connections", but={"s1"})


def state(session, name):
    return session.result("nodes")["nodes"]["web"][name]["state"]


run(CASES)
