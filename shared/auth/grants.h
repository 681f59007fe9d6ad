/* SPDX-License-Identifier: Apache-2.0 */
/* What grant.c, session.c and token.c share. Private to the module. */
#ifndef AUTH_GRANTS_H
#define AUTH_GRANTS_H

#include "auth/grant.h"
#include "base/list.h"
#include "base/map.h"
#include "crypto/hash.h"
#include "db/db.h"

struct auth_grants {
    struct db *db;
    struct map by_hash; /* struct remembered */
    struct list oldest_first;
    unsigned forgets; /* calls of auth_grants_forget: what was read before is not remembered */
};

/* Writes `prefix` and a new random secret, and its hash. */
void grants_make_secret(str prefix, char secret[AUTH_SECRET_MAX], uint8_t hash[CRYPTO_SHA256_SIZE]);
/* The hash of a secret as text. */
str grants_hash_str(const uint8_t hash[CRYPTO_SHA256_SIZE]);

#endif
