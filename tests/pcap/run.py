#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the cases tests/pcap/CASE/case.yaml: packets in, whole packets wanted out of the real daemon.

    tests/pcap/run.py [WORD...]     only cases with a WORD in their name or claim; --list

A case.yaml has
    claim     one sentence
    vars      the runner's: E (frame from the gateway to p0), OUT (from p0 to the node's MAC), C4 C6 S4 S6
              (a client's and a service's addresses), OUR4 OUR6 (p0's), ROUTER NODE MAC0.. ; NAME: scapy expression; later ones may use earlier ones
    dataplane, control     keys of the configuration beside the runner's
    ports     NAME: keys of the port beside its device; p0 when absent, which
              has OUR4 and OUR6 as addresses and a gateway unless it says otherwise
    pools, services        as in the configuration; `file` of capture nodes is relative to the case
    in        PORT: list of packets, each a scapy expression, or {hex: "..."};
              a list expression stands for several
    out       PORT or FILE: list of packets wanted, in this order; {packet: EXPRESSION, any: [IP.id, UDP.sport]}
              where fields may have any value (a layer met twice: IP:2.id); checksums are those of the
              packet with these values. Ports not named here must send nothing.
    reads     PORT: for each packet sent the protocols that tshark finds in it
    stats     path.to.counter: value, of the report
"""

import concurrent.futures
import copy
import difflib
import logging
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from tap import Failed, Skip, case, equal, run as run_cases, CASES  # noqa: E402
import daemon  # noqa: E402

try:
    logging.getLogger("scapy").setLevel(logging.ERROR)
    import yaml
    import scapy.all as scapy
except ImportError as missing:
    print(f"1..0 # SKIP {missing.name} is missing: scripts/deps --test")
    sys.exit(0)

GATEWAY = {"address": "192.0.2.1", "mac": "02:00:00:00:00:01"}


def names(case_vars):
    """What expressions see: scapy, addresses, the ports' own MAC addresses, the case's variables."""
    space = {name: getattr(scapy, name) for name in dir(scapy) if not name.startswith("_")}
    space.update(ROUTER=GATEWAY["mac"], NODE="02:00:00:00:00:11", C4="198.51.100.7", S4="192.0.2.10",
                 C6="2001:db8:c::7", S6="2001:db8::10", OUR4="192.0.2.2", OUR6="2001:db8::2")
    for number in range(4):
        space[f"MAC{number}"] = f"02:70:63:61:70:{number:02x}"
    space["E"] = scapy.Ether(src=space["ROUTER"], dst=space["MAC0"])
    space["OUT"] = scapy.Ether(src=space["MAC0"], dst=space["NODE"])
    for name, expression in case_vars.items():
        space[name] = eval(expression, space)
    return space


def octets(entry, space):
    if isinstance(entry, dict) and "hex" in entry:
        return bytes.fromhex(entry["hex"])
    value = eval(entry, space)
    return value if isinstance(value, bytes) else bytes(value)


def many(entry, space):
    """The packets of one entry: a list expression stands for several."""
    value = eval(entry, space) if isinstance(entry, str) else None
    return [bytes(packet) for packet in value] if isinstance(value, list) else [octets(entry, space)]


def layer_of(packet, name):
    name, _, number = name.partition(":")
    layer = packet.getlayer(getattr(scapy, name), int(number or 1))
    if layer is None:
        raise Failed(f"no layer {name} {number} in\n{packet.show(dump=True)}")
    return layer


def wanted_octets(entry, got, space):
    """The packet wanted; fields of `any` are taken from the packet that came."""
    if not isinstance(entry, dict) or "any" not in entry:
        return octets(entry, space)
    packet, came = copy.deepcopy(eval(entry["packet"], space)), scapy.Ether(got)
    for field in entry["any"]:
        layer, _, name = field.partition(".")
        setattr(layer_of(packet, layer), name, getattr(layer_of(came, layer), name))
    return bytes(packet)


def difference(wanted, got):
    one = scapy.Ether(wanted).show2(dump=True).split("\n")
    other = scapy.Ether(got).show2(dump=True).split("\n")
    lines = [line for line in difflib.unified_diff(one, other, "wanted", "got", n=2, lineterm="")]
    return "\n".join([*lines, f"wanted {wanted.hex()}", f"got    {got.hex()}"])


def compare(output, wanted, got, space):
    for number, entry in enumerate(wanted):
        if number >= len(got):
            raise Failed(f"{output}: packet {number + 1} of {len(wanted)} did not come; wanted {entry}")
        octets_wanted = wanted_octets(entry, got[number], space)
        if octets_wanted != got[number]:
            raise Failed(f"{output}: packet {number + 1} is another\n"
                         + difference(octets_wanted, got[number]))
    if len(got) > len(wanted):
        extra = got[len(wanted)]
        raise Failed(f"{output}: {len(got) - len(wanted)} packets more than wanted; the first\n"
                     + scapy.Ether(extra).show2(dump=True) + extra.hex())


def counter(report, path):
    value = report
    for part in path.split("."):
        if part not in value:
            raise Failed(f"the report has no {path}: no {part} in {list(value)}")
        value = value[part]
    return value


def read_back(output, file, wanted):
    """What tshark, an independent reader, says of each packet; it finds no fault in any."""
    if not shutil.which("tshark"):
        raise Skip("tshark is missing: scripts/deps --test")
    lines = subprocess.run(
        ["tshark", "-n", "--disable-protocol", "dns", "-r", file, "-o", "ip.check_checksum:TRUE",
         "-T", "fields", "-E", "separator=|",
         "-e", "frame.protocols", "-e", "_ws.malformed", "-e", "ip.checksum.status"],
        capture_output=True, text=True, check=True).stdout.splitlines()
    read = [line.split("|") for line in lines]
    equal([protocols for protocols, _, _ in read], wanted, f"{output}: what tshark reads")
    for number, (_, malformed, sums) in enumerate(read, 1):
        if malformed or "0" in sums.split(","):
            raise Failed(f"{output}: tshark finds packet {number} malformed or an IPv4 checksum wrong")


def run_case(name):
    with open(os.path.join(HERE, name, "case.yaml"), encoding="utf-8") as file:
        test = yaml.safe_load(file)
    space = names(test.get("vars", {}))
    ports = test.get("ports", {"p0": {}})
    with daemon.Folder() as folder:
        port_list = []
        for number, (port, keys) in enumerate(ports.items()):
            frames = [frame for entry in test.get("in", {}).get(port, []) for frame in many(entry, space)]
            daemon.write_pcap(folder.file(f"{port}.in.pcap"), frames)
            first = {"addresses": ["192.0.2.2/24", "2001:db8::2/64"], "gateway": GATEWAY}
            port_list.append({"name": port, "arp": "off", **({} if number else first), **(keys or {}),
                              "device": f"net_pcap{number},rx_pcap={port}.in.pcap,tx_pcap={port}.pcap"})
        conf = daemon.configuration(folder, port_list, test["pools"], test["services"],
                                    dataplane=test.get("dataplane", {}), control=test.get("control", {}))
        report = daemon.run(folder, conf)
        outputs = {port: [] for port in ports}
        outputs.update(test.get("out", {}))
        for output, wanted in outputs.items():
            file = folder.file(f"{output}.pcap" if output in ports else output)
            got = daemon.read_pcap(file) if os.path.exists(file) else []
            compare(output, wanted or [], got, space)
            if output in test.get("reads", {}):
                read_back(output, file, test["reads"][output])
        for path, value in test.get("stats", {}).items():
            if counter(report, path) != value:
                raise Failed(f"{path}\n  wanted: {value}\n  got:    {counter(report, path)}\n"
                             f"  of {report}")


def claims():
    for name in sorted(os.listdir(HERE)):
        path = os.path.join(HERE, name, "case.yaml")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                yield name, yaml.safe_load(file)["claim"]


def main():
    workers = concurrent.futures.ThreadPoolExecutor(2)
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    for name, claim in claims():
        sentence = f"{name}: {claim}"
        if wanted and not any(word in sentence for word in wanted):
            continue
        # Two daemons at a time; each case then takes its own result, in order.
        future = None if "--list" in sys.argv else workers.submit(run_case, name)
        case(sentence)(lambda future=future: future.result())
    run_cases(CASES)


if __name__ == "__main__":
    main()
