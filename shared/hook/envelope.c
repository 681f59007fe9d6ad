/* SPDX-License-Identifier: Apache-2.0 */
/* From the envelope that filters want to one that a message may have. */
#include "account/account.h"
#include "hook/hook.h"
#include "obs/obs.h"

struct change {
    struct account_directory *d;
    const struct smtp_message *before;
    struct arena *a;
    int64_t deadline_ms;
    size_t n_ends; /* that its recipients lead to by now */
};

static void log_left_out(const struct change *w, const char *what, str address)
{
    obs_log(EV_ENVELOPE_LEFT_OUT, w->before->trace.session, OBS_CSTR("what", what),
            OBS_STR("address", address), OBS_STR("transaction", w->before->transaction));
}

/* Errors that say that there is no such address. */
static bool is_no_address(const struct err *e)
{
    return e->kind == ERR_SYNTAX || e->kind == ERR_LIMIT;
}

/* ---- recipients ---- */

static size_t count_ends(const struct smtp_recipient *r)
{
    return 1 + r->n_targets;
}

static bool may_have(const struct change *w, const struct account_route *route)
{
    bool is_ours = route->kind == ACCOUNT_ROUTE_LOCAL || route->kind == ACCOUNT_ROUTE_LEADS;
    bool may_leave = w->before->account_id != 0 && route->kind == ACCOUNT_ROUTE_REMOTE;
    return (is_ours || may_leave) && !route->is_way_back &&
           w->n_ends + 1 + route->n_targets <= ACCOUNT_TARGETS_MAX;
}

/* out->address stays empty when it may not be one of them. Yields. */
YIELDS static bool find_recipient(const struct change *w, const struct milter_recipient *r,
                                  struct smtp_recipient *out, struct err *e)
{
    struct account_route route;
    struct smtp_path path;
    struct err why = ERR_CLEAR;
    *out = (struct smtp_recipient){ .account_id = 0 };
    if (!milter_path_parse(w->a, r->address, SMTP_FORWARD_PATH, &path, &why))
        return true;
    if (!account_route(w->d, path.local, path.domain, w->a, w->deadline_ms, &route, &why)) {
        *e = why;
        return is_no_address(&why);
    }
    if (!may_have(w, &route))
        return true;
    *out = (struct smtp_recipient){ .account_id = route.account_id,
                                    .address = r->address,
                                    .domain = path.domain,
                                    .has_notify = r->has_notify,
                                    .notify = r->notify,
                                    .orcpt = r->orcpt,
                                    .targets = route.targets,
                                    .n_targets = route.n_targets };
    return true;
}

/* Yields. */
YIELDS static bool list_recipients(struct change *w, const struct milter_envelope *wanted,
                                   struct smtp_message *out, struct err *e)
{
    struct smtp_recipient *list = ARENA_ARRAY(w->a, struct smtp_recipient, wanted->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < wanted->n; i++) {
        const struct milter_recipient *r = &wanted->recipients[i];
        struct err why = ERR_CLEAR;
        if (r->place > 0) {
            list[n] = w->before->recipients[r->place - 1];
        } else if (!find_recipient(w, r, &list[n], &why)) {
            *e = why;
            return false;
        }
        if (list[n].address.n == 0) {
            log_left_out(w, "recipient", r->address);
            continue;
        }
        w->n_ends += count_ends(&list[n++]);
    }
    out->recipients = list;
    out->n = n;
    return true;
}

/* ---- the sender ---- */

/* Yields. */
YIELDS static bool may_be_sender(const struct change *w, str sender, bool *may, struct err *e)
{
    struct smtp_path path;
    struct err why = ERR_CLEAR;
    *may =
        w->before->sender.n > 0 && milter_path_parse(w->a, sender, SMTP_REVERSE_PATH, &path, &why);
    if (!*may || path.is_null || w->before->account_id == 0)
        return true;
    if (account_may_send_as(w->d, w->before->account_id, path.local, path.domain, w->a,
                            w->deadline_ms, may, &why))
        return true;
    *may = false;
    *e = why;
    return is_no_address(&why);
}

/* Yields. */
YIELDS static bool set_sender(const struct change *w, str sender, struct smtp_message *out,
                              struct err *e)
{
    bool may;
    struct err why = ERR_CLEAR;
    if (str_eq(sender, w->before->sender))
        return true;
    if (!may_be_sender(w, sender, &may, &why)) {
        *e = why;
        return false;
    }
    if (!may) {
        log_left_out(w, "sender", sender);
        return true;
    }
    out->sender = sender;
    out->is_verp = out->is_verp && sender.n > 0; /* nobody has no name to put recipients into */
    return true;
}

bool hook_change_envelope(const struct milter_envelope *wanted, struct account_directory *d,
                          const struct smtp_message **m, struct arena *a, int64_t deadline_ms,
                          struct err *e)
{
    struct change w = { .d = d, .before = *m, .a = a, .deadline_ms = deadline_ms };
    if (!wanted->is_changed)
        return true;
    struct smtp_message *changed = ARENA_NEW(a, struct smtp_message);
    *changed = **m;
    if (!set_sender(&w, wanted->sender, changed, e) || !list_recipients(&w, wanted, changed, e))
        return err_wrap(e, "change the envelope");
    obs_log(EV_ENVELOPE_CHANGED, changed->trace.session, OBS_STR("from", changed->sender),
            OBS_INT("recipients", changed->n), OBS_STR("transaction", changed->transaction));
    *m = changed;
    return true;
}
