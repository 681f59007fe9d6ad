/* SPDX-License-Identifier: Apache-2.0 */
/* Handing a received message to deliver or submit. What is answered with 250 is committed (RFC 5321
 * 6.1). */
#include "services/smtp/hand_over.h"

#include "base/failpoint.h"
#include "config/config.h"
#include "deliver/screen.h"
#include "obs/obs.h"
#include "queue/queue.h"
#include "services/smtp/checks.h"
#include "services/smtp/screen.h"

enum {
    MESSAGE_ID_TOLD = 200 /* octets of one that the log tells */
};

static struct smtp_trace make_trace(const struct smtp_session *s, char ip[NET_ADDRESS_TEXT])
{
    const struct tls_facts *tls = net_conn_tls(s->conn);
    return (struct smtp_trace){
        .helo = s->helo,
        .peer_ip = smtp_client_ip(s, ip),
        .peer_port = net_address_port(net_conn_peer(s->conn)),
        .is_peer_unknown = s->is_client_unknown,
        .hostname = str_from_cstr(s->state->app->hostname),
        .session = net_conn_id(s->conn),
        .tls_version = str_from_cstr(tls ? tls->version : NULL),
        .tls_cipher = str_from_cstr(tls ? tls->cipher : NULL),
        .is_esmtp = s->is_esmtp,
        .is_auth = s->account_id != 0,
        .is_utf8 = s->sender.smtputf8,
        .is_lmtp = smtp_is_lmtp(s),
    };
}

/* A name that no other transaction has: the session id and the number of the transfer in it. */
static str transaction_name(struct smtp_session *s, struct arena *a)
{
    return arena_printf(a, "%.*s.%u", STR_FMT(net_conn_id(s->conn)), s->transfers);
}

static struct smtp_message make_message(struct smtp_session *s, str content, struct arena *a,
                                        char ip[NET_ADDRESS_TEXT])
{
    return (struct smtp_message){
        .trace = make_trace(s, ip),
        .account_id = s->account_id,
        .mechanism = s->mechanism,
        .sender = smtp_path_text(&s->sender.sender, a),
        .is_utf8 = s->sender.smtputf8,
        .is_binary = s->sender.binary,
        .requiretls = s->sender.requiretls,
        .is_verp = s->sender.verp,
        .may_save = s->front->policy == SMTP_SUBMISSION,
        .has_ret = s->sender.has_ret,
        .ret_full = s->sender.ret_full,
        .envid = s->sender.envid,
        .release_us = s->sender.release_us,
        .hold_request = s->sender.hold_request,
        .content = content,
        .transaction = transaction_name(s, a),
        .recipients = VEC_AT(&s->recipients, struct smtp_recipient, 0),
        .n = s->recipients.n,
        .max_hops = (size_t)config_int(s->state->app->config, CONFIG_LIMITS_HOPS),
    };
}

/* Whether mail for who answers for us is among it: what is full for him now is not for good. */
static bool is_for_keeper(const struct smtp_message *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (deliver_is_always_heard(m->recipients[i].address))
            return true;
    }
    return false;
}

/* What came of a message. */
struct handed {
    enum smtp_answer answer;
    str reason;       /* instead of the text of the answer's row, when it is not empty */
    int64_t queue_id; /* of what leaves; 0: nothing does */
};

