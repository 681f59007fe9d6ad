/* SPDX-License-Identifier: Apache-2.0 */
/* CATENATE: one message out of texts and of parts of messages that are there (RFC 4469). */
#ifndef IMAP_CATENATE_H
#define IMAP_CATENATE_H

#include "services/imap/session.h"
#include "wire/imap_append.h"

struct imap_catenation {
    struct imap_session *s;
    size_t limit;   /* octets of the whole message */
    size_t *n_read; /* octets that were read for this command so far; grows */
    str bad_url;    /* after a failure that a URL caused: "BADURL ...", in the command's arena */
};

/* Puts the parts together, in the command's arena. ERR_LIMIT: it gets too long, or the messages
 * that URLs of the command name are together longer than eight of the longest. Reading a part does
 * not set \Seen. Yields. */
YIELDS bool imap_catenate(struct imap_catenation *c, const struct imap_append_part *parts, size_t n,
                          str *out, struct err *e);

#endif
