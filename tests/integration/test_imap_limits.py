# SPDX-License-Identifier: Apache-2.0
"""MESSAGELIMIT and SAVELIMIT (RFC 9738): what one command works on, where the operator limits it; and how
long an IDLE may last."""
import re
import time

import pytest

from conftest import wait_until
from imap_raw import Imap
from test_imap_progress import locked


@pytest.fixture(scope="module")
def limited(request):
    from conftest import Instance
    instance = Instance(settings={"limits.imap_messages": 3, "workers.front": 1},
                        environment={"HERONRY_FAILPOINT": "imap-idle-is-short:error"})
    request.addfinalizer(instance.remove)
    return instance.up()


@pytest.fixture
def client(limited):
    """Six messages in INBOX, which is selected; UIDs 1 to 6."""
    with Imap(limited, limited.new_user()) as opened:
        for number in range(1, 7):
            opened.append("INBOX", f"Subject: n{number}\r\n\r\nbody {number}")
        opened.must("CREATE target")
        opened.must("SELECT INBOX")
        yield opened


def uids(lines):
    return [int(m.group(1)) for m in (re.match(rb"\* (\d+) FETCH ", line) for line in lines) if m]


def numbers(lines):
    found = [line for line in lines if line.startswith(b"* SEARCH")]
    return [int(n) for n in found[0].split()[2:]]


def last(lines):
    return lines[-1].split(b" ", 1)[1]


def test_the_word_is_told_instead_of_the_other_one(client):
    words = client.must("CAPABILITY")[0].split()
    assert b"MESSAGELIMIT=3" in words and not any(w.startswith(b"SAVELIMIT") for w in words)


def test_fetch_and_store_see_to_the_newest(client):
    for command in ("FETCH 1:* FLAGS", "UID FETCH 1:* FLAGS", "STORE 1:* +FLAGS (\\Flagged)", "UID STORE 1:* FLAGS ($x)"):
        lines = client.must(command)
        assert uids(lines) == [4, 5, 6], (command, lines)
        assert last(lines).startswith(b"OK [MESSAGELIMIT 3 4] "), lines
    lines = client.must("UID FETCH 1:3 FLAGS")
    assert uids(lines) == [1, 2, 3] and last(lines) == b"OK FETCH completed"
    assert all(b"$x" not in line for line in lines), lines
    lines = client.must("UID FETCH 1:2,5:6 FLAGS")
    assert uids(lines) == [2, 5, 6] and last(lines).startswith(b"OK [MESSAGELIMIT 3 2] "), lines


def test_a_window_of_more_is_refused(client):
    assert last(client.do("UID FETCH 1:* FLAGS (PARTIAL 1:4)")).startswith(b"NO [MESSAGELIMIT 3] ")
    lines = client.must("UID FETCH 1:* FLAGS (PARTIAL 1:3)")
    assert uids(lines) == [1, 2, 3] and last(lines) == b"OK FETCH completed"


def test_the_code_stands_alone_when_the_answer_has_another(client):
    assert b"MODSEQ" in client.must("UID FETCH 6 (MODSEQ)")[0]
    lines = client.must("UID STORE 1:* (UNCHANGEDSINCE 1) +FLAGS (\\Seen)")
    assert last(lines).startswith(b"OK [MODIFIED 4:6] "), lines
    assert any(line.startswith(b"* NO [MESSAGELIMIT 3 4] ") for line in lines), lines


def test_search_looks_at_the_newest(client):
    lines = client.must("SEARCH ALL")
    assert numbers(lines) == [4, 5, 6] and last(lines).startswith(b"OK [MESSAGELIMIT 3 4] "), lines
    lines = client.must("UID SEARCH SUBJECT n2")
    assert numbers(lines) == [] and last(lines).startswith(b"OK [MESSAGELIMIT 3 4] "), lines
    # The sets at the top say what is looked at; the client goes on below what was seen to.
    lines = client.must("UID SEARCH UIDBEFORE 4 SUBJECT n2")
    assert numbers(lines) == [2] and last(lines) == b"OK SEARCH completed", lines
    lines = client.must("SEARCH 1:4 UIDAFTER 1")
    assert numbers(lines) == [2, 3, 4] and last(lines) == b"OK SEARCH completed", lines
    lines = client.must("SEARCH OR UID 1 UID 6")
    assert numbers(lines) == [6] and last(lines).startswith(b"OK [MESSAGELIMIT 3 4] "), lines


def test_sort_and_thread_of_more_are_refused(client):
    for command in ("SORT (SUBJECT) UTF-8 ALL", "UID THREAD REFERENCES UTF-8 ALL"):
        lines = client.do(command)
        assert len(lines) == 1 and last(lines).startswith(b"NO [MESSAGELIMIT 3] "), lines
    lines = client.must("UID SORT (REVERSE SUBJECT) UTF-8 UID 2:4")
    assert lines[0] == b"* SORT 4 3 2" and last(lines) == b"OK SORT completed"


