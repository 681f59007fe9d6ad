/* SPDX-License-Identifier: Apache-2.0 */
/* How much accounts, and all accounts of a domain or a tenant (tenant.h) together, may send to
 * other servers, and who may not send at all for now. Counted in the database, so the same for all
 * frontends. */
#ifndef ACCOUNT_SENDING_H
#define ACCOUNT_SENDING_H

#include "account/account.h"

enum account_sending_window {
    ACCOUNT_SENDING_MESSAGES_HOUR,
    ACCOUNT_SENDING_RECIPIENTS_HOUR,
    ACCOUNT_SENDING_MESSAGES_DAY,
    ACCOUNT_SENDING_RECIPIENTS_DAY,
    ACCOUNT_SENDING_WINDOWS
};

/* A limit of each message, for which nothing is counted. It is behind the windows in lists of
 * limits. */
enum {
    ACCOUNT_SENDING_PER_MESSAGE = ACCOUNT_SENDING_WINDOWS, /* its recipients, those here, too */
    ACCOUNT_SENDING_LIMITS
};

/* What holds for accounts without limits of their own. */
struct account_sending_rules {
    int64_t most[ACCOUNT_SENDING_WINDOWS]; /* in an hour or 24 hours; 0: any number */
    int64_t refusals;           /* of a day, after which the account is stopped; 0: never */
    int64_t refused_recipients; /* by other servers in an hour, likewise; 0: any number */
    int64_t networks;           /* that logins come from in an hour, likewise; 0: any number */
    bool suppresses;            /* what was refused is not to be written to (suppression.h) */
    int64_t suppress_ms;        /* how long a recipient that was refused is remembered */
};

enum account_sending_said {
    ACCOUNT_SENDING_ALLOWED,
    ACCOUNT_SENDING_FULL,        /* a limit of the account is reached */
    ACCOUNT_SENDING_DOMAIN_FULL, /* one of its domain */
    ACCOUNT_SENDING_STOPPED,     /* it may send nothing */
    ACCOUNT_SENDING_STOPPED_NOW, /* the same from this time on: people are to be told */
    ACCOUNT_SENDING_TENANT_FULL  /* a limit of its domain's tenant is reached */
};

/* What an account is about to send. */
struct account_sending_ask {
    int64_t account_id;
    size_t recipients; /* elsewhere; 0: to people here only, which no limit counts */
    struct account_sending_rules rules;
    bool waits; /* it is tried again later, so that it is no refusal */
};

struct account_sending_answer {
    enum account_sending_said said;
    enum account_sending_window full; /* which limit; of those FULL and STOPPED_NOW */
    int64_t taken_us;                 /* when it was counted */
    bool is_ever;                     /* it may go at another time: a limit has room for it alone */
};

/* Whether the account may send this message now; it is counted when it may. Errors: those of
 * db_query. Yields. */
YIELDS bool account_sending_take(struct account_directory *d, const struct account_sending_ask *ask,
                                 struct arena *a, int64_t deadline_ms,
                                 struct account_sending_answer *out, struct err *e);

/* What was counted and did not go after all. */
struct account_sending_given {
    int64_t account_id;
    size_t recipients;
    int64_t taken_us; /* as answered */
};

/* Counts it no more. Its failure is nobody's. Yields. */
YIELDS void account_sending_give_back(struct account_directory *d,
                                      const struct account_sending_given *given, struct arena *a,
                                      int64_t deadline_ms);

/* How many recipients one message of the account may have: its own limit, else that of its domain,
 * else that of the domain's tenant; 0: as many as the server takes of anybody. Errors: those of
 * db_query. Yields. */
YIELDS bool account_sending_per_message(struct account_directory *d, int64_t account_id,
                                        struct arena *a, int64_t deadline_ms, int64_t *out,
                                        struct err *e);

/* Recipients of an account that other servers refused for good. */
struct account_sending_refused {
    int64_t account_id;
    const str *addresses;
    const str *statuses; /* "5.1.1" */
    const str *replies;
    size_t n;
    const struct account_sending_rules *rules;
};

