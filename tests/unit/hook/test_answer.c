/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of hooks: what is one, and what a hostile or broken one is taken for. */
#include "hook/answer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_actions(void **state)
{
    static const struct {
        const char *json;
        enum err_kind kind;
        enum hook_action action;
        bool is_later;
        const char *text;
    } cases[] = {
        { "{\"action\":\"accept\"}", ERR_NONE, HOOK_ACCEPT, false, "" },
        { "{\"action\":\"discard\",\"modifications\":null}", ERR_NONE, HOOK_DISCARD, false, "" },
        { "{\"action\":\"quarantine\",\"other\":1}", ERR_NONE, HOOK_QUARANTINE, false, "" },
        { "{\"action\":\"reject\"}", ERR_NONE, HOOK_REJECT, false, "" },
        { "{\"action\":\"reject\",\"response\":{\"status\":451,\"message\":\" a\\r\\n250 b\\u00fc\"}}",
          ERR_NONE, HOOK_REJECT, true, "a  250 b" },
        { "{\"action\":\"reject\",\"response\":{\"status\":554,\"message\":\"no\"}}", ERR_NONE,
          HOOK_REJECT, false, "no" },
        { "{\"action\":\"reject\",\"response\":{\"status\":250}}", ERR_SYNTAX, 0, false, "" },
        { "{\"action\":\"reject\",\"response\":{\"status\":\"550\"}}", ERR_SYNTAX, 0, false, "" },
        { "{\"action\":\"Accept\"}", ERR_SYNTAX, 0, false, "" },
        { "{\"action\":\"accept\",\"action\":\"discard\"}", ERR_SYNTAX, 0, false, "" },
        { "{\"action\":\"acc\\u0000ept\"}", ERR_SYNTAX, 0, false, "" },
        { "{}", ERR_SYNTAX, 0, false, "" },
        { "[]", ERR_SYNTAX, 0, false, "" },
        { "", ERR_SYNTAX, 0, false, "" },
        { "{\"action\":\"accept\"} {}", ERR_SYNTAX, 0, false, "" },
        { "{\"a\":[[[[[[[[]]]]]]]],\"action\":\"accept\"}", ERR_LIMIT, 0, false, "" },
        { "{\"a\":\"[[[[[[[[[[\\\"[[\",\"action\":\"accept\"}", ERR_NONE, HOOK_ACCEPT, false, "" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct hook_answer answer;
        struct arena a;
        arena_init(&a);
        bool ok = hook_answer_parse(&a, str_from_cstr(cases[i].json), &answer, &e);
        if (ok != (cases[i].kind == ERR_NONE) || e.kind != cases[i].kind)
            fail_msg("%s: %s", cases[i].json, e.msg);
        if (ok && (answer.action != cases[i].action || answer.is_later != cases[i].is_later ||
                   !str_eq(answer.text, str_from_cstr(cases[i].text))))
            fail_msg("%s: \"%.*s\"", cases[i].json, STR_FMT(answer.text));
        arena_fini(&a);
    }
}

static void test_modifications(void **state)
{
    struct err e = ERR_CLEAR;
    struct hook_answer answer;
    struct arena a;
    (void)state;
    arena_init(&a);
    str json = STR("{\"action\":\"accept\",\"modifications\":["
                   "{\"type\":\"addHeader\",\"name\":\"X-A\",\"value\":\"1\"},"
                   "{\"type\":\"insertHeader\",\"name\":\"X-B\",\"value\":\"2\"},"
                   "{\"type\":\"changeHeader\",\"name\":\"X-C\",\"value\":\"3\",\"index\":2},"
                   "{\"type\":\"deleteHeader\",\"name\":\"X-D\"},"
                   "{\"type\":\"addRecipient\",\"value\":\"a@example.org\"},"
                   "{\"type\":\"deleteRecipient\",\"value\":\"b@b\\u00fccher.example\"}]}");
    assert_true(hook_answer_parse(&a, json, &answer, &e));
    assert_int_equal(answer.n_changes, 4);
    assert_int_equal(answer.changes[1].kind, MILTER_INSERT);
    assert_int_equal(answer.changes[1].index, 0);
    assert_int_equal(answer.changes[2].index, 2);
    assert_int_equal(answer.changes[3].kind, MILTER_CHANGE);
    assert_int_equal(answer.changes[3].index, 1);
    assert_int_equal(answer.changes[3].value.n, 0);
    assert_int_equal(answer.n_moves, 2);
    assert_int_equal(answer.moves[0].kind, MILTER_ADD_RECIPIENT);
    assert_true(str_eq(answer.moves[0].address, STR("a@example.org")));
    assert_int_equal(answer.moves[1].kind, MILTER_REMOVE_RECIPIENT);
    assert_true(str_eq(answer.moves[1].address, STR("b@xn--bcher-kva.example")));
    arena_fini(&a);
}

/* Of a recipient, to drop it without a word, or to put it aside, is nothing that can be done. */
static void test_of_a_recipient(void **state)
{
    static const bool fits[] = { [HOOK_ACCEPT] = true,
                                 [HOOK_REJECT] = true,
                                 [HOOK_QUARANTINE] = false,
                                 [HOOK_DISCARD] = false };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fits); i++) {
        const struct hook_answer answer = { .action = (enum hook_action)i };
        assert_int_equal(hook_answer_is_of_recipient(&answer), fits[i]);
    }
}

