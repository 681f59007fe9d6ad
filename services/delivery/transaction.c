/* SPDX-License-Identifier: Apache-2.0 */
/* The mail transaction of RFC 5321 3.3 as a client, pipelined where offered (RFC 2920). Every
 * recipient has its own result; what is said about the message as a whole counts for those that
 * were accepted. */
#include "services/delivery/transaction.h"

#include "account/account.h"
#include "base/failpoint.h"
#include "base/utf8.h"
#include "obs/obs.h"
#include "services/delivery/convert.h"
#include "wire/smtp_data.h"
#include "wire/smtp_verp.h"

enum {
    COMMAND_MS = 300 * 1000,
    DATA_MS = 120 * 1000,
    END_MS = 600 * 1000,
    DATABASE_MS = 20 * 1000,
    LEASE_MARGIN_MS = 2000, /* of the lease must be left when the end dot goes out */
    CHUNK = 16 * 1024       /* octets of the body that are encoded at a time */
};

struct transaction {
    struct delivery_session *s;
    const struct queue_lease *lease;
    const struct queue_message *m;
    const struct delivery_source *source;
    str sender;  /* as the server hears it, of all recipients but with VERP */
    size_t size; /* octets that go out */
    bool is_8bit;
    bool needs_utf8; /* SMTPUTF8 is asked for */
    struct queue_result *results;
    bool *elsewhere; /* as in delivery_sent */
    str unanswered;  /* reply of results that nothing was heard about */
    bool *skipped;   /* for each recipient: not of this transaction; its result stays */
    bool *refused;   /* for each recipient: of no transaction, with its result */
    bool *accepted;  /* by the server, for each recipient */
    size_t n_accepted;
    bool mail_refused;
    bool is_closing; /* MAIL was answered by 421 */
};

static void set_all(struct transaction *t, const struct queue_result *result)
{
    for (size_t i = 0; i < t->m->n; i++) {
        if (!t->skipped[i])
            t->results[i] = *result;
    }
}

static void set_one(struct transaction *t, size_t i, const struct queue_result *result,
                    bool elsewhere)
{
    t->results[i] = *result;
    t->elsewhere[i] = elsewhere && result->outcome == QUEUE_DEFERRED;
}

/* For recipients without a final answer of their own. */
static void set_accepted(struct transaction *t, const struct queue_result *result, bool elsewhere)
{
    for (size_t i = 0; i < t->m->n; i++) {
        if (!t->skipped[i] && (t->accepted[i] || t->results[i].reply.p == t->unanswered.p))
            set_one(t, i, result, elsewhere);
    }
}

/* This server takes nobody now: another one may. */
static void send_elsewhere(struct transaction *t)
{
    for (size_t i = 0; i < t->m->n; i++) {
        if (!t->skipped[i])
            t->elsewhere[i] = t->results[i].outcome == QUEUE_DEFERRED;
    }
}

/* ---- before the first command ---- */

static struct queue_result refusal(const struct delivery_session *s, const char *status,
                                   const char *reply)
{
    return (struct queue_result){ .outcome = QUEUE_FAILED,
                                  .status = str_from_cstr(status),
                                  .reply = str_from_cstr(reply),
                                  .remote = s->remote,
                                  .tls = s->tls,
                                  .stage = s->stage,
                                  .secured = s->secured };
}

/* What the server cannot take is not tried. */
static bool can_take(const struct transaction *t, struct queue_result *why)
{
    const struct delivery_session *s = t->s;
    if (s->offers.has_size && s->offers.size > 0 && t->size > s->offers.size) {
        *why = refusal(s, "5.3.4", "the message is larger than the server takes");
        return false;
    }
    if (t->m->is_utf8 && !s->offers.smtputf8) {
        *why = refusal(s, "5.6.7", "the server does not take addresses beyond ASCII");
        return false;
    }
    return true;
}

/* Recipients whose address the server cannot take are left out, the others get the message (RFC
 * 6531 3.6). Gives how many are left. */
