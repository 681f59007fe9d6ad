/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes: argon2id (RFC 9106) as PHC strings, "$argon2id$v=19$m=19456,t=2,p=1$salt$tag".
 * One takes 10-20 ms of a core and as much memory as it says: call these in the offload pool. */
#ifndef CRYPTO_ARGON2ID_H
#define CRYPTO_ARGON2ID_H

#include "base/base.h"

struct crypto_argon2id {
    uint32_t memory_kib; /* 8 - 262144 */
    uint32_t passes;     /* 1 - 100 */
    uint32_t lanes;      /* 1 - 16 */
};

/* OWASP's minimum: 19 MiB, 2 passes, 1 lane. */
#define CRYPTO_ARGON2ID_DEFAULT \
    ((struct crypto_argon2id){ .memory_kib = 19456, .passes = 2, .lanes = 1 })

enum {
    CRYPTO_PHC_SIZE = 160 /* bytes that any of our PHC strings fits in, with the NUL */
};

/* Hashes the password with a fresh salt of 16 bytes to a tag of 32. ERR_LIMIT for parameters out of
 * bounds, ERR_UNAVAILABLE when the memory cannot be had. That memory goes back to the system at the
 * end. */
bool crypto_argon2id_hash(const struct crypto_argon2id *parameters, str password,
                          char out[CRYPTO_PHC_SIZE], struct err *e);

/* Whether the password is the one of the PHC string, with the parameters written there. ERR_SYNTAX
 * for no PHC string of argon2id version 19, ERR_LIMIT for parameters out of bounds (a stored hash
 * must not be able to take all memory), ERR_UNAVAILABLE. */
bool crypto_argon2id_verify(str phc, str password, bool *matches, struct err *e);

/* True when the string was made with less than `wanted`, or is none that we can read. */
bool crypto_argon2id_needs_rehash(str phc, const struct crypto_argon2id *wanted);

#endif
