#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of the state file outside the daemon: damage and torn writes, a full disk, files and folders
that others remove, replace or prepare, starts that fail, two daemons at one file."""

import glob
import json
import os
import resource
import shutil
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import PATIENCE, case, equal, run, true, until  # noqa: E402
import control  # noqa: E402
import daemon  # noqa: E402

HEAD = 15  # octets of the first line
PAGE = 4096


class Kept:
    """A daemon whose state file is in a folder of its own, to be ended and started again."""

    def __init__(self, folder, **more):
        self.folder, self.number = folder, 0
        os.makedirs(folder.file("kept"), exist_ok=True)
        self.file = folder.file("kept/state")
        self.conf = control.conf(folder, control={"state": self.file}, **more)
        self.daemon = None

    def start(self, prefix=()):
        self.number += 1
        self.daemon = daemon.Daemon(self.folder, self.conf, name=f"sluiced{self.number}", prefix=prefix)
        self.daemon.ready()
        return daemon.Session(self.daemon.socket)

    def kill(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.daemon.errors.close()

    def stop(self, status=0):
        equal(self.daemon.stop(), status, self.daemon.log())
        self.daemon.errors.close()

    def read(self):
        with open(self.file, "rb") as file:
            return file.read()

    def write(self, octets):
        with open(self.file, "wb") as file:
            file.write(octets)

    def aside(self, word="damaged"):
        return sorted(glob.glob(f"{self.file}.{word}-*"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.daemon and self.daemon.process.poll() is None:
            self.kill()


def change(session, count, first=0):
    """So many changes; the last answer's generation, and the weight that it set."""
    for number in range(first, first + count):
        got = session.result("node.set_weight", pool="web", node="a", weight=1 + number % 97)
    return got["generation"], got["warnings"]


def records(octets):
    """Where each record begins."""
    at, places = HEAD, []
    while octets[at:at + 8].strip(b"\0"):
        places.append(at)
        at += 8 + struct.unpack_from("<I", octets, at)[0]
    return places


def weight(session):
    return session.result("nodes", pool="web")["nodes"]["a"]["weight"]


def goes_on_from(kept, octets, generation, *words):
    """Started with these octets: that generation, what is said, a copy of the file, and further changes."""
    kept.write(octets)
    before = len(kept.aside())
    session = kept.start()
    log = kept.daemon.log()
    equal(session.result("status")["generation"], generation, f"generation\n{log}")
    if generation > 1:
        equal(weight(session), 1 + (generation - 2) % 97, "weight of that generation")
    true(all(word in log for word in words), f"{words} in {log}")
    equal(len(kept.aside()), before + 1, "copies of the file")
    with open(kept.aside()[-1], "rb") as file:
        equal(file.read(), octets, "the copy")
    change(session, 1, 50)
    kept.kill()
    session = kept.start()
    equal((session.result("status")["generation"], weight(session)), (generation + 1, 51), "after another change")
    kept.kill()


@case("a flipped bit, wherever it is, costs nothing that stands before it, and what is lost is said")
def flipped():
    with daemon.Folder() as folder, Kept(folder) as kept:
        change(kept.start(), 40)
        kept.kill()
        octets = kept.read()
        places = records(octets)
        equal(len(places), 41, "records")
        for place, bit, what in ((10, 24, "content"), (10, 3, "the length's highest octet"), (38, 20, "content"),
                                 (38, 0, "the length's lowest octet"), (38, 5, "the checksum")):
            bad = bytearray(octets)
            bad[places[place] + bit] ^= 0x80
            print(f"# record {place + 1}: {what}", flush=True)
            goes_on_from(kept, bytes(bad), place, f"octet {places[place]}", f"up to generation {place}",
                         "up to generation 41")
        bad = bytearray(octets)
        bad[places[40] + 20] ^= 1
        goes_on_from(kept, bytes(bad), 40, "last record is cut short or damaged", "up to generation 40")


