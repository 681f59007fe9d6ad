/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a mailbox: the snapshot of all, the delta since a modseq. */
#include "store/internal.h"
#include "store/viewer.h"

/* The frame, and the messages in steps of about 8192: one is on its way while the next one is read.
 * The steps come in the order of the series; an ORDER BY would make the first wait for the last.
 * One statement sees one moment. Columns of messages are joined in pairs, because each array
 * costs. */
#define SNAPSHOT_STEP "greatest(8192, f.uidnext * 8192 / greatest(f.msgs, 1))"
static const struct db_stmt snapshot = {
    "SELECT f.uidvalidity, f.uidnext, f.modseq, f.msgs, f.unseen, f.deleted, f.bytes, f.kw, f.kwx,"
    "       f.names, f.bits, p.*, v.firsts, v.lasts"
    "  FROM mailbox_frame($1, $2) f"
    "  LEFT JOIN LATERAL (SELECT first, first + " SNAPSHOT_STEP " AS next"
    "                       FROM generate_series(0, f.uidnext - 1, " SNAPSHOT_STEP ") first) g"
    "    ON f.msgs > 0"
    "  LEFT JOIN LATERAL"
    "      (SELECT array_agg(m.uid << 32 | m.size), array_agg(m.msg_id),"
    "              array_agg(m.modseq << 8 | m.flags), array_agg(m.idate),"
    "              array_agg(m.uid) FILTER (WHERE m.kw <> 0),"
    "              array_agg(m.kw) FILTER (WHERE m.kw <> 0),"
    "              array_agg(m.uid) FILTER (WHERE m.kwx IS NOT NULL),"
    "              array_agg(array_to_string(m.kwx, ' ')) FILTER (WHERE m.kwx IS NOT NULL)"
    "         FROM (SELECT * FROM mbox_msg WHERE account_id = $1 AND mailbox_id = $2"
    "                  AND uid >= g.first AND uid < g.next ORDER BY uid) m) p ON true"
    "  LEFT JOIN LATERAL (" STORE_SEEN_OF("$3") ") v ON g.first = 0"
};
static const struct db_stmt delta = {
    "SELECT d.*, v.firsts, v.lasts FROM mailbox_delta($1, $2, $3) d,"
    " LATERAL (" STORE_SEEN_OF("$4") ") v"
};

static const struct db_stmt vanished = {
    "SELECT a.chg_floor > $3, v.firsts, v.lasts FROM account_state a LEFT JOIN LATERAL"
    "      (SELECT array_agg(lower(r) ORDER BY r) AS firsts,"
    "              array_agg(upper(r) - 1 ORDER BY r) AS lasts"
    "         FROM unnest((SELECT range_agg(c.uids) FROM change c"
    "                       WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.kind = 2"
    "                         AND c.modseq > $3)) r) v ON true"
    " WHERE a.account_id = $1"
};

/* Its columns; the first ones as those of mailbox_picture. */
enum snapshot_column {
    SNAPSHOT_UIDS_SIZES = 11, /* uid << 32 | size */
    SNAPSHOT_MSG_IDS,
    SNAPSHOT_MODSEQS_FLAGS, /* modseq << 8 | flags */
    SNAPSHOT_IDATES,
    SNAPSHOT_KW_UIDS,
    SNAPSHOT_KWS,
    SNAPSHOT_KWX_UIDS,                    /* and names */
    SNAPSHOT_SEEN = SNAPSHOT_KWX_UIDS + 2 /* in the first step only */
};

/* Columns of type mailbox_picture. */
enum picture_column {
    PICTURE_STATE,  /* and 6 more */
    PICTURE_KW = 7, /* and 3 more */
    PICTURE_UIDS = 11,
    PICTURE_MSG_IDS,
    PICTURE_MODSEQS,
    PICTURE_IDATES,
    PICTURE_SIZES_FLAGS, /* size * 256 + flags */
    PICTURE_KWS,
    PICTURE_KWX_UIDS, /* and names */
    PICTURE_TOO_OLD = PICTURE_KWX_UIDS + 2,
    PICTURE_FIRSTS, /* and lasts */
    PICTURE_SEEN = PICTURE_FIRSTS + 2
};

static bool read_rows(const struct db_rows *rows, struct arena *a, struct store_row **out,
                      size_t *out_n, struct err *e)
{
    int64_t *columns[PICTURE_KWS - PICTURE_UIDS + 1];
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        size_t count = store_ints(rows, 0, PICTURE_UIDS + i, a, &columns[i]);
        if (i > 0 && count != n)
            return ERR(e, ERR_INTERNAL, "a picture of a mailbox has columns of different length");
        n = count;
    }
    struct store_row *list = ARENA_ARRAY(a, struct store_row, n);
    for (size_t i = 0; i < n; i++) {
        list[i] = (struct store_row){ .uid = (uint32_t)columns[0][i],
                                      .msg_id = columns[1][i],
                                      .modseq = columns[2][i],
                                      .idate_s = columns[3][i],
                                      .size = (uint32_t)(columns[4][i] >> 8),
                                      .flags = (uint8_t)(columns[4][i] & 255),
                                      .kw = (uint64_t)columns[5][i] };
    }
    *out = list;
    *out_n = n;
    return true;
}

static int64_t floor_seconds(int64_t us)
{
    return us / 1000000 - (us % 1000000 < 0);
}

static bool is_there(const struct db_rows *rows, struct err *e)
{
    return !db_is_null(rows, 0, PICTURE_STATE) || ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
}

