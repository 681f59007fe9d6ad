/* SPDX-License-Identifier: Apache-2.0 */
/* Object identifiers (RFC 8474): "M..." of a message's bytes, "T..." of a conversation, "F..." of a
 * mailbox. The numbers are those of the HTTP API. Pure. */
#ifndef WIRE_IMAP_OBJECTID_H
#define WIRE_IMAP_OBJECTID_H

#include "base/base.h"

enum {
    IMAP_OBJECTID_MAX = 48 /* octets of one of ours */
};

enum imap_object {
    IMAP_OBJECT_EMAIL,
    IMAP_OBJECT_THREAD
};

/* Writes the identifier of a message or conversation. False when `out` is full. */
bool imap_objectid_format(struct buf *out, enum imap_object object, int64_t id);
/* Reads one back; false when it is none of ours (then nothing has it: not an error). */
bool imap_objectid_parse(str text, enum imap_object object, int64_t *id);

/* Writes the identifier of a mailbox, with its owner: two mailboxes that one client sees, its own
 * and another user's, never share one. False when `out` is full. */
bool imap_mailboxid_format(struct buf *out, int64_t account_id, int mailbox_id);

#endif
