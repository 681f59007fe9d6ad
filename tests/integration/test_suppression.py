# SPDX-License-Identifier: Apache-2.0
"""Recipients that other servers refused for good: many of them stop an account (FEATURES 36), and what is on the list of
an account or a domain is not written to (38)."""
import pytest
from conftest import wait_until
from gateway import WAIT


@pytest.fixture
def user(gateway):
    return gateway.server.new_user()


def send(gateway, user, *to):
    """What is said of each recipient, and of the message when there is one left."""
    with gateway.server.smtp("submission", login=user) as client:
        client.mail(user["address"])
        said = [client.rcpt(address) for address in to]
        if any(code == 250 for code, _ in said):
            said.append(client.data(f"From: {user['address']}\r\nSubject: x\r\n\r\nx\r\n"))
        return said


def known(gateway, user):
    return gateway.server.psql("SELECT address, status FROM suppression JOIN account USING (account_id)"
                               f" WHERE login = '{user['address']}' ORDER BY address").splitlines()


def test_many_refused_recipients_stop_an_account(gateway, user):
    """The gateway stops at more than three; the same one again is none more."""
    for to in (["no-a@new.out.test", "no-b@new.out.test"], ["No-A@new.out.test"], ["no-c@new.out.test", "yes@new.out.test"]):
        assert send(gateway, user, *to)[-1][0] == 250
        wait_until(lambda: not gateway.server.json("queue", "list", "--sender", user["address"])["entries"], WAIT, "the end")
    wait_until(lambda: len(known(gateway, user)) == 3, WAIT, "three refused recipients")
    assert known(gateway, user)[0] == "no-a@new.out.test|5.1.1"
    assert send(gateway, user, "no-d@new.out.test")[-1][0] == 250
    stopped = wait_until(lambda: (lambda s: s if s["isStopped"] else None)(gateway.server.json("sending", "show", user["address"])),
                         WAIT, "a stop")
    assert "4 recipients" in stopped["reason"]
    assert send(gateway, user, "yes@new.out.test")[-1][0] == 550
    gateway.server.cli("sending", "release", user["address"])
    assert send(gateway, user, "no-e@new.out.test")[-1][0] == 250
    wait_until(lambda: len(known(gateway, user)) == 5, WAIT, "one more")
    assert send(gateway, user, "yes@new.out.test")[-1][0] == 250
