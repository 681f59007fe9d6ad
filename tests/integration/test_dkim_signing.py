# SPDX-License-Identifier: Apache-2.0
"""What leaves is signed by RSA and Ed25519 (FEATURES 65, 66, 74; ATTACKS O11): verified by another
implementation (python3-dkim) with the records that the command line prints."""
import base64
import email.policy
import json
import os
import re
import signal
import smtplib

import dkim
import outside
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from conftest import free_ports, wait_until
from dkim_key import KEY, PEM, PUBLIC
from outbound import DOMAIN, Forgetful, Primary, Sink, Zone


@pytest.fixture(scope="module")
def world():
    (port,) = free_ports(1)
    zone, sink = Zone(["far MX 10 mx", "mx A 127.0.0.1", "old MX 10 mx-old", "mx-old A 127.0.0.2"]), Sink(port)
    yield {"delivery.port": port, "dns.stub_zone": DOMAIN, "dns.stub_server": zone.server, "dns.validate": "false",
           "delivery.allow_private": "true"}, sink
    sink.listener.close()
    zone.close()


def records(server, domain):
    """Name -> text, read back from the lines of a zone file."""
    lines = server.cli("dkim", "dns", domain).stdout.splitlines()
    found = [re.fullmatch(r"(\S+)\. IN TXT \((.*)\)", line).groups() for line in lines]
    assert all(len(text) <= 255 for _, strings in found for text in re.findall(r'"([^"]*)"', strings))
    return {name: "".join(re.findall(r'"([^"]*)"', strings)) for name, strings in found}


TEXT = "Dear  all,\r\n\r\n.a line with a dot \r\n\r\n\r\n"


def send(server, sink, number, *, host="far", mime="", text=TEXT, user=None):
    user = user or server.user(2)
    to = f"n{number}@{host}.{DOMAIN}"
    header = f"From: Me <{user['address']}>\r\nTo: <{to}>\r\nSubject: number {number}\r\n{mime}"
    before = len(sink.of(to))
    with server.smtp("submission", login=user) as client:
        client.sendmail(user["address"], [to], f"{header}\r\n{text}".encode(), ["BODY=8BITMIME"])
    wait_until(lambda: len(sink.of(to)) > before, 150, "the mail")
    return sink.of(to)[-1].data.replace(b"\r\n..", b"\r\n.")


def signatures(message):
    header = message.partition(b"\r\n\r\n")[0] + b"\r\n"
    return re.findall(rb"^DKIM-Signature:((?:.*\r\n)(?:[ \t].*\r\n)*)", header, re.M)


def check(message, published, algorithms):
    """All signatures verify, and are made as they should be."""
    asked = []

    def answer(name, timeout=5):
        asked.append(name.decode().rstrip("."))
        return published[asked[-1]].encode()

    found = [re.sub(rb"\s+", b"", s).decode() for s in signatures(message)]
    assert [re.search(r"a=([^;]+)", s).group(1) for s in found] == algorithms
    for index, text in enumerate(found):
        assert dkim.DKIM(message).verify(idx=index, dnsfunc=answer)
        tags = dict(t.split("=", 1) for t in text.rstrip(";").split(";"))
        names = tags["h"].lower().split(":")
        assert tags["c"] == "relaxed/relaxed" and "l" not in tags and 0 < int(tags["x"]) - int(tags["t"]) <= 14 * 86400
        assert all(names.count(n) == 2 for n in ("from", "to", "subject")), "none can be added"
    return asked


def check_eight_bit(server, sink, port):
    """What is signed stays as it was, also on the way by a server that takes seven bits only; text that another
    signature holds is not touched."""
    published, both = records(server, server.user(2)["address"].split("@")[1]), ["rsa-sha256", "ed25519-sha256"]
    utf8, text = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n", "Grüße an alle – auch Ünö\r\n"
    eight = utf8 + "Content-Transfer-Encoding: 8bit\r\n"
    old = Sink(port, address="127.0.0.2", extensions=("PIPELINING", "SIZE 30000000"))
    try:
        for way, number, host in ((old, 31, "old"), (sink, 32, "far")):
            message = send(server, way, number, host=host, mime=eight, text=text)
            assert message.isascii()
            check(message, published, both)
            assert email.message_from_bytes(message, policy=email.policy.SMTP).get_content() == text
    finally:
        old.close()
    mime = 'MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; micalg=x; protocol="a/b"\r\n'
    text = f"--b\r\n{eight}\r\n{text}--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n"
    message = send(server, sink, 33, mime=mime, text=text)
    assert message.endswith(text.encode())
    check(message, published, both)


