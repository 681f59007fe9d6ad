# SPDX-License-Identifier: Apache-2.0
"""PROMISES R6 inside IMAP sessions: while PostgreSQL is away every command says so quickly, and the
same sessions go on when it is back."""
import contextlib
import poplib
import re
import time

import pytest

import imap_raw
import outside
from conftest import SOON_S, Instance, wait_until


@pytest.fixture(scope="module")
def postgres():
    cluster = outside.Postgres()
    cluster.query("ALTER SYSTEM SET wal_writer_delay = '10s'")  # so that nothing comes to the disk by itself
    cluster.query("SELECT pg_reload_conf()")
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def server(postgres):
    instance = Instance(settings={"database.url": postgres.url})
    try:
        yield instance.up()
    finally:
        instance.remove()


def test_open_sessions_survive_the_database(server, postgres):
    user = server.user(2)
    message = b"Subject: x\r\n\r\ntext\r\n"
    with imap_raw.Imap(server, user) as client, imap_raw.Imap(server, user) as idle:
        client.append("INBOX", message)
        idle.must("SELECT INBOX")
        tag = idle.start("IDLE")
        assert idle.line() == b"+ idling"
        with server.impatience():
            postgres.stop()
            for command in ("STATUS INBOX (MESSAGES)", 'LIST "" "*"', "SELECT INBOX", "CREATE x", "SUBSCRIBE INBOX",
                            "APPEND INBOX {2+}\r\n\r\n"):
                with imap_raw.Imap(server) as fresh:
                    assert fresh.greeting.startswith((b"* BYE [UNAVAILABLE]", b"* OK"))
                began = time.monotonic()
                answer = client.do(command)[-1]
                assert b" NO [UNAVAILABLE]" in answer, (command, answer)
                assert time.monotonic() - began < SOON_S, command
            postgres.start()
        wait_until(lambda: b" OK " in client.do("SELECT INBOX")[-1], 60, "SELECT")
        uids = client.must("UID SEARCH ALL")[0].split()[2:]
        assert client.fetch_body(uids[-1].decode()) == message
        client.append("INBOX", message)
        while b"EXISTS" not in idle.line():
            pass
        idle.send("DONE\r\n")
        assert b" OK " in idle.finish(tag)[-1]


def open_again(server, user):
    """A session of the user, once the process that takes it knows that the database is back."""
    def attempt():
        client = imap_raw.Imap(server)
        with contextlib.suppress(EOFError, OSError):
            if client.greeting.startswith(b"* OK") and b" OK " in client.do(f'LOGIN "{user["address"]}" "{user["password"]}"')[-1]:
                return client
        return client.close()
    return wait_until(attempt, 60, "a login")


def test_selected_sessions_keep_their_mailbox(server, postgres):
    user = server.user(3)
    with open_again(server, user) as client:
        client.append("INBOX", b"Subject: x\r\n\r\ntext\r\n")
        client.must("SELECT INBOX")
        with server.impatience():
            postgres.stop()
            for command in ("NOOP", "FETCH 1 BODY.PEEK[]", r"STORE 1 +FLAGS (\Seen)", "COPY 1 INBOX", "SEARCH BODY text",
                            "EXPUNGE", "MOVE 1 Trash", "UID FETCH 1:* ENVELOPE"):
                began = time.monotonic()
                answer = client.do(command)[-1]
                assert b" NO [UNAVAILABLE]" in answer, (command, answer)
                assert time.monotonic() - began < SOON_S, command
            assert b" OK " in client.do("FETCH 1 FLAGS")[-1]
            postgres.start()
        wait_until(lambda: b" OK " in client.do("NOOP")[-1], 60, "NOOP")
        assert b"text" in client.must("FETCH 1 BODY.PEEK[TEXT]")[0]


def states(client):
    """The mailbox's HIGHESTMODSEQ, and of each message number its flags and modseq."""
    lines = client.must("SELECT INBOX (CONDSTORE)")
    highest = next(int(m.group(1)) for line in lines if (m := re.search(rb"\[HIGHESTMODSEQ (\d+)\]", line)))
    rows = [re.fullmatch(rb"\* (\d+) FETCH \(FLAGS \((.*)\) MODSEQ \((\d+)\)\)", line)
            for line in client.must("FETCH 1:* (FLAGS MODSEQ)")[:-1]]
    return highest, {int(m.group(1)): (set(m.group(2).split()), int(m.group(3))) for m in rows}


