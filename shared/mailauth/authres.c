/* SPDX-License-Identifier: Apache-2.0 */
/* The field as text, both ways. */
#include "mailauth/authres.h"

#include "base/base64.h"

enum {
    SHOWN_SIGNATURE = 8, /* characters of b= that tell signatures apart (RFC 6008) */
    COMMENT_DEPTH = 32
};

/* ---- writing ---- */

/* A value as token or quoted string; octets that neither can hold make it empty. */
static bool add_value(struct buf *out, str value)
{
    const str plain = STR("!#$%&'*+-./^_`{|}~@:");
    bool is_plain = value.n > 0;
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c < ' ' || c == 0x7f)
            return buf_add(out, STR("\"\""));
        is_plain &= ascii_is_alnum((char)c) || c > 127 || str_find_byte(plain, (char)c) >= 0;
    }
    if (is_plain)
        return buf_add(out, value);
    bool ok = buf_add_byte(out, '"');
    for (size_t i = 0; ok && i < value.n; i++) {
        char c = value.p[i];
        ok = (c != '"' && c != '\\') || buf_add_byte(out, '\\');
        ok = ok && buf_add_byte(out, c);
    }
    return ok && buf_add_byte(out, '"');
}

static bool add_property(struct buf *out, const char *name, str value)
{
    return value.n == 0 || (buf_addf(out, " %s=", name) && add_value(out, value));
}

/* ";\r\n\tmethod=result", and why. */
static bool add_method(struct buf *out, const char *method, enum mailauth_result result,
                       const char *problem)
{
    bool ok = buf_addf(out, ";\r\n\t%s=%s", method, mailauth_result_name(result));
    if (!problem)
        return ok;
    return ok && buf_add(out, STR(" reason=")) && add_value(out, str_from_cstr(problem));
}

static bool add_iprev(struct buf *out, const struct mailauth_verdict *v)
{
    char text[NET_ADDRESS_TEXT];
    if (v->iprev.result == MAILAUTH_NONE)
        return true;
    return add_method(out, "iprev", v->iprev.result, NULL) &&
           add_property(out, "policy.iprev", net_address_ip(v->client, text));
}

static bool add_spf(struct buf *out, const struct mailauth_verdict *v)
{
    if (!v->spf)
        return true;
    return add_method(out, "spf", v->spf->result, v->spf->problem) &&
           (v->spf->is_helo ? add_property(out, "smtp.helo", v->helo)
                            : add_property(out, "smtp.mailfrom", v->sender));
}

static bool add_dkim(struct buf *out, const struct mailauth_dkim *d)
{
    const struct mailauth_signature *s = &d->signature;
    struct buf text;
    bool ok = add_method(out, "dkim", d->result, d->problem);
    if (d->key_bits)
        ok = ok && buf_addf(out, " (%u-bit key)", d->key_bits);
    ok = ok && add_property(out, "header.d", s->domain) &&
         add_property(out, "header.s", s->selector);
    if (!s->bytes.n)
        return ok;
    buf_init(&text, base64_encoded_size(BASE64_STANDARD, s->bytes.n));
    ok = ok && base64_encode(BASE64_STANDARD, s->bytes, &text) &&
         add_property(out, "header.a",
                      s->key_kind == CRYPTO_RSA ? STR("rsa-sha256") : STR("ed25519-sha256")) &&
         add_property(out, "header.b", str_slice(buf_str(&text), 0, SHOWN_SIGNATURE));
    buf_fini(&text);
    return ok;
}

static bool add_all_dkim(struct buf *out, const struct mailauth_verdict *v)
{
    bool ok = true;
    if (!v->dkim)
        return true;
    for (size_t i = 0; ok && i < v->dkim->n; i++)
        ok = add_dkim(out, &v->dkim->list[i]);
    return ok && (v->dkim->n > 0 || add_method(out, "dkim", MAILAUTH_NONE, NULL));
}

static bool add_dmarc(struct buf *out, const struct mailauth_verdict *v)
{
    const struct mailauth_dmarc *d = v->dmarc;
    if (!d)
        return true;
    bool ok = add_method(out, "dmarc", d->result, d->problem);
    if (d->policy_domain.n)
        ok = ok && buf_addf(out, " (p=%s)", mailauth_dmarc_policy_name(d->declared));
    return ok && add_property(out, "header.from", d->author);
}

static bool add_arc(struct buf *out, const struct mailauth_verdict *v)
{
    if (!v->arc || v->arc->result == MAILAUTH_NONE)
        return true;
    return add_method(out, "arc", v->arc->result, v->arc->problem) &&
           add_property(out, "header.d", v->arc->domain);
}

bool mailauth_authres_format(str authserv_id, const struct mailauth_verdict *verdict,
                             struct buf *out)
{
    size_t before = out->n;
    bool ok = buf_add(out, STR("Authentication-Results: ")) && add_value(out, authserv_id);
    size_t named = out->n;
    ok = ok && add_iprev(out, verdict) && add_spf(out, verdict) && add_all_dkim(out, verdict) &&
         add_dmarc(out, verdict) && add_arc(out, verdict);
    ok = ok && (out->n > named || buf_add(out, STR("; none"))) && buf_add(out, STR("\r\n"));
    if (!ok)
        buf_truncate(out, before);
    return ok;
}

/* ---- reading ---- */

/* Behind white space, folds and comments at the start of the text. False for a comment that does
 * not end. */
static bool skip_cfws(str *text)
{
    unsigned depth = 0;
    size_t i = 0;
    for (; i < text->n; i++) {
        char c = text->p[i];
        bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (c == '(' && ++depth > COMMENT_DEPTH)
            return false;
        if (depth == 0 && !is_space)
            break;
        if (depth && c == '\\')
            i++;
        if (depth && c == ')')
            depth--;
    }
    *text = str_skip(*text, i);
    return depth == 0;
}

/* The quoted string at the start of the text, compared while it is read. */
static bool quoted_is(str text, str wanted)
{
    size_t n = 0;
    bool same = true;
    for (size_t i = 1; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"')
            return same && n == wanted.n;
        if (c == '\r' || c == '\n')
            continue; /* a fold inside */
        if (c == '\\' && i + 1 < text.n)
            c = text.p[++i];
        same &= n < wanted.n && ascii_lower(c) == ascii_lower(wanted.p[n]);
        n++;
    }
    return true; /* it does not end: unreadable */
}

bool mailauth_authres_is_ours(str body, str authserv_id)
{
    if (!skip_cfws(&body))
        return true;
    if (body.n && body.p[0] == '"')
        return quoted_is(body, authserv_id);
    size_t n = 0;
    while (n < body.n && str_find_byte(STR(" \t\r\n(;"), body.p[n]) < 0)
        n++;
    return n == 0 || str_ieq(str_slice(body, 0, n), authserv_id);
}

bool mailauth_authres_strip(str message, str authserv_id, struct buf *out, struct err *e)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t kept = 0; /* up to where it is written */
    bool ok = true;
    mime_field_iter_init(&it, message);
    while (ok && mime_field_iter_next(&it, &field)) {
        if (!str_ieq(str_trim(field.name), STR("Authentication-Results")) ||
            !mailauth_authres_is_ours(field.body, authserv_id))
            continue;
        ok = buf_add(out, str_slice(message, kept, field.offset - kept));
        kept = field.offset + field.raw.n;
    }
    return (ok && buf_add(out, str_skip(message, kept))) ||
           ERR(e, ERR_LIMIT, "no room for the message");
}
