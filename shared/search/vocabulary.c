/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep of the vocabulary. Whether a word is in use is asked of the index itself, word by word:
 * a pass reads the index once, in small pieces, and needs no room. A word is removed in two looks.
 * The first finds candidates and holds nobody up. The second removes those that still stand in no
 * document, under a lock that indexers share from before they write a word until its document is
 * committed; so no document is ever without its words, and the lock is held for a moment only. */
#include "search/vocabulary.h"

#include "base/clock.h"
#include "db/db.h"
#include "search/document.h"
#include "search/lexeme.h"

enum {
    BATCH = 500,       /* words of one question */
    MARGIN_MS = 10000, /* of the deadline for the last batch */
    QUERY_MAX = 64 * 1024
};

/* The key of the lock, in both statements. */
static const struct db_stmt stmt_hold = { "SELECT pg_advisory_xact_lock_shared(7305116402)" };
static const struct db_stmt stmt_lock = { "SELECT pg_advisory_xact_lock(7305116402)" };

/* What the planner guesses of a word that it does not know makes it read whole tables. */
static const struct db_stmt stmt_by_index = { "SET LOCAL enable_seqscan = off" };

static const struct db_stmt stmt_begin = {
    "UPDATE vocab_sweep SET after_word = '', began = now(), is_running = true"
    " WHERE NOT is_running AND began <= now() - $1::int8 * interval '1 second'"
};
static const struct db_stmt stmt_where = { "SELECT after_word FROM vocab_sweep WHERE is_running" };
static const struct db_stmt stmt_words = {
    "SELECT word FROM vocab WHERE word > $1 ORDER BY word LIMIT $2"
};
static const struct db_stmt stmt_unused = {
    "SELECT u.word, u.query FROM unnest($1::text[], $2::text[]) AS u (word, query)"
    " WHERE NOT EXISTS (SELECT 1 FROM fts WHERE tsv @@ u.query::tsquery)"
};
static const struct db_stmt stmt_remove = {
    "DELETE FROM vocab v USING unnest($1::text[], $2::text[]) AS u (word, query)"
    " WHERE v.word = u.word AND NOT EXISTS (SELECT 1 FROM fts WHERE tsv @@ u.query::tsquery)"
    " RETURNING 1"
};
static const struct db_stmt stmt_note = {
    "UPDATE vocab_sweep SET after_word = $1, is_running = $2, removed = removed + $3"
};

struct sweep {
    struct db *db;
    struct arena *a; /* of one batch */
    int64_t deadline_ms;
    struct search_swept *out;
    struct buf after; /* the last word that was looked at */
};

struct words {
    str *words;
    str *queries; /* of each: the documents that hold it, in whatever field */
    size_t n;
};

bool search_hold_vocabulary(struct db_tx *tx, struct arena *a, struct err *e)
{
    return db_tx_query(tx, &stmt_hold, NULL, 0, a, NULL, e) || err_wrap(e, "hold the vocabulary");
}

/* ---- one batch ---- */

static bool make_query(struct arena *a, str word, str *out)
{
    struct buf text;
    buf_init(&text, QUERY_MAX);
    bool fits = search_lexeme_add_folded(&text, "", word, false, "") && buf_add_byte(&text, '|') &&
                search_lexeme_add_folded(&text, SEARCH_HEADER_MARK, word, false, "");
    *out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return fits;
}

/* The next words; *end when there are none. */
YIELDS static bool load_words(struct sweep *s, struct words *out, bool *end, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_TEXT(buf_str(&s->after)), DB_INT8(BATCH) };
    if (!db_query(s->db, DB_SEARCH, &stmt_words, params, 2, s->a, s->deadline_ms, &r, e))
        return false;
    size_t n = db_row_count(r);
    *end = n == 0;
    *out = (struct words){ ARENA_ARRAY(s->a, str, n + 1), ARENA_ARRAY(s->a, str, n + 1), 0 };
    for (size_t i = 0; i < n; i++) {
        out->words[out->n] = db_str(r, i, 0);
        /* One that is too long to ask for stays. */
        out->n += make_query(s->a, out->words[out->n], &out->queries[out->n]);
    }
    if (n > 0) {
        buf_clear(&s->after);
        if (!buf_add(&s->after, db_str(r, n - 1, 0)))
            return ERR(e, ERR_LIMIT, "a word of more than %d octets", QUERY_MAX);
    }
    s->out->looked_at += n;
    return true;
}

