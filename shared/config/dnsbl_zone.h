/* SPDX-License-Identifier: Apache-2.0 */
/* How a list of the DNS is written in the file: "zone=answers*weight", as in Postfix. Pure. */
#ifndef CONFIG_DNSBL_ZONE_H
#define CONFIG_DNSBL_ZONE_H

#include "base/base.h"

enum {
    CONFIG_DNSBL_WEIGHT_MAX = 1000,
    CONFIG_DNSBL_ZONE_MAX = 180 /* octets: the reversed address of a client stands before it */
};

struct config_dnsbl_zone {
    str zone;              /* borrowed from the text */
    uint64_t octets[4][4]; /* bits: which values of each octet of an answer count */
    int64_t weight;        /* below 0 it speaks for a client; never 0 */
};

/* Reads "dnsbl.example", "dnsbl.example*2", "dnsbl.example=127.0.0.[2..11;20]*3",
 * "list.example=127.0.[0..255].3*-2". An octet of the answers is a number or a list of numbers and
 * ranges in brackets; without answers all of 127.0.0.0/8 count but 127.0.0.1, which RFC 5782
 * section 2.1 keeps free, and 127.255.255.0/24, by which lists tell of errors. ERR_SYNTAX. */
bool config_dnsbl_zone_parse(str text, struct config_dnsbl_zone *out, struct err *e);

/* Whether an answer counts. */
bool config_dnsbl_zone_counts(const struct config_dnsbl_zone *zone, const uint8_t answer[4]);

#endif
