/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where a kind of error becomes an IMAP answer (RFC 5530). */
#ifndef IMAP_REPLIES_H
#define IMAP_REPLIES_H

#include "services/imap/session.h"

/* The answer for the error's kind; static or in the arena. The sentence of the error is told only
 * where it is of a parser or a limit of ours ("expected '(' at octet 7"): never the database's. */
struct imap_reply imap_reply_for(const struct err *e, struct arena *a);

/* Whether this kind of error tells of what was asked for. A statement that took too long is
 * ERR_LIMIT and a deadlock that did not end ERR_CONFLICT, too: these get the answer of
 * imap_reply_for, not one that names a cause (RFC 5530). */
bool imap_is_refusal(const struct err *e, enum err_kind kind);

#endif
