# SPDX-License-Identifier: Apache-2.0
"""Every operation for administrators does what the contract says, on the running server."""
import base64
import itertools
import json
import re

import pytest

import mail
from api_client import Api
from conftest import Instance, wait_until
from failing_dns import FailingDns

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def admin(heronry):
    return Api.signed_in(heronry, heronry.user(1))


@pytest.fixture
def domain(admin):
    """A domain of its own, gone afterwards when nothing is left in it."""
    name = f"tour{next(NUMBERS)}.example"
    admin.post("/admin/domains", {"name": name}, status=201)
    return name


def new_account(admin, domain, **more):
    address = f"p{next(NUMBERS)}@{domain}"
    return admin.post("/admin/accounts", {"address": address, "password": "some horse battery staple"} | more, status=201)


def pages(api, path, **query):
    """All items of a list, two at a time."""
    items, cursor = [], {}
    while True:
        page = api.get(path, query={"limit": 2} | query | cursor).json
        items += page["items"]
        if not page["nextCursor"]:
            return items
        assert len(page["items"]) == 2
        cursor = {"cursor": page["nextCursor"]}


# ---- domains ----

def test_domains(admin):
    name = f"Tour{next(NUMBERS)}.Example"
    made = admin.post("/admin/domains", {"name": name}, headers={"Idempotency-Key": name}, status=201)
    assert made.json["name"] == name.lower() and made.headers["location"] == f"/api/v1/admin/domains/{name.lower()}"
    assert admin.post("/admin/domains", {"name": name}, status=409).problem == "exists"
    assert admin.get(f"/admin/domains/{name}").json == made.json
    names = [d["name"] for d in pages(admin, "/admin/domains", sort="name")]
    assert names == sorted(names) and name.lower() in names
    assert [d["name"] for d in pages(admin, "/admin/domains", sort="-name")] == names[::-1]
    found = admin.get("/admin/domains", query={"q": name[:8].lower(), "total": True}).json
    assert found["total"] == len(found["items"]) == 1
    new_account(admin, name.lower())
    assert admin.delete(f"/admin/domains/{name}", status=409).problem == "in-use"
    empty = f"tour{next(NUMBERS)}.example"
    admin.post("/admin/domains", {"name": empty}, status=201)
    admin.delete(f"/admin/domains/{empty}", status=204)
    admin.get(f"/admin/domains/{empty}", status=404)


def test_receipt_rules(admin, domain):
    path, subject = "/admin/receipt-rules", f"Guest{next(NUMBERS)}.Example"
    made = admin.post(path, {"list": "whitelist", "subject": subject, "note": "a friend"}, status=201)
    rule = made.json
    assert rule["subject"] == subject.lower() and (rule["kind"], rule["domain"]) == ("domain", None)
    assert made.headers["location"] == f"/api/v1{path}/{rule['id']}"
    assert admin.get(f"{path}/{rule['id']}").json == rule
    # On one list only, once for all domains and once for each.
    assert admin.post(path, {"list": "blacklist", "subject": subject}, status=409).problem == "exists"
    ours = admin.post(path, {"list": "blacklist", "subject": subject, "domain": domain}, status=201).json
    assert ours["domain"] == domain
    found = pages(admin, path, subject=subject)
    assert [r["id"] for r in found] == [rule["id"], ours["id"]]
    assert pages(admin, path, subject=subject, list="whitelist") == [rule]
    assert pages(admin, path, domain=domain) == [ours]
    network = admin.post(path, {"list": "blacklist", "subject": "2001:DB8:7::/48", "domain": domain}, status=201).json
    assert (network["kind"], network["subject"]) == ("network", "2001:db8:7::/48")
    assert len(pages(admin, path, domain=domain)) == 2
    for wrong, pointer in (({"subject": "192.0.2.1/24"}, "/subject"), ({"subject": "no/t"}, "/subject"),
                           ({"subject": "a.example", "domain": "theirs.example"}, "/domain")):
        assert admin.post(path, {"list": "blacklist"} | wrong, status=422).pointers == [pointer]
    for one in (rule, ours, network):
        admin.delete(f"{path}/{one['id']}", status=204)
        admin.delete(f"{path}/{one['id']}", status=404)
        admin.get(f"{path}/{one['id']}", status=404)


def test_reports(admin, heronry):
    """Rows as the counters write them; what is sent of them is tried by tests of delivery."""
    domain, path = f"far{next(NUMBERS)}.example", "/admin/reports"
    day = heronry.psql("SELECT (now() AT TIME ZONE 'UTC')::date - 3")
    heronry.psql(f"INSERT INTO report_tls VALUES ('{day}', '{domain}', '\\x01', 7, 'no-policy-found', '{domain}', '',"
                 " 'successful', '', '', '', '')")
    for kind, state, age in (("tls", "due", 0), ("dmarc", "dropped", 0), ("tls", "sent", 1), ("tls", "due", -9)):
        heronry.psql("INSERT INTO report (kind, day, domain, state, due)"
                     f" VALUES ('{kind}', date '{day}' - {age}, '{domain}', '{state}', now() + interval '1 day')")
    names = [f"{r['kind']} {r['state']}" for r in pages(admin, path, domain=domain)]
    assert names == ["tls due", "dmarc dropped", "tls due", "tls sent"]  # the newest day first, then by kind
    (one, *_) = [r for r in pages(admin, path, domain=domain, kind="tls", state="due") if r["day"] == day]
    assert one["id"] == f"tls.{day}.{domain}" and one["count"] == 7
    (sent,) = admin.get(path, query={"domain": domain, "state": "sent"}).json["items"]
    found = admin.get(f"{path}/{one['id']}").json
    assert found["report"] == one and '"total-successful-session-count": 7' in found["text"]
    # Nothing was counted for this one: there is nothing to send, and it says so.
    empty = admin.get(f"{path}/dmarc.{day}.{domain}").json
    assert empty["text"] is None and empty["recipients"] is None and empty["problem"]
    assert admin.post(f"{path}/{one['id'].upper().replace('TLS', 'tls', 1)}/send").json["state"] == "due"
    (later,) = [r for r in pages(admin, path, domain=domain, state="due") if r["day"] > day]
    for too_late, why in ((sent, "It was sent already."), (later, "Its day is not over.")):
        said = admin.post(f"{path}/{too_late['id']}/send", status=409)
        assert (said.problem, said.json["detail"]) == ("too-late", why)
    for nothing in (f"tls.{day}.nobody.example", "tls.today.x", "tls", "odd.2026-01-01.x"):
        admin.get(f"{path}/{nothing}", status=404)
        admin.post(f"{path}/{nothing}/send", status=404)


def test_received_reports(admin, heronry, domain):
    """Rows as the reader of mails writes them; the mails themselves are tried by tests of delivery."""
    path = "/admin/received-reports"
    ids = {}
    for kind, good, bad, age in (("dmarc", 7, 3, 10), ("tls", 40, 2, 10), ("tls", 1, 0, 1)):
        ids[kind] = heronry.psql(
            "INSERT INTO received_report (kind, domain, organization, contact, report_id, policy, begins, ends, good, bad)"
            f" VALUES ('{kind}', '{domain}', 'Other', '', '{age}', '', date_trunc('day', now(), 'UTC') - interval '{age} days', now(),"
            f" {good}, {bad}) RETURNING report").split()[0]
    heronry.psql(f"INSERT INTO received_report_dmarc VALUES ({ids['dmarc']}, '192.0.2.1', 7, 'none', 'pass', 'fail', '', '', '{domain}', '',"
                 f" 'pass {domain} s1', '', '', ''), ({ids['dmarc']}, '192.0.2.2', 3, 'none', 'fail', 'fail', '', '', '{domain}', '', '', '', '', '')")
    heronry.psql(f"INSERT INTO received_report_tls VALUES ({ids['tls']}, 2, 'sts', '{domain}', 'certificate-expired', '', '', '', '')")
    assert [r["kind"] for r in pages(admin, path, domain=domain)] == ["tls", "tls", "dmarc"]  # the newest first
    (one,) = pages(admin, path, domain=domain, kind="dmarc")
    assert (one["good"], one["bad"], one["organization"], one["cameBy"]) == (7, 3, "Other", "mail")
    found = admin.get(f"{path}/{one['id']}").json
    assert found["report"] == one and found["tls"] == [] and found["dmarc"][0]["signatures"] == [f"pass {domain} s1"]
    assert admin.get(f"{path}/{ids['tls']}").json["tls"][0]["result"] == "certificate-expired"
    admin.get(f"{path}/999999999", status=404)
    chart = admin.get("/admin/report-chart", query={"domain": domain, "days": 20}).json
    assert [(d["good"], d["bad"]) for d in chart["tlsDays"]] == [(40, 2), (1, 0)]
    assert [(d["good"], d["bad"]) for d in chart["dmarcDays"]] == [(7, 3)]
    assert chart["dmarcSources"] == [{"what": "192.0.2.1", "good": 7, "bad": 0}, {"what": "192.0.2.2", "good": 0, "bad": 3}]
    assert chart["tlsFailures"] == [{"what": "certificate-expired", "good": 0, "bad": 2}]
    # What is too old is left out.
    assert [d["good"] for d in admin.get("/admin/report-chart", query={"domain": domain, "days": 5}).json["tlsDays"]] == [1]


