/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures by OpenSSL's EVP. Its error queue is emptied after each failure, so that no
 * later TLS call finds a stranger's error there. */
#include "crypto/signature.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* for RSA_verify */
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum {
    ED25519_SIZE = 32,
    RSA_BITS_MIN_NEW = 2048,
    RSA_BITS_MAX_NEW = 4096
};

struct crypto_key {
    EVP_PKEY *pkey;
    /* Of a public RSA key, to verify with: it keeps what it has worked out about the modulus, and
     * its call does what EVP's does after it has looked for providers, digests and parameters,
     * which takes as long as half of the arithmetic. NULL for other keys. */
    RSA *rsa;
    enum crypto_key_kind kind;
    bool is_private;
};

static bool failed(struct err *e, enum err_kind kind, const char *what)
{
    ERR_clear_error();
    return ERR(e, kind, "%s", what);
}

/* Takes the key over when it is one of ours. */
static bool wrap(EVP_PKEY *pkey, bool is_private, struct crypto_key **out, struct err *e)
{
    int id = EVP_PKEY_get_base_id(pkey);
    bool is_known = id == EVP_PKEY_RSA || id == EVP_PKEY_ED25519;
    if (!is_known || EVP_PKEY_get_bits(pkey) > CRYPTO_RSA_BITS_MAX) {
        EVP_PKEY_free(pkey);
        return is_known ? failed(e, ERR_LIMIT, "the key is too long")
                        : failed(e, ERR_UNSUPPORTED, "neither an RSA nor an Ed25519 key");
    }
    struct crypto_key *key = HEAP_NEW(struct crypto_key);
    key->pkey = pkey;
    key->kind = id == EVP_PKEY_RSA ? CRYPTO_RSA : CRYPTO_ED25519;
    key->is_private = is_private;
    key->rsa = key->kind == CRYPTO_RSA && !is_private ? EVP_PKEY_get1_RSA(pkey) : NULL;
    *out = key;
    return true;
}

/* Reads a key in one form; all of `bytes` must be it. NULL when it is not. */
static EVP_PKEY *decode(str bytes, const char *form, const char *structure, const char *type,
                        int selection)
{
    EVP_PKEY *pkey = NULL;
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t left = bytes.n;
    OSSL_DECODER_CTX *decoder =
        OSSL_DECODER_CTX_new_for_pkey(&pkey, form, structure, type, selection, NULL, NULL);
    if (!decoder)
        return NULL;
    /* The empty passphrase keeps OpenSSL from asking for one on the terminal. */
    (void)OSSL_DECODER_CTX_set_passphrase(decoder, (const unsigned char *)"", 0);
    int ok = OSSL_DECODER_from_data(decoder, &p, &left);
    OSSL_DECODER_CTX_free(decoder);
    if (ok == 1 && str_trim(str_of((const char *)p, left)).n == 0)
        return pkey;
    EVP_PKEY_free(pkey);
    return NULL;
}

static EVP_PKEY *read_rsa(str der, const char *structure)
{
    return decode(der, "DER", structure, "RSA", EVP_PKEY_PUBLIC_KEY);
}

bool crypto_key_parse_public(enum crypto_key_kind kind, str bytes, struct crypto_key **out,
                             struct err *e)
{
    EVP_PKEY *pkey = NULL;
    if (bytes.n > CRYPTO_KEY_MAX)
        return ERR(e, ERR_LIMIT, "a key of %zu octets", bytes.n);
    if (kind == CRYPTO_ED25519 && bytes.n == ED25519_SIZE) {
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)bytes.p,
                                           bytes.n);
    } else if (kind == CRYPTO_RSA && bytes.n) {
        pkey = read_rsa(bytes, "SubjectPublicKeyInfo");
        if (!pkey)
            pkey = read_rsa(bytes, "type-specific");
    }
    if (!pkey)
        return failed(e, ERR_SYNTAX, "no public key of its kind");
    return wrap(pkey, false, out, e);
}

static bool parse_private(str bytes, const char *form, struct crypto_key **out, struct err *e)
{
    if (bytes.n > CRYPTO_KEY_MAX)
        return ERR(e, ERR_LIMIT, "a key of %zu octets", bytes.n);
    EVP_PKEY *pkey = bytes.n ? decode(bytes, form, NULL, NULL, EVP_PKEY_KEYPAIR) : NULL;
    if (!pkey)
        return failed(e, ERR_SYNTAX, "no unencrypted private key in it");
    return wrap(pkey, true, out, e);
}

