# SPDX-License-Identifier: Apache-2.0
"""Our side of the benchmarks: a private Heronry on the embedded default, the release build."""
import concurrent.futures
import itertools
import os
import pathlib
import signal
import subprocess
import threading
import time

from demo.server import STANDARD_PORTS, Server

from . import common
from .mail_client import Imap

# One address opens all connections of a benchmark; Postfix and Dovecot get the same freedom.
UNLIMITED = ("limits.smtp_per_ip=100000", "limits.smtp_new_per_minute=1000000", "limits.connections=20000",
             "limits.smtp_messages_per_minute=1000000", "limits.smtp_recipients_per_minute=1000000",
             "submission.messages_per_hour=0", "submission.recipients_per_day=0",
             "limits.imap_per_user_ip=10000", "limits.imap_before_login=10000",
             "limits.imap_before_login_per_ip=10000", "auth.per_second=100000")

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "build/release/heronry"
FILLERS = 12    # connections that fill a mailbox at once
BATCH = 50      # mails that one of them sends before it reads


class Heronry:
    """A server in `folder` with the users, started on creation; `stop` ends it."""

    name = "Heronry"

    def __init__(self, folder, users, settings=()):
        self.users = users
        ports = {kind: common.free_port() for kind in STANDARD_PORTS}
        sets = dict(s.split("=", 1) for s in (*UNLIMITED, *settings))
        self.server = Server(folder, BINARY, domain=common.DOMAIN, ports=ports, settings=sets)
        self.server.write_config()
        self.server.start()
        self.server.provision()
        for address, password in users:
            self.server.add_user(address.split("@")[0], password=password)
        self.facts = self.server.write_facts()
        self.smtp, self.imaps, self.pop3s = (ports.get(kind) for kind in ("smtp", "imaps", "pop3s"))

    def fill(self, user, mails):
        """Appends mails to a user's INBOX by several connections, in the order of the mails but for a
        batch or two."""
        mails = iter(mails)
        taking = threading.Lock()

        def work(client):
            while True:
                with taking:
                    batch = list(itertools.islice(mails, BATCH))
                if not batch:
                    return client.close()
                for octets, flags, at in batch:
                    date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(at))
                    tag = client.start(f'APPEND INBOX ({" ".join(flags)}) "{date}" {{{len(octets)}+}}\r\n'.encode() + octets)
                if not client.finish(tag)[2]:
                    raise SystemExit("a mail was not taken")

        first = Imap(self.imaps, user)
        first.must("CREATE Small")
        with concurrent.futures.ThreadPoolExecutor(FILLERS) as pool:
            jobs = [pool.submit(work, Imap(self.imaps, user)) for _ in range(FILLERS)]
            for job in jobs:
                job.result()
        first.close()
        self.wait_for_index()

    def psql(self, sql):
        """Runs SQL with the rights of the database's owner; gives what it prints."""
        database = self.server.status()["database"].replace("user=heronry", "user=heronry_admin")
        program = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1]
        return subprocess.run([program, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"],
                              input=sql, text=True, check=True, stdout=subprocess.PIPE).stdout.strip()

    def wait_for_index(self, seconds=3600):
        """Until all mail is in the search index. Searches find the rest too, by reading it; the peer
        has read its mail by then as well."""
        end = time.monotonic() + seconds
        while self.psql("SELECT count(*) FROM outbox WHERE kind = 1") != "0":
            if time.monotonic() > end:
                raise SystemExit("the search index is not complete")
            time.sleep(0.5)

    def front_pids(self):
        return {name: pid for name, pid in self.server.pids().items() if name.startswith("front")}

    def make_cold(self):
        """New worker processes: what a process remembers of a mailbox is gone."""
        former = self.front_pids()
        for pid in former.values():
            os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + 60
        while len(self.front_pids()) < len(former) or set(self.front_pids().values()) & set(former.values()):
            if time.monotonic() > end:
                raise SystemExit("the workers did not come back")
            time.sleep(0.05)
        time.sleep(1)
        self.facts = self.server.write_facts()

    def rss_kb(self):
        """Resident memory of the workers that serve clients."""
        return sum(common.rss_kb(pid) for pid in self.front_pids().values())

    def roots(self):
        """The process whose descendants are the whole server, PostgreSQL and Redis with it."""
        return [self.server.pids()["supervisor"]]

    def stop(self):
        self.server.stop()
