/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of parts: the right one of the right account, and the latest ones. */
#include "services/api/part_places.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    MANY = 200
};

static bool is_known(struct part_places *places, int64_t account, int64_t msg, const char *number)
{
    struct arena a;
    struct part_place place;
    const struct part_id id = { account, msg, str_from_cstr(number) };
    arena_init(&a);
    bool known = part_places_find(places, &id, &a, &place);
    if (known) {
        assert_int_equal(place.start, msg * 10);
        assert_true(str_eq(place.name, STR("a.bin")));
    }
    arena_fini(&a);
    return known;
}

static void add(struct part_places *places, int64_t account, int64_t msg, const char *number)
{
    const struct part_id id = { account, msg, str_from_cstr(number) };
    const struct part_place place = { .start = (size_t)msg * 10,
                                      .type = STR("text/plain"),
                                      .name = STR("a.bin") };
    part_places_add(places, &id, &place);
}

static void finds_only_what_was_added(void **state)
{
    (void)state;
    struct part_places *places = part_places_new();
    add(places, 1, 7, "1.2");
    assert_true(is_known(places, 1, 7, "1.2"));
    assert_false(is_known(places, 2, 7, "1.2"));
    assert_false(is_known(places, 1, 8, "1.2"));
    assert_false(is_known(places, 1, 7, "1"));
    part_places_free(&places);
    part_places_free(&places);
}

static void forgets_what_was_not_asked_for(void **state)
{
    (void)state;
    struct part_places *places = part_places_new();
    add(places, 1, 1, "1");
    for (int64_t i = 2; i < MANY; i++) {
        add(places, 1, i, "1");
        assert_true(is_known(places, 1, 1, "1"));
    }
    assert_false(is_known(places, 1, 2, "1"));
    assert_true(is_known(places, 1, MANY - 1, "1"));
    part_places_free(&places);
}

static void long_names_are_not_kept(void **state)
{
    (void)state;
    struct part_places *places = part_places_new();
    static char name[4096];
    memset(name, 'x', sizeof(name));
    const struct part_id id = { 1, 1, STR("1") };
    const struct part_place place = { .name = str_of(name, sizeof(name)) };
    part_places_add(places, &id, &place);
    assert_false(is_known(places, 1, 1, "1"));
    part_places_free(&places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_only_what_was_added),
        cmocka_unit_test(forgets_what_was_not_asked_for),
        cmocka_unit_test(long_names_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
