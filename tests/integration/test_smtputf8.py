# SPDX-License-Identifier: Apache-2.0
"""Addresses beyond ASCII (RFC 6530-6533): spellings that mean one mailbox reach one mailbox, mail for the world says
so, and comes back from a server that cannot take it."""
import email
import email.policy
import imaplib
import unicodedata

import pytest
from api_client import Api
from conftest import wait_until
from gateway import ALABEL, IDN, LOCAL, WAIT
from outbound import DOMAIN
from smtp_raw import RawSmtp


def test_names_are_kept_in_one_form(gateway):
    assert gateway.server.psql("SELECT name FROM domain WHERE name LIKE 'xn%'") == ALABEL
    assert gateway.server.psql(f"SELECT addr_lower FROM address WHERE addr_lower LIKE '%{ALABEL}'") == f"{LOCAL}@{ALABEL}"
    again = gateway.server.cli("user", "add", f"JÜRGEN@{ALABEL}", "--password-stdin", stdin="x\n", check=False)
    assert again.returncode != 0


@pytest.mark.parametrize("login", [f"{LOCAL}@{IDN}", f"JÜRGEN@{ALABEL}", unicodedata.normalize("NFD", f"{LOCAL}@{IDN}")])
def test_every_spelling_logs_in(gateway, login):
    gateway.login(login).logout()


@pytest.mark.parametrize("address", [f"{LOCAL}@{IDN}", f"{LOCAL}@{ALABEL}", f"Jürgen+tag@BÜCHER.example",
                                     unicodedata.normalize("NFD", f"{LOCAL}@{IDN}")])
def test_every_spelling_is_delivered(gateway, address):
    with RawSmtp(gateway.server.ports["smtp"]) as raw:
        raw.hello()
        assert raw.ask("MAIL FROM:<例@remote.example> SMTPUTF8")[0] == 250
        assert raw.ask(f"RCPT TO:<{address}>")[0] == 250
        assert raw.ask("DATA")[0] == 354
        code, text = raw.ask(f"From: 例@remote.example\r\nSubject: Grüße\r\n\r\nfor {address!r}\r\n.")
        assert code == 250, text
    message = gateway.inbox(f"for {address!r}".encode())
    assert b"Return-Path: <\xe4\xbe\x8b@remote.example>\r\n" in message
    assert b" with UTF8SMTP id " in message


def test_without_the_parameter_nothing_beyond_ascii_is_taken(gateway):
    with RawSmtp(gateway.server.ports["smtp"]) as raw:
        raw.hello()
        code, text = raw.ask("MAIL FROM:<例@remote.example>")
        assert (code, b"5.6.7" in text) == (553, True)
        assert raw.ask("MAIL FROM:<a@remote.example>")[0] == 250
        code, text = raw.ask(f"RCPT TO:<{LOCAL}@{IDN}>")
        assert (code, b"5.6.7" in text) == (553, True)
        assert raw.ask(f"RCPT TO:<{LOCAL}@{ALABEL}>")[0] == 553
        assert raw.ask("MAIL FROM:<a@remote.example> SMTPUTF8")[0] == 503


@pytest.mark.parametrize("bad", [b"<\xff@remote.example>", b"<a\xc2\x85@remote.example>", b"<a@\xe2\x84\x80.example>"])
def test_what_is_no_text_is_no_address(gateway, bad):
    with RawSmtp(gateway.server.ports["smtp"]) as raw:
        raw.hello()
        assert raw.ask(b"MAIL FROM:" + bad + b" SMTPUTF8\r\n")[0] == 501


def test_an_old_client_sees_an_ascii_header(gateway):
    """IMAP without UTF8=ACCEPT, after a login that has: the same header by two ways (RFC 6855, RFC 6858)."""
    gateway.submit([gateway.user["address"]], subject="Größe")
    gateway.inbox("Größe".encode())
    client = gateway.login()
    client.select("INBOX", readonly=True)
    last = client.search(None, "ALL")[1][0].split()[-1]
    envelope = client.fetch(last, "(ENVELOPE)")[1][0]
    envelope = envelope[0] if isinstance(envelope, tuple) else envelope
    client.logout()
    assert envelope.isascii()


def test_mail_to_the_world_asks_for_smtputf8(gateway):
    gateway.submit([f"例@new.{DOMAIN}"])
    (message,) = wait_until(lambda: gateway.new.of(f"例@new.{DOMAIN}"), WAIT, "the message")
    assert message.sender == f"{LOCAL}@{ALABEL}"
    assert f"From: {LOCAL}@{IDN}".encode() in message.data
    asked = [argument for verb, argument in gateway.new.commands if verb == "MAIL" and LOCAL in argument]
    assert asked and all(a.endswith("SMTPUTF8") for a in asked)


