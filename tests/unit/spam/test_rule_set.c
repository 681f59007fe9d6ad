/* SPDX-License-Identifier: Apache-2.0 */
/* Subjects of rules, and which rule counts. No database. */
#include "spam/rule_set.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void subjects_are_understood(void **state)
{
    static const struct {
        const char *text;
        int kind; /* -1: refused */
        const char *normal;
    } cases[] = {
        { "Partner.Example", SPAM_DOMAIN, "partner.example" },
        { "@partner.example", SPAM_DOMAIN, "partner.example" },
        { "b\xc3\xbc"
          "cher.example",
          SPAM_DOMAIN, "xn--bcher-kva.example" },
        { "Boss@Partner.Example", SPAM_ADDRESS, "boss@partner.example" },
        { "192.0.2.0/24", SPAM_NETWORK, "192.0.2.0/24" },
        { "192.0.2.7", SPAM_NETWORK, "192.0.2.7" },
        { "192.0.2.7/32", SPAM_NETWORK, "192.0.2.7" },
        { "2001:DB8::/32", SPAM_NETWORK, "2001:db8::/32" },
        { "::ffff:192.0.2.7", SPAM_NETWORK, "192.0.2.7" },
        { "192.0.2.1/24", -1, NULL },
        { "192.0.2", -1, NULL },
        { "2001:db8::/129", -1, NULL },
        { "", -1, NULL },
        { "@", -1, NULL },
        { "two words", -1, NULL },
        { "a@b@", -1, NULL },
        { "-a-.example", -1, NULL },
    };
    (void)state;
    struct arena a;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        enum spam_kind kind = SPAM_ADDRESS;
        str normal;
        bool ok = spam_subject_parse(&a, str_from_cstr(cases[i].text), &kind, &normal, &e);
        if (ok != (cases[i].kind >= 0))
            fail_msg("%s: %s", cases[i].text, ok ? "was taken" : e.msg);
        if (!ok) {
            assert_int_equal(e.kind, ERR_SYNTAX);
            continue;
        }
        assert_int_equal(kind, cases[i].kind);
        if (!str_eq(normal, str_from_cstr(cases[i].normal)))
            fail_msg("%s became %.*s", cases[i].text, STR_FMT(normal));
    }
    arena_fini(&a);
}

#define RULE(id, which, what, of, whose)                                           \
    {                                                                              \
        .rule_id = (id), .list = (which), .kind = (what), .subject = STR_INIT(of), \
        .domain = STR_INIT(whose)                                                  \
    }

/* The letter u with two dots, small, great, and as a great U with a combining mark. */
#define U_LOW      "\xc3\xbc"
#define U_GREAT    "\xc3\x9c"
#define U_COMBINED "U\xcc\x88"

static const struct spam_rule rules[] = {
    RULE(1, SPAM_BLACKLIST, SPAM_DOMAIN, "bad.example", ""),
    RULE(2, SPAM_WHITELIST, SPAM_ADDRESS, "good@bad.example", ""),
    RULE(3, SPAM_WHITELIST, SPAM_DOMAIN, "news.bad.example", ""),
    RULE(4, SPAM_BLACKLIST, SPAM_NETWORK, "192.0.2.0/24", ""),
    RULE(5, SPAM_WHITELIST, SPAM_NETWORK, "192.0.2.128/25", ""),
    RULE(6, SPAM_BLACKLIST, SPAM_NETWORK, "2001:db8::/32", "ours.example"),
    RULE(7, SPAM_WHITELIST, SPAM_DOMAIN, "bad.example", "ours.example"),
    RULE(8, SPAM_BLACKLIST, SPAM_DOMAIN, "news.bad.example", "ours.example"),
    RULE(9, SPAM_BLACKLIST, SPAM_DOMAIN, "example", "strict.example"),
    RULE(10, SPAM_BLACKLIST, SPAM_ADDRESS, U_LOW "rgen@else.test", ""),
    RULE(11, SPAM_BLACKLIST, SPAM_DOMAIN, "literal.test", ""),
    RULE(12, SPAM_BLACKLIST, SPAM_DOMAIN, "bad.example", "own.example"),
};

static const struct spam_other_name names[] = {
    { STR_INIT("ours.test"), STR_INIT("ours.example") },
    { STR_INIT("own.example"), STR_INIT("ours.example") },
    { STR_INIT("far.test"), STR_INIT("elsewhere.example") },
};

