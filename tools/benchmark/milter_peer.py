# SPDX-License-Identifier: Apache-2.0
"""The peer with opendkim as a milter."""
import pathlib
import shutil
import subprocess

from . import common, peer

OPENDKIM = """\
Syslog no
UserID opendkim
Socket inet:{port}@127.0.0.1
PidFile {folder}/opendkim.pid
"""


class MilterPeer(peer.Peer):
    """`config` is opendkim's, with {folder} for where the `files` are, which belong to it."""

    def __init__(self, folder, users, config, files):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        port = common.free_port()
        for name, text in files.items():
            (folder / name).write_text(text)
            shutil.chown(folder / name, "opendkim")
            (folder / name).chmod(0o600)
        (folder / "opendkim.conf").write_text((OPENDKIM + config).format(folder=folder, port=port))
        self.more += f"smtpd_milters = inet:127.0.0.1:{port}\nmilter_default_action = tempfail\n"
        self.milter = subprocess.Popen(["opendkim", "-f", "-x", str(folder / "opendkim.conf")])
        common.wait_for_port(port)
        super().__init__(folder, users)

    def roots(self):
        return [*super().roots(), self.milter.pid]

    def stop(self):
        super().stop()
        self.milter.terminate()
        self.milter.wait()
