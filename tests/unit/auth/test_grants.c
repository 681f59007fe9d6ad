/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and tokens on a real database. */
#include "auth/grant.h"
#include "auth/once.h"
#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct fixture {
    struct runtime *rt;
    struct db *db;
    struct auth_grants *grants;
    struct arena a;
    int64_t account;
};

#define MUST(call, e)                                             \
    do {                                                          \
        if (!(call))                                              \
            fail_msg("%s: %s", err_kind_name((e).kind), (e).msg); \
    } while (0)

static int64_t soon(void)
{
    return clock_deadline_in(20000);
}

static int64_t find(struct fixture *f, bool is_session, const char *secret)
{
    struct err e = ERR_CLEAR;
    struct auth_grant grant;
    const struct auth_secret wanted = { is_session, str_from_cstr(secret), STR("192.0.2.1") };
    MUST(auth_grant_find(f->grants, &wanted, &f->a, soon(), &grant, &e), e);
    return grant.id;
}

static struct auth_grant begin(struct fixture *f, char secret[AUTH_SECRET_MAX])
{
    struct err e = ERR_CLEAR;
    struct auth_grant grant;
    const struct auth_session_new wanted = { .account_id = f->account,
                                             .ip = STR("192.0.2.1"),
                                             .user_agent = STR("\xff") };
    MUST(auth_session_begin(f->grants, &wanted, &f->a, soon(), secret, &grant, &e), e);
    return grant;
}

