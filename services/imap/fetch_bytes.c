/* SPDX-License-Identifier: Apache-2.0 */
/* Reading ahead, and giving back.
 *
 * One round trip for each message would leave the database idle while the socket is written, and
 * the other way round: small messages are read in windows, which double while the client keeps up
 * (1,000 messages of 6 KB in 10 round trips instead of 1,000). Big ones come in pieces. Windows of
 * all sessions of a process have a room of their own, so that small messages and headers do not
 * wait for big ones; whoever waits for room in either makes those who hold some drop it before
 * their next slice. Pieces wait for nobody: past PIECES_MAX they are smaller.
 *
 * A client that does not take what is buffered for it within PATIENCE_MS is slow: everything is
 * dropped before the wait goes on, and what is left of the message is read again from where the
 * client is. */
#include "services/imap/fetch_bytes.h"

#include "runtime/runtime.h"
#include "services/imap/service.h"

enum {
    WINDOW_MIN = 64 * 1024,
    WINDOW_MAX = 1024 * 1024,
    SINGLE_MAX = 1024 * 1024,       /* messages from this size on are never read ahead */
    PIECE = 256 * 1024,             /* of a big message */
    PIECE_SLOW = 48 * 1024,         /* the same for a slow client */
    SLICE = 31 * 1024,              /* handed to the connection at once: its buffer stays at half */
    PATIENCE_MS = 100,              /* how long bytes are kept for a client that takes none */
    CALM = 64,                      /* slices without such a wait make a client fast again */
    WINDOWS_MAX = 16 * 1024 * 1024, /* octets of windows that all sessions together may hold */
    WHOLES_MAX = 16 * 1024 * 1024,  /* the same of messages read whole, unless it is only one */
    MADE_MAX = 64 * 1024 * 1024,    /* the same of what was made of them */
    PIECES_MAX = 16 * 1024 * 1024,  /* octets in pieces from which on they are small */
    SHARES = 4,                     /* an account may hold one of so many parts of these */
    DETAIL_MAX = 4 * 1024,          /* octets of an ENVELOPE that is read together with others */
    DETAILS_SLOW = 4,               /* messages whose details are read at once for a slow client */
    HEADER_MIN = 1024,              /* headers are about so long or longer: how many to ask for */
    ROOM_MS = 3 * 60 * 1000         /* to wait for room */
};

_Static_assert((int)SLICE <= (int)IMAP_BINARY_SLICE, "a slice is decoded at once");

void imap_bytes_share(struct imap_service *service)
{
    imap_room_init(&service->windows, WINDOWS_MAX, WINDOWS_MAX / SHARES);
    imap_room_init(&service->wholes, WHOLES_MAX, WHOLES_MAX / SHARES);
    imap_room_init(&service->made, MADE_MAX, MADE_MAX / SHARES);
}

void imap_bytes_init(struct imap_bytes *b, struct imap_session *s)
{
    *b = (struct imap_bytes){ .s = s, .window = WINDOW_MIN, .room = &s->service->windows };
    imap_room_guest_init(&b->guest, s->account_id);
    imap_room_guest_init(&b->making, s->account_id);
    arena_init(&b->arena);
    arena_init(&b->texts);
    arena_init(&b->long_texts);
}

void imap_bytes_forget(struct imap_bytes *b)
{
    b->s->service->piece_bytes -= b->piece;
    b->piece = 0;
    b->last = STR_EMPTY;
    b->n = 0;
    arena_fini(&b->arena);
    arena_init(&b->arena);
    imap_room_leave(b->room, &b->guest);
}

static void forget_details(struct imap_bytes *b)
{
    b->n_details = 0;
    arena_fini(&b->texts);
    arena_init(&b->texts);
    arena_fini(&b->long_texts);
    arena_init(&b->long_texts);
}

void imap_bytes_forget_all(struct imap_bytes *b)
{
    imap_bytes_forget(b);
    forget_details(b);
}

void imap_bytes_fini(struct imap_bytes *b)
{
    imap_bytes_forget_all(b);
    imap_bytes_made(b);
    arena_fini(&b->arena);
    arena_fini(&b->texts);
    arena_fini(&b->long_texts);
}

/* Room for what is going to be read; nothing is held when it is asked for. Yields. */
YIELDS static bool enter(struct imap_bytes *b, struct imap_room *room, size_t octets, struct err *e)
{
    b->room = room;
    return imap_room_enter(room, &b->guest, octets, clock_deadline_in(ROOM_MS), e);
}

