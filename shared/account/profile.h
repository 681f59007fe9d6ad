/* SPDX-License-Identifier: Apache-2.0 */
/* What a person sets for themself: settings of the apps, identities, the display name. Errors, also
 * those of db_query. */
#ifndef ACCOUNT_PROFILE_H
#define ACCOUNT_PROFILE_H

#include "account/account.h"
#include "base/language.h"

enum {
    ACCOUNT_IDENTITIES_MAX = 100,
    ACCOUNT_SETTINGS_MAX = 16384, /* octets of the JSON text */
    ACCOUNT_ADDRESSES_MAX = 1000, /* of one account that are listed */
    ACCOUNT_ADDRESSES_SHOWN = 100 /* of each account in lists of accounts */
};

/* The JSON text that was set, or empty. In arena. Yields. */
YIELDS bool account_settings_get(struct account_directory *d, int64_t account_id, struct arena *a,
                                 int64_t deadline_ms, str *json, struct err *e);
/* Sets the text, if what stands there is still `former` (ERR_CONFLICT otherwise). ERR_LIMIT.
 * Yields. */
YIELDS bool account_settings_set(struct account_directory *d, int64_t account_id, str former,
                                 str json, struct arena *a, int64_t deadline_ms, struct err *e);

/* The language that the account has chosen in its settings, for mail to it; English where it has
 * chosen none: that the apps follow the browser tells nothing here. Also of an account that is not
 * there. Yields. */
YIELDS bool account_language(struct account_directory *d, int64_t account_id, struct arena *a,
                             int64_t deadline_ms, enum language *out, struct err *e);

/* Changes the name that others read; with its audit row. Yields. */
YIELDS bool account_set_display_name(struct account_directory *d, const struct account_actor *actor,
                                     int64_t account_id, str name, struct arena *a,
                                     int64_t deadline_ms, struct err *e);

/* All addresses of the account, the login first, at most ACCOUNT_ADDRESSES_MAX. In arena. Yields.
 */
YIELDS bool account_addresses(struct account_directory *d, int64_t account_id, struct arena *a,
                              int64_t deadline_ms, str **out, size_t *n, struct err *e);

struct account_addresses {
    const str *list; /* the login first */
    size_t n;        /* at most ACCOUNT_ADDRESSES_SHOWN */
};
/* out[i] are the first addresses of accounts[i], n of them, by one query. In arena. Yields. */
YIELDS bool account_addresses_of(struct account_directory *d, const struct account *accounts,
                                 size_t n, struct arena *a, int64_t deadline_ms,
                                 struct account_addresses *out, struct err *e);

struct account_identity {
    int identity_id;
    str name;
    str address;
    str reply_to; /* empty: none */
    str signature_html;
    str signature_text;
    bool is_default;
};

struct account_identities {
    struct account_identity *list; /* the default one first, then by id */
    size_t n;                      /* at least 1 */
};

/* The first one is made from the account when there is none. In arena. Yields. */
YIELDS bool account_identity_list(struct account_directory *d, int64_t account_id, struct arena *a,
                                  int64_t deadline_ms, struct account_identities *out,
                                  struct err *e);
/* Adds it (identity_id 0: its id is filled) or replaces the one of that id. When it is to be the
 * default one, no other is any more; the default one stays it otherwise. ERR_NOT_FOUND, ERR_LIMIT.
 * Whether the address may be used is for the caller (account_may_send_as). Yields. */
YIELDS bool account_identity_put(struct account_directory *d, int64_t account_id,
                                 struct account_identity *identity, struct arena *a,
                                 int64_t deadline_ms, struct err *e);
/* ERR_NOT_FOUND; ERR_CONFLICT: it is the last one. When it was the default one, another one becomes
 * it. Yields. */
YIELDS bool account_identity_remove(struct account_directory *d, int64_t account_id,
                                    int identity_id, struct arena *a, int64_t deadline_ms,
                                    struct err *e);

#endif
