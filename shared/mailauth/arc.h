/* SPDX-License-Identifier: Apache-2.0 */
/* ARC (RFC 8617): whether the chain of those who handled a message and vouch for what they saw is
 * whole, and one more link of it. What a sealer's word is worth is not decided here. */
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

/* What a handler vouches for when a message leaves. */
struct mailauth_sealing {
    const struct mailauth_signer *signer;
    enum mailauth_result chain; /* what mailauth_arc_verify said when the message came */
    str results;                /* all of an Authentication-Results field but its name and colon */
    int64_t now_s;              /* seconds UTC: t= */
};

/* Appends a set of ARC for the message as it leaves (RFC 8617 section 5.1), three fields with CRLF,
 * to be put in front of it: nothing may be changed after that. Nothing is appended where no further
 * seal is possible or of use: the newest one says that the chain failed, the chain has 50 sets, its
 * result is not known (TEMPERROR), or the message's fields are no longer those that were verified.
 * ERR_LIMIT: `out` is full. Yields when the message's `turn` does. */
bool mailauth_arc_seal(const struct mailauth_message *message,
                       const struct mailauth_sealing *sealing, struct buf *out, struct err *e);

#endif
