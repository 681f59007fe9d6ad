/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of sending, and what was sent: rows of the table sending. */
#include "account/sending.h"

#include "account/directory.h"
#include "account/sending_rows.h"
#include "account/tenant.h"

static const struct db_stmt take = {
    "SELECT said, full_window, taken_at, is_ever FROM sending_count($1, $2, $3, $4, $5)"
};
static const struct db_stmt give_back = { "SELECT sending_give_back($1, $2, $3)" };
static const struct db_stmt per_message = { "SELECT coalesce(" SENDING_PER_MESSAGE(
    "c.account_id", "c.domain_id",
    "d.tenant_id") ", 0) FROM account c JOIN domain d USING (domain_id) WHERE c.account_id = $1" };
static const struct db_stmt refused = { "SELECT sending_refused($1, $2, $3, $4, $5, $6)" };
static const struct db_stmt seen = { "SELECT sending_seen($1, $2, $3)" };
static const struct db_stmt sweep_refused = {
    "DELETE FROM suppression WHERE expires < now() AND expires <> 'infinity'"
};
static const struct db_stmt sweep_seen = {
    "DELETE FROM sending_network WHERE seen < now() - interval '1 day'"
};
static const struct db_stmt set_limits = { "SELECT sending_set($1, $2)" };
static const struct db_stmt stop = { "SELECT sending_hold($1, $2)" };
static const struct db_stmt told = {
    "SELECT account_id FROM account WHERE account_id = $1 OR (is_admin AND disabled_at IS NULL)"
    " ORDER BY account_id <> $1, account_id LIMIT $2"
};

static const struct db_stmt get_account = { "SELECT c.login," SENDING_COLUMNS(
    "c.account_id", "c.domain_id",
    SENDING_TENANT_OF(
        "c.domain_id")) "FROM address a JOIN account c USING (account_id)"
                        " LEFT JOIN sending s USING (account_id) WHERE a.addr_lower = $1" };
static const struct db_stmt get_domain = { "SELECT d.name," SENDING_COLUMNS(
    "NULL", "d.domain_id",
    "d.tenant_id") "FROM domain d LEFT JOIN sending s USING (domain_id) WHERE d.name = $1" };
static const struct db_stmt get_tenant = {
    "SELECT 'tenant:' || t.name," SENDING_COLUMNS(
        "NULL", "NULL",
        "t.tenant_id") "FROM tenant t LEFT JOIN sending s USING (tenant_id) WHERE t.name = substr($1::text, 8)"
};
static const struct db_stmt list_all = {
    "SELECT coalesce(c.login, d.name, 'tenant:' || t.name) AS subject," SENDING_COLUMNS(
        "s.account_id", "coalesce(c.domain_id, s.domain_id)",
        "coalesce(" SENDING_TENANT_OF(
            "coalesce(c.domain_id, s.domain_id)") ", s.tenant_id)") "FROM sending s"
                                                                    " LEFT JOIN account c USING (account_id) LEFT JOIN domain d ON d.domain_id = s.domain_id"
                                                                    " LEFT JOIN tenant t ON t.tenant_id = s.tenant_id"
                                                                    " WHERE s.held_at IS NOT NULL OR s.most <> '{-1,-1,-1,-1}' OR"
                                                                    " s.per_message >= 0 ORDER BY 1 LIMIT $1"
};

bool account_sending_take(struct account_directory *d, const struct account_sending_ask *ask,
                          struct arena *a, int64_t deadline_ms, struct account_sending_answer *out,
                          struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(ask->account_id), DB_INT8((int64_t)ask->recipients),
                                       DB_INT8S(ask->rules.most, ACCOUNT_SENDING_WINDOWS),
                                       DB_INT8(ask->rules.refusals), DB_BOOL(ask->waits) };
    if (!db_query(d->db, DB_DELIVER, &take, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "count what is sent");
    int64_t window = db_int(rows, 0, 1);
    out->said = (enum account_sending_said)db_int(rows, 0, 0);
    out->is_ever = db_int(rows, 0, 3) != 0;
    out->taken_us = db_time_us(rows, 0, 2);
    out->full = (enum account_sending_window)(window > 0 ? window - 1 : 0);
    return true;
}

