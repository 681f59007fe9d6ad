/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the bytes. Whatever is not closed (tag, comment, script) takes the rest, as
 * browsers have it, so nothing is scanned twice. */
#include "html/flat.h"

#include "base/utf8.h"
#include "html/entities.h"

enum gap {
    GAP_NONE,
    GAP_SPACE,
    GAP_LINE
};

struct html_reader {
    str html;
    size_t at;
    struct buf *out;
    enum gap gap; /* white space due before the next character */
    size_t start; /* of our text in out */
    bool full;
};

static const struct tag {
    str name;
    enum gap gap;
    bool skips; /* its content is no text */
} tags[] = {
    { STR_INIT("p"), GAP_LINE, false },       { STR_INIT("div"), GAP_LINE, false },
    { STR_INIT("br"), GAP_LINE, false },      { STR_INIT("tr"), GAP_LINE, false },
    { STR_INIT("table"), GAP_LINE, false },   { STR_INIT("td"), GAP_SPACE, false },
    { STR_INIT("th"), GAP_SPACE, false },     { STR_INIT("li"), GAP_LINE, false },
    { STR_INIT("ul"), GAP_LINE, false },      { STR_INIT("ol"), GAP_LINE, false },
    { STR_INIT("dl"), GAP_LINE, false },      { STR_INIT("dt"), GAP_LINE, false },
    { STR_INIT("dd"), GAP_LINE, false },      { STR_INIT("h1"), GAP_LINE, false },
    { STR_INIT("h2"), GAP_LINE, false },      { STR_INIT("h3"), GAP_LINE, false },
    { STR_INIT("h4"), GAP_LINE, false },      { STR_INIT("h5"), GAP_LINE, false },
    { STR_INIT("h6"), GAP_LINE, false },      { STR_INIT("hr"), GAP_LINE, false },
    { STR_INIT("pre"), GAP_LINE, false },     { STR_INIT("blockquote"), GAP_LINE, false },
    { STR_INIT("section"), GAP_LINE, false }, { STR_INIT("article"), GAP_LINE, false },
    { STR_INIT("header"), GAP_LINE, false },  { STR_INIT("footer"), GAP_LINE, false },
    { STR_INIT("center"), GAP_LINE, false },  { STR_INIT("body"), GAP_LINE, false },
    { STR_INIT("option"), GAP_LINE, false },  { STR_INIT("img"), GAP_SPACE, false },
    { STR_INIT("script"), GAP_NONE, true },   { STR_INIT("style"), GAP_NONE, true },
    { STR_INIT("title"), GAP_NONE, true },    { STR_INIT("template"), GAP_NONE, true },
    { STR_INIT("noframes"), GAP_NONE, true },
};

static void widen_gap(struct html_reader *r, enum gap gap)
{
    if (gap > r->gap)
        r->gap = gap;
}

/* Characters that are there to be invisible: mailers pad previews with them. */
static bool is_invisible(uint32_t cp)
{
    return cp == 0xad || cp == 0x34f || (cp >= 0x200b && cp <= 0x200f) || cp == 0x2060 ||
           cp == 0xfeff;
}

static void put(struct html_reader *r, uint32_t cp)
{
    if (cp <= ' ' || cp == 127 || (cp >= 0x80 && cp <= 0xa0)) {
        widen_gap(r, GAP_SPACE);
        return;
    }
    if (is_invisible(cp) || r->full)
        return;
    char bytes[5];
    size_t n = 0;
    if (r->gap != GAP_NONE && r->out->n > r->start)
        bytes[n++] = (char)(r->gap == GAP_LINE ? '\n' : ' ');
    n += utf8_encode(cp, bytes + n);
    r->gap = GAP_NONE;
    r->full = !buf_add(r->out, str_of(bytes, n));
}

/* Puts the cursor behind `needle`, or at the end when it is not there. */
static void skip_behind(struct html_reader *r, str needle)
{
    ptrdiff_t at = str_ifind(str_skip(r->html, r->at), needle);
    r->at = at < 0 ? r->html.n : r->at + (size_t)at + needle.n;
}

