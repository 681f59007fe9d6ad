# SPDX-License-Identifier: Apache-2.0
"""BDAT and BINARYMIME (RFC 3030): chunks are content whatever stands in them (R20), what is refused is never run as
commands, and binary parts reach the readers of a mailbox octet by octet."""
import base64
import hashlib

import pytest
from smtp_raw import RawSmtp, fetch_all

BINARY = bytes(range(256)) * 40 + b"\r\n.\r\n\n.\n\r.\r" + b"\0" * 7


def open_mail(smtp, recipient, more=""):
    smtp.hello()
    assert smtp.ask(f"MAIL FROM:<sender@remote.example>{more}")[0] == 250
    assert smtp.ask(f"RCPT TO:<{recipient}>")[0] == 250


def chunk(data, last=False):
    return b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data


def test_an_end_of_data_is_text_at_every_split(heronry):
    """Sent in two segments, and as two chunks, cut at every place."""
    user = heronry.new_user()
    inner = f"\r\n.\r\nMAIL FROM:<evil@remote.example>\r\nRCPT TO:<{user['address']}>\r\nDATA\r\n\r\n.\r\nQUIT\r\n".encode()
    content = b"Subject: one\r\n\r\ntext" + inner
    wire = chunk(content, True) + b"NOOP\r\n"
    for cut in range(0, len(wire), 3):
        with RawSmtp(heronry.ports["smtp"]) as smtp:
            open_mail(smtp, user["address"])
            smtp.send(wire, cut)
            assert [smtp.reply()[0], smtp.reply()[0]] == [250, 250]
    for cut in range(0, len(content), 3):
        with RawSmtp(heronry.ports["smtp"]) as smtp:
            open_mail(smtp, user["address"])
            smtp.send(chunk(content[:cut]) + chunk(content[cut:], True) + b"QUIT\r\n")
            assert [smtp.reply()[0] for _ in range(3)] == [250, 250, 221]
    messages = fetch_all(heronry, user)
    assert len(messages) == len(range(0, len(wire), 3)) + len(range(0, len(content), 3))
    assert all(m.endswith(content) for m in messages)


