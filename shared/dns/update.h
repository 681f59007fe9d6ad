/* SPDX-License-Identifier: Apache-2.0 */
/* Changes records of a zone at its primary server: RFC 2136, signed by TSIG (RFC 8945). What the
 * records are for, and which zones there are, is not known here. */
#ifndef DNS_UPDATE_H
#define DNS_UPDATE_H

#include "net/address.h"
#include "runtime/runtime.h"

enum {
    DNS_UPDATE_TTL_S = 3600, /* of records that are added */
    DNS_UPDATE_ANSWER_MS =
        10000 /* what a server has for one change, and to say what became of it */
};

/* A zone, the server that changes it, and the key that we show. Borrowed. */
struct dns_update_zone {
    str name; /* A-labels, without the final dot */
    struct net_address server;
    const char *key_name;
    const char *algorithm; /* one that dns_update_algorithm knows */
    const char *secret;    /* base64 */
};

struct dns_update_record {
    str name;  /* A-labels, without the final dot; in the zone */
    str type;  /* "TXT" */
    str value; /* as a zone file has it; of TXT the text, which is cut into strings here */
};

enum dns_update_act {
    DNS_UPDATE_ADD_KIND,   /* TXT: beside others, where none has the same first word, as "v=spf1" */
    DNS_UPDATE_ADD_BESIDE, /* whatever is there; that it was there is seen when it is alone */
    DNS_UPDATE_ADD_FIRST,  /* where no record of the type is yet; CNAME: none at all */
    DNS_UPDATE_REMOVE      /* this record and no other */
};

enum dns_update_outcome {
    DNS_UPDATE_DONE,
    DNS_UPDATE_WAS_THERE, /* to add: just this record, and no other (of its kind), is there */
    DNS_UPDATE_IS_TAKEN   /* to add: something else is there; nothing was done */
};

/* Whether the name is an algorithm of keys that can be used here (hmac-sha256, hmac-sha512). Pure.
 */
bool dns_update_algorithm(const char *name);

/* One change, over TCP connections of its own; only an answer that was signed with the key counts
 * as success. What was there is asked of this server and of no other, and the change holds only as
 * long as that is so (RFC 2136 section 2.4). An answer that is lost is asked for once more.
 * ERR_SYNTAX: no such record can be (nothing was sent). ERR_DENIED: the server does not let us, or
 * does not prove itself. ERR_UNAVAILABLE: it cannot be reached, or cannot do it now. ERR_TIMEOUT,
 * ERR_CANCELLED. After these it may have been done all the same; asking again is harmless. Yields.
 */
YIELDS bool dns_update(struct runtime *rt, const struct dns_update_zone *zone,
                       enum dns_update_act act, const struct dns_update_record *record,
                       int64_t deadline_ms, enum dns_update_outcome *out, struct err *e);

#endif
