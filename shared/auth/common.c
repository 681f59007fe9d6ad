/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords that an attacker tries first. The table is common_passwords.bin, made by
 * tools/common_passwords.py: sorted prefixes of SHA-256, so that nobody has to read the words. Five
 * octets: of ten million good passwords less than one is taken for a common one. */
#include "auth/common.h"

#include "crypto/hash.h"
#include "crypto/secret.h"

enum {
    ENTRY = 5,       /* octets */
    PIECE_SHORT = 8, /* octets; shorter pieces are no password of themselves */
};

extern const uint8_t auth_common_passwords[];
extern const size_t auth_common_passwords_size;

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, ENTRY);
}

static bool is_listed(str password)
{
    uint8_t hash[CRYPTO_SHA256_SIZE];
    struct secret lower = SECRET_EMPTY;
    secret_set(&lower, password);
    crypto_sha256(str_lower(secret_str(&lower), lower.p), hash);
    secret_wipe(&lower);
    return bsearch(hash, auth_common_passwords, auth_common_passwords_size / ENTRY, ENTRY,
                   compare) != NULL;
}

/* The length of the piece that makes the whole text when it is repeated (the last time perhaps cut
 * off); all of it when none does. */
static size_t period(str text)
{
    for (size_t n = 1; n <= text.n / 2; n++) {
        if (memcmp(text.p, text.p + n, text.n - n) == 0)
            return n;
    }
    return text.n;
}

bool auth_password_is_common(str password)
{
    size_t n = period(password);
    if (n < password.n && (n < PIECE_SHORT || is_listed(str_slice(password, 0, n))))
        return true;
    return is_listed(password);
}
