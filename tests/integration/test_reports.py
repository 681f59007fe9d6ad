# SPDX-License-Identifier: Apache-2.0
"""Other domains are told about their mail (FEATURES 68, 73): TLS-RPT (RFC 8460) and aggregate DMARC reports
(RFC 9990), by mail to a real sink and by HTTPS, found by records of a real nsd, signed for python3-dkim."""
import concurrent.futures
import email
import email.message
import email.policy
import gzip
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import smtplib
import ssl
import subprocess
import tempfile
import threading
import time

import dkim
import outside
import pytest
from api_client import Api
from certificates import Certificate
from conftest import STANDARD_PORTS, Instance, free_ports, wait_until
from outbound import ABOVE, DOMAIN, Sink, Zone
from smtp_raw import RawSmtp, fetch_all, stuffed

WAIT = 150
DAY = 86400  # seconds
SECURE, PLAIN = "127.0.0.1", "127.0.0.2"
POSTED = "/.well-known/tlsrpt"
SCHEMA = pathlib.Path(__file__).parent / "dmarc_aggregate.xsd"


class Posts:
    """An HTTPS server that takes reports, or answers 503 for as long as it is told to."""

    def __init__(self, certificate):
        self.taken, self.is_away, self.refused = [], False, 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.is_away:
                    outer.refused += 1
                else:
                    outer.taken.append((self.headers["Content-Type"], body))
                self.send_response(503 if outer.is_away else 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.server.socket = certificate.context().wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class World:
    def __init__(self):
        (self.port,) = free_ports(1)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-reports-", dir="/tmp"))
        self.folder.chmod(0o755)
        authority = Certificate(self.folder, "authority")
        self.posts = Posts(Certificate(self.folder, "posts", [f"posts.{DOMAIN}"], authority))
        own = Certificate(self.folder, "server", [f"mx.{DOMAIN}"], authority)
        self.sinks = [Sink(self.port, tls=own.context()), Sink(self.port, address=PLAIN)]
        self.zone = Zone([
            f"mx A {SECURE}", f"mx-plain A {PLAIN}", "posts A 127.0.0.1", "receiver MX 10 mx",
            "secure MX 10 mx", f'_smtp._tls.secure TXT "v=TLSRPTv1; rua=mailto:tls@receiver.{DOMAIN}"',
            f"plain MX 10 mx-plain",
            f'_smtp._tls.plain TXT "v=TLSRPTv1; rua=https://posts.{DOMAIN}:{self.posts.port}/v1,mailto:tls@secure.{DOMAIN}"',
            "deaf MX 10 mx", "late MX 10 mx", "home MX 10 mx",
            # Authors, and who wants to hear of them.
            "author A 127.0.0.1", f'_dmarc.author TXT "v=DMARC1; p=reject; rua=mailto:dmarc@receiver.{DOMAIN}; ruf=mailto:ruf@receiver.{DOMAIN}"',
            f'author TXT "v=spf1 ip4:127.0.0.1 -all"',
            f'author.{DOMAIN}._report._dmarc.receiver TXT "v=DMARC1"',
            "shy A 127.0.0.1", f'_dmarc.shy TXT "v=DMARC1; p=none; rua=mailto:victim@receiver.{DOMAIN}; ruf=mailto:victim@receiver.{DOMAIN}"',
            "quiet A 127.0.0.1", '_dmarc.quiet TXT "v=DMARC1; p=none"'])
        self.server = Instance(kinds=[*STANDARD_PORTS, "lmtp"], settings={
            "lmtp.networks": "[127.0.0.1]",
            "delivery.port": self.port, "delivery.time_divisor": 1000, "delivery.ca_file": str(authority.chain),
            "dns.stub_zone": ABOVE, "dns.stub_server": self.zone.server, "security.local_networks": "[192.0.2.0/24]",
            "greylisting.enabled": "false", "reports.keep_mail": "false", "reports.spread": "0s", "reports.dmarc_failure": "true", "reports.https": "true", "limits.api_anonymous_per_minute": 60, "reports.organization": "Example Organization"}).up()
        self.user = self.server.user(2)
        self.domain = self.user["address"].split("@")[1]

    def submit(self, name):
        to, sender = f"somebody@{name}.{DOMAIN}", self.user["address"]
        with self.server.smtp("submission", login=self.user) as client:
            client.sendmail(sender, [to], f"From: {sender}\r\nTo: {to}\r\nSubject: {name}\r\n\r\nx\r\n".encode())
        wait_until(lambda: self.of(to), WAIT, f"mail for {to}")

    def receive(self, author, sender):
        """From outside; the code of the answer."""
        message = (f"From: a@{author}.{DOMAIN}\r\nTo: {self.user['address']}\r\nSubject: in\r\n"
                   "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nx\r\n")
        with RawSmtp(self.server.ports["smtp"]) as smtp:
            smtp.begin(self.user["address"], sender=f"b@{sender}.{DOMAIN}")
            smtp.send(stuffed(message.encode()))
            return smtp.reply()[0]

    def report(self, author, about, number):
        """A report by mail; how many mails it was more in the mailbox of its recipient."""
        before = len(fetch_all(self.server, self.server.user(1)))
        with RawSmtp(self.server.ports["smtp"]) as smtp:
            smtp.begin(f"postmaster@{about}", sender=f"b@{author}.{DOMAIN}")
            smtp.send(stuffed(report_of(author, about, number)))
            assert smtp.reply()[0] == 250
        return len(fetch_all(self.server, self.server.user(1))) - before

    def of(self, address):
        return [m for sink in self.sinks for m in sink.of(address)]

    def counted(self, sql, expected):
        wait_until(lambda: self.server.psql(sql) == expected, WAIT, f"{sql} to be {expected}: {self.server.psql(sql)}")

    def days_pass(self, days=2):
        """All that was counted becomes older, and the job begins anew with its process."""
        self.server.psql(f"UPDATE report_tls SET day = day - {days}; UPDATE report_dmarc SET day = day - {days};"
                         f"UPDATE report SET day = day - {days}, due = due - interval '{days} days'")
        self.run_job()

    def run_job(self):
        """Who had the jobs cannot take them again in between. What has arrived somewhere is noted before, or it would be
        brought once more."""
        self.counted("SELECT count(*) FROM q_rcpt", "0")
        worker = self.server.pids()["back.1"]
        outside.stop(worker)
        self.server.psql("DELETE FROM job_lease WHERE name IN ('job-reports', 'job-failures')")
        os.kill(worker, signal.SIGKILL)

    def state(self, kind, name):
        return self.server.psql(f"SELECT state FROM report WHERE kind = '{kind}' AND domain = '{name}.{DOMAIN}'")

    def close(self):
        for sink in self.sinks:
            sink.close()
        self.posts.close()
        self.zone.close()
        self.server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def world():
    w = World()
    yield w
    w.close()


def keys(server, domain):
    lines = server.cli("dkim", "dns", domain).stdout.splitlines()
    found = [re.fullmatch(r"(\S+)\. IN TXT \((.*)\)", line).groups() for line in lines]
    return {name: "".join(re.findall(r'"([^"]*)"', strings)).encode() for name, strings in found}


def signed(world, taken):
    """The parsed mail of a report; it is signed by our domain, and nobody would hear of a failure."""
    raw = taken.data.replace(b"\r\n..", b"\r\n.")
    published = keys(world.server, world.domain)
    for index in range(2):
        assert dkim.DKIM(raw).verify(idx=index, dnsfunc=lambda name, timeout=5: published[name.decode().rstrip(".")])
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert taken.sender == "" and mail["From"].endswith(f"@{world.domain}>") and mail["Auto-Submitted"] == "auto-generated"
    assert re.findall(rf"header.d={world.domain}|d={world.domain};", raw.decode())
    return mail


def opened(world, taken):
    """The parsed mail of a report and its file."""
    mail = signed(world, taken)
    (file,) = [p for p in mail.walk() if p.get_filename()]
    return mail, file, gzip.decompress(file.get_content())


def stay_in_one_day(seconds=180):
    """What is counted from now on is of one day (UTC): shortly before midnight this waits until it is over."""
    left = DAY - time.time() % DAY
    if left < seconds:
        time.sleep(left + 1)


def test_a_day_is_told_of(world):
    """One story, as each step needs the one before it."""
    server = world.server
    stay_in_one_day()
    server.cli("dkim", "generate", world.domain)
    # TLS: two sessions that went well, some that found none; a domain that wants no report.
    world.submit("secure")
    world.submit("plain")
    world.submit("deaf")
    world.counted("SELECT domain || ' ' || policy_type || ' ' || result || ' ' || mx || ' ' || mx_ip || ' ' || our_ip || ' ' || sessions"
                  " FROM report_tls ORDER BY 1",
                  f"deaf.{DOMAIN} no-policy-found successful    1\n"
                  f"plain.{DOMAIN} no-policy-found starttls-not-supported mx-plain.{DOMAIN} {PLAIN} 127.0.0.1 1\n"
                  f"secure.{DOMAIN} no-policy-found successful    1")

    # DMARC: one that proves itself, a forged one; one whose report nobody agreed to get; one that asks for none.
    assert world.receive("author", "author") == 250 and world.receive("author", "author") == 250
    assert world.receive("author", "shy") == 550
    assert world.receive("shy", "shy") == 250
    assert world.receive("quiet", "quiet") == 250
    world.counted("SELECT domain || ' ' || disposition || ' ' || spf || ' ' || messages FROM report_dmarc ORDER BY 1",
                  f"author.{DOMAIN} pass pass 2\nauthor.{DOMAIN} reject fail 1\nshy.{DOMAIN} none fail 1")

    # Nothing is sent while the day lasts.
    assert set(server.psql("SELECT state || (due > now())::text FROM report").split()) == {"duetrue"}
    # What will be sent, and to whom.
    name = server.psql(f"SELECT 'tls.' || to_char(day, 'YYYY-MM-DD') || '.secure.{DOMAIN}' FROM report WHERE domain = 'secure.{DOMAIN}'")
    assert {(r["id"].split(".")[0], r["domain"].split(".")[0]) for r in server.json("report", "list")["items"]} == {
        ("tls", "secure"), ("tls", "plain"), ("tls", "deaf"), ("dmarc", "author"), ("dmarc", "shy")}
    assert json.loads(server.cli("report", "send", "--dry-run", name).stdout)["report-id"]
    found = Api.signed_in(server, server.user(1)).get(f"/admin/reports/{name}").json
    assert found["recipients"] == [f"tls@receiver.{DOMAIN}"] and found["problem"] == ""

    world.posts.is_away = True
    world.days_pass()
    wait_until(lambda: world.of(f"tls@receiver.{DOMAIN}"), WAIT, "the report on TLS")
    wait_until(lambda: world.of(f"dmarc@receiver.{DOMAIN}"), WAIT, "the report on DMARC")
    wait_until(lambda: server.psql("SELECT count(*) FROM report WHERE attempts = 0") == "0", WAIT, "all reports to be looked at")

    day = server.psql(f"SELECT to_char(day, 'YYYY-MM-DD') FROM report WHERE domain = 'secure.{DOMAIN}'")
    mail, file, text = opened(world, world.of(f"tls@receiver.{DOMAIN}")[0])
    report = json.loads(text)
    assert mail["TLS-Report-Domain"] == f"secure.{DOMAIN}" and mail["TLS-Report-Submitter"] == world.domain
    assert mail["TLS-Required"] == "No" and mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "tlsrpt" and file.get_content_type() == "application/tlsrpt+gzip"
    assert re.fullmatch(rf"{world.domain}!secure.{DOMAIN}!\d+!\d+!{report['report-id']}\.json\.gz", file.get_filename())
    assert re.fullmatch(rf"Report Domain: secure.{DOMAIN} Submitter: {world.domain} Report-ID: <{report['report-id']}>", mail["Subject"])
    assert report["organization-name"] == "Example Organization" and report["contact-info"] == f"postmaster@{world.domain}"
    assert report["date-range"] == {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"}
    assert report["policies"] == [{
        "policy": {"policy-type": "no-policy-found", "policy-domain": f"secure.{DOMAIN}"},
        "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0}, "failure-details": []}]

    mail, file, text = opened(world, world.of(f"dmarc@receiver.{DOMAIN}")[0])
    assert file.get_content_type() == "application/gzip" and file.get_filename().endswith(".xml.gz")
    assert file.get_filename().startswith(f"{world.domain}!author.{DOMAIN}!")
    done = subprocess.run(["xmllint", "--noout", "--schema", SCHEMA, "-"], input=text, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() + text.decode()
    said = " ".join(text.decode().split())
    assert f"<domain>author.{DOMAIN}</domain> <discovery_method>treewalk</discovery_method> <p>reject</p>" in said
    assert "<source_ip>127.0.0.1</source_ip> <count>2</count> <policy_evaluated> <disposition>pass</disposition>" in said
    assert "<disposition>reject</disposition> <dkim>fail</dkim> <spf>fail</spf>" in said
    assert f"<envelope_from>shy.{DOMAIN}</envelope_from>" in said

    # The forged one was told of at once, and only once: in its header, and without whom it was for (RFC 9991).
    world.counted("SELECT domain || ' ' || state || ' ' || (header = '') FROM report_failure ORDER BY 1",
                  f"author.{DOMAIN} sent true\nshy.{DOMAIN} dropped true")
    (taken,) = wait_until(lambda: world.of(f"ruf@receiver.{DOMAIN}"), WAIT, "the failure report")
    mail = signed(world, taken)
    said = dict(mail.get_payload()[1].get_payload()[0].items())
    assert mail.get_content_type() == "multipart/report" and mail.get_param("report-type") == "feedback-report"
    assert said["Feedback-Type"] == "auth-failure" and said["Auth-Failure"] == "dmarc" and said["Source-IP"] == "127.0.0.1"
    assert said["Identity-Alignment"] == "dkim, spf" and said["Delivery-Result"] == "reject" and said["Reported-Domain"] == f"author.{DOMAIN}"
    header = mail.get_payload()[2].get_payload()
    assert f"From: <redacted@author.{DOMAIN}>" in header and "Subject" not in header and world.domain not in header

    # Whoever did not agree gets nothing (ATTACKS: reports as a flood), and it says so.
    assert not world.of(f"victim@receiver.{DOMAIN}") and world.state("dmarc", "shy") == "dropped"
    assert "does not say that it wants reports" in server.psql("SELECT note FROM report WHERE kind = 'dmarc' AND state = 'dropped'")
    assert world.state("tls", "deaf") == "dropped" and world.state("tls", "secure") == "sent"

    # By mail it went, by HTTPS not yet: that alone is tried again.
    assert world.state("tls", "plain") == "due" and world.posts.refused == 1
    wait_until(lambda: world.of(f"tls@secure.{DOMAIN}"), WAIT, "the mail of the other report")
    assert "answered 503" in server.psql("SELECT note FROM report WHERE state = 'due'")
    world.posts.is_away = False
    server.psql("UPDATE report SET due = now() WHERE state = 'due'")
    world.run_job()
    (kind, body) = wait_until(lambda: world.posts.taken, WAIT, "the report by HTTPS")[0]
    assert kind == "application/tlsrpt+gzip"
    (policy,) = json.loads(gzip.decompress(body))["policies"]
    assert policy["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}
    (failure,) = policy["failure-details"]
    assert failure["result-type"] == "starttls-not-supported" and failure["receiving-mx-hostname"] == f"mx-plain.{DOMAIN}"
    assert failure["receiving-ip"] == PLAIN and failure["sending-mta-ip"] == "127.0.0.1" and failure["failed-session-count"] == 1
    wait_until(lambda: world.state("tls", "plain") == "sent", WAIT, "the end of it")

    # Each once; and the mail that carried reports is in none. What was counted last is written before the end.
    world.submit("late")
    server.restart()
    assert server.psql("SELECT sum(sessions) FROM report_tls") == "4"
    assert len(world.of(f"tls@receiver.{DOMAIN}")) == len(world.of(f"dmarc@receiver.{DOMAIN}")) == len(world.of(f"tls@secure.{DOMAIN}")) == 1


# ---- reports of others (FEATURES 76) ----

def report_of(author, about, number=1, kind="tls", text=None):
    """A mail with a report about a domain, as other servers write them."""
    tls = {"organization-name": "Other Inc.", "contact-info": "tls@other.example", "report-id": f"id-{number}",
           "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
           "policies": [{"policy": {"policy-type": "sts", "policy-domain": about},
                         "summary": {"total-successful-session-count": 40, "total-failure-session-count": 2},
                         "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 2}]}]}
    dmarc = (f"<feedback><report_metadata><org_name>Other Inc.</org_name><email>d@other.example</email><report_id>id-{number}</report_id>"
             f"<date_range><begin>1763596800</begin><end>1763683199</end></date_range></report_metadata><policy_published><domain>{about}</domain>"
             "<p>reject</p></policy_published><record><row><source_ip>192.0.2.7</source_ip><count>5</count><policy_evaluated><disposition>reject"
             "</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>" + about +
             "</header_from></identifiers><auth_results/></record></feedback>")
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"] = f"reports@{author}.{DOMAIN}", f"postmaster@{about}"
    mail["Subject"] = f"Report Domain: {about} Submitter: other.example Report-ID: <id-{number}>"
    mail.set_content("For programs.")
    file = gzip.compress((text or (json.dumps(tls) if kind == "tls" else dmarc)).encode())
    mail.add_attachment(file, "application", "tlsrpt+gzip" if kind == "tls" else "gzip", filename="report.gz")
    return mail.as_bytes()


def test_reports_of_others_are_read(world):
    server, about = world.server, world.domain
    admin = server.user(1)

    def send(author, message, *more):
        known = server.log().count("report_received") + server.log().count("report_unreadable")
        with RawSmtp(server.ports["smtp"]) as smtp:
            smtp.begin(f"postmaster@{about}", *more, sender=f"b@{author}.{DOMAIN}")
            smtp.send(stuffed(message))
            assert smtp.reply()[0] == 250
        wait_until(lambda: server.log().count("report_received") + server.log().count("report_unreadable") > known, WAIT, "a line on the report")

    def in_mailbox():
        return len(fetch_all(server, admin))

    before = in_mailbox()
    send("author", report_of("author", about))
    send("author", report_of("author", about))           # the same once more
    send("author", report_of("author", about, kind="dmarc"))
    assert in_mailbox() == before
    listed = {r["kind"]: r for r in server.json("report", "received", "list", "--domain", about)["items"]}
    assert {k: (r["organization"], r["good"], r["bad"], r["reportId"]) for k, r in listed.items()} == {
        "tls": ("Other Inc.", 40, 2, "id-1"), "dmarc": ("Other Inc.", 0, 5, "id-1")}
    shown = server.cli("report", "received", "show", listed["dmarc"]["id"]).stdout
    assert re.search(r"^5 +192\.0\.2\.7 +fail +fail +reject", shown, re.M)
    assert server.json("report", "received", "show", listed["tls"]["id"])["tls"][1]["result"] == "certificate-expired"

    # What nobody proved, what is not about us, what cannot be read: each stays a mail, and is in no figure.
    send("quiet", report_of("quiet", about, 2))
    # Its file is not even opened: that it is damaged nobody sees.
    send("author", report_of("author", "theirs.example", 3, text="{"))
    assert "theirs.example" in server.log().split("report_unreadable")[-1]
    send("author", report_of("author", about, 4, text="{"))
    assert in_mailbox() == before + 3 and len(server.json("report", "received", "list")["items"]) == 2
    # One that others get, too, is theirs to read; it counts.
    send("author", report_of("author", about, 5), world.user["address"])
    assert in_mailbox() == before + 4 and len(server.json("report", "received", "list")["items"]) == 3
    # Where our records send reports is where they are read.
    records = {r["purpose"]: r["value"] for r in server.json("domain", "dns", about)["items"]}
    assert records["dmarc"].endswith(f"rua=mailto:postmaster@{about}") and records["tlsRpt"].endswith(
        f"rua=mailto:postmaster@{about},https://{server.hostname}{POSTED}")


def test_a_report_without_a_proof_or_to_others_stays_a_mail(world):
    server, about, home = world.server, world.domain, f"home.{DOMAIN}"
    admin = server.user(1)
    message = report_of("author", about, 20)

    def kept():
        return len(server.json("report", "received", "list")["items"]), len(fetch_all(server, admin))

    rows, mails = kept()
    # The server in front has seen who brought it, we have not.
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"]) as front:
        front.sendmail(f"b@author.{DOMAIN}", [f"postmaster@{about}"], message)
    assert kept() == (rows, mails + 1)
    # The same local part of a domain that is not ours.
    server.cli("relay", "set", home, "--verify", "none")
    with RawSmtp(server.ports["smtp"]) as smtp:
        smtp.begin(f"postmaster@{home}", sender=f"b@author.{DOMAIN}")
        smtp.send(stuffed(message))
        assert smtp.reply()[0] == 250
    wait_until(lambda: world.of(f"postmaster@{home}"), WAIT, "the report at its domain")
    assert kept() == (rows, mails + 1)


def test_reports_by_https(world):
    server, about = world.server, world.domain

    def post(body, content_type="application/tlsrpt+gzip", method="POST"):
        client = http.client.HTTPSConnection("127.0.0.1", server.ports["https"], timeout=WAIT, context=ssl._create_unverified_context())
        client.request(method, POSTED, body, {"Content-Type": content_type})
        status = client.getresponse().status
        client.close()
        return status

    def file_of(domain, number, **more):
        (part,) = [p for p in email.message_from_bytes(report_of("author", domain, number, **more)).walk() if p.get_filename()]
        return part.get_payload(decode=True)

    posted = file_of(about, 50)
    assert [post(posted), post(posted)] == [201, 201]
    assert post(gzip.decompress(file_of(f"mx.{about}", 51)), "application/tlsrpt+json; charset=utf-8") == 201
    assert server.psql("SELECT domain || ' ' || good || ' ' || bad FROM received_report WHERE report_id IN ('id-50', 'id-51') ORDER BY report_id") == (
        f"{about} 40 2\nmx.{about} 40 2")
    # About others: which domains are ours nobody learns from the answer. Unreadable, DMARC, another type, another method.
    assert [post(file_of("theirs.example", 52)), post(b"\x1f\x8b damaged"), post(file_of(about, 53, kind="dmarc")),
            post(posted, "application/json"), post(None, method="GET")] == [201, 400, 400, 415, 405]
    assert server.psql("SELECT count(*) FROM received_report WHERE report_id IN ('id-52', 'id-53')") == "0"

    # A report that is proven takes the place of what a stranger posted under its name, and cannot be replaced by that.
    def known(number):
        (one,) = [r for r in server.json("report", "received", "list", "--domain", about)["items"] if r["reportId"] == f"id-{number}"]
        rows = server.json("report", "received", "show", one["id"])["tls"]
        return one["cameBy"], one["good"], sorted(r["sessions"] for r in rows)

    forged = {"organization-name": "Other Inc.", "report-id": "id-54",
              "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
              "policies": [{"policy": {"policy-type": "sts", "policy-domain": about}, "summary": {"total-successful-session-count": 7},
                            "failure-details": [{"result-type": "certificate-expired", "failed-session-count": n} for n in range(1, 31)]}]}
    forged = json.dumps(forged).encode()
    assert post(forged, "application/tlsrpt+json") == 201
    assert known(54) == ("https", 7, list(range(11, 31)))    # few rows of it
    assert world.report("author", about, 54) == 0
    assert known(54) == ("mail", 40, [2, 40])
    assert post(forged, "application/tlsrpt+json") == 201
    assert known(54) == ("mail", 40, [2, 40])
    # What is posted fills no place of a mail's, and neither the disk: so many about one domain, and in all.
    insert = ("INSERT INTO received_report (kind, domain, own_domain, organization, contact, report_id, policy, begins, ends, good, bad, is_posted, received)"
              " SELECT 'tls', '{0}', '{0}', 'Stranger', '', '{0}' || n, '', now(), now(), 0, 0, true, now() - interval '{2}' FROM generate_series(1, {1}) n")
    server.psql(insert.format(about, 50, "1 hour"))
    assert post(file_of(about, 55)) == 201
    assert world.report("author", about, 56) == 0
    server.psql("DELETE FROM received_report WHERE organization = 'Stranger'")
    server.psql(insert.format("another.example", 500, "1 hour"))
    assert post(file_of(about, 57)) == 201
    server.psql("DELETE FROM received_report WHERE organization = 'Stranger'")
    assert server.psql("SELECT string_agg(report_id, ' ' ORDER BY report_id) FROM received_report WHERE report_id IN ('id-55', 'id-56', 'id-57')") == "id-56"
    # It is not kept for long.
    server.psql(insert.format(about, 1, "31 days"))
    server.psql(insert.format(f"young.{about}", 1, "29 days"))
    world.run_job()
    world.counted("SELECT domain FROM received_report WHERE organization = 'Stranger'", f"young.{about}")
    # Nothing proves who posts, so he may do it only so often; who wants to sign in may do so.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # one by one they might come as slowly as is allowed
        assert 429 in set(pool.map(lambda _: post(b"{}"), range(120)))
    Api.signed_in(server, world.user)


def test_reports_of_strangers_do_not_fill_the_disk(world):
    server, about = world.server, world.domain
    most = 1000

    def send(domain, number, text=None):
        with RawSmtp(server.ports["smtp"]) as smtp:
            smtp.begin(f"postmaster@{about}", sender=f"b@author.{DOMAIN}")
            smtp.send(stuffed(report_of("author", domain, number, text=text)))
            assert smtp.reply()[0] == 250
        return server.psql(f"SELECT count(*) FROM received_report WHERE domain = '{domain}'")

    policy = {"policy-type": "sts", "policy-domain": f"deep.{about}", "policy-string": ["version: STSv1", "mode: enforce"]}
    failures = [{"result-type": "certificate-expired", "failed-session-count": n} for n in range(1, most + 21)]
    document = json.dumps({"organization-name": "Other Inc.", "report-id": "big", "policies": [{"policy": policy, "failure-details": failures}],
                           "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"}})
    assert send(f"deep.{about}", 30, document) == "1"
    # The biggest rows stay, all of them count, and the policy is there once.
    report = server.psql(f"SELECT report FROM received_report WHERE domain = 'deep.{about}' AND bad = {sum(range(most + 21))}"
                         " AND policy = E'version: STSv1\\nmode: enforce'")
    assert server.psql(f"SELECT count(*) || ' ' || min(sessions) FROM received_report_tls WHERE report = {report}") == f"{most} 21"
    # Another name below the domain is no further allowance.
    server.psql("INSERT INTO received_report (kind, domain, own_domain, organization, contact, report_id, policy, begins, ends, good, bad)"
                f" SELECT 'tls', n || '.{about}', '{about}', 'Other', '', n, '', now(), now(), 0, 0 FROM generate_series(1, {most}) n")
    assert send(f"another.{about}", 31) == "0"
