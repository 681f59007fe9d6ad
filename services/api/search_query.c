/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of the search box. */
#include "services/api/search_query.h"

#include "base/date.h"
#include "search/tokens.h"
#include "store/store.h"

/* One word of what was typed. */
struct typed_word {
    str name;    /* of an operator, without ':'; empty for a word */
    str value;   /* without quotes */
    bool quoted; /* a phrase */
    bool negated;
    bool is_last; /* nothing follows, not even a space */
};

struct reading {
    struct arena *a;
    str rest;
    struct search_typed *out;
    struct search_node *nodes[SEARCH_TYPED_WORDS]; /* of the conjunction */
    size_t n;
    bool or_next; /* OR stood before this word */
    size_t words; /* read so far */
};

/* ---- words ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static str take_value(struct reading *r, bool *quoted)
{
    size_t n = 0;
    *quoted = r->rest.n > 0 && r->rest.p[0] == '"';
    if (*quoted) {
        str inside = str_skip(r->rest, 1);
        ptrdiff_t end = str_find_byte(inside, '"');
        n = end < 0 ? inside.n : (size_t)end;
        r->rest = str_skip(inside, n + 1);
        return str_slice(inside, 0, n);
    }
    while (n < r->rest.n && !is_space(r->rest.p[n]))
        n++;
    str value = str_slice(r->rest, 0, n);
    r->rest = str_skip(r->rest, n);
    return value;
}

/* Letters before a ':' that something follows. */
static str take_name(struct reading *r)
{
    size_t n = 0;
    while (n < r->rest.n && ascii_is_alpha(r->rest.p[n]))
        n++;
    if (n == 0 || n + 1 >= r->rest.n || r->rest.p[n] != ':' || is_space(r->rest.p[n + 1]))
        return STR_EMPTY;
    str name = str_slice(r->rest, 0, n);
    r->rest = str_skip(r->rest, n + 1);
    return name;
}

static bool next_word(struct reading *r, struct typed_word *out)
{
    while (r->rest.n > 0 && is_space(r->rest.p[0]))
        r->rest = str_skip(r->rest, 1);
    if (r->rest.n == 0)
        return false;
    *out = (struct typed_word){ .negated = r->rest.p[0] == '-' && r->rest.n > 1 };
    if (out->negated)
        r->rest = str_skip(r->rest, 1);
    str before = r->rest;
    out->name = take_name(r);
    out->value = take_value(r, &out->quoted);
    out->is_last = r->rest.n == 0 && !out->quoted;
    if (out->name.n > 0 && out->value.n == 0) {
        out->name = STR_EMPTY;
        out->value = before;
    }
    return true;
}

/* ---- the tree ---- */

static struct search_node *leaf(struct reading *r, const struct typed_word *w, unsigned fields)
{
    struct search_node *node = ARENA_NEW(r->a, struct search_node);
    bool is_prefix = w->is_last && !w->negated;
    *node = (struct search_node){
        .op = SEARCH_WORDS,
        .match = w->quoted   ? SEARCH_MATCH_PHRASE
                 : is_prefix ? SEARCH_MATCH_PREFIX
                             : SEARCH_MATCH_ALL,
        .fields = fields,
        .text = arena_str(r->a, w->value),
    };
    if (w->negated) {
        struct search_node *not = ARENA_NEW(r->a, struct search_node);
        *not = (struct search_node){ .op = SEARCH_NOT, .first = node };
        return not ;
    }
    r->out->needles[r->out->n_needles++] =
        (struct search_needle_typed){ .text = search_fold(r->a, search_normalize(r->a, w->value)),
                                      .fields = fields,
                                      .is_prefix = is_prefix };
    return node;
}

/* Joins the word to the one before when OR stands between them. */
static void add_node(struct reading *r, struct search_node *node)
{
    if (!r->or_next || r->n == 0) {
        r->nodes[r->n++] = node;
    } else if (r->nodes[r->n - 1]->op == SEARCH_OR) {
        node->next = r->nodes[r->n - 1]->first;
        r->nodes[r->n - 1]->first = node;
    } else {
        struct search_node *either = ARENA_NEW(r->a, struct search_node);
        node->next = r->nodes[r->n - 1];
        *either = (struct search_node){ .op = SEARCH_OR, .first = node };
        r->nodes[r->n - 1] = either;
    }
    r->or_next = false;
}

/* ---- operators ---- */

static void add_text(str *list, size_t *n, str text)
{
    if (*n < SEARCH_TYPED_LISTS)
        list[(*n)++] = text;
}

static bool act_field(struct reading *r, const struct typed_word *w, int64_t fields)
{
    add_node(r, leaf(r, w, (unsigned)fields));
    return true;
}

