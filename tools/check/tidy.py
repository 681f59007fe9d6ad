#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over every source, or over those that are named:

  tools/check/tidy.py [BUILD_FOLDER [SOURCE ...]]

A source that was clean is not looked at again until its text, one of our headers or the settings
change (remembered in build/tidy)."""
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/dev")
CLEAN = ROOT / "build/tidy"
# The analyser takes nine tenths of the time, most of it on the one longest function of a file: it may look at so many
# states of each function (225,000 is its own limit, for three times the time).
LIMITS = [f"--extra-arg={word}" for word in ("-Wno-unknown-warning-option", "-Xclang", "-analyzer-config", "-Xclang", "max-nodes=75000")]


def headers_of(source, cache={}):
    """Our headers that the source includes, directly or not."""
    seen, todo = set(), [source]
    while todo:
        path = todo.pop()
        if path not in cache:
            names = [l.split('"')[1] for l in path.read_text().splitlines() if l.startswith('#include "')]
            places = [base / n for n in names for base in (ROOT / "shared", ROOT / "services", ROOT, path.parent)]
            cache[path] = [p for p in places if p.exists()]
        for header in cache[path]:
            if header not in seen:
                seen.add(header)
                todo.append(header)
    return sorted(seen)


def fingerprint(source):
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for path in [source, *headers_of(source)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def check(source):
    """None when clean, else what clang-tidy said."""
    mark = CLEAN / fingerprint(source)
    if mark.exists():
        return None
    run = subprocess.run(["clang-tidy-14", "--quiet", "-p", str(BUILD), *LIMITS, str(source)],
                         capture_output=True, text=True, check=False)
    if run.returncode == 0:
        mark.touch()
        return None
    return run.stdout + run.stderr


def main():
    CLEAN.mkdir(parents=True, exist_ok=True)
    named = [pathlib.Path(a).resolve() for a in sys.argv[2:]]
    sources = named or sorted(p for folder in ("shared", "services") for p in (ROOT / folder).rglob("*.c"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = [text for text in pool.map(check, sources) if text]
    print("\n".join(said) or f"tidy: {len(sources)} sources are clean")
    return bool(said)


sys.exit(main())