def test_mta_sts(admin, domain):
    path = f"/admin/domains/{domain}/mta-sts"
    admin.get(path, status=404)
    admin.delete(path, status=404)
    first = admin.put(path, {"mode": "testing"}).json
    assert (first["mode"], first["maxAge"]) == ("testing", 604800) and len(first["mx"]) == 1
    assert admin.put(path, {"mode": "testing"}).json == first  # nothing changed, so others need not ask
    second = admin.put(path, {"mode": "enforce", "maxAge": 86400, "mx": ["MX1.example.net", "*.example.org"]}).json
    assert second["mx"] == ["mx1.example.net", "*.example.org"] and second["id"] != first["id"]
    assert admin.get(path).json == second
    for wrong, pointer in (({"mx": ["not a name"]}, "/mx"), ({"mx": ["*"]}, "/mx"), ({"maxAge": 1}, "/maxAge")):
        assert admin.put(path, {"mode": "testing"} | wrong, status=422).pointers == [pointer]
    assert admin.get(path).json == second
    admin.delete(path, status=204)
    admin.get(path, status=404)
    for name in ("theirs.example", "no..name"):
        admin.put(f"/admin/domains/{name}/mta-sts", {"mode": "none"}, status=404)


def test_sending_limits(admin, heronry, domain):
    login = heronry.new_user()["address"]
    path = f"/admin/sending-limits/{login}"
    free = admin.get(path).json
    assert (free["sender"], free["messagesPerHour"], free["isStopped"], free["stoppedAt"], free["used"]["messagesPerDay"]) == (login, None, False, None, 0)
    assert admin.patch(path, {"messagesPerHour": 7, "recipientsPerDay": 0}).json["recipientsPerDay"] == 0
    stopped = admin.patch(path, {"isStopped": True, "reason": "stolen"}).json
    assert (stopped["isStopped"], stopped["reason"], stopped["messagesPerHour"]) == (True, "stolen", 7) and stopped["stoppedAt"]
    again = admin.patch(path, {"isStopped": True, "reason": "once more"}).json
    assert (again["reason"], again["stoppedAt"]) == ("stolen", stopped["stoppedAt"])
    assert again["inForce"]["messagesPerHour"] == 7 and again["inForce"]["messagesPerDay"] == free["inForce"]["messagesPerDay"] == 0
    assert admin.patch(path, {"messagesPerHour": None, "isStopped": False}).json["messagesPerHour"] is None
    assert admin.patch(f"/admin/sending-limits/{domain}", {"messagesPerDay": 9}).json["sender"] == domain
    assert {login, domain} <= {s["sender"] for s in admin.get("/admin/sending-limits").json["items"]}
    assert admin.patch(f"/admin/sending-limits/{domain}", {"isStopped": True}, status=422).pointers == ["/isStopped"]
    limited = admin.patch(path, {"recipientsPerMessage": 3}).json
    assert limited["recipientsPerMessage"] == limited["inForce"]["recipientsPerMessage"] == 3 and free["inForce"]["recipientsPerMessage"] == 0
    for nobody in ("nobody@example.test", "theirs.example", "no..name"):
        admin.get(f"/admin/sending-limits/{nobody}", status=404)
        admin.patch(f"/admin/sending-limits/{nobody}", {"messagesPerDay": 1}, status=404)


def test_tenants(admin, domain):
    name = f"Tour-{next(NUMBERS)}"
    made = admin.post("/admin/tenants", {"name": name}, headers={"Idempotency-Key": name}, status=201)
    assert made.headers["location"] == f"/api/v1/admin/tenants/{name.lower()}"
    assert (made.json["name"], made.json["domains"], made.json["sending"]["sender"]) == (name.lower(), 0, f"tenant:{name.lower()}")
    assert admin.post("/admin/tenants", {"name": name}, status=409).problem == "exists"
    assert admin.post("/admin/tenants", {"name": "a b"}, status=422).pointers == ["/name"]
    assert admin.get(f"/admin/tenants/{name}").json == made.json
    assert admin.patch(f"/admin/domains/{domain}", {"tenant": name}).json["tenant"] == name.lower()
    assert [d["name"] for d in admin.get("/admin/domains", query={"tenant": name}).json["items"]] == [domain]
    assert admin.patch(f"/admin/domains/{domain}", {"tenant": "nowhere"}, status=422).pointers == ["/tenant"]
    assert admin.get(f"/admin/domains/{domain}").json["tenant"] == name.lower()  # the other one is nothing
    assert admin.patch(f"/admin/sending-limits/tenant:{name}", {"messagesPerDay": 9}).json["sender"] == f"tenant:{name.lower()}"
    assert admin.patch(f"/admin/sending-limits/tenant:{name}", {"isStopped": True}, status=422).pointers == ["/isStopped"]
    second = f"{name.lower()}.second"
    admin.post("/admin/tenants", {"name": second}, status=201)
    assert {name.lower(), second} <= {t["name"] for t in pages(admin, "/admin/tenants")}
    assert [t["domains"] for t in admin.get("/admin/tenants", query={"q": name}).json["items"]] == [1, 0]
    assert admin.patch(f"/admin/tenants/{name}", {"name": second}, status=409).problem == "exists"
    assert admin.patch(f"/admin/tenants/{name}", {"name": "-"}, status=422).pointers == ["/name"]
    renamed = admin.patch(f"/admin/tenants/{name}", {"name": f"{name}.third"}).json
    assert (renamed["name"], renamed["domains"], renamed["sending"]["messagesPerDay"]) == (f"{name.lower()}.third", 1, 9)
    assert admin.delete(f"/admin/tenants/{renamed['name']}", status=409).problem == "in-use"
    assert admin.patch(f"/admin/domains/{domain}", {"tenant": None}).json["tenant"] is None
    for one in (renamed["name"], second):
        admin.delete(f"/admin/tenants/{one}", status=204)
        admin.delete(f"/admin/tenants/{one}", status=404)
        admin.get(f"/admin/tenants/{one}", status=404)
        admin.patch(f"/admin/tenants/{one}", {"name": "x"}, status=404)
        admin.get(f"/admin/sending-limits/tenant:{one}", status=404)
        admin.patch(f"/admin/sending-limits/tenant:{one}", {"messagesPerDay": 1}, status=404)
    assert admin.get("/admin/domains", query={"tenant": name}).json["items"] == []


def test_suppressions(admin, heronry, domain):
    login = heronry.new_user()["address"]
    path = f"/admin/sending-limits/{login}/suppressions"
    assert admin.get(path).json == {"items": []}
    admin.put(f"{path}/Nobody@Far.Example", {"reason": "asked for"}, status=204)
    admin.put(f"/admin/sending-limits/{domain}/suppressions/all@far.example", {}, status=204)
    kept = admin.put(f"{path}/NOBODY@far.example", {"reason": "another one"}, status=200).json
    (item,) = admin.get(path).json["items"]
    assert kept == item and admin.put(f"/admin/sending-limits/{domain}/suppressions/all@far.example", {}, status=200).json["sender"] == domain
    assert (item["address"], item["isManual"], item["isInForce"], item["reason"]) == ("nobody@far.example", True, True, "asked for")
    assert item["status"] is None and item["expiresAt"] is None and item["sender"] == login
    acts = "SELECT object, detail FROM audit_log WHERE action = 'suppression.add' AND object IN ('{}', '{}') ORDER BY audit_id"
    assert heronry.psql(acts.format(login, domain)).split() == [f"{login}|Nobody@Far.Example", f"{domain}|all@far.example"]
    everything = pages(admin, "/admin/suppressions")
    assert [(one["sender"], one["address"]) for one in everything][:2] == [(domain, "all@far.example"), (login, "nobody@far.example")]
    for query in ({"q": "Nobody@FAR"}, {"q": login, "kind": "manual"}):
        assert admin.get("/admin/suppressions", query=query).json == {"items": [item], "nextCursor": None, "total": None}
    assert admin.get("/admin/suppressions", query={"q": "far.example", "kind": "refused"}).json["items"] == []
    admin.delete(f"{path}/nobody@far.example", status=204)
    admin.delete(f"{path}/nobody@far.example", status=404)
    admin.put(f"{path}/noaddress", {}, status=404)
    admin.put(f"{path}/a@b.example", {"reason": "x" * 256}, status=422)
    for nobody in ("nobody@example.test", "theirs.example", "no..name"):
        admin.get(f"/admin/sending-limits/{nobody}/suppressions", status=404)
        admin.put(f"/admin/sending-limits/{nobody}/suppressions/a@far.example", {}, status=404)


