/* SPDX-License-Identifier: Apache-2.0 */
/* What an SMTP session hands on at the end of DATA: the message, its envelope, and where it came
 * from. The same for mail from outside (deliver) and from our users (submit). */
#ifndef WIRE_SMTP_ENVELOPE_H
#define WIRE_SMTP_ENVELOPE_H

#include "wire/smtp_trace.h"

/* Where the mail of an address goes that leads to others. */
struct smtp_target {
    int64_t account_id; /* an account of ours; 0: `address` */
    str address;        /* local@domain elsewhere, as it goes into RCPT TO */
    str domain;         /* of it, in lower case */
};

struct smtp_recipient {
    int64_t account_id;  /* an account of ours; 0: the address is not ours, or leads to others */
    str address;         /* local@domain as named in RCPT; unique in the message */
    str domain;          /* as named; of those that are not ours */
    bool is_relayed;     /* of mail from outside: it is of a domain that we relay for */
    bool is_whitelisted; /* of mail from outside: the sender is on its whitelist, by a rule that
                            counts, or will if the message proves who he is (deliver/screen.h) */
    bool has_notify;     /* NOTIFY= was given (RFC 3461 4.1) */
    unsigned notify;     /* its SMTP_NOTIFY_ bits */
    str orcpt;           /* ORCPT= as given, or empty */
    const struct smtp_target *targets; /* where its mail goes instead; NULL: it is an end itself */
    size_t n_targets;
};

struct smtp_message {
    struct smtp_trace trace; /* of the session; at_utc and recipient are filled by who takes it */
    int64_t account_id;      /* who logged in; 0: nobody */
    str mechanism;           /* of the login: "PLAIN"; empty: none is known */
    str sender;              /* envelope sender, local@domain; empty for the null sender */
    bool is_binary;          /* BODY=BINARYMIME: content may hold any octet */
    bool requiretls;         /* REQUIRETLS was asked for (RFC 8689) */
    bool may_save;           /* a copy goes to the sender's Sent, where the account wants that */
    bool is_verp;            /* each recipient has a sender of its own (smtp_verp.h) */
    bool is_utf8;            /* SMTPUTF8 was asked for: header and addresses may be UTF-8 */
    bool has_ret;            /* RET= was given (RFC 3461 4.3) ... */
    bool ret_full;           /* ... as FULL */
    str envid;               /* ENVID= as given, or empty */
    int64_t release_us;      /* when it is to go (RFC 4865), UTC; 0: at once */
    str hold_request;        /* the same as its sender said it: "for;3600"; or empty */
    bool was_held;   /* it waited for that time, was completed, filtered and counted before */
    str content;     /* as it came, without dot-stuffing */
    str transaction; /* names the transaction: the same again is delivered once */
    const struct smtp_recipient *recipients;
    size_t n;        /* at least 1 */
    size_t max_hops; /* Received fields allowed */
};

#endif
