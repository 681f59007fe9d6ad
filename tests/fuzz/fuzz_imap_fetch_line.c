/* SPDX-License-Identifier: Apache-2.0 */
/* The line of FETCH, read again, gives the values that were written. The input is an octet of
 * switches, a line of attributes as a client asks for them, and the message. */
#include "imap_response.h"

#include "mime/mime.h"
#include "services/imap/fetch_items.h"
#include "wire/imap_date.h"
#include "wire/imap_objectid.h"

#include <stdio.h>

enum {
    MESSAGE_MAX = 12 * 1024, /* longer literals are sent by themselves */
    UID = 4711,
    MODSEQ = 987654321,
    MSG_ID = 123456789012345,
    THREAD_ID = 543210987654321,
    FLAG_BITS = 31,  /* of the switches: the flags */
    IS_UIDONLY = 32, /* ENABLE UIDONLY */
    IS_KEPT = 64,    /* ENVELOPE and BODYSTRUCTURE were made at delivery */
    HAS_KEYWORDS = 128
};

static const str keyword_names[] = { STR_INIT("$Junk"), STR_INIT("work") };
static const str more_names[] = { STR_INIT("a.b/c") };

/* What is expected, and the line as it is read. */
struct trial {
    struct arena a;
    struct imap_boxes boxes;
    struct imap_view view;
    struct imap_session s;
    struct imap_fetch_args args;
    struct imap_fetching f;
    struct imap_message m;
    struct store_row row;
    struct store_details details;
    struct said_reader r;
    size_t n_sections; /* read so far */
    unsigned items;    /* read so far */
};

/* ---- values ---- */

static bool is_text(const struct said *v, str want)
{
    return v && v->kind == SAID_TEXT && !v->is_literal8 && str_eq(v->text, want);
}

/* A text that the writer had to make sendable: NULs are spaces. */
static str sendable(struct trial *t, str s)
{
    char *text = arena_alloc(&t->a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        text[i] = (char)(s.p[i] ? s.p[i] : ' ');
    return str_of(text, s.n);
}

static bool is_string(struct trial *t, const struct said *v, str want)
{
    return is_text(v, sendable(t, want));
}

static bool is_nstring(struct trial *t, const struct said *v, str want)
{
    return want.n ? is_string(t, v, want) : v && v->kind == SAID_NIL;
}

static bool is_number(const struct said *v, uint64_t want)
{
    uint64_t n;
    return v && v->kind == SAID_ATOM && str_to_uint(v->text, UINT64_MAX, &n) && n == want;
}

static bool is_date(struct trial *t, const struct said *v, int64_t want)
{
    struct imap_lexer l;
    struct err e = ERR_CLEAR;
    int64_t got;
    imap_lexer_init(&l, arena_printf(&t->a, "\"%.*s\"", STR_FMT(v->text)), &t->a);
    return v->kind == SAID_TEXT && imap_date_time_parse(&l, &got, &e) && got == want;
}

/* "(value)" */
static const struct said *alone(const struct said *v)
{
    return v && v->kind == SAID_LIST && v->first && !v->first->next ? v->first : NULL;
}

static bool is_object(const struct said *v, enum imap_object object, int64_t want)
{
    int64_t id;
    const struct said *one = alone(v);
    return one && one->kind == SAID_ATOM && imap_objectid_parse(one->text, object, &id) &&
           id == want;
}

static bool has_names(const struct said **v, const str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct said *name = said_next(v);
        if (!name || name->kind != SAID_ATOM || !str_eq(name->text, names[i]))
            return false;
    }
    return true;
}

static bool is_flags(const struct trial *t, const struct said *v)
{
    unsigned flags = 0;
    if (!v || v->kind != SAID_LIST)
        return false;
    const struct said *at = v->first;
    while (at && at->kind == SAID_ATOM && str_has_prefix(at->text, STR("\\")))
        flags |= imap_flag_find(said_next(&at)->text);
    return flags == t->row.flags &&
           (t->row.kw == 0 || has_names(&at, keyword_names, COUNT_OF(keyword_names))) &&
           (!t->row.has_more || has_names(&at, more_names, COUNT_OF(more_names))) && !at;
}

/* ---- ENVELOPE ---- */

