/* SPDX-License-Identifier: Apache-2.0 */
/* ARC: the chains of the public suite (tests/vectors/arc). */
#include "world.h"

/* An empty cv is a chain whose newest seal says that it failed: it must not pass. */
static bool is_wanted(str wanted, enum mailauth_result got)
{
    if (wanted.n == 0)
        return got != MAILAUTH_PASS;
    return str_ieq(wanted, str_from_cstr(mailauth_result_name(got)));
}

static enum mailauth_result verify(struct world *w, str text)
{
    struct mailauth_resolver resolver = world_resolver(w);
    struct mailauth_message message;
    struct mailauth_arc arc;
    struct err e = ERR_CLEAR;
    mailauth_message_init(&w->a, vectors_line_ends(&w->a, text, true), &message);
    if (!mailauth_arc_verify(&resolver, &message, &w->a, DEADLINE_NONE, &arc, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(arc.result == MAILAUTH_PASS, arc.problem == NULL && arc.sets > 0);
    assert_int_equal(arc.result == MAILAUTH_PASS, arc.domain.n > 0);
    return arc.result;
}

static void the_public_suite(void **state)
{
    struct world *w = *state;
    json_t *root = vectors_load("arc/arc-validate-half.json");
    json_t *scenario, *value;
    const char *name;
    size_t i;
    size_t n = 0;
    size_t passes = 0;
    size_t wrong = 0;
    json_array_foreach(root, i, scenario)
    {
        w->n = 0;
        json_object_foreach(json_object_get(scenario, "txt-records"), name, value)
        {
            world_add_txt(w, str_from_cstr(name),
                          str_of(json_string_value(value), json_string_length(value)));
        }
        json_object_foreach(json_object_get(scenario, "tests"), name, value)
        {
            enum mailauth_result got = verify(w, vectors_str(value, "message"));
            str wanted = vectors_str(value, "cv");
            n++;
            passes += got == MAILAUTH_PASS && str_ieq(wanted, STR("pass"));
            if (!is_wanted(wanted, got)) {
                wrong++;
                print_error("%s: %s, wanted %.*s (%s)\n", name, mailauth_result_name(got),
                            STR_FMT(wanted), vectors_str(value, "description").p);
            }
        }
    }
    json_decref(root);
    print_message("arc: %zu cases, %zu right passes, %zu wrong\n", n, passes, wrong);
    assert_int_equal(n, 91);
    assert_int_equal(wrong, 0);
    assert_true(passes > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_public_suite, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/arc", tests, NULL, NULL);
}
