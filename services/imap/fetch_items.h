/* SPDX-License-Identifier: Apache-2.0 */
/* One FETCH in work, and the answer of one message. */
#ifndef IMAP_FETCH_ITEMS_H
#define IMAP_FETCH_ITEMS_H

#include "services/imap/fetch_bytes.h"

struct imap_fetching {
    struct imap_session *s;
    const struct imap_fetch_args *args;
    unsigned items;     /* IMAP_FETCH_* */
    unsigned wanted;    /* STORE_WANT_* */
    bool needs_details; /* what is kept beside the bytes */
    bool needs_headers; /* and nothing of the bodies */
    bool needs_bodies;
    struct imap_bytes bytes;
    size_t n_put; /* items of the present message that were written */
    bool sets_seen;
    bool has_sent;     /* a piece of the present message is on the wire */
    bool some_gone;    /* messages that were expunged elsewhere were left out */
    bool some_damaged; /* the same of messages whose bytes cannot be read */
};

/* Appends the answer of the message at the index of the view to s->out; `tell_flags`: also its
 * flags, which this FETCH changed. Long literals are sent at once, with what stands before them.
 * Yields. */
YIELDS bool imap_fetch_format_message(struct imap_fetching *f, struct imap_message *m, size_t index,
                                      bool tell_flags, struct err *e);

/* Writes and sends the answer of the message at the index of the view; `tell_flags`: also its
 * flags, which this FETCH changed. f->has_sent tells after a failure whether a part of it is on the
 * wire. Yields. */
YIELDS bool imap_fetch_put_message(struct imap_fetching *f, struct imap_message *m, size_t index,
                                   bool tell_flags, struct err *e);

#endif
