# SPDX-License-Identifier: Apache-2.0
"""Mail that goes to servers of the operator's choice: for one domain, and all the rest to a smarthost
with a login, which no server hears whose certificate does not verify."""
import base64
import json
import pathlib
import shutil
import tempfile
import threading

import pytest
from certificates import Certificate
from conftest import free_ports, wait_until
from outbound import DOMAIN, Sink
from demo.server import STANDARD_PORTS
from smtp_raw import fetch_all
from test_delivery import WAIT, World, module_factory  # noqa: F401: a fixture

HOST = f"mx.{DOMAIN}"
PASSWORD = "very secret words"


class Relay(Sink):
    """A smarthost that takes mail of those only who logged in."""

    def __init__(self, certificate, mechanisms="PLAIN LOGIN"):
        (self.port,) = free_ports(1)
        self.logins, self.password = [], PASSWORD
        super().__init__(self.port, self.judge, tls=certificate.context(), extensions=("PIPELINING", f"AUTH {mechanisms}"))

    def judge(self, verb, argument):
        known = [base64.b64encode(text.encode()).decode() for text in (f"\0us\0{self.password}", "us", self.password)]
        if verb == "AUTH" and argument == "LOGIN":
            return "334 VXNlcm5hbWU6"
        if verb == "AUTH":
            self.logins.append(argument)
            return "235 2.7.0 welcome" if argument == f"PLAIN {known[0]}" else "535 5.7.8 no"
        if verb == known[1].upper():
            return "334 UGFzc3dvcmQ6"
        if verb == known[2].upper():
            self.logins.append("LOGIN")
            return "235 2.7.0 welcome"
        return None


@pytest.fixture(scope="module")
def authority():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-relay-", dir="/tmp"))
    folder.chmod(0o755)  # for the user that Heronry becomes
    made = Certificate(folder, "authority")
    made.folder = folder
    yield made
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def world(module_factory, authority):  # noqa: F811
    w = World(lambda settings: module_factory(kinds=[*STANDARD_PORTS, "lmtp"], settings=settings), **{"delivery.ca_file": str(authority.chain),
                                 "delivery.pools": '["bulk: 127.0.0.41", "news turn: 127.0.0.42 127.0.0.43", "six: 2001:db8::1"]'})
    yield w
    w.close()


def set_transport(world, domain, server, *options, password=None, **more):
    words = ("--login", "us", "--password-stdin") if password else ()
    return world.server.cli("transport", "set", domain, server, *words, *options, stdin=f"{password}\n" if password else None, **more)


def try_now(world, domain):
    """The times between tries double."""
    world.server.psql(f"UPDATE q_rcpt SET due = now() WHERE domain = '{domain}'; UPDATE q_domain SET next_due = now() WHERE domain = '{domain}'")


def test_mail_of_one_domain_goes_where_the_operator_says(world):
    (port,) = free_ports(1)
    near = Sink(port)
    set_transport(world, "far.example", f"127.0.0.1:{port}", "--tls", "may")
    world.send("mia@far.example", f"leo@good.{DOMAIN}")
    wait_until(lambda: near.of("mia@far.example"), WAIT, "mail at the server of the transport")
    assert world.arrived(f"leo@good.{DOMAIN}") and not near.of(f"leo@good.{DOMAIN}")
    world.server.cli("transport", "remove", "far.example")
    assert world.server.cli("transport", "remove", "far.example", check=False).returncode == 66
    near.close()


