/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH. Messages go out one after the other; what a slow client has not read yet makes net_write
 * wait, so that a session never holds more than one message (ATTACKS I13). */
#include "services/imap/commands.h"
#include "services/imap/message.h"
#include "wire/imap_date.h"

enum {
    BATCH = 250,              /* messages whose details or headers are read at once */
    DIRECT_MIN = 16 * 1024,   /* octets from which a literal is not copied into the line */
    STREAM_MIN = 1024 * 1024, /* octets from which BODY[] is read in pieces */
    STREAM_PIECE = 256 * 1024
};

_Static_assert((int)BATCH <= (int)STORE_MAX_FETCH, "one statement gives so many");

/* One FETCH in work. */
struct fetching {
    struct imap_session *s;
    const struct imap_fetch_args *args;
    unsigned items;
    unsigned wanted;    /* STORE_WANT_*: 0 when no details are needed */
    bool needs_headers; /* and nothing of the bodies */
    bool sets_seen;
    bool has_sent;  /* a piece of the present message is on the wire */
    bool some_gone; /* messages that were expunged elsewhere were left out */
};

/* ---- one item ---- */

/* Puts a space between items: all but the first. */
static bool gap(struct buf *out)
{
    return out->n == 0 || out->p[out->n - 1] == '(' || buf_add_byte(out, ' ');
}

static bool no_room(struct err *e)
{
    return ERR(e, ERR_INTERNAL, "no room for a line of FETCH");
}

/* The size in braces and the octets; big ones are sent without a copy. */
static bool put_literal(struct fetching *f, str data, bool is_binary, struct err *e)
{
    struct buf *out = &f->s->out;
    bool is_literal8 = is_binary && str_find_byte(data, '\0') >= 0;
    if (!buf_addf(out, "%s{%zu}\r\n", is_literal8 ? "~" : "", data.n))
        return no_room(e);
    if (data.n < DIRECT_MIN)
        return buf_add(out, data) || no_room(e);
    f->has_sent = true;
    return (imap_send_out(f->s) && imap_send(f->s, data)) ||
           ERR(e, ERR_CLOSED, "the connection is gone");
}

static str partial_of(const struct imap_section *section, str data)
{
    if (!section->has_partial)
        return data;
    return str_slice(data, section->partial_from, section->partial_count);
}

/* BODY[] of a big message, read and sent in pieces. */
static bool put_streamed(struct fetching *f, const struct imap_message *m,
                         const struct imap_section *section, struct err *e)
{
    struct imap_session *s = f->s;
    size_t size = m->row->size;
    size_t at = section->has_partial ? section->partial_from : 0;
    at = at < size ? at : size;
    size_t n = section->has_partial && section->partial_count < size - at ? section->partial_count
                                                                          : size - at;
    if (!buf_addf(&s->out, "{%zu}\r\n", n))
        return no_room(e);
    struct arena piece;
    arena_init(&piece);
    bool ok = true;
    while (ok && n) {
        str octets;
        size_t want = n < STREAM_PIECE ? n : STREAM_PIECE;
        ok = store_fetch_body(s->app->store, s->view->account_id, m->row->msg_id, at, want, &piece,
                              imap_deadline(), &octets, e);
        if (ok && octets.n != want)
            ok = ERR(e, ERR_INTERNAL, "a message is shorter than its size");
        f->has_sent |= ok;
        if (ok && !(imap_send_out(s) && imap_send(s, octets)))
            ok = ERR(e, ERR_CLOSED, "the connection is gone");
        at += want;
        n -= want;
        arena_reset(&piece);
    }
    arena_fini(&piece);
    return ok;
}

static bool is_streamed(const struct imap_message *m, const struct imap_section *section)
{
    bool is_whole = section->kind == IMAP_SECTION_ALL && section->n_parts == 0 &&
                    (section->form == IMAP_FORM_BODY || section->form == IMAP_FORM_RFC822);
    return is_whole && !m->has_raw && m->row->size >= STREAM_MIN;
}

static bool put_section(struct fetching *f, struct imap_message *m,
                        const struct imap_section *section, struct err *e)
{
    struct buf *out = &f->s->out;
    str data = STR_EMPTY;
    bool found = true;
    bool streams = is_streamed(m, section);
    if (!streams && !imap_message_section(m, section, &data, &found, e))
        return false;
    if (!gap(out) || !imap_section_format(out, section) || !buf_add_byte(out, ' '))
        return no_room(e);
    if (streams)
        return put_streamed(f, m, section, e);
    if (!found) {
        return buf_add(out, section->form == IMAP_FORM_BINARY_SIZE ? STR("0") : STR("NIL")) ||
               no_room(e);
    }
    if (section->form == IMAP_FORM_BINARY_SIZE)
        return buf_add_uint(out, data.n) || no_room(e);
    return put_literal(f, partial_of(section, data), section->form == IMAP_FORM_BINARY, e);
}

