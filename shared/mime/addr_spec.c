/* SPDX-License-Identifier: Apache-2.0 */
/* One addr-spec, strictly: RFC 5321 section 4.1.2 Mailbox, or RFC 5322 section 3.4.1 addr-spec with
 * the obsolete forms of section 4.4. The grammar is walked once, front to back. */
#include "base/utf8.h"
#include "mime/address.h"

#include <arpa/inet.h>

enum {
    MAX_LOCAL = 64,   /* RFC 5321 section 4.5.3.1.1 */
    MAX_DOMAIN = 255, /* section 4.5.3.1.2 */
    MAX_LABEL = 63,   /* RFC 1035 section 2.3.4 */
    MAX_PATH = 254    /* section 4.5.3.1.3 less the angle brackets; RFC 3696 erratum 1690 */
};

struct spec_parser {
    str s;
    size_t at;
    bool smtp;
    bool utf8;
    char *p; /* where unquoted bytes go */
    size_t n;
};

static bool at_byte(const struct spec_parser *p, char c)
{
    return p->at < p->s.n && p->s.p[p->at] == c;
}

static bool is_wsp(const struct spec_parser *p, size_t at)
{
    return at < p->s.n && (p->s.p[at] == ' ' || p->s.p[at] == '\t');
}

static void take(struct spec_parser *p)
{
    p->p[p->n++] = p->s.p[p->at++];
}

static bool is_atext(const struct spec_parser *p)
{
    if (p->at >= p->s.n)
        return false;
    char c = p->s.p[p->at];
    if ((unsigned char)c > 127)
        return p->utf8;
    return ascii_is_alnum(c) || (str_find_byte(STR("!#$%&'*+-/=?^_`{|}~"), c) >= 0);
}

/* Folding white space: blanks, and line ends that blanks follow. False for a stray line end. */
static bool skip_fws(struct spec_parser *p)
{
    while (p->at < p->s.n) {
        if (is_wsp(p, p->at)) {
            p->at++;
        } else if (at_byte(p, '\r') && p->at + 1 < p->s.n && p->s.p[p->at + 1] == '\n' &&
                   is_wsp(p, p->at + 2)) {
            p->at += 3;
        } else {
            return !at_byte(p, '\r') && !at_byte(p, '\n');
        }
    }
    return true;
}

/* The same where white space belongs to the value: only the line ends of folds go. */
static bool take_fws(struct spec_parser *p)
{
    size_t start = p->at;
    bool ok = skip_fws(p);
    for (size_t i = start; i < p->at; i++) {
        if (is_wsp(p, i))
            p->p[p->n++] = p->s.p[i];
    }
    return ok;
}

/* A byte that text inside quotes, comments and literals may hold: printable ASCII, UTF-8 where
 * allowed, and obsolete controls (obs-NO-WS-CTL), never NUL, CR or LF. */
static bool is_text(const struct spec_parser *p, char c)
{
    unsigned char u = (unsigned char)c;
    if (u > 127)
        return p->utf8;
    if (p->smtp)
        return u >= ' ' && u < 127;
    return u != 0 && u != '\r' && u != '\n';
}

static bool skip_comment(struct spec_parser *p, struct err *e)
{
    unsigned depth = 0;
    do {
        if (!skip_fws(p))
            return ERR(e, ERR_SYNTAX, "line end inside a comment");
        if (p->at >= p->s.n)
            return ERR(e, ERR_SYNTAX, "comment without an end");
        if (at_byte(p, '(')) {
            depth++;
        } else if (at_byte(p, ')')) {
            depth--;
        } else if (at_byte(p, '\\')) {
            p->at++;
        }
        if (p->at >= p->s.n || !is_text(p, p->s.p[p->at]))
            return ERR(e, ERR_SYNTAX, "character not allowed in a comment");
        if (depth > MIME_MAX_COMMENT_DEPTH)
            return ERR(e, ERR_LIMIT, "comments nested too deeply");
        p->at++;
    } while (depth);
    return true;
}

/* Comments and folding white space, which SMTP has not. */
static bool skip_cfws(struct spec_parser *p, struct err *e)
{
    if (p->smtp)
        return true;
    for (;;) {
        if (!skip_fws(p))
            return ERR(e, ERR_SYNTAX, "line end that folds nothing");
        if (!at_byte(p, '('))
            return true;
        if (!skip_comment(p, e))
            return false;
    }
}

static bool parse_quoted(struct spec_parser *p, struct err *e)
{
    p->at++;
    for (;;) {
        if (!p->smtp && !take_fws(p))
            return ERR(e, ERR_SYNTAX, "line end inside a quoted string");
        if (at_byte(p, '"'))
            break;
        if (at_byte(p, '\\'))
            p->at++;
        if (p->at >= p->s.n || !is_text(p, p->s.p[p->at]))
            return ERR(e, ERR_SYNTAX, "quoted string without an end, or a control character in it");
        take(p);
    }
    p->at++;
    return true;
}

static bool parse_atom(struct spec_parser *p, const char *what, struct err *e)
{
    if (!is_atext(p))
        return ERR(e, ERR_SYNTAX, "%s expected at byte %zu", what, p->at);
    while (is_atext(p))
        take(p);
    return true;
}

/* Words with dots between; RFC 5321 has a dot-atom or one quoted string. */
static bool parse_local(struct spec_parser *p, struct err *e)
{
    for (;;) {
        bool quoted = at_byte(p, '"');
        if (!skip_cfws(p, e))
            return false;
        quoted = quoted || at_byte(p, '"');
        if (!(quoted ? parse_quoted(p, e) : parse_atom(p, "local part", e)) || !skip_cfws(p, e))
            return false;
        if (!at_byte(p, '.'))
            return true;
        if (p->smtp && (quoted || (p->at + 1 < p->s.n && p->s.p[p->at + 1] == '"')))
            return ERR(e, ERR_SYNTAX, "quoted string beside a dot");
        take(p);
    }
}

