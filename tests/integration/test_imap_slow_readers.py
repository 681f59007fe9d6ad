# SPDX-License-Identifier: Apache-2.0
"""ATTACKS I13: readers that are slower than what they asked for cost little memory and no database
connection while they wait, compressed or not; and each gets every octet in the end."""
import base64
import pathlib
import random
import re
import socket
import threading
import time
import zlib

import pytest

from conftest import wait_until
from imap_raw import Imap, rss_kib
from test_supervisor import all_processes

READERS = 100
MESSAGES = 5
SIZE = 10_000_000  # octets of each message: 50 MB a reader


@pytest.fixture(scope="module")
def user(heronry):
    """An account whose mailbox "big" has the messages."""
    made = heronry.new_user(quota="1G")
    noise = random.Random(5)
    line = [f"{noise.getrandbits(288):072x}\r\n" for _ in range(1000)]
    message = "Subject: big\r\n\r\n" + "".join(noise.choices(line, k=SIZE // 74))
    with Imap(heronry, made) as client:
        client.must("CREATE big")
        for _ in range(MESSAGES):
            client.append("big", message)
    return dict(made, message=message.encode())


def fronts(heronry):
    return [pid for name, pid in heronry.pids().items() if name.startswith("front")]


def is_at_rest(heronry):
    """Whether nothing of the server works, or would if there were a processor for it."""
    return all(state_of(pid) in "SZ" for pid in all_processes(heronry))


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "S"  # it has ended


def settled_kib(heronry):
    """What the front processes hold once it has stopped to change: until then some readers are still being served."""
    deadline, calm, last = time.monotonic() + 120, 0, 0
    while calm < 4:
        assert time.monotonic() < deadline, "memory goes on changing"
        time.sleep(0.25)
        now = sum(map(rss_kib, fronts(heronry)))
        calm, last = (calm + is_at_rest(heronry) if abs(now - last) < 256 else 0), now
    return last


class Peak:
    """What the front processes hold at most while the block runs: `kib`."""

    def __init__(self, heronry):
        self.heronry, self.kib, self.ended = heronry, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        pids = fronts(self.heronry)
        while True:
            self.kib = max(self.kib, sum(map(rss_kib, pids)))
            if self.ended.wait(0.02):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def begin(heronry, user, items="BODY.PEEK[]"):
    """A reader that has asked for everything and reads nothing."""
    client = Imap(heronry, user)
    client.must("SELECT big")
    client.tag = client.start(f"FETCH 1:{MESSAGES} {items}")
    return client


def test_a_hundred_slow_readers(heronry, user):
    with Imap(heronry, user) as warm:
        warm.must("SELECT big")
        warm.must("FETCH 1 BODY.PEEK[]", timeout=60)
        before = sum(map(rss_kib, fronts(heronry)))
        readers = []
        try:
            with Peak(heronry) as peak:
                for _ in range(READERS):
                    readers.append(begin(heronry, user))
                grown = settled_kib(heronry) - before
            most = peak.kib - before
            print(f"{READERS} readers of {MESSAGES * SIZE} octets: {grown} KiB more, {most} KiB on the way")
            assert grown < 64 * 1024
            assert most < 64 * 1024
            # Nobody waits in a transaction or a statement, and others are served.
            held = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()"
            wait_until(lambda: heronry.psql(held) == "0", 60, "database connections at rest")
            warm.must("UID FETCH 1:* FLAGS")
            whole = b"".join(readers[0].finish(readers[0].tag, timeout=60))
            assert whole.count(user["message"]) == MESSAGES
        finally:
            for reader in readers:
                reader.reset()


def test_one_slow_reader_more_costs_little(heronry, user):
    """Of 100 MB. What was needed for the first hundred of them, logins, pools and pieces that were read before they
    were known to be slow, counts for nobody."""
    readers = []

    def add(n):
        readers.extend(begin(heronry, user, "(BODY.PEEK[] BODY.PEEK[TEXT])") for _ in range(n))
        return settled_kib(heronry)

    try:
        before = add(READERS)
        each = (add(3 * READERS) - before) / (3 * READERS)
        print(f"a reader of {2 * MESSAGES * SIZE} octets: {each:.0f} KiB")
        assert each < 128
    finally:
        for reader in readers:
            reader.reset()


# ---- those who ask for nothing ----

IDLERS = 40


def test_one_idle_session_more_costs_little(heronry_factory):
    """In IDLE over TLS, with a mailbox selected; those before them paid for what all share. The server is a fresh one: what
    others gave back would be taken again, and cost nothing."""
    server = heronry_factory()
    user, idlers = server.user(1), []

    def add(n):
        for _ in range(n):
            idlers.append(Imap(server, user))
            idlers[-1].must("SELECT INBOX")
            idlers[-1].start("IDLE")
            assert idlers[-1].line() == b"+ idling"
        return settled_kib(server)

    try:
        before = add(IDLERS)
        each = (add(3 * IDLERS) - before) / (3 * IDLERS)
        print(f"a session in IDLE: {each:.0f} KiB")
        assert each < 24
    finally:
        for idler in idlers:
            idler.reset()


# ---- many small messages ----

SMALL_READERS = 40
SMALL_SIZE = 40_000
SMALL_MESSAGES = 300    # 12 MB: more than the sockets between two processes take


def test_slow_readers_of_small_messages(heronry):
    """What was read ahead for a client is given back while it does not read."""
    user = heronry.new_user(quota="1G")
    noise = random.Random(7)
    with Imap(heronry, user) as warm:
        command = b"APPEND INBOX"
        for n in range(SMALL_MESSAGES):
            text = f"Subject: {n}\r\n\r\n{noise.randbytes(SMALL_SIZE // 2).hex()}\r\n".encode()
            command += b" {%d+}\r\n%s" % (len(text), text)
        warm.must(command, timeout=60)
        warm.must("SELECT INBOX")
        warm.must("FETCH 1:50 BODY.PEEK[]", timeout=60)
        before = sum(map(rss_kib, fronts(heronry)))
        readers = []
        try:
            for _ in range(SMALL_READERS):
                readers.append(Imap(heronry, user))
                readers[-1].must("SELECT INBOX")
                readers[-1].start("FETCH 1:* BODY.PEEK[]")
            grown = settled_kib(heronry) - before
            print(f"{SMALL_READERS} readers of small messages: {grown} KiB more")
            assert grown < SMALL_READERS * 640  # a window would be 1 MiB
            wait_until(lambda: heronry.psql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'") == "0",
                       what="no transaction that waits for a reader")
        finally:
            for reader in readers:
                reader.reset()


# ---- what is kept beside the octets ----

LONG_READERS = 12
LONG_MESSAGES = 250     # one batch
ADDRESSES = 600         # in each: an ENVELOPE of about 27 KB


def test_slow_readers_of_envelopes(heronry):
    """Those of a batch are counted by octets, not by messages, and given back while nobody reads."""
    user = heronry.new_user(quota="1G")
    to = ",\r\n ".join(f"Somebody <somebody{n}@example.org>" for n in range(ADDRESSES))
    with Imap(heronry, user) as warm:
        for part in range(5):
            command = b"APPEND INBOX"
            for n in range(LONG_MESSAGES // 5):
                text = f"Subject: {part}.{n}\r\nTo: {to}\r\n\r\ntext\r\n".encode()
                command += b" {%d+}\r\n%s" % (len(text), text)
            warm.must(command, timeout=60)
        warm.must("SELECT INBOX")
        whole = warm.must("FETCH 1:* ENVELOPE", timeout=60)
        assert sum(map(len, whole)) > LONG_MESSAGES * 24_000
        before = sum(map(rss_kib, fronts(heronry)))
        readers = []
        try:
            for _ in range(LONG_READERS):
                readers.append(Imap(heronry, user))
                readers[-1].plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
                readers[-1].must("SELECT INBOX")
                readers[-1].tag = readers[-1].start("FETCH 1:* ENVELOPE")
            grown = settled_kib(heronry) - before
            print(f"{LONG_READERS} readers of envelopes: {grown} KiB more")
            assert grown < LONG_READERS * 1024
            assert readers[0].finish(readers[0].tag, timeout=60)[:-1] == whole[:-1]
        finally:
            for reader in readers:
                reader.reset()


# ---- other sections than the whole message ----

SECTION_READERS = 12
HEADS = 3
HEAD_SIZE = 5_000_000   # octets of each header


@pytest.fixture(scope="module")
def heads(heronry, user):
    """The same account has messages that are little but header, in "heads"."""
    noise = random.Random(9)
    header = "Subject: head\r\n" + "".join(f"X-{n}: {noise.getrandbits(280):070x}\r\n" for n in range(HEAD_SIZE // 78))
    with Imap(heronry, user) as client:
        client.must("CREATE heads")
        for _ in range(HEADS):
            client.append("heads", header + "\r\ntext\r\n")
    return header.encode()


@pytest.mark.parametrize("mailbox,section", [("heads", "HEADER"), ("big", "TEXT"), ("big", "1")])
def test_slow_readers_of_sections(heronry, user, heads, mailbox, section):
    with Imap(heronry, user) as warm:
        warm.must(f"SELECT {mailbox}")
        warm.must(f"FETCH 1 BODY.PEEK[{section}]", timeout=60)
        before = sum(map(rss_kib, fronts(heronry)))
        readers = []
        try:
            for _ in range(SECTION_READERS):
                readers.append(Imap(heronry, user))
                readers[-1].must(f"SELECT {mailbox}")
                readers[-1].tag = readers[-1].start(f"FETCH 1:* BODY.PEEK[{section}]")
            grown = settled_kib(heronry) - before
            print(f"{SECTION_READERS} readers of [{section}]: {grown} KiB more")
            assert grown < 64 * 1024
            if section == "HEADER":
                whole = b"".join(readers[0].finish(readers[0].tag, timeout=60))
                assert whole.count(heads + b"\r\n") == HEADS
        finally:
            for reader in readers:
                reader.reset()


def read_all(client):
    """Takes what comes as fast as it comes."""
    try:
        while client.sock.recv(1 << 16):
            pass
    except OSError:
        pass


def test_parts_of_big_messages_come_while_another_reads_without_end(heronry, user):
    """Two of these messages are more than all sessions of a worker may hold. Who asks again and again gives its room
    to whoever waits; and a part that comes piece by piece is the same part."""
    with Imap(heronry, user) as client, Imap(heronry, user) as greedy:
        for _ in range(50):
            if greedy.worker() == client.worker():
                break
            greedy.close()
            greedy = Imap(heronry, user)
        assert greedy.worker() == client.worker()
        greedy.must("SELECT big")
        client.must("SELECT big")
        for number in range(60):
            greedy.send(f"g{number} FETCH 1:{MESSAGES} BODY.PEEK[TEXT]\r\n")
        reader = threading.Thread(target=read_all, args=[greedy])
        reader.start()
        try:
            whole = b"".join(client.must("FETCH 1 BODY.PEEK[1]", timeout=60))
            step, pieces = 3_000_000, []
            for at in range(0, SIZE, step):
                line = client.must(f"FETCH 1 BODY.PEEK[1]<{at}.{step}>", timeout=60)[0]
                head, octets = line.split(b"}\r\n", 1)
                assert f"BODY[1]<{at}>".encode() in head, head
                pieces.append(octets[:int(head.split(b"{")[1])])
            assert b"".join(pieces) in whole and user["message"].endswith(b"".join(pieces))
            assert sum(map(len, pieces)) > SIZE - 1000
        finally:
            greedy.plain.shutdown(socket.SHUT_RDWR)
            reader.join()
            greedy.close()


BINARY_READERS = 16
BINARY_SIZE = 5_000_000


def test_slow_readers_of_decoded_parts(heronry):
    """What BINARY gives is decoded on the way: it does not fill the room that others need."""
    user = heronry.new_user(quota="1G")
    octets, data = two_parts(3, BINARY_SIZE)
    with Imap(heronry, user) as warm:
        warm.append("INBOX", octets)
        warm.must("SELECT INBOX")
        assert data in b"".join(warm.must("FETCH 1 BINARY.PEEK[2]", timeout=60))
        # In pieces, which go on where the last one ended, and from anywhere, it is the same.
        for at, n in ([(at, 1_200_000) for at in range(0, BINARY_SIZE + 1, 1_200_000)] + [(4_000_000, 1000), (4_001_000, 1),
                      (4_001_001, 40_000), (7, 9), (16, 100_000), (BINARY_SIZE - 1, 5), (BINARY_SIZE + 5, 5)]):
            line = warm.must(f"FETCH 1 BINARY.PEEK[2]<{at}.{n}>", timeout=60)[0]
            head, octets = line.split(b"}\r\n", 1)
            piece = data[at:at + n]
            literal = b"~{%d" % len(piece) if b"\0" in piece else b"{%d" % len(piece)
            assert head == b"* 1 FETCH (BINARY[2]<%d> %s" % (at, literal), head
            assert octets == piece + b")"
        assert b"* 1 FETCH (BINARY.SIZE[2] %d)" % BINARY_SIZE in warm.must("FETCH 1 BINARY.SIZE[2]")
        before = sum(map(rss_kib, fronts(heronry)))
        readers = []
        try:
            for _ in range(BINARY_READERS):
                readers.append(Imap(heronry, user))
                readers[-1].must("SELECT INBOX")
                readers[-1].tag = readers[-1].start("FETCH 1 BINARY.PEEK[2]")
                time.sleep(0.15)    # the message itself is held until this one is known to be slow
            grown = settled_kib(heronry) - before
            print(f"{BINARY_READERS} readers of decoded parts: {grown} KiB more")
            assert grown < 64 * 1024
            assert data in b"".join(warm.must("FETCH 1 BINARY.PEEK[2]"))
            assert data in b"".join(readers[0].finish(readers[0].tag, timeout=60))
        finally:
            for reader in readers:
                reader.reset()


# ---- the same octets, however they are read ----

SECTIONS = ("ENVELOPE", "BODY.PEEK[]", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "BODY.PEEK[1]", "BODY.PEEK[2]", "BINARY.PEEK[2]",
            "BODY.PEEK[TEXT]<5000.400000>", "BODY.PEEK[2.MIME]", "BINARY.SIZE[2]")


def two_parts(number, size):
    """A message with an attachment of `size` octets."""
    data = random.Random(number).randbytes(size)
    packed = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return (b"From: a@example.org\r\nSubject: %d\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText %d\r\n"
            b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            b"%s--b--\r\n" % (number, number, packed)), data


class Slow:
    """Reads the answer of one command, plain or compressed, with pauses."""

    def __init__(self, client, compressed):
        self.client = client
        self.packer = zlib.compressobj(wbits=-15) if compressed else None
        self.unpacker = zlib.decompressobj(wbits=-15) if compressed else None
        if compressed:
            client.must("COMPRESS DEFLATE")

    def ask(self, command, pause):
        text = b"x " + command.encode() + b"\r\n"
        if self.packer:
            text = self.packer.compress(text) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        self.client.send(text)
        got, rested = bytearray(), 0
        while not re.search(rb"\r\nx (OK|NO|BAD) [^\r\n]*\r\n$", got[-200:]):
            data = self.client.sock.recv(1 << 16)
            assert data, "the connection was closed"
            got += self.unpacker.decompress(data) if self.unpacker else data
            if pause and len(got) - rested > 500_000:
                rested = len(got)
                time.sleep(pause)
        return bytes(got)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_pauses_change_nothing(heronry, compressed):
    user = heronry.new_user(quota="1G")
    sizes = (100, 15_000, 30_000, 200_000, 700_000, 100, 1_500_000, 20_000)
    mails = [two_parts(n, size) for n, size in enumerate(sizes)]
    with Imap(heronry, user) as client:
        for octets, _ in mails:
            client.append("INBOX", octets)
    answers = []
    for pause in (0, 0.15):
        with Imap(heronry, user) as client:
            client.plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
            client.must("SELECT INBOX")
            answers.append(Slow(client, compressed).ask(f"FETCH 1:* ({' '.join(SECTIONS)})", pause))
    assert answers[0] == answers[1]
    for number, (octets, data) in enumerate(mails):
        assert b"BODY[] {%d}\r\n%s" % (len(octets), octets) in answers[0], number
        assert b"{%d}\r\n%s" % (len(data), data) in answers[0], number
