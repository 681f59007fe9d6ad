/* SPDX-License-Identifier: Apache-2.0 */
/* Reading messages and their sections. */
#include "services/imap/message.h"

#include "mime/mime.h"

int64_t imap_message_account(const struct imap_message *m)
{
    return m->account_id ? m->account_id : m->s->view->account_id;
}

str imap_message_held(const struct imap_message *m)
{
    if (m->has_raw)
        return m->raw;
    return m->has_header && m->is_header_of_raw ? m->header : STR_EMPTY;
}

bool imap_message_raw(struct imap_message *m, str *out, struct err *e)
{
    struct arena *a = m->bytes ? m->bytes : m->a;
    if (!m->has_raw && !store_fetch_body(m->s->app->store, imap_message_account(m), m->row->msg_id,
                                         0, SIZE_MAX, a, imap_deadline(), &m->raw, e))
        return false;
    m->has_raw = true;
    *out = m->raw;
    return true;
}

bool imap_message_header(struct imap_message *m, str *out, struct err *e)
{
    str raw;
    if (!m->has_header) {
        if (!imap_message_raw(m, &raw, e))
            return false;
        m->header = str_slice(raw, 0, mime_header_end(raw));
        m->has_header = true;
        m->is_header_of_raw = true;
    }
    *out = m->header;
    return true;
}

bool imap_message_structure(struct imap_message *m, const struct mime_structure **out,
                            struct err *e)
{
    str raw;
    if (!m->structure) {
        if (!imap_message_raw(m, &raw, e))
            return false;
        m->structure = mime_structure_parse(m->a, raw);
    }
    *out = m->structure;
    return true;
}

/* HEADER.FIELDS and HEADER.FIELDS.NOT of a header. */
static bool pick_fields(struct imap_message *m, const struct imap_section *section, str header,
                        str *out, struct err *e)
{
    struct buf picked;
    buf_init(&picked, header.n + 4);
    bool is_not = section->kind == IMAP_SECTION_FIELDS_NOT;
    bool ok = mime_header_pick(header, section->fields, section->n_fields, is_not, &picked);
    *out = arena_str(m->a, buf_str(&picked));
    buf_fini(&picked);
    return ok || ERR(e, ERR_INTERNAL, "no room for header fields");
}

/* A section of the message itself. */
static bool top_section(struct imap_message *m, const struct imap_section *section, str *out,
                        struct err *e)
{
    str header;
    switch (section->kind) {
    case IMAP_SECTION_ALL:
    case IMAP_SECTION_MIME:
        return imap_message_raw(m, out, e);
    case IMAP_SECTION_HEADER:
        return imap_message_header(m, out, e);
    case IMAP_SECTION_FIELDS:
    case IMAP_SECTION_FIELDS_NOT:
        return imap_message_header(m, &header, e) && pick_fields(m, section, header, out, e);
    case IMAP_SECTION_TEXT:
        if (!imap_message_raw(m, out, e))
            return false;
        *out = str_skip(*out, mime_header_end(*out));
        return true;
    }
    return false;
}

static bool part_section(struct imap_message *m, const struct imap_section *section, str *out,
                         bool *found, struct err *e)
{
    static const enum mime_section kinds[] = {
        [IMAP_SECTION_ALL] = MIME_SECTION_BODY,
        [IMAP_SECTION_HEADER] = MIME_SECTION_HEADER,
        [IMAP_SECTION_FIELDS] = MIME_SECTION_HEADER,
        [IMAP_SECTION_FIELDS_NOT] = MIME_SECTION_HEADER,
        [IMAP_SECTION_TEXT] = MIME_SECTION_TEXT,
        [IMAP_SECTION_MIME] = MIME_SECTION_MIME,
    };
    const struct mime_structure *structure;
    if (!imap_message_structure(m, &structure, e))
        return false;
    *found = mime_structure_section(structure, section->parts, section->n_parts,
                                    kinds[section->kind], out);
    bool is_pick = section->kind == IMAP_SECTION_FIELDS || section->kind == IMAP_SECTION_FIELDS_NOT;
    return !*found || !is_pick || pick_fields(m, section, *out, out, e);
}

bool imap_message_binary(struct imap_message *m, const struct imap_section *section,
                         struct imap_binary *out, bool *found, struct err *e)
{
    const struct mime_structure *structure;
    if (!imap_message_structure(m, &structure, e))
        return false;
    const struct mime_part *part = mime_structure_find(structure, section->parts, section->n_parts);
    *found = part != NULL;
    if (!part)
        return true;
    if (part->encoding == MIME_ENCODING_UNKNOWN)
        return ERR(e, ERR_UNSUPPORTED, "a transfer encoding that nobody knows");
    *out = (struct imap_binary){
        .encoding = part->encoding, .start = part->body_start, .end = part->body_end, .n = SIZE_MAX
    };
    if (section->has_partial) {
        out->from = section->partial_from;
        out->n = section->partial_count;
    }
    return true;
}

bool imap_message_section(struct imap_message *m, const struct imap_section *section, str *out,
                          bool *found, struct err *e)
{
    *found = true;
    return section->n_parts == 0 ? top_section(m, section, out, e)
                                 : part_section(m, section, out, found, e);
}

bool imap_message_envelope(struct imap_message *m, struct buf *out, struct err *e)
{
    str header;
    struct mime_header parsed;
    if (m->details->envelope.n)
        return buf_add(out, m->details->envelope) || ERR(e, ERR_INTERNAL, "no room for ENVELOPE");
    if (!imap_message_header(m, &header, e))
        return false;
    mime_header_parse(m->a, header, &parsed);
    return mime_envelope_format(m->a, &parsed, out) ||
           buf_add(out, STR("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)")) ||
           ERR(e, ERR_INTERNAL, "no room for ENVELOPE");
}

bool imap_message_bodystructure(struct imap_message *m, bool is_extended, struct buf *out,
                                struct err *e)
{
    const struct mime_structure *structure;
    str stored = m->details->bodystructure;
    if (stored.n && (is_extended ? buf_add(out, stored) : mime_bodystructure_to_body(stored, out)))
        return true;
    if (!imap_message_structure(m, &structure, e))
        return false;
    return mime_bodystructure_format(m->a, structure, is_extended, out) ||
           buf_addf(out, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" %zu 0)", m->raw.n) ||
           ERR(e, ERR_INTERNAL, "no room for BODYSTRUCTURE");
}
