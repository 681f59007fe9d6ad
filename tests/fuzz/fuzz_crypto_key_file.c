/* SPDX-License-Identifier: Apache-2.0 */
/* Files that may hold a private key: one that is taken signs, in a moment, and is written again. */
#include "crypto/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct crypto_key *key = NULL;
    struct crypto_key *again = NULL;
    struct secret pem = SECRET_EMPTY;
    struct err e = ERR_CLEAR;
    if (!crypto_key_file_parse(str_of((const char *)data, n), &key, &e)) {
        INVARIANT(!key && e.msg[0]);
        return 0;
    }
    INVARIANT(crypto_key_format_private(key, &pem, &e));
    INVARIANT(crypto_key_file_parse(secret_str(&pem), &again, &e));
    INVARIANT(crypto_key_kind(again) == crypto_key_kind(key));
    secret_wipe(&pem);
    crypto_key_free(&key);
    crypto_key_free(&again);
    return 0;
}
