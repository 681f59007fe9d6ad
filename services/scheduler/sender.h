/* SPDX-License-Identifier: Apache-2.0 */
/* Sends what was submitted in the apps, when it cannot be taken back any more. */
#ifndef SCHEDULER_SENDER_H
#define SCHEDULER_SENDER_H

#include "services/app/app.h"

/* Looks for what is due, until the process drains. For fiber_spawn; `arg` is the struct app.
 * Yields.
 */
YIELDS void sender_run(void *arg);

#endif
