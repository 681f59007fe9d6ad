/* SPDX-License-Identifier: Apache-2.0 */
/* Authentication-Results: what we write, what we take out (ATTACKS S26), and iprev. */
#include "world.h"

static void those_that_pretend_to_be_ours(void **state)
{
    (void)state;
    static const struct {
        str body;
        bool is_ours;
    } cases[] = {
        { STR_INIT(" mx.example.com; spf=pass"), true },
        { STR_INIT(" MX.Example.COM; spf=pass"), true },
        { STR_INIT(" mx.example.com 1; spf=pass"), true },
        { STR_INIT(" mx.example.com/1; spf=pass"), false },
        { STR_INIT("\r\n mx.example.com;\r\n spf=pass"), true },
        { STR_INIT(" (a (b) \\) c) mx.example.com (d); spf=pass"), true },
        { STR_INIT(" \"mx.example.com\"; spf=pass"), true },
        { STR_INIT(" \"mx\\.example.com\"; spf=pass"), true },
        { STR_INIT(" \"mx.example.co\"; spf=pass"), false },
        { STR_INIT(" \"mx.example.com"), true },
        { STR_INIT(" (open mx.example.org"), true },
        { STR_INIT(""), true },
        { STR_INIT(" ; spf=pass"), true },
        { STR_INIT("mx.example.com"), true },
        { STR_INIT(" mx.example.com.evil.test; spf=pass"), false },
        { STR_INIT(" other.example; spf=pass"), false },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (mailauth_authres_is_ours(cases[i].body, STR("mx.example.com")) != cases[i].is_ours)
            fail_msg("%s", cases[i].body.p);
    }
}

static void forged_fields_are_taken_out(void **state)
{
    (void)state;
    struct buf out;
    struct err e = ERR_CLEAR;
    buf_init(&out, 10000);
    const str raw = STR("Received: x\r\nAuthentication-Results: mx.test;\r\n\tdkim=pass\r\n"
                        "authentication-results : MX.TEST; spf=pass\r\n"
                        "Authentication-Results: other.test; spf=pass\r\nFrom: a\r\n\r\n"
                        "Authentication-Results: mx.test; in the body\r\n");
    assert_true(mailauth_authres_strip(raw, STR("mx.test"), &out, &e));
    assert_true(str_eq(buf_str(&out),
                       STR("Received: x\r\nAuthentication-Results: other.test; spf=pass\r\n"
                           "From: a\r\n\r\nAuthentication-Results: mx.test; in the body\r\n")));
    buf_fini(&out);
    buf_init(&out, 10);
    assert_false(mailauth_authres_strip(raw, STR("mx.test"), &out, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&out);
}

static void the_field_we_write(void **state)
{
    (void)state;
    struct net_address client;
    struct buf out;
    assert_true(net_address_parse_ip(STR("192.0.2.1"), &client, NULL));
    const struct mailauth_spf spf = { .result = MAILAUTH_FAIL, .domain = STR("x.test") };
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
                                        .spf = &spf,
                                        .dkim = &all,
                                        .dmarc = &dmarc };
    buf_init(&out, 10000);
    assert_true(mailauth_authres_format(STR("mx.test"), &verdict, &out));
    assert_string_equal(buf_cstr(&out), "Authentication-Results: mx.test;\r\n"
                                        "\tiprev=pass policy.iprev=192.0.2.1;\r\n"
                                        "\tspf=fail smtp.mailfrom=\"a b\\\"@x.test\";\r\n"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_pretend_to_be_ours),
        cmocka_unit_test(forged_fields_are_taken_out),
        cmocka_unit_test(the_field_we_write),
        cmocka_unit_test_setup_teardown(names_that_lead_back, world_setup, world_teardown),
    };
    return cmocka_run_group_tests_name("mailauth/authres", tests, NULL, NULL);
}