bool crypto_key_parse_private(str pem, struct crypto_key **out, struct err *e)
{
    return parse_private(pem, "PEM", out, e);
}

bool crypto_key_parse_private_der(str der, struct crypto_key **out, struct err *e)
{
    return parse_private(der, "DER", out, e);
}

bool crypto_key_parse_seed(str octets, struct crypto_key **out, struct err *e)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
                                                  (const unsigned char *)octets.p, octets.n);
    if (!pkey)
        return failed(e, ERR_SYNTAX, "no Ed25519 key");
    return wrap(pkey, true, out, e);
}

bool crypto_key_generate(enum crypto_key_kind kind, unsigned bits, struct crypto_key **out,
                         struct err *e)
{
    if (kind == CRYPTO_RSA && (bits < RSA_BITS_MIN_NEW || bits > RSA_BITS_MAX_NEW)) {
        return ERR(e, ERR_LIMIT, "an RSA key has %d to %d bits", RSA_BITS_MIN_NEW,
                   RSA_BITS_MAX_NEW);
    }
    EVP_PKEY *pkey = kind == CRYPTO_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits)
                                        : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!pkey)
        return failed(e, ERR_INTERNAL, "no key could be made");
    return wrap(pkey, true, out, e);
}

struct crypto_key *crypto_key_share(const struct crypto_key *key)
{
    struct crypto_key *other = HEAP_NEW(struct crypto_key);
    int ok = EVP_PKEY_up_ref(key->pkey);
    INVARIANT(ok == 1 && (!key->rsa || RSA_up_ref(key->rsa) == 1));
    *other = *key;
    return other;
}

void crypto_key_free(struct crypto_key **key)
{
    if (!*key)
        return;
    EVP_PKEY_free((*key)->pkey);
    RSA_free((*key)->rsa);
    free(*key);
    *key = NULL;
}

enum crypto_key_kind crypto_key_kind(const struct crypto_key *key)
{
    return key->kind;
}

unsigned crypto_key_bits(const struct crypto_key *key)
{
    return (unsigned)EVP_PKEY_get_bits(key->pkey);
}

bool crypto_key_format_private(const struct crypto_key *key, struct secret *out, struct err *e)
{
    if (!key->is_private)
        return ERR(e, ERR_UNSUPPORTED, "the key has no private half");
    OSSL_ENCODER_CTX *encoder =
        OSSL_ENCODER_CTX_new_for_pkey(key->pkey, EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo", NULL);
    unsigned char *p = NULL;
    size_t n = 0;
    int ok = encoder && OSSL_ENCODER_to_data(encoder, &p, &n);
    INVARIANT(ok == 1);
    secret_set(out, str_of((const char *)p, n));
    OPENSSL_clear_free(p, n);
    OSSL_ENCODER_CTX_free(encoder);
    return true;
}

bool crypto_key_format_public(const struct crypto_key *key, struct buf *out)
{
    if (key->kind == CRYPTO_ED25519) {
        char raw[ED25519_SIZE];
        size_t n = sizeof(raw);
        int ok = EVP_PKEY_get_raw_public_key(key->pkey, (unsigned char *)raw, &n);
        INVARIANT(ok == 1 && n == sizeof(raw));
        return buf_add(out, str_of(raw, n));
    }
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key->pkey, &der);
    INVARIANT(n > 0);
    bool fits = buf_add(out, str_of((const char *)der, (size_t)n));
    OPENSSL_free(der);
    return fits;
}

static const EVP_MD *digest_of(enum crypto_hash_kind kind)
{
    return kind == CRYPTO_SHA256 ? EVP_sha256() : EVP_sha1();
}

