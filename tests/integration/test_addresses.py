# SPDX-License-Identifier: Apache-2.0
"""Addresses that lead to others: aliases, groups, catch-alls, other names of a domain, and what is
forwarded to the world with a sender of ours (SRS). Mail servers of others are sinks on loopback."""
import email
import itertools
import json
import re
import smtplib

import pytest
from conftest import wait_until
from outbound import DOMAIN
from test_delivery import WAIT, World, module_factory  # noqa: F401: a fixture

NUMBERS = itertools.count(1)
FAR = f"far@good.{DOMAIN}"


@pytest.fixture(scope="module")
def world(module_factory):  # noqa: F811
    w = World(module_factory)
    w.ours = w.server.domain
    yield w
    w.close()


def lead(world, *targets, options=(), name=None):
    """A new address that leads to the targets."""
    address = f"{name or f'lead{next(NUMBERS)}'}@{world.ours}"
    world.server.cli("address", "add", address, *targets, *options)
    return address


def send(world, sender, recipients, subject, login=None, more=""):
    text = f"From: {sender or 'mailer-daemon@else.example'}\r\nSubject: {subject}\r\n{more}\r\nHello\r\n"
    with world.server.smtp("submission" if login else "smtp", login=login) as client:
        return client.sendmail(sender, recipients, text.encode())


def refusal(world, sender, recipient, login=None):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(world, sender, [recipient], "refused", login)
    code, text = refused.value.recipients[recipient]
    return f"{code} {text.decode().split()[0]}"


def is_taken(world, recipient, subject):
    """Whether it is, now: a worker may know for a moment that it was not."""
    try:
        send(world, "eve@else.example", [recipient], subject)
    except smtplib.SMTPRecipientsRefused:
        return False
    return True


def mails(world, user, subject):
    """The user's mails with this subject, raw."""
    with world.server.imap(user) as client:
        client.select("INBOX", readonly=True)
        numbers = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
        return [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]


def forwarded(world, address, subject):
    def of_subject():
        return [m for m in world.sink.of(address) if f"Subject: {subject}".encode() in m.data]
    return wait_until(of_subject, WAIT, f"{subject} at {address}")


def test_each_account_gets_one_copy_whatever_leads_to_it(world):
    mia, leo = world.server.new_user(), world.server.new_user()
    inner = lead(world, leo["address"])
    outer = lead(world, inner, mia["address"], leo["address"].replace("@", "+tag@"))
    send(world, "eve@else.example", [outer, mia["address"], inner], "once")
    for user in (mia, leo):
        (mail,) = mails(world, user, "once")
        assert b"Delivered-To: " + outer.encode() + b"\r\n" in mail
    send(world, mia["address"], [outer], "from a user", login=mia)
    assert len(mails(world, mia, "from a user")) == len(mails(world, leo, "from a user")) == 1


def test_groups_take_mail_of_whom_they_should(world):
    mia, leo = world.server.new_user(), world.server.new_user()
    group = lead(world, mia["address"], FAR, options=("--group", "--posting", "members"))
    assert refusal(world, "eve@else.example", group) == "550 5.7.2"
    assert refusal(world, mia["address"], group) == "550 5.7.2"  # from outside: anybody can say so
    assert refusal(world, leo["address"], group, login=leo) == "550 5.7.2"
    send(world, mia["address"], [group], "of a member", login=mia)
    assert len(mails(world, mia, "of a member")) == 1
    assert len(forwarded(world, FAR, "of a member")) == 1
    send(world, FAR, [group], "of a member elsewhere")
    assert len(mails(world, mia, "of a member elsewhere")) == 1
    world.server.cli("address", "change", group, "--posting", "domain")
    send(world, leo["address"], [group], "of the domain", login=leo)
    assert refusal(world, FAR, group) == "550 5.7.2"


def test_the_sender_of_what_is_forwarded_is_ours_and_reports_find_back(world):
    mia = world.server.new_user()
    origin = f"Origin@good.{DOMAIN}"
    address = lead(world, mia["address"], FAR)
    send(world, origin, [address], "forwarded")
    (mail,) = forwarded(world, FAR, "forwarded")
    assert re.fullmatch(rf"SRS0=\w{{6}}=\w\w=good\.{DOMAIN}=Origin@{world.ours}", mail.sender)
    assert mail.data.startswith(b"Delivered-To: " + address.encode() + b"\r\nReceived: ")
    assert b"Return-Path" not in mail.data
    assert len(mails(world, mia, "forwarded")) == 1
    # A report from there, to the sender that it saw, goes to whom it concerns; nothing else does.
    send(world, "", [mail.sender.lower()], "a report")
    (back,) = forwarded(world, origin.lower(), "a report")
    assert back.sender == ""
    assert refusal(world, "eve@else.example", mail.sender) == "550 5.7.1"
    broken = mail.sender.replace("SRS0=" + mail.sender[5], "SRS0=" + ("1" if mail.sender[5] != "1" else "2"))
    assert refusal(world, "", broken) == "550 5.1.1"


