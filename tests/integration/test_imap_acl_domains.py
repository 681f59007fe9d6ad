# SPDX-License-Identifier: Apache-2.0
"""SETACL tells nothing of accounts of other domains: one that is there is answered like one that is not."""
from imap_raw import Imap


def test_an_account_of_another_domain_is_none(heronry):
    owner, colleague = heronry.new_user(), heronry.new_user()
    heronry.cli("domain", "add", "acl.example")
    heronry.cli("user", "add", "there@acl.example", "--password-stdin", stdin="a long password of a stranger\n")

    def answer(login, rights="lr"):
        return client.do(f"SETACL mine {login} {rights}")[-1].split(b" ", 1)[1]

    with Imap(heronry, owner) as client:
        client.must("CREATE mine")
        there, missing = answer("there@acl.example"), answer("missing@acl.example")
        assert there == missing and there.startswith(b"NO [CANNOT] "), (there, missing)
        assert answer(colleague["address"]).startswith(b"OK")
        # Who has rights from before keeps them until they are taken away.
        account = heronry.psql(f"SELECT account_id FROM account WHERE login = '{owner['address']}'")
        heronry.psql("INSERT INTO mailbox_acl (account_id, mailbox_id, grantee, granted)"
                     f" SELECT {account}, m.mailbox_id, g.account_id, 3 FROM mailbox m, account g"
                     f" WHERE m.account_id = {account} AND m.name = 'mine' AND g.login = 'there@acl.example'")
        assert any(b"there@acl.example lr" in line for line in client.must("GETACL mine"))
        client.must("DELETEACL mine there@acl.example")
        assert not any(b"there@acl.example" in line for line in client.must("GETACL mine"))
        assert answer("there@acl.example") == missing


def test_the_first_mailbox_that_is_shared_is_told_at_once(heronry):
    """NOTIFY (RFC 5465 section 5.4) of somebody who saw no mailbox of the owner before: given by name and taken again,
    then to everybody of the domain. The bound of a line only ends a wait that would be for ever."""
    heronry.cli("domain", "add", "notify.example")
    owner, colleague = ({"address": f"{name}@notify.example", "password": f"the long password of {name}"}
                        for name in ("owner", "colleague"))
    for user in (owner, colleague):
        heronry.cli("user", "add", user["address"], "--password-stdin", stdin=user["password"] + "\n")
    name = f'"Other Users/{owner["address"]}/plans"'.encode()
    with Imap(heronry, owner) as client, Imap(heronry, colleague) as told, Imap(heronry, colleague) as idle:
        client.must("CREATE plans")
        told.must(f'NOTIFY SET (subtree "Other Users/{owner["address"]}" (MessageNew MessageExpunge MailboxName))')
        idle.must('NOTIFY SET (subtree "Other Users" (MailboxName))')
        assert idle.finish(idle.start("NOOP"))[:-1] == []
        for grantee in (colleague["address"], "anyone"):
            client.must(f"SETACL plans {grantee} lr")
            assert told.line() == b'* LIST (\\HasNoChildren) "/" ' + name
            assert idle.line() == b'* LIST (\\HasNoChildren) "/" ' + name
            # From here on its owner's account tells of what happens there.
            client.append("plans", "Subject: first\r\n\r\nx\r\n")
            assert told.line().startswith(b"* STATUS " + name + b" (")
            client.must(f"DELETEACL plans {grantee}")
            assert told.line() == b'* LIST (\\NonExistent) "/" ' + name
            assert idle.line() == b'* LIST (\\NonExistent) "/" ' + name
        # What is shared, but not asked for, may get a name that is.
        told.must("NOTIFY NONE")
        client.must(f'SETACL plans {colleague["address"]} lr')
        assert idle.line() == b'* LIST (\\HasNoChildren) "/" ' + name
        told.must(f'NOTIFY SET (mailboxes "Other Users/{owner["address"]}/later" (MessageNew MessageExpunge MailboxName))')
        client.must("RENAME plans later")
        later = name.replace(b"plans", b"later")
        assert told.line() == b'* LIST (\\HasNoChildren) "/" ' + later + b' ("OLDNAME" (' + name + b"))"
