/* SPDX-License-Identifier: Apache-2.0 */
/* Stress mode: with nearly all connections open, or more to do than the loop can, a client that is
 * slow or errs makes room for others. */
#ifndef SMTP_STRESS_H
#define SMTP_STRESS_H

#include "services/smtp/session.h"

/* Whether `open` of `max` connections are a crowd: from 80 % on, and then until it is less than
 * 60 %. Pure. */
bool smtp_is_crowd(size_t open, size_t max, bool was_crowd);

/* A connection of the listener came or went. When its crowd begins, all its sessions that wait for
 * a command wait only as long as they do in stress mode. Does not wait. */
void smtp_note_crowd(struct smtp_front *front);

/* How long the answer to an error waits, when it is `past` errors more than go unpunished: 1 s, and
 * a second more for every four of them. Pure. */
int64_t smtp_tarpit_ms(unsigned past);

/* Counts an error of the client, and waits as long as is due for it. *answer becomes
 * ANSWER_TOO_MANY_ERRORS past the limit, in stress mode at the second one (the first may be a wrong
 * recipient among good ones: its answer is final), and when very many wait already.
 * False: the connection is broken. Yields. */
YIELDS bool smtp_punish(struct smtp_session *s, enum smtp_answer *answer);

#endif
