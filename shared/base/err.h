/* SPDX-License-Identifier: Apache-2.0 */
/* struct err: what went wrong, as a kind for programs and a sentence for operators. It lives on
 * the caller's stack. A function that can fail returns bool and takes `struct err *e` last:
 * success leaves *e alone, failure fills it exactly once. Peers never see the sentence; each
 * protocol maps the kind to its reply in one table (replies.c). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err_kind {
    ERR_NONE,            /* not filled */
    ERR_SYNTAX,          /* input is malformed */
    ERR_NOT_FOUND,       /* what was asked for is not there */
    ERR_EXISTS,          /* it is there already */
    ERR_DENIED,          /* not allowed */
    ERR_LIMIT,           /* a named limit was passed */
    ERR_CONFLICT,        /* somebody else was faster; try again may help */
    ERR_UNAVAILABLE,     /* a service that is needed is away; try later */
    ERR_TIMEOUT,         /* the deadline passed */
    ERR_CANCELLED,       /* the fiber was asked to end */
    ERR_CLOSED,          /* the peer closed the connection */
    ERR_UNKNOWN_OUTCOME, /* a COMMIT or write was sent and never answered */
    ERR_UNSUPPORTED,     /* understood, but not offered */
    ERR_DAMAGED,         /* what is stored is not what was put there */
    ERR_INTERNAL         /* our own fault, or the operating system's */
};

struct err {
    enum err_kind kind;
    int sys;          /* errno at the failing call, 0 when it does not apply */
    const char *file; /* static */
    int line;
    char msg[232]; /* NUL-terminated, cut when too long */
};

/* `struct err e = ERR_CLEAR;` */
#define ERR_CLEAR ((struct err){ .kind = ERR_NONE })

/* Fill *e and give false, so that a failing function ends with `return ERR(e, KIND, "...")`.
 * ERR_SYS also keeps errno, which must be of the call on the line before. */
#define ERR(e, err_kind, ...)     err_set((e), (err_kind), 0, __FILE__, __LINE__, __VA_ARGS__)
#define ERR_SYS(e, err_kind, ...) err_set_sys((e), (err_kind), __FILE__, __LINE__, __VA_ARGS__)

/* Use ERR and ERR_SYS. `e` may be NULL when the caller does not care. Always false. */
bool err_set(struct err *e, enum err_kind kind, int sys, const char *file, int line,
             const char *format, ...) __attribute__((format(printf, 6, 7)));
bool err_set_sys(struct err *e, enum err_kind kind, const char *file, int line, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

/* Puts "context: " before the sentence, on the way up. Always false, for `return err_wrap(...)`. */
bool err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The kind in lower case, for logs and JSON: "not_found". Static. */
const char *err_kind_name(enum err_kind kind);

#endif
