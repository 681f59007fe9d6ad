# SPDX-License-Identifier: Apache-2.0
"""Puts mail into mailboxes of a test server by IMAP, fast: many APPENDs in flight on a few connections."""
import concurrent.futures
import email.utils
import imaplib
import re
import socket

IN_FLIGHT = 100
CONNECTIONS = 6


def _append(server, user, messages, mailbox):
    with server.tls().wrap_socket(socket.create_connection(("localhost", server.ports["imaps"]), 120),
                                  server_hostname="localhost") as link:
        answers = link.makefile("rb")

        def until(tag):
            for line in answers:
                if line.startswith(tag):
                    assert line.startswith(tag + b" OK"), line
                    return
            raise AssertionError("the server closed the connection")

        answers.readline()
        link.sendall(f"in LOGIN {user['address']} {user['password']}\r\n".encode())
        until(b"in")
        for first in range(0, len(messages), IN_FLIGHT):
            part = messages[first:first + IN_FLIGHT]
            link.sendall(b"".join(b"m%d APPEND %s %s{%d+}\r\n%s\r\n" % (i, mailbox.encode(), arrival(one), len(one), one)
                                  for i, one in enumerate(part)))
            for i in range(len(part)):
                until(b"m%d" % i)


def arrival(message):
    """The field Date as the time when the message came; nothing when it has none that can be read."""
    found = re.search(rb"^Date: (.+?)\r?$", message, re.M)
    try:
        when = email.utils.parsedate_to_datetime(found[1].decode())
    except (TypeError, ValueError):
        return b""
    return imaplib.Time2Internaldate(when).encode() + b" "


def fill(server, user, messages, mailbox="INBOX"):
    """Appends messages (octets, lines may end by LF alone) in about their order."""
    whole = [re.sub(rb"\r?\n", b"\r\n", one) for one in messages]
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        size = max(1, -(-len(whole) // CONNECTIONS))
        jobs = [pool.submit(_append, server, user, whole[i:i + size], mailbox) for i in range(0, len(whole), size)]
        for job in jobs:
            job.result()


def conversations(number):
    """As many messages without relation to each other, "Conversation 1 of ..." the oldest."""
    for i in range(1, number + 1):
        minute, hour, day = i % 60, i // 60 % 24, 1 + i // 1440
        yield (f"From: Collector {i % 50} <c{i % 50}@example.net>\nTo: <many@example.test>\n"
               f"Subject: Conversation {i} of many\nMessage-ID: <many{i}@example.net>\n"
               f"Date: {day:02} Nov 2026 {hour:02}:{minute:02}:00 +0000\n\nText of {i}.\n").encode()
