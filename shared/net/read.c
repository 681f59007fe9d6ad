/* SPDX-License-Identifier: Apache-2.0 */
/* Reading for fibers. Input is read in chunks into c->in and given out as borrowed slices of it. */
#include "net/conn.h"

enum {
    FILLS_A_TURN = 2 /* reads that need no wait, then others get their turn */
};

size_t conn_unread(const struct net_conn *c)
{
    return c->in.n - c->in_at;
}

static str unread(const struct net_conn *c)
{
    return str_skip(buf_str(&c->in), c->in_at);
}

/* As conn_receive, unpacked. What cannot be unpacked makes the connection deaf. */
static enum io_result receive_packed(struct net_conn *c, char *p, size_t n, size_t *got, int *sys)
{
    for (;;) {
        size_t put;
        enum deflate_step step = deflate_unpack(c->deflate, p, n, got);
        if (step == DEFLATE_SOME)
            return IO_DONE;
        if (step != DEFLATE_EMPTY) {
            c->deaf = true;
            c->deaf_reason = step == DEFLATE_BOMB ? "The compressed input grows too much"
                                                  : "The compressed input is damaged";
            return IO_EOF;
        }
        char *room = deflate_room(c->deflate, &put);
        enum io_result what = conn_receive(c, room, put, &put, sys);
        if (what != IO_DONE)
            return what;
        deflate_put(c->deflate, put);
    }
}

enum io_result conn_fill_now(struct net_conn *c, int *sys)
{
    *sys = 0;
    if (c->eof || c->broken || c->deaf)
        return c->broken ? IO_BROKEN : IO_EOF;
    buf_consume(&c->in, c->in_at);
    c->in_at = 0;
    char *room = buf_reserve(&c->in, CONN_READ_CHUNK);
    INVARIANT(room); /* callers take lines out long before the buffer is full */
    size_t got;
    enum io_result what = c->deflate ? receive_packed(c, room, CONN_READ_CHUNK, &got, sys)
                                     : conn_receive(c, room, CONN_READ_CHUNK, &got, sys);
    if (what == IO_DONE)
        buf_commit(&c->in, got);
    c->eof = c->eof || (what == IO_EOF && !c->deaf);
    return what;
}

/* Sends what is buffered. Where that fails because the connection is mute by now, there may be last
 * words. Yields. */
YIELDS static bool flush_or_listen(struct net_conn *c, struct err *e)
{
    struct err why = ERR_CLEAR;
    if (net_flush(c, &why) || (c->mute && !c->broken))
        return true;
    *e = why;
    return false;
}

/* Waits for more input. Before that, sends what is buffered: the peer may wait for it. A peer whose
 * input never runs dry does not keep the loop to itself. Yields. */
static bool fill(struct net_conn *c, int64_t deadline_ms, struct err *e)
{
    for (;;) {
        int sys;
        if (c->fills == FILLS_A_TURN) {
            c->fills = 0;
            fiber_yield();
        }
        if (c->aborted)
            return conn_failed(c, 0, e);
        enum io_result what = conn_fill_now(c, &sys);
        if (what == IO_DONE) {
            c->fills++;
            return true;
        }
        if (what == IO_EOF && c->deaf_reason)
            return ERR(e, ERR_SYNTAX, "%s", c->deaf_reason);
        if (what == IO_EOF) {
            return ERR(e, ERR_CLOSED, "%s",
                       c->deaf ? "the peer sent a line without end"
                               : "the peer closed the connection");
        }
        if (what == IO_BROKEN)
            return conn_failed(c, sys, e);
        if (c->mute)
            return conn_send_failed(c, 0, e);
        if (!flush_or_listen(c, e))
            return false;
        if (c->mute)
            continue;
        unsigned event = what == IO_WANTS_READ ? FIBER_READ : FIBER_WRITE;
        c->fills = 0;
        if (!conn_wait(c, event, deadline_ms, e))
            return false;
    }
}

static bool line_is_clean(str with_end)
{
    size_t n = with_end.n - 1;
    bool has_cr = n > 0 && with_end.p[n - 1] == '\r';
    return has_cr && !memchr(with_end.p, '\r', n - 1) && !memchr(with_end.p, '\0', n - 1);
}

/* Drops the rest of an over-long line. One without an end is the last thing that is read; its
 * protocol can still say why. Yields. */
static bool drop_line(struct net_conn *c, int64_t deadline_ms, struct err *e)
{
    size_t dropped = 0;
    for (;;) {
        str rest = unread(c);
        ptrdiff_t end = str_find_byte(rest, '\n');
        size_t n = end < 0 ? rest.n : (size_t)end + 1;
        c->in_at += n;
        dropped += n;
        if (dropped > CONN_LINE_DROP_MAX) {
            c->in_at = c->in.n;
            c->deaf = true;
        }
        if (end >= 0 || c->deaf)
            return ERR(e, ERR_LIMIT, "the peer sent a line of %zu octets", dropped);
        if (!fill(c, deadline_ms, e))
            return false;
    }
}

bool net_read_line(struct net_conn *c, size_t max, int64_t deadline_ms, str *line, bool *crlf_ok,
                   struct err *e)
{
    INVARIANT(max + 2 + CONN_READ_CHUNK <= CONN_IN_MAX);
    size_t searched = 0;
    for (;;) {
        str rest = unread(c);
        ptrdiff_t at = str_find_byte(str_skip(rest, searched), '\n');
        size_t n = at < 0 ? rest.n : searched + (size_t)at;
        if (n > max + (n > 0 && rest.p[n - 1] == '\r'))
            return drop_line(c, deadline_ms, e);
        if (at >= 0) {
            str with_end = str_slice(rest, 0, n + 1);
            if (crlf_ok)
                *crlf_ok = line_is_clean(with_end);
            *line = str_slice(rest, 0, n > 0 && rest.p[n - 1] == '\r' ? n - 1 : n);
            c->in_at += n + 1;
            return true;
        }
        searched = rest.n;
        if (!fill(c, deadline_ms, e))
            return false;
    }
}

bool net_read_some(struct net_conn *c, size_t max, int64_t deadline_ms, str *out, struct err *e)
{
    if (conn_unread(c) == 0 && !fill(c, deadline_ms, e))
        return false;
    *out = str_slice(unread(c), 0, max);
    c->in_at += out->n;
    return true;
}

bool net_read_exactly(struct net_conn *c, void *to, size_t n, int64_t deadline_ms, struct err *e)
{
    char *at = to;
    while (n > 0) {
        str some;
        if (!net_read_some(c, n, deadline_ms, &some, e))
            return false;
        memcpy(at, some.p, some.n);
        at += some.n;
        n -= some.n;
    }
    return true;
}

void net_unread(struct net_conn *c, size_t n)
{
    INVARIANT(n <= c->in_at);
    c->in_at -= n;
}
