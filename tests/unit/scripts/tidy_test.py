#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""scripts/tidy.py: each rule finds its breach, and a clean tree has no finding."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts"))
from tap import case, equal, run, true  # noqa: E402
import tidy  # noqa: E402

HEADER = """/* SPDX-License-Identifier: BSD-3-Clause */

/* A room.
 *
 * Threads: any.
 */

#ifndef SL_{guard}_H
#define SL_{guard}_H
{body}
#endif
"""
SOURCE = "/* SPDX-License-Identifier: BSD-3-Clause */\n"


def findings(**files):
    """Findings in a tree of these files; __ in a name is a slash, _dot_ a dot."""
    with tempfile.TemporaryDirectory() as top:
        for name, text in files.items():
            path = os.path.join(top, name.replace("__", "/").replace("_dot_", "."))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return tidy.check_tree(top)


def one(wanted, **files):
    found = findings(**files)
    equal(len(found), 1, f"findings {found}")
    true(wanted in found[0], f"'{wanted}' is not in: {found[0]}")


def header(guard, body=""):
    return HEADER.replace("{guard}", guard).replace("{body}", body)


ADDR = header("BASE_ADDR")


@case("a clean tree has no finding")
def clean():
    equal(findings(lib__base__addr_dot_h=ADDR,
                   lib__pkt__key_dot_h=header("PKT_KEY", '#include "base/addr.h"')), [])


@case("a name that a Python file gives twice is found")
def twice():
    head = "# SPDX-License-Identifier: BSD-3-Clause\n"
    one("ends is defined in line 2, too", tests__x_test_dot_py=head + "def ends():\n    pass\n\n\ndef ends():\n    pass\n")
    equal(findings(tests__x_test_dot_py=head + "def ends():\n    pass\n\n\nclass One:\n    def ends(self):\n        pass\n"
                   "\n    @case('x')\n    def _(): pass\n    def _(): pass\n"), [])


@case("an include of an upper floor is found")
def upward():
    one("base (floor 0) may not include pkt", lib__base__addr_dot_h=header("BASE_ADDR", '#include "pkt/key.h"'),
        lib__pkt__key_dot_h=header("PKT_KEY"))


@case("an include on the same floor is found")
def sideways():
    floor = tidy.FLOORS["path"]
    one(f"path (floor {floor}) may not include work (floor {floor})", lib__path__core_dot_c=SOURCE + '#include "work/worker.h"\n',
        lib__work__worker_dot_h=header("WORK_WORKER"))


@case("app may include every wing and its own files")
def from_app():
    equal(findings(app__sluiced__main_dot_c=SOURCE + '#include "wire.h"\n#include "base/addr.h"\n',
                   app__sluiced__wire_dot_h=SOURCE, lib__base__addr_dot_h=ADDR), [])


@case("sluicectl is a room of its own: its own files, and what is low enough")
def from_sluicectl():
    equal(findings(app__sluicectl__main_dot_c=SOURCE + '#include "client.h"\n#include "base/addr.h"\n',
                   app__sluicectl__client_dot_h=SOURCE, lib__base__addr_dot_h=ADDR), [])
    one("sluicectl (floor 3) may not include model", app__sluicectl__main_dot_c=SOURCE + '#include "model/model.h"\n',
        lib__model__model_dot_h=header("MODEL_MODEL"))
    one("belongs to", app__sluicectl__main_dot_c=SOURCE + "#include <rte_mbuf.h>\n")
    lines = "int x;\n" * (tidy.BUDGETS["sluicectl"] // 10 + 1)
    found = findings(**{f"app__sluicectl__a{n}_dot_c": SOURCE + lines for n in range(10)})
    true(len(found) == 1 and found[0].startswith("app/sluicectl:"), found)


@case("an include without its wing is found")
def without_wing():
    one('as "wing/room.h"', lib__base__addr_dot_c=SOURCE + '#include "addr.h"\n', lib__base__addr_dot_h=ADDR)


@case("an include of a header that is not there is found")
def nowhere():
    one("there is no lib/base/none.h", lib__base__addr_dot_c=SOURCE + '#include "base/none.h"\n')


@case("a third-party header outside its wing is found")
def foreign():
    one("<yaml.h> in pkt", lib__pkt__key_dot_c=SOURCE + "#include <yaml.h>\n")


@case("a third-party header in a public header is found, DPDK's where the wing is built on it is not")
def public():
    one("in a public header", lib__yaml__yaml_dot_h=header("YAML_YAML", "#include <yaml.h>"),
        lib__io__port_dot_h=header("IO_PORT", "#include <rte_mbuf.h>"))


@case("a file of 500 lines is taken, one of 501 is found")
def file_size():
    equal(findings(lib__base__a_dot_c=SOURCE + "\n" * 499), [])
    one("501 lines", lib__base__a_dot_c=SOURCE + "\n" * 500)


@case("a function of 70 lines is taken, one of 71 is found")
def function_size():
    equal(findings(lib__base__a_dot_c=SOURCE + "int a(void)\n{\n" + "\t;\n" * 70 + "}\n"), [])
    one("a function of 71 lines", lib__base__a_dot_c=SOURCE + "int a(void)\n{\n" + "\t;\n" * 71 + "}\n")


@case("a wing over its budget is found; comments and blank lines are free")
def budget():
    room = tidy.BUDGETS["base"]
    files = {f"lib__base__a{i}_dot_c": SOURCE + "int a;\n" * (room // 4) + "\n/* */\n" * 40 for i in range(5)}
    one(f"lib/base:0: {5 * (room // 4)} lines of code: its budget is {room}", **files)
    files["lib__base__a0_dot_c"] = SOURCE + "\n" * 400
    equal(findings(**files), [])


@case("the inside of a room is found elsewhere, but where it is said")
def inside():
    text = SOURCE + '#include "model/inside.h"\n'
    room = header("MODEL_INSIDE")
    equal(findings(lib__carry__carry_dot_c=text, lib__model__edit_dot_c=text, lib__model__inside_dot_h=room), [])
    one("is the inside of model", lib__keep__start_dot_c=text, lib__model__inside_dot_h=room)


@case("a file without its licence is found")
def licence():
    one("no 'SPDX", lib__base__a_dot_c="int a;\n")


@case("a header without guard or without its threads is found")
def facts():
    one("no include guard SL_BASE_ADDR_H", lib__base__addr_dot_h=header("ADDR"))
    one("Threads:", lib__base__addr_dot_h=ADDR.replace("Threads", "Who"))


@case("a function that is not used here is found with what to use, in code only")
def banned():
    one("strcpy: writes without a bound; use snprintf()", lib__base__a_dot_c=SOURCE + "int b = strcpy(a, c);\n")
    one("printf: a library does not print", lib__base__a_dot_c=SOURCE + 'int b = printf("");\n')
    equal(findings(app__sluiced__a_dot_c=SOURCE + 'int b = printf("");\n'), [])
    equal(findings(lib__base__a_dot_c=SOURCE + '/* strcpy(a) */ char *b = "strcpy(a)";\n'), [])
    equal(findings(lib__base__a_dot_c=SOURCE + "int b = snprintf(a, 1, c);\n"), [])


@case("a mark of unfinished work is found, in comments and scripts too")
def unfinished():
    one("what is in the repository is done", lib__base__a_dot_c=SOURCE + "/* TO" + "DO: b */\n")
    one("what is in the repository is done", scripts__a="# SPDX-License-Identifier: BSD-3-Clause\n# FIX" + "ME\n")


@case("folders of builds are not read")
def builds():
    equal(findings(build__a_dot_c="int a;\n", lib__base__addr_dot_h=ADDR), [])


run()
