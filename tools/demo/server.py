# SPDX-License-Identifier: Apache-2.0
"""class Server: one Heronry on the embedded default in a folder of its own.

The folder holds heronry.yaml (configuration), run.json (facts: ports, users with passwords, process
ids), heronry.log, and data/ (PostgreSQL, Redis, certificates), which belongs to the user that
Heronry runs as."""
import contextlib
import json
import os
import pathlib
import secrets
import select
import signal
import socket
import string
import subprocess
import time

STANDARD_PORTS = {"smtp": 25, "submission": 587, "submissions": 465, "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "http": 80, "https": 443}
OPEN_PLACE = pathlib.Path("/var/lib/heronry-demo.data")
PASSWORD_LETTERS = string.ascii_letters + string.digits


class Failure(Exception):
    """What could not be done, as a sentence for the person at the terminal."""


def make_password():
    return "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(18))


def yaml_lines(tree, indent=0):
    """A nested dict as YAML; texts that begin with [ are lists in flow form and go as they are."""
    for key, value in tree.items():
        pad = " " * indent
        if isinstance(value, dict):
            yield f"{pad}{key}:"
            yield from yaml_lines(value, indent + 2)
        elif isinstance(value, list):
            yield f"{pad}{key}:"
            for item in value:
                yield f"{pad}  - " + "{ " + ", ".join(f"{k}: {json.dumps(v)}" for k, v in item.items()) + " }"
        else:
            text = str(value)
            yield f"{pad}{key}: {text if text.startswith('[') else json.dumps(text)}"


def set_key(tree, key, value):
    """Puts a value under its dotted key."""
    *folders, last = key.split(".")
    for folder in folders:
        tree = tree.setdefault(folder, {})
    tree[last] = value


class Server:
    def __init__(self, folder, binary, *, domain="example.test", ports=None, host="127.0.0.1", users=(),
                 settings=None, environment=None):
        """`ports` maps kinds of listeners to ports; `users` are (local part, is_admin); `settings`
        are further keys of the configuration ("delivery.port": 2525)."""
        self.folder = pathlib.Path(folder).absolute()
        self.binary = pathlib.Path(binary).absolute()
        self.domain = domain
        self.hostname = f"mail.{domain}"
        self.ports = dict(ports or {})
        self.host = host
        self.wanted_users = list(users)
        self.settings = dict(settings or {})
        self.environment = dict(environment or {})
        self.more_listeners = []  # {"kind": ..., "addr": ...} beside those of `ports`
        self.users = []
        self.process = None
        link = self.folder / "data"
        self.data_dir = pathlib.Path(os.readlink(link)) if link.is_symlink() else link

    config_path = property(lambda self: self.folder / "heronry.yaml")
    facts_path = property(lambda self: self.folder / "run.json")
    log_path = property(lambda self: self.folder / "heronry.log")
    tls_ca = property(lambda self: self.folder / "ca.pem")

    # ---- files ----

    def write_config(self):
        """The folder can be entered by the user that Heronry becomes; the file is the owner's alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self.folder.chmod(0o711)
            self._leave_closed_folders()
        tree = {"hostname": self.hostname, "data_dir": str(self.data_dir)}
        for key, value in self.settings.items():
            set_key(tree, key, value)
        tree["listeners"] = [{"kind": kind, "addr": f"{self.host}:{port}"} for kind, port in self.ports.items()]
        tree["listeners"] += self.more_listeners
        self._write_private(self.config_path, "\n".join(yaml_lines(tree)) + "\n")

    def _leave_closed_folders(self):
        """Below root's home the user that Heronry becomes can reach nothing. The data then lives in
        /var/lib, and folder/data is a link to it."""
        link = self.folder / "data"
        if link.exists() or link.is_symlink() or all(p.stat().st_mode & 0o001 for p in self.folder.parents):
            return
        self.data_dir = OPEN_PLACE / f"{self.folder.name}-{secrets.token_hex(4)}"
        link.symlink_to(self.data_dir)

    @staticmethod
    def _write_private(path, text):
        fresh = path.with_name(path.name + ".new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        fresh.chmod(0o600)
        fresh.replace(path)

    def status(self):
        """What the supervisor says of its processes now; {} when none runs."""
        try:
            return json.loads((self.data_dir / "status.json").read_text())
        except (OSError, ValueError):
            return {}

    def pids(self):
        """Process ids by name now: supervisor, postgres, redis, front.1 ..."""
        return self.status().get("pids", {})

    def forget_pids(self):
        """run.json keeps ports and passwords of a server that was stopped."""
        facts = self.read_facts()
        if facts:
            self._write_private(self.facts_path, json.dumps(facts | {"pids": {}}, indent=2) + "\n")

    def write_facts(self):
        own = self.data_dir / "tls" / "cert.pem"
        if own.exists() and not self.tls_ca.exists():
            # A copy that every user of the machine may read; the data may not be entered.
            self.tls_ca.write_bytes(own.read_bytes())
            self.tls_ca.chmod(0o644)
        facts = {"domain": self.domain, "hostname": self.hostname, "host": self.host_to_connect(),
                 "data": str(self.folder), "config": str(self.config_path), "log": str(self.log_path),
                 "ports": self.ports, "users": self.users, "pids": self.pids(), "tls_ca": str(self.tls_ca)}
        self._write_private(self.facts_path, json.dumps(facts, indent=2) + "\n")
        return facts

    def read_facts(self):
        try:
            return json.loads(self.facts_path.read_text())
        except (OSError, ValueError):
            return {}

    def host_to_connect(self):
        return "127.0.0.1" if self.host in ("*", "0.0.0.0") else self.host

    # ---- the process ----

    def is_running(self):
        """Whether a supervisor works on this folder: asks the process, as the file may be stale."""
        pid = self.read_facts().get("pids", {}).get("supervisor")
        return bool(pid) and self.is_ours(pid)

    def is_ours(self, pid):
        words = self._words_of(pid)
        return b"serve" in words and os.fsencode(self.config_path) in words

    @staticmethod
    def _words_of(pid):
        """Its command line: empty words of a process that is ending."""
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return []

    def start(self, *, seconds=180, log=None):
        """Starts the supervisor and waits until it says that it is ready. Output goes to `log` (a
        file object; default heronry.log)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            name = f"heronry-{secrets.token_hex(8)}"
            ready.bind("\0" + name)
            ready.settimeout(0.05)
            environment = dict(os.environ, NOTIFY_SOCKET="@" + name, **self.environment)
            with open(self.log_path, "ab") as own_log:
                self.process = subprocess.Popen([self.binary, "serve", "--config", self.config_path],
                                                stdin=subprocess.DEVNULL, stdout=log or own_log,
                                                stderr=subprocess.STDOUT, env=environment, start_new_session=True)
            self._wait_until_ready(ready, time.monotonic() + seconds)

    def _wait_until_ready(self, ready, end):
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failure(f"heronry serve ended with code {self.process.returncode}:\n{self.log_tail()}")
            try:
                if b"READY=1" in ready.recv(4096).split(b"\n"):
                    return
            except TimeoutError:
                pass
        self.stop()
        raise Failure(f"heronry serve was not ready in time:\n{self.log_tail()}")

    def log_tail(self, lines=15):
        try:
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def stop(self, *, seconds=180):
        """SIGTERM, and waits until the supervisor is gone; gives its exit code when it is our child."""
        pid = self.process.pid if self.process else self.read_facts().get("pids", {}).get("supervisor")
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise Failure("heronry serve did not end in time and was killed") from None
            finally:
                self.process = None
        if pid:
            self._end_other(pid, seconds)
        return 0

    def _end_other(self, pid, seconds):
        """Ends a supervisor that is not our child, and waits for one that is ending already: its words are gone before
        its files are."""
        with contextlib.suppress(ProcessLookupError), contextlib.ExitStack() as stack:
            handle = os.pidfd_open(pid)
            stack.callback(os.close, handle)
            if self.is_ours(pid):
                signal.pidfd_send_signal(handle, signal.SIGTERM)
            elif any(self._words_of(pid)):
                return  # another program has the number now
            if not select.select([handle], [], [], seconds)[0]:
                raise Failure(f"process {pid} did not end in {seconds} s")

    # ---- through the command line ----

    def _with_config(self, words):
        """Options stand before a "--", behind which everything is an argument."""
        words = [str(w) for w in words]
        at = words.index("--") if "--" in words else len(words)
        return [*words[:at], "--config", self.config_path, *words[at:]]

    def cli(self, *words, stdin=None, check=True, seconds=180):
        """Runs `heronry WORDS --config ...`; gives the CompletedProcess with text output."""
        done = subprocess.run([self.binary, *self._with_config(words)], input=stdin,
                              stdin=subprocess.DEVNULL if stdin is None else None, text=True,
                              capture_output=True, timeout=seconds, check=False,
                              env=dict(os.environ, **self.environment))
        if check and done.returncode != 0:
            raise Failure(f"heronry {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done

    def add_user(self, local, *, password=None, admin=False, quota=None):
        """Adds an account of the demo domain; gives {"address", "password", "admin"}."""
        user = {"address": f"{local}@{self.domain}", "password": password or make_password(), "admin": admin}
        more = (["--admin"] if admin else []) + (["--quota", str(quota)] if quota else [])
        self.cli("user", "add", user["address"], "--password-stdin", *more, stdin=user["password"] + "\n")
        return user

    def provision(self):
        """Makes sure that the domain and the users exist; those of an earlier run keep their passwords."""
        known = {d["name"] for d in json.loads(self.cli("domain", "list", "--json").stdout)["items"]}
        if self.domain not in known:
            self.cli("domain", "add", self.domain)
        former = {u["address"]: u for u in self.read_facts().get("users", [])}
        listed = json.loads(self.cli("user", "list", "--domain", self.domain, "--json").stdout)["items"]
        there = {u["address"] for u in listed}
        self.users = [former[a] for a in former if a in there]
        for local, admin in self.wanted_users:
            address = f"{local}@{self.domain}"
            if address not in there:
                self.users.append(self.add_user(local, admin=admin))
            elif address not in former:
                raise Failure(f"{address} exists, but its password is not in {self.facts_path}; "
                              f"remove {self.folder} and {self.data_dir} to begin anew")
