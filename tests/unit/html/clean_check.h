/* SPDX-License-Identifier: Apache-2.0 */
/* Judges documents of html_sanitise from the outside: a reader of its strict output that knows
 * nothing of how it was made. For the unit tests and the fuzz target. */
#ifndef UNIT_HTML_CLEAN_CHECK_H
#define UNIT_HTML_CLEAN_CHECK_H

#include "base/base.h"
#include "base/utf8.h"

/* Elements that must never come out, whatever went in. */
static const char *const clean_check_elements[] = {
    "script", "svg",    "math",          "iframe",   "frame",    "frameset", "object", "embed",
    "applet", "form",   "input",         "button",   "select",   "textarea", "link",   "base",
    "video",  "audio",  "source",        "track",    "template", "noscript", "xmp",    "plaintext",
    "title",  "portal", "noembed",       "noframes", "marquee",  "dialog",   "canvas", "picture",
    "param",  "option", "foreignobject", "image",    "isindex",  "slot",
};

static inline bool clean_check_bad_element(str name)
{
    for (size_t i = 0; i < COUNT_OF(clean_check_elements); i++) {
        if (str_eq(name, str_from_cstr(clean_check_elements[i])))
            return true;
    }
    return false;
}

/* Addresses that the browser loads by itself: of this server below "/part/" or "/proxy/", or
 * pictures in the document. */
static inline bool clean_check_is_local(str url)
{
    return str_has_prefix(url, STR("/part/")) || str_has_prefix(url, STR("/proxy/")) ||
           str_has_prefix(url, STR("data:image/"));
}

/* The CSS with blanks for what stands in strings, so that what is left is no text. */
static inline str clean_check_without_strings(struct arena *a, str css)
{
    char *p = arena_alloc(a, css.n + 1);
    bool in_string = false;
    for (size_t i = 0; i < css.n; i++) {
        p[i] = (char)(in_string && css.p[i] != '"' ? ' ' : css.p[i]);
        in_string ^= css.p[i] == '"';
    }
    return str_of(p, css.n);
}

/* CSS, unescaped for HTML. */
static inline const char *clean_check_css(struct arena *a, str css)
{
    static const char *const bad[] = { "@import",   "@font-face",   "expression(",   "javascript:",
                                       "behavior:", "-moz-binding", "image-set(",    "var(",
                                       "attr(",     "{{",           "position:fixed" };
    str rules = clean_check_without_strings(a, css);
    if (str_find(css, STR("</")) >= 0 || str_find(css, STR("<!")) >= 0)
        return "a tag in the style";
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (str_ifind(rules, str_from_cstr(bad[i])) >= 0)
            return bad[i];
    }
    for (size_t at = 0;; at += 4) {
        ptrdiff_t next = str_ifind(str_skip(rules, at), STR("url("));
        if (next < 0)
            return NULL;
        at += (size_t)next;
        str url = str_skip(css, at + 4);
        if (!str_has_prefix(url, STR("\"")) || !clean_check_is_local(str_skip(url, 1)))
            return "url(";
    }
}

/* The five references that are written, and decimal ones. */
static inline str clean_check_unescape(struct arena *a, str value)
{
    static const struct {
        str name;
        char c;
    } references[] = { { STR_INIT("&amp;"), '&' },  { STR_INIT("&lt;"), '<' },
                       { STR_INIT("&gt;"), '>' },   { STR_INIT("&quot;"), '"' },
                       { STR_INIT("&#39;"), '\'' }, { STR_INIT("&#96;"), '`' } };
    char *p = arena_alloc(a, value.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < value.n;) {
        size_t length = 1;
        p[n] = value.p[i];
        for (size_t k = 0; k < COUNT_OF(references); k++) {
            if (str_has_prefix(str_skip(value, i), references[k].name)) {
                p[n] = references[k].c;
                length = references[k].name.n;
            }
        }
        n++;
        i += length;
    }
    return str_of(p, n);
}

