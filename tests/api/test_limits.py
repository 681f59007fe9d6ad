# SPDX-License-Identifier: Apache-2.0
"""Too many requests: each operation answers 429 with what is left and when to come again."""
import time

import pytest

from api_client import Api
from cases import DOCUMENT, OPERATIONS
from conftest import Instance

SCOPES = DOCUMENT["components"]["schemas"]["Scope"]["enum"]
LIMITED = [op for op in OPERATIONS if "429" in op.node["responses"]]
PER_MINUTE = 8


class Limited:
    """A server with low limits, and a program with a token that was made before they are reached."""

    def __init__(self, server):
        self.server = server
        browser = Api.signed_in(server, server.user(1))
        self.program = browser.with_token(*SCOPES)
        self.unused = [browser.with_token("mail:read") for _ in range(5)]
        self.hasty = browser.with_token(*SCOPES, name="hasty")
        self.stranger = Api(server)


@pytest.fixture(scope="module")
def limited(request):
    instance = Instance(settings={"workers.front": 2, "limits.api_token_per_minute": PER_MINUTE,
                                  "limits.api_anonymous_per_minute": PER_MINUTE})
    request.addfinalizer(instance.remove)
    return Limited(instance.up())


def use_up(api, path):
    """Sends until it is too much; the answer that says so."""
    for _ in range(PER_MINUTE * 3):
        answer = api.request("GET", path)
        if answer.status == 429:
            return answer
    raise AssertionError("there is no limit")


@pytest.mark.parametrize("op", LIMITED, ids=lambda op: op.id)
def test_too_many_requests(op, limited):
    api, path = (limited.stranger, "/openapi.json") if op.scope == "public" else (limited.program, "/me")
    for _ in range(5):  # what comes back with time may be enough for one more
        use_up(api, path)
        answer = api.request(op.method, **op.request())
        if answer.status == 429:
            break
    assert (answer.status, answer.problem) == (429, "too-many-requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_what_is_left_is_told(limited):
    program = limited.program
    assert "r=0" in use_up(program, "/me").headers["ratelimit"]
    assert f"q={PER_MINUTE}" in program.request("GET", "/me").headers["ratelimit-policy"]


def test_all_workers_count_together(limited):
    """Each request on a connection of its own, which any of them may get."""
    statuses, began = [], time.monotonic()
    for _ in range(PER_MINUTE * 3):
        limited.hasty.close()
        statuses.append(limited.hasty.request("GET", "/me").status)
    taken = statuses.count(200)
    again = int((time.monotonic() - began) * PER_MINUTE / 60)
    assert PER_MINUTE <= taken <= PER_MINUTE + again + 1


def test_a_limit_is_of_one_token_only(limited):
    use_up(limited.stranger, "/openapi.json")
    use_up(limited.program, "/me")
    assert limited.stranger.request("GET", "/health").status == 200


def test_a_forged_address_has_the_same_limit(limited):
    """X-Forwarded-For of somebody who is no trusted proxy is not believed (ATTACKS A11)."""
    use_up(limited.stranger, "/openapi.json")
    for number in range(PER_MINUTE):
        answer = limited.stranger.request("GET", "/openapi.json", headers={"X-Forwarded-For": f"192.0.2.{number}"})
        if answer.status == 429:
            return
    pytest.fail("a header of the client moved it to another limit")


def test_policies_have_a_limit_of_their_own(limited):
    """Servers that fetch an MTA-STS policy do not keep people behind the same address from signing in, nor these them."""
    stranger = limited.stranger

    def policy():
        return stranger.exchange("GET", "/.well-known/mta-sts.txt", None, {}).status

    use_up(stranger, "/openapi.json")
    statuses = [policy() for _ in range(PER_MINUTE * 3)]
    assert statuses[0] == 404 and 429 in statuses


def test_wrong_secrets_are_not_looked_up_without_end(limited):
    """Who guesses is told to wait before the database is asked, for any secret that it would be asked for."""
    for unused in limited.unused:  # as above; one that was looked up is known from then on
        for number in range(PER_MINUTE * 2):
            limited.stranger.request("GET", "/me", headers={"Authorization": f"Bearer hrn_guess{number}"})
        answer = unused.request("GET", "/mailboxes")
        if answer.status == 429:
            break
    assert (answer.status, answer.problem) == (429, "too-many-requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
