# SPDX-License-Identifier: Apache-2.0
"""Who may bring mail at all (FEATURES 26, 87, 88, 91), and for whom a balancer speaks (15): clients with addresses of their own
behind it, records from a real nsd."""
import contextlib
import json
import re
import socket
import ssl
import struct

import pytest
from api_client import Api
from dkim_key import key_record, signed
from hooks import Hook
from milters import REJECT, Filter
from outbound import DOMAIN, Zone
from smtp_raw import RawSmtp
from support import all_of

from conftest import STANDARD_PORTS, Instance, wait_until

BALANCER = "127.0.0.66"
PROXY = "127.0.0.67"
RECORDS = [
    'sure TXT "v=spf1 ip4:192.0.2.0/24 ip4:203.0.113.0/24 -all"', 'soft TXT "v=spf1 ip4:192.0.2.0/24 ~all"',
    # Who can be asked about nobody, or not now: a record of a name that is not there, and a circle of names.
    f'perm TXT "v=spf1 include:nothing.{DOMAIN} -all"', f'temp TXT "v=spf1 exists:x.temp.{DOMAIN} -all"', 'x.temp CNAME y.temp', 'y.temp CNAME x.temp',
    'xn--bcher-kva TXT "v=spf1 ip4:192.0.2.0/24 -all"', 'own.sure TXT "v=spf1 ip4:203.0.112.1 -all"', key_record("temp"),
    # Allows its proxies, but wants a proof.
    'strict TXT "v=spf1 ip4:127.0.0.0/8 -all"', '_dmarc.strict TXT "v=DMARC1; p=reject"', key_record("strict"),
    'open A 192.0.2.1', key_record("sure"), key_record("soft"), key_record("open"),
    # Lists of hosts: one of bad ones, one of good ones, one with everybody on it, one that refuses.
    '2.0.0.127.bl A 127.0.0.2', '1.1.3.192.bl A 127.0.0.4', '1.1.3.192.bl TXT "sends \\233 spam"', '2.1.3.192.bl A 127.0.0.9',
    '3.1.3.192.bl A 192.0.2.77', '4.1.3.192.bl A 127.0.0.2', '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl A 127.0.0.2',
    '2.0.0.127.wl A 127.0.5.1', '4.1.3.192.wl A 127.0.5.2', '5.1.3.192.wl A 127.0.5.3', '*.all A 127.0.0.2', '*.err A 127.255.255.254',
]


class Judges:
    """Filters and hooks of both stages that are asked about all mail, and one of each that skips mail of the whitelist."""

    def __init__(self):
        self.milter, self.milter_at_rcpt, self.spam_filter = Filter(), Filter(), Filter()
        self.hook, self.spam_hook = Hook("a secret"), Hook("a secret")
        self.milters = json.dumps([{"addr": f"127.0.0.1:{self.milter.port}"}, {"addr": f"127.0.0.1:{self.milter_at_rcpt.port}", "stage": "rcpt"},
                                   {"addr": f"127.0.0.1:{self.spam_filter.port}", "skip": "whitelisted"}])
        self.hooks = json.dumps([{"url": hook.url, "secret": "a secret", "stage": stage, "skip": skip} for hook, stage, skip in (
            (self.hook, "rcpt", "none"), (self.hook, "data", "none"), (self.spam_hook, "rcpt", "whitelisted"), (self.spam_hook, "data", "whitelisted"))])

    def at_rcpt(self, sender, recipient):
        """Whether they were told of the whitelist about the recipient, last: (a milter, a hook)."""
        def talk():
            return [t["macros"] for t in self.milter_at_rcpt.talks
                    if (t.get("M"), t["recipients"]) == (f"<{sender}>\0".encode(), [f"<{recipient}>".encode()])]

        wait_until(talk, what="the end of the talk")
        hooked = [s["context"] for s in self.hook.seen if s["context"]["stage"] == "rcpt" and
                  (s["envelope"]["from"]["address"], s["envelope"]["to"][-1]["address"]) == (sender, recipient)]
        return [talk()[-1].get(b"{heronry_whitelisted}"), hooked[-1].get("whitelisted")]

    def at_data(self, subject):
        """The same of the message, and whether the others saw it: (a milter, a hook)."""
        (shown,), (asked,) = self.milter.of(subject), self.hook.of(subject)
        return ([shown["macros"].get(b"{heronry_whitelisted}"), asked["context"].get("whitelisted")],
                [len(self.spam_filter.of(subject)), len(self.spam_hook.of(subject))])

    def close(self):
        for one in (self.milter, self.milter_at_rcpt, self.spam_filter, self.hook, self.spam_hook):
            one.close()


class Guest(RawSmtp):
    """A client of port 25 from any address."""

    def __init__(self, server, ip, helo="client.example"):
        self.sock = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=90, source_address=(BALANCER, 0))
        self.sock.sendall(f"PROXY TCP{6 if ':' in ip else 4} {ip} {'::1' if ':' in ip else '127.0.0.1'} 40000 25\r\n".encode())
        self.pending = b""
        assert self.reply()[0] == 220
        assert self.ask(f"EHLO {helo}")[0] == 250

    def try_to(self, recipient, sender=f"somebody@open.{DOMAIN}"):
        """The answer to a recipient."""
        assert self.ask("RSET")[0] == 250
        assert self.ask(f"MAIL FROM:<{sender}>")[0] == 250
        code, text = self.ask(f"RCPT TO:<{recipient}>")
        return code, text.decode()

    def deliver(self, recipient, sender, signer=None, *others, subject="guest", author=None):
        """A message, whole, maybe signed; the last answer."""
        code, text = self.try_to(recipient, sender)
        for other in others:
            code = max(code, self.ask(f"RCPT TO:<{other}>")[0])
        if code != 250:
            return code, text
        message = f"From: <{author or sender}>\r\nSubject: {subject}\r\n\r\nHello.\r\n".encode()
        assert self.ask("DATA")[0] == 354
        code, text = self.ask((signed(message, signer) if signer else message) + b".\r\n")
        return code, text.decode()


