# SPDX-License-Identifier: Apache-2.0
"""The tools around the contract see what they are for: each rule a fault that breaks it, the
comparison each change that breaks programs, the judge of answers each drift."""
import copy
import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/generate"))

import c_source  # noqa: E402
import changes  # noqa: E402
import lint  # noqa: E402
import page  # noqa: E402
from bundle import ContractError, load, operations  # noqa: E402

DOCUMENT, _ = load()


def find(document, name):
    return next(op for _, _, op in operations(document) if op["operationId"] == name)


def schema(document, name):
    return document["components"]["schemas"][name]


@pytest.fixture
def document():
    return copy.deepcopy(DOCUMENT)


def test_contract_keeps_its_rules(document):
    assert lint.faults(document) == []
    assert len(list(operations(document))) >= 80


RULE_BREAKERS = {
    "lists_have_pages": lambda d: find(d, "listSessions").pop("parameters"),
    "statuses_are_told": lambda d: find(d, "getMailbox")["responses"].pop("404"),
    "failures_are_problems": lambda d: find(d, "getMe")["responses"].update({"418": {"description": "Tea."}}),
    "scopes_fit": lambda d: find(d, "listMailboxes").update({"x-scope": "mail:write"}),
    "makers_take_keys": lambda d: find(d, "createMailbox").update(parameters=[]),
    "objects_are_closed": lambda d: schema(d, "Mailbox").pop("additionalProperties"),
    "problems_are_known": lambda d: d["x-problems"].pop("exists"),
}


@pytest.mark.parametrize("rule", lint.RULES, ids=lambda rule: rule.__name__)
def test_rule_sees_its_fault(rule, document):
    assert list(rule(document)) == []
    RULE_BREAKERS[rule.__name__](document)
    assert list(rule(document))


BREAKING = {
    "operation gone": lambda d: d["paths"]["/me"].pop("patch"),
    "method": lambda d: d["paths"]["/drafts/{draftId}"].update(patch=d["paths"]["/drafts/{draftId}"].pop("put")),
    "scope": lambda d: find(d, "getMe").update({"x-scope": "admin:read"}),
    "parameter gone": lambda d: find(d, "listThreads")["parameters"].pop(),
    "parameter demanded": lambda d: find(d, "listDomains")["parameters"][0].update(required=True),
    "field of a body demanded": lambda d: schema(d, "MailboxNew")["required"].append("parentId"),
    "field of a body gone": lambda d: schema(d, "IdentityNew")["properties"].pop("replyTo"),
    "limit": lambda d: schema(d, "MailboxName").update(maxLength=10),
    "word of a body gone": lambda d: schema(d, "Theme")["enum"].remove("dark"),
    "field of an answer gone": lambda d: schema(d, "Mailbox")["properties"].pop("path"),
    "field of an answer may be missing": lambda d: schema(d, "Mailbox")["required"].remove("path"),
    "type of an answer": lambda d: schema(d, "Count").update(type=["integer", "null"]),
    "word of an answer new": lambda d: schema(d, "QueueStatus")["enum"].append("parked"),
    "status gone": lambda d: find(d, "getMessagePart")["responses"].pop("206"),
}


@pytest.mark.parametrize("name", BREAKING)
def test_breaking_change_is_seen(name, document):
    BREAKING[name](document)
    assert changes.breaking_changes(DOCUMENT, document)


def test_harmless_changes_break_nothing(document):
    schema(document, "Mailbox")["properties"]["colour"] = {"type": "string", "description": "New."}
    schema(document, "MailboxNew")["properties"]["colour"] = {"type": "string", "maxLength": 9, "description": "New."}
    schema(document, "MailboxName").update(maxLength=300)
    find(document, "listDomains")["parameters"].append({"name": "new", "in": "query", "schema": {"type": "boolean"}})
    document["paths"]["/new"] = copy.deepcopy(document["paths"]["/me"])
    document["paths"]["/new"].pop("patch")
    document["paths"]["/new"]["get"]["operationId"] = "getNew"
    assert changes.breaking_changes(DOCUMENT, document) == []


@pytest.mark.parametrize("field, value", [("pattern2", "x"), ("oneOf", [{"type": "null"}])])
def test_generator_refuses_what_c_does_not_check(field, value, document):
    schema(document, "MailboxName")[field] = value
    with pytest.raises(ContractError, match="no check"):
        c_source.schemas_source(document, c_source.operations_of(document))


@pytest.mark.parametrize("name, key", [("SignIn", "login"), ("BatchTarget", "messageIds")])
def test_generator_refuses_bodies_without_bounds(name, key, document):
    part = schema(document, name)["properties"][key]
    part.pop("maxLength", None)
    part.pop("maxItems", None)
    with pytest.raises(ContractError, match="needs max"):
        c_source.schemas_source(document, c_source.operations_of(document))


def test_page_holds_every_operation_and_nothing_from_elsewhere(document):
    html, policy = page.render(document)
    for _, _, op in operations(document):
        assert f'id="{op["operationId"]}"' in html
    assert "<script" not in html and "http://" not in html and "src=" not in html
    assert "default-src 'none'" in policy and "sha256-" in policy


JUDGE = """
import { Judge } from "./judge.mjs";
const { document, answers } = JSON.parse(await new Promise((done) => {
  let text = ""; process.stdin.on("data", (d) => (text += d)).on("end", () => done(text)); }));
const judge = new Judge(document);
console.log(JSON.stringify(answers.map((a) => judge.answer({ ...a, body: Buffer.from(a.body) }))));
"""


def judged(answers):
    run = subprocess.run(["node", "--input-type=module", "-e", JUDGE], cwd=ROOT / "tests/api", check=True, text=True,
                         input=json.dumps({"document": DOCUMENT, "answers": answers}), capture_output=True)
    return json.loads(run.stdout)


def test_judge_sees_drift():
    good = find(DOCUMENT, "getMailbox")["responses"]["200"]["content"]["application/json"]["example"]
    base = {"method": "GET", "path": "/api/v1/mailboxes/1", "status": 200, "headers": {"content-type": "application/json"}}
    bodies = [good, {**good, "surprise": 1}, {k: v for k, v in good.items() if k != "path"}, {**good, "totalMessages": "3"}]
    found = judged([{**base, "body": json.dumps(body)} for body in bodies])
    assert [bool(f["faults"]) for f in found] == [False, True, True, True]
    assert {f["operationId"] for f in found} == {"getMailbox"}
    found = judged([{**base, "status": 418, "body": ""},
                    {**base, "headers": {"content-type": "text/html"}, "body": json.dumps(good)},
                    {**base, "path": "/api/v1/drafts/1", "body": "{}"},
                    {**base, "path": "/api/v1/admin/queue/stats", "status": 404, "headers": {}, "body": ""},
                    {**base, "path": "/api/v1/nothing", "body": "{}"}])
    assert [bool(f["faults"]) for f in found] == [True, True, True, True, False]
    assert found[3]["operationId"] == "getQueueStats" and found[4]["operationId"] is None
