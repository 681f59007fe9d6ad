/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations that get mail with less TLS than the configuration wants ("whitelist tls"): a server
 * is known again by its key, or any will do. For mail of one account, or of everybody. All SQL of
 * tls_exception is here. */
#ifndef TRANSPORT_POLICY_TLS_EXCEPTION_H
#define TRANSPORT_POLICY_TLS_EXCEPTION_H

#include "base/base.h"

struct db;
struct db_tx;

enum {
    TLS_PIN_SIZE = 32,           /* SHA-256 of a public key (SubjectPublicKeyInfo) */
    TLS_EXCEPTIONS_MAX = 100,    /* looked at for one destination */
    TLS_EXCEPTIONS_LISTED = 1000 /* at a time */
};

struct tls_exception {
    str domain;         /* of recipients; lower-case A-labels */
    int64_t account_id; /* whose mail; 0: everybody's */
    str pin;            /* TLS_PIN_SIZE octets; empty: any server, also without TLS */
    int64_t created_us; /* UTC */
    int64_t expires_us; /* UTC; 0: never */
    str created_by;     /* "cli", or a login */
};

/* Of which domain, and whose. */
struct tls_exception_choice {
    str domain;         /* empty: of all */
    int64_t account_id; /* of this account alone; 0: everybody's and those of all accounts */
};

struct tls_exceptions {
    struct tls_exception *list;
    size_t n;
};

/* Those that count now for mail to the domain. Yields. */
YIELDS bool tls_exception_find(struct db *db, str domain, struct arena *a, int64_t deadline_ms,
                               struct tls_exceptions *out, struct err *e);
/* By domain; ended ones too, until the sweep. The first TLS_EXCEPTIONS_LISTED. Yields. */
YIELDS bool tls_exception_list(struct db *db, const struct tls_exception_choice *choice,
                               struct arena *a, int64_t deadline_ms, struct tls_exceptions *out,
                               struct err *e);
/* Appends one statement to an open transaction: the exception is there, with this end. */
void tls_exception_send(struct db_tx *tx, const struct tls_exception *exception);
/* Removes those of the choice, which names a domain; *out is what was there, in no order. Yields.
 */
YIELDS bool tls_exception_remove(struct db_tx *tx, const struct tls_exception_choice *choice,
                                 struct arena *a, struct tls_exceptions *out, struct err *e);
/* Forgets those that ended. Yields. */
YIELDS bool tls_exception_sweep(struct db *db, int64_t deadline_ms, struct err *e);

/* Pure. Whether mail of this account may go to a server with this key (empty: it showed none). */
bool tls_exception_allows(const struct tls_exceptions *of, int64_t account_id, str key);

#endif