static bool is_address(struct trial *t, const struct said *v, const struct mime_address *want)
{
    if (!v || v->kind != SAID_LIST)
        return false;
    const struct said *at = v->first;
    const struct said *name = said_next(&at);
    const struct said *route = said_next(&at);
    const struct said *local = said_next(&at);
    const struct said *domain = said_next(&at);
    bool ok = name && route && local && domain && !at;
    switch (want->kind) {
    case MIME_ADDRESS_MAILBOX:
        return ok && is_nstring(t, name, want->raw_name) && is_nstring(t, route, want->route) &&
               is_string(t, local, want->local) && is_string(t, domain, want->domain);
    case MIME_ADDRESS_GROUP_START:
        return ok && name->kind == SAID_NIL && route->kind == SAID_NIL &&
               is_string(t, local, want->raw_name) && domain->kind == SAID_NIL;
    case MIME_ADDRESS_GROUP_END:
        return ok && name->kind == SAID_NIL && route->kind == SAID_NIL && local->kind == SAID_NIL &&
               domain->kind == SAID_NIL;
    }
    return false;
}

/* The addresses of all fields of the name; *n is how many there are. */
static bool are_addresses(struct trial *t, const struct said *v, const struct mime_header *h,
                          str name, size_t *n)
{
    const struct said *at = v->kind == SAID_LIST ? v->first : NULL;
    *n = 0;
    for (size_t i = 0; i < h->n; i++) {
        struct mime_address_list list;
        if (!str_ieq(h->fields[i].name, name))
            continue;
        mime_address_list_parse(&t->a, h->fields[i].body, &list);
        for (size_t k = 0; k < list.n; k++, (*n)++) {
            const struct said *item = said_next(&at);
            if (item && item->is_after_gap)
                return false;
            if (!is_address(t, item, &list.items[k]))
                return false;
        }
    }
    return v->kind == (*n ? SAID_LIST : SAID_NIL) && !at;
}

static size_t count_addresses(struct trial *t, const struct mime_header *h, str name)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        struct mime_address_list list = { .n = 0 };
        if (str_ieq(h->fields[i].name, name))
            mime_address_list_parse(&t->a, h->fields[i].body, &list);
        n += list.n;
    }
    return n;
}

static bool is_envelope(struct trial *t, const struct said *v, str header)
{
    static const struct {
        str name;
        bool is_text;
        bool is_from_without; /* else the addresses of From */
    } rows[] = {
        { STR_INIT("date"), true, false },        { STR_INIT("subject"), true, false },
        { STR_INIT("from"), false, false },       { STR_INIT("sender"), false, true },
        { STR_INIT("reply-to"), false, true },    { STR_INIT("to"), false, false },
        { STR_INIT("cc"), false, false },         { STR_INIT("bcc"), false, false },
        { STR_INIT("in-reply-to"), true, false }, { STR_INIT("message-id"), true, false },
    };
    struct mime_header h;
    size_t n;
    if (!v || v->kind != SAID_LIST)
        return false;
    mime_header_parse(&t->a, header, &h);
    const struct said *at = v->first;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct said *item = said_next(&at);
        const struct mime_field *field = mime_header_find(&h, rows[i].name, 0);
        str text = field ? mime_field_unfold(&t->a, field->body) : STR_EMPTY;
        bool from = rows[i].is_from_without && count_addresses(t, &h, rows[i].name) == 0;
        if (!item || item->is_after_gap != (i > 0) ||
            !(rows[i].is_text ? is_nstring(t, item, text)
                              : are_addresses(t, item, &h, from ? STR("from") : rows[i].name, &n)))
            return false;
    }
    return !at;
}

/* ---- BODYSTRUCTURE ---- */

static bool are_params(struct trial *t, const struct said *v, const struct mime_content_type *ct)
{
    const struct said *at = v && v->kind == SAID_LIST ? v->first : NULL;
    for (size_t i = 0; i < ct->n_params; i++) {
        if (!is_string(t, said_next(&at), ct->params[i].wire_name) ||
            !is_string(t, said_next(&at), ct->params[i].wire_value))
            return false;
    }
    return v && v->kind == (ct->n_params ? SAID_LIST : SAID_NIL) && !at;
}

