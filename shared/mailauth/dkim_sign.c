/* SPDX-License-Identifier: Apache-2.0 */
/* Signing. The field is made with an empty b=, hashed like a verifier would, then filled in. */
#include "mailauth/dkim.h"

#include "base/base64.h"

enum {
    LINE_MAX = 76,         /* octets of a line of the field */
    NAMES_MAX = 32 * 1024, /* octets of h= */
    FIELD_MAX = 64 * 1024, /* octets of the whole field */
    REPEATS_MAX = 50       /* of one field name that are signed */
};

/* What is signed. Of these names one more is listed than is there. */
static const str oversigned[] = {
    STR_INIT("From"),         STR_INIT("To"),           STR_INIT("Cc"),
    STR_INIT("Subject"),      STR_INIT("Date"),         STR_INIT("Message-ID"),
    STR_INIT("Reply-To"),     STR_INIT("In-Reply-To"),  STR_INIT("References"),
    STR_INIT("MIME-Version"), STR_INIT("Content-Type"), STR_INIT("Content-Transfer-Encoding"),
};

/* Of these only what is there: a list that the message passes through may add its own. */
static const str signed_if_there[] = {
    STR_INIT("Sender"),           STR_INIT("Content-Disposition"),   STR_INIT("List-Id"),
    STR_INIT("List-Unsubscribe"), STR_INIT("List-Unsubscribe-Post"), STR_INIT("Auto-Submitted"),
};

static bool add_names(const struct mime_header *header, str name, bool once_more, struct buf *out)
{
    size_t n = mime_header_count(header, name);
    n = (n > REPEATS_MAX ? REPEATS_MAX : n) + (once_more ? 1 : 0);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = (out->n == 0 || buf_add_byte(out, ':')) && buf_add(out, name);
    return ok;
}

static bool list_names(const struct mime_header *header, struct buf *out)
{
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(oversigned); i++)
        ok = add_names(header, oversigned[i], true, out);
    for (size_t i = 0; ok && i < COUNT_OF(signed_if_there); i++)
        ok = add_names(header, signed_if_there[i], false, out);
    return ok;
}

/* Appends text, folded before the word or piece that would pass the end of the line. `line` is
 * where the present line begins. */
static bool add_folded(struct buf *out, size_t *line, str text, char sep)
{
    bool ok = true;
    while (ok && text.n) {
        ptrdiff_t at = sep ? str_find_byte(text, sep) : -1;
        size_t n = at < 0 ? text.n : (size_t)at + 1;
        size_t room = LINE_MAX - (out->n - *line < LINE_MAX ? out->n - *line : LINE_MAX);
        bool may_cut = sep == '\0';
        if (n > room && (!may_cut || room == 0) && out->n - *line > 1) {
            ok = buf_add(out, STR("\r\n\t"));
            *line = out->n - 1;
            continue;
        }
        if (may_cut && n > room)
            n = room;
        ok = buf_add(out, str_slice(text, 0, n));
        text = str_skip(text, n);
    }
    return ok;
}

static bool add_base64(struct buf *out, size_t *line, str bytes)
{
    struct buf text;
    buf_init(&text, FIELD_MAX);
    bool ok =
        base64_encode(BASE64_STANDARD, bytes, &text) && add_folded(out, line, buf_str(&text), '\0');
    buf_fini(&text);
    return ok;
}

static bool add_tag(struct buf *out, size_t *line, str tag)
{
    if (out->n - *line + tag.n + 1 <= LINE_MAX)
        return buf_add_byte(out, ' ') && buf_add(out, tag);
    bool ok = buf_add(out, STR("\r\n\t")) && buf_add(out, tag);
    *line = out->n - tag.n - 1;
    return ok;
}

struct signing_one {
    const struct mailauth_message *message;
    const struct mailauth_signing *signing;
    const struct mailauth_signer *signer;
    const uint8_t *body_hash;
    str names;
};

