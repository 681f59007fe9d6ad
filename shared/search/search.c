/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the index. All SQL that reads fts and vocab is here. */
#include "search/search.h"

#include "db/db.h"
#include "search/document.h"
#include "search/former.h"
#include "search/id_set.h"

enum {
    OWN_DOCUMENTS = 10000 /* of an account, of which all words are looked at */
};

/* Order matters for what was delivered before the question: what is not indexed at the first
 * statement is in its list of pending messages; what is indexed by then has its words in the
 * vocabulary by then. The second statement may come as late as it likes. */
static const struct db_stmt stmt_pending = {
    "SELECT ref, NULL::text FROM outbox WHERE account_id = $1 AND kind = 1"
    " UNION ALL "
    "SELECT NULL::bigint, word FROM (SELECT word FROM vocab WHERE word LIKE $2 LIMIT $3) w"
    " UNION ALL "
    "SELECT NULL, NULL WHERE EXISTS (SELECT 1 FROM outbox WHERE account_id = $1 AND kind = 3)"
};
static const struct db_stmt stmt_hits = {
    "SELECT msg_id, false FROM fts WHERE account_id = $1 AND form = 1"
    " AND tsv @@ $2::text::tsquery"
    " UNION ALL "
    "SELECT msg_id, true FROM fts WHERE account_id = $1 AND tsv @@ $3::text::tsquery"
};
/* The words of one account that hold the substring, out of its documents; a row without a word when
 * it has more documents than are looked at. */
static const struct db_stmt stmt_own_words = {
    "SELECT DISTINCT ltrim(u.lexeme, E'" SEARCH_HEADER_MARK SEARCH_FOLD_MARK "')"
    "  FROM (SELECT tsv FROM fts WHERE account_id = $1 AND form = 1 LIMIT $3) d, unnest(d.tsv) u"
    " WHERE u.lexeme LIKE $2"
    " UNION ALL "
    "SELECT NULL WHERE (SELECT count(*) FROM (SELECT 1 FROM fts WHERE account_id = $1"
    "                                          LIMIT $3 + 1) d) > $3"
    " LIMIT $4"
};
/* Materialized: else the planner walks the ids from the newest on and filters (STORAGE.md 6). */
static const struct db_stmt stmt_newest = {
    "WITH hits AS MATERIALIZED ("
    " SELECT msg_id FROM fts WHERE account_id = $1 AND tsv @@ $2::text::tsquery),"
    " newest AS (SELECT msg_id FROM hits ORDER BY msg_id DESC LIMIT $3)"
    " SELECT p.pending, n.msg_id"
    " FROM (SELECT EXISTS (SELECT 1 FROM outbox WHERE account_id = $1 AND kind IN (1, 3)) AS pending) p"
    " LEFT JOIN newest n ON true ORDER BY n.msg_id DESC"
};

/* What the first statement gives. */
struct first_look {
    int64_t holder; /* who asks */
    str like;       /* asked for */
    struct search_id_set pending;
    str *words; /* never NULL */
    size_t n_words;
    bool has_former; /* documents of the former form */
};

YIELDS static bool look_first(struct db *db, int64_t account_id, struct arena *a,
                              int64_t deadline_ms, struct first_look *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(out->like),
                                       DB_INT8(SEARCH_MAX_EXPANSION + 1) };
    if (!db_search(db, out->holder, &stmt_pending, params, COUNT_OF(params), a, deadline_ms, &rows,
                   e))
        return err_wrap(e, "search words");
    size_t n = db_row_count(rows);
    out->pending = search_id_set_new(a, n);
    out->words = ARENA_ARRAY(a, str, n + 1);
    out->n_words = 0;
    for (size_t i = 0; i < n; i++) {
        if (!db_is_null(rows, i, 0)) {
            search_id_set_add(&out->pending, db_int(rows, i, 0));
        } else if (!db_is_null(rows, i, 1)) {
            out->words[out->n_words++] = db_str(rows, i, 1);
        } else {
            out->has_former = true;
        }
    }
    return true;
}

/* Where documents of the former form are there they are asked in between, and then the first
 * question is put again: what was pending at first is in its list, what is indexed anew by the
 * second time has its words in the vocabulary by then. */
YIELDS static bool look_at_former(struct db *db, int64_t account_id,
                                  const struct search_needle *needle, struct arena *a,
                                  int64_t deadline_ms, struct first_look *first, struct err *e)
{
    struct search_id_set former;
    const struct search_id_set before = first->pending;
    if (!search_find_former(db, account_id, needle, a, deadline_ms, &former, e) ||
        !look_first(db, account_id, a, deadline_ms, first, e))
        return false;
    const struct search_id_set *const parts[] = { &before, &former, &first->pending };
    struct search_id_set all = search_id_set_new(a, before.n + former.n + first->pending.n);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        for (size_t k = 0; k < parts[i]->n; k++)
            search_id_set_add(&all, parts[i]->ids[k]);
    }
    first->pending = all;
    return true;
}

/* So many words of all accounts hold the substring that some were left out: whoever sends mail with
 * very many words to one account could have all others read every message for what they look for.
 * What the account's own documents hold is enough, unless they are too many to look at. Between the
 * two other statements: a document that is not there yet was pending at the first. Yields. */
