# SPDX-License-Identifier: Apache-2.0
"""Mail from outside proves who sent it (FEATURES 63, 64, 67, 69, 70, 74; ATTACKS X10, X16, S26): records
from a real nsd, signatures by another implementation (python3-dkim)."""
import re
import smtplib

import dkim
import pytest
from api_client import Api
from conftest import free_ports, wait_until
from dkim_key import PEM, PUBLIC, key_record, signed, txt
from milters import Filter
from outbound import ABOVE, DOMAIN, Sink, Zone
from smtp_raw import RawSmtp, fetch_all, stuffed

WAIT = 150  # a destination that two workers looked at may be set right by the sweep of the next minute only
STRICT = txt("v=DMARC1; p=reject")
RECORDS = [
    f'good TXT {txt("v=spf1 ip4:127.0.0.1 -all")}', f"_dmarc.good TXT {STRICT}",
    key_record("good"),
    f'bad TXT {txt("v=spf1 -all exp=why.bad." + DOMAIN)}', f'why.bad TXT {txt("%{i} is not ours")}',
    f'soft TXT {txt("v=spf1 ~all")}',
    f"strict A 127.0.0.1", f"_dmarc.strict TXT {STRICT}",
    key_record("strict"),
    f"open A 127.0.0.1", f'_dmarc.open TXT {txt("v=DMARC1; p=none")}',
    "plain A 127.0.0.1",
    "far A 127.0.0.1", "good A 127.0.0.1",
    "wary A 127.0.0.1", f'_dmarc.wary TXT {txt("v=DMARC1; p=quarantine")}', key_record("wary"),
    "trial A 127.0.0.1", f'_dmarc.trial TXT {txt("v=DMARC1; p=reject; t=y")}',
    # Records of an author's own, below one that cannot be asked for, and below one that is not to count.
    f'kid.broken TXT {txt("v=spf1 ip4:127.0.0.1 -all")}', f"_dmarc.kid.broken TXT {STRICT}",
    "_dmarc.broken CNAME circle.broken", "circle.broken CNAME _dmarc.broken",
    "odd.strict A 127.0.0.1", f'_dmarc.odd.strict TXT {txt("v=DMARC1; p=bogus")}',
    # Domains of ours, with this host and without.
    f'ours TXT {txt("v=spf1 ip4:127.0.0.1 ~all")}', f'weak TXT {txt("v=spf1 ~all")}',
    f'_dmarc.weak TXT {txt("v=DMARC1; p=none")}',
    # Keys that cannot be asked for: a circle of names.
    *[f"{a}._domainkey.{name} CNAME {b}._domainkey.{name}" for name in ("strict", "plain") for a, b in ("xy", "yx")],
]


@pytest.fixture(scope="module")
def zone():
    zone = Zone(RECORDS)
    yield zone
    zone.close()


@pytest.fixture(scope="module")
def settings(zone):
    """Loopback is not local here: each client has to prove what it says."""
    return {"dns.stub_zone": ABOVE, "dns.stub_server": zone.server, "dns.validate": "false",
            "security.local_networks": "[192.0.2.0/24]", "greylisting.enabled": "false"}


@pytest.fixture
def milter():
    milter = Filter()
    yield milter
    milter.close()


def mail(author, body="Good morning.\r\n", extra=""):
    return (f"From: Somebody <somebody@{author}.{DOMAIN}>\r\nTo: you@example.test\r\nSubject: proof\r\n"
            f"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@{author}.{DOMAIN}>\r\n{extra}\r\n{body}").encode()


class Outside:
    """Sends to accounts of their own, and reads what arrived."""

    def __init__(self, server):
        self.server = server
        self.unreached = None  # who is written to where all is refused

    def send(self, message, sender, user=None, **options):
        user = user or self.server.new_user()
        with RawSmtp(self.server.ports["smtp"]) as smtp:
            smtp.begin(user["address"], sender=sender, **options)
            smtp.send(stuffed(message))
            code, text = smtp.reply()
        return code, text.decode(), fetch_all(self.server, user)

    def results(self, message, sender, **options):
        """Of a message that must come in: what its Authentication-Results say, on one line."""
        code, text, (stored,) = self.send(message, sender, **options)
        assert code == 250, text
        fields = re.findall(rb"^Authentication-Results:((?:.*\r\n)(?:[ \t].*\r\n)*)", stored, re.M)
        ours = [f for f in fields if self.server.hostname.encode() in f]
        assert len(ours) == 1 and stored.endswith(message.split(b"\r\n\r\n", 1)[1])
        return " ".join(ours[0].decode().split())

    def refused(self, message, sender, **options):
        self.unreached = self.unreached or self.server.new_user()
        code, text, stored = self.send(message, sender, self.unreached, **options)
        assert code == 550 and stored == [], text
        return text


