# SPDX-License-Identifier: Apache-2.0
"""The client side of SASL for tests: SCRAM-SHA-256 by hand, so that every field can be wrong, and how
each protocol carries it."""
import base64
import hashlib
import hmac
import os
import socket


def b64(data):
    return base64.b64encode(data).decode()


class Scram:
    """One exchange. `flag` is the GS2 flag ("n", "y", "p=..."), `binding` the octets of the channel."""

    def __init__(self, user, password, flag="n", binding=b"", authzid=""):
        self.user = user.replace("=", "=3D").replace(",", "=2C")
        self.password = password
        self.header = f"{flag},{authzid},"
        self.binding = binding
        self.nonce = b64(os.urandom(12))
        self.bare = f"n={self.user},r={self.nonce}"
        self.salt = self.iterations = self.server_signature = None

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, server_first, nonce=None):
        """The client-final-message; `nonce` replaces the right one."""
        fields = dict(field.split("=", 1) for field in server_first.decode().split(","))
        assert fields["r"].startswith(self.nonce) and len(fields["r"]) > len(self.nonce) + 20
        self.salt, self.iterations = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), self.salt, self.iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        bound = b64(self.header.encode() + self.binding)
        without_proof = f"c={bound},r={nonce or fields['r']}"
        message = f"{self.bare},{server_first.decode()},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        return f"{without_proof},p={b64(proof)}".encode()

    def check(self, server_final):
        assert server_final == f"v={b64(self.server_signature)}".encode()


class Door:
    """A connection over TLS to one of the protocols, at the point where somebody logs in."""

    PORTS = {"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}

    def __init__(self, server, protocol):
        self.protocol = protocol
        plain = socket.create_connection(("localhost", server.ports[self.PORTS[protocol]]), timeout=60)
        self.sock = server.tls().wrap_socket(plain, server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        self.line()
        if protocol == "smtp":
            self.say("EHLO client.example")
            while self.line()[3:4] == b"-":
                pass

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def line(self):
        return self.file.readline().rstrip(b"\r\n")

    def say(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def answer(self):
        """("+", decoded challenge) or (True or False, the line)."""
        line = self.line()
        prefix = b"334 " if self.protocol == "smtp" else b"+ "
        if line.startswith(prefix):
            return "+", base64.b64decode(line[len(prefix):])
        good = {"imap": b"a OK", "pop3": b"+OK", "smtp": b"235"}[self.protocol]
        return line.startswith(good), line

    def begin(self, mechanism, initial=None):
        verb = {"imap": "a AUTHENTICATE", "pop3": "AUTH", "smtp": "AUTH"}[self.protocol]
        self.say(f"{verb} {mechanism}" + (f" {b64(initial) or '='}" if initial is not None else ""))
        return self.answer()

    def go_on(self, message):
        self.say(b64(message))
        return self.answer()

    def end_point(self):
        """tls-server-end-point of the server's certificate (signed with SHA-256)."""
        return hashlib.sha256(self.sock.getpeercert(True)).digest()

    def scram(self, scram, mechanism="SCRAM-SHA-256"):
        """A whole exchange; True or False, and the last line."""
        state, data = self.begin(mechanism, scram.first())
        if state != "+":
            return state, data
        state, data = self.go_on(scram.final(data))
        if state != "+":
            return state, data
        scram.check(data)
        return self.go_on(b"")

    def plain(self, user, password):
        return self.begin("PLAIN", f"\0{user}\0{password}".encode())

    def bearer(self, user, token):
        return self.begin("OAUTHBEARER", f"n,a={user},\1host=localhost\1port=1\1auth=Bearer {token}\1\1".encode())
