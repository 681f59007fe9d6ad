/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope: MAIL, RCPT, RSET. Policy of submission senders and of recipients is here; what
 * becomes of a message is in cmd_data.c. */
#include "account/account.h"
#include "account/sending.h"
#include "account/suppression.h"
#include "base/failpoint.h"
#include "config/config.h"
#include "milter/codec.h"
#include "services/smtp/commands.h"
#include "services/smtp/filters.h"
#include "services/smtp/rate.h"
#include "services/smtp/relay.h"
#include "services/smtp/screen.h"

enum {
    SUPPRESSED_WHY_MAX = 200 /* octets of a reason that are told */
};

/* Whether the user may use this envelope sender. *next is the answer when not. */
static bool check_sender(struct smtp_session *s, const struct smtp_path *sender,
                         enum net_next *next)
{
    struct err e = ERR_CLEAR;
    bool may = false;
    if (s->front->policy != SMTP_SUBMISSION || sender->is_null)
        return true;
    if (!account_may_send_as(s->state->app->accounts, s->account_id, sender->local, sender->domain,
                             &s->command, clock_deadline_in(SMTP_LOOKUP_MS), &may, &e) &&
        e.kind != ERR_SYNTAX) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    if (!may)
        *next = smtp_say(s, ANSWER_SENDER_NOT_OWN);
    return may;
}

static struct smtp_offer make_offer(const struct smtp_session *s)
{
    return (struct smtp_offer){
        .auth = s->front->policy == SMTP_SUBMISSION,
        .dsn = true,
        .requiretls = smtp_has_tls(s),
        .verp = s->front->policy == SMTP_SUBMISSION,
        .binary = true,
        .smtputf8 = true,
        .utf8_mail = s->has_sender && s->sender.smtputf8,
        .max_size = smtp_max_size(s),
        .hold_max_us = smtp_hold_max_us(s),
        .now_us = clock_utc_us(),
    };
}

enum net_next smtp_cmd_mail(struct smtp_session *s, str argument)
{
    struct smtp_mail mail;
    enum net_next next = NET_PARK;
    const struct smtp_offer offer = make_offer(s);
    if (s->has_sender)
        return smtp_say(s, ANSWER_MAIL_TWICE);
    if (runtime_is_draining(net_conn_runtime(s->conn)))
        return smtp_say(s, ANSWER_SHUTTING_DOWN);
    if (s->mails >= smtp_max_mails(s))
        return smtp_say(s, ANSWER_TOO_MANY_MAILS);
    if (s->state->app->health.is_disk_full)
        return smtp_say(s, ANSWER_DISK_FULL);
    enum smtp_fault fault = smtp_mail_parse(argument, &offer, &s->mail, &mail);
    if (fault != SMTP_GOOD)
        return smtp_say(s, smtp_answer_for_fault(fault, true));
    if (mail.has_size && s->state->message_bytes + mail.size > smtp_memory_limit(s))
        return smtp_say(s, ANSWER_NO_MEMORY);
    if (!check_sender(s, &mail.sender, &next))
        return next;
    if (!smtp_rate_take(s, SMTP_RATE_MESSAGES))
        return smtp_say(s, ANSWER_TOO_FAST);
    s->sender = mail;
    s->has_sender = true;
    s->mails++;
    FAILPOINT("smtp-after-mail");
    return smtp_say(s, ANSWER_SENDER_OK);
}

/* An address with relay marks in its local part asks to be sent on (ATTACKS S17). */
static bool asks_for_relay(const struct smtp_path *path)
{
    return str_find_byte(path->local, '%') >= 0 || str_find_byte(path->local, '@') >= 0 ||
           str_find_byte(path->local, '!') >= 0;
}

static bool is_named_already(const struct smtp_session *s, str address)
{
    for (size_t i = 0; i < s->recipients.n; i++) {
        if (str_eq(VEC_AT(&s->recipients, struct smtp_recipient, i)->address, address))
            return true;
    }
    return false;
}

/* Where an address leads, kept as long as the transaction. */
static void keep_targets(struct smtp_session *s, const struct account_route *route,
                         struct smtp_recipient *recipient)
{
    struct smtp_target *targets = ARENA_ARRAY(&s->mail, struct smtp_target, route->n_targets);
    for (size_t i = 0; i < route->n_targets; i++) {
        targets[i] = route->targets[i];
        targets[i].address = arena_str(&s->mail, route->targets[i].address);
        targets[i].domain = arena_str(&s->mail, route->targets[i].domain);
    }
    recipient->targets = targets;
    recipient->n_targets = route->n_targets;
    s->n_targets += route->n_targets;
}

/* As filters know it. */
static str mailer_of(const struct smtp_session *s, const struct account_route *route)
{
    if (route->kind != ACCOUNT_ROUTE_REMOTE)
        return STR("local");
    return s->front->policy == SMTP_INBOUND ? STR("relay") : STR("smtp");
}

/* The same address again is good, and changes nothing. Filters are asked last: what nobody would
 * take anyway is none of their business, and must not keep them busy. Yields. */
