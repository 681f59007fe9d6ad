# SPDX-License-Identifier: Apache-2.0
"""POP3 with Python's poplib and raw bytes: octets, dots, unique ids, the lock over frontends, and that
nothing is deleted before QUIT (ATTACKS P2)."""
import contextlib
import poplib
import socket
import ssl
import subprocess
import time

import pytest

from conftest import PSQL, wait_until
from support import all_of

HEADER = b"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: number %d\r\n\r\n"
DOTS = b".\r\n..\r\n.a\r\nb.\r\n\r\n.\r\n"


def append(heronry, user, *messages):
    client = heronry.imap(user)
    for message in messages:
        assert client.append("INBOX", None, None, message)[0] == "OK"
    client.logout()


def joined(answer):
    return b"".join(line + b"\r\n" for line in answer[1])


@pytest.fixture
def filled(heronry):
    user = heronry.new_user()
    messages = [HEADER % n + b"body %d\r\n" % n + (DOTS if n == 2 else b"x" * n) + b"\r\n" for n in range(1, 6)]
    append(heronry, user, *messages)
    return user, messages


def test_every_octet_comes_and_is_counted(heronry, filled):
    user, messages = filled
    client = heronry.pop3(user)
    assert client.stat() == (5, sum(map(len, messages)))
    assert [line.split() for line in client.list()[1]] == [[b"%d" % (i + 1), b"%d" % len(m)] for i, m in enumerate(messages)]
    for number, message in enumerate(messages, 1):
        answer = client.retr(number)
        assert joined(answer) == message
        assert answer[0] == b"+OK %d octets" % len(message)
    assert joined(client.retr(2)) == messages[1]  # again, and out of order
    client.quit()


def test_top_gives_the_header_and_so_many_lines(heronry, filled):
    user, messages = filled
    client = heronry.pop3(user)
    assert joined(client.top(2, 0)) == HEADER % 2
    assert joined(client.top(2, 2)) == HEADER % 2 + b"body 2\r\n.\r\n"
    assert joined(client.top(2, 1000)) == messages[1]
    client.quit()


def test_deletions_happen_at_quit_only(heronry, filled):
    user, messages = filled
    client = heronry.pop3(user)
    client.dele(1)
    client.dele(3)
    with pytest.raises(poplib.error_proto, match="no such message"):
        client.retr(1)
    assert client.stat() == (3, len(messages[1]) + len(messages[3]) + len(messages[4]))
    assert [line.split()[0] for line in client.uidl()[1]] == [b"2", b"4", b"5"]
    client.rset()
    assert client.stat()[0] == 5
    client.dele(1)
    client.close()  # without QUIT
    client = connect_again(heronry, user)
    assert client.stat()[0] == 5
    client.dele(1)
    client.dele(3)
    client.quit()
    client = connect_again(heronry, user)
    assert client.stat()[0] == 3
    assert joined(client.retr(1)) == messages[1]
    client.quit()


