/* SPDX-License-Identifier: Apache-2.0 */
/* Tenants: groups of domains with a name. A domain is in one of them or in none. What they are for
 * so far: limits of sending as a whole (sending.h). */
#ifndef ACCOUNT_TENANT_H
#define ACCOUNT_TENANT_H

#include "account/sending.h"

enum {
    ACCOUNT_TENANT_MAX = 63 /* octets of a name */
};

/* Lower-cases and checks a name: letters and digits of ASCII, and '-', '_' and '.' behind the
 * first; in arena. ERR_SYNTAX. Pure. */
bool account_tenant_normalize(struct arena *a, str name, str *out, struct err *e);

struct account_tenant {
    str name;
    int64_t domains; /* how many */
    int64_t created_at_us;
    struct account_sending sending;
};

struct account_tenants {
    struct account_tenant *list; /* by name */
    size_t n;
};

struct account_tenant_query {
    str search; /* lower case; names that hold it; empty: all */
    str after;  /* names that follow it; empty: from the first */
    size_t limit;
};

/* A page of tenants; in arena. Errors: those of db_query. Yields. */
YIELDS bool account_tenant_page(struct account_directory *d,
                                const struct account_tenant_query *query, struct arena *a,
                                int64_t deadline_ms, struct account_tenants *out, struct err *e);
/* One by its name in any case; in arena. ERR_NOT_FOUND, ERR_SYNTAX. Yields. */
YIELDS bool account_tenant_get(struct account_directory *d, str name, struct arena *a,
                               int64_t deadline_ms, struct account_tenant *out, struct err *e);

/* Makes one without domains, with its audit row. ERR_SYNTAX, ERR_EXISTS. Yields. */
YIELDS bool account_tenant_add(struct account_directory *d, const struct account_actor *actor,
                               str name, struct arena *a, int64_t deadline_ms, struct err *e);
/* Gives one another name, with its audit row. ERR_SYNTAX, ERR_NOT_FOUND, ERR_EXISTS. Yields. */
YIELDS bool account_tenant_rename(struct account_directory *d, const struct account_actor *actor,
                                  str name, str new_name, struct arena *a, int64_t deadline_ms,
                                  struct err *e);
/* Only one without domains can go: ERR_CONFLICT otherwise. ERR_SYNTAX, ERR_NOT_FOUND. Yields. */
YIELDS bool account_tenant_remove(struct account_directory *d, const struct account_actor *actor,
                                  str name, struct arena *a, int64_t deadline_ms, struct err *e);
/* Puts a domain into a tenant, out of another that it was in; into none (empty). With its audit
 * row. ERR_SYNTAX, ERR_NOT_FOUND (one of both). Yields. */
YIELDS bool account_domain_set_tenant(struct account_directory *d,
                                      const struct account_actor *actor, str domain, str tenant,
                                      struct arena *a, int64_t deadline_ms, struct err *e);

#endif
