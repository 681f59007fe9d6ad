/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the keys of a batch of messages. */
#include "db/db.h"
#include "search/keys.h"

static const struct db_stmt stmt_keys = {
    "INSERT INTO sort_key (account_id, msg_id, sent_s, id_key, is_reply, subject, from_key, to_key,"
    "  cc_key, display_from, display_to, refs)"
    " SELECT a, m, nullif(s, -9223372036854775808), nullif(i, 0), r <> 0, t1, t2, t3, t4, t5, t6, b"
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],"
    "  $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[])"
    "  d(a, m, s, i, r, t1, t2, t3, t4, t5, t6, b)"
    " WHERE EXISTS (SELECT 1 FROM message WHERE account_id = a AND msg_id = m)"
    " ON CONFLICT (account_id, msg_id) DO UPDATE SET sent_s = excluded.sent_s,"
    "  id_key = excluded.id_key, is_reply = excluded.is_reply, subject = excluded.subject,"
    "  from_key = excluded.from_key, to_key = excluded.to_key, cc_key = excluded.cc_key,"
    "  display_from = excluded.display_from, display_to = excluded.display_to,"
    "  refs = excluded.refs"
};

/* The ids of `refs`, 8 octets each, the highest first. */
static str pack_refs(struct arena *a, const struct search_keys *keys)
{
    char *bytes = arena_alloc(a, keys->n_refs * 8 + 1);
    size_t n = 0;
    for (size_t i = 0; i < keys->n_refs; i++) {
        for (int shift = 56; shift >= 0; shift -= 8)
            bytes[n++] = (char)((uint64_t)keys->refs[i] >> shift & 255);
    }
    return str_of(bytes, n);
}

bool search_keys_write(struct db_tx *tx, const int64_t *account_ids, const int64_t *msg_ids,
                       const struct search_keys *keys, size_t n_keys, struct arena *a,
                       struct err *e)
{
    enum {
        NUMBERS = 5,
        TEXTS = 6
    };
    int64_t *numbers[NUMBERS];
    str *texts[TEXTS];
    str *refs = ARENA_ARRAY(a, str, n_keys + 1);
    size_t n = 0;
    for (size_t k = 0; k < NUMBERS; k++)
        numbers[k] = ARENA_ARRAY(a, int64_t, n_keys + 1);
    for (size_t k = 0; k < TEXTS; k++)
        texts[k] = ARENA_ARRAY(a, str, n_keys + 1);
    for (size_t i = 0; i < n_keys; i++) {
        const struct search_keys *key = &keys[i];
        if (!key->is_known)
            continue;
        const int64_t values[NUMBERS] = { account_ids[i], msg_ids[i],
                                          key->has_sent ? key->sent_s : INT64_MIN,
                                          key->has_id ? key->id : 0, key->is_reply };
        const str forms[TEXTS] = { key->subject, key->from,         key->to,
                                   key->cc,      key->display_from, key->display_to };
        for (size_t k = 0; k < NUMBERS; k++)
            numbers[k][n] = values[k];
        for (size_t k = 0; k < TEXTS; k++)
            texts[k][n] = forms[k];
        refs[n++] = pack_refs(a, key);
    }
    const struct db_param params[] = { DB_INT8S(numbers[0], n), DB_INT8S(numbers[1], n),
                                       DB_INT8S(numbers[2], n), DB_INT8S(numbers[3], n),
                                       DB_INT8S(numbers[4], n), DB_TEXTS(texts[0], n),
                                       DB_TEXTS(texts[1], n),   DB_TEXTS(texts[2], n),
                                       DB_TEXTS(texts[3], n),   DB_TEXTS(texts[4], n),
                                       DB_TEXTS(texts[5], n),   DB_BYTEAS(refs, n) };
    return n == 0 || db_tx_query(tx, &stmt_keys, params, COUNT_OF(params), a, NULL, e) ||
           err_wrap(e, "write sort keys");
}