void account_sending_give_back(struct account_directory *d,
                               const struct account_sending_given *given, struct arena *a,
                               int64_t deadline_ms)
{
    struct err ignored = ERR_CLEAR;
    const struct db_param params[] = { DB_INT8(given->account_id),
                                       DB_INT8((int64_t)given->recipients),
                                       DB_TIME_US(given->taken_us) };
    (void)db_query(d->db, DB_DELIVER, &give_back, params, COUNT_OF(params), a, deadline_ms, NULL,
                   &ignored);
}

bool account_sending_per_message(struct account_directory *d, int64_t account_id, struct arena *a,
                                 int64_t deadline_ms, int64_t *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_query(d->db, DB_DELIVER, &per_message, &DB_INT8(account_id), 1, a, deadline_ms, &rows,
                  e))
        return err_wrap(e, "look how many recipients a message may have");
    *out = db_row_count(rows) > 0 ? db_int(rows, 0, 0) : 0;
    return true;
}

/* ---- what a stolen password looks like ---- */

bool account_sending_note_refused(struct account_directory *d,
                                  const struct account_sending_refused *what, struct arena *a,
                                  int64_t deadline_ms, bool *stopped, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(what->account_id),
                                       DB_TEXTS(what->addresses, what->n),
                                       DB_TEXTS(what->statuses, what->n),
                                       DB_TEXTS(what->replies, what->n),
                                       DB_INT8(what->rules->suppress_ms / 1000),
                                       DB_INT8(what->rules->refused_recipients) };
    if (!db_query(d->db, DB_DELIVER, &refused, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "note refused recipients");
    *stopped = db_int(rows, 0, 0) != 0;
    return true;
}

bool account_sending_note_login(struct account_directory *d,
                                const struct account_sending_login *login, struct arena *a,
                                int64_t deadline_ms, bool *stopped, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(login->account_id), DB_TEXT(login->ip),
                                       DB_INT8(login->rules->networks) };
    *stopped = false;
    if (login->rules->networks == 0 || login->ip.n == 0)
        return true;
    if (!db_query(d->db, DB_DELIVER, &seen, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "note a login");
    *stopped = db_int(rows, 0, 0) != 0;
    return true;
}

