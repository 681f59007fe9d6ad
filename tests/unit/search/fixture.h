/* SPDX-License-Identifier: Apache-2.0 */
/* An index on a real PostgreSQL, messages in front of it, and the indexer. */
#ifndef UNIT_SEARCH_FIXTURE_H
#define UNIT_SEARCH_FIXTURE_H

#include "db/db.h"
#include "search/search.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

enum {
    LONG_MS = 30000
};

struct fixture {
    struct runtime *rt;
    struct db *db;
    struct arena a;
};

static inline int64_t soon(void)
{
    return clock_deadline_in(LONG_MS);
}

/* Runs the body in a fiber, with an index that is empty, and so many connections for searches; 0:
 * as many as usual. */
static inline void with_searches(unsigned connections, fiber_fn fn)
{
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    assert_non_null(f.rt);
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = test_pg_start_migrated(),
                                              .shared = { [DB_SEARCH] = connections } });
    arena_init(&f.a);
    test_pg_run("TRUNCATE outbox, fts, vocab, blob, message, header_text, sort_key");
    in_fiber_run_to_end(f.rt, fn, &f);
    arena_fini(&f.a);
    db_free(&f.db);
    runtime_free(&f.rt);
}

static inline void with_db(fiber_fn fn)
{
    with_searches(0, fn);
}

/* A delivery as far as the index sees it: the octets, and its place in the line. */
static inline void store(struct fixture *f, int64_t account, int64_t id, str message)
{
    static const struct db_stmt stmt_store = {
        "WITH b AS (INSERT INTO blob (account_id, msg_id, codec, size, header, head, data)"
        "  VALUES ($1, $2, 0, octet_length($3), 0, 0, $3)),"
        " m AS (INSERT INTO message (account_id, msg_id, thread_id, size, idate, hdr_end, hash)"
        "  VALUES ($1, $2, 1, octet_length($3), now(), 0, sha256($3)))"
        " INSERT INTO outbox (kind, account_id, ref) VALUES (1, $1, $2)"
    };
    struct err e = ERR_CLEAR;
    const struct db_param params[] = { DB_INT8(account), DB_INT8(id), DB_BYTEA(message) };
    MUST(db_query(f->db, DB_DELIVER, &stmt_store, params, 3, &f->a, soon(), NULL, &e), e);
}

/* How many messages were taken into the index. */
static inline size_t index_all(struct fixture *f)
{
    struct err e = ERR_CLEAR;
    size_t total = 0, done = 0;
    do {
        MUST(search_index_batch(f->db, 3, soon(), &done, &e), e);
        total += done;
    } while (done);
    return total;
}

#endif
