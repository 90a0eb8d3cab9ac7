#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is installed for Prometheus and Grafana: rules that promtool finds good, that fire when they should, and metrics
that the daemon has; what it says of itself and of nodes at /metrics."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, TOP, Skip, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

RULES = os.path.join(TOP, "app/monitoring/sluice.rules.yml")
DASHBOARD = os.path.join(TOP, "app/monitoring/grafana.json")


def promtool(*words):
    if not shutil.which("promtool"):
        raise Skip("promtool is not installed (package prometheus)")
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    equal(done.returncode, 0, f"promtool {words}: {done.stdout}{done.stderr}")


@case("promtool finds the alert rules good, and they fire when they should and not before")
def rules():
    promtool("check", "rules", RULES)
    promtool("test", "rules", os.path.join(TOP, "tests/support/sluice.rules.test.yml"))


def scraped(place):
    with urllib.request.urlopen(f"http://{place}/metrics", timeout=PATIENCE) as answer:
        return answer.read().decode()


def value(text, series):
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.M)
    true(found, f"no {series} in\n{text}")
    return float(found[1])


class Watched:
    """A daemon with metrics and one node that is checked."""

    def __enter__(self):
        self.folder = daemon.Folder()
        self.folder.__enter__()
        self.place = f"{daemon.LOOPBACK}:{daemon.free_port()}"
        port = {"name": "p0", "device": "net_ring0", "arp": "off", "addresses": ["192.0.2.2/24"]}
        checked = {"name": "far", "address": "127.0.0.1", "encap": "ipip", "port": "p0", "mac": "02:00:00:00:00:11", "weight": 1,
                   "health": {"type": "tcp", "port": daemon.free_port(), "interval": "200ms", "timeout": "100ms"}}
        self.conf = control.conf(self.folder, port=port, control={"metrics": self.place, "state": self.folder.file("state")},
                                 pool={"nodes": [control.node("a"), checked]})
        self.daemon = daemon.Daemon(self.folder, self.conf)
        self.daemon.ready()
        self.session = daemon.Session(self.daemon.socket)
        return self

    def __exit__(self, *_):
        self.session.__exit__()
        self.daemon.__exit__()
        self.folder.__exit__()


@case("every metric that rules and dashboard ask for is one that the daemon has")
def names():
    with open(RULES, encoding="utf-8") as file:
        asked = set(re.findall(r"\bsluice_[a-z_]+", file.read()))
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    asked |= set(re.findall(r"\bsluice_[a-z_]+", json.dumps(board)))
    equal(len({panel["id"] for panel in board["panels"]}), len(board["panels"]), "panels of different numbers")
    with Watched() as one:
        there = set(re.findall(r"^# HELP (sluice_\w+)", scraped(one.place), re.M))
    # what members of a cluster alone have is held by a test of its own
    with open(os.path.join(TOP, "tests/unit/show/cluster_metrics_test.c"), encoding="utf-8") as file:
        there |= set(re.findall(r"sluice_cluster_[a-z_]+", file.read()))
    equal(sorted(asked - there), [], "asked for and not there")


@case("/metrics has states as labels, health, the last change and reload, room, and the process")
def figures():
    with Watched() as one:
        text = scraped(one.place)
        equal(value(text, "sluice_last_reload_timestamp_seconds"), 0, "no reload yet")
        equal(value(text, "sluice_pool_flow_capacity{pool=\"web\"}"), 1048576, "capacity")
        true(value(text, "process_resident_memory_bytes") > 1e6 and value(text, "process_open_fds") > 3, "process")
        true(value(text, "process_start_time_seconds") > 1.5e9, "start")
        until(lambda: value(scraped(one.place), "sluice_packet_buffers") > 0, "buffers are counted")
        until(lambda: value(scraped(one.place), 'sluice_node_health_failures_total{pool="web",node="far"}') > 0, "a check failed")
        true(re.search(r'^sluice_node_state\{pool="web",node="far",state="(up|down)",index="\d+"\} 1$', scraped(one.place), re.M), "state")
        one.session.result("node.drain", pool="web", node="a")
        text = scraped(one.place)
        true(re.search(r'^sluice_node_state\{pool="web",node="a",state="drain(ing|ed)",index="\d+"\} 1$', text, re.M), text)
        true(value(text, "sluice_last_change_timestamp_seconds") > 1.5e9, "last change")
        equal(value(text, "sluice_last_reload_successful"), 1, "nothing failed")
        one.folder.write("sluiced.yaml", "nonsense: [")
        one.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: value(scraped(one.place), "sluice_last_reload_successful") == 0, "a reload that failed")
        one.folder.write("sluiced.yaml", one.conf)
        one.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: value(scraped(one.place), "sluice_last_reload_successful") == 1, "one that did not")
        true(value(scraped(one.place), "sluice_last_reload_timestamp_seconds") > 1.5e9, "its time")


if __name__ == "__main__":
    run()
