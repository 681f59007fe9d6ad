/* SPDX-License-Identifier: Apache-2.0 */
/* Parses PROXY protocol headers (haproxy's proxy-protocol.txt). TLVs of version 2 are skipped. */
#include "net/proxy.h"

enum {
    V1_MAX = 107,
    V2_FIXED = 16, /* signature, version and command, family, length */
    V2_IPV4 = 12,
    V2_IPV6 = 36
};

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* The next word of a version 1 line; they are separated by exactly one space. */
static bool next_word(str *line, str *word)
{
    str rest;
    (void)str_cut(*line, ' ', word, &rest);
    *line = rest;
    return word->n > 0;
}

static bool parse_v1_address(str ip, str port_text, sa_family_t family, struct net_address *out)
{
    uint64_t port;
    bool has_leading_zero = port_text.n > 1 && port_text.p[0] == '0';
    if (!net_address_parse_ip(ip, out, NULL) || out->sa.ss_family != family)
        return false;
    if (has_leading_zero || !str_to_uint(port_text, 65535, &port))
        return false;
    net_address_set_port(out, (uint16_t)port);
    return true;
}

static bool parse_v1_line(str line, struct net_proxy *out)
{
    str word;
    if (!next_word(&line, &word) || !str_eq(word, STR("PROXY")) || !next_word(&line, &word))
        return false;
    if (str_eq(word, STR("UNKNOWN")))
        return true;
    bool is_v4 = str_eq(word, STR("TCP4"));
    if (!is_v4 && !str_eq(word, STR("TCP6")))
        return false;
    sa_family_t family = is_v4 ? AF_INET : AF_INET6;
    str source;
    str destination;
    str source_port;
    if (!next_word(&line, &source) || !next_word(&line, &destination) ||
        !next_word(&line, &source_port))
        return false;
    out->has_addresses = parse_v1_address(source, source_port, family, &out->peer) &&
                         parse_v1_address(destination, line, family, &out->local);
    return out->has_addresses;
}

static enum net_proxy_result parse_v1(str input, struct net_proxy *out, size_t *used)
{
    str line = str_slice(input, 0, V1_MAX);
    ptrdiff_t end = str_find(line, STR("\r\n"));
    if (end < 0)
        return line.n < V1_MAX ? NET_PROXY_MORE : NET_PROXY_BAD;
    *used = (size_t)end + 2;
    return parse_v1_line(str_slice(line, 0, (size_t)end), out) ? NET_PROXY_DONE : NET_PROXY_BAD;
}

static uint16_t read_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* `p` points to the addresses, of which `n` octets are there. */
static bool parse_v2_addresses(const uint8_t *p, size_t n, unsigned family, struct net_proxy *out)
{
    size_t octets = family == 0x11 ? 4 : 16;
    if (n < (family == 0x11 ? (size_t)V2_IPV4 : (size_t)V2_IPV6))
        return false;
    out->has_addresses = true;
    return net_address_from_ip(p, octets, read_u16(p + 2 * octets), &out->peer) &&
           net_address_from_ip(p + octets, octets, read_u16(p + 2 * octets + 2), &out->local);
}

static enum net_proxy_result parse_v2(str input, struct net_proxy *out, size_t *used)
{
    const uint8_t *p = (const uint8_t *)input.p;
    if (input.n < V2_FIXED)
        return NET_PROXY_MORE;
    size_t n = read_u16(p + 14);
    unsigned command = p[12] & 0x0f;
    unsigned family = p[13];
    if (p[12] >> 4 != 2 || command > 1 || V2_FIXED + n > NET_PROXY_MAX)
        return NET_PROXY_BAD;
    if (input.n < V2_FIXED + n)
        return NET_PROXY_MORE;
    *used = V2_FIXED + n;
    bool is_tcp = family == 0x11 || family == 0x21;
    if (command == 0 || !is_tcp)
        return NET_PROXY_DONE; /* LOCAL, or a family to be ignored: keep the socket's addresses */
    return parse_v2_addresses(p + V2_FIXED, n, family, out) ? NET_PROXY_DONE : NET_PROXY_BAD;
}

enum net_proxy_result net_proxy_parse(str input, struct net_proxy *out, size_t *used)
{
    memset(out, 0, sizeof(*out));
    *used = 0;
    str signature = str_of(v2_signature, sizeof(v2_signature));
    if (str_has_prefix(input, signature))
        return parse_v2(input, out, used);
    if (str_has_prefix(input, STR("PROXY ")))
        return parse_v1(input, out, used);
    bool may_become_one = str_has_prefix(signature, input) || str_has_prefix(STR("PROXY "), input);
    return may_become_one ? NET_PROXY_MORE : NET_PROXY_BAD;
}
