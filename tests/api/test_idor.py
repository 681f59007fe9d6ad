# SPDX-License-Identifier: Apache-2.0
"""Nobody reaches what belongs to somebody else (PROMISES R23, ATTACKS A1): for every operation with an
id of a person's own things, the id of another person's thing is answered like one of nothing, and the
thing stays as it is. Ids in bodies and queries select nothing either."""
import datetime
import email.message
import imaplib
import time

import pytest

from api_client import Api
from cases import OPERATIONS

# Parameters of paths that name things of one account.
OWNED = {"mailboxId", "threadId", "messageId", "partId", "blobId", "draftId", "submissionId", "identityId", "sessionId",
         "tokenId", "appPasswordId"}
NOTHING = {"blobId": "zzzzzzzzzzzzzzzz", "partId": "77"}
SOME_ID = "9223372036854775000"
# Administrators name the account too; that it must be the thing's is with the tour of theirs.
ON_OWNED = [op for op in OPERATIONS if {p["name"] for p in op.params if p["in"] == "path"} & OWNED
            and not op.scope.startswith("admin")]
DRAFT = {"to": [], "cc": [], "bcc": [], "subject": "Secret", "html": "", "text": "x", "attachments": []}


def message():
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Leo <leo@example.net>", "mia@example.test", "A secret"
    mail.set_content("The secret text.\n")
    mail.add_attachment(b"0123456789", maintype="application", subtype="pdf", filename="secret.pdf")
    return mail.as_bytes().replace(b"\n", b"\r\n").replace(b"\r\r", b"\r")


def beyond(make, highest):
    """Makes things until one has an id that the other account cannot have."""
    for _ in range(50):
        made = make()
        if int(made["id"]) > highest:
            return made["id"]
    raise AssertionError("no id beyond the other's")


