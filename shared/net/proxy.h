/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY protocol header, versions 1 and 2, by which a load balancer tells whom it speaks for.
 * A pure parser; whom to believe is the listener's business. */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "net/address.h"

enum {
    NET_PROXY_MAX = 1024 /* octets of a header we read; v1 has at most 107, v2 232 without TLVs */
};

struct net_proxy {
    bool has_addresses; /* false: health check of the balancer, or a family we have no use for */
    struct net_address peer;
    struct net_address local;
};

enum net_proxy_result {
    NET_PROXY_MORE, /* good so far; come again with more octets */
    NET_PROXY_DONE,
    NET_PROXY_BAD
};

/* Reads a header at the start of `input`. DONE fills *out, and *used with its length in octets. */
enum net_proxy_result net_proxy_parse(str input, struct net_proxy *out, size_t *used);

#endif
