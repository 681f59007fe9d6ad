# SPDX-License-Identifier: Apache-2.0
"""What both sides of a benchmark share: users, mails, certificates, ports, process memory."""
import base64
import os
import pathlib
import random
import socket
import subprocess
import time

DOMAIN = "bench.example"
PASSWORD = "correct horse battery staple"


def users(count):
    """(address, password) pairs; the same for both servers."""
    return [(f"user{i}@{DOMAIN}", PASSWORD.replace(" ", "-")) for i in range(count)]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def certificate(folder):
    """A self-signed ECDSA P-256 certificate; the same kind for both servers."""
    cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
    if not cert.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "30", "-subj", "/CN=bench.example", "-addext",
                        "subjectAltName=DNS:bench.example,DNS:localhost", "-keyout", str(key), "-out", str(cert)],
                       check=True, stderr=subprocess.DEVNULL)
        key.chmod(0o600)
    return cert, key


def rss_kb(pid):
    """Proportional resident memory, so that shared pages count once."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def pids_of(*names):
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() in names:
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def cpu_seconds(roots):
    """Processor time that the processes and their descendants have taken, those that ended included."""
    spent, children = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = path.read_text().partition(" (")
        except OSError:
            continue
        fields = rest.rpartition(") ")[2].split()
        spent[int(pid)] = sum(map(int, fields[11:15]))
        children.setdefault(int(fields[1]), []).append(int(pid))
    total, waiting = 0, list(roots)
    while waiting:
        pid = waiting.pop()
        total += spent.get(pid, 0)
        waiting += children.get(pid, ())
    return total / os.sysconf("SC_CLK_TCK")


WORDS = ("river heron water morning letter meeting figure table answer question market garden window "
         "summer winter paper coffee project budget review friend family travel station bridge").split()


def make_mails(folder, count=60, seed=7, domain="client.example", senders=()):
    """Writes `count` mails (log-normal sizes, median 12 kB, at most 1 MB) as they go over the wire
    after DATA: with CRLF, dot-stuffed, ended by the dot. They are from the senders in turn. Gives the
    file that lists them."""
    senders = senders or [f"sender@{domain}"]
    chance = random.Random(seed)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(count):
        size = min(int(chance.lognormvariate(9.4, 1.2)), 1_000_000)
        body = []
        while sum(map(len, body)) < min(size, 20_000):
            body.append(" ".join(chance.choice(WORDS) for _ in range(11)))
        if size > 20_000:
            encoded = base64.b64encode(chance.randbytes(size * 3 // 4)).decode()
            body += [encoded[i:i + 76] for i in range(0, len(encoded), 76)]
        head = [f"From: Sender {number} <{senders[number % len(senders)]}>", f"To: user@{DOMAIN}",
                f"Subject: {' '.join(chance.choice(WORDS) for _ in range(5))}",
                "Date: Sat, 21 Nov 2026 10:00:00 +0000", f"Message-ID: <{number}.{chance.random()}@{domain}>",
                "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"]
        lines = head + [""] + ["." + line if line.startswith(".") else line for line in body]
        path = folder / f"mail{number}"
        path.write_bytes("\r\n".join(lines).encode() + b"\r\n.\r\n")
        names.append(str(path))
    listing = folder / "list"
    listing.write_text("\n".join(names) + "\n")
    return listing


def tiny_mail(folder):
    """A list of one short mail, for the modes that measure latency."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny"
    path.write_bytes(b"From: sender@client.example\r\nTo: user@bench.example\r\nSubject: hello\r\n"
                     b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <tiny@client.example>\r\n\r\n"
                     + b"A short note.\r\n" * 20 + b".\r\n")
    listing = folder / "tiny-list"
    listing.write_text(f"{path}\n")
    return listing
