# SPDX-License-Identifier: Apache-2.0
"""mbsync against the running server: a two-way sync of 2,000 messages, changes on both sides, and a
last sync that transfers nothing."""
import re
import subprocess

import pytest

from imap_raw import Imap

COUNT = 2000


@pytest.fixture
def box(heronry, recorder, tmp_path):
    user = heronry.new_user()
    (tmp_path / "mail").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "password").write_text(user["password"])
    (tmp_path / "rc").write_text(f"""
IMAPAccount heronry
Host localhost
Port {recorder.port}
User {user['address']}
PassCmd "cat {tmp_path}/password"
SSLType IMAPS
CertificateFile {heronry.tls_ca}

IMAPStore remote
Account heronry

MaildirStore local
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns INBOX Work
Create Both
Remove None
Expunge Both
SyncState {tmp_path}/state/
""")
    (tmp_path / "rc").chmod(0o600)
    return user, tmp_path


def sync(folder, how="-V"):
    done = subprocess.run(["mbsync", how, "-c", str(folder / "rc"), "all"], capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stderr + done.stdout[-3000:]
    return done.stdout + done.stderr


def message(number):
    return (f"From: ada@example.org\r\nTo: bob@example.org\r\nSubject: message {number}\r\n"
            f"Message-ID: <{number}@example.org>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"
            + f"This is line {number}.\r\n" * (number % 40 + 1)).encode()


def local_files(folder, name="INBOX"):
    return sorted(p for sub in ("cur", "new") for p in (folder / "mail" / name / sub).glob("*"))


def state(heronry, user, folder):
    """What both sides hold: any transfer changes it."""
    with Imap(heronry, user) as client:
        return local_files(folder), client.must("STATUS INBOX (MESSAGES UIDNEXT HIGHESTMODSEQ)")[0]


def test_two_thousand_messages_both_ways(heronry, box):
    user, folder = box
    with Imap(heronry, user) as client:
        for first in range(0, COUNT, 100):
            batch = b"".join(b"x%d APPEND INBOX {%d+}\r\n%s\r\n" % (n, len(message(n)), message(n))
                             for n in range(first, first + 100))
            client.send(batch)
            client.finish(b"x%d" % (first + 99), timeout=120)
        sync(folder)
        files = local_files(folder)
        assert len(files) == COUNT
        subjects = {re.search(rb"Subject: (.*)", p.read_bytes()).group(1).strip() for p in files}
        assert subjects == {b"message %d" % n for n in range(COUNT)}

        # Changes on both sides: new messages, flags, deletions.
        client.must("SELECT INBOX")
        client.must(r"STORE 1:50 +FLAGS.SILENT (\Seen \Flagged)")
        client.must(r"STORE 51:60 +FLAGS.SILENT (\Deleted)")
        client.must("EXPUNGE")
        client.append("INBOX", message(9001))
        (folder / "mail/INBOX/new/1700000000.test_1.local").write_bytes(message(9002).replace(b"\r\n", b"\n"))
        victims = [p for p in files if re.search(rb"Subject: message (1[0-9][0-9])\r?\n", p.read_bytes())][:20]
        seen = [p for p in files if re.search(rb"Subject: message (2[0-9][0-9])\r?\n", p.read_bytes())][:30]
        for path in victims:
            path.unlink()
        for path in seen:
            path.rename(path.parent.parent / "cur" / (path.name.split(":")[0] + ":2,S"))
        sync(folder)
        client.must("NOOP")
        expected = COUNT - 10 - 20 + 2
        assert len(local_files(folder)) == expected
        status = client.must("STATUS INBOX (MESSAGES UNSEEN)")[0]
        assert b"MESSAGES %d UNSEEN %d" % (expected, expected - 50 - 30) in status
        assert len([p for p in local_files(folder) if p.name.endswith(":2,FS")]) == 50
        assert client.must('SEARCH SUBJECT "message 9002"')[0] != b"* SEARCH"

    before = state(heronry, user, folder)
    traffic = sync(folder, "-Dn")
    assert state(heronry, user, folder) == before
    assert re.search(r">>> \d+ UID FETCH .*FLAGS", traffic)
    assert not re.search(r">>> .*(APPEND|STORE|EXPUNGE|COPY|BODY\.PEEK\[\])", traffic)
