# SPDX-License-Identifier: Apache-2.0
"""Mail leaves: MX records from a real nsd, sinks on loopback, the real queue and its schedule with a
clock that runs 1000 times as fast (delivery.time_divisor)."""
import contextlib
import email
import email.policy
import json
import os
import re
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from conftest import free_ports, wait_until
from outbound import DOMAIN, Sink, Zone
from smtp_raw import fetch_all
from test_smtp_smuggling import SCANNED_OUT

RECORDS = [
    "good MX 10 mx", "mx A 127.0.0.1",
    "two MX 10 dead", "two MX 20 mx", "dead A 127.0.0.7",
    "implicit A 127.0.0.1",
    "null MX 0 .",
    "refuses MX 10 dead",
    "nowhere MX 10 absent",
    "slow MX 10 mx", "grey MX 10 mx", "mixed MX 10 mx", "bounce MX 10 mx", "again MX 10 mx", "tls MX 10 mx",
    "maybe MX 10 mx", "kill MX 10 mx", "pause MX 10 mx", "bytes MX 10 mx", "delay MX 10 mx", "dsn MX 10 mx",
    "notify MX 10 mx", "many MX 10 mx", "tarpit MX 10 mx", "damaged MX 10 mx", "seven MX 10 mx", "middle MX 10 mx",
    "moody MX 10 first", "moody MX 20 mx", "first A 127.0.0.8",
    "mortal MX 10 first", "spare MX 10 first", "spare MX 20 mx",
    "crowded MX 10 many-addresses", "crowded MX 20 mx", *[f"many-addresses AAAA fe80::{i}" for i in range(1, 6)],
    "many-addresses A 127.0.0.7",
    *[f"wide MX 10 absent{i}" for i in range(25)],
]
WAIT = 150  # a destination that two workers looked at may be set right by the sweep of the next minute only


class World:
    """Zone, sink and server; `rules` decide what the sink answers, by recipient's domain."""

    def __init__(self, factory, records=RECORDS, **settings):
        (self.port,) = free_ports(1)
        self.rules = {}
        self.zone = Zone(records)
        self.sink = Sink(self.port, self.answer)
        self.server = factory(settings={
            "delivery.port": self.port, "delivery.time_divisor": 1000, "delivery.delay_notice": "40h",
            "dns.stub_zone": DOMAIN, "dns.stub_server": self.zone.server, "dns.validate": "false",
            "delivery.allow_private": "true", "delivery.on_tls_failure": "fallback", **settings})
        self.user = self.server.user(2)

    def answer(self, verb, argument):
        text = argument if isinstance(argument, str) else " ".join(argument)
        for domain, rule in self.rules.items():
            if f"@{domain}.{DOMAIN}" in text:
                return rule(verb, text)
        return None

    def send(self, *recipients, body="Hello there.\r\n", subject="outbound", sender=None):
        sender = sender or self.user["address"]
        text = f"From: {sender}\r\nTo: {', '.join(recipients)}\r\nSubject: {subject}\r\n\r\n{body}"
        with self.server.smtp("submission", login=self.user) as client:
            client.sendmail(sender, list(recipients), text.encode())

    def arrived(self, address, count=1):
        return wait_until(lambda: len(self.sink.of(address)) >= count and self.sink.of(address), WAIT,
                          f"mail for {address}")

    def queue_of(self, address):
        return self.server.psql(f"SELECT status, attempts, code FROM q_rcpt WHERE rcpt = '{address}'")

    def was_tried(self, address):
        """Once or more often: it waits."""
        return re.match(r"0\|[1-9]", self.queue_of(address))

    @contextlib.contextmanager
    def at_rest(self, domain):
        """While it lasts, no worker is on its way with mail for the domain, which does not know of changes in the queue."""
        where = f"WHERE domain = '{domain}.{DOMAIN}'"
        keep = f"UPDATE q_domain SET lease_until = now() + interval '10 minutes' {where} AND lease_owner = '' RETURNING 1"
        wait_until(lambda: self.server.psql(keep) == "1", WAIT, f"the end of an attempt for {domain}")
        yield
        self.server.psql(f"UPDATE q_domain SET lease_until = now(), next_due = now() {where}")

    def queue_is_empty(self, address):
        wait_until(lambda: self.queue_of(address) == "", WAIT, f"no {address} in the queue")

    def reports(self, about):
        """Reports in the user's INBOX that name the address."""
        client = self.server.imap(self.user)
        client.select("INBOX", readonly=True)
        numbers = client.search(None, "ALL")[1][0].split()
        raw = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
        client.logout()
        return [email.message_from_bytes(r, policy=email.policy.default) for r in raw if about.encode() in r]

    def report(self, about):
        return wait_until(lambda: self.reports(about), WAIT, f"a report about {about}")[0]

    def close(self):
        self.sink.close()
        self.zone.close()


@pytest.fixture(scope="module")
def module_factory():
    from conftest import Instance
    made = []

    def start(**options):
        made.append(Instance(**options))
        return made[-1].up()

    yield start
    for instance in made:
        instance.remove()


@pytest.fixture(scope="module")
def world(module_factory):
    w = World(module_factory)
    yield w
    w.close()


def status_part(report):
    """The fields of message/delivery-status as one text."""
    assert report.get_content_type() == "multipart/report"
    assert report["Auto-Submitted"].startswith("auto-replied")
    assert report["Return-Path"] == "<>"
    (part,) = [p for p in report.walk() if p.get_content_type().endswith("delivery-status")]
    return "\n".join(str(block) for block in part.get_payload())


# ---- routes ----

def test_a_quoted_local_part_is_carried_on(world):
    """RFC 5321 4.1.2: what stands between quotes is for the other server to understand."""
    address = f'"a \\"b@c"@good.{DOMAIN}'
    world.send(address)
    assert world.arrived(address)
    world.queue_is_empty(address)


@pytest.mark.parametrize("domain", ["good", "two", "implicit", "crowded"])
def test_mail_finds_its_server(world, domain):
    """By MX, by the second MX when the first is dead, however many addresses that has, and by the address when there
    is no MX."""
    address = f"somebody@{domain}.{DOMAIN}"
    world.send(address, subject=domain)
    (message,) = world.arrived(address)
    assert message.sender == world.user["address"]
    assert f"Subject: {domain}\r\n".encode() in message.data
    world.queue_is_empty(address)


