# SPDX-License-Identifier: Apache-2.0
"""The rows of the speed table of IMAP and POP3: mailboxes of the same 1,000, 10,000 and 100,000 mails
in both servers, the same commands in the same order, times of the one in parts of the other's."""
import concurrent.futures
import contextlib
import multiprocessing
import re
import statistics
import sys
import time

from . import corpus
from .mail_client import Imap, Pop3, Refused

APPENDS = 60


class Boxes:
    """The three accounts, each with its mails in INBOX, in one server."""

    def __init__(self, server, scale):
        self.server = server
        self.sizes = {"1k": 1000, "10k": max(1200, int(10_000 * scale)), "100k": max(1400, int(100_000 * scale))}
        self.users = dict(zip(self.sizes, server.users))

    def fill(self, *names):
        for name in names:
            began = time.monotonic()
            self.server.fill(self.users[name], corpus.Corpus(self.sizes[name]))
            with contextlib.closing(self.imap(name, None)) as client:
                if f"MESSAGES {self.sizes[name]})".encode() not in client.must("STATUS INBOX (MESSAGES)"):
                    raise SystemExit(f"{self.server.name} has not taken all mails")
            print(f"  {self.server.name}: {self.sizes[name]} mails in {time.monotonic() - began:.0f} s",
                  file=sys.stderr, flush=True)

    def imap(self, name, mailbox="INBOX"):
        client = Imap(self.server.imaps, self.users[name])
        if mailbox:
            client.must(f"SELECT {mailbox}")
        return client


def numbers_of(text):
    """How many numbers a SEARCH, SORT or THREAD answer has."""
    lines = [row for row in text.split(b"\r\n") if re.match(rb"\* (SEARCH|SORT|THREAD)", row)]
    return sum(len(re.findall(rb"\d+", row)) for row in lines)


def timed_row(client, command, warm=1, times=3):
    """The median of some runs after some that are not counted, and what it found."""
    for _ in range(warm):
        client.must(command)
    runs = [client.timed(command, keep=True) for _ in range(times)]
    return statistics.median(ms for ms, _, _ in runs), numbers_of(runs[0][2])


# ---- the rows; each fills some keys of the round's dict ----

def measure_select(boxes, out):
    """Cold: a process that has not seen the mailbox, and mail came since. Again: in the same session."""
    with contextlib.closing(boxes.imap("100k", "INBOX")) as client:
        append(client, 1)
    boxes.server.make_cold()
    with contextlib.closing(boxes.imap("100k", "Small")) as client:
        client.must('LIST "" "*"')
        out["select_cold"] = client.timed("SELECT INBOX")[0]
        again = []
        for _ in range(5):
            client.must("UNSELECT")
            again.append(client.timed("SELECT INBOX")[0])
        out["select_again"] = statistics.median(again)


def measure_fetch(boxes, out):
    for name in ("10k", "100k"):
        with contextlib.closing(boxes.imap(name)) as client:
            out[f"flags_{name}"] = timed_row(client, "FETCH 1:* (FLAGS)")[0]
    with contextlib.closing(boxes.imap("10k")) as client:
        out["envelope"] = timed_row(client, "FETCH 1:* (ENVELOPE BODYSTRUCTURE)")[0]


def measure_change(boxes, out):
    """STORE, COPY and MOVE of 1,000; what they made is taken away again, unmeasured."""
    with contextlib.closing(boxes.imap("100k")) as client:
        client.must(r"STORE 1:1000 -FLAGS.SILENT (\Draft)")
        out["store_100k"] = client.timed(r"STORE 1:1000 +FLAGS (\Draft)")[0]
        out["store_silent_100k"] = client.timed(r"STORE 1:1000 -FLAGS.SILENT (\Draft)")[0]
    with contextlib.closing(boxes.imap("10k")) as client:
        client.must(r"STORE 1:1000 -FLAGS.SILENT (\Draft)")
        out["store_10k"] = client.timed(r"STORE 1:1000 +FLAGS (\Draft)")[0]
        client.must(r"STORE 1:1000 -FLAGS.SILENT (\Draft)")
        for mailbox in ("Copies", "Moved"):
            with contextlib.suppress(Refused):
                client.must(f"DELETE {mailbox}")
            client.must(f"CREATE {mailbox}")
        out["copy"] = client.timed("COPY 1:1000 Copies")[0]
        out["move"] = client.timed("MOVE 1:1000 Moved")[0]
        client.must("SELECT Moved")
        client.must("MOVE 1:1000 INBOX")


