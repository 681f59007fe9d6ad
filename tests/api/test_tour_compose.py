# SPDX-License-Identifier: Apache-2.0
"""Uploads, drafts and sending do what the contract says, on the running server."""
import email

import mail
from api_client import Api
from conftest import wait_until
from test_strange import NAMES

PART = 4 * 1024 * 1024


def draft_of(**more):
    return {"to": [], "cc": [], "bcc": [], "subject": "", "html": "", "text": "", "attachments": []} | more


# ---- uploads ----

def test_small_upload(api):
    made = api.post("/blobs", b"0123456789", query={"name": "plan.txt", "type": "text/plain"}, status=201)
    blob = made.json
    assert (blob["size"], blob["received"], blob["isComplete"]) == (10, 10, True)
    assert made.headers["location"] == f"/api/v1/blobs/{blob['id']}"
    got = api.get(f"/blobs/{blob['id']}")
    assert got.body == b"0123456789" and got.headers["content-disposition"].startswith("attachment")
    assert api.get(f"/blobs/{blob['id']}", headers={"Range": "bytes=2-4"}, status=206).body == b"234"
    api.get(f"/blobs/{blob['id']}", headers={"Range": "bytes=10-"}, status=416)
    assert api.get(f"/blobs/{blob['id']}/info").json == blob
    api.delete(f"/blobs/{blob['id']}", status=204)
    api.get(f"/blobs/{blob['id']}", status=404)


def test_upload_once(api):
    """The name is a part of what is asked for: the same key with another one is a mistake."""
    key = {"Idempotency-Key": "upload"}
    blob = api.post("/blobs", b"one", query={"name": "one.txt"}, headers=key, status=201).json
    assert api.post("/blobs", b"one", query={"name": "one.txt"}, headers=key, status=201).json == blob
    assert api.post("/blobs", b"one", query={"name": "two.txt"}, headers=key, status=409).problem == "idempotency-key-reused"


def test_upload_in_parts(api):
    octets = bytes(range(256)) * (9 * 1024 * 4)  # 9 MB
    size = len(octets)
    blob = api.post("/blobs", octets[:PART], query={"name": "big.bin", "size": size}, status=201).json
    assert (blob["received"], blob["isComplete"], blob["size"]) == (PART, False, size)
    assert api.get(f"/blobs/{blob['id']}", status=409).problem == "incomplete"

    def put(first, last, **more):
        return api.put(f"/blobs/{blob['id']}", octets[first:last], headers={
            "Content-Range": f"bytes {first}-{last - 1}/{size}", "Content-Type": "application/octet-stream"}, **more)

    assert put(2 * PART, size).status == 409
    assert put(PART, 2 * PART, status=200).json["received"] == 2 * PART
    assert put(PART, 2 * PART, status=200).json["received"] == 2 * PART  # the same once more
    assert api.get(f"/blobs/{blob['id']}/info").json["received"] == 2 * PART
    assert put(2 * PART, size, status=200).json["isComplete"]
    assert api.get(f"/blobs/{blob['id']}").body == octets


def test_wrong_uploads(api):
    assert api.post("/blobs", b"0123456789", query={"name": "x", "size": 5}).status == 422
    blob = api.post("/blobs", b"01234", query={"name": "x", "size": 10}, status=201).json
    wrong = api.put(f"/blobs/{blob['id']}", b"567", headers={"Content-Range": "bytes 5-9/10"})
    assert (wrong.status, wrong.pointers) == (400, ["Content-Range"])


# ---- drafts ----

def test_draft_is_saved_and_never_lost(heronry, user, api):
    made = api.post("/drafts", draft_of(subject="Plan", text="One."), headers={"Idempotency-Key": "d"}, status=201)
    api.post("/drafts", draft_of(subject="Other"), headers={"Idempotency-Key": "d"}, status=409)
    path, tag = f"/drafts/{made.json['id']}", made.headers["etag"]
    assert made.headers["location"] == "/api/v1" + path
    assert api.get(path).headers["etag"] == tag
    assert api.put(path, draft_of(text="x"), status=428).problem == "if-match-missing"
    saved = api.put(path, draft_of(subject="Plan", html="<p>Two.</p>", to=[{"name": "Leo", "address": "leo@example.net"}]),
                    headers={"If-Match": tag}, status=200)
    assert saved.headers["etag"] != tag and saved.json["to"] == [{"name": "Leo", "address": "leo@example.net"}]
    assert api.put(path, draft_of(text="lost?"), headers={"If-Match": tag}, status=412).problem == "changed"
    assert api.get(path).json == saved.json
    with heronry.imap(user) as imap:
        imap.select("Drafts", readonly=True)
        octets = imap.fetch("1:*", "(BODY.PEEK[])")[1][0][1]
    assert email.message_from_bytes(octets)["Subject"] == "Plan"
    shown = api.get(f"/messages/{saved.json['messageId']}").json
    assert shown["draftId"] == saved.json["id"] and "$draft" in shown["keywords"]
    assert [d["id"] for d in api.get("/drafts", query={"limit": 1}).json["items"]] == [saved.json["id"]]
    api.delete(path, headers={"If-Match": tag}, status=412)
    api.delete(path, headers={"If-Match": saved.headers["etag"]}, status=204)
    api.get(path, status=404)
    assert api.get(f"/mailboxes/{api.mailbox('drafts')}").json["totalMessages"] == 0


def test_texts_of_drafts_come_back_as_they_were_sent(api):
    for text in NAMES:
        saved = api.post("/drafts", draft_of(subject=text, text=text), status=201).json
        assert (saved["subject"], saved["text"]) == (text, text)
        assert api.get(f"/messages/{saved['messageId']}").json["subject"].strip() == text.strip()
        api.delete(f"/drafts/{saved['id']}", status=204)


