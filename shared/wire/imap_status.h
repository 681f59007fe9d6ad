/* SPDX-License-Identifier: Apache-2.0 */
/* The items of STATUS (RFC 9051 section 6.3.11, RFC 7162 section 3.1.7, RFC 8438,
 * RFC 8474, RFC 7889). Pure. */
#ifndef WIRE_IMAP_STATUS_H
#define WIRE_IMAP_STATUS_H

#include "wire/imap_lexer.h"

enum {
    IMAP_STATUS_MESSAGES = 1,
    IMAP_STATUS_UIDNEXT = 2,
    IMAP_STATUS_UIDVALIDITY = 4,
    IMAP_STATUS_UNSEEN = 8,
    IMAP_STATUS_DELETED = 16,
    IMAP_STATUS_SIZE = 32,
    IMAP_STATUS_HIGHESTMODSEQ = 64,
    IMAP_STATUS_RECENT = 128,
    IMAP_STATUS_MAILBOXID = 256,
    IMAP_STATUS_APPENDLIMIT = 512,
    IMAP_STATUS_DELETED_STORAGE = 1 << 16
};

/* "(MESSAGES UIDNEXT)": the bits. ERR_SYNTAX, also for an unknown item. */
bool imap_status_items_parse(struct imap_lexer *l, unsigned *out, struct err *e);

struct imap_status {
    uint32_t messages;
    uint32_t uidnext;
    uint32_t uidvalidity;
    uint32_t unseen;
    uint32_t deleted;
    uint64_t size;         /* octets of all messages */
    uint64_t deleted_size; /* of those with \Deleted (RFC 9208 section 4.1.4) */
    uint64_t highestmodseq;
    uint64_t append_limit; /* octets of one message */
    int64_t account_id;    /* whose mailbox it is */
    int mailbox_id;
};

/* Writes "(MESSAGES 3 UIDNEXT 4)" for the bits; RECENT is always 0. False when `out` is full. */
bool imap_status_format(struct buf *out, unsigned items, const struct imap_status *values);

#endif
