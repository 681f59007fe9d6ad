# SPDX-License-Identifier: Apache-2.0
"""How long the event loop of a process is busy with others while somebody waits for it: what its thread has computed
between a command and its reply, on another connection. Time of the processor, so that other programs do not count."""
import pathlib
import socket
import threading


def computed_ms(pid):
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e6


class LoopProbe:
    """Asks NOOP after NOOP, with a new connection where the server has had enough of it. `worst_ms` is what the longest
    wait cost the loop; `with` it, which begins with an answer, and read it behind."""

    def __init__(self, pid, port):
        self.pid, self.port, self.worst_ms = pid, port, 0
        self.ended = threading.Event()
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self._ask_on, daemon=True)

    def _ask(self, sock, lines):
        """One question; false when the server says no more."""
        before = computed_ms(self.pid)
        sock.sendall(b"NOOP\r\n")
        if not lines.readline():
            return False
        self.worst_ms = max(self.worst_ms, computed_ms(self.pid) - before)
        self.begun.set()
        return True

    def _ask_on(self):
        while not self.ended.is_set():
            with socket.create_connection(("127.0.0.1", self.port), timeout=60) as sock, sock.makefile("rb") as lines:
                lines.readline()
                for _ in range(40):
                    if self.ended.wait(0.002) or not self._ask(sock, lines):
                        break

    def __enter__(self):
        self.thread.start()
        assert self.begun.wait(60), "the server does not answer"
        return self

    def __exit__(self, *unused):
        self.ended.set()
        self.thread.join()