@pytest.fixture(scope="module")
def zone():
    zone = Zone(RECORDS)
    yield zone
    zone.close()


@pytest.fixture(scope="module")
def judges():
    judges = Judges()
    yield judges
    judges.close()


@pytest.fixture(scope="module")
def server(zone, judges):
    """Loopback is not local here but for the proxy, and 198.51.100.0/24 is."""
    instance = Instance(kinds=[*STANDARD_PORTS, "lmtp", "metrics"],
                        settings={"dns.stub_zone": DOMAIN, "dns.stub_server": zone.server, "dns.validate": "false",
                                  "security.local_networks": f"[198.51.100.0/24, {PROXY}/32]",
                                  "dnsbl.zones": json.dumps([f"bl.{DOMAIN}=127.0.0.[2..7]*3", f"wl.{DOMAIN}=127.0.[0..255].[1..3]*-4",
                                                             f"all.{DOMAIN}*9", f"err.{DOMAIN}"]),
                                  "dnsbl.threshold": 3, "xclient.trusted_networks": f"[192.0.2.250/32, {PROXY}/32]",
                                  "milters": judges.milters, "hooks": judges.hooks, "milter.timeout": "60s", "hook.timeout": "60s",
                                  "proxy_protocol.trusted_networks": f"[{BALANCER}/32]"})
    try:
        yield instance.up()
    finally:
        instance.remove()


@pytest.fixture
def user(server):
    return server.new_user()["address"]


# ---- the lists of the administrator ----

def listed(server, name, *words):
    return server.cli(name, "receipt", *words, check=False)


NOT_REFUSED = (250, 451)  # but maybe put off


def test_blacklist(server, user):
    """A domain and all below it, an address, a network: refused at RCPT, with words that help; postmaster is not."""
    for subject in ("Bad.Example", "one@half.example", "203.0.113.0/24"):
        assert listed(server, "blacklist", "add", subject, "--note", "spam").returncode == 0
    with Guest(server, "192.0.2.1") as guest:
        def refused(sender):
            code, text = guest.try_to(user, sender)
            assert code == 550 and "5.7.1" in text and "postmaster@" in text or code in NOT_REFUSED, text
            return code == 550

        wait_until(lambda: refused("a@bad.example") and refused("one@half.example"), what="the blacklist")
        assert refused("A@BAD.example") and refused("x@below.bad.example") and refused("one@half.example")
        assert not refused("two@half.example") and not refused("x@notbad.example")
        for name in ("postmaster@", "abuse@"):
            assert guest.try_to(name + server.domain, "a@bad.example")[0] == 250
        assert guest.try_to("postmaster", "a@bad.example")[0] == 250
    for sender in ("a@fine.example", ""):
        with Guest(server, "203.0.113.9") as guest:
            wait_until(lambda: guest.try_to(user, sender)[0] == 550, what="the network's rule")
    assert re.search(r"smtp.screened.*by=blacklist.*from=a@bad\.example", server.log())
    # A user of ours who is logged in is no guest.
    with server.smtp("submission", login=server.user(1)) as client:
        assert client.mail(server.user(1)["address"])[0] == 250 and client.rcpt(user)[0] == 250

    listing = server.json("blacklist", "receipt", "list")["items"]
    assert {r["subject"]: r["kind"] for r in listing} == {"bad.example": "domain", "one@half.example": "address",
                                                          "203.0.113.0/24": "network"}
    assert listed(server, "blacklist", "remove", "BAD.example").returncode == 0
    assert listed(server, "blacklist", "remove", "bad.example").returncode == 66
    for subject in ("one@half.example", "203.0.113.0/24"):
        assert listed(server, "blacklist", "remove", subject).returncode == 0
    with Guest(server, "192.0.2.1") as guest:
        wait_until(lambda: not refused("a@bad.example"), what="the end of the rule")


def test_rules_of_one_domain(server, user):
    """A rule for one domain of ours is for it alone, and comes before one for all."""
    other = "second.test"
    server.cli("domain", "add", other)
    server.cli("user", "add", f"mia@{other}", "--password-stdin", stdin="some horse battery staple\n")
    assert listed(server, "blacklist", "add", "pest.example").returncode == 0
    assert listed(server, "whitelist", "add", "pest.example", "--domain", other).returncode == 0
    with Guest(server, "192.0.2.1") as guest:
        wait_until(lambda: guest.try_to(user, "a@pest.example")[0] == 550, what="the rule for all")
        wait_until(lambda: guest.try_to(f"mia@{other}", "a@pest.example")[0] == 250, what="the rule for one")
    assert listed(server, "blacklist", "remove", "pest.example").returncode == 0
    assert listed(server, "blacklist", "remove", "pest.example", "--domain", other).returncode == 66


def test_nobody_hides_behind_a_listed_name(server, user):
    """A sender on the whitelist counts unless SPF says that it is somebody else, and no signature of his says that it is he."""
    for name in ("sure", "soft", "open"):
        assert listed(server, "whitelist", "add", f"{name}.{DOMAIN}").returncode == 0
    assert listed(server, "blacklist", "add", "192.0.0.0/16").returncode == 0
    assert listed(server, "blacklist", "add", "203.0.112.0/24").returncode == 0
    assert listed(server, "blacklist", "add", "198.51.100.0/24").returncode == 0
    with Guest(server, "192.0.2.1") as own, Guest(server, "203.0.112.1") as foreign:
        wait_until(lambda: foreign.try_to(user, "a@else.example")[0] == 550, what="the blacklist")
        for name, signer, expected in (("sure", None, 550), ("sure", "open", 550), ("sure", "sure", 250), ("soft", None, 550),
                                       ("soft", "open", 550), ("soft", "soft", 250), ("open", None, 250)):
            sender = f"a@{name}.{DOMAIN}"
            wait_until(lambda sender=sender: own.try_to(user, sender)[0] == 250, what="the whitelist")
            code, text = foreign.deliver(user, sender, signer)
            assert code == expected, (name, signer, text)
            assert code == 250 or ("SPF" if name == "sure" else "not received here") in text
    # A client that needs to prove nothing is believed.
    with Guest(server, "198.51.100.1") as local:
        assert local.try_to(user, f"a@sure.{DOMAIN}")[0] == 250 and local.try_to(user, "a@else.example")[0] == 550
    for subject in ("192.0.0.0/16", "203.0.112.0/24", "198.51.100.0/24"):
        assert listed(server, "blacklist", "remove", subject).returncode == 0
    for name in ("sure", "soft", "open"):
        assert listed(server, "whitelist", "remove", f"{name}.{DOMAIN}").returncode == 0


