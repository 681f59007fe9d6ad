/* SPDX-License-Identifier: Apache-2.0 */
/* The content of messages: what is kept beside the bytes, headers, bodies. */
#include "store/internal.h"

enum {
    MICROSECONDS = 1000000 /* in a second */
};

/* Texts that are not wanted are not even read from their TOAST table; their lengths are known
 * without reading them. In the order asked for, up to $4 octets of texts but at least one message.
 * LIMIT 1 keeps the planner from joining with all of the table. */
static const struct db_stmt details = {
    "SELECT msg_id, size, hdr_end, thread_id, idate, sent_at, has_attachment,"
    "       CASE WHEN $3 & 1 <> 0 THEN envelope END,"
    "       CASE WHEN $3 & 2 <> 0 THEN bodystructure END,"
    "       CASE WHEN $3 & 4 <> 0 THEN from_addr END, CASE WHEN $3 & 4 <> 0 THEN from_name END,"
    "       CASE WHEN $3 & 4 <> 0 THEN to_text END, CASE WHEN $3 & 4 <> 0 THEN subject END,"
    "       CASE WHEN $3 & 4 <> 0 THEN message_id END, CASE WHEN $3 & 12 <> 0 THEN preview END"
    "  FROM (SELECT u.ord, m.*,"
    "               sum(CASE WHEN $3 & 1 <> 0 THEN coalesce(octet_length(m.envelope), 0) ELSE 0 END"
    "                   + CASE WHEN $3 & 2 <> 0 THEN coalesce(octet_length(m.bodystructure), 0)"
    "                          ELSE 0 END) OVER (ORDER BY u.ord) AS upto"
    "          FROM unnest($2::bigint[]) WITH ORDINALITY AS u (id, ord)"
    "          LEFT JOIN LATERAL (SELECT * FROM message"
    "                              WHERE account_id = $1 AND msg_id = u.id LIMIT 1) m ON true) q"
    " WHERE ord = 1 OR upto <= $4 ORDER BY ord"
};

enum details_column {
    DETAILS_ID,
    DETAILS_SIZE,
    DETAILS_HEADER,
    DETAILS_THREAD,
    DETAILS_RECEIVED,
    DETAILS_SENT,
    DETAILS_ATTACHMENT,
    DETAILS_ENVELOPE,
    DETAILS_STRUCTURE,
    DETAILS_FROM_ADDR,
    DETAILS_FROM_NAME,
    DETAILS_TO,
    DETAILS_SUBJECT,
    DETAILS_MESSAGE_ID,
    DETAILS_PREVIEW
};

static void read_details(const struct db_rows *r, size_t row, struct store_details *out)
{
    *out = (struct store_details){
        .found = true,
        .size = (size_t)db_int(r, row, DETAILS_SIZE),
        .header = (size_t)db_int(r, row, DETAILS_HEADER),
        .thread_id = db_int(r, row, DETAILS_THREAD),
        .received_us = db_time_us(r, row, DETAILS_RECEIVED),
        .has_sent_at = !db_is_null(r, row, DETAILS_SENT),
        .sent_at_us = db_time_us_or(r, row, DETAILS_SENT, 0),
        .has_attachment = db_int(r, row, DETAILS_ATTACHMENT) != 0,
        .envelope = db_str(r, row, DETAILS_ENVELOPE),
        .bodystructure = db_str(r, row, DETAILS_STRUCTURE),
        .from_addr = db_str(r, row, DETAILS_FROM_ADDR),
        .from_name = db_str(r, row, DETAILS_FROM_NAME),
        .to_text = db_str(r, row, DETAILS_TO),
        .subject = db_str(r, row, DETAILS_SUBJECT),
        .message_id = db_str(r, row, DETAILS_MESSAGE_ID),
        .preview = db_str(r, row, DETAILS_PREVIEW),
    };
}

bool store_fetch_details(struct store *s, int64_t account_id, struct store_some_details *some,
                         struct arena *a, int64_t deadline_ms, struct store_details *out,
                         struct err *e)
{
    struct db_rows *rows = NULL;
    INVARIANT(some->n <= STORE_MAX_FETCH);
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8S(some->msg_ids, some->n),
                                       DB_INT4(some->wanted),
                                       DB_INT8(some->most ? (int64_t)some->most : INT64_MAX) };
    if (!db_query(s->options.db, DB_READ, &details, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e))
        return false;
    some->done = db_row_count(rows);
    for (size_t i = 0; i < some->done; i++) {
        out[i] = (struct store_details){ 0 };
        if (!db_is_null(rows, i, DETAILS_ID))
            read_details(rows, i, &out[i]);
    }
    return true;
}

static const struct db_stmt one_row = {
    "SELECT msg_id, modseq, kw, date_part('epoch', idate)::bigint, uid, size, flags,"
    "       kwx IS NOT NULL"
    "  FROM mbox_msg WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3"
};

