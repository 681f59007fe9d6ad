# SPDX-License-Identifier: Apache-2.0
"""HEAD on every operation that GET has (RFC 9110 section 9.3.2): the head and no body, and what comes
next on the connection is the answer to the next request."""
import socket
import urllib.parse

import pytest

import mail
from api_client import Api
from cases import OPERATIONS
from support import all_of

GETS = [op for op in OPERATIONS if op.method == "GET"]
NEXT = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def program(heronry):
    """A token that may read everything, and ids of things that are there."""
    user = heronry.user(1)
    mail.append(heronry, user, mail.make("for HEAD"))
    api = Api.signed_in(heronry, user)
    one = api.get("/messages").json["items"][0]
    ids = {"messageId": one["id"], "threadId": one["threadId"], "mailboxId": one["mailboxIds"][0], "partId": "1",
           "domain": heronry.domain, "accountId": user["address"], "address": user["address"]}
    return api.with_token("account:read", "mail:read", "admin:read").token, ids


def ask(op, secret, ids):
    """The request as octets, right in form."""
    asked = op.request(**ids)
    query = urllib.parse.urlencode(asked["query"])
    fields = {"Host": "localhost", "Authorization": f"Bearer {secret}"} | asked["headers"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HEAD {asked['path']}{'?' if query else ''}{query} HTTP/1.1\r\n{lines}\r\n".encode()


@pytest.mark.parametrize("op", GETS, ids=lambda op: op.id)
def test_head_has_no_body(op, heronry, program):
    with socket.create_connection(("localhost", heronry.ports["https"]), timeout=60) as plain:
        with heronry.tls().wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(ask(op, *program) + NEXT)
            whole = all_of(tls)
    head, _, rest = whole.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ") and not head.startswith(b"HTTP/1.1 5"), head
    assert rest.startswith(b"HTTP/1.1 200 ") and rest.endswith(b"}"), whole
