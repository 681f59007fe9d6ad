/* SPDX-License-Identifier: Apache-2.0 */
/* Pages by keys: every order ends in the name, so that a page begins exactly behind the last row.
 */
#include "account/lists.h"

#include "account/directory.h"
#include "account/dkim.h"

#include <assert.h>

/* ---- domains ---- */

/* Domains that a search and a tenant are asked of. */
#define DOMAIN_FILTER(search, tenant)                                       \
    " (" search " = '' OR position(" search " IN d.name) > 0) AND (" tenant \
    " = '' OR d.tenant_id = (SELECT tenant_id FROM tenant WHERE name = " tenant "))"
/* The counts are made for the rows of the page only. $1 search, $2 whether a place is given, $3 and
 * $4 the place, $5 limit, $6 tenant. */
#define DOMAIN_PAGE(behind, order)                                                                \
    {                                                                                             \
        "SELECT p.name, (SELECT count(*) FROM account c WHERE c.domain_id = p.domain_id),"        \
        " (SELECT count(*) FROM address a WHERE a.domain_id = p.domain_id), p.created_at,"        \
        " (SELECT r.name FROM domain r WHERE r.domain_id = p.alias_of) AS of, p.dkim_rotate_ms,"  \
        " (SELECT t.name FROM tenant t WHERE t.tenant_id = p.tenant_id) AS tenant FROM"           \
        " (SELECT * FROM domain d WHERE" DOMAIN_FILTER("$1", "$6") " AND (NOT $2 OR " behind      \
                                                                   ") ORDER BY " order            \
                                                                   " LIMIT $5) p ORDER BY " order \
    }
/* Used where the order does not look at the number, so that all have the same parameters. */
#define NO_NUMBER "($3::timestamptz IS NOT NULL AND "

static const struct db_stmt domain_pages[] = {
    [ACCOUNT_DOMAINS_BY_NAME] = DOMAIN_PAGE(NO_NUMBER "name > $4)", "name"),
    [ACCOUNT_DOMAINS_BY_NAME_DESC] = DOMAIN_PAGE(NO_NUMBER "name < $4)", "name DESC"),
    [ACCOUNT_DOMAINS_BY_CREATED] =
        DOMAIN_PAGE("(created_at, name) > ($3::timestamptz, $4)", "created_at, name"),
    [ACCOUNT_DOMAINS_BY_CREATED_DESC] =
        DOMAIN_PAGE("(created_at, name) < ($3::timestamptz, $4)", "created_at DESC, name DESC"),
};
static const struct db_stmt domain_count = { "SELECT count(*) FROM domain d WHERE" DOMAIN_FILTER(
    "$1", "$2") };
static const struct db_stmt domain_get = {
    "SELECT d.name, (SELECT count(*) FROM account c WHERE c.domain_id = d.domain_id),"
    " (SELECT count(*) FROM address a WHERE a.domain_id = d.domain_id), d.created_at,"
    " (SELECT r.name FROM domain r WHERE r.domain_id = d.alias_of),"
    " d.dkim_rotate_ms, (SELECT t.name FROM tenant t WHERE t.tenant_id = d.tenant_id)"
    " FROM domain d WHERE d.name = $1"
};

static size_t page_size(size_t limit)
{
    return limit < ACCOUNT_PAGE_MAX ? limit : ACCOUNT_PAGE_MAX;
}

static struct account_domain_row read_domain(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct account_domain_row){ .name = arena_str(a, db_str(rows, i, 0)),
                                        .accounts = db_int(rows, i, 1),
                                        .addresses = db_int(rows, i, 2),
                                        .created_at_us = db_time_us(rows, i, 3),
                                        .alias_of = arena_str(a, db_str(rows, i, 4)),
                                        .dkim_rotate_ms = db_is_null(rows, i, 5)
                                                              ? ACCOUNT_DKIM_ROTATE_DEFAULT
                                                              : db_int(rows, i, 5),
                                        .tenant = arena_str(a, db_str(rows, i, 6)) };
}