def test_proofs(heronry_factory, settings, milter):
    """One server for all of these: starting one is what takes time."""
    outside = Outside(heronry_factory(settings={**settings, "milter.timeout": "60s", "milters": f'[{{ addr: "127.0.0.1:{milter.port}" }}]'}))
    good, strict = f"a@good.{DOMAIN}", f"a@strict.{DOMAIN}"

    said = outside.results(signed(mail("good"), "good"), good)
    assert f"spf=pass smtp.mailfrom={good}" in said and f"header.d=good.{DOMAIN}" in said
    assert "dkim=pass" in said and "dmarc=pass" in said and "iprev=pass" in said

    # The name of the client, which proves itself with any resolver, is what filters are told.
    (shown,) = milter.seen
    macros = shown["macros"]
    assert shown["C"] == b"localhost\x004" + int(macros[b"{client_port}"]).to_bytes(2, "big") + b"127.0.0.1\0"
    assert macros[b"{client_name}"] == macros[b"{client_ptr}"] == b"localhost" and macros[b"_"] == b"localhost [127.0.0.1]"

    # A group of members takes mail of a member elsewhere who is proven, and of nobody who only says so.
    outside.server.cli("address", "add", "group@example.test", good, f"a@plain.{DOMAIN}", "--group", "--posting", "members")
    with RawSmtp(outside.server.ports["smtp"]) as smtp:
        smtp.hello()
        for member, reply in ((good, b"250"), (f"a@plain.{DOMAIN}", b"550 5.7.2")):
            assert smtp.ask(f"MAIL FROM:<{member}>")[0] == 250
            assert smtp.ask("RCPT TO:<group@example.test>")[1].startswith(reply)
            smtp.ask("RSET")

    # Each of both proofs is enough by itself.
    assert "dmarc=pass" in outside.results(mail("good"), good)
    said = outside.results(signed(mail("strict"), "strict"), f"bounces@plain.{DOMAIN}")
    assert "spf=none" in said and "dkim=pass" in said and "dmarc=pass" in said

    # A proof for somebody else is none (alignment); what was changed is not signed.
    assert "DMARC" in outside.refused(signed(mail("strict"), "good"), good)
    changed = signed(mail("strict"), "strict").replace(b"Good morning", b"Good evening")
    assert "5.7.1" in outside.refused(changed, strict)
    assert "dmarc=fail" in outside.results(mail("open"), f"a@open.{DOMAIN}")
    assert "dmarc=none" in outside.results(mail("plain"), f"a@plain.{DOMAIN}")

    # What its author's domain wants in quarantine comes into Junk, and waits where it would leave; as does what it
    # wants to be refused while it only tries that out.
    for author in ("wary", "trial"):
        user = outside.server.new_user()
        lead = f"far-{author}@{outside.server.domain}"
        outside.server.cli("address", "add", lead, user["address"], f"{author}@elsewhere.example")
        with RawSmtp(outside.server.ports["smtp"]) as smtp:
            smtp.begin(lead, sender=f"a@plain.{DOMAIN}")
            smtp.send(stuffed(mail(author)))
            assert smtp.reply()[0] == 250
        assert fetch_all(outside.server, user) == []
        (junk,) = fetch_all(outside.server, user, "Junk")
        assert b"dmarc=fail" in junk
        assert outside.server.psql(f"SELECT status || reply FROM q_rcpt WHERE rcpt = '{author}@elsewhere.example'") == \
            "-1DMARC of its author failed"
    assert "dmarc=pass" in outside.results(signed(mail("wary"), "wary"), f"a@plain.{DOMAIN}")

    # A proof that cannot be had now keeps its author's policy open, and no other's.
    plain = f"a@plain.{DOMAIN}"
    code, text, stored = outside.send(signed(mail("strict"), "strict", "x"), plain)
    assert code == 451 and stored == [] and "451 4.7.1 DMARC" in text, text
    assert "DMARC" in outside.refused(signed(mail("strict"), "plain", "x"), plain)
    assert "dkim=temperror" in outside.results(signed(mail("open"), "plain", "x"), plain)

    # SPF refuses in the domain's own words; a soft fail is only told.
    text = outside.refused(mail("plain"), f"a@bad.{DOMAIN}")
    assert "5.7.23" in text and f"bad.{DOMAIN}" in text and "127.0.0.1 is not ours" in text
    assert "spf=softfail" in outside.results(mail("plain"), f"a@soft.{DOMAIN}")

    # Who is refused can write to those who are there for that; in company he cannot.
    user = outside.server.user(1)["address"]
    for author, sender, others, wanted in (("plain", "bad", (), 250), ("strict", "plain", (), 250), ("plain", "bad", (user,), 550)):
        with RawSmtp(outside.server.ports["smtp"]) as smtp:
            smtp.begin(f"abuse@{outside.server.domain}", "postmaster", *others, sender=f"a@{sender}.{DOMAIN}")
            smtp.send(stuffed(mail(author)))
            assert smtp.reply()[0] == wanted

    # What they lead to elsewhere waits for an administrator, and nobody hears of it: not in the name of a forged sender,
    # nor does he get our reports. Who has a mailbox here has it there.
    server = outside.server
    server.cli("domain", "add", "heard.example")
    server.cli("address", "add", "abuse@heard.example", outside.server.new_user()["address"], "far@elsewhere.example")
    hidden = mail("plain").replace(b"\r\nTo: ", f", boss@strict.{DOMAIN}\r\nTo: ".encode(), 1)
    def told():
        return sorted(re.findall(rf"delivery_reported .*sender=a@(\w+)\.{DOMAIN}", server.log()))

    cases = ((mail("plain"), "bad", "client", "SPF of its sender failed"), (mail("strict"), "plain", "client", "DMARC of its author failed"),
             (hidden, "plain", "client", "it has no author, or several"),
             # One who is proven is told, whatever is wrong with his author or with the name of his client.
             (mail("strict"), "good", "client", "DMARC of its author failed"), (mail("good"), "good", "bad", "SPF of its sender failed"))
    for message, sender, name, why in cases:
        user = server.new_user()
        server.cli("address", "change", "abuse@heard.example", user["address"], "far@elsewhere.example")
        with RawSmtp(server.ports["smtp"]) as smtp:
            smtp.hello(f"{name}.{DOMAIN}")
            for command in (f"MAIL FROM:<a@{sender}.{DOMAIN}>", "RCPT TO:<abuse@heard.example> NOTIFY=SUCCESS,FAILURE", "DATA"):
                assert smtp.ask(command)[0] in (250, 354)
            smtp.send(stuffed(message))
            assert smtp.reply()[0] == 250
        stored = [fetch_all(server, user, box) for box in ("INBOX", "Junk")]
        assert [len(box) for box in stored] == ([0, 1] if "DMARC" in why else [1, 0]), why
        assert server.psql("DELETE FROM q_rcpt WHERE rcpt = 'far@elsewhere.example' RETURNING status || reply || ' ' || notify") \
            == f"-1{why} 8"
        assert sender == "good" or server.psql("SELECT count(*) FROM q_rcpt WHERE rcpt = 'abuse@heard.example'") == "0", why
    wait_until(lambda: len(told()) >= 2, WAIT, "the reports")
    assert told() == ["good", "good"]

    # What only cannot be proven now comes again where it would wait, and is heard where it would not.
    for to, wanted in (("abuse@heard.example", 451), (f"abuse@{server.domain}", 250)):
        with RawSmtp(server.ports["smtp"]) as smtp:
            smtp.begin(to, sender=f"a@plain.{DOMAIN}")
            smtp.send(stuffed(signed(mail("strict"), "strict", "x")))
            assert smtp.reply()[0] == wanted, to
    assert server.psql("SELECT count(*) FROM q_rcpt WHERE rcpt = 'far@elsewhere.example'") == "0"

    # So it is with the name of the greeting, which proves nobody's mail.
    text = outside.refused(mail("plain"), plain, name=f"bad.{DOMAIN}")
    assert "5.7.23" in text and "127.0.0.1 is not ours" in text
    said = outside.results(mail("plain"), plain, name=f"good.{DOMAIN}")
    assert f"spf=none smtp.mailfrom={plain}; spf=pass smtp.helo=good.{DOMAIN};" in said
    assert "DMARC" in outside.refused(mail("good"), plain, name=f"good.{DOMAIN}")

    # Who hides behind a second author, is nobody.
    double = mail("good").replace(b"To: ", f"From: boss@strict.{DOMAIN}\r\nTo: ".encode(), 1)
    assert "From field" in outside.refused(double, good)
    two = mail("good").replace(b"\r\nTo: ", f", boss@strict.{DOMAIN}\r\nTo: ".encode(), 1)
    assert "From field" in outside.refused(two, good)
    for behind in (f"<boss@strict.{DOMAIN}>", f" boss@strict.{DOMAIN}"):
        hidden = mail("good").replace(b"\r\nTo: ", behind.encode() + b"\r\nTo: ", 1)
        assert "From field" in outside.refused(hidden, good)
    assert "dmarc=pass" in outside.results(two.replace(b"boss@strict", b"boss@good"), good), "two of one domain"
    nobody = b"From: The news:;\r\n" + mail("good").split(b"\r\n", 1)[1]
    assert "dmarc=permerror" in outside.results(nobody, good)
    assert "From field" in outside.refused(nobody.replace(b"The news", f'"boss@strict.{DOMAIN}"'.encode()), good)
    # Nor does any number of fields hide him.
    flood = b"X: a\r\n" * 1000
    assert "DMARC" in outside.refused(flood + mail("strict"), plain)
    assert "From field" in outside.refused(mail("good", extra=(flood + f"From: boss@strict.{DOMAIN}\r\n".encode()).decode()), good)

    # What is broken above an author is no way round him, nor in his way; a word of his that says nothing is his all the same.
    assert "DMARC" in outside.refused(mail("kid.broken"), plain)
    assert "dmarc=pass" in outside.results(mail("kid.broken"), f"a@kid.broken.{DOMAIN}")
    assert "dmarc=none" in outside.results(mail("odd.strict"), plain)
    # Nor may one be somebody whose domain says nothing of him because it is written in another way.
    for domain in (f"strict.{DOMAIN}..", "[127.0.0.1]", ""):
        assert "From field" in outside.refused(mail("good").replace(f"good.{DOMAIN}>".encode(), domain.encode() + b">", 1), good)
    assert "DMARC" in outside.refused(mail("strict").replace(f"strict.{DOMAIN}>".encode(), f"strict.{DOMAIN}.>".encode(), 1), good)

    # Nobody writes our results for us; what others found, stays.
    host = outside.server.hostname
    forged = mail("plain", extra=f"Authentication-Results: {host.upper()}; dmarc=pass\r\n"
                                 "Authentication-Results: mx.elsewhere.example; spf=pass\r\n")
    code, _, (stored,) = outside.send(forged, f"a@plain.{DOMAIN}")
    assert code == 250 and host.upper().encode() not in stored and b"mx.elsewhere.example; spf=pass" in stored

    # A large body: hashed in turns, and still right.
    large = mail("strict", body="all  work and \t no play  \r\n" * 100000)
    assert "dkim=pass" in outside.results(signed(large, "strict"), f"a@plain.{DOMAIN}")

    # What is refused is not forwarded either; what is taken waits for its next server.
    address = f"lead@{outside.server.domain}"
    far = f"far@plain.{DOMAIN}"  # where nobody listens
    outside.server.cli("address", "add", address, far)
    for message, wanted in ((changed, "550"), (signed(mail("strict"), "strict"), "250")):
        with RawSmtp(outside.server.ports["smtp"]) as smtp:
            smtp.begin(address, sender=strict)
            smtp.send(stuffed(message))
            code, _ = smtp.reply()
        waiting = outside.server.psql(f"SELECT count(*) FROM q_rcpt WHERE rcpt = '{far}'")
        assert (str(code), waiting) == (wanted, "1" if wanted == "250" else "0")

    log = outside.server.log()
    assert re.search(r"deliver.proof.*spf=pass.*dkim=pass.*dmarc=pass", log)


