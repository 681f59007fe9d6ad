/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the DNS on a table of answers: names, scores, lists that lie, fail or are slow. */
#include "spam/dnsbl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What the DNS has. An answer of 4 octets is an A record. */
static const struct {
    const char *name;
    uint8_t ip[4];
    const char *text;
} records[] = {
    { "2.0.0.127.bad.test", { 127, 0, 0, 2 }, NULL },
    { "9.2.0.192.bad.test",
      { 127, 0, 0, 3 },
      "\x0c"
      "spam\nhere \xe9!" },
    { "7.2.0.192.bad.test", { 10, 0, 0, 1 }, NULL },
    { "6.2.0.192.bad.test", { 127, 255, 255, 254 }, NULL },
    { "5.2.0.192.bad.test", { 127, 0, 0, 1 }, NULL },
    { "2.0.0.127.good.test", { 127, 0, 9, 2 }, NULL },
    { "9.2.0.192.good.test", { 127, 0, 9, 3 }, NULL },
    { "2.0.0.127.all.test", { 127, 0, 0, 2 }, NULL },
    { "1.0.0.127.all.test", { 127, 0, 0, 2 }, NULL },
    { "9.2.0.192.all.test", { 127, 0, 0, 2 }, NULL },
    { "2.0.0.127.error.test", { 127, 255, 255, 252 }, NULL },
};

static bool answer(void *arg, str name, enum dns_type type, struct arena *a, int64_t deadline_ms,
                   struct dns_answer *out, struct err *e)
{
    (void)arg;
    (void)deadline_ms;
    *out = (struct dns_answer){ .status = DNS_NXDOMAIN };
    if (str_find(name, STR("slow.test")) >= 0)
        return ERR(e, ERR_TIMEOUT, "no answer in time");
    if (str_find(name, STR("gone.test")) >= 0)
        return ERR(e, ERR_CANCELLED, "the process ends");
    if (str_find(name, STR("away.test")) >= 0)
        out->status = DNS_TEMPFAIL;
    for (size_t i = 0; i < COUNT_OF(records); i++) {
        if (!str_eq(name, str_from_cstr(records[i].name)))
            continue;
        bool is_text = type == DNS_TXT;
        out->status = is_text && !records[i].text ? DNS_NODATA : DNS_OK;
        out->n = out->status == DNS_OK;
        out->rdata = ARENA_NEW(a, str);
        *out->rdata = is_text ? str_from_cstr(records[i].text)
                              : str_of((const char *)records[i].ip, sizeof(records[i].ip));
    }
    return true;
}

static const struct mailauth_resolver resolver = { .query = answer };

static struct net_address address_of(const char *ip)
{
    struct net_address address;
    struct err e = ERR_CLEAR;
    assert_true(net_address_parse_ip(str_from_cstr(ip), &address, &e));
    return address;
}

static void names(void **state)
{
    static const struct {
        const char *ip, *name;
    } cases[] = {
        { "192.0.2.99", "99.2.0.192.bl.test" },
        { "::ffff:192.0.2.99", "99.2.0.192.bl.test" },
        { "2001:db8:1:2:3:4:567:89ab",
          "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test" },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct net_address client = address_of(cases[i].ip);
        str name = spam_dnsbl_name(&a, &client, STR("bl.test"));
        if (!str_eq(name, str_from_cstr(cases[i].name)))
            fail_msg("%s: %.*s", cases[i].ip, STR_FMT(name));
    }
    arena_fini(&a);
}

static void scores(void **state)
{
    static const struct {
        const char *client;
        const char *zones[3];
        int64_t score;
        const char *zone, *text;
    } cases[] = {
        { "192.0.2.9", { "bad.test" }, 1, "bad.test", "spam?here ?!" },
        { "192.0.2.8", { "bad.test" }, 0, "", "" },
        { "192.0.2.7", { "bad.test" }, 0, "", "" },
        { "192.0.2.6", { "bad.test" }, 0, "", "" },
        { "192.0.2.5", { "bad.test" }, 0, "", "" },
        { "192.0.2.9", { "bad.test=127.0.0.[3..4]*5" }, 5, "bad.test", "spam?here ?!" },
        { "192.0.2.9", { "bad.test=127.0.0.2" }, 0, "", "" },
        { "192.0.2.9", { "good.test*-3" }, -3, "good.test", "" },
        { "192.0.2.9", { "good.test*-3", "bad.test*3" }, 0, "bad.test", "" },
        { "192.0.2.9",
          { "bad.test", "bad.test*2", "good.test*-1" },
          2,
          "bad.test",
          "spam?here ?!" },
        { "192.0.2.9", { "all.test", "slow.test", "away.test" }, 0, "", "" },
        { "192.0.2.9", { "slow.test", "bad.test" }, 1, "bad.test", "spam?here ?!" },
        { "192.0.2.9", { NULL }, 0, "", "" },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct spam_dnsbl_verdict verdict;
        struct spam_dnsbl_rules rules = { .zones = cases[i].zones, .threshold = 1 };
        const struct net_address client = address_of(cases[i].client);
        while (rules.n < COUNT_OF(cases[i].zones) && cases[i].zones[rules.n])
            rules.n++;
        assert_true(spam_dnsbl_ask(&resolver, &rules, &client, &a, INT64_MAX, &verdict, &e));
        if (verdict.score != cases[i].score ||
            !str_eq(verdict.zone, str_from_cstr(cases[i].zone)) ||
            !str_eq(verdict.text, str_from_cstr(cases[i].text))) {
            fail_msg("%zu: %lld, %.*s, %.*s", i, (long long)verdict.score, STR_FMT(verdict.zone),
                     STR_FMT(verdict.text));
        }
    }
    arena_fini(&a);
}

static void the_end_of_the_process_is_an_error(void **state)
{
    static const char *const zones[] = { "gone.test" };
    const struct spam_dnsbl_rules rules = { .zones = zones, .n = 1, .threshold = 1 };
    const struct net_address client = address_of("192.0.2.9");
    struct spam_dnsbl_verdict verdict;
    struct err e = ERR_CLEAR;
    struct arena a;
    (void)state;
    arena_init(&a);
    assert_false(spam_dnsbl_ask(&resolver, &rules, &client, &a, INT64_MAX, &verdict, &e));
    assert_int_equal(e.kind, ERR_CANCELLED);
    arena_fini(&a);
}

static void test_points(void **state)
{
    static const struct {
        const char *zone;
        enum spam_dnsbl_health health;
    } cases[] = {
        { "bad.test", SPAM_DNSBL_WORKS },           { "good.test=127.0.9.2*-1", SPAM_DNSBL_WORKS },
        { "bad.test=127.0.1.1", SPAM_DNSBL_EMPTY }, { "nothing.test", SPAM_DNSBL_EMPTY },
        { "all.test", SPAM_DNSBL_LISTS_ALL },       { "error.test", SPAM_DNSBL_REFUSES },
        { "away.test", SPAM_DNSBL_SILENT },         { "slow.test", SPAM_DNSBL_SILENT },
    };
    struct err e = ERR_CLEAR;
    enum spam_dnsbl_health health;
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(
            spam_dnsbl_test(&resolver, str_from_cstr(cases[i].zone), &a, INT64_MAX, &health, &e));
        if (health != cases[i].health)
            fail_msg("%s: %d", cases[i].zone, (int)health);
    }
    assert_false(spam_dnsbl_test(&resolver, STR("a b"), &a, INT64_MAX, &health, &e));
    assert_int_equal(e.kind, ERR_SYNTAX);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(scores),
        cmocka_unit_test(the_end_of_the_process_is_an_error),
        cmocka_unit_test(test_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
