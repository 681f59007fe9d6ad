/* SPDX-License-Identifier: Apache-2.0 */
/* Signature fields: tags to values, and the choice of the fields that are signed. */
#include "mailauth/signature.h"

#include "base/address.h"

enum {
    SHA256_BYTES = CRYPTO_SHA256_SIZE,
    DOMAIN_MAX = 253,
    SELECTOR_MAX = 190,
    IDENTITY_MAX = 512,
    ARC_MAX_INSTANCE = 50, /* RFC 8617 section 4.2.1 */
    INSTANCE_DIGITS = 2,   /* the same */
    TIME_DIGITS = 12       /* RFC 6376 section 3.5 "t=" */
};

static const struct {
    str name;
    enum crypto_key_kind key;
    enum crypto_hash_kind hash;
} algorithms[] = {
    { STR_INIT("rsa-sha256"), CRYPTO_RSA, CRYPTO_SHA256 },
    { STR_INIT("ed25519-sha256"), CRYPTO_ED25519, CRYPTO_SHA256 },
};

static bool parse_algorithm(const struct mailauth_tags *tags, struct mailauth_signature *out,
                            struct err *e)
{
    str name = mailauth_tags_get(tags, STR("a"));
    for (size_t i = 0; i < COUNT_OF(algorithms); i++) {
        if (!str_ieq(name, algorithms[i].name))
            continue;
        out->key_kind = algorithms[i].key;
        out->hash_kind = algorithms[i].hash;
        return true;
    }
    if (name.n == 0)
        return ERR(e, ERR_SYNTAX, "no algorithm (a=)");
    if (str_ieq(name, STR("rsa-sha1")))
        return ERR(e, ERR_SYNTAX, "rsa-sha1 proves nothing any more");
    return ERR(e, ERR_UNSUPPORTED, "algorithm %.*s", STR_FMT(str_slice(name, 0, 32)));
}

static bool parse_one_canon(str name, enum mailauth_canon *out)
{
    *out = str_ieq(name, STR("relaxed")) ? MAILAUTH_RELAXED : MAILAUTH_SIMPLE;
    return *out == MAILAUTH_RELAXED || str_ieq(name, STR("simple"));
}

static bool parse_canon(const struct mailauth_tags *tags, struct mailauth_signature *out,
                        struct err *e)
{
    const struct mailauth_tag *tag = mailauth_tags_find(tags, STR("c"));
    str value = tag ? tag->value : STR("simple"); /* an empty one is a word that is none */
    str header, body;
    if (!str_cut(value, '/', &header, &body))
        body = STR("simple");
    if (parse_one_canon(header, &out->header_canon) && parse_one_canon(body, &out->body_canon))
        return true;
    return ERR(e, ERR_UNSUPPORTED, "canonicalization %.*s", STR_FMT(str_slice(value, 0, 32)));
}

static bool decode(struct arena *a, str text, size_t max, str *out)
{
    struct buf bytes;
    buf_init(&bytes, max);
    bool ok = mailauth_base64_decode(text, &bytes) && bytes.n > 0;
    *out = arena_str(a, buf_str(&bytes));
    buf_fini(&bytes);
    return ok;
}

/* A dot-separated name of at most `max` octets; labels of 1 to 63 letters, digits, '-' and '_', or
 * octets of UTF-8. */
static bool is_domain(str name, size_t max)
{
    size_t label = 0;
    if (name.n == 0 || name.n > max)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_letter = ascii_is_alnum(c) || c == '-' || c == '_' || (unsigned char)c > 127;
        if (c == '.' ? label == 0 : !is_letter)
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0;
}

static bool parse_names_of_signer(struct arena *a, const struct mailauth_tags *tags,
                                  struct mailauth_signature *out, struct err *e)
{
    str domain = mailauth_tags_get(tags, STR("d"));
    out->selector = mailauth_tags_get(tags, STR("s"));
    if (!is_domain(domain, DOMAIN_MAX))
        return ERR(e, ERR_SYNTAX, "no domain (d=)");
    if (!is_domain(out->selector, SELECTOR_MAX))
        return ERR(e, ERR_SYNTAX, "no selector (s=)");
    out->domain = arena_lower(a, domain);
    return true;
}

