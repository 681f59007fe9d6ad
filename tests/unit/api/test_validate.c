/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies against the schemas of the contract: what is read, what is judged wrong, and where. */
#include "api_tables.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- reading ---- */

struct read_case {
    const char *name;
    str body;
    enum err_kind kind; /* ERR_NONE: it is read */
};

static const struct read_case read_cases[] = {
    { "object", STR_INIT("{\"a\":1}"), ERR_NONE },
    { "scalar", STR_INIT("\"x\""), ERR_NONE },
    { "brackets in a text", STR_INIT("{\"a\":\"[[[\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"),
      ERR_NONE },
    { "empty", STR_INIT(""), ERR_SYNTAX },
    { "rest behind", STR_INIT("{} {}"), ERR_SYNTAX },
    { "key twice", STR_INIT("{\"a\":1,\"a\":2}"), ERR_SYNTAX },
    { "trailing comma", STR_INIT("{\"a\":1,}"), ERR_SYNTAX },
    { "bad UTF-8", STR_INIT("{\"a\":\"\xff\"}"), ERR_SYNTAX },
    { "lone surrogate", STR_INIT("{\"a\":\"\\ud800\"}"), ERR_SYNTAX },
    { "2^63", STR_INIT("{\"a\":9223372036854775808}"), ERR_SYNTAX },
    { "1e400", STR_INIT("{\"a\":1e400}"), ERR_SYNTAX },
    { "NaN", STR_INIT("{\"a\":NaN}"), ERR_SYNTAX },
    { "NUL in a text", STR_INIT("{\"a\":\"\\u0000\"}"), ERR_UNSUPPORTED },
    { "NUL in a key", STR_INIT("{\"\\u0000\":1}"), ERR_UNSUPPORTED },
    { "NUL between", STR_INIT("{\0}"), ERR_SYNTAX },
};

static void test_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(read_cases); i++) {
        json_t *json = NULL;
        struct err e = ERR_CLEAR;
        bool ok = api_json_read(read_cases[i].body, &json, &e);
        if (ok != (read_cases[i].kind == ERR_NONE) || e.kind != read_cases[i].kind)
            fail_msg("%s: %s %s", read_cases[i].name, err_kind_name(e.kind), e.msg);
        json_decref(json);
    }
}

