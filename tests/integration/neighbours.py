# SPDX-License-Identifier: Apache-2.0
"""Other people's mail servers, as Debian has them, each in a root of its own that tools/neighbours made. Each serves
the domain NAME.out.test at the address `full` with all it can do, and bare.NAME.out.test at the address `bare` without
TLS and, where it may be switched off, PIPELINING, CHUNKING and DSN. Mail for anybody else it brings to us: verifying our certificate, unless the
local part ends in "+plain"; mail for a local part that begins with "nobody" it refuses."""
import fcntl
import pathlib
import shutil
import smtplib
import socket
import subprocess
import time

from outbound import DOMAIN

ROOTS = pathlib.Path(__file__).resolve().parents[2] / "build/neighbours"
BOX = 64001     # who owns /mail inside (tools/neighbours)

POSTFIX_MAIN = """\
compatibility_level = 3.6
maillog_file = /var/log/postfix.log
myhostname = {name}
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
inet_interfaces = 127.0.0.1
smtpd_peername_lookup = no
smtputf8_enable = yes
virtual_mailbox_domains = {domain}, bare.{domain}
virtual_mailbox_maps = regexp:{{{{!/^nobody/ box/}}}}
virtual_mailbox_base = /mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{box}
virtual_gid_maps = static:{box}
transport_maps = inline:{{{{{domain}=virtual}}, {{bare.{domain}=virtual}}}}, regexp:{{{{/\\+plain@/ plain:[127.0.0.1]:{smtp}}}, {{/\\+lmtp@/ lmtp:inet:127.0.0.1:{lmtp}}}}}
default_transport = smtp:[127.0.0.1]:{smtp}
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = {hostname}
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
smtp_tls_loglevel = 1
smtpd_tls_loglevel = 1
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/ssl/chain.pem
milter_default_action = tempfail
smtpd_milters = {milter}
non_smtpd_milters =
"""

POSTFIX_MASTER = """\
{full}:{port} inet n - n - - smtpd
{bare}:{port} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
  -o smtpd_discard_ehlo_keywords=pipelining,chunking,dsn
plain unix - - n - - smtp
  -o smtp_tls_security_level=none
  -o smtp_discard_ehlo_keywords=pipelining
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

EXIM_CONF = """\
keep_environment =
primary_hostname = {name}
log_file_path = /var/log/exim-%slog
log_selector = +pipelining +tls_cipher +received_recipients +8bitmime
local_interfaces = {full} : {bare}
daemon_smtp_ports = {port}
hostlist full = {full}
tls_certificate = /etc/ssl/chain.pem
tls_advertise_hosts = ${{if eq{{$received_ip_address}}{{{full}}}{{*}}{{}}}}
pipelining_advertise_hosts = ${{if eq{{$received_ip_address}}{{{full}}}{{*}}{{}}}}
chunking_advertise_hosts = ${{if eq{{$received_ip_address}}{{{full}}}{{*}}{{}}}}
dsn_advertise_hosts = ${{if eq{{$received_ip_address}}{{{full}}}{{*}}{{}}}}
smtputf8_advertise_hosts = *
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
never_users =
begin acl
rcpt:
  deny message = unknown here
    condition = ${{if match{{$local_part}}{{^nobody}}}}
  accept
begin routers
box:
  driver = accept
  domains = {domain} : bare.{domain}
  transport = box
plain:
  driver = manualroute
  condition = ${{if match{{$local_part}}{{[+]plain\\$}}}}
  route_list = * 127.0.0.1::{smtp}
  self = send
  transport = plain
secure:
  driver = manualroute
  route_list = * {hostname}::{smtp} byname
  self = send
  transport = secure
begin transports
box:
  driver = appendfile
  directory = /mail/box
  maildir_format
  user = {box}
  group = {box}
plain:
  driver = smtp
  hosts_avoid_tls = *
  hosts_try_chunking =
