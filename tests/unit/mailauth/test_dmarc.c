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
    add(w, "odd.example.com", "v=DMARC1; p=bogus");
    add(w, "tells.example.com", "v=DMARC1; p=bogus; sp=reject; rua=mailto:x@example.com");
    add(w, "bare.example.com", "v=DMARC1");
    add(w, "sp.example.com", "v=DMARC1; p=reject; sp=bogus");
    add(w, "stop.example.com", "v=DMARC1; p=bogus; psd=n");
    add(w, "upper.example", "V = DMARC1; P=reject");
    add(w, "lower.example", "v=dmarc1; p=reject");
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
    { "upper.example", { NULL, NULL }, MAILAUTH_FAIL, MAILAUTH_DMARC_REJECT, "upper.example" },
    { "lower.example", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    /* a record of the author's own that asks for nothing: nobody above it is asked instead */
    { "odd.example.com", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "bare.example.com", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "sp.example.com", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "tells.example.com",
      { NULL, NULL },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_ACCEPT,
      "tells.example.com" },
    /* nor above one that ends the walk; and its domain is an organization of its own */
    { "a.stop.example.com", { NULL, NULL }, MAILAUTH_NONE, MAILAUTH_DMARC_NO_POLICY, "" },
    { "example.com",
      { NULL, "stop.example.com" },
      MAILAUTH_FAIL,
      MAILAUTH_DMARC_REJECT,
      "example.com" },
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

/* A valid record at the author's domain is the one that applies (section 4.10.1), whatever becomes
 * of the questions above it: they place other domains, and only those that may be related. */
static void what_is_broken_above_the_author_is_no_way_round_him(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *author;
        struct proof proof;
        enum mailauth_result result;
        unsigned questions;
    } cases[] = {
        { "kid.broken", { NULL, NULL }, MAILAUTH_FAIL, 1 },
        { "kid.broken", { "evil.test", "evil.test" }, MAILAUTH_FAIL, 1 },
        { "kid.broken", { "kid.broken", NULL }, MAILAUTH_PASS, 1 },
        { "kid.broken", { NULL, "KID.broken" }, MAILAUTH_PASS, 1 },
        { "kid.broken", { "mail.kid.broken", "kid.broken" }, MAILAUTH_PASS, 2 },
        { "kid.broken", { "mail.kid.broken", NULL }, MAILAUTH_TEMPERROR, 2 },
        { "kid.broken", { NULL, "evil.broken" }, MAILAUTH_TEMPERROR, 2 },
        { "strict.broken", { "mail.strict.broken", NULL }, MAILAUTH_FAIL, 1 },
        { "own.broken", { "mail.own.broken", NULL }, MAILAUTH_PASS, 3 },
        { "own.broken", { "evil.broken", NULL }, MAILAUTH_FAIL, 1 },
    };
    add(w, "kid.broken", "v=DMARC1; p=reject");
    add(w, "strict.broken", "v=DMARC1; p=reject; aspf=s");
    add(w, "own.broken", "v=DMARC1; p=reject; psd=n");
    w->failing[w->n_failing++] = STR("_dmarc.broken");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        w->questions = 0;
        struct mailauth_dmarc got = check(w, cases[i].author, cases[i].proof);
        if (got.result != cases[i].result || got.policy != MAILAUTH_DMARC_REJECT ||
            w->questions != cases[i].questions)
            fail_msg("%zu: %s, %u questions", i, mailauth_result_name(got.result), w->questions);
    }
    /* Without a record of his own it is not known what he wants. */
    struct mailauth_dmarc got = check(w, "new.broken", (struct proof){ NULL, NULL });
    assert_int_equal(got.result, MAILAUTH_TEMPERROR);
    assert_int_equal(got.policy, MAILAUTH_DMARC_NO_POLICY);
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
        /* Only one of them is an address by the grammar, and readers differ in which. */
        { STR_INIT("From: <a@x.test><b@y.test>\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: <a@x.test> b@y.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: <@b@y.test:a@x.test>\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: b@y.test a@x.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: b@y.test: a@x.test;\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: b@y.test a.x.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: <a@x.test> (, b@y.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: <@y.test:a@x.test>\r\n\r\n"), STR_INIT("x.test") },
        { STR_INIT("From: Ann (at work) <a@x.test> (c)\r\n\r\n"), STR_INIT("x.test") },
        { STR_INIT("From: \"Ann <<a@x.test>>\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: Ann <<a@x.test>>\"\r\n\r\n"), STR_INIT("x.test") },
        { STR_INIT("From: g:;\r\n\r\n"), STR_INIT("") },
        /* several of one domain (section 5.3.1) */
        { STR_INIT("From: a@x.test, b@x.test\r\n\r\n"), STR_INIT("x.test") },
        { STR_INIT("From: a@x.test, g: b@X.Test., c@x.test;\r\n\r\n"), STR_INIT("x.test") },
        { STR_INIT("From: a@x.test, b@x.test, c@y.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: a@x.test, b@mail.x.test\r\n\r\n"), STR_INIT("") },
        { STR_INIT("From: a@x.test, nobody\r\n\r\n"), STR_INIT("") },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_message message;
        mailauth_message_init(&w->a, cases[i].header, &message);
        str got = mailauth_message_author(&w->a, &message);
        if (!str_eq(got, cases[i].author))
            fail_msg("%s: '%.*s'", cases[i].header.p, STR_FMT(got));
    }
}

