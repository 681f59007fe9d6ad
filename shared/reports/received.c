/* SPDX-License-Identifier: Apache-2.0 */
/* Received reports on their way into the database, and in lists. */
#include "reports/received.h"

#include "db/db.h"
#include "reports/ledger.h"

/* ---- keeping ---- */

enum {
    HEAD_PARAMS = 14,
    DMARC_COLUMNS = 12,
    TLS_COLUMNS = 7,
    COLUMNS_MAX = DMARC_COLUMNS
};

#define ADD                                                                              \
    "WITH r AS MATERIALIZED (SELECT received_report_add($1, $2, $3, $4, $5, $6, $7, $8," \
    " $9, $10, $11, $12, $13, $14) AS report), i AS (INSERT INTO "
#define ADDED ") AS u WHERE r.report IS NOT NULL) SELECT report IS NOT NULL FROM r"

static const struct db_stmt add_dmarc_stmt = {
    ADD "received_report_dmarc (report, messages, source, disposition, dkim, spf, override,"
        " comment, header_from, envelope_from, signatures, spf_domain, spf_scope, spf_result)"
        " SELECT r.report, u.* FROM r, (SELECT * FROM unnest($15::int8[], $16::text[],"
        " $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],"
        " $23::text[], $24::text[], $25::text[], $26::text[], $27::text[])"
        " ORDER BY 1 DESC LIMIT $28" ADDED
};
static const struct db_stmt add_tls_stmt = {
    ADD "received_report_tls (report, sessions, policy_type, policy_domain, result, mx,"
        " mx_ip, sender_ip, reason)"
        " SELECT r.report, u.* FROM r, (SELECT * FROM unnest($15::int8[], $16::text[],"
        " $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[])"
        " ORDER BY 1 DESC LIMIT $23" ADDED
};

/* Rows by column. */
struct columns {
    int64_t *counts;
    str *texts[COLUMNS_MAX];
    size_t n;
};

static void fill_row(struct columns *c, size_t row, const str *texts, int64_t count)
{
    c->counts[row] = count;
    for (size_t i = 0; i < c->n; i++)
        c->texts[i][row] = texts[i];
}

static void fill_columns(const struct reports_received *report, struct arena *a, struct columns *c)
{
    c->n = report->kind == REPORTS_TLS ? TLS_COLUMNS : DMARC_COLUMNS;
    c->counts = ARENA_ARRAY(a, int64_t, report->n);
    for (size_t i = 0; i < c->n; i++)
        c->texts[i] = ARENA_ARRAY(a, str, report->n);
    for (size_t i = 0; i < report->n; i++) {
        if (report->kind == REPORTS_TLS) {
            const struct reports_tls_row *r = &report->tls[i];
            const str texts[TLS_COLUMNS] = { r->policy_type, r->policy_domain, r->result, r->mx,
                                             r->mx_ip,       r->our_ip,        r->reason };
            fill_row(c, i, texts, r->sessions);
        } else {
            const struct reports_dmarc_row *r = &report->dmarc[i];
            const str texts[DMARC_COLUMNS] = { r->source,      r->disposition,   r->dkim,
                                               r->spf,         r->override,      r->comment,
                                               r->header_from, r->envelope_from, r->signatures,
                                               r->spf_domain,  r->spf_scope,     r->spf_result };
            fill_row(c, i, texts, r->messages);
        }
    }
}

size_t reports_received_rows_max(const struct reports_received *report)
{
    return report->is_posted ? REPORTS_POSTED_ROWS_MAX : REPORTS_RECEIVED_ROWS_MAX;
}

bool reports_received_add(struct db *db, const struct reports_received *report, int64_t deadline_ms,
                          bool *is_new, struct err *e)
{
    struct arena a;
    struct columns c;
    struct db_rows *rows;
    arena_init(&a);
    fill_columns(report, &a, &c);
    struct db_param params[HEAD_PARAMS + 2 + COLUMNS_MAX] = {
        DB_TEXT(str_from_cstr(reports_kind_name(report->kind))),
        DB_TEXT(report->domain),
        DB_TEXT(report->organization),
        DB_TEXT(report->contact),
        DB_TEXT(report->id),
        DB_TEXT(report->policy),
        DB_TIME_US(report->begin_s * 1000000),
        DB_TIME_US(report->end_s * 1000000),
        DB_INT8(report->good),
        DB_INT8(report->bad),
        DB_INT8(report->is_posted ? REPORTS_POSTED_DAY_MAX : REPORTS_RECEIVED_DAY_MAX),
        DB_TEXT(report->own_domain),
        DB_BOOL(report->is_posted),
        DB_INT8(REPORTS_POSTED_ALL_MAX),
        DB_INT8S(c.counts, report->n),
    };
    for (size_t i = 0; i < c.n; i++)
        params[HEAD_PARAMS + 1 + i] = DB_TEXTS(c.texts[i], report->n);
    params[HEAD_PARAMS + 1 + c.n] = DB_INT8((int64_t)reports_received_rows_max(report));
    bool ok =
        db_query(db, DB_DELIVER, report->kind == REPORTS_TLS ? &add_tls_stmt : &add_dmarc_stmt,
                 params, HEAD_PARAMS + 2 + c.n, &a, deadline_ms, &rows, e);
    *is_new = ok && db_int(rows, 0, 0);
    arena_fini(&a);
    return ok;
}

