/* SPDX-License-Identifier: Apache-2.0 */
/* Writing for fibers, through a buffer of at most 64 KiB: that is all a slow reader can make us
 * hold for it. */
#include "net/conn.h"

/* Waits until the peer takes more; it may be long, so what can be made anew is given back. Yields.
 */
static bool wait_for_peer(struct net_conn *c, enum io_result what, struct err *e)
{
    unsigned event = what == IO_WANTS_READ ? FIBER_READ : FIBER_WRITE;
    if (c->deflate)
        deflate_rest(c->deflate, false);
    return conn_wait(c, event, clock_deadline_in(c->write_timeout_ms), e);
}

/* Sends the whole buffer packed, piece by piece. Yields. */
static bool flush_packed(struct net_conn *c, struct err *e)
{
    for (;;) {
        size_t used;
        size_t sent = 0;
        int sys;
        str piece = deflate_pack(c->deflate, str_skip(buf_str(&c->out), c->out_at), &used);
        c->out_at += used;
        if (piece.n == 0)
            break;
        if (c->broken || c->aborted)
            return conn_failed(c, 0, e);
        enum io_result what = conn_send(c, piece.p, piece.n, &sent, &sys);
        deflate_sent(c->deflate, sent);
        if (what == IO_EOF || what == IO_BROKEN)
            return conn_failed(c, sys, e);
        if (what != IO_DONE && !wait_for_peer(c, what, e))
            return false;
    }
    buf_clear(&c->out);
    c->out_at = 0;
    return true;
}

bool net_flush(struct net_conn *c, struct err *e)
{
    if (c->deflate)
        return flush_packed(c, e);
    while (c->out_at < c->out.n) {
        if (c->broken || c->aborted)
            return conn_failed(c, 0, e);
        size_t sent = 0;
        int sys;
        enum io_result what = conn_send(c, c->out.p + c->out_at, c->out.n - c->out_at, &sent, &sys);
        c->out_at += sent;
        if (what == IO_EOF || what == IO_BROKEN)
            return conn_failed(c, sys, e);
        if (what == IO_DONE)
            continue;
        if (!wait_for_peer(c, what, e))
            return false;
    }
    buf_clear(&c->out);
    c->out_at = 0;
    return true;
}

bool net_write(struct net_conn *c, str bytes, struct err *e)
{
    if (c->broken || c->aborted)
        return conn_failed(c, 0, e);
    size_t max = c->deflate ? CONN_OUT_MAX_PACKED : CONN_OUT_MAX;
    while (bytes.n > 0) {
        if (c->out.n >= max && c->out_at == 0 && !net_flush(c, e))
            return false;
        buf_consume(&c->out, c->out_at);
        c->out_at = 0;
        str part = str_slice(bytes, 0, max - c->out.n);
        INVARIANT(buf_add(&c->out, part));
        bytes = str_skip(bytes, part.n);
    }
    return true;
}

bool net_writef(struct net_conn *c, struct err *e, const char *format, ...)
{
    if (c->broken || c->aborted)
        return conn_failed(c, 0, e);
    va_list args;
    va_start(args, format);
    bool fits = buf_vaddf(&c->out, format, args);
    va_end(args);
    if (fits)
        return true;
    if (!net_flush(c, e))
        return false;
    va_start(args, format);
    fits = buf_vaddf(&c->out, format, args);
    va_end(args);
    return fits || ERR(e, ERR_LIMIT, "a formatted text of more than %d octets", CONN_OUT_MAX);
}
