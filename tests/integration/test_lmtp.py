# SPDX-License-Identifier: Apache-2.0
"""LMTP (RFC 2033): a mail server in front of us hands mail over, and hears of each recipient alone."""
import concurrent.futures
import smtplib
import socket

import pytest
from smtp_raw import RawSmtp, fetch_all

LETTER = b"Subject: handed over\r\n\r\nText.\r\n"


@pytest.fixture(params=["tcp", "unix"])
def lmtp(request, gateway):
    """A greeted client."""
    where = ("127.0.0.1", gateway.server.ports["lmtp"]) if request.param == "tcp" else (str(gateway.socket), 0)
    with smtplib.LMTP(*where) as client:
        assert client.ehlo("front.example")[0] == 250
        yield client


def begin(client, *recipients, sender="sender@remote.example"):
    assert client.docmd(f"MAIL FROM:<{sender}>")[0] == 250
    return [client.docmd(f"RCPT TO:<{r}>")[0] for r in recipients]


def test_each_recipient_has_its_reply(gateway, lmtp):
    """A full mailbox concerns nobody else, and makes no report: the server in front writes it."""
    server = gateway.server
    good, full, other = server.new_user(), server.new_user(quota=2000), server.new_user()
    recipients = [good["address"], full["address"], "nobody@" + server.domain, other["address"]]
    assert begin(lmtp, *recipients, sender="untold@remote.example") == [250, 250, 550, 250]
    assert lmtp.docmd("DATA")[0] == 354
    lmtp.send(LETTER + b"x\r\n" * 1000 + b".\r\n")
    replies = [lmtp.getreply() for _ in range(3)]
    assert [r[0] for r in replies] == [250, 552, 250]
    assert replies[1][1].startswith(b"5.2.2")
    assert [len(fetch_all(server, u)) for u in (good, full, other)] == [1, 0, 1]
    assert server.psql("SELECT count(*) FROM q_rcpt WHERE rcpt = 'untold@remote.example'") == "0"


def test_two_addresses_of_one_mailbox(gateway, lmtp):
    """Two replies, one copy (FEATURES 8); the same address twice has two replies, too."""
    user = gateway.server.new_user()
    tagged = user["address"].replace("@", "+tag@")
    assert begin(lmtp, user["address"], tagged, user["address"]) == [250] * 3
    assert lmtp.docmd("DATA")[0] == 354
    lmtp.send(LETTER + b".\r\n")
    assert [lmtp.getreply()[0] for _ in range(3)] == [250] * 3
    (message,) = fetch_all(gateway.server, user)
    assert b" with LMTP id " in message
    assert f"Delivered-To: {user['address']}".encode() in message


def test_what_is_said_of_the_message_is_said_of_each(gateway, lmtp):
    users = [gateway.server.new_user() for _ in range(2)]
    begin(lmtp, *[u["address"] for u in users])
    assert lmtp.docmd("DATA")[0] == 354
    lmtp.send(b"Received: x\r\n" * 60 + b"\r\nText.\r\n.\r\n")
    assert [lmtp.getreply()[0] for _ in range(2)] == [554, 554]
    assert begin(lmtp, *[u["address"] for u in users]) == [250, 250]
    text = b"Subject: in chunks\r\n\r\nText.\r\n"
    lmtp.send(b"BDAT 9\r\n" + text[:9] + b"BDAT %d LAST\r\n" % len(text[9:]) + text[9:])
    assert [lmtp.getreply()[0] for _ in range(3)] == [250] * 3
    assert [len(fetch_all(gateway.server, u)) for u in users] == [1, 1]


def test_commands_of_lmtp(gateway, lmtp):
    assert lmtp.docmd("EHLO front.example")[0] == 500
    assert lmtp.docmd("HELO front.example")[0] == 500
    assert lmtp.docmd("AUTH PLAIN AGEAYg==")[0] == 500
    assert "auth" not in lmtp.esmtp_features
    assert {"pipelining", "8bitmime", "smtputf8", "chunking", "enhancedstatuscodes", "size"} <= set(lmtp.esmtp_features)
    assert begin(lmtp, "a@remote.example", gateway.server.user(1)["address"] + ".example") == [550, 550]
    assert lmtp.docmd("DATA")[0] == 503
    assert lmtp.docmd("RSET")[0] == 250


def test_nobody_proves_anything_to_the_second_server(gateway, lmtp):
    """SPF of the server in front would say nothing of the sender; what it found may stand in the header."""
    user = gateway.server.new_user()
    begin(lmtp, user["address"])
    lmtp.docmd("DATA")
    lmtp.send(b"Authentication-Results: front.example; spf=pass\r\n" + LETTER + b".\r\n")
    assert lmtp.getreply()[0] == 250
    (message,) = fetch_all(gateway.server, user)
    assert message.count(b"Authentication-Results:") == 1


def test_lhlo_is_unknown_to_smtp(gateway):
    with RawSmtp(gateway.server.ports["smtp"]) as smtp:
        assert smtp.ask("LHLO client.example")[0] == 500


def test_others_are_turned_away(gateway):
    with socket.create_connection(("127.0.0.1", gateway.server.ports["lmtp"]), source_address=("127.0.0.9", 0)) as client:
        assert client.recv(200).startswith(b"554 5.7.1 ")
        assert client.recv(200) == b""


def test_every_worker_takes_from_the_socket(gateway):
    """One path has one socket, which the workers share."""
    user = gateway.server.new_user()

    def hand_over(number):
        with smtplib.LMTP(str(gateway.socket), 0) as client:
            return client.sendmail("a@remote.example", [user["address"]], f"Subject: {number}\r\n\r\nx\r\n".encode())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(hand_over, range(24))) == [{}] * 24
    assert len(fetch_all(gateway.server, user)) == 24
