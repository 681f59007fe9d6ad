# SPDX-License-Identifier: Apache-2.0
"""Mail that cannot go securely (FEATURES 46-51): it is held, its sender is asked by mail, answers by mail or somebody
decides over API and command line; then it goes, or not."""
import email
import email.policy
import json
import pathlib
import re
import shutil
import ssl
import tempfile

import pytest
from api_client import Api
from certificates import Certificate
from conftest import Instance, free_ports, wait_until
from outbound import DOMAIN, Sink, Zone

WAIT = 150
GOOD, PLAIN, BROKEN, STRANGE = (f"127.0.0.{i}" for i in range(1, 5))
BROKEN_NAMES = ("broken", "anyway")
IDN = "xn--bcher-kva"
STRANGE_NAMES = ("ask", "send", "cancel", "retry", "pinned", "unclear", "foreign", "robot", "decide", "listed", "ahead", "goes",
                 "webmail", "mine", "failing", "deutsch", IDN)


class World:
    def __init__(self):
        (self.port,) = free_ports(1)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-certificates-", dir="/tmp"))
        self.folder.chmod(0o755)  # for the user that Heronry becomes
        self.stranger, self.other = (Certificate(self.folder, name) for name in ("stranger", "other"))
        authority = Certificate(self.folder, "authority")
        good = Certificate(self.folder, "good", [f"mx-good.{DOMAIN}"], authority)
        self.sinks = {GOOD: Sink(self.port, tls=good.context(), extensions=("REQUIRETLS",)),
                      PLAIN: Sink(self.port, address=PLAIN),
                      BROKEN: Sink(self.port, address=BROKEN, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)),
                      STRANGE: Sink(self.port, address=STRANGE, tls=self.stranger.context())}
        lines = []
        for address, names in ((GOOD, ("good",)), (PLAIN, ("plain",)), (BROKEN, BROKEN_NAMES), (STRANGE, STRANGE_NAMES)):
            for name in names:
                lines += [f"{name} MX 10 mx-{name}", f"mx-{name} A {address}"]
        self.zone = Zone(lines)
        self.server = Instance(settings={
            "delivery.port": self.port, "delivery.time_divisor": 1000, "dns.stub_zone": DOMAIN,
            "dns.stub_server": self.zone.server, "delivery.mta_sts": "false",
            "delivery.ca_file": str(authority.chain)}).up()
        self.user, self.stranger_user = self.server.user(2), self.server.user(3)

    def send(self, name, *locals_, subject=None):
        addresses = [f"{local}@{name}.{DOMAIN}" for local in locals_ or ("somebody",)]
        self.submit(self.user, addresses, subject or name, "Hello.")
        return addresses

    def submit(self, user, addresses, subject, body, **fields):
        header = {"From": user["address"], "To": ", ".join(addresses), "Subject": subject, **fields}
        text = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in header.items()) + f"\r\n{body}\r\n"
        with self.server.smtp("submission", login=user) as client:
            client.sendmail(user["address"], addresses, text.encode())

    def mails(self, about, user=None):
        """Mails of the server about the domain in the user's INBOX."""
        client = self.server.imap(user or self.user)
        client.select("INBOX", readonly=True)
        raw = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in client.search(None, "ALL")[1][0].split()]
        client.logout()
        parsed = [email.message_from_bytes(r, policy=email.policy.default) for r in raw]
        asks = ("could not be sent", "konnte nicht sicher gesendet werden")
        return [m for m in parsed if f"{about}.{DOMAIN}" in m["Subject"] and any(words in m["Subject"] for words in asks)]

    def question(self, name, count=1, user=None):
        found = lambda: len(mails := self.mails(name, user)) >= count and mails
        return wait_until(found, WAIT, f"a question about {name}")[count - 1]

    def ask(self, name):
        """Sends a message that is held; the question."""
        self.send(name)
        return self.question(name)

    def answer(self, question, text, user=None, **fields):
        quoted = "\r\n".join("> " + line for line in body_of(question).splitlines())
        self.submit(user or self.user, [question["Reply-To"]], f"Re: {question['Subject']}",
                    f"{text}\r\n\r\nOn Monday somebody wrote:\r\n{quoted}", **fields)

    def status(self, name):
        return self.server.psql(f"SELECT status || ' ' || code FROM q_rcpt WHERE domain = '{name}.{DOMAIN}' ORDER BY rcpt")

    def arrived(self, name, count=1):
        address = f"somebody@{name}.{DOMAIN}"
        found = lambda: [m for sink in self.sinks.values() for m in sink.of(address)]
        return wait_until(lambda: len(found()) >= count and found(), WAIT, f"mail for {name}")

    def nothing_went(self, name):
        return not any(f"@{name}.{DOMAIN}" in str(argument) for sink in self.sinks.values()
                       for _, argument in list(sink.commands))

    def lines(self, event, name):
        return [l for l in self.server.log().splitlines() if f" {event} " in l and f"{name}.{DOMAIN}" in l]

    def close(self):
        self.server.remove()
        for sink in self.sinks.values():
            sink.close()
        self.zone.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def body_of(mail):
    text = next(p for p in mail.walk() if p.get_content_type() == "text/plain").get_content()
    return text.replace("\r\n", "\n")