static const struct {
    const char *client, *sender, *domain;
    bool is_forged;
    int64_t rule_id; /* 0: none */
} cases[] = {
    { "198.51.100.1", "a@else.test", "any.example", false, 0 },
    { "198.51.100.1", "a@bad.example", "any.example", false, 1 },
    { "198.51.100.1", "A@BAD.Example", "Any.Example", false, 1 },
    { "198.51.100.1", "a@deep.below.bad.example", "any.example", false, 1 },
    { "198.51.100.1", "a@notbad.example", "any.example", false, 0 },
    { "198.51.100.1", "good@bad.example", "any.example", false, 2 },
    { "198.51.100.1", "a@news.bad.example", "any.example", false, 3 },
    { "198.51.100.1", "a@x.news.bad.example", "any.example", false, 3 },
    /* Another spelling is no way around, nor is a sender that no subject can be like. */
    { "198.51.100.1", U_LOW "rgen@else.test", "any.example", false, 10 },
    { "198.51.100.1", U_GREAT "RGEN@Else.Test", "any.example", false, 10 },
    { "198.51.100.1", U_COMBINED "rgen@else.test", "any.example", false, 10 },
    { "198.51.100.1", "urgen@else.test", "any.example", false, 0 },
    { "198.51.100.1", "\"a b\"@Literal.test", "any.example", false, 11 },
    { "198.51.100.1", "a@[192.0.2.1]", "any.example", false, 0 },
    /* Of one domain of ours before those for all. */
    { "198.51.100.1", "a@bad.example", "ours.example", false, 7 },
    { "198.51.100.1", "a@bad.example", "OURS.example", false, 7 },
    { "198.51.100.1", "good@bad.example", "ours.example", false, 7 },
    { "198.51.100.1", "a@news.bad.example", "ours.example", false, 8 },
    { "198.51.100.1", "a@anything.example", "strict.example", false, 9 },
    /* Other names of it are it; one that has a rule of its own is asked for that first. */
    { "198.51.100.1", "a@bad.example", "Ours.TEST", false, 7 },
    { "198.51.100.1", "a@news.bad.example", "ours.test", false, 8 },
    { "2001:db8::1", "", "ours.test", false, 6 },
    { "198.51.100.1", "a@bad.example", "own.example", false, 12 },
    { "198.51.100.1", "a@news.bad.example", "own.example", false, 12 },
    { "2001:db8::1", "", "own.example", false, 6 },
    { "198.51.100.1", "a@bad.example", "below.ours.test", false, 1 },
    { "198.51.100.1", "a@bad.example", "far.test", false, 1 },
    { "198.51.100.1", "a@bad.example", "ours.test", true, 1 },
    /* Networks after names, longer ones first; the null sender has no name. */
    { "192.0.2.1", "a@else.test", "any.example", false, 4 },
    { "192.0.2.200", "a@else.test", "any.example", false, 5 },
    { "192.0.2.200", "a@bad.example", "any.example", false, 1 },
    { "192.0.2.1", "good@bad.example", "any.example", false, 2 },
    { "192.0.2.1", "", "any.example", false, 4 },
    { "198.51.100.1", "", "any.example", false, 0 },
    { "::ffff:192.0.2.1", "", "any.example", false, 4 },
    { "2001:db8::1", "", "any.example", false, 0 },
    { "2001:db8::1", "", "ours.example", false, 6 },
    /* No whitelist for a name that is not the client's; what it hid counts then. */
    { "198.51.100.1", "good@bad.example", "any.example", true, 1 },
    { "198.51.100.1", "a@news.bad.example", "any.example", true, 1 },
    { "192.0.2.200", "good@else.test", "any.example", true, 5 },
    { "198.51.100.1", "a@bad.example", "ours.example", true, 1 },
    /* Who has no address is in no network. */
    { NULL, "", "any.example", false, 0 },
    { NULL, "", "ours.example", false, 0 },
    { NULL, "good@bad.example", "any.example", true, 1 },
};

static void the_nearest_rule_counts(void **state)
{
    (void)state;
    struct arena a;
    const struct spam_rule_list list = { rules, COUNT_OF(rules), names, COUNT_OF(names) };
    struct spam_rule_set *set = spam_rule_set_new(&list);
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        struct net_address client;
        bool is_known = cases[i].client != NULL;
        if (is_known)
            assert_true(net_address_parse_ip(str_from_cstr(cases[i].client), &client, &e));
        const struct spam_visit visit = { .client = is_known ? &client : NULL,
                                          .sender = str_from_cstr(cases[i].sender),
                                          .domain = str_from_cstr(cases[i].domain),
                                          .is_forged = cases[i].is_forged };
        const struct spam_rule *rule = spam_rule_set_find(set, &visit, &a);
        if ((rule ? rule->rule_id : 0) != cases[i].rule_id) {
            fail_msg("%zu: %s from %s for %s: rule %lld", i, cases[i].sender,
                     is_known ? cases[i].client : "nobody", cases[i].domain,
                     rule ? (long long)rule->rule_id : 0);
        }
    }
    arena_fini(&a);
    spam_rule_set_free(&set);
    spam_rule_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_are_understood),
        cmocka_unit_test(the_nearest_rule_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
