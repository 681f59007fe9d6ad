# SPDX-License-Identifier: Apache-2.0
"""A DNS server that answers each question at once with SERVFAIL: nothing can be found out, and nobody has to wait
for an answer that never comes."""
import contextlib
import socket
import threading


class FailingDns:
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.server = f"127.0.0.1@{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            question, peer = self.socket.recvfrom(65535)
            if not question:
                return
            end = question.find(b"\0", 12) + 5  # behind the name, its type and class
            self.socket.sendto(question[:2] + b"\x81\x82\0\1\0\0\0\0\0\0" + question[12:end], peer)

    def close(self):
        with contextlib.suppress(OSError):  # it says that nobody is connected, and wakes the thread
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
