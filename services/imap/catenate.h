/* SPDX-License-Identifier: Apache-2.0 */
/* CATENATE: one message out of texts and of parts of messages that are there (RFC 4469). */
#ifndef IMAP_CATENATE_H
#define IMAP_CATENATE_H

#include "services/imap/session.h"
#include "wire/imap_append.h"

struct imap_catenation {
    struct imap_session *s;
    size_t limit; /* octets of the whole message */
    str bad_url;  /* after a failure that a URL caused: "BADURL ...", in the command's arena */
};

/* Puts the parts together, in the command's arena. ERR_LIMIT: it gets too long. Reading a part does
 * not set \Seen. Yields. */
YIELDS bool imap_catenate(struct imap_catenation *c, const struct imap_append_part *parts, size_t n,
                          str *out, struct err *e);

#endif
