/* SPDX-License-Identifier: Apache-2.0 */
/* The one account or message that a request is about. */
#ifndef API_ONE_H
#define API_ONE_H

#include "services/api/call.h"
#include "store/mail.h"

/* Whose something is: the account that asks, or one that an administrator names. */
struct one_owner {
    int64_t account_id;
    str login;
    unsigned scopes; /* that tokens of the account can have, AUTH_SCOPE_* */
    bool is_named;   /* by an administrator, in the path */
};

/* Whoever asks. */
struct one_owner one_self(const struct api_call *call);
/* The account of that id or address. False: answered. Yields. */
YIELDS bool one_named(struct api_call *call, str name, struct one_owner *out);
/* Where something of the owner is found: "/api/v1/tokens/7", or that of the account that was named.
 * `list` is "tokens". In the call's arena. */
const char *one_path(struct api_call *call, const struct one_owner *owner, const char *list,
                     int64_t id);

/* A message of whoever asks; `with_form` with what ENVELOPE and BODYSTRUCTURE say. In the call's
 * arena. False: answered, 404 when there is none. Yields. */
YIELDS bool one_message(struct api_call *call, int64_t id, bool with_form, struct store_mail *out);

#endif
