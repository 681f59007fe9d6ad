/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for conversations. A word that is in few messages is looked up in the index, and all its
 * messages are joined; one that more than SEARCH_MAIL_COUNTED have is found fastest by walking from
 * the newest message on. Which of both it is, a capped count tells first (STORAGE.md 6: left to
 * itself the planner walks where it should look up). */
#include "search/mail_search.h"

#include "db/db.h"

enum {
    WALKED = 500 /* messages that a walk gathers */
};

/* A place of message `m` that the filter lets through: $3 in, $4 not in, $5 flags, $6 no flags,
 * $7 after, $8 before, $9 larger, $10 smaller, $11 labels. */
#define PLACE(m)                                                                           \
    "p.account_id = $1 AND p.msg_id = " m                                                  \
    "  AND (cardinality($3::int8[]) = 0 OR p.mailbox_id = ANY ($3))"                       \
    "  AND p.mailbox_id <> ALL ($4::int8[]) AND p.flags & $5 = $5 AND p.flags & $6 = 0"    \
    "  AND p.idate >= $7 AND p.idate < $8 AND p.size > $9 AND p.size < $10"                \
    "  AND (cardinality($11::text[]) = 0 OR (SELECT count(*) FROM keyword k"               \
    "    WHERE k.account_id = $1 AND k.name_lower = ANY ($11)"                             \
    "      AND ((k.bit IS NOT NULL AND (p.kw >> k.bit) & 1 = 1) OR k.name = ANY (p.kwx)))" \
    "      = cardinality($11))"

/* $12 must have an attachment, $13 must have none. */
#define ATTACHMENT "(h.has_attachment OR NOT $12) AND NOT (h.has_attachment AND $13)"

/* $2 words, $14 below this newest match, $15 conversations, $16 messages, $17 with all ids. */
#define FIND(candidates, below)                                                                            \
    "WITH candidates AS MATERIALIZED (" candidates "),"                                                    \
    " found AS MATERIALIZED ("                                                                             \
    "  SELECT c.msg_id, h.thread_id FROM candidates c"                                                     \
    "    JOIN message h ON h.account_id = $1 AND h.msg_id = c.msg_id"                                      \
    "   WHERE " ATTACHMENT " AND EXISTS (SELECT 1 FROM mbox_msg p WHERE " PLACE(                           \
        "c.msg_id") ")"                                                                                    \
                    "   ORDER BY c.msg_id DESC LIMIT $16),"                                                \
                    " threads AS (SELECT thread_id, max(msg_id) AS top,"                                   \
                    "    (array_agg(msg_id ORDER BY msg_id DESC))[1:50] AS ids FROM found GROUP BY 1),"    \
                    " page AS (SELECT * FROM threads WHERE " below " ORDER BY top DESC LIMIT $15)"         \
                    " SELECT 0, 0, '{}'::int8[], (SELECT count(*) FROM found),"                            \
                    "   EXISTS (SELECT 1 FROM outbox WHERE account_id = $1 AND kind IN (1, 3)),"           \
                    "   CASE WHEN $17 THEN (SELECT array_agg(msg_id ORDER BY msg_id DESC) FROM found) END" \
                    " UNION ALL SELECT thread_id, top, ids, 0, false, NULL FROM page ORDER BY 2 DESC"

static const struct db_stmt count_words = {
    "SELECT count(*) FROM (SELECT 1 FROM fts WHERE account_id = $1 AND tsv @@ $2::text::tsquery"
    " LIMIT $3) c"
};

static const struct db_stmt find_looked_up = { FIND(
    "SELECT msg_id FROM fts WHERE account_id = $1 AND tsv @@ $2::text::tsquery", "top < $14") };

/* The fence keeps the words out of the inner query, which is read from the end only as far as the
 * limit needs. */
static const struct db_stmt find_walked = { FIND(
    "SELECT w.msg_id FROM (SELECT msg_id, tsv FROM fts WHERE account_id = $1 AND msg_id < $14"
    "  ORDER BY msg_id DESC OFFSET 0) w WHERE w.tsv @@ $2::text::tsquery"
    "  AND EXISTS (SELECT 1 FROM message h WHERE h.account_id = $1 AND h.msg_id = w.msg_id"
    "    AND " ATTACHMENT ")"
    "  AND EXISTS (SELECT 1 FROM mbox_msg p WHERE " PLACE("w.msg_id") ") LIMIT $16",
    "true") };

