# SPDX-License-Identifier: Apache-2.0
"""Undelete and retention (311) as people see them: what IMAP, POP3 and deleted mailboxes lost comes back,
octet by octet, and shows up in open sessions; mailboxes that keep mail for some days lose it by themselves."""
import itertools
import os
import signal

import outside
from conftest import wait_until
from imap_raw import Imap

NUMBERS = itertools.count(1)


def letter():
    number = next(NUMBERS)
    return (f"From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: letter {number}\r\n"
            f"Message-ID: <{number}@undelete.example>\r\n\r\n.\r\n..dots\r\n").encode() + b"\xff\xfe bytes\r\n" * number


def bodies(client):
    """All messages of the selected mailbox by UID."""
    lines = client.must("UID FETCH 1:* (BODY.PEEK[])")
    found = {}
    for line in lines[:-1]:
        head, _, rest = line.partition(b"}\r\n")
        size = int(head.rsplit(b"{", 1)[1])
        found[int(head.split(b"UID ")[1].split()[0]) if b"UID " in head else int(rest[size:].split(b"UID ")[1].rstrip(b")"))] = rest[:size]
    return found


def test_expunged_by_imap_comes_back_live(heronry, user):
    letters = [letter() for _ in range(3)]
    with Imap(heronry, user) as client, Imap(heronry, user) as watcher:
        for one in letters:
            client.append("INBOX", one)
        client.must("SELECT INBOX")
        client.must(r"STORE 1:2 +FLAGS.SILENT (\Deleted \Seen $Work)")
        client.must("EXPUNGE")
        watcher.must("SELECT INBOX")
        watcher.start("IDLE")
        assert watcher.line() == b"+ idling"
        listed = heronry.json("undelete", "list", user["address"])["items"]
        assert [m["mailboxPath"] for m in listed] == ["INBOX", "INBOX"]
        assert heronry.json("undelete", "restore", user["address"], "--mailbox", "inbox", "--dry-run")["messages"] == 2
        done = heronry.json("undelete", "restore", user["address"], *[m["id"] for m in listed])
        assert done == {"ok": True, "dryRun": False, "messages": 2, "size": len(letters[0]) + len(letters[1])}
        assert watcher.line(60) == b"* 3 EXISTS"
        client.must("NOOP")
        found = bodies(client)
        assert found == {3: letters[2], 4: letters[0], 5: letters[1]}
        flags = client.must("FETCH 2:3 (FLAGS)")
        assert all(rb"\Seen" in line and b"$Work" in line and rb"\Deleted" not in line for line in flags[:2])
    assert heronry.json("undelete", "restore", user["address"], listed[0]["id"])["messages"] == 0
    assert heronry.json("undelete", "list", user["address"])["items"] == []


def test_deleted_by_pop3_and_with_its_mailbox(heronry, user):
    first, second = letter(), letter()
    with Imap(heronry, user) as client:
        client.append("INBOX", first)
        client.must("CREATE Work/Plans")
        client.append("Work/Plans", second)
        client.must("DELETE Work/Plans")
    pop = heronry.pop3(user)
    pop.dele(1)
    pop.quit()
    shown = heronry.cli("undelete", "list", user["address"]).stdout
    assert "Work/Plans" in shown and "INBOX" in shown
    assert "2 messages" in heronry.cli("undelete", "restore", user["address"], "--since", "2020-01-01T00:00:00Z").stdout
    with Imap(heronry, user) as client:
        client.must("SELECT INBOX")
        assert list(bodies(client).values()) == [first]
        client.must("SELECT Work/Plans")
        assert list(bodies(client).values()) == [second]


def test_a_full_account_gets_all_or_nothing(heronry, user):
    with Imap(heronry, user) as client:
        for _ in range(2):
            client.append("INBOX", letter())
        client.must("SELECT INBOX")
        client.must(r"STORE 1:2 +FLAGS (\Deleted)")
        client.must("EXPUNGE")
    heronry.cli("user", "quota", user["address"], "100B")
    done = heronry.cli("undelete", "restore", user["address"], "--until", "2099-01-01T00:00:00Z", check=False)
    assert done.returncode != 0 and "quota" in done.stderr
    heronry.cli("user", "quota", user["address"], "unlimited")
    assert heronry.json("undelete", "restore", user["address"], "--until", "2099-01-01T00:00:00Z")["messages"] == 2


def test_wrong_ways_to_say_it(heronry, user):
    done = heronry.cli("undelete", "restore", user["address"], check=False)
    assert done.returncode == 64 and "--since" in done.stderr
    for words, code in ((["--mailbox", "Nothing"], 66), (["--since", "yesterday"], 65), (["abc"], 65)):
        assert heronry.cli("undelete", "restore", user["address"], *words, check=False).returncode == code
    assert heronry.cli("undelete", "list", f"nobody@{heronry.domain}", check=False).returncode == 66
    assert heronry.cli("retention", "set", user["address"], "Trash", "soon", check=False).returncode == 64
    assert heronry.cli("retention", "set", user["address"], "Trash", "0", check=False).returncode == 65


def test_retention_by_the_scheduler(heronry_factory):
    """A job runs when its process starts and nobody else has its lease: that need not be waited for. Who had it cannot take
    it again in between, and die with it."""
    server = heronry_factory()
    user = server.user(2)
    with Imap(server, user) as client:
        for mailbox in ("Trash", "Trash", "Junk"):
            client.append(mailbox, letter())
    server.cli("retention", "set", user["address"], "Trash", "30")
    days = {m["path"]: m["retentionDays"] for m in server.json("retention", "list", user["address"])["items"]}
    assert days["Trash"] == 30 and days["Junk"] is None
    assert "30 days" in server.cli("retention", "list", user["address"]).stdout
    server.psql("UPDATE mbox_msg SET saved_at = now() - interval '31 days' WHERE uid = 1")
    worker = server.pids()["back.1"]
    outside.stop(worker)
    server.psql("DELETE FROM job_lease WHERE name = 'job-retention'")
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(server.json("undelete", "list", user["address"])["items"]) == 1, 60)
    with Imap(server, user) as client:
        assert b"MESSAGES 1" in b"".join(client.must("STATUS Trash (MESSAGES)"))
        assert b"MESSAGES 1" in b"".join(client.must("STATUS Junk (MESSAGES)"))
    assert server.json("undelete", "restore", user["address"], "--mailbox", "Trash")["messages"] == 1
    with Imap(server, user) as client:
        assert b"MESSAGES 2" in b"".join(client.must("STATUS Trash (MESSAGES)"))
