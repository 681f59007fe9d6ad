/* SPDX-License-Identifier: Apache-2.0 */
/* How many octets messages gain on their way to a POP3 client. The indexer keeps them for the few
 * that gain any, so that LIST and STAT can tell exact sizes without a look at each message. */
#ifndef SEARCH_POP3_GAINS_H
#define SEARCH_POP3_GAINS_H

#include "runtime/runtime.h"

struct db;

struct search_pop3_gain {
    int64_t msg_id;
    uint32_t header; /* octets: words that are not ASCII get encoded (RFC 6856 section 2) */
    uint32_t end;    /* octets: of the line end that the last line lacks (RFC 1939 section 3) */
    bool is_pending; /* not indexed yet, or not readable then: what it gains is not known */
};

struct search_pop3_gains {
    const struct search_pop3_gain *items; /* by msg_id; each message once */
    size_t n;
};

/* What a message gains in its header, and at its end. Pure. */
uint32_t search_pop3_header_gain(str header);
uint32_t search_pop3_end_gain(str end_of_message);

/* The account's messages that gain octets, and those that are pending. Deliveries committed before
 * the call are in the answer; what a former version indexed gains nothing until it is indexed anew.
 * In arena. Errors: those of db_query. Yields. */
YIELDS bool search_pop3_gains_load(struct db *db, int64_t account_id, struct arena *a,
                                   int64_t deadline_ms, struct search_pop3_gains *out,
                                   struct err *e);

/* What is known of the message; NULL: it gains nothing. */
const struct search_pop3_gain *search_pop3_gain_find(const struct search_pop3_gains *gains,
                                                     int64_t msg_id);

#endif
