/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an IMAP connection: greeting, one command after the other, parked in between. */
#include "services/imap/session.h"

#include "base/failpoint.h"
#include "config/config.h"
#include "crypto/secret.h"
#include "db/db.h"
#include "obs/obs.h"
#include "services/imap/commands.h"
#include "services/imap/contexts.h"
#include "services/imap/gather.h"
#include "services/imap/limits.h"
#include "services/imap/progress.h"
#include "services/imap/replies.h"
#include "services/imap/resolve.h"
#include "services/imap/service.h"
#include "services/imap/updates.h"
#include "services/imap/watch.h"

#include <stdlib.h>

enum {
    IDLE_TESTED_MS = 3000,    /* instead of IMAP_IDLE_MS, for a test of what happens then */
    RETRY_MS = 5000,          /* between looks that the database could not answer */
    OUT_MAX = 8 * 1024 * 1024 /* octets of one line; a BODYSTRUCTURE is the longest */
};

/* ---- running ---- */

static void log_failure(struct imap_session *s, str name, const struct err *e)
{
    bool is_ours = e->kind == ERR_INTERNAL || e->kind == ERR_DAMAGED ||
                   e->kind == ERR_UNAVAILABLE || e->kind == ERR_TIMEOUT ||
                   e->kind == ERR_UNKNOWN_OUTCOME;
    if (is_ours)
        obs_log(EV_IMAP_COMMAND_FAILED, net_conn_id(s->conn), OBS_STR("command", name), OBS_ERR(e));
}

static void answer_error(struct imap_session *s, str name, const struct err *e)
{
    log_failure(s, name, e);
    s->reply = imap_reply_for(e, &s->arena);
}

/* Why the command cannot be given in this state. */
static const char *reason_of(const struct imap_session *s, const struct imap_command_entry *entry)
{
    if (entry->states == IMAP_NOT_AUTHENTICATED)
        return "You have logged in already";
    return s->state == IMAP_NOT_AUTHENTICATED ? "Log in first" : "Select a mailbox first";
}

/* Whether the command may run now; else sets the answer. */
static const struct imap_command_entry *admit(struct imap_session *s, const struct imap_command *c)
{
    const struct imap_command_entry *entry = imap_command_find(c->name, c->is_uid);
    if (!entry) {
        bool is_known = c->is_uid && imap_command_find(c->name, false);
        (void)imap_reply(s, IMAP_BAD, STR_EMPTY,
                         is_known ? "This command has no UID form" : "Unknown command");
    } else if ((entry->states & s->state) == 0) {
        (void)imap_reply(s, IMAP_BAD, STR_EMPTY, reason_of(s, entry));
    } else if (s->is_uidonly && !c->is_uid && (entry->flags & IMAP_USES_NUMBERS)) {
        (void)imap_reply(s, IMAP_BAD, STR("UIDREQUIRED"),
                         "Message numbers were given up by ENABLE UIDONLY, use the UID form");
    } else {
        return entry;
    }
    return NULL;
}

/* Tells what other sessions did, before the tagged answer. A NOOP is nothing but that question. */
static void look_around(struct imap_session *s, const struct imap_command *c,
                        const struct imap_command_entry *entry)
{
    struct err e = ERR_CLEAR;
    bool is_due = s->is_stale || s->made_n || (entry->flags & IMAP_LOOKS);
    if (!s->view || s->is_closing || !is_due)
        return;
    bool may_renumber = c->is_uid || !(entry->flags & IMAP_KEEPS_NUMBERS);
    bool is_own = s->made_n || ((entry->flags & IMAP_LOOKS) && entry->run != imap_cmd_noop &&
                                entry->run != imap_cmd_notify);
    if (imap_watch_tell_selected(s, may_renumber, is_own, &e))
        return;
    if (entry->run == imap_cmd_noop) {
        answer_error(s, entry->name, &e);
    } else {
        log_failure(s, entry->name, &e);
    }
}

