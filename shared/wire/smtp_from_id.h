/* SPDX-License-Identifier: Apache-2.0 */
/* Senders that name the message they are of, so that a report of another server says by the address
 * that it comes to which message it is about, whatever else it says. Pure.
 *
 *   mia+id-<queue id><hash>@example.org    of mia@example.org
 *
 * The queue id is written as the log has it. The hash is of the key of this cluster: nobody can
 * make the address of another message. Who got a message, or a server on its way, knows its
 * address. */
#ifndef WIRE_SMTP_FROM_ID_H
#define WIRE_SMTP_FROM_ID_H

#include "base/base.h"

/* The sender that the message leaves with, in the arena. It is `sender` itself where there can be
 * no such address: for the null sender, for what is no address or has an address literal, and where
 * its local part would be longer than a local part may be. `queue_id` is not negative. */
str smtp_from_id_sender(str key, str sender, int64_t queue_id, struct arena *a);

/* Whether the local part, without quotes, has the form of one that was made so. */
bool smtp_from_id_is_tagged(str local);

/* Whether the local part, without quotes, was made so with this key; what it was made of, borrowed
 * from it, and the message. The case of letters does not matter. */
bool smtp_from_id_restore(str key, str local, struct arena *a, str *base, int64_t *queue_id);

#endif
