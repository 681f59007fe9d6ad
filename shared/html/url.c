/* SPDX-License-Identifier: Apache-2.0 */
/* One address at a time: cleaned, cut at its scheme, then by a row of the table. */
#include "html/url.h"

#include "base/percent.h"
#include "base/utf8.h"
#include "html/html.h"

enum {
    MAX_DATA_IMAGE_BYTES = HTML_MAX_INPUT_BYTES,
    MAX_SCHEME_BYTES = 24,
    MAX_HOST_BYTES = 253
};

typedef void (*scheme_fn)(struct arena *a, str scheme, str rest, struct html_url *out);

/* What browsers drop from an address: blanks at both ends, TAB, CR and LF anywhere. */
static str clean(struct arena *a, str raw)
{
    while (raw.n && (unsigned char)raw.p[0] <= ' ')
        raw = str_skip(raw, 1);
    while (raw.n && (unsigned char)raw.p[raw.n - 1] <= ' ')
        raw.n--;
    char *p = arena_alloc(a, raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (c != '\t' && c != '\r' && c != '\n')
            p[n++] = c;
    }
    return str_of(p, n);
}

/* Length of "scheme" before the ':', or 0. */
static size_t scheme_length(str url)
{
    size_t n = 0;
    while (n < url.n && (ascii_is_alnum(url.p[n]) || str_find_byte(STR("+-."), url.p[n]) >= 0))
        n++;
    return n && n <= MAX_SCHEME_BYTES && n < url.n && url.p[n] == ':' && ascii_is_alpha(url.p[0])
               ? n
               : 0;
}

/* Characters that end an attribute or a CSS string in some reader are written as %XX. */
static void add_encoded(struct buf *out, str part, bool slashes)
{
    const str bad = STR("\"<>`\\{}^|");
    bool path = true;
    for (size_t i = 0; i < part.n; i++) {
        unsigned char c = (unsigned char)part.p[i];
        path = path && c != '?' && c != '#';
        if (c == '\\' && path && slashes) {
            (void)buf_add_byte(out, '/');
        } else if (c <= ' ' || c == 127 || str_find_byte(bad, (char)c) >= 0) {
            (void)buf_addf(out, "%%%02X", c);
        } else {
            (void)buf_add_byte(out, (char)c);
        }
    }
}

static bool is_host(str host)
{
    bool literal = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (literal)
        host = str_slice(host, 1, host.n - 2);
    if (host.n == 0 || host.n > MAX_HOST_BYTES || !utf8_is_valid(host))
        return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool fits = literal ? isxdigit((unsigned char)c) || c == ':' || c == '.'
                            : ascii_is_alnum(c) || str_find_byte(STR("-._"), c) >= 0 ||
                                  (unsigned char)c >= 0x80;
        if (!fits)
            return false;
    }
    return true;
}

/* "host:port" into its parts. False when it is neither. */
static bool cut_port(str authority, str *host, str *port)
{
    bool literal = authority.n && authority.p[0] == '[';
    ptrdiff_t colon = str_rfind_byte(authority, ':');
    ptrdiff_t bracket = str_rfind_byte(authority, ']');
    bool has_port = colon >= 0 && (!literal || colon > bracket);
    uint64_t number = 0;
    *host = has_port ? str_slice(authority, 0, (size_t)colon) : authority;
    *port = has_port ? str_skip(authority, (size_t)colon + 1) : STR_EMPTY;
    return is_host(*host) && (str_is_empty(*port) || str_to_uint(*port, 65535, &number));
}

static size_t authority_length(str s)
{
    size_t n = 0;
    while (n < s.n && str_find_byte(STR("/\\?#"), s.p[n]) < 0)
        n++;
    return n;
}

