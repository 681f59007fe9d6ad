# SPDX-License-Identifier: Apache-2.0
"""Domains that demand secure delivery get it, or no mail (FEATURES 71, 72; ATTACKS O2, X21): DANE in a zone
signed by ldns and served by a real nsd, MTA-STS by an HTTPS server of our own, and attackers of both."""
import json
import os
import pathlib
import shutil
import signal
import ssl
import tempfile
import threading

import outside
import pytest
from api_client import Api
from certificates import Certificate
from conftest import free_ports, wait_until
from outbound import DOMAIN, Sink, Zone
from policy_hosts import PolicyHosts, policy

WAIT = 150  # a destination that two workers looked at may be set right by the sweep of the next minute only
GOOD, PLAIN, BROKEN, STRANGE, EXPIRED, SHARED = (f"127.0.0.{i}" for i in range(1, 7))
NAMED = [f"mx-{n}.{DOMAIN}" for n in ("issuer", "enforced", "wild", "second", "both", "shared", "inside")]


def own_host(name, **more):
    return policy(f"mx-{name}.{DOMAIN}", **more)


# By domain: the address of its server, and its policy: body, or status, type and body.
POLICIES = {
    "enforced": (GOOD, own_host("enforced")),
    "wild": (GOOD, policy("mx.elsewhere.test", f"*.{DOMAIN}")),
    "second": (GOOD, own_host("second")),
    "unnamed": (GOOD, policy("mx.elsewhere.test")),
    "excused": (GOOD, policy("mx.elsewhere.test")),
    "shared": (SHARED, own_host("shared")),
    "strange": (STRANGE, own_host("strange")),
    "misnamed": (GOOD, own_host("misnamed")),
    "late": (EXPIRED, own_host("late")),
    "stripped": (PLAIN, own_host("stripped")),
    "shaken": (BROKEN, own_host("shaken")),
    "cached": (STRANGE, own_host("cached")),
    "both": (GOOD, policy("mx.elsewhere.test")),
    "trial-plain": (PLAIN, own_host("trial-plain", mode="testing")),
    "trial-unnamed": (GOOD, policy("mx.elsewhere.test", mode="testing")),
    "trial-broken": (BROKEN, own_host("trial-broken", mode="testing")),
    "off": (STRANGE, policy(mode="none")),
    "huge": (PLAIN, b"x: y\r\n" * 1_700_000 + own_host("huge")),
    "moved": (PLAIN, (302, "text/plain", own_host("moved"))),
    "page": (PLAIN, (200, "text/html", own_host("page"))),
    "gone": (PLAIN, (404, "text/plain", own_host("gone"))),
    "garbled": (PLAIN, b"version: STSv1\r\nmode: strict\r\n"),
    "unproved": (PLAIN, own_host("unproved")),
    "inside": (GOOD, own_host("inside")),
}


