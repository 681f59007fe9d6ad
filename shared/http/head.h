/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request, looked at before libh2o's parser is believed: that one takes two lengths,
 * folded lines, bare line feeds and no Host, and what two servers understand differently is how
 * requests are smuggled (ATTACKS A7). Pure parsers. Private to http. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/base.h"
#include "net/address.h"

enum {
    HEAD_MAX = 16 * 1024, /* octets of request line and fields */
    HEAD_FIELDS_MAX = 100,
    HEAD_TARGET_MAX = 8 * 1024 /* octets of path and query */
};

struct head {
    size_t n;        /* octets, with the empty line */
    unsigned fault;  /* status to refuse it with, or 0 */
    const char *why; /* a sentence for the client; static */
    bool has_body;   /* a length or transfer coding was given */
};

/* Looks at the start of a stream. False when the head is not complete yet and has no fault so far.
 * 400: not exactly as RFC 9112 says, two Content-Length or Host fields, Content-Length beside
 * Transfer-Encoding, a transfer coding that is not chunked, no Host. 414, 431: longer than the
 * limits. 505: neither HTTP/1.1 nor 1.0. */
bool head_check(str input, struct head *out);

/* Whether it is a host name or address with an optional port, in the letters those have. */
bool head_is_host(str host);

/* A host as in a Host field without its port and without the brackets of an IPv6 address. */
str head_host_name(str host);

/* Appends https://host[:port]path[?query] for a redirect; without the port of `host` and without
 * 443. False when `host` is none, or `out` is full. */
bool head_https_location(struct buf *out, str host, str path, str query, unsigned port);

/* Who a request comes from by an X-Forwarded-For field: the rightmost address that is not trusted;
 * *peer stays as it is when there is none. Reading ends at the first thing that is no address. */
void head_forwarded_for(str field, const struct net_networks *trusted, struct net_address *peer);

#endif
