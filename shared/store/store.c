/* SPDX-License-Identifier: Apache-2.0 */
/* The store itself, ids, what all files of the module read rows with, quota and modseq. */
#include "store/store.h"

#include "crypto/hash.h"
#include "notify/notify.h"
#include "runtime/runtime.h"
#include "store/batch.h"
#include "store/internal.h"

#include <stdlib.h>

struct store *store_new(const struct store_options *options)
{
    struct store *s = HEAP_NEW(struct store);
    INVARIANT(options->runtime && options->db && options->node_id < 1024);
    s->options = *options;
    s->batcher = batcher_new(s);
    return s;
}

void store_free(struct store **s)
{
    if (!*s)
        return;
    batcher_free(&(*s)->batcher);
    free(*s);
    *s = NULL;
}

/* 48 bits of milliseconds, 10 of node, 6 of counter. When 64 ids are not enough for a millisecond,
 * or the clock steps back, ids run ahead of the clock: they must grow and never repeat. */
int64_t store_new_id(struct store *s)
{
    int64_t now = clock_utc_ms();
    if (now > s->last_id_ms) {
        s->last_id_ms = now;
        s->last_id_count = 0;
    } else if (++s->last_id_count == 64) {
        s->last_id_ms++;
        s->last_id_count = 0;
    }
    return (int64_t)((uint64_t)s->last_id_ms << 16 | (uint64_t)s->options.node_id << 6 |
                     s->last_id_count);
}

void store_publish(struct store *s, int64_t account_id, int64_t modseq)
{
    if (s->options.notify && modseq > 0)
        notify_publish(s->options.notify, account_id, modseq);
}

void store_delivery_id(str transaction, str recipient, uint8_t out[STORE_DELIVERY_ID])
{
    uint8_t hash[CRYPTO_HASH_MAX];
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    crypto_hash_add(h, transaction);
    crypto_hash_add(h, STR("\n"));
    crypto_hash_add(h, recipient);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
    memcpy(out, hash, STORE_DELIVERY_ID);
}

/* ---- rows ---- */

size_t store_ints(const struct db_rows *r, size_t row, size_t column, struct arena *a,
                  int64_t **out)
{
    *out = NULL;
    return db_is_null(r, row, column) ? 0 : db_ints(r, row, column, a, out);
}

size_t store_strs(const struct db_rows *r, size_t row, size_t column, struct arena *a, str **out)
{
    *out = NULL;
    return db_is_null(r, row, column) ? 0 : db_strs(r, row, column, a, out);
}

static int by_id(const void *left, const void *right)
{
    const int64_t *l = left, *r = right;
    return (*l > *r) - (*l < *r);
}

void store_sort_ids(int64_t *ids, size_t n)
{
    qsort(ids, n, sizeof(*ids), by_id);
}

struct store_ranges store_read_ranges(const struct db_rows *r, size_t row, size_t first_column,
                                      struct arena *a)
{
    int64_t *first;
    int64_t *last;
    size_t n = store_ints(r, row, first_column, a, &first);
    size_t n_last = store_ints(r, row, first_column + 1, a, &last);
    n = n < n_last ? n : n_last;
    struct store_range *list = ARENA_ARRAY(a, struct store_range, n);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct store_range){ (uint32_t)first[i], (uint32_t)last[i] };
    return (struct store_ranges){ list, n };
}

static size_t split_words(struct arena *a, str text, const str **out)
{
    size_t n = 0;
    str word;
    str rest = text;
    str *words = ARENA_ARRAY(a, str, text.n / 2 + 1);
    while (rest.n) {
        (void)str_cut(rest, ' ', &word, &rest);
        if (word.n)
            words[n++] = word;
    }
    *out = words;
    return n;
}

size_t store_read_overflows(const struct db_rows *r, size_t row, size_t first_column,
                            struct arena *a, const struct store_overflow **out)
{
    int64_t *uids;
    str *names;
    size_t n = store_ints(r, row, first_column, a, &uids);
    size_t n_names = store_strs(r, row, first_column + 1, a, &names);
    n = n < n_names ? n : n_names;
    struct store_overflow *list = ARENA_ARRAY(a, struct store_overflow, n);
    for (size_t i = 0; i < n; i++) {
        list[i].uid = (uint32_t)uids[i];
        list[i].n = split_words(a, names[i], &list[i].names);
    }
    *out = list;
    return n;
}

void store_mark_overflows(struct store_row *rows, size_t n, const struct store_overflow *overflows,
                          size_t n_overflows)
{
    size_t at = 0;
    for (size_t i = 0; i < n_overflows; i++) {
        while (at < n && rows[at].uid < overflows[i].uid)
            at++;
        if (at < n && rows[at].uid == overflows[i].uid)
            rows[at].has_more = true;
    }
}

