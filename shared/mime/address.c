/* SPDX-License-Identifier: Apache-2.0 */
/* Reads address lists as they are found in the world. One pass; three texts grow side by side while
 * an entry is read: the phrase it may turn out to be, the addr-spec it may turn out to be, and its
 * comment. None can be longer than the input, so each has one piece of memory for the whole list.
 */
#include "mime/address.h"

#include "mime/encoded_word.h"

enum {
    MAX_LITERAL = 255 /* octets of a domain (RFC 5321 section 4.5.3.1.2) */
};

struct text {
    char *p;
    size_t n;
};

struct list_parser {
    struct arena *a;
    str s;
    size_t at;
    struct text phrase; /* words with single spaces between */
    struct text spec;   /* the same without spaces */
    struct text comment;
    size_t phrase_start; /* of this entry */
    size_t spec_start;
    size_t comment_start;
    ptrdiff_t at_sign; /* in spec, the last one outside quotes; -1 for none */
    size_t n_at;       /* of them in this spec */
    bool names_one;    /* of them stands between words: a phrase that looks like an address */
    bool is_torn;      /* the domain of this spec goes on behind a gap */
    bool gap;          /* white space or a comment since the last byte of the phrase */
    bool in_group;
    bool has_junk;
    bool is_ambiguous;
    struct mime_address *items;
    size_t n;
    size_t room;
    bool cut;
};

static void put(struct text *t, char c)
{
    if (c == '\r' || c == '\n')
        return;
    t->p[t->n++] = (char)((unsigned char)c < ' ' || c == 127 ? ' ' : c);
}

static str since(const struct text *t, size_t start)
{
    return str_of(t->p + start, t->n - start);
}

static void begin_spec(struct list_parser *p)
{
    p->spec_start = p->spec.n;
    p->at_sign = -1;
    p->n_at = 0;
    p->names_one = false;
    p->is_torn = false;
}

/* Whether words are written side by side: between the labels of a domain there is a dot, whatever
 * else stands there (obs-domain). */
static bool is_tear(const struct list_parser *p, char next)
{
    if (p->at_sign < 0 || !p->gap || p->spec.n == p->spec_start)
        return false;
    char last = p->spec.p[p->spec.n - 1];
    return last != '.' && last != '@' && next != '.' && next != '@';
}

static void put_word_byte(struct list_parser *p, char c)
{
    p->is_torn |= is_tear(p, c);
    if (p->gap && p->phrase.n > p->phrase_start)
        put(&p->phrase, ' ');
    p->gap = false;
    put(&p->phrase, c);
    put(&p->spec, c);
}

/* What began at `start` has no end: others may read the rest of the field as something else. */
static void note_open(struct list_parser *p, size_t start)
{
    p->has_junk = true;
    p->is_ambiguous |= str_find_byte(str_skip(p->s, start), '@') >= 0;
}

/* A comment, its outer brackets left out; the cursor is on the '('. Only the first of an entry is
 * kept. One that is nested too deeply or not closed takes the rest of the field. */
static void read_comment(struct list_parser *p)
{
    bool keep = p->comment.n == p->comment_start;
    size_t start = p->at;
    unsigned depth = 0;
    for (; p->at < p->s.n; p->at++) {
        char c = p->s.p[p->at];
        if (c == '(' && ++depth > MIME_MAX_COMMENT_DEPTH) {
            p->at = p->s.n;
            p->cut = true;
            break;
        }
        if (c == '(' && depth == 1)
            continue;
        if (c == ')' && --depth == 0)
            break;
        if (c == '\\' && p->at + 1 < p->s.n)
            c = p->s.p[++p->at];
        if (keep)
            put(&p->comment, c);
    }
    if (p->at == p->s.n) {
        note_open(p, start);
    } else {
        p->at++;
    }
    p->gap = true;
}

/* A quoted string, without its quotes; the cursor is on the first one. */
static void read_quoted(struct list_parser *p)
{
    size_t start = p->at;
    p->is_torn |= p->at_sign >= 0; /* no domain has one */
    if (p->gap && p->phrase.n > p->phrase_start)
        put(&p->phrase, ' ');
    p->gap = false;
    for (p->at++; p->at < p->s.n; p->at++) {
        char c = p->s.p[p->at];
        if (c == '"') {
            p->at++;
            return;
        }
        if (c == '\\' && p->at + 1 < p->s.n)
            c = p->s.p[++p->at];
        put(&p->phrase, c);
        put(&p->spec, c);
    }
    note_open(p, start);
}

/* A domain literal behind the '@': nothing in it ends the entry, "[IPv6:2001:db8::1]" is no group.
 * False, and nothing read, when it does not begin here or has no end. */
