/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the answers to questions about held mail out of a submission, and carries them out. */
#ifndef SUBMIT_DECIDE_H
#define SUBMIT_DECIDE_H

#include "submit/submit.h"

enum {
    DECIDE_MAX = 32 /* addresses of a message where it answers such questions */
};

/* Whether this recipient of the message is where its own sender answers such a question: somebody
 * else who knows the address decides nothing. */
bool decide_is_answer(const struct smtp_message *m, const struct smtp_recipient *r);

/* Whether nobody wrote the message, but a program that answers for its user (RFC 3834), or reports:
 * then it decides nothing. */
bool decide_is_automatic(const struct smtp_message *m, struct arena *a);

/* Carries out the answer that the message gives to `r`, one of its recipients, for which
 * decide_is_answer is true; once, where it went to the same address in other letters, too. The
 * sender is told of what is not clear (queue_hold_unclear). *is_late becomes true when nothing
 * waits for the answer any more. Errors: those of the database. Yields. */
YIELDS bool decide_take(const struct submit *s, const struct smtp_message *m,
                        const struct smtp_recipient *r, struct arena *a, int64_t deadline_ms,
                        bool *is_late, struct err *e);

/* Tells the sender, once for the message, that nothing waits for (some of) its answers. Errors:
 * those of the database; a mail that cannot be delivered is logged, and is none. Yields. */
YIELDS bool decide_say_late(const struct submit *s, const struct smtp_message *m, struct arena *a,
                            int64_t deadline_ms, struct err *e);

#endif