def append(client, times):
    """The middle of the times that single APPENDs take."""
    took = []
    for octets, _, _ in corpus.Corpus(times, seed=5):
        took.append(client.timed(b"APPEND INBOX {%d+}\r\n%s" % (len(octets), octets))[0])
    return statistics.median(took)


def measure_append(boxes, out):
    """Into mailboxes of three sizes, which have their size again afterwards."""
    for name, size in boxes.sizes.items():
        with contextlib.closing(boxes.imap(name)) as client:
            out[f"append_{name}"] = append(client, APPENDS)
            client.must("NOOP")
            client.must(rf"STORE {size + 1}:* +FLAGS.SILENT (\Deleted)")
            client.must("EXPUNGE")


def measure_search(boxes, out):
    for name in ("10k", "100k"):
        with contextlib.closing(boxes.imap(name)) as client:
            for key, command in (("subject", f"SEARCH SUBJECT {corpus.RARE}"), ("from", 'SEARCH FROM "nora.7"'),
                                 ("text", f"SEARCH TEXT {corpus.RARE[2:9]}"), ("body", f"SEARCH BODY {corpus.RARE}")):
                slow = key in ("text", "body") and name == "100k"
                ms, found = timed_row(client, command, warm=0 if slow else 1, times=1 if slow else 3)
                out[f"{key}_{name}"], out[f"found {key}_{name}"] = ms, found


def measure_order(boxes, out):
    for name in ("10k", "100k"):
        with contextlib.closing(boxes.imap(name)) as client:
            for key, command in (("sort", "SORT (SUBJECT) UTF-8 ALL"), ("sort_date", "SORT (REVERSE DATE) UTF-8 ALL"),
                                 ("thread", "THREAD REFERENCES UTF-8 ALL")):
                try:
                    out[f"{key}_{name}"], out[f"found {key}_{name}"] = timed_row(client, command, times=1)
                except Refused as e:
                    print(f"  {boxes.server.name}: {e}", file=sys.stderr)


def read_bodies(port, user, ready):
    client = Imap(port, user)
    client.must("SELECT INBOX")
    ready.wait()
    began = time.monotonic()
    octets = client.timed("FETCH 1:1000 (BODY.PEEK[])")[1]
    return began, time.monotonic(), octets


def measure_bodies(boxes, out):
    with contextlib.closing(boxes.imap("10k")) as client:
        client.timed("FETCH 1:1000 (BODY.PEEK[])")
        ms, octets, _ = client.timed("FETCH 1:1000 (BODY.PEEK[])")
        out["bodies"], out["bodies_rate"] = ms, octets / ms / 1000
    with multiprocessing.Manager() as manager, concurrent.futures.ProcessPoolExecutor(8) as pool:
        ready = manager.Barrier(8)
        jobs = [pool.submit(read_bodies, boxes.server.imaps, boxes.users["10k"], ready) for _ in range(8)]
        done = [job.result() for job in jobs]
    took = max(end for _, end, _ in done) - min(begin for begin, _, _ in done)
    out["bodies_8_rate"] = sum(octets for _, _, octets in done) / took / 1e6


def measure_resync(boxes, out):
    """What a client that comes back is told after 1,000 changes all over the mailbox."""
    with contextlib.closing(boxes.imap("100k", None)) as client, contextlib.closing(boxes.imap("100k", None)) as other:
        text = client.must("SELECT INBOX (CONDSTORE)")
        validity, modseq = (int(re.search(rb"\[%s (\d+)\]" % word, text)[1]) for word in (b"UIDVALIDITY", b"HIGHESTMODSEQ"))
        step = boxes.sizes["100k"] // 1000
        some = ",".join(str(n * step + 1) for n in range(1000))
        has = b"$bench" in client.must("FETCH 1 (FLAGS)")
        client.must(f"STORE {some} {'-' if has else '+'}FLAGS.SILENT ($bench)")
        try:
            other.must("ENABLE QRESYNC")
            out["resync"], _, text = other.timed(f"SELECT INBOX (QRESYNC ({validity} {modseq}))", keep=True)
            out["found resync"] = text.count(b" FETCH (")
        except Refused as e:
            print(f"  {boxes.server.name}: {e}", file=sys.stderr)


