# SPDX-License-Identifier: Apache-2.0
"""How much accounts, domains and tenants may send elsewhere (FEATURES 35, 36; ATTACKS U10): counted in the database, answered in
SMTP and the API, set by the command line and the API."""
import concurrent.futures
import smtplib
import time

import pytest
from api_client import Api
from conftest import wait_until

NEVER = (550, b"5.5.3 The message has more recipients than you may ever send to at once")
LATER = (450, b"4.7.1 You have sent as much as you may for now, try again later")


@pytest.fixture(autouse=True)
def same_hour():
    """What is counted is counted by the hour of the clock: no test begins shortly before its end."""
    left = 3600 - time.time() % 3600
    if left < 60:
        time.sleep(left + 1)


def send(heronry, user, *to, client=None):
    """The reply to the message, (250, ...) when it was taken."""
    smtp = client or heronry.smtp("submission", login=user)
    try:
        smtp.sendmail(user["address"], list(to), f"From: {user['address']}\r\nSubject: x\r\n\r\nx\r\n")
    except smtplib.SMTPDataError as refused:
        return refused.smtp_code, refused.smtp_error
    finally:
        if not client:
            smtp.quit()
    return 250, b""


def show(heronry, subject):
    return heronry.json("sending", "show", subject)


def change(heronry, user, columns):
    heronry.psql(f"UPDATE sending SET {columns} FROM account c WHERE c.account_id = sending.account_id"
                 f" AND c.login = '{user['address']}'")


def inbox(heronry, user):
    return [m["subject"] for m in Api.signed_in(heronry, user).get("/messages", query={"mailboxId": "1"}).json["items"]]


def test_messages_and_recipients_are_counted_apart(heronry):
    user = heronry.new_user()
    heronry.cli("sending", "limit", user["address"], "--messages-hour", "3", "--recipients-day", "5")
    assert send(heronry, user, "a@far.example")[0] == 250
    assert send(heronry, user, *(f"{n}@far.example" for n in "abcde")) == LATER  # 1 and 5 are more than 5
    assert send(heronry, user, *(f"{n}@far.example" for n in "abcdef")) == NEVER
    assert send(heronry, user, *(f"{n}@far.example" for n in "abcd"))[0] == 250
    assert send(heronry, user, "a@far.example") == LATER  # the recipients of the day
    heronry.cli("sending", "limit", user["address"], "--recipients-day", "any")
    assert send(heronry, user, "a@far.example")[0] == 250
    assert send(heronry, user, "a@far.example") == LATER  # the messages of the hour
    found = show(heronry, user["address"])
    assert found["used"] == {"messagesPerHour": 3, "recipientsPerHour": 6, "messagesPerDay": 3, "recipientsPerDay": 6}
    assert (found["isStopped"], found["messagesPerHour"], found["messagesPerDay"]) == (False, 3, None)


def test_mail_for_people_here_is_free(heronry):
    user, other = heronry.new_user(), heronry.new_user()
    heronry.cli("sending", "limit", user["address"], "--messages-hour", "1", "--recipients-hour", "1")
    for _ in range(3):
        assert send(heronry, user, other["address"])[0] == 250
    assert send(heronry, user, other["address"], "a@far.example")[0] == 250
    assert send(heronry, user, other["address"], "a@far.example") == LATER
    assert show(heronry, user["address"])["used"]["recipientsPerHour"] == 1
    assert len(inbox(heronry, other)) == 4  # nobody got a part of what was refused


def test_what_did_not_go_is_not_counted(heronry):
    user, full = heronry.new_user(), heronry.new_user()
    heronry.cli("user", "quota", full["address"], "1000")
    heronry.cli("sending", "limit", user["address"], "--messages-hour", "1")
    text = f"From: {user['address']}\r\nSubject: x\r\n\r\n{'x' * 70}\r\n" + 40 * f"{'x' * 70}\r\n"
    with heronry.smtp("submission", login=user) as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.mail(user["address"])
        smtp.rcpt(full["address"])
        smtp.rcpt("a@far.example")
        code, said = smtp.data(text)
        raise smtplib.SMTPDataError(code, said)
    assert refused.value.smtp_code == 452
    assert show(heronry, user["address"])["used"]["messagesPerHour"] == 0
    assert send(heronry, user, "a@far.example")[0] == 250