static bool deliver(struct smtp_session *s, const struct smtp_message *m, struct deliver_left *left,
                    struct arena *a, struct handed *out, struct err *e)
{
    static const enum smtp_answer answers[] = {
        [DELIVER_DONE] = ANSWER_OK,
        [DELIVER_LOOP] = ANSWER_LOOP,
        [DELIVER_HEADER_TOO_LARGE] = ANSWER_HEADER_TOO_LARGE,
        [DELIVER_FILTERED] = ANSWER_FILTERED,
        [DELIVER_FILTERED_NOW] = ANSWER_FILTERED_NOW,
        [DELIVER_DISCARDED] = ANSWER_OK,
        [DELIVER_NOT_TEXT] = ANSWER_NOT_TEXT,
        [DELIVER_OVER_QUOTA] = ANSWER_MAILBOX_FULL,
        [DELIVER_SPF_FAIL] = ANSWER_SPF_FAIL,
        [DELIVER_DMARC_FAIL] = ANSWER_DMARC_FAIL,
        [DELIVER_DMARC_LATER] = ANSWER_DMARC_LATER,
        [DELIVER_TOLD_ENOUGH] = ANSWER_TOLD_ENOUGH,
        [DELIVER_AUTHOR_UNCLEAR] = ANSWER_FROM_MISSING,
        [DELIVER_UNPROVEN] = ANSWER_LOCAL_ERROR, /* it is not given twice */
    };
    struct deliver_result result;
    struct deliver d = smtp_deliver_now(s);
    d.visit = s->visit;
    d.left = left;
    if (!deliver_message(&d, m, a, clock_deadline_in(SMTP_DELIVER_MS), &result, e))
        return false;
    if (result.verdict == DELIVER_UNPROVEN) {
        if (!smtp_screen_claims(s, &out->answer, &out->reason, e))
            return false;
        if (out->answer != ANSWER_OK)
            return true;
        if (!deliver_message(&d, m, a, clock_deadline_in(SMTP_DELIVER_MS), &result, e))
            return false;
    }
    if (result.full_account_id != 0)
        smtp_remember_full(s->state, result.full_account_id);
    *out = (struct handed){ answers[result.verdict], result.reason, result.queue_id };
    if (result.verdict == DELIVER_OVER_QUOTA && is_for_keeper(m))
        out->answer = ANSWER_A_MAILBOX_FULL;
    return true;
}

static bool submit(struct smtp_session *s, const struct smtp_message *m, struct arena *a,
                   struct handed *out, struct err *e)
{
    static const enum smtp_answer answers[] = {
        [SUBMIT_DONE] = ANSWER_OK,
        [SUBMIT_FROM_MISSING] = ANSWER_FROM_MISSING,
        [SUBMIT_FROM_NOT_OWN] = ANSWER_FROM_NOT_OWN,
        [SUBMIT_BARE_LINE_END] = ANSWER_BARE_LINE_END,
        [SUBMIT_HEADER_TORN] = ANSWER_HEADER_TORN,
        [SUBMIT_NOT_TEXT] = ANSWER_NOT_TEXT,
        [SUBMIT_LOOP] = ANSWER_LOOP,
        [SUBMIT_HEADER_TOO_LARGE] = ANSWER_HEADER_TOO_LARGE,
        [SUBMIT_LIMITED] = ANSWER_SENT_ENOUGH,
        [SUBMIT_NEVER] = ANSWER_NEVER_SO_MANY,
        [SUBMIT_STOPPED] = ANSWER_SENDING_STOPPED,
        [SUBMIT_FILTERED] = ANSWER_FILTERED,
        [SUBMIT_FILTERED_NOW] = ANSWER_FILTERED_NOW,
        [SUBMIT_OVER_QUOTA] = ANSWER_MAILBOX_FULL,
        [SUBMIT_HELD_ENOUGH] = ANSWER_HELD_ENOUGH,
    };
    struct submit_result result;
    if (!submit_message(&s->state->submit, m, a, clock_deadline_in(SMTP_DELIVER_MS), &result, e))
        return false;
    *out = (struct handed){ answers[result.verdict], result.reason, result.queue_id };
    if (result.verdict == SUBMIT_OVER_QUOTA && (m->n > 1 || is_for_keeper(m)))
        out->answer = ANSWER_A_MAILBOX_FULL; /* which one is told at its next RCPT */
    return true;
}

