# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL and Redis that do not belong to Heronry: started, stopped and frozen by a test."""
import glob
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from conftest import quick_folder, wait_until

BIN = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])


def as_postgres(*words):
    """PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return list(map(str, words))
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", *map(str, words)]


def state(pid):
    """"R", "S", "T" (stopped), "Z" (ended) ... of the process; "" when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def stop(pid):
    """Stops the process, unless it ends just now, and waits until it does nothing more."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state(pid) in ("T", "Z", "X", ""), what=f"the stop of process {pid}")


class Postgres:
    """A private cluster on a unix socket with the database "heronry"."""

    def __init__(self):
        self.folder = quick_folder()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.folder.chmod(0o755)
        self._run("initdb", "-D", self.folder / "data", "-A", "trust", "-U", "heronry", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()
        subprocess.run([BIN / "createdb", "-h", str(self.folder), "-U", "heronry", "heronry"], check=True)
        self.url = f"postgresql:///heronry?host={self.folder}&user=heronry"

    def _run(self, *words):
        done = subprocess.run(as_postgres(BIN / words[0], *words[1:]), cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def start(self):
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log",
                  "-o", f"-k {self.folder} -c listen_addresses='' -c max_connections=200", "start")

    def stop(self, mode="immediate"):
        self._run("pg_ctl", "-D", self.folder / "data", "-w", "-m", mode, "stop")

    def pid(self):
        return int((self.folder / "data/postmaster.pid").read_text().splitlines()[0])

    def freeze(self):
        """Stops every process of it without ending one: a database that hangs. The one that makes the others comes
        first, so that none is made meanwhile; and all have stopped when this is done."""
        postmaster = self.pid()
        stop(postmaster)
        for pid in self._children(postmaster):
            stop(pid)

    def thaw(self):
        postmaster = self.pid()
        for pid in [postmaster, *self._children(postmaster)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @staticmethod
    def _children(postmaster):
        told = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=False)
        return list(map(int, told.stdout.split()))

    def query(self, sql):
        done = subprocess.run([BIN / "psql", "-h", str(self.folder), "-U", "heronry", "-At", "-c", sql, "heronry"],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def close(self):
        if (self.folder / "data/postmaster.pid").exists():
            self.thaw()
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis:
    """A private server on a unix socket."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heronry-redis-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.socket = self.folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm",
                                         "777", "--save", "", "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while subprocess.run(["redis-cli", "-s", str(self.socket), "ping"], capture_output=True, check=False).returncode:
            assert time.monotonic() < end, "redis-server does not answer"
            time.sleep(0.02)

    def cli(self, *words):
        return subprocess.run(["redis-cli", "-s", str(self.socket), *words], capture_output=True, text=True,
                              check=False).stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process.poll() is None:
            self.thaw()
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def cluster(count, environment=None, **settings):
    """Frontends that share a PostgreSQL and a Redis: Instances, of which the first has made the domain and
    the users."""
    from conftest import Instance
    postgres, redis = Postgres(), Redis()
    instances = []
    try:
        for number in range(count):
            one = Instance(settings={"database.url": postgres.url, "redis.url": redis.url, **settings}, environment=environment or {})
            instances.append(one)
            if number == 0:
                one.up()
                continue
            one.write_config()
            one.start()
            one.write_facts()
            one.users = instances[0].users
        yield instances
    finally:
        for one in instances:
            one.remove()
        redis.close()
        postgres.close()
