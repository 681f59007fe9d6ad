# SPDX-License-Identifier: Apache-2.0
"""PROMISES R27: clients on two workers change one mailbox at the same time; what each was told must
add up to what is there."""
import random
import re
import threading
import time

import imap_raw

CLIENTS = 8
SECONDS = 12


class Watcher(imap_raw.Imap):
    """A client that keeps its own picture of the mailbox from what it is told."""

    def __init__(self, server, user, box, seed):
        super().__init__(server, user)
        self.random = random.Random(seed)
        self.box = box
        self.uids = []    # by message number; None: not asked for yet
        self.flags = {}   # by UID
        self.modseq = {}  # by UID
        self.uidvalidity = None
        self.faults = []
        self.must("ENABLE CONDSTORE")
        self.run(f"SELECT {box}", keeps_numbers=False)
        self.learn()

    def run(self, command, keeps_numbers):
        """Runs a command and takes over what comes with it; gives the tagged line."""
        lines = self.do(command, timeout=60)
        for line in lines[:-1]:
            self.take(command, line, keeps_numbers)
        return lines[-1]

    def take(self, command, line, keeps_numbers):
        if m := re.match(rb"\* (\d+) EXPUNGE$", line):
            if keeps_numbers:
                self.faults.append(f"{line} in {command}")
            uid = self.uids.pop(int(m.group(1)) - 1)
            self.flags.pop(uid, None)
        elif m := re.match(rb"\* (\d+) EXISTS$", line):
            n = int(m.group(1))
            if n < len(self.uids):
                self.faults.append(f"{line}, but {len(self.uids)} are known")
            self.uids += [None] * (n - len(self.uids))
        elif m := re.match(rb"\* OK \[UIDVALIDITY (\d+)\]", line):
            self.uidvalidity = m.group(1)
        elif m := re.match(rb"\* (\d+) FETCH \((.*)\)$", line, re.S):
            self.take_fetch(int(m.group(1)), m.group(2), line)

    def take_fetch(self, number, items, line):
        if number > len(self.uids):
            self.faults.append(f"{line}, but {len(self.uids)} are known")
            return
        uid = self.uids[number - 1]
        if m := re.search(rb"UID (\d+)", items):
            told = int(m.group(1))
            if uid not in (None, told):
                self.faults.append(f"{line}: number {number} was UID {uid}")
            uid = self.uids[number - 1] = told
        if uid is None:
            return
        if m := re.search(rb"FLAGS \(([^)]*)\)", items):
            self.flags[uid] = frozenset(m.group(1).split())
        if m := re.search(rb"MODSEQ \((\d+)\)", items):
            if int(m.group(1)) < self.modseq.get(uid, 0):
                self.faults.append(f"{line}: modseq fell")
            self.modseq[uid] = int(m.group(1))

    def learn(self):
        """Asks for the UIDs of messages that are new."""
        if None in self.uids:
            self.run(f"FETCH {self.uids.index(None) + 1}:* (UID FLAGS)", keeps_numbers=True)
        known = [uid for uid in self.uids if uid is not None]
        if known != sorted(set(known)):
            self.faults.append(f"UIDs out of order: {known}")

    def some(self):
        """Two message numbers, or None."""
        if not self.uids:
            return None
        first = self.random.randint(1, len(self.uids))
        return first, min(len(self.uids), first + self.random.randint(0, 3))

    def step(self):
        what = self.random.random()
        some = self.some()
        flag = self.random.choice([r"\Seen", r"\Flagged", r"\Answered", "work"])
        sign = self.random.choice("+-")
        if what < 0.30 or not some:
            size = self.random.randint(2, 40)
            self.run(b"APPEND %s {%d+}\r\n%s\r\n" % (self.box.encode(), size + 2, b"x" * size), False)
        elif what < 0.60:
            self.run(f"STORE {some[0]}:{some[1]} {sign}FLAGS ({flag})", True)
        elif what < 0.70 and self.uids[some[0] - 1]:
            uid = self.uids[some[0] - 1]
            self.run(rf"UID STORE {uid} +FLAGS.SILENT (\Deleted)", False)
            self.flags.pop(uid, None)  # silent: nobody said what they are now
        elif what < 0.80:
            self.run("EXPUNGE", False)
        elif what < 0.85:
            self.run(f"COPY {some[0]} {self.box}", False)
        elif what < 0.93:
            self.run(f"FETCH {some[0]}:{some[1]} (FLAGS BODY.PEEK[])", True)
        else:
            self.run("NOOP", False)
        self.learn()

    def settle(self):
        self.run("NOOP", False)
        self.learn()
        if self.uids:
            self.run("FETCH 1:* (UID FLAGS)", True)


def test_everybody_is_told_the_same(heronry):
    user = heronry.new_user()
    with imap_raw.Imap(heronry, user) as first:
        first.must("CREATE Shared")
    watchers = [Watcher(heronry, user, "Shared", seed) for seed in range(CLIENTS)]
    assert len({w.worker() for w in watchers}) == 2 or CLIENTS < 2
    end = time.monotonic() + SECONDS
    broken = []

    def work(watcher):
        try:
            while time.monotonic() < end:
                watcher.step()
        except Exception as e:  # a thread's fault must end the test
            broken.append(e)

    threads = [threading.Thread(target=work, args=(w,)) for w in watchers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken, broken
    assert [fault for w in watchers for fault in w.faults] == []

    before = [(w.run("NOOP", False), dict(w.flags)) and dict(w.flags) for w in watchers]
    for watcher in watchers:
        watcher.settle()
    truth = Watcher(heronry, user, "Shared", 0)
    for told, watcher in zip(before, watchers):
        assert watcher.uids == truth.uids
        assert watcher.flags == truth.flags
        assert watcher.uidvalidity == truth.uidvalidity
        wrong = {uid: (flags, truth.flags[uid]) for uid, flags in told.items() if truth.flags.get(uid, flags) != flags}
        assert not wrong, f"flags that were told differ from what is there: {wrong}"
    assert heronry.psql("SELECT count(*) FROM mailbox_state WHERE msgs < 0 OR unseen < 0 OR deleted < 0") == "0"
    counts = truth.must("STATUS Shared (MESSAGES UNSEEN DELETED)")[0]
    unseen = sum(rb"\Seen" not in f for f in truth.flags.values())
    deleted = sum(rb"\Deleted" in f for f in truth.flags.values())
    assert b"(MESSAGES %d UNSEEN %d DELETED %d)" % (len(truth.uids), unseen, deleted) in counts
    for watcher in [*watchers, truth]:
        watcher.close()
