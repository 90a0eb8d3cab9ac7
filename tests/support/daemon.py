# SPDX-License-Identifier: BSD-3-Clause
"""Starts the real sluiced for a test, in a folder of its own, and reads what it leaves behind."""

import contextlib
import ctypes
import itertools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from tap import AFTERWARDS, PATIENCE, TOP, Failed, Skip, equal, until

BUILD = os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build"))
SLUICED = os.path.join(BUILD, "app", "sluiced")
SLUICECTL = os.path.join(BUILD, "app", "sluicectl")
CPUS = sorted(os.sched_getaffinity(0))
NUMBERS, PORTS, RUNNING = itertools.count(), set(), set()
# No other process binds to this one, so a port that is free stays free.
LOOPBACK = f"127.{64 + (os.getpid() >> 16 & 63)}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
LINK_ETHERNET = 1


def binary():
    if not os.path.isfile(SLUICED):
        raise Skip(f"{SLUICED} is not built")
    return SLUICED


def estate(instance):
    """The folder of what a daemon that is killed leaves to the next start."""
    if os.geteuid() == 0:
        return f"/run/{instance}/flows"
    return os.path.join(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}"), instance, "flows")


def remove_segments(processes):
    """Shared memory that these processes made and left."""
    libc = ctypes.CDLL(None)
    with open("/proc/sysvipc/shm", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if int(fields[4]) in processes:
                libc.shmctl(int(fields[1]), 0, None)


class Folder:
    """A temporary folder that is gone afterwards; kept when SLUICE_KEEP is set."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="sluice-test.")
        self.instances, self.processes = set(), set()
        return self

    def __exit__(self, *_):
        if "SLUICE_KEEP" in os.environ:
            print(f"# kept {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        # what a daemon leaves that was killed, or whose programs are to go on serving
        for instance in self.instances:
            for place in ("/run/dpdk", "/sys/fs/bpf/sluice"):
                shutil.rmtree(os.path.join(place, instance), ignore_errors=True)
            shutil.rmtree(estate(instance), ignore_errors=True)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(estate(instance)))
        remove_segments(self.processes)

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        with open(self.file(name), "w", encoding="utf-8") as file:
            file.write(text if isinstance(text, str) else json.dumps(text, indent=1))
        return self.file(name)

    def read(self, name):
        with open(self.file(name), encoding="utf-8", errors="replace") as file:
            return file.read()


def configuration(folder, ports, pools, services, **more):
    """The contract's sections with what a test needs; JSON is YAML, too."""
    plane = {"instance": f"test{os.getpid()}n{next(NUMBERS)}", "memory_mb": 128, "packet_buffers": 8192,
             "rx_cpus": [CPUS[0]], "worker_cpus": [CPUS[-1]], "hugepages": "off",
             "hash_key": "00112233445566778899aabbccddeeff"}
    plane.update(more.get("dataplane", {}))
    if isinstance(folder, Folder):
        folder.instances.add(plane["instance"])
    control = {"socket": folder.file("control.sock")}
    control.update(more.get("control", {}))
    return {"dataplane": plane, "ports": ports, "control": control, "pools": pools,
            "services": services}


class Daemon:
    """A running sluiced. Standard error goes to a file; the report is read when it has ended."""

    def __init__(self, folder, conf, arguments=(), name="sluiced", prefix=()):
        self.folder, self.name = folder, name
        path = folder.write(f"{name}.yaml", conf)
        self.socket = conf["control"]["socket"] if isinstance(conf, dict) else None
        self.errors = open(folder.file(f"{name}.log"), "w+b")
        self.process = subprocess.Popen(
            [*prefix, binary(), "-c", path, "--report", folder.file(f"{name}.json"), *arguments],
            cwd=folder.path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors)
        self.thread = threading.get_ident()
        RUNNING.add(self)
        if isinstance(folder, Folder):
            folder.processes.add(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        RUNNING.discard(self)

    def log(self):
        return self.folder.read(f"{self.name}.log")

    def wait(self, seconds=PATIENCE):
        """The exit status; negative for a signal."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise Failed(f"sluiced did not end within {seconds} s\n{self.log()}") from None

    def stop(self, number=signal.SIGTERM, seconds=PATIENCE):
        self.process.send_signal(number)
        return self.wait(seconds)

    def ready(self):
        """Waits until the control socket takes connections."""
        try:
            until(self._is_ready, f"control socket {self.socket}")
        except Failed as problem:
            raise problem if self.process.poll() is not None else Failed(f"{problem}\n{self.log()}") from None

    def _is_ready(self):
        if self.process.poll() is not None:
            raise Failed(f"sluiced ended with {self.process.returncode}\n{self.log()}")
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(self.socket)
                return True
        except OSError:
            return False

    def worked(self):
        """Seconds of processor time that the control thread has had: those of others do not count."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9

    def report(self):
        try:
            return json.loads(self.folder.read(f"{self.name}.json"))
        except (OSError, ValueError) as problem:
            raise Failed(f"no report: {problem}\n{self.log()}") from None


@AFTERWARDS.append
def end_all():
    """Those of this thread's case, which failed before it had the means to end them."""
    for one in [one for one in RUNNING if one.thread == threading.get_ident()]:
        one.__exit__()


def run(folder, conf, *arguments, status=0, prefix=()):
    """Runs to the end of the captures; checks the exit status and the balance; gives the report."""
    with Daemon(folder, conf, ("--exit-when-idle", "150", *arguments), prefix=prefix) as daemon:
        got = daemon.wait()
        if got != status:
            raise Failed(f"exit status\n  wanted: {status}\n  got:    {got}\n{daemon.log()}")
        if status:
            return daemon.log()
        report = daemon.report()
        balanced(report)
        return report


def balanced(report):
    balance = report["balance"]
    equal(balance["in_flight"], 0, "in_flight")
    parts = sum(balance[term] for term in ("delivered", "forwarded", "punted", "dropped"))
    equal(balance["received"], parts, f"received is the sum of outcomes in {balance}")
    equal(sum(report["dropped"].values()), balance["dropped"], "sum of drops by reason")


class Session:
    """A connection to the control socket that speaks JSON-RPC."""

    def __init__(self, path):
        self.client = socket.socket(socket.AF_UNIX)
        self.client.settimeout(PATIENCE)
        self.client.connect(path)
        self.lines = self.client.makefile("rb")
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.client.close()

    def call(self, method, **params):
        """The whole answer: with `result` or `error`."""
        self.number += 1
        request = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.client.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(self.lines.readline())
        equal(answer["id"], self.number, "id of the answer")
        return answer

    def result(self, method, **params):
        """What it answers. Handlers that are kept from the CPU are asked for results again."""
        answer = until(lambda: self._in_time(self.call(method, **params)), f"{method} {params} in time")
        if "result" not in answer:
            raise Failed(f"{method} {params}: {answer}")
        return answer["result"]

    @staticmethod
    def _in_time(answer):
        return None if "does not come back in time" in answer.get("error", {}).get("message", "") else answer

    def sees(self, count=1, outcome="received"):
        """Waits until so many packets have come, or have had that outcome."""
        until(lambda: self.result("stats")["balance"][outcome] >= count, f"{count} packets {outcome}")


def free_port():
    """Of LOOPBACK; another one each time."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        if port not in PORTS:
            PORTS.add(port)
            return port


def port_everywhere():
    """Of any address: none that the kernel gives to who asks for none, and not another process's of these tests."""
    port = 9000 + os.getpid() % 14000
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("", port))
    return port


def write_pcap(path, frames, link=LINK_ETHERNET):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", 1 + number // 1000000, number % 1000000, len(frame),
                                   len(frame)) + frame)


def read_pcap(path):
    """Frames of a pcap or pcapng file; of a pcap as libpcap gives them: none longer than the header says."""
    with open(path, "rb") as file:
        data = file.read()
    if not data:
        return []
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return read_pcapng(data)
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    frames, at = [], 24
    most = struct.unpack_from(order + "I", data, 16)[0] or 262144
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + min(size, most)])
        at += 16 + size
    return frames


def read_stamped(path):
    """Times in seconds and frames of a capture that a worker wrote."""
    with open(path, "rb") as file:
        data = file.read()
    stamps = []
    frames = read_pcapng(data, stamps)
    return zip(stamps, frames)


def read_pcapng(data, stamps=None):
    """Its frames; stamps gets their times in seconds, which count nanoseconds in the daemon's files."""
    frames, at, order = [], 0, "<"
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind == 6:
            high, low, length = struct.unpack_from(order + "III", data, at + 12)
            frames.append(data[at + 28:at + 28 + length])
            if stamps is not None:
                stamps.append(((high << 32) + low) / 1e9)
        elif kind == 3:
            length = struct.unpack_from(order + "I", data, at + 8)[0]
            frames.append(data[at + 12:at + 12 + min(length, size - 16)])
        if size < 12:
            break
        at += size
    return frames
