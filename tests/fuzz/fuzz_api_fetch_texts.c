/* SPDX-License-Identifier: Apache-2.0 */
/* What FETCH tells of any message, read again by another parser: ENVELOPE and BODYSTRUCTURE give
 * the values that the message has, a date and an identifier the number that was written. */
#include "mime/address.h"
#include "mime/envelope.h"
#include "mime/mime.h"
#include "services/api/imap_tree.h"
#include "wire/imap_date.h"
#include "wire/imap_objectid.h"

enum {
    ENVELOPE_FIELDS = 10,
    ADDRESS_WORDS = 4
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A string without NULs, for which spaces stand. */
static void check_string(const struct imap_node *node, str want)
{
    INVARIANT(node && node->kind == IMAP_NODE_TEXT && node->text.n == want.n);
    for (size_t i = 0; i < want.n; i++)
        INVARIANT(node->text.p[i] == (want.p[i] ? want.p[i] : ' '));
}

/* NIL for nothing. */
static void check_nstring(const struct imap_node *node, str want)
{
    if (want.n) {
        check_string(node, want);
    } else {
        INVARIANT(node && node->kind == IMAP_NODE_NIL);
    }
}

static void check_number(const struct imap_node *node, size_t want)
{
    uint64_t number = 0;
    INVARIANT(node && node->kind == IMAP_NODE_TEXT);
    INVARIANT(str_to_uint(node->text, SIZE_MAX, &number) && number == want);
}

static size_t count(const struct imap_node *list)
{
    size_t n = 0;
    for (const struct imap_node *node = imap_node_at(list, 0); node; node = node->next)
        n++;
    return n;
}

/* ---- ENVELOPE ---- */

static void check_address(const struct imap_node *node, const struct mime_address *want)
{
    bool is_mailbox = want->kind == MIME_ADDRESS_MAILBOX;
    INVARIANT(count(node) == ADDRESS_WORDS);
    check_nstring(imap_node_at(node, 0), is_mailbox ? want->raw_name : STR_EMPTY);
    check_nstring(imap_node_at(node, 1), is_mailbox ? want->route : STR_EMPTY);
    if (is_mailbox) {
        check_string(imap_node_at(node, 2), want->local);
        check_string(imap_node_at(node, 3), want->domain);
        return;
    }
    if (want->kind == MIME_ADDRESS_GROUP_START) {
        check_string(imap_node_at(node, 2), want->raw_name);
    } else {
        INVARIANT(imap_node_at(node, 2)->kind == IMAP_NODE_NIL);
    }
    INVARIANT(imap_node_at(node, 3)->kind == IMAP_NODE_NIL);
}

/* The addresses of all fields of this name, one after the other; gives how many there are. */
static size_t check_addresses(struct arena *a, const struct mime_header *h, str name,
                              const struct imap_node *list)
{
    size_t n = 0;
    const struct imap_node *node = imap_node_at(list, 0);
    for (size_t i = 0; i < h->n; i++) {
        struct mime_address_list addresses;
        if (!str_ieq(h->fields[i].name, name))
            continue;
        mime_address_list_parse(a, h->fields[i].body, &addresses);
        for (size_t k = 0; k < addresses.n; k++, n++) {
            check_address(node, &addresses.items[k]);
            node = node->next;
        }
    }
    if (n == 0)
        return 0;
    INVARIANT(!node);
    return n;
}

static void check_envelope(struct arena *a, const struct mime_header *h,
                           const struct imap_node *envelope)
{
    static const struct {
        str name;
        str instead;
        bool is_text;
    } rows[ENVELOPE_FIELDS] = {
        { STR_INIT("date"), { 0 }, true },
        { STR_INIT("subject"), { 0 }, true },
        { STR_INIT("from"), { 0 }, false },
        { STR_INIT("sender"), STR_INIT("from"), false },
        { STR_INIT("reply-to"), STR_INIT("from"), false },
        { STR_INIT("to"), { 0 }, false },
        { STR_INIT("cc"), { 0 }, false },
        { STR_INIT("bcc"), { 0 }, false },
        { STR_INIT("in-reply-to"), { 0 }, true },
        { STR_INIT("message-id"), { 0 }, true },
    };
    INVARIANT(count(envelope) == ENVELOPE_FIELDS);
    for (size_t i = 0; i < ENVELOPE_FIELDS; i++) {
        const struct imap_node *node = imap_node_at(envelope, i);
        const struct mime_field *field = mime_header_find(h, rows[i].name, 0);
        if (rows[i].is_text) {
            check_nstring(node, field ? mime_field_unfold(a, field->body) : STR_EMPTY);
            continue;
        }
        size_t n = check_addresses(a, h, rows[i].name, node);
        if (n == 0 && rows[i].instead.n)
            n = check_addresses(a, h, rows[i].instead, node);
        INVARIANT(n || node->kind == IMAP_NODE_NIL);
    }
}

/* ---- BODYSTRUCTURE ---- */

static void check_params(const struct imap_node *node, const struct mime_content_type *want)
{
    if (want->n_params == 0) {
        INVARIANT(node && node->kind == IMAP_NODE_NIL);
        return;
    }
    INVARIANT(count(node) == 2 * want->n_params);
    for (size_t i = 0; i < want->n_params; i++) {
        check_string(imap_node_at(node, 2 * i), want->params[i].wire_name);
        check_string(imap_node_at(node, 2 * i + 1), want->params[i].wire_value);
    }
}

/* disposition, language and location, from the `at`-th node to the end of the list. */
static void check_last(struct arena *a, const struct imap_node *list, size_t at,
                       const struct mime_part *part)
{
    const str *words = NULL;
    size_t n = part->language.n ? mime_list_parse(a, part->language, &words) : 0;
    const struct imap_node *disposition = imap_node_at(list, at);
    const struct imap_node *language = imap_node_at(list, at + 1);
    if (part->disposition.type.n) {
        INVARIANT(count(disposition) == 2);
        check_string(imap_node_at(disposition, 0), part->disposition.type);
        check_params(imap_node_at(disposition, 1), &part->disposition);
    } else {
        INVARIANT(disposition && disposition->kind == IMAP_NODE_NIL);
    }
    if (n <= 1) {
        check_nstring(language, n ? words[0] : STR_EMPTY);
    } else {
        INVARIANT(count(language) == n);
        for (size_t i = 0; i < n; i++)
            check_string(imap_node_at(language, i), words[i]);
    }
    check_nstring(imap_node_at(list, at + 2), part->location);
    INVARIANT(count(list) == at + 3);
}

static void check_part(struct arena *a, const struct mime_structure *s,
                       const struct mime_part *part, const struct imap_node *node);

static void check_multipart(struct arena *a, const struct mime_structure *s,
                            const struct mime_part *part, const struct imap_node *list)
{
    size_t at = 0;
    const struct imap_node *node = imap_node_at(list, 0);
    for (const struct mime_part *p = part->first_child; p; p = p->next, at++, node = node->next)
        check_part(a, s, p, node);
    check_string(node, part->subtype);
    check_params(imap_node_at(list, at + 1), &part->content_type);
    check_last(a, list, at + 2, part);
}

/* Everything that one part tells of itself, up to its size. */
static void check_basics(const struct mime_part *part, const struct imap_node *list)
{
    check_string(imap_node_at(list, 0), part->type);
    check_string(imap_node_at(list, 1), part->subtype);
    if (str_eq(part->type, part->content_type.type))
        check_params(imap_node_at(list, 2), &part->content_type);
    check_nstring(imap_node_at(list, 3), part->id);
    check_nstring(imap_node_at(list, 4), part->description);
    check_string(imap_node_at(list, 5), part->encoding == MIME_ENCODING_UNKNOWN
                                            ? part->encoding_text
                                            : mime_encoding_name(part->encoding));
    check_number(imap_node_at(list, 6), part->body_end - part->body_start);
}

static void check_part(struct arena *a, const struct mime_structure *s,
                       const struct mime_part *part, const struct imap_node *node)
{
    size_t at = 7;
    INVARIANT(node && node->kind == IMAP_NODE_LIST);
    if (part->kind == MIME_PART_MULTIPART) {
        check_multipart(a, s, part, node);
        return;
    }
    check_basics(part, node);
    if (part->kind == MIME_PART_MESSAGE) {
        struct mime_header inner;
        mime_header_parse(a, mime_part_header(s, part->first_child), &inner);
        check_envelope(a, &inner, imap_node_at(node, at++));
        check_part(a, s, part->first_child, imap_node_at(node, at++));
        check_number(imap_node_at(node, at++), part->lines);
    } else if (str_eq(part->type, STR("text"))) {
        check_number(imap_node_at(node, at++), part->lines);
    }
    check_nstring(imap_node_at(node, at++), part->md5);
    check_last(a, node, at, part);
}

/* ---- numbers ---- */

static void check_numbers(struct arena *a, int64_t number)
{
    static const int64_t first = -62135596800; /* the years 1 to 9999 */
    static const int64_t last = 253402300799;
    struct imap_lexer l;
    struct err e = ERR_CLEAR;
    struct buf text;
    int64_t again = 0;
    int64_t at = first + (int64_t)((uint64_t)number % (uint64_t)(last - first + 1));
    buf_init(&text, 256);
    bool ok = imap_date_time_format(&text, at);
    imap_lexer_init(&l, buf_str(&text), a);
    ok = ok && imap_date_time_parse(&l, &again, &e) && imap_lexer_end(&l, &e);
    INVARIANT(ok && again == at);
    for (int kind = IMAP_OBJECT_EMAIL; kind <= IMAP_OBJECT_THREAD; kind++) {
        int64_t id = number & INT64_MAX ? number & INT64_MAX : 1; /* they begin with 1 */
        buf_clear(&text);
        ok = imap_objectid_format(&text, (enum imap_object)kind, id) &&
             imap_objectid_parse(buf_str(&text), (enum imap_object)kind, &again);
        INVARIANT(ok && again == id);
    }
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct buf text;
    struct mime_header header;
    const struct imap_node *root = NULL;
    int64_t number = 0;
    str message = str_of((const char *)data, n);
    arena_init(&a);
    buf_init(&text, MIME_MAX_STRUCTURE_BYTES);
    memcpy(&number, data, n < sizeof(number) ? n : sizeof(number));
    check_numbers(&a, number);
    mime_header_parse(&a, message, &header);
    if (mime_envelope_format(&a, &header, &text)) {
        INVARIANT(imap_tree_parse(&a, buf_str(&text), &root));
        check_envelope(&a, &header, root);
    }
    buf_clear(&text);
    const struct mime_structure *s = mime_structure_parse(&a, message);
    if (mime_bodystructure_format(&a, s, true, &text)) {
        INVARIANT(imap_tree_parse(&a, buf_str(&text), &root));
        check_part(&a, s, s->root, root);
    }
    buf_fini(&text);
    arena_fini(&a);
    return 0;
}
