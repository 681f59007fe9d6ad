/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses as text and back, and what kind of place they name. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Views of the storage: a sockaddr_storage may be read as the kind that its family tells. */
static const struct sockaddr_in *as_in(const struct net_address *a)
{
    return (const struct sockaddr_in *)(const void *)&a->sa;
}

static const struct sockaddr_in6 *as_in6(const struct net_address *a)
{
    return (const struct sockaddr_in6 *)(const void *)&a->sa;
}

bool net_address_from_ip(const void *ip, size_t n, uint16_t port, struct net_address *out)
{
    memset(out, 0, sizeof(*out));
    if (n == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)&out->sa;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, ip, 4);
        out->len = sizeof(*in);
        return true;
    }
    if (n == 16) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&out->sa;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, ip, 16);
        out->len = sizeof(*in6);
        return true;
    }
    return false;
}

/* A numeric IP as its 4 or 16 octets; 0 when it is none. */
static size_t parse_octets(str text, uint8_t out[16])
{
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
        return 0;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET, copy, out) == 1)
        return 4;
    return inet_pton(AF_INET6, copy, out) == 1 ? 16 : 0;
}

bool net_address_parse_ip(str text, struct net_address *out, struct err *e)
{
    uint8_t octets[16];
    size_t n = parse_octets(text, octets);
    if (n == 0)
        return ERR(e, ERR_SYNTAX, "no IP address: %.*s", STR_FMT(str_slice(text, 0, 64)));
    return net_address_from_ip(octets, n, 0, out);
}

static bool parse_unix(str path, struct net_address *out, struct err *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&out->sa;
    size_t max = sizeof(un->sun_path) - 1;
    if (path.n == 0 || path.n > max || memchr(path.p, '\0', path.n))
        return ERR(e, ERR_SYNTAX, "the path of a unix socket has 1 to %zu bytes", max);
    memset(out, 0, sizeof(*out));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.n);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
    return true;
}

bool net_address_parse(str text, struct net_address *out, struct err *e)
{
    static const uint8_t any[16];
    if (str_has_prefix(text, STR("unix:")))
        return parse_unix(str_skip(text, 5), out, e);
    ptrdiff_t colon = str_rfind_byte(text, ':');
    uint64_t port;
    if (colon < 0 || !str_to_uint(str_skip(text, (size_t)colon + 1), 65535, &port))
        return ERR(e, ERR_SYNTAX, "no address with a port: %.*s", STR_FMT(str_slice(text, 0, 64)));
    str host = str_slice(text, 0, (size_t)colon);
    if (str_eq(host, STR("*")))
        return net_address_from_ip(any, sizeof(any), (uint16_t)port, out);
    bool is_bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    uint8_t octets[16];
    size_t n = parse_octets(is_bracketed ? str_slice(host, 1, host.n - 2) : host, octets);
    if (n == 0 || is_bracketed != (n == 16))
        return ERR(e, ERR_SYNTAX, "no IP address: %.*s", STR_FMT(str_slice(host, 0, 64)));
    return net_address_from_ip(octets, n, (uint16_t)port, out);
}

size_t net_address_octets(const struct net_address *a, uint8_t out[16])
{
    if (a->sa.ss_family == AF_INET) {
        memcpy(out, &as_in(a)->sin_addr, 4);
        return 4;
    }
    if (a->sa.ss_family != AF_INET6)
        return 0;
    const uint8_t *octets = as_in6(a)->sin6_addr.s6_addr;
    if (memcmp(octets, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        memcpy(out, octets + 12, 4);
        return 4;
    }
    memcpy(out, octets, 16);
    return 16;
}

bool net_address_is_same_ip(const struct net_address *a, const struct net_address *b)
{
    uint8_t of_a[16];
    uint8_t of_b[16];
    size_t n = net_address_octets(a, of_a);
    return n > 0 && n == net_address_octets(b, of_b) && memcmp(of_a, of_b, n) == 0;
}

bool net_address_is_ipv4(const struct net_address *a)
{
    uint8_t octets[16];
    return net_address_octets(a, octets) == 4;
}

uint16_t net_address_port(const struct net_address *a)
{
    if (a->sa.ss_family == AF_INET)
        return ntohs(as_in(a)->sin_port);
    return a->sa.ss_family == AF_INET6 ? ntohs(as_in6(a)->sin6_port) : 0;
}

void net_address_set_port(struct net_address *a, uint16_t port)
{
    if (a->sa.ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)&a->sa)->sin_port = htons(port);
    if (a->sa.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&a->sa)->sin6_port = htons(port);
}

static str format_octets(const uint8_t *octets, size_t n, char out[NET_ADDRESS_TEXT])
{
    if (!inet_ntop(n == 4 ? AF_INET : AF_INET6, octets, out, NET_ADDRESS_TEXT))
        out[0] = '\0';
    return str_from_cstr(out);
}

static str format_unix(const struct net_address *a, char out[NET_ADDRESS_TEXT])
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&a->sa;
    size_t known = a->len > offsetof(struct sockaddr_un, sun_path)
                       ? a->len - offsetof(struct sockaddr_un, sun_path)
                       : 0;
    (void)snprintf(out, NET_ADDRESS_TEXT, "unix:%.*s", (int)strnlen(un->sun_path, known),
                   un->sun_path);
    return str_from_cstr(out);
}

str net_address_ip(const struct net_address *a, char out[NET_ADDRESS_TEXT])
{
    uint8_t octets[16];
    size_t n = net_address_octets(a, octets);
    return n ? format_octets(octets, n, out) : format_unix(a, out);
}

str net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT])
{
    uint8_t octets[16];
    size_t n = net_address_octets(a, octets);
    if (n == 0)
        return format_unix(a, out);
    char ip[NET_ADDRESS_TEXT];
    (void)format_octets(octets, n, ip);
    (void)snprintf(out, NET_ADDRESS_TEXT, n == 4 ? "%s:%u" : "[%s]:%u", ip, net_address_port(a));
    return str_from_cstr(out);
}

str net_address_group(const struct net_address *a, unsigned level, char out[NET_ADDRESS_TEXT])
{
    static const unsigned bits_v4[] = { 32, 24, 16 };
    static const unsigned bits_v6[] = { 64, 48, 32 };
    uint8_t octets[16];
    size_t n = net_address_octets(a, octets);
    if (n == 0)
        return format_unix(a, out);
    INVARIANT(level < COUNT_OF(bits_v4));
    unsigned bits = n == 4 ? bits_v4[level] : bits_v6[level];
    memset(octets + bits / 8, 0, n - bits / 8);
    char ip[NET_ADDRESS_TEXT];
    (void)format_octets(octets, n, ip);
    (void)snprintf(out, NET_ADDRESS_TEXT, "%s/%u", ip, bits);
    return str_from_cstr(out);
}
