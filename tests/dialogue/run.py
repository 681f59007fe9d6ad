#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs dialogue scripts (README.md in this folder) against a running server.

Needs the Python standard library only. The facts of the server (ports, users, certificate) come
from the run.json that `tools/run` writes.
"""
import argparse
import base64
import json
import pathlib
import re
import smtplib
import socket
import ssl
import sys
import time
import uuid
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import imap_grammar  # noqa: E402

IMPLICIT_TLS = {"submissions", "imaps", "pop3s"}
VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+|base64:(?:\$\{[^}]*\}|[^}$])*)\}")


class DialogueError(Exception):
    """A script did not go as written."""


class Facts:
    """What is known of the running server."""

    def __init__(self, raw):
        self.raw = raw
        self.host = raw.get("host", "127.0.0.1")
        self.ports = raw["ports"]
        self.users = raw["users"]
        self.domain = raw["domain"]
        self.hostname = raw.get("hostname", "/.*/")
        self.tls_ca = raw.get("tls_ca")

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as f:
            return cls(json.load(f))

    def user(self, name):
        number = int(name.removeprefix("user"))
        return self.users[number - 1]

    def variables(self):
        values = {"domain": self.domain, "hostname": self.hostname, "unique": uuid.uuid4().hex[:12]}
        for number, user in enumerate(self.users, 1):
            plain = f"\0{user['address']}\0{user['password']}".encode()
            values[f"user{number}"] = user["address"]
            values[f"password{number}"] = user["password"]
            values[f"plain{number}"] = base64.b64encode(plain).decode()
        return values

    def tls_context(self):
        context = ssl.create_default_context(cafile=self.tls_ca)
        context.check_hostname = False
        if not self.tls_ca:
            context.verify_mode = ssl.CERT_NONE
        return context


class Connection:
    """One connection of a script, read line by line."""

    def __init__(self, facts, listener):
        self.facts = facts
        self.listener = listener
        self.is_imap = listener.startswith("imap")
        self.grammar = imap_grammar.Listener() if self.is_imap else None
        self.timeout = 60.0
        self.sent_at = 0.0
        self.pending = b""
        self.ended = False
        self.packer = self.unpacker = None
        self.sock = socket.create_connection((facts.host, facts.ports[listener]), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if listener in IMPLICIT_TLS:
            self.start_tls()

    def start_tls(self):
        if self.pending:
            raise DialogueError(f"plain text before TLS: {self.pending!r}")
        self.sock.settimeout(self.timeout)
        self.sock = self.facts.tls_context().wrap_socket(self.sock, server_hostname="localhost")

    def start_compression(self):
        """Raw deflate in both directions from here on (RFC 4978)."""
        if self.pending:
            raise DialogueError(f"octets before the beginning of compression were read: {self.pending!r}")
        self.packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.unpacker = zlib.decompressobj(-15)

    def end_compression(self):
        """Plain octets again; what came behind the server's last flush is plain already."""
        if self.pending:
            raise DialogueError(f"packed octets after the end of compression: {self.pending!r}")
        self.packer = self.unpacker = None

    def send(self, data):
        if self.packer:
            data = self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        self.sock.settimeout(self.timeout)
        self.sent_at = time.monotonic()
        self.sock.sendall(data)

    def _fill(self, deadline):
        """Reads some bytes; False at the end of the stream."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise DialogueError("nothing came in time")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(65536)
        except (TimeoutError, socket.timeout) as e:
            raise DialogueError("nothing came in time") from e
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.ended = True
        if self.unpacker:
            data = self.unpacker.decompress(data)
        if self.grammar:
            self.grammar.feed(data)
        self.pending += data
        return bool(data)

    def _take(self, n, deadline):
        while len(self.pending) < n:
            if not self._fill(deadline):
                raise DialogueError("the server closed the connection")
        data, self.pending = self.pending[:n], self.pending[n:]
        return data

    def _raw_line(self, deadline):
        while b"\n" not in self.pending:
            if not self._fill(deadline):
                raise DialogueError(
                    f"the server closed the connection (left over: {self.pending!r})")
        line, self.pending = self.pending.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise DialogueError(f"line does not end in CRLF: {line!r}")
        return line[:-1]

    def read_line(self):
        """The next line without CRLF, with its literals when it has any."""
        deadline = time.monotonic() + self.timeout
        line = self._raw_line(deadline)
        while self.is_imap and (m := re.search(rb"~?\{(\d+)\}$", line)):
            literal = self._take(int(m.group(1)), deadline)
            line += b"\r\n" + literal + self._raw_line(deadline)
        return line.decode("utf-8", "surrogateescape")

    def expect_nothing(self, seconds):
        if not self.pending:
            deadline = time.monotonic() + seconds
            try:
                self._fill(deadline)
            except DialogueError:
                return
        raise DialogueError(f"expected nothing, got {self.pending!r}" if self.pending
                            else "expected an open connection, the server closed it")

    def took_at_least(self, seconds):
        took = time.monotonic() - self.sent_at
        if took < seconds:
            raise DialogueError(f"the answer came after {took:.2f} s already")

    def expect_close(self):
        deadline = time.monotonic() + self.timeout
        while not self.ended:
            self._fill(deadline)
        if self.pending:
            raise DialogueError(f"expected the end, got {self.pending!r}")

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


def unescape(text):
    """The bytes of a quoted string with escapes."""
    m = re.fullmatch(r'"(.*)"', text, re.S)
    if not m:
        raise DialogueError(f"send-raw needs a quoted string: {text}")
    simple = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"'}
    out = b""
    for plain, hexa, short in re.findall(r'([^\\]+)|\\x([0-9a-fA-F]{2})|\\(.)', m.group(1), re.S):
        if plain:
            out += plain.encode()
        elif hexa:
            out += bytes([int(hexa, 16)])
        elif short in simple:
            out += simple[short]
        else:
            raise DialogueError(f"unknown escape \\{short}")
    return out


class Script:
    """One script while it runs."""

    def __init__(self, facts, path):
        self.facts = facts
        self.path = pathlib.Path(path)
        self.variables = facts.variables()
        self.listener = self.path.parent.name
        self.connections = {}
        self.lines = []
        self.at = 0
        self.forbidden = []

    # ---- the words of a line ----

    def expand(self, text, quote=False):
        def value(m):
            name = m.group(1)
            if name.startswith("base64:"):
                found = base64.b64encode(self.expand(name[7:]).encode()).decode()
            elif name in self.variables:
                found = self.variables[name]
            else:
                raise DialogueError(f"unknown variable ${{{name}}}")
            return re.escape(found) if quote else found
        return VARIABLE.sub(value, text)

    def pattern(self, text):
        """A compiled regular expression for the text of an S: line."""
        pieces = re.split(r"(?<!\\)/", text)
        if len(pieces) % 2 == 0:
            return re.compile(re.escape(self.expand(text)), re.S)
        out = ""
        for i, piece in enumerate(pieces):
            piece = piece.replace("\\/", "/")
            out += self.expand(piece, quote=True) if i % 2 else re.escape(self.expand(piece))
        return re.compile(out, re.S)

    def match(self, text, line):
        m = self.pattern(text).fullmatch(line)
        if m:
            self.variables.update({k: v for k, v in m.groupdict().items() if v is not None})
        return bool(m)

    # ---- connections ----

    def connection(self, name):
        if name not in self.connections:
            if name != "":
                raise DialogueError(f"there is no connection {name}")
            self.connections[""] = Connection(self.facts, self.listener)
        return self.connections[name]

    def heredoc(self, text):
        """The lines up to the mark of `<<MARK`."""
        mark = text.removeprefix("<<").strip()
        out = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if line == mark:
                return [self.expand(item) for item in out]
            out.append(line)
        raise DialogueError(f"the mark {mark} is missing")

    # ---- what lines do ----

    def do_send(self, conn, text):
        if text.startswith("<<"):
            lines = self.heredoc(text)
        else:
            lines = [self.expand(text)]
        conn.send("".join(line + "\r\n" for line in lines).encode("utf-8", "surrogateescape"))

    def do_expect(self, conn, text):
        if self.forbidden:
            self.skip_until(conn, text)
            return
        line = conn.read_line()
        if not self.match(text, line):
            raise DialogueError(f"expected {self.expand(text)!r}, got {line!r}")

    def skip_until(self, conn, text):
        seen = []
        forbidden, self.forbidden = self.forbidden, []
        while True:
            try:
                line = conn.read_line()
            except DialogueError as e:
                raise DialogueError(f"{e}; waited for {self.expand(text)!r}, saw {seen!r}") from e
            if self.match(text, line):
                return
            for item in forbidden:
                if self.match(item, line):
                    raise DialogueError(f"{line!r} must not come (forbidden: {item!r})")
            seen.append(line)

    def do_set_of_lines(self, conn):
        wanted = []
        while True:
            if self.at >= len(self.lines):
                raise DialogueError("the } of S{ is missing")
            line = self.lines[self.at].strip()
            self.at += 1
            if line == "}":
                break
            if line and not line.startswith("#"):
                wanted.append(line.partition("S:")[2].strip())
        while wanted:
            line = conn.read_line()
            found = next((w for w in wanted if self.match(w, line)), None)
            if found is None:
                raise DialogueError(f"unexpected {line!r}; still waiting for {wanted!r}")
            wanted.remove(found)

    def do_auth(self, conn, name):
        user = self.facts.user(name)
        if conn.is_imap:
            conn.send(f'auth LOGIN "{user["address"]}" "{user["password"]}"\r\n'.encode())
            self.skip_until(conn, "auth OK /.*/")
            return
        plain = base64.b64encode(f"\0{user['address']}\0{user['password']}".encode()).decode()
        conn.send(f"AUTH PLAIN {plain}\r\n".encode())
        if self.listener.startswith("pop3"):
            self.do_expect(conn, "+OK /\\d+/ messages (/\\d+/ octets)")
            return
        self.do_expect(conn, "235 2.7.0 /.*/")

    def do_deliver(self, text):
        name, _, rest = text.partition(" ")
        message = "".join(line + "\r\n" for line in self.heredoc(rest.strip()))
        with smtplib.SMTP(self.facts.host, self.facts.ports["smtp"], "client.example") as smtp:
            smtp.sendmail("sender@remote.example", [self.facts.user(name)["address"]],
                          message.encode())

    def do_include(self, text):
        inner = (self.path.parent / text).read_text(encoding="utf-8").splitlines()
        self.lines[self.at:self.at] = inner

    def run_word(self, name, line):
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "listener":
            self.listener = rest
        elif word == "connect":
            other, _, listener = rest.partition(" ")
            self.connections[other] = Connection(self.facts, listener or self.listener)
        elif word == "deliver":
            self.do_deliver(rest)
        elif word == "include":
            self.do_include(rest)
        elif word == "set":
            key, _, value = rest.partition("=")
            self.variables[key.strip()] = self.expand(value.strip())
        elif word == "sleep":
            time.sleep(float(rest))
        else:
            self.run_on_connection(self.connection(name), word, rest)

    def run_on_connection(self, conn, word, rest):
        if word == "C:":
            self.do_send(conn, rest)
        elif word == "S:":
            self.do_expect(conn, rest)
        elif word == "S*:":
            self.skip_until(conn, rest)
        elif word == "S!:":
            self.forbidden.append(rest)
        elif word == "S{":
            self.do_set_of_lines(conn)
        elif word == "send-raw":
            conn.send(unescape(self.expand(rest)))
        elif word in ("starttls", "tls"):
            conn.start_tls()
        elif word == "compress":
            conn.start_compression()
        elif word == "end-compress":
            conn.end_compression()
        elif word == "auth":
            self.do_auth(conn, rest)
        elif word == "close":
            conn.close()
        elif word == "expect-close":
            conn.expect_close()
        elif word == "expect-nothing":
            conn.expect_nothing(float(rest))
        elif word == "took-at-least":
            conn.took_at_least(float(rest))
        elif word == "timeout":
            conn.timeout = float(rest)
        else:
            raise DialogueError(f"unknown word {word!r}")

    def run(self):
        self.lines = self.path.read_text(encoding="utf-8").splitlines()
        steps = 0
        try:
            while self.at < len(self.lines):
                line = self.lines[self.at].strip()
                number = self.at + 1
                self.at += 1
                if not line or line.startswith("#"):
                    continue
                steps += 1
                name = ""
                m = re.match(r"([A-Z][A-Z0-9]*) (?=(C:|S\*?!?:|S\{|[a-z]))", line)
                if m and m.group(1) in self.connections:
                    name, line = m.group(1), line[m.end():]
                self.step(number, name, line)
            if steps == 0:
                raise DialogueError(f"{self.path}: the script is empty")
        finally:
            for conn in self.connections.values():
                conn.close()

    def step(self, number, name, line):
        try:
            self.run_word(name, line)
        except (DialogueError, imap_grammar.GrammarError, OSError, KeyError, smtplib.SMTPException) as e:
            raise DialogueError(f"{self.path.name}:{number}: {line}\n    {e}") from e


def run_script(facts, path):
    """Runs one script; raises DialogueError."""
    Script(facts, path).run()


def scripts():
    """All scripts of this folder."""
    return sorted(HERE.glob("*/*.dlg"))


def main():
    parser = argparse.ArgumentParser(description="Runs dialogue scripts against a running server.")
    parser.add_argument("--facts", required=True, help="the run.json of the running server")
    parser.add_argument("scripts", nargs="*", help="default: all")
    args = parser.parse_args()
    facts = Facts.load(args.facts)
    failed = 0
    paths = [pathlib.Path(p) for p in args.scripts] or scripts()
    for path in paths:
        try:
            run_script(facts, path.resolve())
            print(f"ok    {path.parent.name}/{path.name}")
        except DialogueError as e:
            failed += 1
            print(f"FAIL  {e}")
    print(f"{len(paths) - failed} passed, {failed} failed")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
