#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Bad input: each a clear message and the right exit status, never a crash, and nothing is lost."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, TOP, case, equal, run, true  # noqa: E402
import daemon  # noqa: E402

FRAME = (bytes.fromhex("020000000002020000000001" "0800" "4500002c000900004006" "0000" "c6336407c000020a")
         + bytes.fromhex("04000050" + "00000001" + "00000000" + "50022000" + "0000" + "0000" + "00000000"))
RAW_IP = 101


def checked(frame):
    """With a right IPv4 header checksum."""
    head = bytearray(frame[14:34])
    total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    head[10:12] = (total ^ 0xFFFF).to_bytes(2, "big")
    return frame[:14] + bytes(head) + frame[34:]


def conf(folder, device="net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap", **more):
    nodes = more.pop("nodes", [{"name": "w0", "worker": 0, "handler": "sink", "weight": 1}])
    return daemon.configuration(folder, [{"name": "p0", "device": device, "arp": "off"}],
                                [{"name": "web", "nodes": nodes}],
                                [{"name": "all", "address": "any", "pool": "web"}], **more)


def refused(status, *words, write=None, arguments=(), **keys):
    """The daemon ends with the status, and a line of its output has all the words."""
    with daemon.Folder() as folder:
        if write:
            write(folder)
        else:
            daemon.write_pcap(folder.file("in.pcap"), [checked(FRAME)])
        log = daemon.run(folder, conf(folder, **keys), *arguments, status=status)
        wanted = [word for word in words]
        true(any(all(word in line for word in wanted) for line in log.split("\n")),
             f"no line has {wanted} in:\n{log}")


def octets(data):
    def write(folder):
        with open(folder.file("in.pcap"), "wb") as file:
            file.write(data)
    return write


def command(*arguments, **more):
    return subprocess.run([daemon.binary(), *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False, **more)


@case("a capture that is not Ethernet is refused with status 2")
def not_ethernet():
    refused(2, "in.pcap", "Ethernet", write=lambda folder: daemon.write_pcap(
        folder.file("in.pcap"), [FRAME[14:]], RAW_IP))


@case("an empty file is refused with status 2")
def empty():
    refused(2, "in.pcap", write=octets(b""))


@case("a file that is no capture is refused with status 2")
def no_capture():
    refused(2, "in.pcap", write=octets(b"this is a text, and not a capture of anything at all\n" * 3))


@case("a capture without packets ends in good order with nothing received")
def no_packets():
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [])
        equal(daemon.run(folder, conf(folder))["balance"]["received"], 0, "received")


@case("of a capture cut off in a packet all whole packets are delivered")
def cut_off():
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [checked(FRAME)] * 5)
        with open(folder.file("in.pcap"), "r+b") as file:
            file.truncate(os.path.getsize(folder.file("in.pcap")) - 10)
        equal(daemon.run(folder, conf(folder))["balance"]["delivered"], 4, "delivered")


@case("packets cut short when captured are counted as truncated")
def snapped():
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [checked(FRAME)[:40], checked(FRAME)[:20], checked(FRAME)])
        report = daemon.run(folder, conf(folder))
        equal(report["dropped"]["truncated"], 2, "truncated")
        equal(report["balance"]["delivered"], 1, "delivered")


@case("a missing capture is refused with status 2 and its name")
def missing():
    refused(2, "absent.pcap", device="net_pcap0,rx_pcap=absent.pcap,tx_pcap=out.pcap")


@case("an output whose folder is missing is refused with status 2 and its name")
def missing_output():
    refused(2, "nowhere/out.pcap", device="net_pcap0,rx_pcap=in.pcap,tx_pcap=nowhere/out.pcap")


@case("an unknown device is refused with status 2 and its name")
def unknown_device():
    refused(2, "net_nonsense0", device="net_nonsense0")


@case("a PCI address where no device is is refused with status 2")
def absent_pci():
    refused(2, "0000:fe:1f.7", device="0000:fe:1f.7")


@case("a CPU that the machine has not is refused with status 2")
def absent_cpu():
    refused(2, "900", dataplane={"rx_cpus": [900]})


@case("more memory than the machine has is refused with status 2")
def much_memory():
    refused(2, "memory", dataplane={"memory_mb": 1000000})


@case("two nodes of one name are refused with status 1 and their place")
def twins():
    twin = {"name": "w0", "worker": 0, "handler": "sink", "weight": 1}
    refused(1, "sluiced.yaml:", "w0", nodes=[twin, twin])


@case("a worker index that does not exist is refused with status 1")
def absent_worker():
    refused(1, "sluiced.yaml:", "worker",
            nodes=[{"name": "w0", "worker": 1, "handler": "sink", "weight": 1}])


