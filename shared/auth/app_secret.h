/* SPDX-License-Identifier: Apache-2.0 */
/* How an app password looks, and its hash. Private to auth; pure. */
#ifndef AUTH_APP_SECRET_H
#define AUTH_APP_SECRET_H

#include "crypto/hash.h"

enum {
    APP_SECRET_CHARS = 28 /* of 5 random bits each, without the dashes */
};

/* Whether the text is one by its look: dashes, spaces and the case of letters do not count. */
bool app_secret_is_shaped(str text);
/* The hash that is kept of it. It has 140 random bits, so nothing slower is needed. */
void app_secret_hash(str text, uint8_t out[CRYPTO_SHA256_SIZE]);

#endif
