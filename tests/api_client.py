# SPDX-License-Identifier: Apache-2.0
"""A client of the HTTP API for tests. Every answer is judged by the contract (ajv, tests/api/judge.mjs):
one that is not as the contract says fails the test that got it. What was seen of which operation is
noted for the coverage gate (tests/api/coverage.py).

  api = Api.signed_in(heronry, heronry.user(2))
  page = api.get("/mailboxes/1/threads", query={"limit": 5}).json
  api.post("/mailboxes", {"name": "Work"}, status=201)
"""
import atexit
import base64
import contextlib
import fcntl
import functools
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools/generate"))

import generate  # noqa: E402
from bundle import load  # noqa: E402

SEEN = pathlib.Path(os.environ.get("HERONRY_API_SEEN", ROOT / "build/test-results/api-seen.txt"))
PREFIX = "/api/v1"
AT_ROOT = ("/health", "/metrics", "/problems")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@functools.cache
def contract():
    """The bundle, as a dict."""
    return load()[0]


class ContractBroken(AssertionError):
    """An answer that the contract does not allow."""


class Judge:
    """The judge's process, one for each test run."""

    def __init__(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8", delete=False) as bundle:
            bundle.write(generate.as_json(contract()))
        self.bundle = pathlib.Path(bundle.name)
        self.process = subprocess.Popen(["node", ROOT / "tests/api/judge_server.mjs", self.bundle], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.seen = set()
        atexit.register(self.end)

    @staticmethod
    @functools.cache
    def shared():
        return Judge()

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.bundle.unlink(missing_ok=True)

    def judge(self, method, path, answer):
        """The operationId, or None for what is not in the contract. Raises ContractBroken."""
        line = {"method": method, "path": path, "status": answer.status, "headers": answer.headers,
                "body": base64.b64encode(answer.body).decode()}
        self.process.stdin.write(json.dumps(line) + "\n")
        said = json.loads(self.process.stdout.readline())
        if said["faults"]:
            raise ContractBroken(f"{method} {path} {answer.status}: {'; '.join(said['faults'])}\n{answer.body[:2000]!r}")
        # The tests of the API see each answer that is documented: there each sentence has a code.
        if said["untold"] and "tests/api/" in os.environ.get("PYTEST_CURRENT_TEST", ""):
            raise ContractBroken(f"{method} {path}: {said['untold']} have no code in openapi/reasons.yaml")
        if said["operationId"]:
            self.note(f"{said['operationId']} {answer.status}")
        return said["operationId"]

    def note(self, line):
        """Adds a line to what all test programs have seen."""
        if line in self.seen:
            return
        self.seen.add(line)
        SEEN.parent.mkdir(parents=True, exist_ok=True)
        with open(SEEN, "a", encoding="utf-8") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            out.write(line + "\n")


class Answer:
    """Status, header fields (names in lower case), body."""

    def __init__(self, status, fields, body):
        self.status = status
        self.fields = [(name.lower(), value) for name, value in fields]
        self.headers = dict(self.fields)
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    @property
    def problem(self):
        """The kind of failure: "not-found"."""
        return self.json["type"].removeprefix("/problems/")

    @property
    def pointers(self):
        return [fault["pointer"] for fault in self.json.get("errors", [])]


class Api:
    """One client: a browser with its cookie, or a program with a token."""

    def __init__(self, server, token=None, timeout=60):
        self.server = server
        self.port = server.ports["https"]
        self.token = token
        self.cookie = None
        self.timeout = timeout
        self.connection = None

    @classmethod
    def signed_in(cls, server, user, **options):
        """A browser in which the user has signed in."""
        api = cls(server, **options)
        api.sign_in(user)
        return api

    def sign_in(self, user, **more):
        answer = self.post("/session", {"login": user["address"], "password": user["password"], **more}, status=200)
        return answer.json

    def with_token(self, *scopes, name="test"):
        """A program with a token of this session's account."""
        made = self.post("/tokens", {"name": name, "scopes": list(scopes)}, status=201).json
        return Api(self.server, token=made["secret"], timeout=self.timeout)

    def mailbox(self, role):
        """Id of the mailbox that has the role."""
        return next(m["id"] for m in self.get("/mailboxes").json["items"] if m["role"] == role)

    @property
    def origin(self):
        return f"https://localhost:{self.port}"

    # ---- requests ----

    def full_path(self, path, query=None):
        whole = path if path.startswith((PREFIX, *AT_ROOT)) else PREFIX + path
        if query:
            pairs = {k: ("true" if v else "false") if isinstance(v, bool) else v for k, v in query.items()}
            whole += "?" + urllib.parse.urlencode(pairs)
        return whole

    def own_headers(self, method):
        headers = {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.cookie:
            headers["Cookie"] = f"__Host-heronry={self.cookie}"
        if not self.token and method in WRITES:
            headers |= {"X-Heronry": "1", "Origin": self.origin}
        return headers

    def request(self, method, path, body=None, *, query=None, headers=None, status=None, judge=True):
        """Sends a request and gives its Answer. `body`: bytes go as they are, all else as JSON.
        `headers` replace ours; None leaves one out. `status` is demanded when given. `judge` False
        is for what is wrong on purpose below HTTP."""
        whole = self.full_path(path, query)
        fields = self.own_headers(method)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        fields |= headers or {}
        answer = self.exchange(method, whole, body, {k: v for k, v in fields.items() if v is not None})
        if judge:
            Judge.shared().judge(method, whole, answer)
        self.take_cookie(answer)
        if status is not None:
            assert answer.status == status, f"{method} {whole}: {answer.status} {answer.body[:2000]!r}"
        return answer

    def exchange(self, method, path, body, headers):
        """On the connection of before, or a new one when the server has closed that."""
        for attempt in (1, 2):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPSConnection("localhost", self.port, timeout=self.timeout,
                                                              context=self.server.tls())
            try:
                self.connection.request(method, path, body, headers)
                got = self.connection.getresponse()
                return Answer(got.status, got.getheaders(), got.read())
            # That it was closed a write finds out as ConnectionError or, within TLS, as the end of the stream.
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError, http.client.CannotSendRequest):
                self.close()
                if fresh or attempt == 2:
                    raise
        return None

    def take_cookie(self, answer):
        for name, value in answer.fields:
            if name == "set-cookie" and value.startswith("__Host-heronry="):
                self.cookie = value.split(";")[0].split("=", 1)[1] or None

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def get(self, path, **more):
        return self.request("GET", path, **{"status": 200, **more})

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.request("PUT", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.request("PATCH", path, body, **{"status": 200, **more})

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def ended(self, path):
        """What a GET says now that our session or token has ended: 401. Other workers are told of that a moment
        later than the one that was asked. (Each would remember us for 5 s if it were not; that it is told is tested by
        integration/test_frontends.py.)"""
        end = time.monotonic() + 60
        while (answer := self.get(path, status=None)).status != 401:
            assert time.monotonic() < end, f"still let in: {answer.status}"
            time.sleep(0.02)
        return answer

    # ---- events ----

    @contextlib.contextmanager
    def events(self, query=None, headers=None):
        """The live stream, as an iterator of (event, id, data); it ends when the block does."""
        path = self.full_path("/events", query)
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=self.timeout, context=self.server.tls())
        try:
            connection.request("GET", path, headers=self.own_headers("GET") | (headers or {}))
            got = connection.getresponse()
            assert got.status == 200, got.read()
            yield self.read_events(path, got)
        finally:
            connection.close()

    @staticmethod
    def read_events(path, got):
        """Each event is judged by itself."""
        fields = {}
        for line in got:
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                whole = Answer(got.status, got.getheaders(), f"data: {fields['data']}\n\n".encode())
                Judge.shared().judge("GET", path, whole)
                yield fields.get("event"), fields.get("id"), json.loads(fields["data"])
                fields = {}
