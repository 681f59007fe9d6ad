# SPDX-License-Identifier: Apache-2.0
"""Thunderbird with an account on the running server: sees the letters, opens one, flags one, moves one,
hears of new mail by itself. Every answer of the server is held against the grammar on the way.
HERONRY_PICTURES names a folder in which the picture of its window stays."""
import base64
import os
import pathlib
import re
import ssl

import pytest

from conftest import free_ports, wait_until
from imap_raw import Imap
from marionette import thunderbird

PREFERENCES = {
    "app.update.enabled": False, "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "mail.shell.checkDefaultClient": False, "mail.provider.suppress_dialog_on_startup": True, "mail.rights.version": 1,
    "mail.spotlight.firstRunDone": True, "mailnews.start_page.enabled": False, "mail.winsearch.firstRunDone": True,
    "mailnews.start_page_override.mstone": "ignore", "extensions.update.enabled": False, "network.captive-portal-service.enabled": False,
    "mail.accountmanager.accounts": "account1", "mail.accountmanager.defaultaccount": "account1",
    "mail.account.account1.identities": "id1", "mail.account.account1.server": "server1",
    "mail.identity.id1.fullName": "Reader", "mail.identity.id1.valid": True,
    "mail.server.server1.type": "imap", "mail.server.server1.hostname": "localhost", "mail.server.server1.name": "Heronry",
    "mail.server.server1.socketType": 3, "mail.server.server1.authMethod": 3, "mail.server.server1.login_at_startup": False,
    "mail.server.server1.check_new_mail": True, "mail.server.server1.use_idle": True,
    "mail.server.server1.use_condstore": True,
    "mail.server.server1.use_compress_deflate": False,  # so that its IDLE can be read on the way
}

HELP = """
const {MailServices} = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const server = () => MailServices.accounts.getAccount("account1").incomingServer;
const folder = name => server().rootFolder.getChildNamed(name);
const subjects = box => [...box.messages].map(m => m.mime2DecodedSubject);
const find = (box, subject) => [...box.messages].find(m => m.mime2DecodedSubject == subject);
const copied = start => new Promise((resolve, reject) => start({
  onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() {},
  onStopCopy(status) { status ? reject(new Error("copy: " + status)) : resolve(); }}));
"""

SET_UP = """
const [host, port, address, password, certificate] = args;
const database = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService).rememberValidityOverride(
  host, port, {}, database.constructX509FromBase64(certificate), false);
const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
login.init("imap://" + host, null, "imap://" + host, address, password, "", "");
await Services.logins.addLoginAsync(login);
"""

# The window shows another folder first, maybe after it was told which.
SHOW = """
const pane = window.document.getElementById("tabmail")?.currentAbout3Pane;
if (pane?.displayFolder && pane.gFolder?.URI != folder("INBOX").URI)
  pane.displayFolder(folder("INBOX").URI);
return pane?.gDBView?.rowCount ?? 0;
"""


def letter(number):
    return (f"From: Ada Heron <ada@example.org>\r\nTo: reader@example.test\r\nSubject: letter {number}\r\n"
            f"Message-ID: <{number}@example.org>\r\nDate: Mon, 1 Jan 2024 00:00:{number:02} +0000\r\n\r\n"
            f"The body of letter {number}.\r\n").encode()


@pytest.fixture
def reader(heronry):
    made = heronry.new_user()
    with Imap(heronry, made) as client:
        for number in range(1, 6):
            client.append("INBOX", letter(number))
    return made


def test_thunderbird_reads_flags_moves_and_hears_of_new_mail(heronry, reader, recorder, tmp_path):
    more = {"mail.server.server1.port": recorder.port, "mail.server.server1.userName": reader["address"],
            "mail.identity.id1.useremail": reader["address"]}
    certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(heronry.tls_ca.read_text())).decode()
    pictures = pathlib.Path(os.environ.get("HERONRY_PICTURES", tmp_path))
    with thunderbird(tmp_path, free_ports(1)[0], PREFERENCES | more) as program, Imap(heronry, reader) as client:
        program.script(HELP + SET_UP, "localhost", recorder.port, reader["address"], reader["password"], certificate)
        program.script(HELP + "server().getNewMessages(server().rootFolder, window.msgWindow, null);")
        wait_until(lambda: program.script(HELP + "return !!folder('Archive') && !!folder('INBOX');"), 60, "the list of folders")
        program.script(HELP + "folder('INBOX').updateFolder(window.msgWindow);")
        told = wait_until(lambda: (rows := program.script(HELP + "return subjects(folder('INBOX'));")) and len(rows) == 5 and rows,
                          60, "five letters")
        assert sorted(told) == [f"letter {n}" for n in range(1, 6)]

        # It is seen: the list of letters, and one of them opened.
        wait_until(lambda: program.script(HELP + SHOW) == 5, 60, "five rows in the list")
        tree = "window.document.getElementById('tabmail').currentAbout3Pane"
        program.script(HELP + f"{tree}.selectMessage(find(folder('INBOX'), 'letter 2'));")
        shown = f"{tree}.messageBrowser?.contentDocument?.getElementById('messagepane')?.contentDocument?.body?.textContent ?? ''"
        wait_until(lambda: "The body of letter 2." in program.script(f"return {shown};"), 60, "the opened letter")
        program.picture(pictures / "thunderbird.png")
        assert (pictures / "thunderbird.png").stat().st_size > 20_000

        program.script(HELP + "const box = folder('INBOX'); box.markMessagesFlagged([find(box, 'letter 3')], true);")
        client.must("SELECT INBOX")
        wait_until(lambda: client.must("NOOP") and client.must("SEARCH FLAGGED SUBJECT \"letter 3\"")[0] != b"* SEARCH", 60, "the flag")
        program.script(HELP + "await copied(l => MailServices.copy.copyMessages(folder('INBOX'), [find(folder('INBOX'), 'letter 4')],"
                       "folder('Archive'), true, l, window.msgWindow, false));")
        wait_until(lambda: b"MESSAGES 1)" in client.must("STATUS Archive (MESSAGES)")[0], 60, "the moved letter in Archive")
        wait_until(lambda: b"MESSAGES 4)" in client.must("STATUS INBOX (MESSAGES)")[0], 60, "four letters in INBOX")

        client.append("INBOX", letter(9))
        wait_until(lambda: program.script(HELP + "return !!find(folder('INBOX'), 'letter 9');"), 60, "new mail by IDLE")
    assert re.search(rb"^\d+ IDLE\r\n", recorder.said, re.M), "new mail was not heard of by IDLE"
