/* SPDX-License-Identifier: Apache-2.0 */
/* The walk that writes text: words are collected, white space and line ends are due until the next
 * word comes, so none stand at the ends. */
#include "html/to_text.h"

#include "base/utf8.h"
#include "html/html.h"
#include "html/lists.h"
#include "html/tree.h"
#include "html/url.h"

enum {
    MAX_LISTS = 16, /* inside each other with an own indent */
    MAX_QUOTES = 20,
    MAX_WORD_BYTES = 2000,
    NO_LIST = -1
};

struct layout {
    const struct html_text_options *options;
    struct buf *out;
    struct arena scratch;
    size_t start;            /* of our text in out */
    unsigned lines;          /* line ends due */
    unsigned spaces;         /* spaces due */
    unsigned line_quotes;    /* of the line that was written last */
    unsigned quotes;         /* "> " at the beginning of lines */
    unsigned lists;          /* open lists */
    int counters[MAX_LISTS]; /* next number of each list, or NO_LIST */
    bool item_due;           /* the next word is the first of a list item */
    unsigned pre;            /* open <pre> */
    size_t column;           /* characters in the line */
    size_t link_start;       /* where the text of the open link begins */
    struct buf word;
    bool is_blank; /* nothing to be seen in the open block so far ... */
    bool has_nbsp; /* ... but a space that holds it open, as editors do with an empty line */
    bool full;
};

enum break_kind {
    BREAK_NONE,
    BREAK_CELL,
    BREAK_LINE,
    BREAK_PARAGRAPH
};

static const enum break_kind breaks[GUMBO_TAG_LAST + 1] = {
    [GUMBO_TAG_TD] = BREAK_CELL,           [GUMBO_TAG_TH] = BREAK_CELL,
    [GUMBO_TAG_DIV] = BREAK_LINE,          [GUMBO_TAG_LI] = BREAK_LINE,
    [GUMBO_TAG_TR] = BREAK_LINE,           [GUMBO_TAG_DT] = BREAK_LINE,
    [GUMBO_TAG_DD] = BREAK_LINE,           [GUMBO_TAG_SECTION] = BREAK_LINE,
    [GUMBO_TAG_ARTICLE] = BREAK_LINE,      [GUMBO_TAG_HEADER] = BREAK_LINE,
    [GUMBO_TAG_FOOTER] = BREAK_LINE,       [GUMBO_TAG_CENTER] = BREAK_LINE,
    [GUMBO_TAG_ADDRESS] = BREAK_LINE,      [GUMBO_TAG_FORM] = BREAK_LINE,
    [GUMBO_TAG_CAPTION] = BREAK_LINE,      [GUMBO_TAG_FIGCAPTION] = BREAK_LINE,
    [GUMBO_TAG_MAIN] = BREAK_LINE,         [GUMBO_TAG_NAV] = BREAK_LINE,
    [GUMBO_TAG_ASIDE] = BREAK_LINE,        [GUMBO_TAG_DETAILS] = BREAK_LINE,
    [GUMBO_TAG_SUMMARY] = BREAK_LINE,      [GUMBO_TAG_P] = BREAK_PARAGRAPH,
    [GUMBO_TAG_H1] = BREAK_PARAGRAPH,      [GUMBO_TAG_H2] = BREAK_PARAGRAPH,
    [GUMBO_TAG_H3] = BREAK_PARAGRAPH,      [GUMBO_TAG_H4] = BREAK_PARAGRAPH,
    [GUMBO_TAG_H5] = BREAK_PARAGRAPH,      [GUMBO_TAG_H6] = BREAK_PARAGRAPH,
    [GUMBO_TAG_UL] = BREAK_PARAGRAPH,      [GUMBO_TAG_OL] = BREAK_PARAGRAPH,
    [GUMBO_TAG_DL] = BREAK_PARAGRAPH,      [GUMBO_TAG_TABLE] = BREAK_PARAGRAPH,
    [GUMBO_TAG_PRE] = BREAK_PARAGRAPH,     [GUMBO_TAG_BLOCKQUOTE] = BREAK_PARAGRAPH,
    [GUMBO_TAG_FIGURE] = BREAK_PARAGRAPH,  [GUMBO_TAG_HR] = BREAK_PARAGRAPH,
    [GUMBO_TAG_LISTING] = BREAK_PARAGRAPH, [GUMBO_TAG_XMP] = BREAK_PARAGRAPH,
};

static void put(struct layout *l, str s)
{
    l->full = l->full || !buf_add(l->out, s);
}

static bool is_empty(const struct layout *l)
{
    return l->out->n == l->start;
}

/* An empty line between a quote and other text belongs to neither. */
static void put_empty_line(struct layout *l)
{
    unsigned n = l->quotes < l->line_quotes ? l->quotes : l->line_quotes;
    for (unsigned i = 0; i < n; i++)
        put(l, i > 0 ? STR(" >") : STR(">"));
}