@pytest.mark.parametrize("bare", [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r.\n", b"\r.\r", b"\n.\r", b"\r\n\0.\r\n", b"\r"])
def test_bare_line_ends_are_refused(heronry, bare):
    user = heronry.new_user()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        open_mail(smtp, user["address"])
        smtp.send(chunk(b"Subject: x\r\n\r\ntext" + bare, True) + b"NOOP\r\n")
        code, text = smtp.reply()
        assert (code, text[4:9]) == (550, b"5.5.2")
        assert smtp.rest() == b""
    assert fetch_all(heronry, user) == []


def test_refused_chunks_are_never_commands(heronry):
    user = heronry.new_user()
    evil = f"MAIL FROM:<evil@remote.example>\r\nRCPT TO:<{user['address']}>\r\nBDAT 0 LAST\r\n".encode()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        assert smtp.ask(b"BDAT %d LAST\r\n" % len(evil) + evil)[0] == 503
        smtp.hello()
        assert smtp.ask(chunk(evil, True))[0] == 503
        assert smtp.ask("MAIL FROM:<sender@remote.example>")[0] == 250
        assert smtp.ask(chunk(evil, True))[0] == 554
        assert smtp.ask("RSET")[0] == 250
    assert fetch_all(heronry, user) == []


@pytest.mark.parametrize("bad", ["BDAT", "BDAT -1", "BDAT 5x", "BDAT 99999999999999999999 LAST", "BDAT 5 FIRST", "BDAT +5",
                                 "BDAT 0x5", "BDAT 5 LAST LAST"])
def test_a_size_that_is_none_ends_the_session(heronry, bad):
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        open_mail(smtp, heronry.user(1)["address"])
        smtp.send(bad.encode() + b"\r\nNOOP\r\nNOOP\r\n")
        code, text = smtp.reply()
        assert (code, text[4:9]) == (501, b"5.5.4")
        assert smtp.rest() == b""


def test_order_between_chunks(heronry):
    user = heronry.new_user()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        open_mail(smtp, user["address"])
        assert smtp.ask(chunk(b"Subject: x\r\n"))[0] == 250
        for command in (f"RCPT TO:<{user['address']}>", "DATA", "MAIL FROM:<a@remote.example>", "STARTTLS"):
            assert smtp.ask(command)[0] == 503, command
        assert smtp.ask("NOOP")[0] == 250
        assert smtp.ask(chunk(b"\r\nwhole", True))[0] == 250
        assert smtp.ask(chunk(b"more", True))[0] == 503
        open_mail(smtp, user["address"])
        assert smtp.ask(chunk(b"Subject: forgotten\r\n"))[0] == 250
        assert smtp.ask("RSET")[0] == 250
        assert smtp.ask(chunk(b"\r\n", True))[0] == 503
        open_mail(smtp, user["address"])
        smtp.send(chunk(b"Subject: y\r\n") + chunk(b"") + chunk(b"", True) + b"QUIT\r\n")
        assert [smtp.reply()[0] for _ in range(4)] == [250, 250, 250, 221]
    texts = fetch_all(heronry, user)
    assert [t[t.index(b"Subject"):] for t in texts] == [b"Subject: x\r\n\r\nwhole\r\n", b"Subject: y\r\n"]


def test_the_sum_of_chunks_is_limited(heronry):
    """What comes behind the chunk that was too much is refused with its octets; the session goes on."""
    block = (b"x" * 998 + b"\r\n") * 1000
    with RawSmtp(heronry.ports["smtp"], timeout=60) as smtp:
        open_mail(smtp, heronry.user(1)["address"])
        codes = [smtp.ask(chunk(block))[0] for _ in range(28)]
        assert codes == [250] * 26 + [552, 503]
        assert smtp.ask("NOOP")[0] == 250


def test_many_small_chunks(heronry):
    """ATTACKS S4: small ones after 1,000, any after 10,000."""
    user = heronry.new_user()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        open_mail(smtp, user["address"])
        smtp.send(chunk(b"x") * 1500)
        codes = []
        while (reply := smtp.reply())[0] == 250:
            codes.append(reply[0])
        assert (len(codes), reply[0], reply[1][4:9]) == (1000, 421, b"4.7.0")
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        open_mail(smtp, user["address"])
        wire = chunk(b"x" * 62 + b"\r\n") * 500
        for _ in range(20):
            smtp.send(wire)
            assert {smtp.reply()[0] for _ in range(500)} == {250}
        assert smtp.ask(chunk(b"x" * 64))[0] == 421
    assert fetch_all(heronry, user) == []


def binary_mail(sender):
    return (f"From: {sender}\r\nSubject: binary\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n"
            "Content-Transfer-Encoding: binary\r\n\r\n--cut\r\nContent-Type: text/plain\r\n\r\nSee below.\r\n--cut\r\n"
            "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n").encode() + \
        BINARY + b"\r\n--cut--\r\n"


def binary_part(heronry, user):
    """The second part, decoded by the server (RFC 3516), and as it is stored."""
    client = heronry.imap(user)
    client.select("INBOX", readonly=True)
    decoded = client.fetch("1", "(BINARY.PEEK[2])")[1][0][1]
    whole = client.fetch("1", "(BODY.PEEK[])")[1][0][1]
    client.logout()
    return decoded, whole


@pytest.mark.parametrize("size", [1, 77, 100_000])
def test_binary_parts_stay_exact(heronry, size):
    user = heronry.new_user()
    mail = binary_mail("sender@remote.example")
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        open_mail(smtp, user["address"], " BODY=BINARYMIME")
        assert smtp.ask("DATA")[0] == 503
        pieces = [mail[i:i + size] for i in range(0, len(mail), size)] if size > 1 else [mail[:1], mail[1:-1], mail[-1:]]
        for piece in pieces[:-1]:
            assert smtp.ask(chunk(piece))[0] == 250
        code, text = smtp.ask(chunk(pieces[-1], True))
        assert code == 250, text
    decoded, whole = binary_part(heronry, user)
    assert hashlib.sha256(decoded).digest() == hashlib.sha256(BINARY).digest()
    assert b"\0" not in whole and base64.b64encode(BINARY)[:60] in whole
    assert b"binary\r\n\r\n" not in whole.replace(b"Subject: binary", b"")


def test_binary_by_submission(heronry):
    user = heronry.new_user()
    with heronry.smtp("submission", login=user) as client:
        assert client.docmd(f"MAIL FROM:<{user['address']}> BODY=BINARYMIME")[0] == 250
        assert client.docmd(f"RCPT TO:<{user['address']}>")[0] == 250
        client.send(chunk(binary_mail(user["address"]), True))
        assert client.getreply()[0] == 250
    assert binary_part(heronry, user)[0] == BINARY


def test_binary_that_cannot_be_encoded(heronry):
    """A NUL in the header, or in a signed part."""
    user = heronry.new_user()
    signed = (b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0\r\n--b\r\n\r\nz\r\n--b--\r\n")
    for mail in (b"Subject: a\0b\r\n\r\nx\r\n", signed):
        with RawSmtp(heronry.ports["smtp"]) as smtp:
            open_mail(smtp, user["address"], " BODY=BINARYMIME")
            code, text = smtp.ask(chunk(mail, True))
            assert (code, text[4:9]) == (554, b"5.6.3")
            assert smtp.ask("NOOP")[0] == 250
    assert fetch_all(heronry, user) == []
