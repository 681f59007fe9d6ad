/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of operations of the contract: each kind from each place, defaults, and faults. */
#include "api_tables.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct api_faults faults;
    void *out;
};

static enum api_params_result read_params(struct fixture *f, const struct api_params *params,
                                          const char *value, const char *query)
{
    str values[] = { str_from_cstr(value) };
    struct api_params_input in = { .values = values, .n_values = 1, .query = str_from_cstr(query) };
    arena_init(&f->arena);
    f->faults = (struct api_faults){ .arena = &f->arena };
    return api_params_read(params, &in, &f->arena, &f->out, &f->faults);
}

static void test_defaults(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(read_params(&f, &api_params_list_threads, "7", ""), API_PARAMS_OK);
    const struct list_threads_params *p = f.out;
    assert_int_equal(p->mailbox_id, 7);
    assert_int_equal(p->limit, 50);
    assert_int_equal(p->sort, LIST_THREADS_SORT_NEWEST);
    assert_int_equal(p->filter, LIST_THREADS_FILTER_ALL);
    assert_false(p->has_cursor);
    assert_false(p->total);
    arena_fini(&f.arena);
}

static void test_values(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(read_params(&f, &api_params_list_threads, "%37",
                                 "limit=200&sort=oldest&filter=unread&total=true&cursor=a-b_"),
                     API_PARAMS_OK);
    const struct list_threads_params *p = f.out;
    assert_int_equal(p->mailbox_id, 7);
    assert_int_equal(p->limit, 200);
    assert_int_equal(p->sort, LIST_THREADS_SORT_OLDEST);
    assert_int_equal(p->filter, LIST_THREADS_FILTER_UNREAD);
    assert_true(p->total);
    assert_true(p->has_cursor);
    assert_true(str_eq(p->cursor, STR("a-b_")));
    arena_fini(&f.arena);
}

static void test_words_as_a_set(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(read_params(&f, &api_params_stream_events, "", ""), API_PARAMS_OK);
    const struct stream_events_params *p = f.out;
    assert_int_equal(p->types, STREAM_EVENTS_TYPES_MAIL | STREAM_EVENTS_TYPES_SUBMISSION);
    arena_fini(&f.arena);
    assert_int_equal(read_params(&f, &api_params_stream_events, "", "types=queue,mail&since=0"),
                     API_PARAMS_OK);
    p = f.out;
    assert_int_equal(p->types, STREAM_EVENTS_TYPES_MAIL | STREAM_EVENTS_TYPES_QUEUE);
    assert_true(p->has_since);
    assert_int_equal(p->since, 0);
    arena_fini(&f.arena);
}

static void test_order_the_other_way_round(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(read_params(&f, &api_params_list_accounts, "", "sort=-used&q=M%C3%BCller+x"),
                     API_PARAMS_OK);
    const struct list_accounts_params *p = f.out;
    assert_int_equal(p->sort, LIST_ACCOUNTS_SORT_USED_DESC);
    assert_true(str_eq(p->q, STR("M\xc3\xbcller x")));
    arena_fini(&f.arena);
}

static void test_times_and_header_fields(void **state)
{
    (void)state;
    struct fixture f;
    struct http_field fields[] = { { STR("if-match"), STR("\"42\"") } };
    str values[] = { STR("9") };
    struct api_params_input in = {
        .values = values, .n_values = 1, .fields = fields, .n_fields = 1
    };
    assert_int_equal(read_params(&f, &api_params_get_stats, "",
                                 "metric=signIns&from=1970-01-01T00:00:01Z&step=60"),
                     API_PARAMS_OK);
    const struct get_stats_params *stats = f.out;
    assert_int_equal(stats->metric, GET_STATS_METRIC_SIGN_INS);
    assert_int_equal(stats->from, 1000000);
    assert_int_equal(stats->step, GET_STATS_STEP_60);
    assert_false(stats->has_to);
    assert_int_equal(api_params_read(&api_params_save_draft, &in, &f.arena, &f.out, &f.faults),
                     API_PARAMS_OK);
    const struct save_draft_params *draft = f.out;
    assert_int_equal(draft->draft_id, 9);
    assert_true(draft->has_if_match);
    assert_true(str_eq(draft->if_match, STR("\"42\"")));
    arena_fini(&f.arena);
}

