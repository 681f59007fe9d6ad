/* SPDX-License-Identifier: Apache-2.0 */
/* Greylisting: the decision as a table, then whole visits on a real database, whose rows are made
 * older instead of waiting. */
#include "spam/greylist.h"

#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SECOND 1000000LL
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define NOW    (1000 * DAY)

static const struct spam_greylist_rules rules = { .min_delay_ms = 300000,
                                                  .max_age_ms = 35LL * 24 * 3600 * 1000,
                                                  .history = 5 };

static void decisions(void **state)
{
    static const struct {
        const char *what;
        struct spam_greylist_facts facts;
        enum spam_greylist_step step;
        int64_t wait_ms;
    } cases[] = {
        { "never seen", { .first_us = 0 }, SPAM_GREYLIST_STARTED, 300000 },
        { "at once", { .first_us = NOW, .last_us = NOW }, SPAM_GREYLIST_EARLY, 300000 },
        { "a second early",
          { .first_us = NOW - 299 * SECOND, .last_us = NOW - 299 * SECOND },
          SPAM_GREYLIST_EARLY,
          1000 },
        { "in time",
          { .first_us = NOW - 300 * SECOND, .last_us = NOW - 300 * SECOND },
          SPAM_GREYLIST_WAITED,
          0 },
        { "two days later",
          { .first_us = NOW - 48 * HOUR, .last_us = NOW - 48 * HOUR },
          SPAM_GREYLIST_WAITED,
          0 },
        { "after the window",
          { .first_us = NOW - 48 * HOUR - SECOND, .last_us = NOW - 48 * HOUR - SECOND },
          SPAM_GREYLIST_STARTED,
          300000 },
        { "known",
          { .first_us = NOW - 400 * DAY, .last_us = NOW - 35 * DAY },
          SPAM_GREYLIST_AGAIN,
          0 },
        { "forgotten",
          { .first_us = NOW - 400 * DAY, .last_us = NOW - 35 * DAY - SECOND },
          SPAM_GREYLIST_STARTED,
          300000 },
        { "host with history",
          { .host_passed = 5, .host_last_us = NOW - 35 * DAY },
          SPAM_GREYLIST_HOST,
          0 },
        { "host with too little",
          { .host_passed = 4, .host_last_us = NOW },
          SPAM_GREYLIST_STARTED,
          300000 },
        { "host forgotten",
          { .host_passed = 50, .host_last_us = NOW - 35 * DAY - SECOND },
          SPAM_GREYLIST_STARTED,
          300000 },
        { "correspondent", { .written_us = NOW - 200 * DAY }, SPAM_GREYLIST_CORRESPONDENT, 0 },
        { "no correspondent",
          { .written_us = NOW, .is_forged = true },
          SPAM_GREYLIST_STARTED,
          300000 },
        { "a clock that went back",
          { .first_us = NOW + HOUR, .last_us = NOW + HOUR },
          SPAM_GREYLIST_EARLY,
          3900000 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct spam_greylist_facts facts = cases[i].facts;
        int64_t wait_ms = -1;
        facts.now_us = NOW;
        enum spam_greylist_step step = spam_greylist_decide(&rules, &facts, &wait_ms);
        if (step != cases[i].step || wait_ms != cases[i].wait_ms) {
            fail_msg("%s: %s, wait %lld ms", cases[i].what, spam_greylist_word(step),
                     (long long)wait_ms);
        }
    }
}

static void history_can_be_off(void **state)
{
    const struct spam_greylist_rules without = { .min_delay_ms = 1000, .max_age_ms = 1000000 };
    const struct spam_greylist_facts facts = { .now_us = NOW,
                                               .host_passed = 1000,
                                               .host_last_us = NOW };
    int64_t wait_ms;
    (void)state;
    assert_int_equal(spam_greylist_decide(&without, &facts, &wait_ms), SPAM_GREYLIST_STARTED);
}

/* ---- on a database ---- */

struct world {
    struct runtime *rt;
    struct db *db;
    struct spam *spam;
    struct arena a;
};

static int64_t soon(void)
{
    return clock_deadline_in(30000);
}

static enum spam_greylist_step visit(struct world *w, const char *client, const char *spf,
                                     const char *sender, const char *recipient)
{
    struct err e = ERR_CLEAR;
    struct net_address address;
    struct spam_greylist_answer answer;
    MUST(net_address_parse_ip(str_from_cstr(client), &address, &e), e);
    const struct spam_greylist_visit v = { .client = &address,
                                           .spf_domain = str_from_cstr(spf),
                                           .sender = str_from_cstr(sender),
                                           .recipient = str_from_cstr(recipient) };
    MUST(spam_greylist_ask(w->spam, &rules, &v, &w->a, soon(), &answer, &e), e);
    return answer.step;
}

/* As if it had happened so much earlier. */
static void let_time_pass(const char *sql_interval)
{
    char sql[400];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE greylist SET first_seen = first_seen - interval '%s',"
                   " last_seen = last_seen - interval '%s';"
                   "UPDATE greylist_host SET last_seen = last_seen - interval '%s'",
                   sql_interval, sql_interval, sql_interval);
    test_pg_run(sql);
}

