# SPDX-License-Identifier: Apache-2.0
"""Programs that people read mail with, against the running server: offlineimap, mutt, neomutt,
fetchmail, getmail, and Python's poplib. Each does its daily work; what it did is then looked for on
the server. What the server says to them is held against the grammar on the way."""
import contextlib
import re
import subprocess

import pytest

from conftest import wait_until
from imap_raw import Imap


def mail(number, body="The body.\r\n"):
    return (f"From: Ada <ada@example.org>\r\nTo: bob@example.org\r\nSubject: letter {number}\r\n"
            f"Message-ID: <{number}@example.org>\r\nDate: Mon, 1 Jan 2024 00:00:{number:02} +0000\r\n\r\n{body}").encode()


@pytest.fixture
def user(heronry):
    """An account with five letters."""
    made = heronry.new_user()
    with Imap(heronry, made) as client:
        for number in range(1, 6):
            client.append("INBOX", mail(number))
    return made


def run(*words, **options):
    try:
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60, check=False, **options)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"{words[0]} does not end: {late.stdout!r} {late.stderr!r}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def write(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def mails_in(folder):
    return sorted(p for sub in ("cur", "new") for p in (folder / sub).glob("*"))


def subjects(paths):
    return sorted(re.search(rb"Subject: (.*?)\r?\n", p.read_bytes()).group(1).decode() for p in paths)


# ---- offlineimap ----

OFFLINEIMAP = """
[general]
accounts = one
metadata = {folder}/meta
ui = basic
[Account one]
localrepository = local
remoterepository = remote
[Repository local]
type = Maildir
localfolders = {folder}/mail
[Repository remote]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {address}
remotepass = {password}
ssl = yes
sslcacertfile = {ca}
"""


def test_offlineimap_in_both_directions(heronry, user, recorder, tmp_path):
    rc = write(tmp_path / "rc", OFFLINEIMAP.format(folder=tmp_path, port=recorder.port, ca=heronry.tls_ca, **user))
    sync = lambda: run("offlineimap", "-o", "-c", rc, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})  # noqa: E731
    sync()
    inbox = tmp_path / "mail/INBOX"
    assert subjects(mails_in(inbox)) == [f"letter {n}" for n in range(1, 6)]

    # A letter read here, one thrown away here, one flagged there, one new on each side.
    by_subject = {subjects([p])[0]: p for p in mails_in(inbox)}
    read = by_subject["letter 1"]
    read.rename(inbox / "cur" / (read.name.split(":")[0] + ":2,S"))
    by_subject["letter 2"].unlink()
    (inbox / "new/1700000000.test_1.local").write_bytes(mail(7).replace(b"\r\n", b"\n"))
    with Imap(heronry, user) as client:
        client.append("INBOX", mail(6))
        client.must("SELECT INBOX")
        client.must(r"STORE 3 +FLAGS (\Flagged)")
        sync()
        client.must("NOOP")
        assert subjects(mails_in(inbox)) == [f"letter {n}" for n in (1, 3, 4, 5, 6, 7)]
        assert [p.name.split(":2,")[1] for p in mails_in(inbox) if subjects([p]) == ["letter 3"]] == ["F"]
        there = {n: client.must(f'SEARCH SUBJECT "letter {n}"')[0] for n in range(1, 8)}
        assert [n for n, line in there.items() if line == b"* SEARCH"] == [2]
        assert client.must('SEARCH SEEN SUBJECT "letter 1"')[0] != b"* SEARCH"


# ---- mutt and neomutt, in a terminal ----

MUTT = """
set folder = "imaps://localhost:{port}/"
set spoolfile = "+INBOX"
set imap_user = "{address}"
set imap_pass = "{password}"
set certificate_file = "{folder}/certificates"
set ssl_ca_certificates_file = "{ca}"
set ssl_verify_host = yes
set ssl_starttls = no
set imap_idle = yes
set imap_qresync = yes
set imap_condstore = yes
set header_cache = "{folder}/cache"
set move = no
set delete = yes
set quit = yes
set confirmcreate = no
set confirmappend = no
set wait_key = no
set sort = date
"""