def test_mail_that_waits_goes_another_way(world):
    """FEATURES 56: what waits for one server is given to another, or to those of its domain, by hand."""
    dead, port = free_ports(2)
    spare = Sink(port)
    set_transport(world, f"good.{DOMAIN}", f"127.0.0.1:{dead}", "--tls", "may")
    set_transport(world, "spare.example", f"127.0.0.1:{port}", "--tls", "may")
    one, two = f"one@good.{DOMAIN}", f"two@good.{DOMAIN}"
    world.send(one)
    world.send(two)
    act = lambda name, to, **more: world.server.cli("queue", "transport", name, "--recipient", to, **more)
    wait_until(lambda: all(world.queue_of(to).endswith("|4.4.1") for to in (one, two)), WAIT, "nobody is there")
    assert act("gone.example", one, check=False).returncode == 65
    # What is tried at this moment is left out.
    wait_until(lambda: "1 recipients" in act("Spare.Example", one).stdout, WAIT, "the end of its try")
    wait_until(lambda: spare.of(one), WAIT, "mail at the other server")
    wait_until(lambda: "1 recipients" in act("mx", two).stdout, WAIT, "the end of its try")
    assert world.arrived(two) and not spare.of(two)
    for which in (f"good.{DOMAIN}", "spare.example"):
        world.server.cli("transport", "remove", which)
    spare.close()


def test_a_sender_has_a_relay_of_his_own(world, authority):
    """What is said of the recipient's domain comes first; a relay that is down is none of the others' business."""
    (port, other) = free_ports(2)
    near = Sink(port)
    mine = Relay(Certificate(authority.folder, "relay-mine", [HOST], authority))
    domain = "@" + world.user["address"].split("@")[1]
    set_transport(world, world.user["address"].upper(), f"{HOST}:{mine.port}", password=PASSWORD)
    set_transport(world, domain, f"127.0.0.1:{other}", "--tls", "may")  # nobody is there
    set_transport(world, "far.example", f"127.0.0.1:{port}", "--tls", "may")
    mate = world.server.user(0)
    with world.server.smtp("submission", login=mate) as client:
        client.sendmail(mate["address"], ["his@anywhere.example"], f"From: {mate['address']}\r\n\r\nHello.\r\n".encode())
    wait_until(lambda: world.queue_of("his@anywhere.example").endswith("|4.4.1"), WAIT, "nobody is at the relay of the others")
    world.send("mine@anywhere.example", "both@far.example")
    (mail,) = wait_until(lambda: mine.of("mine@anywhere.example"), WAIT, "mail at the sender's relay")
    assert mail.tls and len(mine.logins) == 1 and not mine.of("both@far.example")
    wait_until(lambda: near.of("both@far.example"), WAIT, "mail at the server of its destination")
    assert world.server.psql("SELECT failures FROM q_domain WHERE domain = 'anywhere.example'") == "0"
    late = Sink(other)
    try_now(world, "anywhere.example")
    wait_until(lambda: late.of("his@anywhere.example"), WAIT, "the mail of the others when their relay is there")
    late.close()
    for which in (world.user["address"], domain, "far.example"):
        world.server.cli("transport", "remove", which)
    near.close()
    mine.close()


@pytest.mark.parametrize("mechanisms", ["PLAIN LOGIN", "LOGIN"])
def test_a_smarthost_gets_all_mail_and_our_login(world, authority, mechanisms):
    relay = Relay(Certificate(authority.folder, f"relay-{mechanisms.split()[0]}", [HOST], authority), mechanisms)
    set_transport(world, "*", f"{HOST}:{relay.port}", password=PASSWORD)
    to = f"{mechanisms.split()[0].lower()}@anywhere.example"
    world.send(to)
    (mail,) = wait_until(lambda: relay.of(to), WAIT, "mail at the smarthost")
    assert mail.tls and len(relay.logins) == 1
    shown = world.server.cli("transport", "list").stdout
    assert HOST in shown and PASSWORD not in shown
    assert PASSWORD not in world.server.psql("SELECT encode(password, 'escape') FROM transport")
    world.server.cli("transport", "remove", "*")
    relay.close()


def test_a_login_that_fails_keeps_the_mail(world, authority):
    relay = Relay(Certificate(authority.folder, "relay-strict", [HOST], authority))
    relay.password = "another one"
    set_transport(world, "*", f"{HOST}:{relay.port}", password=PASSWORD)
    world.send("kept@anywhere.example")
    wait_until(lambda: world.queue_of("kept@anywhere.example").endswith("|4.7.8"), WAIT, "a temporary failure")
    relay.password = PASSWORD
    try_now(world, "anywhere.example")
    wait_until(lambda: relay.of("kept@anywhere.example"), WAIT, "mail after the password was mended")
    world.server.cli("transport", "remove", "*")
    relay.close()


