/* SPDX-License-Identifier: Apache-2.0 */
/* App passwords and tickets on a real database: who gets in with what, and when that ends. */
#include "account/account.h"
#include "auth/app_password.h"
#include "auth/auth.h"
#include "auth/grant.h"
#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct world {
    struct runtime *rt;
    struct db *db;
    struct account_directory *directory;
    struct auth *auth;
    struct arena a;
    int64_t ada;
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

static enum err_kind log_in(struct world *w, const char *secret, const char *protocol,
                            const char *ip, struct auth_identity *who)
{
    struct err e = ERR_CLEAR;
    struct net_address peer;
    MUST(net_address_parse_ip(str_from_cstr(ip), &peer, &e), e);
    const struct auth_attempt attempt = { .login = STR("ada@example.org"),
                                          .password = str_from_cstr(secret),
                                          .peer = &peer,
                                          .protocol = protocol,
                                          .session = STR("test") };
    (void)auth_login(w->auth, &attempt, &w->a, clock_deadline_in(30000), who, &e);
    return e.kind;
}

static struct auth_app_password make(struct world *w, unsigned protocols, const char *network,
                                     char secret[AUTH_APP_SECRET_MAX])
{
    struct err e = ERR_CLEAR;
    const str networks[] = { str_from_cstr(network) };
    struct auth_app_password wanted = { .label = STR("Phone"),
                                        .protocols = protocols,
                                        .networks = networks,
                                        .n_networks = *network ? 1 : 0,
                                        .expires_us = INT64_MAX };
    MUST(auth_app_password_create(w->auth, w->ada, STR("ada@example.org"), &wanted, &w->a, soon(),
                                  secret, &e),
         e);
    return wanted;
}

static enum auth_standing standing(struct world *w, const struct auth_ticket *ticket)
{
    struct err e = ERR_CLEAR;
    enum auth_standing out;
    struct auth_accounts ended;
    MUST(auth_ticket_check(w->db, ticket, &w->a, soon(), &out, &e), e);
    MUST(auth_tickets_ended(w->db, ticket, 1, &w->a, soon(), &ended, &e), e);
    assert_int_equal(ended.n, out != AUTH_STANDS);
    assert_true(ended.n == 0 || ended.list[0] == ticket->account_id);
    return out;
}

static void scopes(struct world *w)
{
    static const struct {
        const char *protocol;
        const char *ip;
        enum err_kind kind;
    } cases[] = { { "imap", "192.0.2.1", ERR_NONE },    { "imap", "198.51.100.1", ERR_DENIED },
                  { "pop3", "192.0.2.1", ERR_DENIED },  { "smtp", "192.0.2.1", ERR_NONE },
                  { "api", "192.0.2.1", ERR_DENIED },   { "imap", "192.0.2.1", ERR_NONE },
                  { "imap", "2001:db8::1", ERR_DENIED } };
    char secret[AUTH_APP_SECRET_MAX];
    struct auth_identity who;
    struct auth_app_password made = make(w, AUTH_APP_IMAP | AUTH_APP_SMTP, "192.0.2.0/24", secret);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(log_in(w, secret, cases[i].protocol, cases[i].ip, &who), cases[i].kind);
        if (cases[i].kind == ERR_NONE)
            assert_true(who.account_id == w->ada && who.ticket.app_password_id == made.id);
    }
}

