/* SPDX-License-Identifier: Apache-2.0 */
/* Update contexts (RFC 5267): searches whose client wants to know when their results change. They
 * live as long as the mailbox is selected. Only messages that are new or changed are looked at
 * again; what a message is sorted by never changes, so results keep their order among each other.
 */
#ifndef IMAP_CONTEXTS_H
#define IMAP_CONTEXTS_H

#include "services/imap/search_run.h"

enum {
    IMAP_CONTEXTS_MAX = 16 /* of one session; more get NO [NOUPDATE] */
};

struct imap_contexts;

/* Whether a context has the tag already: such a command is BAD (RFC 5267 section 4.3). */
bool imap_contexts_has(const struct imap_view *v, str tag);

/* Keeps the search that the command `c` began (SEARCH or SORT, with UPDATE), with its results in
 * their order; when there is no room for it, or it cannot be kept, sends "* NO [NOUPDATE]". Yields.
 */
YIELDS void imap_contexts_add(struct imap_session *s, const struct imap_command *c,
                              const struct imap_found *found);
/* Ends the context of the tag; harmless when there is none. */
void imap_contexts_cancel(struct imap_view *v, str tag);
/* Ends all. Harmless for a view without any. */
void imap_contexts_free(struct imap_view *v);

/* Before the view goes from one picture to the next: tells which results are about to vanish, while
 * their numbers are valid. Yields. */
YIELDS void imap_contexts_before(struct imap_session *s, const struct imap_rows *from,
                                 const struct imap_rows *to);
/* Tells what the view's picture changed in the results. Yields. */
YIELDS void imap_contexts_tell(struct imap_session *s);

#endif
