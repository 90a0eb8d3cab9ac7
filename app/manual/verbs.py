#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The manual's part on the verbs of sluicectl: verbs.py SLUICECTL TEMPLATE.

Prints TEMPLATE with its lines @common@ and @verbs@ replaced by what sluicectl's own table says, in the language of
scdoc. A verb or an option without words is an error.
"""

import re
import subprocess
import sys


def escape(text):
    return re.sub(r"([_*\\<>])", r"\\\1", text)


def ask(program, *words):
    return subprocess.run([program, *words], stdout=subprocess.PIPE, check=True, text=True).stdout


def section(text, head):
    """The lines behind a head, up to the next blank one."""
    lines = text.split("\n")
    start = lines.index(head) + 1
    return lines[start:lines.index("", start)]


def rows(lines):
    """Pairs of what stands in the first column and its words."""
    for line in lines:
        match = re.fullmatch(r"  (--\S+(?: [A-Z0-9/\[\]]+)?|\S+) +(\S.*)", line)
        if not match:
            sys.exit(f"sluicectl: {line.strip()!r} has no words")
        yield match.groups()


def option(head, words, indent=""):
    name, _, argument = head.partition(" ")
    return f"{indent}*{escape(name)}*{f' _{argument}_' if argument else ''}\n{indent}\t{escape(words)}\n\n"


def verb(program, name, common):
    text = ask(program, name, "--help")
    usage, _, rest = text.partition("\n\n")
    words = usage.removeprefix(f"usage: sluicectl {name}").replace("[OPTION...]", "").strip()
    summary = rest.split("\n\n")[0]
    out = f"*{escape(name)}*{' ' + escape(words) if words else ''}\n\t{escape(summary)}\n\n"
    for head, what in rows(section(text, "options:")):
        if (head, what) not in common:
            out += option(head, what, "\t")
    return out + f"\tExample: *{escape(section(text, 'example:')[0].strip())}*\n\n"


def main(program, template):
    text = ask(program, "--help")
    common = list(rows(section(text, "options:")))
    parts = {"@common@\n": "".join(option(*row) for row in common),
             "@verbs@\n": "".join(verb(program, name, common) for name, _ in rows(section(text, "verbs:")))}
    with open(template, encoding="utf-8") as file:
        for line in file:
            sys.stdout.write(parts.get(line, line))


if __name__ == "__main__":
    main(*sys.argv[1:])
