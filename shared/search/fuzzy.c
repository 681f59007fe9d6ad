/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzy search: each word of the question stands for itself, for words that begin with it, and for
 * words of the vocabulary that look like it. */
#include "db/db.h"
#include "search/document.h"
#include "search/lexeme.h"
#include "search/search.h"
#include "search/tokens.h"

enum {
    WORDS_MAX = 8,  /* of a question; further ones are not asked for */
    ALIKE_MAX = 12, /* words that look like one */
    PREFIX_MIN = 3, /* octets of a word that stands for those that begin with it */
    QUERY_MAX = 64 * 1024,
    SCORES = 99 /* between the lowest and the highest */
};

static const struct db_stmt stmt_alike = {
    "SELECT w.i, v.word FROM unnest($1::text[]) WITH ORDINALITY w(text, i),"
    " LATERAL (SELECT word FROM vocab WHERE word % w.text AND similarity(word, w.text) >= 0.4"
    "           ORDER BY similarity(word, w.text) DESC LIMIT $2) v"
};
/* $2 what matches, $3 what counts more, $4 hits, $5 ranked ones. */
static const struct db_stmt stmt_scored = {
    "WITH hits AS MATERIALIZED ("
    " SELECT msg_id FROM fts WHERE account_id = $1 AND tsv @@ $2::text::tsquery),"
    " newest AS (SELECT msg_id FROM hits ORDER BY msg_id DESC LIMIT $4),"
    " top AS (SELECT msg_id FROM newest ORDER BY msg_id DESC LIMIT $5),"
    " ranked AS (SELECT f.msg_id, ts_rank(f.tsv, $2::text::tsquery)"
    "                             + ts_rank(f.tsv, $3::text::tsquery) AS rank"
    "   FROM fts f JOIN top USING (msg_id) WHERE f.account_id = $1)"
    " SELECT n.msg_id, coalesce(r.rank, 0)::float8, false FROM newest n"
    "   LEFT JOIN ranked r USING (msg_id)"
    " UNION ALL SELECT ref, 0::float8, true FROM outbox WHERE account_id = $1 AND kind = 1"
    " ORDER BY 1"
};

struct word {
    str text;
    const str *alike;
    size_t n_alike;
};

struct question {
    struct word words[WORDS_MAX];
    size_t n;
    unsigned fields;
};

/* ---- words ---- */

static void split(str normal, struct arena *a, struct question *q)
{
    struct search_tokenizer t;
    struct search_token token;
    search_tokenizer_init(&t, normal);
    while (q->n < WORDS_MAX && search_tokenizer_next(&t, &token)) {
        if (token.kind != SEARCH_TOKEN_COMPOUND)
            q->words[q->n++].text = search_fold(a, token.text);
    }
}

