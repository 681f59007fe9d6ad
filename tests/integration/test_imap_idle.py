# SPDX-License-Identifier: Apache-2.0
"""Proof 5: mail that one process delivers reaches IDLE sessions of two others at once; without Redis
within 30 s; and all is well again when Redis returns."""
import os
import re
import signal
import smtplib
import statistics
import time

import pytest

import imap_raw
import outside
from conftest import wait_until


@pytest.fixture(scope="module")
def redis():
    server = outside.Redis()
    yield server
    server.close()


@pytest.fixture
def server(redis, heronry_factory):
    return heronry_factory(settings={"workers.front": 3, "redis.url": redis.url})


def smtp_on_another_worker(server, others):
    """A greeted SMTP connection to a worker process that is none of `others`."""
    for _ in range(100):
        client = server.smtp()
        name = client.sock.getsockname()[1]
        if imap_raw.owner_of(name, server.ports["smtp"]) not in others:
            return client
        client.close()
    raise AssertionError("no third worker took a connection")


def idlers(server, user):
    """IDLE sessions on two different processes, by process id."""
    clients = imap_raw.on_workers(server, user, 2)
    for client in clients.values():
        client.must("SELECT INBOX")
        client.idle_tag = client.start("IDLE")
        assert client.line() == b"+ idling"
    return clients


def deliver(smtp, user, number):
    """Gives the time of the 250."""
    smtp.sendmail("sender@client.example", [user["address"]],
                  f"From: sender@client.example\r\nSubject: number {number}\r\n\r\ntext\r\n")
    return time.monotonic()


def wait_for_exists(client, timeout):
    """The time at which EXISTS came."""
    while not re.fullmatch(rb"\* \d+ EXISTS", client.line(timeout)):
        pass
    return time.monotonic()


def test_mail_reaches_idle_on_two_other_workers(server, redis):
    user = server.user(2)
    clients = idlers(server, user)
    smtp = smtp_on_another_worker(server, clients)
    delays = []
    for number in range(21):
        sent = deliver(smtp, user, number)
        delays += [wait_for_exists(client, 60) - sent for client in clients.values()]
    assert statistics.median(delays) < 10, sorted(delays)  # without hints: a look every 20 s

    redis.kill()
    time.sleep(0.5)
    began = deliver(smtp, user, "without Redis")
    for client in clients.values():
        assert wait_for_exists(client, 90) - began < 80  # 30 are promised, of a machine that is not busy
    redis.start()

    def is_quick():
        sent = deliver(smtp, user, "again")
        return max(wait_for_exists(client, 60) - sent for client in clients.values()) < 5

    wait_until(is_quick, 150, "quick notices after Redis returned")
    for client in clients.values():
        client.send("DONE\r\n")
        assert b" OK " in client.finish(client.idle_tag)[-1]
        client.close()
    smtp.close()


def test_idle_says_good_bye_when_the_server_ends(heronry_factory):
    """R29: a stop ends IDLE sessions with BYE, and the supervisor with 0."""
    server = heronry_factory()
    with imap_raw.Imap(server, server.user(1)) as client, imap_raw.Imap(server) as fresh:
        client.must("SELECT INBOX")
        client.start("IDLE")
        assert client.line() == b"+ idling"
        began = time.monotonic()
        assert server.stop() == 0
        assert client.line().startswith(b"* BYE ")
        assert fresh.line().startswith(b"* BYE ")
        assert time.monotonic() - began < 60


def test_changes_nobody_told_of_end_sessions(heronry):
    """U13 without a hint, as with Redis away: disabled, gone, and another password. Others stay."""
    users = [heronry.new_user() for _ in range(4)]
    clients = [imap_raw.Imap(heronry, user) for user in users]
    for client in clients:
        client.must("SELECT INBOX")
        client.start("IDLE")
        assert client.line() == b"+ idling"
    heronry.psql(f"UPDATE account SET disabled_at = now() WHERE login = '{users[0]['address']}'")
    heronry.psql(f"DELETE FROM account WHERE login = '{users[1]['address']}'")
    heronry.psql("UPDATE account SET password_serial = password_serial + 1"
                 f" WHERE login = '{users[2]['address']}'")
    for client in clients[:2]:
        assert client.line(60).startswith(b"* BYE [AUTHORIZATIONFAILED] ")
    assert clients[2].line(60).startswith(b"* BYE [EXPIRED] ")
    clients[3].send(b"DONE\r\n")
    assert b" OK " in clients[3].line()
    for client in clients:
        client.close()


def test_a_disabled_user_loses_open_sessions(heronry):
    """U13: within 30 s, here at once."""
    user = heronry.new_user()
    with imap_raw.Imap(heronry, user) as idle, imap_raw.Imap(heronry, user) as other:
        idle.must("SELECT INBOX")
        idle.start("IDLE")
        assert idle.line() == b"+ idling"
        heronry.cli("user", "disable", user["address"])
        assert idle.line(60).startswith(b"* BYE ")
        other.start("NOOP")  # its process may hear of it a moment later
        assert lines_until_end(other)[-1].startswith(b"* BYE ")
    with pytest.raises((AssertionError, EOFError, smtplib.SMTPException)):
        imap_raw.Imap(heronry, user)


