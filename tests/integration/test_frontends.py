# SPDX-License-Identifier: Apache-2.0
"""Two frontends, each with its own supervisor, configuration and data folder, on one PostgreSQL and one
Redis: what a client does at one of them the clients of the other see, and one of them is enough."""
import contextlib
import imaplib
import poplib
import smtplib

import pytest

import imap_raw
import outside
from api_client import Api
from conftest import wait_until
from test_connection_limits import Visitors

PER_IP = 10     # connections of one address


@pytest.fixture(scope="module")
def pair():
    with outside.cluster(2, {"HERONRY_FAILPOINT": "auth-grants-stay:error"}, **{"limits.smtp_per_ip": PER_IP}) as instances:
        yield instances


@pytest.fixture
def user(pair):
    return pair[0].new_user()


def test_each_makes_accounts_for_both(pair):
    for here, there in (pair, pair[::-1]):
        made = here.new_user()
        there.imap(made).logout()
        there.deliver(made, "hello")
        with imap_raw.Imap(here, made) as client:
            assert b"* 1 EXISTS" in client.must("SELECT INBOX")


def test_mail_that_came_to_one_is_told_by_the_other(pair, user):
    first, second = pair
    with imap_raw.Imap(second, user) as client:
        client.must("SELECT INBOX")
        tag = client.start("IDLE")
        assert client.line() == b"+ idling"
        first.deliver(user, "one")
        while client.line() != b"* 1 EXISTS":
            pass
        client.send(b"DONE\r\n")
        client.finish(tag)


def test_a_mailbox_is_the_same_everywhere(pair, user):
    """UIDs, flags and MODSEQ, changed at both by turns."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(imap_raw.Imap(one, user)) for one in pair]
        for client in clients:
            client.must("ENABLE CONDSTORE")
            client.must("SELECT INBOX")
        for number in range(6):
            clients[number % 2].append("INBOX", f"Subject: {number}\r\n\r\n")
            clients[number % 2].must("NOOP")
            clients[number % 2].must(f"STORE {number + 1} +FLAGS (k{number})")
        seen = []
        for client in clients:
            client.must("NOOP")
            seen.append(sorted(line for line in client.must("FETCH 1:* (UID FLAGS MODSEQ)") if line.startswith(b"* ")))
        assert seen[0] == seen[1] and len(seen[0]) == 6


def test_one_maildrop_has_one_session(pair, user):
    pair[0].deliver(user, "kept")
    one = pair[0].pop3(user)
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        pair[1].pop3(user)
    ids = one.uidl()[1]
    one.quit()
    other = pair[1].pop3(user)
    assert other.uidl()[1] == ids
    other.quit()


def test_a_session_is_good_at_both_and_ends_at_both(pair, user):
    """Not only when what is remembered of it would be asked for anew, which takes ten minutes here."""
    first = Api.signed_in(pair[0], user)
    second = Api(pair[1])
    second.cookie = first.cookie
    assert second.get("/me").json["address"] == user["address"]
    first.delete("/session", status=204)
    second.ended("/me")


def test_a_changed_password_counts_at_both_at_once(pair, user):
    pair[1].imap(user).logout()  # it is remembered there
    changed = dict(user, password="quite another passphrase 9")
    Api.signed_in(pair[0], user).post("/me/password", {"currentPassword": user["password"], "newPassword": changed["password"]}, status=204)

    def refused():
        with contextlib.suppress(imaplib.IMAP4.error):
            pair[1].imap(user).logout()
            return False
        return True
    wait_until(refused, what="the former password is refused by the other frontend")
    pair[1].imap(changed).logout()


def is_welcome(server, address):
    with Visitors(server.ports["smtp"]) as probe:
        return probe.come(address).startswith(b"220 ")


@pytest.mark.parametrize("addresses", [["127.0.51.1"] * PER_IP, [f"127.0.52.{n}" for n in range(1, 3 * PER_IP + 1)]],
                         ids=["address", "network"])
def test_connections_are_counted_over_both(pair, addresses):
    """Of one address, and of one network: half of them here and half there leave no room at either."""
    with contextlib.ExitStack() as stack:
        visitors = [stack.enter_context(Visitors(one.ports["smtp"])) for one in pair]
        for number, address in enumerate(addresses):
            assert visitors[number % 2].come(address).startswith(b"220 ")
        last = addresses[0].rsplit(".", 1)[0] + (".1" if len(set(addresses)) == 1 else ".99")
        for one in pair:
            wait_until(lambda o=one: not is_welcome(o, last), what="the count of both")
            assert is_welcome(one, "127.0.53.1")
        visitors[1].leave()
        for one in pair:
            wait_until(lambda o=one: is_welcome(o, last), what="room at both")


def test_one_is_enough(pair, user):
    """What one took before it died is there at the other; a client finds everything again."""
    first, second = pair
    for number in range(20):
        first.deliver(user, number)
    first.stop()
    try:
        with imap_raw.Imap(second, user) as client:
            assert b"* 20 EXISTS" in client.must("SELECT INBOX")
        with pytest.raises((OSError, smtplib.SMTPException)):
            first.smtp()
        second.deliver(user, "one more")
    finally:
        first.start()
        first.write_facts()
    with imap_raw.Imap(first, user) as client:
        assert b"* 21 EXISTS" in client.must("SELECT INBOX")