@pytest.fixture(scope="module")
def world():
    w = World()
    yield w
    w.close()


@pytest.fixture(scope="module")
def admin(world):
    return Api.signed_in(world.server, world.server.user(1))


# ---- the question ----

def test_the_sender_is_asked_once(world):
    first, second = world.send("ask", "one", "two", subject="Grüße")
    question = world.question("ask")
    local, domain = world.user["address"].split("@")
    assert re.fullmatch(rf"{local}\+tls-[0-9a-hjkmnp-tv-z]{{26}}@{domain}", question["Reply-To"])
    assert question["Auto-Submitted"] == "auto-generated" and question["Return-Path"] == "<>"
    text = body_of(question)
    for said in (first, second, "self-signed", f"mx-ask.{DOMAIN}", "CN=stranger", "cancel", "retry", "send just this",
                 f"whitelist ask.{DOMAIN}\n", "without TLS", "Without a decision until"):
        assert said in text, said
    assert any(p.get_content_type() == "text/rfc822-headers" for p in question.walk())
    assert world.status("ask") == "-1 4.7.5\n-1 4.7.5" and world.nothing_went("ask")
    assert len(world.mails("ask")) == 1
    secret = question["Reply-To"].split("+tls-")[1].split("@")[0]
    assert world.server.psql(f"SELECT count(*) FROM q_hold h WHERE h::text ILIKE '%{secret}%'") == "0"
    (line,) = world.lines("delivery_held", "ask")
    assert "certificate-not-trusted" in line and "recipients=2" in line, line
    assert " tls=TLSv1.3 verified=false " in line, line


# ---- answers ----

def test_send_just_this(world):
    question = world.ask("send")
    world.answer(question, "Please send just this one.")
    (message,) = world.arrived("send")
    assert message.tls  # as secure as it can be
    wait_until(lambda: world.lines("delivery_tls_degraded", "send"), WAIT, "the log")
    world.send("send")  # the next one is held again
    world.question("send", 2)
    assert len(world.arrived("send")) == 1


def test_cancel(world):
    question = world.ask("cancel")
    world.answer(question, "cancel")
    wait_until(lambda: world.status("cancel") == "", WAIT, "the message to go")
    assert world.nothing_went("cancel")
    client = world.server.imap(world.user)
    client.select("INBOX", readonly=True)
    assert client.search(None, "SUBJECT", '"Undelivered"')[1][0] == b""  # no report: the sender knows
    client.logout()


def test_retry_asks_again(world):
    question = world.ask("retry")
    world.answer(question, "try again, please")
    again = world.question("retry", 2)
    assert again["Reply-To"] != question["Reply-To"]
    world.answer(question, "send it")  # that question is over
    assert world.status("retry").startswith("-1") and world.nothing_went("retry")
    world.answer(again, "send it")
    world.arrived("retry")


def test_whitelist_pins_the_key(world):
    question = world.ask("pinned")
    world.answer(question, f"whitelist pinned.{DOMAIN}")
    world.arrived("pinned")
    world.send("pinned")
    world.arrived("pinned", 2)
    world.sinks[STRANGE].tls = world.other.context()
    try:
        world.send("pinned")
        again = world.question("pinned", 2)
        assert "CN=other" in body_of(again) and len(world.arrived("pinned", 2)) == 2
    finally:
        world.sinks[STRANGE].tls = world.stranger.context()
    # Not for the mail of others.
    world.submit(world.stranger_user, [f"somebody@pinned.{DOMAIN}"], "mine", "x")
    wait_until(lambda: world.mails("pinned", world.stranger_user), WAIT, "a question to the other one")


