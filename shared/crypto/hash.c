/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes by the functions of OpenSSL that its EVP calls in the end: with short texts, EVP's look
 * for a provider of the digest costs more than the digest. */
#include "crypto/hash.h"

#define OPENSSL_SUPPRESS_DEPRECATED  /* not since they were wrong, but since EVP does not need them \
                                      */
#include <openssl/sha.h>

struct crypto_hash {
    enum crypto_hash_kind kind;
    union {
        SHA256_CTX sha256;
        SHA_CTX sha1;
    } state;
};

size_t crypto_hash_size(enum crypto_hash_kind kind)
{
    return kind == CRYPTO_SHA256 ? CRYPTO_SHA256_SIZE : CRYPTO_SHA1_SIZE;
}

static void begin(struct crypto_hash *h)
{
    int ok = h->kind == CRYPTO_SHA256 ? SHA256_Init(&h->state.sha256) : SHA1_Init(&h->state.sha1);
    INVARIANT(ok == 1);
}

void crypto_hash_add(struct crypto_hash *h, str piece)
{
    int ok = h->kind == CRYPTO_SHA256 ? SHA256_Update(&h->state.sha256, piece.p, piece.n)
                                      : SHA1_Update(&h->state.sha1, piece.p, piece.n);
    INVARIANT(ok == 1);
}

void crypto_hash_finish(struct crypto_hash *h, uint8_t out[CRYPTO_HASH_MAX])
{
    int ok = h->kind == CRYPTO_SHA256 ? SHA256_Final(out, &h->state.sha256)
                                      : SHA1_Final(out, &h->state.sha1);
    INVARIANT(ok == 1);
    begin(h);
}

void crypto_hash(enum crypto_hash_kind kind, str in, uint8_t out[CRYPTO_HASH_MAX])
{
    struct crypto_hash h = { .kind = kind };
    begin(&h);
    crypto_hash_add(&h, in);
    crypto_hash_finish(&h, out);
}

void crypto_sha256(str in, uint8_t out[CRYPTO_SHA256_SIZE])
{
    crypto_hash(CRYPTO_SHA256, in, out);
}

struct crypto_hash *crypto_hash_new(enum crypto_hash_kind kind)
{
    struct crypto_hash *h = HEAP_NEW(struct crypto_hash);
    h->kind = kind;
    begin(h);
    return h;
}

void crypto_hash_free(struct crypto_hash **h)
{
    free(*h);
    *h = NULL;
}