def test_dns_records(admin, heronry, domain):
    path = f"/admin/domains/{domain}/dns-records"
    found = {r["purpose"]: r for r in admin.get(path).json["items"]}
    assert found["mx"]["value"].startswith("10 ") and found["tlsRpt"]["name"] == f"_smtp._tls.{domain}"
    assert re.fullmatch("3 1 1 [0-9a-f]{64}", found["tlsa"]["value"]) and found["tlsa"]["name"].startswith("_25._tcp.")
    assert "mtaSts" not in found and "dkim" not in found
    policy = admin.put(f"/admin/domains/{domain}/mta-sts", {"mode": "testing"}).json
    admin.post(f"/admin/domains/{domain}/dkim-keys", {}, status=201)
    items = admin.get(path).json["items"]
    assert {"name": f"_mta-sts.{domain}", "type": "TXT", "value": f"v=STSv1; id={policy['id']};", "purpose": "mtaSts"} in items
    assert [r["name"] for r in items if r["purpose"] == "dkim"] == [f"mail._domainkey.{domain}", f"mail-ed._domainkey.{domain}"]
    admin.get("/admin/domains/theirs.example/dns-records", status=404)


def test_dns_publication(admin, domain):
    """Of a domain without keys: nothing is asked and nothing changed. What is added: integration/test_dkim_signing.py."""
    path = f"/admin/domains/{domain}/dns-publication"
    done = admin.post(path, {"purpose": "dkim"}, headers={"Idempotency-Key": path}).json
    assert done == {"domain": domain, "isThere": True, "items": []}
    admin.post(path, {"purpose": "dkim", "dryRun": True}, headers={"Idempotency-Key": path}, status=409)
    assert admin.post(path, {"purpose": "dkim", "dryRun": True}).json == done
    for name in ("nobody.example", "no..name"):
        admin.post(f"/admin/domains/{name}/dns-publication", {}, status=404)


def test_dkim_keys(admin, domain):
    path = f"/admin/domains/{domain}/dkim-keys"
    assert admin.get(path).json == {"items": []}
    first = admin.post(path, {}, headers={"Idempotency-Key": path}, status=201)
    assert admin.post(path, {}, headers={"Idempotency-Key": path}, status=201).json == first.json
    assert first.json["selector"] == "mail" and first.json["state"] == "signing" and first.json["retiredAt"] is None
    assert first.headers["location"] == f"/api/v1{path}/mail"
    assert [r["name"] for r in first.json["records"]] == [f"mail{kind}._domainkey.{domain}" for kind in ("", "-ed")]
    assert [r["value"].split("; p=")[0] for r in first.json["records"]] == ["v=DKIM1; k=rsa", "v=DKIM1; k=ed25519"]
    second = admin.post(path, {}, status=201).json
    assert (second["selector"], second["state"], second["signingAt"]) == ("mail2", "waiting", None)
    assert admin.post(path, {"selector": "mail2"}, status=409).problem == "exists"
    assert admin.post(path, {"selector": "-no-"}, status=422).pointers == ["/selector"]
    assert admin.patch(f"{path}/mail2", {"state": "signing"}).json["state"] == "signing"
    assert {k["selector"]: k["state"] for k in admin.get(path).json["items"]} == {"mail2": "signing", "mail": "retired"}
    admin.delete(f"{path}/mail", status=204)
    used = admin.delete(f"{path}/mail2", status=409)
    assert used.problem == "in-use" and "activate another key first" in used.json["detail"]
    assert [k["selector"] for k in admin.get(path).json["items"]] == ["mail2"]
    admin.delete(f"{path}/mail2?force=true", status=204)
    assert admin.get(path).json == {"items": []}
    for method in (admin.delete, lambda p, **kw: admin.patch(p, {"state": "signing"}, **kw)):
        assert method(f"{path}/mail", status=404).problem == "not-found"
    for unknown in (admin.get, lambda p, **kw: admin.post(p, {}, **kw)):
        unknown("/admin/domains/nobody.example/dkim-keys", status=404)


def test_dkim_import(admin, domain):
    """The key of RFC 8463 appendix A.2 as it stands there. What it signs: integration/test_dkim_signing.py."""
    path, key = f"/admin/domains/{domain}/dkim-import", "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    record = {"name": f"old._domainkey.{domain}", "value": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
    wanted = {"selector": "old", "state": "signing", "kind": "ed25519", "bits": 256, "records": [record], "isKept": False}
    assert admin.post(path, {"selector": "Old", "privateKey": key, "dryRun": True}).json == wanted
    assert admin.get(f"/admin/domains/{domain}/dkim-keys").json == {"items": []}
    for _ in range(2):
        assert admin.post(path, {"selector": "Old", "privateKey": key}, headers={"Idempotency-Key": path}).json == wanted | {"isKept": True}
    (kept,) = admin.get(f"/admin/domains/{domain}/dkim-keys").json["items"]
    assert (kept["selector"], kept["state"], kept["records"]) == ("old", "signing", [record])
    assert admin.post(path, {"selector": "old", "privateKey": key}, status=409).problem == "exists"
    assert admin.post(path, {"selector": "next", "privateKey": key, "dryRun": True}).json["state"] == "waiting"
    assert admin.post(path, {"selector": "-no-", "privateKey": key}, status=422).pointers == ["/selector"]
    wrong = admin.post(path, {"selector": "x", "privateKey": "-----BEGIN PUBLIC KEY-----\nMII=\n-----END PUBLIC KEY-----\n"}, status=422)
    assert wrong.pointers == ["/privateKey"] and "only a public key" in wrong.text
    admin.post("/admin/domains/nobody.example/dkim-import", {"selector": "x", "privateKey": key}, status=404)


# ---- accounts ----

def test_accounts(heronry, admin, domain):
    made = new_account(admin, domain, displayName="Mia", quotaBytes=1000000, isAdmin=False)
    account = made.json
    assert (account["displayName"], account["quotaBytes"], account["hasPassword"]) == ("Mia", 1000000, True)
    assert admin.get(f"/admin/accounts/{account['id']}").json == admin.get(f"/admin/accounts/{account['address']}").json == account
    again = admin.post("/admin/accounts", {"address": account["address"]}, status=409)
    assert again.problem == "exists"
    weak = admin.post("/admin/accounts", {"address": f"weak@{domain}", "password": "password"}, status=422)
    assert weak.problem == "weak-password"
    assert admin.post("/admin/accounts", {"address": "x@nowhere.example"}, status=422).pointers == ["/address"]
    others = [new_account(admin, domain).json["address"] for _ in range(4)]
    listed = [a["address"] for a in pages(admin, "/admin/accounts", domain=domain)]
    assert listed == sorted([account["address"], *others])
    assert [a["address"] for a in pages(admin, "/admin/accounts", domain=domain, sort="-address")] == listed[::-1]
    for sort in ("created", "-created", "used", "-used"):
        assert sorted(a["address"] for a in pages(admin, "/admin/accounts", domain=domain, sort=sort)) == listed
    page = admin.get("/admin/accounts", query={"domain": domain, "q": "Mia", "total": True}).json
    assert (page["total"], [a["id"] for a in page["items"]]) == (1, [account["id"]])
    changed = admin.patch(f"/admin/accounts/{account['id']}", {"displayName": "Mia R", "quotaBytes": 0, "isAdmin": True}).json
    assert changed == account | {"displayName": "Mia R", "quotaBytes": 0, "isAdmin": True}
    assert account["id"] in [a["id"] for a in pages(admin, "/admin/accounts", status="admin")]
    assert account["keepsPop3Deleted"] is False
    assert account["savesSent"] is account["usesFromId"] is False
    switches = {"keepsPop3Deleted": True, "savesSent": True, "usesFromId": True}
    assert admin.patch(f"/admin/accounts/{account['id']}", switches).json == changed | switches


def test_disabled_account(heronry, admin, domain):
    account = new_account(admin, domain).json
    user = {"address": account["address"], "password": "some horse battery staple"}
    api = Api.signed_in(heronry, user)
    program = api.with_token("account:read")
    admin.patch(f"/admin/accounts/{account['id']}", {"isDisabled": True})
    api.ended("/me")
    program.ended("/me")
    Api(heronry).post("/session", {"login": user["address"], "password": user["password"]}, status=401)
    assert [a["id"] for a in pages(admin, "/admin/accounts", domain=domain, status="disabled")] == [account["id"]]
    admin.patch(f"/admin/accounts/{account['id']}", {"isDisabled": False})
    again = Api.signed_in(heronry, user)
    program.get("/me")
    # Sessions end for good, also where nobody looks at them before it is enabled again.
    for is_disabled in (True, False):
        admin.patch(f"/admin/accounts/{account['id']}", {"isDisabled": is_disabled})
    again.ended("/me")


