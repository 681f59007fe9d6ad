# SPDX-License-Identifier: Apache-2.0
"""The outside world for tests of delivery: an nsd with a zone of our own, and mail servers (sinks)
that answer as told and keep every byte they were sent."""
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import dns.message
import dns.query
import dns.tsigkeyring
import dns.update

DOMAIN = "out.test"
ABOVE = "test"      # is there too, empty: DMARC asks upwards, and must not have to ask the world


class Zone:
    """Serves `records` (zone file lines) of out.test on loopback. A zone that is signed has its trust
    anchor in `anchor`; `forge` pairs are texts that somebody replaced behind the signer's back."""

    def __init__(self, records, signed=False, forge=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-nsd-", dir="/tmp"))
        self.serial, self.key = 0, None
        lines = self._write(records)
        (self.folder / "above").write_text("\n".join([f"$ORIGIN {ABOVE}.", *lines[1:5], f"{DOMAIN}. NS ns"]) + "\n")
        if signed:
            self._sign(forge)
        for _ in range(5):
            self._start()
            if self._answers():
                return
        raise AssertionError("nsd does not answer: " + (self.folder / "log").read_text(errors="replace"))

    def _write(self, records):
        self.serial += 1
        lines = [f"$ORIGIN {DOMAIN}.", "$TTL 1", f"@ SOA ns hostmaster {self.serial} 3600 600 86400 1", "@ NS ns",
                 "ns A 127.0.0.1", *records]
        (self.folder / "zone").write_text("\n".join(lines) + "\n")
        return lines

    def rewrite(self, records):
        """Other records in a zone that is signed, by the same key; they are served when this returns, and others may know the former ones
        for a second yet."""
        self._write(records)
        self._sign(())
        self.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 60
        while self._served() != self.serial:
            assert time.monotonic() < end, "nsd goes on with the former zone"
            time.sleep(0.02)

    def _served(self):
        try:
            return dns.query.tcp(dns.message.make_query(DOMAIN, "SOA"), "127.0.0.1", port=self.port, timeout=60).answer[0][0].serial
        except (OSError, EOFError):  # the process that serves it goes, as another has the new one
            return None

    def _sign(self, forge):
        def run(*command):
            return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

        key = self.key = self.key or run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", DOMAIN)
        run("ldns-signzone", "-o", DOMAIN, "-f", "zone.signed", "zone", key)
        text = (self.folder / "zone.signed").read_text()
        for true, false in forge:
            assert true in text
            text = text.replace(true, false)
        (self.folder / "zone").write_text(text)
        self.anchor = self.folder / f"{key}.ds"
        self.folder.chmod(0o755)  # for the user that Heronry becomes

    def _start(self):
        """On a port that is free for UDP; that another program has it for TCP shows in nsd's end."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        (self.folder / "nsd.conf").write_text(
            f"server:\n ip-address: 127.0.0.1@{self.port}\n username: \"\"\n zonesdir: \"{self.folder}\"\n"
            f" database: \"\"\n pidfile: \"\"\n logfile: \"{self.folder}/log\"\n xfrdfile: \"{self.folder}/xfrd\"\n"
            f" zonelistfile: \"{self.folder}/zones\"\n xfrdir: \"{self.folder}\"\n server-count: 1\n"
            f"remote-control:\n control-enable: no\nzone:\n name: {DOMAIN}\n zonefile: zone\n"
            f"zone:\n name: {ABOVE}\n zonefile: above\n")
        self.process = subprocess.Popen(["nsd", "-d", "-c", self.folder / "nsd.conf"])

    def _answers(self):
        question = b"\x12\x34\0\0\0\1\0\0\0\0\0\0\3out\4test\0\0\6\0\1"
        end = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < end:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.settimeout(0.1)
                try:
                    asker.connect(("127.0.0.1", self.port))
                    asker.send(question)
                    if len(asker.recv(512)) > 12:
                        return True
                except OSError:
                    time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        return False

    @property
    def server(self):
        return f"127.0.0.1@{self.port}"

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Primary(Zone):
    """The same, by a server (knot) that takes updates (RFC 2136) signed with `SECRET`; `records` are there from the beginning."""

    KEY, SECRET = "heronry.out.test", "c2l4dGVlbiBvciBtb3JlIG9jdGV0cyBvZiBhIHNlY3JldA=="

    def _start(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        (self.folder / "knot.conf").write_text(
            f"server:\n  listen: 127.0.0.1@{self.port}\n  rundir: {self.folder}\n  udp-workers: 1\n  tcp-workers: 1\n"
            f"  background-workers: 1\ndatabase:\n  storage: {self.folder}\n  journal-db-max-size: 1M\n"
            f"log:\n  - target: {self.folder}/log\n    any: info\n"
            f"key:\n  - id: {self.KEY}\n    algorithm: hmac-sha256\n    secret: {self.SECRET}\n"
            f"acl:\n  - id: us\n    key: {self.KEY}\n    action: update\n"
            f"zone:\n  - domain: {DOMAIN}\n    file: {self.folder}/zone\n    acl: us\n    zonefile-sync: -1\n"
            f"  - domain: {ABOVE}\n    file: {self.folder}/above\n")
        self.process = subprocess.Popen(["knotd", "-c", self.folder / "knot.conf"], stderr=subprocess.DEVNULL)

    def update(self, **other):
        """An item of `dns.updates` of the configuration."""
        return {"zone": DOMAIN, "server": f"127.0.0.1:{self.port}", "key": self.KEY, "secret": self.SECRET} | other

    def texts(self, name, kind="TXT"):
        """The data of the records of a name below the domain; the strings of a text in one."""
        question = dns.message.make_query(f"{name}.{DOMAIN}" if name else DOMAIN, kind)
        answer = dns.query.tcp(question, "127.0.0.1", port=self.port, timeout=60).answer
        return sorted(b"".join(r.strings).decode() if kind == "TXT" else r.to_text() for rrset in answer for r in rrset)

    def take_out(self, name, kind, data):
        """One record, by somebody else."""
        self._update(lambda update: update.delete(f"{name}.", kind, data))

    def change(self, *, add=(), remove=()):
        """Texts at the name of the domain, by somebody else."""
        def texts(update):
            for text in remove:
                update.delete("@", "TXT", f'"{text}"')
            for text in add:
                update.add("@", 60, "TXT", f'"{text}"')
        self._update(texts)

    def _update(self, fill):
        update = dns.update.Update(DOMAIN, keyring=dns.tsigkeyring.from_text({self.KEY: self.SECRET}), keyalgorithm="hmac-sha256")
        fill(update)
        assert dns.query.tcp(update, "127.0.0.1", port=self.port, timeout=60).rcode() == 0


class Forgetful:
    """Stands before a `Primary`, and keeps its first answer to a change for itself."""

    def __init__(self, primary):
        self.primary, self.lost = primary, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as asked:
                head = asked.read(2)
                question = asked.read(int.from_bytes(head, "big"))
                with socket.create_connection(("127.0.0.1", self.primary.port)) as server, server.makefile("rb") as answered:
                    server.sendall(head + question)
                    size = answered.read(2)
                    answer = size + answered.read(int.from_bytes(size, "big"))
                is_change = question[2] >> 3 & 15 == 5 and question[8:10] != b"\0\0"
                if is_change and not self.lost:
                    self.lost += 1
                else:
                    client.sendall(answer)

    def close(self):
        self.listener.close()


class Message:
    """One transaction as the sink saw it: commands of the envelope and the raw DATA."""

    def __init__(self, sender, recipients, data, tls):
        self.sender, self.recipients, self.data, self.tls = sender, recipients, data, tls


class Sink:
    """A mail server on address:port. `answer(verb, argument)` gives a reply line (without CRLF) or
    None for the ordinary one; raising ConnectionError cuts the connection."""

    def __init__(self, port, answer=None, *, address="127.0.0.1", tls=None,
                 extensions=("PIPELINING", "8BITMIME", "SIZE 30000000")):
        self.answer = answer or (lambda verb, argument: None)
        self.tls, self.extensions = tls, list(extensions)
        self.messages, self.commands, self.connections, self.peers = [], [], 0, set()
        self.there, self.most_open = set(), 0
        self.in_message = lambda client, recipients: None  # called behind 354, before the message is read
        self.before_reply = None  # called with verb and text, outside of the lock: may sleep
        self.lock = threading.Lock()
        self.listener = socket.create_server((address, port), backlog=100)
        self.closing = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def open(self):
        return len(self.there)

    def _accept(self):
        while True:
            try:
                client, peer = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.peers.add(peer[0])
                number = self.connections
                self.there.add(number)
                self.most_open = max(self.most_open, self.open)
            threading.Thread(target=self._serve_safely, args=(client, number), daemon=True).start()

    def _serve_safely(self, client, number):
        try:
            self._serve(client, number)
        except (OSError, ssl.SSLError, EOFError):
            pass
        finally:
            client.close()
            with self.lock:
                self.there.discard(number)

    def _reply(self, client, verb, argument, ordinary, taken=None):
        """What a good answer makes `taken` is noted before: who hears the answer may look at once."""
        if self.before_reply:
            self.before_reply(verb, argument if isinstance(argument, str) else " ".join(argument))
        with self.lock:
            self.commands.append((verb, argument))
            text = self.answer(verb, argument) or ordinary
            if taken and text.startswith("2"):
                self.messages.append(taken)
        client.sendall(text.encode() + b"\r\n")
        return text

    def _serve(self, client, number):
        client.settimeout(30)
        stream, encrypted = client.makefile("rb"), False
        sender, recipients = None, []
        self._reply(client, "CONNECT", "", "220 sink.out.test ESMTP")
        while line := stream.readline():
            verb, _, argument = line.rstrip(b"\r\n").decode("utf-8", "replace").partition(" ")
            verb = verb.upper()
            if verb == "EHLO":
                offers = self.extensions + (["STARTTLS"] if self.tls and not encrypted else [])
                lines = ["sink.out.test", *offers]
                ordinary = "\r\n".join(f"250{'-' if i < len(lines) - 1 else ' '}{l}" for i, l in enumerate(lines))
                self._reply(client, verb, argument, ordinary)
            elif verb == "STARTTLS":
                if self._reply(client, verb, argument, "220 go ahead").startswith("220"):
                    client = self.tls.wrap_socket(client, server_side=True)
                    stream, encrypted = client.makefile("rb"), True
            elif verb == "MAIL":
                if self._reply(client, verb, argument, "250 2.1.0 ok").startswith("2"):
                    sender, recipients = re.search("<(.*?)>", argument).group(1), []
            elif verb == "RCPT":
                if self._reply(client, verb, argument, "250 2.1.5 ok").startswith("2"):
                    recipients.append(re.search("<(.*?)>", argument).group(1))
            elif verb == "DATA":
                ordinary = "354 go ahead" if recipients else "554 5.5.1 nobody"
                if self._reply(client, verb, recipients, ordinary).startswith("354"):
                    self.in_message(client, recipients)
                    message = Message(sender, recipients, self._read_data(stream), encrypted)
                    self._reply(client, ".", recipients, "250 2.0.0 taken", message)
                sender, recipients = None, []
            elif verb == "QUIT":
                with self.lock:
                    self.there.discard(number)  # who hears the answer may come again before we have closed it
                self._reply(client, verb, argument, "221 bye")
                return
            else:
                self._reply(client, verb, argument, "250 ok")

    @staticmethod
    def _read_data(stream):
        """Raw bytes up to CRLF.CRLF, which is not part of them; dots stay stuffed."""
        data = b""
        while not (b"\r\n" + data).endswith(b"\r\n.\r\n"):
            more = stream.readline()
            if not more:
                raise EOFError
            data += more
        return data[:-3]

    def of(self, recipient):
        """Messages that were taken for this address."""
        with self.lock:
            return [m for m in self.messages if recipient in m.recipients]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.closing = True
