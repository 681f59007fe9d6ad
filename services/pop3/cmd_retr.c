/* SPDX-License-Identifier: Apache-2.0 */
/* RETR and TOP: the texts of messages. */
#include "base/utf8.h"
#include "mime/header.h"
#include "services/pop3/commands.h"
#include "services/pop3/maildrop.h"
#include "store/store.h"
#include "wire/pop3_message.h"

#define TOP_REPLY "The top of the message"

enum {
    SLICE = 32 * 1024,         /* octets whose dots are doubled at a time */
    TOP_BEGINNING = 64 * 1024, /* of a long message: few want more of it with TOP */
};

/* Sends octets of a message with dots doubled, and behind the last ones its end. Yields. */
static bool send_stuffed(struct pop3_session *s, str octets, struct pop3_stuffer *stuffer,
                         bool is_last)
{
    struct buf out;
    bool ok;
    buf_init(&out, 2 * SLICE + 16);
    do {
        str part = str_slice(octets, 0, SLICE);
        octets = str_skip(octets, part.n);
        bool is_end = is_last && octets.n == 0;
        buf_clear(&out);
        bool fits = pop3_stuff(stuffer, part, &out) && (!is_end || pop3_stuff_end(stuffer, &out));
        INVARIANT(fits);
        ok = pop3_send(s, buf_str(&out));
    } while (ok && octets.n > 0);
    buf_fini(&out);
    return ok;
}

/* Octets of a message, the first of them of its header, as the client may have them: without UTF8
 * no octets above 127 in the header (RFC 6856 section 2). A refusal would stop clients at this
 * message for good. */
static str for_client(struct pop3_session *s, str octets, size_t of_header)
{
    str header = str_slice(octets, 0, of_header);
    struct buf out;
    if (s->is_utf8 || utf8_is_ascii(header))
        return octets;
    size_t rest = octets.n - header.n;
    buf_init(&out, (header.n + 1) * POP3_ASCII_GROWTH + rest);
    bool ok = pop3_header_to_ascii(header, &out) && buf_add(&out, str_skip(octets, header.n));
    INVARIANT(ok);
    str made = arena_str(&s->arena, buf_str(&out));
    buf_fini(&out);
    return made;
}

static void send_whole(struct pop3_session *s, str octets)
{
    struct pop3_stuffer stuffer;
    pop3_stuffer_init(&stuffer);
    (void)send_stuffed(s, octets, &stuffer, true);
}

/* A message on its way in pieces. */
struct sending {
    const struct pop3_message *m;
    size_t from; /* octets of it that were read */
    struct pop3_top top;
    struct pop3_stuffer stuffer;
};

/* How much is read next; but for beginnings, as far as the next whole number of pieces. In the
 * header a whole piece: its lines go together as they did when they were counted. */
static size_t piece_octets(const struct sending *x)
{
    bool is_beginning = x->from == 0 && x->top.lines != POP3_ALL_LINES;
    if (is_beginning && x->m->size > POP3_PIECE_OCTETS)
        return TOP_BEGINNING;
    return POP3_PIECE_OCTETS - (x->top.is_in_body ? x->from % POP3_PIECE_OCTETS : 0);
}

/* Reads the next piece, and makes of it what is sent; in the session's arena. Of a header that is
 * longer than the piece only whole lines are taken, so that no word is cut. Yields. */
static bool next_piece(struct pop3_session *s, struct sending *x, str *out, struct err *e)
{
    str piece = STR_EMPTY;
    size_t of_header = 0;
    if (!store_fetch_body(s->app->store, s->account_id, x->m->msg_id, x->from, piece_octets(x),
                          &s->arena, pop3_deadline(), &piece, e))
        return false;
    if (piece.n == 0 && x->from < x->m->size)
        return ERR(e, ERR_INTERNAL, "a message ends after %zu octets", x->from);
    bool has_more = x->from + piece.n < x->m->size;
    if (has_more && !x->top.is_in_body && mime_header_end(piece) == piece.n) {
        ptrdiff_t lf = str_rfind_byte(piece, '\n');
        piece = lf < 0 ? piece : str_slice(piece, 0, (size_t)lf + 1);
    }
    x->from += piece.n;
    piece = pop3_top_next(&x->top, piece, &of_header);
    *out = for_client(s, piece, of_header);
    return true;
}

/* A message that broke off somewhere behind its beginning before is refused, so that the client
 * gets at those behind it. */
