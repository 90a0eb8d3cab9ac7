#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""TCP and UDP of a client and servers whose kernels leave checksums and the cutting of segments to their
devices, through every kind of interface, to remote nodes and to workers. The network is scripts/live_net.py's:

    client -- bridge -- sluiced, one-armed -- bridge -- server -- bridge -- client
"""

import fcntl
import hashlib
import os
import socket
import struct
import subprocess
import sys
import threading

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "support"), os.path.join(TESTS, "../scripts")]
from tap import CASES, PATIENCE, Failed, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402
import live_net  # noqa: E402
from live_net import CLIENT, VIP  # noqa: E402

OCTETS = 12 << 20
MAC = live_net.Net.server_mac(1)
SOL_UDP, UDP_SEGMENT = 17, 103
SOL_PACKET, PACKET_VNET_HDR = 263, 15
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


class Net(live_net.Net):
    """One server."""

    def __init__(self, mtu=1500):
        super().__init__(servers=1, mtu=mtu)

    def __enter__(self):
        try:
            super().__enter__()
        except live_net.Unable as problem:
            raise Skip(str(problem)) from None
        self.server = self.servers[0]
        return self

    def send(self, address, octets):
        """A client sends so many octets, and hears from the server that it has got those."""
        with self.inside(self.server):
            listener = socket.create_server((address, 5001), family=family_of(address))
        with self.inside(self.client):
            client = socket.socket(family_of(address))
        data, got = os.urandom(octets), []
        server = threading.Thread(target=serve, args=(listener, got))
        server.start()
        with listener, client:
            client.settimeout(PATIENCE)
            client.connect((address, 5001))
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            equal(client.recv(100), b"all", "what the server says")
            server.join()
        equal(got, [hashlib.sha256(data).hexdigest()], f"digest of what came to {address}")


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(listener, got):
    """Takes one connection, all that comes by it, and answers."""
    digest = hashlib.sha256()
    connection = listener.accept()[0]
    with connection:
        connection.settimeout(PATIENCE)
        while octets := connection.recv(1 << 20):
            digest.update(octets)
        got.append(digest.hexdigest())
        connection.sendall(b"all")


def start(folder, net, device, node, **more):
    port = {"name": "p0", "device": device, "addresses": ["192.0.2.2/24", "2001:db8::2/64"], **more}
    conf = daemon.configuration(
        folder, [port], [{"name": "web", "nodes": [dict(node, name="s", weight=1)]}],
        [{"name": "four", "address": VIP[0], "pool": "web"}, {"name": "six", "address": VIP[1], "pool": "web"}])
    one = daemon.Daemon(folder, conf, prefix=net.within(net.dispatcher))
    try:
        one.ready()
    except Failed:
        if device.startswith("xdp"):
            raise Skip(f"no AF_XDP here: {one.log()}") from None
        raise
    return one


def ended(one):
    equal(one.stop(), 0, one.log())
    report = one.report()
    daemon.balanced(report)
    return report


def remote(encap, **more):
    return {"address": "192.0.2.11", "encap": encap, "port": "p0", "mac": MAC, **more}


def carries(net, device, node, octets=OCTETS):
    """Both families' TCP gets through; nothing larger than the link's MTU was counted."""
    with daemon.Folder() as folder, start(folder, net, device, node) as one:
        for address in VIP:
            net.send(address, octets)
        report = ended(one)
    port = report["ports"]["p0"]
    true(port["rx_bytes"] <= port["rx_packets"] * 1514, f"frames as the link brings them: {port}")
    true(port["rx_bytes"] > 2 * octets, f"all octets came by: {port}")
    return report


@case("TCP at the full MTU through packet:IFACE, without and in a tunnel, loses nothing to offloads")
def packet():
    with Net(mtu=1600) as net:
        vxlan(net)
        for node in (remote("none"), remote("vxlan", vni=7)):
            report = carries(net, "packet:d0", node)
            for reason in ("truncated", "bad_header", "too_big"):
                equal(report["dropped"][reason], 0, reason)


@case("TCP at the full MTU through xdp:IFACE, without and in a tunnel")
def xdp():
    with Net(mtu=1600) as net:
        vxlan(net)
        for node in (remote("none"), remote("vxlan", vni=7)):
            equal(carries(net, "xdp:d0", node)["dropped"]["too_big"], 0, "too big")


@case("TCP through tap:NAME that is bridged to the link")
def tap():
    if not os.path.exists("/dev/net/tun"):
        raise Skip("needs /dev/net/tun")
    with Net() as net, daemon.Folder() as folder, start(folder, net, "tap:t0", remote("none")) as one:
        at = ("-n", net.dispatcher, "link")
        live_net.ip(*at, "add", "b0", "type", "bridge")
        # The device keeps the address that it was made with, so the kernel's end has another.
        live_net.ip(*at, "set", "t0", "address", "02:00:00:00:01:00")
        for name in ("d0", "t0"):
            live_net.ip(*at, "set", name, "master", "b0", "up")
        live_net.ip(*at, "set", "b0", "up")
        for address in VIP:
            net.send(address, OCTETS)
        ended(one)


@case("where tunnels leave less than the MTU, senders are told and large segments come in the size they then have")
def path_mtu():
    for device in ("packet:d0", "xdp:d0"):
        with Net() as net:
            vxlan(net)
            report = carries(net, device, remote("vxlan", vni=7), octets=4 << 20)
            true(0 < report["dropped"]["too_big"] < 400, f"too big: {report['dropped']}")


def vxlan(net):
    """The server takes packets out of VXLAN."""
    try:
        live_net.ip("-n", net.server, "link", "add", "vxlan0", "address", MAC, "mtu", "1500", "type", "vxlan",
                    "id", "7", "local", "192.0.2.11", "dstport", "4789", "dev", "s0")
    except subprocess.CalledProcessError as problem:
        raise Skip(f"no VXLAN here: {problem.stderr}") from None
    live_net.ip("-n", net.server, "link", "set", "vxlan0", "up")
    net.sysctl(net.server, "net.ipv4.conf.vxlan0.rp_filter=0")


class Decapsulator:
    """Takes packets out of IP in IP and GUE in the server's namespace: kernels need not know either. A tun device
    leaves no checksum unlooked at."""

    def __init__(self, net):
        with net.inside(net.server):
            self.link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
            self.link.bind(("s0", 0x0800))
            self.link.settimeout(0.1)
            self.tun = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
        live_net.ip("-n", net.server, "link", "set", "tun0", "up")
        net.sysctl(net.server, "net.ipv4.conf.tun0.rp_filter=0")
        self.stopped = False
        self.thread = threading.Thread(target=self._work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.thread.join()
        self.link.close()
        os.close(self.tun)

    def _work(self):
        while not self.stopped:
            try:
                outer = self.link.recv(65536)
            except socket.timeout:
                continue
            if outer[9] in (4, 41):
                os.write(self.tun, outer[20:])
            elif outer[9] == 17 and outer[22:24] == struct.pack("!H", 6080):
                os.write(self.tun, outer[20 + 8 + 4:])


@case("TCP in IP-in-IP and in GUE comes out of the tunnel with checksums that a kernel believes")
def tunnels():
    if not os.path.exists("/dev/net/tun"):
        raise Skip("needs /dev/net/tun")
    with Net(mtu=1600) as net, Decapsulator(net):
        for device in ("packet:d0", "xdp:d0"):
            for encap in ("ipip", "gue"):
                carries(net, device, remote(encap), octets=2 << 20)


@case("UDP that its sender has the device cut arrives datagram by datagram")
def udp():
    with Net() as net, daemon.Folder() as folder, start(folder, net, "packet:d0", remote("none")) as one:
        for address in VIP:
            with net.inside(net.server):
                server = socket.socket(family_of(address), socket.SOCK_DGRAM)
            with net.inside(net.client):
                client = socket.socket(family_of(address), socket.SOCK_DGRAM)
            with server, client:
                server.bind((address, 5000))
                server.settimeout(PATIENCE)
                client.setsockopt(SOL_UDP, UDP_SEGMENT, 1000)
                octets = os.urandom(12345)
                client.sendto(octets, (address, 5000))
                got = [server.recv(65536) for _ in range(13)]
            equal([len(part) for part in got], [1000] * 12 + [345], "datagrams")
            equal(b"".join(got), octets, "octets")
        ended(one)


def echoes(net, address):
    """A datagram comes back, as its sender's kernel believes it."""
    with net.inside(net.client):
        client = socket.socket(family_of(address), socket.SOCK_DGRAM)
    with client:
        client.settimeout(1)
        client.connect((address, 5000))
        for number in range(int(PATIENCE)):
            client.send(b"hello %d" % number)
            try:
                equal(client.recv(2000)[:6], b"hello ", "what comes back")
                return
            except socket.timeout:
                continue
    raise Failed(f"nothing comes back from {address}")


