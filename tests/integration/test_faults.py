# SPDX-License-Identifier: Apache-2.0
"""PROMISES R6 and R7: without PostgreSQL every protocol says "try later" quickly and nothing else;
without Redis, or with one that misbehaves, nothing is lost and mail goes on."""
import base64
import contextlib
import imaplib
import smtplib
import socket
import ssl
import time
import uuid

import pytest

import imap_client
import imap_raw
import ledger as books
import outside
from conftest import SOON_S, Instance


@pytest.fixture(scope="module")
def parts():
    postgres, redis = outside.Postgres(), outside.Redis()
    yield postgres, redis
    postgres.close()
    redis.close()


@pytest.fixture(scope="module")
def server(parts):
    postgres, redis = parts
    instance = Instance(settings={"database.url": postgres.url, "redis.url": redis.url, "auth.cache": "0s"})
    try:
        yield instance.up()
    finally:
        instance.remove()


def send(server, subject="hello", timeout=60):
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=timeout) as smtp:
        smtp.ehlo("client.example")
        smtp.sendmail("sender@client.example", [server.users[1]["address"]],
                      f"From: sender@client.example\r\nSubject: {subject}\r\n\r\ntext\r\n")


def subjects(server):
    user = server.users[1]
    imap = imap_client.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=books.relaxed_tls(), timeout=60)
    with contextlib.closing(imap):
        imap.login(user["address"], user["password"])
        imap.select("INBOX")
        _, data = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return [part[1].decode().strip() for part in data if isinstance(part, tuple)]


def eventually(what, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            return what()
        except (OSError, smtplib.SMTPException, imaplib.IMAP4.error, AssertionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def smtp_answer_without_database(server):
    """The first reply that is not a success, and how long it took."""
    began = time.monotonic()
    with smtplib.SMTP(timeout=30) as smtp:
        code, text = smtp.connect("127.0.0.1", server.ports["smtp"])
        if code == 220:
            smtp.ehlo("client.example")
            began = time.monotonic()
            code, text = smtp.mail("sender@client.example")
            if code == 250:
                # An address that no cache knows: a tag of its own.
                local, domain = server.users[1]["address"].split("@")
                code, text = smtp.rcpt(f"{local}+{uuid.uuid4().hex}@{domain}")
        return code, text, time.monotonic() - began


def imap_answer_without_database(server):
    began = time.monotonic()
    raw = ssl.create_default_context()
    raw.check_hostname, raw.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.ports["imaps"]), timeout=30) as plain, \
            raw.wrap_socket(plain) as tls:
        greeting = tls.recv(4096)
        if greeting.startswith(b"* BYE"):
            return greeting, time.monotonic() - began
        user = server.users[1]
        began = time.monotonic()
        tls.sendall(f"a LOGIN {user['address']} {user['password']}\r\n".encode())
        return tls.recv(4096), time.monotonic() - began


def submission_answer_without_database(server):
    with smtplib.SMTP_SSL("127.0.0.1", server.ports["submissions"], context=books.relaxed_tls(), timeout=30) as smtp:
        smtp.ehlo("client.example")
        user = server.users[0]
        plain = base64.b64encode(f"\0{user['address']}\0{user['password']}".encode()).decode()
        began = time.monotonic()
        # Not smtp.login: it would try each mechanism in turn.
        code, text = smtp.docmd("AUTH", f"PLAIN {plain}")
        return code, text, time.monotonic() - began


@pytest.mark.parametrize("away", ["stopped", "frozen"])
def test_without_database_everybody_says_try_later(server, parts, away):
    postgres, _ = parts
    eventually(lambda: send(server, "before"))
    with server.impatience():
        (postgres.stop if away == "stopped" else postgres.freeze)()
        try:
            time.sleep(0.2)
            code, text, seconds = smtp_answer_without_database(server)
            assert (code, text[:5]) in ((421, b"4.3.2"), (451, b"4.3.0"), (421, b"4.3.0")), (code, text)
            assert seconds < SOON_S
            code, text, seconds = submission_answer_without_database(server)
            assert code in (421, 451, 454), (code, text)
            assert seconds < SOON_S
            answer, seconds = imap_answer_without_database(server)
            assert b"UNAVAILABLE" in answer, answer
            assert seconds < SOON_S
        finally:
            (postgres.start if away == "stopped" else postgres.thaw)()
    imap_raw.both_workers_write(server, server.users[1])
    eventually(lambda: send(server, f"after {away}"))
    assert f"Subject: after {away}" in eventually(lambda: subjects(server))


def test_database_that_freezes_before_the_final_dot(server, parts):
    """R6: the answer comes in time also when the recipient was taken already. What was not answered 250
    may be there or not; sent again it is there."""
    postgres, _ = parts
    eventually(lambda: send(server, "warm"))
    marks = [uuid.uuid4().hex for _ in range(3)]
    waiting = []
    for mark in marks:
        smtp = smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=60)
        smtp.ehlo("client.example")
        smtp.mail("sender@client.example")
        assert smtp.rcpt(server.users[1]["address"])[0] == 250
        assert smtp.docmd("DATA")[0] == 354
        smtp.send(f"Subject: {mark}\r\n\r\nx\r\n")
        waiting.append(smtp)
    with server.impatience():
        postgres.freeze()
        try:
            for smtp in waiting:
                began = time.monotonic()
                smtp.send(".\r\n")
                code, text = smtp.getreply()
                assert (code, text[:5]) == (451, b"4.3.0"), (code, text)
                assert time.monotonic() - began < SOON_S
                smtp.close()
        finally:
            postgres.thaw()
    imap_raw.both_workers_write(server, server.users[1])
    for mark in marks:
        eventually(lambda mark=mark: send(server, mark))
    found = eventually(lambda: subjects(server))
    assert all(f"Subject: {mark}" in found for mark in marks)


def redis_troubles(redis):
    return {
        "killed": (redis.kill, redis.start),
        "frozen": (redis.freeze, redis.thaw),
        "flushed": (lambda: redis.cli("FLUSHALL"), lambda: None),
        "read-only": (lambda: redis.cli("CONFIG", "SET", "min-replicas-to-write", "1"),
                      lambda: redis.cli("CONFIG", "SET", "min-replicas-to-write", "0")),
        "full": (lambda: redis.cli("CONFIG", "SET", "maxmemory", "1"),
                 lambda: redis.cli("CONFIG", "SET", "maxmemory", "0")),
        "wrong answers": (lambda: redis.cli("CONFIG", "SET", "requirepass", "secret"),
                          lambda: redis.cli("-a", "secret", "CONFIG", "SET", "requirepass", "")),
    }


@pytest.mark.parametrize("trouble", ["killed", "frozen", "flushed", "read-only", "full", "wrong answers"])
def test_trouble_with_redis_loses_nothing(server, parts, trouble):
    _, redis = parts
    begin, end = redis_troubles(redis)[trouble]
    with server.impatience("redis"):
        begin()
        try:
            for number in range(5):
                began = time.monotonic()
                send(server, f"{trouble} {number}")
                assert time.monotonic() - began < 2 * SOON_S
            seen = subjects(server)
        finally:
            end()
    assert [s for s in seen if s.startswith(f"Subject: {trouble} ")] == [f"Subject: {trouble} {n}" for n in range(5)]
    eventually(lambda: send(server, f"{trouble}, over"))
