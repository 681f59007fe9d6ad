# SPDX-License-Identifier: Apache-2.0
"""The table of IMAP commands, as `heronry imap commands` and `heronry imap capabilities` tell it:
no command or capability without a dialogue. Each command in each state: test_imap_forms.py."""
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run as dialogue  # noqa: E402

SCRIPTS = sorted((pathlib.Path(__file__).resolve().parent / "imap").glob("*.dlg"))


@pytest.fixture(scope="module")
def commands(heronry):
    return heronry.json("imap", "commands")["commands"]


def open_in(heronry, state):
    """A connection in the state."""
    conn = dialogue.Connection(dialogue.Facts.load(heronry.facts_path), "imaps")
    conn.read_line()
    user = heronry.user(1)
    steps = {"not-authenticated": [],
             "authenticated": [f'LOGIN "{user["address"]}" "{user["password"]}"'],
             "selected": [f'LOGIN "{user["address"]}" "{user["password"]}"', "SELECT INBOX"]}[state]
    for number, step in enumerate(steps):
        assert give(conn, f"s{number}", step).startswith("OK"), step
    return conn


def give(conn, tag, text):
    """Gives a command and reads up to its tagged answer, which comes back without the tag. What asks
    for more gets a line that ends it."""
    conn.send(f"{tag} {text}\r\n".encode())
    while True:
        line = conn.read_line()
        if line.startswith(f"{tag} "):
            return line.removeprefix(f"{tag} ")
        if line.startswith("+ "):
            conn.send(b"DONE\r\n")
        else:
            assert line.startswith("* "), line


def test_uid_forms(heronry, commands):
    """UID stands only before commands that have such a form."""
    conn = open_in(heronry, "selected")
    for number, command in enumerate(commands):
        if number % 10 == 9:
            conn.close()
            conn = open_in(heronry, "selected")
        answer = give(conn, f"u{number}", f"UID {command['name']}")
        assert ("no UID form" in answer) == (not command["uid_form"]), (command, answer)
    conn.close()


def sent_commands():
    """What scripts send and get an OK for: names of commands, as (name, with UID)."""
    found = set()
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        for tag, uid, name in re.findall(r"^(?:\w+ )?C: ([\w.]+) (UID )?([A-Z]+)", text, re.M):
            if re.search(rf"^(?:\w+ )?S[*!]?:? /?{re.escape(tag)} (OK|\\\(OK|\(OK)", text, re.M):
                found.add((name, bool(uid)))
        if re.search(r"^(?:\w+ )?auth ", text, re.M) or "include login.inc" in text or "include mailbox.inc" in text:
            found.add(("LOGIN", False))
    return found


def test_every_command_has_a_dialogue(commands):
    """A command of the table that no script uses with success has no proof."""
    sent = sent_commands()
    missing = [c["name"] for c in commands if (c["name"], False) not in sent and (c["name"], True) not in sent]
    missing += ["UID " + c["name"] for c in commands if c["uid_form"] and (c["name"], True) not in sent]
    assert not missing, f"no script in tests/dialogue/imap gives these and gets OK: {missing}"


def test_every_capability_has_a_dialogue(heronry):
    """A word that CAPABILITY lists is named by a line "# Capability: WORD" of the script that shows
    it; and no script names one that is not listed."""
    listed = {c["word"].removesuffix("=") for c in heronry.json("imap", "capabilities")["capabilities"]}
    shown = set()
    for script in SCRIPTS:
        for words in re.findall(r"^# Capability: (.+)$", script.read_text(encoding="utf-8"), re.M):
            shown.update(words.split())
    assert not listed - shown, f"no script shows {sorted(listed - shown)}"
    assert not shown - listed, f"scripts show what is not listed: {sorted(shown - listed)}"


def test_capabilities_are_told_as_listed(heronry):
    """The words of CAPABILITY before and after login are those of the table."""
    listed = heronry.json("imap", "capabilities")["capabilities"]
    for state, key in (("not-authenticated", "before_login"), ("authenticated", "after_login")):
        conn = open_in(heronry, state)
        conn.send(b"c CAPABILITY\r\n")
        told = conn.read_line().removeprefix("* CAPABILITY ").split(" ")
        conn.close()
        want = [c["word"] for c in listed if c[key]]
        assert len(told) == len(set(told)), told
        told = [w if "=" not in w or w in want else w.split("=")[0] + "=" for w in told]
        maybe = {c["word"] for c in listed if c["optional"]}
        assert set(told) <= set(want)
        assert [w for w in told if w not in maybe] == [w for w in want if w not in maybe]
