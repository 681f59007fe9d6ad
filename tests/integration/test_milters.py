# SPDX-License-Identifier: Apache-2.0
"""Filters of the milter protocol: what they are shown, what they may change, and what becomes of mail without them.
One is ours, which answers as told; another one, which mail does not wait for, is never there; rspamd and ClamAV are
real ones."""
from email.message import EmailMessage

import pytest
from api_client import Api
from conftest import Instance, wait_until
from gateway import WAIT
from milters import ACCEPT, CONTINUE, DISCARD, LATER, REJECT, Clamav, change, envelope
from smtp_raw import RawSmtp, fetch_all, stuffed


def send(gateway, user, subject, body=b"Text.\r\n", header=b""):
    """The reply to the end of the message."""
    with RawSmtp(gateway.server.ports["smtp"]) as smtp:
        smtp.begin(user["address"])
        smtp.send(stuffed(f"Subject: {subject}\r\n".encode() + header + b"\r\n" + body))
        return smtp.reply()


@pytest.fixture
def user(gateway):
    return gateway.server.new_user()


def test_a_filter_is_shown_everything(gateway, user):
    body = b"".join(b"%d %s\r\n" % (i, b"x" * 70) for i in range(2000))
    assert send(gateway, user, "shown", body, b"X-Folded: a\r\n\tb\r\n")[0] == 250
    (shown,) = gateway.filter.of("shown")
    assert shown["stages"].replace(b"D", b"") == b"OCHMRTLLNBBBE"
    macros = shown["macros"]
    port = int(macros[b"{client_port}"])
    assert port > 0 and shown["C"] == b"[127.0.0.1]\x004" + port.to_bytes(2, "big") + b"127.0.0.1\0"
    assert (macros[b"{client_addr}"], macros[b"{client_name}"], macros[b"{client_ptr}"]) == (b"127.0.0.1", b"unknown", b"unknown")
    assert (macros[b"v"], macros[b"_"]) == (b"Heronry", b"unknown [127.0.0.1]")
    assert (shown["H"], shown["M"]) == (b"client.example\0", b"<sender@remote.example>\0")
    assert shown["recipients"] == [f"<{user['address']}>".encode()]
    assert shown["fields"] == [("Subject", b"shown"), ("X-Folded", b"a\n\tb")]
    assert shown["body"] == body
    assert macros[b"j"] == gateway.server.hostname.encode()
    assert (macros[b"{mail_addr}"], macros[b"{mail_host}"]) == (b"sender@remote.example", b"remote.example")
    assert b"{mail_mailer}" not in macros  # of somebody elsewhere
    address, domain = user["address"].encode(), user["address"].partition("@")[2].encode()
    assert (macros[b"{rcpt_addr}"], macros[b"{rcpt_host}"], macros[b"{rcpt_mailer}"]) == (address, domain, b"local")
    assert shown["name_at"] == b"MRTNE" and macros[b"i"]
    (message,) = fetch_all(gateway.server, user)
    assert message.endswith(b"X-Folded: a\r\n\tb\r\n\r\n" + body)


@pytest.mark.parametrize("name, answers, reply", [
    ("reject", [REJECT], b"550 5.7.1 The message was refused by a filter\r\n"),
    ("later", [LATER], b"451 4.7.1 A filter wants the message to come later\r\n"),
    ("own words", [(b"y", b"554 5.7.1 Spam\r\n250 ok\0")], b"550 5.7.1 Spam\r\n"),
    ("own time", [(b"y", b"421 4.2.0 Greylisted\0")], b"451 4.7.1 Greylisted\r\n"),
    ("no code", [(b"y", b"250 ok\0")], b"451 4.7.1 A filter does not answer, try again later\r\n"),
    ("unknown", [(b"?", b"")], b"451 4.7.1 A filter does not answer, try again later\r\n"),
    ("huge", [(b"h", b"x" * (1 << 20)), ACCEPT], b"451 4.7.1 A filter does not answer, try again later\r\n"),
    ("bad address", [envelope(b"+", "a b"), ACCEPT], b"451 4.7.1 A filter does not answer, try again later\r\n"),
    ("bad name", [change(b"h", "A: b\r\nC", "d"), ACCEPT], b"451 4.7.1 A filter does not answer, try again later\r\n"),
    ("gone", ["close"], b"451 4.7.1 A filter does not answer, try again later\r\n"),
])
def test_verdicts(gateway, user, name, answers, reply):
    gateway.filter.rules[name] = answers
    assert send(gateway, user, name)[1] == reply
    assert fetch_all(gateway.server, user) == []