/* The items that stand in the view. */
static bool put_state(struct fetching *f, size_t index, unsigned items, struct err *e)
{
    struct buf *out = &f->s->out;
    const struct store_row *row = imap_view_row(f->s->view, index);
    bool ok = true;
    if (items & IMAP_FETCH_UID)
        ok = gap(out) && buf_addf(out, "UID %u", (unsigned)row->uid);
    if (items & IMAP_FETCH_FLAGS) {
        ok = ok && gap(out) && buf_add(out, STR("FLAGS (")) &&
             imap_view_flags_format(out, f->s->view, index) && buf_add_byte(out, ')');
    }
    if (items & IMAP_FETCH_INTERNALDATE) {
        ok = ok && gap(out) && buf_add(out, STR("INTERNALDATE ")) &&
             imap_date_time_format(out, row->idate_s);
    }
    if (items & IMAP_FETCH_SIZE)
        ok = ok && gap(out) && buf_addf(out, "RFC822.SIZE %u", (unsigned)row->size);
    if (items & IMAP_FETCH_MODSEQ)
        ok = ok && gap(out) && buf_addf(out, "MODSEQ (%lld)", (long long)row->modseq);
    return ok || no_room(e);
}

/* The items that are derived from the bytes. */
static bool put_derived(struct fetching *f, struct imap_message *m, struct err *e)
{
    struct buf *out = &f->s->out;
    if ((f->items & IMAP_FETCH_ENVELOPE) &&
        !(gap(out) && buf_add(out, STR("ENVELOPE ")) && imap_message_envelope(m, out, e)))
        return false;
    if ((f->items & IMAP_FETCH_BODYSTRUCTURE) &&
        !(gap(out) && buf_add(out, STR("BODYSTRUCTURE ")) &&
          imap_message_bodystructure(m, true, out, e)))
        return false;
    if ((f->items & IMAP_FETCH_BODY) &&
        !(gap(out) && buf_add(out, STR("BODY ")) && imap_message_bodystructure(m, false, out, e)))
        return false;
    return true;
}

/* ---- one message ---- */

static bool put_message(struct fetching *f, struct imap_message *m, size_t index, bool tell_flags,
                        struct err *e)
{
    struct imap_session *s = f->s;
    unsigned items = f->items;
    if (tell_flags) /* \Seen was set by this very FETCH */
        items |= IMAP_FETCH_FLAGS | (s->is_condstore ? IMAP_FETCH_MODSEQ : 0);
    if (!buf_addf(&s->out, "* %zu FETCH (", index + 1))
        return no_room(e);
    if (!put_state(f, index, items, e) || !put_derived(f, m, e))
        return false;
    for (size_t i = 0; i < f->args->n_sections; i++) {
        if (!put_section(f, m, &f->args->sections[i], e))
            return false;
    }
    if (!buf_add(&s->out, STR(")\r\n")))
        return no_room(e);
    return imap_send_out(s) || ERR(e, ERR_CLOSED, "the connection is gone");
}

/* What was read for a whole batch. */
struct batch {
    struct arena arena;
    const uint32_t *index;
    size_t n;
    struct store_details *details; /* of each, or NULL */
    str *headers;                  /* of each, or NULL */
    bool *is_news;                 /* of each: tell the flags though not asked */
};

/* False ends the FETCH. A message that is gone is left out. */
static bool fetch_one(struct fetching *f, const struct batch *b, size_t i, struct err *e)
{
    struct arena scratch;
    struct imap_session *s = f->s;
    bool is_gone = (b->details && !b->details[i].found) || (b->headers && !b->headers[i].p);
    if (is_gone) {
        f->some_gone = true;
        return true;
    }
    arena_init(&scratch);
    struct imap_message m = { .s = s, .row = imap_view_row(s->view, b->index[i]), .a = &scratch };
    m.details = b->details ? &b->details[i] : NULL;
    m.has_header = b->headers != NULL;
    m.header = b->headers ? b->headers[i] : STR_EMPTY;
    struct err why = ERR_CLEAR;
    f->has_sent = false;
    bool ok = put_message(f, &m, b->index[i], b->is_news[i], &why);
    arena_fini(&scratch);
    if (ok)
        return true;
    buf_clear(&s->out);
    if (f->has_sent) /* half an answer cannot be taken back */
        s->is_broken = true;
    f->some_gone |= why.kind == ERR_NOT_FOUND;
    if (why.kind == ERR_NOT_FOUND && !f->has_sent)
        return true;
    *e = why;
    return false;
}

/* ---- all messages ---- */

/* Sets \Seen where it is not, and takes the new state into the view. */
static bool mark_seen(struct fetching *f, struct batch *b, struct err *e)
{
    struct imap_session *s = f->s;
    struct imap_view *v = s->view;
    uint32_t *uids = ARENA_ARRAY(&b->arena, uint32_t, b->n);
    struct store_flag_result result;
    size_t n_uids = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (!(imap_view_row(v, b->index[i])->flags & STORE_SEEN))
            uids[n_uids++] = imap_view_row(v, b->index[i])->uid;
    }
    if (n_uids == 0)
        return true;
    const struct store_ranges set = store_ranges_of(&b->arena, uids, n_uids);
    const struct store_flag_change change = { .mode = STORE_FLAGS_ADD, .flags = STORE_SEEN };
    if (!store_change_flags(s->app->store, v->account_id, v->mailbox_id, &set, &change, &b->arena,
                            imap_deadline(), &result, e))
        return false;
    size_t at = 0;
    for (size_t i = 0; i < result.n; i++) {
        while (at < b->n && imap_view_row(v, b->index[at])->uid != result.rows[i].uid)
            at++;
        if (at == b->n)
            break;
        imap_view_take_row(v, b->index[at], &result.rows[i], result.overflows, result.n_overflows);
        b->is_news[at] = true;
    }
    imap_view_advance(s, result.modseq);
    return true;
}

