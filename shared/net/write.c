/* SPDX-License-Identifier: Apache-2.0 */
/* Writing for fibers, through a buffer of at most 64 KiB: that is all a slow reader can make us
 * hold for it. */
#include "net/conn.h"

/* Waits until the peer takes more; it may be long, so what can be made anew is given back. Yields.
 */
static bool wait_for_peer(struct net_conn *c, enum io_result what, int64_t deadline_ms,
                          struct err *e)
{
    unsigned event = what == IO_WANTS_READ ? FIBER_READ : FIBER_WRITE;
    if (c->deflate)
        deflate_rest(c->deflate, false);
    return conn_wait(c, event, deadline_ms, e);
}

/* The same, as long as a stalled write may wait, for peers whose protocol has something to look
 * after meanwhile; also when the peer takes a little again and again. Yields. */
static bool wait_and_look(struct net_conn *c, enum io_result what, struct err *e)
{
    int64_t stalled_ms = clock_deadline_in(c->write_timeout_ms);
    for (;;) {
        struct err why = ERR_CLEAR;
        bool looks = serve_looks_after_writes(c) && c->waiting_ms < stalled_ms;
        bool is_ready = wait_for_peer(c, what, looks ? c->waiting_ms : stalled_ms, &why);
        bool is_due = looks && clock_monotonic_ms() >= c->waiting_ms;
        if (!is_ready && (why.kind != ERR_TIMEOUT || !is_due)) {
            *e = why;
            return false;
        }
        if (is_due && !serve_waiting(c))
            return conn_failed(c, 0, e);
        if (is_ready)
            return true;
    }
}

static enum io_result try_send(struct net_conn *c, str bytes, size_t *sent, int *sys)
{
    *sent = 0;
    *sys = 0;
    return conn_is_mute(c) ? IO_BROKEN : conn_send(c, bytes.p, bytes.n, sent, sys);
}

/* Sends of the buffer what the peer takes without waiting; packed, piece by piece. IO_DONE: all. */
static enum io_result send_packed(struct net_conn *c, int *sys)
{
    for (;;) {
        size_t used;
        size_t sent;
        str piece = deflate_pack(c->deflate, str_skip(buf_str(&c->out), c->out_at), &used);
        c->out_at += used;
        if (piece.n == 0)
            break;
        enum io_result what = try_send(c, piece, &sent, sys);
        deflate_sent(c->deflate, sent);
        if (what != IO_DONE)
            return what;
    }
    buf_clear(&c->out);
    c->out_at = 0;
    return IO_DONE;
}

/* The same as it is. */
static enum io_result send_plain(struct net_conn *c, int *sys)
{
    while (c->out_at < c->out.n) {
        size_t sent;
        enum io_result what = try_send(c, str_skip(buf_str(&c->out), c->out_at), &sent, sys);
        c->out_at += sent;
        if (what != IO_DONE)
            return what;
    }
    buf_clear(&c->out);
    c->out_at = 0;
    return IO_DONE;
}

static enum io_result send_ready(struct net_conn *c, int *sys)
{
    return c->deflate ? send_packed(c, sys) : send_plain(c, sys);
}

bool net_flush(struct net_conn *c, struct err *e)
{
    for (;;) {
        int sys;
        enum io_result what = send_ready(c, &sys);
        if (what == IO_DONE)
            return true;
        if (what == IO_EOF || what == IO_BROKEN)
            return conn_send_failed(c, sys, e);
        if (!wait_and_look(c, what, e))
            return false;
    }
}

bool net_flush_within(struct net_conn *c, int64_t wait_ms, bool *is_done, struct err *e)
{
    int64_t deadline_ms = clock_deadline_in(wait_ms);
    for (;;) {
        int sys;
        struct err why = ERR_CLEAR;
        enum io_result what = send_ready(c, &sys);
        *is_done = what == IO_DONE;
        if (*is_done)
            return true;
        if (what == IO_EOF || what == IO_BROKEN)
            return conn_send_failed(c, sys, e);
        if (wait_for_peer(c, what, deadline_ms, &why))
            continue;
        if (why.kind == ERR_TIMEOUT)
            return true;
        *e = why;
        return false;
    }
}

static size_t out_max(const struct net_conn *c)
{
    return c->deflate ? CONN_OUT_MAX_PACKED : CONN_OUT_MAX;
}

bool net_write(struct net_conn *c, str bytes, struct err *e)
{
    if (conn_is_mute(c))
        return conn_send_failed(c, 0, e);
    size_t max = out_max(c);
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

bool net_write_now(struct net_conn *c, str bytes)
{
    int sys;
    buf_consume(&c->out, c->out_at);
    c->out_at = 0;
    if (conn_is_mute(c) || c->out.n + bytes.n > out_max(c))
        return false;
    INVARIANT(buf_add(&c->out, bytes));
    enum io_result what = send_ready(c, &sys);
    if (what == IO_EOF || what == IO_BROKEN)
        conn_mute(c, sys);
    return !c->mute;
}

bool net_writef(struct net_conn *c, struct err *e, const char *format, ...)
{
    if (conn_is_mute(c))
        return conn_send_failed(c, 0, e);
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
