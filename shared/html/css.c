/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the tokens. A declaration or the head of a rule is written aside and taken over
 * when all of it was allowed, so nothing half-read reaches the output. */
#include "html/css.h"

#include "html/css_lists.h"
#include "html/css_token.h"
#include "html/html.h"

enum {
    MAX_NESTED = 32,     /* brackets inside each other */
    MAX_MEDIA_DEPTH = 3, /* @media inside each other */
    INVISIBLE_PIXELS = 2 /* pictures of this size or less are trackers */
};

struct cleaner {
    struct css_context *context;
    struct css_reader reader;
    struct buf *out;
    struct buf part; /* the declaration or head that is being read */
};

static void next(struct cleaner *c, struct css_token *t)
{
    css_read(&c->reader, t);
}

static void next_not_space(struct cleaner *c, struct css_token *t)
{
    do {
        next(c, t);
    } while (t->kind == CSS_SPACE);
}

static enum css_kind closer_of(enum css_kind kind)
{
    if (kind == CSS_OPEN_BRACE)
        return CSS_CLOSE_BRACE;
    return kind == CSS_OPEN_BRACKET ? CSS_CLOSE_BRACKET : CSS_CLOSE_PAREN;
}

static bool is_opener(enum css_kind kind)
{
    return kind == CSS_OPEN_BRACE || kind == CSS_OPEN_BRACKET || kind == CSS_OPEN_PAREN ||
           kind == CSS_FUNCTION;
}

/* Tells about an address in what is left out: a server that the mail wanted to reach. */
static void note_url(struct cleaner *c, const struct css_token *t, bool strings)
{
    if (t->kind == CSS_URL || (t->kind == CSS_STRING && strings))
        (void)c->context->url(c->context->arg, t->text, NULL);
}

/* Leaves out what follows `t`: to the ';' or to the end of the first block when `block_ends`, else
 * to the ';'. A '}' that was not opened here ends it too and is given in *t. */
static void skip(struct cleaner *c, struct css_token *t, bool block_ends)
{
    enum css_kind closers[MAX_NESTED];
    size_t depth = 0;
    bool import = t->kind == CSS_AT && str_ieq(t->text, STR("import"));
    bool in_url = import;
    c->context->dropped++;
    for (; t->kind != CSS_END; next(c, t)) {
        note_url(c, t, in_url);
        in_url = import || (t->kind == CSS_FUNCTION && str_ieq(t->text, STR("url"))) ||
                 (in_url && t->kind == CSS_SPACE);
        if (depth == 0 && (t->kind == CSS_SEMICOLON || t->kind == CSS_CLOSE_BRACE))
            return;
        if (is_opener(t->kind) && depth < MAX_NESTED) {
            closers[depth++] = closer_of(t->kind);
        } else if (depth > 0 && t->kind == closers[depth - 1]) {
            depth--;
            if (depth == 0 && t->kind == CSS_CLOSE_BRACE && block_ends) {
                t->kind = CSS_SEMICOLON;
                return;
            }
        }
    }
}

/* url("...") in a value; the cursor is behind the '('. */
static bool read_quoted_url(struct cleaner *c, struct css_token *t)
{
    struct css_token close;
    next_not_space(c, t);
    if (t->kind != CSS_STRING)
        return false;
    next_not_space(c, &close);
    t->kind = CSS_URL;
    return close.kind == CSS_CLOSE_PAREN || close.kind == CSS_END;
}

/* An address becomes the allowed one, or "none". */
static bool write_url(struct cleaner *c, const struct css_property *property, struct css_token *t)
{
    struct buf url;
    if (!(property->flags & CSS_TAKES_URL))
        return false;
    buf_init(&url, HTML_MAX_OUTPUT_BYTES);
    bool allowed = c->context->url(c->context->arg, t->text, &url);
    t->text = buf_str(&url);
    bool ok = allowed ? css_write(t, &c->part) : buf_add(&c->part, STR(" none "));
    buf_fini(&url);
    return ok;
}

