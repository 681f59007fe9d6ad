# SPDX-License-Identifier: Apache-2.0
"""Filters of the milter protocol: one that answers as told, by the subject of the message, and keeps what it was shown;
and rspamd, opendkim and ClamAV as Debian has them."""
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading

from conftest import free_ports, wait_until

CONTINUE, ACCEPT, REJECT, LATER, DISCARD = (b"c",), (b"a",), (b"r",), (b"t",), (b"d",)


def change(command, name, value, index=None):
    place = b"" if index is None else struct.pack(">I", index)
    return command, place + name.encode() + b"\0" + value.encode() + b"\0"


def envelope(command, address, parameters=None):
    return command, address.encode() + b"\0" + (b"" if parameters is None else parameters.encode() + b"\0")


class Filter:
    """Listens on loopback. `rules[subject]` is the list of packets (command, data) at the end of such a message, or a
    function of the stage (the letter of the command) that gives one packet, or None for the ordinary answer;
    `rules["<address>"]` is such a function for a sender or a recipient. `seen` holds messages, `talks` all that ended."""

    def __init__(self, steps=0, actions=0xff, version=6):
        self.options = struct.pack(">III", version, actions, steps)
        self.rules, self.seen, self.talks, self.offered = {}, [], [], None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_safely, args=(client,), daemon=True).start()

    def _serve_safely(self, client):
        try:
            self._serve(client)
        except OSError:
            pass  # the server had heard enough

    @staticmethod
    def _read(stream):
        head = stream.read(4)
        if len(head) < 4:
            return None, b""
        packet = stream.read(struct.unpack(">I", head)[0])
        return packet[:1], packet[1:]

    def _serve(self, client):
        shown = {"macros": {}, "fields": [], "body": b"", "recipients": [], "stages": b"", "name_at": b""}
        rule = None
        with client, client.makefile("rb") as stream:
            while True:
                command, data = self._read(stream)
                if command == b"Q":
                    self.talks.append(shown)
                if command is None or command == b"Q":
                    return
                shown["stages"] += command
                if command == b"O":
                    self.offered = struct.unpack(">III", data)
                    self._send(client, b"O", self.options)
                    continue
                if command == b"D":
                    words = data[1:].split(b"\0")
                    shown["name_at"] += data[:1] if b"i" in words[::2] else b""
                    shown["macros"] |= dict(zip(words[::2], words[1::2]))
                    continue
                words = data.split(b"\0")
                if command in (b"M", b"R"):
                    rule = self.rules.get(words[0].decode(), rule)
                if command == b"L":
                    shown["fields"].append((words[0].decode(), words[1]))
                    if words[0].lower() == b"subject":
                        rule = self.rules.get(words[1].decode())
                elif command == b"B":
                    shown["body"] += data
                elif command == b"R":
                    shown["recipients"].append(words[0])
                elif command in (b"C", b"H", b"M"):
                    shown[command.decode()] = data
                if command == b"E":
                    self.seen.append(shown)
                answers = [CONTINUE]
                if callable(rule):
                    answers = [rule(command.decode()) or CONTINUE]
                elif command == b"E" and rule:
                    answers = rule
                for answer in answers:
                    if answer == "close":
                        return
                    self._send(client, *answer)

    @staticmethod
    def _send(client, command, data=b""):
        client.sendall(struct.pack(">I", len(data) + 1) + command + data)

    def of(self, subject):
        """What was shown of the messages with this subject."""
        return [s for s in self.seen if ("Subject", subject.encode()) in s["fields"]]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Rspamd:
    """Debian's rspamd as a milter: it knows the test patterns that every spam filter knows, and one rule. The fields
    X-Add, X-Drop and X-From of a message say what is to become of its envelope."""

    RULE = """
rspamd_config:register_symbol({ name = 'MOVED', type = 'postfilter', callback = function(task)
  local wanted = {}
  for key, name in pairs({ add_rcpt = 'X-Add', del_rcpt = 'X-Drop', change_from = 'X-From' }) do
    local value = task:get_header(name)
    if value then wanted[key] = key == 'change_from' and value or { value } end
  end
  if next(wanted) then task:set_milter_reply(wanted) end
end })
"""

    def __init__(self, port):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-rspamd-", dir="/tmp"))
        (self.folder / "tld.dat").write_text("com\norg\nexample\n")  # the list of all takes seconds to read
        (self.folder / "rule.lua").write_text(self.RULE)
        (self.folder / "rspamd.conf").write_text(
            f'lua = "{self.folder}/rule.lua"\n'
            f'options {{ url_tld = "{self.folder}/tld.dat"; temp_dir = "{self.folder}"; filters = ""; gtube_patterns = "all";'
            ' dns { nameserver = ["127.0.0.1:9"]; timeout = 100ms; } }\n'
            f'logging {{ type = "file"; filename = "{self.folder}/log"; level = "info"; }}\n'
            'actions { reject = 15; add_header = 6; greylist = 4; }\n'
            f'worker "rspamd_proxy" {{ bind_socket = "127.0.0.1:{port}"; milter = yes; timeout = 10s; count = 1;'
            ' upstream "local" { self_scan = yes; default = yes; } }\n')
        self.process = subprocess.Popen(["rspamd", "-i", "-f", "-c", self.folder / "rspamd.conf"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self.port = port

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")
            return False

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Opendkim:
    """Debian's opendkim as a milter: checks signatures by keys that it is given {name: text}, and signs with the RSA
    key `pem` for `domain` (selector "rsa"). It writes what it found as "opendkim.test"."""

    def __init__(self, published, pem, domain):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-opendkim-", dir="/tmp"))
        (self.port,) = free_ports(1)
        self.address = f"inet:127.0.0.1:{self.port}"
        (self.folder / "keys").write_text("".join(f"{name} {text}\n" for name, text in published.items()))
        (self.folder / "key.pem").write_bytes(pem)
        (self.folder / "key.pem").chmod(0o600)
        (self.folder / "opendkim.conf").write_text(
            f"Mode sv\nSyslog no\nRequireSafeKeys no\nSocket inet:{self.port}@127.0.0.1\nTestPublicKeys {self.folder}/keys\n"
            f"Domain {domain}\nSelector rsa\nKeyFile {self.folder}/key.pem\nInternalHosts 127.0.0.1\n"
            "Canonicalization simple/simple\nAlwaysAddARHeader yes\nAuthservID opendkim.test\nOn-DNSError tempfail\n")
        self.process = subprocess.Popen(["opendkim", "-f", "-x", self.folder / "opendkim.conf"])

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Clamav:
    """Debian's clamd and clamav-milter, as tools/neighbours unpacked them, on sockets in a folder of their own. All they
    know is one virus, whose `octets` are given: the lists of the project, and what fetches them, are not there."""

    ROOT = pathlib.Path(__file__).resolve().parents[2] / "build/neighbours/clamav"

    def __init__(self, virus, octets):
        assert (self.ROOT / "version").exists(), "no clamav here: tools/neighbours fetches it"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-clamav-", dir="/tmp"))
        self.folder.chmod(0o755)  # the server is nobody in particular
        self.socket, asked = self.folder / "milter.ctl", self.folder / "clamd.ctl"
        (self.folder / "known").mkdir()
        (self.folder / "known/own.ndb").write_text(f"{virus}:0:*:{octets.hex()}\n")  # of any file, anywhere in it
        (self.folder / "clamd.conf").write_text(
            f"Foreground yes\nDatabaseDirectory {self.folder}/known\nLocalSocket {asked}\n"
            f"TemporaryDirectory {self.folder}\nMaxThreads 2\n")
        (self.folder / "milter.conf").write_text(
            f"Foreground yes\nClamdSocket unix:{asked}\nMilterSocket unix:{self.socket}\nMilterSocketMode 666\n"
            f"TemporaryDirectory {self.folder}\nOnInfected Reject\nRejectMsg Infected by %v\nAddHeader Replace\n")
        self.processes = []
        try:  # in this order: the milter refuses mail for some time if clamd was not there when it began
            self._start("clamd", asked)
            self._start("clamav-milter", self.socket)
        except BaseException:
            self.close()
            raise

    def _start(self, program, place):
        """Returns when it listens."""
        libraries = ":".join(sorted({str(p.parent) for p in (self.ROOT / "usr/lib").rglob("lib*.so.*")}))
        conf = {"clamd": "clamd.conf", "clamav-milter": "milter.conf"}[program]
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen([self.ROOT / "usr/sbin" / program, "-c", self.folder / conf], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, env=os.environ | {"LD_LIBRARY_PATH": libraries})
        self.processes.append(process)
        wait_until(lambda: self._listens(process, place), 60, f"{program}, ready")

    def _listens(self, process, place):
        assert process.poll() is None, (self.folder / "log").read_text(errors="replace")
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(place))
                return True
            except OSError:
                return False

    def stop(self):
        """Both, at once: asked kindly, the milter looks up every five seconds. The folder stays."""
        while self.processes:
            process = self.processes.pop()
            process.kill()
            process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
