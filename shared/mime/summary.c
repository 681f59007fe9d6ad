/* SPDX-License-Identifier: Apache-2.0 */
/* Derives the columns that stand beside a message. */
#include "mime/summary.h"

#include "base/utf8.h"
#include "html/flat.h"
#include "mime/address.h"
#include "mime/bodystructure.h"
#include "mime/charset.h"
#include "mime/date.h"
#include "mime/encoded_word.h"
#include "mime/envelope.h"
#include "mime/message_id.h"

static str capped(str s)
{
    return utf8_cut(s, MIME_MAX_SUMMARY_BYTES);
}

static str lower_domain(struct arena *a, const struct mime_address *address)
{
    struct mime_address copy = *address;
    copy.domain = arena_lower(a, address->domain);
    return mime_address_spec(a, &copy);
}

static void read_from(struct arena *a, const struct mime_header *h, struct mime_summary *out)
{
    const struct mime_field *field = mime_header_find(h, STR("from"), 0);
    struct mime_address_list list = { 0 };
    if (field)
        mime_address_list_parse(a, field->body, &list);
    const struct mime_address *first = mime_address_first(&list);
    if (!first)
        return;
    out->from_addr = capped(mime_text_clean(a, lower_domain(a, first)));
    out->from_name = capped(str_trim(first->name));
}

static void add_recipient(struct arena *a, const struct mime_address *item, struct buf *text)
{
    str spec = mime_text_clean(a, mime_address_spec(a, item));
    str name = str_trim(item->name);
    str separator = text->n ? STR(", ") : STR_EMPTY;
    str shown = spec;
    if (item->kind == MIME_ADDRESS_GROUP_START) {
        shown = arena_printf(a, "%.*s:", STR_FMT(name));
    } else if (name.n) {
        shown = arena_printf(a, "%.*s <%.*s>", STR_FMT(name), STR_FMT(spec));
    }
    if (buf_add(text, separator) && !buf_add(text, shown))
        (void)buf_add(text, utf8_cut(shown, text->max - text->n));
}

static void add_recipients(struct arena *a, const struct mime_header *h, str name, struct buf *text)
{
    const struct mime_field *field = NULL;
    for (size_t i = 0; (field = mime_header_find(h, name, i)) != NULL;
         i = mime_header_index(h, field) + 1) {
        struct mime_address_list list;
        mime_address_list_parse(a, field->body, &list);
        for (size_t k = 0; k < list.n && text->n < text->max; k++) {
            if (list.items[k].kind != MIME_ADDRESS_GROUP_END)
                add_recipient(a, &list.items[k], text);
        }
    }
}

static str read_recipients(struct arena *a, const struct mime_header *h)
{
    struct buf text;
    buf_init(&text, MIME_MAX_SUMMARY_BYTES);
    add_recipients(a, h, STR("to"), &text);
    add_recipients(a, h, STR("cc"), &text);
    str out = arena_str(a, utf8_cut(buf_str(&text), MIME_MAX_SUMMARY_BYTES));
    buf_fini(&text);
    return out;
}

static size_t read_ids(struct arena *a, const struct mime_header *h, str name, const str **ids)
{
    const struct mime_field *field = mime_header_find(h, name, 0);
    *ids = NULL;
    return field ? mime_message_ids_parse(a, field->body, ids) : 0;
}

static bool has_id(const str *ids, size_t n, str id)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(ids[i], id))
            return true;
    }
    return false;
}

static str clean_id(struct arena *a, str id)
{
    return capped(mime_text_clean(a, id));
}

static void read_threading(struct arena *a, const struct mime_header *h, struct mime_summary *out)
{
    const str *own, *references, *parents;
    if (read_ids(a, h, STR("message-id"), &own))
        out->message_id = clean_id(a, own[0]);
    size_t n = read_ids(a, h, STR("references"), &references);
    size_t n_parents = read_ids(a, h, STR("in-reply-to"), &parents);
    if (n_parents > MIME_MAX_MESSAGE_IDS - n)
        n_parents = MIME_MAX_MESSAGE_IDS - n;
    str *all = ARENA_ARRAY(a, str, n + n_parents + 1);
    for (size_t i = 0; i < n; i++)
        all[i] = clean_id(a, references[i]);
    for (size_t i = 0; i < n_parents; i++) {
        str id = clean_id(a, parents[i]);
        if (!has_id(all, n, id))
            all[n++] = id;
    }
    out->references = all;
    out->n_references = n;
}

/* ---- preview ---- */

enum {
    PREVIEW_SOURCE_BYTES = 64 * 1024 /* of the text that are looked at */
};

