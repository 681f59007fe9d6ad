/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail for an address goes, and who may send as it. */
#include "account/directory.h"
#include "base/utf8.h"
#include "wire/smtp_envelope.h"
#include "wire/smtp_path.h"
#include "wire/smtp_srs.h"

/* One question whatever the address leads to (migrations/0045_routing.sql). */
static const struct db_stmt find_route = { "SELECT * FROM address_route($1, $2)" };

enum route_column {
    ROUTE_HIT,
    ROUTE_ACCOUNT,
    ROUTE_KIND,
    ROUTE_POSTING,
    ROUTE_MATCHED,
    ROUTE_TARGET
};

enum {
    MATCHED_WITHOUT_TAG = 2,
    MATCHED_OTHER_WITHOUT_TAG = 4
};

/* The account for a postmaster without a domain. */
static const struct db_stmt find_postmaster = {
    "SELECT coalesce((SELECT a.account_id FROM address a WHERE a.addr_lower LIKE 'postmaster@%'"
    "                    AND a.account_id IS NOT NULL ORDER BY a.addr_lower LIMIT 1),"
    "                (SELECT min(account_id) FROM account WHERE is_admin AND disabled_at IS NULL),"
    "                (SELECT min(account_id) FROM account WHERE NOT is_shared"
    "                    AND disabled_at IS NULL),"
    "                (SELECT min(account_id) FROM account WHERE NOT is_shared))"
};

static const struct db_stmt send_right = { "SELECT address_send_right($1, $2, $3)" };

/* The names as the directory has them. */
struct names {
    str local;
    str domain;
    str address; /* local@domain */
};

/* A local part that no address of ours can have ("a b") may be one of somebody else's (RFC 5321
 * 4.1.2, RFC 6531 3.3): it is looked for like any other. */
static bool read_strange_local(struct arena *a, str local, str *out, struct err *e)
{
    char *lower = arena_cstr(a, local);
    bool good = local.n > 0 && local.n <= ACCOUNT_LOCAL_MAX && utf8_is_valid(local);
    for (size_t i = 0; i < local.n; i++) {
        good = good && (unsigned char)local.p[i] >= ' ' && local.p[i] != '\x7f';
        lower[i] = ascii_lower(lower[i]);
    }
    *out = str_of(lower, local.n);
    return good || ERR(e, ERR_SYNTAX, "this cannot stand before the '@' of an address");
}

static bool read_names(struct arena *a, str local, str domain, struct names *out, struct err *e)
{
    struct err ignored = ERR_CLEAR;
    str address = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    if (!account_address_normalize(a, address, &out->local, &out->domain, &ignored) &&
        (!account_domain_normalize(a, domain, &out->domain, e) ||
         !read_strange_local(a, local, &out->local, e)))
        return false;
    out->address = arena_printf(a, "%.*s@%.*s", STR_FMT(out->local), STR_FMT(out->domain));
    return true;
}

/* ---- the rows of a route ---- */

static void read_target(const struct db_rows *rows, size_t row, struct arena *a,
                        struct smtp_target *out)
{
    out->account_id = db_int_or(rows, row, ROUTE_ACCOUNT, 0);
    out->address = arena_str(a, db_str(rows, row, ROUTE_TARGET));
    out->domain = str_skip(out->address, (size_t)(str_rfind_byte(out->address, '@') + 1));
}

/* Of an address that leads to others: the rows behind the first. */
static void read_targets(const struct db_rows *rows, const struct names *names, struct arena *a,
                         struct account_route *out)
{
    size_t n = db_row_count(rows) - 1;
    struct smtp_target *targets = ARENA_ARRAY(a, struct smtp_target, n + 1);
    for (size_t i = 0; i < n; i++)
        read_target(rows, i + 1, a, &targets[i]);
    if (n == 0)
        return;
    out->kind = ACCOUNT_ROUTE_LEADS;
    out->targets = targets;
    out->n_targets = n;
    out->posting = (enum account_posting)db_int(rows, 0, ROUTE_POSTING);
    out->domain = names->domain;
}

