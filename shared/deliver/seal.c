/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the domain, and the set of fields that is made with it. */
#include "deliver/seal.h"

#include "account/dkim.h"
#include "base/clock.h"
#include "obs/obs.h"
#include "runtime/runtime.h"

enum {
    SEAL_MAX = 128 * 1024 /* octets of the three fields */
};

static void tell_unsealed(const struct deliver_attempt *attempt, str domain, const struct err *why)
{
    obs_log(EV_DELIVER_UNSEALED, attempt->m->trace.session, OBS_STR("domain", domain),
            OBS_ERR(why));
}

/* RSA alone: a set has one signature of each kind, and not everybody reads the other; without an
 * RSA key there is none. Yields. */
static YIELDS bool seal_by(const struct deliver_attempt *attempt,
                           const struct account_dkim_signer *by, str content, str *fields,
                           struct err *e)
{
    const struct mailauth_signer signer = { by->domain, by->rsa_selector, by->rsa };
    const struct mailauth_sealing sealing = { .signer = &signer,
                                              .chain = attempt->chain,
                                              .results = attempt->results,
                                              .now_s = clock_utc_us() / 1000000 };
    struct mailauth_message message;
    struct buf out;
    mailauth_message_init(attempt->a, content, &message);
    message.turn = fiber_yield;
    buf_init(&out, SEAL_MAX);
    bool ok = mailauth_arc_seal(&message, &sealing, &out, e);
    *fields = ok ? arena_str(attempt->a, buf_str(&out)) : STR_EMPTY;
    buf_fini(&out);
    return ok;
}

bool deliver_seal(const struct deliver_attempt *attempt, str domain, str content,
                  int64_t deadline_ms, struct deliver_seal *seal, struct err *e)
{
    struct account_dkim_signer *signer = NULL;
    struct err why = ERR_CLEAR;
    str name;
    if (!attempt->d->seals || attempt->results.n == 0 || str_ieq(seal->domain, domain))
        return true;
    *seal = (struct deliver_seal){ .domain = domain };
    bool ok = account_domain_normalize(attempt->a, domain, &name, &why) &&
              account_dkim_signer(attempt->d->accounts, name, deadline_ms, &signer, &why) &&
              (!signer || !signer->rsa || seal_by(attempt, signer, content, &seal->fields, &why));
    account_dkim_release(&signer);
    if (!ok && why.kind != ERR_DENIED && why.kind != ERR_LIMIT && why.kind != ERR_SYNTAX) {
        *e = why;
        return err_wrap(e, "seal");
    }
    if (!ok)
        tell_unsealed(attempt, domain, &why);
    return true;
}
