# SPDX-License-Identifier: Apache-2.0
"""Our own domains publish MTA-STS policies (FEATURES 75, RFC 8461): served by the name that a client comes by, with a
certificate for it; the TLSA record that is told is that of the certificate in use; and what the DNS says of all that is
checked (FEATURES 54, 231)."""
import http.client
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile

import pytest
from api_client import Api
from certificates import Certificate
from conftest import BINARY, Instance, wait_until
from outbound import DOMAIN, Primary, Zone

PATH = "/.well-known/mta-sts.txt"


class Here(http.client.HTTPSConnection):
    """To the server on this machine, whatever the name; that is what TLS verifies."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


@pytest.fixture(scope="module")
def world():
    long_up = pathlib.Path(tempfile.mkdtemp(prefix="heronry-long-up-")) / "file"
    long_up.parent.chmod(0o755)  # the server asks as a user of its own
    server = Instance(domain=DOMAIN, users=[("user1", True)], environment={"HERONRY_FAILPOINT": f"tlsa-kept-for-long:while={long_up}"})
    server.long_up = long_up
    authority = Certificate(server.folder, "authority")
    names = [server.hostname, "localhost", f"mta-sts.{server.domain}", "mta-sts.other.test"]
    own = Certificate(server.folder, "own", names, authority)
    own.key_path.chmod(0o600)
    server.settings["tls.certificates"] = f'[{{ cert: "{own.chain}", key: "{own.key_path}" }}]'
    server.__class__ = type("Own", (Instance,), {"tls_ca": property(lambda self: authority.chain)})
    server.authority = authority
    server.up()
    yield server, own
    server.remove()
    shutil.rmtree(long_up.parent)


def ask(server, host, method="GET"):
    """Status, type and text."""
    context = ssl.create_default_context(cafile=str(server.tls_ca))
    client = Here(host, server.ports["https"], context=context)
    client.request(method, PATH)
    answer = client.getresponse()
    said = answer.status, answer.getheader("Content-Type"), answer.read().decode()
    client.close()
    return said


def test_a_policy_is_served_by_its_name(world):
    server, _ = world
    domain, host = server.domain, f"mta-sts.{server.domain}"
    assert ask(server, host)[0] == 404
    made = server.cli("mta-sts", "set", domain, "testing")
    first = server.json("mta-sts", "show", domain)
    assert f"id={first['id']};" in made.stderr and first["mx"] == [server.hostname]
    assert ask(server, host) == (200, "text/plain; charset=utf-8",
                                 f"version: STSv1\nmode: testing\nmax_age: 604800\nmx: {server.hostname}\n")
    server.cli("mta-sts", "set", domain, "enforce", "--days", "30", "--mx", f"{server.hostname}, *.Example.NET")
    assert ask(server, host.upper())[2].splitlines()[1:] == [
        "mode: enforce", "max_age: 2592000", f"mx: {server.hostname}", "mx: *.example.net"]
    assert server.json("mta-sts", "show", domain)["id"] != first["id"]
    assert ask(server, host, "HEAD")[::2] == (200, "") and ask(server, host, "POST")[0] == 405

    # Under no other name: another domain's, the server's own; and not without TLS.
    assert ask(server, "mta-sts.other.test")[0] == 404 and ask(server, server.hostname)[0] == 404
    with socket.create_connection(("127.0.0.1", server.ports["http"]), timeout=60) as plain:
        plain.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert b"version" not in b"".join(iter(lambda: plain.recv(4096), b""))

    server.cli("mta-sts", "set", domain, "none")
    assert "mode: none" in ask(server, host)[2]
    server.cli("mta-sts", "remove", domain)
    for verb in ("show", "remove"):
        none = server.cli("mta-sts", verb, domain, check=False)
        assert none.returncode == 66 and f"{domain} has no MTA-STS policy (\"mta-sts set\" publishes one)" in none.stderr, none
    assert ask(server, host)[0] == 404


def test_records_are_those_of_the_certificate_in_use(world):
    server, own = world
    domain = server.domain
    server.cli("mta-sts", "set", domain, "enforce")
    records = Api.signed_in(server, server.user(1)).get(f"/admin/domains/{domain}/dns-records").json["items"]
    (tlsa,) = [r for r in records if r["purpose"] == "tlsa"]
    assert (tlsa["name"], f"TLSA {tlsa['value']}") == (f"_25._tcp.{server.hostname}", own.tlsa(3))
    lines = server.cli("domain", "dns", domain).stdout.splitlines()
    assert f'_mta-sts.{domain}. IN TXT ( "v=STSv1; id={server.json("mta-sts", "show", domain)["id"]};" )' in lines
    assert f"mta-sts.{domain}. IN CNAME {server.hostname}." in lines
    assert f'_smtp._tls.{domain}. IN TXT ( "v=TLSRPTv1; rua=mailto:postmaster@{domain}" )' in lines
    assert f"{domain}. IN MX 10 {server.hostname}." in lines and f'{server.hostname}. IN TXT ( "v=spf1 a -all" )' in lines


def zone_line(record):
    value = record["value"]
    if record["type"] == "TXT":
        value = " ".join(f'"{value[i:i + 200]}"' for i in range(0, len(value), 200))
    return f"{record['name']}. {record['type']} {value}"


@pytest.fixture(scope="module")
def published(world):
    """What the first domain needs is in a signed zone; of the other one there are pieces, and wrong ones."""
    server, _ = world
    domain, other = server.domain, f"other.{server.domain}"
    server.cli("domain", "add", other)
    server.cli("dkim", "generate", domain)
    server.cli("mta-sts", "set", domain, "enforce")
    admin = Api.signed_in(server, server.user(1))
    records = admin.get(f"/admin/domains/{domain}/dns-records").json["items"]
    zone = Zone([*map(zone_line, records), "mail A 127.0.0.1", "other MX 10 alias", "alias CNAME mail", 'other TXT "v=spf1 mx -all"',
                 'other TXT "v=spf1 -all"', '_dmarc.other TXT "v=DMARC1; p=perhaps"'], signed=True)
    server.settings.update({"dns.validate": "true", "dns.anchor_file": str(zone.anchor), "dns.stub_zone": DOMAIN, "dns.stub_server": zone.server,
                            "delivery.mta_sts_port": server.ports["https"], "delivery.ca_file": str(server.tls_ca)})
    server.write_config()
    server.restart()
    server.zone, server.lines = zone, [zone_line(r) for r in records]
    yield server, admin, other
    zone.close()


def findings(checked):
    return {(i["purpose"], i["type"], i["name"]): i["reason"] for i in checked["items"]}


def by_url(server, admin, *words):
    """The command line as it asks the running server, which knows its certificate."""
    token = admin.post("/tokens", {"name": "look", "scopes": ["admin:read"]}, status=201).json["secret"]
    return subprocess.run([BINARY, *words, "--url", f"https://localhost:{server.ports['https']}", "--ca-file", str(server.tls_ca), "--token", token],
                          capture_output=True, text=True, timeout=60, check=True)


def test_what_is_published_is_seen(published):
    server, admin, _ = published
    checked = admin.get(f"/admin/domains/{server.domain}/check").json
    assert checked["isRight"] and set(findings(checked).values()) == {"right"}, findings(checked)
    assert {"host", "spfHost", "reverse", "policy", "dnssec", "tlsa", "dkim"} <= {i["purpose"] for i in checked["items"]}
    done = admin.post(f"/admin/domains/{server.domain}/dns-publication", {}).json  # nothing of it is in a zone that takes updates
    assert done["isThere"] and {i["result"] for i in done["items"]} == {"there"}
    done = by_url(server, admin, "domain", "check", server.domain)
    assert f"right      MX     {server.domain}\n" in done.stdout and f"All that {server.domain} needs is there." in done.stdout


def test_what_is_not_is_told(published):
    server, admin, other = published
    checked = admin.get(f"/admin/domains/{other}/check").json
    said = findings(checked)
    assert not checked["isRight"] and said["mx", "MX", other] == "mxAlias" and said["spf", "TXT", other] == "several"
    assert said["dkim", "TXT", f"_domainkey.{other}"] == "noKey"
    assert said["dmarc", "TXT", f"_dmarc.{other}"] == "invalid" and said["tlsRpt", "TXT", f"_smtp._tls.{other}"] == "missing"
    done = server.cli("domain", "check", other, check=False)
    assert done.returncode == 1 and f"different  MX     {other}\n" in done.stdout and "is:        v=spf1 -all" in done.stdout
    assert f"missing    TXT    _domainkey.{other}\n" in done.stdout and "heronry dkim generate" in done.stdout
    for noun in ("domain", "dkim"):
        assert f"heronry dkim generate {other}" in server.cli(noun, "dns", other).stderr
        assert "dkim generate" not in server.cli(noun, "dns", server.domain).stderr
    assert "want attention" in done.stdout and server.cli("domain", "check", "nobody.test", check=False).returncode == 66


def exchange(server, own, chain, key, event):
    """Other certificates, without a restart: when the event was told and all processes have them, as any of them may
    answer."""
    own.chain.write_bytes(chain)
    own.key_path.write_bytes(key)
    fronts = [name for name in server.pids() if name.startswith("front.")]
    server.reload(*{event, *(f"tls_reloaded process={name}" for name in fronts)}, what=event)


def test_a_certificate_that_no_record_knows_is_told(published, world):
    """Who checks DANE does not deliver then: it is told when the certificates are exchanged, not when mail is missed."""
    (server, admin, _), own = published, world[1]
    former = own.chain.read_bytes(), own.key_path.read_bytes()
    other = Certificate(server.folder, "other", [server.hostname, "localhost"], server.authority)
    exchange(server, own, other.chain.read_bytes(), other.key_path.read_bytes(), "tlsa_other process=front.1")
    assert "mailserver_tlsa_mismatch 1" in admin.get("/metrics").body.decode()
    checked = admin.get(f"/admin/domains/{server.domain}/check").json
    assert [i["reason"] for i in checked["items"] if i["purpose"] == "tlsa"] == ["tlsaOther"]
    done = admin.post(f"/admin/domains/{server.domain}/dns-publication", {}).json  # in no zone that takes updates
    assert not done["isThere"] and {i["purpose"] for i in done["items"] if i["result"] != "there"} == {"tlsa"}
    assert [i["result"] for i in done["items"] if i["purpose"] == "tlsa"] == ["different"]
    exchange(server, own, *former, "tlsa_right process=front.1")
    assert "mailserver_tlsa_mismatch 0" in admin.get("/metrics").body.decode()


def tlsa_in(zone, server):
    """What a server that takes updates has; in letters of one size and without the spaces that libraries put into them."""
    return {re.sub(r"^(\d \d \d )(.*)$", lambda m: m[1] + m[2].replace(" ", ""), text.lower())
            for text in zone.texts(f"_25._tcp.{server.hostname.removesuffix('.' + DOMAIN)}", "TLSA")}


def test_tlsa_records_follow_the_certificates(published, world):
    """Once published from here they are kept in step: the new key's and the next one's come beside; the former one's goes when it was not
    used for a day (RFC 7671 section 8.1), while the DNS shows the key in use, and by one who was here for that day. The zone's server is
    another one than the resolver asks, which never sees a change: it knows the first certificate of this server, and no other."""
    (server, admin, _), own = published, world[1]
    former = own.chain.read_bytes(), own.key_path.read_bytes()
    certificates = [Certificate(server.folder, name, [server.hostname, "localhost"], server.authority) for name in ("first", "second", "third")]
    first, second, third = [certificate.tlsa(3).removeprefix("TLSA ") for certificate in certificates]
    zone = Primary([])

    def present():
        return tlsa_in(zone, server)

    def change_to(number):
        exchange(server, own, certificates[number].chain.read_bytes(), certificates[number].key_path.read_bytes(),
                 "tls_reloaded process=front.1")

    server.settings["dns.updates"] = [zone.update()]
    server.write_config()
    change_to(0)
    published_now = admin.post(f"/admin/domains/{server.domain}/dns-publication", {}).json["items"]
    (item,) = [i for i in published_now if i["purpose"] == "tlsa"]
    assert (item["value"], item["result"]) == (first, "added") and present() == {first}

    server.settings["tls.next_certificate"] = str(certificates[2].chain)
    server.write_config()
    change_to(1)
    wait_until(lambda: present() == {first, second, third}, 60, "the records of the key in use and of the next one")
    rows = f"name = '_25._tcp.{server.hostname}' AND type = 'TLSA'"
    wait_until(lambda: server.psql(f"SELECT count(*) FROM dns_made WHERE {rows}") == "3", 60, "what was put there to be noted")
    listed = admin.get(f"/admin/domains/{server.domain}/dns-records").json["items"]
    assert {r["purpose"]: r["value"] for r in listed if r["type"] == "TLSA"} == {"tlsa": second, "tlsaNext": third}
    lines = by_url(server, admin, "domain", "dns", server.domain).stdout.splitlines()
    at = lines.index(f"_25._tcp.{server.hostname}. IN TLSA {second}")
    assert lines[at + 1].startswith("; of the next certificate") and lines[at + 2] == f"_25._tcp.{server.hostname}. IN TLSA {third}"
    # Of those the resolver's zone has neither.
    said = findings(admin.get(f"/admin/domains/{server.domain}/check").json)
    assert [said[purpose, "TLSA", f"_25._tcp.{server.hostname}"] for purpose in ("tlsa", "tlsaNext")] == ["tlsaOther", "missing"]

    # A zone that came back from a backup: the resolver sees none of them.
    zone.take_out(f"_25._tcp.{server.hostname}", "TLSA", second)
    change_to(1)
    wait_until(lambda: present() == {first, second, third}, 60, "the record of the key in use again")

    # Nothing goes while the key in use is not seen, however long the others were of no use.
    def idle(hours):
        server.psql(f"UPDATE dns_made SET used_at = now() - interval '{hours} hours' WHERE {rows}")

    def noted(value):
        return server.psql(f"SELECT used_at > now() - interval '1 hour' FROM dns_made WHERE {rows} AND value = '{value}'") == "t"

    server.long_up.touch()
    idle(25)
    change_to(1)
    wait_until(lambda: noted(second) and noted(third), 60, "what is of use to be noted")
    # Nor while that one is not from here; nor by one who came just now.
    idle(25)
    exchange(server, own, *former, "tlsa_right process=front.1")
    wait_until(lambda: noted(third), 60, "what is of use to be noted")
    server.long_up.unlink()
    idle(25)
    kept = own.tlsa(3).removeprefix("TLSA ")
    server.psql(f"INSERT INTO dns_made (domain_id, name, type, value) SELECT domain_id, name, type, '{kept}' FROM dns_made WHERE {rows} LIMIT 1")
    server.psql(f"UPDATE dns_made SET used_at = now() - interval '23 hours' WHERE {rows} AND value = '{first}'")
    exchange(server, own, *former, "tls_reloaded process=front.1")
    wait_until(lambda: noted(third), 60, "what is of use to be noted")
    assert present() == {first, second, third}
    server.long_up.touch()
    exchange(server, own, *former, "tls_reloaded process=front.1")
    wait_until(lambda: present() == {first, third}, 60, "the second one to go; the first was looked at before it")
    wait_until(lambda: server.psql("SELECT count(*) FROM audit_log WHERE action = 'dns.remove' AND "
                                   f"detail = '_25._tcp.{server.hostname} TLSA'") == "1", 60, "that to be noted")
    acts = server.psql(f"SELECT string_agg(action || ' ' || actor, ',' ORDER BY audit_id) FROM audit_log WHERE detail = '_25._tcp.{server.hostname} TLSA'")
    assert acts.split(",")[1:] == ["dns.add system"] * 2 + ["dns.remove system"]
    assert server.psql(f"SELECT count(*) FROM dns_made WHERE {rows}") == "3"
    server.long_up.unlink()
    del server.settings["dns.updates"], server.settings["tls.next_certificate"]
    server.write_config()
    exchange(server, own, *former, "tls_reloaded process=front.1")
    zone.close()


def test_tlsa_records_that_are_gone_or_cannot_go(published, world):
    """Who took all of them out does not want DANE any more: that is logged, and none is put there until some are seen again. One that the
    zone's server does not take out now is ours yet, and goes later. The resolver asks a signed zone, the updates go to another one."""
    (server, admin, _), own = published, world[1]
    former = own.chain.read_bytes(), own.key_path.read_bytes()
    other, coming = [Certificate(server.folder, label, [server.hostname, "localhost"], server.authority) for label in ("another", "coming")]
    kept, another, next_one = [one.tlsa(3).removeprefix("TLSA ") for one in (own, other, coming)]
    name, zone = f"_25._tcp.{server.hostname}", Primary([])
    rows = f"FROM dns_made WHERE name = '{name}' AND type = 'TLSA'"
    server.psql(f"DELETE {rows}; INSERT INTO dns_made (domain_id, name, type, value) SELECT domain_id, '{name}', 'TLSA', value FROM domain,"
                f" (VALUES ('{kept}'), ('{another}')) v (value) WHERE domain.name = '{server.domain}'")

    def see(*records):
        server.zone.rewrite([line for line in server.lines if " TLSA " not in line] + ["mail A 127.0.0.1", *(f"{name}. {one}" for one in records)])

    def take(certificate):
        exchange(server, own, *certificate, "tls_reloaded process=front.1")

    def look_until(certificate, condition, what):
        """A look takes what the resolver knows from a moment ago, too."""
        def looked():
            take(certificate)
            return condition()
        wait_until(looked, 60, what)

    def noted(value):
        return server.psql(f"SELECT used_at > now() - interval '1 hour' {rows} AND value = '{value}'") == "t"

    def idle(value):
        server.psql(f"UPDATE dns_made SET used_at = now() - interval '25 hours' WHERE name = '{name}' AND value = '{value}'")

    server.settings["dns.updates"] = [zone.update()]
    see()
    server.write_config()
    look_until(former, lambda: "tlsa_gone process=front.1" in server.log(), "the records to be missed")
    server.settings["tls.next_certificate"] = str(coming.chain)
    server.write_config()
    changed = other.chain.read_bytes(), other.key_path.read_bytes()
    for _ in range(2):  # one look goes before the next: when that one notes it, the first is over
        idle(another)
        take(changed)
        wait_until(lambda: noted(another), 60, "what is of use to be noted")
    assert tlsa_in(zone, server) == set() and server.log().count("tlsa_gone") == 1

    # Seen again, of another key; or of a kind that cannot be compared with ours.
    see(own.tlsa(3))
    look_until(changed, lambda: tlsa_in(zone, server) == {another, next_one}, "the records to be put there again")
    see(server.authority.tlsa(2))
    look_until(changed, lambda: "mailserver_tlsa_mismatch 0" in admin.get("/metrics").body.decode(), "that of the authority to be seen")
    zone.take_out(name, "TLSA", another)
    look_until(changed, lambda: tlsa_in(zone, server) == {another, next_one}, "the record to be put there again")

    # Nobody listens where the updates go: what should have gone is ours yet, as if used now.
    see(own.tlsa(3), coming.tlsa(3))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        server.settings["dns.updates"] = [zone.update(server=f"127.0.0.1:{deaf.getsockname()[1]}")]
        server.write_config()
        take(former)
        wait_until(lambda: noted(kept), 60, "what is of use to be noted")
        server.long_up.touch()
        idle(another)
        failed = server.log().count("tlsa_keep_failed")
        look_until(former, lambda: noted(another), "its row to be taken and put back")
        wait_until(lambda: server.log().count("tlsa_keep_failed") > failed, 60, "that to be told")
    removed = f"SELECT count(*) FROM audit_log WHERE action = 'dns.remove' AND detail = '{name} TLSA'"
    before = int(server.psql(removed))
    assert tlsa_in(zone, server) == {another, next_one}
    server.settings["dns.updates"] = [zone.update()]
    server.write_config()
    idle(another)
    look_until(former, lambda: tlsa_in(zone, server) == {next_one}, "the record to go")
    wait_until(lambda: server.psql(f"SELECT count(*) {rows} AND value = '{another}'") == "0", 60, "that to be noted")
    wait_until(lambda: int(server.psql(removed)) == before + 1, 60, "its row of the audit")
    server.long_up.unlink()
    del server.settings["dns.updates"], server.settings["tls.next_certificate"]
    server.write_config()
    take(former)
    zone.close()