static bool act_in(struct reading *r, const struct typed_word *w, int64_t unused)
{
    struct search_typed *t = r->out;
    (void)unused;
    if (w->negated) {
        add_text(t->not_in, &t->n_not_in, arena_str(r->a, w->value));
    } else {
        add_text(t->in, &t->n_in, arena_str(r->a, w->value));
    }
    return true;
}

static bool act_is(struct reading *r, const struct typed_word *w, int64_t unused)
{
    static const struct {
        str word;
        unsigned flag;
        bool set;
    } states[] = {
        { STR_INIT("read"), STORE_SEEN, true },
        { STR_INIT("seen"), STORE_SEEN, true },
        { STR_INIT("unread"), STORE_SEEN, false },
        { STR_INIT("unseen"), STORE_SEEN, false },
        { STR_INIT("flagged"), STORE_FLAGGED, true },
        { STR_INIT("starred"), STORE_FLAGGED, true },
        { STR_INIT("answered"), STORE_ANSWERED, true },
        { STR_INIT("draft"), STORE_DRAFT, true },
    };
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (!str_ieq(w->value, states[i].word))
            continue;
        if (states[i].set != w->negated) {
            r->out->filter.with_flags |= states[i].flag;
        } else {
            r->out->filter.without_flags |= states[i].flag;
        }
        return true;
    }
    return false;
}

static bool act_has(struct reading *r, const struct typed_word *w, int64_t unused)
{
    (void)unused;
    if (!str_ieq(w->value, STR("attachment")) && !str_ieq(w->value, STR("attachments")))
        return false;
    r->out->filter.with_attachment |= !w->negated;
    r->out->filter.without_attachment |= w->negated;
    return true;
}

static bool act_label(struct reading *r, const struct typed_word *w, int64_t unused)
{
    struct search_typed *t = r->out;
    (void)unused;
    if (w->negated)
        return false;
    add_text(t->labels, &t->filter.n_labels, arena_lower(r->a, w->value));
    return true;
}

/* "2026-03-01", "2026-03" or "2026": the beginning of that day, month or year in UTC. */
static bool parse_day(str text, int64_t *out)
{
    static const uint64_t most[] = { 9999, 12, 31 };
    uint64_t parts[] = { 0, 1, 1 };
    bool more = true;
    for (size_t i = 0; i < COUNT_OF(parts) && more; i++) {
        str one;
        more = str_cut(text, '-', &one, &text);
        if (!str_to_uint(one, most[i], &parts[i]) || parts[i] == 0)
            return false;
    }
    const struct date d = { .year = (int)parts[0], .month = (int)parts[1], .day = (int)parts[2] };
    *out = date_to_unix_us(&d);
    return !more && parts[0] >= 1000 && date_is_valid(&d);
}

static bool act_date(struct reading *r, const struct typed_word *w, int64_t is_before)
{
    int64_t at;
    if (!parse_day(w->value, &at))
        return false;
    if ((is_before != 0) != w->negated) {
        r->out->filter.before_us = at;
    } else {
        r->out->filter.after_us = at;
    }
    return true;
}

/* "500", "20k", "5MB": octets. */
static bool parse_size(str text, int64_t *out)
{
    uint64_t number;
    size_t n = 0;
    unsigned shift = 0;
    while (n < text.n && ascii_is_digit(text.p[n]))
        n++;
    if (!str_to_uint(str_slice(text, 0, n), 1000000000, &number))
        return false;
    str unit = str_skip(text, n);
    if (str_ieq(unit, STR("k")) || str_ieq(unit, STR("kb"))) {
        shift = 10;
    } else if (str_ieq(unit, STR("m")) || str_ieq(unit, STR("mb"))) {
        shift = 20;
    } else if (str_ieq(unit, STR("g")) || str_ieq(unit, STR("gb"))) {
        shift = 30;
    } else if (unit.n > 0) {
        return false;
    }
    *out = (int64_t)(number << shift);
    return true;
}

static bool act_size(struct reading *r, const struct typed_word *w, int64_t is_smaller)
{
    int64_t size;
    if (!parse_size(w->value, &size))
        return false;
    if ((is_smaller != 0) != w->negated) {
        r->out->filter.smaller_than = size;
    } else {
        r->out->filter.larger_than = size;
    }
    return true;
}

