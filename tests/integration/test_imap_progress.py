# SPDX-License-Identifier: Apache-2.0
"""Commands that take long: the client is told that they are being worked on (INPROGRESS, RFC 9585), and
what only reads is ended, in the database too, when its client has gone."""
import contextlib
import re
import subprocess

from conftest import PSQL, wait_until
from imap_raw import Imap

GATE = 20261122  # a number of a lock that nobody else takes
# Asked for again and again: sessions of the server do not wait for a lock for long.
SLOW = f"""
CREATE OR REPLACE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN WHILE NOT pg_try_advisory_xact_lock_shared({GATE}) LOOP PERFORM pg_sleep(0.05); END LOOP; RETURN NULL; END $$;
CREATE TRIGGER test_slow AFTER INSERT ON mbox_msg FOR EACH STATEMENT EXECUTE FUNCTION test_slow();
"""


@contextlib.contextmanager
def slow_inserts(heronry):
    """No message comes into a mailbox."""
    try:
        with held(heronry, f"SELECT pg_advisory_xact_lock({GATE})", f"locktype = 'advisory' AND objid = {GATE}"):
            heronry.psql(SLOW)
            yield
    finally:
        heronry.psql("DROP TRIGGER test_slow ON mbox_msg; DROP FUNCTION test_slow()")


@contextlib.contextmanager
def held(heronry, lock, which):
    """Somebody else has the lock, which is a row of pg_locks."""
    database = heronry.status()["database"]
    with subprocess.Popen([PSQL, "-X", "-q", "-d", database], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as holder:
        holder.stdin.write(f"BEGIN; {lock};\n")
        holder.stdin.flush()
        try:
            wait_until(lambda: heronry.psql(f"SELECT count(*) FROM pg_locks WHERE granted AND {which}") == "1", 60, "the lock")
            yield
        finally:
            holder.stdin.write("ROLLBACK;\n")
            holder.stdin.close()


def locked(heronry, table):
    """Nobody else can read the table."""
    return held(heronry, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", f"mode = 'AccessExclusiveLock' AND relation = '{table}'::regclass")


def ends_of(heronry, user):
    """Why sessions of the user ended."""
    return re.findall(rf"imap_session_end .*\blogin={re.escape(user['address'])}\b.*\bend=(\w+)", heronry.log())


def in_mailbox(heronry, user):
    """A client with a message in INBOX, and an empty mailbox beside it."""
    client = Imap(heronry, user)
    client.append("INBOX", "Subject: x\r\n\r\nx")
    client.must("CREATE target")
    client.must("SELECT INBOX")
    return client


def begin_slow_fetch(heronry, user):
    """A client with 320 messages that has asked for all of them, and will read the answer late."""
    client = Imap(heronry, user)
    for _ in range(5):
        client.append("INBOX", "Subject: x\r\n\r\n" + ("x" * 70 + "\r\n") * 800)
    client.must("SELECT INBOX")
    for _ in range(6):
        client.must("COPY 1:* INBOX", timeout=90)
        client.must("NOOP")
    return client, client.start("FETCH 1:* BODY.PEEK[]")


def test_long_commands_tell_that_they_go_on(heronry):
    """All at once, because each of them takes its time."""
    users = [heronry.new_user(quota="1G") for _ in range(4)]
    reader, fetch = begin_slow_fetch(heronry, users[0])
    plain, bracket, leaving = (in_mailbox(heronry, user) for user in users[1:])
    with slow_inserts(heronry):
        copy = plain.start("COPY 1 target")
        bracket.send("a]b COPY 1 target\r\n")
        leaving.start("COPY 1 target")
        leaving.close()
        assert plain.line() == b'* OK [INPROGRESS ("%s" NIL NIL)] Still at it' % copy
        # A tag that could end the code for a simple client is left out.
        assert bracket.line() == b"* OK [INPROGRESS (NIL NIL NIL)] Still at it"
    assert plain.finish(copy)[-1].startswith(copy + b" OK [COPYUID ")
    assert bracket.finish(b"a]b")[-1].startswith(b"a]b OK [COPYUID ")
    # A short one says nothing of it.
    assert len(plain.must("COPY 1 target")) == 1
    # What changes something is done, whether anybody waits for the answer or not.
    with Imap(heronry, users[3]) as other:
        wait_until(lambda: b"MESSAGES 1)" in other.must("STATUS target (MESSAGES)")[0], 60, "the copy")
    ends = wait_until(lambda: ends_of(heronry, users[3]), 60, "the end of the session")
    assert "client_gone" not in ends
    # A FETCH tells between two messages how far it is.
    lines = reader.finish(fetch, timeout=90)
    assert sum(b" FETCH (" in line[:40] for line in lines) == 320
    told = [line for line in lines if line.startswith(b"* OK")]
    assert told and re.match(rb'\* OK \[INPROGRESS \("%s" 250 320\)\] ' % fetch, told[0]), told


def test_what_notify_fetches_is_no_command(heronry):
    """More messages than are looked at together come at once: no tag is known that could be named."""
    user = heronry.new_user()
    other, client = in_mailbox(heronry, user), Imap(heronry, user)
    client.must("SELECT target")
    client.must("NOTIFY SET (SELECTED (MessageNew (UID) MessageExpunge))")
    other.must("SELECT INBOX")
    for _ in range(8):
        other.must("COPY 1:* INBOX")
        other.must("NOOP")
    other.must("COPY 1:* target")
    told = []
    while b"* 256 FETCH (UID 256)" not in told:
        told.append(client.line())
    assert not [line for line in told if line.startswith(b"* OK")], told


def test_what_was_not_sent_is_not_seen(heronry):
    """A client that goes in the middle of an answer finds again what it did not get."""
    user = heronry.new_user(quota="1G")
    with Imap(heronry, user) as client:
        client.append("INBOX", "Subject: x\r\n\r\n" + ("x" * 998 + "\r\n") * 400)
        client.must("SELECT INBOX")
        for _ in range(6):
            client.must("COPY 1:* INBOX")
            client.must("NOOP")
        tag = client.start("FETCH 1:* BODY[]")     # 25 MB: more than the sockets between two processes take
        assert tag not in client.line()
        client.reset()
    wait_until(lambda: ends_of(heronry, user), 60, "the end of the session")
    with Imap(heronry, user) as client:
        client.must("SELECT INBOX")
        seen = len(client.must("SEARCH SEEN")[0].split()) - 2
        assert 1 <= seen <= 48, seen


def test_a_search_without_a_client_is_ended(heronry):
    user = heronry.new_user()
    client = in_mailbox(heronry, user)
    waiting = ("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
               " AND relation = 'vocab'::regclass")
    with locked(heronry, "vocab"):
        client.start("SEARCH FUZZY SUBJECT hello")
        wait_until(lambda: heronry.psql(waiting) == "1", what="the search that waits")
        client.close()
        # Without the look at the client it would wait for the lock, and then find nobody to tell.
        wait_until(lambda: "client_gone" in ends_of(heronry, user), what="the end of the session")
