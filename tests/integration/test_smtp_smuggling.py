# SPDX-License-Identifier: Apache-2.0
"""ATTACKS S1 and PROMISES R20: nothing but CRLF.CRLF ends a message. Each sequence that ends one for
somebody else is sent in two segments, cut at every place; never may what follows it be run."""
import pytest
from smtp_raw import RawSmtp, fetch_all

SEQUENCES = [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r.\n", b"\r.\r", b"\n.\r", b"\r\n\0.\r\n", b"\r\n.\n", b"\r\n.\r"]
# Those of the published scanner (SMTP-Smuggling-Tools), for mail that comes and for mail that leaves.
SCANNED_IN = [b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n\0.\r\n"]
SCANNED_OUT = [*SCANNED_IN, b"\r\n.\r\r\n", b"\r\r\n.\r\r\n"]
BEFORE = b"Subject: first\r\n\r\ntext"


def smuggled(recipient):
    return (f"MAIL FROM:<evil@remote.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\nSubject: smuggled\r\n"
            "\r\nx\r\n.\r\n").encode()


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda s: s.hex())
def test_sequence_at_every_split(heronry, sequence):
    user = heronry.new_user()
    wire = BEFORE + sequence + smuggled(user["address"])
    for cut in range(len(wire)):
        with RawSmtp(heronry.ports["smtp"]) as smtp:
            smtp.begin(user["address"])
            smtp.send(wire, cut)
            code, text = smtp.reply()
            assert (code, text[4:9]) == (550, b"5.5.2"), f"cut at {cut}: {text!r}"
            assert smtp.rest() == b"", f"cut at {cut}: the session went on"
    assert fetch_all(heronry, user) == []


def test_as_the_published_scanner_asks(heronry):
    """Its form of the attack: the false end stands in lines of its own, and what follows is written in other letters."""
    user = heronry.new_user()
    assert set(SCANNED_IN) <= set(SEQUENCES)
    for sequence in SCANNED_OUT:
        with RawSmtp(heronry.ports["smtp"]) as smtp:
            smtp.begin(user["address"])
            smtp.send(BEFORE + b"\r\n" + sequence + b"\r\n" + smuggled(user["address"]).replace(b"MAIL", b"mail")
                      .replace(b"RCPT", b"rcpt").replace(b"DATA", b"data"))
            code, text = smtp.reply()
            assert (code, text[4:9]) == (550, b"5.5.2"), f"{sequence!r}: {text!r}"
            assert smtp.rest() == b"", f"{sequence!r}: the session went on"
    assert fetch_all(heronry, user) == []


def test_real_end_at_every_split(heronry):
    user = heronry.new_user()
    wire = b"Subject: whole\r\n\r\n..\r\nx\r\n.\r\nQUIT\r\n"
    for cut in range(len(wire)):
        with RawSmtp(heronry.ports["smtp"]) as smtp:
            smtp.begin(user["address"])
            smtp.send(wire, cut)
            assert smtp.reply()[0] == 250
            assert smtp.reply()[0] == 221
    messages = fetch_all(heronry, user)
    assert len(messages) == len(wire)
    assert all(m.endswith(b"Subject: whole\r\n\r\n.\r\nx\r\n") for m in messages)


@pytest.mark.parametrize("kind", ["smtp", "submissions"])
def test_clean_message_after_a_refused_one(heronry, kind):
    """The refusal ends the session; the next one begins without a trace of it."""
    user, login = heronry.new_user(), heronry.user(1) if kind == "submissions" else None
    for body in (b"a\nb\r\n", b"a\r\nb\r\n"):
        with heronry.smtp(kind, login=login) as smtp:
            smtp.mail(heronry.user(1)["address"] if login else "sender@remote.example")
            smtp.rcpt(user["address"])
            smtp.docmd("DATA")
            smtp.send(b"From: " + heronry.user(1)["address"].encode() + b"\r\n\r\n" + body + b".\r\n")
            code, _ = smtp.getreply()
            assert code == (550 if b"a\nb" in body else 250)
            if code == 550:
                smtp.close()
    assert len(fetch_all(heronry, user)) == 1


def test_people_of_ours_smuggle_nothing_to_others(heronry):
    """R20 outbound: what they hand over with an end of data that is none goes nowhere."""
    sender = heronry.user(1)
    for sequence in sorted({*SEQUENCES, *SCANNED_OUT}):
        with heronry.smtp("submissions", login=sender) as smtp:
            smtp.mail(sender["address"])
            smtp.rcpt("somebody@elsewhere.example")
            smtp.docmd("DATA")
            smtp.send(b"From: %s\r\n\r\ntext" % sender["address"].encode() + sequence
                      + smuggled("victim@elsewhere.example") + b".\r\n")
            code, text = smtp.getreply()
            assert (code, text[:5]) == (550, b"5.5.2"), f"{sequence!r}: {text!r}"
            smtp.close()
    assert heronry.psql("SELECT count(*) FROM q_rcpt WHERE domain = 'elsewhere.example'") == "0"
