/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the client what it does not know of its selected mailbox. */
#ifndef IMAP_UPDATES_H
#define IMAP_UPDATES_H

#include "services/imap/view.h"

/* Sends EXPUNGE, EXISTS and FETCH lines for what changed in the database. Without `may_renumber`
 * only flags are told, the rest later (RFC 9051 section 7.5.1). A mailbox that is gone ends the
 * session. Yields. */
YIELDS bool imap_updates_send(struct imap_session *s, bool may_renumber, struct err *e);

/* Sends "* FLAGS (...)" with all flags in use. Yields. */
YIELDS bool imap_send_flags(struct imap_session *s);
/* Sends "* n FETCH (UID u FLAGS (...))" of the message at the index, with MODSEQ for those who
 * asked for such things. Yields. */
YIELDS bool imap_send_row(struct imap_session *s, size_t index, bool with_uid);

#endif