def test_what_did_not_go_is_taken_from_the_hour_that_counted_it(heronry):
    user = heronry.new_user()
    assert send(heronry, user, "a@far.example")[0] == 250
    one = f"(SELECT account_id FROM account WHERE login = '{user['address']}')"
    found = heronry.psql(  # one transaction, so that the hour does not turn
        f"UPDATE sending SET hour = date_trunc('hour', now()), used = '{{9,9,9,9}}', before = '{{9,9,9,9}}' WHERE account_id = {one};"
        f" SELECT sending_give_back({one}, 3, now()); SELECT sending_give_back({one}, 5, now() - interval '1 hour');"
        f" SELECT sending_give_back({one}, 7, now() - interval '2 hours');"
        f" SELECT used[1:2], before[1:2] FROM sending WHERE account_id = {one}")
    assert found.split() == ["{8,6}|{8,4}"]


def test_a_domain_has_limits_as_a_whole(heronry):
    domain = f"limits{heronry.ports['smtp']}.example"
    heronry.cli("domain", "add", domain)
    users = [{"address": f"{name}@{domain}", "password": "correct horse battery"} for name in ("one", "two")]
    for user in users:
        heronry.cli("user", "add", user["address"], "--password-stdin", stdin=user["password"] + "\n")
    heronry.cli("sending", "limit", domain, "--messages-day", "2")
    assert [send(heronry, user, "a@far.example")[0] for user in users] == [250, 250]
    assert [send(heronry, user, "a@far.example") for user in users] == [LATER, LATER]
    assert show(heronry, domain)["used"]["messagesPerDay"] == 2
    assert show(heronry, users[0]["address"])["refused"] == 0  # the others' mail is no reason to stop anybody
    heronry.cli("sending", "limit", domain, "--messages-day", "default")
    assert send(heronry, users[0], "a@far.example")[0] == 250


class Tenant:
    """Two domains of one tenant, with an account each, and limits of sending of all together."""

    def __init__(self, heronry, name, **limits):
        self.name = f"{name}{heronry.ports['smtp']}"
        self.domains = [f"{part}.{self.name}.example" for part in ("one", "two")]
        self.users = [{"address": f"mia@{domain}", "password": "correct horse battery"} for domain in self.domains]
        self.admin = Api.signed_in(heronry, heronry.user(1))
        self.admin.post("/admin/tenants", {"name": self.name.upper()}, status=201)
        for domain, user in zip(self.domains, self.users):
            self.admin.post("/admin/domains", {"name": domain}, status=201)
            self.admin.patch(f"/admin/domains/{domain}", {"tenant": self.name}, status=200)
            self.admin.post("/admin/accounts", user, status=201)
        self.admin.patch(f"/admin/sending-limits/tenant:{self.name}", limits, status=200)


def test_a_tenant_has_limits_over_its_domains(heronry):
    tenant = Tenant(heronry, "limits", messagesPerDay=2, recipientsPerHour=5)
    users, subject = tenant.users, f"tenant:{tenant.name}"
    one = f"(SELECT account_id FROM account WHERE login = '{users[1]['address']}')"
    with heronry.smtp("submission", login=users[0]) as first, heronry.smtp("submission", login=users[1]) as second:

        def both():
            return [send(heronry, user, "a@far.example", client=client) for user, client in zip(users, (first, second))]

        assert [code for code, _ in both()] == [250, 250]
        assert both() == [LATER, LATER]
        assert send(heronry, users[0], *(f"{n}@far.example" for n in "abcdef"), client=first) == NEVER
        assert send(heronry, users[0], users[1]["address"], client=first)[0] == 250  # people here are free
        found = show(heronry, subject)
        assert (found["sender"], found["used"]["messagesPerDay"], found["messagesPerHour"]) == (subject, 2, None)
        mine = show(heronry, users[0]["address"])
        assert mine["refused"] == 0  # the others' mail is no reason to stop anybody
        assert mine["used"]["messagesPerDay"] == 1  # what was refused counts nowhere
        assert subject in [item["sender"] for item in heronry.json("sending", "list")["items"]]
        # to frontends of the version before it is a limit of the domain, and what did not go is taken back
        take = f"SELECT said FROM sending_take({one}, 1, '{{0,0,0,0}}', 0, false);"
        count = take.replace("sending_take", "sending_count")
        assert heronry.psql(f"{take} {count} SELECT sending_give_back({one}, 1, now()); {count} {count}").split() == ["2", "5", "0", "5"]
        tenant.admin.patch(f"/admin/domains/{tenant.domains[1]}", {"tenant": None}, status=200)
        assert [code for code, _ in both()] == [450, 250]
        heronry.cli("sending", "limit", f"tenant:{tenant.name.upper()}", "--messages-day", "any")
        assert send(heronry, users[0], "a@far.example", client=first)[0] == 250


