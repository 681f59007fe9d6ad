/* SPDX-License-Identifier: Apache-2.0 */
/* The inbound path: checks, trace fields, one copy for each account, one transaction. Reports about
 * full mailboxes are in report.c. */
#include "deliver/deliver.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "deliver/filter.h"
#include "deliver/forward.h"
#include "deliver/heard.h"
#include "deliver/proof.h"
#include "deliver/receive_report.h"
#include "deliver/report.h"
#include "mime/header.h"
#include "obs/obs.h"
#include "queue/convert.h"
#include "runtime/runtime.h"
#include "store/store.h"

enum {
    HASH_A_TURN = 1024 * 1024, /* octets, then others get their turn */
    LONG_HEADER = 256 * 1024   /* octets */
};

/* Each look at all fields of a long header takes a while: others get their turn between two of them
 * (PROMISES R35). */
static YIELDS void give_way(const struct deliver_attempt *attempt)
{
    if (attempt->header_n > LONG_HEADER)
        fiber_yield();
}

/* ---- the message as it is stored ---- */

/* Trace fields on top (RFC 5321 4.4), what others forged taken out. The fields for one recipient
 * only, `own`, stand on top when there is just one copy; else each copy has its own before it. The
 * Received field tells of a recipient where there is just one: one of several may be blind. */
static str make_message(const struct deliver_attempt *attempt, str own, str proven, int64_t now_us)
{
    const struct smtp_message *m = attempt->m;
    struct buf top;
    struct smtp_trace trace = m->trace;
    str hostname = str_from_cstr(attempt->d->hostname);
    str clean = attempt->is_clean ? m->content
                                  : smtp_trace_strip(m->content, hostname, NULL, 0, attempt->a);
    trace.at_utc = now_us / 1000000;
    trace.recipient = m->n == 1 ? m->recipients[0].address : STR_EMPTY;
    buf_init(&top, DELIVER_MAX_TRACE + DELIVER_MAX_PROVEN);
    /* Everything in it is bounded, most by the limits of SMTP commands: it always fits. */
    INVARIANT(buf_add(&top, own) && buf_add(&top, proven) && smtp_trace_received(&trace, &top));
    char *bytes = arena_alloc(attempt->a, top.n + clean.n);
    memcpy(bytes, top.p, top.n);
    if (clean.n > 0)
        memcpy(bytes + top.n, clean.p, clean.n);
    str message = str_of(bytes, top.n + clean.n);
    buf_fini(&top);
    return message;
}

/* Return-Path and Delivered-To of one copy. */
static str own_fields(const struct smtp_message *m, str address, struct arena *a)
{
    struct buf out;
    buf_init(&out, STORE_MAX_PREFIX);
    INVARIANT(smtp_trace_delivery(m->sender, address, &out));
    str fields = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return fields;
}

/* ---- recipients ---- */

static bool is_listed(const struct store_recipient *list, size_t n, int64_t account_id)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].account_id == account_id)
            return true;
    }
    return false;
}

static bool has_message_id(str content)
{
    struct mime_field_iter it;
    struct mime_field field;
    mime_field_iter_init(&it, content);
    while (mime_field_iter_next(&it, &field)) {
        if (str_ieq(str_trim(field.name), STR("Message-ID")))
            return true;
    }
    return false;
}

/* The hash by which the same message is known again when it comes in another transaction, as after
 * a reply that was lost (R2). Empty when that is not wanted, or when nothing says that two of the
 * same text are one message. Yields. */
static str hash_content(const struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    if (attempt->d->retry_window_ms == 0 || !has_message_id(m->content))
        return STR_EMPTY;
    uint8_t *hash = arena_alloc(attempt->a, CRYPTO_HASH_MAX);
    struct crypto_hash *h = crypto_hash_new(CRYPTO_SHA256);
    for (str rest = m->content; rest.n > 0; rest = str_skip(rest, HASH_A_TURN)) {
        crypto_hash_add(h, str_slice(rest, 0, HASH_A_TURN));
        if (rest.n > HASH_A_TURN)
            fiber_yield();
    }
    crypto_hash_finish(h, hash);
    crypto_hash_free(&h);
    return str_of((const char *)hash, CRYPTO_SHA256_SIZE);
}

/* What the copy is called: by its transaction, or by what it is, who sent it and to which address,
 * which may lead to several accounts.
 */
