/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of domains, accounts and addresses by pages, and changes of several things, on a real
 * database. */
#include "account/lists.h"
#include "account/profile.h"
#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct account_actor the_operator = { 0, STR_INIT("cli"), { NULL, 0 } };

struct world {
    struct runtime *rt;
    struct db *db;
    struct account_directory *directory;
    struct arena a;
};

static int64_t soon(void)
{
    return clock_deadline_in(30000);
}

static int64_t add_account(struct world *w, const char *address, const char *name, bool admin)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const struct account_new new_account = { .address = str_from_cstr(address),
                                             .password_hash = STR("$argon2id$test"),
                                             .display_name = str_from_cstr(name),
                                             .is_admin = admin };
    assert_true(account_add(w->directory, &the_operator, &new_account, &w->a, soon(), &id, &e));
    return id;
}

static void fill(struct world *w)
{
    static const char *const domains[] = { "one.example", "two.example", "three.example" };
    struct err e = ERR_CLEAR;
    for (size_t i = 0; i < COUNT_OF(domains); i++) {
        assert_true(account_domain_add(w->directory, &the_operator, str_from_cstr(domains[i]),
                                       &w->a, soon(), &e));
    }
    (void)add_account(w, "ada@one.example", "Ada", true);
    (void)add_account(w, "ben@one.example", "Ben \xc3\x84rmel", false);
    (void)add_account(w, "cy@two.example", "", false);
}

/* ---- orders ---- */

/* All logins in the order asked for, read one row at a time: "ada@one.example ben@...". */
static str accounts_in_order(struct world *w, enum account_order order)
{
    struct account_query query = { .order = order, .limit = 1 };
    str all = STR_EMPTY;
    for (;;) {
        struct account_list page;
        struct err e = ERR_CLEAR;
        assert_true(account_page(w->directory, &query, &w->a, soon(), &page, &e));
        if (page.n == 0)
            return all;
        bool by_use = order == ACCOUNTS_BY_USED || order == ACCOUNTS_BY_USED_DESC;
        all = arena_printf(&w->a, "%.*s%.*s ", STR_FMT(all), 3, page.list[0].login.p);
        query.after = (struct account_place){
            .is_given = true,
            .number = by_use ? page.list[0].used_bytes : page.list[0].created_at_us,
            .name = page.list[0].login,
        };
    }
}

static void accounts_come_in_every_order(struct world *w)
{
    static const struct {
        enum account_order order;
        const char *expected;
    } cases[] = {
        { ACCOUNTS_BY_ADDRESS, "ada ben cy@ " }, { ACCOUNTS_BY_ADDRESS_DESC, "cy@ ben ada " },
        { ACCOUNTS_BY_CREATED, "ada ben cy@ " }, { ACCOUNTS_BY_CREATED_DESC, "cy@ ben ada " },
        { ACCOUNTS_BY_USED, "ada ben cy@ " },    { ACCOUNTS_BY_USED_DESC, "cy@ ben ada " },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str all = accounts_in_order(w, cases[i].order);
        if (!str_eq(all, str_from_cstr(cases[i].expected)))
            fail_msg("order %d: %.*s", (int)cases[i].order, STR_FMT(all));
    }
}

static void domains_come_in_every_order(struct world *w)
{
    static const struct {
        enum account_domain_order order;
        const char *expected;
    } cases[] = {
        { ACCOUNT_DOMAINS_BY_NAME, "one three two " },
        { ACCOUNT_DOMAINS_BY_NAME_DESC, "two three one " },
        { ACCOUNT_DOMAINS_BY_CREATED, "one two three " },
        { ACCOUNT_DOMAINS_BY_CREATED_DESC, "three two one " },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct account_domain_query query = { .order = cases[i].order, .limit = 1 };
        str all = STR_EMPTY;
        for (;;) {
            struct account_domain_rows page;
            struct err e = ERR_CLEAR;
            str name;
            str rest;
            assert_true(account_domain_page(w->directory, &query, &w->a, soon(), &page, &e));
            if (page.n == 0)
                break;
            (void)str_cut(page.list[0].name, '.', &name, &rest);
            all = arena_printf(&w->a, "%.*s%.*s ", STR_FMT(all), STR_FMT(name));
            query.after =
                (struct account_place){ true, page.list[0].created_at_us, page.list[0].name };
        }
        assert_true(str_eq(all, str_from_cstr(cases[i].expected)));
    }
}

/* ---- filters ---- */

static int64_t count_accounts(struct world *w, const struct account_query *query)
{
    struct account_list page;
    struct err e = ERR_CLEAR;
    int64_t count = -1;
    assert_true(account_count(w->directory, query, &w->a, soon(), &count, &e));
    struct account_query all = *query;
    all.limit = ACCOUNT_PAGE_MAX;
    assert_true(account_page(w->directory, &all, &w->a, soon(), &page, &e));
    assert_int_equal(page.n, count);
    return count;
}

