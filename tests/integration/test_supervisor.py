# SPDX-License-Identifier: Apache-2.0
"""`heronry serve`: start, restart of what dies, reload, drain, and the embedded servers."""
import contextlib
import imaplib
import json
import os
import pathlib
import pwd
import signal
import smtplib
import socket
import ssl
import subprocess
import time

import pytest

from conftest import BINARY, is_alive, wait_until
from imap_raw import inode_of, owner_of
from support import leads_to

MAIL = "From: a@client.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nA short note.\r\n"


def count(instance, user, subject):
    client = instance.imap(user)
    client.select("INBOX", readonly=True)
    found = client.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
    client.logout()
    return len(found)


def process_status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def kill_and_wait_for_new(instance, name, seconds=60):
    """SIGKILL to a child; gives its new process id."""
    former = instance.pids()[name]
    os.kill(former, signal.SIGKILL)
    wait_until(lambda: instance.pids().get(name, former) != former, seconds, f"a new {name}")
    return instance.pids()[name]


def all_processes(instance):
    """Every process below the supervisor, itself included."""
    table = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            table[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found = {instance.pids()["supervisor"]}
    while True:
        more = {pid for pid, parent in table.items() if parent in found} - found
        if not more:
            return found
        found |= more


@pytest.fixture
def private(heronry_factory):
    return heronry_factory(users=[("user1", True)])


# ---- what runs ----

def test_a_mail_goes_in_and_comes_out(heronry):
    user = heronry.new_user()
    heronry.deliver(user, "in and out")
    assert count(heronry, user, "in and out") == 1


def test_workers_have_given_up_every_right(heronry):
    pids = {n: p for n, p in heronry.pids().items() if n.startswith(("front", "back"))}
    assert sorted(pids) == ["back.1", "front.1", "front.2"]
    for pid in pids.values():
        status = process_status(pid)
        assert "0" not in status["Uid"].split() + status["Gid"].split()
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert [l.split()[4:6] for l in limits.splitlines() if l.startswith("Max core")] == [["0", "0"]]


def test_embedded_servers_listen_on_unix_sockets_only(heronry):
    inodes = {line.split()[9] for name in ("tcp", "tcp6")
              for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:] if line.split()[3] == "0A"}
    for name in ("postgres", "redis"):
        folder = pathlib.Path(f"/proc/{heronry.pids()[name]}/fd")
        held = {leads_to(fd) for fd in folder.iterdir()}
        assert not {f"socket:[{i}]" for i in inodes} & held, name


def test_the_sockets_are_closed_to_other_users(heronry):
    folder = pathlib.Path(heronry.status()["redis"].removeprefix("unix://")).parent
    assert folder.stat().st_mode & 0o077 == 0


def test_the_embedded_database_has_checksums_and_durable_commits(heronry):
    assert heronry.psql("SHOW data_checksums") == "on"
    assert heronry.psql("SHOW fsync") == heronry.psql("SHOW synchronous_commit") == "on"
    assert heronry.psql("SELECT rolsuper FROM pg_roles WHERE rolname = 'heronry'") == "f"
    assert heronry.psql("SHOW server_encoding") == "UTF8"


def test_every_process_has_a_node_id_of_its_own(heronry):
    taken = heronry.psql("SELECT owner FROM job_lease WHERE name LIKE 'node-%' AND until > now()").splitlines()
    for name, pid in heronry.pids().items():
        if name.startswith(("front", "back")):
            assert len([o for o in taken if o.endswith(f"/{pid}/{name}")]) == 1, taken


def test_a_bad_start_leaves_nothing_behind(heronry_factory):
    taken = socket.create_server(("127.0.0.1", 0))
    instance = heronry_factory(start=False)
    instance.ports["imap"] = taken.getsockname()[1]
    instance.write_config()
    done = instance.cli("serve", check=False)
    taken.close()
    assert done.returncode == 73
    assert str(instance.ports["imap"]) in done.stderr and "imap" in done.stderr
    assert instance.status() == {}


