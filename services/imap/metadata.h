/* SPDX-License-Identifier: Apache-2.0 */
/* The METADATA line of a mailbox, for GETMETADATA and LIST. */
#ifndef IMAP_METADATA_LINE_H
#define IMAP_METADATA_LINE_H

#include "services/imap/session.h"
#include "store/share.h"
#include "wire/imap_metadata.h"

struct imap_metadata_question {
    const struct imap_metadata_names *names;
    unsigned depth;
    int64_t maxsize; /* octets; -1: any */
    bool tells_all;  /* those that are not there too, with NIL (RFC 9590 section 3) */
};

/* Sends "* METADATA name (...)" when there is something to tell. `place` NULL: of the server.
 * *longest becomes the size of the longest value that was left out, if it is more. Yields. */
YIELDS bool imap_send_metadata(struct imap_session *s, const struct store_place *place,
                               const struct imap_metadata_question *question, size_t *longest,
                               struct err *e);

#endif
