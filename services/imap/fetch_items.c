/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the answer of one message, item by item. */
#include "services/imap/fetch_items.h"

#include "mime/envelope.h"
#include "services/imap/updates.h"
#include "wire/imap_date.h"
#include "wire/imap_objectid.h"

enum {
    DIRECT_MIN = 16 * 1024,        /* octets from which a literal is not copied into the line */
    PLACE_MIN = 64 * 1024,         /* octets of a message of which a place is remembered */
    HEADER_MOST = 10 * 1024 * 1024 /* octets of a header */
};

/* ---- one item ---- */

/* Puts a space between items: before all but the first. */
static bool gap(struct imap_fetching *f)
{
    return f->n_put++ == 0 || buf_add_byte(&f->s->out, ' ');
}

static bool no_room(struct err *e)
{
    return ERR(e, ERR_INTERNAL, "no room for a line of FETCH");
}

static str partial_of(const struct imap_section *section, str data)
{
    if (!section->has_partial)
        return data;
    return str_slice(data, section->partial_from, section->partial_count);
}

/* The size in braces and the octets. What is a part of the message as it is need not stay in memory
 * while it is sent. */
static bool put_literal(struct imap_fetching *f, struct imap_message *m, str data, bool is_binary,
                        struct err *e)
{
    struct buf *out = &f->s->out;
    bool is_literal8 = is_binary && str_find_byte(data, '\0') >= 0;
    if (!buf_addf(out, "%s{%zu}\r\n", is_literal8 ? "~" : "", data.n))
        return no_room(e);
    if (data.n < DIRECT_MIN)
        return buf_add(out, data) || no_room(e);
    f->has_sent = true;
    str held = imap_message_held(m);
    bool is_held = held.p && data.p >= held.p && data.p + data.n <= held.p + held.n;
    return is_held ? imap_bytes_send(&f->bytes, m, (size_t)(data.p - held.p), data.n, e)
                   : imap_bytes_send_made(&f->bytes, m, data, e);
}

/* Octets [at, at + size) of a message, as far as the section asks for them, read in pieces. */
static bool put_streamed(struct imap_fetching *f, struct imap_message *m,
                         const struct imap_section *section, size_t at, size_t size, struct err *e)
{
    int64_t owner = imap_message_account(m);
    if (store_is_damaged(f->s->app->store, owner, m->row->msg_id))
        return ERR(e, ERR_DAMAGED, "message %lld is damaged", (long long)m->row->msg_id);
    size_t from = section->has_partial ? section->partial_from : 0;
    from = from < size ? from : size;
    size_t n = section->has_partial && section->partial_count < size - from ? section->partial_count
                                                                            : size - from;
    if (!buf_addf(&f->s->out, "{%zu}\r\n", n))
        return no_room(e);
    f->has_sent = true;
    return imap_bytes_send(&f->bytes, m, at + from, n, e);
}

static bool is_streamed(const struct imap_message *m, const struct imap_section *section)
{
    bool is_whole = section->kind == IMAP_SECTION_ALL && section->n_parts == 0 &&
                    (section->form == IMAP_FORM_BODY || section->form == IMAP_FORM_RFC822);
    return is_whole && !m->has_raw;
}

/* Whether the section is a matter of the header that is there already. */
static bool is_of_header(const struct imap_message *m, const struct imap_section *section)
{
    return m->has_header && section->n_parts == 0 && section->kind != IMAP_SECTION_ALL &&
           section->kind != IMAP_SECTION_TEXT;
}

static bool is_pick(const struct imap_section *section)
{
    return section->kind == IMAP_SECTION_FIELDS || section->kind == IMAP_SECTION_FIELDS_NOT;
}

/* Takes room for the fields that are picked of the message, before there is room for the message:
 * nobody waits for the one and holds the other. *taken is how much, which is mostly far too much.
 */
static bool make_for_section(struct imap_fetching *f, struct imap_message *m,
                             const struct imap_section *section, size_t *taken, struct err *e)
{
    str header = STR_EMPTY;
    size_t most = m->row->size;
    *taken = 0;
    if (!is_pick(section))
        return true;
    if (section->n_parts == 0 && (m->has_header || m->has_raw)) {
        if (!imap_message_header(m, &header, e))
            return false;
        most = header.n;
    } else if (section->n_parts == 0 && most > HEADER_MOST) {
        most = HEADER_MOST;
    }
    if (most < DIRECT_MIN)
        return true;
    *taken = most;
    return imap_bytes_make(&f->bytes, m, most, e);
}