/* RFC 5321 section 4.1.3: "::" stands for at least two groups. */
static bool is_ipv6(const char *text)
{
    struct in6_addr ip;
    if (inet_pton(AF_INET6, text, &ip) != 1)
        return false;
    const char *gap = strstr(text, "::");
    size_t colons = 0;
    for (const char *c = text; *c; c++)
        colons += *c == ':';
    /* Groups that are written: colons split them, "::" hides some, dots make one more. */
    size_t groups = colons + 1 + (strchr(text, '.') != NULL);
    if (!gap)
        return groups == 8;
    groups -= 1;
    groups -= gap == text;
    groups -= gap[2] == '\0';
    return groups <= 6;
}

static bool is_address_literal(str inside)
{
    char text[64];
    struct in_addr ip;
    if (inside.n >= sizeof(text) || memchr(inside.p, 0, inside.n))
        return false;
    memcpy(text, inside.p, inside.n);
    text[inside.n] = '\0';
    if (str_has_iprefix(inside, STR("IPv6:")))
        return is_ipv6(text + 5);
    return inet_pton(AF_INET, text, &ip) == 1;
}

static bool parse_literal(struct spec_parser *p, struct err *e)
{
    size_t start = p->n;
    take(p);
    for (;;) {
        if (!p->smtp && !take_fws(p))
            return ERR(e, ERR_SYNTAX, "line end inside a domain literal");
        if (at_byte(p, ']'))
            break;
        if (at_byte(p, '\\') && !p->smtp)
            take(p);
        if (p->at >= p->s.n || !is_text(p, p->s.p[p->at]) || (at_byte(p, '[') && p->smtp))
            return ERR(e, ERR_SYNTAX, "domain literal without an end");
        take(p);
    }
    take(p);
    str literal = str_of(p->p + start, p->n - start);
    if (p->smtp && !is_address_literal(str_slice(literal, 1, literal.n - 2)))
        return ERR(e, ERR_SYNTAX, "domain literal is no IP address");
    return true;
}

static bool check_label(const struct spec_parser *p, str label, struct err *e)
{
    if (label.p[0] == '-' || label.p[label.n - 1] == '-')
        return ERR(e, ERR_SYNTAX, "domain label begins or ends with a hyphen");
    if (!p->smtp)
        return true;
    for (size_t i = 0; i < label.n; i++) {
        char c = label.p[i];
        if (!ascii_is_alnum(c) && c != '-' && (unsigned char)c < 128)
            return ERR(e, ERR_SYNTAX, "character not allowed in a domain");
    }
    if (label.n > MAX_LABEL)
        return ERR(e, ERR_LIMIT, "domain label longer than %d bytes", MAX_LABEL);
    return true;
}

static bool parse_name(struct spec_parser *p, struct err *e)
{
    for (;;) {
        size_t start = p->n;
        if (!skip_cfws(p, e) || !parse_atom(p, "domain", e) ||
            !check_label(p, str_of(p->p + start, p->n - start), e) || !skip_cfws(p, e))
            return false;
        if (!at_byte(p, '.'))
            return true;
        take(p);
    }
}

static bool check_lengths(const struct spec_parser *p, const struct mime_addr_spec *spec,
                          struct err *e)
{
    if (!p->smtp)
        return true;
    size_t quoted_local = p->s.n - spec->domain.n - 1;
    if (quoted_local > MAX_LOCAL || spec->domain.n > MAX_DOMAIN || p->s.n > MAX_PATH)
        return ERR(e, ERR_LIMIT, "address longer than RFC 5321 allows");
    return true;
}

static bool parse_spec(struct spec_parser *p, struct mime_addr_spec *out, struct err *e)
{
    if (!parse_local(p, e))
        return false;
    size_t at = p->n;
    if (!at_byte(p, '@'))
        return ERR(e, ERR_SYNTAX, "'@' expected at byte %zu", p->at);
    p->at++;
    if (!skip_cfws(p, e))
        return false;
    out->is_literal = at_byte(p, '[');
    if (!(out->is_literal ? parse_literal(p, e) : parse_name(p, e)) || !skip_cfws(p, e))
        return false;
    if (p->at < p->s.n)
        return ERR(e, ERR_SYNTAX, "unexpected character at byte %zu", p->at);
    out->local = str_of(p->p, at);
    out->domain = str_of(p->p + at, p->n - at);
    return check_lengths(p, out, e);
}

bool mime_address_parse_addr_spec(struct arena *a, str s, unsigned rules,
                                  struct mime_addr_spec *out, struct err *e)
{
    struct spec_parser p = { .s = s,
                             .smtp = (rules & MIME_SPEC_SMTP) != 0,
                             .utf8 = (rules & MIME_SPEC_UTF8) != 0 };
    if (s.n > MIME_MAX_FIELD_BYTES)
        return ERR(e, ERR_LIMIT, "address of %zu bytes", s.n);
    if (p.utf8 && !utf8_is_valid(s))
        return ERR(e, ERR_SYNTAX, "address is not valid UTF-8");
    p.p = arena_alloc(a, s.n + 1);
    struct mime_addr_spec spec = { 0 };
    if (!parse_spec(&p, &spec, e))
        return false;
    *out = spec;
    return true;
}