bool imap_bytes_make_room(struct imap_bytes *b, size_t octets, struct err *e)
{
    struct imap_service *service = b->s->service;
    imap_bytes_forget(b);
    return enter(b, octets < SINGLE_MAX ? &service->windows : &service->wholes, octets, e);
}

/* Gives back what is held of the message, and what was read ahead. */
static void drop(struct imap_bytes *b, struct imap_message *m)
{
    m->has_raw = false;
    m->raw = STR_EMPTY;
    m->structure = NULL;
    if (m->is_header_of_raw)
        m->has_header = false;
    m->details = NULL;
    b->window = WINDOW_MIN;
    imap_bytes_forget_all(b);
}

bool imap_bytes_make(struct imap_bytes *b, struct imap_message *m, size_t octets, struct err *e)
{
    struct imap_room *room = &b->s->service->made;
    if (b->making.held && b->making.held + octets > MADE_MAX)
        return ERR(e, ERR_LIMIT, "too many header fields of one message");
    if (!imap_room_has(room, &b->making, octets))
        drop(b, m);
    return imap_room_enter(room, &b->making, octets, clock_deadline_in(ROOM_MS), e);
}

void imap_bytes_made_less(struct imap_bytes *b, size_t octets)
{
    imap_room_shrink(&b->s->service->made, &b->making, octets);
}

void imap_bytes_made(struct imap_bytes *b)
{
    imap_room_leave(&b->s->service->made, &b->making);
}

/* ---- reading ahead ---- */

/* How many messages from `i` on are read at once. */
static size_t window_length(const struct imap_bytes *b, const struct imap_bytes_wanted *wanted,
                            size_t i, size_t *octets)
{
    size_t n = 0;
    *octets = 0;
    while (i + n < wanted->n && n < STORE_MAX_FETCH) {
        size_t size = wanted->sizes[i + n];
        if (size >= SINGLE_MAX || (n && *octets + size > b->window))
            break;
        *octets += size;
        n++;
    }
    return n;
}

/* Before a window is read: a small one when there is little room. */
static void shrink(struct imap_bytes *b)
{
    imap_bytes_forget(b);
    if (!imap_room_has(&b->s->service->windows, &b->guest, b->window))
        b->window = WINDOW_MIN;
}

static bool read_window(struct imap_bytes *b, const struct imap_bytes_wanted *wanted, size_t i,
                        struct err *e)
{
    struct imap_session *s = b->s;
    size_t octets;
    shrink(b);
    size_t n = window_length(b, wanted, i, &octets);
    if (!enter(b, &s->service->windows, octets, e))
        return false;
    b->raws = ARENA_ARRAY(&b->arena, str, n);
    b->damaged = ARENA_ARRAY(&b->arena, bool, n);
    struct store_some_texts some = { .msg_ids = wanted->msg_ids + i,
                                     .n = n,
                                     .damaged = b->damaged };
    if (!store_fetch_bodies(s->app->store, s->view->account_id, &some, &b->arena, imap_deadline(),
                            b->raws, e))
        return false;
    b->first = i;
    b->n = some.done;
    if (!b->is_slow && b->window < WINDOW_MAX)
        b->window *= 2;
    return true;
}

/* The same of headers, whose sizes are known only afterwards. */
static bool read_headers(struct imap_bytes *b, const struct imap_bytes_wanted *wanted, size_t i,
                         struct err *e)
{
    struct imap_session *s = b->s;
    size_t octets = 0;
    shrink(b);
    size_t most =
        b->window / HEADER_MIN < STORE_MAX_FETCH ? b->window / HEADER_MIN : STORE_MAX_FETCH;
    struct store_some_texts some = { .msg_ids = wanted->msg_ids + i,
                                     .n = wanted->n - i < most ? wanted->n - i : most,
                                     .most = b->window };
    if (!enter(b, &s->service->windows, b->window, e))
        return false;
    b->raws = ARENA_ARRAY(&b->arena, str, some.n);
    b->damaged = some.damaged = ARENA_ARRAY(&b->arena, bool, some.n);
    if (!store_fetch_some_headers(s->app->store, s->view->account_id, &some, &b->arena,
                                  imap_deadline(), b->raws, e))
        return false;
    for (size_t at = 0; at < some.done; at++)
        octets += b->raws[at].n;
    if (octets > b->window)
        imap_room_grow(b->room, &b->guest, octets - b->window);
    b->first = i;
    b->n = some.done;
    if (!b->is_slow && b->window < WINDOW_MAX)
        b->window *= 2;
    return true;
}