static size_t refuse_utf8(struct transaction *t)
{
    size_t left = 0;
    for (size_t i = 0; i < t->m->n; i++) {
        bool is_utf8 = !utf8_is_ascii(t->m->recipients[i].address);
        t->refused[i] = is_utf8 && !t->s->offers.smtputf8;
        t->needs_utf8 = t->needs_utf8 || (is_utf8 && !t->refused[i]);
        left += !t->refused[i];
        if (t->refused[i]) {
            t->results[i] =
                refusal(t->s, "5.6.7", "the server does not take addresses beyond ASCII");
        }
    }
    return left;
}

/* An address that could end a command line early is a fault of ours; it never leaves. */
static bool is_safe(str address)
{
    for (size_t i = 0; i < address.n; i++) {
        unsigned char c = (unsigned char)address.p[i];
        if (c < ' ' || c == 0x7f || c == '<' || c == '>')
            return false;
    }
    return true;
}

/* The same for a value of a parameter; an empty one is left out. */
static bool is_word(str value)
{
    return value.n > 0 && is_safe(value) && str_find_byte(value, ' ') < 0;
}

/* The sender of a message that names it needs a key, which is there once the first one had it.
 * Yields. */
YIELDS static bool make_sender(struct transaction *t, struct queue_result *why)
{
    struct err e = ERR_CLEAR;
    const struct queue_message *m = t->m;
    t->sender = m->envelope_from;
    if (!m->has_from_id ||
        account_from_id_sender(t->s->d->app->accounts, m->envelope_from, m->queue_id, t->s->a,
                               clock_deadline_in(DATABASE_MS), &t->sender, &e))
        return true;
    *why = delivery_deferred(t->s, "4.3.0", "make the sender of the message: %s", e.msg);
    return false;
}

/* ---- commands ---- */

/* RET= and ENVID= as the sender gave them (RFC 3461 5.2.1), to servers that know them. */
static bool add_mail_dsn(const struct delivery_session *s, const struct queue_message *m,
                         struct buf *line)
{
    if (!s->offers.dsn)
        return true;
    return (!m->has_ret || buf_addf(line, " RET=%s", m->return_full ? "FULL" : "HDRS")) &&
           (!is_word(m->envelope_id) || buf_addf(line, " ENVID=%.*s", STR_FMT(m->envelope_id)));
}

/* With VERP each transaction is for one recipient, by whom its sender is made. */
static str sender_of(const struct transaction *t)
{
    for (size_t i = 0; i < t->m->n && t->m->is_verp; i++) {
        if (!t->skipped[i])
            return smtp_verp_sender(t->m->envelope_from, t->m->recipients[i].address, t->s->a);
    }
    return t->sender;
}

YIELDS static bool write_mail(const struct transaction *t, struct err *e)
{
    const struct delivery_session *s = t->s;
    const struct queue_message *m = t->m;
    struct buf line;
    buf_init(&line, 4096);
    bool fits =
        buf_addf(&line, "MAIL FROM:<%.*s>", STR_FMT(sender_of(t))) &&
        (!s->offers.has_size || buf_addf(&line, " SIZE=%zu", t->size)) &&
        (!s->offers.eight_bit_mime || !t->is_8bit || buf_add(&line, STR(" BODY=8BITMIME"))) &&
        (!t->needs_utf8 || buf_add(&line, STR(" SMTPUTF8"))) &&
        (m->tls_rule != QUEUE_TLS_REQUIRED || buf_add(&line, STR(" REQUIRETLS"))) &&
        add_mail_dsn(s, m, &line);
    bool ok = fits ? delivery_write(t->s, buf_str(&line), e)
                   : ERR(e, ERR_LIMIT, "the sender's address is too long");
    buf_fini(&line);
    return ok;
}

/* NOTIFY= and ORCPT= likewise. Who asked for silence must not hear from servers behind this one
 * either (RFC 3461 4.1). */