# ---- sending ----

def received(api, subject):
    return [m for m in api.get("/messages", query={"mailboxId": "1"}).json["items"] if m["subject"] == subject]


def test_sent_with_attachment(heronry, user, api):
    other = heronry.new_user()
    reader = Api.signed_in(heronry, other)
    octets = bytes(range(256)) * 100
    blob = api.post("/blobs", octets, query={"name": "data.bin"}, status=201).json
    draft = api.post("/drafts", draft_of(subject="Hello", html="<p>See <b>this</b>.</p>", to=[{"address": other["address"]}],
                                         bcc=[{"address": user["address"]}], attachments=[{"blobId": blob["id"]}]), status=201).json
    made = api.post("/submissions", {"draftId": draft["id"], "undoSeconds": 0}, status=201)
    path = made.headers["location"]
    assert {r["address"] for r in made.json["recipients"]} == {user["address"], other["address"]}
    wait_until(lambda: received(reader, "Hello"), what="the message")
    message = reader.get(f"/messages/{received(reader, 'Hello')[0]['id']}").json
    assert message["bcc"] == [] and message["from"][0]["address"] == user["address"]
    part = message["attachments"][0]
    assert reader.get(f"/messages/{message['id']}/parts/{part['partId']}").body == octets
    wait_until(lambda: api.get(path).json["undoStatus"] == "final", what="the end of the time to take it back")
    sent = api.get(path).json
    wait_until(lambda: api.get(f"/messages/{sent['messageId']}").json["mailboxIds"] == [api.mailbox("sent")], what="the copy in Sent")
    assert api.delete(path, status=409).problem == "too-late"
    assert api.get(f"/messages/{sent['messageId']}/deliveries", status=200).json == {"items": []}  # nobody of elsewhere
    api.get("/messages/1/deliveries", status=404)
    api.get(f"/drafts/{draft['id']}", status=404)
    assert [s["id"] for s in api.get("/submissions", query={"limit": 5}).json["items"]] == [sent["id"]]


def test_taken_back(heronry, user, api):
    other = heronry.new_user()
    draft = api.post("/drafts", draft_of(subject="Oops", text="x", to=[{"address": other["address"]}]), status=201)
    stale = api.post("/submissions", {"draftId": draft.json["id"], "draftEtag": '"0"'}, status=409)
    assert stale.problem == "state-changed"
    key = {"Idempotency-Key": "send"}
    request = {"draftId": draft.json["id"], "undoSeconds": 120, "draftEtag": draft.headers["etag"]}
    made = api.post("/submissions", request, headers=key, status=201).json
    assert api.post("/submissions", request, headers=key, status=201).json["id"] == made["id"]
    assert (made["undoStatus"], made["recipients"][0]["status"]) == ("pending", "held")
    put = api.put(f"/drafts/{draft.json['id']}", draft_of(text="y"), headers={"If-Match": draft.headers["etag"]})
    assert put.status == 409
    assert api.delete(f"/drafts/{draft.json['id']}", status=409)
    back = api.delete(f"/submissions/{made['id']}", status=200).json
    assert back["undoStatus"] == "canceled"
    again = api.post("/submissions", {"draftId": draft.json["id"], "undoSeconds": 120}, status=201).json
    other_draft = api.post("/drafts", draft_of(subject="Next", text="x", to=[{"address": other["address"]}]), status=201).json
    api.post("/submissions", {"draftId": other_draft["id"], "undoSeconds": 120}, status=201)
    of_draft = api.get("/submissions", query={"draftId": draft.json["id"]}).json["items"]
    assert [s["id"] for s in of_draft] == [again["id"], made["id"]]
    api.delete(f"/submissions/{again['id']}", status=200)
    assert api.get(f"/drafts/{back['draftId']}").json["subject"] == "Oops"
    assert received(Api.signed_in(heronry, other), "Oops") == []


def test_what_cannot_be_sent(api):
    nobody = api.post("/drafts", draft_of(subject="x"), status=201).json
    refused = api.post("/submissions", {"draftId": nobody["id"]}, status=422)
    assert refused.pointers == ["/to"]
    half = api.post("/blobs", b"01234", query={"name": "x", "size": 10}, status=201).json
    draft = api.post("/drafts", draft_of(to=[{"address": "leo@example.net"}], attachments=[{"blobId": half["id"]}]), status=201).json
    assert api.post("/submissions", {"draftId": draft["id"]}, status=422).pointers == ["/attachments"]


def test_reply_is_in_the_conversation(heronry, user, api):
    mail.append(heronry, user, mail.make("Question", sender=user["address"]))
    asked = api.get("/messages").json["items"][0]
    draft = api.post("/drafts", draft_of(subject="Re: Question", text="Yes.", to=[{"address": user["address"]}],
                                         inReplyTo={"messageId": asked["id"], "mode": "reply"}), status=201).json
    made = api.post("/submissions", {"draftId": draft["id"], "undoSeconds": 0}, status=201).json
    wait_until(lambda: received(api, "Re: Question"), what="the answer")
    thread = api.get(f"/threads/{asked['threadId']}").json
    assert len(thread["messages"]) == 3  # the question, the answer in Sent, and the one that came
    wait_until(lambda: "$answered" in api.get(f"/messages/{asked['id']}").json["keywords"], what="the flag of the question")
    wait_until(lambda: api.get(f"/submissions/{made['id']}").json["threadId"] == asked["threadId"], what="the end of the submission")
