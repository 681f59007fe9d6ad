/* SPDX-License-Identifier: Apache-2.0 */
/* One question and one answer over TCP. */
#include "dns/update.h"

#include "base/clock.h"
#include "dns/update_packet.h"
#include "net/net.h"

enum {
    LENGTH = 2 /* octets before a message (RFC 1035 section 4.2.2) */
};

YIELDS static bool exchange(struct net_conn *c, str question, struct buf *answer,
                            int64_t deadline_ms, struct err *e)
{
    uint8_t head[LENGTH] = { (uint8_t)(question.n >> 8), (uint8_t)question.n };
    if (question.n > UINT16_MAX)
        return ERR(e, ERR_LIMIT, "the update is too long");
    if (!net_write(c, str_of((const char *)head, LENGTH), e) || !net_write(c, question, e) ||
        !net_flush(c, e) || !net_read_exactly(c, head, LENGTH, deadline_ms, e))
        return false;
    size_t n = (size_t)head[0] << 8 | head[1];
    if (!net_read_exactly(c, buf_reserve(answer, n), n, deadline_ms, e))
        return false;
    buf_commit(answer, n);
    return true;
}

/* One change, or one question. */
struct change {
    struct runtime *rt;
    const struct dns_update_zone *zone;
    const struct dns_update_record *record;
    int64_t deadline_ms;
    bool is_removal;
};

YIELDS static bool ask(const struct change *change, enum dns_update_condition condition,
                       bool *holds, struct err *e)
{
    struct net_conn *c = NULL;
    struct buf answer;
    struct dns_update_packet *packet =
        dns_update_packet_new(change->zone, change->record, change->is_removal, condition, e);
    if (!packet)
        return false;
    buf_init(&answer, UINT16_MAX);
    bool ok = net_connect(change->rt, &change->zone->server, NULL, change->deadline_ms, &c, e) &&
              exchange(c, dns_update_packet_wire(packet), &answer, change->deadline_ms, e) &&
              dns_update_packet_answer(packet, buf_str(&answer), holds, e);
    net_close(&c);
    buf_fini(&answer);
    dns_update_packet_free(&packet);
    return ok;
}

bool dns_update(struct runtime *rt, const struct dns_update_zone *zone, enum dns_update_act act,
                const struct dns_update_record *record, int64_t deadline_ms,
                enum dns_update_outcome *out, struct err *e)
{
    char text[NET_ADDRESS_TEXT];
    bool is_first = act == DNS_UPDATE_ADD_FIRST;
    bool holds = true;
    struct change change = { .rt = rt,
                             .zone = zone,
                             .record = record,
                             .deadline_ms = clock_deadline_in(DNS_UPDATE_ANSWER_MS),
                             .is_removal = act == DNS_UPDATE_REMOVE };
    if (change.deadline_ms > deadline_ms)
        change.deadline_ms = deadline_ms;
    *out = DNS_UPDATE_DONE;
    bool ok = ask(&change, is_first ? DNS_UPDATE_IF_NONE : DNS_UPDATE_ALWAYS, &holds, e);
    if (ok && !holds) {
        ok = ask(&change, DNS_UPDATE_IF_SAME, &holds, e);
        *out = holds ? DNS_UPDATE_WAS_THERE : DNS_UPDATE_IS_TAKEN;
    }
    return ok || err_wrap(e, "the server %.*s of the zone %.*s",
                          STR_FMT(net_address_text(&zone->server, text)), STR_FMT(zone->name));
}
