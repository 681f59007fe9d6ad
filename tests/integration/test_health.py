# SPDX-License-Identifier: Apache-2.0
"""What a worker refuses because of its own state: PROMISES R13 (a disk that is nearly full) and stress
mode by the lag of its loop."""
import os
import re
import signal
import smtplib
import threading

from conftest import wait_until
from demo.server import STANDARD_PORTS
from imap_raw import Imap
from smtp_raw import RawSmtp, fetch_all, send_message

MESSAGE = b"Subject: x\r\n\r\nx\r\n"


def set_limit(server, octets):
    """Changes limits.disk_free of the running server."""
    server.settings["limits.disk_free"] = octets
    server.write_config()
    os.kill(server.pids()["supervisor"], signal.SIGHUP)


def test_a_full_disk_stops_mail_and_nothing_else(heronry_factory):
    """R13: 452 4.3.1 and NO [UNAVAILABLE]; mail can be read and removed; room is noticed by itself."""
    server = heronry_factory(kinds=[*STANDARD_PORTS, "lmtp"], settings={
        "workers.front": 1, "limits.disk_free": "0MB", "limits.disk_free_percent": 0, "lmtp.networks": "[127.0.0.1]"})
    user, other = server.new_user(), server.new_user()
    assert send_message(server.ports["smtp"], [user["address"]], MESSAGE)[0] == 250
    with RawSmtp(server.ports["smtp"]) as begun, Imap(server, user) as imap, \
            smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as front:
        assert front.docmd("LHLO front.example")[0] == 250
        for line in ("MAIL FROM:<>", f"RCPT TO:<{user['address']}>", f"RCPT TO:<{other['address']}>"):
            assert front.docmd(line)[0] == 250
        begun.hello()
        assert begun.ask("MAIL FROM:<>")[0] == 250
        assert begun.ask(f"RCPT TO:<{user['address']}>")[0] == 250
        set_limit(server, "1000000GB")

        def is_refused():
            with RawSmtp(server.ports["smtp"]) as smtp:
                smtp.hello()
                code, text = smtp.ask("MAIL FROM:<sender@remote.example>")
                return (code, text[4:9]) == (452, b"4.3.1")

        wait_until(is_refused, what="the refusal")
        assert begun.ask("DATA")[0] == 452
        front.send(b"BDAT %d LAST\r\n" % len(MESSAGE) + MESSAGE)
        assert [front.getreply()[0] for _ in range(2)] == [452, 452], "each recipient has its reply"
        assert front.docmd("NOOP")[0] == 250
        imap.must("SELECT INBOX")
        literal = b"APPEND INBOX {%d+}\r\n" % len(MESSAGE) + MESSAGE
        assert b" NO [UNAVAILABLE]" in imap.do(literal)[-1]
        assert b" NO [UNAVAILABLE]" in imap.do("COPY 1 Trash")[-1]
        imap.must("FETCH 1 BODY[]")
        imap.must("STORE 1 +FLAGS (\\Seen)")
        imap.must("MOVE 1 Trash")
        assert "disk_low" in server.log()
        set_limit(server, "0MB")
        # Every process looks by itself: this one is asked below.
        wait_until(lambda: re.search(r"disk_ok\b.*process=front\.1\b", server.log()), 60, "room")
        assert begun.ask("DATA")[0] == 354
        begun.send(MESSAGE + b".\r\n")
        assert begun.reply()[0] == 250
        imap.append("INBOX", MESSAGE)
    assert len(fetch_all(server, user)) == 2


def test_a_loop_that_lags_is_stress(heronry_factory):
    """One error is answered then, and VRFY is not served; when the loop keeps up again all is as before."""
    server = heronry_factory(settings={"workers.front": 1}, is_ever_behind=True,
                             environment={"HERONRY_FAILPOINT": "smtp-after-mail:sleep=250"})
    over = threading.Event()

    def burden():
        with RawSmtp(server.ports["smtp"], timeout=60) as smtp:
            smtp.hello()
            while not over.is_set():
                smtp.ask("MAIL FROM:<>")
                smtp.ask("RSET")

    def codes_of(command):
        """Of the command, and of the same again."""
        with RawSmtp(server.ports["smtp"], timeout=60) as smtp:
            smtp.hello()
            return smtp.ask(command)[0], smtp.ask(command)[0]

    wait_until(lambda: codes_of("VRFY x") == (252, 252), what="a loop that keeps up")
    load = threading.Thread(target=burden)
    load.start()
    try:
        wait_until(lambda: "loop_behind" in server.log(), 60, "stress")
        wait_until(lambda: codes_of("FROB") == (500, 421) and codes_of("VRFY x") == (502, 421), what="the second error to close")
    finally:
        over.set()
        load.join()
    wait_until(lambda: "loop_calm" in server.log(), 60, "the end of it")
    wait_until(lambda: (codes_of("FROB"), codes_of("VRFY x")) == ((500, 500), (252, 252)), what="everything as before")
