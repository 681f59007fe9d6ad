/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that an account, or all accounts of a domain, are not to write to: added by hand, or
 * because another server refused them for good (account_sending_note_refused). */
#ifndef ACCOUNT_SUPPRESSION_H
#define ACCOUNT_SUPPRESSION_H

#include "account/account.h"

enum {
    ACCOUNT_SUPPRESSION_LIST_MAX = 1000,
    ACCOUNT_SUPPRESSION_ADDRESS_MAX = 320, /* octets */
    ACCOUNT_SUPPRESSION_REASON_MAX = 255   /* octets of what is added by hand */
};

struct account_suppression {
    int64_t id;         /* ascends with time; for pages */
    str sender;         /* login or domain that is not to write there */
    str address;        /* local@domain in lower case */
    bool is_manual;     /* else another server refused it */
    bool is_in_force;   /* it is refused at submission; always true by hand */
    str status;         /* "5.1.1", empty by hand */
    str reason;         /* of who added it, or the server's reply */
    int64_t created_us; /* or refused the last time */
    int64_t expires_us; /* 0: never */
};

struct account_suppressions {
    struct account_suppression *list;
    size_t n;
};

/* What is asked of an address. */
struct account_suppression_ask {
    int64_t account_id;
    str address;
    bool with_refused; /* what other servers refused counts, too, not only what was added by hand */
};

struct account_suppression_answer {
    bool has_any; /* anything is in force for the account: else nothing needs to be asked */
    bool is_suppressed;
    str reason; /* in arena */
};

/* Whether the account is not to write there. Errors: those of db_query. Yields. */
YIELDS bool account_suppression_find(struct account_directory *d,
                                     const struct account_suppression_ask *ask, struct arena *a,
                                     int64_t deadline_ms, struct account_suppression_answer *out,
                                     struct err *e);

/* Those of an account, by any of its addresses, or of a domain, ACCOUNT_SUPPRESSION_LIST_MAX at
 * most, by address. ERR_NOT_FOUND, ERR_SYNTAX. In arena. Yields. */
YIELDS bool account_suppression_list(struct account_directory *d, str subject, bool with_refused,
                                     struct arena *a, int64_t deadline_ms,
                                     struct account_suppressions *out, struct err *e);
/* Which of all that there are. */
struct account_suppression_query {
    str search; /* lower case; address or sender hold it; empty: all */
    bool with_manual;
    bool with_refused;
    bool heeds_refused; /* what other servers refused is in force */
    int64_t before;     /* only ids below this one; 0: all */
    size_t limit;       /* rows */
};

/* A page of all, the last ones first. Errors: those of db_query. In arena. Yields. */
YIELDS bool account_suppression_page(struct account_directory *d,
                                     const struct account_suppression_query *query, struct arena *a,
                                     int64_t deadline_ms, struct account_suppressions *out,
                                     struct err *e);
/* An address to be added by hand, and what came of that. */
struct account_suppression_put {
    str address;
    str reason;
    bool was_there; /* by hand: it stays as it is, with its own reason, and is `there` */
    struct account_suppression there; /* without its id; in arena */
};

/* Adds one by hand, with its audit row; one that another server refused becomes one by hand. One
 * that was there by hand is no change, so there is no row either. ERR_NOT_FOUND (the subject),
 * ERR_SYNTAX. Yields. */
YIELDS bool account_suppression_add(struct account_directory *d, const struct account_actor *actor,
                                    str subject, struct account_suppression_put *put,
                                    struct arena *a, int64_t deadline_ms, struct err *e);
/* Lifts one, whatever it came from, with its audit row. ERR_NOT_FOUND, ERR_SYNTAX. Yields. */
YIELDS bool account_suppression_remove(struct account_directory *d,
                                       const struct account_actor *actor, str subject, str address,
                                       struct arena *a, int64_t deadline_ms, struct err *e);

#endif
