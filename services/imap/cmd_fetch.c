/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH. Messages go out one after the other; what a slow client has not read yet makes net_write
 * wait (fetch_bytes.h tells what is held then). */
#include "services/imap/commands.h"
#include "services/imap/fetch_items.h"
#include "services/imap/limits.h"
#include "services/imap/progress.h"
#include "services/imap/updates.h"
#include "services/imap/vanished.h"

enum {
    BATCH = 250,    /* messages whose rows are looked at together */
    SEEN_BATCH = 16 /* of them that become \Seen at once: few that a lost connection does not get */
};

_Static_assert((int)BATCH <= (int)STORE_MAX_FETCH, "one statement gives so many");

/* What was read for a whole batch. */
struct batch {
    struct arena arena;
    const uint32_t *index;
    size_t n;
    int64_t *saved_s; /* of each, or NULL */
    struct imap_bytes_wanted bytes;
    bool *is_news; /* of each: tell the flags though not asked */
};

/* The bytes of message i, if they are needed; false also when it is gone or damaged. */
static bool take_bytes(struct imap_fetching *f, const struct batch *b, size_t i,
                       struct imap_message *m, struct err *e)
{
    bool is_read = false;
    str octets = STR_EMPTY;
    if (!f->needs_bodies && !f->needs_headers)
        return true;
    m->bytes = &f->bytes.arena;
    if (!imap_bytes_next(&f->bytes, &b->bytes, i, &octets, &is_read, e))
        return false;
    m->has_header = m->is_header_of_raw = f->needs_headers;
    m->header = f->needs_headers ? octets : STR_EMPTY;
    m->has_raw = is_read && !f->needs_headers;
    m->raw = m->has_raw ? octets : STR_EMPTY;
    return true;
}

/* False ends the FETCH. A message that is gone or damaged is left out. */
static bool fetch_one(struct imap_fetching *f, const struct batch *b, size_t i, struct err *e)
{
    struct arena scratch;
    struct imap_session *s = f->s;
    const struct store_details *details = NULL;
    if (f->needs_details && !imap_bytes_details(&f->bytes, &b->bytes, i, &details, e))
        return false;
    if (details && !details->found) {
        f->some_gone = true;
        return true;
    }
    arena_init(&scratch);
    const struct store_row row = *imap_view_row(s->view, b->index[i]);
    struct imap_message m = { .s = s, .row = &row, .details = details, .a = &scratch };
    m.saved_s = b->saved_s ? b->saved_s[i] : STORE_NEVER_SAVED;
    struct err why = ERR_CLEAR;
    f->has_sent = false;
    bool ok = take_bytes(f, b, i, &m, &why) &&
              imap_fetch_put_message(f, &m, b->index[i], b->is_news[i], &why);
    imap_bytes_made(&f->bytes);
    arena_fini(&scratch);
    if (ok)
        return true;
    buf_clear(&s->out);
    if (f->has_sent) /* half an answer cannot be taken back */
        s->is_broken = true;
    f->some_gone |= why.kind == ERR_NOT_FOUND;
    f->some_damaged |= why.kind == ERR_DAMAGED;
    if ((why.kind == ERR_NOT_FOUND || why.kind == ERR_DAMAGED) && !f->has_sent)
        return true;
    *e = why;
    return false;
}

/* ---- all messages ---- */

/* Sets \Seen where it is not from message `from` on, of those that are sent next, and takes the new
 * state into the view. */
