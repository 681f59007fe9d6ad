/* SPDX-License-Identifier: Apache-2.0 */
/* What the servers of relay domains said of recipients: known in the whole cluster, and asked for
 * by whoever delivers mail (services/delivery/callout.c). Who is good is believed for 31 days, and
 * asked for again after 7; who is not, for 3 days and 3 hours. */
#ifndef ACCOUNT_RELAY_PROBE_H
#define ACCOUNT_RELAY_PROBE_H

#include "account/account.h"

enum {
    ACCOUNT_PROBES_A_CLAIM = 50,   /* recipients asked about over one connection */
    ACCOUNT_PROBES_OPEN_MAX = 200, /* questions about one domain that wait for an answer */
    /* Recipients that a client may have us ask for in an hour and that turn out not to be there: a
     * network that tries names gets no further, and the domain's servers do not feel it. */
    ACCOUNT_PROBES_A_CLIENT = 30,
    ACCOUNT_PROBE_REPLY_MAX = 300 /* octets kept of a server's reply */
};

enum account_probe_verdict {
    ACCOUNT_PROBE_BAD,
    ACCOUNT_PROBE_GOOD,
    ACCOUNT_PROBE_UNKNOWN /* the servers cannot be asked, or do not tell */
};

struct account_probe_found {
    enum account_probe_verdict verdict;
    bool is_open;    /* an answer is to come */
    bool is_new;     /* this was the first to ask: tell who delivers */
    bool is_refused; /* the client had us ask for too many that are not there */
    bool is_full;    /* too many questions about the domain wait: this one was not taken */
    bool answers;    /* the domain's servers did the last time: an answer that is to come is late */
    str reply;       /* of the server, one line; or why it is not asked */
};

struct account_probe_question {
    str local;  /* as the client wrote it: which case means what, only the domain's servers know */
    str domain; /* A-labels */
    str client; /* the network on whose behalf */
};

/* What is known of a recipient; where that is too little, it will be asked for. Errors: those of
 * db_query. In the arena. Yields. */
YIELDS bool account_probe_ask(struct account_directory *d, const struct account_probe_question *q,
                              struct arena *a, int64_t deadline_ms, struct account_probe_found *out,
                              struct err *e);

/* Recipients of one domain to ask about. */
struct account_probes {
    str domain;
    str *locals;
    size_t n; /* 0: there is nothing to ask */
};

/* Takes up to ACCOUNT_PROBES_A_CLAIM questions about one domain that nobody else asks about now;
 * they are the caller's for `ms`. Errors: those of db_query. In the arena. Yields. */
YIELDS bool account_probe_claim(struct account_directory *d, int64_t ms, struct arena *a,
                                int64_t deadline_ms, struct account_probes *out, struct err *e);

struct account_probe_answer {
    bool is_open; /* the servers were not asked yet: the question stays, for whoever claims it */
    enum account_probe_verdict verdict;
    str reply;
};

/* Writes answers[i] of each of them. `down`: why the domain's servers do not tell, so that they are
 * left alone for a minute; empty: they did. Errors: those of db_query. Yields. */
YIELDS bool account_probe_answer(struct account_directory *d, const struct account_probes *asked,
                                 const struct account_probe_answer *answers, str down,
                                 struct arena *a, int64_t deadline_ms, struct err *e);

/* The id under which notify_tell says that an answer has come; never 0. Pure. */
int64_t account_probe_hint(str local, str domain);

/* Forgets what is too old to be believed: for a periodic job. Errors: those of db_query. Yields. */
YIELDS bool account_probe_sweep(struct account_directory *d, int64_t deadline_ms, struct err *e);

#endif
