/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/arena.h. */
#include "base/base.h"

#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

static void gives_aligned_zeroed_memory(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    arena_fini(&a);
    assert_int_equal(a.total, 0);
}

static void reset_keeps_one_small_block(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    (void)arena_alloc(&a, 100);
    (void)arena_alloc(&a, 1000000);
    arena_reset(&a);
    assert_true(a.total > 0 && a.total <= 16384);
    size_t kept = a.total;
    unsigned char *p = arena_alloc(&a, 100);
    assert_int_equal(a.total, kept);
    assert_int_equal(p[0] | p[99], 0);
    arena_fini(&a);
}

static void lists_grow_by_doubling(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    int *list = NULL;
    for (size_t n = 0; n < 100; n++) {
        int *before = list;
        list = arena_grow(&a, list, n, sizeof(*list));
        bool has_moved = list != before;
        assert_int_equal(has_moved, n == 0 || n == 1 || n == 2 || n == 4 || n == 8 || n == 16 ||
                                        n == 32 || n == 64);
        assert_int_equal(list[n], 0);
        list[n] = (int)n + 1;
    }
    for (int n = 0; n < 100; n++)
        assert_int_equal(list[n], n + 1);
    arena_fini(&a);
}

static void copies_text(void **state)
{
    (void)state;
    struct arena a;
    struct err e = ERR_CLEAR;
    const char *cstr = NULL;
    arena_init(&a);
    assert_string_equal(arena_cstr(&a, STR_EMPTY), "");
    assert_true(str_eq(arena_str(&a, STR("a\0b")), STR("a\0b")));
    assert_true(str_eq(arena_printf(&a, "%s-%d", "x", 7), STR("x-7")));
    assert_true(str_to_cstr(&a, STR("abc"), &cstr, &e));
    assert_string_equal(cstr, "abc");
    assert_false(str_to_cstr(&a, STR("a\0b"), &cstr, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    arena_fini(&a);
}

struct trace {
    int order[3];
    int n;
};

struct mark {
    struct trace *trace;
    int number;
};

static void note(void *ptr)
{
    struct mark *mark = ptr;
    mark->trace->order[mark->trace->n++] = mark->number;
}

static void runs_deferred_newest_first(void **state)
{
    (void)state;
    struct arena a;
    struct trace trace = { .n = 0 };
    struct mark marks[3] = { { &trace, 0 }, { &trace, 1 }, { &trace, 2 } };
    arena_init(&a);
    for (int i = 0; i < 3; i++)
        arena_defer(&a, note, &marks[i]);
    arena_reset(&a);
    assert_int_equal(trace.n, 3);
    assert_int_equal(trace.order[0], 2);
    assert_int_equal(trace.order[2], 0);
    arena_fini(&a);
    assert_int_equal(trace.n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_aligned_zeroed_memory),
        cmocka_unit_test(reset_keeps_one_small_block),
        cmocka_unit_test(lists_grow_by_doubling),
        cmocka_unit_test(copies_text),
        cmocka_unit_test(runs_deferred_newest_first),
    };
    return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
