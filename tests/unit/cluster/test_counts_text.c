/* SPDX-License-Identifier: Apache-2.0 */
/* What machines tell each other, as text: the way there and back, and what is not understood. */
#include "cluster/counts_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void there_and_back(void **state)
{
    (void)state;
    const struct counts_head head = { .machine = UINT64_MAX, .picture = 7, .kind = COUNTS_LAST };
    const struct net_tally_told names[] = {
        { .name = STR("smtp 192.0.2.0/24"), .open = 30, .fresh = 300 },
        { .name = STR("smtp mail 2001:db8::/64"), .cost_us = 120000 },
    };
    struct err e = ERR_CLEAR;
    struct counts_head got;
    struct net_tally_told told;
    struct buf text;
    str rest;
    buf_init(&text, COUNTS_TEXT_MAX);
    assert_true(counts_add_head(&text, &head));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_true(counts_add_name(&text, &names[i]));
    assert_true(counts_read_head(buf_str(&text), &got, &rest, &e));
    assert_true(got.machine == head.machine && got.picture == 7 && got.kind == COUNTS_LAST);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(counts_read_name(&rest, &told, &e), STEP_ROW);
        assert_true(str_eq(told.name, names[i].name) && told.open == names[i].open &&
                    told.fresh == names[i].fresh && told.cost_us == names[i].cost_us);
    }
    assert_int_equal(counts_read_name(&rest, &told, &e), STEP_END);
    buf_fini(&text);
}

static void what_is_not_understood(void **state)
{
    static const char *const texts[] = {
        "",
        "1 1 1 0",
        "2 1 1 0\n",
        "1 1 1 4\n",
        "1 1 1 0 0\n",
        "1 -1 1 0\n",
        "1 18446744073709551616 1 0\n",
        "1 1 1 0\n1 1 1 a",
        "1 1 1 0\n1 1 1 \n",
        "1 1 1 0\n1000001 1 1 a\n",
        "1 1 1 0\n1 1 3600000001 a\n",
        "1 1 1 0\n1 1 1 a\tb\n",
        "1 1 1 0\n1 1 1 0123456789012345678901234567890123456789012345678901234567890123\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct err e = ERR_CLEAR;
        struct counts_head head;
        struct net_tally_told told;
        str rest;
        bool good = counts_read_head(str_from_cstr(texts[i]), &head, &rest, &e) &&
                    counts_read_name(&rest, &told, &e) != STEP_FAIL;
        if (good || e.kind != ERR_SYNTAX)
            fail_msg("%s", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(what_is_not_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