static bool mark_seen(struct imap_fetching *f, struct batch *b, size_t from, struct err *e)
{
    struct imap_session *s = f->s;
    struct imap_view *v = s->view;
    uint32_t *uids = ARENA_ARRAY(&b->arena, uint32_t, SEEN_BATCH);
    struct store_flag_result result;
    size_t n_uids = 0;
    for (size_t i = from; i < b->n && i < from + SEEN_BATCH; i++) {
        if (!(imap_view_row(v, b->index[i])->flags & STORE_SEEN))
            uids[n_uids++] = imap_view_row(v, b->index[i])->uid;
    }
    if (n_uids == 0)
        return true;
    const struct store_ranges set = store_ranges_of(&b->arena, uids, n_uids);
    const struct store_flag_change change = { .mode = STORE_FLAGS_ADD, .flags = STORE_SEEN };
    const struct store_viewed of = imap_view_viewed(s);
    if (!store_seen_change_flags(s->app->store, &of, &set, &change, &b->arena, imap_deadline(),
                                 &result, e))
        return false;
    imap_view_take_flags(s, &result);
    for (size_t i = 0, at = from; i < result.n; i++) {
        while (at < b->n && imap_view_row(v, b->index[at])->uid != result.rows[i].uid)
            at++;
        if (at == b->n)
            break;
        b->is_news[at] = true;
    }
    return true;
}

static bool load_saved(struct imap_fetching *f, struct batch *b, struct err *e)
{
    const struct imap_view *v = f->s->view;
    uint32_t *uids = ARENA_ARRAY(&b->arena, uint32_t, b->n);
    b->saved_s = NULL;
    if (!(f->items & IMAP_FETCH_SAVEDATE))
        return true;
    b->saved_s = ARENA_ARRAY(&b->arena, int64_t, b->n);
    for (size_t i = 0; i < b->n; i++)
        uids[i] = imap_view_row(v, b->index[i])->uid;
    return store_fetch_saved(f->s->app->store, v->account_id, v->mailbox_id, uids, b->n, &b->arena,
                             imap_deadline(), b->saved_s, e);
}

static bool fetch_batch(struct imap_fetching *f, struct batch *b, struct err *e)
{
    struct imap_session *s = f->s;
    struct arena *a = &b->arena;
    int64_t *ids = ARENA_ARRAY(a, int64_t, b->n);
    uint32_t *sizes = ARENA_ARRAY(a, uint32_t, b->n);
    b->is_news = ARENA_ARRAY(a, bool, b->n);
    for (size_t i = 0; i < b->n; i++) {
        ids[i] = imap_view_row(s->view, b->index[i])->msg_id;
        sizes[i] = imap_view_row(s->view, b->index[i])->size;
    }
    b->bytes = (struct imap_bytes_wanted){ ids, sizes, b->n, f->needs_headers, f->wanted };
    if (!load_saved(f, b, e))
        return false;
    for (size_t i = 0; i < b->n; i++) {
        if (f->sets_seen && i % SEEN_BATCH == 0 && !mark_seen(f, b, i, e))
            return false;
        if (!fetch_one(f, b, i, e))
            return false;
    }
    return true;
}

