# SPDX-License-Identifier: Apache-2.0
"""What ATTACKS 3.4 says IMAP must answer, where a dialogue script cannot show it."""
import concurrent.futures
import contextlib
import pathlib
import re
import socket
import ssl
import time
import zlib

import pytest

from conftest import wait_until
from imap_raw import Imap, rss_kib
from loop_probe import computed_ms


# What a client sees of a connection that the server has ended; a server that goes on is a TimeoutError.
CUT = (ConnectionError, EOFError, ssl.SSLEOFError)


@pytest.fixture(scope="module")
def user(heronry):
    return heronry.new_user()


def test_literals_before_login_cost_no_memory(heronry):
    """I1: 200 connections announce and flood; the workers do not grow."""
    workers = [pid for name, pid in heronry.pids().items() if name.startswith("front")]
    before = sum(map(rss_kib, workers))
    for _ in range(200):
        client = Imap(heronry)
        client.send(b"a LOGIN {400000000+}\r\n")
        try:
            client.send(b"x" * 100_000)
            answer = client.line()
        except CUT:
            answer = b"* BYE"
        assert answer.startswith(b"* BYE"), answer
        client.close()
    assert sum(map(rss_kib, workers)) - before < 20_000


def test_before_login_eight_kilobytes_are_the_end(heronry):
    """I1: the limit counts all commands of a session together."""
    with Imap(heronry) as client:
        for number in range(1000):
            client.send(b"a CAPABILITY\r\n" if number % 2 else b"a NOOP\r\n")
            line = client.line()
            while line.startswith(b"* CAPABILITY"):
                line = client.line()
            if line.startswith(b"* BYE [TOOBIG]"):
                assert 300 < number < 900
                return
    pytest.fail("the session went on")


def test_a_line_without_an_end(heronry):
    """I1: dropped, and the connection ends, with or without a word."""
    with Imap(heronry) as client:
        try:
            client.send(b"a NOOP " + b"x" * 200_000)
            assert client.line().startswith(b"* BYE [TOOBIG]")
        except CUT:
            pass


def test_compression_bombs(heronry, user):
    """I11: only after login; 1000:1 is stopped early, with the reason, and costs no memory."""
    with Imap(heronry) as client:
        assert b" BAD " in client.do("COMPRESS DEFLATE")[-1]
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    literal = 20_000_000
    packed = bomb.compress(b"b APPEND INBOX {%d+}\r\n" % literal + b"\0" * literal)
    packed += bomb.flush(zlib.Z_SYNC_FLUSH)
    workers = [pid for name, pid in heronry.pids().items() if name.startswith("front")]
    with Imap(heronry, user) as client:
        client.must("COMPRESS DEFLATE")
        before = sum(map(rss_kib, workers))
        with contextlib.suppress(OSError):
            client.send(packed)
        told = zlib.decompressobj(-15)
        got = b""
        with contextlib.suppress(OSError):
            while data := client.sock.recv(1 << 16):
                got += told.decompress(data)
        assert got.endswith(b"* BYE [CLIENTBUG] The compressed input grows too much\r\n"), got
        assert sum(map(rss_kib, workers)) - before < 40_000


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_starttls_injection_at_every_cut(heronry, cut):
    """R19, I3: plain text behind STARTTLS is never run, wherever the segments end."""
    client = Imap(heronry, kind="imap")
    attack = b"a STARTTLS\r\nb CAPABILITY\r\nc NOOP\r\n"
    client.send(attack[:cut])
    time.sleep(0.02)
    client.send(attack[cut:])
    assert client.line().startswith(b"a OK")
    if client.pending:
        pytest.fail(f"an answer in plain text: {client.pending}")
    try:
        client.start_tls()
    except ssl.SSLError as e:
        # Bytes that came behind STARTTLS spoil the handshake: as good, if what we got was TLS.
        assert "WRONG_VERSION_NUMBER" not in str(e), "an answer in plain text"
        return
    except ConnectionError:
        return
    client.start("NOOP")
    assert client.line().startswith(b"t1 OK")
    client.close()