YIELDS static bool look_at_own_words(struct db *db, int64_t account_id, struct arena *a,
                                     int64_t deadline_ms, struct first_look *first, struct err *e)
{
    struct db_rows *rows = NULL;
    struct err why = ERR_CLEAR;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(first->like),
                                       DB_INT8(OWN_DOCUMENTS), DB_INT8(SEARCH_MAX_EXPANSION + 1) };
    if (!db_search(db, first->holder, &stmt_own_words, params, COUNT_OF(params), a, deadline_ms,
                   &rows, &why)) {
        if (db_is_timeout(&why) && clock_monotonic_ms() < deadline_ms)
            return true; /* very long documents: the answer is as if there were too many */
        *e = why;
        return err_wrap(e, "search own words");
    }
    size_t n = db_row_count(rows);
    str *words = ARENA_ARRAY(a, str, n + 1);
    for (size_t i = 0; i < n; i++) {
        if (db_is_null(rows, i, 0))
            return true;
        words[i] = db_str(rows, i, 0);
    }
    if (n <= SEARCH_MAX_EXPANSION) {
        first->words = words;
        first->n_words = n;
    }
    return true;
}

/* What the second statement gives. */
struct second_look {
    int64_t holder;              /* who asks */
    struct search_id_set hits;   /* documents that match the pattern */
    struct search_id_set marked; /* documents that are not whole */
};

YIELDS static bool look_second(struct db *db, int64_t account_id,
                               const struct search_pattern *pattern, struct arena *a,
                               int64_t deadline_ms, struct second_look *out, struct err *e)
{
    struct db_rows *rows = NULL;
    str marks = pattern->is_phrase ? STR("'" SEARCH_CUT_MARK "' | '" SEARCH_POSITION_MARK "'")
                                   : STR("'" SEARCH_CUT_MARK "'");
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(pattern->tsquery),
                                       DB_TEXT(marks) };
    if (!db_search(db, out->holder, &stmt_hits, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "search");
    size_t n = db_row_count(rows);
    out->hits = search_id_set_new(a, n);
    out->marked = search_id_set_new(a, n);
    for (size_t i = 0; i < n; i++) {
        struct search_id_set *set = db_int(rows, i, 1) ? &out->marked : &out->hits;
        search_id_set_add(set, db_int(rows, i, 0));
    }
    return true;
}

/* Sorts what was found into the two lists of the answer. */
static void make_answer(struct arena *a, const struct search_pattern *pattern,
                        const struct second_look *second, const struct search_id_set *pending,
                        struct search_candidates *out)
{
    const struct search_id_set *hits = &second->hits, *marked = &second->marked;
    struct search_id_set sure = search_id_set_new(a, hits->n);
    struct search_id_set maybe = search_id_set_new(a, hits->n + marked->n + pending->n);
    const struct search_id_set *const unsure[] = { marked, pending,
                                                   pattern->is_exact ? NULL : hits };
    for (size_t i = 0; i < COUNT_OF(unsure); i++) {
        for (size_t k = 0; unsure[i] && k < unsure[i]->n; k++)
            search_id_set_add(&maybe, unsure[i]->ids[k]);
    }
    for (size_t i = 0; i < hits->n && pattern->is_exact; i++)
        search_id_set_add(&sure, hits->ids[i]);
    search_id_sets_answer(&sure, &maybe, out);
}

bool search_find_substring(struct db *db, int64_t account_id, const struct search_needle *needle,
                           struct arena *a, int64_t deadline_ms, struct search_candidates *out,
                           struct err *e)
{
    struct search_pattern pattern;
    struct first_look first = { .holder = needle->holder };
    struct second_look second = { .holder = needle->holder };
    if (needle->text.n > SEARCH_MAX_NEEDLE)
        return ERR(e, ERR_LIMIT, "search text of %zu bytes", needle->text.n);
    *out = (struct search_candidates){ .all_maybe = true };
    str normal = search_normalize(a, needle->text);
    search_pattern_make(a, normal, needle->fields, NULL, 0, &pattern);
    if (pattern.tsquery.n == 0 && pattern.like.n == 0)
        return true;
    first.like = pattern.like;
    if (!look_first(db, account_id, a, deadline_ms, &first, e))
        return false;
    if (first.has_former && !look_at_former(db, account_id, needle, a, deadline_ms, &first, e))
        return false;
    if (first.n_words > SEARCH_MAX_EXPANSION &&
        !look_at_own_words(db, account_id, a, deadline_ms, &first, e))
        return false;
    bool is_partial = first.n_words > SEARCH_MAX_EXPANSION;
    search_pattern_make(a, normal, needle->fields, first.words, first.n_words, &pattern);
    if (pattern.tsquery.n == 0 || (is_partial && !pattern.is_exact))
        return true;
    if (!look_second(db, account_id, &pattern, a, deadline_ms, &second, e))
        return false;
    make_answer(a, &pattern, &second, &first.pending, out);
    /* Some words were asked for: who has one of them matches, of the rest nothing is known. */
    out->all_maybe = is_partial;
    return true;
}

bool search_find_words(struct db *db, int64_t account_id, const struct search_words *wanted,
                       struct arena *a, int64_t deadline_ms, struct search_found *out,
                       struct err *e)
{
    str tsquery = STR_EMPTY;
    struct db_rows *rows = NULL;
    size_t limit = wanted->limit < SEARCH_MAX_HITS ? wanted->limit : SEARCH_MAX_HITS;
    *out = (struct search_found){ .complete = true };
    if (!search_query_format(a, wanted->query, &tsquery, e))
        return false;
    if (tsquery.n == 0)
        return true;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(tsquery),
                                       DB_INT8((int64_t)limit) };
    if (!db_search(db, account_id, &stmt_newest, params, COUNT_OF(params), a, deadline_ms, &rows,
                   e))
        return err_wrap(e, "search words");
    size_t n = db_row_count(rows);
    int64_t *ids = ARENA_ARRAY(a, int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        out->complete = !db_int(rows, i, 0);
        if (!db_is_null(rows, i, 1))
            ids[out->n++] = db_int(rows, i, 1);
    }
    out->ids = ids;
    return true;
}
