/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 over the hash of this module. */
#include "crypto/hmac.h"

#include "crypto/hash.h"
#include "crypto/secret.h"

enum {
    BLOCK = 64 /* bytes of SHA-256's block */
};

static str as_str(const uint8_t *p, size_t n)
{
    return str_of((const char *)p, n);
}

/* HMAC of `parts`, each behind its length when `has_lengths`. */
static void compute(str key, const str *parts, size_t n, bool has_lengths,
                    uint8_t out[CRYPTO_HMAC_SIZE])
{
    uint8_t pad[BLOCK] = { 0 };
    if (key.n > BLOCK) {
        crypto_sha256(key, pad);
    } else if (key.n) {
        memcpy(pad, key.p, key.n);
    }
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36;
    crypto_hash_add(h, as_str(pad, BLOCK));
    for (size_t i = 0; i < n; i++) {
        uint64_t length = parts[i].n;
        if (has_lengths)
            crypto_hash_add(h, as_str((const uint8_t *)&length, sizeof(length)));
        crypto_hash_add(h, parts[i]);
    }
    uint8_t inner[CRYPTO_HASH_MAX];
    crypto_hash_finish(h, inner);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    crypto_hash_add(h, as_str(pad, BLOCK));
    crypto_hash_add(h, as_str(inner, CRYPTO_SHA256_SIZE));
    crypto_hash_finish(h, out);
    crypto_hash_free(&h);
    secret_wipe_memory(pad, sizeof(pad));
    secret_wipe_memory(inner, sizeof(inner));
}

void crypto_hmac_sha256(str key, str in, uint8_t out[CRYPTO_HMAC_SIZE])
{
    compute(key, &in, 1, false, out);
}

void crypto_hmac_sha256_parts(str key, const str *parts, size_t n, uint8_t out[CRYPTO_HMAC_SIZE])
{
    compute(key, parts, n, true, out);
}
