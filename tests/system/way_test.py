#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Health checks that go the packets' way (via: path): through each node's own tunnel and port to the service's
address, over each kind of port that has a side of the kernel's. What breaks in a tunnel is seen, and what the
host's own way to the node says does not count.

    D  d0 (or a bridge of d0 and t0)  192.0.2.2, sluiced's port and the kernel's --+
    S1 s0  none                                                                    +-- bridge in W
    S2 s0  IPIP, which the server's process takes off and gives to tun0            |
    S3 s0  VXLAN to vxlan0                                                       --+
    the service's address, 192.0.2.10, is on each server's lo
"""

import contextlib
import os
import subprocess
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tests/support"))
sys.path.insert(0, os.path.join(TOP, "scripts"))
from tap import Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import live_net  # noqa: E402
from live_net import ip  # noqa: E402

VIP = live_net.VIP[0]
SERVER = """
import fcntl, os, socket, ssl, struct, sys, threading
if len(sys.argv) > 3:
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    outer = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4)
def decapsulate():
    while True:
        packet = outer.recv(65536)
        try:
            os.write(tun, packet[20:])
        except OSError:
            pass  # it is down
web = socket.create_server((sys.argv[1], 80), backlog=64)
safe = socket.create_server((sys.argv[1], 443), backlog=64)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind((sys.argv[1], 5000))
def answer(client, wrap):
    try:
        client = wrap(client)
        data = b""
        while b"\\r\\n\\r\\n" not in data:
            more = client.recv(4096)
            if not more:
                break
            data += more
        client.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nwell")
        client.close()
    except OSError:
        pass
def serve(listener, wrap):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=answer, args=(client, wrap), daemon=True).start()
threading.Thread(target=serve, args=(web, lambda client: client), daemon=True).start()
threading.Thread(target=serve, args=(safe, lambda client: context.wrap_socket(client, server_side=True)),
                 daemon=True).start()
if len(sys.argv) > 3:
    threading.Thread(target=decapsulate, daemon=True).start()
print("ready", flush=True)
while True:
    data, peer = echo.recvfrom(2048)
    echo.sendto(data, peer)
"""


@contextlib.contextmanager
def network():
    """The namespaces, with a server in each of the three."""
    try:
        with live_net.Net(prefix="sluicew") as net, contextlib.ExitStack() as stack:
            one, two, three = net.servers
            folder = stack.enter_context(daemon.Folder())
            certificate = folder.file("server.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                            "/CN=service", "-keyout", certificate, "-out", folder.file("cert.pem")], check=True,
                           capture_output=True)
            with open(certificate, "a", encoding="ascii") as file:
                file.write(folder.read("cert.pem"))
            ip("-n", three, "link", "add", "vxlan0", "type", "vxlan", "id", "7", "local", "192.0.2.13",
               "dstport", "4789", "dev", "s0")
            ip("-n", three, "link", "set", "vxlan0", "address", net.server_mac(3))
            for name, more in ((one, ()), (two, ("ipip",)), (three, ())):
                server = stack.enter_context(subprocess.Popen(
                    [*net.within(name), sys.executable, "-c", SERVER, VIP, certificate, *more], stdout=subprocess.PIPE, text=True))
                stack.callback(server.kill)
                equal(server.stdout.readline(), "ready\n", "the server")
            for name, device in ((two, "tun0"), (three, "vxlan0")):
                ip("-n", name, "link", "set", device, "up")
                net.sysctl(name, f"net.ipv4.conf.{device}.rp_filter=0")
            yield net
    except live_net.Unable as problem:
        raise Skip(str(problem)) from None


def configuration(folder, port, health):
    nodes = [{"name": "plain", "address": "192.0.2.11", "encap": "none", "weight": 1},
             {"name": "ipip", "address": "192.0.2.12", "encap": "ipip", "weight": 1},
             {"name": "vxlan", "address": "192.0.2.13", "encap": "vxlan", "vni": 7, "weight": 1}]
    pool = {"name": "web", "slots": 256, "nodes": nodes,
            "health": {"interval": "100ms", "timeout": "2s", "fall": 2, "rise": 1, "via": "path", **health}}
    service = {"name": "s", "address": VIP, "pool": "web",
               "protocol": "udp" if health["type"] == "udp" else "tcp", "ports": [80, 443, 5000]}
    return daemon.configuration(folder, [{"name": "p0", "addresses": ["192.0.2.2/24"], **port}], [pool], [service],
                                dataplane={"worker_cpus": [], "memory_mb": 192})


def becomes(session, wanted):
    """Waits until the nodes are so: {name: state}."""
    seen = {}

    def holds():
        rows = session.result("nodes")["nodes"]["web"]
        seen.update({name: (row["health"]["state"], row["health"]["text"]) for name, row in rows.items()})
        return all(rows[name]["health"]["state"] == state for name, state in wanted.items())
    until(holds, lambda: f"{wanted}: {seen}")


UP = {"plain": "up", "ipip": "up", "vxlan": "up"}


@contextlib.contextmanager
def checked(net, port, health, address=None):
    """A daemon in D whose port and kernel have the address; the control session."""
    with daemon.Folder() as folder:
        conf = configuration(folder, port, health)
        with daemon.Daemon(folder, conf, prefix=tuple(net.within(net.dispatcher))) as one:
            one.ready()
            if address:
                ip("-n", net.dispatcher, "address", "add", *address)
            with daemon.Session(one.socket) as session:
                yield session, one


def breaks(net, session):
    """Tunnels end while the nodes' hosts are as they were, then the service itself goes; all comes back."""
    for broken in (("tunnels", {"ipip": "down", "vxlan": "down"}), ("service", {"plain": "down"})):
        set_broken(net, broken[0], True)
        becomes(session, {**UP, **broken[1]})
        set_broken(net, broken[0], False)
        becomes(session, UP)


