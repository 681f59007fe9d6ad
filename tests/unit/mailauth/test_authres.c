/* SPDX-License-Identifier: Apache-2.0 */
/* Authentication-Results: what we write, what we read again (ATTACKS S26), and iprev. */
#include "world.h"

#define HEAD  "Return-Path: <a@x.test>\r\nDelivered-To: b@y.test\r\n"
#define FIELD "Authentication-Results: mx.test"

static void what_our_field_says(void **state)
{
    struct arena *a = &((struct world *)*state)->a;
    struct mailauth_told told;
    const str raw =
        STR(HEAD FIELD ";\r\n\tiprev=pass policy.iprev=192.0.2.1;\r\n"
                       "\tspf=softfail reason=\"a; dmarc=fail\" smtp.mailfrom=\"a b@x.test\";\r\n"
                       "\tdkim=fail header.d=bad.test;\r\n"
                       "\tdkim=pass (2048-bit key) header.d=x.test header.b=AQIDBAUG;\r\n"
                       "\tdkim=pass header.d=X.test;\r\n\tdkim=pass header.d=y.test;\r\n"
                       "\tdmarc=pass (p=reject) header.from=x.test;\r\n"
                       "\tarc=pass header.d=arc.test\r\nReceived: x\r\n\r\n");
    assert_true(mailauth_authres_find(raw, STR("mx.test"), a, &told));
    assert_int_equal(told.spf, MAILAUTH_SOFTFAIL);
    assert_int_equal(told.dkim, MAILAUTH_PASS);
    assert_int_equal(told.dmarc, MAILAUTH_PASS);
    assert_true(str_eq(told.author, STR("x.test")));
    assert_int_equal(told.n_signers, 2);
    assert_true(str_eq(told.signers[0], STR("x.test")) && str_eq(told.signers[1], STR("y.test")));
    assert_true(mailauth_authres_find(STR(FIELD "; none\r\n\r\n"), STR("mx.test"), a, &told));
    assert_int_equal(told.dkim, MAILAUTH_NONE);
    assert_true(mailauth_authres_find(STR(FIELD "; spf=pass smtp.helo=mail.x.test\r\n"),
                                      STR("mx.test"), a, &told));
    assert_true(str_eq(told.sender, STR("mail.x.test")));
}

