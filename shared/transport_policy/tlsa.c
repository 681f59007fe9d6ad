/* SPDX-License-Identifier: Apache-2.0 */
/* TLSA records. */
#include "transport_policy/tlsa.h"

#include "base/hex.h"

enum {
    HEAD = 3,             /* usage, selector, matching type */
    DATA_MAX = 16 * 1024, /* octets of a whole certificate or key */
};

/* Octets of the data by matching type; 0: any. */
static const size_t data_sizes[] = { 0, 32, 64 };

bool tlsa_parse(str rdata, struct tls_dane_record *out)
{
    if (rdata.n <= HEAD || rdata.n - HEAD > DATA_MAX)
        return false;
    unsigned usage = (unsigned char)rdata.p[0];
    *out = (struct tls_dane_record){ .usage = usage,
                                     .selector = (unsigned char)rdata.p[1],
                                     .matching = (unsigned char)rdata.p[2],
                                     .data = str_skip(rdata, HEAD) };
    if ((usage != TLSA_TRUST_ANCHOR && usage != TLSA_END_ENTITY) || out->selector > 1 ||
        out->matching >= COUNT_OF(data_sizes))
        return false;
    size_t wanted = data_sizes[out->matching];
    return wanted == 0 || out->data.n == wanted;
}

enum tlsa_demand tlsa_select(const str *rdata, size_t n_rdata, struct tls_dane_record out[TLSA_MAX],
                             size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < n_rdata && *n < TLSA_MAX; i++)
        *n += tlsa_parse(rdata[i], &out[*n]);
    if (*n)
        return TLSA_AUTHENTICATE;
    return n_rdata ? TLSA_ENCRYPT : TLSA_NOTHING;
}

bool tlsa_format(str host, unsigned port, const uint8_t key_sha256[32], struct buf *out)
{
    size_t before = out->n;
    bool ok = buf_addf(out, "_%u._tcp.%.*s. IN TLSA 3 1 1 ", port, STR_FMT(host)) &&
              hex_encode(str_of((const char *)key_sha256, 32), out);
    if (!ok)
        buf_truncate(out, before);
    return ok;
}
