# SPDX-License-Identifier: Apache-2.0
"""PROMISES R15, ATTACKS S15 and I12: connections are counted over all workers of a machine, by address
and by network, and a worker that is killed takes its counts with it."""
import contextlib
import os
import signal
import socket

import pytest
from conftest import Instance, is_alive, wait_until
from imap_raw import Imap

PER_IP = 7
GUESTS = 12
GUESTS_PER_IP = 5
SESSIONS = 6


@pytest.fixture(scope="module")
def server(request):
    """Three workers that share each limit."""
    instance = Instance(settings={"workers.front": 3, "limits.smtp_per_ip": PER_IP,
                                  "limits.imap_before_login": GUESTS, "limits.imap_per_user_ip": SESSIONS,
                                  "limits.imap_before_login_per_ip": GUESTS_PER_IP})
    request.addfinalizer(instance.remove)
    return instance.up()


class Visitors(contextlib.AbstractContextManager):
    """Connections that are kept open until the end of the block."""

    def __init__(self, port):
        self.port = port
        self.open = []

    def come(self, address="127.0.0.1"):
        """Connects from the address; the first line that the server says, empty when it hangs up."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(address, 0))
        self.open.append(client)
        with client.makefile("rb") as stream:
            return stream.readline()

    def fill(self, addresses, wanted, welcome):
        """Comes from each address in turn until it is not welcome; how often it was."""
        for n, address in enumerate(addresses):
            said = self.come(address)
            if not said.startswith(welcome):
                assert n == wanted, (n, said)
                return said
        pytest.fail(f"{len(addresses)} were welcome")

    def leave(self):
        while self.open:
            self.open.pop().close()

    def __exit__(self, *error):
        self.leave()


def comes_again(port, welcome):
    """Whether a new connection is welcome."""
    with Visitors(port) as visitors:
        return visitors.come().startswith(welcome)


def fill_again(port, addresses, wanted, welcome):
    """Fills, as soon as those that left are forgotten."""
    wait_until(lambda: comes_again(port, welcome), what="room")
    refused = {}

    def is_exact():
        with Visitors(port) as visitors:
            said = [visitors.come(a) for a in addresses]
        refused["last"] = said[-1]
        return sum(s.startswith(welcome) for s in said) == wanted

    wait_until(is_exact, what=f"{wanted} connections")
    return refused["last"]


def test_smtp_of_one_address(server):
    with Visitors(server.ports["smtp"]) as visitors:
        said = visitors.fill(["127.0.0.1"] * 3 * PER_IP, PER_IP, b"220 ")
        assert said.startswith(b"421 4.7.0 ")
        assert visitors.come("127.0.5.1").startswith(b"220 ")
        # Another service of another port has its own count.
        with Visitors(server.ports["submission"]) as others:
            others.fill(["127.0.0.1"] * 3 * PER_IP, PER_IP, b"220 ")


def test_smtp_of_one_network(server):
    """Three times as many as of one address."""
    addresses = [f"127.0.7.{n}" for n in range(1, 3 * PER_IP + 2)]
    with Visitors(server.ports["smtp"]) as visitors:
        said = visitors.fill(addresses, 3 * PER_IP, b"220 ")
        assert said.startswith(b"421 4.7.0 ")
        assert visitors.come("127.0.8.1").startswith(b"220 ")


def test_a_killed_worker_leaves_no_counts(server):
    port = server.ports["smtp"]
    wait_until(lambda: comes_again(port, b"220 "), what="room")
    with Visitors(port) as visitors:
        for _ in range(PER_IP):
            visitors.come("127.0.9.1")
        assert visitors.come("127.0.9.1").startswith(b"421 ")
        fronts = {name: pid for name, pid in server.pids().items() if name.startswith("front")}
        assert len(fronts) == 3
        for pid in fronts.values():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(is_alive(pid) for pid in fronts.values()), what="their end")
        wait_until(lambda: all(is_alive(pid) and pid != fronts.get(name) for name, pid in server.pids().items()),
                   what="new workers")
        said = fill_again(port, ["127.0.9.1"] * (PER_IP + 1), PER_IP, b"220 ")
        assert said.startswith(b"421 ")


def test_imap_before_login(server):
    """Of one address, and of all."""
    port = server.ports["imap"]
    with Visitors(port) as visitors:
        said = visitors.fill(["127.0.0.1"] * 20, GUESTS_PER_IP, b"* OK ")
        assert said.startswith(b"* BYE [UNAVAILABLE]")
        strangers = [f"127.0.{n}.1" for n in range(20, 40)]
        said = visitors.fill(strangers, GUESTS - GUESTS_PER_IP, b"* OK ")
        assert said.startswith(b"* BYE [UNAVAILABLE]")
    fill_again(port, ["127.0.0.1"] * (GUESTS_PER_IP + 1), GUESTS_PER_IP, b"* OK ")


def test_imap_after_unauthenticate(server):
    """Who has logged out again counts for its address again; past the limit it is sent away."""
    with contextlib.ExitStack() as stack:
        again = stack.enter_context(Imap(server, server.user(2), source="127.5.0.1"))
        late = stack.enter_context(Imap(server, server.user(2), source="127.5.0.1"))
        guests = stack.enter_context(Visitors(server.ports["imap"]))
        for _ in range(GUESTS_PER_IP - 1):
            assert guests.come("127.5.0.1").startswith(b"* OK")
        again.must("UNAUTHENTICATE")
        assert guests.come("127.5.0.1").startswith(b"* BYE ")
        late.start("UNAUTHENTICATE")
        assert late.line().startswith(b"* BYE [UNAVAILABLE] ")


def test_imap_sessions_of_one_user(server):
    """Who has logged in is a guest no more, and counts for its user."""
    user = server.user(1)
    login = f'LOGIN "{user["address"]}" "{user["password"]}"'
    wait_until(lambda: comes_again(server.ports["imap"], b"* OK "), what="room")
    with contextlib.ExitStack() as stack:
        for _ in range(SESSIONS):
            stack.enter_context(Imap(server, user))
        one_more = stack.enter_context(Imap(server))
        assert b" NO [LIMIT]" in one_more.do(login)[-1]
        stack.enter_context(Imap(server, server.user(2)))
        victim = next(pid for name, pid in server.pids().items() if name.startswith("front"))
        os.kill(victim, signal.SIGKILL)
    sessions = []

    def come():
        """Logs in, one more session; the answer."""
        sessions.append(Imap(server))
        return sessions[-1].do(login)[-1]

    def is_exact():
        while sessions:
            sessions.pop().close()
        try:
            answers = [come() for _ in range(SESSIONS + 1)]
        except (OSError, EOFError):  # those who left are guests for a moment yet
            return False
        return [b" OK " in line for line in answers] == [True] * SESSIONS + [False]

    wait_until(is_exact, what="exactly the places of the user")
    while sessions:
        sessions.pop().close()
