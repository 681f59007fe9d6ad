/* SPDX-License-Identifier: Apache-2.0 */
/* Handing over submissions that waited for their time. */
#include "submit/release.h"

#include "account/account.h"
#include "account/sending.h"
#include "obs/obs.h"
#include "queue/waiting.h"
#include "submit/recipient.h"
#include "wire/smtp_path.h"

/* One message on its way out. */
struct releasing {
    const struct submit *s;
    struct arena *a;
    int64_t deadline_ms;
    struct queue_waiting waiting;
    str body;
    struct smtp_recipient *good;
    str *good_addresses;
    size_t n_good;
    struct queue_waiting_failure *bad;
    size_t n_bad;
};

static void refuse(struct releasing *w, str address, const char *status, const char *reply)
{
    w->bad[w->n_bad++] =
        (struct queue_waiting_failure){ address, str_from_cstr(status), str_from_cstr(reply) };
}

static void refuse_all(struct releasing *w, const char *status, const char *reply)
{
    w->n_bad = 0;
    w->n_good = 0;
    for (size_t i = 0; i < w->waiting.n; i++)
        refuse(w, w->waiting.recipients[i].address, status, reply);
}

/* ---- the sender ---- */

/* As at MAIL: one of the account's addresses. Nobody owns what is no address. */
YIELDS static bool may_use_sender(const struct releasing *w, bool *out, struct err *e)
{
    struct smtp_path path;
    *out = w->waiting.envelope_from.n == 0;
    if (*out || smtp_mailbox_parse(w->waiting.envelope_from, w->a, &path) != SMTP_GOOD)
        return true;
    return account_may_send_as(w->s->accounts, w->waiting.account_id, path.local, path.domain, w->a,
                               w->deadline_ms, out, e);
}

YIELDS static bool is_stopped(const struct releasing *w, bool *out, struct err *e)
{
    struct account_sending_answer answer;
    const struct account_sending_ask ask = { .account_id = w->waiting.account_id,
                                             .rules = w->s->rules };
    if (!account_sending_take(w->s->accounts, &ask, w->a, w->deadline_ms, &answer, e))
        return false;
    *out = answer.said != ACCOUNT_SENDING_ALLOWED;
    return true;
}

/* Who was disabled or removed meanwhile sends nothing, nor from an address that is somebody else's
 * by now. *goes false without failures: an account that is stopped may be let go again, and this
 * mail with it. Asked before anything large is read, as it is asked again and again. */
YIELDS static bool check_sender(struct releasing *w, bool *goes, struct err *e)
{
    struct account account;
    struct err why = ERR_CLEAR;
    bool stopped = false;
    bool may = false;
    *goes = false;
    bool is_there =
        account_get(w->s->accounts, w->waiting.account_id, w->a, w->deadline_ms, &account, &why);
    if (!is_there && why.kind != ERR_NOT_FOUND) {
        *e = why;
        return false;
    }
    if (!is_there || account.is_disabled) {
        refuse_all(w, "5.7.1", "The account that sent it is closed");
        return true;
    }
    if (!is_stopped(w, &stopped, e))
        return false;
    if (stopped)
        return true;
    if (!may_use_sender(w, &may, e))
        return false;
    if (!may)
        refuse_all(w, "5.7.1", "Its envelope sender is not one of your addresses any more");
    *goes = may;
    return true;
}

/* ---- recipients ---- */

static const struct {
    const char *status;
    const char *reply;
} refusals[] = {
    [SUBMIT_TO_GOOD] = { "", "" },
    [SUBMIT_TO_NO_ADDRESS] = { "5.1.3", "This is no recipient address" },
    [SUBMIT_TO_UNKNOWN] = { "5.1.1", "No such user here" },
    [SUBMIT_TO_GROUP] = { "5.7.2", "You may not send to this group" },
    [SUBMIT_TO_SUPPRESSED] = { "5.1.1", "You are not to write to this address" },
};

