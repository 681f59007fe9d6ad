# SPDX-License-Identifier: Apache-2.0
"""docs/attacks.md names the tests of each attack: they must exist."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_tests_of_each_attack_exist():
    here = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests/integration").glob("test_*.py"))
    functions = set(re.findall(r"^def (test_\w+)", here, re.M))
    rows = [line for line in (ROOT / "docs/attacks.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    wanted = {f"I{n}" for n in (1, 3, 4, 5, 7, 9, 10, 11, 12, 13, 15, 17, 19)} | {"P1", "P2"}
    wanted |= {f"S{n}" for n in (1, 4, 5, 6, 8, 9, *range(11, 21), 23, 25, 26)} | {f"O{n}" for n in (1, 2, 3, 5, 6, 7, 10, 11, 12)}
    wanted |= {f"U{n}" for n in (1, 2, 3, 5, 6, 7, 9)} | {"X7", "X8", "X16", "X19"}
    assert {row.split(" | ")[0].strip("| ") for row in rows} >= wanted
    programs = {p.name for p in (ROOT / "tests/unit").glob("*/test_*.c")}
    scripts = {p.name for folder in ("imap", "pop3", "smtp") for p in (ROOT / "tests/dialogue" / folder).glob("*.dlg")}
    named = set()
    for row in rows:
        named |= set(re.findall(r"\b(?:test_\w+(?:\.c)?|fuzz_\w+|[\w-]+\.dlg)", row.split(" | ")[3]))
    missing = [name for name in named if not (
        name in functions or name in scripts or name in programs
        or (ROOT / "tests/fuzz" / f"{name}.c").exists())]
    assert len(named) > 40 and not missing, missing
