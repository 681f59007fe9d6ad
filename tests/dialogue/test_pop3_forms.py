# SPDX-License-Identifier: Apache-2.0
"""Every form of forms/pop3.forms in every state of a session: status and response code of the answer,
and that the session goes on. The table of commands says which are allowed where; none may lack forms."""
import base64
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import forms  # noqa: E402
import run as dialogue  # noqa: E402

FORMS = forms.load("pop3")
STATES = ("authorization", "transaction")
REFUSALS = {"authorization": "-ERR Log in first", "transaction": "-ERR You are logged in already"}
BAD_MOST = {"authorization": 2, "transaction": 15}  # a few more end the connection
LISTS = re.compile(r"(CAPA|RETR .*|TOP .*|LIST|UIDL|AUTH)$", re.I)  # their +OK is followed by lines up to a dot
ANSWER = re.compile(r"(\+OK|-ERR)(?: \[([A-Z/-]+)\])? .+|\+OK")
MESSAGE = b"From: a@remote.example\r\nSubject: message\r\n\r\n.dot\r\ntext\r\n"


@pytest.fixture(scope="module")
def table(heronry):
    return {c["name"]: c["states"] for c in heronry.json("pop3", "commands")["items"]}


def test_every_command_has_forms(table):
    """At least one that is valid and two that are not, and the bare word; APOP is never valid here."""
    assert set(FORMS) == set(table)
    for name, section in FORMS.items():
        assert any(f.is_valid("+OK") for f in section.forms) or name == "APOP", name
        assert sum(f.is_valid("-ERR") for f in section.forms) >= 2, name
        assert any(f.text == name for f in section.forms), name
        assert section.states() <= set(STATES), name


class Speaker:
    """Gives forms in one state of a session, on one connection as long as it stays as it is."""

    def __init__(self, heronry, state, variables):
        self.facts = dialogue.Facts.load(heronry.facts_path)
        self.state = state
        self.variables = variables
        self.conn = None
        self.bad = 0

    def open(self, is_plain=False):
        self.end()
        self.conn = dialogue.Connection(self.facts, "pop3" if is_plain else "pop3s")
        self.conn.read_line()
        self.bad = 0
        if self.state == "transaction":
            self.must("AUTH PLAIN {plain}".format(**self.variables))

    def end(self):
        """By QUIT, so that the maildrop is free for the next one."""
        if self.conn:
            self.must("QUIT")
            self.leave()

    def leave(self):
        self.conn.expect_close()
        self.conn.close()
        self.conn = None

    def give(self, line, *rest):
        """The first line of the answer; what follows is read up to the dot."""
        rest = list(rest)
        self.conn.send(line + b"\r\n")
        answer = self.conn.read_line()
        while answer.startswith("+ "):
            self.conn.send(rest.pop(0) + b"\r\n")
            answer = self.conn.read_line()
        if answer.startswith("+OK") and LISTS.match(line.decode()):
            while self.conn.read_line() != ".":
                pass
        return answer

    def must(self, text):
        answer = self.give(text.encode())
        assert answer.startswith("+OK"), (text, answer)

    def check(self, section, form, states):
        """None when the form is answered as written, else what came instead."""
        is_allowed = self.state in states
        is_plain = is_allowed and "plain text" in section.options
        is_new = is_allowed and "new session" in section.options
        if self.conn is None or is_plain or is_new or self.bad >= BAD_MOST[self.state]:
            self.open(is_plain)
        if is_allowed and section.given:
            self.must(section.given.replace("${user}", self.variables["user"]))
        answer = self.give(*form.octets(self.variables))
        self.bad += answer.startswith("-ERR")
        self.go_on(section, form, answer)
        if not is_allowed:
            return None if answer == REFUSALS[self.state] else f"{self.state}: {form.text}: {answer}"
        status, code = ANSWER.fullmatch(answer).groups()
        told = f"{status}[{code}]" if code else status or "+OK"
        return None if told == form.outcome(self.state) else f"{self.state}: {form.text}: {answer}"

    def go_on(self, section, form, answer):
        """After a refusal the session is still there."""
        if answer.startswith("-ERR"):
            self.must("CAPA")
        elif section.name == "QUIT":
            self.leave()
        elif section.name == "STLS":
            self.conn.close()
            self.conn = None
        elif section.name == "PASS" or (section.name == "AUTH" and form.text != "AUTH"):
            self.end()
        if self.conn and self.conn.listener == "pop3":
            self.end()


@pytest.fixture
def variables(heronry):
    """A user with a maildrop of some messages."""
    user = heronry.new_user()
    plain = base64.b64encode(f"\0{user['address']}\0{user['password']}".encode()).decode()
    with heronry.imap(login=user) as imap:
        for _ in range(4):
            assert imap.append("INBOX", None, None, MESSAGE)[0] == "OK"
    return {"user": user["address"], "password": user["password"], "plain": plain}


@pytest.mark.parametrize("state", STATES)
def test_every_form_in_every_state(heronry, table, variables, state):
    """As the file says where the command is allowed; elsewhere -ERR with the reason."""
    speaker = Speaker(heronry, state, variables)
    troubles = []
    for name, section in FORMS.items():
        troubles += [speaker.check(section, form, table[name]) for form in section.forms]
    speaker.end()
    troubles = [t for t in troubles if t]
    assert not troubles, "\n".join(troubles)


def test_nothing_is_answered_after_quit(heronry, variables):
    """The third state, UPDATE: a command behind QUIT in the same segment is not read."""
    facts = dialogue.Facts.load(heronry.facts_path)
    for section in FORMS.values():
        for form in section.forms:
            conn = dialogue.Connection(facts, "pop3")
            conn.read_line()
            conn.send(b"QUIT\r\n" + form.octets(variables)[0] + b"\r\n")
            assert conn.read_line() == "+OK Bye", form.text
            conn.expect_close()
            conn.close()
