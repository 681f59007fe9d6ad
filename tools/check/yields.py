#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the YIELDS mark: a function that is declared in a header and calls a YIELDS function is
marked itself. Works on names: a call is a name followed by '('; static functions carry the mark on
to their callers without having to bear it."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARKED = re.compile(r"\bYIELDS\b[^;{(]*?\b(\w+)\(")
DECLARED = re.compile(r"^(?!\s|#|/|typedef|static)[\w\s\*]*?\b(\w+)\([^;{]*\)[^;{]*;", re.M | re.S)
DEFINED = re.compile(r"^(?!\s|#|/|\}|typedef)([\w\s\*]*?\b(\w+)\((?:[^;{}()]|\([^()]*\))*\))\s*\n\{\n(.*?)^\}", re.M | re.S)
CALL = re.compile(r"\b(\w+)\(")
# A fiber's entry is called by the runtime in a fiber of its own; starting one does not yield.
STARTERS = {"fiber_spawn"}


def strip(text):
    text = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', " ", text, flags=re.S)
    # A macro is no function, and the definition of the mark itself marks nothing.
    return re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", " ", text, flags=re.M)


def collect():
    marked, declared, functions = set(), {}, []
    for folder in ("shared", "services"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            text = strip(path.read_text())
            if path.suffix == ".h":
                marked |= set(MARKED.findall(text))
                for name in DECLARED.findall(text):
                    declared.setdefault(name, path)
            for head, name, body in DEFINED.findall(text):
                functions.append((path, name, "static" in head, set(CALL.findall(body))))
    return marked, declared, functions


def main():
    marked, declared, functions = collect()
    faults = []
    for path in sorted({f[0] for f in functions}):
        local = [f for f in functions if f[0] == path]
        yielding = set(marked)
        grown = True
        while grown:
            grown = False
            for _, name, is_static, calls in local:
                if is_static and name not in yielding and (calls - STARTERS) & yielding:
                    yielding.add(name)
                    grown = True
        for _, name, is_static, calls in local:
            hit = sorted((calls - STARTERS) & yielding)
            if not is_static and hit and name in declared and name not in marked:
                faults.append(f"{path.relative_to(ROOT)}: {name} calls {hit[0]} and is not marked YIELDS")
    print("\n".join(faults) or f"yields: {len(marked)} functions are marked, none is missing")
    return bool(faults)


sys.exit(main())
