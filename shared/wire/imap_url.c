/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP URLs. The text is cut at "/;NAME=" and then decoded, because an encoded ';' or '/' is a part
 * of a name. */
#include "wire/imap_url.h"

#include "base/percent.h"
#include "base/utf8.h"

enum {
    FORM_MAX = 16 * 1024 /* octets of a section that is written */
};

static bool bad(struct err *e, const char *what)
{
    return ERR(e, ERR_SYNTAX, "not an IMAP URL: %s", what);
}

/* ---- percent encoding (RFC 3986 section 2.1) ---- */

/* What may stand for itself in a section, beside letters and digits: achar of RFC 5092. In
 * mailboxes
 * '/' may, too. */
static const str section_chars = STR_INIT("!$'()*+,&=@:");
static const str mailbox_chars = STR_INIT("!$'()*+,&=@:/");

static bool decode(struct arena *a, str text, str *out, struct err *e)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == ';' || c == '?' || c == '#' || (unsigned char)c <= ' ')
            return bad(e, "';', '?', '#' and spaces must be encoded");
    }
    if (!percent_decode(a, text, out))
        return bad(e, "a '%' needs two hexadecimal digits");
    return utf8_is_valid(*out) || bad(e, "names are UTF-8");
}

/* ---- reading ---- */

/* Takes ";NAME=value" off the front, up to the next ';' or '/'. */
static bool take(str *rest, str name, str *value)
{
    str after = str_skip(*rest, name.n);
    if (!str_has_iprefix(*rest, name))
        return false;
    size_t n = 0;
    while (n < after.n && after.p[n] != ';' && after.p[n] != '/')
        n++;
    *value = str_slice(after, 0, n);
    *rest = str_skip(after, n);
    return true;
}

static bool number_of(str text, uint64_t least, uint32_t *out, struct err *e)
{
    uint64_t value = 0;
    if (!str_to_uint(text, UINT32_MAX, &value) || value < least)
        return bad(e, "a number is expected");
    *out = (uint32_t)value;
    return true;
}

static bool read_partial(str text, struct imap_section *s, struct err *e)
{
    str from;
    str count;
    bool has_count = str_cut(text, '.', &from, &count);
    s->has_partial = true;
    s->partial_count = UINT32_MAX;
    return number_of(from, 0, &s->partial_from, e) &&
           (!has_count || number_of(count, 1, &s->partial_count, e));
}

/* "/;UID=3/;SECTION=1.2/;PARTIAL=0.10"; the slash in front of each is missing where the URL begins
 * with it. */
static bool read_message(struct arena *a, str rest, struct imap_url *out, struct err *e)
{
    str value;
    str ahead = str_skip(rest, str_has_prefix(rest, STR("/")));
    if (take(&ahead, STR(";UID="), &value)) {
        if (!number_of(value, 1, &out->uid, e))
            return false;
        rest = ahead;
    }
    ahead = str_skip(rest, str_has_prefix(rest, STR("/")));
    if (take(&ahead, STR(";SECTION="), &value)) {
        str section = STR_EMPTY;
        if (!decode(a, value, &section, e) || !imap_section_parse(a, section, &out->section, e))
            return false;
        rest = ahead;
    }
    ahead = str_skip(rest, str_has_prefix(rest, STR("/")));
    if (take(&ahead, STR(";PARTIAL="), &value)) {
        if (!read_partial(value, &out->section, e))
            return false;
        rest = ahead;
    }
    if (rest.n)
        return bad(e, "something unknown stands behind the mailbox");
    return out->uid || bad(e, "it names no message");
}

/* "//user;AUTH=*@server:143/path": up to the path. */
static bool read_server(struct arena *a, str *rest, struct imap_url *out, struct err *e)
{
    str authority = str_skip(*rest, 2);
    str user;
    ptrdiff_t end = str_find_byte(authority, '/');
    if (end < 0)
        return bad(e, "it names no mailbox");
    *rest = str_skip(authority, (size_t)end);
    authority.n = (size_t)end;
    ptrdiff_t at = str_rfind_byte(authority, '@');
    out->server = str_skip(authority, (size_t)(at + 1));
    if (out->server.n == 0)
        return bad(e, "it names no server");
    if (at < 0)
        return true;
    (void)str_cut(str_slice(authority, 0, (size_t)at), ';', &user, &authority);
    return decode(a, user, &out->user, e);
}