def test_nobody_gets_beyond_the_limit_of_a_tenant(heronry):
    """However many come at once, by whichever process of the server."""
    tenant = Tenant(heronry, "crowd", messagesPerHour=7)

    def send_two(user):
        with heronry.smtp("submission", login=user) as smtp:
            return [send(heronry, user, "a@far.example", client=smtp) for _ in range(2)]

    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        replies = [reply for two in threads.map(send_two, tenant.users * 3) for reply in two]
    assert [code for code, _ in replies].count(250) == 7 and {reply for reply in replies if reply[0] != 250} == {LATER}
    assert show(heronry, f"tenant:{tenant.name}")["used"]["messagesPerHour"] == 7
    assert sum(show(heronry, user["address"])["used"]["messagesPerHour"] for user in tenant.users) == 7


def test_words_about_tenants(heronry):
    tenant = Tenant(heronry, "words", messagesPerDay=9)
    name, (domain, other) = tenant.name, tenant.domains
    for words, code, said in (
            (("tenant", "add", name), 73, "already"), (("tenant", "add", "no such name"), 65, "the name of a tenant has"),
            (("tenant", "remove", name), 75, "take them out of it"), (("tenant", "show", "nowhere"), 66, "nowhere"),
            (("tenant", "domains", name, "--add", "nowhere.example"), 66, "nowhere.example"),
            (("tenant", "domains", name, "--remove", heronry.domain), 66, f"not in the tenant {name}"),
            (("sending", "limit", "tenant:nowhere", "--messages-day", "1"), 66, "tenant:nowhere"),
            (("sending", "stop", f"tenant:{name}"), 65, "accounts only")):
        refused = heronry.cli(*words, check=False)
        assert (refused.returncode, said in refused.stderr) == (code, True), (words, refused.stderr)
    heronry.cli("tenant", "rename", name, f"{name}-new")
    name += "-new"
    assert (heronry.json("tenant", "show", name)["domains"], show(heronry, f"tenant:{name}")["messagesPerDay"]) == (2, 9)
    heronry.cli("tenant", "add", "other")
    assert [one["name"] for one in heronry.json("tenant", "domains", "other", "--add", domain)["items"]] == [domain]
    assert heronry.json("tenant", "domains", name, "--remove", other)["items"] == []
    assert name in heronry.cli("tenant", "list").stdout
    heronry.cli("tenant", "remove", name)
    acts = heronry.psql(f"SELECT action FROM audit_log WHERE object = '{name}' OR detail = '{name}' ORDER BY audit_id").split()
    assert acts == ["tenant.rename", "tenant.remove"]


