#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the headers of shared/ and services/: each compiles alone, begins with the SPDX line and
two lines of purpose, and (in shared/) each prototype has a comment above it or above its family."""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */"
PROTOTYPE = re.compile(r"^(?!\s|#|/|\*|typedef|static|struct \w+ \{|enum|\})[\w\s\*]+\**\b(\w+)\([^;{]*\)[^;{]*;", re.M | re.S)


def headers():
    return [p for folder in ("shared", "services") for p in sorted((ROOT / folder).rglob("*.h"))
            if p.name != "banned.h"]


def compiles_alone(path):
    """None, or what the compiler said."""
    flags = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c",
             f"-I{ROOT}/shared", f"-I{ROOT}/services", f"-I{ROOT}", "-isystem", "/usr/include/postgresql"]
    run = subprocess.run(["gcc", *flags, str(path)], capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else run.stderr.splitlines()[0]


def uncommented_prototypes(text):
    """Names of prototypes whose paragraph (lines up to the blank one above) holds no comment that
    stands on lines of its own: one comment serves a family."""
    lines = text.splitlines()
    for match in PROTOTYPE.finditer(text):
        at = text.count("\n", 0, match.start(0)) - 1
        while at >= 0 and lines[at].strip() and not lines[at].lstrip().startswith(("/*", "* ")):
            at -= 1
        if at < 0 or not lines[at].strip():
            yield match.group(1)


def check_text(path):
    text = path.read_text()
    name = path.relative_to(ROOT)
    lines = text.splitlines()
    if not lines or lines[0] != SPDX:
        yield f"{name}: the first line is not the SPDX line"
    elif not lines[1].startswith("/* "):
        yield f"{name}: no comment on what the file is"
    if name.parts[0] == "shared":
        for prototype in uncommented_prototypes(text):
            yield f"{name}: no comment above {prototype}"


def check_sources():
    for folder in ("shared", "services", "tests"):
        for path in sorted((ROOT / folder).rglob("*.c")):
            lines = path.read_text().splitlines()
            if lines[:1] != [SPDX] or not lines[1].startswith("/* "):
                yield f"{path.relative_to(ROOT)}: no SPDX line followed by what the file is"


def main():
    faults = [fault for path in headers() for fault in check_text(path)]
    faults += check_sources()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, said in zip(headers(), pool.map(compiles_alone, headers())):
            if said:
                faults.append(f"{path.relative_to(ROOT)}: does not compile alone: {said}")
    print("\n".join(faults) or f"headers: {len(headers())} compile alone and are commented")
    return bool(faults)


sys.exit(main())