def test_no_spelling_makes_a_name_listed(server, user):
    """From a client that is refused but for the whitelist: whatever it does with the names on it."""
    names = ("sure", "perm", "temp", "xn--bcher-kva")
    for name in names:
        assert listed(server, "whitelist", "add", f"{name}.{DOMAIN}").returncode == 0
    assert listed(server, "whitelist", "add", f"boss@open.{DOMAIN}").returncode == 0
    assert listed(server, "blacklist", "add", "203.0.112.0/24").returncode == 0
    sure = f"sure.{DOMAIN}"
    with Guest(server, "203.0.112.1") as foreign, Guest(server, "192.0.2.1") as own, Guest(server, "203.0.112.1", sure) as greeter:
        wait_until(lambda: foreign.try_to(user, "a@else.example")[0] == 550, what="the blacklist")
        wait_until(lambda: foreign.try_to(user, f"boss@open.{DOMAIN}")[0] == 250, what="the whitelist")
        for sender, signer, codes in (
                (f"a@made.up.{sure}", None, {550}),  # below the name, where nothing is said of anybody
                (f"a@made.up.{sure}", "open", {550}), (f"a@made.up.{sure}", "sure", {250}),
                (f"a@own.{sure}", None, {250}),  # it says something of its own
                (f"A@SURE.{DOMAIN.upper()}", None, {550}), (f'"a b"@{sure}', None, {550}), (f"@open.{DOMAIN}:a@{sure}", None, {550}),
                (f'"a@{sure}"@else.example', None, {550}), (f'"boss@open.{DOMAIN}"@else.example', None, {550}),
                (f'"boss@open.{DOMAIN}>"@else.example', None, {550}), (f"boss@sub.open.{DOMAIN}", None, {550}),
                (f"a@{sure}.", None, {501, 553}), (f"a@.{sure}", None, {501, 553}), (f"a@x..{sure}", None, {501, 553}),
                (f"a@perm.{DOMAIN}", None, {550}), (f"a@temp.{DOMAIN}", None, {451}), (f"a@temp.{DOMAIN}", "temp", {250})):
            if codes & {501}:
                assert foreign.ask("RSET")[0] == 250 and foreign.ask(f"MAIL FROM:<{sender}>")[0] in codes, sender
                continue
            code, text = foreign.deliver(user, sender, signer, author=f"a@{sure}")
            assert {code} == codes, (sender, signer, text)
            assert sender != f"a@temp.{DOMAIN}" or signer or "4.7.24" in text and "SPF" in text
        # The null sender has no name, whatever the message and the greeting say, nor do they speak for another one.
        for sender in ("", "a@else.example"):
            assert greeter.deliver(user, sender, "sure", author=f"a@{sure}")[0] == 550
        # In letters beyond ASCII it is the same name, in whatever spelling.
        for name in ("b\u00fccher", "B\u00dcCHER", "bu\u0308cher", "bu\u0308c\u200dher", "\uff42\u00fccher", "x\u3002b\u00fccher", "x\uff20b\u00fccher"):
            for guest, codes in ((foreign, {550, 501, 553}), (own, {250, 501, 553} if len(name) > 6 else {250})):
                assert guest.ask("RSET")[0] == 250
                code, text = guest.ask(f"MAIL FROM:<a@{name}.{DOMAIN}> SMTPUTF8\r\n".encode())
                if code == 250 and (code := guest.ask(f"RCPT TO:<{user}>")[0]) == 250:
                    assert guest.ask("DATA")[0] == 354
                    code = guest.ask(f"From: a@{sure}\r\nSubject: guest\r\n\r\nHello.\r\n.\r\n".encode())[0]
                assert code in codes, (name, text)
    # The proof of one client is not that of the next one on its connection.
    with proxied(server) as smtp:
        for ip, expected in (("192.0.2.1", 250), ("203.0.112.1", 550)):
            assert smtp.ask(f"XCLIENT ADDR={ip}")[0] == 220
            smtp.hello()
            assert smtp.ask(f"MAIL FROM:<a@made.up.{sure}>")[0] == 250
            assert smtp.ask(f"RCPT TO:<{user}>")[0] == 250 and smtp.ask("DATA")[0] == 354
            assert smtp.ask(f"From: a@{sure}\r\nSubject: next\r\n\r\nx\r\n.\r\n".encode())[0] == expected
    for name in names:
        assert listed(server, "whitelist", "remove", f"{name}.{DOMAIN}").returncode == 0
    assert listed(server, "whitelist", "remove", f"boss@open.{DOMAIN}").returncode == 0
    assert listed(server, "blacklist", "remove", "203.0.112.0/24").returncode == 0


