# SPDX-License-Identifier: Apache-2.0
"""Mailboxes, conversations and messages over HTTP: lists, reading, parts, changes."""
import base64
import contextlib
import hashlib
import os
import socket
import time

import pytest

from api_client import Api
from conftest import wait_until
from imap_raw import rss_kib
from letters import PICTURE, append, compose

def test_mailboxes(person):
    boxes = person.api.get("/mailboxes").json["items"]
    assert [b["role"] for b in boxes] == ["inbox", "archive", "drafts", "junk", "sent", "trash"]
    made = person.api.post("/mailboxes", {"name": "Work"}, status=201).json
    inner = person.api.post("/mailboxes", {"name": "Projects", "parentId": made["id"]}, status=201).json
    assert inner["path"] == "Work/Projects" and inner["isSubscribed"]
    assert person.api.post("/mailboxes", {"name": "work/x"}, status=422).pointers == ["/name"]
    assert person.api.post("/mailboxes", {"name": "Work"}, status=409).problem == "exists"
    assert person.api.patch(f"/mailboxes/{inner['id']}", {"parentId": None, "name": "Plans"}).json["path"] == "Plans"
    assert person.api.request("PATCH", f"/mailboxes/{boxes[0]['id']}", {"name": "X"}, status=409).problem == "in-use"
    moved = person.api.patch(f"/mailboxes/{inner['id']}", {"parentId": made["id"]}).json
    assert moved["path"] == "Work/Plans"
    below = person.api.request("PATCH", f"/mailboxes/{made['id']}", {"parentId": inner["id"]}, status=409)
    assert below.problem == "in-use"
    assert not person.api.patch(f"/mailboxes/{made['id']}", {"isSubscribed": False}).json["isSubscribed"]
    person.api.delete(f"/mailboxes/{made['id']}", status=409)
    person.api.delete(f"/mailboxes/{inner['id']}", status=204)
    person.api.delete(f"/mailboxes/{made['id']}", status=204)
    person.api.get(f"/mailboxes/{made['id']}", status=404)


def test_mailbox_with_messages(person):
    made = person.api.post("/mailboxes", {"name": "Full"}, status=201).json
    append(person.imap, compose("one", "full-1"), "Full")
    person.api.delete(f"/mailboxes/{made['id']}", status=409)
    person.api.delete(f"/mailboxes/{made['id']}", query={"messages": "trash"}, status=204)
    assert person.box("trash")["totalMessages"] == 1


def test_conversations(person):
    append(person.imap, compose("Boats", "b1"), at=time.time() - 300)
    append(person.imap, compose("Nets", "n1"), flags="\\Seen", at=time.time() - 200)
    append(person.imap, compose("Re: Boats", "b2", "b1", sender="Me <me@example.test>"), "Sent", "\\Seen",
           time.time() - 100)
    append(person.imap, compose("Re: Boats", "b3", "b1", sender="Leo <leo@example.net>"), flags="\\Flagged")
    page = person.threads()
    boats, nets = page["items"]
    assert (boats["subject"], boats["messageCount"], boats["unreadCount"]) == ("Re: Boats", 3, 2)
    assert boats["isFlagged"] and not nets["isFlagged"] and nets["unreadCount"] == 0
    assert [p["address"] for p in boats["from"]] == ["mia@example.net", "me@example.test", "leo@example.net"]
    assert len(boats["mailboxIds"]) == 2 and page["nextCursor"] is None and page["total"] is None
    (sent,) = person.threads("sent")["items"]
    assert [p["address"] for p in sent["from"]] == ["somebody@example.test"]
    assert [t["id"] for t in person.threads(filter="flagged")["items"]] == [boats["id"]]
    assert [t["id"] for t in person.threads(sort="oldest", total=True)["items"]] == [nets["id"], boats["id"]]
    thread = person.api.get(f"/threads/{boats['id']}").json
    assert [m["messageIdHeader"] for m in thread["messages"]] == [f"b{i}@example.net" for i in (1, 2, 3)]
    rows = person.api.post("/threads/batchGet", {"ids": [nets["id"], "4711"]}, status=200).json
    assert rows["items"] == [nets] and rows["notFound"] == ["4711"]
    person.api.get("/threads/4711", status=404)


