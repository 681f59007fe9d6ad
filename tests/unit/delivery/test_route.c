/* SPDX-License-Identifier: Apache-2.0 */
/* Which mail exchangers are left for us (RFC 5321 5.1). */
#include "services/delivery/route.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_loops_are_cut(void **state)
{
    (void)state;
    static struct dns_mx list[] = {
        { 10, STR_INIT("a.example") },
        { 20, STR_INIT("b.example") },
        { 20, STR_INIT("c.example") },
        { 30, STR_INIT("d.example") },
    };
    static const struct {
        const char *own;
        size_t left;
        bool is_loop;
    } cases[] = {
        { "other.example", 4, false }, { "a.example", 0, true }, { "b.example", 1, true },
        { "C.Example", 1, true }, /* not even its equal: that may send it to us */
        { "d.example", 3, true },
    };
    struct dns_mx_list mx = { .status = DNS_OK, .list = list, .n = COUNT_OF(list) };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_loop;
        const char *const names[] = { "mail.example", cases[i].own };
        assert_int_equal(delivery_cut_mx(&mx, names, COUNT_OF(names), &is_loop), cases[i].left);
        assert_int_equal(is_loop, cases[i].is_loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_loops_are_cut) };
    return cmocka_run_group_tests_name("delivery/route", tests, NULL, NULL);
}
