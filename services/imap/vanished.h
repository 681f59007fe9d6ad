/* SPDX-License-Identifier: Apache-2.0 */
/* VANISHED lines (RFC 7162 section 3.2.10): which UIDs are gone. */
#ifndef IMAP_VANISHED_H
#define IMAP_VANISHED_H

#include "services/imap/view.h"

/* UIDs on their way into VANISHED lines; a long list becomes several lines. */
struct imap_vanished {
    struct imap_session *s;
    bool is_earlier;
    size_t line;    /* octets of s->out in front of the present line */
    uint32_t first; /* the range that may still grow; 0: none */
    uint32_t last;
};

/* Begins; nothing is written when no UID follows. */
void imap_vanished_begin(struct imap_vanished *w, struct imap_session *s, bool is_earlier);
/* Takes the UIDs from first to last, which are above all before. Yields. */
YIELDS void imap_vanished_add(struct imap_vanished *w, uint32_t first, uint32_t last);
/* Sends what is left. Yields. */
YIELDS void imap_vanished_end(struct imap_vanished *w);

/* Sends "* VANISHED (EARLIER) ..." with the UIDs of `known` (resolved; NULL: all there ever were)
 * that are above `above` and were expunged after modseq `since`. Where the log does not reach so
 * far back, all of them that are not there are told, which is right too. What the client still
 * takes for a message of the view is not among them. Errors: those of store. Yields. */
YIELDS bool imap_send_vanished_earlier(struct imap_session *s, const struct imap_sequence *known,
                                       int64_t since, uint32_t above, struct err *e);

#endif
