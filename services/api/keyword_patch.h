/* SPDX-License-Identifier: Apache-2.0 */
/* KeywordPatch and Move of the contract as changes of the store. */
#ifndef API_KEYWORD_PATCH_H
#define API_KEYWORD_PATCH_H

#include "services/api/call.h"
#include "store/mail.h"

/* Makes a change of flags; texts borrow the body. Answers 422 and gives false when there is nothing
 * that can be done. */
bool keyword_patch_read(struct api_call *call, const json_t *patch,
                        struct store_mail_change *change);
/* Makes a move; 422 for ids that can be no mailbox. */
bool move_read(struct api_call *call, const json_t *move, struct store_mail_change *change);

#endif
