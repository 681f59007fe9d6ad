/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/map.h. */
#include "base/map.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

enum {
    MANY = 5000
};

struct thing {
    char name[16];
    size_t n;
    bool is_there;
};

static str key_of(const struct thing *thing)
{
    return str_of(thing->name, thing->n);
}

static void puts_finds_and_removes(void **state)
{
    (void)state;
    struct map m;
    int one = 1;
    int two = 2;
    void *old = &one;
    map_init(&m, 10);
    assert_null(map_find(&m, STR("a")));
    assert_null(map_remove(&m, STR("a")));
    assert_true(map_put(&m, STR("a"), &one, &old));
    assert_null(old);
    assert_true(map_put(&m, STR("a"), &two, &old));
    assert_ptr_equal(old, &one);
    assert_int_equal(m.n, 1);
    assert_ptr_equal(map_find(&m, STR("a")), &two);
    assert_ptr_equal(map_remove(&m, STR("a")), &two);
    assert_null(map_find(&m, STR("a")));
    map_fini(&m);
}

static void keys_may_be_empty_or_hold_nul(void **state)
{
    (void)state;
    struct map m;
    int values[3];
    map_init(&m, 10);
    assert_true(map_put(&m, STR_EMPTY, &values[0], NULL));
    assert_true(map_put(&m, STR("a\0b"), &values[1], NULL));
    assert_true(map_put(&m, STR("a\0c"), &values[2], NULL));
    assert_ptr_equal(map_find(&m, STR("")), &values[0]);
    assert_ptr_equal(map_find(&m, STR("a\0b")), &values[1]);
    assert_ptr_equal(map_remove(&m, STR("")), &values[0]);
    assert_null(map_find(&m, STR_EMPTY));
    map_fini(&m);
}

static void refuses_more_than_its_maximum(void **state)
{
    (void)state;
    struct map m;
    int value;
    map_init(&m, 2);
    assert_true(map_put(&m, STR("a"), &value, NULL));
    assert_true(map_put(&m, STR("b"), &value, NULL));
    assert_false(map_put(&m, STR("c"), &value, NULL));
    assert_true(map_put(&m, STR("a"), &value, NULL));
    assert_ptr_equal(map_remove(&m, STR("b")), &value);
    assert_true(map_put(&m, STR("c"), &value, NULL));
    map_fini(&m);
}

/* Every key is in the map exactly when its thing says so, also after thousands of removals. */
static void check_all(const struct map *m, struct thing *things)
{
    size_t count = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_ptr_equal(map_find(m, key_of(&things[i])), things[i].is_there ? &things[i] : NULL);
        count += things[i].is_there;
    }
    size_t visited = 0;
    MAP_FOR_EACH (entry, m) {
        assert_true(((struct thing *)entry->value)->is_there);
        visited++;
    }
    assert_int_equal(m->n, count);
    assert_int_equal(visited, count);
}

static void survives_many_changes(void **state)
{
    (void)state;
    struct map m;
    struct thing *things = heap_zalloc(MANY * sizeof(*things));
    map_init(&m, MANY);
    for (size_t i = 0; i < MANY; i++)
        things[i].n = (size_t)snprintf(things[i].name, sizeof(things[i].name), "key%zu", i);
    for (size_t round = 1; round < 8; round++) {
        for (size_t i = 0; i < MANY; i++) {
            bool want = (i * round) % 3 != 0;
            if (want && !things[i].is_there)
                assert_true(map_put(&m, key_of(&things[i]), &things[i], NULL));
            if (!want && things[i].is_there)
                assert_ptr_equal(map_remove(&m, key_of(&things[i])), &things[i]);
            things[i].is_there = want;
        }
        check_all(&m, things);
    }
    MAP_FOR_EACH (entry, &m) {
        struct thing *thing = entry->value;
        thing->is_there = false;
        assert_ptr_equal(map_remove(&m, key_of(thing)), thing);
    }
    check_all(&m, things);
    assert_true(m.capacity <= (size_t)4 * MANY);
    map_fini(&m);
    free(things);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_finds_and_removes),
        cmocka_unit_test(keys_may_be_empty_or_hold_nul),
        cmocka_unit_test(refuses_more_than_its_maximum),
        cmocka_unit_test(survives_many_changes),
    };
    return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