static void sessions_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    char first[AUTH_SECRET_MAX];
    char second[AUTH_SECRET_MAX];
    char renewed[AUTH_SECRET_MAX];
    char other[AUTH_SECRET_MAX];
    unsigned scopes;
    struct auth_sessions all;
    int64_t ended;
    struct auth_grant one = begin(f, first);
    struct auth_grant two = begin(f, second);
    assert_true(one.scopes == AUTH_SCOPES_USER && !one.is_admin);
    assert_int_equal(find(f, true, first), one.id);
    assert_int_equal(find(f, true, first), one.id);
    assert_int_equal(find(f, false, first), 0); /* no token */
    assert_int_equal(find(f, true, "nothing"), 0);
    MUST(auth_session_list(f->grants, f->account, INT64_MAX, 0, 10, &f->a, soon(), &all, &e), e);
    assert_int_equal(all.n, 2);
    MUST(auth_session_end(f->grants, f->account, one.id, 0, &f->a, soon(), &ended, &e), e);
    assert_int_equal(ended, 1);
    assert_int_equal(find(f, true, first), 0);
    assert_int_equal(find(f, true, second), two.id);
    /* A new password ends what it does not keep; a use after 12 hours is too late. */
    test_pg_run("UPDATE account SET password_serial = password_serial + 1");
    /* A login by the password of before, which was remembered, opens no session. */
    const struct auth_session_new late = { .account_id = f->account, .ip = STR("192.0.2.1") };
    struct auth_grant none;
    assert_false(auth_session_begin(f->grants, &late, &f->a, soon(), other, &none, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    e = ERR_CLEAR;
    auth_grants_forget(f->grants, f->account);
    assert_int_equal(find(f, true, second), 0);
    MUST(auth_session_renew(f->grants, &two, &f->a, soon(), renewed, &e), e);
    assert_int_equal(find(f, true, second), 0);
    assert_int_equal(find(f, true, renewed), two.id);
    assert_false(auth_session_renew(f->grants, &one, &f->a, soon(), other, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    e = ERR_CLEAR;
    MUST(auth_grant_scopes(f->grants, &one, &f->a, soon(), &scopes, &e), e);
    assert_int_equal(scopes, 0);
    test_pg_run("UPDATE account SET is_admin = true");
    MUST(auth_grant_scopes(f->grants, &two, &f->a, soon(), &scopes, &e), e);
    assert_int_equal(scopes, AUTH_SCOPES_ALL);
    test_pg_run("UPDATE account SET is_admin = false");
    MUST(auth_grant_scopes(f->grants, &two, &f->a, soon(), &scopes, &e), e);
    assert_int_equal(scopes, AUTH_SCOPES_USER);
    test_pg_run("UPDATE session SET last_used_at = now() - interval '13 hours'");
    auth_grants_forget(f->grants, 0);
    assert_int_equal(find(f, true, second), 0);
    MUST(auth_grants_sweep(f->db, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM session"), 0);
}

static void tokens_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    char secret[AUTH_SECRET_MAX];
    struct auth_tokens all;
    struct auth_token token = { .name = STR("backup"),
                                .scopes = AUTH_SCOPES_ALL,
                                .expires_us = INT64_MAX };
    struct auth_grant grant;
    MUST(auth_token_create(f->grants, f->account, &token, &f->a, soon(), secret, &e), e);
    assert_true(strncmp(secret, "hrn_", 4) == 0 && strlen(secret) == 47);
    const struct auth_secret wanted = { false, str_from_cstr(secret), STR_EMPTY };
    MUST(auth_grant_find(f->grants, &wanted, &f->a, soon(), &grant, &e), e);
    assert_int_equal(grant.id, token.id);
    assert_int_equal(grant.scopes, AUTH_SCOPES_USER); /* no administrator */
    MUST(auth_token_list(f->grants, f->account, INT64_MAX, 10, &f->a, soon(), &all, &e), e);
    assert_true(all.n == 1 && str_has_prefix(str_from_cstr(secret), all.list[0].prefix));
    char session[AUTH_SECRET_MAX];
    (void)begin(f, session);
    test_pg_run("UPDATE account SET disabled_at = now()");
    auth_grants_forget(f->grants, f->account);
    assert_int_equal(find(f, false, secret), 0);
    test_pg_run("UPDATE account SET disabled_at = NULL");
    assert_int_equal(find(f, false, secret), token.id);
    assert_int_equal(find(f, true, session), 0); /* it ended for good */
    assert_false(auth_token_end(f->grants, f->account + 1, token.id, &f->a, soon(), &e));
    MUST(auth_token_end(f->grants, f->account, token.id, &f->a, soon(), &e), e);
    assert_int_equal(find(f, false, secret), 0);
}

static enum auth_once once(struct fixture *f, const char *key, uint8_t fill,
                           struct auth_once_answer *answer)
{
    struct err e = ERR_CLEAR;
    uint8_t hash[AUTH_ONCE_HASH];
    enum auth_once what;
    memset(hash, fill, sizeof(hash));
    MUST(auth_once_begin(f->db, f->account, str_from_cstr(key), hash, &f->a, soon(), &what, answer,
                         &e),
         e);
    return what;
}

static void once_body(void *arg)
{
    struct fixture *f = arg;
    struct err e = ERR_CLEAR;
    struct auth_once_answer answer;
    const struct auth_once_answer made = { 201, STR("/x"), STR("{}") };
    assert_int_equal(once(f, "k", 1, &answer), AUTH_ONCE_FIRST);
    assert_int_equal(once(f, "k", 1, &answer), AUTH_ONCE_AT_WORK);
    assert_int_equal(once(f, "k", 2, &answer), AUTH_ONCE_OTHER);
    MUST(auth_once_keep(f->db, f->account, STR("k"), &made, soon(), &e), e);
    assert_int_equal(once(f, "k", 1, &answer), AUTH_ONCE_DONE);
    assert_true(answer.status == 201 && str_eq(answer.location, STR("/x")));
    assert_int_equal(once(f, "other", 1, &answer), AUTH_ONCE_FIRST);
    MUST(auth_once_drop(f->db, f->account, STR("other"), soon(), &e), e);
    assert_int_equal(once(f, "other", 1, &answer), AUTH_ONCE_FIRST);
}

static void run(fiber_fn fn)
{
    static int number;
    char sql[200];
    struct fixture f = { 0 };
    struct err e = ERR_CLEAR;
    f.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    f.db = db_new(f.rt, &(struct db_options){ .conninfo = test_pg_start_migrated(),
                                              .named_statements = true });
    if (number == 0)
        test_pg_run("SELECT domain_create('example.org')");
    (void)snprintf(sql, sizeof(sql),
                   "SELECT account_create('u%d@example.org', 'example.org', '', NULL, 0, false)",
                   ++number);
    f.account = test_pg_number(sql);
    f.grants = auth_grants_new(f.db);
    arena_init(&f.a);
    in_fiber_run_to_end(f.rt, fn, &f);
    arena_fini(&f.a);
    auth_grants_free(&f.grants);
    db_free(&f.db);
    runtime_free(&f.rt);
}

static void test_sessions(void **state)
{
    (void)state;
    run(sessions_body);
}

static void test_tokens(void **state)
{
    (void)state;
    run(tokens_body);
}

static void test_once(void **state)
{
    (void)state;
    run(once_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
