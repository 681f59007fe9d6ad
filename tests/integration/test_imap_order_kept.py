# SPDX-License-Identifier: Apache-2.0
"""What mail is ordered by is kept between two SORTs or THREADs and only joined with what is new. Here mail comes,
goes and moves between two mailboxes on two workers, and each answer is compared: that of SORT with a plain reading
of the octets, that of THREAD with a copy of the mailbox that nobody has ordered before."""
import random
import re

from imap_raw import Imap, on_workers
from search_oracle import DAY, FIRST_DAY, Asker, Message, Writer, in_order
import time

BOXES = ("INBOX", "Other")
FIRST = 40      # messages before the first answer
ROUNDS = 12
SEED = 5256


class World:
    """The mailboxes as they must be: lists of messages by UID."""

    def __init__(self, writer, chance):
        self.writer, self.chance = writer, chance
        self.boxes = {name: [] for name in BOXES}
        self.made = 0

    def octets(self):
        """A message that may answer former ones."""
        self.made += 1
        head = f"Message-ID: <{self.made}@here.example>\r\n"
        if self.chance.random() < 0.6:
            former = sorted(self.chance.sample(range(1, self.made + 3), min(self.made, self.chance.randint(1, 3))))
            head += "References: " + " ".join(f"<{n}@here.example>" for n in former) + "\r\n"
        return head.encode() + self.writer.message()

    def append(self, client, box):
        octets = self.octets()
        arrived = FIRST_DAY + self.chance.randrange(20 * DAY)
        date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(arrived))
        lines = client.append(box, octets, f'() "{date}" ')
        uid = int(re.search(rb"APPENDUID \d+ (\d+)", lines[-1])[1])
        self.boxes[box].append(Message(uid, octets, [], [], arrived))

    def some(self, box):
        return self.chance.sample(self.boxes[box], min(len(self.boxes[box]), self.chance.randint(1, 4)))

    def expunge(self, client, box):
        gone = self.some(box)
        uids = ",".join(str(m.uid) for m in gone)
        client.must(f"SELECT {box}")
        client.must(rf"UID STORE {uids} +FLAGS.SILENT (\Deleted)")
        client.must(f"UID EXPUNGE {uids}")
        self.boxes[box] = [m for m in self.boxes[box] if m not in gone]

    def move(self, client, box):
        other = BOXES[BOXES.index(box) == 0]
        moved = sorted(self.some(box), key=lambda m: m.uid)
        client.must(f"SELECT {box}")
        lines = client.must(f"UID MOVE {','.join(str(m.uid) for m in moved)} {other}")
        new = re.search(rb"COPYUID \d+ \S+ (\d+)", b"".join(lines))
        self.boxes[box] = [m for m in self.boxes[box] if m not in moved]
        for number, message in enumerate(moved):
            message.uid = int(new[1]) + number
            self.boxes[other].append(message)

    def flag(self, client, box):
        client.must(f"SELECT {box}")
        client.must(rf"UID STORE {self.chance.choice(self.boxes[box]).uid} +FLAGS (\Flagged)")

    def change(self, client):
        box = self.chance.choice([name for name in BOXES if self.boxes[name]])
        self.chance.choice((self.append, self.append, self.append, self.expunge, self.move, self.flag))(client, box)


def answer(client, command, word):
    return next(row for row in client.must(command) if row.startswith(b"* " + word))


def compare_sort(client, world, box, asker):
    criteria = asker.criteria()
    words = " ".join(("REVERSE " if is_reverse else "") + name for is_reverse, name in criteria)
    subset = world.chance.random() < 0.3
    some = {m.uid for m in world.some(box)} if subset and world.boxes[box] else {m.uid for m in world.boxes[box]}
    keys = "UID " + ",".join(map(str, some)) if subset and some else "ALL"
    line = answer(client, f"UID SORT ({words}) UTF-8 {keys}", b"SORT")
    want = in_order([m for m in world.boxes[box] if m.uid in some], criteria)
    assert [int(uid) for uid in line.split()[2:]] == want, (box, words, keys)


def compare_thread(clients, box, count, number):
    """By message numbers, which are the same in a copy of all. One client makes the copy, the other asks for it."""
    fresh = f"Fresh{number}"
    algorithm = ("REFERENCES", "REFS", "ORDEREDSUBJECT")[number % 3]
    command = f"THREAD {algorithm} UTF-8 ALL"
    clients[0].must(f"CREATE {fresh}")
    clients[0].must(f"SELECT {box}")
    if count:
        clients[0].must(f"COPY 1:* {fresh}")
    want = answer(clients[0], command, b"THREAD")
    clients[1].must(f"EXAMINE {fresh}")
    assert answer(clients[1], command, b"THREAD") == want, (box, algorithm)
    assert len(re.findall(rb"\d+", want)) == count, (box, algorithm, want)
    clients[1].must(f"EXAMINE {box}")
    assert answer(clients[1], command, b"THREAD") == want, (box, algorithm)


def test_answers_are_those_of_what_is_there(heronry):
    user, chance = heronry.new_user(), random.Random(SEED)
    clients = list(on_workers(heronry, user, 2).values())
    world = World(Writer(chance), chance)
    try:
        clients[0].must("CREATE Other")
        for _ in range(FIRST):
            world.append(clients[0], chance.choice(BOXES))
        for number in range(ROUNDS):
            for _ in range(chance.randint(1, 5)):
                world.change(chance.choice(clients))
            for client in clients:
                for box in BOXES:
                    asker = Asker(chance, world.boxes[box])
                    client.must(f"SELECT {box}")
                    for _ in range(3):
                        compare_sort(client, world, box, asker)
            box = chance.choice(BOXES)
            compare_thread(clients, box, len(world.boxes[box]), number)
    finally:
        for client in clients:
            client.close()


def test_a_client_that_was_not_told_of_an_expunge_sorts_what_it_knows(heronry):
    """A mailbox that was ordered before; two sessions with different pictures of it."""
    user, chance = heronry.new_user(), random.Random(SEED)
    world = World(Writer(chance), chance)
    clients = list(on_workers(heronry, user, 2).values())
    first, second = Imap(heronry, user), clients[0]
    try:
        for _ in range(6):
            world.append(second, "INBOX")
        first.must("SELECT INBOX")
        compare_sort(first, world, "INBOX", Asker(chance, world.boxes["INBOX"]))
        # FETCH, STORE and SEARCH by number may not tell of an expunge (RFC 9051 section 7.5.1).
        before = answer(first, "SORT (REVERSE SUBJECT DATE) UTF-8 ALL", b"SORT")
        world.expunge(second, "INBOX")
        assert answer(first, "SORT (REVERSE SUBJECT DATE) UTF-8 ALL", b"SORT") == before
        world.append(second, "INBOX")
        second.must("SELECT INBOX")
        compare_sort(second, world, "INBOX", Asker(chance, world.boxes["INBOX"]))
        assert len(answer(first, "SORT (REVERSE SUBJECT DATE) UTF-8 ALL", b"SORT").split()) >= len(before.split())
        first.must("NOOP")
        compare_sort(first, world, "INBOX", Asker(chance, world.boxes["INBOX"]))
    finally:
        for client in (first, *clients):
            client.close()
