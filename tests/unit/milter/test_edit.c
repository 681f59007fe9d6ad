/* SPDX-License-Identifier: Apache-2.0 */
/* Messages after the changes of a filter: one field stays one field, whatever its value holds. */
#include "milter/edit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MESSAGE "A: 1\r\nB: 2\r\n 2\r\nA: 3\r\n\r\nbody\r\n"

static const struct {
    const char *name;
    struct milter_change change;
    const char *wanted;
} cases[] = {
    { "add",
      { MILTER_ADD, 0, STR_INIT("C"), STR_INIT("4") },
      "A: 1\r\nB: 2\r\n 2\r\nA: 3\r\nC: 4\r\n\r\nbody\r\n" },
    { "insert on top",
      { MILTER_INSERT, 0, STR_INIT("C"), STR_INIT("4") },
      "C: 4\r\nA: 1\r\nB: 2\r\n 2\r\nA: 3\r\n\r\nbody\r\n" },
    { "insert far behind",
      { MILTER_INSERT, 4000000000, STR_INIT("C"), STR_INIT("4") },
      "A: 1\r\nB: 2\r\n 2\r\nA: 3\r\nC: 4\r\n\r\nbody\r\n" },
    { "change the second",
      { MILTER_CHANGE, 2, STR_INIT("a"), STR_INIT("4") },
      "A: 1\r\nB: 2\r\n 2\r\na: 4\r\n\r\nbody\r\n" },
    { "delete a folded one",
      { MILTER_CHANGE, 1, STR_INIT("B"), STR_INIT("") },
      "A: 1\r\nA: 3\r\n\r\nbody\r\n" },
    { "delete what is not there", { MILTER_CHANGE, 3, STR_INIT("A"), STR_INIT("") }, MESSAGE },
    { "change what is not there",
      { MILTER_CHANGE, 3, STR_INIT("A"), STR_INIT("4") },
      "A: 1\r\nB: 2\r\n 2\r\nA: 3\r\nA: 4\r\n\r\nbody\r\n" },
    { "line ends in a value",
      { MILTER_ADD, 0, STR_INIT("C"), STR_INIT("4\r\nD: 5\n\n\r\r\n6\r7\x01") },
      "A: 1\r\nB: 2\r\n 2\r\nA: 3\r\nC: 4\r\n\tD: 5\r\n\t67\r\n\r\nbody\r\n" },
    { "nothing but line ends",
      { MILTER_ADD, 0, STR_INIT("C"), STR_INIT("\r\n\r\n") },
      "A: 1\r\nB: 2\r\n 2\r\nA: 3\r\nC: \r\n\r\nbody\r\n" },
};

static void test_changes(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str out = milter_edit(&a, STR(MESSAGE), &cases[i].change, 1, NULL);
        if (!str_eq(out, str_from_cstr(cases[i].wanted)))
            fail_msg("%s: %.*s", cases[i].name, STR_FMT(out));
    }
    arena_fini(&a);
}

static void test_bodies_and_odd_messages(void **state)
{
    static const struct milter_change add = { MILTER_ADD, 0, STR_INIT("C"), STR_INIT("4") };
    const str body = STR("a\nb\r\nc\r\0d");
    const str empty = STR_EMPTY;
    struct arena a;
    (void)state;
    arena_init(&a);
    str same = STR(MESSAGE);
    assert_ptr_equal(milter_edit(&a, same, NULL, 0, NULL).p, same.p);
    assert_true(str_eq(milter_edit(&a, STR("A: 1\r\n\r\nx"), NULL, 0, &body),
                       STR("A: 1\r\n\r\na\r\nb\r\nc\r\nd")));
    assert_true(
        str_eq(milter_edit(&a, STR("A: 1\r\n\r\nx"), NULL, 0, &empty), STR("A: 1\r\n\r\n")));
    assert_true(str_eq(milter_edit(&a, STR("A: 1"), &add, 1, NULL), STR("A: 1\r\nC: 4\r\n\r\n")));
    assert_true(str_eq(milter_edit(&a, STR(""), &add, 1, NULL), STR("C: 4\r\n\r\n")));
    assert_true(str_eq(milter_edit(&a, STR("\r\nbody"), &add, 1, NULL), STR("C: 4\r\n\r\nbody")));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_bodies_and_odd_messages),
    };
    return cmocka_run_group_tests_name("milter/edit", tests, NULL, NULL);
}
