/* SPDX-License-Identifier: Apache-2.0 */
/* The table of periodic jobs. */
#ifndef SCHEDULER_JOBS_H
#define SCHEDULER_JOBS_H

#include "services/app/app.h"

struct scheduler_job {
    const char *name; /* of its lease, in the log */
    int64_t every_ms; /* from the end of a run to the next */
    int64_t limit_ms; /* that a run may take */
    /* Does the work until the deadline. Yields. */
    bool (*run)(struct app *app, int64_t deadline_ms, struct err *e);
};

/* All jobs, *n of them. Static. */
const struct scheduler_job *scheduler_jobs(size_t *n);

#endif
