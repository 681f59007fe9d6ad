# SPDX-License-Identifier: Apache-2.0
"""Mail that goes to servers of the operator's choice: for one domain, and all the rest to a smarthost
with a login, which no server hears whose certificate does not verify."""
import base64
import pathlib
import shutil
import tempfile

import pytest
from certificates import Certificate
from conftest import free_ports, wait_until
from outbound import DOMAIN, Sink
from test_delivery import World, module_factory  # noqa: F401: a fixture

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
    w = World(module_factory, **{"delivery.ca_file": str(authority.chain)})
    yield w
    w.close()


def set_transport(world, domain, server, *options, password=None, **more):
    words = ("--login", "us", "--password-stdin") if password else ()
    return world.server.cli("transport", "set", domain, server, *words, *options, stdin=f"{password}\n" if password else None, **more)


def test_mail_of_one_domain_goes_where_the_operator_says(world):
    (port,) = free_ports(1)
    near = Sink(port)
    set_transport(world, "far.example", f"127.0.0.1:{port}", "--tls", "may")
    world.send("mia@far.example", f"leo@good.{DOMAIN}")
    wait_until(lambda: near.of("mia@far.example"), 20, "mail at the server of the transport")
    assert world.arrived(f"leo@good.{DOMAIN}") and not near.of(f"leo@good.{DOMAIN}")
    world.server.cli("transport", "remove", "far.example")
    assert world.server.cli("transport", "remove", "far.example", check=False).returncode == 66
    near.close()


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
    wait_until(lambda: world.queue_of("his@anywhere.example").endswith("|4.4.1"), 20, "nobody is at the relay of the others")
    world.send("mine@anywhere.example", "both@far.example")
    (mail,) = wait_until(lambda: mine.of("mine@anywhere.example"), 20, "mail at the sender's relay")
    assert mail.tls and len(mine.logins) == 1 and not mine.of("both@far.example")
    wait_until(lambda: near.of("both@far.example"), 20, "mail at the server of its destination")
    assert world.server.psql("SELECT failures FROM q_domain WHERE domain = 'anywhere.example'") == "0"
    late = Sink(other)
    wait_until(lambda: late.of("his@anywhere.example"), 20, "the mail of the others when their relay is there")
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
    (mail,) = wait_until(lambda: relay.of(to), 20, "mail at the smarthost")
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
    wait_until(lambda: world.queue_of("kept@anywhere.example").endswith("|4.7.8"), 20, "a temporary failure")
    relay.password = PASSWORD
    wait_until(lambda: relay.of("kept@anywhere.example"), 20, "mail after the password was mended")
    world.server.cli("transport", "remove", "*")
    relay.close()


def test_no_stranger_hears_the_password(world, authority):
    relay = Relay(Certificate(authority.folder, "stranger"))
    assert set_transport(world, "*", f"{HOST}:{relay.port}", "--tls", "encrypt", password=PASSWORD, check=False).returncode == 65
    set_transport(world, "*", f"{HOST}:{relay.port}", password=PASSWORD)
    world.send("careful@anywhere.example")
    wait_until(lambda: "|4.7.5" in world.queue_of("careful@anywhere.example"), 20, "the certificate is not trusted")
    assert not relay.logins and not relay.messages
    world.server.cli("transport", "remove", "*")
    relay.close()
