/* SPDX-License-Identifier: Apache-2.0 */
/* Reads conversations and messages with all their places. */
#include "store/mail.h"

#include "store/internal.h"

/* One row a place. */
#define MAIL_COLUMNS                                                                     \
    "h.thread_id, h.msg_id, p.mailbox_id, p.uid, p.modseq, p.flags, p.kw,"               \
    " array_to_string(p.kwx, ' ') AS kwx, p.idate, h.size, h.sent_at, h.has_attachment," \
    " h.from_addr, h.from_name, h.to_text, h.subject, h.message_id, h.preview"

enum mail_column {
    MAIL_THREAD,
    MAIL_ID,
    MAIL_MAILBOX,
    MAIL_UID,
    MAIL_MODSEQ,
    MAIL_FLAGS,
    MAIL_KW,
    MAIL_KWX,
    MAIL_IDATE,
    MAIL_SIZE,
    MAIL_SENT,
    MAIL_ATTACHMENT,
    MAIL_FROM_ADDR,
    MAIL_FROM_NAME,
    MAIL_TO,
    MAIL_SUBJECT,
    MAIL_MESSAGE_ID,
    MAIL_PREVIEW,
    MAIL_HEAD_AT, /* of conversations of a mailbox */
    MAIL_HEAD_UID,
    MAIL_ENVELOPE = MAIL_HEAD_AT, /* of what was asked for by id */
    MAIL_STRUCTURE,
    MAIL_DRAFT
};

/* A message that the filter lets through: $6 flags wanted, $7 unwanted, $8 only attachments. */
#define FILTER(row, text) \
    row ".flags & $6 = $6 AND " row ".flags & $7 = 0 AND (" text ".has_attachment OR NOT $8)"

/* The newest matching message of each conversation, found by walking the mailbox backwards. The
 * inner EXISTS is written as a value, so that it stays a look-up for each row and the walk ends
 * with the page: flattened into a join it would read the whole mailbox. */
#define PAGE(behind, order)                                                                     \
    "WITH heads AS MATERIALIZED ("                                                              \
    " SELECT m.uid, m.idate, g.thread_id FROM mbox_msg m"                                       \
    "   JOIN message g ON g.account_id = $1 AND g.msg_id = m.msg_id"                            \
    "  WHERE m.account_id = $1 AND m.mailbox_id = $2 AND (m.idate, m.uid) " behind              \
    " ($3, $4) AND " FILTER(                                                                    \
        "m",                                                                                    \
        "g") "    AND NOT (SELECT EXISTS (SELECT 1 FROM message n"                              \
             "      JOIN mbox_msg o ON o.account_id = $1 AND o.msg_id = n.msg_id"               \
             "     WHERE n.account_id = $1 AND n.thread_id = g.thread_id AND o.mailbox_id = $2" \
             "       AND (o.idate, o.uid) > (m.idate, m.uid) AND " FILTER(                      \
                 "o", "n") "))"                                                                 \
                           "  ORDER BY m.idate " order ", m.uid " order " LIMIT $5)"            \
                           " SELECT r.*, t.idate, t.uid FROM heads t, LATERAL ("                \
                           "   SELECT " MAIL_COLUMNS " FROM message h"                          \
                           "     JOIN mbox_msg p ON p.account_id = $1 AND p.msg_id = h.msg_id"  \
                           "    WHERE h.account_id = $1 AND h.thread_id = t.thread_id"          \
                           "      AND (p.mailbox_id = $2 OR p.mailbox_id <> ALL (ARRAY("        \
                           "           SELECT mailbox_id FROM mailbox"                          \
                           "            WHERE account_id = $1 AND role IN ('junk', 'trash'))))" \
                           "    ORDER BY h.msg_id DESC LIMIT $9) r"                             \
                           " ORDER BY t.idate " order ", t.uid " order                          \
                           ", r.msg_id, r.mailbox_id, r.uid"

static const struct db_stmt page_newest = { PAGE("<", "DESC") };
static const struct db_stmt page_oldest = { PAGE(">", "ASC") };