bool imap_bytes_next(struct imap_bytes *b, const struct imap_bytes_wanted *wanted, size_t i,
                     str *raw, bool *is_read, struct err *e)
{
    size_t size = wanted->sizes[i];
    bool is_held = i >= b->first && i - b->first < b->n;
    *is_read = is_held;
    *raw = STR_EMPTY;
    bool is_long =
        !wanted->only_header && (size >= SINGLE_MAX || (b->is_slow && size > PIECE_SLOW));
    if (!is_held && is_long) {
        imap_bytes_forget(b);
        return true;
    }
    if (!is_held &&
        !(wanted->only_header ? read_headers(b, wanted, i, e) : read_window(b, wanted, i, e)))
        return false;
    *is_read = true;
    *raw = b->raws[i - b->first];
    if (raw->p)
        return true;
    bool is_damaged = b->damaged[i - b->first];
    return ERR(e, is_damaged ? ERR_DAMAGED : ERR_NOT_FOUND, "message %lld is %s",
               (long long)wanted->msg_ids[i], is_damaged ? "damaged" : "gone");
}

/* Details of messages from `i` on. */
static bool read_details(struct imap_bytes *b, const struct imap_bytes_wanted *wanted, size_t i,
                         struct err *e)
{
    struct imap_session *s = b->s;
    struct store_some_details some = { .msg_ids = wanted->msg_ids + i,
                                       .n = wanted->n - i,
                                       .wanted = wanted->details,
                                       .most = DETAIL_MAX };
    if (b->is_slow && some.n > DETAILS_SLOW)
        some.n = DETAILS_SLOW;
    forget_details(b);
    b->details = ARENA_ARRAY(&b->texts, struct store_details, some.n);
    if (!store_fetch_details(s->app->store, s->view->account_id, &some, &b->texts, imap_deadline(),
                             b->details, e))
        return false;
    b->first_details = i;
    b->n_details = some.n;
    return true;
}

/* Long ones are held one at a time. */
static bool read_long_details(struct imap_bytes *b, const struct imap_bytes_wanted *wanted,
                              size_t i, const struct store_details **out, struct err *e)
{
    struct imap_session *s = b->s;
    const struct store_some_details one = { .msg_ids = wanted->msg_ids + i,
                                            .n = 1,
                                            .wanted = wanted->details };
    arena_fini(&b->long_texts);
    arena_init(&b->long_texts);
    *out = &b->long_details;
    return store_fetch_details(s->app->store, s->view->account_id, &one, &b->long_texts,
                               imap_deadline(), &b->long_details, e);
}

bool imap_bytes_details(struct imap_bytes *b, const struct imap_bytes_wanted *wanted, size_t i,
                        const struct store_details **out, struct err *e)
{
    bool is_held = i >= b->first_details && i - b->first_details < b->n_details;
    if (!is_held && !read_details(b, wanted, i, e))
        return false;
    *out = &b->details[i - b->first_details];
    return !(*out)->is_long || read_long_details(b, wanted, i, out, e);
}

/* ---- sending ---- */

/* A piece of the message that is in memory. */
struct held {
    size_t at; /* in the message */
    str octets;
};

static bool read_piece(struct imap_bytes *b, const struct imap_message *m, size_t at, size_t n,
                       struct held *held, struct err *e)
{
    size_t *all = &b->s->service->piece_bytes;
    size_t most = b->is_slow || *all > PIECES_MAX ? PIECE_SLOW : PIECE;
    size_t want = n < most ? n : most;
    imap_bytes_forget(b);
    b->piece = want;
    *all += want;
    held->at = at;
    if (!store_fetch_body(b->s->app->store, imap_message_account(m), m->row->msg_id, at, want,
                          &b->arena, imap_deadline(), &held->octets, e))
        return false;
    b->last_at = at;
    b->last = held->octets;
    return held->octets.n == want || ERR(e, ERR_INTERNAL, "a message is shorter than its size");
}

/* Empties the buffer of the connection. When that takes long, nothing is held meanwhile; nor is it
 * when others wait for the room. *kept is false then. */
static bool keep_up(struct imap_bytes *b, struct imap_message *m, bool *kept, struct err *e)
{
    b->unsent = 0;
    *kept = imap_flush_within(b->s, PATIENCE_MS);
    if (!*kept) {
        drop(b, m);
        b->is_slow = true;
        b->calm = 0;
        imap_flush(b->s);
    } else if (b->guest.held && imap_room_is_wanted(b->room)) {
        drop(b, m);
        *kept = false;
    } else if (b->is_slow && ++b->calm == CALM) {
        b->is_slow = false;
    }
    return imap_session_stands(b->s) || ERR(e, ERR_CLOSED, "the connection is gone");
}

