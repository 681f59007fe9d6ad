# SPDX-License-Identifier: Apache-2.0
"""Relay domains, as a backup MX has them: mail from anyone is taken and passed on as it came, to servers that
are preferred to us; whether there is a recipient, the domain's server or a list says."""
import subprocess

import pytest
from conftest import PSQL, wait_until
from outbound import DOMAIN
from test_delivery import WAIT, World, module_factory  # noqa: F401: a fixture

HOME, DOWN, CIRCLE = f"home.{DOMAIN}", f"down.{DOMAIN}", f"circle.{DOMAIN}"
SENDER = "leo@far.example"
RECORDS = ["home MX 10 mx", "home MX 20 backup", "mx A 127.0.0.1", "backup A 127.0.0.1",
           "down MX 10 dead", "dead A 127.0.0.7", "circle MX 10 backup", "circle MX 20 mx"]


@pytest.fixture(scope="module")
def world(module_factory):  # noqa: F811
    w = World(module_factory, records=RECORDS, **{"delivery.own_names": f"[backup.{DOMAIN}]", "delivery.source": "[127.0.0.31]", "delivery.ehlo_name": "leaves.example"})
    w.rules["home"] = lambda verb, text: "550 5.1.1 nobody <nosuch>" if verb == "RCPT" and ("nosuch" in text or "<strict" in text) else None
    yield w
    w.close()


def relay(world, domain, *options, **more):
    return world.server.cli("relay", "set", domain, *options, **more)


def bring(world, *recipients, text="Subject: passed on\r\n\r\nas it came\r\n"):
    """Mail from outside; gives the replies to RCPT."""
    with world.server.smtp("smtp") as client:
        client.ehlo("far.example")
        client.mail(SENDER)
        replies = [client.rcpt(one) for one in recipients]
        if any(code == 250 for code, _ in replies):
            assert client.data(text)[0] == 250
        return replies


def asked(world, text):
    return [c for c in world.sink.commands if c[0] == "RCPT" and text in str(c[1])]


def test_mail_is_passed_on_as_it_came(world):
    assert bring(world, f"early@{HOME}")[0][0] == 550, "nobody relays before the operator says so"
    relay(world, HOME, "--verify", "none")
    strangers = ["ann@elsewhere.example", f"ann%elsewhere.example@{HOME}", f"elsewhere.example!ann@{HOME}", f'"ann@elsewhere.example"@{HOME}']
    assert [code for code, _ in bring(world, f"Ann@{HOME}", f"bob@{HOME}", *strangers)] == [250, 250] + [550] * len(strangers)
    (mail,) = world.arrived(f"Ann@{HOME}")
    assert mail.sender == SENDER and sorted(mail.recipients) == [f"Ann@{HOME}", f"bob@{HOME}"]
    assert mail.data.startswith(b"Received: ") and mail.data.endswith(b"Subject: passed on\r\n\r\nas it came\r\n")
    assert b"Delivered-To" not in mail.data


def test_one_name_is_of_one_kind(world):
    own = world.user["address"].partition("@")[2]
    assert relay(world, own, check=False).returncode != 0
    assert world.server.cli("domain", "add", HOME, check=False).returncode != 0


def test_users_reach_a_relay_domain_like_any_other(world):
    relay(world, HOME, "--verify", "list")
    world.send(f"not-listed@{HOME}")
    assert world.arrived(f"not-listed@{HOME}")[0].sender == world.user["address"]


def test_recipients_of_a_list(world):
    relay(world, HOME, "--verify", "list", "--recipients-stdin", stdin=f"mia\n# nobody\nLeo@{HOME}\n")
    replies = bring(world, f"mia@{HOME}", f"LEO+tag@{HOME}", f"ann@{HOME}")
    assert [code for code, _ in replies] == [250, 250, 550] and replies[2][1].startswith(b"5.1.1")
    assert [code for code, _ in bring(world, f"Postmaster@{HOME}", f"abuse@{HOME}")] == [250, 250]
    assert [code for code, _ in bring(world, f'"postmaster"@{HOME}', f'"postmaster@x"@{HOME}', f'"abuse@"@{HOME}')] == [250, 550, 550]
    assert world.server.cli("relay", "recipients", HOME).stdout.split()[-2:] == [f"leo@{HOME}", f"mia@{HOME}"]
    assert world.server.json("relay", "recipients", HOME) == {"items": [f"leo@{HOME}", f"mia@{HOME}"]}
    world.arrived(f"LEO+tag@{HOME}")


