/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an account may send so much now; and telling people when one is stopped. */
#ifndef SUBMIT_ALLOW_H
#define SUBMIT_ALLOW_H

#include "submit/submit.h"

struct allow_answer {
    enum submit_verdict verdict;
    int64_t taken_us; /* when it was counted; 0: it was not */
};

/* Counts a message for `recipients` elsewhere. The verdict is SUBMIT_DONE when it may go, else
 * SUBMIT_LIMITED, SUBMIT_NEVER or SUBMIT_STOPPED; who is stopped from this time on is told, and so
 * are the administrators. Mail of the server itself always may. Errors: those of
 * account_sending_take. Yields. */
YIELDS bool allow_take(const struct submit *s, const struct smtp_message *m, size_t recipients,
                       struct arena *a, int64_t deadline_ms, struct allow_answer *out,
                       struct err *e);

#endif
