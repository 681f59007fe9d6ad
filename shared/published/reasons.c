/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of a record, as words for programs and sentences for people. */
#include "published/published.h"

const char *published_purpose_name(enum published_purpose purpose)
{
    static const char *const names[] = {
        [PUBLISHED_MX] = "mx",
        [PUBLISHED_SPF] = "spf",
        [PUBLISHED_SPF_HOST] = "spfHost",
        [PUBLISHED_DKIM] = "dkim",
        [PUBLISHED_DMARC] = "dmarc",
        [PUBLISHED_MTA_STS] = "mtaSts",
        [PUBLISHED_TLS_RPT] = "tlsRpt",
        [PUBLISHED_TLSA] = "tlsa",
        [PUBLISHED_TLSA_NEXT] = "tlsaNext",
        [PUBLISHED_IMAPS] = "imaps",
        [PUBLISHED_SUBMISSIONS] = "submissions",
        [PUBLISHED_SUBMISSION] = "submission",
        [PUBLISHED_HOST] = "host",
        [PUBLISHED_REVERSE] = "reverse",
        [PUBLISHED_POLICY] = "policy",
        [PUBLISHED_DNSSEC] = "dnssec",
    };
    return names[purpose];
}

struct meaning {
    const char *name;
    enum published_state state;
    const char *text;
};