def test_without_a_certificate_only_any_server_can_be_whitelisted(world):
    question = world.ask("anyway")
    text = body_of(question)
    assert f"whitelist anyway.{DOMAIN}\n" not in text and f"whitelist anyway.{DOMAIN} without TLS" in text
    world.answer(question, f"whitelist anyway.{DOMAIN}")
    helped = world.question("anyway", 2)
    assert "not understood" in body_of(helped)
    world.answer(helped, f"whitelist anyway.{DOMAIN} without TLS")
    (message,) = world.arrived("anyway")
    assert not message.tls
    world.send("anyway")
    world.arrived("anyway", 2)


def test_a_domain_is_named_in_any_spelling(world):
    """People write "Bücher", the envelope has the A-label."""
    question = world.ask(IDN)
    world.answer(question, f"whitelist BÜCHER.{DOMAIN}")
    world.arrived(IDN)
    assert len(world.mails(IDN)) == 1
    (row,) = [r for r in world.server.cli("whitelist", "tls", "list").stdout.splitlines() if r.startswith(IDN)]
    assert row.split()[1] == world.user["address"], row  # and not its number


def test_an_unclear_answer_is_told_each_time(world):
    question = world.ask("unclear")
    world.answer(question, "Well, I do not know.")
    helped = world.question("unclear", 2)
    assert helped["Subject"].startswith("Not understood") and helped["Reply-To"].lower() == question["Reply-To"].lower()
    for unclear in ("whitelist elsewhere.example", "hm", "You mustn't delete it", "send it to bob@unclear.out.test", "I refuse"):
        world.answer(helped, unclear)
    assert world.question("unclear", 6)["Subject"].startswith("Not understood")  # five times: the last one is left out
    for automatic in ({"X_Autoreply": "yes"}, {"Precedence": "auto_reply"}, {"Content_Type": "multipart/report; boundary=b"}):
        world.answer(helped, "cancel", **automatic)
    world.answer(helped, "send it")
    world.arrived("unclear")
    assert len(world.mails("unclear")) == 6
    address = helped["Reply-To"].strip("<>")
    local, _, domain = address.partition("@")
    others = [f"{local[:-1]}{digit}@{domain}" for digit in "01234567"]  # that nobody was asked at; most of them are other secrets
    world.submit(world.user, [address, address.upper(), *others], f"Re: {helped['Subject']}", "cancel")  # is told once
    client = world.server.imap(world.user)

    def late():
        client.select("INBOX", readonly=True)
        return client.search(None, "SUBJECT", '"Nothing to decide any more"', "TEXT", '"Not understood: Your mail to unclear"')[1][0].split()
    assert len(wait_until(late, WAIT, "word that nothing waits for the answer")) == 1
    client.logout()


def test_the_language_of_the_account(world):
    """The question, the help and reports are in the language of the sender's settings; an answer in any that is known."""
    user = world.server.new_user()
    Api.signed_in(world.server, user).patch("/me/settings", {"language": "de"}, status=200)
    world.submit(user, [f"somebody@deutsch.{DOMAIN}", f"somebody@nowhere.{DOMAIN}"], "Grüße", "x")
    question = world.question("deutsch", user=user)
    text = body_of(question)
    for said in (f"somebody@deutsch.{DOMAIN}", "abbrechen\n", "noch einmal\n", "nur diese\n", f"erlaube deutsch.{DOMAIN}\n",
                 "self-signed", "Betreff:  Grüße"):
        assert said in text, said
    world.answer(question, "Ich weiß nicht recht", user=user)
    helped = world.question("deutsch", 2, user)
    assert helped["Subject"].startswith("Nicht verstanden: Deine Nachricht") and "wurde nicht verstanden" in body_of(helped)
    world.answer(helped, "Bitte abbrechen oder nur diese", user=user)
    world.answer(helped, "Brich das bitte ab.", user=user)
    wait_until(lambda: world.status("deutsch") == "", WAIT, "the message to go")
    assert world.nothing_went("deutsch")

    def reports():
        client = world.server.imap(user)
        client.select("INBOX", readonly=True)
        raw = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in client.search(None, "ALL")[1][0].split()]
        client.logout()
        return [m for m in (email.message_from_bytes(r, policy=email.policy.default) for r in raw)
                if m.get_content_type() == "multipart/report" and m.get_payload()[1].get_payload()[1]["Action"] == "failed"]

    (report,) = wait_until(reports, WAIT, "the report")
    text = report.get_payload(0)
    assert report["Subject"].startswith("Nicht zustellbar") and text["Content-Language"] == "de"
    assert "konnte den folgenden Empfängern nicht zugestellt werden" in text.get_content()


