/* SPDX-License-Identifier: Apache-2.0 */
/* Changes DKIM keys over to new ones by itself (dkim.rotate_after, or the domain's own time), with
 * an overlap. */
#ifndef SCHEDULER_ROTATION_H
#define SCHEDULER_ROTATION_H

#include "services/app/app.h"

/* One step for each domain that has one to make: a new key is made when the one that signs is old,
 * signs as soon as the DNS shows its records, and until then is warned of; a key that was retired
 * for dkim.overlap is destroyed. In zones of dns.updates its records are published and taken out,
 * too: a key whose records cannot be taken out now is kept until they can. Each step is logged and
 * has its audit row. One that fails is logged, and the other domains go on. Errors:
 * ERR_UNAVAILABLE, ERR_CANCELLED, and whatever failed last when the time is up. Yields. */
YIELDS bool rotation_run(struct app *app, int64_t deadline_ms, struct err *e);

#endif