/* The field up to and with "b=". */
static bool format_field(const struct signing_one *s, struct arena *a, size_t *line,
                         struct buf *out)
{
    const struct mailauth_signing *signing = s->signing;
    const int64_t expires_at = signing->now_s + signing->lifetime_s;
    bool is_rsa = crypto_key_kind(s->signer->key) == CRYPTO_RSA;
    const str tags[] = {
        arena_printf(a, "a=%s;", is_rsa ? "rsa-sha256" : "ed25519-sha256"),
        STR("c=relaxed/relaxed;"),
        arena_printf(a, "d=%.*s;", STR_FMT(s->signer->domain)),
        arena_printf(a, "s=%.*s;", STR_FMT(s->signer->selector)),
        arena_printf(a, "t=%lld;", (long long)signing->now_s),
        arena_printf(a, "x=%lld;", (long long)expires_at),
    };
    bool ok = buf_add(out, STR("DKIM-Signature: v=1;"));
    for (size_t i = 0; ok && i < COUNT_OF(tags) - (signing->lifetime_s ? 0 : 1); i++)
        ok = add_tag(out, line, tags[i]);
    ok = ok && add_tag(out, line, STR("h=")) && add_folded(out, line, s->names, ':') &&
         buf_add_byte(out, ';') && add_tag(out, line, STR("bh="));
    ok = ok && add_base64(out, line, str_of((const char *)s->body_hash, CRYPTO_SHA256_SIZE)) &&
         buf_add_byte(out, ';');
    return ok && add_tag(out, line, STR("b="));
}

/* The hash that is signed: the fields, then the field itself as it stands. */
static void hash_header(const struct signing_one *s, str own, uint8_t hash[CRYPTO_HASH_MAX])
{
    ptrdiff_t colon = str_find_byte(own, ':');
    struct mime_field field = { .name = str_slice(own, 0, (size_t)colon),
                                .body = str_skip(own, (size_t)colon + 1),
                                .raw = own };
    struct mailauth_signature signature = { .names = s->names, .header_canon = MAILAUTH_RELAXED };
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    mailauth_signature_add_fields(h, &signature, &s->message->header);
    mailauth_canon_add_own_field(h, MAILAUTH_RELAXED, &field, STR_EMPTY);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
}

static bool sign_one(const struct signing_one *s, struct buf *field, struct err *e)
{
    uint8_t hash[CRYPTO_HASH_MAX];
    struct arena a;
    struct buf bytes;
    size_t line = 0;
    arena_init(&a);
    buf_init(&bytes, CRYPTO_SIGNATURE_MAX);
    bool ok = format_field(s, &a, &line, field) || ERR(e, ERR_LIMIT, "a signature field too long");
    if (ok)
        hash_header(s, buf_str(field), hash);
    ok = ok && crypto_signature_make(s->signer->key, CRYPTO_SHA256, hash, &bytes, e);
    if (ok && !(add_base64(field, &line, buf_str(&bytes)) && buf_add(field, STR("\r\n"))))
        ok = ERR(e, ERR_LIMIT, "a signature field too long");
    buf_fini(&bytes);
    arena_fini(&a);
    return ok;
}

bool mailauth_dkim_sign(const struct mailauth_message *message,
                        const struct mailauth_signing *signing, struct buf *out, struct err *e)
{
    uint8_t body_hash[CRYPTO_HASH_MAX];
    struct buf names;
    struct buf field;
    if (!mime_header_find(&message->header, STR("From"), 0))
        return ERR(e, ERR_SYNTAX, "a message without From is not signed");
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    const struct mailauth_body body = { message->body, message->turn };
    (void)mailauth_canon_add_body(h, MAILAUTH_RELAXED, &body, UINT64_MAX);
    crypto_hash_finish(h, body_hash);
    crypto_hash_free(&h);
    buf_init(&names, NAMES_MAX);
    buf_init(&field, FIELD_MAX);
    bool ok = list_names(&message->header, &names) || ERR(e, ERR_LIMIT, "too many fields to sign");
    for (size_t i = 0; ok && i < signing->n; i++) {
        const struct signing_one one = { .message = message,
                                         .signing = signing,
                                         .signer = &signing->signers[i],
                                         .body_hash = body_hash,
                                         .names = buf_str(&names) };
        buf_clear(&field);
        ok = sign_one(&one, &field, e) &&
             (buf_add(out, buf_str(&field)) || ERR(e, ERR_LIMIT, "no room for signatures"));
    }
    buf_fini(&names);
    buf_fini(&field);
    return ok;
}
