# SPDX-License-Identifier: BSD-3-Clause
"""A machine of its own for the daemon, in QEMU's software emulation, with network cards whose cables this
process holds: what it sends on one is a frame, what the card sends is read.

    this test -- datagram sockets -- QEMU, igb (Intel 82576) -- sluiced in the guest, which has the card to itself

The guest is Debian's kernel for clouds and a root in memory with busybox, the daemon as it was built, its
client and the libraries of both. A shell in it does what a line on its second serial port says. Nothing of
that is installed: packages are unpacked into the build folder.
"""

import glob
import json
import os
import queue
import socket
import stat
import subprocess
import threading

import daemon
from tap import PATIENCE, TOP, Failed, Skip, until

PACKAGES = os.path.join(daemon.BUILD, "guest")
DRIVERS = ("librte_net_e1000", "librte_bus_pci", "librte_bus_vdev", "librte_mempool_ring")
MODULES = ("uio", "uio_pci_generic")
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
chmod 755 /
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/hugepages /run /tmp /var
ln -s /run /var/run
mount -t hugetlbfs huge /dev/hugepages
for module in %s; do insmod /modules/$module.ko; done
for device in /sys/bus/pci/devices/*; do
	[ "$(cat $device/class)" = 0x020000 ] || continue
	echo uio_pci_generic >$device/driver_override
	echo ${device##*/} >/sys/bus/pci/drivers_probe
done
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1 2>&1
echo "## 0"
while read -r line; do
	eval "$line"
	echo "## $?"
done
poweroff -f
""" % " ".join(MODULES)


def packages():
    """The folder with QEMU, kernel and busybox; igb is younger than Debian 12's own QEMU."""
    done = os.path.join(PACKAGES, "complete")
    if not os.path.exists(done):
        with open("/etc/os-release", encoding="utf-8") as file:
            release = dict(line.rstrip().split("=", 1) for line in file if "=" in line).get("VERSION_CODENAME", "")
        result = subprocess.run(
            [os.path.join(TOP, "scripts/unpack"), PACKAGES, "-t", f"{release}-backports", "qemu-system-x86",
             "seabios", f"linux-image-cloud-amd64/{release}", f"busybox-static/{release}"],
            capture_output=True, text=True, check=False)
        if result.returncode:
            raise Skip("QEMU or a kernel for it cannot be had: " + " ".join(result.stderr.split()))
        open(done, "w", encoding="utf-8").close()
    return PACKAGES


def one(folder, *patterns):
    """The path below the folder that a pattern of glob has."""
    for pattern in patterns:
        for path in glob.glob(os.path.join(folder, pattern), recursive=True):
            return path
    raise Skip(f"no {' or '.join(patterns)} in the packages of {folder}")


class Archive:
    """A root in memory: a cpio archive as the kernel unpacks it."""

    def __init__(self):
        self.entries, self.folders = [], set()

    def folder(self, path):
        if path and path not in self.folders:
            self.folder(os.path.dirname(path))
            self.folders.add(path)
            self.entries.append((path, stat.S_IFDIR | 0o755, b""))

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self.entries.append((path, stat.S_IFLNK | 0o777, target.encode()))

    def text(self, path, text, mode=0o644):
        self.folder(os.path.dirname(path))
        self.entries.append((path, stat.S_IFREG | mode, text.encode() if isinstance(text, str) else text))

    def file(self, path, source):
        with open(source, "rb") as file:
            self.text(path, file.read(), 0o755)

    def write(self, path):
        with open(path, "wb") as file:
            for number, (name, mode, data) in enumerate([*self.entries, ("TRAILER!!!", 0, b"")], 1):
                fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
                head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
                file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))


def libraries(*programs):
    """Paths of all that the loader would load."""
    text = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    return sorted({word for word in text.split() if word.startswith("/") and not word.endswith(":")})


def drivers():
    """Those of the guest's devices in the folder where DPDK looks for drivers, as that has them: links."""
    for top, _, names in os.walk("/usr/lib"):
        if os.path.basename(top).startswith("pmds-"):
            return [os.path.join(top, name) for name in sorted(names) if name.startswith(DRIVERS) and name.endswith(".so")]
    raise Skip("DPDK has no folder of drivers below /usr/lib")


def root(files):
    """The archive, with texts of the test's own by path."""
    archive, unpacked, plugins = Archive(), packages(), drivers()
    for name, target in (("lib", "usr/lib"), ("lib64", "usr/lib64"), ("sbin", "bin")):
        archive.link(name, target)
    needed = {path if path.startswith("/usr") else "/usr" + path: path
              for path in libraries(daemon.SLUICED, daemon.SLUICECTL, *plugins)}
    for path in plugins:  # loaded by either name, it must be one file, else it is a second driver
        place = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(path))), os.readlink(path))
        needed[place] = path
        archive.link(path[1:], place)
    for place, path in needed.items():
        archive.file(place[1:], path)
    archive.file("bin/busybox", one(unpacked, "bin/busybox", "usr/bin/busybox"))
    archive.file("bin/sluiced", daemon.SLUICED)
    archive.file("bin/sluicectl", daemon.SLUICECTL)
    for name in MODULES:
        archive.file(f"modules/{name}.ko", one(unpacked, f"**/{name}.ko"))
    for name in ("proc", "sys", "dev", "etc"):
        archive.folder(name)
    archive.text("init", INIT, 0o755)
    for path, text in files.items():
        archive.text(path, text)
    return archive


