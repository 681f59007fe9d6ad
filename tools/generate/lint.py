# SPDX-License-Identifier: Apache-2.0
"""Rules of the contract that redocly.yaml cannot say. Each is a function that yields sentences."""
import re

from bundle import follow, operations

READS_BY_POST = {"batchGetThreads", "batchGetMessages"}


def answer_schema(document, op):
    """The JSON schema of the answer 200, or {}."""
    content = follow(document, op["responses"].get("200", {})).get("content", {})
    return follow(document, content.get("application/json", {}).get("schema", {}))


def parameter_names(document, op):
    return {follow(document, p)["name"] for p in op.get("parameters", [])}


def lists_have_pages(document):
    """A list has limit and cursor, or says why it needs none."""
    for _, method, op in operations(document):
        schema = answer_schema(document, op)
        items = schema.get("properties", {}).get("items", {})
        if method != "get" or items.get("type") != "array" or "x-bounded" in op:
            continue
        if not {"limit", "cursor"} <= parameter_names(document, op) or "nextCursor" not in schema["required"]:
            yield f"{op['operationId']}: a list has limit, cursor and nextCursor, or x-bounded"


def statuses_are_told(document):
    """What every operation of a kind can answer is written down."""
    for path, _, op in operations(document):
        kinds = op.get("requestBody", {}).get("content", {})
        must = {"400"}  # an unknown parameter
        if op["x-scope"] != "public":
            must |= {"401", "403"}
        if "{" in path:
            must |= {"404"}
        if kinds:
            must |= {"413"}
        if "application/json" in kinds:
            must |= {"415", "422"}
        if op["x-rate"] not in ("none", "public"):
            must |= {"429", "503"}
        missing = must - set(op["responses"])
        if missing:
            yield f"{op['operationId']}: cannot answer {', '.join(sorted(missing))}"


def failures_are_problems(document):
    """Everything from 400 on is application/problem+json, but for the health report."""
    for _, _, op in operations(document):
        for status, node in op["responses"].items():
            kinds = set(follow(document, node).get("content", {}))
            if int(status) >= 400 and kinds != {"application/problem+json"} and "Health" not in op["operationId"]:
                yield f"{op['operationId']} {status}: is no problem"


def scopes_fit(document):
    """Reading needs a scope that reads; who needs none is named as open to all."""
    for _, method, op in operations(document):
        name, scope = op["operationId"], op["x-scope"]
        if (scope == "public") != (op.get("security") == []):
            yield f"{name}: x-scope public and security [] belong together"
        reads = method == "get" or name in READS_BY_POST
        if scope != "public" and name != "signOut" and reads != scope.endswith(":read"):
            yield f"{name}: {method} does not fit {scope}"


def makers_take_keys(document):
    """What makes something by POST can be repeated without harm."""
    for _, method, op in operations(document):
        kinds = op.get("requestBody", {}).get("content", {})
        if method == "post" and "201" in op["responses"] and "application/json" in kinds:
            if "Idempotency-Key" not in parameter_names(document, op):
                yield f"{op['operationId']}: needs Idempotency-Key"


def objects_are_closed(document):
    """Every object says what other fields it may have, and every field says what it is."""
    for name, schema in document["components"]["schemas"].items():
        if "description" not in schema:
            yield f"{name}: has no description"
        if "object" in str(schema.get("type")) and "additionalProperties" not in schema:
            yield f"{name}: says nothing about other fields"
        for field, part in schema.get("properties", {}).items():
            if "description" not in follow(document, part) and "description" not in part:
                yield f"{name}.{field}: has no description"


def problems_are_known(document):
    """The kinds named in the answers are those of x-problems, with the same status."""
    known = document["x-problems"]
    for name, node in document["components"]["responses"].items():
        example = node["content"]["application/problem+json"]["example"]
        slug = example["type"].removeprefix("/problems/")
        if known.get(slug, [None])[0] != example["status"]:
            yield f"{name}: the example's type and status are not in x-problems"
        for word in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", node["description"]):
            if word not in known:
                yield f"{name}: {word} is not in x-problems"


RULES = [lists_have_pages, statuses_are_told, failures_are_problems, scopes_fit, makers_take_keys,
         objects_are_closed, problems_are_known]


def faults(document):
    """Every sentence of every rule."""
    return [sentence for rule in RULES for sentence in rule(document)]
