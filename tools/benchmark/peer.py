# SPDX-License-Identifier: Apache-2.0
"""The peer of the benchmarks: Debian's Postfix and Dovecot (LMTP into Maildir, fsync on) with a
configuration of their own in a folder of the benchmark. Nothing of the machine's own set-up is used."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import time

from . import common
from .mail_client import Imap

MAIN_CF = """\
compatibility_level = 3.6
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
queue_directory = {folder}/spool
data_directory = {folder}/postfix-data
myhostname = peer.example
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{folder}/users-map
virtual_transport = lmtp:unix:{folder}/lmtp
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_peername_lookup = no
smtpd_recipient_restrictions = reject_unauth_destination
message_size_limit = 26214400
lmtp_destination_recipient_limit = 50
"""

MASTER_CF = """\
127.0.0.1:{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT_CONF = """\
base_dir = {folder}/dovecot-run
log_path = {folder}/dovecot.log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = required
ssl_cert = <{cert}
ssl_key = <{key}
first_valid_uid = 1
mail_uid = {owner}
mail_gid = {owner}
mail_location = maildir:{folder}/mail/%u
auth_username_format = %Lu
mail_max_userip_connections = 10000
default_client_limit = 20000
default_process_limit = 6000
passdb {{
  driver = passwd-file
  args = {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home={folder}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 6000
}}
service pop3-login {{
  process_limit = 100
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
namespace inbox {{
  inbox = yes
}}
"""

OWNER = "mail"


class Peer:
    """Postfix and Dovecot, started on creation; `stop` ends them."""

    name = "Postfix + Dovecot"
    imap_ports_per_process = 1
    more = ""           # lines of main.cf
    services = ""       # of master.cf
    dovecot = ""        # lines of dovecot.conf

    def __init__(self, folder, users):
        self.folder = pathlib.Path(folder)
        self.users = users
        self.smtp, self.imaps, self.pop3s = common.free_port(), common.free_port(), common.free_port()
        self._write()
        subprocess.run(["postfix", "-c", str(self.folder / "postfix"), "start"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["dovecot", "-c", str(self.folder / "dovecot.conf")], check=True)
        common.wait_for_port(self.smtp)
        common.wait_for_port(self.imaps)

    def _write(self):
        folder = self.folder
        for name in ("postfix", "spool", "postfix-data", "mail", "dovecot-run"):
            (folder / name).mkdir(parents=True)
        os.chmod(folder, 0o755)
        shutil.chown(folder / "postfix-data", "postfix")
        shutil.chown(folder / "mail", OWNER, OWNER)
        cert, key = common.certificate(folder)
        values = {"folder": folder, "domain": common.DOMAIN, "cert": cert, "key": key,
                  "smtp": self.smtp, "imaps": self.imaps, "pop3s": self.pop3s, "owner": OWNER}
        (folder / "postfix/main.cf").write_text(MAIN_CF.format(**values) + self.more)
        (folder / "postfix/master.cf").write_text(MASTER_CF.format(**values) + self.services)
        (folder / "dovecot.conf").write_text(DOVECOT_CONF.format(**values) + self.dovecot)
        (folder / "users-map").write_text("".join(f"{u} x\n" for u, _ in self.users))
        # A plain SHA-256 costs next to nothing: the peer is not slowed by its password scheme.
        (folder / "passwd").write_text("".join(
            f"{u}:{{SHA256.hex}}{hashlib.sha256(p.encode()).hexdigest()}\n" for u, p in self.users))

    def fill(self, user, mails):
        """Lays mails into a user's INBOX as deliveries do, S= and W= included, so that the first
        client finds them; that is not measured."""
        inbox = self.folder / "mail" / user[0]
        for name in ("cur", "new", "tmp"):
            (inbox / name).mkdir(parents=True, exist_ok=True)
        letters = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R"}
        for number, (octets, flags, at) in enumerate(mails):
            text = octets.replace(b"\r\n", b"\n")
            marks = "".join(sorted(letters[f] for f in flags))
            path = inbox / "cur" / f"{at}.M{number:06}P1.bench,S={len(text)},W={len(octets)}:2,{marks}"
            path.write_bytes(text)
            os.utime(path, (at, at))
        subprocess.run(["chown", "-R", f"{OWNER}:{OWNER}", inbox], check=True)
        client = Imap(self.imaps, user)
        client.must("SELECT INBOX")
        client.must("CREATE Small")
        client.close()

    def make_cold(self):
        """Each session has a process of its own, so there is nothing to do."""

    def rss_kb(self):
        """Resident memory of all processes of Dovecot."""
        return sum(common.rss_kb(p) for p in common.pids_of("dovecot", "imap", "imap-login", "pop3", "pop3-login", "anvil", "log", "config"))

    def roots(self):
        """Processes whose descendants are the whole server."""
        return [int((self.folder / name).read_text().split()[0]) for name in ("spool/pid/master.pid", "dovecot-run/master.pid")]

    def stop(self):
        subprocess.run(["postfix", "-c", str(self.folder / "postfix"), "stop"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["doveadm", "-c", str(self.folder / "dovecot.conf"), "stop"], check=False)
        time.sleep(1)
