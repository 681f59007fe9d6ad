/* SPDX-License-Identifier: Apache-2.0 */
/* Private to mailauth: the sets of a chain of ARC as they are found in a header. Pure. */
#ifndef MAILAUTH_ARC_CHAIN_H
#define MAILAUTH_ARC_CHAIN_H

#include "mailauth/arc.h"

/* The three fields that one handler added (RFC 8617 section 4.2). */
struct arc_set {
    const struct mime_field *results;
    struct mailauth_signature message;
    const char *message_problem; /* it cannot be verified; that matters in the newest set only */
    struct mailauth_signature seal;
    bool has_message;
    bool has_seal;
};

struct arc_chain {
    struct arc_set sets[MAILAUTH_MAX_ARC_SETS + 1]; /* by instance, from 1 */
    unsigned n;                                     /* the highest instance */
    const char *problem;                            /* the first thing that is wrong; NULL: none */
};

/* Finds the sets and checks their form, without any signature (RFC 8617 section 5.2, steps 1 to 3).
 * In arena, borrows the header. */
struct arc_chain *arc_chain_gather(struct arena *a, const struct mime_header *header);

/* Adds the fields of the sets from 1 to `last` as a seal signs them (RFC 8617 section 5.1.1); those
 * of the last one without its seal. */
void arc_chain_hash(const struct arc_chain *chain, unsigned last, struct crypto_hash *h);

#endif