YIELDS static bool run_watched(struct imap_session *s, const struct imap_command_entry *entry,
                               struct imap_command *c, struct err *e)
{
    if (!(entry->flags & IMAP_MAY_BE_LONG))
        return entry->run(s, c, e);
    imap_progress_begin(s, c->tag, entry->flags & IMAP_ONLY_READS);
    bool ok = entry->run(s, c, e);
    imap_progress_end(s);
    return ok;
}

static void run_entry(struct imap_session *s, const struct imap_command_entry *entry,
                      struct imap_command *c)
{
    struct err e = ERR_CLEAR;
    char text[64];
    (void)snprintf(text, sizeof(text), "%.*s completed", STR_FMT(entry->name));
    (void)imap_reply(s, IMAP_OK, STR_EMPTY, text);
    s->noops = entry->run == imap_cmd_noop ? s->noops + 1 : 0;
    struct imap_lexer args = c->args;
    if (!run_watched(s, entry, c, &e))
        answer_error(s, entry->name, &e);
    imap_limit_tell(s);
    if (!s->is_replied)
        look_around(s, c, entry);
    s->made_n = 0;
    if ((entry->flags & IMAP_NAMES_MAILBOXES) && s->reply.status == IMAP_OK)
        imap_watch_look_after(s, args);
    if (!s->is_replied && s->view && !s->is_closing)
        imap_contexts_tell(s);
    if (!s->is_replied && !s->is_broken && !s->is_closing)
        (void)imap_send_reply(s, c->tag);
    if (entry->flags & IMAP_WIPES)
        secret_wipe_memory(s->framer.text.p, s->framer.text.n);
}

static void count_bad(struct imap_session *s)
{
    unsigned most =
        s->state == IMAP_NOT_AUTHENTICATED ? IMAP_BAD_COMMANDS_PREAUTH : IMAP_BAD_COMMANDS;
    if (s->bad_commands >= most)
        imap_bye(s, "", "Too many bad commands", "bad_commands");
}

/* Whether the rights on the selected mailbox of another are known; else sets the answer. What works
 * on the mailbox asks for them each time: news that one was taken away may still be under way. What
 * needs no login runs in any case. Yields. */
YIELDS static bool knows_rights(struct imap_session *s, const struct imap_command_entry *entry)
{
    struct err e = ERR_CLEAR;
    bool is_on_it = entry->states == IMAP_SELECTED;
    if ((!s->is_stale && !is_on_it) || imap_view_recheck(s, &e) ||
        (entry->states & IMAP_NOT_AUTHENTICATED))
        return true;
    answer_error(s, entry->name, &e);
    return false;
}

static void run_command(struct imap_session *s)
{
    struct imap_command c;
    struct err e = ERR_CLEAR;
    str text = imap_framer_text(&s->framer);
    s->is_replied = false;
    s->commands++;
    s->octets_in += text.n;
    s->preauth_octets += s->state == IMAP_NOT_AUTHENTICATED ? text.n + 2 : 0;
    const struct imap_command_entry *entry = NULL;
    if (!imap_command_parse(text, &s->arena, &c, &e)) {
        s->reply = imap_reply_for(&e, &s->arena);
    } else {
        entry = admit(s, &c);
        if (entry && !knows_rights(s, entry))
            entry = NULL;
    }
    if (s->is_closing)
        return;
    if (entry) {
        run_entry(s, entry, &c);
    } else {
        (void)imap_send_reply(s, c.tag);
    }
    s->bad_commands += s->reply.status == IMAP_BAD ? 1 : 0;
    count_bad(s);
}

/* Whether somebody would still be let in as this session was (U13); what the database cannot say
 * is asked again later. Yields. */
YIELDS static enum auth_standing standing_of(struct imap_session *s)
{
    enum auth_standing standing = AUTH_STANDS;
    struct arena a;
    struct err e = ERR_CLEAR;
    if (!s->must_recheck || clock_monotonic_ms() < s->recheck_ms)
        return AUTH_STANDS;
    arena_init(&a);
    s->must_recheck = false; /* what is told meanwhile is asked about again */
    bool is_known = auth_ticket_check(s->app->db, &s->ticket, &a, imap_deadline(), &standing, &e);
    arena_fini(&a);
    s->recheck_ms = is_known ? 0 : clock_deadline_in(RETRY_MS);
    s->must_recheck |= !is_known;
    return is_known ? standing : AUTH_STANDS;
}