def test_recipients_of_a_message(heronry):
    """The account's own number, else its domain's for each account, else its tenant's, else the server's alone; told where it is too much, so
    that the rest can go in another message. People here count, too."""
    domain = f"parts{heronry.ports['smtp']}.example"
    user = {"address": f"one@{domain}", "password": "correct horse battery"}
    other, admin = heronry.new_user(), Api.signed_in(heronry, heronry.user(1))

    def most(subject, number):
        assert admin.patch(f"/admin/sending-limits/{subject}", {"recipientsPerMessage": number}).json["recipientsPerMessage"] == number

    heronry.cli("domain", "add", domain)
    heronry.cli("user", "add", user["address"], "--password-stdin", stdin=user["password"] + "\n")
    heronry.cli("sending", "limit", domain, "--recipients-message", "2")
    with heronry.smtp("submission", login=user) as smtp:

        def named():
            """How many a message may have, of four, and what the next one is told; all that is told of limits says the same."""
            smtp.mail(user["address"])
            said = [smtp.rcpt(to) for to in (other["address"], "a@far.example", "b@far.example", "c@far.example")]
            smtp.rset()
            taken = [code for code, _ in said].count(250)
            counts = admin.get(f"/admin/sending-limits/{user['address']}").json["inForce"]["recipientsPerMessage"]
            assert counts == (taken if taken < 4 else 0)
            return taken, said[-1]

        assert named() == (2, (452, b"4.5.3 A message of yours may have 2 recipients, send to the rest apart"))
        most(user["address"], 3)
        assert named()[0] == 3  # from the next message on, and above the domain's
        most(user["address"], 1)
        assert named()[0] == 1
        most(user["address"], 0)
        assert named()[0] == 4
        most(user["address"], None)
        assert named()[0] == 2
        admin.post("/admin/tenants", {"name": domain}, status=201)
        admin.patch(f"/admin/domains/{domain}", {"tenant": domain}, status=200)
        most(f"tenant:{domain}", 1)
        assert named()[0] == 2  # the domain's is nearer
        assert admin.get(f"/admin/sending-limits/{domain}").json["inForce"]["recipientsPerMessage"] == 2
        most(domain, None)
        assert named()[0] == 1
        assert admin.get(f"/admin/sending-limits/{domain}").json["inForce"]["recipientsPerMessage"] == 1
        assert admin.get(f"/admin/tenants/{domain}").json["sending"]["inForce"]["recipientsPerMessage"] == 1
        assert "1 (inherited)" in heronry.cli("sending", "show", user["address"]).stdout
        most(f"tenant:{domain}", None)
        assert named()[0] == 4
    heronry.cli("sending", "limit", user["address"], "--recipients-message", "7")
    admin.patch(f"/admin/sending-limits/{user['address']}", {"messagesPerDay": 9})  # which leaves the other
    listed = {one["sender"]: one["inForce"]["recipientsPerMessage"] for one in heronry.json("sending", "list")["items"]}
    assert listed[user["address"]] == 7 and domain not in listed
    most(user["address"], 1)
    api = Api.signed_in(heronry, user)
    assert api.get("/bootstrap").json["limits"]["recipients"] == 1
    draft = {"to": [{"address": other["address"]}, {"address": "a@far.example"}], "cc": [], "bcc": [], "subject": "x", "html": "",
             "text": "x", "attachments": []}
    made = api.post("/drafts", draft, status=201).json
    assert api.post("/submissions", {"draftId": made["id"]}, status=422).pointers == ["/to"]
    most(user["address"], 2)
    api.post("/submissions", {"draftId": made["id"], "undoSeconds": 0}, status=201)


def test_an_account_that_goes_on_and_on_is_stopped(heronry):
    user, other, admin = heronry.new_user(), heronry.new_user(), heronry.user(1)
    heronry.cli("sending", "limit", user["address"], "--recipients-hour", "1")
    subject = f"Sending is stopped for {user['address']}"
    two = ("a@far.example", "b@far.example")
    assert send(heronry, user, *two) == NEVER
    change(heronry, user, "refused = 99, day = day + interval '1 day'")  # which midnight does not end
    with heronry.smtp("submission", login=user) as smtp:
        again = [send(heronry, user, *two, client=smtp) for _ in range(3)]
        assert again == [NEVER] * 3 and show(heronry, user["address"])["refused"] == 99  # one counts in 5 minutes
        change(heronry, user, "refused_at = refused_at - interval '5 minutes'")
        replies = [send(heronry, user, *two, client=smtp) for _ in range(2)]
    assert {code for code, _ in replies} == {550} and b"ask your administrator" in replies[1][1]
    assert send(heronry, user, other["address"])[0] == 550  # nor to people here
    assert inbox(heronry, user).count(subject) == 1 and subject in inbox(heronry, admin)
    stopped = [s for s in heronry.json("sending", "list")["items"] if s["isStopped"]]
    assert [(s["sender"], "100 times" in s["reason"]) for s in stopped] == [(user["address"], True)]
    audit = heronry.psql(f"SELECT actor FROM audit_log WHERE action = 'sending.stop' AND object = '{user['address']}'")
    assert audit.strip() == "system"
    heronry.cli("sending", "release", user["address"])
    assert send(heronry, user, "a@far.example")[0] == 250
    assert show(heronry, user["address"])["refused"] == 0


