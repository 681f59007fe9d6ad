/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries that may be the repetition of one from the last hours (R2). */
#include "store/internal.h"

enum {
    MS_A_DAY = 86400000,
    MOST_FORMER = 16 /* former deliveries of one name that are too old, looked at one by one */
};

/* The last use of each id since the day $3; those that were not used have no row. */
static const struct db_stmt find_former = {
    "SELECT u.ord, d.day - date '1970-01-01', d.msg_id"
    "  FROM unnest($1::bigint[], $2::bytea[]) WITH ORDINALITY AS u (account, id, ord)"
    "  JOIN LATERAL (SELECT day, msg_id FROM delivered"
    "                 WHERE account_id = u.account AND delivery_id = u.id"
    "                   AND day >= date '1970-01-01' + $3::int"
    "                 ORDER BY day DESC LIMIT 1) d ON true"
};

/* Another id for a message that is no repetition, the same for whoever computes it. */
static void rename_delivery(struct store_recipient *r, int64_t former_msg_id)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)former_msg_id);
    store_delivery_id(str_of((const char *)r->delivery_id, STORE_DELIVERY_ID),
                      str_of(text, (size_t)n), r->delivery_id);
}

/* A search for former deliveries. */
struct search {
    struct store *store;
    struct store_recipient *list;
    size_t n;
    int64_t since_ms;
    int64_t deadline_ms;
};

/* One look at all of them; *is_renamed tells whether another is needed. Yields. */
static bool look(const struct search *search, struct arena *a, bool *is_renamed, struct err *e)
{
    struct db_rows *rows = NULL;
    int64_t *accounts = ARENA_ARRAY(a, int64_t, search->n);
    str *ids = ARENA_ARRAY(a, str, search->n);
    for (size_t i = 0; i < search->n; i++) {
        accounts[i] = search->list[i].account_id;
        ids[i] = str_of((const char *)search->list[i].delivery_id, STORE_DELIVERY_ID);
    }
    const struct db_param params[] = { DB_INT8S(accounts, search->n), DB_BYTEAS(ids, search->n),
                                       DB_INT4(search->since_ms / MS_A_DAY) };
    *is_renamed = false;
    if (!db_query(search->store->options.db, DB_DELIVER, &find_former, params, COUNT_OF(params), a,
                  search->deadline_ms, &rows, e))
        return false;
    for (size_t i = 0; i < db_row_count(rows); i++) {
        struct store_recipient *r = &search->list[db_int(rows, i, 0) - 1];
        int64_t msg_id = db_int(rows, i, 2);
        r->day = msg_id >> 16 >= search->since_ms ? db_int(rows, i, 1) : 0;
        if (r->day == 0) {
            rename_delivery(r, msg_id);
            *is_renamed = true;
        }
    }
    return true;
}

bool store_find_retries(struct store *s, const struct store_delivery *d, int64_t window_ms,
                        struct arena *a, int64_t deadline_ms, struct err *e)
{
    const struct search search = { .store = s,
                                   .list = d->recipients,
                                   .n = d->n,
                                   .since_ms = d->received_us / 1000 - window_ms,
                                   .deadline_ms = deadline_ms };
    bool is_renamed = true;
    for (int i = 0; i < MOST_FORMER && is_renamed; i++) {
        if (!look(&search, a, &is_renamed, e))
            return false;
    }
    return true;
}
