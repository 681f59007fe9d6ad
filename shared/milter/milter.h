/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of milter: shows a whole message to filters of the milter protocol (rspamd,
 * clamav-milter, opendkim ...), one after the other, before it is stored. It decides nothing
 * itself, and knows no mailboxes. */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include "milter/envelope.h"
#include "net/address.h"
#include "runtime/runtime.h"

enum milter_stage {
    MILTER_AT_END, /* of the message: it is told everything */
    MILTER_AT_RCPT /* of one recipient, in a talk of its own that ends there: may be refused */
};

struct milter_server {
    str name; /* as configured, for the log */
    struct net_address at;
    enum milter_stage stage;
    bool is_optional;       /* without it mail goes on; else it has to wait */
    bool skips_whitelisted; /* it is not asked about mail that is_whitelisted */
};

/* In the caller's storage. */
struct milter_chain {
    struct runtime *runtime;
    const struct milter_server *servers; /* in the order they are asked */
    size_t n;
    int64_t timeout_ms; /* for each of them, from the connection to the last answer */
};

/* What a filter is told. */
struct milter_message {
    str hostname; /* ours */
    str session;  /* log id; with `transaction` what its own log can be found by */
    str transaction;
    str helo;
    str client_ip;          /* "192.0.2.1" or "2001:db8::1"; empty: none, as of a unix socket */
    uint16_t client_port;   /* 0: not known */
    bool is_client_unknown; /* client_ip is empty, for nobody knows it */
    str client_name; /* a host name that has this address, and is its name; empty: not proven */
    str client_ptr;  /* its name, proven or not; empty: none is known */
    str login;       /* who logged in, or empty */
    str mechanism;   /* and how: "PLAIN"; or empty */
    str tls_version;
    str tls_cipher;
    str sender_mailer; /* as of a recipient; empty: not known */
    struct milter_envelope envelope;
    bool is_whitelisted; /* its sender is on the whitelist of all its recipients, and that counts */
    bool answers_each;   /* a recipient can be refused alone; else that refuses the message */
    str content;         /* CRLF lines */
};

enum milter_verdict {
    MILTER_PASSED,
    MILTER_REFUSED,   /* for good */
    MILTER_LATER,     /* for now; also when a filter that is needed does not answer */
    MILTER_DISCARDED, /* to be taken, and not stored */
};

/* A recipient that is refused alone: none of the envelope any more. */
struct milter_refusal {
    size_t place;                /* as of struct milter_recipient */
    enum milter_verdict verdict; /* REFUSED or LATER */
    str text;
    const struct milter_refusal *next;
};

struct milter_result {
    enum milter_verdict verdict;
    str text;    /* what the client is to be told, of a verdict that refuses; never empty */
    str content; /* the message with their changes; in arena */
    struct milter_envelope envelope;      /* likewise; nobody asked yet whether they may be in it */
    const struct milter_refusal *refused; /* of message.answers_each; NULL: none */
    bool is_quarantine;                   /* not into the INBOX */
    str by;                               /* the filter that had the last word, or empty */
};

/* A message that no filter has seen. */
struct milter_result milter_result_of(const struct milter_message *message);

/* Shows the message to all filters of the stage, until one does not let it pass; each sees what the
 * one before made of it. Of MILTER_AT_RCPT there is no content and one recipient, and it passes or
 * is refused, for good or for now. A filter that cannot be talked with, or that says what it
 * cannot, is logged and, if it is optional, passed over. ERR_CANCELLED only. Yields. */
YIELDS bool milter_ask(const struct milter_chain *chain, enum milter_stage stage,
                       const struct milter_message *message, struct arena *a,
                       struct milter_result *out, struct err *e);
/* Whether there is a filter of this stage. Pure. */
bool milter_has_any(const struct milter_chain *chain, enum milter_stage stage);

#endif