class Cable:
    """The other end of a card: frames one by one, none lost on the way."""

    def __init__(self, folder, number):
        self.ours, self.card = (folder.file(f"cable{number}.{end}") for end in ("here", "card"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.ours)
        self.came = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                self.came.put(self.socket.recv(65536))
            except OSError:
                return

    def send(self, *frames):
        for frame in frames:
            self.socket.sendto(frame, self.card)

    def frames(self, count):
        """So many that came, waited for."""
        got = []
        while len(got) < count:
            try:
                got.append(self.came.get(timeout=PATIENCE))
            except queue.Empty:
                raise Failed(f"{len(got)} frames came of {count}") from None
        return got

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Line:
    """Lines to and from a socket of QEMU's."""

    def __init__(self, path, alive):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)

        def connects():
            alive()
            try:
                self.socket.connect(path)
                return True
            except OSError:
                return False
        until(connects, f"{path} of QEMU")
        self.lines = self.socket.makefile("rb")

    def send(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def read(self):
        line = self.lines.readline()
        if not line:
            raise Failed("QEMU has ended")
        return line.decode(errors="replace").rstrip("\r\n")


class Guest:
    """A running one, with so many cards; gone afterwards. files: texts at their paths in it."""

    def __init__(self, folder, files, cards=2, cpus=4, memory_mb=1000):
        if os.uname().machine != "x86_64":
            raise Skip("the guest is an x86-64 machine")
        self.folder = folder
        unpacked = packages()
        root(files).write(folder.file("root.cpio"))
        self.cables = [Cable(folder, number) for number in range(cards)]
        command = [one(unpacked, "usr/bin/qemu-system-x86_64"), "-L", os.path.join(unpacked, "usr/share/qemu"),
                   "-L", os.path.join(unpacked, "usr/share/seabios"),
                   "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-machine", "q35", "-smp", str(cpus),
                   "-m", str(memory_mb), "-nodefaults", "-no-user-config", "-nographic", "-no-reboot",
                   "-kernel", one(unpacked, "boot/vmlinuz-*"), "-initrd", folder.file("root.cpio"),
                   "-append", "console=ttyS0 quiet panic=-1 hugepages=128",
                   "-serial", f"file:{folder.file('console')}",
                   "-serial", f"unix:{folder.file('shell')},server=on,wait=on",
                   "-qmp", f"unix:{folder.file('qmp')},server=on,wait=off"]
        for number, cable in enumerate(self.cables):
            command += ["-netdev", f"dgram,id=net{number},local.type=unix,local.path={cable.card},"
                        f"remote.type=unix,remote.path={cable.ours}",
                        "-device", f"pcie-root-port,id=slot{number},chassis={number + 1},slot={number + 1}",
                        "-device", f"igb,id=card{number},bus=slot{number},netdev=net{number},romfile=,"
                        f"mac={mac(number)}"]
        places = [os.path.join(unpacked, "usr/lib/x86_64-linux-gnu"), os.path.join(unpacked, "lib/x86_64-linux-gnu")]
        self.log = open(folder.file("qemu.log"), "w+b")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env={**os.environ, "LD_LIBRARY_PATH": ":".join(places)})

    def __enter__(self):
        try:
            self.shell = Line(self.folder.file("shell"), self.alive)
            self.monitor = Line(self.folder.file("qmp"), self.alive)
            self.monitor.read()
            self.qmp("qmp_capabilities")
            self.answer("the guest's start")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        for cable in self.cables:
            cable.close()

    def alive(self):
        if self.process.poll() is not None:
            raise Failed(f"QEMU has ended\n{self.folder.read('qemu.log')}")

    def answer(self, what):
        """Lines of a command's output, and its exit status."""
        lines = []
        try:
            while not (line := self.shell.read()).startswith("## "):
                lines.append(line)
        except TimeoutError:
            raise Failed(f"{what}: no end\n" + "\n".join(lines) + self.folder.read("console")) from None
        return "\n".join(lines), int(line[3:])

    def run(self, command, status=0):
        """The output of a command of the guest's shell."""
        self.shell.send(command)
        text, got = self.answer(command)
        if got != status:
            raise Failed(f"{command}: status {got}, wanted {status}\n{text}")
        return text

    def qmp(self, command, **arguments):
        """Of QEMU's monitor; news in between are passed over."""
        self.monitor.send(json.dumps({"execute": command, "arguments": arguments}))
        while "return" not in (answer := json.loads(self.monitor.read())):
            if "error" in answer:
                raise Failed(f"{command}: {answer}")
        return answer["return"]


def mac(number):
    return f"02:00:00:00:01:{number:02x}"
