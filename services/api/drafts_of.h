/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages show drafts that can be edited here. */
#ifndef API_DRAFTS_OF_H
#define API_DRAFTS_OF_H

#include "services/api/call.h"
#include "store/mail.h"

/* (*out)[i] is the id of the draft that mails[i] shows, or 0; asks only when one of them has the
 * flag of drafts. Answers a failure itself. In arena. Yields. */
YIELDS bool drafts_of(struct api_call *call, const struct store_mail *mails, size_t n,
                      int64_t **out);

#endif
