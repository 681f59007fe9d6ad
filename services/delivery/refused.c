/* SPDX-License-Identifier: Apache-2.0 */
/* Tells account of recipients that were refused. */
#include "services/delivery/refused.h"

#include "submit/submit.h"

enum {
    STATUS_MAX = 16
};

bool delivery_is_nobody(const struct queue_result *result)
{
    static const char *const statuses[] = { "5.1.0", "5.1.1",  "5.1.2", "5.1.3",
                                            "5.1.6", "5.1.10", "5.2.1" };
    bool is_of_rcpt = result->stage && strcmp(result->stage, "rcpt") == 0;
    if (result->outcome != QUEUE_FAILED || !is_of_rcpt)
        return false;
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (str_eq(result->status, str_from_cstr(statuses[i])))
            return true;
    }
    return false;
}

/* Who writes to a list need not know who is on it. */
static bool counts(const struct queue_recipient *recipient, const struct queue_result *result)
{
    return !(recipient->notify & QUEUE_NOTIFY_LED) && delivery_is_nobody(result);
}

YIELDS static void tell(const struct delivery *d, const struct queue_message *m, struct arena *a)
{
    char id[QUEUE_ID_TEXT];
    const struct submit submit = { .store = d->app->store,
                                   .queue = d->app->queue,
                                   .accounts = d->app->accounts,
                                   .hostname = d->app->hostname };
    submit_tell_stopped(
        &submit, m->account_id, STR("sent mail to many recipients that do not exist"),
        queue_id_format(m->queue_id, id), a, clock_deadline_in(DELIVERY_DATABASE_MS));
}

void delivery_note_refused(const struct delivery *d, const struct queue_message *m,
                           const struct queue_result *results)
{
    struct arena a;
    size_t n = 0;
    bool stopped = false;
    struct err ignored = ERR_CLEAR;
    arena_init(&a);
    str *addresses = ARENA_ARRAY(&a, str, m->n + 1);
    str *statuses = ARENA_ARRAY(&a, str, m->n + 1);
    str *replies = ARENA_ARRAY(&a, str, m->n + 1);
    for (size_t i = 0; m->account_id != 0 && i < m->n; i++) {
        if (!counts(&m->recipients[i], &results[i]))
            continue;
        addresses[n] = m->recipients[i].address;
        statuses[n] = queue_clean_text(&a, results[i].status, STATUS_MAX);
        replies[n++] = queue_clean_text(&a, results[i].reply, QUEUE_REPLY_MAX);
    }
    const struct account_sending_refused refused = { m->account_id, addresses, statuses,
                                                     replies,       n,         &d->app->sending };
    if (n > 0 &&
        account_sending_note_refused(d->app->accounts, &refused, &a,
                                     clock_deadline_in(DELIVERY_DATABASE_MS), &stopped, &ignored) &&
        stopped)
        tell(d, m, &a);
    arena_fini(&a);
}
