#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks the rules of the house that no compiler checks; each finding says why and what instead.

  tidy.py [TOP]     all files below TOP (default: the project)

Include floors, sizes of files and functions, facts at the top of each file, names that a Python file gives
twice, words and functions that are not used here, third-party headers outside the wing that owns them. Exit status 1 with findings.
"""

import ast
import os
import re
import sys

# lib/README.md, "The house". A wing includes itself and what is on lower floors. Of app's rooms sluicectl is one of its
# own: it goes to other machines, and knows no more than packets' words.
FLOORS = {"base": 0, "sluice": 0, "yaml": 1, "pkt": 1, "sched": 1, "lcore": 2, "state": 3, "io": 3, "path": 4, "work": 4, "xdp": 4,
          "conf": 4, "decap": 5, "image": 5, "model": 6, "keep": 7, "show": 7, "health": 7, "neigh": 7, "carry": 8, "rpc": 8, "cluster": 8,
          "ctl": 9, "sluicectl": 3, "app": 10}

# Lines of code (no blank lines, no comments) that a wing may have: one person can know it in a day. Whoever
# needs more says why in the commit that raises one; a room well over 5,000 is to be divided by noun.
BUDGETS = {
    "base": 1600,
    "sluice": 600,
    "yaml": 500,
    "pkt": 2700,
    "sched": 1800,
    "lcore": 1000,
    "state": 5200,
    "io": 3300,
    "path": 2500,
    "work": 3300,
    "xdp": 2500,
    "decap": 1500,
    "conf": 5400,
    "image": 1000,
    "model": 5000,
    "keep": 2800,
    "carry": 2600,
    "show": 1950,
    "health": 3400,
    "neigh": 2000,
    "rpc": 4400,
    "cluster": 3400,
    "ctl": 1450,
    "sluicectl": 4200,
    "app": 3300,
}

# Headers that are the inside of a room: who else may include them.
INSIDES = {"model/inside.h": ("lib/carry/",), "ctl/inside.h": ("tests/",)}

# Third-party headers: pattern, wings that may include them, whether their public headers may too.
THIRD_PARTY = (
    (r"rte_", ("state", "io", "path", "work", "app"), True),
    (r"event2/", ("rpc", "health", "neigh", "cluster", "ctl"), False),
    (r"jansson\.h", ("show", "rpc", "cluster", "ctl", "sluicectl", "app"), False),
    (r"yaml\.h", ("yaml",), False),
    (r"libmnl/", ("neigh", "health"), False),
    (r"curl/", ("health", "cluster"), False),
    (r"zlib\.h", ("keep",), False),
    (r"pcap", ("io", "work", "sluicectl", "app"), False),
    (r"bpf/", ("xdp", "decap"), False),
    (r"cmocka\.h", (), False),
)

# Functions and words that are not used in lib and app: pattern, where, why, what instead.
BANNED = (
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\(", ("lib", "app"), "writes without a bound",
     "snprintf() or memcpy() with a size"),
    (r"\bstrncpy\s*\(", ("lib", "app"), "may leave out the final zero", "snprintf()"),
    (r"\b(atoi|atol|atof)\s*\(", ("lib", "app"), "cannot tell an error from 0", "strtol() and its end"),
    (r"\bstrtok\s*\(", ("lib", "app"), "keeps state in the library", "strtok_r() or strcspn()"),
    (r"\b(rand|random|srand)\s*\(", ("lib", "app"), "is not seeded by the caller", "base/prng.h"),
    (r"\balloca\s*\(", ("lib", "app"), "cannot fail in good order", "memory handed in by the caller"),
    (r"\b(printf|puts|putchar|perror)\s*\(", ("lib",), "a library does not print",
     "struct sl_err, or sl_log() in ctl"),
    (r"\b(exit|_exit|abort|rte_exit|rte_panic)\s*\(", ("lib",), "a library does not end the program",
     "a negative errno"),
    (r"\bassert\s*\(", ("lib/pkt", "lib/path"), "stops the packet path", "a verdict with a reason"),
    (r"\btypedef\s+(struct|union|enum)\b", ("lib", "app"), "hides what a name is", "struct NAME"),
    (r"\bvolatile\b", ("lib", "app"), "orders nothing", "__atomic loads and stores"),
    (r"\b__sync_\w+", ("lib", "app"), "has no memory order", "__atomic_ with one"),
    (r"\b(RTE_LOG|rte_log)\s*\(", ("lib", "app"), "is another log", "sl_log()"),
    (r"\brte_(node|graph)_\w+\s*\(", ("lib", "app"), "is experimental in 22.11", "a stage of lib/path"),
    (r"\brte_rcu_qsbr_dq_\w+\s*\(", ("lib", "app"), "is experimental in 22.11", "state/publish.h"),
    (r"\brte_kni_\w+", ("lib", "app"), "is gone after 22.11", "the kernel's TAP device"),
)
# The words are put together here so that this file does not contain them.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|\bnot impl" r"emented\b|\bplace"
                        r"holder\b|\bfor n" r"ow\b")
FILE_LINES, FUNCTION_LINES = 500, 70
SPDX = "SPDX-License-Identifier: BSD-3-Clause"
SKIPPED = {".git", "__pycache__", ".ccache"}


def files_below(top):
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("build"))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), top)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def code_of(text):
    """C text without comments and the insides of strings; lines stay where they are."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, text, flags=re.S)


def wing_of(path):
    parts = path.split("/")
    if parts[0] == "app":
        return "sluicectl" if parts[1] == "sluicectl" else "app"
    return parts[1] if parts[0] == "lib" and len(parts) > 2 else None


