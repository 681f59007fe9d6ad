/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence sets: merging, stars, hostile ones. */
#include "base/base.h"
#include "wire/imap_sequence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void sets_are_merged(void **state)
{
    static const struct {
        const char *in;
        uint32_t max;
        const char *want; /* NULL: refused */
    } cases[] = {
        { "1", 9, "1" },
        { "4:2", 9, "2:4" },
        { "2,4:7,9,12:*", 15, "2,4:7,9,12:15" },
        { "*:4,5:7", 10, "4:10" },
        { "*", 7, "7" },
        { "20:*", 7, "7:20" },
        { "1:*", 0, "" },
        { "1:3,*", 0, "1:3" },
        { "3,2,1", 9, "1:3" },
        { "4294967295:1", 9, "1:4294967295" },
        { "4294967295,4294967294", 9, "4294967294:4294967295" },
        { "1:*,1:*,1:*", 5, "1:5" },
        { "0", 9, NULL },
        { "*:0", 9, NULL },
        { "0:*", 9, NULL },
        { "4294967296", 9, NULL },
        { "1,", 9, NULL },
        { "1:", 9, NULL },
        { ":1", 9, NULL },
        { "", 9, NULL },
    };
    (void)state;
    struct arena a;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 1000);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct imap_lexer l;
        struct imap_sequence set;
        struct err e = ERR_CLEAR;
        imap_lexer_init(&l, str_from_cstr(cases[i].in), &a);
        bool ok = imap_sequence_parse(&l, &set, &e) && imap_lexer_end(&l, &e);
        if (ok != (cases[i].want != NULL))
            fail_msg("case %zu: %s", i, cases[i].in);
        if (!ok)
            continue;
        imap_sequence_resolve(&set, cases[i].max);
        buf_clear(&text);
        assert_true(imap_sequence_format(&text, &set));
        assert_string_equal(buf_cstr(&text), cases[i].want);
    }
    buf_fini(&text);
    arena_fini(&a);
}

static void membership_is_found(void **state)
{
    (void)state;
    struct arena a;
    struct imap_lexer l;
    struct imap_sequence set;
    struct err e = ERR_CLEAR;
    arena_init(&a);
    imap_lexer_init(&l, STR("5,10:20,30:*"), &a);
    assert_true(imap_sequence_parse(&l, &set, &e));
    imap_sequence_resolve(&set, 40);
    for (uint32_t i = 0; i < 60; i++) {
        bool want = i == 5 || (i >= 10 && i <= 20) || (i >= 30 && i <= 40);
        assert_int_equal(imap_sequence_has(&set, i), want);
    }
    assert_int_equal(imap_sequence_last(&set), 40);
    arena_fini(&a);
}

static void a_built_set_is_what_was_added(void **state)
{
    (void)state;
    struct arena a;
    struct imap_sequence_builder b;
    struct buf text;
    arena_init(&a);
    buf_init(&text, 1000);
    imap_sequence_build(&b, &a);
    const uint32_t numbers[] = { 1, 2, 2, 3, 7, 9, 10, 4294967295U };
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        imap_sequence_add(&b, numbers[i]);
    assert_true(imap_sequence_format(&text, &b.set));
    assert_string_equal(buf_cstr(&text), "1:3,7,9:10,4294967295");
    buf_fini(&text);
    arena_fini(&a);
}

static void hostile_sets_cost_little(void **state)
{
    (void)state;
    struct arena a;
    struct buf in;
    struct err e = ERR_CLEAR;
    struct imap_lexer l;
    struct imap_sequence set;
    arena_init(&a);
    buf_init(&in, 1 << 20);
    for (int i = 0; i < 10000; i++)
        assert_true(buf_add(&in, i ? STR(",1:*") : STR("1:*")));
    clock_t before = clock(); /* of the processor: others on the machine do not count */
    imap_lexer_init(&l, buf_str(&in), &a);
    assert_true(imap_sequence_parse(&l, &set, &e));
    imap_sequence_resolve(&set, UINT32_MAX);
    assert_int_equal(set.n, 1);
    assert_true(clock() - before < CLOCKS_PER_SEC / 10);
    buf_clear(&in);
    for (int i = 0; i < 30000; i++)
        assert_true(buf_addf(&in, "%s%d", i ? "," : "", i + 1));
    imap_lexer_init(&l, buf_str(&in), &a);
    assert_false(imap_sequence_parse(&l, &set, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&in);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_merged),
        cmocka_unit_test(membership_is_found),
        cmocka_unit_test(a_built_set_is_what_was_added),
        cmocka_unit_test(hostile_sets_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