def test_each_recipient_has_a_sender_of_its_own(world):
    """VERP: reports, whoever writes them, come to an address that says whom they are about. It is the sender's."""
    local, _, own = world.user["address"].partition("@")
    here = world.server.new_user()
    to = [f"verp-{name}@bounce.{DOMAIN}" for name in ("one", "lost", "gone", "two", "later")]
    sender = {one: f"{local}+{one.replace('@', '=')}@{own}" for one in [*to, here["address"]]}
    text = f"From: {world.user['address']}\r\nTo: {', '.join(to)}\r\nSubject: verp\r\n\r\nHello.\r\n"
    world.rules["bounce"] = lambda verb, text: None if verb != "RCPT" else "550 5.1.1 no such user" if "-lost" in text or "-gone" in text \
        else "450 4.2.1 not now" if "-later" in text and not shown else None
    shown = []

    def entries(recipient):
        return json.loads(world.server.cli("queue", "list", "--recipient", recipient, "--json").stdout)["items"]

    with world.server.smtp("submission", login=world.user) as client:
        client.sendmail(world.user["address"], [*to, here["address"]], text, mail_options=["XVERP"])
    waiting, entry = to[4], wait_until(lambda: [e for e in entries(to[4]) if e["attempts"]], WAIT, "one that waits")[0]
    rows = json.loads(world.server.cli("queue", "show", entry["id"], "--json").stdout)["recipients"]
    (row,) = [r for r in rows if r["recipient"] == waiting]  # others may still be there
    assert row["isVerp"] and row["sender"] == world.user["address"]
    titles, values, *_ = world.server.cli("queue", "show", entry["id"]).stdout.splitlines()
    assert dict(zip(*(re.split("  +", line.strip()) for line in (titles, values))))["XVERP"] == "yes"
    assert json.loads(world.server.cli("queue", "dump", "--recipient", waiting).stdout)["entry"]["isVerp"]
    shown.append(True)
    for one in (to[0], to[3], waiting):
        (mail,) = world.arrived(one)
        assert mail.sender == sender[one] and mail.recipients == [one]
    for one in (to[1], to[2]):
        (report,) = wait_until(lambda: world.reports(f"Final-Recipient: rfc822; {one}"), WAIT, "a report about one of them")
        assert report["To"] == sender[one] and status_part(report).count("Final-Recipient") == 1
    (copy,) = fetch_all(world.server, here)
    assert copy.startswith(f"Return-Path: <{sender[here['address']]}>\r\n".encode())
    with world.server.smtp("smtp") as client:
        client.sendmail("", [sender[to[3]]], "From: <postmaster@far.example>\r\nSubject: it came back\r\n\r\nNo.\r\n")
    wait_until(lambda: world.reports("it came back"), WAIT, "a report of another server")
    del world.rules["bounce"]


def status_report(to, *groups):
    """A report as Postfix writes it; each group is the fields of one recipient."""
    fields = "\r\n".join(["Reporting-MTA: dns; mx.far.example", "", *("\r\n".join(g) + "\r\n" for g in groups)])
    return (f"From: MAILER-DAEMON@far.example\r\nTo: {to}\r\nSubject: it came back later\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\n\r\nSorry.\r\n"
            f"--b\r\nContent-Type: message/delivery-status\r\n\r\n{fields}\r\n"
            "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: named\r\n\r\n--b--\r\n")


def test_a_report_that_comes_later_is_of_its_message(world):
    """Senders that name their message: off at first. What is forged, said twice or of others changes nothing."""
    user = world.server.new_user()
    mine, (local, _, own) = user["address"], user["address"].partition("@")
    to = [f"named-{name}@good.{DOMAIN}" for name in ("lost", "late", "well")]
    text = f"From: {mine}\r\nSubject: named\r\n\r\nHello.\r\n"

    def submit(*recipients, sender=mine, options=()):
        before = len(world.sink.of(recipients[0]))
        with world.server.smtp("submission", login=user) as client:
            client.sendmail(sender, recipients, text, mail_options=options)
        message = world.arrived(recipients[0], before + 1)[-1]
        for one in recipients:
            world.queue_is_empty(one)
        return message.sender

    def report(address, *groups, sender=""):
        with world.server.smtp("smtp") as client:
            client.sendmail(sender, [address], status_report(address, *groups))

    def traced():
        return {d["recipient"]: d for d in world.server.json("queue", "trace", queue_id)["items"]}

    assert submit(to[2]) == mine
    world.server.cli("user", "from-id", mine, "on")
    assert world.server.json("user", "from-id", mine)["usesFromId"] is True
    assert submit(to[2], options=["XVERP"]) == f"{local}+{to[2].replace('@', '=')}@{own}"
    assert submit(to[2], sender=f"{local}+news@{own}").startswith(f"{local}+news+id-")
    sender = submit(*to)
    queue_id, seal = re.fullmatch(rf"{local}\+id-([0-9a-z]{{13}})([0-9a-z]{{8}})@{own}", sender).groups()
    assert {r: d["state"] for r, d in traced().items()} == dict.fromkeys(to, "delivered")
    failed = ["Final-Recipient: rfc822; somebody@inside.example", f"Original-Recipient: rfc822;{to[0].upper()}", "Action: failed",
              "Status: 5.1.1", "Remote-MTA: dns; in.far.example", "Diagnostic-Code: smtp; 550 5.1.1 who is", "    that?"]
    late = [f"Final-Recipient: rfc822; {to[1]}", "Action: delayed", "Status: 4.4.1"]
    stranger = ["Final-Recipient: rfc822; stranger@far.example", "Action: failed", "Status: 5.0.0"]
    forged = [f"Final-Recipient: rfc822; {to[2]}", "Action: failed", "Status: 5.0.0"]
    for _ in range(2):
        report(sender, failed, late, stranger)
    report(sender.replace(seal, "".join("1" if c == "0" else "0" for c in seal)), forged)
    report(sender, forged, sender="somebody@far.example")
    report(f"{local}@{own}", forged)
    report(sender.upper(), late)
    assert len(fetch_all(world.server, user)) == 6
    found = traced()
    assert {r: d["state"] for r, d in found.items()} == dict(zip(to, ["reportedFailed", "reportedDelayed", "delivered"]))
    assert [len(found[one]["attempts"]) for one in to] == [2, 2, 1]
    last = found[to[0]]["attempts"][1]
    assert (last["stage"], last["number"], last["server"], last["code"]) == ("report", 1, "in.far.example", "5.1.1")
    assert re.fullmatch(r"550 5\.1\.1 who is +that\?", last["reply"])
    assert "reportedFailed by in.far.example\n     5.1.1 550 5.1.1 who is" in world.server.cli("queue", "trace", queue_id).stdout
    assert world.server.psql(f"SELECT state, code FROM mail_trace WHERE recipient = '{to[0]}'") == "reportedFailed|5.1.1"
    group = f"{local}-team@{own}"
    world.server.cli("address", "add", group, mine, "--group", "--posting", "members")
    world.server.cli("address", "change", group, "--senders", mine)
    named = submit(to[2], sender=group)
    assert named.startswith(f"{local}-team+id-")
    queue_id = named.partition("+id-")[2][:13]
    report(named, forged)
    assert traced()[to[2]]["state"] == "reportedFailed" and len(fetch_all(world.server, user)) == 7
    for address, stranger in ((group, ""), (named, "somebody@far.example")):
        with pytest.raises(smtplib.SMTPRecipientsRefused, match="5.7.2"):
            report(address, forged, sender=stranger)
    world.server.cli("user", "from-id", mine, "off")
    assert submit(to[2]) == mine


