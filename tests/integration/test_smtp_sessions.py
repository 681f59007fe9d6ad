# SPDX-License-Identifier: Apache-2.0
"""SMTP sessions that are ended from our side: the account changed, the server goes down, the client
is silent in the middle of AUTH."""
import signal
import smtplib
import time

import pytest
from conftest import wait_until
from imap_raw import owner_of


@pytest.fixture(scope="module", autouse=True)
def untold(heronry):
    """Sessions whose accounts change without a hint to anybody: another password, disabled, gone, and the same password
    stored anew. Made before all tests of this file, as 20 seconds go by until they are seen."""
    users = [heronry.new_user() for _ in range(4)]
    clients = [heronry.smtp("submissions", login=user) for user in users]
    changes = ["UPDATE account SET disabled_at = now() WHERE login = '{}'",
               "SELECT account_change('{}', p_password_hash => 'another')",
               "DELETE FROM account WHERE login = '{}'",
               "UPDATE account SET password_hash = 'a better hash' WHERE login = '{}'"]
    for user, sql in zip(users, changes):
        heronry.psql(sql.format(user["address"]))
    return clients


def farewell(client):
    """What the server said before it closed, without being asked."""
    return client.getreply()


def is_over(client):
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.getreply()
    return True


def worker_of(client):
    return owner_of(client.sock.getsockname()[1], client.sock.getpeername()[1])


def on_same_worker(heronry, user, client):
    """Another session of the user, in the same process."""
    for _ in range(100):
        other = heronry.smtp("submissions", login=user)
        if worker_of(other) == worker_of(client):
            return other
        other.close()
    raise AssertionError("no connection came to the same worker")


def test_sessions_of_a_disabled_user_end(heronry):
    """U13: a parked session, and one in a transaction; that of another user goes on."""
    user, other = heronry.new_user(), heronry.new_user()
    parked, busy = heronry.smtp("submissions", login=user), heronry.smtp("submission", login=user)
    bystander = heronry.smtp("submissions", login=other)
    assert busy.mail(user["address"])[0] == 250
    heronry.cli("user", "disable", user["address"])
    for client in (parked, busy):
        assert farewell(client) == (421, b"4.7.0 Your account was changed, log in again")
        assert is_over(client)
    assert bystander.mail(other["address"])[0] == 250
    bystander.quit()


def test_a_message_on_its_way_is_not_taken_from_a_disabled_user(heronry):
    user = heronry.new_user()
    client = heronry.smtp("submissions", login=user)
    witness = on_same_worker(heronry, user, client)
    assert client.mail(user["address"])[0] == 250
    assert client.rcpt(user["address"])[0] == 250
    assert client.docmd("DATA")[0] == 354
    heronry.cli("user", "disable", user["address"])
    assert farewell(witness)[0] == 421  # the hint has come to their worker
    client.send(f"From: {user['address']}\r\n\r\nlate\r\n.\r\n")
    assert farewell(client)[0] == 421
    assert is_over(client)


def test_drain_ends_an_auth_dialogue(heronry_factory):
    server = heronry_factory()
    client = server.smtp("submissions")
    assert client.docmd("AUTH", "LOGIN")[0] == 334
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert farewell(client) == (421, b"4.3.2 Service is ending, try again")
    assert time.monotonic() - began < 60
    wait_until(lambda: server.process.poll() is not None, 60, "the end of the server")


def test_silence_in_an_auth_dialogue(heronry_factory):
    """When there is too much to do, ten seconds are given for a line, also for one of AUTH."""
    server = heronry_factory(settings={"limits.connections": 10, "workers.front": 1})
    held = [server.smtp("submissions") for _ in range(8)]
    try:
        client = server.smtp("submissions")
        client.sock.settimeout(90)
        assert client.docmd("AUTH", "PLAIN")[0] == 334
        assert farewell(client) == (421, b"4.4.2 Timeout, closing the connection")
    finally:
        for smtp in held:
            smtp.close()


def test_changes_nobody_told_of_are_seen_in_time(untold):
    """Without a hint a session looks at its account every 20 seconds."""
    for client in untold[:3]:
        client.sock.settimeout(90)
        assert farewell(client)[0] == 421
    assert untold[3].noop()[0] == 250