def set_broken(net, what, broken):
    if what == "service":
        ip("-n", net.servers[0], "address", "del" if broken else "add", f"{VIP}/32", "dev", "lo")
        return
    for name, device in ((net.servers[1], "tun0"), (net.servers[2], "vxlan0")):
        ip("-n", name, "link", "set", device, "down" if broken else "up")


HTTP = {"type": "http", "port": 80, "path": "/", "expect": {"body": "well"}}


@case("HTTP goes the packets' way over a packet: port, and what breaks in a tunnel is seen")
def over_packet():
    with network() as net:
        ip("-n", net.dispatcher, "address", "add", "192.0.2.2/24", "dev", "d0")
        with checked(net, {"device": "packet:d0"}, HTTP) as (session, one):
            becomes(session, UP)
            breaks(net, session)
            rules = ip("-n", net.dispatcher, "rule", "list")
            true("fwmark 0x51c" in rules, f"a rule: {rules}")
            # others take it away: it comes back
            ip("-n", net.dispatcher, "rule", "delete", "priority", "90")
            until(lambda: "fwmark 0x51c" in ip("-n", net.dispatcher, "rule", "list"), "the rule is there again")
            becomes(session, UP)
            equal(one.stop(), 0, "exit status")
        true("fwmark 0x51c" not in ip("-n", net.dispatcher, "rule", "list"), "no rule is left")


@case("TCP, HTTPS and UDP go the packets' way, too")
def by_type():
    with network() as net:
        ip("-n", net.dispatcher, "address", "add", "192.0.2.2/24", "dev", "d0")
        long = "GET / HTTP/1.0\r\nX: " + 3000 * "x" + "\r\n\r\n"  # of packets that are cut to what tunnels leave
        for health in ({"type": "tcp", "port": 80, "send": long, "expect": {"body": "well"}},
                       {"type": "https", "port": 443, "path": "/", "tls_verify": False},
                       {"type": "udp", "port": 5000, "send": "ping", "expect": {"body": "ping"}}):
            with checked(net, {"device": "packet:d0"}, health) as (session, one):
                becomes(session, UP)
                set_broken(net, "tunnels", True)
                becomes(session, {**UP, "ipip": "down", "vxlan": "down"})
                set_broken(net, "tunnels", False)
                becomes(session, UP)
                equal(one.stop(), 0, "exit status")


@case("HTTP goes the packets' way over an xdp: port")
def over_xdp():
    with network() as net:
        ip("-n", net.dispatcher, "address", "add", "192.0.2.2/24", "dev", "d0")
        try:
            with checked(net, {"device": "xdp:d0", "xdp": {"understudy": False}}, HTTP) as (session, one):
                becomes(session, UP)
                breaks(net, session)
                equal(one.stop(), 0, "exit status")
        except daemon.Failed as problem:
            if "xdp" in str(problem) and "cannot" in str(problem):
                raise Skip(str(problem)) from None
            raise


def bridge(net):
    """d0 and t0, which sluiced makes, on a bridge; t0 joins it as it comes."""
    ip("-n", net.dispatcher, "link", "add", "br0", "type", "bridge")
    ip("-n", net.dispatcher, "link", "set", "br0", "up")
    ip("-n", net.dispatcher, "link", "set", "d0", "master", "br0")


def joined(net):
    ip("-n", net.dispatcher, "link", "set", "t0", "master", "br0", "up")


@case("HTTP goes the packets' way over a tap: port on a bridge, from the bridge's address")
def over_tap():
    with network() as net:
        bridge(net)
        ip("-n", net.dispatcher, "address", "add", "192.0.2.3/24", "dev", "br0")
        with checked(net, {"device": "tap:t0"}, HTTP) as (session, one):
            joined(net)
            becomes(session, UP)
            breaks(net, session)
            equal(one.stop(), 0, "exit status")


@case("HTTP goes the packets' way from a port with punt: kernel, from its own address")
def over_punt():
    with network() as net:
        bridge(net)
        with checked(net, {"device": "tap:t0", "punt": "kernel"}, HTTP,
                     ("192.0.2.2/24", "dev", "sl-p0")) as (session, one):
            joined(net)
            ip("-n", net.dispatcher, "link", "set", "sl-p0", "up")
            becomes(session, UP)
            breaks(net, session)
            equal(one.stop(), 0, "exit status")


@case("without an address to be answered at nobody is judged, and the reason is said")
def without_address():
    with network() as net:
        with checked(net, {"device": "packet:d0"}, {"type": "tcp", "port": 80}) as (session, one):
            until(lambda: all("no IPv4 address" in row["health"]["text"]
                              for row in session.result("nodes")["nodes"]["web"].values()), "the reason")
            becomes(session, {name: "unknown" for name in UP})
            ip("-n", net.dispatcher, "address", "add", "192.0.2.2/24", "dev", "d0")
            becomes(session, UP)
            equal(one.stop(), 0, "exit status")


run()
