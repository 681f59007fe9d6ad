# SPDX-License-Identifier: Apache-2.0
"""Writing and sending over HTTP: uploads, drafts, submissions and taking them back."""
import concurrent.futures
import email
import email.policy
import hashlib
import threading
import time

import pytest

from api_client import Api
from conftest import wait_until
from letters import PICTURE, append, compose

EMPTY = {"to": [], "cc": [], "bcc": [], "subject": "", "html": "", "text": "", "attachments": []}


def draft_of(**fields):
    return {**EMPTY, **fields}


def message_of(heronry, user, mailbox="INBOX"):
    """The only message of a mailbox, parsed."""
    imap = heronry.imap(login=user)
    imap.select(mailbox)
    (_, raw), _ = imap.fetch("1", "(BODY.PEEK[])")[1]
    return email.message_from_bytes(raw, policy=email.policy.default)


def submit(api, draft, **more):
    return api.post("/submissions", {"draftId": draft["id"], **more}, status=201).json


def test_upload_in_one_and_in_parts(person):
    blob = person.api.post("/blobs", b"hello", query={"name": "a.txt", "type": "text/plain"}, status=201).json
    assert blob["isComplete"] and blob["size"] == 5
    got = person.api.get(f"/blobs/{blob['id']}")
    assert got.body == b"hello" and got.headers["content-disposition"].startswith("attachment")
    octets = hashlib.sha512(b"x").digest() * 160000
    first = person.api.post("/blobs", octets[:4000000], query={"name": "big.bin", "size": len(octets)}, status=201).json
    assert not first["isComplete"] and first["received"] == 4000000
    person.api.get(f"/blobs/{first['id']}", status=409)
    path = f"/blobs/{first['id']}"

    def part(a, b, **more):
        return person.api.put(path, octets[a:b], headers={"Content-Range": f"bytes {a}-{b - 1}/{len(octets)}"}, **more)
    assert part(8000000, 8100000, status=409).problem == "incomplete"
    part(4000000, 8000000, status=200)
    part(4000000, 8000000, status=200)
    assert part(8000000, len(octets), status=200).json["isComplete"]
    assert hashlib.sha256(person.api.get(path).body).digest() == hashlib.sha256(octets).digest()
    assert person.api.get(path, headers={"Range": "bytes=3999990-4000009"}, status=206).body == octets[3999990:4000010]
    person.api.delete(path, status=204)
    person.api.get(path, status=404)


def test_draft_is_seen_by_imap_and_guarded(heronry, person):
    made = person.api.post("/drafts", draft_of(subject="Plan für", text="One."), status=201)
    draft, tag = made.json, made.headers["etag"]
    assert message_of(heronry, person.user, "Drafts")["Subject"] == "Plan für"
    message = person.api.get(f"/messages/{draft['messageId']}").json
    assert message["draftId"] == draft["id"] and "$draft" in message["keywords"]
    assert person.api.put(f"/drafts/{draft['id']}", draft_of(), status=428).problem == "if-match-missing"
    saved = person.api.put(f"/drafts/{draft['id']}", draft_of(subject="Plan 2", html="<p>Two.</p>"),
                           headers={"If-Match": tag}, status=200)
    assert saved.json["messageId"] != draft["messageId"] and saved.headers["etag"] != tag
    assert message_of(heronry, person.user, "Drafts")["Subject"] == "Plan 2"
    stale = person.api.put(f"/drafts/{draft['id']}", draft_of(), headers={"If-Match": tag}, status=412)
    assert stale.problem == "changed"
    assert [d["id"] for d in person.api.get("/drafts").json["items"]] == [draft["id"]]
    assert person.api.get(f"/drafts/{draft['id']}").json["html"] == "<p>Two.</p>"
    person.api.delete(f"/drafts/{draft['id']}", headers={"If-Match": tag}, status=412)
    person.api.delete(f"/drafts/{draft['id']}", status=204)
    person.api.get(f"/drafts/{draft['id']}", status=404)
    assert person.box("drafts")["totalMessages"] == 0