static void accounts_are_filtered(struct world *w)
{
    assert_int_equal(count_accounts(w, &(struct account_query){ .limit = 0 }), 3);
    assert_int_equal(count_accounts(w, &(struct account_query){ .search = STR("EXAMPLE") }), 3);
    assert_int_equal(count_accounts(w, &(struct account_query){ .search = STR("\xc3\x84rm") }), 1);
    assert_int_equal(count_accounts(w, &(struct account_query){ .search = STR("%") }), 0);
    assert_int_equal(count_accounts(w, &(struct account_query){ .domain = STR("one.example") }), 2);
    assert_int_equal(count_accounts(w, &(struct account_query){ .filter = ACCOUNTS_ADMIN }), 1);
    assert_int_equal(count_accounts(w, &(struct account_query){ .filter = ACCOUNTS_DISABLED }), 0);
    assert_int_equal(count_accounts(w, &(struct account_query){ .filter = ACCOUNTS_ACTIVE }), 3);
}

static enum err_kind update(struct world *w, const char *address,
                            const struct account_update *update)
{
    struct err e = ERR_CLEAR;
    (void)account_update(w->directory, &the_operator, str_from_cstr(address), update, &w->a, soon(),
                         &e);
    return e.kind;
}

static void several_things_change_at_once(struct world *w)
{
    struct account_list page;
    struct err e = ERR_CLEAR;
    const struct account_query ben = { .search = STR("ben@"), .limit = 2 };
    const struct account_update all = { .has_name = true,
                                        .display_name = STR("Ben"),
                                        .has_quota = true,
                                        .quota_bytes = 77,
                                        .has_disabled = true,
                                        .is_disabled = true,
                                        .has_sent = true,
                                        .saves_sent = true,
                                        .has_from_id = true,
                                        .uses_from_id = true,
                                        .has_pop3 = true,
                                        .keeps_pop3_deleted = true };
    assert_int_equal(update(w, "ben@one.example", &all), ERR_NONE);
    assert_true(account_page(w->directory, &ben, &w->a, soon(), &page, &e));
    assert_int_equal(page.n, 1);
    assert_true(str_eq(page.list[0].display_name, STR("Ben")));
    assert_int_equal(page.list[0].quota_bytes, 77);
    assert_true(page.list[0].is_disabled && !page.list[0].is_admin);
    assert_true(page.list[0].keeps_pop3_deleted && page.list[0].saves_sent &&
                page.list[0].uses_from_id);
    /* Nothing of it happens when one thing may not be. */
    const struct account_update bad = { .has_name = true,
                                        .display_name = STR("Nobody"),
                                        .has_admin = true };
    assert_int_equal(update(w, "ada@one.example", &bad), ERR_DENIED);
    assert_int_equal(count_accounts(w, &(struct account_query){ .search = STR("Nobody") }), 0);
    assert_int_equal(update(w, "dan@one.example", &all), ERR_NOT_FOUND);
}

/* ---- addresses ---- */

static enum err_kind add_address(struct world *w, const char *address, int64_t account_id)
{
    struct err e = ERR_CLEAR;
    (void)account_address_add(w->directory, &the_operator, str_from_cstr(address), account_id,
                              &w->a, soon(), &e);
    return e.kind;
}

static enum err_kind remove_address(struct world *w, const char *address)
{
    struct err e = ERR_CLEAR;
    (void)account_address_remove(w->directory, &the_operator, str_from_cstr(address), &w->a, soon(),
                                 &e);
    return e.kind;
}

static void further_addresses(struct world *w)
{
    struct account_address_row row;
    struct account_address_rows rows;
    struct account_domain_row domain;
    struct err e = ERR_CLEAR;
    int64_t count = 0;
    int64_t dan = add_account(w, "dan@two.example", "", false);
    assert_int_equal(add_address(w, "Sales@Two.example", dan), ERR_NONE);
    assert_int_equal(add_address(w, "sales@two.example", dan), ERR_EXISTS);
    assert_int_equal(add_address(w, "sales@far.example", dan), ERR_NOT_FOUND);
    assert_int_equal(add_address(w, "sales", dan), ERR_SYNTAX);
    assert_true(
        account_address_get(w->directory, STR("SALES@two.example"), &w->a, soon(), &row, &e));
    assert_int_equal(row.account_id, dan);
    assert_int_equal(row.kind, ACCOUNT_ADDRESS_ALIAS);
    assert_true(str_eq(row.login, STR("dan@two.example")));
    const struct account_address_query query = {
        .account_id = dan, .kind = ACCOUNT_ADDRESS_ANY, .after = STR("dan@two.example"), .limit = 10
    };
    assert_true(account_address_page(w->directory, &query, &w->a, soon(), &rows, &e));
    assert_int_equal(rows.n, 1);
    assert_true(account_address_count(w->directory, &query, &w->a, soon(), &count, &e));
    assert_int_equal(count, 2);
    assert_true(account_domain_get(w->directory, STR("TWO.example"), &w->a, soon(), &domain, &e));
    assert_int_equal(domain.accounts, 2);
    assert_int_equal(domain.addresses, 3);
    assert_int_equal(remove_address(w, "dan@two.example"), ERR_CONFLICT);
    assert_int_equal(remove_address(w, "SALES@two.example"), ERR_NONE);
    assert_int_equal(remove_address(w, "sales@two.example"), ERR_NOT_FOUND);
}