# Each is the last thing that the database does before it dies: whatever it committed later would bring this to the disk, too.
LAST_ACTS = [("owner", r"STORE 1 +FLAGS (\Flagged kept)"), ("owner", "FETCH 2 BODY[TEXT]"), ("reader", r"STORE 3 +FLAGS.SILENT (\Seen)")]


def test_flags_outlive_a_crash_of_the_database(server, postgres):
    """What STORE and FETCH answered is on the disk by then: no flag is lost, and no modseq is given twice."""
    users = {"owner": server.user(1), "reader": server.user(2)}
    boxes = {"owner": "INBOX", "reader": f'"Other Users/{users["owner"]["address"]}/INBOX"'}
    with open_again(server, users["owner"]) as client:
        for _ in range(3):
            client.append("INBOX", b"Subject: x\r\n\r\ntext\r\n")
        client.must(f"SETACL INBOX {users['reader']['address']} lrs")
        highest = states(client)[0]
    for who, command in LAST_ACTS:
        with open_again(server, users[who]) as client:
            client.must(f"SELECT {boxes[who]} (CONDSTORE)")
            lines = client.must(command)
            postgres.stop()
        postgres.start()
        told = int(re.search(rb"\* \d+ FETCH .*MODSEQ \((\d+)\)", b" ".join(lines), re.S).group(1))
        assert told > highest
        highest = told
        kept = postgres.query("SELECT s.modseq, a.modseq FROM mailbox_state s JOIN account_state a USING (account_id) JOIN account o "
                              f"USING (account_id) WHERE o.login = '{users['owner']['address']}' AND mailbox_id = 1")
        assert kept == f"{told}|{told}", command
    with open_again(server, users["owner"]) as client, open_again(server, users["reader"]) as other:
        rows = states(client)[1]
        assert [rows[n][0] for n in (1, 2, 3)] == [{rb"\Flagged", b"kept"}, {rb"\Seen"}, set()]
        assert len({rows[n][1] for n in (1, 2, 3)}) == 3
        lines = other.must(f'EXAMINE {boxes["reader"]}') + other.must("FETCH 3 FLAGS")
        assert rb"* 3 FETCH (FLAGS (\Seen))" in lines


def test_what_was_stored_is_answered_ok(heronry):
    """Into a mailbox of somebody else: when the reader's own \\Seen cannot be kept any more, the messages are
    there all the same, and a client that heard NO would send them again."""
    owner, reader = heronry.new_user(), heronry.new_user()
    box = f'"Other Users/{owner["address"]}/INBOX"'
    with imap_raw.Imap(heronry, owner) as client:
        client.must(f"SETACL INBOX {reader['address']} lrswite")
    viewer = heronry.psql(f"SELECT account_id FROM account WHERE login = '{reader['address']}'")
    with imap_raw.Imap(heronry, reader) as client:
        client.append(box, b"Subject: x\r\n\r\ntext\r\n", r"(\Seen) ")
        client.must(f"SELECT {box}")
        heronry.psql("CREATE FUNCTION seen_refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;"
                     "CREATE TRIGGER seen_refused BEFORE INSERT OR UPDATE ON mailbox_seen FOR EACH ROW "
                     f"WHEN (NEW.viewer = {viewer}) EXECUTE FUNCTION seen_refused()")
        try:
            appended = client.do(f"APPEND {box} (\\Seen) {{14+}}\r\nSubject: a\r\n\r\n")[-1]
            copied = client.do(f"COPY 1 {box}")[-1]
        finally:
            heronry.psql("DROP FUNCTION seen_refused() CASCADE")
        assert b" OK [APPENDUID " in appended and b" OK [COPYUID " in copied
        assert client.must(f"STATUS {box} (MESSAGES UNSEEN)")[0].endswith(b"(MESSAGES 3 UNSEEN 2)")
    assert '"part":"seen"' in heronry.log() or "part=seen" in heronry.log()


CAUSES = {"57014": b" NO [LIMIT] It took too long", "40P01": b" NO [INUSE] Try again"}


