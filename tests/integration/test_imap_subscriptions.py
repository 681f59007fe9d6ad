# SPDX-License-Identifier: Apache-2.0
"""Subscriptions are limited, and a tree of many names delays nobody else."""
from imap_raw import Imap
from loop_probe import computed_ms

MOST = 2000
OLD = 10_000    # of an account from before there was a limit


def subscribe_to_missing(server, user, name, most=MOST):
    """As many subscriptions as may be; `name` makes one of `n`, a number in SQL."""
    account = server.psql(f"SELECT account_id FROM account WHERE login = '{user['address']}'")
    server.psql(f"INSERT INTO subscription (account_id, name) SELECT {account}, {name} FROM generate_series(1,"
                f" {most} - (SELECT count(*) FROM subscription WHERE account_id = {account})) n")


def test_the_limit(heronry):
    user = heronry.new_user()
    subscribe_to_missing(heronry, user, "'gone' || n")
    with Imap(heronry, user) as client:
        client.must("CREATE more")
        client.must("SUBSCRIBE INBOX")  # it is there already
        refused = client.do("SUBSCRIBE more")[-1]
        assert refused.split(b" ", 1)[1].startswith(b"NO [LIMIT] "), refused
        assert len(client.must('LSUB "" "*"')) == MOST + 1
        client.must("UNSUBSCRIBE gone1")
        client.must("SUBSCRIBE more")


def test_names_below_are_told_by_those_above(heronry):
    user = heronry.new_user()
    subscribe_to_missing(heronry, user, "'top/' || n % 7 || '/' || n")
    with Imap(heronry, user) as client:
        assert b'* LSUB (\\Noselect) "/" top' in client.must('LSUB "" "%"')
        assert len(client.must('LSUB "" "top/%"')) == 8
        told = client.must('LIST (SUBSCRIBED RECURSIVEMATCH) "" "top/%"')
        assert sum(b'("CHILDINFO" ("SUBSCRIBED"))' in line for line in told) == 7, told
        # What the pattern lists by itself needs nobody above it.
        assert b'* LSUB (\\Noselect) "/" top' not in client.must('LSUB "" "*"')


def test_many_names_are_told_quickly(heronry):
    user = heronry.new_user()
    try:
        heronry.psql("ALTER TABLE subscription DISABLE TRIGGER subscription_limit")
        subscribe_to_missing(heronry, user, "n || repeat('/x' || n, 18)", OLD)
    finally:
        heronry.psql("ALTER TABLE subscription ENABLE TRIGGER subscription_limit")
    with Imap(heronry, user) as client:
        for command in ('LSUB "" "%"', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"'):
            before = computed_ms(client.worker())
            client.must(command)
            took = computed_ms(client.worker()) - before
            print(f"{command}: {took:.0f} ms")
            assert took < 5000  # quadratic: a quarter of a minute
