/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of fields to objects. */
#include "services/api/shape_admin.h"

#include "account/dkim.h"
#include "base/address.h"
#include "services/api/told.h"

/* ---- queue ---- */

json_t *shape_queue_entry(const struct queue_row *row)
{
    char id[QUEUE_ID_TEXT];
    json_t *o = json_object();
    api_set(o, "id", api_text(queue_id_format(row->queue_id, id)));
    api_set(o, "sender", api_text(row->envelope_from));
    api_set(o, "recipient", api_text(row->recipient));
    api_set(o, "domain", api_text(row->domain));
    api_set(o, "status", json_string(queue_status_name(row->status)));
    api_set(o, "attempts", json_integer(row->attempts));
    api_set(o, "nextAttemptAt", api_time_or_null(row->due_us));
    api_set(o, "isAsked", json_boolean(row->is_asked));
    api_set(o, "heldUntil", api_time_or_null(row->is_waiting ? row->due_us : 0));
    api_set(o, "lastAttemptAt", api_time_or_null(row->last_attempt_us));
    api_set(o, "code", api_text(row->code));
    api_set(o, "reply", api_text(row->reply));
    api_set_told(o, row->reply);
    api_set(o, "waits", api_waits(row->waits));
    api_set(o, "createdAt", api_time(row->created_us));
    api_set(o, "expiresAt", api_time_or_null(row->expires_us));
    api_set(o, "size", json_integer(row->size));
    api_set(o, "transport", api_text_or_null(row->transport));
    api_set(o, "isVerp", json_boolean(row->is_verp));
    return o;
}

json_t *shape_queue_entries(const struct queue_rows *rows)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows->n; i++)
        api_add(list, shape_queue_entry(&rows->list[i]));
    return list;
}

json_t *shape_queue_domains(const struct queue_groups *groups)
{
    static const char *const breakers[] = { [QUEUE_BREAKER_CLOSED] = "closed",
                                            [QUEUE_BREAKER_OPEN] = "open",
                                            [QUEUE_BREAKER_HALF_OPEN] = "halfOpen" };
    json_t *list = json_array();
    for (size_t i = 0; i < groups->n; i++) {
        const struct queue_group *group = &groups->list[i];
        json_t *o = json_object();
        api_set(o, "domain", api_text(group->domain));
        api_set(o, "recipients", json_integer(group->recipients));
        api_set(o, "messages", json_integer(group->messages));
        api_set(o, "failed", json_integer(group->failed));
        api_set(o, "held", json_integer(group->held));
        api_set(o, "nextAttemptAt", api_time_or_null(group->due_us));
        api_set(o, "reply", api_text(group->reply));
        api_set_told(o, group->reply);
        api_set(o, "replies", json_integer(group->replies));
        api_set(o, "waits", api_waits(group->waits));
        api_set(o, "breaker", json_string(breakers[group->breaker]));
        api_set(o, "breakerUntil", api_time_or_null(group->until_us));
        api_add(list, o);
    }
    return list;
}

json_t *shape_queue_stats(const struct queue_stats *stats)
{
    json_t *o = json_object();
    api_set(o, "messages", json_integer(stats->messages));
    api_set(o, "pending", json_integer(stats->pending));
    api_set(o, "deferred", json_integer(stats->deferred));
    api_set(o, "failed", json_integer(stats->failed));
    api_set(o, "held", json_integer(stats->held));
    api_set(o, "due", json_integer(stats->due));
    api_set(o, "bytes", json_integer(stats->bytes));
    api_set(o, "oldestAt", api_time_or_null(stats->oldest_us));
    api_set(o, "openBreakers", json_integer(stats->open_breakers));
    api_set(o, "leased", json_integer(stats->leased));
    return o;
}

/* ---- directory ---- */

