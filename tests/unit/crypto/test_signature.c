/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of crypto/signature.h: keys in their forms, signatures, and what is none. */
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct crypto_key *generate(enum crypto_key_kind kind)
{
    struct crypto_key *key = NULL;
    struct err e = ERR_CLEAR;
    if (!crypto_key_generate(kind, 2048, &key, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(crypto_key_kind(key), kind);
    assert_int_equal(crypto_key_bits(key), kind == CRYPTO_RSA ? 2048 : 256);
    return key;
}

/* Signed by the private key as PEM, verified by the public one as DNS has it. */
static void signs_and_verifies(void **state)
{
    (void)state;
    const enum crypto_key_kind kinds[] = { CRYPTO_RSA, CRYPTO_ED25519 };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct err e = ERR_CLEAR;
        struct crypto_key *made = generate(kinds[i]);
        struct crypto_key *private = NULL;
        struct crypto_key *public = NULL;
        struct secret pem = SECRET_EMPTY;
        struct buf bytes, signature;
        uint8_t hash[CRYPTO_HASH_MAX];
        buf_init(&bytes, 4096);
        buf_init(&signature, CRYPTO_SIGNATURE_MAX);
        crypto_sha256(STR("a message"), hash);
        assert_true(crypto_key_format_private(made, &pem, &e));
        assert_true(str_has_prefix(secret_str(&pem), STR("-----BEGIN PRIVATE KEY-----\n")));
        assert_true(crypto_key_parse_private(secret_str(&pem), &private, &e));
        assert_true(crypto_key_format_public(made, &bytes));
        assert_true(crypto_key_parse_public(kinds[i], buf_str(&bytes), &public, &e));
        assert_true(crypto_signature_make(private, CRYPTO_SHA256, hash, &signature, &e));
        assert_true(crypto_signature_verify(public, CRYPTO_SHA256, hash, buf_str(&signature)));
        assert_false(
            crypto_signature_verify(public, CRYPTO_SHA256, hash, str_skip(buf_str(&signature), 1)));
        assert_false(crypto_signature_verify(public, CRYPTO_SHA256, hash, STR_EMPTY));
        hash[0] ^= 1;
        assert_false(crypto_signature_verify(public, CRYPTO_SHA256, hash, buf_str(&signature)));
        assert_false(crypto_signature_make(public, CRYPTO_SHA256, hash, &signature, &e));
        assert_int_equal(e.kind, ERR_UNSUPPORTED);
        secret_wipe(&pem);
        buf_fini(&bytes);
        buf_fini(&signature);
        crypto_key_free(&made);
        crypto_key_free(&private);
        crypto_key_free(&public);
    }
}

static void refuses_what_is_no_key(void **state)
{
    (void)state;
    static const struct {
        enum crypto_key_kind kind;
        str bytes;
    } cases[] = {
        { CRYPTO_RSA, STR_INIT("") },
        { CRYPTO_RSA, STR_INIT("\x30\x03\x02\x01\x01") },
        { CRYPTO_RSA, STR_INIT("\x30\x82\xff\xff\x02") },
        { CRYPTO_RSA, STR_INIT("\x30\x80\x00\x00") },
        { CRYPTO_ED25519, STR_INIT("") },
        { CRYPTO_ED25519, STR_INIT("thirty-one octets are one short") },
    };
    struct crypto_key *key = NULL;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = ERR_CLEAR;
        assert_false(crypto_key_parse_public(cases[i].kind, cases[i].bytes, &key, &e));
        assert_int_equal(e.kind, ERR_SYNTAX);
        assert_null(key);
    }
    static const str pems[] = {
        STR_INIT(""),
        STR_INIT("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"),
        STR_INIT(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"),
        STR_INIT("a password"),
    };
    for (size_t i = 0; i < COUNT_OF(pems); i++) {
        struct err e = ERR_CLEAR;
        assert_false(crypto_key_parse_private(pems[i], &key, &e));
        assert_int_equal(e.kind, ERR_SYNTAX);
        assert_null(strstr(e.msg, "password"));
    }
    struct err e = ERR_CLEAR;
    assert_false(crypto_key_generate(CRYPTO_RSA, 1024, &key, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
}

/* The public key of RFC 8032 section 7.1, test 2. */
static void reads_a_raw_ed25519_key(void **state)
{
    (void)state;
    static const char public[] = "\x3d\x40\x17\xc3\xe8\x43\x89\x5a\x92\xb7\x0a\xa7\x4d\x1b\x7e\xbc"
                                 "\x9c\x98\x2c\xcf\x2e\xc4\x96\x8c\xc0\xcd\x55\xf1\x2a\xf4\x66\x0c";
    struct crypto_key *key = NULL;
    struct buf bytes;
    struct err e = ERR_CLEAR;
    buf_init(&bytes, 64);
    assert_true(crypto_key_parse_public(CRYPTO_ED25519, str_of(public, 32), &key, &e));
    assert_true(crypto_key_format_public(key, &bytes));
    assert_memory_equal(bytes.p, public, 32);
    assert_int_equal(bytes.n, 32);
    crypto_key_free(&key);
    buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_verifies),
        cmocka_unit_test(refuses_what_is_no_key),
        cmocka_unit_test(reads_a_raw_ed25519_key),
    };
    return cmocka_run_group_tests_name("crypto/signature", tests, NULL, NULL);
}
