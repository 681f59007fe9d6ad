# SPDX-License-Identifier: Apache-2.0
"""PROMISES R1 and R2 under load at the points around a COMMIT (P4-P6): a worker that dies exactly there
breaks no promise. The points before and after are in test_smtp_faults.py, one message at a time."""
import time

import pytest

import ledger as books

POINTS = ["store-before-commit", "db-commit-sent", "store-after-commit"]


@pytest.mark.parametrize("point", POINTS)
def test_death_at(point, heronry_factory):
    # Every fifth passing kills the worker; the one that follows begins to count anew.
    server = heronry_factory(settings={"workers.front": 1, "limits.smtp_new_per_minute": 1000000},
                          environment={"HERONRY_FAILPOINT": f"{point}:kill@5"})
    ledger = books.Ledger()
    senders = books.Senders(server.ports["smtp"], [u["address"] for u in server.users], ledger, count=3)
    began, lives = time.monotonic(), set()
    while len(lives) < 4 and time.monotonic() < began + (6 if len(lives) > 1 else 60):
        lives |= {server.pids().get("front.1")} - {None}
        time.sleep(0.05)
    senders.stop()
    # The mailboxes are read by a server that dies no more.
    server.stop()
    server.heal()
    server.start()
    copies = {u["address"]: books.copies_in(server.ports["imaps"], u["address"], u["password"]) for u in server.users}
    missing, doubled, wrong = books.settle(ledger, copies)
    assert len(lives) > 1, "the worker did not die at all"
    assert not (missing or doubled or wrong), (missing, doubled, wrong)
    refused = set(ledger.of("refused"))
    assert not [m for box in copies.values() for m in box if m in refused], "refused, and there all the same"
