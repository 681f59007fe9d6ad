/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over the tree, element by element, and the document around what it writes. */
#include "base/utf8.h"
#include "html/html.h"
#include "html/lists.h"
#include "html/tree.h"
#include "html/writer.h"

enum {
    MAX_ELEMENTS_OPEN = 4 << 20, /* bytes of the stack: more than the tree can hold */
    ROOM_BYTES = 256             /* that must be left at the end */
};

/* Appends to the body; past its maximum the whole is given up. */
static void put(struct html_writer *w, str s)
{
    w->failed |= !buf_add(&w->body, s);
}

static str name_of(const GumboNode *element)
{
    bool is_pre = html_element_rule(element) == HTML_PREFORMATTED;
    return is_pre ? STR("pre") : str_from_cstr(gumbo_normalized_tagname(element->v.element.tag));
}

/* A line end right behind <pre> is dropped by parsers, so one that counts needs another before. */
static bool begins_with_line(const GumboNode *element)
{
    const GumboVector *children = &element->v.element.children;
    const GumboNode *first = children->length > 0 ? children->data[0] : NULL;
    return first && (first->type == GUMBO_NODE_TEXT || first->type == GUMBO_NODE_WHITESPACE) &&
           first->v.text.text[0] == '\n';
}

static void open_element(struct html_writer *w, const GumboNode *element)
{
    str name = name_of(element);
    put(w, STR("<"));
    put(w, name);
    html_write_attributes(w, element, &w->body);
    put(w, STR(">"));
    if (str_eq(name, STR("pre")) && begins_with_line(element))
        put(w, STR("\n"));
}

static void close_element(struct html_writer *w, const GumboNode *element)
{
    put(w, STR("</"));
    put(w, name_of(element));
    put(w, STR(">"));
}

static void add_sheet(struct html_writer *w, const GumboNode *element)
{
    const GumboVector *children = &element->v.element.children;
    str type = str_trim(html_attribute(element, "type"));
    if (type.n > 0 && !str_ieq(type, STR("text/css")))
        return;
    for (unsigned i = 0; i < children->length; i++) {
        const GumboNode *text = children->data[i];
        bool is_text = text->type == GUMBO_NODE_TEXT || text->type == GUMBO_NODE_WHITESPACE;
        str css = is_text ? str_from_cstr(text->v.text.text) : STR_EMPTY;
        w->css_read += css.n;
        if (w->css_read > HTML_MAX_CSS_BYTES) {
            w->report.styles++;
            return;
        }
        css_clean_sheet(&w->css, css, html_attribute(element, "media"), &w->sheet);
    }
}

static void note_meta(struct html_writer *w, const GumboNode *element)
{
    str name = html_attribute(element, "name");
    bool schemes =
        str_ieq(name, STR("color-scheme")) || str_ieq(name, STR("supported-color-schemes"));
    if (schemes && str_ifind(html_attribute(element, "content"), STR("dark")) >= 0)
        w->report.knows_dark = true;
}

/* What an element that is dropped would have loaded. */
static void note_source(struct html_writer *w, const GumboNode *element)
{
    static const char *const names[] = { "href", "src", "data", "poster", "code" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        str url = html_attribute(element, names[i]);
        if (url.n > 0)
            (void)html_image_url(w, url, false, NULL, NULL);
    }
}

/* Counts what is dropped or unwrapped, and gives whether the content is visited. */
static bool handle_other(struct html_writer *w, const GumboNode *element,
                         enum html_element_rule rule)
{
    struct html_report *report = &w->report;
    report->scripts += rule == HTML_DROP_SCRIPT;
    report->forms += rule == HTML_DROP_FIELD || rule == HTML_UNWRAP_FORM;
    report->embedded += rule == HTML_DROP_EMBED || rule == HTML_UNWRAP_FRAME;
    if (rule == HTML_DROP_SCRIPT || rule == HTML_DROP_EMBED || rule == HTML_UNWRAP_FRAME ||
        rule == HTML_LINK || rule == HTML_DROP_FIELD)
        note_source(w, element);
    if (rule == HTML_STYLE)
        add_sheet(w, element);
    if (rule == HTML_META)
        note_meta(w, element);
    return rule == HTML_UNWRAP || rule == HTML_UNWRAP_FORM || rule == HTML_UNWRAP_FRAME;
}

/* html and body give their attributes to those of the new document. */
static void take_attributes(struct html_writer *w, const GumboNode *element)
{
    if (html_is_element(element, GUMBO_TAG_BODY))
        html_write_attributes(w, element, &w->body_attributes);
    if (html_is_element(element, GUMBO_TAG_HTML))
        html_write_attributes(w, element, &w->html_attributes);
}

/* Enters an element. Pushes on `open` whether its end tag is to be written; an element whose
 * content is passed over is not pushed. */
static void enter(struct html_writer *w, struct html_walk *walk, struct buf *open)
{
    const GumboNode *element = walk->node;
    enum html_element_rule rule =
        element->type == GUMBO_NODE_TEMPLATE ? HTML_DROP : html_element_rule(element);
    bool keeps = rule == HTML_KEEP || rule == HTML_PREFORMATTED;
    bool writes = keeps && w->depth < HTML_MAX_DEPTH;
    w->nodes++;
    if (rule == HTML_KEEP_VOID)
        open_element(w, element);
    take_attributes(w, element);
    bool visits = keeps || handle_other(w, element, rule);
    if (!visits) {
        html_walk_skip(walk);
        return;
    }
    if (writes) {
        w->depth++;
        open_element(w, element);
    }
    w->failed |= !buf_add_byte(open, (char)writes);
}

