/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS (RFC 8461): the record that says there is a policy, and the policy. Pure. */
#ifndef TRANSPORT_POLICY_MTA_STS_H
#define TRANSPORT_POLICY_MTA_STS_H

#include "base/base.h"

enum {
    MTA_STS_POLICY_MAX = 64 * 1024, /* octets of a policy file (section 3.2) */
    MTA_STS_MX_MAX = 64,            /* patterns of a policy */
    MTA_STS_ID_MAX = 32,            /* characters of an id (section 3.1) */
    MTA_STS_AGE_MAX = 31557600      /* seconds: a year (section 3.2) */
};

/* The id of the domain's policy, out of its TXT records (each one joined to a text): exactly one of
 * them must be of STSv1. ERR_NOT_FOUND: the domain has no MTA-STS. *id borrows the record. */
bool mta_sts_record_find(const str *records, size_t n, str *id, struct err *e);

enum mta_sts_mode {
    MTA_STS_NONE,    /* as if there were no policy */
    MTA_STS_TESTING, /* deliver, and report what would have failed */
    MTA_STS_ENFORCE
};

/* The word in a policy. Static. */
const char *mta_sts_mode_name(enum mta_sts_mode mode);

struct mta_sts_policy {
    enum mta_sts_mode mode;
    int64_t max_age_s;      /* from the moment it was fetched */
    str mx[MTA_STS_MX_MAX]; /* patterns as written: "mx.example.com", "*.example.net" */
    size_t n_mx;
};

/* Reads the body of a policy file; slices borrow it. Unknown fields are ignored, of a field that
 * comes twice the first counts. ERR_SYNTAX, ERR_LIMIT. */
bool mta_sts_policy_parse(str body, struct mta_sts_policy *out, struct err *e);

/* Appends the policy as a file that mta_sts_policy_parse reads. False when `out` is full. */
bool mta_sts_policy_format(const struct mta_sts_policy *policy, struct buf *out);

/* Whether the policy names the host: by its name, or by a '*' for its first label (section 4.1). In
 * any case, the final dot does not count. */
bool mta_sts_policy_allows(const struct mta_sts_policy *policy, str host);

#endif
