# SPDX-License-Identifier: Apache-2.0
"""ATTACKS R-3: the rights of the manual are enough for an outside Redis, so nobody has to give more."""
import pathlib
import re
import smtplib

import pytest

import imap_raw
import outside
from conftest import wait_until
from failing_dns import FailingDns

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "docs/manual.md"


def rights():
    """The words of the manual's ACL SETUSER, without the name."""
    text = re.search(r"ACL SETUSER heronry (.*?)\n\n", MANUAL.read_text(), re.S).group(1)
    return text.replace("\\\n", " ").split()


@pytest.fixture
def redis():
    server = outside.Redis()
    server.cli("ACL", "SETUSER", "heronry", *rights())
    assert "-@all" in server.cli("ACL", "LIST")
    yield server
    server.close()


@pytest.fixture
def dns():
    server = FailingDns()
    yield server
    server.close()


def test_the_rights_of_the_manual_are_enough(redis, dns, heronry_factory):
    server = heronry_factory(settings={"redis.url": f"unix://heronry:secret@{redis.socket}", "workers.front": 2,
                                       "dns.forward": dns.server})
    user = server.user(2)
    with imap_raw.Imap(server, user) as reader:
        reader.must("SELECT INBOX")
        reader.start("IDLE")
        assert reader.line() == b"+ idling"
        with server.smtp("submissions", login=server.user(1)) as smtp:
            smtp.sendmail(server.user(1)["address"], [user["address"], "x@remote.example"],
                          f"From: {server.user(1)['address']}\r\nSubject: x\r\n\r\nx\r\n")
        assert reader.line() == b"* 1 EXISTS"
    with server.smtp("submissions") as smtp, pytest.raises(smtplib.SMTPAuthenticationError):
        smtp.login(user["address"], "not the password")
    wait_until(lambda: redis.cli("KEYS", "auth:*") and redis.cli("ZCARD", "mail:queue:pending") == "1",
               what="counters of failures and the mirror of the queue")
    assert redis.cli("ACL", "LOG") == ""
    assert "NOPERM" not in server.log()


@pytest.mark.parametrize("words", [
    ("CONFIG", "GET", "dir"), ("FLUSHALL",), ("KEYS", "*"), ("EVAL", "return 1", "0"), ("GET", "elsewhere"),
    ("PUBLISH", "elsewhere", "x"), ("ACL", "LIST"), ("SHUTDOWN",),
])
def test_nothing_more_is_given(redis, words):
    done = redis.cli("--user", "heronry", "--pass", "secret", "--no-auth-warning", *words)
    assert "NOPERM" in done, done