@pytest.mark.parametrize("stage", "LNB")
def test_a_verdict_before_the_end(gateway, user, stage):
    name = f"early {stage}"
    gateway.filter.rules[name] = lambda at: REJECT if at == stage else CONTINUE
    assert send(gateway, user, name)[0] == 550
    assert fetch_all(gateway.server, user) == []


def test_discarded_mail_is_taken_and_nowhere(gateway, user):
    gateway.filter.rules["discard"] = [DISCARD]
    assert send(gateway, user, "discard")[0] == 250
    assert fetch_all(gateway.server, user) == []


def test_headers_are_changed(gateway, user):
    """In the order of the answers; a value cannot become a second field."""
    gateway.filter.rules["change"] = [
        change(b"h", "X-Added", "one\n two"), change(b"i", "X-First", "top", 0),
        change(b"m", "Subject", "changed", 1), change(b"m", "X-Gone", "", 2), change(b"m", "X-None", "made", 7),
        change(b"h", "X-Evil", "a\r\nBcc: b\r\n\r\nbody"), (b"p", b""), ACCEPT]
    assert send(gateway, user, "change", header=b"X-Gone: 1\r\nX-Gone: 2\r\n")[0] == 250
    (message,) = fetch_all(gateway.server, user)
    assert message[message.index(b"X-First"):] == (
        b"X-First: top\r\nSubject: changed\r\nX-Gone: 1\r\nX-Added: one\r\n\ttwo\r\nX-None: made\r\n"
        b"X-Evil: a\r\n\tBcc: b\r\n\tbody\r\n\r\nText.\r\n")


def left_out(gateway, mark):
    """What filters wanted of the envelope since then and did not get."""
    lines = [line for line in gateway.server.log()[mark:].splitlines() if "envelope_left_out" in line]
    return [line.partition(" address=")[2].split()[0] for line in lines]


def test_recipients_come_and_go(gateway, user):
    """In the order of the answers. Who is not ours gets nothing from outside, nobody gets it twice, and the hooks,
    which are asked later, see what the filter made of it."""
    friend, third, server = gateway.server.new_user(), gateway.server.new_user(), gateway.server
    gateway.filter.rules["in move"] = [
        envelope(b"+", f"<{friend['address']}>"), envelope(b"+", friend["address"].upper()), envelope(b"-", f"<{user['address']}>"),
        envelope(b"2", third["address"], "NOTIFY=NEVER"), envelope(b"+", "<far@new.out.test>"), envelope(b"-", "nobody@else.example"),
        envelope(b"e", "<other@remote.example>", "SIZE=1"), change(b"h", "X-Moved", "yes"), ACCEPT]
    mark = len(server.log())
    assert send(gateway, user, "in move")[0] == 250
    assert fetch_all(server, user) == []
    for reader in (friend, third):
        (message,) = fetch_all(server, reader)
        assert message.startswith(b"Return-Path: <other@remote.example>\r\nDelivered-To: " + reader["address"].encode())
        assert b"\r\nX-Moved: yes\r\n" in message
    assert left_out(gateway, mark) == ["far@new.out.test"]
    (asked,) = gateway.hook.of("in move")
    assert asked["envelope"]["from"] == {"address": "other@remote.example"}
    assert [r["address"] for r in asked["envelope"]["to"]] == [friend["address"], third["address"], "far@new.out.test"]
    (changed,) = [line for line in server.log()[mark:].splitlines() if "envelope_changed" in line]
    assert "from=other@remote.example" in changed and "recipients=2" in changed


