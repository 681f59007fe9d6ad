/* SPDX-License-Identifier: Apache-2.0 */
/* Reports in the database. */
#include "reports/ledger.h"

#include "db/db.h"
#include "reports/pack.h"

const char *reports_state_name(enum reports_state state)
{
    static const char *const names[] = { "due", "sent", "dropped", "any" };
    return names[state];
}

const char *reports_kind_name(enum reports_kind kind)
{
    static const char *const names[] = { "tls", "dmarc", "any" };
    return names[kind];
}

/* What is not sent yet is counted as it stands. */
#define ENTRY                                                                        \
    "SELECT r.kind, r.day - date '1970-01-01', r.domain, r.state, r.due, r.changed," \
    " r.attempts, r.is_mailed, r.posted, r.note, CASE WHEN r.kind = 'tls'"           \
    " THEN (SELECT coalesce(sum(t.sessions), 0)::int8 FROM report_tls t"             \
    " WHERE t.day = r.day AND t.domain = r.domain)"                                  \
    " ELSE (SELECT coalesce(sum(d.messages), 0)::int8 FROM report_dmarc d"           \
    " WHERE d.day = r.day AND d.domain = r.domain) END FROM report r"

static const struct db_stmt list_stmt = {
    ENTRY
    " WHERE ($1 = '' OR r.kind = $1) AND ($2 = '' OR r.state = $2)"
    " AND ($3 = '' OR r.domain = $3) AND ($4::int IS NULL OR r.day < date '1970-01-01' + $4::int"
    " OR (r.day = date '1970-01-01' + $4::int AND (r.kind, r.domain) > ($5, $6)))"
    " ORDER BY r.day DESC, r.kind, r.domain LIMIT $7"
};
static const struct db_stmt get_stmt = {
    ENTRY " WHERE r.kind = $1 AND r.day = date '1970-01-01' + $2::int AND r.domain = $3"
};
static const struct db_stmt due_stmt = {
    ENTRY " WHERE r.state = 'due' AND r.due <= now() ORDER BY r.due LIMIT $1"
};
static const struct db_stmt note_stmt = {
    "SELECT report_note($1, date '1970-01-01' + $2::int, $3, $4, $5, $6, $7, $8, $9)"
};
static const struct db_stmt send_now_stmt = {
    "SELECT report_send_now($1, date '1970-01-01' + $2::int, $3)"
};
#define OLD "day < ((now() - $1 * interval '1 millisecond') AT TIME ZONE 'UTC')::date"

static const struct db_stmt sweep_stmts[] = {
    { "DELETE FROM report_tls WHERE " OLD },
    { "DELETE FROM report_dmarc WHERE " OLD },
    { "DELETE FROM report WHERE " OLD },
};
static const struct db_stmt tls_stmt = {
    "SELECT policy_type, policy_domain, policy, result, mx, mx_ip, our_ip, reason, sessions"
    " FROM (SELECT * FROM report_tls WHERE day = date '1970-01-01' + $1::int AND domain = $2"
    " ORDER BY sessions DESC, key LIMIT $3) t"
    " ORDER BY policy_type, policy_domain, policy, sessions DESC, key"
};
static const struct db_stmt dmarc_stmt = {
    "SELECT source, disposition, dkim, spf, override, comment, header_from, envelope_from,"
    " signatures, spf_domain, spf_scope, spf_result, messages FROM report_dmarc"
    " WHERE day = date '1970-01-01' + $1::int AND domain = $2 ORDER BY messages DESC, key LIMIT $3"
};
static const struct db_stmt record_stmt = {
    "SELECT record FROM report_dmarc WHERE day = date '1970-01-01' + $1::int AND domain = $2"
    " ORDER BY last DESC, key LIMIT 1"
};

/* ---- entries ---- */

static void read_entry(const struct db_rows *r, size_t row, struct arena *a,
                       struct reports_entry *out)
{
    str state = db_str(r, row, 3);
    *out = (struct reports_entry){
        .kind = str_eq(db_str(r, row, 0), STR("tls")) ? REPORTS_TLS : REPORTS_DMARC,
        .day = db_int(r, row, 1),
        .domain = db_str(r, row, 2),
        .due_us = db_time_us(r, row, 4),
        .changed_us = db_time_us(r, row, 5),
        .attempts = db_int(r, row, 6),
        .is_mailed = db_int(r, row, 7),
        .note = db_str(r, row, 9),
        .count = db_int(r, row, 10),
    };
    for (int i = REPORTS_DUE; i < REPORTS_STATES; i++) {
        if (str_eq(state, str_from_cstr(reports_state_name((enum reports_state)i))))
            out->state = (enum reports_state)i;
    }
    out->n_posted = db_strs(r, row, 8, a, &out->posted);
}

