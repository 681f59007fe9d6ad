/* SPDX-License-Identifier: Apache-2.0 */
/* The look of app passwords. */
#include "auth/app_secret.h"

#include "crypto/secret.h"

/* What counts of the text; false when it cannot be an app password. */
static bool normalize(str text, char out[APP_SECRET_CHARS])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);
        if (c == '-' || c == ' ')
            continue;
        if (n == APP_SECRET_CHARS || !((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7')))
            return false;
        out[n++] = c;
    }
    return n == APP_SECRET_CHARS;
}

bool app_secret_is_shaped(str text)
{
    char plain[APP_SECRET_CHARS];
    bool ok = normalize(text, plain);
    secret_wipe_memory(plain, sizeof(plain));
    return ok;
}

void app_secret_hash(str text, uint8_t out[CRYPTO_SHA256_SIZE])
{
    char plain[APP_SECRET_CHARS] = { 0 };
    (void)normalize(text, plain);
    crypto_sha256(str_of(plain, sizeof(plain)), out);
    secret_wipe_memory(plain, sizeof(plain));
}
