# SPDX-License-Identifier: Apache-2.0
"""The command line on a running server: what it does, prints and answers."""
import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from api_client import Api
from conftest import BINARY

COMMANDS = ["serve", "migrate", "config-check", "config", "version", "domain add", "domain list", "domain remove",
            "domain alias", "address list", "address add", "address change", "address remove",
            "user add", "user list", "user quota", "user pop3", "user save-sent", "user from-id", "user disable", "user enable", "app-password create",
            "app-password list", "app-password revoke", "undelete list", "undelete restore", "retention list",
            "retention set", "acl list", "acl set", "acl remove", "shared-folder add", "shared-folder list", "queue list", "queue show", "queue retry",
            "queue retry-all", "queue delete", "transport list", "transport set", "transport remove", "relay list", "relay set", "relay recipients", "relay remove", "queue stats", "whitelist receipt", "whitelist receipt list",
            "whitelist receipt remove", "whitelist tls", "blacklist receipt", "blacklist receipt list", "blacklist receipt remove",
            "report list", "report show", "report send", "dnsbl test", "log events",
            "report received list", "report received show",
            "mta-sts show", "mta-sts set", "mta-sts remove", "domain dns", "domain check", "deliver test",
            "sending list", "sending show", "sending limit", "sending stop", "sending release",
            "tenant add", "tenant list", "tenant show", "tenant rename", "tenant domains", "tenant remove"]


def run(*words, **options):
    return subprocess.run([BINARY, *words], capture_output=True, text=True, check=False, **options)


def code(heronry, *words, **options):
    return heronry.cli(*words, check=False, **options).returncode


def address(heronry, name):
    return f"{name}-{os.getpid()}@{heronry.domain}"


# ---- help ----