class Terminal:
    """A program in a terminal of its own (tmux on a socket of its own)."""

    def __init__(self, folder, *command, **environment):
        self.tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        words = " ".join([*(f"{k}={v}" for k, v in environment.items()), *map(str, command)])
        run(*self.tmux, "new-session", "-d", "-x", "120", "-y", "40", f"env {words}; sleep 60")

    def screen(self):
        return run(*self.tmux, "capture-pane", "-p")

    def shows(self, text, seconds=60):
        try:
            return wait_until(lambda: text in self.screen(), seconds, f"{text!r} on the screen")
        except BaseException:
            print(self.screen())
            raise

    def type(self, *keys):
        run(*self.tmux, "send-keys", *keys)

    def close(self):
        with contextlib.suppress(AssertionError):
            run(*self.tmux, "kill-server")


@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_mutt_reads_flags_moves_and_deletes(heronry, user, recorder, tmp_path, program):
    with Imap(heronry, user) as client:
        client.must("SUBSCRIBE Archive")
    extra = "set imap_deflate = yes\n" if program == "mutt" else ""
    (tmp_path / "cache").mkdir()
    rc = write(tmp_path / "rc", MUTT.format(folder=tmp_path, port=recorder.port, ca=heronry.tls_ca, **user) + extra)
    terminal = Terminal(tmp_path, program, "-n", "-F", rc, HOME=tmp_path, TERM="screen", LC_ALL="C.UTF-8")
    try:
        terminal.shows("letter 5")
        terminal.type("1", "Enter")     # jumps to the first letter ...
        terminal.type("Enter")          # ... and opens it
        terminal.shows("The body.")
        terminal.type("i")
        terminal.shows("letter 5")
        terminal.type("2", "Enter")
        terminal.type("F")              # a flag for the second
        terminal.type("3", "Enter")
        terminal.type("s")              # the third goes to the archive
        terminal.shows("Save to mailbox")
        terminal.type("C-u", "=Archive")
        terminal.type("Enter")
        terminal.shows("letter 5")
        terminal.type("4", "Enter")
        terminal.type("d")              # the fourth away
        terminal.type("$")              # tell the server
        with Imap(heronry, user) as client:
            wait_until(lambda: b"MESSAGES 3)" in client.must("STATUS INBOX (MESSAGES)")[0], 60, "three letters in INBOX")
            client.must("SELECT INBOX")
            assert client.must(r'SEARCH FLAGGED')[0] != b"* SEARCH"
            assert client.must('SEARCH SUBJECT "letter 3"')[0] == b"* SEARCH" == client.must('SEARCH SUBJECT "letter 4"')[0]
            assert client.must('SEARCH SEEN SUBJECT "letter 1"')[0] != b"* SEARCH"
            assert b"MESSAGES 1)" in client.must("STATUS Archive (MESSAGES)")[0]
            client.append("INBOX", mail(8))
            terminal.type("1", "Enter")
            terminal.shows("letter 8")      # it hears of new mail by IDLE
        terminal.type("q")
        wait_until(lambda: recorder.open == 0, 60, "the end of the session")
    finally:
        terminal.close()


# ---- POP3 ----