def test_no_stranger_hears_the_password(world, authority):
    relay = Relay(Certificate(authority.folder, "stranger"))
    assert set_transport(world, "*", f"{HOST}:{relay.port}", "--tls", "encrypt", password=PASSWORD, check=False).returncode == 65
    set_transport(world, "*", f"{HOST}:{relay.port}", password=PASSWORD)
    world.send("careful@anywhere.example")
    wait_until(lambda: "|4.7.5" in world.queue_of("careful@anywhere.example"), WAIT, "the certificate is not trusted")
    assert not relay.logins and not relay.messages
    world.server.cli("transport", "remove", "*")
    relay.close()


def test_mail_goes_by_lmtp(world):
    """To our own service of LMTP, which knows the domain only since its mail waits: one recipient has it, one is over
    quota, one is not known; each has his own end, which the history tells."""
    good, full, nobody = (f"{name}@inside.example" for name in ("good", "full", "nobody"))
    rule = json.loads(world.server.cli("queue", "hold-rule", "add", "--recipient", "inside.example", "--json").stdout)["id"]
    world.send(good, full, nobody, body="all work and no play\r\n" * 100)
    world.server.cli("queue", "hold-rule", "remove", str(rule))
    world.server.cli("domain", "add", "inside.example")
    for one in (good, full):
        world.server.cli("user", "add", one, "--password-stdin", stdin=PASSWORD + "\n")
    world.server.cli("user", "quota", full, "1KB")
    set_transport(world, "inside.example", f"127.0.0.1:{world.server.ports['lmtp']}", "--protocol", "lmtp", "--tls", "may")
    world.server.cli("queue", "release", "--domain", "inside.example")
    (stored,) = wait_until(lambda: fetch_all(world.server, {"address": good, "password": PASSWORD}), WAIT, "the mail")
    assert b" with LMTPS id " in stored and stored.endswith(b"no play\r\n")
    told = "SELECT string_agg(concat_ws(' ', split_part(recipient, '@', 1), state, code), ', ' ORDER BY recipient) FROM mail_trace WHERE recipient LIKE '%@inside.example'"
    ends = "full failed 5.2.2, good delivered 2.0.0, nobody failed 5.1.1"
    wait_until(lambda: world.server.psql(told) == ends, WAIT, "three ends in the history")
    wait_until(lambda: len(world.reports(f"Final-Recipient: rfc822; {full}")) == 1, WAIT, "a report about the full mailbox")
    world.server.cli("transport", "remove", "inside.example")


# ---- how mail goes ----

def test_pools_are_in_the_records_of_spf(world):
    """What leaves from a pool may have the server's own name in EHLO: neither record denies it."""
    terms = "ip4:127.0.0.41 ip4:127.0.0.42 ip4:127.0.0.43 ip6:2001:db8::1 ~all"
    records = world.server.json("domain", "dns", world.server.domain)["items"]
    values = {r["purpose"]: r["value"] for r in records if r["purpose"].startswith("spf")}
    assert values == {"spf": f"v=spf1 mx {terms}", "spfHost": f"v=spf1 a {terms}"}