static inline const char *clean_check_attribute(struct arena *a, str name, str value)
{
    static const char *const safe_links[] = { "https://", "http://", "mailto:", "tel:",
                                              "sms:",     "xmpp:",   "#m-" };
    if (str_has_prefix(name, STR("on")))
        return "a handler";
    if (str_eq(name, STR("src")) || str_eq(name, STR("background")))
        return clean_check_is_local(value) ? NULL : "a source elsewhere";
    if (str_eq(name, STR("id")) || str_eq(name, STR("name")))
        return str_has_prefix(value, STR("m-")) ? NULL : "a bare id";
    if (str_eq(name, STR("style")))
        return clean_check_css(a, value);
    if (str_eq(name, STR("srcset")) || str_eq(name, STR("ping")) || str_eq(name, STR("action")) ||
        str_eq(name, STR("formaction")) || str_eq(name, STR("data")) ||
        str_eq(name, STR("poster")) || str_find_byte(name, ':') >= 0)
        return "an attribute that loads";
    if (!str_eq(name, STR("href")))
        return NULL;
    for (size_t i = 0; i < COUNT_OF(safe_links); i++) {
        if (str_has_prefix(value, str_from_cstr(safe_links[i])))
            return NULL;
    }
    return "a link of another scheme";
}

/* ` name="value"` repeated, up to '>'. *rest begins behind the name of the element. */
static inline const char *clean_check_tag(struct arena *a, str *rest)
{
    while (str_has_prefix(*rest, STR(" "))) {
        str name, value;
        *rest = str_skip(*rest, 1);
        if (!str_cut(*rest, '=', &name, rest) || !str_has_prefix(*rest, STR("\"")))
            return "an attribute without a quoted value";
        *rest = str_skip(*rest, 1);
        if (!str_cut(*rest, '"', &value, rest) || str_find_byte(value, '<') >= 0 ||
            str_find_byte(value, '>') >= 0)
            return "a bare bracket in a value";
        const char *bad = clean_check_attribute(a, name, clean_check_unescape(a, value));
        if (bad)
            return bad;
    }
    if (!str_has_prefix(*rest, STR(">")))
        return "a tag that does not end";
    *rest = str_skip(*rest, 1);
    return NULL;
}

/* What is wrong with a document (with an empty policy.head), or NULL. */
static inline const char *clean_check(struct arena *a, str document)
{
    str begin = STR("<!DOCTYPE html>\n<html");
    str mark = STR("\"x-dns-prefetch-control\" content=\"off\">\n");
    ptrdiff_t head_end = str_find(document, mark);
    if (!utf8_is_valid(document) || str_find_byte(document, '\0') >= 0)
        return "not UTF-8";
    if (!str_has_prefix(document, begin) || head_end < 0)
        return "no beginning";
    str rest = str_skip(document, begin.n);
    const char *bad = clean_check_tag(a, &rest);
    rest = str_skip(document, (size_t)head_end + mark.n);
    if (!bad && str_has_prefix(rest, STR("<style>"))) {
        ptrdiff_t end = str_ifind(rest, STR("</style"));
        if (end < 0)
            return "a style that does not end";
        bad = clean_check_css(a, str_slice(rest, 7, (size_t)end - 7));
        rest = str_skip(rest, (size_t)end + 8);
    }
    if (!str_has_prefix(rest, STR("</head>\n<body")))
        return "no body";
    rest = str_skip(rest, 8);
    while (!bad && rest.n > 0) {
        str text;
        if (!str_cut(rest, '<', &text, &rest))
            return str_find_byte(text, '>') >= 0 ? "a bare bracket in the text" : NULL;
        rest = str_skip(rest, str_has_prefix(rest, STR("/")));
        size_t n = 0;
        while (n < rest.n && ascii_is_alnum(rest.p[n]))
            n++;
        if (n == 0 || str_find_byte(text, '>') >= 0)
            return "a bare bracket in the text";
        if (clean_check_bad_element(str_slice(rest, 0, n)) ||
            str_eq(str_slice(rest, 0, n), STR("style")))
            return "an element that is forbidden";
        rest = str_skip(rest, n);
        bad = clean_check_tag(a, &rest);
    }
    return bad;
}

#endif
