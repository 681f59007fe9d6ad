# SPDX-License-Identifier: Apache-2.0
"""Puts the split files of openapi/ together into one description: references into other files
become references into `components`, and every body gets an example, made from those of its parts."""
import copy
import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = ROOT / "openapi/openapi.yaml"
METHODS = ("get", "post", "put", "patch", "delete")


class ContractError(Exception):
    """The contract cannot be used; the message says where and why."""


class Bundler:
    """Reads each file once and moves what is referred to into components."""

    def __init__(self, source):
        self.source = source.resolve()
        self.files = {}
        self.components = {}
        self.sources = set()

    def read(self, path):
        if path not in self.files:
            self.sources.add(path)
            try:
                self.files[path] = yaml.safe_load(path.read_text(encoding="utf-8"))
            except (OSError, yaml.YAMLError) as why:
                raise ContractError(f"{path}: {why}") from why
        return self.files[path]

    @staticmethod
    def kind_of(path):
        """components/schemas/mail.yaml -> schemas; events.yaml holds schemas too."""
        return path.parent.name if path.parent.parent.name == "components" else "schemas"

    def refer(self, here, reference):
        """The reference as it is in the bundle; its target is put into components."""
        file, _, pointer = reference.partition("#/")
        path = (here.parent / file).resolve() if file else here
        kind, name = self.kind_of(path), pointer
        target = self.read(path).get(name) if "/" not in name else None
        if target is None:
            raise ContractError(f"{here}: {reference} leads nowhere")
        known = self.components.setdefault(kind, {})
        if name not in known:
            known[name] = None  # ends a circle
            known[name] = self.resolve(path, target)
        return f"#/components/{kind}/{name}"

    def resolve(self, here, node):
        """A copy of the node whose references are those of the bundle."""
        if isinstance(node, list):
            return [self.resolve(here, item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return {**{k: v for k, v in node.items() if k != "$ref"}, "$ref": self.refer(here, node["$ref"])}
        return {key: self.resolve(here, value) for key, value in node.items()}

    def run(self):
        root = copy.deepcopy(self.read(self.source))
        paths = {}
        for path, item in root.pop("paths").items():
            file = (self.source.parent / item["$ref"]).resolve()
            paths[path] = self.resolve(file, self.read(file))
        components = {**root.pop("components"), **{k: dict(sorted(v.items())) for k, v in sorted(self.components.items())}}
        reasons = self.read(self.source.parent / "reasons.yaml")
        return {**root, "x-reasons": reasons, "paths": paths, "components": components}


def follow(document, node):
    """The node that a reference means."""
    while "$ref" in node:
        target = document
        for name in node["$ref"][2:].split("/"):
            target = target[name]
        node = target
    return node


def example_of(document, schema, depth=0):
    """A value that the schema allows, put together from the examples of its parts."""
    schema = follow(document, schema)
    if depth > 12:
        raise ContractError("schemas without an end")
    for key in ("const", "default"):
        if key in schema and "examples" not in schema:
            return schema[key]
    if "examples" in schema:
        return schema["examples"][0]
    if "oneOf" in schema:
        return example_of(document, schema["oneOf"][0], depth + 1)
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "object" in kinds:
        return {name: example_of(document, part, depth + 1) for name, part in schema.get("properties", {}).items()}
    if "array" in kinds:
        return [example_of(document, schema["items"], depth + 1)]
    raise ContractError(f"a schema without an example: {json.dumps(schema)[:200]}")


def operations(document):
    """(path, method, operation) of every operation, in the order of the contract."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def add_examples(document):
    """Gives every JSON body an example."""
    bodies = [(op["operationId"], body) for _, _, op in operations(document)
              for body in (op.get("requestBody"), *op["responses"].values()) if body]
    for where, body in bodies:
        for kind, content in follow(document, body).get("content", {}).items():
            if kind == "application/json" and "example" not in content:
                try:
                    content["example"] = example_of(document, content["schema"])
                except ContractError as why:
                    raise ContractError(f"{where}: {why}") from why


def load(source=SOURCE):
    """The whole description, and the files that it was made of."""
    bundler = Bundler(source)
    document = bundler.run()
    add_examples(document)
    return document, sorted(bundler.sources)


def server_of(document, path):
    """What stands before the path: "/api/v1", or nothing for those beside the API."""
    servers = document["paths"][path].get("servers", document["servers"])
    return servers[0]["url"].rstrip("/")


def snake(name):
    """listThreads -> list_threads, If-Match -> if_match."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace("-", "_").lower()