static const struct {
    const char *code;
    const char *text;
    const char *reason;
} ends[] = {
    [AUTH_ACCOUNT_ENDED] = { "AUTHORIZATIONFAILED", "The account is disabled", "account_disabled" },
    [AUTH_PASSWORD_CHANGED] = { "EXPIRED", "The password was changed, log in again",
                                "password_changed" },
    [AUTH_SECRET_ENDED] = { "EXPIRED", "The app password or token was ended, log in again",
                            "secret_ended" },
};

/* Between commands. Yields. */
static void recheck_account(struct imap_session *s)
{
    enum auth_standing standing = standing_of(s);
    if (standing != AUTH_STANDS)
        imap_bye(s, ends[standing].code, ends[standing].text, ends[standing].reason);
}

bool imap_session_stands(struct imap_session *s)
{
    enum auth_standing standing = standing_of(s);
    if (standing != AUTH_STANDS && !s->is_broken) {
        s->is_broken = true;
        s->end_reason = ends[standing].reason;
    }
    return !s->is_broken;
}

/* While a write waits: who reads slowly what was asked for before the change. */
static bool waiting(struct net_conn *c, void *session)
{
    struct imap_session *s = session;
    (void)c;
    return s->is_closing || imap_session_stands(s);
}

/* Parks: gives back what a parked session does not need, and says when to be called next. What
 * could not be looked at, because the database was away, is tried again soon. */
static enum net_next park(struct imap_session *s)
{
    if (s->is_closing || s->is_broken) {
        arena_reset(&s->arena);
        return NET_CLOSE;
    }
    arena_fini(&s->arena);
    arena_init(&s->arena);
    buf_trim(&s->out, 0);
    imap_framer_fini(&s->framer);
    imap_framer_init(&s->framer);
    imap_gather_charge(s);
    bool is_owing = s->must_recheck || (imap_watch_is_prompt(s) && s->is_stale);
    int64_t next = is_owing ? clock_deadline_in(RETRY_MS) : DEADLINE_NONE;
    next = imap_watch_due(s) < next ? imap_watch_due(s) : next;
    net_conn_set_idle(s->conn, next < s->idle_until ? next : s->idle_until);
    return NET_PARK;
}

/* How long the client may now say nothing. */
static int64_t idle_ms(const struct imap_session *s)
{
    bool is_tested = s->is_idling && FAILPOINT_FAILS("imap-idle-is-short");
    return is_tested ? IDLE_TESTED_MS : IMAP_IDLE_MS;
}

static enum net_next serve_input(struct imap_session *s)
{
    do {
        arena_reset(&s->arena);
        recheck_account(s);
        if (s->is_closing)
            break;
        if (s->is_idling) {
            imap_idle_input(s);
            continue;
        }
        enum imap_gathered what = imap_gather(s);
        if (what == IMAP_GATHERED_END) {
            s->is_closing = true;
            break;
        }
        if (what == IMAP_GATHERED_COMMAND) {
            recheck_account(s); /* it may have come for long */
            if (!s->is_closing)
                run_command(s);
        } else {
            count_bad(s);
        }
    } while (!s->is_closing && !s->is_broken && net_buffered(s->conn) > 0);
    bool is_in = s->state != IMAP_NOT_AUTHENTICATED;
    s->idle_until = is_in ? clock_deadline_in(idle_ms(s)) : s->login_deadline;
    return park(s);
}

/* ---- the protocol ---- */

static enum net_next greet(struct imap_session *s)
{
    if (!db_is_up(s->app->db)) {
        imap_bye(s, "UNAVAILABLE", "Try again later", "database_down");
        return park(s);
    }
    if (!s->guest) {
        imap_bye(s, "UNAVAILABLE", "Too many connections", "too_many");
        return park(s);
    }
    (void)buf_add(&s->out, STR("* OK [CAPABILITY "));
    (void)imap_capabilities_format(s, &s->out);
    (void)buf_addf(&s->out, "] %s ready\r\n", s->app->hostname);
    (void)imap_send_out(s);
    return park(s);
}

