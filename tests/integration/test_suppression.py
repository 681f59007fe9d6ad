# SPDX-License-Identifier: Apache-2.0
"""Recipients that other servers do not know: many of them stop an account (FEATURES 36), and what is on the list of an
account or a domain (heronry suppression) is not written to (38)."""
import pytest
from api_client import Api
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


def wait_for_end(gateway, user):
    wait_until(lambda: not gateway.server.json("queue", "list", "--sender", user["address"])["items"], WAIT, "the end")


def test_many_refused_recipients_stop_an_account(gateway, user):
    """The gateway stops at more than three. What others say of our server, and who is on a list, is no fault of the account."""
    team = "team-of-" + user["address"]
    gateway.server.cli("address", "add", team, *(f"no-{n}@new.out.test" for n in range(5)), "--group")
    assert send(gateway, user, team, *(f"shy-{n}@new.out.test" for n in range(5)))[-1][0] == 250
    wait_for_end(gateway, user)
    for to in (["no-a@new.out.test", "no-b@new.out.test"], ["no-c@new.out.test", "yes@new.out.test"]):
        assert send(gateway, user, *to)[-1][0] == 250
        wait_for_end(gateway, user)
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


def test_what_is_on_the_list_is_refused(gateway, user):
    """By SMTP and from the apps, for one account or all of a domain; until it is lifted."""
    server, domain = gateway.server, user["address"].split("@")[1]
    server.cli("suppression", "add", user["address"], "Yes@new.out.test", "--reason", "they asked")
    again = server.cli("suppression", "add", user["address"], "yes@new.out.test", "--reason", "something else")
    assert "does not write to yes@new.out.test already, because: they asked; that stays" in again.stdout
    server.cli("suppression", "add", domain, "all@new.out.test")
    wrong = server.cli("suppression", "add", domain, "nobody", check=False)
    assert wrong.returncode == 65 and "nobody is not a mail address" in wrong.stderr
    own = server.cli("suppression", "add", user["address"], f"somebody@{domain}", check=False)  # which would be without effect
    assert own.returncode == 65 and "is of a domain of this server" in own.stderr, own
    assert f"somebody@{domain}" not in server.cli("suppression", "list", user["address"]).stdout
    said = send(gateway, user, "yes@New.out.test", "all@new.out.test", "other@new.out.test")
    assert [code for code, _ in said] == [550, 550, 250, 250]
    assert said[0][1] == b"5.1.1 You are not to write to this address: they asked; an administrator can lift it"
    assert [code for code, _ in send(gateway, server.new_user(), "yes@new.out.test", "all@new.out.test")] == [250, 550, 250]
    api = Api.signed_in(server, user)
    draft = {"to": [{"address": "yes@new.out.test"}], "cc": [], "bcc": [], "subject": "x", "html": "", "text": "x", "attachments": []}
    made = api.post("/drafts", draft, status=201).json
    path = "/submissions/" + api.post("/submissions", {"draftId": made["id"], "undoSeconds": 0}, status=201).json["id"]
    wait_until(lambda: api.get(path).json["undoStatus"] == "canceled", WAIT, "the end")
    assert "not to write to yes@new.out.test" in api.get(path).json["recipients"][0]["reply"]
    server.cli("suppression", "remove", user["address"], "yes@new.out.test")
    server.cli("suppression", "remove", domain, "all@new.out.test")
    assert send(gateway, user, "yes@new.out.test", "all@new.out.test")[-1][0] == 250


def test_what_was_refused_is_refused_where_that_is_wanted(gateway, user):
    """The gateway wants it; a refusal that says nothing of the name does not count, and a person lifts what does."""
    server = gateway.server
    assert send(gateway, user, "no-name@new.out.test")[-1][0] == 250
    wait_until(lambda: known(gateway, user), WAIT, "what was refused")
    (item,) = server.json("suppression", "list", user["address"])["items"]
    assert (item["address"], item["isInForce"], item["isManual"], item["status"]) == ("no-name@new.out.test", True, False, "5.1.1")
    assert item["expiresAt"] and "No such user" in item["reason"]
    code, text = send(gateway, user, "no-name@new.out.test")[0]
    assert code == 550 and b"No such user" in text
    server.psql("UPDATE suppression SET status = '5.7.1' WHERE address = 'no-name@new.out.test'")
    assert send(gateway, user, "no-name@new.out.test")[0][0] == 250
    wait_until(lambda: known(gateway, user) == ["no-name@new.out.test|5.1.1"], WAIT, "another refusal")
    server.cli("suppression", "remove", user["address"], "no-name@new.out.test")
    assert send(gateway, user, "no-name@new.out.test")[0][0] == 250