def test_a_claim_is_of_its_recipient_only(server, user, judges):
    """What a signature proves for somebody who was refused then spares nobody else SPF."""
    sender, other = f"a@sure.{DOMAIN}", "fourth.test"
    server.cli("domain", "add", other)
    server.cli("user", "add", f"mia@{other}", "--password-stdin", stdin="some horse battery staple\n")
    assert listed(server, "whitelist", "add", f"sure.{DOMAIN}", "--domain", other).returncode == 0
    with Guest(server, "192.3.1.5") as foreign:  # not greylisted
        wait_until(lambda: foreign.deliver(f"mia@{other}", sender, "sure")[0] == 250, what="the whitelist")
        assert foreign.deliver(user, sender, "sure", f"mia@{other}")[0] == 550
        judges.milter_at_rcpt.rules[f"<mia@{other}>"] = lambda stage: REJECT if stage == "R" else None
        assert foreign.try_to(f"mia@{other}", sender)[0] == 550
        assert foreign.ask(f"RCPT TO:<{user}>")[0] == 250 and foreign.ask("DATA")[0] == 354
        code, text = foreign.ask(signed(f"From: <{sender}>\r\nSubject: guest\r\n\r\nHello.\r\n".encode(), "sure") + b".\r\n")
        assert code == 550 and b"5.7.23" in text
    assert listed(server, "whitelist", "remove", f"sure.{DOMAIN}", "--domain", other).returncode == 0


def test_who_proves_nothing_waits_behind_his_message(server, user):
    """A listed name that SPF denies softly, without a signature: greylisted as everybody, when the message is there."""
    sender = f"a@soft.{DOMAIN}"
    assert listed(server, "whitelist", "add", f"soft.{DOMAIN}").returncode == 0
    with Guest(server, "192.5.1.1") as guest:
        wait_until(lambda: guest.try_to(user, sender)[0] == 250, what="the whitelist")
        code, text = guest.deliver(user, sender)
        assert code == 451 and "Greylisted" in text
        assert guest.deliver(user, sender, "soft")[0] == 250
        let_time_pass(server)
        assert guest.deliver(user, sender)[0] == 250
    assert listed(server, "whitelist", "remove", f"soft.{DOMAIN}").returncode == 0


TOLD, NOT_TOLD = [b"yes", True], [None, None]


def test_filters_are_told_who_is_on_the_whitelist(server, user, judges):
    """Only of whom it counts for, and for all recipients of the message; at RCPT of what is known by then. One that skips such mail
    is not asked."""
    other = "third.test"
    server.cli("domain", "add", other)
    server.cli("user", "add", f"mia@{other}", "--password-stdin", stdin="some horse battery staple\n")
    for words in ((f"sure.{DOMAIN}", "--domain", server.domain), (f"soft.{DOMAIN}",), ("198.51.100.7",)):
        assert listed(server, "whitelist", "add", *words).returncode == 0
    postmaster = f"postmaster@{server.domain}"
    with Guest(server, "192.0.2.1") as own, Guest(server, "192.5.9.1") as foreign, Guest(server, "198.51.100.1") as local, \
            Guest(server, "198.51.100.7") as listed_host:
        wait_until(lambda: own.try_to(user, f"a@soft.{DOMAIN}")[0] == 250, what="the whitelist")
        wait_until(lambda: listed_host.try_to(user, "net@listed.example")[0] == 250 and judges.at_rcpt("net@listed.example", user) == TOLD,
                   what="the whitelist in all workers")
        for guest, sender, signer, others, at_rcpt, at_data in (
                (own, f"one@sure.{DOMAIN}", None, [], TOLD, TOLD),
                (own, f"two@sure.{DOMAIN}", None, [postmaster], TOLD, TOLD),
                (own, f"three@sure.{DOMAIN}", None, [f"mia@{other}"], TOLD, NOT_TOLD),  # not on the list of the second
                (listed_host, "four@else.example", None, [], TOLD, TOLD),
                (listed_host, "", None, [], TOLD, TOLD),
                (local, "five@else.example", None, [], NOT_TOLD, NOT_TOLD),
                (local, "", None, [], NOT_TOLD, NOT_TOLD),  # but for a From that is on the list
                (foreign, f"six@soft.{DOMAIN}", "soft", [], NOT_TOLD, TOLD)):  # proven when it is there
            subject = f"told {sender} {len(judges.hook.seen)}"
            judges.milter_at_rcpt.talks.clear()
            for expected in [250] if f"mia@{other}" not in others else [451, 250]:  # greylisted for the other one
                let_time_pass(server)
                code, text = guest.deliver(user, sender, signer, *others, subject=subject, author=sender or f"boss@sure.{DOMAIN}")
                assert code == expected, (sender, text)
            assert (judges.at_rcpt(sender, user), judges.at_data(subject)) == (at_rcpt, (at_data, [int(at_data != TOLD)] * 2)), sender
            assert all(judges.at_rcpt(sender, to) == at_data for to in others)
        # Who proves nothing is on no list, when he was put off as everybody.
        sender = f"seven@soft.{DOMAIN}"
        assert foreign.deliver(user, sender)[0] == 451
        let_time_pass(server)
        assert foreign.deliver(user, sender, subject="told seven")[0] == 250
        assert (judges.at_rcpt(sender, user), judges.at_data("told seven")) == (NOT_TOLD, (NOT_TOLD, [1, 1]))
        # So what a spam filter refuses comes in from whom the list names, and from nobody else.
        judges.spam_filter.rules["all spam"] = [REJECT]
        assert own.deliver(user, f"one@sure.{DOMAIN}", subject="all spam")[0] == 250
        assert local.deliver(user, f"one@else.{DOMAIN}", subject="all spam")[0] == 550
    assert re.search(rf"filter.skipped.*filter=\S*127\.0\.0\.1:{judges.spam_filter.port}\b.*from=one@sure\.", server.log())
    assert re.search(rf"filter.skipped.*filter={re.escape(judges.spam_hook.url)}.*from=one@sure\.", server.log())
    for words in ((f"sure.{DOMAIN}", "--domain", server.domain), (f"soft.{DOMAIN}",), ("198.51.100.7",)):
        assert listed(server, "whitelist", "remove", *words).returncode == 0


