#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that docs/standards.md names at least one test for each standard, and only tests that are there."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = re.compile(r"`([\w./-]+)`")


def main():
    faults, rows = [], 0
    for line in (ROOT / "docs/standards.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] in ("standard", "---"):
            continue
        rows += 1
        tests = PATH.findall(cells[-1])
        if not tests:
            faults.append(f"{cells[0]}: no test is named")
        faults += [f"{cells[0]}: tests/{test} is not there" for test in tests if not (ROOT / "tests" / test).exists()]
    print("\n".join(faults) or f"standards: {rows} with tests that are there")
    return bool(faults) or rows == 0


sys.exit(main())
