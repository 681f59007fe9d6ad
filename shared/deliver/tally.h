/* SPDX-License-Identifier: Apache-2.0 */
/* Private to deliver: what the author's domain of a message is told of it (RFC 9990). */
#ifndef DELIVER_TALLY_H
#define DELIVER_TALLY_H

#include "deliver/deliver.h"
#include "mailauth/mailauth.h"

/* Counts what was found out about the message, and what follows from it, for the report to the
 * domain whose policy it is. Without such a policy, or when it could not be checked, nothing is
 * counted, nor without the address of the client, which such reports are about. `is_vouched`: a
 * sealer that we trust made up for a proof that failed. */
void deliver_count_proof(const struct deliver *d, const struct mailauth_verdict *verdict,
                         enum deliver_verdict outcome, bool is_vouched, str source_ip);

/* Tells who asks for it at once (RFC 9991), unless a sealer that we trust vouched for the message:
 * it came over a mailing list, and its members are nobody's business. Nothing is told of a client
 * without an address. Yields. */
YIELDS void deliver_tell_failure(const struct deliver *d, const struct smtp_message *m,
                                 const struct mailauth_verdict *verdict,
                                 enum deliver_verdict outcome, struct arena *a,
                                 int64_t deadline_ms);

#endif