static bool read_literal(struct list_parser *p)
{
    str rest = str_slice(p->s, p->at, MAX_LITERAL);
    bool is_behind = p->at_sign >= 0 && (size_t)p->at_sign + 1 == p->spec.n;
    ptrdiff_t end = is_behind && rest.p[0] == '[' ? str_find_byte(rest, ']') : -1;
    if (end < 0)
        return false;
    for (size_t i = 0; i <= (size_t)end; i++) {
        if (str_find_byte(STR(" \t\r\n"), rest.p[i]) >= 0)
            continue;
        put(&p->phrase, rest.p[i]);
        put(&p->spec, rest.p[i]);
    }
    p->at += (size_t)end + 1;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The '@' in front of the cursor. */
static void note_at_sign(struct list_parser *p)
{
    bool is_inside =
        p->at >= 2 && p->at < p->s.n && !is_blank(p->s.p[p->at - 2]) && !is_blank(p->s.p[p->at]);
    p->at_sign = (ptrdiff_t)p->spec.n;
    p->n_at++;
    p->names_one |= is_inside;
}

/* Reads until one of `stops` that stands outside quotes, comments and brackets, and gives it with
 * the cursor behind it; '\0' at the end. */
static char read_until(struct list_parser *p, str stops)
{
    while (p->at < p->s.n) {
        char c = p->s.p[p->at];
        if (c == '(') {
            read_comment(p);
            continue;
        }
        if (c == '"') {
            read_quoted(p);
            continue;
        }
        if (read_literal(p))
            continue;
        p->at++;
        if (is_blank(c)) {
            p->gap = true;
        } else if (str_find_byte(stops, c) >= 0) {
            return c;
        } else {
            if (c == '@')
                note_at_sign(p);
            put_word_byte(p, c);
        }
    }
    return '\0';
}

static void begin_entry(struct list_parser *p)
{
    p->phrase_start = p->phrase.n;
    p->comment_start = p->comment.n;
    p->gap = false;
    begin_spec(p);
}

static struct mime_address *add(struct list_parser *p, enum mime_address_kind kind)
{
    if (p->n == MIME_MAX_ADDRESSES) {
        p->cut = true;
        p->at = p->s.n;
        return NULL;
    }
    if (p->n == p->room) {
        size_t room = p->room ? p->room * 2 : 4;
        struct mime_address *items = ARENA_ARRAY(p->a, struct mime_address, room);
        if (p->n)
            memcpy(items, p->items, p->n * sizeof(*items));
        p->items = items;
        p->room = room;
    }
    struct mime_address *item = &p->items[p->n++];
    *item = (struct mime_address){ .kind = kind };
    return item;
}

static void set_name(struct list_parser *p, struct mime_address *item, str raw)
{
    item->raw_name = raw;
    item->name = raw.n ? mime_phrase_decode(p->a, raw) : STR_EMPTY;
}

/* Splits the addr-spec that was read last at its '@'. */
static void set_spec(struct list_parser *p, struct mime_address *item)
{
    str spec = since(&p->spec, p->spec_start);
    p->is_ambiguous |= p->n_at > 1 || p->is_torn;
    if (p->at_sign < 0) {
        item->local = spec;
        return;
    }
    size_t at = (size_t)p->at_sign - p->spec_start;
    item->local = str_slice(spec, 0, at);
    item->domain = str_skip(spec, at + 1);
}

/* "@a,@b": domains only. */
static bool is_route(str route)
{
    bool is_first = true;
    for (size_t i = 0; i < route.n; i++) {
        char c = route.p[i];
        if (is_first ? c != '@' && c != ',' : c == '@' || c == '"' || c == '<')
            return false;
        is_first = c == ',';
    }
    return !is_first;
}

/* RFC 5322 section 4.4: "@a,@b:" in front of the addr-spec. Nobody is to write it any more. */
static str read_route(struct list_parser *p)
{
    while (p->at < p->s.n && is_blank(p->s.p[p->at]))
        p->at++;
    if (p->at == p->s.n || p->s.p[p->at] != '@')
        return STR_EMPTY;
    struct list_parser before = *p;
    if (read_until(p, STR(":>;<")) == ':') {
        str route = since(&p->spec, before.spec.n);
        p->has_junk = true;
        p->is_ambiguous |= p->is_torn || !is_route(route);
        return route;
    }
    *p = before;
    return STR_EMPTY;
}

/* What stands behind '>' up to the next comma: comments, by the grammar. Signs without a word
 * among them, as a bracket or a quote too many, are no address for anybody. */
static char read_strays(struct list_parser *p)
{
    size_t start = p->phrase.n;
    char stop = read_until(p, STR(",;"));
    str strays = since(&p->phrase, start);
    for (size_t i = 0; i < strays.n; i++) {
        char c = strays.p[i];
        p->has_junk |= c != ' ';
        p->is_ambiguous |= ascii_is_alnum(c) || (unsigned char)c > 127;
    }
    return stop;
}

/* A phrase that reads like an address, and like another than the one behind it. */
static bool is_other_address(const struct list_parser *p, str phrase, bool names_one)
{
    return names_one && !str_ieq(phrase, since(&p->spec, p->spec_start));
}

/* <...>; the cursor is behind the '<'. What follows up to the next comma may be a comment. */
static char read_angle(struct list_parser *p)
{
    str phrase = since(&p->phrase, p->phrase_start);
    bool names_one = p->names_one;
    p->phrase_start = p->phrase.n;
    begin_spec(p);
    str route = read_route(p);
    begin_spec(p);
    char stop = read_until(p, STR(">,"));
    struct mime_address *item = NULL;
    bool empty = p->spec.n == p->spec_start && phrase.n == 0;
    if (!empty)
        item = add(p, MIME_ADDRESS_MAILBOX);
    if (item) {
        set_spec(p, item);
        item->route = route;
    }
    p->has_junk |= stop != '>' || is_other_address(p, phrase, names_one);
    if (stop == '>')
        stop = read_strays(p);
    if (item)
        set_name(p, item, phrase.n ? phrase : str_trim(since(&p->comment, p->comment_start)));
    return stop;
}

/* An entry without angle brackets. Without an '@' the words may be a local name, spaces and all. */
static void end_bare(struct list_parser *p)
{
    str phrase = since(&p->phrase, p->phrase_start);
    struct mime_address *item = phrase.n ? add(p, MIME_ADDRESS_MAILBOX) : NULL;
    if (!item)
        return;
    set_spec(p, item);
    if (p->at_sign < 0)
        item->local = phrase;
    set_name(p, item, str_trim(since(&p->comment, p->comment_start)));
}

static void begin_group(struct list_parser *p)
{
    struct mime_address *item = add(p, MIME_ADDRESS_GROUP_START);
    p->is_ambiguous |= p->names_one;
    if (item)
        set_name(p, item, since(&p->phrase, p->phrase_start));
    p->in_group = item != NULL;
}

static void end_group(struct list_parser *p)
{
    if (p->in_group)
        (void)add(p, MIME_ADDRESS_GROUP_END);
    p->in_group = false;
}

static void read_entry(struct list_parser *p)
{
    begin_entry(p);
    char stop = read_until(p, p->in_group ? STR(",;<") : STR(",;<:"));
    if (stop == ':') {
        begin_group(p);
        return;
    }
    if (stop == '<') {
        stop = read_angle(p);
    } else {
        end_bare(p);
    }
    if (stop == ';')
        end_group(p);
}

void mime_address_list_parse(struct arena *a, str body, struct mime_address_list *out)
{
    str s = str_slice(body, 0, MIME_MAX_FIELD_BYTES);
    struct list_parser p = { .a = a,
                             .s = s,
                             .phrase = { .p = arena_alloc(a, s.n + 1) },
                             .spec = { .p = arena_alloc(a, s.n + 1) },
                             .comment = { .p = arena_alloc(a, s.n + 1) },
                             .cut = body.n > s.n };
    while (p.at < s.n)
        read_entry(&p);
    if (p.in_group && p.n < MIME_MAX_ADDRESSES)
        end_group(&p);
    *out = (struct mime_address_list){
        .items = p.items,
        .n = p.n,
        .cut = p.cut,
        .has_junk = p.has_junk || p.is_ambiguous,
        .is_ambiguous = p.is_ambiguous,
    };
}

const struct mime_address *mime_address_first(const struct mime_address_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].kind == MIME_ADDRESS_MAILBOX)
            return &list->items[i];
    }
    return NULL;
}

static bool is_atext(char c)
{
    return ascii_is_alnum(c) || (unsigned char)c > 127 ||
           (str_find_byte(STR("!#$%&'*+-/=?^_`{|}~"), c) >= 0);
}

static bool is_dot_atom(str s)
{
    bool dot = true;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' ? dot : !is_atext(s.p[i]))
            return false;
        dot = s.p[i] == '.';
    }
    return !dot;
}

str mime_address_spec(struct arena *a, const struct mime_address *address)
{
    str local = address->local;
    bool plain = is_dot_atom(local) || address->domain.n == 0;
    char *p = arena_alloc(a, local.n * 2 + address->domain.n + 4);
    size_t n = 0;
    if (!plain)
        p[n++] = '"';
    for (size_t i = 0; i < local.n; i++) {
        if (!plain && (local.p[i] == '"' || local.p[i] == '\\'))
            p[n++] = '\\';
        p[n++] = local.p[i];
    }
    if (!plain)
        p[n++] = '"';
    if (address->domain.n) {
        p[n++] = '@';
        memcpy(p + n, address->domain.p, address->domain.n);
        n += address->domain.n;
    }
    return str_of(p, n);
}