def test_password_of_an_account(heronry, admin, domain):
    account = new_account(admin, domain).json
    api = Api.signed_in(heronry, {"address": account["address"], "password": "some horse battery staple"})
    admin.put(f"/admin/accounts/{account['id']}/password", {"password": "other horse battery staple"}, status=204)
    api.ended("/me")
    Api.signed_in(heronry, {"address": account["address"], "password": "other horse battery staple"})
    assert admin.put(f"/admin/accounts/{account['id']}/password", {"password": "12345678"}, status=422).problem == "weak-password"


def test_app_passwords_of_an_account(admin, domain):
    account, other = (new_account(admin, domain).json for _ in range(2))
    path = f"/admin/accounts/{account['id']}/app-passwords"
    phone = {"label": "Phone", "protocols": ["imap"]}
    made = admin.post(path, phone, headers={"Idempotency-Key": path}, status=201)
    one = made.json["appPassword"]
    assert made.headers["location"] == f"/api/v1{path}/{one['id']}"
    admin.post(path, phone | {"label": "Desk"}, headers={"Idempotency-Key": path}, status=409)
    by_name = f"/admin/accounts/{account['address']}/app-passwords"
    assert admin.get(path).json == admin.get(by_name).json == {"items": [one]}
    for unknown in ("999999", f"nobody@{domain}"):
        admin.get(f"/admin/accounts/{unknown}/app-passwords", status=404)
        admin.post(f"/admin/accounts/{unknown}/app-passwords", phone, status=404)
    admin.delete(f"/admin/accounts/{other['id']}/app-passwords/{one['id']}", status=404)
    admin.delete(f"{path}/{one['id']}", status=204)
    assert admin.get(path).json["items"] == []
    acts = [r["action"] for r in admin.get("/admin/audit", query={"object": account["address"]}).json["items"]]
    assert acts[:2] == ["app_password.revoke", "app_password.create"]


def test_tokens_of_an_account(heronry, admin, domain):
    account, other = (new_account(admin, domain).json for _ in range(2))
    path = f"/admin/accounts/{account['id']}/tokens"
    wanted = {"name": "Backup", "scopes": ["account:read"]}
    made = admin.post(path, wanted, headers={"Idempotency-Key": path}, status=201)
    one = made.json["token"]
    assert made.headers["location"] == f"/api/v1{path}/{one['id']}"
    admin.post(path, wanted | {"name": "Other"}, headers={"Idempotency-Key": path}, status=409)
    program = Api(heronry, token=made.json["secret"])
    assert program.get("/me").json["id"] == account["id"]
    second = admin.post(path, wanted, status=201).json["token"]
    by_name = f"/admin/accounts/{account['address']}/tokens"
    assert [t["id"] for t in pages(admin, by_name)] == [second["id"], one["id"]]
    assert admin.get(f"/admin/accounts/{other['id']}/tokens").json["items"] == []
    for unknown in ("999999", f"nobody@{domain}"):
        admin.get(f"/admin/accounts/{unknown}/tokens", status=404)
        admin.post(f"/admin/accounts/{unknown}/tokens", wanted, status=404)
    stronger = admin.post(path, {"name": "x", "scopes": ["admin:read"]}, status=422)
    assert stronger.pointers == ["/scopes"] and "need an administrator" in stronger.text
    thief = admin.with_token("admin:read", "admin:write")
    assert thief.post(path, wanted, status=403).problem == "session-only"
    admin.delete(f"/admin/accounts/{other['id']}/tokens/{one['id']}", status=404)
    program.get("/me", status=200)
    admin.delete(f"{path}/{one['id']}", status=204)
    program.ended("/me")
    assert admin.get(path).json["items"] == [second]
    acts = [r["action"] for r in admin.get("/admin/audit", query={"object": account["address"]}).json["items"]]
    assert acts[:2] == ["token.revoke", "token.create"]


def filled(heronry, admin, domain, n=3):
    """An account with deleted messages in its Archive."""
    account = new_account(admin, domain).json
    user = {"address": account["address"], "password": "some horse battery staple"}
    mail.append(heronry, user, *(mail.make(f"letter {i}") for i in range(n)), mailbox="Archive")
    api = Api.signed_in(heronry, user)
    ids = [m["id"] for m in api.get("/messages").json["items"]]
    api.post("/messages/batch", {"target": {"messageIds": ids}, "change": {"destroy": True}}, status=200)
    return account, api


def test_deleted_messages_of_an_account(heronry, admin, domain):
    account, api = filled(heronry, admin, domain)
    path = f"/admin/accounts/{account['id']}/expunged"
    rows = pages(admin, path)
    assert len(rows) == 3 and {r["mailboxPath"] for r in rows} == {"Archive"} and "letter" not in str(rows)
    archive = rows[0]["mailboxId"]
    assert admin.get(path, query={"mailboxId": archive, "from": "2099-01-01T00:00:00Z"}).json["items"] == []
    assert len(admin.get(path, query={"mailboxId": archive, "to": "2099-01-01T00:00:00Z"}).json["items"]) == 3
    size = sum(r["size"] for r in rows)
    would = admin.post(f"{path}/restore", {"mailboxId": archive, "dryRun": True}, status=200)
    assert would.json == {"messages": 3, "size": size, "left": 0} and len(pages(admin, path)) == 3
    key = {"Idempotency-Key": path}
    assert admin.post(f"{path}/restore", {"ids": [rows[0]["id"]]}, headers=key, status=200).json["messages"] == 1
    admin.post(f"{path}/restore", {"ids": [rows[1]["id"]]}, headers=key, status=409)
    admin.patch(f"/admin/accounts/{account['id']}", {"quotaBytes": rows[0]["size"] + 10})
    assert admin.post(f"{path}/restore", {"mailboxId": archive}, status=422).problem == "limit"
    assert len(api.get("/messages").json["items"]) == 1 and len(pages(admin, path)) == 2
    for unknown in ("999999", f"nobody@{domain}"):
        admin.get(f"/admin/accounts/{unknown}/expunged", status=404)
        admin.post(f"/admin/accounts/{unknown}/expunged/restore", {"dryRun": True}, status=404)
    assert admin.get("/admin/audit", query={"action": "mail.restore"}).json["items"][0]["object"] == account["address"]


def test_mailboxes_of_an_account(admin, domain):
    account = new_account(admin, domain).json
    path = f"/admin/accounts/{account['id']}/mailboxes"
    boxes = admin.get(path).json["items"]
    assert [(b["path"], b["role"]) for b in boxes[:2]] == [("INBOX", "inbox"), ("Archive", "archive")]
    assert {b["retentionDays"] for b in boxes} == {None}
    junk = next(b for b in boxes if b["role"] == "junk")
    assert admin.put(f"{path}/{junk['id']}/retention", {"days": 30}, status=200).json == {"days": 30}
    assert next(b for b in admin.get(path).json["items"] if b["role"] == "junk") == junk | {"retentionDays": 30}
    admin.put(f"{path}/999/retention", {"days": 30}, status=404)
    admin.put(f"{path}/9223372036854775000/retention", {"days": 30}, status=404)
    admin.put(f"/admin/accounts/999999/mailboxes/{junk['id']}/retention", {"days": 30}, status=404)
    admin.get("/admin/accounts/999999/mailboxes", status=404)


def test_grants_of_an_account(admin, domain):
    account, other = (new_account(admin, domain).json for _ in range(2))
    archive = next(b["id"] for b in admin.get(f"/admin/accounts/{account['id']}/mailboxes").json["items"] if b["role"] == "archive")
    path = f"/admin/accounts/{account['address']}/mailboxes/{archive}/grants"
    entry = {"grantee": other["address"], "granted": "lr", "denied": ""}
    assert admin.put(f"{path}/{other['address']}", {"granted": "lr", "denied": ""}, status=200).json == {"items": [entry]}
    assert admin.get(path).json == {"items": [entry]}
    assert admin.put(f"{path}/{other['address']}", {"granted": "?"}, status=422).pointers == ["/granted"]
    admin.delete(f"{path}/{other['address']}", status=204)
    assert admin.get(path).json == {"items": []}
    for lost in (path.replace(account["address"], "999999"), path.replace(f"/{archive}/", "/999/")):
        admin.get(lost, status=404)
        admin.put(f"{lost}/anyone", {"granted": "l"}, status=404)
        admin.delete(f"{lost}/anyone", status=404)
    acts = admin.get("/admin/audit", query={"object": account["address"], "action": "acl."}).json["items"]
    assert len(acts) == 2


