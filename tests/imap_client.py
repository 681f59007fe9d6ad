# SPDX-License-Identifier: Apache-2.0
"""imaplib clients that hold all that the server says against the grammar."""
import imaplib

import imap_grammar


class Checked:
    def open(self, *args, **options):
        self.listener = imap_grammar.Listener()     # for a greeting, too
        super().open(*args, **options)

    def read(self, size):
        octets = super().read(size)
        self.listener.feed(octets)
        return octets

    def readline(self):
        octets = super().readline()
        self.listener.feed(octets)
        return octets


class IMAP4(Checked, imaplib.IMAP4):
    """Plain, or with starttls()."""


class IMAP4_SSL(Checked, imaplib.IMAP4_SSL):
    """TLS from the start."""