/* Keyword bits of the messages that have some; both lists are by uid. */
static void read_bits(const struct db_rows *r, size_t row, struct store_row *list, size_t n)
{
    const struct db_array uids = db_array_open(r, row, SNAPSHOT_KW_UIDS);
    const struct db_array kws = db_array_open(r, row, SNAPSHOT_KWS);
    size_t at = 0;
    for (size_t i = 0; i < uids.n && i < kws.n; i++) {
        while (at < n && list[at].uid < db_array_at(&uids, i))
            at++;
        if (at < n && list[at].uid == db_array_at(&uids, i))
            list[at].kw = (uint64_t)db_array_at(&kws, i);
    }
}

/* The messages of one step. */
static bool read_step(const struct db_rows *r, size_t row, struct store_row *list, size_t n,
                      struct err *e)
{
    struct db_array columns[SNAPSHOT_KW_UIDS - SNAPSHOT_UIDS_SIZES];
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        columns[i] = db_array_open(r, row, SNAPSHOT_UIDS_SIZES + i);
        if (columns[i].n != n)
            return ERR(e, ERR_INTERNAL, "a picture of a mailbox has columns of different length");
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t uid_size = (uint64_t)db_array_at(&columns[0], i);
        int64_t modseq_flags = db_array_at(&columns[2], i);
        list[i] = (struct store_row){ .uid = (uint32_t)(uid_size >> 32),
                                      .size = (uint32_t)uid_size,
                                      .msg_id = db_array_at(&columns[1], i),
                                      .modseq = modseq_flags >> 8,
                                      .flags = (uint8_t)modseq_flags,
                                      .idate_s = floor_seconds(db_array_at(&columns[3], i)) };
    }
    read_bits(r, row, list, n);
    return true;
}

static bool read_steps(const struct db_rows *r, struct arena *a, struct store_snapshot *out,
                       struct err *e)
{
    size_t n = 0;
    uint32_t last = 0;
    for (size_t i = 0; i < db_row_count(r); i++)
        n += db_array_open(r, i, SNAPSHOT_UIDS_SIZES).n;
    out->rows = ARENA_ARRAY(a, struct store_row, n);
    struct store_overflow *all = NULL;
    for (size_t i = 0; i < db_row_count(r); i++) {
        const struct store_overflow *some;
        size_t in_step = db_array_open(r, i, SNAPSHOT_UIDS_SIZES).n;
        if (!read_step(r, i, out->rows + out->n, in_step, e))
            return false;
        if (in_step && out->rows[out->n].uid <= last)
            return ERR(e, ERR_INTERNAL, "the steps of a picture came in another order");
        out->n += in_step;
        last = out->n ? out->rows[out->n - 1].uid : 0;
        size_t n_some = store_read_overflows(r, i, SNAPSHOT_KWX_UIDS, a, &some);
        if (n_some && !all)
            all = ARENA_ARRAY(a, struct store_overflow, n);
        for (size_t k = 0; k < n_some; k++)
            all[out->n_overflows++] = some[k];
    }
    out->overflows = all;
    return true;
}

bool store_snapshot_load(struct store *s, const struct store_viewed *of, struct arena *a,
                         int64_t deadline_ms, struct store_snapshot *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(of->account_id), DB_INT4(of->mailbox_id),
                                       DB_INT8(of->viewer_id) };
    *out = (struct store_snapshot){ .state.mailbox_id = of->mailbox_id };
    if (!db_query(s->options.db, DB_READ, &snapshot, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e) ||
        !is_there(rows, e) || !read_steps(rows, a, out, e))
        return false;
    store_read_state(rows, 0, PICTURE_STATE, &out->state);
    store_read_keywords(rows, PICTURE_KW, a, &out->keywords);
    store_mark_overflows(out->rows, out->n, out->overflows, out->n_overflows);
    store_put_seen(of, rows, SNAPSHOT_SEEN, a, out->rows, out->n);
    return true;
}

bool store_delta_load(struct store *s, const struct store_viewed *of, int64_t since,
                      struct arena *a, int64_t deadline_ms, struct store_delta *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(of->account_id), DB_INT4(of->mailbox_id),
                                       DB_INT8(since), DB_INT8(of->viewer_id) };
    *out = (struct store_delta){ .state.mailbox_id = of->mailbox_id };
    if (!db_query(s->options.db, DB_READ, &delta, params, COUNT_OF(params), a, deadline_ms, &rows,
                  e) ||
        !is_there(rows, e))
        return false;
    store_read_state(rows, 0, PICTURE_STATE, &out->state);
    store_read_keywords(rows, PICTURE_KW, a, &out->keywords);
    out->is_too_old = db_int(rows, 0, PICTURE_TOO_OLD) != 0;
    if (out->is_too_old)
        return true;
    if (!read_rows(rows, a, &out->rows, &out->n, e))
        return false;
    out->vanished = store_read_ranges(rows, 0, PICTURE_FIRSTS, a);
    out->n_overflows = store_read_overflows(rows, 0, PICTURE_KWX_UIDS, a, &out->overflows);
    store_mark_overflows(out->rows, out->n, out->overflows, out->n_overflows);
    store_put_seen(of, rows, PICTURE_SEEN, a, out->rows, out->n);
    return true;
}

bool store_vanished_load(struct store *s, const struct store_vanished_query *query, struct arena *a,
                         int64_t deadline_ms, struct store_ranges *out, bool *is_too_old,
                         struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(query->account_id), DB_INT4(query->mailbox_id),
                                       DB_INT8(query->since) };
    *out = (struct store_ranges){ NULL, 0 };
    if (!db_query(s->options.db, DB_READ, &vanished, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e))
        return false;
    if (db_row_count(rows) != 1)
        return ERR(e, ERR_NOT_FOUND, "there is no such account");
    *is_too_old = db_int(rows, 0, 0) != 0;
    if (!*is_too_old)
        *out = store_read_ranges(rows, 0, 1, a);
    return true;
}
