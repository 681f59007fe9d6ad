# SPDX-License-Identifier: Apache-2.0
"""Signing in and out over HTTP, who may do what, and what keeps other sites out (ATTACKS A5, A6)."""
import base64
import contextlib
import http.client
import pathlib
import ssl

import pytest

from api_client import Api
from conftest import wait_until

PASSWORD = "a quite new passphrase 7"


def raw(server, method, path, headers=None, kind="https", body=None):
    """One request without any help; gives status and header fields."""
    port = server.ports[kind]
    if kind == "https":
        connection = http.client.HTTPSConnection("localhost", port, timeout=60, context=server.tls())
    else:
        connection = http.client.HTTPConnection("localhost", port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_sign_in_and_out(heronry):
    user = heronry.new_user()
    api = Api(heronry)
    assert api.get("/session", status=401).problem == "not-signed-in"
    session = api.sign_in(user)
    assert session["account"]["address"] == user["address"]
    assert "mail:read" in session["scopes"] and "admin:read" not in session["scopes"]
    assert api.get("/session").json["id"] == session["id"]
    assert [s["isCurrent"] for s in api.get("/sessions").json["items"]] == [True]
    cookie = api.cookie
    api.delete("/session", status=204)
    api.cookie = cookie
    api.get("/session", status=401)


def test_wrong_password_and_unknown_user_look_alike(heronry):
    user = heronry.new_user()
    api = Api(heronry)
    wrong = api.post("/session", {"login": user["address"], "password": "no"}, status=401).json
    unknown = api.post("/session", {"login": "nobody@example.test", "password": "no"}, status=401).json
    for answer in (wrong, unknown):
        answer.pop("requestId")
    assert wrong == unknown


def test_cookie_is_for_this_host_over_tls_only(heronry):
    user = heronry.new_user()
    api = Api(heronry)
    answer = api.post("/session", {"login": user["address"], "password": user["password"]})
    words = [w.strip() for w in answer.headers["set-cookie"].split(";")]
    assert words[0].startswith("__Host-heronry=") and len(words[0]) > 50
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Strict"} <= set(words[1:])
    assert not any(w.startswith("Max-Age") for w in words)
    answer = api.post("/session", {"login": user["address"], "password": user["password"], "remember": True})
    assert any(w.strip().startswith("Max-Age=2592000") for w in answer.headers["set-cookie"].split(";"))


def test_a_new_session_ends_the_one_it_came_with(heronry):
    user = heronry.new_user()
    api = Api.signed_in(heronry, user)
    old = api.cookie
    api.sign_in(user)
    assert api.cookie != old
    other = Api(heronry)
    other.cookie = old
    other.ended("/session")


def test_a_password_that_was_remembered_too_long(heronry):
    """The row changes and no hint comes. A right password gets in; a wrong one is a failure, and ends no other session."""
    user, keeper = heronry.new_user(), heronry.new_user()
    login = {"login": user["address"], "password": user["password"]}
    api = Api(heronry)  # one connection, and so one process: what that remembers is met

    def change(what):
        heronry.psql(f"UPDATE account SET password_serial = password_serial + 1{what} WHERE login = '{user['address']}'")

    api.sign_in(user)
    change("")
    api.sign_in(user)
    api.sign_in(keeper)
    former = api.get("/session").json["id"]
    change(f", password_hash = (SELECT password_hash FROM account WHERE login = '{keeper['address']}')")
    assert api.post("/session", login, status=401).problem == "wrong-credentials"
    assert api.get("/session").json["id"] == former
    said = heronry.psql(f"SELECT result FROM audit_log WHERE action = 'login' AND object = '{user['address']}' ORDER BY audit_id")
    assert said.split() == ["ok", "ok", "denied"]


def statuses(server, cookie, times=30):
    """What `times` fresh connections get with a cookie: they meet all processes."""
    headers = {"cookie": f"__Host-heronry={cookie}"}
    return {raw(server, "GET", "/api/v1/session", headers)[0] for _ in range(times)}


def test_a_former_session_is_out_everywhere(heronry):
    api = Api.signed_in(heronry, user := heronry.new_user())
    old = api.cookie
    assert statuses(heronry, old) == {200}
    with api.events() as events:
        api.sign_in(user)
        name, _, data = next(events)
        assert (name, data["reason"]) == ("session", "revoked")
    wait_until(lambda: statuses(heronry, old) == {401}, what="the end of the former session")
    assert statuses(heronry, api.cookie) == {200}


def test_a_changed_password_changes_the_cookie(heronry):
    user = heronry.new_user()
    api = Api(heronry)
    session = api.sign_in(user, remember=True)
    old = api.cookie
    assert statuses(heronry, old) == {200}
    change = {"currentPassword": user["password"], "newPassword": PASSWORD}
    answer = api.post("/me/password", change, status=204)
    assert api.cookie != old and "Max-Age=" in answer.headers["set-cookie"]
    wait_until(lambda: statuses(heronry, old) == {401}, what="the end of the former cookie")
    assert statuses(heronry, api.cookie) == {200}
    assert api.get("/session").json["id"] == session["id"]
    program = api.with_token("account:write")
    change = {"currentPassword": PASSWORD, "newPassword": PASSWORD + "8"}
    assert "set-cookie" not in program.post("/me/password", change, status=204).headers


@pytest.mark.parametrize("left_out", ["x-heronry", "origin", "foreign origin"])
def test_writes_of_other_sites_are_refused(heronry, left_out):
    api = Api.signed_in(heronry, heronry.new_user())
    headers = {"cookie": f"__Host-heronry={api.cookie}", "content-type": "application/json", "x-heronry": "1",
               "origin": api.origin}
    if left_out == "foreign origin":
        headers["origin"] = "https://evil.example"
    else:
        del headers[left_out]
    status, _, body = raw(heronry, "PATCH", "/api/v1/me", headers, body=b'{"displayName": "Eve"}')
    assert status == 403 and b"cross-site" in body
    assert api.get("/me").json["displayName"] != "Eve"


def test_form_of_another_site_cannot_sign_in(heronry):
    user = heronry.new_user()
    body = b'{"login": "%s", "password": "%s"}' % (user["address"].encode(), user["password"].encode())
    status, _, _ = raw(heronry, "POST", "/api/v1/session", {"content-type": "text/plain"}, body=body)
    assert status in (403, 415)


def test_changed_password_ends_other_sessions(heronry):
    user = heronry.new_user()
    api, other = Api.signed_in(heronry, user), Api.signed_in(heronry, user)
    wrong = api.post("/me/password", {"currentPassword": "no", "newPassword": PASSWORD}, status=422)
    assert wrong.pointers == ["/currentPassword"]
    weak = api.post("/me/password", {"currentPassword": user["password"], "newPassword": "short"}, status=422)
    assert weak.problem == "weak-password"
    api.post("/me/password", {"currentPassword": user["password"], "newPassword": PASSWORD}, status=204)
    api.get("/session")
    other.ended("/session")
    Api(heronry).post("/session", {"login": user["address"], "password": user["password"]}, status=401)
    Api(heronry).post("/session", {"login": user["address"], "password": PASSWORD})


def test_ended_sessions_are_refused(heronry):
    user = heronry.new_user()
    api, second, third = (Api.signed_in(heronry, user) for _ in range(3))
    second_id = second.get("/session").json["id"]
    api.delete(f"/sessions/{second_id}", status=204)
    api.delete(f"/sessions/{second_id}", status=404)
    second.ended("/session")
    assert api.delete("/sessions", status=200).json["ended"] == 1
    third.ended("/session")
    api.get("/session")


def test_disabled_account_is_out(heronry):
    user = heronry.new_user()
    api = Api.signed_in(heronry, user)
    heronry.cli("user", "disable", user["address"])
    api.ended("/session")
    heronry.cli("user", "enable", user["address"])


def test_tokens_do_what_their_scopes_say(heronry):
    api = Api.signed_in(heronry, heronry.new_user())
    made = api.post("/tokens", {"name": "reader", "scopes": ["mail:read"]}, status=201).json
    assert made["secret"].startswith("hrn_") and made["secret"].startswith(made["token"]["prefix"])
    reader = Api(heronry, token=made["secret"])
    reader.get("/mailboxes")
    assert reader.get("/me", status=403).problem == "insufficient-scope"
    assert reader.post("/mailboxes", {"name": "No"}, status=403).problem == "insufficient-scope"
    assert made["secret"] not in api.get("/tokens").text
    api.delete(f"/tokens/{made['token']['id']}", status=204)
    assert reader.ended("/mailboxes").problem == "session-ended"
    refused = api.post("/tokens", {"name": "too much", "scopes": ["admin:read"]}, status=403)
    assert refused.problem == "not-an-administrator"


def test_token_cannot_make_tokens_or_sign_out(heronry):
    api = Api.signed_in(heronry, heronry.new_user())
    program = api.with_token("account:read", "account:write")
    assert program.post("/tokens", {"name": "x", "scopes": ["mail:read"]}, status=403).problem == "session-only"
    assert program.delete("/session", status=409).problem == "not-a-session"


def test_plain_http_leads_to_https(heronry):
    status, headers, _ = raw(heronry, "GET", "/api/v1/session", {"host": "localhost"}, kind="http")
    assert status == 308
    assert headers["location"] == f"https://localhost:{heronry.ports['https']}/api/v1/session"
    status, _, body = raw(heronry, "GET", "/health", kind="http")
    assert status == 200 and b'"ok"' in body


def test_repeated_post_is_carried_out_once(heronry):
    api = Api.signed_in(heronry, heronry.new_user())
    first = api.post("/mailboxes", {"name": "Once"}, status=201, headers={"Idempotency-Key": "k-1"})
    again = api.post("/mailboxes", {"name": "Once"}, status=201, headers={"Idempotency-Key": "k-1"})
    assert first.json == again.json and first.headers["location"] == again.headers["location"]
    other = api.post("/mailboxes", {"name": "Twice"}, status=409, headers={"Idempotency-Key": "k-1"})
    assert other.problem == "idempotency-key-reused"


def test_a_repeated_post_with_another_query_is_another(heronry):
    api = Api.signed_in(heronry, heronry.new_user())
    headers = {"Idempotency-Key": "k-2", "Content-Type": "text/plain"}
    ask = {"query": {"name": "one.txt"}, "headers": headers}
    first = api.post("/blobs", b"text", status=201, **ask)
    assert api.post("/blobs", b"text", status=201, **ask).json == first.json
    other = api.post("/blobs", b"text", status=409, query={"name": "two.txt"}, headers=headers)
    assert other.problem == "idempotency-key-reused"


def test_settings_and_identities(heronry):
    user = heronry.new_user()
    api = Api.signed_in(heronry, user)
    assert api.get("/me/settings").json["theme"] == "auto"
    assert api.patch("/me/settings", {"theme": "dark", "undoSendSeconds": 20}).json["theme"] == "dark"
    assert api.get("/me/settings").json["undoSendSeconds"] == 20
    assert api.patch("/me", {"displayName": "Ada Quill"}).json["displayName"] == "Ada Quill"
    first = api.get("/identities").json["items"]
    assert [i["address"] for i in first] == [user["address"]] and first[0]["isDefault"]
    api.delete(f"/identities/{first[0]['id']}", status=409)
    wrong = api.post("/identities", {"name": "Eve", "address": "eve@elsewhere.example"}, status=422)
    assert wrong.pointers == ["/address"]
    local, domain = user["address"].split("@")
    made = api.post("/identities", {"name": "News", "address": f"{local}+news@{domain}", "isDefault": True},
                    status=201).json
    assert [i["isDefault"] for i in api.get("/identities").json["items"]] == [True, False]
    assert api.patch(f"/identities/{made['id']}", {"signatureText": "Ada"}).json["signatureText"] == "Ada"
    api.delete(f"/identities/{made['id']}", status=204)
    assert api.get("/identities").json["items"][0]["isDefault"]


def titles():
    """Of all processes that there are; some end meanwhile."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode(errors="replace"))
    return "".join(found)


def test_no_secret_is_told_at_log_level_debug(heronry_factory):
    """PROMISES R31 over HTTP: canaries through every field that takes a secret, then everything that was written is searched."""
    server = heronry_factory(settings={"logging.level": "debug"})
    admin = Api.signed_in(server, server.user(1))
    canaries = [f"canary-{name}-4711-of-its-own" for name in ("wrong", "made", "set", "changed", "bearer", "cookie", "query", "basic")]
    wrong, made, set_by_admin, changed, bearer, cookie, query, basic = canaries
    address = f"canary@{server.domain}"
    account = admin.post("/admin/accounts", {"address": address, "password": made}, status=201).json
    user = Api(server)
    user.post("/session", {"login": address, "password": wrong}, status=401)
    user.post("/session", {"login": wrong, "password": wrong}, status=401)
    user.sign_in({"address": address, "password": made})
    admin.put(f"/admin/accounts/{account['id']}/password", {"password": set_by_admin}, status=204)
    user = Api.signed_in(server, {"address": address, "password": set_by_admin})
    user.post("/me/password", {"currentPassword": wrong, "newPassword": changed}, status=422)
    user.post("/me/password", {"currentPassword": set_by_admin, "newPassword": changed}, status=204)
    token = user.post("/tokens", {"name": "t", "scopes": ["mail:read"]}, status=201).json["secret"]
    raw(server, "GET", f"/api/v1/me?access_token={query}", {"Authorization": f"Bearer {bearer}", "Cookie": f"__Host-heronry={cookie}"})
    raw(server, "GET", "/api/v1/me", {"Authorization": "Basic " + base64.b64encode(basic.encode()).decode()})
    raw(server, "POST", "/api/v1/session", {"content-type": "application/json"}, body=f'{{"password": "{wrong}", broken'.encode())
    server.smtp("submission", login={"address": address, "password": changed}).quit()
    wait_until(lambda: " debug " in server.log(), what="lines of level debug")
    told = server.log() + titles() + server.psql("SELECT a::text FROM audit_log a") + admin.get("/metrics").text
    for secret in [*canaries, token, user.cookie, base64.b64encode(basic.encode()).decode()]:
        assert secret not in told, secret
