# SPDX-License-Identifier: Apache-2.0
"""A client of the stress test: keeps its own picture of a mailbox from what it is told, over many
connections, and notes what no server may say. `Ledger` is what all clients know together."""
import re
import threading

import imap_raw

SET_PIECE = re.compile(rb"(\d+)(?::(\d+))?")


def numbers(octets):
    """The numbers of a sequence set."""
    out = []
    for first, last in SET_PIECE.findall(octets):
        a, b = int(first), int(last or first)
        out += range(min(a, b), max(a, b) + 1)
    return out


class Ledger:
    """What was said to anybody: which message a UID is, which are gone, the highest modseq."""

    def __init__(self):
        self.lock = threading.Lock()
        self.faults = []
        self.marks = {}       # (mailbox, UID): the mark in the message
        self.gone = {}        # mailbox: UIDs that somebody was told are expunged
        self.highest = {}     # mailbox: the highest modseq that somebody was told
        self.validity = {}    # mailbox: UIDVALIDITY
        self.kept = {}        # (mailbox, UID): mark, of messages that nobody deletes
        self.done = 0         # commands
        self.worked = set()   # what a client did, as a guest or not, with UIDs only or not

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    def same(self, table, key, value, what):
        with self.lock:
            known = table.setdefault(key, value)
        if known != value:
            self.fault(f"{what} of {key}: {value!r}, but it was {known!r}")

    def told_modseq(self, box, modseq):
        with self.lock:
            self.highest[box] = max(self.highest.get(box, 0), modseq)

    def told_gone(self, box, uid):
        with self.lock:
            self.gone.setdefault(box, set()).add(uid)
        if (box, uid) in self.kept:
            self.fault(f"UID {uid} of {box} is gone, and nobody deleted it")

    def snapshot(self, box):
        """What a SELECT that begins now may not fall behind."""
        with self.lock:
            uids = [u for b, u in self.marks if b == box]
            return set(self.gone.get(box, ())), self.highest.get(box, 0), max(uids, default=0)


class Memory:
    """What a client keeps of a mailbox from one connection to the next."""

    def __init__(self):
        self.validity = None
        self.since = 0        # HIGHESTMODSEQ at the last SELECT: asked for changes from there
        self.flags = {}       # by UID; absent: not known, as after a silent STORE of our own
        self.modseq = {}      # by UID
        self.gone = set()     # UIDs that this client was told are expunged