def test_one_message_is_read_once_for_all_urls(heronry):
    """I6: a short CATENATE of many parts of a great message; and many great messages are too much."""
    user = heronry.new_user()
    with Imap(heronry, user) as client:
        great = b"Subject: great\r\n\r\n" + b"x" * 70 + (b"\r\n" + b"x" * 70) * 300_000 + b"\r\n"
        client.append("INBOX", great)
        parts = " ".join(['URL "/INBOX/;UID=1/;SECTION=TEXT/;PARTIAL=0.5"'] * 250)
        client.must(f"APPEND INBOX CATENATE (TEXT {{4+}}\r\n\r\n\r\n {parts})")
        client.must("SELECT INBOX")
        assert b"{1254}" in b"".join(client.must("FETCH 2 BODY.PEEK[]"))
        client.append("INBOX", great)
        turns = " ".join(f'URL "/INBOX/;UID={1 + 2 * (n % 2)}/;SECTION=TEXT/;PARTIAL=0.5"' for n in range(30))
        assert b" NO [TOOBIG]" in client.do(f"APPEND INBOX CATENATE ({turns})")[-1]


def test_mailboxes_are_limited(heronry):
    """I7: 1,000 of them."""
    user = heronry.new_user()
    with Imap(heronry, user) as client:
        client.send(b"".join(b"c%d CREATE m%d\r\n" % (i, i) for i in range(1100)))
        lines = client.finish(b"c1099", timeout=120)
        refused = [line for line in lines if b" NO [LIMIT]" in line]
        assert len(refused) >= 100
        assert len([line for line in lines if b" OK " in line]) >= 990
        assert len(client.must('LIST "" "m*"')) <= 1001


def test_names_of_mailboxes_are_limited(heronry, user):
    """I7: 255 octets of UTF-8; no NUL, in whatever form it comes."""
    with Imap(heronry, user) as client:
        assert b" OK " in client.do(f"CREATE {'n' * 255}")[-1]
        assert b" NO [LIMIT]" in client.do(f"CREATE {'n' * 256}")[-1]
        assert b" BAD " in client.do(b"CREATE {3+}\r\na\0b")[-1]
        client.send(b't CREATE "a\0b"\r\n')
        assert client.line().startswith(b"* BAD ")
        client.must(f"DELETE {'n' * 255}")


def test_patterns_of_list_cost_little(heronry, user):
    """I7: a pattern that a matcher with backtracking would never end."""
    with Imap(heronry, user) as client:
        for number in range(20):
            client.must(f"CREATE {'a' * 200}{number}")
        pattern = "*a" * 126 + "*b"
        assert len(pattern) == 254
        assert len(client.must(f'LIST "" "{pattern}"')) == 1
        assert len(client.must(f'LIST "" "{"%*" * 120}a*"')) >= 20
        assert b" NO [LIMIT]" in client.do(f'LIST "" "{"*" * 256}"')[-1]
        for number in range(20):
            client.must(f"DELETE {'a' * 200}{number}")


def test_long_searches_are_limited(heronry, user):
    """I4: 256 keys in a search, however they are put."""
    with Imap(heronry, user) as client:
        client.must("SELECT INBOX")
        client.must("SEARCH " + " ".join(["SEEN"] * 256))
        for keys in (["SEEN"] * 257, ["SEEN"] * 10_000, ["OR SEEN"] * 300 + ["SEEN"], ["(SEEN)"] * 200):
            assert b" NO [LIMIT]" in client.do("SEARCH " + " ".join(keys))[-1], keys[:2]
        assert b" NO [LIMIT]" in client.do("SORT (DATE) UTF-8 " + " ".join(["SEEN"] * 257))[-1]
        client.must("NOOP")