/* http and https: any number of slashes of either kind may stand before the host. */
static void read_remote(struct arena *a, str scheme, str rest, struct html_url *out)
{
    struct buf url;
    str host, port;
    while (rest.n && (rest.p[0] == '/' || rest.p[0] == '\\'))
        rest = str_skip(rest, 1);
    str authority = str_slice(rest, 0, authority_length(rest));
    str tail = str_skip(rest, authority.n);
    ptrdiff_t at = str_rfind_byte(authority, '@');
    if (!cut_port(str_skip(authority, (size_t)(at + 1)), &host, &port))
        return;
    host = arena_lower(a, host);
    buf_init(&url, 4 * (rest.n + scheme.n) + 8);
    (void)buf_addf(&url, "%.*s://%.*s", STR_FMT(scheme), STR_FMT(host));
    if (port.n)
        (void)buf_addf(&url, ":%.*s", STR_FMT(port));
    if (tail.n == 0 || (tail.p[0] != '/' && tail.p[0] != '\\'))
        (void)buf_add_byte(&url, '/');
    add_encoded(&url, tail, true);
    if (url.n <= HTML_MAX_URL_BYTES) {
        out->kind = HTML_URL_REMOTE;
        out->url = arena_str(a, buf_str(&url));
        out->host = host;
    }
    buf_fini(&url);
}

static void read_contact(struct arena *a, str scheme, str rest, struct html_url *out)
{
    struct buf url;
    buf_init(&url, 4 * (rest.n + scheme.n) + 8);
    (void)buf_addf(&url, "%.*s:", STR_FMT(scheme));
    add_encoded(&url, rest, false);
    if (rest.n && url.n <= HTML_MAX_URL_BYTES) {
        out->kind = HTML_URL_CONTACT;
        out->url = arena_str(a, buf_str(&url));
    }
    buf_fini(&url);
}

/* What is no escape stays as it is. */
static str decode_escapes(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int octet = percent_octet(str_skip(s, i));
        p[n] = s.p[i];
        if (octet >= 0) {
            p[n] = (char)octet;
            i += 2;
        }
        n++;
    }
    return str_of(p, n);
}

static void read_part(struct arena *a, str scheme, str rest, struct html_url *out)
{
    (void)scheme;
    str id = decode_escapes(a, rest);
    if (id.n > 2 && id.p[0] == '<' && id.p[id.n - 1] == '>')
        id = str_slice(id, 1, id.n - 2);
    if (id.n && id.n <= HTML_MAX_URL_BYTES)
        *out = (struct html_url){ .kind = HTML_URL_PART, .url = id };
}

/* Pictures that hold nothing but a picture: SVG can hold scripts and addresses. */
static const str data_types[] = {
    STR_INIT("image/png;base64,"),  STR_INIT("image/jpeg;base64,"), STR_INIT("image/jpg;base64,"),
    STR_INIT("image/gif;base64,"),  STR_INIT("image/webp;base64,"), STR_INIT("image/bmp;base64,"),
    STR_INIT("image/avif;base64,"),
};

static bool is_base64(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && str_find_byte(STR("+/="), s.p[i]) < 0)
            return false;
    }
    return s.n > 0 && s.n <= MAX_DATA_IMAGE_BYTES;
}

static str without_spaces(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != ' ')
            p[n++] = s.p[i];
    }
    return str_of(p, n);
}

static void read_data(struct arena *a, str scheme, str rest, struct html_url *out)
{
    (void)scheme;
    out->kind = HTML_URL_CODE;
    for (size_t i = 0; i < COUNT_OF(data_types); i++) {
        if (!str_has_iprefix(rest, data_types[i]))
            continue;
        str picture = without_spaces(a, str_skip(rest, data_types[i].n));
        out->kind = is_base64(picture) ? HTML_URL_DATA_IMAGE : HTML_URL_BAD;
        if (out->kind == HTML_URL_DATA_IMAGE)
            out->url = arena_printf(a, "data:%.*s%.*s", STR_FMT(data_types[i]), STR_FMT(picture));
        return;
    }
}

static void read_code(struct arena *a, str scheme, str rest, struct html_url *out)
{
    (void)a;
    (void)scheme;
    (void)rest;
    out->kind = HTML_URL_CODE;
}

static const struct scheme {
    str name;
    scheme_fn read;
} schemes[] = {
    { STR_INIT("http"), read_remote },      { STR_INIT("https"), read_remote },
    { STR_INIT("mailto"), read_contact },   { STR_INIT("tel"), read_contact },
    { STR_INIT("sms"), read_contact },      { STR_INIT("xmpp"), read_contact },
    { STR_INIT("cid"), read_part },         { STR_INIT("data"), read_data },
    { STR_INIT("javascript"), read_code },  { STR_INIT("vbscript"), read_code },
    { STR_INIT("livescript"), read_code },  { STR_INIT("mocha"), read_code },
    { STR_INIT("view-source"), read_code },
};

