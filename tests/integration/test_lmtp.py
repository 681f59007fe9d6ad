# SPDX-License-Identifier: Apache-2.0
"""LMTP (RFC 2033): a mail server in front of us hands mail over, and hears of each recipient alone."""
import concurrent.futures
import smtplib
import socket

import pytest
from conftest import wait_until
from milters import ACCEPT, CONTINUE, REJECT, change, envelope
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


def send(client, text, n):
    """The replies to the end of the message, which has n recipients."""
    assert client.docmd("DATA")[0] == 354
    client.send(text + b".\r\n")
    return [client.getreply() for _ in range(n)]


def test_each_recipient_has_its_reply(gateway, lmtp):
    """A full mailbox concerns nobody else, and makes no report: the server in front writes it."""
    server = gateway.server
    good, full, other = server.new_user(), server.new_user(quota=2000), server.new_user()
    recipients = [good["address"], full["address"], "nobody@" + server.domain, other["address"]]
    assert begin(lmtp, *recipients, sender="untold@remote.example") == [250, 250, 550, 250]
    replies = send(lmtp, LETTER + b"x\r\n" * 1000, 3)
    assert [r[0] for r in replies] == [250, 552, 250]
    assert replies[1][1].startswith(b"5.2.2")
    assert [len(fetch_all(server, u)) for u in (good, full, other)] == [1, 0, 1]
    assert server.psql("SELECT count(*) FROM q_rcpt WHERE rcpt = 'untold@remote.example'") == "0"


def test_two_addresses_of_one_mailbox(gateway, lmtp):
    """Two replies, one copy (FEATURES 8); the same address twice has two replies, too."""
    user = gateway.server.new_user()
    tagged = user["address"].replace("@", "+tag@")
    assert begin(lmtp, user["address"], tagged, user["address"]) == [250] * 3
    assert [code for code, _ in send(lmtp, LETTER, 3)] == [250] * 3
    (message,) = fetch_all(gateway.server, user)
    assert b" with LMTP id " in message
    assert f"Delivered-To: {user['address']}".encode() in message


def test_what_is_said_of_the_message_is_said_of_each(gateway, lmtp):
    users = [gateway.server.new_user() for _ in range(2)]
    begin(lmtp, *[u["address"] for u in users])
    assert [code for code, _ in send(lmtp, b"Received: x\r\n" * 60 + b"\r\nText.\r\n", 2)] == [554, 554]
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
    assert send(lmtp, b"Authentication-Results: front.example; spf=pass\r\n" + LETTER, 1)[0][0] == 250
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


def test_each_account_gets_one_copy(gateway):
    """Named twice, and by groups before and behind; each recipient has its reply, and its report of success."""
    server, (one, two, sender) = gateway.server, [gateway.server.new_user() for _ in range(3)]
    team, sales = (f"{name}-{one['address']}" for name in ("team", "sales"))
    server.cli("address", "add", team, one["address"], two["address"], "--group")
    server.cli("address", "add", sales, two["address"])
    named = [team, one["address"], sales, two["address"], one["address"].replace("@", "+tag@")]
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as client:
        client.ehlo("front.example")
        assert client.docmd("MAIL", f"FROM:<{sender['address']}>")[0] == 250
        for address in named:
            assert client.docmd("RCPT", f"TO:<{address}> NOTIFY=SUCCESS")[0] == 250
        assert client.docmd("DATA")[0] == 354
        client.send(b"Subject: one copy\r\nMessage-ID: <%s>\r\n\r\nText.\r\n.\r\n" % one["address"].encode())
        assert [client.getreply()[0] for _ in named] == [250] * len(named)
    assert [len(fetch_all(server, u)) for u in (one, two)] == [1, 1]
    reports = wait_until(lambda: (got := fetch_all(server, sender)) and len(got) == len(named) and got, what="the reports")
    assert all(any(f"Final-Recipient: rfc822; {address}".encode() in r for r in reports) for address in named)


