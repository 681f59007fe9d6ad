/* SPDX-License-Identifier: Apache-2.0 */
/* One step a domain and run: what was made now is looked for in the DNS the next time. A key never
 * signs before everybody can see it, and one that signed stays for mail that is on its way. */
#include "services/scheduler/rotation.h"

#include "base/clock.h"
#include "base/date.h"
#include "obs/obs.h"
#include "published/published.h"
#include "services/app/publisher.h"

static const struct account_actor the_system = { 0, STR_INIT("system"), { NULL, 0 } };

struct rotation {
    struct app *app;
    struct arena a; /* of one domain */
    int64_t now_us;
    int64_t rotate_us;
    int64_t overlap_us;
    int64_t deadline_ms;
    str domain;
    struct app_silent silent;
};

/* ---- the records of a key, where dns.updates lets us change its zone ---- */

typedef bool (*records_fn)(const struct app_publisher *p, const struct published_record *record,
                           enum app_publishing *out, str *why, struct err *e);

/* Does it to each. *failed: a server was asked and did not; that is logged. Yields. */
YIELDS static bool for_records(struct rotation *r, const struct account_dkim_key *key,
                               records_fn act, bool *failed, struct err *e)
{
    const struct app_publisher p = { r->app, &the_system,    r->domain,
                                     &r->a,  r->deadline_ms, &r->silent };
    struct published_record records[PUBLISHED_KEY_RECORDS];
    *failed = false;
    size_t n = published_key_records(r->domain, key, &r->a, records);
    for (size_t i = 0; i < n; i++) {
        enum app_publishing outcome;
        if (!act(&p, &records[i], &outcome, NULL, e))
            return false;
        *failed = *failed || outcome == APP_PUBLISH_FAILED;
    }
    return true;
}

YIELDS static bool publish(struct rotation *r, const struct account_dkim_key *key, struct err *e)
{
    bool failed;
    return for_records(r, key, app_publish, &failed, e);
}

YIELDS static bool publish_made(struct rotation *r, str selector, struct err *e)
{
    struct account_dkim_list keys;
    if (!account_dkim_list(r->app->accounts, r->domain, &r->a, r->deadline_ms, &keys, e))
        return false;
    for (size_t i = 0; i < keys.n; i++) {
        if (str_eq(keys.list[i].selector, selector))
            return publish(r, &keys.list[i], e);
    }
    return true; /* somebody removed it */
}

/* ---- steps ---- */

/* Selectors say when: one that comes again would have the records of its former key in caches. */
YIELDS static bool make_key(struct rotation *r, struct err *e)
{
    struct date day;
    str made;
    date_from_unix_us(r->now_us, &day);
    const struct account_dkim_name name = { r->domain, arena_printf(&r->a, "k%04d%02d%02d",
                                                                    day.year, day.month, day.day) };
    if (!account_dkim_make(r->app->accounts, &the_system, &name, &r->a, r->deadline_ms, &made, e))
        return false;
    obs_log(EV_DKIM_MADE, STR_EMPTY, OBS_STR("domain", r->domain), OBS_STR("selector", made));
    return publish_made(r, made, e);
}

YIELDS static bool use_when_published(struct rotation *r, const struct account_dkim_key *key,
                                      struct err *e)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(r->app->dns);
    const struct account_dkim_name name = { r->domain, key->selector };
    bool is_there = false;
    if (!published_has_key(&resolver, r->domain, key, &r->a, &is_there, e))
        return false;
    if (!is_there) {
        obs_log(EV_DKIM_AWAITED, STR_EMPTY, OBS_STR("domain", r->domain),
                OBS_STR("selector", key->selector));
        return publish(r, key, e);
    }
    if (!account_dkim_activate(r->app->accounts, &the_system, &name, &r->a, r->deadline_ms, e))
        return false;
    obs_log(EV_DKIM_ACTIVATED, STR_EMPTY, OBS_STR("domain", r->domain),
            OBS_STR("selector", key->selector));
    return true;
}

