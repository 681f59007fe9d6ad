/* SPDX-License-Identifier: Apache-2.0 */
/* Private to deliver: who sent a message that comes from outside, and whether it may come in. */
#ifndef DELIVER_PROOF_H
#define DELIVER_PROOF_H

#include "deliver/report.h"

enum {
    DELIVER_PROOF_MS = 20 * 1000,   /* for all questions to the DNS about one message */
    DELIVER_GREETING_MS = 5 * 1000, /* of these for the name in EHLO */
    DELIVER_POLICY_MS = 10 * 1000,  /* then for those about its author's policy */
    DELIVER_MAX_PROVEN = 16 * 1024, /* octets of the Authentication-Results field */
    DELIVER_MAX_REASON = 300        /* octets of the sentence in a reply */
};

/* Checks what d->checks asks for: SPF (RFC 7208), DKIM (RFC 6376), ARC (RFC 8617), DMARC (RFC 9989,
 * which needs SPF and DKIM), and iprev with any of them. Sets out->verdict and out->reason when the
 * message is to be refused, attempt->is_junk and held_why when the author's domain wants it in
 * quarantine, held_why and is_unproven also when it would be refused but is for who is always heard
 * (deliver_is_always_heard), and gives the Authentication-Results field, whole with CRLF (empty:
 * nothing was checked), in the arena; attempt->results and chain, where there was a look for one;
 * attempt->iprev.
 * ERR_CANCELLED; that the DNS has no answer is a result. Yields. */
YIELDS bool deliver_prove(struct deliver_attempt *attempt, int64_t deadline_ms,
                          struct deliver_result *out, str *field, struct err *e);

/* The sentence for who may not do `what` ("send for it", "call itself so") by this SPF, which is a
 * fail; in arena, DELIVER_MAX_REASON at most. Pure. */
str deliver_spf_denial(struct arena *a, const struct mailauth_spf *spf, str ip, const char *what);

#endif
