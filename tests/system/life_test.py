#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""From start to end: signals, instances side by side, hugepages, shared CPUs, full rings."""

import fcntl
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from tap import CASES, PATIENCE, TOP, Skip, case, equal, run, true, until  # noqa: E402
import daemon  # noqa: E402

HUGEPAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
HUGEPAGES_LOCK = os.path.join(tempfile.gettempdir(), "sluice-test-hugepages.lock")  # the machine's, not ours


def traffic(folder, flows=300):
    subprocess.run([os.path.join(TOP, "scripts/traffic"), "-o", folder.file("in.pcap"), "--flows",
                    str(flows)], check=True)
    return len(daemon.read_pcap(folder.file("in.pcap")))


def conf(folder, endless=False, handlers=("sink", "sink"), **more):
    device = "net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap" + (",infinite_rx=1" if endless else "")
    nodes = [{"name": f"w{number}", "worker": number, "handler": handler, "weight": 1}
             for number, handler in enumerate(handlers)]
    plane = {"worker_cpus": [daemon.CPUS[-1]] * len(handlers), **more.pop("dataplane", {})}
    return daemon.configuration(folder, [{"name": "p0", "device": device, "arp": "off"}],
                                [{"name": "web", "nodes": nodes}],
                                [{"name": "all", "address": "any", "pool": "web"}], dataplane=plane, **more)


def seen(one, count, outcome="received"):
    one.ready()
    with daemon.Session(one.socket) as session:
        session.sees(count, outcome)


def ends_with(number):
    with daemon.Folder() as folder:
        traffic(folder)
        with daemon.Daemon(folder, conf(folder, endless=True)) as one:
            seen(one, 1001, "delivered")
            equal(one.stop(number), 0, f"status after signal {number}; {one.log()}")
            report = one.report()
            daemon.balanced(report)
            true(report["balance"]["delivered"] > 1000, f"little was delivered: {report['balance']}")


@case("SIGTERM under load ends in good order, nothing in flight, with a report")
def terminated():
    ends_with(signal.SIGTERM)


@case("SIGINT under load ends in good order, nothing in flight, with a report")
def interrupted():
    ends_with(signal.SIGINT)


def status_of(process, key):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return file.read().split(f"\n{key}:")[1].split()[0]


def holds_back(process, number):
    return int(status_of(process, "SigBlk"), 16) >> (number - 1) & 1


def takes_signals(process):
    """In main(): what was loaded before it takes none."""
    return holds_back(process, signal.SIGTERM)


@case("a signal in the middle of the start ends in good order, too, and SIGHUP waits for its turn")
def early():
    with daemon.Folder() as folder:
        traffic(folder)
        for delay in (0, 0.1):
            with daemon.Daemon(folder, conf(folder, endless=True)) as one:
                until(lambda: takes_signals(one.process), "main()")
                time.sleep(delay)
                one.process.send_signal(signal.SIGHUP)
                equal(one.stop(), 0, f"status after SIGTERM {delay} s after the start; {one.log()}")
                daemon.balanced(one.report())


# Starts the rest of the arguments with a signal that waits already.
SIGNALLED = """import os, signal, sys
number = int(sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, [number])
os.kill(os.getpid(), number)
os.execv(sys.argv[2], sys.argv[2:])"""


@case("a signal before the first step of the start ends it there: no port is opened, the state stays")
def before_ports():
    with daemon.Folder() as folder:
        state = folder.file("state")
        one_conf = daemon.configuration(folder, [{"name": "p0", "device": "net_null0", "arp": "off"}],
                                        [{"name": "web", "nodes": [{"name": "w", "worker": 0, "weight": 1}]}],
                                        [{"name": "all", "address": "any", "pool": "web"}],
                                        control={"state": state})
        with daemon.Daemon(folder, one_conf) as one:
            one.ready()
            equal(one.stop(), 0, one.log())
        with open(state, "rb") as file:
            kept = file.read()
        for number in (signal.SIGTERM, signal.SIGINT):
            with daemon.Daemon(folder, one_conf, ("--log-level", "debug"), f"again{int(number)}",
                               (sys.executable, "-c", SIGNALLED, str(int(number)))) as one:
                equal(one.wait(), 0, f"status; {one.log()}")
                true("asked to end while it starts" in one.log(), one.log())
                true("DPDK: " not in one.log() and "port p0" not in one.log(), one.log())
                daemon.balanced(one.report())
            with open(state, "rb") as file:
                equal(file.read(), kept, "the state file")
            true(not os.path.exists(one_conf["control"]["socket"]), "the socket is there")


