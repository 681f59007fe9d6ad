# SPDX-License-Identifier: Apache-2.0
"""Mail programs of others drive the server: swaks, curl and Python's smtplib; what they send is read
back over IMAP (issue: proof 3)."""
import email
import email.message
import email.policy
import subprocess
import uuid

import pytest
from smtp_raw import fetch_all


def run(*words, stdin=None):
    done = subprocess.run([str(w) for w in words], input=stdin, capture_output=True, check=False, timeout=60)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def swaks(heronry, kind, *more):
    return run("swaks", "--server", f"127.0.0.1:{heronry.ports[kind]}", "--ehlo", "client.example", *more)


def test_swaks_to_port_25(heronry):
    user, mark = heronry.new_user(), uuid.uuid4().hex
    code, said = swaks(heronry, "smtp", "--from", "sender@remote.example", "--to", user["address"],
                       "--header", f"Subject: {mark}")
    assert code == 0, said
    assert [mark.encode() in m for m in fetch_all(heronry, user)] == [True]


def test_swaks_with_starttls(heronry):
    user = heronry.new_user()
    code, said = swaks(heronry, "smtp", "--tls", "--tls-verify", "--tls-ca-path", heronry.tls_ca, "--tls-sni", "localhost",
                       "--tls-verify-host", "localhost", "--from", "<>", "--to", user["address"])
    if "tls-verify-host" in said and code != 0:  # older swaks knows no such option
        code, said = swaks(heronry, "smtp", "--tls", "--from", "<>", "--to", user["address"])
    assert code == 0, said
    assert b"with ESMTPS id" in fetch_all(heronry, user)[0]


@pytest.mark.parametrize("kind, tls", [("submission", "--tls"), ("submissions", "--tls-on-connect")])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_submits(heronry, kind, tls, mechanism):
    sender, user = heronry.user(1), heronry.new_user()
    code, said = swaks(heronry, kind, tls, "--auth", mechanism, "--auth-user", sender["address"], "--auth-password",
                       sender["password"], "--from", sender["address"], "--to", user["address"])
    assert code == 0, said
    assert b"with ESMTPSA id" in fetch_all(heronry, user)[0]


def test_swaks_cannot_relay(heronry):
    code, said = swaks(heronry, "smtp", "--from", "a@remote.example", "--to", "b@foreign.example")
    assert code == 24, said  # its code for "no recipient was accepted"
    assert "550 5.7.1" in said


def curl(heronry, kind, scheme, sender, recipient, message, *more):
    return run("curl", "-sS", "--url", f"{scheme}://localhost:{heronry.ports[kind]}/client.example", "--mail-from", sender,
               "--mail-rcpt", recipient, "--upload-file", "-", "--cacert", heronry.tls_ca, *more, stdin=message)


def test_curl_to_port_25(heronry):
    user, mark = heronry.new_user(), uuid.uuid4().hex.encode()
    code, said = curl(heronry, "smtp", "smtp", "sender@remote.example", user["address"],
                      b"Subject: " + mark + b"\r\n\r\n.dot\r\n", "--ssl-reqd")
    assert code == 0, said
    assert fetch_all(heronry, user)[0].endswith(b"Subject: " + mark + b"\r\n\r\n.dot\r\n")


@pytest.mark.parametrize("kind, scheme", [("submission", "smtp"), ("submissions", "smtps")])
def test_curl_submits(heronry, kind, scheme):
    sender, user = heronry.user(1), heronry.new_user()
    message = f"From: {sender['address']}\r\nSubject: curl\r\n\r\nx\r\n".encode()
    code, said = curl(heronry, kind, scheme, sender["address"], user["address"], message, "--ssl-reqd", "--user",
                      f"{sender['address']}:{sender['password']}")
    assert code == 0, said
    assert len(fetch_all(heronry, user)) == 1


def test_curl_with_a_wrong_password(heronry):
    sender = heronry.user(1)
    code, said = curl(heronry, "submissions", "smtps", sender["address"], sender["address"], b"From: x\r\n\r\n", "--user",
                      f"{sender['address']}:wrong")
    assert code == 67, said  # its code for "login denied"


def test_smtplib_sends_to_two_in_one_transaction(heronry):
    first, second = heronry.new_user(), heronry.new_user()
    message = email.message.EmailMessage()
    message["From"], message["To"] = heronry.user(1)["address"], first["address"]
    message["Bcc"], message["Subject"] = second["address"], "grüße"
    message.set_content("schöne grüße\n" * 100)
    message.add_attachment(bytes(range(256)) * 300, maintype="application", subtype="octet-stream", filename="all.bin")
    with heronry.smtp("submission", login=heronry.user(1)) as smtp:
        assert smtp.send_message(message) == {}
    for user in (first, second):
        (stored,) = fetch_all(heronry, user)
        read = email.message_from_bytes(stored, policy=email.policy.default)
        assert read["Subject"] == "grüße" and read["Bcc"] is None and read["Date"] and read["Message-ID"]
        (attached,) = read.iter_attachments()
        assert attached.get_content() == bytes(range(256)) * 300
