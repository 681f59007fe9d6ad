# SPDX-License-Identifier: Apache-2.0
"""Every operation on mail does what the contract says, on the running server."""
import time

import pytest

import mail
from api_client import Api
from conftest import wait_until


@pytest.fixture
def filled(heronry, user, api):
    """Three messages in two conversations: ids of messages, the oldest first."""
    first = mail.make("Spring", message_id="<one@example.net>")
    answer = mail.make("Re: Spring", "And the sails too.\n", in_reply_to="<one@example.net>")
    other = mail.make("Bill", "Pay now.\n", html="<p>Pay <b>now</b><script>x()</script><img src=http://track.example/p.gif width=1 height=1>",
                      attachments=[("bill.pdf", "application/pdf", b"%PDF-1.4 " + b"x" * 3000), ("a.png", "image/png", mail.PICTURE)])
    mail.append(heronry, user, first, answer, other)
    items = api.get("/messages").json["items"]
    return [item["id"] for item in sorted(items, key=lambda item: int(item["id"]))]


def undo_of(result):
    return {row["mailboxId"]: row["messageIds"] for row in result["changed"]}


# ---- mailboxes ----

def test_mailboxes(api):
    roles = {m["role"]: m for m in api.get("/mailboxes").json["items"]}
    assert {"inbox", "drafts", "sent", "archive", "junk", "trash"} <= set(roles)
    made = api.post("/mailboxes", {"name": "Work", "parentId": None}, status=201)
    assert made.headers["location"] == f"/api/v1/mailboxes/{made.json['id']}"
    below = api.post("/mailboxes", {"name": "Plans", "parentId": made.json["id"]}, status=201).json
    assert below["path"] == "Work/Plans"
    assert api.get(f"/mailboxes/{below['id']}").json == below
    assert api.post("/mailboxes", {"name": "Work"}, status=409).problem == "exists"
    assert api.delete(f"/mailboxes/{made.json['id']}", status=409).problem == "in-use"
    moved = api.patch(f"/mailboxes/{below['id']}", {"name": "Ideas", "parentId": None, "isSubscribed": False}).json
    assert (moved["path"], moved["isSubscribed"], moved["id"]) == ("Ideas", False, below["id"])
    assert api.request("PATCH", f"/mailboxes/{roles['trash']['id']}", {"name": "Bin"}).problem == "in-use"
    api.patch(f"/mailboxes/{below['id']}", {"parentId": made.json["id"]})
    assert api.request("PATCH", f"/mailboxes/{made.json['id']}", {"parentId": below["id"]}, status=409).problem == "in-use"
    api.delete(f"/mailboxes/{below['id']}", status=204)
    api.get(f"/mailboxes/{below['id']}", status=404)
    assert api.delete(f"/mailboxes/{roles['inbox']['id']}", status=409).problem == "in-use"


def test_retention(api):
    trash = api.mailbox("trash")
    path = f"/mailboxes/{trash}/retention"
    assert api.get(path).json == {"days": None}
    assert api.put(path, {"days": 30}, status=200).json == api.get(path).json == {"days": 30}
    assert api.put(path, {"days": None}, status=200).json == api.get(path).json == {"days": None}
    api.get("/mailboxes/9223372036854775000/retention", status=404)