def test_draft_is_one_message_at_each_moment_of_its_saving(heronry, person):
    imap = heronry.imap(login=person.user)
    append(imap, compose("Question", 1))
    row = wait_until(lambda: person.api.get(f"/mailboxes/{person.box('inbox')['id']}/threads").json["items"], what="the question")[0]
    path = f"/threads/{row['id']}"
    answer = {"inReplyTo": {"messageId": person.api.get(path).json["messages"][0]["id"], "mode": "reply"}}
    made = person.api.post("/drafts", draft_of(subject="Re: Question", text="0", **answer), status=201)
    watcher, *rivals = [Api.signed_in(heronry, person.user) for _ in range(3)]
    ended = threading.Event()

    def watch():
        seen = set()
        while True:
            messages = watcher.get(path, judge=False).json["messages"]
            seen.add(tuple(one["draftId"] for one in messages))
            if ended.is_set():
                return seen

    def save(rival, text, tag):
        return rival.put(f"/drafts/{made.json['id']}", draft_of(subject="Re: Question", text=text, **answer),
                         headers={"If-Match": tag}, judge=False)
    tag = made.headers["etag"]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        seen = pool.submit(watch)
        try:
            for n in range(20):
                saves = [pool.submit(save, rival, f"{n} {who}", tag) for who, rival in enumerate(rivals)]
                done = sorted((one.result() for one in saves), key=lambda one: one.status)
                assert [one.status for one in done] == [200, 412]
                tag = done[0].headers["etag"]
        finally:
            ended.set()
        assert seen.result() == {(None, made.json["id"])}
    assert person.box("drafts")["totalMessages"] == 1


def test_a_mailbox_of_drafts_that_lost_its_role_serves(heronry, person):
    imap = heronry.imap(login=person.user)
    for command in (imap.delete, imap.create):
        assert command("Drafts")[0] == "OK"
    draft = person.api.post("/drafts", draft_of(subject="Plan"), status=201)
    person.api.put(f"/drafts/{draft.json['id']}", draft_of(subject="Plan 2"), headers={"If-Match": draft.headers["etag"]}, status=200)
    assert message_of(heronry, person.user, "Drafts")["Subject"] == "Plan 2"


def test_send_with_attachments(heronry, person):
    other = heronry.new_user()
    person.api.patch("/me", {"displayName": "Müller, Åsa"})
    identity = person.api.get("/identities").json["items"][0]
    person.api.patch(f"/identities/{identity['id']}", {"name": "Müller, Åsa"})
    octets = b"\x00\xff" * 70000
    blob = person.api.post("/blobs", octets, query={"name": "Daten & mehr ü.bin"}, status=201).json
    picture = person.api.post("/blobs", PICTURE, query={"name": "p.png", "type": "image/png"}, status=201).json
    draft = person.api.post("/drafts", draft_of(
        to=[{"name": "Other, \"One\"", "address": other["address"]}], bcc=[{"address": person.user["address"]}],
        subject="Grüße ✓", html='<p>See <img src="cid:pic1"><script>alert(1)</script></p>',
        attachments=[{"blobId": blob["id"]}, {"blobId": picture["id"], "contentId": "pic1"}]), status=201).json
    assert [a["name"] for a in draft["attachments"]] == ["Daten & mehr ü.bin", "p.png"]
    sent = submit(person.api, draft, undoSeconds=0)
    wait_until(lambda: person.api.get(f"/submissions/{sent['id']}").json["undoStatus"] == "final", what="sending")
    wait_until(lambda: Api.signed_in(heronry, other).get("/messages").json["items"], what="arrival")
    message = message_of(heronry, other)
    assert message["Subject"] == "Grüße ✓" and message["Bcc"] is None
    assert message["From"].addresses[0].display_name == "Müller, Åsa"
    assert message["To"].addresses[0].display_name == 'Other, "One"'
    data = next(p for p in message.walk() if p.get_filename() == "Daten & mehr ü.bin")
    assert data.get_payload(decode=True) == octets and data.get_content_disposition() == "attachment"
    html = message.get_body(("html",)).get_content()
    assert "cid:pic1" in html and "script" not in html
    assert "See" in message.get_body(("plain",)).get_content()
    shown = next(p for p in message.walk() if p["Content-ID"] == "<pic1>")
    assert shown.get_payload(decode=True) == PICTURE
    done = person.api.get(f"/submissions/{sent['id']}").json
    assert done["draftId"] is None and {r["status"] for r in done["recipients"]} == {"done"}
    own = person.api.get(f"/messages/{done['messageId']}").json
    assert own["mailboxIds"] == [person.box("sent")["id"]] and "$draft" not in own["keywords"]
    assert [p["address"] for p in own["bcc"]] == [person.user["address"]]
    assert person.box("drafts")["totalMessages"] == 0
    person.api.get(f"/drafts/{draft['id']}", status=404)
    person.api.delete(f"/submissions/{sent['id']}", status=409)