def check_long_line(server, sink):
    """The wire has lines of 998 octets at most: what would be broken there is encoded before it is signed."""
    text = "<p>" + "=a long line " * 400 + "</p>\r\n"
    mime = "MIME-Version: 1.0\r\nContent-Type: text/html; charset=us-ascii\r\n"
    message = send(server, sink, 34, mime=mime, text=text)
    assert max(map(len, message.splitlines())) <= 998
    check(message, records(server, server.user(2)["address"].split("@")[1]), ["rsa-sha256", "ed25519-sha256"])
    assert email.message_from_bytes(message, policy=email.policy.SMTP).get_content() == text


def check_many_fields(server, sink):
    """All of a header is signed: as long as it can be it verifies elsewhere, and longer it does not leave."""
    most = "X: a\r\n" * 994  # and three of the mail, and three that it is completed with
    message = send(server, sink, 35, mime=most)
    check(message, records(server, server.user(2)["address"].split("@")[1]), ["rsa-sha256", "ed25519-sha256"])
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server, sink, 36, mime=most + "X: a\r\n")
    assert refused.value.smtp_code == 552 and b"1000 fields" in refused.value.smtp_error


def report_to(server, sink, asker, author):
    """What we write ourselves to one who asked for it, in the name of the author."""
    user, to = server.user(2)["address"], f"{asker}@far.{DOMAIN}"
    with server.smtp() as client:
        client.sendmail(to, [user], f"From: {to}\r\nTo: {user}\r\nSubject: asked\r\n\r\nx\r\n", rcpt_options=["NOTIFY=SUCCESS"])
    report = wait_until(lambda: sink.of(to), 60, "the report")[0]
    message = report.data.replace(b"\r\n..", b"\r\n.")
    read = email.message_from_bytes(message, policy=email.policy.SMTP)
    assert report.sender == "" and read["From"].addresses[0].addr_spec == author
    assert read.get_content_type() == "multipart/report" and "auto-replied" in read["Auto-Submitted"]
    return message


def check_report(server, sink, published):
    """It is in the name of our domain, which proves it, and which takes answers."""
    mine = f"postmaster@{server.user(2)['address'].split('@')[1]}"
    check(report_to(server, sink, "asker", mine), published, ["rsa-sha256", "ed25519-sha256"])
    with server.smtp() as client:
        assert client.mail("")[0] == 250 and client.rcpt(mine)[0] == 250


def check_report_of_the_host(server, sink, asker):
    """Without a key that signs it, only the name of the host can be proved, by SPF."""
    assert signatures(report_to(server, sink, asker, f"mailer-daemon@{server.hostname}")) == []


def check_import(server, sink, domain):
    """What another server signed with signs here, under the selector that its record has. (Domains of their own: what is known of one
    is remembered for a while.)"""
    def run(words, key, *, to=domain, check=True):
        return server.cli("dkim", "import", "--domain", to, "--selector", *words, stdin=key, check=check)

    def states():
        return {k["selector"]: k["state"] for k in server.json("dkim", "list", domain)["items"]}

    before = states()
    for key, reason in ((KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.BestAvailableEncryption(b"x")).decode(), "encrypted"), (PUBLIC, "no private key")):
        done = run(["moved", "-"], key, check=False)
        assert done.returncode == 65 and reason in done.stderr and done.stdout == "", done
    assert run(["fresh", "-"], PEM.decode(), check=False).returncode == 73
    dry = run(["moved", "-", "--dry-run"], PEM.decode())
    assert "nothing was changed" in dry.stderr and states() == before
    done = run(["moved", "-"], PEM.decode())
    assert done.stdout == dry.stdout and f"dkim activate {domain} moved" in done.stderr and states() == before | {"moved": "waiting"}

    file = server.folder / "ed.der"
    file.write_bytes(ed25519.Ed25519PrivateKey.generate().private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                                                        serialization.NoEncryption()))
    for number, (name, key, algorithm) in enumerate((("-", PEM.decode(), "rsa-sha256"), (str(file), None, "ed25519-sha256")), 5):
        user = {"address": f"mia@moved{number}.example", "password": "a-long-enough-password"}
        server.cli("domain", "add", f"moved{number}.example")
        server.cli("user", "add", user["address"], "--password-stdin", stdin=user["password"] + "\n")
        done = json.loads(run(["Old", name, "--json"], key, to=f"moved{number}.example").stdout)
        assert (done["selector"], done["state"], done["kind"]) == ("old", "signing", algorithm.removesuffix("-sha256"))
        published = records(server, f"moved{number}.example")
        assert list(published) == [f"old._domainkey.moved{number}.example"]
        assert name != "-" or list(published.values()) == [f"v=DKIM1; k=rsa; p={PUBLIC}"]
        check(send(server, sink, number, user=user), published, [algorithm])
    assert PEM.decode().splitlines()[3] not in server.log()


