#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The status page's files as C: embed.py HTML CSS JS > page_files.c."""

import sys


def main(paths):
    print('#include "rpc/page.h"\n')
    for path in paths:
        name = path.rsplit(".", 1)[1]
        with open(path, "rb") as file:
            octets = file.read()
        print(f"static const unsigned char {name}[] = {{")
        for start in range(0, len(octets), 24):
            print("\t" + ",".join(str(octet) for octet in octets[start:start + 24]) + ",")
        print(f"}};\nconst struct sl_page_file sl_page_{name} = {{{name}, sizeof({name})}};\n")


if __name__ == "__main__":
    main(sys.argv[1:])
