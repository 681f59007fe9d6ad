# SPDX-License-Identifier: Apache-2.0
"""Debian's Postfix, Exim and OpenSMTPD send to us and receive from us, with all that they can do and with little;
opendkim and python3-dkim read what we sign, and we what they sign (issue "SMTP at full strength", proofs 3)."""
import email
import email.policy
import re

import dkim
import pytest
from conftest import wait_until
from neighbours import KINDS, Exim, Postfix
from outbound import DOMAIN
from village import BODY, WAIT


@pytest.fixture(params=[k.name() for k in KINDS])
def neighbour(village, request):
    return village.neighbours[request.param]


def letter(sender, to, subject):
    return (f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{subject}@neighbour.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: 8bit\r\n\r\n{BODY}").encode()


@pytest.mark.parametrize("way, protocol", [("secure", b"ESMTPS"), ("plain", b"ESMTP")])
def test_they_send_to_us(village, neighbour, way, protocol):
    """To two people in one transaction: over TLS with our certificate verified, and without."""
    users = [village.server.new_user() for _ in range(2)]
    sender, subject = f"somebody@{neighbour.domain}", f"{neighbour.name()}-{way}"
    to = [u["address"].replace("@", f"+{way}@") for u in users]
    neighbour.hand_over(sender, to, letter(sender, to[0], subject), ["BODY=8BITMIME"])
    for user in users:
        (stored,) = village.inbox(user, [subject.encode()])
        assert stored.endswith(b"\r\n\r\n" + BODY.encode())
        assert b" with " + protocol + b" id " in stored.partition(b"Subject:")[0], stored[:2000]
        assert len(re.findall(rb"^Return-Path: <%s>" % sender.encode(), stored, re.M)) == 1


@pytest.mark.parametrize("prefix, tls", [("", True), ("bare.", False)])
def test_we_send_to_them(village, neighbour, prefix, tls):
    """What arrives is what was written, whatever the server can do. OpenSMTPD as Debian 12 has it offers TLS that
    never succeeds (its issue 1239): its mail comes in plain text, and that is noted."""
    to = [f"{name}@{prefix}{neighbour.domain}" for name in ("one", "two")]
    subject, tls = f"to-{neighbour.name()}-{tls}", tls and neighbour.name() != "opensmtpd"
    village.submit(to, subject)
    found = wait_until(lambda: len(m := neighbour.received(subject.encode())) == 2 and m, WAIT, "both copies")
    for message in found:
        parsed = email.message_from_bytes(message, policy=email.policy.SMTP)     # as signed: in seven bits
        assert message.isascii() and parsed.get_payload(decode=True) == BODY.encode()
        protocol = re.search(rb"with (e?smtps?) ", message, re.I).group(1)
        assert protocol.lower() == (b"esmtps" if tls else b"esmtp"), message[:1500]

    def is_broken():
        return any('reason="TLS handshake' in l and f"[{neighbour.full}]" in l for l in village.server.log().splitlines())
    if neighbour.name() != "opensmtpd":
        assert not is_broken()
    elif not prefix:  # the mail may be in its box before we have written it down
        wait_until(is_broken, WAIT, "a warning")


def test_exim_sends_in_chunks(village):
    """RFC 3030: BDAT, told by "K" in Exim's log, where its PIPELINING is "L"."""
    exim, user = village.neighbours["exim"], village.server.new_user()
    exim.hand_over(f"somebody@{exim.domain}", [user["address"]], letter(f"a@{exim.domain}", user["address"], "chunks"), ["BODY=8BITMIME"])
    village.inbox(user, [b"Subject: chunks"])
    lines = wait_until(lambda: [l for l in exim.log().splitlines() if f"=> {user['address']}" in l], WAIT, "Exim's log")
    assert re.search(r" X=TLS\S+ .* L .*K |K .*L", lines[0]), lines


def test_postfix_hands_over_by_lmtp(village):
    """The third recipient of three does not exist: it alone comes back to the sender."""
    postfix, users = village.neighbours["postfix"], [village.server.new_user() for _ in range(2)]
    to = [u["address"].replace("@", "+lmtp@") for u in users] + [f"absent+lmtp@{village.server.domain}"]
    sender = f"sender@{postfix.domain}"
    postfix.hand_over(sender, to, letter(sender, to[0], "by-lmtp"), ["BODY=8BITMIME"])
    for user in users:
        (stored,) = village.inbox(user, [b"Subject: by-lmtp"])
        assert b" with LMTP id " in stored and stored.endswith(BODY.encode())
    (report,) = wait_until(lambda: [m for m in postfix.received(b"by-lmtp") if b"multipart/report" in m], WAIT, "the report")
    assert f"Final-Recipient: rfc822; {to[2]}".encode() in report and b"Status: 5.1.1" in report


def test_their_reports_reach_us(village, neighbour):
    """RFC 3461 handed on: who asked hears of success and of failure from the server that knows. The history has it, too,
    where the sender named its message."""
    ok, bad = f"reported@{neighbour.domain}", f"nobody@{neighbour.domain}"
    subject = f"report-of-{neighbour.name()}"
    village.server.cli("user", "from-id", village.user["address"], "on")
    village.submit([ok], subject, options=("BODY=8BITMIME", "RET=HDRS", "ENVID=one"), rcpt_options=["NOTIFY=SUCCESS,FAILURE"])
    village.server.cli("user", "from-id", village.user["address"], "off")
    village.submit([bad], subject)
    (success,) = village.inbox(village.user, [b"message/delivery-status", ok.encode()])
    assert b"Action: delivered" in success and neighbour.domain.encode() in success.partition(b"Final-Recipient")[0]
    (traced,) = wait_until(lambda: [d for d in village.server.json("queue", "trace", "--recipient", ok)["items"]
                                    if d["state"] == "reportedDelivered"], WAIT, "the report in the history")
    assert traced["attempts"][-1]["code"].startswith("2.") and traced["attempts"][-1]["server"]
    (failure,) = village.inbox(village.user, [b"multipart/report", bad.encode()])
    assert b"Action: failed" in failure and b"Status: 5." in failure and b"rfc822;" + bad.encode() in failure.replace(b"; ", b";")


def test_our_reports_reach_them(village):
    """Success is told by us, who delivered; that somebody does not exist, by them, in our words."""
    absent = f"absent@{village.server.domain}"
    to = {one: village.server.new_user()["address"] for one in village.neighbours.values()}
    for one, address in to.items():
        sender = f"asking@{one.domain}"
        one.hand_over(sender, [address], letter(sender, address, "told"), ["BODY=8BITMIME", "ENVID=two"], ["NOTIFY=SUCCESS"])
        one.hand_over(sender, [absent], letter(sender, absent, "lost"), ["BODY=8BITMIME"])
    for one, address in to.items():
        (bounce,) = wait_until(lambda: one.received(b"Subject: lost"), WAIT, "their report")
        assert absent.encode() in bounce and b"550" in bounce and b"5.1.1" in bounce, bounce
        (report,) = wait_until(lambda: one.received(b"Action: delivered"), WAIT, "our report")
        assert f"Final-Recipient: rfc822;{address}".encode() in report.replace(b"; ", b";") and b"two" in report


@pytest.mark.parametrize("kind", [Postfix, Exim])
def test_addresses_beyond_ascii(village, kind):
    """Both ways (RFC 6531): OpenSMTPD does not know of them."""
    neighbour, user = village.neighbours[kind.name()], village.server.new_user()
    sender, subject = f"müller@{neighbour.domain}", f"utf8-{kind.name()}"
    neighbour.hand_over(sender, [user["address"]], letter(sender, user["address"], subject), ["SMTPUTF8", "BODY=8BITMIME"])
    (stored,) = village.inbox(user, [subject.encode()])
    assert f"Return-Path: <{sender}>".encode() in stored and b" with UTF8SMTPS id " in stored
    village.submit([sender], subject, options=["SMTPUTF8", "BODY=8BITMIME"])
    (message,) = wait_until(lambda: neighbour.received(subject.encode()), WAIT, "mail for a name beyond ASCII")
    assert f"To: {sender}".encode() in message


# ---- signatures ----

def test_opendkim_proves_our_signatures(village):
    """Both of them, in the mail as Postfix took it; a changed one does not pass, so this can fail."""
    to = f"proof@{DOMAIN.replace('out', 'postfix.out')}"
    village.submit([to], "our-signatures")
    (message,) = wait_until(lambda: village.neighbours["postfix"].received(b"our-signatures"), WAIT, "the mail")
    found = re.search(rb"Authentication-Results: opendkim\.test;((?:.*\r\n)(?:[ \t].*\r\n)*)", message).group(1)
    assert found.count(b"dkim=pass") == 2 and b"ed25519" in found, found
    answer = village.published()
    for index in range(2):
        assert dkim.DKIM(message).verify(idx=index, dnsfunc=lambda name, timeout=5: answer[name.decode().rstrip(".")].encode())


def results(village, user, wanted):
    (stored,) = village.inbox(user, [wanted])
    field = re.search(rb"^Authentication-Results: ?%s;((?:.*\r\n)(?:[ \t].*\r\n)*)" % village.server.hostname.encode(), stored, re.M)
    return " ".join(field.group(1).decode().split())


def test_we_prove_what_opendkim_signed(village):
    """Over Postfix, canonicalized as "simple": not an octet may change."""
    postfix, user = village.neighbours["postfix"], village.server.new_user()
    sender = f"signer@{postfix.domain}"
    postfix.hand_over(sender, [user["address"]], letter(sender, user["address"], "opendkim-signed"), ["BODY=8BITMIME"])
    said = results(village, user, b"opendkim-signed")
    assert re.search(rf"dkim=pass .*header.d={postfix.domain} header.s=rsa", said), said


@pytest.mark.parametrize("canonical", [(b"simple", b"simple"), (b"relaxed", b"relaxed"), (b"simple", b"relaxed")])
def test_we_prove_what_python_signed(village, canonical):
    """With both algorithms, and a chain of ARC over them, by way of two neighbours that change nothing of it."""
    exim, user, domain = village.neighbours["exim"], village.server.new_user(), f"python.{DOMAIN}"
    keys, sender = village.keys, f"a@python.{DOMAIN}"
    raw = letter(sender, user["address"], "python-" + b"-".join(canonical).decode())
    for selector, key, algorithm in ((b"rsa", keys.pem, b"rsa-sha256"), (b"ed", keys.seed, b"ed25519-sha256")):
        raw = dkim.sign(raw, selector, domain.encode(), key, canonicalize=canonical, signature_algorithm=algorithm) + raw
    raw = b"Authentication-Results: gate.example; dkim=pass header.d=" + domain.encode() + b"\r\n" + raw
    raw = b"".join(dkim.arc_sign(raw, b"rsa", domain.encode(), keys.pem, b"gate.example")) + raw
    exim.hand_over(sender, [user["address"]], raw, ["BODY=8BITMIME"])
    said = results(village, user, canonical[0])
    assert said.count("dkim=pass") == 2 and "arc=pass" in said, said
