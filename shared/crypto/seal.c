/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM over OpenSSL. A random nonce of 96 bits is safe for the few secrets of one key (NIST
 * SP 800-38D section 8.3: below 2^32). */
#include "crypto/seal.h"

#include "crypto/random.h"

#include <openssl/evp.h>

enum {
    VERSION = 1,
    NONCE = 12,
    TAG = 16
};

/* A context that is ready for text. */
static EVP_CIPHER_CTX *start(const uint8_t *key, const uint8_t *nonce, str bound, int encrypts)
{
    int n = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    INVARIANT(c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, encrypts) == 1);
    if (bound.n) {
        INVARIANT(EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)bound.p, (int)bound.n) == 1);
    }
    return c;
}

bool crypto_seal(const uint8_t key[CRYPTO_SEAL_KEY], str text, str bound, struct buf *out,
                 struct err *e)
{
    uint8_t nonce[NONCE];
    uint8_t tag[TAG];
    int n = 0;
    int last = 0;
    if (text.n > CRYPTO_SEAL_MAX)
        return ERR(e, ERR_LIMIT, "more than %d octets to seal", CRYPTO_SEAL_MAX);
    uint8_t *cipher = heap_alloc(text.n + 1);
    crypto_random_fill(nonce, sizeof(nonce));
    EVP_CIPHER_CTX *c = start(key, nonce, bound, 1);
    INVARIANT(EVP_CipherUpdate(c, cipher, &n, (const unsigned char *)(text.n ? text.p : ""),
                               (int)text.n) == 1 &&
              EVP_CipherFinal_ex(c, cipher + n, &last) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1);
    EVP_CIPHER_CTX_free(c);
    bool ok = buf_add_byte(out, VERSION) && buf_add(out, str_of((const char *)nonce, NONCE)) &&
              buf_add(out, str_of((const char *)cipher, text.n)) &&
              buf_add(out, str_of((const char *)tag, TAG));
    free(cipher);
    return ok || ERR(e, ERR_LIMIT, "no room for what is sealed");
}

bool crypto_unseal(const uint8_t key[CRYPTO_SEAL_KEY], str sealed, str bound, struct secret *out,
                   struct err *e)
{
    int n = 0;
    int last = 0;
    if (sealed.n < CRYPTO_SEAL_EXTRA || sealed.n > CRYPTO_SEAL_MAX + CRYPTO_SEAL_EXTRA ||
        sealed.p[0] != VERSION)
        return ERR(e, ERR_SYNTAX, "these octets were not sealed by us");
    size_t size = sealed.n - CRYPTO_SEAL_EXTRA;
    const uint8_t *at = (const uint8_t *)sealed.p + 1;
    uint8_t tag[TAG];
    uint8_t *plain = heap_alloc(size + 1);
    memcpy(tag, at + NONCE + size, TAG);
    EVP_CIPHER_CTX *c = start(key, at, bound, 0);
    bool ok = EVP_CipherUpdate(c, plain, &n, at + NONCE, (int)size) == 1 &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
              EVP_CipherFinal_ex(c, plain + n, &last) == 1;
    EVP_CIPHER_CTX_free(c);
    if (ok)
        secret_set(out, str_of((const char *)plain, size));
    secret_wipe_memory(plain, size + 1);
    free(plain);
    return ok || ERR(e, ERR_DENIED, "sealed under another key, or changed since");
}