def test_a_name_in_any_spelling(server, user):
    """Of a rule and of a sender: U-labels, A-labels, upper case."""
    assert listed(server, "blacklist", "add", "BÜCHER.example").returncode == 0
    with Guest(server, "192.5.2.1") as guest:
        wait_until(lambda: guest.try_to(user, "a@xn--bcher-kva.example")[0] == 550, what="the blacklist")
        assert guest.try_to(user, "a@XN--BCHER-KVA.Example")[0] == 550
        assert guest.ask("RSET")[0] == 250
        assert guest.ask("MAIL FROM:<a@Bu\u0308cher.example> SMTPUTF8\r\n".encode())[0] == 250
        assert guest.ask(f"RCPT TO:<{user}>")[0] == 550
    assert listed(server, "blacklist", "remove", "bücher.EXAMPLE").returncode == 0


@pytest.mark.parametrize("words, code", [
    (["add", "192.0.2.1/24"], 65), (["add", "two words"], 65), (["add", "a.example", "--domain", "theirs.example"], 65),
    (["remove", "nothing.example"], 66)])
def test_wrong_rules(server, words, code):
    done = listed(server, "whitelist", *words)
    assert done.returncode == code and done.stderr


# ---- greylisting ----

def let_time_pass(server, interval="5 minutes"):
    """As if everything had happened so much earlier."""
    server.psql(f"UPDATE greylist SET first_seen = first_seen - interval '{interval}', "
                f"last_seen = last_seen - interval '{interval}'")


def put_off(guest, recipient, sender):
    """The seconds that a sender is told to wait; 0 when it may come in."""
    code, text = guest.try_to(recipient, sender)
    if code == 250:
        return 0
    assert code == 451 and "4.7.1" in text, text
    return int(re.search(r"again in (\d+) seconds", text)[1])


def test_who_comes_again_is_let_in(server, user):
    sender = f"a@open.{DOMAIN}"
    with Guest(server, "192.0.9.1") as guest, Guest(server, "192.0.9.200") as neighbour, Guest(server, "192.0.8.1") as other:
        assert put_off(guest, user, sender) == 300
        assert 0 < put_off(guest, user, sender) <= 300
        let_time_pass(server)
        assert put_off(other, user, sender) == 300 and put_off(guest, user, f"b@open.{DOMAIN}") == 300
        code, text = neighbour.deliver(user, sender)
        assert code == 250, text
        assert put_off(guest, user, sender) == 0
        # Nobody who is no user is put off, or told apart from one who is: it is refused as ever.
        assert guest.try_to(f"nobody@{server.domain}", sender)[0] == 550
    with Guest(server, "198.51.100.1") as local:
        assert put_off(local, user, f"c@open.{DOMAIN}") == 0
    assert re.search(rf"smtp.screened.*by=greylist.*from={re.escape(sender)}", server.log())
    metrics = Api.signed_in(server, server.user(1)).get("/metrics").body.decode()
    assert re.search(r'mailserver_greylist_total\{result="started"\} [1-9]', metrics)
    assert re.search(r'mailserver_greylist_total\{result="waited"\} [1-9]', metrics)


def test_whom_spf_denies_need_not_come_again(server, user):
    """He would be refused behind the message: he hears that at once, and greylisting as before where nothing is final."""
    denied = f"a@sure.{DOMAIN}"
    with Guest(server, "192.5.3.1") as foreign, Guest(server, "192.5.3.2", f"sure.{DOMAIN}") as greeter:
        code, text = foreign.try_to(user, denied)
        assert code == 550 and "5.7.23" in text and f"SPF of sure.{DOMAIN}: 192.5.3.1 may not send" in text
        assert re.search(rf"smtp.screened.*by=spf\b.*from={re.escape(denied)}", server.log())
        assert put_off(foreign, user, f"a@soft.{DOMAIN}") == 300 and put_off(foreign, user, f"a@perm.{DOMAIN}") == 300
        # Those who are always heard, and who asks whether an address takes mail, hear what they did.
        assert foreign.deliver(f"postmaster@{server.domain}", denied)[0] == 250
        assert greeter.try_to(user, "")[0] == 250
        code, text = greeter.deliver(user, "", author=denied)
        assert code == 550 and "5.7.23" in text
        # A signature may still prove a name that is listed.
        assert listed(server, "whitelist", "add", f"sure.{DOMAIN}").returncode == 0
        wait_until(lambda: foreign.deliver(user, denied, "sure")[0] == 250, what="the whitelist")
        assert listed(server, "whitelist", "remove", f"sure.{DOMAIN}").returncode == 0
        server.reload(**{"spf.fail": "defer-to-dmarc"})
        try:
            wait_until(lambda: foreign.try_to(user, denied)[0] == 451, what="the other setting")
        finally:
            server.reload(**{"spf.fail": "reject"})


def test_a_domain_comes_again_from_another_network(server, user):
    """One that SPF allows to both."""
    sender = f"list-17@sure.{DOMAIN}"
    with Guest(server, "192.0.2.9") as first, Guest(server, "203.0.113.200") as second:
        assert put_off(first, user, sender) == 300
        let_time_pass(server)
        assert put_off(second, user, f"list-18@sure.{DOMAIN}") == 0


@pytest.mark.parametrize("by_chunks", [False, True], ids=["DATA", "BDAT"])
def test_bounces_are_put_off_behind_their_message(server, user, by_chunks):
    """RCPT answers as ever, for who asks only whether an address exists."""
    message = b"Subject: bounce\r\n\r\nGone.\r\n"

    def bounce(guest):
        assert guest.try_to(user, "")[0] == 250
        if by_chunks:
            code, text = guest.ask(b"BDAT %d LAST\r\n" % len(message) + message)
        else:
            assert guest.ask("DATA")[0] == 354
            code, text = guest.ask(message + b".\r\n")
        return code, text.decode()

    with Guest(server, "192.0.9.7") as guest:
        for _ in range(2):
            code, text = bounce(guest)
            assert code == 451 and "4.7.1" in text and "again in" in text
        let_time_pass(server)
        code, text = bounce(guest)
        assert code == 250, text


