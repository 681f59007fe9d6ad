/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, mailboxes and domains of the SMTP envelope, read strictly. Pure. Not for addresses in
 * message headers. */
#include "wire/smtp_path.h"

#include "base/idn.h"
#include "base/utf8.h"

#include <arpa/inet.h>

/* ---- single characters ---- */

static bool is_atext(char c)
{
    return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* UTF-8 is looked at as a whole, when the local part is known. */
static bool is_beyond_ascii(char c)
{
    return (unsigned char)c > 127;
}

static bool is_printable(char c)
{
    return (c >= ' ' && c <= '~') || is_beyond_ascii(c);
}

static bool starts_with(str s, char c)
{
    return s.n > 0 && s.p[0] == c;
}

/* ---- domains ---- */

static bool is_label(str label)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++) {
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
            return false;
    }
    return true;
}

bool smtp_is_domain(str s)
{
    if (s.n == 0 || s.n > SMTP_DOMAIN_MAX)
        return false;
    bool more = true;
    while (more) {
        str label;
        more = str_cut(s, '.', &label, &s);
        if (!is_label(label))
            return false;
    }
    return true;
}

bool smtp_is_address_literal(str s)
{
    char text[INET6_ADDRSTRLEN + 1];
    unsigned char ip[sizeof(struct in6_addr)];
    if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    str inner = str_slice(s, 1, s.n - 2);
    bool is_v6 = str_has_iprefix(inner, STR("IPv6:"));
    inner = str_skip(inner, is_v6 ? 5 : 0);
    if (inner.n == 0 || inner.n >= sizeof(text) || str_find_byte(inner, '\0') >= 0)
        return false;
    memcpy(text, inner.p, inner.n);
    text[inner.n] = '\0';
    return inet_pton(is_v6 ? AF_INET6 : AF_INET, text, ip) == 1;
}

/* The run of characters up to (not including) one of `stops`. */
static str take_until(str *cursor, const char *stops)
{
    size_t n = 0;
    while (n < cursor->n && (cursor->p[n] == '\0' || !strchr(stops, cursor->p[n])))
        n++;
    str taken = str_slice(*cursor, 0, n);
    *cursor = str_skip(*cursor, n);
    return taken;
}

static bool take_domain(str *cursor, struct arena *a, struct smtp_path *out)
{
    if (starts_with(*cursor, '[')) {
        str literal = take_until(cursor, "]");
        if (!starts_with(*cursor, ']'))
            return false;
        literal.n++;
        *cursor = str_skip(*cursor, 1);
        out->is_literal = true;
        out->domain = arena_lower(a, literal);
        return smtp_is_address_literal(literal);
    }
    str domain = take_until(cursor, ">,:@ ");
    if (utf8_is_ascii(domain)) {
        out->domain = arena_lower(a, domain);
    } else {
        out->is_utf8 = true;
        if (!idn_domain_to_ascii(a, domain, &out->domain, NULL))
            return false;
    }
    return smtp_is_domain(out->domain);
}

/* ---- local parts ---- */

/* Dot-string: atoms with dots between them. */
static bool take_dot_string(str *cursor, str *out)
{
    size_t n = 0;
    while (n < cursor->n &&
           (is_atext(cursor->p[n]) || cursor->p[n] == '.' || is_beyond_ascii(cursor->p[n])))
        n++;
    *out = str_slice(*cursor, 0, n);
    *cursor = str_skip(*cursor, n);
    return n > 0 && out->p[0] != '.' && out->p[n - 1] != '.' && str_find(*out, STR("..")) < 0;
}

/* Quoted-string: the value without quotes and backslashes. An empty one is refused: the grammar
 * allows it, but no mailbox has that name and it has broken servers (ATTACKS S18). */
static bool take_quoted_string(str *cursor, struct arena *a, str *out)
{
    if (cursor->n > SMTP_PATH_MAX)
        return false;
    char *value = arena_alloc(a, cursor->n);
    size_t n = 0;
    for (size_t i = 1; i < cursor->n; i++) {
        char c = cursor->p[i];
        if (c == '"') {
            *out = str_of(value, n);
            *cursor = str_skip(*cursor, i + 1);
            return n > 0;
        }
        if (c == '\\' && i + 1 < cursor->n)
            c = cursor->p[++i];
        if (!is_printable(c))
            return false;
        value[n++] = c;
    }
    return false;
}