def test_only_the_senders_own_answer_counts(world):
    """Somebody who knows the address only sends mail to its owner; from outside, so does everybody."""
    question = world.ask("foreign")
    world.answer(question, "send just this", user=world.stranger_user)
    with world.server.smtp() as client:
        client.sendmail("x@elsewhere.example", [question["Reply-To"]],
                        f"From: {world.user['address']}\r\nSubject: Re: foreign\r\n\r\nsend just this\r\n".encode())
    client = world.server.imap(world.user)
    client.select("INBOX", readonly=True)
    assert len(client.search(None, "SUBJECT", "Re:", "SUBJECT", "foreign")[1][0].split()) == 2
    client.logout()
    assert world.status("foreign").startswith("-1") and world.nothing_went("foreign")


def test_what_a_program_answers_is_ignored(world):
    question = world.ask("robot")
    world.answer(question, "cancel", Auto_Submitted="auto-replied")
    assert world.status("robot").startswith("-1") and len(world.mails("robot")) == 1
    world.answer(question, "cancel", Auto_Submitted="no")
    wait_until(lambda: world.status("robot") == "", WAIT, "the message to go")


# ---- who is not asked ----

def test_plain_text_goes_with_a_warning(world):
    """TLS is not required by default, only verified where it is offered (FEATURES 46)."""
    world.send("plain")
    (message,) = world.arrived("plain")
    (done,) = wait_until(lambda: world.lines("delivery_done", "plain"), WAIT, "the log")
    (warned,) = world.lines("delivery_tls_degraded", "plain")
    assert not message.tls and f" domain=plain.{DOMAIN} " in warned and "does not offer it" in warned
    assert warned.split(" delivery_tls_degraded ")[0].split()[-1] == done.split(" delivery_done ")[0].split()[-1]  # the queue id


def test_a_trial_tells_what_users_would_meet(world):
    done = world.server.cli("deliver", "test", f"leo@failing.{DOMAIN}", "--json", check=False)
    (host,) = (said := json.loads(done.stdout))["hosts"]
    assert (done.returncode, said["isAccepted"], host["isAccepted"], host["verdict"]) == (1, False, False, "hold"), said
    mine = world.user["address"]
    assert f"{mine}: is delivered here" in world.server.cli("deliver", "test", mine).stdout
    gone = world.server.cli("deliver", "test", f"nobody@{mine.split('@')[1]}", check=False)
    assert gone.returncode == 1 and "has no such address" in gone.stdout


def test_a_trial_follows_an_address_that_leads_to_others(world, admin):
    """It is not delivered here when all that it leads to is elsewhere."""
    mine, ours = world.user["address"], world.user["address"].split("@")[1]
    led = lambda name: json.loads((done := world.server.cli("deliver", "test", f"{name}@{ours}", "--json", check=False)).stdout) | {"code": done.returncode}
    away, held, none = f"leo@good.{DOMAIN}", f"mia@failing.{DOMAIN}", f"eva@nowhere.{DOMAIN}"
    for name, targets in (("away", [away]), ("home", [mine]), ("mixed", [mine, away, held, none]), ("many", [f"leo{n}@good.{DOMAIN}" for n in range(7)])):
        world.server.cli("address", "add", f"{name}@{ours}", *targets)
    said = led("away")
    assert (said["code"], said["isOwn"], said["isAccepted"], said["problem"]) == (0, False, True, None)
    assert [(e["address"], e["isOwn"], e["isAccepted"]) for e in said["leadsTo"]] == [(away, False, True)]
    assert [(h["recipient"], h["isAccepted"], h["verdict"]) for h in said["hosts"]] == [(away, True, "send")]
    said = led("home")
    assert (said["code"], said["isOwn"], said["isAccepted"], said["hosts"]) == (0, True, True, [])
    said = led("mixed")
    assert (said["code"], said["isOwn"], said["isAccepted"]) == (1, False, False)
    assert {e["address"]: (e["isOwn"], e["isAccepted"], e["problem"]) for e in said["leadsTo"]} == {
        mine: (True, True, None), away: (False, True, None), held: (False, False, None), none: (False, False, "the domain does not exist")}
    assert {h["recipient"] for h in said["hosts"]} == {away, held}
    shown = world.server.cli("deliver", "test", f"mixed@{ours}", check=False).stdout
    for line in (f"mixed@{ours}: leads to", f"  {mine}: is delivered here", f"  {away}: a server takes it", f"  {held}: no server takes it"):
        assert f"{line}\n" in shown, shown
    said = led("many")
    assert (said["code"], sorted(str(e["isAccepted"]) for e in said["leadsTo"])) == (0, ["None"] * 2 + ["True"] * 5)
    # No key of others is taken for one of this domain.
    assert world.server.cli("address", "add", f"postmaster@{ours}", away, check=False).returncode == 0
    done = world.server.cli("whitelist", "tls", ours, check=False)
    assert done.returncode == 65 and "it is a domain of this server" in done.stderr
    assert admin.get("/admin/tls-exceptions", query={"domain": ours}).json["items"] == []
    world.server.cli("address", "remove", f"postmaster@{ours}")