def test_shared_folders(heronry, admin, domain):
    account = new_account(admin, domain).json
    path = f"/admin/domains/{domain}/shared-folders"
    assert admin.get(path).json == {"items": []}
    made = admin.post(path, {"path": "Team/Plans"}, headers={"Idempotency-Key": path}, status=201)
    assert made.headers["location"] == f"/api/v1{path}" and made.json["path"] == "Team/Plans"
    assert [f["path"] for f in admin.get(path).json["items"]] == ["Team", "Team/Plans"]
    assert admin.post(path, {"path": "Team/Plans"}, status=409).problem == "exists"
    assert admin.post(path, {"path": "Team//x"}, status=422).pointers == ["/path"]
    grants = f"/admin/accounts/{made.json['accountId']}/mailboxes/{made.json['mailboxId']}/grants"
    assert admin.get(grants).json["items"] == [{"grantee": "anyone", "granted": "lrs", "denied": ""}]
    user = {"address": account["address"], "password": "some horse battery staple"}
    with heronry.imap(user) as imap:
        assert imap.append('"Shared Folders/Team/Plans"', None, None, mail.make("early"))[0] == "NO"
        admin.put(f"{grants}/{account['address']}", {"granted": "lrswite"}, status=200)
        assert imap.append('"Shared Folders/Team/Plans"', None, None, mail.make("plan"))[0] == "OK"
        assert imap.select('"Shared Folders/Team/Plans"') == ("OK", [b"1"])
    Api(heronry).post("/session", {"login": f"#shared@{domain}", "password": ""}, status=422)
    Api(heronry).post("/session", {"login": f"#shared@{domain}", "password": "some horse battery staple"}, status=401)
    admin.get("/admin/domains/nowhere.example/shared-folders", status=404)
    admin.post("/admin/domains/nowhere.example/shared-folders", {"path": "x"}, status=404)


def test_last_administrator_stays(heronry_factory):
    server = heronry_factory()
    admin = Api.signed_in(server, server.user(1))
    own = admin.get("/me").json["id"]
    for change in ({"isAdmin": False}, {"isDisabled": True}):
        assert admin.request("PATCH", f"/admin/accounts/{own}", change, status=403).problem == "last-administrator"


# ---- addresses ----

def test_addresses(heronry, admin, domain):
    account = new_account(admin, domain).json
    alias = f"sales@{domain}"
    made = admin.post("/admin/addresses", {"address": alias.upper(), "account": account["address"]}, status=201)
    assert (made.json["address"], made.json["kind"], made.json["accountId"]) == (alias, "alias", account["id"])
    assert admin.get(f"/admin/addresses/{alias}").json == made.json
    assert admin.post("/admin/addresses", {"address": alias, "account": account["id"]}, status=409).problem == "exists"
    assert admin.post("/admin/addresses", {"address": f"x@{domain}", "account": "999999"}, status=422).pointers == ["/account"]
    assert admin.post("/admin/addresses", {"address": "x@nowhere.example", "account": account["id"]}, status=422).pointers == ["/address"]
    refused = admin.post("/admin/accounts", {"address": f"*@{domain}"}, status=422)
    assert refused.pointers == ["/address"] and "catch-all is no login" in refused.json["errors"][0]["detail"]
    assert [a["address"] for a in pages(admin, "/admin/addresses", account=account["id"])] == sorted([account["address"], alias])
    assert [a["kind"] for a in pages(admin, "/admin/addresses", domain=domain, kind="alias")] == ["alias"]
    assert admin.get("/admin/addresses", query={"q": "sales@tour", "total": True}).json["total"] >= 1
    assert admin.get(f"/admin/accounts/{account['id']}").json["addresses"] == [account["address"], alias]
    assert admin.delete(f"/admin/addresses/{account['address']}", status=409).problem == "in-use"
    admin.delete(f"/admin/addresses/{alias}", status=204)
    admin.get(f"/admin/addresses/{alias}", status=404)


def test_addresses_that_lead_to_others(admin, domain):
    account = new_account(admin, domain).json
    other = new_account(admin, domain).json
    group = {"address": f"Team@{domain}", "kind": "group", "targets": [account["address"], "Far@Else.example"], "posting": "members"}
    made = admin.post("/admin/addresses", group, status=201).json
    path = f"/admin/addresses/team@{domain}"
    assert made["targets"] == sorted(["Far@else.example", account["address"]], key=str.lower)
    assert (made["kind"], made["posting"], made["account"], made["accountId"], made["senders"]) == ("group", "members", None, None, [])
    assert admin.get(path).json == made
    assert admin.post("/admin/addresses", group, status=409).problem == "exists"
    for wrong, pointer in (({}, "/account"), ({"targets": ["a@b.example"], "account": account["id"]}, "/account"),
                           ({"targets": [f"nobody@{domain}"]}, "/targets")):
        assert admin.post("/admin/addresses", {"address": f"w@{domain}"} | wrong, status=422).pointers == [pointer]
    change = {"targets": [other["address"]], "posting": "domain", "senders": [account["address"]]}
    assert admin.patch(path, change, status=200).json == made | change
    assert admin.patch(path, {"targets": [f"team@{domain}"]}, status=422).pointers == ["/targets"]
    assert admin.patch(path, {"senders": [f"team@{domain}"]}, status=422).pointers == ["/senders"]
    assert admin.patch(f"/admin/addresses/{account['address']}", {"posting": "members"}, status=409).problem == "in-use"
    assert admin.patch(path, {"onBehalf": [f"team@{domain}"]}, status=422).pointers == ["/onBehalf"]
    behalf = admin.patch(path, {"onBehalf": [account["address"], other["address"]]}, status=200).json
    assert (behalf["senders"], behalf["onBehalf"]) == ([account["address"]], [other["address"]])
    shared = admin.patch(f"/admin/addresses/{account['address']}", {"senders": [other["address"]]}, status=200).json
    assert shared["senders"] == [other["address"]] and shared["account"] == account["address"]
    admin.patch(f"/admin/addresses/nobody@{domain}", {"senders": []}, status=404)
    rest = admin.post("/admin/addresses", {"address": f"*@{domain}", "account": other["id"]}, status=201).json
    assert (rest["address"], rest["kind"]) == (f"*@{domain}", "alias")
    assert [a["address"] for a in pages(admin, "/admin/addresses", domain=domain, kind="group")] == [f"team@{domain}"]
    assert pages(admin, "/admin/addresses", domain=domain, kind="forward") == []
    admin.delete(f"/admin/addresses/*@{domain}", status=204)
    admin.delete(path, status=204)
    admin.get(path, status=404)
    acts = [r["action"] for r in admin.get("/admin/audit", query={"object": f"team@{domain}"}).json["items"]]
    assert acts == ["address.remove", "address.change", "address.change", "address.add"]


def test_domains_that_are_another_name(admin, domain):
    other = f"tour{next(NUMBERS)}.example"
    assert admin.post("/admin/domains", {"name": other}, status=201).json["aliasOf"] is None
    assert admin.patch(f"/admin/domains/{other}", {"aliasOf": domain.upper()}, status=200).json["aliasOf"] == domain
    assert admin.get(f"/admin/domains/{other}").json["aliasOf"] == domain
    assert admin.patch(f"/admin/domains/{domain}", {"aliasOf": other}, status=409).problem == "in-use"
    assert admin.patch(f"/admin/domains/{domain}", {"aliasOf": "nowhere.example"}, status=422).pointers == ["/aliasOf"]
    assert admin.delete(f"/admin/domains/{domain}", status=409).problem == "in-use"
    admin.patch("/admin/domains/nowhere.example", {"aliasOf": None}, status=404)
    assert admin.patch(f"/admin/domains/{other}", {"dkimRotateAfterSeconds": 86400}).json["aliasOf"] == domain  # what is not said stays
    freed = admin.patch(f"/admin/domains/{other}", {"aliasOf": None}).json
    assert (freed["aliasOf"], freed["dkimRotateAfterSeconds"]) == (None, 86400)
    hasty = admin.patch(f"/admin/domains/{other}", {"dkimRotateAfterSeconds": 86399, "aliasOf": domain}, status=422)
    assert hasty.pointers == ["/dkimRotateAfterSeconds"] and admin.get(f"/admin/domains/{other}").json["aliasOf"] is None
    assert admin.patch(f"/admin/domains/{other}", {"dkimRotateAfterSeconds": -1}, status=422).pointers == ["/dkimRotateAfterSeconds"]
    assert admin.patch(f"/admin/domains/{other}", {"dkimRotateAfterSeconds": None}).json["dkimRotateAfterSeconds"] is None
    admin.delete(f"/admin/domains/{domain}", status=204)