def test_pages_and_index(person):
    for i in range(23):
        append(person.imap, compose(f"Talk {i}", f"t{i}"), at=time.time() - 1000 + i)
    seen, cursor = [], None
    while True:
        page = person.threads(limit=10, **({"cursor": cursor} if cursor else {}))
        seen += [t["id"] for t in page["items"]]
        cursor = page["nextCursor"]
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 23
    inbox = person.box("inbox")["id"]
    index = person.api.get(f"/mailboxes/{inbox}/index")
    assert decode_index(index.body) == [int(i) for i in seen]
    tag = index.headers["etag"]
    person.api.get(f"/mailboxes/{inbox}/index", headers={"If-None-Match": tag}, status=304)
    append(person.imap, compose("One more", "t-more"))
    assert len(decode_index(person.api.get(f"/mailboxes/{inbox}/index", headers={"If-None-Match": tag}).body)) == 24
    wrong = person.api.get(f"/mailboxes/{inbox}/threads", query={"cursor": "bm9uc2Vuc2U"}, status=400)
    assert wrong.problem == "invalid-cursor"
    person.api.get("/mailboxes/4711/threads", status=404)


def decode_index(octets):
    ids, before, value, shift = [], 0, 0, 0
    for octet in octets:
        value |= (octet & 127) << shift
        shift += 7
        if not octet & 128:
            before += (value >> 1) ^ -(value & 1)
            ids.append(before)
            value, shift = 0, 0
    return ids


def with_attachments():
    message = compose("With files", "files-1")
    message.add_alternative(
        '<p>Look: <img src="cid:pic@x"> <img src="https://track.example.net/p.gif" width=1 height=1></p>'
        "<script>alert(1)</script>", subtype="html")
    message.get_payload()[1].add_related(PICTURE, "image", "png", cid="<pic@x>")
    message.add_attachment(b"\x00\x01" * 40000, maintype="application", subtype="octet-stream",
                           filename="Müller & Söhne.bin")
    return message


def test_message_with_attachments(person):
    append(person.imap, with_attachments())
    message = person.only_message()
    assert message["from"] == [{"name": "Mia Reed", "address": "mia@example.net"}]
    assert [p["address"] for p in message["to"]] == ["somebody@example.test"]
    picture, data = message["attachments"]
    assert picture["isInline"] and picture["contentId"] == "pic@x" and picture["type"] == "image/png"
    assert data["name"] == "Müller & Söhne.bin" and not data["isInline"]
    assert abs(data["size"] - 80000) < 100
    part = person.api.get(f"/messages/{message['id']}/parts/{data['partId']}")
    assert hashlib.sha256(part.body).digest() == hashlib.sha256(b"\x00\x01" * 40000).digest()
    assert part.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in part.headers["content-security-policy"]
    piece = person.api.get(f"/messages/{message['id']}/parts/{data['partId']}", headers={"Range": "bytes=10-19"},
                           status=206)
    assert piece.body == b"\x00\x01" * 5 and piece.headers["content-range"] == "bytes 10-19/80000"
    person.api.get(f"/messages/{message['id']}/parts/{data['partId']}", headers={"Range": "bytes=90000-"}, status=416)
    shown = person.api.get(f"/messages/{message['id']}/parts/{picture['partId']}", query={"disposition": "inline"})
    assert shown.body == PICTURE and shown.headers["content-disposition"].startswith("inline")
    assert shown.headers["x-content-type-options"] == "nosniff"
    not_shown = person.api.get(f"/messages/{message['id']}/parts/{data['partId']}", query={"disposition": "inline"})
    assert not_shown.headers["content-disposition"].startswith("attachment")
    person.api.get(f"/messages/{message['id']}/parts/9", status=404)


ENCODINGS = {"base64": lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n"),
             "quoted-printable": lambda data: b"".join(b"=%02X" % c + b"=\r\n" * (i % 25 == 24)
                                                       for i, c in enumerate(data)),
             "binary": lambda data: data}


def one_part(octets, encoding):
    """A message of text and a file, encoded as wished."""
    head = (b"From: a@example.net\r\nSubject: Part\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText.\r\n--b\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=f\r\n"
            b"Content-Transfer-Encoding: %s\r\n\r\n" % encoding.encode())
    return head + ENCODINGS[encoding](octets) + b"\r\n--b--\r\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_parts_piece_by_piece(person, encoding):
    """Ranges that begin and end within and at the ends of the pieces in which a part is decoded."""
    octets = b"".join(b"%06d\r\n" % i for i in range(90000))
    append(person.imap, one_part(octets, encoding))
    path = f"/messages/{person.only_message()['id']}/parts/2"
    assert person.api.get(path).body == octets
    for first, last in ((0, 0), (262143, 262144), (262144, 600000), (500001, 719999), (719999, 719999)):
        piece = person.api.get(path, headers={"Range": f"bytes={first}-{last}"}, status=206)
        assert piece.body == octets[first:last + 1]
    assert person.api.get(path, headers={"Range": "bytes=-5"}, status=206).body == octets[-5:]