def measure_slow_readers(boxes, out, sessions=100, seconds=6):
    """How much memory grows while many sessions want the whole mailbox and read little of it."""
    clients = [boxes.imap("10k") for _ in range(sessions)]
    before = peak = boxes.server.rss_kb()
    for client in clients:
        client.start("FETCH 1:* (BODY.PEEK[])")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for client in clients:
            client.sock.recv(4096)
        peak = max(peak, boxes.server.rss_kb())
        time.sleep(0.05)
    for client in clients:
        client.close()
    out["slow_mb"] = (peak - before) / 1024


MEASURES = (measure_select, measure_fetch, measure_change, measure_append, measure_search, measure_order,
            measure_bodies, measure_resync, measure_slow_readers)


def measure(boxes, only=""):
    """One round with one server. A part that fails is told and leaves its rows empty."""
    out = {}
    for part in MEASURES:
        if not any(word in part.__name__ for word in only.split(",")):
            continue
        try:
            part(boxes, out)
        except (Refused, OSError) as e:
            print(f"  {boxes.server.name}, {part.__name__}: {e}", file=sys.stderr, flush=True)
    return out


# key, what, unit, at most this part of the peer's (for rates: at least), and a bound of its own.
ROWS = (
    ("select_cold", "SELECT, 100k, cold (peer: after changes)", "ms", None, 60),
    ("select_again", "SELECT, 100k, again in the same process", "ms", None, 2),
    ("flags_10k", "FETCH FLAGS of all, 10k", "ms", 0.7, None),
    ("flags_100k", "FETCH FLAGS of all, 100k", "ms", 0.7, None),
    ("envelope", "FETCH ENVELOPE BODYSTRUCTURE of all, 10k", "ms", 0.6, None),
    ("store_10k", "STORE +FLAGS 1000, 10k", "ms", 0.5, None),
    ("store_100k", "STORE +FLAGS 1000, 100k", "ms", 0.5, None),
    ("store_silent_100k", "STORE -FLAGS.SILENT 1000, 100k", "ms", 0.5, None),
    ("copy", "COPY 1000, 10k", "ms", 0.5, None),
    ("move", "MOVE 1000, 10k", "ms", 0.5, None),
    ("append_1k", "APPEND p50, 1k", "ms", 1.0, None),
    ("append_10k", "APPEND p50, 10k", "ms", 0.8, None),
    ("append_100k", "APPEND p50, 100k", "ms", 0.15, None),
    ("subject_10k", "SEARCH SUBJECT, 10k", "ms", 0.3, None),
    ("from_10k", "SEARCH FROM, 10k", "ms", 0.3, None),
    ("text_10k", "SEARCH TEXT, a piece of a word, 10k", "ms", 0.05, None),
    ("body_10k", "SEARCH BODY, a word, 10k", "ms", 0.05, None),
    ("subject_100k", "SEARCH SUBJECT, 100k", "ms", 0.3, None),
    ("from_100k", "SEARCH FROM, 100k", "ms", 0.3, None),
    ("text_100k", "SEARCH TEXT, a piece of a word, 100k", "ms", 0.01, None),
    ("body_100k", "SEARCH BODY, a word, 100k", "ms", 0.01, None),
    ("sort_10k", "SORT (SUBJECT), 10k", "ms", None, None),
    ("sort_100k", "SORT (SUBJECT), 100k", "ms", 0.5, None),
    ("sort_date_100k", "SORT (REVERSE DATE), 100k", "ms", 0.5, None),
    ("thread_10k", "THREAD=REFERENCES, 10k", "ms", None, None),
    ("thread_100k", "THREAD=REFERENCES, 100k", "ms", 0.5, None),
    ("bodies", "1,000 bodies, one session", "ms", None, None),
    ("bodies_rate", "1,000 bodies, one session", "MB/s", None, -120),
    ("bodies_8_rate", "1,000 bodies, 8 sessions together", "MB/s", -0.6, None),
    ("resync", "SELECT (QRESYNC) after 1,000 changes, 100k", "ms", None, 10),
    ("slow_mb", "memory for 100 slow readers of the 10k mailbox", "MB", None, 64),
)
POP3_ROWS = (("pop3", "POP3 download of 1,000 messages, one by one", "ms", 1.5, None),
             ("pop3_piped", "POP3 download of 1,000 messages, pipelined", "ms", 1.5, None))


