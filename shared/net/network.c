/* SPDX-License-Identifier: Apache-2.0 */
/* Networks in CIDR notation, and the ones that are no part of the public internet. All is compared
 * as 16 octets, IPv4 as v4-mapped, so that both ways to write an IPv4 address match. */
#include "net/address.h"

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* The 16 octets of an address; false for a unix socket. */
static bool to_ip16(const struct net_address *a, uint8_t out[16])
{
    uint8_t octets[16];
    size_t n = net_address_octets(a, octets);
    if (n == 4) {
        memcpy(out, mapped_prefix, 12);
        memcpy(out + 12, octets, 4);
    } else {
        memcpy(out, octets, 16);
    }
    return n != 0;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

bool net_network_parse(str text, struct net_network *out, struct err *e)
{
    str ip;
    str bits_text;
    struct net_address address;
    bool has_bits = str_cut(text, '/', &ip, &bits_text);
    if (!net_address_parse_ip(ip, &address, e))
        return false;
    bool is_v4 = address.sa.ss_family == AF_INET;
    uint64_t bits = is_v4 ? 32 : 128;
    if (has_bits && !str_to_uint(bits_text, bits, &bits))
        return ERR(e, ERR_SYNTAX, "no number of bits: %.*s", STR_FMT(str_slice(text, 0, 64)));
    (void)to_ip16(&address, out->ip);
    if (is_v4) {
        bits += 96;
    } else if (address.sa.ss_family == AF_INET6 && net_address_is_ipv4(&address) && bits < 96) {
        return ERR(e, ERR_SYNTAX, "write this network as IPv4: %.*s", STR_FMT(ip));
    }
    out->bits = (unsigned)bits;
    for (unsigned i = out->bits; i < 128; i++) {
        bool is_set = out->ip[i / 8] & (0x80U >> i % 8);
        if (is_set)
            return ERR(e, ERR_SYNTAX, "bits are set below the mask: %.*s", STR_FMT(ip));
    }
    return true;
}

static bool contains(const struct net_network *networks, size_t n, const struct net_address *a)
{
    uint8_t ip[16];
    if (!to_ip16(a, ip))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (same_prefix(ip, networks[i].ip, networks[i].bits))
            return true;
    }
    return false;
}

bool net_networks_contain(const struct net_networks *networks, const struct net_address *a)
{
    return networks && contains(networks->list, networks->n, a);
}

#define V4(a, b, c, d, bits)                                                          \
    {                                                                                 \
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a), (b), (c), (d) }, 96 + (bits) \
    }

/* The registries of special-purpose addresses (RFC 6890 and later), without those that are
 * globally reachable. */
static const struct net_network special[] = {
    V4(0, 0, 0, 0, 8),                  /* this network */
    V4(10, 0, 0, 0, 8),                 /* private */
    V4(100, 64, 0, 0, 10),              /* shared by carriers */
    V4(127, 0, 0, 0, 8),                /* loopback */
    V4(169, 254, 0, 0, 16),             /* link-local */
    V4(172, 16, 0, 0, 12),              /* private */
    V4(192, 0, 0, 0, 24),               /* IETF protocols */
    V4(192, 0, 2, 0, 24),               /* documentation */
    V4(192, 88, 99, 0, 24),             /* 6to4 relays, deprecated */
    V4(192, 168, 0, 0, 16),             /* private */
    V4(198, 18, 0, 0, 15),              /* benchmarks */
    V4(198, 51, 100, 0, 24),            /* documentation */
    V4(203, 0, 113, 0, 24),             /* documentation */
    V4(224, 0, 0, 0, 4),                /* multicast */
    V4(240, 0, 0, 0, 4),                /* reserved, broadcast */
    { { 0 }, 96 },                      /* unspecified, loopback, v4-compatible */
    { { 0x00, 0x64, 0xff, 0x9b }, 32 }, /* NAT64: leads to any IPv4 address */
    { { 0x01, 0x00 }, 64 },             /* discard */
    { { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* IETF protocols, Teredo */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x20, 0x02 }, 16 },             /* 6to4: leads to any IPv4 address */
    { { 0x3f, 0xff }, 20 },             /* documentation */
    { { 0x5f, 0x00 }, 16 },             /* segment routing */
    { { 0xfc, 0x00 }, 7 },              /* unique local */
    { { 0xfe, 0x80 }, 10 },             /* link-local */
    { { 0xfe, 0xc0 }, 10 },             /* site-local, deprecated */
    { { 0xff, 0x00 }, 8 },              /* multicast */
};

static const struct net_network loopback[] = {
    V4(127, 0, 0, 0, 8),
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128 },
};

bool net_address_is_special(const struct net_address *a)
{
    return a->sa.ss_family == AF_UNIX || contains(special, COUNT_OF(special), a);
}

bool net_address_is_loopback(const struct net_address *a)
{
    return a->sa.ss_family == AF_UNIX || contains(loopback, COUNT_OF(loopback), a);
}
