# SPDX-License-Identifier: Apache-2.0
"""Programs that are asked over HTTP about mail before it is taken: what they are told, what they may decide, and what
becomes of mail without them."""
import base64

import pytest
from conftest import wait_until
from gateway import WAIT
from smtp_raw import RawSmtp, fetch_all
from test_milters import send, submit


@pytest.fixture
def user(gateway):
    return gateway.server.new_user()


def test_a_hook_is_told_everything(gateway, user):
    assert send(gateway, user, "hook shown", b"x" * 300 + b"\r\n")[0] == 250
    (asked,) = gateway.hook.of("hook shown")
    context, message = asked["context"], asked["message"]
    assert (context["stage"], context["mail"], context["server"]) == ("data", "inbound", gateway.server.hostname)
    assert context["client"] == {"ip": "127.0.0.1", "helo": "client.example"} and "sasl" not in context
    assert asked["envelope"] == {"from": {"address": "sender@remote.example"}, "to": [{"address": user["address"]}]}
    shown = base64.b64decode(message["contents"])
    assert shown.startswith(b"Subject: hook shown\r\n") and len(shown) == 256 and message["isTruncated"]
    assert message["size"] == len(b"Subject: hook shown\r\n\r\n") + 302


def test_a_hook_is_told_of_a_long_header(gateway, user):
    """Its request is built beside the loop."""
    header = b"X-Long: " + b"y" * 900 + b"\r\n"
    assert send(gateway, user, "hook long", header=100 * header)[0] == 250
    (asked,) = gateway.hook.of("hook long")
    assert asked["message"]["headers"][1:] == 100 * [["X-Long", "y" * 900]] and asked["message"]["isTruncated"]


def test_a_hook_is_told_who_submits(gateway, user):
    assert submit(gateway, user, "hook out")[0] == 250
    (asked,) = gateway.hook.of("hook out")
    assert asked["context"]["mail"] == "submission"
    assert asked["context"]["sasl"] == {"login": user["address"], "method": "PLAIN"}


@pytest.mark.parametrize("name, answer, reply", [
    ("hook no", {"action": "reject", "response": {"status": 554, "message": "Not this"}}, b"550 5.7.1 Not this\r\n"),
    ("hook later", {"action": "reject", "response": {"status": 451, "message": "Busy"}}, b"451 4.7.1 Busy\r\n"),
    ("hook wordless", {"action": "reject"}, b"550 5.7.1 The message was refused by a filter\r\n"),
    ("hook broken", b"<html>", b"451 4.7.1 A filter does not answer, try again later\r\n"),
    ("hook unknown", {"action": "accept", "modifications": [{"type": "replaceContents", "value": "x"}]},
     b"451 4.7.1 A filter does not answer, try again later\r\n"),
])
def test_verdicts(gateway, user, name, answer, reply):
    gateway.hook.rules[name] = answer
    assert send(gateway, user, name)[1] == reply
    assert submit(gateway, user, name)[0] == int(reply[:3])
    assert fetch_all(gateway.server, user) == []


def test_recipients_are_refused_alone(gateway):
    gateway.hook.rules["hookgone"] = {"action": "reject", "response": {"status": 550, "message": "Has left"}}
    gone = gateway.server.add_user("hookgone")
    other = gateway.server.new_user()
    with RawSmtp(gateway.server.ports["smtp"]) as smtp:
        smtp.hello()
        for command in ("MAIL FROM:<sender@remote.example>", f"RCPT TO:<{other['address']}>"):
            assert smtp.ask(command)[0] == 250
        assert smtp.ask(f"RCPT TO:<{gone['address']}>")[1] == b"550 5.7.1 Has left\r\n"
    asked = gateway.hook.seen[-1]
    assert asked["context"]["stage"] == "rcpt" and "message" not in asked
    assert [r["address"] for r in asked["envelope"]["to"]] == [other["address"], gone["address"]]


@pytest.mark.parametrize("action", ["discard", "quarantine"])
def test_a_recipient_is_accepted_or_rejected_and_nothing_else(gateway, action):
    gateway.hook.rules["hook" + action] = {"action": action}
    user = gateway.server.add_user("hook" + action)
    with RawSmtp(gateway.server.ports["smtp"]) as smtp:
        smtp.hello()
        assert smtp.ask("MAIL FROM:<sender@remote.example>")[0] == 250
        assert smtp.ask(f"RCPT TO:<{user['address']}>")[1] == b"451 4.7.1 A filter does not answer, try again later\r\n"