def test_signed_with_both_keys(heronry_factory, world):
    settings, sink = world
    server = heronry_factory(settings=settings)
    domain = server.user(2)["address"].split("@")[1]
    assert signatures(send(server, sink, 1)) == []

    made = server.cli("dkim", "generate", domain)
    assert "Publish these records" in made.stderr and made.stdout == server.cli("dkim", "dns", domain).stdout
    published = records(server, domain)
    assert set(published) == {f"mail._domainkey.{domain}", f"mail-ed._domainkey.{domain}"}
    message = wait_until(lambda: (m := send(server, sink, 2)) and signatures(m) and m, 60, "a signature")
    assert set(check(message, published, ["rsa-sha256", "ed25519-sha256"])) == set(published)
    check_eight_bit(server, sink, settings["delivery.port"])
    check_long_line(server, sink)
    check_many_fields(server, sink)
    check_report(server, sink, published)

    # A second key waits; activating it changes over, in all processes.
    server.cli("dkim-keygen", domain, "--selector", "fresh")
    assert b"s=fresh" not in b"".join(signatures(send(server, sink, 3)))
    server.cli("dkim", "activate", domain, "fresh")
    message = wait_until(lambda: (m := send(server, sink, 4)) and b"s=fresh" in b"".join(signatures(m)) and m, 60,
                         "the new key")
    check(message, records(server, domain), ["rsa-sha256", "ed25519-sha256"])
    states = {k["selector"]: k["state"] for k in server.json("dkim", "list", domain)["items"]}
    assert states == {"mail": "retired", "fresh": "signing"}

    check_import(server, sink, domain)

    # What lies in the database is of no use without the server's key (R31).
    for column in ("rsa_private", "ed_private"):
        for sealed in server.psql(f"SELECT encode({column}, 'base64') FROM dkim_key WHERE {column} IS NOT NULL").split("\n\n"):
            assert b"PRIVATE" not in base64.b64decode(sealed.replace("\n", ""))
    assert "PRIVATE" not in server.log()

    # A changed body does not verify: this test can fail.
    with pytest.raises(dkim.ValidationError):
        check(message.replace(b"Dear  all", b"Dear none"), records(server, domain), ["rsa-sha256", "ed25519-sha256"])


def test_the_key_of_the_cluster(heronry_factory, world):
    """Given by the configuration, nothing is kept in data_dir; with another one nothing is sent unsigned."""
    settings, sink = world
    secret = base64.b64encode(bytes(range(32))).decode()
    server = heronry_factory(settings={**settings, "security.key": secret})
    domain = server.user(2)["address"].split("@")[1]
    check_report_of_the_host(server, sink, "keyless")
    server.cli("dkim", "generate", domain)
    check(wait_until(lambda: (m := send(server, sink, 11)) and signatures(m) and m, 60, "a signature"),
          records(server, domain), ["rsa-sha256", "ed25519-sha256"])
    assert not list(server.folder.rglob("server.key")) and secret not in server.log()
    server.settings["security.key"] = base64.b64encode(bytes(32)).decode()
    server.write_config()
    server.restart()
    with server.smtp("submission", login=server.user(2)) as client:
        code, _ = client.docmd("MAIL", f"FROM:<{server.user(2)['address']}>")
        client.docmd("RCPT", f"TO:<x@far.{DOMAIN}>")
        code, text = client.data(f"From: {server.user(2)['address']}\r\nSubject: x\r\n\r\ny\r\n".encode())
    assert code // 100 == 4, text
    assert "security.key" in server.log()
    check_report_of_the_host(server, sink, "locked")


def test_switched_off(heronry_factory, world):
    settings, sink = world
    server = heronry_factory(settings={**settings, "security.sign_outbound": "false"})
    server.cli("dkim", "generate", server.user(2)["address"].split("@")[1])
    assert signatures(send(server, sink, 21)) == []
    check_report_of_the_host(server, sink, "unsigned")


