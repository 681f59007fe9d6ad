/* SPDX-License-Identifier: Apache-2.0 */
/* Private to deliver: the seal (ARC, RFC 8617) on mail that leaves again, by which the next server
 * can believe what was proven here and is lost on the way. */
#ifndef DELIVER_SEAL_H
#define DELIVER_SEAL_H

#include "deliver/report.h"

/* Of one domain; made zero. */
struct deliver_seal {
    str domain;
    str fields; /* whole with CRLF; empty: it has no key, or nothing is to be sealed */
};

/* Makes the seal of a domain for `content`, which leaves unchanged but for fields that no seal
 * covers (trace) on top; nothing to do when `seal` is of this domain already. A message whose
 * sender did not need to prove anything has none, nor one with a chain that cannot go on. A key
 * that cannot be opened, and a header too long, are logged: it goes on without. Errors: others of
 * account_dkim_signer. In attempt->a. Yields. */
YIELDS bool deliver_seal(const struct deliver_attempt *attempt, str domain, str content,
                         int64_t deadline_ms, struct deliver_seal *seal, struct err *e);

#endif
