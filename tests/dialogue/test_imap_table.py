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
    return heronry.json("imap", "commands")["items"]


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
        assert ("no UID form" in answer) == (not command["uidForm"]), (command, answer)
    conn.close()


def lines_of(script):
    """Its lines, with those of what it includes."""
    for line in script.read_text(encoding="utf-8").splitlines():
        if line.startswith("include "):
            yield from lines_of(script.parent / line.split()[1])
        else:
            yield line


LINE = re.compile(r'(?:([A-Z]\w*) )?(?:(C: |send-raw ")(?P<tag>[\w.]+) (?P<command>.*)|S[*]?: /?(?P<answered>[\w.]+) (?P<status>OK|NO|BAD)\b.*'
                  r"|auth .*|S{)")


def granted(script):
    """The commands that the script sends and gets an OK for: without the tag, as text in upper case. Each connection
    answers its own."""
    found, waiting, group = [], {}, ""
    for line in lines_of(script):
        m = LINE.fullmatch(line)
        if not m:
            group = "" if line == "}" else group
            continue
        connection = m.group(1) or group
        if m["tag"]:
            waiting[connection, m["tag"]] = m["command"].upper()
        elif m["answered"]:
            command = waiting.pop((connection, m["answered"]), None)
            found += [command] if command and m["status"] == "OK" else []
        elif line.endswith("S{"):
            group = connection
        else:
            found.append("LOGIN")
    return found


def name_of(command):
    """The command's name, and whether it has UID before it."""
    uid, name = re.match(r"(UID )?([A-Z]*)", command).groups()
    return name, bool(uid)


def test_every_command_has_a_dialogue(commands):
    """A command of the table that no script uses with success has no proof."""
    sent = {name_of(command) for script in SCRIPTS for command in granted(script)}
    missing = [c["name"] for c in commands if (c["name"], False) not in sent and (c["name"], True) not in sent]
    missing += ["UID " + c["name"] for c in commands if c["uidForm"] and (c["name"], True) not in sent]
    assert not missing, f"no script in tests/dialogue/imap gives these and gets OK: {missing}"


# A login by these needs a proof that is computed, or a token of the API: test_sasl.py. And one word says that its command
# is refused.
NOT_BY_SCRIPT = {"AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-256-PLUS", "AUTH=OAUTHBEARER", "AUTH=XOAUTH2", "LOGINDISABLED"}


def is_use_of(capability, command):
    """Whether the command is the capability's: what the word says behind "=", or what is to be enabled, is an argument."""
    if name_of(command)[0] != capability["command"]:
        return False
    word = capability["word"]
    head, _, rest = word.partition("=")
    if capability["command"] == "ENABLE" and word != "ENABLE":
        return word in command
    return rest in command if head in (capability["command"], "AUTH") else True


def test_every_capability_has_a_dialogue(heronry):
    """A word that CAPABILITY lists is named by a line "# Capability: WORD" of the script that shows it, which gives the
    word's command and gets OK; and no script names one that is not listed."""
    listed = {c["word"].removesuffix("="): c for c in heronry.json("imap", "capabilities")["items"]}
    shown, unused = set(), []
    for script in SCRIPTS:
        given = granted(script)
        for word in " ".join(re.findall(r"^# Capability: (.+)$", script.read_text(encoding="utf-8"), re.M)).split():
            shown.add(word)
            capability = listed.get(word)
            if capability and capability["command"] and word not in NOT_BY_SCRIPT and not any(is_use_of(capability, c) for c in given):
                unused.append((script.name, word))
    assert not listed.keys() - shown, f"no script shows {sorted(listed.keys() - shown)}"
    assert not shown - listed.keys(), f"scripts show what is not listed: {sorted(shown - listed.keys())}"
    assert not unused, f"scripts that do not use with success what they name: {unused}"


def test_capabilities_are_told_as_listed(heronry):
    """The words of CAPABILITY before and after login are those of the table."""
    listed = heronry.json("imap", "capabilities")["items"]
    for state, key in (("not-authenticated", "beforeLogin"), ("authenticated", "afterLogin")):
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
