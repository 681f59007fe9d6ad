# SPDX-License-Identifier: Apache-2.0
"""Letters that tests of the API find in mailboxes."""
import base64
import email.message
import email.policy
import time

PICTURE = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def compose(subject, number, answer_to=None, **fields):
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = fields.pop("sender", "Mia Reed <mia@example.net>")
    message["To"] = fields.pop("to", "Somebody <somebody@example.test>")
    message["Subject"] = subject
    message["Message-ID"] = f"<{number}@example.net>"
    if answer_to:
        message["References"] = f"<{answer_to}@example.net>"
    message.set_content(fields.pop("text", f"Text of {number}.\r\n"))
    return message


def append(imap, message, mailbox="INBOX", flags="", at=None):
    raw = message if isinstance(message, bytes) else message.as_bytes()
    done = imap.append(mailbox, flags, at or time.time(), raw)
    assert done[0] == "OK", done
