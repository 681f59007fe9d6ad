# SPDX-License-Identifier: Apache-2.0
"""ATTACKS S5 and PROMISES R19: no command or reply survives STARTTLS."""
import base64
import contextlib
import imaplib
import ssl

import pytest
import imap_client
from smtp_raw import RawSmtp

INJECTED = b"STARTTLS\r\nMAIL FROM:<evil@remote.example>\r\nNOOP\r\n"


@pytest.mark.parametrize("kind", ["smtp", "submission"])
def test_injection_at_every_split(heronry, kind):
    """The rest is refused with STARTTLS, or breaks the handshake; it is never answered."""
    for cut in range(len(INJECTED)):
        with RawSmtp(heronry.ports[kind]) as smtp:
            smtp.hello()
            smtp.send(INJECTED, cut)
            code, text = smtp.reply()
            assert (code, text[4:9]) in ((501, b"5.5.4"), (220, b"2.0.0")), f"cut at {cut}: {text!r}"
            rest = smtp.rest()
            assert b"250" not in rest and b"503" not in rest, f"cut at {cut}: {rest!r}"


def upgrade(heronry, smtp):
    assert smtp.ask("STARTTLS")[0] == 220
    assert smtp.pending == b""
    smtp.sock = heronry.tls().wrap_socket(smtp.sock, server_hostname="localhost")


def test_state_begins_anew(heronry):
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.hello()
        upgrade(heronry, smtp)
        code, text = smtp.ask("MAIL FROM:<a@remote.example>")
        assert (code, text[4:9]) == (503, b"5.5.1")
        offered = smtp.hello()
        assert b"STARTTLS" not in offered
        assert smtp.ask("STARTTLS")[0] == 503


def test_login_needs_tls_and_ends_with_the_session(heronry):
    with RawSmtp(heronry.ports["submission"]) as smtp:
        assert b"AUTH" not in smtp.hello()
        assert smtp.ask("AUTH PLAIN AGEAYg==")[0] == 538
        upgrade(heronry, smtp)
        assert b" PLAIN " in smtp.hello()
        assert smtp.ask(f"MAIL FROM:<{heronry.user(1)['address']}>")[0] == 530


def exposed(heronry):
    return heronry.psql("SELECT object FROM audit_log WHERE action = 'auth.exposed' ORDER BY audit_id").splitlines()


def test_a_password_without_tls_is_written_down(heronry):
    """ATTACKS U1: whoever sends it all the same has told it to the network; the audit says who. A name that is
    none may be a password in the wrong place."""
    user = heronry.user(1)["address"]
    response = base64.b64encode(f"\0{user}\0some password".encode()).decode()
    with RawSmtp(heronry.ports["submission"]) as smtp:
        smtp.hello()
        before = len(exposed(heronry))
        assert smtp.ask(f"AUTH PLAIN {response}")[0] == 538
        assert exposed(heronry)[before:] == [user]
        assert smtp.ask("AUTH PLAIN")[0] == 538
        assert smtp.ask("AUTH PLAIN " + base64.b64encode(b"\0hunter2\0hunter2").decode())[0] == 538
        assert exposed(heronry)[before:] == [user, "(unknown)"]
    with imap_client.IMAP4("127.0.0.1", heronry.ports["imap"], timeout=60) as imap:
        before = len(exposed(heronry))
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            imap.login(user, "some password")
        assert exposed(heronry)[before:] == [user]
        # Three are the end, as of failed logins: nobody fills the audit.
        imap.send(b"a AUTHENTICATE PLAIN\r\nb AUTHENTICATE PLAIN " + response.encode() + b"\r\nc NOOP\r\n")
        lines = [imap.readline() for _ in range(3)]
        assert [line[:19] for line in lines] == [b"a NO [PRIVACYREQUIR", b"b NO [PRIVACYREQUIR", b"* BYE Too many bad "]
        assert exposed(heronry)[before:] == [user, user]
        imap.state = "LOGOUT"


@pytest.mark.parametrize("garbage", [b"EHLO plain.example\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 100])
def test_failed_handshake_ends_the_connection(heronry, garbage):
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.hello()
        assert smtp.ask("STARTTLS")[0] == 220
        with contextlib.suppress(OSError):  # it may be closed already
            smtp.send(garbage)
            smtp.sock.shutdown(1)
        assert not smtp.rest().startswith(b"250")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(heronry):
    context = heronry.tls()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.hello()
        assert smtp.ask("STARTTLS")[0] == 220
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(smtp.sock, server_hostname="localhost")
