/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of published: which DNS records a domain of ours needs, and whether they are there.
 * Who asks for that, and where the answer is shown, is not known here. */
#ifndef PUBLISHED_PUBLISHED_H
#define PUBLISHED_PUBLISHED_H

#include "account/dkim.h"
#include "account/mta_sts.h"
#include "mailauth/mailauth.h"
#include "transport_policy/transport_policy.h"

/* What a record is for. */
enum published_purpose {
    PUBLISHED_MX,
    PUBLISHED_SPF,
    PUBLISHED_SPF_HOST, /* of our name in EHLO: counts for HELO and for bounces (RFC 7208 2.3, 2.4)
                         */
    PUBLISHED_DKIM,
    PUBLISHED_DMARC,
    PUBLISHED_MTA_STS,
    PUBLISHED_TLS_RPT,
    PUBLISHED_TLSA,
    PUBLISHED_TLSA_NEXT, /* of the certificate that comes next, ahead of it */
    PUBLISHED_IMAPS,
    PUBLISHED_SUBMISSIONS,
    PUBLISHED_SUBMISSION,
    PUBLISHED_HOST,    /* addresses of this server's name; the rest is checked, not listed */
    PUBLISHED_REVERSE, /* the name of an address that mail leaves from */
    PUBLISHED_POLICY,  /* the MTA-STS policy, by HTTPS */
    PUBLISHED_DNSSEC
};

/* The word of the API: "mx", "mtaSts". Static. */
const char *published_purpose_name(enum published_purpose purpose);

enum {
    PUBLISHED_POOLS_MAX = 12 /* addresses of pools that are looked at */
};

/* This server as the world should see it. Borrowed. */
struct published_self {
    const char *host;                  /* its name: MX records point to it */
    const char *helo;                  /* its name in EHLO */
    const char *inbox;                 /* local part of the address that reports go to */
    const char *report_path;           /* that takes reports on TLS by HTTPS; NULL: none does */
    const uint8_t *tls_key;            /* SHA-256 of its TLS key (tls_server_key_sha256), or NULL */
    const uint8_t *next_tls_key;       /* of the one that comes next; NULL: none, or not known */
    const struct net_address *sources; /* mail leaves from; n_sources 0: from those of `host` */
    size_t n_sources;
    const struct net_address *pools; /* some mail leaves from these, under any name in EHLO */
    size_t n_pools;
    bool allow_private; /* addresses that are not public will do */
    bool signs_mail;    /* of domains that have a key */
};

struct published_record {
    enum published_purpose purpose;
    const char *type; /* "TXT"; static */
    str name;         /* without the final dot */
    str value;        /* as a zone file has it; of TXT the text, not yet cut into strings */
    bool is_needed;   /* without it mail suffers; the others help */
};

struct published_records {
    str domain;
    struct published_record *list; /* in arena */
    size_t n;
    bool is_signed; /* one of its DKIM keys signs */
};

/* The records that the domain of ours needs, of what this server does. That of the TLS key that
 * comes next stands behind that of the one in use, where both are known and are two. ERR_NOT_FOUND:
 * the domain is not ours. In arena. Yields. */
YIELDS bool published_list(struct account_directory *d, const struct published_self *self,
                           str domain, struct arena *a, int64_t deadline_ms,
                           struct published_records *out, struct err *e);

enum {
    PUBLISHED_KEY_RECORDS = 2 /* at most */
};

/* The records of a DKIM key, how many: that of RSA first. Pure; in arena. */
size_t published_key_records(str domain, const struct account_dkim_key *key, struct arena *a,
                             struct published_record out[PUBLISHED_KEY_RECORDS]);

/* The TLSA record, 3 1 1 (RFC 7671 section 5.1), of a key at the host's port for mail. False: there
 * is none of such a name. Pure; in arena. */
bool published_tlsa_record(const char *host, const uint8_t key[TLS_KEY_SHA256], struct arena *a,
                           struct published_record *out);

enum published_state {
    PUBLISHED_RIGHT,
    PUBLISHED_MISSING,
    PUBLISHED_DIFFERENT, /* there, but not as it should be */
    PUBLISHED_UNKNOWN    /* cannot be told now */
};