static void who_comes_again_is_let_in(struct world *w)
{
    assert_int_equal(visit(w, "192.0.2.1", "", "a@x.example", "b@us"), SPAM_GREYLIST_STARTED);
    assert_int_equal(visit(w, "192.0.2.1", "", "a@x.example", "b@us"), SPAM_GREYLIST_EARLY);
    let_time_pass("5 minutes");
    /* Another sender, recipient or network is another visit; the next address is none. */
    assert_int_equal(visit(w, "192.0.2.1", "", "c@x.example", "b@us"), SPAM_GREYLIST_STARTED);
    assert_int_equal(visit(w, "192.0.2.1", "", "a@x.example", "c@us"), SPAM_GREYLIST_STARTED);
    assert_int_equal(visit(w, "192.0.3.1", "", "a@x.example", "b@us"), SPAM_GREYLIST_STARTED);
    assert_int_equal(visit(w, "192.0.2.99", "", "A@X.example", "B@us"), SPAM_GREYLIST_WAITED);
    assert_int_equal(visit(w, "192.0.2.1", "", "a@x.example", "b@us"), SPAM_GREYLIST_AGAIN);
    let_time_pass("34 days");
    assert_int_equal(visit(w, "192.0.2.1", "", "a@x.example", "b@us"), SPAM_GREYLIST_AGAIN);
    let_time_pass("34 days");
    assert_int_equal(visit(w, "192.0.2.1", "", "a@x.example", "b@us"), SPAM_GREYLIST_AGAIN);
    let_time_pass("36 days");
    assert_int_equal(visit(w, "192.0.2.1", "", "a@x.example", "b@us"), SPAM_GREYLIST_STARTED);
}

static void hosts_earn_it(struct world *w)
{
    static const char *const to[] = { "1@us", "2@us", "3@us", "4@us", "5@us" };
    for (size_t i = 0; i < COUNT_OF(to); i++) {
        assert_int_equal(visit(w, "2001:db8:1:2::1", "", "a@y.example", to[i]),
                         SPAM_GREYLIST_STARTED);
    }
    let_time_pass("10 minutes");
    for (size_t i = 0; i < COUNT_OF(to); i++) {
        assert_int_equal(visit(w, "2001:db8:1:2::9", "", "a@y.example", to[i]),
                         SPAM_GREYLIST_WAITED);
        /* That it comes again, and again, is no more history. */
        assert_int_equal(visit(w, "2001:db8:1:2::9", "", "a@y.example", to[i]),
                         i < 4 ? SPAM_GREYLIST_AGAIN : SPAM_GREYLIST_HOST);
    }
    assert_int_equal(visit(w, "2001:db8:1:2::3", "", "z@z.example", "6@us"), SPAM_GREYLIST_HOST);
    assert_int_equal(visit(w, "2001:db8:1:3::3", "", "z@z.example", "6@us"), SPAM_GREYLIST_STARTED);
}

