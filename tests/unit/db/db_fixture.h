/* SPDX-License-Identifier: Apache-2.0 */
/* A loop, a database client and an arena, for the tests of db. */
#ifndef DB_FIXTURE_H
#define DB_FIXTURE_H

#include "db/db.h"
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
    int listener;  /* of a proxy before the server (test_unknown.c) */
    bool swallows; /* it drops the answers of the server and breaks the connection then */
};

static inline int64_t soon(void)
{
    return clock_deadline_in(LONG_MS);
}

/* Runs the body in a fiber with a client of the database at `conninfo`. */
static inline void with_client(const char *conninfo, bool named, fiber_fn body)
{
    struct fixture f = { .listener = -1 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ .max_fibers = 4096 }, &e);
    assert_non_null(f.rt);
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = conninfo, .named_statements = named });
    arena_init(&f.a);
    in_fiber_run_to_end(f.rt, body, &f);
    arena_fini(&f.a);
    db_free(&f.db);
    if (f.listener >= 0)
        close(f.listener);
    runtime_free(&f.rt);
}

#endif