static const struct meaning meanings[] = {
    [PUBLISHED_IS_RIGHT] = { "right", PUBLISHED_RIGHT, "It is as it should be." },
    [PUBLISHED_IS_MISSING] = { "missing", PUBLISHED_MISSING, "There is no such record yet." },
    [PUBLISHED_IS_OTHER] = { "other", PUBLISHED_DIFFERENT, "Another value is there." },
    [PUBLISHED_IS_SEVERAL] = { "several", PUBLISHED_DIFFERENT,
                               "There are several such records, so receivers heed none of them: "
                               "leave one." },
    [PUBLISHED_IS_INVALID] = { "invalid", PUBLISHED_DIFFERENT,
                               "Receivers cannot use it as it is." },
    [PUBLISHED_IS_FORGED] = { "forged", PUBLISHED_DIFFERENT,
                              "Its DNSSEC signature is wrong: receivers that check it see "
                              "nothing." },
    [PUBLISHED_NO_ANSWER] = { "noAnswer", PUBLISHED_UNKNOWN,
                              "The DNS did not answer: try again later." },
    [PUBLISHED_MX_ELSEWHERE] = { "mxElsewhere", PUBLISHED_DIFFERENT,
                                 "Mail for the domain goes to other servers, not to this one." },
    [PUBLISHED_MX_NULL] = { "mxNull", PUBLISHED_DIFFERENT,
                            "The domain says that it takes no mail (null MX)." },
    [PUBLISHED_MX_ALIAS] = { "mxAlias", PUBLISHED_DIFFERENT,
                             "A server that it names is an alias (CNAME); some senders do not "
                             "deliver there. Name the host itself." },
    [PUBLISHED_MX_NO_ADDRESS] = { "mxNoAddress", PUBLISHED_DIFFERENT,
                                  "A server that it names has no address (A, AAAA)." },
    [PUBLISHED_NO_ADDRESS] = { "noAddress", PUBLISHED_MISSING,
                               "The name of this server has no address: set an A or AAAA record." },
    [PUBLISHED_PRIVATE] = { "private", PUBLISHED_DIFFERENT,
                            "The address is not public: others cannot reach it." },
    [PUBLISHED_SPF_NOT_US] = { "spfNotUs", PUBLISHED_DIFFERENT,
                               "It does not let this server send: its mail may be refused. Add its "
                               "addresses." },
    [PUBLISHED_SPF_ANYBODY] = { "spfAnybody", PUBLISHED_DIFFERENT,
                                "It lets everybody send in the name of the domain: end it with "
                                "-all." },
    [PUBLISHED_SOURCE_UNKNOWN] = { "sourceUnknown", PUBLISHED_UNKNOWN,
                                   "Which address mail leaves from is not known: this server's "
                                   "name has none in the DNS, and delivery.source is not set." },
    [PUBLISHED_REVOKED] = { "revoked", PUBLISHED_DIFFERENT,
                            "The record holds no key: signatures with it count for nothing." },
    [PUBLISHED_NO_KEY] = { "noKey", PUBLISHED_MISSING,
                           "No key signs the mail of the domain: make one (heronry dkim generate), "
                           "or let one that waits sign (heronry dkim activate)." },
    [PUBLISHED_POLICY_GONE] = { "policyGone", PUBLISHED_DIFFERENT,
                                "Others cannot fetch the policy." },
    [PUBLISHED_POLICY_OTHER] = { "policyOther", PUBLISHED_DIFFERENT,
                                 "The policy that others get does not name this server." },
    [PUBLISHED_TLSA_OTHER] = { "tlsaOther", PUBLISHED_DIFFERENT,
                               "No record matches the certificate in use: senders that check DANE "
                               "do not deliver. Set the new record beside the old one." },
    [PUBLISHED_TLSA_UNSIGNED] = { "tlsaUnsigned", PUBLISHED_MISSING,
                                  "It is there, but counts for nobody: the zone is not signed by "
                                  "DNSSEC." },
    [PUBLISHED_TLSA_UNKNOWN] = { "tlsaUnknown", PUBLISHED_UNKNOWN,
                                 "Which certificate is in use is not known here: ask the running "
                                 "server (--url)." },
    [PUBLISHED_UNSIGNED] = { "unsigned", PUBLISHED_MISSING,
                             "The zone is not signed by DNSSEC: DANE is of no use in it." },
    [PUBLISHED_ZONE_FORGED] = { "zoneForged", PUBLISHED_DIFFERENT,
                                "The DNSSEC of the zone is wrong, as seen from here: sign the zone "
                                "again, or put the clock or the resolver of this machine right." },
    [PUBLISHED_NO_NAME] = { "noName", PUBLISHED_MISSING,
                            "The address has no name: many receivers refuse mail from it. Whoever "
                            "gave you the address sets its PTR record." },
    [PUBLISHED_NAME_OTHER] = { "nameOther", PUBLISHED_DIFFERENT,
                               "The name of the address does not lead back to the address." },
    [PUBLISHED_HELO_OTHER] = { "heloOther", PUBLISHED_DIFFERENT,
                               "This server's name in EHLO does not lead to the address that mail "
                               "leaves from." },
};

enum published_state published_state_of(enum published_reason reason)
{
    return meanings[reason].state;
}

const char *published_reason_name(enum published_reason reason)
{
    return meanings[reason].name;
}

const char *published_reason_text(enum published_reason reason)
{
    return meanings[reason].text;
}

const char *published_state_name(enum published_state state)
{
    static const char *const names[] = { [PUBLISHED_RIGHT] = "right",
                                         [PUBLISHED_MISSING] = "missing",
                                         [PUBLISHED_DIFFERENT] = "different",
                                         [PUBLISHED_UNKNOWN] = "unknown" };
    return names[state];
}

bool published_is_there(const struct published_finding *f)
{
    for (size_t i = 0; f->reason == PUBLISHED_TLSA_UNSIGNED && i < f->n_found; i++) {
        if (str_ieq(f->found[i], f->record.value))
            return true;
    }
    return f->reason == PUBLISHED_IS_RIGHT;
}

bool published_is_wrong(const struct published_finding *f)
{
    switch (published_state_of(f->reason)) {
    case PUBLISHED_RIGHT:
        return false;
    case PUBLISHED_DIFFERENT:
        return true;
    case PUBLISHED_MISSING:
    case PUBLISHED_UNKNOWN:
        return f->record.is_needed;
    }
    return true;
}
