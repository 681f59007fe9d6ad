/* SPDX-License-Identifier: Apache-2.0 */
/* From `listeners:` to addresses and services. */
#include "services/app/listeners.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct app_listener_kind smtp_kinds[] = {
    { .name = "smtp", .default_port = 25 },
    { .name = "submissions", .default_port = 465, .implicit_tls = true },
};
static const struct app_listener_kind imap_kinds[] = {
    { .name = "imap", .default_port = 143 },
    { .name = "metrics", .default_port = 9464, .is_on_request = true },
};
static const struct app_service smtp = { .role = "smtp",
                                         .listeners = smtp_kinds,
                                         .n_listeners = 2 };
static const struct app_service imap = { .role = "imap",
                                         .listeners = imap_kinds,
                                         .n_listeners = 2 };
static const struct app_service delivery = { .role = "delivery" };
static const struct app_service *const list[] = { &smtp, &imap, &delivery };
static const struct app_services services = { list, COUNT_OF(list) };

static const struct {
    const char *name;
    const char *text;
    const char *roles;
    const char *expected; /* "kind@address ...", or the beginning of the error */
    bool ok;
} cases[] = {
    { "nothing means everything", "hostname: a.example\n", NULL,
      "smtp@127.0.0.1:25 submissions@127.0.0.1:465 imap@127.0.0.1:143 ", true },
    { "roles select", "hostname: a.example\n", "imap,delivery", "imap@127.0.0.1:143 ", true },
    { "without TLS no port that needs it", "tls: { self_signed: false }\n", "smtp",
      "smtp@127.0.0.1:25 ", true },
    { "ports and addresses",
      "listeners:\n  - { kind: smtp, addr: \"192.0.2.1:2525\" }\n  - { kind: imap, addr: "
      "\"[2001:db8::1]:1\" }\n  - { kind: smtp }\n",
      NULL, "smtp@192.0.2.1:2525 imap@[2001:db8::1]:1 smtp@127.0.0.1:25 ", true },
    { "roles select among named ones",
      "listeners:\n  - { kind: smtp }\n  - { kind: imap, addr: \":1143\" }\n", "imap",
      "imap@127.0.0.1:1143 ", true },
    { "unknown kind", "listeners:\n  - { kind: gopher }\n", NULL, "test.yaml:2: ", false },
    { "TLS without certificate",
      "tls: { self_signed: false }\nlisteners:\n  - { kind: submissions }\n", NULL,
      "test.yaml:3: ", false },
    { "standard kinds at other ports",
      "server: { address: 192.0.2.1, ports: { smtp: 2525, imap: 0 } }\n", NULL,
      "smtp@192.0.2.1:2525 submissions@192.0.2.1:465 ", true },
    { "every address when told so", "server: { address: \"*\" }\n", "imap", "imap@[::]:143 ",
      true },
    { "standard kinds at an IPv6 address", "server: { address: \"2001:db8::1\" }\n", "imap",
      "imap@[2001:db8::1]:143 ", true },
    { "a port of an unknown kind", "server:\n  ports:\n    gopher: 70\n", NULL,
      "test.yaml:3: there is no kind of listener \"gopher\", only smtp, submissions, imap, metrics",
      false },
    { "on request by its port", "server: { ports: { metrics: 9000 } }\n", "imap",
      "imap@127.0.0.1:143 metrics@127.0.0.1:9000 ", true },
    { "on request as a listener", "listeners:\n  - { kind: metrics }\n", NULL,
      "metrics@127.0.0.1:9464 ", true },
    { "a port that needs TLS",
      "tls: { self_signed: false }\nserver: { ports: { submissions: 465 } }\n", NULL,
      "test.yaml:2: submissions needs TLS", false },
    { "no address", "server: { address: localhost }\n", NULL,
      "test.yaml:1: server.address must be a numeric IP", false },
    { "TLS off for one", "listeners:\n  - { kind: imap, tls: false }\n", NULL,
      "test.yaml:2: ", false },
};

static void describe(const struct app_listeners *plan, struct buf *out)
{
    for (size_t i = 0; i < plan->n; i++) {
        char text[NET_ADDRESS_TEXT];
        str at = net_address_text(&plan->list[i].address, text);
        assert_true(buf_addf(out, "%s@%.*s ", plan->list[i].kind->name, STR_FMT(at)));
    }
}

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *c = NULL;
        struct app_listeners plan;
        struct err e = ERR_CLEAR;
        struct arena a;
        struct buf text;
        arena_init(&a);
        buf_init(&text, 1000);
        assert_true(config_parse(str_from_cstr(cases[i].text), "test.yaml", NULL, NULL, &c, &e));
        bool ok = app_listeners_plan(c, &services, cases[i].roles, &a, &plan, &e);
        if (ok != cases[i].ok)
            fail_msg("%s: %s", cases[i].name, e.msg);
        if (ok) {
            describe(&plan, &text);
            assert_string_equal(buf_cstr(&text), cases[i].expected);
        } else {
            assert_true(str_has_prefix(str_from_cstr(e.msg), str_from_cstr(cases[i].expected)));
        }
        buf_fini(&text);
        arena_fini(&a);
        config_free(&c);
    }
}

static void test_roles(void **state)
{
    struct err e = ERR_CLEAR;
    (void)state;
    assert_true(app_has_role(NULL, "smtp"));
    assert_true(app_has_role("imap, smtp", "smtp"));
    assert_false(app_has_role("imap,smtps", "smtp"));
    assert_true(app_check_roles(NULL, &services, &e));
    assert_true(app_check_roles("smtp, delivery", &services, &e));
    assert_false(app_check_roles("smtp,pigeon", &services, &e));
    assert_non_null(strstr(e.msg, "pigeon"));
    assert_false(app_check_roles("", &services, &e));
    assert_false(app_check_roles("smtp,,imap", &services, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
