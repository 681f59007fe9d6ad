/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of conversations, for their own operation and for the bootstrap. */
#ifndef API_PAGE_H
#define API_PAGE_H

#include "services/api/call.h"
#include "store/mail.h"

struct page_wanted {
    struct store_thread_query query;
    enum store_role role; /* of the mailbox */
    int64_t state;        /* of the account, read before */
};

/* ThreadPage of the contract, without its total. Gives *out. Yields. */
YIELDS bool page_of_threads(struct api_call *call, const struct page_wanted *wanted, json_t **out,
                            struct err *e);

#endif