static void what_others_say_is_not_read(void **state)
{
    struct arena *a = &((struct world *)*state)->a;
    static const str cases[] = {
        STR_INIT(""),
        STR_INIT(HEAD "Received: x\r\n" FIELD "; dmarc=pass\r\n\r\n"),
        STR_INIT("Subject: x\r\n" FIELD "; dmarc=pass\r\n\r\n"),
        STR_INIT(HEAD "\r\n" FIELD "; dmarc=pass\r\n"),
        STR_INIT(HEAD "Authentication-Results: MX.test; dmarc=pass\r\n"),
        STR_INIT(HEAD "Authentication-Results: \"mx.test\"; dmarc=pass\r\n"),
        STR_INIT(HEAD "Authentication-Results: (c) mx.test; dmarc=pass\r\n"),
        STR_INIT(HEAD FIELD ".evil.test; dmarc=pass\r\n"),
        STR_INIT(HEAD FIELD " 1; dmarc=pass\r\n"),
        STR_INIT(HEAD "Authentication-Results: other.test; dmarc=pass\r\n" FIELD
                      "; dmarc=pass\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mailauth_told told;
        if (mailauth_authres_find(cases[i], STR("mx.test"), a, &told) ||
            told.dmarc != MAILAUTH_NONE)
            fail_msg("%s", cases[i].p);
    }
}

static void a_field_that_breaks_off_proves_no_more_than_it_says(void **state)
{
    struct arena *a = &((struct world *)*state)->a;
    struct mailauth_told told;
    static const str cases[] = {
        STR_INIT(FIELD "; spf=pass; spf=fail smtp.helo=x.test\r\n"),
        STR_INIT(FIELD "; spf=pass; dkim=pass header.d=\"x.test\r\n"),
        STR_INIT(FIELD "; spf=pass (open dkim=pass header.d=x.test\r\n"),
        STR_INIT(FIELD "; spf=pass; dkim=; header.d=x.test\r\n"),
        STR_INIT(FIELD "; spf=pass dkim=pass header.d=x.test\r\n"),
        STR_INIT(FIELD "; spf=pass; dkim=perfect header.d=x.test\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(mailauth_authres_find(cases[i], STR("mx.test"), a, &told));
        assert_int_equal(told.spf, MAILAUTH_PASS);
        if (told.n_signers > 0 || told.sender.n > 0)
            fail_msg("%s", cases[i].p);
    }
    struct buf many;
    buf_init(&many, 10000);
    assert_true(buf_add(&many, STR(FIELD)));
    for (unsigned i = 0; i < 100; i++)
        assert_true(buf_addf(&many, ";\r\n\tdkim=pass header.d=%u.test", i));
    assert_true(mailauth_authres_find(buf_str(&many), STR("mx.test"), a, &told));
    assert_int_equal(told.n_signers, MAILAUTH_MAX_SIGNERS);
    buf_fini(&many);
}

/* What a sealer saw (RFC 8617): the sender's words stand among it. */
static void what_a_sealer_says(void **state)
{
    struct arena *a = &((struct world *)*state)->a;
    static const struct {
        str results;
        enum mailauth_result dmarc;
        str author;
    } cases[] = {
        { STR_INIT(
              " i=1; mx.google.com;\r\n dkim=pass header.i=@x.test header.s=s header.b=M5YmzAcV;"
              "\r\n spf=pass (google.com: domain of a@x.test) smtp.mailfrom=a@x.test;"
              "\r\n dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=x.test\r\n"),
          MAILAUTH_PASS, STR_INIT("x.test") },
        { STR_INIT(
              "i=2; mx.test 1; spf=pass smtp.mailfrom=b+c=d@x.test; dmarc=pass header.from=x.test"),
          MAILAUTH_PASS, STR_INIT("x.test") },
        { STR_INIT(
              "i=1; mx.test; spf=pass smtp.mailfrom=dmarc=pass@x.test; dmarc=fail header.from=y.test"),
          MAILAUTH_FAIL, STR_INIT("y.test") },
        { STR_INIT(
              "i=1; mx.test; spf=pass smtp.mailfrom=\"a; dmarc=pass\"@x.test; dmarc=fail header.from=y.test"),
          MAILAUTH_NONE,
          { NULL, 0 } },
        { STR_INIT("i=1; mx.test; dmarc=fail (dmarc=pass header.from=y.test) header.from=y.test"),
          MAILAUTH_FAIL, STR_INIT("y.test") },
        { STR_INIT("i=1; mx.test; x-dmarc=pass header.from=y.test; dmarc=passed"),
          MAILAUTH_NONE,
          { NULL, 0 } },
        { STR_INIT("i=1; mx.test; dmarc=fail header.from=x.test; dmarc=pass header.from=y.test"),
          MAILAUTH_NONE, STR_INIT("x.test") },
        { STR_INIT("i=1; mx.test; spf=pass header.from=y.test; dmarc=pass"),
          MAILAUTH_PASS,
          { NULL, 0 } },
    };
    struct mailauth_told told;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(mailauth_authres_read_arc(cases[i].results, a, &told));
        if (told.dmarc != cases[i].dmarc || !str_eq(told.author, cases[i].author))
            fail_msg("%s", cases[i].results.p);
    }
    assert_false(
        mailauth_authres_read_arc(STR("mx.test; dmarc=pass header.from=x.test"), a, &told));
    assert_false(mailauth_authres_read_arc(STR("a=1; mx.test; dmarc=pass"), a, &told));
    /* Very many quoted strings take no more than their octets. */
    struct arena own;
    struct buf many;
    arena_init(&own);
    buf_init(&many, 65536);
    assert_true(buf_add(&many, STR("i=1; mx.test; spf=pass")));
    while (buf_add(&many, STR(" x=\"\"")))
        continue;
    assert_true(mailauth_authres_read_arc(buf_str(&many), &own, &told));
    assert_true(own.total < 16 * many.n);
    buf_fini(&many);
    arena_fini(&own);
    assert_false(mailauth_authres_read_arc(STR(""), a, &told));
}

static void the_field_we_write(void **state)
{
    (void)state;
    struct net_address client;
    struct buf out;
    assert_true(net_address_parse_ip(STR("192.0.2.1"), &client, NULL));
    const struct mailauth_spf spf = { .result = MAILAUTH_FAIL, .domain = STR("x.test") };
    const struct mailauth_spf greeting = { .result = MAILAUTH_PASS, .is_helo = true };
    struct mailauth_dkim dkim[2] = {
        { .result = MAILAUTH_PASS,
          .key_bits = 2048,
          .signature = { .domain = STR("x.test"),
                         .selector = STR("mail"),
                         .bytes = STR("\1\2\3\4\5\6\7\10") } },
        { .result = MAILAUTH_PERMERROR, .problem = "no \"key\"" },
    };
    const struct mailauth_dkim_results all = { .list = dkim, .n = 2 };
    const struct mailauth_dmarc dmarc = { .result = MAILAUTH_PASS,
                                          .author = STR("x.test"),
                                          .policy_domain = STR("x.test"),
                                          .declared = MAILAUTH_DMARC_REJECT };
    struct mailauth_verdict verdict = { .client = &client,
                                        .sender = STR("a b\"@x.test"),
                                        .iprev = { .result = MAILAUTH_PASS },
                                        .helo = STR("mail.x.test"),
                                        .spf = &spf,
                                        .spf_of_helo = &greeting,
                                        .dkim = &all,
                                        .dmarc = &dmarc };
    buf_init(&out, 10000);
    assert_true(mailauth_authres_format(STR("mx.test"), &verdict, &out));
    assert_string_equal(buf_cstr(&out), "Authentication-Results: mx.test;\r\n"
                                        "\tiprev=pass policy.iprev=192.0.2.1;\r\n"
                                        "\tspf=fail smtp.mailfrom=\"a b\\\"@x.test\";\r\n"
                                        "\tspf=pass smtp.helo=mail.x.test;\r\n"
                                        "\tdkim=pass (2048-bit key) header.d=x.test header.s=mail "
                                        "header.a=rsa-sha256 header.b=AQIDBAUG;\r\n"
                                        "\tdkim=permerror reason=\"no \\\"key\\\"\";\r\n"
                                        "\tdmarc=pass (p=reject) header.from=x.test\r\n");
    /* Line ends of strangers never reach the header. */
    buf_clear(&out);
    verdict.sender = STR("a\r\nBcc: x@y.test");
    assert_true(mailauth_authres_format(STR("mx.test"), &verdict, &out));
    assert_true(str_find(buf_str(&out), STR("Bcc")) < 0);
    buf_clear(&out);
    verdict = (struct mailauth_verdict){ .client = &client };
    assert_true(mailauth_authres_format(STR("mx.test"), &verdict, &out));
    assert_string_equal(buf_cstr(&out), "Authentication-Results: mx.test; none\r\n");
    buf_fini(&out);
}

static enum mailauth_result iprev(struct world *w, const char *client, const char *wanted_name)
{
    struct mailauth_resolver resolver = world_resolver(w);
    struct net_address address;
    struct mailauth_iprev out;
    struct err e = ERR_CLEAR;
    assert_true(net_address_parse_ip(str_from_cstr(client), &address, NULL));
    assert_true(mailauth_iprev_check(&resolver, &address, &w->a, DEADLINE_NONE, &out, &e));
    assert_true(str_eq(out.name, str_from_cstr(wanted_name)));
    return out.result;
}

static void names_that_lead_back(void **state)
{
    struct world *w = *state;
    world_add(w, STR("1.2.0.192.in-addr.arpa"), DNS_PTR, world_name(w, STR("mail.x.test")));
    world_add(w, STR("2.2.0.192.in-addr.arpa"), DNS_PTR, world_name(w, STR("mail.x.test")));
    world_add(w, STR("mail.x.test"), DNS_A, STR("\300\0\2\1"));
    w->failing[w->n_failing++] = STR("4.2.0.192.in-addr.arpa");
    assert_int_equal(iprev(w, "192.0.2.1", "mail.x.test"), MAILAUTH_PASS);
    assert_int_equal(iprev(w, "192.0.2.2", "mail.x.test"), MAILAUTH_FAIL);
    assert_int_equal(iprev(w, "192.0.2.3", ""), MAILAUTH_PERMERROR);
    assert_int_equal(iprev(w, "192.0.2.4", ""), MAILAUTH_TEMPERROR);
    assert_int_equal(iprev(w, "2001:db8::1", ""), MAILAUTH_PERMERROR);
}

/* RFC 8601 section 2.2: a value is a token, an address or a quoted string; RFC 8617 section 5.2.1:
 * what could not be asked for is a failure. */
static void values_with_specials_are_quoted(void **state)
{
    (void)state;
    struct net_address client;
    struct buf out;
    assert_true(net_address_parse_ip(STR("2001:db8::1"), &client, NULL));
    struct mailauth_dkim one = { .result = MAILAUTH_PASS,
                                 .signature = { .domain = STR("x.test"),
                                                .bytes = STR("\xff\xff\xfe\xff\xff\xff") } };
    const struct mailauth_dkim_results all = { .list = &one, .n = 1 };
    const struct mailauth_arc arc = { .result = MAILAUTH_TEMPERROR, .problem = "key unavailable" };
    struct mailauth_verdict verdict = {
        .client = &client, .iprev = { .result = MAILAUTH_PASS }, .dkim = &all, .arc = &arc
    };
    buf_init(&out, 10000);
    assert_true(mailauth_authres_format(STR("mx.test"), &verdict, &out));
    assert_true(str_find(buf_str(&out), STR(" policy.iprev=\"2001:db8::1\";")) > 0);
    assert_true(str_find(buf_str(&out), STR(" header.b=\"///+////\"")) > 0);
    assert_true(str_find(buf_str(&out), STR("\tarc=fail reason=\"key unavailable\"\r\n")) > 0);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_with_specials_are_quoted),
        cmocka_unit_test_setup_teardown(what_our_field_says, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_others_say_is_not_read, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_field_that_breaks_off_proves_no_more_than_it_says,
                                        world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_a_sealer_says, world_setup, world_teardown),
        cmocka_unit_test(the_field_we_write),
        cmocka_unit_test_setup_teardown(names_that_lead_back, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/authres", tests, NULL, NULL);
}
