# SPDX-License-Identifier: BSD-3-Clause
"""A daemon to be talked to: configurations without traffic or with a lot of it, the client, raw lines."""

import json
import os
import socket
import subprocess

import daemon
from tap import PATIENCE, TOP, Failed, equal

IDLE = {"name": "p0", "device": "net_ring0", "arp": "off"}


def node(name, weight=100, worker=0):
    return {"name": name, "worker": worker, "handler": "sink", "weight": weight}


def conf(folder, nodes=None, port=None, **more):
    """One pool `web` of workers a, b and c, one service that takes everything."""
    pool = {"name": "web", "slots": more.pop("slots", 4096),
            "nodes": nodes if nodes is not None else [node("a"), node("b"), node("c", 50.5)]}
    pool.update(more.pop("pool", {}))
    pools = [pool] + more.pop("pools", [])
    services = more.pop("services", [{"name": "all", "address": "any", "pool": "web"}])
    return daemon.configuration(folder, [port or dict(IDLE)], pools, services, **more)


def busy(folder, flows=300):
    """A port that reads a capture again and again."""
    subprocess.run([os.path.join(TOP, "scripts/traffic"), "-o", folder.file("in.pcap"), "--flows",
                    str(flows)], check=True)
    return {"name": "p0", "device": "net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap,infinite_rx=1",
            "arp": "off"}


class Ctl:
    """What a run of sluicectl left: status, output, errors."""

    def __init__(self, path, *words, **more):
        done = subprocess.run([daemon.SLUICECTL, "-s", path, *words], capture_output=True, text=True,
                              timeout=PATIENCE, check=False, **more)
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)


def ctl(path, *words, status=0, **more):
    done = Ctl(path, *words, **more)
    if done.status != status:
        raise Failed(f"sluicectl {words}: status {done.status}, wanted {status}\n{done.out}{done.err}")
    return done


def refused(session, code, method, **params):
    """The error object of a call that must be refused so; its sentence is not empty."""
    answer = session.call(method, **params)
    equal(answer.get("error", {}).get("code"), code, f"code of {method} {params}: {answer}")
    if not answer["error"]["message"]:
        raise Failed(f"no sentence: {answer}")
    return answer["error"]


def raw(path, octets, half_close=False):
    """What the daemon says to these octets, and whether it closes then. Unless the connection is half
    closed it is asked once more behind them: the answer to that is the end of theirs."""
    last = b"" if half_close else b'{"jsonrpc":"2.0","id":"last","method":"status"}\n'
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(path)
        try:
            client.sendall(octets + last)
            if half_close:
                client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answers = []
        try:
            for line in client.makefile("rb"):
                answers.append(json.loads(line))
                if last and answers[-1]["id"] == "last":
                    return answers[:-1], False
        except ConnectionError:
            pass
        return answers, True


def tables(session, pool="web"):
    """The home table as names."""
    got = session.result("table.get", pool=pool, count=1 << 20)
    return [got["nodes"][word] if word >= 0 else None for word in got["table"]]


def state(session):
    """All that operators can change: weights, hands, tables, generation. Whether a draining node is
    drained is time's doing."""
    hand = {"drained": "draining"}
    nodes = session.result("nodes")["nodes"]
    return {"generation": session.result("status")["generation"],
            "config": session.result("config.get")["text"],
            "hands": {pool: {name: hand.get(value["state"], value["state"])
                             for name, value in members.items() if value["state"] != "leaving"}
                      for pool, members in nodes.items()},
            "tables": {pool: tables(session, pool) for pool in nodes}}
