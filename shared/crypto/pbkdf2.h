/* SPDX-License-Identifier: Apache-2.0 */
/* PBKDF2 with HMAC-SHA-256 (RFC 8018 section 5.2), as SCRAM demands it. New password hashes are
 * argon2id. */
#ifndef CRYPTO_PBKDF2_H
#define CRYPTO_PBKDF2_H

#include "base/base.h"

enum {
    CRYPTO_PBKDF2_SIZE = 32
};

/* One block of derived key; `iterations` is at least 1. Some 10,000 iterations take 3 ms of a core:
 * call it in the offload pool. */
void crypto_pbkdf2_sha256(str password, str salt, unsigned iterations,
                          uint8_t out[CRYPTO_PBKDF2_SIZE]);

#endif
