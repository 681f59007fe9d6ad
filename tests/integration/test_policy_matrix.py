# SPDX-License-Identifier: Apache-2.0
"""What a destination publishes x what its server presents x what is configured and wished: each pair of the first two
goes over the wire under each of the third, and ends as the RFCs and the manual say (7672, 8461, 8689; FEATURES 46-48,
71, 72). What is expected is worked out here anew, not by the server's own table (shared/transport_policy/tls_verdict.c)."""
import pathlib
import re
import shutil
import ssl
import tempfile

import pytest
from certificates import Certificate
from conftest import Instance, free_ports, wait_until
from outbound import DOMAIN, Sink, Zone
from policy_hosts import PolicyHosts, policy

WAIT = 150
PUBLISHED = ("nothing", "tlsa-right", "tlsa-wrong", "tlsa-unusable", "tlsa-forged",
             "sts-enforce", "sts-testing", "sts-none", "sts-gone", "sts-unreachable")
PRESENTED = ("good", "misnamed", "expired", "selfsigned", "plain", "broken")
NOBODY = "127.0.3.99"    # nothing listens there
PAIRS = [(published, presented) for published in PUBLISHED for presented in PRESENTED]
# (on_tls_failure, require_tls, verify_tls, what the sender wishes)
RUNS = [("fallback", False, True, None), ("fallback", False, True, "REQUIRETLS"), ("fail", False, True, None),
        ("fail", False, True, "TLS-Required: No"), ("fail", True, True, None), ("hold", False, True, None),
        ("hold", True, True, None), ("hold", False, True, "REQUIRETLS"), ("hold", False, False, None)]


def expected(published, presented, on_failure, require, verify, wish):
    """verified, unverified, plain: it was sent so; or deferred, held, failed."""
    has_tls = presented not in ("plain", "broken")
    if published == "tlsa-forged" and (not wish or ":" not in wish):
        return "deferred"    # whoever forges them must neither get the mail nor have it returned (RFC 7672 2.1)
    if published == "tlsa-wrong":
        verified = False
    elif published == "tlsa-right":
        verified = has_tls    # DANE-EE: neither names nor dates count (RFC 7672 3.1.1)
    else:
        verified = presented == "good"
    if verified:
        return "verified"
    if wish == "REQUIRETLS":
        return "failed"    # RFC 8689 4.2.1
    as_it_is = "unverified" if has_tls else "plain"
    if wish:
        return as_it_is    # RFC 8689 4.1
    if published in ("tlsa-right", "tlsa-wrong", "sts-enforce"):
        return "deferred"
    if published == "tlsa-unusable" and not has_tls:
        return "deferred"    # RFC 7672 2.2: encryption is demanded, though nobody can be verified
    if presented == "plain" and not require:
        return "plain"    # nobody asked for more
    if not verify and not require:
        return as_it_is
    return {"hold": "held", "fail": "failed", "fallback": as_it_is}[on_failure]


def name_of(pair):
    return "-x-".join(pair)