def test_what_pop3_deletes_may_stay(heronry, filled):
    """`user pop3 ADDRESS keep`: hidden from POP3 by a keyword, with the numbers closed up and the unique ids of
    the others as before; other protocols show it, and `expunge` brings it back."""
    user, messages = filled
    assert "expunge" in heronry.cli("user", "pop3", user["address"]).stdout
    heronry.cli("user", "pop3", user["address"], "keep")
    client = heronry.pop3(user)
    ids = [line.split()[1] for line in client.uidl()[1]]
    # The keyword is the server's own: a mailbox that has as many as there may be takes it, too.
    with heronry.imap(user) as imap:
        imap.select("INBOX")
        all_of_them = f"({' '.join(f'k{n}' for n in range(64))})"
        assert imap.store("1", "+FLAGS.SILENT", all_of_them)[0] == imap.store("1", "-FLAGS.SILENT", all_of_them)[0] == "OK"
        assert imap.store("1", "+FLAGS.SILENT", "(one-more)")[0] == "NO"
    client.dele(2)
    client.dele(4)
    client.quit()
    client = heronry.pop3(user)
    assert client.stat() == (3, len(messages[0]) + len(messages[2]) + len(messages[4]))
    assert [line.split() for line in client.uidl()[1]] == [[b"1", ids[0]], [b"2", ids[2]], [b"3", ids[4]]]
    assert [joined(client.retr(number)) for number in (1, 2, 3)] == messages[::2]
    client.dele(3)
    client.quit()
    with heronry.imap(user) as imap:
        imap.select("INBOX")
        flags = [line.split(b"FLAGS ")[1] for line in imap.fetch("1:*", "(FLAGS)")[1]]
        assert flags == [b"(\\Seen))", b"($POP3Deleted))", b"(\\Seen))", b"($POP3Deleted))", b"(\\Seen $POP3Deleted))"]
        assert imap.store("2", "-FLAGS", "($pop3deleted)")[0] == "OK"
    client = heronry.pop3(user)
    assert joined(client.retr(2)) == messages[1]
    client.quit()
    heronry.cli("user", "pop3", user["address"], "expunge")
    client = heronry.pop3(user)
    assert [line.split()[1] for line in client.uidl()[1]] == ids
    client.dele(4)
    client.quit()
    with heronry.imap(user) as imap:
        assert imap.select("INBOX")[1] == [b"4"]


def connect_again(heronry, user):
    """A connection that was dropped gives its lock back a moment later."""
    def attempt():
        with contextlib.suppress(poplib.error_proto):
            return heronry.pop3(user)
        return None
    return wait_until(attempt, what="the maildrop's lock is free")


def test_unique_ids_are_the_same_on_every_frontend(heronry, filled):
    user, _ = filled
    seen = set()
    for _ in range(8):  # two workers share the connections
        client = heronry.pop3(user)
        lines = tuple(client.uidl()[1])
        assert client.uidl(2) == b"+OK " + lines[1]
        seen.add(lines)
        client.quit()
    assert len(seen) == 1
    ids = [line.split()[1] for line in seen.pop()]
    assert len(set(ids)) == 5 and all(1 <= len(one) <= 70 for one in ids)
    client = heronry.pop3(user)
    client.dele(2)
    client.quit()
    client = heronry.pop3(user)
    assert [line.split()[1] for line in client.uidl()[1]] == ids[:1] + ids[2:]
    client.quit()


def test_one_session_at_a_time_on_all_frontends(heronry, filled):
    user, _ = filled
    first = heronry.pop3(user)
    for _ in range(6):
        with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
            heronry.pop3(user)
    first.quit()
    heronry.pop3(user).quit()


def test_a_lock_of_a_dead_frontend_ends(heronry, filled):
    """The lease that a frontend which died left behind: nobody has it when its time is over."""
    user, _ = filled
    heronry.pop3(user).quit()
    account = heronry.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
    take = "UPDATE job_lease SET owner = 'dead', until = now() + interval '{}' WHERE name = 'pop3-{}'"
    heronry.psql(take.format("50 seconds", account))
    with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
        heronry.pop3(user)
    heronry.psql(take.format("-1 second", account))
    heronry.pop3(user).quit()


def test_what_imap_expunged_meanwhile_is_gone_and_new_mail_waits(heronry, filled):
    user, messages = filled
    client = heronry.pop3(user)
    assert joined(client.retr(1)) == messages[0]
    imap = heronry.imap(user)
    imap.select("INBOX")
    imap.store("5", "+FLAGS", r"(\Deleted)")
    imap.expunge()
    imap.logout()
    append(heronry, user, HEADER % 6)
    assert client.stat()[0] == 5
    client.dele(5)
    client.dele(2)
    client.quit()
    client = heronry.pop3(user)
    assert [joined(client.retr(n)) for n in (1, 2, 3, 4)] == [messages[0], messages[2], messages[3], HEADER % 6]
    client.quit()


def test_what_was_fetched_is_seen_in_imap(heronry, filled):
    user, _ = filled
    client = heronry.pop3(user)
    client.retr(2)
    client.top(3, 1)
    client.quit()
    imap = heronry.imap(user)
    imap.select("INBOX", readonly=True)
    assert imap.search(None, "SEEN") == ("OK", [b"2"])
    imap.logout()