static bool is_allowed_in_value(const struct css_property *property, const struct css_token *t)
{
    if (t->kind == CSS_IDENT && (property->flags & CSS_IS_POSITION)) {
        return str_ieq(t->text, STR("static")) || str_ieq(t->text, STR("relative")) ||
               str_ieq(t->text, STR("important"));
    }
    if (t->kind == CSS_STRING)
        return property->flags & CSS_TAKES_STRING;
    if (t->kind == CSS_FUNCTION)
        return css_is_allowed_function(t->text);
    if (t->kind == CSS_DELIM)
        return str_find_byte(STR("+-*/!"), t->delim) >= 0;
    return t->kind == CSS_SPACE || t->kind == CSS_IDENT || t->kind == CSS_HASH ||
           t->kind == CSS_NUMBER || t->kind == CSS_PERCENTAGE || t->kind == CSS_DIMENSION ||
           t->kind == CSS_COMMA || t->kind == CSS_OPEN_PAREN;
}

/* The value of an allowed property into c->part, up to the ';', '}' or end, which is given in *t.
 * False when something in it is not allowed; *t is that token then. */
static bool read_value(struct cleaner *c, const struct css_property *property, struct css_token *t)
{
    size_t depth = 0;
    for (next(c, t);; next(c, t)) {
        bool ends = t->kind == CSS_SEMICOLON || t->kind == CSS_CLOSE_BRACE || t->kind == CSS_END;
        if (ends)
            return depth == 0;
        bool quoted = t->kind == CSS_FUNCTION && str_ieq(t->text, STR("url"));
        if (quoted && !read_quoted_url(c, t))
            return false;
        if (t->kind == CSS_URL) {
            if (!write_url(c, property, t))
                return false;
            continue;
        }
        if (t->kind == CSS_CLOSE_PAREN && depth > 0) {
            depth--;
        } else if (!is_allowed_in_value(property, t)) {
            return false;
        }
        depth += t->kind == CSS_FUNCTION || t->kind == CSS_OPEN_PAREN;
        if (depth > MAX_NESTED || !css_write(t, &c->part))
            return false;
    }
}

static bool contains(str text, const char *word)
{
    return str_ifind(text, str_from_cstr(word)) >= 0;
}

unsigned css_size_looks(str value, bool is_height)
{
    str number = str_trim(value);
    size_t digits = 0;
    while (digits < number.n && ascii_is_digit(number.p[digits]))
        digits++;
    uint64_t pixels = 0;
    str unit = str_skip(number, digits);
    bool plain = str_is_empty(unit) || str_has_iprefix(unit, STR("px"));
    bool small = plain && str_to_uint(str_slice(number, 0, digits), INT32_MAX, &pixels) &&
                 pixels <= INVISIBLE_PIXELS;
    if (is_height)
        return small ? CSS_IS_LOW : CSS_IS_HIGH;
    return small ? CSS_IS_NARROW : CSS_IS_WIDE;
}

/* What a declaration that was written tells about the mail. */
static void note_value(struct css_context *context, const struct css_property *property, str value)
{
    static const char *const neutral[] = { "inherit", "transparent", "initial", "unset", "none" };
    bool is_neutral = false;
    for (size_t i = 0; i < COUNT_OF(neutral); i++)
        is_neutral |= str_ieq(str_trim(value), str_from_cstr(neutral[i]));
    if ((property->flags & CSS_IS_COLOUR) && !is_neutral)
        context->sets_colours = true;
    bool is_hidden = (str_eq(property->name, STR("display")) && contains(value, "none")) ||
                     (str_eq(property->name, STR("visibility")) && contains(value, "hidden")) ||
                     (str_eq(property->name, STR("opacity")) && str_eq(value, STR("0")));
    if (is_hidden)
        context->looks |= CSS_IS_HIDDEN;
    if ((property->flags & CSS_IS_SIZE) && !str_has_prefix(property->name, STR("min")))
        context->looks |= css_size_looks(value, contains(property->name, "height"));
}

