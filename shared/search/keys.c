/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from headers. */
#include "search/keys.h"

#include "base/utf8.h"
#include "mime/mime.h"
#include "search/tokens.h"

enum {
    ID_SEED = 0x73656172 /* of hashes of message ids; stored, so it never changes */
};

/* A key of a text: without NUL, which PostgreSQL refuses, and not longer than it may be. */
static str key_of(struct arena *a, str text)
{
    if (!utf8_is_valid(text) || (text.n && memchr(text.p, 0, text.n)))
        return STR_EMPTY;
    str key = search_casemap(a, text);
    return utf8_cut(key, SEARCH_MAX_KEY_BYTES);
}

static void take_subject(struct arena *a, const struct mime_header *h, struct search_keys *out)
{
    const struct mime_field *field = mime_header_find(h, STR("Subject"), 0);
    if (field) {
        str text = mime_text_decode(a, field->body);
        out->subject = key_of(a, mime_subject_base(a, text, &out->is_reply));
    }
}

/* Keys of a field's first address as ENVELOPE has it: that of a group is its name. */
static void take_address(struct arena *a, const struct mime_header *h, str name, str *local,
                         str *display)
{
    struct mime_address_list list;
    const struct mime_field *field = mime_header_find(h, name, 0);
    if (!field)
        return;
    mime_address_list_parse(a, field->body, &list);
    if (list.n == 0 || list.items[0].kind == MIME_ADDRESS_GROUP_END)
        return;
    const struct mime_address *first = &list.items[0];
    bool is_group = first->kind == MIME_ADDRESS_GROUP_START;
    *local = key_of(a, is_group ? first->name : first->local);
    if (!display)
        return;
    str shown = is_group || first->name.n ? first->name : mime_address_spec(a, first);
    *display = key_of(a, shown);
}

/* Quotes in an id say nothing (RFC 5256 section 3, THREAD). */
static int64_t id_of(struct arena *a, str id)
{
    char *plain = arena_alloc(a, id.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < id.n; i++) {
        bool escapes = id.p[i] == '\\' && i + 1 < id.n;
        i += escapes;
        if (escapes || id.p[i] != '"')
            plain[n++] = id.p[i];
    }
    uint64_t hash = str_hash(str_of(plain, n), ID_SEED);
    int64_t key;
    memcpy(&key, &hash, sizeof(key));
    return key;
}

static size_t ids_of(struct arena *a, const struct mime_header *h, str name, const str **ids)
{
    const struct mime_field *field = mime_header_find(h, name, 0);
    return field ? mime_message_ids_parse(a, field->body, ids) : 0;
}

static void take_ids(struct arena *a, const struct mime_header *h, struct search_keys *out)
{
    const str *ids = NULL;
    if (ids_of(a, h, STR("Message-ID"), &ids) > 0) {
        out->has_id = true;
        out->id = id_of(a, ids[0]);
    }
    size_t n = ids_of(a, h, STR("References"), &ids);
    if (n == 0)
        n = ids_of(a, h, STR("In-Reply-To"), &ids) > 0 ? 1 : 0;
    int64_t *refs = ARENA_ARRAY(a, int64_t, n + 1);
    for (size_t i = 0; i < n; i++)
        refs[i] = id_of(a, ids[i]);
    out->refs = refs;
    out->n_refs = n;
}

void search_keys_make(struct arena *a, str header, struct search_keys *out)
{
    struct mime_header h;
    struct mime_date date;
    *out = (struct search_keys){ .is_known = true };
    mime_header_parse(a, header, &h);
    const struct mime_field *field = mime_header_find(&h, STR("Date"), 0);
    out->has_sent = field && mime_date_parse(field->body, &date);
    if (out->has_sent)
        out->sent_s = date.at_utc;
    take_subject(a, &h, out);
    take_address(a, &h, STR("From"), &out->from, &out->display_from);
    take_address(a, &h, STR("To"), &out->to, &out->display_to);
    take_address(a, &h, STR("Cc"), &out->cc, NULL);
    take_ids(a, &h, out);
}
