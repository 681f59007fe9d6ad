/* SPDX-License-Identifier: Apache-2.0 */
/* How far a message to an address would come: asked of the service of delivery (app_service.trial),
 * without a message. */
#ifndef APP_TRIAL_H
#define APP_TRIAL_H

#include "services/app/app.h"

/* One server of the destination. Texts are empty where it did not come so far. */
struct app_trial_host {
    str recipient; /* whom it was asked about */
    str name;
    str address;
    const char *stage;   /* the last one: "connect", "greeting", "hello", "starttls", "recipient" */
    str policy;          /* whose word on TLS counts, and what came of it: "tlsa successful" */
    str tls;             /* "TLSv1.3 TLS_AES_256_GCM_SHA384 dane" */
    const char *verdict; /* what tls_verdict_name says of it; NULL: not judged */
    str key;             /* SHA-256 of the public key that it showed, 32 octets; empty: none */
    str reply;           /* the server's to the recipient, or why it did not come to that */
    bool is_accepted;
};

enum {
    APP_TRIAL_ENDS = 5 /* that an address leads to elsewhere, and that are tried */
};

/* An address that mail for the one in question goes to. */
struct app_trial_end {
    str address;
    bool is_own;      /* it is delivered here */
    bool is_tried;    /* else it was one too many, or the time was over */
    bool is_accepted; /* likewise, or one of its servers takes it */
    str policy;       /* mode of its domain's MTA-STS policy; empty: none */
    str problem;      /* why there is no server to be tried; empty: there are */
};

struct app_trial {
    str domain;       /* A-labels */
    bool is_own;      /* it, or all that it leads to, lives here: its mail goes to no server */
    bool is_accepted; /* so far as it was tried */
    str policy;       /* as of an end; empty for an address that leads to others */
    str problem;      /* likewise; or that there is no such address */
    const struct app_trial_end *ends; /* where the address leads; none: it does not */
    size_t n_ends;
    struct app_trial_host *hosts; /* of all of them */
    size_t n;
};

#endif
