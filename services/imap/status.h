/* SPDX-License-Identifier: Apache-2.0 */
/* The STATUS and MYRIGHTS lines of a mailbox, for STATUS and LIST; and what identifies a mailbox.
 */
#ifndef IMAP_STATUS_LINE_H
#define IMAP_STATUS_LINE_H

#include "services/imap/session.h"
#include "store/share.h"

/* Sends "* STATUS name (...)" with the items (IMAP_STATUS_*). Errors: those of store, for items
 * that are not among the counters. Yields. */
YIELDS bool imap_send_status(struct imap_session *s, const struct store_place *place,
                             unsigned items, struct err *e);
/* Sends "* MYRIGHTS name rights" (RFC 4314 section 3.8). Yields. */
YIELDS bool imap_send_my_rights(struct imap_session *s, const struct store_place *place);

/* "MAILBOXID (F1-2)", the response code of RFC 8474 section 4; in the command's arena. */
str imap_mailboxid_code(struct imap_session *s, int64_t account_id, int mailbox_id);

#endif
