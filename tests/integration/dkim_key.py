# SPDX-License-Identifier: Apache-2.0
"""A DKIM key, its record, and signatures by another implementation (python3-dkim)."""
import base64

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from outbound import DOMAIN

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                        serialization.NoEncryption())
PUBLIC = base64.b64encode(KEY.public_key().public_bytes(serialization.Encoding.DER,
                                                        serialization.PublicFormat.SubjectPublicKeyInfo)).decode()


def txt(text):
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


def key_record(name):
    """For the zone of the tests: the key of selector s1."""
    return f's1._domainkey.{name} TXT {txt("v=DKIM1; k=rsa; p=" + PUBLIC)}'


def signed(message, domain, selector="s1"):
    return dkim.sign(message, selector.encode(), f"{domain}.{DOMAIN}".encode(), PEM, include_headers=[b"from", b"subject"]) + message