/* Room for all of the message, unless it is there or its header is enough. */
static bool make_room(struct imap_fetching *f, const struct imap_message *m,
                      const struct imap_section *section, struct err *e)
{
    if (m->has_raw || is_of_header(m, section))
        return true;
    return imap_bytes_make_room(&f->bytes, m->row->size, e);
}

static bool load_section(struct imap_fetching *f, struct imap_message *m,
                         const struct imap_section *section, str *data, bool *found, struct err *e)
{
    size_t taken;
    if (!make_for_section(f, m, section, &taken, e) || !make_room(f, m, section, e) ||
        !imap_message_section(m, section, data, found, e))
        return false;
    if (taken > data->n)
        imap_bytes_made_less(&f->bytes, taken - data->n);
    return true;
}

/* ---- where a section was ---- */

/* A client that asks for a big part piece by piece (BODY[2]<65536.65536>) has it looked for once:
 * the bytes of a message never change. */
static bool may_have_place(const struct imap_message *m, const struct imap_section *section)
{
    return !is_pick(section) && section->n_parts <= IMAP_PLACE_PARTS && m->row->size >= PLACE_MIN;
}

static bool asks_binary(const struct imap_section *section)
{
    return section->form == IMAP_FORM_BINARY || section->form == IMAP_FORM_BINARY_SIZE;
}

static void set_place(struct imap_message *m, const struct imap_section *section, size_t at,
                      size_t n)
{
    struct imap_place *place = &m->s->place;
    *place = (struct imap_place){ .account_id = imap_message_account(m),
                                  .msg_id = m->row->msg_id,
                                  .kind = section->kind,
                                  .n_parts = section->n_parts,
                                  .at = at,
                                  .n = n,
                                  .is_binary = asks_binary(section) };
    memcpy(place->parts, section->parts, section->n_parts * sizeof(*section->parts));
}

/* Remembers it, when it is a part of the message as it is. */
static void note_place(struct imap_message *m, const struct imap_section *section, str data)
{
    str held = imap_message_held(m);
    if (asks_binary(section) || !may_have_place(m, section) || !held.p || data.p < held.p ||
        data.p + data.n > held.p + held.n)
        return;
    set_place(m, section, (size_t)(data.p - held.p), data.n);
}

static bool has_place(const struct imap_message *m, const struct imap_section *section)
{
    const struct imap_place *place = &m->s->place;
    return may_have_place(m, section) && place->msg_id == m->row->msg_id &&
           place->account_id == imap_message_account(m) && place->kind == section->kind &&
           place->is_binary == asks_binary(section) && place->n_parts == section->n_parts &&
           memcmp(place->parts, section->parts, section->n_parts * sizeof(*section->parts)) == 0;
}

static bool knows_place(const struct imap_message *m, const struct imap_section *section)
{
    return !m->has_raw && !asks_binary(section) && has_place(m, section);
}

/* The same of a part that is decoded. It is not for the whole part, which would be read twice. */
static bool knows_binary(const struct imap_message *m, const struct imap_section *section)
{
    bool is_enough =
        section->form == IMAP_FORM_BINARY_SIZE ? m->s->place.has_decoded_n : section->has_partial;
    return !m->has_raw && is_enough && has_place(m, section);
}

/* Remembers where the part is, and how much of it there is when all of it was measured. */
static void note_binary(struct imap_message *m, const struct imap_section *section,
                        const struct imap_binary *part, bool is_whole)
{
    struct imap_place *place = &m->s->place;
    if (!may_have_place(m, section))
        return;
    if (!has_place(m, section)) {
        set_place(m, section, part->start, part->end - part->start);
        place->encoding = part->encoding;
    }
    if (is_whole) {
        place->has_decoded_n = true;
        place->decoded_n = part->n;
    }
}

/* ---- sections ---- */

static bool put_name(struct imap_fetching *f, const struct imap_section *section, struct err *e)
{
    struct buf *out = &f->s->out;
    return (gap(f) && imap_section_format(out, section) && buf_add_byte(out, ' ')) || no_room(e);
}

/* Measures a part, unless it was the last one that was. */
YIELDS static void measure(struct imap_message *m, str raw, struct imap_binary *part, bool *has_nul)
{
    struct imap_measured *last = &m->measured;
    bool is_same = last->asked.end && last->asked.encoding == part->encoding &&
                   last->asked.start == part->start && last->asked.end == part->end &&
                   last->asked.from == part->from && last->asked.n == part->n;
    if (!is_same) {
        *last = (struct imap_measured){ .asked = *part };
        imap_binary_measure(part, raw, &last->has_nul, fiber_yield);
        last->n = part->n;
    }
    part->n = last->n;
    *has_nul = last->has_nul;
}

