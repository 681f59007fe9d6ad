/* SPDX-License-Identifier: Apache-2.0 */
/* The Authentication-Results field (RFC 8601): writing ours, and reading it again. Pure. */
#ifndef MAILAUTH_AUTHRES_H
#define MAILAUTH_AUTHRES_H

#include "mailauth/arc.h"
#include "mailauth/dmarc.h"

/* Whether the client's address and name lead to each other (RFC 8601 section 3). */
struct mailauth_iprev {
    enum mailauth_result result; /* PASS, FAIL, TEMPERROR, PERMERROR; NONE: not checked */
    str name;                    /* empty: none */
};

/* What was found out about a message; NULL: not checked. */
struct mailauth_verdict {
    const struct net_address *client;
    str sender; /* of MAIL FROM */
    str helo;
    struct mailauth_iprev iprev;
    const struct mailauth_spf *spf;
    const struct mailauth_spf *spf_of_helo; /* besides; NULL or NONE: nothing is said of it */
    const struct mailauth_dkim_results *dkim;
    const struct mailauth_dmarc *dmarc;
    const struct mailauth_arc *arc;
};

/* Asks for the client's name and back. Errors, deadline, arena: as mailauth_dkim_verify. Yields
 * when the resolver does. */
YIELDS bool mailauth_iprev_check(const struct mailauth_resolver *resolver,
                                 const struct net_address *client, struct arena *a,
                                 int64_t deadline_ms, struct mailauth_iprev *out, struct err *e);

/* Appends the whole field with CRLF, folded; texts of others are quoted, and left out when they
 * cannot be. False when `out` is full. */
bool mailauth_authres_format(str authserv_id, const struct mailauth_verdict *verdict,
                             struct buf *out);

enum {
    MAILAUTH_MAX_SIGNERS = 8 /* domains of a message that are told of */
};

/* What our own field says about a message, for its reader. */
struct mailauth_told {
    bool has_spf;              /* the first one counts: a second is of HELO besides */
    enum mailauth_result spf;  /* NONE also when it was not checked; so are the others */
    enum mailauth_result dkim; /* PASS if one signature is right, else what the first one gave */
    unsigned n_dmarc;          /* results of DMARC; the first one counts */
    enum mailauth_result dmarc;
    str sender; /* domain that SPF was asked about, of MAIL FROM or HELO; empty: none */
    str author; /* domain of From that DMARC was asked about; empty: none */
    str signers[MAILAUTH_MAX_SIGNERS]; /* domains with a right signature, each once */
    size_t n_signers;
};

/* Reads the Authentication-Results field that deliver wrote on top of the message (raw; its header
 * is enough): only one between Return-Path, Delivered-To and the first other field, and only with
 * the very authserv-id, counts. What strangers wrote stands below and is never looked at (RFC 8601
 * section 5). False when there is none. Domains in arena, as they were written. */
bool mailauth_authres_find(str message, str authserv_id, struct arena *a,
                           struct mailauth_told *out);
/* Reads the body of an ARC-Authentication-Results field (RFC 8617 section 4.1.1) as its sealer
 * wrote it: who is not trusted may have written anything. What cannot be read ends the reading:
 * nothing behind it is told. False: it is none. In arena. */
bool mailauth_authres_read_arc(str results, struct arena *a, struct mailauth_told *out);

#endif