def test_fetchmail_takes_mail_by_pop3_and_leaves_what_it_is_told(heronry, user, tmp_path):
    rc = write(tmp_path / "rc", f"""
poll localhost protocol pop3 port {heronry.ports['pop3s']} uidl
  user "{user['address']}" password "{user['password']}" ssl sslcertck sslcertfile {heronry.tls_ca}
  mda "tee -a {tmp_path}/mbox" keep
""")
    home = {"HOME": str(tmp_path), "FETCHMAILHOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    run("fetchmail", "-f", rc, env=home)
    assert sorted(re.findall(rb"Subject: (letter \d)", (tmp_path / "mbox").read_bytes())) == [b"letter %d" % n for n in range(1, 6)]
    done = subprocess.run(["fetchmail", "-f", str(rc)], env=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done     # "no mail": the UIDLs are those of the first time
    write(rc, rc.read_text().replace(" keep", " fetchall nokeep"))
    run("fetchmail", "-f", rc, env=home)
    with Imap(heronry, user) as client:
        assert b"MESSAGES 0)" in client.must("STATUS INBOX (MESSAGES)")[0]


GETMAIL = """
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {port}
username = {address}
password = {password}
ca_certs = {ca}
[destination]
type = MDA_external
path = /usr/bin/tee
arguments = ("-a", "{folder}/mbox")
allow_root_commands = true
[options]
read_all = false
delete = {delete}
"""


# getmail asks to be told of the end of a child after it has made it: the end of a quick one is lost, and waited for for
# three minutes. So it runs with a wait that cannot miss it; what it says to the server is its own.
GETMAIL_PROGRAM = """
import os, runpy
from getmailcore.baseclasses import ForkingBase
ForkingBase._prepare_child = lambda self: None
ForkingBase._wait_for_child = lambda self, child: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
runpy.run_path("/usr/bin/getmail", run_name="__main__")
"""


def test_getmail_takes_each_letter_once(heronry, user, tmp_path):
    def get(delete):
        write(tmp_path / "rc", GETMAIL.format(folder=tmp_path, port=heronry.ports["pop3s"], ca=heronry.tls_ca, delete=delete, **user))
        run("/usr/bin/python3", "-c", GETMAIL_PROGRAM, f"--getmaildir={tmp_path}", "--rcfile=rc",
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})

    def taken():
        return re.findall(rb"Subject: letter (\d)", (tmp_path / "mbox").read_bytes())

    get("false")
    assert taken() == [b"%d" % n for n in range(1, 6)]
    with Imap(heronry, user) as client:
        client.append("INBOX", mail(6))
    get("true")
    assert taken() == [b"%d" % n for n in range(1, 7)]
    with Imap(heronry, user) as client:
        assert b"MESSAGES 0)" in client.must("STATUS INBOX (MESSAGES)")[0]


DOTS = ".\r\n..\r\n.a\r\n\r\n. \r\nplain\r\n."


def test_poplib_counts_every_octet(heronry, user):
    dotted = mail(6, DOTS)
    with Imap(heronry, user) as client:
        client.append("INBOX", dotted)
        sizes = [int(re.search(rb"RFC822.SIZE (\d+)", row).group(1))
                 for row in (client.must("SELECT INBOX") and client.must("FETCH 1:* (RFC822.SIZE)"))[:-1]]
    sizes[5] += len("\r\n")  # RETR ends the last line, which the message does not
    pop = heronry.pop3(user)
    assert pop.stat() == (6, sum(sizes))
    assert [int(row.split()[1]) for row in pop.list()[1]] == sizes
    uidl = [row.split()[1] for row in pop.uidl()[1]]
    assert len(set(uidl)) == 6
    # poplib takes the stuffing away; what is left has exactly the octets that LIST promised.
    for number in range(1, 7):
        lines = pop.retr(number)[1]
        octets = b"\r\n".join(lines) + b"\r\n"
        assert len(octets) == sizes[number - 1]
    assert b"\r\n".join(pop.retr(6)[1]) == dotted
    assert pop.top(6, 2)[1][-2:] == [b".", b".."]
    pop.dele(2)
    pop.rset()
    pop.dele(3)
    pop.quit()
    again = heronry.pop3(user)
    assert [row.split()[1] for row in again.uidl()[1]] == [*uidl[:2], *uidl[3:]]
    again.quit()


def test_curl_over_pop3(heronry, user, tmp_path):
    def curl(url, *more):
        return subprocess.run(["curl", "-sS", "--cacert", str(heronry.tls_ca), "--user", f"{user['address']}:{user['password']}",
                               url, *more], capture_output=True, timeout=90, check=True).stdout

    assert len(curl(f"pop3s://localhost:{heronry.ports['pop3s']}/").split(b"\r\n")) >= 5
    assert curl(f"pop3s://localhost:{heronry.ports['pop3s']}/2") == mail(2)
    assert curl(f"pop3://localhost:{heronry.ports['pop3']}/3", "--ssl-reqd") == mail(3)
    header = curl(f"pop3://localhost:{heronry.ports['pop3']}/", "--ssl-reqd", "-X", "TOP 1 0")
    assert b"Subject: letter 1\r\n" in header and b"The body." not in header
