/* SPDX-License-Identifier: Apache-2.0 */
/* DMARC by RFC 9989: records, the tree walk, alignment, and which policy applies. */
#include "world.h"

struct proof {
    const char *spf;  /* domain that passed, or NULL */
    const char *dkim; /* the same */
};

static struct mailauth_dmarc check(struct world *w, const char *author, struct proof proof)
{
    struct mailauth_resolver resolver = world_resolver(w);
    struct mailauth_spf spf = { .result = proof.spf ? MAILAUTH_PASS : MAILAUTH_FAIL,
                                .domain = str_from_cstr(proof.spf) };
    struct mailauth_dkim dkim = { .result = proof.dkim ? MAILAUTH_PASS : MAILAUTH_FAIL,
                                  .signature.domain = str_from_cstr(proof.dkim) };
    const struct mailauth_dkim_results all = { .list = &dkim, .n = 1 };
    const struct mailauth_dmarc_query query = { .author = str_from_cstr(author),
                                                .spf = &spf,
                                                .dkim = &all };
    struct mailauth_dmarc out;
    struct err e = ERR_CLEAR;
    if (!mailauth_dmarc_check(&resolver, &query, &w->a, DEADLINE_NONE, &out, &e))
        fail_msg("%s", e.msg);
    return out;
}

static void add(struct world *w, const char *domain, const char *record)
{
    world_add_txt(w, arena_printf(&w->a, "_dmarc.%s", domain), str_from_cstr(record));
}

static void a_small_world(struct world *w)
{
    add(w, "example.com", "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:d@example.com");
    add(w, "sub.example.com", "v=DMARC1;p=none;adkim=s;aspf=s");
    add(w, "test.example.net", "v=DMARC1; p=reject; t=y");
    add(w, "bank", "v=DMARC1; p=reject; psd=y");
    add(w, "co.example", "v=DMARC1; psd=y; p=none; sp=quarantine");
    add(w, "own.co.example", "v=DMARC1; p=quarantine; psd=n");
    add(w, "two.example", "v=DMARC1; p=reject");
    add(w, "two.example", "v=DMARC1; p=none");
    add(w, "other.example", "v=spf1 -all");
    add(w, "broken.example", "v=DMARC1; p=whatever");
    add(w, "asks.example", "v=DMARC1; p=whatever; rua=mailto:x@asks.example");
    add(w, "b.c.d.e.f.g.h.deep.example", "v=DMARC1; p=reject");
    add(w, "deep.example", "v=DMARC1; p=quarantine");
    world_add(w, STR("www.example.com"), DNS_A, STR("\1\2\3\4"));
    world_add(w, STR("shop.bank"), DNS_A, STR("\1\2\3\4"));
}

