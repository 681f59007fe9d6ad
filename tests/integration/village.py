# SPDX-License-Identifier: Apache-2.0
"""Our server, whose mail is signed, among other people's mail servers and filters (neighbours.py): made once in a run."""
import base64
import pathlib
import re
import shutil
import tempfile

from certificates import Certificate
from conftest import Instance, free_ports, wait_until
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from demo.server import STANDARD_PORTS
from milters import Opendkim
from neighbours import KINDS, Postfix, records
from outbound import ABOVE, DOMAIN, Zone
from smtp_raw import fetch_all

WAIT = 150
BODY = ".\r\n..\r\nGrüße  aus Köln \r\n" + "x" * 990 + "\r\n.MAIL FROM:<a@b>\r\n" + "all work\r\n" * 10000


def txt(text):
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


class Keys:
    """Of a neighbour that signs: as files of python3-dkim, and as records."""

    def __init__(self):
        raw, form = serialization.Encoding.Raw, serialization.PublicFormat.SubjectPublicKeyInfo
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ed = ed25519.Ed25519PrivateKey.generate()
        self.pem = self.rsa.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                          serialization.NoEncryption())
        self.seed = base64.b64encode(self.ed.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()))
        self.records = {
            "rsa": "v=DKIM1; k=rsa; p=" + base64.b64encode(self.rsa.public_key().public_bytes(serialization.Encoding.DER, form)).decode(),
            "ed": "v=DKIM1; k=ed25519; p=" + base64.b64encode(self.ed.public_key().public_bytes(raw, serialization.PublicFormat.Raw)).decode()}

    def lines(self, domain):
        return [f"{selector}._domainkey.{domain} TXT {txt(text)}" for selector, text in self.records.items()]


class Village:
    """One worker takes mail, so that what it does is known. Loopback is not local: who sends has to prove it. Of `kinds`
    there is a neighbour each; they are one for all runs of tests, which wait for each other."""

    def __init__(self, kinds=KINDS):
        self.folder = folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-certificates-", dir="/tmp"))
        folder.chmod(0o755)  # for the user that Heronry becomes
        (self.port,) = free_ports(1)
        self.keys = Keys()
        self.zone = Zone([*records(), *self.keys.lines("postfix"), *self.keys.lines("python")])
        authority = Certificate(folder, "authority")
        names = [f"{mx}.{k.name()}.{DOMAIN}" for k in KINDS for mx in ("mx", "mx-bare")]
        certificate = Certificate(folder, "neighbours", names, authority)
        self.server = Instance(kinds=[*STANDARD_PORTS, "lmtp"], settings={
            "workers.front": 1, "delivery.port": self.port, "delivery.time_divisor": 1000, "delivery.delay_notice": "40h", "delivery.allow_private": "true",
            "delivery.ca_file": str(authority.chain), "dns.validate": "false", "dns.stub_zone": ABOVE,
            "dns.stub_server": self.zone.server, "security.local_networks": "[192.0.2.0/24]",
            "greylisting.enabled": "false", "lmtp.networks": "[127.0.0.1]", "delivery.on_tls_failure": "fallback"}).up()
        self.server.cli("dkim", "generate", self.server.domain)
        self.user = self.server.user(2)
        self.opendkim = Opendkim(self.published(), self.keys.pem, f"postfix.{DOMAIN}")
        self.neighbours = {k.name(): k(self.server, certificate, self.port, milter=self.opendkim.address if k is Postfix else "")
                           for k in kinds}
        for one in self.neighbours.values():
            wait_until(one.listens, WAIT, f"{one.name()} at its ports")

    def published(self):
        """Name -> text of our own keys."""
        lines = self.server.cli("dkim", "dns", self.server.domain).stdout.splitlines()
        found = [re.fullmatch(r"(\S+)\. IN TXT \((.*)\)", line).groups() for line in lines]
        return {name: "".join(re.findall(r'"([^"]*)"', strings)) for name, strings in found}

    def submit(self, recipients, subject, sender=None, options=("BODY=8BITMIME",), rcpt_options=()):
        text = (f"From: <{self.user['address']}>\r\nTo: {', '.join(recipients)}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
                f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{BODY}")
        with self.server.smtp("submission", login=self.user) as client:
            client.sendmail(sender or self.user["address"], recipients, text.encode(), options, rcpt_options)

    def inbox(self, user, wanted):
        """Messages that have all of these texts."""
        return wait_until(lambda: [m for m in fetch_all(self.server, user) if all(w in m for w in wanted)], WAIT,
                          f"a mail with {wanted}")

    def close(self):
        for one in self.neighbours.values():
            one.process.terminate()
        for one in self.neighbours.values():
            one.close()
        self.opendkim.close()
        self.server.remove()
        self.zone.close()
        shutil.rmtree(self.folder)