def test_what_a_program_sends_is_saved(world):
    """Off at first. What is in Sent is read, and octet by octet what left; also of mail that waited for its time."""
    user = world.server.new_user()
    text = f"From: {user['address']}\r\nSubject: saved\r\n\r\nHello.\r\n"

    def submit(to, *options):
        with world.server.smtp("submission", login=user) as client:
            client.sendmail(user["address"], [to], text, mail_options=options)
        return world.arrived(to)[0].data

    submit(f"unsaved@good.{DOMAIN}")
    assert fetch_all(world.server, user, "Sent") == []
    world.server.cli("user", "save-sent", user["address"], "on")
    assert world.server.json("user", "save-sent", user["address"])["savesSent"] is True
    left = [submit(f"saved@good.{DOMAIN}")]
    assert fetch_all(world.server, user, "Sent") == left
    left.append(submit(f"held@good.{DOMAIN}", "HOLDFOR=1"))
    wait_until(lambda: fetch_all(world.server, user, "Sent") == left, WAIT, "what went later")
    client = world.server.imap(user)
    client.select("Sent", readonly=True)
    assert len(client.search(None, "SEEN")[1][0].split()) == 2
    client.logout()


def test_a_server_that_takes_no_mail_is_gone_past(world):
    """RFC 5321 5.1: MX 10 takes connections and no mail, MX 20 is well. More messages than open a breaker go out
    at once, and the history tells of both servers."""
    moods = ["421 4.3.2 closing", "451 4.3.0 not now", ConnectionError, "452 4.2.2 full"]
    at = {0: "MAIL", 1: "MAIL", 2: "MAIL", 3: "RCPT"}
    turn = []

    def mood(verb, _):
        if verb == "MAIL":
            turn.append(1)
        kind = len(turn) % len(moods)
        if verb != at[kind]:
            return None
        if moods[kind] is ConnectionError:
            raise ConnectionError
        return moods[kind]

    first = Sink(world.port, mood, address="127.0.0.8", extensions=["SIZE 30000000"])
    try:
        for i in range(7):
            address = f"n{i}@moody.{DOMAIN}"
            world.send(address)
            assert len(world.arrived(address)) == 1
            world.queue_is_empty(address)
        assert turn and first.messages == []
    finally:
        first.close()
    assert world.server.psql(f"SELECT failures, breaker_open FROM q_domain WHERE domain = 'moody.{DOMAIN}'") == "0|f"
    story = world.server.psql("SELECT outcome, attempt, remote FROM q_attempt WHERE recipient = "
                              f"'n0@moody.{DOMAIN}' ORDER BY outcome DESC").split("\n")
    assert story == [f"5|1|first.{DOMAIN} [127.0.0.8]", f"0|1|mx.{DOMAIN} [127.0.0.1]"]


@pytest.mark.parametrize("domain, status", [("null", "5.1.10"), ("missing", "5.1.2"), ("nowhere", "5.4.4")])
def test_a_domain_without_mail_is_reported_at_once(world, domain, status):
    address = f"somebody@{domain}.{DOMAIN}"
    world.send(address)
    text = status_part(world.report(address))
    assert re.search(rf"^Status: {re.escape(status)}$", text, re.M), text
    assert "Action: failed" in text and f"Final-Recipient: rfc822;{address}" in text.replace("; ", ";")
    world.queue_is_empty(address)


def test_a_report_encloses_64_kb_at_most(world):
    address = f"large@missing.{DOMAIN}"
    mine = world.user["address"]
    text = f"From: {mine}\r\nTo: {address}\r\nSubject: large\r\n\r\n" + "All of it.\r\n" * 20000
    with world.server.smtp("submission", login=world.user) as client:
        client.sendmail(mine, [address], text, ["RET=FULL"])
    report = world.report(address)
    people, _, original = report.iter_parts()
    assert "Of your message, only the first 64 kB are enclosed." in people.get_content()
    assert original.get_content_type() == "message/rfc822" and 60000 < len(original.as_bytes()) <= 66000
    world.queue_is_empty(address)


def test_a_domain_with_very_many_servers_is_not_looked_up_whole(world):
    """None of the first 20 has an address: another one may, so it is tried again later, not returned."""
    address = f"somebody@wide.{DOMAIN}"
    world.send(address)
    wait_until(lambda: re.match(r"0\|[1-9]\d*\|4\.4\.3", world.queue_of(address)), WAIT, "a temporary failure")
    world.server.json("queue", "stats")
    world.server.psql(f"DELETE FROM q_rcpt WHERE rcpt = '{address}'")


def test_private_addresses_are_not_connected_to(heronry_factory):
    world = World(heronry_factory, **{"delivery.allow_private": "false"})
    try:
        world.send(f"somebody@good.{DOMAIN}")
        assert re.search(r"^Status: 5\.4\.4$", status_part(world.report(f"somebody@good.{DOMAIN}")), re.M)
        assert world.sink.connections == 0
    finally:
        world.close()


# ---- what servers answer ----

def test_a_temporary_failure_is_tried_again_by_the_schedule(world):
    """Attempts 5, 15, 30 minutes apart; a thousandth of that here: 0.3, 0.9, 1.8 s, each +-10 %. That they are not much
    later is tested where time is told (tests/unit/queue)."""
    address, times = f"somebody@grey.{DOMAIN}", []

    def rule(verb, _):
        if verb != "RCPT":
            return None
        times.append(time.monotonic())
        return "451 4.7.1 come back later" if len(times) <= 3 else None

    world.rules["grey"] = rule
    world.send(address)
    world.arrived(address)
    waits = [b - a for a, b in zip(times, times[1:])]
    for wait, wanted in zip(waits, [0.3, 0.9, 1.8]):
        assert wait >= wanted * 0.9 - 0.02, waits
    world.queue_is_empty(address)
    assert world.reports(address) == []


def test_a_permanent_failure_is_reported(world):
    address = f"nobody@bounce.{DOMAIN}"
    world.rules["bounce"] = lambda verb, text: "550 5.1.1 no such user" if verb == "RCPT" else None
    world.send(address, subject="will not arrive")
    report = world.report(address)
    text = status_part(report)
    assert "Status: 5.1.1" in text and "550 5.1.1 no such user" in text
    assert "Remote-MTA: dns;mx.out.test" in text.replace("; ", ";")
    assert "will not arrive" in report.as_string()
    world.queue_is_empty(address)
    assert len(world.reports(address)) == 1