def test_a_good_server_gets_mail_but_not_what_must_be_proven(world):
    """REQUIRETLS needs DNSSEC or a policy that names the server (RFC 8689 section 4.2.1); nobody is asked about that."""
    world.send("good")
    (message,) = world.arrived("good")
    line = wait_until(lambda: world.lines("delivery_done", "good"), WAIT, "the line of the log")[0]
    assert message.tls and "verified=true" in line
    address = f"special@good.{DOMAIN}"
    with world.server.smtp("submission", login=world.user) as client:
        client.sendmail(world.user["address"], [address], f"From: {world.user['address']}\r\n\r\nx\r\n".encode(),
                        mail_options=["REQUIRETLS"])
    (line,) = wait_until(lambda: world.lines("delivery_failed", "good"), WAIT, "the failure")
    assert "status=5.7.10" in line and "neither DNSSEC nor an MTA-STS policy" in line, line
    assert not world.mails("good")


# ---- API and command line ----

def test_decisions_by_the_command_line(world):
    world.ask("decide")
    (row,) = [r for r in world.server.json("queue", "pending")["items"] if r["domain"] == f"decide.{DOMAIN}"]
    assert "self-signed" in row["reply"]
    assert world.server.json("queue", "stats")["held"] >= 1
    assert world.server.cli("queue", "decide", row["id"], "perhaps", check=False).returncode == 65
    assert world.server.json("queue", "decide", row["id"], "send") == {"ok": True, "id": row["id"], "recipients": 1}
    world.arrived("decide")
    assert world.server.cli("queue", "decide", row["id"], "send", check=False).returncode == 66
    world.server.cli("whitelist", "tls", "remove", f"listed.{DOMAIN}", check=False)
    done = world.server.cli("whitelist", "tls", f"plain.{DOMAIN}", check=False)  # no key is known, and none is shown
    assert done.returncode == 65 and "shows a certificate now (it offers no TLS" in done.stderr and "--any" in done.stderr, done
    world.ask("listed")
    assert world.server.json("whitelist", "tls", f"listed.{DOMAIN}") == {"ok": True, "domain": f"listed.{DOMAIN}", "recipients": 1, "keysSeen": []}
    world.arrived("listed")
    (listed,) = world.server.json("whitelist", "tls", "list", "--domain", f"listed.{DOMAIN}")["items"]
    assert listed["accountId"] is None and len(listed["key"]) == 64
    world.server.cli("whitelist", "tls", "remove", f"listed.{DOMAIN}")
    world.send("listed")
    world.question("listed", 2)
    world.server.cli("whitelist", "tls", f"listed.{DOMAIN}", "--any", "--expires", "2099-01-01T00:00:00Z")
    world.arrived("listed", 2)


