/* SPDX-License-Identifier: Apache-2.0 */
/* From what was typed to a question to the index, with mailboxes by their names. */
#ifndef API_FOUND_H
#define API_FOUND_H

#include "services/api/call.h"
#include "services/api/search_query.h"
#include "store/store.h"

struct found_wanted {
    str typed;
    int64_t mailbox_id; /* only in this one; 0: everywhere but in junk and trash, unless typed */
};

/* Fills *query for what was typed, and *typed for showing it. A mailbox that is not there makes
 * the search find nothing. Answers a failure itself. Yields. */
YIELDS bool found_prepare(struct api_call *call, const struct found_wanted *wanted,
                          struct search_typed *typed, struct search_mail_query *query);

#endif