/* A piece of a part whose place is known, or its size. */
static bool put_known_binary(struct imap_fetching *f, struct imap_message *m,
                             const struct imap_section *section, struct err *e)
{
    struct imap_place *place = &f->s->place;
    struct buf *out = &f->s->out;
    struct imap_binary part = { .encoding = place->encoding,
                                .start = place->at,
                                .end = place->at + place->n,
                                .from = section->partial_from,
                                .n = section->partial_count };
    bool has_nul;
    if (!put_name(f, section, e))
        return false;
    if (section->form == IMAP_FORM_BINARY_SIZE)
        return buf_add_uint(out, place->decoded_n) || no_room(e);
    if (store_is_damaged(f->s->app->store, imap_message_account(m), m->row->msg_id))
        return ERR(e, ERR_DAMAGED, "message %lld is damaged", (long long)m->row->msg_id);
    if (!imap_bytes_measure_binary(&f->bytes, m, &part, &place->mark, &has_nul, e))
        return false;
    if (!buf_addf(out, "%s{%zu}\r\n", has_nul ? "~" : "", part.n))
        return no_room(e);
    f->has_sent = true;
    return imap_bytes_send_binary(&f->bytes, m, &part, &place->mark, e);
}

/* A part without its transfer encoding (RFC 3516), or its size. */
static bool put_binary(struct imap_fetching *f, struct imap_message *m,
                       const struct imap_section *section, struct err *e)
{
    struct buf *out = &f->s->out;
    struct imap_binary part;
    struct imap_binary_mark mark = { .at = 0 };
    bool is_size = section->form == IMAP_FORM_BINARY_SIZE;
    bool has_nul = false;
    bool found;
    str raw;
    if (!make_room(f, m, section, e) || !imap_message_binary(m, section, &part, &found, e) ||
        !imap_message_raw(m, &raw, e) || !put_name(f, section, e))
        return false;
    if (!found)
        return buf_add(out, is_size ? STR("0") : STR("NIL")) || no_room(e);
    bool is_whole = !section->has_partial;
    measure(m, raw, &part, &has_nul);
    note_binary(m, section, &part, is_whole);
    if (is_size)
        return buf_add_uint(out, part.n) || no_room(e);
    if (!buf_addf(out, "%s{%zu}\r\n", has_nul ? "~" : "", part.n))
        return no_room(e);
    if (part.n < DIRECT_MIN)
        return imap_binary_add(&part, raw, out) || no_room(e);
    f->has_sent = true;
    return imap_bytes_send_binary(&f->bytes, m, &part, &mark, e);
}

static bool put_section(struct imap_fetching *f, struct imap_message *m,
                        const struct imap_section *section, struct err *e)
{
    struct buf *out = &f->s->out;
    str data = STR_EMPTY;
    bool found = true;
    bool streams = is_streamed(m, section);
    if (asks_binary(section) && section->n_parts) {
        return knows_binary(m, section) ? put_known_binary(f, m, section, e)
                                        : put_binary(f, m, section, e);
    }
    if (streams)
        return put_name(f, section, e) && put_streamed(f, m, section, 0, m->row->size, e);
    if (knows_place(m, section)) {
        return put_name(f, section, e) &&
               put_streamed(f, m, section, f->s->place.at, f->s->place.n, e);
    }
    if (!load_section(f, m, section, &data, &found, e) || !put_name(f, section, e))
        return false;
    if (found)
        note_place(m, section, data);
    if (!found)
        return buf_add(out, STR("NIL")) || no_room(e);
    if (section->form == IMAP_FORM_BINARY_SIZE)
        return buf_add_uint(out, data.n) || no_room(e);
    return put_literal(f, m, partial_of(section, data), section->form == IMAP_FORM_BINARY, e);
}

