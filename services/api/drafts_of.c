/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for the drafts of messages. */
#include "services/api/drafts_of.h"

bool drafts_of(struct api_call *call, const struct store_mail *mails, size_t n, int64_t **out)
{
    (void)mails;
    *out = ARENA_ARRAY(call->arena, int64_t, n + 1);
    return true;
}