/* What stands before the first word of a line: quote marks, the indent of lists, the mark of an
 * item. */
static void begin_line(struct layout *l)
{
    for (unsigned i = 0; i < l->quotes; i++)
        put(l, STR("> "));
    l->line_quotes = l->quotes;
    l->column = (size_t)2 * l->quotes;
    unsigned indent = l->lists < MAX_LISTS ? l->lists : MAX_LISTS;
    bool marks = l->item_due && indent > 0;
    for (unsigned i = marks; i < indent; i++)
        put(l, STR("  "));
    l->column += (size_t)2 * indent;
    if (!marks)
        return;
    int *counter = &l->counters[indent - 1];
    str mark = *counter == NO_LIST ? STR("- ") : arena_printf(&l->scratch, "%d. ", (*counter)++);
    put(l, mark);
    l->item_due = false;
}

static void put_spaces(struct layout *l)
{
    for (unsigned i = 0; i < l->spaces && !l->full; i++)
        put(l, STR(" "));
    l->column += l->spaces;
}

static void end_lines(struct layout *l)
{
    for (; l->lines > 0; l->lines--) {
        put(l, STR("\n"));
        if (l->lines > 1)
            put_empty_line(l);
    }
}

/* Writes the word with what is due before it. White space at the beginning of a line counts only
 * inside <pre>. */
static void end_word(struct layout *l)
{
    if (l->word.n == 0)
        return;
    size_t length = utf8_count(buf_str(&l->word));
    bool wraps = l->options->columns && !l->pre && l->spaces > 0 &&
                 l->column + l->spaces + length > l->options->columns;
    bool begins = is_empty(l) || l->lines > 0 || wraps;
    if (begins) {
        l->lines = l->lines > 0 ? l->lines : 1;
        if (!is_empty(l))
            end_lines(l);
        l->lines = 0;
        begin_line(l);
    }
    if (!begins || l->pre)
        put_spaces(l);
    l->spaces = 0;
    put(l, buf_str(&l->word));
    l->column += length;
    buf_clear(&l->word);
}

static void widen(unsigned *due, unsigned n)
{
    if (*due < n)
        *due = n;
}

static bool is_white(uint32_t cp)
{
    return cp <= ' ' || cp == 127 || (cp >= 0x80 && cp <= 0xa0);
}

static bool is_invisible(uint32_t cp)
{
    return cp == 0xad || cp == 0x34f || (cp >= 0x200b && cp <= 0x200f) || cp == 0x2060 ||
           cp == 0xfeff;
}

static void read_white(struct layout *l, uint32_t cp)
{
    end_word(l);
    l->has_nbsp = l->has_nbsp || cp == 0xa0;
    if (!l->pre) {
        widen(&l->spaces, 1);
    } else if (cp == '\n') {
        l->lines++;
        l->spaces = 0;
    } else {
        l->spaces++;
    }
}

static void read_text(struct layout *l, str text)
{
    uint32_t cp = 0;
    for (size_t i = 0; i < text.n && !l->full;) {
        size_t n = utf8_decode(str_skip(text, i), &cp);
        str bytes = str_slice(text, i, n);
        i += n ? n : 1;
        l->is_blank = l->is_blank && (is_white(cp) || is_invisible(cp));
        if (is_white(cp)) {
            read_white(l, cp);
        } else if (!is_invisible(cp) && !buf_add(&l->word, bytes)) {
            end_word(l);
            (void)buf_add(&l->word, bytes);
        }
    }
}

static void end_block(struct layout *l, GumboTag tag, unsigned outer_lists)
{
    enum break_kind kind = breaks[tag];
    if (kind == BREAK_NONE)
        return;
    end_word(l);
    if (kind == BREAK_CELL) {
        widen(&l->spaces, 2);
        return;
    }
    bool nested = outer_lists > 0 && (tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL);
    bool is_close = l->options->tight && tag != GUMBO_TAG_HR;
    widen(&l->lines, kind == BREAK_LINE || nested || is_close ? 1 : 2);
    if (is_close && l->is_blank && l->has_nbsp)
        widen(&l->lines, 2);
    l->is_blank = true;
    l->has_nbsp = false;
}

/* Hidden by itself; what a style sheet hides is shown. */
static bool is_hidden(const GumboNode *element)
{
    str style = html_attribute(element, "style");
    ptrdiff_t at = str_ifind(style, STR("display"));
    str rest = str_trim(at < 0 ? STR_EMPTY : str_skip(style, (size_t)at + 7));
    if (rest.n > 0 && rest.p[0] == ':' && str_has_iprefix(str_trim(str_skip(rest, 1)), STR("none")))
        return true;
    return gumbo_get_attribute(&element->v.element.attributes, "hidden") != NULL;
}

static void enter_list(struct layout *l, const GumboNode *element)
{
    uint64_t start = 1;
    bool numbered = html_is_element(element, GUMBO_TAG_OL);
    if (numbered)
        (void)str_to_uint(html_attribute(element, "start"), 1000000, &start);
    if (l->lists < MAX_LISTS)
        l->counters[l->lists] = numbered ? (int)start : NO_LIST;
    l->lists++;
}

