# SPDX-License-Identifier: Apache-2.0
"""The way in by HTTP on the whole server: framing, certificates, clients that die, the end, the log.
What a request means is in test_api_*; how each octet is taken, in tests/unit/http."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import time

import pytest

from api_client import Api
from conftest import wait_until
from smtp_raw import send_message
from support import all_of, leads_to
from test_supervisor import make_certificate

SMUGGLED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
ATTACKS = {
    "two lengths": b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 44\r\n\r\nx",
    "length and chunks": b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"POST /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a folded line": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: y\r\n z\r\n\r\n",
    "bare line feeds": b"GET /health HTTP/1.1\nHost: localhost\n\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
}


@contextlib.contextmanager
def connection(server, kind):
    """A connection to the port, with TLS where it has it."""
    with socket.create_connection(("127.0.0.1", server.ports[kind]), timeout=60) as plain:
        if kind == "http":
            yield plain
            return
        with server.tls().wrap_socket(plain, server_hostname="localhost") as secure:
            yield secure


def ask_health(client):
    """A request on a connection that stays open."""
    client.sendall(SMUGGLED)
    got = b""
    while not got.endswith(b"}"):
        octets = client.recv(65536)
        assert octets, got
        got += octets
    assert got.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("kind", ["http", "https"])
@pytest.mark.parametrize("name", ATTACKS)
def test_unclear_framing_is_refused(heronry, name, kind):
    with connection(heronry, kind) as client:
        client.sendall(ATTACKS[name] + SMUGGLED)
        got = all_of(client)
    assert got.startswith(b"HTTP/1.1 400 ") and got.count(b"HTTP/1.1 ") == 1


def test_a_body_ends_its_connection(heronry):
    with connection(heronry, "https") as client:
        client.sendall(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}" + SMUGGLED)
        got = all_of(client)
    assert got.count(b"HTTP/1.1 ") == 1 and b"connection: close" in got.lower()


def test_only_http_1_1_is_agreed_to(heronry):
    context = heronry.tls()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", heronry.ports["https"]), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            assert secure.selected_alpn_protocol() == "http/1.1" and secure.version() in ("TLSv1.2", "TLSv1.3")
    context.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", heronry.ports["https"]), timeout=60) as plain:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="localhost")


def certificate_of(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.ports["https"]), timeout=60) as plain:
        with context.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True)


def test_certificates_are_read_again_without_a_restart(heronry_factory):
    server = heronry_factory(start=False, users=[("user1", True)])
    cert, key = make_certificate(server.folder, "first.example")
    server.settings["tls.certificates"] = f'[{{ cert: "{cert}", key: "{key}" }}]'
    server.__class__ = type("Own", (server.__class__,), {"tls_ca": property(lambda self: cert)})
    server.up()
    pids, first = server.pids(), certificate_of(server)
    with connection(server, "https") as client:
        ask_health(client)
        for new, old in zip(make_certificate(server.folder, "second.example"), (cert, key)):
            new.replace(old)
        os.kill(pids["supervisor"], signal.SIGHUP)
        wait_until(lambda: all(certificate_of(server) != first for _ in range(8)), 60, "the new certificate")
        ask_health(client)  # what was open stays open
    assert server.pids() == pids


def open_files(server):
    """Those of the workers but for their connections to PostgreSQL and Redis, which are made when there is a need of more."""
    pids = [pid for name, pid in server.pids().items() if name not in ("supervisor", "postgres", "redis")]
    near = {f"socket:[{line.split()[6]}]" for line in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]}
    held = [leads_to(fd) for pid in pids for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    return sum(one is not None and one not in near for one in held)


def test_clients_that_die_leave_nothing(heronry):
    user = heronry.new_user()
    api = Api(heronry)
    api.sign_in(user)
    cookie = f"Cookie: __Host-heronry={api.cookie}\r\n".encode()
    acts = [b"GET /api/v1/bootstrap HTTP/1.1\r\nHost: localhost\r\n" + cookie + b"\r\n",
            b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n" + cookie + b"\r\n",
            b"GET /api/v1/search?q=word HTTP/1.1\r\nHost: localhost\r\n" + cookie + b"\r\n",
            b"POST /api/v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n" + cookie + b"\r\nhalf",
            b"GET /api/v1/me HTTP/1.1\r\nHos"]
    pids, before = heronry.pids(), open_files(heronry)
    for number in range(100):
        with connection(heronry, "https") as client:
            client.sendall(acts[number % len(acts)])
            time.sleep(number % 7 / 100)
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: open_files(heronry) <= before + 20, 60, "the descriptors to be given back")
    assert heronry.pids() == pids
    api.get("/bootstrap")


def test_the_end_comes_soon_with_streams_and_idle_clients(heronry_factory):
    server = heronry_factory()
    api = Api(server)
    api.sign_in(server.user())
    ask = f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nCookie: __Host-heronry={api.cookie}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(connection(server, "https")) for _ in range(10)]
        idle = [stack.enter_context(connection(server, "https")) for _ in range(10)]
        for client in streams:
            client.sendall(ask)
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        for client in idle:
            ask_health(client)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 55
        for client in streams:
            assert all_of(client).endswith(b"0\r\n\r\n")
        for client in idle:
            assert all_of(client) == b""


def test_only_our_names_are_answered(heronry):
    """ATTACKS A11: 421 for a foreign name, from the API, the apps and the way to https."""
    for path in ("/health", "/", "/admin/", "/api/v1/openapi.json"):
        for host in ("localhost", "127.0.0.1", "evil.example", "localhost.evil.example"):
            with connection(heronry, "http") as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: localhost\r\n"
                               f"Connection: close\r\n\r\n".encode())
                status = int(all_of(client)[9:12])
                assert (status == 421) == ("evil" in host) and status < 500, (path, host, status)


def test_metrics_are_those_of_all_processes(heronry):
    """FEATURES 297: whoever answers, what all workers counted is there."""
    user = heronry.new_user()
    admin = Api.signed_in(heronry, heronry.user(1))

    def received():
        text = admin.get("/metrics").text
        return int(re.search(r"^mailserver_messages_received_total (\d+)$", text, re.M)[1])

    before = received()
    for _ in range(12):
        assert send_message(heronry.ports["smtp"], [user["address"]], b"Subject: x\r\n\r\nx\r\n")[0] == 250
    assert [received() for _ in range(4)] == [before + 12] * 4


def test_the_log_tells_requests_and_no_secrets(heronry):
    with connection(heronry, "https") as client:
        client.sendall(b"GET /api/v1/search?q=canary-in-query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                       b"Authorization: Bearer canary-token\r\nCookie: a=canary-cookie\r\n\r\n")
        got = all_of(client).decode()
    request_id = next(l.split(": ")[1] for l in got.split("\r\n") if l.lower().startswith("x-request-id"))
    wait_until(lambda: request_id in heronry.log(), 60, "the line of the request")
    line = next(l for l in heronry.log().splitlines() if request_id in l and "http_request" in l)
    assert "path=/api/v1/search" in line and "status=401" in line and "method=GET" in line
    assert "canary" not in heronry.log()
