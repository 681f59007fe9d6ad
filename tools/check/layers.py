#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every include points to a lower layer (shared/layers.txt) or into its own module,
and that services never include each other (services/app is common ground for them)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_0-9]+)/', re.M)
COMMON_SERVICE = "app"


def read_layers():
    """Module name -> line number in layers.txt."""
    layers = {}
    lines = (ROOT / "shared/layers.txt").read_text().splitlines()
    for number, line in enumerate(l for l in lines if l.strip() and not l.startswith("#")):
        layers.update({module: number for module in line.split()})
    return layers


def check_shared(layers):
    for path in sorted((ROOT / "shared").rglob("*.[ch]")):
        module = path.relative_to(ROOT / "shared").parts[0]
        if module not in layers:
            yield f"{path.relative_to(ROOT)}: module {module} is not in shared/layers.txt"
            continue
        for target in INCLUDE.findall(path.read_text()):
            if target == module:
                continue
            if layers.get(target, 10**6) >= layers[module]:
                yield f"{path.relative_to(ROOT)}: includes {target}/, which is not below {module}"


def check_services():
    services = {p.name for p in (ROOT / "services").iterdir() if p.is_dir()}
    for path in sorted((ROOT / "services").glob("*/*.[ch]")):
        service = path.parent.name
        text = path.read_text()
        targets = set(re.findall(r'^\s*#\s*include\s+"services/([a-z_]+)/', text, re.M))
        targets |= set(INCLUDE.findall(text)) & services
        for target in sorted(targets - {service, COMMON_SERVICE}):
            # The module of the same name in shared/ (none today) would not be a service.
            yield f"{path.relative_to(ROOT)}: includes the service {target}"


def main():
    faults = [*check_shared(read_layers()), *check_services()]
    print("\n".join(faults) or "layers: all includes point downwards")
    return bool(faults)


sys.exit(main())