bool account_sending_sweep(struct account_directory *d, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_query(d->db, DB_DELIVER, &sweep_refused, NULL, 0, &a, deadline_ms, NULL, e) &&
              db_query(d->db, DB_DELIVER, &sweep_seen, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok || err_wrap(e, "forget what is known of senders");
}

/* ---- for administrators ---- */

struct account_sending sending_read_row(const struct db_rows *rows, size_t row, struct arena *a)
{
    int64_t *most = NULL;
    int64_t *used = NULL;
    (void)db_ints(rows, row, 1, a, &most);
    (void)db_ints(rows, row, 2, a, &used);
    struct account_sending out = { .subject = arena_str(a, db_str(rows, row, 0)),
                                   .refused = db_int(rows, row, 3),
                                   .stopped_at_us = db_time_us_or(rows, row, 4, 0),
                                   .stopped_why = arena_str(a, db_str(rows, row, 5)),
                                   .per_message = db_int(rows, row, 6) };
    memcpy(out.most, most, sizeof(out.most));
    memcpy(out.used, used, sizeof(out.used));
    return out;
}

/* The written form of an address, a tenant or a domain, and the statement that reads its row. */
static bool normalize(struct arena *a, str subject, str *out, const struct db_stmt **get,
                      struct err *e)
{
    str rest;
    if (str_find_byte(subject, '@') >= 0) {
        *get = &get_account;
        return directory_normal_address(a, subject, out, &rest, e);
    }
    if (str_has_prefix(subject, STR(ACCOUNT_SENDING_TENANT))) {
        *get = &get_tenant;
        if (!account_tenant_normalize(a, str_skip(subject, strlen(ACCOUNT_SENDING_TENANT)), &rest,
                                      e))
            return false;
        *out = arena_printf(a, ACCOUNT_SENDING_TENANT "%.*s", STR_FMT(rest));
        return true;
    }
    *get = &get_domain;
    return account_domain_normalize(a, subject, out, e);
}

bool account_sending_get(struct account_directory *d, str subject, struct arena *a,
                         int64_t deadline_ms, struct account_sending *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_stmt *get;
    if (!normalize(a, subject, &subject, &get, e))
        return false;
    if (!db_query(d->db, DB_READ, get, &DB_TEXT(subject), 1, a, deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "%.*s is not here", STR_FMT(subject));
    *out = sending_read_row(rows, 0, a);
    return true;
}

bool account_sending_list(struct account_directory *d, struct arena *a, int64_t deadline_ms,
                          struct account_sending_list *out, struct err *e)
{
    struct db_rows *rows = NULL;
    if (!db_query(d->db, DB_READ, &list_all, &DB_INT8(ACCOUNT_SENDING_LIST_MAX), 1, a, deadline_ms,
                  &rows, e))
        return false;
    out->n = db_row_count(rows);
    out->list = ARENA_ARRAY(a, struct account_sending, out->n + 1);
    for (size_t i = 0; i < out->n; i++)
        out->list[i] = sending_read_row(rows, i, a);
    return true;
}

bool account_sending_set(struct account_directory *d, const struct account_actor *actor,
                         str subject, const int64_t most[ACCOUNT_SENDING_LIMITS], struct arena *a,
                         int64_t deadline_ms, struct err *e)
{
    const struct db_stmt *get;
    if (!normalize(a, subject, &subject, &get, e))
        return false;
    const struct db_param params[] = { DB_TEXT(subject), DB_INT8S(most, ACCOUNT_SENDING_LIMITS) };
    str detail = arena_printf(a, "%lld %lld %lld %lld %lld", (long long)most[0], (long long)most[1],
                              (long long)most[2], (long long)most[3], (long long)most[4]);
    const struct directory_act act = { .actor = actor,
                                       .stmt = &set_limits,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action = STR("sending.limit"),
                                       .object = subject,
                                       .detail = detail };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}

/* Who was stopped before stays as it was. */
static bool is_changed(const struct db_rows *rows)
{
    return !db_is_null(rows, 0, 0);
}

bool account_sending_stop(struct account_directory *d, const struct account_actor *actor,
                          str address, str why, struct arena *a, int64_t deadline_ms, struct err *e)
{
    str domain;
    if (!directory_normal_address(a, address, &address, &domain, e))
        return false;
    const struct db_param params[] = { DB_TEXT(address), why.n > 0 ? DB_TEXT(why) : DB_NULL };
    const struct directory_act act = { .actor = actor,
                                       .stmt = &stop,
                                       .params = params,
                                       .n = COUNT_OF(params),
                                       .action =
                                           why.n > 0 ? STR("sending.stop") : STR("sending.release"),
                                       .object = address,
                                       .detail = why,
                                       .has_changed = is_changed };
    return directory_change(d, &act, a, deadline_ms, NULL, e);
}

bool account_sending_told(struct account_directory *d, int64_t account_id, struct arena *a,
                          int64_t deadline_ms, int64_t ids[ACCOUNT_SENDING_TOLD_MAX], size_t *n,
                          struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8(ACCOUNT_SENDING_TOLD_MAX) };
    if (!db_query(d->db, DB_READ, &told, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *n = db_row_count(rows);
    for (size_t i = 0; i < *n; i++)
        ids[i] = db_int(rows, i, 0);
    return true;
}
