/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table suppression. */
#include "account/suppression.h"

#include "account/directory.h"
#include "base/address.h"
#include "base/utf8.h"

/* What says that there is nobody of this name, not that the sender is not liked. */
#define IN_FORCE(refused)                                                                      \
    "(is_manual OR (" refused " AND expires > now() AND status IN ('5.1.1', '5.1.2', '5.1.3'," \
    " '5.1.6', '5.1.10', '5.2.1')))"

/* Each part reads one row, or few, by an index, however many addresses an account or a domain has:
 * the order is there for that. Only by hand are addresses suppressed for a domain. */
#define FIRST_OF(subject, order) \
    "coalesce((SELECT true FROM suppression WHERE " subject " ORDER BY " order " LIMIT 1), false)"
#define THIS_OF(subject)                                                                   \
    "(SELECT is_manual, reason FROM suppression WHERE " subject " AND address = lower($2)" \
    " AND " IN_FORCE("$3") ")"
#define BY_ACCOUNT "account_id = $1"
#define BY_DOMAIN  "domain_id = (SELECT domain_id FROM account WHERE account_id = $1)"
static const struct db_stmt find = {
    "SELECT " FIRST_OF(BY_ACCOUNT " AND is_manual", "created") " OR " FIRST_OF(BY_DOMAIN, "address") " OR ($3 AND " FIRST_OF(
        BY_ACCOUNT " AND NOT is_manual AND " IN_FORCE("true"),
        "created DESC") "),"
                        " (SELECT reason FROM (" THIS_OF(BY_ACCOUNT) " UNION ALL " THIS_OF(
                            BY_DOMAIN) ") m"
                                       " ORDER BY is_manual DESC LIMIT 1)"
};
/* $2 limit, $3 whether what was refused is in force. */
#define LISTED                                                                                      \
    "SELECT s.suppression_id, coalesce(c.login, d.name), s.address, is_manual, " IN_FORCE(          \
        "$3") ", status, reason, created, nullif(expires, 'infinity') FROM suppression s LEFT JOIN" \
              " account c ON c.account_id = s.account_id LEFT JOIN domain d ON d.domain_id ="       \
              " s.domain_id WHERE expires > now() AND "
#define ORDERED " ORDER BY s.address LIMIT $2"
static const struct db_stmt list_of_account = {
    LISTED "s.account_id = (SELECT account_id FROM address WHERE addr_lower = $1)" ORDERED
};
static const struct db_stmt list_of_domain = {
    LISTED "s.domain_id = (SELECT domain_id FROM domain WHERE name = $1)" ORDERED
};
static const struct db_stmt page_of_all = {
    LISTED "($1 = '' OR position($1 IN s.address) > 0 OR position($1 IN coalesce(c.login, d.name))"
           " > 0) AND CASE WHEN is_manual THEN $4::boolean ELSE $5::boolean END AND ($6 = 0 OR"
           " s.suppression_id < $6) ORDER BY s.suppression_id DESC LIMIT $2"
};
static const struct db_stmt is_account = {
    "SELECT 1 FROM address WHERE addr_lower = $1 AND account_id IS NOT NULL"
};
static const struct db_stmt is_domain = { "SELECT 1 FROM domain WHERE name = $1" };
static const struct db_stmt add = { "SELECT * FROM suppression_put($1, $2, $3)" };
static const struct db_stmt take_out = { "SELECT suppression_remove($1, $2)" };

bool account_suppression_find(struct account_directory *d,
                              const struct account_suppression_ask *ask, struct arena *a,
                              int64_t deadline_ms, struct account_suppression_answer *out,
                              struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(ask->account_id), DB_TEXT(ask->address),
                                       DB_BOOL(ask->with_refused) };
    if (!db_query(d->db, DB_DELIVER, &find, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "look at the suppression list");
    out->has_any = db_int(rows, 0, 0) != 0;
    out->is_suppressed = !db_is_null(rows, 0, 1);
    out->reason = out->is_suppressed ? arena_str(a, db_str(rows, 0, 1)) : STR_EMPTY;
    return true;
}

/* ---- for administrators ---- */

static bool normal_subject(struct arena *a, str subject, str *out, bool *has_at, struct err *e)
{
    str domain;
    *has_at = str_find_byte(subject, '@') >= 0;
    return *has_at ? directory_normal_address(a, subject, out, &domain, e)
                   : account_domain_normalize(a, subject, out, e);
}