class World:
    def __init__(self, factory):
        (self.port,) = free_ports(1)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-certificates-", dir="/tmp"))
        self.folder.chmod(0o755)  # for the user that Heronry becomes
        made = {label: Certificate(self.folder, label) for label in ("authority", "unknown", "stranger", "former")}
        authority, unknown = made["authority"], made["unknown"]
        self.own = Certificate(self.folder, "server", NAMED, authority)
        old = Certificate(self.folder, "old", [f"mx-late.{DOMAIN}"], authority, days=-1)
        self.sinks = {GOOD: Sink(self.port, tls=self.own.context(), extensions=("PIPELINING", "8BITMIME", "REQUIRETLS")), PLAIN: Sink(self.port, address=PLAIN),
                      BROKEN: Sink(self.port, address=BROKEN, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)),
                      STRANGE: Sink(self.port, address=STRANGE, tls=made["stranger"].context()),
                      EXPIRED: Sink(self.port, address=EXPIRED, tls=old.context()),
                      SHARED: Sink(self.port, address=SHARED, tls=self.own.context())}
        self.hosts = PolicyHosts(self.folder, authority, {name: said for name, (_, said) in POLICIES.items()})
        self.zone = self._zone(made, unknown)
        self.settings = {
            "delivery.port": self.port, "delivery.time_divisor": 1000, "delivery.allow_private": "true",
            "delivery.ca_file": str(authority.chain), "delivery.mta_sts_port": self.hosts.port,
            "delivery.on_tls_failure": "fallback",
            "dns.validate": "true", "dns.stub_zone": DOMAIN, "dns.stub_server": self.zone.server,
            "dns.anchor_file": str(self.zone.anchor)}
        self.server = factory(settings=self.settings)
        self.user = self.server.user(2)

    def _zone(self, made, unknown):
        own, stranger, former = self.own, made["stranger"], made["former"]
        right = own.tlsa(3)
        forged, false = unknown.tlsa(3).rsplit(" ", 1)[1], right.rsplit(" ", 1)[1]
        lines = ["spare MX 5 mx-forged", "spare MX 10 mx-right", "alias MX 10 mx-alias", "mx-alias CNAME mx-right", "badalias MX 10 mx-badalias",
                 "mx-badalias CNAME mx-wrong", f"direct A {PLAIN}", f"_{self.port}._tcp.direct {right}"]
        for name, address, records in [
                ("none", GOOD, []), ("right", GOOD, [right]), ("issuer", GOOD, [made["authority"].tlsa(2, 0)]),
                ("self", STRANGE, [stranger.tlsa(3)]), ("untitled", GOOD, [made["authority"].tlsa(2, 0)]),
                ("wrong", GOOD, [former.tlsa(3)]), ("one", GOOD, [former.tlsa(3), own.tlsa(3, 0)]),
                ("unusable", GOOD, ["TLSA 1 1 1 " + 64 * "0"]), ("garbage", GOOD, ["TLSA 3 0 0 00"]),
                ("forged", GOOD, [f"TLSA 3 1 1 {forged}"]), ("plain", PLAIN, [right]),
                ("dane", SHARED, [right]), ("odd", PLAIN, ["TLSA 3 1 9 00"]), ("broken", BROKEN, [right]),
                *((name, address, [right] if name == "both" else []) for name, (address, _) in POLICIES.items())]:
            lines += [f"{name} MX 10 mx-{name}", f"mx-{name} A {address}"]
            lines += [f"_{self.port}._tcp.mx-{name} {r}" for r in records]
        lines += [f"{name} MX 10 mx-{mx}" for name, mx in (("shared-one", "shared"), ("shared-two", "shared"), ("dane-one", "dane"))]
        lines += ["second MX 5 mx-unnamed"]  # preferred, but the policy does not name it
        for name in POLICIES:
            lines += [f'_mta-sts.{name} TXT "v=STSv1; id=20260101"',
                      f"mta-sts.{name} A 127.0.0.{2 if name == 'unproved' else 1}"]
        return Zone(lines, signed=True, forge=[(forged, false)])

    def send(self, name, field="", options=()):
        address, sender = f"{'special' if field or options else 'somebody'}@{name}.{DOMAIN}", self.user["address"]
        text = f"From: {sender}\r\nTo: {address}\r\n{field}Subject: {name}\r\n\r\nx\r\n"
        with self.server.smtp("submission", login=self.user) as client:
            client.sendmail(sender, [address], text.encode(), mail_options=options)
        return address

    def envelopes(self, address):
        """The MAIL commands of transactions for the address."""
        found = []
        for sink in self.sinks.values():
            commands = list(sink.commands)
            found += [commands[i - 1][1] for i, (verb, argument) in enumerate(commands)
                      if verb == "RCPT" and address in argument and commands[i - 1][0] == "MAIL"]
        return found

    def of(self, address):
        return [m for sink in self.sinks.values() for m in sink.of(address)]

    def delivered(self, name):
        """The message as it arrived, and the line of the log."""
        before, done = len(self.of(f"somebody@{name}.{DOMAIN}")), len(self.lines("delivery_done", name))
        address = self.send(name)
        (message,) = wait_until(lambda: self.of(address)[before:], WAIT, f"mail for {address}")
        return message, wait_until(lambda: self.lines("delivery_done", name)[done:], WAIT, "the log")[0]

    def lines(self, event, name):
        return [l for l in self.server.log().splitlines() if f" {event} " in l and f"domain={name}.{DOMAIN}" in l]

    def why(self, address):
        return self.server.psql("SELECT code || ' ' || reply || ' | ' || tls FROM q_rcpt"
                                f" WHERE rcpt = '{address}' AND attempts > 0")

    def kept(self, name):
        """Why it was put off; no server has heard of it."""
        address = self.send(name)
        said = wait_until(lambda: self.why(address), WAIT, f"a delivery to {address} to be put off")
        for sink in self.sinks.values():
            assert not any(address in str(argument) for _, argument in sink.commands)
        return said

    def close(self):
        for sink in self.sinks.values():
            sink.close()
        self.hosts.close()
        self.zone.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def world():
    from conftest import Instance
    made = []

    def start(**options):
        made.append(Instance(**options))
        return made[-1].up()

    w = World(start)
    yield w
    w.close()
    made[0].remove()


