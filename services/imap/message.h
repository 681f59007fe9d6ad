/* SPDX-License-Identifier: Apache-2.0 */
/* One message while a FETCH or SEARCH looks at it: its bytes and its parts, read when first needed.
 */
#ifndef IMAP_MESSAGE_H
#define IMAP_MESSAGE_H

#include "mime/structure.h"
#include "services/imap/fetch_binary.h"
#include "services/imap/view.h"
#include "wire/imap_fetch.h"

/* What measuring a part gave: clients ask for the same one twice (BINARY.SIZE, and then BINARY). */
struct imap_measured {
    struct imap_binary asked; /* end 0: none */
    size_t n;
    bool has_nul;
};

struct imap_message {
    struct imap_session *s;
    int64_t account_id; /* whose it is; 0: the selected mailbox's owner */
    const struct store_row *row;
    const struct store_details *details; /* NULL when they were not asked for */
    int64_t saved_s; /* when it came into this mailbox, seconds UTC; or STORE_NEVER_SAVED */
    struct arena *a; /* of this message */
    str raw;
    bool has_raw;
    str header;
    bool has_header;
    bool is_header_of_raw; /* it stands where raw does: both are forgotten together */
    struct arena *bytes;   /* where raw is read to; NULL: a */
    const struct mime_structure *structure;
    struct imap_measured measured; /* the part of the last BINARY or BINARY.SIZE */
};

/* As much of the message, from its beginning on, as is in memory and may be forgotten. */
str imap_message_held(const struct imap_message *m);

/* The account that the message belongs to. */
int64_t imap_message_account(const struct imap_message *m);

/* The whole message, or its header with the empty line. ERR_NOT_FOUND: it is gone. Yields. */
YIELDS bool imap_message_raw(struct imap_message *m, str *out, struct err *e);
YIELDS bool imap_message_header(struct imap_message *m, str *out, struct err *e);
/* Its parts. Yields. */
YIELDS bool imap_message_structure(struct imap_message *m, const struct mime_structure **out,
                                   struct err *e);

/* The octets of a section, without regard to its partial; *found is false when the message has no
 * such part (the answer is NIL). Parts are as they are, also for BINARY. Yields. */
YIELDS bool imap_message_section(struct imap_message *m, const struct imap_section *section,
                                 str *out, bool *found, struct err *e);

/* Where a part is that BINARY asks for, not measured yet. *found as above. ERR_UNSUPPORTED: an
 * encoding that nobody knows. Yields. */
YIELDS bool imap_message_binary(struct imap_message *m, const struct imap_section *section,
                                struct imap_binary *out, bool *found, struct err *e);

/* Appends ENVELOPE, BODYSTRUCTURE, or BODY: what is stored, else derived from the bytes, else an
 * empty one. Yields. */
YIELDS bool imap_message_envelope(struct imap_message *m, struct buf *out, struct err *e);
YIELDS bool imap_message_bodystructure(struct imap_message *m, bool is_extended, struct buf *out,
                                       struct err *e);

#endif