static str rcpt_dsn(const struct delivery_session *s, const struct queue_recipient *rcpt)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {
        { QUEUE_NOTIFY_SUCCESS, "SUCCESS" },
        { QUEUE_NOTIFY_FAILURE, "FAILURE" },
        { QUEUE_NOTIFY_DELAY, "DELAY" },
    };
    struct buf b;
    unsigned wanted = rcpt->notify & QUEUE_NOTIFY_EVENTS;
    if (!s->offers.dsn)
        return STR_EMPTY;
    buf_init(&b, 2048);
    bool ok = wanted != 0 || buf_add(&b, STR(" NOTIFY=NEVER"));
    const char *before = " NOTIFY=";
    for (size_t i = 0; i < COUNT_OF(words) && (rcpt->notify & QUEUE_NOTIFY_GIVEN); i++) {
        if (!(wanted & words[i].bit))
            continue;
        ok = ok && buf_addf(&b, "%s%s", before, words[i].word);
        before = ",";
    }
    if (is_word(rcpt->orcpt))
        ok = ok && buf_addf(&b, " ORCPT=%.*s", STR_FMT(rcpt->orcpt));
    str text = ok ? arena_str(s->a, buf_str(&b)) : STR_EMPTY;
    buf_fini(&b);
    return text;
}

YIELDS static bool write_rcpt(const struct transaction *t, size_t i, struct err *e)
{
    const struct queue_recipient *rcpt = &t->m->recipients[i];
    str line = arena_printf(t->s->a, "RCPT TO:<%.*s>%.*s", STR_FMT(rcpt->address),
                            STR_FMT(rcpt_dsn(t->s, rcpt)));
    return delivery_write(t->s, line, e);
}

YIELDS static bool read_mail(struct transaction *t, struct err *e)
{
    t->s->stage = "mail";
    if (!delivery_read_reply(t->s, COMMAND_MS, e))
        return false;
    t->mail_refused = t->s->reply.code / 100 != 2;
    if (t->mail_refused) {
        struct queue_result result = delivery_result_of_reply(t->s);
        set_all(t, &result);
        t->is_closing = t->s->reply.code == 421;
    }
    return true;
}

YIELDS static bool read_rcpt(struct transaction *t, size_t i, struct err *e)
{
    t->s->stage = "rcpt";
    if (!delivery_read_reply(t->s, COMMAND_MS, e))
        return false;
    if (t->mail_refused)
        return true; /* this reply only repeats that */
    t->accepted[i] = t->s->reply.code / 100 == 2;
    t->n_accepted += t->accepted[i];
    if (!t->accepted[i]) {
        t->results[i] = delivery_result_of_reply(t->s);
        /* Too many recipients in one go is no fault of this one (RFC 5321 4.5.3.1.10). */
        if (t->s->reply.code == 552)
            t->results[i].outcome = QUEUE_DEFERRED;
    }
    return true;
}

/* All commands at once, then all replies. *go_ahead: DATA was answered by 354. Yields. */
YIELDS static bool envelope_pipelined(struct transaction *t, bool *go_ahead, struct err *e)
{
    bool ok = write_mail(t, e);
    for (size_t i = 0; i < t->m->n && ok; i++)
        ok = t->skipped[i] || write_rcpt(t, i, e);
    ok = ok && delivery_write(t->s, STR("DATA"), e) && read_mail(t, e);
    for (size_t i = 0; i < t->m->n && ok; i++)
        ok = t->skipped[i] || read_rcpt(t, i, e);
    if (!ok)
        return false;
    t->s->stage = "data";
    if (!delivery_read_reply(t->s, DATA_MS, e))
        return false;
    *go_ahead = t->s->reply.code == 354;
    return true;
}

