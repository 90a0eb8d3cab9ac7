#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Health of nodes through the real daemon, against servers of the test's own on loopback: each kind of
check with what makes it fail, agents, backups, fallbacks, and a thousand nodes. Every case waits for what
`nodes` says; nothing depends on how fast the machine is."""

import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

HOST = daemon.LOOPBACK
PORTS = [{"name": "p0", "device": "net_null0,no-rx=1", "addresses": ["192.0.2.2/24"],
          "gateway": {"address": "192.0.2.1", "mac": "02:00:00:00:00:01"}}]
QUICK = {"interval": "100ms", "timeout": "100ms", "rise": 2, "fall": 2}


class Server:
    """A TCP server whose answer the test may change: `says` octets, None: it hangs; `reset`: it resets."""

    def __init__(self, says=b"", host=HOST, reset=False, port=0):
        self.says, self.reset = says, reset
        self.listener = socket.create_server((host, port), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.held = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif self.says is None:
                self.held.append(client)
                continue
            else:
                try:
                    client.sendall(self.says)
                    client.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            threading.Thread(target=self.finish, args=(client,), daemon=True).start()

    def finish(self, client):
        try:
            while not self.reset and client.recv(4096):
                pass
        except OSError:
            pass
        client.close()

    def close(self):
        # shutdown() wakes accept(); close() alone would leave the port open until then
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self.held:
            client.close()


def node(name, host=HOST, **more):
    return {"name": name, "address": host, "encap": "ipip", "port": "p0", "mac": "02:00:00:00:00:11",
            "weight": 1, **more}


def start(folder, *pools):
    services = [{"name": "s", "address": "192.0.2.10", "protocol": "tcp", "ports": [80], "pool": pools[0]["name"]}]
    one = daemon.Daemon(folder, daemon.configuration(folder, PORTS, list(pools), services))
    one.ready()
    return one


def nodes(session, pool="web"):
    return session.result("nodes", pool=pool)["nodes"]


def becomes(session, name, state, result=None, pool="web"):
    def holds():
        row = nodes(session, pool)[name]
        return row if row["state"] == state and result in (None, row["health"]["result"]) else None
    return until(holds, f"{pool}/{name} {state} {result or ''}")


def has_slots(session, name, count, state=None, pool="web"):
    """Waits for that: a server that is kept from the CPU answers too late, is down, and comes back."""
    def holds():
        row = nodes(session, pool)[name]
        return row["slots"] == count and state in (None, row["state"])
    until(holds, f"{pool}/{name} has {count} slots {state or ''}")


def fails(check, *ways):
    """A pool with a node for each (what it says first, what then, result): all are up, then each is down for
    its own reason, and nobody else's slots are touched by a flap."""
    with daemon.Folder() as folder:
        servers = [Server(good) for good, _, _ in ways]
        steady = Server(ways[0][0])
        pool = {"name": "web", "slots": 256, "health": {**QUICK, "port": steady.port, **check},
                "nodes": [node("steady")] + [node(f"n{i}", health={"port": server.port})
                                             for i, server in enumerate(servers)]}
        with start(folder, pool) as one, daemon.Session(one.socket) as session:
            for name in ["steady", *(f"n{i}" for i in range(len(ways)))]:
                becomes(session, name, "up", "ok")
            before = session.result("table.get", pool="web")["table"]
            for server, (_, then, _) in zip(servers, ways):
                if then == "close":
                    server.close()
                elif then == "reset":
                    server.reset = True
                else:
                    server.says = then
            for i, (_, _, result) in enumerate(ways):
                row = becomes(session, f"n{i}", "down", result)
                equal(row["slots"], 0, "slots while down")
                true(row["health"]["checks"] >= row["health"]["failures"] > 0, f"counts {row['health']}")
            has_slots(session, "steady", 256)
            equal(session.result("status")["generation"], 1, "generation")
            equal(session.result("table.get", pool="web")["table"], before, "home table")
            equal(one.stop(), 0, "exit status")


def answer(status, body=b""):
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@case("http goes by status and body; a server that hangs, resets, talks nonsense or is gone is down")
def over_http():
    well = answer(200, b"well")
    fails({"type": "http", "path": "/healthz", "expect": {"status": "200-299", "body": "^well"}},
          (well, answer(500, b"well"), "status"), (well, answer(200, b"ill"), "body"), (well, None, "timeout"),
          (well, b"nonsense\r\n\r\n", None), (well, "reset", "reset"), (well, "close", "refused"))