/* A context to sign or verify a finished hash with RSA. */
static EVP_PKEY_CTX *rsa_context(const struct crypto_key *key, enum crypto_hash_kind kind,
                                 int (*begin)(EVP_PKEY_CTX *))
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
    INVARIANT(context);
    int ok = begin(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
             EVP_PKEY_CTX_set_signature_md(context, digest_of(kind)) == 1;
    if (ok)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

bool crypto_signature_verify(const struct crypto_key *key, enum crypto_hash_kind kind,
                             const uint8_t *hash, str signature)
{
    const unsigned char *p = (const unsigned char *)signature.p;
    size_t n = crypto_hash_size(kind);
    int ok = 0;
    if (signature.n > CRYPTO_SIGNATURE_MAX)
        return false;
    if (key->kind == CRYPTO_ED25519) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        INVARIANT(context);
        ok = EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
             EVP_DigestVerify(context, p, signature.n, hash, n) == 1;
        EVP_MD_CTX_free(context);
    } else if (key->rsa) {
        ok = RSA_verify(kind == CRYPTO_SHA256 ? NID_sha256 : NID_sha1, hash, (unsigned)n, p,
                        (unsigned)signature.n, key->rsa) == 1;
    } else {
        EVP_PKEY_CTX *context = rsa_context(key, kind, EVP_PKEY_verify_init);
        ok = context && EVP_PKEY_verify(context, p, signature.n, hash, n) == 1;
        EVP_PKEY_CTX_free(context);
    }
    ERR_clear_error();
    return ok;
}

bool crypto_signature_make(const struct crypto_key *key, enum crypto_hash_kind kind,
                           const uint8_t *hash, struct buf *out, struct err *e)
{
    unsigned char made[CRYPTO_SIGNATURE_MAX];
    size_t n = sizeof(made);
    int ok = 0;
    if (!key->is_private)
        return ERR(e, ERR_UNSUPPORTED, "the key has no private half");
    if (key->kind == CRYPTO_ED25519) {
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        INVARIANT(context);
        ok = EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
             EVP_DigestSign(context, made, &n, hash, crypto_hash_size(kind)) == 1;
        EVP_MD_CTX_free(context);
    } else {
        EVP_PKEY_CTX *context = rsa_context(key, kind, EVP_PKEY_sign_init);
        ok = context && EVP_PKEY_sign(context, made, &n, hash, crypto_hash_size(kind)) == 1;
        EVP_PKEY_CTX_free(context);
    }
    if (!ok)
        return failed(e, ERR_INTERNAL, "the key does not sign");
    return buf_add(out, str_of((const char *)made, n)) ||
           ERR(e, ERR_LIMIT, "no room for a signature");
}

/* Numbers longer than the modulus are no numbers of such a key, and could cost hours. */
static bool has_fair_numbers(const struct crypto_key *key)
{
    static const char *const names[] = {
        OSSL_PKEY_PARAM_RSA_E,           OSSL_PKEY_PARAM_RSA_D,
        OSSL_PKEY_PARAM_RSA_FACTOR1,     OSSL_PKEY_PARAM_RSA_FACTOR2,
        OSSL_PKEY_PARAM_RSA_EXPONENT1,   OSSL_PKEY_PARAM_RSA_EXPONENT2,
        OSSL_PKEY_PARAM_RSA_COEFFICIENT1
    };
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(names) && ok; i++) {
        BIGNUM *number = NULL;
        ok = EVP_PKEY_get_bn_param(key->pkey, names[i], &number) == 1 &&
             BN_num_bits(number) <= EVP_PKEY_get_bits(key->pkey);
        BN_clear_free(number);
    }
    BIGNUM *third = NULL; /* prime; nobody's key has one */
    ok = ok && EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_FACTOR3, &third) != 1;
    BN_clear_free(third);
    ERR_clear_error();
    return ok;
}

bool crypto_key_is_sound(const struct crypto_key *key)
{
    struct err ignored = ERR_CLEAR;
    struct buf signature;
    uint8_t hash[CRYPTO_HASH_MAX];
    if (!key->is_private || (key->kind == CRYPTO_RSA && !has_fair_numbers(key)))
        return false;
    crypto_sha256(STR("anything"), hash);
    buf_init(&signature, CRYPTO_SIGNATURE_MAX);
    bool ok = crypto_signature_make(key, CRYPTO_SHA256, hash, &signature, &ignored) &&
              crypto_signature_verify(key, CRYPTO_SHA256, hash, buf_str(&signature));
    buf_fini(&signature);
    return ok;
}
