/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of crypto/key_file.h: the forms that keys come in, and a clear word on what is none. The
 * RSA key is that of RFC 6376 appendix C, the Ed25519 key that of RFC 8463 appendix A.2. */
#include "base/base64.h"
#include "crypto/crypto.h"
#include "crypto/key_file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RSA_BODY                                                         \
    "MIICXwIBAAKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFC\n" \
    "jxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb\n" \
    "to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB\n" \
    "AoGBALmn+XwWk7akvkUlqb+dOxyLB9i5VBVfje89Teolwc9YJT36BGN/l4e0l6QX\n" \
    "/1//6DWUTB3KI6wFcm7TWJcxbS0tcKZX7FsJvUz1SbQnkS54DJck1EZO/BLa5ckJ\n" \
    "gAYIaqlA9C0ZwM6i58lLlPadX/rtHb7pWzeNcZHjKrjM461ZAkEA+itss2nRlmyO\n" \
    "n1/5yDyCluST4dQfO8kAB3toSEVc7DeFeDhnC1mZdjASZNvdHS4gbLIA1hUGEF9m\n" \
    "3hKsGUMMPwJBAPW5v/U+AWTADFCS22t72NUurgzeAbzb1HWMqO4y4+9Hpjk5wvL/\n" \
    "eVYizyuce3/fGke7aRYw/ADKygMJdW8H/OcCQQDz5OQb4j2QDpPZc0Nc4QlbvMsj\n" \
    "7p7otWRO5xRa6SzXqqV3+F0VpqvDmshEBkoCydaYwc2o6WQ5EBmExeV8124XAkEA\n" \
    "qZzGsIxVP+sEVRWZmW6KNFSdVUpk3qzK0Tz/WjQMe5z0UunY9Ax9/4PVhp/j61bf\n" \
    "eAYXunajbBSOLlx4D+TunwJBANkPI5S9iylsbLs6NkaMHV6k5ioHBBmgCak95JGX\n"
#define RSA_END   "GMot/L2x0IYyMLAz6oLWh2hm7zwtb0CgOrPo1ke44hFYnfc=\n"
#define RSA_BEGIN "-----BEGIN RSA PRIVATE KEY-----\n"
#define RSA_CLOSE "-----END RSA PRIVATE KEY-----\n"
#define RSA_PEM   RSA_BEGIN RSA_BODY RSA_END RSA_CLOSE
#define SEED      "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
/* PKCS #8 of the same (RFC 8410 section 7). */
#define ED_DER "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
#define ED_PEM "-----BEGIN PRIVATE KEY-----\n" ED_DER "\n-----END PRIVATE KEY-----\n"
#define EC_PEM                                                           \
    "-----BEGIN PRIVATE KEY-----\n"                                      \
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYkF03TJ+eeARb5oO\n" \
    "iTgdzy0g2DZe7a8yxEnECEYMRHWhRANCAASUfvs54NUa8LED4CwtLfv7PKBdtM43\n" \
    "vt6sm9677SnwW9X+BOs0IO0WaCZvbakds+EiONsGs8G7CfJFsqoagcbR\n"         \
    "-----END PRIVATE KEY-----\n"
#define PUBLIC                                                           \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkM\n" \
    "oGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/R\n" \
    "tdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToI\n" \
    "MmPSPDdQPNUYckcQ2QIDAQAB\n"
#define PUBLIC_PEM "-----BEGIN PUBLIC KEY-----\n" PUBLIC "-----END PUBLIC KEY-----\n"

static void check_public(const struct crypto_key *key, const char *expected)
{
    struct buf der, text;
    buf_init(&der, 1024);
    buf_init(&text, 2048);
    assert_true(crypto_key_format_public(key, &der));
    assert_true(base64_encode(BASE64_STANDARD, buf_str(&der), &text));
    assert_string_equal(buf_cstr(&text), expected);
    buf_fini(&der);
    buf_fini(&text);
}

