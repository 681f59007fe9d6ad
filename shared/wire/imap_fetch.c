/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch attributes. */
#include "wire/imap_fetch.h"

#include "wire/imap_format.h"

static const struct {
    str name;
    unsigned bits;
} plain_items[] = {
    { STR_INIT("UID"), IMAP_FETCH_UID },
    { STR_INIT("FLAGS"), IMAP_FETCH_FLAGS },
    { STR_INIT("INTERNALDATE"), IMAP_FETCH_INTERNALDATE },
    { STR_INIT("RFC822.SIZE"), IMAP_FETCH_SIZE },
    { STR_INIT("ENVELOPE"), IMAP_FETCH_ENVELOPE },
    { STR_INIT("BODYSTRUCTURE"), IMAP_FETCH_BODYSTRUCTURE },
    { STR_INIT("MODSEQ"), IMAP_FETCH_MODSEQ },
    { STR_INIT("EMAILID"), IMAP_FETCH_EMAILID },
    { STR_INIT("THREADID"), IMAP_FETCH_THREADID },
    { STR_INIT("SAVEDATE"), IMAP_FETCH_SAVEDATE },
    { STR_INIT("PREVIEW"), IMAP_FETCH_PREVIEW },
};

static const struct {
    str name;
    unsigned bits;
} macros[] = {
    { STR_INIT("ALL"),
      IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE | IMAP_FETCH_ENVELOPE },
    { STR_INIT("FAST"), IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE },
    { STR_INIT("FULL"), IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE |
                            IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY },
};

static const struct {
    str name;
    enum imap_section_form form;
    enum imap_section_kind kind; /* of those that take no section */
    bool is_peek;
    bool takes_section;
} section_items[] = {
    { STR_INIT("BODY"), IMAP_FORM_BODY, IMAP_SECTION_ALL, false, true },
    { STR_INIT("BODY.PEEK"), IMAP_FORM_BODY, IMAP_SECTION_ALL, true, true },
    { STR_INIT("BINARY"), IMAP_FORM_BINARY, IMAP_SECTION_ALL, false, true },
    { STR_INIT("BINARY.PEEK"), IMAP_FORM_BINARY, IMAP_SECTION_ALL, true, true },
    { STR_INIT("BINARY.SIZE"), IMAP_FORM_BINARY_SIZE, IMAP_SECTION_ALL, true, true },
    { STR_INIT("RFC822"), IMAP_FORM_RFC822, IMAP_SECTION_ALL, false, false },
    { STR_INIT("RFC822.HEADER"), IMAP_FORM_RFC822_HEADER, IMAP_SECTION_HEADER, true, false },
    { STR_INIT("RFC822.TEXT"), IMAP_FORM_RFC822_TEXT, IMAP_SECTION_TEXT, false, false },
};

static const struct {
    str name;
    enum imap_section_kind kind;
} section_words[] = {
    { STR_INIT("HEADER"), IMAP_SECTION_HEADER },
    { STR_INIT("HEADER.FIELDS"), IMAP_SECTION_FIELDS },
    { STR_INIT("HEADER.FIELDS.NOT"), IMAP_SECTION_FIELDS_NOT },
    { STR_INIT("TEXT"), IMAP_SECTION_TEXT },
    { STR_INIT("MIME"), IMAP_SECTION_MIME },
};

static const str form_names[] = {
    [IMAP_FORM_BODY] = STR_INIT("BODY"),
    [IMAP_FORM_BINARY] = STR_INIT("BINARY"),
    [IMAP_FORM_BINARY_SIZE] = STR_INIT("BINARY.SIZE"),
    [IMAP_FORM_RFC822] = STR_INIT("RFC822"),
    [IMAP_FORM_RFC822_HEADER] = STR_INIT("RFC822.HEADER"),
    [IMAP_FORM_RFC822_TEXT] = STR_INIT("RFC822.TEXT"),
};

/* "1.2" or "1.2." before a word. */
static bool read_part_numbers(struct imap_lexer *l, struct imap_section *s, struct err *e)
{
    while (ascii_is_digit(imap_lexer_peek(l))) {
        uint64_t number = 0;
        if (s->n_parts == IMAP_SECTION_PARTS_MAX)
            return ERR(e, ERR_LIMIT, "a section deeper than %d", IMAP_SECTION_PARTS_MAX);
        if (!imap_lexer_number(l, UINT32_MAX, &number, e))
            return false;
        if (number == 0)
            return ERR(e, ERR_SYNTAX, "part numbers begin with 1");
        s->parts[s->n_parts++] = (uint32_t)number;
        if (!imap_lexer_try_byte(l, '.'))
            return true;
    }
    if (s->n_parts && !ascii_is_alpha(imap_lexer_peek(l)))
        return ERR(e, ERR_SYNTAX, "a section ends in a dot");
    return true;
}

