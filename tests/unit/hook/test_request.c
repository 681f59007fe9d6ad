/* SPDX-License-Identifier: Apache-2.0 */
/* What hooks are sent, and what of them may be logged. */
#include "hook/request.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_no_secrets_are_shown(void **state)
{
    static const struct {
        const char *url;
        const char *shown;
    } cases[] = {
        { "https://hooks.example/mail", "https://hooks.example/mail" },
        { "https://hooks.example:8443/mail?token=s3cret&x=/@y", "https://hooks.example:8443/mail" },
        { "https://ada:s3cret@hooks.example/mail", "https://hooks.example/mail" },
        { "http://a@b:s3cret@hooks.example/@x?y", "http://hooks.example/@x" },
        { "https://hooks.example?s3cret", "https://hooks.example" },
        { "https://hooks.example/#s3cret", "https://hooks.example/" },
        { "https://", "https://" },
        { "ada:s3cret@x", "x" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        arena_init(&a);
        str shown = hook_url_shown(str_from_cstr(cases[i].url), &a);
        if (!str_eq(shown, str_from_cstr(cases[i].shown)))
            fail_msg("%s: %.*s", cases[i].url, STR_FMT(shown));
        arena_fini(&a);
    }
}

static void test_who_is_on_the_whitelist(void **state)
{
    (void)state;
    for (int is_whitelisted = 0; is_whitelisted < 2; is_whitelisted++) {
        const struct hook_server server = { .stage = HOOK_AT_RCPT };
        const struct hook_about about = { .message.is_whitelisted = is_whitelisted };
        struct hook_request *r = hook_request_new(&server, &about, 1);
        hook_request_build(r);
        assert_int_equal(str_find(r->body, STR("\"whitelisted\":true")) >= 0, is_whitelisted);
        assert_int_equal(str_find(r->body, STR("whitelisted")) >= 0, is_whitelisted);
        work_finish(&r->work);
    }
}

/* No more of it than the hook is to see; a field that would be cut is left out. */
static void test_how_much_is_shown(void **state)
{
    static const struct {
        size_t contents_max;
        const char *message;
    } cases[] = {
        { 0, "\"message\":{\"headers\":[[\"A\",\"1\"]],\"size\":1048586}}" },
        { 3, "\"message\":{\"headers\":[[\"A\",\"1\"]],\"size\":1048586,\"contents\":\"QTog\","
             "\"isTruncated\":true}}" },
    };
    const str start = STR("A: 1\r\nB: ");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        arena_init(&a);
        char *content = arena_alloc(&a, HOOK_HEADER_MAX + 10);
        memset(content, 'x', HOOK_HEADER_MAX + 10);
        memcpy(content, start.p, start.n);
        const struct hook_server server = { .stage = HOOK_AT_DATA,
                                            .secret = STR("s"),
                                            .contents_max = cases[i].contents_max };
        const struct hook_about about = { .message = {
                                              .envelope = { .sender = STR("ada@example.org") },
                                              .content = str_of(content, HOOK_HEADER_MAX + 10) } };
        struct hook_request *r = hook_request_new(&server, &about, 1);
        memset(content, 0, HOOK_HEADER_MAX + 10); /* it borrows nothing */
        hook_request_build(r);
        if (!str_has_suffix(r->body, str_from_cstr(cases[i].message)))
            fail_msg("%.*s", STR_FMT(r->body));
        assert_int_equal(r->weight, HOOK_HEADER_MAX + cases[i].contents_max);
        assert_true(str_has_prefix(r->signature, STR("sha256=")) && r->signature.n == 7 + 64);
        work_finish(&r->work);
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_much_is_shown),
        cmocka_unit_test(test_who_is_on_the_whitelist),
        cmocka_unit_test(test_no_secrets_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