@case("weights of -1, NaN, infinity, words and too much are refused with status 1")
def weights():
    for weight in (-1, ".nan", ".inf", "many", 1000001, "1e300", "0x10", ""):
        refused(1, "sluiced.yaml:", "weight",
                nodes=[{"name": "w0", "worker": 0, "handler": "sink", "weight": weight}])


@case("an unknown handler is refused with status 1")
def handler():
    refused(1, "sluiced.yaml:", "juggle",
            nodes=[{"name": "w0", "worker": 0, "handler": "juggle", "weight": 1}])


@case("a state that would take the configuration's place is refused with status 1, and nothing is moved")
def state_in_place():
    with daemon.Folder() as folder:
        path = folder.file("sluiced.yaml")
        os.symlink(path, folder.file("link"))
        for name in ("sluiced.yaml", "link"):
            text = conf(folder, device="net_null0", control={"state": folder.file(name)})
            log = daemon.run(folder, text, status=1)
            true(any("sluiced.yaml:" in line and "`state`" in line for line in log.split("\n")), log)
            true("pools" in folder.read("sluiced.yaml"), "the configuration is gone")


@case("every error of a file is reported with file, line and column, not just the first")
def all_errors():
    text = """\
dataplane:
  brust: 32
ports:
  - {name: p0, device: "net_null0", mtu: 100}
pools:
  - name: web
    slots: 1000
    nodes:
      - {name: w0, worker: 0, handler: sink, weight: -1}
services:
  - {name: all, address: any, pool: wbe}
"""
    with daemon.Folder() as folder:
        log = daemon.run(folder, text, status=1)
        for line, word in ((2, "brust"), (4, "mtu"), (7, "slots"), (9, "weight"), (11, "wbe")):
            true(any(f"sluiced.yaml:{line}:" in one and word in one for one in log.split("\n")),
                 f"line {line}, {word}, is not in:\n{log}")


@case("of a file with 900 errors each has its line")
def many_errors():
    with daemon.Folder() as folder:
        nodes = [{"name": f"n{number}", "worker": 0, "wieght": 5} for number in range(900)]
        path = folder.write("many.yaml", conf(folder, nodes=nodes))
        done = command("-c", path, "--check")
        equal((done.returncode, done.stderr.count("unknown key `wieght`")), (1, 900), "status and errors")


@case("a file that is no YAML is refused with status 1 and the place")
def no_yaml():
    with daemon.Folder() as folder:
        log = daemon.run(folder, "ports: [\n  {name: p0\n", status=1)
        true("sluiced.yaml:" in log, log)


@case("a configuration that is missing is refused with status 1 and its name")
def no_configuration():
    done = command("-c", "/nowhere/sluice.yaml")
    equal(done.returncode, 1, "status")
    true("/nowhere/sluice.yaml" in done.stderr, done.stderr)


@case("a wrong command line is refused with status 1 and how it goes")
def command_line():
    for arguments in ((), ("--nonsense",), ("-c",), ("-c", "x", "--exit-when-idle", "soon"),
                      ("-c", "x", "--exit-when-idle", "-5"), ("-c", "x", "--log-level", "loud"),
                      ("-c", "x", "--log-format", "xml"), ("-c", "x", "y")):
        done = command(*arguments)
        equal(done.returncode, 1, f"status of sluiced {' '.join(arguments)}\n{done.stderr}")
        true(done.stderr.strip() != "", f"sluiced {' '.join(arguments)} says nothing")


@case("lines have their priority for the journal, and for nobody else")
def journal():
    read, write = os.pipe()
    place = os.fstat(write)
    for stream, start in ((f"{place.st_dev}:{place.st_ino}", b"<3>/nowhere:"),
                          (f"{place.st_dev}:{place.st_ino + 1}", b"/nowhere:"), ("", b"/nowhere:")):
        subprocess.run([daemon.binary(), "-c", "/nowhere"], stderr=write, check=False,
                       env={**os.environ, "JOURNAL_STREAM": stream})
        said = os.read(read, 4096)
        true(said.startswith(start), (stream, said))
    os.close(read)
    os.close(write)


