/* SPDX-License-Identifier: Apache-2.0 */
/* RETR and TOP: the texts of messages. */
#include "base/utf8.h"
#include "mime/header.h"
#include "services/pop3/commands.h"
#include "services/pop3/maildrop.h"
#include "store/store.h"
#include "wire/pop3_message.h"

/* Sends octets of a message with dots doubled, and behind the last ones its end. Yields. */
static bool send_stuffed(struct pop3_session *s, str octets, struct pop3_stuffer *stuffer,
                         bool is_last)
{
    struct buf out;
    buf_init(&out, 2 * octets.n + 16);
    bool ok = pop3_stuff(stuffer, octets, &out) && (!is_last || pop3_stuff_end(stuffer, &out));
    INVARIANT(ok);
    ok = pop3_send(s, buf_str(&out));
    buf_fini(&out);
    return ok;
}

/* The beginning of a message as the client may have it: without UTF8 no octets above 127 in the
 * header (RFC 6856 section 2). A refusal would stop clients at this message for good. `size`
 * becomes what the whole message has then. */
static str for_client(struct pop3_session *s, str start, uint32_t *size)
{
    str header = str_slice(start, 0, mime_header_end(start));
    struct buf out;
    if (s->is_utf8 || utf8_is_ascii(header))
        return start;
    size_t rest = start.n - header.n;
    buf_init(&out, (header.n + 1) * POP3_ASCII_GROWTH + rest);
    bool ok = pop3_header_to_ascii(header, &out) && buf_add(&out, str_skip(start, header.n));
    INVARIANT(ok);
    str made = arena_str(&s->arena, buf_str(&out));
    buf_fini(&out);
    *size += (uint32_t)(made.n - start.n);
    return made;
}

static void send_whole(struct pop3_session *s, str octets)
{
    struct pop3_stuffer stuffer;
    pop3_stuffer_init(&stuffer);
    (void)send_stuffed(s, octets, &stuffer, true);
}

/* A long message: read and sent piece by piece, so that a slow reader holds one piece in memory and
 * no connection to the database. What fails behind the first piece can only end the connection. */
static void retrieve_long(struct pop3_session *s, const struct pop3_message *m)
{
    struct pop3_stuffer stuffer;
    pop3_stuffer_init(&stuffer);
    for (size_t from = 0; from < m->size; from += POP3_PIECE_OCTETS) {
        struct err e = ERR_CLEAR;
        str piece = STR_EMPTY;
        arena_reset(&s->arena);
        bool ok = store_fetch_body(s->app->store, s->account_id, m->msg_id, from, POP3_PIECE_OCTETS,
                                   &s->arena, pop3_deadline(), &piece, &e);
        if (!ok && from == 0) {
            pop3_fail(s, &e);
            return;
        }
        if (from == 0) {
            uint32_t size = m->size;
            piece = for_client(s, piece, &size);
            pop3_ok(s, "%u octets", (unsigned)size);
        }
        bool is_last = m->size - from <= POP3_PIECE_OCTETS;
        if (!ok || piece.n == 0 || !send_stuffed(s, piece, &stuffer, is_last)) {
            pop3_end(s, "body_failed");
            return;
        }
    }
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
        retrieve_long(s, m);
    } else if (pop3_maildrop_body(s, m, &body, &e)) {
        uint32_t size = m->size;
        body = for_client(s, body, &size);
        pop3_ok(s, "%u octets", (unsigned)size);
        send_whole(s, body);
    } else {
        pop3_fail(s, &e);
        return;
    }
    m->is_retrieved = true;
    s->retrieved++;
}

/* As much of the message as TOP needs: its header, or its beginning, or all of it. Yields. */
static bool read_top(struct pop3_session *s, const struct pop3_message *m, uint32_t lines, str *out,
                     struct err *e)
{
    struct store *store = s->app->store;
    str header = STR_EMPTY;
    str body = STR_EMPTY;
    if (!store_fetch_headers(store, s->account_id, &m->msg_id, 1, &s->arena, pop3_deadline(),
                             &header, e))
        return false;
    if (!header.p)
        return ERR(e, ERR_NOT_FOUND, "the message is gone");
    *out = header;
    if (lines == 0 || header.n >= m->size)
        return true;
    /* First what the beginning holds; a message above 1 MB is rarely wanted to its end. */
    size_t most = header.n + POP3_PIECE_OCTETS;
    do {
        if (!store_fetch_body(store, s->account_id, m->msg_id, 0, most, &s->arena, pop3_deadline(),
                              &body, e))
            return false;
        *out = pop3_top(body, header.n, lines);
        if (out->n < body.n || body.n >= m->size)
            return true;
        most = SIZE_MAX;
    } while (body.n < m->size);
    return true;
}

void pop3_cmd_top(struct pop3_session *s, str argument)
{
    uint32_t number = 0;
    uint32_t lines = 0;
    struct err e = ERR_CLEAR;
    str top = STR_EMPTY;
    if (!pop3_top_parse(argument, &number, &lines, &e)) {
        pop3_bad(s, "TOP needs a message number and a number of lines");
        return;
    }
    const struct pop3_message *m = message_of(s, number);
    if (!m)
        return;
    if (!read_top(s, m, lines, &top, &e)) {
        pop3_fail(s, &e);
        return;
    }
    uint32_t size = m->size;
    pop3_ok(s, "The top of the message");
    send_whole(s, for_client(s, top, &size));
}
