# SPDX-License-Identifier: Apache-2.0
"""PROMISES R21 and R22: what goes in by SMTP comes out by IMAP byte for byte, beside the trace fields
on top, whatever it is. Messages with a bare CR, a bare LF or a NUL never get in: SMTP is lines that
end in CRLF (ATTACKS S1), so the vectors, which are files with LF, are sent with CRLF."""
import pathlib
import random
import re

import pytest
from smtp_raw import RawSmtp, fetch_all, stuffed, without_trace

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors"
FOLDERS = ["mime-messages", "dkim-rfc", "dkim-dmarc"]
NOT_MESSAGES = {".md", ".dns", ".json", ".gz", ".zip", ".xml"}


def to_wire(message):
    """Lines that end in CRLF, without what SMTP cannot carry."""
    message = re.sub(rb"\r\n|\r|\n", b"\r\n", message.replace(b"\0", b""))
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def as_stored(message):
    """Without fields that only the receiving server may write (ATTACKS S26)."""
    header, end, body = message.partition(b"\r\n\r\n")
    header = re.sub(rb"(?mi)^return-path[ \t]*:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", b"", header + b"\r\n")
    return header[:-2] + end + body if end else header[:-2]


def send_all(heronry, user, messages):
    """Sends them one after the other in one session."""
    with RawSmtp(heronry.ports["smtp"], timeout=60) as smtp:
        for message in messages:
            smtp.begin(user["address"])
            smtp.send(stuffed(message))
            code, text = smtp.reply()
            assert code == 250, (text, message[:200])


def assert_all_there(heronry, user, messages):
    stored = fetch_all(heronry, user)
    assert len(stored) == len(messages)
    for got, sent in zip(stored, messages):
        assert without_trace(got) == as_stored(sent), sent[:200]


@pytest.mark.parametrize("folder", FOLDERS)
def test_vectors(heronry, folder):
    files = sorted(p for p in (VECTORS / folder).rglob("*")
                   if p.is_file() and p.suffix not in NOT_MESSAGES and not p.name.startswith("LICENSE"))
    assert files
    messages = [to_wire(p.read_bytes()) for p in files]
    user = heronry.new_user()
    send_all(heronry, user, messages)
    assert_all_there(heronry, user, messages)


def nested(depth):
    head = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i) for i in range(depth))
    return head + b"\r\nx\r\n"


def poison():
    """Content that has broken the databases and parsers of others."""
    chance = random.Random(7)
    noise = bytes(b for b in chance.randbytes(300_000) if b not in b"\r\n\0")
    words = b" ".join(b"w%d" % n for n in range(150_000))
    return {
        "empty": b"",
        "only a line end": b"\r\n",
        "no header": b"\r\nbody\r\n",
        "invalid UTF-8 everywhere": b"Subject: \xff\xfe\xc0\xaf\r\nFrom: \xf5 <\x80@\xed\xa0\x80>\r\n\r\n\xf8\x88\r\n",
        "decoded NUL": b"Subject: =?utf-8?Q?a=00b?= =?utf-16?B?AAAAAA==?=\r\nFrom: =?utf-8?B?AAA=?= <a@b>\r\n\r\nx\r\n",
        "escapes of JSON and SQL": b"Subject: \\u0000 '; DROP TABLE message; -- %n%s \\x00 {}\r\n\r\n'\\u0000\r\n",
        "dates that are none": b"Date: Mon, 99 Foo 999999 99:99:99 +9999\r\n\r\nx\r\n",
        "date of year 9999": b"Date: Fri, 31 Dec 9999 23:59:60 -1200\r\n\r\nx\r\n",
        "a word of a megabyte": b"Subject: " + b"a" * 900_000 + b"\r\n\r\n" + b"b" * 900_000 + b"\r\n",
        "too many words for an index": b"Subject: words\r\n\r\n" + re.sub(rb"(.{900}\S*) ", rb"\1\r\n", words) + b"\r\n",
        "20,000 fields": b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\nx\r\n",
        "a million addresses": b"To: " + b"a@b,\r\n " * 200_000 + b"a@b\r\n\r\nx\r\n",
        "references without end": b"References: " + b"<a@b>\r\n " * 50_000 + b"<a@b>\r\n\r\nx\r\n",
        "nested 1,000 deep": nested(1_000),
        "10,000 parts": b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 10_000 + b"--b--\r\n",
        "comments without end": b"From: " + b"(" * 5_000 + b"\r\nDate: " + b"(" * 5_000 + b"\r\n\r\nx\r\n",
        "parameters without end": b"Content-Type: text/plain" + b"".join(b";\r\n n*%d=x" % n for n in range(3_000)) + b"\r\n\r\nx\r\n",
        "unknown charset and encoding": b"Content-Type: text/plain; charset=x-none\r\nContent-Transfer-Encoding: rot13\r\n\r\n\xff\r\n",
        "noise": b"Subject: noise\r\n\r\n" + re.sub(rb"(?s)(.{900})", rb"\1\r\n", noise) + b"\r\n",
        "noise in the header": re.sub(rb"(?s)(.{900})", rb"\1\r\n", noise[:50_000]) + b"\r\n\r\nx\r\n",
        "controls": b"Subject: \x01\x02\x1b[31m\x7f\r\n\r\n" + bytes(c for c in range(1, 32) if c not in (10, 13)) + b"\r\n",
        "surrogates and overlongs": b"Subject: \xed\xa0\x80\xed\xb0\x80 \xc1\xbf\r\n\r\nx\r\n",
    }


def test_poison(heronry):
    user, messages = heronry.new_user(), list(poison().values())
    send_all(heronry, user, messages)
    assert_all_there(heronry, user, messages)


def test_delivery_does_not_depend_on_derived_data(heronry_factory):
    """The deriving of envelope, structure and summary fails for every message; they are delivered."""
    server = heronry_factory(environment={"HERONRY_FAILPOINT": "store-derive:error"})
    user, messages = server.user(2), [b"Subject: bare\r\n\r\nx\r\n", b"Subject: large\r\n\r\n" + b"y" * 900 + b"\r\n" * 2]
    send_all(server, user, messages)
    assert_all_there(server, user, messages)


@pytest.mark.parametrize("fault", [b"a\rb", b"a\nb", b"a\0b"])
def test_what_is_no_line_never_gets_in(heronry, fault):
    user = heronry.new_user()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.begin(user["address"])
        smtp.send(b"Subject: x\r\n\r\n" + fault + b"\r\n.\r\n")
        assert smtp.reply()[0] == 550
    assert fetch_all(heronry, user) == []
