/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: each rule of the list has one function that reads the value and writes it anew. */
#include "html/lists.h"
#include "html/tree.h"
#include "html/url.h"
#include "html/writer.h"

enum {
    MAX_TOKEN_BYTES = 64,
    MAX_LENGTH_BYTES = 12,
    MAX_COLOUR_BYTES = 40,
    MAX_TEXT_BYTES = 4096
};

/* The element whose attributes are written. */
struct target {
    const GumboNode *element;
    struct buf *out;
    unsigned looks; /* flags of enum css_looks */
};

typedef void (*attribute_fn)(struct html_writer *w, const struct target *t, str name, str value);

void html_write_attribute(struct html_writer *w, struct buf *out, str name, str value)
{
    bool ok = buf_addf(out, " %.*s=\"", STR_FMT(name)) && html_escape(value, out) &&
              buf_add_byte(out, '"');
    w->failed |= !ok;
}

static void write_text(struct html_writer *w, const struct target *t, str name, str value)
{
    if (value.n <= MAX_TEXT_BYTES)
        html_write_attribute(w, t->out, name, value);
}

/* True when all of `value` is letters, digits or of `others`. */
static bool consists_of(str value, size_t max, const char *others)
{
    for (size_t i = 0; i < value.n; i++) {
        if (!ascii_is_alnum(value.p[i]) && str_find_byte(str_from_cstr(others), value.p[i]) < 0)
            return false;
    }
    return value.n > 0 && value.n <= max;
}

static void write_token(struct html_writer *w, const struct target *t, str name, str value)
{
    if (consists_of(value, MAX_TOKEN_BYTES, "-_ ,"))
        html_write_attribute(w, t->out, name, value);
}

static void write_length(struct html_writer *w, const struct target *t, str name, str value)
{
    value = str_trim(value);
    if (consists_of(value, MAX_LENGTH_BYTES, "+-.%*") && strpbrk(value.p, "0123456789*"))
        html_write_attribute(w, t->out, name, value);
}

static void write_colour(struct html_writer *w, const struct target *t, str name, str value)
{
    value = str_trim(value);
    if (!consists_of(value, MAX_COLOUR_BYTES, "#(),.% -"))
        return;
    w->report.sets_colours = true;
    html_write_attribute(w, t->out, name, value);
}

static void write_flag(struct html_writer *w, const struct target *t, str name, str value)
{
    (void)value;
    html_write_attribute(w, t->out, name, STR_EMPTY);
}

static void write_name(struct html_writer *w, const struct target *t, str name, str value)
{
    if (value.n > 0 && value.n <= MAX_TEXT_BYTES)
        html_write_attribute(w, t->out, name, arena_printf(w->scratch, "m-%.*s", STR_FMT(value)));
}

static void write_names(struct html_writer *w, const struct target *t, str name, str value)
{
    struct buf names;
    buf_init(&names, (size_t)4 * MAX_TEXT_BYTES);
    str word;
    for (str rest = value.n <= MAX_TEXT_BYTES ? value : STR_EMPTY; rest.n > 0;) {
        (void)str_cut(rest, ' ', &word, &rest);
        if (word.n > 0)
            (void)buf_addf(&names, "%sm-%.*s", names.n ? " " : "", STR_FMT(word));
    }
    if (names.n > 0)
        html_write_attribute(w, t->out, name, buf_str(&names));
    buf_fini(&names);
}

static void write_reference(struct html_writer *w, const struct target *t, str name, str value)
{
    if (value.n < 2 || value.p[0] != '#' || value.n > MAX_TEXT_BYTES)
        return;
    html_write_attribute(w, t->out, name,
                         arena_printf(w->scratch, "#m-%.*s", STR_FMT(str_skip(value, 1))));
}

/* Links open in a window of their own, which cannot reach back and is not told where it was. */
static void write_link(struct html_writer *w, const struct target *t, str name, str value)
{
    struct html_url url;
    html_url_read(w->scratch, value, &url);
    w->report.scripts += url.kind == HTML_URL_CODE;
    if (url.kind == HTML_URL_FRAGMENT) {
        html_write_attribute(w, t->out, name,
                             arena_printf(w->scratch, "#m-%.*s", STR_FMT(url.url)));
        return;
    }
    if (url.kind != HTML_URL_REMOTE && url.kind != HTML_URL_CONTACT) {
        w->report.bad_links++;
        return;
    }
    w->report.links++;
    html_write_attribute(w, t->out, name, url.url);
    w->failed |= !buf_add(t->out, STR(" target=\"_blank\" rel=\"noopener noreferrer nofollow\""));
    if (url.kind == HTML_URL_REMOTE && html_is_element(t->element, GUMBO_TAG_A))
        html_note_link(w, t->element, url.host);
}