def test_what_waits_of_a_stopped_account_is_held(heronry):
    """ATTACKS U10: also what is in the queue already; until the account may send again."""
    user, other = heronry.new_user(), heronry.new_user()
    heronry.psql("INSERT INTO q_domain (domain, next_due, lease_until) VALUES ('busy.example', now(),"
                 " now() + interval '10 minutes') ON CONFLICT (domain) DO UPDATE SET lease_until = EXCLUDED.lease_until")
    try:
        for sender, to in (user, "a"), (user, "b"), (other, "c"), (user, "d"):
            assert send(heronry, sender, f"{to}@busy.example")[0] == 250

        def waiting():
            return heronry.psql("SELECT rcpt, status, kept FROM q_rcpt WHERE domain = 'busy.example' ORDER BY rcpt").split()

        heronry.psql("UPDATE q_rcpt SET status = -1, reply = 'no TLS' WHERE rcpt = 'd@busy.example'")  # its sender may decide
        before = ["a@busy.example|0|f", "b@busy.example|0|f", "c@busy.example|0|f", "d@busy.example|-1|f"]
        assert waiting() == before
        heronry.psql("UPDATE q_rcpt SET status = -1, kept = true, reply = 'by hand' WHERE rcpt = 'b@busy.example'")
        heronry.cli("sending", "stop", user["address"], "the password is known")
        held = ["a@busy.example|-1|t", "b@busy.example|-1|t", "c@busy.example|0|f", "d@busy.example|-1|t"]
        assert waiting() == held
        (row,) = [r for r in heronry.json("queue", "list")["items"] if r["recipient"] == "a@busy.example"]
        assert (row["status"], row["reply"]) == ("held", "its sender may send nothing for now")
        again = heronry.cli("sending", "stop", user["address"], "once more")
        assert "the password is known" in again.stdout and "keeps the first reason" in again.stderr
        assert waiting() == held
        stops = f"SELECT detail FROM audit_log WHERE action = 'sending.stop' AND object = '{user['address']}'"
        assert heronry.psql(stops).splitlines() == ["the password is known"]  # what changes nothing is no act
        heronry.cli("sending", "release", user["address"])
        assert waiting() == ["a@busy.example|0|f", "b@busy.example|-1|t", "c@busy.example|0|f", "d@busy.example|0|f"]
        assert heronry.psql("SELECT outcome, reply FROM q_attempt WHERE recipient = 'a@busy.example'").strip() == (
            "3|its sender may send nothing for now")
    finally:
        heronry.psql("DELETE FROM q_msg m USING q_rcpt r WHERE r.queue_id = m.queue_id AND r.domain = 'busy.example';"
                     " DELETE FROM q_rcpt WHERE domain = 'busy.example'; DELETE FROM q_domain WHERE domain = 'busy.example'")


def test_what_the_apps_send_comes_back(heronry, person):
    heronry.cli("sending", "stop", person.user["address"], "the password is known")
    draft = {"to": [{"address": "a@far.example"}], "cc": [], "bcc": [], "subject": "x", "html": "", "text": "x", "attachments": []}
    made = person.api.post("/drafts", draft, status=201).json
    sent = person.api.post("/submissions", {"draftId": made["id"], "undoSeconds": 0}, status=201).json
    path = f"/submissions/{sent['id']}"
    wait_until(lambda: person.api.get(path).json["undoStatus"] == "canceled", what="the end")
    assert "ask your administrator" in person.api.get(path).json["recipients"][0]["reply"]
    person.api.get(f"/drafts/{made['id']}", status=200)


def submit(person, to):
    draft = {"to": [{"address": one} for one in to], "cc": [], "bcc": [], "subject": "x", "html": "", "text": "x", "attachments": []}
    made = person.api.post("/drafts", draft, status=201).json
    return person.api.post("/submissions", {"draftId": made["id"], "undoSeconds": 0}, status=201).json