def test_the_server_of_the_domain_is_asked_once(world):
    relay(world, HOME, "--verify", "callout")
    replies = bring(world, f"good@{HOME}", f"nosuch@{HOME}")
    assert [code for code, _ in replies] == [250, 550] and b"nobody" in replies[1][1]
    world.arrived(f"good@{HOME}")
    assert "" in [c[1].partition(" ")[0].removeprefix("FROM:").strip("<>") for c in world.sink.commands if c[0] == "MAIL"]
    before = len(asked(world, "nosuch"))
    assert bring(world, f"nosuch@{HOME.upper()}")[0][0] == 550
    assert len(asked(world, "nosuch")) == before == 1, "the answer is known"


def test_the_server_is_asked_for_the_name_as_written(world):
    """For it, case counts; and who writes a name wrong takes the right one from nobody."""
    relay(world, HOME, "--verify", "callout")
    assert [code for code, _ in bring(world, f"strict@{HOME}", f"Strict@{HOME}")] == [550, 250]
    world.arrived(f"Strict@{HOME}")


def test_nobody_tries_names_at_our_expense(world):
    relay(world, HOME, "--verify", "callout")
    replies = []
    while len(replies) < 40 and not any(b"Too many unknown" in text for _, text in replies):
        replies += bring(world, *(f"nosuch{len(replies) + i}@{HOME}" for i in range(8)))
    assert {code for code, _ in replies} == {550, 450} and len(asked(world, "nosuch")) <= 31
    assert bring(world, f"good@{HOME}")[0][0] == 250, "who is known is not asked for"
    world.server.psql("DELETE FROM relay_probe")


def flood(world, n):
    """Questions about the domain that somebody asks for the next hour."""
    world.server.psql("INSERT INTO relay_probe (local, name, is_open, asked_by, asked_at, claimed_until)"
                      f" SELECT 'a' || i, '{HOME}', true, '192.0.2.0/24', now(), now() + interval '1 hour' FROM generate_series(1, {n}) i")


@pytest.mark.parametrize("waiting", [1, 200])
def test_questions_that_wait_do_not_make_us_accept(world, waiting):
    """The server is there and answers: with one question an answer is late, with 200 none is taken. Other domains do not feel it."""
    relay(world, HOME, "--verify", "callout", "--when-down", "accept")
    relay(world, DOWN, "--verify", "callout", "--when-down", "accept")
    flood(world, waiting)
    with world.server.impatience("peer"):
        (reply,) = bring(world, f"late{waiting}@{HOME}")
    assert reply[0] == 450 and reply[1].startswith(b"4.1.1")
    assert bool(world.server.psql(f"SELECT 1 FROM relay_probe WHERE local = 'late{waiting}'")) == (waiting == 1)
    assert bring(world, f"late@{DOWN}")[0][0] == 250
    world.server.psql("DELETE FROM relay_probe")


def test_a_server_that_closes_after_an_answer_is_not_down(world):
    """It has enough of a client after one name: the next ones are asked over further connections."""
    relay(world, HOME, "--verify", "callout", "--when-down", "accept")
    ordinary, names = world.rules["home"], []

    def one_a_connection(verb, text):
        if verb != "RCPT" or "brief" not in text:
            return ordinary(verb, text)
        names.append(text)
        return "550 5.1.1 nobody" if len(names) % 2 else "421 4.7.0 too many errors"

    world.rules["home"] = one_a_connection
    world.server.psql("INSERT INTO relay_probe (local, name, is_open, asked_by, asked_at)"
                      f" SELECT 'brief' || i, '{HOME}', true, '', now() FROM generate_series(1, 4) i")
    wait_until(lambda: world.server.psql("SELECT count(*) FROM relay_probe WHERE local LIKE 'brief%' AND verdict = 0") == "4", WAIT, "four answers")
    assert world.server.psql(f"SELECT 1 FROM relay_domain WHERE name = '{HOME}' AND down_until > '-infinity'") == ""
    world.rules["home"] = ordinary


