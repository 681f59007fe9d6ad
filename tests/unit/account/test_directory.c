/* SPDX-License-Identifier: Apache-2.0 */
/* Domains, accounts and routing on a real database. */
#include "account/account.h"
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
    int changes; /* told by the directory */
};

static void count_change(int64_t account_id, void *arg)
{
    struct world *w = arg;
    (void)account_id;
    w->changes++;
}

static int64_t soon(void)
{
    return clock_deadline_in(30000);
}

static void add_domain(struct world *w, const char *name)
{
    struct err e = ERR_CLEAR;
    assert_true(
        account_domain_add(w->directory, &the_operator, str_from_cstr(name), &w->a, soon(), &e));
}

static int64_t add_account(struct world *w, const char *address, bool admin)
{
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    const struct account_new new_account = { .address = str_from_cstr(address),
                                             .password_hash = STR("$argon2id$test"),
                                             .quota_bytes = 1000,
                                             .is_admin = admin };
    bool ok = account_add(w->directory, &the_operator, &new_account, &w->a, soon(), &id, &e);
    if (!ok)
        print_error("%s\n", e.msg);
    assert_true(ok);
    return id;
}

static struct account_route route(struct world *w, const char *local, const char *domain)
{
    struct err e = ERR_CLEAR;
    struct account_route out;
    assert_true(account_route(w->directory, str_from_cstr(local), str_from_cstr(domain), &w->a,
                              soon(), &out, &e));
    return out;
}

static enum err_kind change(struct world *w, const char *address, enum account_change_kind kind,
                            int64_t number)
{
    struct err e = ERR_CLEAR;
    const struct account_change c = { .kind = kind, .number = number };
    (void)account_change(w->directory, &the_operator, str_from_cstr(address), &c, &w->a, soon(),
                         &e);
    return e.kind;
}

static void routes_go_where_they_should(struct world *w)
{
    assert_int_equal(route(w, "ada", "example.org").kind, ACCOUNT_ROUTE_REMOTE);
    add_domain(w, "Example.org");
    account_directory_forget(w->directory);
    assert_int_equal(route(w, "postmaster", "example.org").kind, ACCOUNT_ROUTE_UNKNOWN);
    int64_t ada = add_account(w, "Ada@example.org", true);
    int64_t ben = add_account(w, "ben@example.org", false);
    int64_t full = add_account(w, "ben+lists@example.org", false);

    assert_int_equal(route(w, "ADA", "EXAMPLE.org").account_id, ada);
    struct account_route tagged = route(w, "ada+news", "example.org");
    assert_int_equal(tagged.account_id, ada);
    assert_true(str_eq(tagged.tag, STR("news")));
    assert_int_equal(route(w, "ben+lists", "example.org").account_id, full);
    assert_int_equal(route(w, "ben+lists", "example.org").tag.n, 0);
    assert_int_equal(route(w, "ben", "example.org").account_id, ben);
    assert_int_equal(route(w, "nobody", "example.org").kind, ACCOUNT_ROUTE_UNKNOWN);
    assert_int_equal(route(w, "ada", "elsewhere.example").kind, ACCOUNT_ROUTE_REMOTE);
    /* Names that no account can have: of others they are as good as any. */
    assert_int_equal(route(w, "a b", "elsewhere.example").kind, ACCOUNT_ROUTE_REMOTE);
    assert_int_equal(route(w, "a@b", "elsewhere.example").kind, ACCOUNT_ROUTE_REMOTE);
    assert_int_equal(route(w, "a b", "example.org").kind, ACCOUNT_ROUTE_UNKNOWN);
    assert_true(str_eq(route(w, "ada+a b", "example.org").tag, STR("a b")));
    /* Role addresses find the administrator; so does a postmaster without a domain. */
    assert_int_equal(route(w, "postmaster", "example.org").account_id, ada);
    assert_int_equal(route(w, "ABUSE", "example.org").account_id, ada);
    assert_int_equal(route(w, "Postmaster", "").account_id, ada);
    /* Whoever cannot read it comes last. */
    test_pg_run("UPDATE account SET disabled_at = now() WHERE is_admin");
    account_directory_forget(w->directory);
    assert_int_equal(route(w, "postmaster", "example.org").account_id, ben);
    assert_int_equal(route(w, "Postmaster", "").account_id, ben);
    test_pg_run("UPDATE account SET disabled_at = now()");
    account_directory_forget(w->directory);
    assert_int_equal(route(w, "abuse", "example.org").account_id, ada);
    assert_int_equal(route(w, "Postmaster", "").account_id, ada);
    test_pg_run("UPDATE account SET disabled_at = NULL");
    account_directory_forget(w->directory);
    /* A domain where nobody is has the same people as the server. */
    add_domain(w, "nobody.example");
    assert_int_equal(route(w, "postmaster", "nobody.example").account_id, ada);
    test_pg_run("UPDATE account SET is_admin = false");
    account_directory_forget(w->directory);
    assert_int_equal(route(w, "postmaster", "nobody.example").account_id, ada);
    assert_int_equal(route(w, "abuse", "nobody.example").account_id, ada);
    test_pg_run(
        "UPDATE account SET disabled_at = now() WHERE account_id = (SELECT min(account_id) FROM account)");
    account_directory_forget(w->directory);
    assert_int_equal(route(w, "abuse", "nobody.example").account_id, ben);
    assert_int_equal(route(w, "Postmaster", "").account_id, ben);
    test_pg_run("UPDATE account SET disabled_at = NULL,"
                " is_admin = account_id = (SELECT min(account_id) FROM account)");
    account_directory_forget(w->directory);
    assert_int_equal(route(w, "nobody", "nobody.example").kind, ACCOUNT_ROUTE_UNKNOWN);
    test_pg_run("DELETE FROM domain WHERE name = 'nobody.example'");
    /* From the cache, the same. */
    assert_true(str_eq(route(w, "ada+news", "example.org").tag, STR("news")));
}

