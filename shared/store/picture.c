/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a mailbox: the snapshot of all, the delta since a modseq. */
#include "store/internal.h"

static const struct db_stmt snapshot = { "SELECT * FROM mailbox_snapshot($1, $2)" };
static const struct db_stmt delta = { "SELECT * FROM mailbox_delta($1, $2, $3)" };

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
    PICTURE_FIRSTS /* and lasts */
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

static bool is_there(const struct db_rows *rows, struct err *e)
{
    return !db_is_null(rows, 0, PICTURE_STATE) || ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
}

bool store_snapshot_load(struct store *s, int64_t account_id, int mailbox_id, struct arena *a,
                         int64_t deadline_ms, struct store_snapshot *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id) };
    *out = (struct store_snapshot){ .state.mailbox_id = mailbox_id };
    if (!db_query(s->options.db, DB_READ, &snapshot, params, COUNT_OF(params), a, deadline_ms,
                  &rows, e) ||
        !is_there(rows, e) || !read_rows(rows, a, &out->rows, &out->n, e))
        return false;
    store_read_state(rows, 0, PICTURE_STATE, &out->state);
    store_read_keywords(rows, PICTURE_KW, a, &out->keywords);
    out->n_overflows = store_read_overflows(rows, 0, PICTURE_KWX_UIDS, a, &out->overflows);
    store_mark_overflows(out->rows, out->n, out->overflows, out->n_overflows);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a mailbox is two numbers, as everywhere here. */
bool store_delta_load(struct store *s, int64_t account_id, int mailbox_id, int64_t since,
                      struct arena *a, int64_t deadline_ms, struct store_delta *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id), DB_INT8(since) };
    *out = (struct store_delta){ .state.mailbox_id = mailbox_id };
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
    return true;
}
