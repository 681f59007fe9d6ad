/* SPDX-License-Identifier: Apache-2.0 */
/* One SMTP connection: its life, reading commands, answering. Single commands are in cmd_*.c. */
#include "services/smtp/session.h"

#include "config/config.h"
#include "db/db.h"
#include "obs/obs.h"
#include "services/smtp/commands.h"
#include "services/smtp/screen.h"
#include "services/smtp/stress.h"
#include "services/smtp/transfer.h"
#include "wire/smtp_reply.h"

static int64_t limit(const struct smtp_session *s, enum config_param param)
{
    return config_int(s->state->app->config, param);
}

/* ---- state ---- */

bool smtp_is_lmtp(const struct smtp_session *s)
{
    return s->front->policy == SMTP_LMTP;
}

bool smtp_has_tls(const struct smtp_session *s)
{
    return net_conn_tls(s->conn) != NULL;
}

const struct net_address *smtp_client(const struct smtp_session *s)
{
    return s->is_client_unknown ? NULL : net_conn_peer(s->conn);
}

str smtp_client_ip(const struct smtp_session *s, char out[NET_ADDRESS_TEXT])
{
    const struct net_address *client = smtp_client(s);
    return !client || client->sa.ss_family == AF_UNIX ? STR_EMPTY : net_address_ip(client, out);
}

bool smtp_is_stressed(const struct smtp_session *s)
{
    return s->state->app->health.is_behind || s->front->is_crowd;
}

int64_t smtp_command_deadline(const struct smtp_session *s)
{
    int64_t until_ms =
        clock_deadline_in(smtp_is_stressed(s) ? SMTP_STRESS_COMMAND_MS : SMTP_COMMAND_MS);
    int64_t pace_ms = s->chunked ? smtp_transfer_deadline(s->chunked) : until_ms;
    return pace_ms < until_ms ? pace_ms : until_ms;
}

uint64_t smtp_max_size(const struct smtp_session *s)
{
    return (uint64_t)limit(s, CONFIG_LIMITS_MESSAGE_SIZE);
}

int64_t smtp_hold_max_us(const struct smtp_session *s)
{
    bool can_log_in = s->front->policy == SMTP_SUBMISSION && smtp_has_tls(s);
    return can_log_in ? limit(s, CONFIG_SUBMISSION_HOLD_MAX) * 1000 : 0;
}

size_t smtp_max_mails(const struct smtp_session *s)
{
    return (size_t)limit(s, CONFIG_LIMITS_SMTP_MESSAGES);
}

size_t smtp_memory_limit(const struct smtp_session *s)
{
    size_t two = 2 * (size_t)smtp_max_size(s);
    return two > SMTP_MEMORY_MIN ? two : SMTP_MEMORY_MIN;
}

void smtp_note_account_change(struct smtp_session *s)
{
    s->must_recheck = true;
    net_conn_wake(s->conn);
}

enum net_next smtp_recheck_account(struct smtp_session *s)
{
    struct err e = ERR_CLEAR;
    enum auth_standing standing = AUTH_STANDS;
    bool is_known = false;
    if (s->account_id == 0 || !s->must_recheck)
        return NET_PARK;
    if (smtp_is_database_up(s)) {
        is_known = auth_ticket_check(s->state->app->db, &s->ticket, &s->command,
                                     clock_deadline_in(SMTP_LOOKUP_MS), &standing, &e);
    }
    s->must_recheck = !is_known;
    s->recheck_ms = clock_deadline_in(s->must_recheck ? SMTP_LOOKUP_MS : SMTP_RECHECK_MS);
    return standing == AUTH_STANDS ? NET_PARK : smtp_say(s, ANSWER_ACCOUNT_CHANGED);
}

void smtp_reset_transaction(struct smtp_session *s)
{
    s->has_sender = false;
    smtp_end_visit(s);
    smtp_transfer_free(s->state, &s->chunked);
    vec_truncate(&s->recipients, 0);
    s->n_targets = 0;
    s->most_recipients = 0;
    arena_fini(&s->mail);
}

bool smtp_is_database_up(const struct smtp_session *s)
{
    return db_is_up(s->state->app->db);
}

void smtp_remember_full(struct smtp_state *state, int64_t account_id)
{
    struct smtp_full_account *full = &state->full[state->next_full++ % SMTP_FULL_MAX];
    full->account_id = account_id;
    full->until_ms = clock_deadline_in(SMTP_FULL_MS);
}

bool smtp_was_full(const struct smtp_state *state, int64_t account_id)
{
    int64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < SMTP_FULL_MAX; i++) {
        if (state->full[i].account_id == account_id && state->full[i].until_ms > now)
            return true;
    }
    return false;
}

/* ---- answering ---- */

static enum net_next write_reply(struct smtp_session *s, unsigned code, str status, str text)
{
    struct err e = ERR_CLEAR;
    struct buf out;
    buf_init(&out, SMTP_REPLY_MAX);
    bool good =
        smtp_reply_format(&out, code, status, text) && net_write(s->conn, buf_str(&out), &e);
    buf_fini(&out);
    if (!good && !s->end)
        s->end = "write_failed";
    return good ? NET_PARK : NET_CLOSE;
}

