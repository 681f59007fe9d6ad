/* SPDX-License-Identifier: Apache-2.0 */
/* The table relay_probe; what is believed for how long, its functions say (migrations). */
#include "account/relay_probe.h"

#include "account/directory.h"

static const struct db_stmt ask = { "SELECT * FROM relay_probe_ask($1, $2, $3, $4, $5)" };
static const struct db_stmt claim = { "SELECT * FROM relay_probe_claim($1, $2)" };
static const struct db_stmt answer = { "SELECT relay_probe_answer($1, $2, $3, $4, $5)" };
static const struct db_stmt sweep = {
    "DELETE FROM relay_probe WHERE asked_at < now() - interval '31 days' OR"
    " (verdict IS DISTINCT FROM 1 AND asked_at < now() - interval '3 days')"
};

enum ask_column {
    ASK_VERDICT,
    ASK_REPLY,
    ASK_IS_OPEN,
    ASK_IS_REFUSED,
    ASK_DOWN,
    ASK_IS_NEW,
    ASK_IS_FULL,
    ASK_ANSWERS
};

bool account_probe_ask(struct account_directory *d, const struct account_probe_question *q,
                       struct arena *a, int64_t deadline_ms, struct account_probe_found *out,
                       struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_TEXT(q->domain), DB_TEXT(q->local), DB_TEXT(q->client),
                                       DB_INT4(ACCOUNT_PROBES_A_CLIENT),
                                       DB_INT4(ACCOUNT_PROBES_OPEN_MAX) };
    if (!db_query(d->db, DB_DELIVER, &ask, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    bool is_down = !db_is_null(rows, 0, ASK_DOWN);
    size_t reply = is_down ? ASK_DOWN : ASK_REPLY;
    *out = (struct account_probe_found){
        .verdict =
            (enum account_probe_verdict)db_int_or(rows, 0, ASK_VERDICT, ACCOUNT_PROBE_UNKNOWN),
        .is_open = db_int(rows, 0, ASK_IS_OPEN) != 0,
        .is_new = db_int(rows, 0, ASK_IS_NEW) != 0,
        .is_refused = db_int(rows, 0, ASK_IS_REFUSED) != 0,
        .is_full = db_int(rows, 0, ASK_IS_FULL) != 0,
        .answers = db_int(rows, 0, ASK_ANSWERS) != 0,
        .reply = db_is_null(rows, 0, reply) ? STR_EMPTY : arena_str(a, db_str(rows, 0, reply)),
    };
    return true;
}

bool account_probe_claim(struct account_directory *d, int64_t ms, struct arena *a,
                         int64_t deadline_ms, struct account_probes *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT4(ACCOUNT_PROBES_A_CLAIM), DB_INT8(ms) };
    if (!db_query(d->db, DB_DELIVER, &claim, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    *out = (struct account_probes){ .n = db_row_count(rows) };
    out->locals = ARENA_ARRAY(a, str, out->n + 1);
    for (size_t i = 0; i < out->n; i++)
        out->locals[i] = arena_str(a, db_str(rows, i, 1));
    if (out->n > 0)
        out->domain = arena_str(a, db_str(rows, 0, 0));
    return true;
}

/* As relay_probe_answer reads it. */
static int64_t number_of(const struct account_probe_answer *one)
{
    if (one->is_open)
        return -2;
    return one->verdict == ACCOUNT_PROBE_UNKNOWN ? -1 : (int64_t)one->verdict;
}

/* One line of valid UTF-8, as a reply and a log can carry it. */
static str clean(struct arena *a, str text)
{
    char *copy = arena_cstr(a, str_slice(text, 0, ACCOUNT_PROBE_REPLY_MAX));
    size_t n = text.n < ACCOUNT_PROBE_REPLY_MAX ? text.n : ACCOUNT_PROBE_REPLY_MAX;
    for (size_t i = 0; i < n; i++) {
        if (copy[i] < ' ' || copy[i] > '~')
            copy[i] = copy[i] == '\n' || copy[i] == '\r' ? ' ' : '?';
    }
    return str_of(copy, n);
}

bool account_probe_answer(struct account_directory *d, const struct account_probes *asked,
                          const struct account_probe_answer *answers, str down, struct arena *a,
                          int64_t deadline_ms, struct err *e)
{
    int64_t *verdicts = ARENA_ARRAY(a, int64_t, asked->n);
    str *replies = ARENA_ARRAY(a, str, asked->n);
    for (size_t i = 0; i < asked->n; i++) {
        verdicts[i] = number_of(&answers[i]);
        replies[i] = clean(a, answers[i].reply);
    }
    const struct db_param params[] = { DB_TEXT(asked->domain), DB_TEXTS(asked->locals, asked->n),
                                       DB_INT4S(verdicts, asked->n), DB_TEXTS(replies, asked->n),
                                       down.n ? DB_TEXT(clean(a, down)) : DB_NULL };
    return db_query(d->db, DB_DELIVER, &answer, params, COUNT_OF(params), a, deadline_ms, NULL, e);
}

int64_t account_probe_hint(str local, str domain)
{
    return (int64_t)((str_hash(local, str_hash(domain, 0)) >> 2) | 1);
}

bool account_probe_sweep(struct account_directory *d, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    arena_init(&a);
    bool ok = db_query(d->db, DB_DELIVER, &sweep, NULL, 0, &a, deadline_ms, NULL, e);
    arena_fini(&a);
    return ok;
}
