# SPDX-License-Identifier: Apache-2.0
"""Trace fields and what submission does to a message (FEATURES 8, 17, 30, 33; ATTACKS S26)."""
import re

import pytest
from smtp_raw import RawSmtp, fetch_all, send_message, stuffed


def header_of(message):
    return message.partition(b"\r\n\r\n")[0] + b"\r\n"


def test_fields_on_top(heronry):
    user = heronry.new_user()
    assert send_message(heronry.ports["smtp"], [user["address"]], b"Subject: t\r\n\r\nx\r\n")[0] == 250
    (message,) = fetch_all(heronry, user)
    address, host = re.escape(user["address"].encode()), re.escape(heronry.hostname.encode())
    assert re.fullmatch(rb"Return-Path: <sender@remote\.example>\r\n"
                        rb"Delivered-To: " + address + rb"\r\n"
                        rb"Received: from client\.example \(\[127\.0\.0\.1\]\)\r\n"
                        rb"\tby " + host + rb" with ESMTP id [a-z0-9]{12}\r\n"
                        rb"\tfor <" + address + rb">;\r\n"
                        rb"\t\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d \+0000\r\n"
                        rb"Subject: t\r\n", header_of(message))


def test_tls_is_told(heronry):
    user = heronry.new_user()
    with heronry.smtp() as smtp:
        smtp.starttls(context=heronry.tls())
        smtp.ehlo("client.example")
        smtp.sendmail("", [user["address"]], b"Subject: t\r\n\r\nx\r\n")
    header = header_of(fetch_all(heronry, user)[0])
    assert header.startswith(b"Return-Path: <>\r\n")
    assert re.search(rb"with ESMTPS id \w+\r\n\t\(TLSv1\.3 TLS_[A-Z0-9_]+\)\r\n", header)


def test_the_session_of_the_log(heronry):
    user = heronry.new_user()
    _, text = send_message(heronry.ports["smtp"], [user["address"]], b"Subject: t\r\n\r\nx\r\n")
    session = re.search(rb"Accepted as (\w+)\.1", text).group(1)
    assert b" id " + session in header_of(fetch_all(heronry, user)[0])
    assert session.decode() in heronry.log()


def test_one_copy_for_several_addresses(heronry):
    """Blind copies stay blind: with several accounts each copy names its own recipient only. All of it
    can be read in parts, and sizes are right."""
    user, other = heronry.new_user(), heronry.new_user()
    tagged = user["address"].replace("@", "+tag@")
    body = b"Subject: once\r\n\r\n" + b"a line of text\r\n" * 30
    reply = send_message(heronry.ports["smtp"], [tagged, user["address"], user["address"].upper(), other["address"]],
                         body)
    assert reply[0] == 250
    for account, named, hidden in ((user, tagged, other["address"]), (other, other["address"], user["address"])):
        (message,) = fetch_all(heronry, account)
        assert message.startswith(b"Return-Path: <sender@remote.example>\r\nDelivered-To: " + named.encode()
                                  + b"\r\nReceived: from ")
        assert hidden.encode() not in message and message.endswith(body)
        imap = heronry.imap(login=account)
        imap.select("INBOX", readonly=True)
        _, data = imap.fetch("1", "(RFC822.SIZE)")
        assert f"RFC822.SIZE {len(message)}".encode() in data[0]
        for section, wanted in (("BODY.PEEK[TEXT]", message.partition(b"\r\n\r\n")[2]),
                                ("BODY.PEEK[HEADER]", header_of(message) + b"\r\n"),
                                ("BODY.PEEK[]<30.40>", message[30:70]),
                                ("BODY.PEEK[HEADER.FIELDS (DELIVERED-TO)]",
                                 b"Delivered-To: " + named.encode() + b"\r\n\r\n")):
            _, data = imap.fetch("1", f"({section})")
            assert data[0][1] == wanted, section
        imap.logout()
        assert heronry.psql("SELECT q_bytes FROM account_state JOIN account USING (account_id) WHERE login = "
                            f"'{account['address']}'") == str(len(message))


def test_copies_of_a_submission_name_their_own_recipient(heronry):
    sender, user, blind = heronry.user(1)["address"], heronry.new_user(), heronry.new_user()
    assert submit(heronry, [user["address"], blind["address"]], f"From: {sender}\r\n\r\nx\r\n".encode())[0] == 250
    for account in (user, blind):
        header = header_of(fetch_all(heronry, account)[0])
        assert re.findall(rb"^Delivered-To: (.*)\r$", header, re.M) == [account["address"].encode()]


def test_what_was_delivered_here_before(heronry):
    """S23: a message that this address has had already goes in circles; others get it, and the sender is told."""
    user, other = heronry.new_user(), heronry.new_user()
    message = f"Delivered-To: {user['address'].upper()}\r\nSubject: again\r\n\r\nx\r\n".encode()
    code, text = send_message(heronry.ports["smtp"], [user["address"]], message)
    assert (code, text[4:9]) == (554, b"5.4.6")
    assert send_message(heronry.ports["smtp"], [user["address"], other["address"]], message,
                        sender=heronry.user(3)["address"])[0] == 250
    assert fetch_all(heronry, user) == []
    (stored,) = fetch_all(heronry, other)
    assert stored.endswith(message)
    assert any(b"5.4.6" in m and user["address"].encode() in m for m in fetch_all(heronry, heronry.user(3)))


