/* SPDX-License-Identifier: Apache-2.0 */
/* Mailbox names: from the wire (modified UTF-7 of RFC 3501 section 5.1.3, or UTF-8 once IMAP4rev2
 * is enabled) to UTF-8 with '/' between levels, and back. Pure. */
#ifndef WIRE_IMAP_MAILBOX_NAME_H
#define WIRE_IMAP_MAILBOX_NAME_H

#include "base/base.h"

enum {
    IMAP_MAILBOX_OCTETS_MAX = 255, /* of the UTF-8 name (ATTACKS I7) */
    IMAP_MAILBOX_DEPTH_MAX = 32
};

/* Appends the UTF-8 of a modified UTF-7 text. Only the one right spelling is accepted: ERR_SYNTAX
 * for anything else. ERR_LIMIT when `out` is full. */
bool imap_utf7_decode(struct buf *out, str text, struct err *e);
/* Appends the modified UTF-7 of valid UTF-8. False when `out` is full. */
bool imap_utf7_encode(struct buf *out, str text);

/* The name of a mailbox as sent by a client: decoded, with INBOX folded to upper case and one '/'
 * at the end dropped; in arena. ERR_SYNTAX for what should be UTF-8 and is not; ERR_UNSUPPORTED for
 * what can be no name (bad modified UTF-7, control characters, empty, "." or ".." levels,
 * wildcards), ERR_LIMIT (255 octets, depth 32). */
bool imap_mailbox_parse(struct arena *a, str sent, bool is_utf8, str *out, struct err *e);

/* Whether a new mailbox may be called so: ERR_UNSUPPORTED for names that look like INBOX and are
 * not, and for those that begin with '#' (kept for namespaces). */
bool imap_mailbox_check_new(str name, struct err *e);

/* The pattern or reference of LIST, decoded; in arena. ERR_SYNTAX and ERR_UNSUPPORTED for a bad
 * encoding, as above. */
bool imap_mailbox_pattern_parse(struct arena *a, str sent, bool is_utf8, str *out, struct err *e);

/* Writes the name as an astring in modified UTF-7 or UTF-8. False when `out` is full. */
bool imap_mailbox_format(struct buf *out, str name, bool is_utf8);

#endif
