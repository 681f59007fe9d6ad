# SPDX-License-Identifier: Apache-2.0
"""One server for the tests of what other mail servers and filters say to it: made once in a run, because starting one
takes longer than most of those tests."""

from conftest import Instance, free_ports, wait_until
from demo.server import STANDARD_PORTS
from hooks import Hook
from milters import Filter, Rspamd
from outbound import DOMAIN, Sink, Zone

LOCAL, IDN, ALABEL = "jürgen", "bücher.example", "xn--bcher-kva.example"
WAIT = 150


def refuse(verb, argument):
    """Of the sink `new`: nobody there has a name that begins with "no-", and those with "shy-" do not want our mail."""
    if verb != "RCPT":
        return None
    return next((reply for name, reply in (("no-", "550 5.1.1 No such user"), ("shy-", "550 5.7.1 Your server is not liked"))
                 if argument.lower().startswith("to:<" + name)), None)


class Gateway:
    """A server with a domain and a user beyond ASCII, with LMTP by TCP and by a unix socket, and with filters; and
    two sinks: of SMTPUTF8, and of an older server."""

    def __init__(self):
        self.port, self.dead_port, rspamd_port = free_ports(3)
        self.hook = Hook("a shared secret")
        self.filter, self.filter_at_rcpt, self.rspamd = Filter(), Filter(), Rspamd(rspamd_port)
        self.zone = Zone(["new MX 10 mx1", "mx1 A 127.0.0.1", "old MX 10 mx2", "mx2 A 127.0.0.2",
                          "xn--mnchen-3ya MX 10 mx1"])
        self.new = Sink(self.port, refuse, extensions=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 30000000"))
        self.old = Sink(self.port, address="127.0.0.2", extensions=("8BITMIME", "SIZE 30000000"))
        self.server = Instance(kinds=[*STANDARD_PORTS, "lmtp"], settings={
            "delivery.port": self.port, "dns.stub_zone": DOMAIN, "dns.stub_server": self.zone.server,
            "delivery.time_divisor": 1000, "delivery.delay_notice": "40h", "submission.stop_after_refused": 3, "milter.timeout": "60s", "hook.timeout": "60s",
            "submission.suppress": "refused", "lmtp.networks": "[127.0.0.1]",
            "milters": f'[{{ addr: "127.0.0.1:{self.filter.port}", mail: both }}, '
                       f'{{ addr: "127.0.0.1:{self.filter_at_rcpt.port}", stage: rcpt, mail: both }}, '
                       f'{{ addr: "127.0.0.1:{rspamd_port}", mail: both }}, '
                       f'{{ addr: "127.0.0.1:{self.dead_port}", on_failure: accept }}]',
            "hooks": f'[{{ url: "{self.hook.url}", secret: "a shared secret", stage: rcpt, mail: both }}, '
                     f'{{ url: "{self.hook.url}", secret: "a shared secret", mail: both, contents: 256 }}, '
                     f'{{ url: "http://127.0.0.1:{self.dead_port}/away?token=1", mail: both, on_error: accept }}]'})
        self.socket = self.server.folder / "lmtp.sock"
        self.server.more_listeners = [{"kind": "lmtp", "addr": f"unix:{self.socket}"}]
        self.server.up()
        wait_until(self.rspamd.answers, 60, "an open port of rspamd")
        self.server.cli("domain", "add", IDN)
        self.user = {"address": f"{LOCAL}@{IDN}", "password": "a good pässword 1", "admin": False}
        self.server.cli("user", "add", self.user["address"], "--password-stdin", stdin=self.user["password"] + "\n")

    def login(self, address=None):
        client = self.server.imap()
        plain = f"\0{address or self.user['address']}\0{self.user['password']}".encode()
        client.authenticate("PLAIN", lambda challenge: plain)
        return client

    def inbox(self, wanted):
        """The first message of INBOX with this text."""
        def look():
            client = self.login()
            client.select("INBOX", readonly=True)
            numbers = client.search(None, "ALL")[1][0].split()
            raw = [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in numbers]
            client.logout()
            return [r for r in raw if wanted in r]
        return wait_until(look, WAIT, f"a message with {wanted}")[0]

    def submit(self, recipients, subject="utf8", sender=None):
        """By submission, as a client of SMTPUTF8 does it: the addresses stand in the header, too."""
        sender = sender or self.user["address"]
        text = f"From: {sender}\r\nTo: {', '.join(recipients)}\r\nSubject: {subject}\r\n\r\nText.\r\n".encode()
        with self.server.smtp("submission", login=self.user) as client:
            client.sendmail(sender, recipients, text, ["SMTPUTF8", "BODY=8BITMIME"])

    def close(self):
        self.server.remove()
        self.new.close()
        self.old.close()
        self.zone.close()
        self.filter.close()
        self.filter_at_rcpt.close()
        self.hook.close()
        self.rspamd.close()
