/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes by OpenSSL's EVP. Its calls fail only without memory or for a digest that the library was
 * built without: both end the process. */
#include "crypto/hash.h"

#include <openssl/evp.h>

struct crypto_hash {
    EVP_MD_CTX *context;
    enum crypto_hash_kind kind;
};

static const EVP_MD *digest_of(enum crypto_hash_kind kind)
{
    switch (kind) {
    case CRYPTO_SHA256:
        return EVP_sha256();
    case CRYPTO_SHA1:
        return EVP_sha1();
    }
    return NULL;
}

size_t crypto_hash_size(enum crypto_hash_kind kind)
{
    return kind == CRYPTO_SHA256 ? CRYPTO_SHA256_SIZE : CRYPTO_SHA1_SIZE;
}

void crypto_hash(enum crypto_hash_kind kind, str in, uint8_t out[CRYPTO_HASH_MAX])
{
    int ok = EVP_Digest(in.p, in.n, out, NULL, digest_of(kind), NULL);
    INVARIANT(ok == 1);
}

void crypto_sha256(str in, uint8_t out[CRYPTO_SHA256_SIZE])
{
    crypto_hash(CRYPTO_SHA256, in, out);
}

static void begin(struct crypto_hash *h)
{
    int ok = EVP_DigestInit_ex(h->context, digest_of(h->kind), NULL);
    INVARIANT(ok == 1);
}

struct crypto_hash *crypto_hash_new(enum crypto_hash_kind kind)
{
    struct crypto_hash *h = HEAP_NEW(struct crypto_hash);
    h->kind = kind;
    h->context = EVP_MD_CTX_new();
    INVARIANT(h->context);
    begin(h);
    return h;
}

void crypto_hash_add(struct crypto_hash *h, str piece)
{
    int ok = EVP_DigestUpdate(h->context, piece.p, piece.n);
    INVARIANT(ok == 1);
}

void crypto_hash_finish(struct crypto_hash *h, uint8_t out[CRYPTO_HASH_MAX])
{
    int ok = EVP_DigestFinal_ex(h->context, out, NULL);
    INVARIANT(ok == 1);
    begin(h);
}

void crypto_hash_free(struct crypto_hash **h)
{
    if (!*h)
        return;
    EVP_MD_CTX_free((*h)->context);
    free(*h);
    *h = NULL;
}