static void domains_may_come_from_anywhere(struct world *w)
{
    assert_int_equal(visit(w, "198.51.100.1", "big.example", "a1@big.example", "b@us"),
                     SPAM_GREYLIST_STARTED);
    let_time_pass("5 minutes");
    assert_int_equal(visit(w, "203.0.113.1", "big.example", "a27@big.example", "b@us"),
                     SPAM_GREYLIST_WAITED);
    assert_int_equal(visit(w, "203.0.113.1", "", "a1@big.example", "b@us"), SPAM_GREYLIST_STARTED);
}

static void answers_do_not_wait(struct world *w)
{
    struct err e = ERR_CLEAR;
    const str written[] = { STR("Friend7@far.example"), STR("other@far.example"),
                            STR("friend7@far.example") };
    MUST(spam_note_written(w->spam, written, COUNT_OF(written), &w->a, soon(), &e), e);
    MUST(spam_note_written(w->spam, written, COUNT_OF(written), &w->a, soon(), &e), e);
    MUST(spam_note_written(w->spam, NULL, 0, &w->a, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM correspondent"), 2);
    assert_int_equal(visit(w, "198.51.100.7", "", "friend7@FAR.example", "b@us"),
                     SPAM_GREYLIST_CORRESPONDENT);
    assert_int_equal(visit(w, "198.51.100.7", "", "friend8@far.example", "b@us"),
                     SPAM_GREYLIST_STARTED);
    assert_int_equal(visit(w, "198.51.100.7", "", "", "b@us"), SPAM_GREYLIST_STARTED);
}

static void old_rows_go(struct world *w)
{
    struct err e = ERR_CLEAR;
    test_pg_run(
        "DELETE FROM greylist; DELETE FROM greylist_host; DELETE FROM correspondent;"
        "INSERT INTO greylist SELECT convert_to(v.k, 'UTF8'), now() - v.first, now() - v.last"
        "  FROM (VALUES ('fresh', interval '1 day', interval '1 day'),"
        "        ('never came', interval '3 days', interval '3 days'),"
        "        ('known', interval '90 days', interval '34 days'),"
        "        ('gone', interval '90 days', interval '36 days')) v (k, first, last);"
        "INSERT INTO greylist_host VALUES ('a', 9, now()), ('b', 9, now() - interval '36 days');"
        "INSERT INTO correspondent VALUES ('a', now()), ('b', now() - interval '500 days')");
    MUST(spam_greylist_sweep(w->spam, rules.max_age_ms, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM greylist"), 2);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM greylist WHERE key IN ('fresh', 'known')"), 2);
    assert_int_equal(test_pg_number("SELECT count(*) FROM greylist_host"), 1);
    assert_int_equal(test_pg_number("SELECT count(*) FROM correspondent"), 1);
}

static void run_all(void *arg)
{
    struct world *w = arg;
    who_comes_again_is_let_in(w);
    hosts_earn_it(w);
    domains_may_come_from_anywhere(w);
    answers_do_not_wait(w);
    old_rows_go(w);
}

static void visits_on_a_real_database(void **state)
{
    (void)state;
    struct world w = { .rt = NULL };
    struct err e = ERR_CLEAR;
    const struct db_options options = { .conninfo = test_pg_start_migrated(),
                                        .named_statements = true };
    arena_init(&w.a);
    w.rt = runtime_new(NULL, &e);
    w.db = db_new(w.rt, &options);
    w.spam = spam_new(w.db, NULL);
    in_fiber_run_to_end(w.rt, run_all, &w);
    spam_free(&w.spam);
    db_free(&w.db);
    runtime_free(&w.rt);
    arena_fini(&w.a);
    test_servers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions),
        cmocka_unit_test(history_can_be_off),
        cmocka_unit_test(visits_on_a_real_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