/* The items that stand in the view. */
static bool put_state(struct imap_fetching *f, size_t index, unsigned items, struct err *e)
{
    struct buf *out = &f->s->out;
    const struct store_row *row = imap_view_row(f->s->view, index);
    bool ok = true;
    if (items & IMAP_FETCH_UID)
        ok = gap(f) && buf_add(out, STR("UID ")) && buf_add_uint(out, row->uid);
    if (items & IMAP_FETCH_FLAGS) {
        ok = ok && gap(f) && buf_add(out, STR("FLAGS (")) &&
             imap_view_flags_format(out, f->s->view, index) && buf_add_byte(out, ')');
    }
    if (items & IMAP_FETCH_INTERNALDATE) {
        ok = ok && gap(f) && buf_add(out, STR("INTERNALDATE ")) &&
             imap_date_time_format(out, row->idate_s);
    }
    if (items & IMAP_FETCH_SIZE)
        ok = ok && gap(f) && buf_add(out, STR("RFC822.SIZE ")) && buf_add_uint(out, row->size);
    if (items & IMAP_FETCH_MODSEQ) {
        ok = ok && gap(f) && buf_add(out, STR("MODSEQ (")) &&
             buf_add_uint(out, (uint64_t)row->modseq) && buf_add_byte(out, ')');
    }
    return ok || no_room(e);
}

/* The items that are derived from the bytes. */
static bool put_derived(struct imap_fetching *f, struct imap_message *m, struct err *e)
{
    struct buf *out = &f->s->out;
    if ((f->items & IMAP_FETCH_ENVELOPE) &&
        !(gap(f) && buf_add(out, STR("ENVELOPE ")) && imap_message_envelope(m, out, e)))
        return false;
    if ((f->items & IMAP_FETCH_BODYSTRUCTURE) && !(gap(f) && buf_add(out, STR("BODYSTRUCTURE ")) &&
                                                   imap_message_bodystructure(m, true, out, e)))
        return false;
    if ((f->items & IMAP_FETCH_BODY) &&
        !(gap(f) && buf_add(out, STR("BODY ")) && imap_message_bodystructure(m, false, out, e)))
        return false;
    return true;
}

/* The items that stand beside the bytes (RFC 8474, 8514, 8970). */
static bool put_kept(struct imap_fetching *f, const struct imap_message *m, struct err *e)
{
    struct buf *out = &f->s->out;
    bool ok = true;
    if (f->items & IMAP_FETCH_EMAILID) {
        ok = gap(f) && buf_add(out, STR("EMAILID (")) &&
             imap_objectid_format(out, IMAP_OBJECT_EMAIL, m->row->msg_id) && buf_add_byte(out, ')');
    }
    if (f->items & IMAP_FETCH_THREADID) {
        ok = ok && gap(f) && buf_add(out, STR("THREADID (")) &&
             imap_objectid_format(out, IMAP_OBJECT_THREAD, m->details->thread_id) &&
             buf_add_byte(out, ')');
    }
    if (f->items & IMAP_FETCH_SAVEDATE) {
        ok = ok && gap(f) && buf_add(out, STR("SAVEDATE ")) &&
             (m->saved_s == STORE_NEVER_SAVED ? buf_add(out, STR("NIL"))
                                              : imap_date_time_format(out, m->saved_s));
    }
    if (f->items & IMAP_FETCH_PREVIEW) {
        ok = ok && gap(f) && buf_add(out, STR("PREVIEW ")) &&
             mime_imap_string(m->details->preview, out);
    }
    return ok || no_room(e);
}

/* ---- one message ---- */

bool imap_fetch_format_message(struct imap_fetching *f, struct imap_message *m, size_t index,
                               bool tell_flags, struct err *e)
{
    struct imap_session *s = f->s;
    unsigned items = f->items;
    if (tell_flags) /* \Seen was set by this very FETCH */
        items |= IMAP_FETCH_FLAGS;
    if (tell_flags && s->is_condstore) /* RFC 7162 section 3.2.4 */
        items |= IMAP_FETCH_MODSEQ | (s->is_uidonly ? 0 : IMAP_FETCH_UID);
    f->n_put = 0;
    if (!imap_put_fetch(s, index))
        return no_room(e);
    if (!put_state(f, index, items, e) || !put_kept(f, m, e) || !put_derived(f, m, e))
        return false;
    for (size_t i = 0; i < f->args->n_sections; i++) {
        if (!put_section(f, m, &f->args->sections[i], e))
            return false;
    }
    return buf_add(&s->out, STR(")\r\n")) || no_room(e);
}

bool imap_fetch_put_message(struct imap_fetching *f, struct imap_message *m, size_t index,
                            bool tell_flags, struct err *e)
{
    struct imap_session *s = f->s;
    if (!imap_fetch_format_message(f, m, index, tell_flags, e))
        return false;
    bool is_ahead = f->needs_bodies || f->needs_headers || f->needs_details;
    return is_ahead ? imap_bytes_send_out(&f->bytes, m, e)
                    : imap_send_out(s) || ERR(e, ERR_CLOSED, "the connection is gone");
}