/* The part of a declaration behind its name: ':' and the value. */
static bool read_declaration(struct cleaner *c, str name, struct css_token *t)
{
    const struct css_property *property = css_property_find(name);
    next_not_space(c, t);
    if (str_ieq(name, STR("color-scheme")))
        c->context->knows_dark = true;
    if (t->kind != CSS_COLON || !property)
        return false;
    (void)buf_addf(&c->part, "%.*s:", STR_FMT(property->name));
    size_t start = c->part.n;
    if (!read_value(c, property, t))
        return false;
    str value = str_skip(buf_str(&c->part), start);
    if (str_is_empty(str_trim(value)))
        return false;
    note_value(c->context, property, value);
    return true;
}

/* Declarations up to a '}' or the end. */
static void read_declarations(struct cleaner *c, size_t *written)
{
    struct css_token t;
    for (next(c, &t); t.kind != CSS_END && t.kind != CSS_CLOSE_BRACE;) {
        if (t.kind == CSS_SPACE || t.kind == CSS_SEMICOLON) {
            next(c, &t);
            continue;
        }
        buf_clear(&c->part);
        if (t.kind != CSS_IDENT) {
            skip(c, &t, true);
        } else if (!read_declaration(c, t.text, &t)) {
            skip(c, &t, false);
        } else if (buf_addf(c->out, "%s%.*s", *written ? ";" : "", STR_FMT(buf_str(&c->part)))) {
            (*written)++;
        }
    }
}

static bool is_allowed_in_selector(const struct css_token *t, bool in_brackets)
{
    if (t->kind == CSS_DELIM)
        return str_find_byte(in_brackets ? STR("=~^$*|") : STR(".>+~*"), t->delim) >= 0;
    if (t->kind == CSS_STRING)
        return in_brackets;
    return t->kind == CSS_SPACE || t->kind == CSS_IDENT || t->kind == CSS_HASH ||
           t->kind == CSS_COMMA || t->kind == CSS_COLON || t->kind == CSS_OPEN_BRACKET ||
           t->kind == CSS_CLOSE_BRACKET || t->kind == CSS_NUMBER || t->kind == CSS_DIMENSION ||
           t->kind == CSS_FUNCTION || t->kind == CSS_CLOSE_PAREN;
}

/* A selector into c->part, up to the '{', which is given in *t. */
static bool read_selector(struct cleaner *c, struct css_token *t)
{
    size_t parens = 0;
    bool in_brackets = false;
    bool after_colon = false;
    for (; t->kind != CSS_OPEN_BRACE; next(c, t)) {
        bool named = t->kind == CSS_IDENT || t->kind == CSS_FUNCTION;
        if (!is_allowed_in_selector(t, in_brackets) || (t->kind == CSS_FUNCTION && !after_colon) ||
            (after_colon && t->kind != CSS_COLON && !(named && css_is_allowed_pseudo(t->text))) ||
            (t->kind == CSS_CLOSE_PAREN && parens == 0) ||
            (t->kind == CSS_OPEN_BRACKET && in_brackets) ||
            (t->kind == CSS_CLOSE_BRACKET && !in_brackets))
            return false;
        parens += t->kind == CSS_FUNCTION;
        parens -= t->kind == CSS_CLOSE_PAREN;
        in_brackets = t->kind == CSS_OPEN_BRACKET || (in_brackets && t->kind != CSS_CLOSE_BRACKET);
        after_colon = t->kind == CSS_COLON;
        if (t->kind == CSS_HASH)
            t->text = arena_printf(c->reader.a, "m-%.*s", STR_FMT(t->text));
        if (!css_write(t, &c->part))
            return false;
    }
    return parens == 0 && !in_brackets && !after_colon && str_trim(buf_str(&c->part)).n > 0;
}

/* A rule with declarations; *t is its first token. */
static void read_rule(struct cleaner *c, struct css_token *t)
{
    size_t before = c->out->n;
    size_t written = 0;
    buf_clear(&c->part);
    if (!read_selector(c, t)) {
        skip(c, t, true);
        return;
    }
    bool ok = buf_addf(c->out, "%.*s{", STR_FMT(str_trim(buf_str(&c->part))));
    read_declarations(c, &written);
    ok = ok && written > 0 && buf_add(c->out, STR("}\n"));
    if (!ok)
        buf_truncate(c->out, before);
    c->context->looks = 0;
}

