/* SPDX-License-Identifier: Apache-2.0 */
/* What a session of a mail protocol was let in with, and whether that would still let it in: the
 * account may be disabled, its password another one, the app password or token ended (U13). Not for
 * requests of HTTP, which are looked at one by one (grant.h). */
#ifndef AUTH_TICKET_H
#define AUTH_TICKET_H

#include "base/base.h"

struct db;

/* All of it comes from the login (auth_identity) and stays as it is. */
struct auth_ticket {
    int64_t account_id;
    int64_t password_serial; /* of the account's password then (account.h) */
    int64_t app_password_id; /* 0: it was not by one */
    int64_t token_id;        /* of the API; 0: it was not by one */
};

enum auth_standing {
    AUTH_STANDS,
    AUTH_ACCOUNT_ENDED,    /* disabled or removed */
    AUTH_PASSWORD_CHANGED, /* the account's own, and that was used */
    AUTH_SECRET_ENDED      /* the app password or token was ended or has expired */
};

/* Whether the session may go on. Errors of db_query. Yields. */
YIELDS bool auth_ticket_check(struct db *db, const struct auth_ticket *ticket, struct arena *a,
                              int64_t deadline_ms, enum auth_standing *out, struct err *e);

struct auth_accounts {
    const int64_t *list;
    size_t n;
};

/* Accounts of which at least one of the tickets lets in no more, in arena; the same one may be
 * there more than once. For sessions that were not told of a change. Errors of db_query. Yields. */
YIELDS bool auth_tickets_ended(struct db *db, const struct auth_ticket *tickets, size_t n,
                               struct arena *a, int64_t deadline_ms, struct auth_accounts *out,
                               struct err *e);

#endif
