#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shows sluice on a network of its own: a client's requests are spread over three servers while weights change.

The network is live_net.py's: namespaces on a link that nothing outside is on. Whatever ends this, Ctrl-C and
SIGTERM too, everything is taken down; what a kill left behind goes with the next run. Needs root.

Exit status: 0 every request was answered; 1 some were not; 2 the machine lacks something.
"""

import collections
import contextlib
import ctypes
import glob
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import live_net
from live_net import VIP

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build"))
PREFIX = "live"
REQUESTS = 600  # after each change
PATIENCE = 60   # seconds, for a program that hangs
BAR = 30
PR_SET_PDEATHSIG = 1
ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}\n"


class Servers(threading.Thread):
    """One web server a namespace: it says its name. A connection on port 7 says it each time it is asked."""

    def __init__(self, net):
        super().__init__(daemon=True)
        self.poll, self.sockets = select.poll(), {}
        for number, name in enumerate(net.servers, 1):
            for address in VIP:
                for port in (80, 7):
                    with net.inside(name):
                        family = socket.AF_INET6 if ":" in address else socket.AF_INET
                        self._add(socket.create_server((address, port), family=family, backlog=200), f"s{number}")
        self.stopped = False

    def _add(self, one, name):
        self.sockets[one.fileno()] = one, name
        self.poll.register(one, select.POLLIN)

    def run(self):
        while not self.stopped:
            for number, _ in self.poll.poll(200):
                one, name = self.sockets[number]
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    self._add(one.accept()[0], name)
                else:
                    self._answer(one, name)

    def _answer(self, one, name):
        try:
            asked = one.recv(4096)
            if asked.startswith(b"GET"):
                one.sendall(ANSWER.format(len(name) + 1, name).encode())
            elif asked:
                one.sendall(name.encode())
                return
        except OSError:
            pass
        self.poll.unregister(one)
        del self.sockets[one.fileno()]
        one.close()


def configuration(folder):
    nodes = [{"name": f"s{number}", "address": live_net.Net.server_addresses(number)[0], "encap": "none", "port": "d0",
              "mac": live_net.Net.server_mac(number), "weight": 100} for number in (1, 2)]
    cpu = min(os.sched_getaffinity(0))
    return {
        "dataplane": {"instance": f"live{os.getpid()}", "control_cpu": cpu, "rx_cpus": [cpu], "worker_cpus": [],
                      "memory_mb": 128, "packet_buffers": 8192, "hugepages": "off"},
        "ports": [{"name": "d0", "device": "packet:d0", "addresses": ["192.0.2.2/24", "2001:db8::2/64"]}],
        "control": {"socket": os.path.join(folder, "control.sock")},
        "pools": [{"name": "web", "nodes": nodes}],
        "services": [{"name": name, "address": address, "protocol": "tcp", "ports": [80, 7], "pool": "web"}
                     for name, address in zip(("http4", "http6"), VIP)]}


def end_with_us():
    """Of a child: it ends when this process does, killed or not."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextlib.contextmanager