static bool read_field_names(struct imap_lexer *l, struct imap_section *s, struct err *e)
{
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    do {
        if (s->n_fields == IMAP_SECTION_FIELDS_MAX)
            return ERR(e, ERR_LIMIT, "more than %d header names", IMAP_SECTION_FIELDS_MAX);
        s->fields = arena_grow(l->a, s->fields, s->n_fields, sizeof(*s->fields));
        if (!imap_lexer_astring(l, &s->fields[s->n_fields++], e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

static bool read_section_word(struct imap_lexer *l, struct imap_section *s, struct err *e)
{
    str word;
    if (!imap_lexer_word(l, &word, e))
        return false;
    for (size_t i = 0; i < COUNT_OF(section_words); i++) {
        if (!str_ieq(word, section_words[i].name))
            continue;
        s->kind = section_words[i].kind;
        if (s->kind == IMAP_SECTION_MIME && s->n_parts == 0)
            return ERR(e, ERR_SYNTAX, "MIME needs a part number");
        bool has_names = s->kind == IMAP_SECTION_FIELDS || s->kind == IMAP_SECTION_FIELDS_NOT;
        return !has_names || read_field_names(l, s, e);
    }
    return ERR(e, ERR_SYNTAX, "no such section");
}

static bool read_partial(struct imap_lexer *l, struct imap_section *s, struct err *e)
{
    uint64_t from = 0;
    uint64_t count = 0;
    if (s->form == IMAP_FORM_BINARY_SIZE || !imap_lexer_try_byte(l, '<'))
        return true;
    if (!imap_lexer_number(l, UINT32_MAX, &from, e) || !imap_lexer_byte(l, '.', e) ||
        !imap_lexer_number(l, UINT32_MAX, &count, e) || !imap_lexer_byte(l, '>', e))
        return false;
    if (count == 0)
        return ERR(e, ERR_SYNTAX, "a partial of no octets");
    s->has_partial = true;
    s->partial_from = (uint32_t)from;
    s->partial_count = (uint32_t)count;
    return true;
}

/* What stands between the brackets. */
static bool read_section_inside(struct imap_lexer *l, struct imap_section *s, struct err *e)
{
    if (!read_part_numbers(l, s, e))
        return false;
    if (!ascii_is_alpha(imap_lexer_peek(l)))
        return true;
    if (s->form != IMAP_FORM_BODY)
        return ERR(e, ERR_SYNTAX, "BINARY takes part numbers only");
    return read_section_word(l, s, e);
}

static bool read_section(struct imap_lexer *l, struct imap_section *s, struct err *e)
{
    return imap_lexer_byte(l, '[', e) && read_section_inside(l, s, e) &&
           imap_lexer_byte(l, ']', e) && read_partial(l, s, e);
}

bool imap_section_parse(struct arena *a, str text, struct imap_section *out, struct err *e)
{
    struct imap_lexer l;
    imap_lexer_init(&l, text, a);
    *out = (struct imap_section){ .form = IMAP_FORM_BODY, .is_peek = true };
    return read_section_inside(&l, out, e) && imap_lexer_end(&l, e);
}

static struct imap_section *add_section(struct imap_lexer *l, struct imap_fetch_args *out,
                                        struct err *e)
{
    if (out->n_sections == IMAP_FETCH_ITEMS_MAX) {
        (void)ERR(e, ERR_LIMIT, "more than %d sections", IMAP_FETCH_ITEMS_MAX);
        return NULL;
    }
    /* They are few, and each is big: a slow reader keeps them for as long as it reads. */
    out->sections = arena_grow(l->a, out->sections, out->n_sections, sizeof(*out->sections));
    return &out->sections[out->n_sections++];
}

static bool read_section_item(struct imap_lexer *l, size_t item, struct imap_fetch_args *out,
                              struct err *e)
{
    struct imap_section *s = add_section(l, out, e);
    if (!s)
        return false;
    s->form = section_items[item].form;
    s->kind = section_items[item].kind;
    s->is_peek = section_items[item].is_peek;
    return !section_items[item].takes_section || read_section(l, s, e);
}

/* "PREVIEW (LAZY)" (RFC 8970 section 3.1): a space and a parenthesis can only be its modifiers. */
static bool skip_preview_modifiers(struct imap_lexer *l, struct err *e)
{
    struct imap_lexer ahead = *l;
    if (!imap_lexer_try_byte(&ahead, ' ') || !imap_lexer_try_byte(&ahead, '('))
        return true;
    if (!imap_lexer_try_word(&ahead, STR("LAZY")))
        return true; /* FETCH's own modifiers, behind "FETCH 1 PREVIEW" */
    *l = ahead;
    return imap_lexer_byte(l, ')', e);
}

static bool read_item(struct imap_lexer *l, struct imap_fetch_args *out, struct err *e)
{
    str name;
    if (!imap_lexer_word(l, &name, e))
        return false;
    for (size_t i = 0; i < COUNT_OF(plain_items); i++) {
        if (str_ieq(name, plain_items[i].name)) {
            out->items |= plain_items[i].bits;
            return plain_items[i].bits != IMAP_FETCH_PREVIEW || skip_preview_modifiers(l, e);
        }
    }
    if (str_ieq(name, STR("BODY")) && imap_lexer_peek(l) != '[') {
        out->items |= IMAP_FETCH_BODY;
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(section_items); i++) {
        if (str_ieq(name, section_items[i].name))
            return read_section_item(l, i, out, e);
    }
    return ERR(e, ERR_UNSUPPORTED, "no such attribute");
}

static bool try_macro(struct imap_lexer *l, struct imap_fetch_args *out)
{
    for (size_t i = 0; i < COUNT_OF(macros); i++) {
        if (imap_lexer_try_word(l, macros[i].name)) {
            out->items |= macros[i].bits;
            return true;
        }
    }
    return false;
}

bool imap_fetch_items_parse(struct imap_lexer *l, struct imap_fetch_args *out, struct err *e)
{
    if (try_macro(l, out))
        return true;
    if (!imap_lexer_try_byte(l, '('))
        return read_item(l, out, e);
    do {
        if (!read_item(l, out, e))
            return false;
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

static bool read_modifiers(struct imap_lexer *l, struct imap_fetch_args *out, struct err *e)
{
    if (imap_lexer_is_at_end(l))
        return true;
    if (!imap_lexer_space(l, e) || !imap_lexer_byte(l, '(', e))
        return false;
    do {
        if (!out->has_changedsince && imap_lexer_try_word(l, STR("CHANGEDSINCE"))) {
            out->has_changedsince = true;
            if (!imap_lexer_space(l, e) || !imap_lexer_number(l, INT64_MAX, &out->changedsince, e))
                return false;
        } else if (!out->vanished && imap_lexer_try_word(l, STR("VANISHED"))) {
            out->vanished = true;
        } else if (!out->has_partial && imap_lexer_try_word(l, STR("PARTIAL"))) {
            out->has_partial = true;
            if (!imap_lexer_space(l, e) || !imap_partial_parse(l, &out->partial, e))
                return false;
        } else {
            return ERR(e, ERR_UNSUPPORTED, "a modifier of FETCH that is not offered");
        }
    } while (imap_lexer_try_byte(l, ' '));
    return imap_lexer_byte(l, ')', e);
}

bool imap_fetch_parse(struct imap_lexer *l, struct imap_fetch_args *out, struct err *e)
{
    *out = (struct imap_fetch_args){ .items = 0 };
    return imap_lexer_space(l, e) && imap_sequence_parse(l, &out->set, e) &&
           imap_lexer_space(l, e) && imap_fetch_items_parse(l, out, e) &&
           read_modifiers(l, out, e) && imap_lexer_end(l, e);
}

static bool format_fields(struct buf *out, const struct imap_section *s)
{
    bool ok = buf_add(out, STR(" ("));
    for (size_t i = 0; i < s->n_fields; i++) {
        ok = ok && (i == 0 || buf_add_byte(out, ' ')) && imap_format_astring(out, s->fields[i]);
    }
    return ok && buf_add_byte(out, ')');
}

bool imap_section_format(struct buf *out, const struct imap_section *s)
{
    bool ok = buf_add(out, form_names[s->form]);
    if (s->form > IMAP_FORM_BINARY_SIZE)
        return ok;
    ok = ok && buf_add_byte(out, '[');
    for (size_t i = 0; i < s->n_parts; i++)
        ok = ok && (i == 0 || buf_add_byte(out, '.')) && buf_add_uint(out, s->parts[i]);
    for (size_t i = 0; i < COUNT_OF(section_words); i++) {
        if (section_words[i].kind != s->kind)
            continue;
        ok = ok && (s->n_parts == 0 || buf_add_byte(out, '.')) &&
             buf_add(out, section_words[i].name);
    }
    if (s->kind == IMAP_SECTION_FIELDS || s->kind == IMAP_SECTION_FIELDS_NOT)
        ok = ok && format_fields(out, s);
    ok = ok && buf_add_byte(out, ']');
    if (s->has_partial)
        ok = ok && buf_addf(out, "<%u>", (unsigned)s->partial_from);
    return ok;
}
