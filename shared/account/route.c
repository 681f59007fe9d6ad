/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail for an address goes, and who may send as it. */
#include "account/directory.h"

/* One row when the domain ($3) is ours: the account of the full address ($1), of the address
 * without its tag ($2), and, for postmaster and abuse ($4), of whoever answers for the domain. */
static const struct db_stmt find_route = {
    "SELECT (SELECT a.account_id FROM address a WHERE a.addr_lower = $1),"
    "       (SELECT a.account_id FROM address a WHERE a.addr_lower = $2),"
    "       CASE WHEN $4 THEN coalesce("
    "           (SELECT min(c.account_id) FROM account c WHERE c.domain_id = d.domain_id AND c.is_admin),"
    "           (SELECT min(c.account_id) FROM account c WHERE c.is_admin),"
    "           (SELECT min(c.account_id) FROM account c WHERE c.domain_id = d.domain_id"
    "             AND NOT c.is_shared)) END"
    "  FROM domain d WHERE d.name = $3"
};

/* The account for a postmaster without a domain. */
static const struct db_stmt find_postmaster = {
    "SELECT coalesce((SELECT a.account_id FROM address a WHERE a.addr_lower LIKE 'postmaster@%'"
    "                  ORDER BY a.addr_lower LIMIT 1),"
    "                (SELECT min(account_id) FROM account WHERE is_admin),"
    "                (SELECT min(account_id) FROM account WHERE NOT is_shared))"
};

static const struct db_stmt may_send = {
    "SELECT EXISTS (SELECT 1 FROM address WHERE addr_lower IN ($2, $3) AND account_id = $1)"
    "   AND EXISTS (SELECT 1 FROM account WHERE account_id = $1 AND disabled_at IS NULL)"
};

static bool is_role(str local)
{
    return str_eq(local, STR("postmaster")) || str_eq(local, STR("abuse"));
}

/* local@domain without "+tag", and the tag; all of it when there is none. */
static str without_tag(struct arena *a, str local, str domain, str *tag)
{
    str base = local;
    ptrdiff_t plus = str_find_byte(local, '+');
    *tag = STR_EMPTY;
    if (plus > 0) {
        base = str_of(local.p, (size_t)plus);
        *tag = str_skip(local, (size_t)plus + 1);
    }
    return arena_printf(a, "%.*s@%.*s", STR_FMT(base), STR_FMT(domain));
}

struct names {
    str local;
    str address; /* local@domain */
    str base;    /* the address without its tag */
    str tag;
};

/* Picks the first of the row's accounts that is there. */
static void read_route(const struct db_rows *rows, str tag, struct account_route *out)
{
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_UNKNOWN };
    for (size_t column = 0; column < 3; column++) {
        if (db_is_null(rows, 0, column))
            continue;
        out->kind = ACCOUNT_ROUTE_LOCAL;
        out->account_id = db_int(rows, 0, column);
        out->tag = column == 1 ? tag : STR_EMPTY;
        return;
    }
}

/* The names as the directory has them. A local part that no address of ours can have ("a b") may be
 * one of somebody else's (RFC 5321 4.1.2): *base is then the address itself, which is not found. */
static bool read_names(struct arena *a, str local, str *domain, struct names *out, struct err *e)
{
    struct err ignored = ERR_CLEAR;
    str address = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(*domain));
    *out = (struct names){ .local = local };
    bool is_possible = account_address_normalize(a, address, &out->local, domain, &ignored);
    if (!is_possible && !account_domain_normalize(a, *domain, domain, e))
        return false;
    out->address = arena_printf(a, "%.*s@%.*s", STR_FMT(out->local), STR_FMT(*domain));
    out->base = is_possible ? without_tag(a, out->local, *domain, &out->tag) : out->address;
    return true;
}

static YIELDS bool route_bare_postmaster(struct account_directory *d, struct arena *a,
                                         int64_t deadline_ms, struct account_route *out,
                                         struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_query(d->db, DB_READ, &find_postmaster, NULL, 0, a, deadline_ms, &rows, e))
        return false;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_UNKNOWN };
    if (!db_is_null(rows, 0, 0)) {
        out->kind = ACCOUNT_ROUTE_LOCAL;
        out->account_id = db_int(rows, 0, 0);
    }
    return true;
}

bool account_route(struct account_directory *d, str local, str domain, struct arena *a,
                   int64_t deadline_ms, struct account_route *out, struct err *e)
{
    struct names names;
    struct db_rows *rows = NULL;
    if (str_is_empty(domain) && str_ieq(local, STR("postmaster")))
        return route_bare_postmaster(d, a, deadline_ms, out, e);
    if (!read_names(a, local, &domain, &names, e))
        return false;
    if (directory_cache_find(d, names.address, a, out))
        return true;
    const struct db_param params[] = { DB_TEXT(names.address), DB_TEXT(names.base), DB_TEXT(domain),
                                       DB_BOOL(is_role(names.local)) };
    if (!db_query(d->db, DB_READ, &find_route, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_REMOTE };
    if (db_row_count(rows) > 0)
        read_route(rows, names.tag, out);
    directory_cache_put(d, names.address, out);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): an address is two values, as everywhere here. */
bool account_may_send_as(struct account_directory *d, int64_t account_id, str local, str domain,
                         struct arena *a, int64_t deadline_ms, bool *out, struct err *e)
{
    str tag;
    struct db_rows *rows = NULL;
    struct err ignored = ERR_CLEAR;
    str address = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    *out = false;
    if (!account_address_normalize(a, address, &local, &domain, &ignored))
        return true; /* nobody owns what is no address */
    address = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(address),
                                       DB_TEXT(without_tag(a, local, domain, &tag)) };
    if (!db_query(d->db, DB_READ, &may_send, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = db_int(rows, 0, 0) != 0;
    return true;
}