def test_a_changed_password_ends_open_sessions(heronry):
    """At once after the hint, idle or not; a session that logs in afterwards stays."""
    user = heronry.new_user()
    with imap_raw.Imap(heronry, user) as idle, imap_raw.Imap(heronry, user) as other:
        idle.must("SELECT INBOX")
        idle.start("IDLE")
        assert idle.line() == b"+ idling"
        account = heronry.psql("UPDATE account SET password_serial = password_serial + 1"
                               f" WHERE login = '{user['address']}' RETURNING account_id")
        heronry.redis("PUBLISH", "mail:notify:account", account)
        for client in (idle, other):
            assert client.line(60).startswith(b"* BYE [EXPIRED] The password was changed")
    with imap_raw.Imap(heronry, user) as fresh:
        fresh.must("NOOP")


def on_same_worker(heronry, user, client):
    """Another session of the user, in the same process."""
    for _ in range(100):
        other = imap_raw.Imap(heronry, user)
        if other.worker() == client.worker():
            return other
        other.close()
    raise AssertionError("no connection came to the same worker")


def test_a_disabled_user_loses_commands_that_run(heronry):
    """What was asked for before is not read on by somebody slow, and what was sent in part before is not done."""
    user = heronry.new_user(quota="1G")
    with imap_raw.Imap(heronry, user) as slow, imap_raw.Imap(heronry, user) as half, on_same_worker(heronry, user, half) as idle:
        slow.append("INBOX", b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 3000)
        slow.must("SELECT INBOX")
        for _ in range(5):
            slow.must("NOOP")
            slow.must("COPY 1:* INBOX")
        slow.must("NOOP")
        fetch = slow.start("FETCH 1:* BODY.PEEK[]")
        half.send(b"h APPEND INBOX {40+}\r\nSubject: half\r\n")
        idle.start("IDLE")
        assert idle.line() == b"+ idling"
        heronry.cli("user", "disable", user["address"])
        assert idle.line(60).startswith(b"* BYE ")  # and so their process knows it
        half.send(b"\r\n" + b"y" * 23 + b"\r\n\r\n")
        assert half.line(60).startswith(b"* BYE [AUTHORIZATIONFAILED] ")
        wait_until(lambda: ended(heronry, user, "account_disabled") == 3, 60, "the end of the sessions")
        with pytest.raises((EOFError, OSError)):
            slow.finish(fetch)
    count = f"SELECT count(*) FROM message JOIN account USING (account_id) WHERE login = '{user['address']}'"
    assert heronry.psql(count) == "1"


def ended(heronry, user, reason):
    """How many sessions of the user ended for this reason."""
    line = rf"imap_session_end .*\blogin={re.escape(user['address'])}\b.*\bend={reason}\b"
    return len(re.findall(line, heronry.log()))


def test_a_drained_frontend_loses_nothing(heronry_factory):
    """A worker that is told to end says BYE to each session, in IDLE, between commands and behind a
    command that runs; its clients find everything on another one."""
    server = heronry_factory()
    user = server.user(1)
    workers = imap_raw.on_workers(server, user, 2)
    (pid, idle), (_, stays) = workers.items()
    same = []
    while len(same) < 2:
        client = imap_raw.Imap(server, user)
        if client.worker() == pid:
            same.append(client)
        else:
            client.close()
    busy, between = same
    idle.append("INBOX", "Subject: before\r\n\r\n", "(\\Flagged) ")
    for client in (idle, stays, busy, between):
        client.must("SELECT INBOX")
    between.must("STORE 1 +FLAGS (\\Answered)")
    between.must("COPY 1 Archive")
    idle.start("IDLE")
    while idle.line() != b"+ idling":
        pass
    tags = [busy.start(f"UID STORE 1 +FLAGS (k{number})") for number in range(30)]
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    told = {client: lines_until_end(client) for client in (idle, between, busy)}
    assert time.monotonic() - began < 60
    for client, lines in told.items():
        assert lines[-1].startswith(b"* BYE [UNAVAILABLE] "), (client, lines)
    done = [tag for tag in tags if any(line.startswith(tag + b" OK ") for line in told[busy])]
    with imap_raw.Imap(server, user) as again:
        assert again.worker() != pid
        flags = b"".join(again.must("SELECT INBOX") + again.must("FETCH 1 FLAGS"))
        assert b"\\Flagged" in flags and b"\\Answered" in flags
        assert all(b"k%d" % number in flags for number in range(len(done)))
        assert b"1 EXISTS" in b"".join(again.must("SELECT Archive"))
    stays.must("NOOP")


def lines_until_end(client):
    """What a server that goes still says."""
    lines = []
    try:
        while True:
            lines.append(client.line(60))
    except (EOFError, OSError):
        return lines


def test_notify_reaches_another_frontend(server, redis):
    """NOTIFY without IDLE, told by another worker, with Redis and without. How soon is tested with IDLE."""
    user = server.user(3)
    (_, watcher), (_, actor) = imap_raw.on_workers(server, user, 2).items()
    watcher.must("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
    actor.must("CREATE quick")
    assert b'"/" quick' in watcher.line(60)
    actor.append("quick", "Subject: x\r\n\r\n")
    assert watcher.line(60).startswith(b"* STATUS quick")
    redis.kill()
    time.sleep(0.5)
    actor.must("CREATE slow")
    assert b'"/" slow' in watcher.line(60)
    redis.start()
    watcher.close()
    actor.close()
