# SPDX-License-Identifier: Apache-2.0
"""tools/run as a new user meets it: facts, users, second start, stop, foreground."""
import json
import pathlib
import shutil
import signal
import smtplib
import socket
import ssl
import stat
import subprocess
import tempfile
import urllib.request

import pytest

import imap_client
from conftest import ROOT, is_alive, wait_until

STANDARD = {"smtp": 25, "submission": 587, "submissions": 465, "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "http": 80, "https": 443}


def is_free(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def place():
    """A folder and an offset whose ports are all free; what runs there is stopped."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-run-", dir="/tmp")) / "demo"
    offset = next(n for n in range(30000, 60000, 1000) if all(is_free(n + p) for p in STANDARD.values()))
    yield folder, offset
    subprocess.run([ROOT / "tools/run", "stop", "--data", folder], check=False, capture_output=True)
    shutil.rmtree(folder.parent, ignore_errors=True)


def run(place, *more):
    folder, offset = place
    return subprocess.run([ROOT / "tools/run", "--no-setup", "--data", folder, "--port-offset", str(offset), *more],
                          capture_output=True, text=True, check=False)


def facts_of(place):
    return json.loads((place[0] / "run.json").read_text())


def test_detach_tells_everything_and_stop_ends_everything(place):
    done = run(place, "--detach", "--domain", "first.example", "--set", "limits.recipients=777")
    assert done.returncode == 0, done.stderr
    facts = facts_of(place)
    assert stat.S_IMODE((place[0] / "run.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((place[0] / "heronry.yaml").stat().st_mode) == 0o600
    assert facts["ports"] == {kind: port + place[1] for kind, port in STANDARD.items()}
    assert facts["domain"] == "first.example" and "777" in (place[0] / "heronry.yaml").read_text()
    assert [u["admin"] for u in facts["users"]] == [True, False]
    for user in facts["users"]:
        assert user["password"] in done.stdout and user["address"] in done.stdout
    assert {"supervisor", "postgres", "redis", "back.1", "front.1"} <= set(facts["pids"])

    one, other = facts["users"]
    trust = ssl.create_default_context(cafile=facts["tls_ca"])
    with smtplib.SMTP("localhost", facts["ports"]["submission"], timeout=60) as client:
        client.starttls(context=trust)
        client.login(one["address"], one["password"])
        client.sendmail(one["address"], [other["address"]], f"From: {one['address']}\r\nTo: {other['address']}\r\n"
                        "Subject: hello\r\n\r\nHello Ben.\r\n")
    with imap_client.IMAP4_SSL("localhost", facts["ports"]["imaps"], ssl_context=trust, timeout=60) as client:
        client.login(other["address"], other["password"])
        client.select("INBOX")
        assert b"Hello Ben." in client.fetch("1", "(BODY[TEXT])")[1][0][1]
    for path in ("/", "/admin/", "/api/v1/docs"):
        page = f"https://localhost:{facts['ports']['https']}{path}"
        with urllib.request.urlopen(page, context=trust, timeout=60) as answer:
            assert b"Heronry" in answer.read(), path

    again = run(place, "--detach")
    assert again.returncode == 0 and "already running" in again.stdout
    stopped = subprocess.run([ROOT / "tools/run", "stop", "--data", place[0]], check=False)
    assert stopped.returncode == 0
    assert not any(is_alive(pid) for pid in facts["pids"].values())
    assert facts_of(place)["pids"] == {}

    assert run(place, "--detach", "--domain", "first.example").returncode == 0
    assert facts_of(place)["users"] == facts["users"], "passwords change from start to start"


def test_foreground_ends_with_ctrl_c(place):
    folder, offset = place
    # A shell that starts the tests in the background lets them, and so the server, ignore SIGINT.
    process = subprocess.Popen([ROOT / "tools/run", "--no-setup", "--data", folder, "--port-offset", str(offset)],
                               stdout=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    wait_until(lambda: (folder / "run.json").exists() or process.poll() is not None, 120, "a start")
    pids = facts_of(place)["pids"]
    assert pids and process.poll() is None
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "stopped" in output
    assert not any(is_alive(pid) for pid in pids.values())


@pytest.mark.parametrize("words", [["--port-offset", "70000"], ["--set", "nonsense"], ["--domain", "a b"], ["fly"]])
def test_wrong_arguments_are_explained(words):
    done = subprocess.run([ROOT / "tools/run", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "error:" in done.stderr


def test_a_bad_setting_is_named_and_nothing_is_left(place):
    done = run(place, "--detach", "--set", "no.such.key=1")
    assert done.returncode == 1
    assert "heronry.yaml:" in done.stderr and "no" in done.stderr
    assert not (place[0] / "run.json").exists()


def test_setup_names_its_purposes():
    done = subprocess.run([ROOT / "tools/setup", "dance"], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    for purpose in ("build", "run", "test", "bench"):
        assert purpose in done.stderr
