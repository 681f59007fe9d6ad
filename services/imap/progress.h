/* SPDX-License-Identifier: Apache-2.0 */
/* Watches over a command that may take long: tells the client now and then that it is still being
 * worked on (INPROGRESS, RFC 9585), and ends what is only read for a client that is gone. */
#ifndef IMAP_PROGRESS_H
#define IMAP_PROGRESS_H

#include "services/imap/session.h"

/* Begins to watch over the command that this fiber runs; `only_reads`: it may be ended when its
 * client is gone. The tag must live until imap_progress_end. */
void imap_progress_begin(struct imap_session *s, str tag, bool only_reads);
void imap_progress_end(struct imap_session *s);

/* How many messages of how many are done: for INPROGRESS. Nothing is told of work that was not
 * begun here: what NOTIFY fetches belongs to no command. */
void imap_progress_set(struct imap_session *s, size_t done, size_t goal);
/* The same from a command that is between two lines of its own: tells it when it is time. False
 * when the connection is broken. Yields. */
YIELDS bool imap_progress_step(struct imap_session *s, size_t done, size_t goal);

#endif