static void name_copy(const struct deliver_attempt *attempt, const struct smtp_recipient *r,
                      int64_t account_id, uint8_t out[STORE_DELIVERY_ID])
{
    const struct smtp_message *m = attempt->m;
    struct arena *a = attempt->a;
    str account = arena_printf(a, "%lld", (long long)account_id);
    if (attempt->content_hash.n == 0) {
        /* Where each recipient has a delivery of its own (LMTP), what leaves for one that leads to
         * others must not be taken for done because an account had its copy by another name. */
        if (r->targets)
            account = arena_printf(a, "%.*s of %.*s", STR_FMT(account), STR_FMT(r->address));
        store_delivery_id(m->transaction, account, out);
        return;
    }
    str address = arena_lower(a, r->address);
    str name = arena_printf(a, "%.*s to %.*s%s%.*s", STR_FMT(attempt->came_from), STR_FMT(address),
                            r->targets ? " at " : "", r->targets ? (int)account.n : 0, account.p);
    store_delivery_id(attempt->content_hash, name, out);
}

/* The copy of an account goes to the list, unless it has one. */
static void add_copy(struct deliver_attempt *attempt, const struct smtp_recipient *r,
                     int64_t account_id, struct store_recipient *looping, bool loops)
{
    if (is_listed(attempt->copies, attempt->n, account_id) ||
        is_listed(looping, attempt->n_looping, account_id))
        return;
    if (deliver_has_copy(attempt, account_id)) {
        attempt->n_left++;
        return;
    }
    struct store_recipient *copy =
        loops ? &looping[attempt->n_looping++] : &attempt->copies[attempt->n++];
    *copy = (struct store_recipient){ .account_id = account_id,
                                      .mailbox_id = STORE_INBOX,
                                      .prefix = own_fields(attempt->m, r->address, attempt->a) };
    name_copy(attempt, r, account_id, copy->delivery_id);
}

static bool is_address_in(const str *list, size_t n, str address)
{
    for (size_t i = 0; i < n; i++) {
        if (str_ieq(list[i], address))
            return true;
    }
    return false;
}

static size_t count_ends(const struct smtp_message *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += 1 + m->recipients[i].n_targets;
    return n;
}

/* One copy for each account, whatever the number of its addresses and of the ways to it (FEATURES
 * 8). Its name is the same whoever computes it, so that a second attempt of the transaction is
 * recognised. Accounts that had the message before come last: `former` are the addresses it was
 * delivered to. */
static void list_copies(struct deliver_attempt *attempt, const str *former, size_t n_former)
{
    const struct smtp_message *m = attempt->m;
    size_t most = count_ends(m);
    struct store_recipient *looping = ARENA_ARRAY(attempt->a, struct store_recipient, most);
    attempt->copies = ARENA_ARRAY(attempt->a, struct store_recipient, most);
    attempt->forwards = ARENA_ARRAY(attempt->a, struct deliver_forward, m->n + 1);
    for (size_t i = 0; i < m->n; i++) {
        const struct smtp_recipient *r = &m->recipients[i];
        bool loops = is_address_in(former, n_former, r->address);
        if (r->account_id)
            add_copy(attempt, r, r->account_id, looping, loops);
        for (size_t k = 0; k < r->n_targets; k++) {
            if (r->targets[k].account_id)
                add_copy(attempt, r, r->targets[k].account_id, looping, loops);
        }
        if (!loops)
            deliver_list_forwards(attempt, r);
    }
    deliver_list_relayed(attempt);
    if (attempt->n_looping > 0) {
        memcpy(attempt->copies + attempt->n, looping,
               attempt->n_looping * sizeof(struct store_recipient));
    }
}

void deliver_list_again(struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    str *former = ARENA_ARRAY(attempt->a, str, m->max_hops);
    size_t n_former = smtp_trace_delivered(m->content, former, m->max_hops);
    attempt->n = attempt->n_looping = attempt->n_forwards = attempt->n_left = 0;
    list_copies(attempt, former, n_former);
}

/* ---- outcome ---- */

/* Counts the copies that were not stored, and tells of them. */
static size_t count_failed(const struct deliver_attempt *attempt, struct deliver_result *out)
{
    size_t failed = 0;
    for (size_t i = 0; i < attempt->n; i++) {
        const struct store_recipient *copy = &attempt->copies[i];
        if (deliver_is_stored(copy))
            continue;
        failed++;
        if (copy->status != STORE_OVER_QUOTA)
            continue;
        out->full_account_id = copy->account_id;
        obs_count(METRIC_QUOTA_EXCEEDED, NULL, 1);
        obs_log(EV_DELIVER_OVER_QUOTA, attempt->m->trace.session,
                OBS_INT("account", copy->account_id));
    }
    return failed;
}

