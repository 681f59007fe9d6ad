/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM-SHA-256 as a client: messages and proofs. */
#include "auth/scram_client.h"

#include "base/base64.h"
#include "crypto/equal.h"
#include "crypto/hmac.h"
#include "crypto/pbkdf2.h"
#include "crypto/random.h"
#include "crypto/secret.h"

enum {
    NONCE_BYTES = 18
};

static str bytes_of(const uint8_t *p, size_t n)
{
    return str_of((const char *)p, n);
}

static str encoded(str bytes, struct arena *a)
{
    struct buf text;
    buf_init(&text, base64_encoded_size(BASE64_STANDARD, bytes.n) + 1);
    INVARIANT(base64_encode(BASE64_STANDARD, bytes, &text));
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

str scram_client_nonce(struct arena *a)
{
    uint8_t bytes[NONCE_BYTES];
    crypto_random_fill(bytes, sizeof(bytes));
    return encoded(bytes_of(bytes, sizeof(bytes)), a);
}

str scram_client_first(str user, str nonce, struct arena *a)
{
    struct buf name;
    buf_init(&name, 3 * user.n + 1);
    for (size_t i = 0; i < user.n; i++) {
        char c = user.p[i];
        INVARIANT(c == ','   ? buf_add(&name, STR("=2C"))
                  : c == '=' ? buf_add(&name, STR("=3D"))
                             : buf_add_byte(&name, c));
    }
    str out = arena_printf(a, "n=%.*s,r=%.*s", STR_FMT(buf_str(&name)), STR_FMT(nonce));
    buf_fini(&name);
    return out;
}

/* "x=value" up to the next comma or the end; the value is borrowed and not empty. */
static bool take_attribute(str *rest, char name, str *value)
{
    str attribute;
    (void)str_cut(*rest, ',', &attribute, rest);
    if (attribute.n < 3 || attribute.p[0] != name || attribute.p[1] != '=')
        return false;
    *value = str_skip(attribute, 2);
    return true;
}

static bool is_printable(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f)
            return false;
    }
    return true;
}

bool scram_challenge_parse(str message, str nonce, struct arena *a, struct scram_challenge *out,
                           struct err *e)
{
    struct buf salt;
    str text = STR_EMPTY;
    str count = STR_EMPTY;
    str rest = message;
    uint64_t iterations = 0;
    *out = (struct scram_challenge){ .iterations = 0 };
    buf_init(&salt, SCRAM_CLIENT_SALT_MAX);
    /* "m=" in front would be an extension that we do not know and may not ignore. */
    bool ok = message.n <= SCRAM_CLIENT_MESSAGE_MAX && is_printable(message) &&
              take_attribute(&rest, 'r', &out->nonce) && take_attribute(&rest, 's', &text) &&
              take_attribute(&rest, 'i', &count) &&
              base64_decode(BASE64_STANDARD, text, &salt, NULL) && salt.n > 0;
    out->salt = arena_str(a, buf_str(&salt));
    buf_fini(&salt);
    if (!ok || !str_has_prefix(out->nonce, nonce) || out->nonce.n == nonce.n)
        return ERR(e, ERR_SYNTAX, "no answer of SCRAM to what we said");
    if (!str_to_uint(count, SCRAM_CLIENT_ITERATIONS_MAX, &iterations) ||
        iterations < SCRAM_CLIENT_ITERATIONS_MIN) {
        return ERR(e, ERR_SYNTAX, "SCRAM with %d to %d iterations only",
                   SCRAM_CLIENT_ITERATIONS_MIN, SCRAM_CLIENT_ITERATIONS_MAX);
    }
    out->iterations = (unsigned)iterations;
    return true;
}

str scram_client_final(str header, str binding, str nonce, struct arena *a)
{
    struct buf all;
    buf_init(&all, header.n + binding.n + 1);
    INVARIANT(buf_add(&all, header) && buf_add(&all, binding));
    str out = arena_printf(a, "c=%.*s,r=%.*s", STR_FMT(encoded(buf_str(&all), a)), STR_FMT(nonce));
    buf_fini(&all);
    return out;
}

void scram_client_prove(str password, str salt, unsigned iterations, str auth_message,
                        struct scram_client_proof *out)
{
    uint8_t salted[CRYPTO_PBKDF2_SIZE];
    uint8_t client_key[CRYPTO_HMAC_SIZE];
    uint8_t server_key[CRYPTO_HMAC_SIZE];
    uint8_t stored_key[CRYPTO_SHA256_SIZE];
    crypto_pbkdf2_sha256(password, salt, iterations, salted);
    crypto_hmac_sha256(bytes_of(salted, sizeof(salted)), STR("Client Key"), client_key);
    crypto_hmac_sha256(bytes_of(salted, sizeof(salted)), STR("Server Key"), server_key);
    crypto_sha256(bytes_of(client_key, sizeof(client_key)), stored_key);
    crypto_hmac_sha256(bytes_of(stored_key, sizeof(stored_key)), auth_message, out->proof);
    for (size_t i = 0; i < sizeof(client_key); i++)
        out->proof[i] ^= client_key[i];
    crypto_hmac_sha256(bytes_of(server_key, sizeof(server_key)), auth_message, out->server);
    secret_wipe_memory(salted, sizeof(salted));
    secret_wipe_memory(client_key, sizeof(client_key));
    secret_wipe_memory(server_key, sizeof(server_key));
}

bool scram_client_trusts(const struct scram_client_proof *proof, str message)
{
    struct buf shown;
    str text;
    buf_init(&shown, CRYPTO_SHA256_SIZE);
    bool ok = take_attribute(&message, 'v', &text) &&
              base64_decode(BASE64_STANDARD, text, &shown, NULL) &&
              crypto_equal(buf_str(&shown), bytes_of(proof->server, sizeof(proof->server)));
    buf_fini(&shown);
    return ok;
}
