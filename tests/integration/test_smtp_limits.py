# SPDX-License-Identifier: Apache-2.0
"""PROMISES R15: limits of SMTP hold at one more, and not at one less."""
import pathlib
import smtplib

import pytest
from conftest import Instance, wait_until
from smtp_raw import RawSmtp, fetch_all, send_message, stuffed, without_trace

SIZE = 2 * 1024 * 1024
LINE = 1024 * 1024


@pytest.fixture(scope="module")
def small(request):
    """A server of its own, with a small limit on messages and few connections a client."""
    instance = Instance(settings={"limits.message_size": str(SIZE) + "B", "limits.smtp_per_ip": 5, "limits.smtp_messages": 12,
                                  "workers.front": 1})
    request.addfinalizer(instance.remove)
    return instance.up()


@pytest.fixture(scope="module")
def tight(request):
    """Another one, with few connections at all, and large messages."""
    instance = Instance(settings={"limits.message_size": "100MB", "limits.connections": 10, "workers.front": 1})
    request.addfinalizer(instance.remove)
    return instance.up()


def message_of(size):
    """A message of exactly so many octets."""
    head = b"Subject: size\r\n\r\n"
    full, rest = divmod(size - len(head), 78)
    return head + (b"x" * 76 + b"\r\n") * (full - 1) + b"y" * (76 + rest) + b"\r\n"


def test_message_size(small):
    user = small.new_user()
    assert len(message_of(SIZE)) == SIZE
    assert send_message(small.ports["smtp"], [user["address"]], message_of(SIZE))[0] == 250
    code, text = send_message(small.ports["smtp"], [user["address"]], message_of(SIZE + 1))
    assert (code, text[4:9]) == (552, b"5.3.4")
    messages = fetch_all(small, user)
    assert [without_trace(m) for m in messages] == [message_of(SIZE)]


