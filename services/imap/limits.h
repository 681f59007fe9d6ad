/* SPDX-License-Identifier: Apache-2.0 */
/* How many messages one command may work on: MESSAGELIMIT and SAVELIMIT (RFC 9738). Without the
 * first one only COPY and APPEND are limited. */
#ifndef IMAP_LIMITS_H
#define IMAP_LIMITS_H

#include "services/imap/search_run.h"
#include "services/imap/view.h"

/* Whether a command may not act on so many messages at once. */
bool imap_limit_is_passed(const struct imap_session *s, size_t n);
/* Leaves of more than MESSAGELIMIT messages those with the highest UIDs. The answer will say so. */
void imap_limit_selection(struct imap_session *s, struct imap_selection *selection);
/* Finds as imap_search_find, but looks only at so many messages, the ones with the highest UIDs of
 * those that the sets at the top of the tree name; the answer will say so. Yields. */
YIELDS bool imap_limit_search(struct imap_search *search, struct imap_found *out, struct err *e);

/* Whether `n` messages are more than one command may sort or thread, or (`is_save`) put into a
 * mailbox. Sets the answer then: nothing may be done. */
bool imap_limit_refuses(struct imap_session *s, size_t n, bool is_save);
/* The same of the messages that the sets at the top of the tree name. */
bool imap_limit_refuses_search(const struct imap_search *search);

/* The answer to what was refused with ERR_LIMIT (imap_is_refusal): OVERQUOTA when `messages` more
 * of altogether so many octets are too much for the account; else it is a limit of UIDs or keywords
 * (RFC 9051 section 7.1), always when 0 messages need room. Yields. */
YIELDS bool imap_limit_refuse_full(struct imap_session *s, int64_t account_id, int64_t octets,
                                   size_t messages);

/* Says in the answer, or in a line before it when it has another code, down to which UID the
 * command went, if it did not see to all. Yields. */
YIELDS void imap_limit_tell(struct imap_session *s);

#endif
