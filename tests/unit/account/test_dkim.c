/* SPDX-License-Identifier: Apache-2.0 */
/* Keys to sign with on a real database: making, changing over, opening, and what must not open. */
#include "account/dkim.h"
#include "crypto/key_file.h"
#include "crypto/seal.h"
#include "db/db.h"
#include "support/in_fiber.h"
#include "support/servers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct account_actor the_operator = { 0, STR_INIT("cli"), { NULL, 0 } };
static const uint8_t seal_key[CRYPTO_SEAL_KEY] = "a key of thirty-two octets, just";
static const uint8_t other_key[CRYPTO_SEAL_KEY] = "another key of thirty-two octets";

struct world {
    struct runtime *rt;
    struct db *db;
    struct account_directory *directory; /* with the key */
    struct account_directory *stranger;  /* with another one */
    struct account_directory *keyless;
    struct arena a;
};

static int64_t soon(void)
{
    return clock_deadline_in(30000);
}

static str make(struct world *w, const char *selector)
{
    struct err e = ERR_CLEAR;
    str made = STR_EMPTY;
    if (!account_dkim_make(
            w->directory, &the_operator,
            &(struct account_dkim_name){ STR("Example.ORG"), str_from_cstr(selector) }, &w->a,
            soon(), &made, &e))
        fail_msg("%s", e.msg);
    return made;
}

static enum err_kind make_fails(struct account_directory *d, struct world *w, const char *domain,
                                const char *selector)
{
    struct err e = ERR_CLEAR;
    str made;
    assert_false(account_dkim_make(
        d, &the_operator,
        &(struct account_dkim_name){ str_from_cstr(domain), str_from_cstr(selector) }, &w->a,
        soon(), &made, &e));
    return e.kind;
}

static struct account_dkim_signer *signer(struct world *w, struct account_directory *d)
{
    struct err e = ERR_CLEAR;
    struct account_dkim_signer *s = NULL;
    (void)w;
    if (!account_dkim_signer(d, STR("example.org"), soon(), &s, &e))
        fail_msg("%s", e.msg);
    return s;
}

/* A domain without its key looked at yet comes before one that was, whatever they are called. */
static void looked_at_longest_ago_comes_first(struct world *w)
{
    struct account_dkim_dues due;
    struct err e = ERR_CLEAR;
    str made;
    assert_true(
        account_domain_add(w->directory, &the_operator, STR("zzz.example"), &w->a, soon(), &e));
    for (size_t i = 0; i < 2; i++) {
        assert_true(account_dkim_make(w->directory, &the_operator,
                                      &(struct account_dkim_name){ STR("zzz.example"), STR_EMPTY },
                                      &w->a, soon(), &made, &e));
    }
    static const char *const then[] = { "example.org", "zzz.example", "example.org" };
    for (size_t i = 0; i < COUNT_OF(then); i++) {
        assert_true(account_dkim_due_list(w->directory, 3600000, 3600000, &w->a, soon(), &due, &e));
        assert_int_equal(due.n, 2);
        assert_true(str_eq(due.list[0].domain, str_from_cstr(then[i])));
        assert_true(account_dkim_look(w->directory, due.list[0].domain, &w->a, soon(), &e));
    }
}