YIELDS static bool find_alike(struct db *db, int64_t holder, struct question *q, struct arena *a,
                              int64_t deadline_ms, struct err *e)
{
    struct db_rows *rows = NULL;
    str texts[WORDS_MAX];
    str *alike = ARENA_ARRAY(a, str, (size_t)WORDS_MAX * ALIKE_MAX);
    for (size_t i = 0; i < q->n; i++) {
        texts[i] = q->words[i].text;
        q->words[i].alike = alike + i * ALIKE_MAX;
    }
    const struct db_param params[] = { DB_TEXTS(texts, q->n), DB_INT8(ALIKE_MAX) };
    if (!db_search(db, holder, &stmt_alike, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "search words that look alike");
    for (size_t row = 0; row < db_row_count(rows); row++) {
        size_t i = (size_t)db_int(rows, row, 0) - 1;
        alike[i * ALIKE_MAX + q->words[i].n_alike++] = db_str(rows, row, 1);
    }
    return true;
}

/* ---- queries ---- */

/* One word with all that it stands for, in texts or in other header fields. */
static bool add_word(struct buf *out, const struct word *word, const char *mark,
                     const char *weights, bool is_exact)
{
    bool is_prefix = !is_exact && word->text.n >= PREFIX_MIN;
    bool fits = search_lexeme_add_folded(out, mark, word->text, is_prefix, weights);
    for (size_t i = 0; fits && !is_exact && i < word->n_alike; i++) {
        fits = buf_add_byte(out, '|') &&
               search_lexeme_add_folded(out, mark, word->alike[i], false, weights);
    }
    return fits;
}

static str query_of(struct arena *a, const struct question *q, bool is_exact)
{
    struct buf out;
    bool in_text = (q->fields & 15) != 0;
    buf_init(&out, QUERY_MAX);
    bool fits = true;
    for (size_t i = 0; fits && i < q->n; i++) {
        fits = buf_add(&out, i ? STR(" & (") : STR("("));
        if (in_text) {
            fits = fits &&
                   add_word(&out, &q->words[i], "", search_lexeme_weights(q->fields), is_exact);
        }
        if (q->fields & SEARCH_FIELD_HEADERS) {
            fits = fits && (!in_text || buf_add_byte(&out, '|')) &&
                   add_word(&out, &q->words[i], SEARCH_HEADER_MARK, "", is_exact);
        }
        fits = fits && buf_add_byte(&out, ')');
    }
    str text = fits ? arena_str(a, buf_str(&out)) : STR_EMPTY;
    buf_fini(&out);
    return text;
}

/* ---- scores ---- */

static void take_scores(const struct db_rows *rows, struct arena *a, struct search_scored *out)
{
    size_t n = db_row_count(rows);
    int64_t *sure = ARENA_ARRAY(a, int64_t, n + 1);
    int64_t *maybe = ARENA_ARRAY(a, int64_t, n + 1);
    uint8_t *scores = ARENA_ARRAY(a, uint8_t, n + 1);
    struct search_candidates *c = &out->candidates;
    double best = 0;
    for (size_t i = 0; i < n; i++)
        best = db_float(rows, i, 1) > best ? db_float(rows, i, 1) : best;
    for (size_t i = 0; i < n; i++) {
        int64_t id = db_int(rows, i, 0);
        bool is_pending = db_int(rows, i, 2) != 0;
        bool is_twice = i > 0 && db_int(rows, i - 1, 0) == id;
        if (is_pending) {
            maybe[c->n_maybe++] = id;
            c->n_sure -= is_twice && c->n_sure && sure[c->n_sure - 1] == id;
            continue;
        }
        if (c->n_maybe && maybe[c->n_maybe - 1] == id)
            continue;
        scores[c->n_sure] = (uint8_t)(1 + (best > 0 ? db_float(rows, i, 1) / best * SCORES : 0));
        sure[c->n_sure++] = id;
    }
    c->sure = sure;
    c->maybe = maybe;
    out->scores = scores;
}

bool search_find_fuzzy(struct db *db, int64_t account_id, const struct search_needle *needle,
                       struct arena *a, int64_t deadline_ms, struct search_scored *out,
                       struct err *e)
{
    struct question q = { .fields = needle->fields };
    struct db_rows *rows = NULL;
    if (needle->text.n > SEARCH_MAX_NEEDLE)
        return ERR(e, ERR_LIMIT, "search text of %zu bytes", needle->text.n);
    *out = (struct search_scored){ .candidates = { .all_maybe = true } };
    split(search_normalize(a, needle->text), a, &q);
    if (q.n == 0)
        return true;
    if (!find_alike(db, needle->holder, &q, a, deadline_ms, e))
        return false;
    str query = query_of(a, &q, false);
    if (query.n == 0)
        return true;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(query),
                                       DB_TEXT(query_of(a, &q, true)), DB_INT8(SEARCH_MAX_HITS),
                                       DB_INT8(SEARCH_MAX_RANKED) };
    if (!db_search(db, needle->holder, &stmt_scored, params, COUNT_OF(params), a, deadline_ms,
                   &rows, e))
        return err_wrap(e, "fuzzy search");
    out->candidates.all_maybe = false;
    take_scores(rows, a, out);
    return true;
}
