/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 (RFC 2104): a hash that only the holder of the key can make. */
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include "base/base.h"

enum {
    CRYPTO_HMAC_SIZE = 32
};

/* The HMAC-SHA-256 of `in`; the key may have any length. Compare with crypto_equal. */
void crypto_hmac_sha256(str key, str in, uint8_t out[CRYPTO_HMAC_SIZE]);
/* The same of several parts, each with its length in front, so that ("ab", "c") and ("a", "bc")
 * differ. */
void crypto_hmac_sha256_parts(str key, const str *parts, size_t n, uint8_t out[CRYPTO_HMAC_SIZE]);

#endif