YIELDS static bool envelope_in_steps(struct transaction *t, bool *go_ahead, struct err *e)
{
    *go_ahead = false;
    if (!write_mail(t, e) || !read_mail(t, e))
        return false;
    for (size_t i = 0; i < t->m->n && !t->mail_refused; i++) {
        if (!t->skipped[i] && (!write_rcpt(t, i, e) || !read_rcpt(t, i, e)))
            return false;
    }
    if (t->n_accepted == 0)
        return true;
    t->s->stage = "data";
    if (!delivery_write(t->s, STR("DATA"), e) || !delivery_read_reply(t->s, DATA_MS, e))
        return false;
    *go_ahead = t->s->reply.code == 354;
    return true;
}

/* ---- the message ---- */

YIELDS static bool send_octets(const struct transaction *t, str octets,
                               struct smtp_data_encoder *coder, struct err *e)
{
    struct buf chunk;
    bool ok = true;
    buf_init(&chunk, 3 * (CHUNK + 1) + 1024);
    while (octets.n > 0 && ok) {
        str part = str_slice(octets, 0, CHUNK);
        octets = str_skip(octets, part.n);
        buf_clear(&chunk);
        INVARIANT(smtp_data_encode(coder, part, &chunk));
        delivery_session_hear(t->s);
        ok = net_write(t->s->conn, buf_str(&chunk), e);
    }
    t->s->is_busy = false; /* what comes next may be the turn of our database */
    buf_fini(&chunk);
    return ok;
}

/* Before its end nobody is asked about a message. What is said all the same stays unread: it may be
 * a refusal (read_refusal). */
static bool is_silent(const struct delivery_session *s, const char *fault, struct err *e)
{
    return net_buffered(s->conn) == 0 || ERR(e, ERR_SYNTAX, "%s", fault);
}

/* Sends what is buffered. A server that takes nothing lets us wait here, too (crowd.h). Yields. */
YIELDS static bool flush(const struct transaction *t, struct err *e)
{
    delivery_session_hear(t->s);
    bool ok = net_flush(t->s->conn, e);
    t->s->is_busy = false;
    return ok;
}

/* Sends all but the end dot; *is_ours: it failed for want of the message, no fault of the server.
 * Yields. */
YIELDS static bool send_body(const struct transaction *t, struct smtp_data_encoder *coder,
                             bool *is_ours, struct err *e)
{
    static const char spoke[] = "the server spoke before the end of the message";
    struct arena a;
    size_t at = 0;
    /* All commands are answered: what stands behind 354 can only be about the message. */
    bool ok = is_silent(t->s, "the server said more than it was asked", e);
    *is_ours = false;
    arena_init(&a);
    while (ok) {
        str part;
        arena_reset(&a);
        ok = t->source->read(t->source->arg, at, &a, &part, e);
        *is_ours = !ok;
        if (!ok || part.n == 0)
            break;
        ok = send_octets(t, part, coder, e) && is_silent(t->s, spoke, e);
        at += part.n;
    }
    arena_fini(&a);
    return ok && flush(t, e) && is_silent(t->s, spoke, e);
}

/* Ends the message, if we may still promise to be the only one who sends it. Yields. */
YIELDS static bool send_end(const struct transaction *t, struct smtp_data_encoder *coder,
                            struct err *e)
{
    struct buf end;
    buf_init(&end, 64);
    INVARIANT(smtp_data_encode_end(coder, &end));
    FAILPOINT("P7-before-dot");
    bool ok = !t->s->is_lost && queue_lease_is_valid(t->lease, LEASE_MARGIN_MS);
    t->s->n_awaited += delivery_session_is_lmtp(t->s) ? (unsigned)t->n_accepted : 1;
    ok = ok ? net_write(t->s->conn, buf_str(&end), e) && net_flush(t->s->conn, e)
            : ERR(e, ERR_CONFLICT, "the lease ended before the message");
    buf_fini(&end);
    return ok;
}

static void log_maybe(const struct transaction *t, const struct err *e)
{
    char id[QUEUE_ID_TEXT];
    obs_log(EV_DELIVERY_MAYBE, queue_id_format(t->m->queue_id, id), OBS_STR("remote", t->s->remote),
            OBS_ERR(e));
}

