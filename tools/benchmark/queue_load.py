# SPDX-License-Identifier: Apache-2.0
"""A full queue: 1,000 destinations with a hundred mails each, put there in one transaction, one recipient
a mail, which is the most work. One destination is dead (connections to it hang), one slow (five seconds for
each mail); all others lead to one smtp-sink, without DNS. Asked is when each destination has its first
attempt, and meanwhile when mail to destinations of its own has it, that comes while all others wait."""
import json
import pathlib
import socket
import subprocess
import time

from . import common, ours

DEAD, SLOW = "d0.bulk.example", "d1.bulk.example"
LATE = 40               # mails to destinations of their own
LATE_EVERY = 0.25       # seconds between them
SECONDS_MAX = 120
QUEUEBENCH = ours.BINARY.with_name("queuebench")
CLAIM_SECONDS, CLAIMERS = 20, 4

# The octets as a message with one short text; what is in it does not matter here.
FILL = """\
BEGIN;
CREATE TEMP TABLE filled AS SELECT n, ((extract(epoch FROM now()) * 1000)::bigint << 16) + {first} + n AS id,
       'd' || (n % {domains}) || '.{zone}' AS domain FROM generate_series(0, {count} - 1) AS n;
INSERT INTO q_msg (queue_id, envelope_from, expires, size, codec, data)
SELECT id, 'news@bench.example', now() + interval '1 day', length(octets), 0, octets FROM filled, (SELECT
       convert_to(E'From: news@bench.example\\r\\nSubject: news\\r\\n\\r\\n' || repeat(E'The herons are back.\\r\\n', 200),
                  'UTF8') AS octets) AS m;
INSERT INTO q_rcpt (queue_id, rcpt, domain, notify) SELECT id, 'someone' || n || '@' || domain, domain, 0 FROM filled;
INSERT INTO q_domain (domain, next_due) SELECT DISTINCT domain, now() FROM filled;
COMMIT;
SELECT extract(epoch FROM clock_timestamp());
"""

FIRST = """\
SELECT split_part(recipient, '@', 2), extract(epoch FROM min(at)) FROM q_attempt WHERE recipient LIKE '%.{zone}' AND recipient NOT LIKE '%@{dead}'
 AND recipient NOT LIKE '%@{slow}' GROUP BY 1;
"""


def p99(values):
    values = sorted(values)
    return values[len(values) * 99 // 100]


class DeadEnd:
    """A port whose connections never come to be: nobody accepts, and the line of those who wait is full."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.port = self.socket.getsockname()[1]
        self.waiting = [socket.socket() for _ in range(3)]
        for one in self.waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))

    def close(self):
        for one in (*self.waiting, self.socket):
            one.close()


def start_sink(*options):
    port = common.free_port()
    process = subprocess.Popen(["smtp-sink", "-u", "nobody", *options, f"127.0.0.1:{port}", "200"], stdout=subprocess.DEVNULL)
    common.wait_for_port(port)
    return port, process


def put_in(server, zone, first, count, domains):
    return float(server.psql(FILL.format(zone=zone, first=first, count=count, domains=domains)))


def claims(folder, count, domains):
    """How quickly the mail of a full queue is claimed, put off and given back when nobody sends it."""
    server = ours.Heronry(folder, [], ("workers.back=0",))
    try:
        put_in(server, "bulk.example", 0, count, domains)
        told = subprocess.run([QUEUEBENCH, server.server.status()["database"], str(CLAIM_SECONDS), str(CLAIMERS)],
                              check=True, capture_output=True, text=True)
        return json.loads(told.stdout)
    finally:
        server.stop()


class Server(ours.Heronry):
    def __init__(self, folder):
        self.dead = DeadEnd()
        (port, self.sink), (slow_port, self.slow) = start_sink(), start_sink("-w", "5")
        super().__init__(pathlib.Path(folder), [], ("delivery.allow_private=true",))
        for domain, at in (("*", port), (DEAD, self.dead.port), (SLOW, slow_port)):
            self.server.cli("transport", "set", domain, f"127.0.0.1:{at}", "--tls", "may")

    def _delivery_kb(self):
        """Memory of the process that delivers, whatever else it does."""
        return max(common.rss_kb(pid) for name, pid in self.server.pids().items() if name.startswith("back"))

    def measure(self, count, domains):
        """Of `count` recipients in so many domains."""
        began = put_in(self, "bulk.example", 0, count, domains)
        late, largest, tokens = {}, 0, self._claims()
        from_start, spent_before = time.monotonic(), common.cpu_seconds(self.roots())
        for n in range(LATE):
            zone = f"n{n}.late.example"
            late[f"d0.{zone}"] = put_in(self, zone, count + n, 1, 1)
            largest = max(largest, self._delivery_kb())
            time.sleep(LATE_EVERY)
        first = self._first("bulk.example", domains - 2)
        late_first = self._first("late.example", LATE)
        largest = max(largest, self._delivery_kb())
        sent = int(self.psql("SELECT count(*) FROM q_attempt"))
        spent, cpu = time.monotonic() - from_start, common.cpu_seconds(self.roots()) - spent_before
        return {"first_p99": p99(at - began for at in first.values()), "late_p99": p99(late_first[d] - late[d] for d in late),
                "rss_mb": largest / 1024, "attempts_per_s": sent / spent, "cpu_ms": cpu * 1000 / sent,
                "turns_per_s": (self._claims() - tokens) / spent}

    def _claims(self):
        return int(self.psql("SELECT coalesce(sum(token), 0) FROM q_domain"))

    def _first(self, zone, wanted):
        """When each destination below the zone had its first attempt."""
        end = time.monotonic() + SECONDS_MAX
        while True:
            found = self.psql(FIRST.format(zone=zone, dead=DEAD, slow=SLOW)).split()
            if len(found) >= wanted:
                return {domain: float(at) for domain, at in (line.split("|") for line in found)}
            if time.monotonic() > end:
                raise SystemExit(f"only {len(found)} of {wanted} destinations had an attempt in {SECONDS_MAX} s")
            time.sleep(0.5)

    def stop(self):
        super().stop()
        for process in (self.sink, self.slow):
            process.terminate()
            process.wait()
        self.dead.close()