json_t *shape_domain(const struct account_domain_row *domain)
{
    json_t *o = json_object();
    api_set(o, "name", api_text(domain->name));
    api_set(o, "accounts", json_integer(domain->accounts));
    api_set(o, "addresses", json_integer(domain->addresses));
    api_set(o, "aliasOf", api_text_or_null(domain->alias_of));
    api_set(o, "dkimRotateAfterSeconds",
            domain->dkim_rotate_ms == ACCOUNT_DKIM_ROTATE_DEFAULT
                ? json_null()
                : json_integer(domain->dkim_rotate_ms / 1000));
    api_set(o, "tenant", api_text_or_null(domain->tenant));
    api_set(o, "createdAt", api_time(domain->created_at_us));
    return o;
}

json_t *shape_admin_account(const struct account *account,
                            const struct account_addresses *addresses)
{
    json_t *o = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < addresses->n; i++)
        api_add(list, api_text(addresses->list[i]));
    api_set(o, "id", api_id(account->account_id));
    api_set(o, "address", api_text(account->login));
    api_set(o, "domain", api_text(address_domain(account->login)));
    api_set(o, "displayName", api_text(account->display_name));
    api_set(o, "addresses", list);
    api_set(o, "quotaBytes", json_integer(account->quota_bytes));
    api_set(o, "usedBytes", json_integer(account->used_bytes));
    api_set(o, "usedMessages", json_integer(account->used_messages));
    api_set(o, "isAdmin", json_boolean(account->is_admin));
    api_set(o, "isDisabled", json_boolean(account->is_disabled));
    api_set(o, "hasPassword", json_boolean(account->password_hash.n > 0));
    api_set(o, "keepsPop3Deleted", json_boolean(account->keeps_pop3_deleted));
    api_set(o, "savesSent", json_boolean(account->saves_sent));
    api_set(o, "usesFromId", json_boolean(account->uses_from_id));
    api_set(o, "createdAt", api_time(account->created_at_us));
    return o;
}

json_t *shape_account_use(const struct account *account)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(account->account_id));
    api_set(o, "address", api_text(account->login));
    api_set(o, "usedBytes", json_integer(account->used_bytes));
    api_set(o, "quotaBytes", json_integer(account->quota_bytes));
    return o;
}

static json_t *shape_texts(const str *list, size_t n)
{
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++)
        api_add(all, api_text(list[i]));
    return all;
}

json_t *shape_address(const struct account_address_row *address)
{
    static const char *const kinds[] = { [ACCOUNT_ADDRESS_LOGIN] = "login",
                                         [ACCOUNT_ADDRESS_ALIAS] = "alias",
                                         [ACCOUNT_ADDRESS_FORWARD] = "forward",
                                         [ACCOUNT_ADDRESS_GROUP] = "group" };
    static const char *const posting[] = { [ACCOUNT_POSTING_ANYONE] = "anyone",
                                           [ACCOUNT_POSTING_DOMAIN] = "domain",
                                           [ACCOUNT_POSTING_MEMBERS] = "members" };
    json_t *o = json_object();
    api_set(o, "address", api_text(address->address));
    api_set(o, "domain", api_text(address->domain));
    api_set(o, "kind", json_string(kinds[address->kind]));
    api_set(o, "accountId", api_id_or_null(address->account_id));
    api_set(o, "account", api_text_or_null(address->login));
    api_set(o, "targets", shape_texts(address->targets, address->n_targets));
    api_set(o, "posting", json_string(posting[address->posting]));
    api_set(o, "senders", shape_texts(address->senders, address->n_senders));
    api_set(o, "onBehalf", shape_texts(address->on_behalf, address->n_on_behalf));
    api_set(o, "createdAt", api_time(address->created_at_us));
    return o;
}

/* ---- audit ---- */

json_t *shape_audit_entry(const struct audit_row *row)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(row->id));
    api_set(o, "at", api_time(row->at_us));
    api_set(o, "actorId", api_id_or_null(row->entry.actor_id));
    api_set(o, "actor", api_text(row->entry.actor));
    api_set(o, "ip", api_text(row->entry.ip));
    api_set(o, "action", api_text(row->entry.action));
    api_set(o, "object", api_text(row->entry.object));
    api_set(o, "detail", api_text(row->entry.detail));
    api_set(o, "result", api_text(row->entry.result));
    return o;
}