static bool refuse_damaged(struct pop3_session *s, const struct pop3_message *m)
{
    struct err e = ERR_CLEAR;
    if (!store_is_damaged(s->app->store, s->account_id, m->msg_id))
        return false;
    (void)ERR(&e, ERR_DAMAGED, "message %lld is damaged", (long long)m->msg_id);
    pop3_fail(s, &e);
    return true;
}

/* Reads and sends a message piece by piece, so that a slow reader holds one piece in memory and no
 * connection to the database. What fails behind the first piece can only end the connection. False:
 * not all was sent. Yields. */
static bool send_pieces(struct pop3_session *s, const struct pop3_message *m, uint32_t lines)
{
    struct sending x = { .m = m };
    bool is_last = false;
    if (lines == POP3_ALL_LINES && refuse_damaged(s, m))
        return false;
    pop3_top_init(&x.top, lines);
    pop3_stuffer_init(&x.stuffer);
    for (bool is_first = true; !is_last; is_first = false) {
        struct err e = ERR_CLEAR;
        str octets = STR_EMPTY;
        arena_reset(&s->arena);
        bool ok = next_piece(s, &x, &octets, &e);
        if (!ok && is_first) {
            pop3_fail(s, &e);
            return false;
        }
        if (is_first && lines == POP3_ALL_LINES) {
            pop3_ok(s, "%u octets", (unsigned)m->octets);
        } else if (is_first) {
            pop3_ok(s, TOP_REPLY);
        }
        is_last = x.top.is_done || x.from >= m->size;
        if (!ok || !send_stuffed(s, octets, &x.stuffer, is_last)) {
            pop3_end(s, "body_failed");
            return false;
        }
        pop3_recheck(s);
        if (s->is_closing)
            return false;
    }
    return true;
}

static struct pop3_message *message_of(struct pop3_session *s, uint32_t number)
{
    struct pop3_message *m = pop3_maildrop_find(s->maildrop, number);
    if (!m)
        pop3_err(s, "", "There is no such message");
    return m;
}

void pop3_cmd_retr(struct pop3_session *s, str argument)
{
    uint32_t number = 0;
    struct err e = ERR_CLEAR;
    str body = STR_EMPTY;
    if (!pop3_number_parse(argument, &number, &e)) {
        pop3_bad(s, "A message number is 1 or more");
        return;
    }
    struct pop3_message *m = message_of(s, number);
    if (!m)
        return;
    if (m->size > POP3_PIECE_OCTETS) {
        if (!send_pieces(s, m, POP3_ALL_LINES))
            return;
    } else if (pop3_maildrop_body(s, m, &body, &e)) {
        pop3_ok(s, "%u octets", (unsigned)m->octets);
        body = for_client(s, body, mime_header_end(body));
        send_whole(s, body);
    } else {
        pop3_fail(s, &e);
        return;
    }
    m->is_retrieved = true;
    s->retrieved++;
}

/* TOP without lines, which clients ask for all messages: the body is not even read. Yields. */
static void send_header(struct pop3_session *s, const struct pop3_message *m)
{
    struct err e = ERR_CLEAR;
    str header = STR_EMPTY;
    bool is_damaged = false;
    struct store_some_texts some = { .msg_ids = &m->msg_id, .n = 1, .damaged = &is_damaged };
    bool ok = store_fetch_some_headers(s->app->store, s->account_id, &some, &s->arena,
                                       pop3_deadline(), &header, &e);
    if (ok && !header.p) {
        ok = ERR(&e, is_damaged ? ERR_DAMAGED : ERR_NOT_FOUND, "the header of message %lld",
                 (long long)m->msg_id);
    }
    if (!ok) {
        pop3_fail(s, &e);
        return;
    }
    pop3_ok(s, TOP_REPLY);
    send_whole(s, for_client(s, header, header.n));
}

void pop3_cmd_top(struct pop3_session *s, str argument)
{
    uint32_t number = 0;
    uint32_t lines = 0;
    struct err e = ERR_CLEAR;
    if (!pop3_top_parse(argument, &number, &lines, &e)) {
        pop3_bad(s, "TOP needs a message number and a number of lines");
        return;
    }
    const struct pop3_message *m = message_of(s, number);
    if (!m)
        return;
    if (lines == 0 && m->size <= POP3_PIECE_OCTETS) {
        send_header(s, m);
    } else {
        (void)send_pieces(s, m, lines);
    }
}
