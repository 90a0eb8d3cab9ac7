#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/setup on a machine of files: what it says, changes, refuses and undoes.

    0000:01:00.0  ixgbe      eth0       (default route)
    0000:02:00.0  i40e       eth1
    0000:03:00.0  mlx5_core  eth2
    0000:04:00.0  nvme       (no NIC)
"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
from daemon import Folder
from tap import TOP, case, equal, run, true

SETUP = os.path.join(TOP, "scripts/setup")
PAGES = "sys/kernel/mm/hugepages/hugepages-2048kB"
ROUTES = "Iface\tDestination\tGateway\neth0\t00000000\t0100A8C0\neth1\t0000A8C0\t00000000\n"


class Machine(Folder):
    """Files as a kernel shows them. Writes to them change nothing else, as drivers would."""

    def __enter__(self):
        super().__enter__()
        self.put(f"{PAGES}/nr_hugepages", "4")
        self.put(f"{PAGES}/free_hugepages", "4")
        self.put("sys/devices/system/cpu/online", "0-7")
        self.put("sys/devices/system/cpu/isolated", "")
        self.put("sys/kernel/iommu_groups/0/type", "DMA")
        self.put("proc/net/route", ROUTES)
        self.put("proc/net/ipv6_route", "")
        for number, (driver, interface) in enumerate((("ixgbe", "eth0"), ("i40e", "eth1"), ("mlx5_core", "eth2")), 1):
            self.device(f"0000:0{number}:00.0", driver, "0x020000")
            self.put(f"sys/bus/pci/devices/0000:0{number}:00.0/net/{interface}/mtu", "1500")
        self.device("0000:04:00.0", "nvme", "0x010802")
        self.put("sys/bus/pci/drivers/vfio-pci/bind", "")
        return self

    def put(self, path, text):
        os.makedirs(os.path.dirname(self.file(path)), exist_ok=True)
        self.write(path, text)

    def device(self, address, driver, kind):
        self.put(f"sys/bus/pci/devices/{address}/class", kind)
        self.put(f"sys/bus/pci/devices/{address}/driver_override", "(null)")
        self.put(f"sys/bus/pci/drivers/{driver}/unbind", "")
        self.put(f"sys/bus/pci/drivers/{driver}/bind", "")
        self.drive(address, driver)

    def drive(self, address, driver):
        """What a kernel does with a bound device."""
        link = self.file(f"sys/bus/pci/devices/{address}/driver")
        if os.path.islink(link):
            os.remove(link)
        os.symlink(f"../../drivers/{driver}", link)

    def setup(self, *words, status=0):
        done = subprocess.run([SETUP, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              env={**os.environ, "SETUP_ROOT": self.path})
        equal(done.returncode, status, f"status of {words}: {done.stdout}")
        return done.stdout


def has(text, *wanted):
    for part in wanted:
        true(part in text, f"{part!r} is not in\n{text}")


@case("it says what is there and what is missing in words, and changes nothing")
def said():
    with Machine() as machine:
        text = machine.setup()
        has(text, "hugepages of 2 MiB: 4, 4 of them free", "scripts/setup --hugepages 256", "IOMMU: on",
            "NIC 0000:01:00.0: driver ixgbe, interface eth0, this session's: it stays",
            "NIC 0000:03:00.0: driver mlx5_core, interface eth2, usable by DPDK",
            "scripts/setup --bind 0000:02:00.0 vfio-pci", "CPUs: 0-7, isolated: none", "isolcpus=6,7 ")
        true("0000:04" not in text and "--bind 0000:01" not in text, text)
        equal(machine.read(f"{PAGES}/nr_hugepages"), "4", "hugepages")


@case("--check fails until nothing is missing")
def checked():
    with Machine() as machine:
        machine.setup("--check", status=1)
        machine.put(f"{PAGES}/free_hugepages", "256")
        machine.drive("0000:02:00.0", "vfio-pci")
        has(machine.setup("--check"), "Nothing is missing.")


@case("hugepages are set at once and for every boot, and undone")
def pages():
    with Machine() as machine:
        has(machine.setup("--hugepages", "512"), "512 hugepages")
        equal(machine.read(f"{PAGES}/nr_hugepages"), "512", "at once")
        has(machine.read("etc/sysctl.d/80-sluice.conf"), "vm.nr_hugepages = 512\n")
        machine.setup("--hugepages", "600")
        machine.setup("--undo")
        equal(machine.read(f"{PAGES}/nr_hugepages"), "4", "as before the first change")
        true(not os.path.exists(machine.file("etc/sysctl.d/80-sluice.conf")), "the file of the boot is there")
        has(machine.setup("--undo"), "nothing is undone")


@case("the CPUs that are advised are the machine's; one that has but one gets no such advice")
def cpus():
    for online, wanted in (("0-1", "isolcpus=1 nohz_full=1 rcu_nocbs=1 "), ("0,2-3", "isolcpus=2,3 "), ("0", None)):
        with Machine() as machine:
            machine.put("sys/devices/system/cpu/online", online)
            text = machine.setup()
            true((wanted in text) if wanted else ("isolcpus" not in text), f"{online}: {text}")


@case("hugepages that a kernel has not, or does not give, leave nothing behind that --undo would trip over")
def no_pages():
    with Machine() as machine:
        os.remove(machine.file(f"{PAGES}/nr_hugepages"))
        has(machine.setup("--hugepages", "8", status=2), "no hugepages of 2 MiB")
        true(not os.path.exists(machine.file("var/lib/sluice-setup/before.json")), "something is remembered")
        has(machine.setup("--undo"), "nothing is undone")
    with Machine() as machine:
        os.remove(machine.file(f"{PAGES}/nr_hugepages"))
        os.mkdir(machine.file(f"{PAGES}/nr_hugepages"))  # what cannot be written
        has(machine.setup("--hugepages", "8", status=2), "cannot be written")
        has(machine.setup("--undo"), "nothing is undone")


@case("a step that cannot be undone is said, the others are, and it is tried again the next time")
def half_undone():
    with Machine() as machine:
        machine.setup("--hugepages", "8")
        machine.setup("--bind", "eth1", "vfio-pci")
        machine.drive("0000:02:00.0", "vfio-pci")
        os.remove(machine.file("sys/bus/pci/drivers/i40e/bind"))
        os.mkdir(machine.file("sys/bus/pci/drivers/i40e/bind"))
        has(machine.setup("--undo", status=2), "4 hugepages of 2 MiB again", "cannot be written")
        os.rmdir(machine.file("sys/bus/pci/drivers/i40e/bind"))
        machine.put("sys/bus/pci/drivers/i40e/bind", "")
        has(machine.setup("--undo"), "0000:02:00.0: i40e again")
        has(machine.setup("--undo"), "nothing is undone")


@case("a NIC is given back alone; one that was not taken is refused")
def unbound():
    with Machine() as machine:
        machine.setup("--hugepages", "8")
        machine.setup("--bind", "eth1", "vfio-pci")
        machine.drive("0000:02:00.0", "vfio-pci")
        has(machine.setup("--unbind", "eth1"), "0000:02:00.0: i40e again")
        equal(machine.read("sys/bus/pci/drivers/i40e/bind"), "0000:02:00.0", "given back")
        machine.drive("0000:02:00.0", "i40e")
        has(machine.setup("--unbind", "eth1", status=2), "was not taken from the kernel")
        has(machine.setup("--undo"), "4 hugepages of 2 MiB again")
        machine.put("sys/bus/pci/drivers_probe", "")
        machine.put("sys/bus/pci/drivers/vfio-pci/unbind", "")
        machine.drive("0000:02:00.0", "vfio-pci")
        machine.setup("--unbind", "0000:02:00.0")
        equal(machine.read("sys/bus/pci/drivers_probe"), "0000:02:00.0", "offered to the kernel")


@case("a NIC is bound by address or interface, and goes back to its driver")
def bound():
    for name in ("0000:02:00.0", "02:00.0", "eth1"):
        with Machine() as machine:
            has(machine.setup("--bind", name, "vfio-pci"), "0000:02:00.0: i40e -> vfio-pci")
            equal(machine.read("sys/bus/pci/devices/0000:02:00.0/driver_override"), "vfio-pci", "override")
            equal(machine.read("sys/bus/pci/drivers/i40e/unbind"), "0000:02:00.0", "taken from")
            equal(machine.read("sys/bus/pci/drivers/vfio-pci/bind"), "0000:02:00.0", "given to")
            machine.drive("0000:02:00.0", "vfio-pci")
            has(machine.setup("--undo"), "0000:02:00.0: i40e again")
            equal(machine.read("sys/bus/pci/drivers/i40e/bind"), "0000:02:00.0", "given back")
            equal(machine.read("sys/bus/pci/devices/0000:02:00.0/driver_override"), "\n", "override afterwards")


@case("the interface of the session is not taken without --yes")
def session():
    for route in ("direct", "bridge", "ipv6"):
        with Machine() as machine:
            if route == "bridge":
                machine.put("proc/net/route", ROUTES.replace("eth0", "br0"))
                machine.put("sys/class/net/eth0/upper_br0/mtu", "1500")
            if route == "ipv6":
                machine.put("proc/net/route", "Iface\tDestination\tGateway\n")
                machine.put("proc/net/ipv6_route", f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} 00000400 00 00 00 eth0\n")
            has(machine.setup("--bind", "eth0", "vfio-pci", status=2), "With --yes")
            equal(machine.read("sys/bus/pci/drivers/ixgbe/unbind"), "", f"taken, {route}")
            machine.setup("--bind", "eth0", "vfio-pci", "--yes")
            equal(machine.read("sys/bus/pci/drivers/ixgbe/unbind"), "0000:01:00.0", f"with --yes, {route}")


@case("what cannot work is refused with the remedy, and nothing is changed")
def refused():
    with Machine() as machine:
        has(machine.setup("--bind", "eth9", "vfio-pci", status=2), "eth9 is no NIC", "0000:02:00.0 eth1")
        has(machine.setup("--bind", "0000:04:00.0", "vfio-pci", status=2), "is no NIC")
        has(machine.setup("--bind", "eth2", "vfio-pci", status=2), "mlx5_core: DPDK uses it as it is")
        has(machine.setup("--bind", "eth1", "nosuch", status=2), "the driver nosuch is not there")
        has(machine.setup("--hugepages", "-1", status=2), "a number from 0")
        os.remove(machine.file("sys/kernel/iommu_groups/0/type"))
        os.rmdir(machine.file("sys/kernel/iommu_groups/0"))
        has(machine.setup("--bind", "eth1", "vfio-pci", status=2), "needs an IOMMU", "enable_unsafe_noiommu_mode=1")
        equal(machine.read("sys/bus/pci/drivers/i40e/unbind"), "", "taken")
        true(not os.path.exists(machine.file("var/lib/sluice-setup/before.json")), "something is remembered")


if __name__ == "__main__":
    run()
