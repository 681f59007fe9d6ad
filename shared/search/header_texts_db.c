/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and looks through the table header_text. All SQL on it is here. */
#include "db/db.h"
#include "search/former.h"
#include "search/header_texts.h"
#include "search/id_set.h"

/* ---- writing ---- */

/* Which fields a message has comes as bits, since arrays of text have no NULL. */
static const struct db_stmt stmt_write = {
    "INSERT INTO header_text"
    " (account_id, msg_id, is_partial, sent_day, subject, from_text, to_text, cc_text, bcc_text,"
    "  pop3_header_gain, pop3_end_gain, form)"
    " SELECT a, m, h & 32 = 0, CASE WHEN h & 64 <> 0 THEN d END,"
    "  CASE WHEN h & 1 <> 0 THEN t1 END, CASE WHEN h & 2 <> 0 THEN t2 END,"
    "  CASE WHEN h & 4 <> 0 THEN t3 END, CASE WHEN h & 8 <> 0 THEN t4 END,"
    "  CASE WHEN h & 16 <> 0 THEN t5 END,"
    "  CASE WHEN h & 128 <> 0 THEN hg END, CASE WHEN h & 128 <> 0 THEN eg END, 1"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[],"
    "  $7::text[], $8::text[], $9::text[], $10::bigint[], $11::bigint[])"
    "  x(a, m, h, d, t1, t2, t3, t4, t5, hg, eg)"
    " WHERE EXISTS (SELECT 1 FROM message WHERE account_id = a AND msg_id = m)"
    " ON CONFLICT (account_id, msg_id) DO UPDATE SET is_partial = excluded.is_partial,"
    "  sent_day = excluded.sent_day, subject = excluded.subject, from_text = excluded.from_text,"
    "  to_text = excluded.to_text, cc_text = excluded.cc_text, bcc_text = excluded.bcc_text,"
    "  pop3_header_gain = excluded.pop3_header_gain, pop3_end_gain = excluded.pop3_end_gain,"
    "  form = 1"
};
enum {
    BIT_WHOLE = 32,
    BIT_SENT = 64,
    BIT_READ = 128
};

static int64_t bits_of(const struct search_header_texts *t)
{
    int64_t bits =
        (t->is_whole ? BIT_WHOLE : 0) | (t->has_sent ? BIT_SENT : 0) | (t->is_read ? BIT_READ : 0);
    for (size_t k = 0; k < SEARCH_HEADERS; k++)
        bits |= (int64_t)t->has[k] << k;
    return bits;
}

bool search_header_texts_write(struct db_tx *tx, const int64_t *account_ids, const int64_t *msg_ids,
                               const struct search_header_texts *texts, size_t n, struct arena *a,
                               struct err *e)
{
    int64_t *bits = ARENA_ARRAY(a, int64_t, n + 1);
    int64_t *days = ARENA_ARRAY(a, int64_t, n + 1);
    int64_t *header_gains = ARENA_ARRAY(a, int64_t, n + 1);
    int64_t *end_gains = ARENA_ARRAY(a, int64_t, n + 1);
    str *columns[SEARCH_HEADERS];
    for (size_t k = 0; k < SEARCH_HEADERS; k++)
        columns[k] = ARENA_ARRAY(a, str, n + 1);
    for (size_t i = 0; i < n; i++) {
        bits[i] = bits_of(&texts[i]);
        days[i] = texts[i].sent_day;
        header_gains[i] = texts[i].pop3_header_gain;
        end_gains[i] = texts[i].pop3_end_gain;
        for (size_t k = 0; k < SEARCH_HEADERS; k++)
            columns[k][i] = texts[i].texts[k];
    }
    const struct db_param params[] = {
        DB_INT8S(account_ids, n),  DB_INT8S(msg_ids, n),    DB_INT8S(bits, n),
        DB_INT8S(days, n),         DB_TEXTS(columns[0], n), DB_TEXTS(columns[1], n),
        DB_TEXTS(columns[2], n),   DB_TEXTS(columns[3], n), DB_TEXTS(columns[4], n),
        DB_INT8S(header_gains, n), DB_INT8S(end_gains, n),
    };
    return n == 0 || db_tx_query(tx, &stmt_write, params, COUNT_OF(params), a, NULL, e) ||
           err_wrap(e, "write header texts");
}

