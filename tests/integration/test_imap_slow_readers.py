# SPDX-License-Identifier: Apache-2.0
"""ATTACKS I13: readers that are slower than what they asked for cost little memory and no database
connection while they wait, compressed or not; and each gets every octet in the end."""
import random
import time

import pytest

from conftest import wait_until
from imap_raw import Imap, rss_kib

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


def begin(heronry, user):
    """A reader that has asked for everything and reads nothing."""
    client = Imap(heronry, user)
    client.must("SELECT big")
    client.tag = client.start(f"FETCH 1:{MESSAGES} BODY.PEEK[]")
    return client


def test_a_hundred_slow_readers(heronry, user):
    with Imap(heronry, user) as warm:
        warm.must("SELECT big")
        warm.must("FETCH 1 BODY.PEEK[]", timeout=60)
        before = sum(map(rss_kib, fronts(heronry)))
        readers = []
        try:
            for _ in range(READERS):
                readers.append(begin(heronry, user))
            time.sleep(2)
            grown = sum(map(rss_kib, fronts(heronry))) - before
            print(f"{READERS} readers of {MESSAGES * SIZE} octets: {grown} KiB more")
            assert grown < 64 * 1024
            # Nobody waits in a transaction or a statement, and others are served.
            held = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid()"
            wait_until(lambda: heronry.psql(held) == "0", 10, "database connections at rest")
            began = time.monotonic()
            warm.must("UID FETCH 1:* FLAGS")
            assert time.monotonic() - began < 5
            whole = b"".join(readers[0].finish(readers[0].tag, timeout=60))
            assert whole.count(user["message"]) == MESSAGES
        finally:
            for reader in readers:
                reader.reset()
