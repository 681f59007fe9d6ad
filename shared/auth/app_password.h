/* SPDX-License-Identifier: Apache-2.0 */
/* App passwords: random passwords of an account for one program each, good for some protocols and
 * networks only, so that the account's own password need not be given away. Also good for SCRAM. */
#ifndef AUTH_APP_PASSWORD_H
#define AUTH_APP_PASSWORD_H

#include "base/base.h"

struct auth;

/* What one is good for. */
enum {
    AUTH_APP_IMAP = 1,
    AUTH_APP_POP3 = 2,
    AUTH_APP_SMTP = 4,
    AUTH_APP_ALL = 7
};

enum {
    AUTH_APP_PASSWORDS_MAX = 50, /* of an account */
    AUTH_APP_NETWORKS_MAX = 20,  /* of one of them */
    AUTH_APP_SECRET_MAX = 48     /* octets of the text with its end: "abcd-efgh-..." */
};

struct auth_app_password {
    int64_t id;
    str label;
    unsigned protocols;  /* AUTH_APP_* */
    const str *networks; /* "192.0.2.0/24"; none: from everywhere */
    size_t n_networks;
    int64_t created_us;
    int64_t expires_us;   /* INT64_MAX: never */
    int64_t last_used_us; /* 0: never; to the minute */
    str last_used_ip;
};

struct auth_app_passwords {
    const struct auth_app_password *list; /* the newest first */
    size_t n;
};

/* Makes one of `wanted`'s label, protocols, networks (checked: ERR_SYNTAX) and end for the account
 * of this login, and fills the rest. The password of 140 random bits is written to `secret` and
 * cannot be had again. ERR_LIMIT: the account has AUTH_APP_PASSWORDS_MAX. Errors of db_query.
 * Yields. */
YIELDS bool auth_app_password_create(struct auth *auth, int64_t account_id, str login,
                                     struct auth_app_password *wanted, struct arena *a,
                                     int64_t deadline_ms, char secret[AUTH_APP_SECRET_MAX],
                                     struct err *e);
/* All of the account. In arena. Yields. */
YIELDS bool auth_app_password_list(struct auth *auth, int64_t account_id, struct arena *a,
                                   int64_t deadline_ms, struct auth_app_passwords *out,
                                   struct err *e);
/* Ends one: nobody logs in with it in this process any more; tell the others that the account
 * changed. ERR_NOT_FOUND. Yields. */
YIELDS bool auth_app_password_end(struct auth *auth, int64_t account_id, int64_t id,
                                  struct arena *a, int64_t deadline_ms, struct err *e);

/* Removes those that ended more than 30 days ago; about once an hour. Yields. */
struct db;
YIELDS bool auth_app_password_sweep(struct db *db, int64_t deadline_ms, struct err *e);

#endif
