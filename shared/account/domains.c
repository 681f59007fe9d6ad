/* SPDX-License-Identifier: Apache-2.0 */
/* Domains: adding, removing, listing. */
#include "account/directory.h"

static const struct db_stmt add = { "SELECT domain_create($1)" };
static const struct db_stmt remove_one = { "SELECT domain_remove($1)" };
static const struct db_stmt set_alias = { "SELECT domain_set_alias($1, $2)" };
static const struct db_stmt list_all = {
    "SELECT d.name, count(c.account_id), d.created_at FROM domain d"
    "  LEFT JOIN account c USING (domain_id) GROUP BY d.domain_id ORDER BY d.name"
};

/* The names above the host name are looked up, however many domains there are. */
static const struct db_stmt find_system = {
    "WITH host AS (SELECT string_to_array(lower(rtrim($1, '.')), '.') AS l)"
    " SELECT coalesce((SELECT d.name FROM domain d WHERE d.name = ANY (ARRAY("
    "   SELECT array_to_string(l[i:], '.') FROM host, generate_series(1, cardinality(l)) i))"
    "   ORDER BY length(d.name) DESC LIMIT 1),"
    "  (SELECT min(o.name) FROM (SELECT name FROM domain LIMIT 2) o HAVING count(*) = 1), '')"
};

static const struct db_stmt find_shared = { "SELECT domain_shared($1, $2)" };

static YIELDS bool change_domain(struct account_directory *d, const struct account_actor *actor,
                                 const struct db_stmt *stmt, str domain, struct arena *a,
                                 int64_t deadline_ms, struct err *e)
{
    const struct directory_act act = {
        .actor = actor,
        .stmt = stmt,
        .action = stmt == &add ? STR("domain.add") : STR("domain.remove"),
        .object = domain,
    };
    if (!directory_change(d, &act, a, deadline_ms, NULL, e))
        return false;
    directory_changed(d, 0);
    return true;
}

bool account_domain_add(struct account_directory *d, const struct account_actor *actor, str domain,
                        struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    if (change_domain(d, actor, &add, domain, a, deadline_ms, e))
        return true;
    if (e->kind == ERR_EXISTS)
        return ERR(e, ERR_EXISTS, "the domain %.*s is ours already", STR_FMT(domain));
    return false;
}

bool account_domain_set_alias(struct account_directory *d, const struct account_actor *actor,
                              str domain, str of, struct arena *a, int64_t deadline_ms,
                              struct err *e)
{
    if (!account_domain_normalize(a, domain, &domain, e) ||
        (of.n > 0 && !account_domain_normalize(a, of, &of, e)))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(of) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &set_alias,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("domain.alias"),
                                       .object = domain,
                                       .detail = of };
    if (directory_change(d, &act, a, deadline_ms, NULL, e)) {
        directory_changed(d, 0);
        return true;
    }
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "one of the domains is not ours");
    if (e->kind == ERR_CONFLICT)
        return ERR(e, ERR_CONFLICT, "a domain with another name cannot be one itself");
    return false;
}

bool account_domain_remove(struct account_directory *d, const struct account_actor *actor,
                           str domain, struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    if (change_domain(d, actor, &remove_one, domain, a, deadline_ms, e))
        return true;
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(domain));
    if (e->kind == ERR_CONFLICT) {
        return ERR(e, ERR_CONFLICT, "the domain %.*s still has accounts, addresses or other names",
                   STR_FMT(domain));
    }
    return false;
}

bool account_system_domain(struct account_directory *d, str hostname, struct arena *a,
                           int64_t deadline_ms, str *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(hostname) };
    if (!db_query(d->db, DB_READ, &find_system, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = arena_str(a, db_str(rows, 0, 0));
    return true;
}

bool account_domain_list(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                         struct account_domain_list *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_query(d->db, DB_READ, &list_all, NULL, 0, a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_domain, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct account_domain){ .name = arena_str(a, db_str(rows, i, 0)),
                                                .accounts = db_int(rows, i, 1),
                                                .created_at_us = db_time_us(rows, i, 2) };
    }
    return true;
}

bool account_domain_shared(struct account_directory *d, str domain, bool make, struct arena *a,
                           int64_t deadline_ms, int64_t *account_id, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), DB_BOOL(make) };
    if (!db_query(d->db, DB_DELIVER, &find_shared, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e)) {
        if (e->kind == ERR_NOT_FOUND)
            return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(domain));
        return false;
    }
    *account_id = db_is_null(rows, 0, 0) ? 0 : db_int(rows, 0, 0);
    return true;
}