def test_transports(admin):
    path = "/admin/transports/Partner.Example"
    made = admin.put(path, {"host": "Relay.Example", "port": 587, "login": "us", "password": "very secret words"}, status=200)
    assert made.json | {"createdAt": ""} == {"domain": "partner.example", "host": "relay.example", "port": 587, "protocol": "smtp", "tls": "verify", "login": "us", "auth": None, "connections": None, "perMinute": None, "pool": None, "ehloName": None, "createdAt": ""}
    assert "secret" not in made.body.decode()
    assert made.json in admin.get("/admin/transports", status=200).json["items"]
    for wrong in ({"host": "a b"}, {"host": "a.example", "login": "us"}, {}, {"login": "us", "password": "x", "pool": "bulk"}, {"host": "a.example", "login": "us", "password": "x", "tls": "encrypt"}):
        assert admin.put(path, wrong, status=422).pointers == ["/host"]
    assert admin.put(path, {"host": "a.example", "auth": "plain"}, status=422).pointers == ["/host"]
    assert admin.put(path, {"host": "a.example", "login": "us", "password": "x", "auth": "scram-sha-256"}, status=200).json["auth"] == "scram-sha-256"
    assert admin.put(path, {"host": "a.example", "login": "us", "password": "x"}, status=200).json["auth"] is None
    inside = admin.put(path, {"host": "192.0.2.1", "protocol": "lmtp", "tls": "may"}, status=200).json
    assert (inside["protocol"], inside["port"]) == ("lmtp", 24)
    for wrong in ({"host": "192.0.2.1", "port": 25, "protocol": "lmtp"}, {"perMinute": 6, "protocol": "lmtp"}):
        assert admin.put(path, wrong, status=422).pointers == ["/host"]
    plain = admin.put("/admin/transports/*", {"host": "192.0.2.1", "tls": "may"}, status=200).json
    assert (plain["domain"], plain["port"], plain["login"]) == ("*", 25, None)
    for which, written in (("Mia@Example.ORG", "mia@example.org"), ("@Example.ORG", "@example.org")):
        assert admin.put(f"/admin/transports/{which}", {"host": "192.0.2.1", "tls": "may"}, status=200).json["domain"] == written
        admin.delete(f"/admin/transports/{which}", status=204)
    limits = {"connections": 2, "perMinute": 60, "pool": "bulk", "ehloName": "out2.example.org"}
    made = admin.put(path, limits, status=200).json
    assert {name: made[name] for name in limits} == limits and made["host"] is None and made["port"] is None
    # What it shows can be given back, with a word more or less.
    assert admin.get(path, status=200).json == made
    again = {name: value for name, value in made.items() if name not in ("domain", "createdAt")}
    assert None in again.values() and admin.put(path, again, status=200).json == made | {"createdAt": admin.get(path).json["createdAt"]}
    given = admin.put(path, again | {"host": "a.example"}, status=200).json
    assert (given["host"], given["port"]) == ("a.example", 25)
    assert {name for name, value in admin.put(path, dict.fromkeys(limits) | {"host": "a.example", "login": None, "auth": None, "port": None}, status=200).json.items()
            if value is None} == {"login", "auth", *limits}
    for nobody in ("mia@", "nobody.example"):
        admin.get(f"/admin/transports/{nobody}", status=404)
    admin.put("/admin/transports/mia@", {"host": "192.0.2.1"}, status=404)
    admin.delete("/admin/transports/*", status=204)
    admin.delete(path, status=204)
    admin.delete(path, status=404)
    assert admin.get("/admin/audit", query={"object": "partner.example"}).json["items"][0]["action"] == "transport.remove"


def test_relay_domains(admin):
    path = "/admin/relay-domains/Partner.Example"
    made = admin.put(path, {"verification": "list", "whenDown": "defer", "recipients": ["Mia", "ann", "leo@partner.example"]}, status=200).json
    assert made | {"createdAt": ""} == {"domain": "partner.example", "verification": "list", "whenDown": "defer", "recipients": 3, "createdAt": ""}
    assert made in admin.get("/admin/relay-domains", status=200).json["items"]
    assert pages(admin, f"{path}/recipients") == ["ann@partner.example", "leo@partner.example", "mia@partner.example"]
    assert admin.put(path, {"verification": "callout"}, status=200).json["recipients"] == 3
    assert admin.get(path, status=200).json["whenDown"] == "accept"
    assert admin.put(path, {"verification": "list", "recipients": ["a@other.example"]}, status=422).pointers == ["/recipients"]
    admin.post("/admin/domains", {"name": "not-relayed.example"}, status=201)
    admin.put("/admin/relay-domains/not-relayed.example", {"verification": "none"}, status=409)
    admin.delete("/admin/domains/not-relayed.example", status=204)
    admin.put("/admin/relay-domains/a..b", {"verification": "none"}, status=404)
    admin.post("/admin/domains", {"name": "partner.example"}, status=409)
    admin.delete(path, status=204)
    admin.delete(path, status=404)
    admin.get(path, status=404)
    admin.get(f"{path}/recipients", status=404)
    assert admin.get("/admin/audit", query={"object": "partner.example"}).json["items"][0]["action"] == "relay.remove"


# ---- queue ----

@pytest.fixture(scope="module")
def queue(request):
    """A server that can find out nothing from the DNS."""
    dns = FailingDns()
    request.addfinalizer(dns.close)
    instance = Instance(settings={"dns.forward": dns.server})
    request.addfinalizer(instance.remove)
    return instance.up()


def test_a_domain_is_checked(queue):
    """With what a check finds: integration/test_mta_sts_own.py."""
    admin = Api.signed_in(queue, queue.user(1))
    checked = admin.get(f"/admin/domains/{queue.domain}/check").json
    assert not checked["isRight"] and {i["reason"] for i in checked["items"] if i["purpose"] in ("mx", "host")} == {"missing", "noAddress"}
    admin.get("/admin/domains/theirs.example/check", status=404)


def test_a_delivery_is_tried(queue):
    """With servers: integration/test_delivery_security.py."""
    admin = Api.signed_in(queue, queue.user(1))
    tried = admin.post("/admin/delivery-test", query={"address": "leo@far.test"}, status=200).json
    assert (tried["isAccepted"], tried["hosts"], tried["problem"]) == (False, [], "the domain does not exist")
    admin.post("/admin/delivery-test", query={"address": "leo@[192.0.2.1]"}, status=400)
    admin.with_token("account:read", "admin:read").post("/admin/delivery-test", query={"address": "leo@far.test"}, status=403)
    assert admin.get("/admin/audit", query={"object": "leo@far.test"}).json["items"][0]["action"] == "delivery.test"


def test_queue(queue):
    admin = Api.signed_in(queue, queue.user(1))
    with queue.smtp("submission", login=queue.user(2)) as smtp:
        for number in (1, 2, 3):
            smtp.sendmail(queue.user(2)["address"], [f"leo{number}@far.example"], f"From: {queue.user(2)['address']}\r\nSubject: {number}\r\n\r\nx\r\n")
    rows = pages(admin, "/admin/queue", domain="far.example")
    groups = admin.get("/admin/queue/domains", query={"domain": "far.example"}).json
    assert groups["total"] == 1 and [(g["domain"], g["recipients"], g["messages"], g["failed"]) for g in groups["items"]] == [("far.example", 3, 3, 0)]
    assert admin.get("/admin/queue/domains", query={"sender": "nobody@example.org"}).json == {"items": [], "total": 0}
    assert len(rows) == 3 and {r["status"] for r in rows} <= {"pending", "deferred", "failed"}
    one = admin.get("/admin/queue", query={"recipient": "leo1@far.example"}).json["items"]
    assert [r["recipient"] for r in one] == ["leo1@far.example"]
    path = f"/admin/queue/{one[0]['id']}"
    assert admin.get(path).json["recipients"][0]["recipient"] == "leo1@far.example"
    piece = admin.post(f"{path}/export", status=200).json
    assert piece["next"] is None and b"\r\nSubject: 1\r\n" in base64.b64decode(piece["data"])
    assert admin.post(f"{path}/export", query={"part": 1}, status=200).json | {"id": ""} == {"id": "", "part": 1, "data": "", "next": None}
    assert admin.get("/admin/audit", query={"object": one[0]["id"]}).json["items"][0]["action"] == "queue.export"
    stats = admin.get("/admin/queue/stats").json
    assert stats["messages"] >= 3
    assert admin.get("/admin/overview").json["queue"]["messages"] >= 3
    assert admin.post(f"{path}/retry", status=200).json["recipients"] <= 1
    assert admin.post("/admin/queue/retry", {"domain": "far.example"}, headers={"Idempotency-Key": "r"}, status=200).json["recipients"] <= 3
    admin.post("/admin/queue/retry", {"domain": "other.invalid"}, headers={"Idempotency-Key": "r"}, status=409)
    admin.delete(path, status=204)
    admin.get(path, status=404)
    admin.post(f"{path}/retry", status=404)
    admin.post(f"{path}/export", status=404)
    (gone,) = admin.get("/admin/trace", query={"query": "leo1@far.example"}, status=200).json["items"]
    assert gone["id"] == one[0]["id"] and gone["state"] in ("dropped", "failed") and gone["attempts"]
    assert {d["recipient"] for d in pages(admin, "/admin/trace", sender=queue.user(2)["address"])} >= {r["recipient"] for r in rows}


