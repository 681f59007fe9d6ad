/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says, by field: the one place where index and verification agree on it. */
#include "mime/mime.h"
#include "search/document.h"
#include "search/query.h"
#include "search/search.h"
#include "search/tokens.h"

/* Fields that machines write for machines hold signatures and keys: random letters that nobody
 * looks for, and each would put words into the vocabulary that stand in no other message. These
 * tags of them are no text; the rest is. */
static const struct opaque_field {
    str name;
    str tags[2]; /* "b=..." up to the next ';'; none: the whole value */
} opaque_fields[] = {
    { STR_INIT("dkim-signature"), { STR_INIT("b"), STR_INIT("bh") } },
    { STR_INIT("domainkey-signature"), { STR_INIT("b"), STR_INIT("bh") } },
    { STR_INIT("x-google-dkim-signature"), { STR_INIT("b"), STR_INIT("bh") } },
    { STR_INIT("arc-seal"), { STR_INIT("b"), STR_INIT("bh") } },
    { STR_INIT("arc-message-signature"), { STR_INIT("b"), STR_INIT("bh") } },
    { STR_INIT("autocrypt"), { STR_INIT("keydata"), STR_INIT("") } },
    { STR_INIT("face"), { STR_INIT(""), STR_INIT("") } },
    { STR_INIT("x-face"), { STR_INIT(""), STR_INIT("") } },
};

static const struct read_field {
    str name;
    unsigned field;
} read_fields[] = {
    { STR_INIT("subject"), SEARCH_FIELD_SUBJECT }, { STR_INIT("from"), SEARCH_FIELD_FROM },
    { STR_INIT("to"), SEARCH_FIELD_TO },           { STR_INIT("cc"), SEARCH_FIELD_TO },
    { STR_INIT("bcc"), SEARCH_FIELD_TO },
};

static unsigned field_of(str name)
{
    for (size_t i = 0; i < COUNT_OF(read_fields); i++) {
        if (str_ieq(read_fields[i].name, name))
            return read_fields[i].field;
    }
    return SEARCH_FIELD_HEADERS;
}

static const struct opaque_field *opaque_of(str name)
{
    for (size_t i = 0; i < COUNT_OF(opaque_fields); i++) {
        if (str_ieq(opaque_fields[i].name, name))
            return &opaque_fields[i];
    }
    return NULL;
}

bool search_is_opaque_field(str name)
{
    return opaque_of(name) != NULL;
}

/* The tags of the value but the opaque ones. */
static str without_opaque(struct arena *a, const struct opaque_field *opaque, str value)
{
    str tag;
    struct buf kept;
    buf_init(&kept, value.n + 2);
    while (opaque->tags[0].n && value.n) {
        str name;
        str rest;
        (void)str_cut(value, ';', &tag, &value);
        (void)str_cut(tag, '=', &name, &rest);
        name = str_trim(name);
        if (!str_ieq(name, opaque->tags[0]) && !str_ieq(name, opaque->tags[1]))
            (void)buf_addf(&kept, "%.*s;", STR_FMT(tag));
    }
    str text = arena_str(a, buf_str(&kept));
    buf_fini(&kept);
    return text;
}

/* The value of a field as text. */
static str value_of(struct arena *a, str name, str body)
{
    const struct opaque_field *opaque = opaque_of(name);
    str value = mime_text_decode(a, body);
    return opaque ? without_opaque(a, opaque, value) : value;
}

/* Gives a text in normal form. */
static void give(unsigned field, str text, search_text_fn fn, void *arg)
{
    struct arena scratch;
    arena_init(&scratch);
    fn(field, search_normalize(&scratch, text), arg);
    arena_fini(&scratch);
}

