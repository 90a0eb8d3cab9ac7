#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every configuration that the README shows is valid as it stands, and starts where its devices are there."""

import os
import subprocess
import sys

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, TOP, case, equal, run, true  # noqa: E402
import daemon  # noqa: E402


def blocks():
    """The text of each YAML block of the README."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        parts = file.read().split("```yaml\n")
    return [part.split("```")[0] for part in parts[1:]]


def here(folder, conf):
    """The same on this machine: CPUs, devices, paths and sockets that it has."""
    plane = conf.setdefault("dataplane", {})
    for key in ("rx_cpus", "worker_cpus"):
        if key in plane:
            plane[key] = [daemon.CPUS[i % len(daemon.CPUS)] for i in range(len(plane[key]))]
    plane.update(instance=f"readme{os.getpid()}", memory_mb=256, packet_buffers=8192, hugepages="off")
    for number, port in enumerate(conf["ports"]):
        port["device"] = f"net_null{number}"
    control = conf.setdefault("control", {})
    control["socket"] = folder.file("control.sock")
    if "state" in control:
        control["state"] = folder.path + control["state"]
    if "metrics" in control:
        control["metrics"] = f"{daemon.LOOPBACK}:{daemon.free_port()}"
    return conf


@case("the README shows configurations")
def shown():
    true(blocks(), "no YAML block in README.md")


def valid(text):
    with daemon.Folder() as folder:
        got = subprocess.run([daemon.binary(), "-c", folder.write("sluice.yaml", text), "--check"],
                             cwd=folder.path, capture_output=True, text=True, timeout=PATIENCE)
        equal((got.returncode, got.stderr), (0, ""), "--check")


def starts(text):
    with daemon.Folder() as folder:
        conf = here(folder, yaml.safe_load(text))
        with daemon.Daemon(folder, conf) as one:
            one.ready()
            with daemon.Session(one.socket) as session:
                equal(set(session.result("pools")["pools"]), {pool["name"] for pool in conf["pools"]}, "pools")
            equal(one.stop(), 0, f"status; {one.log()}")
            daemon.balanced(one.report())
            if "state" in conf["control"]:
                true(os.path.getsize(conf["control"]["state"]) > 0, "the state is kept")


for number, block in enumerate(blocks(), 1):
    CASES.append((f"configuration {number} of the README is valid, and nothing is warned of",
                  lambda text=block: valid(text)))
    CASES.append((f"configuration {number} of the README starts", lambda text=block: starts(text)))

if __name__ == "__main__":
    run()
