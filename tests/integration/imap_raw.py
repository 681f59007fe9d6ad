# SPDX-License-Identifier: Apache-2.0
"""A bare IMAP client for tests: sends what it is told, reads lines with their literals. Everything that
the server says must keep to the grammar (imap_grammar), or the test fails."""
import contextlib
import pathlib
import re
import socket
import struct
import time

import imap_grammar
from conftest import wait_until
from support import leads_to


class Imap:
    """One connection; `login` (a user of the server) logs in on the TLS port."""

    def __init__(self, server, login=None, kind="imaps", source=None):
        self.server = server
        self.plain = socket.create_connection(("127.0.0.1", server.ports[kind]), timeout=90,
                                              source_address=(source, 0) if source else None)
        self.plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.plain
        self.pending = b""
        self.grammar = imap_grammar.Listener()
        self.tags = 0
        if kind == "imaps":
            self.start_tls()
        self.greeting = self.line()
        if login:
            self.must(f'LOGIN "{login["address"]}" "{login["password"]}"')

    def start_tls(self):
        assert not self.pending, self.pending
        self.sock = self.plain = self.server.tls().wrap_socket(self.plain, server_hostname="localhost")

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def _fill(self, timeout):
        self.sock.settimeout(timeout)
        data = self.sock.recv(1 << 16)
        if not data:
            raise EOFError(self.pending)
        self.grammar.feed(data)
        self.pending += data

    def line(self, timeout=90):
        """One line without CRLF, literals included."""
        out = b""
        while True:
            while b"\r\n" not in self.pending:
                self._fill(timeout)
            piece, self.pending = self.pending.split(b"\r\n", 1)
            out += piece
            literal = re.search(rb"\{(\d+)\}$", piece)
            if not literal:
                return out
            size = int(literal.group(1))
            while len(self.pending) < size:
                self._fill(timeout)
            out += b"\r\n" + self.pending[:size]
            self.pending = self.pending[size:]

    def start(self, command):
        """Sends a command, gives its tag."""
        self.tags += 1
        tag = b"t%d" % self.tags
        self.send(tag + b" " + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return tag

    def finish(self, tag, timeout=90):
        """The lines up to the tagged one, which is the last."""
        lines = []
        while not lines or not lines[-1].startswith(tag + b" "):
            lines.append(self.line(timeout))
        return lines

    def do(self, command, timeout=90):
        return self.finish(self.start(command), timeout)

    def must(self, command, timeout=90):
        lines = self.do(command, timeout)
        assert re.match(rb"\S+ OK ", lines[-1]), (command, lines)
        return lines

    def append(self, mailbox, message, flags=""):
        message = message if isinstance(message, bytes) else message.encode()
        return self.must(f"APPEND {mailbox} {flags}".encode() + b"{%d+}\r\n" % len(message) + message)

    def fetch_body(self, uid):
        """The octets of BODY.PEEK[] of one message."""
        lines = self.must(f"UID FETCH {uid} BODY.PEEK[]")
        found = re.search(rb"BODY\[\] \{(\d+)\}\r\n", lines[0])
        assert found, lines[0][:200]
        return lines[0][found.end():found.end() + int(found.group(1))]

    def reset(self):
        """Ends with RST: nothing of the session lingers."""
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def worker(self):
        """Process id of the worker that holds the other end."""
        return owner_of(self.plain.getsockname()[1], self.plain.getpeername()[1])


def inode_of(local_port, remote_port):
    """Inode of the loopback socket with these ports, as seen from its own end."""
    want = (f":{local_port:04X}", f":{remote_port:04X}")
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in pathlib.Path(table).read_text().splitlines()[1:]:
            words = row.split()
            if words[1].endswith(want[0]) and words[2].endswith(want[1]):
                return words[9]
    return None


def owner_of(client_port, server_port):
    """Process id that has the server's end of a connection open. The kernel gives its table in pieces, and may leave out
    a connection when others come and go between two of them: so it is looked for more than once."""
    return next(filter(None, (find_owner(client_port, server_port) for _ in range(10))), None)


def find_owner(client_port, server_port):
    inode = inode_of(server_port, client_port)
    for folder in pathlib.Path("/proc").iterdir() if inode else ():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for fd in (folder / "fd").iterdir():
                if leads_to(fd) == f"socket:[{inode}]":
                    return int(folder.name)
    return None


def rss_kib(pid):
    for row in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if row.startswith("VmRSS"):
            return int(row.split()[1])
    return 0


def on_workers(server, login, count, seconds=90):
    """Logged-in connections on `count` different worker processes, by process id."""
    found = {}
    end = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < end, f"only {len(found)} workers took connections"
        client = Imap(server, login)
        if found.setdefault(client.worker(), client) is not client:
            client.close()
    return found


def both_workers_write(server, login):
    """Waits until both take mail for the user: each finds a database that is back for itself."""
    def attempt():
        try:
            for client in on_workers(server, login, 2).values():
                with client:
                    client.append("INBOX", b"Subject: the database is back\r\n\r\n")
        except (OSError, EOFError, AssertionError):
            return None
        return True
    wait_until(attempt, 60, "both workers take mail again")