static bool is_invisible(unsigned looks)
{
    return (looks & CSS_IS_HIDDEN) || ((looks & CSS_IS_NARROW) && !(looks & CSS_IS_HIGH)) ||
           ((looks & CSS_IS_LOW) && !(looks & CSS_IS_WIDE));
}

/* A picture, or the mark of the server that it was not loaded from. */
static void write_image(struct html_writer *w, const struct target *t, str name, str value)
{
    struct buf url;
    str host = STR_EMPTY;
    buf_init(&url, HTML_MAX_OUTPUT_BYTES);
    if (html_image_url(w, value, is_invisible(t->looks), &url, &host)) {
        html_write_attribute(w, t->out, name, buf_str(&url));
        w->report.sets_colours |= str_eq(name, STR("background"));
    } else if (host.n > 0) {
        html_write_attribute(w, t->out, STR("data-blocked"), host);
        // Nobody could see it: it must not leave an empty line in its place either.
        if (is_invisible(t->looks))
            html_write_attribute(w, t->out, STR("hidden"), STR_EMPTY);
    }
    buf_fini(&url);
}

static void write_background(struct html_writer *w, const struct target *t, str name, str value)
{
    const struct target behind = { .element = t->element, .out = t->out };
    write_image(w, &behind, name, value);
}

static void note_handler(struct html_writer *w, const struct target *t, str name, str value)
{
    (void)t;
    (void)name;
    (void)value;
    w->report.scripts++;
}

static const attribute_fn writers[] = {
    [HTML_ATTRIBUTE_DROP] = NULL,
    [HTML_ATTRIBUTE_TEXT] = write_text,
    [HTML_ATTRIBUTE_TOKEN] = write_token,
    [HTML_ATTRIBUTE_LENGTH] = write_length,
    [HTML_ATTRIBUTE_COLOUR] = write_colour,
    [HTML_ATTRIBUTE_FLAG] = write_flag,
    [HTML_ATTRIBUTE_NAME] = write_name,
    [HTML_ATTRIBUTE_NAMES] = write_names,
    [HTML_ATTRIBUTE_REFERENCE] = write_reference,
    [HTML_ATTRIBUTE_STYLE] = NULL, /* written first: it may say that a picture is invisible */
    [HTML_ATTRIBUTE_LINK] = write_link,
    [HTML_ATTRIBUTE_IMAGE] = write_image,
    [HTML_ATTRIBUTE_BACKGROUND] = write_background,
    [HTML_ATTRIBUTE_HANDLER] = note_handler,
};

/* The style attribute; gives what it says about the size. */
static unsigned write_style(struct html_writer *w, const struct target *t)
{
    str style = html_attribute(t->element, "style");
    struct buf css;
    if (style.n == 0)
        return 0;
    buf_init(&css, HTML_MAX_OUTPUT_BYTES);
    css_clean_declarations(&w->css, style, &css);
    if (css.n > 0)
        html_write_attribute(w, t->out, STR("style"), buf_str(&css));
    buf_fini(&css);
    return w->css.looks;
}

static unsigned attribute_looks(const GumboNode *element)
{
    str width = html_attribute(element, "width");
    str height = html_attribute(element, "height");
    unsigned looks = width.n > 0 ? css_size_looks(width, false) : 0;
    return looks | (height.n > 0 ? css_size_looks(height, true) : 0);
}

void html_write_attributes(struct html_writer *w, const GumboNode *element, struct buf *out)
{
    const GumboVector *attributes = &element->v.element.attributes;
    struct target target = { .element = element, .out = out };
    target.looks = write_style(w, &target);
    if (html_is_element(element, GUMBO_TAG_IMG))
        target.looks |= attribute_looks(element);
    for (unsigned i = 0; i < attributes->length && i < HTML_MAX_ATTRIBUTES; i++) {
        const GumboAttribute *attribute = attributes->data[i];
        str name = str_from_cstr(attribute->name);
        attribute_fn write = writers[html_attribute_rule(element->v.element.tag, name)];
        if (write)
            write(w, &target, name, str_from_cstr(attribute->value));
    }
}
