/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of sending in the shape of the contract; with the operations on them. */
#ifndef API_SHAPE_SENDING_H
#define API_SHAPE_SENDING_H

#include "account/sending.h"
#include "services/api/json.h"

/* `rules` are those of accounts without limits of their own. Pure; gives. */
json_t *shape_sending(const struct account_sending *s, const struct account_sending_rules *rules);

#endif
