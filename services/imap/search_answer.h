/* SPDX-License-Identifier: Apache-2.0 */
/* Telling what was found: SEARCH and SORT lines, ESEARCH (RFC 4731, 5267, 6203, 7377, 9394), and
 * the saved result (RFC 5182). */
#ifndef IMAP_SEARCH_ANSWER_H
#define IMAP_SEARCH_ANSWER_H

#include "services/imap/search_run.h"

/* One answer in work. */
struct imap_answer {
    struct imap_session *s;
    const struct imap_search *search;
    const struct imap_search_args *args;
    const struct imap_found *found; /* in the order of the answer */
    bool is_uid;
    bool is_sorted;     /* the order is that of a SORT */
    bool names_mailbox; /* of ESEARCH: MAILBOX and UIDVALIDITY are told */
    str tag;
};

/* Sends what the RETURN options ask for, as the old line where none are given (then ESEARCH only
 * under IMAP4rev2), and saves the result when it shall be. Yields. */
YIELDS void imap_answer_send(const struct imap_answer *a);

/* Empties "$". */
void imap_answer_forget_saved(struct imap_view *view);

/* Appends numbers in the given order as a set: runs that rise by one become ranges. False when
 * `out` is full. */
bool imap_answer_add_set(struct buf *out, const uint32_t *numbers, size_t n);

#endif