/* What can be big is not even read from its TOAST table unless it is wanted. */
#define FORM_COLUMNS(wanted)                                                    \
    ", CASE WHEN " wanted " THEN h.envelope END AS envelope, CASE WHEN " wanted \
    " THEN h.bodystructure END AS structure, CASE WHEN " wanted                 \
    " THEN draft_of($1, h.msg_id) END AS draft_id"

static const struct db_stmt threads_by_id = {
    "SELECT r.* FROM unnest($2::bigint[]) WITH ORDINALITY t (id, place), LATERAL ("
    "   SELECT " MAIL_COLUMNS FORM_COLUMNS(
        "$3") " FROM message h"
              "     JOIN mbox_msg p ON p.account_id = $1 AND p.msg_id = h.msg_id"
              "    WHERE h.account_id = $1 AND h.thread_id = t.id"
              "    ORDER BY h.msg_id DESC LIMIT $4) r"
              " ORDER BY t.place, r.msg_id, r.mailbox_id, r.uid"
};

static const struct db_stmt mails_by_id = { "SELECT " MAIL_COLUMNS FORM_COLUMNS(
    "$3") " FROM unnest($2::bigint[]) WITH ORDINALITY t (id, place)"
          "  JOIN message h ON h.account_id = $1 AND h.msg_id = t.id"
          "  JOIN mbox_msg p ON p.account_id = $1 AND p.msg_id = t.id"
          " ORDER BY t.place, p.mailbox_id, p.uid" };

/* The case of one message, which needs no array and no order of it. */
static const struct db_stmt mail_by_id = { "SELECT " MAIL_COLUMNS FORM_COLUMNS(
    "$3") " FROM message h"
          "  JOIN mbox_msg p ON p.account_id = $1 AND p.msg_id = $2"
          " WHERE h.account_id = $1 AND h.msg_id = $2 ORDER BY p.mailbox_id, p.uid" };

/* One row a message, the newest first; a conversation is where its first one is. $4 and $5 keep the
 * places that they have in the statements above. */
static const struct db_stmt mailbox_index = {
    "SELECT s.modseq, (SELECT array_agg(q.thread_id) FROM ("
    "   SELECT g.thread_id FROM mbox_msg m"
    "     JOIN message g ON g.account_id = $1 AND g.msg_id = m.msg_id"
    "    WHERE m.account_id = $1 AND m.mailbox_id = $2 AND $4 AND $5 AND " FILTER(
        "m", "g") "    ORDER BY m.idate DESC, m.uid DESC LIMIT $3) q)"
                  "  FROM mailbox_state s WHERE s.account_id = $1 AND s.mailbox_id = $2"
};

static const struct db_stmt brief = {
    "SELECT m.role, s.msgs, s.modseq, a.modseq FROM mailbox m"
    "  JOIN mailbox_state s ON s.account_id = m.account_id AND s.mailbox_id = m.mailbox_id"
    "  JOIN account_state a ON a.account_id = m.account_id"
    " WHERE m.account_id = $1 AND m.mailbox_id = $2"
};

static const struct db_stmt keyword_names = {
    "SELECT bit::int, name FROM keyword WHERE account_id = $1 AND bit IS NOT NULL ORDER BY bit"
};

/* ---- keywords ---- */

/* Names of the account's keywords, read only when a message has one. */
struct names {
    str by_bit[STORE_KEYWORD_BITS];
};

static bool has_keywords(const struct db_rows *rows)
{
    for (size_t i = 0; i < db_row_count(rows); i++) {
        if (db_int(rows, i, MAIL_KW) != 0)
            return true;
    }
    return false;
}