/* Remembers them. *stopped: they are so many that the account may send nothing from this time on,
 * and people are to be told. Errors: those of db_query. Yields. */
YIELDS bool account_sending_note_refused(struct account_directory *d,
                                         const struct account_sending_refused *refused,
                                         struct arena *a, int64_t deadline_ms, bool *stopped,
                                         struct err *e);

/* A login of an account, to send. */
struct account_sending_login {
    int64_t account_id;
    str ip; /* "192.0.2.1"; empty: a unix socket */
    const struct account_sending_rules *rules;
};

/* Remembers whence. *stopped: likewise, for so many networks. Errors: those of db_query. Yields. */
YIELDS bool account_sending_note_login(struct account_directory *d,
                                       const struct account_sending_login *login, struct arena *a,
                                       int64_t deadline_ms, bool *stopped, struct err *e);

/* Forgets refused recipients past their time, and networks of more than a day ago. For a periodic
 * job. Yields. */
YIELDS bool account_sending_sweep(struct account_directory *d, int64_t deadline_ms, struct err *e);

enum {
    ACCOUNT_SENDING_AS_CONFIGURED = -1,
    ACCOUNT_SENDING_AS_IT_WAS = -2, /* of a change */
    ACCOUNT_SENDING_LIST_MAX = 1000,
    ACCOUNT_SENDING_TOLD_MAX = 20
};

/* What the name of a tenant follows where one may stand for an account or a domain, too. */
#define ACCOUNT_SENDING_TENANT "tenant:"

struct account_sending {
    str subject;                           /* login, domain or "tenant:" and a name */
    int64_t most[ACCOUNT_SENDING_LIMITS];  /* its own; ACCOUNT_SENDING_AS_CONFIGURED; 0: any */
    int64_t used[ACCOUNT_SENDING_WINDOWS]; /* in the last hour or 24 hours */
    int64_t per_message;                   /* that counts for it, as account_sending_per_message */
    int64_t refused;                       /* times since midnight UTC; one counts in 5 minutes */
    int64_t stopped_at_us;                 /* 0: it may send */
    str stopped_why;
};

struct account_sending_list {
    struct account_sending *list; /* by name */
    size_t n;
};

/* Of an account, by any of its addresses, a domain or a tenant. ERR_NOT_FOUND, ERR_SYNTAX. In
 * arena. Yields.
 */
YIELDS bool account_sending_get(struct account_directory *d, str subject, struct arena *a,
                                int64_t deadline_ms, struct account_sending *out, struct err *e);
/* All that have limits of their own or are stopped, ACCOUNT_SENDING_LIST_MAX at most. In arena.
 * Yields. */
YIELDS bool account_sending_list(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                                 struct account_sending_list *out, struct err *e);

/* Sets limits of an account, a domain or a tenant, each a number as in struct account_sending or
 * ACCOUNT_SENDING_AS_IT_WAS, with its audit row. ERR_NOT_FOUND, ERR_SYNTAX. Yields. */
YIELDS bool account_sending_set(struct account_directory *d, const struct account_actor *actor,
                                str subject, const int64_t most[ACCOUNT_SENDING_LIMITS],
                                struct arena *a, int64_t deadline_ms, struct err *e);
/* Lets an account send nothing for a reason, or everything again (an empty reason), with its audit
 * row. One that is stopped already keeps its reason, and there is no row. ERR_NOT_FOUND,
 * ERR_SYNTAX. Yields. */
YIELDS bool account_sending_stop(struct account_directory *d, const struct account_actor *actor,
                                 str address, str why, struct arena *a, int64_t deadline_ms,
                                 struct err *e);
/* Who is told when an account is stopped: itself and the administrators, *n of them at most
 * ACCOUNT_SENDING_TOLD_MAX. Yields. */
YIELDS bool account_sending_told(struct account_directory *d, int64_t account_id, struct arena *a,
                                 int64_t deadline_ms, int64_t ids[ACCOUNT_SENDING_TOLD_MAX],
                                 size_t *n, struct err *e);

#endif
