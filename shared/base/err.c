/* SPDX-License-Identifier: Apache-2.0 */
/* Filling and wrapping of errors; no allocation anywhere. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERR_NONE] = "none",
    [ERR_SYNTAX] = "syntax",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_EXISTS] = "exists",
    [ERR_DENIED] = "denied",
    [ERR_LIMIT] = "limit",
    [ERR_CONFLICT] = "conflict",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_TIMEOUT] = "timeout",
    [ERR_CANCELLED] = "cancelled",
    [ERR_CLOSED] = "closed",
    [ERR_UNKNOWN_OUTCOME] = "unknown_outcome",
    [ERR_UNSUPPORTED] = "unsupported",
    [ERR_DAMAGED] = "damaged",
    [ERR_INTERNAL] = "internal",
};

static void fill(struct err *e, enum err_kind kind, int sys, const char *file, int line)
{
    e->kind = kind;
    e->sys = sys;
    e->file = file;
    e->line = line;
}

bool err_set(struct err *e, enum err_kind kind, int sys, const char *file, int line,
             const char *format, ...)
{
    if (!e)
        return false;
    va_list args;
    va_start(args, format);
    fill(e, kind, sys, file, line);
    (void)vsnprintf(e->msg, sizeof(e->msg), format, args);
    va_end(args);
    return false;
}

bool err_set_sys(struct err *e, enum err_kind kind, const char *file, int line, const char *format,
                 ...)
{
    int sys = errno;
    if (!e)
        return false;
    va_list args;
    va_start(args, format);
    fill(e, kind, sys, file, line);
    int n = vsnprintf(e->msg, sizeof(e->msg), format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(e->msg)) {
        char text[96];
        /* The GNU strerror_r may return a static string instead of filling the buffer. */
        const char *reason = strerror_r(sys, text, sizeof(text));
        (void)snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", reason);
    }
    return false;
}

bool err_wrap(struct err *e, const char *format, ...)
{
    if (!e)
        return false;
    char old[sizeof(e->msg)];
    memcpy(old, e->msg, sizeof(old));
    va_list args;
    va_start(args, format);
    int n = vsnprintf(e->msg, sizeof(e->msg), format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(e->msg))
        (void)snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", old);
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    return kind_names[kind];
}
