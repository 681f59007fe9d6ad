/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are uploaded for a message, in parts. Errors: also those of db_query. */
#ifndef COMPOSE_UPLOAD_H
#define COMPOSE_UPLOAD_H

#include "base/base.h"

struct db;

enum {
    COMPOSE_UPLOAD_MAX = 52428800, /* octets of one file */
    COMPOSE_UPLOAD_ID = 40         /* octets of an id as text, with its end */
};

struct compose_upload {
    str id;
    str name;
    str type;
    int64_t size;     /* of the whole */
    int64_t received; /* that are there */
    int64_t expires_us;
};

/* Begins an upload of *u's name, type and size with its first octets, and fills the rest.
 * ERR_LIMIT: too many of them. In arena. Yields. */
YIELDS bool compose_upload_begin(struct db *db, int64_t account_id, struct compose_upload *u,
                                 str first, struct arena *a, int64_t deadline_ms, struct err *e);
/* Adds octets at `from` of a file of `size`; *u is then as it is. The same part once more is no
 * fault. ERR_NOT_FOUND, ERR_CONFLICT: not where the file ends. In arena. Yields. */
YIELDS bool compose_upload_add(struct db *db, int64_t account_id, struct compose_upload *u,
                               int64_t from, str octets, struct arena *a, int64_t deadline_ms,
                               struct err *e);
/* ERR_NOT_FOUND. In arena. Yields. */
YIELDS bool compose_upload_get(struct db *db, int64_t account_id, str id, struct arena *a,
                               int64_t deadline_ms, struct compose_upload *out, struct err *e);
/* Octets from `from` on, at most `n`, as one stored part has them: fewer than asked for is no end.
 * In arena. Yields. */
YIELDS bool compose_upload_read(struct db *db, int64_t account_id, str id, size_t from, size_t n,
                                struct arena *a, int64_t deadline_ms, str *out, struct err *e);
/* Drops it, unless a draft uses it: then it goes with that. ERR_NOT_FOUND. Yields. */
YIELDS bool compose_upload_drop(struct db *db, int64_t account_id, str id, struct arena *a,
                                int64_t deadline_ms, struct err *e);
/* Removes uploads past their end that no draft uses. Yields. */
YIELDS bool compose_upload_sweep(struct db *db, int64_t deadline_ms, struct err *e);

#endif
