/* SPDX-License-Identifier: Apache-2.0 */
/* Handing over submissions that waited for their time. */
#include "submit/release.h"

#include "account/account.h"
#include "obs/obs.h"
#include "queue/waiting.h"
#include "submit/recipient.h"

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

YIELDS static bool find_one(struct releasing *w, const struct queue_recipient *r, struct err *e)
{
    const struct submit_asking asking = { w->waiting.account_id, w->waiting.envelope_from,
                                          r->address };
    struct smtp_recipient *to = &w->good[w->n_good];
    enum submit_addressee verdict;
    bool fits = true;
    if (!submit_find_recipient(w->s, &asking, w->a, w->deadline_ms, to, &verdict, e))
        return false;
    if (verdict != SUBMIT_TO_GOOD) {
        refuse(w, r->address, refusals[verdict].status, refusals[verdict].reply);
        return true;
    }
    if (to->account_id != 0 &&
        !submit_has_room(w->s, to->account_id, w->body.n, w->deadline_ms, &fits, e))
        return false;
    if (!fits) {
        refuse(w, r->address, "5.2.2", "The mailbox is full");
        return true;
    }
    to->has_notify = (r->notify & QUEUE_NOTIFY_GIVEN) != 0;
    to->notify = r->notify & QUEUE_NOTIFY_EVENTS;
    to->orcpt = r->orcpt;
    w->good_addresses[w->n_good++] = r->address;
    return true;
}

/* Who was disabled or removed meanwhile sends nothing. */
YIELDS static bool find_recipients(struct releasing *w, struct err *e)
{
    struct account account;
    struct err why = ERR_CLEAR;
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
    for (size_t i = 0; i < w->waiting.n; i++) {
        if (!find_one(w, &w->waiting.recipients[i], e))
            return false;
    }
    return true;
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
        [SUBMIT_FROM_NOT_OWN] = "From or Sender is not one of your addresses any more",
        [SUBMIT_BARE_LINE_END] = "The message has a bare CR, a bare LF or a NUL",
        [SUBMIT_NOT_TEXT] = "The binary parts cannot be re-encoded",
        [SUBMIT_LOOP] = "The message goes in circles",
        [SUBMIT_HEADER_TOO_LARGE] = "The header is too large",
        [SUBMIT_HELD_ENOUGH] = NULL,
    };
    return texts[verdict];
}

YIELDS static bool hand_over(struct releasing *w, size_t max_hops, struct err *e)
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
    const char *refusal = refusal_of(result.verdict);
    if (refusal)
        refuse_all(w, "5.7.1", refusal);
    return true;
}

YIELDS static bool release_one(struct releasing *w, size_t max_hops, struct err *e)
{
    size_t n = w->waiting.n;
    w->good = ARENA_ARRAY(w->a, struct smtp_recipient, n);
    w->good_addresses = ARENA_ARRAY(w->a, str, n);
    w->bad = ARENA_ARRAY(w->a, struct queue_waiting_failure, 2 * n);
    return queue_load_body(w->s->queue, w->waiting.queue_id, w->a, w->deadline_ms, &w->body, e) &&
           find_recipients(w, e) && (w->n_good == 0 || hand_over(w, max_hops, e)) &&
           (w->n_bad == 0 || queue_waiting_fail(w->s->queue, w->waiting.queue_id, w->bad, w->n_bad,
                                                w->deadline_ms, e));
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
