/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/list.h and base/vec.h. */
#include "base/list.h"
#include "base/vec.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

struct item {
    struct list link;
    int number;
};

static int number_of(struct list *link)
{
    return CONTAINER_OF(link, struct item, link)->number;
}

static void keeps_order(void **state)
{
    (void)state;
    struct list head;
    struct item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_pop_head(&head));
    list_add_tail(&head, &items[1].link);
    list_add_tail(&head, &items[2].link);
    list_add_head(&head, &items[0].link);
    int expected = 1;
    LIST_FOR_EACH (link, &head)
        assert_int_equal(number_of(link), expected++);
    assert_int_equal(expected, 4);
    assert_int_equal(number_of(list_pop_head(&head)), 1);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_int_equal(number_of(head.next), 3);
    assert_ptr_equal(head.next, head.prev);
}

static void current_element_may_go(void **state)
{
    (void)state;
    struct list head;
    struct item items[4];
    list_init(&head);
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        list_add_tail(&head, &items[i].link);
    }
    LIST_FOR_EACH (link, &head) {
        if (number_of(link) % 2 == 0)
            list_remove(link);
    }
    assert_int_equal(number_of(list_pop_head(&head)), 1);
    assert_int_equal(number_of(list_pop_head(&head)), 3);
    assert_true(list_is_empty(&head));
}

static void vec_grows_to_its_maximum(void **state)
{
    (void)state;
    struct vec v;
    VEC_INIT(&v, int, 100);
    for (int i = 0; i < 100; i++)
        *VEC_PUSH(&v, int) = i;
    assert_null(VEC_PUSH(&v, int));
    assert_int_equal(*VEC_AT(&v, int, 99), 99);
    vec_remove(&v, 0);
    vec_remove(&v, 98);
    assert_int_equal(v.n, 98);
    assert_int_equal(*VEC_AT(&v, int, 0), 1);
    assert_int_equal(*VEC_AT(&v, int, 97), 98);
    vec_truncate(&v, 0);
    assert_int_equal(*VEC_PUSH(&v, int), 0);
    vec_fini(&v);
    assert_int_equal(v.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(current_element_may_go),
        cmocka_unit_test(vec_grows_to_its_maximum),
    };
    return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