@pytest.mark.parametrize("sqlstate", CAUSES)
def test_answers_name_no_other_cause(heronry, sqlstate):
    """RFC 5530: when a statement took too long, or met deadlocks in each of its tries, the client does not hear of keywords,
    of the quota or of messages that are gone."""
    user = heronry.new_user()
    with imap_raw.Imap(heronry, user) as client:
        client.append("INBOX", b"Subject: x\r\n\r\ntext\r\n")
        client.must("CREATE other")
        client.must("CREATE other/below")
        client.must("SELECT INBOX")
        account = heronry.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
        trigger = (f"CREATE TRIGGER refused_%s BEFORE %s ON %s FOR EACH ROW WHEN (%s.account_id = {account}) "
                   f"EXECUTE FUNCTION refused_{account}();")
        heronry.psql(f"CREATE FUNCTION refused_{account}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                     f"RAISE 'no' USING ERRCODE = '{sqlstate}'; END $$;" + trigger % ("put", "INSERT OR UPDATE", "mbox_msg", "NEW") +
                     trigger % ("name", "UPDATE", "mailbox", "NEW") + trigger % ("end", "DELETE", "mailbox", "OLD"))
        try:
            for command in ("COPY 1 other", "MOVE 1 other", r"STORE 1 +FLAGS (kept)", "REPLACE 1 INBOX {2+}\r\n\r\n",
                            "APPEND INBOX {2+}\r\n\r\n", "RENAME other/below other/renamed", "DELETE other/below"):
                answer = client.do(command)[-1]
                assert CAUSES[sqlstate] in answer, (command, answer)
        finally:
            heronry.psql(f"DROP FUNCTION refused_{account}() CASCADE")
        assert b" OK [COPYUID " in client.must("COPY 1 other")[-1]


def damage(heronry, user, place):
    """Other octets in what is stored of the user's message with the subject "bad"."""
    heronry.psql(f"UPDATE blob SET data = overlay(data PLACING '\\xffffffffffffffff' FROM {place}) WHERE account_id = "
                 f"(SELECT account_id FROM account WHERE login = '{user['address']}') AND msg_id = "
                 "(SELECT msg_id FROM message m JOIN account a USING (account_id) WHERE a.login = "
                 f"'{user['address']}' AND m.subject = 'bad')")


def test_a_damaged_message_is_not_told_as_expunged(heronry):
    """Octets of it changed on the disk: the others come, the answer says why, and so does the log."""
    user = heronry.new_user()
    with imap_raw.Imap(heronry, user) as client:
        for subject in ("good", "bad", "good"):
            client.append("INBOX", f"Subject: {subject}\r\n\r\n".encode() + b"abcdefgh\r\n" * 300)
        damage(heronry, user, "20")
        client.must("SELECT INBOX")
        lines = client.do("FETCH 1:3 (UID BODY.PEEK[])")
        assert b" NO [CORRUPTION] " in lines[-1]
        assert [line.split()[1] for line in lines if line.startswith(b"* ")] == [b"1", b"3"]
        assert b" OK " in client.do("FETCH 1:3 (UID FLAGS)")[-1]
    pop = heronry.pop3(user)
    with pytest.raises(poplib.error_proto, match=r"\[SYS/PERM\] What is stored of this message is damaged"):
        pop.retr(2)
    with pytest.raises(poplib.error_proto, match=r"\[SYS/PERM\] What is stored of this message is damaged"):
        pop.top(2, 0)
    pop.quit()
    assert "blob_damaged" in heronry.log()


def test_a_long_damaged_message_ends_a_connection_once(heronry):
    """Of a message that is sent in pieces the size was told before the damage was met. That connection ends; each
    process then knows it, and the client gets at the other messages."""
    user = heronry.new_user()
    long = b"".join(b"line %d of many, as long as mails have them\r\n" % n for n in range(60000))
    with imap_raw.Imap(heronry, user) as client:
        client.append("INBOX", b"Subject: bad\r\n\r\n" + long)
        client.append("INBOX", b"Subject: good\r\n\r\ntext\r\n")
    damage(heronry, user, "length(data) - 200")
    ended = 0
    while True:
        with imap_raw.Imap(heronry, user) as client:
            client.must("SELECT INBOX")
            try:
                lines = client.do("FETCH 1:2 (UID BODY.PEEK[])")
                break
            except (ConnectionError, EOFError):
                ended += 1
    assert 1 <= ended <= heronry.settings["workers.front"]
    assert b" NO [CORRUPTION] " in lines[-1] and lines[0].startswith(b"* 2 FETCH")
