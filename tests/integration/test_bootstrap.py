# SPDX-License-Identifier: Apache-2.0
"""FEATURES 319: domains and accounts of the configuration are made at the start, and left alone then."""
import json
import os
import subprocess

import pytest
from conftest import BINARY

ADA = {"address": "ada@boot.example", "password": "first start, first day"}
MORE = ["ada.l@boot.example", "*@other.example"]
CYD = {"address": "cyd@boot.example", "password": "one more long sentence"}
DEE = {"address": "dee@boot.example", "password": "and yet another sentence"}
BOB = {"address": "bob@boot.example", "password": "another long sentence"}


def account(user, **more):
    pairs = {"address": user["address"], "password": user["password"], **more}
    return "{ " + ", ".join(f"{key}: {json.dumps(value)}" for key, value in pairs.items()) + " }"


def test_what_is_missing_is_made_and_the_rest_is_left(heronry_factory):
    settings = {"domains": "[boot.example, { name: other.example }]", "submission.messages_per_hour": 100,
                "accounts": f"[{account(ADA, password='${ADA_PASSWORD}', admin=True, name='Ada L.', addresses=MORE)}]"}
    server = heronry_factory(start=False, settings=settings, users=[], environment={"ADA_PASSWORD": ADA["password"]})
    server.up()
    assert {d["name"] for d in server.json("domain", "list")["items"]} >= {"boot.example", "other.example"}
    ada = next(u for u in server.json("user", "list")["items"] if u["address"] == ADA["address"])
    assert ada["isAdmin"] and ada["displayName"] == "Ada L."
    server.imap(ADA).logout()
    assert server.log().count("bootstrap_made") == 5
    assert {a["address"] for a in server.json("address", "list")["items"] if a.get("account") == ADA["address"]} >= set(MORE)
    server.cli("address", "remove", MORE[1])
    server.cli("domain", "remove", "other.example")
    server.cli("user", "quota", ADA["address"], "5MB")
    server.settings["accounts"] = f"[{account(ADA, password='not this one any more', addresses=MORE[:1])}, {account(BOB, quota='1GB')}]"
    server.write_config()
    server.restart()
    users = {u["address"]: u for u in server.json("user", "list")["items"]}
    assert users[ADA["address"]]["quotaBytes"] == 5 << 20 and users[ADA["address"]]["isAdmin"]
    assert users[BOB["address"]]["quotaBytes"] == 1 << 30 and not users[BOB["address"]]["isAdmin"]
    server.imap(ADA).logout()
    server.imap(BOB).logout()
    assert server.log().count("bootstrap_made") == 7  # and the domain that was removed
    assert server.psql("SELECT count(*) FROM audit_log WHERE actor = 'system' AND action = 'account.add'") == "2"
    assert ADA["password"] not in server.log()
    assert "bootstrap_differs" not in server.log()
    table = server.cli("sending", "show", ADA["address"]).stdout
    assert "100 (default)" in table and "any" in table
    assert server.json("sending", "show", ADA["address"])["inForce"]["messagesPerHour"] == 100
    moved, mine = MORE[0], "mine@boot.example"
    server.cli("address", "remove", moved)
    server.cli("address", "add", moved, "--account", BOB["address"])
    server.cli("address", "add", mine, "--account", ADA["address"])
    server.settings["accounts"] = f"[{account(ADA, addresses=MORE)}, {account(BOB, addresses=['*@gone.example'])}]"
    server.write_config()
    server.restart()
    owners = {a["address"]: a.get("account") for a in server.json("address", "list")["items"]}
    assert (owners[moved], owners[mine]) == (BOB["address"], ADA["address"]) and not {MORE[1], "*@gone.example"} & set(owners)
    assert server.log().count("bootstrap_made") == 7 and server.log().count("bootstrap_differs") == 2
    # What cannot be made leaves nothing behind, and the better file is enough.
    server.stop()
    for refused, why in [([account(CYD, addresses=["c@boot.example"]), account(DEE, addresses=[BOB["address"]])], BOB),
                         ([account(CYD, addresses=["c@boot.example"]), account(DEE, addresses=["C@boot.example"])], CYD)]:
        server.settings["accounts"] = f"[{', '.join(refused)}]"
        server.write_config()
        with pytest.raises(Exception, match=f"cannot be an address of {DEE['address']}: it belongs to {why['address']}"):
            server.start()
    server.settings["accounts"] = f"[{account(DEE, addresses=['c@boot.example'])}, {account(CYD, addresses=['Cyd@boot.example', 'd@boot.example', 'D@boot.example'])}]"
    server.write_config()
    server.start()
    owners = {a["address"]: a.get("account") for a in server.json("address", "list")["items"]}
    assert (owners["c@boot.example"], owners["d@boot.example"]) == (DEE["address"], CYD["address"])


@pytest.mark.parametrize("text,word", [
    ("accounts:\n  - { address: ada, password: long enough for all }\n", "ada"),
    ("accounts:\n  - { address: ada@boot.example, password: short }\n", "12"),
    ("accounts:\n  - { address: ada@boot.example, password: long enough for all, addresses: [ada l] }\n", "ada l"),
    ("accounts:\n  - { address: \"*@boot.example\", password: long enough for all }\n", "catch-all"),
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
