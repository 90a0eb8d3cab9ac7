#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's program and the packet path agree about real packets: those of all pcap cases, and of captures.

    frames --> unit/xdp/dispatch_test: BPF_PROG_TEST_RUN of the program | the packet path's functions
"""

import glob
import importlib.util
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import daemon  # noqa: E402
from tap import TOP, Failed, Skip, case, run, true  # noqa: E402

FOLDER = os.path.join(TOP, "..", "shared", "captures")
TWIN = os.path.join(daemon.BUILD, "tests", "unit", "xdp", "xdp_dispatch_test")


def agree(captures):
    if not os.path.exists(TWIN):
        raise Skip(f"{TWIN} is not built")
    done = subprocess.run([TWIN, "3", "2000", *captures], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        raise Skip(done.stdout.strip())
    if done.returncode:
        raise Failed(f"{done.stdout[-8000:]}{done.stderr[-2000:]}")
    line = [line for line in done.stdout.split("\n") if line.startswith("captures:")]
    true(line and "0 served" not in line[0].split(","), f"packets were served: {done.stdout}")
    print(f"# {line[0]}")


def pcap_cases():
    """tests/pcap/run.py, which knows how a case's packets are written."""
    where = importlib.util.spec_from_file_location("pcap_run", os.path.join(TOP, "tests", "pcap", "run.py"))
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


@case("about the packets of all pcap cases")
def cases():
    module = pcap_cases()
    paths = []
    with daemon.Folder() as folder:
        for path in sorted(glob.glob(os.path.join(TOP, "tests", "pcap", "*", "case.yaml"))):
            with open(path, encoding="utf-8") as file:
                test = module.yaml.safe_load(file)
            space = module.names(test.get("vars", {}))
            frames = [frame for entries in test.get("in", {}).values() for entry in entries
                      for frame in module.many(entry, space)]
            paths.append(folder.file(f"{len(paths)}.pcap"))
            daemon.write_pcap(paths[-1], frames)
        true(len(paths) > 40, f"{len(paths)} cases")
        agree(paths)


@case("about the packets of real captures")
def captures():
    files = sorted(glob.glob(os.path.join(FOLDER, "*", "*.pcap*")))
    if not files:
        raise Skip("there is no folder ../shared/captures beside the checkout")
    agree(files)


if __name__ == "__main__":
    run()
