/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: a POST that is sent once more is answered as the first time. */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "services/api/call.h"

/* Takes the key of the request, when it has one. False when the call was answered here: with the
 * first answer, or with 409. Yields. */
YIELDS bool idempotency_begin(struct api_call *call);
/* Keeps the answer under the key; after a failure of ours the key is free again. Yields. */
YIELDS void idempotency_end(struct api_call *call);

#endif