static void read_route(const struct db_rows *rows, const struct names *names, struct arena *a,
                       struct account_route *out)
{
    str tag;
    str base;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_REMOTE };
    if (db_row_count(rows) == 0)
        return;
    out->kind = ACCOUNT_ROUTE_UNKNOWN;
    if (!db_is_null(rows, 0, ROUTE_ACCOUNT)) {
        int64_t matched = db_int(rows, 0, ROUTE_MATCHED);
        out->kind = ACCOUNT_ROUTE_LOCAL;
        out->account_id = db_int(rows, 0, ROUTE_ACCOUNT);
        if ((matched == MATCHED_WITHOUT_TAG || matched == MATCHED_OTHER_WITHOUT_TAG) &&
            str_cut(names->local, '+', &base, &tag))
            out->tag = tag;
    } else if (!db_is_null(rows, 0, ROUTE_HIT)) {
        read_targets(rows, names, a, out);
    }
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
    if (!read_names(a, local, domain, &names, e))
        return false;
    if (directory_cache_find(d, names.address, a, out))
        return true;
    const struct db_param params[] = { DB_TEXT(names.local), DB_TEXT(names.domain) };
    if (!db_query(d->db, DB_READ, &find_route, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    read_route(rows, &names, a, out);
    if (out->kind == ACCOUNT_ROUTE_LEADS)
        return true; /* not remembered: there may be very many of them */
    if (out->kind != ACCOUNT_ROUTE_REMOTE && smtp_srs_is_rewritten(local) &&
        !directory_find_way_back(d, local, names.domain, a, deadline_ms, out, e))
        return false;
    if (!out->is_way_back)
        directory_cache_put(d, names.address, out);
    return true;
}

bool account_route_back(struct account_directory *d, str sender, struct arena *a,
                        int64_t deadline_ms, str *domain, struct account_route *out, struct err *e)
{
    struct smtp_path path;
    struct err why = ERR_CLEAR;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_UNKNOWN };
    *domain = STR_EMPTY;
    if (smtp_mailbox_parse(sender, a, &path) != SMTP_GOOD || path.is_literal)
        return true;
    *domain = path.domain;
    if (account_route(d, path.local, path.domain, a, deadline_ms, out, &why))
        return true;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_UNKNOWN };
    if (why.kind == ERR_SYNTAX || why.kind == ERR_LIMIT)
        return true;
    *e = why;
    return false;
}

/* ---- who may ---- */

static bool is_member(const struct account_route *route, const struct account_poster *poster)
{
    for (size_t i = 0; i < route->n_targets; i++) {
        const struct smtp_target *target = &route->targets[i];
        if (target->account_id ? target->account_id == poster->account_id
                               : str_ieq(target->address, poster->address))
            return true;
    }
    return false;
}

bool account_may_post(const struct account_route *route, const struct account_poster *poster)
{
    switch (route->posting) {
    case ACCOUNT_POSTING_ANYONE:
        return true;
    case ACCOUNT_POSTING_DOMAIN:
        return poster->account_id != 0 && str_ieq(poster->domain, route->domain);
    case ACCOUNT_POSTING_MEMBERS:
        return is_member(route, poster);
    }
    return false;
}

/* NOLINTNEXTLINE(readability-function-size): an address is two values, as everywhere here. */
bool account_send_right(struct account_directory *d, int64_t account_id, str local, str domain,
                        struct arena *a, int64_t deadline_ms, enum account_send_right *out,
                        struct err *e)
{
    struct names names;
    struct db_rows *rows = NULL;
    struct err ignored = ERR_CLEAR;
    *out = ACCOUNT_SEND_NOT;
    if (!read_names(a, local, domain, &names, &ignored))
        return true; /* nobody owns what is no address */
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(names.local),
                                       DB_TEXT(names.domain) };
    if (!db_query(d->db, DB_READ, &send_right, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = (enum account_send_right)db_int(rows, 0, 0);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): likewise */
bool account_may_send_as(struct account_directory *d, int64_t account_id, str local, str domain,
                         struct arena *a, int64_t deadline_ms, bool *out, struct err *e)
{
    enum account_send_right right = ACCOUNT_SEND_NOT;
    bool ok = account_send_right(d, account_id, local, domain, a, deadline_ms, &right, e);
    *out = right != ACCOUNT_SEND_NOT;
    return ok;
}