/* One answer to the message. False: there is none. Yields. */
YIELDS static bool read_end(struct transaction *t, struct queue_result *out)
{
    struct err e = ERR_CLEAR;
    t->s->is_ended = true;
    bool is_answered = delivery_read_reply(t->s, END_MS, &e);
    t->s->is_ended = false;
    if (!is_answered) {
        /* RFC 1047: it may be there, and may come twice; it must not get lost. */
        log_maybe(t, &e);
        *out = delivery_deferred(t->s, "4.4.2", "no answer after the message: %s", e.msg);
        return false;
    }
    *out = delivery_result_of_reply(t->s);
    out->peer_reports = t->s->offers.dsn;
    t->s->needs_reset = t->s->needs_reset || out->outcome != QUEUE_DELIVERED;
    return true;
}

/* What LMTP answers, in the order in which the recipients were named, and no others than those whom
 * the server took (RFC 2033 section 4.2). Those before a lost connection have their answers. As
 * with the envelope, single answers may take their time, all together may not. Yields. */
YIELDS static void read_end_of_each(struct transaction *t)
{
    struct queue_result result = { .outcome = QUEUE_DEFERRED };
    bool is_answered = true;
    int64_t former_ms = delivery_limit(t->s->patience.envelope_ms);
    for (size_t i = 0; i < t->m->n; i++) {
        if (t->skipped[i] || !t->accepted[i])
            continue;
        is_answered = is_answered && read_end(t, &result);
        set_one(t, i, &result, is_answered); /* who answered has said that it does not have it */
    }
    (void)fiber_set_deadline(former_ms);
}

/* What the server says about a message whose end it did not wait for: that it does not want it. All
 * else is no answer, as it may have seen an end where there was none. Yields. */
YIELDS static bool read_refusal(struct transaction *t, struct queue_result *out)
{
    struct err e = ERR_CLEAR;
    if (!t->s->conn || net_buffered(t->s->conn) == 0 ||
        !delivery_read_reply(t->s, COMMAND_MS, &e) || t->s->reply.code / 100 < 4)
        return false;
    *out = delivery_result_of_reply(t->s);
    return true;
}

/* The message for those who were accepted. Yields. */
YIELDS static void send_message(struct transaction *t)
{
    struct err e = ERR_CLEAR;
    struct smtp_data_encoder coder;
    struct queue_result result;
    smtp_data_encoder_init(&coder);
    t->s->stage = "message";
    int64_t body_ms = t->s->patience.body_ms + (int64_t)(t->size / t->s->patience.body_rate) * 1000;
    int64_t former_ms = delivery_limit(body_ms);
    bool is_ours;
    bool is_whole = send_body(t, &coder, &is_ours, &e);
    bool sent = is_whole && send_end(t, &coder, &e);
    bool elsewhere = !is_whole && !is_ours; /* never when the end may have got there */
    (void)fiber_set_deadline(former_ms);
    if (!sent) {
        /* One of LMTP's answers to an end that got there would be for one recipient alone. */
        bool may_hear = !is_ours && !(is_whole && delivery_session_is_lmtp(t->s));
        bool is_refused = may_hear && read_refusal(t, &result);
        if (!is_refused)
            result = delivery_deferred(t->s, "4.4.2", "while sending the message: %s", e.msg);
        elsewhere = elsewhere || is_refused; /* then it has said that it does not have it */
        delivery_session_drop(t->s); /* without its end the server must forget the message */
    } else {
        FAILPOINT("P8");
        if (delivery_session_is_lmtp(t->s)) {
            read_end_of_each(t);
            return;
        }
        elsewhere = read_end(t, &result); /* it has said that it does not have it */
    }
    set_accepted(t, &result, elsewhere);
}

/* A server that said 354 although it accepted nobody waits for a message: an empty one. LMTP would
 * have no answer to it. Yields. */
