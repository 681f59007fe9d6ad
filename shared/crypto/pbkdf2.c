/* SPDX-License-Identifier: Apache-2.0 */
/* PBKDF2 over OpenSSL. */
#include "crypto/pbkdf2.h"

#include <openssl/evp.h>

void crypto_pbkdf2_sha256(str password, str salt, unsigned iterations,
                          uint8_t out[CRYPTO_PBKDF2_SIZE])
{
    int ok = PKCS5_PBKDF2_HMAC(password.p ? password.p : "", (int)password.n,
                               (const unsigned char *)salt.p, (int)salt.n, (int)iterations,
                               EVP_sha256(), CRYPTO_PBKDF2_SIZE, out);
    INVARIANT(ok == 1);
}