/* ---- looking through ---- */

/* A message is pending in outbox or has its row, in one snapshot. An empty needle is found at 1 in
 * every value. Texts of the former form hold $3, and are read. Each pair: of the whole account, and
 * of some messages. */
#define FIND(unsure, condition, some)                                             \
    "SELECT ref, true FROM outbox WHERE account_id = $1 AND kind = 1" some(       \
        "ref") " UNION ALL "                                                      \
               "SELECT msg_id, " unsure " FROM header_text WHERE account_id = $1" \
               " AND (is_partial OR " condition ")" some("msg_id")
#define ALL(column)          ""
#define AMONG_THIRD(column)  " AND " column " = ANY ($3::bigint[])"
#define AMONG_FOURTH(column) " AND " column " = ANY ($4::bigint[])"
#define PAIR(unsure, condition, among)     \
    {                                      \
        { FIND(unsure, condition, ALL) },  \
        {                                  \
            FIND(unsure, condition, among) \
        }                                  \
    }
#define HOLDS(column)              \
    PAIR("is_partial OR form = 0", \
         "strpos(" column ", CASE WHEN form = 0 THEN $3 ELSE $2 END) > 0", AMONG_FOURTH)
#define SENT(comparison) PAIR("is_partial", "sent_day " comparison " $2", AMONG_THIRD)

static const struct db_stmt stmt_holds[SEARCH_HEADERS][2] = {
    [SEARCH_HEADER_SUBJECT] = HOLDS("subject"), [SEARCH_HEADER_FROM] = HOLDS("from_text"),
    [SEARCH_HEADER_TO] = HOLDS("to_text"),      [SEARCH_HEADER_CC] = HOLDS("cc_text"),
    [SEARCH_HEADER_BCC] = HOLDS("bcc_text"),
};
static const struct db_stmt stmt_sent[][2] = {
    [SEARCH_SENT_BEFORE] = SENT("<"),
    [SEARCH_SENT_ON] = SENT("="),
    [SEARCH_SENT_SINCE] = SENT(">="),
};

bool search_find_in_headers(struct db *db, const struct search_header_query *query, struct arena *a,
                            int64_t deadline_ms, struct search_candidates *out, struct err *e)
{
    struct db_rows *rows = NULL;
    bool holds = query->asked == SEARCH_HEADER_HOLDS;
    bool is_among = query->among != NULL;
    if (query->text.n > SEARCH_MAX_NEEDLE)
        return ERR(e, ERR_LIMIT, "search text of %zu bytes", query->text.n);
    str normal = search_normalize(a, query->text);
    const struct db_param among = DB_INT8S(query->among, query->n_among);
    const struct db_param params_holds[] = { DB_INT8(query->account_id), DB_TEXT(normal),
                                             DB_TEXT(search_former_needle(a, query->text, normal)),
                                             among };
    const struct db_param params_sent[] = { DB_INT8(query->account_id), DB_INT8(query->day),
                                            among };
    const struct db_param *params = holds ? params_holds : params_sent;
    size_t n_params = (holds ? COUNT_OF(params_holds) : COUNT_OF(params_sent)) - !is_among;
    const struct db_stmt *stmt =
        holds ? &stmt_holds[query->field][is_among] : &stmt_sent[query->asked][is_among];
    if (!db_search(db, query->holder, stmt, params, n_params, a, deadline_ms, &rows, e))
        return err_wrap(e, "search headers");
    size_t n = db_row_count(rows);
    struct search_id_set sure = search_id_set_new(a, n);
    struct search_id_set maybe = search_id_set_new(a, n);
    for (size_t i = 0; i < n; i++)
        search_id_set_add(db_int(rows, i, 1) ? &maybe : &sure, db_int(rows, i, 0));
    search_id_sets_answer(&sure, &maybe, out);
    return true;
}
