/* SPDX-License-Identifier: Apache-2.0 */
/* What NOTIFY asked for (RFC 5465), and the mailboxes as the client was told of them. A session
 * that waits has no fiber: notify wakes it, it reads the list of mailboxes once and tells what
 * differs. It is not for the content of the selected mailbox, which stands in updates.h; here is
 * only whether and when that is told. */
#ifndef IMAP_WATCH_H
#define IMAP_WATCH_H

#include "services/imap/session.h"
#include "store/share.h"
#include "wire/imap_notify.h"

struct imap_watch;
struct imap_command_entry;

/* Takes the place of what was asked for before, reads the mailboxes, and with args->wants_status
 * sends their STATUS. ERR_LIMIT: too much is asked for (NOTIFICATIONOVERFLOW). Yields. */
YIELDS bool imap_watch_set(struct imap_session *s, const struct imap_notify_args *args,
                           struct err *e);
/* Forgets it all: as if NOTIFY had never been given. Harmless without. */
void imap_watch_end(struct imap_session *s);

/* Events of messages of the selected mailbox that the client wants to know of: all when NOTIFY was
 * not given. */
unsigned imap_watch_selected_events(const struct imap_session *s);
/* Whether changes of the selected mailbox are told now, without a command that waits for them. */
bool imap_watch_is_prompt(const struct imap_session *s);
/* As imap_updates_send, under what NOTIFY asked for: perhaps nothing, perhaps with a FETCH of what
 * is new. `is_own`: a command of this client may have changed the mailbox; that is always told.
 * Yields. */
YIELDS bool imap_watch_tell_selected(struct imap_session *s, bool may_renumber, bool is_own,
                                     struct err *e);

/* Tells what changed in other mailboxes, unless it was told a moment ago. Yields. */
YIELDS void imap_watch_look(struct imap_session *s);
/* The same after a command of this client that changes the mailboxes which `args` begins with: they
 * are not told of. Yields. */
YIELDS void imap_watch_look_after(struct imap_session *s, struct imap_lexer args);
/* When imap_watch_look has something to do: a monotonic time, DEADLINE_NONE for not now. */
int64_t imap_watch_due(const struct imap_session *s);

#endif