struct fault_case {
    const char *name;
    const struct api_params *params;
    const char *value;
    const char *query;
    enum api_params_result result;
    const char *pointer; /* of the first fault */
};

static const struct fault_case fault_cases[] = {
    { "path is no id", &api_params_get_mailbox, "x", "", API_PARAMS_NOT_FOUND, NULL },
    { "path with NUL", &api_params_get_domain, "a%00b", "", API_PARAMS_NOT_FOUND, NULL },
    { "path with bad encoding", &api_params_get_domain, "a%zz", "", API_PARAMS_NOT_FOUND, NULL },
    { "path is no UTF-8", &api_params_get_address, "a%ff@example.org", "", API_PARAMS_NOT_FOUND,
      NULL },
    { "path too long", &api_params_get_blob_info,
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "", API_PARAMS_NOT_FOUND, NULL },
    { "limit 0", &api_params_list_threads, "1", "limit=0", API_PARAMS_WRONG, "limit" },
    { "limit too big", &api_params_list_threads, "1", "limit=201", API_PARAMS_WRONG, "limit" },
    { "limit is no number", &api_params_list_threads, "1", "limit=1e1", API_PARAMS_WRONG, "limit" },
    { "limit past 64 bits", &api_params_list_threads, "1", "limit=99999999999999999999",
      API_PARAMS_WRONG, "limit" },
    { "word", &api_params_list_threads, "1", "sort=from", API_PARAMS_WRONG, "sort" },
    { "boolean", &api_params_list_threads, "1", "total=1", API_PARAMS_WRONG, "total" },
    { "twice", &api_params_list_threads, "1", "limit=1&limit=2", API_PARAMS_WRONG, "limit" },
    { "unknown", &api_params_list_threads, "1", "limti=1", API_PARAMS_WRONG, "limti" },
    { "cursor", &api_params_list_threads, "1", "cursor=%22", API_PARAMS_WRONG, "cursor" },
    { "empty cursor", &api_params_list_threads, "1", "cursor=", API_PARAMS_WRONG, "cursor" },
    { "missing", &api_params_search_messages, "", "", API_PARAMS_WRONG, "q" },
    { "empty", &api_params_search_messages, "", "q=", API_PARAMS_WRONG, "q" },
    { "bad query", &api_params_search_messages, "", "q=%", API_PARAMS_WRONG, "?" },
    { "control character", &api_params_search_messages, "", "q=a%0ab", API_PARAMS_WRONG, "q" },
    { "word of a set", &api_params_stream_events, "", "types=mail,all", API_PARAMS_WRONG, "types" },
    { "twice in a set", &api_params_stream_events, "", "types=mail,mail", API_PARAMS_WRONG,
      "types" },
    { "time", &api_params_list_audit, "", "from=yesterday", API_PARAMS_WRONG, "from" },
    { "header field missing", &api_params_upload_blob_part, "abc", "", API_PARAMS_WRONG,
      "content-range" },
};

static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fault_cases); i++) {
        const struct fault_case *c = &fault_cases[i];
        struct fixture f;
        enum api_params_result result = read_params(&f, c->params, c->value, c->query);
        bool same = !c->pointer || (f.faults.n == 1 &&
                                    str_eq(f.faults.list[0].pointer, str_from_cstr(c->pointer)));
        if (result != c->result || !same)
            fail_msg("%s: result %d, %zu faults", c->name, (int)result, f.faults.n);
        arena_fini(&f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_words_as_a_set),
        cmocka_unit_test(test_order_the_other_way_round),
        cmocka_unit_test(test_times_and_header_fields),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
