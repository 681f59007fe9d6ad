/* SPDX-License-Identifier: Apache-2.0 */
/* The STATUS line of a mailbox, for STATUS and LIST; and what identifies a mailbox. */
#ifndef IMAP_STATUS_LINE_H
#define IMAP_STATUS_LINE_H

#include "services/imap/session.h"
#include "store/share.h"

/* Sends "* STATUS name (...)" with the items (IMAP_STATUS_*). Yields. */
YIELDS bool imap_send_status(struct imap_session *s, const struct store_place *place,
                             unsigned items);

/* "MAILBOXID (F1-2)", the response code of RFC 8474 section 4; in the command's arena. */
str imap_mailboxid_code(struct imap_session *s, int64_t account_id, int mailbox_id);

#endif
