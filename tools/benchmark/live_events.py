# SPDX-License-Identifier: Apache-2.0
"""Event streams of a running Heronry: how long after a message is committed the browsers of its
account are told, while thousands of streams of many accounts are open."""
import contextlib
import resource
import select
import socket
import smtplib
import statistics
import time

from . import common, mail_api, ours

ACCOUNTS = 20
MESSAGES = 60   # a round, one after the other to all accounts
PAUSE_S = 0.05
MAIL = "From: sender@example.net\r\nSubject: Hello\r\n\r\nA short text.\r\n"


class Server:
    """Heronry with `count` open streams in one process, as many of each account."""

    name = "Heronry"

    def __init__(self, folder, count):
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        self.people = common.users(ACCOUNTS)
        settings = ("limits.http_per_ip=100000", "limits.api_token_per_minute=10000000",
                    "limits.api_anonymous_per_minute=10000000", "workers.front=1")
        self.server = ours.Heronry(folder, self.people, settings)
        self.epoll = select.epoll()
        self.streams = {}
        self.each = count // ACCOUNTS
        self.before_kb = self.server.rss_kb()
        try:
            for user in self.people:
                self.open_streams(mail_api.make_token(self.server.facts, user))
            self.read_all(len(self.streams), b"retry:")
        except BaseException:
            self.stop()
            raise

    def open_streams(self, token):
        ask = (f"GET /api/v1/events?types=mail HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n").encode()
        for _ in range(self.each):
            stream = socket.create_connection(("127.0.0.1", self.server.facts["ports"]["http"]))
            stream.sendall(ask)
            stream.setblocking(False)
            self.streams[stream.fileno()] = stream
            self.epoll.register(stream, select.EPOLLIN)

    def read_all(self, wanted, mark):
        """Reads until so many streams have shown the mark; gives when each did."""
        times = []
        while len(times) < wanted:
            ready = self.epoll.poll(20)
            if not ready:
                raise SystemExit(f"{len(times)} of {wanted} event streams were heard")
            for number, _ in ready:
                octets = self.streams[number].recv(65536)
                if not octets:
                    raise SystemExit("an event stream ended")
                if mark in octets:
                    times.append(time.monotonic())
        return times

    def measure(self):
        """Milliseconds until a stream hears: from the end of DATA, so with the commit, and from the
        answer that says that it is committed."""
        since_data, since_answer = [], []
        with smtplib.SMTP("127.0.0.1", self.server.smtp) as smtp:
            smtp.ehlo("bench.example")
            for number in range(MESSAGES):
                smtp.mail("sender@example.net")
                smtp.rcpt(self.people[number % ACCOUNTS][0])
                smtp.docmd("DATA")
                began = time.monotonic()
                smtp.send(MAIL + ".\r\n")
                if smtp.getreply()[0] != 250:
                    raise SystemExit("a message was not taken")
                answered = time.monotonic()
                heard = self.read_all(self.each, b"event: change")
                since_data += [(at - began) * 1000 for at in heard]
                since_answer += [max(0.0, at - answered) * 1000 for at in heard]
                time.sleep(PAUSE_S)
        held_kb = self.server.rss_kb() - self.before_kb
        return {"kb_each": held_kb / len(self.streams), "data_p50": statistics.median(since_data),
                "commit_p50": statistics.median(since_answer),
                "commit_p99": sorted(since_answer)[len(since_answer) * 99 // 100]}

    def stop(self):
        for stream in self.streams.values():
            with contextlib.suppress(OSError):
                stream.close()
        self.server.stop()
