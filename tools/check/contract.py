#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the contract (openapi/): our own rules always; and with the packages of `npm ci` Redocly's
strict ones, the examples against their schemas, and that the types of the apps are those of the
contract. Without these packages it installs them. What breaks programs written for the last release
(tag v...) is a fault too, unless the first number of the version has grown."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/generate"))
sys.dont_write_bytecode = True

import changes  # noqa: E402
import generate  # noqa: E402
import lint  # noqa: E402
from bundle import ContractError, load  # noqa: E402


def install():
    """The packages of the lock file, once."""
    if (ROOT / "node_modules/.bin/redocly").exists():
        return None
    run = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=ROOT, capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else f"npm ci failed: {run.stderr[-2000:]}"


def redocly():
    quiet = dict(os.environ, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
    run = subprocess.run(["node_modules/.bin/redocly", "lint", "--format=stylish"], cwd=ROOT, env=quiet,
                         capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else run.stdout + run.stderr


def examples():
    run = subprocess.run(["node", "tests/api/examples.mjs"], cwd=ROOT, capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else run.stdout + run.stderr


def types():
    same = generate.TYPES.exists() and generate.TYPES.read_text(encoding="utf-8") == generate.types_text()
    return None if same else "services/web-kit/schema.d.ts is stale: run tools/generate/generate.py types"


def breaking(document):
    """What breaks since the last release; nothing before the first one."""
    tag = subprocess.run(["git", "describe", "--tags", "--abbrev=0", "--match=v[0-9]*"], cwd=ROOT, capture_output=True,
                         text=True, check=False).stdout.strip()
    if not tag or tag[1:].split(".")[0] != document["info"]["version"].split(".")[0]:
        return []
    if subprocess.run(["git", "cat-file", "-e", f"{tag}:openapi/openapi.yaml"], cwd=ROOT, capture_output=True, check=False).returncode:
        return []  # there was no API yet
    return [f"since {tag}: {what}" for what in changes.breaking_changes(changes.read(tag), document)]


def main():
    try:
        document = load()[0]
        found = lint.faults(document) + breaking(document)
    except ContractError as why:
        found = [str(why)]
    missing = install()
    found += [missing] if missing else [said for said in (redocly(), examples(), types()) if said]
    print("\n".join(found) or "contract: keeps the rules; examples and types fit it")
    return bool(found)


sys.exit(main())
