/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing: small secrets as they lie in the database, encrypted and authenticated by AES-256-GCM
 * under the server's own key. Not for bulk data. */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "crypto/secret.h"

enum {
    CRYPTO_SEAL_KEY = 32,           /* octets of a key */
    CRYPTO_SEAL_MAX = 64 * 1024,    /* octets that are sealed at once */
    CRYPTO_SEAL_EXTRA = 1 + 12 + 16 /* octets that sealing adds: version, nonce, tag */
};

/* Appends `text` sealed. `bound` is not stored, but must be the same when it is opened: what the
 * text belongs to, so that it cannot be moved elsewhere. ERR_LIMIT when the text is too long or
 * `out` is full. */
bool crypto_seal(const uint8_t key[CRYPTO_SEAL_KEY], str text, str bound, struct buf *out,
                 struct err *e);

/* Opens what was sealed. ERR_DENIED: sealed under another key, for something else, or changed;
 * ERR_SYNTAX: it was never sealed. Gives. */
bool crypto_unseal(const uint8_t key[CRYPTO_SEAL_KEY], str sealed, str bound, struct secret *out,
                   struct err *e);

#endif
