/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions that are always on, for our own faults only. Peer input, the content of the database
 * and messages of other processes are never asserted: they are errors. */
#ifndef BASE_INVARIANT_H
#define BASE_INVARIANT_H

#define INVARIANT(condition) \
    ((condition) ? (void)0 : invariant_failed(#condition, __FILE__, __LINE__))

/* Prints the broken condition with its place on standard error and aborts. */
_Noreturn void invariant_failed(const char *condition, const char *file, int line);

#endif
