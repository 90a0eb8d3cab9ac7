#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Classes of service at a slow worker: a flood of one takes no room of another, every flow is in order,
none starves; services change their class while packets flow; what is wrong is refused."""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

SLOW = os.path.join(daemon.BUILD, "tests", "slow.so")
CLASSES = [{"name": "voice", "priority": 0, "max_wait": "0ms"}, {"name": "normal", "priority": 4, "max_wait": "2ms"},
           {"name": "bulk", "priority": 7, "max_wait": "20ms"}]
PORTS = {"voice": 5060, "normal": 53, "bulk": 9}
RING = 512


def frame(port, flow, number):
    """UDP with the flow and its next number, as the handler reads them."""
    data = struct.pack("<II", flow, number)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(data), 0, 0, 64, 17, 0) + bytes([198, 51, 100, flow % 250 + 1, 192, 0, 2, 10])
    total = sum(struct.unpack(">10H", head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~total & 0xffff) + head[12:]
    return bytes.fromhex("0270636170000200000000010800") + head + struct.pack(">HHHH", 1024 + flow, port, 8 + len(data), 0) + data


def flood(voices, bulks):
    """Voices of ten flows among a flood of thirty, evenly."""
    frames, next_of = [], {}

    def add(port, flow):
        number = next_of.get(flow, 0)
        next_of[flow] = number + 1
        frames.append(frame(port, flow, number))

    for n in range(bulks):
        add(PORTS["bulk"], 100 + n % 30)
        if n % (bulks // voices) == 0:
            add(PORTS["voice"], n // (bulks // voices) % 10)
    return frames


def start(folder, frames, classes=CLASSES, device="", services=None, **options):
    daemon.write_pcap(folder.file("in.pcap"), frames)
    nodes = [{"name": "w0", "worker": 0, "handler": "plugin", "file": SLOW, "options": options, "weight": 1}]
    if services is None:
        services = [{"name": name, "address": "any", "protocol": "udp", "ports": [port], "pool": "inspect", "class": name}
                    for name, port in PORTS.items()]
    conf = daemon.configuration(folder, [{"name": "p0", "device": f"net_pcap0,rx_pcap=in.pcap,tx_pcap=/dev/null{device}"}],
                                [{"name": "inspect", "nodes": nodes}], services,
                                dataplane={"queue_full": "drop", "ring_size": RING, "packet_buffers": 16384})
    if classes:
        conf["classes"] = classes
    return conf, daemon.Daemon(folder, conf)


def rows(session):
    return {row["key"]: row["packets"] for row in session.result("results", pool="inspect", top=100)["rows"]}


@case("a flood of bulk on a slow worker loses no voice, and every flow is in order")
def no_loss():
    with daemon.Folder() as folder:
        hold = folder.write("hold", "")
        frames = flood(300, 9000)
        _, one = start(folder, frames, hold=hold)
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: session.result("stats")["balance"]["received"] == len(frames), "all received")
                os.unlink(hold)
                until(lambda: session.result("stats")["balance"]["in_flight"] == 0, "all served")
                stats = session.result("stats")
                dropped = {name: row["queue_dropped"] for name, row in stats["classes"].items()}
                equal([dropped["voice"], dropped["normal"]], [0, 0], "voice and normal")
                equal(dropped["bulk"], stats["dropped"]["queue_full"], "bulk")
                true(dropped["bulk"] > 0, "the flood was none")
                until(lambda: rows(session).get(str(PORTS["voice"])) == 300, "voice")
                equal(rows(session)[str(PORTS["bulk"])], 9000 - dropped["bulk"], "bulk that was served")
                equal(session.result("results", pool="inspect")["total"]["lost"], 0, "out of order")
            equal(one.stop(), 0, "exit status")
        equal(one.report()["classes"]["voice"], {"queue_dropped": 0}, "report")


@case("a flood of voice leaves bulk its turns")
def no_starving():
    with daemon.Folder() as folder:
        frames = [frame(PORTS["voice"], 1, 0)] * 40 + [frame(PORTS["bulk"], 2, 0)]
        _, one = start(folder, frames, device=",infinite_rx=1", nap_us="50")
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: rows(session).get(str(PORTS["bulk"]), 0) >= 5, "bulk is served")
                true(session.result("stats")["classes"]["voice"]["queue_dropped"] > 0, "voice was no flood")
            one.stop()


@case("without classes there is one room for all")
def one_class():
    with daemon.Folder() as folder:
        hold = folder.write("hold", "")
        frames = flood(300, 9000)
        services = [{"name": "rest", "address": "any", "pool": "inspect"}]
        _, one = start(folder, frames, classes=None, services=services, hold=hold)
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: session.result("stats")["balance"]["received"] == len(frames), "all received")
                os.unlink(hold)
                until(lambda: session.result("stats")["balance"]["in_flight"] == 0, "all served")
                equal(session.result("stats")["classes"], {}, "classes")
                until(lambda: rows(session).get(str(PORTS["voice"]), 0) > 0, "some voice")
                true(rows(session)[str(PORTS["voice"])] < 300, "all voice came through: the flood was none")
            equal(one.stop(), 0, "exit status")


@case("a service changes its class while it runs; the classes themselves need a restart")
def changing():
    with daemon.Folder() as folder:
        conf, one = start(folder, flood(10, 100))
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                conf["services"][2]["class"] = "normal"
                answer = session.result("config.diff", text=daemon.json.dumps(conf))
                equal(answer["changes"], ["service bulk: class bulk -> normal"], "changes")
                session.result("config.apply", text=daemon.json.dumps(conf))
                conf["classes"][2]["max_wait"] = "30ms"
                error = session.call("config.apply", text=daemon.json.dumps(conf))["error"]
                true("classes" in error["message"] and "restart" in error["message"], error["message"])
                conf["classes"][2]["max_wait"] = "20ms"
                conf["services"][0]["class"] = "none"
                error = session.call("config.apply", text=daemon.json.dumps(conf))["error"]
                true("there is no class `none`" in error["message"], error["message"])
            equal(one.stop(), 0, "exit status")


run()