def test_acts_on_the_queue(queue):
    """FEATURES 56: hold, release, reschedule, fail and drop what is selected, or only count it."""
    admin, mia = Api.signed_in(queue, queue.user(1)), queue.user(2)["address"]
    with queue.smtp("submission", login=queue.user(2)) as smtp:
        for local in ("ann", "bob", "cid"):
            smtp.sendmail(mia, [f"{local}@acts.example"], f"From: {mia}\r\nSubject: {local}\r\n\r\nx\r\n")
    path, here = "/admin/queue/act", {"domain": "acts.example"}
    states = lambda: sorted(r["status"] for r in pages(admin, "/admin/queue", **here))
    act = lambda action, **more: admin.post(path, {"action": action, **here, **more}, status=200).json
    # What is tried at this moment is left out: neither what is not tried yet nor what is being tried may be among these.
    wait_until(lambda: states() == ["deferred"] * 3, what="the first attempts")
    assert act("hold", dryRun=True)["recipients"] == 3 and "held" not in states()
    assert act("hold") == {"recipients": 3, "messages": 3, "shortened": 0, "shortenedTo": None, "held": 0} and states() == ["held"] * 3
    assert act("hold")["recipients"] == 0
    one = {r["recipient"]: r["id"] for r in pages(admin, "/admin/queue", **here)}
    assert admin.post(path, {"action": "drop", "id": one["ann@acts.example"]}, headers={"Idempotency-Key": "a"}, status=200).json["messages"] == 1
    admin.post(path, {"action": "drop", "id": one["bob@acts.example"]}, headers={"Idempotency-Key": "a"}, status=409)
    admin.post(path, {"action": "drop", "id": one["ann@acts.example"]}, status=404)
    assert act("fail", recipient="bob@acts.example")["recipients"] == 1
    assert act("release", olderThanSeconds=3600)["recipients"] == 0
    assert admin.post(path, {"action": "hold"}, status=422).pointers == ["/id"]
    assert admin.post(path, {"action": "reschedule", **here}, status=422).pointers == ["/at"]
    assert admin.post(path, {"action": "transport", **here, "transport": "gone.example"}, status=422).pointers == ["/transport"]
    sent = act("transport", transport="mx")
    assert sent["recipients"] == sent["held"] == 1
    said = queue.cli("queue", "transport", "mx", one["cid@acts.example"]).stdout
    assert "1 recipients of 1 messages set to go another way" in said and "1 of them are held" in said and "queue release" in said
    (row,) = [r for r in pages(admin, "/admin/queue", **here) if r["status"] == "held"]
    assert row["transport"] == "mx" and not row["isVerp"] and row["heldUntil"] is None
    assert act("transport", transport="default", dryRun=True)["recipients"] == 1
    assert act("release")["recipients"] == 1
    wait_until(lambda: act("reschedule", at="2099-01-01T00:00:00Z")["recipients"] == 1, what="the end of its try")
    (row,) = [r for r in pages(admin, "/admin/queue", **here) if r["status"] != "failed"]
    assert row["nextAttemptAt"] == row["expiresAt"]
    told = act("reschedule", at="2099-01-01T00:00:00Z", dryRun=True)
    assert told["shortened"] == 1 and told["shortenedTo"] == row["expiresAt"]
    said = queue.cli("queue", "reschedule", row["id"], "--at", "2099-01-01T00:00:00Z").stdout
    assert "1 recipients of 1 messages rescheduled" in said and row["expiresAt"] in said
    (entry,) = admin.get("/admin/audit", query={"action": "queue.fail", "object": "acts.example"}).json["items"]
    assert entry["detail"] == "1 recipients of 1 messages"
    assert "dropped" in {d["state"] for d in pages(admin, "/admin/trace", query="ann@acts.example")}
    shown = queue.json("queue", "drop", "--domain", "acts.example", "--dry-run")
    assert shown["recipients"] == 1 and shown["dryRun"] and row["id"] in {r["id"] for r in pages(admin, "/admin/queue", **here)}
    assert queue.cli("queue", "hold", check=False).returncode == 65
    assert queue.cli("queue", "hold", "--domain", "acts.example", "--older-than", "soon", check=False).returncode == 65
    assert "1 recipients of 1 messages dropped" in queue.cli("queue", "drop", row["id"]).stdout


def test_hold_rules(queue):
    """FEATURES 56: what a rule matches is held when it is put into the queue."""
    person = Api.signed_in(queue, queue.user(2))
    admin, mia, path = Api.signed_in(queue, queue.user(1)), queue.user(2)["address"], "/admin/hold-rules"
    made = admin.post(path, {"sender": mia.upper(), "recipient": "Rules.Example", "note": "ask Bob"}, headers={"Idempotency-Key": "h"}, status=201)
    rule = made.json
    assert (rule["sender"], rule["recipient"], rule["note"]) == (mia, "@rules.example", "ask Bob")
    assert made.headers["location"] == f"/api/v1{path}/{rule['id']}" and rule in admin.get(path).json["items"]
    admin.post(path, {"sender": mia}, headers={"Idempotency-Key": "h"}, status=409)
    assert admin.post(path, {"sender": mia, "recipient": "rules.example"}, status=409).problem == "exists"
    for wrong, pointer in (({}, "/recipient"), ({"sender": "nobody"}, "/sender"), ({"recipient": "<>"}, "/recipient")):
        assert admin.post(path, wrong, status=422).pointers == [pointer]
    with queue.smtp("submission", login=queue.user(2)) as smtp:
        smtp.sendmail(mia, ["leo@rules.example"], f"From: {mia}\r\nSubject: x\r\n\r\nx\r\n")
    (row,) = admin.get("/admin/queue", query={"domain": "rules.example"}).json["items"]
    assert row["status"] == "held" and row["reply"].endswith(": ask Bob") and row["heldUntil"] is None
    # It waits for nothing but its release: to try it, or to decide about it, is something else.
    assert row["nextAttemptAt"] is None and row["expiresAt"] is None and not row["isAsked"]
    assert admin.post(f"/admin/queue/{row['id']}/retry", status=409).problem == "held"
    assert row["id"] not in {r["id"] for r in queue.json("queue", "pending")["items"]}
    refused = queue.cli("queue", "retry", row["id"], check=False)
    assert refused.returncode and "queue release" in refused.stderr
    for choice in ("send", "cancel", "retry", "whitelist"):
        assert admin.post(f"/admin/queue/{row['id']}/decide", {"choice": choice}, status=409).problem == "held"
        refused = queue.cli("queue", "decide", row["id"], choice, check=False)
        assert refused.returncode and "nobody is asked about it" in refused.stderr and "queue release" in refused.stderr
    assert person.post(f"/deliveries/{row['id']}/decide", {"choice": "cancel"}, status=409).problem == "held"
    admin.post(f"/deliveries/{row['id']}/decide", {"choice": "cancel"}, status=404)
    (group,) = admin.get("/admin/queue/domains", query={"domain": "rules.example"}).json["items"]
    assert group["held"] == 1 and group["nextAttemptAt"] is None
    (dumped,) = pages(admin, "/admin/queue/dump", domain="rules.example")
    envelope = dumped["envelope"]
    assert dumped["entry"] == row and envelope["isHeldByHand"] and envelope["messageId"] and envelope["accountId"]
    assert (envelope["notify"], envelope["ret"], envelope["tlsRule"]) == (["failure", "delay"], "default", "default")
    assert admin.get("/admin/queue/dump", query={"status": "deferred", "sender": mia, "recipient": "leo@rules.example"}).json["items"] == []
    lines = queue.cli("queue", "dump", "--status", "held", "--domain", "rules.example").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [dumped]
    queue.cli("queue", "drop", row["id"])
    added = queue.json("queue", "hold-rule", "add", "--recipient", "other.example")
    listed = queue.json("queue", "hold-rule", "list")["items"]
    assert {r["recipient"]: r["sender"] for r in listed} == {"@rules.example": mia, "@other.example": None}
    assert queue.cli("queue", "hold-rule", "add", check=False).returncode == 65
    queue.cli("queue", "hold-rule", "remove", [r["id"] for r in listed if r["recipient"] == "@other.example"][0])
    admin.delete(f"{path}/{rule['id']}", status=204)
    assert added["recipient"] == "@other.example"
    assert queue.cli("queue", "hold-rule", "remove", rule["id"], check=False).returncode == 66
    admin.delete(f"{path}/{rule['id']}", status=404)


