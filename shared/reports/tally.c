/* SPDX-License-Identifier: Apache-2.0 */
/* From results to rows. */
#include "reports/tally.h"

#include "db/db.h"

enum {
    DAY_S = 24 * 3600,
    COMMON = 3 /* parameters before the fields: days, keys, counts */
};

/* A report is due once its day is over and all processes have written what they counted; `$4` of
 * TLS and `$5` of DMARC is how many milliseconds it may be later, at random. */
#define PLAN(kind, spread)                                            \
    " INSERT INTO report (kind, day, domain, due)"                    \
    " SELECT DISTINCT ON (day, domain) '" kind "', day, domain,"      \
    " (day + 1)::timestamp AT TIME ZONE 'UTC' + interval '5 minutes'" \
    " + random() * " spread " * interval '1 millisecond'"             \
    " FROM new ORDER BY day, domain ON CONFLICT DO NOTHING"

static const struct db_stmt tls_stmt = {
    "WITH new AS (SELECT date '1970-01-01' + u.day AS day, u.domain, u.key, u.sessions,"
    " u.policy_type, u.policy_domain, u.policy, u.result, u.mx, u.mx_ip, u.our_ip, u.reason"
    " FROM unnest($1::int[], $2::bytea[], $3::int8[], $5::text[], $6::text[], $7::text[],"
    " $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])"
    " AS u (day, key, sessions, domain, policy_type, policy_domain, policy, result, mx, mx_ip,"
    " our_ip, reason)), added AS (INSERT INTO report_tls AS t (day, domain, key, sessions,"
    " policy_type, policy_domain, policy, result, mx, mx_ip, our_ip, reason)"
    " SELECT * FROM new ORDER BY day, domain, key ON CONFLICT (day, domain, key)"
    " DO UPDATE SET sessions = t.sessions + EXCLUDED.sessions)" PLAN("tls", "$4")
};

static const struct db_stmt dmarc_stmt = {
    "WITH new AS (SELECT date '1970-01-01' + u.day AS day, u.domain, u.key, u.messages,"
    " timestamptz 'epoch' + u.last * interval '1 microsecond' AS last, u.record, u.source,"
    " u.disposition, u.dkim, u.spf, u.override, u.comment, u.header_from, u.envelope_from,"
    " u.signatures, u.spf_domain, u.spf_scope, u.spf_result"
    " FROM unnest($1::int[], $2::bytea[], $3::int8[], $4::int8[], $6::text[], $7::text[],"
    " $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],"
    " $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])"
    " AS u (day, key, messages, last, domain, record, source, disposition, dkim, spf, override,"
    " comment, header_from, envelope_from, signatures, spf_domain, spf_scope, spf_result)),"
    " added AS (INSERT INTO report_dmarc AS t (day, domain, key, messages, last, record, source,"
    " disposition, dkim, spf, override, comment, header_from, envelope_from, signatures,"
    " spf_domain, spf_scope, spf_result) SELECT * FROM new ORDER BY day, domain, key"
    " ON CONFLICT (day, domain, key) DO UPDATE SET messages = t.messages + EXCLUDED.messages,"
    " last = greatest(t.last, EXCLUDED.last))" PLAN("dmarc", "$5")
};

/* Which fields may be long and have several lines, by kind: the policy of TLS; the record and the
 * signatures of DMARC. */
static bool is_long(enum reports_kind kind, size_t field)
{
    return kind == REPORTS_TLS ? field == 3 : field == 1 || field == 10;
}

/* Copies the field to *to, and moves that on. */
static str copy_clean(str text, bool may_be_long, char **to)
{
    char *p = *to;
    text = str_slice(text, 0, may_be_long ? REPORTS_LONG_MAX : REPORTS_TEXT_MAX);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_good = (c >= ' ' && c <= '~') || (may_be_long && c == '\n');
        p[i] = (char)(is_good ? c : '?');
    }
    *to = p + text.n;
    return str_of(p, text.n);
}

/* Two results are the same when their day and all their fields are: it goes over those, with their
 * lengths. */
static void make_key(struct reports_tally *t)
{
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    crypto_hash_add(h, str_of((const char *)&t->day, sizeof(t->day)));
    for (size_t i = 0; i < t->n_fields; i++) {
        uint32_t n = (uint32_t)t->fields[i].n;
        crypto_hash_add(h, str_of((const char *)&n, sizeof(n)));
        crypto_hash_add(h, t->fields[i]);
    }
    crypto_hash_finish(h, t->key);
    crypto_hash_free(&h);
}

struct reports_tally *reports_tally_new(enum reports_kind kind, int64_t now_us, const str *fields,
                                        size_t n)
{
    size_t octets = 0;
    INVARIANT(n <= REPORTS_FIELDS_MAX);
    for (size_t i = 0; i < n; i++)
        octets += fields[i].n < REPORTS_LONG_MAX ? fields[i].n : REPORTS_LONG_MAX;
    struct reports_tally *t = heap_zalloc(sizeof(*t) + octets);
    char *to = (char *)(t + 1);
    t->kind = kind;
    t->day = now_us / 1000000 / DAY_S;
    t->n_fields = n;
    t->last_us = now_us;
    for (size_t i = 0; i < n; i++)
        t->fields[i] = copy_clean(fields[i], is_long(kind, i), &to);
    make_key(t);
    return t;
}

/* ---- writing ---- */

/* The tallies by column. */
struct columns {
    int64_t *days;
    str *keys;
    int64_t *counts;
    int64_t *last;
    str *fields[REPORTS_FIELDS_MAX];
    size_t n_fields;
};

static void fill_columns(struct reports_tally *const *list, size_t n, struct arena *a,
                         struct columns *c)
{
    c->n_fields = list[0]->n_fields;
    c->days = ARENA_ARRAY(a, int64_t, n);
    c->keys = ARENA_ARRAY(a, str, n);
    c->counts = ARENA_ARRAY(a, int64_t, n);
    c->last = ARENA_ARRAY(a, int64_t, n);
    for (size_t f = 0; f < c->n_fields; f++)
        c->fields[f] = ARENA_ARRAY(a, str, n);
    for (size_t i = 0; i < n; i++) {
        c->days[i] = list[i]->day;
        c->keys[i] = str_of((const char *)list[i]->key, sizeof(list[i]->key));
        c->counts[i] = list[i]->count;
        c->last[i] = list[i]->last_us;
        for (size_t f = 0; f < c->n_fields; f++)
            c->fields[f][i] = list[i]->fields[f];
    }
}

bool reports_tally_write(struct db *db, struct reports_tally *const *list, size_t n,
                         int64_t spread_ms, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct columns c;
    struct db_param params[COMMON + 2 + REPORTS_FIELDS_MAX];
    size_t used = 0;
    if (n == 0)
        return true;
    bool is_tls = list[0]->kind == REPORTS_TLS;
    arena_init(&a);
    fill_columns(list, n, &a, &c);
    params[used++] = DB_INT4S(c.days, n);
    params[used++] = DB_BYTEAS(c.keys, n);
    params[used++] = DB_INT8S(c.counts, n);
    if (!is_tls)
        params[used++] = DB_INT8S(c.last, n);
    params[used++] = DB_FLOAT8((double)spread_ms);
    for (size_t f = 0; f < c.n_fields; f++)
        params[used++] = DB_TEXTS(c.fields[f], n);
    bool ok = db_query(db, DB_DELIVER, is_tls ? &tls_stmt : &dmarc_stmt, params, used, &a,
                       deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