static bool fetch_all(struct imap_fetching *f, const struct imap_selection *selection,
                      struct err *e)
{
    struct batch b = { .n = 0 };
    bool ok = true;
    arena_init(&b.arena);
    imap_bytes_init(&f->bytes, f->s);
    for (size_t at = 0; ok && at < selection->n; at += BATCH) {
        size_t left = selection->n - at;
        b.index = selection->index + at;
        b.n = left < BATCH ? left : BATCH;
        ok = fetch_batch(f, &b, e);
        imap_bytes_forget_all(&f->bytes);
        arena_reset(&b.arena);
        if (ok && at + b.n < selection->n && !imap_progress_step(f->s, at + b.n, selection->n))
            ok = ERR(e, ERR_CLOSED, "the connection is gone");
    }
    imap_bytes_fini(&f->bytes);
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

/* Keeps the messages that PARTIAL names of those that were selected (RFC 9394 section 3.3). */
static void keep_window(const struct imap_partial *partial, struct imap_selection *selection)
{
    size_t from;
    imap_partial_window(partial, selection->n, &from, &selection->n);
    selection->index += from;
}

/* Whether the header alone is enough for the section. */
static bool is_header_section(const struct imap_section *section)
{
    return section->n_parts == 0 && section->kind != IMAP_SECTION_ALL &&
           section->kind != IMAP_SECTION_TEXT;
}

static void plan(struct imap_fetching *f, bool is_uid)
{
    const struct imap_fetch_args *args = f->args;
    f->items = args->items | (is_uid && !f->s->is_uidonly ? IMAP_FETCH_UID : 0);
    if (args->has_changedsince)
        f->items |= IMAP_FETCH_MODSEQ;
    if (f->items & IMAP_FETCH_MODSEQ)
        imap_begin_condstore(f->s);
    if (f->items & IMAP_FETCH_ENVELOPE)
        f->wanted |= STORE_WANT_ENVELOPE;
    if (f->items & (IMAP_FETCH_BODYSTRUCTURE | IMAP_FETCH_BODY))
        f->wanted |= STORE_WANT_BODYSTRUCTURE;
    if (f->items & IMAP_FETCH_PREVIEW)
        f->wanted |= STORE_WANT_PREVIEW;
    f->needs_details = f->wanted || (f->items & IMAP_FETCH_THREADID);
    f->needs_headers = args->n_sections > 0;
    f->needs_bodies = args->n_sections > 0;
    for (size_t i = 0; i < args->n_sections; i++) {
        f->needs_headers &= is_header_section(&args->sections[i]);
        f->sets_seen |= !args->sections[i].is_peek && !f->s->view->is_read_only &&
                        (f->s->view->rights & STORE_MAY_SEEN);
    }
    f->needs_bodies &= !f->needs_headers;
}

/* The set that VANISHED answers for. Its "*" is the highest UID that was ever given: what came last
 * may be what has vanished. */
static struct imap_sequence vanishing(struct imap_session *s, const struct imap_sequence *set)
{
    struct imap_sequence out = *set;
    out.ranges = ARENA_ARRAY(&s->arena, struct imap_range, set->n + 1);
    if (set->n)
        memcpy(out.ranges, set->ranges, set->n * sizeof(*set->ranges));
    imap_sequence_resolve(&out, s->view->uidnext - 1);
    return out;
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
    if (args.vanished && !(c->is_uid && args.has_changedsince && s->is_qresync)) {
        return imap_reply(s, IMAP_BAD, STR_EMPTY,
                          "VANISHED needs UID FETCH, CHANGEDSINCE and ENABLE QRESYNC");
    }
    if (args.has_partial && !c->is_uid)
        return imap_reply(s, IMAP_BAD, STR_EMPTY, "PARTIAL needs UID FETCH");
    const struct imap_sequence known =
        vanishing(s, &args.set); /* before "*" is resolved for FETCH */
    if (!imap_select_messages(s, &args.set, c->is_uid, &selection, e))
        return false;
    if (args.has_partial)
        keep_window(&args.partial, &selection);
    if (args.has_partial && imap_limit_refuses(s, selection.n, false))
        return true;
    imap_limit_selection(s, &selection);
    struct imap_fetching f = { .s = s, .args = &args };
    plan(&f, c->is_uid);
    if (args.has_changedsince)
        keep_changed(s, args.changedsince, &selection);
    if (args.vanished && !imap_send_vanished_earlier(s, &known, (int64_t)args.changedsince, 0, e))
        return false;
    if (!fetch_all(&f, &selection, e)) {
        if (e->kind == ERR_UNSUPPORTED)
            return imap_reply(s, IMAP_NO, STR("UNKNOWN-CTE"), "An encoding that is not known");
        return false;
    }
    if (f.some_damaged) {
        return imap_reply(s, IMAP_NO, STR("CORRUPTION"),
                          "What is stored of some messages is damaged");
    }
    if (f.some_gone)
        return imap_reply(s, IMAP_NO, STR("EXPUNGEISSUED"), "Some messages are gone");
    return true;
}
