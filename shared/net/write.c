/* SPDX-License-Identifier: Apache-2.0 */
/* Writing for fibers, through a buffer of at most 64 KiB: that is all a slow reader can make us
 * hold for it. */
#include "net/conn.h"

bool net_flush(struct net_conn *c, struct err *e)
{
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
        unsigned event = what == IO_WANTS_READ ? FIBER_READ : FIBER_WRITE;
        if (!conn_wait(c, event, clock_deadline_in(c->write_timeout_ms), e))
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
    while (bytes.n > 0) {
        if (c->out.n == CONN_OUT_MAX && c->out_at == 0 && !net_flush(c, e))
            return false;
        buf_consume(&c->out, c->out_at);
        c->out_at = 0;
        str part = str_slice(bytes, 0, CONN_OUT_MAX - c->out.n);
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