def test_where_a_filters_recipient_leads_gets_one_copy(gateway):
    """In quarantine, so that what leaves can be counted."""
    server, users = gateway.server, [gateway.server.new_user() for _ in range(3)]
    away, added = f"away-{users[0]['address'].replace('@', '.')}@new.out.test", f"added-{users[0]['address']}"
    server.cli("address", "add", added, away, users[2]["address"], "--group")
    gateway.filter.rules["one by one"] = [envelope(b"+", added), (b"q", b"strange\0"), ACCEPT]
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as client:
        client.ehlo("front.example")
        assert begin(client, *[u["address"] for u in users[:2]]) == [250, 250]
        assert [code for code, _ in send(client, b"Subject: one by one\r\n\r\nText.\r\n", 2)] == [250, 250]
    assert server.psql(f"SELECT count(*) FROM q_rcpt WHERE rcpt = '{away}'").strip() == "1"
    assert [len(fetch_all(server, u, "Junk")) for u in users] == [1, 1, 1]


def test_a_filter_refuses_a_recipient_alone(gateway):
    """One that is asked at the end of the message, where it would refuse all of them by SMTP."""
    server, users = gateway.server, [gateway.server.new_user() for _ in range(3)]
    rules = gateway.filter.rules
    for user, packet in zip(users, (CONTINUE, REJECT, (b"y", b"451 4.2.1 Not today\0"))):
        rules[f"<{user['address']}>"] = lambda at, packet=packet: packet if at == "R" else CONTINUE
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as client:
        client.ehlo("front.example")
        assert begin(client, *[u["address"] for u in users]) == [250] * 3
        replies = send(client, b"Subject: some refused\r\n\r\nText.\r\n", 3)
        assert [code for code, _ in replies] == [250, 550, 451] and replies[2][1] == b"4.7.1 Not today"
        assert begin(client, *[u["address"] for u in users[1:]]) == [250] * 2
        assert [code for code, _ in send(client, b"Subject: all refused\r\n\r\nText.\r\n", 2)] == [550, 451]
    assert [len(fetch_all(server, u)) for u in users] == [1, 0, 0]
    (shown,) = gateway.filter.of("some refused")
    assert len(shown["recipients"]) == 3 and gateway.filter.of("all refused") == []
    (asked,) = gateway.hook.of("some refused")
    assert [r["address"] for r in asked["envelope"]["to"]] == [users[0]["address"]]


def test_filters_are_asked_once(gateway):
    """About all recipients, of which each has its reply; one that a filter takes out gets nothing, and the one that it
    adds gets one copy."""
    server, users = gateway.server, [gateway.server.new_user(quota=2000), *(gateway.server.new_user() for _ in range(3))]
    full, kept, gone, added = (u["address"] for u in users)
    gateway.filter.rules |= {"once": [envelope(b"-", gone), envelope(b"+", added), change(b"h", "X-Judged", "yes"), ACCEPT],
                             "never": [(b"y", b"554 5.7.1 Not this\0")]}
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as client:
        client.ehlo("front.example")
        assert begin(client, gone, kept, full, kept.upper()) == [250] * 4
        letter = b"Subject: once\r\n\r\n" + b"x\r\n" * 1000
        assert [code for code, _ in send(client, letter, 4)] == [250, 250, 552, 250]
        assert begin(client, gone, kept) == [250] * 2
        assert send(client, b"Subject: never\r\n\r\nText.\r\n", 2) == [(550, b"5.7.1 Not this")] * 2
    assert [len(fetch_all(server, u)) for u in users] == [0, 1, 0, 1]
    assert all(b"\r\nX-Judged: yes\r\n" in fetch_all(server, u)[0] for u in (users[1], users[3]))
    (once,), (never,) = gateway.filter.of("once"), gateway.filter.of("never")
    assert once["recipients"] == [f"<{address}>".encode() for address in (gone, kept, full)]
    assert len(never["recipients"]) == 2
    (asked,) = gateway.hook.of("once")
    assert [r["address"] for r in asked["envelope"]["to"]] == [kept, full, added]