def test_forged_fields_are_taken_out(heronry):
    user, host = heronry.new_user(), heronry.hostname.encode()
    kept = b"Authentication-Results: other.example; spf=pass\r\nSubject: kept\r\n"
    forged = [b"Return-Path: <boss@" + host + b">\r\n", b"authentication-results: " + host.upper() + b"; dkim=pass\r\n",
              b"Authentication-Results:\r\n (a (b) c)\r\n " + host + b" 1; spf=pass\r\n",
              b'Authentication-Results: "' + host + b'"; x=pass\r\n', b"X-Spam-Flag: NO\r\n"]
    message = forged[0] + forged[1] + kept + b"".join(forged[2:]) + b"\r\nX-Spam-Flag: in the body\r\n"
    assert send_message(heronry.ports["smtp"], [user["address"]], message)[0] == 250
    (stored,) = fetch_all(heronry, user)
    header = header_of(stored)
    assert header.count(b"Return-Path:") == 1 and b"boss@" not in header
    assert header.lower().count(b"authentication-results") == 1
    assert stored.endswith(kept + b"\r\nX-Spam-Flag: in the body\r\n")


def submit(heronry, recipients, message, sender=None):
    with heronry.smtp("submission", login=heronry.user(1)) as smtp:
        smtp.mail(sender or heronry.user(1)["address"])
        for recipient in recipients:
            assert smtp.rcpt(recipient)[0] == 250
        assert smtp.docmd("DATA")[0] == 354
        smtp.send(stuffed(message))
        return smtp.getreply()


def test_submission_completes_and_cleans(heronry):
    sender, user, blind = heronry.user(1)["address"], heronry.new_user(), heronry.new_user()
    message = (f"From: Me <{sender}>\r\nTo: {user['address']}\r\nBcc: {blind['address']},\r\n x@y\r\n"
               "Subject: t\r\n\r\nx\r\n").encode()
    assert submit(heronry, [user["address"], blind["address"]], message)[0] == 250
    for account in (user, blind):
        header = header_of(fetch_all(heronry, account)[0])
        assert b"Bcc" not in header and (account is blind or blind["address"].encode() not in header)
        assert re.search(rb"^Date: \w{3}, ", header, re.M)
        assert re.search(rb"^Message-ID: <[^>]+@" + re.escape(heronry.hostname.encode()) + rb">\r\n", header, re.M)
        assert b"from client.example ([127.0.0.1])" in header


def test_submission_keeps_what_is_there(heronry):
    sender, user = heronry.user(1)["address"], heronry.new_user()
    message = f"Date: yesterday\r\nMessage-ID: <mine@{sender}>\r\nFrom: {sender}\r\n\r\n.x\r\n".encode()
    assert submit(heronry, [user["address"]], message)[0] == 250
    assert fetch_all(heronry, user)[0].endswith(message)


@pytest.mark.parametrize("field", ["Sender: boss@{domain}", "Sender: {other}", "Resent-From: {other}",
                                   "From : {other}", "From: {other}", "Sender: {mine}, {other}"])
def test_nobody_writes_for_others(heronry, field):
    mine, other = heronry.user(1)["address"], heronry.user(2)["address"]
    extra = field.format(mine=mine, other=other, domain=heronry.domain)
    for message in (f"From: {mine}\r\n{extra}\r\n\r\nx\r\n", f"{extra}\r\nFrom: {mine}\r\n\r\nx\r\n"):
        code, text = submit(heronry, [other], message.encode())
        assert (code, text[:5]) == (550, b"5.7.1"), text


def test_tagged_addresses_are_ones_own(heronry):
    tagged = heronry.user(1)["address"].replace("@", "+shop@")
    user = heronry.new_user()
    assert submit(heronry, [user["address"]], f"From: {tagged}\r\n\r\nx\r\n".encode(), sender=tagged)[0] == 250


def test_client_can_be_hidden(heronry_factory):
    server = heronry_factory(settings={"submission.hide_client": "true"})
    message = f"From: {server.user(1)['address']}\r\n\r\nx\r\n".encode()
    assert submit(server, [server.user(2)["address"]], message)[0] == 250
    header = header_of(fetch_all(server, server.user(2))[0])
    assert b"127.0.0.1" not in header and b"client.example" not in header and b"with ESMTPSA id" in header


def test_nothing_configured_means_nothing_taken(heronry_factory):
    """FEATURES 5: without domains every recipient is refused."""
    server = heronry_factory(start=False)
    server.write_config()
    server.start()
    with RawSmtp(server.ports["smtp"]) as smtp:
        smtp.hello()
        assert smtp.ask("MAIL FROM:<>")[0] == 250
        for recipient in ("a@example.test", "postmaster@example.test", "a@localhost", "postmaster"):
            code, text = smtp.ask(f"RCPT TO:<{recipient}>")
            assert code == 550, text