static const struct {
    str name;
    bool (*act)(struct reading *r, const struct typed_word *w, int64_t arg);
    int64_t arg;
} operators[] = {
    { STR_INIT("from"), act_field, SEARCH_FIELD_FROM },
    { STR_INIT("to"), act_field, SEARCH_FIELD_TO },
    { STR_INIT("subject"), act_field, SEARCH_FIELD_SUBJECT },
    { STR_INIT("body"), act_field, SEARCH_FIELD_BODY },
    { STR_INIT("in"), act_in, 0 },
    { STR_INIT("is"), act_is, 0 },
    { STR_INIT("has"), act_has, 0 },
    { STR_INIT("label"), act_label, 0 },
    { STR_INIT("before"), act_date, 1 },
    { STR_INIT("after"), act_date, 0 },
    { STR_INIT("larger"), act_size, 0 },
    { STR_INIT("smaller"), act_size, 1 },
};

/* False for what is no operator, and for a value that it does not know: those are words. */
static bool apply_operator(struct reading *r, const struct typed_word *w)
{
    for (size_t i = 0; w->name.n > 0 && i < COUNT_OF(operators); i++) {
        if (str_ieq(operators[i].name, w->name))
            return operators[i].act(r, w, operators[i].arg);
    }
    return false;
}

static void read_word(struct reading *r, struct typed_word *w)
{
    if (!w->quoted && !w->negated && w->name.n == 0 && str_eq(w->value, STR("OR"))) {
        r->or_next = r->n > 0;
        return;
    }
    if (apply_operator(r, w))
        return;
    if (w->name.n > 0)
        w->value = arena_printf(r->a, "%.*s %.*s", STR_FMT(w->name), STR_FMT(w->value));
    add_node(r, leaf(r, w, SEARCH_FIELD_ANY));
}

void search_typed_read(struct arena *a, str typed, struct search_typed *out)
{
    struct typed_word w;
    struct reading r = { .a = a, .rest = typed, .out = out };
    *out = (struct search_typed){
        .filter = { .after_us = INT64_MIN,
                    .before_us = INT64_MAX,
                    .larger_than = -1,
                    .smaller_than = INT64_MAX },
    };
    out->filter.labels = out->labels;
    while (r.words++ < SEARCH_TYPED_WORDS && next_word(&r, &w))
        read_word(&r, &w);
    for (size_t i = 1; i < r.n; i++)
        r.nodes[i - 1]->next = r.nodes[i];
    if (r.n > 0) {
        struct search_node *all = ARENA_NEW(a, struct search_node);
        *all = (struct search_node){ .op = SEARCH_AND, .first = r.nodes[0] };
        out->words = all;
    }
}

/* ---- segments ---- */

static bool is_word_byte(char c)
{
    return ascii_is_alnum(c) || (unsigned char)c >= 0x80 || c == '_';
}

/* Whether a word of a text is what was searched for. A needle may have several words (a phrase, an
 * address): each of them counts. */
static bool is_match(struct arena *a, const struct search_typed *typed, unsigned field, str word)
{
    str normal = search_fold(a, search_normalize(a, word));
    for (size_t i = 0; i < typed->n_needles; i++) {
        const struct search_needle_typed *needle = &typed->needles[i];
        str rest = needle->text;
        if (needle->fields && !(needle->fields & field))
            continue;
        while (rest.n > 0) {
            size_t n = 0;
            while (n < rest.n && is_word_byte(rest.p[n]))
                n++;
            str one = str_slice(rest, 0, n);
            rest = str_skip(rest, n + (n < rest.n));
            bool is_wide = n > 0 && (unsigned char)one.p[0] >= 0xe0;
            bool is_last = rest.n == 0;
            if (n > 0 && (str_eq(normal, one) ||
                          (is_last && needle->is_prefix && str_has_prefix(normal, one)) ||
                          (is_wide && str_find(normal, one) >= 0)))
                return true;
        }
    }
    return false;
}

size_t search_segments(struct arena *a, const struct search_typed *typed, unsigned field, str text,
                       struct search_segment **out)
{
    struct search_segment *list = ARENA_ARRAY(a, struct search_segment, text.n + 1);
    size_t n = 0;
    size_t plain = 0; /* where the piece that does not match began */
    for (size_t at = 0; at < text.n;) {
        size_t end = at;
        while (end < text.n && is_word_byte(text.p[end]))
            end++;
        if (end == at) {
            at++;
            continue;
        }
        if (is_match(a, typed, field, str_slice(text, at, end - at))) {
            if (at > plain)
                list[n++] = (struct search_segment){ str_slice(text, plain, at - plain), false };
            list[n++] = (struct search_segment){ str_slice(text, at, end - at), true };
            plain = end;
        }
        at = end;
    }
    if (plain < text.n)
        list[n++] = (struct search_segment){ str_skip(text, plain), false };
    *out = list;
    return n;
}