static void leave(struct html_writer *w, const GumboNode *element, struct buf *open)
{
    bool writes = open->p[open->n - 1];
    buf_truncate(open, open->n - 1);
    if (writes) {
        w->depth--;
        close_element(w, element);
    }
}

static void write_text(struct html_writer *w, const GumboNode *node)
{
    w->nodes++;
    w->failed |= !html_escape(str_from_cstr(node->v.text.text), &w->body);
}

/* Everything below the root into w->body, w->sheet and the attributes. */
static void write_tree(struct html_writer *w, const GumboNode *root)
{
    struct html_walk walk;
    struct buf open;
    buf_init(&open, MAX_ELEMENTS_OPEN);
    html_walk_init(&walk, root);
    while (!w->failed && html_walk_next(&walk)) {
        const GumboNode *node = walk.node;
        bool is_element = node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
        if (is_element && walk.leaving) {
            leave(w, node, &open);
        } else if (is_element) {
            enter(w, &walk, &open);
            arena_reset(w->scratch);
        } else if (node->type != GUMBO_NODE_COMMENT && node->type != GUMBO_NODE_DOCUMENT) {
            write_text(w, node);
        }
        w->failed |= w->nodes > HTML_MAX_NODES;
    }
    w->failed |= w->sheet.n + ROOM_BYTES > w->sheet.max;
    buf_fini(&open);
}

/* The document around the body. Its own metas come first: no referrer, and no names looked up for
 * links before anybody follows them. */
static bool write_document(struct html_writer *w, struct buf *out)
{
    bool ok = buf_add(out, STR("<!DOCTYPE html>\n<html")) &&
              buf_add(out, buf_str(&w->html_attributes)) &&
              buf_add(out, STR("><head><meta charset=\"utf-8\">"
                               "<meta name=\"referrer\" content=\"no-referrer\">"
                               "<meta http-equiv=\"x-dns-prefetch-control\" content=\"off\">\n")) &&
              buf_add(out, w->policy->head);
    if (w->sheet.n > 0) {
        ok = ok && buf_add(out, STR("<style>\n")) && buf_add(out, buf_str(&w->sheet)) &&
             buf_add(out, STR("</style>"));
    }
    return ok && buf_add(out, STR("</head>\n<body")) &&
           buf_add(out, buf_str(&w->body_attributes)) && buf_add(out, STR(">")) &&
           buf_add(out, buf_str(&w->body)) && buf_add(out, STR("</body></html>\n"));
}

/* The text of the mail instead of its HTML. */
static void write_fallback(struct html_writer *w, str html)
{
    struct buf text;
    const struct html_from_text_options options = { 0 };
    buf_clear(&w->body);
    buf_clear(&w->sheet);
    buf_clear(&w->body_attributes);
    buf_clear(&w->html_attributes);
    buf_init(&text, HTML_MAX_INPUT_BYTES / 4);
    html_flat_text(html, &text);
    (void)html_from_text(buf_str(&text), &options, &w->body);
    buf_fini(&text);
}

static enum html_fallback write_html(struct html_writer *w, str html)
{
    struct html_tree tree;
    struct err e = ERR_CLEAR;
    if (!html_tree_parse(html, &tree, &e))
        return HTML_FALLBACK_PARSER;
    write_tree(w, tree.root);
    html_tree_fini(&tree);
    return w->failed ? HTML_FALLBACK_OUTPUT : HTML_FALLBACK_NONE;
}

static void init(struct html_writer *w)
{
    VEC_INIT(&w->hosts, struct html_host, HTML_MAX_HOSTS);
    VEC_INIT(&w->misleading, struct html_misleading_link, HTML_MAX_LINKS);
    buf_init(&w->sheet, HTML_MAX_OUTPUT_BYTES / 2);
    buf_init(&w->body, HTML_MAX_OUTPUT_BYTES);
    buf_init(&w->body_attributes, HTML_MAX_CSS_BYTES);
    buf_init(&w->html_attributes, HTML_MAX_CSS_BYTES);
    w->part_used = ARENA_ARRAY(w->a, bool, w->policy->n_parts + 1);
    w->css = (struct css_context){ .a = w->scratch, .url = html_css_url, .arg = w };
}

static void fini(struct html_writer *w)
{
    vec_fini(&w->hosts);
    vec_fini(&w->misleading);
    buf_fini(&w->sheet);
    buf_fini(&w->body);
    buf_fini(&w->body_attributes);
    buf_fini(&w->html_attributes);
}

void html_sanitise(struct arena *a, str html, const struct html_policy *policy,
                   struct html_clean *out)
{
    struct arena scratch;
    struct buf repaired, document;
    arena_init(&scratch);
    struct html_writer w = { .a = a, .scratch = &scratch, .policy = policy };
    init(&w);
    w.report.cut = html.n > HTML_MAX_INPUT_BYTES;
    html = utf8_cut(html, HTML_MAX_INPUT_BYTES);
    buf_init(&repaired, (size_t)3 * HTML_MAX_INPUT_BYTES);
    (void)utf8_repair(html, &repaired);
    w.report.fallback = write_html(&w, buf_str(&repaired));
    if (w.report.fallback != HTML_FALLBACK_NONE)
        write_fallback(&w, buf_str(&repaired));
    buf_init(&document, (size_t)3 * HTML_MAX_OUTPUT_BYTES + policy->head.n);
    bool ok = write_document(&w, &document);
    INVARIANT(ok); /* the parts have smaller maxima than the whole */
    html_finish_report(&w);
    out->document = arena_str(a, buf_str(&document));
    out->report = w.report;
    buf_fini(&document);
    buf_fini(&repaired);
    fini(&w);
    arena_fini(&scratch);
}