enum net_next smtp_say_raw(struct smtp_session *s, unsigned code, str text)
{
    return write_reply(s, code, STR_EMPTY, text);
}

static const char *reason_to_close(enum smtp_answer answer, const struct smtp_answer_row *row)
{
    if (row->reason)
        return row->reason;
    if (answer == ANSWER_IDLE || answer == ANSWER_TOO_SLOW)
        return "timeout";
    if (answer == ANSWER_ACCOUNT_CHANGED)
        return "account_changed";
    return answer == ANSWER_SHUTTING_DOWN ? "drain" : "limit";
}

enum net_next smtp_say_text(struct smtp_session *s, enum smtp_answer answer, str text)
{
    const struct smtp_answer_row *row = smtp_answer_row(answer);
    if (row->flags & ANSWER_REFUSES) {
        s->refused++;
        obs_count(METRIC_MESSAGES_REJECTED, row->reason, 1);
    }
    if (row->flags & ANSWER_IS_ERROR) {
        if (!smtp_punish(s, &answer))
            return NET_CLOSE;
        row = smtp_answer_row(answer);
        if (answer == ANSWER_TOO_MANY_ERRORS)
            text = row->text;
    }
    if (row->flags & ANSWER_CLOSES && !s->end)
        s->end = reason_to_close(answer, row);
    enum net_next next = write_reply(s, row->code, row->status, text);
    return row->flags & ANSWER_CLOSES ? NET_CLOSE : next;
}

enum net_next smtp_say(struct smtp_session *s, enum smtp_answer answer)
{
    return smtp_say_text(s, answer, smtp_answer_row(answer)->text);
}

enum net_next smtp_say_of_message(struct smtp_session *s, enum smtp_answer answer)
{
    enum net_next next = NET_PARK;
    size_t times = smtp_is_lmtp(s) ? s->recipients.n : 1;
    for (size_t i = 0; i < times && next == NET_PARK; i++)
        next = smtp_say(s, answer);
    return next;
}

enum net_next smtp_say_failure(struct smtp_session *s, const struct err *e)
{
    obs_log(EV_SMTP_FAILURE, net_conn_id(s->conn), OBS_ERR(e));
    return smtp_say(s, smtp_answer_for_failure(e->kind));
}

/* ---- reading commands ---- */

/* Only AUTH has long lines, and only where it is offered. */
static size_t longest_line(const struct smtp_session *s)
{
    return s->front->policy == SMTP_SUBMISSION ? SMTP_AUTH_MAX : SMTP_COMMAND_LONG_MAX;
}

static enum net_next end_reading(struct smtp_session *s, const struct err *e)
{
    if (e->kind == ERR_TIMEOUT)
        return smtp_say(s, ANSWER_IDLE);
    if (e->kind == ERR_CANCELLED)
        return smtp_say(s, ANSWER_SHUTTING_DOWN);
    if (e->kind == ERR_LIMIT && s->dialogue) {
        smtp_auth_end(s);
        return smtp_say(s, ANSWER_AUTH_TOO_LONG);
    }
    if (e->kind == ERR_LIMIT)
        return smtp_say(s, ANSWER_LINE_TOO_LONG);
    s->end = "closed_by_peer";
    return NET_CLOSE;
}

static enum net_next run_command(struct smtp_session *s, str line, bool is_clean)
{
    struct smtp_command command = smtp_command_parse(line);
    if (command.verb == SMTP_FOREIGN)
        return smtp_say(s, ANSWER_FOREIGN_PROTOCOL);
    if (!is_clean)
        return smtp_say(s, ANSWER_BAD_LINE_END);
    if (line.n > smtp_verb_line_max(command.verb))
        return smtp_say(s, ANSWER_LINE_TOO_LONG);
    return smtp_run_command(s, &command);
}

static enum net_next run_line(struct smtp_session *s, str line, bool is_clean)
{
    enum net_next next;
    if (!s->dialogue) {
        next = run_command(s, line, is_clean);
    } else if (is_clean) {
        next = smtp_auth_line(s, line);
    } else {
        next = smtp_say(s, ANSWER_BAD_LINE_END);
    }
    arena_reset(&s->command);
    return next;
}

/* All commands that are there (RFC 2920), so that their replies leave together. */
static enum net_next converse(struct smtp_session *s)
{
    enum net_next next;
    do {
        struct err e = ERR_CLEAR;
        bool is_clean = false;
        str line;
        if (smtp_recheck_account(s) == NET_CLOSE)
            return NET_CLOSE;
        if (net_read_line(s->conn, longest_line(s), smtp_command_deadline(s), &line, &is_clean,
                          &e)) {
            next = run_line(s, line, is_clean);
        } else {
            next = end_reading(s, &e);
        }
    } while (next == NET_PARK && net_buffered(s->conn) > 0);
    if (next == NET_PARK && runtime_is_draining(net_conn_runtime(s->conn)))
        return smtp_say(s, ANSWER_SHUTTING_DOWN);
    return next;
}