# ---- DANE ----

@pytest.mark.parametrize("name, verified", [
    ("right", True), ("issuer", True), ("self", True), ("one", True), ("alias", True), ("spare", True),
    ("unusable", False),
    ("garbage", False), ("none", False)])
def test_tlsa_records_are_met(world, name, verified):
    """Unusable records still demand encryption, with anybody (RFC 7672 section 2.2)."""
    message, line = world.delivered(name)
    assert message.tls
    if verified:
        assert "verified=true" in line and 'policy="tlsa successful"' in line, line
    else:
        assert "verified=false" in line and "certificate-host-mismatch" in line, line


@pytest.mark.parametrize("name, code, reason", [
    ("wrong", "4.7.5", "TLSA"), ("badalias", "4.7.5", "TLSA"), ("untitled", "4.7.5", "TLSA"),
    ("forged", "4.7.5", "TLSA records have a wrong DNSSEC signature | tlsa dnssec-invalid"),
    ("plain", "4.7.4", "does not offer it | tlsa starttls-not-supported"), ("odd", "4.7.4", "does not offer"),
    ("direct", "4.7.4", "does not offer"), ("broken", "4.7.5", "TLS failed")])
def test_tlsa_records_that_are_not_met_keep_the_mail(world, name, code, reason):
    said = world.kept(name)
    assert said.startswith(code) and reason in said, said


# ---- MTA-STS ----

@pytest.mark.parametrize("name", ["enforced", "wild", "second"])
def test_a_policy_is_met(world, name):
    message, line = world.delivered(name)
    assert message.tls
    assert "verified=true" in line and 'policy="sts successful"' in line and f"mx-{name}" in line, line


@pytest.mark.parametrize("name, code, reason", [
    ("unnamed", "4.7.5", f"policy of unnamed.{DOMAIN} is enforced and does not name its mail server mx-unnamed"),
    ("strange", "4.7.5", "| sts certificate-not-trusted"), ("late", "4.7.5", "| sts certificate-expired"),
    ("misnamed", "4.7.5", "| sts certificate-host-mismatch"), ("shaken", "4.7.5", "| sts validation-failure"),
    ("stripped", "4.7.4", "by the MTA-STS policy of the domain, but the server does not offer it")])
def test_a_policy_that_is_not_met_keeps_the_mail(world, name, code, reason):
    said = world.kept(name)
    assert said.startswith(code) and reason in said, said


@pytest.mark.parametrize("name, tls, result", [
    ("trial-plain", False, "sts starttls-not-supported"), ("trial-unnamed", True, "sts validation-failure"),
    ("trial-broken", False, "sts validation-failure"), ("off", True, "no-policy-found certificate-not-trusted")])
def test_a_policy_on_trial_is_only_noted(world, name, tls, result):
    message, line = world.delivered(name)
    assert message.tls == tls and f'policy="{result}"' in line, line


def test_tlsa_records_go_before_a_policy(world):
    """RFC 8461 section 2: the policy names another server, but this one proves itself."""
    _, line = world.delivered("both")
    assert 'policy="tlsa successful"' in line, line


@pytest.mark.parametrize("name, fault, reason", [
    ("huge", "sts-policy-fetch-error", "too big"), ("moved", "sts-policy-fetch-error", "302"),
    ("page", "sts-policy-invalid", "text/html"), ("gone", "sts-policy-fetch-error", "404"),
    ("garbled", "sts-policy-invalid", "no mode"), ("unproved", "sts-webpki-invalid", "certificate")])
def test_what_is_no_policy_binds_nobody(world, name, fault, reason):
    """Mail goes on as without one (RFC 8461 section 5.1); the operator is told."""
    message, line = world.delivered(name)
    assert not message.tls and f'policy="sts {fault}"' in line, line
    (told,) = world.lines("delivery_policy_failed", name)
    assert f"fault={fault}" in told and reason in told, told
    row = world.server.psql(f"SELECT policy, fault, retry_at > now() FROM mta_sts_policy WHERE domain = '{name}.{DOMAIN}'")
    assert row == f"|{fault}|t"