def test_reply_joins_the_conversation(heronry, person):
    append(person.imap, compose("Question", "q1"))
    question = person.only_message()
    draft = person.api.post("/drafts", draft_of(
        to=[{"address": person.user["address"]}], subject="Re: Question", text="Answer.",
        inReplyTo={"messageId": question["id"], "mode": "reply"}), status=201).json
    sent = submit(person.api, draft, undoSeconds=0)
    wait_until(lambda: person.api.get(f"/submissions/{sent['id']}").json["undoStatus"] == "final", what="sending")
    done = person.api.get(f"/submissions/{sent['id']}").json
    assert done["threadId"] == question["threadId"]
    assert "$answered" in person.api.get(f"/messages/{question['id']}").json["keywords"]


def test_undo(heronry, person):
    other = heronry.new_user()
    draft = person.api.post("/drafts", draft_of(to=[{"address": other["address"]}], subject="Oops", text="x"), status=201)
    sent = submit(person.api, draft.json, undoSeconds=60)
    assert sent["undoStatus"] == "pending" and sent["recipients"] == [
        {"address": other["address"], "status": "held", "reply": "", "told": None}]
    locked = person.api.get(f"/drafts/{draft.json['id']}")
    assert locked.json["messageId"] is None
    again = person.api.put(f"/drafts/{draft.json['id']}", draft_of(), headers={"If-Match": locked.headers["etag"]}, status=409)
    assert again.problem == "too-late"
    back = person.api.delete(f"/submissions/{sent['id']}", status=200).json
    assert back["undoStatus"] == "canceled" and back["draftId"] == draft.json["id"]
    # Whoever did not get the answer asks again.
    assert person.api.delete(f"/submissions/{sent['id']}", status=200).json == back
    assert person.api.get(f"/drafts/{draft.json['id']}").json["messageId"]
    time.sleep(1.5)
    assert Api.signed_in(heronry, other).get("/messages").json["items"] == []
    assert [s["undoStatus"] for s in person.api.get("/submissions").json["items"]] == ["canceled"]