static void ends_with_its_sessions(struct world *w)
{
    char secret[AUTH_APP_SECRET_MAX];
    struct auth_identity who;
    struct err e = ERR_CLEAR;
    struct auth_app_password made = make(w, AUTH_APP_ALL, "", secret);
    assert_int_equal(log_in(w, secret, "pop3", "192.0.2.1", &who), ERR_NONE);
    assert_int_equal(standing(w, &who.ticket), AUTH_STANDS);
    test_pg_run("UPDATE account SET password_serial = password_serial + 1");
    assert_int_equal(standing(w, &who.ticket), AUTH_STANDS);
    assert_false(auth_app_password_end(w->auth, w->ada + 1, made.id, &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    e = ERR_CLEAR;
    MUST(auth_app_password_end(w->auth, w->ada, made.id, &w->a, soon(), &e), e);
    assert_int_equal(standing(w, &who.ticket), AUTH_SECRET_ENDED);
    assert_int_equal(log_in(w, secret, "pop3", "192.0.2.1", &who), ERR_DENIED);
}

static void expires(struct world *w)
{
    char secret[AUTH_APP_SECRET_MAX];
    struct auth_identity who;
    struct err e = ERR_CLEAR;
    (void)make(w, AUTH_APP_ALL, "", secret);
    assert_int_equal(log_in(w, secret, "imap", "192.0.2.1", &who), ERR_NONE);
    int64_t all = test_pg_number("SELECT count(*) FROM app_password");
    test_pg_run("UPDATE app_password SET expires_at = now() - interval '29 days'");
    auth_forget(w->auth, w->ada);
    assert_int_equal(standing(w, &who.ticket), AUTH_SECRET_ENDED);
    assert_int_equal(log_in(w, secret, "imap", "192.0.2.1", &who), ERR_DENIED);
    MUST(auth_app_password_sweep(w->db, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM app_password"), all);
    test_pg_run("UPDATE app_password SET expires_at = now() - interval '31 days'");
    MUST(auth_app_password_sweep(w->db, soon(), &e), e);
    assert_int_equal(test_pg_number("SELECT count(*) FROM app_password"), 0);
}

static void has_a_limit(struct world *w)
{
    char secret[AUTH_APP_SECRET_MAX];
    struct err e = ERR_CLEAR;
    struct auth_app_password wanted = { .label = STR("x"), .protocols = AUTH_APP_IMAP };
    const str wrong[] = { STR("300.1.1.1") };
    for (int i = 0; i < AUTH_APP_PASSWORDS_MAX; i++)
        (void)make(w, AUTH_APP_IMAP, "", secret);
    assert_false(auth_app_password_create(w->auth, w->ada, STR("ada@example.org"), &wanted, &w->a,
                                          soon(), secret, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    e = ERR_CLEAR;
    wanted.networks = wrong;
    wanted.n_networks = 1;
    assert_false(auth_app_password_create(w->auth, w->ada, STR("ada@example.org"), &wanted, &w->a,
                                          soon(), secret, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    test_pg_run("DELETE FROM app_password");
}

/* What ends a session by the account's password, and one by a token. */
static void other_tickets(struct world *w)
{
    struct err e = ERR_CLEAR;
    char secret[AUTH_SECRET_MAX];
    struct auth_grants *grants = auth_grants_new(w->db);
    struct auth_token token = { .name = STR("t"), .scopes = 12, .expires_us = INT64_MAX };
    MUST(auth_token_create(grants, w->ada, &token, &w->a, soon(), secret, &e), e);
    int64_t serial = test_pg_number("SELECT password_serial FROM account");
    const struct auth_ticket by_password = { .account_id = w->ada, .password_serial = serial };
    const struct auth_ticket before = { .account_id = w->ada, .password_serial = serial - 1 };
    const struct auth_ticket by_token = { .account_id = w->ada, .token_id = token.id };
    const struct auth_ticket of_nobody = { .account_id = w->ada + 1, .password_serial = serial };
    assert_int_equal(standing(w, &by_password), AUTH_STANDS);
    assert_int_equal(standing(w, &before), AUTH_PASSWORD_CHANGED);
    assert_int_equal(standing(w, &by_token), AUTH_STANDS);
    assert_int_equal(standing(w, &of_nobody), AUTH_ACCOUNT_ENDED);
    test_pg_run("UPDATE api_token SET expires_at = now()");
    assert_int_equal(standing(w, &by_token), AUTH_SECRET_ENDED);
    test_pg_run("UPDATE account SET disabled_at = now()");
    assert_int_equal(standing(w, &by_password), AUTH_ACCOUNT_ENDED);
    assert_int_equal(standing(w, &by_token), AUTH_ACCOUNT_ENDED);
    auth_grants_free(&grants);
}

static void all(void *arg)
{
    struct world *w = arg;
    scopes(w);
    ends_with_its_sessions(w);
    expires(w);
    has_a_limit(w);
    other_tickets(w);
}

static void test_app_passwords(void **state)
{
    static const struct auth_options quick = {
        .delay_ms = -1,
        .delay_max_ms = -1,
        .per_ip_per_minute = 1000,
        .per_ip_per_day = 1000,
        .hash = { .memory_kib = 64, .passes = 1, .lanes = 1 },
    };
    struct world w = { 0 };
    struct err e = ERR_CLEAR;
    (void)state;
    w.rt = runtime_new(&(struct runtime_options){ 0 }, &e);
    w.db = db_new(w.rt, &(struct db_options){ .conninfo = test_pg_start_migrated(),
                                              .named_statements = true });
    test_pg_run("SELECT domain_create('example.org')");
    w.ada = test_pg_number("SELECT account_create('ada@example.org', 'example.org', '', NULL, 0,"
                           " false)");
    w.directory = account_directory_new(w.db, NULL);
    w.auth = auth_new(w.directory, w.db, NULL, &quick);
    arena_init(&w.a);
    in_fiber_run_to_end(w.rt, all, &w);
    arena_fini(&w.a);
    auth_free(&w.auth);
    account_directory_free(&w.directory);
    db_free(&w.db);
    runtime_free(&w.rt);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_app_passwords) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