class Victim:
    """An account with one thing of each kind, and what its owner sees of it."""

    def __init__(self, server, others):
        self.user = server.new_user()
        self.api = Api.signed_in(server, self.user)
        with server.imap(self.user) as imap:
            assert imap.append("INBOX", None, imaplib.Time2Internaldate(time.time()), message())[0] == "OK"
        numbers = iter(range(100))
        highest_mailbox = max(int(m["id"]) for other in others for m in other.get("/mailboxes").json["items"])
        highest_identity = max(int(m["id"]) for other in others for m in other.get("/identities").json["items"])
        own = self.api.get("/messages").json["items"][0]
        self.ids = {
            "mailboxId": beyond(lambda: self.api.post("/mailboxes", {"name": f"Secret {next(numbers)}"}, status=201).json,
                                highest_mailbox),
            "identityId": beyond(lambda: self.api.post("/identities", {"name": "S", "address": self.user["address"]},
                                                       status=201).json, highest_identity),
            "messageId": own["id"], "threadId": own["threadId"], "partId": "1",
            "blobId": self.api.post("/blobs", b"0123456789", query={"name": "secret.txt"}, status=201).json["id"],
            "draftId": self.api.post("/drafts", DRAFT, status=201).json["id"],
            "sessionId": self.api.get("/session").json["id"],
            "appPasswordId": self.api.post("/app-passwords", {"label": "t", "protocols": ["imap"]},
                                           status=201).json["appPassword"]["id"],
            "tokenId": self.api.post("/tokens", {"name": "t", "scopes": ["mail:read"]}, status=201).json["token"]["id"],
        }
        self.ids["submissionId"] = self.send()
        self.expunged = self.expunge()
        self.attachment = self.api.get(f"/messages/{own['id']}").json["attachments"][0]["blobId"]

    def send(self):
        draft = self.api.post("/drafts", DRAFT | {"to": [{"address": self.user["address"]}]}, status=201).json
        tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        when = {"sendAt": tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ")}  # it is not to go while the tests run, however long
        return self.api.post("/submissions", {"draftId": draft["id"], **when}, status=201).json["id"]

    def expunge(self):
        """Id of a message that was deleted for ever."""
        with self.api.server.imap(self.user) as imap:
            assert imap.append("INBOX", None, imaplib.Time2Internaldate(time.time()), message())[0] == "OK"
        target = {"messageIds": [self.api.get("/messages").json["items"][0]["id"]]}
        self.api.post("/messages/batch", {"target": target, "change": {"destroy": True}}, status=200)
        return self.api.get("/expunged").json["items"][0]["id"]

    def picture(self):
        """Everything that somebody else could have changed."""
        lists = ["/mailboxes", "/identities", "/messages", "/drafts", "/tokens", "/app-passwords", "/expunged", "/me", "/me/settings"]
        seen = {path: self.api.get(path).json for path in lists}
        seen["retention"] = self.api.get(f"/mailboxes/{self.ids['mailboxId']}/retention").json
        seen["grants"] = self.api.get(f"/mailboxes/{self.ids['mailboxId']}/grants").json
        seen["source"] = self.api.get(f"/messages/{self.ids['messageId']}/source").body
        seen["blob"] = self.api.get(f"/blobs/{self.ids['blobId']}").body
        seen["submission"] = self.api.get(f"/submissions/{self.ids['submissionId']}").json
        return seen


@pytest.fixture(scope="module")
def intruders(heronry):
    """Another person, and an administrator: who may not read mail either."""
    return {"person": Api.signed_in(heronry, heronry.new_user()), "administrator": Api.signed_in(heronry, heronry.user(1))}


@pytest.fixture(scope="module")
def victim(heronry, intruders):
    return Victim(heronry, list(intruders.values()))


def without_request(answer):
    return {k: v for k, v in answer.json.items() if k != "requestId"}


@pytest.mark.parametrize("who", ["person", "administrator"])
@pytest.mark.parametrize("op", ON_OWNED, ids=lambda op: op.id)
def test_ids_of_others_are_like_those_of_nothing(op, who, intruders, victim):
    api = intruders[who]
    before = victim.picture()
    theirs = api.request(op.method, **op.request(**victim.ids))
    nothing = {name: NOTHING.get(name, SOME_ID) for name in OWNED}
    random = api.request(op.method, **op.request(**nothing))
    assert theirs.status == random.status == 404
    assert without_request(theirs) == without_request(random)
    assert victim.picture() == before


@pytest.mark.parametrize("op", [op for op in ON_OWNED if "{blobId}" in op.template], ids=lambda op: op.id)
def test_blob_of_a_message_of_others(op, intruders, victim):
    answer = intruders["person"].request(op.method, **op.request(blobId=victim.attachment))
    assert (answer.status, answer.problem) == (404, "not-found")


# operation, body with an id of theirs, pointer of the field that is refused
IN_BODIES = [
    ("POST", "/mailboxes", lambda ids: {"name": "x", "parentId": ids["mailboxId"]}, "/parentId"),
    ("POST", "/submissions", lambda ids: {"draftId": ids["draftId"]}, "/draftId"),
    ("POST", "/drafts", lambda ids: DRAFT | {"identityId": ids["identityId"]}, "/identityId"),
    ("POST", "/drafts", lambda ids: DRAFT | {"attachments": [{"blobId": ids["blobId"]}]}, "/attachments/0/blobId"),
    ("POST", "/drafts", lambda ids: DRAFT | {"attachments": [{"blobId": ids["attachment"]}]}, "/attachments/0/blobId"),
    ("POST", "/identities", lambda ids: {"name": "x", "address": ids["address"]}, "/address"),
]


@pytest.mark.parametrize("method, path, body, pointer", IN_BODIES, ids=[f"{row[1]} {row[3]}" for row in IN_BODIES])
def test_ids_of_others_in_bodies(method, path, body, pointer, intruders, victim):
    ids = victim.ids | {"attachment": victim.attachment, "address": victim.user["address"]}
    answer = intruders["person"].request(method, path, body(ids))
    assert (answer.status, answer.problem, answer.pointers) == (422, "invalid-fields", [pointer])


def test_answer_to_a_message_of_others(intruders, victim):
    """It is like an answer to a message that is gone: nothing of it gets into the draft."""
    api = intruders["person"]
    answer = {"messageId": victim.ids["messageId"], "mode": "reply"}
    drafts = [api.post("/drafts", DRAFT | {"inReplyTo": answer | {"messageId": id}}, status=201).json
              for id in (victim.ids["messageId"], SOME_ID)]
    sources = [api.get(f"/messages/{draft['messageId']}/source").text for draft in drafts]
    assert not any("In-Reply-To" in source or "References" in source for source in sources)
    threads = [api.get(f"/messages/{draft['messageId']}").json["threadId"] for draft in drafts]
    assert victim.ids["threadId"] not in threads


def test_ids_of_others_in_lists_are_not_found(intruders, victim):
    api, ids = intruders["person"], victim.ids
    before = victim.picture()
    assert api.post("/messages/batchGet", {"ids": [ids["messageId"]]}, status=200).json["notFound"] == [ids["messageId"]]
    assert api.post("/threads/batchGet", {"ids": [ids["threadId"]]}, status=200).json["notFound"] == [ids["threadId"]]
    for target in ({"messageIds": [ids["messageId"]]}, {"threads": {"ids": [ids["threadId"]]}}):
        for change in ({"destroy": True}, {"keywords": {"$flagged": True}}, {"move": {"to": "1"}}):
            done = api.post("/messages/batch", {"target": target, "change": change}, status=200).json
            assert (done["changed"], len(done["notFound"])) == ([], 1)
    assert api.get("/messages", query={"mailboxId": ids["mailboxId"]}).json["items"] == []
    assert api.get("/search", query={"q": "secret", "mailboxId": ids["mailboxId"]}).json["items"] == []
    # Own drafts of the tests before may be among what is found.
    found = {number for hit in api.get("/search", query={"q": "secret"}).json["items"] for number in hit["messageIds"]}
    assert not found & {m["id"] for m in victim.api.get("/messages").json["items"]}
    assert victim.picture() == before


def test_deleted_messages_of_others_stay_deleted(intruders, victim):
    """The id of one restores nothing, and nothing of it is shown, also not to an administrator."""
    before = victim.picture()
    for who, api in intruders.items():
        assert api.post("/expunged/restore", {"ids": [victim.expunged]}, status=200).json["messages"] == 0
        assert victim.expunged not in [m["id"] for m in api.get("/expunged").json["items"]]
        own = api.get("/me").json["id"]
        if who == "administrator":
            other = f"/admin/accounts/{own}/expunged"
            assert api.post(f"{other}/restore", {"ids": [victim.expunged]}, status=200).json["messages"] == 0
            shown = api.get(f"/admin/accounts/{victim.user['address']}/expunged")
            assert victim.expunged in [m["id"] for m in shown.json["items"]]
            assert "secret" not in shown.text.lower()
    assert victim.picture() == before


def test_session_of_others_cannot_be_ended(intruders, victim):
    api = intruders["person"]
    api.delete("/sessions", status=200)
    victim.api.get("/session")
    assert victim.ids["sessionId"] not in [s["id"] for s in api.get("/sessions").json["items"]]