def test_pools_and_names_of_ours(world):
    (port,) = free_ports(1)
    near = Sink(port)
    set_transport(world, "far.example", f"127.0.0.1:{port}", "--tls", "may", "--pool", "bulk", "--ehlo-name", "bulk.example")
    world.send("one@far.example")
    wait_until(lambda: near.of("one@far.example"), WAIT, "mail from the pool")
    assert near.peers == {"127.0.0.41"} and ("EHLO", "bulk.example") in near.commands
    set_transport(world, "far.example", f"127.0.0.1:{port}", "--tls", "may", "--pool", "news")
    for i in range(2):  # the first connection has ended when its mail is no longer in the queue
        world.send(f"turn{i}@far.example")
        wait_until(lambda: near.of(f"turn{i}@far.example") and near.open == 0, WAIT, "mail from the pool that takes turns")
    assert near.peers == {"127.0.0.41", "127.0.0.42", "127.0.0.43"}
    set_transport(world, "far.example", f"127.0.0.1:{port}", "--tls", "may", "--pool", "absent")
    world.send("lost@far.example")
    put_off = "SELECT attempts, due > now() + interval '20 seconds' FROM q_rcpt WHERE rcpt = 'lost@far.example'"
    wait_until(lambda: world.server.psql(put_off) == "0|t", WAIT, "mail that waits for a frontend with its pool")
    assert world.server.psql("SELECT failures, breaker_open FROM q_domain WHERE domain = 'far.example'") == "0|f"
    why = 'delivery.pools of this frontend has no "absent", the pool of the transport "far.example"'
    (row,) = world.server.json("queue", "list", "--domain", "far.example")["items"]
    assert row["waits"]["reason"] == why and row["waits"]["told"]["code"] == "pool-unknown", row
    assert f"waits: {why}; tried again at " in world.server.cli("queue", "trace", "lost@far.example").stdout
    world.server.cli("queue", "drop", "--recipient", "lost@far.example")
    peers = set(near.peers)
    set_transport(world, "far.example", f"127.0.0.1:{port}", "--tls", "may", "--pool", "six")
    world.send("six@far.example")
    wait_until(lambda: world.queue_of("six@far.example").endswith("|4.4.1"), WAIT, "mail of a pool without an address of IPv4")
    assert near.peers == peers and world.server.psql("SELECT failures FROM q_domain WHERE domain = 'far.example'") == "0"
    world.server.cli("transport", "remove", "far.example")
    world.server.cli("queue", "drop", "--recipient", "six@far.example")
    near.close()


def test_so_many_messages_a_minute(world):
    """The first goes at once, the others have their times, and no attempt is counted."""
    set_transport(world, f"good.{DOMAIN}", "--per-minute", "1")
    to = [f"slow{i}@good.{DOMAIN}" for i in range(3)]
    for one in to:
        world.send(one)
    late = f"FROM q_rcpt r JOIN q_msg m USING (queue_id) WHERE rcpt LIKE 'slow%@good.{DOMAIN}' AND r.due > m.created + interval '20 seconds'"
    wait_until(lambda: world.server.psql(f"SELECT count(*), sum(attempts) {late}") == "2|0", WAIT, "two messages put off")
    arrived = wait_until(lambda: [one for one in to if world.sink.of(one)], WAIT, "the first")  # the others are put off before it goes
    assert len(arrived) == 1
    waiting = next(one for one in to if not world.sink.of(one))
    (entry,) = json.loads(world.server.cli("queue", "list", "--recipient", waiting, "--json").stdout)["items"]
    assert "\nSubject: outbound" in world.server.cli("queue", "export", entry["id"]).stdout
    assert base64.b64decode(json.loads(world.server.cli("queue", "export", entry["id"], "--json").stdout)["data"]).endswith(b"Hello there.\r\n")
    world.server.cli("transport", "remove", f"good.{DOMAIN}")
    try_now(world, f"good.{DOMAIN}")
    for one in to:
        world.arrived(one)


