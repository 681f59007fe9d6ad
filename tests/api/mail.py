# SPDX-License-Identifier: Apache-2.0
"""Mail for tests of the API: messages with parts, put into a mailbox by IMAP."""
import email.message
import imaplib
import time

PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000a49444154789c6300010000"
                        "0500010d0a2db40000000049454e44ae426082")


def make(subject="A plan", text="The boats are ready.\n", *, sender="Leo Park <leo@example.net>", to="mia@example.test", html=None,
         attachments=(), message_id=None, in_reply_to=None):
    """The octets of a message. `attachments`: (name, media type, octets)."""
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Date"] = "Sun, 01 Mar 2026 12:00:00 +0000"
    mail["Message-ID"] = message_id or f"<{time.time_ns()}@example.net>"
    if in_reply_to:
        mail["In-Reply-To"] = mail["References"] = in_reply_to
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    for name, kind, octets in attachments:
        main, sub = kind.split("/")
        mail.add_attachment(octets, maintype=main, subtype=sub, filename=name)
    return mail.as_bytes(policy=mail.policy.clone(linesep="\r\n"))


def append(server, user, *messages, mailbox="INBOX", flags=None):
    """Puts the messages into the mailbox."""
    with server.imap(user) as imap:
        for octets in messages:
            answer = imap.append(mailbox, flags, imaplib.Time2Internaldate(time.time()), octets)
            assert answer[0] == "OK", answer
