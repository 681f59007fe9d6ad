/* SPDX-License-Identifier: Apache-2.0 */
/* Key records: "v=DKIM1; k=rsa; p=..." (RFC 6376 section 3.6.1, RFC 8463). */
#include "mailauth/signature.h"

enum {
    RSA_BITS_MIN = 1024, /* RFC 8301 section 3.2 */
    RSA_BITS_MAX = 4096
};

/* Whether the list of words in a tag has the word, or is absent. */
static bool allows(const struct mailauth_tags *tags, str tag_name, str wanted, str any)
{
    const struct mailauth_tag *tag = mailauth_tags_find(tags, tag_name);
    str word;
    if (!tag)
        return true;
    str rest = tag->value;
    while (mailauth_next_word(&rest, ':', &word)) {
        if (str_ieq(word, wanted) || (any.n && str_eq(word, any)))
            return true;
    }
    return false;
}

static bool has_flag(const struct mailauth_tags *tags, str flag)
{
    const struct mailauth_tag *tag = mailauth_tags_find(tags, STR("t"));
    return tag && allows(tags, STR("t"), flag, STR_EMPTY);
}

static bool check_purpose(const struct mailauth_tags *tags,
                          const struct mailauth_signature *signature, struct err *e)
{
    const struct mailauth_tag *version = mailauth_tags_find(tags, STR("v"));
    if (version && (version != &tags->list[0] || !str_eq(version->value, STR("DKIM1"))))
        return ERR(e, ERR_SYNTAX, "no key record of DKIM1");
    const struct mailauth_tag *kind = mailauth_tags_find(tags, STR("k"));
    str wanted = signature->key_kind == CRYPTO_RSA ? STR("rsa") : STR("ed25519");
    if (!str_ieq(kind ? kind->value : STR("rsa"), wanted))
        return ERR(e, ERR_UNSUPPORTED, "a key of another kind");
    str hash = signature->hash_kind == CRYPTO_SHA256 ? STR("sha256") : STR("sha1");
    if (!allows(tags, STR("h"), hash, STR_EMPTY))
        return ERR(e, ERR_UNSUPPORTED, "a key for other hashes");
    if (!allows(tags, STR("s"), STR("email"), STR("*")))
        return ERR(e, ERR_UNSUPPORTED, "a key for another service");
    return true;
}

static bool parse_public(str text, enum crypto_key_kind kind, struct mailauth_keys *keys,
                         struct crypto_key **out, struct err *e)
{
    struct buf bytes;
    if (keys && (*out = mailauth_keys_find(keys, kind, text)))
        return true;
    buf_init(&bytes, CRYPTO_KEY_MAX);
    bool ok = mailauth_base64_decode(text, &bytes) || ERR(e, ERR_SYNTAX, "a key that is no base64");
    ok = ok && crypto_key_parse_public(kind, buf_str(&bytes), out, e);
    buf_fini(&bytes);
    if (!ok)
        return false;
    unsigned bits = crypto_key_bits(*out);
    if (kind == CRYPTO_RSA && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)) {
        crypto_key_free(out);
        return ERR(e, ERR_LIMIT, "an RSA key of %u bits", bits);
    }
    if (keys)
        mailauth_keys_keep(keys, kind, text, *out);
    return true;
}

bool mailauth_key_parse(str record, const struct mailauth_signature *signature,
                        struct mailauth_keys *keys, struct mailauth_key *out, struct err *e)
{
    struct mailauth_tags tags;
    *out = (struct mailauth_key){ 0 };
    while (str_has_suffix(record, STR(";"))) /* some panels add one to what has one */
        record = str_trim(str_slice(record, 0, record.n - 1));
    if (!mailauth_tags_parse(record, &tags, e) || !check_purpose(&tags, signature, e))
        return false;
    const struct mailauth_tag *key = mailauth_tags_find(&tags, STR("p"));
    if (!key)
        return ERR(e, ERR_SYNTAX, "no key (p=)");
    out->is_test = has_flag(&tags, STR("y"));
    out->is_strict = has_flag(&tags, STR("s"));
    return key->value.n == 0 || parse_public(key->value, signature->key_kind, keys, &out->key, e);
}
