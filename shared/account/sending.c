/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of sending, and what was sent: rows of the table sending. */
#include "account/sending.h"

#include "account/directory.h"

static const struct db_stmt take = {
    "SELECT said, full_window, taken_at, is_ever FROM sending_take($1, $2, $3, $4, $5)"
};
static const struct db_stmt give_back = { "SELECT sending_give_back($1, $2, $3)" };
static const struct db_stmt per_message = {
    "SELECT s.per_message FROM account c JOIN sending s ON s.account_id = c.account_id OR"
    " s.domain_id = c.domain_id WHERE c.account_id = $1 AND s.per_message >= 0"
    " ORDER BY s.account_id LIMIT 1" /* of the account before that of the domain: NULL is last */
};
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

#define VALUES                                                                                                          \
    " coalesce(s.most, '{-1,-1,-1,-1}') || coalesce(s.per_message, -1), CASE WHEN s IS NULL THEN '{0,0,0,0}'::bigint[]" \
    " ELSE sending_used(s) END, coalesce((sending_turn(s)).refused, 0), s.held_at,"                                     \
    " coalesce(s.held_why, '') "

static const struct db_stmt get_account = {
    "SELECT c.login," VALUES "FROM address a JOIN account c USING (account_id)"
    " LEFT JOIN sending s USING (account_id) WHERE a.addr_lower = $1"
};
static const struct db_stmt get_domain = {
    "SELECT d.name," VALUES "FROM domain d LEFT JOIN sending s USING (domain_id) WHERE d.name = $1"
};
static const struct db_stmt list_all = {
    "SELECT coalesce(c.login, d.name) AS subject," VALUES "FROM sending s"
    " LEFT JOIN account c USING (account_id) LEFT JOIN domain d ON d.domain_id = s.domain_id"
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

static void read_row(const struct db_rows *rows, size_t row, struct arena *a,
                     struct account_sending *out)
{
    int64_t *most = NULL;
    int64_t *used = NULL;
    (void)db_ints(rows, row, 1, a, &most);
    (void)db_ints(rows, row, 2, a, &used);
    *out = (struct account_sending){ .subject = arena_str(a, db_str(rows, row, 0)),
                                     .refused = db_int(rows, row, 3),
                                     .stopped_at_us = db_time_us_or(rows, row, 4, 0),
                                     .stopped_why = arena_str(a, db_str(rows, row, 5)) };
    memcpy(out->most, most, sizeof(out->most));
    memcpy(out->used, used, sizeof(out->used));
}

/* The written form of an address or a domain. */
static bool normalize(struct arena *a, str subject, str *out, bool *is_account, struct err *e)
{
    str domain;
    *is_account = str_find_byte(subject, '@') >= 0;
    return *is_account ? directory_normal_address(a, subject, out, &domain, e)
                       : account_domain_normalize(a, subject, out, e);
}

bool account_sending_get(struct account_directory *d, str subject, struct arena *a,
                         int64_t deadline_ms, struct account_sending *out, struct err *e)
{
    struct db_rows *rows = NULL;
    bool is_account;
    if (!normalize(a, subject, &subject, &is_account, e))
        return false;
    if (!db_query(d->db, DB_READ, is_account ? &get_account : &get_domain, &DB_TEXT(subject), 1, a,
                  deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "%.*s is not here", STR_FMT(subject));
    read_row(rows, 0, a, out);
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
        read_row(rows, i, a, &out->list[i]);
    return true;
}

bool account_sending_set(struct account_directory *d, const struct account_actor *actor,
                         str subject, const int64_t most[ACCOUNT_SENDING_LIMITS], struct arena *a,
                         int64_t deadline_ms, struct err *e)
{
    bool is_account;
    if (!normalize(a, subject, &subject, &is_account, e))
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
                                       .detail = why };
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