def test_recipients_that_are_too_many_are_left_out(gateway, user):
    """A message leads to a thousand ends at most."""
    (big, small) = ((f"{name}-{user['address']}", [f"{name}{n}@new.out.test" for n in range(count)])
                    for name, count in (("big", 999), ("small", 1)))
    for address, targets in (big, small):
        gateway.server.cli("address", "add", address, *targets, "--group")
    gateway.filter.rules["too many"] = [envelope(b"+", big[0]), envelope(b"+", small[0]), ACCEPT]
    mark = len(gateway.server.log())
    assert send(gateway, user, "too many")[0] == 250
    assert len(fetch_all(gateway.server, user)) == 1 and left_out(gateway, mark) == [big[0]]
    sent = wait_until(lambda: [m for m in gateway.new.messages if b"Subject: too many\r\n" in m.data], WAIT, "the message")
    assert [m.recipients for m in sent] == [["small0@new.out.test"]]


def test_no_recipient_left_is_a_discard(gateway, user):
    gateway.filter.rules["in none"] = [envelope(b"-", user["address"]), ACCEPT]
    assert send(gateway, user, "in none")[0] == 250
    assert fetch_all(gateway.server, user) == []


def test_what_comes_from_nobody_stays_so(gateway, user):
    """A report must not become something that is reported about."""
    gateway.filter.rules["report"] = [envelope(b"e", "<other@remote.example>"), ACCEPT]
    mark = len(gateway.server.log())
    with RawSmtp(gateway.server.ports["smtp"]) as smtp:
        smtp.begin(user["address"], sender="")
        smtp.send(stuffed(b"Subject: report\r\n\r\nText.\r\n"))
        assert smtp.reply()[0] == 250
    (message,) = fetch_all(gateway.server, user)
    assert message.startswith(b"Return-Path: <>\r\n") and left_out(gateway, mark) == ["other@remote.example"]


def test_recipients_are_refused_alone(gateway, user):
    """By a filter with stage: rcpt, which is told of each in a talk of its own; a sender that it refuses has none."""
    rules, (local, _, domain) = gateway.filter_at_rcpt.rules, user["address"].partition("@")
    away = b"451 4.7.1 A filter does not answer, try again later\r\n"
    cases = {"no": (REJECT, b"550 5.7.1 The message was refused by a filter\r\n"), "gone": ((b"y", b"554 5.1.1 Has left\0"), b"550 5.7.1 Has left\r\n"),
             "wait": (LATER, b"451 4.7.1 A filter wants the message to come later\r\n"), "drop": (DISCARD, away), "odd": ((b"?",), away),
             "yes": (ACCEPT, None), "well": (CONTINUE, None)}
    with RawSmtp(gateway.server.ports["smtp"]) as smtp:
        smtp.hello()
        assert smtp.ask("MAIL FROM:<sender@remote.example>")[0] == 250
        for name, (packet, reply) in cases.items():
            address = f"{local}+{name}@{domain}"
            rules[f"<{address}>"] = lambda at, packet=packet: packet if at == "R" else CONTINUE
            said = smtp.ask(f"RCPT TO:<{address}>")
            assert said[1] == reply if reply else said[0] == 250, name
        assert smtp.ask("DATA")[0] == 354
        smtp.send(stuffed(b"Subject: refused alone\r\n\r\nText.\r\n"))
        assert smtp.reply()[0] == 250
        rules["<unwanted@remote.example>"] = lambda at: REJECT if at == "M" else CONTINUE
        assert smtp.ask("MAIL FROM:<unwanted@remote.example>")[0] == 250
        assert smtp.ask(f"RCPT TO:<{user['address']}>")[1] == cases["no"][1]
    (message,) = fetch_all(gateway.server, user)
    assert b"\r\nSubject: refused alone\r\n" in message
    shown = gateway.filter.of("refused alone")[0]["recipients"]
    assert shown == [f"<{local}+{name}@{domain}>".encode() for name in ("yes", "well")]
    address = f"{local}+well@{domain}".encode()
    (talk,) = wait_until(lambda: [t for t in gateway.filter_at_rcpt.talks if t["recipients"] == [b"<" + address + b">"]], WAIT, "the end")
    assert (talk["stages"].replace(b"D", b""), talk["M"]) == (b"OCHMR", b"<sender@remote.example>\0")
    assert (talk["macros"][b"{rcpt_addr}"], talk["macros"][b"{rcpt_mailer}"]) == (address, b"local")
    assert int(talk["macros"][b"{client_port}"]) > 0


