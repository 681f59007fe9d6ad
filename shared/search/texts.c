/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says, by field: the one place where index and verification agree on it. */
#include "mime/mime.h"
#include "search/document.h"
#include "search/query.h"
#include "search/search.h"
#include "search/tokens.h"

/* Fields that machines write for machines: nobody looks for mail by them, and each would put words
 * into the vocabulary that stand in no other message. */
static const str unread_fields[] = {
    STR_INIT("received"),
    STR_INIT("dkim-signature"),
    STR_INIT("domainkey-signature"),
    STR_INIT("arc-seal"),
    STR_INIT("arc-message-signature"),
    STR_INIT("arc-authentication-results"),
    STR_INIT("authentication-results"),
    STR_INIT("x-google-dkim-signature"),
    STR_INIT("autocrypt"),
    STR_INIT("openpgp"),
    STR_INIT("face"),
    STR_INIT("x-face"),
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
    for (size_t i = 0; i < COUNT_OF(unread_fields); i++) {
        if (str_ieq(unread_fields[i], name))
            return 0;
    }
    return SEARCH_FIELD_HEADERS;
}

/* All header fields of one kind. */
static void give_fields(const struct mime_header *h, unsigned wanted, search_text_fn fn, void *arg)
{
    for (size_t i = 0; i < h->n; i++) {
        if (h->fields[i].name.n == 0 || field_of(h->fields[i].name) != wanted)
            continue;
        struct arena scratch;
        arena_init(&scratch);
        str text = search_normalize(&scratch, mime_text_decode(&scratch, h->fields[i].body));
        fn(wanted, text, arg);
        arena_fini(&scratch);
    }
}

bool search_message_texts(str message, size_t max_text, search_text_fn fn, void *arg)
{
    static const unsigned order[] = { SEARCH_FIELD_SUBJECT, SEARCH_FIELD_FROM, SEARCH_FIELD_TO,
                                      SEARCH_FIELD_HEADERS };
    struct arena a;
    struct mime_header header;
    struct mime_text text;
    arena_init(&a);
    mime_header_parse(&a, message, &header);
    for (size_t i = 0; i < COUNT_OF(order); i++)
        give_fields(&header, order[i], fn, arg);
    size_t most = max_text < message.n * 3 + 64 ? max_text : message.n * 3 + 64;
    mime_text_extract(&a, mime_structure_parse(&a, message), most, &text);
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
    v->found = v->found || ((field & v->fields) && str_find(normal_text, v->needle) >= 0);
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

bool search_text_contains(str text, str needle)
{
    struct arena a;
    arena_init(&a);
    bool found = str_find(search_normalize(&a, text), search_normalize(&a, needle)) >= 0;
    arena_fini(&a);
    return found;
}