def test_a_failed_forward_is_told_to_the_first_sender(world):
    world.rules["bounce"] = lambda verb, text: "550 5.1.1 nobody" if verb == "RCPT" else None
    origin = f"teller@good.{DOMAIN}"
    send(world, origin, [lead(world, f"nobody@bounce.{DOMAIN}")], "fails far away")
    report = wait_until(lambda: [m for m in world.sink.of(origin) if b"delivery-status" in m.data], WAIT, "a report")[0]
    assert report.sender == "" and f"nobody@bounce.{DOMAIN}".encode() in report.data


def test_null_senders_stay_null_and_own_ones_their_own(world):
    mia = world.server.new_user()
    address = lead(world, FAR)
    send(world, "", [address], "null sender")
    assert forwarded(world, FAR, "null sender")[0].sender == ""
    send(world, mia["address"], [address], "own sender", login=mia)
    assert forwarded(world, FAR, "own sender")[0].sender == mia["address"]


def test_a_circle_through_the_world_ends(world):
    address = lead(world, FAR)
    send(world, "eve@else.example", [address], "circle")
    (mail,) = forwarded(world, FAR, "circle")
    with world.server.smtp() as client, pytest.raises(smtplib.SMTPDataError) as refused:
        client.sendmail(mail.sender, [address], mail.data)
    assert refused.value.smtp_code == 554


def test_a_catch_all_gets_what_nobody_else_does(world):
    mia, leo = world.server.new_user(), world.server.new_user()
    name = f"catch{next(NUMBERS)}.example"
    world.server.cli("domain", "add", name)
    assert refusal(world, "eve@else.example", f"anything@{name}") == "550 5.1.1"
    world.server.cli("address", "add", f"*@{name}", "--account", mia["address"])
    world.server.cli("address", "add", f"leo@{name}", "--account", leo["address"])
    wait_until(lambda: is_taken(world, f"anything@{name}", "caught"), 60, "the catch-all at all workers")
    send(world, "eve@else.example", [f"leo+x@{name}"], "not caught")
    assert len(mails(world, mia, "caught")) == 1 and not mails(world, mia, "not caught")
    assert len(mails(world, leo, "not caught")) == 1
    send(world, f"whoever@{name}", [leo["address"]], "as anybody", login=mia)
    with world.server.smtp("submission", login=mia) as client:
        assert client.mail(f"leo@{name}")[0] == 553


def test_another_name_of_a_domain(world):
    mia = world.server.new_user()
    name = f"name{next(NUMBERS)}.example"
    world.server.cli("domain", "add", name)
    world.server.cli("domain", "alias", name, world.ours)
    local = mia["address"].split("@")[0]
    send(world, "eve@else.example", [f"{local}+tag@{name}", mia["address"]], "two names")
    assert len(mails(world, mia, "two names")) == 1
    send(world, f"{local}@{name}", [FAR], "from the other name", login=mia)
    assert forwarded(world, FAR, "from the other name")[0].sender == f"{local}@{name}"


def test_a_grant_lets_another_user_send(world):
    mia, leo = world.server.new_user(), world.server.new_user()
    office = lead(world, leo["address"])
    with world.server.smtp("submission", login=mia) as client:
        assert client.mail(office)[0] == 553
    world.server.cli("address", "change", office, "--senders", mia["address"])
    send(world, office, [FAR], "on behalf", login=mia)
    assert forwarded(world, FAR, "on behalf")[0].sender == office


def test_who_writes_on_behalf_is_told(world):
    """FEATURES 34: the owner is the author, and a Sender field, which DKIM signs, tells who wrote (RFC 5322 3.6.2)."""
    mia, leo, eve = (world.server.new_user() for _ in range(3))
    boss, own = leo["address"], mia["address"]
    changed = json.loads(world.server.cli("address", "change", boss, "--on-behalf", own, "--json").stdout)
    assert (changed["senders"], changed["onBehalf"]) == ([], [own])

    def sent(subject, header, sender=boss, login=mia):
        with world.server.smtp("submission", login=login) as client:
            if client.mail(sender)[0] != 250:
                return 0, []
            assert client.rcpt(leo["address"])[0] == 250
            code, _ = client.data(f"{header}Subject: {subject}\r\n\r\nx\r\n")
            came = map(email.message_from_bytes, mails(world, leo, subject)) if code == 250 else []
            return code, [m.get_all("Sender", []) for m in came if m["Subject"] == subject]

    assert sent("told", f"From: {boss}\r\n") == (250, [[f"<{own}>"]])
    assert sent("own envelope", f"From: Leo <{boss}>\r\n", sender=own) == (250, [[f"<{own}>"]])
    assert sent("told already", f"From: {boss}\r\nSender: Mia <{own}>\r\n") == (250, [[f"Mia <{own}>"]])
    assert sent("told wrong", f"From: {boss}\r\nSender: {boss}\r\n")[0] == 550
    assert sent("again", f"From: {own}\r\nResent-From: {boss}\r\n", sender=own)[0] == 550
    assert sent("nobody", f"From: {boss}\r\n", login=eve)[0] == 0
    # Who may send as the address needs no Sender; the other grant is nothing then, and ends with neither.
    world.server.cli("address", "change", boss, "--senders", own)
    assert sent("as it", f"From: {boss}\r\n") == (250, [[]])
    world.server.cli("address", "change", boss, "--senders", "", "--on-behalf", "")
    assert sent("no more", f"From: {boss}\r\n")[0] == 0