static void test_deep_and_long_bodies(void **state)
{
    (void)state;
    struct buf body;
    struct err e = ERR_CLEAR;
    json_t *json = NULL;
    buf_init(&body, 1 << 20);
    for (int i = 0; i < API_JSON_DEPTH_MAX; i++)
        assert_true(buf_add_byte(&body, '['));
    for (int i = 0; i < API_JSON_DEPTH_MAX; i++)
        assert_true(buf_add_byte(&body, ']'));
    assert_true(api_json_read(buf_str(&body), &json, &e));
    json_decref(json);
    buf_clear(&body);
    for (int i = 0; i < 100000; i++)
        assert_true(buf_add_byte(&body, '['));
    assert_false(api_json_read(buf_str(&body), &json, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_clear(&body);
    assert_true(buf_add(&body, STR("[0")));
    for (int i = 0; i < API_JSON_VALUES_MAX; i++)
        assert_true(buf_add(&body, STR(",0")));
    assert_true(buf_add(&body, STR("]")));
    e = ERR_CLEAR;
    assert_false(api_json_read(buf_str(&body), &json, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&body);
}

/* ---- judging ---- */

struct judge_case {
    const char *name;
    const struct api_schema *schema;
    const char *body;
    const char *faults; /* "pointer detail\n" of each; empty: the body is right */
};

static const struct judge_case judge_cases[] = {
    { "right", &schema_mailbox_new, "{\"name\":\"Work\",\"parentId\":null}", "" },
    { "missing", &schema_mailbox_new, "{}", "/name is missing\n" },
    { "unknown", &schema_mailbox_new, "{\"name\":\"Work\",\"role\":\"inbox\"}",
      "/role there is no such field\n" },
    { "wrong type", &schema_mailbox_new, "{\"name\":5}", "/name has to be a text\n" },
    { "null allowed with text", &schema_mailbox_new, "{\"name\":\"a\",\"parentId\":5}",
      "/parentId has to be a text or null\n" },
    { "format", &schema_mailbox_new, "{\"name\":\"a/b\"}",
      "/name holds \"/\", \"*\", \"%\" or a control character\n" },
    { "too short", &schema_mailbox_new, "{\"name\":\"\"}",
      "/name has to have at least 1 characters\n" },
    { "not an object", &schema_mailbox_new, "[]", " has to be an object\n" },
    { "escaped pointer", &schema_mailbox_new, "{\"name\":\"a\",\"x/y~z\":1}",
      "/x~1y~0z there is no such field\n" },
    { "nothing to change", &schema_mailbox_change, "{}", " has to have at least 1 fields\n" },
    { "word", &schema_settings_change, "{\"theme\":\"blue\"}",
      "/theme has to be one of auto, light, dark\n" },
    { "number too big", &schema_settings_change, "{\"undoSendSeconds\":121}",
      "/undoSendSeconds has to be 0 to 120\n" },
    { "not whole", &schema_settings_change, "{\"undoSendSeconds\":1.5}",
      "/undoSendSeconds has to be a whole number\n" },
    { "boolean", &schema_settings_change, "{\"singleKeys\":0}",
      "/singleKeys has to be true or false\n" },
    { "in a list", &schema_threads_wanted, "{\"ids\":[\"1\",\"x\",\"2\"]}",
      "/ids/1 is not an id\n" },
    { "empty list", &schema_threads_wanted, "{\"ids\":[]}", "/ids has to have at least 1 items\n" },
    { "twice in a list", &schema_token_new,
      "{\"name\":\"a\",\"scopes\":[\"mail:read\",\"mail:send\",\"mail:read\"]}",
      "/scopes/2 stands in the list twice\n" },
    { "one target", &schema_batch_request,
      "{\"target\":{\"messageIds\":[\"1\"]},\"change\":{\"keywords\":{\"$seen\":true}}}", "" },
    { "two targets", &schema_batch_request,
      "{\"target\":{\"messageIds\":[\"1\"],\"search\":{\"q\":\"x\"}},\"change\":{\"destroy\":true}}",
      "/target has to have at most 1 fields\n" },
    { "only true", &schema_batch_request,
      "{\"target\":{\"messageIds\":[\"1\"]},\"change\":{\"destroy\":false}}",
      "/change/destroy has to be true\n" },
    { "names of fields", &schema_message_change, "{\"keywords\":{\"two words\":true}}",
      "/keywords/two words is not a keyword\n" },
    { "values of any field", &schema_message_change, "{\"keywords\":{\"$seen\":1}}",
      "/keywords/$seen has to be true or false\n" },
    { "deep", &schema_draft_input,
      "{\"to\":[{\"address\":\"mia@example.org\"},{\"address\":\"mia\"}],\"cc\":[],\"bcc\":[],"
      "\"subject\":\"a\\r\\nBcc: x\",\"html\":\"\",\"text\":\"\",\"attachments\":[]}",
      "/to/1/address is not a mail address\n"
      "/subject holds a control character or the end of a line\n" },
};

static void test_judging(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(judge_cases); i++) {
        const struct judge_case *c = &judge_cases[i];
        struct arena a;
        struct buf said;
        json_t *json = NULL;
        struct err e = ERR_CLEAR;
        arena_init(&a);
        buf_init(&said, 4096);
        struct api_faults faults = { .arena = &a };
        assert_true(api_json_read(str_from_cstr(c->body), &json, &e));
        bool ok = api_validate(c->schema, json, &faults);
        for (size_t k = 0; k < faults.n; k++) {
            assert_true(buf_addf(&said, "%.*s %.*s\n", STR_FMT(faults.list[k].pointer),
                                 STR_FMT(faults.list[k].detail)));
        }
        if (strcmp(buf_cstr(&said), c->faults) != 0 || ok != (faults.n == 0))
            fail_msg("%s: %s", c->name, buf_cstr(&said));
        json_decref(json);
        buf_fini(&said);
        arena_fini(&a);
    }
}

/* Characters are counted, not octets. */
static void test_lengths_are_characters(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    struct api_faults faults = { .arena = &a };
    struct buf name;
    buf_init(&name, 4096);
    for (int i = 0; i < 255; i++)
        assert_true(buf_add(&name, STR("\xc3\xa4")));
    json_t *json = json_pack("{s:s}", "name", buf_cstr(&name));
    assert_true(api_validate(&schema_mailbox_new, json, &faults));
    json_decref(json);
    assert_true(buf_add(&name, STR("a")));
    json = json_pack("{s:s}", "name", buf_cstr(&name));
    assert_false(api_validate(&schema_mailbox_new, json, &faults));
    json_decref(json);
    buf_fini(&name);
    arena_fini(&a);
}

static void test_faults_are_bounded(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a);
    struct api_faults faults = { .arena = &a };
    json_t *json = json_object();
    json_t *ids = json_array();
    for (int i = 0; i < 200; i++)
        assert_int_equal(json_array_append_new(ids, json_integer(i)), 0);
    assert_int_equal(json_object_set_new(json, "ids", ids), 0);
    assert_false(api_validate(&schema_threads_wanted, json, &faults));
    assert_int_equal(faults.n, API_FAULTS_MAX);
    json_decref(json);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_deep_and_long_bodies),
        cmocka_unit_test(test_judging),
        cmocka_unit_test(test_lengths_are_characters),
        cmocka_unit_test(test_faults_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
