# SPDX-License-Identifier: Apache-2.0
"""A client of the benchmarks for IMAP and POP3 over TLS that does as little as it can: it reads big
pieces and looks only at their ends, so that the server is what is measured."""
import socket
import ssl
import time


class Refused(Exception):
    """The server does not know the command, or does not want it."""


def connect(port):
    """A TLS connection to loopback; the certificate of a benchmark is not looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), timeout=600)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain)


class Imap:
    """One connection, logged in."""

    def __init__(self, port, user):
        self.sock = connect(port)
        self.buffer = memoryview(bytearray(1 << 20))
        self.number = 0
        self.sock.recv(4096)
        self.must(f'LOGIN "{user[0]}" "{user[1]}"')

    def start(self, command):
        self.number += 1
        tag = b"bench%d" % self.number
        self.sock.sendall(tag + b" " + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return tag

    def finish(self, tag, keep=True):
        """Reads to the tagged line; gives (octets read, the text or its end, whether it says OK)."""
        total, pieces, tail, mark = 0, [], b"", b"\r\n" + tag + b" "
        while True:
            n = self.sock.recv_into(self.buffer)
            if n == 0:
                raise SystemExit("the server closed the connection")
            total += n
            if keep:
                pieces.append(bytes(self.buffer[:n]))
            tail = (b"\r\n" if total == n else tail) + bytes(self.buffer[max(0, n - 2000):n])
            tail = tail[-4000:]
            at = tail.rfind(mark)
            if at >= 0 and tail.endswith(b"\r\n"):
                ok = tail[at + len(mark):].startswith(b"OK")
                return total, b"".join(pieces) if keep else tail, ok

    def must(self, command):
        _, text, ok = self.finish(self.start(command))
        if not ok:
            raise Refused(f"{command[:60]!r}: {text[-200:]!r}")
        return text

    def timed(self, command, keep=False):
        """Milliseconds that a command takes, octets and the text."""
        began = time.perf_counter()
        total, text, ok = self.finish(self.start(command), keep)
        took = (time.perf_counter() - began) * 1000
        if not ok:
            raise Refused(f"{command[:60]!r}: {text[-200:]!r}")
        return took, total, text

    def close(self):
        self.sock.close()


class Pop3:
    """One connection, logged in; answers are read to their dot."""

    def __init__(self, port, user):
        self.sock = connect(port)
        self.buffer = memoryview(bytearray(1 << 18))
        self.line()
        for word in (f"USER {user[0]}", f"PASS {user[1]}"):
            self.sock.sendall(word.encode() + b"\r\n")
            answer = self.line()
            if not answer.startswith(b"+OK"):
                raise Refused(f"{word}: {answer!r}")

    def line(self):
        data = b""
        while not data.endswith(b"\r\n"):
            piece = self.sock.recv(4096)
            if not piece:
                raise SystemExit("the server closed the connection")
            data += piece
        return data

    def many(self, command):
        """Sends a command whose answer has many lines; gives its octets."""
        self.sock.sendall(command + b"\r\n")
        total, tail = 0, b""
        while not tail.endswith(b"\r\n.\r\n"):
            n = self.sock.recv_into(self.buffer)
            if n == 0:
                raise SystemExit("the server closed the connection")
            if total == 0 and bytes(self.buffer[:3]) != b"+OK":
                raise Refused(f"{command!r}: {bytes(self.buffer[:n])!r}")
            total += n
            tail = (tail + bytes(self.buffer[max(0, n - 8):n]))[-8:]
        return total

    def close(self):
        self.sock.sendall(b"QUIT\r\n")
        self.line()     # until then the maildrop is in use
        self.sock.close()