static void read_without_scheme(struct arena *a, str url, struct html_url *out)
{
    bool two_slashes = url.n >= 2 && (url.p[0] == '/' || url.p[0] == '\\') &&
                       (url.p[1] == '/' || url.p[1] == '\\');
    if (two_slashes) {
        read_remote(a, STR("https"), url, out);
    } else if (url.n > 1 && url.n <= HTML_MAX_URL_BYTES && url.p[0] == '#') {
        *out = (struct html_url){ .kind = HTML_URL_FRAGMENT,
                                  .url = decode_escapes(a, str_skip(url, 1)) };
    } else if (url.n && url.p[0] != '#') {
        out->kind = HTML_URL_RELATIVE;
    }
}

void html_url_read(struct arena *a, str raw, struct html_url *out)
{
    *out = (struct html_url){ .kind = HTML_URL_BAD };
    str url = clean(a, raw);
    size_t n = scheme_length(url);
    if (n == 0) {
        read_without_scheme(a, url, out);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        if (str_ieq(schemes[i].name, str_slice(url, 0, n))) {
            schemes[i].read(a, schemes[i].name, str_skip(url, n + 1), out);
            return;
        }
    }
}

/* Names of files look like hosts: "report.pdf" is no promise of a server. */
static const str file_endings[] = {
    STR_INIT("pdf"),  STR_INIT("doc"), STR_INIT("docx"), STR_INIT("xls"),  STR_INIT("xlsx"),
    STR_INIT("ppt"),  STR_INIT("odt"), STR_INIT("pptx"), STR_INIT("txt"),  STR_INIT("csv"),
    STR_INIT("jpg"),  STR_INIT("png"), STR_INIT("jpeg"), STR_INIT("gif"),  STR_INIT("zip"),
    STR_INIT("html"), STR_INIT("htm"), STR_INIT("ics"),  STR_INIT("docm"), STR_INIT("eml"),
};

static bool is_top_domain(str top, bool sure)
{
    for (size_t i = 0; i < COUNT_OF(file_endings) && !sure; i++) {
        if (str_ieq(top, file_endings[i]))
            return false;
    }
    for (size_t i = 0; i < top.n; i++) {
        if (!ascii_is_alpha(top.p[i]) && (unsigned char)top.p[i] < 0x80)
            return false;
    }
    return top.n >= 2;
}

str html_url_host_in_text(struct arena *a, str text)
{
    str port;
    text = str_trim(text);
    size_t scheme = str_has_iprefix(text, STR("https://"))  ? 8
                    : str_has_iprefix(text, STR("http://")) ? 7
                                                            : 0;
    text = str_skip(text, scheme);
    str host = str_slice(text, 0, authority_length(text));
    ptrdiff_t at = str_find_byte(host, '@');
    if (at >= 0) /* the reader takes what stands before the '@' for the host */
        host = scheme ? str_slice(host, 0, (size_t)at) : STR_EMPTY;
    bool sure = scheme > 0 || host.n < text.n || str_has_iprefix(host, STR("www."));
    if (!cut_port(host, &host, &port))
        return STR_EMPTY;
    ptrdiff_t dot = str_rfind_byte(host, '.');
    bool named = dot > 0 && is_top_domain(str_skip(host, (size_t)(dot + 1)), sure);
    return named ? arena_lower(a, host) : STR_EMPTY;
}

static bool lies_below(str host, str parent)
{
    return host.n > parent.n && str_has_suffix(host, parent) &&
           host.p[host.n - parent.n - 1] == '.';
}

bool html_url_hosts_agree(str one, str other)
{
    if (str_has_prefix(one, STR("www.")))
        one = str_skip(one, 4);
    if (str_has_prefix(other, STR("www.")))
        other = str_skip(other, 4);
    return str_eq(one, other) || lies_below(one, other) || lies_below(other, one);
}
