/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM-SHA-256: verifiers, messages, proofs. Pure. */
#include "auth/scram.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "crypto/equal.h"
#include "crypto/hmac.h"
#include "crypto/pbkdf2.h"
#include "crypto/secret.h"

static str bytes_of(const uint8_t *p, size_t n)
{
    return str_of((const char *)p, n);
}

/* ---- the verifier ---- */

void scram_verifier_derive(struct scram_verifier *v, str password)
{
    uint8_t salted[CRYPTO_PBKDF2_SIZE];
    uint8_t client_key[CRYPTO_HMAC_SIZE];
    crypto_pbkdf2_sha256(password, bytes_of(v->salt, sizeof(v->salt)), v->iterations, salted);
    str key = bytes_of(salted, sizeof(salted));
    crypto_hmac_sha256(key, STR("Client Key"), client_key);
    crypto_sha256(bytes_of(client_key, sizeof(client_key)), v->stored_key);
    crypto_hmac_sha256(key, STR("Server Key"), v->server_key);
    secret_wipe_memory(salted, sizeof(salted));
    secret_wipe_memory(client_key, sizeof(client_key));
}

static const str scheme = STR_INIT("SCRAM-SHA-256$");

bool scram_verifier_format(const struct scram_verifier *v, struct buf *out)
{
    return buf_addf(out, "%s%u:", scheme.p, v->iterations) &&
           base64_encode(BASE64_STANDARD, bytes_of(v->salt, sizeof(v->salt)), out) &&
           buf_add_byte(out, '$') &&
           base64_encode(BASE64_STANDARD, bytes_of(v->stored_key, sizeof(v->stored_key)), out) &&
           buf_add_byte(out, ':') &&
           base64_encode(BASE64_STANDARD, bytes_of(v->server_key, sizeof(v->server_key)), out);
}

/* Exactly `n` octets in base64. */
static bool decode_exactly(str text, uint8_t *out, size_t n)
{
    struct buf bytes;
    buf_init(&bytes, n);
    bool ok = base64_decode(BASE64_STANDARD, text, &bytes, NULL) && bytes.n == n;
    if (ok)
        memcpy(out, bytes.p, n);
    buf_fini(&bytes);
    return ok;
}

bool scram_verifier_parse(str text, struct scram_verifier *out, struct err *e)
{
    str iterations;
    str salt;
    str stored;
    str server;
    uint64_t count = 0;
    bool ok = str_has_prefix(text, scheme);
    text = str_skip(text, scheme.n);
    ok = ok && str_cut(text, ':', &iterations, &text) && str_cut(text, '$', &salt, &text) &&
         str_cut(text, ':', &stored, &server) &&
         str_to_uint(iterations, SCRAM_ITERATIONS_MAX, &count) && count >= SCRAM_ITERATIONS_MIN &&
         decode_exactly(salt, out->salt, sizeof(out->salt)) &&
         decode_exactly(stored, out->stored_key, sizeof(out->stored_key)) &&
         decode_exactly(server, out->server_key, sizeof(out->server_key));
    out->iterations = (unsigned)count;
    return ok || ERR(e, ERR_SYNTAX, "no verifier of SCRAM-SHA-256");
}

/* ---- what clients send ---- */

/* "x=value" up to the next comma or the end; the value is borrowed. */
static bool take_attribute(str *rest, char name, str *value)
{
    str attribute;
    (void)str_cut(*rest, ',', &attribute, rest);
    if (attribute.n < 2 || attribute.p[0] != name || attribute.p[1] != '=')
        return false;
    *value = str_skip(attribute, 2);
    return true;
}

/* A saslname: "=2C" is a comma, "=3D" an equals sign, no other '=' may stand in it. */
static bool unescape_name(str text, struct arena *a, str *out)
{
    char *name = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '=') {
            str code = str_slice(text, i, 3);
            if (!str_eq(code, STR("=2C")) && !str_eq(code, STR("=3D")))
                return false;
            c = str_eq(code, STR("=2C")) ? ',' : '=';
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return false;
        name[n++] = c;
    }
    *out = str_of(name, n);
    return n > 0 && utf8_is_valid(*out);
}

/* Printable ASCII without the comma (RFC 5802 section 7). */
static bool is_nonce(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f || text.p[i] == ',')
            return false;
    }
    return text.n > 0;
}

static bool is_binding_name(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!ascii_is_alnum(text.p[i]) && text.p[i] != '-' && text.p[i] != '.')
            return false;
    }
    return text.n > 0;
}

