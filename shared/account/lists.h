/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the directory for administrators: by pages, searched, sorted. Further addresses of
 * accounts, and changes of several things at once. Errors, also those of db_query. */
#ifndef ACCOUNT_LISTS_H
#define ACCOUNT_LISTS_H

#include "account/account.h"

enum {
    ACCOUNT_DOMAINS_ABOVE = 8, /* labels that are taken off a name to find a domain of ours */
    ACCOUNT_PAGE_MAX =
        201 /* rows of a page; one more than is shown tells whether there is a next */
};

/* Where a page begins: behind the row with this key. Both halves are of the last row of the page
 * before; the number is not looked at when the order is by name. */
struct account_place {
    bool is_given;
    int64_t number; /* created_at_us or used_bytes, as the order wants */
    str name;       /* domain, login or address */
};

/* ---- domains ---- */

enum account_domain_order {
    ACCOUNT_DOMAINS_BY_NAME,
    ACCOUNT_DOMAINS_BY_NAME_DESC,
    ACCOUNT_DOMAINS_BY_CREATED,
    ACCOUNT_DOMAINS_BY_CREATED_DESC
};

struct account_domain_query {
    str search; /* lower case; names that hold it; empty: all */
    str tenant; /* lower case; only those of it; empty: all */
    enum account_domain_order order;
    struct account_place after;
    size_t limit; /* up to ACCOUNT_PAGE_MAX */
};

struct account_domain_row {
    str name;
    int64_t accounts;  /* how many */
    int64_t addresses; /* how many, logins too */
    str alias_of;      /* the domain that it is another name of; empty: none */
    int64_t created_at_us;
    int64_t dkim_rotate_ms; /* of its own, or ACCOUNT_DKIM_ROTATE_DEFAULT (dkim.h) */
    str tenant;             /* that it is in; empty: none */
};

struct account_domain_rows {
    struct account_domain_row *list;
    size_t n;
};

/* A page of domains; in arena. Yields. */
YIELDS bool account_domain_page(struct account_directory *d,
                                const struct account_domain_query *query, struct arena *a,
                                int64_t deadline_ms, struct account_domain_rows *out,
                                struct err *e);
/* How many there are on all pages. Yields. */
YIELDS bool account_domain_count(struct account_directory *d,
                                 const struct account_domain_query *query, struct arena *a,
                                 int64_t deadline_ms, int64_t *count, struct err *e);
/* One domain by its name in any case. ERR_NOT_FOUND. Yields. */
YIELDS bool account_domain_get(struct account_directory *d, str name, struct arena *a,
                               int64_t deadline_ms, struct account_domain_row *out, struct err *e);
/* Our name for the domain, or for the nearest one above it (at most ACCOUNT_DOMAINS_ABOVE) that is
 * ours; empty when there is none. Yields. */
YIELDS bool account_domain_find_own(struct account_directory *d, str name, struct arena *a,
                                    int64_t deadline_ms, str *out, struct err *e);

/* ---- accounts ---- */

enum account_order {
    ACCOUNTS_BY_ADDRESS,
    ACCOUNTS_BY_ADDRESS_DESC,
    ACCOUNTS_BY_CREATED,
    ACCOUNTS_BY_CREATED_DESC,
    ACCOUNTS_BY_USED,
    ACCOUNTS_BY_USED_DESC
};

enum account_filter {
    ACCOUNTS_ALL,
    ACCOUNTS_ACTIVE,
    ACCOUNTS_DISABLED,
    ACCOUNTS_ADMIN
};

struct account_query {
    str search; /* login or display name hold it, in any case; empty: all */
    str domain; /* only of this domain, in lower case; empty: of all */
    enum account_filter filter;
    enum account_order order;
    struct account_place after;
    size_t limit; /* up to ACCOUNT_PAGE_MAX */
};

/* A page of accounts; password_hash is "*" where there is one. In arena. Yields. */
YIELDS bool account_page(struct account_directory *d, const struct account_query *query,
                         struct arena *a, int64_t deadline_ms, struct account_list *out,
                         struct err *e);
