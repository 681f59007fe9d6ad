# SPDX-License-Identifier: Apache-2.0
"""PROMISES R27: many clients change the same mailboxes over two frontends of two workers each, in phases
quietly and while workers, whole frontends and connections of the database are killed. Every third one is another
account with rights on the mailboxes, whose \\Seen is its own; two know no message numbers (UIDONLY). Each keeps its
own picture; no client may be told what cannot be, what was answered OK stays, and in the end all pictures are the same.

Longer: pytest tests/integration/test_imap_stress.py --stress-seconds 7200; --stress-seed repeats the choices."""
import os
import random
import re
import signal
import threading
import time
import traceback

import pytest

import imap_raw
import outside
from imap_picture import Client, Ledger, numbers

CLIENTS = 9
BOXES = ("Alpha", "Beta")
FLAGS = (r"\Seen", r"\Flagged", r"\Answered", r"\Draft", "work", "$Junk")
KEPT = b"mk"    # begins the marks of messages that nobody deletes
KINDS = ("replace", "catenate", "deleted", "copy", "move", "store", "fetch", "search", "expunge")
STEP_S, MOST_S = 30, 300
MOST = 150      # messages, from which on clients rather delete


class Restless(Client):
    """A client that does something random, again and again."""

    def __init__(self, server, user, ledger, number, seed, owner=None):
        super().__init__(server, user, ledger, f"client {number}", owner)
        self.random = random.Random(f"{seed}.{number}")
        self.number = number
        self.appended = 0

    def start(self):
        self.connect()
        if self.number % 2:
            self.resync()
        if self.number % 9 in (4, 5):
            self.give_numbers_up()
        if self.number % 3 == 0 and b"NOTIFY" in self.words:
            self.connection.must("NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange)) "
                                 "(personal (MessageNew MessageExpunge FlagChange))")
        self.select(self.random.choice(BOXES))
        self.learn()

    def some(self):
        first = self.random.randint(1, len(self.uids))
        return first, min(len(self.uids), first + self.random.randint(0, 3))

    def span(self, word, first, last):
        """The command for messages of these numbers, as this client may say it."""
        uids = ",".join(map(str, self.uids[first - 1:last]))
        return f"UID {word} {uids}" if self.only_uids else f"{word} {first}:{last}"

    def loose_uids(self):
        """Some UIDs here of messages that may be deleted."""
        marks = ((u, self.ledger.marks.get((self.box, u))) for u in self.uids if u is not None)
        free = [u for u, mark in marks if mark and not mark.startswith(KEPT)]
        return self.random.sample(free, min(len(free), self.random.randint(1, 4)))

    def step(self):
        if None in self.uids:    # the last time the database did not tell
            self.learn()
            return
        names, weights = zip(*STEPS.items())
        full = len(self.uids) > MOST
        todo = self.random.choices(names, weights)[0]
        if not self.uids:
            todo = "append"
        elif full and todo in ("append", "copy", "catenate"):
            todo = "expunge"
        self.doing = todo
        getattr(self, "do_" + todo)()
        self.learn()

    # ---- what it does ----

    def do_append(self):
        """Every eighth message is one that nobody deletes: when the server says OK, it stays."""
        word = KEPT.decode() if self.appended % 8 == 0 else "m"
        mark, text = self.letter(word)
        flags = rf"({self.random.choice(FLAGS)}) " if self.random.random() < 0.5 else ""
        answer = self.run(f"APPEND {self.path(self.box)} {flags}".encode() + b"{%d+}\r\n%s" % (len(text), text), False)
        if where := self.note_new(answer, mark):
            if word != "m":
                self.ledger.same(self.ledger.kept, where, mark.encode(), "the kept message")

    def letter(self, word):
        """The mark of a new message, and its octets."""
        mark = f"{word}{self.number}.{self.appended}.{self.random.getrandbits(40):x}"
        self.appended += 1
        return mark, f"Subject: {mark}\r\nFrom: a@example.org\r\n\r\n{'x' * self.random.randint(2, 400)}\r\n".encode()

    def note_new(self, line, mark):
        if m := re.search(rb"OK \[APPENDUID (\d+) (\d+)\]", line):
            where = (self.box, int(m.group(2)))
            self.ledger.same(self.ledger.marks, where, mark.encode(), "the new message")
            return where
        return None

    def do_replace(self):
        uids = self.loose_uids()[:1]
        if uids:
            mark, text = self.letter("m")
            command = f"UID REPLACE {uids[0]} {self.path(self.box)} ".encode() + b"{%d+}\r\n%s" % (len(text), text)
            for line in self.hear(self.connection.start(command), command)[:-1]:
                self.note_new(line, mark)
                self.take(command, line, False)

    def do_catenate(self):
        """The header is new, the text that of a message which may be gone by then: NO [BADURL]."""
        mark, text = self.letter("m")
        head = text[:text.index(b"\r\n\r\n") + 4]
        url = f";UID={self.uids[self.some()[0] - 1]}/;SECTION=TEXT"
        command = (f"APPEND {self.path(self.box)} CATENATE (TEXT ".encode() + b"{%d+}\r\n%s" % (len(head), head) +
                   f' URL "{url}")'.encode())
        self.note_new(self.run(command, False), mark)

    def do_deleted(self):
        """What anybody marked as deleted goes, or stays after all."""
        uids = [u for u in self.uids if rb"\Deleted" in self.memory.flags.get(u, ())]
        some = ",".join(map(str, uids))
        if uids and self.random.random() < 0.5:
            self.run(f"UID EXPUNGE {some}", False)
        elif uids:
            self.run(rf"UID STORE {some} -FLAGS (\Deleted)", False)

    def do_store(self):
        first, last = self.some()
        sign = self.random.choice(("+", "-", ""))
        flags = " ".join(self.random.sample(FLAGS, self.random.randint(1, 2)))
        self.run(f"{self.span('STORE', first, last)} {sign}FLAGS ({flags})", not self.only_uids)

    def do_silent(self):
        self.store_silently([self.uids[self.some()[0] - 1]], f"{self.random.choice('+-')}FLAGS.SILENT ({self.random.choice(FLAGS)})")

    def store_silently(self, uids, change):
        """Nobody says what the flags are then."""
        try:
            self.run(f"UID STORE {','.join(map(str, uids))} {change}", False)
        finally:
            for uid in uids:
                self.memory.flags.pop(uid, None)

    def do_unchanged(self):
        uid = self.uids[self.some()[0] - 1]
        at = self.memory.modseq.get(uid)
        if at is None:
            return
        answer = self.run(f"UID STORE {uid} (UNCHANGEDSINCE {at}) +FLAGS ({self.random.choice(FLAGS)})", False)
        modified = re.search(rb"\[MODIFIED (\S+)\]", answer)
        if modified and numbers(modified.group(1)) != [uid]:
            self.fault(f"UID STORE of {uid}: {answer!r}")

    def do_delete(self):
        uids = self.loose_uids()
        if uids:
            self.store_silently(uids, r"+FLAGS.SILENT (\Deleted)")

    def do_expunge(self):
        self.do_delete()
        self.run("EXPUNGE", False)

    def do_uid_expunge(self):
        uids = self.loose_uids()
        if uids:
            self.run(f"UID EXPUNGE {','.join(map(str, uids))}", False)

    def transfer(self, word):
        other = self.random.choice(BOXES)
        uids = self.loose_uids()
        if not uids or (word == "MOVE" and other == self.box):
            return
        command = f"UID {word} {','.join(map(str, uids))} {self.path(other)}"
        lines = self.hear(self.connection.start(command), command)
        for line in lines:
            if m := re.search(rb"\[COPYUID (\d+) (\S+) (\S+)\]", line):
                for source, target in zip(numbers(m.group(2)), numbers(m.group(3))):
                    mark = self.ledger.marks.get((self.box, source))
                    if mark:
                        self.ledger.same(self.ledger.marks, (other, target), mark, "the copied message")
        for line in lines[:-1]:
            self.take(command, line, False)

    def do_copy(self):
        self.transfer("COPY")

    def do_move(self):
        self.transfer("MOVE")

    def do_fetch(self):
        first, last = self.some()
        self.run(f"{self.span('FETCH', first, last)} (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])", not self.only_uids)

    def do_uid_fetch(self):
        at = self.random.choice(list(self.memory.modseq.values()) or [1])
        extra = " VANISHED" if self.resyncs else ""
        command = f"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {at}{extra})"
        for line in self.hear(self.connection.start(command), command)[:-1]:
            if not line.startswith(b"* VANISHED (EARLIER)"):
                self.take(command, line, False)

    def do_search(self):
        self.search(self.random.choice(FLAGS), False)

    def search_all(self):
        """Nobody changes anything meanwhile."""
        for flag in FLAGS:
            self.search(flag, True)

    def search(self, flag, is_quiet):
        """The answer has no number that is not known; when it is quiet, it agrees with the picture."""
        key = flag[1:].upper() if flag.startswith("\\") else f"KEYWORD {flag}"
        names = list(self.uids) if self.only_uids else list(range(1, len(self.uids) + 1))
        before = [(u, self.memory.flags.get(u)) for u in self.uids]
        command = f"{'UID ' if self.only_uids else ''}SEARCH RETURN (ALL COUNT) {key}"
        lines = self.hear(self.connection.start(command), command)
        found, count = set(), None
        for line in lines[:-1]:
            if line.startswith(b"* ESEARCH"):
                count = int(re.search(rb"COUNT (\d+)", line).group(1))
                found = set(numbers(m.group(1))) if (m := re.search(rb" ALL (\S+)", line)) else set()
            else:
                self.take("SEARCH", line, not self.only_uids)
        if b" OK " in lines[-1] and (count != len(found) or found - set(names)):
            self.fault(f"{command}: {lines!r}, of {names}")
        for name, (uid, flags) in zip(names, before):
            now = self.memory.flags.get(uid)
            known = {flag.encode() in f for f in (flags, now) if f is not None}
            if flags is not None and (name in found) not in known and is_quiet:
                self.fault(f"{command}: {name in found} for {name} with {flags}, {now}")

    def do_idle(self):
        tag = self.connection.start("IDLE")
        end = time.monotonic() + self.random.random() * 0.4
        while (left := end - time.monotonic()) > 0:
            try:
                line = self.connection.line(left)
            except TimeoutError:
                break
            if not line.startswith(b"+"):
                self.take("IDLE", line, False)
        self.connection.send(b"DONE\r\n")
        self.finish(tag, "IDLE", False)

    def do_status(self):
        box = self.random.choice(BOXES)
        gone, highest, last = self.ledger.snapshot(box)
        command = f"STATUS {self.path(box)} (MESSAGES UIDNEXT HIGHESTMODSEQ)"
        for line in self.hear(self.connection.start(command), command)[:-1]:
            if m := re.match(rb"\* STATUS %s \(MESSAGES \d+ UIDNEXT (\d+) HIGHESTMODSEQ (\d+)\)" % self.path(box).encode(), line):
                if int(m.group(1)) <= last or int(m.group(2)) < highest:
                    self.fault(f"{line!r}, but UID {last} and modseq {highest} were told before")
            else:
                self.take(command, line, False)

    def do_noop(self):
        self.run("NOOP", False)

    def do_select(self):
        if self.random.random() < 0.3:
            self.connection.must("UNSELECT")
        self.select(self.random.choice(BOXES))

    def do_reconnect(self):
        self.close()
        self.start()


