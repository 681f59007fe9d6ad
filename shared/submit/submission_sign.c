/* SPDX-License-Identifier: Apache-2.0 */
/* The signatures of what a user submits. */
#include "mailauth/dkim.h"
#include "obs/obs.h"
#include "queue/sign.h"
#include "submit/submission.h"

/* A header with more fields than can be signed goes without. Yields. */
static YIELDS bool sign_by(struct submission *w, const struct account_dkim_signer *signer,
                           struct err *e)
{
    struct err why = ERR_CLEAR;
    if (!queue_sign_prepare(&w->complete, &w->is_8bit, w->a, w->deadline_ms, e))
        return false;
    if (queue_sign_add(signer, w->now_us, w->a, &w->complete, &why))
        return true;
    if (why.kind != ERR_LIMIT) {
        *e = why;
        return false;
    }
    obs_log(EV_SUBMIT_UNSIGNED, w->m->trace.session, OBS_STR("domain", signer->domain),
            OBS_ERR(&why));
    return true;
}

bool submission_sign(struct submission *w, struct err *e)
{
    struct account_dkim_signer *signer = NULL;
    struct mailauth_message message;
    if (!w->s->signs)
        return true;
    mailauth_message_init(w->a, w->complete, &message);
    str author = mailauth_message_author(w->a, &message);
    if (!account_dkim_signer(w->s->accounts, author, w->deadline_ms, &signer, e))
        return err_wrap(e, "sign");
    bool ok = !signer || sign_by(w, signer, e);
    account_dkim_release(&signer);
    return ok || err_wrap(e, "sign");
}
