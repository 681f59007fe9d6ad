/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to one account. */
#include "services/api/shape_account.h"

#include <stdlib.h>

static const struct {
    unsigned bit;
    const char *word;
} scope_words[] = {
    { AUTH_SCOPE_ACCOUNT_READ, "account:read" }, { AUTH_SCOPE_ACCOUNT_WRITE, "account:write" },
    { AUTH_SCOPE_MAIL_READ, "mail:read" },       { AUTH_SCOPE_MAIL_WRITE, "mail:write" },
    { AUTH_SCOPE_MAIL_SEND, "mail:send" },       { AUTH_SCOPE_ADMIN_READ, "admin:read" },
    { AUTH_SCOPE_ADMIN_WRITE, "admin:write" },
};

json_t *shape_account(const struct account *account, const str *addresses, size_t n)
{
    json_t *o = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        api_add(list, api_text(addresses[i]));
    api_set(o, "id", api_id(account->account_id));
    api_set(o, "address", api_text(account->login));
    api_set(o, "displayName", api_text(account->display_name));
    api_set(o, "addresses", list);
    api_set(o, "isAdmin", json_boolean(account->is_admin));
    api_set(o, "quotaBytes", json_integer(account->quota_bytes));
    api_set(o, "usedBytes", json_integer(account->used_bytes));
    api_set(o, "usedMessages", json_integer(account->used_messages));
    api_set(o, "createdAt", api_time(account->created_at_us));
    return o;
}

json_t *shape_scopes(unsigned scopes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(scope_words); i++) {
        if (scopes & scope_words[i].bit)
            api_add(list, json_string(scope_words[i].word));
    }
    return list;
}

unsigned shape_scopes_read(const json_t *words)
{
    unsigned scopes = 0;
    for (size_t k = 0; k < json_array_size(words); k++) {
        str word = api_str(json_array_get(words, k));
        for (size_t i = 0; i < COUNT_OF(scope_words); i++) {
            if (str_eq(word, str_from_cstr(scope_words[i].word)))
                scopes |= scope_words[i].bit;
        }
    }
    return scopes;
}

json_t *shape_identity(const struct account_identity *identity)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(identity->identity_id));
    api_set(o, "name", api_text(identity->name));
    api_set(o, "address", api_text(identity->address));
    api_set(o, "replyTo", api_text_or_null(identity->reply_to));
    api_set(o, "signatureHtml", api_text(identity->signature_html));
    api_set(o, "signatureText", api_text(identity->signature_text));
    api_set(o, "isDefault", json_boolean(identity->is_default));
    return o;
}

json_t *shape_identities(const struct account_identities *identities)
{
    json_t *list = json_array();
    for (size_t i = 0; i < identities->n; i++)
        api_add(list, shape_identity(&identities->list[i]));
    return list;
}

json_t *shape_token(const struct auth_token *token)
{
    json_t *o = json_object();
    api_set(o, "id", api_id(token->id));
    api_set(o, "name", api_text(token->name));
    api_set(o, "prefix", api_text(token->prefix));
    api_set(o, "scopes", shape_scopes(token->scopes));
    api_set(o, "createdAt", api_time(token->created_us));
    api_set(o, "lastUsedAt", api_time_or_null(token->last_used_us));
    api_set(o, "expiresAt", api_time_or_null(token->expires_us));
    return o;
}

/* ---- app passwords ---- */

static const struct {
    unsigned bit;
    const char *word;
} app_protocols[] = {
    { AUTH_APP_IMAP, "imap" },
    { AUTH_APP_POP3, "pop3" },
    { AUTH_APP_SMTP, "smtp" },
};

unsigned shape_app_protocols_read(const json_t *list)
{
    unsigned bits = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        for (size_t k = 0; word && k < COUNT_OF(app_protocols); k++)
            bits |= strcmp(word, app_protocols[k].word) == 0 ? app_protocols[k].bit : 0;
    }
    return bits;
}

json_t *shape_app_password(const struct auth_app_password *password)
{
    json_t *o = json_object();
    json_t *protocols = json_array();
    json_t *networks = json_array();
    for (size_t i = 0; i < COUNT_OF(app_protocols); i++) {
        if (password->protocols & app_protocols[i].bit)
            api_add(protocols, json_string(app_protocols[i].word));
    }
    for (size_t i = 0; i < password->n_networks; i++)
        api_add(networks, api_text(password->networks[i]));
    api_set(o, "id", api_id(password->id));
    api_set(o, "label", api_text(password->label));
    api_set(o, "protocols", protocols);
    api_set(o, "networks", networks);
    api_set(o, "createdAt", api_time(password->created_us));
    api_set(o, "expiresAt", api_time_or_null(password->expires_us));
    api_set(o, "lastUsedAt", api_time_or_null(password->last_used_us));
    api_set(o, "lastUsedIp", api_text(password->last_used_ip));
    return o;
}

/* ---- settings ---- */

json_t *shape_settings(str kept)
{
    json_t *all = json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:i, s:b}", "language", "auto", "theme",
                            "auto", "density", "cosy", "timeZone", "", "undoSendSeconds", 10,
                            "singleKeys", 1, "markReadAfterSeconds", 0, "desktopNotifications", 0);
    json_t *set = kept.n ? json_loadb(kept.p, kept.n, 0, NULL) : NULL;
    if (json_is_object(set))
        (void)json_object_update_existing(all, set);
    json_decref(set);
    return all;
}

str shape_settings_merge(str kept, const json_t *changes, struct arena *a)
{
    json_t *set = kept.n ? json_loadb(kept.p, kept.n, 0, NULL) : NULL;
    json_t *merged = json_is_object(set) ? json_incref(set) : json_object();
    json_t *copy = json_deep_copy(changes);
    (void)json_object_update(merged, copy);
    char *text = json_dumps(merged, JSON_COMPACT | JSON_SORT_KEYS);
    str out = arena_str(a, str_from_cstr(text));
    free(text);
    json_decref(copy);
    json_decref(merged);
    json_decref(set);
    return out;
}