static const struct judgement {
    const char *author;
    struct proof proof;
    enum mailauth_result result;
    enum mailauth_dmarc_policy policy;
    const char *at;
} judgements[] = {
    { "example.com", { "example.com", NULL }, MAILAUTH_PASS, MAILAUTH_DMARC_REJECT, "example.com" },
    { "example.com",
      { NULL, "mail.example.com" },
      MAILAUTH_PASS,
      MAILAUTH_DMARC_REJECT,
      "example.com" },
    { "example.com",
      { "evil.test", "evil.test" },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_REJECT,
      "example.com" },
    { "example.com",
      { NULL, "notexample.com" },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_REJECT,
      "example.com" },
    { "example.com", { NULL, "com" }, MAILAUTH_FAIL, MAILAUTH_DMARC_REJECT, "example.com" },
    /* below it: sp=, or np= where nothing is */
    { "www.example.com",
      { "example.com", NULL },
      MAILAUTH_PASS,
      MAILAUTH_DMARC_QUARANTINE,
      "example.com" },
    { "www.example.com", { NULL, NULL }, MAILAUTH_FAIL, MAILAUTH_DMARC_QUARANTINE, "example.com" },
    { "nothing.example.com", { NULL, NULL }, MAILAUTH_FAIL, MAILAUTH_DMARC_REJECT, "example.com" },
    { "www.example.com",
      { NULL, "other.example.com" },
      MAILAUTH_PASS,
      MAILAUTH_DMARC_QUARANTINE,
      "example.com" },
    /* strict */
    { "sub.example.com",
      { "example.com", "mail.sub.example.com" },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_ACCEPT,
      "sub.example.com" },
    { "sub.example.com",
      { NULL, "sub.example.com" },
      MAILAUTH_PASS,
      MAILAUTH_DMARC_ACCEPT,
      "sub.example.com" },
    /* t=y */
    { "test.example.net",
      { NULL, NULL },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_QUARANTINE,
      "test.example.net" },
    /* public suffixes */
    { "shop.bank", { NULL, NULL }, MAILAUTH_FAIL, MAILAUTH_DMARC_REJECT, "bank" },
    { "shop.bank", { NULL, "other.bank" }, MAILAUTH_FAIL, MAILAUTH_DMARC_REJECT, "bank" },
    { "shop.bank", { NULL, "mail.shop.bank" }, MAILAUTH_PASS, MAILAUTH_DMARC_REJECT, "bank" },
    { "a.co.example",
      { NULL, "b.co.example" },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_QUARANTINE,
      "co.example" },
    { "own.co.example",
      { NULL, "x.own.co.example" },
      MAILAUTH_PASS,
      MAILAUTH_DMARC_QUARANTINE,
      "own.co.example" },
    /* no policy */
    { "two.example", { "two.example", NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "other.example", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "broken.example", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "asks.example", { NULL, NULL }, MAILAUTH_FAIL, MAILAUTH_DMARC_ACCEPT, "asks.example" },
    { "nothing.test", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "", { "example.com", NULL }, MAILAUTH_PERMERROR, MAILAUTH_DMARC_NO_POLICY, "" },
    /* nine labels and more: after the first question seven are left */
    { "a.b.c.d.e.f.g.h.deep.example",
      { NULL, NULL },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_QUARANTINE,
      "deep.example" },
    { "b.c.d.e.f.g.h.deep.example",
      { NULL, NULL },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_REJECT,
      "b.c.d.e.f.g.h.deep.example" },
};

static void policies_and_alignment(void **state)
{
    struct world *w = *state;
    a_small_world(w);
    for (size_t i = 0; i < COUNT_OF(judgements); i++) {
        w->questions = 0;
        struct mailauth_dmarc got = check(w, judgements[i].author, judgements[i].proof);
        if (got.result != judgements[i].result || got.policy != judgements[i].policy ||
            !str_eq(got.policy_domain, str_from_cstr(judgements[i].at))) {
            fail_msg("%zu %s: %s %s at '%.*s'", i, judgements[i].author,
                     mailauth_result_name(got.result), mailauth_dmarc_policy_name(got.policy),
                     STR_FMT(got.policy_domain));
        }
        assert_true(w->questions <= 3 * 8 + 1);
    }
}

static void a_dns_that_is_away_decides_nothing(void **state)
{
    struct world *w = *state;
    a_small_world(w);
    w->failing[w->n_failing++] = STR("_dmarc.example.com");
    assert_int_equal(check(w, "www.example.com", (struct proof){ "example.com", NULL }).result,
                     MAILAUTH_TEMPERROR);
    w->n_failing = 0;
    /* One proof that cannot be placed leaves it to the other. */
    w->failing[w->n_failing++] = STR("_dmarc.bounce.example.com");
    assert_int_equal(check(w, "example.com", (struct proof){ "bounce.example.com", NULL }).result,
                     MAILAUTH_TEMPERROR);
    assert_int_equal(
        check(w, "example.com", (struct proof){ "bounce.example.com", "example.com" }).result,
        MAILAUTH_PASS);
    assert_int_equal(
        check(w, "example.com", (struct proof){ "bounce.example.com", "bounce.example.com" })
            .result,
        MAILAUTH_TEMPERROR);
    w->n_failing = 0;
    struct mailauth_resolver resolver = world_resolver(w);
    /* A proof that cannot be had leaves open only what it could have proven. */
    static const struct {
        const char *spf;
        const char *dkim;
        enum mailauth_result result;
    } cases[] = {
        { "example.com", NULL, MAILAUTH_TEMPERROR },
        { "mail.example.com", NULL, MAILAUTH_TEMPERROR },
        { NULL, "example.com", MAILAUTH_TEMPERROR },
        { "evil.test", "mail.example.com", MAILAUTH_TEMPERROR },
        { "evil.test", NULL, MAILAUTH_FAIL },
        { NULL, "evil.test", MAILAUTH_FAIL },
        { "evil.test", "notexample.com", MAILAUTH_FAIL },
        { "com", "com", MAILAUTH_FAIL },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_spf spf = { .result = MAILAUTH_NONE };
        struct mailauth_dkim one = { .result = MAILAUTH_TEMPERROR };
        const struct mailauth_dkim_results dkim = { .list = &one, .n = cases[i].dkim ? 1 : 0 };
        if (cases[i].spf) {
            spf = (struct mailauth_spf){ .result = MAILAUTH_TEMPERROR,
                                         .domain = str_from_cstr(cases[i].spf) };
        }
        if (cases[i].dkim)
            one.signature.domain = str_from_cstr(cases[i].dkim);
        const struct mailauth_dmarc_query query = { .author = STR("example.com"),
                                                    .spf = &spf,
                                                    .dkim = &dkim };
        struct mailauth_dmarc out;
        struct err e = ERR_CLEAR;
        assert_true(mailauth_dmarc_check(&resolver, &query, &w->a, DEADLINE_NONE, &out, &e));
        if (out.result != cases[i].result || out.policy != MAILAUTH_DMARC_REJECT)
            fail_msg("%zu: %s", i, mailauth_result_name(out.result));
    }
}

static void the_author_of_a_message(void **state)
{
    struct world *w = *state;
    static const struct {
        str header;
        str author;
    } cases[] = {
        { STR_INIT("From: Ann <ann@Example.COM>\r\n\r\n"), STR_INIT("example.com") },
        { STR_INIT("From: ann@b\303\274cher.example\r\n\r\n"), STR_INIT("xn--bcher-kva.example") },
        { STR_INIT("From: a@x.test, b@y.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: a@x.test\r\nFrom: b@y.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("To: a@x.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: nobody\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: Ann <ann@example.com.>\r\n\r\n"), STR_INIT("example.com") },
        { STR_INIT("From: ann@example..com\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: ann@example.com..\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: ann@[192.0.2.1]\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: g: a@x.test;\r\n\r\n"), STR_INIT("x.test") },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_message message;
        mailauth_message_init(&w->a, cases[i].header, &message);
        str got = mailauth_message_author(&w->a, &message);
        if (!str_eq(got, cases[i].author))
            fail_msg("%s: '%.*s'", cases[i].header.p, STR_FMT(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(policies_and_alignment, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_dns_that_is_away_decides_nothing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(the_author_of_a_message, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/dmarc", tests, NULL, NULL);
}
