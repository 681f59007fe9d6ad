# SPDX-License-Identifier: Apache-2.0
"""A ledger of what a server promised: senders write down each message before and after its reply, and
at the end every promise is looked for in the mailboxes (PROMISES R1, R2)."""
import collections
import re
import smtplib
import ssl
import threading
import uuid

import imap_client

MARK = re.compile(rb"X-Ledger: ([0-9a-f-]{36})")


def relaxed_tls():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Ledger:
    """Messages by id: "sent" (no reply seen yet), "promised" (250), "refused" (4xx or 5xx), "lost"
    (the connection broke before the reply)."""

    def __init__(self):
        self.lock = threading.Lock()
        self.states = {}
        self.recipient = {}

    def note(self, mark, state, recipient=None):
        with self.lock:
            self.states[mark] = state
            if recipient:
                self.recipient[mark] = recipient

    def of(self, state):
        with self.lock:
            return [m for m, s in self.states.items() if s == state]


class Senders:
    """Threads that send mail without pause, reconnecting whenever they must, until stopped."""

    def __init__(self, port, recipients, ledger, count=8):
        self.port, self.recipients, self.ledger = port, recipients, ledger
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(90)
            assert not thread.is_alive(), "a sender hangs"

    def _run(self, number):
        turn = number
        while not self.stopping.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as smtp:
                    smtp.ehlo("client.example")
                    while not self.stopping.is_set():
                        turn += 1
                        self._send(smtp, self.recipients[turn % len(self.recipients)])
            except (OSError, smtplib.SMTPException):
                self.stopping.wait(0.02)

    def _send(self, smtp, recipient):
        mark = str(uuid.uuid4())
        for code, _ in (smtp.mail("sender@client.example"), smtp.rcpt(recipient)):
            if code != 250:
                smtp.rset()
                self.stopping.wait(0.02)
                return
        self.ledger.note(mark, "lost", recipient)
        code, _ = smtp.data(f"From: sender@client.example\r\nTo: {recipient}\r\nX-Ledger: {mark}\r\n"
                            f"Subject: ledger\r\n\r\n{'text ' * 200}\r\n")
        self.ledger.note(mark, "promised" if code == 250 else "refused")


def copies_in(port, address, password):
    """How often each mark is in the INBOX of a user."""
    imap = imap_client.IMAP4_SSL("127.0.0.1", port, ssl_context=relaxed_tls(), timeout=60)
    try:
        imap.login(address, password)
        _, (count,) = imap.select("INBOX", readonly=True)
        if int(count) == 0:
            return collections.Counter()
        _, data = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (X-LEDGER)])")
        found = [MARK.search(part[1]) for part in data if isinstance(part, tuple)]
        return collections.Counter(m.group(1).decode() for m in found if m)
    finally:
        imap.logout()


def settle(ledger, copies):
    """Compares the ledger with the mailboxes ({recipient: Counter}); gives (missing, doubled, wrong)."""
    missing = [m for m in ledger.of("promised") if copies[ledger.recipient[m]][m] == 0]
    doubled = [m for box in copies.values() for m, n in box.items() if n > 1]
    wrong = [m for address, box in copies.items() for m in box if ledger.recipient.get(m) != address]
    return missing, doubled, wrong
