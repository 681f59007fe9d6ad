/* SPDX-License-Identifier: Apache-2.0 */
/* How many reports of success senders had whom nobody proved. One statement: the address counts
 * first, and its domain only what the address may have. */
#include "queue/private.h"

#include "base/address.h"

#define IS_OF_THIS_HOUR "t.since BETWEEN now() - interval '1 hour' AND now() + interval '1 hour'"
#define COUNT_ONE(subject, from)                                                             \
    "(INSERT INTO q_told AS t (subject, since, n) SELECT " subject ", now(), $3::int8 " from \
    " ON CONFLICT (subject) DO UPDATE SET"                                                   \
    " since = CASE WHEN " IS_OF_THIS_HOUR " THEN t.since ELSE now() END,"                    \
    " n = EXCLUDED.n + CASE WHEN " IS_OF_THIS_HOUR " THEN t.n ELSE 0 END RETURNING t.n)"

#define COUNT_ADDRESS "WITH a AS " COUNT_ONE("$1::text", "")
#define COUNT_DOMAIN  ", b AS " COUNT_ONE("$2::text", "FROM a WHERE a.n <= $4::int8")

static const struct db_stmt count = { COUNT_ADDRESS COUNT_DOMAIN
                                      " SELECT count(*) FROM b WHERE b.n <= $4 * $5::int8" };

bool queue_may_tell(struct queue *q, str sender, size_t n, int64_t per_hour, int64_t deadline_ms,
                    bool *out, struct err *e)
{
    struct arena a;
    struct db_rows *rows = NULL;
    arena_init(&a);
    str address = arena_lower(&a, sender);
    str domain = address_domain(address);
    int64_t counted = (int64_t)n < per_hour ? (int64_t)n : per_hour;
    const struct db_param params[] = { DB_TEXT(address), DB_TEXT(domain), DB_INT8(counted),
                                       DB_INT8(per_hour), DB_INT8(QUEUE_TOLD_BY_DOMAIN) };
    bool ok =
        db_query(q->db, DB_DELIVER, &count, params, COUNT_OF(params), &a, deadline_ms, &rows, e);
    *out = ok && db_int(rows, 0, 0) > 0;
    arena_fini(&a);
    return ok;
}
