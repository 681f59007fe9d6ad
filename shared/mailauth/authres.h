/* SPDX-License-Identifier: Apache-2.0 */
/* The Authentication-Results field (RFC 8601): writing ours, and finding those that pretend to be.
 * Pure. */
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

/* Whether a field body names us as the one who wrote it, in any case, quoted, folded, with
 * comments; also one that nobody can read, for who knows how a reader reads it. */
bool mailauth_authres_is_ours(str body, str authserv_id);

/* Appends the message without the Authentication-Results fields that pretend to be ours (RFC 8601
 * section 5). ERR_LIMIT when `out` is full. */
bool mailauth_authres_strip(str message, str authserv_id, struct buf *out, struct err *e);

#endif