/* A mailbox that is full must not be forgotten: when its report fails, the sender is asked to come
 * again, and others may have a second copy, which is the lesser evil (RFC 5321 section 6.1). */
static bool conclude(struct deliver_attempt *attempt, int64_t deadline_ms,
                     struct deliver_result *out, struct err *e)
{
    size_t failed = count_failed(attempt, out);
    bool is_taken = failed < attempt->n || attempt->n_forwards + attempt->n_left > 0;
    deliver_announce_forwards(attempt);
    out->queue_id = attempt->n_forwards > 0 ? attempt->forwards[0].queue_id : 0;
    if (attempt->success) {
        queue_announce(attempt->d->queue, attempt->success_id);
    } else if (is_taken && (failed > 0 || attempt->n == 0)) {
        deliver_report_stored(attempt, deadline_ms);
    }
    deliver_remember_copies(attempt);
    if (failed == 0 && attempt->n_looping == 0)
        return true;
    if (is_taken)
        return deliver_report_failed(attempt, deadline_ms, e);
    out->verdict = DELIVER_OVER_QUOTA;
    if (out->full_account_id != 0)
        return true;
    return ERR(e, ERR_CONFLICT, "the account of the only recipient is gone");
}

/* Whether it may be stored at all. Fills in who gets a copy. Yields. */
static enum deliver_verdict judge(struct deliver_attempt *attempt)
{
    const struct smtp_message *m = attempt->m;
    attempt->header_n = mime_header_end(m->content);
    if (attempt->header_n > DELIVER_MAX_HEADER)
        return DELIVER_HEADER_TOO_LARGE;
    give_way(attempt);
    str *former = ARENA_ARRAY(attempt->a, str, m->max_hops);
    size_t n_former = smtp_trace_delivered(m->content, former, m->max_hops);
    give_way(attempt);
    if (smtp_trace_hops(m->content) > m->max_hops || n_former > m->max_hops)
        return DELIVER_LOOP;
    give_way(attempt);
    attempt->content_hash = hash_content(attempt);
    list_copies(attempt, former, n_former);
    return deliver_has_end(attempt) ? DELIVER_DONE : DELIVER_LOOP;
}

/* What goes into the queue in the transaction of the copies. A store_extra_fn with the attempt. */
static bool send_along(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    const struct deliver_attempt *attempt = arg;
    if (!deliver_send_forwards(tx, arg, statements, e))
        return false;
    if (!attempt->success)
        return true;
    *statements += QUEUE_ENQUEUE_STATEMENTS;
    return queue_enqueue_send(attempt->d->queue, tx, attempt->success_id, attempt->success, e);
}

/* Where success is to be told of, all or nothing at first, so that it is true when it is committed;
 * with a mailbox that is full or gone the others have their copies without that. Yields. */
static YIELDS bool store_copies(struct deliver_attempt *attempt, struct store_delivery *delivery,
                                int64_t deadline_ms, struct err *e)
{
    struct store *s = attempt->d->store;
    struct err why = ERR_CLEAR;
    if (!deliver_plan_success(attempt, deadline_ms, e))
        return false;
    delivery->extra = attempt->n_forwards > 0 || attempt->success ? send_along : NULL;
    delivery->extra_arg = attempt;
    delivery->all_or_nothing = attempt->success != NULL;
    bool ok = store_deliver(s, delivery, deadline_ms, &why);
    if (!ok && attempt->success && (why.kind == ERR_LIMIT || why.kind == ERR_NOT_FOUND)) {
        attempt->success = NULL;
        delivery->all_or_nothing = false;
        why = ERR_CLEAR;
        ok = store_deliver(s, delivery, deadline_ms, &why);
    }
    attempt->is_stored = ok;
    if (!ok)
        *e = why;
    return ok;
}