def test_a_long_message_and_one_without_a_last_line_end(heronry):
    user = heronry.new_user()
    long = HEADER % 1 + b"".join(b".%070d\r\n" % n for n in range(50000))
    open_end = HEADER % 2 + b"no end"
    append(heronry, user, long, open_end)
    client = heronry.pop3(user)
    assert joined(client.retr(1)) == long
    assert joined(client.retr(2)) == open_end + b"\r\n"
    assert client.list(1) == b"+OK 1 %d" % len(long)
    assert client.list(2) == b"+OK 2 %d" % (len(open_end) + 2)
    assert client.retr(2)[0] == b"+OK %d octets" % (len(open_end) + 2)
    assert joined(client.top(1, 40000)) == HEADER % 1 + b"".join(b".%070d\r\n" % n for n in range(40000))
    client.quit()


@contextlib.contextmanager
def unindexed(heronry):
    """Nothing comes into the index: what is delivered stays in the outbox."""
    database = heronry.status()["database"]
    with subprocess.Popen([PSQL, "-X", "-q", "-d", database], stdin=subprocess.PIPE, text=True) as holder:
        holder.stdin.write("BEGIN; LOCK TABLE fts IN SHARE MODE;\n")
        holder.stdin.flush()
        held = "SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND granted AND relation = 'fts'::regclass"
        try:
            wait_until(lambda: heronry.psql(held) == "1", 60, "the lock")
            yield
        finally:
            holder.stdin.write("ROLLBACK;\n")
            holder.stdin.close()


def pending(heronry, account):
    return int(heronry.psql(f"SELECT count(*) FROM outbox WHERE account_id = {account}"))


BODY = "\r\ngr\u00fcn\r\n".encode()
MESSAGE = "From: a@example.org\r\nSubject: gr\u00fcn\r\n".encode() + BODY
ENCODED = b"From: a@example.org\r\nSubject: =?utf-8?Q?gr=C3=BCn?=\r\n" + BODY
LONG = b"%08d\r\n" % 1 * 150_000


def counts_are_right(heronry, user):
    """Of three messages: sizes are those of what comes (RFC 1939 section 11); without UTF8 the header is
    ASCII (RFC 6856 section 2), the body stays as it is."""
    for says_utf8, want in ((False, ENCODED), (True, MESSAGE)):
        client = heronry.pop3()
        if says_utf8:
            client.utf8()
        client.user(user["address"])
        client.pass_(user["password"])
        texts = (want, want + LONG, want)
        assert client.stat() == (3, sum(map(len, texts)))
        assert [line.split()[1] for line in client.list()[1]] == [b"%d" % len(text) for text in texts]
        for number, text in enumerate(texts, 1):
            answer = client.retr(number)
            assert joined(answer) == text
            assert answer[0] == b"+OK %d octets" % len(text)
        assert joined(client.top(1, 0)) == want.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        client.dele(1)
        assert client.stat() == (2, sum(map(len, texts[1:])))
        client.rset()
        client.quit()


def test_headers_are_ascii_without_utf8(heronry):
    """As soon as they are there, when the index knows them, and when it could not read them."""
    user = heronry.new_user()
    account = heronry.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
    with unindexed(heronry):
        append(heronry, user, MESSAGE, MESSAGE + LONG, MESSAGE[:-2])
        counts_are_right(heronry, user)
        assert pending(heronry, account) == 3
    wait_until(lambda: pending(heronry, account) == 0, 60)
    counts_are_right(heronry, user)
    heronry.psql(f"UPDATE header_text SET pop3_header_gain = NULL, pop3_end_gain = NULL WHERE account_id = {account}")
    counts_are_right(heronry, user)


def stat_once(heronry, user):
    """What STAT says; nobody is in the maildrop when this returns."""
    client = heronry.pop3(user)
    said = client.stat()
    client.quit()
    return said