void store_read_state(const struct db_rows *r, size_t row, size_t column, struct store_state *out)
{
    out->uidvalidity = (uint32_t)db_int(r, row, column);
    out->uidnext = (uint32_t)db_int(r, row, column + 1);
    out->modseq = db_int(r, row, column + 2);
    out->messages = (uint32_t)db_int(r, row, column + 3);
    out->unseen = (uint32_t)db_int(r, row, column + 4);
    out->deleted = (uint32_t)db_int(r, row, column + 5);
    out->bytes = db_int(r, row, column + 6);
}

void store_read_keywords(const struct db_rows *r, size_t column, struct arena *a,
                         struct store_keywords *out)
{
    str *names;
    str *more;
    int64_t *bits;
    str *by_bit = ARENA_ARRAY(a, str, STORE_KEYWORD_BITS);
    size_t n = store_strs(r, 0, column + 2, a, &names);
    size_t n_bits = store_ints(r, 0, column + 3, a, &bits);
    *out = (struct store_keywords){ .names = by_bit };
    for (size_t i = 0; i < n && i < n_bits; i++) {
        if (bits[i] < 0 || bits[i] >= STORE_KEYWORD_BITS)
            continue;
        by_bit[bits[i]] = names[i];
        out->n = (size_t)bits[i] + 1 > out->n ? (size_t)bits[i] + 1 : out->n;
    }
    out->used = (uint64_t)db_int(r, 0, column);
    out->n_more = store_strs(r, 0, column + 1, a, &more);
    out->more = more;
}

/* ---- account ---- */

static const struct db_stmt get_modseq = {
    "SELECT modseq FROM account_state WHERE account_id = $1"
};
static const struct db_stmt get_quota = {
    "SELECT s.q_bytes, s.q_count, c.quota_bytes, c.quota_messages, c.quota_mailboxes,"
    "       (SELECT count(*) FROM mailbox m WHERE m.account_id = $1)"
    "  FROM account_state s JOIN account c USING (account_id) WHERE s.account_id = $1"
};

static YIELDS bool read_account(struct store *s, const struct db_stmt *stmt, int64_t account_id,
                                struct arena *a, int64_t deadline_ms, struct db_rows **rows,
                                struct err *e)
{
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(s->options.db, DB_READ, stmt, params, COUNT_OF(params), a, deadline_ms, rows, e))
        return false;
    return db_row_count(*rows) == 1 ||
           ERR(e, ERR_NOT_FOUND, "there is no account %lld", (long long)account_id);
}

bool store_get_modseq(struct store *s, int64_t account_id, int64_t deadline_ms, int64_t *modseq,
                      struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = read_account(s, &get_modseq, account_id, &a, deadline_ms, &rows, e);
    if (ok)
        *modseq = db_int(rows, 0, 0);
    arena_fini(&a);
    return ok;
}

bool store_get_quota(struct store *s, int64_t account_id, int64_t deadline_ms,
                     struct store_quota *out, struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    arena_init(&a);
    bool ok = read_account(s, &get_quota, account_id, &a, deadline_ms, &rows, e);
    if (ok) {
        *out = (struct store_quota){ .used_bytes = db_int(rows, 0, 0),
                                     .used_messages = db_int(rows, 0, 1),
                                     .limit_bytes = db_int(rows, 0, 2),
                                     .limit_messages = db_int(rows, 0, 3),
                                     .used_mailboxes = db_int(rows, 0, 5) };
        int64_t mailboxes = db_int(rows, 0, 4);
        out->limit_mailboxes =
            mailboxes && mailboxes < STORE_MAX_MAILBOXES ? mailboxes : STORE_MAX_MAILBOXES;
    }
    arena_fini(&a);
    return ok;
}

bool store_get_deleted_bytes(struct store *s, int64_t account_id, int mailbox_id,
                             int64_t deadline_ms, int64_t *bytes, struct err *e)
{
    static const struct db_stmt sum = {
        "SELECT coalesce(sum(size), 0)::int8 FROM mbox_msg"
        " WHERE account_id = $1 AND mailbox_id = $2 AND flags & 8 <> 0"
    };
    struct arena a;
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id), DB_INT4(mailbox_id) };
    arena_init(&a);
    bool ok =
        db_query(s->options.db, DB_READ, &sum, params, COUNT_OF(params), &a, deadline_ms, &rows, e);
    if (ok)
        *bytes = db_int(rows, 0, 0);
    arena_fini(&a);
    return ok;
}