static const struct db_stmt sweep_stmt = {
    "DELETE FROM received_report WHERE received < now() - $1 * interval '1 millisecond'"
    " OR (is_posted AND received < now() - $2 * interval '1 day')"
};

bool reports_received_sweep(struct db *db, int64_t keep_ms, int64_t deadline_ms, struct err *e)
{
    const struct db_param params[] = { DB_FLOAT8((double)keep_ms),
                                       DB_FLOAT8(REPORTS_POSTED_KEEP_DAYS) };
    return db_query(db, DB_DELIVER, &sweep_stmt, params, COUNT_OF(params), NULL, deadline_ms, NULL,
                    e);
}

/* ---- lists ---- */

#define ENTRY                                                                                        \
    "SELECT report, kind, domain, organization, contact, report_id, policy, begins, ends, received," \
    " good, bad, is_posted FROM received_report"

static const struct db_stmt list_stmt = {
    ENTRY " WHERE ($1 = '' OR kind = $1) AND ($2 = '' OR domain = $2) AND report < $3"
          " ORDER BY report DESC LIMIT $4"
};
static const struct db_stmt get_stmt = { ENTRY " WHERE report = $1" };
static const struct db_stmt dmarc_stmt = {
    "SELECT messages, source, disposition, dkim, spf, override, comment, header_from,"
    " envelope_from, signatures, spf_domain, spf_scope, spf_result FROM received_report_dmarc"
    " WHERE report = $1 ORDER BY messages DESC, source, header_from LIMIT $2"
};
static const struct db_stmt tls_stmt = {
    "SELECT sessions, policy_type, policy_domain, result, mx, mx_ip, sender_ip, reason"
    " FROM received_report_tls WHERE report = $1 ORDER BY sessions DESC, result, mx LIMIT $2"
};

static void read_entry(const struct db_rows *r, size_t row, struct reports_received_entry *out)
{
    *out = (struct reports_received_entry){
        .id = db_int(r, row, 0),
        .kind = str_eq(db_str(r, row, 1), STR("tls")) ? REPORTS_TLS : REPORTS_DMARC,
        .domain = db_str(r, row, 2),
        .organization = db_str(r, row, 3),
        .contact = db_str(r, row, 4),
        .report_id = db_str(r, row, 5),
        .policy = db_str(r, row, 6),
        .begin_us = db_time_us(r, row, 7),
        .end_us = db_time_us(r, row, 8),
        .received_us = db_time_us(r, row, 9),
        .good = db_int(r, row, 10),
        .bad = db_int(r, row, 11),
        .is_posted = db_int(r, row, 12),
    };
}