/* What is said of one domain does not touch another. */
static void each_domain_has_its_time(struct world *w)
{
    static const struct {
        int64_t ours;
        int64_t all;
        size_t n; /* domains that are due; example.org is the second of two */
        int64_t then;
    } cases[] = {
        { ACCOUNT_DKIM_ROTATE_DEFAULT, 3600000, 2, 3600000 },
        { ACCOUNT_DKIM_ROTATE_DEFAULT, 0, 0, 0 },
        { 86400000, 3600000, 2, 86400000 },
        { 86400000, 0, 1, 86400000 },
        { 0, 3600000, 1, 0 },
    };
    struct err e = ERR_CLEAR;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct account_dkim_dues due;
        int64_t found = 0;
        assert_true(account_dkim_set_rotation(w->directory, &the_operator, STR("Example.org"),
                                              cases[i].ours, &w->a, soon(), &e));
        assert_true(
            account_dkim_due_list(w->directory, cases[i].all, 3600000, &w->a, soon(), &due, &e));
        assert_int_equal(due.n, cases[i].n);
        for (size_t k = 0; k < due.n; k++) {
            if (str_eq(due.list[k].domain, STR("example.org")))
                found = due.list[k].rotate_ms;
        }
        assert_int_equal(found, cases[i].then);
    }
    assert_false(account_dkim_set_rotation(w->directory, &the_operator, STR("nobody.example"), 0,
                                           &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void keys_are_made_and_listed(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct account_dkim_list list;
    assert_null(signer(w, w->directory));
    assert_true(str_eq(make(w, ""), STR("mail")));
    assert_true(str_eq(make(w, ""), STR("mail2")));
    assert_true(str_eq(make(w, "x-1"), STR("x-1")));
    assert_true(account_dkim_list(w->directory, STR("example.org"), &w->a, soon(), &list, &e));
    assert_int_equal(list.n, 3);
    assert_true(str_eq(list.list[0].selector, STR("x-1")));
    assert_int_equal(list.list[0].state, ACCOUNT_DKIM_WAITING);
    struct account_dkim_dues due;
    assert_true(account_dkim_due_list(w->directory, 3600000, 3600000, &w->a, soon(), &due, &e));
    assert_int_equal(due.n, 1); /* because of the keys that wait */
    assert_true(str_eq(due.list[0].domain, STR("example.org")));
    looked_at_longest_ago_comes_first(w);
    each_domain_has_its_time(w);
    assert_int_equal(list.list[2].state, ACCOUNT_DKIM_SIGNING);
    assert_true(list.list[2].signing_at_us > 0 && list.list[2].retired_at_us == 0);
    assert_true(str_has_prefix(list.list[2].rsa_record, STR("v=DKIM1; k=rsa; p=MIIB")));
    assert_int_equal(str_skip(list.list[2].ed_record, 22).n, 44); /* 32 octets in base64 */
}

static void what_is_wrong_is_refused(struct world *w)
{
    static const char *const bad[] = { "-a", "a-", "A", "a.b", "a_b", "a b" };
    struct err e = ERR_CLEAR;
    struct account_dkim_list list;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(make_fails(w->directory, w, "example.org", bad[i]), ERR_SYNTAX);
    assert_int_equal(make_fails(w->directory, w, "example.org", "mail"), ERR_EXISTS);
    assert_int_equal(make_fails(w->directory, w, "example.net", ""), ERR_NOT_FOUND);
    assert_int_equal(make_fails(w->keyless, w, "example.org", ""), ERR_UNSUPPORTED);
    assert_false(account_dkim_list(w->directory, STR("example.net"), &w->a, soon(), &list, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_false(account_dkim_activate(
        w->directory, &the_operator, &(struct account_dkim_name){ STR("example.org"), STR("none") },
        &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void only_our_key_opens_them(struct world *w)
{
    struct err e = ERR_CLEAR;
    struct account_dkim_signer *none = NULL;
    struct account_dkim_signer *one = signer(w, w->directory);
    struct account_dkim_signer *same = signer(w, w->directory);
    if (!one || one != same) {
        fail_msg("not the same signer twice");
        return;
    }
    assert_true(str_eq(one->rsa_selector, STR("mail")) && str_eq(one->ed_selector, STR("mail-ed")));
    assert_int_equal(crypto_key_bits(one->rsa), ACCOUNT_DKIM_RSA_BITS);
    assert_int_equal(crypto_key_kind(one->ed), CRYPTO_ED25519);
    account_dkim_release(&same);
    assert_null(signer(w, w->keyless));
    assert_false(account_dkim_signer(w->stranger, STR("example.org"), soon(), &none, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    /* A row that was moved to another domain is of no use there. */
    assert_true(
        account_domain_add(w->directory, &the_operator, STR("thief.example"), &w->a, soon(), &e));
    test_pg_run("UPDATE dkim_key SET domain_id = (SELECT domain_id FROM domain"
                " WHERE name = 'thief.example'), state = 'signing' WHERE selector = 'x-1'");
    assert_false(account_dkim_signer(w->directory, STR("thief.example"), soon(), &none, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    /* Who signs goes on when the key is changed meanwhile. */
    assert_true(account_dkim_activate(
        w->directory, &the_operator,
        &(struct account_dkim_name){ STR("example.org"), STR("mail2") }, &w->a, soon(), &e));
    struct account_dkim_signer *next = signer(w, w->directory);
    assert_true(next != one && str_eq(next->rsa_selector, STR("mail2")));
    assert_int_equal(crypto_key_bits(one->rsa), ACCOUNT_DKIM_RSA_BITS);
    account_dkim_release(&one);
    account_dkim_release(&next);
    const struct account_dkim_name used = { STR("example.org"), STR("mail2") };
    /* It signs, whatever it did when somebody looked. */
    assert_false(account_dkim_remove(w->directory, &the_operator, &used, ACCOUNT_DKIM_RETIRED,
                                     &w->a, soon(), &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_true(account_dkim_remove(w->directory, &the_operator, &used, ACCOUNT_DKIM_SIGNING, &w->a,
                                    soon(), &e));
    assert_null(signer(w, w->directory));
}

/* ---- keys from elsewhere ---- */

/* RFC 8463 appendix A.2: the key, and p= of its record. */
#define ED_KEY    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define ED_RECORD "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
/* 512 bits. */
#define SMALL_KEY                                                                          \
    "MIIBOgIBAAJBAL+dDgzm6yiyMokesbAqVsnRdeVkGmjWvEQP6VpL6UJUPQV+1rwZolFbvOxtvtXCq+gQEaR/" \
    "r+h1kpc2QKXu+zMCAwEAAQJADlmIr9arTcTqm/I8hGDnVv3kwmUYxTkvqDk41JZSxbDAFX/fLF6E5mjxPD55" \
    "8MvXXWeVggiE+rdAHc7R2+gF4QIhAOst/MOsQkagL+GPrSH9CpfWlKrjZIOn6UxL4K7uVzd/AiEA0JOz53Ga" \
    "yWNAvUGk9VjwZwqm2uHBt98aAFhTSqNBtk0CIQCVJTL5fNMDKy9yYsWvmmQPaxwZS+BAxknkAvLYvXo+TQIg" \
    "arZG4vDSmpp3Mtz1ArnANVfTykSakfJJIUgPRS6FnjkCIFkoXGd6fOPT2i6slJLohlsypyO+EZeprP0AuDlq" \
    "q+mt"

/* What came of it: 0, or the kind of the error. */
static int import(struct world *w, const char *selector, const char *text, bool is_rehearsal,
                  struct account_dkim_key *out)
{
    struct crypto_key *key = NULL;
    struct err e = ERR_CLEAR;
    if (!crypto_key_file_parse(str_from_cstr(text), &key, &e))
        fail_msg("%s", e.msg);
    const struct account_dkim_import what = {
        .name = { STR("Moved.example"), str_from_cstr(selector) },
        .key = key,
        .is_rehearsal = is_rehearsal,
    };
    bool ok = account_dkim_import(w->directory, &the_operator, &what, &w->a, soon(), out, &e);
    crypto_key_free(&key);
    return ok ? 0 : (int)e.kind;
}

static void what_cannot_be_taken_over(struct world *w)
{
    static const struct {
        const char *selector;
        const char *text;
        enum err_kind kind;
    } cases[] = {
        { "old", ED_KEY, ERR_EXISTS },     /* it is there */
        { "pair-ed", ED_KEY, ERR_EXISTS }, /* half of a pair stands there */
        { "a.b", ED_KEY, ERR_SYNTAX },     { "", ED_KEY, ERR_SYNTAX },
        { "small", SMALL_KEY, ERR_LIMIT },
    };
    struct account_dkim_key out;
    struct err e = ERR_CLEAR;
    str made;
    const struct account_dkim_name pair = { STR("moved.example"), STR("pair") };
    assert_true(account_dkim_make(w->directory, &the_operator, &pair, &w->a, soon(), &made, &e));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(import(w, cases[i].selector, cases[i].text, i % 2 > 0, &out),
                         (int)cases[i].kind);
    /* Nor is a pair made whose half would stand where a key stands. */
    assert_int_equal(import(w, "old2-ed", ED_KEY, false, &out), 0);
    assert_int_equal(make_fails(w->directory, w, "moved.example", "old2"), ERR_EXISTS);
}

static void a_key_from_elsewhere_signs(struct world *w)
{
    struct account_dkim_key out;
    struct account_dkim_list list;
    struct err e = ERR_CLEAR;
    assert_true(
        account_domain_add(w->directory, &the_operator, STR("moved.example"), &w->a, soon(), &e));
    for (int i = 0; i < 3; i++) { /* twice without being kept */
        assert_int_equal(import(w, "OLD", ED_KEY, i < 2, &out), 0);
        assert_true(str_eq(out.selector, STR("old")) && out.state == ACCOUNT_DKIM_SIGNING);
        assert_true(str_eq(out.ed_record, STR(ED_RECORD)) && out.rsa_record.n == 0);
        assert_true(
            account_dkim_list(w->directory, STR("moved.example"), &w->a, soon(), &list, &e));
        assert_int_equal(list.n, i < 2 ? 0 : 1);
    }
    assert_true(str_eq(list.list[0].ed_record, STR(ED_RECORD)));
    assert_int_equal(list.list[0].rsa_record.n, 0);
    struct account_dkim_signer *s = NULL;
    assert_true(account_dkim_signer(w->directory, STR("moved.example"), soon(), &s, &e));
    if (!s) {
        fail_msg("no signer");
        return;
    }
    assert_null(s->rsa);
    assert_true(str_eq(s->ed_selector, STR("old")));
    assert_int_equal(crypto_key_kind(s->ed), CRYPTO_ED25519);
    account_dkim_release(&s);
    assert_int_equal(import(w, "next", ED_KEY, false, &out), 0);
    assert_int_equal(out.state, ACCOUNT_DKIM_WAITING);
    what_cannot_be_taken_over(w);
}

static void run_all(void *arg)
{
    struct world *w = arg;
    struct err e = ERR_CLEAR;
    assert_true(
        account_domain_add(w->directory, &the_operator, STR("example.org"), &w->a, soon(), &e));
    keys_are_made_and_listed(w);
    what_is_wrong_is_refused(w);
    only_our_key_opens_them(w);
    a_key_from_elsewhere_signs(w);
}

static void keys_on_a_real_database(void **state)
{
    (void)state;
    struct world w = { .rt = NULL };
    struct err e = ERR_CLEAR;
    const struct db_options db_options = { .conninfo = test_pg_start_migrated(),
                                           .named_statements = true };
    arena_init(&w.a);
    w.rt = runtime_new(NULL, &e);
    w.db = db_new(w.rt, &db_options);
    w.directory =
        account_directory_new(w.db, &(struct account_directory_options){ .seal_key = seal_key });
    w.stranger =
        account_directory_new(w.db, &(struct account_directory_options){ .seal_key = other_key });
    w.keyless = account_directory_new(w.db, NULL);
    in_fiber_run_to_end(w.rt, run_all, &w);
    account_directory_free(&w.directory);
    account_directory_free(&w.stranger);
    account_directory_free(&w.keyless);
    db_free(&w.db);
    runtime_free(&w.rt);
    arena_fini(&w.a);
    test_servers_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(keys_on_a_real_database) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
