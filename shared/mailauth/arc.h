/* SPDX-License-Identifier: Apache-2.0 */
/* ARC (RFC 8617): whether the chain of those who handled a message and vouch for what they saw is
 * whole. What a sealer's word is worth is not decided here. */
#ifndef MAILAUTH_ARC_H
#define MAILAUTH_ARC_H

#include "mailauth/dkim.h"

enum {
    MAILAUTH_MAX_ARC_SETS = 50 /* RFC 8617 section 5.1.1 */
};

struct mailauth_arc {
    enum mailauth_result result; /* NONE, PASS, FAIL; TEMPERROR when a key could not be asked for */
    unsigned sets;               /* in the chain */
    const char *problem;         /* a short sentence, NULL for a pass; in arena or static */
    str domain;                  /* d= of the newest seal of a chain that passes */
    str results;                 /* body of its ARC-Authentication-Results */
};

/* Validates the chain (RFC 8617 section 5.2). Errors, deadline, arena: as mailauth_dkim_verify.
 * Yields when the resolver does. */
YIELDS bool mailauth_arc_verify(const struct mailauth_resolver *resolver,
                                const struct mailauth_message *message, struct arena *a,
                                int64_t deadline_ms, struct mailauth_arc *out, struct err *e);

#endif