bool reports_received_list(struct db *db, const struct reports_received_filter *filter,
                           struct arena *a, int64_t deadline_ms,
                           struct reports_received_entries *out, struct err *e)
{
    struct db_rows *r;
    const char *kind = filter->kind == REPORTS_KINDS ? "" : reports_kind_name(filter->kind);
    const struct db_param params[] = { DB_TEXT(str_from_cstr(kind)), DB_TEXT(filter->domain),
                                       DB_INT8(filter->before_id), DB_INT8(filter->limit) };
    if (!db_query(db, DB_SEARCH, &list_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(a, struct reports_received_entry, out->n);
    for (size_t i = 0; i < out->n; i++)
        read_entry(r, i, &out->list[i]);
    return true;
}

static void read_dmarc(const struct db_rows *r, size_t i, struct reports_dmarc_row *out)
{
    *out = (struct reports_dmarc_row){
        .messages = db_int(r, i, 0),
        .source = db_str(r, i, 1),
        .disposition = db_str(r, i, 2),
        .dkim = db_str(r, i, 3),
        .spf = db_str(r, i, 4),
        .override = db_str(r, i, 5),
        .comment = db_str(r, i, 6),
        .header_from = db_str(r, i, 7),
        .envelope_from = db_str(r, i, 8),
        .signatures = db_str(r, i, 9),
        .spf_domain = db_str(r, i, 10),
        .spf_scope = db_str(r, i, 11),
        .spf_result = db_str(r, i, 12),
    };
}

static void read_tls(const struct db_rows *r, size_t i, struct reports_tls_row *out)
{
    *out = (struct reports_tls_row){
        .sessions = db_int(r, i, 0),
        .policy_type = db_str(r, i, 1),
        .policy_domain = db_str(r, i, 2),
        .result = db_str(r, i, 3),
        .mx = db_str(r, i, 4),
        .mx_ip = db_str(r, i, 5),
        .our_ip = db_str(r, i, 6),
        .reason = db_str(r, i, 7),
    };
}

YIELDS static bool load_rows(struct db *db, int64_t id, struct arena *a, int64_t deadline_ms,
                             struct reports_received *out, struct err *e)
{
    struct db_rows *r;
    bool is_tls = out->kind == REPORTS_TLS;
    const struct db_param params[] = { DB_INT8(id), DB_INT8(REPORTS_RECEIVED_SHOWN_MAX) };
    if (!db_query(db, DB_SEARCH, is_tls ? &tls_stmt : &dmarc_stmt, params, COUNT_OF(params), a,
                  deadline_ms, &r, e))
        return false;
    out->n = db_row_count(r);
    if (is_tls) {
        out->tls = ARENA_ARRAY(a, struct reports_tls_row, out->n);
    } else {
        out->dmarc = ARENA_ARRAY(a, struct reports_dmarc_row, out->n);
    }
    for (size_t i = 0; i < out->n; i++) {
        if (is_tls) {
            read_tls(r, i, &out->tls[i]);
        } else {
            read_dmarc(r, i, &out->dmarc[i]);
        }
    }
    return true;
}

bool reports_received_get(struct db *db, int64_t id, struct arena *a, int64_t deadline_ms,
                          struct reports_received_entry *entry, struct reports_received *out,
                          struct err *e)
{
    struct db_rows *r;
    const struct db_param params[] = { DB_INT8(id) };
    if (!db_query(db, DB_SEARCH, &get_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    if (db_row_count(r) == 0)
        return ERR(e, ERR_NOT_FOUND, "no such report");
    read_entry(r, 0, entry);
    *out = (struct reports_received){ .kind = entry->kind };
    return load_rows(db, id, a, deadline_ms, out, e);
}

/* ---- charts ---- */

#define RECENT                                                                            \
    " WHERE ($1 = '' OR r.domain = $1) AND r.begins >= date_trunc('day', now(), 'UTC') -" \
    " $2 * interval '1 day'"

static const struct db_stmt days_stmt = {
    "SELECT date_trunc('day', r.begins, 'UTC') AS day, '', sum(r.good)::int8, sum(r.bad)::int8"
    " FROM received_report r" RECENT " AND r.kind = $3 GROUP BY day ORDER BY day"
};
static const struct db_stmt sources_stmt = {
    "SELECT 'epoch'::timestamptz, d.source,"
    " coalesce(sum(d.messages) FILTER (WHERE 'pass' IN (d.dkim, d.spf)), 0)::int8,"
    " coalesce(sum(d.messages) FILTER (WHERE 'pass' NOT IN (d.dkim, d.spf)), 0)::int8"
    " FROM received_report r JOIN received_report_dmarc d USING (report)" RECENT
    " GROUP BY d.source ORDER BY sum(d.messages) DESC, d.source LIMIT $3"
};
static const struct db_stmt failures_stmt = {
    "SELECT 'epoch'::timestamptz, t.result, 0::int8, sum(t.sessions)::int8"
    " FROM received_report r JOIN received_report_tls t USING (report)" RECENT
    " AND t.result <> 'successful' GROUP BY t.result ORDER BY sum(t.sessions) DESC, t.result"
    " LIMIT $3"
};

/* What the sums are of. */
struct question {
    str domain;
    unsigned days;
    struct arena *a;
    int64_t deadline_ms;
};

YIELDS static bool sum_up(struct db *db, const struct question *q, const struct db_stmt *stmt,
                          struct db_param last, struct reports_received_sums *out, struct err *e)
{
    struct db_rows *r;
    const struct db_param params[] = { DB_TEXT(q->domain), DB_FLOAT8(q->days - 1.0), last };
    if (!db_query(db, DB_SEARCH, stmt, params, COUNT_OF(params), q->a, q->deadline_ms, &r, e))
        return false;
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(q->a, struct reports_received_sum, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct reports_received_sum){ .day_us = db_time_us(r, i, 0),
                                                      .what = db_str(r, i, 1),
                                                      .good = db_int(r, i, 2),
                                                      .bad = db_int(r, i, 3) };
    }
    return true;
}

bool reports_received_sum_up(struct db *db, str domain, unsigned days, struct arena *a,
                             int64_t deadline_ms, struct reports_received_chart *out, struct err *e)
{
    const struct question q = { domain, days, a, deadline_ms };
    const struct db_param most = DB_INT8(REPORTS_RECEIVED_SOURCES_MAX);
    return sum_up(db, &q, &days_stmt, DB_TEXT(STR("dmarc")), &out->dmarc_days, e) &&
           sum_up(db, &q, &days_stmt, DB_TEXT(STR("tls")), &out->tls_days, e) &&
           sum_up(db, &q, &sources_stmt, most, &out->dmarc_sources, e) &&
           sum_up(db, &q, &failures_stmt, most, &out->tls_failures, e);
}
