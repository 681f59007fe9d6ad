/* SPDX-License-Identifier: Apache-2.0 */
/* Rules for domain names as text. Private to dns. */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include "base/base.h"

enum {
    DNS_NAME_MAX = 253 /* octets of a name as text, without the final dot */
};

/* A name that may be asked for: labels of 1 to 63 octets, at most 253 in all, with or without the
 * final dot, no escapes. Pure. */
bool dns_name_is_valid(str name);

#endif
