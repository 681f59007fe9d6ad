# SPDX-License-Identifier: Apache-2.0
"""An empty database with all tables, made once by the server itself and copied into the data folders of test servers:
initdb and the migrations are most of what a first start takes. The first start as a whole is what makes it; tools/run,
an ordinary user and a data_dir elsewhere go through it, too (test_run.py, test_supervisor.py)."""
import contextlib
import datetime
import fcntl
import os
import pathlib
import shutil
import subprocess

from demo.server import Failure

NOWHERE = "nowhere.invalid"


def copy_tree(source, target):
    """With owners, as the database belongs to the user that Heronry runs as."""
    subprocess.run(["cp", "-a", "--reflink=auto", "--", source, target], check=True)


@contextlib.contextmanager
def lock(path, how):
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, how)
        yield


class KeptCluster:
    """Beside the program, and made anew when the program is newer, and each day: there are tables for days."""

    def __init__(self, binary, make_instance):
        self.binary = pathlib.Path(binary)
        self.place = self.binary.parent / "test-cluster"
        self.lock_path = self.binary.parent / "test-cluster.lock"
        self.make_instance = make_instance

    def give(self, data_dir):
        """Makes data_dir with a copy, where one can be kept."""
        if not os.access(self.binary.parent, os.W_OK):
            return
        if not self._is_good():
            with lock(self.lock_path, fcntl.LOCK_EX):
                if not self._is_good():
                    self._make()
        with lock(self.lock_path, fcntl.LOCK_SH):
            copy_tree(self.place, data_dir)

    def _is_good(self):
        try:
            made, built = self.place.stat().st_mtime, self.binary.stat().st_mtime
        except FileNotFoundError:
            return False
        return made > built and datetime.date.fromtimestamp(made) == datetime.date.today()

    def _make(self):
        """By a start that fails when all tables are there and before anything works with them: the
        configuration wants an account of a domain that is not there."""
        shutil.rmtree(self.place, ignore_errors=True)
        instance = self.make_instance(users=[], settings={
            "accounts": f'[{{ address: "a@{NOWHERE}", password: "never to be used" }}]'})
        try:
            instance.write_config()
            with contextlib.suppress(Failure):
                instance.start()
            assert NOWHERE in instance.log() and "schema_migrated" in instance.log(), instance.log()
            for path in instance.data_dir.iterdir():
                if path.name != "postgres":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            fresh = self.place.with_name("test-cluster.new")
            shutil.rmtree(fresh, ignore_errors=True)
            copy_tree(instance.data_dir, fresh)
            fresh.touch()
            fresh.rename(self.place)
        finally:
            instance.remove()
