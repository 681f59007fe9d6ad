/* SPDX-License-Identifier: Apache-2.0 */
/* DMARC (RFC 9989): whether the author's domain answers for a message, and what it asks for when it
 * does not. */
#ifndef MAILAUTH_DMARC_H
#define MAILAUTH_DMARC_H

#include "mailauth/dkim.h"
#include "mailauth/spf.h"

enum mailauth_dmarc_policy {
    MAILAUTH_DMARC_NO_POLICY, /* not said */
    MAILAUTH_DMARC_ACCEPT,    /* "none" */
    MAILAUTH_DMARC_QUARANTINE,
    MAILAUTH_DMARC_REJECT
};

/* The word in a record, "none" for NO_POLICY. Static. */
const char *mailauth_dmarc_policy_name(enum mailauth_dmarc_policy policy);

/* A policy record; pct, rf and ri are ignored (section 4.7). Slices borrow the text. */
struct mailauth_dmarc_record {
    enum mailauth_dmarc_policy policy;      /* p= */
    enum mailauth_dmarc_policy subdomain;   /* sp= */
    enum mailauth_dmarc_policy nonexistent; /* np= */
    bool is_dkim_strict;                    /* adkim=s */
    bool is_spf_strict;                     /* aspf=s */
    char psd;                               /* 'y', 'n' or 'u' */
    bool is_test;                           /* t=y */
    str aggregate;                          /* rua=, as written */
    str failure;                            /* ruf=, as written */
    bool reports_all_failed; /* fo=0, or none of fo=0 and fo=1 is named: when neither SPF nor DKIM
                                proved the author */
    bool reports_any_failed; /* fo=1: when one of them did not */
};

/* Reads one TXT record. ERR_NOT_FOUND: no record of DMARC1; ERR_SYNTAX: one that asks for nothing
 * (no valid p=, and nobody to report to); it is a record all the same, of which all but the
 * policies is in *out. Pure. */
bool mailauth_dmarc_record_parse(str text, struct mailauth_dmarc_record *out, struct err *e);

struct mailauth_dmarc_query {
    str author; /* mailauth_message_author */
    const struct mailauth_spf *spf;
    const struct mailauth_dkim_results *dkim;
};

struct mailauth_dmarc {
    enum mailauth_result result;         /* NONE, PASS, FAIL, TEMPERROR, PERMERROR */
    enum mailauth_dmarc_policy policy;   /* that applies to this message, t= regarded */
    enum mailauth_dmarc_policy declared; /* the same without regard to t= */
    bool is_spf_aligned;                 /* SPF passed, for a domain that is the author's */
    bool is_dkim_aligned;
    str author;
    str policy_domain; /* where the record stands; empty: none */
    str organization;  /* the author's organizational domain; empty: nobody had to know it */
    struct mailauth_dmarc_record record;
    const char *problem; /* of an error; static */
};

/* Finds the policy, at the author's domain or by the tree walk (section 4.10, at most 8 questions a
 * name), and judges. What cannot be asked for above a record of the author's own matters only where
 * a proof is for another domain of one organization with it. NONE also for a record that asks for
 * nothing: those above it do not count then. TEMPERROR: the policy cannot be asked for, or a proof
 * that might be the author's could not be checked; then out->policy is known, and says what is at
 * stake. Errors, deadline, arena: as mailauth_dkim_verify. Yields when the resolver does. */
YIELDS bool mailauth_dmarc_check(const struct mailauth_resolver *resolver,
                                 const struct mailauth_dmarc_query *query, struct arena *a,
                                 int64_t deadline_ms, struct mailauth_dmarc *out, struct err *e);

/* The organizational domain of a domain (section 4.10.2), found by the tree walk. ERR_UNAVAILABLE:
 * the DNS does not answer; else as above. *out borrows the domain. Yields when the resolver does.
 */
YIELDS bool mailauth_dmarc_organization(const struct mailauth_resolver *resolver, str domain,
                                        struct arena *a, int64_t deadline_ms, str *out,
                                        struct err *e);

#endif
