/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses and networks as values: parsing, formatting, matching. No I/O. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/base.h"

#include <sys/socket.h>

struct net_address {
    struct sockaddr_storage sa; /* AF_INET, AF_INET6 or AF_UNIX */
    socklen_t len;
};

enum {
    NET_ADDRESS_TEXT = 128
}; /* bytes that any formatted address fits in, with the NUL */

/* Reads "192.0.2.1:25", "[2001:db8::1]:25", "*:25" (IPv6 any, also IPv4), "unix:/path". Numeric
 * only. ERR_SYNTAX. */
bool net_address_parse(str text, struct net_address *out, struct err *e);
/* An IP of 4 or 16 network-order octets with a port. */
bool net_address_from_ip(const void *ip, size_t n, uint16_t port, struct net_address *out);
/* A numeric IP without port. ERR_SYNTAX. */
bool net_address_parse_ip(str text, struct net_address *out, struct err *e);

/* "192.0.2.1" / "192.0.2.1:25" (IPv6 in brackets with a port; a v4-mapped address as IPv4). The
 * text is static for a call chain: written to `out`, returned as a str over it. */
str net_address_ip(const struct net_address *a, char out[NET_ADDRESS_TEXT]);
str net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT]);
uint16_t net_address_port(const struct net_address *a);
void net_address_set_port(struct net_address *a, uint16_t port);
/* The 4 or 16 octets of the IP (v4-mapped as 4); 0 for a unix socket. */
size_t net_address_octets(const struct net_address *a, uint8_t out[16]);
/* The same IP, at whatever ports (v4-mapped is v4); never for unix sockets. */
bool net_address_is_same_ip(const struct net_address *a, const struct net_address *b);
bool net_address_is_ipv4(const struct net_address *a); /* also v4-mapped */
/* Loopback, private, link-local, CGNAT, multicast, unspecified, documentation: not on the public
 * internet (ATTACKS O5, R34). */
bool net_address_is_special(const struct net_address *a);
bool net_address_is_loopback(const struct net_address *a);
/* The key that limits count by: IPv4 /32, /24, /16 or IPv6 /64, /48, /32 for level 0, 1, 2, as
 * text like "192.0.2.0/24". */
str net_address_group(const struct net_address *a, unsigned level, char out[NET_ADDRESS_TEXT]);

struct net_network {
    uint8_t ip[16]; /* IPv4 as v4-mapped */
    unsigned bits;  /* 0-128 */
};

struct net_networks {
    struct net_network *list;
    size_t n;
};

/* "10.0.0.0/8", "::1", "192.0.2.1". ERR_SYNTAX, also when bits below the mask are set. */
bool net_network_parse(str text, struct net_network *out, struct err *e);
bool net_networks_contain(const struct net_networks *networks, const struct net_address *a);

#endif