@case("a signal while ports are opened leaves the others closed")
def amid_ports():
    count, frame = 16, bytes(60)
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [frame] * 50000)  # each port reads it through
        many = daemon.configuration(
            folder, [{"name": f"p{n}", "device": f"net_pcap{n},rx_pcap=in.pcap,tx_pcap=/dev/null", "arp": "off"}
                     for n in range(count)],
            [{"name": "web", "nodes": [{"name": "w", "worker": 0, "weight": 1}]}],
            [{"name": "all", "address": "any", "pool": "web"}])
        for turn in range(20):
            with daemon.Daemon(folder, many, name=f"turn{turn}") as one:
                until(lambda: "port p0:" in one.log() or one.process.poll() is not None, "a port")
                equal(one.process.poll(), None, f"status; {one.log()}")
                one.process.send_signal(signal.SIGSTOP)
                until(lambda: status_of(one.process, "State") == "T", "the daemon to stop")
                amid = f"port p{count - 2}:" not in one.log()
                one.process.send_signal(signal.SIGTERM)
                one.process.send_signal(signal.SIGCONT)
                equal(one.wait(), 0, f"status; {one.log()}")
                daemon.balanced(one.report())
                if amid:
                    true("asked to end while it starts" in one.log(), one.log())
                    true(f"port p{count - 1}:" not in one.log() and "running" not in one.log(), one.log())
                    return
    raise Skip("the ports were always open before the signal came")


@case("a signal ends a daemon that waits for its configuration from a pipe")
def waits_for_pipe():
    with daemon.Folder() as folder:
        os.mkfifo(folder.file("fifo"))
        for number in (signal.SIGTERM, signal.SIGINT):
            # what runs in the background of a shell ignores SIGINT, and so would the daemon
            process = subprocess.Popen([daemon.binary(), "-c", folder.file("fifo")], stdin=subprocess.DEVNULL,
                                       preexec_fn=lambda ends=number: signal.signal(ends, signal.SIG_DFL))
            try:
                until(lambda: holds_back(process, signal.SIGHUP) and not takes_signals(process), "it waits")
                process.send_signal(number)
                equal(process.wait(PATIENCE), -number, "status")
            finally:
                process.kill()


@case("a second SIGTERM while it ends costs no report")
def impatient():
    with daemon.Folder() as folder:
        traffic(folder)
        with daemon.Daemon(folder, conf(folder, endless=True)) as one:
            one.ready()
            while one.process.poll() is None:
                one.process.send_signal(signal.SIGTERM)
                time.sleep(0.001)
            equal(one.wait(), 0, f"status; {one.log()}")
            daemon.balanced(one.report())


@case("without --exit-when-idle the daemon stays when a capture is over")
def stays():
    with daemon.Folder() as folder:
        count = traffic(folder)
        with daemon.Daemon(folder, conf(folder)) as one:
            seen(one, count)
            time.sleep(1)
            true(one.process.poll() is None, f"it ended: {one.log()}")
            equal(one.stop(), 0, "status")
            equal(one.report()["balance"]["received"], count, "received")


@case("two instances run side by side")
def side_by_side():
    with daemon.Folder() as first, daemon.Folder() as second:
        counts = traffic(first, 200), traffic(second, 300)
        with daemon.Daemon(first, conf(first)) as one, daemon.Daemon(second, conf(second)) as other:
            seen(one, counts[0])
            seen(other, counts[1])
            equal((one.stop(), other.stop()), (0, 0), f"status\n{one.log()}{other.log()}")
            equal((one.report()["balance"]["received"], other.report()["balance"]["received"]), counts,
                  "received")


@case("a second instance on the socket of a live one is refused with status 2, a dead one's is taken")
def same_socket():
    with daemon.Folder() as folder:
        traffic(folder)
        with daemon.Daemon(folder, conf(folder)) as one:
            one.ready()
            with daemon.Daemon(folder, conf(folder), name="other") as other:
                equal(other.wait(), 2, f"status {other.log()}")
                true("control.sock" in other.log(), other.log())
            one.process.kill()
            one.process.wait()
        true(os.path.exists(folder.file("control.sock")), "no socket file was left")
        daemon.run(folder, conf(folder))


@case("a capture is dispatched without loss over one shared CPU (queue_full wait)")
def lossless():
    with daemon.Folder() as folder:
        count = traffic(folder, 2000)
        cpu = daemon.CPUS[0]
        plane = {"rx_cpus": [cpu], "worker_cpus": [cpu] * 4, "ring_size": 64}
        report = daemon.run(folder, with_capture(folder, plane))
        equal(report["balance"]["received"], count, "received")
        equal(report["dropped"]["queue_full"], 0, "queue_full")