bool account_domain_page(struct account_directory *d, const struct account_domain_query *query,
                         struct arena *a, int64_t deadline_ms, struct account_domain_rows *out,
                         struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(query->search),
                                       DB_BOOL(query->after.is_given),
                                       DB_TIME_US(query->after.number),
                                       DB_TEXT(query->after.name),
                                       DB_INT8((int64_t)page_size(query->limit)),
                                       DB_TEXT(query->tenant) };
    if (!db_query(d->db, DB_READ, &domain_pages[query->order], params, COUNT_OF(params), a,
                  deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_domain_row, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_domain(rows, i, a);
    return true;
}

/* A statement with its parameters that gives one number. */
struct counting {
    const struct db_stmt *stmt;
    const struct db_param *params;
    size_t n;
};

static YIELDS bool read_count(struct account_directory *d, const struct counting *c,
                              struct arena *a, int64_t deadline_ms, int64_t *count, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_query(d->db, DB_READ, c->stmt, c->params, c->n, a, deadline_ms, &rows, e))
        return false;
    *count = db_int(rows, 0, 0);
    return true;
}

bool account_domain_count(struct account_directory *d, const struct account_domain_query *query,
                          struct arena *a, int64_t deadline_ms, int64_t *count, struct err *e)
{
    const struct db_param params[] = { DB_TEXT(query->search), DB_TEXT(query->tenant) };
    const struct counting counting = { &domain_count, params, COUNT_OF(params) };
    return read_count(d, &counting, a, deadline_ms, count, e);
}

bool account_domain_get(struct account_directory *d, str name, struct arena *a, int64_t deadline_ms,
                        struct account_domain_row *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!account_domain_normalize(a, name, &name, e))
        return false;
    const struct db_param params[] = { DB_TEXT(name) };
    if (!db_query(d->db, DB_READ, &domain_get, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(name));
    *out = read_domain(rows, 0, a);
    return true;
}

bool account_domain_find_own(struct account_directory *d, str name, struct arena *a,
                             int64_t deadline_ms, str *out, struct err *e)
{
    struct account_domain_row row;
    *out = STR_EMPTY;
    for (size_t i = 0; i <= ACCOUNT_DOMAINS_ABOVE && name.n; i++) {
        struct err why = ERR_CLEAR;
        str label;
        if (account_domain_get(d, name, a, deadline_ms, &row, &why)) {
            *out = row.name;
            return true;
        }
        if (why.kind != ERR_NOT_FOUND) {
            *e = why;
            return false;
        }
        if (!str_cut(name, '.', &label, &name))
            break;
    }
    return true;
}

/* ---- accounts ---- */

/* $1 search, $2 domain, $3 filter. */
#define ACCOUNT_FILTER                                                                        \
    " FROM account c JOIN account_state s USING (account_id) JOIN domain d USING (domain_id)" \
    " WHERE ($1 = '' OR position(lower($1) IN c.login) > 0"                                   \
    " OR position(lower($1) IN lower(c.display_name)) > 0)"                                   \
    " AND ($2 = '' OR d.name = $2) AND CASE $3::int4 WHEN 1 THEN c.disabled_at IS NULL"       \
    " WHEN 2 THEN c.disabled_at IS NOT NULL WHEN 3 THEN c.is_admin ELSE true END"
/* $4 whether a place is given, $5 and $6 the place, $7 limit. */
#define ACCOUNT_PAGE(behind, order)                                                        \
    {                                                                                      \
        "SELECT c.account_id, c.login, c.display_name, c.password_hash IS NOT NULL,"       \
        " c.quota_bytes, s.q_bytes, s.q_count, c.is_admin, c.disabled_at IS NOT NULL,"     \
        " c.created_at, c.pop3_keeps_deleted, c.saves_sent, c.uses_from_id" ACCOUNT_FILTER \
        " AND (NOT $4 OR " behind ") ORDER BY " order " LIMIT $7"                          \
    }
#define UNUSED_NUMBER "($5::int8 IS NOT NULL AND "
#define CREATED       "(extract(epoch FROM c.created_at) * 1000000)::int8"

