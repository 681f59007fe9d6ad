/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the key in a file; OpenSSL reads it. Copies are wiped. */
#include "crypto/key_file.h"

#include "base/base64.h"

enum {
    ED25519_SEED = 32
};

/* A block of PEM (RFC 7468): from its first to its last hyphen. */
struct block {
    str label;
    str all;
};

enum meaning {
    MEANS_NOTHING, /* something that stands beside keys, as the parameters of a curve */
    MEANS_KEY,
    MEANS_PUBLIC,
    MEANS_ENCRYPTED,
    MEANS_OTHER_KIND,
    MEANS_OPENSSH
};

static const struct {
    str label;
    enum meaning meaning;
} labels[] = {
    { STR_INIT("PRIVATE KEY"), MEANS_KEY },
    { STR_INIT("RSA PRIVATE KEY"), MEANS_KEY },
    { STR_INIT("ENCRYPTED PRIVATE KEY"), MEANS_ENCRYPTED },
    { STR_INIT("EC PRIVATE KEY"), MEANS_OTHER_KIND },
    { STR_INIT("DSA PRIVATE KEY"), MEANS_OTHER_KIND },
    { STR_INIT("OPENSSH PRIVATE KEY"), MEANS_OPENSSH },
    { STR_INIT("PUBLIC KEY"), MEANS_PUBLIC },
    { STR_INIT("RSA PUBLIC KEY"), MEANS_PUBLIC },
    { STR_INIT("CERTIFICATE"), MEANS_PUBLIC },
};

static enum meaning meaning_of(const struct block *b)
{
    /* RFC 1421 section 4.6.1.1, as OpenSSL writes PKCS #1 under a passphrase. */
    if (str_find(b->all, STR("Proc-Type: 4,ENCRYPTED")) >= 0)
        return MEANS_ENCRYPTED;
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        if (str_eq(b->label, labels[i].label))
            return labels[i].meaning;
    }
    return MEANS_NOTHING;
}

/* The next block of the text, which goes on behind it. False: no more. */
static bool next_block(str *text, struct block *out)
{
    static const str begin = STR_INIT("-----BEGIN ");
    static const str rule = STR_INIT("-----");
    ptrdiff_t at = str_find(*text, begin);
    if (at < 0)
        return false;
    str rest = str_skip(*text, (size_t)at + begin.n);
    ptrdiff_t label_end = str_find(rest, rule);
    if (label_end < 0)
        return false;
    out->label = str_slice(rest, 0, (size_t)label_end);
    rest = str_skip(rest, (size_t)label_end + rule.n);
    ptrdiff_t end = str_find(rest, STR("-----END "));
    if (end < 0)
        return false;
    rest = str_skip(rest, (size_t)end + rule.n);
    ptrdiff_t last = str_find(rest, rule);
    if (last < 0)
        return false;
    rest = str_skip(rest, (size_t)last + rule.n);
    const char *first = text->p + at;
    out->all = str_of(first, (size_t)(rest.p - first));
    *text = rest;
    return true;
}

static bool refuse(enum meaning meaning, struct err *e)
{
    static const struct {
        enum err_kind kind;
        const char *text;
    } faults[] = {
        [MEANS_NOTHING] = { ERR_SYNTAX, "no private key in it, in PEM or base64" },
        [MEANS_KEY] = { ERR_SYNTAX, "a damaged private key" },
        [MEANS_PUBLIC] = { ERR_SYNTAX, "only a public key; the private one is needed" },
        [MEANS_ENCRYPTED] = { ERR_SYNTAX, "an encrypted private key; take the passphrase off "
                                          "first: openssl pkey -in FILE" },
        [MEANS_OTHER_KIND] = { ERR_UNSUPPORTED, "neither an RSA nor an Ed25519 key" },
        [MEANS_OPENSSH] = { ERR_UNSUPPORTED, "a key in OpenSSH's own form; PEM is needed" },
    };
    return ERR(e, faults[meaning].kind, "%s", faults[meaning].text);
}

/* The parser's word on a key of another kind, or one that is too long, is the better one. */
static bool tell(const struct err *why, struct err *e)
{
    return why->kind == ERR_SYNTAX ? refuse(MEANS_KEY, e) : ERR(e, why->kind, "%s", why->msg);
}

/* Base64 without armour: DER, or the bare octets of an Ed25519 key. */
static bool parse_bare(str text, struct crypto_key **out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct buf packed, der;
    buf_init(&packed, text.n);
    buf_init(&der, text.n);
    (void)buf_reserve(&packed, text.n); /* at once: what they grew out of would not be wiped */
    (void)buf_reserve(&der, text.n);
    for (size_t i = 0; i < text.n; i++) {
        if (!strchr(" \t\r\n", text.p[i]) || text.p[i] == '\0')
            (void)buf_add_byte(&packed, text.p[i]);
    }
    bool ok = packed.n > 0 && base64_decode(BASE64_STANDARD, buf_str(&packed), &der, NULL);
    if (!ok) {
        (void)refuse(MEANS_NOTHING, e);
    } else if (der.n == ED25519_SEED) {
        ok = crypto_key_parse_seed(buf_str(&der), out, e);
    } else if (!crypto_key_parse_private_der(buf_str(&der), out, &why)) {
        ok = why.kind == ERR_SYNTAX ? refuse(MEANS_NOTHING, e) : tell(&why, e);
    }
    secret_wipe_memory(packed.p, packed.cap);
    secret_wipe_memory(der.p, der.cap);
    buf_fini(&packed);
    buf_fini(&der);
    return ok;
}

static bool parse_pem(str text, struct crypto_key **out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct block block;
    struct block key = { .label = STR_EMPTY };
    enum meaning worst = MEANS_NOTHING;
    size_t keys = 0;
    while (next_block(&text, &block)) {
        enum meaning meaning = meaning_of(&block);
        if (meaning == MEANS_KEY) {
            key = block;
            keys++;
        } else if (meaning > worst) {
            worst = meaning;
        }
    }
    if (keys > 1)
        return ERR(e, ERR_SYNTAX, "several private keys; each goes alone");
    if (keys == 0)
        return refuse(worst, e);
    return crypto_key_parse_private(key.all, out, &why) || tell(&why, e);
}

bool crypto_key_file_parse(str text, struct crypto_key **out, struct err *e)
{
    if (text.n > CRYPTO_KEY_MAX)
        return ERR(e, ERR_LIMIT, "a file of more than %d octets is no key", CRYPTO_KEY_MAX);
    bool is_pem = str_find(text, STR("-----BEGIN ")) >= 0;
    if (!(is_pem ? parse_pem(text, out, e) : parse_bare(text, out, e)))
        return false;
    if (crypto_key_is_sound(*out))
        return true;
    crypto_key_free(out);
    return refuse(MEANS_KEY, e);
}