@case("handlers of workers get packets with right checksums: what echo sends back is taken, what capture writes is right")
def workers():
    from scapy.all import TCP, UDP, Ether
    with Net() as net:
        for device in ("packet:d0", "xdp:d0"):
            with daemon.Folder() as folder, start(folder, net, device, {"worker": 0, "handler": "echo"}) as one:
                for address in VIP:
                    echoes(net, address)
                ended(one)
            with daemon.Folder() as folder:
                written = {"worker": 0, "handler": "capture", "file": folder.file("w.pcapng")}
                with start(folder, net, device, written) as one, daemon.Session(one.socket) as session:
                    for address in VIP:
                        before = delivered(session)
                        until(lambda a=address, b=before: knock(net, a) or delivered(session) >= b + 2, "packets")
                    ended(one)
                frames = [Ether(frame) for frame in daemon.read_pcap(folder.file("w.pcapng"))]
                for kind in (TCP, UDP):
                    got = [frame for frame in frames if kind in frame]
                    true(len(got) >= 2, f"{kind.__name__}: {len(got)} frames")
                    for frame in got:
                        copy = Ether(bytes(frame))
                        del copy[kind].chksum
                        equal(frame[kind].chksum, Ether(bytes(copy))[kind].chksum, f"checksum by {device}")


