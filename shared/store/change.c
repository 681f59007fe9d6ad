/* SPDX-License-Identifier: Apache-2.0 */
/* Changes to messages of a mailbox: flags, expunge, copy and move. One function call each. */
#include "store/internal.h"
#include "store/viewer.h"
#include "store/write.h"

static const struct db_stmt change_flags = {
    "SELECT * FROM mailbox_store_flags($1, $2, $3, $4, $5, $6, $7, $8, $9)"
};
static const struct db_stmt expunge = { "SELECT * FROM mailbox_expunge($1, $2, $3, $4, $5)" };
static const struct db_stmt transfer_set = {
    "SELECT t.*, transfer_is_whole(t.missing, cardinality(t.uids), $8)"
    "  FROM mailbox_transfer($1, $2, $3, $4, $5, $6, $7) t"
};

static const uint32_t *read_uids(const struct db_rows *rows, size_t column, struct arena *a,
                                 size_t *n)
{
    int64_t *numbers;
    *n = store_ints(rows, 0, column, a, &numbers);
    uint32_t *uids = ARENA_ARRAY(a, uint32_t, *n);
    for (size_t i = 0; i < *n; i++)
        uids[i] = (uint32_t)numbers[i];
    return uids;
}

static const struct db_stmt transfer_across = {
    "SELECT t.*, transfer_is_whole(t.missing, cardinality(t.uids), $10)"
    "  FROM mailbox_transfer_across($1, $2, $3, $4, $5, $6, $7, $8, $9) t"
};

enum {
    BIT_OF_KEYWORDS = 32 /* all of them, beside the bits of flags */
};

/* Columns of mailbox_store_flags. */
enum flags_column {
    FLAGS_MODSEQ,
    FLAGS_UIDS, /* and modseqs, flags, kws */
    FLAGS_FAILED = 5,
    FLAGS_KWX_UIDS,                      /* and names */
    FLAGS_KEYWORDS = FLAGS_KWX_UIDS + 2, /* and 3 more */
    FLAGS_FORMER = FLAGS_KEYWORDS + 4,
    FLAGS_END
};

_Static_assert((int)FLAGS_END == (int)STORE_FLAG_COLUMNS, "what stands behind is found by it");

static bool read_flag_rows(const struct db_rows *rows, struct arena *a,
                           struct store_flag_result *out, struct err *e)
{
    int64_t *columns[FLAGS_FAILED - FLAGS_UIDS];
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        size_t n = store_ints(rows, 0, FLAGS_UIDS + i, a, &columns[i]);
        if (i > 0 && n != out->n)
            return ERR(e, ERR_INTERNAL, "mailbox_store_flags gave columns of different length");
        out->n = n;
    }
    out->rows = ARENA_ARRAY(a, struct store_row, out->n);
    for (size_t i = 0; i < out->n; i++) {
        out->rows[i] = (struct store_row){ .uid = (uint32_t)columns[0][i],
                                           .modseq = columns[1][i],
                                           .flags = (uint8_t)columns[2][i],
                                           .kw = (uint64_t)columns[3][i] };
    }
    return true;
}

bool store_flag_params(const struct store_viewed *of, const struct store_ranges *set,
                       const struct store_flag_change *change, struct arena *a,
                       struct db_param params[STORE_FLAG_PARAMS], struct err *e)
{
    if (!store_keywords_check(change->keywords, change->n_keywords, e))
        return false;
    unsigned keep = change->keep & STORE_FLAGS_ALL;
    params[0] = DB_INT8(of->account_id);
    params[1] = DB_INT4(of->mailbox_id);
    store_range_params(a, set, params + 2);
    params[4] = DB_INT4(change->mode);
    params[5] = DB_INT4(change->flags & STORE_FLAGS_ALL);
    params[6] = DB_TEXTS(change->keywords, change->n_keywords);
    params[7] = change->has_unchangedsince ? DB_INT8(change->unchangedsince) : DB_NULL;
    params[8] = DB_INT4(keep | (change->keeps_keywords ? BIT_OF_KEYWORDS : 0));
    return true;
}

