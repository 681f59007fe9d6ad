/* SPDX-License-Identifier: Apache-2.0 */
/* Relay domains (FEATURES 26): domains of others that we take mail for from anyone and pass on to
 * their own servers, as a backup MX does, or a gateway. Nobody has an account or an address in
 * them. Which of their recipients exist is known by a list, or from their servers. */
#ifndef ACCOUNT_RELAY_H
#define ACCOUNT_RELAY_H

#include "account/account.h"

enum account_relay_verification {
    ACCOUNT_RELAY_ANY,     /* every recipient is taken */
    ACCOUNT_RELAY_CALLOUT, /* whom the domain's servers take (account/relay_probe.h) */
    ACCOUNT_RELAY_LIST     /* those of a list, also with "+tag" */
};

enum {
    ACCOUNT_RELAYS_MAX = 1000,
    ACCOUNT_RELAY_RECIPIENTS_MAX = 10 * 1000 /* of one domain */
};

struct account_relay {
    str domain; /* A-labels */
    enum account_relay_verification verification;
    bool defers_when_down; /* recipients whom the servers cannot be asked about: come again later;
                              else they are taken, which is what a backup MX is for */
    int64_t recipients;    /* how many the list has */
    int64_t created_at_us;
};

struct account_relays {
    struct account_relay *list; /* by domain */
    size_t n;
};

struct account_relay_found {
    bool is_relayed; /* else the rest says nothing */
    bool is_listed;
    struct account_relay relay; /* without its number of recipients */
};

/* Whether mail for local@domain is relayed. What is no domain is not. Errors: those of db_query. In
 * the arena. Yields. */
YIELDS bool account_relay_find(struct account_directory *d, str local, str domain, struct arena *a,
                               int64_t deadline_ms, struct account_relay_found *out, struct err *e);

/* Makes it or changes it, with its audit row. `locals` are all recipients of the list, as
 * local@domain or the part before the '@'; NULL leaves those that there are. ERR_SYNTAX (a name),
 * ERR_LIMIT (too many recipients), ERR_EXISTS (a domain of our own). Yields. */
YIELDS bool account_relay_set(struct account_directory *d, const struct account_actor *actor,
                              const struct account_relay *relay, const str *locals, size_t n,
                              struct arena *a, int64_t deadline_ms, struct err *e);
/* ERR_NOT_FOUND. Yields. */
YIELDS bool account_relay_remove(struct account_directory *d, const struct account_actor *actor,
                                 str domain, struct arena *a, int64_t deadline_ms, struct err *e);
/* Of one domain, or of all (empty), in the arena. Yields. */
YIELDS bool account_relay_list(struct account_directory *d, str domain, struct arena *a,
                               int64_t deadline_ms, struct account_relays *out, struct err *e);
struct account_relay_query {
    str domain; /* as the table has it */
    str after;  /* a local part; empty: from the first */
    size_t limit;
};

struct account_relay_recipients {
    str *list; /* local@domain, by local part */
    size_t n;
};

/* A page of the recipients of a list, in the arena. Yields. */
YIELDS bool account_relay_recipients(struct account_directory *d,
                                     const struct account_relay_query *query, struct arena *a,
                                     int64_t deadline_ms, struct account_relay_recipients *out,
                                     struct err *e);

#endif
