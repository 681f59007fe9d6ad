/* SPDX-License-Identifier: Apache-2.0 */
/* Fields with signatures as text: tags, folds, names to sign. */
#include "mailauth/signing.h"

#include "base/base64.h"

enum {
    LINE_MAX = 76,   /* octets of a line of the field */
    REPEATS_MAX = 50 /* of one field name that are signed */
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

bool mailauth_signing_names(const struct mime_header *header, bool with_signatures, struct buf *out)
{
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(oversigned); i++)
        ok = add_names(header, oversigned[i], true, out);
    for (size_t i = 0; ok && i < COUNT_OF(signed_if_there); i++)
        ok = add_names(header, signed_if_there[i], false, out);
    return ok && (!with_signatures || add_names(header, STR("DKIM-Signature"), false, out));
}

void mailauth_signing_body(const struct mailauth_message *message, uint8_t hash[CRYPTO_HASH_MAX])
{
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    const struct mailauth_body body = { message->body, message->turn };
    (void)mailauth_canon_add_body(h, MAILAUTH_RELAXED, &body, UINT64_MAX);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
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
    buf_init(&text, MAILAUTH_SIGNING_FIELD_MAX);
    bool ok =
        base64_encode(BASE64_STANDARD, bytes, &text) && add_folded(out, line, buf_str(&text), '\0');
    buf_fini(&text);
    return ok;
}

static bool add_tag(struct buf *out, size_t *line, str tag)
{
    if (tag.n == 0)
        return true;
    if (out->n - *line + tag.n + 1 <= LINE_MAX)
        return buf_add_byte(out, ' ') && buf_add(out, tag);
    bool ok = buf_add(out, STR("\r\n\t")) && buf_add(out, tag);
    *line = out->n - tag.n - 1;
    return ok;
}

/* What the signature covers: h= and bh=. */
static bool add_content(const struct mailauth_unsigned *u, struct buf *out, size_t *line)
{
    const str body_hash = str_of((const char *)u->body_hash, CRYPTO_SHA256_SIZE);
    return add_tag(out, line, STR("h=")) && add_folded(out, line, u->names, ':') &&
           buf_add_byte(out, ';') && add_tag(out, line, STR("bh=")) &&
           add_base64(out, line, body_hash) && buf_add_byte(out, ';');
}

bool mailauth_signing_begin(const struct mailauth_unsigned *u, struct buf *out, size_t *line)
{
    struct arena a;
    bool is_rsa = crypto_key_kind(u->signer->key) == CRYPTO_RSA;
    arena_init(&a);
    const str tags[] = {
        arena_printf(&a, "a=%s;", is_rsa ? "rsa-sha256" : "ed25519-sha256"),
        u->names.n ? STR("c=relaxed/relaxed;") : STR_EMPTY,
        arena_printf(&a, "d=%.*s;", STR_FMT(u->signer->domain)),
        arena_printf(&a, "s=%.*s;", STR_FMT(u->signer->selector)),
        arena_printf(&a, "t=%lld;", (long long)u->now_s),
        u->more,
    };
    *line = out->n;
    bool ok = buf_add(out, u->start);
    for (size_t i = 0; ok && i < COUNT_OF(tags); i++)
        ok = add_tag(out, line, tags[i]);
    ok = ok && (u->names.n == 0 || add_content(u, out, line)) && add_tag(out, line, STR("b="));
    arena_fini(&a);
    return ok;
}

struct mime_field mailauth_signing_field(str text)
{
    size_t colon = (size_t)str_find_byte(text, ':');
    bool has_end = str_has_suffix(text, STR("\r\n"));
    return (struct mime_field){
        .name = str_slice(text, 0, colon),
        .body = str_slice(text, colon + 1, text.n - colon - 1 - (has_end ? 2 : 0)),
        .raw = text,
    };
}

bool mailauth_signing_end(const struct mailauth_signer *signer, const uint8_t *hash,
                          struct buf *out, size_t *line, struct err *e)
{
    struct buf bytes;
    buf_init(&bytes, CRYPTO_SIGNATURE_MAX);
    bool ok = crypto_signature_make(signer->key, CRYPTO_SHA256, hash, &bytes, e);
    if (ok && !(add_base64(out, line, buf_str(&bytes)) && buf_add(out, STR("\r\n"))))
        ok = ERR(e, ERR_LIMIT, "a signature field too long");
    buf_fini(&bytes);
    return ok;
}

/* The hash that is signed: the fields, then the field itself as it stands. */
static void hash_header(const struct mime_header *header, str names, str own,
                        uint8_t hash[CRYPTO_HASH_MAX])
{
    const struct mime_field field = mailauth_signing_field(own);
    const struct mailauth_signature signature = { .names = names,
                                                  .header_canon = MAILAUTH_RELAXED };
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    mailauth_signature_add_fields(h, &signature, header);
    mailauth_canon_add_own_field(h, MAILAUTH_RELAXED, &field, STR_EMPTY);
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
}

bool mailauth_signing_message(const struct mime_header *header, const struct mailauth_unsigned *u,
                              struct buf *out, struct err *e)
{
    uint8_t hash[CRYPTO_HASH_MAX];
    size_t start = out->n;
    size_t line;
    if (!mailauth_signing_begin(u, out, &line))
        return ERR(e, ERR_LIMIT, "a signature field too long");
    hash_header(header, u->names, str_skip(buf_str(out), start), hash);
    return mailauth_signing_end(u->signer, hash, out, &line, e);
}
