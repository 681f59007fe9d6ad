/* SPDX-License-Identifier: Apache-2.0 */
/* Query strings, cookies, ranges, tags, file names, and the buckets of rates. */
#include "http/http_rates.h"
#include "http/http_values.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct http_pair *find(const struct http_query *q, str name)
{
    for (size_t i = 0; i < q->n; i++) {
        if (str_eq(q->list[i].name, name))
            return &q->list[i];
    }
    return NULL;
}

static void test_query(void **state)
{
    (void)state;
    struct arena a;
    struct http_query q;
    struct err e = ERR_CLEAR;
    struct buf many;
    arena_init(&a);
    assert_true(http_query_parse(&a, STR("q=from%3Aa+b&empty=&flag&&q=2&x=1=2"), &q, &e));
    assert_int_equal(q.n, 5);
    assert_true(str_eq(find(&q, STR("q"))->value, STR("from:a b")));
    assert_true(str_eq(find(&q, STR("x"))->value, STR("1=2")));
    assert_int_equal(find(&q, STR("flag"))->value.n, 0);
    assert_null(find(&q, STR("absent")));
    assert_true(http_query_parse(&a, STR_EMPTY, &q, &e));
    assert_int_equal(q.n, 0);
    assert_false(http_query_parse(&a, STR("a=%ff"), &q, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    assert_false(http_query_parse(&a, STR("a%=1"), &q, &e));
    buf_init(&many, 10000);
    for (int i = 0; i < HTTP_QUERY_MAX + 1; i++)
        (void)buf_add(&many, STR("a=1&"));
    assert_false(http_query_parse(&a, buf_str(&many), &q, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&many);
    arena_fini(&a);
}

static const struct {
    const char *field;
    const char *value; /* of "sid"; NULL: none */
} cookies[] = {
    { "sid=1", "1" },
    { "a=b; sid=1; c=d", "1" },
    { "sid=\"1\"", "1" },
    { "xsid=1", NULL },
    { "sid", NULL },
    { "", NULL },
    { "sid=1; sid=2", NULL },
    { "sid=1; sid=1", "1" },
    { "sid=", "" },
    { "sid=a=b", "a=b" },
    { ";;; sid=1;;", "1" },
    { "SID=1", NULL },
    { "a=\"; sid=1\"", "1\"" },
};

static void test_cookies(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cookies); i++) {
        str value = STR_EMPTY;
        bool is_found = http_cookie_find(str_from_cstr(cookies[i].field), STR("sid"), &value);
        if (is_found != (cookies[i].value != NULL) ||
            (is_found && !str_eq(value, str_from_cstr(cookies[i].value))))
            fail_msg("%s", cookies[i].field);
    }
}

static const struct {
    const char *field;
    uint64_t length;
    enum http_range result;
    uint64_t first;
    uint64_t count;
} ranges[] = {
    { "bytes=0-9", 100, HTTP_RANGE_ONE, 0, 10 },
    { "bytes=90-", 100, HTTP_RANGE_ONE, 90, 10 },
    { "bytes=90-1000", 100, HTTP_RANGE_ONE, 90, 10 },
    { "bytes=-10", 100, HTTP_RANGE_ONE, 90, 10 },
    { "bytes=-1000", 100, HTTP_RANGE_ONE, 0, 100 },
    { "BYTES=0-0", 100, HTTP_RANGE_ONE, 0, 1 },
    { "bytes=0-18446744073709551615", 100, HTTP_RANGE_NONE, 0, 0 },
    { "bytes=0-9223372036854775807", 100, HTTP_RANGE_ONE, 0, 100 },
    { "bytes=100-", 100, HTTP_RANGE_UNFIT, 0, 0 },
    { "bytes=-0", 100, HTTP_RANGE_UNFIT, 0, 0 },
    { "bytes=0-", 0, HTTP_RANGE_UNFIT, 0, 0 },
    { "bytes=-5", 0, HTTP_RANGE_UNFIT, 0, 0 },
    { "bytes=9-0", 100, HTTP_RANGE_NONE, 0, 0 },
    { "bytes=0-1,3-4", 100, HTTP_RANGE_NONE, 0, 0 },
    { "bytes=", 100, HTTP_RANGE_NONE, 0, 0 },
    { "bytes=-", 100, HTTP_RANGE_NONE, 0, 0 },
    { "bytes=a-b", 100, HTTP_RANGE_NONE, 0, 0 },
    { "items=0-1", 100, HTTP_RANGE_NONE, 0, 0 },
    { "", 100, HTTP_RANGE_NONE, 0, 0 },
};

static void test_ranges(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        uint64_t first = 0;
        uint64_t count = 0;
        str field = str_from_cstr(ranges[i].field);
        enum http_range result = http_range_parse(field, ranges[i].length, &first, &count);
        if (result != ranges[i].result || first != ranges[i].first || count != ranges[i].count)
            fail_msg("%s: %d", ranges[i].field, (int)result);
    }
}