def test_a_second_supervisor_keeps_off(private):
    done = private.cli("serve", check=False)
    assert done.returncode == 75
    assert str(private.pids()["supervisor"]) in done.stderr
    assert private.psql("SELECT 1") == "1"


def test_a_data_directory_that_cannot_be_reached_is_named(heronry_factory):
    if os.geteuid() != 0:
        pytest.fail("this test needs root, which is who has to give up rights")
    instance = heronry_factory(start=False)
    closed = instance.folder / "closed"
    closed.mkdir(mode=0o700)
    instance.settings["data_dir"] = str(closed / "data")
    instance.write_config()
    done = instance.cli("serve", check=False)
    assert done.returncode == 78
    assert str(closed) in done.stderr and "chmod o+x" in done.stderr


def test_a_long_data_directory_gets_short_sockets(heronry_factory):
    instance = heronry_factory(start=False, users=[("user1", True)])
    long = instance.folder / ("d" * 100)
    instance.settings["data_dir"] = str(long)
    instance.__class__ = type("Long", (instance.__class__,), {"data_dir": property(lambda self: long)})
    instance.up()
    assert instance.psql("SELECT 1") == "1"
    assert instance.redis("PING") == "PONG"
    assert len(instance.status()["redis"]) < 100


def test_an_ordinary_user_can_run_it(heronry_factory, tmp_path):
    """As somebody who is not root: nothing is dropped, everything belongs to that user."""
    instance = heronry_factory(start=False)
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    instance.write_config()
    prefix = []
    if os.geteuid() == 0:
        for path in (instance.folder, instance.config_path):
            os.chown(path, user.pw_uid, user.pw_gid)
        prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    process = subprocess.Popen([*prefix, BINARY, "serve", "--config", instance.config_path],
                               stderr=subprocess.PIPE, text=True, cwd="/")
    try:
        wait_until(lambda: instance.status().get("ready") or process.poll() is not None, 180, "a start")
        assert process.poll() is None, process.stderr.read()
        for pid in instance.pids().values():
            assert process_status(pid)["Uid"].split()[0] == str(user.pw_uid)
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
            assert client.noop()[0] == 250
    finally:
        process.terminate()
        assert process.wait(90) == 0


# ---- what dies ----

def test_a_killed_worker_is_replaced_and_others_do_not_notice(private):
    held = {}
    for _ in range(40):  # the kernel spreads connections over the two workers
        client = socket.create_connection(("127.0.0.1", private.ports["smtp"]), timeout=60)
        assert client.recv(200).startswith(b"220")
        held.setdefault(owner_of(client.getsockname()[1], client.getpeername()[1]), client)
        if len(held) == 2:
            break
    assert len(held) == 2
    died = private.pids()["front.1"]
    new = kill_and_wait_for_new(private, "front.1")
    assert new != died
    survivor = next(c for pid, c in held.items() if pid != died)
    survivor.sendall(b"NOOP\r\n")
    assert survivor.recv(200).startswith(b"250")
    for _ in range(20):
        with contextlib.closing(private.smtp()) as client:
            assert client.noop()[0] == 250


def test_a_worker_that_dies_again_and_again_waits_longer_each_time(private):
    for _ in range(3):
        kill_and_wait_for_new(private, "back.1")
    waits = [int(line.rsplit("wait_ms=", 1)[1].split()[0]) for line in private.log().splitlines()
             if "child_died" in line and "name=back.1" in line]
    assert waits == [100, 200, 400]


