# SPDX-License-Identifier: Apache-2.0
"""Texts that break out of quotes, patterns and encodings (ATTACKS A18, W8): in every parameter and field
that takes a text. Nothing fails inside, and what was kept comes back as it was sent."""
import urllib.parse

import pytest

from api_client import Api
from cases import DOCUMENT, OPERATIONS, changed, put
from bundle import follow

STRANGE = ["' OR 1=1 --", "'; DROP TABLE account; --", "\"", "\\", "\\'", "%", "_%\\", "$1", "${x}", "{{x}}", "a'b\"c`d", "()&|!:*<->",
           "\u202egnp.exe", "\U0001f6a3\U0001f3fd", "é" * 40, "\ufeff", "\ufffe", "<script>alert(1)</script>", "=cmd()", "../../etc",
           "-" * 200, "NULL", "0x1", "1e3", "\u00a0", "ﬁ", "İ", "ß"]


def texts_of(schema, pointer=()):
    """Where texts without a list of words may stand in a body."""
    schema = follow(DOCUMENT, schema)
    kinds = schema.get("type")
    if "string" in kinds and "enum" not in schema and schema.get("format") != "password":
        yield list(pointer)
    for name, part in schema.get("properties", {}).items() if "object" in kinds else ():
        yield from texts_of(part, (*pointer, name))


WITH_TEXT_PARAMETERS = [(op, p["name"], p["in"]) for op in OPERATIONS for p in op.params
                        if p["schema"].get("type") == "string" and "enum" not in p["schema"] or p["in"] == "path"]
WITH_TEXT_FIELDS = [(op, pointer) for op in OPERATIONS if op.schema for pointer in texts_of(op.schema)]


@pytest.fixture(scope="module")
def clients(heronry):
    return {"admin": Api.signed_in(heronry, heronry.user(1)), "person": Api.signed_in(heronry, heronry.new_user())}


def client_for(op, clients):
    return clients["admin" if op.scope.startswith("admin:") else "person"]


@pytest.mark.parametrize("op, name, place", WITH_TEXT_PARAMETERS, ids=lambda v: getattr(v, "id", v))
def test_strange_parameters(op, name, place, clients):
    api = client_for(op, clients)
    for text in STRANGE:
        asked = op.request()
        if place == "path":
            asked = op.request(**{name: urllib.parse.quote(text, safe="")})
        elif place == "query":
            asked["query"][name] = text
        else:
            asked["headers"][name] = urllib.parse.quote(text, safe=" '\"()<>;:,*")
        answer = api.request(op.method, **asked)
        assert answer.status < 500, f"{text!r}: {answer.body}"


@pytest.mark.parametrize("raw", ["%ff", "%c3%28", "%ed%a0%80", "%f8%88%80%80%80", "%c0%af"])
@pytest.mark.parametrize("op, name, place", [row for row in WITH_TEXT_PARAMETERS if row[2] != "header"],
                         ids=lambda v: getattr(v, "id", v))
def test_octets_that_are_no_text(op, name, place, raw, clients):
    asked = op.request(**({name: raw} if place == "path" else {}))
    if place == "query":
        rest = urllib.parse.urlencode({k: v for k, v in asked["query"].items() if k != name})
        asked["path"] += f"?{rest}{'&' if rest else ''}{name}={raw}"
        asked["query"] = None
    answer = client_for(op, clients).request(op.method, **asked)
    assert answer.status == (404 if place == "path" else 400), answer.body


@pytest.mark.parametrize("op, pointer", WITH_TEXT_FIELDS, ids=lambda v: getattr(v, "id", None) or "/".join(map(str, v)))
def test_strange_fields(op, pointer, clients):
    api = client_for(op, clients)
    whole = op.example
    for depth in range(1, len(pointer)):
        way = pointer[:depth]
        whole = changed(whole, way, lambda place, key: place.setdefault(key, {}))
    for text in STRANGE:
        answer = api.request(op.method, **(op.request() | {"body": changed(whole, pointer, put(text))}))
        assert answer.status < 500, f"{text!r}: {answer.body}"


NAMES = [text for text in STRANGE if not set(text) & set("/%*")]


def test_names_come_back_as_they_were_sent(clients):
    api = clients["person"]
    for text in NAMES:
        assert api.patch("/me", {"displayName": text}).json["displayName"] == text
        made = api.post("/mailboxes", {"name": text})
        if made.status == 201:
            assert made.json["name"] == text
            api.delete(f"/mailboxes/{made.json['id']}", status=204)
