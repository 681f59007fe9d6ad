/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM-SHA-256 as a client: the exchange of RFC 7677 section 3, a login at our own verifier, and
 * servers that lie. */
#include "auth/scram.h"
#include "auth/scram_client.h"
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const str nonce = STR_INIT("rOprNGfwEbeRWgbNEkqO");
static const str server_first = STR_INIT(
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");

static void test_exchange_of_the_rfc(void **state)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    struct scram_challenge challenge;
    struct scram_client_proof proof;
    struct buf text;
    (void)state;
    arena_init(&a);
    buf_init(&text, 100);
    str first = scram_client_first(STR("user"), nonce, &a);
    assert_true(str_eq(first, STR("n=user,r=rOprNGfwEbeRWgbNEkqO")));
    assert_true(scram_challenge_parse(server_first, nonce, &a, &challenge, &e));
    assert_int_equal(challenge.iterations, 4096);
    str final = scram_client_final(STR("n,,"), STR_EMPTY, challenge.nonce, &a);
    assert_true(str_eq(final, STR("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")));
    str all =
        arena_printf(&a, "%.*s,%.*s,%.*s", STR_FMT(first), STR_FMT(server_first), STR_FMT(final));
    scram_client_prove(STR("pencil"), challenge.salt, challenge.iterations, all, &proof);
    str raw = str_of((const char *)proof.proof, sizeof(proof.proof));
    assert_true(base64_encode(BASE64_STANDARD, raw, &text));
    assert_true(str_eq(buf_str(&text), STR("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")));
    assert_true(scram_client_trusts(&proof, STR("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
    static const str lies[] = { STR_INIT(""), STR_INIT("v="), STR_INIT("v=AAAA"),
                                STR_INIT("e=other-error"),
                                STR_INIT("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") };
    for (size_t i = 0; i < COUNT_OF(lies); i++)
        assert_false(scram_client_trusts(&proof, lies[i]));
    buf_fini(&text);
    arena_fini(&a);
}

/* With a name that has to be escaped, and a channel binding: what the server of this house reads.
 */
static void test_a_login_at_our_own_server(void **state)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    struct scram_first first;
    struct scram_final final;
    struct scram_challenge challenge;
    struct scram_client_proof proof;
    struct scram_verifier v = { .iterations = SCRAM_ITERATIONS_MIN, .salt = "0123456789abcde" };
    str header = STR("p=tls-exporter,,");
    (void)state;
    arena_init(&a);
    scram_verifier_derive(&v, STR("very secret words"));
    str ours = scram_client_nonce(&a);
    assert_int_equal(ours.n, SCRAM_CLIENT_NONCE_SIZE);
    assert_false(str_eq(ours, scram_client_nonce(&a)));
    str bare = scram_client_first(STR("a,b=c"), ours, &a);
    str message = arena_printf(&a, "%.*s%.*s", STR_FMT(header), STR_FMT(bare));
    assert_true(scram_first_parse(message, &a, &first, &e));
    assert_true(str_eq(first.user, STR("a,b=c")) && str_eq(first.bare, bare));
    str answer = scram_server_first(&v, first.nonce, STR("server"), &a);
    assert_true(scram_challenge_parse(answer, ours, &a, &challenge, &e));
    str open = scram_client_final(header, STR("bound"), challenge.nonce, &a);
    str all = arena_printf(&a, "%.*s,%.*s,%.*s", STR_FMT(bare), STR_FMT(answer), STR_FMT(open));
    scram_client_prove(STR("very secret words"), challenge.salt, challenge.iterations, all, &proof);
    struct buf last;
    buf_init(&last, 1000);
    assert_true(buf_add(&last, open) && buf_add(&last, STR(",p=")) &&
                base64_encode(BASE64_STANDARD,
                              str_of((const char *)proof.proof, sizeof(proof.proof)), &last));
    assert_true(scram_final_parse(buf_str(&last), &a, &final, &e));
    assert_true(str_eq(final.binding, STR("p=tls-exporter,,bound")));
    assert_true(scram_proof_is_right(&v, all, final.proof));
    assert_true(scram_client_trusts(&proof, scram_server_final(&v, all, &a)));
    buf_fini(&last);
    arena_fini(&a);
}

static void test_challenges_that_are_none(void **state)
{
    static const str wrong[] = {
        STR_INIT(""),
        STR_INIT("e=unknown-user"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"), /* adds nothing */
        STR_INIT("r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
        STR_INIT("m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqOx,s=***,i=4096"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4095"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1000001"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=-1"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA"),
        STR_INIT("r=rOprNGfwEbeRWgbNEkqOx\r,s=AAAA,i=4096"),
    };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct scram_challenge out;
        struct err e = ERR_CLEAR;
        if (scram_challenge_parse(wrong[i], nonce, &a, &out, &e) || e.kind != ERR_SYNTAX)
            fail_msg("%.*s", STR_FMT(wrong[i]));
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_of_the_rfc),
        cmocka_unit_test(test_a_login_at_our_own_server),
        cmocka_unit_test(test_challenges_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