static bool are_type_params(struct trial *t, const struct said *v, const struct mime_part *part)
{
    if (str_eq(part->type, part->content_type.type))
        return are_params(t, v, &part->content_type);
    if (!str_eq(part->type, STR("text")))
        return v && v->kind == SAID_NIL;
    return v && v->kind == SAID_LIST && is_text(v->first, STR("charset")) &&
           is_text(v->first->next, STR("us-ascii")) && !v->first->next->next;
}

/* disposition, language, location. */
static bool are_last_fields(struct trial *t, const struct said **at, const struct mime_part *part)
{
    const struct said *disposition = said_next(at);
    const struct said *language = said_next(at);
    const struct said *location = said_next(at);
    const str *words = NULL;
    size_t n = part->language.n ? mime_list_parse(&t->a, part->language, &words) : 0;
    bool has = part->disposition.type.n > 0;
    if (!location || *at || disposition->kind != (has ? SAID_LIST : SAID_NIL) ||
        !is_nstring(t, location, part->location))
        return false;
    if (has && !(is_string(t, disposition->first, part->disposition.type) &&
                 are_params(t, disposition->first->next, &part->disposition)))
        return false;
    if (n <= 1)
        return is_nstring(t, language, n ? words[0] : STR_EMPTY);
    const struct said *word = language->kind == SAID_LIST ? language->first : NULL;
    for (size_t i = 0; i < n; i++) {
        if (!is_string(t, said_next(&word), words[i]))
            return false;
    }
    return !word;
}

static bool is_structure(struct trial *t, const struct said *v, const struct mime_structure *s,
                         const struct mime_part *part, bool is_extended);

static bool is_leaf(struct trial *t, const struct said *at, const struct mime_structure *s,
                    const struct mime_part *part, bool is_extended)
{
    bool is_message = part->kind == MIME_PART_MESSAGE;
    str encoding = part->encoding == MIME_ENCODING_UNKNOWN ? part->encoding_text
                                                           : mime_encoding_name(part->encoding);
    bool ok = is_string(t, said_next(&at), part->type) &&
              is_string(t, said_next(&at), part->subtype) &&
              are_type_params(t, said_next(&at), part) && is_nstring(t, said_next(&at), part->id) &&
              is_nstring(t, said_next(&at), part->description) &&
              is_string(t, said_next(&at), encoding) &&
              is_number(said_next(&at), part->body_end - part->body_start);
    if (ok && is_message) {
        ok = is_envelope(t, said_next(&at), mime_part_header(s, part->first_child)) &&
             is_structure(t, said_next(&at), s, part->first_child, is_extended);
    }
    if (is_message || str_eq(part->type, STR("text")))
        ok = ok && is_number(said_next(&at), part->lines);
    if (is_extended)
        ok = ok && is_nstring(t, said_next(&at), part->md5) && are_last_fields(t, &at, part);
    return ok && !at;
}

static bool is_structure(struct trial *t, const struct said *v, const struct mime_structure *s,
                         const struct mime_part *part, bool is_extended)
{
    if (!v || v->kind != SAID_LIST)
        return false;
    const struct said *at = v->first;
    if (part->kind != MIME_PART_MULTIPART)
        return is_leaf(t, at, s, part, is_extended);
    for (const struct mime_part *child = part->first_child; child; child = child->next) {
        if (!at || at->is_after_gap || !is_structure(t, said_next(&at), s, child, is_extended))
            return false;
    }
    return is_string(t, said_next(&at), part->subtype) &&
           (!is_extended || (are_params(t, said_next(&at), &part->content_type) &&
                             are_last_fields(t, &at, part))) &&
           !at;
}

/* ---- sections ---- */

static bool are_same_sections(const struct imap_section *a, const struct imap_section *b)
{
    bool ok = a->kind == b->kind && a->n_parts == b->n_parts && a->n_fields == b->n_fields;
    for (size_t i = 0; ok && i < a->n_parts; i++)
        ok = a->parts[i] == b->parts[i];
    for (size_t i = 0; ok && i < a->n_fields; i++)
        ok = str_eq(a->fields[i], b->fields[i]);
    return ok;
}