class Client:
    """One client on one mailbox at a time; faults go to the ledger."""

    def __init__(self, server, user, ledger, name, owner=None):
        """With `owner` (a user) the mailboxes are that one's, and the client has rights on them."""
        self.server, self.user, self.ledger, self.name = server, user, ledger, name
        self.top = f'Other Users/{owner["address"]}/' if owner else ""
        self.memories = {}
        self.connection = None
        self.words = set()
        self.resyncs = False
        self.only_uids = False
        self.doing = "connect"
        self.box = None
        self.uids = []        # by message number; None: not asked for yet

    # ---- connections ----

    def connect(self):
        self.connection = imap_raw.Imap(self.server, self.user)
        self.box, self.uids, self.resyncs, self.only_uids = None, [], False, False
        line = self.connection.must("CAPABILITY")[0]
        self.words = set(line.split()[2:])

    def resync(self):
        """Takes QRESYNC for this connection, if it is offered."""
        if b"QRESYNC" in self.words:
            self.connection.must("ENABLE QRESYNC")
            self.resyncs = True

    def give_numbers_up(self):
        """Takes UIDONLY for this connection."""
        self.connection.must("ENABLE UIDONLY")
        self.only_uids = True

    def fetch(self, first, items):
        """Runs FETCH of all messages from this number on; by UID where there are no numbers."""
        if self.only_uids:
            self.run(f"UID FETCH 1:* ({items})", False)
        else:
            self.run(f"FETCH {first}:* (UID {items})", True)

    def path(self, box):
        """The mailbox as this client calls it."""
        return f'"{self.top}{box}"' if self.top else box

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    @property
    def memory(self):
        return self.memories[self.box]

    def fault(self, text):
        self.ledger.fault(f"{self.name}, {self.box}: {text}")

    # ---- SELECT ----

    def select(self, box):
        """Selects, and holds what is told against what everybody knew before."""
        gone, highest, last_uid = self.ledger.snapshot(box)
        memory = self.memories.setdefault(box, Memory())
        self.box, self.uids = box, []
        if self.resyncs and memory.since:
            lines = self.connection.must(f"SELECT {self.path(box)} (QRESYNC ({memory.validity} {memory.since}))", 60)
        else:
            lines = self.connection.must(f"SELECT {self.path(box)} (CONDSTORE)", 60)
        text = b"\n".join(lines)
        validity, modseq, next_uid = (int(re.search(rb"\[%s (\d+)\]" % w, text).group(1))
                                      for w in (b"UIDVALIDITY", b"HIGHESTMODSEQ", b"UIDNEXT"))
        memory.validity = validity
        self.ledger.same(self.ledger.validity, box, validity, "UIDVALIDITY")
        if modseq < highest:
            self.fault(f"SELECT tells HIGHESTMODSEQ {modseq}, but {highest} was told before")
        if next_uid <= last_uid:
            self.fault(f"SELECT tells UIDNEXT {next_uid}, but UID {last_uid} was there before")
        self.take_resync(lines)
        self.compare(modseq, memory.since and self.resyncs, gone)
        memory.since = modseq

    def take_resync(self, lines):
        for line in lines:
            if m := re.match(rb"\* VANISHED \(EARLIER\) (\S+)$", line):
                self.forget(numbers(m.group(1)))
            else:
                self.take("SELECT", line, False)    # what happened meanwhile comes behind

    def forget(self, uids):
        for uid in uids:
            if uid in self.memory.flags:
                self.ledger.told_gone(self.box, uid)
            self.memory.gone.add(uid)
            self.memory.flags.pop(uid, None)
            self.memory.modseq.pop(uid, None)

    def compare(self, modseq, was_resynced, gone):
        """Asks for everything, and holds it against what QRESYNC told."""
        if not self.uids:
            return
        memory = self.memory
        before, seen = dict(memory.flags), dict(memory.modseq)
        self.uids = [None] * len(self.uids)
        self.fetch(1, "FLAGS MODSEQ")
        there = {u for u in self.uids if u is not None}
        if there & gone:
            self.fault(f"UIDs {sorted(there & gone)} came back after they were expunged")
        for uid in there:
            now, at = memory.flags.get(uid), memory.modseq.get(uid, 0)
            if was_resynced and at <= modseq and uid in before and (before[uid] != now or seen.get(uid) != at):
                self.fault(f"QRESYNC did not tell of UID {uid}: {before[uid]} at {seen.get(uid)}, now {now} at {at}")
            if was_resynced and at <= modseq and uid not in before and uid not in seen:
                self.fault(f"QRESYNC did not tell of the new UID {uid}, modseq {at} of {modseq}")
        for uid in {*before, *seen} - there:
            memory.flags.pop(uid, None)
            memory.modseq.pop(uid, None)

    # ---- what comes ----

    def run(self, command, keeps_numbers):
        """Runs a command, takes over what comes with it; gives the tagged line."""
        tag = self.connection.start(command)
        return self.finish(tag, command, keeps_numbers)

    def finish(self, tag, command, keeps_numbers):
        lines = self.hear(tag, command)
        for line in lines[:-1]:
            self.take(command, line, keeps_numbers)
        return lines[-1]

    def hear(self, tag, command):
        """The lines up to the tagged one, which may not say BAD."""
        lines = self.connection.finish(tag, 60)
        self.ledger.done += 1
        if b" OK " in lines[-1]:
            self.ledger.worked.add((self.doing, bool(self.top), self.only_uids))
        if b" BAD " in lines[-1]:
            self.fault(f"{command!r}: {lines[-1]!r}")
        return lines

    def take(self, command, line, keeps_numbers):
        if m := re.match(rb"\* (\d+) EXPUNGE$", line):
            if keeps_numbers or self.resyncs or self.only_uids:
                self.fault(f"{line!r} in {command!r}")
            self.take_expunge(int(m.group(1)), line)
        elif m := re.match(rb"\* VANISHED (\d\S*)$", line):
            if keeps_numbers or not (self.resyncs or self.only_uids):
                self.fault(f"{line!r} in {command!r}")
            self.take_vanished(numbers(m.group(1)))
        elif m := re.match(rb"\* (\d+) EXISTS$", line):
            n = int(m.group(1))
            if n < len(self.uids):
                self.fault(f"{line!r}, but {len(self.uids)} are known")
            self.uids += [None] * (n - len(self.uids))
        elif m := re.match(rb"\* (\d+) FETCH \((.*)\)$", line, re.S):
            if self.only_uids:
                self.fault(f"{line!r} after UIDONLY")
            self.take_fetch(int(m.group(1)), m.group(2), line)
        elif m := re.match(rb"\* (\d+) UIDFETCH \((.*)\)$", line, re.S):
            if not self.only_uids:
                self.fault(f"{line!r} without UIDONLY")
            self.take_uidfetch(int(m.group(1)), m.group(2), line)

    def take_expunge(self, number, line):
        if not 1 <= number <= len(self.uids):
            self.fault(f"{line!r}, but {len(self.uids)} are known")
            return
        uid = self.uids.pop(number - 1)
        if uid is not None:
            self.forget([uid])
            self.ledger.told_gone(self.box, uid)

    def take_vanished(self, uids):
        for uid in uids:
            if uid in self.uids:
                self.uids.remove(uid)
            elif None in self.uids:
                # Which of those that are not known it was, nobody can tell: all are asked for again.
                self.uids = [None] * (len(self.uids) - 1)
            else:
                self.fault(f"VANISHED {uid}, which was not there")
            self.ledger.told_gone(self.box, uid)
        self.forget(uids)

    def take_fetch(self, number, items, line):
        if number > len(self.uids):
            self.fault(f"{line!r}, but {len(self.uids)} are known")
            return
        uid = self.uids[number - 1]
        if m := re.search(rb"\bUID (\d+)", items):
            told = int(m.group(1))
            if uid not in (None, told):
                self.fault(f"{line!r}: number {number} was UID {uid}")
            if told in self.memory.gone:
                self.fault(f"{line!r}: this client was told that UID {told} is expunged")
            uid = self.uids[number - 1] = told
        if uid is None:
            return
        self.take_items(uid, items, line)

    def take_uidfetch(self, uid, items, line):
        if uid in self.memory.gone:
            self.fault(f"{line!r}: this client was told that UID {uid} is expunged")
        if uid not in self.uids:
            known = [u for u in self.uids if u is not None]
            if len(known) == len(self.uids):
                self.fault(f"{line!r}, which is none of {known}")
                return
            self.uids = sorted([*known, uid]) + [None] * (len(self.uids) - len(known) - 1)
        self.take_items(uid, items, line)

    def take_items(self, uid, items, line):
        if m := re.search(rb"Subject: (m\S+)", items):
            self.ledger.same(self.ledger.marks, (self.box, uid), m.group(1), "the message")
        self.take_flags(uid, items, line)

    def take_flags(self, uid, items, line):
        flags = re.search(rb"FLAGS \(([^)]*)\)", items)
        modseq = re.search(rb"MODSEQ \((\d+)\)", items)
        told = frozenset(flags.group(1).split()) - {rb"\Recent"} if flags else None
        if modseq:
            at, before = int(modseq.group(1)), self.memory.modseq.get(uid, 0)
            known = self.memory.flags.get(uid)
            if at < before or (at == before and None not in (told, known) and told != known):
                self.fault(f"{line!r}: modseq was {before}, flags were {known}")
            self.memory.modseq[uid] = at
            self.ledger.told_modseq(self.box, at)
        if flags:
            self.memory.flags[uid] = told

    def learn(self):
        """Asks for the UIDs that are not known, and looks at their order."""
        if None in self.uids:
            self.fetch(self.uids.index(None) + 1, "FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
        known = [uid for uid in self.uids if uid is not None]
        if any(a >= b for a, b in zip(known, known[1:])):
            self.fault(f"UIDs out of order: {known}")

    def settle(self):
        """Hears what is left to hear; what was told before has to be right already."""
        self.run("NOOP", False)
        self.learn()
        told = dict(self.memory.flags)
        if self.uids:
            self.fetch(1, "FLAGS MODSEQ")
        for uid, flags in self.memory.flags.items():
            if told.get(uid, flags) != flags:
                self.fault(f"UID {uid} was told to have {told[uid]} and has {flags}")