YIELDS static enum net_next add_recipient(struct smtp_session *s, const struct smtp_rcpt *rcpt,
                                          const struct account_route *route)
{
    str address = smtp_path_text(&rcpt->path, &s->command);
    if (!smtp_is_lmtp(s) && is_named_already(s, address)) /* there each RCPT has its reply */
        return smtp_say(s, ANSWER_RECIPIENT_OK);
    enum net_next next;
    size_t ends = s->recipients.n + s->n_targets + route->n_targets;
    if (route->n_targets > 0 && ends > ACCOUNT_TARGETS_MAX)
        return smtp_say(s, ANSWER_TOO_MANY_RECIPIENTS);
    bool is_whitelisted;
    if (!smtp_ask_filters(s, &rcpt->path, mailer_of(s, route), &is_whitelisted, &next))
        return next;
    struct smtp_recipient *recipient = VEC_PUSH(&s->recipients, struct smtp_recipient);
    if (!recipient)
        return smtp_say(s, ANSWER_TOO_MANY_RECIPIENTS);
    recipient->account_id = route->account_id;
    recipient->address = arena_str(&s->mail, address);
    recipient->domain = arena_str(&s->mail, rcpt->path.domain);
    recipient->has_notify = rcpt->has_notify;
    recipient->notify = rcpt->notify;
    recipient->orcpt = arena_str(&s->mail, rcpt->orcpt);
    recipient->is_relayed = route->kind == ACCOUNT_ROUTE_REMOTE && s->front->policy == SMTP_INBOUND;
    recipient->is_whitelisted = is_whitelisted;
    if (route->kind == ACCOUNT_ROUTE_LEADS)
        keep_targets(s, route, recipient);
    return smtp_say(s, ANSWER_RECIPIENT_OK);
}

/* A full mailbox is refused here, where it concerns one recipient only. On port 25 nothing is asked
 * for that: who was full at a delivery is remembered instead. *next is the answer when it is full:
 * for postmaster and abuse it will be taken later, for nobody else may answer for us (RFC 5321
 * section 4.5.1). */
static bool has_room(struct smtp_session *s, int64_t account_id, str local, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    bool fits = !smtp_was_full(s->state, account_id);
    if (s->front->policy == SMTP_SUBMISSION &&
        !submit_has_room(&s->state->submit, account_id, s->sender.size,
                         clock_deadline_in(SMTP_LOOKUP_MS), &fits, &e)) {
        *next = smtp_say_failure(s, &e);
        return false;
    }
    bool is_keeper = account_is_role(local);
    if (!fits)
        *next = smtp_say(s, is_keeper ? ANSWER_A_MAILBOX_FULL : ANSWER_MAILBOX_FULL);
    return fits;
}

/* Whether who sends may send to the group. A report that comes to the sender of a message of ours
 * is let in by every group: nobody else knows that address, and its null sender is no member. */
YIELDS static bool may_post(struct smtp_session *s, const struct account_route *route,
                            enum net_next *next)
{
    const struct account_poster poster = {
        .account_id = s->account_id,
        .address = smtp_path_text(&s->sender.sender, &s->command),
        .domain = s->sender.sender.domain,
    };
    if (route->queue_id != 0 && s->sender.sender.is_null)
        return true;
    if (!account_may_post(route, &poster)) {
        *next = smtp_say(s, ANSWER_NO_POSTING);
        return false;
    }
    return route->posting != ACCOUNT_POSTING_MEMBERS || smtp_screen_believes(s, next);
}

/* Of an address that leads to others. */
static enum net_next take_leading(struct smtp_session *s, const struct smtp_rcpt *rcpt,
                                  const struct account_route *route)
{
    enum net_next next;
    if (route->is_way_back && !s->sender.sender.is_null)
        return smtp_say(s, ANSWER_FOR_REPORTS_ONLY);
    if (!may_post(s, route, &next))
        return next;
    /* Another name of one mailbox: when that is full, there is nobody else to deliver to. */
    if (route->n_targets == 1 && route->targets[0].account_id &&
        !has_room(s, route->targets[0].account_id, rcpt->path.local, &next))
        return next;
    return add_recipient(s, rcpt, route);
}

/* Whether the user is not to write there; *next is the answer then. */
static bool is_suppressed(struct smtp_session *s, const struct smtp_path *path, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    struct account_suppression_answer found;
    const struct account_suppression_ask ask = { s->account_id, smtp_path_text(path, &s->command),
                                                 s->state->submit.rules.suppresses };
    if (s->front->policy != SMTP_SUBMISSION || clock_monotonic_ms() < s->unsuppressed_until_ms)
        return false;
    if (!account_suppression_find(s->state->app->accounts, &ask, &s->command,
                                  clock_deadline_in(SMTP_LOOKUP_MS), &found, &e)) {
        *next = smtp_say_failure(s, &e);
        return true;
    }
    if (!found.has_any)
        s->unsuppressed_until_ms = clock_deadline_in(SMTP_UNSUPPRESSED_MS);
    if (found.is_suppressed) {
        str why = milter_clean_text(&s->command, found.reason);
        *next = smtp_say_text(
            s, ANSWER_SUPPRESSED,
            arena_printf(&s->command,
                         "You are not to write to this address%s%.*s; an administrator can lift it",
                         why.n > 0 ? ": " : "", STR_FMT(str_slice(why, 0, SUPPRESSED_WHY_MAX))));
    }
    return found.is_suppressed;
}

