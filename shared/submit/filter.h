/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of others (milters, then hooks) in the way of what users send. Private to submit. */
#ifndef SUBMIT_FILTER_H
#define SUBMIT_FILTER_H

#include "submit/submit.h"

struct filter_answer {
    enum submit_verdict verdict;
    bool is_discarded;                  /* SUBMIT_DONE, and it goes to nobody */
    bool is_held;                       /* in quarantine */
    str content;                        /* the message with their changes; in arena */
    str reason;                         /* of a refusal, or of the quarantine; in arena */
    const struct smtp_message *changed; /* with another envelope; NULL: that of before */
};

/* Whether there is anybody to ask. Pure. */
bool filter_is_needed(const struct submit *s);

/* Shows the filters what `m` became (`content`, without our Received field). They have their own
 * times; before and behind them there are `time_ms` for the database. ERR_CANCELLED, and those of
 * account_get and hook_change_envelope. Yields. */
YIELDS bool filter_message(const struct submit *s, const struct smtp_message *m, str content,
                           struct arena *a, int64_t time_ms, struct filter_answer *out,
                           struct err *e);

#endif
