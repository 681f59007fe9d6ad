# SPDX-License-Identifier: Apache-2.0
"""Every operation on the own account does what the contract says, on the running server."""
import re

from api_client import Api


# ---- sessions ----

def test_signing_in_and_out(heronry, user):
    api = Api(heronry)
    api.get("/session", status=401)
    wrong = api.post("/session", {"login": user["address"], "password": "wrong horse battery"}, status=401)
    unknown = api.post("/session", {"login": "nobody@example.test", "password": "wrong horse battery"}, status=401)
    assert wrong.problem == "wrong-credentials"
    assert {k: v for k, v in wrong.json.items() if k != "requestId"} == {k: v for k, v in unknown.json.items() if k != "requestId"}
    answer = api.post("/session", {"login": user["address"], "password": user["password"]}, status=200)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")[1:]}
    assert "max-age" not in cookie.lower() and "domain" not in cookie.lower()
    assert answer.json["account"]["address"] == user["address"] and "admin:read" not in answer.json["scopes"]
    assert api.get("/session").json["id"] == answer.json["id"]
    old = api.cookie
    ended = api.delete("/session", status=204)
    assert "Max-Age=0" in ended.headers["set-cookie"] and '"cache"' in ended.headers["clear-site-data"]
    api.cookie = old
    assert api.get("/session", status=401).problem == "session-ended"


def test_signing_in_makes_a_new_session(heronry, user):
    api = Api(heronry)
    api.sign_in(user, remember=True)
    first = api.cookie
    api.sign_in(user)
    second, api.cookie = api.cookie, first
    assert first != second
    assert api.ended("/me").problem == "session-ended"


def test_sessions_of_the_account(heronry, user, api):
    others = [Api.signed_in(heronry, user) for _ in range(3)]
    listed = api.get("/sessions", query={"limit": 3}).json
    assert len(listed["items"]) == 3 and len(api.get("/sessions", query={"cursor": listed["nextCursor"]}).json["items"]) == 1
    assert sum(s["isCurrent"] for s in listed["items"]) <= 1
    api.delete(f"/sessions/{others[0].get('/session').json['id']}", status=204)
    others[0].ended("/me")
    assert api.delete("/sessions", status=200).json == {"ended": 2}
    others[1].ended("/me")
    api.get("/me")


def test_password_is_changed(heronry, user, api):
    other = Api.signed_in(heronry, user)
    new = "a new horse battery staple"
    wrong = api.post("/me/password", {"currentPassword": "not this one at all", "newPassword": new}, status=422)
    assert wrong.pointers == ["/currentPassword"]
    weak = api.post("/me/password", {"currentPassword": user["password"], "newPassword": "password"}, status=422)
    assert weak.problem == "weak-password"
    api.post("/me/password", {"currentPassword": user["password"], "newPassword": new}, status=204)
    other.ended("/me")
    api.get("/me")
    Api(heronry).post("/session", {"login": user["address"], "password": new}, status=200)


# ---- account ----

def test_own_account_settings_and_bootstrap(api, user):
    assert api.get("/me").json["address"] == user["address"]
    assert api.patch("/me", {"displayName": "Mia Grün"}).json["displayName"] == "Mia Grün"
    before = api.get("/me/settings").json
    after = api.patch("/me/settings", {"theme": "dark", "undoSendSeconds": 20}).json
    assert after == before | {"theme": "dark", "undoSendSeconds": 20}
    start = api.get("/bootstrap").json
    assert start["settings"] == after and start["account"] == api.get("/me").json
    assert start["mailboxes"][0]["role"] == "inbox" and start["identities"] == api.get("/identities").json["items"]
    assert start["inbox"]["items"] == []


def test_identities(api, user):
    first = api.get("/identities").json["items"]
    assert len(first) == 1 and first[0]["isDefault"] and first[0]["address"] == user["address"]
    made = api.post("/identities", {"name": "Mia at work", "address": user["address"], "isDefault": True, "replyTo": None,
                                    "signatureHtml": "<p>Mia<script>x()</script></p>", "signatureText": "Mia"}, status=201)
    assert made.headers["location"] == f"/api/v1/identities/{made.json['id']}" and made.json["signatureHtml"] == "<p>Mia</p>"
    assert [i["isDefault"] for i in api.get("/identities").json["items"]] == [True, False]
    changed = api.patch(f"/identities/{made.json['id']}", {"name": "Mia", "replyTo": "team@example.net"}).json
    assert changed == made.json | {"name": "Mia", "replyTo": "team@example.net"}
    foreign = api.post("/identities", {"name": "x", "address": "boss@example.net"}, status=422)
    assert foreign.pointers == ["/address"]
    api.delete(f"/identities/{made.json['id']}", status=204)
    last = api.get("/identities").json["items"]
    assert [i["isDefault"] for i in last] == [True]
    assert api.delete(f"/identities/{last[0]['id']}", status=409).problem == "in-use"
    key = {"Idempotency-Key": "identity"}
    api.post("/identities", {"name": "A", "address": user["address"]}, headers=key, status=201)
    api.post("/identities", {"name": "B", "address": user["address"]}, headers=key, status=409)


# ---- tokens ----