static const struct db_stmt find_filtered = { FIND(
    "SELECT DISTINCT p.msg_id FROM mbox_msg p WHERE $2::text IS NOT NULL AND " PLACE("p.msg_id"),
    "top < $14") };

enum find_column {
    FIND_THREAD,
    FIND_TOP,
    FIND_IDS,
    FIND_COUNT,
    FIND_PENDING,
    FIND_ALL
};

static void read_found(const struct db_rows *rows, struct arena *a, struct search_mail_found *out)
{
    struct search_hit *hits = ARENA_ARRAY(a, struct search_hit, db_row_count(rows) + 1);
    out->hits = hits;
    for (size_t i = 0; i < db_row_count(rows); i++) {
        int64_t *ids = NULL;
        if (db_int(rows, i, FIND_THREAD) != 0) {
            size_t n = db_ints(rows, i, FIND_IDS, a, &ids);
            hits[out->n++] = (struct search_hit){ db_int(rows, i, FIND_THREAD), ids, n };
            continue;
        }
        out->total = db_int(rows, i, FIND_COUNT);
        out->is_complete = !db_int(rows, i, FIND_PENDING);
        if (!db_is_null(rows, i, FIND_ALL)) {
            out->n_ids = db_ints(rows, i, FIND_ALL, a, &ids);
            out->ids = ids;
        }
    }
    out->is_total_exact = out->total <= SEARCH_MAIL_COUNTED;
    if (!out->is_total_exact)
        out->total = SEARCH_MAIL_COUNTED;
    if (out->n_ids > SEARCH_MAIL_COUNTED)
        out->n_ids = SEARCH_MAIL_COUNTED;
}

/* Whether more messages have the words than are counted. */
YIELDS static bool is_frequent(struct db *db, int64_t account_id, str tsquery, struct arena *a,
                               int64_t deadline_ms, bool *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_TEXT(tsquery),
                                       DB_INT8(SEARCH_MAIL_COUNTED + 1) };
    if (!db_search(db, account_id, &count_words, params, COUNT_OF(params), a, deadline_ms, &rows,
                   e))
        return err_wrap(e, "count words");
    *out = db_int(rows, 0, 0) > SEARCH_MAIL_COUNTED;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): most of it is the list of parameters. */
bool search_mail(struct db *db, const struct search_mail_query *query, struct arena *a,
                 int64_t deadline_ms, struct search_mail_found *out, struct err *e)
{
    const struct search_mail_filter *f = &query->filter;
    struct db_rows *rows = NULL;
    str tsquery = STR_EMPTY;
    bool frequent = false;
    const struct db_stmt *stmt = &find_filtered;
    INVARIANT(query->limit <= SEARCH_MAIL_PAGE);
    *out = (struct search_mail_found){ .is_complete = true, .is_total_exact = true };
    if (query->words) {
        if (!search_query_format(a, query->words, &tsquery, e))
            return false;
        if (tsquery.n == 0)
            return true;
        if (!is_frequent(db, query->account_id, tsquery, a, deadline_ms, &frequent, e))
            return false;
        stmt = frequent ? &find_walked : &find_looked_up;
    }
    const struct db_param params[] = {
        DB_INT8(query->account_id),       DB_TEXT(tsquery),
        DB_INT8S(f->in, f->n_in),         DB_INT8S(f->not_in, f->n_not_in),
        DB_INT4(f->with_flags),           DB_INT4(f->without_flags),
        DB_TIME_US(f->after_us),          DB_TIME_US(f->before_us),
        DB_INT8(f->larger_than),          DB_INT8(f->smaller_than),
        DB_TEXTS(f->labels, f->n_labels), DB_BOOL(f->with_attachment),
        DB_BOOL(f->without_attachment),   DB_INT8(query->before_id),
        DB_INT8((int64_t)query->limit),   DB_INT8(frequent ? WALKED : SEARCH_MAIL_COUNTED + 1),
        DB_BOOL(query->with_ids),
    };
    if (!db_search(db, query->account_id, stmt, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "search mail");
    read_found(rows, a, out);
    if (frequent && out->total == WALKED) {
        out->total = SEARCH_MAIL_COUNTED;
        out->is_total_exact = false;
    }
    return true;
}
