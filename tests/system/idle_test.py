#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a daemon with nothing to do costs, and how long the first packet waits for it.

    this test -- packet socket -- sl0 (net_tap) -- sluiced, which answers ARP for its own address
    this test -- packet socket -- a0 -- veth -- b0 (net_af_packet, net_af_xdp) -- the same

Daemons that poll and daemons that sleep take turns. On a machine that others keep busy times say nothing,
because waking up waits for them.
"""

import ctypes
import os
import socket
import statistics
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, Failed, Skip, case, equal, run, true  # noqa: E402
import daemon  # noqa: E402

OUR_IP, ASKED_IP = bytes([192, 0, 2, 9]), bytes([192, 0, 2, 2])
OUR_MAC = bytes([2, 0, 0, 0, 0, 9])
ASKED = 200       # packets
GAP = 0.004       # seconds of silence before each: long after the first sleep
EXTRA_US = 50     # that silence may cost
SHARE = 0.05      # of a CPU, for each thread
SLEEP = 80e-6     # seconds: SL_IDLE_SLEEP_NS_DEAR
ANSWER = 0.05     # seconds: a change while the daemon sleeps, at the median
END = 2           # seconds: the daemon's end, from its sleep
PATIENCE = 5      # seconds for an answer
ATTEMPTS = 3
BUSY = 0.25       # share of the machine that others take, beyond which times say nothing
PR_SET_TIMERSLACK = 29
ETH_ARP = 0x0806


class Link:
    """A device string for the daemon, and the interface that its peer is."""

    def __init__(self, driver):
        if os.geteuid() != 0:
            raise Skip("needs root")
        number = os.getpid() % 10000
        self.peer, self.interface = f"sla{number}", f"slb{number}"
        self.veth = driver != "net_tap"
        self.device = f"{driver}0,iface={self.interface}"
        if not self.veth:
            self.peer = self.interface

    def __enter__(self):
        if not self.veth:
            if not os.path.exists("/dev/net/tun"):
                raise Skip("needs /dev/net/tun")
            return self
        try:
            self.ip("link", "add", self.peer, "type", "veth", "peer", "name", self.interface)
            for name in (self.peer, self.interface):
                with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w", encoding="utf-8") as file:
                    file.write("1")
                self.ip("link", "set", name, "up")
        except (OSError, subprocess.CalledProcessError) as problem:
            raise Skip(f"no veth here: {problem}") from None
        return self

    def __exit__(self, *_):
        if self.veth:
            self.ip("link", "del", self.peer)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def open(self):
        link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ARP))
        link.bind((self.peer, ETH_ARP))
        link.setblocking(False)
        return link


def conf(folder, device, idle):
    """One receive core on the first CPU; the last one, where there are two, is this test's."""
    port = {"name": "p0", "device": device, "addresses": ["192.0.2.2/24"], "arp": "addresses"}
    return daemon.configuration(folder, [port],
                                [{"name": "web", "nodes": [{"name": "w", "address": "192.0.2.3", "weight": 100}]}],
                                [{"name": "all", "address": "any", "pool": "web"}],
                                dataplane={"idle": idle, "worker_cpus": []})


def threads(pid):
    """Seconds of processor time by thread, exact: ticks would be counted where timers wake threads."""
    used = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as file:
            name = file.read().strip()
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as file:
            used[thread, name] = int(file.read().split()[0]) / 1e9
    return used


def share(one, seconds=2):
    """The largest share of a CPU that a thread of the daemon takes."""
    before, start = threads(one.process.pid), time.monotonic()
    time.sleep(seconds)
    after, seconds = threads(one.process.pid), time.monotonic() - start
    return max((used - before.get(thread, used)) / seconds for thread, used in after.items())


def busy():
    """Jiffies that all CPUs worked, and all jiffies."""
    with open("/proc/stat", encoding="utf-8") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def load(seconds=1):
    """The share of the machine that others take, while this test does nothing."""
    work, total = busy()
    time.sleep(seconds)
    now_work, now_total = busy()
    return (now_work - work) / max(1, now_total - total)


def request():
    head = b"\xff" * 6 + OUR_MAC + struct.pack("!H", ETH_ARP)
    return head + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + OUR_MAC + OUR_IP + b"\0" * 6 + ASKED_IP


def ask(link):
    """Seconds until the answer. It spins, so that its own waking up is not counted, and lets the kernel's
    threads go before it."""
    start = time.perf_counter()
    link.send(request())
    while time.perf_counter() - start < PATIENCE:
        try:
            frame = link.recv(2048)
        except BlockingIOError:
            os.sched_yield()
            continue
        if frame[20:22] == b"\0\x02" and frame[28:32] == ASKED_IP:
            return time.perf_counter() - start
    raise OSError(f"no answer in {PATIENCE} s")


