/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before a process that died is started again: 0.1 s, doubled up to 30 s, and
 * from the beginning after a life of 60 s (RUNTIME.md section 7). Pure. */
#ifndef SUPERVISOR_BACKOFF_H
#define SUPERVISOR_BACKOFF_H

#include "base/base.h"

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 30000,
    BACKOFF_RESET_MS = 60000
};

struct backoff {
    int64_t last_ms; /* 0: no failure yet */
};

/* The wait after a process that lived for `lived_ms` milliseconds. */
int64_t backoff_next(struct backoff *b, int64_t lived_ms);

#endif