static bool read_mailbox(struct arena *a, str *rest, struct imap_url *out, struct err *e)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ';')
        n++;
    if (n > 0 && rest->p[n - 1] == '/')
        n--; /* it belongs to "/;UID=" */
    str name = str_slice(*rest, 0, n);
    *rest = str_skip(*rest, n);
    out->has_mailbox = name.n > 0;
    if (!decode(a, name, &out->mailbox, e))
        return false;
    str value;
    if (!take(rest, STR(";UIDVALIDITY="), &value))
        return true;
    return out->has_mailbox ? number_of(value, 1, &out->uidvalidity, e)
                            : bad(e, "UIDVALIDITY needs a mailbox");
}

bool imap_url_parse(struct arena *a, str text, struct imap_url *out, struct err *e)
{
    *out = (struct imap_url){ .section = { .form = IMAP_FORM_BODY, .is_peek = true } };
    if (text.n > IMAP_URL_MAX)
        return ERR(e, ERR_LIMIT, "a URL of more than %d octets", IMAP_URL_MAX);
    if (str_has_iprefix(text, STR("imap://"))) {
        out->is_absolute = true;
        text = str_skip(text, 5);
        if (!read_server(a, &text, out, e))
            return false;
    }
    if (str_has_prefix(text, STR("//")))
        return bad(e, "it names another server");
    out->is_rooted = str_has_prefix(text, STR("/")) && !str_has_prefix(text, STR("/;"));
    text = str_skip(text, out->is_rooted);
    return read_mailbox(a, &text, out, e) && read_message(a, text, out, e);
}

/* ---- writing ---- */

static bool format_section(struct buf *out, const struct imap_section *section)
{
    struct imap_section whole = *section;
    struct buf text;
    whole.has_partial = false;
    buf_init(&text, FORM_MAX);
    bool ok = imap_section_format(&text, &whole);
    /* "BODY[1.2]" without its frame. */
    str inside = ok ? str_slice(buf_str(&text), 5, text.n - 6) : STR_EMPTY;
    if (inside.n)
        ok = ok && buf_add(out, STR("/;SECTION=")) && percent_encode(out, inside, section_chars);
    buf_fini(&text);
    return ok;
}

bool imap_url_format(struct buf *out, const struct imap_url *url)
{
    bool ok = true;
    if (url->is_absolute) {
        ok = buf_add(out, STR("imap://"));
        if (url->user.n)
            ok = ok && percent_encode(out, url->user, section_chars) && buf_add_byte(out, '@');
        ok = ok && buf_add(out, url->server);
    }
    if (url->is_rooted)
        ok = ok && buf_add_byte(out, '/');
    ok = ok && percent_encode(out, url->mailbox, mailbox_chars);
    if (url->uidvalidity)
        ok = ok && buf_addf(out, ";UIDVALIDITY=%u", (unsigned)url->uidvalidity);
    ok = ok && buf_addf(out, "/;UID=%u", (unsigned)url->uid) && format_section(out, &url->section);
    if (url->section.has_partial)
        ok = ok && buf_addf(out, "/;PARTIAL=%u", (unsigned)url->section.partial_from);
    if (url->section.has_partial && url->section.partial_count != UINT32_MAX)
        ok = ok && buf_addf(out, ".%u", (unsigned)url->section.partial_count);
    return ok;
}

str imap_url_mailbox(struct arena *a, const struct imap_url *url, str selected)
{
    if (!url->has_mailbox)
        return selected;
    ptrdiff_t level = url->is_rooted ? -1 : str_rfind_byte(selected, '/');
    if (level < 0)
        return url->mailbox;
    return arena_printf(a, "%.*s%.*s", (int)level + 1, selected.p, STR_FMT(url->mailbox));
}
