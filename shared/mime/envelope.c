/* SPDX-License-Identifier: Apache-2.0 */
/* Writes ENVELOPE from raw header fields. */
#include "mime/envelope.h"

#include "mime/address.h"

enum {
    MAX_QUOTED = 1000 /* longer strings are literals: some clients have short line buffers */
};

static bool is_quotable(str s)
{
    if (s.n > MAX_QUOTED)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == 0 || c == '\r' || c == '\n' || c > 127)
            return false;
    }
    return true;
}

static bool add_quoted(str s, struct buf *out)
{
    bool fits = buf_add_byte(out, '"');
    for (size_t i = 0; i < s.n && fits; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            fits = buf_add_byte(out, '\\');
        fits = fits && buf_add_byte(out, s.p[i]);
    }
    return fits && buf_add_byte(out, '"');
}

static bool add_literal(str s, struct buf *out)
{
    if (!buf_addf(out, "{%zu}\r\n", s.n))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!buf_add_byte(out, (char)(s.p[i] ? s.p[i] : ' ')))
            return false;
    }
    return true;
}

bool mime_imap_string(str s, struct buf *out)
{
    size_t start = out->n;
    if (is_quotable(s) ? add_quoted(s, out) : add_literal(s, out))
        return true;
    buf_truncate(out, start);
    return false;
}

bool mime_imap_nstring(str s, struct buf *out)
{
    return s.n ? mime_imap_string(s, out) : buf_add(out, STR("NIL"));
}

/* RFC 3501 section 7.4.2: a group starts with (NIL NIL name NIL) and ends with four NILs; so a
 * mailbox must have a mailbox name and a host that are not NIL. */
static bool add_address(const struct mime_address *item, struct buf *out)
{
    switch (item->kind) {
    case MIME_ADDRESS_GROUP_START:
        return buf_add(out, STR("(NIL NIL ")) && mime_imap_string(item->raw_name, out) &&
               buf_add(out, STR(" NIL)"));
    case MIME_ADDRESS_GROUP_END:
        return buf_add(out, STR("(NIL NIL NIL NIL)"));
    case MIME_ADDRESS_MAILBOX:
        return buf_add_byte(out, '(') && mime_imap_nstring(item->raw_name, out) &&
               buf_add_byte(out, ' ') && mime_imap_nstring(item->route, out) &&
               buf_add_byte(out, ' ') && mime_imap_string(item->local, out) &&
               buf_add_byte(out, ' ') && mime_imap_string(item->domain, out) &&
               buf_add_byte(out, ')');
    }
    return false;
}

static bool add_list(const struct mime_address_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!add_address(&list->items[i], out))
            return false;
    }
    return true;
}

/* All addresses of all fields of a name; NIL when there are none. `instead` (may be empty) is the
 * field to use then. */
static bool add_addresses(struct arena *a, const struct mime_header *h, str name, str instead,
                          struct buf *out)
{
    bool any = false;
    const struct mime_field *field = NULL;
    for (size_t i = 0; (field = mime_header_find(h, name, i)) != NULL;
         i = mime_header_index(h, field) + 1) {
        struct mime_address_list list;
        mime_address_list_parse(a, field->body, &list);
        if (list.n == 0)
            continue;
        if ((!any && !buf_add_byte(out, '(')) || !add_list(&list, out))
            return false;
        any = true;
    }
    if (any)
        return buf_add_byte(out, ')');
    return instead.n ? add_addresses(a, h, instead, STR_EMPTY, out) : buf_add(out, STR("NIL"));
}

static bool add_text(struct arena *a, const struct mime_header *h, str name, struct buf *out)
{
    const struct mime_field *field = mime_header_find(h, name, 0);
    return mime_imap_nstring(field ? mime_field_unfold(a, field->body) : STR_EMPTY, out);
}

bool mime_envelope_format(struct arena *a, const struct mime_header *h, struct buf *out)
{
    static const struct row {
        str name;
        str instead; /* an address field that stands in for this one */
        bool is_text;
    } rows[] = {
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
    size_t start = out->n;
    bool fits = buf_add_byte(out, '(');
    for (size_t i = 0; i < COUNT_OF(rows) && fits; i++) {
        fits = (i == 0 || buf_add_byte(out, ' ')) &&
               (rows[i].is_text ? add_text(a, h, rows[i].name, out)
                                : add_addresses(a, h, rows[i].name, rows[i].instead, out));
    }
    fits = fits && buf_add_byte(out, ')');
    if (!fits)
        buf_truncate(out, start);
    return fits;
}
