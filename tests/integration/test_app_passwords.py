# SPDX-License-Identifier: Apache-2.0
"""App passwords and tokens at the doors of IMAP, POP3 and submission: each opens what it is good for, and
when it is ended or expires, the sessions that it opened end too (U13). Other sessions stay."""
import json

import pytest

from sasl import Door, Scram

PROTOCOLS = ("imap", "pop3", "smtp")
# How a session learns that it may not go on; POP3 has no word for that.
FAREWELL = {"imap": b"* BYE [EXPIRED] ", "pop3": b"", "smtp": b"421 4.7.0 "}


def make(api, *protocols, **more):
    body = {"label": "Phone", "protocols": list(protocols or PROTOCOLS)} | more
    return api.post("/app-passwords", body, status=201).json


def may(heronry, protocol, user, password):
    """Whether it opens the door, by PLAIN and by SCRAM alike."""
    with Door(heronry, protocol) as door:
        said = door.scram(Scram(user["address"], password))[0]
        door.say({"imap": "b LOGOUT", "pop3": "QUIT", "smtp": "QUIT"}[protocol])
        assert door.file.read()  # a maildrop is free for the next one when the server has closed
    with Door(heronry, protocol) as door:
        assert door.plain(user["address"], password)[0] is said
        return said


@pytest.mark.parametrize("good", PROTOCOLS)
def test_opens_only_what_it_is_good_for(heronry, user, api, good):
    secret = make(api, good)["password"]
    assert [may(heronry, protocol, user, secret) for protocol in PROTOCOLS] == [protocol == good for protocol in PROTOCOLS]
    used = api.get("/app-passwords").json["items"][0]
    assert used["lastUsedAt"] and used["lastUsedIp"] in ("127.0.0.1", "::1")


def test_written_as_people_write_it(heronry, user, api):
    secret = make(api, "imap")["password"]
    with Door(heronry, "imap") as door:
        assert door.plain(user["address"], secret.replace("-", ""))[0] is True


def test_is_refused_from_other_networks(heronry, user, api):
    there, here = (make(api, networks=networks)["password"] for networks in (["192.0.2.0/24"], ["127.0.0.0/8", "::1/128"]))
    assert not may(heronry, "imap", user, there)
    assert may(heronry, "imap", user, here)


def test_is_refused_of_another_user(heronry, api):
    assert not may(heronry, "imap", heronry.new_user(), make(api)["password"])


def is_ended(door):
    """True when the server ends the session soon, with its word for that."""
    door.sock.settimeout(60)
    line = door.line()
    assert line.startswith(FAREWELL[door.protocol])
    return door.protocol == "pop3" or door.file.read(1) == b""


def still_goes(door):
    door.say({"imap": "b NOOP", "pop3": "NOOP", "smtp": "NOOP"}[door.protocol])
    return door.line().startswith((b"b OK", b"+OK", b"250"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_revoked_one_ends_its_sessions_and_no_others(heronry, user, api, protocol):
    first, second = make(api), make(api)
    other = heronry.new_user() if protocol == "pop3" else user  # a maildrop has one session
    stays = other["password"] if protocol == "pop3" else second["password"]
    with Door(heronry, protocol) as gone, Door(heronry, protocol) as kept:
        assert gone.plain(user["address"], first["password"])[0] is True
        assert kept.plain(other["address"], stays)[0] is True
        api.delete(f"/app-passwords/{first['appPassword']['id']}", status=204)
        assert is_ended(gone)
        assert still_goes(kept)
    assert not may(heronry, protocol, user, first["password"])


def test_the_hint_may_get_lost(heronry, user, api):
    """Ended in the database alone, as when Redis is away: IMAP finds out within 30 s."""
    made = make(api)
    with Door(heronry, "imap") as door:
        assert door.plain(user["address"], made["password"])[0] is True
        heronry.psql(f"UPDATE app_password SET expires_at = now() WHERE app_password_id = {made['appPassword']['id']}")
        door.sock.settimeout(60)
        assert door.line().startswith(FAREWELL["imap"])


def test_a_new_password_of_the_account_leaves_them(heronry, user, api):
    made = make(api)
    with Door(heronry, "imap") as by_app, Door(heronry, "imap") as by_password:
        assert by_app.plain(user["address"], made["password"])[0] is True
        assert by_password.plain(user["address"], user["password"])[0] is True
        heronry.cli("user", "password", user["address"], "--password-stdin", stdin="another horse battery\n")
        assert is_ended(by_password)
        assert still_goes(by_app)
    assert may(heronry, "imap", user, made["password"])


# ---- tokens ----

SCOPES = {"imap": ("mail:read", "mail:write"), "pop3": ("mail:read", "mail:write"), "smtp": ("mail:send",)}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_token_opens_the_door_until_it_is_ended(heronry, user, api, protocol):
    token = api.post("/tokens", {"name": "t", "scopes": list(SCOPES[protocol])}, status=201).json
    with Door(heronry, protocol) as door:
        assert door.bearer(user["address"], token["secret"])[0] is True
        api.delete(f"/tokens/{token['token']['id']}", status=204)
        assert is_ended(door)
    with Door(heronry, protocol) as door:
        assert json.loads(door.bearer(user["address"], token["secret"])[1])["status"] == "invalid_token"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_token_without_the_scope(heronry, user, api, protocol):
    weak = api.with_token("account:read", "mail:read", *([] if protocol == "smtp" else ["mail:send"]))
    with Door(heronry, protocol) as door:
        state, data = door.bearer(user["address"], weak.token)
        assert state == "+" and json.loads(data)["scope"] == " ".join(SCOPES[protocol])