def test_no_policy_is_fetched_from_a_private_address(world, heronry_factory):
    """PROMISES R34: whatever the DNS says of its host, nobody is asked there."""
    server = heronry_factory(settings={**world.settings, "delivery.allow_private": "false"})
    user, address = server.new_user(), f"somebody@inside.{DOMAIN}"
    with server.smtp("submission", login=user) as client:
        client.sendmail(user["address"], [address], f"From: {user['address']}\r\nSubject: inside\r\n\r\nx\r\n")
    told = wait_until(lambda: [l for l in server.log().splitlines()
                               if " delivery_policy_failed " in l and f"domain=inside.{DOMAIN}" in l], WAIT, "the log")
    assert f'fault=sts-policy-fetch-error reason="mta-sts.inside.{DOMAIN} is no public address"' in told[0], told
    assert f"mta-sts.inside.{DOMAIN}" not in world.hosts.asked
    assert "sts successful" in world.delivered("inside")[1] and f"mta-sts.inside.{DOMAIN}" in world.hosts.asked


# ---- what senders say (RFC 8689) ----

@pytest.mark.parametrize("name", ["right", "enforced", "both"])
def test_requiretls_goes_on_to_servers_that_prove_themselves(world, name):
    address = world.send(name, options=["REQUIRETLS"])
    (message,) = wait_until(lambda: world.of(address), WAIT, f"mail for {address}")
    assert message.tls and all("REQUIRETLS" in e for e in world.envelopes(address)) and world.envelopes(address)


@pytest.mark.parametrize("name, status", [("self", "5.7.30"), ("wrong", "5.7.10"), ("plain", "5.7.10"), ("none", "5.7.10"),
                                          ("stripped", "5.7.10"), ("shaken", "5.7.10")])
def test_requiretls_comes_back_otherwise(world, name, status):
    """At once, whatever is configured, and with the header only (section 5)."""
    address = world.send(name, options=["REQUIRETLS", "RET=FULL"])
    line = wait_until(lambda: [l for l in world.lines("delivery_failed", name) if f"status={status}" in l], WAIT, "the failure")
    assert line and not world.of(address) and not world.envelopes(address)
    client = world.server.imap(world.user)
    client.select("INBOX", readonly=True)
    numbers = wait_until(lambda: client.noop() and client.search(None, "BODY", f'"{address}"')[1][0].split(), WAIT, "the report")
    report = client.fetch(numbers[-1], "(BODY.PEEK[])")[1][0][1].decode()
    client.logout()
    assert f"Status: {status}" in report and "text/rfc822-headers" in report and "message/rfc822" not in report


@pytest.mark.parametrize("name, tls", [("wrong", True), ("unnamed", True), ("stripped", False), ("forged", True), ("late", True)])
def test_tls_required_no_overlooks_what_is_published(world, name, tls):
    """Also behind mail that does not, and waits."""
    world.kept(name)
    address = world.send(name, field="TLS-Required: No\r\n")
    (message,) = wait_until(lambda: world.of(address), WAIT, f"mail for {address}")
    assert message.tls == tls and not any("REQUIRETLS" in e for e in world.envelopes(address))
    assert not world.of(f"somebody@{name}.{DOMAIN}")


@pytest.mark.parametrize("name, accepted, mode, stage, policy, verdict", [
    ("both", True, "enforce", "recipient", "tlsa successful", "send"),
    ("enforced", True, "enforce", "recipient", "sts successful", "send"),
    ("trial-plain", True, "testing", "recipient", "sts starttls-not-supported", "send-plain"),
    ("stripped", False, "enforce", "starttls", "sts starttls-not-supported", "retry"),
    ("unnamed", False, "enforce", None, None, None)])
def test_how_far_a_message_would_come(world, name, accepted, mode, stage, policy, verdict):
    before = len(world.sinks[GOOD].messages)
    done = world.server.cli("deliver", "test", f"leo@{name}.{DOMAIN}", "--json", check=False)
    said = json.loads(done.stdout)
    assert (done.returncode, said["isAccepted"], said["mtaSts"]) == (0 if accepted else 1, accepted, mode), said
    (host,) = said["hosts"] if stage else [None]
    if host:
        assert (host["stage"], host["policy"], host["verdict"], host["isAccepted"]) == (stage, policy, verdict, accepted)
        assert host["reply"].startswith("250") if accepted else "TLS is required" in host["reply"]
    else:
        assert "does not name its mail server" in said["problem"]
    assert len(world.sinks[GOOD].messages) == before