static enum net_next take_recipient(struct smtp_session *s, const struct smtp_rcpt *rcpt,
                                    const struct account_route *route)
{
    enum net_next next;
    const struct smtp_path *path = &rcpt->path;
    switch (route->kind) {
    case ACCOUNT_ROUTE_LOCAL:
        if (!has_room(s, route->account_id, path->local, &next))
            return next;
        return add_recipient(s, rcpt, route);
    case ACCOUNT_ROUTE_REMOTE:
        if (s->front->policy == SMTP_LMTP)
            return smtp_say(s, ANSWER_RELAY_DENIED);
        if (s->front->policy == SMTP_INBOUND && asks_for_relay(path))
            return smtp_say(s, ANSWER_RELAY_DENIED); /* nor on behalf of those whom we relay for */
        if (is_suppressed(s, path, &next))
            return next;
        if (s->front->policy == SMTP_INBOUND && !smtp_may_relay(s, path, &next))
            return next;
        return add_recipient(s, rcpt, route);
    case ACCOUNT_ROUTE_LEADS:
        return take_leading(s, rcpt, route);
    case ACCOUNT_ROUTE_UNKNOWN:
        break;
    }
    return smtp_say(s, asks_for_relay(path) ? ANSWER_RELAY_DENIED : ANSWER_NO_SUCH_USER);
}

/* Whether the user may name one more, of which the server itself has room. Everybody may name one,
 * so that most messages ask for nothing. Yields. */
YIELDS static bool may_name_more(struct smtp_session *s, enum net_next *next)
{
    struct err e = ERR_CLEAR;
    int64_t most = 0;
    if (s->front->policy != SMTP_SUBMISSION || s->recipients.n == 0)
        return true;
    if (s->most_recipients == 0) {
        if (!account_sending_per_message(s->state->app->accounts, s->account_id, &s->command,
                                         clock_deadline_in(SMTP_LOOKUP_MS), &most, &e)) {
            *next = smtp_say_failure(s, &e);
            return false;
        }
        s->most_recipients = most > 0 ? (size_t)most : s->recipients.max;
    }
    if (s->recipients.n < s->most_recipients)
        return true;
    *next = smtp_say_text(
        s, ANSWER_TOO_MANY_RECIPIENTS,
        arena_printf(&s->command,
                     "A message of yours may have %zu recipients, send to the rest apart",
                     s->most_recipients));
    return false;
}

enum net_next smtp_cmd_rcpt(struct smtp_session *s, str argument)
{
    struct err e = ERR_CLEAR;
    struct smtp_rcpt rcpt;
    enum net_next next;
    struct account_route route = { .kind = ACCOUNT_ROUTE_UNKNOWN };
    const struct smtp_offer offer = make_offer(s);
    enum smtp_fault fault = smtp_rcpt_parse(argument, &offer, &s->command, &rcpt);
    if (fault != SMTP_GOOD)
        return smtp_say(s, smtp_answer_for_fault(fault, false));
    if (s->recipients.n >= s->recipients.max)
        return smtp_say(s, ANSWER_TOO_MANY_RECIPIENTS);
    if (!smtp_rate_take(s, SMTP_RATE_RECIPIENTS))
        return smtp_say(s, ANSWER_TOO_FAST);
    if (!smtp_is_database_up(s))
        return smtp_say(s, ANSWER_LOCAL_ERROR);
    /* Who is logged in may send to others, but not so. */
    bool is_user = s->front->policy == SMTP_SUBMISSION;
    if (rcpt.path.is_literal)
        return smtp_say(s, is_user ? ANSWER_NO_LITERALS : ANSWER_RELAY_DENIED);
    if (!may_name_more(s, &next))
        return next;
    if (!account_route(s->state->app->accounts, rcpt.path.local, rcpt.path.domain, &s->command,
                       clock_deadline_in(SMTP_LOOKUP_MS), &route, &e) &&
        e.kind != ERR_SYNTAX)
        return smtp_say_failure(s, &e);
    bool is_ours = route.kind == ACCOUNT_ROUTE_LOCAL || route.kind == ACCOUNT_ROUTE_LEADS;
    if (is_ours && !smtp_screen_recipient(s, &rcpt.path, &next))
        return next;
    return take_recipient(s, &rcpt, &route);
}

enum net_next smtp_cmd_rset(struct smtp_session *s, str argument)
{
    (void)argument;
    smtp_reset_transaction(s);
    return smtp_say(s, ANSWER_OK);
}
