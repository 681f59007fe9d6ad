/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of bytes, at once or in pieces. Not for passwords (argon2id.h) and not keyed (hmac.h). */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "base/base.h"

enum crypto_hash_kind {
    CRYPTO_SHA256,
    CRYPTO_SHA1 /* only where a standard demands it */
};

enum {
    CRYPTO_SHA256_SIZE = 32,
    CRYPTO_SHA1_SIZE = 20,
    CRYPTO_HASH_MAX = 32 /* bytes that any of them fits in */
};

/* Bytes of a hash of this kind. */
size_t crypto_hash_size(enum crypto_hash_kind kind);

/* The hash of `in`; crypto_hash_size bytes are written. */
void crypto_hash(enum crypto_hash_kind kind, str in, uint8_t out[CRYPTO_HASH_MAX]);
void crypto_sha256(str in, uint8_t out[CRYPTO_SHA256_SIZE]);

/* A hash of bytes that come in pieces. Gives. */
struct crypto_hash;
struct crypto_hash *crypto_hash_new(enum crypto_hash_kind kind);
void crypto_hash_add(struct crypto_hash *h, str piece);
/* Writes crypto_hash_size bytes for all pieces since the beginning, and begins again. */
void crypto_hash_finish(struct crypto_hash *h, uint8_t out[CRYPTO_HASH_MAX]);
/* Harmless for NULL. */
void crypto_hash_free(struct crypto_hash **h);

#endif