def check_published_by_hand(server, zone, new):
    """dkim publish and domain publish add what is missing, and nothing but that."""
    def publish(*words):
        done = server.cli(*words, "--json", check=False)
        items = json.loads(done.stdout)["items"]
        return done.returncode, {i["name"].removesuffix("." + DOMAIN) + " " + i["type"]: i["result"] for i in items}

    keys = [f"{name}._domainkey TXT" for name in ("mail", "mail-ed")]
    assert publish("dkim", "publish", DOMAIN, "--dry-run") == (1, dict.fromkeys([f"{new}._domainkey TXT", f"{new}-ed._domainkey TXT"], "there")
                                                               | dict.fromkeys(keys, "missing"))
    assert zone.texts("mail._domainkey") == []
    assert publish("dkim", "publish", DOMAIN)[1]["mail._domainkey TXT"] == "added"
    assert len(zone.texts("mail._domainkey")) == 1 and zone.texts("mail._domainkey")[0].startswith("v=DKIM1; k=rsa; p=MII")
    assert publish("dkim", "publish", DOMAIN) == (0, dict.fromkeys([f"{new}._domainkey TXT", f"{new}-ed._domainkey TXT", *keys], "there"))

    code, results = publish("domain", "publish", DOMAIN)
    assert code == 1 and results["_imaps._tcp SRV"] == "different" and zone.texts("_imaps._tcp", "SRV") == ["0 1 993 else.test."]
    assert results[f"{DOMAIN} MX"] == results[f"{DOMAIN} TXT"] == results["_dmarc TXT"] == results["_submission._tcp SRV"] == "added"
    assert zone.texts("") == ["of others", "v=spf1 mx -all"] and len(zone.texts("", "MX")) == len(zone.texts("_submission._tcp", "SRV")) == 1
    assert set(publish("domain", "publish", DOMAIN)[1].values()) == {"there", "different"}

    # Whatever our resolver sees, the primary server decides: there are never two SPF records.
    before = Zone(['@ TXT "of others"'])
    stub = server.settings["dns.stub_server"]
    server.settings["dns.stub_server"] = before.server
    server.write_config()
    assert publish("domain", "publish", DOMAIN)[1][f"{DOMAIN} TXT"] == "there"
    zone.change(remove=["v=spf1 mx -all"], add=["v=SPF1 a ~all"])
    assert publish("domain", "publish", DOMAIN)[1][f"{DOMAIN} TXT"] == "different" and zone.texts("") == ["of others", "v=SPF1 a ~all"]
    zone.change(remove=["v=SPF1 a ~all"])
    assert publish("domain", "publish", DOMAIN)[1][f"{DOMAIN} TXT"] == "added" and zone.texts("") == ["of others", "v=spf1 mx -all"]
    server.settings["dns.stub_server"] = stub
    server.write_config()
    before.close()


def check_refusals(server, zone):
    """A server that does not let us says what to do about it."""
    for updates, result, reason in (([], "noZone", "dns.updates"), ([zone.update(server="127.0.0.1:1")], "failed", "Connection refused"),
                                    ([zone.update(secret="b3RoZXI=")], "failed", "BADSIG")):
        server.settings["dns.updates"] = updates
        server.write_config()
        done = server.cli("dkim", "publish", DOMAIN, check=False)
        assert done.returncode == 1 and done.stdout.count(result) == 2 and reason in done.stdout + done.stderr, (result, done)
    assert "b3RoZXI=" not in done.stdout + done.stderr + server.log()