def test_help_names_every_command_and_the_exit_codes():
    done = run("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", done.stdout, re.M), command
    for number in (0, 1, 64, 65, 66, 69, 70, 73, 75, 77, 78):
        assert re.search(rf"^ +{number}  \w", done.stdout, re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    done = run(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Usage: heronry {command}" in done.stdout
    assert run("help", *command.split()).stdout == done.stdout
    assert run(*command.split(), "-h").stdout == done.stdout


@pytest.mark.parametrize("command", ["serve", "migrate", "version", "config", "config-check", "dnsbl test", "log events", "imap capabilities", "imap commands", "pop3 commands"])
def test_commands_of_this_machine_have_no_options_for_another_server(command):
    shown = run(*command.split(), "--help").stdout
    for option, value in (("--url", "https://mail.example.org"), ("--token", "x"), ("--ca-file", "/dev/null")):
        done = run(*command.split(), option, value, "--help")
        assert (done.returncode, option in shown) == (64, False) and f"there is no option {option}" in done.stderr
    assert "--config FILE" in shown and "--url URL" in run("user", "list", "--help").stdout


def test_the_usage_names_options_that_are_needed():
    assert "Usage: heronry dkim import FILE --domain NAME --selector NAME [OPTIONS]\n" in run("dkim", "import", "--help").stdout
    assert "Usage: heronry config --explain [OPTIONS]\n" in run("config", "--help").stdout


def test_help_of_a_noun():
    done = run("queue", "--help")
    assert done.returncode == 0 and not done.stderr
    assert re.search("^  queue list ", done.stdout, re.M) and "user" not in done.stdout
    assert run("help", "queue").stdout == done.stdout
    assert run("queue").returncode == 64


@pytest.mark.parametrize("command, other", [("whitelist receipt", "whitelist receipt add"), ("dkim generate", "dkim-keygen"),
                                            ("blacklist receipt", "blacklist receipt add"), ("whitelist tls", "whitelist tls add")])
def test_other_names_of_a_command(command, other):
    done = run(*other.split(), "--help")
    assert done.returncode == 0 and f"Usage: heronry {command} " in done.stdout
    assert f"Also: heronry {other}\n" in done.stdout


@pytest.mark.parametrize("words", [
    ["no-such-command"], ["user"], ["user", "no-such-verb"], ["domain", "add"], ["domain", "add", "a.example", "more"],
    ["user", "list", "--no-such-option"], ["user", "list", "--domain"], ["user", "list", "--json=yes"], ["config"], []])
def test_wrong_command_lines(words):
    done = run(*words)
    assert done.returncode == 64
    assert done.stderr or not words


def test_version():
    assert re.fullmatch(r"heronry \d+\.\d+\.\d+\n", run("version").stdout)
    assert run("--version").stdout == run("version").stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+", json.loads(run("version", "--json").stdout)["version"])


# ---- domains ----

def test_domain_add_list_remove(heronry):
    name = f"d{os.getpid()}.example"
    assert f"added {name}" in heronry.cli("domain", "add", name.upper()).stdout.lower()
    assert {"name": name, "accounts": 0}.items() <= next(
        d for d in heronry.json("domain", "list")["items"] if d["name"] == name).items()
    assert name in heronry.cli("domain", "list").stdout
    assert code(heronry, "domain", "add", name) == 73
    assert heronry.json("domain", "remove", name) == {"ok": True, "domain": name}
    assert code(heronry, "domain", "remove", name) == 66


@pytest.mark.parametrize("name", ["", "a..example", "-a.example", "a b.example", "a.example\r\nb", "a" * 64 + ".example"])
def test_bad_domains_are_refused(heronry, name):
    assert code(heronry, "domain", "add", "--", name) == 65


def test_a_domain_with_users_stays(heronry):
    done = heronry.cli("domain", "remove", heronry.domain, check=False)
    assert done.returncode == 75
    assert heronry.domain in [d["name"] for d in heronry.json("domain", "list")["items"]]


# ---- users ----

def test_user_add_list_quota_disable_enable(heronry):
    name = address(heronry, "walk")
    heronry.cli("user", "add", name, "--password-stdin", "--quota", "5MB", stdin="a-long-enough-password\n")
    assert heronry.json("user", "quota", name)["quotaBytes"] == 5 * 1024 * 1024
    user = {"address": name, "password": "a-long-enough-password"}
    heronry.imap(user).logout()
    heronry.cli("user", "quota", name, "unlimited")
    assert heronry.json("user", "quota", name)["quotaBytes"] == 0
    heronry.cli("user", "disable", name)
    listed = next(u for u in heronry.json("user", "list", "--domain", heronry.domain)["items"] if u["address"] == name)
    assert listed["isDisabled"] and not listed["isAdmin"]
    with pytest.raises(Exception, match="AUTHENTICATIONFAILED"):
        heronry.imap(user)
    heronry.cli("user", "enable", name)
    heronry.imap(user).logout()
    assert name in heronry.cli("user", "list").stdout


def test_changes_are_in_the_audit_log(heronry):
    name = address(heronry, "audited")
    heronry.cli("user", "add", name, "--password-stdin", stdin="a-long-enough-password\n")
    heronry.cli("user", "quota", name, "1GB")
    rows = heronry.psql(f"SELECT actor, action FROM audit_log WHERE object = '{name}' ORDER BY audit_id").splitlines()
    assert len(rows) == 2 and all(r.startswith("cli|") for r in rows)


def test_the_last_administrator_stays(heronry_factory):
    instance = heronry_factory(users=[("user1", True)])
    done = instance.cli("user", "disable", instance.user()["address"], check=False)
    assert done.returncode == 77
    assert not instance.json("user", "list")["items"][0]["isDisabled"]


@pytest.mark.parametrize("words,wanted", [
    (["nobody@nowhere.example"], 66), (["no-address"], 65), (["a b@example.test"], 65), (["user1@example.test"], 73)])
def test_user_add_refusals(heronry, words, wanted):
    assert code(heronry, "user", "add", *words, "--password-stdin", stdin="a-long-enough-password\n") == wanted


def test_a_common_password_is_refused_with_its_reason(heronry):
    done = heronry.cli("user", "add", address(heronry, "common"), "--password-stdin", stdin="Qwertyuiop123\n",
                       check=False)
    assert done.returncode == 65
    assert "one of those that are tried first" in done.stderr


@pytest.mark.parametrize("password", ["short", "", "with\x01control-characters", "x" * 1100, "x" * 5000])
def test_bad_passwords_are_refused(heronry, password):
    name = address(heronry, "badpass")
    assert code(heronry, "user", "add", name, "--password-stdin", stdin=password + "\n") in (65, 77)
    assert code(heronry, "user", "quota", name) == 66


@pytest.mark.parametrize("size", ["", "x", "5XB", "-1", "9999999TB", "1.5GB"])
def test_bad_sizes_are_refused(heronry, size):
    assert code(heronry, "user", "quota", "--", heronry.user()["address"], size) == 65


def test_a_password_among_the_arguments_is_warned_of_and_hidden(heronry):
    """While it waits for the database, /proc/PID/cmdline must not show it."""
    name, secret = address(heronry, "visible"), "canary-password-4711"
    done = heronry.cli("user", "add", name, "--password", secret)
    assert "visible" in done.stderr and secret not in done.stderr + done.stdout
    heronry.imap({"address": name, "password": secret}).logout()
    os.kill(heronry.pids()["redis"], 0)
    process = subprocess.Popen([BINARY, "user", "add", name, "--password", secret, "--config", heronry.config_path],
                               stderr=subprocess.PIPE)
    process.stderr.readline()  # the warning is said after it was hidden
    with open(f"/proc/{process.pid}/cmdline", "rb") as shown:
        assert secret.encode() not in shown.read()
    assert process.wait(90) == 73


def test_the_password_is_asked_for_on_a_terminal_and_not_shown(heronry):
    name = address(heronry, "asked")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(BINARY, [str(BINARY), "user", "add", name, "--config", str(heronry.config_path)])
    seen = b""
    for question in (b"Password: ", b"Once more: "):
        while question not in seen:
            ready, _, _ = select.select([terminal], [], [], 60)
            assert ready, seen
            seen += os.read(terminal, 1000)
        time.sleep(0.1)
        os.write(terminal, b"typed-by-hand-42\n")
    _, status = os.waitpid(pid, 0)
    while select.select([terminal], [], [], 0.1)[0]:
        try:
            seen += os.read(terminal, 1000)
        except OSError:
            break
    assert os.waitstatus_to_exitcode(status) == 0, seen
    assert b"typed-by-hand" not in seen
    heronry.imap({"address": name, "password": "typed-by-hand-42"}).logout()


def test_without_a_terminal_it_says_what_to_do(heronry):
    done = subprocess.run([BINARY, "user", "add", address(heronry, "noterm"), "--config", heronry.config_path],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, check=False)
    assert done.returncode == 64 and "--password-stdin" in done.stderr


def test_no_password_is_written_anywhere(heronry):
    """R31: not in the log, not in the database's log."""
    secret = "canary-password-0815"
    heronry.cli("user", "add", address(heronry, "canary"), "--password-stdin", stdin=secret + "\n")
    logs = [heronry.log_path, *(heronry.data_dir / "log").iterdir()]
    assert logs and not any(secret in path.read_text(errors="replace") for path in logs)


# ---- app passwords ----

def test_app_password_verbs(heronry):
    user = heronry.new_user()
    shown = heronry.cli("app-password", "create", user["address"], "Old phone", "--protocols", "imap, smtp")
    assert re.fullmatch(r"([a-z2-7]{4}-){6}[a-z2-7]{4}\n", shown.stdout)
    made = heronry.json("app-password", "create", user["address"], "Desk", "--expires", "2099-01-01T00:00:00Z",
                        "--networks", "192.0.2.0/24")
    heronry.imap(user | {"password": shown.stdout.strip()}).logout()
    desk, phone = heronry.json("app-password", "list", user["address"])["items"]
    assert (desk["label"], desk["protocols"], desk["networks"]) == ("Desk", ["imap", "pop3", "smtp"], ["192.0.2.0/24"])
    assert desk["id"] == made["id"] and desk["expiresAt"].startswith("2099") and desk["lastUsedAt"] is None
    assert phone["protocols"] == ["imap", "smtp"] and phone["lastUsedIp"] in ("127.0.0.1", "::1")
    table = heronry.cli("app-password", "list", user["address"]).stdout
    assert "Old phone" in table and "everywhere" in table and made["password"] not in table
    assert heronry.json("app-password", "revoke", user["address"], phone["id"])["ok"]
    with pytest.raises(Exception, match="AUTHENTICATIONFAILED"):
        heronry.imap(user | {"password": shown.stdout.strip()})
    assert code(heronry, "app-password", "revoke", user["address"], phone["id"]) == 66
    assert code(heronry, "app-password", "list", f"nobody@{heronry.domain}") == 66
    assert code(heronry, "app-password", "create", user["address"], "x", "--protocols", "ftp") == 65
    assert code(heronry, "app-password", "create", user["address"], "x", "--networks", "192.0.2.0/40") == 65


# ---- tokens ----

def test_token_verbs(heronry):
    admin, person = heronry.user(1), heronry.new_user()
    shown = heronry.cli("token", "create", admin["address"], "Automation")
    assert re.fullmatch(r"hrn_[A-Za-z0-9_-]{43}\n", shown.stdout) and "cannot be shown again" in shown.stderr
    assert Api(heronry, token=shown.stdout.strip()).get("/admin/accounts").json["items"]
    made = heronry.json("token", "create", person["address"], "Backup", "--scopes", "account:read, mail:read",
                        "--expires", "2099-01-01T00:00:00Z")
    program = Api(heronry, token=made["secret"])
    assert program.get("/me").json["address"] == person["address"]
    (backup,) = heronry.json("token", "list", person["address"])["items"]
    assert (backup["id"], backup["name"], backup["scopes"]) == (made["id"], "Backup", ["account:read", "mail:read"])
    assert backup["expiresAt"].startswith("2099") and made["secret"].startswith(backup["prefix"])
    table = heronry.cli("token", "list", person["address"]).stdout
    assert "Backup" in table and "account:read, mail:read" in table and made["secret"] not in table
    assert heronry.json("token", "end", person["address"], made["id"])["ok"]
    program.ended("/me")
    assert code(heronry, "token", "end", person["address"], made["id"]) == 66
    assert code(heronry, "token", "list", f"nobody@{heronry.domain}") == 66
    assert code(heronry, "token", "create", person["address"], "x", "--scopes", "everything") == 65
    refused = heronry.cli("token", "create", person["address"], "x", check=False)
    assert refused.returncode == 65 and "need an administrator" in refused.stderr


# ---- sharing ----

def test_address_verbs(heronry):
    name, member = address(heronry, "team"), heronry.user(1)["address"]
    made = heronry.json("address", "add", name, member, "far@else.example", "--group", "--posting", "members")
    assert (made["kind"], made["posting"], sorted(made["targets"])) == ("group", "members", sorted([member, "far@else.example"]))
    assert code(heronry, "address", "add", name, member) == 73
    assert code(heronry, "address", "add", "x@nowhere.example", member) == 65
    changed = heronry.json("address", "change", name, member, "--posting", "anyone", "--senders", f"{member}, {heronry.user(2)['address']}")
    assert (changed["posting"], changed["targets"]) == ("anyone", [member]) and len(changed["senders"]) == 2
    changed = heronry.json("address", "change", name, "--senders", "", "--on-behalf", member)
    assert (changed["senders"], changed["onBehalf"]) == ([], [member])
    shown = heronry.cli("address", "list", "--kind", "group").stdout
    assert re.search(rf"^{re.escape(name)} .*{re.escape(member)}", shown, re.M)
    heronry.cli("address", "remove", name)
    assert code(heronry, "address", "remove", name) == 66
    further = address(heronry, "further")
    assert heronry.json("address", "add", further, "--account", member)["account"] == member
    assert heronry.json("address", "list", "--account", member, "--kind", "alias")["items"][0]["address"] == further
    heronry.cli("address", "remove", further)


@pytest.mark.parametrize("words, said", [
    (("queue", "reschedule", "--domain", "far.example"), "--at is needed"),
    (("queue", "list", "--domain", "far example"), "--domain is not a domain"),
    (("domain", "add", "bad domain"), '"bad domain" is not a domain'),
    (("queue", "transport", "nope", "--domain", "far.example"), '"nope" is none that there is (transport list)'),
    (("queue", "hold"), "say which mail: an ID, or --domain, --sender"),
    (("queue", "drop", "--dry-run"), "say which mail: an ID, or --domain, --sender"),
    (("whitelist", "tls", "far.example", "--key", "abc"), "--key has to have"),
    (("whitelist", "tls", "far.example", "--any", "--expires", "2020-01-01T00:00:00Z"), "--expires has to lie ahead"),
    (("queue", "trace", "--from", "yesterday"), "--from is not a moment"),
    (("report", "list", "--kind", "foo"), "--kind has to be one of"),
])
def test_an_error_names_what_is_wrong(heronry, words, said):
    done = heronry.cli(*words, check=False)
    assert done.returncode == 65 and said in done.stderr, done.stderr


def test_domain_alias_verb(heronry):
    name = f"alias-{os.getpid()}.example"
    heronry.cli("domain", "add", name)
    assert "another name" in heronry.cli("domain", "alias", name, heronry.domain).stdout
    listed = {d["name"]: d["aliasOf"] for d in heronry.json("domain", "list")["items"]}
    assert listed[name] == heronry.domain
    heronry.cli("domain", "alias", name)
    heronry.cli("domain", "remove", name)


def test_acl_and_shared_folder_verbs(heronry):
    owner, reader = heronry.new_user(), heronry.new_user()
    assert heronry.json("acl", "list", owner["address"], "inbox") == {"items": []}
    heronry.cli("acl", "set", owner["address"], "INBOX", reader["address"], "lrs", "--deny", "x")
    entry = {"grantee": reader["address"], "granted": "lrs", "denied": "x"}
    assert heronry.json("acl", "list", owner["address"], "INBOX")["items"] == [entry]
    assert reader["address"] in heronry.cli("acl", "list", owner["address"], "INBOX").stdout
    with heronry.imap(reader) as imap:
        assert imap.select(f'"Other Users/{owner["address"]}/INBOX"', readonly=True)[0] == "OK"
    assert heronry.json("acl", "remove", owner["address"], "INBOX", reader["address"])["ok"]
    assert code(heronry, "acl", "set", owner["address"], "INBOX", "nobody@nowhere.example", "l") == 66
    assert code(heronry, "acl", "set", owner["address"], "INBOX", "anyone", "lq") == 65
    assert code(heronry, "acl", "list", owner["address"], "Nothing") == 66
    name = f"Team {os.getpid()}"
    account = heronry.json("shared-folder", "add", heronry.domain, name)["accountId"]
    listed = heronry.json("shared-folder", "list", heronry.domain)["items"]
    assert {"accountId": account, "path": name}.items() <= next(f for f in listed if f["path"] == name).items()
    assert name in heronry.cli("shared-folder", "list", heronry.domain).stdout
    heronry.cli("acl", "set", account, name, reader["address"], "lrswi")
    with heronry.imap(reader) as imap:
        assert imap.append(f'"Shared Folders/{name}"', None, None, b"Subject: x\r\n\r\nx\r\n")[0] == "OK"
    assert code(heronry, "shared-folder", "add", heronry.domain, name) == 73


# ---- queue ----

@pytest.fixture
def stuck(heronry_factory):
    """A server whose outbound mail cannot be sent: its resolver does not answer."""
    return heronry_factory(settings={"dns.forward": "127.0.0.1@1", "workers.back": 0},
                           users=[("user1", True)])


def test_queue_verbs(stuck):
    user = stuck.user()
    assert stuck.json("queue", "stats")["messages"] == 0
    for to in ("a@one.example", "b@two.example"):
        client = stuck.smtp("submission", login=user)
        client.sendmail(user["address"], [to], f"From: {user['address']}\r\nTo: {to}\r\nSubject: x\r\n\r\nx\r\n")
        client.quit()
    entries = stuck.json("queue", "list")["items"]
    assert [e["recipient"] for e in entries] == ["a@one.example", "b@two.example"]
    assert {e["status"] for e in entries} == {"pending"}
    (one, two) = stuck.json("queue", "domains")["items"]
    assert (one["domain"], one["recipients"], one["breaker"], one["waits"]) == ("one.example", 1, "closed", None)
    # Behind an open breaker the next try is when that lets one through, and it is said what it waits for.
    stuck.psql("UPDATE q_domain SET breaker_open = true, failures = 5, reason = 'Connection refused', breaker_until = '2099-01-01'"
               " WHERE domain = 'one.example'")
    why = "the servers of one.example failed 5 times in a row: Connection refused"
    told = {"code": "breaker-open-for", "values": {"domain": "one.example", "times": "5", "cause": "Connection refused"},
            "parts": {"cause": {"code": "connection-refused", "values": {}, "parts": {}}}}
    until = "2099-01-01T00:00:00Z"
    (one, two) = stuck.json("queue", "domains")["items"]
    assert (one["nextAttemptAt"], one["breaker"], one["breakerUntil"], one["waits"]) == (until, "open", until, {"reason": why, "told": told})
    assert (two["breaker"], two["breakerUntil"], two["waits"]) == ("closed", None, None) and two["nextAttemptAt"] < until
    (traced,) = stuck.json("queue", "trace", entries[0]["id"])["items"]
    for row in (stuck.json("queue", "list")["items"][0], stuck.json("queue", "show", entries[0]["id"])["recipients"][0], traced):
        assert (row["nextAttemptAt"], row["waits"]) == (until, {"reason": why, "told": told})
    for words in (("list",), ("domains",), ("show", entries[0]["id"]), ("trace", entries[0]["id"])):
        assert why in stuck.cli("queue", *words).stdout, words
    assert f"  waits: {why}; tried again at {until}" in stuck.cli("queue", "trace", entries[0]["id"]).stdout
    stuck.psql("UPDATE q_domain SET breaker_until = now()")
    assert "half open" in stuck.cli("queue", "domains", "--domain", "one.example").stdout
    stuck.psql("UPDATE q_domain SET breaker_open = false")
    # What is held says why in its trace, too.
    stuck.cli("queue", "hold", entries[1]["id"])
    assert "  waits: an administrator holds it\n" in stuck.cli("queue", "trace", entries[1]["id"]).stdout
    assert stuck.json("queue", "list", "--domain", "two.example")["items"][0]["waits"] is None
    stuck.cli("queue", "release", entries[1]["id"])
    only = stuck.json("queue", "list", "--domain", "two.example")["items"]
    assert [e["id"] for e in only] == [entries[1]["id"]]
    assert entries[0]["id"] in stuck.cli("queue", "list").stdout
    shown = stuck.cli("queue", "show", entries[0]["id"]).stdout
    assert entries[0]["recipient"] in shown and "EXPIRES" in shown
    assert stuck.json("queue", "show", entries[0]["id"])["recipients"][0]["recipient"] == entries[0]["recipient"]
    assert code(stuck, "queue", "show", "not-an-id") == 65
    assert stuck.json("queue", "retry-all")["recipients"] == 2
    assert stuck.json("queue", "retry", entries[0]["id"])["ok"]
    assert stuck.json("queue", "delete", entries[0]["id"])["ok"]
    assert code(stuck, "queue", "delete", entries[0]["id"]) == 66
    assert code(stuck, "queue", "retry", "not-an-id") == 65
    assert "13 letters and digits" in stuck.cli("queue", "retry", "not-an-id", check=False).stderr
    assert code(stuck, "queue", "list", "--status", "wrong") == 65
    assert stuck.json("queue", "stats")["messages"] == 1
    actions = stuck.psql("SELECT action FROM audit_log WHERE action LIKE 'queue.%'").splitlines()
    assert len(actions) == 5


def test_mail_is_found_by_the_id_that_our_reply_told(stuck):
    user = stuck.user()
    text = f"From: {user['address']}\r\nMessage-ID: <named@here.example>\r\nTo: {{to}}\r\nSubject: x\r\n\r\nx\r\n"
    ids = {}
    with stuck.smtp("submission", login=user) as client:
        for to in ("a@one.example", "b@one.example", user["address"]):
            for words in (f"MAIL FROM:<{user['address']}>", f"RCPT TO:<{to}>"):
                assert client.docmd(words)[0] == 250
            reply, said = client.data(text.format(to=to))
            assert reply == 250 and b"Accepted as " in said
            ids[to] = said.decode().split()[-1]
    first, second, ours = ids.values()
    session = first.split(".")[0]
    (traced,) = stuck.json("queue", "trace", first)["items"]
    assert traced["recipient"] == "a@one.example"
    assert [d["recipient"] for d in stuck.json("queue", "trace", second)["items"]] == ["b@one.example"]
    assert {d["recipient"] for d in stuck.json("queue", "trace", session)["items"]} == {"a@one.example", "b@one.example"}
    # What stays here leaves no trace, and that is what is said.
    none = stuck.cli("queue", "trace", ours, check=False)
    assert none.returncode == 66 and "no mail with this id has left this server" in none.stderr
    assert [json.loads(line)["envelope"]["transaction"] for line in stuck.cli("queue", "dump").stdout.splitlines()] == [first, second]
    lines = [line for line in stuck.log().splitlines() if " smtp_message " in line and f" {session} " in line]
    assert len(lines) == 3 and all(" message_id=named@here.example" in line for line in lines), lines
    assert f" queue_id={traced['id']}" in lines[0] and " transfer=1 " in lines[0]
    assert 'queue_id=""' in lines[2] or "queue_id= " in lines[2] or lines[2].endswith("queue_id="), lines[2]


def test_terminal_escapes_of_peers_are_shown_not_obeyed(stuck):
    """ATTACKS C3: what a remote server replied is printed by an administrator's terminal."""
    user = stuck.user()
    client = stuck.smtp("submission", login=user)
    client.sendmail(user["address"], ["a@one.example"], f"From: {user['address']}\r\nTo: a@one.example\r\n\r\nx\r\n")
    client.quit()
    stuck.psql(r"UPDATE q_rcpt SET reply = E'550 \x1b]0;owned\x07 \u009b31m'")
    entry = stuck.json("queue", "list")["items"][0]["id"]
    for shown in (stuck.cli("queue", "list").stdout, stuck.cli("queue", "show", entry).stdout):
        assert r"550 \x1b]0;owned\x07 \xc2\x9b31m" in shown
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", shown)
    for words in (("queue", "list", "--json"), ("queue", "show", entry, "--json"), ("queue", "dump")):
        shown = stuck.cli(*words).stdout
        assert r"550 \u001b]0;owned\u0007 \u009b31m" in shown.lower()
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown)


# ---- migrations ----

def test_migrate_status_and_refusal_of_a_changed_file(heronry_factory):
    instance = heronry_factory(users=[])
    rows = instance.json("migrate", "--status")["items"]
    assert rows and [r["version"] for r in rows] == list(range(1, len(rows) + 1))
    assert {r["state"] for r in rows} == {"applied"} and all(r["appliedAt"] for r in rows)
    assert "nothing to do" in instance.cli("migrate", "--dry-run").stdout
    assert instance.json("migrate") == {"ok": True, "applied": 0}
    instance.psql("UPDATE schema_migration SET checksum = 'other' WHERE version = 1")
    done = instance.cli("migrate", check=False)
    assert done.returncode == 78 and "0001 (directory)" in done.stderr
    assert instance.json("migrate", "--status")["items"][0]["state"] == "changed"
    instance.stop()
    with pytest.raises(Exception, match=r"0001 \(directory\)"):
        instance.start()


# ---- for programs ----

LISTS = (("address", "list"), ("blacklist", "receipt", "list"), ("imap", "capabilities"), ("imap", "commands"), ("log", "events"),
         ("migrate", "--status"), ("queue", "list"), ("queue", "pending"), ("queue", "hold-rule", "list"), ("relay", "list"),
         ("report", "list"), ("report", "received", "list"), ("sending", "list"), ("suppression", "list"), ("tenant", "list"),
         ("transport", "list"), ("whitelist", "tls", "list"))


def keys_of(value):
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return set(value).union(*map(keys_of, value.values())) if isinstance(value, dict) else set()


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_every_list_has_its_items(heronry, words):
    shown = heronry.json(*words)
    assert shown.keys() == {"items"} and all(re.fullmatch("[a-z][A-Za-z0-9]*", key) for key in keys_of(shown))


def test_programs_get_what_the_api_has(heronry):
    api, user = Api.signed_in(heronry, heronry.user()), heronry.new_user()["address"]
    heronry.cli("token", "create", user, "A program", "--scopes", "mail:read")
    heronry.cli("app-password", "create", user, "A phone")
    for words, path in ((("token", "list"), "tokens"), (("app-password", "list"), "app-passwords"), (("retention", "list"), "mailboxes")):
        there = api.get(f"/admin/accounts/{user}/{path}").json["items"]
        assert there and heronry.json(*words, user) == {"items": there}
    assert heronry.json("user", "quota", user) == api.get(f"/admin/accounts/{user}").json
    assert heronry.json("queue", "stats").keys() == api.get("/admin/queue/stats").json.keys()


def test_a_failure_is_the_only_document(heronry):
    done = heronry.cli("dnsbl", "test", "--json", check=False)
    assert (done.returncode, done.stdout, json.loads(done.stderr)["error"]["kind"]) == (66, "", "notFound")


# ---- failures ----

def test_a_server_that_does_not_run_is_explained(heronry_factory):
    instance = heronry_factory(start=False)
    instance.write_config()
    done = instance.cli("user", "list", check=False)
    assert done.returncode == 69 and "heronry serve --config" in done.stderr
    error = json.loads(instance.cli("user", "list", "--json", check=False).stderr)["error"]
    assert error["kind"] == "unavailable" and error["message"]


def test_an_outside_database_that_is_away(heronry_factory):
    instance = heronry_factory(start=False, settings={"database.url": "postgresql://u:geheim@127.0.0.1:1/x"})
    instance.write_config()
    began = time.monotonic()
    done = instance.cli("domain", "list", check=False)
    assert done.returncode == 69 and time.monotonic() - began < 35
    assert "geheim" not in done.stderr


# ---- the same over HTTP ----

def remote(server, token, *words, check=True, url=None):
    """A command that calls the API of the server."""
    done = subprocess.run([BINARY, *words, "--url", url or f"https://localhost:{server.ports['https']}", "--ca-file",
                           str(server.tls_ca)], env={"PATH": "/usr/bin:/bin", "HERONRY_TOKEN": token}, text=True,
                          capture_output=True, timeout=60, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done


def test_commands_call_the_api_of_another_machine(heronry):
    api = Api.signed_in(heronry, heronry.user())
    token = api.post("/tokens", {"name": "cli", "scopes": ["admin:read", "admin:write"]}, status=201).json["secret"]
    name = f"r{os.getpid()}.example"
    remote(heronry, token, "domain", "add", name)
    here = heronry.json("domain", "list")["items"]
    there = json.loads(remote(heronry, token, "domain", "list", "--json").stdout)["items"]
    assert here == there and name in [d["name"] for d in here]
    assert remote(heronry, token, "domain", "add", name, check=False).returncode == 73
    remote(heronry, token, "domain", "remove", name)
    assert remote(heronry, token, "domain", "remove", name, check=False).returncode == 66
    user = heronry.new_user()
    remote(heronry, token, "user", "quota", user["address"], "5MB")
    assert json.loads(remote(heronry, token, "user", "quota", user["address"], "--json").stdout)["quotaBytes"] == 5 << 20
    json.loads(remote(heronry, token, "queue", "stats", "--json").stdout)
    made = json.loads(remote(heronry, token, "app-password", "create", user["address"], "x", "--json").stdout)
    remote(heronry, token, "app-password", "revoke", user["address"], made["id"])
    acts = heronry.psql("SELECT actor FROM audit_log WHERE action = 'domain.add' AND object = '" + name + "'")
    assert acts == heronry.user()["address"]


def test_remote_commands_need_a_good_token_and_tls(heronry):
    assert remote(heronry, "hrn_wrong", "domain", "list", check=False).returncode == 77
    assert remote(heronry, "", "domain", "list", check=False).returncode == 77
    assert remote(heronry, "x", "domain", "list", check=False, url="http://mail.example.org").returncode == 65
    weak = Api.signed_in(heronry, heronry.new_user()).with_token("mail:read").token
    refused = remote(heronry, weak, "user", "list", check=False)
    assert refused.returncode == 77 and "administrators" in refused.stderr


# ---- what the log says ----

def test_events_of_the_log():
    events = json.loads(run("log", "events", "--json").stdout)["items"]
    smtp = json.loads(run("log", "events", "smtp", "--json").stdout)["items"]
    assert smtp == [e for e in events if e["component"] == "smtp"] and len(smtp) < len(events)
    assert {"component": "smtp", "event": "smtp_message", "level": "info", "says": "a message was accepted and committed"} in smtp
    assert "smtp_session_end" in run("log", "events", "smtp").stdout
    assert run("log", "events", "smpt").returncode == 66
