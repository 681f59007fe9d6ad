/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery and APPEND: from what callers say to jobs of the batcher, and back. */
#include "notify/notify.h"
#include "store/batch.h"

#include <stdlib.h>

enum {
    SECONDS_A_DAY = 86400,
    MICROSECONDS = 1000000
};

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static str join_words(struct arena *a, const str *words, size_t n)
{
    size_t total = n;
    for (size_t i = 0; i < n; i++)
        total += words[i].n;
    char *bytes = arena_alloc(a, total + 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (i)
            bytes[used++] = ' ';
        memcpy(bytes + used, words[i].p, words[i].n);
        used += words[i].n;
    }
    return str_of(bytes, used);
}

/* The names of the caller, and what the server knows by itself (RFC 9979 section 2). */
static str keywords_of(struct arena *a, const struct store_message *message, const str *names,
                       size_t n)
{
    str words = join_words(a, names, n);
    if (!message->derived->has_attachment)
        return words;
    return arena_printf(a, "%.*s%s$hasattachment", STR_FMT(words), n ? " " : "");
}

/* One placement alone needs no error in the database to be all or nothing: the transaction, which
 * others share, goes on. */
static unsigned atomic_mode(const struct batch_job *job)
{
    return job->n_placements > 1 || job->extra ? PLACE_ATOMIC : 0;
}

static bool placed_is_error(const struct placed *placed, struct err *e)
{
    switch (placed->status) {
    case STORE_OVER_QUOTA:
        return !ERR(e, ERR_LIMIT, "over quota");
    case STORE_NO_ACCOUNT:
        return !ERR(e, ERR_NOT_FOUND, "there is no such account");
    case PLACED_NO_MAILBOX:
        return !ERR(e, ERR_NOT_FOUND, "there is no such mailbox");
    default:
        return false;
    }
}

/* ---- delivery ---- */

/* Recipients in the order of their placements. */
static int compare_recipients(const void *one, const void *two)
{
    const struct store_recipient *a = *(struct store_recipient *const *)one;
    const struct store_recipient *b = *(struct store_recipient *const *)two;
    if (a->account_id != b->account_id)
        return a->account_id < b->account_id ? -1 : 1;
    return (a->mailbox_id > b->mailbox_id) - (a->mailbox_id < b->mailbox_id);
}

static struct store_recipient **sort_recipients(struct arena *a, const struct store_delivery *d)
{
    struct store_recipient **sorted = ARENA_ARRAY(a, struct store_recipient *, d->n);
    for (size_t i = 0; i < d->n; i++)
        sorted[i] = &d->recipients[i];
    qsort(sorted, d->n, sizeof(struct store_recipient *), compare_recipients);
    return sorted;
}

/* The accounts of the recipients, each once, and what stands in front of their copies. */
static bool put_of(struct arena *a, const struct store_delivery *d, struct store_recipient **sorted,
                   struct put *put, struct err *e)
{
    int64_t *accounts = ARENA_ARRAY(a, int64_t, d->n);
    str *prefixes = ARENA_ARRAY(a, str, d->n);
    *put =
        (struct put){ .message = d->message, .accounts = accounts, .received_us = d->received_us };
    for (size_t i = 0; i < d->n; i++) {
        const struct store_recipient *r = sorted[i];
        if (put->n_accounts > 0 && accounts[put->n_accounts - 1] == r->account_id)
            continue;
        if (r->prefix.n > STORE_MAX_PREFIX || d->message->size + r->prefix.n > BLOB_MAX_BYTES)
            return ERR(e, ERR_LIMIT, "a prefix of %zu octets", r->prefix.n);
        if (r->prefix.n > 0)
            put->prefixes = prefixes;
        prefixes[put->n_accounts] = r->prefix;
        accounts[put->n_accounts++] = r->account_id;
    }
    return true;
}

/* The job of a delivery; placement i is of sorted[i]. */
static bool delivery_job(struct arena *a, const struct store_delivery *d,
                         struct store_recipient **sorted, struct batch_job *job, struct err *e)
{
    struct placement *placements = ARENA_ARRAY(a, struct placement, d->n);
    struct put *put = ARENA_NEW(a, struct put);
    int64_t at_s = floor_div(d->received_us, MICROSECONDS);
    const struct store_recipient *first = sorted[0]; /* of the account */
    if (!put_of(a, d, sorted, put, e))
        return false;
    for (size_t i = 0; i < d->n; i++) {
        const struct store_recipient *r = sorted[i];
        if (!store_keywords_check(r->keywords, r->n_keywords, e))
            return false;
        first = first->account_id == r->account_id ? first : r;
        placements[i] = (struct placement){ .account_id = r->account_id,
                                            .mailbox_id = r->mailbox_id,
                                            .flags = r->flags & STORE_FLAGS_ALL,
                                            .message = d->message,
                                            .size = d->message->size + first->prefix.n,
                                            .idate_s = at_s,
                                            .day = r->day ? r->day : floor_div(at_s, SECONDS_A_DAY),
                                            .keywords = keywords_of(a, d->message, r->keywords,
                                                                    r->n_keywords) };
        memcpy(placements[i].delivery_id, r->delivery_id, STORE_DELIVERY_ID);
    }
    *job = (struct batch_job){ .puts = put,
                               .n_puts = 1,
                               .placements = placements,
                               .n_placements = d->n,
                               .extra = d->extra,
                               .extra_arg = d->extra_arg };
    for (size_t i = 0; i < d->n && d->all_or_nothing; i++)
        placements[i].mode = atomic_mode(job);
    return true;
}