def test_who_waits_for_a_limit_is_told_a_time_of_his_own(world):
    ask = "SELECT string_agg(t.granted || '/' || round(t.wait_ms / 1000.0), ' ' ORDER BY i) FROM generate_series(1, 4) i, LATERAL transport_take('{}', {}, i * 0 + {}) t"
    assert world.server.psql(ask.format("a.example", 6, 1)) == "1/8 0/8 0/18 0/28"
    assert world.server.psql(ask.format("b.example", 6, 10)) == "1/8 0/98 0/198 0/298"
    assert world.server.psql(ask.format("c.example", 600, 2)) == "2/0 2/0 2/0 2/0"  # a second's worth at once
    late = "UPDATE transport_pace SET next_at = now() - interval '500 milliseconds' WHERE key = 'b.example'; SELECT granted FROM transport_take('b.example', 6, 1);" \
           " SELECT next_at = now() + interval '9500 milliseconds' FROM transport_pace WHERE key = 'b.example'"
    assert world.server.psql(late).split() == ["1", "t"]  # who comes late does not have the others wait
    far = "UPDATE transport_pace SET promised_at = now() + interval '1 hour' WHERE key = 'a.example'; SELECT min(t.wait_ms) >= 300000, max(t.wait_ms) <= 600000,"
    assert world.server.psql(f"{far} count(DISTINCT t.wait_ms) > 10 FROM generate_series(1, 20) i, LATERAL transport_take('a.example', 6, i * 0 + 1) t") \
        .split()[-1] == "t|t|t"


def test_a_new_relay_is_tried_at_once(world):
    """Whatever is known of the servers before it; the audit tells what was said. No worker takes what is leased already,
    and no sweep ends a lease or a breaker of ten minutes."""
    world.server.psql("INSERT INTO q_domain (domain, next_due, failures, breaker_open, breaker_until, lease_until) SELECT d || '.example', now() + interval '1 hour', 5, true,"
                      " now() + interval '10 minutes', now() + interval '10 minutes' FROM unnest('{aaa,bbb}'::text[]) d")
    ask = "SELECT string_agg(concat_ws(' ', breaker_open, failures, breaker_until <= now(), next_due <= now()), ',' ORDER BY domain)" \
          " FROM q_domain WHERE domain IN ('aaa.example', 'bbb.example')"
    set_transport(world, "aaa.example", "--per-minute", "6", "--pool", "bulk")
    assert world.server.psql(ask) == "t 5 f f,t 5 f f"
    set_transport(world, "aaa.example", "127.0.0.1:9", "--tls", "may", "--connections", "2", "--ehlo-name", "us.example")
    assert world.server.psql(ask) == "f 0 t t,t 5 f f"
    set_transport(world, "@mia.example", "127.0.0.1:9", "--tls", "may")
    assert world.server.psql(ask).endswith(",t 5 t t")  # probes go; that of a sender's relay says nothing of the destination
    details = "SELECT detail FROM audit_log WHERE action = 'transport.set' AND object = 'aaa.example' ORDER BY audit_id"
    assert world.server.psql(details).split("\n") == ["per-minute=6 pool=bulk", "127.0.0.1:9 tls=may connections=2 ehlo-name=us.example"]
    for which in ("aaa.example", "@mia.example"):
        world.server.cli("transport", "remove", which)
    world.server.psql("DELETE FROM q_domain WHERE domain IN ('aaa.example', 'bbb.example')")


def test_one_connection_to_a_smarthost_for_all_destinations(world):
    (port,) = free_ports(1)
    near = Sink(port)
    go_on = threading.Event()
    near.before_reply = lambda verb, text: go_on.wait(WAIT) if verb == "MAIL" else None
    set_transport(world, "*", f"127.0.0.1:{port}", "--tls", "may", "--connections", "1")
    to = ["one@some.example", "one@other.example"]
    for one in to:
        world.send(one)
    waits = ("SELECT count(*) FROM q_rcpt r JOIN q_msg m USING (queue_id) JOIN q_domain d USING (domain) WHERE rcpt LIKE 'one@%.example'"
             " AND r.due > m.created AND attempts = 0 AND d.lease_until < now()")
    wait_until(lambda: near.open == 1 and world.server.psql(waits) == "1", WAIT, "a destination that waits beside one that is served")
    go_on.set()
    for one in to:
        wait_until(lambda: near.of(one), WAIT, "mail at the smarthost")
    assert near.most_open == 1
    world.server.cli("transport", "remove", "*")
    near.close()