@case("a kernel behind `punt: kernel` and a client talk TCP both ways, in large segments")
def punted():
    if not os.path.exists("/dev/net/tun"):
        raise Skip("needs /dev/net/tun")
    with Net() as net, daemon.Folder() as folder:
        with start(folder, net, "packet:d0", remote("none"), punt="kernel", arp="services") as one:
            # By d0 the kernel sees all packets, too: it shall take none there.
            net.sysctl(net.dispatcher, "net.ipv4.conf.d0.rp_filter=1")
            for words in (("address", "add", "192.0.2.2/24", "dev", "sl-p0"), ("link", "set", "sl-p0", "up")):
                live_net.ip("-n", net.dispatcher, *words)
            octets = os.urandom(2 << 20)
            with net.inside(net.dispatcher):
                listener = socket.create_server(("192.0.2.2", 179))
            with net.inside(net.client):
                client = socket.socket()
            with listener, client:
                client.settimeout(PATIENCE)
                client.connect(("192.0.2.2", 179))
                kernel = listener.accept()[0]
                with kernel:
                    kernel.settimeout(PATIENCE)
                    for sender, receiver in ((client, kernel), (kernel, client)):
                        work = threading.Thread(target=sender.sendall, args=(octets,))
                        work.start()
                        equal(exactly(receiver, len(octets)), octets, "octets")
                        work.join()
            ended(one)


def exactly(connection, count):
    got = bytearray()
    while len(got) < count:
        octets = connection.recv(count - len(got))
        true(octets, f"the connection ended after {len(got)} octets")
        got += octets
    return bytes(got)


@case("what a kernel says of tagged and tunnelled packets is done: segments are cut with their tag, sums are where it says")
def told():
    from scapy.all import IP, TCP, UDP, VXLAN, Dot1Q, Ether
    body = os.urandom(5000)
    macs = {"src": "02:00:00:00:00:c0", "dst": "02:00:00:00:00:d0"}
    tag, outer = Ether(**macs) / Dot1Q(vlan=5), IP(src=CLIENT[0], dst=VIP[0], id=7)
    large = bytes(tag / outer / TCP(sport=9, dport=80, seq=100, flags="PA") / body)
    small = bytes(tag / outer / UDP(sport=9, dport=80) / b"small")
    inner = Ether(**macs) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=9, dport=80) / b"inner"
    tunnel = bytes(Ether(**macs) / outer / UDP(sport=9, dport=4789, chksum=0) / VXLAN(vni=7) / inner)
    wanted = [bytes(tag / IP(src=CLIENT[0], dst=VIP[0], id=7 + number) /
                    TCP(sport=9, dport=80, seq=100 + 1000 * number, flags="PA" if number == 4 else "A") /
                    body[1000 * number:1000 * (number + 1)]) for number in range(5)] + [small, tunnel]
    with Net() as net, daemon.Folder() as folder:
        with net.inside(net.client):
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            link.bind(("c0", 0))
        live_net.ip("-n", net.client, "link", "set", "c0", "mtu", "9000")
        link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        written = {"worker": 0, "handler": "capture", "file": folder.file("w.pcapng")}
        with link, start(folder, net, "packet:d0", written) as one, daemon.Session(one.socket) as session:
            for frame, start_at, field, segment in ((large, 38, 16, 1000), (small, 38, 6, 0), (tunnel, 84, 16, 0)):
                # struct virtio_net_hdr: the sum is left to do, TCP over IPv4 is to be cut.
                said = struct.pack("<BBHHHH", 1, 1 if segment else 0, 58 if segment else 0, segment, start_at, field)
                link.send(said + left(frame, start_at, field))
            session.sees(len(wanted), "delivered")
            ended(one)
        equal(daemon.read_pcap(folder.file("w.pcapng")), wanted, "frames")


def left(frame, start_at, field):
    """The frame whose checksum is left to do: the pseudo header's sum alone."""
    header = frame[start_at - 20:start_at]
    words = header[12:20] + struct.pack("!HH", header[9], len(frame) - start_at)
    total = sum(struct.unpack("!6H", words))
    total = (total & 0xFFFF) + (total >> 16)
    at = start_at + field
    return frame[:at] + struct.pack("!H", (total & 0xFFFF) + (total >> 16)) + frame[at + 2:]


def delivered(session):
    return session.result("stats")["balance"]["delivered"]


def knock(net, address):
    """A SYN and a datagram, which nobody answers."""
    family = family_of(address)
    with net.inside(net.client):
        stream, datagram = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_DGRAM)
    with stream, datagram:
        stream.setblocking(False)
        stream.connect_ex((address, 80))
        datagram.sendto(b"hello", (address, 5000))


run(CASES)