def at(seconds):
    """A moment from now on, as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_sent_at_a_time_of_its_own(heronry, person):
    other = heronry.new_user()
    kept = person.api.post("/drafts", draft_of(to=[{"address": other["address"]}], subject="Next year", text="x"), status=201).json
    wait = submit(person.api, kept, sendAt=at(300 * 86400))
    assert (wait["undoStatus"], wait["recipients"][0]["status"]) == ("pending", "held")
    soon = person.api.post("/drafts", draft_of(to=[{"address": other["address"]}], subject="Soon", text="x"), status=201).json
    when = at(20)  # cut to whole seconds, and it must not be past when it arrives
    sent = submit(person.api, soon, sendAt=when)
    assert sent["undoUntil"][:19] == when[:19]
    wait_until(lambda: person.api.get(f"/submissions/{sent['id']}").json["undoStatus"] == "final", what="sending")
    assert time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) >= when
    message = message_of(heronry, other)
    assert message["Subject"] == "Soon" and message["Date"].datetime.strftime("%Y-%m-%dT%H:%M:%SZ") == when
    assert {s["id"] for s in person.api.get("/submissions").json["items"]} == {wait["id"], sent["id"]}
    assert person.api.delete(f"/submissions/{wait['id']}", status=200).json["draftId"] == kept["id"]
    for wrong in (at(-5), at(400 * 86400)):
        again = person.api.post("/submissions", {"draftId": kept["id"], "sendAt": wrong}, status=422)
        assert again.pointers == ["/sendAt"]


@pytest.mark.parametrize("fields, pointer", [
    ({}, "/to"),
    ({"to": [{"address": "nobody-here@example.test"}]}, "/to"),
])
def test_what_cannot_be_sent(person, fields, pointer):
    draft = person.api.post("/drafts", draft_of(**fields), status=201).json
    assert person.api.post("/submissions", {"draftId": draft["id"]}, status=422).pointers == [pointer]


def test_incomplete_upload_cannot_be_sent(person):
    blob = person.api.post("/blobs", b"abc", query={"name": "x", "size": 10}, status=201).json
    draft = person.api.post("/drafts", draft_of(to=[{"address": person.user["address"]}],
                                                attachments=[{"blobId": blob["id"]}]), status=201).json
    assert person.api.post("/submissions", {"draftId": draft["id"]}, status=422).pointers == ["/attachments"]
    wrong = person.api.post("/drafts", draft_of(attachments=[{"blobId": "u-nothing"}]), status=422)
    assert wrong.pointers == ["/attachments/0/blobId"]


def test_forward_takes_parts_of_the_message(heronry, person):
    message = compose("With file", "w1")
    message.add_attachment(b"%PDF-1.4 data", maintype="application", subtype="pdf", filename="plan.pdf")
    append(person.imap, message)
    original = person.only_message()
    draft = person.api.post("/drafts", draft_of(
        to=[{"address": person.user["address"]}], subject="Fwd: With file", text="See.",
        attachments=[{"blobId": original["attachments"][0]["blobId"]}],
        inReplyTo={"messageId": original["id"], "mode": "forward"}), status=201).json
    assert draft["attachments"][0]["name"] == "plan.pdf" and draft["attachments"][0]["size"] == 13
    sent = submit(person.api, draft, undoSeconds=0)
    wait_until(lambda: person.api.get(f"/submissions/{sent['id']}").json["undoStatus"] == "final", what="sending")
    assert "$Forwarded" in person.api.get(f"/messages/{original['id']}").json["keywords"]
    forwarded = message_of(heronry, person.user, "Sent")
    assert [p.get_payload(decode=True) for p in forwarded.iter_attachments()] == [b"%PDF-1.4 data"]


def test_drafts_of_others_are_not_there(heronry, person):
    draft = person.api.post("/drafts", draft_of(subject="Mine"), status=201)
    blob = person.api.post("/blobs", b"x", query={"name": "x"}, status=201).json
    stranger = Api.signed_in(heronry, heronry.new_user())
    stranger.get(f"/drafts/{draft.json['id']}", status=404)
    stranger.put(f"/drafts/{draft.json['id']}", draft_of(), headers={"If-Match": draft.headers["etag"]}, status=404)
    stranger.delete(f"/drafts/{draft.json['id']}", status=404)
    stranger.get(f"/blobs/{blob['id']}", status=404)
    assert stranger.post("/submissions", {"draftId": draft.json["id"]}, status=422).pointers == ["/draftId"]
    taken = stranger.post("/drafts", draft_of(attachments=[{"blobId": blob["id"]}]), status=422)
    assert taken.pointers == ["/attachments/0/blobId"]


def test_events_tell_of_submissions(heronry, person):
    draft = person.api.post("/drafts", draft_of(to=[{"address": person.user["address"]}], subject="Live"), status=201).json
    with person.api.events(query={"types": "submission"}) as events:
        sent = submit(person.api, draft, undoSeconds=0)
        name, _, data = next(events)
        while data["submission"]["undoStatus"] == "pending":
            name, _, data = next(events)
        assert name == "submission" and data["submission"]["id"] == sent["id"]
        assert data["submission"]["undoStatus"] == "final"
