# SPDX-License-Identifier: BSD-3-Clause
"""Members of a cluster: daemons in one folder that share a store, each to be killed and started again."""

import json
import os

import control
import daemon
from tap import equal, true, until

NO_QUORUM = -32005


class Member:
    """One of them. Its daemon has no traffic unless a port is given."""

    def __init__(self, folder, store, name, cluster="front", **more):
        self.folder, self.name, self.number = folder, name, 0
        self.daemon = self.session = None
        own = {"socket": folder.file(f"{name}.sock"), "state": folder.file(f"{name}.state")}
        own.update(more.pop("control", {}))
        self.conf = control.conf(folder, control=own, **more)
        self.conf["cluster"] = {"name": cluster, "member": name, "store": store}

    def start(self):
        self.number += 1
        self.daemon = daemon.Daemon(self.folder, self.conf, name=f"{self.name}-{self.number}")
        self.daemon.ready()
        self.session = daemon.Session(self.conf["control"]["socket"])
        return self

    def call(self, method, **params):
        """The whole answer. A store that is kept from the CPU is no quorum: then it is asked again."""
        def asked():
            answer = self.session.call(method, **params)
            return answer if answer.get("error", {}).get("code") != NO_QUORUM else None
        return until(asked, f"{method} {params} at {self.name}, with a quorum")

    def result(self, method, **params):
        answer = self.call(method, **params)
        true("result" in answer, f"{method} {params}: {answer}")
        return answer["result"]

    def refused(self, code, method, **params):
        """The error of a call that must be refused so."""
        answer = self.call(method, **params)
        equal(answer.get("error", {}).get("code"), code, f"code of {method} {params}: {answer}")
        return answer["error"]

    def ctl(self, *words, status=0):
        def asked():
            done = control.Ctl(self.conf["control"]["socket"], *words)
            return done if done.status == status and "no quorum" not in done.err else None
        return until(asked, f"sluicectl {words}: status {status}")

    def status(self):
        return self.result("cluster")

    def joined(self):
        until(lambda: self.status()["state"] == "member", f"{self.name} a member of the cluster\n{self.daemon.log()}")
        return self

    def generation(self):
        return self.status()["generation"]

    def rows(self):
        return {row["name"]: row for row in self.status()["members"]}

    def kill(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.daemon.errors.close()

    def stop(self):
        equal(self.daemon.stop(), 0, self.daemon.log())
        self.daemon.errors.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.daemon.process.poll() is None:
            self.kill()


def store(nodes, **more):
    return {"endpoints": nodes.endpoints(), **more}


def shared(member):
    """All that members have in common: pools, services, states by hand, slots, history but for who."""
    got = control.state(member.session)
    lines = member.result("history")["history"]
    text = got.pop("config")
    got["pools"] = text[text.index("pools:"):]
    # the first line says how a member came by the state that its history begins with
    got["history"] = {line["generation"]: {key: line[key] for key in ("time_ms", "verb", "moved_slots")}
                      for line in lines[1:]}
    return got


def agree(members):
    """Waits until all stand at one generation; there they must have the same."""
    until(lambda: len({member.generation() for member in members}) == 1, "members at one generation")
    first = shared(members[0])
    for member in members[1:]:
        other = shared(member)
        both = first["history"].keys() & other["history"].keys()
        for one in (first, other):
            one["history"] = {key: one["history"][key] for key in sorted(both)}
        for part in first:
            equal(json.dumps(other[part]), json.dumps(first[part]), f"{part} of {member.name} beside {members[0].name}")
    return first


def save_logs(folder):
    return "\n".join(f"--- {name}\n{folder.read(name)}" for name in sorted(os.listdir(folder.path))
                     if name.endswith(".log") and not name.startswith("etcd"))