/* Without a command: IDLE's time runs from its start, whatever is pushed (PROMISES). */
static enum net_next woken(struct imap_session *s)
{
    struct err e = ERR_CLEAR;
    recheck_account(s);
    bool is_due = !s->is_closing && s->view && s->is_stale && imap_watch_is_prompt(s);
    if (is_due && !imap_watch_tell_selected(s, s->is_idling, false, &e))
        log_failure(s, s->is_idling ? STR("IDLE") : STR("NOTIFY"), &e);
    imap_watch_look(s);
    return park(s);
}

static enum net_next idle_too_long(struct imap_session *s)
{
    if (clock_monotonic_ms() < s->idle_until)
        return woken(s);
    imap_bye(s, "UNAVAILABLE", "Idle for too long", "idle");
    return NET_CLOSE;
}

static enum net_next run(struct net_conn *c, void *session, enum net_why why)
{
    struct imap_session *s = session;
    (void)c;
    switch (why) {
    case NET_OPENED:
        return greet(s);
    case NET_INPUT:
        return serve_input(s);
    case NET_WOKEN:
        return woken(s);
    case NET_IDLE:
        return idle_too_long(s);
    case NET_DRAIN:
        imap_bye(s, "UNAVAILABLE", "The server is going down", "drain");
        return NET_CLOSE;
    }
    return NET_CLOSE;
}

static void *opened(struct net_conn *c, void *service)
{
    struct imap_session *s = HEAP_NEW(struct imap_session);
    s->service = service;
    s->app = s->service->app;
    s->conn = c;
    s->state = IMAP_NOT_AUTHENTICATED;
    s->login_deadline = clock_deadline_in(IMAP_LOGIN_MS);
    s->idle_until = s->login_deadline;
    s->opened_ms = clock_monotonic_ms();
    s->end_reason = "closed";
    list_init(&s->loaded);
    list_init(&s->link);
    list_add_tail(&s->service->sessions, &s->link);
    s->guest = imap_guest_enter(s->service);
    arena_init(&s->arena);
    buf_init(&s->out, OUT_MAX);
    imap_framer_init(&s->framer);
    net_conn_set_write_timeout(c, IMAP_WRITE_MS);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "imap", 1);
    return s;
}

static void log_end(struct imap_session *s)
{
    char peer[NET_ADDRESS_TEXT];
    const struct tls_facts *tls = net_conn_tls(s->conn);
    obs_log(EV_IMAP_SESSION_END, net_conn_id(s->conn),
            OBS_STR("peer", net_address_ip(net_conn_peer(s->conn), peer)),
            OBS_CSTR("login", s->login), OBS_CSTR("tls", tls ? tls->version : "none"),
            OBS_INT("commands", s->commands), OBS_INT("octets_in", s->octets_in),
            OBS_INT("octets_out", s->octets_out), OBS_INT("bad_commands", s->bad_commands),
            OBS_INT("duration_ms", clock_monotonic_ms() - s->opened_ms),
            OBS_CSTR("end", s->end_reason));
}

static void closed(struct net_conn *c, void *session)
{
    struct imap_session *s = session;
    (void)c;
    log_end(s);
    imap_watch_end(s);
    imap_view_close(s);
    net_tally_leave(&s->guest);
    net_tally_leave(&s->slot);
    list_remove(&s->link);
    imap_framer_fini(&s->framer);
    imap_gather_charge(s);
    list_remove(&s->loaded);
    buf_fini(&s->out);
    arena_fini(&s->arena);
    free(s->login);
    free(s);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "imap", -1);
}

const struct net_protocol imap_protocol = {
    .name = "imap",
    .opened = opened,
    .run = run,
    .closed = closed,
    .busy_reply = "* BYE [UNAVAILABLE] Too many connections\r\n",
    .waiting = waiting,
};