/* Whether the mailbox of ours that the recipient is, or leads to alone, has room: one that is full
 * must not keep the mail from all others. Of several that it leads to those are left out then. */
YIELDS static bool has_room(const struct releasing *w, const struct smtp_recipient *to, bool *out,
                            struct err *e)
{
    int64_t account_id = to->n_targets == 1 ? to->targets[0].account_id : to->account_id;
    *out = true;
    return account_id == 0 || submit_has_room(w->s, account_id, w->body.n, w->deadline_ms, out, e);
}

static void refuse_full(struct releasing *w, str address)
{
    refuse(w, address, "5.2.2", "The mailbox is full");
}

YIELDS static bool find_one(struct releasing *w, const struct queue_recipient *r, struct err *e)
{
    const struct submit_asking asking = { w->waiting.account_id, w->waiting.envelope_from,
                                          r->address };
    struct smtp_recipient *to = &w->good[w->n_good];
    enum submit_addressee verdict;
    bool fits;
    if (!submit_find_recipient(w->s, &asking, w->a, w->deadline_ms, to, &verdict, e))
        return false;
    if (verdict != SUBMIT_TO_GOOD) {
        refuse(w, r->address, refusals[verdict].status, refusals[verdict].reply);
        return true;
    }
    if (!has_room(w, to, &fits, e))
        return false;
    if (!fits) {
        refuse_full(w, r->address);
        return true;
    }
    to->has_notify = (r->notify & QUEUE_NOTIFY_GIVEN) != 0;
    to->notify = r->notify & QUEUE_NOTIFY_EVENTS;
    to->orcpt = r->orcpt;
    w->good_addresses[w->n_good++] = r->address;
    return true;
}

YIELDS static bool find_recipients(struct releasing *w, struct err *e)
{
    for (size_t i = 0; i < w->waiting.n; i++) {
        if (!find_one(w, &w->waiting.recipients[i], e))
            return false;
    }
    return true;
}

static bool is_local(const struct smtp_recipient *to)
{
    bool found = to->account_id != 0;
    for (size_t i = 0; i < to->n_targets; i++)
        found = found || to->targets[i].account_id != 0;
    return found;
}

/* A mailbox is full that had room a moment ago; which one, nobody says. */
static void refuse_local(struct releasing *w)
{
    size_t n = w->n_good;
    w->n_good = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_local(&w->good[i])) {
            refuse_full(w, w->good_addresses[i]);
        } else {
            w->good[w->n_good] = w->good[i];
            w->good_addresses[w->n_good++] = w->good_addresses[i];
        }
    }
}

/* ---- handing over ---- */

static void note_end(struct db_tx *tx, void *arg, int64_t queue_id)
{
    const struct releasing *w = arg;
    (void)queue_id;
    queue_waiting_end_send(tx, w->waiting.queue_id, w->good_addresses, w->n_good);
}

/* What no later attempt would change. An account that is stopped may be let go again, and this mail
 * with it. */
static const char *refusal_of(enum submit_verdict verdict)
{
    static const char *const texts[] = {
        [SUBMIT_FROM_MISSING] = "The message has no author",
        [SUBMIT_FROM_NOT_OWN] =
            "From, Sender, Resent-From or Resent-Sender is not one of your addresses any more",
        [SUBMIT_BARE_LINE_END] = "The message has a bare CR, a bare LF or a NUL",
        [SUBMIT_HEADER_TORN] = "The header does not begin with a field",
        [SUBMIT_NOT_TEXT] = "The binary parts cannot be re-encoded",
        [SUBMIT_LOOP] = "The message goes in circles",
        [SUBMIT_HEADER_TOO_LARGE] = "The header is too large",
        [SUBMIT_HELD_ENOUGH] = NULL,
    };
    return texts[verdict];
}