static bool take_local(str *cursor, struct arena *a, struct smtp_path *out)
{
    str local = STR_EMPTY;
    bool good = starts_with(*cursor, '"') ? take_quoted_string(cursor, a, &local)
                                          : take_dot_string(cursor, &local);
    if (!good || local.n > SMTP_PATH_MAX)
        return false;
    if (utf8_is_ascii(local)) {
        out->local = arena_str(a, local);
    } else {
        out->is_utf8 = true;
        good = idn_local_compose(a, local, &out->local);
    }
    return good && out->local.n <= SMTP_LOCAL_MAX;
}

static bool take_mailbox(str *cursor, struct arena *a, struct smtp_path *out)
{
    if (!take_local(cursor, a, out) || !starts_with(*cursor, '@'))
        return false;
    *cursor = str_skip(*cursor, 1);
    return take_domain(cursor, a, out);
}

/* ---- paths ---- */

/* "@a.example,@b.example:" is checked and dropped. */
static bool skip_source_route(str *cursor, struct arena *a)
{
    if (!starts_with(*cursor, '@'))
        return true;
    while (starts_with(*cursor, '@')) {
        struct smtp_path hop = { 0 };
        *cursor = str_skip(*cursor, 1);
        if (!take_domain(cursor, a, &hop))
            return false;
        if (starts_with(*cursor, ',')) {
            *cursor = str_skip(*cursor, 1);
        } else {
            break;
        }
    }
    if (!starts_with(*cursor, ':'))
        return false;
    *cursor = str_skip(*cursor, 1);
    return true;
}

/* What stands between < and >; the cursor is moved to the '>'. */
static bool take_inner(str *cursor, enum smtp_path_kind kind, struct arena *a,
                       struct smtp_path *out)
{
    if (kind == SMTP_REVERSE_PATH && starts_with(*cursor, '>')) {
        out->is_null = true;
        return true;
    }
    if (kind == SMTP_FORWARD_PATH && str_has_iprefix(*cursor, STR("postmaster>"))) {
        out->is_postmaster = true;
        out->local = STR("postmaster");
        *cursor = str_skip(*cursor, 10);
        return true;
    }
    return skip_source_route(cursor, a) && take_mailbox(cursor, a, out);
}

enum smtp_fault smtp_path_parse(str *cursor, enum smtp_path_kind kind, struct arena *a,
                                struct smtp_path *out)
{
    str whole = *cursor;
    str at = whole;
    *out = (struct smtp_path){ 0 };
    if (!starts_with(at, '<'))
        return SMTP_FAULT_PATH;
    at = str_skip(at, 1);
    bool good = take_inner(&at, kind, a, out) && starts_with(at, '>');
    size_t length = whole.n - at.n;
    if (!good || length > SMTP_PATH_MAX)
        return SMTP_FAULT_PATH;
    *cursor = str_skip(at, 1);
    return SMTP_GOOD;
}

enum smtp_fault smtp_mailbox_parse(str text, struct arena *a, struct smtp_path *out)
{
    str at = text;
    *out = (struct smtp_path){ 0 };
    return take_mailbox(&at, a, out) && at.n == 0 ? SMTP_GOOD : SMTP_FAULT_PATH;
}

/* ---- back to text ---- */

static bool format_quoted(str local, struct buf *out)
{
    bool good = buf_add_byte(out, '"');
    for (size_t i = 0; i < local.n; i++) {
        if (local.p[i] == '"' || local.p[i] == '\\')
            good = good && buf_add_byte(out, '\\');
        good = good && buf_add_byte(out, local.p[i]);
    }
    return good && buf_add_byte(out, '"');
}

bool smtp_path_format(const struct smtp_path *path, struct buf *out)
{
    if (path->is_null)
        return true;
    str rest = path->local;
    str atoms;
    bool is_plain = take_dot_string(&rest, &atoms) && rest.n == 0;
    bool good = is_plain ? buf_add(out, path->local) : format_quoted(path->local, out);
    if (path->is_postmaster)
        return good;
    return good && buf_add_byte(out, '@') && buf_add(out, path->domain);
}

str smtp_path_text(const struct smtp_path *path, struct arena *a)
{
    struct buf b;
    buf_init(&b, 2 * path->local.n + path->domain.n + 3);
    (void)smtp_path_format(path, &b); /* the maximum is the longest form there can be */
    str text = arena_str(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

/* ---- xtext ---- */

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool smtp_xtext_decode(str text, struct arena *a, str *out)
{
    char *value = arena_alloc(a, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c < '!' || c > '~' || c == '=')
            return false;
        if (c == '+') {
            int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        value[n++] = c;
    }
    *out = str_of(value, n);
    return true;
}
