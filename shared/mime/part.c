/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the tree that structure.c builds: sections by number, contents, attachments. */
#include "mime/charset.h"
#include "mime/structure.h"

static const struct mime_part *nth_child(const struct mime_part *part, uint32_t number)
{
    const struct mime_part *child = part->first_child;
    for (uint32_t i = 1; child && i < number; i++)
        child = child->next;
    return number ? child : NULL;
}

/* The part `number` of a message: of its body, when that is no multipart. */
static const struct mime_part *part_of_message(const struct mime_part *root, uint32_t number)
{
    if (root->kind == MIME_PART_MULTIPART)
        return nth_child(root, number);
    return number == 1 ? root : NULL;
}

const struct mime_part *mime_structure_find(const struct mime_structure *s, const uint32_t *path,
                                            size_t n)
{
    const struct mime_part *part = s->root;
    for (size_t i = 0; i < n && part; i++) {
        if (i == 0) {
            part = part_of_message(part, path[0]);
        } else if (part->kind == MIME_PART_MESSAGE) {
            part = part_of_message(part->first_child, path[i]);
        } else if (part->kind == MIME_PART_MULTIPART) {
            part = nth_child(part, path[i]);
        } else {
            part = NULL;
        }
    }
    return part;
}

static uint32_t number_of(const struct mime_part *part)
{
    uint32_t number = 1;
    if (!part->parent || part->parent->kind != MIME_PART_MULTIPART)
        return 1;
    for (const struct mime_part *p = part->parent->first_child; p != part; p = p->next)
        number++;
    return number;
}

/* A multipart that is the whole of a message has no number of its own. */
static bool has_number(const struct mime_part *part)
{
    bool is_message_root = !part->parent || part->parent->kind == MIME_PART_MESSAGE;
    return !(is_message_root && part->kind == MIME_PART_MULTIPART);
}

str mime_structure_path(const struct mime_part *part, struct arena *a)
{
    uint32_t numbers[MIME_MAX_DEPTH + 2];
    size_t n = 0;
    for (const struct mime_part *p = part; p && n < COUNT_OF(numbers); p = p->parent) {
        if (has_number(p))
            numbers[n++] = number_of(p);
    }
    struct buf text;
    buf_init(&text, (MIME_MAX_DEPTH + 2) * 11UL);
    while (n-- > 0)
        (void)buf_addf(&text, "%s%u", text.n ? "." : "", (unsigned)numbers[n]);
    str out = arena_str(a, buf_str(&text));
    buf_fini(&text);
    return out;
}

str mime_part_header(const struct mime_structure *s, const struct mime_part *part)
{
    return str_slice(s->message, part->header_start, part->body_start - part->header_start);
}

str mime_part_body(const struct mime_structure *s, const struct mime_part *part)
{
    return str_slice(s->message, part->body_start, part->body_end - part->body_start);
}

bool mime_structure_section(const struct mime_structure *s, const uint32_t *path, size_t n,
                            enum mime_section section, str *out)
{
    const struct mime_part *part = mime_structure_find(s, path, n);
    const struct mime_part *message = n == 0 ? part : NULL;
    if (!part)
        return false;
    if (n && part->kind == MIME_PART_MESSAGE)
        message = part->first_child;
    switch (section) {
    case MIME_SECTION_BODY:
        *out = n ? mime_part_body(s, part) : s->message;
        return true;
    case MIME_SECTION_HEADER:
        *out = message ? mime_part_header(s, message) : STR_EMPTY;
        return message != NULL;
    case MIME_SECTION_TEXT:
        *out = message ? mime_part_body(s, message) : STR_EMPTY;
        return message != NULL;
    case MIME_SECTION_MIME:
        *out = mime_part_header(s, part);
        return n > 0;
    }
    return false;
}

str mime_part_decode(const struct mime_structure *s, const struct mime_part *part, struct arena *a,
                     size_t max)
{
    return mime_decode(a, part->encoding, mime_part_body(s, part), max);
}

str mime_part_text(const struct mime_structure *s, const struct mime_part *part, struct arena *a,
                   size_t max)
{
    str charset = mime_content_type_param(&part->content_type, STR("charset"));
    return mime_charset_to_utf8(a, charset, mime_part_decode(s, part, a, max), max);
}

str mime_part_filename(const struct mime_part *part)
{
    str name = mime_content_type_param(&part->disposition, STR("filename"));
    return name.n ? name : mime_content_type_param(&part->content_type, STR("name"));
}

/* Parts that belong to the message's form, not to its content. */
static bool is_signature(const struct mime_part *part)
{
    static const str subtypes[] = { STR_INIT("pgp-signature"), STR_INIT("pkcs7-signature"),
                                    STR_INIT("x-pkcs7-signature"), STR_INIT("pgp-encrypted") };
    for (size_t i = 0; i < COUNT_OF(subtypes); i++) {
        if (str_eq(part->subtype, subtypes[i]))
            return true;
    }
    return false;
}

static bool is_in_related(const struct mime_part *part)
{
    return part->parent && part->parent->kind == MIME_PART_MULTIPART &&
           str_eq(part->parent->subtype, STR("related"));
}

bool mime_part_is_attachment(const struct mime_part *part)
{
    if (part->kind == MIME_PART_MULTIPART || is_signature(part))
        return false;
    if (str_eq(part->disposition.type, STR("attachment")))
        return true;
    /* Shown by the HTML beside it. */
    if (part->kind == MIME_PART_LEAF && is_in_related(part) && part->id.n)
        return false;
    return mime_part_filename(part).n > 0 || !str_eq(part->type, STR("text"));
}

const struct mime_part *mime_part_next(const struct mime_part *part)
{
    if (part->first_child)
        return part->first_child;
    while (part && !part->next)
        part = part->parent;
    return part ? part->next : NULL;
}