static void reads_each_form(void **state)
{
    static const struct {
        const char *name;
        str text;
        enum crypto_key_kind kind;
    } cases[] = {
        { "PKCS #1", STR_INIT(RSA_PEM), CRYPTO_RSA },
        { "with its public half", STR_INIT(PUBLIC_PEM RSA_PEM), CRYPTO_RSA },
        { "with words around it", STR_INIT("selector s1\n" RSA_PEM "the end\n"), CRYPTO_RSA },
        { "PKCS #1 in base64", STR_INIT(RSA_BODY RSA_END), CRYPTO_RSA },
        { "PKCS #8", STR_INIT(ED_PEM), CRYPTO_ED25519 },
        { "PKCS #8 in base64", STR_INIT("  " ED_DER "\r\n"), CRYPTO_ED25519 },
        { "the bare octets", STR_INIT(SEED "\n"), CRYPTO_ED25519 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct crypto_key *key = NULL;
        struct err e = ERR_CLEAR;
        if (!crypto_key_file_parse(cases[i].text, &key, &e))
            fail_msg("%s: %s", cases[i].name, e.msg);
        assert_int_equal(crypto_key_kind(key), cases[i].kind);
        assert_int_equal(crypto_key_bits(key), cases[i].kind == CRYPTO_RSA ? 1024 : 256);
        if (cases[i].kind == CRYPTO_ED25519) /* p= of RFC 8463 appendix A.2 */
            check_public(key, "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        crypto_key_free(&key);
    }
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        str text;
        enum err_kind kind;
        const char *word;
    } cases[] = {
        { STR_INIT(""), ERR_SYNTAX, "no private key" },
        { STR_INIT("v=DKIM1; k=rsa; p=MIGf"), ERR_SYNTAX, "no private key" },
        { STR_INIT("c2VjcmV0"), ERR_SYNTAX, "no private key" },
        { STR_INIT(PUBLIC), ERR_SYNTAX, "no private key" },
        { STR_INIT(PUBLIC_PEM), ERR_SYNTAX, "only a public key" },
        { STR_INIT("-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"), ERR_SYNTAX,
          "only a public key" },
        { STR_INIT("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE "
                   "KEY-----\n"),
          ERR_SYNTAX, "encrypted" },
        { STR_INIT(
              RSA_BEGIN
              "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" RSA_BODY RSA_END RSA_CLOSE),
          ERR_SYNTAX, "encrypted" },
        { STR_INIT("-----BEGIN EC PRIVATE KEY-----\nMII=\n-----END EC PRIVATE KEY-----\n"),
          ERR_UNSUPPORTED, "neither an RSA nor an Ed25519" },
        { STR_INIT(EC_PEM), ERR_UNSUPPORTED, "neither an RSA nor an Ed25519" },
        { STR_INIT("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE "
                   "KEY-----\n"),
          ERR_UNSUPPORTED, "OpenSSH" },
        { STR_INIT(RSA_PEM ED_PEM), ERR_SYNTAX, "several" },
        { STR_INIT(RSA_BEGIN RSA_BODY RSA_CLOSE), ERR_SYNTAX, "damaged" },
        { STR_INIT("-----BEGIN PRIVATE KEY-----"), ERR_SYNTAX, "no private key" },
        { STR_INIT("-----BEGIN PRIVATE KEY-----\n-----END "), ERR_SYNTAX, "no private key" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct crypto_key *key = NULL;
        struct err e = ERR_CLEAR;
        if (crypto_key_file_parse(cases[i].text, &key, &e) || !strstr(e.msg, cases[i].word))
            fail_msg("%zu, %s: %s", i, cases[i].word, e.msg);
        assert_int_equal(e.kind, cases[i].kind);
        assert_null(key);
        assert_null(strstr(e.msg, "MII"));
    }
}

/* One letter of the modulus is another one: the numbers do not belong together any more. */
static void tries_the_key_out(void **state)
{
    char text[] = RSA_PEM;
    struct crypto_key *key = NULL;
    struct err e = ERR_CLEAR;
    (void)state;
    text[sizeof(RSA_BEGIN) + 30] ^= 1;
    assert_false(crypto_key_file_parse(str_from_cstr(text), &key, &e));
    assert_string_equal(e.msg, "a damaged private key");
    assert_int_equal(e.kind, ERR_SYNTAX);
}

static void a_file_has_a_size(void **state)
{
    struct crypto_key *key = NULL;
    struct err e = ERR_CLEAR;
    struct buf text;
    (void)state;
    buf_init(&text, CRYPTO_KEY_MAX + 1);
    while (buf_add_byte(&text, '\n'))
        continue;
    assert_false(crypto_key_file_parse(buf_str(&text), &key, &e));
    assert_int_equal(e.kind, ERR_LIMIT);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_form),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(tries_the_key_out),
        cmocka_unit_test(a_file_has_a_size),
    };
    return cmocka_run_group_tests_name("crypto/key_file", tests, NULL, NULL);
}
