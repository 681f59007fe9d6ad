/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the PROXY header parser; a header must read the same whole and in front of other octets.
 */
#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct net_proxy out;
    struct net_proxy again;
    size_t used;
    size_t used_again;
    str input = str_of((const char *)data, n);
    if (net_proxy_parse(input, &out, &used) != NET_PROXY_DONE)
        return 0;
    INVARIANT(used > 0 && used <= n && used <= NET_PROXY_MAX);
    INVARIANT(net_proxy_parse(str_slice(input, 0, used), &again, &used_again) == NET_PROXY_DONE);
    INVARIANT(used == used_again && out.has_addresses == again.has_addresses);
    INVARIANT(net_proxy_parse(str_slice(input, 0, used - 1), &again, &used_again) ==
              NET_PROXY_MORE);
    return 0;
}
