/* SPDX-License-Identifier: Apache-2.0 */
/* Front door of dns: a validating, caching resolver for fibers. The only module that sees
 * libunbound; it knows nothing of SPF, DANE or mail routing. */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include "net/address.h"
#include "runtime/runtime.h"

struct dns;

struct dns_options {
    const char *forward;     /* "192.0.2.53", "127.0.0.1@5353", or NULL: /etc/resolv.conf; keeps */
    const char *anchor_file; /* trust anchors, NULL = dns-root-data's; "" = no validation (tests) */
    const char *stub_zone;   /* tests: resolve this zone at stub_server only, or NULL */
    const char *stub_server; /* "127.0.0.1@5353" */
};

/* ERR_INTERNAL when anchors are named and cannot be read. Gives. */
struct dns *dns_new(struct runtime *rt, const struct dns_options *options, struct err *e);
void dns_free(struct dns **d);

enum dns_type {
    DNS_A = 1,
    DNS_CNAME = 5,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_TLSA = 52
};

enum dns_status {
    DNS_OK,       /* records are there */
    DNS_NXDOMAIN, /* the name does not exist */
    DNS_NODATA,   /* the name exists without such records */
    DNS_TEMPFAIL, /* servers did not answer; try later */
    DNS_BOGUS     /* DNSSEC says forged: treat as temporary failure, never as absent */
};

struct dns_answer {
    enum dns_status status;
    bool secure;           /* validated by DNSSEC */
    uint32_t ttl;          /* seconds */
    const char *canonical; /* name after CNAMEs, in the arena; NULL when the same */
    str *rdata;            /* raw RDATA of each record, in the arena */
    size_t n;
};

/* Asks for the records of `name` (without or with the final dot; A-labels). A failed lookup is an
 * answer with its status, not an error: errors are ERR_SYNTAX (no valid name), ERR_TIMEOUT,
 * ERR_CANCELLED. The answer is in the arena. Yields. */
YIELDS bool dns_query(struct dns *d, str name, enum dns_type type, struct arena *a,
                      int64_t deadline_ms, struct dns_answer *out, struct err *e);

struct dns_mx {
    uint16_t preference;
    str host; /* lower case, without the final dot; empty = null MX (RFC 7505) */
};

struct dns_mx_list {
    enum dns_status status;
    bool secure;
    struct dns_mx *list; /* by preference, equal ones shuffled; in the arena */
    size_t n;
};

/* The MX records of the domain, parsed. DNS_NODATA: none (RFC 5321 5.1: use the domain). Yields. */
YIELDS bool dns_query_mx(struct dns *d, str domain, struct arena *a, int64_t deadline_ms,
                         struct dns_mx_list *out, struct err *e);

struct dns_addresses {
    enum dns_status status;
    bool secure;              /* what was answered is; a question that failed says nothing */
    struct net_address *list; /* AAAA first, then A, port 0; in the arena */
    size_t n;
    str canonical; /* name after CNAMEs, in the arena; empty when the same */
};

/* The addresses of a host. Yields. */
YIELDS bool dns_query_addresses(struct dns *d, str host, struct arena *a, int64_t deadline_ms,
                                struct dns_addresses *out, struct err *e);

/* The name an address says it has (first PTR), empty when none. Yields. */
YIELDS bool dns_query_ptr(struct dns *d, const struct net_address *address, struct arena *a,
                          int64_t deadline_ms, str *name, struct err *e);

/* Pure: reads a domain name at octet `at` of RDATA without compression; false when malformed. */
bool dns_parse_name(str rdata, size_t at, struct buf *out, size_t *end);
/* Pure: one TXT record's character strings joined without anything between (RFC 7208 section 3.3).
 * Empty when malformed; in arena. */
str dns_join_txt(struct arena *a, str rdata);
/* Pure: a domain as UTF-8 or A-labels to lower-case A-labels (IDNA 2008, UTS 46). ERR_SYNTAX. */
bool dns_domain_to_ascii(struct arena *a, str domain, str *out, struct err *e);

#endif
