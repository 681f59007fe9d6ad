/* SPDX-License-Identifier: Apache-2.0 */
/* Names in RDATA of servers nobody trusts, and domains of addresses: what is accepted keeps within
 * the limits of names and holds no octet that could be taken for something else. */
#include "dns/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(str name)
{
    INVARIANT(name.n <= 253);
    for (size_t i = 0; i < name.n; i++)
        INVARIANT(name.p[i] > ' ' && name.p[i] < 0x7f && name.p[i] != '\\');
    INVARIANT(str_find(name, STR("..")) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf out;
    struct arena a;
    str input = str_of((const char *)data, n);
    size_t end;
    str ascii;
    buf_init(&out, 1024);
    arena_init(&a);
    for (size_t at = 0; at < 3; at++) {
        buf_clear(&out);
        if (dns_parse_name(input, at, &out, &end)) {
            INVARIANT(end > at && end <= n);
            check_text(buf_str(&out));
        } else {
            INVARIANT(out.n == 0);
        }
    }
    if (dns_domain_to_ascii(&a, input, &ascii, NULL)) {
        str again;
        check_text(ascii);
        INVARIANT(dns_domain_to_ascii(&a, ascii, &again, NULL) && str_eq(ascii, again));
    }
    arena_fini(&a);
    buf_fini(&out);
    return 0;
}
