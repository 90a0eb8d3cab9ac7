#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The state file: kill -9, power loss in the middle of a record, damage, a file that changed, and
random changes against a naive twin with the daemon killed in between.

    SLUICE_CHANGES  how many random changes (10000)
    SLUICE_SEED     of the random ones
"""

import glob
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, Failed, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

CHANGES = int(os.environ.get("SLUICE_CHANGES", "10000"))
SEED = int(os.environ.get("SLUICE_SEED", "1"))


ADDRESSED = {"name": "p0", "device": "net_null0", "addresses": ["2001:db8::2/64"]}


class Kept:
    """A daemon that keeps its state, to be ended and started again."""

    def __init__(self, folder, **more):
        self.folder, self.number = folder, 0
        self.file = folder.file("state")
        self.conf = control.conf(folder, control={"state": self.file}, **more)
        self.daemon = None

    def start(self):
        self.number += 1
        self.daemon = daemon.Daemon(self.folder, self.conf, name=f"sluiced{self.number}")
        self.daemon.ready()
        return daemon.Session(self.daemon.socket)

    def kill(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.daemon.errors.close()

    def lose(self):
        """As kill, and what stays in memory is gone, too, as when the machine lost its power."""
        self.kill()
        shutil.rmtree(daemon.estate(self.conf["dataplane"]["instance"]))

    def stop(self):
        equal(self.daemon.stop(), 0, self.daemon.log())
        self.daemon.errors.close()

    def aside(self):
        return sorted(glob.glob(self.file + ".damaged-*"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.daemon and self.daemon.process.poll() is None:
            self.kill()


def some_changes(session):
    session.result("node.set_weight", pool="web", node="a", weight=10)
    session.result("node.add", pool="web", node="d", worker=0, weight=40)
    session.result("node.drain", pool="web", node="b", deadline="1h")
    session.result("node.remove", pool="web", node="c", now=True)
    session.result("node.disable", pool="web", node="d")


def ends(how):
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        some_changes(session)
        before, lines = control.state(session), session.result("history")["history"]
        how(kept)
        session = kept.start()
        equal(control.state(session), before, "state after the restart")
        equal(session.result("history")["history"], lines, "history after the restart")
        left = session.result("nodes", pool="web")["nodes"]["b"].get("deadline_left_seconds", 0)
        true(3500 < left <= 3600, f"deadline after the restart: {left}")
        session.result("rollback", generation=1)
        equal(session.result("nodes", pool="web")["nodes"]["a"]["weight"], 100, "rolled back")


@case("changes, tables, hands, deadlines and history survive kill -9")
def killed():
    ends(Kept.kill)


@case("every key of an added node survives kill -9 and an orderly end")
def keys_survive():
    keys = {"address": "2001:db8::99", "encap": "vxlan", "port": "p0", "mac": "02:00:00:00:00:11", "vni": 7,
            "inner_mac": "02:00:00:00:00:66", "outer_df": "set", "weight": 3}
    for how in (Kept.kill, Kept.stop):
        with daemon.Folder() as folder, Kept(folder, port=ADDRESSED) as kept:
            session = kept.start()
            session.result("node.add", pool="web", node="far", **keys)
            before = session.result("config.get")["text"]
            line = next(line for line in before.splitlines() if "name: far" in line)
            for key, value in keys.items():
                true(f"{key}: " in line and str(value) in line, f"{key} in {line}")
            how(kept)
            equal(kept.start().result("config.get")["text"], before, "the configuration after the restart")


@case("services that were added, set and removed at run time survive kill -9 and an orderly end, and roll back")
def services_survive():
    for how in (Kept.kill, Kept.stop):
        with daemon.Folder() as folder, Kept(folder, port=ADDRESSED) as kept:
            session = kept.start()
            session.result("service.add", service="https", address="192.0.2.77", protocol="tcp",
                           ports=[443, "8000-8099"], pool="web", keys={"mss_clamp": 1400})
            session.result("service.add", service="gone", address="192.0.2.78", pool="web")
            session.result("service.set", service="https", ports=[443], keys={"vlan": "7"})
            session.result("service.remove", service="gone")
            before, lines = session.result("config.get")["text"], session.result("history")["history"]
            true("name: https" in before and "ports: [443]" in before and "vlan: 7" in before, before)
            equal([line["verb"] for line in lines],
                  ["start", "add-service", "add-service", "set-service", "remove-service"], "verbs")
            equal([line["what"] for line in lines[2:]],
                  ["service gone added, to pool web", 'service https: ports [443, "8000-8099"] -> [443]; '
                   "service https: vlan 0 -> 7", "service gone removed"], "what")
            how(kept)
            session = kept.start()
            equal(session.result("config.get")["text"], before, "the configuration after the restart")
            equal(session.result("history")["history"], lines, "history after the restart")
            session.result("rollback", generation=3)
            equal(sorted(session.result("services")["services"]), ["all", "gone", "https"], "rolled back")
            equal(session.result("services")["services"]["https"]["ports"], [443, "8000-8099"], "ports")


def weight_of(generation):
    """What change number `generation` sets."""
    return 1 + generation * 7919 % 199


@case("killed with many changes on their way: the state is that of a change, and none that was answered is lost")
def killed_under_way():
    with daemon.Folder() as folder, Kept(folder) as kept:
        kept.start().__exit__()
        last, asides = 1, 0
        for turn in range(6):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(PATIENCE)
                client.connect(kept.daemon.socket)
                lines = client.makefile("rb")
                client.sendall(b"".join(json.dumps(
                    {"jsonrpc": "2.0", "id": last + n, "method": "node.set_weight",
                     "params": {"pool": "web", "node": "a", "weight": weight_of(last + n)}}).encode() + b"\n"
                    for n in range(1, 1500)))
                answered = last
                for _ in range(1 + 211 * turn):
                    answered = json.loads(lines.readline())["result"]["generation"]
                kept.kill()
            session = kept.start()
            got = session.result("status")["generation"]
            true(answered <= got < last + 1500, f"generation {got} after {answered} was answered")
            nodes = session.result("nodes", pool="web")["nodes"]
            equal(nodes["a"]["weight"], weight_of(got), "weight")
            wanted = nodes["a"]["weight"] / sum(node["weight"] for node in nodes.values()) * 4096
            true(abs(nodes["a"]["home_slots"] - wanted) <= 1, f"slots: {nodes['a']}, wanted {wanted}")
            equal(session.result("history")["history"][-1]["generation"], got, "history")
            session.__exit__()
            true(len(kept.aside()) == asides or "its last record is cut short" in kept.daemon.log(),
                 f"set aside: {kept.aside()}")
            asides = len(kept.aside())
            last = got


@case("changes, tables, hands, deadlines and history survive an end in good order")
def stopped():
    ends(Kept.stop)


def answers(session):
    """Where a few hundred flows go, and why."""
    return [(got["node"], got["why"]) for got in (
        session.result("explain", src=f"198.51.100.{n % 250}", sport=1000 + n, dst="192.0.2.1", dport=80,
                       proto="tcp", flags="ack") for n in range(300))]


@case("open slots survive an end in good order: unknown flows go to where they were")
def open_slots():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        session.result("node.set_weight", pool="web", node="a", weight=1)
        session.result("node.set_weight", pool="web", node="b", weight=30)
        before, opened = answers(session), session.result("stats")["pools"]["web"]["open_slots"]
        true(opened > 500 and any(why == "prior" for _, why in before), f"{opened} open slots")
        kept.stop()
        session = kept.start()
        equal(session.result("stats")["pools"]["web"]["open_slots"], opened, "open slots")
        equal(answers(session), before, "where flows go")


def same_after(kept, session, how, opened=True):
    """Slots are open after the end as before, and unknown flows go where they went. Returns the session."""
    before, count = answers(session), session.result("stats")["pools"]["web"]["open_slots"]
    true((count > 0) == opened, f"{count} open slots")
    how(kept)
    session = kept.start()
    # those whose node is the one before again are open no more, and settle later
    now = session.result("stats")["pools"]["web"]["open_slots"]
    true(0.9 * count <= now <= count, f"{now} open slots, {count} before")
    equal(answers(session), before, "where flows go")
    return session


@case("open slots survive kill -9, and a loss of power: the records say what moved within the idle timeout")
def open_after_kill():
    for how in (Kept.kill, Kept.lose):
        stay_open(how)


def stay_open(how):
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        session.result("node.set_weight", pool="web", node="a", weight=1)
        session.result("node.set_weight", pool="web", node="b", weight=30)
        session = same_after(kept, session, how)
        # moves while they are open, doubled slots, a pool that goes round to what it was
        session.result("node.set_weight", pool="web", node="c", weight=500)
        session.result("node.set_weight", pool="web", node="a", weight=100)
        how(kept)
        session = kept.start()
        answers_once = answers(session)
        session = same_after(kept, session, how)
        equal(answers(session), answers_once, "a second crash changes nothing")
        kept.stop()
        session = kept.start()
        equal(answers(session), answers_once, "nor does an orderly end after it")


@case("who drains or was removed keeps its flows over kill -9, who was cut or disabled does not")
def leavers_after_kill():
    for how in (Kept.kill, Kept.lose):
        leavers_stay(how)


def leavers_stay(how):
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        session.result("node.remove", pool="web", node="a")
        true(("a", "prior") in answers(session), f"{answers(session)}")
        session = same_after(kept, session, how)
        equal(leavers(session), ["a"], "who leaves")
        session.result("node.drain", pool="web", node="b", deadline="1h")
        true(("b", "prior") in answers(session), f"{answers(session)}")
        session = same_after(kept, session, how)
        session.result("node.remove", pool="web", node="a", now=True)
        session.result("node.disable", pool="web", node="b")
        how(kept)
        session = kept.start()
        equal({node for node, _ in answers(session)}, {"c"}, "who is left")


@case("a service that was pointed at another pool keeps its flows over kill -9")
def service_after_kill():
    with daemon.Folder() as folder, Kept(folder) as kept:
        kept.conf["pools"].append({"name": "spare", "slots": 256, "nodes": [control.node("z")]})
        session = kept.start()
        first = answers(session)
        session.result("service.set", service="all", pool="spare")
        before = answers(session)
        equal([node for node, _ in before], [node for node, _ in first], "flows stay")
        true(any(why == "prior" for _, why in before), f"{before[:5]}")
        for _ in range(2):
            kept.kill()
            session = kept.start()
            equal(answers(session), before, "where flows go")
        session.result("service.set", service="all", pool="web")
        kept.kill()
        session = kept.start()
        equal([node for node, _ in answers(session)], [node for node, _ in first], "flows are where they were")


@case("slots that moved longer ago than the idle timeout are settled after kill -9")
def settled_after_kill():
    idle = {"tcp": "1s", "udp": "1s", "other": "1s"}
    with daemon.Folder() as folder, Kept(folder, pool={"idle_timeout": idle}) as kept:
        session = kept.start()
        session.result("node.set_weight", pool="web", node="a", weight=1)
        until(lambda: not session.result("stats")["pools"]["web"]["open_slots"], "settled")
        session = same_after(kept, session, Kept.lose, False)
        same_after(kept, session, Kept.kill, False)


def closes(frame):
    """True if the frame is TCP with FIN or RST."""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    head = frame[at + 2:]
    if frame[at:at + 2] == b"\x08\x00" and head[9:10] == b"\x06":
        segment = head[(head[0] & 15) * 4:]
    elif frame[at:at + 2] == b"\x86\xdd" and head[6:7] == b"\x06":
        segment = head[40:]
    else:
        return False
    return len(segment) > 13 and bool(segment[13] & 5)


def lasting(folder):
    """A port that reads a capture again and again in which no connection ends: one that did would begin anew,
    elsewhere, in some round or other."""
    port = control.busy(folder)
    frames = daemon.read_pcap(folder.file("in.pcap"))
    daemon.write_pcap(folder.file("in.pcap"), [frame for frame in frames if not closes(frame)])
    return port


def replayed(session, folder):
    """Two rounds of the capture."""
    now = session.result("stats")["balance"]["received"]
    session.sees(now + 2 * len(daemon.read_pcap(folder.file("in.pcap"))))


@case("a state file that is a link stays one, and what it leads to is kept")
def link():
    with daemon.Folder() as folder, Kept(folder) as kept:
        os.mkdir(folder.file("elsewhere"))
        os.symlink("elsewhere/state", kept.file)
        with open(folder.file("elsewhere/state"), "wb"):
            pass
        session = kept.start()
        some_changes(session)
        before = control.state(session)
        kept.kill()
        true(os.path.islink(kept.file), "the link is there")
        true(os.path.getsize(folder.file("elsewhere/state")) > 0, "octets where it leads")
        equal(control.state(kept.start()), before, "state after kill -9")
        true(os.path.islink(kept.file), "the link is there after another start")


def live_flows(session):
    return {flow["key"]: flow["node"]
            for flow in session.result("flows", limit=8000)["flows"] if flow["kind"] == "live"}


@case("flows that only a flow table knows keep their nodes over kill -9, and over an end in good order")
def tables_survive():
    idle = {"tcp": "1h", "udp": "1h", "other": "1h"}
    for pool in ({"tracking": "full"}, {"scheduler": "wrr"}, {"max_load": 1.05}, {"scheduler": "ring"}):
        with daemon.Folder() as folder, \
                Kept(folder, port=lasting(folder), pool={"idle_timeout": idle, **pool}) as kept:
            session = kept.start()
            replayed(session, folder)
            # flows stay where they are in slots that open
            session.result("node.set_weight", pool="web", node="a", weight=7)
            session.result("node.drain", pool="web", node="b")
            replayed(session, folder)
            flows = live_flows(session)
            true(len(flows) > 50, f"{pool}: {len(flows)} flows")
            for how in (Kept.kill, Kept.kill, Kept.stop):
                how(kept)
                session = kept.start()
                taken = session.result("status")["flows_taken_up"]
                true(taken >= len(flows), f"{pool}: {taken} of {len(flows)} flows taken up: {kept.daemon.log()}")
                replayed(session, folder)
                again = live_flows(session)
                equal({key: again.get(key) for key in flows}, flows, f"{pool}: nodes of flows")


def refused_estate(change, word):
    """What is left is changed before the next start, which says so, goes on, and replaces it."""
    with daemon.Folder() as folder, Kept(folder, port=lasting(folder), pool={"tracking": "full"}) as kept:
        session = kept.start()
        replayed(session, folder)
        kept.kill()
        change(daemon.estate(kept.conf["dataplane"]["instance"]), kept)
        session = kept.start()
        equal(session.result("status")["flows_taken_up"], 0, "flows taken up")
        true(not word or word in kept.daemon.log(), f"{word} is not in {kept.daemon.log()}")
        replayed(session, folder)
        kept.kill()
        session = kept.start()
        true(session.result("status")["flows_taken_up"] > 0, f"taken up after that: {kept.daemon.log()}")


def rewrite(path, at, octets):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(octets)


def pools_of(folder):
    return sorted(glob.glob(folder + "/pool-*"))


@case("what a killed daemon left is refused when it is torn, foreign, another's or of another version")
def estate_refused():
    refused_estate(lambda folder, _: os.truncate(folder + "/index", 100), "damaged")
    refused_estate(lambda folder, _: os.truncate(pools_of(folder)[0], os.path.getsize(pools_of(folder)[0]) - 1),
                   "damaged")
    refused_estate(lambda folder, _: rewrite(pools_of(folder)[0], 200, b"\xff\xff\xff"), "damaged")
    refused_estate(lambda folder, _: os.unlink(pools_of(folder)[0]), "damaged")
    refused_estate(lambda folder, _: rewrite(folder + "/index", 0, b"something"), "damaged")
    refused_estate(lambda folder, _: rewrite(folder + "/index", 8, b"\x07"), "of another version")
    refused_estate(lambda folder, _: os.chmod(folder + "/index", 0o666), "not of this user alone")
    refused_estate(lambda folder, _: os.unlink(folder + "/index"), "")
    refused_estate(lambda folder, kept: kept.conf["dataplane"].update(hash_key=16 * "0f"), "of another hash_key")


@case("files of flow tables are their user's alone, and none is left by an end in good order or by --detach")
def estate_goes():
    with daemon.Folder() as folder, Kept(folder, port=lasting(folder), pool={"tracking": "full"}) as kept:
        place = daemon.estate(kept.conf["dataplane"]["instance"])
        session = kept.start()
        replayed(session, folder)
        equal([os.stat(path).st_mode & 0o7777 for path in (place, place + "/index", pools_of(place)[0])],
              [0o700, 0o600, 0o600], "modes")
        equal(segments(kept)[0][1] & 0o777, 0o600, "mode of memory")
        kept.kill()
        true(segments(kept), "memory is there")
        done = subprocess.run([daemon.SLUICED, "-c", folder.file("sluiced1.yaml"), "--detach"], check=False,
                              capture_output=True, text=True)
        equal(done.returncode, 0, done.stderr)
        true(not os.path.exists(place) and not segments(kept), "--detach takes all of it away")
        kept.start()
        kept.stop()
        true(not os.path.exists(place) and not segments(kept), "so does an end in good order")


def segments(kept):
    """(id, mode) of shared memory that the daemon made."""
    with open("/proc/sysvipc/shm", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return [(int(row[1]), int(row[2], 8)) for row in rows if int(row[4]) == kept.daemon.process.pid]


@case("flows of a tracked pool keep their nodes over an end in good order")
def tracked():
    with daemon.Folder() as folder:
        with Kept(folder, port=lasting(folder), pool={"tracking": "full"}) as kept:
            session = kept.start()
            replayed(session, folder)
            session.result("node.set_weight", pool="web", node="a", weight=1)
            replayed(session, folder)
            flows = {flow["key"]: flow["node"]
                     for flow in session.result("flows", limit=8000)["flows"] if flow["kind"] == "live"}
            true(len(flows) > 100, f"{len(flows)} flows")
            kept.stop()
            session = kept.start()
            true("flows taken up" in kept.daemon.log(), kept.daemon.log())
            replayed(session, folder)
            again = {flow["key"]: flow["node"] for flow in session.result("flows", limit=8000)["flows"]}
            both = set(flows) & set(again)
            true(len(both) > 0.9 * len(flows), f"{len(both)} of {len(flows)} flows are there")
            equal({key: again[key] for key in both}, {key: flows[key] for key in both}, "nodes of flows")


@case("a removed node keeps its live flows over an end in good order, and goes when they have ended")
def leaving():
    with daemon.Folder() as folder:
        idle = {"tcp": "1h", "udp": "1h", "other": "1h"}
        with Kept(folder, port=lasting(folder), pool={"tracking": "full", "idle_timeout": idle}) as kept:
            session = kept.start()
            replayed(session, folder)
            session.result("node.remove", pool="web", node="b")
            replayed(session, folder)
            flows = {flow["key"]: flow["node"]
                     for flow in session.result("flows", limit=8000)["flows"] if flow["kind"] == "live"}
            true(list(flows.values()).count("b") > 20, f"{flows} at the removed node")
            kept.stop()
            session = kept.start()
            replayed(session, folder)
            row = session.result("nodes", pool="web")["nodes"]["b"]
            equal(row["state"], "leaving", "after the restart")
            again = {flow["key"]: flow["node"] for flow in session.result("flows", limit=8000)["flows"]}
            both = set(flows) & set(again)
            true(len(both) > 0.9 * len(flows), f"{len(both)} of {len(flows)} flows are there")
            equal({key: again[key] for key in both}, {key: flows[key] for key in both}, "nodes of flows")
            true(row["flows"] > 20, f"{row}")
            kept.stop()
            # another file, without traffic: it says that there is a b, which is another node
            kept.conf["ports"] = [dict(control.IDLE)]
            session = kept.start()
            true(len(leavers(session)) == 1, "the removed node is there, too")
            kept.conf["pools"][0]["idle_timeout"] = {"tcp": "2s", "udp": "2s", "other": "2s"}
            session.result("config.apply", text=json.dumps(kept.conf))
            until(lambda: not leavers(session), "the end of the removed nodes")


def leavers(session):
    rows = session.result("stats")["pools"]["web"]["nodes"]
    return [name for name, row in rows.items() if row["state"] == "leaving"]


@case("a random hash key is kept, so that flows stay in their slots over a restart")
def hash_key():
    with daemon.Folder() as folder, Kept(folder) as kept:
        del kept.conf["dataplane"]["hash_key"]
        question = {"src": "192.0.2.1", "dst": "192.0.2.2", "sport": 7, "dport": 9, "proto": "udp"}
        first = kept.start().result("explain", **question)["hash"]
        kept.kill()
        equal(kept.start().result("explain", **question)["hash"], first, "hash")


@case("rollback reaches back 256 generations over a restart and restores each exactly")
def far_back():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session, states = kept.start(), {}
        generator = random.Random(SEED)
        for number in range(1300):
            session.result("node.set_weight", pool="web", node=generator.choice("abc"),
                           weight=generator.randrange(1, 1000) / 8)
            if number >= 1300 - 256:
                states[number + 2] = None
            if number in (1300 - 256, 1300 - 100, 1299):
                states[number + 2] = control.state(session)
        size = os.path.getsize(kept.file)
        kept.kill()
        session = kept.start()
        true(session.result("history")["oldest"] <= min(states), session.result("history")["oldest"])
        for generation in [g for g in states if states[g]]:
            session.result("rollback", generation=generation)
            got = control.state(session)
            for part in ("config", "tables", "hands"):
                true(got[part] == states[generation][part], f"{part} of generation {generation}")
        control.refused(session, -32001, "rollback", generation=1)
        true(size < 4 << 20, f"the state file has {size} octets")


# ---- damage


def damaged(change, started_from_file, word):
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        some_changes(session)
        before = control.state(session)
        kept.kill()
        with open(kept.file, "rb") as file:
            octets = file.read()
        with open(kept.file, "wb") as file:
            file.write(change(octets))
        session = kept.start()
        log = kept.daemon.log()
        equal(len(kept.aside()), 1, f"files set aside; {log}")
        true(word in log and kept.aside()[0] in log, log)
        if started_from_file:
            equal(session.result("status")["generation"], 1, "generation")
            equal(session.result("nodes", pool="web")["nodes"]["a"]["weight"], 100, "weight")
        else:
            got = control.state(session)
            equal(got["generation"], before["generation"] - 1, "generation without the last change")
        session.result("node.set_weight", pool="web", node="a", weight=3)
        after = control.state(session)
        kept.kill()
        equal(control.state(kept.start()), after, "state after damage, a change and kill -9")


@case("a flipped bit is noticed: the file is set aside, the configuration is the start")
def flipped():
    damaged(lambda o: o[:2000] + bytes([o[2000] ^ 4]) + o[2001:], True, "damaged")


@case("a foreign file is set aside")
def foreign():
    damaged(lambda o: b"root:x:0:0:root:/root:/bin/bash\n" * 10, True, "set aside")


@case("an empty file is set aside")
def empty():
    damaged(lambda o: b"", True, "set aside")


@case("a file cut in its middle is set aside")
def cut():
    damaged(lambda o: o.rstrip(b"\0")[:3000], True, "set aside")


@case("a last record that is cut short was never answered: it is dropped, and it is said")
def torn():
    damaged(lambda o: o.rstrip(b"\0")[:-5], False, "cut short")


@case("a last record of which the disk has only the beginning is dropped, too")
def half_written():
    damaged(lambda o: o.rstrip(b"\0")[:-5] + bytes(5000), False, "cut short")


@case("what is no file cannot hold the state: status 2, and the remedy")
def no_file():
    for make in (os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/null", path)):
        with daemon.Folder() as folder, Kept(folder) as kept:
            make(folder.file("state"))
            with daemon.Daemon(folder, kept.conf) as started:
                equal(started.wait(), 2, "status")
                log = started.log()
                true("control.state" in log and "name a" in log, log)


@case("a state file that another daemon holds is refused with status 2")
def shared():
    with daemon.Folder() as folder, Kept(folder) as kept:
        kept.start()
        other = control.conf(folder, control={"state": kept.file, "socket": folder.file("o.sock")})
        with daemon.Daemon(folder, other, name="other") as second:
            equal(second.wait(), 2, "status")
            true("another daemon keeps its state there" in second.log(), second.log())


# ---- the configuration file


@case("a configuration file that changed since wins where the two differ, and it is said")
def file_wins():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        session.result("node.set_weight", pool="web", node="a", weight=10)
        session.result("node.add", pool="web", node="d", worker=0)
        session.result("node.disable", pool="web", node="b")
        kept.kill()
        kept.conf["pools"][0]["nodes"][2]["weight"] = 77
        session = kept.start()
        nodes = session.result("nodes", pool="web")["nodes"]
        # what the file has no more keeps the flows that it has, as if it had been removed
        equal({name: (n["weight"], n["state"]) for name, n in nodes.items()},
              {"a": (100, "up"), "b": (100, "disabled"), "c": (77, "up"), "d": (0, "leaving")}, "nodes")
        equal(session.result("status")["generation"], 5, "generation")
        log = kept.daemon.log()
        true("changed since" in log and "node a: weight 100 (was 10)" in log and "node d" in log, log)
        kept.kill()
        session = kept.start()
        equal(session.result("status")["generation"], 5, "generation when the file is the same again")
        true("changed since" not in kept.daemon.log(), kept.daemon.log())


@case("of a file that changed every difference is said, with both values")
def file_differs():
    with daemon.Folder() as folder, Kept(folder) as kept:
        kept.start()
        kept.kill()
        conf = kept.conf
        conf["dataplane"]["burst"] = 16
        conf["control"]["mode"] = "0600"
        conf["pools"][0].update(slots=8192, nodes=[*conf["pools"][0]["nodes"][:2], control.node("e")])
        conf["pools"][0]["nodes"][0]["handler"] = "echo"
        conf["services"][0]["protocol"] = "tcp"
        conf["services"].append({"name": "more", "address": "any", "pool": "web"})
        kept.start()
        log = kept.daemon.log()
        for word in ("dataplane.burst", "control: mode \"0600\" (was \"0660\")",
                     "pool web: slots 8192 (was 4096)", "pool web has no node c", "pool web has a node e",
                     "node a: handler echo (was sink)", "service all: protocol tcp (was all)",
                     "there is a service more, of pool web"):
            true("the file's word: " in log and word in log, f"{word} not in\n{log}")


@case("comments and order of keys are no change of the file")
def same_file():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        session.result("node.set_weight", pool="web", node="a", weight=10)
        kept.kill()
        kept.conf = dict(reversed(list(kept.conf.items())))
        session = kept.start()
        equal(session.result("nodes", pool="web")["nodes"]["a"]["weight"], 10, "weight")


@case("another file that was applied stays applied, and so does this one when it was applied itself")
def applied():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        other = json.loads(json.dumps(kept.conf))
        other["pools"][0]["nodes"][0]["weight"] = 5
        session.result("config.apply", text=json.dumps(other))
        kept.kill()
        session = kept.start()
        equal(session.result("nodes", pool="web")["nodes"]["a"]["weight"], 5, "weight")
        kept.conf["pools"][0]["nodes"][0]["weight"] = 6
        folder.write(f"sluiced{kept.number}.yaml", kept.conf)
        session.result("config.apply", text=json.dumps(kept.conf))
        session.result("node.set_weight", pool="web", node="b", weight=9)
        kept.kill()
        session = kept.start()
        nodes = session.result("nodes", pool="web")["nodes"]
        equal((nodes["a"]["weight"], nodes["b"]["weight"]), (6, 9), "weights")


@case("a full disk is said in the answer, and the state is complete when there is room again")
def full_disk():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        import resource
        pid = kept.daemon.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        answer = session.result("node.set_weight", pool="web", node="a", weight=1)
        true(any("not kept" in word for word in answer["warnings"]), answer)
        session.result("node.set_weight", pool="web", node="b", weight=2)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        answer = session.result("node.set_weight", pool="web", node="c", weight=3)
        equal(answer["warnings"], [], "warnings")
        before = control.state(session)
        kept.kill()
        equal(control.state(kept.start()), before, "state")


# ---- size


@case("40,000 nodes of which one went are rolled back and read again with seconds of work")
def many_nodes():
    nodes = [control.node(f"n{number}", 1 + number % 7) for number in range(40000)]
    with daemon.Folder() as folder, Kept(folder, nodes=nodes, slots=1 << 20) as kept:
        session = kept.start()
        session.result("node.remove", pool="web", node="n7", now=True)
        session.result("node.add", pool="web", node="x", worker=0, weight=4)
        before = kept.daemon.worked()
        session.result("rollback", generation=1)
        took = kept.daemon.worked() - before
        kept.kill()
        equal(kept.start().result("status")["generation"], 4, "generation")
        again = kept.daemon.worked()
        print(f"# rolled back in {took:.1f} s of processor time, started again in {again:.1f} s")
        if "SLUICE_SANITIZER" not in os.environ:
            true(took < 6 and again < 15, f"{took:.1f} s, {again:.1f} s")


# ---- random changes against a twin


class Twin:
    """What the daemon should hold: weights and hands by name, in the order of the file."""

    def __init__(self, nodes):
        self.nodes = {n["name"]: [n["weight"], "up"] for n in nodes}
        self.generation = 1
        self.past = {1: self.copy()}

    def copy(self):
        return {name: list(value) for name, value in self.nodes.items()}

    def done(self):
        self.generation += 1
        self.past[self.generation] = self.copy()

    def check(self, session, what):
        nodes = session.result("nodes", pool="web")["nodes"]
        got = {name: [n["weight"], "draining" if n["state"] == "drained" else n["state"]]
               for name, n in nodes.items() if n["state"] != "leaving"}
        equal(session.result("status")["generation"], self.generation, f"generation {what}")
        equal(got, self.nodes, f"nodes {what}")
        table = control.tables(session)
        total = sum(weight for weight, _ in self.nodes.values())
        for name, (weight, _) in self.nodes.items():
            share = weight * len(table) / total if total else 0
            true(abs(table.count(name) - share) < 1.0001,
                 f"{name} has {table.count(name)} slots of {share} {what}")


def random_change(generator, twin):
    """(method, parameters, code it must be refused with or None, what the twin does)."""
    names = list(twin.nodes)
    name = generator.choice(names) if names else "nobody"
    kind = generator.randrange(12)
    weight = generator.choice([0, 1, 50.5, generator.randrange(1, 8000) / 8])
    target = {"pool": "web", "node": name}
    if kind == 0:
        bad = generator.choice([({**target, "weight": -1}, -32003),
                                ({**target, "node": "zz", "weight": 1}, -32001),
                                ({**target, "weight": "x"}, -32602), ({"weight": 1}, -32602),
                                ({**target, "weight": 1, "if_generation": twin.generation + 1}, -32002)])
        return "node.set_weight", bad[0], bad[1], None
    if kind == 1:
        return "node.add", {"pool": "web", "node": name, "worker": 0}, -32003 if names else None, None
    if kind == 2 and len(names) < 12:
        new = f"n{generator.randrange(1000)}"
        if new in twin.nodes:
            return "node.add", {"pool": "web", "node": new, "worker": 0}, -32003, None
        return ("node.add", {"pool": "web", "node": new, "worker": 0, "weight": weight}, None,
                lambda: twin.nodes.update({new: [weight, "up"]}))
    if kind == 3 and len(names) > 2:
        return "node.remove", {**target, "now": True}, None, lambda: twin.nodes.pop(name)
    if kind == 4 and len(twin.past) > 3:
        back = generator.choice([g for g in twin.past if g > twin.generation - 250])
        return ("rollback", {"generation": back}, None,
                lambda: setattr(twin, "nodes", {n: list(v) for n, v in twin.past[back].items()}))
    if kind in (5, 6, 7):
        verb, state = [("drain", "draining"), ("disable", "disabled"), ("enable", "up")][kind - 5]
        return (f"node.{verb}", target, None,
                lambda: twin.nodes[name].__setitem__(1, state))
    return ("node.set_weight", {**target, "weight": weight}, None,
            lambda: twin.nodes[name].__setitem__(0, weight))


@case(f"{CHANGES} random changes, valid and not, with kill -9 in between, leave the twin's state each time")
def twin():
    print(f"# seed {SEED}", flush=True)
    generator = random.Random(SEED)
    with daemon.Folder() as folder, Kept(folder, slots=1024) as kept:
        session = kept.start()
        model = Twin(kept.conf["pools"][0]["nodes"])
        for number in range(CHANGES):
            method, params, code, effect = random_change(generator, model)
            answer = session.call(method, **params)
            got = answer.get("error", {}).get("code")
            if got != code:
                raise Failed(f"change {number}: {method} {params}: {answer}, wanted {code}")
            if code is None:
                if effect:
                    effect()
                model.done()
                equal(answer["result"]["generation"], model.generation, f"change {number}")
            if generator.randrange(400) == 0:
                before = control.state(session)
                kept.kill()
                session = kept.start()
                equal(control.state(session), before, f"state after kill -9 at change {number}")
                model.check(session, f"after kill -9 at change {number}")
            elif generator.randrange(200) == 0:
                model.check(session, f"at change {number}")
        model.check(session, "at the end")
        print(f"# {kept.number} starts", flush=True)


if __name__ == "__main__":
    run()
