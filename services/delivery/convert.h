/* SPDX-License-Identifier: Apache-2.0 */
/* A message in the form that a server of seven bits takes. */
#ifndef DELIVERY_CONVERT_H
#define DELIVERY_CONVERT_H

#include "services/delivery/transaction.h"

/* Reads the whole message (`size` octets) and re-encodes it in the offload pool (mime/seven_bit.h);
 * *out is in the arena. Few at a time, because each is in memory twice. ERR_UNSUPPORTED: it cannot
 * be re-encoded. ERR_TIMEOUT: there was no turn for it; and the errors of reading. Yields. */
YIELDS bool delivery_convert(struct delivery *d, const struct delivery_source *source, size_t size,
                             struct arena *a, str *out, struct err *e);

#endif
