# SPDX-License-Identifier: Apache-2.0
"""Wrong requests, made from the contract: for each operation every parameter and field that can be
missing, unknown, too large or of the wrong type, with the answer that the contract promises."""
import copy
import dataclasses
import json

from api_client import contract
from bundle import example_of, follow, operations, server_of

DOCUMENT = contract()
# A text that the format refuses, for each format that refuses some.
WRONG_TEXTS = {
    "account": "nobody", "content-range": "bytes 9-0/10", "cursor": "a\"b", "date-time": "yesterday",
    "domain": "-a-.example", "email": "nobody", "etag": "\"1\"\n", "id": "x1", "key": "../x", "keyword": "two words",
    "line": "a\nb", "mailbox-name": "a/b", "media-type": "picture", "part": "1..2", "queue-id": "NOT-AN-ID", "state": "x",
    "token": "two words"}
WRONG_TYPES = {"string": 17, "integer": "seventeen", "number": "seventeen", "boolean": "yes", "array": {"a": 1}, "object": ["a"]}


@dataclasses.dataclass
class Case:
    """One request and what is to be answered."""
    operation: str
    what: str
    status: int
    problem: str
    method: str
    path: str
    query: dict = dataclasses.field(default_factory=dict)
    headers: dict = dataclasses.field(default_factory=dict)
    body: object = None
    pointer: str | None = None

    def __str__(self):
        return f"{self.operation} {self.what}"


class Operation:
    """An operation with a request that is right in form."""

    def __init__(self, path, method, node):
        self.id, self.node, self.method = node["operationId"], node, method.upper()
        self.template = server_of(DOCUMENT, path) + path
        self.params = [follow(DOCUMENT, p) for p in node.get("parameters", [])]
        self.content = node.get("requestBody", {}).get("content", {})
        json_body = self.content.get("application/json")
        self.schema = json_body["schema"] if json_body else None
        self.example = json_body["example"] if json_body else None
        self.scope = node["x-scope"]

    def value_of(self, param):
        return param.get("example", example_of(DOCUMENT, {"type": "string", **param["schema"], "examples": ["x"]}))

    def path(self, **values):
        """The path with ids of the caller's, else those of the examples."""
        whole = self.template
        for param in self.params:
            if param["in"] == "path":
                whole = whole.replace("{" + param["name"] + "}", str(values.get(param["name"], self.value_of(param))))
        return whole

    def needed(self, place):
        """Required parameters of the query or the header, as they may be."""
        return {p["name"]: self.value_of(p) for p in self.params if p["in"] == place and p.get("required")}

    def request(self, **values):
        """Keywords for Api.request: right in form, with ids of nothing."""
        body = copy.deepcopy(self.example)
        headers = self.needed("header")
        if "application/octet-stream" in self.content:
            body = b"0123456789"
            headers |= {"Content-Range": "bytes 0-9/10"} if "Content-Range" in headers else {}
        if any(p["name"] == "If-Match" for p in self.params):
            headers["If-Match"] = '"1"'
        return {"path": self.path(**values), "query": self.needed("query"), "headers": headers, "body": body}

    def case(self, what, status, problem, **changes):
        pointer = changes.pop("pointer", None)
        request = self.request()
        for key in ("query", "headers"):
            request[key] = request[key] | changes.pop(key, {})
        return Case(self.id, what, status, problem, self.method, pointer=pointer, **(request | changes))


OPERATIONS = [Operation(path, method, node) for path, method, node in operations(DOCUMENT)]


# ---- parameters ----

def wrong_values(schema):
    """(what, text) of values that a parameter may not have."""
    schema = follow(DOCUMENT, schema)
    kind = schema["type"]
    if kind == "integer" and "enum" not in schema:
        yield "no number", "many"
        for key, step in (("minimum", -1), ("maximum", 1)):
            if key in schema:
                yield f"past {key}", str(schema[key] + step)
    elif kind == "boolean":
        yield "no boolean", "maybe"
    elif "enum" in schema or kind == "array":
        yield "unknown word", "no-such-word"
    else:
        if schema.get("minLength"):
            yield "empty", ""
        if schema.get("format") in WRONG_TEXTS:
            yield "wrong format", WRONG_TEXTS[schema["format"]]
        if schema.get("maxLength", 10**6) < 4096:
            yield "too long", "1" * (schema["maxLength"] + 1)


def parameter_cases(op):
    queries = [p for p in op.params if p["in"] == "query"]
    yield op.case("unknown parameter", 400, "invalid-parameter", query={"surprise": "1"}, pointer="surprise")
    for param in queries:
        name = param["name"]
        for what, value in wrong_values(param["schema"]):
            yield op.case(f"{name} {what}", 400, "invalid-parameter", query={name: value}, pointer=name)
        if param.get("required"):
            case = op.case(f"{name} missing", 400, "invalid-parameter", pointer=name)
            del case.query[name]
            yield case
        if name == "cursor":
            yield op.case("cursor of nobody", 400, "invalid-cursor", query={"cursor": "bm90LW91cnM"})


# ---- bodies ----

def changed(document, pointer, change):
    """A copy of the body with one place changed: change(parent, key)."""
    whole = copy.deepcopy(document)
    *way, last = pointer
    place = whole
    for step in way:
        place = place[step]
    change(place, last)
    return whole