def test_a_bounce_for_two_waits_once(server, user):
    with Guest(server, "192.0.4.1") as guest:
        def bounce():
            assert guest.try_to(user, "")[0] == 250
            assert guest.ask(f"RCPT TO:<{server.user(1)['address']}>")[0] == 250
            assert guest.ask("DATA")[0] == 354
            return guest.ask(b"Subject: bounce\r\n\r\nGone.\r\n.\r\n")[0]

        assert bounce() == 451
        let_time_pass(server)
        assert bounce() == 250


def test_who_does_not_wait(server, user):
    """The whitelist, and whom one of ours wrote to, unless the name is forged."""
    friend, forged = f"friend@open.{DOMAIN}", f"friend@soft.{DOMAIN}"
    me = server.user(1)
    with server.smtp("submission", login=me) as client:
        client.sendmail(me["address"], [friend, forged], f"From: {me['address']}\r\nSubject: hello\r\n\r\nHow are you?\r\n")
    assert listed(server, "whitelist", "add", "192.0.7.0/24").returncode == 0
    with Guest(server, "192.0.6.1") as guest, Guest(server, "192.0.7.1") as friendly:
        assert put_off(guest, user, friend) == 0
        assert put_off(guest, user, forged) == 300
        wait_until(lambda: put_off(friendly, user, f"x@open.{DOMAIN}") == 0, what="the whitelist")
    assert listed(server, "whitelist", "remove", "192.0.7.0/24").returncode == 0


def test_without_its_tables_all_mail_comes_in(server, user):
    """What cannot be asked is no reason to refuse."""
    server.psql("ALTER TABLE greylist RENAME TO greylist_away")
    try:
        with Guest(server, "192.0.5.1") as guest:
            code, text = guest.deliver(user, f"a@open.{DOMAIN}")
            assert code == 250, text
    finally:
        server.psql("ALTER TABLE greylist_away RENAME TO greylist")
    assert re.search(r"screen.skipped.*check=greylist", server.log())


# ---- lists of the DNS ----

@pytest.mark.parametrize("client, code", [
    ("192.3.1.1", 550),  # listed
    ("2001:db8::1", 550),
    ("192.3.1.2", 451),  # an answer that does not count
    ("192.3.1.3", 451),  # not of 127.0.0.0/8
    ("192.3.1.4", 250),  # on a list of good hosts, too, which weighs more
    ("192.3.1.5", 250),
    ("192.3.1.6", 451),  # on none; a list with everybody on it is none, and an error of a list no answer
])
def test_lists_of_the_dns(server, user, client, code):
    with Guest(server, client) as guest:
        for sender in (f"dns@open.{DOMAIN}", ""):
            got, text = guest.try_to(user, sender)
            assert got == (250 if code == 451 and not sender else code), text
            assert got != 550 or "5.7.1" in text and f"{client} is listed by bl.{DOMAIN}" in text
        # Who is listed by mistake can tell us.
        for name in ("postmaster", "abuse"):
            assert guest.try_to(f"{name}@{server.domain}")[0] == 250


def test_what_a_list_says_is_told(server, user):
    with Guest(server, "192.3.1.1") as guest:
        code, text = guest.try_to(user)
        assert (code, text.strip()) == (550, f"550 5.7.1 192.3.1.1 is listed by bl.{DOMAIN}: sends ? spam")
    with Guest(server, "198.51.100.1") as local:
        assert local.try_to(user)[0] == 250
    assert re.search(r"smtp.screened.*by=dnsbl.*peer=192\.3\.1\.1", server.log())


def test_points_of_lists_are_asked(server):
    done = server.cli("dnsbl", "test", "--json", check=False)
    states = {one["zone"].split(".")[0]: one["state"] for one in json.loads(done.stdout)["items"]}
    assert states == {"bl": "works", "wl": "works", "all": "listsAll", "err": "refuses"}
    assert (done.returncode, done.stderr) == (1, "")
    assert "lists everybody" in server.cli("dnsbl", "test", check=False).stdout


# ---- the PROXY protocol ----

PROXIED = {"smtp": b"QUIT\r\n", "submission": b"QUIT\r\n", "submissions": b"QUIT\r\n", "lmtp": b"QUIT\r\n", "imap": b"a LOGOUT\r\n",
           "imaps": b"a LOGOUT\r\n", "pop3": b"QUIT\r\n", "pop3s": b"QUIT\r\n", "http": b"", "https": b""}
UNDER_TLS = ("submissions", "imaps", "pop3s", "https")


def first_version(ip):
    return f"PROXY TCP{6 if ':' in ip else 4} {ip} {'::1' if ':' in ip else '127.0.0.1'} 40000 25\r\n".encode()


def second_version(ip):
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    ends = socket.inet_pton(family, ip) + socket.inet_pton(family, "::1" if ":" in ip else "127.0.0.1") + struct.pack("!HH", 40000, 25)
    more = b"\x04\x00\x03abc"  # a TLV that nobody asked for
    return b"\r\n\r\n\0\r\nQUIT\n\x21" + (b"\x21" if ":" in ip else b"\x11") + struct.pack("!H", len(ends + more)) + ends + more


VERSIONS = {"v1": first_version, "v2": second_version}


