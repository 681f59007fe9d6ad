# SPDX-License-Identifier: Apache-2.0
"""Reads forms/*.forms: for each command of a protocol lines that are valid and lines that are not, with
what the server answers in each state of a session. Not for giving them: test_imap_forms.py does."""
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent / "forms"
OUTCOME = r"[+A-Z-]+(?:\[[A-Z0-9/-]+\])?"
FORM = re.compile(rf"((?:{OUTCOME})(?:, [a-z-]+ (?:{OUTCOME}))*): (.*)")
OCTETS = {"CRLF": "\r\n", "LF": "\n"}


class Form:
    """One line, and what is answered to it."""

    def __init__(self, outcomes, text):
        self.default, *others = outcomes.split(", ")
        self.by_state = dict(item.split(" ") for item in others)
        self.text = text

    def outcome(self, state):
        return self.by_state.get(state, self.default)

    def is_valid(self, good):
        return self.default.startswith(good)

    def octets(self, variables):
        """What is sent: the line, and then, one after the other, what is sent for each "+"."""
        text = re.sub(r"\$\{(\w[\w.]*)\}", lambda m: str(value_of(variables, m.group(1))), self.text)
        return [encode(part) for part in text.split(" >> ")]


class Section:
    """A command: `given` runs before each form where the command is allowed."""

    def __init__(self, name, options):
        self.name = name
        self.options = set(options)
        self.given = None
        self.forms = []

    def states(self):
        return {state for form in self.forms for state in form.by_state}


def value_of(variables, name):
    base, _, of = name.partition(".")
    return len(variables[base]) if of == "length" else variables[name]


def encode(text):
    """The octets; <CRLF>, <LF> and <00> stand for themselves."""
    def octet(m):
        return OCTETS.get(m.group(1)) or chr(int(m.group(1), 16))
    return re.sub(r"<(CRLF|LF|[0-9A-F]{2})>", octet, text).encode()


def load(name):
    """{command: Section} of forms/<name>.forms."""
    sections, section = {}, None
    for number, line in enumerate((FOLDER / f"{name}.forms").read_text(encoding="utf-8").splitlines(), 1):
        where = f"{name}.forms:{number}"
        if not line or line.startswith("#"):
            continue
        if head := re.fullmatch(r"\[([A-Z0-9]+)\] ?(.*)", line):
            assert head.group(1) not in sections, f"{where}: a second section of this command"
            section = sections[head.group(1)] = Section(head.group(1), filter(None, head.group(2).split(", ")))
        elif line.startswith("given "):
            section.given = line.removeprefix("given ")
        else:
            form = FORM.fullmatch(line)
            assert form and section, f"{where}: neither a command nor a form: {line}"
            section.forms.append(Form(*form.groups()))
    return sections