/* The part that a preview is made of: the first plain text that is no attachment, else HTML. */
static const struct mime_part *find_readable(const struct mime_structure *s)
{
    const struct mime_part *html = NULL;
    for (const struct mime_part *part = s->root; part; part = mime_part_next(part)) {
        if (part->kind != MIME_PART_LEAF || !str_eq(part->type, STR("text")) ||
            mime_part_is_attachment(part) || part->body_end == part->body_start)
            continue;
        if (str_eq(part->subtype, STR("plain")))
            return part;
        if (!html && str_eq(part->subtype, STR("html")))
            html = part;
    }
    return html;
}

/* Text without quoted lines; they say what the reader wrote himself. */
static str unquoted(struct arena *a, str text)
{
    char *p = arena_alloc(a, text.n + 1);
    size_t n = 0;
    while (text.n) {
        str line;
        (void)str_cut(text, '\n', &line, &text);
        if (line.n && line.p[0] == '>')
            continue;
        if (line.n)
            memcpy(p + n, line.p, line.n);
        n += line.n;
        p[n++] = '\n';
    }
    return str_of(p, n);
}

/* White space folded, at most MIME_MAX_PREVIEW_CHARS characters. */
static str fold_preview(struct arena *a, str text)
{
    str clean = mime_text_clean(a, text);
    char *p = arena_alloc(a, MIME_MAX_PREVIEW_BYTES);
    size_t n = 0, chars = 0;
    bool gap = false;
    for (size_t i = 0; i < clean.n && chars < MIME_MAX_PREVIEW_CHARS;) {
        uint32_t cp = 0;
        size_t step = utf8_decode(str_skip(clean, i), &cp);
        bool space = cp == ' ' || cp == 0xa0;
        size_t spaces = gap && n;
        if (!space && (n + step + spaces > MIME_MAX_PREVIEW_BYTES ||
                       chars + 1 + spaces > MIME_MAX_PREVIEW_CHARS))
            break;
        if (!space) {
            if (spaces)
                p[n++] = ' ';
            memcpy(p + n, clean.p + i, step);
            n += step;
            chars += 1 + spaces;
        }
        gap = space;
        i += step;
    }
    return str_of(p, n);
}

static str make_preview(struct arena *a, const struct mime_structure *s)
{
    const struct mime_part *part = find_readable(s);
    if (!part)
        return STR_EMPTY;
    struct arena scratch;
    struct buf html;
    arena_init(&scratch);
    buf_init(&html, PREVIEW_SOURCE_BYTES);
    str text = mime_part_text(s, part, &scratch, PREVIEW_SOURCE_BYTES);
    if (str_eq(part->subtype, STR("html"))) {
        html_flat_text(text, &html);
        text = buf_str(&html);
    } else {
        text = unquoted(&scratch, text);
    }
    str preview = arena_str(a, fold_preview(&scratch, text));
    buf_fini(&html);
    arena_fini(&scratch);
    return preview;
}

static bool has_attachment(const struct mime_structure *s)
{
    for (const struct mime_part *part = s->root; part; part = mime_part_next(part)) {
        if (mime_part_is_attachment(part))
            return true;
    }
    return false;
}

void mime_summary_make(struct arena *a, const struct mime_header *h, const struct mime_structure *s,
                       struct mime_summary *out)
{
    struct mime_date date;
    const struct mime_field *subject = mime_header_find(h, STR("subject"), 0);
    const struct mime_field *sent = mime_header_find(h, STR("date"), 0);
    *out = (struct mime_summary){ 0 };
    read_from(a, h, out);
    out->to_text = read_recipients(a, h);
    if (subject)
        out->subject = capped(mime_text_decode(a, subject->body));
    out->subject_base = mime_subject_base(a, out->subject, &out->subject_is_reply_or_forward);
    read_threading(a, h, out);
    out->has_date = sent && mime_date_parse(sent->body, &date);
    if (out->has_date)
        out->sent_at = date.at_utc;
    out->preview = make_preview(a, s);
    out->has_attachment = has_attachment(s);
}

void mime_derive(struct arena *a, str message, struct mime_derived *out)
{
    struct buf text;
    *out = (struct mime_derived){ 0 };
    mime_header_parse(a, message, &out->header);
    out->structure = mime_structure_parse(a, message);
    mime_summary_make(a, &out->header, out->structure, &out->summary);
    buf_init(&text, MIME_MAX_ENVELOPE_BYTES);
    (void)mime_envelope_format(a, &out->header, &text);
    out->envelope = arena_str(a, buf_str(&text));
    buf_fini(&text);
    buf_init(&text, MIME_MAX_STRUCTURE_BYTES);
    (void)mime_bodystructure_format(a, out->structure, true, &text);
    out->bodystructure = arena_str(a, buf_str(&text));
    buf_fini(&text);
}