/* Seconds of t= and x=. */
static bool parse_time(const struct mailauth_tags *tags, str name, bool *has, int64_t *at,
                       struct err *e)
{
    const struct mailauth_tag *tag = mailauth_tags_find(tags, name);
    uint64_t seconds = 0;
    *has = tag != NULL;
    if (!tag)
        return true;
    if (tag->value.n > TIME_DIGITS || !str_to_uint(tag->value, INT64_MAX, &seconds))
        return ERR(e, ERR_SYNTAX, "no time (%.*s=)", STR_FMT(name));
    *at = (int64_t)seconds;
    return true;
}

static bool parse_times(const struct mailauth_tags *tags, struct mailauth_signature *out,
                        struct err *e)
{
    if (!parse_time(tags, STR("t"), &out->has_time, &out->at, e) ||
        !parse_time(tags, STR("x"), &out->has_expiry, &out->expires_at, e))
        return false;
    if (out->has_time && out->has_expiry && out->expires_at <= out->at)
        return ERR(e, ERR_SYNTAX, "it expires before it was made (x=, t=)");
    return true;
}

/* What is signed: h=, bh=, l=, c=. */
static bool parse_content(struct arena *a, const struct mailauth_tags *tags,
                          struct mailauth_signature *out, struct err *e)
{
    out->names = mailauth_tags_get(tags, STR("h"));
    str rest = out->names;
    str name;
    while (mailauth_next_word(&rest, ':', &name)) {
        if (++out->n_names > MAILAUTH_MAX_SIGNED)
            return ERR(e, ERR_LIMIT, "more than %d names in h=", MAILAUTH_MAX_SIGNED);
    }
    if (!mailauth_tags_find(tags, STR("h")))
        return ERR(e, ERR_SYNTAX, "no signed fields (h=)");
    if (!decode(a, mailauth_tags_get(tags, STR("bh")), SHA256_BYTES, &out->body_hash) ||
        out->body_hash.n != crypto_hash_size(out->hash_kind))
        return ERR(e, ERR_SYNTAX, "no hash of the body (bh=)");
    const struct mailauth_tag *length = mailauth_tags_find(tags, STR("l"));
    out->has_length = length != NULL;
    if (length && !str_to_uint(length->value, INT64_MAX, &out->length))
        return ERR(e, ERR_SYNTAX, "no length (l=)");
    return parse_canon(tags, out, e);
}

static bool parse_dkim(struct arena *a, const struct mailauth_tags *tags,
                       struct mailauth_signature *out, struct err *e)
{
    str version = mailauth_tags_get(tags, STR("v"));
    if (!str_eq(version, STR("1")))
        return ERR(e, version.n ? ERR_UNSUPPORTED : ERR_SYNTAX, "no version 1 (v=)");
    const struct mailauth_tag *identity = mailauth_tags_find(tags, STR("i"));
    out->identity = identity ? identity->value : arena_printf(a, "@%.*s", STR_FMT(out->domain));
    str local;
    str domain;
    if (out->identity.n > IDENTITY_MAX || !address_split(out->identity, &local, &domain) ||
        !mailauth_domain_is_within(domain, out->domain))
        return ERR(e, ERR_SYNTAX, "the identity (i=) is not below the domain (d=)");
    const struct mailauth_tag *query = mailauth_tags_find(tags, STR("q"));
    str rest = query ? query->value : STR("dns/txt");
    str method;
    bool knows = false;
    while (mailauth_next_word(&rest, ':', &method))
        knows |= str_ieq(method, STR("dns/txt")) || str_ieq(method, STR("dns"));
    if (!knows)
        return ERR(e, ERR_UNSUPPORTED, "no known way to the key (q=)");
    if (!mailauth_signature_covers(out, STR("From")))
        return ERR(e, ERR_SYNTAX, "From is not signed");
    return true;
}

unsigned mailauth_instance_parse(str *text)
{
    unsigned instance = 0;
    size_t n = 0;
    if (!mailauth_skip_cfws(text))
        return 0;
    for (; n < text->n && ascii_is_digit(text->p[n]); n++) {
        if (n == INSTANCE_DIGITS)
            return 0;
        instance = instance * 10 + (unsigned)(text->p[n] - '0');
    }
    *text = str_skip(*text, n);
    return mailauth_skip_cfws(text) ? instance : 0;
}

static bool parse_instance(const struct mailauth_tags *tags, struct mailauth_signature *out,
                           struct err *e)
{
    str value = mailauth_tags_get(tags, STR("i"));
    out->instance = mailauth_instance_parse(&value);
    if (value.n == 0 && out->instance > 0 && out->instance <= ARC_MAX_INSTANCE)
        return true;
    out->instance = 0;
    return ERR(e, ERR_SYNTAX, "no instance from 1 to %d (i=)", ARC_MAX_INSTANCE);
}

