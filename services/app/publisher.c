/* SPDX-License-Identifier: Apache-2.0 */
/* First the DNS, then what is remembered of it: what was remembered and never came to be could be
 * somebody else's record when it is taken out. */
#include "services/app/publisher.h"

#include "account/made_record.h"
#include "obs/obs.h"
#include "services/app/zones.h"

static struct account_made_record made_of(const struct app_publisher *p,
                                          const struct published_record *record)
{
    return (struct account_made_record){ .domain = p->domain,
                                         .name = record->name,
                                         .type = str_from_cstr(record->type),
                                         .value = record->value };
}

/* Beside others at the name of the domain or host itself, where anybody's texts stand, and where
 * one of several has to match; elsewhere alone. */
static enum dns_update_act act_for(const struct published_record *record)
{
    if (record->purpose == PUBLISHED_TLSA || record->purpose == PUBLISHED_TLSA_NEXT)
        return DNS_UPDATE_ADD_BESIDE;
    bool is_spf = record->purpose == PUBLISHED_SPF || record->purpose == PUBLISHED_SPF_HOST;
    return is_spf ? DNS_UPDATE_ADD_KIND : DNS_UPDATE_ADD_FIRST;
}

static bool is_silent(const struct app_silent *silent, const struct net_address *server)
{
    char one[NET_ADDRESS_TEXT];
    char other[NET_ADDRESS_TEXT];
    for (size_t i = 0; i < silent->n; i++) {
        if (str_eq(net_address_text(&silent->list[i], one), net_address_text(server, other)))
            return true;
    }
    return false;
}

static void note_silent(struct app_silent *silent, const struct net_address *server)
{
    if (silent->n < APP_SILENT_MAX)
        silent->list[silent->n++] = *server;
}

/* Tells why it failed. */
static void log_failure(const struct app_publisher *p, const struct published_record *record,
                        const struct err *fault, str *why)
{
    if (why)
        *why = arena_str(p->a, str_from_cstr(fault->msg));
    obs_log(EV_DNS_UPDATE_FAILED, STR_EMPTY, OBS_STR("name", record->name),
            OBS_CSTR("type", record->type), OBS_ERR(fault));
}

/* Yields. */
YIELDS static bool update(const struct app_publisher *p, const struct published_record *record,
                          enum dns_update_act act, enum app_publishing *out, str *why,
                          struct err *e)
{
    static const enum app_publishing outcomes[] = {
        [DNS_UPDATE_DONE] = APP_PUBLISH_DONE,
        [DNS_UPDATE_WAS_THERE] = APP_PUBLISH_THERE,
        [DNS_UPDATE_IS_TAKEN] = APP_PUBLISH_TAKEN,
    };
    struct dns_update_zone zone;
    struct err fault = ERR_CLEAR;
    enum dns_update_outcome outcome = DNS_UPDATE_DONE;
    const struct dns_update_record wanted = { record->name, str_from_cstr(record->type),
                                              record->value };
    *out = APP_PUBLISH_NO_ZONE;
    if (!app_zone_find(p->app->config, record->name, &zone))
        return true;
    if (is_silent(p->silent, &zone.server)) {
        (void)ERR(&fault, ERR_TIMEOUT, "its server did not answer a moment ago");
    } else if (dns_update(p->app->runtime, &zone, act, &wanted, p->deadline_ms, &outcome, &fault)) {
        *out = outcomes[outcome];
        return true;
    }
    if (fault.kind == ERR_CANCELLED) {
        *e = fault;
        return false;
    }
    if (fault.kind == ERR_TIMEOUT && !is_silent(p->silent, &zone.server))
        note_silent(p->silent, &zone.server);
    *out = APP_PUBLISH_FAILED;
    log_failure(p, record, &fault, why);
    return true;
}

bool app_publish(const struct app_publisher *p, const struct published_record *record,
                 enum app_publishing *out, str *why, struct err *e)
{
    const struct account_made_record made = made_of(p, record);
    if (!update(p, record, act_for(record), out, why, e))
        return false;
    if (*out != APP_PUBLISH_DONE)
        return true;
    obs_log(EV_DNS_ADDED, STR_EMPTY, OBS_STR("name", record->name), OBS_CSTR("type", record->type));
    return account_made_record_add(p->app->accounts, p->actor, &made, p->a, p->deadline_ms, e);
}

bool app_publish_again(const struct app_publisher *p, const struct published_record *record,
                       enum app_publishing *out, struct err *e)
{
    return update(p, record, act_for(record), out, NULL, e);
}

/* Yields. */
YIELDS static bool note_removed(const struct app_publisher *p,
                                const struct account_made_record *made, struct err *e)
{
    obs_log(EV_DNS_REMOVED, STR_EMPTY, OBS_STR("name", made->name), OBS_STR("type", made->type));
    return account_made_record_remove(p->app->accounts, p->actor, made, p->a, p->deadline_ms, e);
}

bool app_withdraw(const struct app_publisher *p, const struct published_record *record,
                  enum app_publishing *out, str *why, struct err *e)
{
    const struct account_made_record made = made_of(p, record);
    bool found = false;
    *out = APP_PUBLISH_NOT_OURS;
    if (!account_made_record_find(p->app->accounts, &made, p->a, p->deadline_ms, &found, e))
        return false;
    if (!found)
        return true;
    if (!update(p, record, DNS_UPDATE_REMOVE, out, why, e))
        return false;
    return *out != APP_PUBLISH_DONE || note_removed(p, &made, e);
}

bool app_withdraw_unused(const struct app_publisher *p, const struct published_record *record,
                         enum app_publishing *out, struct err *e)
{
    const struct account_made_record made = made_of(p, record);
    bool taken = false;
    *out = APP_PUBLISH_NOT_OURS;
    if (!account_made_record_take_unused(p->app->accounts, &made, p->a, p->deadline_ms, &taken, e))
        return false;
    if (!taken)
        return true;
    if (!update(p, record, DNS_UPDATE_REMOVE, out, NULL, e))
        return false;
    return *out == APP_PUBLISH_DONE
               ? note_removed(p, &made, e)
               : account_made_record_put_back(p->app->accounts, &made, p->a, p->deadline_ms, e);
}
