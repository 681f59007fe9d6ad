# SPDX-License-Identifier: Apache-2.0
"""Mail from a domain that publishes SPF, DKIM and DMARC: a real nsd serves the records, python3-dkim
signs the mails. Ours asks that nsd and checks all three. The peer checks DKIM by opendkim, and has the key
in a file: its ways to another DNS server read a configuration in several threads at once, and fail."""
import base64
import pathlib
import sys

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from . import common, ours
from .mail_client import Imap
from .milter_peer import MilterPeer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/integration"))
from outbound import ABOVE, DOMAIN, Zone  # noqa: E402

SELECTOR = "s1"
# Loopback is nobody's own network here: who sends has to prove it.
OUTSIDE = "192.0.2.0/24"

CHECKING = """\
Mode v
InternalHosts {folder}/inside
PeerList {folder}/inside
ExternalIgnoreList {folder}/inside
TestPublicKeys {folder}/keys
AlwaysAddARHeader yes
AuthservID peer.example
On-DNSError tempfail
"""


def txt(text):
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


class World:
    """The sending domain: its zone, and mails that it signed."""

    def __init__(self, folder):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                     serialization.NoEncryption())
        public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
        self.zone = Zone([
            "@ 3600 A 127.0.0.1", f'@ 3600 TXT {txt("v=spf1 ip4:127.0.0.0/8 -all")}',
            f'_dmarc 3600 TXT {txt("v=DMARC1; p=reject")}',
            f"{SELECTOR}._domainkey 3600 TXT {txt(record)}"])
        self.key = f"{SELECTOR}._domainkey.{DOMAIN} {record}\n"
        self.mails = common.make_mails(pathlib.Path(folder) / "signed", domain=DOMAIN)
        for name in self.mails.read_text().splitlines():
            self._sign(pathlib.Path(name))

    def _sign(self, path):
        mail = path.read_bytes().removesuffix(b".\r\n")
        head = dkim.sign(mail, SELECTOR.encode(), DOMAIN.encode(), self.pem, canonicalize=(b"relaxed", b"relaxed"))
        path.write_bytes(head + mail + b".\r\n")

    def heronry(self, folder, users):
        return ProvingHeronry(folder, users, (f"dns.stub_zone={ABOVE}", f"dns.stub_server={self.zone.server}",
                                              "dns.validate=false", f"security.local_networks=[{OUTSIDE}]",
                                              "greylisting.enabled=false", "limits.smtp_messages_per_minute=1000000",
                                              "limits.smtp_recipients_per_minute=1000000"))

    def peer(self, folder, users):
        return ProvingPeer(folder, users, self.key)

    @staticmethod
    def must_be_proven(server):
        """Both have checked what they took in."""
        client = Imap(server.imaps, server.users[0])
        client.must("SELECT INBOX")
        for passed in server.proofs:
            if b"SEARCH 1" not in client.must(f'SEARCH 1 HEADER Authentication-Results "{passed}"'):
                raise SystemExit(f"{server.name} did not find {passed}")
        client.close()

    def close(self):
        self.zone.close()


class ProvingHeronry(ours.Heronry):
    proofs = ("spf=pass", "dkim=pass", "dmarc=pass")


class ProvingPeer(MilterPeer):
    """Postfix with opendkim as a milter, and Dovecot."""

    name = "Postfix + opendkim + Dovecot"
    proofs = ("dkim=pass",)

    def __init__(self, folder, users, key):
        super().__init__(folder, users, CHECKING, {"inside": OUTSIDE + "\n", "keys": key})
