# SPDX-License-Identifier: Apache-2.0
"""Our side of the benchmarks: a private Heronry on the embedded default, started by tools/run."""
import json
import os
import pathlib
import subprocess

from . import common

# One address opens all connections of a benchmark; Postfix and Dovecot get the same freedom.
UNLIMITED = ("limits.smtp_per_ip=100000", "limits.smtp_new_per_minute=1000000", "limits.connections=20000",
             "limits.imap_per_user_ip=10000", "limits.imap_before_login=10000",
             "limits.imap_before_login_per_ip=10000", "auth.per_second=100000")

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Heronry:
    """A server in `folder` with the users, started on creation; `stop` ends it."""

    name = "Heronry"

    def __init__(self, folder, users, settings=()):
        self.folder = pathlib.Path(folder)
        self.users = users
        offset = str(common.free_port() // 1000 * 1000 % 30000 + 20000)
        sets = [a for s in (*UNLIMITED, *settings) for a in ("--set", s)]
        subprocess.run([ROOT / "tools/run", "--detach", "--data", self.folder, "--domain", common.DOMAIN,
                        "--port-offset", offset, *sets], check=True, stdout=subprocess.DEVNULL)
        self.facts = json.loads((self.folder / "run.json").read_text())
        self.smtp, self.imaps = self.facts["ports"]["smtp"], self.facts["ports"]["imaps"]
        for address, password in users:
            self.cli("user", "add", address, "--password-stdin", stdin=password)

    def cli(self, *words, stdin=""):
        return subprocess.run([ROOT / "build/release/heronry", *words, "--config", self.facts["config"]],
                              input=stdin, text=True, check=True, capture_output=True,
                              env=dict(os.environ)).stdout

    def rss_kb(self):
        """Resident memory of the workers that serve clients."""
        return sum(common.rss_kb(pid) for name, pid in self.facts["pids"].items() if name.startswith("front"))

    def stop(self):
        subprocess.run([ROOT / "tools/run", "stop", "--data", self.folder], check=False,
                       stdout=subprocess.DEVNULL)