/* Nothing is done by halves: one that is wrong is the end of all. */
static void test_wrong_modifications(void **state)
{
    static const char *const wrong[] = {
        "{\"type\":\"replaceContents\",\"value\":\"x\"}",
        "{\"type\":\"addHeader\",\"name\":\"X: y\",\"value\":\"1\"}",
        "{\"type\":\"addHeader\",\"name\":\"\",\"value\":\"1\"}",
        "{\"type\":\"addHeader\",\"name\":\"X\"}",
        "{\"type\":\"changeHeader\",\"name\":\"X\",\"value\":\"1\",\"index\":-1}",
        "{\"type\":\"changeHeader\",\"name\":\"X\",\"value\":\"1\",\"index\":99999999999}",
        "{\"type\":\"addRecipient\",\"value\":\"a\"}",
        "{\"type\":\"addRecipient\",\"value\":\"a@b\\r\\nRCPT TO:<c@d>\"}",
        "{\"type\":\"addRecipient\",\"value\":\"@b\"}",
        "{\"type\":\"addRecipient\",\"value\":\"postmaster\"}",
        "{\"type\":\"deleteRecipient\",\"value\":\"\"}",
        "1",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct err e = ERR_CLEAR;
        struct hook_answer answer;
        struct arena a;
        arena_init(&a);
        str json = arena_printf(&a, "{\"action\":\"accept\",\"modifications\":[%s]}", wrong[i]);
        if (hook_answer_parse(&a, json, &answer, &e) || e.kind != ERR_SYNTAX)
            fail_msg("%s: %s", wrong[i], e.msg);
        arena_fini(&a);
    }
}

static void test_too_much(void **state)
{
    struct err e = ERR_CLEAR;
    struct hook_answer answer;
    struct arena a;
    struct buf json;
    (void)state;
    arena_init(&a);
    buf_init(&json, HOOK_ANSWER_MAX);
    (void)buf_add(&json, STR("{\"action\":\"accept\",\"modifications\":["));
    for (int i = 0; i <= HOOK_CHANGES_MAX; i++)
        (void)buf_addf(&json, "%s{\"type\":\"deleteHeader\",\"name\":\"X\"}", i ? "," : "");
    (void)buf_add(&json, STR("]}"));
    assert_false(hook_answer_parse(&a, buf_str(&json), &answer, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&json);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),        cmocka_unit_test(test_modifications),
        cmocka_unit_test(test_of_a_recipient), cmocka_unit_test(test_wrong_modifications),
        cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
