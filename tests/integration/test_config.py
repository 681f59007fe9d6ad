# SPDX-License-Identifier: Apache-2.0
"""The configuration file as an operator meets it: what is refused, and with which words (R36)."""
import json
import os
import socket
import subprocess

import pytest

from conftest import BINARY


@pytest.fixture
def check(tmp_path):
    """Writes a file and checks it; gives the CompletedProcess."""
    path = tmp_path / "heronry.yaml"

    def run(text, mode=0o600, environment=None, words=("config-check",)):
        path.write_text(text)
        path.chmod(mode)
        return subprocess.run([BINARY, *words, "--config", path], capture_output=True, text=True, check=False,
                              env=dict(os.environ, **(environment or {})))
    run.path = path
    return run


def test_a_good_file(check):
    done = check("hostname: mail.example\nlisteners:\n  - { kind: imaps, addr: \"127.0.0.1:10993\" }\n")
    assert (done.returncode, done.stdout) == (0, f"{check.path}: ok\n")
    assert json.loads(check("hostname: mail.example\n", words=("config-check", "--json")).stdout)["ok"]


@pytest.mark.parametrize("text,line,word", [
    ("hostname: a.example\nno_such_key: 1\n", 2, "no_such_key"),
    ("hostname: a.example\n\nlimits:\n  message_size: huge\n", 4, "message_size"),
    ("limits:\n  recipients: 1\n", 2, "recipients"),
    ("hostname: a.example\nhostname: b.example\n", 2, "hostname"),
    ("database:\n  url: ${HERONRY_TEST_UNSET}\n", 2, "HERONRY_TEST_UNSET"),
    ("listeners:\n  - { kind: gopher, addr: \":70\" }\n", 2, "gopher"),
    ("listeners:\n  - { kind: smtp, addr: \"300.1.1.1:25\" }\n", 2, "numeric"),
    ("tls:\n  self_signed: false\nlisteners:\n  - { kind: imaps }\n", 4, "imaps"),
    ("data_dir: var/lib\n", 1, "data_dir"),
    ("tls:\n  certificates:\n    - { cert: /no/such/file, key: /no/such/key }\n", 3, "/no/such"),
    ("a: [\n", 2, ""),
    ("hostname: bad host name\n", 1, "hostname"),
    ("limits: { hops: 51 }\nredis:\n  url: http://redis\n", 3, "redis.url"),
    ("database:\n  url: mysql://u:hunter2@db/x\n", 2, "database.url"),
    ("dns: { forward: resolver }\n", 1, "dns.forward"),
])
def test_what_is_refused_is_named_with_file_and_line(check, text, line, word):
    done = check(text)
    assert done.returncode == 78, done
    assert f"{check.path}:{line}" in done.stderr and word in done.stderr, done.stderr
    assert "hunter2" not in done.stderr
    if not text.startswith("data_dir"):
        text += f"data_dir: {check.path.parent}/data\n"
    assert check(text, words=("serve",)).returncode == 78
    assert not (check.path.parent / "data/postgres").exists()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Certificates and keys, good and bad ones."""
    folder = tmp_path_factory.mktemp("pairs")
    for name in ("one", "two"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}.example",
                "-addext", f"subjectAltName=DNS:{name}.example", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
    openssl("x509", "-in", folder / "one.pem", "-signkey", folder / "one.key", "-days", "-1", "-out", folder / "expired.pem")
    openssl("pkey", "-in", folder / "one.key", "-aes256", "-passout", "pass:x", "-out", folder / "locked.key")
    (folder / "empty.key").touch()
    for key in folder.glob("*.key"):
        key.chmod(0o600)
    (folder / "open.key").write_bytes((folder / "one.key").read_bytes())
    (folder / "open.key").chmod(0o644)
    return folder


@pytest.mark.parametrize("cert,key,word", [
    ("one.pem", "two.key", "is not of"),
    ("expired.pem", "one.key", "has expired"),
    ("one.pem", "locked.key", "is encrypted"),
    ("one.pem", "empty.key", "has no private key in PEM"),
    ("one.pem", "open.key", "chmod 600"),
    ("one.pem", "absent.key", "No such file"),
    ("one.pem", ".", "has no private key in PEM"),
    ("absent.pem", "one.key", "No such file"),
    ("one.key", "one.key", "has no certificate in PEM"),
])
def test_a_pair_that_cannot_be_used_is_named_with_file_and_line(check, pairs, cert, key, word):
    text = (f"data_dir: {check.path.parent}/data\ntls:\n  certificates:\n    - {{ cert: {pairs}/one.pem, key: {pairs}/one.key }}\n"
            f"    - {{ cert: {pairs}/{cert}, key: {pairs}/{key} }}\n")
    for words in ("config-check", "serve"):
        done = check(text, words=(words,))
        assert done.returncode == 78 and f"{check.path}:5: tls.certificates: " in done.stderr and word in done.stderr, done
    assert not (check.path.parent / "data/postgres").exists()


def test_a_name_without_a_domain_is_told(check, pairs):
    done = check("hostname: mail\n")
    assert done.returncode == 0 and done.stderr.count(f"heronry: warning: {check.path}:1: hostname: \"mail\" has no domain") == 1
    assert "no domain" in json.loads(check("hostname: mail\n", words=("config-check", "--json")).stdout)["warning"]
    bad = f"hostname: mail\ntls:\n  certificates: [{{ cert: {pairs}/one.pem, key: {pairs}/two.key }}]\ndata_dir: {check.path.parent}/data\n"
    done = check(bad, words=("serve",))
    assert done.returncode == 78 and done.stderr.count("config_advice") == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(check, mode):
    done = check("hostname: a.example\n", mode=mode)
    assert done.returncode == 78 and str(check.path) in done.stderr
    assert check("data_dir: /nonexistent\n", mode=mode, words=("serve",)).returncode == 78


def test_a_file_that_is_not_there(tmp_path):
    absent = tmp_path / "absent"
    for words in ("config-check", "serve", "migrate"):
        done = subprocess.run([BINARY, words, "--config", absent], capture_output=True, text=True, check=False)
        assert done.returncode == 78 and f"{absent}:0: cannot be opened" in done.stderr
        assert f"install -D -m 600 /dev/null {absent}\n" in done.stderr
    subprocess.run(["install", "-D", "-m", "600", "/dev/null", absent], check=True)
    done = subprocess.run([BINARY, "config-check", "--config", absent], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "no configuration" not in done.stderr


def test_variables_of_the_environment_are_data(check):
    text = "hostname: ${HERONRY_TEST_NAME}\n"
    assert check(text, environment={"HERONRY_TEST_NAME": "mail.example"}).returncode == 0
    assert check("limits:\n  recipients: ${N}\n", environment={"N": "5000\nno_such: 1"}).returncode == 78


def test_the_path_comes_from_the_environment(check):
    check("hostname: a.example\n")
    done = subprocess.run([BINARY, "config-check"], capture_output=True, text=True, check=False,
                          env=dict(os.environ, CONFIG_PATH=str(check.path)))
    assert (done.returncode, done.stdout) == (0, f"{check.path}: ok\n")


def test_the_explanation_is_a_configuration_of_defaults(check):
    done = subprocess.run([BINARY, "config", "--explain"], capture_output=True, text=True, check=True)
    assert "message_size" in done.stdout and "retry_schedule" in done.stdout
    checked = check(done.stdout)
    assert checked.returncode == 0, checked.stderr


def test_unknown_roles_are_refused(check):
    done = check("hostname: a.example\n", words=("serve", "--roles", "smtp,telepathy"))
    assert done.returncode == 78 and "telepathy" in done.stderr


def test_roles_select_what_runs(heronry_factory):
    instance = heronry_factory(start=False, users=[])
    instance.write_config()
    instance.binary = instance.folder / "smtp-only"
    instance.binary.write_text(f'#!/bin/sh\nexec "{BINARY}" "$@" --roles smtp\n')
    instance.binary.chmod(0o755)
    instance.start()
    assert sorted(n for n in instance.pids() if "." in n) == ["front.1", "front.2"]
    instance.smtp().quit()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", instance.ports["imap"]), timeout=60)