/* Behind "[": up to the bracket that is in no string and no list of names. */
static bool read_section_name(struct trial *t, const struct imap_section *want)
{
    struct said_reader *r = &t->r;
    struct imap_section got;
    struct err e = ERR_CLEAR;
    size_t from = r->at;
    str ignored;
    bool is_inside = false;
    bool ok = true;
    while (ok && r->at < r->in.n && (is_inside || r->in.p[r->at] != ']')) {
        if (said_try(r, '"')) {
            ok = said_quoted(r, &ignored);
        } else if (said_try(r, '{')) {
            ok = said_literal(r, false, &ignored);
        } else {
            char c = r->in.p[r->at++];
            is_inside = c == '(' || (is_inside && c != ')');
        }
    }
    str name = str_slice(r->in, from, r->at - from);
    ok = ok && said_try(r, ']') && imap_section_parse(&t->a, name, &got, &e) &&
         are_same_sections(&got, want);
    if (!ok || !want->has_partial || want->form == IMAP_FORM_BINARY_SIZE)
        return ok;
    str from_text = arena_printf(&t->a, "<%u>", (unsigned)want->partial_from);
    ok = str_has_prefix(str_skip(r->in, r->at), from_text);
    r->at += from_text.n;
    return ok;
}

/* What the section holds, decoded where BINARY asks for it. */
static str octets_of(struct trial *t, const struct imap_section *section, bool *found)
{
    struct err e = ERR_CLEAR;
    str data = STR_EMPTY;
    bool is_binary = section->form == IMAP_FORM_BINARY || section->form == IMAP_FORM_BINARY_SIZE;
    if (is_binary && section->n_parts) {
        const struct mime_structure *s = mime_structure_parse(&t->a, t->m.raw);
        const struct mime_part *part = mime_structure_find(s, section->parts, section->n_parts);
        *found = part != NULL;
        data = part ? mime_part_decode(s, part, &t->a, SIZE_MAX) : STR_EMPTY;
    } else {
        INVARIANT(imap_message_section(&t->m, section, &data, found, &e));
    }
    return section->has_partial ? str_slice(data, section->partial_from, section->partial_count)
                                : data;
}

static bool is_section(struct trial *t, const struct said *v, const struct imap_section *section)
{
    bool found = false;
    str want = octets_of(t, section, &found);
    if (section->form == IMAP_FORM_BINARY_SIZE)
        return is_number(v, want.n);
    if (!found)
        return v->kind == SAID_NIL;
    return v->kind == SAID_TEXT && str_eq(v->text, want) &&
           (section->form == IMAP_FORM_BINARY || !v->is_literal8);
}

/* ---- the line ---- */

static bool is_item(struct trial *t, unsigned item, const struct said *v)
{
    const struct mime_structure *structure = mime_structure_parse(&t->a, t->m.raw);
    str header = str_slice(t->m.raw, 0, mime_header_end(t->m.raw));
    switch (item) {
    case IMAP_FETCH_UID:
        return is_number(v, UID);
    case IMAP_FETCH_FLAGS:
        return is_flags(t, v);
    case IMAP_FETCH_INTERNALDATE:
        return is_date(t, v, t->row.idate_s);
    case IMAP_FETCH_SIZE:
        return is_number(v, t->m.raw.n);
    case IMAP_FETCH_MODSEQ:
        return is_number(alone(v), MODSEQ);
    case IMAP_FETCH_EMAILID:
        return is_object(v, IMAP_OBJECT_EMAIL, MSG_ID);
    case IMAP_FETCH_THREADID:
        return is_object(v, IMAP_OBJECT_THREAD, THREAD_ID);
    case IMAP_FETCH_SAVEDATE:
        return t->m.saved_s == STORE_NEVER_SAVED ? v->kind == SAID_NIL
                                                 : is_date(t, v, t->m.saved_s);
    case IMAP_FETCH_PREVIEW:
        return is_string(t, v, t->details.preview);
    case IMAP_FETCH_ENVELOPE:
        return is_envelope(t, v, header);
    case IMAP_FETCH_BODYSTRUCTURE:
        return is_structure(t, v, structure, structure->root, true);
    case IMAP_FETCH_BODY:
        return is_structure(t, v, structure, structure->root, false);
    default:
        return false;
    }
}