/* Who hands over mail need not prove who sent it: only servers that the operator named may. */
static bool is_trusted(const struct smtp_session *s)
{
    const struct net_address *peer = net_conn_peer(s->conn);
    return peer->sa.ss_family == AF_UNIX || net_networks_contain(s->state->app->lmtp_clients, peer);
}

/* Nobody may speak before the banner: a client that does is a spammer's, or no client of SMTP. */
enum net_next smtp_greet(struct smtp_session *s)
{
    if (net_buffered(s->conn) > 0)
        return smtp_say(s, ANSWER_EARLY_TALKER);
    if (smtp_is_lmtp(s) && !is_trusted(s))
        return smtp_say(s, ANSWER_NOT_TRUSTED);
    str banner = arena_printf(&s->command, "%s %s Heronry", s->state->app->hostname,
                              smtp_is_lmtp(s) ? "LMTP" : "ESMTP");
    enum net_next next = smtp_say_raw(s, 220, banner);
    arena_reset(&s->command);
    return next;
}

/* ---- life ---- */

static void *opened(struct net_conn *c, void *service)
{
    struct smtp_front *front = service;
    struct smtp_session *s = HEAP_NEW(struct smtp_session);
    s->conn = c;
    s->front = front;
    s->state = front->state;
    s->opened_ms = clock_monotonic_ms();
    s->may_xclient =
        s->state->app->xclients && net_networks_contain(s->state->app->xclients, net_conn_peer(c));
    arena_init(&s->arena);
    arena_init(&s->mail);
    arena_init(&s->command);
    list_init(&s->link);
    list_add_tail(&s->state->sessions, &s->link);
    VEC_INIT(&s->recipients, struct smtp_recipient, (size_t)limit(s, CONFIG_LIMITS_RECIPIENTS));
    s->front->connections++;
    smtp_note_crowd(s->front);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "smtp", 1);
    return s;
}

/* Parks until the next line must be there, or the account is looked at again: a hint of its change
 * can be lost. */
static void park(struct smtp_session *s)
{
    bool is_in = s->account_id != 0 && s->recheck_ms < s->command_until_ms;
    net_conn_set_idle(s->conn, is_in ? s->recheck_ms : s->command_until_ms);
}

static enum net_next time_passed(struct smtp_session *s)
{
    if (clock_monotonic_ms() >= s->command_until_ms)
        return smtp_say(s, ANSWER_IDLE);
    s->must_recheck = true;
    enum net_next next = smtp_recheck_account(s);
    arena_reset(&s->command);
    return next;
}

static enum net_next run(struct net_conn *c, void *session, enum net_why why)
{
    struct smtp_session *s = session;
    enum net_next next = NET_PARK;
    (void)c;
    switch (why) {
    case NET_OPENED:
        next = smtp_greet(s);
        s->command_until_ms = smtp_command_deadline(s);
        break;
    case NET_INPUT:
        next = converse(s);
        s->command_until_ms = smtp_command_deadline(s);
        break;
    case NET_WOKEN:
        next = smtp_recheck_account(s);
        arena_reset(&s->command);
        break;
    case NET_IDLE:
        next = time_passed(s);
        break;
    case NET_DRAIN:
        return smtp_say(s, ANSWER_SHUTTING_DOWN);
    }
    if (next == NET_PARK)
        park(s);
    return next;
}

static void log_end(const struct smtp_session *s)
{
    static const char *const kinds[] = {
        [SMTP_INBOUND] = "smtp", [SMTP_SUBMISSION] = "submission", [SMTP_LMTP] = "lmtp"
    };
    char ip[NET_ADDRESS_TEXT];
    const struct tls_facts *tls = net_conn_tls(s->conn);
    obs_log(EV_SMTP_SESSION_END, net_conn_id(s->conn),
            OBS_STR("peer", net_address_ip(net_conn_peer(s->conn), ip)),
            OBS_CSTR("kind", kinds[s->front->policy]), OBS_STR("helo", s->helo),
            OBS_CSTR("tls", tls ? tls->version : ""), OBS_STR("login", s->login),
            OBS_INT("messages", s->messages), OBS_INT("recipients", s->accepted),
            OBS_INT("refused", s->refused), OBS_INT("errors", s->errors),
            OBS_INT("bytes", s->bytes), OBS_CSTR("end", s->end ? s->end : "closed"),
            OBS_INT("duration_ms", clock_monotonic_ms() - s->opened_ms));
}

static void closed(struct net_conn *c, void *session)
{
    struct smtp_session *s = session;
    (void)c;
    log_end(s);
    smtp_auth_end(s);
    smtp_transfer_free(s->state, &s->chunked);
    smtp_forget_proof(s);
    list_remove(&s->link);
    s->front->connections--;
    smtp_note_crowd(s->front);
    obs_gauge_add(METRIC_ACTIVE_CONNECTIONS, "smtp", -1);
    vec_fini(&s->recipients);
    arena_fini(&s->command);
    arena_fini(&s->mail);
    arena_fini(&s->arena);
    free(s);
}

const struct net_protocol smtp_protocol = {
    .name = "smtp",
    .opened = opened,
    .run = run,
    .closed = closed,
    .busy_reply = "421 4.7.0 Too many connections\r\n",
};