def with_capture(folder, plane):
    value = conf(folder, handlers=("sink", "echo", "sink", "capture"), dataplane=plane)
    value["pools"][0]["nodes"][3]["file"] = "w3.pcapng"
    return value


@case("queue_full drop loses packets under overload, counts them, and the balance holds")
def overload():
    with daemon.Folder() as folder:
        traffic(folder)
        plane = {"ring_size": 64, "queue_full": "drop"}
        slow = conf(folder, endless=True, handlers=("capture",), dataplane=plane)
        slow["pools"][0]["nodes"][0]["file"] = "w0.pcapng"
        with daemon.Daemon(folder, slow) as one:
            seen(one, 1, "dropped")
            equal(one.stop(), 0, f"status {one.log()}")
            report = one.report()
            daemon.balanced(report)
            true(report["dropped"]["queue_full"] > 0, f"nothing was dropped: {report['balance']}")
            node = report["pools"]["web"]["nodes"]["w0"]
            equal(node["queue_dropped"], report["dropped"]["queue_full"], "queue_dropped of the node")
            print(f"# {node['queue_dropped']} of {report['balance']['received']}")


@case("several receive CPUs on a device with one queue are served by one, and it is said")
def few_queues():
    with daemon.Folder() as folder:
        count = traffic(folder)
        plane = {"rx_cpus": [daemon.CPUS[0], daemon.CPUS[-1]]}
        with daemon.Daemon(folder, conf(folder, dataplane=plane), ("--exit-when-idle", "150")) as one:
            equal(one.wait(), 0, one.log())
            equal(one.report()["balance"]["received"], count, "received")
            true("queue" in one.log(), f"not said: {one.log()}")


