/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where a kind of error becomes an IMAP answer (RFC 5530). */
#ifndef IMAP_REPLIES_H
#define IMAP_REPLIES_H

#include "services/imap/session.h"

/* The answer for the error's kind; static. The sentence of the error is not for peers. */
struct imap_reply imap_reply_for(const struct err *e);

#endif