def stalled_reader(heronry, person, path):
    """A connection that asked for a download and reads no more than its beginning."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(30)
    plain.connect(("127.0.0.1", heronry.ports["https"]))
    reader = heronry.tls().wrap_socket(plain, server_hostname="localhost")
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
                   f"Cookie: __Host-heronry={person.api.cookie}\r\n\r\n".encode())
    assert reader.recv(100).startswith(b"HTTP/1.1 200")
    return reader


def test_readers_that_stall_hold_little(heronry, person):
    """A download that nobody reads on costs a few pieces, not the message and the part. What finding
    the part takes for a moment is in the memory of each process after the first few."""
    append(person.imap, one_part(os.urandom(1 << 20) * 8, "base64"))
    path = f"/api/v1/messages/{person.only_message()['id']}/parts/2"
    workers = [pid for name, pid in heronry.pids().items() if name.startswith("front")]
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(stalled_reader(heronry, person, path))
        before = sum(map(rss_kib, workers))
        for _ in range(24):
            stack.enter_context(stalled_reader(heronry, person, path))
        assert sum(map(rss_kib, workers)) - before < 24 * 6 * 1024


def test_body_is_harmless(person):
    append(person.imap, with_attachments())
    message = person.only_message()
    page = person.api.get(f"/messages/{message['id']}/body")
    policy = page.headers["content-security-policy"]
    assert "sandbox allow-same-origin" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy
    assert "script" not in page.text and "track.example.net" not in page.text.replace('data-blocked="track', "")
    assert f"/api/v1/messages/{message['id']}/parts/" in page.text
    again = person.api.get(f"/messages/{message['id']}/body", headers={"If-None-Match": page.headers["etag"]},
                           status=304)
    assert again.body == b""
    plain = person.api.get(f"/messages/{message['id']}/body", query={"text": "plain"})
    assert "Text of files-1." in plain.text and "Look:" not in plain.text
    content = person.api.get(f"/messages/{message['id']}/content").json
    assert content["hasHtml"] and "Look:" in content["text"] and "<script" not in content["html"]
    assert content["remote"] == {"count": 1, "pixels": 1, "hosts": ["track.example.net"]}


def test_source_is_what_came(person):
    raw = compose("Source", "s1").as_bytes()
    append(person.imap, raw)
    message = person.only_message()
    got = person.api.get(f"/messages/{message['id']}/source")
    assert got.body == raw
    assert person.api.get(f"/messages/{message['id']}/source", headers={"Range": "bytes=0-4"},
                          status=206).body == raw[:5]


def test_flags_and_moves_are_seen_by_imap(person):
    append(person.imap, compose("Flags", "f1"))
    message = person.only_message()
    assert message["keywords"] == []
    changed = person.api.patch(f"/messages/{message['id']}", {"keywords": {"$seen": True, "$flagged": True, "work": True}})
    assert set(changed.json["keywords"]) == {"$seen", "$flagged", "work"}
    person.imap.select("INBOX")
    assert b"\\Seen" in person.imap.fetch("1", "(FLAGS)")[1][0] and b"work" in person.imap.fetch("1", "(FLAGS)")[1][0]
    changed = person.api.patch(f"/messages/{message['id']}", {"keywords": {"$seen": False}, "move": {"to": person.box("archive")["id"]}})
    assert changed.json["mailboxIds"] == [person.box("archive")["id"]] and "$seen" not in changed.json["keywords"]
    wrong = person.api.request("PATCH", f"/messages/{message['id']}", {"move": {"to": "4711"}}, status=422)
    assert wrong.pointers == ["/move/to"]
    person.api.delete(f"/messages/{message['id']}", status=204)
    person.api.get(f"/messages/{message['id']}", status=404)
    person.api.get(f"/messages/{message['id']}/body", status=404)
    person.api.get(f"/messages/{message['id']}/source", status=404)


def test_messages_one_by_one(person):
    for i in range(5):
        append(person.imap, compose(f"M {i}", f"m{i}"), flags="\\Seen" if i % 2 else "")
    page = person.api.get("/messages", query={"limit": 3, "total": True}).json
    assert [m["subject"] for m in page["items"]] == ["M 4", "M 3", "M 2"] and page["total"] == 5
    rest = person.api.get("/messages", query={"limit": 3, "cursor": page["nextCursor"]}).json
    assert [m["subject"] for m in rest["items"]] == ["M 1", "M 0"] and rest["nextCursor"] is None
    unread = person.api.get("/messages", query={"filter": "unread", "mailboxId": person.box("inbox")["id"]}).json
    assert len(unread["items"]) == 3
    ids = [page["items"][0]["id"], "99"]
    got = person.api.post("/messages/batchGet", {"ids": ids}, status=200).json
    assert [m["id"] for m in got["items"]] == ids[:1] and got["notFound"] == ids[1:]


def test_changes(person):
    start = person.api.get("/mailboxes").json["state"]
    append(person.imap, compose("Change", "c1"))
    changes = person.api.get("/changes", query={"since": start}).json
    (created,) = changes["messages"]["created"]
    assert changes["threads"]["created"] == [created] and not changes["hasMore"]
    person.api.patch(f"/messages/{created}", {"keywords": {"$seen": True}})
    changes = person.api.get("/changes", query={"since": changes["newState"]}).json
    assert changes["messages"] == {"created": [], "updated": [created], "destroyed": []}
    person.api.delete(f"/messages/{created}", status=204)
    changes = person.api.get("/changes", query={"since": changes["newState"]}).json
    assert changes["messages"]["destroyed"] == [created]
    assert person.api.get("/changes", query={"since": "999999"}, status=410).problem == "state-too-old"


def test_bootstrap(person):
    append(person.imap, compose("First", "boot-1"))
    boot = person.api.get("/bootstrap").json
    assert boot["account"]["address"] == person.user["address"]
    assert [t["subject"] for t in boot["inbox"]["items"]] == ["First"]
    assert boot["mailboxes"][0]["unreadMessages"] == 1 and boot["identities"]


def test_events(person):
    boot = person.api.get("/bootstrap").json
    with person.api.events(query={"since": boot["eventCursor"]}) as events:
        append(person.imap, compose("Live", "live-1"))
        name, at, data = next(events)
        assert name == "change" and data["arrived"][0]["subject"] == "Live"
        assert data["mailboxes"] == [{"id": boot["mailboxes"][0]["id"], "totalMessages": 1, "unreadMessages": 1}]
    append(person.imap, compose("Missed", "live-2"))
    with person.api.events(headers={"Last-Event-ID": at}) as events:
        name, _, data = next(events)
        assert name == "change" and [t["subject"] for t in data["arrived"]] == ["Missed"]
    with person.api.events(query={"since": "999999"}) as events:
        assert next(events)[0] == "reset"


def test_events_end_with_the_session(heronry, person):
    other = Api.signed_in(heronry, person.user)
    with other.events() as events:
        person.api.delete("/sessions", status=200)
        name, _, data = next(events)
        assert (name, data["reason"]) == ("session", "revoked")
        wait_until(lambda: next(events, None) is None, what="the end of the stream")


def test_all_streams_of_an_ended_session_end(heronry, person):
    """Whatever the order is in which sessions began and streams were opened, in each process."""
    first, second = (Api.signed_in(heronry, person.user) for _ in range(2))
    ended = first.get("/session").json["id"]
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(second.events())
        streams = [stack.enter_context(first.events()) for _ in range(8)]
        second.delete(f"/sessions/{ended}", status=204)
        for events in streams:
            name, _, data = next(events)
            assert (name, data["reason"]) == ("session", "revoked")


def test_queue_stream_ends_with_the_right_to_it(heronry, person):
    """What an administrator may see ends when one is none any more; the own mail does not."""
    admin = Api.signed_in(heronry, heronry.user(1))
    path = f"/admin/accounts/{person.api.get('/me').json['id']}"
    admin.patch(path, {"isAdmin": True})
    other = Api.signed_in(heronry, person.user)
    with other.events(query={"types": "queue"}) as queue, other.events() as mail:
        admin.patch(path, {"isAdmin": False})
        name, _, data = next(event for event in queue if event[0] != "queue")
        assert (name, data["reason"]) == ("session", "revoked")
        append(person.imap, compose("Still", "still-1"))
        assert next(mail)[0] == "change"


def test_ids_of_others_are_not_there(heronry, person):
    append(person.imap, compose("Private", "p1"))
    message = person.only_message()
    stranger = Api.signed_in(heronry, heronry.new_user())
    for path in (f"/messages/{message['id']}", f"/threads/{message['threadId']}", f"/messages/{message['id']}/body",
                 f"/messages/{message['id']}/source", f"/messages/{message['id']}/parts/1",
                 f"/messages/{message['id']}/content"):
        theirs, unknown = stranger.get(path, status=404).json, stranger.get(path.replace(message["id"], "7"), status=404).json
        assert {**theirs, "requestId": ""} == {**unknown, "requestId": ""}
