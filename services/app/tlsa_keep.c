/* SPDX-License-Identifier: Apache-2.0 */
/* First what is needed is put there, then what is not goes. Frontends know of each other by the
 * rows of what they put there: each notes hourly what it uses. */
#include "services/app/tlsa_keep.h"

#include "account/made_record.h"
#include "obs/obs.h"
#include "services/app/publisher.h"

enum {
    KEEP_MS = 60 * 1000,             /* for all of it */
    UNUSED_MS = 24 * 60 * 60 * 1000, /* above DNS_UPDATE_TTL_S and an hour between two rounds */
    WANTED_MAX = 2                   /* the key in use, and the next one */
};

static const struct account_actor the_system = { 0, STR_INIT("system"), { NULL, 0 } };

struct keeping {
    struct app *app;
    struct arena *a;
    int64_t deadline_ms;
    struct account_made_values made;
    struct published_record wanted[WANTED_MAX];
    size_t n;
    struct app_silent silent;
    bool failed;
};

static struct app_publisher publisher_of(struct keeping *k, str domain)
{
    return (struct app_publisher){ k->app, &the_system, domain, k->a, k->deadline_ms, &k->silent };
}

static bool is_wanted(const struct keeping *k, str value)
{
    for (size_t i = 0; i < k->n; i++) {
        if (str_eq(k->wanted[i].value, value))
            return true;
    }
    return false;
}

/* Yields. */
YIELDS static bool note_use(const struct keeping *k, const struct published_record *record,
                            bool *is_made, struct err *e)
{
    *is_made = false;
    for (size_t i = 0; i < k->made.n; i++) {
        const struct account_made_record made = { .domain = k->made.list[i].domain,
                                                  .name = record->name,
                                                  .type = str_from_cstr(record->type),
                                                  .value = record->value };
        if (!str_eq(k->made.list[i].value, record->value))
            continue;
        *is_made = true;
        if (!account_made_record_use(k->app->accounts, &made, k->a, k->deadline_ms, e))
            return false;
    }
    return true;
}

/* Yields. */
YIELDS static bool want(struct keeping *k, const struct published_record *record, bool is_there,
                        struct err *e)
{
    const struct app_publisher p = publisher_of(k, k->made.list[0].domain);
    enum app_publishing outcome;
    bool is_made;
    if (!note_use(k, record, &is_made, e))
        return false;
    k->wanted[k->n++] = *record;
    if (is_made || is_there)
        return true;
    if (!app_publish(&p, record, &outcome, NULL, e))
        return false;
    k->failed = k->failed || outcome == APP_PUBLISH_FAILED;
    return true;
}

/* Yields. */
YIELDS static bool want_next(struct keeping *k, const char *host, struct err *e)
{
    const char *path = config_text(k->app->config, CONFIG_TLS_NEXT_CERTIFICATE);
    uint8_t key[TLS_KEY_SHA256];
    struct published_record record;
    struct err why = ERR_CLEAR;
    if (!*path)
        return true;
    if (!tls_file_key_sha256(path, key, &why)) {
        obs_log(EV_TLSA_NEXT_FAILED, STR_EMPTY, OBS_ERR(&why));
        return true;
    }
    return !published_tlsa_record(host, key, k->a, &record) || is_wanted(k, record.value) ||
           want(k, &record, false, e);
}

/* Yields. */
YIELDS static bool drop_unused(struct keeping *k, struct err *e)
{
    for (size_t i = 0; i < k->made.n; i++) {
        const struct account_made_value *made = &k->made.list[i];
        const struct app_publisher p = publisher_of(k, made->domain);
        struct published_record record = k->wanted[0];
        enum app_publishing outcome;
        record.value = made->value;
        if (made->idle_ms < UNUSED_MS || is_wanted(k, made->value))
            continue;
        if (!app_withdraw(&p, &record, &outcome, NULL, e))
            return false;
        k->failed = k->failed || outcome == APP_PUBLISH_FAILED;
    }
    return true;
}

bool app_tlsa_keep(struct app *app, const struct published_self *self, bool is_right,
                   struct arena *a, struct err *e)
{
    struct keeping k = { .app = app, .a = a, .deadline_ms = clock_deadline_in(KEEP_MS) };
    struct published_record now;
    if (!self->tls_key || !published_tlsa_record(self->host, self->tls_key, a, &now))
        return true;
    if (!account_made_record_list(app->accounts, now.name, str_from_cstr(now.type), a,
                                  k.deadline_ms, &k.made, e))
        return false;
    if (k.made.n == 0)
        return true;
    /* What is needed goes first: while it cannot be put there, nothing else goes. */
    if (!want(&k, &now, is_right, e) || !want_next(&k, self->host, e) ||
        (!k.failed && !drop_unused(&k, e)))
        return false;
    return !k.failed || ERR(e, ERR_UNAVAILABLE, "the server of the zone did not do it");
}
