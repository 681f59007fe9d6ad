/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of account share: the directory itself and its cache of routes. Private to the
 * module. */
#ifndef ACCOUNT_DIRECTORY_H
#define ACCOUNT_DIRECTORY_H

#include "account/account.h"
#include "base/map.h"
#include "db/db.h"

struct account_directory {
    struct db *db;
    struct account_directory_options options;
    struct map routes; /* address -> struct cached_route */
    uint64_t forgets;  /* an answer to a question from before one may be from before a change */
    str srs_key;       /* empty: not read yet */
    uint8_t srs_key_octets[32];
    struct map signers; /* domain -> struct account_dkim_signer, also those without a key */
};

/* The cached route of local@domain, if it is young enough; the tag is copied to the arena. */
bool directory_cache_find(struct account_directory *d, str address, struct arena *a,
                          struct account_route *out);
/* Remembers a route (a copy), unless something was forgotten since the question, when d->forgets
 * was `forgets`. */
void directory_cache_put(struct account_directory *d, uint64_t forgets, str address,
                         const struct account_route *route);
/* Who an address of `domain` that was made by account_forward_sender stands for; one of ours is
 * looked for in its turn. *out stays as it is when the local part was not made so, or too long ago.
 * Errors: those of db_query. Yields. */
YIELDS bool directory_find_way_back(struct account_directory *d, str local, str domain,
                                    struct arena *a, int64_t deadline_ms, struct account_route *out,
                                    struct err *e);
/* The key of the cluster for senders that are made here. It never changes and is read once; lives
 * as long as the directory. Errors: those of db_query, ERR_INTERNAL. Yields. */
YIELDS bool directory_sender_key(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                                 str *out, struct err *e);
/* A local part without the id of a message that was put into it here; as it is when it has none. */
struct account_from_id {
    str base;
    int64_t queue_id; /* 0: it has none */
};
/* Reads one; borrows from `local`. Errors: those of directory_sender_key. Yields. */
YIELDS bool account_from_id_base(struct account_directory *d, str local, struct arena *a,
                                 int64_t deadline_ms, struct account_from_id *out, struct err *e);
/* Drops all cached signers. */
void directory_forget_signers(struct account_directory *d);
/* What the private halves of a key are bound to when they are sealed. In arena. */
str directory_dkim_bound(struct arena *a, str domain, str selector);
/* Forgets all routes and signers here, and tells of the change. */
void directory_changed(struct account_directory *d, int64_t account_id);

/* The written form that addresses have in the directory, and its domain; in arena. ERR_SYNTAX. */
bool directory_normal_address(struct arena *a, str address, str *out, str *domain, struct err *e);
/* The same for one that somebody is to get: "*" before the '@' would be a name like any other,
 * where whoever writes it means all of them; only a catch-all may be called so. */
bool directory_new_login(struct arena *a, str address, str *out, str *domain, struct err *e);

/* One change of the directory with what the audit log says of it. */
struct directory_act {
    const struct account_actor *actor;
    const struct db_stmt *stmt;
    const struct db_param *params; /* NULL: the object alone */
    size_t n;
    str action;
    str object;
    str detail;
    /* Whether the statement's rows tell of a change: otherwise there is no audit row. NULL: a
     * statement that does not fail changes something. */
    bool (*has_changed)(const struct db_rows *rows);
};

/* Runs the statement and writes its audit row in one transaction; *rows are the statement's (may be
 * NULL). Yields. */
YIELDS bool directory_change(struct account_directory *d, const struct directory_act *act,
                             struct arena *a, int64_t deadline_ms, struct db_rows **rows,
                             struct err *e);
#endif