/* The name of an item without section, or 0. */
static unsigned item_named(str name)
{
    static const struct {
        str name;
        unsigned item;
    } items[] = {
        { STR_INIT("UID"), IMAP_FETCH_UID },
        { STR_INIT("FLAGS"), IMAP_FETCH_FLAGS },
        { STR_INIT("INTERNALDATE"), IMAP_FETCH_INTERNALDATE },
        { STR_INIT("RFC822.SIZE"), IMAP_FETCH_SIZE },
        { STR_INIT("MODSEQ"), IMAP_FETCH_MODSEQ },
        { STR_INIT("EMAILID"), IMAP_FETCH_EMAILID },
        { STR_INIT("THREADID"), IMAP_FETCH_THREADID },
        { STR_INIT("SAVEDATE"), IMAP_FETCH_SAVEDATE },
        { STR_INIT("PREVIEW"), IMAP_FETCH_PREVIEW },
        { STR_INIT("ENVELOPE"), IMAP_FETCH_ENVELOPE },
        { STR_INIT("BODYSTRUCTURE"), IMAP_FETCH_BODYSTRUCTURE },
        { STR_INIT("BODY"), IMAP_FETCH_BODY },
    };
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        if (str_eq(name, items[i].name))
            return items[i].item;
    }
    return 0;
}

static str form_name(enum imap_section_form form)
{
    static const str names[] = {
        [IMAP_FORM_BODY] = STR_INIT("BODY"),
        [IMAP_FORM_BINARY] = STR_INIT("BINARY"),
        [IMAP_FORM_BINARY_SIZE] = STR_INIT("BINARY.SIZE"),
        [IMAP_FORM_RFC822] = STR_INIT("RFC822"),
        [IMAP_FORM_RFC822_HEADER] = STR_INIT("RFC822.HEADER"),
        [IMAP_FORM_RFC822_TEXT] = STR_INIT("RFC822.TEXT"),
    };
    return names[form];
}

/* One item with its value; sections come in the order in which they were asked for. */
static bool read_item(struct trial *t)
{
    struct said_reader *r = &t->r;
    size_t from = r->at;
    const struct imap_section *section =
        t->n_sections < t->args.n_sections ? &t->args.sections[t->n_sections] : NULL;
    while (r->at < r->in.n && r->in.p[r->at] != ' ' && r->in.p[r->at] != '[')
        r->at++;
    str name = str_slice(r->in, from, r->at - from);
    bool has_bracket = said_try(r, '[');
    unsigned item = has_bracket ? 0 : item_named(name);
    if (item == 0) {
        bool is_wanted = section && str_eq(name, form_name(section->form)) &&
                         has_bracket == (section->form <= IMAP_FORM_BINARY_SIZE);
        if (!is_wanted || (has_bracket && !read_section_name(t, section)))
            return false;
        t->n_sections++;
    }
    bool is_again = (t->items & item) != 0;
    t->items |= item;
    if (is_again || !said_try(r, ' '))
        return false;
    const struct said *v = said_value(r);
    return v && (item ? is_item(t, item, v) : is_section(t, v, section));
}

static bool read_line(struct trial *t)
{
    struct said_reader *r = &t->r;
    str start = t->s.is_uidonly ? STR("* 4711 UIDFETCH (") : STR("* 1 FETCH (");
    if (!str_has_prefix(r->in, start))
        return false;
    r->at = start.n;
    do {
        if (!read_item(t))
            return false;
    } while (said_try(r, ' '));
    return said_try(r, ')') && said_try(r, '\r') && said_try(r, '\n') && r->at == r->in.n &&
           t->items == t->f.items && t->n_sections == t->args.n_sections;
}

/* ---- the message ---- */

static void fill_view(struct trial *t)
{
    const struct store_overflow overflow = { UID, more_names, COUNT_OF(more_names) };
    const struct store_snapshot snapshot = {
        .rows = &t->row,
        .n = 1,
        .state = { .modseq = MODSEQ, .uidvalidity = 7, .uidnext = UID + 1 },
        .keywords = { .names = keyword_names, .n = COUNT_OF(keyword_names), .used = t->row.kw },
        .overflows = &overflow,
        .n_overflows = t->row.has_more,
    };
    imap_boxes_init(&t->boxes, NULL);
    t->view = (struct imap_view){ .box = imap_box_enter(&t->boxes, 1, 1, 1) };
    imap_box_take_snapshot(t->view.box, &snapshot);
    imap_view_show(&t->view, t->view.box->rows);
}

