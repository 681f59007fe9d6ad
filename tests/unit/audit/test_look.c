/* SPDX-License-Identifier: Apache-2.0 */
/* Audit rows are listed by pages, filtered, and counted by intervals, on a real database. */
#include "audit/audit.h"
#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct runtime *rt;
    struct db *db;
    struct arena a;
};

static int64_t soon(void)
{
    return clock_deadline_in(10000);
}

static void write_row(struct world *w, const char *actor, const char *action, const char *object,
                      const char *result)
{
    struct err e = ERR_CLEAR;
    const struct audit_entry entry = { .actor_id = 7,
                                       .actor = str_from_cstr(actor),
                                       .action = str_from_cstr(action),
                                       .object = str_from_cstr(object),
                                       .result = str_from_cstr(result) };
    assert_true(audit_write(w->db, &entry, soon(), &e));
}

static void fill(struct world *w)
{
    write_row(w, "ada", "login", "ada", "ok");
    write_row(w, "ada", "login", "ada", "denied");
    write_row(w, "ada", "account.add", "ben", "ok");
    write_row(w, "cli", "account.change", "ben", "ok");
    write_row(w, "cli", "domain.add", "one.example", "ok");
}

/* Actions of the rows that the query finds, read two at a time. */
static str actions(struct world *w, struct audit_query query)
{
    str all = STR_EMPTY;
    query.limit = 2;
    query.to_us = INT64_C(4102444800000000); /* 2100 */
    for (;;) {
        struct audit_rows rows;
        struct err e = ERR_CLEAR;
        assert_true(audit_list(w->db, &query, &w->a, soon(), &rows, &e));
        for (size_t i = 0; i < rows.n; i++) {
            assert_true(query.before == 0 || rows.list[i].id < query.before);
            all =
                arena_printf(&w->a, "%.*s%.*s ", STR_FMT(all), STR_FMT(rows.list[i].entry.action));
        }
        if (rows.n < query.limit)
            return all;
        query.before = rows.list[rows.n - 1].id;
    }
}

static void rows_are_found_by_what_they_say(struct world *w)
{
    static const struct {
        struct audit_query query;
        const char *expected;
    } cases[] = {
        { { .limit = 0 }, "domain.add account.change account.add login login " },
        { { .actor = STR_INIT("cli") }, "domain.add account.change " },
        { { .action = STR_INIT("account.") }, "account.change account.add " },
        { { .action = STR_INIT("%") }, "" },
        { { .object = STR_INIT("ben") }, "account.change account.add " },
        { { .object = STR_INIT("ben"), .actor = STR_INIT("ada") }, "account.add " },
        { { .from_us = INT64_C(4102444700000000) }, "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str found = actions(w, cases[i].query);
        if (!str_eq(found, str_from_cstr(cases[i].expected)))
            fail_msg("case %zu: %.*s", i, STR_FMT(found));
    }
}

static int64_t count(struct world *w, enum audit_kind kind, int64_t from_us)
{
    int64_t counts[3] = { -1, -1, -1 };
    struct err e = ERR_CLEAR;
    const struct audit_figures figures = {
        .kind = kind, .from_us = from_us, .step_s = 3600, .n = COUNT_OF(counts), .counts = counts
    };
    assert_true(audit_count(w->db, &figures, &w->a, soon(), &e));
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[2], 0);
    return counts[1];
}

static void acts_are_counted_in_their_interval(struct world *w)
{
    /* Half an hour before and after now is the second of three hours. */
    int64_t from = clock_utc_us() - INT64_C(5400) * 1000000;
    assert_int_equal(count(w, AUDIT_LOGINS, from), 1);
    assert_int_equal(count(w, AUDIT_FAILED_LOGINS, from), 1);
    assert_int_equal(count(w, AUDIT_CHANGES, from), 3);
}

static void run_all(void *arg)
{
    struct world *w = arg;
    fill(w);
    rows_are_found_by_what_they_say(w);
    acts_are_counted_in_their_interval(w);
}

static void audit_on_a_real_database(void **state)
{
    (void)state;
    struct world w = { .rt = NULL };
    struct err e = ERR_CLEAR;
    const struct db_options db_options = { .conninfo = test_pg_start_migrated(),
                                           .named_statements = true };
    arena_init(&w.a);
    w.rt = runtime_new(NULL, &e);
    w.db = db_new(w.rt, &db_options);
    in_fiber_run_to_end(w.rt, run_all, &w);
    db_free(&w.db);
    runtime_free(&w.rt);
    arena_fini(&w.a);
    test_servers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(audit_on_a_real_database) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