def middle(results, key):
    values = [r[key] for r in results if r.get(key) is not None]
    return statistics.median(values) if values else None


def is_met(mine, ratio, part, bound):
    """Whether a row reaches what is wanted; negative numbers are lower bounds."""
    if mine is None or (part is not None and ratio is None):
        return None
    if part is not None:
        return ratio >= -part if part < 0 else ratio <= part
    if bound is None:
        return None
    return mine >= -bound if bound < 0 else mine <= bound


def rows_of(results, rows, sizes=()):
    """For each row what both have, Heronry's in parts of the peer's, what is wanted, whether it is met."""
    mine, theirs = (results.get(name, []) for name in ("Heronry", "Postfix + Dovecot"))
    for key, what, unit, part, bound in rows:
        a, b = middle(mine, key), middle(theirs, key)
        ratio = a / b if a is not None and b else None
        name = next((n for n in sizes if re.search(rf"\b{n}\b", what)), None)
        if name and sizes[name] != 1000 * int(name[:-1]):
            what = what.replace(name, str(sizes[name]))     # by --scale
        yield {"what": what, "unit": unit, "heronry": a, "peer": b, "time_ratio": ratio, "wanted_ratio": part,
               "wanted": bound, "met": is_met(a, ratio, part, bound),
               "all": {name: [r.get(key) for r in runs] for name, runs in results.items()}}


def show(rows):
    """The table; "of peer" is Heronry's figure divided by the peer's."""
    text = lambda value, form: format(value, form) if value is not None else "-"  # noqa: E731
    print(f"{'what':52} {'unit':5} {'Heronry':>10} {'peer':>10} {'of peer':>8} {'wanted':>10}")
    for row in rows:
        part, bound = row["wanted_ratio"], row["wanted"]
        wanted = "" if part is None and bound is None else f"{'>=' if (part or bound) < 0 else '<='} " + (
            f"{abs(part):g}x" if part is not None else f"{abs(bound):g}")
        verdict = {True: "ok", False: "MISSED", None: ""}[row["met"]]
        print(f"{row['what']:52} {row['unit']:5} {text(row['heronry'], '10.2f'):>10} {text(row['peer'], '10.2f'):>10} "
              f"{text(row['time_ratio'], '7.3f'):>8} {wanted:>10} {verdict}")


def differences(results):
    """Searches in which the two did not find as many messages."""
    first = {name: runs[0] for name, runs in results.items() if runs}
    keys = sorted({k for r in first.values() for k in r if k.startswith("found ")})
    for key in keys:
        found = {name: r[key] for name, r in first.items() if key in r}
        if len(set(found.values())) > 1:
            yield f"{key.removeprefix('found ')}: {found}"


# ---- POP3 ----

def measure_pop3(boxes):
    """A client that takes every message, and one that asks for all before it reads."""
    out = {}
    try:
        began = time.perf_counter()     # the login counts messages, too
        with contextlib.closing(Pop3(boxes.server.pop3s, boxes.users["1k"])) as client:
            out["octets"] = sum(client.many(b"RETR %d" % (n + 1)) for n in range(1000))
            out["pop3"] = (time.perf_counter() - began) * 1000
        began = time.perf_counter()
        with contextlib.closing(Pop3(boxes.server.pop3s, boxes.users["1k"])) as client:
            pipelined(client)
            out["pop3_piped"] = (time.perf_counter() - began) * 1000
    except (Refused, OSError) as e:
        print(f"  {boxes.server.name}: {e}", file=sys.stderr, flush=True)
    return out


def pipelined(client):
    # All at once: it fits what lies between the two. Two threads may not share a TLS connection.
    client.sock.sendall(b"".join(b"RETR %d\r\n" % (n + 1) for n in range(1000)) + b"NOOP\r\n")
    ends, tail = 0, b""
    while ends < 1000 or not tail.endswith(b"\r\n"):
        n = client.sock.recv_into(client.buffer)
        if n == 0:
            raise SystemExit("the server closed the connection")
        piece = tail[-4:] + bytes(client.buffer[:n])
        ends += piece.count(b"\r\n.\r\n")
        tail = piece[-4:]
