/* SPDX-License-Identifier: Apache-2.0 */
/* Trace fields of RFC 5321 4.4. Pure. Not for the rest of the header. */
#include "wire/smtp_trace.h"

#include "mime/date.h"
#include "mime/header.h"

enum {
    NAME_MAX_OCTETS = 256 /* a longer one is no host's */
};

/* What stands behind "with": "ESMTPSA", "UTF8LMTP" (RFC 3848, RFC 6531 4.3). */
static bool add_protocol(const struct smtp_trace *t, struct buf *out)
{
    if (!t->is_esmtp)
        return buf_add(out, STR("SMTP"));
    const char *name = t->is_utf8 ? "UTF8SMTP" : "ESMTP";
    if (t->is_lmtp)
        name = t->is_utf8 ? "UTF8LMTP" : "LMTP";
    return buf_addf(out, "%s%s%s", name, t->tls_version.n > 0 ? "S" : "", t->is_auth ? "A" : "");
}

static bool add_from(const struct smtp_trace *t, struct buf *out)
{
    if (t->helo.n == 0)
        return buf_add(out, STR("Received: "));
    bool is_v6 = str_find_byte(t->peer_ip, ':') >= 0;
    bool good = buf_add(out, STR("Received: from ")) && buf_add(out, t->helo);
    if (t->peer_ip.n > 0)
        good = good && buf_addf(out, " ([%s%.*s])", is_v6 ? "IPv6:" : "", STR_FMT(t->peer_ip));
    return good && buf_add(out, STR("\r\n\t"));
}

bool smtp_trace_received(const struct smtp_trace *t, struct buf *out)
{
    bool good = add_from(t, out) && buf_addf(out, "by %.*s with ", STR_FMT(t->hostname)) &&
                add_protocol(t, out) && buf_addf(out, " id %.*s", STR_FMT(t->session));
    if (t->tls_version.n > 0) {
        good = good &&
               buf_addf(out, "\r\n\t(%.*s %.*s)", STR_FMT(t->tls_version), STR_FMT(t->tls_cipher));
    }
    if (t->recipient.n > 0)
        good = good && buf_addf(out, "\r\n\tfor <%.*s>", STR_FMT(t->recipient));
    return good && buf_add(out, STR(";\r\n\t")) && mime_date_format(t->at_utc, 0, out) &&
           buf_add(out, STR("\r\n"));
}

bool smtp_trace_delivery(str sender, str recipient, struct buf *out)
{
    return buf_addf(out, "Return-Path: <%.*s>\r\n", STR_FMT(sender)) &&
           (recipient.n == 0 || buf_addf(out, "Delivered-To: %.*s\r\n", STR_FMT(recipient)));
}

size_t smtp_trace_hops(str message)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t hops = 0;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(str_trim(field.name), STR("Received")))
            hops++;
    }
    return hops;
}

static str bare_address(str body)
{
    str address = str_trim(body);
    if (address.n >= 2 && address.p[0] == '<' && address.p[address.n - 1] == '>')
        address = str_trim(str_slice(address, 1, address.n - 2));
    return address;
}

size_t smtp_trace_delivered(str message, str *out, size_t max)
{
    struct mime_field_iter it;
    struct mime_field field;
    size_t n = 0;
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field)) {
        if (!str_ieq(str_trim(field.name), STR("Delivered-To")))
            continue;
        if (n < max)
            out[n] = bare_address(field.body);
        n++;
    }
    return n;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skips a comment with those inside it; an open one takes all. */
static str skip_comment(str s)
{
    size_t depth = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\') {
            i++;
        } else if (s.p[i] == '(') {
            depth++;
        } else if (s.p[i] == ')' && --depth == 0) {
            return str_skip(s, i + 1);
        }
    }
    return STR_EMPTY;
}

static str skip_cfws(str s)
{
    while (s.n > 0 && (is_space(s.p[0]) || s.p[0] == '('))
        s = s.p[0] == '(' ? skip_comment(s) : str_skip(s, 1);
    return s;
}

/* Whether a name is the host's or one below it, in any case, with or without the dot of the root.
 */
static bool is_within(str name, str hostname)
{
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    if (name.n <= hostname.n)
        return str_ieq(name, hostname);
    size_t dot = name.n - hostname.n - 1;
    return name.p[dot] == '.' && str_ieq(str_skip(name, dot + 1), hostname);
}

/* Whether the quoted string at the start of the text names the host; also one that does not end,
 * for who knows how a reader reads it. */
static bool quoted_is(str text, str hostname)
{
    char name[NAME_MAX_OCTETS];
    size_t n = 0;
    for (size_t i = 1; i < text.n; i++) {
        char c = text.p[i];
        if (c == '"')
            return n <= sizeof(name) && is_within(str_of(name, n), hostname);
        if (c == '\r' || c == '\n')
            continue; /* a fold inside */
        if (c == '\\' && i + 1 < text.n)
            c = text.p[++i];
        if (n < sizeof(name))
            name[n] = c;
        n += n <= sizeof(name);
    }
    return true;
}

/* Whether the body of an Authentication-Results field begins with our authserv-id. */
static bool names_us(str body, str hostname)
{
    str s = skip_cfws(body);
    size_t n = 0;
    if (s.n > 0 && s.p[0] == '"')
        return quoted_is(s, hostname);
    while (n < s.n && !is_space(s.p[n]) && s.p[n] != ';' && s.p[n] != '(' && s.p[n] != '/')
        n++;
    return is_within(str_slice(s, 0, n), hostname);
}

bool smtp_trace_is_forged(str name, str body, str hostname)
{
    str trimmed = str_trim(name);
    if (str_ieq(trimmed, STR("Return-Path")) || str_has_iprefix(trimmed, STR("X-Spam-")) ||
        str_ieq(trimmed, STR("X-Spam")))
        return true;
    return str_ieq(trimmed, STR("Authentication-Results")) && names_us(body, hostname);
}

static bool is_named(const struct mime_field *field, const str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ieq(str_trim(field->name), names[i]))
            return true;
    }
    return false;
}

str smtp_trace_strip(str message, str hostname, const str *names, size_t n, struct arena *a)
{
    struct mime_field_iter it;
    struct mime_field field;
    char *copy = NULL;
    size_t copied = 0;
    size_t taken = 0; /* message before it is in `copy`, or was left out */
    mime_field_iter_init(&it, message);
    while (mime_field_iter_next(&it, &field)) {
        if (!smtp_trace_is_forged(field.name, field.body, hostname) && !is_named(&field, names, n))
            continue;
        if (!copy)
            copy = arena_alloc(a, message.n);
        memcpy(copy + copied, message.p + taken, field.offset - taken);
        copied += field.offset - taken;
        taken = field.offset + field.raw.n;
    }
    if (!copy)
        return message;
    memcpy(copy + copied, message.p + taken, message.n - taken);
    return str_of(copy, copied + message.n - taken);
}
