/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, settings, identities and tokens in the shapes of the contract (account.yaml). Pure; all
 * give. */
#ifndef API_SHAPE_ACCOUNT_H
#define API_SHAPE_ACCOUNT_H

#include "account/profile.h"
#include "auth/app_password.h"
#include "auth/grant.h"
#include "services/api/json.h"

/* The own account. */
json_t *shape_account(const struct account *account, const str *addresses, size_t n);
/* Bits of AUTH_SCOPE_* as words. */
json_t *shape_scopes(unsigned scopes);
/* And back, from a judged list of words. */
unsigned shape_scopes_read(const json_t *words);
json_t *shape_identity(const struct account_identity *identity);
json_t *shape_identities(const struct account_identities *identities);
json_t *shape_token(const struct auth_token *token);
json_t *shape_app_password(const struct auth_app_password *password);
/* Bits AUTH_APP_* of a list of protocols that the contract checked. */
unsigned shape_app_protocols_read(const json_t *list);

/* All settings: those of the kept JSON text where it has them, else the defaults. */
json_t *shape_settings(str kept);
/* The kept text with the changes of a judged body; in arena. */
str shape_settings_merge(str kept, const json_t *changes, struct arena *a);

#endif