static void read_entries(const struct db_rows *r, struct arena *a, struct reports_entries *out)
{
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(a, struct reports_entry, out->n);
    for (size_t i = 0; i < out->n; i++)
        read_entry(r, i, a, &out->list[i]);
}

bool reports_list(struct db *db, const struct reports_filter *filter, struct arena *a,
                  int64_t deadline_ms, struct reports_entries *out, struct err *e)
{
    struct db_rows *r;
    bool has_kind = filter->kind != REPORTS_KINDS;
    bool has_state = filter->state != REPORTS_STATES;
    const struct db_param params[] = {
        DB_TEXT(has_kind ? str_from_cstr(reports_kind_name(filter->kind)) : STR("")),
        DB_TEXT(has_state ? str_from_cstr(reports_state_name(filter->state)) : STR("")),
        DB_TEXT(filter->domain),
        filter->after_day == INT64_MAX ? DB_NULL : DB_INT4(filter->after_day),
        DB_TEXT(str_from_cstr(reports_kind_name(filter->after_kind))),
        DB_TEXT(filter->after_domain),
        DB_INT8(filter->limit),
    };
    if (!db_query(db, DB_SEARCH, &list_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    read_entries(r, a, out);
    return true;
}

bool reports_get(struct db *db, const struct reports_name *name, struct arena *a,
                 int64_t deadline_ms, struct reports_entry *out, struct err *e)
{
    struct db_rows *r;
    const struct db_param params[] = { DB_TEXT(str_from_cstr(reports_kind_name(name->kind))),
                                       DB_INT4(name->day), DB_TEXT(name->domain) };
    if (!db_query(db, DB_READ, &get_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    if (db_row_count(r) == 0)
        return ERR(e, ERR_NOT_FOUND, "no such report");
    read_entry(r, 0, a, out);
    return true;
}

bool reports_list_due(struct db *db, unsigned max, struct arena *a, int64_t deadline_ms,
                      struct reports_entries *out, struct err *e)
{
    struct db_rows *r;
    const struct db_param params[] = { DB_INT8(max) };
    if (!db_query(db, DB_DELIVER, &due_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    read_entries(r, a, out);
    return true;
}

/* ---- what is in one ---- */

/* The rows of a report's day, by the statement of its kind. Yields. */
YIELDS static bool load_rows(struct db *db, const struct reports_entry *entry,
                             const struct db_stmt *stmt, struct arena *a, int64_t deadline_ms,
                             struct db_rows **out, struct err *e)
{
    const struct db_param params[] = { DB_INT4(entry->day), DB_TEXT(entry->domain),
                                       DB_INT8(REPORTS_ROWS_MAX) };
    if (!db_query(db, DB_DELIVER, stmt, params, COUNT_OF(params), a, deadline_ms, out, e))
        return false;
    return db_row_count(*out) > 0 || ERR(e, ERR_NOT_FOUND, "nothing was counted");
}

YIELDS static bool load_tls(struct db *db, const struct reports_entry *entry, struct arena *a,
                            int64_t deadline_ms, const struct reports_about *about, struct buf *out,
                            struct err *e)
{
    struct db_rows *r;
    if (!load_rows(db, entry, &tls_stmt, a, deadline_ms, &r, e))
        return false;
    size_t n = db_row_count(r);
    struct reports_tls_row *rows = ARENA_ARRAY(a, struct reports_tls_row, n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct reports_tls_row){
            .policy_type = db_str(r, i, 0),
            .policy_domain = db_str(r, i, 1),
            .policy = db_str(r, i, 2),
            .result = db_str(r, i, 3),
            .mx = db_str(r, i, 4),
            .mx_ip = db_str(r, i, 5),
            .our_ip = db_str(r, i, 6),
            .reason = db_str(r, i, 7),
            .sessions = db_int(r, i, 8),
        };
    }
    return reports_tls_format(about, rows, n, out, e);
}

static void read_dmarc_row(const struct db_rows *r, size_t i, struct reports_dmarc_row *out)
{
    *out = (struct reports_dmarc_row){
        .source = db_str(r, i, 0),
        .disposition = db_str(r, i, 1),
        .dkim = db_str(r, i, 2),
        .spf = db_str(r, i, 3),
        .override = db_str(r, i, 4),
        .comment = db_str(r, i, 5),
        .header_from = db_str(r, i, 6),
        .envelope_from = db_str(r, i, 7),
        .signatures = db_str(r, i, 8),
        .spf_domain = db_str(r, i, 9),
        .spf_scope = db_str(r, i, 10),
        .spf_result = db_str(r, i, 11),
        .messages = db_int(r, i, 12),
    };
}

YIELDS static bool load_record(struct db *db, const struct reports_entry *entry, struct arena *a,
                               int64_t deadline_ms, str *out, struct err *e)
{
    struct db_rows *r;
    const struct db_param params[] = { DB_INT4(entry->day), DB_TEXT(entry->domain) };
    if (!db_query(db, DB_DELIVER, &record_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    if (db_row_count(r) == 0)
        return ERR(e, ERR_NOT_FOUND, "nothing was counted");
    *out = db_str(r, 0, 0);
    return true;
}

YIELDS static bool load_dmarc(struct db *db, const struct reports_entry *entry, struct arena *a,
                              int64_t deadline_ms, struct reports_document *doc, struct buf *out,
                              struct err *e)
{
    struct db_rows *r;
    if (!load_record(db, entry, a, deadline_ms, &doc->record, e) ||
        !load_rows(db, entry, &dmarc_stmt, a, deadline_ms, &r, e))
        return false;
    size_t n = db_row_count(r);
    struct reports_dmarc_row *rows = ARENA_ARRAY(a, struct reports_dmarc_row, n);
    for (size_t i = 0; i < n; i++)
        read_dmarc_row(r, i, &rows[i]);
    return reports_dmarc_format(&doc->about, doc->record, rows, n, out, e);
}

bool reports_load(struct db *db, const struct reports_entry *entry,
                  const struct reports_sender *sender, struct arena *a, int64_t deadline_ms,
                  struct reports_document *out, struct err *e)
{
    struct buf text;
    *out = (struct reports_document){
        .kind = entry->kind,
        .about = reports_about_of(a, entry->kind, entry->day, entry->domain, sender),
    };
    buf_init(&text, REPORTS_DOCUMENT_MAX);
    bool ok = entry->kind == REPORTS_TLS
                  ? load_tls(db, entry, a, deadline_ms, &out->about, &text, e)
                  : load_dmarc(db, entry, a, deadline_ms, out, &text, e);
    ok = ok && reports_pack(&text, a, deadline_ms, out, e);
    buf_fini(&text);
    return ok;
}

/* ---- what became of one ---- */

enum {
    NOTE_PARAMS = 9
};

static void fill_note(const struct reports_entry *entry, const struct reports_outcome *outcome,
                      struct db_param params[NOTE_PARAMS])
{
    const struct db_param all[NOTE_PARAMS] = {
        DB_TEXT(str_from_cstr(reports_kind_name(entry->kind))),
        DB_INT4(entry->day),
        DB_TEXT(entry->domain),
        DB_INT8(entry->attempts),
        DB_TEXT(str_from_cstr(reports_state_name(outcome->state))),
        DB_INT8(outcome->again_ms),
        DB_BOOL(outcome->is_mailed),
        DB_TEXTS(outcome->posted, outcome->n_posted),
        DB_TEXT(outcome->note),
    };
    memcpy(params, all, sizeof(all));
}

void reports_note_send(struct db_tx *tx, const struct reports_entry *entry,
                       const struct reports_outcome *outcome)
{
    struct db_param params[NOTE_PARAMS];
    fill_note(entry, outcome, params);
    db_tx_send(tx, &note_stmt, params, COUNT_OF(params));
}

bool reports_note(struct db *db, const struct reports_entry *entry,
                  const struct reports_outcome *outcome, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct db_param params[NOTE_PARAMS];
    fill_note(entry, outcome, params);
    arena_init(&a);
    bool ok =
        db_query(db, DB_DELIVER, &note_stmt, params, COUNT_OF(params), &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}

bool reports_send_now(struct db *db, const struct reports_name *name, int64_t deadline_ms,
                      struct err *e)
{
    struct arena a;
    const struct db_param params[] = { DB_TEXT(str_from_cstr(reports_kind_name(name->kind))),
                                       DB_INT4(name->day), DB_TEXT(name->domain) };
    arena_init(&a);
    bool ok =
        db_query(db, DB_READ, &send_now_stmt, params, COUNT_OF(params), &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}

bool reports_sweep(struct db *db, int64_t keep_ms, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    bool ok = true;
    const struct db_param params[] = { DB_FLOAT8((double)keep_ms) };
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(sweep_stmts) && ok; i++) {
        ok = db_query(db, DB_DELIVER, &sweep_stmts[i], params, COUNT_OF(params), &a, deadline_ms,
                      NULL, e);
    }
    arena_fini(&a);
    return ok;
}