static void who_names_nobody(void **state)
{
    struct world *w = *state;
    static const struct {
        str header;
        bool is_anonymous;
    } cases[] = {
        { STR_INIT("To: a@x.test\r\n\r\n"), true },
        { STR_INIT("From: The news:;\r\n\r\n"), true },
        { STR_INIT("From: one:; , two:;\r\n\r\n"), true },
        { STR_INIT("From:\r\n\r\n"), false },
        { STR_INIT("From: nobody\r\n\r\n"), false },
        { STR_INIT("From: a@x.test\r\n\r\n"), false },
        { STR_INIT("From: g:; a@x.test\r\n\r\n"), false },
        { STR_INIT("From: g:;\r\nFrom: g:;\r\n\r\n"), false },
        /* what a reader may take for an address */
        { STR_INIT("From: \"boss@x.test\":;\r\n\r\n"), false },
        { STR_INIT("From: =?utf-8?q?boss=40x.test?=:;\r\n\r\n"), false },
        { STR_INIT("From: boss\357\274\240x.test:;\r\n\r\n"), false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_message message;
        mailauth_message_init(&w->a, cases[i].header, &message);
        if (mailauth_message_is_anonymous(&w->a, &message) != cases[i].is_anonymous)
            fail_msg("%s", cases[i].header.p);
    }
}

/* `before`, so many short fields, and `behind`. */
static void read_header(struct world *w, str before, size_t fields, str behind,
                        struct mailauth_message *out)
{
    struct buf text;
    buf_init(&text, 8U << 20);
    assert_true(buf_add(&text, before));
    for (size_t i = 0; i < fields; i++)
        assert_true(buf_add(&text, STR("X: a\r\n")));
    assert_true(buf_add(&text, behind) && buf_add(&text, STR("\r\nFrom: x@body.test\r\n")));
    mailauth_message_init(&w->a, arena_str(&w->a, buf_str(&text)), out);
    buf_fini(&text);
}

/* Nobody hides an author behind the fields that are listed. */
static void the_author_is_found_in_the_whole_header(void **state)
{
    struct world *w = *state;
    str fold = arena_printf(&w->a, "X: %0*d\r\n", 1100 * 1024, 0);
    const str ann = STR("From: ann@a.test\r\n");
    const str bob = STR("From: bob@b.test\r\n");
    const struct {
        str before;
        size_t fields;
        str behind;
        const char *author;
        size_t n_from;
        bool is_cut;
    } cases[] = {
        { STR(""), 998, ann, "a.test", 1, false },
        { STR(""), 999, ann, "a.test", 1, false },
        { STR(""), 1000, ann, "a.test", 1, true },
        { STR(""), 100000, ann, "a.test", 1, true },
        { ann, 1, bob, "", 2, false },
        { ann, 998, bob, "", 2, false },
        { ann, 999, bob, "", 2, true },
        { ann, 1100, bob, "", 2, true },
        { fold, 0, ann, "a.test", 1, true },
        { arena_printf(&w->a, "%.*s%.*s", STR_FMT(ann), STR_FMT(fold)), 0, bob, "", 2, true },
        { STR(""), 1000, STR(""), "", 0, false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_message m;
        read_header(w, cases[i].before, cases[i].fields, cases[i].behind, &m);
        str author = mailauth_message_author(&w->a, &m);
        if (!str_eq(author, str_from_cstr(cases[i].author)) || m.n_from != cases[i].n_from ||
            m.header.cut != cases[i].is_cut)
            fail_msg("%zu: '%.*s' %zu %d", i, STR_FMT(author), m.n_from, m.header.cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(policies_and_alignment, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_dns_that_is_away_decides_nothing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_is_broken_above_the_author_is_no_way_round_him,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_author_of_a_message, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(who_names_nobody, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_author_is_found_in_the_whole_header, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/dmarc", tests, NULL, NULL);
}