def test_a_domain_is_whitelisted_before_there_is_mail(world):
    """Its servers are asked for the keys that they have now; and trials go by it as mail does."""
    tried = lambda: json.loads(world.server.cli("deliver", "test", f"somebody@ahead.{DOMAIN}", "--json", check=False).stdout)["hosts"][0]
    told = lambda: [(host := tried())["verdict"], host["isAccepted"]]
    assert told() == ["hold", False]
    shown = world.server.cli("whitelist", "tls", f"ahead.{DOMAIN}").stdout
    (listed,) = world.server.json("whitelist", "tls", "list", "--domain", f"ahead.{DOMAIN}")["items"]
    assert f"for the server with the key {listed['key']}\n" in shown and len(listed["key"]) == 64
    assert told() == ["send-unverified", True]
    world.send("ahead")
    world.arrived("ahead")
    assert not world.mails("ahead")
    world.server.cli("whitelist", "tls", "remove", f"ahead.{DOMAIN}")
    assert world.server.json("whitelist", "tls", f"ahead.{DOMAIN}") == {"ok": True, "domain": f"ahead.{DOMAIN}", "recipients": 0,
                                                                        "keysSeen": [listed["key"]]}
    world.server.cli("whitelist", "tls", "remove", f"ahead.{DOMAIN}")
    world.server.cli("whitelist", "tls", f"ahead.{DOMAIN}", "--key", 64 * "0")  # of another server
    assert told() == ["hold", False]
    world.server.cli("whitelist", "tls", f"ahead.{DOMAIN}", "--any")
    assert told() == ["send-unverified", True]
    world.server.cli("whitelist", "tls", "remove", f"ahead.{DOMAIN}")
    done = world.server.cli("whitelist", "tls", f"nowhere.{DOMAIN}", check=False)
    assert done.returncode == 65 and "the domain does not exist" in done.stderr and "--any" in done.stderr


def test_decisions_by_the_api(world, admin):
    world.ask("broken")
    (row,) = admin.get("/admin/queue", query={"status": "held", "domain": f"broken.{DOMAIN}"}).json["items"]
    path = f"/admin/queue/{row['id']}/decide"
    assert admin.post(path, {"choice": "whitelist"}, status=409).problem == "no-certificate"
    admin.post(path, {"choice": "send", "domain": "elsewhere.example"}, status=404)
    assert admin.post(path, {"choice": "send"}).json["recipients"] == 1
    (message,) = world.arrived("broken")
    assert not message.tls
    (entry,) = admin.get("/admin/audit", query={"action": "queue.send", "object": row["id"]}).json["items"]
    assert f"broken.{DOMAIN}" in entry["detail"]
    # Trying all again is for what waits for a server, not for a decision.
    world.ask("goes")
    admin.post("/admin/queue/retry", {"domain": f"goes.{DOMAIN}"})
    assert world.status("goes").startswith("-1") and len(world.mails("goes")) == 1
    assert admin.post("/admin/queue/retry", {"domain": f"goes.{DOMAIN}", "status": "held"}).json["recipients"] == 1
    world.question("goes", 2)


def test_an_answer_from_the_webmail(world):
    """The reply goes as every message of the webmail does."""
    question = world.ask("webmail")
    person = Api.signed_in(world.server, world.user)
    draft = person.post("/drafts", {"to": [{"address": question["Reply-To"], "name": ""}], "cc": [], "bcc": [], "html": "",
                                    "subject": "Re: webmail", "text": "send just this", "attachments": []}, status=201).json
    sent = person.post("/submissions", {"draftId": draft["id"], "undoSeconds": 0}, status=201).json
    world.arrived("webmail")
    wait_until(lambda: person.get(f"/submissions/{sent['id']}").json["undoStatus"] == "final", WAIT, "the answer in Sent")


def sent_from_the_webmail(person, *addresses):
    """Sends a message; its id in Sent."""
    draft = person.post("/drafts", {"to": [{"address": a, "name": ""} for a in addresses], "cc": [], "bcc": [], "html": "",
                                    "subject": "traced", "text": "Hello.", "attachments": []}, status=201).json
    path = person.post("/submissions", {"draftId": draft["id"], "undoSeconds": 0}, status=201).headers["location"]
    return wait_until(lambda: person.get(path).json["messageId"], WAIT, "the message in Sent")


def deliveries(person, message_id):
    """By the first label of the recipient's domain."""
    items = person.get(f"/messages/{message_id}/deliveries", status=200).json["items"]
    return {i["recipient"].partition("@")[2].partition(".")[0]: i for i in items}


