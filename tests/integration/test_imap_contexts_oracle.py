# SPDX-License-Identifier: Apache-2.0
"""CONTEXT=SEARCH and CONTEXT=SORT (RFC 5267) against asking anew: a client keeps the results of several
searches by what it is told (ADDTO, REMOVEFROM), while another one delivers, changes and expunges mail."""
import random
import re

from imap_raw import Imap
from search_oracle import Asker, Message, Writer

MESSAGES = 30
ROUNDS = 25
SEED = 5267
SORTS = ("SUBJECT", "REVERSE DATE", "SIZE FROM")
# Keys whose answer the other client changes all the time.
MOVING = (b"UNSEEN", b"FLAGGED", b"KEYWORD work", b"OR SEEN FLAGGED", b"NOT KEYWORD work", b"ALL", b"UNDELETED LARGER 700")


def uids_of(text):
    """A set in the order in which it is written."""
    out = []
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        first, last = int(first), int(last or first)
        out += range(first, last + 1) if first <= last else range(first, last - 1, -1)
    return out


class Kept:
    """One context as its client knows it."""

    def __init__(self, client, sort, program):
        self.sort, self.program = sort, program
        self.command = f"UID SORT RETURN ({{}}ALL) ({sort}) UTF-8 ".encode() if sort else b"UID SEARCH RETURN ({}ALL) CHARSET UTF-8 "
        lines = client.must(self.command.replace(b"{}", b"UPDATE ") + program)
        self.tag, self.uids = lines[-1].split()[0], self.found(lines)

    @staticmethod
    def found(lines):
        line = next(row for row in lines if row.startswith(b"* ESEARCH"))
        has = re.search(rb" ALL ([0-9:,]+)", line)
        return uids_of(has[1]) if has else []

    def take(self, line):
        """What an untagged ESEARCH with the tag of the context says, pair by pair."""
        for what, pairs in re.findall(rb" (ADDTO|REMOVEFROM) \(([^)]*)\)", line):
            words = pairs.split()
            for position, uids in zip(map(int, words[::2]), map(uids_of, words[1::2])):
                for n, uid in enumerate(uids):
                    if what == b"ADDTO":
                        assert uid not in self.uids, (line, self.uids)
                        self.uids.insert(position - 1 + n if self.sort else len(self.uids), uid)
                    else:
                        assert not self.sort or self.uids[position - 1] == uid, (line, self.uids)
                        self.uids.remove(uid)
        if not self.sort:
            self.uids.sort()

    def check(self, client):
        fresh = self.found(client.must(self.command.replace(b"{}", b"") + self.program))
        assert self.uids == fresh, (self.sort, self.program, self.uids, fresh)


def disturb(client, writer, chance):
    """Some changes by the other client."""
    for _ in range(chance.randint(1, 4)):
        some = ",".join(str(chance.randint(1, MESSAGES * 2)) for _ in range(chance.randint(1, 4)))
        kind = chance.random()
        if kind < 0.6:
            sign, flag = chance.choice("+-"), chance.choice(("\\Seen", "\\Flagged", "work", "\\Deleted"))
            client.must(f"UID STORE {some} {sign}FLAGS.SILENT ({flag})")
        elif kind < 0.8:
            client.append("INBOX", writer.message(), chance.choice(("", "(\\Seen) ", "(work) ")))
        else:
            client.must("EXPUNGE")


def keep_up(client, contexts):
    """NOOP, and what it says goes to the contexts by tag. Gives how many were told something."""
    told = 0
    for line in client.must("NOOP")[:-1]:
        if has := re.match(rb'\* ESEARCH \(TAG "([^"]+)"\)', line):
            contexts[has[1]].take(line)
            told += 1
        assert b"NOUPDATE" not in line, line
    return told


def test_results_that_are_kept_are_those_of_a_new_search(heronry):
    user, chance = heronry.new_user(), random.Random(SEED)
    writer = Writer(chance)
    with Imap(heronry, user) as client, Imap(heronry, user) as other:
        messages = []
        for uid in range(1, MESSAGES + 1):
            octets = writer.message()
            client.append("INBOX", octets)
            messages.append(Message(uid, octets, [], [], 0))
        client.must("SELECT INBOX")
        other.must("SELECT INBOX")
        asker = Asker(chance, messages)
        programs = [(sort, key) for sort in (None, *SORTS) for key in chance.sample(MOVING, 3)]
        programs += [(None, asker.text_key()[0] + b" UNSEEN"), ("SUBJECT", b"NOT (" + asker.text_key()[0] + b")")]
        kept = [Kept(client, sort, program) for sort, program in programs]
        contexts = {one.tag: one for one in kept}
        told = 0
        for _ in range(ROUNDS):
            disturb(other, writer, chance)
            told += keep_up(client, contexts)
            for one in chance.sample(kept, 4):
                one.check(client)
        for one in kept:
            one.check(client)
        assert told > ROUNDS, told
