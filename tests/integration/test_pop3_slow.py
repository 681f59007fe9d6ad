# SPDX-License-Identifier: Apache-2.0
"""POP3 clients that read slowly, or not at all: they keep the lock of their maildrop (ATTACKS P2), unless
the account is disabled; and cost little memory. The lock is short here: 12 s. And a frontend that is killed."""
import contextlib
import os
import poplib
import random
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import PSQL, Instance, wait_until
from imap_raw import Imap, owner_of, rss_kib
from test_imap_progress import locked
from test_imap_slow_readers import fronts, settled_kib
from test_pop3 import pending, unindexed

SIZE = 12_000_000   # octets of the long message: more than the sockets between two processes take
LOCK = 12           # seconds
READERS = 6


@pytest.fixture(scope="module")
def server():
    made = Instance(environment={"HERONRY_FAILPOINT": "pop3-lease-is-short:error"})
    try:
        yield made.up()
    finally:
        made.remove()


def long_message():
    noise = random.Random(3)
    line = [f"{noise.getrandbits(288):072x}\r\n" for _ in range(1000)]
    return ("Subject: long\r\n\r\n" + "".join(noise.choices(line, k=SIZE // 74))).encode()


def account(server, message):
    """An account with a long message and a short one."""
    made = server.new_user(quota="1G")
    with Imap(server, made) as client:
        client.append("INBOX", message)
        client.append("INBOX", "Subject: short\r\n\r\n")
    return dict(made, message=message)


@pytest.fixture
def user(server):
    return account(server, long_message())


def log_in(server, user):
    client = poplib.POP3_SSL("localhost", server.ports["pop3s"], context=server.tls(), timeout=90)
    client.user(user["address"])
    client.pass_(user["password"])
    return client


class Slow:
    """Has asked for something and reads what it is told to."""

    def __init__(self, server, user, *commands):
        self.plain = socket.create_connection(("127.0.0.1", server.ports["pop3s"]), timeout=90)
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        self.sock = server.tls().wrap_socket(self.plain, server_hostname="localhost")
        self.lines = self.sock.makefile("rb")
        asked = [f"USER {user['address']}", f"PASS {user['password']}", *commands]
        assert self.lines.readline().startswith(b"+OK")
        for command in asked[:-1]:
            self.say(command)
            assert self.lines.readline().startswith(b"+OK"), command
        self.say(asked[-1])

    def say(self, command):
        self.sock.sendall(command.encode() + b"\r\n")

    def rest(self):
        """What the server says up to the end of the answer."""
        got = b"".join(iter(self.lines.readline, b".\r\n"))
        return got.split(b"\r\n", 1)[1]

    def close(self):
        self.lines.close()
        self.sock.close()


def read_on(client):
    """Reads a little again and again until told to stop."""
    stop = threading.Event()

    def read():
        while not stop.wait(0.05):
            client.lines.read(32 * 1024)
    thread = threading.Thread(target=read)
    thread.start()
    return stop, thread


def test_slow_readers_keep_the_lock(server, user):
    """One that reads nothing at all, and one that reads a little all the time."""
    users = [user, account(server, user["message"])]
    stalled, trickling = clients = [Slow(server, one, "DELE 2", "RETR 1") for one in users]
    stop, thread = read_on(trickling)
    try:
        end = time.monotonic() + LOCK + 1.5
        while time.monotonic() < end:
            for one in users:
                with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
                    log_in(server, one)
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join()
    assert stalled.rest() == user["message"]
    while trickling.lines.readline() != b".\r\n":
        continue
    for client, one in zip(clients, users):
        client.say("QUIT")
        assert client.lines.readline().startswith(b"+OK")
        client.close()
        again = log_in(server, one)
        assert again.stat() == (1, len(user["message"]))
        again.quit()


def test_a_disabled_account_reads_no_further(server, user):
    client = Slow(server, user, "RETR 1")
    client.lines.readline()
    server.cli("user", "disable", user["address"])
    wait_until(lambda: any("account_changed" in line and user["address"] in line for line in server.log().splitlines()),
               60, "the end of the session")
    got = 0
    with contextlib.suppress(OSError):
        while data := client.lines.read1(65536):
            got += len(data)
    assert got < SIZE / 2
    client.close()


def test_readers_of_top_cost_little_memory(server, user):
    users = [user] + [account(server, user["message"]) for _ in range(READERS - 1)]
    warm = log_in(server, user)
    warm.top(1, 99999999)
    warm.quit()
    before = sum(map(rss_kib, fronts(server)))
    readers = [Slow(server, one, "TOP 1 99999999") for one in users]
    grown = settled_kib(server) - before
    print(f"{READERS} readers of TOP of {SIZE} octets: {grown} KiB more")
    assert grown < READERS * 3 * 1024
    assert readers[0].rest() == user["message"]
    for reader in readers:
        reader.close()


def test_top_of_a_message_of_several_pieces(server):
    """Octet for octet, wherever the last line is; dots, empty lines and the header included."""
    user = server.new_user(quota="1G")
    noise = random.Random(4)
    lines = [noise.choice([b"", b".", b"..", b"x" * 70, b".%060d" % n]) + b"\r\n" for n in range(100_000)]
    header = b"From: a@example.org\r\n" + b"".join(b"X-%d: gr\xc3\xbcn\r\n" % n for n in range(90_000)) + b"\r\n"
    assert len(header) > 1 << 20 and sum(map(len, lines)) > 2 << 20
    plain = b"Subject: plain\r\n\r\n"
    with Imap(server, user) as client:
        client.append("INBOX", plain + b"".join(lines))
        client.append("INBOX", header + b"".join(lines[:10_000]))
    client = log_in(server, user)

    def top(number, count):
        return b"".join(line + b"\r\n" for line in client.top(number, count)[1])
    for count in (0, 1, 1700, 30_000, 99_999, 100_000, 200_000):
        assert top(1, count) == plain + b"".join(lines[:count]), count
    ascii_header = re.sub(b"gr\xc3\xbcn", b"=?utf-8?Q?gr=C3=BCn?=", header)
    for count in (0, 5, 10_000):
        assert top(2, count) == ascii_header + b"".join(lines[:count]), count
    client.quit()


def test_a_killed_frontend_deletes_nothing(server):
    """Its lock ends by itself."""
    message = b"Subject: kept\r\n\r\n"
    user = account(server, message)
    client = log_in(server, user)
    client.dele(1)
    os.kill(owner_of(client.sock.getsockname()[1], client.sock.getpeername()[1]), signal.SIGKILL)

    server.psql("UPDATE job_lease SET until = until - interval '9 seconds' WHERE name LIKE 'pop3-%'")  # the rest has to go by

    def attempt():
        with contextlib.suppress(poplib.error_proto, OSError):
            return log_in(server, user)
        return None
    again = wait_until(attempt, 60, "a login")
    assert again.stat()[0] == 2
    assert b"".join(line + b"\r\n" for line in again.retr(1)[1]) == message
    again.quit()
    client.close()


@contextlib.contextmanager
def row_held(server, select):
    """Nobody else can change the row."""
    command = [PSQL, "-X", "-q", "-A", "-t", "-d", server.status()["database"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        holder.stdin.write(f"BEGIN; {select};\n")
        holder.stdin.flush()
        try:
            assert holder.stdout.readline() == "1\n"
            yield
        finally:
            holder.stdin.write("ROLLBACK;\n")
            holder.stdin.close()


def test_a_long_login_keeps_the_lock(server):
    """While new messages are measured the lock is extended, before the login is answered."""
    user = server.new_user()
    account = server.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
    lease = f"SELECT 1 FROM job_lease WHERE name = 'pop3-{account}' AND until "
    extending = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    answers = []

    def enter():
        with contextlib.closing(log_in(server, user)) as client:
            answers.append(client.stat())

    with unindexed(server):
        with Imap(server, user) as client:
            for _ in range(70):
                client.append("INBOX", "Subject: gr\u00fcn\r\n\r\n")
        login = threading.Thread(target=enter)
        with contextlib.ExitStack() as held:
            with locked(server, "blob"):
                login.start()
                wait_until(lambda: server.psql(f"{lease} > now()") == "1", 60, "the lock")
                held.enter_context(row_held(server, f"{lease} > now() FOR UPDATE"))
                # Of 12 s; what waits for the table longer than 5 s gives up.
                wait_until(lambda: server.psql(f"{lease} < now() + interval '7.9 s'") == "1", 60, "a third of the lock's time")
            wait_until(lambda: server.psql(extending) != "0", 60, "the lock to be extended")
            assert not answers
        login.join()
        assert pending(server, account) == 70
    assert answers == [(70, 70 * len(b"Subject: =?utf-8?Q?gr=C3=BCn?=\r\n\r\n"))]
