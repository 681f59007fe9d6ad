/* SPDX-License-Identifier: Apache-2.0 */
/* Asks documents of the former form. All SQL on them is here. */
#include "search/former.h"

#include "base/utf8.h"
#include "db/db.h"
#include "search/document.h"

/* The words are looked up before: they are in the vocabulary as long as the documents. */
static const struct db_stmt stmt_words = { "SELECT word FROM vocab WHERE word LIKE $1 LIMIT $2" };
/* Those that match $2 or are marked ($3); all of them where $4 says so. */
static const struct db_stmt stmt_former = {
    "SELECT msg_id FROM fts WHERE account_id = $1 AND form = 0"
    " AND tsv @@ ($2::text::tsquery || $3::text::tsquery)"
    " UNION ALL "
    "SELECT ref FROM outbox WHERE account_id = $1 AND kind = 3 AND $4"
};

#define MARKS "'" SEARCH_CUT_MARK "' | '" SEARCH_POSITION_MARK "'"

/* Characters whose former form is that of the normal form without accents. In other scripts marks
 * that are no accents were put together with the letters before them: half of a letter is not
 * found. Without final sigma, whose capital is that of the other one. */
static const struct range {
    uint32_t from, to;
} alike[] = {
    { 0x0000, 0x0130 }, { 0x0132, 0x024f }, { 0x0370, 0x03c1 },   { 0x03c4, 0x03ff },
    { 0x0400, 0x052f }, { 0x05d0, 0x05ea }, { 0x0620, 0x06ff },   { 0x2010, 0x2027 },
    { 0x3001, 0x3002 }, { 0x3400, 0x9fff }, { 0x20000, 0x3ffff },
};

static bool is_alike(uint32_t cp)
{
    for (size_t i = 0; i < COUNT_OF(alike); i++) {
        if (cp >= alike[i].from && cp <= alike[i].to)
            return true;
    }
    return false;
}

static bool are_alike(str text)
{
    while (text.n) {
        uint32_t cp = 0;
        size_t n = utf8_decode(text, &cp);
        if (n == 0 || !is_alike(cp))
            return false;
        text = str_skip(text, n);
    }
    return true;
}

str search_former_needle(struct arena *a, str text, str normal)
{
    str folded = search_fold(a, normal);
    return str_find(text, STR("\xc4\xb1")) < 0 && are_alike(folded) ? folded : STR_EMPTY;
}

/* What to ask for. */
struct question {
    struct search_pattern pattern;
    bool asks_all; /* the words cannot say */
};

YIELDS static bool make_question(struct db *db, const struct search_needle *former, struct arena *a,
                                 int64_t deadline_ms, struct question *q, struct err *e)
{
    struct db_rows *rows = NULL;
    search_pattern_make(a, former->text, former->fields, NULL, 0, &q->pattern);
    q->asks_all = q->pattern.tsquery.n == 0;
    if (q->pattern.like.n == 0)
        return true;
    const struct db_param params[] = { DB_TEXT(q->pattern.like),
                                       DB_INT8(SEARCH_MAX_EXPANSION + 1) };
    if (!db_search(db, former->holder, &stmt_words, params, COUNT_OF(params), a, deadline_ms, &rows,
                   e))
        return err_wrap(e, "search former words");
    size_t n = db_row_count(rows);
    str *words = ARENA_ARRAY(a, str, n + 1);
    for (size_t i = 0; i < n; i++)
        words[i] = db_str(rows, i, 0);
    search_pattern_make(a, former->text, former->fields, words, n, &q->pattern);
    q->asks_all = n > SEARCH_MAX_EXPANSION || q->pattern.tsquery.n == 0;
    return true;
}

bool search_find_former(struct db *db, int64_t account_id, const struct search_needle *needle,
                        struct arena *a, int64_t deadline_ms, struct search_id_set *out,
                        struct err *e)
{
    struct question q = { .asks_all = true };
    struct db_rows *rows = NULL;
    struct search_needle former = *needle;
    former.text = search_former_needle(a, needle->text, search_normalize(a, needle->text));
    if (former.text.n && !make_question(db, &former, a, deadline_ms, &q, e))
        return false;
    const struct db_param params[] = { DB_INT8(account_id),
                                       DB_TEXT(q.asks_all ? STR(MARKS) : q.pattern.tsquery),
                                       DB_TEXT(STR(MARKS)), DB_BOOL(q.asks_all) };
    if (!db_search(db, needle->holder, &stmt_former, params, COUNT_OF(params), a, deadline_ms,
                   &rows, e))
        return err_wrap(e, "search former documents");
    size_t n = db_row_count(rows);
    *out = search_id_set_new(a, n);
    for (size_t i = 0; i < n; i++)
        search_id_set_add(out, db_int(rows, i, 0));
    return true;
}