@case("an answer without end is cut, not kept")
def without_end():
    start_of = b"HTTP/1.0 200 OK\r\n\r\n"
    fails({"type": "http", "expect": {"body": "needle"}},
          (start_of + b"needle" + b"x" * (1 << 20), start_of + b"x" * (1 << 20), None))
    fails({"type": "http"},
          (answer(200), b"HTTP/1.1 200 OK\r\n" + b"X-More: and more\r\n" * 20000, None))


@case("a node that is down comes up when its check is taken away")
def check_goes():
    with daemon.Folder() as folder:
        gone = Server()
        gone.close()
        pool = {"name": "web", "slots": 256, "health": {**QUICK, "type": "tcp", "port": gone.port},
                "nodes": [node("a"), node("b", health={"type": "none"})]}
        with start(folder, pool) as one, daemon.Session(one.socket) as session:
            becomes(session, "a", "down", "refused")
            equal(nodes(session)["b"]["slots"], 256, "slots of who is not checked")
            text = session.result("config.get")["text"]
            session.result("config.apply", text=text.replace("type: tcp", "type: none").replace(
                f", port: {gone.port}", ""))
            row = becomes(session, "a", "up")
            equal(row["health"]["state"], "none", "health")
            equal(row["why"], "no longer checked", "why")
            equal(row["slots"], 128, "slots")
            equal(one.stop(), 0, "exit status")


@case("tcp connects, and looks at what is said where it is asked to")
def over_tcp():
    fails({"type": "tcp"}, (b"", "close", "refused"))
    fails({"type": "tcp", "send": "PING\r\n", "expect": {"body": "PONG"}},
          (b"+PONG\r\n", b"-LOADING\r\n", "body"), (b"+PONG\r\n", None, "timeout"))


