# SPDX-License-Identifier: Apache-2.0
"""SEARCH and SORT against a plain reading: random messages (charsets, encoded words, attachments), random programs
of keys, and the answer compared with what Python makes of the octets. Before the index knows the mail, and
after."""
import random
import time

from conftest import wait_until
from imap_raw import Imap
from search_oracle import DAY, FIRST_DAY, Asker, Message, Writer, in_order

MESSAGES = 120
PROGRAMS = 220
ORDERS = 40
SEED = 20261121


def fill(client, chance):
    writer, messages = Writer(chance), []
    for uid in range(1, MESSAGES + 1):
        octets = writer.message()
        flags = [f for f in ("\\Seen", "\\Flagged", "\\Answered") if chance.random() < 0.4]
        keywords = ["work"] if chance.random() < 0.3 else []
        arrived = FIRST_DAY + chance.randrange(20 * DAY)
        date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(arrived))
        client.append("INBOX", octets, f'({" ".join(flags + keywords)}) "{date}" ')
        messages.append(Message(uid, octets, flags, keywords, arrived))
    return messages


def compare(client, asker, messages, count):
    found = 0
    for number in range(count):
        program, holds = asker.program()
        want = [m.uid for m in messages if holds(m)]
        line = next(row for row in client.must(b"UID SEARCH CHARSET UTF-8 " + program) if row.startswith(b"* SEARCH"))
        got = [int(uid) for uid in line.split()[2:]]
        assert got == want, (number, program, {"missed": sorted(set(want) - set(got)), "wrong": sorted(set(got) - set(want))})
        found += 0 < len(want) < len(messages)
    return found


def compare_order(client, asker, messages, count):
    for number in range(count):
        criteria = asker.criteria()
        program, holds = asker.program()
        want = in_order([m for m in messages if holds(m)], criteria)
        words = " ".join(("REVERSE " if is_reverse else "") + name for is_reverse, name in criteria)
        line = next(row for row in client.must(f"UID SORT ({words}) UTF-8 ".encode() + program) if row.startswith(b"* SORT"))
        assert [int(uid) for uid in line.split()[2:]] == want, (number, words, program)


def test_random_programs_agree_with_reading(heronry):
    user, chance = heronry.new_user(), random.Random(SEED)
    with Imap(heronry, user) as client:
        messages = fill(client, chance)
        client.must("SELECT INBOX")
        asker = Asker(chance, messages)
        compare(client, asker, messages, PROGRAMS // 4)
        compare_order(client, asker, messages, ORDERS)
        account = heronry.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
        wait_until(lambda: heronry.psql(f"SELECT count(*) FROM outbox WHERE kind = 1 AND account_id = {account}") == "0", 60)
        # Programs that find all or nothing say little: many must tell messages apart.
        assert compare(client, asker, messages, PROGRAMS) > PROGRAMS // 3
        compare_order(client, asker, messages, ORDERS)
