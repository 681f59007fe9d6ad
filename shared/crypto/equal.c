/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing in constant time by OpenSSL. */
#include "crypto/equal.h"

#include <openssl/crypto.h>

bool crypto_equal(str a, str b)
{
    return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}
