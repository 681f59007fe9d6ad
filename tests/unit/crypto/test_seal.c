/* SPDX-License-Identifier: Apache-2.0 */
/* What is sealed opens under its key, for its place, unchanged; and in no other case. */
#include "crypto/seal.h"

#include <cmocka.h>
#include <stdarg.h>
#include <stddef.h>

static const uint8_t key[CRYPTO_SEAL_KEY] = "0123456789abcdef0123456789abcde";

static void what_is_sealed_opens(void **state)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, CRYPTO_SEAL_MAX };
    struct err e = ERR_CLEAR;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buf sealed;
        struct secret opened = SECRET_EMPTY;
        char *text = heap_zalloc(sizes[i] + 1);
        str plain = str_of(text, sizes[i]);
        memset(text, 'x', sizes[i]);
        buf_init(&sealed, CRYPTO_SEAL_MAX + CRYPTO_SEAL_EXTRA);
        assert_true(crypto_seal(key, plain, STR("dkim"), &sealed, &e));
        assert_int_equal(sealed.n, sizes[i] + CRYPTO_SEAL_EXTRA);
        assert_true(crypto_unseal(key, buf_str(&sealed), STR("dkim"), &opened, &e));
        assert_true(str_eq(secret_str(&opened), plain));
        secret_wipe(&opened);
        buf_fini(&sealed);
        free(text);
    }
}

static void nothing_else_opens(void **state)
{
    struct err e = ERR_CLEAR;
    struct buf sealed;
    struct secret opened = SECRET_EMPTY;
    uint8_t other[CRYPTO_SEAL_KEY] = { 0 };
    (void)state;
    buf_init(&sealed, 1000);
    assert_true(crypto_seal(key, STR("a secret"), STR("here"), &sealed, &e));
    assert_true(str_find(buf_str(&sealed), STR("secret")) < 0);
    assert_false(crypto_unseal(other, buf_str(&sealed), STR("here"), &opened, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    assert_false(crypto_unseal(key, buf_str(&sealed), STR("there"), &opened, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.p[i] ^= 1;
        assert_false(crypto_unseal(key, buf_str(&sealed), STR("here"), &opened, &e));
        sealed.p[i] ^= 1;
        assert_false(crypto_unseal(key, str_of(sealed.p, i), STR("here"), &opened, &e));
    }
    assert_true(opened.p == NULL);
    buf_fini(&sealed);
}

static void no_two_are_alike(void **state)
{
    struct err e = ERR_CLEAR;
    struct buf one, two;
    (void)state;
    buf_init(&one, 1000);
    buf_init(&two, 30);
    assert_true(crypto_seal(key, STR("the same text"), STR_EMPTY, &one, &e));
    assert_false(crypto_seal(key, STR("the same text"), STR_EMPTY, &two, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&two);
    buf_init(&two, 1000);
    assert_true(crypto_seal(key, STR("the same text"), STR_EMPTY, &two, &e));
    assert_false(str_eq(buf_str(&one), buf_str(&two)));
    buf_fini(&one);
    buf_fini(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_opens),
        cmocka_unit_test(nothing_else_opens),
        cmocka_unit_test(no_two_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
