/* SPDX-License-Identifier: Apache-2.0 */
/* The content of messages: what is kept beside the bytes, headers, bodies. */
#include "store/internal.h"

#include <stdlib.h>

enum {
    MICROSECONDS = 1000000 /* in a second */
};

/* Texts that are not wanted or too long are not even read from their TOAST table; their lengths are
 * known without reading them. In whatever order the index gives, each message once: the planner
 * takes no other way to rows by their keys, and sorting would cost more than finding the places. */
#define DETAILS_ASKED                                                                  \
    "SELECT msg_id, thread_id,"                                                        \
    "       coalesce($3 & 1 <> 0 AND octet_length(envelope) > $4, false)"              \
    "       OR coalesce($3 & 2 <> 0 AND octet_length(bodystructure) > $4, false),"     \
    "       CASE WHEN $3 & 1 <> 0 AND octet_length(envelope) <= $4 THEN envelope END," \
    "       CASE WHEN $3 & 2 <> 0 AND octet_length(bodystructure) <= $4 THEN bodystructure END"
#define DETAILS_OF " FROM message WHERE account_id = $1 AND msg_id = ANY ($2::bigint[])"

static const struct db_stmt details = { DETAILS_ASKED DETAILS_OF };
static const struct db_stmt all_details = { DETAILS_ASKED
                                            ", size, hdr_end, idate, sent_at, has_attachment,"
                                            " CASE WHEN $3 & 4 <> 0 THEN from_addr END,"
                                            " CASE WHEN $3 & 4 <> 0 THEN from_name END,"
                                            " CASE WHEN $3 & 4 <> 0 THEN to_text END,"
                                            " CASE WHEN $3 & 4 <> 0 THEN subject END,"
                                            " CASE WHEN $3 & 4 <> 0 THEN message_id END,"
                                            " CASE WHEN $3 & 12 <> 0 THEN preview END" DETAILS_OF };

enum details_column {
    DETAILS_ID,
    DETAILS_THREAD,
    DETAILS_IS_LONG,
    DETAILS_ENVELOPE,
    DETAILS_STRUCTURE,
    DETAILS_SIZE, /* this one and the following: of all_details */
    DETAILS_HEADER,
    DETAILS_RECEIVED,
    DETAILS_SENT,
    DETAILS_ATTACHMENT,
    DETAILS_FROM_ADDR,
    DETAILS_FROM_NAME,
    DETAILS_TO,
    DETAILS_SUBJECT,
    DETAILS_MESSAGE_ID,
    DETAILS_PREVIEW
};

static void read_details(const struct db_rows *r, size_t row, bool has_all,
                         struct store_details *out)
{
    *out = (struct store_details){ .found = true,
                                   .is_long = db_int(r, row, DETAILS_IS_LONG) != 0,
                                   .thread_id = db_int(r, row, DETAILS_THREAD),
                                   .envelope = db_str(r, row, DETAILS_ENVELOPE),
                                   .bodystructure = db_str(r, row, DETAILS_STRUCTURE) };
    if (!has_all)
        return;
    out->size = (size_t)db_int(r, row, DETAILS_SIZE);
    out->header = (size_t)db_int(r, row, DETAILS_HEADER);
    out->received_us = db_time_us(r, row, DETAILS_RECEIVED);
    out->has_sent_at = !db_is_null(r, row, DETAILS_SENT);
    out->sent_at_us = db_time_us_or(r, row, DETAILS_SENT, 0);
    out->has_attachment = db_int(r, row, DETAILS_ATTACHMENT) != 0;
    out->from_addr = db_str(r, row, DETAILS_FROM_ADDR);
    out->from_name = db_str(r, row, DETAILS_FROM_NAME);
    out->to_text = db_str(r, row, DETAILS_TO);
    out->subject = db_str(r, row, DETAILS_SUBJECT);
    out->message_id = db_str(r, row, DETAILS_MESSAGE_ID);
    out->preview = db_str(r, row, DETAILS_PREVIEW);
}

/* Rows of an answer by their message. */
struct found_row {
    int64_t msg_id;
    size_t row;
};

static int by_msg_id(const void *left, const void *right)
{
    const struct found_row *l = left, *r = right;
    return (l->msg_id > r->msg_id) - (l->msg_id < r->msg_id);
}

/* Mostly the rows are in order already. */
static struct found_row *rows_by_id(const struct db_rows *r, size_t n, struct arena *a)
{
    struct found_row *found = ARENA_ARRAY(a, struct found_row, n + 1);
    bool is_sorted = true;
    for (size_t i = 0; i < n; i++) {
        found[i] = (struct found_row){ db_int(r, i, DETAILS_ID), i };
        is_sorted = is_sorted && (i == 0 || found[i - 1].msg_id < found[i].msg_id);
    }
    if (!is_sorted)
        qsort(found, n, sizeof(*found), by_msg_id);
    return found;
}

bool store_fetch_details(struct store *s, int64_t account_id, const struct store_some_details *some,
                         struct arena *a, int64_t deadline_ms, struct store_details *out,
                         struct err *e)
{
    struct db_rows *rows = NULL;
    bool has_all =
        (some->wanted & ~(unsigned)(STORE_WANT_ENVELOPE | STORE_WANT_BODYSTRUCTURE)) != 0;
    INVARIANT(some->n <= STORE_MAX_FETCH);
    const struct db_param params[] = { DB_INT8(account_id), DB_INT8S(some->msg_ids, some->n),
                                       DB_INT4(some->wanted),
                                       DB_INT8(some->most ? (int64_t)some->most : INT32_MAX) };
    if (!db_query(s->options.db, DB_READ, has_all ? &all_details : &details, params,
                  COUNT_OF(params), a, deadline_ms, &rows, e))
        return false;
    size_t n_rows = db_row_count(rows);
    struct found_row *found = rows_by_id(rows, n_rows, a);
    for (size_t i = 0; i < some->n; i++) {
        const struct found_row wanted = { .msg_id = some->msg_ids[i] };
        const struct found_row *at = bsearch(&wanted, found, n_rows, sizeof(*found), by_msg_id);
        out[i] = (struct store_details){ 0 };
        if (at)
            read_details(rows, at->row, has_all, &out[i]);
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