YIELDS static bool destroy(struct rotation *r, const struct account_dkim_key *key, struct err *e)
{
    const struct account_dkim_name name = { r->domain, key->selector };
    struct err why = ERR_CLEAR;
    bool failed;
    if (!for_records(r, key, app_withdraw, &failed, e))
        return false;
    if (failed)
        return true; /* who forgot the key could not tell its records from others */
    if (account_dkim_remove(r->app->accounts, &the_system, &name, key->state, &r->a, r->deadline_ms,
                            &why)) {
        obs_log(EV_DKIM_DESTROYED, STR_EMPTY, OBS_STR("domain", r->domain),
                OBS_STR("selector", key->selector));
        return true;
    }
    *e = why;
    return why.kind == ERR_CONFLICT && publish(r, key, e); /* it signs again: it wants them back */
}

/* Yields. */
YIELDS static bool step(struct rotation *r, struct err *e)
{
    struct account_dkim_list keys;
    const struct account_dkim_key *waiting = NULL;
    bool is_old = false;
    if (!account_dkim_list(r->app->accounts, r->domain, &r->a, r->deadline_ms, &keys, e))
        return false;
    for (size_t i = 0; i < keys.n; i++) {
        const struct account_dkim_key *key = &keys.list[i];
        switch (key->state) {
        case ACCOUNT_DKIM_WAITING:
            waiting = waiting ? waiting : key; /* the newest */
            break;
        case ACCOUNT_DKIM_SIGNING:
            is_old = key->signing_at_us + r->rotate_us < r->now_us;
            break;
        case ACCOUNT_DKIM_RETIRED:
            if (key->retired_at_us + r->overlap_us < r->now_us && !destroy(r, key, e))
                return false;
            break;
        }
    }
    if (waiting)
        return use_when_published(r, waiting, e);
    return !is_old || make_key(r, e);
}

/* True: the others can be gone on with. One domain's trouble is not that of the others; who has no
 * database, or no time left, has none for them either. */
static bool is_its_own(const struct rotation *r, const struct err *e)
{
    return e->kind != ERR_CANCELLED && e->kind != ERR_UNAVAILABLE &&
           clock_monotonic_ms() < r->deadline_ms;
}

/* Yields. */
YIELDS static bool look_at(struct rotation *r, struct err *e)
{
    struct err fault = ERR_CLEAR;
    if (account_dkim_look(r->app->accounts, r->domain, &r->a, r->deadline_ms, &fault) &&
        step(r, &fault))
        return true;
    if (!is_its_own(r, &fault)) {
        *e = fault;
        return false;
    }
    obs_log(EV_DKIM_FAILED, STR_EMPTY, OBS_STR("domain", r->domain), OBS_ERR(&fault));
    return true;
}

bool rotation_run(struct app *app, int64_t deadline_ms, struct err *e)
{
    struct arena all;
    struct account_dkim_dues due;
    int64_t rotate_ms = config_int(app->config, CONFIG_DKIM_ROTATE_AFTER);
    int64_t overlap_ms = config_int(app->config, CONFIG_DKIM_OVERLAP);
    struct rotation r = { .app = app,
                          .now_us = clock_utc_us(),
                          .overlap_us = overlap_ms * 1000,
                          .deadline_ms = deadline_ms };
    arena_init(&all);
    arena_init(&r.a);
    bool ok =
        account_dkim_due_list(app->accounts, rotate_ms, overlap_ms, &all, deadline_ms, &due, e);
    for (size_t i = 0; ok && i < due.n; i++) {
        r.domain = due.list[i].domain;
        r.rotate_us = due.list[i].rotate_ms * 1000;
        ok = look_at(&r, e);
        arena_reset(&r.a);
    }
    arena_fini(&r.a);
    arena_fini(&all);
    return ok;
}
