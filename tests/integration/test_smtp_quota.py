# SPDX-License-Identifier: Apache-2.0
"""Full mailboxes: nothing is lost in silence, and nobody else is hindered."""
import pytest
from conftest import Instance, wait_until
from smtp_raw import RawSmtp, fetch_all, send_message, stuffed

QUOTA = 100_000
LARGE = b"Subject: large\r\n\r\n" + b"x" * 900 + b"\r\n" * 2 + (b"y" * 898 + b"\r\n") * 150


@pytest.fixture(scope="module")
def quiet(request):
    """A server that sends nothing out, so that the queue stays as it is."""
    instance = Instance(settings={"workers.back": 0, "workers.front": 1})
    request.addfinalizer(instance.remove)
    return instance.up()


def waiting(server, recipient):
    return int(server.psql(f"SELECT count(*) FROM q_rcpt WHERE rcpt = '{recipient}'"))


def test_only_recipient_is_full(heronry):
    user = heronry.new_user(quota=QUOTA)
    code, text = send_message(heronry.ports["smtp"], [user["address"]], LARGE)
    assert (code, text[4:9]) == (552, b"5.2.2")
    assert send_message(heronry.ports["smtp"], [heronry.new_user()["address"]], LARGE)[0] == 250
    assert fetch_all(heronry, user) == []


def test_one_of_several_is_full(heronry):
    """The others get it, and the sender, who is one of us here, a report that names the full one."""
    sender, full, other = heronry.new_user(), heronry.new_user(quota=QUOTA), heronry.new_user()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.begin(full["address"], other["address"], sender=sender["address"])
        smtp.send(stuffed(LARGE))
        assert smtp.reply()[0] == 250
    assert len(fetch_all(heronry, other)) == 1
    assert fetch_all(heronry, full) == []
    (report,) = fetch_all(heronry, sender)
    assert b"multipart/report" in report and b"Status: 5.2.2" in report
    assert f"Final-Recipient: rfc822; {full['address']}".lower().encode() in report.lower()
    assert other["address"].encode() not in report


def test_report_to_a_remote_sender_waits_in_the_queue(quiet):
    full, other = quiet.new_user(quota=QUOTA), quiet.new_user()
    with RawSmtp(quiet.ports["smtp"]) as smtp:
        smtp.begin(full["address"], other["address"], sender="full@remote.example")
        smtp.send(stuffed(LARGE))
        assert smtp.reply()[0] == 250
    assert waiting(quiet, "full@remote.example") == 1


def test_null_sender_is_told_nothing(heronry):
    full, other = heronry.new_user(quota=QUOTA), heronry.new_user()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.begin(full["address"], other["address"], sender="")
        smtp.send(stuffed(LARGE))
        assert smtp.reply()[0] == 250
    assert len(fetch_all(heronry, other)) == 1


def test_who_was_full_is_refused_alone(quiet):
    full = quiet.new_user(quota=QUOTA)
    assert send_message(quiet.ports["smtp"], [full["address"]], LARGE)[0] == 552
    with RawSmtp(quiet.ports["smtp"]) as smtp:
        smtp.hello()
        assert smtp.ask("MAIL FROM:<>")[0] == 250
        code, text = smtp.ask(f"RCPT TO:<{full['address']}>")
        assert (code, text[4:9]) == (552, b"5.2.2")
        assert smtp.ask(f"RCPT TO:<{quiet.user(2)['address']}>")[0] == 250


def test_who_answers_for_the_domain_is_full_for_now_only(quiet):
    full = quiet.new_user(quota=QUOTA)
    role = "postmaster@" + full["address"].partition("@")[2]
    quiet.cli("address", "add", role, full["address"])
    code, text = send_message(quiet.ports["smtp"], [role], LARGE)
    assert (code, text[4:9]) == (452, b"4.2.2")
    with RawSmtp(quiet.ports["smtp"]) as smtp:
        smtp.hello()
        assert smtp.ask("MAIL FROM:<>")[0] == 250
        code, text = smtp.ask(f"RCPT TO:<{role}>")
        assert (code, text[4:9]) == (452, b"4.2.2")
        assert smtp.ask(f"RCPT TO:<{full['address']}>")[0] == 552
    with quiet.smtp("submission", login=quiet.user(1)) as smtp:
        assert smtp.mail(quiet.user(1)["address"], [f"SIZE={len(LARGE)}"])[0] == 250
        code, text = smtp.rcpt(role)
        assert (code, text[:5]) == (452, b"4.2.2")


def test_submission_tells_at_the_recipient(heronry):
    """Also where it is named by an alias."""
    full, sender = heronry.new_user(quota=QUOTA), heronry.user(1)
    alias = "alias-" + full["address"]
    heronry.cli("address", "add", alias, full["address"])
    with heronry.smtp("submission", login=sender) as smtp:
        assert smtp.mail(sender["address"], [f"SIZE={len(LARGE)}"])[0] == 250
        for address in (full["address"], alias):
            code, text = smtp.rcpt(address)
            assert (code, text[:5]) == (552, b"5.2.2")
        assert smtp.rcpt(heronry.user(2)["address"])[0] == 250


def test_submission_to_a_full_mailbox_does_nothing_at_all(quiet):
    """All recipients or none, those outside too: one transaction."""
    full, other, sender = quiet.new_user(quota=QUOTA), quiet.new_user(), quiet.user(1)
    remote = f"{full['address'].split('@')[0]}@foreign.example"
    with quiet.smtp("submission", login=sender) as smtp:
        smtp.mail(sender["address"])
        for recipient in (full["address"], other["address"], remote):
            assert smtp.rcpt(recipient)[0] == 250
        assert smtp.docmd("DATA")[0] == 354
        smtp.send(stuffed(f"From: {sender['address']}\r\n".encode() + LARGE))
        code, text = smtp.getreply()
        assert (code, text[:5]) == (452, b"4.2.2"), text
    assert fetch_all(quiet, other) == []
    assert waiting(quiet, remote) == 0


def test_a_full_member_of_a_group_keeps_submission_from_nobody(heronry):
    """The others have it once, and its sender is told of the address that he wrote to, and of no member."""
    full, other, sender = heronry.new_user(quota=QUOTA), heronry.new_user(), heronry.new_user()
    group = "group-" + full["address"]
    heronry.cli("address", "add", group, full["address"], other["address"], "--group")
    with heronry.smtp("submission", login=sender) as smtp:
        message = f"From: {sender['address']}\r\n".encode() + LARGE
        assert smtp.sendmail(sender["address"], [group], message, [], ["NOTIFY=SUCCESS,FAILURE"]) == {}
    assert len(fetch_all(heronry, other)) == 1 and fetch_all(heronry, full) == []
    (report,) = wait_until(lambda: fetch_all(heronry, sender), 60, "the report")
    assert b"Status: 5.2.2" in report and b"Action: failed" in report
    assert f"Final-Recipient: rfc822; {group}".lower().encode() in report.lower()
    assert f"rfc822; {full['address']}".encode() not in report and b"Action: delivered" not in report


def test_submission_to_both_sides(quiet):
    """Local and remote recipients of one message: 250 covers all (FEATURES 7)."""
    user, sender = quiet.new_user(), quiet.user(1)
    remote = f"{user['address'].split('@')[0]}@foreign.example"
    with quiet.smtp("submission", login=sender) as smtp:
        message = f"From: {sender['address']}\r\nSubject: both\r\n\r\nx\r\n"
        assert smtp.sendmail(sender["address"], [user["address"], remote], message) == {}
    assert len(fetch_all(quiet, user)) == 1
    assert waiting(quiet, remote) == 1
