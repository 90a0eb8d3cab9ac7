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
from tap import Skip, case, equal, run, true, until  # noqa: E402
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


@case("a state in the place of the configuration file, by any name, or of the socket is refused")
def not_ours():
    with Changing() as changing:
        file = changing.folder.write("sluiced.yaml", changing.conf)
        os.symlink(file, changing.folder.file("link"))
        os.link(file, changing.folder.file("twin"))
        text = changing.folder.read("sluiced.yaml")
        for name in ("sluiced.yaml", "link", "twin"):
            said = changing.refused(state=changing.folder.file(name))
            true(len(said) == 1 and "is the configuration file" in said[0], said)
        os.symlink(changing.conf["control"]["socket"], changing.folder.file("other"))
        said = changing.refused(state=changing.folder.file("other"))
        true(len(said) == 1 and "is no file" in said[0], said)
        said = refused(changing.session, -32003, "config.apply",
                       text=json.dumps(changing.with_control(state=changing.conf["control"]["socket"])))
        true("its `socket` are one file" in said["message"], said)
        equal(changing.folder.read("sluiced.yaml"), text, "the configuration file")
        changing.folder.write("sluiced.yaml", changing.with_control(state=changing.folder.file("twin")))
        os.unlink(changing.folder.file("twin"))
        os.link(file, changing.folder.file("twin"))
        changing.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "is the configuration file" in changing.daemon.log(), "a refusal after SIGHUP")


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


@case("metrics move to another address of their port, and another spelling of the state file is the same file")
def ourselves():
    with Changing() as changing:
        port, state = daemon.port_everywhere(), changing.folder.file("state")
        changing.apply(metrics=f"127.0.0.1:{port}", state=state)
        changing.conf = changing.with_control(metrics=f"127.0.0.1:{port}", state=state)
        other = os.path.join(changing.folder.path, ".", "state")
        equal(changing.apply(metrics=f"0.0.0.0:{port}", state=other)["warnings"], [], "warnings")
        true(listens(port), "no metrics at the other address")
        changing.session.result("node.set_weight", pool="web", node="a", weight=7)
        equal([name for name in os.listdir(changing.folder.path) if name.startswith("state")], ["state"], "files")


@case("who may not change things learns nothing of files and ports by a rehearsal, and no secrets")
def rehearsals():
    if os.geteuid() != 0:
        raise Skip("needs root to become another user")
    with Changing() as changing, socket.socket() as taken:
        taken.bind((daemon.LOOPBACK, 0))
        taken.listen()
        key = "00112233445566778899aabbccddeeff"
        text = changing.with_control(mode="0666")
        text["dataplane"]["hash_key"] = key
        changing.session.result("config.apply", text=json.dumps(text), force=True)
        os.chmod(changing.folder.path, 0o755)
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
        try:
            guest = daemon.Session(changing.daemon.socket)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        said = [guest.call("config.check", text=json.dumps(changing.with_control(mode="0666", **more))) for more in (
            {}, {"state": "/root/none/none"}, {"state": "/root"}, {"state": "/etc/passwd"},
            {"metrics": f"127.0.0.1:{taken.getsockname()[1]}"}, {"metrics": "203.0.113.77:9464"})]
        for answer in said:
            equal({**answer, "id": 0}, {**said[0], "id": 0}, "what a guest is told")
        true(key not in guest.result("config.get")["text"], "the hash key is shown")
        true(key in changing.session.result("config.get")["text"], "the hash key is hidden")
        guest.__exit__()


@case("a pipe in the configuration file's place is refused at SIGHUP, and control goes on")
def pipe():
    with Changing() as changing:
        path = changing.folder.file("sluiced.yaml")
        os.unlink(path)
        os.mkfifo(path)
        changing.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "is no regular file" in changing.daemon.log(), "a sentence about the pipe")
        changing.session.result("status")


if __name__ == "__main__":
    run()
