/* SPDX-License-Identifier: Apache-2.0 */
/* The table tenant, and which domains are in one. */
#include "account/tenant.h"

#include "account/directory.h"
#include "account/sending_rows.h"

#define COLUMNS                                                                                                   \
    "SELECT 'tenant:' || t.name," SENDING_COLUMNS(                                                                \
        "NULL", "NULL",                                                                                           \
        "t.tenant_id") ", t.name, t.created_at,"                                                                  \
                       " (SELECT count(*) FROM domain d WHERE d.tenant_id = t.tenant_id) FROM tenant t LEFT JOIN" \
                       " sending s USING (tenant_id) WHERE "

static const struct db_stmt page = { COLUMNS
                                     "($1 = '' OR position($1 IN t.name) > 0) AND t.name > $2"
                                     " ORDER BY t.name LIMIT $3" };
static const struct db_stmt get = { COLUMNS "t.name = $1" };
static const struct db_stmt add = { "SELECT tenant_create($1)" };
static const struct db_stmt rename_one = { "SELECT tenant_rename($1, $2)" };
static const struct db_stmt remove_one = { "SELECT tenant_remove($1)" };
static const struct db_stmt set_tenant = { "SELECT domain_set_tenant($1, $2)" };

/* ---- names ---- */

static bool is_name_byte(char c, bool is_first)
{
    return ascii_is_alnum(c) || (!is_first && (c == '-' || c == '_' || c == '.'));
}

bool account_tenant_normalize(struct arena *a, str name, str *out, struct err *e)
{
    bool good = name.n > 0 && name.n <= ACCOUNT_TENANT_MAX;
    for (size_t i = 0; good && i < name.n; i++)
        good = is_name_byte(name.p[i], i == 0);
    if (!good) {
        return ERR(e, ERR_SYNTAX,
                   "the name of a tenant has 1 to %d letters (a to z) and digits, and \"-\", \"_\" "
                   "and \".\" behind the first",
                   ACCOUNT_TENANT_MAX);
    }
    *out = arena_lower(a, name);
    return true;
}

/* ---- looking ---- */

static struct account_tenant read_row(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct account_tenant){ .sending = sending_read_row(rows, i, a),
                                    .name = arena_str(a, db_str(rows, i, 7)),
                                    .created_at_us = db_time_us(rows, i, 8),
                                    .domains = db_int(rows, i, 9) };
}

bool account_tenant_page(struct account_directory *d, const struct account_tenant_query *query,
                         struct arena *a, int64_t deadline_ms, struct account_tenants *out,
                         struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(query->search), DB_TEXT(query->after),
                                       DB_INT8((int64_t)query->limit) };
    if (!db_query(d->db, DB_READ, &page, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_tenant, out->n + 1);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_row(rows, i, a);
    return true;
}

bool account_tenant_get(struct account_directory *d, str name, struct arena *a, int64_t deadline_ms,
                        struct account_tenant *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!account_tenant_normalize(a, name, &name, e) ||
        !db_query(d->db, DB_READ, &get, &DB_TEXT(name), 1, a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no tenant %.*s", STR_FMT(name));
    *out = read_row(rows, 0, a);
    return true;
}

/* ---- changes ---- */

/* What went wrong, in words for people. Gives false. */
static bool fail(str name, struct err *e)
{
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "there is no tenant %.*s", STR_FMT(name));
    if (e->kind == ERR_EXISTS)
        return ERR(e, ERR_EXISTS, "there is a tenant %.*s already", STR_FMT(name));
    if (e->kind == ERR_CONFLICT) {
        return ERR(e, ERR_CONFLICT,
                   "the tenant %.*s still has domains: take them out of it, or put them into "
                   "another, first",
                   STR_FMT(name));
    }
    return false;
}

bool account_tenant_add(struct account_directory *d, const struct account_actor *actor, str name,
                        struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_tenant_normalize(a, name, &name, e))
        return false;
    const struct directory_act act = {
        .actor = actor, .stmt = &add, .action = STR("tenant.add"), .object = name
    };
    return directory_change(d, &act, a, deadline_ms, NULL, e) || fail(name, e);
}

bool account_tenant_rename(struct account_directory *d, const struct account_actor *actor, str name,
                           str new_name, struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_tenant_normalize(a, name, &name, e) ||
        !account_tenant_normalize(a, new_name, &new_name, e))
        return false;
    const struct db_param params[] = { DB_TEXT(name), DB_TEXT(new_name) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &rename_one,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("tenant.rename"),
                                       .object = name,
                                       .detail = new_name };
    return directory_change(d, &act, a, deadline_ms, NULL, e) ||
           fail(e->kind == ERR_EXISTS ? new_name : name, e);
}

bool account_tenant_remove(struct account_directory *d, const struct account_actor *actor, str name,
                           struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_tenant_normalize(a, name, &name, e))
        return false;
    const struct directory_act act = {
        .actor = actor, .stmt = &remove_one, .action = STR("tenant.remove"), .object = name
    };
    return directory_change(d, &act, a, deadline_ms, NULL, e) || fail(name, e);
}

bool account_domain_set_tenant(struct account_directory *d, const struct account_actor *actor,
                               str domain, str tenant, struct arena *a, int64_t deadline_ms,
                               struct err *e)
{
    if (!account_domain_normalize(a, domain, &domain, e) ||
        (tenant.n > 0 && !account_tenant_normalize(a, tenant, &tenant, e)))
        return false;
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(tenant) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &set_tenant,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("domain.tenant"),
                                       .object = domain,
                                       .detail = tenant };
    if (directory_change(d, &act, a, deadline_ms, NULL, e))
        return true;
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "there is no such domain, or no such tenant");
    return false;
}
