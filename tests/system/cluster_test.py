#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Many dispatchers with one truth: three daemons and three nodes of a real etcd on loopback. Changes at all
of them at once, members and nodes of the store killed, members that come late, come back, and bring what
the others never saw. In the end all have the same configuration, the same slots and the same history.

    SLUICE_CHANGES  how many random changes at each member (60)
    SLUICE_SEED     of the random ones
"""

import base64
import json
import os
import random
import ssl
import subprocess
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, Failed, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import crew  # noqa: E402
import daemon  # noqa: E402
import etcd  # noqa: E402
from crew import NO_QUORUM  # noqa: E402

CHANGES = int(os.environ.get("SLUICE_CHANGES", "60"))
SEED = int(os.environ.get("SLUICE_SEED", "1"))


class Scene:
    """A store and members d1, d2, ... of cluster `front`, that have joined one after the other."""

    def __init__(self, members=3, nodes=3, **more):
        self.folder = daemon.Folder()
        self.count, self.nodes, self.more = members, nodes, more

    def __enter__(self):
        self.folder.__enter__()
        self.store = etcd.Etcd(self.folder, self.nodes)
        self.members = []
        try:
            self.store.__enter__()
            for number in range(self.count):
                self.add(f"d{number + 1}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def member(self, name, **more):
        return crew.Member(self.folder, crew.store(self.store), name, **{**self.more, **more})

    def add(self, name, **more):
        self.members.append(self.member(name, **more).start())
        return self.members[-1].joined()

    def key(self, name):
        return base64.b64encode(f"/sluice/front/{name}".encode()).decode()

    def put(self, name, value):
        self.store.ask(0, "/v3/kv/put", key=self.key(name), value=base64.b64encode(value).decode())

    def get(self, name):
        found = self.store.ask(0, "/v3/kv/range", key=self.key(name)).get("kvs", [])
        return base64.b64decode(found[0]["value"]) if found else None

    def count_of(self, name):
        end = name[:-1] + chr(ord(name[-1]) + 1)
        return int(self.store.ask(0, "/v3/kv/range", key=self.key(name), range_end=self.key(end),
                                  count_only=True).get("count", 0))

    def __exit__(self, *_):
        for member in self.members:
            member.__exit__()
        self.store.__exit__()
        self.folder.__exit__()


def random_change(dice, name):
    node = dice.choice("abc")
    kind = dice.randrange(8)
    extra = f"{name}x{dice.randrange(3)}"
    if kind < 3:
        return "node.set_weight", {"pool": "web", "node": node, "weight": dice.randrange(200)}
    if kind == 3:
        return "node.add", {"pool": "web", "node": extra, "worker": 0, "weight": dice.randrange(1, 100)}
    if kind == 4:
        return "node.remove", {"pool": "web", "node": extra}
    if kind == 5:
        return "node.drain", {"pool": "web", "node": node, "deadline": "1h"}
    return ("node.enable" if kind == 6 else "node.disable"), {"pool": "web", "node": node}


def hammer(member, seed, failures):
    dice = random.Random(seed)
    try:
        with daemon.Session(member.conf["control"]["socket"]) as session:
            for _ in range(CHANGES):
                method, params = random_change(dice, member.name)

                def code_of(method=method, params=params):
                    """None where the store is kept from the CPU."""
                    code = session.call(method, **params).get("error", {}).get("code", 0)
                    return None if code == NO_QUORUM else (code,)
                code, = until(code_of, f"{method} {params}")
                if code not in (0, -32001, -32003):
                    failures.append(f"{member.name}: {method} {params}: {code}")
    except Exception as problem:  # of a thread: told by the case
        failures.append(f"{member.name}: {problem!r}")


def all_at_once(members, between=lambda: None):
    failures = []
    threads = [threading.Thread(target=hammer, args=(member, f"{SEED} {member.name}", failures))
               for member in members]
    for thread in threads:
        thread.start()
    between()
    for thread in threads:
        thread.join()
    if failures:
        raise Failed("\n".join(failures[:5]))


@case("changes at three members at once are made by all, in one order")
def concurrent():
    with Scene() as scene:
        all_at_once(scene.members)
        got = crew.agree(scene.members)
        true(got["generation"] > CHANGES, f"only {got['generation']} generations")
        digests = {row["digest"] for row in until(lambda: same_generation(scene.members[0]), "rows").values()}
        equal(len(digests), 1, "digests of slots")


def same_generation(member):
    rows = member.rows()
    return rows if len({row["generation"] for row in rows.values()}) == 1 else None


@case("--if-generation means the cluster's, and one of two that ask with it is refused")
def conflict():
    with Scene(2, 1) as scene:
        one, other = scene.members
        one.result("node.set_weight", pool="web", node="a", weight=1, if_generation=1)
        got = other.refused(-32002, "node.set_weight", pool="web", node="a", weight=2, if_generation=1)
        true("2" in got["message"], got["message"])
        other.result("node.set_weight", pool="web", node="a", weight=2, if_generation=2)
        equal(crew.agree(scene.members)["generation"], 3)


@case("what is refused is refused at once, and is no generation")
def refusals():
    with Scene(2, 1) as scene:
        got = scene.members[1].refused(-32001, "node.set_weight", pool="webb", node="a", weight=1)
        true("did you mean" in got["message"], got["message"])
        scene.members[1].refused(-32003, "node.set_weight", pool="web", node="a", weight=-1)
        text = scene.members[0].result("config.get")["text"].replace("mtu:", "mtuu:")
        scene.members[0].refused(-32003, "config.apply", text=text + "\nx: 1\n")
        dry = scene.members[0].result("node.set_weight", pool="web", node="a", weight=7, dry_run=True)
        equal(dry["generation"], 1)
        equal(crew.agree(scene.members)["generation"], 1)


@case("apply, table and rollback at one member are all members'; control stays each one's own")
def whole():
    with Scene(2, 1) as scene:
        one, other = scene.members
        conf = dict(one.conf, pools=[{"name": "web", "slots": 4096, "nodes": [control.node("a"), control.node("z")]}])
        conf["control"] = dict(conf["control"], mode="0600")
        one.result("config.apply", text=str(conf).replace("'", '"'))
        crew.agree(scene.members)
        table = other.result("table.get", pool="web", count=4096)
        other.result("table.set", pool="web", table=table["table"][::-1], nodes=table["nodes"])
        before = crew.agree(scene.members)
        equal(os.stat(one.conf["control"]["socket"]).st_mode & 0o777, 0o600)
        equal(os.stat(other.conf["control"]["socket"]).st_mode & 0o777, 0o660)
        one.result("node.add", pool="web", node="n", worker=0, weight=100)
        other.result("node.disable", pool="web", node="a")
        crew.agree(scene.members)
        one.result("rollback", generation=3)
        after = crew.agree(scene.members)
        equal(after["tables"], before["tables"], "tables after the rollback")
        equal(after["hands"], before["hands"], "states by hand after the rollback")
        for member in (one, other):
            text = member.result("config.get")["text"].split("pools:")[0]
            got = [name for name in ("d1", "d2") for word in (f"member: {name}\n", f"/{name}.sock", f"/{name}.state")
                   if word in text]
            equal(got, [member.name] * 3, f"whose sections {member.name} has")


@case("a member that is killed comes back to what the others did meanwhile, with their history")
def killed():
    with Scene() as scene:
        one, other, third = scene.members
        one.result("node.set_weight", pool="web", node="a", weight=10)
        third.kill()
        until(lambda: one.rows()["d3"]["state"] == "gone", "d3 gone")
        all_at_once([one, other])
        third.start().joined()
        crew.agree(scene.members)
        until(lambda: one.rows()["d3"]["state"] == "member", "d3 a member again")
        true("set aside" not in third.daemon.log(), "nothing of it was its own")


@case("nodes of the store die one after the other, the leader too, under changes: all members go on")
def store_nodes():
    with Scene() as scene:
        scene.store.kill(until(lambda: leader_of(scene.store), "a leader") - 1)
        until(scene.store.healthy, "a leader again")
        patient_changes(scene.members)
        crew.agree(scene.members)


def leader_of(store):
    leader = store.leader()
    return None if leader is None else leader + 1


def patient_changes(members):
    """A change at each member, asked for until the store has a leader for it."""
    for number, member in enumerate(members):
        until(lambda m=member, n=number: "result" in m.session.call("node.set_weight", pool="web", node="a",
                                                                    weight=50 + n), f"a change at {member.name}")


@case("without a quorum reads answer and changes are refused; when it is back all goes on")
def no_quorum():
    with Scene() as scene:
        one = scene.members[0]
        one.result("node.set_weight", pool="web", node="a", weight=10)
        for number in (0, 1):
            scene.store.kill(number)
        until(lambda: one.status()["state"] == "no_quorum", "no quorum")
        got = until(lambda: one.session.call("node.set_weight", pool="web", node="a", weight=11).get("error"), "refusal")
        equal(got["code"], NO_QUORUM, got["message"])
        true(got["message"].startswith("no quorum"), got["message"])
        done = control.ctl(one.conf["control"]["socket"], "set-weight", "web/a", "12", status=1)
        true("no quorum" in done.err, done.err)
        one.result("nodes")
        one.result("node.set_weight", pool="web", node="a", weight=12, dry_run=True)
        for number in (0, 1):
            scene.store.start(number)
        until(scene.store.healthy, "the store is back")
        patient_changes(scene.members)
        crew.agree(scene.members)


@case("at a start without the store what was kept serves; file and cluster are heard when it is back")
def start_alone():
    with Scene(2, 1) as scene:
        one, other = scene.members
        other.result("node.set_weight", pool="web", node="a", weight=10)
        crew.agree(scene.members)
        other.stop()
        one.result("node.set_weight", pool="web", node="a", weight=20)
        scene.store.kill(0)
        other.conf["pools"][0]["nodes"][1]["weight"] = 7
        other.start()
        until(lambda: other.status()["state"] == "no_quorum", "no quorum")
        nodes = other.result("nodes")["nodes"]["web"]
        equal((nodes["a"]["weight"], nodes["b"]["weight"]), (10, 100), "what was kept")
        control.refused(other.session, NO_QUORUM, "node.set_weight", pool="web", node="a", weight=11)
        scene.store.start(0)
        other.joined()
        one.joined()
        equal(crew.agree(scene.members)["hands"]["web"]["a"], "up")
        equal(other.result("nodes")["nodes"]["web"]["a"]["weight"], 20)


@case("a member with another file is told line by line that the cluster's word wins")
def other_file():
    with Scene(1, 1) as scene:
        nodes = [control.node("a"), control.node("b", 60), control.node("x")]
        other = scene.add("d2", nodes=nodes)
        log = other.daemon.log()
        for line in ("the cluster's word: pool web: node b: weight 100 (was 60)", "pool web has no node x",
                     "pool web has a node c"):
            true(line in log, f"{line!r} in\n{log}")
        true("set aside" not in log, "a file is not set aside")
        crew.agree(scene.members)


@case("changes that the cluster never saw are shown and set aside, not merged")
def never_seen():
    with Scene(1, 1) as scene:
        alone = scene.member("d2")
        section = alone.conf.pop("cluster")
        with alone:
            for weight in range(1, 6):
                alone.result("node.set_weight", pool="web", node="a", weight=weight)
            alone.stop()
        alone.conf["cluster"] = section
        scene.members.append(alone.start())
        alone.joined()
        log = alone.daemon.log()
        true("the cluster's word: pool web: node a: weight 100 (was 5)" in log, log)
        aside = [name for name in os.listdir(scene.folder.path) if ".state.aside-" in name]
        equal(len(aside), 1, f"files set aside\n{log}")
        crew.agree(scene.members)


@case("a name that is in use is refused as long as its owner lives")
def name_twice():
    with Scene(1, 1) as scene:
        twin = scene.member("d1")
        twin.conf["control"] = {"socket": scene.folder.file("twin.sock")}
        with twin:
            until(lambda: "another member is called d1" in twin.status()["why"], "the reason")
            until(lambda: twin.status()["state"] == "joining", "it waits for the name")
            control.refused(twin.session, NO_QUORUM, "node.set_weight", pool="web", node="a", weight=1)
            scene.members[0].kill()
            twin.joined()


@case("two clusters with one prefix do not see each other")
def two_clusters():
    with Scene(1, 1) as scene:
        other = scene.add("d2", cluster="back")
        scene.members[0].result("node.set_weight", pool="web", node="a", weight=1)
        equal(other.generation(), 1)
        equal(list(other.rows()), ["d2"])


@case("a record that a member cannot carry out stops it: it serves on and names the record")
def stops():
    for value, words in ((b"W\x03\x02\x00\x00", "newer version"), (b"W\x03\x01", "damaged"), (b"half", "damaged"), (b"P\x04a/b\x00\x01", "a part")):
        with Scene(2, 1) as scene:
            scene.put("log/0000000000000002", value)
            scene.put("head", b"2")
            for member in scene.members:
                until(lambda m=member: m.status()["state"] == "stopped", "stopped")
                true("generation 2" in member.status()["why"] and words in member.status()["why"], member.status()["why"])
                got = control.refused(member.session, NO_QUORUM, "node.set_weight", pool="web", node="a", weight=1)
                true("another one" in got["message"], got["message"])
                equal(member.result("status")["generation"], 1)
            until(lambda: scene.members[0].rows()["d2"]["state"] == "stopped", "others know")


@case("checkpoints are written, what is before them goes, and a late member finds its way")
def checkpoints():
    with Scene(1, 1) as scene:
        one = scene.members[0]
        for weight in range(420):
            one.result("node.set_weight", pool="web", node="a", weight=1 + weight % 7)
        until(lambda: one.status()["checkpoint"] >= 385, "a checkpoint")
        until(lambda: scene.get("log/0000000000000002") is None, "old records gone")
        true(scene.get("log/000000000000012c") is not None, "records that are needed stay")
        late = scene.add("d2")
        crew.agree(scene.members)
        late.result("rollback", generation=late.generation() - 256)
        one.ctl("cluster", "checkpoint")
        until(lambda: one.status()["checkpoint"] == one.generation(), "a checkpoint that was asked for")
        crew.agree(scene.members)


@case("a configuration larger than what the store takes at once goes in parts")
def large():
    nodes = [{"name": f"node-with-a-long-name-{n:05d}", "worker": 0, "handler": "sink", "weight": 1 + n % 50}
             for n in range(9000)]
    with Scene(1, 1) as scene:
        one = scene.members[0]
        conf = dict(one.conf, pools=[{"name": "web", "slots": 16384, "nodes": nodes}])
        path = scene.folder.write("large.yaml", str(conf).replace("'", '"'))
        one.ctl("--timeout", "60s", "apply", path)
        one.ctl("cluster", "checkpoint")
        until(lambda: one.status()["checkpoint"] == 2, "a checkpoint in parts")
        true(scene.count_of("blob/") >= 4, "parts in the store")
        late = scene.add("d2")
        equal(len(late.result("nodes", count=10)["nodes"]["web"]), 10)
        until(lambda: len({row["digest"] for row in one.rows().values()}) == 1, "the same slots")


@case("a member that is gone can be forgotten, one that is there not")
def forget():
    with Scene(2, 1) as scene:
        one, other = scene.members
        done = one.ctl("cluster", "forget", "d2", status=1)
        true("stop it first" in done.err, done.err)
        other.stop()
        until(lambda: one.rows()["d2"]["state"] == "gone", "d2 gone")
        one.ctl("cluster", "forget", "d2")
        until(lambda: list(one.rows()) == ["d1"], "d2 forgotten")
        done = one.ctl("cluster", "forget", "d9", status=1)
        true("no member" in done.err, done.err)
        until(lambda: "cluster front, member d1: member" in one.ctl("cluster").out, "the verb shows it")


class Guarded(etcd.Etcd):
    """etcd with certificates on both sides and users; `sluice` may write under /sluice/front/ alone."""

    def __init__(self, folder):
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder.path)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-keyout", "ca.key",
                "-out", "ca.pem")
        folder.write("names", f"subjectAltName=IP:{daemon.LOOPBACK}\n")
        for name in ("store", "member"):
            openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/O={name}", "-keyout", f"{name}.key", "-out",
                    f"{name}.csr")
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                    "-days", "2", "-extfile", "names", "-out", f"{name}.pem")
        self.context = ssl.create_default_context(cafile=folder.file("ca.pem"))
        self.context.load_cert_chain(folder.file("member.pem"), folder.file("member.key"))
        super().__init__(folder, 1, ["--cert-file", folder.file("store.pem"), "--key-file", folder.file("store.key"),
                                     "--trusted-ca-file", folder.file("ca.pem"), "--client-cert-auth"])

    def endpoint(self, number):
        return super().endpoint(number).replace("http:", "https:")

    def ask(self, number, path, **body):
        request = urllib.request.Request(self.endpoint(number) + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE, context=self.context) as answer:
            return json.load(answer)

    def guard(self):
        ours = {"key": base64.b64encode(b"/sluice/front/").decode(),
                "range_end": base64.b64encode(b"/sluice/front0").decode(), "permType": "READWRITE"}
        for path, body in (("user/add", {"name": "root", "password": "r"}), ("role/add", {"name": "root"}),
                           ("user/grant", {"user": "root", "role": "root"}),
                           ("user/add", {"name": "sluice", "password": "secret"}), ("role/add", {"name": "front"}),
                           ("role/grant", {"name": "front", "perm": ours}),
                           ("user/grant", {"user": "sluice", "role": "front"}), ("enable", {})):
            self.ask(0, f"/v3/auth/{path}", **body)


@case("certificates and a user are shown to the store, and what it refuses is said")
def guarded():
    with daemon.Folder() as folder, Guarded(folder) as nodes:
        nodes.guard()
        good = crew.store(nodes, user="sluice", password="secret", ca=folder.file("ca.pem"),
                          cert=folder.file("member.pem"), key=folder.file("member.key"))
        with crew.Member(folder, good, "d1") as member:
            member.joined()
            equal(member.result("node.set_weight", pool="web", node="a", weight=3)["generation"], 2)
        for change, words in (({"password": "wrong"}, "authentication failed"), ({"ca": ""}, "certificate"),
                              ({"cert": "", "key": ""}, "")):
            store = {key: value for key, value in {**good, **change}.items() if value}
            with crew.Member(folder, store, "d2") as member:
                def says(status):
                    return words in status["why"] and nodes.endpoint(0) in status["why"] and status["state"]
                equal(until(lambda m=member: says(m.status()), f"a reason with {words!r}"), "no_quorum")


@case("without a cluster the verb says so")
def off():
    with daemon.Folder() as folder:
        with daemon.Daemon(folder, control.conf(folder)) as lone:
            lone.ready()
            with daemon.Session(lone.socket) as session:
                got = session.result("cluster")
                equal((got["state"], got["members"], got["generation"]), ("off", [], 1))
                control.refused(session, -32001, "cluster.checkpoint")
            true("no cluster" in control.ctl(lone.socket, "cluster").out, "words")


run()