/* How many there are on all pages. Yields. */
YIELDS bool account_count(struct account_directory *d, const struct account_query *query,
                          struct arena *a, int64_t deadline_ms, int64_t *count, struct err *e);

/* What is to change of an account; the rest stays. */
struct account_update {
    bool has_name;
    bool has_quota;
    bool has_disabled;
    bool has_admin;
    bool has_pop3;
    bool has_sent;
    bool has_from_id;
    str display_name;
    int64_t quota_bytes; /* 0 = unlimited */
    bool is_disabled;
    bool is_admin;
    bool keeps_pop3_deleted;
    bool saves_sent;
    bool uses_from_id;
};

/* Changes all of it or nothing, with one audit row. ERR_NOT_FOUND; ERR_DENIED: the last
 * administrator would be gone. Yields. */
YIELDS bool account_update(struct account_directory *d, const struct account_actor *actor,
                           str address, const struct account_update *update, struct arena *a,
                           int64_t deadline_ms, struct err *e);

/* ---- addresses ---- */

enum account_address_kind {
    ACCOUNT_ADDRESS_LOGIN,
    ACCOUNT_ADDRESS_ALIAS,   /* a further address of an account */
    ACCOUNT_ADDRESS_FORWARD, /* leads to others */
    ACCOUNT_ADDRESS_GROUP,   /* the same, and not everybody may send to it */
    ACCOUNT_ADDRESS_ANY      /* queries only */
};

struct account_address_query {
    str search;         /* lower case; addresses that hold it; empty: all */
    str domain;         /* only of this domain, in lower case; empty: of all */
    int64_t account_id; /* only of this account; 0: of all */
    enum account_address_kind kind;
    str after;    /* only addresses behind this one */
    size_t limit; /* up to ACCOUNT_PAGE_MAX */
};

struct account_address_row {
    str address;
    str domain;
    enum account_address_kind kind;
    int64_t account_id; /* 0: it leads to others */
    str login;          /* of the account; empty without one */
    enum account_posting posting;
    str *targets; /* where it leads, as written; in order */
    size_t n_targets;
    str *senders; /* logins of others who may send as it */
    size_t n_senders;
    str *on_behalf; /* logins of others who may write on its behalf only */
    size_t n_on_behalf;
    int64_t created_at_us;
};

struct account_address_rows {
    struct account_address_row *list; /* by address, byte-wise */
    size_t n;
};

/* A page of addresses; in arena. Yields. */
YIELDS bool account_address_page(struct account_directory *d,
                                 const struct account_address_query *query, struct arena *a,
                                 int64_t deadline_ms, struct account_address_rows *out,
                                 struct err *e);
/* How many there are on all pages. Yields. */
YIELDS bool account_address_count(struct account_directory *d,
                                  const struct account_address_query *query, struct arena *a,
                                  int64_t deadline_ms, int64_t *count, struct err *e);
/* One address, in any case. ERR_NOT_FOUND. Yields. */
YIELDS bool account_address_get(struct account_directory *d, str address, struct arena *a,
                                int64_t deadline_ms, struct account_address_row *out,
                                struct err *e);
/* Gives the account a further address, with its audit row. ERR_SYNTAX, ERR_NOT_FOUND (the domain is
 * not ours), ERR_EXISTS. Yields. */
YIELDS bool account_address_add(struct account_directory *d, const struct account_actor *actor,
                                str address, int64_t account_id, struct arena *a,
                                int64_t deadline_ms, struct err *e);
/* Takes a further address away, with its audit row. ERR_NOT_FOUND; ERR_CONFLICT: it is a login.
 * Yields. */
YIELDS bool account_address_remove(struct account_directory *d, const struct account_actor *actor,
                                   str address, struct arena *a, int64_t deadline_ms,
                                   struct err *e);

/* ---- all together ---- */

struct account_totals {
    int64_t domains;
    int64_t accounts;
    int64_t disabled;
    int64_t admins; /* that are not disabled */
    int64_t messages;
    int64_t bytes; /* of all messages, each counted in every mailbox that holds it */
};

/* What the directory and the mailboxes hold in all. Yields. */
YIELDS bool account_get_totals(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                               struct account_totals *out, struct err *e);

#endif
