# SPDX-License-Identifier: Apache-2.0
"""A worker that dies at the worst moments, and a stop in the middle of a message (PROMISES R1-R3, R29;
points P1, P2, P3, P6)."""
import itertools
import threading
import time

import pytest
from conftest import wait_until
from milters import ACCEPT, Filter, envelope
from smtp_raw import RawSmtp, fetch_all, stuffed

MESSAGE = b"Subject: fault\r\n\r\n" + b"x" * 70 + b"\r\n"


def send_and_see(server, user, message=MESSAGE):
    """The reply to the end of DATA: 0 when the connection broke before."""
    with RawSmtp(server.ports["smtp"]) as smtp:
        smtp.hello()
        for line in ("MAIL FROM:<sender@remote.example>", f"RCPT TO:<{user['address']}>", "DATA"):
            if smtp.ask(line)[0] == 0:
                return 0
        smtp.send(stuffed(message))
        return smtp.reply()[0]


@pytest.mark.parametrize("point, copies", [("smtp-after-mail", 0), ("smtp-mid-data", 0), ("smtp-after-dot", 0),
                                           ("smtp-before-250", 1)])
def test_worker_dies_at(heronry_factory, point, copies):
    """Each worker dies at its third passing of the point; its successor goes on. A message that was
    answered is there once; one without an answer only when it was committed before."""
    server = heronry_factory(settings={"workers.front": 1}, environment={"HERONRY_FAILPOINT": f"{point}:kill@3"})
    user = server.user(2)
    answers = [send_and_see(server, user) for _ in range(3)]
    assert answers == [250, 250, 0]

    def again():
        try:
            return send_and_see(server, user) == 250
        except (OSError, AssertionError):   # nobody is there, or somebody who sees no database yet
            return False
    wait_until(again, what="a new worker")
    assert len(fetch_all(server, user)) == 3 + copies


@pytest.mark.parametrize("window, copies", [("1h", 1), ("0s", 2)])
def test_a_reply_that_was_lost(heronry_factory, window, copies):
    """R2: the worker dies between COMMIT and 250, and the sender comes again with the same message. A filter that gives
    it another sender, and then has nothing to say, makes no other message of it."""
    judge = Filter()
    judge.rules["fault"] = [envelope(b"e", "<other@remote.example>"), ACCEPT]
    server = heronry_factory(settings={"workers.front": 1, "delivery.retry_window": window, "milter.timeout": "60s",
                                       "milters": f'[{{ addr: "127.0.0.1:{judge.port}" }}]'},
                          environment={"HERONRY_FAILPOINT": "smtp-before-250:kill@2"})
    user = server.user(2)
    message = b"Message-ID: <retried@remote.example>\r\n" + MESSAGE
    assert send_and_see(server, user, b"Message-ID: <other@remote.example>\r\n" + MESSAGE) == 250
    assert send_and_see(server, user, message) == 0
    judge.rules.clear()

    def again():
        try:
            return send_and_see(server, user, message) == 250
        except (OSError, AssertionError):   # nobody is there, or somebody who sees no database yet
            return False
    wait_until(again, what="a new worker")
    came = [m for m in fetch_all(server, user) if b"<retried@" in m]
    assert (len(came), came[0].splitlines()[0]) == (copies, b"Return-Path: <other@remote.example>")


def test_stop_waits_for_a_message(heronry_factory):
    server = heronry_factory()
    user = server.user(2)
    with RawSmtp(server.ports["smtp"], timeout=90) as busy, RawSmtp(server.ports["smtp"], timeout=90) as idle:
        busy.begin(user["address"])
        busy.send(b"Subject: slow\r\n\r\n")
        ended = []
        stopper = threading.Thread(target=lambda: ended.append(server.stop()))
        stopper.start()
        assert idle.reply()[0] == 421
        time.sleep(1)
        assert not ended
        busy.send(b"x\r\n.\r\n")
        assert busy.reply()[0] == 250
        assert busy.reply()[0] == 421
        stopper.join(90)
        assert ended == [0]
    server.start()
    assert len(fetch_all(server, user)) == 1


def test_unknown_commit_is_looked_up(heronry_factory):
    """The connection to the database breaks when COMMIT is on its way: each message is answered 250 and
    there once, or 451 and not there (or there once: unknown), never twice (R3)."""
    server = heronry_factory(settings={"workers.front": 1})
    user = server.user(2)
    stop, answers = threading.Event(), []

    def send_until_refused(smtp):
        """A worker that sees no database says 421 and closes: the sender comes again."""
        smtp.hello()
        while not stop.is_set():
            if smtp.ask("MAIL FROM:<sender@remote.example>")[0] != 250:
                return
            if smtp.ask(f"RCPT TO:<{user['address']}>")[0] != 250 or smtp.ask("DATA")[0] != 354:
                return
            smtp.send(stuffed(b"Subject: n%d\r\n\r\nx\r\n" % len(answers)))
            answers.append(smtp.reply()[0])

    def sender():
        while not stop.is_set():
            try:
                with RawSmtp(server.ports["smtp"], timeout=60) as smtp:
                    send_until_refused(smtp)
            except (OSError, AssertionError):
                pass
            stop.wait(0.02)

    thread = threading.Thread(target=sender)
    thread.start()
    end = time.monotonic() + 90
    for number in itertools.count():
        if number >= 24 and answers.count(250) > 10 or time.monotonic() > end:
            break
        time.sleep(0.5 + number / 30 if number % 4 == 3 else 0.1)  # on a busy machine a message takes longer and longer
        server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    " AND backend_type = 'client backend'")
    stop.set()
    thread.join(90)
    assert set(answers) <= {250, 451} and answers.count(250) > 10, answers
    subjects = [m.split(b"Subject: n")[1].split(b"\r\n")[0] for m in fetch_all(server, user)]
    assert len(subjects) == len(set(subjects))
    for number, answer in enumerate(answers):
        if answer == 250:
            assert b"%d" % number in subjects, number