def test_a_trial_comes_as_far_as_mail_by_the_whitelist(world):
    """To servers that the policy keeps us from, too, when any server is allowed."""
    tried = lambda: json.loads(world.server.cli("deliver", "test", f"somebody@excused.{DOMAIN}", "--json", check=False).stdout)
    assert (said := tried())["problem"] and not said["isAccepted"] and "not tried" in said["hosts"][0]["reply"], said
    world.server.cli("whitelist", "tls", f"excused.{DOMAIN}", "--any")
    (host,) = (said := tried())["hosts"]
    assert (said["problem"], said["isAccepted"], host["isAccepted"]) == (None, True, True), said
    assert host["verdict"].startswith("send") and world.delivered("excused")


def test_the_answer_of_the_server_is_told(world):
    world.sinks[GOOD].answer = lambda verb, argument: "550 5.1.1 nobody of that name" if verb == "RCPT" else None
    api = Api.signed_in(world.server, world.server.user(1))
    begun, go_on = threading.Event(), threading.Event()
    world.sinks[GOOD].before_reply = lambda verb, text: (begun.set(), go_on.wait(90)) if verb == "RCPT" else None
    found = []
    others = [Api.signed_in(world.server, world.server.user(1)) for _ in range(2)]
    first = threading.Thread(target=lambda: found.append(api.post("/admin/delivery-test", query={"address": f"nobody@enforced.{DOMAIN}"}, status=200).json))
    first.start()
    assert begun.wait(60)
    # One at a time in each of the two workers.
    codes = []
    more = [threading.Thread(target=lambda one=one: codes.append(one.request("POST", "/admin/delivery-test", query={"address": f"leo@enforced.{DOMAIN}"}).status))
            for one in others]
    for thread in more:
        thread.start()
    try:
        wait_until(lambda: 503 in codes, WAIT, "one of them to be refused")
    finally:
        go_on.set()
        for thread in (first, *more):
            thread.join()
        world.sinks[GOOD].before_reply = None
    assert set(codes) <= {200, 503}
    (said,) = found
    world.sinks[GOOD].answer = lambda verb, argument: None
    assert not said["isAccepted"] and said["hosts"][0]["reply"] == "550 5.1.1 nobody of that name" and said["hosts"][0]["tls"].startswith("TLSv1.3")
    done = world.server.cli("deliver", "test", f"leo@nowhere.{DOMAIN}", check=False)
    assert done.returncode == 1 and "the domain does not exist" in done.stdout


def test_requiretls_is_offered_under_tls_only(world):
    with world.server.smtp() as client:
        assert not client.has_extn("requiretls")
        assert client.docmd("MAIL", "FROM:<a@elsewhere.example> REQUIRETLS")[0] == 555
        client.starttls(context=world.server.tls())
        client.ehlo("client.example")
        assert client.has_extn("requiretls")
        client.sendmail("a@elsewhere.example", [world.user["address"]], b"Subject: required\r\n\r\nx\r\n",
                        mail_options=["REQUIRETLS"])


def test_a_policy_that_is_kept_counts_until_its_end(world):
    """The policy host is gone, and somebody pretends that there is a newer policy."""
    domain, host = f"cached.{DOMAIN}", f"mta-sts.cached.{DOMAIN}"
    address = f"somebody@{domain}"
    assert "certificate-not-trusted" in world.kept("cached")
    assert world.hosts.asked.count(host) == 1  # once for all attempts
    world.hosts.policies[host] = (503, "text/plain", b"later")
    world.server.psql(f"UPDATE mta_sts_policy SET id = 'former' WHERE domain = '{domain}'")
    wait_until(lambda: world.lines("delivery_policy_failed", "cached"), WAIT, "the policy host to be asked")
    attempts = int(world.server.psql(f"SELECT attempts FROM q_rcpt WHERE rcpt = '{address}'"))
    wait_until(lambda: int(world.server.psql(f"SELECT attempts FROM q_rcpt WHERE rcpt = '{address}'")) > attempts, WAIT)
    assert "sts certificate-not-trusted" in world.why(address) and not world.of(address)
    world.server.psql(f"UPDATE mta_sts_policy SET expires = now() WHERE domain = '{domain}'")
    (message,) = wait_until(lambda: world.of(address), WAIT, "the mail to go when there is no policy any more")
    assert message.tls


