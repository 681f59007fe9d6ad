/* SPDX-License-Identifier: Apache-2.0 */
/* Places where tests make the program die, wait or fail (PROMISES, fault injection). They exist
 * only in builds with HERONRY_FAILPOINTS; in a release nothing of them is left, not even the name
 * of the environment variable.
 *
 * HERONRY_FAILPOINT=name:action[@n][,name:action[@n]] chooses what happens when a place is passed:
 * `kill` (SIGKILL to this process), `sleep=MS` (blocks the thread), `error` (FAILPOINT_FAILS is
 * true there), `while=PATH` (it is true as long as the file exists). @n does it at the n-th passing
 * only, counted from 1 in each process. */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef HERONRY_FAILPOINTS
/* A place that may kill or sleep. */
#define FAILPOINT(name) ((void)failpoint_pass(name))
/* A place that may also fail: `if (FAILPOINT_FAILS("blob-parse")) return ERR(...);` */
#define FAILPOINT_FAILS(name) failpoint_pass(name)
/* How long to wait for somebody who should answer within `ms`: at least 20 s where the place
 * `name` ("redis-is-awaited") fails. Tests run on machines that are busy with others and stand
 * still for a second: whoever is slow there is not away. */
#define FAILPOINT_PATIENCE(name, ms) failpoint_patience(name, ms)

/* Use the macros. Does what the environment asks for at this place; true when it fails. */
bool failpoint_pass(const char *name);
int64_t failpoint_patience(const char *name, int64_t ms);
#else
#define FAILPOINT(name)              ((void)0)
#define FAILPOINT_FAILS(name)        false
#define FAILPOINT_PATIENCE(name, ms) ((int64_t)(ms))
#endif

#endif
