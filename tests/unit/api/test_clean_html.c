/* SPDX-License-Identifier: Apache-2.0 */
/* HTML of our own writers: what is dropped, what stays, and what stands inside of a document. */
#include "services/api/clean_html.h"
#include "support/in_fiber.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct clean_case {
    const char *name;
    const char *html;
    const char *fragment;
};

static const struct clean_case cases[] = {
    { "nothing", " \n", "" },
    { "plain markup", "<p>Mia <b>Reed</b></p>", "<p>Mia <b>Reed</b></p>" },
    { "a script", "<p>a<script>x()</script></p>", "<p>a</p>" },
    { "a handler", "<p onclick=\"x()\">a</p>", "<p>a</p>" },
    { "not closed", "<p>a<b>b", "<p>a<b>b</b></p>" },
    { "its own end of body", "<p>a</p></body><p>b</p>", "<p>a</p><p>b</p>" },
};

static void clean_all(void *arg)
{
    struct arena *a = arg;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct clean_html_wanted wanted = { .html = str_from_cstr(cases[i].html) };
        struct err e = ERR_CLEAR;
        assert_true(clean_html(&wanted, a, clock_deadline_in(10000), &e));
        if (!str_eq(wanted.fragment, str_from_cstr(cases[i].fragment)))
            fail_msg("%s: %.*s", cases[i].name, STR_FMT(wanted.fragment));
    }
}

/* A picture on another server and one of the message itself stay; one of no part goes. */
static void keep_pictures(void *arg)
{
    struct arena *a = arg;
    const struct html_part parts[] = { { STR_INIT("logo"), STR_INIT("cid:logo") } };
    struct err e = ERR_CLEAR;
    struct clean_html_wanted wanted = {
        .html = STR("<img src=\"https://example.org/a.png\"><img src=\"cid:logo\">"
                    "<img src=\"cid:other\">"),
        .parts = parts,
        .n_parts = COUNT_OF(parts),
    };
    assert_true(clean_html(&wanted, a, clock_deadline_in(10000), &e));
    assert_true(str_find(wanted.fragment, STR("https://example.org/a.png")) >= 0);
    assert_true(str_find(wanted.fragment, STR("cid:logo")) >= 0);
    assert_true(str_find(wanted.fragment, STR("cid:other")) < 0);
}

static void in_a_fiber(void (*run)(void *arg))
{
    struct arena a;
    struct err e = ERR_CLEAR;
    struct runtime *rt = runtime_new(NULL, &e);
    arena_init(&a);
    in_fiber_run(rt, run, &a);
    arena_fini(&a);
    runtime_free(&rt);
}

static void test_cleaning(void **state)
{
    (void)state;
    in_a_fiber(clean_all);
}

static void test_pictures(void **state)
{
    (void)state;
    in_a_fiber(keep_pictures);
}

static void test_inside(void **state)
{
    (void)state;
    assert_true(str_eq(clean_html_inside(STR("<html><body a=b>x</body>y</body></html>")),
                       STR("x</body>y")));
    assert_true(str_eq(clean_html_inside(STR("<html><body>x")), STR("x")));
    assert_true(str_eq(clean_html_inside(STR("x")), STR("x")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cleaning),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
