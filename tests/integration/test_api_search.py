# SPDX-License-Identifier: Apache-2.0
"""Search over HTTP, and changes of many messages."""
import time

import pytest

from conftest import wait_until
from letters import append, compose


@pytest.fixture
def library(person):
    """Mail that searches are made for, indexed."""
    append(person.imap, compose("Boat race", "l1", text="The regatta begins at noon, Grüße.", sender="Mia Reed <mia@example.net>"),
           at=time.time() - 86400 * 400)
    append(person.imap, compose("Invoice 2026", "l2", text="Please pay the sum.", sender="Leo Park <leo@shop.example>"),
           flags="\\Seen")
    append(person.imap, compose("Re: Boat race", "l3", "l1", text="See you at the harbour.",
                                sender="Me <me@example.test>", to="Mia Reed <mia@example.net>"), "Sent", "\\Seen")
    append(person.imap, compose("Cheap boats", "l4", text="Buy regatta watches."), "Junk")
    message = compose("Plans", "l5", text="With a file.")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="harbour-map.pdf")
    append(person.imap, message)
    wait_until(lambda: person.api.get("/search", query={"q": "harbour"}).json["isComplete"], what="the index")
    return person


def subjects(person, q, **more):
    page = person.api.get("/search", query={"q": q, **more}).json
    return [hit["thread"]["subject"] for hit in page["items"]]


@pytest.mark.parametrize("q, found", [
    ("regatta", ["Re: Boat race"]),
    ("regat", ["Re: Boat race"]),
    ("gruße", ["Re: Boat race"]),
    ('"begins at noon"', ["Re: Boat race"]),
    ('"noon begins"', []),
    ("from:mia", ["Plans", "Re: Boat race"]),
    ("from:leo@shop.example", ["Invoice 2026"]),
    ("from:shop ", ["Invoice 2026"]),
    ("to:mia", ["Re: Boat race"]),
    ("subject:invoice", ["Invoice 2026"]),
    ("invoice OR plans", ["Plans", "Invoice 2026"]),
    ("harbour -from:me", ["Plans"]),
    ("has:attachment", ["Plans"]),
    ("filename:map", ["Plans"]),
    ("is:unread subject:plans", ["Plans"]),
    ("is:read subject:plans", []),
    ("in:junk regatta", ["Cheap boats"]),
    ("in:nowhere regatta", []),
    ("boat before:2999-01-01", ["Re: Boat race"]),
    ("after:2999-01-01", []),
    ("larger:10MB", []),
    ("smaller:10MB invoice", ["Invoice 2026"]),
    ("nothinglikeit", []),
])
def test_search(library, q, found):
    assert subjects(library, q) == found


def test_search_shows_what_matches(library):
    page = library.api.get("/search", query={"q": "boat regatta", "facets": True}).json
    (hit,) = page["items"]
    assert page["total"] == 1 and page["isTotalExact"] and len(hit["messageIds"]) == 1
    assert [s for s in hit["subject"] if s["isMatch"]] == [{"text": "Boat", "isMatch": True}]
    assert "".join(s["text"] for s in hit["subject"]) == "Boat race"
    assert [s["text"] for s in hit["snippet"] if s["isMatch"]] == ["regatta"]
    facets = page["facets"]
    assert facets["from"][0]["address"] == "mia@example.net" and facets["unread"] == 1
    assert library.api.get("/search", query={"q": "boat", "mailboxId": library.box("sent")["id"]}).json["total"] == 1


def test_search_by_pages(person):
    for i in range(7):
        append(person.imap, compose(f"Page {i}", f"sp{i}", text="needle in hay"))
    wait_until(lambda: person.api.get("/search", query={"q": "needle"}).json["total"] == 7, what="the index")
    seen, cursor = [], None
    while True:
        page = person.api.get("/search", query={"q": "needle", "limit": 3, **({"cursor": cursor} if cursor else {})}).json
        seen += [hit["thread"]["subject"] for hit in page["items"]]
        cursor = page["nextCursor"]
        if not cursor:
            break
    assert seen == [f"Page {i}" for i in reversed(range(7))]


def test_suggestions(library):
    items = library.api.get("/search/suggest", query={"q": "mi"}).json["items"]
    assert {"kind": "person", "text": "Mia Reed", "insert": "from:mia@example.net", "detail": "mia@example.net"} in items
    assert [i["text"] for i in library.api.get("/search/suggest", query={"q": "is:un"}).json["items"]] == ["is:unread"]
    people = library.api.get("/search/suggest", query={"q": "park", "kinds": "person"}).json["items"]
    assert [p["detail"] for p in people] == ["leo@shop.example"]
    assert library.api.get("/search/suggest", query={"q": "draf", "kinds": "mailbox"}).json["items"][0]["insert"] == 'in:"Drafts"'


def test_batch(library):
    inbox, archive, trash = (library.box(role)["id"] for role in ("inbox", "archive", "trash"))
    thread = library.threads()["items"]
    ids = [t["id"] for t in thread]
    done = library.api.post("/messages/batch", {
        "target": {"threads": {"ids": [*ids, "4711"], "mailboxId": inbox}},
        "change": {"keywords": {"$seen": True}, "move": {"from": inbox, "to": archive}}}, status=200).json
    (group,) = done["changed"]
    assert group["mailboxId"] == inbox and len(group["messageIds"]) == 3 and done["notFound"] == ["4711"]
    assert library.box("inbox")["totalMessages"] == 0 and library.box("archive")["totalMessages"] == 3
    assert library.box("sent")["totalMessages"] == 1
    undo = library.api.post("/messages/batch", {"target": {"messageIds": group["messageIds"]},
                                                "change": {"move": {"from": archive, "to": inbox}}}, status=200).json
    assert len(undo["changed"][0]["messageIds"]) == 3 and library.box("inbox")["unreadMessages"] == 0
    again = library.api.post("/messages/batch", {"target": {"messageIds": group["messageIds"]},
                                                 "change": {"keywords": {"$seen": True}}}, status=200).json
    assert again["changed"] == [] and again["unchangedCount"] == 3
    old = library.api.post("/messages/batch", {"target": {"messageIds": group["messageIds"]}, "ifState": "1",
                                               "change": {"keywords": {"$seen": False}}}, status=409)
    assert old.problem == "state-changed"
    found = library.api.post("/messages/batch", {"target": {"search": {"q": "invoice"}},
                                                 "change": {"move": {"to": trash}}}, status=200).json
    assert len(found["changed"]) == 1 and not found["hasMore"] and library.box("trash")["totalMessages"] == 1
    wrong = library.api.post("/messages/batch", {"target": {"search": {"q": "plans"}}, "change": {"move": {"to": "999"}}},
                             status=422)
    assert wrong.pointers == ["/change/move/to"]
    library.api.post("/messages/batch", {"target": {"search": {"mailboxId": trash}}, "change": {"destroy": True}}, status=200)
    assert library.box("trash")["totalMessages"] == 0