/* The copies and what leaves, in one transaction. Yields. */
static YIELDS bool store(struct deliver_attempt *attempt, str proven, int64_t now_us,
                         int64_t deadline_ms, struct err *e)
{
    const struct deliver *d = attempt->d;
    struct store_message message;
    str own = STR_EMPTY;
    if (attempt->n == 1) {
        own = attempt->copies[0].prefix;
        attempt->copies[0].prefix = STR_EMPTY;
    }
    give_way(attempt);
    str raw = make_message(attempt, own, proven, now_us);
    give_way(attempt);
    struct store_delivery delivery = {
        .message = &message,
        .recipients = attempt->copies,
        .n = attempt->n,
        .received_us = now_us,
    };
    if (attempt->content_hash.n > 0 &&
        !store_find_retries(d->store, &delivery, d->retry_window_ms, attempt->a, deadline_ms, e))
        return err_wrap(e, "look for former deliveries");
    if (!store_prepare_message(d->store, attempt->a, raw, deadline_ms, &message, e) ||
        !store_copies(attempt, &delivery, deadline_ms, e))
        return err_wrap(e, "deliver to %zu mailboxes", attempt->n);
    return true;
}

/* Binary parts (RFC 3030) were proven as they came, and are kept in base64, which every reader of a
 * mailbox can be given. Yields. */
static bool make_text(struct deliver_attempt *attempt, int64_t deadline_ms,
                      struct deliver_result *out, struct err *e)
{
    struct err why = ERR_CLEAR;
    struct smtp_message *m = ARENA_NEW(attempt->a, struct smtp_message);
    if (!attempt->m->is_binary || out->verdict != DELIVER_DONE)
        return true;
    *m = *attempt->m;
    if (queue_convert_binary(m->content, attempt->a, deadline_ms, &m->content, &why)) {
        attempt->m = m;
        return true;
    }
    if (why.kind != ERR_UNSUPPORTED && why.kind != ERR_SYNTAX) {
        *e = why;
        return false;
    }
    out->verdict = DELIVER_NOT_TEXT;
    return true;
}

/* A message whose first line continues nothing has no header: it is text from there on, as for
 * others (RFC 5322 section 2.2.3), or our own fields would take it up. */
static const struct smtp_message *part_from_header(const struct smtp_message *m, struct arena *a)
{
    if (!mime_header_begins_torn(m->content))
        return m;
    struct smtp_message *parted = ARENA_NEW(a, struct smtp_message);
    char *bytes = arena_alloc(a, m->content.n + 2);
    bytes[0] = '\r';
    bytes[1] = '\n';
    memcpy(bytes + 2, m->content.p, m->content.n);
    *parted = *m;
    parted->content = str_of(bytes, m->content.n + 2);
    return parted;
}

bool deliver_message(const struct deliver *d, const struct smtp_message *m, struct arena *a,
                     int64_t deadline_ms, struct deliver_result *out, struct err *e)
{
    int64_t now_us = clock_utc_us();
    int64_t time_ms = deadline_ms - clock_monotonic_ms();
    struct deliver_attempt attempt = {
        .d = d, .m = part_from_header(m, a), .a = a, .came_from = m->sender
    };
    str proven = STR_EMPTY;
    *out = (struct deliver_result){ .verdict = judge(&attempt) };
    if (out->verdict == DELIVER_DONE && !deliver_prove(&attempt, deadline_ms, out, &proven, e))
        return err_wrap(e, "prove who sent it");
    if (!make_text(&attempt, deadline_ms, out, e))
        return err_wrap(e, "re-encode its binary parts");
    if (!deliver_filter(&attempt, proven, time_ms, out, e))
        return err_wrap(e, "ask the filters");
    deadline_ms = clock_deadline_in(time_ms);
    if (out->verdict == DELIVER_DONE && attempt.is_junk &&
        !deliver_quarantine(&attempt, deadline_ms, e))
        return err_wrap(e, "put it into quarantine");
    if (out->verdict != DELIVER_DONE || deliver_take_report(&attempt, proven, deadline_ms))
        return true;
    if (!deliver_may_tell(&attempt, deadline_ms, out, e))
        return false;
    if (out->verdict != DELIVER_DONE)
        return true;
    if (attempt.n_forwards > 0) {
        str leaving = make_message(&attempt, STR_EMPTY, STR_EMPTY, now_us);
        if (!deliver_prepare_forwards(&attempt, leaving, deadline_ms, e))
            return err_wrap(e, "forward");
    }
    bool ok = attempt.n > 0
                  ? store(&attempt, proven, now_us, deadline_ms, e)
                  : attempt.n_forwards == 0 || deliver_queue_forwards(&attempt, deadline_ms, e);
    ok = ok && conclude(&attempt, deadline_ms, out, e);
    if (!ok || out->verdict != DELIVER_DONE)
        return ok;
    if (d->left)
        d->left->has_added = true;
    deliver_note_heard(&attempt, deadline_ms);
    return true;
}