static bool parse_arc_message(const struct mailauth_signature *out, struct err *e)
{
    if (mailauth_signature_covers(out, STR("ARC-Seal")))
        return ERR(e, ERR_SYNTAX, "a seal is signed (RFC 8617 section 4.1.2)");
    return true;
}

static bool parse_seal(const struct mailauth_tags *tags, struct mailauth_signature *out,
                       struct err *e)
{
    out->header_canon = MAILAUTH_RELAXED;
    out->chain = mailauth_tags_get(tags, STR("cv"));
    (void)mailauth_skip_cfws(&out->chain); /* else it is no word at all */
    return !mailauth_tags_find(tags, STR("h")) ||
           ERR(e, ERR_SYNTAX, "a seal with h= (RFC 8617 section 4.1.3)");
}

/* The tags; in the fields of ARC comments may stand around the first one, the instance. */
static bool parse_tags(enum mailauth_signature_form form, str body, struct mailauth_tags *tags,
                       struct mailauth_signature *out, struct err *e)
{
    bool is_arc = form != MAILAUTH_FORM_DKIM;
    if (is_arc && !mailauth_skip_cfws(&body))
        return ERR(e, ERR_SYNTAX, "a comment without an end");
    return mailauth_tags_parse(body, tags, e) && (!is_arc || parse_instance(tags, out, e));
}

bool mailauth_signature_parse(struct arena *a, enum mailauth_signature_form form,
                              const struct mime_field *field, struct mailauth_signature *out,
                              struct err *e)
{
    struct mailauth_tags tags;
    *out = (struct mailauth_signature){ .field = field };
    if (field->body.n > MIME_MAX_FIELD_BYTES)
        return ERR(e, ERR_LIMIT, "a signature of %zu octets", field->body.n);
    if (!parse_tags(form, field->body, &tags, out, e) || !parse_algorithm(&tags, out, e) ||
        !parse_names_of_signer(a, &tags, out, e) || !parse_times(&tags, out, e))
        return false;
    const struct mailauth_tag *bytes = mailauth_tags_find(&tags, STR("b"));
    if (!bytes || !decode(a, bytes->value, CRYPTO_SIGNATURE_MAX, &out->bytes))
        return ERR(e, ERR_SYNTAX, "no signature (b=)");
    out->hole = bytes->raw;
    switch (form) {
    case MAILAUTH_FORM_DKIM:
        return parse_content(a, &tags, out, e) && parse_dkim(a, &tags, out, e);
    case MAILAUTH_FORM_ARC_MESSAGE:
        return parse_content(a, &tags, out, e) && parse_arc_message(out, e);
    case MAILAUTH_FORM_ARC_SEAL:
        return parse_seal(&tags, out, e);
    }
    return false;
}

bool mailauth_signature_covers(const struct mailauth_signature *signature, str name)
{
    str rest = signature->names;
    str word;
    while (mailauth_next_word(&rest, ':', &word)) {
        if (str_ieq(word, name))
            return true;
    }
    return false;
}

/* The field that the occurrence number `skip` of a name means, counted from the bottom. The
 * signature's own was not there when it was made. */
static const struct mime_field *from_bottom(const struct mime_header *header,
                                            const struct mime_field *own, str name, size_t skip)
{
    if (name.n == 0)
        return NULL; /* lines that are no fields have no name */
    for (size_t i = header->n; i > 0; i--) {
        const struct mime_field *field = &header->fields[i - 1];
        if (field != own && str_ieq(str_trim(field->name), name) && skip-- == 0)
            return field;
    }
    return NULL;
}

/* How often `name` stands in `rest`, a beginning of h=. */
static size_t count_names(str rest, str name)
{
    str word;
    size_t n = 0;
    while (mailauth_next_word(&rest, ':', &word))
        n += str_ieq(word, name);
    return n;
}

void mailauth_signature_add_fields(struct crypto_hash *h,
                                   const struct mailauth_signature *signature,
                                   const struct mime_header *header)
{
    str rest = signature->names;
    str before = str_of(rest.p, 0);
    str word;
    while (mailauth_next_word(&rest, ':', &word)) {
        size_t skip = count_names(before, word);
        const struct mime_field *field = from_bottom(header, signature->field, word, skip);
        if (field)
            mailauth_canon_add_field(h, signature->header_canon, field);
        before.n = signature->names.n - rest.n;
    }
}
