# SPDX-License-Identifier: Apache-2.0
"""The API of a running Heronry over 100,000 messages of one account: one message, a page of
conversations, searches, and downloads of a large message and its attachment. Loopback, plain HTTP with
a token, so that TLS is not what is measured."""
import base64
import json
import random
import ssl
import time
import urllib.parse
import urllib.request

from . import common, ours, web
from .mail_client import Imap

USER = (f"reader@{common.DOMAIN}", "a passphrase of the benchmark 7")

# Conversations of about 1.7 messages; words of three frequencies.
FILL = """
CREATE TEMP TABLE m AS SELECT a.account_id, i AS n, ((1700000000000 + i * 60000) << 16) + 5 AS msg_id,
  to_timestamp(1700000000 + i * 60) AS at, CASE WHEN random() < 0.4 AND i > 20 THEN i - (random() * 19 + 1)::int
  ELSE i END AS parent FROM account a, generate_series(1::bigint, {count}) i WHERE a.login = '{login}';
INSERT INTO message (account_id, msg_id, thread_id, size, idate, sent_at, hdr_end, hash, envelope, bodystructure,
  from_addr, from_name, to_text, subject, message_id, message_id_key, preview, has_attachment)
SELECT account_id, msg_id, ((1700000000000 + parent * 60000) << 16) + 5, 9000, at, at, 500, '\\x00',
  convert_to('("Thu, 12 Nov 2026 10:00:00 +0000" "Talk ' || parent || '" (("Mia Reed" NIL "mia" "example.net"))'
    || ' (("Mia Reed" NIL "mia" "example.net")) (("Mia Reed" NIL "mia" "example.net"))'
    || ' ((NIL NIL "reader" "example.test")) NIL NIL NIL "<id' || n || '@example.net>")', 'UTF8'),
  convert_to('("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 8500 120 NIL NIL NIL NIL)', 'UTF8'),
  'sender' || n % 977 || '@example.net', 'Sender ' || n % 977, 'reader@example.test', 'Talk ' || parent,
  'id' || n || '@example.net', n, repeat('Preview of a message. ', 8), n % 7 = 0 FROM m ORDER BY n;
INSERT INTO mbox_msg SELECT account_id, 1, n, msg_id, n, at, 9000, (random() < 0.8)::int, 0, NULL FROM m ORDER BY n;
INSERT INTO fts SELECT account_id, msg_id, array_to_tsvector(ARRAY['talk', 'word' || n % 5000, 'word' || n % 4999,
  'word' || n % 377] || CASE WHEN n % 5 > 0 THEN ARRAY['common'] ELSE '{{}}' END
  || CASE WHEN n % 4000 = 0 THEN ARRAY['seldom'] ELSE '{{}}' END) FROM m ORDER BY n;
SELECT fts_settle();
UPDATE account_state s SET modseq = {count}, q_count = {count}, q_bytes = 9000::bigint * {count}
  FROM account a WHERE a.account_id = s.account_id AND a.login = '{login}';
UPDATE mailbox_state s SET modseq = {count}, msgs = {count}, uidnext = {count} + 1, bytes = 9000::bigint * {count},
  unseen = (SELECT count(*) FROM mbox_msg b WHERE b.account_id = s.account_id AND b.flags & 1 = 0)
  FROM account a WHERE a.account_id = s.account_id AND a.login = '{login}' AND s.mailbox_id = 1;
"""

LARGE = 36_600_000  # octets of an attachment in a message of 50 MB


def large_mail():
    """A message with one attachment of LARGE octets."""
    text = base64.encodebytes(random.Random(5).randbytes(LARGE)).replace(b"\n", b"\r\n")
    return (b"From: a@example.net\r\nTo: reader@example.test\r\nSubject: Large\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee.\r\n--b\r\n"
            b"Content-Type: application/octet-stream; name=a.bin\r\nContent-Disposition: attachment\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + text + b"--b--\r\n")


def make_token(facts, user):
    """A token that may read the mail of the user (address, password)."""
    origin = f"https://localhost:{facts['ports']['https']}"
    context = ssl.create_default_context(cafile=facts["tls_ca"])
    headers = {"Content-Type": "application/json", "X-Heronry": "1", "Origin": origin}

    def post(path, body):
        request = urllib.request.Request(f"{origin}/api/v1{path}", json.dumps(body).encode(), headers)
        return urllib.request.urlopen(request, context=context)
    with post("/session", {"login": user[0], "password": user[1]}) as answer:
        headers["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
    with post("/tokens", {"name": "bench", "scopes": ["mail:read"]}) as answer:
        return json.load(answer)["secret"]


class Api:
    """A server with a filled account and a token for it."""

    name = "Heronry"

    def __init__(self, folder, count):
        self.server = ours.Heronry(folder, [USER], ("limits.http_per_ip=1000", "limits.api_token_per_minute=10000000",
                                                    "limits.message_size=60MB", "workers.front=1"))
        self.facts = self.server.facts
        self.server.psql(FILL.format(count=count, login=USER[0]))
        self.server.psql("VACUUM ANALYZE")
        self.token = make_token(self.facts, USER)
        self.port = self.facts["ports"]["http"]
        self.url = f"http://127.0.0.1:{self.port}/api/v1"

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def wrk(self, path, connections, seconds):
        return web.wrk(self.url + path, connections, seconds, [f"Authorization: Bearer {self.token}"])

    def search_ms(self, word, times):
        """The 95th percentile of searches one after the other."""
        took = []
        for _ in range(times):
            began = time.monotonic()
            self.get("/search?" + urllib.parse.urlencode({"q": word + " ", "limit": 20}))
            took.append((time.monotonic() - began) * 1000)
        return sorted(took)[int(len(took) * 0.95)]

    def rss_kb(self):
        return self.server.rss_kb()

    def append_large(self):
        """Puts a large message in; gives the path of its source, and its octets."""
        mail = large_mail()
        client = Imap(self.server.imaps, USER)
        client.must(f"APPEND INBOX {{{len(mail)}+}}\r\n".encode() + mail)
        client.close()
        message = self.get("/messages?limit=1")["items"][0]["id"]
        return f"/api/v1/messages/{message}", len(mail)

    def downloads(self, path, size, together):
        return web.downloads(self, path, size, together, f"Authorization: Bearer {self.token}\r\n")

    def stop(self):
        self.server.stop()


def measure_downloads(api, together):
    """The figures of one round of downloads: the message as it is, and its attachment decoded."""
    path, size = api.append_large()
    source = api.downloads(f"{path}/source", size, together)
    part = api.downloads(f"{path}/parts/2", LARGE, together)
    return {"source_mb": source["mb_per_s"], "source_grew": source["grew_mb"], "part_mb": part["mb_per_s"],
            "part_grew": part["grew_mb"]}


def measure(api, seconds):
    """The figures of one round."""
    page = api.get("/mailboxes/1/threads?limit=50")
    message = page["items"][0]["messageIds"][0]
    one = api.wrk(f"/messages/{message}", 64, seconds)
    threads = api.wrk("/mailboxes/1/threads?limit=50", 16, seconds)
    return {"message_per_s": one["per_s"], "message_p99": one["p99_ms"], "threads_per_s": threads["per_s"],
            "threads_p99": threads["p99_ms"], "rare_p95": api.search_ms("seldom", 60), "common_p95": api.search_ms("common", 30)}
