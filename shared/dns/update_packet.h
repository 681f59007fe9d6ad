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

/* All TXT records of a name, as a server has them. */
struct dns_update_texts;

enum dns_update_kind {
    DNS_UPDATE_KIND_NONE, /* none has the first word of the value */
    DNS_UPDATE_KIND_SAME, /* one, and it is the value */
    DNS_UPDATE_KIND_OTHER /* another one, or several */
};

/* A signed message: to add the record (under the condition), or to remove it. ERR_SYNTAX: there is
 * no such record; ERR_UNSUPPORTED: the key cannot be used. Gives. */
struct dns_update_packet *dns_update_packet_new(const struct dns_update_zone *zone,
                                                const struct dns_update_record *record,
                                                bool is_removal,
                                                enum dns_update_condition condition, struct err *e);
/* To add a text where just those texts are that somebody saw there. */
struct dns_update_packet *dns_update_packet_among(const struct dns_update_zone *zone,
                                                  const struct dns_update_record *record,
                                                  const struct dns_update_texts *texts,
                                                  struct err *e);
/* Its octets, as long as it lives. */
str dns_update_packet_wire(const struct dns_update_packet *p);
/* What the server says: *holds is false when the condition did not hold. Errors as dns_update; an
 * answer without the key's signature is none. */
bool dns_update_packet_answer(const struct dns_update_packet *p, str wire, bool *holds,
                              struct err *e);
/* Harmless for NULL; nulls. */
void dns_update_packet_free(struct dns_update_packet **p);

/* A question for the texts of a name, with this id. Nobody signs it: what a forged answer hides or
 * adds, the condition of the change does not hold for. Appended to `out`; ERR_SYNTAX. */
bool dns_update_texts_ask(str name, uint16_t id, struct buf *out, struct err *e);
/* Its answer; of no such name they are none. ERR_DENIED, ERR_UNAVAILABLE. Gives. */
struct dns_update_texts *dns_update_texts_read(str name, uint16_t id, str wire, struct err *e);
/* What there is of the kind of the value: its first word, in whatever case (RFC 7208 section 4.5).
 */
enum dns_update_kind dns_update_texts_find(const struct dns_update_texts *texts, str value);
/* Harmless for NULL; nulls. */
void dns_update_texts_free(struct dns_update_texts **texts);

#endif