def check_includes(path, text, top, found):
    wing = wing_of(path)
    for number, line in enumerate(text.split("\n"), 1):
        ours = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        theirs = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        if ours:
            check_ours(path, number, wing, ours.group(1), top, found)
        elif theirs:
            for pattern, wings, public in THIRD_PARTY:
                if not re.match(pattern, theirs.group(1)):
                    continue
                if wing not in wings:
                    found(path, number, f"<{theirs.group(1)}> in {wing}: a third-party header stays in "
                          f"one wing; it belongs to {', '.join(wings) or 'tests'}")
                elif path.startswith("lib/") and path.endswith(".h") and not public and not path.endswith(".bpf.h"):
                    found(path, number, f"<{theirs.group(1)}> in a public header: whoever includes it "
                          "would need the library; declare the struct and include in the .c")


def check_ours(path, number, wing, include, top, found):
    if path.startswith("app/") and os.path.exists(os.path.join(top, os.path.dirname(path), include)):
        return
    if wing == "app" and os.path.exists(os.path.join(top, "app", include)):
        return
    target = include.split("/")[0]
    if "/" not in include or target not in FLOORS:
        found(path, number, f'"{include}": ours are included as "wing/room.h", others with <>')
    elif not os.path.exists(os.path.join(top, "lib", include)):
        found(path, number, f'"{include}": there is no lib/{include}')
    elif include in INSIDES and target != wing and not path.startswith(INSIDES[include]):
        found(path, number, f'"{include}" is the inside of {target}: include its public headers')
    elif target != wing and FLOORS[target] >= FLOORS.get(wing, -1):
        found(path, number, f'"{include}": {wing} (floor {FLOORS.get(wing)}) may not include {target} '
              f"(floor {FLOORS[target]}); what must cross is a callback that app connects")


def check_sizes(path, text, found):
    lines = text.count("\n")
    if lines > FILE_LINES:
        found(path, lines, f"{lines} lines: at most {FILE_LINES}, so that a room is read in one go; "
              "divide it by noun")
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                found(path, start, f"a function of {number - start - 1} lines: at most {FUNCTION_LINES}; "
                      "name its steps")
            start = None


def check_header(path, text, found):
    if not path.startswith("lib/") or not path.endswith(".h"):
        return
    guard = "SL_" + "_".join(path.split("/")[1:]).upper().replace(".", "_")
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        found(path, 1, f"no include guard {guard}: it is named after the file")
    block = re.search(r"/\*.*?\*/", text[text.find("\n"):], flags=re.S)
    if not block or "Threads:" not in block.group():
        found(path, 3, "no comment with 'Threads:' at the top: a header says what it is, and from which "
              "threads its functions may be called")


def check_words(path, text, code, found):
    for number, line in enumerate(text.split("\n"), 1):
        if UNFINISHED.search(line):
            found(path, number, f"'{UNFINISHED.search(line).group()}': what is in the repository is done; "
                  "finish it, or write it into an issue")
    for pattern, places, why, instead in BANNED:
        if not any(path.startswith(place + "/") for place in places):
            continue
        for match in re.finditer(pattern, code):
            number = code.count("\n", 0, match.start()) + 1
            found(path, number, f"{match.group().rstrip('( ')}: {why}; use {instead}")


def check_names(path, text, found):
    """Python takes the last of two definitions without a word. `_` is what nobody calls."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return  # scripts/check says so
    for room in ast.walk(tree):
        if isinstance(room, (ast.Module, ast.ClassDef)):
            names = {"_": 0}
            for one in room.body:
                if isinstance(one, (ast.FunctionDef, ast.ClassDef)) and names.setdefault(one.name, one.lineno):
                    if names[one.name] != one.lineno:
                        found(path, one.lineno, f"{one.name} is defined in line {names[one.name]}, too: who calls that "
                              "gets this one; give it another name")


def is_text(path):
    return path.endswith((".c", ".h", ".py", ".build", ".sh", ".yaml", ".md", ".txt")) or (
        path.startswith(("scripts/", ".ci/")) and "." not in os.path.basename(path))


def check_tree(top):
    findings = []

    def found(path, number, message):
        findings.append(f"{path}:{number}: {message}")

    lines = dict.fromkeys(BUDGETS, 0)
    for path in files_below(top):
        if not is_text(path):
            continue
        with open(os.path.join(top, path), encoding="utf-8", errors="replace") as file:
            text = file.read()
        source = path.endswith((".c", ".h"))
        code = code_of(text) if source else ""
        check_words(path, text, code, found)
        if text.startswith("#!/usr/bin/python3") or path.endswith(".py"):
            check_names(path, text, found)
        if source or path.endswith(".py") or path.startswith(("scripts/", ".ci/")):
            if SPDX not in "\n".join(text.split("\n")[:3]):
                found(path, 1, f"no '{SPDX}' in the first lines")
        if source and path.startswith(("lib/", "app/")):
            lines[wing_of(path)] = lines.get(wing_of(path), 0) + sum(1 for line in code.split("\n") if line.strip())
            check_includes(path, text, top, found)
            check_sizes(path, text, found)
            check_header(path, text, found)
    for wing, count in lines.items():
        if count > BUDGETS.get(wing, 0):
            place = {"app": "app", "sluicectl": "app/sluicectl"}.get(wing, f"lib/{wing}")
            found(place, 0, f"{count} lines of code: its budget is "
                  f"{BUDGETS.get(wing, 0)}, so that one person can know it in a day; take something out, or say why "
                  "in the commit that raises it")
    return findings


def main(arguments):
    top = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    findings = check_tree(top)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
