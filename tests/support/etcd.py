# SPDX-License-Identifier: BSD-3-Clause
"""Real etcd nodes on a loopback address of this process, each to be killed and started again."""

import json
import shutil
import subprocess
import urllib.request

import daemon
from tap import PATIENCE, Skip, until

CLIENT, PEER = 23790, 23890


class Etcd:
    """Nodes in a folder; `with` starts them, and they are gone afterwards."""

    def __init__(self, folder, count=3, arguments=()):
        if not shutil.which("etcd"):
            raise Skip("etcd is not installed (Debian's etcd-server)")
        self.folder, self.count, self.arguments = folder, count, list(arguments)
        self.nodes = [None] * count

    def __enter__(self):
        for number in range(self.count):
            self.start(number)
        until(self.healthy, "etcd with a leader")
        return self

    def __exit__(self, *_):
        for number in range(self.count):
            self.kill(number)

    def endpoint(self, number):
        return f"http://{daemon.LOOPBACK}:{CLIENT + number}"

    def endpoints(self):
        return [self.endpoint(number) for number in range(self.count)]

    def start(self, number):
        peers = [f"http://{daemon.LOOPBACK}:{PEER + node}" for node in range(self.count)]
        with open(self.folder.file(f"etcd{number}.log"), "ab") as log:
            self.nodes[number] = subprocess.Popen(
                ["etcd", "--name", f"e{number}", "--data-dir", self.folder.file(f"etcd{number}"),
                 "--listen-client-urls", self.endpoint(number), "--advertise-client-urls", self.endpoint(number),
                 "--listen-peer-urls", peers[number], "--initial-advertise-peer-urls", peers[number],
                 "--initial-cluster", ",".join(f"e{node}={url}" for node, url in enumerate(peers)),
                 "--logger", "zap", *self.arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def kill(self, number):
        if self.nodes[number]:
            self.nodes[number].kill()
            self.nodes[number].wait()
            self.nodes[number] = None

    def ask(self, number, path, **body):
        request = urllib.request.Request(self.endpoint(number) + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def healthy(self):
        """Whether one of them takes what is written."""
        for number in range(self.count):
            try:
                self.ask(number, "/v3/kv/put", key="dGVzdA==", value="")
                return True
            except OSError:
                pass
        return False

    def leader(self):
        """The number of the node that leads."""
        for number in range(self.count):
            try:
                status = self.ask(number, "/v3/maintenance/status")
            except OSError:
                continue
            if status["header"]["member_id"] == status.get("leader"):
                return number
        return None
