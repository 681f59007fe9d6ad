/* SPDX-License-Identifier: Apache-2.0 */
/* The field as text, both ways. */
#include "mailauth/authres.h"

#include "base/address.h"
#include "base/base64.h"

enum {
    SHOWN_SIGNATURE = 8 /* characters of b= that tell signatures apart (RFC 6008) */
};

/* ---- writing ---- */

/* A value as token of MIME, address or quoted string (RFC 8601 section 2.2); octets that neither
 * can hold make it empty. */
static bool add_value(struct buf *out, str value)
{
    const str plain = STR("!#$%&'*+-.^_`{|}~@");
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

static bool add_one_spf(struct buf *out, const struct mailauth_verdict *v,
                        const struct mailauth_spf *spf)
{
    return add_method(out, "spf", spf->result, spf->problem) &&
           (spf->is_helo ? add_property(out, "smtp.helo", v->helo)
                         : add_property(out, "smtp.mailfrom", v->sender));
}

static bool add_spf(struct buf *out, const struct mailauth_verdict *v)
{
    bool has_more = v->spf_of_helo && v->spf_of_helo->result != MAILAUTH_NONE;
    return !v->spf ||
           (add_one_spf(out, v, v->spf) && (!has_more || add_one_spf(out, v, v->spf_of_helo)));
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
    /* A key that could not be asked for is a failure too, as far as others are told (RFC 8617
     * section 5.2.1); only a seal of ours does not make it last. */
    enum mailauth_result result = v->arc->result == MAILAUTH_PASS ? MAILAUTH_PASS : MAILAUTH_FAIL;
    return add_method(out, "arc", result, v->arc->problem) &&
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

/* Where the quoted string at the start of the text ends: its last quote; 0: nowhere. */
static size_t end_of_quoted(str text)
{
    for (size_t i = 1; i < text.n; i++) {
        if (text.p[i] == '"')
            return i;
        i += text.p[i] == '\\';
    }
    return 0;
}

/* The quoted string at the start of the text without its quotes. False when it does not end. Only
 * its own octets are taken from the arena: a field may have very many. */
static bool read_quoted(str *text, struct arena *a, str *out)
{
    size_t end = end_of_quoted(*text);
    char *p = arena_alloc(a, end + 1);
    size_t n = 0;
    if (end == 0)
        return false;
    for (size_t i = 1; i < end; i++) {
        if (text->p[i] == '\r' || text->p[i] == '\n')
            continue; /* a fold inside */
        i += text->p[i] == '\\';
        p[n++] = text->p[i];
    }
    *out = str_of(p, n);
    *text = str_skip(*text, end + 1);
    return true;
}

/* What a word ends before; a value may hold "=": local parts of forwarders and lists do. */
#define VALUE_ENDS " \t\r\n(;\""
#define WORD_ENDS  VALUE_ENDS "="

/* The next word up to one of `ends`, or quoted string. */
static bool read_until(str *text, str ends, struct arena *a, str *out)
{
    size_t n = 0;
    if (!mailauth_skip_cfws(text))
        return false;
    if (text->n && text->p[0] == '"')
        return read_quoted(text, a, out);
    while (n < text->n && str_find_byte(ends, text->p[n]) < 0)
        n++;
    *out = arena_str(a, str_slice(*text, 0, n));
    *text = str_skip(*text, n);
    return n > 0;
}

/* "name=value"; false, and nothing taken, when something else comes. */
static bool read_pair(str *text, struct arena *a, str *name, str *value)
{
    str rest = *text;
    if (!read_until(&rest, STR(WORD_ENDS), a, name) || !mailauth_skip_cfws(&rest) || !rest.n ||
        rest.p[0] != '=')
        return false;
    rest = str_skip(rest, 1);
    if (!read_until(&rest, STR(VALUE_ENDS), a, value))
        return false;
    *text = rest;
    return true;
}

static enum mailauth_result result_of(str word)
{
    for (int i = MAILAUTH_NONE; i <= MAILAUTH_PERMERROR; i++) {
        if (str_ieq(word, str_from_cstr(mailauth_result_name((enum mailauth_result)i))))
            return (enum mailauth_result)i;
    }
    return MAILAUTH_NONE;
}

static void add_signer(struct mailauth_told *told, str domain)
{
    for (size_t i = 0; i < told->n_signers; i++) {
        if (str_ieq(told->signers[i], domain))
            return;
    }
    if (told->n_signers < MAILAUTH_MAX_SIGNERS)
        told->signers[told->n_signers++] = domain;
}

static void take_property(struct mailauth_told *told, str method, enum mailauth_result result,
                          str name, str value)
{
    bool is_dkim = str_ieq(method, STR("dkim"));
    bool is_dmarc = str_ieq(method, STR("dmarc"));
    if (str_ieq(name, STR("smtp.mailfrom")) || str_ieq(name, STR("smtp.helo"))) {
        told->sender = address_domain_or_all(value);
    } else if (is_dmarc && str_ieq(name, STR("header.from"))) {
        told->author = value;
    } else if (is_dkim && result == MAILAUTH_PASS && str_ieq(name, STR("header.d"))) {
        add_signer(told, value);
    }
}

/* One "method=result" with what belongs to it. */
static bool take_result(str *text, struct arena *a, struct mailauth_told *told)
{
    str method, word, name, value;
    if (!read_pair(text, a, &method, &word))
        return false;
    enum mailauth_result result = result_of(word);
    bool is_spf = str_ieq(method, STR("spf"));
    bool is_dmarc = str_ieq(method, STR("dmarc"));
    bool is_again = (is_spf && told->has_spf) || (is_dmarc && told->n_dmarc > 0);
    told->n_dmarc += is_dmarc;
    if (is_spf && !is_again) {
        told->has_spf = true;
        told->spf = result;
    } else if (is_dmarc && !is_again) {
        told->dmarc = result;
    } else if (str_ieq(method, STR("dkim")) &&
               (told->dkim == MAILAUTH_NONE || result == MAILAUTH_PASS)) {
        told->dkim = result;
    }
    while (read_pair(text, a, &name, &value)) {
        if (!is_again)
            take_property(told, method, result, name, value);
    }
    return true;
}

static void read_results(str text, struct arena *a, struct mailauth_told *out)
{
    while (mailauth_skip_cfws(&text) && text.n && text.p[0] == ';') {
        text = str_skip(text, 1);
        if (!take_result(&text, a, out))
            return;
    }
}

bool mailauth_authres_find(str message, str authserv_id, struct arena *a, struct mailauth_told *out)
{
    struct mime_field_iter it;
    struct mime_field field;
    *out = (struct mailauth_told){ 0 };
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(field.name, STR("Return-Path")) || str_ieq(field.name, STR("Delivered-To")))
            continue;
        str body = str_trim(field.body);
        if (!str_ieq(field.name, STR("Authentication-Results")) ||
            !str_has_prefix(body, authserv_id))
            return false;
        body = str_skip(body, authserv_id.n);
        if (!body.n || body.p[0] != ';')
            return false;
        read_results(body, a, out);
        return true;
    }
    return false;
}

bool mailauth_authres_read_arc(str results, struct arena *a, struct mailauth_told *out)
{
    str name, instance, who, version;
    *out = (struct mailauth_told){ 0 };
    if (results.n > MIME_MAX_FIELD_BYTES || !read_pair(&results, a, &name, &instance) ||
        !str_ieq(name, STR("i")) || !mailauth_skip_cfws(&results) || !results.n ||
        results.p[0] != ';')
        return false;
    results = str_skip(results, 1);
    if (!read_until(&results, STR(WORD_ENDS), a, &who))
        return false;
    (void)read_until(&results, STR(WORD_ENDS), a, &version); /* of the field; mostly absent */
    read_results(results, a, out);
    /* The sender's words stand before the sealer's own: who says two things is not believed. */
    if (out->n_dmarc > 1)
        out->dmarc = MAILAUTH_NONE;
    return true;
}
