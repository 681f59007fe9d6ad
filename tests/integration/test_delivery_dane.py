# SPDX-License-Identifier: Apache-2.0
"""DANE when delivering (FEATURES 72, ATTACKS O2; RFC 7672): a zone signed by ldns, served by a real nsd."""
import ssl

import pytest
from certificates import Certificate
from conftest import free_ports, wait_until
from outbound import DOMAIN, Sink, Zone

WAIT = 20


class World:
    """Servers with TLS, without, and with one that is broken; the name of a domain says what its TLSA
    records are like."""

    def __init__(self, factory, folder):
        (self.port,) = free_ports(1)
        authority = Certificate(folder, "authority")
        own = Certificate(folder, "server", [f"mx-issuer.{DOMAIN}"], authority)
        stranger = Certificate(folder, "stranger")
        self.good = Sink(self.port, tls=own.context())
        self.plain = Sink(self.port, address="127.0.0.2")
        self.broken = Sink(self.port, address="127.0.0.3", tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        forged, false = stranger.tlsa(3).rsplit(" ", 1)[1], own.tlsa(3).rsplit(" ", 1)[1]
        lines = []
        for name, address, records in [
                ("none", 1, []), ("right", 1, [own.tlsa(3)]), ("issuer", 1, [authority.tlsa(2, 0)]),
                ("misnamed", 1, [authority.tlsa(2, 0)]), ("wrong", 1, [Certificate(folder, "other").tlsa(3)]),
                ("one", 1, [Certificate(folder, "former").tlsa(3), own.tlsa(3, 0)]),
                ("unusable", 1, ["TLSA 1 1 1 " + 64 * "0"]), ("garbage", 1, ["TLSA 3 0 0 00"]), ("forged", 1, [f"TLSA 3 1 1 {forged}"]),
                ("plain", 2, [own.tlsa(3)]), ("odd", 2, ["TLSA 3 1 9 00"]), ("broken", 3, [own.tlsa(3)])]:
            lines += [f"{name} MX 10 mx-{name}", f"mx-{name} A 127.0.0.{address}"]
            lines += [f"_{self.port}._tcp.mx-{name} {r}" for r in records]
        lines += ["alias MX 10 mx-alias", "mx-alias CNAME mx-right", "badalias MX 10 mx-badalias",
                  "mx-badalias CNAME mx-wrong", "direct A 127.0.0.2", f"_{self.port}._tcp.direct {own.tlsa(3)}"]
        self.zone = Zone(lines, signed=True, forge=[(forged, false)])
        self.server = factory(settings={
            "delivery.port": self.port, "delivery.time_divisor": 1000, "delivery.allow_private": "true",
            "dns.validate": "true", "dns.stub_zone": DOMAIN,
            "dns.stub_server": self.zone.server, "dns.anchor_file": str(self.zone.anchor)})
        self.user = self.server.user(2)

    def send(self, name):
        address, sender = f"somebody@{name}.{DOMAIN}", self.user["address"]
        with self.server.smtp("submission", login=self.user) as client:
            client.sendmail(sender, [address], f"From: {sender}\r\nTo: {address}\r\nSubject: x\r\n\r\nx\r\n".encode())
        return address

    def why(self, address):
        return self.server.psql(f"SELECT code || ' ' || reply FROM q_rcpt WHERE rcpt = '{address}' AND attempts > 0")

    def close(self):
        for sink in (self.good, self.plain, self.broken):
            sink.close()
        self.zone.close()


@pytest.fixture(scope="module")
def module_factory():
    from conftest import Instance
    made = []

    def start(**options):
        made.append(Instance(**options))
        return made[-1].up()

    yield start
    for instance in made:
        instance.remove()


@pytest.fixture(scope="module")
def world(module_factory, tmp_path_factory):
    w = World(module_factory, tmp_path_factory.mktemp("certificates"))
    yield w
    w.close()


@pytest.mark.parametrize("name, verified", [
    ("right", True), ("issuer", True), ("one", True), ("alias", True), ("unusable", False),
    ("garbage", False), ("none", False)])
def test_it_goes_over_tls(world, name, verified):
    """Nobody knows our authority but the TLSA records. Unusable ones still demand encryption."""
    address = world.send(name)
    (message,) = wait_until(lambda: world.good.of(address), WAIT, f"mail for {address}")
    assert message.tls
    line = wait_until(lambda: [l for l in world.server.log().splitlines()
                               if "delivery_done" in l and f"domain={name}.{DOMAIN}" in l], WAIT, "the log")[0]
    assert f"verified={'true' if verified else 'false'}" in line, line


@pytest.mark.parametrize("name, code, reason", [
    ("wrong", "4.7.5", "TLSA"), ("badalias", "4.7.5", "TLSA"), ("misnamed", "4.7.5", "TLSA"),
    ("forged", "4.7.5", "TLSA records have a wrong DNSSEC signature"),
    ("plain", "4.7.4", "does not offer"), ("odd", "4.7.4", "does not offer"), ("direct", "4.7.4", "does not offer"),
    ("broken", "4.7.5", "TLS failed")])
def test_it_is_kept_and_never_sent_in_plain_text(world, name, code, reason):
    address = world.send(name)
    said = wait_until(lambda: world.why(address), WAIT, f"a delivery to {address} to be put off")
    assert said.startswith(code) and reason in said, said
    for sink in (world.good, world.plain, world.broken):
        assert not any(address in str(argument) for _, argument in sink.commands)