def most_kib(pid):
    """What the process held at most since it began."""
    return int(re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def test_long_headers_of_many_messages_cost_little(heronry):
    """They are looked through a few at a time; and one that is longer than SMTP takes is not appended."""
    user = heronry.new_user(quota="1G")
    line = b"X-Long: " + b"x" * 900 + b"\r\n"
    with Imap(heronry, user) as client:
        client.append("INBOX", b"Subject: x\r\n" + line * 4000 + b"\r\nx\r\n")
        client.must("SELECT INBOX")
        for _ in range(5):
            client.must("COPY 1:* INBOX")
            client.must("NOOP")
        before = most_kib(client.worker())
        assert client.must("SEARCH HEADER X-Long y", timeout=60)[0] == b"* SEARCH"
        client.must("SORT (SUBJECT) UTF-8 ALL", timeout=60)
        assert most_kib(client.worker()) - before < 40 * 1024     # of 115 MB
        long = b"Subject: x\r\n" + line * 12_000 + b"\r\nx\r\n"
        assert b" NO [TOOBIG] " in client.do(b"APPEND INBOX {%d+}\r\n" % len(long) + long)[-1]


def test_long_sets_cost_little(heronry, user):
    """I5: all messages named ten thousand times, and more ranges than one set may have."""
    with Imap(heronry, user) as client:
        client.append("INBOX", "Subject: x\r\n\r\nx")
        client.must("SELECT INBOX")
        assert len(client.must("FETCH " + ",".join(["1:*"] * 10_000) + " UID")) == 2
        assert len(client.must("UID FETCH " + ",".join(["4294967295:1"] * 4_000) + " UID")) == 2
        assert len(client.must("UID SEARCH UID " + ",".join(["1:4294967295"] * 4_000))) == 2
        assert b" NO [LIMIT]" in client.do("FETCH " + ",".join(["1"] * 20_001) + " UID")[-1]
        for wrong in ("0", "1,0", "0:1", "*:0", "4294967296", "1:", ":1", "1:2:3"):
            assert b" BAD " in client.do(f"FETCH {wrong} UID")[-1], wrong


def test_several_messages_over_the_quota_leave_none(heronry):
    """I9: MULTIAPPEND is atomic, also when the account becomes full in the middle of it."""
    user = heronry.new_user(quota="1M")
    with Imap(heronry, user) as client:
        message = b"Subject: x\r\n\r\n" + b"x" * 400_000 + b"\r\n"
        three = b" ".join(b"{%d+}\r\n%s" % (len(message), message) for _ in range(3))
        assert b" NO [OVERQUOTA]" in client.do(b"APPEND INBOX " + three, timeout=60)[-1]
        assert b"MESSAGES 0 UIDNEXT 1)" in client.must("STATUS INBOX (MESSAGES UIDNEXT)")[0]
        two = b" ".join(b"{%d+}\r\n%s" % (len(message), message) for _ in range(2))
        client.must(b"APPEND INBOX " + two, timeout=60)
        assert b"MESSAGES 2 UIDNEXT 3)" in client.must("STATUS INBOX (MESSAGES UIDNEXT)")[0]
        client.must("SELECT INBOX")
        assert b" NO [OVERQUOTA]" in client.do("COPY 1 INBOX")[-1]
        client.must("CREATE Other")
        client.must("MOVE 1 Other")


def test_a_quota_of_messages_is_told_as_such(heronry):
    """"OVERQUOTA: The user would be over quota after the operation" (RFC 5530), whichever resource it is (RFC 9208)."""
    user = heronry.new_user()
    heronry.psql(f"UPDATE account SET quota_messages = 2 WHERE login = '{user['address']}'")
    with Imap(heronry, user) as client:
        two = b" ".join(b"{%d+}\r\n%s" % (len(text), text) for text in [b"A: b\r\n\r\n"] * 2)
        client.must(b"APPEND INBOX " + two)
        assert b" NO [OVERQUOTA]" in client.do(b"APPEND INBOX {8+}\r\nA: b\r\n\r\n")[-1]
        client.must("SELECT INBOX")
        assert b" NO [OVERQUOTA]" in client.do("COPY 1 INBOX")[-1]
        client.must("CREATE Other")
        client.must("MOVE 1 Other")


def test_very_many_messages_in_one_append(heronry):
    """I9: refused as a whole, and the session goes on."""
    user = heronry.new_user()
    with Imap(heronry, user) as client:
        many = b" ".join([b"{4+}\r\nA: b"] * 1000)
        answer = client.do(b"APPEND INBOX " + many, timeout=60)[-1]
        assert b" NO [LIMIT]" in answer, answer
        assert b"MESSAGES 0)" in client.must("STATUS INBOX (MESSAGES)")[0]


def test_keywords_of_an_account_are_limited(heronry):
    """I10: 50 octets each; 1,000 different ones in all mailboxes together."""
    user = heronry.new_user()
    with Imap(heronry, user) as client:
        answers = []
        for box in range(17):
            client.must(f"CREATE k{box}")
            client.append(f"k{box}", "Subject: x\r\n\r\n")
            client.must(f"SELECT k{box}")
            answers.append(client.do("STORE 1 +FLAGS.SILENT (" + " ".join(f"b{box}k{i}" for i in range(60)) + ")")[-1])
        assert all(b" OK " in line for line in answers[:16]), answers
        assert b" NO [LIMIT]" in answers[16]
        client.must("SELECT k0")
        assert b" NO [LIMIT]" in client.do(f"STORE 1 +FLAGS ({'k' * 51})")[-1]


def test_keywords_are_limited(heronry):
    """I10: 64 in a mailbox."""
    user = heronry.new_user()
    with Imap(heronry, user) as client:
        client.append("INBOX", "Subject: x\r\n\r\n")
        client.must("SELECT INBOX")
        answers = [client.do(f"STORE 1 +FLAGS.SILENT (keyword{i})")[-1] for i in range(70)]
        assert all(b" OK " in line for line in answers[:60])
        assert b" NO [LIMIT]" in answers[-1]
        assert b" NO [LIMIT]" in client.do("STORE 1 +FLAGS (" + "k" * 10_000 + ")")[-1]
        client.must("NOOP")


def test_connections_of_one_user_and_address_are_limited(heronry_factory):
    """I12: 20, whichever worker they come to."""
    server = heronry_factory(settings={"workers.front": 2, "limits.imap_per_user_ip": 20})
    user = server.user(1)
    clients = [Imap(server, user) for _ in range(20)]
    with Imap(server) as one_more:
        answer = one_more.do(f'LOGIN "{user["address"]}" "{user["password"]}"')[-1]
        assert b" NO [LIMIT]" in answer
    clients.pop().close()
    end = time.monotonic() + 60
    while True:
        with Imap(server) as again:
            answer = again.do(f'LOGIN "{user["address"]}" "{user["password"]}"')[-1]
        if b" OK " in answer:
            break
        assert time.monotonic() < end
        time.sleep(0.1)
    for client in clients:
        client.close()


def test_a_flood_of_noops_is_slowed(heronry, user):
    """I12: and nobody else notices."""
    with Imap(heronry, user) as flood, Imap(heronry, user) as other, concurrent.futures.ThreadPoolExecutor() as pool:

        def is_alone(number):
            """Whether the flood went on when somebody else had an answer: the best of some counts, as machines stand still."""
            began = time.monotonic()
            flood.send(b"".join(b"f%dn%d NOOP\r\n" % (number, i) for i in range(120)))
            end = pool.submit(flood.finish, b"f%dn119" % number, timeout=90)
            other.must("NOOP")
            went_on = not end.done()
            end.result()
            assert time.monotonic() - began > 1
            return went_on

        assert any(map(is_alone, range(10))), "others waited as long as who floods"


def test_uids_run_out(heronry):
    """I15: at 2^32-1 nothing more comes in, and nothing breaks."""
    user = heronry.new_user()
    with Imap(heronry, user) as client:
        client.append("INBOX", "Subject: one\r\n\r\n")
        account = f"(SELECT account_id FROM address WHERE addr_lower = '{user['address']}')"
        heronry.psql(f"UPDATE mailbox_state SET uidnext = 4294967295 WHERE mailbox_id = 1 AND account_id = {account}")
        answers = [client.do(b"APPEND INBOX {2+}\r\n\r\n")[-1] for _ in range(3)]
        assert b" NO [LIMIT]" in answers[-1], answers
        client.must("SELECT INBOX")
        client.must("UID FETCH 1:* FLAGS")
        copies = [client.do("COPY 1 INBOX")[-1] for _ in range(2)]
        assert b" NO [LIMIT]" in copies[-1], copies


def test_a_new_mailbox_of_the_same_name_has_a_greater_uidvalidity(heronry, user):
    """I15."""
    seen = []
    with Imap(heronry, user) as client:
        for _ in range(5):
            client.must("CREATE Again")
            line = client.must("STATUS Again (UIDVALIDITY)")[0]
            seen.append(int(re.search(rb"UIDVALIDITY (\d+)", line).group(1)))
            client.must("DELETE Again")
    assert seen == sorted(set(seen))


HOSTILE = {
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 11_000 + b"--b--\r\n",
    "deep nesting": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
                             for i in range(500)) + b"\r\nx\r\n",
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 300 + b"Subject: in\r\n\r\nx\r\n",
    "a big header": b"Subject: x\r\n" + b"X-Big: " + b"y" * 900 + b"\r\n" + b"X-More: z\r\n" * 200_000 + b"\r\nbody\r\n",
    "groups": b"To: " + b"g:a@b.example, c@d.example;, " * 3000 + b"x@y.example\r\n\r\nbody\r\n",
    "comments": b"From: " + b"(" * 20_000 + b"\r\n\r\nbody\r\n",
    "8-bit and quotes": b'Subject: "\xff\\\\" \xc3\xbc {5}\r\nFrom: "a\\"b" <x"@y.example>\r\n\r\nbody\r\n',
    "encoded line ends": b"Subject: =?utf-8?q?a=0D=0A*_OK_injected?=\r\n\r\nbody\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_can_be_read(heronry, user, name):
    """I17, I19: bounded work, well-formed answers, and the octets as they came."""
    raw = HOSTILE[name]
    with Imap(heronry, user) as client:
        answer = client.append("INBOX", raw)[-1]
        uid = answer.split(b"APPENDUID ")[1].split()[1].rstrip(b"]").decode()
        client.must("SELECT INBOX")
        for items in ("ENVELOPE", "BODYSTRUCTURE", "BODY", "BODY.PEEK[1]", "BODY.PEEK[HEADER.FIELDS (Subject From)]"):
            before = computed_ms(client.worker())
            lines = client.must(f"UID FETCH {uid} {items}")
            assert computed_ms(client.worker()) - before < 5000
            fetched = [line for line in lines if b" FETCH (" in line]
            assert len(fetched) == 1 and fetched[0].endswith(b")")
            assert not any(line.startswith(b"* OK injected") for line in lines)
        assert client.fetch_body(uid) == raw


def test_a_reader_that_reads_nothing_costs_little(heronry, user):
    """I13: what is not read is not gathered in memory."""
    with Imap(heronry, user) as writer:
        writer.must("CREATE Slow")
        writer.append("Slow", b"Subject: big\r\n\r\n" + b"0123456789abcdef0123456789abcdef\r\n" * 300_000)
    client = Imap(heronry, user)
    pid = client.worker()
    client.must("SELECT Slow")
    before = rss_kib(pid)
    client.plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send(b"".join(b"f%d FETCH 1 BODY.PEEK[]\r\n" % i for i in range(20)))
    time.sleep(2)   # time to gather
    wait_until(lambda: rss_kib(pid) - before < 30_000, what="little memory")
    with Imap(heronry, user) as other:
        other.must("NOOP")
    client.reset()


def test_messages_in_transfer_share_a_limit_of_memory(heronry_factory):
    """I1: 128 MB of them in a worker, and half of an account; others wait for their turn, and lose nothing but time."""
    server = heronry_factory(settings={"workers.front": 1, "limits.message_size": "25MB"})
    user = server.user(1)
    size = 25 * 1024 * 1024
    block = b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 1048
    message = (block * (size // len(block) + 1))[:size]
    with contextlib.ExitStack() as stack:
        holders = [stack.enter_context(Imap(server, server.user(number))) for number in (1, 1, 2, 2, 3)]
        client = stack.enter_context(Imap(server, server.user(3)))
        probe = stack.enter_context(Imap(server, user))
        worker = client.worker()
        probe.must("CREATE big")
        probe.append("big", message)
        tags = []
        for number, holder in enumerate(holders, 1):
            tags.append(holder.start(b"APPEND INBOX {%d+}" % size))
            holder.send(message[:-1])
            wait_until(lambda: rss_kib(worker) > number * (size - 1024 * 1024) // 1024, what=f"what {number} sent in memory")  # noqa: B023
            if number == 2:     # there is room for others, but the account has its share
                assert b" NO [UNAVAILABLE]" in probe.do(b"APPEND INBOX {%d}" % size)[0]
                assert b" NO [UNAVAILABLE]" in probe.do(b'APPEND INBOX CATENATE (URL "/big/;UID=1")')[-1]
        full = rss_kib(worker)
        answer = probe.do(b"APPEND INBOX {%d}" % size)  # and no "+" asks for it
        assert len(answer) == 1 and b" NO [UNAVAILABLE]" in answer[0]
        answer = client.do(b"APPEND INBOX {%d+}\r\n" % size + message, timeout=60)[-1]
        assert b" NO [UNAVAILABLE]" in answer
        assert rss_kib(worker) - full < 16 * 1024
        client.must("NOOP")
        client.append("INBOX", b"Subject: small\r\n\r\nfits always\r\n")
        for holder, tag in zip(holders, tags):
            holder.send(message[-1:] + b"\r\n")
            assert b" OK " in holder.finish(tag, timeout=60)[-1]
        client.append("INBOX", message)