@case("https verifies certificates unless it is told not to")
def over_https():
    with daemon.Folder() as folder:
        key, certificate = folder.file("key.pem"), folder.file("cert.pem")
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                               certificate, "-days", "2", "-subj", "/CN=health.test", "-addext",
                               "subjectAltName=DNS:health.test"], capture_output=True)
        if made.returncode:
            raise Skip("openssl cannot make a certificate")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):  # whoever refuses the certificate ends the handshake
                pass

        server = Quiet((HOST, 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        check = {**QUICK, "type": "https", "port": server.server_address[1], "host": "health.test",
                 "timeout": "5s", "interval": "5s", "fast_interval": "100ms"}
        pools = [{"name": "web", "slots": 256, "health": {**check, "ca": certificate}, "nodes": [node("a")]},
                 {"name": "strict", "slots": 256, "health": check, "nodes": [node("a")]},
                 {"name": "lax", "slots": 256, "health": {**check, "tls_verify": False}, "nodes": [node("a")]},
                 {"name": "other", "slots": 256, "health": {**check, "ca": certificate, "host": "x.test"},
                  "nodes": [node("a")]}]
        with start(folder, *pools) as one, daemon.Session(one.socket) as session:
            becomes(session, "a", "up", "ok", "web")
            becomes(session, "a", "up", "ok", "lax")
            becomes(session, "a", "down", "tls", "strict")
            becomes(session, "a", "down", "tls", "other")
            equal(one.stop(), 0, "exit status")
        server.shutdown()


@case("an agent takes weight away, drains, disables and takes down; ready ends what it asked for")
def by_agent():
    server = Server(b"100%\n")
    with daemon.Folder() as folder:
        pool = {"name": "web", "slots": 1024, "weight_from": "agent",
                "health": {**QUICK, "type": "agent", "port": server.port},
                "nodes": [node("a", health={"port": server.port}), node("b", health={"type": "none"})]}
        with start(folder, pool) as one, daemon.Session(one.socket) as session:
            becomes(session, "a", "up", "ok")
            for word, state, slots in ((b"50%\n", "up", 341), (b"drain\n", None, 0), (b"ready 100%\n", "up", 512),
                                       (b"maint\n", "disabled", 0), (b"ready\n", "up", 512),
                                       (b"down # tired\n", "down", 0), (b"up\n", "up", 512)):
                server.says = word
                has_slots(session, "a", slots, state)
            server.says = b"x" * (1 << 20)
            becomes(session, "a", "down", "agent")
            equal(one.stop(), 0, "exit status")


@case("a program's exit status counts; one that hangs is killed")
def by_program():
    with daemon.Folder() as folder:
        script = folder.write("check", "#!/bin/sh\n. ./mode\n")
        folder.write("mode", 'test "$SLUICE_POOL/$SLUICE_NODE" = web/a\n')
        os.chmod(script, 0o755)
        pool = {"name": "web", "slots": 256, "nodes": [node("a")],
                "health": {**QUICK, "type": "external", "command": script, "timeout": "2s", "interval": "2s",
                           "fast_interval": "100ms"}}
        with start(folder, pool) as one, daemon.Session(one.socket) as session:
            becomes(session, "a", "up", "ok")
            folder.write("mode", "exit 3\n")
            equal(becomes(session, "a", "down", "exit")["health"]["text"], "exit status 3", "text")
            folder.write("mode", "sleep 1000\n")
            becomes(session, "a", "down", "timeout")
            os.remove(script)
            until(lambda: nodes(session)["a"]["health"]["state"] == "unknown", "a check that cannot run")
            equal(nodes(session)["a"]["state"], "down", "a check that cannot run changes no state")
            equal(one.stop(), 0, "exit status")


@case("backups serve while nobody else can, then the fallback; what was lent comes back as it was")
def backups_and_fallbacks():
    primary, backup, far = Server(), Server(), Server()
    with daemon.Folder() as folder:
        check = {**QUICK, "type": "tcp", "port": primary.port}
        web = {"name": "web", "slots": 256, "health": check, "fallback": "far",
               "nodes": [node("a"), node("b"), node("c", backup=True, health={"port": backup.port})]}
        other = {"name": "far", "slots": 256, "health": {**check, "port": far.port}, "nodes": [node("d")]}
        with start(folder, web, other) as one, daemon.Session(one.socket) as session:
            def asked():
                return session.result("explain", src="198.51.100.7", sport=7, dst="192.0.2.10", dport=80,
                                      proto="tcp", flags="syn")
            becomes(session, "d", "up", "ok", "far")
            for name in "abc":
                becomes(session, name, "up", "ok")
            before = session.result("table.get", pool="web")["table"]
            has_slots(session, "c", 0)
            until(lambda: nodes(session)["c"]["standby"], "a backup stands by")
            port = primary.port
            primary.close()
            becomes(session, "a", "down", "refused")
            becomes(session, "b", "down", "refused")
            has_slots(session, "c", 256)
            until(lambda: asked().get("node") == "c", "the backup serves")
            backup.close()
            becomes(session, "c", "down", "refused")
            until(lambda: asked().get("node") == "d", "the fallback serves")
            primary = Server(port=port)
            becomes(session, "a", "up", "ok")
            becomes(session, "b", "up", "ok")
            until(lambda: asked().get("node") in ("a", "b"), "they serve")
            equal(session.result("table.get", pool="web")["table"], before, "table")
            equal(session.result("status")["generation"], 1, "generation")
            equal(one.stop(), 0, "exit status")
            true("no node is up" in one.log(), f"that nobody is left is said: {one.log()}")


@case("what health finds is told as events")
def events():
    server = Server()
    with daemon.Folder() as folder:
        pool = {"name": "web", "slots": 256, "health": {**QUICK, "type": "tcp", "port": server.port},
                "nodes": [node("a")]}
        with start(folder, pool) as one, daemon.Session(one.socket) as session:
            becomes(session, "a", "up", "ok")
            with daemon.Session(one.socket) as listener:
                listener.result("events")
                server.close()
                kinds = set()
                while not {"node", "health"} <= kinds:
                    event = json.loads(listener.lines.readline())["params"]
                    kinds.add(event["kind"])
                    true(event["kind"] != "generation", f"no generation: {event}")
            equal(one.stop(), 0, "exit status")


@case("a thousand nodes are checked, and those that die are found among them")
def a_thousand():
    hosts = [f"127.{100 + i // 250}.{os.getpid() % 200 + 1}.{i % 250 + 1}" for i in range(1000)]
    server = Server(host="0.0.0.0")
    with daemon.Folder() as folder:
        pool = {"name": "web", "health": {"type": "tcp", "port": server.port, "interval": "5s", "fast_interval": "500ms",
                                          "timeout": "2s", "fall": 2, "rise": 1},
                "nodes": [node(f"n{i}", host) for i, host in enumerate(hosts)]}
        pool["nodes"][7]["health"] = {"port": 1}
        with start(folder, pool) as one, daemon.Session(one.socket) as session:
            def states():
                found, at = {}, 0
                while True:
                    part = session.result("nodes", **{"from": at, "count": 400})
                    found.update({name: row["health"]["state"] for name, row in part["nodes"]["web"].items()})
                    at = part.get("next", 0)
                    if not at:
                        return found
            wanted = {f"n{i}": "down" if i == 7 else "up" for i in range(1000)}
            until(lambda: states() == wanted, "all nodes judged")
            equal(one.stop(), 0, "exit status")


run()
