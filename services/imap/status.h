/* SPDX-License-Identifier: Apache-2.0 */
/* The STATUS line of a mailbox, for STATUS and LIST. */
#ifndef IMAP_STATUS_LINE_H
#define IMAP_STATUS_LINE_H

#include "services/imap/session.h"
#include "store/store.h"

/* Sends "* STATUS name (...)" with the items (IMAP_STATUS_*). Yields. */
YIELDS bool imap_send_status(struct imap_session *s, const struct store_mailbox *mailbox,
                             unsigned items);

#endif