def test_tokens(heronry, api):
    made = api.post("/tokens", {"name": "Backup", "scopes": ["mail:read"], "expiresAt": "2099-01-01T00:00:00Z"},
                    headers={"Idempotency-Key": "token"}, status=201).json
    assert made["secret"].startswith(made["token"]["prefix"]) and made["secret"].startswith("hrn_")
    api.post("/tokens", {"name": "Other", "scopes": ["mail:read"]}, headers={"Idempotency-Key": "token"}, status=409)
    program = Api(heronry, token=made["secret"])
    program.get("/mailboxes")
    assert program.post("/mailboxes", {"name": "x"}, status=403).problem == "insufficient-scope"
    strong = api.with_token("account:read", "account:write")
    assert strong.post("/tokens", {"name": "more", "scopes": ["mail:read"]}, status=403).problem == "session-only"
    assert strong.delete("/session", status=409).problem == "not-a-session"
    listed = api.get("/tokens", query={"limit": 1}).json
    assert "secret" not in listed["items"][0]
    assert made["token"]["id"] in [t["id"] for t in api.get("/tokens", query={"cursor": listed["nextCursor"]}).json["items"]]
    api.delete(f"/tokens/{made['token']['id']}", status=204)
    assert program.ended("/mailboxes").problem == "session-ended"
    assert api.post("/tokens", {"name": "x", "scopes": ["admin:read"]}).status in (403, 422)


def test_token_ends_at_its_time(heronry, api):
    past = api.post("/tokens", {"name": "Old", "scopes": ["mail:read"], "expiresAt": "2001-01-01T00:00:00Z"})
    if past.status == 201:
        Api(heronry, token=past.json["secret"]).get("/mailboxes", status=401)
    else:
        assert past.pointers == ["/expiresAt"]


# ---- app passwords ----

PHONE = {"label": "Phone", "protocols": ["imap", "smtp"]}


def test_app_passwords(heronry, api):
    made = api.post("/app-passwords", PHONE | {"networks": ["127.0.0.0/8", "::1"], "expiresAt": "2099-01-01T00:00:00Z"},
                    headers={"Idempotency-Key": "app"}, status=201)
    one = made.json["appPassword"]
    assert made.headers["location"] == f"/api/v1/app-passwords/{one['id']}"
    assert (one["label"], one["protocols"], one["networks"]) == ("Phone", ["imap", "smtp"], ["127.0.0.0/8", "::1"])
    assert (one["expiresAt"][:10], one["lastUsedAt"], one["lastUsedIp"]) == ("2099-01-01", None, "")
    api.post("/app-passwords", PHONE, headers={"Idempotency-Key": "app"}, status=409)
    other = api.post("/app-passwords", PHONE | {"label": "Desk", "protocols": ["pop3"]}, status=201).json
    listed = api.get("/app-passwords")
    assert listed.json["items"] == [other["appPassword"], one]
    assert made.json["password"] not in listed.text and other["password"] != made.json["password"]
    api.delete(f"/app-passwords/{one['id']}", status=204)
    api.delete(f"/app-passwords/{one['id']}", status=404)
    assert [p["label"] for p in api.get("/app-passwords").json["items"]] == ["Desk"]


def test_app_passwords_that_are_refused(heronry, user, api):
    assert api.post("/app-passwords", PHONE | {"networks": ["192.0.2.0/33"]}, status=422).pointers == ["/networks"]
    past = api.post("/app-passwords", PHONE | {"expiresAt": "2001-01-01T00:00:00Z"}, status=422)
    assert past.pointers == ["/expiresAt"]
    strong = api.with_token("account:read", "account:write")
    assert strong.post("/app-passwords", PHONE, status=403).problem == "session-only"
    assert strong.get("/app-passwords").json["items"] == []
    secret = api.post("/app-passwords", PHONE, status=201).json["password"]
    # It opens programs, not the webmail.
    Api(heronry).post("/session", {"login": user["address"], "password": secret}, status=401)
    for _ in range(49):
        api.post("/app-passwords", PHONE, status=201)
    assert api.post("/app-passwords", PHONE, status=422).problem == "limit"


# ---- the server ----

def test_description_and_page(heronry):
    api = Api(heronry)
    got = api.get("/openapi.json")
    assert got.json["openapi"] == "3.1.0" and "/mailboxes" in got.json["paths"]
    api.get("/openapi.json", headers={"If-None-Match": got.headers["etag"]}, status=304)
    page = api.get("/docs")
    assert "listThreads" in page.text and "default-src 'none'" in page.headers["content-security-policy"]


def test_health_and_metrics(heronry, api):
    stranger = Api(heronry)
    assert stranger.get("/health").json == {"status": "ok"}
    admin = Api.signed_in(heronry, heronry.user(1))
    detailed = admin.get("/health/detailed").json
    assert detailed["status"] == "ok"
    assert [c["name"] for c in detailed["checks"]] == ["database", "schema", "redis", "queue", "disk", "certificate"]
    assert "mailserver_messages_received_total" in admin.get("/metrics").text
    stranger.get("/health/detailed", status=401)
    stranger.get("/metrics", status=401)
    api.get("/metrics", status=403)


def test_strangers_are_not_told_the_version(heronry):
    """ATTACKS A23: what the contract and its page say is the version of the contract."""
    stranger = Api(heronry)
    version = Api.signed_in(heronry, heronry.user(1)).get("/health/detailed").json["version"]
    contract = stranger.get("/openapi.json")
    assert contract.json["info"]["version"] == "1"
    for answer in (contract, stranger.get("/docs"), stranger.get("/health"), stranger.get("/nowhere", status=404)):
        assert not re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", answer.text)
        assert "server" not in answer.headers and version not in str(answer.fields)


def test_answers_are_not_stored_and_name_the_request(api):
    answer = api.get("/me")
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    lost = api.get("/mailboxes/123456", status=404)
    assert lost.json["requestId"] == lost.headers["x-request-id"]
