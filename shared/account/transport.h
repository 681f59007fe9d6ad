/* SPDX-License-Identifier: Apache-2.0 */
/* Transports: where mail for domains of others goes instead of to their own servers (FEATURES 57).
 * One is for a domain of recipients ("far.example"), for a sender ("mia@example.org"), for all
 * senders of a domain ("@example.org") or for all mail that no other one is for ("*", the
 * smarthost). They come in this order, as those of Postfix: what is said of the recipient's domain
 * counts before what is said of the sender. */
#ifndef ACCOUNT_TRANSPORT_H
#define ACCOUNT_TRANSPORT_H

#include "account/account.h"
#include "crypto/secret.h"

enum account_transport_tls {
    ACCOUNT_TRANSPORT_VERIFY,  /* its certificate must verify for the host */
    ACCOUNT_TRANSPORT_ENCRYPT, /* any certificate will do */
    ACCOUNT_TRANSPORT_MAY      /* as with any other server: delivery.require_tls, verify_tls */
};

enum account_transport_protocol {
    ACCOUNT_TRANSPORT_SMTP,
    ACCOUNT_TRANSPORT_LMTP, /* RFC 2033; never at port 25 */
    ACCOUNT_TRANSPORT_PROTOCOLS
};

enum account_transport_auth {
    ACCOUNT_TRANSPORT_AUTH_ANY, /* the strongest that is offered */
    ACCOUNT_TRANSPORT_AUTH_SCRAM,
    ACCOUNT_TRANSPORT_AUTH_PLAIN,
    ACCOUNT_TRANSPORT_AUTH_LOGIN,
    ACCOUNT_TRANSPORT_AUTHS
};

enum {
    ACCOUNT_TRANSPORTS_MAX = 1000, /* in a list */
    ACCOUNT_TRANSPORT_LOGIN_MAX = 255,
    ACCOUNT_TRANSPORT_PASSWORD_MAX = 1024,
    ACCOUNT_TRANSPORT_CONNECTIONS_MAX = 100,
    ACCOUNT_TRANSPORT_RATE_MAX = 1000000,
    ACCOUNT_TRANSPORT_POOL_MAX = 64 /* octets of a name */
};

struct account_transport {
    str domain;    /* what it is for: see above */
    str host;      /* a name, or an IP address; empty: it says nothing of where mail goes */
    unsigned port; /* 0 without a host */
    enum account_transport_protocol protocol; /* SMTP without a host */
    enum account_transport_tls tls;
    str login;                        /* empty: without */
    enum account_transport_auth auth; /* the one way to log in; only with a login */
    unsigned connections;             /* at a time; 0: as configured */
    unsigned per_minute;              /* messages; 0: no limit */
    str pool;      /* of source addresses, as a frontend names it; empty: its own ones */
    str ehlo_name; /* ours there; empty: as configured */
    str sealed;    /* its password, of account_transport_find only */
    int64_t created_at_us;
};

struct account_transports {
    struct account_transport *list; /* by domain */
    size_t n;
};

/* "smtp", "lmtp"; static. */
const char *account_transport_protocol_name(enum account_transport_protocol protocol);
/* The reverse; SMTP for what is none of them. */
enum account_transport_protocol account_transport_protocol_parse(str name);
/* "", "scram-sha-256", "plain", "login"; static. */
const char *account_transport_auth_name(enum account_transport_auth auth);
/* The reverse; ANY for what is none of them. */
enum account_transport_auth account_transport_auth_parse(str name);

/* Brings what a transport is for to its written form, in the arena. ERR_SYNTAX. */
bool account_transport_key(struct arena *a, str text, str *out, struct err *e);

struct account_transport_query {
    str domain;         /* of recipients */
    const str *senders; /* of envelopes */
    const str *named;   /* keys of transports that were chosen by hand; NULL: none were */
    size_t n;           /* of both */
};

/* All transports that such mail may go by; in the arena. Errors: those of db_query. Yields. */
YIELDS bool account_transport_find(struct account_directory *d,
                                   const struct account_transport_query *query, struct arena *a,
                                   int64_t deadline_ms, struct account_transports *out,
                                   struct err *e);
/* What mail has to go by: each thing is said by the first transport for it that says it; NULL: by
 * none. */
struct account_way {
    const struct account_transport *relay; /* has a host */
    const struct account_transport *connections;
    const struct account_transport *rate;
    const struct account_transport *pool;
    const struct account_transport *name;
};

/* That of mail of this sender, from the transports that were found for the domain. A sender
 * "mia+tag@example.org" without a transport of his own has that of "mia@example.org". The arena is
 * for what it needs in between. Pure. */
struct account_way account_transport_choose(const struct account_transports *found, str domain,
                                            str sender, struct arena *a);
/* The same for mail whose transport was chosen by hand: what `named` (a key in its written form)
 * says counts first. With ACCOUNT_TRANSPORT_OWN none counts that has a host: it goes to the servers
 * of its domain. One that is not there any more says nothing. Pure. */
#define ACCOUNT_TRANSPORT_OWN "mx"
struct account_way account_transport_choose_named(const struct account_transports *found,
                                                  str domain, str sender, str named,
                                                  struct arena *a);
/* Whose limit one is: the transport's own, but one of "*" without a host is for each destination by
 * itself. Borrowed. Pure. */
str account_transport_subject(const struct account_transport *t, str domain);
/* How many of `n` messages may go now under the limit of messages a minute of `t`, over the
 * cluster, and in how many milliseconds the first of the others is to ask again; the further ones
 * follow at the pace. Others who ask are told other times. Errors: those of db_query. Yields. */
YIELDS bool account_transport_take(struct account_directory *d, const struct account_transport *t,
                                   str domain, size_t n, size_t *granted, int64_t *wait_ms,
                                   struct err *e);
/* Whether it was chosen by who sends. Pure. */
bool account_transport_is_of_sender(const struct account_transport *t);
/* Takes the password of one that was found out of its seal into *password, which the caller wipes;
 * without a login it is left as it is. ERR_DENIED (the seal is of another key), ERR_UNSUPPORTED
 * (the server has no key). */
bool account_transport_unseal(const struct account_directory *d, const struct account_transport *t,
                              struct arena *a, struct secret *password, struct err *e);

/* Makes it, or replaces the one of its domain, with its audit row. ERR_SYNTAX (names, port, limits;
 * a password without verified TLS; LMTP without a server, or at port 25; nothing said),
 * ERR_UNSUPPORTED: the server has no key to keep passwords under. Yields. */
YIELDS bool account_transport_set(struct account_directory *d, const struct account_actor *actor,
                                  const struct account_transport *transport, str password,
                                  struct arena *a, int64_t deadline_ms, struct err *e);
/* ERR_NOT_FOUND. Yields. */
YIELDS bool account_transport_remove(struct account_directory *d, const struct account_actor *actor,
                                     str domain, struct arena *a, int64_t deadline_ms,
                                     struct err *e);
/* All of them, in the arena. Yields. */
YIELDS bool account_transport_list(struct account_directory *d, struct arena *a,
                                   int64_t deadline_ms, struct account_transports *out,
                                   struct err *e);

#endif
