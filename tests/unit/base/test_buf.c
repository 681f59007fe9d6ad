/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/buf.h. */
#include "base/base.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static void grows_to_its_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    for (int i = 0; i < 100; i++)
        assert_true(buf_add_byte(&b, 'x'));
    assert_false(buf_add_byte(&b, 'y'));
    assert_int_equal(buf_str(&b).n, 100);
    assert_int_equal(strlen(buf_cstr(&b)), 100);
    buf_fini(&b);
    assert_int_equal(buf_str(&b).n, 0);
    assert_true(buf_add(&b, STR("again")));
    buf_fini(&b);
}

static void refused_append_changes_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_true(buf_add(&b, STR("abc")));
    assert_false(buf_add(&b, STR("def")));
    assert_false(buf_addf(&b, "%d", 12345));
    assert_false(buf_add_uint(&b, 123));
    assert_null(buf_reserve(&b, 3));
    assert_true(str_eq(buf_str(&b), STR("abc")));
    assert_true(buf_addf(&b, "%d", 12));
    assert_string_equal(buf_cstr(&b), "abc12");
    buf_fini(&b);
}

static void huge_sizes_do_not_wrap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_true(buf_add(&b, STR("12345")));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_null(buf_reserve(&b, SIZE_MAX - 4));
    buf_fini(&b);
}

static void reserves_and_commits(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    char *to = buf_reserve(&b, 10);
    memcpy(to, "0123456789", 10);
    buf_commit(&b, 10);
    buf_consume(&b, 3);
    assert_string_equal(buf_cstr(&b), "3456789");
    buf_truncate(&b, 2);
    assert_string_equal(buf_cstr(&b), "34");
    buf_consume(&b, 2);
    assert_string_equal(buf_cstr(&b), "");
    buf_fini(&b);
}

static void trims_only_big_memory(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    assert_true(buf_addf(&b, "%5000d", 1));
    buf_trim(&b, 100000);
    assert_true(b.cap >= 5000 && b.n == 0);
    buf_trim(&b, 1000);
    assert_int_equal(b.cap, 0);
    buf_fini(&b);
}

static void writes_numbers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    assert_true(buf_add_uint(&b, 0) && buf_add_byte(&b, ' ') && buf_add_uint(&b, UINT64_MAX));
    assert_string_equal(buf_cstr(&b), "0 18446744073709551615");
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_its_maximum),   cmocka_unit_test(refused_append_changes_nothing),
        cmocka_unit_test(huge_sizes_do_not_wrap), cmocka_unit_test(reserves_and_commits),
        cmocka_unit_test(trims_only_big_memory),  cmocka_unit_test(writes_numbers),
    };
    return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