STEPS = {"append": 20, "replace": 4, "catenate": 3, "deleted": 3, "store": 20, "silent": 5, "unchanged": 6, "delete": 4, "expunge": 6, "uid_expunge": 3, "copy": 4,
         "move": 5, "fetch": 6, "uid_fetch": 4, "search": 6, "idle": 4, "status": 4, "noop": 6, "select": 3, "reconnect": 1}


class Crowd:
    """All clients, each in a thread of its own, for some seconds; by turns on the frontends."""

    def __init__(self, frontends, seed):
        self.frontends, self.seed, self.ledger = frontends, seed, Ledger()
        self.user, self.guest = frontends[0].new_user(), frontends[0].new_user()
        with imap_raw.Imap(frontends[0], self.user) as first:
            for box in BOXES:
                first.must(f"CREATE {box}")
                first.must(f"SETACL {box} {self.guest['address']} lrswite")
        self.clients = [self.client(frontends[n % len(frontends)], n, seed) for n in range(CLIENTS)]
        self.broken = []

    def client(self, server, number, seed):
        """Every third one is the guest."""
        if number % 3 == 1:
            return Restless(server, self.guest, self.ledger, number, seed, self.user)
        return Restless(server, self.user, self.ledger, number, seed)

    def work(self, client, end, may_break):
        while time.monotonic() < end and not self.broken:
            try:
                if client.connection is None:
                    client.start()
                client.step()
            except (OSError, EOFError) as e:
                client.close()
                if not may_break:
                    self.broken.append(traceback.format_exc() + client.server.log()[-2000:])
                time.sleep(0.05)
            except Exception as e:  # a thread's fault must end the test
                if may_break and re.search("BYE|NO .UNAVAILABLE", repr(e)):
                    client.close()
                    continue
                self.broken.append(traceback.format_exc())

    def run(self, seconds, kill=None):
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self.work, args=(c, end, kill is not None)) for c in self.clients]
        for thread in threads:
            thread.start()
        while kill and time.monotonic() < end:
            time.sleep(min(4, max(0, end - time.monotonic())))
            kill()
        for thread in threads:
            thread.join()
        assert not self.broken + self.ledger.faults, "\n".join(self.ledger.faults + self.broken)

    def run_until(self, enough, seconds, kill=None):
        """So long at least; a busy machine goes on until that was enough, for five minutes at most."""
        self.run(seconds, kill)
        last = time.monotonic() + MOST_S
        while not enough() and time.monotonic() < last:
            self.run(STEP_S, kill)

    def missing(self):
        """What no client of a kind has done yet, with success."""
        return [(kind, guest, only_uids) for kind in KINDS for guest in (False, True) for only_uids in (False, True)
                if (kind, guest, only_uids) not in self.ledger.worked]

    def end(self):
        """Everybody hears the rest; then all have the same picture as one who comes new."""
        for client in self.clients:
            self.make_sure(client)
        for box in BOXES:
            for client in self.clients:
                if client.box != box:
                    client.select(box)
                client.settle()
                client.search_all()
            truth = Client(self.frontends[0], self.user, self.ledger, "a new client")
            truth.connect()
            truth.select(box)
            truth.learn()
            self.compare(truth)
            truth.close()
        assert self.ledger.faults == []

    @staticmethod
    def make_sure(client):
        """A connection that works: the last kill may not have been noticed yet."""
        end = time.monotonic() + 90
        while True:
            try:
                if client.connection is None:
                    client.start()
                if b" OK " in client.run("NOOP", False):
                    return
            except (OSError, EOFError):
                client.close()
            except AssertionError as e:
                assert "NO [UNAVAILABLE]" in str(e)
                client.close()
            assert time.monotonic() < end, "nobody could log in after the kills"
            time.sleep(0.1)

    def compare(self, truth):
        box = truth.box
        for client in self.clients:
            assert client.uids == truth.uids, (client.name, box)
            own = {rb"\Seen"} if client.top else set()    # of each account itself
            flags = {uid: told - own for uid, told in client.memory.flags.items()}
            assert flags == {uid: told - own for uid, told in truth.memory.flags.items()}, (client.name, box)
            assert client.memory.modseq == truth.memory.modseq, (client.name, box)
        there = set(truth.uids)
        kept = {uid: mark for (name, uid), mark in self.ledger.kept.items() if name == box}
        assert set(kept) <= there, f"answered OK and lost: {sorted(set(kept) - there)}"
        if truth.uids:
            truth.run("FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])", True)
        flags = truth.memory.flags.values()
        status = truth.connection.must(f"STATUS {box} (MESSAGES UNSEEN DELETED)")[0]
        unseen, deleted = sum(rb"\Seen" not in f for f in flags), sum(rb"\Deleted" in f for f in flags)
        assert b"(MESSAGES %d UNSEEN %d DELETED %d)" % (len(there), unseen, deleted) in status

    def close(self):
        for client in self.clients:
            client.close()


