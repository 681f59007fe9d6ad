/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of hashes, HMAC, random numbers, comparing and secrets, with vectors of FIPS 180, RFC 4231.
 */
#include "base/hex.h"
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_hex(const uint8_t *bytes, size_t n, const char *expected)
{
    struct buf text;
    buf_init(&text, 1000);
    assert_true(hex_encode(str_of((const char *)bytes, n), &text));
    assert_string_equal(buf_cstr(&text), expected);
    buf_fini(&text);
}

static const struct {
    enum crypto_hash_kind kind;
    str in;
    const char *hash;
} hashes[] = {
    { CRYPTO_SHA256, STR_INIT(""),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { CRYPTO_SHA256, STR_INIT("abc"),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { CRYPTO_SHA256, STR_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { CRYPTO_SHA1, STR_INIT("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { CRYPTO_SHA1, STR_INIT(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
};

static void knows_the_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        uint8_t out[CRYPTO_HASH_MAX];
        crypto_hash(hashes[i].kind, hashes[i].in, out);
        assert_hex(out, crypto_hash_size(hashes[i].kind), hashes[i].hash);
    }
}

static void pieces_are_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        struct crypto_hash *h = crypto_hash_new(hashes[i].kind);
        for (int round = 0; round < 2; round++) {
            uint8_t out[CRYPTO_HASH_MAX];
            for (size_t at = 0; at < hashes[i].in.n; at += 3)
                crypto_hash_add(h, str_slice(hashes[i].in, at, 3));
            crypto_hash_finish(h, out);
            assert_hex(out, crypto_hash_size(hashes[i].kind), hashes[i].hash);
        }
        crypto_hash_free(&h);
        assert_null(h);
        crypto_hash_free(&h);
    }
}

static void hmac_knows_rfc_4231(void **state)
{
    (void)state;
    uint8_t out[CRYPTO_HMAC_SIZE];
    char long_key[131];
    memset(long_key, 0xaa, sizeof(long_key));
    crypto_hmac_sha256(STR("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                           "\x0b\x0b\x0b\x0b"),
                       STR("Hi There"), out);
    assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    crypto_hmac_sha256(str_of(long_key, sizeof(long_key)),
                       STR("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_parts_do_not_run_together(void **state)
{
    (void)state;
    const str ab_c[] = { STR("ab"), STR("c") };
    const str a_bc[] = { STR("a"), STR("bc") };
    uint8_t one[CRYPTO_HMAC_SIZE];
    uint8_t two[CRYPTO_HMAC_SIZE];
    crypto_hmac_sha256_parts(STR("k"), ab_c, 2, one);
    crypto_hmac_sha256_parts(STR("k"), a_bc, 2, two);
    assert_memory_not_equal(one, two, sizeof(one));
    crypto_hmac_sha256_parts(STR("k"), ab_c, 2, two);
    assert_memory_equal(one, two, sizeof(one));
}

static void random_numbers_keep_their_range(void **state)
{
    (void)state;
    unsigned seen[5] = { 0 };
    for (int i = 0; i < 5000; i++) {
        uint64_t value = crypto_random_below(5);
        assert_true(value < 5);
        seen[value]++;
    }
    for (int i = 0; i < 5; i++)
        assert_true(seen[i] > 700);
    assert_int_equal(crypto_random_below(1), 0);
    assert_true(crypto_random_u64() != crypto_random_u64());
}

static void compares_and_wipes(void **state)
{
    (void)state;
    assert_true(crypto_equal(STR("abc"), STR("abc")));
    assert_false(crypto_equal(STR("abc"), STR("abd")));
    assert_false(crypto_equal(STR("abc"), STR("ab")));
    assert_true(crypto_equal(STR_EMPTY, STR("")));
    struct secret s = SECRET_EMPTY;
    secret_set(&s, STR("hunter2"));
    secret_set(&s, secret_str(&s));
    assert_true(str_eq(secret_str(&s), STR("hunter2")));
    secret_set(&s, STR_EMPTY);
    assert_null(s.p);
    secret_wipe(&s);
    char text[] = "hunter2";
    secret_wipe_memory(text, sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++)
        assert_int_equal(text[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_vectors),
        cmocka_unit_test(pieces_are_the_same),
        cmocka_unit_test(hmac_knows_rfc_4231),
        cmocka_unit_test(hmac_parts_do_not_run_together),
        cmocka_unit_test(random_numbers_keep_their_range),
        cmocka_unit_test(compares_and_wipes),
    };
    return cmocka_run_group_tests_name("crypto/hash", tests, NULL, NULL);
}
