# SPDX-License-Identifier: Apache-2.0
"""Hosts of MTA-STS policies of domains below out.test."""
import http.server
import threading

from certificates import Certificate
from conftest import free_ports
from outbound import DOMAIN


def policy(*hosts, mode="enforce", age=604800):
    return "\r\n".join(["version: STSv1", f"mode: {mode}", *(f"mx: {h}" for h in hosts), f"max_age: {age}", ""]).encode()


class PolicyHosts:
    """Policies over HTTPS at two addresses; the certificate of the second one has expired. `policies` maps the first
    label of a domain to its policy: a body, or (status, type, body)."""

    def __init__(self, folder, authority, policies):
        (self.port,) = free_ports(1)
        self.asked = []
        self.policies = {f"mta-sts.{name}.{DOMAIN}": said for name, said in policies.items()}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host = self.headers["Host"].partition(":")[0]
                outer.asked.append(host)
                said = outer.policies[host]
                status, kind, body = said if isinstance(said, tuple) else (200, "text/plain; charset=utf-8", said)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"https://elsewhere.{DOMAIN}/policy")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):
                pass

        self.servers = []
        for address, days in [("127.0.0.1", 2), ("127.0.0.2", -1)]:
            server = http.server.ThreadingHTTPServer((address, self.port), Handler)
            context = Certificate(folder, f"policies{days}", list(self.policies), authority, days).context()
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            server.handle_error = lambda request, client: None  # who hangs up early
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self.servers.append(server)

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
