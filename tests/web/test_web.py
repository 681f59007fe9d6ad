# SPDX-License-Identifier: Apache-2.0
"""Runs the browser tests (*.test.mjs) on a real server, one case for each of their tests.

Each file is run once, by node's own test runner, and its tests are told as cases of pytest. What they
need to know of the server is in a file of facts. A test that passes by luck is found by slowness: of the
pages (HERONRY_WEB_SLOW=6), of answers (HERONRY_WEB_DELAY=400), of the tests (HERONRY_WEB_PAUSE=300);
see support/slow.mjs."""
import functools
import json
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree

import pytest

from failing_dns import FailingDns
from fill import conversations, fill

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = sorted(HERE.glob("*.test.mjs"))
TITLE = re.compile(r'^test\("((?:[^"\\]|\\.)+)"', re.M)
BUSY_S = 3600
CONVERSATIONS = 20_000


def prepare_hostile(instance):
    # No protocol lets a NUL in: what comes from outside cannot hold one.
    mails = [path.read_bytes().replace(b"\0", b"") for path in sorted((HERE / "hostile").glob("*.eml"))]
    fill(instance, instance.users[3], mails)


def prepare_large(instance):
    fill(instance, instance.users[4], list(conversations(CONVERSATIONS)))


def prepare_admin(instance):
    # Nothing can be resolved, so mail to elsewhere stays in the queue.
    user = instance.users[1]
    recipients = ("a@one.example", "b@two.example", "c@two.example", "d@three.example")
    for to in recipients:
        client = instance.smtp("submission", login=user)
        client.sendmail(user["address"], [to], f"From: {user['address']}\r\nTo: {to}\r\nSubject: x\r\nMessage-ID: <{to}>\r\n\r\nx\r\n")
        client.quit()
    instance.await_first_attempts(*recipients)
    hold(instance, "b@two.example")
    instance.psql("UPDATE q_rcpt SET status = -1, kept = true, code = '4.7.0', reply = 'an administrator holds it' WHERE rcpt = 'd@three.example'")
    instance.psql("INSERT INTO tls_exception (domain, account_id, pin, expires, created_by) SELECT 'theirs.example', account_id,"
                  f" '\\x{64 * 'b'}'::bytea, 'infinity'::timestamptz, login FROM account WHERE login = '{user['address']}'")
    report(instance)


def report(instance):
    """As if another server had reported on mail and on TLS, for some days."""
    for kind, rows in (("dmarc", "_dmarc (report, source, messages, disposition, dkim, spf, override, comment, header_from, envelope_from, signatures,"
                        " spf_domain, spf_scope, spf_result) SELECT report, '192.0.2.' || 7 * n, CASE n WHEN 1 THEN good ELSE bad END, 'none',"
                        " CASE n WHEN 1 THEN 'pass' ELSE 'fail' END, 'fail', '', '', domain, domain, 'pass ' || domain || ' s1', domain, 'mfrom', 'fail'"),
                       ("tls", "_tls (report, sessions, policy_type, policy_domain, result, mx, mx_ip, sender_ip, reason) SELECT report,"
                        " CASE n WHEN 1 THEN good ELSE bad END, 'sts', domain, CASE n WHEN 1 THEN 'successful' ELSE 'certificate-expired' END,"
                        " 'mail.' || domain, '192.0.2.1', '198.51.100.2', ''")):
        instance.psql("WITH r AS (INSERT INTO received_report (kind, domain, own_domain, organization, contact, report_id, policy, begins, ends, good, bad, is_posted)"
                      f" SELECT '{kind}', '{instance.domain}', '{instance.domain}', 'Other Inc.', 'reports@other.example', d, 'p=reject',"
                      " date_trunc('day', now(), 'UTC') - d * interval '1 day', date_trunc('day', now(), 'UTC') - (d - 1) * interval '1 day',"
                      f" 40 + 17 * (d % 5), 3 * (d % 4), '{kind}' = 'tls' AND d % 3 = 1 FROM generate_series(1, 20) d RETURNING report, domain, good, bad)"
                      f" INSERT INTO received_report{rows} FROM r, generate_series(1, 2) n")


def hold(instance, recipient):
    """As if a worker had found that the server's certificate does not verify."""
    why = "the server''s certificate does not verify, as our configuration demands: self-signed certificate"
    instance.psql(f"UPDATE q_rcpt SET status = -1, attempts = 1, due = now() + interval '7 days', reply = '{why}' WHERE rcpt = '{recipient}';"
                  " INSERT INTO q_hold (queue_id, domain, account_id, reason, remote, certificate, pin, told) SELECT queue_id, domain, account_id,"
                  f" reply, 'mx [192.0.2.1]', 'CN=mx', '\\x{64 * 'a'}', 1 FROM q_rcpt JOIN q_msg USING (queue_id) WHERE rcpt = '{recipient}';"
                  " INSERT INTO q_attempt (queue_id, recipient, attempt, outcome, account_id, sender, message_id, created, stage, code, reply, remote,"
                  " tls, secured, took_ms, node) SELECT queue_id, rcpt, 1, 3, account_id, envelope_from, message_id, created, 'starttls', '4.7.5', reply,"
                  f" 'mx [192.0.2.1]', '', 'TLSv1.3 TLS_AES_256_GCM_SHA384 none', 90, 'front' FROM q_rcpt JOIN q_msg USING (queue_id) WHERE rcpt = '{recipient}'"
                  " ON CONFLICT DO NOTHING")