YIELDS static bool read_names(struct store *s, int64_t account_id, struct arena *a,
                              int64_t deadline_ms, struct names *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(s->options.db, DB_READ, &keyword_names, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    for (size_t i = 0; i < db_row_count(rows); i++) {
        int64_t bit = db_int(rows, i, 0);
        if (bit >= 0 && bit < STORE_KEYWORD_BITS)
            out->by_bit[bit] = db_str(rows, i, 1);
    }
    return true;
}

static void add_keyword(str *list, size_t *n, str name)
{
    for (size_t i = 0; i < *n; i++) {
        if (str_ieq(list[i], name))
            return;
    }
    if (name.n && *n < STORE_MAX_MAILBOX_KEYWORDS)
        list[(*n)++] = name;
}

/* The keywords of a message, from the rows of its places. */
static void read_keywords(const struct db_rows *rows, size_t from, size_t n,
                          const struct names *names, struct arena *a, struct store_mail *out)
{
    uint64_t bits = 0;
    bool more = false;
    for (size_t i = from; i < from + n; i++) {
        bits |= (uint64_t)db_int(rows, i, MAIL_KW);
        more = more || !db_is_null(rows, i, MAIL_KWX);
    }
    if (!bits && !more)
        return;
    str *list = ARENA_ARRAY(a, str, STORE_MAX_MAILBOX_KEYWORDS);
    for (unsigned bit = 0; bit < STORE_KEYWORD_BITS; bit++) {
        if (bits >> bit & 1)
            add_keyword(list, &out->n_keywords, names->by_bit[bit]);
    }
    for (size_t i = from; i < from + n && more; i++) {
        for (str rest = db_str(rows, i, MAIL_KWX); rest.n > 0;) {
            str name;
            (void)str_cut(rest, ' ', &name, &rest);
            add_keyword(list, &out->n_keywords, name);
        }
    }
    out->keywords = list;
}

/* ---- rows into messages ---- */

static void read_place(const struct db_rows *rows, size_t row, struct store_mail_place *place,
                       struct store_mail *mail)
{
    int64_t at = db_time_us(rows, row, MAIL_IDATE);
    *place = (struct store_mail_place){ .mailbox_id = (int)db_int(rows, row, MAIL_MAILBOX),
                                        .uid = (uint32_t)db_int(rows, row, MAIL_UID),
                                        .flags = (unsigned)db_int(rows, row, MAIL_FLAGS),
                                        .modseq = db_int(rows, row, MAIL_MODSEQ) };
    mail->flags |= place->flags;
    if (place->modseq > mail->modseq)
        mail->modseq = place->modseq;
    if (mail->n_places == 0 || at > mail->received_us)
        mail->received_us = at;
    mail->n_places++;
}

/* The message whose places begin at `row`; gives how many rows it has. */
static size_t read_mail(const struct db_rows *rows, size_t row, const struct names *names,
                        bool is_page, struct arena *a, struct store_mail *out)
{
    size_t n = 1;
    int64_t id = db_int(rows, row, MAIL_ID);
    while (row + n < db_row_count(rows) && db_int(rows, row + n, MAIL_ID) == id)
        n++;
    struct store_mail_place *places = ARENA_ARRAY(a, struct store_mail_place, n);
    *out = (struct store_mail){
        .msg_id = id,
        .thread_id = db_int(rows, row, MAIL_THREAD),
        .sent_at_us = db_time_us_or(rows, row, MAIL_SENT, 0),
        .has_sent_at = !db_is_null(rows, row, MAIL_SENT),
        .has_attachment = db_int(rows, row, MAIL_ATTACHMENT) != 0,
        .size = (size_t)db_int(rows, row, MAIL_SIZE),
        .places = places,
        .from_addr = db_str(rows, row, MAIL_FROM_ADDR),
        .from_name = db_str(rows, row, MAIL_FROM_NAME),
        .to_text = db_str(rows, row, MAIL_TO),
        .subject = db_str(rows, row, MAIL_SUBJECT),
        .message_id = db_str(rows, row, MAIL_MESSAGE_ID),
        .preview = db_str(rows, row, MAIL_PREVIEW),
        .envelope = is_page ? STR_EMPTY : db_str(rows, row, MAIL_ENVELOPE),
        .bodystructure = is_page ? STR_EMPTY : db_str(rows, row, MAIL_STRUCTURE),
        .draft_id = is_page ? 0 : db_int_or(rows, row, MAIL_DRAFT, 0),
    };
    for (size_t i = 0; i < n; i++)
        read_place(rows, row + i, &places[i], out);
    read_keywords(rows, row, n, names, a, out);
    return n;
}

/* Rows of one statement. */
struct answer {
    int64_t account_id;
    bool is_page; /* of a mailbox: with heads instead of forms */
    struct db_rows *rows;
};

YIELDS static bool read_mails(struct store *s, const struct answer *answer, struct arena *a,
                              int64_t deadline_ms, struct store_mails *out, struct err *e)
{
    const struct db_rows *rows = answer->rows;
    struct names *names = ARENA_NEW(a, struct names);
    struct store_mail *list = ARENA_ARRAY(a, struct store_mail, db_row_count(rows) + 1);
    if (has_keywords(rows) && !read_names(s, answer->account_id, a, deadline_ms, names, e))
        return false;
    *out = (struct store_mails){ .list = list };
    for (size_t row = 0; row < db_row_count(rows); out->n++)
        row += read_mail(rows, row, names, answer->is_page, a, &list[out->n]);
    return true;
}

/* ---- messages into conversations ---- */

/* Only the rows of a mailbox's page say where a conversation stands in the list. */
static void place_thread(const struct db_rows *rows, size_t row, bool is_page,
                         struct store_thread *out)
{
    if (is_page) {
        out->at_us = db_time_us(rows, row, MAIL_HEAD_AT);
        out->at_uid = (uint32_t)db_int(rows, row, MAIL_HEAD_UID);
        return;
    }
    for (size_t i = 0; i < out->n; i++) {
        if (out->mails[i].received_us > out->at_us)
            out->at_us = out->mails[i].received_us;
    }
}

static void gather_threads(const struct store_mails *mails, const struct db_rows *rows,
                           bool is_page, struct arena *a, struct store_threads *out)
{
    size_t row = 0;
    struct store_thread *list = ARENA_ARRAY(a, struct store_thread, mails->n + 1);
    *out = (struct store_threads){ .list = list };
    for (size_t i = 0; i < mails->n;) {
        struct store_thread *t = &list[out->n++];
        *t = (struct store_thread){ .thread_id = mails->list[i].thread_id,
                                    .mails = &mails->list[i] };
        size_t first = row;
        for (; i < mails->n && mails->list[i].thread_id == t->thread_id; i++, t->n++)
            row += mails->list[i].n_places;
        place_thread(rows, first, is_page, t);
    }
}

/* Where the page begins: behind everything, in its order. */
static int64_t place_us(const struct store_thread_query *q)
{
    if (q->has_place)
        return q->at_us;
    return q->filter.oldest_first ? INT64_MIN : INT64_MAX;
}

bool store_thread_list(struct store *s, const struct store_thread_query *query, struct arena *a,
                       int64_t deadline_ms, struct store_threads *out, struct err *e)
{
    struct answer answer = { .account_id = query->account_id, .is_page = true };
    struct store_mails mails;
    const struct store_thread_filter *f = &query->filter;
    INVARIANT(query->limit <= STORE_MAX_PAGE);
    const struct db_param params[] = {
        DB_INT8(query->account_id),     DB_INT4(query->mailbox_id),
        DB_TIME_US(place_us(query)),    DB_INT8(query->has_place ? query->at_uid : 0),
        DB_INT8((int64_t)query->limit), DB_INT4(f->with_flags),
        DB_INT4(f->without_flags),      DB_BOOL(f->with_attachment),
        DB_INT8(STORE_MAX_THREAD),
    };
    if (!db_query(s->options.db, DB_READ, f->oldest_first ? &page_oldest : &page_newest, params,
                  COUNT_OF(params), a, deadline_ms, &answer.rows, e) ||
        !read_mails(s, &answer, a, deadline_ms, &mails, e))
        return false;
    gather_threads(&mails, answer.rows, true, a, out);
    return true;
}

bool store_thread_get(struct store *s, const struct store_wanted *wanted, struct arena *a,
                      int64_t deadline_ms, struct store_threads *out, struct err *e)
{
    struct answer answer = { .account_id = wanted->account_id };
    struct store_mails mails;
    INVARIANT(wanted->n <= STORE_MAX_PAGE);
    const struct db_param params[] = { DB_INT8(wanted->account_id),
                                       DB_INT8S(wanted->ids, wanted->n), DB_BOOL(wanted->with_form),
                                       DB_INT8(STORE_MAX_THREAD) };
    if (!db_query(s->options.db, DB_READ, &threads_by_id, params, COUNT_OF(params), a, deadline_ms,
                  &answer.rows, e) ||
        !read_mails(s, &answer, a, deadline_ms, &mails, e))
        return false;
    gather_threads(&mails, answer.rows, false, a, out);
    return true;
}

bool store_mail_get(struct store *s, const struct store_wanted *wanted, struct arena *a,
                    int64_t deadline_ms, struct store_mails *out, struct err *e)
{
    struct answer answer = { .account_id = wanted->account_id };
    bool is_one = wanted->n == 1;
    INVARIANT(wanted->n <= STORE_MAX_BATCH);
    const struct db_param params[] = { DB_INT8(wanted->account_id),
                                       is_one ? DB_INT8(wanted->ids[0])
                                              : DB_INT8S(wanted->ids, wanted->n),
                                       DB_BOOL(wanted->with_form) };
    return db_query(s->options.db, DB_READ, is_one ? &mail_by_id : &mails_by_id, params,
                    COUNT_OF(params), a, deadline_ms, &answer.rows, e) &&
           read_mails(s, &answer, a, deadline_ms, out, e);
}

bool store_mailbox_brief(struct store *s, int64_t account_id, int mailbox_id, struct arena *a,
                         int64_t deadline_ms, struct store_mailbox_brief *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id) };
    if (!db_query(s->options.db, DB_READ, &brief, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    *out = (struct store_mailbox_brief){ .role = store_role_find(db_str(rows, 0, 0)),
                                         .messages = (uint32_t)db_int(rows, 0, 1),
                                         .modseq = db_int(rows, 0, 2),
                                         .account_modseq = db_int(rows, 0, 3) };
    return true;
}

/* ---- the index ---- */

/* Keeps the first of each id, in order. The table has twice the slots, so a search ends soon; ids
 * are ours, so nobody chooses them to collide. */
static size_t unique_ids(struct arena *a, int64_t *ids, size_t n)
{
    size_t size = 16;
    size_t kept = 0;
    while (size < 2 * n)
        size *= 2;
    int64_t *seen = ARENA_ARRAY(a, int64_t, size);
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = (uint64_t)ids[i] * 0x9e3779b97f4a7c15u;
        size_t slot = (size_t)(hash >> 20) & (size - 1);
        while (seen[slot] && seen[slot] != ids[i])
            slot = (slot + 1) & (size - 1);
        if (!seen[slot]) {
            seen[slot] = ids[i];
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

static void reverse(int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        int64_t id = ids[i];
        ids[i] = ids[n - 1 - i];
        ids[n - 1 - i] = id;
    }
}

bool store_thread_index(struct store *s, const struct store_thread_query *query, struct arena *a,
                        int64_t deadline_ms, struct store_thread_index *out, struct err *e)
{
    const struct store_thread_filter *filter = &query->filter;
    struct db_rows *rows = NULL;
    int64_t *ids = NULL;
    const struct db_param params[] = {
        DB_INT8(query->account_id),
        DB_INT4(query->mailbox_id),
        DB_INT8(STORE_MAX_INDEX),
        DB_BOOL(true),
        DB_BOOL(true),
        DB_INT4(filter->with_flags),
        DB_INT4(filter->without_flags),
        DB_BOOL(filter->with_attachment),
    };
    if (!db_search(s->options.db, query->account_id, &mailbox_index, params, COUNT_OF(params), a,
                   deadline_ms, &rows, e))
        return false;
    if (db_row_count(rows) == 0)
        return ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    size_t n = store_ints(rows, 0, 1, a, &ids);
    *out = (struct store_thread_index){ .modseq = db_int(rows, 0, 0),
                                        .thread_ids = ids,
                                        .n = unique_ids(a, ids, n) };
    if (filter->oldest_first)
        reverse(ids, out->n);
    return true;
}