static void answer_recipients(struct store_recipient **sorted, const struct placed *placed,
                              size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sorted[i]->status = (enum store_status)placed[i].status;
        sorted[i]->in_mailbox_id = placed[i].mailbox_id;
        sorted[i]->uid = placed[i].uid;
        sorted[i]->modseq = placed[i].modseq;
    }
}

bool store_deliver(struct store *s, struct store_delivery *d, int64_t deadline_ms, struct err *e)
{
    struct arena a;
    struct batch_job job;
    INVARIANT(d->n > 0);
    if (d->n > STORE_MAX_RECIPIENTS)
        return ERR(e, ERR_LIMIT, "more than %d recipients", STORE_MAX_RECIPIENTS);
    arena_init(&a);
    struct store_recipient **sorted = sort_recipients(&a, d);
    struct placed *placed = ARENA_ARRAY(&a, struct placed, d->n);
    bool ok = delivery_job(&a, d, sorted, &job, e) &&
              batcher_run(s->batcher, &job, placed, deadline_ms, e) &&
              !(d->all_or_nothing && placed_is_error(placed, e));
    if (ok)
        answer_recipients(sorted, placed, d->n);
    arena_fini(&a);
    return ok;
}

bool store_deliver_in(struct store *s, struct db_tx *tx, struct store_delivery *d, struct arena *a,
                      struct err *e)
{
    struct batch_job job;
    const struct batch_job *jobs[] = { &job };
    struct db_rows *rows[2] = { NULL, NULL };
    size_t failed = 0;
    (void)s;
    INVARIANT(d->n > 0);
    if (d->n > STORE_MAX_RECIPIENTS)
        return ERR(e, ERR_LIMIT, "more than %d recipients", STORE_MAX_RECIPIENTS);
    struct store_recipient **sorted = sort_recipients(a, d);
    struct placed *placed = ARENA_ARRAY(a, struct placed, d->n);
    struct placed *const answers[] = { placed };
    if (!delivery_job(a, d, sorted, &job, e))
        return false;
    place_send_puts(tx, &job, false);
    place_send(tx, a, jobs, 1);
    if (!db_tx_flush(tx, a, rows, COUNT_OF(rows), &failed, e) ||
        !place_read(rows[1], a, jobs, 1, answers, e) ||
        (d->all_or_nothing && placed_is_error(placed, e)))
        return false;
    answer_recipients(sorted, placed, d->n);
    return true;
}

void store_announce(struct store *s, const struct store_delivery *d)
{
    for (size_t i = 0; i < d->n; i++)
        store_publish(s, d->recipients[i].account_id, d->recipients[i].modseq);
    if (s->options.notify)
        notify_tell(s->options.notify, NOTIFY_INDEX, 0);
}

/* ---- APPEND ---- */

/* An appended message has no transaction of its sender: its own id says what it is, so that an
 * unknown COMMIT is resolved like a delivery's. Messages may come twice; their places differ. */
static void append_id(const struct store_append_item *item, int mailbox_id, size_t index,
                      uint8_t out[STORE_DELIVERY_ID])
{
    char text[64];
    int n = snprintf(text, sizeof(text), "append %lld %d %zu", (long long)item->message->msg_id,
                     mailbox_id, index);
    store_delivery_id(str_of(text, (size_t)n), STR_EMPTY, out);
}