def report_failure(instance, recipient):
    """As if a server had taken it, and said later that it could not deliver it."""
    columns = "queue_id, recipient, attempt, outcome, account_id, sender, message_id, created, stage, code, reply, remote, tls, secured, took_ms, node"
    rows = [(9, 0, "message", "2.0.0", "250 2.0.0 taken", "mx.far.example [192.0.2.1]", "TLSv1.3 TLS_AES_256_GCM_SHA384 dane"),
            (0, -1, "report", "5.1.1", "550 5.1.1 who is that?", "in.far.example", "")]
    for attempt, outcome, stage, code, reply, remote, secured in rows:
        instance.psql(f"INSERT INTO q_attempt ({columns}) SELECT queue_id, rcpt, {attempt}, {outcome}, account_id, envelope_from, message_id, created,"
                      f" '{stage}', '{code}', '{reply}', '{remote}', '', '{secured}', 90, 'front' FROM q_rcpt JOIN q_msg USING (queue_id)"
                      f" WHERE rcpt = '{recipient}'")
    instance.psql(f"DELETE FROM q_rcpt WHERE rcpt = '{recipient}'; DELETE FROM q_msg WHERE message_id = '{recipient}'")


def prepare_acts(instance):
    """Messages in Sent: one waits for its sender's decision, one came back later."""
    user = instance.users[6]
    instance.psql(f"UPDATE account SET saves_sent = true WHERE login = '{user['address']}'")
    for to, subject, become in (("leo@shady.example", "Contract", hold), ("leo@far.example", "Invitation", report_failure)):
        with instance.smtp("submission", login=user) as client:
            client.sendmail(user["address"], [to], f"From: {user['address']}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{to}>\r\n\r\nx\r\n")
        instance.await_first_attempts(to)
        become(instance, to)
    for domain, pin in (("lax.example", f"'\\x{64 * 'b'}'"), ("lax.example", f"'\\x{64 * 'c'}'"), ("laxer.example", "''")):
        instance.psql("INSERT INTO tls_exception (domain, account_id, pin, expires, created_by) SELECT"
                      f" '{domain}', account_id, {pin}::bytea, 'infinity'::timestamptz, login FROM account WHERE login = '{user['address']}'")


def prepare_names(instance):
    user = instance.users[1]
    client = instance.smtp("submission", login=user)
    client.sendmail(user["address"], ["e@three.example"], f"From: {user['address']}\r\nTo: e@three.example\r\nSubject: x\r\n\r\nx\r\n")
    client.quit()


PREPARE = {"acts.test.mjs": prepare_acts, "admin.test.mjs": prepare_admin, "hostile.test.mjs": prepare_hostile,
           "large.test.mjs": prepare_large, "names.test.mjs": prepare_names}


def titles(path):
    """Names of the tests of a file; those whose name is put together at run time are not among them."""
    return TITLE.findall(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A server of its own with two people, and the file of facts about it."""
    from certificates import Certificate
    from conftest import BINARY, Instance
    if not (BINARY.parent / "web/webmail/index.html").exists():
        pytest.fail("the apps are not built: cmake --build build/dev --target web")
    instance = Instance(users=[(name, name == "admin") for name in ("admin", "ada", "bo", "victim", "many", "named", "asked")])
    dns = FailingDns()
    coming = Certificate(instance.folder, "coming", [instance.hostname])
    instance.settings.update({"tls.next_certificate": str(coming.chain), "dns.forward": dns.server, "limits.api_anonymous_per_minute": 100000, "limits.api_token_per_minute": 100000})
    try:
        instance.up()
        facts = tmp_path_factory.mktemp("web") / "facts.json"
        facts.write_text(json.dumps({
            "base": f"https://localhost:{instance.ports['https']}",
            "users": instance.users[1:3],
            "admin": instance.users[0],
            "victim": instance.users[3],
            "collector": instance.users[4],
            "named": instance.users[5],
            "asked": instance.users[6],
            "conversations": CONVERSATIONS,
            "hostile": str(HERE / "hostile"),
            "ports": instance.ports,
            "domain": instance.domain,
        }))
        yield instance, facts
    finally:
        instance.remove()
        dns.close()


@functools.cache
def results_of(path, facts):
    """{name of a test: None, or what was wrong}, and the output as a whole."""
    report = facts.with_name(path.name + ".xml")
    done = subprocess.run(
        ["node", "--test", "--test-concurrency=1", "--test-reporter=spec", "--test-reporter-destination=stdout",
         "--test-reporter=junit", f"--test-reporter-destination={report}", str(path)],
        cwd=HERE, env=dict(os.environ, HERONRY_WEB_FACTS=str(facts), NO_COLOR="1"), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=BUSY_S, check=False)
    print(done.stdout)
    cases = {}
    # Playwright colours its messages, whoever asks it not to: XML may not hold what that takes.
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", report.read_text(encoding="utf-8"))
    for case in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        fault = case.find("failure")
        cases[case.get("name")] = None if fault is None else (fault.text or fault.get("message"))
    return cases, done


@pytest.mark.parametrize("path", FILES, ids=lambda one: one.name.removesuffix(".test.mjs"))
def test_in_browser(site, path):
    instance, facts = site
    PREPARE.get(path.name, lambda _: None)(instance)
    cases, done = results_of(path, facts)
    assert set(titles(path)) <= set(cases), f"not all tests ran:\n{done.stdout}"
    faults = [f"{name}\n{fault}" for name, fault in cases.items() if fault is not None]
    assert not faults, "\n\n".join(faults)
    assert done.returncode == 0, done.stdout
