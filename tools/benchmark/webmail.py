# SPDX-License-Identifier: Apache-2.0
"""The webmail in Debian's Chromium on loopback, with an inbox of many conversations: a cold load until the
rows are on screen, scrolling, and a jump to the end."""
import email.utils
import json
import os
import pathlib
import re
import subprocess
import sys

from . import common, ours

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests/web/support/speed.mjs"
sys.path.insert(0, str(ROOT / "tests/web"))
from fill import conversations  # noqa: E402

USER = (f"reader@{common.DOMAIN}", "a passphrase of the benchmark 7")


def dated(messages):
    """What Heronry.fill takes: octets, flags, and when the message came."""
    for one in messages:
        date = re.search(rb"^Date: (.+)$", one, re.M)[1].decode()
        yield one.replace(b"\n", b"\r\n"), (), email.utils.parsedate_to_datetime(date).timestamp()


class Webmail:
    """A server with an inbox of `count` conversations, and a browser on it."""

    name = "Heronry"

    def __init__(self, folder, count):
        self.count = count
        self.server = ours.Heronry(folder, [USER], ("limits.http_per_ip=100000", "limits.api_token_per_minute=10000000",
                                                    "limits.api_anonymous_per_minute=100000"))
        self.facts_path = folder / "webmail.json"
        try:
            self.server.fill(USER, dated(conversations(count)))
            ports = self.server.facts["ports"]
            person = {"address": USER[0], "password": USER[1]}
            self.facts_path.write_text(json.dumps({"base": f"https://localhost:{ports['https']}", "ports": ports,
                                                   "users": [person, person], "conversations": count}))
        except BaseException:
            self.stop()
            raise

    def measure(self):
        environment = dict(os.environ, HERONRY_WEB_FACTS=str(self.facts_path))
        run = subprocess.run(["node", SCRIPT], env=environment, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise SystemExit(f"the browser failed: {run.stderr.strip()}")
        # The helpers of the tests make node tell of a test as well.
        return json.loads(next(line for line in run.stdout.splitlines() if line.startswith("{")))

    def stop(self):
        self.server.stop()
