#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What stands under `control` but the socket changes while the daemon runs: all of an apply, or nothing.

    client -> UNIX socket -> sluiced (net_ring, workers a b c of pool web)
"""

import copy
import json
import os
import resource
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402
from control import refused  # noqa: E402


class Changing:
    """A daemon without a state file, and configurations that differ from its own under `control`."""

    def __init__(self):
        self.folder = daemon.Folder().__enter__()
        self.conf = control.conf(self.folder)
        self.start()

    def start(self):
        self.daemon = daemon.Daemon(self.folder, self.conf)
        self.daemon.ready()
        self.session = daemon.Session(self.daemon.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.__exit__()
        self.daemon.__exit__()
        self.folder.__exit__()

    def with_control(self, **more):
        conf = copy.deepcopy(self.conf)
        conf["control"].update(more)
        return conf

    def apply(self, **more):
        text = json.dumps(self.with_control(**more))
        foretold = self.session.result("config.check", text=text)["warnings"]
        answer = self.session.result("config.apply", text=text)
        equal(answer["warnings"], foretold, "warnings of apply, as check has them")
        return answer

    def seen(self):
        """All that a refused change could have left behind."""
        mode = os.stat(self.daemon.socket)
        return (self.session.result("status")["generation"], self.session.result("config.get")["text"],
                mode.st_mode, mode.st_gid, sorted(os.listdir(self.folder.path)))

    def refused(self, **more):
        text, before, errors = json.dumps(self.with_control(**more)), self.seen(), []
        for method in ("config.check", "config.diff", "config.apply"):
            errors.append(refused(self.session, -32003, method, text=text))
        equal(self.seen(), before, "what is seen after a refusal")
        true(errors[0] == errors[1] == errors[2], errors)
        return [entry["message"] for entry in errors[0]["data"]["errors"]]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex((daemon.LOOPBACK, port)) == 0


@case("a group that is not there, a folder that is not there, a port that is taken: refused, with all the rest")
def refusals():
    with Changing() as changing, socket.socket() as taken:
        taken.bind((daemon.LOOPBACK, 0))
        taken.listen()
        metrics = f"{daemon.LOOPBACK}:{taken.getsockname()[1]}"
        state = changing.folder.file("nowhere/state")
        for more, word in (({"group": "nobody-has-it"}, "nobody-has-it"), ({"state": state}, state),
                           ({"state": changing.folder.path}, changing.folder.path), ({"metrics": metrics}, metrics)):
            said = changing.refused(**more)
            true(len(said) == 1 and word in said[0], said)
        equal(len(changing.refused(group="nobody-has-it", state=state, metrics=metrics, mode="0666")), 3,
              "reasons, of which each is said")


@case("what fails when the rest is done takes the rest back")
def undone():
    with Changing() as changing:
        old, new = daemon.free_port(), daemon.free_port()
        changing.apply(metrics=f"{daemon.LOOPBACK}:{old}")
        before = changing.seen()
        pid, free = changing.daemon.process.pid, resource.RLIM_INFINITY
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1000, free))
        refused(changing.session, -32003, "config.apply", text=json.dumps(changing.with_control(
            metrics=f"{daemon.LOOPBACK}:{new}", mode="0666", state=changing.folder.file("state"))))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (free, free))
        equal(changing.seen(), before, "what is seen")
        equal((listens(old), listens(new)), (True, False), "metrics at the old port, at the new one")


@case("a state file that an apply or SIGHUP names keeps what comes after, kill -9 included")
def state_begins():
    with Changing() as changing:
        changing.session.result("node.set_weight", pool="web", node="a", weight=7)
        state = changing.folder.file("state")
        path = changing.folder.write("sluiced.yaml", changing.with_control(state=state))
        changing.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: os.path.exists(state), "the state file")
        changing.session.result("node.set_weight", pool="web", node="b", weight=9)
        changing.session.result("node.disable", pool="web", node="c")
        before = control.state(changing.session)
        changing.daemon.process.kill()
        changing.daemon.process.wait()
        changing.conf = changing.with_control(state=state)
        changing.start()
        true(os.path.exists(path), path)
        equal(control.state(changing.session), before, "state after kill -9")
        changing.session.result("rollback", generation=2)
        equal(changing.session.result("nodes")["nodes"]["web"]["a"]["weight"], 7, "weight of generation 2")


@case("what is at the new place of the state is set aside; what is left has the change that left it")
def state_moves():
    with Changing() as changing:
        first, second = changing.folder.file("first"), changing.folder.write("second", "somebody's")
        changing.apply(state=first)
        true("second.before-" in changing.apply(state=second)["warnings"][0], "no warning")
        changing.session.result("node.set_weight", pool="web", node="a", weight=5)
        aside = [name for name in os.listdir(changing.folder.path) if name.startswith("second.before-")]
        equal([changing.folder.read(name) for name in aside], ["somebody's"], "files set aside")
        changing.apply(state="")
        written = os.stat(second).st_mtime_ns
        changing.session.result("node.set_weight", pool="web", node="a", weight=6)
        equal(os.stat(second).st_mtime_ns, written, "when the second was written last")
        for state, generation in ((first, 3), (second, 5)):
            changing.daemon.stop()
            changing.conf = changing.with_control(state=state)
            changing.start()
            true(changing.session.result("rollback", generation=generation)["generation"] > generation,
                 f"generation {generation}, which left {state}, is in it")


@case("a state file of another daemon is refused")
def state_busy():
    with Changing() as other, Changing() as changing:
        state = changing.folder.file("state")
        other.apply(state=state)
        error = refused(changing.session, -32003, "config.apply",
                        text=json.dumps(changing.with_control(state=state)))
        true("another daemon" in error["message"], error)


if __name__ == "__main__":
    run()