class World:
    def __init__(self):
        (self.port,) = free_ports(1)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-certificates-", dir="/tmp"))
        self.folder.chmod(0o755)  # for the user that Heronry becomes
        authority = Certificate(self.folder, "authority")
        hosts = [f"mx-{name_of(pair)}.{DOMAIN}" for pair in PAIRS]
        certificates = {"good": Certificate(self.folder, "good", hosts, authority),
                        "misnamed": Certificate(self.folder, "misnamed", ["mx.elsewhere.test"], authority),
                        "expired": Certificate(self.folder, "expired", hosts, authority, days=-1),
                        "selfsigned": Certificate(self.folder, "selfsigned", hosts)}
        contexts = {name: c.context() for name, c in certificates.items()} | {
            "plain": None, "broken": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}
        self.addresses = {name: f"127.0.3.{n}" for n, name in enumerate(PRESENTED, 1)}
        self.sinks = [Sink(self.port, address=self.addresses[name], tls=contexts[name],
                           extensions=("PIPELINING", "8BITMIME", "REQUIRETLS")) for name in PRESENTED]
        self.hosts = PolicyHosts(self.folder, authority, {name_of(p): self._policy(p) for p in PAIRS if p[0].startswith("sts")})
        self.zone = self._zone(certificates)
        self.server = Instance(settings={
            "delivery.port": self.port, "delivery.workers": 20, "delivery.ca_file": str(authority.chain),
            "delivery.mta_sts_port": self.hosts.port, "dns.validate": "true", "dns.stub_zone": DOMAIN,
            "dns.stub_server": self.zone.server, "dns.anchor_file": str(self.zone.anchor),
            "delivery.on_tls_failure": RUNS[0][0], "delivery.require_tls": "false", "delivery.verify_tls": "true"}).up()
        self.user = self.server.user(2)

    @staticmethod
    def _policy(pair):
        if pair[0] == "sts-gone":
            return 404, "text/plain", b"gone"
        return policy(f"mx-{name_of(pair)}.{DOMAIN}", mode=pair[0].removeprefix("sts-"))

    def _zone(self, certificates):
        wrong, forged = Certificate(self.folder, "wrong").tlsa(3), Certificate(self.folder, "forged").tlsa(3)
        lines = []
        for published, presented in PAIRS:
            name = name_of((published, presented))
            lines += [f"{name} MX 10 mx-{name}", f"mx-{name} A {self.addresses[presented]}"]
            own = certificates.get(presented, certificates["good"]).tlsa(3)
            tlsa = {"tlsa-right": own, "tlsa-wrong": wrong, "tlsa-unusable": own.replace("TLSA 3", "TLSA 1"),
                    "tlsa-forged": forged}.get(published)
            if tlsa:
                lines.append(f"_{self.port}._tcp.mx-{name} {tlsa}")
            if published.startswith("sts"):
                address = NOBODY if published == "sts-unreachable" else "127.0.0.1"
                lines += [f'_mta-sts.{name} TXT "v=STSv1; id=20260101"', f"mta-sts.{name} A {address}"]
        value = forged.rsplit(" ", 1)[1]
        return Zone(lines, signed=True, forge=[(value, value[::-1])])

    def configure(self, on_failure, require, verify):
        wanted = {"delivery.on_tls_failure": on_failure, "delivery.require_tls": str(require).lower(),
                  "delivery.verify_tls": str(verify).lower()}
        if wanted.items() <= self.server.settings.items():
            return
        self.server.reload("config_reloaded process=back.1", **wanted)

    def send(self, wish):
        """One message for all; what the log says of each domain's part of it, and of which ones it warns."""
        began, sender = len(self.server.log()), self.user["address"]
        field = f"{wish}\r\n" if wish and ":" in wish else ""
        with self.server.smtp("submission", login=self.user) as client:
            client.sendmail(sender, [f"somebody@{name_of(p)}.{DOMAIN}" for p in PAIRS],
                            f"From: {sender}\r\n{field}Subject: matrix\r\n\r\nx\r\n".encode(),
                            [wish] if wish and not field else [])
        pattern = re.compile(r" delivery_(done|deferred|held|failed) \S+ domain=(\S+)\.out\.test (.*)")

        def look():
            found = {m[2]: (m[1], m[3]) for m in pattern.finditer(self.server.log()[began:])}
            return len(found) == len(PAIRS) and found
        found = wait_until(look, WAIT, "an outcome for each domain")
        waiting = "SELECT count(*) FROM q_rcpt WHERE status = 0 AND attempts = 0"
        wait_until(lambda: self.server.psql(waiting) == "0", WAIT, "the outcomes in the queue")
        # The destinations, too: a worker that looks at one again a second later would hide the next message from the
        # others for up to a minute (shared/queue/README.md).
        for table in ("q_domain", "q_rcpt", "q_msg"):
            self.server.psql(f"DELETE FROM {table}")
        warned = re.findall(r" delivery_tls_degraded \S+ domain=(\S+)\.out\.test ", self.server.log()[began:])
        return found, sorted(warned)

    def close(self):
        self.server.remove()
        for sink in self.sinks:
            sink.close()
        self.hosts.close()
        self.zone.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def world():
    made = World()
    yield made
    made.close()


def outcome(event, line):
    if event != "done":
        return event
    return "plain" if "tls=none" in line else "verified" if "verified=true" in line else "unverified"


@pytest.mark.parametrize("on_failure, require, verify, wish", RUNS)
def test_each_pair(world, on_failure, require, verify, wish):
    world.configure(on_failure, require, verify)
    before = {sink: len(sink.messages) for sink in world.sinks}
    found, warned = world.send(wish)
    wrong = [(name_of(p), want, found[name_of(p)]) for p in PAIRS
             if outcome(*found[name_of(p)]) != (want := expected(*p, on_failure, require, verify, wish))]
    assert not wrong, "\n".join(map(str, wrong))
    assert warned == sorted(name for name, how in found.items() if outcome(*how) in ("unverified", "plain"))
    # What the log says is what was on the wire.
    for presented, sink in zip(PRESENTED, world.sinks):
        sent = [f for p in PAIRS if p[1] == presented and outcome(*(f := found[name_of(p)])) in ("verified", "unverified", "plain")]
        arrived = sink.messages[before[sink]:]
        assert len(arrived) == len(sent) and sum(m.tls for m in arrived) == sum("tls=none" not in line for _, line in sent)