def through(server, kind, header, source=BALANCER):
    """Says the header, then what is right for the kind; all that the server said until it closed."""
    greeting = b""
    with socket.create_connection(("127.0.0.1", server.ports[kind]), timeout=90, source_address=(source, 0)) as sock:
        try:
            sock.sendall(header)
            if kind in UNDER_TLS:
                sock = server.tls().wrap_socket(sock, server_hostname="localhost")
            if not PROXIED[kind]:
                sock.sendall(f"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            else:
                while not greeting.endswith(b"\n") and (more := sock.recv(4096)):
                    greeting += more
                sock.sendall(PROXIED[kind])
            return greeting + all_of(sock)
        except (ConnectionError, ssl.SSLError):
            return greeting


def answer_to(server, kind, header):
    """All that the server says to these octets of a balancer, itself: no TLS is spoken."""
    with socket.create_connection(("127.0.0.1", server.ports[kind]), timeout=90, source_address=(BALANCER, 0)) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(header)
        return all_of(sock)


def ends_of(server, ip):
    return re.findall(rf" (\w+)_(?:session_end|request) .*peer={re.escape(ip)} ", server.log())


def test_each_listener_hears_for_whom_a_balancer_speaks(server):
    """FEATURES 15: the client is the one that is told, by both versions and in both families."""
    expected = {}
    for n, kind in enumerate(PROXIED):
        for v, (version, header) in enumerate(VERSIONS.items()):
            for f, ip in enumerate((f"127.7.{v}.{n + 1}", f"2001:db8:7:{v + 1}::{n + 1:x}")):
                if kind == "lmtp" and f:
                    continue  # taken from loopback only
                said = through(server, kind, header(ip))
                assert re.match(rb"220 |\* OK |\+OK|HTTP/1.1 [23]", said), (kind, version, ip, said)
                expected[ip] = {"submission": "smtp", "submissions": "smtp", "lmtp": "smtp"}.get(kind, kind[:4])
    wait_until(lambda: all(ends_of(server, ip) for ip in expected), what="the end of all of them")
    assert {ip: ends_of(server, ip) for ip in expected} == {ip: [name] for ip, name in expected.items()}


@pytest.mark.parametrize("header", VERSIONS.values(), ids=VERSIONS)
def test_the_told_client_is_the_one_who_may_hand_over(server, header):
    """By LMTP (lmtp.networks): the balancer's own address does not count."""
    assert through(server, "lmtp", header("192.0.2.77")).startswith(b"554 5.7.1")


WRONG_HEADERS = {"no address": b"PROXY TCP4 300.1.1.1 127.0.0.1 40000 25\r\n", "no family": b"PROXY TCP5 192.0.2.1 127.0.0.1 1 2\r\n",
                 "no end": b"PROXY TCP4 192.0.2.1 " + b"x" * 200, "third version": b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"x" * 12,
                 "too short": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcd", "none at all": b"EHLO client.example\r\n"}


@pytest.mark.parametrize("kind", PROXIED)
def test_a_balancer_without_a_right_header_is_closed(server, kind):
    """Nothing is said to it: who it speaks for is not known."""
    for name, header in WRONG_HEADERS.items():
        assert answer_to(server, kind, header) == b"", name


@pytest.mark.parametrize("kind", [*PROXIED, "metrics"])
def test_nobody_else_borrows_an_address(server, kind):
    """A header of who is not trusted is no header: it is refused as what it is in the protocol of the listener, and the client stays
    the one that it is. The listener of metrics trusts nobody."""
    for v, (version, header) in enumerate(VERSIONS.items()):
        ip = f"192.0.2.{180 + v}"
        source = BALANCER if kind == "metrics" else f"127.8.{v}.{1 + list(PROXIED).index(kind)}"
        with socket.create_connection(("127.0.0.1", server.ports[kind]), timeout=90, source_address=(source, 0)) as sock:
            with contextlib.suppress(OSError):  # it may be closed already
                sock.sendall(header(ip))
                sock.shutdown(socket.SHUT_WR)
            said = all_of(sock)
        if kind in ("smtp", "submission", "lmtp"):
            assert re.search(rb"^5\d\d 5\.[57]\.\d .*\r\n\Z", said, re.M) and not re.search(rb"^250", said, re.M), (version, said)
        elif kind in ("http", "metrics"):
            assert not said or said.startswith(b"HTTP/1.1 400"), (version, said)
        elif kind not in UNDER_TLS:
            assert b"BAD" in said or b"-ERR" in said, (version, said)
        if kind not in ("http", "https", "metrics"):
            wait_until(lambda source=source: f"peer={source} " in server.log(), what="a word about the client")
        assert f"peer={ip} " not in server.log()


# ---- XCLIENT ----

def proxied(server):
    """A connection of the trusted proxy, greeted."""
    smtp = Guest.__new__(Guest)
    smtp.sock = socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=90, source_address=(PROXY, 0))
    smtp.pending = b""
    assert smtp.reply()[0] == 220
    return smtp


def test_a_trusted_proxy_speaks_for_others(server, user):
    """The client that it tells is the one that is looked up, proven, put off and written down."""
    with proxied(server) as smtp:
        assert b"XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME DESTADDR DESTPORT\r\n" in smtp.hello()
        code, text = smtp.ask("XCLIENT NAME=[UNAVAILABLE] ADDR=192.3.1.1 PORT=12345 HELO=bad.example PROTO=ESMTP")
        assert code == 220 and server.hostname.encode() in text
        assert smtp.ask(f"MAIL FROM:<a@open.{DOMAIN}>")[0] == 250
        code, text = smtp.ask(f"RCPT TO:<{user}>")
        assert code == 550 and b"192.3.1.1 is listed" in text
        assert smtp.ask("XCLIENT ADDR=192.3.1.5")[0] == 503  # not in a transaction
        assert smtp.ask("RSET")[0] == 250
        # The next client, on the same connection; nothing is left of the former one.
        assert smtp.ask("XCLIENT ADDR=IPV6:2001:db8:9::1 NAME=b+2Dhost.example")[0] == 220
        assert smtp.ask(f"MAIL FROM:<a@open.{DOMAIN}>")[0] == 503
        smtp.hello()
        assert smtp.ask(f"MAIL FROM:<a@open.{DOMAIN}>")[0] == 250
        assert smtp.ask(f"RCPT TO:<{user}>")[0] == 451
        assert smtp.ask("RSET")[0] == 250
        assert smtp.ask("XCLIENT ADDR=192.3.1.5")[0] == 220
        smtp.hello()
        assert smtp.ask(f"MAIL FROM:<a@open.{DOMAIN}>")[0] == 250 and smtp.ask(f"RCPT TO:<{user}>")[0] == 250
        assert smtp.ask("DATA")[0] == 354
        assert smtp.ask(b"Subject: told\r\n\r\nx\r\n.\r\n")[0] == 250
        # For one whose address nobody knows the limits count the proxy, not the client before it.
        assert smtp.ask("XCLIENT ADDR=+5Bunavailable+5D PORT=[UNAVAILABLE] NAME=[TEMPUNAVAIL] DESTADDR=192.0.2.25 DESTPORT=25")[0] == 220
        assert re.search(rf"smtp.xclient.*former=192\.3\.1\.5 peer={re.escape(PROXY)} dest=192\.0\.2\.25 dest_port=25", server.log())
        assert smtp.ask("XCLIENT ADDR=192.3.1.5")[0] == 220
    assert re.search(rf"smtp.xclient.*former={re.escape(PROXY)} peer=192\.3\.1\.1", server.log())
    wait_until(lambda: re.search(r"smtp.session_end.*peer=192\.3\.1\.5", server.log()), what="the end of the session")


def test_a_client_of_unknown_address_is_judged(server, user, judges):
    """The proxy is local, its network on the whitelist, and SPF allows it: nothing of that is worth anything to its client."""
    strict, other = f"a@strict.{DOMAIN}", f"a@open.{DOMAIN}"
    for subject in (PROXY, f"strict.{DOMAIN}"):
        assert listed(server, "whitelist", "add", subject).returncode == 0
    with proxied(server) as smtp:
        smtp.hello()
        assert smtp.try_to(user, other)[0] == 250 and smtp.ask("RSET")[0] == 250
        for words in ("ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]", "NAME=[UNAVAILABLE]"):  # the second says nothing of an address
            assert smtp.ask(f"XCLIENT {words}")[0] == 220
            smtp.hello()
            wait_until(lambda: smtp.try_to(user, strict)[0] == 250, what="the whitelist: a name that may yet be proven")
            code, text = smtp.try_to(user, other)
            assert code == 451 and "Greylisted" in text
            code, text = smtp.deliver(user, strict)
            assert code == 550 and f"DMARC policy of strict.{DOMAIN}" in text
        assert smtp.deliver(user, strict, "strict", subject="of nobody knows whom")[0] == 250
    (shown,), (asked,) = judges.milter.of("of nobody knows whom"), judges.hook.of("of nobody knows whom")
    assert (shown["C"], shown["macros"][b"{client_addr}"]) == (b"unknown\0U", b"unknown")
    results = asked["context"]["authenticationResults"]
    assert "spf=none" in results and "dkim=pass" in results and "dmarc=pass" in results and "iprev" not in results
    assert PROXY not in json.dumps(asked), "it is nobody's address"
    for subject in (PROXY, f"strict.{DOMAIN}"):
        assert listed(server, "whitelist", "remove", subject).returncode == 0


@pytest.mark.parametrize("words", ["", "ADDR", "ADDR=", "DESTADDR=300.1.1.1", "DESTPORT=x", "ADDR=300.1.1.1", "ADDR=host.example", "ADDR=192.0.2.1 ADDR=192.0.2.1",
                                   "PORT=70000", "PORT=x", "PROTO=LMTP", "HELO=a+0Db", "NAME=+4", "LOGIN=mia", "ADDR=192.0.2.1  PORT=1"])
def test_wrong_words_of_a_proxy(server, words):
    with proxied(server) as smtp:
        smtp.hello()
        assert smtp.ask(f"XCLIENT {words}")[0] == 501
        assert smtp.ask("NOOP")[0] == 250


def test_nobody_else_speaks_for_others(server):
    """Nor may the one who was told of, whatever address that is, tell again for a third: the host that opened the connection may."""
    with Guest(server, "192.0.2.9") as guest:
        assert b"XCLIENT" not in guest.hello()
        code, text = guest.ask("XCLIENT ADDR=192.0.2.250")
        assert code == 550 and b"5.7.1" in text
        assert guest.ask("XCLIENT ADDR=192.0.2.1")[0] == 550
    # The PROXY protocol's word counts for who opened it.
    with Guest(server, "192.0.2.250") as guest:
        assert b"XCLIENT" in guest.hello()
    # Nothing may follow in the same segment: it would be the former client's.
    with proxied(server) as smtp:
        smtp.hello()
        smtp.send(b"XCLIENT ADDR=192.3.1.5\r\nEHLO a.example\r\n")
        assert smtp.reply()[0] == 554


# ---- how much ----

def test_messages_and_recipients_a_minute(server, user):
    """Of an address and of its network; a client that needs to prove nothing may bring more. With one a minute, as what
    comes back with time comes slowest: of a network one in 20 seconds."""
    def change(**limits):
        server.reload(**{f"limits.smtp_{what}_per_minute": n for what, n in limits.items()})

    def answers(client, again, command, times):
        with Guest(server, client) as guest:
            return [guest.ask(again)[0] and guest.ask(command)[0] for _ in range(times)]

    mail, rcpt = "MAIL FROM:<a@open.example>", f"RCPT TO:<nobody@{server.domain}>"
    change(messages=1)
    try:
        assert answers("192.6.1.1", "RSET", mail, 2) == [250, 450]
        assert [answers(f"192.6.1.{n}", "RSET", mail, 1) for n in (2, 3)] == [[250]] * 2
        assert answers("192.6.1.4", "RSET", mail, 1) == [450]
        assert answers("192.6.2.1", "RSET", mail, 1) == [250]
        assert answers("198.51.100.7", "RSET", mail, 5) == [250] * 5
        change(messages=500, recipients=1)
        with Guest(server, "192.6.3.1") as guest:
            assert guest.ask(mail)[0] == 250
            assert [guest.ask(rcpt)[0] for _ in range(2)] == [550, 450]
    finally:
        change(messages=500, recipients=5000)
    assert re.search(r"smtp.rate.limited.*what=messages.*of=network.*peer=192\.6\.1\.4", server.log())
