/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences and their codes: each is found again, and what others said is none of ours. */
#include "services/api/told.h"

#include "api_routes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct told_case {
    const char *name;
    str text;
    const char *told; /* as JSON; NULL: it is none of ours */
};

static const struct told_case cases[] = {
    { "no place", STR_INIT("is missing"), "{\"code\":\"missing\",\"parts\":{},\"values\":{}}" },
    { "one place", STR_INIT("has to have at most 5 characters"),
      "{\"code\":\"too-long\",\"parts\":{},\"values\":{\"most\":\"5\"}}" },
    { "the one that says most", STR_INIT("has to be 1 to 200"),
      "{\"code\":\"out-of-range\",\"parts\":{},\"values\":{\"least\":\"1\",\"most\":\"200\"}}" },
    { "the one that says least", STR_INIT("has to be a text or null"),
      "{\"code\":\"wrong-kind\",\"parts\":{},\"values\":{\"kind\":\"a text or null\"}}" },
    { "a place first", STR_INIT("a@example.org is the last administrator"),
      "{\"code\":\"is-last-administrator\",\"parts\":{},\"values\":{\"address\":\"a@example.org\"}}" },
    { "quotes", STR_INIT("\"x y\" is not a domain name"),
      "{\"code\":\"not-a-domain-name\",\"parts\":{},\"values\":{\"domain\":\"x y\"}}" },
    { "a sentence in it", STR_INIT("no greeting: the deadline passed"),
      "{\"code\":\"no-greeting\",\"parts\":{\"cause\":{\"code\":\"deadline-passed\",\"parts\":{},"
      "\"values\":{}}},\"values\":{\"cause\":\"the deadline passed\"}}" },
    { "somebody else's words in it", STR_INIT("no greeting: xyzzy"),
      "{\"code\":\"no-greeting\",\"parts\":{},\"values\":{\"cause\":\"xyzzy\"}}" },
    { "our own with a code", STR_INIT("556 the domain takes no mail (null MX)"),
      "{\"code\":\"mx-null\",\"parts\":{},\"values\":{}}" },
    { "nothing", STR_INIT(""), NULL },
    { "a part of one", STR_INIT("is missin"), NULL },
    { "more than one", STR_INIT("is missing!"), NULL },
    { "an empty value", STR_INIT("has to have at most  characters"), NULL },
    { "a reply", STR_INIT("550 5.1.1 who is that?"), NULL },
    { "a reply in our words", STR_INIT("550 is missing"), NULL },
    { "a reply with our end", STR_INIT("550 a@example.org is the last administrator"), NULL },
    { "a reply of lines", STR_INIT("550-a@example.org is the last administrator"), NULL },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *told = api_told(cases[i].text);
        char *text = told ? json_dumps(told, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        print_message("%s\n", cases[i].name);
        if (cases[i].told) {
            assert_non_null(text);
            assert_string_equal(text, cases[i].told);
        } else {
            assert_null(told);
        }
        free(text);
        json_decref(told);
    }
}

/* The sentence with "7" in each of its places. */
static void fill(const char *sentence, struct buf *out)
{
    str rest = str_from_cstr(sentence);
    str part;
    str name;
    while (str_cut(rest, '{', &part, &rest)) {
        (void)buf_add(out, part);
        (void)buf_add_byte(out, '7');
        (void)str_cut(rest, '}', &name, &rest);
    }
    (void)buf_add(out, part);
}

static void test_none_hides_another(void **state)
{
    (void)state;
    assert_true(api_n_reasons > 300);
    for (size_t i = 0; i < api_n_reasons; i++) {
        struct api_told found;
        struct buf text;
        buf_init(&text, 1024);
        fill(api_reasons[i].sentence, &text);
        assert_true(api_told_find(buf_str(&text), &found));
        assert_string_equal(found.code, api_reasons[i].code);
        buf_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_none_hides_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