def test_a_hook_is_asked_only_about_recipients_that_are_taken(gateway, user):
    with RawSmtp(gateway.server.ports["smtp"]) as smtp:
        smtp.hello()
        before = len(gateway.hook.seen)
        assert smtp.ask("MAIL FROM:<sender@remote.example>")[0] == 250
        said = [smtp.ask(f"RCPT TO:<{to}>")[0] for to in ("far@new.out.test", f"nobody-{user['address']}", user["address"], user["address"])]
        assert said == [550, 550, 250, 250]
    assert [[r["address"] for r in asked["envelope"]["to"]] for asked in gateway.hook.seen[before:]] == [[user["address"]]]


def test_modifications(gateway, user):
    """Fields of the header, recipients that go and come, and the Junk; who is not ours gets nothing from outside."""
    friend, third = gateway.server.new_user(), gateway.server.new_user()
    gateway.hook.rules["hook change"] = {"action": "quarantine", "modifications": [
        {"type": "addHeader", "name": "X-Added", "value": "one\r\nBcc: two"},
        {"type": "changeHeader", "name": "Subject", "value": "changed"},
        {"type": "deleteHeader", "name": "X-Gone"},
        {"type": "deleteRecipient", "value": user["address"]},
        {"type": "addRecipient", "value": third["address"]},
        {"type": "addRecipient", "value": "far@new.out.test"}]}
    assert send(gateway, user, "hook change", header=b"X-Gone: 1\r\n")[0] == 250
    assert (fetch_all(gateway.server, user), fetch_all(gateway.server, user, "Junk")) == ([], [])
    (message,) = fetch_all(gateway.server, third, "Junk")
    assert message.endswith(b"Subject: changed\r\nX-Added: one\r\n\tBcc: two\r\n\r\nText.\r\n") and b"X-Gone" not in message
    # what has left the queue is in the sink by then
    assert "far@new.out.test" not in [row["recipient"] for row in gateway.server.json("queue", "list")["items"]]
    assert ["far@new.out.test"] not in [m.recipients for m in gateway.new.messages]
    gateway.hook.rules["hook send"] = {"action": "accept", "modifications": [
        {"type": "deleteRecipient", "value": "bob@new.out.test"}, {"type": "addRecipient", "value": "amy@new.out.test"}]}
    assert submit(gateway, user, "hook send", to=friend)[0] == 250
    assert len(fetch_all(gateway.server, friend)) == 1
    (sent,) = wait_until(lambda: [m for m in gateway.new.messages if b"Subject: hook send\r\n" in m.data], WAIT, "it")
    assert sent.recipients == ["amy@new.out.test"]


def test_all_recipients_gone_is_a_discard(gateway, user):
    gateway.hook.rules["hook nobody"] = {"action": "accept",
                                         "modifications": [{"type": "deleteRecipient", "value": user["address"]}]}
    mark = len(gateway.server.log())
    assert send(gateway, user, "hook nobody")[0] == 250
    assert fetch_all(gateway.server, user) == []
    gateway.hook.rules["hook none out"] = {"action": "accept",
                                           "modifications": [{"type": "deleteRecipient", "value": "bob@new.out.test"}]}
    assert submit(gateway, user, "hook none out")[0] == 250
    lines = [line for line in gateway.server.log()[mark:].splitlines() if "milter_verdict" in line]
    assert len(lines) == 2 and all("verdict=discard" in line and "no recipient is left" in line for line in lines)


def test_a_hook_that_is_away_is_passed_over(gateway, user):
    """The last one of the gateway, with on_error: accept, is never there."""
    mark = len(gateway.server.log())
    assert send(gateway, user, "hook away")[0] == 250
    (asked,) = gateway.hook.of("hook away")
    failed = [line for line in gateway.server.log()[mark:].splitlines() if "hook_failed" in line]
    assert len(failed) == 1 and asked["context"]["transaction"] in failed[0]
    assert f"http://127.0.0.1:{gateway.dead_port}/away" in failed[0] and "token" not in failed[0]
