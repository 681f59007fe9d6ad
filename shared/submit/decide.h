/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the answers to questions about held mail out of a submission, and carries them out. */
#ifndef SUBMIT_DECIDE_H
#define SUBMIT_DECIDE_H

#include "submit/submit.h"

/* Whether this recipient of the message is where its own sender answers such a question: somebody
 * else who knows the address decides nothing. */
bool decide_is_answer(const struct smtp_message *m, const struct smtp_recipient *r);

/* Carries out the answer that the message gives to this recipient, for which decide_is_answer is
 * true. What was decided meanwhile, and what a program answers (RFC 3834), is left alone; to what
 * is not clear the sender is told so, once. Errors: those of the database. Yields. */
YIELDS bool decide_take(const struct submit *s, const struct smtp_message *m,
                        const struct smtp_recipient *r, struct arena *a, int64_t deadline_ms,
                        struct err *e);

#endif