def test_redis_that_dies_comes_back_and_mail_flows_meanwhile(private):
    user = private.user()
    former = private.pids()["redis"]
    os.kill(former, signal.SIGKILL)
    private.deliver(user, "without redis")
    wait_until(lambda: private.pids().get("redis", former) != former, 60, "a new redis")

    def answers():
        """Its process is there a moment before its socket."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return private.redis("PING") == "PONG"
        return False
    wait_until(answers, 60, "an answer of redis")
    assert count(private, user, "without redis") == 1


def test_postgres_that_dies_comes_back_and_keeps_what_was_answered(private):
    user = private.user()
    workers = {n: p for n, p in private.pids().items() if n.startswith(("front", "back"))}
    private.deliver(user, "before the crash")
    kill_and_wait_for_new(private, "postgres", 60)

    def works(act):
        """Workers notice one by one that the database is back."""
        with contextlib.suppress(smtplib.SMTPException, imaplib.IMAP4.error, OSError):
            return act() != 0
        return False
    wait_until(lambda: works(lambda: private.deliver(user, "after the crash")), 60, "a delivery after the crash")
    wait_until(lambda: works(lambda: count(private, user, "after the crash")), 60, "a login after the crash")
    wait_until(lambda: works(lambda: count(private, user, "before the crash")), 60, "what was there before")
    assert workers == {n: p for n, p in private.pids().items() if n in workers}


def test_a_killed_supervisor_takes_its_children_along_and_starts_anew(private):
    user = private.user()
    private.deliver(user, "before the kill")
    family = all_processes(private)
    private.process.kill()
    private.process.wait()
    private.process = None
    private.start()
    assert count(private, user, "before the kill") == 1
    wait_until(lambda: not any(is_alive(p) for p in family), 60, "the end of the former processes")
    assert private.psql("SELECT 1") == "1"


def test_a_power_cut_leaves_files_that_lie(private):
    """Everything dies at once, and the process id in the lock file belongs to somebody else now."""
    user = private.user()
    private.deliver(user, "before the power cut")
    family = all_processes(private)
    for what in (signal.SIGSTOP, signal.SIGKILL):  # nobody is to end in good order because another one has died
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, what)
    private.process.wait()
    private.process = None
    sockets = pathlib.Path(private.status()["redis"].removeprefix("unix://")).parent
    for path in (private.data_dir / "postgres/postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    private.start()
    assert count(private, user, "before the power cut") == 1


# ---- reload ----

def certificate_of(instance):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", instance.ports["imaps"]), timeout=60) as plain:
        with context.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True)


def make_certificate(folder, name):
    cert, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:localhost",
                    "-keyout", str(key), "-out", str(cert)], check=True, stderr=subprocess.DEVNULL)
    key.chmod(0o600)
    return cert, key


def test_certificates_are_read_again_and_sessions_stay(heronry_factory):
    """The key belongs to root and to nobody else: workers that are not root get the new one too."""
    instance = heronry_factory(start=False, users=[("user1", True)])
    cert, key = make_certificate(instance.folder, "first.example")
    instance.settings["tls.certificates"] = f'[{{ cert: "{cert}", key: "{key}" }}]'
    instance.__class__ = type("Own", (instance.__class__,), {"tls_ca": property(lambda self: cert)})
    instance.up()
    session = instance.imap(instance.user())
    first = certificate_of(instance)
    for new, old in zip(make_certificate(instance.folder, "second.example"), (cert, key)):
        new.replace(old)
    instance.reload("tls_reloaded process=front.1")
    wait_until(lambda: all(certificate_of(instance) != first for _ in range(8)), 60, "the new certificate")
    assert session.noop()[0] == "OK"
    key.write_text("no key")
    instance.reload("tls_reload_failed process=supervisor")
    assert ': tls.certificates: ' in next(line for line in instance.log().splitlines() if "tls_reload_failed" in line)
    assert certificate_of(instance) != first


def announced_size(instance):
    with contextlib.closing(instance.smtp()) as client:
        return client.esmtp_features["size"]


def test_reload_takes_a_good_configuration_and_refuses_a_bad_one(private):
    assert announced_size(private) == str(25 * 1024 * 1024)
    private.reload(limits__message_size="5MB")
    wait_until(lambda: all(announced_size(private) == str(5 * 1024 * 1024) for _ in range(8)), 60, "the new limit")
    with open(private.config_path, "a", encoding="utf-8") as out:
        out.write("no_such_key: 1\n")
    private.reload("config_reload_failed")
    assert announced_size(private) == str(5 * 1024 * 1024)
    failure = next(l for l in private.log().splitlines() if "config_reload_failed" in l)
    assert f"{private.config_path}:" in failure and "no_such_key" in failure


def test_a_component_gets_its_own_level_by_reload(private):
    def session(name):
        with smtplib.SMTP("127.0.0.1", private.ports["smtp"], timeout=60) as client:
            client.ehlo(name)
            ends = private.ports["smtp"], client.sock.getsockname()[1]
        # The line is written, or left out, before the server closes its socket.
        wait_until(lambda: inode_of(*ends) in (None, "0"), what="the end of the session")

    for level, name in (("error", "unseen.example"), ("info", "seen.example")):
        private.reload(logging__levels=f"[smtp={level}]")
        session(name)
    wait_until(lambda: "helo=seen.example" in private.log(), 60, "the session's line")
    assert "helo=unseen.example" not in private.log()


def test_changes_that_need_a_restart_are_named(private):
    private.reload("config_needs_restart", workers__front=1)
    assert "workers.front" in next(l for l in private.log().splitlines() if "config_needs_restart" in l)


# ---- stop ----

def test_stop_finishes_the_message_in_progress_and_says_good_bye(private):
    """R29."""
    user = private.user()
    reader = private.imap(user)
    with contextlib.closing(private.smtp()) as client:
        client.docmd("MAIL FROM:<a@client.example>")
        client.docmd(f"RCPT TO:<{user['address']}>")
        assert client.docmd("DATA")[0] == 354
        private.process.terminate()
        wait_until(lambda: private.log().count("server_stops process=front") == 2, what="the drain")

        def is_refused():
            with socket.socket() as late:
                late.settimeout(60)
                return late.connect_ex(("127.0.0.1", private.ports["smtp"])) != 0
        wait_until(is_refused, what="an end of new connections")
        assert all(is_refused() for _ in range(4)), "a new connection was accepted during the drain"
        client.send(MAIL.format(to=user["address"], subject="in the drain").encode() + b".\r\n")
        assert client.getreply()[0] == 250
    assert reader.readline().startswith(b"* BYE")
    assert private.process.wait(90) == 0
    private.process = None
    private.start()
    assert count(private, user, "in the drain") == 1


def test_stop_ends_every_process_and_removes_the_status(private):
    family = all_processes(private)
    began = time.monotonic()
    assert private.stop() == 0
    assert time.monotonic() - began < 60
    assert not any(is_alive(p) for p in family)
    assert private.status() == {}
    assert not (private.data_dir / "postgres/postmaster.pid").exists()


def test_json_log_lines_are_json(heronry_factory):
    instance = heronry_factory(settings={"logging.format": "json"}, users=[])
    instance.stop()
    ours = [l for l in instance.log().splitlines() if l]
    assert len(ours) > 5
    names = {json.loads(line)["event"] for line in ours}
    assert {"server_ready", "process_start", "process_end"} <= names


# ---- periodic work ----

def test_jobs_run_under_a_lease(private):
    """One process of the cluster does each job; who does it stands in the database."""
    owner = f"/{private.pids()['back.1']}/back.1"
    rows = wait_until(lambda: (r := private.psql(
        "SELECT name, owner FROM job_lease WHERE name LIKE 'job-%' AND until > now() ORDER BY name").splitlines())
        and len(r) == 11 and r, 60, "all leases")
    assert [r.split("|")[0] for r in rows] == ["job-dkim", "job-ended", "job-failures", "job-greylist", "job-history", "job-policies",
                                               "job-queue", "job-reports", "job-retention", "job-store", "job-vocabulary"]
    assert all(r.endswith(owner) for r in rows)
    assert "job_failed" not in private.log()
