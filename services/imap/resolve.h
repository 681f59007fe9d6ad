/* SPDX-License-Identifier: Apache-2.0 */
/* From the name of a mailbox in a command to the mailbox: whose it is, and what the user may do
 * with it (RFC 4314). Every command that names a mailbox comes through here; the selected one has
 * its rights in the view. */
#ifndef IMAP_RESOLVE_H
#define IMAP_RESOLVE_H

#include "services/imap/session.h"
#include "store/share.h"

/* The mailbox of a decoded name, for a command that needs all of the rights (STORE_MAY_*; 0: any
 * one is enough). ERR_NOT_FOUND: there is none, or the user may not know of it. ERR_DENIED. In the
 * command's arena. Yields. */
YIELDS bool imap_resolve(struct imap_session *s, str name, unsigned needed, struct store_place *out,
                         struct err *e);

/* Whether the user may do all of it with the selected mailbox: ERR_DENIED when not; ERR_UNSUPPORTED
 * when it was opened with EXAMINE. */
bool imap_view_may(const struct imap_session *s, unsigned needed, struct err *e);

/* Asks again for the rights on the selected mailbox of somebody else, by its ids: before a command
 * when something changed there, and before anything that changed is told. Without the right to read
 * it the session ends (s->is_closing), which is success; so is a mailbox that is gone: its box
 * tells. Nothing is asked of the user's own mailboxes. Yields. */
YIELDS bool imap_view_recheck(struct imap_session *s, struct err *e);

/* The name that the selected mailbox has now: it may have been renamed since SELECT. ERR_NOT_FOUND:
 * it is gone. In the command's arena. Yields. */
YIELDS bool imap_view_name(struct imap_session *s, str *name, struct err *e);

/* \Seen of the user on messages that were stored in a mailbox of somebody else just now, by UID,
 * ascending; nothing to do in an own one. They are stored whatever happens here: a failure goes to
 * the log, under the command's name, and the answer stays OK. Yields. */
YIELDS void imap_mark_own_seen(struct imap_session *s, const struct store_place *place,
                               const uint32_t *uids, size_t n, str command);

/* The flags that the rights on a mailbox let through, of those in `flags` (STORE_SEEN ...); and
 * whether keywords go through (RFC 4314 section 4, STORE and APPEND). */
unsigned imap_rights_flags(unsigned rights, unsigned flags);
bool imap_rights_keywords(unsigned rights);

#endif
