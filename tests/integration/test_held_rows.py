# SPDX-License-Identifier: Apache-2.0
"""R6: somebody who holds an account's row for long, by hand or by a backup, makes mail wait: nothing is
refused for good because of it, and nothing is lost."""
import concurrent.futures
import contextlib
import smtplib
import subprocess

from conftest import PSQL, wait_until
from imap_raw import Imap

MAIL = "From: {}\r\nTo: {}\r\nSubject: held\r\nMessage-ID: <held-{}@client.example>\r\n\r\nbody\r\n"


@contextlib.contextmanager
def held(heronry, user):
    """Nobody can put mail into the account."""
    database = heronry.status()["database"]
    account = heronry.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
    with subprocess.Popen([PSQL, "-X", "-q", "-t", "-A", "-d", database], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as holder:
        holder.stdin.write(f"BEGIN; SELECT 'held' FROM account_state WHERE account_id = {account} FOR UPDATE;\n")
        holder.stdin.flush()
        assert holder.stdout.readline().strip() == "held"
        try:
            yield
        finally:
            holder.stdin.write("ROLLBACK;\n")
            holder.stdin.close()


def answer(client, sender, recipient, number):
    """The reply's code and text for one message."""
    try:
        client.sendmail(sender, [recipient], MAIL.format(sender, recipient, number))
        return 250, b""
    except smtplib.SMTPDataError as refusal:
        return refusal.smtp_code, refusal.smtp_error


def test_a_held_account_is_not_a_full_one(heronry):
    user, sender, other = heronry.new_user(), heronry.new_user(), heronry.new_user()
    outside = "a@client.example"
    clients = [heronry.smtp(), heronry.smtp("submission", sender), heronry.smtp()]
    reader = Imap(heronry, user)
    with held(heronry, user), concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [pool.submit(answer, clients[0], outside, user["address"], 1),
                   pool.submit(answer, clients[1], sender["address"], user["address"], 2)]
        assert answer(clients[2], outside, other["address"], 3)[0] == 250
        told = reader.do(b"APPEND INBOX {1+}\r\nx", timeout=90)[-1]
        replies = [one.result(timeout=90) for one in waiting]
    assert [code for code, _ in replies] == [451, 451], replies
    assert b" NO [UNAVAILABLE] " in told, told
    for client, who, number in ((clients[0], outside, 1), (clients[1], sender["address"], 2)):
        assert answer(client, who, user["address"], number)[0] == 250
    with reader:
        wait_until(lambda: b"MESSAGES 2)" in reader.must("STATUS INBOX (MESSAGES)")[0], 60, "both messages")