def test_a_refusal_in_the_middle_of_a_message_is_told(world):
    """What a server says before it resets the connection is its answer, although we are still sending then."""
    address = f"somebody@middle.{DOMAIN}"

    def refuse(client, recipients):
        if address in recipients:
            assert client.recv(1)  # we are in the middle of it
            client.sendall(b"552 5.3.4 enough of it\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionError

    world.sink.in_message = refuse
    world.send(address, body=f"{'x' * 76}\r\n" * 30000)  # more than a socket takes
    text = status_part(world.report(address))
    assert "Status: 5.3.4" in text and "552 5.3.4 enough of it" in text
    (traced,) = world.server.json("queue", "trace", "--recipient", address)["items"]
    (attempt,) = traced["attempts"]
    assert attempt["reply"] == "552 5.3.4 enough of it" and attempt["stage"] == "message", attempt


def test_each_recipient_has_its_own_fate(world):
    good, bad, later = (f"{name}@mixed.{DOMAIN}" for name in ("good", "bad", "later"))
    seen = []

    def rule(verb, text):
        if verb != "RCPT":
            return None
        seen.append(text)
        if bad in text:
            return "550 5.1.1 unknown"
        return "450 4.2.1 busy" if later in text and sum(later in s for s in seen) == 1 else None

    world.rules["mixed"] = rule
    world.send(good, bad, later)
    world.arrived(good)
    world.arrived(later)
    assert "Status: 5.1.1" in status_part(world.report(bad))
    assert len(world.sink.of(good)) == 1
    # One connection and one transaction carried all three at first.
    assert [good in s for s in seen[:3]].count(True) == 1 and len({s for s in seen[:3]}) == 3


def test_nobody_listens(world):
    """Connection refused: deferred, tried again, and given up after 15 attempts or the lifetime."""
    address = f"somebody@refuses.{DOMAIN}"
    world.send(address)
    wait_until(lambda: re.match(r"0\|[1-9]\d*\|4\.4\.1", world.queue_of(address)), WAIT, "a second attempt")
    stats = world.server.json("queue", "stats")
    assert stats
    world.server.psql(f"UPDATE q_msg SET expires = now() WHERE queue_id IN "
                      f"(SELECT queue_id FROM q_rcpt WHERE rcpt = '{address}')")
    text = status_part(world.report(address))
    assert "Status: 4.4.7" in text or "Status: 5.4.7" in text


def test_a_breaker_is_told_when_it_opens_and_closes(world):
    """Once each: a destination that stays dead is no news every five minutes."""
    lines = lambda event: [l for l in world.server.log().splitlines() if f" {event} " in l and f" domain=refuses.{DOMAIN}" in l]
    before = len(lines("delivery_breaker_opened"))
    for name in ("one", "two"):
        world.send(f"{name}@refuses.{DOMAIN}")
        wait_until(lambda: world.was_tried(f"{name}@refuses.{DOMAIN}"), WAIT, "a first attempt")
    nearly = f"UPDATE q_domain SET failures = 4 WHERE domain = 'refuses.{DOMAIN}' AND NOT breaker_open AND lease_owner = '' RETURNING 1"
    wait_until(lambda: len(lines("delivery_breaker_opened")) > before or world.server.psql(nearly), WAIT, "the end of an attempt")
    (line,) = wait_until(lambda: lines("delivery_breaker_opened")[before:], WAIT, "the line of the log")
    assert " failures=5 " in line and "Connection refused" in line, line
    tries = lambda: world.server.psql(f"SELECT count(*) FROM q_attempt WHERE recipient LIKE '%@refuses.{DOMAIN}'")
    count = tries()
    wait_until(lambda: tries() != count, WAIT, "a try that fails, too")
    assert not lines("delivery_breaker_closed")
    server = Sink(world.port, address="127.0.0.7")
    try:
        for name in ("one", "two"):
            world.queue_is_empty(f"{name}@refuses.{DOMAIN}")
        wait_until(lambda: lines("delivery_breaker_closed"), WAIT, "the line of the log")
    finally:
        server.close()
    assert len(lines("delivery_breaker_opened")) == before + 1 and len(lines("delivery_breaker_closed")) == 1


def test_no_answer_after_the_dot_is_tried_again(world):
    """RFC 1047: it may have arrived; it must not get lost (O6)."""
    address, dots = f"somebody@maybe.{DOMAIN}", []

    def rule(verb, _):
        if verb == ".":
            dots.append(1)
            if len(dots) == 1:
                raise ConnectionError
        return None

    world.rules["maybe"] = rule
    world.send(address)
    world.arrived(address)
    assert len(dots) == 2
    assert "delivery_maybe" in world.server.log()


def test_a_null_sender_gets_no_report(world):
    """A report that cannot be delivered ends there (RFC 5321 4.5.5)."""
    bounced = f"sender@dsn.{DOMAIN}"
    world.rules["dsn"] = lambda verb, text: "550 5.1.1 no" if verb == "RCPT" else None
    reported = world.server.log().count("delivery_reported")
    # As if a stranger's mail had been redirected: the report goes out, with a null sender.
    world.rules["slow"] = lambda verb, text: "451 4.0.0 wait" if verb == "RCPT" else None
    world.send(f"x@slow.{DOMAIN}")
    with world.at_rest("slow"):
        world.server.psql(f"UPDATE q_msg SET envelope_from = '{bounced}', expires = now() WHERE queue_id IN "
                          f"(SELECT queue_id FROM q_rcpt WHERE rcpt = 'x@slow.{DOMAIN}')")
        world.server.psql(f"UPDATE q_rcpt SET due = now() WHERE rcpt = 'x@slow.{DOMAIN}'")
    wait_until(lambda: ("RCPT", f"TO:<{bounced}>") in world.sink.commands, WAIT, "the report on its way")
    assert ("MAIL", "FROM:<>") in [(v, a.split(" ")[0]) for v, a in world.sink.commands if v == "MAIL"]
    world.queue_is_empty(bounced)
    assert world.server.log().count("delivery_reported") == reported + 1


def test_delay_is_told_once(world):
    """After some hours, which have gone by here, the sender hears that it takes long, and once more when it fails."""
    address = f"somebody@delay.{DOMAIN}"
    world.rules["delay"] = lambda verb, text: "451 4.3.0 not now" if verb == "RCPT" else None
    world.send(address)
    wait_until(lambda: world.was_tried(address), WAIT)
    world.server.psql(f"UPDATE q_rcpt SET delay = 1 WHERE rcpt = '{address}'")
    assert "Action: delayed" in status_part(world.report(address))
    assert world.queue_of(address) != ""
    del world.rules["delay"]
    world.server.psql(f"UPDATE q_rcpt SET due = now() WHERE rcpt = '{address}'")
    world.arrived(address)
    assert len(world.reports(address)) == 1


def test_a_report_waits_for_room_in_the_mailbox(world):
    """A full mailbox does not swallow the news that a mail was not delivered."""
    user = world.server.new_user()
    address = f"nobody@bounce.{DOMAIN}"
    world.rules["bounce"] = lambda verb, text: "550 5.1.1 no such user" if verb == "RCPT" else None
    world.server.psql(f"UPDATE account SET quota_bytes = 1 WHERE login = '{user['address']}'")
    text = f"From: {user['address']}\r\nTo: {address}\r\nSubject: full\r\n\r\nx\r\n"
    with world.server.smtp("submission", login=user) as client:
        client.sendmail(user["address"], [address], text.encode())
    wait_until(lambda: "delivery_report_failed" in world.server.log(), WAIT, "a report that finds no room")
    assert world.queue_of(address).startswith("1|")
    world.server.psql(f"UPDATE account SET quota_bytes = 0 WHERE login = '{user['address']}'")
    world.queue_is_empty(address)
    client = world.server.imap(user)
    assert client.select("INBOX")[1] == [b"1"]
    client.logout()


# ---- many at a time ----

def enqueue_many(world, domain, count, **how):
    addresses = [f"n{i}@{domain}.{DOMAIN}" for i in range(count)]
    with world.server.smtp("submission", login=world.user) as client:
        for address in addresses:
            client.sendmail(world.user["address"], [address],
                            f"From: {world.user['address']}\r\nSubject: many\r\n\r\nx\r\n".encode(), **how)
    return addresses


def test_a_slow_server_is_served_over_many_connections_a_fast_one_over_few(heronry_factory):
    """Never over more than it may have, for all destinations together that are there."""
    world = World(heronry_factory, **{"delivery.connections": 6, "delivery.connections_per_server": 6})
    try:
        hold_back(world, "many", "good")  # until all are there
        addresses = enqueue_many(world, "many", 45) + enqueue_many(world, "good", 15)
        world.sink.before_reply = lambda verb, text: time.sleep(0.3) if verb == "." else None
        world.server.psql("UPDATE q_domain SET lease_until = now()")
        for address in addresses:
            assert len(world.arrived(address)) == 1
        assert world.sink.most_open == 6, "connections at a time"
        assert world.sink.connections <= 20, "connections are used again"
        for address in addresses:
            world.queue_is_empty(address)
        assert all(len(world.sink.of(a)) == 1 for a in addresses)
        wait_until(lambda: world.server.psql("SELECT count(*) FROM q_domain WHERE lease_owner <> ''") == "0", WAIT)
    finally:
        world.close()


def test_what_is_claimed_already_is_held_with_its_account(world):
    """ATTACKS U10: of two messages that a worker has taken only the one that it is sending goes out."""
    domain = f"good.{DOMAIN}"
    world.server.psql(f"INSERT INTO q_domain (domain, next_due, lease_until) VALUES ('{domain}', now(), now() + interval"
                      " '10 minutes') ON CONFLICT (domain) DO UPDATE SET lease_until = EXCLUDED.lease_until")
    let_go, is_there = threading.Event(), threading.Event()
    former = world.sink.before_reply

    def wait(verb, _):
        if verb == "EHLO" and not let_go.is_set():
            is_there.set()
            let_go.wait(WAIT)

    try:
        first, second = enqueue_many(world, "good", 2)
        world.sink.before_reply = wait
        world.server.psql(f"UPDATE q_domain SET lease_until = now() WHERE domain = '{domain}'")
        assert is_there.wait(WAIT)
        world.server.cli("sending", "stop", world.user["address"], "the password is known")
        let_go.set()
        assert len(world.arrived(first)) == 1
        world.queue_is_empty(first)
        wait_until(lambda: world.server.psql(f"SELECT lease_owner FROM q_domain WHERE domain = '{domain}'") == "", WAIT)
        assert world.sink.of(second) == [] and world.queue_of(second).startswith("-1|")
        world.server.cli("sending", "release", world.user["address"])
        assert len(world.arrived(second)) == 1
        world.queue_is_empty(second)
    finally:
        let_go.set()
        world.sink.before_reply = former
        world.server.cli("sending", "release", world.user["address"])


def test_a_server_that_limits_connections_keeps_what_it_has(world):
    """More than two at a time are refused: all mail comes over those two, and nothing counts as failed."""
    world.sink.before_reply = lambda verb, text: time.sleep(0.05) if verb == "." else None
    former = world.sink.answer
    world.sink.answer = lambda verb, text: "421 4.7.0 too many" if verb == "CONNECT" and world.sink.open > 2 else None
    try:
        for address in enqueue_many(world, "many", 30):
            assert len(world.arrived(address)) == 1
            world.queue_is_empty(address)
        assert world.server.psql(f"SELECT failures, breaker_open FROM q_domain WHERE domain = 'many.{DOMAIN}'") == "0|f"
    finally:
        world.sink.answer, world.sink.before_reply = former, None


@pytest.fixture(scope="module")
def patient(module_factory):
    """One worker, whose servers are all fast ones, which one connection is enough for; the schedule's clock is as any."""
    points = "delivery-stalling:error@1,delivery-is-patient:error"
    settings = {"delivery.workers": 1, "delivery.time_divisor": 1}
    w = World(lambda **o: module_factory(environment={"HERONRY_FAILPOINT": points}, **o), **settings)
    is_put_off(w)
    yield w
    w.close()


def is_put_off(world):
    """Where a network lets too many wait (the first connection is taken for that), mail comes again without an attempt."""
    world.send(f"later@good.{DOMAIN}")
    put_off = f"SELECT attempts, due > now() + interval '5 seconds' FROM q_rcpt WHERE rcpt = 'later@good.{DOMAIN}'"
    wait_until(lambda: world.server.psql(put_off) == "0|t", WAIT, "mail that is put off")
    assert world.sink.connections == 0
    world.server.psql("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()")
    world.arrived(f"later@good.{DOMAIN}")
    world.queue_is_empty(f"later@good.{DOMAIN}")


def test_slow_servers_do_not_stop_the_mail_to_others(patient):
    """A server lets the only worker wait: mail to another destination goes out meanwhile."""
    world, let_go = patient, threading.Event()
    try:
        wait_until(lambda: world.sink.open == 0, WAIT)
        world.sink.connections = 0
        world.sink.before_reply = lambda verb, text: let_go.wait(90) if verb == "RCPT" and "tarpit" in text else None
        world.send(f"somebody@tarpit.{DOMAIN}")
        wait_until(lambda: world.sink.connections == 1, WAIT)
        world.send(f"somebody@good.{DOMAIN}")
        world.arrived(f"somebody@good.{DOMAIN}")
        assert world.sink.of(f"somebody@tarpit.{DOMAIN}") == []
        let_go.set()
        world.arrived(f"somebody@tarpit.{DOMAIN}")
        world.queue_is_empty(f"somebody@tarpit.{DOMAIN}")
        goes_over_few_connections(world)
    finally:
        let_go.set()
        world.sink.before_reply = None


def hold_back(world, *domains):
    """All that comes for them waits, until lease_until is set to now."""
    names = ", ".join(f"'{domain}.{DOMAIN}'" for domain in domains)
    world.server.psql("INSERT INTO q_domain (domain, next_due, lease_until) SELECT d, now(), now() + interval '10 minutes'"
                      f" FROM unnest(ARRAY[{names}]) d"
                      " ON CONFLICT (domain) DO UPDATE SET lease_until = EXCLUDED.lease_until")


def goes_over_few_connections(world):
    """Ten messages that wait for a fast server: what the failpoint calls fast is so on a machine that stands still, too."""
    hold_back(world, "many")
    addresses = enqueue_many(world, "many", 10)
    wait_until(lambda: world.sink.open == 0, WAIT)
    world.sink.connections = 0
    world.server.psql("UPDATE q_domain SET lease_until = now()")
    for address in addresses:
        world.arrived(address)
        world.queue_is_empty(address)
    assert world.sink.connections <= 3, "connections for ten messages"

    def logged(event):
        return re.findall(rf" (\S+) {event} \S+ domain=many\.{DOMAIN} ", world.server.log())
    wait_until(lambda: len(set(logged("delivery_done"))) == 10, WAIT, "the log, where a warning stands before its outcome")
    warned = logged("delivery_tls_degraded")
    assert len(set(warned)) == len(warned) == 10  # one for each message, not for each connection


def dies_with_a_connection_open(world, domain):
    """Two messages for a server that takes one, and is dead when the other one comes over the same connection; the
    address of that one."""
    dots = []

    def die(verb, _):
        if verb == ".":
            dots.append(1)
        elif verb == "MAIL" and dots:
            server.close()
            raise ConnectionError

    hold_back(world, domain)
    addresses = enqueue_many(world, domain, 2)
    server = Sink(world.port, die, address="127.0.0.8")
    world.server.psql("UPDATE q_domain SET lease_until = now()")
    (left,) = wait_until(lambda: server.closing and set(addresses) - {m.recipients[0] for m in server.messages}, WAIT, "the server's death")
    assert server.connections == 1 and len(server.messages) == 1
    return left


def destination(world, domain):
    """Its breaker, when nobody works on it."""
    query = f"SELECT failures, breaker_open FROM q_domain WHERE domain = '{domain}.{DOMAIN}' AND lease_owner = ''"
    return wait_until(lambda: world.server.psql(query), WAIT, "the end of the work on it")


def attempts(world, address):
    return world.server.psql(f"SELECT outcome, attempt, stage, remote FROM q_attempt WHERE recipient = '{address}' ORDER BY outcome DESC")


def test_a_server_dies_with_a_connection_open(patient):
    """A connection that was kept is no attempt: the server fails once, when it is not there for a new one."""
    left, first = dies_with_a_connection_open(patient, "mortal"), f"first.{DOMAIN} [127.0.0.8]"
    wait_until(lambda: patient.queue_of(left) == "0|1|4.4.1", WAIT, "one that waits")
    assert destination(patient, "mortal") == "1|f"
    assert attempts(patient, left) == f"1|1|connect|{first}"
    server = Sink(patient.port, address="127.0.0.8")
    try:
        patient.server.psql("UPDATE q_rcpt SET due = now(); UPDATE q_domain SET next_due = now()")
        patient.queue_is_empty(left)
        assert [m.recipients for m in server.messages] == [[left]]
    finally:
        server.close()
    assert destination(patient, "mortal") == "0|f"


def test_a_server_dies_and_the_next_one_is_asked(patient):
    left = dies_with_a_connection_open(patient, "spare")
    patient.queue_is_empty(left)
    assert len(patient.sink.of(left)) == 1
    assert attempts(patient, left) == f"5|1|connect|first.{DOMAIN} [127.0.0.8]\n0|1|message|mx.{DOMAIN} [127.0.0.1]"
    assert destination(patient, "spare") == "0|f"


def test_a_damaged_message_does_not_stand_in_the_way(world):
    """It is deferred, and in the end returned; those behind it go out."""
    bad, good = f"bad@damaged.{DOMAIN}", f"good@damaged.{DOMAIN}"
    world.rules["damaged"] = lambda verb, text: "451 4.0.0 wait" if verb == "RCPT" else None
    world.send(bad)
    wait_until(lambda: world.was_tried(bad), WAIT)
    with world.at_rest("damaged"):
        world.server.psql("UPDATE q_msg SET codec = 1, data = '\\x00010203' WHERE queue_id IN "
                          f"(SELECT queue_id FROM q_rcpt WHERE rcpt = '{bad}')")
        del world.rules["damaged"]
        world.server.psql(f"UPDATE q_rcpt SET due = now() - interval '1 hour' WHERE rcpt = '{bad}'")
        world.send(good)
    world.arrived(good)
    wait_until(lambda: re.search(r"\|4\.3\.0$", world.queue_of(bad)), WAIT)
    world.server.psql("UPDATE q_msg SET expires = now() WHERE queue_id IN "
                      f"(SELECT queue_id FROM q_rcpt WHERE rcpt = '{bad}')")
    assert "Action: failed" in status_part(world.report(bad))


def test_eight_bit_text_for_a_server_of_seven(world):
    address = f"somebody@seven.{DOMAIN}"
    body = "Gr\u00fc\u00dfe aus K\u00f6ln\r\n" * 20000  # more than one part of the queue
    text = (f"From: {world.user['address']}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\n" + body).encode()
    world.sink.extensions.remove("8BITMIME")
    try:
        with world.server.smtp("submission", login=world.user) as client:
            client.sendmail(world.user["address"], [address], text, ["BODY=8BITMIME"])
        (message,) = world.arrived(address)
    finally:
        world.sink.extensions.append("8BITMIME")
    assert max(message.data) < 128
    parsed = email.message_from_bytes(message.data.replace(b"\r\n..", b"\r\n."), policy=email.policy.default)
    assert parsed["Content-Transfer-Encoding"] == "quoted-printable"
    assert parsed.get_content().replace("\r\n", "\n") == body.replace("\r\n", "\n")


# ---- reports as the sender asks for them (RFC 3461) ----

def submit(world, recipients, mail_options, rcpt_options, body="Hello.\r\n", subject="dsn"):
    text = f"From: {world.user['address']}\r\nTo: {recipients[0]}\r\nSubject: {subject}\r\n\r\n{body}"
    with world.server.smtp("submission", login=world.user) as client:
        client.sendmail(world.user["address"], recipients, text.encode(), mail_options, rcpt_options)


def test_success_is_reported_where_the_next_server_does_not(world):
    """Relayed to a server without DSN: one report of ours. To one with DSN: its business."""
    address = f"somebody@notify.{DOMAIN}"
    submit(world, [address], ["RET=FULL", "ENVID=QQ+2B42"],
           ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;old+2Bname@elsewhere.example"], body="private words\r\n")
    report = world.report(address)
    text = status_part(report)
    assert "Action: relayed" in text and re.search(r"^Status: 2\.", text, re.M), text
    assert "Original-Recipient: rfc822;old+name@elsewhere.example" in text.replace("; ", ";")
    assert "Original-Envelope-Id: QQ+42" in text
    assert "private words" not in report.as_string()
    world.queue_is_empty(address)
    assert len(world.reports(address)) == 1

    other = f"other@notify.{DOMAIN}"
    world.sink.extensions.append("DSN")
    try:
        submit(world, [other], ["RET=FULL", "ENVID=QQ+2B42"], ["NOTIFY=SUCCESS", "ORCPT=rfc822;x@y.example"])
        world.arrived(other)
    finally:
        world.sink.extensions.remove("DSN")
    world.queue_is_empty(other)
    assert ("RCPT", f"TO:<{other}> NOTIFY=SUCCESS ORCPT=rfc822;x@y.example") in world.sink.commands
    assert any(verb == "MAIL" and argument.endswith(" RET=FULL ENVID=QQ+2B42") for verb, argument in world.sink.commands)
    assert world.reports(other) == []


def test_who_wants_no_report_gets_none(world):
    address = f"silent@bounce.{DOMAIN}"
    world.rules["bounce"] = lambda verb, text: "550 5.1.1 no such user" if verb == "RCPT" else None
    submit(world, [address], [], ["NOTIFY=NEVER"])
    wait_until(lambda: any(address in str(argument) for verb, argument in world.sink.commands), WAIT)
    world.queue_is_empty(address)
    assert world.reports(address) == []


def test_a_local_delivery_is_reported_when_asked_for(world):
    """By submission, in the transaction of the delivery; and on port 25, to a sender far away."""
    mine = world.server.user(1)["address"]
    submit(world, [mine], ["ENVID=local1"], ["NOTIFY=SUCCESS"])
    text = status_part(wait_until(lambda: [r for r in world.reports(mine) if "local1" in r.as_string()], WAIT)[0])
    assert "Action: delivered" in text and "Status: 2.0.0" in text

    far = f"sender@notify.{DOMAIN}"
    with world.server.smtp("smtp") as client:
        client.sendmail(far, [mine], b"Subject: from afar\r\n\r\nprivate words\r\n", ["ENVID=far1"],
                        ["NOTIFY=SUCCESS,DELAY"])
    (report,) = world.arrived(far)
    assert report.sender == "" and b"Action: delivered" in report.data and b"far1" in report.data
    assert b"private words" not in report.data

    # What leads to several accounts is one recipient.
    group = f"several@{world.server.domain}"
    members = [world.server.new_user()["address"] for _ in range(2)]
    world.server.cli("address", "add", group, mine, *members, "--group")
    with world.server.smtp("smtp") as client:
        client.sendmail("x@[192.0.2.1]", [group], b"Subject: to all\r\n\r\n", [], ["NOTIFY=SUCCESS"])
        client.sendmail(f"grouped@notify.{DOMAIN}", [group], b"Subject: to all\r\n\r\n", ["ENVID=far2"], ["NOTIFY=SUCCESS"])
    (report,) = world.arrived(f"grouped@notify.{DOMAIN}")
    assert report.data.count(b"Action: delivered") == 1 and f"rfc822; {group}".encode() in report.data
    # Who can be sent nothing is not told, once and for all.
    wait_until(lambda: world.server.psql("SELECT count(*) FROM q_rcpt JOIN q_msg USING (queue_id) WHERE envelope_from LIKE 'x@[%'") == "0",
               WAIT, "the end of the report")
    wait_until(lambda: "delivery_nobody_to_tell" in world.server.log(), WAIT, "the log")


# ---- mail for later ----

def inbox_has(world, user, subject):
    client = world.server.imap(user)
    client.select("INBOX", readonly=True)
    found = client.search(None, "SUBJECT", subject)[1][0].split()
    client.logout()
    return len(found)


def send_later(world, wait, recipients, subject):
    mine = world.user["address"]
    text = f"From: {mine}\r\nTo: {', '.join(recipients)}\r\nSubject: {subject}\r\n\r\nfor later\r\n"
    with world.server.smtp("submission", login=world.user) as client:
        client.sendmail(mine, recipients, text.encode(), [wait])


def test_mail_waits_for_the_time_that_its_sender_named(world):
    """RFC 4865: nobody has it before, neither elsewhere nor here; operators see until when, and let it go at once."""
    here, far = world.server.user(3), f"later@good.{DOMAIN}"
    send_later(world, "HOLDFOR=3600", [here["address"], far], "latermail")
    rows = world.server.json("queue", "list", "--status", "held", "--sender", world.user["address"])["items"]
    assert {r["recipient"] for r in rows} == {here["address"], far}
    assert all(r["status"] == "held" and r["heldUntil"] == r["nextAttemptAt"] > r["createdAt"] for r in rows)
    assert "HELD UNTIL" in world.server.cli("queue", "list", "--recipient", far).stdout
    traced = world.server.json("queue", "trace", "--recipient", far)["items"]
    assert len(traced) == 2 and all(t["state"] == "held" and t["nextAttemptAt"] for t in traced)
    assert inbox_has(world, here, "latermail") == 0 and world.sink.of(far) == []
    dropped = world.server.json("queue", "drop", rows[0]["id"], "--recipient", here["address"], "--dry-run")
    assert dropped["recipients"] == 1
    world.server.cli("queue", "release", rows[0]["id"])
    (message,) = world.arrived(far)
    assert message.data.count(b"\r\nReceived:") + message.data.startswith(b"Received:") == 1
    wait_until(lambda: inbox_has(world, here, "latermail") == 1, WAIT, "the copy here")
    world.queue_is_empty(here["address"])


def test_the_time_comes_by_itself(world):
    """What fails then is told with what was asked for (RFC 4865, Future-Release-Request)."""
    address = f"later@null.{DOMAIN}"
    send_later(world, "HOLDFOR=1", [address], "a second later")
    text = status_part(world.report(address))
    assert "Status: 5.1.10" in text and "Future-Release-Request: for;1" in text


# ---- bytes ----

def test_no_bare_line_end_leaves(world):
    """R20 outbound: what we were given in any legal form goes out in wire form, dots stuffed."""
    address = f"somebody@bytes.{DOMAIN}"
    world.send(address, body=".\r\n..\r\nFrom here\r\n.com\r\n" + "x" * 990 + "\r\nlast line without end")
    (message,) = world.arrived(address)
    body = message.data.partition(b"\r\n\r\n")[2]
    assert body == b"..\r\n...\r\nFrom here\r\n..com\r\n" + b"x" * 990 + b"\r\nlast line without end\r\n"
    assert b"\r" not in message.data.replace(b"\r\n", b"") and b"\n" not in message.data.replace(b"\r\n", b"")
    assert max(map(len, message.data.split(b"\r\n"))) <= 998


def test_bare_line_ends_in_the_queue_are_mended(world):
    """Even if something else put them there."""
    address = f"smuggler@bytes.{DOMAIN}"
    raw = b"Subject: x\r\n\r\none\n.\nMAIL FROM:<evil@example>\r.\r\0two\r\n.\rDATA\r\n"
    scanned = b"".join(b"text" + end + b"MAIL FROM:<evil@example>\r\n" for end in SCANNED_OUT)
    raw += scanned
    world.rules["bytes"] = lambda verb, text: "451 4.0.0 wait" if verb == "RCPT" and "smuggler" in text else None
    world.send(address)
    wait_until(lambda: world.was_tried(address), WAIT)
    with world.at_rest("bytes"):
        assert world.server.psql(
            f"UPDATE q_msg SET codec = 0, frames = NULL, size = {len(raw)}, data = '\\x{raw.hex()}' WHERE queue_id IN "
            f"(SELECT queue_id FROM q_rcpt WHERE rcpt = '{address}') RETURNING 1") == "1"
        del world.rules["bytes"]
        world.server.psql(f"UPDATE q_rcpt SET due = now() WHERE rcpt = '{address}'")
    (message,) = world.arrived(address)
    head = b"Subject: x\r\n\r\none\r\n..\r\nMAIL FROM:<evil@example>\r\n..\r\ntwo\r\n..\r\nDATA\r\n"
    assert message.data.startswith(head)
    rest = message.data[len(head):]
    assert rest.replace(b"\r\n", b"").replace(b"..", b".") == re.sub(rb"[\r\n\0]", b"", scanned)
    assert not re.search(rb"\0|\r(?!\n)|(?<!\r)\n", rest) and b"\n.\r" not in rest
    assert not any("evil@example" in argument for verb, argument in world.sink.commands if verb == "MAIL")


# ---- TLS ----

@pytest.fixture(scope="module")
def tls_context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", folder / "key", "-out", folder / "cert", "-days", "2", "-subj", "/CN=mx.out.test",
                    "-addext", "subjectAltName=DNS:mx.out.test"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    context.cert_path = folder / "cert"
    return context


def test_tls_is_used_when_offered(world, tls_context):
    address = f"somebody@tls.{DOMAIN}"
    world.sink.tls = tls_context
    try:
        world.send(address)
        (message,) = world.arrived(address)
        assert message.tls
        world.queue_is_empty(address)
        wait_until(lambda: world.sink.open == 0, WAIT, "no connection that the next mail could go over")
    finally:
        world.sink.tls = None


def test_tls_that_fails_falls_back(world):
    """A server whose TLS is broken still gets its mail, with a warning in the log (FEATURES 47)."""
    address = f"broken@tls.{DOMAIN}"
    broken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # no certificate: no handshake succeeds
    world.sink.tls = broken
    try:
        world.send(address)
        (message,) = world.arrived(address)
        assert not message.tls
        warning = rf" delivery_tls_degraded \S+ domain=tls\.{DOMAIN} "
        wait_until(lambda: re.search(warning, world.server.log()), WAIT, "the warning")
    finally:
        world.sink.tls = None


def test_verified_tls(heronry_factory, tls_context):
    """With both switches on: a good certificate is taken, another one and plain text are not."""
    world = World(heronry_factory, **{"delivery.verify_tls": "true", "delivery.require_tls": "true"})
    try:
        address = f"somebody@tls.{DOMAIN}"
        world.send(address)
        wait_until(lambda: "4.7.4" in world.queue_of(address), WAIT, "a delivery in plain text to be refused")
        world.sink.tls = tls_context
        wait_until(lambda: "4.7.5" in world.queue_of(address), WAIT, "an unknown certificate to be refused")
        assert not any(verb == "MAIL" for verb, _ in world.sink.commands)
    finally:
        world.close()


# ---- crashes and pauses ----

@pytest.mark.parametrize("verb, most", [("EHLO", 1), ("RCPT", 1), ("DATA", 1), (".", 2)])
def test_a_worker_killed_in_a_transaction(world, verb, most):
    """SIGKILL when the server has just read this much. After the dot it may come twice (RFC 1047)."""
    address, killed = f"after-{ord(verb[0])}@kill.{DOMAIN}", []

    def kill(seen, _):
        if seen == verb and not killed:
            killed.append(world.server.pids()["back.1"])
            os.kill(killed[0], signal.SIGKILL)
        return None

    world.sink.answer = kill
    try:
        world.send(address)
        wait_until(lambda: killed, WAIT, verb)
        wait_until(lambda: world.server.pids().get("back.1", killed[0]) != killed[0], WAIT, "a new worker")
        world.server.psql("UPDATE q_domain SET lease_until = now()")  # what time would do
        world.arrived(address)
        world.queue_is_empty(address)
        assert len(world.sink.of(address)) <= most
    finally:
        world.sink.answer = world.answer


@pytest.mark.parametrize("place", ["P9", "P10"])
def test_a_crash_between_answer_and_commit(heronry_factory, place):
    """P9: sent but not noted, so it is sent again. P10: a report comes once, however often it crashes."""
    world = World(lambda **o: heronry_factory(environment={"HERONRY_FAILPOINT": f"{place}:kill@1"}, **o))
    try:
        address = f"somebody@{'null' if place == 'P10' else 'kill'}.{DOMAIN}"
        former = world.server.pids()["back.1"]
        world.send(address)
        wait_until(lambda: world.server.pids().get("back.1", former) != former, WAIT, "the crash")
        world.server.stop()
        world.server.heal()
        world.server.start()
        world.server.psql("UPDATE q_domain SET lease_until = now()")  # what time would do
        if place == "P10":
            wait_until(lambda: world.reports(address), WAIT)
            time.sleep(1)
            assert len(world.reports(address)) == 1
        else:
            world.arrived(address)
            world.queue_is_empty(address)
    finally:
        world.close()


class Pause:
    """A worker is stopped while servers wait for the message behind DATA, for longer than its lease."""

    MESSAGES, LEASE_S = 10, 5

    def __init__(self, world, number):
        self.world, self.where = world, f"p{number}.pause.{DOMAIN}"
        self.addresses = [f"somebody@d{i}.{self.where}" for i in range(self.MESSAGES)]
        self.at_data, self.gate, self.pid = set(), threading.Event(), 0

    def hold(self, verb, text):
        if verb == "DATA" and self.where in text and not self.gate.is_set():
            self.at_data.add(text)
            self.gate.wait(WAIT)

    def stop(self):
        """The worker that has more of them; others may take over what it has when the lease is over."""
        query = f"SELECT lease_owner, string_agg(domain, ' ') FROM q_domain WHERE domain LIKE '%.{self.where}' GROUP BY 1 ORDER BY count(*) DESC"
        owner, domains = self.world.server.psql(query).splitlines()[0].split("|")
        self.pid, self.stopped = int(owner.split("/")[1]), domains.split()
        os.kill(self.pid, signal.SIGSTOP)
        self.began = time.monotonic()
        self.world.server.psql(f"UPDATE q_domain SET lease_until = now() + interval '{self.LEASE_S} seconds'"
                               f" WHERE domain LIKE '%.{self.where}' AND lease_owner = '{owner}'")

    def run(self):
        """How many messages it had."""
        self.world.sink.before_reply = self.hold
        self.world.send(*self.addresses)
        try:
            wait_until(lambda: len(self.at_data) == self.MESSAGES, WAIT, "DATA of all")
            self.stop()
            self.gate.set()
            for address in self.addresses:
                self.world.arrived(address)
            assert time.monotonic() - self.began >= self.LEASE_S, "somebody took over before the lease had ended"
            for address in self.addresses:
                self.world.queue_is_empty(address)
        finally:
            self.gate.set()
            if self.pid:
                os.kill(self.pid, signal.SIGCONT)
        wait_until(lambda: all(f"domain={d} " in self.lost() for d in self.stopped), WAIT, "the worker to see that its leases are gone")
        return len(self.stopped)

    def lost(self):
        return "".join(line + " " for line in self.world.server.log().splitlines() if "delivery_lease_lost" in line)


def test_a_worker_that_was_stopped_does_not_end_its_messages(heronry_factory, pytestconfig):
    """R9: SIGSTOP after DATA for longer than the lease. Another process takes over and delivers; the first one,
    continued, finds that its leases are gone and sends no end dot. --pauses makes it many."""
    world = World(heronry_factory, [*RECORDS, "*.pause MX 10 mx"], **{"delivery.lease": f"{Pause.LEASE_S}s", "workers.back": 2})
    try:
        pauses = [Pause(world, n) for n in range(pytestconfig.getoption("--pauses"))]
        stopped = sum(pause.run() for pause in pauses)
        print(f"{stopped} messages of workers that were stopped")
        world.server.stop()  # nobody is on his way with anything any more
        ended = [address for verb, to in world.sink.commands if verb == "." for address in to]
        assert sorted(ended) == sorted(a for pause in pauses for a in pause.addresses)
        assert all(len(world.sink.of(address)) == 1 for address in ended)
    finally:
        world.close()
