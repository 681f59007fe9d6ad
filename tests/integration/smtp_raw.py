# SPDX-License-Identifier: Apache-2.0
"""SMTP by hand: exactly these bytes, in exactly these pieces, and what came back."""
import re
import socket
import time

REPLY_END = re.compile(rb"^\d{3}(?: [^\r\n]*)?\r\n", re.M)


class RawSmtp:
    """A connection that sends bytes as told and gives replies as (code, text)."""

    def __init__(self, port, *, timeout=90, greet=True):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.pending = b""
        if greet:
            assert self.reply()[0] == 220

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def send(self, data, cut=0, pause=0.003):
        """Sends all of it; with `cut` in two segments, the second after a pause."""
        if 0 < cut < len(data):
            self.sock.sendall(data[:cut])
            time.sleep(pause)
            data = data[cut:]
        self.sock.sendall(data)

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        self.pending += data
        return bool(data)

    def reply(self):
        """The next reply; (0, rest) when the connection ended before it was complete."""
        while not (m := REPLY_END.search(self.pending)):
            if not self._more():
                return 0, self.pending
        text, self.pending = self.pending[:m.end()], self.pending[m.end():]
        return int(text[:3]), text

    def ask(self, line):
        """Sends a command, gives the reply."""
        self.send(line.encode() + b"\r\n" if isinstance(line, str) else line)
        return self.reply()

    def hello(self, name="client.example"):
        code, text = self.ask(f"EHLO {name}")
        assert code == 250, text
        return text

    def begin(self, *recipients, sender="sender@remote.example", name="client.example"):
        """EHLO to 354."""
        self.hello(name)
        assert self.ask(f"MAIL FROM:<{sender}>")[0] == 250
        for recipient in recipients:
            code, text = self.ask(f"RCPT TO:<{recipient}>")
            assert code == 250, text
        code, text = self.ask("DATA")
        assert code == 354, text

    def rest(self):
        """Everything until the connection ends."""
        while self._more():
            pass
        text, self.pending = self.pending, b""
        return text


def stuffed(message):
    """A message as it goes over the wire, with its end."""
    assert message == b"" or message.endswith(b"\r\n")
    return re.sub(rb"^\.", b"..", message, flags=re.M) + b".\r\n"


def send_message(port, recipients, message, sender="sender@remote.example"):
    """Sends one message; gives the reply to its end."""
    with RawSmtp(port) as smtp:
        smtp.begin(*recipients, sender=sender)
        smtp.send(stuffed(message))
        return smtp.reply()


def fetch_all(heronry, user, mailbox="INBOX"):
    """All messages of a mailbox as bytes."""
    imap = heronry.imap(login=user)
    try:
        _, (count,) = imap.select(mailbox, readonly=True)
        if int(count) == 0:
            return []
        _, data = imap.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in data if isinstance(part, tuple)]
    finally:
        imap.logout()


TRACE = re.compile(rb"Return-Path: [^\r\n]*\r\n(?:Delivered-To: [^\r\n]*\r\n)?Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")


def without_trace(message):
    """A stored message without the fields that the server put on top."""
    m = TRACE.match(message)
    assert m, f"no trace fields on top: {message[:200]!r}"
    return message[m.end():]
