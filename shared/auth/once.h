/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that must be carried out once: keys that a client chose, with the answer that the first
 * request got, for 24 hours. For the HTTP API's Idempotency-Key. */
#ifndef AUTH_ONCE_H
#define AUTH_ONCE_H

#include "base/base.h"

struct db;

enum auth_once {
    AUTH_ONCE_FIRST,   /* carry it out; then auth_once_keep or auth_once_drop */
    AUTH_ONCE_DONE,    /* it was carried out: the answer is filled */
    AUTH_ONCE_AT_WORK, /* the first one is being carried out */
    AUTH_ONCE_OTHER    /* the key was used for another request */
};

struct auth_once_answer {
    int status;
    str location;
    str body; /* JSON text, or empty */
};

enum {
    AUTH_ONCE_HASH = 32,           /* octets: SHA-256 of the request */
    AUTH_ONCE_BODY_MAX = 64 * 1024 /* of an answer that is kept */
};

/* Takes the key of the account for a request, or tells what became of the first one. A first one
 * that left no answer for a minute counts as lost. In arena. Yields. */
YIELDS bool auth_once_begin(struct db *db, int64_t account_id, str key,
                            const uint8_t hash[AUTH_ONCE_HASH], struct arena *a,
                            int64_t deadline_ms, enum auth_once *out,
                            struct auth_once_answer *answer, struct err *e);
/* Keeps the answer. Yields. */
YIELDS bool auth_once_keep(struct db *db, int64_t account_id, str key,
                           const struct auth_once_answer *answer, int64_t deadline_ms,
                           struct err *e);
/* Frees the key: the request may be sent again. Yields. */
YIELDS bool auth_once_drop(struct db *db, int64_t account_id, str key, int64_t deadline_ms,
                           struct err *e);

#endif
