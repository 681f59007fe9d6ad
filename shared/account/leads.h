/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that lead to others, and who else may send as an address: for administrators. */
#ifndef ACCOUNT_LEADS_H
#define ACCOUNT_LEADS_H

#include "account/lists.h"

enum {
    ACCOUNT_SENDERS_MAX = 100 /* accounts that may send as one address */
};

struct account_lead_new {
    str address; /* "*@domain": the catch-all of the domain */
    bool is_group;
    enum account_posting posting;
    const str *targets; /* local@domain, of ours or elsewhere */
    size_t n;           /* 1 .. ACCOUNT_TARGETS_MAX */
};

/* Makes an address that leads to others, with its audit row. ERR_SYNTAX (it, or a target, is no
 * address), ERR_NOT_FOUND (the domain is not ours), ERR_EXISTS, ERR_CONFLICT (it would lead
 * nowhere), ERR_LIMIT (it leads to too many, or over too many). Yields. */
YIELDS bool account_lead_add(struct account_directory *d, const struct account_actor *actor,
                             const struct account_lead_new *lead, struct arena *a,
                             int64_t deadline_ms, struct err *e);

/* What is to change of an address; the rest stays. */
struct account_address_update {
    bool has_targets;
    bool has_posting;
    bool has_senders;
    bool has_on_behalf;
    const str *targets;
    size_t n_targets; /* 1 .. ACCOUNT_TARGETS_MAX */
    enum account_posting posting;
    const str *senders;   /* an address of each account */
    size_t n_senders;     /* 0 .. ACCOUNT_SENDERS_MAX */
    const str *on_behalf; /* the same of those who may write on its behalf only */
    size_t n_on_behalf;
};

/* Changes all of it or nothing, with one audit row. ERR_DENIED: targets or posting of an address
 * that belongs to an account; ERR_NOT_FOUND: no such address, or a sender is no account; else as
 * account_lead_add. Yields. */
YIELDS bool account_address_update(struct account_directory *d, const struct account_actor *actor,
                                   str address, const struct account_address_update *update,
                                   struct arena *a, int64_t deadline_ms, struct err *e);

#endif