def test_a_body_is_replaced(gateway, user):
    gateway.filter.rules["body"] = [(b"b", b"Another\nbody"), (b"b", b" in pieces.\r\n"), CONTINUE]
    assert send(gateway, user, "body")[0] == 250
    (message,) = fetch_all(gateway.server, user)
    assert message.endswith(b"Subject: body\r\n\r\nAnother\r\nbody in pieces.\r\n")


def test_quarantine_is_junk(gateway, user):
    gateway.filter.rules["quarantine"] = [(b"q", b"strange\0"), ACCEPT]
    assert send(gateway, user, "quarantine")[0] == 250
    assert fetch_all(gateway.server, user) == []
    assert len(fetch_all(gateway.server, user, "Junk")) == 1


def test_quarantine_holds_what_leaves(gateway, user):
    """The copy of somebody here is Junk; what a forward sends on, with that copy or alone, waits for an administrator."""
    for name, targets in (("both", [user["address"], "both@new.out.test"]), ("away", ["away@new.out.test"])):
        address = f"{name}-{user['address']}"
        gateway.server.cli("address", "add", address, *targets, "--group")
        gateway.filter.rules["leaving " + name] = [(b"q", b"strange\0"), ACCEPT]
        assert send(gateway, {"address": address}, "leaving " + name)[0] == 250
    (both, away) = (next(row for row in gateway.server.json("queue", "list", "--status", "held")["items"]
                         if row["recipient"] == f"{name}@new.out.test") for name in ("both", "away"))
    assert both["reply"] == away["reply"] == "a filter holds it"
    assert (len(fetch_all(gateway.server, user)), len(fetch_all(gateway.server, user, "Junk"))) == (0, 1)
    for row in (both, away):
        gateway.server.cli("queue", "release", row["id"])
        wait_until(lambda row=row: [m for m in gateway.new.messages if m.recipients == [row["recipient"]]], WAIT, "the message")


def test_no_more_of_the_body_than_is_wanted(gateway, user):
    gateway.filter.rules["skip"] = lambda at: (b"s",) if at == "B" else CONTINUE
    assert send(gateway, user, "skip", b"x\r\n" * 100_000)[0] == 250
    (shown,) = gateway.filter.of("skip")
    assert shown["stages"].count(b"B") == 1
    assert len(fetch_all(gateway.server, user)) == 1


def test_a_filter_that_is_away_is_passed_over_or_waited_for(gateway, user):
    """The second one of the gateway, with on_failure: accept, is never there."""
    assert send(gateway, user, "away")[0] == 250
    assert f"127.0.0.1:{gateway.dead_port}" in gateway.server.log()


GTUBE = b"JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"


def test_rspamd_refuses_spam(gateway, user):
    """The pattern that all filters take for spam."""
    code, text = send(gateway, user, "gtube", b"X" + GTUBE)
    assert code == 550 and text.startswith(b"550 5.7.1 "), text
    assert send(gateway, user, "ham")[0] == 250
    (message,) = fetch_all(gateway.server, user)
    assert b"Subject: ham\r\n" in message


def test_rspamd_changes_the_envelope(gateway, user):
    friend = gateway.server.new_user()
    header = f"X-Add: {friend['address']}\r\nX-Drop: {user['address']}\r\nX-From: other@remote.example\r\n".encode()
    assert send(gateway, user, "moved by rspamd", header=header)[0] == 250
    assert fetch_all(gateway.server, user) == []
    (message,) = fetch_all(gateway.server, friend)
    assert message.startswith(b"Return-Path: <other@remote.example>\r\nDelivered-To: ")


def test_only_filters_mark_spam(gateway, user):
    """What the client wrote of it is gone before a filter sees the message; what a filter writes stays."""
    gateway.filter.rules["marked"] = [change(b"h", "X-Spam", "Yes"), ACCEPT]
    for subject in ("marked", "unmarked"):
        assert send(gateway, user, subject, header=b"X-Spam: forged\r\n")[0] == 250
    marked, unmarked = fetch_all(gateway.server, user)
    assert b"\r\nX-Spam: Yes\r\n" in marked and b"forged" not in marked
    assert b"X-Spam" not in unmarked
    assert not [f for f in gateway.filter.of("marked")[0]["fields"] if f[0] == "X-Spam"]


