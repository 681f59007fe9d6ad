# SPDX-License-Identifier: Apache-2.0
"""Fixtures of all tests that drive the running server (integration and dialogue).

`heronry` is one server for the whole run: share it, use users of your own (heronry.new_user()).
`heronry_factory(**options)` starts a private one: settings={"delivery.port": 2525}, environment=
{"HERONRY_FAILPOINT": ...}, users=[...]; it is stopped at the end of the test."""
import base64
import contextlib
import fcntl
import functools
import itertools
import json
import os
import pathlib
import poplib
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
import imap_client  # noqa: E402
from api_client import Api  # noqa: E402
from demo.server import STANDARD_PORTS, Server  # noqa: E402
from imap_recorder import Recorder  # noqa: E402
from kept_cluster import KeptCluster  # noqa: E402

BINARY = pathlib.Path(os.environ.get("HERONRY_BIN", ROOT / "build/dev/heronry")).absolute()
PSQL = next(iter(sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"), reverse=True)), "psql")

# Seconds in which an answer has to be there that the promises want in two (R6): test machines are busy. What waits for
# the end of a command's or a client's patience takes so long at least.
SOON_S = 20
PATIENCE_S = 2  # with a server at the end of its test
LISTENERS = range(10000, 30000)  # below those of clients
SHARE = 1000                     # of them, for one run of tests
MEMORY = pathlib.Path("/dev/shm")
MEMORY_LEAST = 4 << 30


def pytest_addoption(parser):
    parser.addoption("--stress-seconds", type=int, default=120, help="how long the stress test of IMAP lasts (120)")
    parser.addoption("--pauses", type=int, default=1, help="how often workers that deliver are stopped in the test of R9 (1)")
    parser.addoption("--stress-seed", type=int, help="repeats the random choices of a stress test")


@functools.cache
def own_ports():
    """Ports that no other run of tests takes as long as this one lives, again and again: (the lock, what gives them)."""
    for first in range(LISTENERS.start, LISTENERS.stop, SHARE):
        with contextlib.suppress(OSError):
            path = pathlib.Path(tempfile.gettempdir()) / f"heronry-test-ports-{first}"
            if not path.exists():
                path.touch(0o644)
            lock = open(path, encoding="ascii")  # for reading is enough for a lock: the file may be another user's
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock, itertools.cycle(range(first, first + SHARE))
    raise OSError(f"{len(LISTENERS) // SHARE} other runs of tests hold all ports")


def free_ports(count):
    """Ports that are free on loopback, for now: all are held until all are known. Nobody else takes one of them before
    its server listens: no other run of tests, and the kernel gives none of them to a client."""
    with contextlib.ExitStack() as held:
        return [a_free_port(held) for _ in range(count)]


def a_free_port(held):
    _, ports = own_ports()
    for port in itertools.islice(ports, SHARE):
        one = held.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def quick_folder():
    """A new folder, in memory where there is plenty: a database has two thousand files, and some file systems take
    a millisecond to make each. Not below pytest's tmp_path: root's is closed to the user that Heronry becomes."""
    with contextlib.suppress(OSError):
        room = os.statvfs(MEMORY)
        if room.f_bavail * room.f_frsize > MEMORY_LEAST:
            return pathlib.Path(tempfile.mkdtemp(prefix=f"heronry-test-{os.getpid()}-", dir=MEMORY))
    return pathlib.Path(tempfile.mkdtemp(prefix=f"heronry-test-{os.getpid()}-", dir="/tmp"))


def pytest_sessionstart():
    """What a run that was killed left in memory."""
    for folder in MEMORY.glob("heronry-test-*-*"):
        if not is_alive(folder.name.split("-")[2]):
            shutil.rmtree(folder, ignore_errors=True)


def wait_until(condition, seconds=60, what="the condition"):
    """Polls until condition() is true and gives its value; fails the test when it does not come."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


def is_alive(pid):
    """Whether the process works still; one that waits to be reaped does not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Instance(Server):
    """A running server in a folder of its own, with what tests want to ask it."""

    numbers = itertools.count(1)

    def __init__(self, **options):
        folder = quick_folder()
        options.setdefault("users", [("user1", True), ("user2", False), ("user3", False)])
        kinds = options.pop("kinds", STANDARD_PORTS)
        # On a machine that is busy with other tests each error would be the last one of a session.
        points = [] if options.pop("is_ever_behind", False) else ["loop-never-lags:error"]
        # Nor is anybody away who is slow, but where a test takes him away (impatience).
        self.awaited = {name: folder / f"{name}-is-awaited" for name in ("database", "redis", "dns", "peer")}
        for path in self.awaited.values():
            path.touch()
        points += [f"{path.name}:while={path}" for path in self.awaited.values()]
        wanted, self.healthy = options.get("environment", {}), {"HERONRY_FAILPOINT": ",".join(points)}
        points += [wanted["HERONRY_FAILPOINT"]] if "HERONRY_FAILPOINT" in wanted else []
        options["environment"] = wanted | {"HERONRY_FAILPOINT": ",".join(points)}
        super().__init__(folder, BINARY, ports=dict(zip(kinds, free_ports(len(kinds)))), **options)
        self.add_defaults()

    def add_defaults(self):
        """Tests fail to log in often, from one address, and want few processes."""
        for key, value in {"workers.front": 2, "auth.per_ip_per_minute": 100000, "auth.per_ip_per_day": 1000000,
                           "auth.delay": "0s", "limits.smtp_per_ip": 1000, "limits.smtp_new_per_minute": 1000000,
                           "limits.imap_per_user_ip": 1000, "limits.imap_before_login_per_ip": 10000,
                           "limits.pop3_per_user_ip": 1000, "limits.pop3_before_login_per_ip": 10000,
                           "limits.http_per_ip": 10000, "limits.api_token_per_minute": 1000000,
                           "limits.api_anonymous_per_minute": 1000000, "dns.validate": "false",
                           "submission.messages_per_hour": 0, "submission.recipients_per_day": 0,
                           "delivery.allow_private": "true"}.items():
            self.settings.setdefault(key, value)

    def up(self):
        """Writes the configuration, starts, makes domain and users."""
        self.write_config()
        if not self.settings.keys() & {"database.url", "data_dir"} and not self.data_dir.exists():
            KeptCluster(self.binary, Instance).give(self.data_dir)
        self.start()
        self.provision()
        self.write_facts()
        return self

    def restart(self):
        self.stop()
        self.start()
        self.write_facts()

    def down(self):
        if self.process:
            self.stop()

    def kill(self):
        """All its processes at once, as when the machine dies; the supervisor first, which would make new ones."""
        for pid in [self.process.pid, *self.pids().values()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def remove(self):
        """Nobody needs its data any more: what it is busy with, as a delivery, is not waited for."""
        try:
            if self.process:
                self.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(PATIENCE_S)
                    self.process = None
            if self.process:
                self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def json(self, *words):
        """Output of a command of the command line with --json."""
        return json.loads(self.cli(*words, "--json").stdout)

    def new_user(self, **options):
        """An account that no other test uses."""
        return self.add_user(f"u{os.getpid()}x{next(self.numbers)}", **options)

    def heal(self):
        """From the next start on no fault is injected."""
        self.environment |= self.healthy

    @contextlib.contextmanager
    def impatience(self, name="database"):
        """While it lasts, the server gives the database (or "redis", "dns", "peer": another mail server that a
        client waits for) no more time than its own promises allow."""
        self.awaited[name].unlink()
        try:
            yield
        finally:
            self.awaited[name].touch()

    def reload(self, *lines, what="the new settings", **settings):
        """Other settings (`__` for the dot of a key) and files from now on: when each of these lines of the log, by
        default that each front has read the configuration, has come once more."""
        if settings:
            self.settings.update({key.replace("__", "."): value for key, value in settings.items()})
            self.write_config()
        lines = lines or [f"config_reloaded process=front.{n + 1}" for n in range(int(self.settings["workers.front"]))]
        before = [self.log().count(line) for line in lines]
        os.kill(self.pids()["supervisor"], signal.SIGHUP)
        wait_until(lambda: all(self.log().count(line) > n for line, n in zip(lines, before)), 60, what)

    def await_first_attempts(self, *recipients):
        """Until mail to each of them was tried once: no worker is at it from then on, before its next attempt is due."""
        names = ", ".join(f"'{recipient}'" for recipient in recipients)
        wait_until(lambda: self.psql(f"SELECT bool_and(attempts > 0), count(DISTINCT rcpt) FROM q_rcpt WHERE rcpt IN ({names})")
                   == f"t|{len(recipients)}", what=f"the first attempts for {names}")

    # ---- the embedded servers ----

    def psql(self, sql, check=True):
        """Runs SQL on the database of the server; rows by line, columns by '|'."""
        database = self.settings.get("database.url") or self.status()["database"]
        done = subprocess.run([PSQL, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql],
                              text=True, capture_output=True, check=False)
        if check and done.returncode != 0:
            pytest.fail(f"psql: {done.stderr}")
        return done.stdout.strip()

    def redis(self, *words):
        """Runs a command of redis-cli on the server's Redis."""
        path = self.status()["redis"].removeprefix("unix://")
        return subprocess.run(["redis-cli", "-s", path, *map(str, words)], text=True, capture_output=True,
                              check=True).stdout.strip()

    # ---- clients ----

    def tls(self):
        """A context that trusts the server's certificate (names: hostname, localhost)."""
        return ssl.create_default_context(cafile=str(self.tls_ca))

    def user(self, number=1):
        return self.users[number - 1]

    def smtp(self, kind="smtp", login=None):
        """A greeted smtplib client; with `login` (a user) after STARTTLS and AUTH."""
        if kind == "submissions":
            client = smtplib.SMTP_SSL("localhost", self.ports[kind], timeout=60, context=self.tls())
        else:
            client = smtplib.SMTP("localhost", self.ports[kind], timeout=60)
            if login:
                client.starttls(context=self.tls())
        client.ehlo("client.example")
        if login and f"{login['address']}{login['password']}".isascii():
            client.login(login["address"], login["password"])
        elif login:  # smtplib has no way to say it
            plain = base64.b64encode(f"\0{login['address']}\0{login['password']}".encode()).decode()
            assert client.docmd("AUTH", f"PLAIN {plain}")[0] == 235
        return client

    def deliver(self, user, subject):
        """A letter from outside."""
        with contextlib.closing(self.smtp()) as client:
            client.sendmail("sender@client.example", [user["address"]],
                            f"From: sender@client.example\r\nTo: {user['address']}\r\nSubject: {subject}\r\n\r\nText.\r\n")

    def imap(self, login=None):
        """An imaplib client on the TLS port; with `login` (a user) logged in."""
        client = imap_client.IMAP4_SSL("localhost", self.ports["imaps"], ssl_context=self.tls(), timeout=60)
        if login:
            client.login(login["address"], login["password"])
        return client

    def pop3(self, login=None):
        """A poplib client on the TLS port; with `login` (a user) logged in."""
        client = poplib.POP3_SSL("localhost", self.ports["pop3s"], context=self.tls(), timeout=60)
        try:
            if login:
                client.user(login["address"])
                client.pass_(login["password"])
        except poplib.error_proto:
            client.close()
            raise
        return client

    def log(self):
        return self.log_path.read_text(errors="replace")


@pytest.fixture(scope="session")
def gateway():
    """The shared server for mail from and to other servers (integration/gateway.py), with its sinks."""
    from gateway import Gateway
    made = Gateway()
    yield made
    made.close()


@pytest.fixture(scope="session")
def village():
    """The shared server among other people's mail servers (integration/village.py)."""
    from village import Village
    made = Village()
    yield made
    made.close()


@pytest.fixture(scope="session")
def heronry():
    """The shared server: do not stop it, do not kill its processes."""
    instance = Instance()
    try:
        yield instance.up()
    finally:
        instance.remove()


@pytest.fixture
def user(heronry):
    """A new user of the shared server."""
    return heronry.new_user()


@pytest.fixture
def api(heronry, user):
    """A client of the API that the user signed in."""
    return Api.signed_in(heronry, user)


@pytest.fixture
def person(heronry):
    """A user with an API client and an IMAP connection."""
    class Person:
        user = heronry.new_user()
        api = Api.signed_in(heronry, user)
        imap = heronry.imap(login=user)

        def box(self, role):
            return next(b for b in self.api.get("/mailboxes").json["items"] if b["role"] == role)

        def threads(self, role="inbox", **query):
            return self.api.get(f"/mailboxes/{self.box(role)['id']}/threads", query=query).json

        def only_message(self, role="inbox"):
            (row,) = self.threads(role)["items"]
            return self.api.get(f"/threads/{row['id']}").json["messages"][-1]
    return Person()


@pytest.fixture
def recorder(heronry):
    """A port (recorder.port) in front of the shared server's IMAP; the test fails when the server says
    there what the grammar forbids."""
    with Recorder(heronry) as proxy:
        yield proxy


@pytest.fixture
def heronry_factory():
    """Starts private servers; options of class Server, and kinds=[...] of listeners."""
    made = []

    def start(start=True, **options):
        made.append(Instance(**options))
        return made[-1].up() if start else made[-1]

    yield start
    for instance in made:
        instance.remove()
