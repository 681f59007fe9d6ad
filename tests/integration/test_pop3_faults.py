# SPDX-License-Identifier: Apache-2.0
"""POP3 while PostgreSQL is away (PROMISES R6), on a frontend that is told to end, and behind a load
balancer."""
import os
import poplib
import signal
import socket
import time

import pytest

import imap_raw
import outside
from conftest import SOON_S, Instance, wait_until

BALANCER = "127.0.0.2"


@pytest.fixture(scope="module")
def postgres():
    cluster = outside.Postgres()
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def server(postgres):
    made = Instance(settings={"database.url": postgres.url, "proxy_protocol.trusted_networks": f"[{BALANCER}/32]"})
    try:
        yield made.up()
    finally:
        made.remove()


def mail(number):
    return f"Subject: number {number}\r\n\r\nbody {number}\r\n".encode()


@pytest.fixture
def user(server):
    """An account with three messages."""
    made = server.new_user()
    with imap_raw.Imap(server, made) as client:
        for number in range(1, 4):
            client.append("INBOX", mail(number))
    return made


def reconnect(server, user):
    """The session before gives its lock back a moment later; one that could not leaves a lease."""
    def attempt():
        try:
            return server.pop3(user)
        except (poplib.error_proto, OSError):
            return None
    return wait_until(attempt, 60, "a login")


def body(client, number):
    return b"".join(line + b"\r\n" for line in client.retr(number)[1])


def refused_later(call, *args):
    """The command is answered "later", and soon."""
    began = time.monotonic()
    with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\]"):
        call(*args)
    assert time.monotonic() - began < SOON_S


def test_the_database_goes_and_comes_back(server, postgres, user):
    other = server.new_user()
    with imap_raw.Imap(server, other) as client:
        client.append("INBOX", mail(9))
    quits, stays = server.pop3(user), server.pop3(other)
    quits.dele(1)
    with server.impatience():
        postgres.stop()
        try:
            time.sleep(0.3)
            refused_later(stays.retr, 1)
            refused_later(stays.top, 1, 0)
            assert stays.stat() == (1, len(mail(9)))  # known since the login
            with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\]"):
                server.pop3(user)
            refused_later(quits.quit)  # never +OK for what was not deleted
        finally:
            postgres.start()

    def read():
        try:
            return body(stays, 1)
        except poplib.error_proto as e:
            assert "[SYS/TEMP]" in str(e)
            return None
    assert wait_until(read, 60, "the same session reads again") == mail(9)
    stays.quit()
    postgres.query("UPDATE job_lease SET until = now() WHERE name LIKE 'pop3-%'")
    client = reconnect(server, user)
    assert [body(client, number) for number in (1, 2, 3)] == [mail(1), mail(2), mail(3)]
    client.quit()
    imap_raw.both_workers_write(server, other)


def test_a_drained_frontend_deletes_nothing_and_gives_the_lock_back(server, user):
    client = server.pop3(user)
    client.dele(2)
    pid = imap_raw.owner_of(client.sock.getsockname()[1], client.sock.getpeername()[1])
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    assert client.sock.recv(100) == b""  # RFC 1939 knows no word for it
    assert time.monotonic() - began < 60
    again = reconnect(server, user)
    assert imap_raw.owner_of(again.sock.getsockname()[1], again.sock.getpeername()[1]) != pid
    assert [body(again, number) for number in (1, 2, 3)] == [mail(1), mail(2), mail(3)]
    again.quit()


def from_balancer(server, header, source=BALANCER):
    sock = socket.create_connection(("127.0.0.1", server.ports["pop3s"]), timeout=60, source_address=(source, 0))
    sock.sendall(header)
    return sock


def test_the_client_is_the_one_that_the_balancer_names(server, user):
    with from_balancer(server, b"PROXY TCP4 192.0.2.77 127.0.0.1 40000 995\r\n") as plain, \
            server.tls().wrap_socket(plain, server_hostname="localhost") as sock:
        file = sock.makefile("rb")
        for line in ("", f"USER {user['address']}", f"PASS {user['password']}", "NOOP", "QUIT"):
            sock.sendall(line.encode() + b"\r\n" if line else b"")
            assert file.readline().startswith(b"+OK"), line
    wait_until(lambda: any("192.0.2.77" in line and user["address"] in line for line in server.log().splitlines()),
               60, "the log names the client")


@pytest.mark.parametrize("source, header", [(BALANCER, b"USER x\r\nPASS y\r\n"), ("127.0.0.1", b"PROXY TCP4 192.0.2.78 127.0.0.1 1 995\r\n")],
                         ids=["balancer-without-header", "header-from-elsewhere"])
def test_others_do_not_get_in(server, source, header):
    with from_balancer(server, header, source) as sock:
        try:
            assert b"+OK" not in sock.recv(1000)
        except ConnectionResetError:
            pass
    assert "192.0.2.78" not in server.log()