/* As delivery makes them. */
static void fill_kept(struct trial *t)
{
    struct mime_header h;
    struct buf text;
    buf_init(&text, MIME_MAX_STRUCTURE_BYTES);
    mime_header_parse(&t->a, t->m.raw, &h);
    if (mime_envelope_format(&t->a, &h, &text))
        t->details.envelope = arena_str(&t->a, buf_str(&text));
    buf_clear(&text);
    if (mime_bodystructure_format(&t->a, mime_structure_parse(&t->a, t->m.raw), true, &text))
        t->details.bodystructure = arena_str(&t->a, buf_str(&text));
    buf_fini(&text);
}

static void fill(struct trial *t, uint8_t switches, str message)
{
    bool has_keywords = (switches & HAS_KEYWORDS) != 0;
    t->row = (struct store_row){ .msg_id = MSG_ID,
                                 .modseq = MODSEQ,
                                 .kw = has_keywords ? 3 : 0,
                                 .idate_s = (int64_t)message.n * 86399,
                                 .uid = UID,
                                 .size = (uint32_t)message.n,
                                 .flags = switches & FLAG_BITS,
                                 .has_more = has_keywords };
    t->details = (struct store_details){ .found = true,
                                         .thread_id = THREAD_ID,
                                         .preview = str_slice(message, 0, 100) };
    t->m = (struct imap_message){ .s = &t->s,
                                  .row = &t->row,
                                  .details = &t->details,
                                  .saved_s = has_keywords ? 1234567890 : STORE_NEVER_SAVED,
                                  .a = &t->a,
                                  .raw = message,
                                  .has_raw = true };
    if (switches & IS_KEPT)
        fill_kept(t);
    fill_view(t);
    arena_init(&t->s.arena);
    buf_init(&t->s.out, (size_t)8 * 1024 * 1024);
    t->s.view = &t->view;
    t->s.is_uidonly = (switches & IS_UIDONLY) != 0;
    t->f = (struct imap_fetching){ .s = &t->s, .args = &t->args, .items = t->args.items };
    if (t->s.is_uidonly)
        t->f.items &= ~(unsigned)IMAP_FETCH_UID;
}

static void try_message(struct trial *t, uint8_t switches, str message)
{
    struct err e = ERR_CLEAR;
    fill(t, switches, message);
    if (t->f.items == 0 && t->args.n_sections == 0)
        return;
    if (imap_fetch_format_message(&t->f, &t->m, 0, false, &e)) {
        t->r = (struct said_reader){ .a = &t->a, .in = buf_str(&t->s.out) };
        bool is_same = read_line(t);
        if (!is_same)
            (void)fprintf(stderr, "at octet %zu: %.*s\n", t->r.at, STR_FMT(t->r.in));
        INVARIANT(is_same);
    } else {
        INVARIANT(e.kind == ERR_UNSUPPORTED); /* an encoding that nobody knows, in BINARY */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trial t = { .n_sections = 0 };
    struct imap_lexer l;
    struct err e = ERR_CLEAR;
    str in = str_of((const char *)data, size);
    ptrdiff_t end = str_find_byte(in, '\n');
    str message = str_skip(in, end < 0 ? 0 : (size_t)end + 1);
    /* A NUL comes into no mailbox, or only encoded. */
    if (end < 1 || message.n > MESSAGE_MAX || str_find_byte(message, '\0') >= 0)
        return 0;
    arena_init(&t.a);
    imap_lexer_init(&l, str_slice(in, 1, (size_t)end - 1), &t.a);
    if (imap_fetch_items_parse(&l, &t.args, &e) && imap_lexer_end(&l, &e)) {
        try_message(&t, data[0], message);
        buf_fini(&t.s.out);
        arena_fini(&t.s.arena);
        imap_rows_drop(&t.view.rows);
        imap_box_leave(&t.view.box);
        imap_boxes_fini(&t.boxes);
    }
    arena_fini(&t.a);
    return 0;
}