@pytest.fixture
def stress(pytestconfig):
    seed = pytestconfig.getoption("--stress-seed") or random.SystemRandom().getrandbits(32)
    print(f"--stress-seed {seed}")
    return seed, pytestconfig.getoption("--stress-seconds")


@pytest.fixture(scope="module")
def frontends():
    with outside.cluster(2) as instances:
        yield instances


def test_everybody_is_told_the_same(frontends, stress):
    seed, seconds = stress
    crowd = Crowd(frontends, seed)
    for _ in range(50):
        for client in crowd.clients:
            client.close()
            client.start()
        workers = {c.connection.worker() for c in crowd.clients}
        if len(workers) > len(frontends):
            break
    assert len(workers) > len(frontends), "all clients of a frontend came to one worker"

    def is_busy():
        return crowd.ledger.done > 20 * CLIENTS and len(crowd.ledger.marks) > CLIENTS

    crowd.run_until(lambda: is_busy() and not crowd.missing(), seconds / 2)
    crowd.end()
    assert is_busy() and crowd.missing() == []
    print(f"{crowd.ledger.done} commands, {len(crowd.ledger.marks)} messages")
    assert frontends[0].psql("SELECT count(*) FROM mailbox_state WHERE msgs < 0 OR unseen < 0 OR deleted < 0") == "0"
    crowd.close()


def test_also_while_frontends_are_killed(frontends, stress):
    seed, seconds = stress
    crowd = Crowd(frontends, seed)
    chance = random.Random(seed)
    killed = []

    def kill():
        """A worker, some connections of the database, then a whole frontend, which comes back."""
        victim = chance.choice(frontends)
        killed.append(victim)
        if len(killed) % 3 == 2:
            frontends[0].psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                              "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 4")
            return
        if len(killed) % 3 == 0:
            victim.kill()
            victim.start()
            return
        fronts = [pid for name, pid in victim.pids().items() if name.startswith("front")]
        if fronts:
            os.kill(chance.choice(fronts), signal.SIGKILL)

    def is_busy():
        return len(killed) >= 3 and crowd.ledger.done > 10 * CLIENTS

    crowd.run_until(is_busy, seconds / 2, kill)
    crowd.end()
    assert is_busy()
    print(f"{len(killed)} kills, {crowd.ledger.done} commands, {len(crowd.ledger.marks)} messages")
    crowd.close()
