/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS: the input as record and as policy; what a policy names is a host it allows, and it is
 * the same when it was written and read again. */
#include "transport_policy/transport_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void write_and_read(const struct mta_sts_policy *policy)
{
    struct mta_sts_policy again;
    struct buf text;
    buf_init(&text, MTA_STS_POLICY_MAX);
    INVARIANT(mta_sts_policy_format(policy, &text));
    INVARIANT(mta_sts_policy_parse(buf_str(&text), &again, NULL));
    INVARIANT(again.mode == policy->mode && again.max_age_s == policy->max_age_s);
    INVARIANT(again.n_mx == policy->n_mx);
    for (size_t i = 0; i < again.n_mx; i++)
        INVARIANT(str_eq(again.mx[i], policy->mx[i]));
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const str text = str_of((const char *)data, n);
    struct mta_sts_policy policy;
    struct tls_dane_record tlsa;
    str id;
    if (mta_sts_record_find(&text, 1, &id, NULL))
        INVARIANT(id.n > 0 && id.n <= MTA_STS_ID_MAX);
    (void)tlsa_parse(text, &tlsa);
    if (!mta_sts_policy_parse(text, &policy, NULL))
        return 0;
    INVARIANT(policy.n_mx > 0 || policy.mode == MTA_STS_NONE);
    INVARIANT(policy.max_age_s >= 0 && policy.max_age_s <= MTA_STS_AGE_MAX);
    write_and_read(&policy);
    for (size_t i = 0; i < policy.n_mx; i++) {
        char host[300] = "a";
        str pattern = policy.mx[i];
        bool is_wild = pattern.p[0] == '*';
        INVARIANT(pattern.n < sizeof(host));
        memcpy(host, pattern.p, pattern.n);
        host[0] = (char)(is_wild ? 'a' : host[0]);
        INVARIANT(mta_sts_policy_allows(&policy, str_of(host, pattern.n)));
    }
    return 0;
}