def test_a_domain_beyond_ascii_needs_no_smtputf8(gateway):
    """Only its A-labels go out, and only they are looked up."""
    user = gateway.server.user(2)
    before = len(gateway.new.commands)
    with gateway.server.smtp("submission", login=user) as client:
        text = f"From: {user['address']}\r\nSubject: plain\r\n\r\nText.\r\n".encode()
        client.sendmail(user["address"], [f"ascii@münchen.{DOMAIN}"], text, ["SMTPUTF8"])
    wait_until(lambda: gateway.new.of(f"ascii@xn--mnchen-3ya.{DOMAIN}"), WAIT, "the message")
    asked = [a for verb, a in gateway.new.commands[before:] if verb == "MAIL" and user["address"] in a]
    assert asked and not any("SMTPUTF8" in a for a in asked)


def test_an_older_server_gets_what_it_can_take(gateway):
    """Of two recipients the one in ASCII has the message; the other comes back with 5.6.7."""
    user = gateway.server.user(2)
    with gateway.server.smtp("submission", login=user) as client:
        text = f"From: {user['address']}\r\nSubject: both\r\n\r\nText.\r\n".encode()
        client.sendmail(user["address"], [f"plain@old.{DOMAIN}", f"ünfein@old.{DOMAIN}"], text, ["SMTPUTF8"])
    (message,) = wait_until(lambda: gateway.old.of(f"plain@old.{DOMAIN}"), WAIT, "the message")
    assert message.recipients == [f"plain@old.{DOMAIN}"]

    def report():
        client = gateway.server.imap(user)
        client.select("INBOX", readonly=True)
        numbers = client.search(None, "ALL")[1][0].split()
        raw = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
        client.logout()
        return [r for r in raw if "ünfein".encode() in r]
    text = wait_until(report, WAIT, "a report")[0]
    assert b"message/global-delivery-status" in text
    assert f"Final-Recipient: utf-8; ünfein@old.{DOMAIN}".encode() in text
    assert b"Status: 5.6.7" in text


def test_a_message_that_needs_it_comes_back_from_an_older_server(gateway):
    gateway.submit([f"somebody@old.{DOMAIN}"], subject="needs it")
    text = gateway.inbox(f"Final-Recipient: rfc822; somebody@old.{DOMAIN}".encode())
    report = email.message_from_bytes(text, policy=email.policy.SMTPUTF8)
    assert report.get_content_type() == "multipart/report"
    assert b"Status: 5.6.7" in text
    assert b"Content-Type: message/global-headers" in text
    assert not gateway.old.of(f"somebody@old.{DOMAIN}")


def test_reports_return_a_header_beyond_ascii(gateway):
    """RFC 6533: of a message of SMTPUTF8, though all of its addresses are ASCII; of what was not delivered, and of what was."""
    full, well = gateway.server.new_user(quota=1000), gateway.server.new_user()
    group, sender = "group-" + full["address"], f"ascii@new.{DOMAIN}"
    gateway.server.cli("address", "add", group, full["address"], well["address"], "--group")
    text = "Subject: Größe\r\n\r\n" + "Text.\r\n" * 200
    with gateway.server.smtp("smtp") as client:
        client.sendmail(sender, [group], text.encode(), ["SMTPUTF8"], ["NOTIFY=FAILURE"])
        client.sendmail(sender, [well["address"]], text.encode(), ["SMTPUTF8"], ["NOTIFY=SUCCESS"])
    for action in (b"Action: failed", b"Action: delivered"):
        (report,) = wait_until(lambda: [m for m in gateway.new.of(sender) if action in m.data], WAIT, action.decode())
        assert b"Content-Type: message/global-headers\r\n" in report.data and "Subject: Größe\r\n".encode() in report.data
    assert all(argument.endswith(" SMTPUTF8") for verb, argument in gateway.new.commands if verb == "MAIL" and argument.startswith("FROM:<>"))


def test_the_web_sends_to_them_too(gateway):
    """Composed by the API: the local part stays, the domain becomes A-labels."""
    api = Api.signed_in(gateway.server, gateway.server.user(3))
    draft = api.post("/drafts", {"to": [{"address": f"grüße@münchen.{DOMAIN}"}], "cc": [], "bcc": [], "subject": "web",
                                 "html": "", "text": "Text.", "attachments": []}, status=201).json
    api.post("/submissions", {"draftId": draft["id"], "undoSeconds": 0}, status=201)
    (message,) = wait_until(lambda: gateway.new.of(f"grüße@xn--mnchen-3ya.{DOMAIN}"), WAIT, "the message")
    assert f"To: <grüße@xn--mnchen-3ya.{DOMAIN}>".encode() in message.data


def test_imap_takes_no_address_for_another(gateway):
    client = gateway.server.imap()
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate("PLAIN", lambda c: f"\0jurgen@{ALABEL}\0{gateway.user['password']}".encode())