def test_grants(heronry, api):
    leo = heronry.new_user()
    box = api.post("/mailboxes", {"name": "Work"}, status=201).json["id"]
    path = f"/mailboxes/{box}/grants"
    assert api.get(path).json == {"items": []}
    reader = {"grantee": leo["address"], "granted": "lrs", "denied": ""}
    assert api.put(f"{path}/{leo['address'].upper()}", {"granted": "lrs"}, status=200).json == {"items": [reader]}
    anyone = {"grantee": "anyone", "granted": "lrswite", "denied": "x"}
    assert api.put(f"{path}/anyone", {"granted": "lrswite", "denied": "x"}, status=200).json["items"] == [anyone, reader]
    with heronry.imap(leo) as imap:
        name = f'"Other Users/{api.get("/me").json["address"]}/Work"'
        assert imap.select(name)[0] == "OK"
    assert api.put(f"{path}/anyone", {"granted": "lq"}, status=422).pointers == ["/granted"]
    assert api.put(f"{path}/anyone", {"granted": "", "denied": "!"}, status=422).pointers == ["/denied"]
    assert api.put(f"{path}/{leo['address']}", {"granted": ""}, status=200).json["items"] == [anyone]
    api.delete(f"{path}/anyone", status=204)
    assert api.get(path).json == {"items": []}
    api.put(f"{path}/nobody@example.net", {"granted": "l"}, status=404)
    own = api.get("/me").json["address"]
    assert "owner" in api.put(f"{path}/{own}", {"granted": "l"}, status=404).json["detail"]
    for method, last in (("GET", ""), ("PUT", "/anyone"), ("DELETE", "/anyone")):
        api.request(method, f"/mailboxes/999/grants{last}", {"granted": "l"} if method == "PUT" else None, status=404)