static void read_rows(const struct db_rows *rows, struct arena *a, struct account_suppressions *out)
{
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_suppression, out->n + 1);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct account_suppression){ .id = db_int(rows, i, 0),
                                                     .sender = arena_str(a, db_str(rows, i, 1)),
                                                     .address = arena_str(a, db_str(rows, i, 2)),
                                                     .is_manual = db_int(rows, i, 3) != 0,
                                                     .is_in_force = db_int(rows, i, 4) != 0,
                                                     .status = arena_str(a, db_str(rows, i, 5)),
                                                     .reason = arena_str(a, db_str(rows, i, 6)),
                                                     .created_us = db_time_us(rows, i, 7),
                                                     .expires_us = db_time_us_or(rows, i, 8, 0) };
    }
}

bool account_suppression_list(struct account_directory *d, str subject, bool with_refused,
                              struct arena *a, int64_t deadline_ms,
                              struct account_suppressions *out, struct err *e)
{
    bool has_at;
    struct db_rows *rows = NULL;
    if (!normal_subject(a, subject, &subject, &has_at, e) ||
        !db_query(d->db, DB_READ, has_at ? &is_account : &is_domain, &DB_TEXT(subject), 1, a,
                  deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "%.*s is not here", STR_FMT(subject));
    const struct db_param params[] = { DB_TEXT(subject), DB_INT8(ACCOUNT_SUPPRESSION_LIST_MAX),
                                       DB_BOOL(with_refused) };
    if (!db_query(d->db, DB_READ, has_at ? &list_of_account : &list_of_domain, params,
                  COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    read_rows(rows, a, out);
    return true;
}

bool account_suppression_page(struct account_directory *d,
                              const struct account_suppression_query *query, struct arena *a,
                              int64_t deadline_ms, struct account_suppressions *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = {
        DB_TEXT(query->search),      DB_INT8((int64_t)query->limit), DB_BOOL(query->heeds_refused),
        DB_BOOL(query->with_manual), DB_BOOL(query->with_refused),   DB_INT8(query->before)
    };
    if (!db_query(d->db, DB_READ, &page_of_all, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    read_rows(rows, a, out);
    return true;
}

/* As it may stand in RCPT: something on both sides of the last '@', and no space. */
static bool check_address(str address, struct err *e)
{
    bool is_good = address_local(address).n > 0 && address_domain(address).n > 0 &&
                   address.n <= ACCOUNT_SUPPRESSION_ADDRESS_MAX && utf8_is_valid(address);
    for (size_t i = 0; i < address.n; i++)
        is_good = is_good && (unsigned char)address.p[i] > ' ' && address.p[i] != 0x7f;
    return is_good || ERR(e, ERR_SYNTAX, "this is no address");
}

/* The rows are what was there, and stays. */
static bool is_added(const struct db_rows *rows)
{
    return db_row_count(rows) == 0;
}

bool account_suppression_add(struct account_directory *d, const struct account_actor *actor,
                             str subject, struct account_suppression_put *put, struct arena *a,
                             int64_t deadline_ms, struct err *e)
{
    bool has_at;
    struct db_rows *rows = NULL;
    if (!check_address(put->address, e) || !normal_subject(a, subject, &subject, &has_at, e))
        return false;
    const struct db_param params[] = { DB_TEXT(subject), DB_TEXT(put->address),
                                       DB_TEXT(put->reason) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &add,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("suppression.add"),
                                       .object = subject,
                                       .detail = put->address,
                                       .has_changed = is_added };
    if (!directory_change(d, &act, a, deadline_ms, &rows, e))
        return false;
    put->was_there = db_row_count(rows) > 0;
    if (put->was_there) {
        put->there = (struct account_suppression){ .sender = arena_str(a, db_str(rows, 0, 0)),
                                                   .address = arena_str(a, db_str(rows, 0, 1)),
                                                   .is_manual = true,
                                                   .is_in_force = true,
                                                   .reason = arena_str(a, db_str(rows, 0, 2)),
                                                   .created_us = db_time_us(rows, 0, 3) };
    }
    return true;
}

bool account_suppression_remove(struct account_directory *d, const struct account_actor *actor,
                                str subject, str address, struct arena *a, int64_t deadline_ms,
                                struct err *e)
{
    bool has_at;
    if (!normal_subject(a, subject, &subject, &has_at, e))
        return false;
    const struct db_param params[] = { DB_TEXT(subject), DB_TEXT(address) };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &take_out,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("suppression.remove"),
                                       .object = subject,
                                       .detail = address };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}
