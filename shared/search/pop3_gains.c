/* SPDX-License-Identifier: Apache-2.0 */
/* Counts octets by making what is sent; reads what the indexer counted. */
#include "search/pop3_gains.h"

#include "base/utf8.h"
#include "db/db.h"
#include "wire/pop3_message.h"

#include <stdlib.h>

enum {
    PIECE = 1024 * 1024 /* of a header that is longer, lines go together, as when they are sent */
};

static const struct db_stmt stmt_gains = {
    "SELECT ref, 0, 0, true FROM outbox WHERE account_id = $1 AND kind = 1"
    " UNION ALL "
    "SELECT msg_id, coalesce(pop3_header_gain, 0), coalesce(pop3_end_gain, 0),"
    " pop3_header_gain IS NULL FROM header_text"
    " WHERE account_id = $1 AND (pop3_header_gain + pop3_end_gain) IS DISTINCT FROM 0"
};

/* The next lines of a header, as many as fit; a longer line alone is cut. */
static str take_lines(str *rest)
{
    str piece = str_slice(*rest, 0, PIECE);
    ptrdiff_t lf = piece.n < rest->n ? str_rfind_byte(piece, '\n') : -1;
    if (lf >= 0)
        piece.n = (size_t)lf + 1;
    *rest = str_skip(*rest, piece.n);
    return piece;
}

uint32_t search_pop3_header_gain(str header)
{
    struct buf out;
    size_t gain = 0;
    if (utf8_is_ascii(header))
        return 0;
    buf_init(&out, ((size_t)PIECE + 1) * POP3_ASCII_GROWTH);
    while (header.n) {
        str piece = take_lines(&header);
        buf_clear(&out);
        bool fits = pop3_header_to_ascii(piece, &out);
        INVARIANT(fits);
        gain += out.n - piece.n;
    }
    buf_fini(&out);
    return gain < INT32_MAX ? (uint32_t)gain : INT32_MAX;
}

uint32_t search_pop3_end_gain(str end_of_message)
{
    return end_of_message.n == 0 || str_has_suffix(end_of_message, STR("\r\n")) ? 0 : 2;
}

/* What is pending comes first of the two that a message may have. */
static int by_id(const void *left, const void *right)
{
    const struct search_pop3_gain *l = left, *r = right;
    if (l->msg_id != r->msg_id)
        return l->msg_id < r->msg_id ? -1 : 1;
    return (int)r->is_pending - (int)l->is_pending;
}

bool search_pop3_gains_load(struct db *db, int64_t account_id, struct arena *a, int64_t deadline_ms,
                            struct search_pop3_gains *out, struct err *e)
{
    struct db_rows *rows = NULL;
    const struct db_param params[] = { DB_INT8(account_id) };
    if (!db_query(db, DB_READ, &stmt_gains, params, COUNT_OF(params), a, deadline_ms, &rows, e))
        return err_wrap(e, "read what messages gain");
    size_t n = db_row_count(rows);
    struct search_pop3_gain *items = ARENA_ARRAY(a, struct search_pop3_gain, n + 1);
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct search_pop3_gain){ .msg_id = db_int(rows, i, 0),
                                              .header = (uint32_t)db_int(rows, i, 1),
                                              .end = (uint32_t)db_int(rows, i, 2),
                                              .is_pending = db_int(rows, i, 3) != 0 };
    }
    qsort(items, n, sizeof(*items), by_id);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || items[i].msg_id != items[kept - 1].msg_id)
            items[kept++] = items[i];
    }
    *out = (struct search_pop3_gains){ items, kept };
    return true;
}

const struct search_pop3_gain *search_pop3_gain_find(const struct search_pop3_gains *gains,
                                                     int64_t msg_id)
{
    size_t low = 0, high = gains->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (gains->items[middle].msg_id < msg_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < gains->n && gains->items[low].msg_id == msg_id ? &gains->items[low] : NULL;
}