static bool fetch_batch(struct fetching *f, struct batch *b, struct err *e)
{
    struct imap_session *s = f->s;
    struct arena *a = &b->arena;
    int64_t *ids = ARENA_ARRAY(a, int64_t, b->n);
    b->is_news = ARENA_ARRAY(a, bool, b->n);
    b->details = f->wanted ? ARENA_ARRAY(a, struct store_details, b->n) : NULL;
    b->headers = f->needs_headers ? ARENA_ARRAY(a, str, b->n) : NULL;
    for (size_t i = 0; i < b->n; i++)
        ids[i] = imap_view_row(s->view, b->index[i])->msg_id;
    if (f->sets_seen && !mark_seen(f, b, e))
        return false;
    if (b->details && !store_fetch_details(s->app->store, s->view->account_id, ids, b->n, f->wanted,
                                           a, imap_deadline(), b->details, e))
        return false;
    if (b->headers && !store_fetch_headers(s->app->store, s->view->account_id, ids, b->n, a,
                                           imap_deadline(), b->headers, e))
        return false;
    for (size_t i = 0; i < b->n; i++) {
        if (!fetch_one(f, b, i, e))
            return false;
    }
    return true;
}

static bool fetch_all(struct fetching *f, const struct imap_selection *selection, struct err *e)
{
    struct batch b = { .n = 0 };
    bool ok = true;
    arena_init(&b.arena);
    for (size_t at = 0; ok && at < selection->n; at += BATCH) {
        size_t left = selection->n - at;
        b.index = selection->index + at;
        b.n = left < BATCH ? left : BATCH;
        ok = fetch_batch(f, &b, e);
        arena_reset(&b.arena);
    }
    arena_fini(&b.arena);
    return ok;
}

/* Keeps the messages with a higher modseq (RFC 7162 section 3.1.4.1). */
static void keep_changed(const struct imap_session *s, uint64_t since,
                         struct imap_selection *selection)
{
    size_t kept = 0;
    for (size_t i = 0; i < selection->n; i++) {
        uint32_t index = selection->index[i];
        if ((uint64_t)imap_view_row(s->view, index)->modseq > since)
            selection->index[kept++] = index;
    }
    selection->n = kept;
}

/* Whether the header alone is enough for the section. */
static bool is_header_section(const struct imap_section *section)
{
    return section->n_parts == 0 && section->kind != IMAP_SECTION_ALL &&
           section->kind != IMAP_SECTION_TEXT;
}

static void plan(struct fetching *f, bool is_uid)
{
    const struct imap_fetch_args *args = f->args;
    f->items = args->items | (is_uid ? IMAP_FETCH_UID : 0);
    if (args->has_changedsince)
        f->items |= IMAP_FETCH_MODSEQ;
    f->s->is_condstore |= (f->items & IMAP_FETCH_MODSEQ) != 0;
    if (f->items & IMAP_FETCH_ENVELOPE)
        f->wanted |= STORE_WANT_ENVELOPE;
    if (f->items & (IMAP_FETCH_BODYSTRUCTURE | IMAP_FETCH_BODY))
        f->wanted |= STORE_WANT_BODYSTRUCTURE;
    f->needs_headers = args->n_sections > 0;
    for (size_t i = 0; i < args->n_sections; i++) {
        f->needs_headers &= is_header_section(&args->sections[i]);
        f->sets_seen |= !args->sections[i].is_peek && !f->s->view->is_read_only &&
                        (f->s->view->rights & STORE_MAY_SEEN);
    }
}

bool imap_cmd_fetch(struct imap_session *s, struct imap_command *c, struct err *e)
{
    struct imap_fetch_args args;
    struct imap_selection selection;
    if (!imap_fetch_parse(&c->args, &args, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_BAD, STR_EMPTY, "No such attribute or modifier");
        return false;
    }
    if (!imap_select_messages(s, &args.set, c->is_uid, &selection, e))
        return false;
    struct fetching f = { .s = s, .args = &args };
    plan(&f, c->is_uid);
    if (args.has_changedsince)
        keep_changed(s, args.changedsince, &selection);
    if (!fetch_all(&f, &selection, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_NO, STR("UNKNOWN-CTE"), "An encoding that is not known");
        return false;
    }
    if (f.some_gone)
        return imap_reply(s, IMAP_NO, STR("EXPUNGEISSUED"), "Some messages are gone");
    return true;
}
