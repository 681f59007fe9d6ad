/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM-SHA-256 against the exchange of RFC 7677 section 3, and messages that are none; tokens. */
#include "auth/app_secret.h"
#include "auth/bearer.h"
#include "auth/password.h"
#include "auth/scram.h"
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const str client_first = STR_INIT("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
static const str server_nonce = STR_INIT("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
static const str server_first = STR_INIT(
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
static const str client_final =
    STR_INIT("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
             "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
static const str server_final = STR_INIT("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");

static struct scram_verifier pencil(void)
{
    struct scram_verifier v = { .iterations = 4096 };
    struct buf salt;
    buf_init(&salt, SCRAM_SALT_SIZE);
    assert_true(base64_decode(BASE64_STANDARD, STR("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt, NULL));
    memcpy(v.salt, salt.p, sizeof(v.salt));
    buf_fini(&salt);
    scram_verifier_derive(&v, STR("pencil"));
    return v;
}

static void test_exchange_of_the_rfc(void **state)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    struct scram_first first;
    struct scram_final final;
    struct scram_verifier v = pencil();
    (void)state;
    arena_init(&a);
    assert_true(scram_first_parse(client_first, &a, &first, &e));
    assert_int_equal(first.binding, SCRAM_BINDING_NONE);
    assert_true(str_eq(first.user, STR("user")) && first.authzid.n == 0);
    assert_true(str_eq(first.header, STR("n,,")));
    assert_true(str_eq(scram_server_first(&v, first.nonce, server_nonce, &a), server_first));
    assert_true(scram_final_parse(client_final, &a, &final, &e));
    assert_true(str_eq(final.binding, first.header));
    str message = arena_printf(&a, "%.*s,%.*s,%.*s", STR_FMT(first.bare), STR_FMT(server_first),
                               STR_FMT(final.without_proof));
    assert_true(scram_proof_is_right(&v, message, final.proof));
    assert_true(str_eq(scram_server_final(&v, message, &a), server_final));
    final.proof[0] ^= 1;
    assert_false(scram_proof_is_right(&v, message, final.proof));
    arena_fini(&a);
}

static void test_verifiers_as_text(void **state)
{
    struct scram_verifier v = pencil();
    struct scram_verifier again;
    struct buf text;
    struct err e = ERR_CLEAR;
    (void)state;
    buf_init(&text, SCRAM_TEXT_MAX);
    assert_true(scram_verifier_format(&v, &text));
    assert_true(
        str_has_prefix(buf_str(&text), STR("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")));
    assert_true(scram_verifier_parse(buf_str(&text), &again, &e));
    assert_memory_equal(&v, &again, sizeof(v));
    static const str wrong[] = {
        STR_INIT(""),
        STR_INIT("SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$a:b"),
        STR_INIT("SCRAM-SHA-256$4095:W22ZaJ0SNY7soEsUEjb6gQ==$"
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        STR_INIT("SCRAM-SHA-256$4096:AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        STR_INIT("SCRAM-SHA-256$4096"),
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_false(scram_verifier_parse(wrong[i], &again, &e));
    buf_fini(&text);
}

static void test_first_messages(void **state)
{
    static const struct {
        str message;
        bool ok;
        enum scram_binding binding;
        const char *user;
    } cases[] = {
        { STR_INIT("n,,n=user,r=abc"), true, SCRAM_BINDING_NONE, "user" },
        { STR_INIT("y,,n=user,r=abc"), true, SCRAM_BINDING_UNUSED, "user" },
        { STR_INIT("p=tls-exporter,,n=user,r=abc"), true, SCRAM_BINDING_USED, "user" },
        { STR_INIT("n,a=other,n=us=2Cer=3D,r=abc"), true, SCRAM_BINDING_NONE, "us,er=" },
        { STR_INIT("n,,n=user,r=abc,x=later"), true, SCRAM_BINDING_NONE, "user" },
        { STR_INIT(""), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=user"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=user,r="), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,r=abc,n=user"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,m=x,n=user,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=us=er,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=us=2c,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=us\0er,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=us\xff,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,,n=user,r=a b"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("x,,n=user,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("p=,,n=user,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("p,,n=user,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n,b=x,n=user,r=abc"), false, SCRAM_BINDING_NONE, "" },
        { STR_INIT("n=user,r=abc"), false, SCRAM_BINDING_NONE, "" },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct scram_first first;
        struct err e = ERR_CLEAR;
        bool ok = scram_first_parse(cases[i].message, &a, &first, &e);
        if (ok != cases[i].ok || (ok && (first.binding != cases[i].binding ||
                                         !str_eq(first.user, str_from_cstr(cases[i].user)))))
            fail_msg("%.*s", STR_FMT(cases[i].message));
    }
    arena_fini(&a);
}

static void test_final_messages(void **state)
{
    static const str wrong[] = {
        STR_INIT(""),
        STR_INIT("c=biws"),
        STR_INIT("c=biws,r=abc"),
        STR_INIT("c=biws,r=abc,p="),
        STR_INIT("c=biws,r=abc,p=AAAA"),
        STR_INIT("c=b,r=abc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
        STR_INIT("r=abc,c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
        STR_INIT("c=biws,r=abc,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=,x=y"),
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct scram_final final;
        struct err e = ERR_CLEAR;
        if (scram_final_parse(wrong[i], &a, &final, &e))
            fail_msg("%.*s", STR_FMT(wrong[i]));
    }
    arena_fini(&a);
}

static void test_passwords_as_clients_prepare_them(void **state)
{
    struct secret out = SECRET_EMPTY;
    struct err e = ERR_CLEAR;
    (void)state;
    /* RFC 4013 section 3: a soft hyphen is nothing, Roman numeral nine is IX. */
    assert_true(auth_password_saslprep(STR("I\xc2\xadX"), &out, &e));
    assert_true(str_eq(secret_str(&out), STR("IX")));
    assert_true(auth_password_saslprep(STR("\xe2\x85\xa8"), &out, &e));
    assert_true(str_eq(secret_str(&out), STR("IX")));
    assert_true(auth_password_saslprep(STR("\xc2\xaa"), &out, &e));
    assert_true(str_eq(secret_str(&out), STR("a")));
    secret_wipe(&out);
}

static void test_tokens(void **state)
{
    static const struct {
        str message;
        bool is_xoauth2;
        bool ok;
        const char *user;
    } cases[] = {
        { STR_INIT("n,a=u@x.org,\x01host=h\x01port=143\x01"
                   "auth=Bearer a.b-c\x01\x01"),
          false, true, "u@x.org" },
        { STR_INIT("n,,\x01"
                   "auth=bearer abc=\x01\x01"),
          false, true, "" },
        { STR_INIT("y,a=u=2C,\x01"
                   "auth=Bearer abc\x01\x01"),
          false, true, "u," },
        { STR_INIT("n,,\x01"
                   "auth=Basic abc\x01\x01"),
          false, false, "" },
        { STR_INIT("n,,\x01\x01"), false, false, "" },
        { STR_INIT("n,,\x01"
                   "auth=Bearer abc\x01"),
          false, false, "" },
        { STR_INIT("n,,\x01"
                   "auth=Bearer abc\x01\x01x"),
          false, false, "" },
        { STR_INIT("n,,\x01"
                   "auth=Bearer a\x01"
                   "auth=Bearer b\x01\x01"),
          false, false, "" },
        { STR_INIT("n,,\x01" /* an empty one is one of two, too */
                   "auth=Bearer \x01"
                   "auth=Bearer b\x01\x01"),
          false, false, "" },
        { STR_INIT("p=tls-exporter,,\x01"
                   "auth=Bearer abc\x01\x01"),
          false, false, "" },
        { STR_INIT("n,,auth=Bearer abc\x01\x01"), false, false, "" },
        { STR_INIT("n,,\x01"
                   "auth=Bearer a'b\x01\x01"),
          false, false, "" },
        { STR_INIT("user=u@x.org\x01"
                   "auth=Bearer abc\x01\x01"),
          true, true, "u@x.org" },
        { STR_INIT("user=\x01"
                   "auth=Bearer abc\x01\x01"),
          true, false, "" },
        { STR_INIT("auth=Bearer abc\x01\x01"), true, false, "" },
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bearer_message out;
        struct err e = ERR_CLEAR;
        bool ok = (cases[i].is_xoauth2 ? bearer_parse_xoauth2 : bearer_parse)(cases[i].message, &a,
                                                                              &out, &e);
        if (ok != cases[i].ok || (ok && !str_eq(out.user, str_from_cstr(cases[i].user))))
            fail_msg("case %zu", i);
    }
    arena_fini(&a);
}

static void test_look_of_app_passwords(void **state)
{
    uint8_t one[CRYPTO_SHA256_SIZE];
    uint8_t other[CRYPTO_SHA256_SIZE];
    (void)state;
    assert_true(app_secret_is_shaped(STR("abcd-efgh-ijkl-mnop-qrst-uvwx-yz27")));
    assert_true(app_secret_is_shaped(STR("ABCD EFGH IJKL MNOP QRST UVWX YZ27")));
    assert_true(app_secret_is_shaped(STR("abcdefghijklmnopqrstuvwxyz27")));
    assert_false(app_secret_is_shaped(STR("abcdefghijklmnopqrstuvwxyz2")));
    assert_false(app_secret_is_shaped(STR("abcdefghijklmnopqrstuvwxyz277")));
    assert_false(app_secret_is_shaped(STR("abcdefghijklmnopqrstuvwxyz21")));
    assert_false(app_secret_is_shaped(STR("")));
    app_secret_hash(STR("abcd-efgh-ijkl-mnop-qrst-uvwx-yz27"), one);
    app_secret_hash(STR("ABCDEFGH ijklmnopqrstuvwxyz27"), other);
    assert_memory_equal(one, other, sizeof(one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_of_the_rfc),
        cmocka_unit_test(test_verifiers_as_text),
        cmocka_unit_test(test_first_messages),
        cmocka_unit_test(test_final_messages),
        cmocka_unit_test(test_passwords_as_clients_prepare_them),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_look_of_app_passwords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
