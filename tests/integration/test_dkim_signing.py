# SPDX-License-Identifier: Apache-2.0
"""What leaves is signed by RSA and Ed25519 (FEATURES 65, 66, 74; ATTACKS O11): verified by another
implementation (python3-dkim) with the records that the command line prints."""
import base64
import email.policy
import os
import re
import signal

import dkim
import pytest
from conftest import free_ports, wait_until
from outbound import DOMAIN, Sink, Zone


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


def send(server, sink, number, *, host="far", mime="", text=TEXT):
    user = server.user(2)
    to = f"n{number}@{host}.{DOMAIN}"
    header = f"From: Me <{user['address']}>\r\nTo: <{to}>\r\nSubject: number {number}\r\n{mime}"
    with server.smtp("submission", login=user) as client:
        client.sendmail(user["address"], [to], f"{header}\r\n{text}".encode(), ["BODY=8BITMIME"])
    wait_until(lambda: sink.of(to), 20, "the mail")
    return sink.of(to)[0].data.replace(b"\r\n..", b"\r\n.")


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


def test_signed_with_both_keys(heronry_factory, world):
    settings, sink = world
    server = heronry_factory(settings=settings)
    domain = server.user(2)["address"].split("@")[1]
    assert signatures(send(server, sink, 1)) == []

    made = server.cli("dkim", "generate", domain)
    assert "Publish these records" in made.stderr and made.stdout == server.cli("dkim", "dns", domain).stdout
    published = records(server, domain)
    assert set(published) == {f"mail._domainkey.{domain}", f"mail-ed._domainkey.{domain}"}
    message = wait_until(lambda: (m := send(server, sink, 2)) and signatures(m) and m, 5, "a signature")
    assert set(check(message, published, ["rsa-sha256", "ed25519-sha256"])) == set(published)
    check_eight_bit(server, sink, settings["delivery.port"])

    # A second key waits; activating it changes over, in all processes.
    server.cli("dkim-keygen", domain, "--selector", "fresh")
    assert b"s=fresh" not in b"".join(signatures(send(server, sink, 3)))
    server.cli("dkim", "activate", domain, "fresh")
    message = wait_until(lambda: (m := send(server, sink, 4)) and b"s=fresh" in b"".join(signatures(m)) and m, 15,
                         "the new key")
    check(message, records(server, domain), ["rsa-sha256", "ed25519-sha256"])
    states = {k["selector"]: k["state"] for k in server.json("dkim", "list", domain)["items"]}
    assert states == {"mail": "retired", "fresh": "signing"}

    # What lies in the database is of no use without the server's key (R31).
    for column in ("rsa_private", "ed_private"):
        for sealed in server.psql(f"SELECT encode({column}, 'base64') FROM dkim_key").split("\n\n"):
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
    server.cli("dkim", "generate", domain)
    check(wait_until(lambda: (m := send(server, sink, 11)) and signatures(m) and m, 5, "a signature"),
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


def test_switched_off(heronry_factory, world):
    settings, sink = world
    server = heronry_factory(settings={**settings, "security.sign_outbound": "false"})
    server.cli("dkim", "generate", server.user(2)["address"].split("@")[1])
    assert signatures(send(server, sink, 21)) == []


def test_keys_rotate_by_themselves(heronry_factory):
    """A new key is made when the former is old, signs only when the DNS shows it, and the former is destroyed after its overlap."""
    zone = Zone([])
    server = heronry_factory(domain=DOMAIN, settings={"dkim.rotate_after": "30d", "dns.stub_zone": DOMAIN, "dns.stub_server": zone.server,
                                                      "dns.validate": "false"})

    def states():
        return {k["selector"]: k["state"] for k in server.json("dkim", "list", DOMAIN)["items"]}

    def run(until, what):
        server.psql("DELETE FROM job_lease WHERE name = 'job-dkim'")
        os.kill(server.pids()["back.1"], signal.SIGKILL)
        wait_until(until, 20, what)

    server.cli("dkim", "generate", DOMAIN)
    server.cli("domain", "add", "aaa.example")  # comes before the other, and can have no second key
    server.cli("dkim", "generate", "aaa.example")
    failing = server.psql("SELECT domain_id FROM domain WHERE name = 'aaa.example'")
    server.psql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;"
                " CREATE TRIGGER refuse BEFORE INSERT ON dkim_key FOR EACH ROW WHEN (NEW.selector <> 'mail' AND NEW.domain_id ="
                f" {failing}) EXECUTE FUNCTION refuse()")
    server.psql("UPDATE dkim_key SET signing_at = now() - interval '29 days'")
    assert states() == {"mail": "signing"}
    server.psql("UPDATE dkim_key SET signing_at = now() - interval '31 days'")
    run(lambda: len(states()) == 2, "a second key")
    assert "dkim_failed" in server.log() and "domain=aaa.example" in server.log()
    (new,) = set(states()) - {"mail"}
    assert re.fullmatch(r"k\d{8}", new) and states()[new] == "waiting" and f"selector={new}" in server.log()
    run(lambda: "dkim_awaited" in server.log(), "the warning")
    assert states() == {"mail": "signing", new: "waiting"}
    lines = server.cli("dkim", "dns", DOMAIN).stdout.replace(" IN ", " ").splitlines()
    zone.close()
    zone = Zone(lines)
    server.settings["dns.stub_server"] = zone.server
    server.write_config()
    server.psql("DELETE FROM job_lease WHERE name = 'job-dkim'")
    server.restart()
    wait_until(lambda: states() == {"mail": "retired", new: "signing"}, 20, "the change")
    server.psql("UPDATE dkim_key SET retired_at = now() - interval '8 days' WHERE state = 'retired'")
    run(lambda: states() == {new: "signing"}, "the former key to be destroyed")
    acts = server.psql("SELECT string_agg(action || ' ' || actor, ',' ORDER BY audit_id) FROM audit_log"
                       f" WHERE action LIKE 'dkim%' AND object = '{DOMAIN}'")
    zone.close()
    assert acts == "dkim.make cli,dkim.make system,dkim.activate system,dkim.remove system"