@case("lines are text with time and level once it runs, or JSON; the journal's have neither twice")
def log_format():
    with daemon.Folder() as folder:
        file = folder.write("x.yaml", conf(folder, device="net_pcap0,rx_pcap=in.pcap"))
        daemon.write_pcap(folder.file("in.pcap"), [])
        done = command("-c", file, "--exit-when-idle", "1", cwd=folder.path)
        line = next(line for line in done.stderr.splitlines() if "running" in line)
        true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z notice sluiced \S+: running, configuration \S+, socket \S+, DPDK \S+.*",
                          line), line)
        done = command("-c", file, "--exit-when-idle", "1", "--log-format", "json", cwd=folder.path)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        true(lines and all(sorted(line) == ["level", "message", "time"] for line in lines), lines)
        true(any(line["level"] == "notice" and "running" in line["message"] for line in lines), lines)
        bad = folder.write("bad.yaml", "pools: [{\n")
        done = command("-c", bad, "--log-format", "json")
        true(all("bad.yaml:" in json.loads(line)["message"] for line in done.stderr.splitlines()), done.stderr)
        read, write = os.pipe()
        place = os.fstat(write)
        subprocess.run([daemon.binary(), "-c", "/no\xffwhere", "--log-format", "json"], stderr=write, check=False,
                       env={**os.environ, "JOURNAL_STREAM": f"{place.st_dev}:{place.st_ino}"})
        said = os.read(read, 4096)
        true(said.startswith(b"<3>{") and list(json.loads(said[3:].splitlines()[0])) == ["message"], said)
        os.close(read)
        os.close(write)


@case("--check validates completely and touches no device")
def check_only():
    with daemon.Folder() as folder:
        good = folder.write("good.yaml", conf(folder, device="net_pcap0,rx_pcap=absent.pcap"))
        bad = folder.write("bad.yaml", conf(folder, nodes=[{"name": "w0", "worker": 9, "handler": "sink"}]))
        equal(command("-c", good, "--check").returncode, 0, "status of a good file")
        done = command("-c", bad, "--check")
        equal(done.returncode, 1, "status of a bad file")
        true("bad.yaml:" in done.stderr, done.stderr)


@case("the configuration that the README shows is valid")
def readme():
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        text = file.read().partition("```yaml\n")[2].partition("```")[0]
    with daemon.Folder() as folder:
        done = command("-c", folder.write("readme.yaml", text), "--check")
        equal((done.returncode, done.stderr), (0, ""), "status and errors")


@case("a report that cannot be written is an error")
def no_report():
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [checked(FRAME)])
        path = folder.write("conf.yaml", conf(folder))
        done = subprocess.run([daemon.binary(), "-c", path, "--exit-when-idle", "100", "--report",
                               "/nowhere/report.json"], capture_output=True, text=True, cwd=folder.path)
        true(done.returncode != 0, "status 0")
        true("/nowhere/report.json" in done.stderr, done.stderr)


@case("a capture is read whole with few buffers: reading waits for them")
def few_buffers():
    long = checked(FRAME[:54] + bytes(1446))
    for handler in ("sink", "capture"):
        with daemon.Folder() as folder:
            daemon.write_pcap(folder.file("in.pcap"), [long] * 6000)
            node = {"name": "w0", "worker": 0, "handler": handler, "weight": 1}
            if handler == "capture":
                node["file"] = "w0.pcapng"
            report = daemon.run(folder, conf(folder, nodes=[node], dataplane={"packet_buffers": 1024}))
            equal(report["balance"]["delivered"], 6000, handler)
            equal(report["ports"]["p0"]["rx_no_buffer"], 0, "rx_no_buffer")


@case("large frames of a capture are read whole, with few buffers, too")
def large_frames():
    frame = checked(FRAME + bytes(65535 - len(FRAME)))
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [frame] * 500)
        report = daemon.run(folder, conf(folder, dataplane={"packet_buffers": 1024}))
        equal(report["balance"]["received"], 500, "received")


@case("frames of more than 65,535 octets are truncated, and it is said which")
def too_large():
    for size in (65536, 67584, 70000, 140000):
        with daemon.Folder() as folder:
            large = checked(FRAME + bytes(size - len(FRAME)))
            daemon.write_pcap(folder.file("in.pcap"), [checked(FRAME), large, checked(FRAME)])
            with daemon.Daemon(folder, conf(folder), ("--exit-when-idle", "150")) as one:
                equal(one.wait(), 0, f"{size}: {one.log()}")
                report = one.report()
                daemon.balanced(report)
                equal((report["balance"]["received"], report["dropped"]["truncated"]), (3, 1), size)
                true("frame 2" in one.log(), one.log())


@case("more receive queues than a core polls are refused with the remedy")
def too_many_queues():
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [checked(FRAME)])
        made = conf(folder)
        many = ",".join(["rx_pcap=in.pcap"] * 16)
        made["ports"] += [{"name": f"q{number}", "device": f"net_pcap{number},{many}"} for number in range(1, 6)]
        log = daemon.run(folder, made, status=2)
        true("81 receive queues" in log and "rx_cpus" in log, log)


run(CASES)
