# SPDX-License-Identifier: Apache-2.0
"""QRESYNC where a dialogue does not reach: below the floor of the log of changes, over many messages,
and after the database was set back."""
import re

from imap_raw import Imap

MESSAGES = 1000


def account_of(heronry, user):
    return int(heronry.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'"))


def fill(heronry, user, count=MESSAGES):
    """Rows without bytes: only their state matters here."""
    account = account_of(heronry, user)
    heronry.psql(
        f"INSERT INTO mbox_msg (account_id, mailbox_id, uid, msg_id, modseq, idate, size, flags, kw)"
        f" SELECT {account}, 1, i, i, 2, now(), 100, 0, 0 FROM generate_series(1, {count}) i;"
        f"UPDATE mailbox_state SET uidnext = {count + 1}, msgs = {count}, unseen = {count}, bytes = {count * 100},"
        f" modseq = 2 WHERE account_id = {account} AND mailbox_id = 1;"
        f"UPDATE account_state SET modseq = 2, q_count = {count}, q_bytes = {count * 100}"
        f" WHERE account_id = {account}")
    return account


def facts_of(lines):
    text = b"\n".join(lines)
    return (int(re.search(rb"UIDVALIDITY (\d+)", text)[1]), int(re.search(rb"HIGHESTMODSEQ (\d+)", text)[1]))


def vanished(lines):
    uids = set()
    for line in lines:
        if m := re.match(rb"\* VANISHED \(EARLIER\) (\S+)$", line):
            for part in m[1].split(b","):
                first, _, last = part.partition(b":")
                uids.update(range(int(first), int(last or first) + 1))
    return uids


def changed(lines):
    return {int(m[1]) for line in lines if (m := re.match(rb"\* \d+ FETCH \(UID (\d+) FLAGS .* MODSEQ \(\d+\)\)$", line))}


def test_a_thousand_changes_in_many_commands(heronry):
    user = heronry.new_user()
    fill(heronry, user)
    client, other = Imap(heronry, user), Imap(heronry, user)
    client.must("ENABLE QRESYNC")
    validity, old = facts_of(client.must("SELECT INBOX"))
    other.must("SELECT INBOX")
    other.must("UID STORE " + ",".join(map(str, range(1, MESSAGES, 10))) + " +FLAGS.SILENT (\\Deleted)")
    other.must("EXPUNGE")
    other.must("UID STORE " + ",".join(map(str, range(2, MESSAGES, 10))) + " +FLAGS.SILENT (\\Seen)")
    gone, seen = set(range(1, MESSAGES, 10)), set(range(2, MESSAGES, 10))
    client.must("UNSELECT")
    lines = client.must(f"SELECT INBOX (QRESYNC ({validity} {old} 1:500))")
    assert vanished(lines) == {u for u in gone if u <= 500}
    assert changed(lines) == {u for u in seen if u <= 500}
    lines = client.must(f"UID FETCH 501:* (FLAGS) (CHANGEDSINCE {old} VANISHED)")
    assert vanished(lines) == {u for u in gone if u > 500}
    assert changed(lines) == {u for u in seen if u > 500}


def test_below_the_floor_everything_that_is_not_there_is_told(heronry):
    user = heronry.new_user()
    account = fill(heronry, user)
    client = Imap(heronry, user)
    client.must("ENABLE QRESYNC")
    validity, old = facts_of(client.must("SELECT INBOX"))
    client.must("UID STORE 100:199,300 +FLAGS.SILENT (\\Deleted)")
    client.must("EXPUNGE")
    client.must("UID STORE 1 +FLAGS.SILENT (\\Seen)")
    client.must("UNSELECT")
    heronry.psql(f"DELETE FROM change WHERE account_id = {account};"
                 f"UPDATE account_state SET chg_floor = modseq WHERE account_id = {account}")
    gone = set(range(100, 200)) | {300}
    lines = client.must(f"SELECT INBOX (QRESYNC ({validity} {old}))")
    assert vanished(lines) == gone and changed(lines) == {1}
    lines = client.must(f"SELECT INBOX (QRESYNC ({validity} {old} 1:150,300,2000:3000))")
    assert vanished(lines) == {u for u in gone if u <= 150 or u == 300}
    # Message 99 is UID 99, message 100 is UID 200: the client knows of what is gone between.
    lines = client.must(f"SELECT INBOX (QRESYNC ({validity} {old} 1:1000 (99:100 99,200)))")
    assert vanished(lines) == {300}
    lines = client.must(f"UID FETCH 150:400 (FLAGS) (CHANGEDSINCE {old} VANISHED)")
    assert vanished(lines) == {u for u in gone if u >= 150}


def test_two_sessions_of_which_one_was_left_far_behind(heronry):
    """The log is cut above what an open session knows: it is told the difference all the same."""
    user = heronry.new_user()
    account = fill(heronry, user, 20)
    client, other = Imap(heronry, user), Imap(heronry, user)
    client.must("SELECT INBOX")
    other.must("SELECT INBOX")
    heronry.psql(f"DELETE FROM mbox_msg WHERE account_id = {account} AND uid IN (5, 6);"
                 f"UPDATE mbox_msg SET flags = 4, modseq = 9 WHERE account_id = {account} AND uid = 7;"
                 f"UPDATE mailbox_state SET modseq = 9, msgs = 18, unseen = 18, bytes = 1800"
                 f" WHERE account_id = {account} AND mailbox_id = 1;"
                 f"UPDATE account_state SET modseq = 9, chg_floor = 9, q_count = 18, q_bytes = 1800"
                 f" WHERE account_id = {account}")
    for one in (client, other):
        assert one.must("NOOP")[:-1] == [b"* 5 EXPUNGE", b"* 5 EXPUNGE", rb"* 5 FETCH (UID 7 FLAGS (\Flagged))"]


def test_a_database_that_was_set_back_ends_the_session(heronry):
    """STORAGE 9: the cached modseq is above the server's, so UIDs may mean other messages."""
    user = heronry.new_user()
    account = fill(heronry, user, 10)
    client = Imap(heronry, user)
    client.must("SELECT INBOX")
    client.must("STORE 1:10 +FLAGS.SILENT (\\Seen)")
    heronry.psql(f"UPDATE mbox_msg SET flags = 0, modseq = 2 WHERE account_id = {account};"
                 f"DELETE FROM change WHERE account_id = {account};"
                 f"UPDATE mailbox_state SET modseq = 2, unseen = 10 WHERE account_id = {account} AND mailbox_id = 1;"
                 f"UPDATE account_state SET modseq = 2 WHERE account_id = {account}")
    client.start("NOOP")
    assert client.line().startswith(b"* BYE [UNAVAILABLE] The mailbox was set back")
    again = Imap(heronry, user)
    assert facts_of(again.must("SELECT INBOX"))[1] == 2
    assert again.must("FETCH 1 FLAGS")[0] == b"* 1 FETCH (FLAGS ())"


def test_batches_of_uids_cover_the_mailbox(heronry):
    user = heronry.new_user()
    fill(heronry, user, 1700)
    client = Imap(heronry, user)
    client.must("SELECT INBOX")
    client.must("UID STORE 1,900:999 +FLAGS.SILENT (\\Deleted)")
    client.must("EXPUNGE")
    lines = client.must("UIDBATCHES 500")
    assert lines[0].endswith(b" 1700:1201,1200:601,600:101,100:1"), lines
    assert client.must("UIDBATCHES 500 2:3")[0].endswith(b' 1200:601,600:101')
    assert client.must("UIDBATCHES 500 4:9")[0].endswith(b' 100:1')
    for batch in (b"1700:1201", b"1200:601", b"600:101"):
        found = client.must(b"UID SEARCH RETURN (COUNT) UID " + batch)
        assert b"COUNT 500" in found[0], found


def test_unchangedsince_with_a_hundred_thousand_uids(heronry):
    """ATTACKS G5: the set is a list of single UIDs, of which one half was changed since."""
    user = heronry.new_user()
    account = fill(heronry, user, 100000)
    client = Imap(heronry, user)
    _, old = facts_of(client.must("SELECT INBOX"))
    client.must("UID STORE 1:50000 +FLAGS.SILENT (\\Flagged)", timeout=60)
    lines = client.must(f"UID STORE 1:100000 (UNCHANGEDSINCE {old}) +FLAGS.SILENT (\\Seen)", timeout=60)
    assert b"[MODIFIED 1:50000]" in lines[-1], lines[-1]
    assert heronry.psql(f"SELECT count(*) FROM mbox_msg WHERE account_id = {account} AND flags = 1") == "50000"
    assert heronry.psql(f"SELECT unseen FROM mailbox_state WHERE account_id = {account} AND mailbox_id = 1") == "50000"
