/* SPDX-License-Identifier: Apache-2.0 */
/* What a session writes, and its tagged answers. */
#include "services/imap/session.h"

enum {
    WRITE_MIN = 16 * 1024 /* octets of lines that are collected */
};

int64_t imap_deadline(void)
{
    return clock_deadline_in(IMAP_COMMAND_MS);
}

bool imap_has_utf8(const struct imap_session *s)
{
    return s->is_rev2 || s->is_utf8;
}

/* A write failed; it may have been ended while it waited, for a reason that is known. False. */
static bool broken(struct imap_session *s, const char *reason)
{
    if (!s->is_broken)
        s->end_reason = reason;
    s->is_broken = true;
    return false;
}

bool imap_send(struct imap_session *s, str bytes)
{
    struct err e = ERR_CLEAR;
    if (s->is_broken)
        return false;
    s->progress.is_silent = false;
    if (!net_write(s->conn, bytes, &e))
        return broken(s, e.kind == ERR_TIMEOUT ? "write_timeout" : "closed");
    s->octets_out += bytes.n;
    return true;
}

bool imap_send_out(struct imap_session *s)
{
    bool ok = imap_send(s, buf_str(&s->out));
    buf_clear(&s->out);
    return ok;
}

bool imap_send_some(struct imap_session *s)
{
    return s->out.n < WRITE_MIN || imap_send_out(s);
}

bool imap_sendf(struct imap_session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t from = s->out.n;
    bool ok = buf_vaddf(&s->out, format, args);
    va_end(args);
    if (!ok)
        buf_truncate(&s->out, from);
    return imap_send_out(s) && ok;
}

void imap_flush(struct imap_session *s)
{
    struct err e = ERR_CLEAR;
    if (!s->is_broken && !net_flush(s->conn, &e))
        (void)broken(s, "closed");
}

bool imap_flush_within(struct imap_session *s, int64_t wait_ms)
{
    struct err e = ERR_CLEAR;
    bool is_done = false;
    s->progress.is_silent = false;
    if (!s->is_broken && !net_flush_within(s->conn, wait_ms, &is_done, &e))
        (void)broken(s, "closed");
    return is_done;
}

void imap_bye(struct imap_session *s, const char *code, const char *text, const char *reason)
{
    if (!s->is_closing) {
        s->end_reason = reason;
        (void)imap_sendf(s, *code ? "* BYE [%s] %s\r\n" : "* BYE %s%s\r\n", code, text);
    }
    s->is_closing = true;
}

/* ---- the tagged answer ---- */

bool imap_reply(struct imap_session *s, enum imap_status_kind status, str code, const char *text)
{
    s->reply = (struct imap_reply){ status, code, str_from_cstr(text) };
    return true;
}

bool imap_send_reply(struct imap_session *s, str tag)
{
    static const char *const words[] = { [IMAP_OK] = "OK", [IMAP_NO] = "NO", [IMAP_BAD] = "BAD" };
    const struct imap_reply *r = &s->reply;
    buf_clear(&s->out);
    (void)buf_addf(&s->out, "%.*s %s ", STR_FMT(tag.n ? tag : STR("*")), words[r->status]);
    if (r->code.n)
        (void)buf_addf(&s->out, "[%.*s] ", STR_FMT(r->code));
    (void)buf_addf(&s->out, "%.*s\r\n", STR_FMT(r->text));
    s->is_replied = true;
    return imap_send_out(s);
}
