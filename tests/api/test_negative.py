# SPDX-License-Identifier: Apache-2.0
"""Each operation refuses what the contract forbids: wrong parameters and bodies, nobody signed in,
a token without the scope, a person who is no administrator, a write from another site."""
import pytest

from api_client import Api
from cases import DOCUMENT, OPERATIONS, all_cases
from bundle import follow, server_of  # noqa: E402 (api_client makes it importable)

SCOPES = DOCUMENT["components"]["schemas"]["Scope"]["enum"]
GUARDED = [op for op in OPERATIONS if op.scope != "public"]
WRITES = [op for op in OPERATIONS if op.method != "GET"]
READS = [op for op in GUARDED if op.method == "GET"]
WITH_PATH = [op for op in OPERATIONS if "{" in op.template]
by_id = {"ids": lambda op: op.id}


@pytest.fixture(scope="module")
def admin(heronry):
    return Api.signed_in(heronry, heronry.user(1))


@pytest.fixture(scope="module")
def person(heronry):
    return Api.signed_in(heronry, heronry.user(2))


@pytest.fixture(scope="module")
def tokens(admin):
    """Programs that may do all but one thing, by that scope."""
    return {scope: admin.with_token(*[s for s in SCOPES if s != scope], name=scope) for scope in SCOPES}


def refused(api, op, status, problem, headers=None, **request):
    asked = op.request(**request)
    asked["headers"] |= headers or {}
    answer = api.request(op.method, **asked)
    assert (answer.status, answer.problem) == (status, problem), answer.body
    return answer


@pytest.mark.parametrize("op", OPERATIONS, **by_id)
def test_wrong_requests(op, admin):
    faults = []
    for case in all_cases(op):
        answer = admin.request(case.method, case.path, case.body, query=case.query, headers=case.headers)
        if (answer.status, answer.problem) != (case.status, case.problem):
            faults.append(f"{case}: {answer.status} {answer.body[:300]!r}, not {case.status} {case.problem}")
        elif case.pointer is not None and case.pointer not in answer.pointers:
            faults.append(f"{case}: tells of {answer.pointers}, not {case.pointer}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("op", GUARDED, **by_id)
def test_nobody_signed_in(op, heronry):
    api = Api(heronry)
    refused(api, op, 401, "not-signed-in")
    api.token = "hrn_" + "A" * 43
    assert refused(api, op, 401, "session-ended").headers["www-authenticate"].startswith("Bearer")
    api.token, api.cookie = None, "A" * 43
    refused(api, op, 401, "session-ended")


@pytest.mark.parametrize("op", GUARDED, **by_id)
def test_token_without_the_scope(op, tokens):
    refused(tokens[op.scope], op, 403, "insufficient-scope")


@pytest.mark.parametrize("op", [op for op in GUARDED if op.scope.startswith("admin:")], **by_id)
def test_person_who_is_no_administrator(op, person):
    refused(person, op, 403, "not-an-administrator")


@pytest.mark.parametrize("op", WRITES, **by_id)
@pytest.mark.parametrize("headers", [{"X-Heronry": None}, {"Origin": "https://evil.example"}, {"Origin": "null"},
                                     {"Origin": None, "Sec-Fetch-Site": "cross-site"}],
                         ids=["no header", "foreign origin", "null origin", "cross-site"])
def test_write_from_another_site(op, headers, person, admin):
    api = admin if op.scope.startswith("admin:") else person
    refused(api, op, 403, "cross-site", headers=headers)


@pytest.mark.parametrize("op", READS, **by_id)
@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                                     {"Sec-Fetch-Site": "same-site"}], ids=["foreign origin", "null origin", "cross-site", "same site"])
def test_read_from_another_site(op, headers, person, admin):
    """ATTACKS A5, A17: a page of another site cannot use the cookie to read, or to listen to the stream."""
    api = admin if op.scope.startswith("admin:") else person
    refused(api, op, 403, "cross-site", headers=headers)


# What cannot name anything, or is tried as a path.
STRANGE = ["0", "00", "-1", "9223372036854775808", "x", "%2e%2e", "%ff", "1%2f2", "1%0d%0aX:y", "'", "a" * 600]


@pytest.mark.parametrize("op", WITH_PATH, **by_id)
def test_ids_that_name_nothing(op, admin):
    name = next(p["name"] for p in op.params if p["in"] == "path")
    for value in STRANGE:
        refused(admin, op, 404, "not-found", **{name: value})
    refused(admin, op, 400, "about:blank", **{name: "%00"})


@pytest.mark.parametrize("op", OPERATIONS, **by_id)
def test_methods_that_are_not_there(op, admin):
    item = next(item for path, item in DOCUMENT["paths"].items() if op.template == server_of(DOCUMENT, path) + path)
    there = {m.upper() for m in item if m in ("get", "post", "put", "patch", "delete")}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - there:
        answer = admin.request(method, op.path())
        assert answer.status == 405, f"{method} {op.path()}: {answer.status}"
        allowed = {m.strip() for m in answer.headers["allow"].split(",")}
        assert allowed == there | ({"HEAD"} if "GET" in there else set())


def test_every_problem_that_can_be_named_is_known():
    for op in OPERATIONS:
        for status, node in op.node["responses"].items():
            assert status < "400" or follow(DOCUMENT, node)["content"]