def test_held_mail(queue):
    """Who may decide, and what about; how it comes to be held is in tests/integration/test_hold.py."""
    admin = Api.signed_in(queue, queue.user(1))
    mia = queue.user(2)["address"]
    with queue.smtp("submission", login=queue.user(2)) as smtp:
        for name in ("one", "two", "three", "five"):
            smtp.sendmail(mia, [f"leo@{name}.example"], f"From: {mia}\r\nSubject: {name}\r\n\r\nx\r\n")
            queue.await_first_attempts(f"leo@{name}.example")
            queue.psql(f"UPDATE q_rcpt SET status = -1 WHERE domain = '{name}.example'; INSERT INTO q_hold (queue_id, domain, account_id, reason,"
                       f" remote, certificate, pin, told) SELECT queue_id, domain, account_id, 'x', 'y', 'z', '\\x{64 * 'a'}', 1"
                       f" FROM q_rcpt JOIN q_msg USING (queue_id) WHERE domain = '{name}.example'")
    ids = {r["domain"]: r["id"] for r in pages(admin, "/admin/queue", status="held")}
    assert {r["domain"] for r in pages(admin, "/admin/queue", isAsked="true")} == set(ids)
    assert {r["domain"] for r in queue.json("queue", "pending")["items"]} == set(ids)
    assert len(ids) == 4 and admin.get("/admin/queue/stats").json["held"] == 4
    assert [g["domain"] for g in admin.get("/admin/queue/domains", query={"status": "held", "domain": "one.example"}).json["items"]] == ["one.example"]
    person, own = Api.signed_in(queue, queue.user(2)), f"/deliveries/{ids['five.example']}/decide"
    admin.post(own, {"choice": "send"}, status=404)
    assert person.post(own, {"choice": "cancel"}, headers={"Idempotency-Key": "d"}, status=200).json == {"recipients": 1}
    person.post(own, {"choice": "send"}, headers={"Idempotency-Key": "d"}, status=409)
    path = f"/admin/queue/{ids['one.example']}/decide"
    whitelist = {"choice": "whitelist", "expiresAt": "2099-01-01T00:00:00Z"}
    assert admin.post(path, {"choice": "whitelist", "expiresAt": "2020-01-01T00:00:00Z"}, status=422).pointers == ["/expiresAt"]
    assert admin.post(path, whitelist, headers={"Idempotency-Key": "d"}, status=200).json == {"recipients": 1}
    admin.post(path, {"choice": "send"}, headers={"Idempotency-Key": "d"}, status=409)
    admin.post(path, {"choice": "send"}, status=404)
    (made,) = admin.get("/admin/tls-exceptions", query={"domain": "one.example"}).json["items"]
    assert made["key"] == 64 * "a" and made["accountId"] and made["expiresAt"] == whitelist["expiresAt"]
    assert admin.post("/admin/tls-exceptions", {"domain": "nobody.example"}, status=409).problem == "no-certificate"
    assert admin.post("/admin/tls-exceptions", {"domain": "x.example", "key": 64 * "x"}, status=422).pointers == ["/key"]
    both = {"domain": "x.example", "key": 64 * "c", "anyServer": True}  # one of them was not meant
    assert admin.post("/admin/tls-exceptions", both, status=422).pointers == ["/key"]
    assert admin.get("/admin/tls-exceptions", query={"domain": "x.example"}).json["items"] == []
    assert queue.cli("whitelist", "tls", "x.example", "--any", "--key", 64 * "c", check=False).returncode == 65
    assert admin.post("/admin/tls-exceptions", {"domain": "TWO.example"}, status=200).json == {"recipients": 1, "keysSeen": []}
    admin.post("/admin/tls-exceptions", {"domain": "three.example", "anyServer": True}, status=200)
    admin.post("/admin/tls-exceptions", {"domain": "four.example", "key": 64 * "b"}, status=200)
    rows = admin.get("/admin/tls-exceptions").json["items"]
    assert {(r["domain"], r["key"], r["accountId"] is None) for r in rows} == {
        ("one.example", 64 * "a", False), ("two.example", 64 * "a", True), ("three.example", None, True), ("four.example", 64 * "b", True)}
    # One account's is taken back alone, by an administrator or by its owner, who sees no others'.
    queue.psql("INSERT INTO tls_exception (domain, account_id, pin, expires, created_by) SELECT 'three.example', account_id, ''::bytea, 'infinity'::timestamptz, login"
               f" FROM account WHERE login IN ('{mia}', '{queue.user(3)['address']}') UNION ALL SELECT 'three.example', 987654321, '', 'infinity', 'x'")
    whose = lambda: [(r["domain"], r["account"]) for r in admin.get("/admin/tls-exceptions", query={"domain": "three.example"}).json["items"]]
    assert sorted(whose(), key=str) == sorted([("three.example", who) for who in (None, None, mia, queue.user(3)["address"])], key=str)
    assert [(r["domain"], r["account"]) for r in person.get("/tls-exceptions").json["items"]] == [("one.example", mia), ("three.example", mia)]
    shown = queue.cli("whitelist", "tls", "list", "--domain", "three.example").stdout
    assert all(who in shown for who in (mia, queue.user(3)["address"], "987654321", "everybody")), shown
    person.delete("/tls-exceptions/two.example", status=404)  # it is everybody's
    person.delete("/tls-exceptions/three.example", status=204)
    person.delete("/tls-exceptions/three.example", status=404)
    person.delete("/tls-exceptions/nowhere.example", status=404)
    assert len(whose()) == 3 and [r["domain"] for r in person.get("/tls-exceptions").json["items"]] == ["one.example"]
    done = queue.cli("whitelist", "tls", "remove", "three.example", "--account", queue.user(3)["address"]).stdout
    assert "taken off the whitelist of TLS: 1\n" in done and queue.user(3)["address"] in done and "everybody" not in done, done
    assert queue.cli("whitelist", "tls", "remove", "three.example", "--account", queue.user(3)["address"], check=False).returncode == 66
    assert queue.json("whitelist", "tls", "remove", "three.example", "--account", "987654321")["items"][0]["accountId"] == "987654321"
    admin.delete("/admin/tls-exceptions/three.example", query={"account": "nobody@three.example"}, status=404)
    assert whose() == [("three.example", None)]
    assert [a["action"] for a in admin.get("/admin/audit", query={"object": "three.example", "actor": mia}).json["items"]] == ["tls.unwhitelist"]
    for name in ("one", "two", "three", "four"):
        assert [r["domain"] for r in admin.delete(f"/admin/tls-exceptions/{name}.example", status=200).json["items"]] == [f"{name}.example"]
    admin.delete("/admin/tls-exceptions/one.example", status=404)
    assert admin.get("/admin/tls-exceptions").json["items"] == []


# ---- the rest ----

def test_overview_and_figures(admin):
    overview = admin.get("/admin/overview").json
    assert overview["accounts"] >= 3 and overview["administrators"] >= 1 and overview["status"] == "ok"
    for metric in ("messagesReceived", "bytesReceived", "signIns", "signInFailures", "changes"):
        stats = admin.get("/admin/stats", query={"metric": metric, "step": 300}).json
        assert len(stats["times"]) == len(stats["values"]) > 100
    assert sum(v or 0 for v in admin.get("/admin/stats", query={"metric": "signIns"}).json["values"]) > 0
    wide = {"metric": "signIns", "from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "step": 60}
    assert admin.get("/admin/stats", query=wide, status=400).problem == "invalid-parameter"


def test_audit(admin, domain):
    account = new_account(admin, domain).json
    admin.patch(f"/admin/accounts/{account['id']}", {"quotaBytes": 5000})
    rows = pages(admin, "/admin/audit", object=account["address"])
    assert len(rows) >= 2 and rows[0]["at"] >= rows[-1]["at"]
    me = admin.get("/me").json
    assert {(r["actor"], r["actorId"]) for r in rows} == {(me["address"], me["id"])}
    assert all(r["action"].startswith("account.") for r in admin.get("/admin/audit", query={"action": "account."}).json["items"])
    assert admin.get("/admin/audit", query={"from": "2099-01-01T00:00:00Z"}).json["items"] == []
    assert admin.get("/admin/audit", query={"actor": "nobody", "to": "2099-01-01T00:00:00Z"}).json["items"] == []
