/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail for an address goes, and who may send as it. */
#include "account/directory.h"
#include "base/address.h"
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
    MATCHED_OTHER_WITHOUT_TAG = 4,
    MATCHED_CATCH_ALL = 5,
    MATCHED_OTHER_CATCH_ALL = 6
};

enum {
    DOMAIN_NAMES_MAX = 1000 /* of one domain that are looked at */
};

/* Who answers for a domain, or for the server. */
static const struct db_stmt find_keeper = { "SELECT address_keeper($1)" };

static const struct db_stmt find_domain_names = { "SELECT domain_names($1) LIMIT $2" };

static const struct db_stmt send_right = { "SELECT address_send_right($1, $2, $3)" };

/* The names as the directory has them. */
struct names {
    str given; /* the local part as it came */
    str local;
    str domain;
    str address; /* local@domain */
};

/* A local part that no address of ours can have ("a b") may be one of somebody else's (RFC 5321
 * 4.1.2, RFC 6531 3.3): it is looked for like any other. */
static bool read_strange_local(struct arena *a, str local, str *out, struct err *e)
{
    bool good = local.n > 0 && local.n <= ACCOUNT_LOCAL_MAX && utf8_is_valid(local);
    for (size_t i = 0; i < local.n; i++)
        good = good && (unsigned char)local.p[i] >= ' ' && local.p[i] != '\x7f';
    *out = arena_lower(a, local);
    return good || ERR(e, ERR_SYNTAX, "this cannot stand before the '@' of an address");
}

static bool read_names(struct arena *a, str local, str domain, struct names *out, struct err *e)
{
    struct err ignored = ERR_CLEAR;
    str address = arena_printf(a, "%.*s@%.*s", STR_FMT(local), STR_FMT(domain));
    out->given = local;
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
    out->domain = address_domain(out->address);
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

/* To whoever answers for the domain; for an empty one, for the server. Yields. */
static YIELDS bool route_to_keeper(struct account_directory *d, str domain, struct arena *a,
                                   int64_t deadline_ms, struct account_route *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(domain) };
    if (!db_query(d->db, DB_READ, &find_keeper, params, 1, a, deadline_ms, &rows, e))
        return false;
    *out = (struct account_route){ .kind = ACCOUNT_ROUTE_UNKNOWN };
    if (!db_is_null(rows, 0, 0)) {
        out->kind = ACCOUNT_ROUTE_LOCAL;
        out->account_id = db_int(rows, 0, 0);
    }
    return true;
}

/* All names of the group's domain, where who sends from one of them may send to it. Yields. */
static YIELDS bool find_names(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                              struct account_route *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(out->domain), DB_INT8(DOMAIN_NAMES_MAX) };
    if (out->posting != ACCOUNT_POSTING_DOMAIN)
        return true;
    if (!db_query(d->db, DB_READ, &find_domain_names, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    str *domains = ARENA_ARRAY(a, str, db_row_count(rows) + 1);
    out->n_domains = db_row_count(rows);
    for (size_t i = 0; i < out->n_domains; i++)
        domains[i] = arena_str(a, db_str(rows, i, 0));
    out->domains = domains;
    return true;
}

/* Reports to a sender of ours that was made for forwarded mail (SRS) go where it came from, unless
 * somebody has that very address. Yields. */
static YIELDS bool turn_back(struct account_directory *d, const struct names *names,
                             int64_t matched, struct arena *a, int64_t deadline_ms,
                             struct account_route *out, struct err *e)
{
    bool is_caught = matched == MATCHED_CATCH_ALL || matched == MATCHED_OTHER_CATCH_ALL;
    if (out->kind == ACCOUNT_ROUTE_REMOTE || (out->kind == ACCOUNT_ROUTE_LEADS && !is_caught) ||
        !smtp_srs_is_rewritten(names->given))
        return true;
    return directory_find_way_back(d, names->given, names->domain, a, deadline_ms, out, e);
}

bool account_is_role(str local)
{
    return str_ieq(local, STR("postmaster")) || str_ieq(local, STR("abuse"));
}

/* Of a local part without the id of a message. Yields. */
static YIELDS bool route_base(struct account_directory *d, str local, str domain, struct arena *a,
                              int64_t deadline_ms, struct account_route *out, struct err *e)
{
    struct names names;
    struct db_rows *rows = NULL;
    uint64_t forgets = d->forgets;
    if (!read_names(a, local, domain, &names, e))
        return false;
    if (directory_cache_find(d, names.address, a, out))
        return true;
    const struct db_param params[] = { DB_TEXT(names.local), DB_TEXT(names.domain) };
    if (!db_query(d->db, DB_READ, &find_route, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    read_route(rows, &names, a, out);
    int64_t matched = db_row_count(rows) > 0 ? db_int_or(rows, 0, ROUTE_MATCHED, 0) : 0;
    if (!turn_back(d, &names, matched, a, deadline_ms, out, e))
        return false;
    if (out->kind == ACCOUNT_ROUTE_UNKNOWN && account_is_role(names.local) &&
        !route_to_keeper(d, names.domain, a, deadline_ms, out, e)) /* what it led to is gone */
        return false;
    if (out->kind == ACCOUNT_ROUTE_LEADS) /* not remembered: there may be very many of them */
        return out->is_way_back || find_names(d, a, deadline_ms, out, e);
    directory_cache_put(d, forgets, names.address, out);
    return true;
}

bool account_route(struct account_directory *d, str local, str domain, struct arena *a,
                   int64_t deadline_ms, struct account_route *out, struct err *e)
{
    struct account_from_id from;
    if (str_is_empty(domain) && str_ieq(local, STR("postmaster")))
        return route_to_keeper(d, STR_EMPTY, a, deadline_ms, out, e);
    if (!account_from_id_base(d, local, a, deadline_ms, &from, e) ||
        !route_base(d, from.base, domain, a, deadline_ms, out, e))
        return false;
    out->queue_id = from.queue_id;
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

static bool is_of_domain(const struct account_route *route, str domain)
{
    for (size_t i = 0; i < route->n_domains; i++) {
        if (str_ieq(domain, route->domains[i]))
            return true;
    }
    return str_ieq(domain, route->domain);
}

bool account_may_post(const struct account_route *route, const struct account_poster *poster)
{
    switch (route->posting) {
    case ACCOUNT_POSTING_ANYONE:
        return true;
    case ACCOUNT_POSTING_DOMAIN:
        return poster->account_id != 0 && is_of_domain(route, poster->domain);
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
