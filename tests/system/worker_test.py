#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Workers under watch: one that hangs or is too slow is named in log, events, status and metrics and drops only
what is its own; queues, buffers and flow tables show how full they are; flows count for what they weigh."""

import json
import os
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

SLOW = os.path.join(daemon.BUILD, "tests", "slow.so")
RING = 512
FLOWS = 64
FRAMES = 3200


def frame(flow, port=53):
    """UDP, a flow by its source."""
    return bytes.fromhex("0270636170000200000000010800") + bytes(
        [0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, flow, 192, 0, 2, 10]) + bytes([4, flow, port >> 8, port & 255, 0, 16, 0, 0]) + bytes(8)


def with_checksum(octets):
    head = octets[14:34]
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return octets[:24] + (~total & 0xffff).to_bytes(2, "big") + octets[26:]


def start(folder, device="", **options):
    """Worker 0 with the slow handler; worker 1 with one that takes all, and fewer packets than its ring has room for."""
    daemon.write_pcap(folder.file("in.pcap"), [with_checksum(frame(n % FLOWS + 1)) for n in range(FRAMES)])
    nodes = [{"name": "w0", "worker": 0, "handler": "plugin", "file": SLOW, "options": options, "weight": 7},
             {"name": "w1", "worker": 1, "handler": "sink", "weight": 1}]
    conf = daemon.configuration(folder, [{"name": "p0", "device": f"net_pcap0,rx_pcap=in.pcap,tx_pcap=/dev/null{device}"}],
                                [{"name": "inspect", "slots": 256, "flow_entries": 4096, "scheduler": "wrr", "idle_timeout": {"udp": "1h"}, "nodes": nodes}],
                                [{"name": "rest", "address": "any", "pool": "inspect"}],
                                dataplane={"queue_full": "drop", "ring_size": RING, "packet_buffers": 16384})
    conf["dataplane"]["worker_cpus"] = [conf["dataplane"]["worker_cpus"][0]] * 2
    conf["control"]["metrics"] = f"{daemon.LOOPBACK}:{daemon.free_port()}"
    return conf, daemon.Daemon(folder, conf)


def worker(session, number=0):
    return next(core for core in session.result("status")["cores"] if core["name"] == f"worker{number}")


@case("a worker that hangs is named and drops only what is its own; its queue is shown, then it keeps up again")
def hangs():
    with daemon.Folder() as folder:
        hold = folder.write("hold", "")
        _, one = start(folder, hold=hold)
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: session.result("stats")["balance"]["received"] == FRAMES, "all received")
                until(lambda: worker(session)["stuck"] and worker(session)["slow"], "it is named in status")
                until(lambda: worker(session, 1)["queue"]["used"] == 0, "the other one takes all")
                nodes = session.result("nodes")["nodes"]["inspect"]
                equal(nodes["w1"]["queue_dropped"], 0, "the other's drops")
                lost = nodes["w0"]["queue_dropped"]
                true(lost > 0, "its queue took all")
                row = worker(session)
                equal([row["queue"]["capacity"], row["queue"]["dropped"]], [RING, lost], "its queue")
                true(RING - 64 <= row["queue"]["used"] <= RING, row)
                equal(sum(worker(session, 1)["queue"]["depths"]) > 0, True, "depths")
                true("handler plugin of node w0 has not come back for a second" in one.log(), one.log())
                status = session.result("status")
                true(0 < status["buffers"]["used"] <= status["buffers"]["capacity"], status["buffers"])
                equal(status["flow_tables"], {"inspect": {"used": FLOWS, "capacity": 4096}}, "flow tables")
                with daemon.Session(one.socket) as other:
                    equal(other.result("events")["subscribed"], True, "events")
                    os.unlink(hold)
                    event = json.loads(other.lines.readline())["params"]
                    equal([event["kind"], event["text"]], ["warning", "worker0: its handler has come back"], "event")
                true(not worker(session)["stuck"], "it is still stuck")
                until(lambda: not worker(session)["slow"], "it keeps up")
                until(lambda: "worker0 keeps up again" in one.log(), "log")
                equal(worker(session)["queue"]["used"], 0, "its queue in the end")
            equal(one.stop(), 0, "exit status")


@case("one that is too slow for what comes is named in log, status and metrics")
def too_slow():
    with daemon.Folder() as folder:
        conf, one = start(folder, device=",infinite_rx=1", nap_us="200")
        with one:
            one.ready()
            with daemon.Session(one.socket) as session:
                until(lambda: worker(session)["slow"], "it is named in status")
                until(lambda: "worker0 on CPU" in one.log() and "is too slow: its queue is full" in one.log(), "log")
                until(lambda: sum(worker(session)["queue"]["depths"]) > 2, "depths")
                lines = metrics(conf["control"]["metrics"])
                true(lines['sluice_worker_queue_dropped_packets_total{worker="0"}'] > 0, "drops")
                equal(lines['sluice_worker_queue_capacity_packets{worker="0"}'], RING, "room")
                equal(lines['sluice_worker_slow{worker="0"}'], 1, "slow")
                count = lines['sluice_worker_queue_depth_packets_count{worker="0"}']
                equal(lines['sluice_worker_queue_depth_packets_bucket{worker="0",le="+Inf"}'], count, "all depths")
                equal(lines[f'sluice_worker_queue_depth_packets_bucket{{worker="0",le="{RING}"}}'], count, "none is deeper")
                true(lines['sluice_worker_queue_depth_packets_bucket{worker="0",le="1"}'] < count, "depths differ")
                true(lines["sluice_packet_buffers_used"] > 0 and lines["sluice_transmit_ring_entries"] >= 0, "buffers")
            one.stop()


def weighed(folder):
    """Two nodes by least load; one flow of a service that counts three, then three of one that counts one."""
    frames = [with_checksum(frame(flow, port)) for flow, port in ((1, 5060), (2, 53), (3, 53), (4, 53))]
    daemon.write_pcap(folder.file("in.pcap"), frames)
    nodes = [{"name": name, "worker": 0, "handler": "sink", "weight": 1} for name in ("w0", "w1")]
    services = [{"name": "sip", "address": "any", "protocol": "udp", "ports": [5060], "pool": "inspect", "flow_weight": 3},
                {"name": "dns", "address": "any", "protocol": "udp", "ports": [53], "pool": "inspect"}]
    return daemon.configuration(folder, [{"name": "p0", "device": "net_pcap0,rx_pcap=in.pcap,tx_pcap=/dev/null"}],
                                [{"name": "inspect", "slots": 256, "scheduler": "wleast", "nodes": nodes}], services,
                                control={"state": folder.file("state")})


@case("a flow counts for what its service says: three times one stand beside one of three, over a restart and kill -9, too")
def weights():
    with daemon.Folder() as folder:
        conf = weighed(folder)
        for name in ("first", "second", "killed", "last"):
            with daemon.Daemon(folder, conf, name=name) as one:
                one.ready()
                with daemon.Session(one.socket) as session:
                    until(lambda: session.result("stats")["balance"]["delivered"] == 4, "all delivered")
                    pool = session.result("stats")["pools"]["inspect"]
                    equal(sorted(node["flows"] for node in pool["nodes"].values()), [1, 3], "flows")
                    equal(pool["flow_load"], {"mean": 3, "max": 3, "factor": 1}, "loads")
                if name == "killed":
                    one.process.kill()
                    one.process.wait()
                else:
                    equal(one.stop(), 0, "exit status")


def metrics(place):
    with urllib.request.urlopen(f"http://{place}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}


run()
