#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a file's octets as a C array: embed.py FILE NAME OUT HEADER.

HEADER declares it."""

import sys

with open(sys.argv[1], "rb") as file:
    octets = file.read()
with open(sys.argv[3], "w", encoding="ascii") as file:
    file.write(f"/* SPDX-License-Identifier: BSD-3-Clause */\n\n#include \"{sys.argv[4]}\"\n\n")
    file.write(f"const uint8_t {sys.argv[2]}[] __attribute__((aligned(8))) = {{\n")
    for at in range(0, len(octets), 16):
        file.write("\t" + ",".join(str(octet) for octet in octets[at:at + 16]) + ",\n")
    file.write(f"}};\nconst uint32_t {sys.argv[2]}_size = sizeof({sys.argv[2]});\n")
