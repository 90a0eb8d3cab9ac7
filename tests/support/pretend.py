# SPDX-License-Identifier: BSD-3-Clause
"""A control socket that a test plays, and sluicectl before it."""

import fcntl
import json
import os
import pty
import shutil
import socket
import struct
import subprocess
import tempfile
import termios
import threading

import daemon
from tap import PATIENCE, Failed, equal


class Server:
    """Answers each request with what answer(method, params) returns: octets, an error's or a result's object."""

    def __init__(self, answer, path=None):
        self.folder = tempfile.mkdtemp(prefix="sluice-client")
        self.path = path or os.path.join(self.folder, "s")
        self.answer, self.asked = answer, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        for line in client.makefile("rb"):
            request = json.loads(line)
            self.asked.append((request["method"], request.get("params", {})))
            said = self.answer(request["method"], request.get("params", {}))
            if isinstance(said, list):
                more, said = said[1:], said[0]
            else:
                more = []
            if said is None:
                continue
            if not isinstance(said, bytes):
                said = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": said}).encode() + b"\n"
            client.sendall(said + b"".join(json.dumps(event).encode() + b"\n" for event in more))
            if more:
                client.close()
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        shutil.rmtree(self.folder)

    def run(self, *words, status=0, env=None):
        done = subprocess.run([daemon.SLUICECTL, "-s", self.path, *words], capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, **(env or {})}, check=False)
        if done.returncode != status:
            raise Failed(f"{words}: status {done.returncode}, wanted {status}: {done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def run_on_terminal(self, *words, columns=80, env=None):
        """What a terminal of so many columns gets, line by line."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        full = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})}
        if not (env or {}).get("NO_COLOR"):
            full.pop("NO_COLOR", None)
        process = subprocess.Popen([daemon.SLUICECTL, "-s", self.path, *words], stdout=theirs, stderr=theirs, env=full)
        os.close(theirs)
        text = b""
        try:
            while more := os.read(ours, 65536):
                text += more
        except OSError:
            pass
        os.close(ours)
        equal(process.wait(60), 0, f"status of {words}: {text}")
        return text.decode().replace("\r\n", "\n").splitlines()