/* All fields of one kind of the message's own header. */
static void give_fields(const struct mime_header *h, unsigned wanted, search_text_fn fn, void *arg)
{
    for (size_t i = 0; i < h->n; i++) {
        const struct mime_field *field = &h->fields[i];
        if (field->name.n == 0 || field_of(field->name) != wanted)
            continue;
        struct arena scratch;
        arena_init(&scratch);
        str value = value_of(&scratch, field->name, field->body);
        str whole = arena_printf(&scratch, "%.*s: %.*s", STR_FMT(field->name), STR_FMT(value));
        if (wanted == SEARCH_FIELD_HEADERS) {
            give(wanted, whole, fn, arg);
        } else {
            give(wanted, value, fn, arg);
            give(SEARCH_FIELD_HEADERS, field->name, fn, arg);
            give(SEARCH_TEXT_WHOLE, whole, fn, arg);
        }
        arena_fini(&scratch);
    }
}

/* The header fields of all other parts: TEXT looks at them too (RFC 9051 section 6.4.4). */
static void give_parts(const struct mime_structure *s, search_text_fn fn, void *arg)
{
    const struct mime_part *part = s->root;
    for (part = mime_part_next(part); part; part = mime_part_next(part)) {
        struct mime_field_iter it;
        struct mime_field field;
        mime_field_iter_init(&it, mime_part_header(s, part));
        while (mime_field_iter_next(&it, &field)) {
            struct arena scratch;
            arena_init(&scratch);
            str value = value_of(&scratch, field.name, field.body);
            give(SEARCH_FIELD_HEADERS,
                 arena_printf(&scratch, "%.*s: %.*s", STR_FMT(field.name), STR_FMT(value)), fn,
                 arg);
            arena_fini(&scratch);
        }
    }
}

static const unsigned header_order[] = { SEARCH_FIELD_SUBJECT, SEARCH_FIELD_FROM, SEARCH_FIELD_TO,
                                         SEARCH_FIELD_HEADERS };

bool search_message_texts(str message, size_t max_text, search_text_fn fn, void *arg)
{
    struct arena a;
    struct mime_header header;
    struct mime_text text;
    arena_init(&a);
    mime_header_parse(&a, message, &header);
    for (size_t i = 0; i < COUNT_OF(header_order); i++)
        give_fields(&header, header_order[i], fn, arg);
    const struct mime_structure *structure = mime_structure_parse(&a, message);
    give_parts(structure, fn, arg);
    size_t most = max_text < message.n * 3 + 64 ? max_text : message.n * 3 + 64;
    mime_text_extract(&a, structure, most, &text);
    fn(SEARCH_FIELD_BODY, search_normalize(&a, text.text), arg);
    arena_fini(&a);
    return !text.cut;
}

/* ---- verification ---- */

struct verification {
    unsigned fields;
    str needle; /* in normal form */
    bool found;
};

static void look_into(unsigned field, str normal_text, void *arg)
{
    struct verification *v = arg;
    unsigned fields = v->fields | (v->fields == SEARCH_FIELD_ANY ? SEARCH_TEXT_WHOLE : 0);
    v->found = v->found || ((field & fields) && str_find(normal_text, v->needle) >= 0);
}

bool search_message_contains(str message, unsigned fields, str needle)
{
    struct arena a;
    arena_init(&a);
    struct verification v = { .fields = fields, .needle = search_normalize(&a, needle) };
    (void)search_message_texts(message, SIZE_MAX, look_into, &v);
    arena_fini(&a);
    return v.found;
}

bool search_header_contains(str header, str needle)
{
    struct arena a;
    struct mime_header h;
    arena_init(&a);
    struct verification v = { .fields = SEARCH_FIELD_ANY, .needle = search_normalize(&a, needle) };
    mime_header_parse(&a, header, &h);
    for (size_t i = 0; i < COUNT_OF(header_order) && !v.found; i++)
        give_fields(&h, header_order[i], look_into, &v);
    arena_fini(&a);
    return v.found;
}

bool search_text_contains(str text, str needle)
{
    struct arena a;
    arena_init(&a);
    bool found = str_find(search_normalize(&a, text), search_normalize(&a, needle)) >= 0;
    arena_fini(&a);
    return found;
}