static str local_part(str address)
{
    return str_slice(address, 0, (size_t)str_rfind_byte(address, '@'));
}

/* What a message left with leads where its sender's own address leads: that of the account, one
 * with a tag, one that is another account's in spite of its tag, and none of a server elsewhere. */
static void senders_that_name_their_message_lead_back(struct world *w)
{
    static const char *const senders[] = { "ada@example.org", "ADA+news@example.org",
                                           "ben+lists@example.org", "ada@elsewhere.example" };
    struct err e = ERR_CLEAR;
    int64_t id = 0;
    str made;
    for (size_t i = 0; i < COUNT_OF(senders); i++) {
        str sender = str_from_cstr(senders[i]);
        const char *domain = strchr(senders[i], '@') + 1;
        assert_true(account_from_id_sender(w->directory, sender, 4711, &w->a, soon(), &made, &e));
        assert_true(made.n > sender.n);
        struct account_route own = route(w, arena_cstr(&w->a, local_part(sender)), domain);
        struct account_route back = route(w, arena_cstr(&w->a, local_part(made)), domain);
        assert_true(back.kind == own.kind && back.account_id == own.account_id);
        assert_true(str_eq(back.tag, own.tag));
        assert_true(back.queue_id == 4711 && own.queue_id == 0);
        assert_true(account_from_id_find(w->directory, made, &w->a, soon(), &id, &e) && id == 4711);
    }
    /* One that is forged is a tag like any other. */
    assert_true(account_from_id_find(w->directory, STR("ada+id-00000000004k700000000@example.org"),
                                     &w->a, soon(), &id, &e));
    assert_int_equal(id, 0);
    assert_true(str_eq(route(w, "ada+id-00000000004k700000000", "example.org").tag,
                       STR("id-00000000004k700000000")));
    assert_true(route(w, "ada+id-00000000004k700000000", "example.org").queue_id == 0);
}

static void only_own_addresses_may_send(struct world *w)
{
    static const struct {
        const char *local;
        const char *domain;
        bool allowed;
    } cases[] = { { "ada", "example.org", true },        { "ADA", "Example.ORG", true },
                  { "ada+x", "example.org", true },      { "ben", "example.org", false },
                  { "ada", "elsewhere.example", false }, { "a b", "example.org", false } };
    struct err e = ERR_CLEAR;
    int64_t ada = route(w, "ada", "example.org").account_id;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool may = !cases[i].allowed;
        assert_true(account_may_send_as(w->directory, ada, str_from_cstr(cases[i].local),
                                        str_from_cstr(cases[i].domain), &w->a, soon(), &may, &e));
        assert_int_equal(may, cases[i].allowed);
    }
}

