# SPDX-License-Identifier: Apache-2.0
"""The HTTP side of the benchmarks: our bare HTTP module (httpbench) beside Debian's nginx, driven by
wrk, many downloads at once, and many event streams."""
import concurrent.futures
import json
import pathlib
import re
import socket
import subprocess
import time

from . import common

ROOT = pathlib.Path(__file__).resolve().parents[2]
HTTPBENCH = ROOT / "build/release/httpbench"

NGINX_CONF = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 2000; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location = /json {{ default_type application/json; return 200 '{{"message":"hello"}}'; }}
  }}
}}
"""


class Process:
    """A server on a port of its own; `stop` ends it."""

    def __init__(self, words):
        self.process = subprocess.Popen(words)
        common.wait_for_port(self.port)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Ours(Process):
    """Our HTTP module with handlers that answer from memory, each request in a fiber."""

    name = "Heronry"

    def __init__(self, folder):
        self.port = common.free_port()
        super().__init__([HTTPBENCH, "serve", str(self.port)])

    def rss_kb(self):
        return common.rss_kb(self.process.pid)


class Nginx(Process):
    """nginx with one worker that returns the same text."""

    name = "nginx"

    def __init__(self, folder):
        self.port = common.free_port()
        folder.mkdir(parents=True, exist_ok=True)
        conf = folder / "nginx.conf"
        conf.write_text(NGINX_CONF.format(folder=folder, port=self.port))
        super().__init__(["nginx", "-c", str(conf), "-e", str(folder / "nginx.log")])


def wrk(url, connections, seconds, headers=()):
    """Requests a second, and latencies in ms, by wrk with one thread."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in headers:
        words += ["-H", header]
    text = subprocess.run([*words, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"{url}: {text}")

    def latency(percent):
        number, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)$", text, re.M).groups()
        return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    return {"per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "p50_ms": latency(50), "p99_ms": latency(99)}


def download(port, path, headers=""):
    """Reads an answer to its end; gives the octets of its body."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n".encode())
        buffer, total, head = bytearray(1 << 18), 0, b""
        while n := s.recv_into(buffer):
            if not total:
                head = bytes(buffer[:n])
            total += n
        return total - head.index(b"\r\n\r\n") - 4


def downloads(server, path, size, together, headers=""):
    """Octets a second over all downloads, and how much the server's memory grew in MB."""
    before = peak = server.rss_kb()
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        jobs = [pool.submit(download, server.port, path, headers) for _ in range(together)]
        while not all(job.done() for job in jobs):
            peak = max(peak, server.rss_kb())
            time.sleep(0.01)
    took = time.monotonic() - began
    if any(job.result() != size for job in jobs):
        raise SystemExit("a download was not complete")
    return {"mb_per_s": size * together / took / 1e6, "grew_mb": (peak - before) / 1024}


def streams(server, count, rounds):
    """Milliseconds from an event's making to its arrival, and memory of an idle stream."""
    before = server.rss_kb()
    with subprocess.Popen([HTTPBENCH, "streams", str(server.port), str(count), str(rounds)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if "open" not in process.stdout.readline():
            raise SystemExit("not all streams could be opened")
        opened = server.rss_kb()
        result = json.loads(process.stdout.readline())
        process.stdin.close()
        if process.wait(60) != 0:
            raise SystemExit("events were lost")
    return {**result, "kb_each": (opened - before) / count}
