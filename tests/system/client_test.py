#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""sluicectl alone, before a server that this test plays: what it shows, waits for, and believes.

    sluicectl --socket--> a thread here that answers as each case says
"""

import json
import os
import re
import shutil
import subprocess
import tempfile

import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))

import daemon  # noqa: E402
from pretend import Server  # noqa: E402
from tap import PATIENCE, Failed, case, equal, run  # noqa: E402

NODE = {"weight": 1, "state": "up", "since_ms": 1700000000000, "expected_share": 0.5, "measured_share": 0.5,
        "slots": 128, "flows": 7, "packets": 1000, "why": "since the start", "open_slots": 0}


def plain(line):
    return re.sub(r"\x1b\[[0-9;]*m", "", line)


def nodes(**more):
    return lambda method, params: {"nodes": {"web": {**{"a": NODE}, **more}}}


@case("a daemon that does not answer is given up after --timeout, with status 2")
def _():
    with Server(lambda method, params: None) as server:
        _, err = server.run("--timeout", "200ms", "status", status=2)
        if "does not answer within 200 ms" not in err:
            raise Failed(err)
        for wrong in ("0s", "5", "1e3s", "-1s"):
            server.run("--timeout", wrong, "status", status=1)
        out, _ = server.run("--help")
        if "5s unless told" not in out:
            raise Failed(out)


@case("a value that cannot be is named, with what may be")
def _():
    with Server(lambda method, params: {"service": "x", "pool": "p", "node": "n", "why": "slot"}) as server:
        for words, parts in ((("history", "--limit", "0"), ("--limit 0", "1 is the least")), (("flows", "--limit", "0"), ("--limit 0",)),
                             (("nodes", "--state", "nix"), ("--state nix", "up, down, draining, drained, disabled, leaving"))):
            _, err = server.run(*words, status=1)
            if not all(part in err for part in parts):
                raise Failed(f"{words}: {err}")
        equal(server.asked, [], "what was asked")
        ends = ("--src", "192.0.2.1", "--dst", "192.0.2.2")
        for words, wanted in ((("--proto", "tcp"), True), (("--proto", "udp", "--dport", "53"), True), (("--proto", "icmp"), False),
                              (("--proto", "tcp", "--sport", "1", "--dport", "2"), False)):
            _, err = server.run("explain", *ends, *words)
            equal("is taken as 0" in err, wanted, f"{words}: {err}")


@case("-i names the socket of an instance")
def _():
    name = f"slc{os.getpid()}"
    folder = f"/run/{name}" if os.geteuid() == 0 else tempfile.mkdtemp(prefix=name)
    os.makedirs(folder if os.geteuid() == 0 else f"{folder}/{name}", exist_ok=True)
    try:
        path = f"{folder}/control.sock" if os.geteuid() == 0 else f"{folder}/{name}/control.sock"
        with Server(lambda method, params: {"level": "info"}, path):
            done = subprocess.run([daemon.SLUICECTL, "-i", name, "log-level"], capture_output=True, text=True, timeout=PATIENCE,
                                  env={**os.environ, "XDG_RUNTIME_DIR": folder, "SLUICE_SOCKET": "/nowhere"}, check=False)
            equal((done.returncode, done.stdout), (0, "info\n"), f"-i {name}: {done.stderr}")
    finally:
        shutil.rmtree(folder)


@case("what is no answer of sluiced ends in a sentence, whatever it is")
def _():
    said = [b"[]\n", b"{}\n", b"7\n", b"\n", b"nonsense\n", b'{"id": 1}\n', b'{"id": 1, "error": {}}\n', b'{"id": 1, "error": 7}\n',
            b'{"id": 9, "result": {}}\n', b'{"error": {"message": 7}}\n', b'{"id": 1, "result": 7}\n']
    for octets in said:
        with Server(lambda method, params, octets=octets: octets) as server:
            done = subprocess.run([daemon.SLUICECTL, "-s", server.path, "--timeout", "2s", "set-weight", "web/a", "1"],
                                  capture_output=True, text=True, timeout=PATIENCE, check=False)
            wanted = 0 if octets == said[-1] else 1
            equal(done.returncode, wanted, f"status after {octets}: {done.stdout} {done.stderr}")
            if "(null)" in done.stdout + done.stderr or (wanted and not done.stderr.startswith("sluicectl: ")):
                raise Failed(f"{octets}: {done.stdout} {done.stderr}")
    with Server(lambda method, params: {"generation": 1, "warnings": [7, None], "changes": [{}], "moved_slots": 7}) as server:
        out, err = server.run("set-weight", "web/a", "1")
        if "(null)" in out + err:
            raise Failed(out + err)


@case("no control character of an answer reaches the terminal")
def _():
    evil = "a\x1b]0;x\x07\x9b31mb"
    with Server(lambda method, params: {"nodes": {"web": {evil: {**NODE, "why": evil, "state": evil}}}}) as server:
        for words in (("nodes",), ("--json", "nodes")):
            out, _ = server.run(*words)
            if any(ord(one) < 32 and one != "\n" or 0x7f <= ord(one) < 0xa0 for one in out):
                raise Failed(repr(out))
    error = {"id": 1, "error": {"code": -1, "message": evil}}
    with Server(lambda method, params: json.dumps(error).encode() + b"\n") as server:
        _, err = server.run("nodes", status=1)
        if "\x1b" in err or "\x9b" in err:
            raise Failed(repr(err))


@case("a table fits the terminal, cut with an ellipsis, and is whole in a pipe")
def _():
    why = "somebody said so, at length, " * 6
    long = nodes(**{"a-node-with-a-rather-long-name-" + "x" * 30: {**NODE, "why": why.strip()}})
    with Server(long) as server:
        for columns in (80, 120, 400, 40):
            lines = [plain(line) for line in server.run_on_terminal("nodes", columns=columns)]
            equal(max(map(len, lines)) <= columns, True, f"lines at {columns} columns: {lines}")
            equal(any("…" in line for line in lines), columns < 400, f"an ellipsis at {columns}: {lines}")
        lines = [plain(line) for line in server.run_on_terminal("nodes")]
        equal(lines[0].split(), ["NODE", "WEIGHT", "STATE", "SINCE", "MEASURED", "FLOWS", "PACKETS", "WHY"], "columns at 80")
        out, _ = server.run("nodes")
        if why.strip() not in out or "…" in out or "\x1b" in out or "█" in out:
            raise Failed(out)
        equal([line for line in out.splitlines() if line != line.rstrip()], [], "lines that end in blanks")
    line = {"generation": 7, "time_ms": 1700000000000, "uid": 0, "pid": 1, "verb": "apply", "what": why, "moved_slots": {"web": 3}}
    with Server(lambda method, params: {"history": [line]}) as server:
        lines = [plain(one) for one in server.run_on_terminal("history")]
        equal(max(map(len, lines)) <= 80, True, f"history: {lines}")


@case("states have colours on a terminal, unless NO_COLOR is set")
def _():
    with Server(nodes(b={**NODE, "state": "disabled"})) as server:
        text = "\n".join(server.run_on_terminal("nodes"))
        if "\x1b[32mup" not in text or "\x1b[31mdisabled" not in text:
            raise Failed(repr(text))
        text = "\n".join(server.run_on_terminal("nodes", env={"NO_COLOR": "1"}))
        if "\x1b" in text:
            raise Failed(repr(text))


@case("nodes leaves out leaving ones without flows and says how many; --all, --state and --sort choose")
def _():
    many = {f"l{i}": {**NODE, "state": "leaving", "flows": int(i == 3)} for i in range(5)}
    with Server(nodes(b={**NODE, "flows": 90, "weight": 0.5}, **many)) as server:
        names = lambda *words: [line.split()[0][4:] for line in server.run("nodes", *words)[0].splitlines()[1:] if "/" in line]  # noqa: E731
        equal(names(), ["a", "b", "l3"], "nodes")
        if "4 leaving without flows not shown" not in server.run("nodes")[0]:
            raise Failed(server.run("nodes")[0])
        equal(len(names("--all")), 7, "with --all")
        equal(names("--state", "leaving"), ["l0", "l1", "l2", "l3", "l4"], "--state leaving")
        equal(names("--sort", "flows"), ["b", "a", "l3"], "--sort flows")
        equal(names("--sort", "name", "--state", "up"), ["a", "b"], "--sort name")
        server.run("nodes", "--sort", "colour", status=1)
        out, _ = server.run("nodes", "--count", "2", "--interval", "10ms")
        equal(out.count("NODE"), 2, "two looks")
        equal(out.count("PER SECOND"), 1, "the second one has rates")


@case("drain --wait counts down slots, flows and time; remove-node --wait too")
def _():
    steps = [{"open_slots": 12, "flows": 0, "deadline_left_seconds": 42.5}, {"open_slots": 0, "flows": 15, "deadline_left_seconds": 40},
             {"open_slots": 0, "flows": 2, "deadline_left_seconds": 12}, {"state": "drained", "flows": 0, "why": "nothing is left"}]
    left = list(steps)

    def answer(method, params):
        if method == "nodes":
            equal(params["pool"], "web", "the pool that is asked for")
            return {"nodes": {"a": {**NODE, "state": "draining", **(left.pop(0) if left else steps[-1])}}}
        return {"generation": 2, "moved_slots": {}, "warnings": [], "left": {"slots": 12, "flows": 0, "exact": False}}

    with Server(answer) as server:
        out, _ = server.run("drain", "web/a", "--wait")
        for line in ("web/a: 12 slots still open, 0 flows known by now, 42s until the rest is cut", "web/a: 15 flows left, 40s",
                     "web/a: 2 flows left, 12s", "drained: nothing is left"):
            if line not in out:
                raise Failed(f"{line}: {out}")
    leaving = [{"a#7": {**NODE, "state": "leaving", "flows": 3}}, {"a": {**NODE, "state": "leaving", "flows": 1}}, {"a": NODE}]

    def removed(method, params):
        if method == "nodes":
            return {"nodes": leaving.pop(0) if len(leaving) > 1 else leaving[0]}
        return {"generation": 2, "moved_slots": {}, "warnings": []}

    with Server(removed) as server:
        out, _ = server.run("remove-node", "web/a", "--wait")
        equal([line for line in out.splitlines() if "flows left" in line or line == "removed"],
              ["web/a: 3 flows left", "web/a: 1 flows left", "removed"], "what remove-node says")


@case("history is fetched part by part, and events begin after a generation and go on with the next daemon")
def _():
    lines = [{"generation": i, "time_ms": 1700000000000, "uid": 0, "pid": 1, "verb": "apply", "what": f"change {i}", "moved_slots": {}}
             for i in range(1, 8)]

    subscribed = []

    def answer(method, params):
        if method == "events":
            subscribed.append(True)
            # the first daemon goes after an event, the second one is at a later generation
            return [{"subscribed": True, "generation": 6 if len(subscribed) == 1 else 7},
                    {"method": "event", "params": {"kind": "warning", "time_ms": 1, "generation": 7, "text": f"live {len(subscribed)}"}}]
        part = [line for line in lines if line["generation"] >= params["from"]][:3]
        after = part[-1]["generation"] + 1
        return {"generation": 7, "oldest": 1, "history": part, **({"next": after} if after <= 7 else {})}

    with Server(answer) as server:
        out, _ = server.run("history")
        equal([line.split()[0] for line in out.splitlines()[1:]], [str(i) for i in range(1, 8)], "generations")
        with subprocess.Popen([daemon.SLUICECTL, "-s", server.path, "events", "--since", "4"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as follower:
            got = [follower.stdout.readline().rstrip("\n").split(": ")[1] for _ in range(6)]
            follower.kill()
        equal(got, ["change 5", "change 6", "live 1", "change 7", "live 2", "live 3"], "events")


@case("numbers have one grammar: what the file refuses the command line refuses")
def _():
    with Server(lambda method, params: {"generation": 1, "moved_slots": {}, "warnings": []}) as server:
        for wrong in ("1e3", " 5", "5 ", "+5", "0x5", "nan", "", "1,5", "1000001", "0.0000001", "."):
            _, err = server.run("set-weight", "web/a", wrong, status=1)
            if "weight" not in err:
                raise Failed(err)
        equal(server.asked, [], "what was asked")
        for right, number in (("50.5", 50.5), ("007", 7), ("0", 0), ("1000000", 1000000), ("0.000001", 0.000001)):
            server.run("set-weight", "web/a", right)
            equal(server.asked[-1][1]["weight"], number, right)
        for words in (("set-weight", "web/a", "1", "--if-generation", " 5"), ("history", "--limit", "+5"), ("rollback", "07"),
                      ("stats", "--interval", "1e1s"), ("events", "--since", "1.0")):
            server.run(*words, status=1)


run()