YIELDS static void send_nothing(const struct transaction *t)
{
    struct err e = ERR_CLEAR;
    if (delivery_session_is_lmtp(t->s)) {
        delivery_session_drop(t->s);
        return;
    }
    if (delivery_write(t->s, STR("."), &e))
        (void)delivery_read_reply(t->s, END_MS, &e);
}

/* ---- all of it ---- */

YIELDS static bool reset(struct delivery_session *s, struct err *e)
{
    if (!s->needs_reset)
        return true;
    s->needs_reset = false;
    if (!delivery_write(s, STR("RSET"), e) || !delivery_read_reply(s, COMMAND_MS, e))
        return false;
    return s->reply.code / 100 == 2 || ERR(e, ERR_UNAVAILABLE, "RSET was refused");
}

/* A server may take its time for each answer, but not for all of them together. Yields. */
YIELDS static bool send_envelope(struct transaction *t, bool *go_ahead, struct err *e)
{
    struct delivery_session *s = t->s;
    int64_t former_ms = delivery_limit(s->patience.envelope_ms);
    bool ok = reset(s, e);
    s->needs_reset = true;
    ok = ok && (s->offers.pipelining ? envelope_pipelined(t, go_ahead, e)
                                     : envelope_in_steps(t, go_ahead, e));
    (void)fiber_set_deadline(former_ms);
    return ok;
}

YIELDS static void run(struct transaction *t, bool *answered)
{
    struct delivery_session *s = t->s;
    struct err e = ERR_CLEAR;
    bool go_ahead = false;
    s->stage = "mail";
    s->n_messages++;
    bool is_borrowed = s->n_former > 0 && s->n_messages == s->n_former + 1;
    bool ok = send_envelope(t, &go_ahead, &e);
    *answered = (ok || t->mail_refused || t->n_accepted > 0) && !t->is_closing;
    if (is_borrowed && t->n_accepted == 0) {
        *answered = false; /* it may be about what others did before: a new connection says it */
        delivery_session_drop(s);
        return;
    }
    if (!ok) {
        struct queue_result lost =
            delivery_deferred(s, "4.4.2", "the connection was lost: %s", e.msg);
        t->mail_refused ? send_elsewhere(t) : set_accepted(t, &lost, true);
        delivery_session_drop(s);
        return;
    }
    if (t->n_accepted == 0)
        send_elsewhere(t);
    if (t->n_accepted > 0 && go_ahead) {
        s->needs_reset = false;
        send_message(t);
    } else if (t->n_accepted > 0) {
        struct queue_result result = delivery_result_of_reply(s); /* to DATA */
        if (result.outcome == QUEUE_DELIVERED)
            result.outcome = QUEUE_DEFERRED; /* 2yz to DATA is no answer */
        set_accepted(t, &result, true);
    } else if (go_ahead) {
        send_nothing(t);
    }
    if (s->conn && (t->is_closing || s->reply.code == 421))
        delivery_session_drop(s);
}

/* The recipients of the next transaction, `most` of them, from *next on, which is moved behind
 * them: all others are skipped. False when there are none. */
static bool choose_recipients(const struct transaction *t, size_t *next, size_t most)
{
    size_t chosen = 0;
    size_t from = *next;
    for (size_t i = 0; i < t->m->n; i++) {
        bool is_chosen = i >= from && !t->refused[i] && chosen < most;
        t->skipped[i] = !is_chosen;
        chosen += is_chosen;
        if (is_chosen)
            *next = i + 1;
    }
    return chosen > 0;
}

/* Those whom the connection that ended has left behind. */
static void leave_rest(struct transaction *t, size_t next)
{
    for (size_t i = next; i < t->m->n; i++)
        t->elsewhere[i] = !t->refused[i];
}

/* In as many transactions as the server wants for so many recipients (RFC 9422), or as they have
 * senders. Those that are left when it takes no more on this connection wait for their next try.
 * Yields. */