# ---- what our users send

def submit(gateway, user, subject, *, to=None, body=b"Text.\r\n"):
    """The reply to the end of a submission to an address elsewhere, and to another account of ours if named."""
    with gateway.server.smtp("submission", login=user) as client:
        client.mail(user["address"])
        for address in ["bob@new.out.test", *([to["address"]] if to else [])]:
            assert client.rcpt(address)[0] == 250
        return client.data(f"From: {user['address']}\r\nSubject: {subject}\r\n\r\n".encode() + body)


def test_a_submission_is_shown_with_its_login(gateway, user):
    assert submit(gateway, user, "going out")[0] == 250
    (shown,) = gateway.filter.of("going out")
    macros = shown["macros"]
    assert macros[b"{auth_authen}"] == user["address"].encode() and macros[b"{auth_type}"] == b"PLAIN"
    assert macros[b"{tls_version}"].startswith(b"TLSv1.")
    assert shown["M"] == f"<{user['address']}>".encode() + b"\0" and shown["recipients"] == [b"<bob@new.out.test>"]
    assert (macros[b"{mail_mailer}"], macros[b"{rcpt_mailer}"], macros[b"{rcpt_host}"]) == (b"local", b"smtp", b"new.out.test")
    (talk,) = wait_until(lambda: [t for t in gateway.filter_at_rcpt.talks
                                  if t["macros"].get(b"{auth_authen}") == user["address"].encode()], WAIT, "the end")
    assert (talk["recipients"], talk["macros"][b"{rcpt_mailer}"]) == ([b"<bob@new.out.test>"], b"smtp")
    names = [name for name, _ in shown["fields"]]
    assert "Received" not in names and {"Date", "Message-ID"} <= set(names)


def test_filters_judge_submissions(gateway, user):
    """Refused for good and for now, in their words; changed; taken and dropped, of which Sent has nothing either."""
    gateway.server.cli("user", "save-sent", user["address"], "on")
    gateway.filter.rules |= {"out no": [(b"y", b"554 5.7.1 Not this\0")], "out later": [LATER], "out gone": [DISCARD],
                             "out new": [change(b"h", "X-Added", "yes"), (b"b", b"Other.\r\n"), ACCEPT]}
    assert submit(gateway, user, "out no") == (550, b"5.7.1 Not this")
    assert submit(gateway, user, "out later")[0] == 451
    friend = gateway.server.new_user()
    assert submit(gateway, user, "out gone", to=friend)[0] == 250
    assert submit(gateway, user, "out new", to=friend)[0] == 250
    (message,) = fetch_all(gateway.server, friend)
    assert fetch_all(gateway.server, user, "Sent") == [message[message.index(b"Received: "):]]
    assert b"\r\nX-Added: yes\r\n" in message and message.endswith(b"\r\n\r\nOther.\r\n")
    sent = wait_until(lambda: [m for m in gateway.new.messages if b"Subject: out " in m.data], WAIT, "the message")
    assert [b"Subject: out new\r\n" in m.data for m in sent] == [True] and b"\r\n\r\nOther." in sent[0].data


def test_the_envelope_of_a_submission(gateway, user):
    """Other recipients, anywhere; a sender that the user may use, and none that he may not."""
    friend, (local, _, domain) = gateway.server.new_user(), user["address"].partition("@")
    own = f"{local}+tag@{domain}"
    gateway.filter.rules |= {
        "out move": [envelope(b"-", "<bob@new.out.test>"), envelope(b"+", "<amy@new.out.test>"), envelope(b"e", f"<{own}>"),
                     envelope(b"+", f"<{friend['address']}>"), ACCEPT],
        "out forged": [envelope(b"e", f"<{friend['address']}>"), ACCEPT]}
    mark = len(gateway.server.log())
    for subject, sender, to in (("out move", own, "amy@new.out.test"), ("out forged", user["address"], "bob@new.out.test")):
        assert submit(gateway, user, subject)[0] == 250
        (sent,) = wait_until(lambda subject=subject: [m for m in gateway.new.messages if f"Subject: {subject}\r\n".encode() in m.data],
                             WAIT, "the message")
        assert (sent.sender, sent.recipients) == (sender, [to])
    (message,) = fetch_all(gateway.server, friend)
    assert message.startswith(f"Return-Path: <{own}>\r\n".encode()) and left_out(gateway, mark) == [friend["address"]]