static void enter_other(struct layout *l, const GumboNode *element, GumboTag tag)
{
    if (tag == GUMBO_TAG_BR) {
        end_word(l);
        l->lines += l->lines < 2;
    } else if (tag == GUMBO_TAG_HR) {
        (void)buf_add(&l->word, STR("----------"));
        end_block(l, tag, 0);
    } else if (tag == GUMBO_TAG_IMG) {
        read_text(l, html_attribute(element, "alt"));
    } else if (tag == GUMBO_TAG_BLOCKQUOTE) {
        l->quotes += l->quotes < MAX_QUOTES;
    } else if (tag == GUMBO_TAG_LI) {
        l->item_due = true;
    } else if (tag == GUMBO_TAG_A) {
        end_word(l);
        l->link_start = l->out->n;
    }
}

/* False when the content is left out. */
static bool enter(struct layout *l, const GumboNode *element)
{
    GumboTag tag = element->v.element.tag;
    enum html_element_rule rule = html_element_rule(element);
    bool visits = rule == HTML_KEEP || rule == HTML_UNWRAP || rule == HTML_UNWRAP_FORM ||
                  rule == HTML_UNWRAP_FRAME || rule == HTML_PREFORMATTED || rule == HTML_KEEP_VOID;
    if (!visits || element->type == GUMBO_NODE_TEMPLATE || is_hidden(element))
        return false;
    end_block(l, tag, l->lists);
    if (tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL) {
        enter_list(l, element);
    } else if (tag == GUMBO_TAG_PRE || rule == HTML_PREFORMATTED) {
        l->pre++;
        l->spaces = 0;
    } else {
        enter_other(l, element, tag);
    }
    return true;
}

/* The address behind the text of a link, unless the text is the address. */
static void end_link(struct layout *l, const GumboNode *element)
{
    struct html_url url;
    end_word(l);
    if (!l->options->links)
        return;
    html_url_read(&l->scratch, html_attribute(element, "href"), &url);
    str text = str_trim(str_skip(buf_str(l->out), l->link_start));
    bool leads = url.kind == HTML_URL_REMOTE || url.kind == HTML_URL_CONTACT;
    bool is_said = text.n > 0 && str_find(url.url, text) >= 0;
    if (!leads || is_said || text.n == 0)
        return;
    widen(&l->spaces, 1);
    (void)buf_addf(&l->word, "<%.*s>", STR_FMT(str_slice(url.url, 0, MAX_WORD_BYTES - 2)));
    end_word(l);
}

static void leave(struct layout *l, const GumboNode *element)
{
    GumboTag tag = element->v.element.tag;
    if (tag == GUMBO_TAG_A)
        end_link(l, element);
    bool is_list = tag == GUMBO_TAG_UL || tag == GUMBO_TAG_OL;
    end_block(l, tag, l->lists - is_list);
    if (is_list) {
        l->lists--;
        l->item_due = false;
    } else if (tag == GUMBO_TAG_PRE || html_element_rule(element) == HTML_PREFORMATTED) {
        l->pre--;
        widen(&l->lines, 2);
    } else if (tag == GUMBO_TAG_BLOCKQUOTE) {
        l->quotes -= l->quotes > 0;
    }
}

static void write_tree(struct layout *l, const GumboNode *root)
{
    struct html_walk walk;
    html_walk_init(&walk, root);
    while (!l->full && html_walk_next(&walk)) {
        const GumboNode *node = walk.node;
        bool is_element = node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
        if (is_element && walk.leaving) {
            leave(l, node);
            arena_reset(&l->scratch);
        } else if (is_element) {
            if (!enter(l, node))
                html_walk_skip(&walk);
        } else if (node->type != GUMBO_NODE_COMMENT) {
            read_text(l, str_from_cstr(node->v.text.text));
        }
    }
    end_word(l);
}

bool html_to_text(str html, const struct html_text_options *options, struct buf *out)
{
    struct html_tree tree;
    struct buf repaired;
    struct err e = ERR_CLEAR;
    struct layout l = { .options = options, .out = out, .start = out->n };
    arena_init(&l.scratch);
    buf_init(&l.word, MAX_WORD_BYTES);
    buf_init(&repaired, (size_t)3 * HTML_MAX_INPUT_BYTES);
    (void)utf8_repair(utf8_cut(html, HTML_MAX_INPUT_BYTES), &repaired);
    if (html_tree_parse(buf_str(&repaired), &tree, &e)) {
        write_tree(&l, tree.root);
        html_tree_fini(&tree);
    } else {
        html_flat_text(buf_str(&repaired), out);
        l.full = out->n >= out->max;
    }
    buf_fini(&repaired);
    buf_fini(&l.word);
    arena_fini(&l.scratch);
    return !l.full;
}