def test_readers_are_told(heronry_factory, settings):
    """The API tells what we found out, whatever the sender wrote about himself."""
    outside = Outside(heronry_factory(settings=settings))
    server = outside.server
    told = []
    forged = f'Authentication-Results: {server.hostname}; dmarc=pass header.from=good.{DOMAIN}\r\n' \
             f'Authentication-Results: "{server.hostname.replace(".", chr(92) + ".")}"; dkim=pass header.d=good.{DOMAIN}\r\n'
    for message, sender in ((signed(mail("good"), "good"), f"a@good.{DOMAIN}"),
                            (mail("open", extra=forged), f"a@plain.{DOMAIN}")):
        user = server.new_user()
        with RawSmtp(server.ports["smtp"]) as smtp:
            smtp.begin(user["address"], sender=sender)
            smtp.send(stuffed(message))
            assert smtp.reply()[0] == 250
        api = Api.signed_in(server, user)
        found = api.get("/messages").json["items"]
        told.append(api.get(f"/messages/{found[0]['id']}/content").json["authentication"])
    good = f"good.{DOMAIN}"
    assert told[0] == {"spf": "pass", "sender": good, "dkim": "pass", "signers": [good], "dmarc": "pass", "author": good}
    assert told[1] == {"spf": "none", "sender": f"plain.{DOMAIN}", "dkim": "none", "signers": [], "dmarc": "fail", "author": f"open.{DOMAIN}"}