def test_rspamd_refuses_what_our_users_send(gateway, user):
    assert submit(gateway, user, "gtube out", body=b"X" + GTUBE)[0] == 550


def test_quarantine_of_a_submission_is_held(gateway, user):
    """In the queue, until an administrator releases it; people here find it in Junk."""
    gateway.filter.rules["out held"] = [(b"q", b"strange\0"), ACCEPT]
    friend = gateway.server.new_user()
    assert submit(gateway, user, "out held", to=friend)[0] == 250
    assert (fetch_all(gateway.server, friend), len(fetch_all(gateway.server, friend, "Junk"))) == ([], 1)
    (row,) = gateway.server.json("queue", "list", "--sender", user["address"])["items"]
    assert (row["status"], row["recipient"], row["reply"]) == ("held", "bob@new.out.test", "a filter holds it")
    gateway.server.cli("queue", "release", row["id"])
    wait_until(lambda: [m for m in gateway.new.messages if b"Subject: out held\r\n" in m.data], WAIT, "the message")


def test_filters_see_what_the_apps_send(gateway, user):
    """A message of the webmail goes the same way; its author reads what the filter said."""
    gateway.filter.rules["app no"] = [(b"y", b"554 5.7.1 Not from here\0")]
    api = Api.signed_in(gateway.server, user)
    draft = {"to": [{"address": "bob@new.out.test"}], "cc": [], "bcc": [], "subject": "app no", "html": "", "text": "x",
             "attachments": []}
    made = api.post("/drafts", draft, status=201).json
    path = "/submissions/" + api.post("/submissions", {"draftId": made["id"], "undoSeconds": 0}, status=201).json["id"]
    wait_until(lambda: api.get(path).json["undoStatus"] == "canceled", WAIT, "the end")
    assert "Not from here" in api.get(path).json["recipients"][0]["reply"]


# ---- ClamAV, which has a server of its own here, because mail waits for it

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!" b"$H+H*"


@pytest.fixture(scope="module")
def scanned():
    """A server and the ClamAV that sees its mail."""
    clamav = Clamav("Eicar.Test", EICAR)
    try:
        server = Instance(kinds=["smtp", "imaps"], settings={
            "milters": f'[{{ addr: "unix:{clamav.socket}" }}]', "milter.timeout": "60s"})
        try:
            yield server.up(), clamav
        finally:
            server.remove()
    finally:
        clamav.close()


def deliver(server, user, subject, file):
    """The reply to the end of a message with an attachment."""
    message = EmailMessage()
    message["From"], message["Subject"] = "sender@remote.example", subject
    message.set_content("See the file.")
    message.add_attachment(file, "application", "octet-stream", filename="file.bin")
    text = message.as_bytes().replace(b"\n", b"\r\n")
    assert file not in text  # base64
    with RawSmtp(server.ports["smtp"]) as smtp:
        smtp.begin(user["address"])
        smtp.send(stuffed(text))
        return smtp.reply()


def test_clamav_refuses_viruses_and_mail_waits_for_it(scanned):
    server, clamav = scanned
    user = server.new_user()
    assert deliver(server, user, "ill", EICAR)[1] == b"550 5.7.1 Infected by Eicar.Test.UNOFFICIAL\r\n"
    assert deliver(server, user, "well", EICAR[1:])[0] == 250
    clamav.stop()
    assert deliver(server, user, "unseen", EICAR[1:])[1] == b"451 4.7.1 A filter does not answer, try again later\r\n"
    (message,) = fetch_all(server, user)
    assert b"\r\nSubject: well\r\n" in message and b"\r\nX-Virus-Status: Clean\r\n" in message
