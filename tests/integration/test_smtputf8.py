# SPDX-License-Identifier: Apache-2.0
"""Addresses beyond ASCII (RFC 6530-6533): spellings that mean one mailbox reach one mailbox, mail for the world says
so, and comes back from a server that cannot take it."""
import base64
import email
import email.policy
import imaplib
import unicodedata

import pytest
from api_client import Api
from conftest import Instance, free_ports, wait_until
from outbound import DOMAIN, Sink, Zone
from smtp_raw import RawSmtp

LOCAL, IDN, ALABEL = "jürgen", "bücher.example", "xn--bcher-kva.example"
WAIT = 20


class World:
    """A server with a domain and a user beyond ASCII, and two sinks: of SMTPUTF8, and of an older server."""

    def __init__(self, factory):
        (self.port,) = free_ports(1)
        self.zone = Zone(["new MX 10 mx1", "mx1 A 127.0.0.1", "old MX 10 mx2", "mx2 A 127.0.0.2",
                          "xn--mnchen-3ya MX 10 mx1"])
        self.new = Sink(self.port, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 30000000"))
        self.old = Sink(self.port, address="127.0.0.2", extensions=("8BITMIME", "SIZE 30000000"))
        self.server = factory(settings={
            "delivery.port": self.port, "dns.stub_zone": DOMAIN, "dns.stub_server": self.zone.server,
            "delivery.time_divisor": 1000})
        self.server.cli("domain", "add", IDN)
        self.user = {"address": f"{LOCAL}@{IDN}", "password": "a good pässword 1", "admin": False}
        self.server.cli("user", "add", self.user["address"], "--password-stdin", stdin=self.user["password"] + "\n")

    def login(self, address=None):
        client = self.server.imap()
        plain = f"\0{address or self.user['address']}\0{self.user['password']}".encode()
        client.authenticate("PLAIN", lambda challenge: plain)
        return client

    def inbox(self, wanted):
        """The first message of INBOX with this text."""
        def look():
            client = self.login()
            client.select("INBOX", readonly=True)
            numbers = client.search(None, "ALL")[1][0].split()
            raw = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
            client.logout()
            return [r for r in raw if wanted in r]
        return wait_until(look, WAIT, f"a message with {wanted}")[0]

    def submit(self, recipients, subject="utf8", sender=None):
        """By submission, as a client of SMTPUTF8 does it: the addresses stand in the header, too."""
        sender = sender or self.user["address"]
        text = f"From: {sender}\r\nTo: {', '.join(recipients)}\r\nSubject: {subject}\r\n\r\nText.\r\n".encode()
        plain = base64.b64encode(f"\0{self.user['address']}\0{self.user['password']}".encode()).decode()
        with self.server.smtp("submission") as client:
            client.starttls(context=self.server.tls())
            client.ehlo("client.example")
            assert client.docmd("AUTH", f"PLAIN {plain}")[0] == 235
            client.sendmail(sender, recipients, text, ["SMTPUTF8", "BODY=8BITMIME"])

    def close(self):
        self.new.close()
        self.old.close()
        self.zone.close()


@pytest.fixture(scope="module")
def world():
    made = []

    def start(**options):
        made.append(Instance(**options))
        return made[0].up()

    w = World(start)
    yield w
    w.close()
    made[0].remove()


def test_names_are_kept_in_one_form(world):
    assert world.server.psql("SELECT name FROM domain WHERE name LIKE 'xn%'") == ALABEL
    assert world.server.psql(f"SELECT addr_lower FROM address WHERE addr_lower LIKE '%{ALABEL}'") == f"{LOCAL}@{ALABEL}"
    again = world.server.cli("user", "add", f"JÜRGEN@{ALABEL}", "--password-stdin", stdin="x\n", check=False)
    assert again.returncode != 0


@pytest.mark.parametrize("login", [f"{LOCAL}@{IDN}", f"JÜRGEN@{ALABEL}", unicodedata.normalize("NFD", f"{LOCAL}@{IDN}")])
def test_every_spelling_logs_in(world, login):
    world.login(login).logout()


@pytest.mark.parametrize("address", [f"{LOCAL}@{IDN}", f"{LOCAL}@{ALABEL}", f"Jürgen+tag@BÜCHER.example",
                                     unicodedata.normalize("NFD", f"{LOCAL}@{IDN}")])
def test_every_spelling_is_delivered(world, address):
    with RawSmtp(world.server.ports["smtp"]) as raw:
        raw.hello()
        assert raw.ask("MAIL FROM:<例@remote.example> SMTPUTF8")[0] == 250
        assert raw.ask(f"RCPT TO:<{address}>")[0] == 250
        assert raw.ask("DATA")[0] == 354
        code, text = raw.ask(f"From: 例@remote.example\r\nSubject: Grüße\r\n\r\nfor {address!r}\r\n.")
        assert code == 250, text
    message = world.inbox(f"for {address!r}".encode())
    assert b"Return-Path: <\xe4\xbe\x8b@remote.example>\r\n" in message
    assert b" with UTF8SMTP id " in message


def test_without_the_parameter_nothing_beyond_ascii_is_taken(world):
    with RawSmtp(world.server.ports["smtp"]) as raw:
        raw.hello()
        code, text = raw.ask("MAIL FROM:<例@remote.example>")
        assert (code, b"5.6.7" in text) == (553, True)
        assert raw.ask("MAIL FROM:<a@remote.example>")[0] == 250
        code, text = raw.ask(f"RCPT TO:<{LOCAL}@{IDN}>")
        assert (code, b"5.6.7" in text) == (553, True)
        assert raw.ask(f"RCPT TO:<{LOCAL}@{ALABEL}>")[0] == 553
        assert raw.ask("MAIL FROM:<a@remote.example> SMTPUTF8")[0] == 503


@pytest.mark.parametrize("bad", [b"<\xff@remote.example>", b"<a\xc2\x85@remote.example>", b"<a@\xe2\x84\x80.example>"])
def test_what_is_no_text_is_no_address(world, bad):
    with RawSmtp(world.server.ports["smtp"]) as raw:
        raw.hello()
        assert raw.ask(b"MAIL FROM:" + bad + b" SMTPUTF8\r\n")[0] == 501


def test_an_old_client_sees_an_ascii_header(world):
    """IMAP without UTF8=ACCEPT, after a login that has: the same header by two ways (RFC 6855, RFC 6858)."""
    world.submit([world.user["address"]], subject="Größe")
    world.inbox("Größe".encode())
    client = world.login()
    client.select("INBOX", readonly=True)
    last = client.search(None, "ALL")[1][0].split()[-1]
    envelope = client.fetch(last, "(ENVELOPE)")[1][0]
    envelope = envelope[0] if isinstance(envelope, tuple) else envelope
    client.logout()
    assert envelope.isascii()


def test_mail_to_the_world_asks_for_smtputf8(world):
    world.submit([f"例@new.{DOMAIN}"])
    (message,) = wait_until(lambda: world.new.of(f"例@new.{DOMAIN}"), WAIT, "the message")
    assert message.sender == f"{LOCAL}@{ALABEL}"
    assert f"From: {LOCAL}@{IDN}".encode() in message.data
    asked = [argument for verb, argument in world.new.commands if verb == "MAIL" and LOCAL in argument]
    assert asked and all(a.endswith("SMTPUTF8") for a in asked)


def test_a_domain_beyond_ascii_needs_no_smtputf8(world):
    """Only its A-labels go out, and only they are looked up."""
    user = world.server.user(2)
    before = len(world.new.commands)
    with world.server.smtp("submission", login=user) as client:
        text = f"From: {user['address']}\r\nSubject: plain\r\n\r\nText.\r\n".encode()
        client.sendmail(user["address"], [f"ascii@münchen.{DOMAIN}"], text, ["SMTPUTF8"])
    wait_until(lambda: world.new.of(f"ascii@xn--mnchen-3ya.{DOMAIN}"), WAIT, "the message")
    asked = [a for verb, a in world.new.commands[before:] if verb == "MAIL" and user["address"] in a]
    assert asked and not any("SMTPUTF8" in a for a in asked)


def test_an_older_server_gets_what_it_can_take(world):
    """Of two recipients the one in ASCII has the message; the other comes back with 5.6.7."""
    user = world.server.user(2)
    with world.server.smtp("submission", login=user) as client:
        text = f"From: {user['address']}\r\nSubject: both\r\n\r\nText.\r\n".encode()
        client.sendmail(user["address"], [f"plain@old.{DOMAIN}", f"ünfein@old.{DOMAIN}"], text, ["SMTPUTF8"])
    (message,) = wait_until(lambda: world.old.of(f"plain@old.{DOMAIN}"), WAIT, "the message")
    assert message.recipients == [f"plain@old.{DOMAIN}"]

    def report():
        client = world.server.imap(user)
        client.select("INBOX", readonly=True)
        numbers = client.search(None, "ALL")[1][0].split()
        raw = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
        client.logout()
        return [r for r in raw if "ünfein".encode() in r]
    text = wait_until(report, WAIT, "a report")[0]
    assert b"message/global-delivery-status" in text
    assert f"Final-Recipient: utf-8; ünfein@old.{DOMAIN}".encode() in text
    assert b"Status: 5.6.7" in text


def test_a_message_that_needs_it_comes_back_from_an_older_server(world):
    world.submit([f"somebody@old.{DOMAIN}"], subject="needs it")
    text = world.inbox(f"Final-Recipient: rfc822; somebody@old.{DOMAIN}".encode())
    report = email.message_from_bytes(text, policy=email.policy.SMTPUTF8)
    assert report.get_content_type() == "multipart/report"
    assert b"Status: 5.6.7" in text
    assert b"Content-Type: message/global-headers" in text
    assert not world.old.of(f"somebody@old.{DOMAIN}")


def test_the_web_sends_to_them_too(world):
    """Composed by the API: the local part stays, the domain becomes A-labels."""
    api = Api.signed_in(world.server, world.server.user(3))
    draft = api.post("/drafts", {"to": [{"address": f"grüße@münchen.{DOMAIN}"}], "cc": [], "bcc": [], "subject": "web",
                                 "html": "", "text": "Text.", "attachments": []}, status=201).json
    api.post("/submissions", {"draftId": draft["id"], "undoSeconds": 0}, status=201)
    (message,) = wait_until(lambda: world.new.of(f"grüße@xn--mnchen-3ya.{DOMAIN}"), WAIT, "the message")
    assert f"To: <grüße@xn--mnchen-3ya.{DOMAIN}>".encode() in message.data


def test_imap_takes_no_address_for_another(world):
    client = world.server.imap()
    with pytest.raises(imaplib.IMAP4.error):
        client.authenticate("PLAIN", lambda c: f"\0jurgen@{ALABEL}\0{world.user['password']}".encode())