def dispatcher(net, folder):
    """A running sluiced; gives what asks it to change: words of sluicectl."""
    conf = configuration(folder)
    path, log = os.path.join(folder, "sluice.yaml"), os.path.join(folder, "sluiced.log")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(conf, file, indent=1)
    with open(log, "w", encoding="utf-8") as errors:
        daemon = subprocess.Popen([*net.within(net.dispatcher), os.path.join(BUILD, "app/sluiced"), "-c", path],
                                  stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
                                  preexec_fn=end_with_us)

    def ctl(*words):
        done = subprocess.run([os.path.join(BUILD, "app/sluicectl"), "-s", conf["control"]["socket"], *words],
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode != 0:
            raise live_net.Unable(f"sluicectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    try:
        end = time.monotonic() + PATIENCE
        while not os.path.exists(conf["control"]["socket"]):
            if daemon.poll() is not None or time.monotonic() > end:
                with open(log, encoding="utf-8") as file:
                    raise live_net.Unable(f"sluiced did not start\n{file.read()}")
            time.sleep(0.05)
        yield ctl
    finally:
        daemon.terminate()
        try:
            daemon.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def connect(net, number, port):
    address = VIP[number % 2]
    with net.inside(net.client):
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    one.settimeout(PATIENCE)
    one.connect((address, port))
    return one


def request(net, number):
    """Name of the server that answers a request of its own connection, over IPv4 and IPv6 in turn."""
    with connect(net, number, 80) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: live\r\n\r\n")
        text = b""
        while octets := one.recv(4096):
            text += octets
    return text.split()[-1].decode()


def show(net, ctl):
    """Requests, and a line for each server. Gives how many were not answered."""
    counts, failed = collections.Counter(), 0
    for number in range(REQUESTS):
        try:
            counts[request(net, number)] += 1
        except (OSError, IndexError):
            failed += 1
    for name, node in json.loads(ctl("--json", "nodes"))["nodes"]["web"].items():
        share = counts[name] / REQUESTS
        bar = "█" * round(BAR * share) if sys.stdout.isatty() else ""
        print(f"  {name}  weight {node['weight']:<6g} {node['state']:<9} expected {node['expected_share']:7.2%}  "
              f"of requests {share:7.2%}  {bar}", flush=True)
    return failed


def play(net, ctl):
    """The changes. Gives how many requests were not answered."""
    third = [f"address={live_net.Net.server_addresses(3)[0]}", "encap=none", "port=d0",
             f"mac={live_net.Net.server_mac(3)}", "weight=100"]
    steps = [((), "two servers of equal weight"),
             (("add-node", "web", "s3", *third), "a third one comes"),
             (("set-weight", "web/s3", "200"), "it gets twice the weight"),
             (("drain", "web/s1"), "the first one is drained: nothing new comes to it"),
             (("enable", "web/s1"), "and is back")]
    long_lived = [connect(net, number, 7) for number in range(20)]
    failed = 0
    try:
        began = [ask(one) for one in long_lived]
        for words, what in steps:
            print(f"\n{what}" + (f"\n  $ sluicectl {' '.join(words)}" if words else ""), flush=True)
            if words:
                ctl(*words)
            failed += show(net, ctl)
        moved = sum(ask(one) != name for one, name in zip(long_lived, began))
    finally:
        for one in long_lived:
            one.close()
    print(f"\n{len(steps) * REQUESTS:,} requests, {failed} not answered; of {len(began)} connections that began before "
          f"all changes {len(began) - moved} are where they were")
    return failed + moved


def ask(one):
    one.sendall(b"who")
    return one.recv(100).decode()


def clear():
    """Takes down what a run that was killed has left."""
    there = live_net.ip("netns", "list", check=False).split()
    for name in there:
        pid = name.rpartition("x")[2] if "x" in name else name[len(PREFIX) + 1:]
        if name.startswith(PREFIX) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            live_net.ip("netns", "delete", name, check=False)
            for folder in glob.glob(os.path.join(tempfile.gettempdir(), f"sluice-live{pid}.*")):
                shutil.rmtree(folder, ignore_errors=True)


def handle(what):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, what)


def end(*_):
    handle(signal.SIG_IGN)  # once is enough: what follows takes everything down
    raise KeyboardInterrupt


def main():
    handle(end)
    clear()
    try:
        with tempfile.TemporaryDirectory(prefix=f"sluice-live{os.getpid()}.") as folder, live_net.Net(prefix=PREFIX) as net:
            servers = Servers(net)
            servers.start()
            print(__doc__.split("\n")[0], live_net.__doc__.split("\n\n")[1], sep="\n\n", flush=True)
            try:
                with dispatcher(net, folder) as ctl:
                    return 1 if play(net, ctl) else 0
            finally:
                handle(signal.SIG_IGN)
                servers.stopped = True
                servers.join()
    except live_net.Unable as problem:
        print(f"scripts/run --live: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nended; everything is taken down", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