secure:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = /etc/ssl/certs/ca-certificates.crt
begin retry
* * F,1m,1s
"""

OPENSMTPD_CONF = """\
pki own cert "/etc/ssl/chain.pem"
pki own key "/etc/ssl/key.pem"
ca ours cert "/etc/ssl/certs/ca-certificates.crt"
mta limit conn-delay-route 0 reconn-delay-route 0 conn-delay-host 0
table anybody {{ "@" = box }}
listen on {full} port {port} hostname {name} tls pki own
listen on {bare} port {port} hostname {name} no-dsn
action box maildir "/mail/box" virtual <anybody>
action plain relay host "smtp+notls://127.0.0.1:{smtp}" helo {name}
action secure relay host "smtp+tls://{hostname}:{smtp}" ca ours helo {name}
match from any for domain {{ "{domain}", "bare.{domain}" }} rcpt-to regex "^nobody" reject
match from any for domain {{ "{domain}", "bare.{domain}" }} action box
match from any for any rcpt-to regex "[+]plain@" action plain
match from any for any action secure
"""


def records():
    """Of the zone, for all of them."""
    return [line for number, kind in enumerate(KINDS, 1) for line in (
        f"{kind.name()} MX 10 mx.{kind.name()}", f"mx.{kind.name()} A 127.0.1.{number}",
        f"bare.{kind.name()} MX 10 mx-bare.{kind.name()}", f"mx-bare.{kind.name()} A 127.0.2.{number}")]


class Neighbour:
    """Started on creation. `server` is our Instance."""

    @classmethod
    def name(cls):
        return cls.__name__.lower()

    def __init__(self, server, certificate, port, **more):
        self.root = ROOTS / self.name()
        assert (self.root / "version").exists(), f"no {self.name()} here: tools/neighbours fetches it"
        self.lock = open(self.root / "lock", "a", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # of another run of tests that has it
        self.domain = f"{self.name()}.{DOMAIN}"
        number = KINDS.index(type(self)) + 1
        self.full, self.bare, self.port = f"127.0.1.{number}", f"127.0.2.{number}", port
        self.values = dict(name=f"mx.{self.domain}", domain=self.domain, full=self.full, bare=self.bare, port=port,
                           smtp=server.ports["smtp"], lmtp=server.ports.get("lmtp"), hostname=server.hostname, box=BOX, **more)
        self._clear()
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost {server.hostname}\n{self.full} mx.{self.domain}\n")
        shutil.copy(server.tls_ca, self.root / "etc/ssl/certs/ca-certificates.crt")
        key = certificate.key_path.read_bytes()
        self._write("etc/ssl/chain.pem", key + certificate.chain.read_bytes(), 0o644)
        self._write("etc/ssl/key.pem", key, 0o600)
        self.output = open(self.root / "var/log/output", "w", encoding="utf-8")
        self.process = self._start()

    def _clear(self):
        """What a run before left behind."""
        for name in ("mail", "var/spool", "var/log"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir()
        box = self.root / "mail/box"
        for folder in (box, box / "new", box / "cur", box / "tmp"):
            folder.mkdir()
        for folder in (self.root / "mail", *(self.root / "mail").rglob("*")):
            shutil.chown(folder, BOX, BOX)
        (self.root / "var/log").chmod(0o777)

    def _write(self, path, text, mode=0o644):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.format(**self.values).encode())
        place.chmod(mode)

    def _folders(self, owner, mode, *names):
        for name in names:
            folder = self.root / "var/spool" / name
            folder.mkdir(parents=True)
            folder.chmod(mode)
            subprocess.run(["chown", str(owner), folder], check=True)

    def _run(self, *command):
        return subprocess.Popen(["chroot", self.root, *command], stdin=subprocess.DEVNULL, stdout=self.output,
                                stderr=subprocess.STDOUT)

    def listens(self):
        assert self.process.poll() is None, self.log()
        try:
            for address in (self.full, self.bare):
                socket.create_connection((address, self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def log(self):
        return "\n".join(p.read_text(errors="replace") for p in sorted((self.root / "var/log").iterdir()))

    def received(self, wanted):
        """Messages in its box that have this text, with the line ends of mail."""
        found = [p.read_bytes() for p in (self.root / "mail/box/new").iterdir()]
        return [m.replace(b"\n", b"\r\n") for m in found if wanted in m]

    def hand_over(self, sender, recipients, message, mail_options=(), rcpt_options=()):
        """As a program on its own machine gives it mail."""
        with smtplib.SMTP(self.full, self.port, timeout=60) as client:
            client.ehlo("localhost")
            client.sendmail(sender, recipients, message, mail_options, rcpt_options)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()
        self.lock.close()


class Postfix(Neighbour):
    def _start(self):
        self._write("etc/postfix/main.cf", POSTFIX_MAIN)
        self._write("etc/postfix/master.cf", POSTFIX_MASTER)
        self._folders("root", 0o755, "postfix", "postfix/pid")
        self._folders(64002, 0o700, *(f"postfix/{n}" for n in (
            "incoming", "active", "deferred", "bounce", "defer", "trace", "corrupt", "hold", "saved", "flush", "private")))
        self._folders(64002, 0o710, "postfix/public")
        self._folders(64002, 0o730, "postfix/maildrop")
        data = self.root / "var/lib/postfix"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        shutil.chown(data, 64002)
        return self._run("/usr/lib/postfix/sbin/master", "-c", "/etc/postfix", "-d")


class Exim(Neighbour):
    def _start(self):
        self._write("etc/exim4/exim4.conf", EXIM_CONF)   # by -C it would have to be another user
        self._folders(64004, 0o750, "exim4")
        return self._run("/usr/sbin/exim4", "-bdf", "-q1m")


class Opensmtpd(Neighbour):
    def _start(self):
        self._write("etc/smtpd.conf", OPENSMTPD_CONF)
        self._folders("root", 0o711, "smtpd")
        self._folders("root:64006", 0o770, "smtpd/offline")
        self._folders(64006, 0o700, *(f"smtpd/{n}" for n in ("queue", "incoming", "purge", "temporary", "corrupt")))
        return self._run("/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf")


KINDS = (Postfix, Exim, Opensmtpd)
