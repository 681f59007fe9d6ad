# SPDX-License-Identifier: Apache-2.0
"""PROMISES R1 and R2: whatever process is killed under load, a message answered 250 is in its mailbox,
once. And R29: a graceful stop under load ends in time and breaks no promise."""
import os
import random
import signal
import socket
import subprocess
import time

import ledger as books

TRIALS = int(os.environ.get("HERONRY_KILL_TRIALS", "100"))
# The supervisor waits longer before each further start of a process that keeps dying, up to 30 s: a
# fresh supervisor after some kills keeps the trials going.
KILLS_OF_ONE_LIFE = 6


def children_of(pid):
    done = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(p) for p in done.stdout.split()]


def victims(server):
    """Process ids by kind: workers, single database backends, the whole database, Redis."""
    pids = server.pids()
    kinds = {name: [pid] for name, pid in pids.items() if name.startswith(("front", "back"))}
    if "postgres" in pids:
        kinds["backend"] = children_of(pids["postgres"])
        kinds["postgres"] = [pids["postgres"]]
    if "redis" in pids:
        kinds["redis"] = [pids["redis"]]
    return {kind: found for kind, found in kinds.items() if found}


def kill_somebody(server, chance):
    kinds = victims(server)
    # The whole database takes seconds to come back: one trial in twenty is enough.
    weights = [0.2 if kind == "postgres" else 1 for kind in kinds]
    kind = chance.choices(list(kinds), weights)[0]
    try:
        os.kill(chance.choice(kinds[kind]), signal.SIGKILL)
    except ProcessLookupError:
        pass
    return kind


def wait_for_promises(ledger, more, seconds):
    """Waits until `more` further messages were promised: the service is back."""
    wanted, end = len(ledger.of("promised")) + more, time.monotonic() + seconds
    while len(ledger.of("promised")) < wanted:
        assert time.monotonic() < end, "no message was accepted for too long after a kill"
        time.sleep(0.02)


def open_books(server, ledger):
    """The ledger against the mailboxes, once the server answers again."""
    end = time.monotonic() + 90
    while True:
        try:
            copies = {u["address"]: books.copies_in(server.ports["imaps"], u["address"], u["password"])
                      for u in server.users}
            return books.settle(ledger, copies)
        except (OSError, books.imaplib.IMAP4.error):
            assert time.monotonic() < end, "the mailboxes cannot be read"
            time.sleep(0.3)


def test_no_promise_is_broken_by_kills(heronry_factory):
    server = heronry_factory(settings={"limits.smtp_new_per_minute": 1000000, "limits.smtp_per_ip": 1000,
                                    "workers.front": 2})
    chance = random.Random(20261121)
    ledger = books.Ledger()
    senders = books.Senders(server.ports["smtp"], [u["address"] for u in server.users], ledger)
    killed = {}
    try:
        wait_for_promises(ledger, 20, 90)
        for trial in range(TRIALS):
            if trial % KILLS_OF_ONE_LIFE == KILLS_OF_ONE_LIFE - 1:
                server.restart()
            kind = kill_somebody(server, chance)
            killed[kind] = killed.get(kind, 0) + 1
            wait_for_promises(ledger, 5, 120)
            time.sleep(chance.random() * 0.05)
    finally:
        senders.stop()
    missing, doubled, wrong = open_books(server, ledger)
    print(f"{TRIALS} kills {killed}; promised {len(ledger.of('promised'))}, refused {len(ledger.of('refused'))}, "
          f"without a reply {len(ledger.of('lost'))}")
    assert not missing, f"{len(missing)} promised messages are lost"
    assert not doubled, f"{len(doubled)} messages are there twice"
    assert not wrong


def test_stop_under_load_keeps_promises(heronry_factory):
    server = heronry_factory(settings={"limits.smtp_new_per_minute": 1000000, "limits.smtp_per_ip": 1000})
    ledger = books.Ledger()
    senders = books.Senders(server.ports["smtp"], [u["address"] for u in server.users], ledger)
    wait_for_promises(ledger, 50, 90)
    idle = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=90)
    assert idle.recv(1000).startswith(b"220")
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 55
    assert idle.recv(1000).startswith(b"421")
    senders.stop()
    server.start()
    missing, doubled, wrong = open_books(server, ledger)
    assert not (missing or doubled or wrong)