def kinds_of(schema):
    kinds = schema.get("type")
    return {kinds} if isinstance(kinds, str) else set(kinds)


def wrong_bodies(schema):
    """(what, value) that the schema refuses, for the value itself."""
    kinds = kinds_of(schema)
    kind = next(iter(kinds - {"null"}))
    yield "of the wrong type", WRONG_TYPES[kind]
    if "null" not in kinds:
        yield "null", None
    if kind == "string":
        if "enum" in schema:
            yield "unknown word", "no-such-word"
        elif schema.get("format") in WRONG_TEXTS:
            yield "of the wrong format", WRONG_TEXTS[schema["format"]]
        if schema.get("minLength"):
            yield "empty", ""
        if schema.get("maxLength", 10**9) <= 2000 and "enum" not in schema:
            yield "too long", "1" * (schema["maxLength"] + 1)
    if kind == "integer":
        for key, step in (("minimum", -1), ("maximum", 1)):
            if key in schema:
                yield f"past {key}", schema[key] + step
    if kind == "boolean" and schema.get("const") is True:
        yield "false", False
    if kind == "array":
        yield from wrong_lists(schema)
    if kind == "object" and schema.get("minProperties"):
        yield "empty", {}


def wrong_lists(schema):
    item = example_of(DOCUMENT, schema["items"])
    if schema.get("minItems"):
        yield "empty", []
    yield "too long", [item] * (schema["maxItems"] + 1)
    if schema.get("uniqueItems"):
        yield "with an item twice", [item, item]


def put(value):
    return lambda place, key: place.__setitem__(key, value)


def text_of(pointer):
    return "".join(f"/{step}" for step in pointer)


def body_cases(op, schema, whole, pointer):
    """Every wrong value at this place of the body and below it."""
    schema = follow(DOCUMENT, schema)
    at = text_of(pointer)
    if pointer:
        for what, value in wrong_bodies(schema):
            yield op.case(f"{at} {what}", 422, "invalid-fields", body=changed(whole, pointer, put(value)),
                          pointer=None if what == "with an item twice" else at)
    if "object" in kinds_of(schema) and "properties" in schema:
        yield from object_cases(op, schema, whole, pointer)
    if "array" in kinds_of(schema):
        item = example_of(DOCUMENT, schema["items"])
        whole = changed(whole, pointer, put([item])) if pointer else [item]
        yield from body_cases(op, schema["items"], whole, [*pointer, 0])


def object_cases(op, schema, whole, pointer):
    at = text_of(pointer)
    if schema.get("additionalProperties") is False:
        yield op.case(f"{at}/surprise unknown", 422, "invalid-fields", pointer=f"{at}/surprise",
                      body=changed(whole, [*pointer, "surprise"], put(1)))
    for name in schema.get("required", []):
        yield op.case(f"{at}/{name} missing", 422, "invalid-fields", pointer=f"{at}/{name}",
                      body=changed(whole, [*pointer, name], lambda place, key: place.pop(key)))
    if not pointer and schema.get("minProperties"):
        yield op.case("nothing in it", 422, "invalid-fields", body={}, pointer="")
    for name, part in schema["properties"].items():
        filled = changed(whole, [*pointer, name], put(example_of(DOCUMENT, part)))
        yield from body_cases(op, part, filled, [*pointer, name])


def json_cases(op):
    """What is wrong with the octets themselves."""
    kind = {"Content-Type": "application/json"}
    limit = op.node["x-body-limit"]
    text = json.dumps(op.example)
    twice = text[:-1] + ("," if op.example else "") + '"a":1,"a":1}'
    yield op.case("cut off", 400, "invalid-json", body=text[:-1].encode(), headers=kind)
    yield op.case("no JSON", 400, "invalid-json", body=b"name=Work", headers=kind)
    yield op.case("nothing", 400, "invalid-json", body=b"", headers=kind)
    yield op.case("a key twice", 400, "invalid-json", body=twice.encode(), headers=kind)
    yield op.case("a number without an end", 400, "invalid-json", body=b'{"a":1e400}', headers=kind)
    yield op.case("too deep", 400, "invalid-json", body=b"[" * 100 + b"]" * 100, headers=kind)
    yield op.case("bad UTF-8", 400, "invalid-json", body=b'{"a":"\xff"}', headers=kind)
    yield op.case("NUL", 422, "invalid-fields", body=b'{"a":"\\u0000"}', headers=kind)
    yield op.case("a list", 422, "invalid-fields", body=b"[]", headers=kind)
    yield op.case("as text", 415, "wrong-type", body=text.encode(), headers={"Content-Type": "text/plain"})
    yield op.case("without a type", 415, "wrong-type", body=text.encode(), headers={"Content-Type": None})
    yield op.case("too large", 413, "too-large", body=b'"' + b"a" * limit + b'"', headers=kind)


def all_cases(op):
    yield from parameter_cases(op)
    if op.schema:
        yield from body_cases(op, op.schema, op.example, [])
        yield from json_cases(op)
    if "application/octet-stream" in op.content:
        yield op.case("too large", 413, "too-large", body=b"a" * (op.node["x-body-limit"] + 1),
                      headers={"Content-Type": "application/octet-stream"})