static bool append_job(struct arena *a, int64_t account_id, int mailbox_id,
                       const struct store_append_item *items, size_t n, struct batch_job *job,
                       struct err *e)
{
    struct placement *placements = ARENA_ARRAY(a, struct placement, n);
    struct put *puts = ARENA_ARRAY(a, struct put, n);
    int64_t *account = ARENA_NEW(a, int64_t);
    *account = account_id;
    for (size_t i = 0; i < n; i++) {
        const struct store_append_item *item = &items[i];
        /* The id's clock is the same in each attempt. */
        int64_t made_ms = item->message->msg_id >> 16;
        if (!store_keywords_check(item->keywords, item->n_keywords, e))
            return false;
        puts[i] = (struct put){ .message = item->message,
                                .accounts = account,
                                .n_accounts = 1,
                                .received_us = made_ms * 1000 };
        placements[i] = (struct placement){
            .account_id = account_id,
            .mailbox_id = mailbox_id,
            .flags = item->flags & STORE_FLAGS_ALL,
            .mode = PLACE_STRICT,
            .message = item->message,
            .size = item->message->size,
            .idate_s = item->idate_s,
            .day = made_ms / 1000 / SECONDS_A_DAY,
            .keywords = keywords_of(a, item->message, item->keywords, item->n_keywords),
        };
        append_id(item, mailbox_id, i, placements[i].delivery_id);
    }
    *job = (struct batch_job){
        .puts = puts, .n_puts = n, .placements = placements, .n_placements = n
    };
    for (size_t i = 0; i < n; i++)
        placements[i].mode |= atomic_mode(job);
    return true;
}

/* Runs the job of an append. */
static YIELDS bool run_append(struct store *s, struct arena *a, const struct batch_job *job,
                              int64_t deadline_ms, struct store_appended *out, struct err *e)
{
    size_t n = job->n_placements;
    struct placed *placed = ARENA_ARRAY(a, struct placed, n);
    if (!batcher_run(s->batcher, job, placed, deadline_ms, e) || placed_is_error(placed, e))
        return false;
    *out = (struct store_appended){ .modseq = placed[n - 1].modseq,
                                    .uidvalidity = placed[0].uidvalidity,
                                    .first_uid = placed[0].uid };
    for (size_t i = 0; i < n; i++)
        out->has_keywords |= job->placements[i].keywords.n > 0;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a mailbox is two numbers, as everywhere here. */
bool store_append(struct store *s, int64_t account_id, int mailbox_id,
                  const struct store_append_item *items, size_t n, int64_t deadline_ms,
                  struct store_appended *out, struct err *e)
{
    struct arena a;
    struct batch_job job;
    INVARIANT(n > 0);
    if (n > STORE_MAX_APPEND)
        return ERR(e, ERR_LIMIT, "more than %d messages at once", STORE_MAX_APPEND);
    arena_init(&a);
    bool ok = append_job(&a, account_id, mailbox_id, items, n, &job, e) &&
              run_append(s, &a, &job, deadline_ms, out, e);
    arena_fini(&a);
    return ok;
}

/* ---- REPLACE ---- */

struct replacing {
    const struct store_source *source;
    const struct placement *placement; /* of the new message */
};

static bool send_expunge(struct db_tx *tx, void *arg, size_t *statements, struct err *e)
{
    static const struct db_stmt take = { "SELECT mailbox_take_replaced($1, $2, $3, $4, $5, $6)" };
    const struct replacing *r = arg;
    const struct placement *p = r->placement;
    const struct db_param params[] = {
        DB_INT8(r->source->account_id),
        DB_INT4(r->source->mailbox_id),
        DB_INT8(r->source->uid),
        DB_INT8(p->account_id),
        DB_INT4(p->day),
        DB_BYTEA(str_of((const char *)p->delivery_id, STORE_DELIVERY_ID)),
    };
    (void)e;
    db_tx_send(tx, &take, params, COUNT_OF(params));
    *statements = 1;
    return true;
}

/* NOLINTNEXTLINE(readability-function-size): a mailbox is two numbers, as everywhere here. */
bool store_replace(struct store *s, const struct store_source *source, int64_t account_id,
                   int mailbox_id, const struct store_append_item *item, int64_t deadline_ms,
                   struct store_appended *out, struct err *e)
{
    struct arena a;
    struct batch_job job;
    struct err why = ERR_CLEAR;
    arena_init(&a);
    bool ok = append_job(&a, account_id, mailbox_id, item, 1, &job, &why);
    if (ok) {
        /* The placement must fail the transaction, or the expunge would stand alone. */
        struct placement placement = job.placements[0];
        struct replacing replacing = { source, &placement };
        placement.mode |= PLACE_ATOMIC;
        job.placements = &placement;
        job.extra = send_expunge;
        job.extra_arg = &replacing;
        job.is_extra_first = true;
        ok = run_append(s, &a, &job, deadline_ms, out, &why);
    }
    arena_fini(&a);
    int64_t modseq = 0;
    struct err unheard = ERR_CLEAR; /* those who look at the source hear of it later then */
    if (ok && source->account_id != account_id &&
        store_get_modseq(s, source->account_id, deadline_ms, &modseq, &unheard))
        store_publish(s, source->account_id, modseq);
    if (!ok)
        *e = why;
    if (!ok && why.kind == ERR_EXISTS) /* HR409 */
        e->kind = ERR_CONFLICT;
    return ok;
}
