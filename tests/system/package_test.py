#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Debian packages: built by scripts/package, looked at, unpacked into a folder, and run from there."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import daemon
from service import EXPOSURE_MAX, Manager, analyze, default, exposure
from tap import TOP, Failed, Skip, case, equal, run, true

NEEDED = ("dpkg-buildpackage", "dh", "lintian", "scdoc")
CONTENTS = {
    "sluice": """/etc/sluice/sluice.yaml /lib/systemd/system/sluice.service /usr/bin/sluicectl /usr/sbin/sluiced
                 /usr/share/bash-completion/completions/sluicectl /usr/share/doc/sluice/examples/balancer.yaml
                 /usr/share/doc/sluice/examples/desk.yaml /usr/share/doc/sluice/examples/xdp.conf
                 /usr/share/man/man5/sluice.yaml.5.gz
                 /usr/share/man/man8/sluicectl.8.gz /usr/share/man/man8/sluiced.8.gz""",
    "sluice-node": """/lib/systemd/system/sluice-node@.service /usr/sbin/sluice-node
                      /usr/share/bash-completion/completions/sluice-node /usr/share/man/man8/sluice-node.8.gz""",
    "sluice-dev": """/usr/include/sluice/handler.h /usr/share/doc/sluice-dev/examples/count.c
                     /usr/share/doc/sluice-dev/examples/ndpi/dpi.c /usr/share/doc/sluice-dev/examples/ndpi/Makefile
                     /usr/share/man/man3/sluice-handler.3.gz /usr/share/pkgconfig/sluice-handler.pc""",
}
BUILT = {}


def output(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def packages():
    """Paths of the packages by their names; built once."""
    missing = [program for program in NEEDED if not shutil.which(program)]
    if missing:
        raise Skip(f"{', '.join(missing)} is missing (Debian: dpkg-dev, debhelper, lintian, scdoc)")
    if not BUILT:
        # Of files that are no checkout, as whoever unpacks an archive has them.
        env = {**os.environ, "GIT_DIR": os.devnull}
        lines = output(os.path.join(TOP, "scripts/package"), env=env).split("\n")
        BUILT["said"] = [line for line in lines if line and not line.endswith(".deb")]
        BUILT.update((os.path.basename(line).split("_")[0], line) for line in lines if line.endswith(".deb"))
    return BUILT


def unpacked(folder, name):
    output("dpkg", "-x", packages()[name], folder.path)


@case("scripts/package builds them, and lintian finds nothing")
def built():
    found = packages()
    equal(sorted(found.keys() - {"said"}), ["sluice", "sluice-dev", "sluice-node"], "packages")
    equal(len(found["said"]), 1, f"lines besides: {found['said']}")


@case("the packages have all their files, and one that is the user's")
def contents():
    for name, wanted in CONTENTS.items():
        files = {line.split()[5][1:] for line in output("dpkg", "-c", packages()[name]).split("\n") if line}
        equal(sorted(set(wanted.split()) - files), [], f"what {name} lacks")
    equal(output("dpkg", "-I", packages()["sluice"], "conffiles"), "/etc/sluice/sluice.yaml\n", "conffiles")


@case("the service is started after the installation, stopped at the removal, and its state purged")
def maintained():
    scripts = {script: output("dpkg", "-I", packages()["sluice"], script) for script in ("postinst", "prerm", "postrm")}
    for script, word in (("postinst", "deb-systemd-invoke $_dh_action 'sluice.service'"),
                         ("prerm", "deb-systemd-invoke stop 'sluice.service'"), ("postrm", "rm -rf /var/lib/sluice\n")):
        true(word in scripts[script], f"{script} does not say {word}:\n{scripts[script]}")


@case("the packaged unit is right and hardened, and starts the packaged daemon")
def unit():
    with daemon.Folder() as folder:
        unpacked(folder, "sluice")
        path = folder.file("lib/systemd/system/sluice.service")
        text = folder.read(path)
        true("\nExecStart=/usr/sbin/sluiced\n" in text, text)
        there = folder.write("sluice.service", text.replace("=/usr/sbin", f"={folder.file('usr/sbin')}"))
        equal(analyze("verify", "--man=no", there), "", "what systemd says")
        rated, why = exposure(path)
        true(rated <= EXPOSURE_MAX, f"it is {rated}\n{why}")


@case("the packaged daemon takes the packaged configuration, and is ready when it runs")
def ready():
    with daemon.Folder() as folder, Manager(folder) as manager:
        unpacked(folder, "sluice")
        output(folder.file("usr/sbin/sluiced"), "-c", folder.file("etc/sluice/sluice.yaml"), "--check")
        conf = folder.write("own.yaml", default(folder))
        with subprocess.Popen([folder.file("usr/sbin/sluiced"), "-c", conf], stderr=subprocess.DEVNULL,
                              env={**os.environ, "NOTIFY_SOCKET": manager.path}) as process:
            try:
                equal(manager.hears(), "READY=1", "first word")
                status = output(folder.file("usr/bin/sluicectl"), "-s", folder.file("control.sock"), "status")
                true("generation" in status, status)
            finally:
                process.terminate()
            equal(process.wait(), 0, "exit status")


@case("sluice-node needs nothing of DPDK")
def node():
    with daemon.Folder() as folder:
        unpacked(folder, "sluice-node")
        true("sluice-node " in output(folder.file("usr/sbin/sluice-node"), "--version"), "its version")
        needs = output("dpkg", "-I", packages()["sluice-node"])
        true("libbpf1" in needs and "librte" not in needs, needs)


@case("the examples are valid configurations")
def examples():
    with daemon.Folder() as folder:
        unpacked(folder, "sluice")
        path = folder.file("usr/share/doc/sluice/examples")
        for name in ("desk.yaml", "balancer.yaml"):
            output(folder.file("usr/sbin/sluiced"), "-c", os.path.join(path, name), "--check")


@case("the example of a handler builds with what sluice-dev has")
def handler():
    with daemon.Folder() as folder:
        unpacked(folder, "sluice-dev")
        env = {**os.environ, "PKG_CONFIG_PATH": folder.file("usr/share/pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": folder.path,
               "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}
        flags = output("pkg-config", "--cflags", "sluice-handler", env=env).split()
        true(any(folder.path in flag for flag in flags), f"flags: {flags}")
        output("cc", "-shared", "-fPIC", "-Wall", "-Werror", *flags, "-o", folder.file("count.so"),
               folder.file("usr/share/doc/sluice-dev/examples/count.c"))


if __name__ == "__main__":
    run()
