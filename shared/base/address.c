/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of an address. */
#include "base/address.h"

bool address_split(str address, str *local, str *domain)
{
    ptrdiff_t at = str_rfind_byte(address, '@');
    *local = at < 0 ? address : str_slice(address, 0, (size_t)at);
    *domain = at < 0 ? STR_EMPTY : str_skip(address, (size_t)at + 1);
    return at >= 0;
}

str address_local(str address)
{
    str local;
    str domain;
    (void)address_split(address, &local, &domain);
    return local;
}

str address_domain(str address)
{
    str local;
    str domain;
    (void)address_split(address, &local, &domain);
    return domain;
}

str address_domain_or_all(str text)
{
    str local;
    str domain;
    return address_split(text, &local, &domain) ? domain : text;
}
