# SPDX-License-Identifier: Apache-2.0
"""Connections to the HTTP of a running Heronry that are kept open and say nothing (ATTACKS A9): what
they cost, and whether others are served meanwhile."""
import contextlib
import json
import subprocess

from . import ours, web

EACH_CLIENT = 15000     # of one program; a process may not open many more files everywhere
EACH_WORKER = 14000     # the kernel spreads them nearly evenly
PATH = "/health"


class Server:
    """Heronry with as many workers as `count` connections need."""

    name = "Heronry"

    def __init__(self, folder, count):
        self.count = count
        self.workers = -(-count // EACH_WORKER)
        settings = (f"workers.front={self.workers}", "limits.http_per_ip=100000", "limits.http_connections=16000",
                    "logging.level=warn")
        self.server = ours.Heronry(folder, [], settings)
        self.port = self.server.facts["ports"]["http"]

    @contextlib.contextmanager
    def crowd(self, count):
        """A program that holds connections for the length of the block, and what it found."""
        words = [web.HTTPBENCH, "idle", str(self.port), str(count), PATH]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield process
            process.stdin.close()
            if process.wait(60) != 0:
                raise SystemExit("somebody was not served beside idle connections")

    def measure(self):
        with self.crowd(1) as process:
            alone = json.loads(process.stdout.readline())
        before = self.server.rss_kb()
        with contextlib.ExitStack() as stack:
            counts = [min(EACH_CLIENT, self.count - done) for done in range(0, self.count, EACH_CLIENT)]
            crowds = [stack.enter_context(self.crowd(count)) for count in counts]
            held = sum(json.loads(process.stdout.readline())["held"] for process in crowds)
            grown = self.server.rss_kb() - before
            others = json.loads(stack.enter_context(self.crowd(1)).stdout.readline())
        return {"held": held, "kb_each": grown / self.count, "alone_p50": alone["p50_ms"],
                "others_p50": others["p50_ms"], "others_p99": others["p99_ms"]}

    def stop(self):
        self.server.stop()
