# SPDX-License-Identifier: Apache-2.0
"""Every form of forms/imap.forms in every state of a session: status and response code of the answer,
and that the session goes on. The table of commands says which are allowed where; none may lack forms."""
import base64
import itertools
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import forms  # noqa: E402
import run as dialogue  # noqa: E402

FORMS = forms.load("imap")
STATES = ("not-authenticated", "authenticated", "selected", "read-only")
STATE_OF_TABLE = {"read-only": "selected"}
ENTER = {"selected": "SELECT {box}", "read-only": "EXAMINE {box}"}
ENDS = ("LOGOUT", "STARTTLS", "COMPRESS")  # nothing can be said in the same way behind their OK
BAD_MOST = {"not-authenticated": 2}  # more end the connection
BAD_MOST_LOGGED_IN = 15
ANSWER = re.compile(r"(OK|NO|BAD)(?: \[([A-Z0-9-]+)[^\]]*\])? .+", re.S)
MESSAGE = b"From: a@remote.example\r\nSubject: message\r\nMessage-ID: <%d@remote.example>\r\n\r\ntext\r\n"


@pytest.fixture(scope="module")
def table(heronry):
    return {c["name"]: c for c in heronry.json("imap", "commands")["items"]}


def test_every_command_has_forms(table):
    """At least one that is valid and two that are not; with UID, one of each; no states but those there are."""
    assert set(FORMS) == set(table)
    for name, section in FORMS.items():
        for uid, most_bad in ((False, 2), (True, 1)):
            if uid and not table[name]["uidForm"]:
                continue
            lines = [f for f in section.forms if f.text.startswith("UID ") == uid]
            assert any(f.is_valid("OK") for f in lines), f"{name}: no valid form, UID: {uid}"
            bad = sum(f.is_valid("BAD") for f in lines)
            assert bad >= most_bad, f"{name}: {bad} invalid forms, UID: {uid}"
        assert any(f.text.split(" >> ")[0] == name for f in section.forms), f"{name}: no form without arguments"
        assert section.states() <= set(STATES), name


class Speaker:
    """Gives forms in one state of a session, on one connection as long as it stays as it is."""

    numbers = itertools.count(1)

    def __init__(self, heronry, state, variables):
        self.facts = dialogue.Facts.load(heronry.facts_path)
        self.state = state
        self.variables = variables
        self.conn = None
        self.bad = 0

    def open(self, is_plain):
        self.close()
        self.conn = dialogue.Connection(self.facts, "imap" if is_plain else "imaps")
        self.conn.read_line()
        self.bad = 0
        if self.state != "not-authenticated":
            self.must("LOGIN {user} {password}".format(**self.variables))
        if self.state in ENTER:
            self.must(ENTER[self.state].format(**self.variables))

    def close(self):
        if self.conn:
            self.conn.close()
            self.conn = None

    def give(self, first, *rest):
        """The tagged answer, without the tag."""
        tag = f"a{next(self.numbers)}"
        rest = list(rest)
        self.conn.send(tag.encode() + b" " + first + b"\r\n")
        while True:
            line = self.conn.read_line()
            if line.startswith(tag + " "):
                return line.removeprefix(tag + " ")
            if line.startswith("+ "):
                assert rest, (first, line)
                self.conn.send(rest.pop(0) + b"\r\n")
            else:
                assert line.startswith("* "), (first, line)

    def must(self, text):
        answer = self.give(text.encode())
        assert answer.startswith("OK"), (text, answer)

    def prepare(self, section):
        """What must be there before a form."""
        variables = self.variables
        variables["new"] = f"new{variables['unique']}-{next(self.numbers)}"
        if section.given:
            self.must(section.given.replace("${new}", variables["new"]))
            variables["given.tag"] = f"a{next(self.numbers) - 1}"

    def check(self, section, form, states):
        """None when the form is answered as written, else what came instead."""
        is_allowed = STATE_OF_TABLE.get(self.state, self.state) in states
        must_open = self.conn is None or self.bad >= BAD_MOST.get(self.state, BAD_MOST_LOGGED_IN)
        if must_open or "new session" in section.options:
            self.open(self.state == "not-authenticated" and (not is_allowed or "plain text" in section.options))
        if is_allowed:
            self.prepare(section)
        answer = self.give(*form.octets(self.variables))
        self.bad += not answer.startswith("OK")
        if answer.startswith("OK") and section.name in ENDS:
            if section.name == "LOGOUT":
                self.conn.expect_close()
            self.close()
        elif not answer.startswith("OK"):
            self.must("NOOP")
        if not is_allowed and form.text.split()[0] != "UID":
            return None if answer == self.refusal(states) else f"{self.state}: {form.text}: {answer}"
        status, code = ANSWER.fullmatch(answer).groups()
        told, want = f"{status}[{code}]" if code else status, form.outcome(self.state) if is_allowed else "BAD"
        return None if told == want else f"{self.state}: {form.text}: {want}, not {answer}"

    def refusal(self, states):
        if states == ["not-authenticated"]:
            return "BAD You have logged in already"
        return f"BAD {'Log in' if self.state == 'not-authenticated' else 'Select a mailbox'} first"


@pytest.fixture
def variables(heronry):
    """What forms name: an administrator with a mailbox of messages, another user, a name of nothing."""
    user = heronry.user(1)
    unique = dialogue.uuid.uuid4().hex[:12]
    plain = base64.b64encode(f"\0{user['address']}\0{user['password']}".encode()).decode()
    with heronry.imap(login=user) as imap:
        assert imap.create(f"forms{unique}")[0] == "OK"
        for number in range(12):
            assert imap.append(f"forms{unique}", None, None, MESSAGE % number)[0] == "OK"
    return {"user": user["address"], "password": user["password"], "other": heronry.user(3)["address"],
            "plain": plain, "domain": user["address"].split("@")[1], "box": f"forms{unique}", "unique": unique,
            "none": f"none{unique}", "new": "new", "given.tag": "given"}


@pytest.mark.parametrize("state", STATES)
def test_every_form_in_every_state(heronry, table, variables, state):
    """As the file says where the command is allowed; elsewhere BAD with the reason."""
    speaker = Speaker(heronry, state, variables)
    troubles = []
    for name, section in FORMS.items():
        troubles += [speaker.check(section, form, table[name]["states"]) for form in section.forms]
    speaker.close()
    troubles = [t for t in troubles if t]
    assert not troubles, "\n".join(troubles)


def test_nothing_is_answered_after_logout(heronry, variables):
    """The fourth state (RFC 9051 section 3.4): a command behind LOGOUT in the same segment is not read."""
    facts = dialogue.Facts.load(heronry.facts_path)
    for section in FORMS.values():
        for form in section.forms:
            conn = dialogue.Connection(facts, "imap")
            conn.read_line()
            conn.send(b"z LOGOUT\r\nb " + form.octets(variables)[0] + b"\r\n")
            assert conn.read_line().startswith("* BYE "), form.text
            assert conn.read_line().startswith("z OK "), form.text
            conn.expect_close()
            conn.close()
