/* SPDX-License-Identifier: Apache-2.0 */
/* How the server is: looks at what it needs. */
#ifndef API_HEALTH_H
#define API_HEALTH_H

#include "services/api/call.h"

enum health_status {
    HEALTH_OK,
    HEALTH_DEGRADED,
    HEALTH_DOWN
};

enum {
    HEALTH_CHECKS_MAX = 6
};

struct health_check {
    const char *name;
    enum health_status status;
    int64_t us; /* how long the look took */
    str detail;
};

struct health {
    enum health_status status; /* the worst of the checks */
    struct health_check checks[HEALTH_CHECKS_MAX];
    size_t n;
};

/* Looks at the database, and with `all` at everything. Yields. */
YIELDS void health_look(struct api_call *call, bool all, struct health *out);
/* "ok", "degraded", "down"; static. */
const char *health_word(enum health_status status);

#endif