/* gs2-cbind-flag "," [authzid] ",". */
static bool parse_header(str message, struct arena *a, struct scram_first *out)
{
    str flag;
    str authzid;
    str rest;
    if (!str_cut(message, ',', &flag, &rest) || !str_cut(rest, ',', &authzid, &rest))
        return false;
    out->bare = rest;
    out->header = str_slice(message, 0, message.n - rest.n);
    if (str_eq(flag, STR("n"))) {
        out->binding = SCRAM_BINDING_NONE;
    } else if (str_eq(flag, STR("y"))) {
        out->binding = SCRAM_BINDING_UNUSED;
    } else if (str_has_prefix(flag, STR("p=")) && is_binding_name(str_skip(flag, 2))) {
        out->binding = SCRAM_BINDING_USED;
        out->binding_name = str_skip(flag, 2);
    } else {
        return false;
    }
    return authzid.n == 0 || (str_has_prefix(authzid, STR("a=")) &&
                              unescape_name(str_skip(authzid, 2), a, &out->authzid));
}

bool scram_first_parse(str message, struct arena *a, struct scram_first *out, struct err *e)
{
    str user;
    str rest;
    *out = (struct scram_first){ .binding = SCRAM_BINDING_NONE };
    bool ok = message.n <= SCRAM_MESSAGE_MAX && parse_header(message, a, out);
    rest = out->bare;
    /* "m=" in front would be an extension that we do not know and may not ignore; what follows the
     * nonce may be ignored. */
    ok = ok && take_attribute(&rest, 'n', &user) && unescape_name(user, a, &out->user) &&
         take_attribute(&rest, 'r', &out->nonce) && is_nonce(out->nonce) &&
         out->nonce.n <= SCRAM_NONCE_MAX;
    return ok || ERR(e, ERR_SYNTAX, "no first message of SCRAM");
}

bool scram_final_parse(str message, struct arena *a, struct scram_final *out, struct err *e)
{
    struct buf binding;
    str encoded = STR_EMPTY;
    str rest = message;
    *out = (struct scram_final){ .nonce = STR_EMPTY };
    buf_init(&binding, SCRAM_MESSAGE_MAX + SCRAM_BINDING_MAX);
    bool ok = message.n <= SCRAM_FINAL_MAX && take_attribute(&rest, 'c', &encoded) &&
              base64_decode(BASE64_STANDARD, encoded, &binding, NULL) &&
              take_attribute(&rest, 'r', &out->nonce) && is_nonce(out->nonce);
    out->binding = arena_str(a, buf_str(&binding));
    buf_fini(&binding);
    /* The proof is the last attribute; extensions that may be ignored stand before it. */
    ptrdiff_t at = str_rfind_byte(message, ',');
    str proof = at < 0 ? STR_EMPTY : str_skip(message, (size_t)at + 1);
    ok = ok && str_has_prefix(proof, STR("p=")) &&
         decode_exactly(str_skip(proof, 2), out->proof, sizeof(out->proof));
    if (at > 0)
        out->without_proof = str_slice(message, 0, (size_t)at);
    return ok || ERR(e, ERR_SYNTAX, "no final message of SCRAM");
}

/* ---- what the server sends ---- */

str scram_server_first(const struct scram_verifier *v, str client_nonce, str server_nonce,
                       struct arena *a)
{
    struct buf salt;
    buf_init(&salt, 64);
    (void)base64_encode(BASE64_STANDARD, bytes_of(v->salt, sizeof(v->salt)), &salt);
    str out = arena_printf(a, "r=%.*s%.*s,s=%.*s,i=%u", STR_FMT(client_nonce),
                           STR_FMT(server_nonce), STR_FMT(buf_str(&salt)), v->iterations);
    buf_fini(&salt);
    return out;
}

/* ClientProof XOR HMAC(StoredKey, AuthMessage) is the ClientKey, whose hash is the StoredKey. */
bool scram_proof_is_right(const struct scram_verifier *v, str auth_message,
                          const uint8_t proof[CRYPTO_SHA256_SIZE])
{
    uint8_t client_key[CRYPTO_HMAC_SIZE];
    uint8_t hash[CRYPTO_SHA256_SIZE];
    crypto_hmac_sha256(bytes_of(v->stored_key, sizeof(v->stored_key)), auth_message, client_key);
    for (size_t i = 0; i < sizeof(client_key); i++)
        client_key[i] ^= proof[i];
    crypto_sha256(bytes_of(client_key, sizeof(client_key)), hash);
    secret_wipe_memory(client_key, sizeof(client_key));
    return crypto_equal(bytes_of(hash, sizeof(hash)),
                        bytes_of(v->stored_key, sizeof(v->stored_key)));
}

str scram_server_final(const struct scram_verifier *v, str auth_message, struct arena *a)
{
    uint8_t signature[CRYPTO_HMAC_SIZE];
    struct buf text;
    crypto_hmac_sha256(bytes_of(v->server_key, sizeof(v->server_key)), auth_message, signature);
    buf_init(&text, 64);
    (void)base64_encode(BASE64_STANDARD, bytes_of(signature, sizeof(signature)), &text);
    str out = arena_printf(a, "v=%.*s", STR_FMT(buf_str(&text)));
    buf_fini(&text);
    return out;
}
