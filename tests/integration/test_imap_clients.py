# SPDX-License-Identifier: Apache-2.0
"""Real IMAP clients against the running server: Python's imaplib and curl."""
import imaplib
import pathlib
import subprocess

import pytest

import imap_client
from imap_raw import Imap

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors" / "mime-messages"
MESSAGE = b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: hello\r\n\r\nThe body.\r\n"


@pytest.fixture(scope="module")
def user(heronry):
    return heronry.new_user()


def test_imaplib_walks_through_a_mailbox(heronry, user, recorder):
    client = imaplib.IMAP4_SSL("localhost", recorder.port, ssl_context=heronry.tls(), timeout=60)
    client.login(user["address"], user["password"])
    assert client.create('"Work &- Play"')[0] == "OK"
    assert client.append('"Work &- Play"', r"(\Flagged)", '"01-Jan-2024 00:00:00 +0000"', MESSAGE)[0] == "OK"
    assert client.select('"Work &- Play"') == ("OK", [b"1"])
    assert client.search(None, "FLAGGED", "SUBJECT", "hello") == ("OK", [b"1"])
    status, data = client.fetch("1", "(RFC822 UID)")
    assert status == "OK" and data[0][1] == MESSAGE
    assert client.store("1", "+FLAGS", r"(\Deleted)")[0] == "OK"
    assert client.expunge() == ("OK", [b"1"])
    assert client.close()[0] == "OK"
    assert client.delete('"Work &- Play"')[0] == "OK"
    assert client.logout()[0] == "BYE"


def test_imaplib_over_starttls(heronry, user):
    client = imap_client.IMAP4("localhost", heronry.ports["imap"], timeout=60)
    assert "LOGINDISABLED" in client.capabilities
    with pytest.raises(imaplib.IMAP4.error):
        client.login(user["address"], user["password"])
    client.starttls(heronry.tls())
    assert "LOGINDISABLED" not in client.capabilities
    assert client.login(user["address"], user["password"])[0] == "OK"
    client.logout()


def curl(heronry, user, url, *more, stdin=None):
    done = subprocess.run(["curl", "-sS", "--cacert", str(heronry.tls_ca), "--user",
                           f"{user['address']}:{user['password']}", url, *more], input=stdin, capture_output=True,
                          timeout=90, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_curl_reads_and_writes(heronry, user, recorder, tmp_path):
    base = f"imaps://localhost:{recorder.port}"
    mail = tmp_path / "mail.eml"
    mail.write_bytes(MESSAGE)
    assert b'"/" INBOX' in curl(heronry, user, base + "/")
    curl(heronry, user, base + "/", "-X", "CREATE FromCurl")
    curl(heronry, user, base + "/FromCurl", "-T", str(mail))
    assert curl(heronry, user, base + "/FromCurl;UID=1") == MESSAGE
    assert curl(heronry, user, base + "/FromCurl;UID=1;SECTION=TEXT") == b"The body.\r\n"
    assert curl(heronry, user, base + "/FromCurl?SUBJECT%20hello").strip() == b"* SEARCH 1"
    plain = f"imap://localhost:{heronry.ports['imap']}"
    assert curl(heronry, user, plain + "/FromCurl;UID=1", "--ssl-reqd") == MESSAGE


def vectors():
    return sorted(VECTORS.glob("*/*.eml"))


@pytest.mark.parametrize("path", vectors(), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_vector_comes_back_as_it_went_in(heronry, user, path):
    """R21 by APPEND; and its ENVELOPE, BODYSTRUCTURE and header can be fetched (I17)."""
    raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n").replace(b"\0", b"")
    with Imap(heronry, user) as client:
        answer = client.append("INBOX", raw)[-1]
        uid = answer.split(b"APPENDUID ")[1].split()[1].rstrip(b"]").decode()
        client.must("SELECT INBOX")
        assert client.fetch_body(uid) == raw
        for items in ("ENVELOPE", "BODYSTRUCTURE", "BODY", "BODY.PEEK[HEADER]", "BODY.PEEK[1]", "BODY.PEEK[1.MIME]"):
            client.must(f"UID FETCH {uid} {items}")


def test_big_messages_come_back_whole_and_in_parts(heronry, user):
    raw = b"Subject: big\r\n\r\n" + b"".join(b"line %07d of a big message\r\n" % i for i in range(200_000))
    with Imap(heronry, user) as client:
        client.must("CREATE Big")
        client.append("Big", raw)
        client.must("SELECT Big")
        assert client.fetch_body(1) == raw
        for start, count in ((0, 100), (262_143, 3), (1_000_000, 500_000), (len(raw) - 5, 100), (len(raw) + 1, 10)):
            line = client.must(f"FETCH 1 BODY.PEEK[]<{start}.{count}>")[0]
            assert raw[start:start + count] in line
            assert b"BODY[]<%d> {%d}" % (start, len(raw[start:start + count])) in line