def test_stuffing_does_not_count(small):
    user = small.new_user()
    message = b"A: b\r\n\r\n" + b".\r\n" * ((SIZE - 8) // 3)
    assert send_message(small.ports["smtp"], [user["address"]], message)[0] == 250


def test_messages_of_a_connection(small):
    """MAILMAX (RFC 9422) is told and kept; so is RCPTMAX, as test_recipients shows."""
    with RawSmtp(small.ports["smtp"]) as smtp:
        assert b"250-LIMITS RCPTMAX=1000 MAILMAX=12\r\n" in smtp.hello()
        for _ in range(12):
            assert smtp.ask("MAIL FROM:<a@remote.example>")[0] == 250
            assert smtp.ask("RSET")[0] == 250
        code, text = smtp.ask("MAIL FROM:<a@remote.example>")
        assert (code, text[4:9]) == (421, b"4.5.3")
        assert smtp.rest() == b""


def test_declared_size(small):
    with RawSmtp(small.ports["smtp"]) as smtp:
        assert f"SIZE {SIZE}".encode() in smtp.hello()
        assert smtp.ask(f"MAIL FROM:<> SIZE={SIZE}")[0] == 250
        assert smtp.ask("RSET")[0] == 250
        assert smtp.ask(f"MAIL FROM:<> SIZE={SIZE + 1}")[0] == 552


def test_line_of_a_message(small):
    user = small.new_user()
    for length, wanted in ((998, 250), (999, 250), (LINE, 250), (LINE + 1, 552)):
        reply = send_message(small.ports["smtp"], [user["address"]], b"A: b\r\n\r\n" + b"z" * length + b"\r\n")
        assert reply[0] == wanted, (length, reply)


def front_memory(server):
    """Resident octets of the process that serves SMTP."""
    for name, pid in server.pids().items():
        if name.startswith("front"):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            return int(status.split("VmRSS:")[1].split()[0]) * 1024
    raise AssertionError("no front process")


def test_endless_line_is_not_kept(small):
    user = small.new_user()
    with RawSmtp(small.ports["smtp"], timeout=60) as smtp:
        smtp.begin(user["address"])
        before = front_memory(small)
        for _ in range(100):
            smtp.send(b"a" * (1024 * 1024))
        assert front_memory(small) - before < 8 * SIZE
        smtp.send(b"\r\n.\r\n")
        assert smtp.reply()[0] == 552
        assert smtp.ask("NOOP")[0] == 250
    assert fetch_all(small, user) == []


def test_recipients(heronry):
    """1000 are taken, the next ones are for another transaction; an account gets one copy."""
    user = heronry.new_user()
    local, domain = user["address"].split("@")
    with RawSmtp(heronry.ports["smtp"], timeout=60) as smtp:
        smtp.hello()
        assert smtp.ask("MAIL FROM:<sender@remote.example>")[0] == 250
        smtp.send(b"".join(f"RCPT TO:<{local}+{n}@{domain}>\r\n".encode() for n in range(1002)))
        codes = [smtp.reply()[0] for _ in range(1002)]
        assert codes == [250] * 1000 + [452] * 2
        assert smtp.ask("DATA")[0] == 354
        smtp.send(stuffed(b"Subject: many\r\n\r\nx\r\n"))
        assert smtp.reply()[0] == 250
    assert len(fetch_all(heronry, user)) == 1


def test_same_recipient_again_and_again(heronry):
    user = heronry.new_user()
    with RawSmtp(heronry.ports["smtp"], timeout=60) as smtp:
        smtp.hello()
        assert smtp.ask("MAIL FROM:<sender@remote.example>")[0] == 250
        smtp.send(f"RCPT TO:<{user['address']}>\r\n".encode() * 1001)
        assert [smtp.reply()[0] for _ in range(1001)] == [250] * 1001
        assert smtp.ask("DATA")[0] == 354
        smtp.send(stuffed(b"Subject: same\r\n\r\nx\r\n"))
        assert smtp.reply()[0] == 250
    assert len(fetch_all(heronry, user)) == 1


def test_connections_of_one_client(small):
    """The sixth is told to come later; when one has gone there is room again."""
    held = [RawSmtp(small.ports["smtp"]) for _ in range(5)]
    try:
        with RawSmtp(small.ports["smtp"], greet=False) as sixth:
            assert sixth.rest().startswith(b"421 4.7.0 ")
        held.pop().sock.close()

        def is_let_in():
            with RawSmtp(small.ports["smtp"], greet=False) as again:
                return again.reply()[0] == 220
        wait_until(is_let_in, what="room, as a connection was closed")
    finally:
        for smtp in held:
            smtp.sock.close()


def test_stress(tight):
    """With four fifths of a listener's connections in use one error is answered and the next one closes, until there is
    room; and mail still gets in."""
    def told(event):
        return tight.log().count(event)

    wait_until(lambda: told("smtp_crowded") == told("smtp_roomy"), what="room")
    before = told("smtp_crowded")
    user = tight.user(2)["address"]
    others = [RawSmtp(tight.ports["submission"]) for _ in range(4)]
    held = [RawSmtp(tight.ports["smtp"]) for _ in range(4)]
    try:
        assert held[0].ask("VRFY x")[0] == 252, "each listener has its own limit"
        assert told("smtp_crowded") == before
        held += [RawSmtp(tight.ports["smtp"]) for _ in range(4)]
        with RawSmtp(tight.ports["smtp"]) as ninth:
            assert ninth.ask("DATA")[0] == 503
            assert ninth.ask("DATA")[0] == 421
            assert ninth.rest() == b""
        with RawSmtp(tight.ports["smtp"]) as ninth:
            ninth.hello()
            assert ninth.ask("MAIL FROM:<sender@remote.example>")[0] == 250
            code, text = ninth.ask(f"RCPT TO:<nobody.{user}>")
            assert (code, text[4:9]) == (550, b"5.1.1"), "one wrong recipient does not stop the message"
            assert ninth.ask(f"RCPT TO:<{user}>")[0] == 250
            assert ninth.ask("DATA")[0] == 354
            ninth.send(b"A: b\r\n\r\nx\r\n.\r\n")
            assert ninth.reply()[0] == 250
        assert others[0].ask("VRFY x")[0] == 252
        assert send_message(tight.ports["smtp"], [user], b"A: b\r\n\r\nx\r\n")[0] == 250
        while len(held) > 6:
            held.pop().sock.close()
        with RawSmtp(tight.ports["smtp"]) as still:
            assert [still.ask("DATA")[0] for _ in range(2)] == [503, 421]
        while len(held) > 3:
            held.pop().sock.close()
        wait_until(lambda: told("smtp_roomy") == before + 1, what="room")
        with RawSmtp(tight.ports["smtp"]) as calm:
            assert [calm.ask("DATA")[0] for _ in range(2)] == [503, 503]
            assert calm.ask("VRFY x")[0] == 252
        assert told("smtp_crowded") == before + 1
    finally:
        for smtp in held + others:
            smtp.sock.close()


def test_connections_of_a_listener(tight):
    """The eleventh is told to come later; other ports are not concerned."""
    held = []

    def is_full():
        """Those of other tests may be there for a moment yet."""
        held.append(RawSmtp(tight.ports["smtp"], greet=False))
        if held[-1].reply()[0] != 220:
            held.pop().sock.close()
        return len(held) == 10

    try:
        wait_until(is_full, what="ten connections")
        with RawSmtp(tight.ports["smtp"], greet=False) as eleventh:
            assert eleventh.rest().startswith(b"421 4.7.0 ")
        with RawSmtp(tight.ports["submission"]) as other:
            assert other.ask("EHLO client.example")[0] == 250
    finally:
        for smtp in held:
            smtp.sock.close()


def test_new_connections_of_a_minute(heronry_factory):
    """Six are taken, however short; more of the same minute are not, whichever worker they come to."""
    server = heronry_factory(settings={"limits.smtp_new_per_minute": 6, "workers.front": 2})
    greetings = []
    for _ in range(13):  # a new minute may begin between two of them
        with RawSmtp(server.ports["smtp"], greet=False) as smtp:
            greetings.append(smtp.reply()[0])
    assert greetings[:6] == [220] * 6
    assert 421 in greetings[6:]
    with RawSmtp(server.ports["submission"], greet=False) as other:
        assert other.reply()[0] == 220


def test_commands_without_a_message(heronry):
    """100 are answered, one more ends the session; a message begins the count anew (S11)."""
    user = heronry.user(2)["address"]
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.hello()
        words = ["NOOP", "RSET", "VRFY x", "HELP"]
        codes = [smtp.ask(words[n % 4])[0] for n in range(99)]
        assert set(codes) == {250, 252, 214}
        assert smtp.ask("MAIL FROM:<>")[0] == 250
        assert smtp.ask(f"RCPT TO:<{user}>")[0] == 250
        assert smtp.ask("DATA")[0] == 354
        smtp.send(stuffed(b"Subject: after much ado\r\n\r\nx\r\n"))
        assert smtp.reply()[0] == 250
        assert {smtp.ask("NOOP")[0] for _ in range(100)} == {250}
        code, text = smtp.ask("NOOP")
        assert (code, text[4:9]) == (421, b"4.7.0")
        assert smtp.rest() == b""


def test_memory_for_messages(tight):
    """Messages in transfer may hold twice the largest message together (at least 128 MiB): one more is
    told to come later, and one that declares its size is told so at MAIL."""
    user, held = tight.user(2)["address"], []
    try:
        for _ in range(3):
            held.append(RawSmtp(tight.ports["smtp"], timeout=60))
            held[-1].begin(user)
            held[-1].send((b"x" * 998 + b"\r\n") * 70_000)
        held[-1].send(b".\r\n")
        code, text = held[-1].reply()
        assert (code, text[4:9]) == (452, b"4.3.1")
        assert held[-1].ask("MAIL FROM:<> SIZE=104857600")[0] == 452
        for smtp in held[:2]:
            smtp.sock.close()
        wait_until(lambda: held[-1].ask("MAIL FROM:<> SIZE=104857600")[0] == 250, what="room for a message")
    finally:
        for smtp in held:
            smtp.sock.close()


def test_endless_command_line(heronry):
    """Over-long lines are answered once; one without an end ends the connection (S8)."""
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        assert smtp.ask("NOOP " + "x" * 20000)[0] == 500
        assert smtp.ask("NOOP")[0] == 250
        for _ in range(32):
            smtp.send(b"y" * 65536)
        assert smtp.rest() == b"500 5.5.2 Line too long\r\n"


def test_endless_command_line_of_a_flood(heronry):
    """Who goes on and on is cut off, whether it reads the answer or not."""
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        with pytest.raises(ConnectionError):
            for _ in range(2000):
                smtp.send(b"y" * 65536)


def test_garbage_is_cut_off(heronry):
    """10 MB of noise: the session ends long before (S11)."""
    noise = bytes((7 * n * n + 13 * n) % 251 for n in range(65536))
    with RawSmtp(heronry.ports["smtp"], timeout=60) as smtp:
        try:
            for _ in range(160):
                smtp.send(noise)
        except ConnectionError:
            pass
        assert b"250" not in smtp.rest()
    with heronry.smtp() as smtp:
        assert smtp.noop()[0] == 250


def test_auth_line(heronry):
    """12288 octets are taken as a response, more are not (U5)."""
    with heronry.smtp("submissions") as smtp:
        code, _ = smtp.docmd("AUTH", "PLAIN")
        assert code == 334
        code, _ = smtp.docmd("A" * 12284)
        assert code in (501, 535)
        assert smtp.docmd("AUTH", "PLAIN")[0] == 334
        assert smtp.docmd("A" * 12288)[0] == 500
        assert smtp.noop()[0] == 250


def test_password_of_a_kilobyte(heronry):
    with heronry.smtp("submissions") as smtp:
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            smtp.login(heronry.user(1)["address"], "p" * 1025)
        assert refused.value.smtp_code == 535