/* What was found out about a record; each belongs to a state and has a sentence. */
enum published_reason {
    PUBLISHED_IS_RIGHT,
    PUBLISHED_IS_MISSING,
    PUBLISHED_IS_OTHER,       /* another value is there */
    PUBLISHED_IS_SEVERAL,     /* more than one where one may be */
    PUBLISHED_IS_INVALID,     /* receivers cannot read it */
    PUBLISHED_IS_FORGED,      /* its DNSSEC signature is wrong */
    PUBLISHED_NO_ANSWER,      /* the DNS did not answer in time */
    PUBLISHED_MX_ELSEWHERE,   /* mail goes to other servers only */
    PUBLISHED_MX_NULL,        /* the domain says that it takes no mail */
    PUBLISHED_MX_ALIAS,       /* an MX record names an alias (RFC 2181 section 10.3) */
    PUBLISHED_MX_NO_ADDRESS,  /* an MX record names a host without an address */
    PUBLISHED_NO_ADDRESS,     /* this server's name has none */
    PUBLISHED_PRIVATE,        /* it has some, none of them public */
    PUBLISHED_SPF_NOT_US,     /* SPF does not let our addresses send */
    PUBLISHED_SPF_ANYBODY,    /* SPF lets everybody send */
    PUBLISHED_SOURCE_UNKNOWN, /* which address mail leaves from is not known */
    PUBLISHED_REVOKED,        /* a key record without a key */
    PUBLISHED_NO_KEY,         /* no key of the domain signs its mail */
    PUBLISHED_POLICY_GONE,    /* the policy cannot be fetched */
    PUBLISHED_POLICY_OTHER,   /* the policy does not name this server */
    PUBLISHED_TLSA_OTHER,     /* no TLSA record matches the certificate in use */
    PUBLISHED_TLSA_UNSIGNED,  /* there are TLSA records in a zone without DNSSEC */
    PUBLISHED_TLSA_UNKNOWN,   /* which certificate is in use is not known here */
    PUBLISHED_UNSIGNED,       /* no DNSSEC */
    PUBLISHED_ZONE_FORGED,    /* the DNSSEC of the zone is wrong */
    PUBLISHED_NO_NAME,        /* the address has no name */
    PUBLISHED_NAME_OTHER,     /* its name does not lead back to it */
    PUBLISHED_HELO_OTHER      /* our name in EHLO does not lead to it */
};

struct published_finding {
    struct published_record record; /* what should be there; value may be empty */
    enum published_reason reason;
    str *found; /* what is there, as `value`; in arena */
    size_t n_found;
    str detail; /* which host, what exactly; may be empty */
};

struct published_findings {
    struct published_finding *list; /* in arena */
    size_t n;
};

/* The policy of the domain as the world gets it. */
struct published_policy {
    bool is_asked;       /* false: nobody asked, nothing is found */
    const char *problem; /* it could not be fetched; NULL: it could */
    struct mta_sts_policy policy;
};

enum {
    PUBLISHED_QUESTION_MS = 3000, /* for one answer of the DNS */
    PUBLISHED_CHECK_MS = 15000    /* for all of them; what is left is PUBLISHED_NO_ANSWER */
};

/* Asks for each of the records (of published_list), and for what belongs to them. What is wrong is
 * a finding; errors are those of the resolver that are no answers (ERR_CANCELLED). In arena. Yields
 * when the resolver does. */
YIELDS bool published_check(const struct mailauth_resolver *resolver,
                            const struct published_self *self,
                            const struct published_records *records,
                            const struct published_policy *policy, struct arena *a,
                            struct published_findings *out, struct err *e);

/* Asks for each of the records and nothing else; a finding for each, in their order. Errors,
 * yields: as above. */
YIELDS bool published_check_records(const struct mailauth_resolver *resolver,
                                    const struct published_self *self,
                                    const struct published_records *records, struct arena *a,
                                    struct published_findings *out, struct err *e);

/* Whether all records of a DKIM key are there as they should be. Errors, yields: as above. */
YIELDS bool published_has_key(const struct mailauth_resolver *resolver, str domain,
                              const struct account_dkim_key *key, struct arena *a, bool *out,
                              struct err *e);

/* Whether the TLSA records of this server's name for mail (25/tcp) match its key:
 * PUBLISHED_IS_RIGHT, _IS_MISSING, _TLSA_OTHER and the others. Errors, yields: as above. */
YIELDS bool published_tlsa(const struct mailauth_resolver *resolver,
                           const struct published_self *self, struct arena *a,
                           enum published_reason *out, struct err *e);

/* Pure. The state of a reason; its word ("mxElsewhere") and sentence; of a state ("right"). Static.
 */
enum published_state published_state_of(enum published_reason reason);
const char *published_reason_name(enum published_reason reason);
const char *published_reason_text(enum published_reason reason);
const char *published_state_name(enum published_state state);
/* Pure. Whether just this record is in the DNS, be it of use there or not: a TLSA record without
 * DNSSEC is of none. */
bool published_is_there(const struct published_finding *f);
/* Whether the operator has something to do: it is not as it should be, or a record that is needed
 * is missing or cannot be seen. */
bool published_is_wrong(const struct published_finding *f);

#endif