@case("what DPDK says comes through the log, a line each, and at level debug alone")
def libraries():
    with daemon.Folder() as folder:
        traffic(folder, 3)
        for level, prefix in (("debug", "<7>DPDK: EAL: "), ("info", None)):
            # Standard error is a file, and named as the journal: each line has its level.
            with open(folder.file("journal"), "w+", encoding="utf-8") as journal:
                about = os.fstat(journal.fileno())
                subprocess.run([daemon.binary(), "-c", folder.write("sluice.yaml", conf(folder)), "--log-level", level,
                                "--exit-when-idle", "100"], cwd=folder.path, stderr=journal, check=True, timeout=PATIENCE,
                               env={**os.environ, "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
            lines = folder.read("journal").splitlines()
            true(all(line[0] == "<" and line[2] == ">" for line in lines), lines)
            equal(any(line.startswith(prefix or "<7>") for line in lines), prefix is not None, f"lines of DPDK in {lines}")
            if prefix is None:
                true(not any("DPDK: " in line or "EAL: " in line for line in lines), lines)


@case("each port is described in one line: driver, link, queues")
def port_line():
    with daemon.Folder() as folder:
        traffic(folder)
        with daemon.Daemon(folder, conf(folder), ("--exit-when-idle", "100")) as one:
            equal(one.wait(), 0, one.log())
            lines = [line for line in one.log().split("\n") if "p0" in line and "net_pcap" in line]
            true(lines and "queue" in lines[0], f"no such line in:\n{one.log()}")


@case("--report - writes the report on standard output")
def report_on_output():
    with daemon.Folder() as folder:
        count = traffic(folder)
        path = folder.write("conf.yaml", conf(folder))
        done = subprocess.run([daemon.binary(), "-c", path, "--exit-when-idle", "100", "--report", "-"],
                              capture_output=True, text=True, cwd=folder.path, timeout=PATIENCE)
        equal(done.returncode, 0, done.stderr)
        equal(json.loads(done.stdout)["balance"]["received"], count, "received")


@case("arguments that DPDK does not know are status 1, and leave standard output to the report")
def unknown_eal_argument():
    with daemon.Folder() as folder:
        traffic(folder)
        wrong = conf(folder, dataplane={"eal": ["--no-such-thing"]})
        path = folder.write("wrong.yaml", wrong)
        done = subprocess.run([daemon.binary(), "-c", path, "--report", "-"], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        equal((done.returncode, done.stdout), (1, ""), "status and output")
        true("--no-such-thing" in done.stderr and "dataplane.eal" in done.stderr, done.stderr)


@case("--exit-when-idle ends also when no packet ever comes")
def never_a_packet():
    with daemon.Folder() as folder:
        daemon.write_pcap(folder.file("in.pcap"), [])
        equal(daemon.run(folder, conf(folder))["balance"]["received"], 0, "received")


@case("--version and --help answer on standard output with status 0")
def words():
    for option in ("--version", "--help"):
        done = subprocess.run([daemon.binary(), option], capture_output=True, text=True, timeout=PATIENCE)
        equal((done.returncode, done.stderr), (0, ""), option)
        true("sluice" in done.stdout, done.stdout)


def set_hugepages(count):
    try:
        with open(HUGEPAGES + "nr_hugepages", "w", encoding="ascii") as file:
            file.write(str(count))
        with open(HUGEPAGES + "nr_hugepages", encoding="ascii") as file:
            return int(file.read())
    except OSError as problem:
        raise Skip(f"hugepages cannot be set here: {problem}") from None


class Hugepages:
    def __init__(self, count):
        self.count = count

    def __enter__(self):
        self.lock = os.open(HUGEPAGES_LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        with open(HUGEPAGES + "nr_hugepages", encoding="ascii") as file:
            self.before = int(file.read())
        try:
            got = set_hugepages(max(self.count, self.before) if self.count else 0)
            if got < self.count:
                raise Skip(f"the kernel gave {got} of {self.count} hugepages")
        except Skip:
            self.__exit__()
            raise

    def __exit__(self, *_):
        try:
            set_hugepages(self.before)
        finally:
            os.close(self.lock)


@case("hugepages auto uses them when enough are free, and goes without when few are")
def hugepages_auto():
    if not os.path.isdir(HUGEPAGES):
        raise Skip("this kernel has no hugepages of 2 MB")
    for pages in (4, 300):
        with Hugepages(pages), daemon.Folder() as folder:
            count = traffic(folder)
            report = daemon.run(folder, conf(folder, dataplane={"hugepages": "auto", "memory_mb": 256}))
            equal(report["balance"]["received"], count, f"received with {pages} hugepages")
    leftover = glob.glob(f"/dev/hugepages/test{os.getpid()}n*map_*")
    equal(leftover, [], "files left in /dev/hugepages")


@case("hugepages require without hugepages is refused with status 2 and the remedy")
def hugepages_required():
    if not os.path.isdir(HUGEPAGES):
        raise Skip("this kernel has no hugepages of 2 MB")
    with Hugepages(0), daemon.Folder() as folder:
        traffic(folder)
        log = daemon.run(folder, conf(folder, dataplane={"hugepages": "require"}), status=2)
        true("hugepages" in log, log)


class Wedge:
    """A daemon whose worker's handler does not come back: it writes to a pipe that nobody reads."""

    def __init__(self, folder):
        os.mkfifo(folder.file("wedged"))
        self.pipe = os.open(folder.file("wedged"), os.O_RDWR)
        made = conf(folder, endless=True, handlers=("capture",))
        made["pools"][0]["nodes"][0]["file"] = "wedged"
        made["control"]["state"] = folder.file("state")
        self.daemon = daemon.Daemon(folder, made)

    def __enter__(self):
        return self.daemon

    def __exit__(self, *rest):
        self.daemon.__exit__(*rest)
        os.close(self.pipe)


def is_stuck(one):
    with daemon.Session(one.socket) as session:
        return [core["stuck"] for core in session.result("status")["cores"] if core["name"] == "worker0"][0]


@case("a handler that does not come back is named, and the end comes without it: report, state, status 2")
def stuck():
    with daemon.Folder() as folder:
        traffic(folder)
        with Wedge(folder) as one:
            one.ready()
            until(lambda: is_stuck(one), "a word about the handler")
            true("worker0" in one.log() and "has not come back" in one.log(), one.log())
            equal(one.stop(), 2, one.log())
            true("worker0" in one.log().split("ending")[1], one.log())
            true(one.report()["balance"]["received"] > 0, "no report")
            true(os.path.getsize(folder.file("state")) > 0, "no state")


@case("a second SIGTERM cuts the wait for such a handler short")
def stuck_and_asked_again():
    # Without the second one it is 10 seconds, on whatever machine: one that takes less proves the cut, and a
    # busy machine may need more than one.
    true(any(asked_again() < 9 for _ in range(6)), "it always takes as long as without")


def asked_again():
    """Seconds until its end."""
    with daemon.Folder() as folder:
        traffic(folder)
        with Wedge(folder) as one:
            one.ready()
            until(lambda: is_stuck(one), "a word about the handler")
            start = time.monotonic()
            one.process.send_signal(signal.SIGTERM)
            until(lambda: "ending" in one.log(), "its ending")
            time.sleep(0.2)
            equal(one.stop(), 2, one.log())
            true(one.report()["balance"]["received"] > 0, "no report")
            return time.monotonic() - start


@case("signals that mean nothing to it are said once and change nothing")
def strangers():
    with daemon.Folder() as folder:
        traffic(folder)
        with daemon.Daemon(folder, conf(folder, endless=True)) as one:
            one.ready()
            strange = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGXFSZ, signal.SIGVTALRM,
                       signal.SIGPROF, signal.SIGIO, signal.SIGPWR, signal.SIGRTMIN + 3]
            for number in 2 * strange + [signal.SIGPIPE]:
                one.process.send_signal(number)
                time.sleep(0.01)
            until(lambda: one.log().count("is ignored") >= len(strange), "a word about each signal")
            equal(one.log().count("is ignored"), len(strange), one.log())
            equal(one.stop(), 0, one.log())
            daemon.balanced(one.report())


@case("an end in good order leaves nothing in /run")
def run_folders():
    with daemon.Folder() as folder:
        traffic(folder)
        made = conf(folder, endless=True)
        name = made["dataplane"]["instance"]
        made["control"]["socket"] = f"/run/{name}/control.sock"
        if os.geteuid() != 0 or not os.access("/run", os.W_OK):
            raise Skip("/run can be written by root alone")
        with daemon.Daemon(folder, made) as one:
            one.ready()
            equal(one.stop(), 0, one.log())
        equal([path for path in (f"/run/{name}", f"/run/dpdk/{name}") if os.path.exists(path)], [], "left")


class Disk:
    """A file system of so many octets."""

    def __init__(self, folder, size):
        self.path, self.size = folder.file("disk"), size

    def __enter__(self):
        os.mkdir(self.path)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "none",
                                                self.path], capture_output=True).returncode:
            raise Skip("no file system of a size can be mounted here")
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.path], check=False)