def test_policies_are_fetched_again_before_they_end(world):
    """By a job of the scheduler, which begins with its process. What has ended long ago is forgotten."""
    host = f"mta-sts.enforced.{DOMAIN}"
    world.delivered("enforced")
    asked = world.hosts.asked.count(host)
    world.hosts.policies[host] = own_host("enforced", mode="testing")
    world.server.psql(f"UPDATE mta_sts_policy SET refresh_at = now() WHERE domain = 'enforced.{DOMAIN}'")
    world.server.psql("INSERT INTO mta_sts_policy (domain, expires) VALUES ('ended.test', now() - interval '2 days')")
    worker = world.server.pids()["back.1"]
    outside.stop(worker)  # so that it does not take the job again
    world.server.psql("DELETE FROM job_lease WHERE name = 'job-policies'")
    os.kill(worker, signal.SIGKILL)
    kept = f"SELECT refresh_at > now() AND policy LIKE '%testing%' FROM mta_sts_policy WHERE domain = 'enforced.{DOMAIN}'"
    wait_until(lambda: world.server.psql(kept) == "t", WAIT, "the policy to be fetched again")
    assert world.hosts.asked.count(host) == asked + 1
    assert world.server.psql("SELECT 1 FROM mta_sts_policy WHERE domain = 'ended.test'") == ""


# ---- domains of one server ----

@pytest.mark.parametrize("names, proof", [
    (["shared", "shared-one", "shared-two"], {"no-policy-found successful|pkix", "sts successful|mta-sts"}),
    (["dane", "dane-one"], {"tlsa successful|dane"})])
def test_domains_of_one_server_go_over_one_connection(world, names, proof):
    """The server takes one connection at a time, and the first domain holds it until all of them wait. Each judges by its
    own rules what the connection is worth, and its history says so."""
    sink, go_on = world.sinks[SHARED], threading.Event()
    wait_until(lambda: sink.open == 0, WAIT)
    world.server.reload("config_reloaded process=back.1", delivery__connections_per_server=1)
    sink.before_reply = lambda verb, text: go_on.wait(WAIT) if verb == "." else None
    before, commands = sink.connections, len(sink.commands)
    try:
        to = [world.send(name) for name in names]
        leased = f"SELECT count(*) FROM q_domain WHERE lease_owner <> '' AND domain = ANY('{{{','.join(f'{n}.{DOMAIN}' for n in names)}}}')"
        wait_until(lambda: world.server.psql(leased) == str(len(names)), WAIT, "all of them to be worked on")
        other = f"somebody@page.{DOMAIN}"
        had = len(world.of(other))
        world.send("page")  # claimed when the last of them is known to be
        wait_until(lambda: len(world.of(other)) > had, WAIT, "mail for another server")
    finally:
        go_on.set()
        sink.before_reply = None
    for address in to:
        wait_until(lambda address=address: world.server.psql(f"SELECT count(*) FROM q_attempt WHERE recipient = '{address}' AND outcome = 0")
                   == "1", WAIT, f"mail for {address}")
        assert [m.tls for m in world.of(address)] == [True]
        row = f"SELECT DISTINCT remote, tls || '|' || split_part(secured, ' ', 3) FROM q_attempt WHERE recipient = '{address}' AND outcome = 0"
        server, proven = world.server.psql(row).split("|", 1)
        assert server == f"mx-{names[0]}.{DOMAIN} [{SHARED}]" and proven in proof
    said = [verb for verb, _ in sink.commands[commands:]]
    assert sink.connections == before + 1 and said.count("STARTTLS") == 1 and said.count("RSET") == len(names) - 1
    wait_until(lambda: sink.open == 0, WAIT, "a good-bye when nothing is left")
    world.server.reload("config_reloaded process=back.1", delivery__connections_per_server=20)


def test_an_operator_may_ignore_tlsa_records(world):
    """The last one here: it leaves the server so."""
    address = f"somebody@wrong.{DOMAIN}"
    world.server.reload("config_reloaded process=back.1", delivery__dane="false")
    world.send("wrong")
    assert all(m.tls for m in wait_until(lambda: world.of(address), WAIT, "the mail to go"))
