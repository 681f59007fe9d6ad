/* SPDX-License-Identifier: Apache-2.0 */
/* The sender's own copy of what a program submits. */
#include "db/db.h"
#include "obs/obs.h"
#include "submit/submission.h"

/* In Sent and read, as it leaves. Who writes to himself has one message in two mailboxes, with what
 * stands on top of the other. */
static void add_own(struct submission *w, int mailbox_id)
{
    char key[40];
    const struct store_recipient *other = submission_copy_of(w, w->m->account_id);
    struct store_recipient own = { .account_id = w->m->account_id,
                                   .mailbox_id = mailbox_id,
                                   .flags = STORE_SEEN,
                                   .prefix = other ? other->prefix : STR_EMPTY };
    (void)snprintf(key, sizeof(key), "%lld/sent", (long long)w->m->account_id);
    store_delivery_id(w->m->transaction, str_from_cstr(key), own.delivery_id);
    w->copies[w->n_copies++] = own;
    w->sent_id = mailbox_id;
}

bool submission_is_own(const struct submission *w, const struct store_recipient *copy)
{
    return w->sent_id != 0 && copy->account_id == w->m->account_id &&
           copy->mailbox_id == w->sent_id;
}

bool submission_has_others(const struct submission *w)
{
    for (size_t i = 0; i < w->n_copies; i++) {
        if (!submission_is_own(w, &w->copies[i]))
            return true;
    }
    return w->n_remotes > 0;
}

static void log_not_saved(const struct submission *w, const struct err *why)
{
    obs_log(EV_SUBMIT_NOT_SAVED, w->m->trace.session, OBS_STR("sender", w->m->sender),
            OBS_INT("size", w->complete.n), OBS_ERR(why));
}

void submission_log_full(const struct submission *w)
{
    struct err why = ERR_CLEAR;
    (void)ERR(&why, ERR_LIMIT, "there is no room");
    log_not_saved(w, &why);
}

bool submission_own_fits(const struct submission *w, bool *out, struct err *e)
{
    const struct store_recipient *other = submission_copy_of(w, w->m->account_id);
    bool has_other = other && !submission_is_own(w, other);
    size_t size = w->complete.n + (has_other ? other->prefix.n : 0);
    return submission_has_room(w->s, w->m->account_id, size, has_other ? 2 : 1, w->deadline_ms, out,
                               e);
}

/* *mailbox_id stays 0 where there can be none, for a reason that no later attempt changes. Yields.
 */
static YIELDS bool find_own(const struct submission *w, int *mailbox_id, struct err *e)
{
    struct err why = ERR_CLEAR;
    bool fits = false;
    if (!submission_own_fits(w, &fits, e))
        return false;
    if (!fits) {
        submission_log_full(w);
        return true;
    }
    if (store_mailbox_for_role(w->s->store, w->m->account_id, &STORE_SENT_BOX, w->a, w->deadline_ms,
                               mailbox_id, &why))
        return true;
    *mailbox_id = 0;
    if (db_is_timeout(&why) || (why.kind != ERR_LIMIT && why.kind != ERR_EXISTS)) {
        *e = why;
        return err_wrap(e, "find the mailbox for Sent");
    }
    log_not_saved(w, &why);
    return true;
}

bool submission_save_own(struct submission *w, struct err *e)
{
    bool is_wanted = false;
    int mailbox_id = 0;
    int64_t account_id = w->m->account_id;
    if (!w->m->may_save || account_id == 0 || w->is_discarded)
        return true;
    if (!account_saves_sent(w->s->accounts, account_id, w->a, w->deadline_ms, &is_wanted, e))
        return false;
    if (!is_wanted)
        return true;
    if (!find_own(w, &mailbox_id, e))
        return false;
    if (mailbox_id != 0)
        add_own(w, mailbox_id);
    return true;
}

void submission_drop_own(struct submission *w)
{
    w->n_copies--;
    w->sent_id = 0;
}