static const struct db_stmt account_pages[] = {
    [ACCOUNTS_BY_ADDRESS] = ACCOUNT_PAGE(UNUSED_NUMBER "c.login > $6)", "c.login"),
    [ACCOUNTS_BY_ADDRESS_DESC] = ACCOUNT_PAGE(UNUSED_NUMBER "c.login < $6)", "c.login DESC"),
    [ACCOUNTS_BY_CREATED] =
        ACCOUNT_PAGE("(" CREATED ", c.login) > ($5::int8, $6)", CREATED ", c.login"),
    [ACCOUNTS_BY_CREATED_DESC] =
        ACCOUNT_PAGE("(" CREATED ", c.login) < ($5::int8, $6)", CREATED " DESC, c.login DESC"),
    [ACCOUNTS_BY_USED] =
        ACCOUNT_PAGE("(s.q_bytes, c.login) > ($5::int8, $6)", "s.q_bytes, c.login"),
    [ACCOUNTS_BY_USED_DESC] =
        ACCOUNT_PAGE("(s.q_bytes, c.login) < ($5::int8, $6)", "s.q_bytes DESC, c.login DESC"),
};
static const struct db_stmt accounts_count = { "SELECT count(*)" ACCOUNT_FILTER };

/* What stands in place of a hash that is there: nobody outside of auth needs the hash. */
#define SOME_HASH STR("*")

static struct account read_account(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct account){
        .account_id = db_int(rows, i, 0),
        .login = arena_str(a, db_str(rows, i, 1)),
        .display_name = arena_str(a, db_str(rows, i, 2)),
        .password_hash = db_int(rows, i, 3) ? SOME_HASH : STR_EMPTY,
        .quota_bytes = db_int(rows, i, 4),
        .used_bytes = db_int(rows, i, 5),
        .used_messages = db_int(rows, i, 6),
        .is_admin = db_int(rows, i, 7) != 0,
        .is_disabled = db_int(rows, i, 8) != 0,
        .created_at_us = db_time_us(rows, i, 9),
        .keeps_pop3_deleted = db_int(rows, i, 10) != 0,
        .saves_sent = db_int(rows, i, 11) != 0,
        .uses_from_id = db_int(rows, i, 12) != 0,
    };
}

bool account_page(struct account_directory *d, const struct account_query *query, struct arena *a,
                  int64_t deadline_ms, struct account_list *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(query->search),
                                       DB_TEXT(query->domain),
                                       DB_INT4(query->filter),
                                       DB_BOOL(query->after.is_given),
                                       DB_INT8(query->after.number),
                                       DB_TEXT(query->after.name),
                                       DB_INT8((int64_t)page_size(query->limit)) };
    if (!db_query(d->db, DB_READ, &account_pages[query->order], params, COUNT_OF(params), a,
                  deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_account(rows, i, a);
    return true;
}

bool account_count(struct account_directory *d, const struct account_query *query, struct arena *a,
                   int64_t deadline_ms, int64_t *count, struct err *e)
{
    const struct db_param params[] = { DB_TEXT(query->search), DB_TEXT(query->domain),
                                       DB_INT4(query->filter) };
    const struct counting counting = { &accounts_count, params, COUNT_OF(params) };
    return read_count(d, &counting, a, deadline_ms, count, e);
}

static const struct db_stmt update_account = {
    "SELECT account_update($1, $2, $3, $4, $5, $6, $7, $8)"
};

/* "quota 5000, disabled": what the audit log says of the change. */
static str describe(const struct account_update *u, struct arena *a)
{
    const struct {
        bool is_there;
        str text;
    } parts[] = {
        { u->has_name, STR("name") },
        { u->has_quota, arena_printf(a, "quota %lld", (long long)u->quota_bytes) },
        { u->has_disabled, u->is_disabled ? STR("disabled") : STR("enabled") },
        { u->has_admin, u->is_admin ? STR("administrator") : STR("no administrator") },
        { u->has_pop3, u->keeps_pop3_deleted ? STR("pop3 keeps") : STR("pop3 expunges") },
        { u->has_sent, u->saves_sent ? STR("saves sent") : STR("saves no sent") },
        { u->has_from_id, u->uses_from_id ? STR("unique senders") : STR("plain senders") },
    };
    str all = STR_EMPTY;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].is_there) {
            all = arena_printf(a, "%.*s%s%.*s", STR_FMT(all), all.n ? ", " : "",
                               STR_FMT(parts[i].text));
        }
    }
    return all;
}