/* An account comes with all its addresses, or not at all. */
static void addresses_of_a_new_account(struct world *w)
{
    static const struct {
        str more[3];
        enum err_kind kind;
    } cases[] = {
        { { STR_INIT("fay.l@two.example"), STR_INIT("ada@one.example"), STR_INIT("f@two.example") },
          ERR_CONFLICT },
        { { STR_INIT("fay.l@two.example"), STR_INIT("fay@far.example"), STR_INIT("f@two.example") },
          ERR_NOT_FOUND },
        { { STR_INIT("fay.l@two.example"), STR_INIT("fay"), STR_INIT("f@two.example") },
          ERR_SYNTAX },
        { { STR_INIT("Fay.L@two.example"), STR_INIT("FAY@two.example"),
            STR_INIT("fay.l@TWO.example") },
          ERR_NONE },
    };
    struct account_address_row row;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct err none = ERR_CLEAR;
        int64_t id = 0;
        const struct account_new fay = { .address = STR("fay@two.example"),
                                         .password_hash = STR("$argon2id$test"),
                                         .addresses = cases[i].more,
                                         .n_addresses = COUNT_OF(cases[i].more) };
        bool ok = account_add(w->directory, &the_operator, &fay, &w->a, soon(), &id, &e);
        assert_int_equal(e.kind, cases[i].kind);
        assert_int_equal(ok, cases[i].kind == ERR_NONE);
        assert_int_equal(
            account_address_get(w->directory, STR("fay@two.example"), &w->a, soon(), &row, &none),
            ok);
        assert_int_equal(
            account_address_get(w->directory, STR("fay.l@two.example"), &w->a, soon(), &row, &none),
            ok);
    }
    assert_int_equal(row.kind, ACCOUNT_ADDRESS_ALIAS);
    assert_true(str_eq(row.login, STR("fay@two.example")));
}

/* By one query, in the order of the accounts, also when one of them is not there. */
static void addresses_of_many(struct world *w)
{
    enum {
        FURTHER = ACCOUNT_ADDRESSES_SHOWN + 5
    };
    struct err e = ERR_CLEAR;
    struct account accounts[3] = { { 0 } };
    struct account_addresses found[3];
    accounts[0].account_id = add_account(w, "eve@two.example", "", false);
    accounts[1].account_id = 99999;
    accounts[2].account_id = add_account(w, "zoe@one.example", "", false);
    for (int i = 0; i < FURTHER; i++) {
        str address = arena_printf(&w->a, "a%03d@two.example", i);
        assert_int_equal(add_address(w, arena_cstr(&w->a, address), accounts[2].account_id),
                         ERR_NONE);
    }
    assert_true(account_addresses_of(w->directory, accounts, 3, &w->a, soon(), found, &e));
    assert_int_equal(found[0].n, 1);
    assert_true(str_eq(found[0].list[0], STR("eve@two.example")));
    assert_int_equal(found[1].n, 0);
    assert_int_equal(found[2].n, ACCOUNT_ADDRESSES_SHOWN);
    assert_true(str_eq(found[2].list[0], STR("zoe@one.example")));
    assert_true(str_eq(found[2].list[1], STR("a000@two.example")));
    assert_true(account_addresses_of(w->directory, accounts, 0, &w->a, soon(), found, &e));
}

static void totals_are_counted(struct world *w)
{
    struct account_totals totals;
    struct err e = ERR_CLEAR;
    assert_true(account_get_totals(w->directory, &w->a, soon(), &totals, &e));
    assert_int_equal(totals.domains, 3);
    assert_int_equal(totals.accounts, 4);
    assert_int_equal(totals.disabled, 1);
    assert_int_equal(totals.admins, 1);
    assert_int_equal(totals.messages, 0);
}

static void run_all(void *arg)
{
    struct world *w = arg;
    fill(w);
    accounts_come_in_every_order(w);
    domains_come_in_every_order(w);
    accounts_are_filtered(w);
    several_things_change_at_once(w);
    further_addresses(w);
    totals_are_counted(w);
    addresses_of_many(w);
    addresses_of_a_new_account(w);
}

static void lists_on_a_real_database(void **state)
{
    (void)state;
    struct world w = { .rt = NULL };
    struct err e = ERR_CLEAR;
    const struct db_options db_options = { .conninfo = test_pg_start_migrated(),
                                           .named_statements = true };
    arena_init(&w.a);
    w.rt = runtime_new(NULL, &e);
    w.db = db_new(w.rt, &db_options);
    w.directory = account_directory_new(w.db, NULL);
    in_fiber_run_to_end(w.rt, run_all, &w);
    account_directory_free(&w.directory);
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
