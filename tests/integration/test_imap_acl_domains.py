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
