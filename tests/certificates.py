# SPDX-License-Identifier: Apache-2.0
"""An authority of our own, and certificates of servers that it vouches for."""
import datetime
import hashlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Certificate:
    """For the `names`, by `issuer` (None: an authority that signs itself), valid up to `days` from now."""

    def __init__(self, folder, label, names=(), issuer=None, days=2):
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (x509.CertificateBuilder().subject_name(subject).public_key(self.key.public_key())
                   .issuer_name(issuer.own.subject if issuer else subject).serial_number(x509.random_serial_number())
                   .not_valid_before(now - 9 * DAY).not_valid_after(now + days * DAY)
                   .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        self.own = builder.sign(issuer.key if issuer else self.key, hashes.SHA256())
        self.chain = folder / f"{label}.pem"
        self.chain.write_bytes(b"".join(c.own.public_bytes(serialization.Encoding.PEM)
                                        for c in (self, issuer) if c))
        self.key_path = folder / f"{label}.key"
        self.key_path.write_bytes(self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                         serialization.NoEncryption()))

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key_path)
        return context

    def tlsa(self, usage, selector=1):
        """A record of RFC 6698 with the SHA-256 of the key (selector 1) or of the whole."""
        octets = (self.own.public_bytes(serialization.Encoding.DER) if selector == 0 else
                  self.key.public_key().public_bytes(serialization.Encoding.DER,
                                                     serialization.PublicFormat.SubjectPublicKeyInfo))
        return f"TLSA {usage} {selector} 1 {hashlib.sha256(octets).hexdigest()}"