def ask_often(link):
    """The times of requests after silence, in microseconds: their lower quartile, since others that take the
    CPU for a while make a daemon that polls wait for more than it does for packets."""
    times = []
    os.sched_setaffinity(0, {daemon.CPUS[-1]})
    try:
        for _ in range(5):
            ask(link)
        for _ in range(ASKED):
            time.sleep(GAP)
            times.append(1e6 * ask(link))
    finally:
        os.sched_setaffinity(0, daemon.CPUS)
    return statistics.quantiles(times)[0]


class Sleeper:
    """A daemon on a link, with nothing to do."""

    def __init__(self, link, idle):
        self.link, self.idle = link, idle

    def __enter__(self):
        self.folder = daemon.Folder()
        folder = self.folder.__enter__()
        self.one = daemon.Daemon(folder, conf(folder, self.link.device, self.idle))
        try:
            self.one.ready()
        except Failed:
            log = self.one.log()
            self.__exit__()
            if self.link.device.startswith("net_af_xdp"):
                raise Skip(f"no AF_XDP here: {log}") from None
            raise
        time.sleep(0.3)
        return self.one

    def __exit__(self, *_):
        self.one.__exit__()
        self.folder.__exit__()


def measure(link, idle):
    """The share of a CPU and the wait of a daemon's first packets."""
    with Sleeper(link, idle) as one, link.open() as peer:
        try:
            return share(one) if idle == "backoff" else None, ask_often(peer)
        except OSError as problem:
            raise Failed(f"{link.device}: {problem}\n{one.log()}") from None


def idle_costs(driver):
    polled, slept, shares = [], [], []
    with Link(driver) as link:
        for _ in range(ATTEMPTS):
            polled.append(measure(link, "poll")[1])
            cost, wait = measure(link, "backoff")
            shares.append(cost)
            slept.append(wait)
            extra = min(slept) - min(polled)
            print(f"# {driver}: {100 * cost:.2f} % of a CPU; first packet {wait:.0f} us, polling {polled[-1]:.0f} us")
            if min(shares) < SHARE and extra < EXTRA_US:
                return
    true(min(shares) < SHARE, f"{100 * min(shares):.1f} % of a CPU")
    others = load()
    if others > BUSY:
        raise Skip(f"others keep this machine busy ({100 * others:.0f} %): {extra:.0f} us more")
    true(extra < EXTRA_US, f"{extra:.0f} microseconds more")


@case("idle: backoff costs little and keeps nobody waiting over net_tap")
def over_tap():
    idle_costs("net_tap")


@case("idle: backoff costs little and keeps nobody waiting over net_af_packet")
def over_packet_sockets():
    idle_costs("net_af_packet")


@case("idle: backoff costs little and keeps nobody waiting over net_af_xdp")
def over_xdp_sockets():
    idle_costs("net_af_xdp")


@case("a sleeping daemon answers, makes changes, survives an interface that goes down, and ends at once")
def asleep():
    with Link("net_af_packet") as link, Sleeper(link, "backoff") as one:
        times = []
        with daemon.Session(one.socket) as session:
            for number in range(20):
                time.sleep(0.02)
                start = time.monotonic()
                session.result("node.set_weight", pool="web", node="w", weight=1 + number)
                session.result("stats")
                times.append(time.monotonic() - start)
        true(statistics.median(times) < ANSWER, f"{1e3 * statistics.median(times):.1f} ms for a change")
        link.ip("link", "set", link.interface, "down")
        time.sleep(0.2)
        true(share(one, 1) < SHARE, "an interface that is down keeps the daemon awake")
        link.ip("link", "set", link.interface, "up")
        with link.open() as peer:
            ask(peer)
        start = time.monotonic()
        equal(one.stop(), 0, "exit status")
        true(time.monotonic() - start < END, f"it took {time.monotonic() - start:.1f} s to end")


def share_of_sleeping():
    """What nothing but sleeping as long as the daemon may do costs here: on virtual machines each timer that
    is set is an exit to the host."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    start, used = time.monotonic(), time.thread_time()
    while time.monotonic() - start < 1:
        time.sleep(SLEEP)
    return (time.thread_time() - used) / (time.monotonic() - start)


@case("over devices that cannot tell when packets come, idling costs no more than short sleeps do here")
def blind():
    bare = share_of_sleeping()
    print(f"# sleeping {1e6 * SLEEP:.0f} us again and again: {100 * bare:.1f} % of a CPU")
    with daemon.Folder() as folder:
        with daemon.Daemon(folder, conf(folder, "net_ring0", "backoff")) as one:
            one.ready()
            time.sleep(0.5)
            cost = min(share(one) for _ in range(ATTEMPTS))
    true(cost < max(SHARE, 1.2 * bare), f"{100 * cost:.1f} % of a CPU")


if __name__ == "__main__":
    sys.exit(run(CASES))