bool account_update(struct account_directory *d, const struct account_actor *actor, str address,
                    const struct account_update *update, struct arena *a, int64_t deadline_ms,
                    struct err *e)
{
    struct db_rows *rows = NULL;
    const struct account_update *u = update;
    const struct db_param params[] = { DB_TEXT(address),
                                       u->has_name ? DB_TEXT(u->display_name) : DB_NULL,
                                       u->has_quota ? DB_INT8(u->quota_bytes) : DB_NULL,
                                       u->has_disabled ? DB_BOOL(u->is_disabled) : DB_NULL,
                                       u->has_admin ? DB_BOOL(u->is_admin) : DB_NULL,
                                       u->has_pop3 ? DB_BOOL(u->keeps_pop3_deleted) : DB_NULL,
                                       u->has_sent ? DB_BOOL(u->saves_sent) : DB_NULL,
                                       u->has_from_id ? DB_BOOL(u->uses_from_id) : DB_NULL };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &update_account,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("account.change"),
                                       .object = address,
                                       .detail = describe(u, a) };
    if (directory_change(d, &act, a, deadline_ms, &rows, e)) {
        directory_changed(d, db_int(rows, 0, 0));
        return true;
    }
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "there is no account %.*s", STR_FMT(address));
    if (e->kind == ERR_DENIED)
        return ERR(e, ERR_DENIED, "%.*s is the last administrator", STR_FMT(address));
    return false;
}

/* ---- addresses ---- */

#define ADDRESS_COLUMNS                                                                    \
    "SELECT a.addr_lower, d.name, a.kind, a.account_id, c.login, a.created_at, a.posting," \
    " ARRAY(SELECT t.target FROM address_target t WHERE t.addr_lower = a.addr_lower"       \
    "        ORDER BY t.target),"                                                          \
    " ARRAY(SELECT s.login FROM address_sender g JOIN account s USING (account_id)"        \
    "        WHERE g.addr_lower = a.addr_lower AND NOT g.on_behalf ORDER BY s.login),"     \
    " ARRAY(SELECT s.login FROM address_sender g JOIN account s USING (account_id)"        \
    "        WHERE g.addr_lower = a.addr_lower AND g.on_behalf ORDER BY s.login)"          \
    " FROM address a JOIN domain d USING (domain_id)"                                      \
    " LEFT JOIN account c ON c.account_id = a.account_id"
/* $1 search, $2 domain, $3 account, $4 kind. */
#define ADDRESS_FILTER                                                            \
    " ($1 = '' OR position($1 IN a.addr_lower) > 0) AND ($2 = '' OR d.name = $2)" \
    " AND ($3 = 0 OR a.account_id = $3) AND ($4::int4 = 4 OR a.kind = $4::int4)"

static const struct db_stmt address_page = { ADDRESS_COLUMNS " WHERE" ADDRESS_FILTER
                                                             " AND a.addr_lower > $5"
                                                             " ORDER BY a.addr_lower LIMIT $6" };
static const struct db_stmt address_count = {
    "SELECT count(*) FROM address a JOIN domain d USING (domain_id) WHERE" ADDRESS_FILTER
};
static const struct db_stmt address_get = { ADDRESS_COLUMNS " WHERE a.addr_lower = $1" };
static const struct db_stmt address_add = { "SELECT address_add($1, $2, $3)" };
static const struct db_stmt address_remove = { "SELECT address_remove($1)" };

static struct account_address_row read_address(const struct db_rows *rows, size_t i,
                                               struct arena *a)
{
    struct account_address_row row = {
        .address = arena_str(a, db_str(rows, i, 0)),
        .domain = arena_str(a, db_str(rows, i, 1)),
        .kind = (enum account_address_kind)db_int(rows, i, 2),
        .account_id = db_int_or(rows, i, 3, 0),
        .login = arena_str(a, db_str(rows, i, 4)),
        .created_at_us = db_time_us(rows, i, 5),
        .posting = (enum account_posting)db_int(rows, i, 6),
    };
    row.n_targets = db_strs(rows, i, 7, a, &row.targets);
    row.n_senders = db_strs(rows, i, 8, a, &row.senders);
    row.n_on_behalf = db_strs(rows, i, 9, a, &row.on_behalf);
    return row;
}

