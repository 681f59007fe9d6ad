/* SPDX-License-Identifier: Apache-2.0 */
/* What to do with a message when a server can be reached only in this way: what its domain
 * publishes, what the server presents, what the configuration and the sender want. The one place of
 * that decision; pure. */
#ifndef TRANSPORT_POLICY_TLS_VERDICT_H
#define TRANSPORT_POLICY_TLS_VERDICT_H

#include "base/base.h"

/* What the destination demands of everybody. */
enum tls_published {
    TLS_PUBLISHED_NOTHING, /* no word, or one that does not bind (MTA-STS: testing, none) */
    TLS_PUBLISHED_ENCRYPT, /* TLSA records of kinds that SMTP has no use for (RFC 7672 2.2) */
    TLS_PUBLISHED_VERIFY   /* usable TLSA records, or an MTA-STS policy that is enforced */
};

/* What the server has. */
enum tls_presented {
    TLS_PRESENTED_VERIFIED,   /* TLS, and it proved who it is, in the way that counts for it */
    TLS_PRESENTED_UNVERIFIED, /* TLS with a certificate that proves nothing */
    TLS_PRESENTED_BROKEN,     /* it offers TLS, but the handshake fails */
    TLS_PRESENTED_NONE        /* it offers no TLS */
};

/* delivery.on_tls_failure */
enum tls_on_failure {
    TLS_ON_FAILURE_HOLD,     /* ask the sender */
    TLS_ON_FAILURE_FALLBACK, /* deliver with less */
    TLS_ON_FAILURE_FAIL      /* return the message */
};

/* Who has agreed to less than secure. */
enum tls_waiver {
    TLS_WAIVER_NONE,
    TLS_WAIVER_HEADER, /* the message says "TLS-Required: No": its sender asks to overlook what the
                          destination publishes (RFC 8689 4.1) */
    TLS_WAIVER_DECIDED /* a person decided so, about this message or this destination */
};

struct tls_case {
    enum tls_published published;
    enum tls_presented presented;
    enum tls_on_failure on_failure;
    enum tls_waiver waiver;
    bool require;    /* delivery.require_tls: nothing goes in plain text */
    bool verify;     /* delivery.verify_tls: what cannot be verified counts as a failure */
    bool requiretls; /* the message came with REQUIRETLS (RFC 8689 4.2.1) */
    bool can_ask;    /* the sender is a person here, who can be asked */
};

enum tls_verdict {
    TLS_SEND,            /* nothing is wrong */
    TLS_SEND_UNVERIFIED, /* over this TLS, with a warning */
    TLS_SEND_PLAIN,      /* in plain text, with a warning */
    TLS_RETRY,           /* not by this server; later again */
    TLS_HOLD,            /* not by this server; the sender is asked */
    TLS_FAIL             /* not by this server; the message goes back */
};

/* Pure. REQUIRETLS goes before a waiver, a waiver before what the destination publishes, and that
 * before the configuration (RFC 8689 4.1). Plain text is never sent under delivery.require_tls
 * unless a person decided so. What the destination publishes and does not keep may be mended soon
 * (RFC 7672 2.1, RFC 8461 5): it is always a matter of time. */
enum tls_verdict tls_judge(const struct tls_case *c);

/* "send", "send-unverified", "send-plain", "retry", "hold", "fail"; static. */
const char *tls_verdict_name(enum tls_verdict verdict);

#endif