def key_server(server):
    """What python3-dkim asks the DNS by: the key of the tests, and those of the server."""
    lines = server.cli("dkim", "dns", server.domain).stdout.splitlines()
    texts = {line.split(". IN TXT ")[0]: "".join(re.findall(r'"([^"]*)"', line)) for line in lines}
    return lambda name, timeout=5: texts.get(name.decode().rstrip("."), f"v=DKIM1; k=rsa; p={PUBLIC}").encode()


def check_seals(outside, sink):
    """What we forward is sealed (RFC 8617): another implementation verifies the chain, which goes on where one came."""
    server = outside.server
    server.cli("dkim", "generate", server.domain)
    keys = key_server(server)
    server.cli("domain", "add", "keyless.example.test")
    for domain in (server.domain, "keyless.example.test"):
        server.cli("address", "add", f"sealed@{domain}", f"{domain}@far.{DOMAIN}")

    def through(message, domain=server.domain):
        before = len(sink.of(f"{domain}@far.{DOMAIN}"))
        with RawSmtp(server.ports["smtp"]) as smtp:
            smtp.begin(f"sealed@{domain}", sender=f"a@good.{DOMAIN}")
            smtp.send(stuffed(message))
            assert smtp.reply()[0] == 250
        wait_until(lambda: len(sink.of(f"{domain}@far.{DOMAIN}")) > before, WAIT, "what was forwarded")
        return sink.of(f"{domain}@far.{DOMAIN}")[-1].data.replace(b"\r\n..", b"\r\n.")

    def verdict(message):
        return dkim.arc_verify(message, dnsfunc=keys)[0]

    first = through(signed(mail("good"), "good"))
    assert verdict(first) == b"pass" and dkim.verify(first, dnsfunc=keys)
    fields = re.findall(rb"^(ARC-[\w-]+): *((?:.*\r\n)(?:[ \t].*\r\n)*)", first, re.M)
    assert [name for name, _ in fields] == [b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results"]
    assert fields[0][1].startswith(b"i=1; cv=none; a=rsa-sha256;") and f"d={server.domain};".encode() in fields[0][1]
    assert fields[2][1].startswith(f"i=1; {server.hostname};".encode())
    assert all(word in fields[2][1] for word in (b"spf=pass", b"dkim=pass", b"dmarc=pass"))
    assert verdict(first.replace(b"Good morning", b"Good evening")) == b"fail"

    chained = mail("good", extra="Authentication-Results: gate.example; spf=pass smtp.mailfrom=a@good.example\r\n")
    chained = b"".join(dkim.arc_sign(chained, b"s1", f"good.{DOMAIN}".encode(), PEM, b"gate.example")) + chained
    second = through(chained)
    assert verdict(second) == b"pass" and second.startswith(b"ARC-Seal: i=2; cv=pass;") and b"arc=pass" in second
    broken = through(chained.replace(b"Good morning", b"Good evening"))
    assert verdict(broken) != b"pass" and broken.startswith(b"ARC-Seal: i=2; cv=fail;")
    again = re.sub(rb"^Delivered-To:.*\r\n", b"", broken, flags=re.M)  # which would be a loop
    assert through(again).count(b"ARC-Seal:") == 2, "once it is told that a chain failed, nobody seals any more"
    assert b"ARC-Seal" not in through(mail("good"), "keyless.example.test")


def check_vouching(outside):
    """A trusted sealer makes up for a DMARC that failed, but only by what it says itself of this author (X19)."""
    def sealed(results, by="good"):
        message = mail("strict", extra=f"Authentication-Results: gate.example; {results}\r\n")
        return b"".join(dkim.arc_sign(message, b"s1", f"{by}.{DOMAIN}".encode(), PEM, b"gate.example")) + message
    sender, author = f"a@bad.{DOMAIN}", f"strict.{DOMAIN}"
    assert "dmarc=fail" in outside.results(sealed(f"spf=pass smtp.mailfrom=b+c=d@{author}; dmarc=pass header.from={author}"), sender)
    for words in (f"spf=pass smtp.mailfrom=dmarc=pass@x.example; dmarc=fail header.from={author}",
                  f"dmarc=pass header.from=good.{DOMAIN}", f"dmarc=fail (dmarc=pass header.from={author}) header.from={author}"):
        assert "DMARC" in outside.refused(sealed(words), sender), words
    assert "DMARC" in outside.refused(sealed(f"dmarc=pass header.from={author}", by="wary"), sender), "nobody trusts this sealer"


def check_reports(outside, sink):
    """Who asks for reports of success gets them, but is not flooded where nobody proves that he asked."""
    server, user = outside.server, outside.server.new_user()

    def ask(sender, *options):
        with server.smtp() as client:
            try:
                client.sendmail(sender, [user["address"]], mail("plain"), [], options)
            except smtplib.SMTPDataError as refused:
                return f"{refused.smtp_code} {refused.smtp_error.decode()[:5]}"
        return "250"

    forged, other, good = f"asks@plain.{DOMAIN}", f"other@plain.{DOMAIN}", f"a@good.{DOMAIN}"
    assert [ask(forged, "NOTIFY=SUCCESS"), ask(forged, "NOTIFY=SUCCESS"), ask(forged)] == ["250", "450 4.7.1", "250"]
    assert [ask(other, "NOTIFY=SUCCESS,FAILURE")] + [ask(good, "NOTIFY=SUCCESS") for _ in range(2)] == ["250"] * 3
    assert len(fetch_all(server, user)) == 5, "what was told to come later is nowhere"
    for asking, reports in ((forged, 1), (other, 1), (good, 2)):
        wait_until(lambda: len(sink.of(asking)) >= reports, WAIT, f"the reports to {asking}")
        assert [b"Action: delivered" in m.data and m.sender == "" for m in sink.of(asking)] == [True] * reports


def check_own_senders(outside, sink):
    """An envelope sender of ours who is not proven leaves in the name of the address that forwards: with his own he had
    SPF's word at the next server, for he came from here. Reports find him where he is said to be."""
    server, user = outside.server, outside.server.new_user()
    for name in ("ours", "weak"):
        server.cli("domain", "add", f"{name}.{DOMAIN}")
        server.cli("address", "add", f"leads@{name}.{DOMAIN}", f"{name}@far.{DOMAIN}")
        server.cli("address", "add", f"ada@{name}.{DOMAIN}", user["address"])

    def through(sender, by="weak", author="plain"):
        address = f"{by}@far.{DOMAIN}"
        before = len(sink.of(address))
        with RawSmtp(server.ports["smtp"]) as smtp:
            smtp.begin(f"leads@{by}.{DOMAIN}", sender=sender)
            smtp.send(stuffed(mail(author)))
            assert smtp.reply()[0] == 250
        wait_until(lambda: len(sink.of(address)) > before, WAIT, f"what {sender} sent")
        return sink.of(address)[-1].sender

    ours, weak = f"ada@ours.{DOMAIN}", f"ada@weak.{DOMAIN}"
    assert [through(ours), through(ours, "ours"), through("")] == [ours, ours, ""]
    made, unknown = through(weak), through(f"nobody@weak.{DOMAIN}")
    assert re.fullmatch(rf"SRS0=\w{{6}}=\w\w=weak\.{DOMAIN}=ada@weak\.{DOMAIN}", made)
    assert re.fullmatch(rf"SRS0=\w{{6}}=\w\w=weak\.{DOMAIN}=nobody@weak\.{DOMAIN}", unknown)
    with RawSmtp(server.ports["smtp"]) as smtp:
        smtp.begin(made, sender="")
        smtp.send(stuffed(mail("plain")))
        assert smtp.reply()[0] == 250
        assert smtp.ask("MAIL FROM:<>")[0] == 250 and smtp.ask(f"RCPT TO:<{unknown}>")[0] == 550
    assert len(fetch_all(server, user)) == 1

    # Nor does SPF of the domain that forwards prove an author of it who is not proven here: then the server's own is named.
    stranger = f"a@plain.{DOMAIN}"
    for sender, by, author, domain in ((stranger, "weak", "weak", server.domain), (weak, "weak", "weak", server.domain),
                                       (stranger, "weak", "open", f"weak.{DOMAIN}"), (stranger, "ours", "weak", f"ours.{DOMAIN}")):
        assert through(sender, by, author).endswith(f"={sender.split('@')[0]}@{domain}"), (sender, by, author)


def test_forwarded_mail(heronry_factory, settings):
    """What SPF says of forwarded mail is left to DMARC; what we forward ourselves, is sealed. And what leaves for
    senders: reports of success."""
    (port,) = free_ports(1)
    sink = Sink(port)
    outside = Outside(heronry_factory(settings={**settings, "spf.fail": "defer-to-dmarc", "security.seal_forwarded": "true",
                                                "security.trusted_arc": f"[good.{DOMAIN}]",
                                                "limits.success_reports_per_hour": "1", "delivery.port": port, "delivery.allow_private": "true"}))
    try:
        check_seals(outside, sink)
        check_reports(outside, sink)
        check_own_senders(outside, sink)
        check_vouching(outside)
    finally:
        sink.close()
    assert "spf=fail" in outside.results(mail("plain"), f"a@bad.{DOMAIN}")
    assert "dkim=pass" in outside.results(signed(mail("strict"), "strict"), f"a@bad.{DOMAIN}")
    assert "DMARC" in outside.refused(mail("strict"), f"a@bad.{DOMAIN}")


def test_switched_off(heronry_factory, settings):
    off = {"security.verify_spf": "false", "security.verify_dmarc": "false"}
    outside = Outside(heronry_factory(settings={**settings, **off}))
    said = outside.results(signed(mail("strict"), "good"), f"a@bad.{DOMAIN}")
    assert "dkim=pass" in said and "spf=" not in said and "dmarc=" not in said

    # With all of them off nothing is asked, not even the client's name, and nothing is said.
    outside.server.settings["security.verify_dkim"] = "false"
    outside.server.write_config()
    outside.server.restart()
    code, _, (stored,) = outside.send(signed(mail("strict"), "good"), f"a@bad.{DOMAIN}")
    assert code == 250 and b"Authentication-Results" not in stored


def test_local_clients_prove_nothing(heronry):
    """Loopback and private networks are ours unless the configuration says otherwise."""
    user = heronry.new_user()
    with RawSmtp(heronry.ports["smtp"]) as smtp:
        smtp.begin(user["address"], sender=f"a@bad.{DOMAIN}")
        smtp.send(stuffed(mail("strict")))
        assert smtp.reply()[0] == 250
    assert b"Authentication-Results" not in fetch_all(heronry, user)[0]
