# SPDX-License-Identifier: Apache-2.0
"""The listener for monitoring (ATTACKS A23, FEATURES 296): figures without a token, for the networks
that are named, and nothing else. What the public listeners say of figures is in test_http and tests/api."""
import contextlib
import http.client
import imaplib
import re
import socket

import pytest

from conftest import Instance, wait_until
from demo.server import STANDARD_PORTS
from smtp_raw import send_message

SECRETS = ("canary-subject", "canary-user", "sender@example.org", "example.test", "127.0.0.1")


@pytest.fixture(scope="module")
def server():
    instance = Instance(kinds=[*STANDARD_PORTS, "metrics"], users=[("user1", False)],
                        settings={"metrics.networks": "[127.0.0.1, 127.0.1.0/24]", "limits.http_per_ip": 8})
    try:
        yield instance.up()
    finally:
        instance.remove()


def ask(server, path, method="GET", kind="metrics", source="127.0.0.1", headers=None):
    """Status, header fields and text of an answer."""
    client = http.client.HTTPConnection("127.0.0.1", server.ports[kind], timeout=60, source_address=(source, 0))
    with contextlib.closing(client):
        client.request(method, path, headers={"Host": "prometheus.monitoring.svc", **(headers or {})})
        answer = client.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()


def test_figures_need_no_token(server):
    status, fields, text = ask(server, "/metrics")
    assert status == 200 and fields["content-type"].startswith("text/plain; version=0.0.4")
    assert "server" not in fields and "set-cookie" not in fields
    assert re.search(r"^mailserver_queue_depth \d+$", text, re.M)
    # A process that has just started may wait for its connections yet.
    wait_until(lambda: ask(server, "/health")[::2] == (200, '{"status":"ok"}'), what="good health")


def test_figures_name_nobody(server):
    message = b"Subject: canary-subject\r\nMessage-ID: <canary-id@example.org>\r\n\r\nx\r\n"
    assert send_message(server.ports["smtp"], [server.user(1)["address"]], message)[0] == 250
    with server.imap() as client, pytest.raises(imaplib.IMAP4.error):
        client.login("canary-user@example.test", "wrong")
    text = ask(server, "/metrics")[2]
    assert re.search(r"^mailserver_messages_received_total [1-9]", text, re.M)
    assert re.search(r'^mailserver_auth_attempts_total\{result="[a-z-]+",protocol="imap"\} [1-9]', text, re.M)
    assert not [secret for secret in SECRETS if secret in text]
    assert all(re.fullmatch(r'# .*|\w+(\{\w+="[\w.+-]*"(,\w+="[\w.+-]*")*\})? [\d.]+', line) for line in text.splitlines())


def test_only_networks_that_are_named(server):
    for path in ("/metrics", "/health", "/"):
        for source, allowed in (("127.0.0.1", True), ("127.0.1.9", True), ("127.0.0.2", False), ("127.0.2.1", False)):
            status, _, text = ask(server, path, source=source, headers={"X-Forwarded-For": "127.0.0.1"})
            assert (status != 403) == allowed, (path, source, status)
            assert allowed or "metrics.networks" in text


def test_there_is_nothing_else(server):
    for path in ("/", "/admin/", "/index.html", "/api/v1/openapi.json", "/api/v1/me", "/health/detailed", "/metrics/", "/metricsx"):
        assert ask(server, path)[0] == 404, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        status, fields, _ = ask(server, "/metrics", method)
        assert (status, fields["allow"]) == (405, "GET, HEAD")
    status, fields, text = ask(server, "/metrics", "HEAD")
    assert (status, text) == (200, "") and int(fields["content-length"]) > 1000
    with socket.create_connection(("127.0.0.1", server.ports["metrics"]), timeout=60) as client:
        client.sendall(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_public_listeners_want_a_token(server):
    headers = {"Host": "localhost"}
    assert ask(server, "/metrics", kind="http", headers=headers)[0] == 401
    assert ask(server, "/health", kind="http", headers=headers)[0] == 200


def test_a_full_public_listener_keeps_nobody_out(server):
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.ports["http"]), timeout=60))
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            for _ in range(10):
                ask(server, "/health", kind="http", headers={"Host": "localhost"})
        assert ask(server, "/metrics")[0] == 200
