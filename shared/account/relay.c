/* SPDX-License-Identifier: Apache-2.0 */
/* The tables relay_domain and relay_recipient. */
#include "account/relay.h"

#include "account/directory.h"

/* The base of "name+tag" counts like the whole. */
static const struct db_stmt find_one = {
    "SELECT r.name, r.verification, r.when_down, r.created_at, r.verification = 2 AND EXISTS ("
    " SELECT 1 FROM relay_recipient l WHERE l.name = r.name"
    "  AND l.local IN ($2, CASE WHEN position('+' IN $2) > 1 THEN split_part($2, '+', 1) ELSE $2 END))"
    " FROM relay_domain r WHERE r.name = $1"
};
static const struct db_stmt list_all = {
    "SELECT r.name, r.verification, r.when_down, r.created_at,"
    " (SELECT count(*) FROM relay_recipient l WHERE l.name = r.name)"
    " FROM relay_domain r WHERE $1 IN ('', r.name) ORDER BY r.name LIMIT $2"
};
static const struct db_stmt list_locals = {
    "SELECT local FROM relay_recipient WHERE name = $1 AND local > $2 ORDER BY local LIMIT $3"
};
static const struct db_stmt set_one = { "SELECT relay_domain_set($1, $2, $3, $4)" };
static const struct db_stmt remove_one = { "SELECT relay_domain_remove($1)" };

static struct account_relay read_row(const struct db_rows *rows, size_t i, struct arena *a)
{
    return (struct account_relay){
        .domain = arena_str(a, db_str(rows, i, 0)),
        .verification = (enum account_relay_verification)db_int(rows, i, 1),
        .defers_when_down = db_int(rows, i, 2) != 0,
        .created_at_us = db_time_us(rows, i, 3),
        .recipients = db_int(rows, i, 4),
    };
}

bool account_relay_find(struct account_directory *d, str local, str domain, struct arena *a,
                        int64_t deadline_ms, struct account_relay_found *out, struct err *e)
{
    struct err ignored = ERR_CLEAR;
    struct db_rows *rows = NULL;
    *out = (struct account_relay_found){ .is_relayed = false };
    if (!account_domain_normalize(a, domain, &domain, &ignored))
        return true;
    /* ASCII letters only: what is beyond must be written as in the list. */
    const struct db_param params[] = { DB_TEXT(domain), DB_TEXT(arena_lower(a, local)) };
    if (!db_query(d->db, DB_READ, &find_one, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return true;
    out->is_relayed = true;
    out->relay = read_row(rows, 0, a);
    out->is_listed = out->relay.recipients != 0;
    out->relay.recipients = 0;
    return true;
}

/* Brings recipients to their written form: "Mia@partner.example" and "Mia" become "mia". */
static bool read_locals(const struct account_relay *relay, const str *given, size_t n,
                        struct arena *a, str **out, struct err *e)
{
    str domain;
    str *list = ARENA_ARRAY(a, str, n + 1);
    *out = list;
    if (n > ACCOUNT_RELAY_RECIPIENTS_MAX)
        return ERR(e, ERR_LIMIT, "a list has at most %d recipients", ACCOUNT_RELAY_RECIPIENTS_MAX);
    for (size_t i = 0; i < n; i++) {
        str whole = str_rfind_byte(given[i], '@') >= 0
                        ? given[i]
                        : arena_printf(a, "%.*s@%.*s", STR_FMT(given[i]), STR_FMT(relay->domain));
        if (!account_address_normalize(a, whole, &list[i], &domain, e))
            return err_wrap(e, "\"%.*s\"", STR_FMT(given[i]));
        if (!str_eq(domain, relay->domain)) {
            return ERR(e, ERR_SYNTAX, "\"%.*s\" is not of %.*s", STR_FMT(given[i]),
                       STR_FMT(relay->domain));
        }
    }
    return true;
}

static str describe(struct arena *a, const struct account_relay *relay, const str *locals, size_t n)
{
    static const char *const words[] = { [ACCOUNT_RELAY_ANY] = "none",
                                         [ACCOUNT_RELAY_CALLOUT] = "callout",
                                         [ACCOUNT_RELAY_LIST] = "list" };
    str text = arena_printf(a, "verification %s, when down %s", words[relay->verification],
                            relay->defers_when_down ? "defer" : "accept");
    return locals ? arena_printf(a, "%.*s, %zu recipients", STR_FMT(text), n) : text;
}

/* NOLINTNEXTLINE(readability-function-size): a list is two values, as everywhere here. */
bool account_relay_set(struct account_directory *d, const struct account_actor *actor,
                       const struct account_relay *relay, const str *locals, size_t n,
                       struct arena *a, int64_t deadline_ms, struct err *e)
{
    struct account_relay r = *relay;
    str *list = NULL;
    if (!account_domain_normalize(a, relay->domain, &r.domain, e) ||
        (locals && !read_locals(&r, locals, n, a, &list, e)))
        return false;
    const struct db_param params[] = { DB_TEXT(r.domain), DB_INT4(r.verification),
                                       DB_INT4(r.defers_when_down),
                                       locals ? DB_TEXTS(list, n) : DB_NULL };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &set_one,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("relay.set"),
                                       .object = r.domain,
                                       .detail = describe(a, &r, locals, n) };
    if (directory_change(d, &act, a, deadline_ms, NULL, e))
        return true;
    if (e->kind == ERR_EXISTS)
        return ERR(e, ERR_EXISTS, "%.*s is a domain of our own", STR_FMT(r.domain));
    return false;
}

bool account_relay_remove(struct account_directory *d, const struct account_actor *actor,
                          str domain, struct arena *a, int64_t deadline_ms, struct err *e)
{
    if (!account_domain_normalize(a, domain, &domain, e))
        return false;
    const struct directory_act act = {
        .actor = actor, .stmt = &remove_one, .action = STR("relay.remove"), .object = domain
    };
    if (directory_change(d, &act, a, deadline_ms, NULL, e))
        return true;
    if (e->kind == ERR_NOT_FOUND)
        return ERR(e, ERR_NOT_FOUND, "%.*s is no relay domain", STR_FMT(domain));
    return false;
}

bool account_relay_list(struct account_directory *d, str domain, struct arena *a,
                        int64_t deadline_ms, struct account_relays *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(domain), DB_INT8(ACCOUNT_RELAYS_MAX) };
    if (!db_query(d->db, DB_READ, &list_all, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_relay, out->n + 1);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = read_row(rows, i, a);
    return true;
}

bool account_relay_recipients(struct account_directory *d, const struct account_relay_query *query,
                              struct arena *a, int64_t deadline_ms,
                              struct account_relay_recipients *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(query->domain), DB_TEXT(query->after),
                                       DB_INT8((int64_t)query->limit) };
    if (!db_query(d->db, DB_READ, &list_locals, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, str, out->n + 1);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] =
            arena_printf(a, "%.*s@%.*s", STR_FMT(db_str(rows, i, 0)), STR_FMT(query->domain));
    }
    return true;
}
