/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/err.h. */
#include "base/base.h"

#include <errno.h>
#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

static bool fails(struct err *e)
{
    return ERR(e, ERR_LIMIT, "%d is too many", 7);
}

static void keeps_kind_sentence_and_place(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    assert_false(fails(&e));
    assert_int_equal(e.kind, ERR_LIMIT);
    assert_string_equal(e.msg, "7 is too many");
    assert_non_null(strstr(e.file, "test_err.c"));
    assert_true(e.line > 0);
    assert_false(fails(NULL));
}

static void keeps_errno(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    errno = ENOENT;
    assert_false(ERR_SYS(&e, ERR_NOT_FOUND, "open %s", "file"));
    assert_int_equal(e.sys, ENOENT);
    assert_string_equal(e.msg, "open file: No such file or directory");
}

static void wraps_on_the_way_up(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    (void)fails(&e);
    assert_false(err_wrap(&e, "load %s", "config"));
    assert_string_equal(e.msg, "load config: 7 is too many");
    assert_int_equal(e.kind, ERR_LIMIT);
}

static void cuts_long_sentences(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    (void)ERR(&e, ERR_SYNTAX, "%500d", 1);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    (void)err_wrap(&e, "%500d", 2);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
    errno = EIO;
    (void)ERR_SYS(&e, ERR_SYNTAX, "%225d", 1);
    assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void every_kind_has_a_name(void **state)
{
    (void)state;
    for (int i = ERR_NONE; i <= ERR_INTERNAL; i++) {
        assert_non_null(err_kind_name((enum err_kind)i));
        for (int k = ERR_NONE; k < i; k++)
            assert_string_not_equal(err_kind_name((enum err_kind)i),
                                    err_kind_name((enum err_kind)k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_kind_sentence_and_place), cmocka_unit_test(keeps_errno),
        cmocka_unit_test(wraps_on_the_way_up),           cmocka_unit_test(cuts_long_sentences),
        cmocka_unit_test(every_kind_has_a_name),
    };
    return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
