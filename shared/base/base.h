/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of base: the words that every other module is written in.
 * Not for anything that does I/O or knows what a mail is. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/invariant.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Marks a prototype that may switch fibers: after the call, nothing reached through shared state
 * may be assumed unchanged. Checked by tools/check/yields. */
#define YIELDS

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What an iterator says: a row was given, there are no more, or it failed (the err is filled). */
enum step {
    STEP_ROW,
    STEP_END,
    STEP_FAIL
};

/* The struct of type `type` whose field `field` is at `ptr`. */
#define CONTAINER_OF(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

#endif
