/* SPDX-License-Identifier: Apache-2.0 */
/* How far a message to an address would come: asked of the service of delivery (app_service.trial),
 * without a message. */
#ifndef APP_TRIAL_H
#define APP_TRIAL_H

#include "services/app/app.h"

/* One server of the destination. Texts are empty where it did not come so far. */
struct app_trial_host {
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

struct app_trial {
    str domain;  /* A-labels */
    bool is_own; /* the address lives here: mail for it goes to no server */
    str policy;  /* mode of its MTA-STS policy; empty: none */
    str problem; /* why there is no server to be tried; empty: there are */
    struct app_trial_host *hosts;
    size_t n;
};

#endif