@case("of a write of many changes any page may be missing: nothing that was answered before is lost")
def torn():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        generation = change(session, 40)[0]
        before = kept.read()
        end = len(before.rstrip(b"\0"))
        process = kept.daemon.process
        process.send_signal(signal.SIGSTOP)
        lines = [{"jsonrpc": "2.0", "id": n, "method": "node.set_weight",
                  "params": {"pool": "web", "node": "b", "weight": 1 + n % 9}} for n in range(200)]
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(kept.daemon.socket)
            client.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
            process.send_signal(signal.SIGCONT)
            answers = client.makefile("rb")
            for _ in lines:
                answers.readline()
        kept.kill()
        after = kept.read()
        pages = range(end // PAGE, len(after.rstrip(b"\0")) // PAGE + 1)
        true(len(pages) > 4, f"pages {pages}")
        for page in (pages[0], pages[1], pages[2], pages[-1]):
            bad = bytearray(after)
            bad[page * PAGE:(page + 1) * PAGE] = before[page * PAGE:(page + 1) * PAGE].ljust(PAGE, b"\0")
            kept.write(bytes(bad))
            session = kept.start()
            got = session.result("status")["generation"]
            true(got >= generation, f"generation {got} of {generation} without page {page}")
            equal(weight(session), 1 + 39 % 97, "weight of what was answered before")
            kept.kill()


@case("flows that are damaged cost no change")
def flows():
    with daemon.Folder() as folder, Kept(folder) as kept:
        change(kept.start(), 5)
        kept.stop()
        octets = bytearray(kept.read())
        octets[records(octets)[-1] + 20] ^= 1
        goes_on_from(kept, bytes(octets), 6, "what it says of flows", "up to generation 6")


@case("a file of a newer version is not called damaged")
def newer():
    with daemon.Folder() as folder, Kept(folder) as kept:
        kept.write(b"sluice state 9\n" + bytes(range(200)))
        kept.start()
        log = kept.daemon.log()
        true("of version 9, which is newer" in log and "damaged" not in log, log)
        equal(len(kept.aside("version-9")), 1, "files set aside")


@case("a start that fails leaves a damaged file where it is, for the next one to find")
def failing_start():
    with daemon.Folder() as folder, Kept(folder) as kept:
        change(kept.start(), 3)
        kept.kill()
        octets = b"no state at all\n" * 9
        kept.write(octets)
        metrics = socket.socket()
        metrics.bind(("127.0.0.1", 0))
        metrics.listen()
        port = kept.conf["ports"]
        for fails in ({"ports": [dict(port[0], device="net_af_packet0,iface=sl-nothing")]},
                      {"control": dict(kept.conf["control"], metrics=f"127.0.0.1:{metrics.getsockname()[1]}")},
                      {"control": dict(kept.conf["control"], socket=folder.file("sluiced1.log") + "/x")}):
            with daemon.Daemon(folder, dict(kept.conf, **fails), name="failing") as failing:
                equal(failing.wait(), 2, f"status\n{failing.log()}")
                true("no state of sluice" in failing.log(), failing.log())
            equal((kept.read(), kept.aside()), (octets, []), "the file, and those set aside")
        metrics.close()
        kept.start()
        true("no state of sluice" in kept.daemon.log(), kept.daemon.log())
        equal(len(kept.aside()), 1, "set aside by the start that stands")


@case("a start that fails leaves no new state file behind")
def failing_first_start():
    with daemon.Folder() as folder, Kept(folder) as kept:
        with daemon.Daemon(folder, dict(kept.conf, ports=[dict(kept.conf["ports"][0], device="net_nothing0")]),
                           name="failing") as failing:
            equal(failing.wait(), 2, f"status\n{failing.log()}")
        true(not os.path.exists(kept.file), "no file")


@case("a full disk keeps no daemon from starting; the state is written when there is room")
def full_at_start():
    with daemon.Folder() as folder, Kept(folder) as kept:
        change(kept.start(), 3)
        kept.kill()
        session = kept.start(prefix=("prlimit", "--fsize=8000:unlimited"))
        true("would not survive a restart" in kept.daemon.log(), kept.daemon.log())
        equal(session.result("status")["generation"], 4, "generation")
        true("not kept" in change(session, 1, 9)[1][0], "a warning")
        kept.kill()
        session = kept.start(prefix=("prlimit", "--fsize=8000:unlimited"))
        equal(session.result("status")["generation"], 4, "generation: the change was not kept, and said so")
        resource.prlimit(kept.daemon.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        equal(change(session, 1, 9), (5, []), "generation and warnings")
        kept.kill()
        equal(weight(kept.start()), 10, "weight")


@case("a first start on a full disk stands, too")
def full_at_first():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start(prefix=("prlimit", "--fsize=0:unlimited"))
        true("not kept" in change(session, 1)[1][0], "a warning")


@case("a file that was removed, replaced, cut or written over, or whose folder was made anew, is written "
      "anew before a change is answered")
def others():
    def remove(kept):
        os.unlink(kept.file)

    def replace(kept):
        with open(kept.file + ".other", "wb") as file:
            file.write(b"somebody's")
        os.rename(kept.file + ".other", kept.file)

    def folder_anew(kept):
        shutil.rmtree(os.path.dirname(kept.file))
        os.mkdir(os.path.dirname(kept.file))

    def folder_gone(kept):
        shutil.rmtree(os.path.dirname(kept.file))

    def cut(kept):
        os.truncate(kept.file, 40)

    def over(kept):
        octets = kept.read()
        with open(kept.file, "r+b") as file:
            file.write(bytes(len(octets)))

    for number, meddle in enumerate((remove, replace, folder_anew, folder_gone, cut, over)):
        with daemon.Folder() as folder, Kept(folder) as kept:
            session = kept.start()
            change(session, 3)
            meddle(kept)
            equal(change(session, 1, 30 + number), (5, []), f"generation and warnings; {meddle.__name__}")
            equal(change(session, 1, 40 + number), (6, []), f"generation and warnings; {meddle.__name__}")
            true("written anew" in kept.daemon.log(), kept.daemon.log())
            kept.kill()
            session = kept.start()
            equal((session.result("status")["generation"], weight(session)), (6, 41 + number), meddle.__name__)
            if meddle is replace:
                with open(kept.aside("before")[0], "rb") as file:
                    equal(file.read(), b"somebody's", "what was there instead")


@case("a state that cannot be written is said in the answer, and at the end by status 2")
def cannot_end():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        change(session, 2)
        shutil.rmtree(os.path.dirname(kept.file))
        with open(os.path.dirname(kept.file), "wb"):
            pass
        true("not kept" in change(session, 1)[1][0], "a warning")
        kept.stop(status=2)
        true("the state is not kept" in kept.daemon.log(), kept.daemon.log())


@case("a file that is left and taken up again in one turn is the one that is kept")
def there_and_back():
    with daemon.Folder() as folder, Kept(folder) as kept:
        session = kept.start()
        text = session.result("config.get")["text"]
        other = text.replace(kept.file, kept.file + "2")
        true(other != text, text)
        lines = [{"jsonrpc": "2.0", "id": i, "method": "config.apply", "params": {"text": one}}
                 for i, one in enumerate((other, text, other, text))]
        session.client.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        for i in range(len(lines)):
            answer = json.loads(session.lines.readline())
            equal(answer.get("result", answer).get("generation"), i + 2, f"answer {i}")
        session.result("node.set_weight", pool="web", node="a", weight=7)
        kept.kill()
        session = kept.start()
        equal(session.result("nodes", pool="web")["nodes"]["a"]["weight"], 7, "weight after kill -9")
        equal(session.result("status")["generation"], 6, "generation")


@case("links that others prepared beside the state file are not followed")
def prepared():
    with daemon.Folder() as folder, Kept(folder) as kept:
        victim = folder.write("victim", "secret")
        os.symlink(victim, kept.file + ".new")
        change(kept.start(), 2)
        equal(folder.read("victim"), "secret", "the link's end")
        true(not os.path.islink(kept.file), "the state is a file")
        kept.kill()
        equal(kept.start().result("status")["generation"], 3, "generation")
        kept.kill()
        os.unlink(kept.file)
        os.symlink(victim, kept.file)
        os.lchown(kept.file, 65534, 65534)
        with daemon.Daemon(folder, kept.conf, name="refused") as refused:
            equal(refused.wait(), 2, refused.log())
            true("link of another user" in refused.log(), refused.log())
        equal(folder.read("victim"), "secret", "the link's end")


@case("of two daemons that start at once with one new state file one starts")
def two():
    with daemon.Folder() as folder, Kept(folder) as kept:
        other = control.conf(folder, control={"state": kept.file, "socket": folder.file("o.sock")})
        with daemon.Daemon(folder, kept.conf, name="one") as one, \
                daemon.Daemon(folder, other, name="other") as two:
            loser = until(lambda: next((d for d in (one, two) if d.process.poll() is not None), None), "one of them ends")
            true("another daemon keeps its state there" in loser.log(), f"{one.log()}\n{two.log()}")
            equal(loser.process.returncode, 2, "status")
            winner = two if loser is one else one
            winner.ready()
            change(daemon.Session(winner.socket), 3)
            winner.process.kill()
            winner.process.wait()
        kept.conf = other if loser is one else kept.conf
        session = kept.start()
        equal(session.result("status")["generation"], 4, "generation")


@case("the folder of a state file is made, for the owner alone")
def folder_made():
    with daemon.Folder() as folder, Kept(folder) as kept:
        kept.file = kept.conf["control"]["state"] = folder.file("var/lib/sluice/state")
        change(kept.start(), 2)
        equal(oct(os.stat(folder.file("var/lib/sluice")).st_mode & 0o7777), "0o700", "mode")
        kept.kill()
        equal(kept.start().result("status")["generation"], 3, "generation")


if __name__ == "__main__":
    run()