bool store_flag_read(const struct db_rows *rows, struct arena *a, struct store_flag_result *out,
                     struct err *e)
{
    *out = (struct store_flag_result){ 0 };
    if (!read_flag_rows(rows, a, out, e))
        return false;
    out->modseq = db_int(rows, 0, FLAGS_MODSEQ);
    out->former = db_int(rows, 0, FLAGS_FORMER);
    out->failed = read_uids(rows, FLAGS_FAILED, a, &out->n_failed);
    out->n_overflows = store_read_overflows(rows, 0, FLAGS_KWX_UIDS, a, &out->overflows);
    store_mark_overflows(out->rows, out->n, out->overflows, out->n_overflows);
    store_read_keywords(rows, FLAGS_KEYWORDS, a, &out->keywords);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a mailbox is two numbers, as everywhere here. */
bool store_change_flags(struct store *s, int64_t account_id, int mailbox_id,
                        const struct store_ranges *set, const struct store_flag_change *change,
                        struct arena *a, int64_t deadline_ms, struct store_flag_result *out,
                        struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_param params[STORE_FLAG_PARAMS];
    const struct store_viewed of = { account_id, account_id, mailbox_id };
    const struct write_call call = { &change_flags, params, COUNT_OF(params), deadline_ms };
    if (!store_flag_params(&of, set, change, a, params, e) || !store_write(s, &call, a, &rows, e) ||
        !store_flag_read(rows, a, out, e))
        return false;
    store_publish(s, account_id, out->modseq);
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a mailbox is two numbers, as everywhere here. */
bool store_expunge(struct store *s, int64_t account_id, int mailbox_id,
                   const struct store_ranges *set, bool only_deleted, struct arena *a,
                   int64_t deadline_ms, struct store_expunged *out, struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_param ranges[2] = { DB_NULL, DB_NULL };
    if (set)
        store_range_params(a, set, ranges);
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id), ranges[0],
                                       ranges[1], DB_BOOL(only_deleted) };
    const struct write_call call = { &expunge, params, COUNT_OF(params), deadline_ms };
    *out = (struct store_expunged){ 0 };
    if (!store_write(s, &call, a, &rows, e))
        return false;
    out->modseq = db_int(rows, 0, 0);
    out->uids = store_read_ranges(rows, 0, 1, a);
    out->n = (uint64_t)db_int(rows, 0, 3);
    out->former = db_int(rows, 0, 4);
    store_publish(s, account_id, out->modseq);
    return true;
}

static bool read_transfer(const struct db_rows *rows, struct arena *a, struct store_copied *out,
                          bool *no_target, struct err *e)
{
    int64_t missing = db_int(rows, 0, 0);
    *no_target = missing == 2;
    if (missing) {
        return ERR(e, ERR_NOT_FOUND, "the mailbox to %s is gone",
                   *no_target ? "copy to" : "copy from");
    }
    out->modseq = db_int(rows, 0, 1);
    out->uidvalidity = (uint32_t)db_int(rows, 0, 2);
    out->first_uid = (uint32_t)db_int(rows, 0, 3);
    out->uids = read_uids(rows, 4, a, &out->n);
    return true;
}

/* What the copies do not get, as the functions take it. */
static int drops_of(const struct store_transfer *t)
{
    return (int)((t->drops & STORE_FLAGS_ALL) | (t->drops_keywords ? BIT_OF_KEYWORDS : 0));
}

/* To another account. */
static YIELDS bool transfer_to_other(struct store *s, const struct store_transfer *t,
                                     struct arena *a, int64_t deadline_ms, struct store_copied *out,
                                     bool *no_target, struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_param ranges[2];
    store_range_params(a, t->set, ranges);
    const struct db_param params[] = {
        DB_INT8(t->viewer_id),
        DB_INT8(t->account_id),
        DB_INT4(t->from_mailbox_id),
        DB_INT8(t->to_account_id),
        DB_INT4(t->to_mailbox_id),
        ranges[0],
        ranges[1],
        DB_BOOL(t->is_move),
        DB_INT4(drops_of(t)),
        DB_INT4((int)t->n_wanted),
    };
    const struct write_call call = { &transfer_across, params, COUNT_OF(params), deadline_ms };
    if (!store_write(s, &call, a, &rows, e) || !read_transfer(rows, a, out, no_target, e))
        return false;
    store_publish(s, t->to_account_id, out->modseq);
    store_publish(s, t->account_id, db_int(rows, 0, 5));
    return true;
}

bool store_transfer(struct store *s, const struct store_transfer *transfer, struct arena *a,
                    int64_t deadline_ms, struct store_copied *out, bool *no_target, struct err *e)
{
    struct db_rows *rows = NULL;
    struct db_param ranges[2];
    *out = (struct store_copied){ 0 };
    *no_target = false;
    if (transfer->to_account_id && transfer->to_account_id != transfer->account_id)
        return transfer_to_other(s, transfer, a, deadline_ms, out, no_target, e);
    store_range_params(a, transfer->set, ranges);
    const struct db_param params[] = {
        DB_INT8(transfer->account_id),
        DB_INT4(transfer->from_mailbox_id),
        DB_INT4(transfer->to_mailbox_id),
        ranges[0],
        ranges[1],
        DB_BOOL(transfer->is_move),
        DB_INT4(drops_of(transfer)),
        DB_INT4((int)transfer->n_wanted),
    };
    const struct write_call call = { &transfer_set, params, COUNT_OF(params), deadline_ms };
    if (!store_write(s, &call, a, &rows, e))
        return false;
    if (!read_transfer(rows, a, out, no_target, e))
        return false;
    store_publish(s, transfer->account_id, out->modseq);
    return true;
}