/* To the '>' of a tag; quoted attribute values may hold one. */
static void skip_tag_rest(struct html_reader *r)
{
    char quote = '\0';
    char before = '\0';
    for (; r->at < r->html.n; r->at++) {
        char c = r->html.p[r->at];
        if (quote) {
            quote = (char)(c == quote ? '\0' : quote);
        } else if ((c == '"' || c == '\'') && before == '=') {
            quote = c;
        } else if (c == '>') {
            r->at++;
            return;
        }
        before = (char)(c == ' ' ? before : c);
    }
}

static const struct tag *find_tag(str name)
{
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        if (str_ieq(tags[i].name, name))
            return &tags[i];
    }
    return NULL;
}

/* Skips to the end tag of an element whose content is no text. */
static void skip_content(struct html_reader *r, str name)
{
    char end[16] = "</";
    memcpy(end + 2, name.p, name.n);
    skip_behind(r, str_of(end, name.n + 2));
    skip_tag_rest(r);
}

/* A tag; the cursor is behind its '<'. */
static void read_tag(struct html_reader *r)
{
    bool closes = r->html.p[r->at] == '/';
    r->at += closes;
    size_t start = r->at;
    while (r->at < r->html.n && ascii_is_alnum(r->html.p[r->at]))
        r->at++;
    const struct tag *tag = find_tag(str_slice(r->html, start, r->at - start));
    skip_tag_rest(r);
    if (!tag)
        return;
    widen_gap(r, tag->gap);
    if (tag->skips && !closes)
        skip_content(r, tag->name);
}

static void read_markup(struct html_reader *r)
{
    str rest = str_skip(r->html, r->at + 1);
    if (str_has_prefix(rest, STR("!--"))) {
        r->at += 4;
        skip_behind(r, STR("-->"));
    } else if (rest.n && (rest.p[0] == '!' || rest.p[0] == '?')) {
        skip_behind(r, STR(">"));
    } else if (rest.n && (ascii_is_alpha(rest.p[0]) || rest.p[0] == '/')) {
        r->at++;
        read_tag(r);
    } else {
        r->at++;
        put(r, '<');
    }
}

static uint32_t numeric_reference(str digits)
{
    bool hex = digits.n && (digits.p[0] == 'x' || digits.p[0] == 'X');
    uint32_t value = 0;
    for (size_t i = hex; i < digits.n && value < 0x110000; i++) {
        char c = ascii_lower(digits.p[i]);
        uint32_t digit = (uint32_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
        value = value * (hex ? 16 : 10) + digit;
    }
    char bytes[4];
    return value && utf8_encode(value, bytes) ? value : 0xfffd;
}

/* "&name;", "&#123;" or "&#x1f;"; the ';' may be missing behind digits. What is no reference is
 * text. */
static void read_reference(struct html_reader *r)
{
    enum {
        MAX_NAME = 10
    };
    str rest = str_skip(r->html, r->at + 1);
    bool numeric = rest.n && rest.p[0] == '#';
    bool hex = rest.n > 1 && (rest.p[1] == 'x' || rest.p[1] == 'X');
    size_t start = numeric ? 1 : 0;
    size_t n = start + (numeric && hex);
    while (n < rest.n && n < MAX_NAME &&
           (numeric ? ascii_is_digit(rest.p[n]) || (hex && isxdigit((unsigned char)rest.p[n]))
                    : ascii_is_alnum(rest.p[n])))
        n++;
    bool ended = n < rest.n && rest.p[n] == ';';
    str name = str_slice(rest, start, n - start);
    uint32_t cp = 0;
    if (numeric && name.n > hex) {
        cp = numeric_reference(name);
    } else if (!numeric && ended) {
        cp = html_entity(name);
    }
    put(r, cp ? cp : '&');
    r->at += cp ? 1 + n + ended : 1;
}

void html_flat_text(str html, struct buf *out)
{
    struct html_reader r = { .html = html, .out = out, .start = out->n };
    while (r.at < html.n && !r.full) {
        char c = html.p[r.at];
        if (c == '<') {
            read_markup(&r);
        } else if (c == '&') {
            read_reference(&r);
        } else {
            uint32_t cp = 0;
            size_t n = utf8_decode(str_skip(html, r.at), &cp);
            put(&r, n ? cp : 0xfffd);
            r.at += n ? n : 1;
        }
    }
}