static_assert(ACCOUNT_ADDRESS_ANY == 4, "the number in ADDRESS_FILTER");

bool account_address_page(struct account_directory *d, const struct account_address_query *query,
                          struct arena *a, int64_t deadline_ms, struct account_address_rows *out,
                          struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = {
        DB_TEXT(query->search), DB_TEXT(query->domain), DB_INT8(query->account_id),
        DB_INT4(query->kind),   DB_TEXT(query->after),  DB_INT8((int64_t)page_size(query->limit))
    };
    if (!db_query(d->db, DB_READ, &address_page, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_address_row, out->n);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_address(rows, i, a);
    return true;
}

bool account_address_count(struct account_directory *d, const struct account_address_query *query,
                           struct arena *a, int64_t deadline_ms, int64_t *count, struct err *e)
{
    const struct db_param params[] = { DB_TEXT(query->search), DB_TEXT(query->domain),
                                       DB_INT8(query->account_id), DB_INT4(query->kind) };
    const struct counting counting = { &address_count, params, COUNT_OF(params) };
    return read_count(d, &counting, a, deadline_ms, count, e);
}

bool account_address_get(struct account_directory *d, str address, struct arena *a,
                         int64_t deadline_ms, struct account_address_row *out, struct err *e)
{
    struct db_rows *rows = NULL;
    str normal;
    str domain;
    if (!directory_normal_address(a, address, &normal, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(normal) };
    if (!db_query(d->db, DB_READ, &address_get, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no address %.*s", STR_FMT(normal));
    *out = read_address(rows, 0, a);
    return true;
}

bool account_address_add(struct account_directory *d, const struct account_actor *actor,
                         str address, int64_t account_id, struct arena *a, int64_t deadline_ms,
                         struct err *e)
{
    str normal;
    str domain;
    if (!directory_normal_address(a, address, &normal, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(normal), DB_TEXT(domain), DB_INT8(account_id) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &address_add,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("address.add"),
                                       .object = normal,
                                       .detail =
                                           arena_printf(a, "account %lld", (long long)account_id) };
    if (directory_change(d, &act, a, deadline_ms, NULL, e)) {
        directory_changed(d, account_id);
        return true;
    }
    if (e->kind == ERR_EXISTS)
        return ERR(e, ERR_EXISTS, "the address %.*s is taken", STR_FMT(normal));
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "the domain %.*s is not ours", STR_FMT(domain));
    return false;
}

bool account_address_remove(struct account_directory *d, const struct account_actor *actor,
                            str address, struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    str normal;
    str domain;
    if (!directory_normal_address(a, address, &normal, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(normal) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &address_remove,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("address.remove"),
                                       .object = normal };
    if (directory_change(d, &act, a, deadline_ms, &rows, e)) {
        directory_changed(d, db_int(rows, 0, 0));
        return true;
    }
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "there is no address %.*s", STR_FMT(normal));
    if (e->kind == ERR_CONFLICT)
        return ERR(e, ERR_CONFLICT, "%.*s is the login of its account", STR_FMT(normal));
    return false;
}

/* ---- all together ---- */

static const struct db_stmt totals = {
    "SELECT (SELECT count(*) FROM domain), count(*), count(c.disabled_at),"
    " count(*) FILTER (WHERE c.is_admin AND c.disabled_at IS NULL),"
    " coalesce(sum(s.q_count), 0)::int8, coalesce(sum(s.q_bytes), 0)::int8"
    "  FROM account c JOIN account_state s USING (account_id)"
};

bool account_get_totals(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                        struct account_totals *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_query(d->db, DB_READ, &totals, NULL, 0, a, deadline_ms, &rows, e))
        return false;
    *out = (struct account_totals){
        .domains = db_int(rows, 0, 0),
        .accounts = db_int(rows, 0, 1),
        .disabled = db_int(rows, 0, 2),
        .admins = db_int(rows, 0, 3),
        .messages = db_int(rows, 0, 4),
        .bytes = db_int(rows, 0, 5),
    };
    return true;
}
