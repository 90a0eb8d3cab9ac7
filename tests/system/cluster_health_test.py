#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Health of nodes in a cluster: three daemons and a real etcd on loopback. The check is a program that fails for
a node at one daemon where a file says so, so that members find different things. Every case waits for what the
members say."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import crew  # noqa: E402
import daemon  # noqa: E402
import etcd  # noqa: E402

PORT = {"name": "p0", "device": "net_null0,no-rx=1", "addresses": ["192.0.2.2/24"],
        "gateway": {"address": "192.0.2.1", "mac": "02:00:00:00:00:01"}}


def node(name, number):
    return {"name": name, "address": f"192.0.2.{number}", "encap": "ipip", "port": "p0", "mac": "02:00:00:00:00:11"}


class Scene:
    """Members d1, d2, d3 of cluster `front`; pool `web` has nodes a and b."""

    def __init__(self, members=3, **cluster):
        self.folder, self.count, self.cluster = daemon.Folder(), members, cluster

    def __enter__(self):
        self.folder.__enter__()
        self.store = etcd.Etcd(self.folder, 1)
        self.members = []
        try:
            self.store.__enter__()
            script = self.folder.write("check", f'#!/bin/sh\ntest ! -e "{self.folder.path}/$SLUICE_NODE.$PPID"\n')
            os.chmod(script, 0o755)
            check = {"type": "external", "command": script, "interval": "200ms", "timeout": "30s", "rise": 1, "fall": 1}
            for number in range(1, self.count + 1):
                member = crew.Member(self.folder, crew.store(self.store), f"d{number}", port=PORT,
                                     nodes=[node("a", 11), node("b", 12)], pool={"health": check})
                member.conf["cluster"].update(self.cluster)
                self.members.append(member.start())
                member.joined()
            for member in self.members:
                until(lambda m=member: health(m, "a")["state"] == health(m, "b")["state"] == "up", "nodes checked")
        except BaseException:
            self.__exit__()
            raise
        return self

    def fails(self, member, name, does=True):
        path = self.folder.file(f"{name}.{member.daemon.process.pid}")
        if does:
            self.folder.write(os.path.basename(path), "")
        else:
            os.unlink(path)

    def __exit__(self, *_):
        for member in self.members:
            member.__exit__()
        self.store.__exit__()
        self.folder.__exit__()


def row(member, name):
    return member.result("nodes", pool="web")["nodes"][name]


def health(member, name):
    return row(member, name)["health"]


def becomes(members, name, state):
    for member in members:
        until(lambda m=member: row(m, name)["state"] == state, f"{name} {state} at {member.name}\n{member.daemon.log()}")


def judged_by(member, how):
    until(lambda: member.status()["health"] == how, f"{member.name} judges: {how}")


@case("a node that one member of three cannot reach stays, one that two cannot reach goes away at all")
def majority():
    with Scene() as scene:
        one, other, third = scene.members
        for member in scene.members:
            judged_by(member, "majority")
            until(lambda m=member: health(m, "a").get("members") == 3, "three that have a vote")
        scene.fails(one, "a")
        until(lambda: health(one, "a")["state"] == "down", "the check fails")
        for member in scene.members:
            until(lambda m=member: health(m, "a").get("down_at") == ["d1"], f"{member.name} knows of it")
            until(lambda m=member: m.rows()["d1"]["down"] == 1, "the cluster shows it")
        becomes(scene.members, "a", "up")
        until(lambda: "down at d1" in control.ctl(third.conf["control"]["socket"], "nodes").out, "the verb shows it")
        scene.fails(third, "a")
        becomes(scene.members, "a", "down")
        until(lambda: "2 of 3 members find it down: d1, d3" in row(other, "a")["why"], "why")
        equal(health(other, "a")["state"], "up", "what the member that reaches it finds")
        scene.fails(one, "a", False)
        becomes(scene.members, "a", "up")


@case("a member that goes takes its vote with it")
def leaves():
    with Scene() as scene:
        one, other, third = scene.members
        judged_by(one, "majority")
        scene.fails(one, "a")
        scene.fails(other, "a")
        becomes(scene.members, "a", "down")
        other.stop()
        becomes([one, third], "a", "up")  # one of two is not most of them


@case("members that the store does not answer judge alone, say so, and together again when it is back")
def cut_off():
    with Scene() as scene:
        one, other, third = scene.members
        for member in scene.members:
            judged_by(member, "majority")
        scene.fails(one, "a")
        until(lambda: health(other, "a").get("down_at") == ["d1"], "others know")
        becomes([one], "a", "up")
        scene.store.kill(0)
        judged_by(one, "alone")
        becomes([one], "a", "down")
        judged_by(third, "alone")
        becomes([third], "a", "up")
        true("judges alone" in one.daemon.log(), one.daemon.log())
        scene.store.start(0)
        until(scene.store.healthy, "the store is back")
        for member in scene.members:
            judged_by(member, "majority")
        becomes(scene.members, "a", "up")


@case("with `health: own` each goes by what it finds")
def own():
    with Scene(2, health="own") as scene:
        one, other = scene.members
        scene.fails(one, "a")
        becomes([one], "a", "down")
        equal(row(other, "a")["state"], "up")
        equal([member.status()["health"] for member in scene.members], ["own", "own"])


run()