bool store_find_row(struct store *s, const struct store_source *source, struct arena *a,
                    int64_t deadline_ms, struct store_row *out, struct err *e)
{
    struct db_rows *r = NULL;
    const struct db_param params[] = { DB_INT8(source->account_id), DB_INT4(source->mailbox_id),
                                       DB_INT8(source->uid) };
    if (!db_query(s->options.db, DB_READ, &one_row, params, COUNT_OF(params), a, deadline_ms, &r,
                  e))
        return false;
    if (db_row_count(r) == 0)
        return ERR(e, ERR_NOT_FOUND, "no message has the UID %u", (unsigned)source->uid);
    *out = (struct store_row){ .msg_id = db_int(r, 0, 0),
                               .modseq = db_int(r, 0, 1),
                               .kw = (uint64_t)db_int(r, 0, 2),
                               .idate_s = db_int(r, 0, 3),
                               .uid = (uint32_t)db_int(r, 0, 4),
                               .size = (uint32_t)db_int(r, 0, 5),
                               .flags = (uint8_t)db_int(r, 0, 6),
                               .has_more = db_int(r, 0, 7) != 0 };
    return true;
}

static const struct db_stmt saved_dates = {
    "SELECT m.uid, m.saved_at FROM unnest($3::bigint[], $4::bigint[]) AS r (first, last)"
    "  JOIN mbox_msg m ON m.account_id = $1 AND m.mailbox_id = $2"
    "                 AND m.uid BETWEEN r.first AND r.last"
    " WHERE m.saved_at IS NOT NULL ORDER BY m.uid"
};

/* NOLINTNEXTLINE(readability-function-size): an array is two values. */
bool store_fetch_saved(struct store *s, int64_t account_id, int mailbox_id, const uint32_t *uids,
                       size_t n, struct arena *a, int64_t deadline_ms, int64_t *saved_s,
                       struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_param params[4] = { DB_INT8(account_id), DB_INT4(mailbox_id) };
    const struct store_ranges set = store_ranges_of(a, uids, n);
    store_range_params(a, &set, &params[2]);
    if (!db_query(s->options.db, DB_READ, &saved_dates, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    size_t row = 0;
    for (size_t i = 0; i < n; i++) {
        while (row < db_row_count(rows) && db_int(rows, row, 0) < uids[i])
            row++;
        bool found = row < db_row_count(rows) && db_int(rows, row, 0) == uids[i];
        saved_s[i] = found ? db_time_us(rows, row, 1) / MICROSECONDS : STORE_NEVER_SAVED;
    }
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): an array and a range are two values each. */
bool store_fetch_headers(struct store *s, int64_t account_id, const int64_t *msg_ids, size_t n,
                         struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    INVARIANT(n <= STORE_MAX_FETCH);
    for (size_t from = 0, done = 0; from < n; from += done) {
        const struct blob_many wanted = { .class = DB_READ,
                                          .account_id = account_id,
                                          .msg_ids = msg_ids + from,
                                          .n = n - from,
                                          .only_header = true };
        if (!blob_load_many(s->options.db, &wanted, a, deadline_ms, out + from, &done, e))
            return false;
    }
    return true;
}

static YIELDS bool fetch_some(struct store *s, struct blob_many *wanted,
                              struct store_some_texts *some, struct arena *a, int64_t deadline_ms,
                              str *out, struct err *e)
{
    INVARIANT(some->n <= STORE_MAX_FETCH);
    wanted->class = DB_READ;
    wanted->msg_ids = some->msg_ids;
    wanted->n = some->n;
    wanted->most_octets = some->most;
    wanted->damaged = some->damaged;
    return blob_load_many(s->options.db, wanted, a, deadline_ms, out, &some->done, e);
}

bool store_fetch_some_headers(struct store *s, int64_t account_id, struct store_some_texts *some,
                              struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct blob_many wanted = { .account_id = account_id, .only_header = true };
    return fetch_some(s, &wanted, some, a, deadline_ms, out, e);
}

bool store_fetch_bodies(struct store *s, int64_t account_id, struct store_some_texts *some,
                        struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct blob_many wanted = { .account_id = account_id };
    return fetch_some(s, &wanted, some, a, deadline_ms, out, e);
}

bool store_is_damaged(const struct store *s, int64_t account_id, int64_t msg_id)
{
    int64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < COUNT_OF(s->damaged); i++) {
        const struct store_damage *d = &s->damaged[i];
        if (d->msg_id == msg_id && d->account_id == account_id && now < d->until_ms)
            return true;
    }
    return false;
}

static void note_damaged(struct store *s, int64_t account_id, int64_t msg_id)
{
    if (store_is_damaged(s, account_id, msg_id))
        return;
    s->damaged[s->n_damaged++ % COUNT_OF(s->damaged)] =
        (struct store_damage){ account_id, msg_id, clock_deadline_in(STORE_DAMAGED_KEPT_MS) };
}

/* NOLINTNEXTLINE(readability-function-size): an array and a range are two values each. */
bool store_fetch_body(struct store *s, int64_t account_id, int64_t msg_id, size_t from, size_t n,
                      struct arena *a, int64_t deadline_ms, str *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (blob_load(s->options.db, account_id, msg_id, from, n, a, deadline_ms, out, &why))
        return true;
    if (why.kind == ERR_DAMAGED)
        note_damaged(s, account_id, msg_id);
    *e = why;
    return false;
}
