# SPDX-License-Identifier: Apache-2.0
"""Passwords are guessed by one address (ATTACKS U2): its count is one for all protocols and processes."""
import poplib

import pytest

import imap_client


@pytest.fixture(scope="module")
def guarded():
    """By the day, too: a minute may be over before the last door was tried."""
    from conftest import Instance
    server = Instance(settings={"auth.per_ip_per_minute": 6, "auth.per_ip_per_day": 6, "security.local_networks": "[192.0.2.0/24]"})
    try:
        yield server.up()
    finally:
        server.remove()


def submission(server, user, password):
    """The answer to AUTH."""
    try:
        with server.smtp("submissions") as client:
            client.user, client.password = user["address"], password
            return client.auth("PLAIN", client.auth_plain)
    except OSError as fault:  # smtplib: SMTPAuthenticationError
        return fault.smtp_code, fault.smtp_error


def test_guesses_are_counted_over_all_doors(guarded):
    user = guarded.user(2)
    codes = []
    while 454 not in codes and len(codes) < 40:
        codes.append(submission(guarded, user, f"guess {len(codes)}")[0])
    assert set(codes) == {535, 454}, codes
    # From then on the right one is not even looked at, through whatever door.
    code, text = submission(guarded, user, user["password"])
    assert code == 454 and b"4.7.0" in text
    with imap_client.IMAP4_SSL("localhost", guarded.ports["imaps"], ssl_context=guarded.tls(), timeout=60) as client, \
            pytest.raises(imap_client.IMAP4.error) as refused:
        client.login(user["address"], user["password"])
    assert b"[UNAVAILABLE] Too many failures" in refused.value.args[0]
    client = poplib.POP3_SSL("localhost", guarded.ports["pop3s"], context=guarded.tls(), timeout=60)
    client.user(user["address"])
    with pytest.raises(poplib.error_proto) as pop:
        client.pass_(user["password"])
    assert b"[SYS/TEMP] Too many failures" in pop.value.args[0]
    client.close()
