/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of crypto: hashes, HMAC, random bytes, password hashes, signatures and secrets in
 * memory, over OpenSSL and libargon2. No sockets, no TLS, no knowledge of what is hashed. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "crypto/argon2id.h"
#include "crypto/equal.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "crypto/pbkdf2.h"
#include "crypto/random.h"
#include "crypto/seal.h"
#include "crypto/secret.h"
#include "crypto/signature.h"

#endif