def test_deleted_messages_come_back(heronry, user, api, filled):
    before = {m["id"]: m for m in api.get("/messages").json["items"]}
    octets = api.get(f"/messages/{filled[2]}/source").body
    api.post("/messages/batch", {"target": {"messageIds": filled}, "change": {"destroy": True}}, status=200)
    assert api.get("/messages").json["items"] == []
    page = api.get("/expunged", query={"limit": 2}).json
    rows = page["items"] + api.get("/expunged", query={"limit": 2, "cursor": page["nextCursor"]}).json["items"]
    assert len(rows) == 3 and {r["subject"] for r in rows} == {"Spring", "Re: Spring", "Bill"}
    assert rows[0]["from"] == {"name": "Leo Park", "address": "leo@example.net"} and rows[0]["mailboxPath"] == "INBOX"
    bill = next(r for r in rows if r["subject"] == "Bill")
    key = {"Idempotency-Key": "restore"}
    assert api.post("/expunged/restore", {"dryRun": True}, status=200).json["messages"] == 3
    done = api.post("/expunged/restore", {"ids": [bill["id"]]}, headers=key, status=200).json
    assert done == {"messages": 1, "size": bill["size"], "left": 0}
    assert api.post("/expunged/restore", {"ids": [bill["id"]]}, headers=key, status=200).json == done
    api.post("/expunged/restore", {"from": rows[0]["expungedAt"]}, headers=key, status=409)
    assert api.post("/expunged/restore", {"ids": [bill["id"]]}, status=200).json["messages"] == 0
    back = api.get("/messages").json["items"]
    assert [m["id"] for m in back] == [filled[2]] and api.get(f"/messages/{filled[2]}/source").body == octets
    wait_until(lambda: api.get("/search", query={"q": "bill"}).json["total"] == 1, what="the restored message in the index")
    assert api.post("/expunged/restore", {"from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}, status=200).json["messages"] == 2
    assert {m["id"]: m["subject"] for m in api.get("/messages").json["items"]} == {i: m["subject"] for i, m in before.items()}
    assert api.get("/expunged").json["items"] == []


def test_mailbox_with_messages_is_deleted_as_told(heronry, user, api):
    for name, what, trashed in (("A", "trash", 1), ("B", "destroy", 1)):
        made = api.post("/mailboxes", {"name": name}, status=201).json
        mail.append(heronry, user, mail.make(name), mailbox=name)
        assert api.delete(f"/mailboxes/{made['id']}", status=409).problem == "in-use"
        api.delete(f"/mailboxes/{made['id']}", query={"messages": what}, status=204)
        trash = next(m for m in api.get("/mailboxes").json["items"] if m["role"] == "trash")
        assert trash["totalMessages"] == trashed


def test_uses_that_only_imap_knows_bind_nobody(heronry, user, api):
    """A mailbox of a use that the API does not tell (RFC 9979) is renamed and deleted as any other."""
    with heronry.imap(user) as imap:
        assert imap.create("Notes (USE (\\Memos))")[0] == "OK"
    box = next(m for m in api.get("/mailboxes").json["items"] if m["name"] == "Notes")
    assert box["role"] is None
    assert api.patch(f"/mailboxes/{box['id']}", {"name": "Thoughts"}).json["name"] == "Thoughts"
    with heronry.imap(user) as imap:
        assert imap.xatom("LIST", "(SPECIAL-USE)", '""', "Thoughts")[0] == "OK"
        assert b"\\Memos" in imap.response("LIST")[1][0]
    api.delete(f"/mailboxes/{box['id']}", status=204)


def test_the_same_key_makes_one_mailbox(api):
    key = {"Idempotency-Key": f"k{time.time_ns()}"}
    first = api.post("/mailboxes", {"name": "Once"}, headers=key, status=201)
    again = api.post("/mailboxes", {"name": "Once"}, headers=key, status=201)
    assert first.json == again.json
    assert api.post("/mailboxes", {"name": "Twice"}, headers=key, status=409).problem == "idempotency-key-reused"


# ---- conversations ----

def test_threads_by_pages(heronry, user, api, filled):
    pages, cursor = [], None
    while True:
        page = api.get("/mailboxes/1/threads", query={"limit": 1, "total": True} | ({"cursor": cursor} if cursor else {})).json
        pages += page["items"]
        assert page["total"] == 2
        cursor = page["nextCursor"]
        if not cursor:
            break
    assert [row["subject"] for row in pages] == ["Bill", "Re: Spring"]
    assert pages[1]["messageIds"] == filled[:2] and pages[1]["messageCount"] == 2
    oldest = api.get("/mailboxes/1/threads", query={"sort": "oldest"}).json["items"]
    assert [row["id"] for row in oldest] == [row["id"] for row in reversed(pages)]
    assert len(api.get("/mailboxes/1/threads", query={"filter": "attachments"}).json["items"]) == 1
    assert api.get("/mailboxes/1/threads", query={"filter": "flagged"}).json["items"] == []


def decode_index(octets):
    """Ids from zig-zag varints of differences."""
    ids, value, shift, last = [], 0, 0, 0
    for octet in octets:
        value |= (octet & 0x7f) << shift
        shift += 7
        if not octet & 0x80:
            last += (value >> 1) ^ -(value & 1)
            ids.append(str(last))
            value = shift = 0
    return ids


def test_index_has_the_order_of_the_list(api, filled):
    index = api.get("/mailboxes/1/index")
    rows = api.get("/mailboxes/1/threads").json["items"]
    assert decode_index(index.body) == [row["id"] for row in rows]
    assert api.get("/mailboxes/1/index", query={"sort": "oldest"}).body != index.body
    tag = {"If-None-Match": index.headers["etag"]}
    assert api.get("/mailboxes/1/index", headers=tag, status=304).body == b""
    api.patch(f"/messages/{filled[0]}", {"move": {"from": "1", "to": api.mailbox("archive")}})
    api.patch(f"/messages/{filled[2]}", {"move": {"from": "1", "to": api.mailbox("archive")}})
    assert decode_index(api.get("/mailboxes/1/index", headers=tag).body) == [rows[1]["id"]]


def test_thread_with_its_messages(api, filled):
    rows = api.get("/mailboxes/1/threads").json["items"]
    thread = api.get(f"/threads/{rows[1]['id']}").json
    assert [m["id"] for m in thread["messages"]] == filled[:2]
    gotten = api.post("/threads/batchGet", {"ids": [rows[1]["id"], "12345"], "mailboxId": "1"}, status=200).json
    # A window may ask for the rows of a mailbox that another one has just deleted.
    api.post("/threads/batchGet", {"ids": [rows[1]["id"]], "mailboxId": "987654"}, status=404)
    assert (gotten["items"], gotten["notFound"]) == ([rows[1]], ["12345"])


# ---- messages ----

def test_links_that_lead_elsewhere_than_they_say_are_told(heronry, user, api):
    links = ('<a href="https://evil.example/1">www.bank.example</a> <a href="https://evil.example/2">https://www.bank.example/x</a>'
             '<a href="https://login.bank.example/">bank.example</a> <a href="https://evil.example/">here</a>')
    mail.append(heronry, user, b"From: a@example.net\r\nSubject: Links\r\nContent-Type: text/html\r\n\r\n" + links.encode())
    message = api.get("/messages").json["items"][0]
    content = api.get(f"/messages/{message['id']}/content").json
    assert content["misleadingLinks"] == [{"shown": "www.bank.example", "target": "evil.example"}]


def test_only_our_own_results_about_a_sender_are_told(heronry, user, api):
    ours = f"Authentication-Results: {heronry.hostname};\r\n\tspf=pass smtp.mailfrom=a@mailer.example;\r\n\tdkim=pass header.d=example.net".encode()
    rest = b"From: a@example.net\r\nSubject: x\r\n\r\nx\r\n"
    for raw in (b"Return-Path: <a@mailer.example>\r\n" + ours + b"\r\n" + rest,
                b"Received: from forger by us\r\n" + ours + b"\r\n" + rest,
                ours.replace(heronry.hostname.encode(), b"mx.elsewhere.example") + b"\r\n" + rest):
        mail.append(heronry, user, raw)
    ids = [m["id"] for m in api.get("/messages").json["items"]]
    told = [api.get(f"/messages/{one}/content").json["authentication"] for one in ids]
    assert [one for one in told if one] == [
        {"spf": "pass", "sender": "mailer.example", "dkim": "pass", "signers": ["example.net"], "dmarc": "none", "author": ""}]
    assert len(told) == 3


def test_message_in_all_its_forms(api, filled):
    message = api.get(f"/messages/{filled[2]}").json
    assert message["subject"] == "Bill" and message["from"] == [{"name": "Leo Park", "address": "leo@example.net"}]
    assert [a["name"] for a in message["attachments"]] == ["bill.pdf", "a.png"]
    content = api.get(f"/messages/{filled[2]}/content").json
    assert content["hasHtml"] and "script" not in content["html"] and "now" in content["text"]
    assert content["remote"]["hosts"] == ["track.example"] and content["remote"]["pixels"] == 1
    assert content["misleadingLinks"] == []
    body = api.get(f"/messages/{filled[2]}/body")
    policy = body.headers["content-security-policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy and "allow-scripts" not in policy
    assert "http://track.example" not in body.text and "<script" not in body.text
    api.get(f"/messages/{filled[2]}/body", headers={"If-None-Match": body.headers["etag"]}, status=304)
    api.get(f"/messages/{filled[0]}/body", query={"text": "plain"})
    gotten = api.post("/messages/batchGet", {"ids": [filled[1], "12345"]}, status=200).json
    assert ([m["id"] for m in gotten["items"]], gotten["notFound"]) == ([filled[1]], ["12345"])
    assert [m["id"] for m in api.get("/messages", query={"mailboxId": "1", "filter": "attachments"}).json["items"]] == [filled[2]]


def test_source_and_parts_by_ranges(api, filled):
    path = f"/messages/{filled[2]}/source"
    whole = api.get(path)
    assert whole.body.startswith(b"From: Leo Park") and whole.headers["accept-ranges"] == "bytes"
    piece = api.get(path, headers={"Range": "bytes=5-14"}, status=206)
    assert piece.body == whole.body[5:15] and piece.headers["content-range"] == f"bytes 5-14/{len(whole.body)}"
    api.get(path, headers={"Range": f"bytes={len(whole.body)}-"}, status=416)
    api.get(path, headers={"If-None-Match": whole.headers["etag"]}, status=304)
    pdf, png = api.get(f"/messages/{filled[2]}").json["attachments"]
    part = f"/messages/{filled[2]}/parts/{pdf['partId']}"
    got = api.get(part)
    assert got.body == b"%PDF-1.4 " + b"x" * 3000 and 0 <= pdf["size"] - len(got.body) < 3
    assert got.headers["content-disposition"].startswith("attachment") and "sandbox" in got.headers["content-security-policy"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert api.get(part, headers={"Range": "bytes=-3"}, status=206).body == b"xxx"
    api.get(part, headers={"Range": "bytes=99999-"}, status=416)
    api.get(part, headers={"If-None-Match": got.headers["etag"]}, status=304)
    shown = api.get(f"/messages/{filled[2]}/parts/{png['partId']}", query={"disposition": "inline"})
    assert shown.body == mail.PICTURE and shown.headers["content-disposition"].startswith("inline")
    hidden = api.get(part, query={"disposition": "inline"})
    assert hidden.headers["content-disposition"].startswith("attachment")
    api.get(f"/messages/{filled[2]}/parts/99", status=404)


# ---- changes ----

def test_changes_since_a_state(heronry, user, api, filled):
    old = api.get("/mailboxes").json["state"]
    assert api.get("/changes", query={"since": old}).json["messages"] == {"created": [], "updated": [], "destroyed": []}
    api.patch(f"/messages/{filled[0]}", {"keywords": {"$flagged": True}})
    api.delete(f"/messages/{filled[2]}", status=204)
    mail.append(heronry, user, mail.make("New"))
    new = api.get("/messages").json["items"][0]["id"]
    changes = api.get("/changes", query={"since": old}).json
    assert changes["messages"] == {"created": [new], "updated": [filled[0]], "destroyed": [filled[2]]}
    assert "1" in changes["mailboxes"]["updated"] and changes["newState"] != old
    step = api.get("/changes", query={"since": old, "limit": 1}).json
    assert step["hasMore"] and step["oldState"] == old
    heronry.psql(f"UPDATE account_state SET chg_floor = {changes['newState']} WHERE account_id = {api.get('/me').json['id']}")
    assert api.get("/changes", query={"since": old}, status=410).problem == "state-too-old"


def test_events_as_they_happen(heronry, user, api):
    since = api.get("/bootstrap").json["eventCursor"]
    with api.events({"types": "mail,submission", "since": since}) as events:
        mail.append(heronry, user, mail.make("Live"))
        kind, number, data = next(event for event in events if event[0] == "change")
        assert data["state"] and {m["id"] for m in data["mailboxes"]} == {"1"}
    with api.events(headers={"Last-Event-ID": since}) as events:
        assert next(iter(events))[0] in ("change", "reset")
    with api.events({"types": "mail"}) as events:
        api.post("/drafts", {"to": [], "cc": [], "bcc": [], "subject": "Mine", "html": "", "text": "x", "attachments": []}, status=201)
        own = next(event for event in events if event[0] == "change")[2]
        assert own["arrived"] == [] and own["mailboxes"]
    api.get("/events", query={"types": "queue"}, status=403)


def test_stream_ends_with_its_session(heronry, user, api):
    other = Api.signed_in(heronry, user)
    with other.events() as events:
        api.delete(f"/sessions/{other.get('/session').json['id']}", status=204)
        assert next(event for event in events if event[0] == "session")[2]["reason"] == "revoked"
        assert list(events) == []
    other.ended("/me")


def test_flags_moves_and_their_undo(api, filled):
    archive = api.mailbox("archive")
    seen = api.patch(f"/messages/{filled[0]}", {"keywords": {"$seen": True, "invoice": True}}).json
    assert set(seen["keywords"]) == {"$seen", "invoice"}
    target = {"messageIds": filled}
    done = api.post("/messages/batch", {"target": target, "change": {"keywords": {"$seen": True}}}, status=200).json
    assert undo_of(done) == {"1": filled[1:]} and done["unchangedCount"] == 1
    moved = api.post("/messages/batch", {"target": {"search": {"mailboxId": "1"}}, "change": {"move": {"from": "1", "to": archive}}},
                     status=200).json
    assert sorted(sum(undo_of(moved).values(), [])) == sorted(filled) and not moved["hasMore"]
    assert api.get("/mailboxes/1").json["totalMessages"] == 0
    for mailbox, ids in undo_of(moved).items():
        api.post("/messages/batch", {"target": {"messageIds": ids}, "change": {"move": {"from": archive, "to": mailbox}}}, status=200)
    assert api.get("/mailboxes/1").json["totalMessages"] == 3
    old = api.get("/mailboxes").json["state"]
    api.patch(f"/messages/{filled[0]}", {"keywords": {"$seen": False}})
    late = api.post("/messages/batch", {"target": target, "change": {"keywords": {"$seen": True}}, "ifState": old}, status=409)
    assert late.problem == "state-changed"
    assert api.request("PATCH", f"/messages/{filled[0]}", {"move": {"to": "4000000"}}).pointers == ["/move/to"]


def test_the_newest_of_a_conversation(api, filled):
    def star(*threads, **which):
        target = {"threads": {"ids": list(threads), "newestOnly": True, **which}}
        return api.post("/messages/batch", {"target": target, "change": {"keywords": {"$flagged": True}}}, status=200).json

    first, answer, other = filled
    one, two = (api.get(f"/messages/{one}").json["threadId"] for one in (first, other))
    draft = api.post("/drafts", {
        "to": [], "cc": [], "bcc": [], "subject": "Re: Spring", "html": "", "text": "Sails, too.", "attachments": [],
        "inReplyTo": {"messageId": answer, "mode": "reply"}}, status=201).json
    shown = api.get(f"/threads/{one}").json["messages"]
    assert [m["draftId"] for m in shown] == [None, None, draft["id"]]
    assert undo_of(star(one, two)) == {"1": [answer, other]}, "a draft is not meant where there is something else"
    drafts = api.mailbox("drafts")
    assert undo_of(star(one, mailboxId=drafts)) == {drafts: [shown[-1]["id"]]}
    assert undo_of(star(one, mailboxId=api.mailbox("archive"))) == {}
    again = star(one, two, "12345")
    assert (undo_of(again), again["unchangedCount"], again["notFound"]) == ({}, 2, ["12345"])


def test_destroying(api, filled):
    api.delete(f"/messages/{filled[0]}", status=204)
    api.get(f"/messages/{filled[0]}", status=404)
    thread = api.get(f"/messages/{filled[1]}").json["threadId"]
    gone = api.post("/messages/batch", {"target": {"threads": {"ids": [thread, "12345"]}}, "change": {"destroy": True}}, status=200).json
    assert (undo_of(gone), gone["notFound"]) == ({"1": [filled[1]]}, ["12345"])
    api.get(f"/threads/{thread}", status=404)
    assert api.request("POST", "/messages/batch", {"target": {"messageIds": [filled[2]]}, "change": {
        "destroy": True, "keywords": {"$seen": True}}}).status == 422


def test_search(heronry, user, api, filled):
    def hits(q, **more):
        return api.get("/search", query={"q": q, **more}).json

    wait_until(lambda: hits("from:leo")["total"] == len(filled), what="the index")
    assert hits("boa")["items"][0]["messageIds"] == [filled[0]]
    whole = hits("from:leo", facets=True)
    assert whole["total"] == 3 and whole["isTotalExact"] and whole["facets"]["from"][0]["address"] == "leo@example.net"
    first = hits("from:leo", limit=1)
    assert len(first["items"]) == 1 and hits("from:leo", limit=1, cursor=first["nextCursor"])["items"] != first["items"]
    assert hits("has:attachment")["items"][0]["thread"]["subject"] == "Bill"
    assert hits("\"sails too\" -bill")["total"] == 1
    marked = hits("sails")["items"][0]["snippet"]
    assert [s["text"].lower() for s in marked if s["isMatch"]] == ["sails"]
    assert hits("sails", mailboxId=api.mailbox("archive"))["total"] == 0


def test_snippet_begins_near_the_hit(heronry, user, api):
    mail.append(heronry, user, mail.make("Long", "Grüße vom Ufer, " * 6 + "and there a bittern boomed."))
    wait_until(lambda: api.get("/search", query={"q": "bittern"}).json["total"], what="the index")
    first, hit, *_ = api.get("/search", query={"q": "bittern"}).json["items"][0]["snippet"]
    assert hit == {"text": "bittern", "isMatch": True}
    assert first["text"].startswith("… ") and first["text"].endswith("and there a ") and len(first["text"]) < 45


def test_suggestions(heronry, user, api, filled):
    kinds = {s["kind"] for s in api.get("/search/suggest", query={"q": "le"}).json["items"]}
    assert "person" in kinds
    only = api.get("/search/suggest", query={"q": "le", "kinds": "person", "limit": 1}).json["items"]
    assert [s["detail"] for s in only] == ["leo@example.net"]