def test_many_new_messages_are_measured_together(heronry):
    """More than are read at a time; and none that is only to be indexed anew."""
    user = heronry.new_user()
    account = heronry.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
    with unindexed(heronry):
        append(heronry, user, *[MESSAGE] * 70)
        assert stat_once(heronry, user) == (70, 70 * len(ENCODED))
        assert pending(heronry, account) == 70
    wait_until(lambda: pending(heronry, account) == 0, 60)
    with unindexed(heronry):
        heronry.psql(f"INSERT INTO outbox (kind, account_id, ref) SELECT 3, account_id, msg_id FROM fts "
                     f"WHERE account_id = {account}; "
                     f"UPDATE header_text SET pop3_header_gain = 0 WHERE account_id = {account}")
        assert pending(heronry, account) == 70
        assert stat_once(heronry, user) == (70, 70 * len(MESSAGE))
    wait_until(lambda: pending(heronry, account) == 0, 60)
    assert stat_once(heronry, user) == (70, 70 * len(ENCODED))


def test_a_header_longer_than_a_piece(heronry):
    """Its words are encoded as they were counted, wherever the pieces that are read end."""
    user = heronry.new_user()
    header = b"".join(b"X-%06d: " % n + "gr\u00fcn ".encode() * 8 + b"\r\n" for n in range(30_000))
    append(heronry, user, HEADER[:-4] % 1 + b"\r\n" + header + b"\r\nbody\r\n" + LONG)
    client = heronry.pop3(user)
    size = int(client.list(1).split()[2])
    text = joined(client.retr(1))
    assert len(text) == size and text.startswith(HEADER[:-4] % 1) and text.endswith(b"\r\n\r\nbody\r\n" + LONG)
    fields = text.split(b"\r\n\r\n")[0].split(b"\r\nX-")[1:]
    assert len(fields) == 30_000 and {field[6:] for field in fields} == {fields[0][6:]}
    assert joined(client.top(1, 0)) == text.split(b"body")[0]
    client.quit()


def test_pipelined_download(heronry, filled):
    """All commands in one write; the answers come in order, byte for byte."""
    user, messages = filled
    context = heronry.tls()
    with socket.create_connection(("localhost", heronry.ports["pop3s"]), timeout=60) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as sock:
        asked = [f"USER {user['address']}", f"PASS {user['password']}", "STAT"]
        asked += [f"RETR {n}" for n in range(1, 6)] + ["QUIT"]
        sock.sendall("".join(line + "\r\n" for line in asked).encode())
        data = all_of(sock)
    wanted = b"".join(b"+OK %d octets\r\n" % len(m) + m.replace(b"\r\n.", b"\r\n..") + b".\r\n" for m in messages)
    assert wanted in data and data.endswith(b"+OK Bye\r\n")


def test_a_disabled_account_loses_its_session(heronry, filled):
    user, _ = filled
    client = heronry.pop3(user)
    client.dele(1)
    heronry.cli("user", "disable", user["address"])
    with pytest.raises((poplib.error_proto, OSError, ssl.SSLError)):
        for _ in range(600):
            client.noop()
            time.sleep(0.1)
    heronry.cli("user", "enable", user["address"])
    client = connect_again(heronry, user)
    assert client.stat()[0] == 5
    client.quit()


def test_stls_of_poplib(heronry, filled):
    user, messages = filled
    client = poplib.POP3("localhost", heronry.ports["pop3"], timeout=60)
    assert "STLS" in client.capa() and "SASL" not in client.capa()
    client.stls(heronry.tls())
    assert "PLAIN" in client.capa()["SASL"] and "STLS" not in client.capa()
    client.user(user["address"])
    client.pass_(user["password"])
    assert client.stat()[0] == len(messages)
    client.quit()


def test_curl_fetches(heronry, filled):
    user, messages = filled
    done = subprocess.run(["curl", "-sS", "--cacert", str(heronry.tls_ca), "--user", f"{user['address']}:{user['password']}",
                           f"pop3s://localhost:{heronry.ports['pop3s']}/2"], capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == messages[1]
