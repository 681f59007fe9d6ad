# SPDX-License-Identifier: Apache-2.0
"""A hook: a program that is asked over HTTP about recipients and messages. It answers as told, and keeps what it was
asked."""
import hashlib
import hmac
import http.server
import json
import threading


class Hook:
    """Listens on loopback. `rules[key]` is the answer (an object, or bytes as they are) about messages with this subject
    and recipients with this local part; others are accepted. A request whose signature is wrong gets 403."""

    def __init__(self, secret):
        self.rules, self.seen = {}, []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
                good = hmac.compare_digest(self.headers.get("Heronry-Signature", ""), wanted)
                answer = hook.answer(json.loads(body)) if good else b""
                self.send_response(200 if good else 403)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/mail"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, asked):
        self.seen.append(asked)
        if asked["context"]["stage"] == "rcpt":
            key = asked["envelope"]["to"][-1]["address"].split("@")[0]
        else:
            key = dict(asked["message"]["headers"]).get("Subject", "")
        answer = self.rules.get(key, {"action": "accept"})
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def of(self, subject):
        """What was asked about the messages with this subject."""
        return [s for s in self.seen if ["Subject", subject] in s.get("message", {}).get("headers", [])]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