YIELDS static void run_all(struct transaction *t, bool *answered)
{
    struct delivery_session *s = t->s;
    size_t most = t->m->is_verp ? 1 : s->offers.rcpt_max > 0 ? s->offers.rcpt_max : t->m->n;
    size_t next = 0;
    bool may_go_on = true;
    *answered = false;
    while (may_go_on && choose_recipients(t, &next, most)) {
        bool heard = false;
        t->n_accepted = 0;
        t->mail_refused = false;
        run(t, &heard);
        *answered = *answered || heard;
        may_go_on = s->conn && !t->is_closing &&
                    (s->offers.mail_max == 0 || s->n_messages < s->offers.mail_max);
    }
    if (!s->conn)
        leave_rest(t, next);
}

/* ---- 8-bit text for a server without 8BITMIME ---- */

YIELDS static bool read_text(void *arg, size_t from, struct arena *a, str *out, struct err *e)
{
    (void)a;
    (void)e;
    *out = str_skip(*(const str *)arg, from);
    return true;
}

/* Sends the message in seven bits. What cannot be re-encoded without breaking it goes back (RFC
 * 6152 3, RFC 3463 3.7: X.6.3). Yields. */
YIELDS static void run_converted(struct transaction *t, bool *answered)
{
    struct arena a;
    struct err e = ERR_CLEAR;
    str text;
    struct queue_result failure;
    struct delivery_source converted = { .read = read_text };
    arena_init(&a);
    *answered = true;
    if (!delivery_convert(t->s->d, t->source, t->m->size, &a, &text, &e)) {
        failure =
            e.kind == ERR_UNSUPPORTED
                ? refusal(t->s, "5.6.3",
                          "the message has 8-bit text, which the server does not take")
                : delivery_deferred(t->s, "4.3.0", "8-bit text for a server of 7 bits: %s", e.msg);
        set_all(t, &failure);
    } else {
        converted.arg = &text;
        t->source = &converted;
        t->size = text.n;
        t->is_8bit = false;
        if (can_take(t, &failure)) {
            run_all(t, answered);
        } else {
            set_all(t, &failure);
        }
    }
    t->source = NULL; /* it ends here */
    arena_fini(&a);
}

/* Whether all addresses can be written into commands. */
static bool are_safe(const struct queue_message *m)
{
    bool safe = is_safe(m->envelope_from);
    for (size_t i = 0; i < m->n; i++)
        safe = safe && is_safe(m->recipients[i].address);
    return safe;
}

void delivery_send(struct delivery_session *s, const struct queue_lease *lease,
                   const struct queue_message *m, const struct delivery_source *source,
                   struct delivery_sent *out)
{
    struct transaction t = { .s = s,
                             .lease = lease,
                             .m = m,
                             .source = source,
                             .size = m->size,
                             .is_8bit = m->is_8bit,
                             .needs_utf8 = m->is_utf8,
                             .results = out->results,
                             .elsewhere = out->elsewhere };
    s->stage = "mail";
    s->said_421 = false;
    struct queue_result start = delivery_deferred(s, "4.4.2", "the connection was lost");
    t.skipped = ARENA_ARRAY(s->a, bool, m->n);
    t.refused = ARENA_ARRAY(s->a, bool, m->n);
    t.accepted = ARENA_ARRAY(s->a, bool, m->n);
    t.unanswered = start.reply;
    set_all(&t, &start);
    memset(out->elsewhere, 0, m->n * sizeof(*out->elsewhere));
    out->answered = true;
    if (!are_safe(m)) {
        start = refusal(s, "5.1.3", "an address holds characters that SMTP cannot carry");
        set_all(&t, &start);
    } else if (!can_take(&t, &start) || !make_sender(&t, &start)) {
        set_all(&t, &start);
    } else if (refuse_utf8(&t) > 0) {
        m->is_8bit && !s->offers.eight_bit_mime ? run_converted(&t, &out->answered)
                                                : run_all(&t, &out->answered);
    }
    out->is_working = out->answered && !s->said_421;
}
