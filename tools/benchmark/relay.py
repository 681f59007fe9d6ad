# SPDX-License-Identifier: Apache-2.0
"""Mail of our own people to others: submitted with a login over STARTTLS, signed, handed to one smtp-sink
without TLS. Heronry signs each mail by RSA and Ed25519, opendkim by RSA; no mail of either needs the DNS."""
import pathlib
import subprocess
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from . import common, ours
from .milter_peer import MilterPeer

REMOTE = "remote.example"
DOMAINS = 20
SELECTOR = "bench"

SIGNING = """\
Mode s
Domain """ + common.DOMAIN + """
Selector """ + SELECTOR + """
KeyFile {folder}/signing.pem
RequireSafeKeys no
Canonicalization relaxed/relaxed
InternalHosts 127.0.0.1
OversignHeaders From
"""

SUBMISSION = """\
127.0.0.1:{port} inet n - n - - smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path={folder}/auth
  -o smtpd_tls_security_level=encrypt
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""

DOVECOT_AUTH = """\
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
"""


class Sink:
    """Debian's smtp-sink, which ends by itself when it has so many mails."""

    def __init__(self, port, count, keep=None):
        words = ["smtp-sink", "-u", "nobody", "-M", str(count), *(["-D", str(keep / "mails")] if keep else []), f"127.0.0.1:{port}", "200"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        common.wait_for_port(port)

    def wait(self, seconds=600):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise SystemExit("not all mails have come to the sink") from None
        return time.monotonic()


class RelayingHeronry(ours.Heronry):
    def __init__(self, folder, users, sink_port):
        super().__init__(folder, users, ("delivery.allow_private=true",))
        self.submission = self.server.ports["submission"]
        self.server.cli("dkim", "generate", common.DOMAIN)
        self.server.cli("transport", "set", "*", f"127.0.0.1:{sink_port}", "--tls", "may")


class RelayingPeer(MilterPeer):
    name = "Postfix + opendkim"

    def __init__(self, folder, users, sink_port):
        folder = pathlib.Path(folder)
        self.submission = common.free_port()
        self.services = SUBMISSION.format(port=self.submission, folder=folder)
        self.dovecot = DOVECOT_AUTH.format(folder=folder)
        self.more = f"relayhost = [127.0.0.1]:{sink_port}\nsmtp_tls_security_level = none\n"
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                serialization.NoEncryption())
        super().__init__(folder, users, SIGNING, {"signing.pem": pem.decode()})


def make_mails(folder, users):
    return common.make_mails(folder, senders=[address for address, _ in users])


def must_be_signed(server, kept):
    """The mails that the sink kept in the folder have a signature of the domain."""
    found = b"".join(path.read_bytes() for path in kept.iterdir())
    if b"DKIM-Signature:" not in found or b"d=" + common.DOMAIN.encode() not in found:
        raise SystemExit(f"{server.name} did not sign")


def run(server, loadgen, folder, mails, sink_port, count, keep=None):
    """Submits `count` mails over 20 sessions; gives mails a second from the first MAIL until the sink has
    the last one, and processor time."""
    listing = folder / "relay-users"
    listing.write_text("".join(f"{u} {p}\n" for u, p in server.users))
    sink = Sink(sink_port, count, keep)
    with subprocess.Popen([loadgen, "submit", "--smtp", str(server.submission), "--starttls", "--users", listing, "--mails", mails,
                           "--sessions", "20", "--count", str(count), "--domain", REMOTE, "--domains", str(DOMAINS)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        if load.stdout.readline() != "open\n":
            raise SystemExit(f"{server.name}: not all sessions could log in")
        before, began = common.cpu_seconds(server.roots()), time.monotonic()
        load.stdin.write("\n")
        load.stdin.flush()
        ended = sink.wait()
        after = common.cpu_seconds(server.roots())
        load.stdin.close()
        if load.wait() != 0:
            raise SystemExit(f"{server.name}: not all mails were taken")
    return {"per_s": count / (ended - began), "cpu_ms": (after - before) * 1000 / count}
