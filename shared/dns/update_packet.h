/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of RFC 2136 and their signatures (RFC 8945) as bytes, by libldns. No I/O. Private to
 * dns. */
#ifndef DNS_UPDATE_PACKET_H
#define DNS_UPDATE_PACKET_H

#include "dns/update.h"

/* What has to hold before the server acts (RFC 2136 section 2.4). */
enum dns_update_condition {
    DNS_UPDATE_ALWAYS,
    DNS_UPDATE_IF_NONE, /* no record of the type at the name; CNAME: the name is not in use */
    DNS_UPDATE_IF_SAME  /* just this record is there; asks only, nothing is changed */
};

struct dns_update_packet;

/* A signed message: to add the record (under the condition), or to remove it. ERR_SYNTAX: there is
 * no such record; ERR_UNSUPPORTED: the key cannot be used. Gives. */
struct dns_update_packet *dns_update_packet_new(const struct dns_update_zone *zone,
                                                const struct dns_update_record *record,
                                                bool is_removal,
                                                enum dns_update_condition condition, struct err *e);
/* Its octets, as long as it lives. */
str dns_update_packet_wire(const struct dns_update_packet *p);
/* What the server says: *holds is false when the condition did not hold. Errors as dns_update; an
 * answer without the key's signature is none. */
bool dns_update_packet_answer(const struct dns_update_packet *p, str wire, bool *holds,
                              struct err *e);
/* Harmless for NULL; nulls. */
void dns_update_packet_free(struct dns_update_packet **p);

#endif