/* The condition behind "@media" into c->part, up to the '{' or the end, which is given in *t. */
static bool read_media(struct cleaner *c, struct css_token *t)
{
    size_t parens = 0;
    for (next(c, t); t->kind != CSS_OPEN_BRACE && t->kind != CSS_END; next(c, t)) {
        bool allowed = t->kind == CSS_SPACE || t->kind == CSS_IDENT || t->kind == CSS_COMMA ||
                       t->kind == CSS_COLON || t->kind == CSS_OPEN_PAREN ||
                       (t->kind == CSS_CLOSE_PAREN && parens > 0) || t->kind == CSS_NUMBER ||
                       t->kind == CSS_DIMENSION ||
                       (t->kind == CSS_DELIM && str_find_byte(STR("<>=/"), t->delim) >= 0);
        parens += t->kind == CSS_OPEN_PAREN;
        parens -= allowed && t->kind == CSS_CLOSE_PAREN;
        if (!allowed || !css_write(t, &c->part))
            return false;
    }
    if (contains(buf_str(&c->part), "prefers-color-scheme"))
        c->context->knows_dark = true;
    return parens == 0;
}

/* The rules of the sheet and those inside @media, by a stack of where they began in the output. */
static void read_rules(struct cleaner *c)
{
    size_t begins[MAX_MEDIA_DEPTH];
    size_t contents[MAX_MEDIA_DEPTH];
    size_t depth = 0;
    struct css_token t;
    for (next(c, &t); t.kind != CSS_END; next(c, &t)) {
        if (t.kind == CSS_CLOSE_BRACE && depth > 0) {
            depth--;
            bool empty = c->out->n == contents[depth];
            if (empty || !buf_add(c->out, STR("}\n")))
                buf_truncate(c->out, begins[depth]);
        } else if (t.kind == CSS_AT && str_ieq(t.text, STR("media")) && depth < MAX_MEDIA_DEPTH) {
            buf_clear(&c->part);
            if (!read_media(c, &t) || t.kind == CSS_END) {
                skip(c, &t, true);
                continue;
            }
            begins[depth] = c->out->n;
            (void)buf_addf(c->out, "@media%.*s{", STR_FMT(buf_str(&c->part)));
            contents[depth++] = c->out->n;
        } else if (t.kind == CSS_AT) {
            skip(c, &t, true);
        } else if (t.kind != CSS_SPACE && t.kind != CSS_COMMENT_MARK && t.kind != CSS_SEMICOLON) {
            read_rule(c, &t);
        }
    }
    for (; depth > 0; depth--)
        (void)buf_add(c->out, STR("}\n"));
}

static void init(struct cleaner *c, struct css_context *context, str css, struct buf *out)
{
    *c = (struct cleaner){ .context = context, .out = out };
    c->reader = (struct css_reader){ .css = css, .a = context->a };
    buf_init(&c->part, HTML_MAX_OUTPUT_BYTES);
}

void css_clean_declarations(struct css_context *context, str css, struct buf *out)
{
    struct cleaner c;
    size_t written = 0;
    init(&c, context, css, out);
    context->looks = 0;
    while (c.reader.at < css.n)
        read_declarations(&c, &written);
    buf_fini(&c.part);
}

void css_clean_sheet(struct css_context *context, str css, str media, struct buf *out)
{
    struct cleaner c;
    struct css_token t;
    size_t before = out->n;
    bool has_media = str_trim(media).n > 0;
    init(&c, context, media, out);
    if (has_media && (!read_media(&c, &t) || t.kind != CSS_END)) {
        context->dropped++;
        buf_fini(&c.part);
        return;
    }
    if (has_media)
        (void)buf_addf(out, "@media %.*s{", STR_FMT(buf_str(&c.part)));
    size_t content = out->n;
    c.reader = (struct css_reader){ .css = css, .a = context->a };
    read_rules(&c);
    if (has_media && (out->n == content || !buf_add(out, STR("}\n"))))
        buf_truncate(out, before);
    buf_fini(&c.part);
}
