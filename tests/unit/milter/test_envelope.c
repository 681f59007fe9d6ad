/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes with what filters change of them. */
#include "milter/envelope.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    CHANGES = 4
};

#define ADD(text)                                               \
    {                                                           \
        .kind = MILTER_ADD_RECIPIENT, .address = STR_INIT(text) \
    }
#define REMOVE(text)                                               \
    {                                                              \
        .kind = MILTER_REMOVE_RECIPIENT, .address = STR_INIT(text) \
    }
#define FROM(text)                                           \
    {                                                        \
        .kind = MILTER_SET_SENDER, .address = STR_INIT(text) \
    }

static const struct {
    const char *name;
    struct milter_envelope_change changes[CHANGES];
    size_t n;
    const char *sender;
    const char *recipients; /* and their places */
} cases[] = {
    { "nothing", { ADD("") }, 0, "s@x", "a@x 1,b@x 2,B@x 3," },
    { "added", { ADD("c@x") }, 1, "s@x", "a@x 1,b@x 2,B@x 3,c@x 0," },
    { "there already", { ADD("A@X") }, 1, "s@x", "a@x 1,b@x 2,B@x 3," },
    { "added once", { ADD("c@x"), ADD("C@x") }, 2, "s@x", "a@x 1,b@x 2,B@x 3,c@x 0," },
    { "removed", { REMOVE("A@x") }, 1, "s@x", "b@x 2,B@x 3," },
    { "removed in all spellings", { REMOVE("b@x") }, 1, "s@x", "a@x 1," },
    { "nobody there", { REMOVE("c@x") }, 1, "s@x", "a@x 1,b@x 2,B@x 3," },
    { "removed and added", { REMOVE("a@x"), ADD("a@x") }, 2, "s@x", "b@x 2,B@x 3,a@x 0," },
    { "added and removed", { ADD("c@x"), REMOVE("c@x") }, 2, "s@x", "a@x 1,b@x 2,B@x 3," },
    { "added at last",
      { ADD("c@x"), REMOVE("C@x"), ADD("d@x"), ADD("c@X") },
      4,
      "s@x",
      "a@x 1,b@x 2,B@x 3,d@x 0,c@X 0," },
    { "there, removed and added",
      { ADD("A@x"), REMOVE("a@x"), ADD("a@X"), ADD("a@x") },
      4,
      "s@x",
      "b@x 2,B@x 3,a@X 0," },
    { "all", { REMOVE("b@x"), REMOVE("a@x") }, 2, "s@x", "" },
    { "sender", { FROM("t@x"), FROM("") }, 2, "", "a@x 1,b@x 2,B@x 3," },
};

static void test_changes(void **state)
{
    static const struct milter_recipient named[] = {
        { .address = STR_INIT("a@x"), .place = 1 },
        { .address = STR_INIT("b@x"), .place = 2 },
        { .address = STR_INIT("B@x"), .place = 3 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct buf list;
        struct milter_envelope envelope = { .sender = STR("s@x"), .recipients = named, .n = 3 };
        arena_init(&a);
        buf_init(&list, 1000);
        milter_envelope_edit(&a, &envelope, cases[i].changes, cases[i].n);
        for (size_t k = 0; k < envelope.n; k++) {
            (void)buf_addf(&list, "%.*s %zu,", STR_FMT(envelope.recipients[k].address),
                           envelope.recipients[k].place);
        }
        if (!str_eq(buf_str(&list), str_from_cstr(cases[i].recipients)) ||
            !str_eq(envelope.sender, str_from_cstr(cases[i].sender)) ||
            envelope.is_changed != (cases[i].n > 0))
            fail_msg("%s: %.*s", cases[i].name, STR_FMT(buf_str(&list)));
        buf_fini(&list);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests_name("milter/envelope", tests, NULL, NULL);
}
