#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that functions fit on a screen (80 lines at most) and files in a head (1000 lines)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTION_MAX = 80
FILE_MAX = 1000
# With this layout a function's brace stands alone in the first column, and so does its end.
NAME = re.compile(r"(\w+)\(")


def long_functions(lines):
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > FUNCTION_MAX:
                head = " ".join(lines[max(0, start - 6):start])
                yield NAME.findall(head)[-1:] or ["?"], number - start - 1
            start = None


def main():
    faults = []
    for folder in ("shared", "services", "tools", "tests"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            lines = path.read_text().splitlines()
            name = path.relative_to(ROOT)
            if len(lines) > FILE_MAX:
                faults.append(f"{name}: {len(lines)} lines")
            faults += [f"{name}: {function[0]} has {n} lines" for function, n in long_functions(lines)]
    print("\n".join(faults) or "sizes: functions and files are within bounds")
    return bool(faults)


sys.exit(main())