def test_where_is_my_mail(world, admin):
    """FEATURES 61: each attempt with its server, reply and TLS, for the sender and for administrators, when the message has
    left the queue, too; and the sender decides about what is held."""
    person, stranger = Api.signed_in(world.server, world.user), Api.signed_in(world.server, world.stranger_user)
    sent = sent_from_the_webmail(person, f"somebody@good.{DOMAIN}", f"somebody@mine.{DOMAIN}")
    states = lambda: {name: i["state"] for name, i in deliveries(person, sent).items()}
    wait_until(lambda: states() == {"good": "delivered", "mine": "held"}, WAIT, "one delivered, one held")
    found = deliveries(person, sent)
    (attempt,) = found["good"]["attempts"]
    assert attempt["server"] == f"mx-good.{DOMAIN} [127.0.0.1]" and attempt["reply"].startswith("250")
    assert (attempt["number"], attempt["stage"], attempt["state"]) == (1, "message", "delivered") and attempt["frontend"]
    assert attempt["tls"]["verifiedBy"] == "pkix" and attempt["tls"]["version"].startswith("TLSv1.")
    assert found["good"]["nextAttemptAt"] is None and found["good"]["expiresAt"] is None
    (attempt,) = found["mine"]["attempts"]
    assert (attempt["stage"], attempt["tls"]["verifiedBy"], attempt["code"]) == ("starttls", "none", "4.7.5")
    assert "self-signed" in attempt["reply"] and "certificate-not-trusted" in attempt["policy"]

    path = f"/deliveries/{found['mine']['id']}/decide"
    stranger.get(f"/messages/{sent}/deliveries", status=404)
    stranger.post(path, {"choice": "send"}, status=404)
    assert person.post(path, {"choice": "whitelist", "expiresAt": "2020-01-01T00:00:00Z"}, status=422).pointers == ["/expiresAt"]
    assert person.post(path, {"choice": "send"}, headers={"Idempotency-Key": "d"}, status=200).json == {"recipients": 1}
    person.post(path, {"choice": "cancel"}, headers={"Idempotency-Key": "d"}, status=409)
    world.arrived("mine")
    wait_until(lambda: states() == {"good": "delivered", "mine": "delivered"}, WAIT, "both delivered")

    message_id = found["good"]["messageId"]
    for word in (message_id, f"<{message_id}>", found["good"]["id"]):
        listed = {d["recipient"] for d in admin.get("/admin/trace", query={"query": word}).json["items"]}
        assert listed == {f"somebody@good.{DOMAIN}", f"somebody@mine.{DOMAIN}"}, word
    asked = {"query": f"somebody@mine.{DOMAIN}", "from": "2020-01-01T00:00:00Z", "limit": 1}
    (first,) = {d["id"] for d in admin.get("/admin/trace", query=asked).json["items"]}
    assert first == found["mine"]["id"]
    assert admin.get("/admin/trace", query={"sender": world.user["address"], "to": "2020-01-01T00:00:00Z"}).json["items"] == []
    mine = [d for d in world.server.json("queue", "trace", message_id)["items"] if "@mine." in d["recipient"]]
    assert [a["state"] for a in mine[0]["attempts"]] == ["held", "delivered"]
    text = world.server.cli("queue", "trace", "--recipient", f"somebody@mine.{DOMAIN}").stdout
    assert "held at starttls" in text and "delivered at message" in text and "verified by none" in text, text
    assert world.server.cli("queue", "trace", "nobody@nowhere.example", check=False).returncode == 66
    assert world.server.psql(f"SELECT string_agg(state, ',') FROM mail_trace WHERE message_id = '{message_id}'") == "delivered,delivered"


def test_what_the_own_account_has_not_sent_has_no_history(world):
    """The copy of the one who got it has the same Message-ID."""
    person, stranger = Api.signed_in(world.server, world.user), Api.signed_in(world.server, world.stranger_user)
    sent = sent_from_the_webmail(person, f"somebody@good.{DOMAIN}", world.stranger_user["address"])
    wait_until(lambda: list(deliveries(person, sent)) == ["good"], WAIT, "the delivery")
    got = lambda: [m["id"] for m in stranger.get("/messages", query={"mailboxId": "1"}).json["items"] if m["subject"] == "traced"]
    (copy,) = wait_until(got, WAIT, "the copy")
    assert deliveries(stranger, copy) == {}


def test_mail_may_be_returned_instead(world):
    """The last one here: it leaves the server so."""
    world.server.reload("config_reloaded process=back.1", delivery__on_tls_failure="fail")
    world.send("failing")
    wait_until(lambda: world.lines("delivery_failed", "failing"), WAIT, "the failure")
    assert "status=5.7.5" in world.lines("delivery_failed", "failing")[0] and world.nothing_went("failing")
