#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tells what of the contract would break programs that were written for an older one: an operation,
field of an answer, status or word that is gone, a type that changed, something newly demanded.

  tools/generate/changes.py OLD [NEW]     bundles (openapi.json), or revisions of this repository;
                                          NEW is the working tree when it is left out
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import bundle
from bundle import ROOT, follow, operations


def types_of(schema):
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


class Comparison:
    """Walks two descriptions side by side."""

    def __init__(self, old, new):
        self.old, self.new = old, new
        self.found = []
        self.seen = set()

    def say(self, where, what):
        self.found.append(f"{where}: {what}")

    def run(self):
        new = {op["operationId"]: (path, method, op) for path, method, op in operations(self.new)}
        for path, method, op in operations(self.old):
            name = op["operationId"]
            if name not in new:
                self.say(name, "the operation is gone")
                continue
            new_path, new_method, new_op = new[name]
            if (path, method) != (new_path, new_method):
                self.say(name, f"was {method.upper()} {path}, is {new_method.upper()} {new_path}")
            self.operation(name, op, new_op)
        return self.found

    def operation(self, name, old, new):
        if old["x-scope"] != new["x-scope"]:
            self.say(name, f"needs {new['x-scope']} instead of {old['x-scope']}")
        self.parameters(name, old, new)
        self.body(name, old, new)
        for status in sorted(set(old["responses"]) - set(new["responses"])):
            if status < "400":
                self.say(name, f"does not answer {status} any more")
        for status in sorted(set(old["responses"]) & set(new["responses"])):
            self.answer(f"{name} {status}", old["responses"][status], new["responses"][status])

    def parameters(self, name, old, new):
        before = {p["name"]: p for p in (follow(self.old, p) for p in old.get("parameters", []))}
        after = {p["name"]: p for p in (follow(self.new, p) for p in new.get("parameters", []))}
        for gone in sorted(set(before) - set(after)):
            self.say(name, f"the parameter {gone} is gone")
        for key, p in sorted(after.items()):
            where = f"{name} {key}"
            if p.get("required") and not before.get(key, {}).get("required"):
                self.say(where, "is demanded now")
            if key in before:
                self.taken(where, before[key]["schema"], p["schema"])

    def body(self, name, old, new):
        before = old.get("requestBody", {}).get("content", {})
        after = new.get("requestBody", {}).get("content", {})
        if after and not before:
            self.say(name, "a body is demanded now")
        for kind in before:
            if kind not in after:
                self.say(name, f"{kind} is not taken any more")
            else:
                self.taken(f"{name} body", before[kind].get("schema", {}), after[kind].get("schema", {}))

    def answer(self, where, old, new):
        before = follow(self.old, old).get("content", {})
        after = follow(self.new, new).get("content", {})
        for kind in before:
            if kind not in after:
                self.say(where, f"is not {kind} any more")
            else:
                self.given(where, before[kind].get("schema", {}), after[kind].get("schema", {}))

    def pair(self, direction, old, new):
        """Both schemas without references; None when this pair was looked at already."""
        key = (direction, old.get("$ref"), new.get("$ref"))
        if key[1] and key in self.seen:
            return None
        self.seen.add(key)
        return follow(self.old, old), follow(self.new, new)

    def taken(self, where, old, new):
        """What clients send: nothing that was right may be wrong now."""
        pair = self.pair("taken", old, new)
        if not pair:
            return
        old, new = pair
        if types_of(old) - types_of(new):
            self.say(where, f"{sorted(types_of(old) - types_of(new))} is not taken any more")
        for word in old.get("enum", []):
            if "enum" in new and word not in new["enum"]:
                self.say(where, f"{word} is not taken any more")
        if "enum" in new and "enum" not in old:
            self.say(where, "takes certain words only now")
        for key, sign in (("maxLength", -1), ("maxItems", -1), ("maximum", -1), ("minLength", 1), ("minItems", 1), ("minimum", 1)):
            if key in new and (key not in old or (new[key] - old[key]) * sign > 0):
                self.say(where, f"{key} is {new[key]} now, was {old.get(key, 'none')}")
        for field in sorted(set(new.get("required", [])) - set(old.get("required", []))):
            self.say(where, f"{field} is demanded now")
        self.fields(self.taken, where, old, new, "is not taken any more")

    def given(self, where, old, new):
        """What clients get: everything that they rely on is still there."""
        pair = self.pair("given", old, new)
        if not pair:
            return
        old, new = pair
        if types_of(old) and types_of(new) - types_of(old):
            self.say(where, f"may be {sorted(types_of(new) - types_of(old))} now")
        for field in sorted(set(old.get("required", [])) - set(new.get("required", []))):
            if field in new.get("properties", {}):
                self.say(where, f"{field} may be missing now")
        for word in new.get("enum", []):
            if "enum" in old and word not in old["enum"]:
                self.say(where, f"may be {word} now")
        self.fields(self.given, where, old, new, "is gone")

    def fields(self, walk, where, old, new, gone):
        for field, part in sorted(old.get("properties", {}).items()):
            if field not in new.get("properties", {}):
                self.say(where, f"{field} {gone}")
            else:
                walk(f"{where} {field}", part, new["properties"][field])
        if "items" in old and "items" in new:
            walk(f"{where}[]", old["items"], new["items"])
        for before, after in zip(old.get("oneOf", []), new.get("oneOf", [])):
            walk(where, before, after)


def breaking_changes(old, new):
    """Sentences about what breaks."""
    return Comparison(old, new).run()


def read(what):
    """A bundle by its file, or of the openapi/ of a revision."""
    if pathlib.Path(what).is_file():
        return json.loads(pathlib.Path(what).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "-C", ROOT, "archive", what, "openapi"], check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        return bundle.load(pathlib.Path(folder) / "openapi/openapi.yaml")[0]


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    new = read(sys.argv[2]) if len(sys.argv) == 3 else bundle.load()[0]
    found = breaking_changes(read(sys.argv[1]), new)
    print("\n".join(found) or "nothing breaks")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
