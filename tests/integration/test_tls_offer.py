# SPDX-License-Identifier: Apache-2.0
"""PROMISES "TLS server": what of TLS 1.2 is offered, and what is not. The certificate is ECDSA's, so RSA
needs none to be refused."""
import socket
import ssl

import pytest

GOOD = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
BAD = ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384",
       "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-ARIA128-GCM-SHA256"]


def shake_hands(heronry, kind, ciphers):
    context = heronry.tls()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(ciphers) + ":@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", heronry.ports[kind]), timeout=60) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as tls:
        return tls.version(), tls.cipher()[0]


@pytest.mark.parametrize("kind", ["imaps", "submissions"])
def test_what_is_offered(heronry, kind):
    for cipher in GOOD:
        assert shake_hands(heronry, kind, [cipher]) == ("TLSv1.2", cipher)
    for cipher in BAD:
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            shake_hands(heronry, kind, [cipher])


def test_the_order_is_the_clients(heronry):
    for order in (GOOD, GOOD[::-1]):
        assert shake_hands(heronry, "imaps", order)[1] == order[0]
