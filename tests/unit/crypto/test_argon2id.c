/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of crypto/argon2id.h; the known string comes from the test program of libargon2. */
#include "crypto/crypto.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static const struct crypto_argon2id cheap = { .memory_kib = 64, .passes = 1, .lanes = 1 };

/* argon2id, t=2, m=65536, p=1, password "password", salt "somesalt". */
static const char known[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ"
                            "$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

static bool verify(str phc, str password)
{
    struct err e = ERR_CLEAR;
    bool matches = false;
    if (!crypto_argon2id_verify(phc, password, &matches, &e))
        fail_msg("%s", e.msg);
    return matches;
}

static void knows_the_vector(void **state)
{
    (void)state;
    assert_true(verify(str_from_cstr(known), STR("password")));
    assert_false(verify(str_from_cstr(known), STR("Password")));
    assert_false(verify(str_from_cstr(known), STR("")));
}

static void verifies_its_own(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    char one[CRYPTO_PHC_SIZE];
    char two[CRYPTO_PHC_SIZE];
    assert_true(crypto_argon2id_hash(&cheap, STR("a\0b"), one, &e));
    assert_true(crypto_argon2id_hash(&cheap, STR("a\0b"), two, &e));
    assert_string_not_equal(one, two); /* each has its own salt */
    assert_true(str_has_prefix(str_from_cstr(one), STR("$argon2id$v=19$m=64,t=1,p=1$")));
    assert_true(verify(str_from_cstr(one), STR("a\0b")));
    assert_false(verify(str_from_cstr(one), STR("a")));
    assert_true(crypto_argon2id_hash(&cheap, STR_EMPTY, one, &e));
    assert_true(verify(str_from_cstr(one), STR_EMPTY));
}

static void the_default_is_what_owasp_says(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    char phc[CRYPTO_PHC_SIZE];
    assert_true(crypto_argon2id_hash(&CRYPTO_ARGON2ID_DEFAULT, STR("x"), phc, &e));
    assert_true(str_has_prefix(str_from_cstr(phc), STR("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_true(verify(str_from_cstr(phc), STR("x")));
}

static void refuses_what_it_cannot_read(void **state)
{
    static const struct {
        str phc;
        enum err_kind kind;
    } cases[] = {
        { STR_INIT(""), ERR_SYNTAX },
        { STR_INIT("$argon2id$"), ERR_SYNTAX },
        { STR_INIT("$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), ERR_SYNTAX },
        { STR_INIT("$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), ERR_SYNTAX },
        { STR_INIT("$argon2id$m=64,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), ERR_SYNTAX },
        { STR_INIT("$argon2id$v=19$m=,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), ERR_SYNTAX },
        { STR_INIT("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$!!!!!!!!!!!!!!!!!!!!"), ERR_SYNTAX },
        { STR_INIT("$argon2id$v=19$m=64,t=1,p=1$c2$wWKIMhR9lyDFvRz9YTZweg"), ERR_SYNTAX },
        { STR_INIT("$2y$10$abcdefghijklmnopqrstuv"), ERR_SYNTAX },
        { STR_INIT("$argon2id$v=19$m=262145,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"),
          ERR_LIMIT },
        { STR_INIT("$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"),
          ERR_LIMIT },
        { STR_INIT("$argon2id$v=19$m=4294967296,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"),
          ERR_SYNTAX },
        { STR_INIT("$argon2id$v=19$m=64,t=101,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), ERR_LIMIT },
        { STR_INIT("$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), ERR_LIMIT },
        { STR_INIT("$argon2id$v=19$m=1024,t=1,p=17$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"),
          ERR_LIMIT },
        { STR_INIT("$argon2id$v=19$m=7,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), ERR_LIMIT },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        bool matches = false;
        if (crypto_argon2id_verify(cases[i].phc, STR("x"), &matches, &e) || e.kind != cases[i].kind)
            fail_msg("%.*s: %s", STR_FMT(cases[i].phc), err_kind_name(e.kind));
    }
    struct err e = ERR_CLEAR;
    char phc[CRYPTO_PHC_SIZE];
    const struct crypto_argon2id huge = { .memory_kib = 262145, .passes = 1, .lanes = 1 };
    assert_false(crypto_argon2id_hash(&huge, STR("x"), phc, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
}

static void weaker_hashes_want_to_be_made_again(void **state)
{
    static const struct {
        str phc;
        bool needs;
    } cases[] = {
        { STR_INIT("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), false },
        { STR_INIT("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), false },
        { STR_INIT("$argon2id$v=19$m=19455,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), true },
        { STR_INIT("$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweg"), true },
        { STR_INIT("{PLAIN}x"), true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(crypto_argon2id_needs_rehash(cases[i].phc, &CRYPTO_ARGON2ID_DEFAULT),
                         cases[i].needs);
}

/* Kilobytes of this process that are in memory. */
static long resident_kb(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*s %ld", &pages), 1);
    assert_int_equal(fclose(f), 0);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

static void *hash_some(void *arg)
{
    for (int i = 0; i < 3; i++) {
        struct err e = ERR_CLEAR;
        char phc[CRYPTO_PHC_SIZE];
        bool *ok = arg;
        *ok = crypto_argon2id_hash(&CRYPTO_ARGON2ID_DEFAULT, STR("x"), phc, &e);
    }
    return NULL;
}

/* 19 MiB a hash, in each thread of the pool: none of it may stay. */
static void gives_its_memory_back(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool ok[4] = { false };
    long before = resident_kb();
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_some, &ok[i]), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(ok[i]);
    }
    assert_true(resident_kb() - before < 8 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_vector),
        cmocka_unit_test(verifies_its_own),
        cmocka_unit_test(the_default_is_what_owasp_says),
        cmocka_unit_test(refuses_what_it_cannot_read),
        cmocka_unit_test(weaker_hashes_want_to_be_made_again),
        cmocka_unit_test(gives_its_memory_back),
    };
    return cmocka_run_group_tests_name("crypto/argon2id", tests, NULL, NULL);
}
