# SPDX-License-Identifier: BSD-3-Clause
"""What tshark reads in a capture: an opinion on each packet that shares no code with sluice."""

import os
import shutil
import struct
import subprocess
import tempfile

from daemon import read_pcap, write_pcap
from tap import Skip

FIELDS = ("frame.number", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport",
          "tcp.dstport", "udp.srcport", "udp.dstport", "sctp.srcport", "sctp.dstport", "ip.id",
          "ip.frag_offset", "ip.flags.mf", "ipv6.fraghdr.ident", "ipv6.fraghdr.offset",
          "ipv6.fraghdr.more", "icmp.type", "icmpv6.type", "frame.len", "ip.len", "ip.hdr_len",
          "ip.checksum.status", "ipv6.plen", "tcp.hdr_len", "udp.length")
# Names that tshark gives to extension headers between an IPv6 header and its transport.
EXTENSIONS = ("ipv6.", "ah")
ICMP_ERRORS, ICMP6_ERRORS = {"3", "4", "11", "12"}, {"1", "2", "3", "4"}


class Packet:
    """One frame: key is (source, destination, protocol, source port, destination port)."""

    def __init__(self, row):
        self.row = row
        self.key = self.datagram = self.quoted = None
        self.fragment = self.first = self.error = False
        names = row["frame.protocols"].split(":")
        self.sound, self.size = False, 0
        at = next((i for i, name in enumerate(names) if name in ("ip", "ipv6")), None)
        if at is None:
            return
        family, rest = names[at], names[at + 1:]
        while rest and rest[0].startswith(EXTENSIONS):
            rest.pop(0)
        source, target = row[f"{family}.src"], row[f"{family}.dst"]
        if not source or not target:
            return
        if family == "ip":
            offset, more, ident = row["ip.frag_offset"], row["ip.flags.mf"], row["ip.id"]
        else:
            offset, more, ident = (row["ipv6.fraghdr." + name] for name in ("offset", "more", "ident"))
        self.fragment = offset not in ("", "0") or more in ("1", "True")
        self.first = self.fragment and offset == "0"
        self.datagram = (source, target, ident)
        protocol = rest[0] if rest else "none"
        ports = (row.get(f"{protocol}.srcport", ""), row.get(f"{protocol}.dstport", ""))
        self.key = (source, target, protocol, *ports)
        kind = row["icmp.type"] if protocol == "icmp" else row["icmpv6.type"]
        self.error = ((protocol == "icmp" and kind in ICMP_ERRORS)
                      or (protocol == "icmpv6" and kind in ICMP6_ERRORS))
        self.sound = not self.fragment and self.is_sound(family, names, protocol)

    def number(self, name):
        return int(self.row[name] or 0)

    def is_sound(self, family, names, protocol):
        """All octets are there, and lengths and header checksum are right, as tshark reads them."""
        front = 14 + 4 * names[:names.index(family)].count("vlan")
        there = self.number("frame.len") - front
        if names[:names.index(family)].count("vlan") > 2 or names[1] != "ethertype" or not \
                set(names[1:names.index(family)]) <= {"ethertype", "vlan"}:
            return False
        if family == "ip":
            size, head = self.number("ip.len"), self.number("ip.hdr_len")
            if not 20 <= head <= size <= there or self.row["ip.checksum.status"] not in ("1", "Good"):
                return False
        else:
            size, head = 40 + self.number("ipv6.plen"), 40
            if size > there:
                return False
        self.size = size
        if protocol == "tcp":
            return 20 <= self.number("tcp.hdr_len") <= size - head
        if protocol == "udp":
            return 8 <= self.number("udp.length") <= size - head
        return protocol not in ("none", "data", "icmp", "icmpv6")


def read(path):
    """A Packet for each frame of the capture, in order."""
    if not shutil.which("tshark"):
        raise Skip("tshark is missing: scripts/deps --test")
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t"]
    for option in ("ip.check_checksum:TRUE", "ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE"):
        command += ["-o", option]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                          env={**os.environ, "HOME": tempfile.gettempdir()})
    if done.returncode:
        raise RuntimeError(f"tshark: {done.stderr}")
    return [Packet(dict(zip(FIELDS, line.split("\t")))) for line in done.stdout.split("\n") if line]


def read_frames(frames):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "frames.pcap")
        write_pcap(path, frames)
        return read(path)


def ip_packet(frame):
    """The IP packet of a frame without tags and padding; None when there is none."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
        at += 4
    packet = frame[at + 2:]
    if frame[at:at + 2] == b"\x08\x00" and len(packet) >= 20:
        return packet[:struct.unpack_from("!H", packet, 2)[0]]
    if frame[at:at + 2] == b"\x86\xdd" and len(packet) >= 40:
        return packet[:40 + struct.unpack_from("!H", packet, 4)[0]]
    return None


def inner_packet(frame):
    """(outer destination, inner IP packet) of an IPIP or GUE frame."""
    outer = ip_packet(frame)
    if outer[0] >> 4 == 4:
        target, protocol, rest = outer[16:20], outer[9], outer[(outer[0] & 15) * 4:]
    else:
        target, protocol, rest = outer[24:40], outer[6], outer[40:]
    if protocol == 17:
        return target, rest[12:]
    return target, rest


def frames_of(path):
    return read_pcap(path)
