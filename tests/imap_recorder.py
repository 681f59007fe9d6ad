# SPDX-License-Identifier: Apache-2.0
"""Stands between a real client and the server: takes TLS on a port of its own with the server's own
certificate, passes everything on, and holds what the server says against the grammar."""
import re
import select
import socket
import ssl
import threading

import imap_grammar

PIECE = 1 << 16


class Recorder:
    """`port` is for the client; leaving the `with` fails if the server said something wrong."""

    def __init__(self, server):
        self.server = server
        self.faults = []
        self.listeners = []
        self.open = 0               # connections
        self.said = bytearray()     # what all clients said, before they compress
        self.ended = threading.Event()
        tls = server.data_dir / "tls"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]

    def accept(self):
        while not self.ended.is_set():
            if select.select([self.socket], [], [], 0.1)[0]:
                thread = threading.Thread(target=self.pass_on, args=(self.socket.accept()[0],), daemon=True)
                self.threads.append(thread)
                thread.start()

    def pass_on(self, plain):
        listener = imap_grammar.Listener()
        self.listeners.append(listener)
        self.open += 1
        try:
            plain.settimeout(60)
            client = self.context.wrap_socket(plain, server_side=True)
            server = self.server.tls().wrap_socket(
                socket.create_connection(("127.0.0.1", self.server.ports["imaps"]), timeout=60), server_hostname="localhost")
            with client, server:
                self.pump(client, server, listener)
        except imap_grammar.GrammarError as e:
            self.faults.append(str(e))
        except OSError:
            pass    # one side has gone
        finally:
            self.open -= 1

    def pump(self, client, server, listener):
        while not self.ended.is_set():
            held = [s for s in (client, server) if s.pending()]
            for ready in held or select.select([client, server], [], [], 0.1)[0]:
                octets = ready.recv(PIECE)
                if not octets:
                    return
                if ready is client:
                    self.said += octets
                    if m := re.match(rb"(\S+) COMPRESS DEFLATE\r\n", octets, re.I):
                        listener.compress_tag = m.group(1)
                    server.sendall(octets)
                else:
                    listener.feed(octets)
                    client.sendall(octets)

    @property
    def responses(self):
        return sum(listener.responses for listener in self.listeners)

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        self.socket.close()
        if kind is None:
            assert not self.faults, "\n".join(self.faults)
            assert self.responses, "no client came"
