/* SPDX-License-Identifier: Apache-2.0 */
/* From a report of another server to rows of a history. */
#include "deliver/heard.h"

#include "account/account.h"
#include "base/clock.h"
#include "mime/mime.h"
#include "obs/obs.h"
#include "queue/heard.h"

enum {
    LOOK_AT = 512 * 1024, /* octets of a report; what came back stands behind what is said of it */
    NOTE_MS = 5 * 1000
};

static const enum queue_heard_action actions[] = {
    [MIME_DELIVERY_FAILED] = QUEUE_HEARD_FAILED,
    [MIME_DELIVERY_DELAYED] = QUEUE_HEARD_DELAYED,
    [MIME_DELIVERY_DELIVERED] = QUEUE_HEARD_DELIVERED,
    [MIME_DELIVERY_RELAYED] = QUEUE_HEARD_RELAYED,
    [MIME_DELIVERY_EXPANDED] = QUEUE_HEARD_EXPANDED,
};

/* The message that the mail is about by its recipients; 0: none. Yields. */
YIELDS static bool find_message(const struct deliver_attempt *attempt, int64_t deadline_ms,
                                int64_t *queue_id, struct err *e)
{
    *queue_id = 0;
    for (size_t i = 0; i < attempt->m->n && *queue_id == 0; i++) {
        const struct smtp_recipient *r = &attempt->m->recipients[i];
        if (!account_from_id_find(attempt->d->accounts, r->address, attempt->a, deadline_ms,
                                  queue_id, e))
            return false;
    }
    return true;
}

static void read_status(const struct deliver_attempt *attempt, struct mime_delivery_status *out)
{
    str head = str_slice(attempt->m->content, 0, LOOK_AT);
    const struct mime_structure *parts = mime_structure_parse(attempt->a, head);
    mime_delivery_status_parse(attempt->a, mime_delivery_status_text(parts, attempt->a), out);
}

/* Yields. */
YIELDS static bool note(const struct deliver_attempt *attempt, int64_t queue_id,
                        int64_t deadline_ms, struct err *e)
{
    struct mime_delivery_status status;
    char id[QUEUE_ID_TEXT];
    int64_t noted = 0;
    read_status(attempt, &status);
    struct queue_heard *list = ARENA_ARRAY(attempt->a, struct queue_heard, status.n);
    for (size_t i = 0; i < status.n; i++) {
        const struct mime_delivery_recipient *r = &status.recipients[i];
        list[i] = (struct queue_heard){
            .original = r->original,
            .final = r->final,
            .action = actions[r->action],
            .status = r->status,
            .reply = r->diagnostic,
            .remote = r->remote.n ? r->remote : status.reporting_mta,
        };
    }
    if (!queue_note_heard(attempt->d->queue, queue_id, list, status.n, deadline_ms, &noted, e))
        return false;
    obs_log(EV_DELIVER_HEARD, attempt->m->trace.session,
            OBS_STR("id", queue_id_format(queue_id, id)), OBS_INT("recipients", status.n),
            OBS_INT("noted", noted));
    return true;
}

void deliver_note_heard(const struct deliver_attempt *attempt, int64_t deadline_ms)
{
    struct err e = ERR_CLEAR;
    int64_t queue_id;
    int64_t until_ms = clock_deadline_in(NOTE_MS);
    if (until_ms > deadline_ms)
        until_ms = deadline_ms;
    if (attempt->m->sender.n > 0 || !attempt->d->queue || !attempt->d->accounts)
        return;
    if (!find_message(attempt, until_ms, &queue_id, &e) ||
        (queue_id != 0 && !note(attempt, queue_id, until_ms, &e)))
        obs_log(EV_DELIVER_NOT_HEARD, attempt->m->trace.session, OBS_ERR(&e));
}
