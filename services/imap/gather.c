/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one command from the connection, under the limits of the framer. */
#include "services/imap/gather.h"

#include "config/config.h"

enum {
    LITERAL_CHUNK = 64 * 1024
};

static struct imap_framer_limits limits_of(const struct imap_session *s)
{
    struct imap_framer_limits l = { .command = IMAP_COMMAND_MAX };
    if (s->state == IMAP_NOT_AUTHENTICATED) {
        size_t used = s->preauth_octets;
        l.command = used < IMAP_COMMAND_MAX_PREAUTH ? IMAP_COMMAND_MAX_PREAUTH - used : 0;
        l.is_strict = true;
        return l;
    }
    l.message = (size_t)config_int(s->app->config, CONFIG_LIMITS_MESSAGE_SIZE);
    return l;
}

static int64_t read_deadline(const struct imap_session *s)
{
    int64_t at = clock_deadline_in(IMAP_READ_MS);
    return s->state == IMAP_NOT_AUTHENTICATED && s->login_deadline < at ? s->login_deadline : at;
}

static enum imap_gathered read_failed(struct imap_session *s, const struct err *e)
{
    if (e->kind == ERR_LIMIT) {
        imap_bye(s, "TOOBIG", "Line too long", "too_big");
    } else if (e->kind == ERR_TIMEOUT) {
        imap_bye(s, "UNAVAILABLE", "Timeout", "timeout");
    } else {
        s->end_reason = e->kind == ERR_CANCELLED ? "cancelled" : "closed";
    }
    return IMAP_GATHERED_END;
}

/* A command that was refused before it was complete. */
static enum imap_gathered refuse(struct imap_session *s, enum imap_status_kind status, str code,
                                 const char *text)
{
    struct imap_command c;
    struct err e = ERR_CLEAR;
    (void)imap_command_parse(imap_framer_text(&s->framer), &s->arena, &c, &e);
    (void)imap_reply(s, status, code, text);
    (void)imap_send_reply(s, c.tag);
    s->bad_commands++;
    return IMAP_GATHERED_NOTHING;
}

static bool read_literal(struct imap_session *s, struct err *e)
{
    enum imap_frame state = IMAP_FRAME_LITERAL;
    if (imap_framer_wants_go_ahead(&s->framer)) {
        (void)imap_send(s, STR("+ OK\r\n"));
        imap_flush(s);
    }
    while (state == IMAP_FRAME_LITERAL) {
        str chunk = STR_EMPTY;
        size_t left = s->framer.literal_left;
        size_t most = left < LITERAL_CHUNK ? left : LITERAL_CHUNK;
        if (left && !net_read_some(s->conn, most, read_deadline(s), &chunk, e))
            return false;
        state = imap_framer_literal(&s->framer, chunk);
    }
    return true;
}

enum imap_gathered imap_gather(struct imap_session *s)
{
    struct imap_framer_limits limits = limits_of(s);
    struct err e = ERR_CLEAR;
    imap_framer_begin(&s->framer, &limits);
    for (;;) {
        str line;
        bool crlf_ok = true;
        if (!net_read_line(s->conn, limits.command + 1, read_deadline(s), &line, &crlf_ok, &e))
            return read_failed(s, &e);
        if (!crlf_ok)
            return refuse(s, IMAP_BAD, STR_EMPTY, "Lines end in CRLF and hold no NUL");
        enum imap_frame state = imap_framer_line(&s->framer, line);
        if (state == IMAP_FRAME_COMPLETE)
            return IMAP_GATHERED_COMMAND;
        if (state == IMAP_FRAME_REFUSED)
            return refuse(s, IMAP_NO, STR("TOOBIG"), "The literal is too big");
        if (state == IMAP_FRAME_TOO_BIG) {
            imap_bye(s, "TOOBIG", "The command is too big", "too_big");
            return IMAP_GATHERED_END;
        }
        if (!read_literal(s, &e))
            return read_failed(s, &e);
    }
}
