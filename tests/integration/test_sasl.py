# SPDX-License-Identifier: Apache-2.0
"""SASL on every protocol: SCRAM-SHA-256 with and without channel binding, its attacks (ATTACKS U6), and
that nobody's name can be told from somebody's (U3, R24)."""
import json

import pytest

from sasl import Door, Scram

PROTOCOLS = ("imap", "pop3", "smtp")
CODES = {"imap": b"AUTHENTICATIONFAILED", "pop3": b"[AUTH]", "smtp": b"535 5.7.8"}
SYNTAX = {"imap": b"a BAD", "pop3": b"-ERR Cannot read", "smtp": b"501 5.5.2"}


@pytest.fixture(scope="module")
def user(heronry):
    return heronry.new_user()


@pytest.fixture(params=PROTOCOLS)
def door(heronry, request):
    with Door(heronry, request.param) as one:
        yield one


def refused(door, result):
    state, line = result
    return state is False and CODES[door.protocol] in line


def test_right_password(door, user):
    assert door.scram(Scram(user["address"], user["password"]))[0] is True


def test_bound_to_the_channel(door, user):
    scram = Scram(user["address"], user["password"], "p=tls-server-end-point", door.end_point())
    assert door.scram(scram, "SCRAM-SHA-256-PLUS")[0] is True


def test_bound_to_another_channel(door, user):
    scram = Scram(user["address"], user["password"], "p=tls-server-end-point", b"\0" * 32)
    assert refused(door, door.scram(scram, "SCRAM-SHA-256-PLUS"))


def test_a_binding_that_this_connection_has_not(door, user):
    scram = Scram(user["address"], user["password"], "p=tls-unique", b"\0" * 12)
    assert SYNTAX[door.protocol] in door.scram(scram, "SCRAM-SHA-256-PLUS")[1]


def test_a_list_without_plus_was_forged(door, user):
    assert refused(door, door.scram(Scram(user["address"], user["password"], "y")))


def test_wrong_password_and_nobody(heronry, user):
    for protocol in PROTOCOLS:
        lines = set()
        for name, password in ((user["address"], "wrong"), (f"nobody@{heronry.domain}", user["password"])):
            with Door(heronry, protocol) as one:
                result = one.scram(Scram(name, password))
                assert refused(one, result)
                lines.add(result[1])
        assert len(lines) == 1


def test_salts_tell_nothing(heronry, user):
    """Stable for everybody and nobody, over connections, workers and protocols, whatever the case of letters."""
    salts = {}
    for name in (user["address"], user["address"].upper(), f"nobody@{heronry.domain}", f"NObody@{heronry.domain}"):
        for protocol in PROTOCOLS:
            with Door(heronry, protocol) as one:
                scram = Scram(name, "x")
                state, data = one.begin("SCRAM-SHA-256", scram.first())
                assert state == "+"
                scram.final(data)
                salts.setdefault(name.lower(), set()).add((scram.salt, scram.iterations))
    assert all(len(found) == 1 for found in salts.values()) and len(salts) == 2
    one, other = (next(iter(found)) for found in salts.values())
    assert one[0] != other[0] and one[1] == other[1] >= 4096


def test_another_nonce(door, user):
    scram = Scram(user["address"], user["password"])
    _, data = door.begin("SCRAM-SHA-256", scram.first())
    assert refused(door, door.go_on(scram.final(data, nonce=scram.nonce)))


def test_a_final_message_of_another_exchange(heronry, user):
    with Door(heronry, "imap") as one:
        first = Scram(user["address"], user["password"])
        _, data = one.begin("SCRAM-SHA-256", first.first())
        replayed = first.final(data)
        assert one.go_on(replayed)[0] == "+"
    with Door(heronry, "imap") as one:
        second = Scram(user["address"], user["password"])
        second.nonce, second.bare = first.nonce, first.bare
        assert one.begin("SCRAM-SHA-256", second.first())[0] == "+"
        assert refused(one, one.go_on(replayed))


def test_somebody_elses_identity(door, user):
    scram = Scram(user["address"], user["password"], authzid="a=other@example.org")
    assert refused(door, door.scram(scram))


def test_messages_that_are_none(door, user):
    assert SYNTAX[door.protocol] in door.begin("SCRAM-SHA-256", b"")[1]
    _, line = door.begin("SCRAM-SHA-256", b"n,,m=x,n=user,r=abc")
    assert SYNTAX[door.protocol] in line


def test_without_an_initial_response_and_cancelled(door, user):
    assert door.begin("SCRAM-SHA-256") == ("+", b"")
    scram = Scram(user["address"], user["password"])
    state, _ = door.go_on(scram.first())
    assert state == "+"
    door.say("*")
    assert door.answer()[0] is False
    assert door.scram(scram)[0] is True


def test_a_new_password_is_good_for_scram_at_once(heronry):
    user = heronry.new_user()
    heronry.cli("user", "password", user["address"], "--password-stdin", stdin="another horse battery\n")
    with Door(heronry, "imap") as one:
        assert refused(one, one.scram(Scram(user["address"], user["password"])))
    with Door(heronry, "pop3") as one:
        assert one.scram(Scram(user["address"], "another horse battery"))[0] is True


def test_an_old_hash_gets_its_verifier_at_the_next_login(heronry):
    user = heronry.new_user()
    heronry.psql("UPDATE account SET password_hash = split_part(password_hash, ' ', 1)"
                 f" WHERE login = '{user['address']}'")
    with Door(heronry, "imap") as one:
        assert refused(one, one.scram(Scram(user["address"], user["password"])))
        assert one.plain(user["address"], user["password"])[0] is True
    with Door(heronry, "smtp") as one:
        assert one.scram(Scram(user["address"], user["password"]))[0] is True


def test_a_token_that_is_none(door, user):
    state, data = door.bearer(user["address"], "hrn_nothing")
    assert state == "+"
    assert json.loads(data)["status"] == "invalid_token"
    assert refused(door, door.go_on(b"\1"))
    state, data = door.begin("XOAUTH2", f"user={user['address']}\1auth=Bearer hrn_nothing\1\1".encode())
    assert state == "+" and json.loads(data)["status"] == "401"
    assert refused(door, door.go_on(b""))