bool imap_bytes_send_out(struct imap_bytes *b, struct imap_message *m, struct err *e)
{
    bool kept;
    size_t n = b->s->out.n;
    if (b->unsent + n > SLICE && !keep_up(b, m, &kept, e))
        return false;
    b->unsent += n;
    return imap_send_out(b->s) || ERR(e, ERR_CLOSED, "the connection is gone");
}

/* Hands a slice to a connection whose buffer is empty. */
static bool send_slice(struct imap_bytes *b, str slice, struct err *e)
{
    b->unsent = slice.n;
    return imap_send(b->s, slice) || ERR(e, ERR_CLOSED, "the connection is gone");
}

bool imap_bytes_send_made(struct imap_bytes *b, struct imap_message *m, str octets, struct err *e)
{
    bool kept;
    if (!imap_bytes_send_out(b, m, e))
        return false;
    while (octets.n) {
        str slice = str_slice(octets, 0, SLICE);
        if (!keep_up(b, m, &kept, e) || !send_slice(b, slice, e))
            return false;
        octets = str_skip(octets, slice.n);
    }
    return true;
}

/* Octets of the message from `at` on, at most `n` of them and a slice, when the buffer of the
 * connection is empty. */
static bool next_slice(struct imap_bytes *b, struct imap_message *m, struct held *held, size_t at,
                       size_t n, str *slice, struct err *e)
{
    bool kept;
    if (!keep_up(b, m, &kept, e))
        return false;
    if (!kept)
        *held = (struct held){ .at = 0 };
    bool is_held = at >= held->at && at - held->at < held->octets.n;
    if (!is_held && !read_piece(b, m, at, n, held, e))
        return false;
    *slice = str_slice(held->octets, at - held->at, n < SLICE ? n : SLICE);
    return true;
}

bool imap_bytes_send(struct imap_bytes *b, struct imap_message *m, size_t at, size_t n,
                     struct err *e)
{
    if (!imap_bytes_send_out(b, m, e))
        return false;
    struct held held = { .octets = imap_message_held(m) };
    while (n) {
        str slice;
        if (!next_slice(b, m, &held, at, n, &slice, e) || !send_slice(b, slice, e))
            return false;
        at += slice.n;
        n -= slice.n;
    }
    return true;
}

bool imap_bytes_send_binary(struct imap_bytes *b, struct imap_message *m,
                            const struct imap_binary *part, struct imap_binary_mark *mark,
                            struct err *e)
{
    struct imap_binary_cursor c;
    if (!imap_bytes_send_out(b, m, e))
        return false;
    struct held held = { .at = b->last_at, .octets = b->last };
    if (imap_message_held(m).p)
        held = (struct held){ .octets = imap_message_held(m) };
    bool ok = true;
    size_t wants;
    imap_binary_begin(&c, part, mark);
    while (ok && (wants = imap_binary_wants(&c)) > 0) {
        str slice;
        ok = next_slice(b, m, &held, c.at, imap_binary_worth_reading(&c), &slice, e) &&
             send_slice(b, imap_binary_decode(&c, str_slice(slice, 0, wants)), e);
    }
    ok = ok && (c.left == 0 || ERR(e, ERR_INTERNAL, "a part is shorter than it was measured"));
    *mark = c.last;
    imap_binary_end(&c);
    return ok;
}

bool imap_bytes_measure_binary(struct imap_bytes *b, const struct imap_message *m,
                               struct imap_binary *part, struct imap_binary_mark *mark,
                               bool *has_nul, struct err *e)
{
    struct imap_binary_cursor c;
    struct held held = { .at = 0 };
    bool ok = true;
    size_t n = 0;
    size_t wants;
    *has_nul = false;
    imap_bytes_forget(b);
    imap_binary_begin(&c, part, mark);
    while (ok && (wants = imap_binary_wants(&c)) > 0) {
        bool is_held = c.at >= held.at && c.at - held.at < held.octets.n;
        ok = is_held || read_piece(b, m, c.at, imap_binary_worth_reading(&c), &held, e);
        if (!ok)
            break;
        str encoded = str_slice(held.octets, c.at - held.at, wants);
        str decoded = imap_binary_decode(&c, encoded);
        n += decoded.n;
        *has_nul |= str_find_byte(decoded, '\0') >= 0;
    }
    *mark = c.first;
    imap_binary_end(&c);
    part->n = n;
    return ok;
}
