/* SPDX-License-Identifier: Apache-2.0 */
/* Failure reports in the database, from the message until they are sent. */
#include "crypto/hash.h"
#include "db/db.h"
#include "mailauth/tags.h"
#include "reports/clean.h"
#include "reports/failure.h"

static const struct db_stmt add_stmt = {
    "SELECT report_failure_add($1, $2, $3, $4, $5, $6, $7, $8)"
};
static const struct db_stmt due_stmt = {
    "SELECT failure, attempts, domain, recipients, spf_domain, fields, header FROM report_failure"
    " WHERE state = 'due' AND due <= now() ORDER BY due LIMIT $1"
};
static const struct db_stmt note_stmt = { "SELECT report_failure_note($1, $2, $3, $4, $5)" };
static const struct db_stmt sweep_stmt = {
    "DELETE FROM report_failure WHERE created < now() - interval '2 days'"
};

/* Messages of one client in one name, with the same results, are one failure. */
static void make_key(const struct reports_failed *failed, struct arena *a,
                     uint8_t out[CRYPTO_SHA256_SIZE])
{
    const struct mailauth_verdict *verdict = failed->verdict;
    const struct mailauth_dmarc *dmarc = verdict->dmarc;
    crypto_sha256(arena_printf(a, "%.*s %.*s %.*s %d %d %d", STR_FMT(failed->source_ip),
                               STR_FMT(dmarc->author), STR_FMT(verdict->spf->domain),
                               dmarc->is_dkim_aligned, dmarc->is_spf_aligned,
                               (int)verdict->spf->result),
                  out);
}

/* Whose SPF record did not let an aligned name pass. */
static str spf_domain(const struct mailauth_verdict *verdict)
{
    const struct mailauth_dmarc *dmarc = verdict->dmarc;
    str own = dmarc->organization.n ? dmarc->organization : dmarc->policy_domain;
    bool is_own = mailauth_domain_is_within(verdict->spf->domain, own);
    return is_own && verdict->spf->result != MAILAUTH_PASS ? verdict->spf->domain : STR_EMPTY;
}

/* Both texts are made. Yields. */
YIELDS static bool add(struct db *db, const struct reports_failed *failed, str fields, str header,
                       int64_t per_hour, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    uint8_t key[CRYPTO_SHA256_SIZE];
    const struct mailauth_dmarc *dmarc = failed->verdict->dmarc;
    arena_init(&a);
    make_key(failed, &a, key);
    const struct db_param params[] = {
        DB_TEXT(reports_ascii(&a, dmarc->policy_domain, REPORTS_FIELD_MAX)),
        DB_BYTEA(str_of((const char *)key, sizeof(key))),
        DB_TEXT(reports_ascii(&a, dmarc->record.failure, REPORTS_FAILURE_FIELDS_MAX)),
        DB_TEXT(reports_ascii(&a, spf_domain(failed->verdict), REPORTS_FIELD_MAX)),
        DB_TEXT(fields),
        DB_TEXT(header),
        DB_INT8(per_hour),
        DB_INT8(REPORTS_FAILURES_HOUR_MAX),
    };
    bool ok =
        db_query(db, DB_DELIVER, &add_stmt, params, COUNT_OF(params), NULL, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}

bool reports_failure_keep(struct db *db, const struct reports_failed *failed, int64_t per_hour,
                          int64_t deadline_ms, struct err *e)
{
    struct buf fields, header;
    buf_init(&fields, REPORTS_FAILURE_FIELDS_MAX);
    buf_init(&header, REPORTS_FAILURE_HEADER_MAX);
    reports_failure_add_header(failed->header, &header);
    bool ok = reports_failure_add_fields(failed, &fields)
                  ? add(db, failed, buf_str(&fields), buf_str(&header), per_hour, deadline_ms, e)
                  : ERR(e, ERR_LIMIT, "a failure report is too long");
    buf_fini(&fields);
    buf_fini(&header);
    return ok;
}

bool reports_failure_list_due(struct db *db, unsigned max, struct arena *a, int64_t deadline_ms,
                              struct reports_failures *out, struct err *e)
{
    struct db_rows *r;
    const struct db_param params[] = { DB_INT8(max) };
    if (!db_query(db, DB_DELIVER, &due_stmt, params, COUNT_OF(params), a, deadline_ms, &r, e))
        return false;
    out->n = db_row_count(r);
    out->list = ARENA_ARRAY(a, struct reports_failure, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->list[i] = (struct reports_failure){
            .id = db_int(r, i, 0),
            .attempts = db_int(r, i, 1),
            .domain = db_str(r, i, 2),
            .recipients = db_str(r, i, 3),
            .spf_domain = db_str(r, i, 4),
            .fields = db_str(r, i, 5),
            .header = db_str(r, i, 6),
        };
    }
    return true;
}

enum {
    NOTE_PARAMS = 5
};

static void fill_note(const struct reports_failure_outcome *outcome, struct db_param *out)
{
    out[0] = DB_INT8(outcome->failure->id);
    out[1] = DB_INT8(outcome->failure->attempts);
    out[2] = DB_TEXT(str_from_cstr(outcome->state));
    out[3] = DB_INT8(outcome->again_ms);
    out[4] = DB_TEXT(outcome->note);
}

void reports_failure_note_send(struct db_tx *tx, const struct reports_failure_outcome *outcome)
{
    struct db_param params[NOTE_PARAMS];
    fill_note(outcome, params);
    db_tx_send(tx, &note_stmt, params, NOTE_PARAMS);
}

bool reports_failure_note(struct db *db, const struct reports_failure_outcome *outcome,
                          int64_t deadline_ms, struct err *e)
{
    struct db_param params[NOTE_PARAMS];
    fill_note(outcome, params);
    return db_query(db, DB_DELIVER, &note_stmt, params, NOTE_PARAMS, NULL, deadline_ms, NULL, e);
}

bool reports_failure_sweep(struct db *db, int64_t deadline_ms, struct err *e)
{
    return db_query(db, DB_DELIVER, &sweep_stmt, NULL, 0, NULL, deadline_ms, NULL, e);
}
