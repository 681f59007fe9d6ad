/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the process on a broken invariant. */
#include "base/invariant.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void invariant_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "heronry: invariant broken at %s:%d: %s\n", file, line, condition);
    abort();
}