static void test_etags(void **state)
{
    (void)state;
    assert_true(http_etag_matches(STR("\"a\""), STR("\"a\""), true));
    assert_true(http_etag_matches(STR("\"b\", \"a\""), STR("\"a\""), true));
    assert_true(http_etag_matches(STR("W/\"a\""), STR("\"a\""), false));
    assert_false(http_etag_matches(STR("W/\"a\""), STR("\"a\""), true));
    assert_true(http_etag_matches(STR("*"), STR("\"a\""), true));
    assert_false(http_etag_matches(STR("\"ab\""), STR("\"a\""), false));
    assert_false(http_etag_matches(STR(""), STR("\"a\""), false));
}

struct text_case {
    const char *in;
    const char *out;
};

static const struct text_case names[] = {
    { "a.txt", "attachment; filename=\"a.txt\"" },
    { "a b.txt", "attachment; filename=\"a b.txt\"" },
    { "\xc3\xa4.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A4.txt" },
    { "100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt" },
    { "../../etc/passwd", "attachment; filename=\"_._.._etc_passwd\"" },
    { ".profile", "attachment; filename=\"_profile\"" },
    { "a\"b;c\\d.txt", "attachment; filename=\"a_b;c_d.txt\"" },
    { "a\r\nX: y", "attachment; filename=\"a__X: y\"" },
    { "evil\xe2\x80\xaegpj.exe", "attachment; filename=\"evil_gpj.exe\"" },
    { "\xff\xfe", "attachment; filename=\"__\"" },
    { "", "attachment; filename=\"unnamed\"" },
    { "   ", "attachment; filename=\"unnamed\"" },
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct buf b;
        buf_init(&b, 2000);
        assert_true(http_disposition_format(&b, true, str_from_cstr(names[i].in)));
        if (!str_eq(buf_str(&b), str_from_cstr(names[i].out)))
            fail_msg("%s: %s", names[i].in, buf_cstr(&b));
        buf_fini(&b);
    }
    struct buf b;
    char text[1001];
    memset(text, 'x', sizeof(text));
    buf_init(&b, 2000);
    assert_true(http_disposition_format(&b, false, str_of(text, 1000)));
    assert_true(str_has_prefix(buf_str(&b), STR("inline; filename=\"xxx")) && b.n < 260);
    buf_fini(&b);
}

static void test_rates(void **state)
{
    (void)state;
    struct http_rates *r = http_rates_new("token", 10, 60, NULL);
    struct http_rate rate;
    for (unsigned i = 0; i < 10; i++) {
        assert_true(http_rates_take(r, STR("a"), 1, 1000, &rate));
        assert_int_equal(rate.remaining, 9 - i);
        assert_int_equal(rate.limit, 10);
        assert_int_equal(rate.window_s, 60);
    }
    assert_false(http_rates_take(r, STR("a"), 1, 1000, &rate));
    assert_int_equal(rate.remaining, 0);
    assert_int_equal(rate.reset_s, 6);
    assert_true(http_rates_take(r, STR("b"), 1, 1000, &rate));
    /* It fills evenly: one request each 6 s. */
    assert_false(http_rates_take(r, STR("a"), 1, 6999, &rate));
    assert_true(http_rates_take(r, STR("a"), 1, 7001, &rate));
    assert_false(http_rates_take(r, STR("a"), 1, 7001, &rate));
    assert_false(http_rates_take(r, STR("a"), 5, 20000, &rate));
    assert_true(http_rates_take(r, STR("a"), 2, 20000, &rate));
    /* More than there is takes all there may be; a look takes nothing. */
    assert_true(http_rates_take(r, STR("c"), 11, 20000, &rate));
    assert_true(http_rates_take(r, STR("c"), 0, 20000, &rate));
    assert_int_equal(rate.remaining, 0);
    assert_int_equal(rate.reset_s, 60);
    assert_true(http_rates_take(r, STR("c"), 10, 80000, &rate));
    http_rates_free(&r);
    assert_null(r);
}

/* Two workers on one table, and two limits of each. */
static void test_shared_rates(void **state)
{
    (void)state;
    struct err e = ERR_CLEAR;
    struct http_rate rate;
    struct net_tally *tally = net_tally_new(2, 100, &e);
    assert_non_null(tally);
    struct http_rates *workers[] = { http_rates_new("token", 10, 60, tally),
                                     http_rates_new("token", 10, 60, tally) };
    struct http_rates *session = http_rates_new("session", 10, 60, tally);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(http_rates_take(workers[i % 2], STR("7"), 1, 1000, &rate));
        assert_int_equal(rate.remaining, 9 - i);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_false(http_rates_take(workers[i], STR("7"), 1, 1000, &rate));
        assert_int_equal(rate.reset_s, 6);
        assert_true(http_rates_take(workers[i], STR("8"), 1, 1000, &rate));
    }
    assert_true(http_rates_take(session, STR("7"), 10, 1000, &rate));
    for (size_t i = 0; i < 2; i++)
        http_rates_free(&workers[i]);
    http_rates_free(&session);
    net_tally_free(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query),        cmocka_unit_test(test_cookies),
        cmocka_unit_test(test_ranges),       cmocka_unit_test(test_etags),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_shared_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
