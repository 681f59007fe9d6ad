/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the client what it does not know of its selected mailbox. */
#ifndef IMAP_UPDATES_H
#define IMAP_UPDATES_H

#include "services/imap/view.h"

/* Sends EXPUNGE, EXISTS and FETCH lines for what changed in the database. Without `may_renumber`
 * only flags are told, the rest later (RFC 9051 section 7.5.1). A mailbox that is gone ends the
 * session. Yields. */
YIELDS bool imap_updates_send(struct imap_session *s, bool may_renumber, struct err *e);

/* The end of a command that expunged messages at `modseq` (0: none): tells of them, and answers OK
 * with HIGHESTMODSEQ to a client that keeps it. That it could not be told now does not undo it: it
 * is told later. Yields. */
YIELDS bool imap_updates_after_expunge(struct imap_session *s, int64_t modseq, const char *text);

/* A CONDSTORE enabling command (RFC 7162 section 3.1): MODSEQ is told from now on. The first one
 * says HIGHESTMODSEQ when a mailbox is selected. Between two lines only. Yields. */
YIELDS void imap_begin_condstore(struct imap_session *s);

/* Sends "* FLAGS (...)" with all flags in use, which counts as told. Yields. */
YIELDS bool imap_send_flags(struct imap_session *s);
/* The same when there are keywords that were not told. Yields. */
YIELDS bool imap_send_new_flags(struct imap_session *s);

/* Appends to s->out the beginning of the line about the message at the index: "* 5 FETCH (", or
 * after ENABLE UIDONLY "* 25 UIDFETCH (" (RFC 9586). False when it is full. */
bool imap_put_fetch(struct imap_session *s, size_t index);
/* Appends "* 5 FETCH (FLAGS (...))" with MODSEQ after a CONDSTORE enabling command, and UID with
 * `with_uid`. False when s->out is full. */
bool imap_put_row(struct imap_session *s, size_t index, bool with_uid);

#endif