static void note_accepted(struct smtp_session *s, const struct smtp_message *m, int64_t queue_id,
                          int64_t started_ms)
{
    int64_t took_ms = clock_monotonic_ms() - started_ms;
    char id[QUEUE_ID_TEXT];
    str message_id = queue_read_message_id(m->content, &s->command);
    s->messages++;
    s->accepted += (unsigned)m->n;
    s->bytes += m->content.n;
    s->errors = 0;
    s->junk = 0;
    obs_count(METRIC_MESSAGES_RECEIVED, NULL, 1);
    obs_observe(METRIC_DELIVERY_DURATION, (double)took_ms / 1000);
    obs_log(EV_SMTP_MESSAGE, net_conn_id(s->conn), OBS_STR("from", m->sender),
            OBS_STR("to", m->recipients[0].address), OBS_INT("recipients", m->n),
            OBS_INT("size", m->content.n), OBS_INT("transfer", s->transfers),
            OBS_INT("duration_ms", took_ms),
            OBS_STR("message_id", str_slice(message_id, 0, MESSAGE_ID_TOLD)),
            OBS_STR("queue_id", queue_id ? queue_id_format(queue_id, id) : STR_EMPTY));
}

/* Hands `m` over, and answers. `left`: as in struct deliver. Yields. */
YIELDS static enum net_next hand_over(struct smtp_session *s, const struct smtp_message *m,
                                      struct deliver_left *left)
{
    struct err e = ERR_CLEAR;
    struct arena a;
    struct handed out = { .answer = ANSWER_LOCAL_ERROR };
    int64_t started_ms = clock_monotonic_ms();
    arena_init(&a);
    bool good = s->front->policy == SMTP_SUBMISSION ? submit(s, m, &a, &out, &e)
                                                    : deliver(s, m, left, &a, &out, &e);
    str reason = arena_str(&s->command, out.reason);
    arena_fini(&a);
    if (!good)
        return smtp_say_failure(s, &e);
    if (out.answer != ANSWER_OK)
        return reason.n ? smtp_say_text(s, out.answer, reason) : smtp_say(s, out.answer);
    note_accepted(s, m, out.queue_id, started_ms);
    FAILPOINT("smtp-before-250");
    return smtp_say_text(s, ANSWER_OK,
                         arena_printf(&s->command, "Accepted as %.*s", STR_FMT(m->transaction)));
}

/* Each recipient has its own reply, and so its own fate (RFC 2033 section 4.2): a mailbox that is
 * full is no reason to keep the others waiting, or to write a report, which is up to the client.
 * Whoever is led to by several of them gets it once, and filters are asked once. Yields. */
YIELDS static enum net_next hand_over_one_by_one(struct smtp_session *s,
                                                 const struct smtp_message *m)
{
    enum net_next next = NET_PARK;
    struct deliver_left left;
    struct arena a;
    arena_init(&a);
    deliver_left_init(&left, m, &a);
    for (size_t i = 0; i < m->n && next == NET_PARK; i++) {
        struct smtp_message one = *m;
        left.at = i;
        one.recipients = &m->recipients[i];
        one.n = 1;
        next = hand_over(s, &one, &left);
    }
    deliver_left_fini(&left);
    arena_fini(&a);
    return next;
}

enum net_next smtp_hand_over(struct smtp_session *s, str content)
{
    struct arena a;
    char ip[NET_ADDRESS_TEXT];
    enum net_next next;
    FAILPOINT("smtp-after-dot");
    if (!smtp_is_database_up(s))
        return smtp_say_of_message(s, ANSWER_LOCAL_ERROR);
    if (smtp_recheck_account(s) == NET_CLOSE)
        return NET_CLOSE;
    if (!smtp_screen_message(s, &next))
        return next;
    arena_init(&a);
    const struct smtp_message m = make_message(s, content, &a, ip);
    next = smtp_is_lmtp(s) ? hand_over_one_by_one(s, &m) : hand_over(s, &m, NULL);
    arena_fini(&a);
    return next;
}