static void logins_are_found_with_their_hash(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct account account;
    bool found = false;
    assert_true(account_find_for_login(w->directory, STR("ADA@example.org"), &w->a, soon(), &found,
                                       &account, &e));
    assert_true(found && account.is_admin && !account.is_disabled);
    assert_true(str_eq(account.password_hash, STR("$argon2id$test")));
    assert_int_equal(account.quota_bytes, 1000);
    assert_true(account_find_for_login(w->directory, STR("not an address"), &w->a, soon(), &found,
                                       &account, &e));
    assert_false(found);
    assert_true(account_get(w->directory, route(w, "ben", "example.org").account_id, &w->a, soon(),
                            &account, &e));
    assert_true(str_eq(account.login, STR("ben@example.org")));
    assert_int_equal(account.password_hash.n, 0);
    assert_false(account_get(w->directory, 999999, &w->a, soon(), &account, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void changes_are_guarded_told_and_audited(struct world *w)
{
    int told = w->changes;
    assert_int_equal(change(w, "ben@example.org", ACCOUNT_SET_QUOTA, 5000), ERR_NONE);
    assert_int_equal(change(w, "nobody@example.org", ACCOUNT_SET_QUOTA, 1), ERR_NOT_FOUND);
    assert_int_equal(change(w, "ada@example.org", ACCOUNT_SET_DISABLED, 1), ERR_DENIED);
    assert_int_equal(change(w, "ada@example.org", ACCOUNT_SET_ADMIN, 0), ERR_DENIED);
    assert_int_equal(change(w, "ben@example.org", ACCOUNT_SET_ADMIN, 1), ERR_NONE);
    assert_int_equal(change(w, "ada@example.org", ACCOUNT_SET_DISABLED, 1), ERR_NONE);
    assert_int_equal(change(w, "ben@example.org", ACCOUNT_SET_DISABLED, 1), ERR_DENIED);
    assert_int_equal(change(w, "ada@example.org", ACCOUNT_SET_DISABLED, 0), ERR_NONE);
    assert_int_equal(w->changes - told, 4);
    /* A refused change leaves no row, a made one exactly one. */
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM audit_log WHERE action = 'account.quota'"), 1);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM audit_log WHERE action = 'account.disabled'"), 2);
}

static struct account login_of(struct world *w, const char *address)
{
    struct err e = ERR_CLEAR;
    struct account account;
    bool found = false;
    assert_true(account_find_for_login(w->directory, str_from_cstr(address), &w->a, soon(), &found,
                                       &account, &e));
    assert_true(found);
    return account;
}

/* A better hash of the password replaces only the hash that was verified, and is no new password.
 */
static void a_rehash_never_undoes_a_new_password(struct world *w)
{
    struct err e = ERR_CLEAR;
    const struct account_change to_new = { .kind = ACCOUNT_SET_PASSWORD_HASH, .text = STR("new") };
    struct account before = login_of(w, "ada@example.org");
    int told = w->changes;
    assert_true(account_rehash(w->directory, &before, STR("$better$test"), &w->a, soon(), &e));
    struct account better = login_of(w, "ada@example.org");
    assert_true(str_eq(better.password_hash, STR("$better$test")));
    assert_int_equal(better.password_serial, before.password_serial);
    assert_int_equal(w->changes, told);
    assert_true(account_change(w->directory, &the_operator, STR("ada@example.org"), &to_new, &w->a,
                               soon(), &e));
    assert_false(account_rehash(w->directory, &better, STR("$late$test"), &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    struct account after = login_of(w, "ada@example.org");
    assert_true(str_eq(after.password_hash, STR("new")));
    assert_int_equal(after.password_serial, before.password_serial + 1);
    assert_int_equal(
        test_pg_number("SELECT count(*) FROM audit_log WHERE action = 'account.rehash'"), 1);
}

/* U13: whoever is disabled sends nothing any more, also in a session that was open before. */
static void the_disabled_may_not_send(struct world *w)
{
    struct err e = ERR_CLEAR;
    int64_t ben = route(w, "ben", "example.org").account_id;
    for (int disabled = 1; disabled >= 0; disabled--) {
        bool may = disabled;
        assert_int_equal(change(w, "ben@example.org", ACCOUNT_SET_DISABLED, disabled), ERR_NONE);
        assert_true(account_may_send_as(w->directory, ben, STR("ben"), STR("example.org"), &w->a,
                                        soon(), &may, &e));
        assert_int_equal(may, !disabled);
    }
}

static void system_mail_has_a_domain(struct world *w)
{
    static const struct {
        const char *hostname;
        bool is_alone; /* example.org is the only domain */
        const char *domain;
    } cases[] = {
        { "mx.else.test", true, "example.org" },
        { "mx.else.test", false, "" },
        { "mx.in.EXAMPLE.org.", false, "example.org" },
        { "example.org", false, "example.org" },
        { "mx.badexample.org", false, "" },
        { "a.deep.example.org", false, "deep.example.org" },
        { "", false, "" },
    };
    bool is_alone = true;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        str domain;
        if (is_alone && !cases[i].is_alone)
            add_domain(w, "deep.example.org");
        is_alone = cases[i].is_alone;
        assert_true(account_system_domain(w->directory, str_from_cstr(cases[i].hostname), &w->a,
                                          soon(), &domain, &e));
        if (!str_eq(domain, str_from_cstr(cases[i].domain)))
            fail_msg("%s: %.*s", cases[i].hostname, STR_FMT(domain));
    }
    struct err e = ERR_CLEAR;
    assert_true(account_domain_remove(w->directory, &the_operator, STR("deep.example.org"), &w->a,
                                      soon(), &e));
}

static void lists_come_in_order(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct account_list list;
    struct account_domain_list domains;
    assert_true(
        account_list(w->directory, STR("example.org"), STR_EMPTY, &w->a, soon(), &list, &e));
    assert_int_equal(list.n, 3);
    assert_true(str_eq(list.list[0].login, STR("ada@example.org")));
    assert_true(
        account_list(w->directory, STR_EMPTY, STR("ada@example.org"), &w->a, soon(), &list, &e));
    assert_int_equal(list.n, 2);
    add_domain(w, "empty.example");
    assert_true(account_domain_list(w->directory, &w->a, soon(), &domains, &e));
    assert_int_equal(domains.n, 2);
    assert_int_equal(domains.list[1].accounts, 3);
}

static void domains_refuse_what_they_should(struct world *w)
{
    static const struct {
        const char *name;
        bool add;
        enum err_kind kind;
    } cases[] = {
        { "example.org", true, ERR_EXISTS },    { "a b", true, ERR_SYNTAX },
        { "example.org", false, ERR_CONFLICT }, { "unknown.example", false, ERR_NOT_FOUND },
        { "empty.example", false, ERR_NONE },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        str name = str_from_cstr(cases[i].name);
        if (cases[i].add) {
            (void)account_domain_add(w->directory, &the_operator, name, &w->a, soon(), &e);
        } else {
            (void)account_domain_remove(w->directory, &the_operator, name, &w->a, soon(), &e);
        }
        assert_int_equal(e.kind, cases[i].kind);
    }
}

struct asking {
    struct world *w;
    enum account_route_kind kind;
    bool has_ended;
};

static void ask_once(void *arg)
{
    struct asking *asking = arg;
    asking->kind = route(asking->w, "late", "example.org").kind;
    asking->has_ended = true;
}

/* The hint of a change comes between the question to the database and its answer, which may not
 * know of the change. */
static void an_answer_from_before_a_change_is_not_remembered(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct asking asking = { .w = w };
    struct account_directory *elsewhere = account_directory_new(w->db, NULL);
    struct account_directory *here = w->directory;
    test_pg_pause();
    test_pg_await(true); /* not away: only slow */
    MUST(fiber_spawn(w->rt, "asking", ask_once, &asking, NULL, &e), e);
    MUST(fiber_sleep_until(clock_deadline_in(10), &e), e);
    account_directory_forget(w->directory);
    test_pg_resume();
    while (!asking.has_ended)
        MUST(fiber_sleep_until(clock_deadline_in(1), &e), e);
    assert_int_equal(asking.kind, ACCOUNT_ROUTE_UNKNOWN);
    w->directory = elsewhere;
    int64_t late = add_account(w, "late@example.org", false);
    w->directory = here;
    assert_int_equal(route(w, "late", "example.org").account_id, late);
    account_directory_free(&elsewhere);
}

static void run_all(void *arg)
{
    struct world *w = arg;
    routes_go_where_they_should(w);
    senders_that_name_their_message_lead_back(w);
    only_own_addresses_may_send(w);
    logins_are_found_with_their_hash(w);
    changes_are_guarded_told_and_audited(w);
    a_rehash_never_undoes_a_new_password(w);
    the_disabled_may_not_send(w);
    system_mail_has_a_domain(w);
    lists_come_in_order(w);
    domains_refuse_what_they_should(w);
    an_answer_from_before_a_change_is_not_remembered(w);
}

static void directory_on_a_real_database(void **state)
{
    (void)state;
    struct world w = { .changes = 0 };
    struct err e = ERR_CLEAR;
    const struct db_options db_options = { .conninfo = test_pg_start_migrated(),
                                           .named_statements = true };
    const struct account_directory_options options = { .changed = count_change, .arg = &w };
    arena_init(&w.a);
    w.rt = runtime_new(NULL, &e);
    w.db = db_new(w.rt, &db_options);
    w.directory = account_directory_new(w.db, &options);
    in_fiber_run_to_end(w.rt, run_all, &w);
    account_directory_free(&w.directory);
    db_free(&w.db);
    runtime_free(&w.rt);
    arena_fini(&w.a);
    test_servers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(directory_on_a_real_database) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