def test_what_the_apps_send_waits_for_its_turn(heronry, person):
    own = f"account_id = (SELECT account_id FROM account WHERE login = '{person.user['address']}')"
    heronry.cli("sending", "limit", person.user["address"], "--messages-hour", "1", "--recipients-day", "5")

    def state(made):
        return person.api.get(f"/submissions/{made['id']}").json

    def is_put_off(made):
        found = state(made)
        return found["undoStatus"] == "pending" and found["undoUntil"] > made["undoUntil"]

    first = submit(person, ["a@far.example"])
    wait_until(lambda: state(first)["undoStatus"] == "final", what="the first")
    waiting = [submit(person, ["a@far.example"]) for _ in range(3)]
    for made in waiting:
        wait_until(lambda made=made: is_put_off(made), what="a later time")
    assert show(heronry, person.user["address"])["refused"] == 0
    assert person.api.delete(f"/submissions/{waiting[2]['id']}", status=200).json["undoStatus"] == "canceled"
    heronry.psql(f"UPDATE submission SET due_at = now(), limited_at = limited_at - interval '25 hours'"
                 f" WHERE {own} AND submission_id = {waiting[0]['id']}")
    wait_until(lambda: state(waiting[0])["undoStatus"] == "canceled", what="the end of waiting")
    assert "as much as you may" in state(waiting[0])["recipients"][0]["reply"]
    heronry.cli("sending", "limit", person.user["address"], "--messages-hour", "any")
    heronry.psql(f"UPDATE submission SET due_at = now() WHERE {own} AND submission_id = {waiting[1]['id']}")
    wait_until(lambda: state(waiting[1])["undoStatus"] == "final", what="its turn")
    never = submit(person, [f"{n}@far.example" for n in "abcdef"])
    wait_until(lambda: state(never)["undoStatus"] == "canceled", what="the end")
    assert "more recipients" in state(never)["recipients"][0]["reply"]


def test_words_of_the_command_line(heronry):
    user = heronry.new_user()
    for words, said in (((), "say which limit"), (("--messages-day", "0"), "a number from 1, any for no limit, or default"), (("--messages-day", "x"), "a number")):
        refused = heronry.cli("sending", "limit", user["address"], *words, check=False)
        assert refused.returncode == 65 and said in refused.stderr
    for subject in ("nobody@example.test", "nothere.example"):
        assert heronry.cli("sending", "show", subject, check=False).returncode == 66
    assert heronry.cli("sending", "stop", heronry.domain, check=False).returncode == 65
    table = heronry.cli("sending", "show", user["address"]).stdout
    assert "any" in table and "0/0, 0/0" in table


def test_logins_from_everywhere_stop_an_account(heronry):
    """Ten networks an hour may be people who travel; one more is somebody else. What was before a release is forgotten."""
    user = heronry.new_user()
    subject = f"Sending is stopped for {user['address']}"
    assert send(heronry, user, "a@far.example")[0] == 250
    one = f"(SELECT account_id FROM account WHERE login = '{user['address']}')"
    assert heronry.psql(f"SELECT network FROM sending_network WHERE account_id = {one}") == "127.0.0.0/16"
    seen = heronry.psql(f"SELECT sending_seen({one}, u, 10) FROM unnest(ARRAY[{', '.join(repr(f'10.{n}.0.{n}') for n in range(9))},"
                        " '10.8.77.1', '2001:db8::1', '2001:db8:1::1']) u")
    assert seen.split() == ["f"] * 10 + ["t", "f"]
    assert send(heronry, user, "a@far.example")[0] == 550
    assert "11 networks" in show(heronry, user["address"])["reason"]
    heronry.cli("sending", "release", user["address"])
    heronry.psql(f"UPDATE sending_network SET seen = now() - interval '30 minutes' WHERE account_id = {one} AND network <<= '10.0.0.0/8'")
    assert send(heronry, user, "a@far.example")[0] == 250
    # the last of many is the one that this login comes from
    heronry.psql(f"UPDATE sending_network SET seen = CASE WHEN network <<= '127.0.0.0/8' THEN now() - interval '2 hours' ELSE now() END"
                 f" WHERE account_id = {one}")
    assert send(heronry, user, "a@far.example")[0] == 550
    assert inbox(heronry, user).count(subject) == 1