def test_copy_of_more_is_refused_and_move_takes_the_newest(client):
    assert last(client.do("COPY 1:4 target")).startswith(b"NO [MESSAGELIMIT 3] ")
    assert b"MESSAGES 0)" in client.must("STATUS target (MESSAGES)")[0]
    assert last(client.must("COPY 1:3 target")).startswith(b"OK [COPYUID ")
    lines = client.must("MOVE 1:* target")
    assert re.match(rb"\* OK \[COPYUID \d+ 4:6 4:6\] ", lines[0]), lines
    assert last(lines).startswith(b"OK [MESSAGELIMIT 3 4] "), lines
    assert numbers(client.must("UID SEARCH ALL")) == [1, 2, 3]


def appended(client, mailbox, n):
    return last(client.do(f"APPEND {mailbox} ".encode() + b" ".join([b"{4+}\r\nA: b"] * n)))


def test_append_of_more_is_refused(client):
    assert appended(client, "target", 4).startswith(b"NO [MESSAGELIMIT 3] ")
    assert b"MESSAGES 0)" in client.must("STATUS target (MESSAGES)")[0]
    assert appended(client, "target", 3).startswith(b"OK [APPENDUID ")


def test_uid_expunge_counts_what_is_deleted(client):
    client.must("UID STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    client.must("UID STORE 4:5 +FLAGS.SILENT (\\Deleted)")
    lines = client.must("UID EXPUNGE 1:*")
    assert last(lines).startswith(b"OK [MESSAGELIMIT 3 2] "), lines
    assert [line for line in lines if b"EXPUNGE" in line][:3] == [b"* 2 EXPUNGE", b"* 3 EXPUNGE", b"* 3 EXPUNGE"], lines
    # EXPUNGE itself is not limited.
    client.must("STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    assert last(client.must("EXPUNGE")).startswith(b"OK EXPUNGE") and numbers(client.must("SEARCH ALL")) == []


def test_an_idle_ends_whatever_comes_meanwhile(limited):
    """ATTACKS I12, with 3 s instead of 30 minutes: what is pushed does not make it longer."""
    user = limited.new_user()

    def is_told_meanwhile():
        """Whether something was pushed, which takes too long where a machine stands still."""
        with Imap(limited, user) as idle, Imap(limited, user) as other:
            idle.must("SELECT INBOX")
            idle.send("i IDLE\r\n")
            assert idle.line() == b"+ idling"
            lines, end = [], time.monotonic() + 60
            while not lines or not lines[-1].startswith(b"* BYE"):
                other.append("INBOX", "Subject: x\r\n\r\nx")
                assert time.monotonic() < end, "it goes on and on"
                lines.append(idle.line())
            assert lines[-1].startswith(b"* BYE [UNAVAILABLE] "), lines
            with pytest.raises((EOFError, OSError)):
                idle.line()
            other.must("NOOP")
            return any(b" EXISTS" in line for line in lines)

    assert any(is_told_meanwhile() for _ in range(5))


def test_without_it_only_copies_are_limited(heronry_factory):
    server = heronry_factory(settings={"limits.imap_saved_messages": 2, "workers.front": 1})
    with Imap(server, server.user(1)) as client:
        assert b"SAVELIMIT=2" in client.must("CAPABILITY")[0].split()
        for _ in range(3):
            client.append("INBOX", "Subject: x\r\n\r\nx")
        client.must("CREATE target")
        client.must("SELECT INBOX")
        assert len(client.must("FETCH 1:* FLAGS")) == 4
        assert last(client.do("COPY 1:* target")).startswith(b"NO [MESSAGELIMIT 2] ")
        assert last(client.must("COPY 1:2 target")).startswith(b"OK [COPYUID ")
        assert b"MESSAGES 2)" in client.must("STATUS target (MESSAGES)")[0]
        assert appended(client, "target", 3).startswith(b"NO [MESSAGELIMIT 2] ")
        assert appended(client, "target", 2).startswith(b"OK [APPENDUID ")


@pytest.fixture
def impatient(limited):
    """Searches may take a quarter of a second, while this test runs."""
    limited.reload(limits__imap_search_time="250ms")
    yield limited
    limited.reload(limits__imap_search_time="10s")


def test_a_search_may_not_take_longer(impatient, client):
    """What it has to read comes late: NO [LIMIT] with the reason, while it waits still, and the session goes on."""
    thread = re.search(rb"THREADID \(([^\s)]+)\)", client.must("UID FETCH 6 THREADID")[0]).group(1).decode()
    for table, command in (("blob", "SEARCH UID 6 HEADER X-Other value"),
                           ("blob", "UID SORT (CC) UTF-8 UID 6 BODY other"),
                           ("blob", "ESEARCH IN (personal) HEADER X-Other value"),
                           ("vocab", "SEARCH UID 6 FUZZY BODY other"), ("fts", "SEARCH UID 6 FUZZY BODY other"),
                           ("message", f"SEARCH UID 6 THREADID {thread}")):
        with impatient.impatience(), locked(impatient, table):
            told = wait_until(lambda c=command: b" NO [UNAVAILABLE]" not in (said := client.do(c))[-1] and said)
            assert [line.split(b" ", 1)[1] for line in told] == [b"NO [LIMIT] A limit was reached: the search took too long"], command
        # Also this one may not take longer, which a busy machine may need.
        wait_until(lambda: client.do("SEARCH UID 6")[0] == b"* SEARCH 6", what="a search that goes well")
