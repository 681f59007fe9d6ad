/* SPDX-License-Identifier: Apache-2.0 */
/* The lists on a real database: changing, paging, asking, and asking without a database. */
#include "spam/receipt.h"

#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct account_actor the_operator = { 0, STR_INIT("cli"), { NULL, 0 } };

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

static int64_t add(struct world *w, enum spam_list list, const char *subject, const char *domain)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const struct spam_rule_new rule = { list, str_from_cstr(subject), str_from_cstr(domain),
                                        STR("a note") };
    MUST(spam_rule_add(w->spam, &the_operator, &rule, &w->a, soon(), &id, &e), e);
    return id;
}

static enum err_kind add_fails(struct world *w, const char *subject, const char *domain)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const struct spam_rule_new rule = { SPAM_BLACKLIST, str_from_cstr(subject),
                                        str_from_cstr(domain), STR_EMPTY };
    assert_false(spam_rule_add(w->spam, &the_operator, &rule, &w->a, soon(), &id, &e));
    return e.kind;
}

static bool ask_for(struct world *w, const char *sender, const char *domain,
                    struct spam_opinion *out, struct err *e)
{
    struct net_address client;
    assert_true(net_address_parse_ip(STR("192.0.2.1"), &client, e));
    const struct spam_visit visit = { .client = &client,
                                      .sender = str_from_cstr(sender),
                                      .domain = str_from_cstr(domain) };
    return spam_ask_lists(w->spam, &visit, &w->a, soon(), out, e);
}

static bool ask(struct world *w, const char *sender, struct spam_opinion *out, struct err *e)
{
    return ask_for(w, sender, "ours.example", out, e);
}

static void rules_are_kept(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct spam_opinion opinion;
    MUST(ask(w, "a@bad.example", &opinion, &e), e);
    assert_false(opinion.is_listed);
    int64_t bad = add(w, SPAM_BLACKLIST, "Bad.Example", "");
    int64_t ours = add(w, SPAM_WHITELIST, "bad.example", "Ours.Example");
    assert_true(ours > bad);
    assert_int_equal(add_fails(w, "bad.example", ""), ERR_EXISTS);
    assert_int_equal(add_fails(w, "bad.example", "ours.example"), ERR_EXISTS);
    assert_int_equal(add_fails(w, "bad.example", "theirs.example"), ERR_NOT_FOUND);
    assert_int_equal(add_fails(w, "192.0.2.1/8", ""), ERR_SYNTAX);
    MUST(ask(w, "a@bad.example", &opinion, &e), e);
    assert_true(opinion.is_listed && opinion.list == SPAM_WHITELIST);
    MUST(ask_for(w, "a@bad.example", "ours.test", &opinion, &e), e);
    assert_true(opinion.is_listed && opinion.list == SPAM_WHITELIST); /* the same by another name */
    MUST(ask_for(w, "a@bad.example", "theirs.test", &opinion, &e), e);
    assert_true(opinion.is_listed && opinion.list == SPAM_BLACKLIST);
    MUST(spam_rule_remove(w->spam, &the_operator, ours, &w->a, soon(), &e), e);
    MUST(ask(w, "a@bad.example", &opinion, &e), e);
    assert_true(opinion.is_listed && opinion.list == SPAM_BLACKLIST);
    assert_true(str_eq(opinion.subject, STR("bad.example")));
    assert_false(spam_rule_remove(w->spam, &the_operator, ours, &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(test_pg_number("SELECT count(*) FROM audit_log WHERE action LIKE 'receipt.%'"),
                     3);
}

static size_t count(struct world *w, const struct spam_rule_query *query)
{
    struct err e = ERR_CLEAR;
    struct spam_rules rules;
    MUST(spam_rule_page(w->spam, query, &w->a, soon(), &rules, &e), e);
    return rules.n;
}

static void rules_are_listed(struct world *w)
{
    (void)add(w, SPAM_WHITELIST, "192.0.2.0/24", "ours.example");
    (void)add(w, SPAM_WHITELIST, "friend@else.example", "");
    assert_int_equal(count(w, &(struct spam_rule_query){ .list = "", .limit = 10 }), 3);
    assert_int_equal(count(w, &(struct spam_rule_query){ .list = "", .limit = 2 }), 2);
    assert_int_equal(count(w, &(struct spam_rule_query){ .list = "whitelist", .limit = 10 }), 2);
    assert_int_equal(
        count(w,
              &(struct spam_rule_query){ .list = "", .domain = STR("OURS.example"), .limit = 10 }),
        1);
    assert_int_equal(count(w, &(struct spam_rule_query){ .list = "blacklist",
                                                         .subject = STR("BAD.example"),
                                                         .limit = 10 }),
                     1);
    assert_int_equal(
        count(w, &(struct spam_rule_query){ .list = "", .subject = STR("no/t"), .limit = 10 }), 0);
}

static void without_a_database_the_former_rules_count(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct spam_opinion opinion;
    struct world fresh = { .spam = spam_new(w->db, NULL) };
    arena_init(&fresh.a);
    MUST(ask(w, "a@bad.example", &opinion, &e), e);
    test_pg_stop();
    MUST(ask(w, "a@bad.example", &opinion, &e), e);
    assert_true(opinion.is_listed);
    assert_false(ask(&fresh, "a@bad.example", &opinion, &e));
    assert_true(e.kind != ERR_NONE);
    spam_free(&fresh.spam);
    arena_fini(&fresh.a);
}

static void run_all(void *arg)
{
    struct world *w = arg;
    rules_are_kept(w);
    rules_are_listed(w);
    without_a_database_the_former_rules_count(w);
}

static void lists_on_a_real_database(void **state)
{
    (void)state;
    struct world w = { .rt = NULL };
    struct err e = ERR_CLEAR;
    const struct db_options options = { .conninfo = test_pg_start_migrated(),
                                        .named_statements = true };
    test_pg_run("INSERT INTO domain (name) VALUES ('ours.example')");
    test_pg_run("INSERT INTO domain (name, alias_of) SELECT 'ours.test', domain_id FROM domain");
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(lists_on_a_real_database) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