def test_a_server_that_does_not_tell_is_not_asked_again_at_once(world):
    relay(world, HOME, "--verify", "callout", "--when-down", "accept")
    ordinary = world.rules["home"]
    world.rules["home"] = lambda verb, text: "450 4.2.0 later" if verb == "RCPT" and "grey" in text else ordinary(verb, text)
    assert bring(world, f"grey@{HOME}")[0][0] == 250
    assert world.server.psql("SELECT is_open, verdict IS NULL, quiet_until > now() FROM relay_probe WHERE local = 'grey'") == "f|t|t"
    world.rules["home"] = ordinary


@pytest.mark.parametrize(("verdict", "refused"), [("0", "t"), ("1", "f"), ("NULL", "f")])
def test_only_names_that_are_not_there_count_against_a_client(world, verdict, refused):
    """A server that greylists us (NULL) says nothing about those whom its clients write to. Never committed."""
    assert refused == world.server.psql(
        "BEGIN; INSERT INTO relay_probe (local, name, verdict, is_open, asked_by, asked_at)"
        f" SELECT 'a' || i, '{HOME}', {verdict}, false, '192.0.2.0/24', now() FROM generate_series(1, 30) i;"
        f"SELECT is_refused FROM relay_probe_ask('{HOME}', 'new', '192.0.2.0/24', 30, 500)")


def test_a_domain_is_asked_by_one_process_at_a_time(world):
    """In a schema of its own, where the workers do not look."""
    world.server.psql("CREATE SCHEMA apart; CREATE TABLE apart.relay_probe (LIKE relay_probe INCLUDING ALL);"
                      "INSERT INTO apart.relay_probe (local, name, is_open, asked_by, asked_at)"
                      f" SELECT 'a' || i, '{HOME}', true, '', now() FROM generate_series(1, 60) i")
    database = world.server.settings.get("database.url") or world.server.status()["database"]
    claim = "SELECT count(*) FROM relay_probe_claim(50, 60000);\n"

    def begin():
        one = subprocess.Popen([PSQL, "-X", "-q", "-A", "-t", "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        one.stdin.write("SET search_path = apart, public;\n")
        return one

    first, second = begin(), begin()
    first.stdin.write("BEGIN;\n" + claim)
    first.stdin.flush()
    assert first.stdout.readline() == "50\n"
    second.stdin.write(claim + "\\q\n")
    second.stdin.flush()
    wait_until(lambda: second.poll() is not None or world.server.psql("SELECT 1 FROM pg_locks WHERE NOT granted"), WAIT, "the second one")
    assert first.communicate("COMMIT;\n")[0] == "" and second.communicate()[0] == "0\n"
    world.server.psql("DROP SCHEMA apart CASCADE")


@pytest.mark.parametrize(("when_down", "code"), [("accept", 250), ("defer", 450)])
def test_servers_that_are_down(world, when_down, code):
    relay(world, DOWN, "--when-down", when_down)
    (reply,) = bring(world, f"{when_down}@{DOWN}")
    assert reply[0] == code
    assert bool(world.queue_of(f"{when_down}@{DOWN}")) == (code == 250)


def test_mail_does_not_go_in_a_circle(world):
    """We are the most preferred server ourselves, by a further name: the other one would send it back."""
    relay(world, CIRCLE, "--verify", "none")
    bring(world, f"round@{CIRCLE}")
    wait_until(lambda: world.queue_of(f"round@{CIRCLE}") == "", WAIT, "a final failure")
    assert "5.4.6" in world.server.log() and not world.sink.of(f"round@{CIRCLE}")
    world.server.cli("relay", "remove", CIRCLE)
    assert bring(world, f"round@{CIRCLE}")[0][0] == 550
    assert world.server.cli("relay", "remove", CIRCLE, check=False).returncode == 66


def test_mail_leaves_by_the_address_and_the_name_that_are_set(world):
    world.send(f"from-where@{HOME}")
    world.arrived(f"from-where@{HOME}")
    assert world.sink.peers == {"127.0.0.31"}
    assert {argument for verb, argument in world.sink.commands if verb == "EHLO"} == {"leaves.example"}