YIELDS static bool submit_good(struct releasing *w, size_t max_hops, enum submit_verdict *out,
                               struct err *e)
{
    const struct queue_waiting *from = &w->waiting;
    const struct queue_also also = { note_end, w };
    struct submit_result result;
    char id[QUEUE_ID_TEXT];
    const struct smtp_message m = {
        .trace = { .hostname = str_from_cstr(w->s->hostname),
                   .session = from->session,
                   .is_utf8 = from->is_utf8 },
        .account_id = from->account_id,
        .sender = from->envelope_from,
        .is_utf8 = from->is_utf8,
        .requiretls = from->tls_rule == QUEUE_TLS_REQUIRED,
        .is_verp = from->is_verp,
        .may_save = true,
        .has_ret = from->has_ret,
        .ret_full = from->return_full,
        .envid = from->envelope_id,
        .hold_request = from->hold_request,
        .was_held = true,
        .content = w->body,
        .transaction =
            arena_printf(w->a, "held/%.*s", STR_FMT(queue_id_format(from->queue_id, id))),
        .recipients = w->good,
        .n = w->n_good,
        .max_hops = max_hops,
    };
    if (!submit_message_also(w->s, &m, &also, w->a, w->deadline_ms, &result, e))
        return false;
    *out = result.verdict;
    return true;
}

YIELDS static bool hand_over(struct releasing *w, size_t max_hops, struct err *e)
{
    enum submit_verdict verdict;
    if (!submit_good(w, max_hops, &verdict, e))
        return false;
    if (verdict == SUBMIT_OVER_QUOTA) {
        refuse_local(w);
        if (w->n_good == 0)
            return true;
        if (!submit_good(w, max_hops, &verdict, e))
            return false;
    }
    const char *refusal = refusal_of(verdict);
    if (refusal)
        refuse_all(w, "5.7.1", refusal);
    return true;
}

YIELDS static bool release_one(struct releasing *w, size_t max_hops, struct err *e)
{
    size_t n = w->waiting.n;
    bool goes;
    w->good = ARENA_ARRAY(w->a, struct smtp_recipient, n);
    w->good_addresses = ARENA_ARRAY(w->a, str, n);
    w->bad = ARENA_ARRAY(w->a, struct queue_waiting_failure, 2 * n);
    if (!check_sender(w, &goes, e))
        return false;
    if (goes &&
        (!queue_load_body(w->s->queue, w->waiting.queue_id, w->a, w->deadline_ms, &w->body, e) ||
         !find_recipients(w, e) || (w->n_good > 0 && !hand_over(w, max_hops, e))))
        return false;
    return w->n_bad == 0 || queue_waiting_fail(w->s->queue, w->waiting.queue_id, w->bad, w->n_bad,
                                               w->deadline_ms, e);
}

/* ERR_CONFLICT, ERR_NOT_FOUND: an administrator was faster. What else goes wrong with one message
 * does not keep the others. */
static void log_failure(const struct queue_waiting *waiting, const struct err *e)
{
    char id[QUEUE_ID_TEXT];
    if (e->kind != ERR_CONFLICT && e->kind != ERR_NOT_FOUND && e->kind != ERR_CANCELLED)
        obs_log(EV_SUBMIT_NOT_RELEASED, queue_id_format(waiting->queue_id, id), OBS_ERR(e));
}

bool submit_release_due(const struct submit *s, size_t max_hops, unsigned max, int64_t deadline_ms,
                        size_t *n, struct err *e)
{
    struct arena a;
    bool ok = true;
    bool found = true;
    arena_init(&a);
    for (*n = 0; ok && found && *n < max; *n += found) {
        struct err why = ERR_CLEAR;
        struct releasing w = { .s = s, .a = &a, .deadline_ms = deadline_ms };
        arena_reset(&a);
        ok = queue_waiting_claim(s->queue, &a, deadline_ms, &found, &w.waiting, e);
        if (ok && found && !release_one(&w, max_hops, &why))
            log_failure(&w.waiting, &why);
    }
    arena_fini(&a);
    return ok;
}
