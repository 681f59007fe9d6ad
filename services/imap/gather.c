/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one command from the connection, under the limits of the framer. */
#include "services/imap/gather.h"

#include "config/config.h"
#include "services/imap/service.h"

enum {
    LITERAL_CHUNK = 64 * 1024,
    APPEND_MESSAGES = 2,           /* of the largest size may come in one command */
    COMMANDS = 1024 * 1024,        /* beside the messages */
    SHARES = 4,                    /* an account may hold one of so many parts of the memory */
    MEMORY_MIN = 128 * 1024 * 1024 /* octets of all commands that are being read */
};

size_t imap_append_limit(const struct imap_session *s)
{
    return (size_t)config_int(s->app->config, CONFIG_LIMITS_MESSAGE_SIZE);
}

static int64_t read_deadline(const struct imap_session *s)
{
    int64_t at = imap_pace_deadline(&s->pace, clock_monotonic_ms());
    return s->state == IMAP_NOT_AUTHENTICATED && s->login_deadline < at ? s->login_deadline : at;
}

static enum imap_gathered read_failed(struct imap_session *s, const struct err *e)
{
    if (e->kind == ERR_LIMIT) {
        imap_bye(s, "TOOBIG", "Line too long", "too_big");
    } else if (e->kind == ERR_SYNTAX) {
        imap_bye(s, "CLIENTBUG", e->msg, "bad_compression");
    } else if (e->kind == ERR_TIMEOUT) {
        imap_bye(s, "UNAVAILABLE", "The rest of the command did not come in time", "timeout");
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

/* ---- memory: messages that are being appended may hold so much together (ATTACKS I1) ---- */

/* Always room for two of the largest, as for SMTP. */
static size_t memory_limit(const struct imap_session *s)
{
    size_t two = APPEND_MESSAGES * imap_append_limit(s);
    return two > MEMORY_MIN ? two : MEMORY_MIN;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Octets of messages that one account may hold of it: two, but no more than half. */
static size_t account_limit(const struct imap_session *s)
{
    size_t all = memory_limit(s);
    size_t two = least(APPEND_MESSAGES * imap_append_limit(s), all / 2);
    return two > all / SHARES ? two : all / SHARES;
}

static struct imap_framer_limits limits_of(const struct imap_session *s)
{
    struct imap_framer_limits l = { .command = IMAP_COMMAND_MAX };
    if (s->state == IMAP_NOT_AUTHENTICATED) {
        size_t used = s->preauth_octets;
        l.command = used < IMAP_COMMAND_MAX_PREAUTH ? IMAP_COMMAND_MAX_PREAUTH - used : 0;
        l.is_strict = true;
        return l;
    }
    l.message = imap_append_limit(s);
    l.total = least(APPEND_MESSAGES * l.message, account_limit(s));
    return l;
}

static size_t held_by_account(const struct imap_session *s)
{
    size_t octets = 0;
    LIST_FOR_EACH (item, &s->service->loaded) {
        const struct imap_session *other = CONTAINER_OF(item, struct imap_session, loaded);
        octets += other->account_id == s->account_id ? other->charged + other->taken : 0;
    }
    return octets;
}

/* Counts what the session holds. */
static void charge(struct imap_session *s, size_t charged, size_t taken)
{
    s->service->command_bytes += charged + taken - s->charged - s->taken;
    s->charged = charged;
    s->taken = taken;
    list_remove(&s->loaded);
    if (charged + taken > IMAP_COMMAND_MAX)
        list_add_tail(&s->service->loaded, &s->loaded);
}

void imap_gather_charge(struct imap_session *s)
{
    charge(s, s->framer.text.cap, s->taken);
}

/* Whether `more` octets may come. Ordinary commands always may: they are small. */
static bool has_memory(const struct imap_session *s, size_t more)
{
    return s->framer.text.cap + more <= IMAP_COMMAND_MAX ||
           (s->service->command_bytes + more <= memory_limit(s) &&
            held_by_account(s) + more <= account_limit(s) + COMMANDS);
}

/* Of the account's share only what its other sessions hold counts: a message of the full size comes
 * as text and as what is made of it. */
bool imap_gather_take(struct imap_session *s, size_t octets)
{
    size_t own = list_is_empty(&s->loaded) ? 0 : s->charged + s->taken;
    bool ok = octets <= IMAP_COMMAND_MAX ||
              (s->service->command_bytes + octets <= memory_limit(s) &&
               held_by_account(s) - own + octets <= account_limit(s) + COMMANDS);
    if (ok)
        charge(s, s->charged, s->taken + octets);
    return ok;
}

void imap_gather_give_back(struct imap_session *s, size_t octets)
{
    charge(s, s->charged, s->taken - octets);
}

static bool is_dropping(const struct imap_session *s)
{
    return s->framer.is_dropping;
}

/* Reads on without keeping; *tag is what the answer needs. */
static void drop(struct imap_session *s, str *tag)
{
    struct imap_command c;
    struct err e = ERR_CLEAR;
    if (is_dropping(s))
        return;
    (void)imap_command_parse(imap_framer_text(&s->framer), &s->arena, &c, &e);
    *tag = arena_str(&s->arena, c.tag);
    imap_framer_drop(&s->framer);
    imap_gather_charge(s);
}

static enum imap_gathered answer_dropped(struct imap_session *s, str tag)
{
    (void)imap_reply(s, IMAP_NO, STR("UNAVAILABLE"), "No memory for this message now, try again");
    (void)imap_send_reply(s, tag);
    return IMAP_GATHERED_NOTHING;
}

/* ---- reading ---- */

static bool read_literal(struct imap_session *s, str *dropped, struct err *e)
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
        s->pace.octets += chunk.n;
        state = imap_framer_literal(&s->framer, chunk);
        imap_gather_charge(s);
        if (!has_memory(s, 0))
            drop(s, dropped);
    }
    return true;
}

/* What a line that ends no command needs: to be refused, or its literal to be read. False: *out is
 * the end of it. */
static bool go_on(struct imap_session *s, enum imap_frame state, str *dropped,
                  enum imap_gathered *out)
{
    struct err e = ERR_CLEAR;
    if (state == IMAP_FRAME_REFUSED && !is_dropping(s)) {
        *out = refuse(s, IMAP_NO, STR("TOOBIG"), "The literal is too big");
        return false;
    }
    if (state == IMAP_FRAME_TOO_BIG) {
        imap_bye(s, "TOOBIG", "The command is too big", "too_big");
        *out = IMAP_GATHERED_END;
        return false;
    }
    if (state == IMAP_FRAME_LITERAL && !has_memory(s, s->framer.literal_left))
        drop(s, dropped);
    bool is_over = state != IMAP_FRAME_LITERAL || imap_framer_wants_go_ahead(&s->framer);
    if (is_dropping(s) && is_over) {
        *out = answer_dropped(s, *dropped);
        return false;
    }
    if (read_literal(s, dropped, &e))
        return true;
    *out = read_failed(s, &e);
    return false;
}

enum imap_gathered imap_gather(struct imap_session *s)
{
    struct imap_framer_limits limits = limits_of(s);
    str dropped = STR_EMPTY; /* tag of a command that there is no memory for */
    enum imap_gathered out;
    struct err e = ERR_CLEAR;
    s->pace = (struct imap_pace){ .began_ms = clock_monotonic_ms() };
    imap_framer_begin(&s->framer, &limits);
    imap_gather_charge(s);
    for (;;) {
        str line;
        bool crlf_ok = true;
        if (!net_read_line(s->conn, limits.command + 1, read_deadline(s), &line, &crlf_ok, &e))
            return read_failed(s, &e);
        if (!crlf_ok)
            return refuse(s, IMAP_BAD, STR_EMPTY, "Lines end in CRLF and hold no NUL");
        s->pace.octets += line.n;
        enum imap_frame state = imap_framer_line(&s->framer, line);
        imap_gather_charge(s);
        if (state == IMAP_FRAME_COMPLETE && !is_dropping(s))
            return IMAP_GATHERED_COMMAND;
        if (!go_on(s, state, &dropped, &out))
            return out;
    }
}
