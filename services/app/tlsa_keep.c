/* SPDX-License-Identifier: Apache-2.0 */
/* First what is needed is put there, then what is not goes. Frontends know of each other by the
 * rows of what they put there: each notes hourly what it uses. */
#include "services/app/tlsa_keep.h"

#include "account/made_record.h"
#include "base/failpoint.h"
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
    const struct published_self *self;
    const struct app_tlsa_round *round;
    struct arena *a;
    int64_t deadline_ms;
    struct account_made_values made;
    struct published_record wanted[WANTED_MAX];
    size_t n;
    struct app_silent silent;
    bool is_made;   /* the record of the key in use, from here */
    bool is_unsure; /* which key comes next */
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
    const struct account_made_record made = { .name = record->name,
                                              .type = str_from_cstr(record->type),
                                              .value = record->value };
    return account_made_record_use(k->app->accounts, &made, k->a, k->deadline_ms, is_made, e);
}

/* Others may take out what we put there (a zone that came back from a backup): what the DNS says
 * counts. It is not among those that are seen when they are of other keys (PUBLISHED_TLSA_OTHER),
 * and when some of them are of no kind that could be compared (_UNKNOWN). Yields. */
YIELDS static bool want(struct keeping *k, const struct published_record *record, bool is_made,
                        enum published_reason seen, struct err *e)
{
    const struct app_publisher p = publisher_of(k, k->made.list[0].domain);
    enum app_publishing outcome;
    bool is_gone = seen == PUBLISHED_TLSA_OTHER || seen == PUBLISHED_TLSA_UNKNOWN;
    k->wanted[k->n++] = *record;
    if (is_made ? !is_gone : seen == PUBLISHED_IS_RIGHT)
        return true;
    if (is_made ? !app_publish_again(&p, record, &outcome, e)
                : !app_publish(&p, record, &outcome, NULL, e))
        return false;
    k->failed = k->failed || outcome == APP_PUBLISH_FAILED;
    return true;
}

/* What somebody else put there is not ours. Yields. */
YIELDS static enum published_reason see_next(const struct keeping *k)
{
    const struct mailauth_resolver resolver = mailauth_resolver_of(k->app->dns);
    struct published_self next = *k->self;
    enum published_reason seen = PUBLISHED_NO_ANSWER;
    next.tls_key = k->self->next_tls_key;
    (void)published_tlsa(&resolver, &next, k->a, &seen, NULL);
    return seen;
}

/* Yields. */
YIELDS static bool want_next(struct keeping *k, struct err *e)
{
    const uint8_t *key = k->self->next_tls_key;
    struct published_record record;
    bool is_made = false;
    k->is_unsure = !key && *config_text(k->app->config, CONFIG_TLS_NEXT_CERTIFICATE);
    return !key || !published_tlsa_record(k->self->host, key, k->a, &record) ||
           is_wanted(k, record.value) ||
           (note_use(k, &record, &is_made, e) && want(k, &record, is_made, see_next(k), e));
}

/* Whoever does not see his own record has not understood how things are; and who was not here for
 * a day does not know whether others could note what they use. */
static bool may_drop(const struct keeping *k)
{
    return k->is_made && !k->is_unsure && !k->failed && k->round->seen == PUBLISHED_IS_RIGHT &&
           (k->round->kept_ms >= UNUSED_MS || FAILPOINT_FAILS("tlsa-kept-for-long"));
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
        if (!app_withdraw_unused(&p, &record, &outcome, e))
            return false;
        k->failed = k->failed || outcome == APP_PUBLISH_FAILED;
    }
    return true;
}

/* Whether all are gone that were there: somebody does not want DANE any more. That holds until some
 * are seen again. */
static bool is_given_up(const struct keeping *k)
{
    bool *is_gone = k->round->is_gone;
    bool was_gone = *is_gone;
    if (k->round->seen == PUBLISHED_IS_MISSING) {
        *is_gone = was_gone || k->is_made;
    } else if (k->round->seen != PUBLISHED_NO_ANSWER && k->round->seen != PUBLISHED_IS_FORGED) {
        *is_gone = false;
    }
    if (*is_gone && !was_gone)
        obs_log(EV_TLSA_GONE, STR_EMPTY, OBS_CSTR("host", k->app->hostname));
    return *is_gone;
}

bool app_tlsa_keep(struct app *app, const struct published_self *self,
                   const struct app_tlsa_round *round, struct arena *a, struct err *e)
{
    struct keeping k = {
        .app = app, .self = self, .round = round, .a = a, .deadline_ms = clock_deadline_in(KEEP_MS)
    };
    struct published_record now;
    if (!self->tls_key || !published_tlsa_record(self->host, self->tls_key, a, &now))
        return true;
    if (!account_made_record_list(app->accounts, now.name, str_from_cstr(now.type), a,
                                  k.deadline_ms, &k.made, e))
        return false;
    if (k.made.n == 0)
        return true;
    if (!note_use(&k, &now, &k.is_made, e))
        return false;
    if (is_given_up(&k))
        return true;
    /* What is needed goes first: while it cannot be put there, nothing else goes. */
    if (!want(&k, &now, k.is_made, round->seen, e) || !want_next(&k, e) ||
        (may_drop(&k) && !drop_unused(&k, e)))
        return false;
    return !k.failed || ERR(e, ERR_UNAVAILABLE, "the server of the zone did not do it");
}