def test_keys_rotate_by_themselves(heronry_factory):
    """A new key is made when the former is old, signs only when the DNS shows it, and the former is destroyed after its overlap; the
    records come and go by updates of the zone."""
    zone = Primary(['@ TXT "of others"', "_imaps._tcp SRV 0 1 993 else.test."])
    server = heronry_factory(domain=DOMAIN, settings={"hostname": f"ns.{DOMAIN}", "dns.stub_zone": DOMAIN,
                                                      "dns.stub_server": zone.server, "dns.validate": "false",
                                                      "dns.updates": [zone.update(secret="b3RoZXI=")]})

    def states():
        return {k["selector"]: k["state"] for k in server.json("dkim", "list", DOMAIN)["items"]}

    def run(until, what):
        worker = server.pids()["back.1"]
        outside.stop(worker)  # so that it does not take the job again
        server.psql("DELETE FROM job_lease WHERE name = 'job-dkim'")
        os.kill(worker, signal.SIGKILL)
        wait_until(until, 150, what)  # a process that ended often is started later each time

    server.cli("dkim", "generate", DOMAIN)
    check_refusals(server, zone)
    server.cli("domain", "add", "aaa.example")  # comes before the other, and can have no second key
    server.cli("dkim", "generate", "aaa.example")
    failing = server.psql("SELECT domain_id FROM domain WHERE name = 'aaa.example'")
    server.psql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;"
                " CREATE TRIGGER refuse BEFORE INSERT ON dkim_key FOR EACH ROW WHEN (NEW.selector <> 'mail' AND NEW.domain_id ="
                f" {failing}) EXECUTE FUNCTION refuse()")
    for domain in (DOMAIN, "aaa.example"):  # dkim.rotate_after is 0: only these
        assert "30d" in server.cli("dkim", "rotate", domain, "30d").stdout
    hasty = server.cli("dkim", "rotate", DOMAIN, "23h", check=False)
    assert hasty.returncode == 65 and "a day (1d) at least" in hasty.stderr
    server.psql("UPDATE dkim_key SET signing_at = now() - interval '31 days'")
    run(lambda: len(states()) == 2, "a second key")
    assert "dkim_failed" in server.log() and "domain=aaa.example" in server.log()
    (new,) = set(states()) - {"mail"}
    assert re.fullmatch(r"k\d{8}", new) and states()[new] == "waiting"
    wait_until(lambda: f"selector={new}" in server.log(), 60, "a line about it")
    wait_until(lambda: server.log().count("dns_update_failed") >= 2, 60, "both records to be refused")
    run(lambda: "dkim_awaited" in server.log(), "the warning")
    assert states() == {"mail": "signing", new: "waiting"} and zone.texts(f"{new}._domainkey") == []

    server.reload("config_reloaded process=back.1", dns__updates=[zone.update()], what="the new secret")
    run(lambda: zone.texts(f"{new}-ed._domainkey"), "the records")
    assert states() == {"mail": "signing", new: "waiting"}
    check_published_by_hand(server, zone, new)
    run(lambda: states() == {"mail": "retired", new: "signing"}, "the change")
    server.psql("UPDATE dkim_key SET retired_at = now() - interval '8 days' WHERE state = 'retired'")
    run(lambda: states() == {new: "signing"}, "the former key to be destroyed")
    acts = server.psql("SELECT string_agg(action || ' ' || actor || ' ' || detail, ',' ORDER BY audit_id) FROM audit_log"
                       f" WHERE action ~ '^(dkim|dns)' AND object = '{DOMAIN}' AND detail ~ 'mail|{new}|000 s'")
    left = [zone.texts(f"{name}._domainkey") != [] for name in ("mail", "mail-ed", new, f"{new}-ed")]
    assert left == [False, False, True, True]
    server.cli("dkim", "generate", DOMAIN, "--selector", "next")
    forgetful = Forgetful(zone)
    server.settings["dns.updates"] = [zone.update(server=f"127.0.0.1:{forgetful.port}")]
    server.write_config()
    published = server.cli("dkim", "publish", DOMAIN).stdout  # an answer is lost, and what it was is found out
    assert forgetful.lost == 1 and published.count("added") == 2, published
    forgetful.close()
    server.settings["dns.updates"] = [zone.update(secret="b3RoZXI=")]
    server.write_config()
    kept = server.cli("dkim", "remove", DOMAIN, "next", check=False)
    assert kept.returncode == 69 and "BADSIG" in kept.stderr and zone.texts("next._domainkey") and states() == {new: "signing", "next": "waiting"}
    server.settings["dns.updates"] = [zone.update()]
    server.write_config()
    used = server.cli("dkim", "remove", DOMAIN, new, check=False)
    assert used.returncode != 0 and "activate another key first" in used.stderr and states() == {new: "signing", "next": "waiting"}
    server.cli("dkim", "remove", DOMAIN, "next")
    server.cli("dkim", "remove", DOMAIN, new, "--force")
    assert states() == {} and zone.texts("next._domainkey") == zone.texts("next-ed._domainkey") == []
    assert zone.texts(f"{new}._domainkey"), "what the key signed is on its way yet"
    zone.close()

    def both(act, name):
        return [f"{act} {kind}._domainkey.{DOMAIN} TXT" for kind in (name, f"{name}-ed")]

    assert acts.split(",") == ["dkim.make cli mail", "dkim.rotation cli 2592000 s", f"dkim.make system {new}", *both("dns.add system", new), *both("dns.add cli", "mail"),
                               f"dkim.activate system {new}", *both("dns.remove system", "mail"), "dkim.remove system mail"]
