/* SPDX-License-Identifier: Apache-2.0 */
/* What SEARCH, SORT and ESEARCH share: answering, refusing, and update contexts. */
#ifndef IMAP_SEARCHING_H
#define IMAP_SEARCHING_H

#include "services/imap/session.h"
#include "wire/imap_search.h"

/* Searches the selected mailbox, sorts when there are criteria, and answers. Yields. */
YIELDS bool imap_search_perform(struct imap_session *s, const struct imap_command *c,
                                struct imap_search_args *args, bool names_mailbox, struct err *e);

/* The answer to arguments that could not be parsed; false when the error says it all. */
bool imap_search_refuse(struct imap_session *s, enum imap_search_refusal why);

/* Whether the keys may stand in this session: without message numbers under UIDONLY (RFC 9586).
 * Sets the answer when not. */
bool imap_search_admit(struct imap_session *s, const struct imap_search_args *args);

/* Whether a CHARSET may stand in SEARCH and ESEARCH: not after ENABLE UTF8=ACCEPT (RFC 6855 section
 * 3). Sets the answer when not. */
bool imap_search_admit_charset(struct imap_session *s, const struct imap_search_args *args);

/* The end of a command that returned `ok`, and gives it back: one that was to save its result and
 * is answered NO leaves an empty one (RFC 5182 section 2.1). `args`: as far as they were read. */
bool imap_search_end(struct imap_session *s, const struct imap_search_args *args, bool ok,
                     const struct err *e);

#endif
