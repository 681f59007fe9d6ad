# SPDX-License-Identifier: Apache-2.0
"""FEATURES 319: domains and accounts of the configuration are made at the start, and left alone then."""
import os
import subprocess

import pytest
from conftest import BINARY

ADA = {"address": "ada@boot.example", "password": "first start, first day"}
BOB = {"address": "bob@boot.example", "password": "another long sentence"}


def account(user, **more):
    pairs = {"address": user["address"], "password": user["password"], **more}
    return "{ " + ", ".join(f'{key}: "{value}"' if isinstance(value, str) else f"{key}: {str(value).lower()}"
                            for key, value in pairs.items()) + " }"


def test_what_is_missing_is_made_and_the_rest_is_left(heronry_factory):
    settings = {"domains": "[boot.example, { name: other.example }]",
                "accounts": f"[{account(ADA, password='${ADA_PASSWORD}', admin=True, name='Ada L.')}]"}
    server = heronry_factory(start=False, settings=settings, users=[], environment={"ADA_PASSWORD": ADA["password"]})
    server.up()
    assert {d["name"] for d in server.json("domain", "list")["domains"]} >= {"boot.example", "other.example"}
    ada = next(u for u in server.json("user", "list")["users"] if u["address"] == ADA["address"])
    assert ada["admin"] and ada["display_name"] == "Ada L."
    server.imap(ADA).logout()
    assert server.log().count("bootstrap_made") == 3
    server.cli("domain", "remove", "other.example")
    server.cli("user", "quota", ADA["address"], "5MB")
    server.settings["accounts"] = f"[{account(ADA, password='not this one any more')}, {account(BOB, quota='1GB')}]"
    server.write_config()
    server.restart()
    users = {u["address"]: u for u in server.json("user", "list")["users"]}
    assert users[ADA["address"]]["quota_bytes"] == 5 << 20 and users[ADA["address"]]["admin"]
    assert users[BOB["address"]]["quota_bytes"] == 1 << 30 and not users[BOB["address"]]["admin"]
    server.imap(ADA).logout()
    server.imap(BOB).logout()
    assert server.log().count("bootstrap_made") == 5  # and the domain that was removed
    assert server.psql("SELECT count(*) FROM audit_log WHERE actor = 'system' AND action = 'account.add'") == "2"
    assert ADA["password"] not in server.log()


@pytest.mark.parametrize("text,word", [
    ("accounts:\n  - { address: ada, password: long enough for all }\n", "ada"),
    ("accounts:\n  - { address: ada@boot.example, password: short }\n", "12"),
    ("accounts:\n  - { address: ada@boot.example, password_hash: \"{PLAIN}x\" }\n", "argon2id"),
    ("domains:\n  - boot..example\n", "domain"),
    ("server:\n  ports: { gopher: 70 }\n", "gopher"),
    ("tls:\n  auto_tls: true\n", "tls.certificates"),
    ("server:\n  smtp_port: 25\n", "ports"),
])
def test_what_cannot_be_made_is_refused_before_anything_starts(tmp_path, text, word):
    path = tmp_path / "heronry.yaml"
    path.write_text(text + f"data_dir: {tmp_path}/data\n")
    path.chmod(0o600)
    for words in (["config-check"], ["serve"]):
        done = subprocess.run([BINARY, *words, "--config", path], capture_output=True, text=True, check=False,
                              env=dict(os.environ))
        assert done.returncode == 78 and f"{path}:2: " in done.stderr and word in done.stderr, done
    assert not (tmp_path / "data").exists()


def test_an_account_needs_its_domain(heronry_factory):
    server = heronry_factory(start=False, settings={"accounts": f"[{account(ADA)}]"}, users=[])
    server.write_config()
    with pytest.raises(Exception, match="boot.example"):
        server.start()