@case("a capture on a full disk ends in a whole block, is named, what is lost is counted, and the status is 2")
def full_disk():
    with daemon.Folder() as folder:
        traffic(folder, 3000)
        with Disk(folder, "64k"):
            made = conf(folder, handlers=("capture",))
            made["pools"][0]["nodes"][0]["file"] = "disk/w"
            with daemon.Daemon(folder, made, ("--exit-when-idle", "300")) as one:
                equal(one.wait(), 2, one.log())
                equal(one.log().count("disk/w"), 1, one.log())
                frames = daemon.read_pcap(folder.file("disk/w"))
                node = one.report()["pools"]["web"]["nodes"]["w0"]
                count = one.report()["balance"]["delivered"]
                equal(len(frames) + node["handler_lost"], count, "frames in the file and lost")
                true(0 < len(frames) < count, f"{len(frames)} of {count} frames")
                with open(folder.file("disk/w"), "rb") as file:
                    equal(whole_blocks(file.read()), len(frames) + 2, "blocks, up to the end of the file")


def whole_blocks(data):
    at = blocks = 0
    while at < len(data):
        size = int.from_bytes(data[at + 4:at + 8], "little")
        equal(data[at + 4:at + 8], data[at + size - 4:at + size], f"the size of block {blocks}, twice")
        at, blocks = at + size, blocks + 1
    return blocks


@case("tx_pcap on a full disk ends in a whole frame, is named, what is lost is counted, and the status is 2")
def full_disk_of_a_port():
    with daemon.Folder() as folder:
        traffic(folder, 3000)
        with Disk(folder, "64k"):
            made = daemon.configuration(
                folder, [{"name": "p0", "device": "net_pcap0,rx_pcap=in.pcap,tx_pcap=disk/out.pcap", "arp": "off"}],
                [{"name": "web", "nodes": [{"name": "o", "output": "p0", "weight": 1}]}],
                [{"name": "all", "address": "any", "pool": "web"}], dataplane={"worker_cpus": []})
            with daemon.Daemon(folder, made, ("--exit-when-idle", "300")) as one:
                equal(one.wait(), 2, one.log())
                true("disk/out.pcap" in one.log(), one.log())
                report = one.report()
                daemon.balanced(report)
                frames = daemon.read_pcap(folder.file("disk/out.pcap"))
                equal(report["balance"]["forwarded"], len(frames), "forwarded are those in the file")
                equal(report["dropped"]["tx_failed"], report["ports"]["p0"]["tx_failed"], "tx_failed")
                true(report["dropped"]["tx_failed"] > 0, "nothing was lost")
                equal(sum(len(frame) + 16 for frame in frames) + 24,
                      os.path.getsize(folder.file("disk/out.pcap")), "octets of the file")


run(CASES)