/* Both looks need the same transaction around them. */
YIELDS static bool ask(struct sweep *s, const struct db_stmt *stmt, const struct words *w,
                       struct db_rows **r, struct err *e)
{
    struct db_tx *tx = NULL;
    const struct db_param params[] = { DB_TEXTS(w->words, w->n), DB_TEXTS(w->queries, w->n) };
    bool with_lock = stmt == &stmt_remove;
    bool ok = db_begin(s->db, DB_SEARCH, DB_READ_COMMITTED, s->deadline_ms, &tx, e) &&
              db_tx_query(tx, &stmt_by_index, NULL, 0, s->a, NULL, e) &&
              (!with_lock || db_tx_query(tx, &stmt_lock, NULL, 0, s->a, NULL, e)) &&
              db_tx_query(tx, stmt, params, 2, s->a, r, e) &&
              db_commit(&tx, s->a, NULL, 0, NULL, e);
    db_rollback(&tx);
    return ok;
}

/* Removes those of the words that nobody uses. */
YIELDS static bool sweep_words(struct sweep *s, const struct words *w, struct err *e)
{
    struct db_rows *r = NULL;
    if (w->n == 0)
        return true;
    if (!ask(s, &stmt_unused, w, &r, e))
        return err_wrap(e, "look for unused words");
    struct words unused = { .n = db_row_count(r) };
    unused.words = ARENA_ARRAY(s->a, str, unused.n + 1);
    unused.queries = ARENA_ARRAY(s->a, str, unused.n + 1);
    for (size_t i = 0; i < unused.n; i++) {
        unused.words[i] = db_str(r, i, 0);
        unused.queries[i] = db_str(r, i, 1);
    }
    if (unused.n == 0)
        return true;
    if (!ask(s, &stmt_remove, &unused, &r, e))
        return err_wrap(e, "remove unused words");
    s->out->removed += db_row_count(r);
    return true;
}

static bool is_too_slow(const struct err *e)
{
    return e->kind == ERR_LIMIT || e->kind == ERR_TIMEOUT;
}

/* A batch with words of very many documents may take too long: then each goes alone, and one that
 * still does is surely in use. Yields. */
YIELDS static bool sweep_batch(struct sweep *s, const struct words *w, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (sweep_words(s, w, &why))
        return true;
    for (size_t i = 0; i < w->n && is_too_slow(&why); i++) {
        const struct words one = { &w->words[i], &w->queries[i], 1 };
        struct err alone = ERR_CLEAR;
        if (!sweep_words(s, &one, &alone) && !is_too_slow(&alone))
            why = alone;
    }
    if (is_too_slow(&why))
        return true;
    *e = why;
    return false;
}

/* ---- the pass ---- */

YIELDS static bool note(struct sweep *s, bool is_running, size_t removed, struct err *e)
{
    str after = is_running ? buf_str(&s->after) : STR_EMPTY;
    const struct db_param params[] = { DB_TEXT(after), DB_BOOL(is_running),
                                       DB_INT8((int64_t)removed) };
    return db_query(s->db, DB_SEARCH, &stmt_note, params, 3, s->a, s->deadline_ms, NULL, e);
}

/* *more is false at the end of the pass. Yields. */
YIELDS static bool sweep_next(struct sweep *s, bool *more, struct err *e)
{
    size_t before = s->out->removed;
    bool end = false;
    struct words w;
    bool ok = load_words(s, &w, &end, e) && sweep_batch(s, &w, e) &&
              note(s, !end, s->out->removed - before, e);
    *more = !end;
    return ok;
}

/* *is_running is false when no pass is due. Yields. */
YIELDS static bool begin_pass(struct sweep *s, int64_t every_s, bool *is_running, struct err *e)
{
    struct db_rows *r = NULL;
    if (!db_query(s->db, DB_SEARCH, &stmt_begin, &DB_INT8(every_s), 1, s->a, s->deadline_ms, NULL,
                  e) ||
        !db_query(s->db, DB_SEARCH, &stmt_where, NULL, 0, s->a, s->deadline_ms, &r, e))
        return false;
    *is_running = db_row_count(r) > 0;
    if (*is_running)
        (void)buf_add(&s->after, db_str(r, 0, 0));
    return true;
}

bool search_sweep_vocabulary(struct db *db, int64_t every_s, int64_t deadline_ms,
                             struct search_swept *out, struct err *e)
{
    struct arena a;
    bool more = false;
    *out = (struct search_swept){ 0 };
    struct sweep s = { .db = db, .a = &a, .deadline_ms = deadline_ms, .out = out };
    arena_init(&a);
    buf_init(&s.after, QUERY_MAX);
    bool ok = begin_pass(&s, every_s, &more, e);
    while (ok && more && clock_monotonic_ms() + MARGIN_MS < deadline_ms) {
        arena_reset(&a);
        ok = sweep_next(&s, &more, e);
    }
    out->finished = ok && !more;
    buf_fini(&s.after);
    arena_fini(&a);
    return ok;
}
